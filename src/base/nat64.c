#include "base/nat64.h"

#include <stdio.h>
#include <string.h>

#include "base/bytes.h"

/* RFC 6052 2.2. The longest first: where a short prefix would do as well, its bits stand in the longer one. */
static const uint8_t lens[] = {96, 64, 56, 48, 40, 32};

bool adit_nat64_is_len(unsigned len)
{
	for (size_t i = 0; i < ARRAY_LEN(lens); i++)
		if (len == lens[i])
			return true;
	return false;
}

struct adit_nat64 adit_nat64_well_known(void)
{
	return (struct adit_nat64){.prefix = {0x00, 0x64, 0xff, 0x9b}, .len = 96};
}

/*
 * The IPv4 address follows the prefix, but for the octet of bits 64 to 71, which is 0. The place of its |i|th octet
 * behind |bytes| octets of prefix:
 */
static size_t octet_at(size_t bytes, size_t i)
{
	size_t at = bytes + i;

	return bytes <= 8 && at >= 8 ? at + 1 : at;
}

struct adit_addr adit_nat64_synthesize(const struct adit_nat64 *n, const struct adit_addr *v4)
{
	size_t bytes = n->len / 8u;
	struct adit_addr v6 = {.family = ADIT_FAMILY_V6, .port = v4->port};

	memcpy(v6.ip, n->prefix, bytes);
	for (size_t i = 0; i < 4; i++)
		v6.ip[octet_at(bytes, i)] = v4->ip[i];
	return v6;
}

bool adit_nat64_extract(const struct adit_nat64 *n, const struct adit_addr *v6, struct adit_addr *ret_v4)
{
	size_t bytes = n->len / 8u;
	struct adit_addr v4 = {.family = ADIT_FAMILY_V4, .port = v6->port};

	if (n->len == 0 || v6->family != ADIT_FAMILY_V6 || memcmp(v6->ip, n->prefix, bytes) != 0)
		return false;
	for (size_t i = 0; i < 4; i++)
		v4.ip[i] = v6->ip[octet_at(bytes, i)];
	*ret_v4 = v4;
	return true;
}

/* 192.0.0.170 and .171 (RFC 7050 8.2), and the octet and the suffix as they have to be. */
static bool is_made_with(const struct adit_nat64 *n, const struct adit_addr *v6)
{
	struct adit_addr v4;
	struct adit_addr again;

	if (!adit_nat64_extract(n, v6, &v4) || v4.ip[0] != 192 || v4.ip[1] != 0 || v4.ip[2] != 0 ||
	    (v4.ip[3] != 170 && v4.ip[3] != 171))
		return false;
	again = adit_nat64_synthesize(n, &v4);
	return adit_addr_eq_ip(&again, v6);
}

static bool prefix_of(const struct adit_addr *v6, uint8_t len, struct adit_nat64 *ret_nat64)
{
	struct adit_nat64 n = {.len = len};

	if (v6->family != ADIT_FAMILY_V6)
		return false;
	memcpy(n.prefix, v6->ip, len / 8u);
	if (!is_made_with(&n, v6))
		return false;
	*ret_nat64 = n;
	return true;
}

static unsigned votes(const struct adit_nat64 *n, const struct adit_addr *addrs, size_t count)
{
	unsigned v = 0;

	for (size_t i = 0; i < count; i++)
		v += is_made_with(n, &addrs[i]);
	return v;
}

/* A prefix may itself contain what looks like one of the two addresses; only the true place fits both (RFC 7050 3). */
bool adit_nat64_discover(const struct adit_addr *addrs, size_t n, struct adit_nat64 *ret_nat64)
{
	unsigned best = 0;

	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < ARRAY_LEN(lens); k++) {
			struct adit_nat64 one;
			unsigned v;

			if (!prefix_of(&addrs[i], lens[k], &one))
				continue;
			v = votes(&one, addrs, n);
			if (v > best) {
				best = v;
				*ret_nat64 = one;
			}
		}
	}
	return best > 0;
}

struct adit_addr adit_nat64_own(uint16_t port)
{
	return adit_addr_v4(192, 0, 0, 2, port);
}

bool adit_nat64_is_own(const struct adit_addr *a)
{
	return adit_addr_is_v4(a) && a->ip[0] == 192 && a->ip[1] == 0 && a->ip[2] == 0 && a->ip[3] < 8;
}

static bool is_well_known(const struct adit_nat64 *n)
{
	struct adit_nat64 w = adit_nat64_well_known();

	return n->len == w.len && memcmp(n->prefix, w.prefix, sizeof(w.prefix)) == 0;
}

bool adit_nat64_leads_to(const struct adit_nat64 *n, const struct adit_addr *v4)
{
	return n->len > 0 && adit_addr_is_v4(v4) && !adit_addr_is_loopback(v4) && !adit_addr_is_link_local(v4) &&
	       !adit_addr_is_multicast(v4) && !(is_well_known(n) && adit_addr_is_private(v4));
}

bool adit_nat64_out(const struct adit_nat64 *n, struct adit_out *o)
{
	if (o->kind == ADIT_OUT_SEND) {
		if (!adit_nat64_leads_to(n, &o->remote))
			return false;
		o->remote = adit_nat64_synthesize(n, &o->remote);
		o->local = (struct adit_addr){0};
	} else if (o->kind == ADIT_OUT_OPEN) {
		o->local = (struct adit_addr){.family = ADIT_FAMILY_V6, .port = o->local.port};
	}
	return true;
}

bool adit_nat64_in(const struct adit_nat64 *n, struct adit_dgram *d)
{
	if (!adit_nat64_extract(n, &d->remote, &d->remote))
		return false;
	d->local = adit_nat64_own(d->local.port);
	return true;
}

/* RFC 7915 5.2. */
static bool translate_type(struct adit_icmp *icmp)
{
	/* Of ICMPv6's unreachable, by code: no route, prohibited, beyond scope, address, port. */
	static const uint8_t unreachable[] = {1, 10, 1, 1, 3};

	switch (icmp->type) {
	case 1:
		icmp->code = icmp->code < ARRAY_LEN(unreachable) ? unreachable[icmp->code] : 1;
		icmp->type = 3;
		return true;
	case 2: /* too big */
		icmp->code = 4;
		icmp->type = 3;
		return true;
	case 3: /* time exceeded */
		icmp->type = 11;
		return true;
	default:
		return false;
	}
}

bool adit_nat64_icmp(const struct adit_nat64 *n, struct adit_icmp *icmp)
{
	if (!adit_nat64_extract(n, &icmp->remote, &icmp->remote) || !translate_type(icmp))
		return false;
	if (!adit_nat64_extract(n, &icmp->offender, &icmp->offender))
		icmp->offender = adit_nat64_own(0);
	return true;
}

const char *adit_nat64_format(const struct adit_nat64 *n, char buf[ADIT_NAT64_STRLEN])
{
	struct adit_addr a = adit_addr_v6(n->prefix, 0);
	char text[ADIT_ADDR_STRLEN];

	snprintf(buf, ADIT_NAT64_STRLEN, "%.40s/%u", adit_addr_format(&a, text), (unsigned)n->len);
	return buf;
}
