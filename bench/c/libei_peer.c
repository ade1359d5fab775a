/*
 * What a C program does with libei's cursor functions, made comparable: step over a term, read every scalar of it,
 * build a tree of it with malloc, free that tree, and write it again. Every function returns -1 when libei refuses.
 */

#include <ei.h>
#include <stdlib.h>
#include <string.h>

enum { INT, UINT, FLOAT, ATOM, BYTES, BINARY, PID, PORT, REF, TUPLE, LIST, MAP };

/* Scalars live inside the node, everything else behind exactly one malloc. */
typedef struct node {
    int type;
    int arity; /* elements, pairs or bytes */
    union {
        long long i;
        unsigned long long u;
        double d;
        char *bytes;
        erlang_pid *pid;
        erlang_port *port;
        erlang_ref *ref;
        struct node *children; /* a list has one more than its arity: the tail */
    } v;
} node;

/* ---- skip ---- */

long peer_skip(const char *buf)
{
    int index = 0, version;
    if (ei_decode_version(buf, &index, &version) < 0 || ei_skip_term(buf, &index) < 0)
        return -1;
    return index;
}

/* ---- walk: read every scalar into scratch space, which must hold the longest string or binary ---- */

static long walk(const char *buf, int *index, char *scratch)
{
    int type, size, children;
    long count = 1, len;
    long long i;
    unsigned long long u;
    double d;
    union {
        erlang_pid pid;
        erlang_port port;
        erlang_ref ref;
    } id;

    if (ei_get_type(buf, index, &type, &size) < 0)
        return -1;
    switch (type) {
    case ERL_SMALL_INTEGER_EXT:
    case ERL_INTEGER_EXT:
    case ERL_SMALL_BIG_EXT:
        if (ei_decode_longlong(buf, index, &i) < 0 && ei_decode_ulonglong(buf, index, &u) < 0)
            return -1;
        return 1;
    case ERL_FLOAT_EXT:
    case NEW_FLOAT_EXT:
        return ei_decode_double(buf, index, &d) < 0 ? -1 : 1;
    case ERL_ATOM_EXT:
    case ERL_SMALL_ATOM_EXT:
    case ERL_ATOM_UTF8_EXT:
    case ERL_SMALL_ATOM_UTF8_EXT:
        return ei_decode_atom_as(buf, index, scratch, MAXATOMLEN_UTF8, ERLANG_UTF8, NULL, NULL) < 0 ? -1 : 1;
    case ERL_STRING_EXT:
        return ei_decode_string(buf, index, scratch) < 0 ? -1 : 1;
    case ERL_BINARY_EXT:
        return ei_decode_binary(buf, index, scratch, &len) < 0 ? -1 : 1;
    case ERL_PID_EXT:
    case ERL_NEW_PID_EXT:
        return ei_decode_pid(buf, index, &id.pid) < 0 ? -1 : 1;
    case ERL_PORT_EXT:
    case ERL_NEW_PORT_EXT:
    case ERL_V4_PORT_EXT:
        return ei_decode_port(buf, index, &id.port) < 0 ? -1 : 1;
    case ERL_REFERENCE_EXT:
    case ERL_NEW_REFERENCE_EXT:
    case ERL_NEWER_REFERENCE_EXT:
        return ei_decode_ref(buf, index, &id.ref) < 0 ? -1 : 1;
    case ERL_SMALL_TUPLE_EXT:
    case ERL_LARGE_TUPLE_EXT:
        if (ei_decode_tuple_header(buf, index, &children) < 0)
            return -1;
        break;
    case ERL_MAP_EXT:
        if (ei_decode_map_header(buf, index, &children) < 0)
            return -1;
        children *= 2;
        break;
    case ERL_NIL_EXT:
        return ei_decode_list_header(buf, index, &size) < 0 ? -1 : 1;
    case ERL_LIST_EXT:
        if (ei_decode_list_header(buf, index, &children) < 0)
            return -1;
        children++;
        count--; /* a tail counts as no term of its own */
        break;
    default:
        return -1;
    }
    while (children--) {
        long below = walk(buf, index, scratch);
        if (below < 0)
            return -1;
        count += below;
    }
    return count;
}

