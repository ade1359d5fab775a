/*
 * One function of libei at a time, as often as is asked for. Each operation returns a number that is the same with every
 * right library: a sum of what was written, or the index after what was read; -1 if the library refuses.
 */

#define USE_EI_UNDOCUMENTED
#include <ei.h>
#include <stdlib.h>
#include <string.h>

#include "libei_calls.h"

/* Aligned, so that all programs copy alike. */
#define ALIGNED __attribute__((aligned(64)))

/* What the compiler cannot know, or else it would do once what is within the program, and while compiling. */
#define HIDDEN(value) ({ __typeof__(value) hidden = (value); __asm__ volatile("" : "+r"(hidden)); hidden; })
#define KEEP() __asm__ volatile("" : : : "memory")

static char out[1 << 16] ALIGNED, text[1 << 16] ALIGNED;
static ei_x_buff x;
static erlang_pid pid = {"node@host.example", 4711, 3, 0x5f3759df};
static erlang_port port = {"node@host.example", 4711, 0x5f3759df};
static erlang_ref ref = {"node@host.example", 3, {1, 2, 3}, 0x5f3759df};
static erlang_trace token;
static erlang_fun fun, export;
static erlang_big *big;
static char long_text[1000] ALIGNED;
static char latin1[] = "caf\xe9 cr\xe8me";
static char utf8[] = "caf\xc3\xa9 cr\xc3\xa8me";

/* ---- What decoders read ---- */

#define NODE "w\21node@host.example"
#define PID "X" NODE "\0\0\022\147\0\0\0\3\137\67\131\337"
#define BIG8 "n\10\1\1\2\3\4\5\6\7\10"

static const char in_fun[] = "p\0\0\0\113\2" "0123456789abcdef" "\0\0\0\7" "\0\0\0\1" "w\6module" "a\1" "a\2"
                             PID "a\5";
static char in_long_string[1003] ALIGNED = "k\3\350", in_binary_4k[4101] ALIGNED = "m\0\0\20\0",
            in_intlist[506] ALIGNED = "l\0\0\0\144", in_bytelist[206] ALIGNED = "l\0\0\0\144";

/* ---- Writing: ei_encode_ and ei_x_encode_ ---- */

static long sum(const char *bytes, int length)
{
    unsigned long sum = length;
    for (int n = 0; n < length; n++)
        sum = sum * 31 + (unsigned char)bytes[n];
    return sum >> 1;
}

#define ENCODERS(E)                                                                                 \
    E(version, )                                                                                    \
    E(long, one_byte, HIDDEN(7L))                                                                   \
    E(long, four_bytes, HIDDEN(-100000L))                                                           \
    E(long, eight_bytes, HIDDEN(0x123456789abcdefL))                                                \
    E(ulong, four_bytes, HIDDEN(100000UL))                                                          \
    E(ulong, eight_bytes, HIDDEN(0xfedcba9876543210UL))                                             \
    E(longlong, four_bytes, HIDDEN(-100000LL))                                                      \
    E(longlong, eight_bytes, HIDDEN(-0x123456789abcdefLL))                                          \
    E(ulonglong, four_bytes, HIDDEN(100000ULL))                                                     \
    E(ulonglong, eight_bytes, HIDDEN(0xfedcba9876543210ULL))                                        \
    E(big, eight_bytes, big)                                                                        \
    E(double, , 3.14159)                                                                            \
    E(boolean, , 1)                                                                                 \
    E(char, , 'x')                                                                                  \
    E(atom, , "gen_server")                                                                         \
    E(atom, latin1, latin1)                                                                         \
    E(atom_len, , "gen_server", 10)                                                                 \
    E(atom_as, utf8, utf8, ERLANG_UTF8, ERLANG_UTF8)                                                \
    E(atom_as, ascii, "gen_server", ERLANG_ASCII, ERLANG_UTF8)                                      \
    E(atom_len_as, utf8, utf8, sizeof utf8 - 1, ERLANG_UTF8, ERLANG_UTF8)                           \
    E(atom_len_as, ascii_as_utf8, "gen_server", 10, ERLANG_UTF8, ERLANG_UTF8)                       \
    E(string, 11_bytes, "hello world")                                                              \
    E(string_len, 11_bytes, "hello world", 11)                                                      \
    E(string_len, 1000_bytes, long_text, 1000)                                                      \
    E(binary, 11_bytes, "hello world", HIDDEN(11))                                                  \
    E(binary, 1000_bytes, long_text, HIDDEN(1000))                                                  \
    E(bitstring, 88_bits, "hello world", 0, 88)                                                     \
    E(bitstring, 83_bits_from_3, "hello world", 3, 83)                                              \
    E(pid, , &pid)                                                                                  \
    E(port, , &port)                                                                                \
    E(ref, , &ref)                                                                                  \
    E(trace, , &token)                                                                              \
    E(fun, , &fun)                                                                                  \
    E(fun, export, &export)                                                                         \
    E(tuple_header, , HIDDEN(3))                                                                    \
    E(tuple_header, 300, HIDDEN(300))                                                               \
    E(list_header, , HIDDEN(3))                                                                     \
    E(list_header, empty, HIDDEN(0))                                                                \
    E(map_header, , HIDDEN(3))

