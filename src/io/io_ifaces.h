/* The machine's own addresses, and what each lies on: the raw material of host candidates. */
#ifndef ADIT_IO_IFACES_H
#define ADIT_IO_IFACES_H

#include <stddef.h>

#include "base/addr.h"
#include "core/reach/reach.h"

/*
 * Those of interfaces that are up and running, without loopback and link-local ones; |cap| at most. Ordinary interfaces
 * come first, docker's and libvirt's last, otherwise in the system's order. Returns their number, or ESYS with errno.
 */
ADIT_MUST_CHECK int io_ifaces_get(struct reach_host *ret_hosts, size_t cap);

/* What an interface is, by its name and its driver's ("" where that is not known). */
enum ice_iface io_iface_kind(const char *name, const char *driver);

#endif