long peer_walk(const char *buf, char *scratch)
{
    int index = 0, version;
    return ei_decode_version(buf, &index, &version) < 0 ? -1 : walk(buf, &index, scratch);
}

/* ---- tree ---- */

static int read_children(const char *buf, int *index, node *to, int count);

/* On failure the node is left without memory of its own. */
static int read_node(const char *buf, int *index, node *to)
{
    int type, size;
    long len;

    if (ei_get_type(buf, index, &type, &size) < 0)
        return -1;
    to->arity = size;
    switch (type) {
    case ERL_SMALL_INTEGER_EXT:
    case ERL_INTEGER_EXT:
    case ERL_SMALL_BIG_EXT:
        to->type = INT;
        if (ei_decode_longlong(buf, index, &to->v.i) == 0)
            return 0;
        to->type = UINT;
        return ei_decode_ulonglong(buf, index, &to->v.u);
    case ERL_FLOAT_EXT:
    case NEW_FLOAT_EXT:
        to->type = FLOAT;
        return ei_decode_double(buf, index, &to->v.d);
    case ERL_ATOM_EXT:
    case ERL_SMALL_ATOM_EXT:
    case ERL_ATOM_UTF8_EXT:
    case ERL_SMALL_ATOM_UTF8_EXT:
        to->type = ATOM;
        to->v.bytes = malloc(size + 1);
        if (ei_decode_atom_as(buf, index, to->v.bytes, size + 1, ERLANG_UTF8, NULL, NULL) == 0)
            return 0;
        break;
    case ERL_STRING_EXT:
        to->type = BYTES;
        to->v.bytes = malloc(size + 1);
        if (ei_decode_string(buf, index, to->v.bytes) == 0)
            return 0;
        break;
    case ERL_BINARY_EXT:
        to->type = BINARY;
        to->v.bytes = malloc(size);
        if (ei_decode_binary(buf, index, to->v.bytes, &len) == 0)
            return 0;
        break;
    case ERL_PID_EXT:
    case ERL_NEW_PID_EXT:
        to->type = PID;
        to->v.pid = malloc(sizeof *to->v.pid);
        if (ei_decode_pid(buf, index, to->v.pid) == 0)
            return 0;
        break;
    case ERL_PORT_EXT:
    case ERL_NEW_PORT_EXT:
    case ERL_V4_PORT_EXT:
        to->type = PORT;
        to->v.port = malloc(sizeof *to->v.port);
        if (ei_decode_port(buf, index, to->v.port) == 0)
            return 0;
        break;
    case ERL_REFERENCE_EXT:
    case ERL_NEW_REFERENCE_EXT:
    case ERL_NEWER_REFERENCE_EXT:
        to->type = REF;
        to->v.ref = malloc(sizeof *to->v.ref);
        if (ei_decode_ref(buf, index, to->v.ref) == 0)
            return 0;
        break;
    case ERL_SMALL_TUPLE_EXT:
    case ERL_LARGE_TUPLE_EXT:
        to->type = TUPLE;
        if (ei_decode_tuple_header(buf, index, &to->arity) < 0)
            return -1;
        return read_children(buf, index, to, to->arity);
    case ERL_MAP_EXT:
        to->type = MAP;
        if (ei_decode_map_header(buf, index, &to->arity) < 0)
            return -1;
        return read_children(buf, index, to, 2 * to->arity);
    case ERL_NIL_EXT:
    case ERL_LIST_EXT:
        to->type = LIST;
        to->v.children = NULL;
        if (ei_decode_list_header(buf, index, &to->arity) < 0)
            return -1;
        return to->arity == 0 ? 0 : read_children(buf, index, to, to->arity + 1);
    default:
        return -1;
    }
    free(to->v.bytes);
    return -1;
}

static void free_children(node *of, int count)
{
    for (int n = 0; n < count; n++) {
        node *child = &of->v.children[n];
        switch (child->type) {
        case INT:
        case UINT:
        case FLOAT:
            break;
        case TUPLE:
            free_children(child, child->arity);
            break;
        case MAP:
            free_children(child, 2 * child->arity);
            break;
        case LIST:
            if (child->arity > 0)
                free_children(child, child->arity + 1);
            break;
        default:
            free(child->v.bytes);
        }
    }
    free(of->v.children);
}

