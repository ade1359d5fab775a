/* What OTP's erl_call is for, written anew: calls a function of a node, or has a node evaluate what is on
 * stdin, and prints the result, and before it what is written meanwhile.
 *
 *   erl_call -c COOKIE (-name NODE | -address [HOST:]PORT) [-h NAME] [-timeout SECONDS]
 *            [-fetch_stdout] [-no_result_term] (-a 'MODULE [FUNCTION [ARGUMENTS]]' | -e)
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "ei.h"

static const char *cookie, *node, *address, *apply, *own = "erl_call";
static int evaluate, fetch, quiet;

static void fail(int code, const char *message, const char *about)
{
    fprintf(stderr, "erl_call: %s %s\n", message, about);
    exit(code);
}

static void read_options(char **option)
{
    while (*++option) {
        if (!strcmp(*option, "-e")) evaluate = 1;
        else if (!strcmp(*option, "-fetch_stdout")) fetch = EI_RPC_FETCH_STDOUT;
        else if (!strcmp(*option, "-no_result_term")) quiet = 1;
        else if (!option[1]) fail(1, "no value for", *option);
        else if (!strcmp(*option, "-c")) cookie = *++option;
        else if (!strcmp(*option, "-h")) own = *++option;
        else if (!strcmp(*option, "-a")) apply = *++option;
        else if (!strcmp(*option, "-name")) node = *++option;
        else if (!strcmp(*option, "-address")) address = *++option;
        else if (!strcmp(*option, "-timeout")) alarm(atoi(*++option));
        else fail(1, "no such option:", *option);
    }
    if (!node == !address || !apply == !evaluate) fail(1, "one node, and one thing to do", "");
}

static int open_connection(ei_cnode *ec)
{
    char name[MAXNODELEN + 1], host[EI_MAXHOSTNAMELEN + 1] = "127.0.0.1";
    const char *port;
    snprintf(name, sizeof name, "%s@127.0.0.1", own);
    if (ei_init() || ei_connect_xinit(ec, host, own, name, NULL, cookie, getpid()))
        fail(1, "no node called", name);
    if (node) return ei_connect(ec, (char *)node);
    if ((port = strrchr(address, ':'))) snprintf(host, sizeof host, "%.*s", (int)(port - address), address);
    return ei_connect_host_port(ec, host, atoi(port ? port + 1 : address));
}

/* Everything on stdin. */
static char *read_input(int *size)
{
    char *text = NULL;
    size_t read;
    *size = 0;
    do {
        text = realloc(text, *size + 4096);
        read = fread(text + *size, 1, 4096, stdin);
        *size += read;
    } while (read);
    return text;
}

/* What is to be called. */
static void request(ei_x_buff *arguments, char *module, char *function)
{
    ei_x_new(arguments);
    if (evaluate) {
        int size;
        char *text = read_input(&size);
        strcpy(module, "erl_eval");
        strcpy(function, "eval_str");
        ei_x_encode_list_header(arguments, 1);
        ei_x_encode_binary(arguments, text, size);
        ei_x_encode_empty_list(arguments);
        free(text);
    } else {
        int read = 0;
        strcpy(function, "start");
        sscanf(apply, "%255s %255s %n", module, function, &read);
        if (ei_x_format_wo_ver(arguments, read && apply[read] ? apply + read : "[]"))
            fail(255, "these are no arguments:", apply + read);
    }
}

/* Prints a message of rex; whether it was the result. */
static int print(const char *buf)
{
    char name[MAXATOMLEN], *bytes;
    int index = 0, version, arity, type, size;
    long length;
    if (ei_decode_version(buf, &index, &version) || ei_decode_tuple_header(buf, &index, &arity)
        || arity != 2 || ei_decode_atom(buf, &index, name))
        fail(1, "an answer that is none", "");
    if (!strcmp(name, "rex_stdout")) {
        ei_get_type(buf, &index, &type, &size);
        bytes = malloc(size + 1);
        if (ei_decode_binary(buf, &index, bytes, &length)) fail(1, "an answer that is none", "");
        fwrite(bytes, 1, length, stdout);
        free(bytes);
        return 0;
    }
    if (!quiet && ei_print_term(stdout, buf, &index) < 0) fail(1, "a result that cannot be printed", "");
    return 1;
}

int main(int argc, char **argv)
{
    char module[256] = "", function[256];
    ei_cnode ec;
    ei_x_buff x;
    erlang_msg msg;
    int fd, got, done = 0;
    (void)argc;
    read_options(argv);
    if ((fd = open_connection(&ec)) < 0) fail(1, "failed to connect to node", node ? node : address);
    request(&x, module, function);
    if (ei_xrpc_to(&ec, fd, module, function, x.buff, x.index, fetch)) fail(1, "failed to call", apply);
    while (!done) {
        got = ei_rpc_from(&ec, fd, ERL_NO_TIMEOUT, &msg, &x);
        if (got == ERL_ERROR) fail(1, "the connection is lost", "");
        if (got == ERL_MSG) done = print(x.buff);
    }
    ei_x_free(&x);
    ei_close_connection(fd);
    return 0;
}
