/* What the programs have in common: sockets through callbacks, a node, and how they say what happened. */
#ifndef PROGRAM_H
#define PROGRAM_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include "ei.h"

ei_cnode *ei_fd_to_cnode(int fd);
int ei_distversion(int fd);
const char *ei_getfdcookie(int fd);

/* ---- Sockets through callbacks ---- */

/* A socket as the library knows it. Those that were closed are kept, to see that nobody uses them. */
struct context { int fd; _Atomic int closed; struct context *next; };
static _Atomic(struct context *) contexts;
static int full, bytewise, header = 2, interrupted, refuses;
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

/* What a callback says that is not so. */
enum lie { TRUTH, MORE, MOST, NEGATIVE, NOTHING, NO_ERROR_NUMBER, INTERRUPTED, EARLY, SHORT };
static enum lie lie;
static char liar;        /* which callback: the first letter of its name */
static int lying_call;   /* which of its calls; all from there on, if `lies_on` */
static int lies_on;
static _Atomic int liars_calls;
static _Thread_local int honest;

static inline int lies(char callback)
{
    if (honest || callback != liar) return 0;
    int call = ++liars_calls;
    return call == lying_call || (lies_on && call > lying_call);
}

/* The whole answer of a callback that lies, or 0 if it goes on. */
static inline int lied(char callback, int *answer, ssize_t *len)
{
    *answer = 0;
    if (!lies(callback)) return 0;
    switch (lie) {
    case MORE: if (len) ++*len; return 1;
    case MOST: if (len) *len = (ssize_t)(~(size_t)0 >> 1); return 1;
    case NEGATIVE: if (len) *len = -1; return 1;
    case NOTHING: if (len) *len = 0; return 1;
    case NO_ERROR_NUMBER: *answer = -EPROTO; return 1;
    case INTERRUPTED: *answer = EINTR; return 1;
    case EARLY: *answer = EAGAIN; return 1;
    case SHORT: if (len) *len = 1; return 0;
    default: return 0;
    }
}

/* How callbacks are called: with which limit, on a descriptor that blocks or does not. */
enum { CONNECT, ACCEPT, READ, WRITE, USES };
static _Atomic int seen[USES][3][2];

static inline void see(int use, int fd, unsigned tmo)
{
    seen[use][tmo == EI_SCLBK_INF_TMO ? 2 : tmo > 0][!(fcntl(fd, F_GETFL) & O_NONBLOCK)] = 1;
}

/* Waits as the library says, if that is left to the callbacks. */
static inline int ready(int fd, short event, unsigned tmo)
{
    struct pollfd polled = { fd, event, 0 };
    if (!full) return 0;
    int count = poll(&polled, 1, tmo == EI_SCLBK_INF_TMO ? -1 : (int)tmo);
    return count > 0 ? 0 : count == 0 ? ETIMEDOUT : errno;
}
static inline int fd_of(void *ctx)
{
    struct context *context = ctx;
    if (context->closed) { puts("used after its end"); abort(); }
    return context->fd;
}
static inline void *make(int fd)
{
    struct context *made = malloc(sizeof *made);
    int yes = 1;
    /* A message may be written in two parts. */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    made->fd = fd;
    made->closed = 0;
    made->next = contexts;
    while (!atomic_compare_exchange_weak(&contexts, &made->next, made)) {}
    open_sockets++;
    return made;
}

