/* Two nodes in one process that are connected. One of them says nothing and reads nothing. */

#include <pthread.h>
#include "program.h"

int ei_send_exit_tmo(int fd, const erlang_pid *from, const erlang_pid *to, const char *reason, unsigned ms);
int ei_epmd_connect_tmo(struct in_addr *ip, unsigned ms);

static int listener, accepted;

static void *silent_peer(void *arg)
{
    accepted = ei_accept(&ec, listener, NULL);
    return arg;
}

/* Nobody sends. */
static void hear(int fd)
{
    erlang_msg msg;
    ei_x_buff x;
    unsigned char packet[10];
    int size = 10, length;
    char *buffer = malloc(size);
    ei_x_new(&x);
    say("receive_tmo", ei_receive_tmo(fd, packet, sizeof packet, 50));
    say("receive_msg_tmo", ei_receive_msg_tmo(fd, &msg, &x, 50));
    say("xreceive_msg_tmo", ei_xreceive_msg_tmo(fd, &msg, &x, 50));
    say("receive_encoded_tmo", ei_receive_encoded_tmo(fd, &buffer, &size, &msg, &length, 50));
    say("rpc_from", ei_rpc_from(&ec, fd, 50, &msg, &x));
    ei_x_free(&x);
    free(buffer);
}

/* Leaves no room at all. */
static void fill(int fd)
{
    char bytes[1024] = "";
    while (send(fd, bytes, sizeof bytes, MSG_DONTWAIT) > 0) {}
    while (send(fd, bytes, 1, MSG_DONTWAIT) > 0) {}
}

/* Nobody reads. */
static void speak(int fd)
{
    static char message[1 << 20];
    int index = 0, sent = 0, size = 1 << 12;
    ei_encode_version(message, &index);
    ei_encode_binary(message, &index, NULL, 0);
    memcpy(message + index - 4, (char[]){0, 15, 255, 0}, 4);
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    while (ei_send_tmo(fd, &ec.self, message, index + 0xfff00, 50) == 0 && sent < 100) sent++;
    printf("room for %s: %s\n", sent < 100 ? "some" : "all", error_name(erl_errno));
    fill(fd);
    say("send_tmo", ei_send_tmo(fd, &ec.self, message, index, 50));
    fill(fd);
    say("reg_send_tmo", ei_reg_send_tmo(&ec, fd, "x", message, index, 50));
    fill(fd);
    say("send_encoded_tmo", ei_send_encoded_tmo(fd, &ec.self, message, index, 50));
    fill(fd);
    say("send_reg_encoded_tmo", ei_send_reg_encoded_tmo(fd, &ec.self, "x", message, index, 50));
    fill(fd);
    say("send_exit_tmo", ei_send_exit_tmo(fd, &ec.self, &ec.self, "reason", 50));
    printf("blocking %d\n", !(fcntl(fd, F_GETFL) & O_NONBLOCK));
}

/* A port whose queue is full: the system answers nobody who connects. */
static void call_in_vain(void)
{
    struct sockaddr_in address;
    socklen_t length = sizeof address;
    char port[10];
    int full = socket(AF_INET, SOCK_STREAM, 0), waiting[2];
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(full, (void *)&address, length) || listen(full, 0) || getsockname(full, (void *)&address, &length))
        exit(3);
    for (int at = 0; at < 2; at++) {
        waiting[at] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        if (connect(waiting[at], (void *)&address, length) && errno != EINPROGRESS) exit(3);
    }
    say("xconnect_host_port_tmo", ei_xconnect_host_port_tmo(&ec, &address.sin_addr, ntohs(address.sin_port), 50));
    snprintf(port, sizeof port, "%d", ntohs(address.sin_port));
    setenv("ERL_EPMD_PORT", port, 1);
    say("epmd_connect_tmo", ei_epmd_connect_tmo(&address.sin_addr, 50));
    say("xconnect_tmo", ei_xconnect_tmo(&ec, &address.sin_addr, "x", 50));
    say("publish_tmo", ei_publish_tmo(&ec, 1, 50));
    close(full);
    close(waiting[0]);
    close(waiting[1]);
    /* Nobody is there. */
    say("xconnect_host_port", ei_xconnect_host_port(&ec, &address.sin_addr, ntohs(address.sin_port)));
    say("xconnect_host_port_tmo", ei_xconnect_host_port_tmo(&ec, &address.sin_addr, ntohs(address.sin_port), 50));
    refuses = 1;
    if (with_callbacks) say("refused", ei_xconnect_host_port(&ec, &address.sin_addr, 1));
    if (with_callbacks) say("refused in time", ei_xconnect_host_port_tmo(&ec, &address.sin_addr, 1, 50));
}

int main(int argc, char **argv)
{
    if (argc < 2) return 2;
    pthread_t thread;
    int port = 0;
    struct in_addr ip = { htonl(INADDR_LOOPBACK) };
    setvbuf(stdout, NULL, _IONBF, 0);
    alarm(60);
    ei_init();
    choose(argv[1]);
    init("c", "secret");
    listener = ei_xlisten(&ec, &ip, &port, 5);
    pthread_create(&thread, NULL, silent_peer, NULL);
    int fd = say("connect", ei_connect_host_port(&ec, "127.0.0.1", port));
    pthread_join(thread, NULL);
    hear(fd);
    speak(fd);
    say("close", ei_close_connection(fd));
    say("close", ei_close_connection(accepted));
    call_in_vain();
    say("close", ei_close_connection(listener));
    printf("open %d\n", open_sockets);
    return 0;
}
