/* A program that is not as careful as its manual says. Its first argument is what it does wrong. */

#include <pthread.h>
#include <signal.h>
#include <sys/time.h>
#include <sys/wait.h>
#include "program.h"

static int fd;
static char *peer;

/* Sends to echo and hears from it. */
static void converse(ei_x_buff *x)
{
    erlang_msg msg;
    x->index = 0;
    ei_x_format(x, "{~p,hello}", ei_self(&ec));
    say("send", ei_reg_send(&ec, fd, "echo", x->buff, x->index));
    say("receive", ei_xreceive_msg_tmo(fd, &msg, x, 20000));
}

/* Null where something must be. */
static void nothing(void)
{
    erlang_msg msg;
    ei_x_buff x = { NULL, 0, 0 };
    ei_cnode node;
    char text[] = "x";
    struct in_addr ip = { htonl(INADDR_LOOPBACK) };
    int bad = 0, size = 0, port = 0;
    bad += ei_connect(NULL, text) >= 0;
    bad += ei_connect(&ec, NULL) >= 0;
    bad += ei_xconnect(&ec, NULL, text) >= 0;
    bad += ei_xconnect(&ec, &ip, NULL) >= 0;
    bad += ei_connect_host_port(&ec, NULL, 1) >= 0;
    bad += ei_xconnect_host_port(&ec, NULL, 1) >= 0;
    bad += ei_connect_init(NULL, text, text, 1) >= 0;
    bad += ei_connect_xinit(&node, NULL, text, text, NULL, text, 1) >= 0;
    bad += ei_connect_init_ussi(&node, text, text, 1, NULL, sizeof callbacks, NULL) >= 0;
    bad += ei_listen(NULL, &port, 1) >= 0;
    bad += ei_listen(&ec, NULL, 1) >= 0;
    bad += ei_xlisten(&ec, NULL, &port, 1) >= 0;
    bad += ei_accept(NULL, 0, NULL) >= 0;
    bad += ei_publish(NULL, 1) >= 0;
    bad += ei_unpublish(NULL) >= 0;
    bad += ei_send(fd, NULL, text, 1) >= 0;
    bad += ei_send(fd, ei_self(&ec), NULL, 1) >= 0;
    bad += ei_reg_send(NULL, fd, text, text, 1) >= 0;
    bad += ei_reg_send(&ec, fd, NULL, text, 1) >= 0;
    bad += ei_receive_msg_tmo(fd, NULL, &x, 1) >= 0;
    bad += ei_receive_msg_tmo(fd, &msg, NULL, 1) >= 0;
    bad += ei_receive_encoded_tmo(fd, NULL, &size, &msg, &size, 1) >= 0;
    bad += ei_rpc_to(&ec, fd, NULL, text, "j", 1) >= 0;
    bad += ei_rpc_to(&ec, fd, text, NULL, "j", 1) >= 0;
    bad += ei_rpc_to(&ec, fd, text, text, NULL, 1) >= 0;
    bad += ei_global_whereis(&ec, fd, NULL, NULL, NULL) >= 0;
    bad += ei_self(NULL) != NULL;
    bad += ei_make_pid(&ec, NULL) >= 0;
    bad += ei_make_ref(NULL, NULL) >= 0;
    bad += ei_thisnodename(NULL) != NULL;
    printf("%d were not refused\n", bad);
}

static void on_alarm(int signal) { (void)signal; }

/* Signals come all the time, and interrupt what the system does. */
static void interrupt(void)
{
    struct sigaction action;
    struct itimerval often = { { 0, 1000 }, { 0, 1000 } };
    memset(&action, 0, sizeof action);
    action.sa_handler = on_alarm;
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &often, NULL);
}

int main(int argc, char **argv)
{
    ei_x_buff x;
    int status;
    if (argc < 4) return 2;
    const char *mistake = argv[1];
    peer = argv[3];
    setvbuf(stdout, NULL, _IONBF, 0);
    alarm(60);
    if (strcmp(mistake, "uninitialized")) ei_init();
    if (!strcmp(mistake, "initialized twice")) ei_init();
    init("careless", argv[2]);
    if (!strcmp(mistake, "signals")) interrupt();
    if (!strcmp(mistake, "fork")) {
        /* The child is the node; its parent ends before it may hinder it. */
        pid_t child = fork();
        if (child) {
            waitpid(child, &status, 0);
            return !WIFEXITED(status) || WEXITSTATUS(status);
        }
    }
    fd = say("connect", ei_connect(&ec, peer));
    if (fd < 0) { printf("open %d\n", open_sockets); return 0; }
    if (!strcmp(mistake, "null")) nothing();
    ei_x_new(&x);
    if (!strcmp(mistake, "replaced")) {
        /* Memory of the program's own, smaller and elsewhere. */
        free(x.buff);
        x.buff = malloc(3);
        x.buffsz = 3;
    }
    if (!strcmp(mistake, "moved")) {
        /* The structure elsewhere, too. */
        ei_x_buff *moved = malloc(sizeof *moved);
        *moved = x;
        moved->buff = realloc(moved->buff, moved->buffsz * 20);
        moved->buffsz *= 20;
        converse(moved);
        x = *moved;
        free(moved);
    }
    converse(&x);
    converse(&x);
    ei_x_free(&x);
    say("close", ei_close_connection(fd));
    say("close again", ei_close_connection(fd));
    printf("open %d\n", open_sockets);
    return 0;
}