static int read_children(const char *buf, int *index, node *to, int count)
{
    to->v.children = malloc(count * sizeof(node));
    for (int n = 0; n < count; n++)
        if (read_node(buf, index, &to->v.children[n]) < 0) {
            free_children(to, n);
            return -1;
        }
    return 0;
}

/* A root without arity of its own, so that one function frees everything. */
int peer_tree(const char *buf, node *root)
{
    int index = 0, version;
    if (ei_decode_version(buf, &index, &version) < 0)
        return -1;
    return read_children(buf, &index, root, 1);
}

void peer_free(node *root) { free_children(root, 1); }

size_t peer_node_size(void) { return sizeof(node); }

/* ---- encode: the same walk over the tree, once with ei_encode_ and once with ei_x_encode_ ---- */

#define TO_BUFFER(what, ...) ei_encode_##what(buf, index, __VA_ARGS__)
#define TO_XBUFF(what, ...) ei_x_encode_##what(x, __VA_ARGS__)
#define ENCODER(NAME, PUT, RECURSE, ...)                                                            \
    static int NAME(__VA_ARGS__, const node *from)                                                  \
    {                                                                                               \
        int children;                                                                               \
        switch (from->type) {                                                                       \
        case INT:                                                                                   \
            return PUT(longlong, from->v.i);                                                        \
        case UINT:                                                                                  \
            return PUT(ulonglong, from->v.u);                                                       \
        case FLOAT:                                                                                 \
            return PUT(double, from->v.d);                                                          \
        case ATOM:                                                                                  \
            return PUT(atom_len_as, from->v.bytes, from->arity, ERLANG_UTF8, ERLANG_UTF8);          \
        case BYTES:                                                                                 \
            return PUT(string_len, from->v.bytes, from->arity);                                     \
        case BINARY:                                                                                \
            return PUT(binary, from->v.bytes, from->arity);                                         \
        case PID:                                                                                   \
            return PUT(pid, from->v.pid);                                                           \
        case PORT:                                                                                  \
            return PUT(port, from->v.port);                                                         \
        case REF:                                                                                   \
            return PUT(ref, from->v.ref);                                                           \
        case TUPLE:                                                                                 \
            children = from->arity;                                                                 \
            if (PUT(tuple_header, children) < 0)                                                    \
                return -1;                                                                          \
            break;                                                                                  \
        case MAP:                                                                                   \
            children = 2 * from->arity;                                                             \
            if (PUT(map_header, from->arity) < 0)                                                   \
                return -1;                                                                          \
            break;                                                                                  \
        default:                                                                                    \
            children = from->arity > 0 ? from->arity + 1 : 0;                                       \
            if (PUT(list_header, from->arity) < 0)                                                  \
                return -1;                                                                          \
        }                                                                                           \
        for (int n = 0; n < children; n++)                                                          \
            if (RECURSE(&from->v.children[n]) < 0)                                                  \
                return -1;                                                                          \
        return 0;                                                                                   \
    }

#define AGAIN_BUFFER(child) write_buffer(buf, index, child)
#define AGAIN_XBUFF(child) write_xbuff(x, child)
ENCODER(write_buffer, TO_BUFFER, AGAIN_BUFFER, char *buf, int *index)
ENCODER(write_xbuff, TO_XBUFF, AGAIN_XBUFF, ei_x_buff *x)

/* The buffer must be large enough; ei_encode_ has no limit. */
long peer_encode(const node *root, char *buf)
{
    int index = 0;
    if (ei_encode_version(buf, &index) < 0 || write_buffer(buf, &index, root->v.children) < 0)
        return -1;
    return index;
}

long peer_x_encode(const node *root, ei_x_buff *x)
{
    x->index = 0;
    if (ei_x_encode_version(x) < 0 || write_xbuff(x, root->v.children) < 0)
        return -1;
    return x->index;
}
