/* ei.h: the external term format of Erlang, for C and C++.
 *
 * Functions, types and constants have the names, values and layouts that programs written for OTP's
 * erl_interface rely on (OTP 25 and later). Their description is OTP's EI Library Reference; what this
 * library does differently on purpose is in its README.
 *
 * Part of einode. Apache License 2.0.
 */
#ifndef EI_H
#define EI_H

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>
#ifndef _WIN32
#include <netdb.h>
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Programs ask for these by #ifdef. */
#define EI_HAVE_TIMEOUT 1
#define USE_EI_UNDOCUMENTED

#if !defined(EI_NO_DEPR_WARN) && defined(__has_attribute)
#if __has_attribute(deprecated)
#define EI_HAVE_DEPRECATED_ATTR__ 1
#endif
#endif
#ifdef EI_HAVE_DEPRECATED_ATTR__
#define EI_DEPRECATED_ATTR_NAME deprecated
#define EI_DEPRECATED_ATTR __attribute__((EI_DEPRECATED_ATTR_NAME))
#else
#define EI_DEPRECATED_ATTR_NAME
#define EI_DEPRECATED_ATTR
#endif

#ifndef EMSGSIZE
#define EMSGSIZE EIO
#endif
#ifndef ETIMEDOUT
#define ETIMEDOUT EIO
#endif
#ifndef EHOSTUNREACH
#define EHOSTUNREACH EIO
#endif

/* ---- Errors ------------------------------------------------------------------------------------ */

/* Why a call failed, in the terms of errno.h. Each thread has its own where programs are compiled
 * with -D_REENTRANT (or -pthread); others share one. */
#if defined(_REENTRANT)
volatile int *__erl_errno_place(void);
#define erl_errno (*__erl_errno_place())
#else
extern volatile int __erl_errno;
#define erl_errno __erl_errno
#endif

#define ERL_ERROR (-1)
#define ERL_NO_DAEMON (-2)
#define ERL_NO_PORT (-3)
#define ERL_CONNECT_FAIL (-4)
#define ERL_TIMEOUT (-5)
#define ERL_NO_REMOTE (-6)

/* What functions return that receive messages. */
#define ERL_TICK 0
#define ERL_MSG 1

/* ---- Messages: their kinds --------------------------------------------------------------------- */

#define ERL_LINK 1
#define ERL_SEND 2
#define ERL_EXIT 3
#define ERL_UNLINK 4
#define ERL_NODE_LINK 5
#define ERL_REG_SEND 6
#define ERL_GROUP_LEADER 7
#define ERL_EXIT2 8
#define ERL_PASS_THROUGH 'p'
/* With a trace token. */
#define ERL_SEND_TT 12
#define ERL_EXIT_TT 13
#define ERL_REG_SEND_TT 16
#define ERL_EXIT2_TT 18
/* From processes that monitor. */
#define ERL_MONITOR_P 19
#define ERL_DEMONITOR_P 20
#define ERL_MONITOR_P_EXIT 21

/* A timeout of ei_rpc_from, and a flag of ei_xrpc_to. */
#define ERL_NO_TIMEOUT -1
#define EI_RPC_FETCH_STDOUT 1

/* ---- Tags -------------------------------------------------------------------------------------- */

#define ERL_SMALL_INTEGER_EXT 'a'
#define ERL_INTEGER_EXT 'b'
#define ERL_FLOAT_EXT 'c'
#define NEW_FLOAT_EXT 'F'
#define ERL_ATOM_EXT 'd'
#define ERL_SMALL_ATOM_EXT 's'
#define ERL_ATOM_UTF8_EXT 'v'
#define ERL_SMALL_ATOM_UTF8_EXT 'w'
#define ERL_REFERENCE_EXT 'e'
#define ERL_NEW_REFERENCE_EXT 'r'
#define ERL_NEWER_REFERENCE_EXT 'Z'
#define ERL_PORT_EXT 'f'
#define ERL_NEW_PORT_EXT 'Y'
#define ERL_V4_PORT_EXT 'x'
#define ERL_PID_EXT 'g'
#define ERL_NEW_PID_EXT 'X'
#define ERL_SMALL_TUPLE_EXT 'h'
#define ERL_LARGE_TUPLE_EXT 'i'
#define ERL_NIL_EXT 'j'
#define ERL_STRING_EXT 'k'
#define ERL_LIST_EXT 'l'
#define ERL_BINARY_EXT 'm'
#define ERL_BIT_BINARY_EXT 'M'
#define ERL_SMALL_BIG_EXT 'n'
#define ERL_LARGE_BIG_EXT 'o'
#define ERL_MAP_EXT 't'
#define ERL_FUN_EXT 'u'
#define ERL_NEW_FUN_EXT 'p'
#define ERL_EXPORT_EXT 'q'
/* In no term that a program meets. */
#define ERL_NEW_CACHE 'N'
#define ERL_CACHED_ATOM 'C'

