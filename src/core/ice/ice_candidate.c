#include "core/ice/ice_candidate.h"

#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "core/ice/ice_sdp.h"

static const char *const type_names[] = {
	[ICE_HOST] = "host", [ICE_SRFLX] = "srflx", [ICE_PRFLX] = "prflx", [ICE_RELAY] = "relay"};

const char *ice_type_name(enum ice_type type)
{
	return type_names[type];
}

uint32_t ice_candidate_priority(enum ice_type type, uint16_t local_pref)
{
	static const uint32_t prefs[] = {[ICE_HOST] = ICE_PREF_HOST,
					 [ICE_SRFLX] = ICE_PREF_SRFLX,
					 [ICE_PRFLX] = ICE_PREF_PRFLX,
					 [ICE_RELAY] = ICE_PREF_RELAY};

	return prefs[type] << 24 | (uint32_t)local_pref << 8 | (256 - 1);
}

bool ice_candidate_is_through_relay(uint32_t priority)
{
	return (priority >> 8 & 0xffff) <= ICE_LOCAL_PREF_RELAYED;
}

uint64_t ice_candidate_pair_priority(uint32_t controlling, uint32_t controlled)
{
	uint32_t low = controlling < controlled ? controlling : controlled;
	uint32_t high = controlling < controlled ? controlled : controlling;

	return ((uint64_t)low << 32) + 2 * (uint64_t)high + (controlling > controlled ? 1 : 0);
}

/* What is left of a line; words are separated by blanks. */
struct words {
	const char *at;
	const char *end;
};

struct word {
	const char *text;
	size_t len; /* 0: there is none */
};

static struct word next_word(struct words *w)
{
	struct word word;

	while (w->at < w->end && *w->at == ' ')
		w->at++;
	word.text = w->at;
	while (w->at < w->end && *w->at != ' ')
		w->at++;
	word.len = (size_t)(w->at - word.text);
	return word;
}

static bool is_word(struct word w, const char *text)
{
	return ice_sdp_is_token(w.text, w.len, text);
}

static bool read_number(struct word w, uint32_t min, uint32_t max, uint32_t *ret)
{
	return ice_sdp_number(w.text, w.len, max, ret) && *ret >= min;
}

/* 0; EIGNORED for a name: digits and colons alone make an address (RFC 8839 5.1). */
static int read_addr(struct word w, struct adit_addr *ret)
{
	struct adit_addr a;

	if (w.len == 0)
		return ADIT_EPROTO;
	if (w.text[0] == '[' || adit_addr_parse(w.text, w.len, &a) < 0)
		return ADIT_EIGNORED;
	if (a.port != 0 || (adit_addr_is_v4(&a) && memchr(w.text, ':', w.len)))
		return ADIT_EPROTO;
	*ret = a;
	return 0;
}

static bool read_type(struct word w, enum ice_type *ret)
{
	for (size_t i = 0; i < ARRAY_LEN(type_names); i++) {
		if (is_word(w, type_names[i])) {
			*ret = (enum ice_type)i;
			return true;
		}
	}
	return false;
}

/* raddr, rport, and extensions as pairs of words. An unreadable related address is none: it is only informative. */
static int read_rest(struct words *w, struct ice_candidate *c)
{
	struct word name;
	uint32_t port;

	while ((name = next_word(w)).len > 0) {
		struct word value = next_word(w);

		if (value.len == 0)
			return ADIT_EPROTO;
		if (is_word(name, "raddr")) {
			if (read_addr(value, &c->related) < 0)
				c->related = (struct adit_addr){0};
		} else if (is_word(name, "rport")) {
			if (!read_number(value, 0, UINT16_MAX, &port))
				return ADIT_EPROTO;
			c->related.port = (uint16_t)port;
		} else if (is_word(name, "ufrag")) {
			c->ufrag = value.text;
			c->ufrag_len = value.len;
		}
	}
	if (c->related.family == ADIT_FAMILY_NONE)
		c->related.port = 0;
	return 0;
}

/* Everything up to the type; what a stranger's transport looks like behind that is its own matter. */
static int read_fixed(struct words *w, struct ice_candidate *c)
{
	struct word foundation = next_word(w);
	struct word component = next_word(w);
	struct word transport = next_word(w);
	struct word priority = next_word(w);
	struct word addr = next_word(w);
	struct word port = next_word(w);
	uint32_t n;
	int r;

	if (foundation.len == 0 || foundation.len > ICE_FOUNDATION_MAX ||
	    !ice_sdp_is_chars(foundation.text, foundation.len))
		return ADIT_EPROTO;
	memcpy(c->foundation, foundation.text, foundation.len);
	if (!read_number(component, 1, ICE_COMPONENT_MAX, &n) || transport.len == 0)
		return ADIT_EPROTO;
	c->component = (uint16_t)n;
	if (!read_number(priority, 1, ICE_PRIORITY_MAX, &c->priority))
		return ADIT_EPROTO;
	r = read_addr(addr, &c->addr);
	if (!read_number(port, 0, UINT16_MAX, &n))
		return ADIT_EPROTO;
	c->addr.port = (uint16_t)n;
	if (r == 0 && !is_word(transport, "UDP"))
		return ADIT_EIGNORED;
	return r;
}

