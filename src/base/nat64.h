/*
 * IPv4 over a network that has only IPv6, and a NAT64 at its edge (RFC 6146): the addresses (RFC 6052), where the
 * prefix is read from (RFC 7050), and a socket's translation, so that a machine's IPv4 socket may be an IPv6 one of the
 * system's without its knowing. What RFC 6877 does to a host's packets is done here to one program's datagrams.
 *
 * It lies below all rooms since the sockets use it (io/), and the model of a NAT64 and the virtual hosts, too.
 */
#ifndef ADIT_BASE_NAT64_H
#define ADIT_BASE_NAT64_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/machine.h"

/* RFC 6052 2.2. */
struct adit_nat64 {
	uint8_t prefix[16]; /* the bits behind |len| are 0 */
	uint8_t len; /* bits: 32, 40, 48, 56, 64 or 96; 0: there is no NAT64 */
};

/* The name whose IPv6 addresses are NAT64's doing (RFC 7050 3). */
#define ADIT_NAT64_NAME "ipv4only.arpa"
/* "2001:db8:122:344::/96" with its NUL fits. */
#define ADIT_NAT64_STRLEN 48

bool adit_nat64_is_len(unsigned len);
/* The well-known prefix 64:ff9b::/96 (RFC 6052 2.1). */
struct adit_nat64 adit_nat64_well_known(void);

/* The IPv6 address that stands for |v4|; the port goes along. */
struct adit_addr adit_nat64_synthesize(const struct adit_nat64 *n, const struct adit_addr *v4);
/* And back. False: |v6| is not behind the prefix. */
bool adit_nat64_extract(const struct adit_nat64 *n, const struct adit_addr *v6, struct adit_addr *ret_v4);

/*
 * The prefix, from the IPv6 addresses of ADIT_NAT64_NAME: the one that both of its IPv4 addresses lead to, or the first
 * that one of them does. False: no NAT64 has had a hand in them.
 */
bool adit_nat64_discover(const struct adit_addr *addrs, size_t n, struct adit_nat64 *ret_nat64);

/*
 * The address that a host with NAT64 alone gives itself for IPv4 (192.0.0.2; RFC 7335): nobody else sees it, and it is
 * never told to anybody. _is_own: of that block.
 */
struct adit_addr adit_nat64_own(uint16_t port);
bool adit_nat64_is_own(const struct adit_addr *a);

/*
 * Whether |v4| lies behind it. What is this machine's or this link's does not, nor does the well-known prefix stand for
 * private addresses (RFC 6052 3.1).
 */
bool adit_nat64_leads_to(const struct adit_nat64 *n, const struct adit_addr *v4);

/*
 * What an IPv4 socket gives out, for an IPv6 one: family, address. The source address is the system's choice then.
 * False: not to be sent through it.
 */
ADIT_MUST_CHECK bool adit_nat64_out(const struct adit_nat64 *n, struct adit_out *o);
/* What such an IPv6 socket hears, for the IPv4 one. False: not from behind the prefix. */
bool adit_nat64_in(const struct adit_nat64 *n, struct adit_dgram *d);
/*
 * The same for an ICMPv6 error, its type and code as RFC 7915 5.2 translates them. A router before the NAT64 becomes
 * adit_nat64_own(): it lies inside. False: no error that IPv4 knows, or not about one of these datagrams.
 */
bool adit_nat64_icmp(const struct adit_nat64 *n, struct adit_icmp *icmp);

/* "64:ff9b::/96" */
const char *adit_nat64_format(const struct adit_nat64 *n, char buf[ADIT_NAT64_STRLEN]);

#endif
