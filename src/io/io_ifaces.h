/* The machine's own addresses, and what each lies on: the raw material of host candidates. */
#ifndef ADIT_IO_IFACES_H
#define ADIT_IO_IFACES_H

#include <stddef.h>

#include "base/addr.h"
#include "core/ice/ice_agent.h"

struct io_iface {
	struct adit_addr addr; /* port 0 */
	enum ice_iface kind;
};

/*
 * Those of interfaces that are up, in the system's order, without loopback and link-local ones; |cap| at most. Returns
 * their number, or ESYS with errno.
 */
ADIT_MUST_CHECK int io_ifaces_get(struct io_iface *ret_ifaces, size_t cap);

/* By its name, as the programs that make interfaces call theirs. */
enum ice_iface io_iface_kind(const char *name);

#endif