/* ---- Types ------------------------------------------------------------------------------------- */

#define EI_LONGLONG long long
#define EI_ULONGLONG unsigned long long

/* Sizes of names, with their NUL. */
#define MAXATOMLEN (255 + 1)
#define MAXATOMLEN_UTF8 (255 * 4 + 1)
#define MAXNODELEN MAXATOMLEN
/* Sizes of names, without. */
#define EI_MAXHOSTNAMELEN (MAXATOMLEN - 2)
#define EI_MAXALIVELEN (MAXATOMLEN - 2)
#define EI_MAX_COOKIE_SIZE 512

typedef enum {
    ERLANG_ASCII = 1,
    ERLANG_LATIN1 = 2,
    ERLANG_UTF8 = 4
} erlang_char_encoding;

typedef struct {
    char node[MAXATOMLEN_UTF8];
    unsigned int num;
    unsigned int serial;
    unsigned int creation;
} erlang_pid;

typedef struct {
    char node[MAXATOMLEN_UTF8];
    EI_ULONGLONG id;
    unsigned int creation;
} erlang_port;

typedef struct {
    char node[MAXATOMLEN_UTF8];
    int len;
    unsigned int n[5];
    unsigned int creation;
} erlang_ref;

typedef struct {
    long serial;
    long prev;
    erlang_pid from;
    long label;
    long flags;
} erlang_trace;

typedef struct {
    long msgtype;
    erlang_pid from;
    erlang_pid to;
    char toname[MAXATOMLEN_UTF8];
    char cookie[MAXATOMLEN_UTF8];
    erlang_trace token;
} erlang_msg;

typedef struct {
    long arity;
    char module[MAXATOMLEN_UTF8];
    enum { EI_FUN_CLOSURE, EI_FUN_EXPORT } type;
    union {
        struct {
            char md5[16];
            long index;
            long old_index;
            long uniq;
            long n_free_vars;
            erlang_pid pid;
            long free_var_len;
            char *free_vars;
        } closure;
        struct {
            char *func;
            int func_allocated;
        } exprt;
    } u;
} erlang_fun;

typedef struct {
    unsigned int arity; /* bytes */
    int is_neg;
    void *digits; /* of 16 bits, the least significant first */
} erlang_big;

typedef struct {
    char ei_type;
    int arity;
    int size;
    union {
        long i_val;
        double d_val;
        char atom_name[MAXATOMLEN_UTF8];
        erlang_pid pid;
        erlang_port port;
        erlang_ref ref;
    } value;
} ei_term;

typedef struct ei_x_buff_TAG {
    char *buff; /* from malloc */
    int buffsz;
    int index;
} ei_x_buff;

/* ---- Nodes ------------------------------------------------------------------------------------- */

struct hostent;
struct in_addr;
typedef struct in_addr *Erl_IpAddr;

/* Who has connected to us. */
typedef struct {
    char ipadr[4]; /* as on the wire */
    char nodename[MAXNODELEN + 1];
} ErlConnect;

/* How sockets are used. Each returns 0 or a value of errno.h. A tmo is in milliseconds: 0 is to try
 * once, EI_SCLBK_INF_TMO is to wait for as long as it takes. Without EI_SCLBK_FLG_FULL_IMPL the
 * library does the waiting, and the descriptor does not block while there is a limit. */
#define EI_SCLBK_INF_TMO (~((unsigned)0))
#define EI_SCLBK_FLG_FULL_IMPL (1 << 0)

/* What the system calls accept on AIX is a macro. */
#ifdef _AIX
#define EI_ACCEPT_NAME accept_ei
#else
#define EI_ACCEPT_NAME accept
#endif

