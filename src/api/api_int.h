/*
 * libadit, inside: each public header of include/adit/ has one api_<name>.c here, a thin driver of a machine over
 * io/io_wait.h. Begin with api_ice.c; this header has what they share.
 */
#ifndef ADIT_API_INT_H
#define ADIT_API_INT_H

#include <adit/adit.h>

#include "base/addr.h"
#include "base/log.h"
#include "base/time.h"

/*
 * Copies a caller's configuration, which begins with its size, into |dst|. An older caller's is smaller: what it does
 * not have is zero. A newer caller's is larger: it may not ask for what is not known here. |min| is the first
 * version's size. 0 or EINVAL. No field may lie where an older structure had padding, as that was never cleared: the
 * structures have none at their ends (API_NO_TAIL).
 */
#define API_NO_TAIL(type, last)                                                          \
	_Static_assert(offsetof(type, last) + sizeof(((type *)0)->last) == sizeof(type), \
		       "a configuration ends with its last field")
ADIT_MUST_CHECK int api_config_copy(void *dst, size_t dst_size, size_t min, const void *src);

/* The caller's log as the machines know it; |to->write| NULL: none is wanted. */
void api_log_init(struct adit_log *to, struct adit_log_config *from);

/* EINVAL: neither IPv4 nor IPv6, or |len| is too short. */
ADIT_MUST_CHECK int api_address_from(const struct sockaddr *sa, socklen_t len, struct adit_addr *ret_addr);
/* The same of |n| at most PUNCH_PEERS_MAX. */
ADIT_MUST_CHECK int api_peers_from(const struct sockaddr_storage *addrs, size_t n, struct adit_addr *ret_peers);
void api_address_to(const struct adit_addr *a, struct sockaddr_storage *ret_ss);

#endif
