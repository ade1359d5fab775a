/* ei_inline.h: what programs call for every term, as code that the compiler puts where it is called.
 *
 * ei.h includes this where gcc or clang optimize for speed, unless EI_NO_INLINE is defined. Each
 * function does what is common, with the checks and results of the library's function of the same
 * name, and leaves the rest to that: other tags, what is refused, and arguments that are NULL. A
 * program that takes a function's address has the library's, and one that is compiled with this may
 * be linked with any libei.
 *
 * Part of einode. Apache License 2.0.
 */
#ifndef EI_INLINE_H
#define EI_INLINE_H

/* No function of its own comes of a definition, only code within others. */
#define EI_INLINE extern __inline__ __attribute__((__gnu_inline__, __always_inline__))

/* Another name for a function of the library. */
#define EI_STRING_OF(text) #text
#define EI_STRING(macro) EI_STRING_OF(macro)
#define EI_LIBRARY(name) __asm__(EI_STRING(__USER_LABEL_PREFIX__) #name)

/* Whether there is a buffer, with an index that may move by so many bytes. */
#define EI_CAN_MOVE(buf, index, bytes) \
    ((buf) != NULL && (index) != NULL && *(index) <= __INT_MAX__ - (bytes))

/* ---- Bytes ------------------------------------------------------------------------------------- */

EI_INLINE unsigned int ei_inline_get32(const unsigned char *from)
{
    return (unsigned int)from[0] << 24 | (unsigned int)from[1] << 16 |
           (unsigned int)from[2] << 8 | (unsigned int)from[3];
}

EI_INLINE void ei_inline_put32(char *to, unsigned int value)
{
    to[0] = (char)(value >> 24);
    to[1] = (char)(value >> 16);
    to[2] = (char)(value >> 8);
    to[3] = (char)value;
}

/* Four digits of a large integer, which has the least significant first. */
EI_INLINE unsigned int ei_inline_digits(const unsigned char *from)
{
    return (unsigned int)from[3] << 24 | (unsigned int)from[2] << 16 |
           (unsigned int)from[1] << 8 | (unsigned int)from[0];
}

/* Copies bytes, mostly few; the places may overlap. Few are copied as their first and last word. */
EI_INLINE void ei_inline_copy(void *to, const unsigned char *from, unsigned int bytes)
{
    if (bytes - 8 <= 16 - 8) {
        unsigned long long first, last;
        __builtin_memcpy(&first, from, 8);
        __builtin_memcpy(&last, from + bytes - 8, 8);
        __builtin_memcpy(to, &first, 8);
        __builtin_memcpy((char *)to + bytes - 8, &last, 8);
    } else if (bytes - 4 <= 7 - 4) {
        unsigned int first, last;
        __builtin_memcpy(&first, from, 4);
        __builtin_memcpy(&last, from + bytes - 4, 4);
        __builtin_memcpy(to, &first, 4);
        __builtin_memcpy((char *)to + bytes - 4, &last, 4);
    } else {
        __builtin_memmove(to, from, bytes);
    }
}

/* Copies text of 1 to 16 bytes and a NUL; 0 if it is longer or not ASCII, and then nothing. */
EI_INLINE int ei_inline_copy_ascii(char *to, const unsigned char *from, unsigned int bytes)
{
    if (bytes - 8 <= 16 - 8) {
        unsigned long long first, last;
        __builtin_memcpy(&first, from, 8);
        __builtin_memcpy(&last, from + bytes - 8, 8);
        if (((first | last) & 0x8080808080808080ULL) != 0)
            return 0;
        __builtin_memcpy(to, &first, 8);
        __builtin_memcpy(to + bytes - 8, &last, 8);
    } else if (bytes - 4 <= 7 - 4) {
        unsigned int first, last;
        __builtin_memcpy(&first, from, 4);
        __builtin_memcpy(&last, from + bytes - 4, 4);
        if (((first | last) & 0x80808080U) != 0)
            return 0;
        __builtin_memcpy(to, &first, 4);
        __builtin_memcpy(to + bytes - 4, &last, 4);
    } else if (bytes - 1 <= 3 - 1) {
        unsigned char first = from[0], middle = from[bytes / 2], last = from[bytes - 1];
        if (((first | middle | last) & 0x80) != 0)
            return 0;
        to[0] = (char)first;
        to[bytes / 2] = (char)middle;
        to[bytes - 1] = (char)last;
    } else {
        return 0;
    }
    to[bytes] = '\0';
    return 1;
}