typedef struct {
    int flags;
    int (*socket)(void **ctx, void *setup_ctx);
    int (*close)(void *ctx);
    int (*listen)(void *ctx, void *addr, int *len, int backlog);
    int (*EI_ACCEPT_NAME)(void **ctx, void *addr, int *len, unsigned tmo);
    int (*connect)(void *ctx, void *addr, int len, unsigned tmo);
    int (*writev)(void *ctx, const void *iov, int iovcnt, ssize_t *len, unsigned tmo); /* or NULL */
    int (*write)(void *ctx, const char *buf, ssize_t *len, unsigned tmo);
    int (*read)(void *ctx, char *buf, ssize_t *len, unsigned tmo);
    int (*handshake_packet_header_size)(void *ctx, int *sz); /* 2 or 4 */
    int (*connect_handshake_complete)(void *ctx);            /* or NULL */
    int (*accept_handshake_complete)(void *ctx);             /* or NULL */
    int (*get_fd)(void *ctx, int *fd);
} ei_socket_callbacks;

typedef struct ei_cnode_s {
    char thishostname[EI_MAXHOSTNAMELEN + 1];
    char thisnodename[MAXNODELEN + 1];
    char thisalivename[EI_MAXALIVELEN + 1];
    char ei_connect_cookie[EI_MAX_COOKIE_SIZE + 1];
    unsigned int creation;
    erlang_pid self;
    ei_socket_callbacks *cbs;
    void *setup_context;
    unsigned int pidsn;
} ei_cnode;

/* ---- The library ------------------------------------------------------------------------------- */

int ei_init(void);

/* Does nothing. */
void ei_set_compat_rel(unsigned rel);

/* ---- Connections ------------------------------------------------------------------------------- */

/* Functions that end in _tmo fail with erl_errno ETIMEDOUT if the peer does nothing for ms
 * milliseconds; 0 is no limit. */

int ei_connect_init(ei_cnode *ec, const char *this_node_name, const char *cookie,
                    unsigned int creation);
int ei_connect_init_ussi(ei_cnode *ec, const char *this_node_name, const char *cookie,
                         unsigned int creation, ei_socket_callbacks *cbs, int cbs_sz,
                         void *setup_context);
int ei_connect_xinit(ei_cnode *ec, const char *thishostname, const char *thisalivename,
                     const char *thisnodename, Erl_IpAddr thisipaddr, const char *cookie,
                     unsigned int creation);
int ei_connect_xinit_ussi(ei_cnode *ec, const char *thishostname, const char *thisalivename,
                          const char *thisnodename, Erl_IpAddr thisipaddr, const char *cookie,
                          unsigned int creation, ei_socket_callbacks *cbs, int cbs_sz,
                          void *setup_context);

const char *ei_thisnodename(const ei_cnode *ec);
const char *ei_thishostname(const ei_cnode *ec);
const char *ei_thisalivename(const ei_cnode *ec);
erlang_pid *ei_self(ei_cnode *ec);
int ei_make_pid(ei_cnode *ec, erlang_pid *pid);
int ei_make_ref(ei_cnode *ec, erlang_ref *ref);

/* A descriptor, or ERL_ERROR, ERL_NO_PORT (the port mapper) or ERL_CONNECT_FAIL. */
int ei_connect(ei_cnode *ec, char *nodename);
int ei_connect_tmo(ei_cnode *ec, char *nodename, unsigned ms);
int ei_connect_host_port(ei_cnode *ec, char *hostname, int port);
int ei_connect_host_port_tmo(ei_cnode *ec, char *hostname, int port, unsigned ms);
int ei_xconnect(ei_cnode *ec, Erl_IpAddr adr, char *alivename);
int ei_xconnect_tmo(ei_cnode *ec, Erl_IpAddr adr, char *alivename, unsigned ms);
int ei_xconnect_host_port(ei_cnode *ec, Erl_IpAddr adr, int port);
int ei_xconnect_host_port_tmo(ei_cnode *ec, Erl_IpAddr adr, int port, unsigned ms);

/* A descriptor, or -1. */
int ei_listen(ei_cnode *ec, int *port, int backlog);
int ei_xlisten(ei_cnode *ec, Erl_IpAddr adr, int *port, int backlog);
int ei_accept(ei_cnode *ec, int lfd, ErlConnect *conp);
int ei_accept_tmo(ei_cnode *ec, int lfd, ErlConnect *conp, unsigned ms);

int ei_close_connection(int fd);

/* A descriptor, whose end ends the registration, or -1. */
int ei_publish(ei_cnode *ec, int port);
int ei_publish_tmo(ei_cnode *ec, int port, unsigned ms);
int ei_unpublish(ei_cnode *ec);
int ei_unpublish_tmo(const char *alive, unsigned ms);

