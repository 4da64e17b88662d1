/* The machine's own addresses, and what each lies on: the raw material of host candidates. */
#ifndef ADIT_IO_IFACES_H
#define ADIT_IO_IFACES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/addr.h"
#include "core/reach/reach.h"

/*
 * Those of interfaces that are up and running, without loopback and link-local ones; |cap| at most. Ordinary interfaces
 * come first, docker's and libvirt's last, otherwise in the system's order. Returns their number, or ESYS with errno.
 */
ADIT_MUST_CHECK int io_ifaces_get(struct reach_host *ret_hosts, size_t cap);

/* Are these the same addresses, on the same kinds, in the same order? */
bool io_ifaces_is_same(const struct reach_host *a, size_t n_a, const struct reach_host *b, size_t n_b);

/* What an interface is, by its name and its driver's ("" where that is not known). */
enum ice_iface io_iface_kind(const char *name, const char *driver);

#endif