static inline int cb_socket(void **ctx, void *setup)
{
    if (strcmp(setup, "setup")) return EINVAL;
    if (fails()) return EPROTO;
    int answer;
    if (lied('s', &answer, NULL)) return answer;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0) return errno;
    *ctx = make(fd);
    return 0;
}
static inline int cb_close(void *ctx)
{
    int answer, result = close(fd_of(ctx));
    ((struct context *)ctx)->closed = 1;
    open_sockets--;
    if (lied('e', &answer, NULL)) return answer;
    return fails() ? EPROTO : result ? errno : 0;
}
static inline int cb_listen(void *ctx, void *addr, int *len, int backlog)
{
    socklen_t length = *len;
    int answer;
    if (fails()) return EPROTO;
    if (lied('l', &answer, NULL)) return answer;
    if (bind(fd_of(ctx), addr, length) || getsockname(fd_of(ctx), addr, &length)) return errno;
    *len = length;
    return listen(fd_of(ctx), backlog) ? errno : 0;
}
static inline int cb_accept(void **ctx, void *addr, int *len, unsigned tmo)
{
    socklen_t length = *len;
    int error, lying;
    see(ACCEPT, fd_of(*ctx), tmo);
    if (fails()) return EPROTO;
    if (interrupts()) return interrupted;
    if ((lying = lied('a', &error, NULL)) && error) return error;
    if ((error = ready(fd_of(*ctx), POLLIN, tmo))) return error;
    int fd = accept(fd_of(*ctx), addr, &length);
    if (fd < 0) return errno;
    /* Where the peer is, if we say so. */
    *len = !lying ? (int)length : lie == NEGATIVE ? -1 : lie == NOTHING ? 0 : 1 << 30;
    *ctx = make(fd);
    return 0;
}
static inline int cb_connect(void *ctx, void *addr, int len, unsigned tmo)
{
    int fd = fd_of(ctx), flags = fcntl(fd, F_GETFL), error = 0;
    socklen_t length = sizeof error;
    see(CONNECT, fd, tmo);
    if (fails() || refuses) return EPROTO;
    /* What is interrupted goes on. */
    if (lied('c', &error, NULL)) return error > 0 && connect(fd, addr, len) && errno != EINPROGRESS ? errno : error;
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
    struct iovec one = { ((const struct iovec *)iov)->iov_base, 1 };
    struct msghdr message = { .msg_iov = (struct iovec *)iov, .msg_iovlen = count };
    see(WRITE, fd_of(ctx), tmo);
    if (fails()) return EPROTO;
    if (interrupts()) return interrupted;
    ssize_t all = *len;
    if (lied('w', &error, len)) return error;
    if (*len != all) message.msg_iov = &one, message.msg_iovlen = 1;
    if ((error = ready(fd_of(ctx), POLLOUT, tmo))) return error;
    return (*len = sendmsg(fd_of(ctx), &message, full ? MSG_DONTWAIT : 0)) < 0 ? errno : 0;
}
static inline int cb_write(void *ctx, const char *buf, ssize_t *len, unsigned tmo)
{
    int error;
    if (fails()) return EPROTO;
    if (interrupts()) return interrupted;
    see(WRITE, fd_of(ctx), tmo);
    if (lied('w', &error, len)) return error;
    if ((error = ready(fd_of(ctx), POLLOUT, tmo))) return error;
    return (*len = send(fd_of(ctx), buf, bytewise ? 1 : *len, full ? MSG_DONTWAIT : 0)) < 0 ? errno : 0;
}
static inline int cb_read(void *ctx, char *buf, ssize_t *len, unsigned tmo)
{
    int error;
    if (fails()) return EPROTO;
    if (interrupts()) return interrupted;
    see(READ, fd_of(ctx), tmo);
    if (lied('r', &error, len)) return error;
    if ((error = ready(fd_of(ctx), POLLIN, tmo))) return error;
    return (*len = read(fd_of(ctx), buf, bytewise ? 1 : *len)) < 0 ? errno : 0;
}
static inline int cb_header(void *ctx, int *size)
{
    int answer, lying = lied('h', &answer, NULL);
    *size = !lying ? header : lie == MORE ? header + 1 : lie == NEGATIVE ? -header : lie == NOTHING ? 0 : 8;
    fd_of(ctx);
    return fails() ? EPROTO : answer;
}
static inline int cb_complete(void *ctx)
{
    int answer;
    /* The connection is known by now. */
    if (!ei_fd_to_cnode(fd_of(ctx))) return ENOENT;
    hooks_called++;
    if (lied('f', &answer, NULL)) return answer;
    return fails() ? EPROTO : 0;
}
static inline int cb_get_fd(void *ctx, int *fd)
{
    int answer, lying = lied('g', &answer, NULL);
    *fd = lying && !answer ? -1 : fd_of(ctx);
    return fails() ? EPROTO : answer;
}

static ei_socket_callbacks callbacks = {
    0, cb_socket, cb_close, cb_listen, cb_accept, cb_connect, cb_writev, cb_write, cb_read,
    cb_header, cb_complete, cb_complete, cb_get_fd
};

/* Those of a later version, which has more. */
static struct { ei_socket_callbacks known; void *unknown[4]; } later = { .unknown = { "?", "?", "?", "?" } };

static int with_callbacks, with_later;

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
    if (!strcmp(sockets, "later")) with_later = 1;
    if (!strcmp(sockets, "bare")) callbacks.writev = NULL;
    if (!strcmp(sockets, "unhooked") || !strcmp(sockets, "bare"))
        callbacks.connect_handshake_complete = callbacks.accept_handshake_complete = NULL;
    later.known = callbacks;
}

/* ---- The node ---- */

static ei_cnode ec;

static inline void init_node(ei_cnode *node, const char *alive, const char *cookie)
{
    char name[300];
    snprintf(name, sizeof name, "%s@127.0.0.1", alive ? alive : "");
    ei_socket_callbacks *chosen = with_later ? &later.known : &callbacks;
    int size = with_later ? sizeof later : sizeof callbacks;
    int result = with_callbacks
        ? ei_connect_xinit_ussi(node, "127.0.0.1", alive, alive ? name : NULL, NULL, cookie, 77, chosen, size,
                                "setup")
        : ei_connect_xinit(node, "127.0.0.1", alive, alive ? name : NULL, NULL, cookie, 77);
    if (result) { puts("init failed"); exit(1); }
}

static inline void init(const char *alive, const char *cookie) { init_node(&ec, alive, cookie); }

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
