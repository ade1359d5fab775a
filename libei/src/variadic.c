/* What Rust cannot define: functions that take any number of arguments, and what is a macro of C.
 *
 * Rust reads the format and asks, by way of ei_argument_*, for one argument at a time. The names that
 * programs call are trampolines in format.rs, since a shared library exports nothing from here.
 */

#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#define HIDDEN __attribute__((visibility("hidden")))

struct arguments {
    va_list list;
};

int einode_x_format(void *x, const char *format, struct arguments *arguments, int version);

HIDDEN void *ei_argument_pointer(struct arguments *from) { return va_arg(from->list, void *); }
HIDDEN int ei_argument_int(struct arguments *from) { return va_arg(from->list, int); }
HIDDEN long ei_argument_long(struct arguments *from) { return va_arg(from->list, long); }
HIDDEN double ei_argument_double(struct arguments *from) { return va_arg(from->list, double); }

HIDDEN int ei_x_format_variadic(void *x, const char *format, ...)
{
    struct arguments arguments;
    va_start(arguments.list, format);
    int result = einode_x_format(x, format, &arguments, 1);
    va_end(arguments.list);
    return result;
}

HIDDEN int ei_x_format_wo_ver_variadic(void *x, const char *format, ...)
{
    struct arguments arguments;
    va_start(arguments.list, format);
    int result = einode_x_format(x, format, &arguments, 0);
    va_end(arguments.list);
    return result;
}

/* A line on stderr, at any length; lines of several threads do not mix. */
HIDDEN void ei_trace_printf_variadic(const char *name, int level, const char *format, ...)
{
    char now[26] = "";
    time_t seconds = time(NULL);
    va_list arguments;

    (void)level;
    ctime_r(&seconds, now);
    va_start(arguments, format);
    flockfile(stderr);
    fprintf(stderr, "%s: %.24s: ", name, now);
    vfprintf(stderr, format, arguments);
    fputs("\r\n", stderr);
    funlockfile(stderr);
    va_end(arguments);
}

/* stderr is a macro. */
HIDDEN void ei_tell(const char *text, size_t length)
{
    fwrite(text, 1, length, stderr);
}