/* ---- Decoding ---------------------------------------------------------------------------------- */

#define EI_IS(of, bytes) (*type = (of), *size = (bytes), 0)
extern int ei_library_get_type(const char *buf, const int *index, int *type, int *size)
    EI_LIBRARY(ei_get_type);
EI_INLINE int ei_get_type(const char *buf, const int *index, int *type, int *size)
{
    if (buf != NULL && index != NULL && type != NULL && size != NULL) {
        const unsigned char *term = (const unsigned char *)buf + *index;
        /* Where each tag is a case, the compiler knows where the program's own switch goes. */
        switch (term[0]) {
        case ERL_SMALL_INTEGER_EXT:
            return EI_IS(ERL_SMALL_INTEGER_EXT, 0);
        case ERL_INTEGER_EXT:
            return EI_IS(ERL_INTEGER_EXT, 0);
        case ERL_SMALL_BIG_EXT:
            return EI_IS(ERL_SMALL_BIG_EXT, term[1]);
        case NEW_FLOAT_EXT:
            return EI_IS(ERL_FLOAT_EXT, 0);
        case ERL_SMALL_ATOM_UTF8_EXT:
            return EI_IS(ERL_ATOM_EXT, term[1]);
        case ERL_SMALL_TUPLE_EXT:
            return EI_IS(ERL_SMALL_TUPLE_EXT, term[1]);
        case ERL_NIL_EXT:
            return EI_IS(ERL_NIL_EXT, 0);
        case ERL_STRING_EXT:
            return EI_IS(ERL_STRING_EXT, term[1] << 8 | term[2]);
        case ERL_LIST_EXT:
            if (term[1] <= 0x7f)
                return EI_IS(ERL_LIST_EXT, (int)ei_inline_get32(term + 1));
            break;
        case ERL_MAP_EXT:
            if (term[1] <= 0x7f)
                return EI_IS(ERL_MAP_EXT, (int)ei_inline_get32(term + 1));
            break;
        case ERL_BINARY_EXT:
            if (term[1] <= 0x7f)
                return EI_IS(ERL_BINARY_EXT, (int)ei_inline_get32(term + 1));
            break;
        }
    }
    return ei_library_get_type(buf, index, type, size);
}

extern int ei_library_decode_version(const char *buf, int *index, int *version)
    EI_LIBRARY(ei_decode_version);
EI_INLINE int ei_decode_version(const char *buf, int *index, int *version)
{
    if (EI_CAN_MOVE(buf, index, 1) && (unsigned char)buf[*index] == 131) {
        int start = *index;
        if (version != NULL)
            *version = 131;
        *index = start + 1;
        return 0;
    }
    return ei_library_decode_version(buf, index, version);
}

/* An integer of a common form: the bytes that it takes, or 0. */
EI_INLINE int ei_inline_signed(const unsigned char *term, EI_LONGLONG *value)
{
    if (term[0] == ERL_SMALL_INTEGER_EXT) {
        *value = term[1];
        return 2;
    }
    if (term[0] == ERL_INTEGER_EXT) {
        *value = (int)ei_inline_get32(term + 1);
        return 5;
    }
    if (term[0] == ERL_SMALL_BIG_EXT && term[1] - 4U <= 8 - 4) {
        EI_ULONGLONG high = ei_inline_digits(term + term[1] - 1);
        EI_ULONGLONG magnitude = ei_inline_digits(term + 3) | high << (8 * term[1] - 32);
        if (magnitude > (EI_ULONGLONG)__LONG_LONG_MAX__)
            return 0;
        *value = term[2] != 0 ? -(EI_LONGLONG)magnitude : (EI_LONGLONG)magnitude;
        return 3 + term[1];
    }
    return 0;
}

EI_INLINE int ei_inline_unsigned(const unsigned char *term, EI_ULONGLONG *value)
{
    if (term[0] == ERL_SMALL_INTEGER_EXT) {
        *value = term[1];
        return 2;
    }
    if (term[0] == ERL_INTEGER_EXT && term[1] <= 0x7f) {
        *value = ei_inline_get32(term + 1);
        return 5;
    }
    if (term[0] == ERL_SMALL_BIG_EXT && term[1] - 4U <= 8 - 4 && term[2] == 0) {
        EI_ULONGLONG high = ei_inline_digits(term + term[1] - 1);
        *value = ei_inline_digits(term + 3) | high << (8 * term[1] - 32);
        return 3 + term[1];
    }
    return 0;
}