int ice_candidate_parse(const char *text, size_t len, struct ice_candidate *ret_cand)
{
	struct ice_candidate c = {0};
	struct ice_sdp_text line = ice_sdp_trim(text, len);
	struct words w;
	struct word type;
	int r;

	if (len > ICE_LINE_MAX || !ice_sdp_skip(&line, "candidate:"))
		return ADIT_EPROTO;
	w = (struct words){line.at, line.at + line.len};
	r = read_fixed(&w, &c);
	if (r == ADIT_EPROTO || !is_word(next_word(&w), "typ"))
		return ADIT_EPROTO;
	type = next_word(&w);
	if (type.len == 0)
		return ADIT_EPROTO;
	if (r == 0 && !read_type(type, &c.type))
		r = ADIT_EIGNORED;
	if (read_rest(&w, &c) < 0)
		return ADIT_EPROTO;
	if (r == 0)
		*ret_cand = c;
	return r;
}

/* The address alone: no port, and no zone, which means nothing to others. */
static void format_ip(const struct adit_addr *a, char buf[ADIT_ADDR_STRLEN])
{
	struct adit_addr bare = adit_addr_with_port(*a, 0);

	bare.scope = 0;
	adit_addr_format(&bare, buf);
}

int ice_candidate_format(const struct ice_candidate *c, char *buf, size_t cap)
{
	char ip[ADIT_ADDR_STRLEN];
	char related[ADIT_ADDR_STRLEN];
	int n;

	format_ip(&c->addr, ip);
	if (c->type == ICE_HOST) {
		n = snprintf(buf, cap, "candidate:%s %u UDP %lu %s %u typ host", c->foundation, (unsigned)c->component,
			     (unsigned long)c->priority, ip, (unsigned)c->addr.port);
	} else {
		bool has = c->related.family != ADIT_FAMILY_NONE;

		/* RFC 8839 5.1: must be there; 9 is the discard port, for an address that is not told. */
		if (has)
			format_ip(&c->related, related);
		else
			snprintf(related, sizeof(related), "%s", adit_addr_is_v6(&c->addr) ? "::" : "0.0.0.0");
		n = snprintf(buf, cap, "candidate:%s %u UDP %lu %s %u typ %s raddr %s rport %u", c->foundation,
			     (unsigned)c->component, (unsigned long)c->priority, ip, (unsigned)c->addr.port,
			     ice_type_name(c->type), related, has ? (unsigned)c->related.port : 9u);
	}
	return n < 0 || (size_t)n >= cap ? ADIT_EFULL : n;
}

/* IPv4 in IPv6 (mapped ::ffff:0:0/96 or compatible ::/96) and site-local fec0::/10. */
static bool is_obsolete(const struct adit_addr *a)
{
	static const uint8_t zero[10];

	if (!adit_addr_is_v6(a))
		return false;
	if (a->ip[0] == 0xfe && (a->ip[1] & 0xc0) == 0xc0)
		return true;
	return memcmp(a->ip, zero, 10) == 0 && ((a->ip[10] == 0xff && a->ip[11] == 0xff) ||
						(a->ip[10] == 0 && a->ip[11] == 0 && !adit_addr_is_loopback(a)));
}

enum ice_refusal ice_candidate_judge(const struct adit_addr *addr, bool allow_loopback)
{
	if (addr->port == 0)
		return ICE_REFUSED_PORT;
	if (addr->family == ADIT_FAMILY_NONE || adit_addr_is_any(addr) || (adit_addr_is_v4(addr) && addr->ip[0] == 0))
		return ICE_REFUSED_ANY;
	if (adit_addr_is_multicast(addr) || (adit_addr_is_v4(addr) && addr->ip[0] >= 240))
		return ICE_REFUSED_MULTICAST;
	if (adit_addr_is_loopback(addr) && !allow_loopback)
		return ICE_REFUSED_LOOPBACK;
	return is_obsolete(addr) ? ICE_REFUSED_OBSOLETE : ICE_REFUSED_NOT;
}

bool ice_candidate_is_private(const struct adit_addr *addr)
{
	return adit_addr_is_private(addr) || adit_addr_is_link_local(addr);
}

bool ice_candidate_is_public(const struct adit_addr *addr)
{
	return ice_candidate_judge(addr, false) == ICE_REFUSED_NOT && !ice_candidate_is_private(addr);
}

bool ice_candidate_can_pair(const struct adit_addr *a, const struct adit_addr *b)
{
	if (a->family != b->family || adit_addr_is_loopback(a) != adit_addr_is_loopback(b))
		return false;
	return !adit_addr_is_v6(a) || adit_addr_is_link_local(a) == adit_addr_is_link_local(b);
}
