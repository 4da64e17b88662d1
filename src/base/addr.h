/*
 * A transport address as a plain value: compare, copy and keep it freely.
 * sockaddr exists only in io/ and quic/. Unused bytes of |ip| are zero, so that
 * two equal addresses are equal byte by byte.
 */
#ifndef ADIT_BASE_ADDR_H
#define ADIT_BASE_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum adit_family {
	ADIT_FAMILY_NONE = 0,
	ADIT_FAMILY_V4 = 4,
	ADIT_FAMILY_V6 = 6,
};

struct adit_addr {
	uint8_t ip[16]; /* network order; IPv4 uses the first four */
	uint32_t scope; /* IPv6 zone index of a link-local address, else 0 */
	uint16_t port; /* host order; 0 = none */
	uint8_t family; /* enum adit_family */
};

/* "[2001:db8::1%4294967295]:65535" with its NUL fits. */
#define ADIT_ADDR_STRLEN 64

struct adit_addr adit_addr_v4(uint8_t a, uint8_t b, uint8_t c, uint8_t d, uint16_t port);
struct adit_addr adit_addr_v6(const uint8_t ip[16], uint16_t port);
struct adit_addr adit_addr_with_port(struct adit_addr a, uint16_t port);

bool adit_addr_is_v4(const struct adit_addr *a);
bool adit_addr_is_v6(const struct adit_addr *a);
bool adit_addr_eq(const struct adit_addr *a, const struct adit_addr *b);
bool adit_addr_eq_ip(const struct adit_addr *a, const struct adit_addr *b);

/* These five see through IPv4-mapped IPv6 addresses (::ffff:0:0/96): a packet to one goes where the IPv4 address is. */

/* 127/8, ::1. */
bool adit_addr_is_loopback(const struct adit_addr *a);
/* RFC 1918, RFC 4193 (fc00::/7), RFC 6598 100.64/10, RFC 7335 192.0.0.0/29 (IPv4 over IPv6): behind some NAT. */
bool adit_addr_is_private(const struct adit_addr *a);
/* 169.254/16, fe80::/10. */
bool adit_addr_is_link_local(const struct adit_addr *a);
/* 224/4, ff00::/8, 255.255.255.255. */
bool adit_addr_is_multicast(const struct adit_addr *a);
/* 0.0.0.0, ::. */
bool adit_addr_is_any(const struct adit_addr *a);
/* Somebody's on the Internet: an address, and none of these; nor 0/8 or 240/4 (RFC 6890). */
bool adit_addr_is_public(const struct adit_addr *a);

/* Writes "192.0.2.1:80" or "[2001:db8::1]:80" (no ":port" where it is 0) with a NUL; returns |buf|. RFC 5952. */
const char *adit_addr_format(const struct adit_addr *a, char buf[ADIT_ADDR_STRLEN]);

/*
 * Reads a numeric "1.2.3.4", "1.2.3.4:80", "::1", "[::1]", "[::1]:80".
 * Returns 0 or ADIT_EINVAL. The port is 0 where none is given. No zone names.
 */
ADIT_MUST_CHECK int adit_addr_parse(const char *text, size_t len, struct adit_addr *ret_addr);

#endif
