/* Two nodes in one process that talk to each other over callbacks, which tell the truth or do not. */

#include <pthread.h>
#include <signal.h>
#include "program.h"

static ei_cnode server;
static int acceptor_lies;
static unsigned limit;

/* What has come of a conversation, for the side that lies. */
static int failed, failure;

static void fail(void)
{
    if (honest || failed) return;
    failed = 1;
    failure = erl_errno;
}

static int listener;

/* Accepts a node, and gives back all that it sends. */
static void *answer(void *unused)
{
    ei_x_buff x;
    erlang_msg msg;
    honest = !acceptor_lies;
    int fd, result;
    do {
        fd = ei_accept_tmo(&server, listener, NULL, limit);
        if (fd < 0) fail();
        /* What was not accepted still waits. */
    } while (fd < 0 && liar == 'a' && !honest && !lies_on);
    if (fd < 0) return unused;
    ei_x_new(&x);
    while ((result = ei_xreceive_msg_tmo(fd, &msg, &x, limit)) != ERL_ERROR) {
        /* The last one says that it is. */
        if (result == ERL_MSG && x.index == 2) break;
        if (result == ERL_MSG && ei_send_tmo(fd, &msg.from, x.buff, x.index, limit)) { fail(); break; }
    }
    if (result == ERL_ERROR) fail();
    ei_x_free(&x);
    if (ei_close_connection(fd)) fail();
    return unused;
}

/* Sends so many bytes, and hears them again. */
static int exchange(int fd, int size)
{
    static const char bytes[200000];
    erlang_msg msg;
    ei_x_buff x;
    int done = 0, result;
    ei_x_new_with_version(&x);
    ei_x_encode_binary(&x, bytes, size);
    int sent = x.index;
    if (!ei_reg_send_tmo(&ec, fd, "any", x.buff, x.index, limit)) {
        do result = ei_xreceive_msg_tmo(fd, &msg, &x, limit); while (result == ERL_TICK);
        done = result == ERL_MSG && x.index == sent;
    }
    ei_x_free(&x);
    return done;
}

/* Connects, and talks; whether all was understood. */
static int ask(int port)
{
    static const int sizes[] = { 0, 1000, 200000 };
    char last[] = "\x83j";
    struct in_addr ip = { htonl(INADDR_LOOPBACK) };
    int done = 0, count = bytewise ? 2 : 3;
    honest = acceptor_lies;
    int fd = ei_xconnect_host_port_tmo(&ec, &ip, port, limit);
    if (fd < 0) { fail(); return 0; }
    while (done < count && exchange(fd, sizes[done])) done++;
    if (done < count) fail();
    else if (ei_reg_send_tmo(&ec, fd, "any", last, 2, limit)) fail();
    if (ei_close_connection(fd)) fail();
    return done == count;
}

/* For who still waits to accept: a connection that says nothing. */
static void knock(int port)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(port),
                              .sin_addr = { htonl(INADDR_LOOPBACK) } };
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    int done = connect(fd, (void *)&at, sizeof at);
    /* Whether anybody is still there does not matter. */
    (void)done;
    close(fd);
}

static int converse(void)
{
    pthread_t thread;
    int port = 0;
    struct in_addr ip = { htonl(INADDR_LOOPBACK) };
    init("c", "secret");
    init_node(&server, "s", "secret");
    failed = 0;
    honest = 1;
    listener = ei_xlisten(&server, &ip, &port, 5);
    if (listener < 0) exit(3);
    pthread_create(&thread, NULL, answer, NULL);
    int done = ask(port);
    knock(port);
    pthread_join(thread, NULL);
    honest = 1;
    ei_close_connection(listener);
    return done;
}