struct hostent *ei_gethostbyname(const char *name);
struct hostent *ei_gethostbyaddr(const char *addr, int len, int type);
struct hostent *ei_gethostbyname_r(const char *name, struct hostent *hostp, char *buffer,
                                   int buflen, int *h_errnop);
struct hostent *ei_gethostbyaddr_r(const char *addr, int length, int type, struct hostent *hostp,
                                   char *buffer, int buflen, int *h_errnop);

/* ---- Encoding ---------------------------------------------------------------------------------- */

/* ei_encode_X writes to buf at *index and moves *index; where buf is NULL it only moves *index.
 * ei_x_encode_X writes at the end of a buffer that grows. All return 0 or -1. */

int ei_encode_version(char *buf, int *index);
int ei_x_encode_version(ei_x_buff *x);

int ei_encode_long(char *buf, int *index, long p);
int ei_x_encode_long(ei_x_buff *x, long p);
int ei_encode_ulong(char *buf, int *index, unsigned long p);
int ei_x_encode_ulong(ei_x_buff *x, unsigned long p);
int ei_encode_longlong(char *buf, int *index, EI_LONGLONG p);
int ei_x_encode_longlong(ei_x_buff *x, EI_LONGLONG p);
int ei_encode_ulonglong(char *buf, int *index, EI_ULONGLONG p);
int ei_x_encode_ulonglong(ei_x_buff *x, EI_ULONGLONG p);
int ei_encode_double(char *buf, int *index, double p);
int ei_x_encode_double(ei_x_buff *x, double p);
int ei_encode_boolean(char *buf, int *index, int p);
int ei_x_encode_boolean(ei_x_buff *x, int p);
int ei_encode_char(char *buf, int *index, char p);
int ei_x_encode_char(ei_x_buff *x, char p);

int ei_encode_string(char *buf, int *index, const char *p);
int ei_x_encode_string(ei_x_buff *x, const char *p);
int ei_encode_string_len(char *buf, int *index, const char *p, int len);
int ei_x_encode_string_len(ei_x_buff *x, const char *p, int len);
int ei_encode_binary(char *buf, int *index, const void *p, long len);
int ei_x_encode_binary(ei_x_buff *x, const void *p, int len);
int ei_encode_bitstring(char *buf, int *index, const char *p, size_t bitoffs, size_t bits);
int ei_x_encode_bitstring(ei_x_buff *x, const char *p, size_t bitoffs, size_t bits);

int ei_encode_atom(char *buf, int *index, const char *p);
int ei_x_encode_atom(ei_x_buff *x, const char *p);
int ei_encode_atom_len(char *buf, int *index, const char *p, int len);
int ei_x_encode_atom_len(ei_x_buff *x, const char *p, int len);
int ei_encode_atom_as(char *buf, int *index, const char *p,
                      erlang_char_encoding from, erlang_char_encoding to);
int ei_x_encode_atom_as(ei_x_buff *x, const char *p,
                        erlang_char_encoding from, erlang_char_encoding to);
int ei_encode_atom_len_as(char *buf, int *index, const char *p, int len,
                          erlang_char_encoding from, erlang_char_encoding to);
int ei_x_encode_atom_len_as(ei_x_buff *x, const char *p, int len,
                            erlang_char_encoding from, erlang_char_encoding to);

int ei_encode_pid(char *buf, int *index, const erlang_pid *p);
int ei_x_encode_pid(ei_x_buff *x, const erlang_pid *p);
int ei_encode_port(char *buf, int *index, const erlang_port *p);
int ei_x_encode_port(ei_x_buff *x, const erlang_port *p);
int ei_encode_ref(char *buf, int *index, const erlang_ref *p);
int ei_x_encode_ref(ei_x_buff *x, const erlang_ref *p);
int ei_encode_fun(char *buf, int *index, const erlang_fun *p);
int ei_x_encode_fun(ei_x_buff *x, const erlang_fun *p);
int ei_encode_trace(char *buf, int *index, const erlang_trace *p);
int ei_x_encode_trace(ei_x_buff *x, const erlang_trace *p);

