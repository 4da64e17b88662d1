#include "base/addr.h"

#include <stdio.h>
#include <string.h>

struct adit_addr adit_addr_v4(uint8_t a, uint8_t b, uint8_t c, uint8_t d, uint16_t port)
{
	return (struct adit_addr){.ip = {a, b, c, d}, .port = port, .family = ADIT_FAMILY_V4};
}

struct adit_addr adit_addr_v6(const uint8_t ip[16], uint16_t port)
{
	struct adit_addr a = {.port = port, .family = ADIT_FAMILY_V6};

	memcpy(a.ip, ip, 16);
	return a;
}

struct adit_addr adit_addr_with_port(struct adit_addr a, uint16_t port)
{
	a.port = port;
	return a;
}

bool adit_addr_is_v4(const struct adit_addr *a)
{
	return a->family == ADIT_FAMILY_V4;
}

bool adit_addr_is_v6(const struct adit_addr *a)
{
	return a->family == ADIT_FAMILY_V6;
}

bool adit_addr_eq_ip(const struct adit_addr *a, const struct adit_addr *b)
{
	return a->family == b->family && a->scope == b->scope && memcmp(a->ip, b->ip, sizeof(a->ip)) == 0;
}

bool adit_addr_eq(const struct adit_addr *a, const struct adit_addr *b)
{
	return a->port == b->port && adit_addr_eq_ip(a, b);
}

/*
 * The four bytes of an IPv4 address, also of one in IPv6 clothes (RFC 4291 2.5.5.2): a packet to ::ffff:127.0.0.1 goes
 * where 127.0.0.1 is, so no question about an address may have two answers. NULL: a real IPv6 address.
 */
static const uint8_t *v4_of(const struct adit_addr *a)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

	if (!adit_addr_is_v6(a))
		return a->ip;
	return memcmp(a->ip, mapped, sizeof(mapped)) == 0 ? a->ip + sizeof(mapped) : NULL;
}

bool adit_addr_is_loopback(const struct adit_addr *a)
{
	static const uint8_t one[16] = {[15] = 1};
	const uint8_t *v4 = v4_of(a);

	return v4 ? v4[0] == 127 : memcmp(a->ip, one, 16) == 0;
}

bool adit_addr_is_private(const struct adit_addr *a)
{
	const uint8_t *p = v4_of(a);

	if (!p)
		return (a->ip[0] & 0xfe) == 0xfc;
	return p[0] == 10 || (p[0] == 172 && (p[1] & 0xf0) == 16) || (p[0] == 192 && p[1] == 168) ||
	       (p[0] == 100 && (p[1] & 0xc0) == 64) || (p[0] == 192 && p[1] == 0 && p[2] == 0 && p[3] < 8);
}

bool adit_addr_is_link_local(const struct adit_addr *a)
{
	const uint8_t *v4 = v4_of(a);

	if (!v4)
		return a->ip[0] == 0xfe && (a->ip[1] & 0xc0) == 0x80;
	return v4[0] == 169 && v4[1] == 254;
}

bool adit_addr_is_multicast(const struct adit_addr *a)
{
	static const uint8_t broadcast[4] = {255, 255, 255, 255};
	const uint8_t *v4 = v4_of(a);

	if (!v4)
		return a->ip[0] == 0xff;
	return (v4[0] & 0xf0) == 0xe0 || memcmp(v4, broadcast, 4) == 0;
}

bool adit_addr_is_any(const struct adit_addr *a)
{
	static const uint8_t zero[16];
	const uint8_t *v4 = v4_of(a);

	return v4 ? memcmp(v4, zero, 4) == 0 : memcmp(a->ip, zero, 16) == 0;
}

bool adit_addr_is_public(const struct adit_addr *a)
{
	const uint8_t *v4 = v4_of(a);

	if (a->family == ADIT_FAMILY_NONE || (v4 && (v4[0] == 0 || v4[0] >= 240)))
		return false;
	return !adit_addr_is_loopback(a) && !adit_addr_is_private(a) && !adit_addr_is_link_local(a) &&
	       !adit_addr_is_multicast(a) && !adit_addr_is_any(a);
}

/* Where the longest run of two or more zero groups begins (RFC 5952 4.2); its length in |ret_len|. */
static int longest_zero_run(const uint16_t g[8], int *ret_len)
{
	int best = -1;
	int best_len = 1;

	for (int i = 0; i < 8; i++) {
		int n = 0;

		while (i + n < 8 && g[i + n] == 0)
			n++;
		if (n > best_len) {
			best = i;
			best_len = n;
		}
	}
	*ret_len = best < 0 ? 0 : best_len;
	return best;
}

static void format_v6(const uint8_t ip[16], char buf[ADIT_ADDR_STRLEN])
{
	uint16_t g[8];
	int run_len;
	int run;
	size_t at = 0;

	for (int i = 0; i < 8; i++)
		g[i] = (uint16_t)(ip[2 * i] << 8 | ip[2 * i + 1]);
	run = longest_zero_run(g, &run_len);
	buf[0] = '\0';
	for (int i = 0; i < 8; i++) {
		if (i == run) {
			at += (size_t)snprintf(buf + at, ADIT_ADDR_STRLEN - at, "::");
			i += run_len - 1;
			continue;
		}
		at += (size_t)snprintf(buf + at, ADIT_ADDR_STRLEN - at, "%s%x", i > 0 && i != run + run_len ? ":" : "",
				       g[i]);
	}
}