#define DEFINE_ENCODER(what, of, ...)                                                               \
    static long encode_##what##_##of(long count)                                                    \
    {                                                                                               \
        int index = 0;                                                                              \
        while (count-- > 0) {                                                                       \
            index = 0;                                                                              \
            if (ei_encode_##what(out, &index, ##__VA_ARGS__) < 0)                                   \
                return -1;                                                                          \
            KEEP();                                                                                 \
        }                                                                                           \
        return sum(out, index);                                                                     \
    }                                                                                               \
    static long x_encode_##what##_##of(long count)                                                  \
    {                                                                                               \
        while (count-- > 0) {                                                                       \
            x.index = 0;                                                                            \
            if (ei_x_encode_##what(&x, ##__VA_ARGS__) < 0)                                          \
                return -1;                                                                          \
        }                                                                                           \
        return sum(x.buff, x.index);                                                                \
    }
ENCODERS(DEFINE_ENCODER)

static long x_encode_empty_list(long count)
{
    while (count-- > 0) {
        x.index = 0;
        if (ei_x_encode_empty_list(&x) < 0)
            return -1;
    }
    return sum(x.buff, x.index);
}

/* ---- Buffers that grow ---- */

static long x_new_free(long count)
{
    ei_x_buff new;
    while (count-- > 0)
        if (ei_x_new_with_version(&new) < 0 || ei_x_free(&new) < 0)
            return -1;
    return 0;
}

static long x_append(long count)
{
    static ei_x_buff small;
    if (small.buff == NULL && (ei_x_new(&small) < 0 || ei_x_encode_string(&small, "hello world") < 0))
        return -1;
    while (count-- > 0) {
        x.index = 0;
        if (ei_x_append(&x, &small) < 0)
            return -1;
    }
    return sum(x.buff, x.index);
}

static long x_append_buf(long count)
{
    while (count-- > 0) {
        x.index = 0;
        if (ei_x_append_buf(&x, long_text, 100) < 0)
            return -1;
    }
    return sum(x.buff, x.index);
}

/* A thousand integers, which the buffer grows for. */
static long x_growing(long count)
{
    long written = 0;
    while (count-- > 0) {
        ei_x_buff new;
        if (ei_x_new(&new) < 0)
            return -1;
        for (int n = 0; n < 1000; n++)
            if (ei_x_encode_long(&new, 100000) < 0)
                return -1;
        written = sum(new.buff, new.index);
        ei_x_free(&new);
    }
    return written;
}

static long x_format(long count)
{
    while (count-- > 0) {
        x.index = 0;
        if (ei_x_format_wo_ver(&x, "{ok, [~a, ~i, ~s], ~f}", "name", 12345, "text", 1.5) < 0)
            return -1;
    }
    return sum(x.buff, x.index);
}

/* ---- Reading ---- */

#define DECODERS(D)                                                                                 \
    D(version, , "\203", (int *)out)                                                                \
    D(long, one_byte, "a\7", (long *)out)                                                           \
    D(long, four_bytes, "b\1\2\3\4", (long *)out)                                                   \
    D(long, eight_bytes, BIG8, (long *)out)                                                         \
    D(ulong, one_byte, "a\7", (unsigned long *)out)                                                 \
    D(ulong, four_bytes, "b\1\2\3\4", (unsigned long *)out)                                         \
    D(ulong, eight_bytes, "n\10\0\1\2\3\4\5\6\7\310", (unsigned long *)out)                         \
    D(longlong, one_byte, "a\7", (EI_LONGLONG *)out)                                                \
    D(longlong, four_bytes, "b\1\2\3\4", (EI_LONGLONG *)out)                                        \
    D(longlong, eight_bytes, BIG8, (EI_LONGLONG *)out)                                              \
    D(ulonglong, four_bytes, "b\1\2\3\4", (EI_ULONGLONG *)out)                                      \
    D(ulonglong, eight_bytes, "n\10\0\1\2\3\4\5\6\7\310", (EI_ULONGLONG *)out)                      \
    D(big, eight_bytes, BIG8, big)                                                                  \
    D(double, , "F\100\11\41\373\124\104\55\30", (double *)out)                                     \
    D(double, old_form, "c3.14159000000000008157e+00\0\0\0\0", (double *)out)                       \
    D(boolean, , "w\5false", (int *)out)                                                            \
    D(char, , "a\7", out)                                                                           \
    D(atom, , "w\12gen_server", out)                                                                \
    D(atom, old_form, "d\0\12gen_server", out)                                                      \
    D(atom, utf8_to_latin1, "w\14caf\303\251 cr\303\250me", out)                                    \
    D(atom_as, ascii, "w\12gen_server", out, MAXATOMLEN_UTF8, ERLANG_UTF8, NULL, NULL)              \
    D(atom_as, utf8, "w\14caf\303\251 cr\303\250me", out, MAXATOMLEN_UTF8, ERLANG_UTF8, NULL, NULL) \
    D(atom_as, latin1_to_utf8, "s\12caf\351 cr\350me", out, MAXATOMLEN_UTF8, ERLANG_UTF8, NULL, NULL) \
    D(string, 11_bytes, "k\0\13hello world", out)                                                   \
    D(string, 1000_bytes, in_long_string, out)                                                      \
    D(string, list_of_100, in_bytelist, out)                                                        \
    D(binary, 11_bytes, "m\0\0\0\13hello world", out, (long *)text)                                 \
    D(binary, 4096_bytes, in_binary_4k, out, (long *)text)                                          \
    D(bitstring, , "M\0\0\0\13\3hello world", (const char **)out, (unsigned *)text, (size_t *)(text + 8)) \
    D(pid, , PID, (erlang_pid *)out)                                                                \
    D(port, , "x" NODE "\0\0\0\0\0\0\0\7\137\67\131\337", (erlang_port *)out)                       \
    D(port, 28_bits, "Y" NODE "\0\0\0\7\137\67\131\337", (erlang_port *)out)                        \
    D(ref, , "Z\0\3" NODE "\137\67\131\337\0\0\0\1\0\0\0\2\0\0\0\3", (erlang_ref *)out)             \
    D(trace, , "h\5a\1a\2a\3" PID "a\4", (erlang_trace *)out)                                       \
    D(tuple_header, , "h\3", (int *)out)                                                            \
    D(list_header, , "l\0\0\0\3", (int *)out)                                                       \
    D(list_header, empty, "j", (int *)out)                                                          \
    D(map_header, , "t\0\0\0\3", (int *)out)                                                        \
    D(intlist, list_of_100, in_intlist, (long *)out, (int *)text)                                   \
    D(intlist, string_of_1000, in_long_string, (long *)out, (int *)text)                            \
    D(iodata, 1000_bytes, in_long_string, (int *)text, out)                                         \
    D(ei_term, integer, "b\1\2\3\4", (ei_term *)out)                                                \
    D(ei_term, atom, "w\12gen_server", (ei_term *)out)                                              \
    D(ei_term, tuple, "h\3", (ei_term *)out)

#define DEFINE_DECODER(what, of, bytes, ...)                                                        \
    static long decode_##what##_##of(long count)                                                    \
    {                                                                                               \
        int index = 0;                                                                              \
        while (count-- > 0) {                                                                       \
            index = 0;                                                                              \
            if (ei_decode_##what(HIDDEN(&bytes[0]), &index, __VA_ARGS__) < 0)                       \
                return -1;                                                                          \
            KEEP();                                                                                 \
        }                                                                                           \
        return index;                                                                               \
    }
DECODERS(DEFINE_DECODER)

static long decode_and_free_fun(const char *bytes, long count)
{
    int index = 0;
    while (count-- > 0) {
        erlang_fun decoded;
        index = 0;
        if (ei_decode_fun(bytes, &index, &decoded) < 0)
            return -1;
        free_fun(&decoded);
    }
    return index;
}

static long decode_fun(long count) { return decode_and_free_fun(in_fun, count); }
static long decode_export(long count) { return decode_and_free_fun("qw\5listsw\7reversea\1", count); }

/* ---- Any term ---- */

#define TERMS(T)                                                                                    \
    T(integer, "b\1\2\3\4")                                                                         \
    T(large_integer, BIG8)                                                                          \
    T(float, "F\100\11\41\373\124\104\55\30")                                                       \
    T(atom, "w\12gen_server")                                                                       \
    T(binary, "m\0\0\0\13hello world")                                                              \
    T(pid, PID)                                                                                     \
    T(tuple, "h\3a\1a\2a\3")                                                                        \
    T(list, "l\0\0\0\3a\1a\2a\3j")                                                                  \
    T(map, "t\0\0\0\2w\1aa\1w\1ba\2")

#define DEFINE_TERM(of, bytes)                                                                      \
    static long get_type_##of(long count)                                                           \
    {                                                                                               \
        int index = 0, type = 0, size = 0;                                                          \
        while (count-- > 0) {                                                                       \
            if (ei_get_type(HIDDEN(&bytes[0]), &index, &type, &size) < 0)                           \
                return -1;                                                                          \
            KEEP();                                                                                 \
        }                                                                                           \
        return type * 1000 + size;                                                                  \
    }                                                                                               \
    static long skip_##of(long count)                                                               \
    {                                                                                               \
        int index = 0;                                                                              \
        while (count-- > 0) {                                                                       \
            index = 0;                                                                              \
            if (ei_skip_term(bytes, &index) < 0)                                                    \
                return -1;                                                                          \
        }                                                                                           \
        return index;                                                                               \
    }
TERMS(DEFINE_TERM)

static long print(long count)
{
    static char *printed;
    int length = 0;
    while (count-- > 0) {
        int index = 0;
        length = ei_s_print_term(&printed, "h\3w\2okl\0\0\0\3a\1a\2a\3jm\0\0\0\5hello", &index);
        if (length < 0)
            return -1;
    }
    return sum(printed, length);
}

/* ---- Comparing ---- */

#define DEFINE_COMPARISON(what, id)                                                                 \
    static long compare_##what##s(long count)                                                       \
    {                                                                                               \
        static erlang_##what same;                                                                  \
        int order = 0;                                                                              \
        same = id;                                                                                  \
        while (count-- > 0)                                                                         \
            order |= ei_cmp_##what##s(&id, &same);                                                  \
        return order;                                                                               \
    }
DEFINE_COMPARISON(pid, pid)
DEFINE_COMPARISON(port, port)
DEFINE_COMPARISON(ref, ref)

/* ---- All of them ---- */

#define ENCODER_ENTRY(what, of, ...) {"ei_encode_" #what " " #of, encode_##what##_##of},
#define X_ENCODER_ENTRY(what, of, ...) {"ei_x_encode_" #what " " #of, x_encode_##what##_##of},
#define DECODER_ENTRY(what, of, ...) {"ei_decode_" #what " " #of, decode_##what##_##of},
#define TYPE_ENTRY(of, ...) {"ei_get_type " #of, get_type_##of},
#define SKIP_ENTRY(of, ...) {"ei_skip_term " #of, skip_##of},

const call calls[] = {
    ENCODERS(ENCODER_ENTRY)
    ENCODERS(X_ENCODER_ENTRY)
    {"ei_x_encode_empty_list", x_encode_empty_list},
    {"ei_x_encode_long 1000_into_a_new_buffer", x_growing},
    {"ei_x_new_with_version and_free", x_new_free},
    {"ei_x_append 14_bytes", x_append},
    {"ei_x_append_buf 100_bytes", x_append_buf},
    {"ei_x_format_wo_ver", x_format},
    DECODERS(DECODER_ENTRY)
    {"ei_decode_fun and_free", decode_fun},
    {"ei_decode_fun export", decode_export},
    TERMS(TYPE_ENTRY)
    TERMS(SKIP_ENTRY)
    {"ei_s_print_term", print},
    {"ei_cmp_pids", compare_pids},
    {"ei_cmp_ports", compare_ports},
    {"ei_cmp_refs", compare_refs},
    {NULL, NULL},
};

/* Prepares what is written. */
int calls_init(void)
{
    int index = 0;

    memset(long_text, 'x', sizeof long_text);
    memset(in_long_string + 3, 'x', 1000);
    for (int n = 0; n < 100; n++) {
        memcpy(in_intlist + 5 + 5 * n, "b\1\2\3\4", 5);
        memcpy(in_bytelist + 5 + 2 * n, "ax", 2);
    }
    in_intlist[505] = in_bytelist[205] = 'j';
    token.serial = 1;
    token.prev = 2;
    token.from = pid;
    token.label = 3;
    token.flags = 4;
    big = ei_alloc_big(8);
    if (big == NULL || ei_x_new(&x) < 0 || ei_decode_big(BIG8, &index, big) < 0)
        return -1;
    index = 0;
    if (ei_decode_fun(in_fun, &index, &fun) < 0)
        return -1;
    index = 0;
    return ei_decode_fun("qw\5listsw\7reversea\1", &index, &export);
}