/* The decoder of integers of a type, of which each has the same bits in the wide one. */
#define EI_INLINE_DECODE(name, type, read, wide)                                                  \
    extern int ei_library_##name(const char *buf, int *index, type *p) EI_LIBRARY(ei_##name);      \
    EI_INLINE int ei_##name(const char *buf, int *index, type *p)                                  \
    {                                                                                              \
        if (EI_CAN_MOVE(buf, index, 11) && p != NULL) {                                            \
            int start = *index;                                                                    \
            wide value;                                                                            \
            int bytes = read((const unsigned char *)buf + start, &value);                          \
            if (bytes != 0 && (wide)(type)value == value) {                                        \
                *p = (type)value;                                                                  \
                *index = start + bytes;                                                            \
                return 0;                                                                          \
            }                                                                                      \
        }                                                                                          \
        return ei_library_##name(buf, index, p);                                                   \
    }

EI_INLINE_DECODE(decode_long, long, ei_inline_signed, EI_LONGLONG)
EI_INLINE_DECODE(decode_longlong, EI_LONGLONG, ei_inline_signed, EI_LONGLONG)
EI_INLINE_DECODE(decode_ulong, unsigned long, ei_inline_unsigned, EI_ULONGLONG)
EI_INLINE_DECODE(decode_ulonglong, EI_ULONGLONG, ei_inline_unsigned, EI_ULONGLONG)

extern int ei_library_decode_double(const char *buf, int *index, double *p)
    EI_LIBRARY(ei_decode_double);
EI_INLINE int ei_decode_double(const char *buf, int *index, double *p)
{
    if (EI_CAN_MOVE(buf, index, 9) && p != NULL) {
        int start = *index;
        const unsigned char *term = (const unsigned char *)buf + start;
        if (term[0] == NEW_FLOAT_EXT) {
            EI_ULONGLONG high = ei_inline_get32(term + 1);
            EI_ULONGLONG bits = high << 32 | ei_inline_get32(term + 5);
            __builtin_memcpy(p, &bits, 8);
            *index = start + 9;
            return 0;
        }
    }
    return ei_library_decode_double(buf, index, p);
}

extern int ei_library_decode_tuple_header(const char *buf, int *index, int *arity)
    EI_LIBRARY(ei_decode_tuple_header);
EI_INLINE int ei_decode_tuple_header(const char *buf, int *index, int *arity)
{
    if (EI_CAN_MOVE(buf, index, 2) && arity != NULL) {
        int start = *index;
        const unsigned char *term = (const unsigned char *)buf + start;
        if (term[0] == ERL_SMALL_TUPLE_EXT) {
            *arity = term[1];
            *index = start + 2;
            return 0;
        }
    }
    return ei_library_decode_tuple_header(buf, index, arity);
}

extern int ei_library_decode_list_header(const char *buf, int *index, int *arity)
    EI_LIBRARY(ei_decode_list_header);
EI_INLINE int ei_decode_list_header(const char *buf, int *index, int *arity)
{
    if (EI_CAN_MOVE(buf, index, 5) && arity != NULL) {
        int start = *index;
        const unsigned char *term = (const unsigned char *)buf + start;
        if (term[0] == ERL_NIL_EXT) {
            *arity = 0;
            *index = start + 1;
            return 0;
        }
        if (term[0] == ERL_LIST_EXT && term[1] <= 0x7f) {
            *arity = (int)ei_inline_get32(term + 1);
            *index = start + 5;
            return 0;
        }
    }
    return ei_library_decode_list_header(buf, index, arity);
}

extern int ei_library_decode_map_header(const char *buf, int *index, int *arity)
    EI_LIBRARY(ei_decode_map_header);
EI_INLINE int ei_decode_map_header(const char *buf, int *index, int *arity)
{
    if (EI_CAN_MOVE(buf, index, 5) && arity != NULL) {
        int start = *index;
        const unsigned char *term = (const unsigned char *)buf + start;
        if (term[0] == ERL_MAP_EXT && term[1] <= 0x7f) {
            *arity = (int)ei_inline_get32(term + 1);
            *index = start + 5;
            return 0;
        }
    }
    return ei_library_decode_map_header(buf, index, arity);
}

extern int ei_library_decode_atom(const char *buf, int *index, char *p) EI_LIBRARY(ei_decode_atom);
EI_INLINE int ei_decode_atom(const char *buf, int *index, char *p)
{
    if (EI_CAN_MOVE(buf, index, 2 + 16) && p != NULL) {
        int start = *index;
        const unsigned char *term = (const unsigned char *)buf + start;
        if (term[0] == ERL_SMALL_ATOM_UTF8_EXT && ei_inline_copy_ascii(p, term + 2, term[1])) {
            *index = start + 2 + term[1];
            return 0;
        }
    }
    return ei_library_decode_atom(buf, index, p);
}