const char *adit_addr_format(const struct adit_addr *a, char buf[ADIT_ADDR_STRLEN])
{
	char ip[ADIT_ADDR_STRLEN];
	char zone[16] = "";

	if (a->family == ADIT_FAMILY_NONE) {
		snprintf(buf, ADIT_ADDR_STRLEN, "-");
		return buf;
	}
	if (adit_addr_is_v4(a)) {
		snprintf(ip, sizeof(ip), "%u.%u.%u.%u", a->ip[0], a->ip[1], a->ip[2], a->ip[3]);
		if (a->port == 0)
			snprintf(buf, ADIT_ADDR_STRLEN, "%.15s", ip);
		else
			snprintf(buf, ADIT_ADDR_STRLEN, "%.15s:%u", ip, a->port);
		return buf;
	}
	format_v6(a->ip, ip);
	if (a->scope != 0)
		snprintf(zone, sizeof(zone), "%%%u", (unsigned)a->scope);
	if (a->port == 0)
		snprintf(buf, ADIT_ADDR_STRLEN, "%.39s%s", ip, zone);
	else
		snprintf(buf, ADIT_ADDR_STRLEN, "[%.39s%s]:%u", ip, zone, a->port);
	return buf;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/*
 * A decimal number of at most |max| at |*p|; moves |*p| behind it. -1 where there is none. No zeroes in front: some
 * read 010 as eight (RFC 6943 3.1.1), and a number that means two hosts is none.
 */
static long parse_decimal(const char **p, const char *end, long max)
{
	long v = 0;
	const char *start = *p;

	while (*p < end && **p >= '0' && **p <= '9') {
		v = v * 10 + (**p - '0');
		if (v > max)
			return -1;
		(*p)++;
	}
	return *p == start || (*start == '0' && *p - start > 1) ? -1 : v;
}

static bool parse_v4(const char *p, const char *end, uint8_t ip[4])
{
	for (int i = 0; i < 4; i++) {
		long v;

		if (i > 0 && (p == end || *p++ != '.'))
			return false;
		v = parse_decimal(&p, end, 255);
		if (v < 0)
			return false;
		ip[i] = (uint8_t)v;
	}
	return p == end;
}

/* One group of up to four hex digits. */
static bool parse_group(const char **p, const char *end, uint16_t *ret)
{
	const char *start = *p;
	unsigned v = 0;

	while (*p < end && hex_digit(**p) >= 0 && *p - start < 4)
		v = v << 4 | (unsigned)hex_digit(*(*p)++);
	*ret = (uint16_t)v;
	return *p > start;
}

static bool parse_v6(const char *p, const char *end, uint8_t ip[16])
{
	uint8_t out[16] = {0};
	int n = 0; /* bytes written */
	int gap = -1; /* where "::" stood */

	if (end - p >= 2 && p[0] == ':' && p[1] == ':') {
		gap = 0;
		p += 2;
	}
	while (p < end) {
		const char *group = p;
		uint16_t g;

		if (n == 16 || !parse_group(&p, end, &g))
			return false;
		if (p < end && *p == '.') {
			if (n > 12 || !parse_v4(group, end, out + n))
				return false;
			n += 4;
			p = end;
			break;
		}
		out[n++] = (uint8_t)(g >> 8);
		out[n++] = (uint8_t)g;
		if (p == end)
			break;
		if (*p++ != ':' || p == end)
			return false;
		if (*p == ':') {
			if (gap >= 0)
				return false;
			gap = n;
			p++;
		}
	}
	if (gap < 0 ? n != 16 : n > 14)
		return false;
	memset(ip, 0, 16);
	if (gap < 0)
		gap = n;
	memcpy(ip, out, (size_t)gap);
	memcpy(ip + 16 - (n - gap), out + gap, (size_t)(n - gap));
	return true;
}

int adit_addr_parse(const char *text, size_t len, struct adit_addr *ret_addr)
{
	const char *end = text + len;
	const char *ip_end = end;
	const char *port = NULL;
	struct adit_addr a = {0};
	long port_nr = 0;

	if (len == 0)
		return ADIT_EINVAL;
	if (text[0] == '[') {
		ip_end = memchr(text, ']', len);
		if (!ip_end)
			return ADIT_EINVAL;
		text++;
		if (ip_end + 1 < end && ip_end[1] == ':')
			port = ip_end + 2;
		else if (ip_end + 1 != end)
			return ADIT_EINVAL;
		a.family = ADIT_FAMILY_V6;
	} else {
		const char *colon = memchr(text, ':', len);

		a.family = ADIT_FAMILY_V4;
		if (colon && memchr(colon + 1, ':', (size_t)(end - colon - 1))) {
			a.family = ADIT_FAMILY_V6;
		} else if (colon) {
			ip_end = colon;
			port = colon + 1;
		}
	}
	if (a.family == ADIT_FAMILY_V4 ? !parse_v4(text, ip_end, a.ip) : !parse_v6(text, ip_end, a.ip))
		return ADIT_EINVAL;
	if (port) {
		port_nr = parse_decimal(&port, end, 65535);
		if (port_nr < 1 || port != end)
			return ADIT_EINVAL;
	}
	a.port = (uint16_t)port_nr;
	*ret_addr = a;
	return 0;
}
