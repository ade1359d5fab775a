/* A C node over TLS: tls OPTFILE COOKIE [NODE] calls a node with -proto_dist inet_tls, or is called by one.
 * cc tls.c $(pkg-config --cflags --libs einode) -o tls */
#include "einode.h"

static int failed(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, einode_last_error());
    return 1;
}

int main(int argc, char **argv)
{
    char host[] = "127.0.0.1";
    int fd, port = 0, index = 0;
    erlang_msg msg;
    ei_cnode ec;
    ei_x_buff x;
    ei_init();
    einode_setup *tls = argc > 2 ? einode_tls_optfile(argv[1], 0, NULL) : NULL;
    if (!tls || ei_connect_xinit_ussi(&ec, host, "c", "c@127.0.0.1", NULL, argv[2], 0, &einode_tls_callbacks,
                                      sizeof einode_tls_callbacks, tls) || ei_x_new(&x))
        return failed("set-up");
    if (argc > 3) { /* call */
        if ((fd = ei_connect(&ec, argv[3])) < 0) return failed("connect");
        if (ei_rpc(&ec, fd, "erlang", "node", "j", 1, &x) < 0) return failed("rpc");
    } else { /* be called */
        int listener = ei_listen(&ec, &port, 5);
        if (listener < 0 || ei_publish(&ec, port) < 0) return failed("listen");
        if ((fd = ei_accept(&ec, listener, NULL)) < 0) return failed("accept");
        do { if (ei_xreceive_msg(fd, &msg, &x) < 0) return failed("receive"); } while (msg.msgtype != ERL_REG_SEND);
        if (ei_send(fd, &msg.from, x.buff, x.index)) return failed("send");
        index = 1; /* after the version */
    }
    ei_print_term(stdout, x.buff, &index);
    putchar('\n');
    return ei_x_free(&x) || ei_close_connection(fd) ? failed("close") : (einode_free(tls), 0);
}