extern int ei_library_decode_atom_as(const char *buf, int *index, char *p, int destlen,
                                     erlang_char_encoding want, erlang_char_encoding *was,
                                     erlang_char_encoding *result) EI_LIBRARY(ei_decode_atom_as);
EI_INLINE int ei_decode_atom_as(const char *buf, int *index, char *p, int destlen,
                                erlang_char_encoding want, erlang_char_encoding *was,
                                erlang_char_encoding *result)
{
    if (EI_CAN_MOVE(buf, index, 2 + 16) && p != NULL) {
        int start = *index;
        const unsigned char *term = (const unsigned char *)buf + start;
        if (term[0] == ERL_SMALL_ATOM_UTF8_EXT && term[1] < destlen &&
            ei_inline_copy_ascii(p, term + 2, term[1])) {
            if (was != NULL)
                *was = ERLANG_UTF8;
            if (result != NULL)
                *result = ERLANG_ASCII;
            *index = start + 2 + term[1];
            return 0;
        }
    }
    return ei_library_decode_atom_as(buf, index, p, destlen, want, was, result);
}

extern int ei_library_decode_string(const char *buf, int *index, char *p)
    EI_LIBRARY(ei_decode_string);
EI_INLINE int ei_decode_string(const char *buf, int *index, char *p)
{
    if (EI_CAN_MOVE(buf, index, 3 + 0xffff) && p != NULL) {
        int start = *index;
        const unsigned char *term = (const unsigned char *)buf + start;
        if (term[0] == ERL_STRING_EXT) {
            int bytes = term[1] << 8 | term[2];
            ei_inline_copy(p, term + 3, (unsigned int)bytes);
            p[bytes] = '\0';
            *index = start + 3 + bytes;
            return 0;
        }
    }
    return ei_library_decode_string(buf, index, p);
}

extern int ei_library_decode_binary(const char *buf, int *index, void *p, long *len)
    EI_LIBRARY(ei_decode_binary);
EI_INLINE int ei_decode_binary(const char *buf, int *index, void *p, long *len)
{
    if (EI_CAN_MOVE(buf, index, 5) && p != NULL) {
        int start = *index;
        const unsigned char *term = (const unsigned char *)buf + start;
        if (term[0] == ERL_BINARY_EXT && start >= 0 &&
            ei_inline_get32(term + 1) <= (unsigned int)(__INT_MAX__ - 5 - start)) {
            unsigned int bytes = ei_inline_get32(term + 1);
            ei_inline_copy(p, term + 5, bytes);
            if (len != NULL)
                *len = (long)bytes;
            *index = start + 5 + (int)bytes;
            return 0;
        }
    }
    return ei_library_decode_binary(buf, index, p, len);
}

/* ---- Encoding ---------------------------------------------------------------------------------- */

extern int ei_library_encode_version(char *buf, int *index) EI_LIBRARY(ei_encode_version);
EI_INLINE int ei_encode_version(char *buf, int *index)
{
    if (EI_CAN_MOVE(buf, index, 1)) {
        int start = *index;
        buf[start] = (char)131;
        *index = start + 1;
        return 0;
    }
    return ei_library_encode_version(buf, index);
}

/* An integer that ei writes in at most four bytes; the bytes that it takes. */
EI_INLINE int ei_inline_put_integer(char *term, int value)
{
    if (value >= 0 && value <= 0xff) {
        term[0] = ERL_SMALL_INTEGER_EXT;
        term[1] = (char)value;
        return 2;
    }
    term[0] = ERL_INTEGER_EXT;
    ei_inline_put32(term + 1, (unsigned int)value);
    return 5;
}

/* The encoder of integers of a type, which may not be less than least. */
#define EI_INLINE_ENCODE(name, type, least)                                                        \
    extern int ei_library_##name(char *buf, int *index, type p) EI_LIBRARY(ei_##name);             \
    EI_INLINE int ei_##name(char *buf, int *index, type p)                                         \
    {                                                                                              \
        if (EI_CAN_MOVE(buf, index, 5) && least && p < 1 << 27) {                                  \
            int start = *index;                                                                    \
            *index = start + ei_inline_put_integer(buf + start, (int)p);                           \
            return 0;                                                                              \
        }                                                                                          \
        return ei_library_##name(buf, index, p);                                                   \
    }

