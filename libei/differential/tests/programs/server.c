/* A node that two nodes connect to where sink.erl runs. For each, one thread receives numbered messages
 * while another sends as many. */

#include <pthread.h>
#include "program.h"

#define COUNT 400

/* How many bytes come with a number. */
static int size_of(int number) { return number * 37 % 5000; }

static void *receives(void *arg)
{
    int fd = *(int *)arg;
    long expected = 0;
    ei_x_buff x;
    ei_x_new(&x);
    while (expected < COUNT) {
        erlang_msg msg;
        int index = 0, version, arity, type, size, result = ei_xreceive_msg(fd, &msg, &x);
        long number;
        if (result == ERL_TICK) continue;
        if (result != ERL_MSG) break;
        if (ei_decode_version(x.buff, &index, &version) || ei_decode_tuple_header(x.buff, &index, &arity)
            || ei_decode_long(x.buff, &index, &number) || ei_get_type(x.buff, &index, &type, &size))
            break;
        if (number != expected || size != size_of(number)) break;
        expected++;
    }
    ei_x_free(&x);
    return (void *)expected;
}

static void *sends(void *arg)
{
    int fd = *(int *)arg;
    long number;
    static const char bytes[5000];
    for (number = 0; number < COUNT; number++) {
        ei_x_buff x;
        ei_x_new_with_version(&x);
        ei_x_encode_tuple_header(&x, 2);
        ei_x_encode_long(&x, number);
        ei_x_encode_binary(&x, bytes, size_of(number));
        int result = ei_reg_send(&ec, fd, "sink", x.buff, x.index);
        ei_x_free(&x);
        if (result) break;
    }
    return (void *)number;
}

int main(int argc, char **argv)
{
    if (argc < 4) return 2;
    int port = 0, fds[2];
    pthread_t threads[2][2];
    setvbuf(stdout, NULL, _IONBF, 0);
    alarm(60);
    ei_init();
    choose(argv[1]);
    init(argv[3], argv[2]);
    int listener = say("listen", ei_listen(&ec, &port, 5));
    int published = say("publish", ei_publish(&ec, port));
    for (int at = 0; at < 2; at++) {
        ErlConnect peer;
        fds[at] = say("accept", ei_accept(&ec, listener, &peer));
        pthread_create(&threads[at][0], NULL, receives, &fds[at]);
        pthread_create(&threads[at][1], NULL, sends, &fds[at]);
    }
    for (int at = 0; at < 2; at++) {
        void *received, *sent;
        pthread_join(threads[at][0], &received);
        pthread_join(threads[at][1], &sent);
        printf("received %ld sent %ld\n", (long)received, (long)sent);
    }
    await();
    for (int at = 0; at < 2; at++) say("close", ei_close_connection(fds[at]));
    close(published);
    say("close listener", ei_close_connection(listener));
    printf("open %d\n", open_sockets);
    return 0;
}
