/* What C programs do with connections over TLS: sockets OPTFILE COOKIE NODE PORT, where nobody answers at
 * the port. Over IPv6 it is sockets OPTFILE COOKIE NODE. */

#include <dirent.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/wait.h>
#include <unistd.h>
#include "einode.h"

enum { MESSAGES = 300 };

static ei_cnode ec;
static int fd;

static void init(ei_socket_callbacks *callbacks, einode_setup *setup, const char *cookie)
{
    if (ei_connect_xinit_ussi(&ec, "127.0.0.1", "c", "c@127.0.0.1", NULL, cookie, 0, callbacks,
                              sizeof *callbacks, setup))
        exit(3);
}

static const char *error_name(void)
{
    switch (erl_errno) {
    case EACCES: return "EACCES";
    case EINVAL: return "EINVAL";
    case EMSGSIZE: return "EMSGSIZE";
    case ENOENT: return "ENOENT";
    case ETIMEDOUT: return "ETIMEDOUT";
    default: return strerror(erl_errno);
    }
}

static void say(const char *call, int failed)
{
    printf("%s: ", call);
    if (failed) printf("%s, %s\n", error_name(), einode_last_error());
    else puts("ok");
}

static int open_descriptors(void)
{
    int count = 0;
    DIR *all = opendir("/proc/self/fd");
    while (readdir(all)) count++;
    closedir(all);
    return count;
}

static int send_tmo(int size, unsigned ms)
{
    static char bytes[100000];
    ei_x_buff x;
    ei_x_new_with_version(&x);
    ei_x_encode_tuple_header(&x, 2);
    ei_x_encode_pid(&x, ei_self(&ec));
    ei_x_encode_binary(&x, bytes, size);
    int result = ei_reg_send_tmo(&ec, fd, "echo", x.buff, x.index, ms);
    ei_x_free(&x);
    return result;
}

static int send_one(int size) { return send_tmo(size, 0); }

static void *send_all(void *unused)
{
    for (int i = 0; i < MESSAGES; i++)
        if (send_one(i % 10 ? 100 : 100000)) exit(4);
    return unused;
}

/* Receives so many messages, waiting for each as select does. */
static int receive(int wanted)
{
    ei_x_buff x;
    erlang_msg msg;
    int received = 0;
    ei_x_new(&x);
    while (received < wanted) {
        if (!einode_pending(fd)) {
            fd_set set;
            FD_ZERO(&set);
            FD_SET(fd, &set);
            select(fd + 1, &set, NULL, NULL, NULL);
        }
        int got = ei_xreceive_msg(fd, &msg, &x);
        if (got == ERL_ERROR) break;
        if (got == ERL_MSG) received++;
    }
    ei_x_free(&x);
    return received;
}

static int over_ipv6(char **argv)
{
    einode_setup *ipv6 = einode_ipv6(NULL), *tls = einode_tls_optfile(argv[1], 0, ipv6);
    einode_free(ipv6);
    init(&einode_tls_callbacks, tls, argv[2]);
    say("connect", (fd = ei_connect(&ec, argv[3])) < 0);
    say("send", send_one(7));
    printf("received %d\n", receive(1));
    einode_free(tls);
    return ei_close_connection(fd);
}

int main(int argc, char **argv)
{
    pthread_t sender;
    int port = 0;
    if (argc < 4) return 2;
    alarm(100);
    setvbuf(stdout, NULL, _IONBF, 0);
    ei_init();
    if (argc == 4) return over_ipv6(argv);
    int before = open_descriptors();
    say("missing file", !einode_tls_optfile("missing", 0, NULL));

    einode_setup *ipv6 = einode_ipv6(NULL);
    init(&einode_tls_callbacks, ipv6, argv[2]);
    say("setup of another set", ei_listen(&ec, &port, 5) < 0);
    einode_free(ipv6);

    einode_setup *tls = einode_tls_pem("node.pem", NULL, "other.pem", 0, NULL);
    init(&einode_tls_callbacks, tls, argv[2]);
    say("another CA", ei_connect(&ec, argv[3]) < 0);
    einode_free(tls);

    tls = einode_tls_optfile(argv[1], EINODE_TLS_CHECK_NODE_NAMES, NULL);
    init(&einode_tls_callbacks, tls, argv[2]);
    say("silence", ei_connect_host_port_tmo(&ec, "127.0.0.1", atoi(argv[4]), 300) < 0);

    /* The first is closed without telling the library. */
    for (int i = 0; i < 2; i++) {
        say("connect", (fd = ei_connect(&ec, argv[3])) < 0);
        if (i) break;
        close(fd);
        init(&einode_tls_callbacks, tls, argv[2]);
    }
    einode_free(tls);
    pthread_create(&sender, NULL, send_all, NULL);
    printf("received %d\n", receive(MESSAGES));
    pthread_join(sender, NULL);

    einode_max_packet(fd, 1000);
    send_one(2000);
    say("limit", receive(1) != 1);
    einode_max_packet(fd, 0);

    pid_t child = fork();
    if (!child) _exit(ei_close_connection(fd));
    waitpid(child, NULL, 0);
    send_one(7);
    printf("after fork: received %d\n", receive(1));

    puts("stop the node");
    getchar();
    ei_x_buff x;
    erlang_msg msg;
    ei_x_new(&x);
    say("receive", ei_xreceive_msg_tmo(fd, &msg, &x, 100) < 0);
    ei_x_free(&x);
    while (!send_tmo(100000, 300)) {}
    say("send", 1);
    say("close", ei_close_connection(fd));
    printf("left open: %d\n", open_descriptors() - before);
    return 0;
}