int ei_encode_tuple_header(char *buf, int *index, int arity);
int ei_x_encode_tuple_header(ei_x_buff *x, long arity);
int ei_encode_list_header(char *buf, int *index, int arity);
int ei_x_encode_list_header(ei_x_buff *x, long arity);
#define ei_encode_empty_list(buf, i) ei_encode_list_header(buf, i, 0)
int ei_x_encode_empty_list(ei_x_buff *x);
int ei_encode_map_header(char *buf, int *index, int arity);
int ei_x_encode_map_header(ei_x_buff *x, long arity);

/* ---- Decoding ---------------------------------------------------------------------------------- */

/* ei_decode_X reads from buf at *index, moves *index and stores a value, unless its place is NULL.
 * All return 0 or -1, but for ei_decode_ei_term, which returns 1 where it decoded a value and 0 where
 * the value is too large for it. */

int ei_decode_version(const char *buf, int *index, int *version);

int ei_decode_long(const char *buf, int *index, long *p);
int ei_decode_ulong(const char *buf, int *index, unsigned long *p);
int ei_decode_longlong(const char *buf, int *index, EI_LONGLONG *p);
int ei_decode_ulonglong(const char *buf, int *index, EI_ULONGLONG *p);
int ei_decode_double(const char *buf, int *index, double *p);
int ei_decode_boolean(const char *buf, int *index, int *p);
int ei_decode_char(const char *buf, int *index, char *p);

int ei_decode_string(const char *buf, int *index, char *p);
int ei_decode_binary(const char *buf, int *index, void *p, long *len);
int ei_decode_bitstring(const char *buf, int *index, const char **pp,
                        unsigned int *bitoffsp, size_t *nbitsp);
int ei_decode_iodata(const char *buf, int *index, int *szp, char *out_buf);

int ei_decode_atom(const char *buf, int *index, char *p);
int ei_decode_atom_as(const char *buf, int *index, char *p, int destlen,
                      erlang_char_encoding want, erlang_char_encoding *was,
                      erlang_char_encoding *result);

int ei_decode_pid(const char *buf, int *index, erlang_pid *p);
int ei_decode_port(const char *buf, int *index, erlang_port *p);
int ei_decode_ref(const char *buf, int *index, erlang_ref *p);
int ei_decode_trace(const char *buf, int *index, erlang_trace *p);
int ei_decode_fun(const char *buf, int *index, erlang_fun *p);
void free_fun(erlang_fun *f);

int ei_decode_tuple_header(const char *buf, int *index, int *arity);
int ei_decode_list_header(const char *buf, int *index, int *arity);
int ei_decode_map_header(const char *buf, int *index, int *arity);

int ei_decode_ei_term(const char *buf, int *index, ei_term *term);
int ei_get_type(const char *buf, const int *index, int *type, int *size);
int ei_skip_term(const char *buf, int *index);

/* ---- Text -------------------------------------------------------------------------------------- */

/* Both return the number of characters, or -1. */
int ei_print_term(FILE *fp, const char *buf, int *index);
int ei_s_print_term(char **s, const char *buf, int *index);

int ei_x_format(ei_x_buff *x, const char *fmt, ...);
int ei_x_format_wo_ver(ei_x_buff *x, const char *fmt, ...);

/* ---- Buffers ----------------------------------------------------------------------------------- */

int ei_x_new(ei_x_buff *x);
int ei_x_new_with_version(ei_x_buff *x);
int ei_x_free(ei_x_buff *x);
int ei_x_append(ei_x_buff *x, const ei_x_buff *x2);
int ei_x_append_buf(ei_x_buff *x, const char *buf, int len);

/* ---- Comparison -------------------------------------------------------------------------------- */

/* Less than, equal to or greater than 0. */
int ei_cmp_pids(erlang_pid *a, erlang_pid *b);
int ei_cmp_ports(erlang_port *a, erlang_port *b);
int ei_cmp_refs(erlang_ref *a, erlang_ref *b);

/* ---- Messages ---------------------------------------------------------------------------------- */

/* Terms to be sent have a version byte. In functions that end in _tmo, ms limits each use of the
 * socket; 0 is no limit. All return 0 or -1, those that receive ERL_MSG, ERL_TICK or ERL_ERROR, and
 * ei_receive the number of bytes. */

int ei_send(int fd, erlang_pid *to, char *buf, int len);
int ei_send_tmo(int fd, erlang_pid *to, char *buf, int len, unsigned ms);
int ei_reg_send(ei_cnode *ec, int fd, char *server_name, char *buf, int len);
int ei_reg_send_tmo(ei_cnode *ec, int fd, char *server_name, char *buf, int len, unsigned ms);

