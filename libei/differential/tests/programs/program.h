/* What the programs have in common: sockets through callbacks, a node, and how they say what happened. */
#ifndef PROGRAM_H
#define PROGRAM_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include "ei.h"

ei_cnode *ei_fd_to_cnode(int fd);
int ei_distversion(int fd);
const char *ei_getfdcookie(int fd);

/* ---- Sockets through callbacks ---- */

struct context { int fd; };
static int full, bytewise, header = 2, interrupted, lies, refuses;
static _Atomic int hooks_called, open_sockets;
static _Atomic int calls, failing_call;

/* Whether this call is the one that fails. */
static inline int fails(void) { return ++calls == failing_call; }

/* Every second call is interrupted, or has come too early. */
static inline int interrupts(void)
{
    static _Atomic int turn;
    return interrupted && turn++ % 2 == 0;
}

/* Waits as the library says, if that is left to the callbacks. */
static inline int ready(int fd, short event, unsigned tmo)
{
    struct pollfd polled = { fd, event, 0 };
    if (!full) return 0;
    int count = poll(&polled, 1, tmo == EI_SCLBK_INF_TMO ? -1 : (int)tmo);
    return count > 0 ? 0 : count == 0 ? ETIMEDOUT : errno;
}
static inline int fd_of(void *ctx) { return ((struct context *)ctx)->fd; }
static inline void *make(int fd)
{
    struct context *made = malloc(sizeof *made);
    made->fd = fd;
    open_sockets++;
    return made;
}

static inline int cb_socket(void **ctx, void *setup)
{
    if (strcmp(setup, "setup")) return EINVAL;
    if (fails()) return EPROTO;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0) return errno;
    *ctx = make(fd);
    return 0;
}
static inline int cb_close(void *ctx)
{
    int result = close(fd_of(ctx));
    free(ctx);
    open_sockets--;
    return fails() ? EPROTO : result ? errno : 0;
}
static inline int cb_listen(void *ctx, void *addr, int *len, int backlog)
{
    socklen_t length = *len;
    if (fails()) return EPROTO;
    if (bind(fd_of(ctx), addr, length) || getsockname(fd_of(ctx), addr, &length)) return errno;
    *len = length;
    return listen(fd_of(ctx), backlog) ? errno : 0;
}
static inline int cb_accept(void **ctx, void *addr, int *len, unsigned tmo)
{
    socklen_t length = *len;
    int error;
    if (fails()) return EPROTO;
    if (interrupts()) return interrupted;
    if ((error = ready(fd_of(*ctx), POLLIN, tmo))) return error;
    int fd = accept(fd_of(*ctx), addr, &length);
    if (fd < 0) return errno;
    *len = length;
    *ctx = make(fd);
    return 0;
}
static inline int cb_connect(void *ctx, void *addr, int len, unsigned tmo)
{
    int fd = fd_of(ctx), flags = fcntl(fd, F_GETFL), error = 0;
    socklen_t length = sizeof error;
    if (fails() || refuses) return EPROTO;
    if (!full) return connect(fd, addr, len) ? errno : 0;
    fcntl(fd, F_SETFL, flags | O_NONBLOCK);
    if (connect(fd, addr, len)) error = errno;
    if (error == EINPROGRESS && !(error = ready(fd, POLLOUT, tmo)))
        getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length);
    fcntl(fd, F_SETFL, flags);
    return error;
}
static inline int cb_writev(void *ctx, const void *iov, int count, ssize_t *len, unsigned tmo)
{
    int error;
    if (fails()) return EPROTO;
    if (interrupts()) return interrupted;
    if ((error = ready(fd_of(ctx), POLLOUT, tmo))) return error;
    struct msghdr message = { .msg_iov = (struct iovec *)iov, .msg_iovlen = count };
    return (*len = sendmsg(fd_of(ctx), &message, full ? MSG_DONTWAIT : 0)) < 0 ? errno : 0;
}
static inline int cb_write(void *ctx, const char *buf, ssize_t *len, unsigned tmo)
{
    int error;
    if (fails()) return EPROTO;
    if (interrupts()) return interrupted;
    if ((error = ready(fd_of(ctx), POLLOUT, tmo))) return error;
    if (lies) { *len = lies < 0 ? 0 : *len + lies; return 0; }
    return (*len = send(fd_of(ctx), buf, bytewise ? 1 : *len, full ? MSG_DONTWAIT : 0)) < 0 ? errno : 0;
}
static inline int cb_read(void *ctx, char *buf, ssize_t *len, unsigned tmo)
{
    int error;
    if (fails()) return EPROTO;
    if (interrupts()) return interrupted;
    if ((error = ready(fd_of(ctx), POLLIN, tmo))) return error;
    return (*len = read(fd_of(ctx), buf, bytewise ? 1 : *len)) < 0 ? errno : 0;
}
static inline int cb_header(void *ctx, int *size) { (void)ctx; *size = header; return fails() ? EPROTO : 0; }
static inline int cb_complete(void *ctx)
{
    /* The connection is known by now. */
    if (!ei_fd_to_cnode(fd_of(ctx))) return ENOENT;
    hooks_called++;
    return fails() ? EPROTO : 0;
}
static inline int cb_get_fd(void *ctx, int *fd) { *fd = fd_of(ctx); return fails() ? EPROTO : 0; }

