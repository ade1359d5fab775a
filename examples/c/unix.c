/* C nodes over Unix sockets: unix PATHS COOKIE ALIVE listens as ALIVE@localhost, prints the first message
 * and sends it back; unix PATHS COOKIE ALIVE PEER sends one and prints the answer. PATHS is where nodes
 * listen, such as /run/cluster/%n.
 * cc unix.c $(pkg-config --cflags --libs erl_ei) -o unix */
#include "einode.h"

static int failed(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, einode_last_error());
    return 1;
}

int main(int argc, char **argv)
{
    int fd, port = 0, index = 1; /* after the version */
    char node[MAXNODELEN];
    ei_cnode ec;
    ei_x_buff x;
    erlang_msg msg;
    ei_init();
    if (argc < 4) return 2;
    snprintf(node, sizeof node, "%s@localhost", argv[3]);
    einode_setup *local = einode_unix(argv[1], 0600);
    if (!local || ei_connect_xinit_ussi(&ec, "localhost", argv[3], node, NULL, argv[2], 0, &einode_unix_callbacks,
                                        sizeof einode_unix_callbacks, local) || ei_x_new(&x))
        return failed("set-up");
    int listener = argc > 4 ? -1 : ei_listen(&ec, &port, 5);
    if (argc > 4) {
        if ((fd = ei_connect(&ec, argv[4])) < 0) return failed("connect");
        if (ei_x_format(&x, "{~p,hello}", ei_self(&ec))) return failed("format");
        if (ei_reg_send(&ec, fd, "any", x.buff, x.index)) return failed("send");
    } else if (listener < 0 || (fd = ei_accept(&ec, listener, NULL)) < 0) {
        return failed("accept");
    }
    while ((port = ei_xreceive_msg(fd, &msg, &x)) == ERL_TICK || msg.msgtype > ERL_REG_SEND) {}
    if (port < 0 || (argc < 5 && ei_send(fd, &msg.from, x.buff, x.index))) return failed("receive");
    ei_print_term(stdout, x.buff, &index);
    putchar('\n');
    if (listener >= 0) ei_close_connection(listener);
    return ei_x_free(&x) || ei_close_connection(fd) ? failed("close") : (einode_free(local), 0);
}
