/*
 * What the kernel thinks of each of this machine's IPv6 addresses, which getifaddrs() does not tell: is it temporary,
 * is it on its way out, is it not yet sure to be ours? From rtnetlink (RTM_GETADDR).
 */
#ifndef ADIT_IO_IFADDR_H
#define ADIT_IO_IFADDR_H

#include <stdbool.h>
#include <stddef.h>

#include "base/addr.h"

#define IO_IFADDRS_MAX 128 /* looked at; those of docker hosts are many */

struct io_ifaddr {
	struct adit_addr addr; /* no port, no scope */
	unsigned link; /* the interface's index */
	bool is_temporary; /* RFC 8981: changes within a day, so that nobody can follow this machine */
	bool is_deprecated; /* RFC 4862 5.5.4: no longer to be used for anything new */
	bool is_unsure; /* RFC 4862 5.4: being tried, or found to be somebody else's */
};

/* All, |cap| at most: their number, or ESYS with errno where rtnetlink is not to be had. */
ADIT_MUST_CHECK int io_ifaddr_get(struct io_ifaddr *ret_addrs, size_t cap);

/* A part of the kernel's answer: |*n| is what there is already. 1: that was the end; 0: there is more; EPROTO. */
ADIT_MUST_CHECK int io_ifaddr_read(const void *data, size_t len, struct io_ifaddr *addrs, size_t cap, size_t *n);

#endif
