/* The functions of ei_inline.h, as this workspace's ei.h gives them to programs that are optimized. */

#include <ei.h>

#define TEXT const char *buf, int *index
#define ROOM char *buf, int *index

#define INLINED(name, parameters, ...) \
    int inlined_##name parameters { return name(buf, index, ##__VA_ARGS__); }

INLINED(ei_get_type, (const char *buf, const int *index, int *type, int *size), type, size)
INLINED(ei_decode_version, (TEXT, int *p), p)
INLINED(ei_decode_long, (TEXT, long *p), p)
INLINED(ei_decode_ulong, (TEXT, unsigned long *p), p)
INLINED(ei_decode_longlong, (TEXT, EI_LONGLONG *p), p)
INLINED(ei_decode_ulonglong, (TEXT, EI_ULONGLONG *p), p)
INLINED(ei_decode_double, (TEXT, double *p), p)
INLINED(ei_decode_tuple_header, (TEXT, int *p), p)
INLINED(ei_decode_list_header, (TEXT, int *p), p)
INLINED(ei_decode_map_header, (TEXT, int *p), p)
INLINED(ei_decode_atom, (TEXT, char *p), p)
INLINED(ei_decode_atom_as,
        (TEXT, char *p, int destlen, erlang_char_encoding want, erlang_char_encoding *was,
         erlang_char_encoding *result),
        p, destlen, want, was, result)
INLINED(ei_decode_string, (TEXT, char *p), p)
INLINED(ei_decode_binary, (TEXT, void *p, long *len), p, len)
INLINED(ei_encode_version, (ROOM))
INLINED(ei_encode_long, (ROOM, long p), p)
INLINED(ei_encode_ulong, (ROOM, unsigned long p), p)
INLINED(ei_encode_longlong, (ROOM, EI_LONGLONG p), p)
INLINED(ei_encode_ulonglong, (ROOM, EI_ULONGLONG p), p)
INLINED(ei_encode_char, (ROOM, char p), p)
INLINED(ei_encode_double, (ROOM, double p), p)
INLINED(ei_encode_tuple_header, (ROOM, int arity), arity)
INLINED(ei_encode_list_header, (ROOM, int arity), arity)
INLINED(ei_encode_map_header, (ROOM, int arity), arity)
INLINED(ei_encode_binary, (ROOM, const void *p, long len), p, len)
