/* einode.h: what this library has beyond OTP's ei.h: ready-made sockets, buffered receiving, limits, and
 * texts for errors. Programs that do not include it find all as OTP has it.
 *
 * What has to do with TLS is in libeinode (pkg-config einode), which has all of libei too and is linked
 * instead of it. Everything else is in both.
 *
 * Part of einode. Apache License 2.0.
 */
#ifndef EINODE_H
#define EINODE_H

#include "ei.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Ready-made sockets ------------------------------------------------------------------------ */

/* A set is a pair: callbacks, and a setup context that says where nodes are. Both go to
 * ei_connect_init_ussi or ei_connect_xinit_ussi:
 *
 *     einode_setup *tls = einode_tls_optfile("inet_tls.conf", 0, NULL);
 *     ei_connect_xinit_ussi(&ec, host, alive, node, NULL, cookie, 0,
 *                           &einode_tls_callbacks, sizeof einode_tls_callbacks, tls);
 *
 * Setups are made once, for any number of nodes and threads, and are not changed. Making one gives NULL
 * if something is wrong, with erl_errno and einode_last_error(). A set with the setup of another fails
 * with EINVAL. */
typedef struct einode_setup einode_setup;

/* Frees a setup, or nothing if it is NULL. Connections go on; no node may connect or listen with it any
 * more. */
void einode_free(einode_setup *setup);

/* IPv6, as nodes with -proto_dist inet6_tcp. ei_connect and ei_connect_host_port take the IPv6 addresses
 * of the host, whose name may be one ("app@::1"), and ask the port mapper there. Addresses of IPv4 that
 * other functions take stand for ::ffff:a.b.c.d. listen is the address that ei_listen listens on, or NULL
 * for all of them; ei_xlisten with 127.0.0.1 listens on ::1. */
extern ei_socket_callbacks einode_ipv6_callbacks;
einode_setup *einode_ipv6(const char *listen);

/* Unix sockets. A node listens at the path that paths becomes with the node's name for %n, the part of it
 * before the @ for %a, the part after it for %h, and % for %%, as in "/run/cluster/%n". ei_listen listens
 * there, its port does not matter; ei_connect connects to there, ei_xconnect to a node of our own host,
 * and ei_connect_host_port to the path that it gets as host. No host is looked up and no port mapper is
 * asked, so there is nothing to ei_publish.
 *
 * mode are the permissions of files of sockets that listen, such as 0600. A file that was left behind is
 * replaced, one that somebody listens at is not (EADDRINUSE); ei_close_connection removes it. */
extern ei_socket_callbacks einode_unix_callbacks;
einode_setup *einode_unix(const char *paths, unsigned mode);

/* TLS, as nodes with -proto_dist inet_tls: TLS 1.2 and 1.3. A server's certificate has to be for the host
 * that ei_connect is asked for, unless the options say verify_none. Files that have changed are read
 * again for the next connection.
 *
 * einode_tls_optfile reads the file that Erlang nodes get with -ssl_dist_optfile; paths in it are relative
 * to the current directory. einode_tls_pem takes PEM files: the certificate to show with its key, and the
 * CAs that have to have issued the peer's. Without certfile (NULL) none is shown, and the node cannot
 * listen; without keyfile, the key is in certfile.
 *
 * It is TLS over TCP, or, if over is not NULL, over the sockets of that setup.
 *
 * erl_errno is EACCES if one side does not accept the certificate of the other, EPROTO or ECONNRESET if
 * the peer does not speak TLS, or not as we do. */
#define EINODE_TLS_CHECK_NODE_NAMES 1 /* certificates have to be for the name that a peer gives itself */
extern ei_socket_callbacks einode_tls_callbacks;
einode_setup *einode_tls_optfile(const char *path, int flags, const einode_setup *over);
einode_setup *einode_tls_pem(const char *certfile, const char *keyfile, const char *cacertfile,
                             int flags, const einode_setup *over);

/* ---- Receiving --------------------------------------------------------------------------------- */

/* What follows is about one connection, or, where fd is EINODE_ALL, about more. Each returns 0, or -1 with
 * erl_errno; EBADF if fd is no connection of this library. */
#define EINODE_ALL (-1)

/* Reads up to so many bytes at once, which makes for fewer reads, from this connection or from all that
 * are made from now on. 0, as it is at first, is to read no byte before it is asked for. Over TLS it is
 * 16384 at least. A program that waits with select or poll asks einode_pending before. */
int einode_read_ahead(int fd, int bytes);

/* How many bytes have come from the peer that were not received yet: if it is not 0, receive, and do not
 * wait for the descriptor, which may never be ready. Always 0 where nothing is read ahead. At the end of
 * the connection, and if there is an error, it is 1. Receiving may still wait for the rest of a message. */
int einode_pending(int fd);

/* Limits packets to so many bytes, those of this connection or those of all that have no limit of their
 * own; 0, as it is at first, is no limit. A longer one is read and forgotten, and the function that
 * receives fails with EMSGSIZE. */
int einode_max_packet(int fd, unsigned bytes);

/* ---- Errors ------------------------------------------------------------------------------------ */

/* What the last call in this thread that failed with an erl_errno has to say about it: who was at fault,
 * what was expected and what came. Valid until this thread asks again; "" if none has failed. */
const char *einode_last_error(void);

#ifdef __cplusplus
}
#endif

#endif