EI_INLINE_ENCODE(encode_long, long, p >= -(1 << 27))
EI_INLINE_ENCODE(encode_longlong, EI_LONGLONG, p >= -(1 << 27))
EI_INLINE_ENCODE(encode_ulong, unsigned long, 1)
EI_INLINE_ENCODE(encode_ulonglong, EI_ULONGLONG, 1)

extern int ei_library_encode_char(char *buf, int *index, char p) EI_LIBRARY(ei_encode_char);
EI_INLINE int ei_encode_char(char *buf, int *index, char p)
{
    if (EI_CAN_MOVE(buf, index, 2)) {
        int start = *index;
        buf[start] = ERL_SMALL_INTEGER_EXT;
        buf[start + 1] = p;
        *index = start + 2;
        return 0;
    }
    return ei_library_encode_char(buf, index, p);
}

extern int ei_library_encode_double(char *buf, int *index, double p) EI_LIBRARY(ei_encode_double);
EI_INLINE int ei_encode_double(char *buf, int *index, double p)
{
    if (EI_CAN_MOVE(buf, index, 9)) {
        int start = *index;
        EI_ULONGLONG bits;
        __builtin_memcpy(&bits, &p, 8);
        buf[start] = NEW_FLOAT_EXT;
        ei_inline_put32(buf + start + 1, (unsigned int)(bits >> 32));
        ei_inline_put32(buf + start + 5, (unsigned int)bits);
        *index = start + 9;
        return 0;
    }
    return ei_library_encode_double(buf, index, p);
}

extern int ei_library_encode_tuple_header(char *buf, int *index, int arity)
    EI_LIBRARY(ei_encode_tuple_header);
EI_INLINE int ei_encode_tuple_header(char *buf, int *index, int arity)
{
    if (EI_CAN_MOVE(buf, index, 2) && arity >= 0 && arity <= 0xff) {
        int start = *index;
        buf[start] = ERL_SMALL_TUPLE_EXT;
        buf[start + 1] = (char)arity;
        *index = start + 2;
        return 0;
    }
    return ei_library_encode_tuple_header(buf, index, arity);
}

extern int ei_library_encode_list_header(char *buf, int *index, int arity)
    EI_LIBRARY(ei_encode_list_header);
EI_INLINE int ei_encode_list_header(char *buf, int *index, int arity)
{
    if (EI_CAN_MOVE(buf, index, 5) && arity >= 0) {
        int start = *index;
        if (arity == 0) {
            buf[start] = ERL_NIL_EXT;
            *index = start + 1;
        } else {
            buf[start] = ERL_LIST_EXT;
            ei_inline_put32(buf + start + 1, (unsigned int)arity);
            *index = start + 5;
        }
        return 0;
    }
    return ei_library_encode_list_header(buf, index, arity);
}

extern int ei_library_encode_map_header(char *buf, int *index, int arity)
    EI_LIBRARY(ei_encode_map_header);
EI_INLINE int ei_encode_map_header(char *buf, int *index, int arity)
{
    if (EI_CAN_MOVE(buf, index, 5) && arity >= 0) {
        int start = *index;
        buf[start] = ERL_MAP_EXT;
        ei_inline_put32(buf + start + 1, (unsigned int)arity);
        *index = start + 5;
        return 0;
    }
    return ei_library_encode_map_header(buf, index, arity);
}

extern int ei_library_encode_binary(char *buf, int *index, const void *p, long len)
    EI_LIBRARY(ei_encode_binary);
EI_INLINE int ei_encode_binary(char *buf, int *index, const void *p, long len)
{
    if (EI_CAN_MOVE(buf, index, 5) && p != NULL && len >= 0 && *index >= 0 &&
        len <= __INT_MAX__ - 5 - *index) {
        int start = *index;
        buf[start] = ERL_BINARY_EXT;
        ei_inline_put32(buf + start + 1, (unsigned int)len);
        ei_inline_copy(buf + start + 5, (const unsigned char *)p, (unsigned int)len);
        *index = start + 5 + (int)len;
        return 0;
    }
    return ei_library_encode_binary(buf, index, p, len);
}

#undef EI_INLINE
#undef EI_STRING_OF
#undef EI_STRING
#undef EI_LIBRARY
#undef EI_CAN_MOVE
#undef EI_IS
#undef EI_INLINE_DECODE
#undef EI_INLINE_ENCODE

#endif
