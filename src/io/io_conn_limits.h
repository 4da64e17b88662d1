/* Every number of a relay's connection, with its unit and source. */
#ifndef ADIT_IO_CONN_LIMITS_H
#define ADIT_IO_CONN_LIMITS_H

/*
 * Bytes that wait in one of a stream's two buffers; what comes beyond is dropped, as a full queue of a router does. At
 * 10 Mbit/s it is 0.1 s of delay each.
 */
#define IO_CONN_QUEUE   (128 * 1024)
#define IO_CONN_RESERVE 8192 /* bytes of it that data leave free: all the requests that can be under way */
/* Bytes that the kernel holds unsent (TCP_NOTSENT_LOWAT): its buffer would otherwise grow to megabytes of delay. */
#define IO_CONN_NOTSENT (128 * 1024)
/* Milliseconds without an acknowledgement, after which the kernel ends the connection (TCP_USER_TIMEOUT). */
#define IO_CONN_DEAD_MS 10000
#define IO_CONN_READ    65536 /* bytes read at once from a TLS connection */
#define IO_CONN_READS   16 /* reads in one turn, until others get theirs */
#define IO_CONN_WHY_MAX 256 /* bytes of a reason, with its NUL */
#define IO_CONN_ALPN    "stun.turn" /* RFC 7443 */

#endif
