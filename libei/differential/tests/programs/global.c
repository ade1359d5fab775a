/* A node that registers names for a whole cluster, and looks up those of others. */

#include "program.h"

static int compare(const void *one, const void *other)
{
    return strcmp(*(char *const *)one, *(char *const *)other);
}

static void names(int fd)
{
    int count = -7;
    char **names = ei_global_names(&ec, fd, &count);
    if (!names) { say("names", -1); return; }
    qsort(names, count, sizeof *names, compare);
    printf("%d names:", count);
    for (int at = 0; at < count; at++) printf(" %s", names[at]);
    putchar('\n');
    free(names);
}

static void whereis(int fd, const char *name)
{
    erlang_pid pid;
    char node[MAXATOMLEN_UTF8];
    printf("%s ", name);
    if (say("is", ei_global_whereis(&ec, fd, name, &pid, node))) return;
    printf("at %s own %d\n", strncmp(node, "beam", 4) ? node : "beam", !ei_cmp_pids(&pid, ei_self(&ec)));
}

int main(int argc, char **argv)
{
    if (argc < 4) return 2;
    erlang_pid pid;
    setvbuf(stdout, NULL, _IONBF, 0);
    alarm(60);
    ei_init();
    choose(argv[1]);
    init("c", argv[2]);
    int fd = say("connect", ei_connect(&ec, argv[3]));
    names(fd);
    if (argc > 4) return 0;
    say("register", ei_global_register(fd, "mine", ei_self(&ec)));
    say("register again", ei_global_register(fd, "mine", ei_self(&ec)));
    say("register another", ei_global_register(fd, "M\xfcller", ei_self(&ec)));
    say("register theirs", ei_global_register(fd, "theirs", ei_self(&ec)));
    names(fd);
    whereis(fd, "mine");
    whereis(fd, "theirs");
    whereis(fd, "M\xfcller");
    whereis(fd, "nobody");
    say("whereis", ei_global_whereis(&ec, fd, "mine", &pid, NULL));
    puts("seen");
    await();
    names(fd);
    whereis(fd, "theirs");
    say("unregister", ei_global_unregister(&ec, fd, "mine"));
    say("unregister again", ei_global_unregister(&ec, fd, "mine"));
    whereis(fd, "mine");
    names(fd);
    say("close", ei_close_connection(fd));
    printf("open %d\n", open_sockets);
    return 0;
}