/* Callbacks and lies, with what is to become of the conversation: an error, or 0 if it goes on. */
static const struct { char liar; enum lie lie; int failure; const char *what; } lies_told[] = {
    { 'r', MORE, EIO, "reads more than there is room for" },
    { 'r', MOST, EIO, "reads more than there is memory" },
    { 'r', NEGATIVE, EIO, "reads less than nothing" },
    { 'r', NOTHING, EIO, "reads nothing" },
    { 'r', NO_ERROR_NUMBER, EIO, "reads with no error number" },
    { 'r', INTERRUPTED, 0, "is interrupted while it reads" },
    { 'r', EARLY, 0, "reads too early" },
    { 'r', SHORT, 0, "reads a byte" },
    { 'w', MORE, EIO, "writes more than there is" },
    { 'w', MOST, EIO, "writes more than there is memory" },
    { 'w', NEGATIVE, EIO, "writes less than nothing" },
    { 'w', NOTHING, EIO, "writes nothing" },
    { 'w', NO_ERROR_NUMBER, EIO, "writes with no error number" },
    { 'w', INTERRUPTED, 0, "is interrupted while it writes" },
    { 'w', EARLY, 0, "writes too early" },
    { 'w', SHORT, 0, "writes a byte" },
    { 'c', NO_ERROR_NUMBER, EIO, "connects with no error number" },
    { 'c', INTERRUPTED, 0, "is interrupted while it connects" },
    { 'a', NO_ERROR_NUMBER, EIO, "accepts with no error number" },
    { 'a', INTERRUPTED, 0, "is interrupted while it accepts" },
    { 'a', EARLY, 0, "accepts too early" },
    { 'a', NEGATIVE, 0, "accepts an address shorter than nothing" },
    { 'a', NOTHING, 0, "accepts no address" },
    { 'a', MOST, 0, "accepts an address longer than any" },
    { 'h', MORE, EIO, "has headers of a byte more" },
    { 'h', MOST, EIO, "has headers of eight bytes" },
    { 'h', NEGATIVE, EIO, "has negative headers" },
    { 'h', NOTHING, EIO, "has no headers" },
    { 'h', NO_ERROR_NUMBER, EIO, "has headers with no error number" },
    { 'f', NO_ERROR_NUMBER, EIO, "completes with no error number" },
    { 'f', INTERRUPTED, EINTR, "is interrupted when it completes" },
    { 'g', NEGATIVE, EBADF, "has no descriptor" },
    { 'g', NO_ERROR_NUMBER, EIO, "has a descriptor with no error number" },
    { 's', NO_ERROR_NUMBER, EIO, "makes sockets with no error number" },
    { 'e', NO_ERROR_NUMBER, EIO, "closes with no error number" },
};

/* Each of its calls is a lie once, until a conversation has fewer of them. */
static void deceive(int at)
{
    liar = lies_told[at].liar;
    lie = lies_told[at].lie;
    for (lying_call = 1;; lying_call++) {
        liars_calls = 0;
        int done = converse(), met = liars_calls >= lying_call;
        int expected = met ? lies_told[at].failure : 0;
        if (failed != !!expected || (expected && failure != expected) || (!expected && !done) || open_sockets) {
            printf("%s: call %d of %d: done %d failed %d %s open %d\n", lies_told[at].what, lying_call,
                   liars_calls, done, failed, error_name(failure), open_sockets);
            exit(1);
        }
        if (!met) break;
    }
    /* Who only accepts makes no sockets and connects not, and who connects does not accept. */
    int none = strchr(acceptor_lies ? "cs" : "a", liar) != NULL
        || (liar == 'f' && !callbacks.connect_handshake_complete);
    if ((lying_call == 1) != none) { printf("%s: %d calls\n", lies_told[at].what, lying_call); exit(1); }
}

/* From some call on, it is never done; there is an end to that. */
static void delay(char callback, enum lie excuse, int at)
{
    liar = callback;
    lie = excuse;
    lies_on = 1;
    lying_call = at;
    liars_calls = 0;
    int done = converse();
    printf("%c %d from call %d: %d %s open %d\n", callback, excuse, at, done, failed ? error_name(failure) : "-",
           open_sockets);
    lies_on = 0;
}

static void show_seen(void)
{
    static const char *const uses[] = { "connect", "accept", "read", "write" };
    static const char *const limits[] = { "at once", "limited", "unlimited" };
    for (int use = 0; use < USES; use++)
        for (int of = 0; of < 3; of++)
            for (int blocking = 0; blocking < 2; blocking++)
                if (seen[use][of][blocking])
                    printf("%s %s, %s\n", uses[use], limits[of], blocking ? "blocking" : "not blocking");
}

int main(int argc, char **argv)
{
    if (argc < 4) return 2;
    setvbuf(stdout, NULL, _IONBF, 0);
    signal(SIGPIPE, SIG_IGN);
    alarm(100);
    ei_init();
    choose(argv[1]);
    limit = atoi(argv[3]);
    if (!strcmp(argv[2], "truth")) {
        int done = converse();
        printf("done %d failed %d open %d hooks %d\n", done, failed, open_sockets, hooks_called);
        show_seen();
    } else if (!strcmp(argv[2], "lies")) {
        for (acceptor_lies = 0; acceptor_lies < 2; acceptor_lies++)
            for (unsigned at = 0; at < sizeof lies_told / sizeof *lies_told; at++) deceive(at);
        puts("no lie was believed");
    } else if (!strcmp(argv[2], "delays")) {
        for (acceptor_lies = 0; acceptor_lies < 2; acceptor_lies++)
            for (int excuse = INTERRUPTED; excuse <= EARLY; excuse++) {
                for (int at = 1; at < 8; at *= 2) {
                    delay('r', excuse, at);
                    delay('w', excuse, at);
                }
                if (acceptor_lies) delay('a', excuse, 1);
            }
    }
    return 0;
}
