/*
 * A C node that does what it is told on stdin and says on stdout how long that took. It is linked once with OTP's library and
 * once with einode's, and both are driven by src/libraries.rs.
 *
 *   list                                    the names of all operations of libei_calls.c, and an empty line
 *   call COUNT OPERATION                    one of them, COUNT times
 *   skip|walk|encode|x_encode COUNT FILE    with the payload in FILE
 *   connect NODE COOKIE                     to a node that EPMD knows
 *   connect_port PORT COOKIE                to a node that listens there
 *   ping COUNT SIZE                         messages to a process of the other node, which come back one by one
 *   name|pid COUNT SIZE                     messages to a process by its name or pid, which says at last that all have come
 *   pull|pull_name COUNT SIZE               messages from a process, to our pid or to a name
 *   callers COUNT CALLERS                   messages there and back, of which so many are under way at a time
 *   reconnect COUNT NODE COOKIE             connections that are made and closed
 *   serve COOKIE                            be the other node; the answer is its port. The process ends with the connection
 *
 * Each but the first and last answers with a line: nanoseconds, those of the processor, and a number that does not depend on the
 * library. Whatever fails ends the process.
 */

#define _GNU_SOURCE /* madvise */
#include <ei.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "libei_calls.h"

typedef struct node node;
long peer_skip(const char *buf);
long peer_walk(const char *buf, char *scratch);
int peer_tree(const char *buf, node *root);
size_t peer_node_size(void);
long peer_encode(const node *root, char *buf);
long peer_x_encode(const node *root, ei_x_buff *x);

static void fail(const char *what)
{
    fprintf(stderr, "libei_bench: %s, erl_errno %d\n", what, erl_errno);
    exit(1);
}

static void need(int right, const char *what)
{
    if (!right)
        fail(what);
}

