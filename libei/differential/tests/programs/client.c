/* A node that connects to a node where echo.erl runs, talks to it in every way that ei.h has, and prints
 * what comes. */

#include "program.h"

int ei_send_exit(int fd, const erlang_pid *from, const erlang_pid *to, const char *reason);

static int fd;
static erlang_pid echo;

static const char *kind(long type)
{
    static const char *const names[] = {
        [ERL_LINK] = "LINK", [ERL_SEND] = "SEND", [ERL_EXIT] = "EXIT", [ERL_UNLINK] = "UNLINK",
        [ERL_REG_SEND] = "REG_SEND", [ERL_GROUP_LEADER] = "GROUP_LEADER", [ERL_EXIT2] = "EXIT2",
        [ERL_SEND_TT] = "SEND_TT", [ERL_EXIT_TT] = "EXIT_TT", [ERL_REG_SEND_TT] = "REG_SEND_TT",
        [ERL_EXIT2_TT] = "EXIT2_TT",
    };
    return type > 0 && type < (long)(sizeof names / sizeof *names) && names[type] ? names[type] : "?";
}

/* A term, unless it is long. */
static void print(const char *buf, int size)
{
    int index = 0, version;
    if (!size) { puts(""); return; }
    if (ei_decode_version(buf, &index, &version)) index = 0;
    printf(" %d bytes ", size);
    if (size > 1000 || ei_print_term(stdout, buf, &index) < 0 || index != size) printf("...");
    putchar('\n');
}

static void show(int result, erlang_msg *msg, const char *buf, int size)
{
    if (result < 0) { say("receive", result); return; }
    printf("%s", kind(msg->msgtype));
    if (msg->msgtype == ERL_SEND) printf(" to %s.%u", msg->to.node, msg->to.num);
    if (msg->msgtype == ERL_REG_SEND) printf(" to %s", msg->toname);
    if (msg->msgtype == ERL_LINK || msg->msgtype == ERL_UNLINK || msg->msgtype == ERL_EXIT)
        printf(" from echo %d to %s", !ei_cmp_pids(&msg->from, &echo), msg->to.node);
    if (msg->token.label) printf(" label %ld flags %ld", msg->token.label, msg->token.flags);
    print(buf, size);
}

/* The next message. */
static int receive(ei_x_buff *x)
{
    erlang_msg msg;
    int result;
    memset(&msg, 0, sizeof msg);
    do result = ei_xreceive_msg_tmo(fd, &msg, x, 30000); while (result == ERL_TICK);
    show(result, &msg, x->buff, result < 0 ? 0 : x->index);
    return result;
}

/* Asks echo for something: {Self, What}. */
static void ask(const char *what)
{
    ei_x_buff x;
    ei_x_new(&x);
    ei_x_format(&x, "{~p,~a}", ei_self(&ec), what);
    printf("%s: %d\n", what, ei_reg_send(&ec, fd, "echo", x.buff, x.index));
    ei_x_free(&x);
}

static void call(const char *module, const char *function, const char *format, const char *argument)
{
    ei_x_buff x, result;
    ei_x_new(&x);
    ei_x_new(&result);
    if (argument) ei_x_format_wo_ver(&x, format, argument); else ei_x_format_wo_ver(&x, format);
    printf("%s:%s: ", module, function);
    if (!say("rpc", ei_rpc(&ec, fd, (char *)module, (char *)function, x.buff, x.index, &result)))
        print(result.buff, result.index);
    ei_x_free(&x);
    ei_x_free(&result);
}

/* A call in two steps, with what it writes. */
static void call_from(const char *module, const char *function, const char *argument, int flags, int ms)
{
    ei_x_buff x;
    erlang_msg msg = {0};
    int result, index, version, arity;
    char name[MAXATOMLEN] = "";
    ei_x_new(&x);
    ei_x_format_wo_ver(&x, "[~s]", argument);
    say("rpc_to", ei_xrpc_to(&ec, fd, (char *)module, (char *)function, x.buff, x.index, flags));
    do {
        do result = ei_rpc_from(&ec, fd, ms, &msg, &x); while (result == ERL_TICK);
        if (result != ERL_MSG) { say("rpc_from", result); break; }
        show(result, &msg, x.buff, x.index);
        index = 0;
        if (ei_decode_version(x.buff, &index, &version) || ei_decode_tuple_header(x.buff, &index, &arity)
            || ei_decode_atom(x.buff, &index, name)) break;
    } while (!strcmp(name, "rex_stdout"));
    ei_x_free(&x);
}

