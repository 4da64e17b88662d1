/* The machine's own addresses, and what each lies on: the raw material of host candidates. */
#ifndef ADIT_IO_IFACES_H
#define ADIT_IO_IFACES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/addr.h"
#include "core/reach/reach.h"
#include "io/io_ifaddr.h"

/*
 * Those of interfaces that are up and running; |cap| at most. Ordinary interfaces come first, VPNs' next, docker's and
 * libvirt's last; on each kind global IPv6 addresses (RFC 8421), then IPv4's, then unique local ones, otherwise in the
 * system's order. Not told: loopback and link-local addresses; deprecated ones, and such as are not sure to be ours;
 * temporary ones (RFC 8981) beside a stable one of the same interface, as a peer is to be met for longer than they
 * live. Returns their number, or ESYS with errno.
 */
ADIT_MUST_CHECK int io_ifaces_get(struct reach_host *ret_hosts, size_t cap);

/* The same choice from lists that are given: |known| is what the kernel thinks of the IPv6 ones. */
struct io_iface_addr {
	struct reach_host host;
	unsigned link; /* the interface's index */
};
size_t io_ifaces_choose(const struct io_iface_addr *all, size_t n_all, const struct io_ifaddr *known, size_t n_known,
			struct reach_host *ret_hosts, size_t cap);

/* Are these the same addresses, on the same kinds, in the same order? */
bool io_ifaces_is_same(const struct reach_host *a, size_t n_a, const struct reach_host *b, size_t n_b);

/* What an interface is, by its name and its driver's ("" where that is not known). */
enum ice_iface io_iface_kind(const char *name, const char *driver);

#endif