int ei_receive(int fd, unsigned char *bufp, int bufsize);
int ei_receive_tmo(int fd, unsigned char *bufp, int bufsize, unsigned ms);
int ei_receive_msg(int fd, erlang_msg *msg, ei_x_buff *x);
int ei_receive_msg_tmo(int fd, erlang_msg *msg, ei_x_buff *x, unsigned ms);
int ei_xreceive_msg(int fd, erlang_msg *msg, ei_x_buff *x);
int ei_xreceive_msg_tmo(int fd, erlang_msg *msg, ei_x_buff *x, unsigned ms);

int ei_rpc(ei_cnode *ec, int fd, char *mod, char *fun,
           const char *inbuf, int inbuflen, ei_x_buff *x);
int ei_rpc_to(ei_cnode *ec, int fd, char *mod, char *fun, const char *buf, int len);
int ei_xrpc_to(ei_cnode *ec, int fd, char *mod, char *fun, const char *buf, int len, int flags);
/* Also returns ERL_TIMEOUT. */
int ei_rpc_from(ei_cnode *ec, int fd, int timeout, erlang_msg *msg, ei_x_buff *x);

char **ei_global_names(ei_cnode *ec, int fd, int *count);
int ei_global_whereis(ei_cnode *ec, int fd, const char *name, erlang_pid *pid, char *node);
int ei_global_register(int fd, const char *name, erlang_pid *self);
int ei_global_unregister(ei_cnode *ec, int fd, const char *name);

/* What is told on stderr: 0 nothing, up to 5. */
void ei_set_tracelevel(int level);
int ei_get_tracelevel(void);

/* ---- Not in the manual ------------------------------------------------------------------------- */

#ifdef USE_EI_UNDOCUMENTED
int ei_decode_intlist(const char *buf, int *index, long *a, int *count);
int ei_encode_big(char *buf, int *index, erlang_big *big);
int ei_x_encode_big(ei_x_buff *x, erlang_big *big);
int ei_decode_big(const char *buf, int *index, erlang_big *p);
int ei_big_comp(erlang_big *x, erlang_big *y);
int ei_big_to_double(erlang_big *b, double *resp);
int ei_small_to_big(int s, erlang_big *b);
erlang_big *ei_alloc_big(unsigned int arity);
void ei_free_big(erlang_big *b);
int ei_send_encoded(int fd, const erlang_pid *to, char *msg, int msglen);
int ei_send_encoded_tmo(int fd, const erlang_pid *to, char *msg, int msglen, unsigned ms);
int ei_send_reg_encoded(int fd, const erlang_pid *from, const char *to, char *msg, int msglen);
int ei_send_reg_encoded_tmo(int fd, const erlang_pid *from, const char *to, char *msg, int msglen,
                            unsigned ms);
int ei_receive_encoded(int fd, char **bufp, int *bufsz, erlang_msg *to, int *msglen);
int ei_receive_encoded_tmo(int fd, char **bufp, int *bufsz, erlang_msg *to, int *msglen,
                           unsigned ms);
#define ei_send_encoded_timeout(Fd, To, Msg, MsgLen, Ms) \
    ei_send_encoded_tmo((Fd), (To), (Msg), (MsgLen), (Ms))
#define ei_send_reg_encoded_timeout(Fd, From, To, Msg, MsgLen, Ms) \
    ei_send_reg_encoded_tmo((Fd), (From), (To), (Msg), (MsgLen), (Ms))
#endif

/* ---- Integers of GNU MP ------------------------------------------------------------------------ */

/* For programs that include the gmp.h of GNU MP 4.1 to 4.3 before. This library does not define them:
 * see its README. */
#if defined(__GNU_MP_VERSION) && __GNU_MP_VERSION == 4 && __GNU_MP_VERSION_MINOR >= 1
int ei_encode_bignum(char *buf, int *index, mpz_t obj);
int ei_x_encode_bignum(ei_x_buff *x, mpz_t obj);
int ei_decode_bignum(const char *buf, int *index, mpz_t obj);
#endif

/* ---- As code within programs -------------------------------------------------------------------- */

#if defined(__GNUC__) && defined(__OPTIMIZE__) && !defined(__OPTIMIZE_SIZE__) &&                     \
    !defined(__NO_INLINE__) && !defined(EI_NO_INLINE)
#include "ei_inline.h"
#endif

#ifdef __cplusplus
}
#endif

#endif