static ei_socket_callbacks callbacks = {
    0, cb_socket, cb_close, cb_listen, cb_accept, cb_connect, cb_writev, cb_write, cb_read,
    cb_header, cb_complete, cb_complete, cb_get_fd
};

static int with_callbacks;

static inline void choose(const char *sockets)
{
    with_callbacks = strcmp(sockets, "tcp");
    if (!strcmp(sockets, "full")) { full = 1; callbacks.flags = EI_SCLBK_FLG_FULL_IMPL; }
    if (!strcmp(sockets, "single")) callbacks.writev = NULL;
    if (!strcmp(sockets, "bytes")) { callbacks.writev = NULL; bytewise = 1; }
    if (!strcmp(sockets, "four")) header = 4;
    if (!strcmp(sockets, "three")) header = 3;
    if (!strcmp(sockets, "interrupted")) interrupted = EINTR;
    if (!strcmp(sockets, "early")) interrupted = EAGAIN;
    if (!strcmp(sockets, "unhooked"))
        callbacks.connect_handshake_complete = callbacks.accept_handshake_complete = NULL;
}

/* ---- The node ---- */

static ei_cnode ec;

static inline void init(const char *alive, const char *cookie)
{
    char name[300];
    snprintf(name, sizeof name, "%s@127.0.0.1", alive ? alive : "");
    int result = with_callbacks
        ? ei_connect_xinit_ussi(&ec, "127.0.0.1", alive, alive ? name : NULL, NULL, cookie, 77, &callbacks,
                                sizeof callbacks, "setup")
        : ei_connect_xinit(&ec, "127.0.0.1", alive, alive ? name : NULL, NULL, cookie, 77);
    if (result) { puts("init failed"); exit(1); }
}

static inline const char *error_name(int error)
{
    switch (error) {
    case 0: return "0";
    case EBADF: return "EBADF";
    case EIO: return "EIO";
    case ECONNREFUSED: return "ECONNREFUSED";
    case EPROTO: return "EPROTO";
    case ETIMEDOUT: return "ETIMEDOUT";
    default: return strerror(error);
    }
}

/* What a call returned; descriptors are not the same every time. */
static inline int say(const char *call, int result)
{
    printf("%s: %s", call, result >= 0 ? "ok" : "");
    if (result < 0) printf("%d %s", result, error_name(erl_errno));
    putchar('\n');
    erl_errno = 0;
    return result;
}

static inline void await(void)
{
    if (getchar() == EOF) exit(1);
}

static inline int listening(void)
{
    int port = 0;
    struct in_addr ip = { htonl(INADDR_LOOPBACK) };
    int fd = ei_xlisten(&ec, &ip, &port, 5);
    printf("%d\n", fd < 0 ? fd : port);
    return fd;
}

#endif
