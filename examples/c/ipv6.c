/* A C node over IPv6: ipv6 COOKIE [NODE] calls a node with -proto_dist inet6_tcp, as app@::1, or is called
 * by one as c@::1.
 * cc ipv6.c $(pkg-config --cflags --libs erl_ei) -o ipv6 */
#include "einode.h"

static int failed(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, einode_last_error());
    return 1;
}

int main(int argc, char **argv)
{
    char host[] = "::1";
    int fd, port = 0, index = 0;
    ei_cnode ec;
    ei_x_buff x;
    erlang_msg msg;
    ei_init();
    einode_setup *ipv6 = argc > 1 ? einode_ipv6(host) : NULL;
    if (!ipv6 || ei_connect_xinit_ussi(&ec, host, "c", "c@::1", NULL, argv[1], 0, &einode_ipv6_callbacks,
                                       sizeof einode_ipv6_callbacks, ipv6) || ei_x_new(&x))
        return failed("set-up");
    if (argc > 2) {
        if ((fd = ei_connect(&ec, argv[2])) < 0) return failed("connect");
        if (ei_rpc(&ec, fd, "erlang", "node", "j", 1, &x) < 0) return failed("rpc");
    } else {
        int listener = ei_listen(&ec, &port, 5);
        if (listener < 0 || ei_publish(&ec, port) < 0) return failed("listen");
        if ((fd = ei_accept(&ec, listener, NULL)) < 0) return failed("accept");
        do { if (ei_xreceive_msg(fd, &msg, &x) < 0) return failed("receive"); } while (msg.msgtype != ERL_REG_SEND);
        if (ei_send(fd, &msg.from, x.buff, x.index)) return failed("send");
        index = 1; /* after the version */
    }
    ei_print_term(stdout, x.buff, &index);
    putchar('\n');
    return ei_x_free(&x) || ei_close_connection(fd) ? failed("close") : (einode_free(ipv6), 0);
}
