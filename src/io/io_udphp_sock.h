/*
 * The sockets of `adit udphp`: one for UDP, and for TCP either listeners on the loopback addresses or a connection to
 * one of them. All are non-blocking and close-on-exec. Each function returns a descriptor, or -1 with errno set.
 */
#ifndef ADIT_IO_UDPHP_SOCK_H
#define ADIT_IO_UDPHP_SOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

/* The loopback addresses, in the order of trying: 127.0.0.1 and ::1. */
#define IO_UDPHP_LOOPS 2
struct adit_addr io_udphp_loop(unsigned i, uint16_t port);

/* Bound to |port| on every address, as the script does: the peer must find it on whichever interface leads out. */
int io_udphp_open_udp(enum adit_family family, uint16_t port);
int io_udphp_listen(const struct adit_addr *at);
/* Waits for the connection, a few seconds at most: loopback answers at once unless the service's queue is full. */
int io_udphp_connect(const struct adit_addr *to);
int io_udphp_accept(int listener);

/* The next datagram; what is longer than |cap| is cut. False: there is none. */
bool io_udphp_recv(int fd, uint8_t *buf, size_t cap, struct adit_addr *ret_from, size_t *ret_len);
/* False with errno: it was not sent. */
bool io_udphp_send(int fd, const struct adit_addr *to, const uint8_t *data, size_t len);

/* Closes so that the other end sees a reset, not an end of file; what is unsent is dropped. */
void io_udphp_reset(int fd);

/*
 * The first address of |host|, IPv4 before IPv6 (the script knows IPv4 only). Asks the resolver and waits for it.
 * NULL, or the resolver's reason.
 */
const char *io_udphp_resolve(const char *host, uint16_t port, struct adit_addr *ret_addr);

#endif
