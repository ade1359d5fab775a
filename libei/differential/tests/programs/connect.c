/* A node that connects, or is connected to, over the sockets that its first argument names. It says
 * what happened, one line each, and goes on when it is told to on standard input. */

#include "program.h"

int ei_epmd_port_tmo(struct in_addr *ip, const char *alive, int *dist, unsigned ms);
int ei_epmd_publish_tmo(int port, const char *alive, unsigned ms);

static void describe(int fd)
{
    ei_cnode *node = ei_fd_to_cnode(fd);
    printf("version %d node %s creation %s hooks %d blocking %d\n", ei_distversion(fd),
           node ? ei_thisnodename(node) : "?", node && node->creation == 77 ? "own" : "given",
           hooks_called, !(fcntl(fd, F_GETFL) & O_NONBLOCK));
}

static void finish(int fd)
{
    await();
    say("close", ei_close_connection(fd));
    say("close again", ei_close_connection(fd));
    printf("known %d open %d\n", ei_fd_to_cnode(fd) != NULL, open_sockets);
}

static void welcome(int listener, unsigned ms)
{
    ErlConnect peer;
    int fd = say("accept", ei_accept_tmo(&ec, listener, &peer, ms));
    if (fd < 0) return;
    printf("peer %s at %s\n", peer.nodename, inet_ntoa(*(struct in_addr *)peer.ipadr));
    describe(fd);
    finish(fd);
}

int main(int argc, char **argv)
{
    if (argc < 5) return 2;
    const char *action = argv[2];
    char *cookie = argv[3], *peer = argv[4]; /* or what else the action needs */
    setvbuf(stdout, NULL, _IONBF, 0);
    alarm(120);
    ei_init();
    choose(argv[1]);

    if (!strcmp(action, "connect") || !strcmp(action, "connect-tmo") || !strcmp(action, "dynamic")) {
        init(!strcmp(action, "dynamic") ? NULL : "c", cookie);
        int fd = strcmp(action, "connect-tmo") ? ei_connect(&ec, peer) : ei_connect_tmo(&ec, peer, 5000);
        if (say("connect", fd) < 0) {
            printf("open %d\n", open_sockets);
            return 0;
        }
        describe(fd);
        finish(fd);
    } else if (!strcmp(action, "port")) {
        init("d", cookie);
        int fd = say("connect", ei_connect_host_port(&ec, "127.0.0.1", atoi(peer)));
        if (fd < 0) return 0;
        describe(fd);
        finish(fd);
    } else if (!strcmp(action, "accept")) {
        init("c", cookie);
        int listener = listening();
        int published = say("publish", ei_publish(&ec, atoi(peer)));
        welcome(listener, 0);
        if (published >= 0) close(published);
        say("close listener", ei_close_connection(listener));
    } else if (!strcmp(action, "publish")) {
        init(peer, cookie);
        int port = 0, listener = ei_listen(&ec, &port, 5);
        int published = say("publish", ei_publish_tmo(&ec, port, 5000));
        welcome(listener, 30000);
        say("unpublish", ei_unpublish(&ec));
        close(published);
        say("close listener", ei_close_connection(listener));
        printf("open %d\n", open_sockets);
    } else if (!strcmp(action, "foreign")) {
        struct sockaddr_in address;
        socklen_t length = sizeof address;
        int listener = socket(AF_INET, SOCK_STREAM, 0);
        memset(&address, 0, sizeof address);
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        if (bind(listener, (void *)&address, length) || listen(listener, 5)
            || getsockname(listener, (void *)&address, &length))
            return 3;
        init("c", cookie);
        printf("%d\n", ntohs(address.sin_port));
        welcome(listener, 0);
    } else if (!strcmp(action, "silence")) {
        /* Nobody answers at the port, which is also that of the port mapper. */
        char host[] = "127.0.0.1", node[] = "x@127.0.0.1", alive[] = "x";
        struct in_addr ip = { htonl(INADDR_LOOPBACK) };
        init("c", cookie);
        say("connect_host_port_tmo", ei_connect_host_port_tmo(&ec, host, atoi(peer), 100));
        say("xconnect_host_port_tmo", ei_xconnect_host_port_tmo(&ec, &ip, atoi(peer), 100));
        say("connect_tmo", ei_connect_tmo(&ec, node, 100));
        say("xconnect_tmo", ei_xconnect_tmo(&ec, &ip, alive, 100));
        say("publish_tmo", ei_publish_tmo(&ec, 1, 100));
        say("unpublish_tmo", ei_unpublish_tmo("c", 100));
        int version;
        say("epmd_port_tmo", ei_epmd_port_tmo(&ip, alive, &version, 100));
        say("epmd_publish_tmo", ei_epmd_publish_tmo(1, "c", 100));
        int listener = listening();
        say("accept_tmo", ei_accept_tmo(&ec, listener, NULL, 100));
        puts("connect now");
        await();
        say("accept_tmo", ei_accept_tmo(&ec, listener, NULL, 100));
        say("close listener", ei_close_connection(listener));
        printf("open %d\n", open_sockets);
    } else if (!strcmp(action, "lookup")) {
        struct in_addr ip = { htonl(INADDR_LOOPBACK) };
        int version = 0;
        init("c", cookie);
        say("port", ei_epmd_port_tmo(&ip, peer, &version, 5000));
        printf("version %d\n", version);
    } else if (!strcmp(action, "failures")) {
        /* Every call fails once, until an attempt makes fewer calls. */
        for (int n = 1;; n++) {
            char alive[20];
            snprintf(alive, sizeof alive, "f%d", n);
            init(alive, cookie);
            calls = 0;
            failing_call = n;
            erl_errno = 0;
            int fd = ei_connect(&ec, peer);
            if (fd >= 0) {
                printf("calls %d unfailing %d\n", calls, calls < n);
                ei_close_connection(fd);
                break;
            }
            if (erl_errno != EPROTO || open_sockets) {
                printf("call %d: %d %s, open %d\n", n, fd, error_name(erl_errno), open_sockets);
                return 1;
            }
        }
        printf("open %d\n", open_sockets);
    } else if (!strcmp(action, "accept-failures")) {
        init("c", cookie);
        int listener = listening();
        for (int n = 1;; n++) {
            calls = 0;
            failing_call = n;
            erl_errno = 0;
            int fd = ei_accept(&ec, listener, NULL);
            if (fd >= 0) {
                printf("calls %d unfailing %d\n", calls, calls < n);
                ei_close_connection(fd);
                break;
            }
            printf("%d %s open %d\n", fd, error_name(erl_errno), open_sockets);
        }
        ei_close_connection(listener);
        printf("open %d\n", open_sockets);
    } else if (!strcmp(action, "reuse")) {
        init("r1", cookie);
        int first = say("connect", ei_connect(&ec, peer));
        printf("node %s\n", ei_thisnodename(ei_fd_to_cnode(first)));
        close(first);
        init("r2", cookie);
        int second = say("connect", ei_connect(&ec, peer));
        printf("same %d node %s\n", first == second, ei_thisnodename(ei_fd_to_cnode(second)));
        printf("cookie %d\n", !strcmp(ei_getfdcookie(second), cookie));
        finish(second);
    } else if (!strcmp(action, "many")) {
        struct rlimit limit;
        getrlimit(RLIMIT_NOFILE, &limit);
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
        while (dup(2) < 1100) {}
        init("c", cookie);
        int fd = say("connect", ei_connect_tmo(&ec, peer, 5000));
        printf("above %d\n", fd > 1100);
        finish(fd);
    } else {
        return 2;
    }
    return 0;
}
