/* Everything that the library has to tell about how connections come about, or do not. Between
 * the steps, stderr gets their names. */

#include <signal.h>
#include <sys/wait.h>
#include "program.h"

static void step(const char *name) { fprintf(stderr, "## %s\n", name); }

/* Has another node connect to a port; its own steps are not told. */
static pid_t visitor(int port, const char *cookie)
{
    pid_t child = fork();
    if (child) return child;
    ei_set_tracelevel(0);
    init("visitor", cookie);
    int fd = ei_connect_host_port(&ec, "127.0.0.1", port);
    if (fd >= 0) ei_receive(fd, (unsigned char *)&fd, 0);
    _exit(0);
}

/* A peer that says what no node does. */
static int stranger(int port, const char *bytes, int size)
{
    struct sockaddr_in address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    if (connect(fd, (void *)&address, sizeof address) || write(fd, bytes, size) != size) exit(3);
    return fd;
}

static void beginnings(void)
{
    ei_cnode node;
    char big[600] = "";
    memset(big, 'x', sizeof big - 1);
    step("a long cookie");
    ei_connect_xinit(&node, "h", "a", "a@h", NULL, big, 1);
    step("a long host");
    ei_connect_xinit(&node, big, "a", "a@h", NULL, "c", 1);
    step("a long alive name");
    ei_connect_xinit(&node, "h", big, "a@h", NULL, "c", 1);
    step("a long name");
    ei_connect_xinit(&node, "h", "a", big, NULL, "c", 1);
    step("a long own name");
    ei_connect_init(&node, big, "c", 1);
    step("few callbacks");
    ei_connect_init_ussi(&node, "a", "c", 1, &callbacks, 3, NULL);
    step("no @");
    ei_connect(&ec, "nowhere");
    step("a long name to connect to");
    memcpy(big + 300, "@h", 3);
    ei_connect(&ec, big);
    step("no host");
    ei_connect(&ec, "x@no.such.host.invalid");
    step("no host for a port");
    ei_connect_host_port(&ec, "no.such.host.invalid", 1);
}

static void connections(const char *cookie, char *peer)
{
    step("connect");
    int fd = ei_connect(&ec, peer);
    step("close");
    ei_close_connection(fd);
    step("close again");
    ei_close_connection(fd);
    step("no such node");
    ei_connect(&ec, "nobody@127.0.0.1");
    step("refused");
    ei_connect_host_port(&ec, "127.0.0.1", 1);
    step("not a node");
    ei_connect_host_port(&ec, "127.0.0.1", atoi(getenv("ERL_EPMD_PORT")));
    step("another cookie");
    init("wrong", "wrong");
    ei_connect(&ec, peer);
    step("without a name");
    init(NULL, cookie);
    ei_close_connection(ei_connect(&ec, peer));
    init("c", cookie);
}

static void servers(const char *cookie)
{
    int port = 0, fd;
    pid_t child;
    struct in_addr ip = { htonl(INADDR_LOOPBACK) };
    step("listen");
    int listener = ei_xlisten(&ec, &ip, &port, 5);
    step("listen again");
    ei_xlisten(&ec, &ip, &port, 5);
    step("publish");
    int published = ei_publish(&ec, port);
    step("publish again");
    ei_publish(&ec, port);
    step("unpublish");
    ei_unpublish(&ec);
    close(published);
    step("nobody comes");
    ei_accept_tmo(&ec, listener, NULL, 50);
    fd = stranger(port, "", 0);
    step("silence comes");
    ei_accept_tmo(&ec, listener, NULL, 50);
    close(fd);
    fd = stranger(port, "\0\3abc", 5);
    step("no node comes");
    ei_accept_tmo(&ec, listener, NULL, 10000);
    close(fd);
    fd = stranger(port, "\0\3Nbc", 5);
    step("half a name comes");
    ei_accept_tmo(&ec, listener, NULL, 10000);
    close(fd);
    child = visitor(port, cookie);
    step("a node comes");
    fd = ei_accept(&ec, listener, NULL);
    ei_close_connection(fd);
    waitpid(child, NULL, 0);
    child = visitor(port, "wrong");
    step("a node with another cookie comes");
    ei_accept(&ec, listener, NULL);
    waitpid(child, NULL, 0);
    ei_close_connection(listener);
}

int main(int argc, char **argv)
{
    if (argc < 4) return 2;
    alarm(60);
    ei_init();
    ei_set_tracelevel(atoi(argv[1]));
    init("c", argv[2]);
    beginnings();
    connections(argv[2], argv[3]);
    servers(argv[2]);
    return 0;
}