static long long now(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

/* ---- One function ---- */

static long run_call(long count, const char *name)
{
    for (const call *found = calls; found->name != NULL; found++)
        if (strcmp(found->name, name) == 0)
            return found->run(count);
    return -1;
}

/* ---- Payloads ---- */

static struct {
    char name[4096], *bytes, *scratch;
    node *tree;
    ei_x_buff x;
} payload;

/* Large pages, if there are any: how small ones are spread over memory is luck, and lasts. */
static char *large(char *old, size_t size)
{
    enum { PAGE = 2 << 20 };
    void *memory;

    free(old);
    need(posix_memalign(&memory, PAGE, size) == 0, "no memory");
    madvise(memory, size, MADV_HUGEPAGE);
    return memory;
}

static void load(const char *name)
{
    FILE *file;
    long size;

    if (strcmp(name, payload.name) == 0)
        return;
    snprintf(payload.name, sizeof payload.name, "%s", name);
    file = fopen(name, "rb");
    need(file != NULL && fseek(file, 0, SEEK_END) == 0 && (size = ftell(file)) > 0, name);
    rewind(file);
    payload.bytes = large(payload.bytes, size);
    payload.scratch = large(payload.scratch, 2 * size + 1);
    need(fread(payload.bytes, size, 1, file) == 1, name);
    fclose(file);
    /* The tree of the payload before is left to the system. */
    payload.tree = malloc(peer_node_size());
    need(peer_tree(payload.bytes, payload.tree) == 0, "tree");
}

static long run_payload(const char *verb, long count)
{
    long result = -1;
    if (payload.x.buff == NULL)
        need(ei_x_new(&payload.x) == 0, "ei_x_new");
    while (count-- > 0) {
        if (strcmp(verb, "skip") == 0)
            result = peer_skip(payload.bytes);
        else if (strcmp(verb, "walk") == 0)
            result = peer_walk(payload.bytes, payload.scratch);
        else if (strcmp(verb, "encode") == 0)
            result = peer_encode(payload.tree, payload.scratch);
        else
            result = peer_x_encode(payload.tree, &payload.x);
        if (result < 0)
            break;
    }
    return result;
}

/* ---- Messages ---- */

static ei_cnode self;
static int fd = -1;
static erlang_pid sink;

/* Of a process there is one node with each life. */
static void init_node(ei_cnode *node, long life, const char *cookie)
{
    char name[64], full[80];
    struct in_addr here = {htonl(INADDR_LOOPBACK)};

    snprintf(name, sizeof name, "bench%ld_%ld", (long)getpid(), life);
    snprintf(full, sizeof full, "%s@127.0.0.1", name);
    need(ei_connect_xinit(node, "127.0.0.1", name, full, &here, cookie, 0) == 0, "ei_connect_xinit");
}

/* A peer may take a while to see that the node before has gone, so each connection is of a new one. */
static long reconnect(long count, char *peer, const char *cookie)
{
    static long life;
    for (long n = 0; n < count; n++) {
        ei_cnode node;
        int connection;
        init_node(&node, ++life, cookie);
        connection = ei_connect(&node, peer);
        need(connection >= 0, "connecting");
        ei_close_connection(connection);
    }
    return count;
}

/* The next message; ticks are passed over. */
static int receive(erlang_msg *msg, ei_x_buff *x)
{
    int got;
    do {
        x->index = 0;
        got = ei_xreceive_msg(fd, msg, x);
    } while (got == ERL_TICK);
    return got == ERL_MSG ? 0 : -1;
}

/* {Self, Tag} or {Self, Tag, Count, Size}, to a name. */
static void ask(char *name, const char *tag, long count, long size)
{
    ei_x_buff x;
    need(ei_x_new_with_version(&x) == 0 && ei_x_encode_tuple_header(&x, count < 0 ? 2 : 4) == 0 &&
             ei_x_encode_pid(&x, ei_self(&self)) == 0 && ei_x_encode_atom(&x, tag) == 0 &&
             (count < 0 || (ei_x_encode_long(&x, count) == 0 && ei_x_encode_long(&x, size) == 0)) &&
             ei_reg_send(&self, fd, name, x.buff, x.index) == 0,
         "asking");
    ei_x_free(&x);
}

/* Waits for {Sink, done}. */
static void wait_done(ei_x_buff *x)
{
    erlang_msg msg;
    int index = 0, version, arity;
    char atom[MAXATOMLEN];
    need(receive(&msg, x) == 0 && ei_decode_version(x->buff, &index, &version) == 0 &&
             ei_decode_tuple_header(x->buff, &index, &arity) == 0 && arity == 2 &&
             ei_decode_pid(x->buff, &index, &sink) == 0 && ei_decode_atom(x->buff, &index, atom) == 0 &&
             strcmp(atom, "done") == 0,
         "waiting for the other side");
}

/* {Self, <<Size bytes>>} if it is to come back, or {data, <<Size bytes>>}, with a version byte. */
static void data(ei_x_buff *x, int back, long size)
{
    char *bytes = calloc(size, 1);
    need(bytes != NULL && ei_x_new_with_version(x) == 0 && ei_x_encode_tuple_header(x, 2) == 0 &&
             (back ? ei_x_encode_pid(x, ei_self(&self)) : ei_x_encode_atom(x, "data")) == 0 &&
             ei_x_encode_binary(x, bytes, size) == 0,
         "encoding");
    free(bytes);
}

static void connected(void)
{
    ei_x_buff x;
    need(fd >= 0, "connecting");
    need(ei_x_new(&x) == 0, "ei_x_new");
    ask("sink", "done", -1, 0);
    wait_done(&x);
    ei_x_free(&x);
}

static long run_messages(const char *verb, long count, long size)
{
    static ei_x_buff in;
    ei_x_buff out;
    erlang_msg msg;
    long bytes = 0;

    int back = strcmp(verb, "ping") == 0 || strcmp(verb, "callers") == 0;
    long callers = strcmp(verb, "callers") == 0 ? size : 1;

    data(&out, back, callers > 1 ? 100 : size);
    if (in.buff == NULL)
        need(ei_x_new(&in) == 0, "ei_x_new");
    if (back) {
        for (long n = 0; n < callers; n++)
            need(ei_reg_send(&self, fd, "echo", out.buff, out.index) == 0, verb);
        for (long n = 0; n < count || n < callers; n++) {
            need(receive(&msg, &in) == 0, verb);
            bytes += in.index;
            if (n + callers < count)
                need(ei_reg_send(&self, fd, "echo", out.buff, out.index) == 0, verb);
        }
    } else if (strncmp(verb, "pull", 4) == 0) {
        ask("source", strcmp(verb, "pull") == 0 ? "send" : "send_name", count, size);
        for (long n = 0; n < count; n++) {
            need(receive(&msg, &in) == 0, verb);
            bytes += in.index;
        }
        wait_done(&in);
    } else {
        int by_name = strcmp(verb, "name") == 0;
        for (long n = 0; n < count; n++)
            need((by_name ? ei_reg_send(&self, fd, "sink", out.buff, out.index)
                          : ei_send(fd, &sink, out.buff, out.index)) == 0,
                 verb);
        ask("sink", "done", -1, 0);
        wait_done(&in);
    }
    ei_x_free(&out);
    return bytes;
}

/* What the Erlang module message_peer does: echo, sink and source. */
static void serve(const char *cookie)
{
    ErlConnect peer;
    erlang_msg msg;
    ei_x_buff in, out;
    int port = 0, listener;

    init_node(&self, 0, cookie);
    listener = ei_listen(&self, &port, 1);
    need(listener >= 0, "ei_listen");
    printf("%d\n", port);
    fflush(stdout);
    fd = ei_accept(&self, listener, &peer);
    need(fd >= 0 && ei_x_new(&in) == 0, "ei_accept");
    while (receive(&msg, &in) == 0) {
        int index = 0, version, arity, type, size;
        erlang_pid from;
        long count, length;

        if (ei_decode_version(in.buff, &index, &version) < 0 ||
            ei_decode_tuple_header(in.buff, &index, &arity) < 0 ||
            ei_get_type(in.buff, &index, &type, &size) < 0)
            fail("a message");
        if (type == ERL_ATOM_EXT)
            continue;
        if (ei_decode_pid(in.buff, &index, &from) < 0 || ei_get_type(in.buff, &index, &type, &size) < 0)
            fail("a message");
        if (msg.msgtype == ERL_REG_SEND && strcmp(msg.toname, "echo") == 0) {
            need(ei_send(fd, &from, in.buff, in.index) == 0, "ei_send");
        } else if (type != ERL_BINARY_EXT) {
            if (arity == 4) {
                need(ei_skip_term(in.buff, &index) == 0 && ei_decode_long(in.buff, &index, &count) == 0 &&
                         ei_decode_long(in.buff, &index, &length) == 0,
                     "a wish");
                data(&out, 0, length);
                while (count-- > 0)
                    need(ei_send(fd, &from, out.buff, out.index) == 0, "ei_send");
                ei_x_free(&out);
            }
            need(ei_x_new_with_version(&out) == 0 && ei_x_encode_tuple_header(&out, 2) == 0 &&
                     ei_x_encode_pid(&out, ei_self(&self)) == 0 && ei_x_encode_atom(&out, "done") == 0 &&
                     ei_send(fd, &from, out.buff, out.index) == 0,
                 "answering");
            ei_x_free(&out);
        }
    }
}

/* ---- What is asked for ---- */

int main(void)
{
    static char line[8192];

    if (ei_init() != 0 || calls_init() < 0)
        fail("init");
    while (fgets(line, sizeof line, stdin) != NULL) {
        char verb[32] = "", *rest;
        long count = 0, result;
        int at = 0;
        long long wall, cpu;

        line[strcspn(line, "\n")] = '\0';
        if (sscanf(line, "%31s %n", verb, &at) < 1)
            fail("an empty line");
        rest = line + at;
        if (strcmp(verb, "list") == 0) {
            for (const call *found = calls; found->name != NULL; found++)
                puts(found->name);
            puts("");
            fflush(stdout);
            continue;
        }
        if (strcmp(verb, "serve") == 0) {
            serve(rest);
            return 0;
        }
        if (strcmp(verb, "reconnect") == 0) {
            char *cookie;
            count = strtol(rest, &rest, 10);
            rest += *rest == ' ';
            cookie = strchr(rest, ' ');
            need(cookie != NULL, "a cookie is missing");
            *cookie++ = '\0';
            wall = now(CLOCK_MONOTONIC);
            cpu = now(CLOCK_PROCESS_CPUTIME_ID);
            result = reconnect(count, rest, cookie);
        } else if (strncmp(verb, "connect", 7) == 0) {
            char *cookie = strchr(rest, ' ');
            need(cookie != NULL, "a cookie is missing");
            *cookie++ = '\0';
            if (fd >= 0)
                ei_close_connection(fd);
            init_node(&self, 0, cookie);
            wall = now(CLOCK_MONOTONIC);
            cpu = now(CLOCK_PROCESS_CPUTIME_ID);
            fd = strcmp(verb, "connect") == 0 ? ei_connect(&self, rest)
                                              : ei_connect_host_port(&self, "127.0.0.1", atoi(rest));
            connected();
            result = 0;
        } else {
            count = strtol(rest, &rest, 10);
            rest += *rest == ' ';
            if (strcmp(verb, "skip") == 0 || strcmp(verb, "walk") == 0 || strstr(verb, "encode") != NULL)
                load(rest);
            wall = now(CLOCK_MONOTONIC);
            cpu = now(CLOCK_PROCESS_CPUTIME_ID);
            if (strcmp(verb, "call") == 0)
                result = run_call(count, rest);
            else if (strcmp(verb, "skip") == 0 || strcmp(verb, "walk") == 0 || strstr(verb, "encode") != NULL)
                result = run_payload(verb, count);
            else
                result = run_messages(verb, count, atol(rest));
        }
        wall = now(CLOCK_MONOTONIC) - wall;
        cpu = now(CLOCK_PROCESS_CPUTIME_ID) - cpu;
        if (result < 0)
            fail(line);
        printf("%lld %lld %ld\n", wall, cpu, result);
        fflush(stdout);
    }
    return 0;
}