static void messages(void)
{
    ei_x_buff x, big;
    erlang_msg msg = {0};
    int result, size, length, index;
    char *buffer, small[40];
    unsigned char packet[500];

    /* By name and by pid, to buffers that grow and that do not. */
    ei_x_new(&x);
    ask("hello");
    receive(&x);
    index = 1;
    ei_decode_tuple_header(x.buff, &index, &length);
    ei_decode_pid(x.buff, &index, &echo);
    x.index = 0;
    ei_x_format(&x, "{~p,[~i,~d,~s,~a]}", ei_self(&ec), -7, 1.5, "text", "atom");
    say("send", ei_send(fd, &echo, x.buff, x.index));
    receive(&x);
    say("send_encoded", ei_send_encoded(fd, &echo, x.buff, x.index));
    ask("hello");
    memset(&msg, 0, sizeof msg);
    result = ei_receive_msg(fd, &msg, &x);
    show(result, &msg, x.buff, x.index);
    ask("hello");
    {
        ei_x_buff fixed = { small, sizeof small, 0 };
        say("receive_msg, too small", ei_receive_msg_tmo(fd, &msg, &fixed, 30000));
    }
    ask("hello");
    size = 10;
    buffer = malloc(size);
    result = ei_receive_encoded(fd, &buffer, &size, &msg, &length);
    printf("encoded %s", kind(result));
    print(buffer, length);
    ask("hello");
    result = ei_receive(fd, packet, sizeof packet);
    printf("packet of %d, %c\n", result, packet[0]);
    free(buffer);

    /* Long ones, which come in pieces. */
    ei_x_new_with_version(&big);
    ei_x_encode_tuple_header(&big, 2);
    ei_x_encode_pid(&big, ei_self(&ec));
    buffer = calloc(1, 300000);
    ei_x_encode_binary(&big, buffer, 300000);
    free(buffer);
    say("send", ei_reg_send_tmo(&ec, fd, "echo", big.buff, big.index, 30000));
    receive(&x);

    /* From another pid, and to nobody. */
    {
        erlang_pid other;
        ei_make_pid(&ec, &other);
        x.index = 0;
        ei_x_format(&x, "{~p,other}", &other);
        say("send_reg_encoded", ei_send_reg_encoded(fd, &other, "echo", x.buff, x.index));
        receive(&x);
        say("to nobody", ei_reg_send(&ec, fd, "nobody", x.buff, x.index));
    }
    ei_x_free(&x);
    ei_x_free(&big);
}

static void signals(void)
{
    ei_x_buff x;
    ei_x_new(&x);
    ask("link");
    receive(&x);
    receive(&x);
    ask("unlink");
    receive(&x);
    receive(&x);
    ask("leader");
    receive(&x);
    receive(&x);
    ask("exit");
    receive(&x);
    receive(&x);
    ask("traced");
    receive(&x);
    ask("named");
    receive(&x);
    /* Nodes do not tell us who monitors. */
    ask("monitor");
    receive(&x);
    ask("demonitor");
    receive(&x);
    /* The link's end that we tell. */
    ask("link");
    receive(&x);
    receive(&x);
    say("send_exit", ei_send_exit(fd, ei_self(&ec), &echo, "over"));
    receive(&x);
    /* And the one that we are told. */
    ask("link");
    receive(&x);
    receive(&x);
    ask("die");
    receive(&x);
    ei_x_free(&x);
}

static void calls_of_functions(void)
{
    ei_x_buff x;
    call("erlang", "abs", "[-7]", NULL);
    call("lists", "reverse", "[[a,b,{c,~s}]]", "text");
    call("lists", "reverse", "[~a]", "no_list");
    call("erlang", "nonsense", "[]", NULL);
    call_from("io", "format", "to the user~n", 0, 0);
    call_from("io", "format", "to us~n", EI_RPC_FETCH_STDOUT, 30000);
    call_from("lists", "reverse", "abc", EI_RPC_FETCH_STDOUT, 0);
    call_from("echo", "wait", "until released", 0, 50);
    ei_x_new_with_version(&x);
    ei_x_encode_atom(&x, "go");
    say("release", ei_reg_send(&ec, fd, "released", x.buff, x.index));
    receive(&x);
    ei_x_free(&x);
}

/* Sends, receives and calls; whether all of it was possible. */
static int converse(const char *peer)
{
    int done = 0;
    erlang_msg msg;
    ei_x_buff x;
    fd = ei_connect(&ec, (char *)peer);
    if (fd < 0) return 0;
    ei_x_new(&x);
    ei_x_format(&x, "{~p,hello}", ei_self(&ec));
    if (!ei_reg_send_tmo(&ec, fd, "echo", x.buff, x.index, 20000)
        && ei_xreceive_msg_tmo(fd, &msg, &x, 20000) == ERL_MSG
        && !ei_rpc(&ec, fd, "erlang", "node", "j", 1, &x))
        done = 1;
    ei_x_free(&x);
    return done;
}

/* Every use of a callback fails once, until a conversation has fewer of them. */
static int fail(const char *peer, const char *cookie)
{
    for (int n = 1;; n++) {
        char alive[20];
        snprintf(alive, sizeof alive, "f%d", n);
        init(alive, cookie);
        calls = 0;
        failing_call = n;
        erl_errno = 0;
        int done = converse(peer);
        if (!done && erl_errno != EPROTO) {
            printf("call %d: %s\n", n, error_name(erl_errno));
            return 1;
        }
        if (fd >= 0) {
            failing_call = done ? calls + 1 : 0;
            erl_errno = 0;
            int closed = ei_close_connection(fd);
            if (done != (closed && erl_errno == EPROTO)) {
                printf("call %d: close %d %s\n", n, closed, error_name(erl_errno));
                return 1;
            }
        }
        if (open_sockets) {
            printf("call %d: open %d\n", n, open_sockets);
            return 1;
        }
        if (done) {
            printf("all of %s calls have failed\n", n > 12 ? "many" : "few");
            return 0;
        }
    }
}

int main(int argc, char **argv)
{
    if (argc < 4) return 2;
    setvbuf(stdout, NULL, _IONBF, 0);
    alarm(20);
    ei_init();
    choose(argv[1]);
    if (argc > 4) return fail(argv[3], argv[2]);
    init("client", argv[2]);
    fd = say("connect", ei_connect(&ec, argv[3]));
    if (fd < 0) return 1;
    messages();
    signals();
    calls_of_functions();
    say("close", ei_close_connection(fd));
    printf("open %d\n", open_sockets);
    return 0;
}
