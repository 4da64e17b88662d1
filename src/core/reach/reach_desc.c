#include "core/reach/reach_desc.h"

#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/words.h"

/*
 * {type u8, length u8, value}. A known type is at least as long as here, and longer where a later version has more to
 * say: what follows is ignored, like unknown types. None comes twice.
 */
enum tlv {
	TLV_RUN = 1, /* instance u64, attempt u32, round u8 */
	TLV_KIND = 2, /* enum nat_kind u8 */
	TLV_PUBLIC = 3, /* IPv4 address, witnesses u8 */
	TLV_PORTS = 4, /* kind, samples, kept u8; jumps u8; step i16;
			spread, mean, foreign, low, high, block, last, age u16 */
	TLV_NATS = 5, /* u8 */
	TLV_WINDOW = 6, /* IPv4 address, port u16, low u16, high u16 */
	TLV_LAST = 7, /* enum reach_start u8, enum nat_way u8 */
	TLV_FILTER = 8, /* flags u8: FILTER_BY_PORT */
};

#define IP_LEN         4
#define FILTER_BY_PORT 1u

static size_t tlv_begin(struct adit_wr *w, enum tlv type)
{
	adit_wr_u8(w, (uint8_t)type);
	adit_wr_u8(w, 0);
	return w->len;
}

static void tlv_end(struct adit_wr *w, size_t at)
{
	w->buf[at - 1] = (uint8_t)(w->len - at);
}

static uint8_t at_most_u8(unsigned v)
{
	return v < UINT8_MAX ? (uint8_t)v : UINT8_MAX;
}

static uint16_t at_most_u16(unsigned v)
{
	return v < UINT16_MAX ? (uint16_t)v : UINT16_MAX;
}

static void write_ports(struct adit_wr *w, const struct reach_desc *d)
{
	const struct nat_ports *p = &d->ports;
	size_t at = tlv_begin(w, TLV_PORTS);

	adit_wr_u8(w, (uint8_t)p->kind);
	adit_wr_u8(w, at_most_u8(p->samples));
	adit_wr_u8(w, at_most_u8(p->kept));
	adit_wr_u8(w, p->jumps);
	adit_wr_u16(w, (uint16_t)(int16_t)p->step);
	adit_wr_u16(w, at_most_u16(p->spread));
	adit_wr_u16(w, at_most_u16(p->mean));
	adit_wr_u16(w, at_most_u16(p->foreign));
	adit_wr_u16(w, p->low);
	adit_wr_u16(w, p->high);
	adit_wr_u16(w, at_most_u16(p->block));
	adit_wr_u16(w, p->last);
	adit_wr_u16(w, d->age);
	tlv_end(w, at);
}

static void write_window(struct adit_wr *w, const struct reach_desc *d)
{
	size_t at = tlv_begin(w, TLV_WINDOW);

	adit_wr_bytes(w, d->window_to.ip, IP_LEN);
	adit_wr_u16(w, d->window_to.port);
	adit_wr_u16(w, d->window_low);
	adit_wr_u16(w, d->window_high);
	tlv_end(w, at);
}

size_t reach_desc_encode(const struct reach_desc *d, uint8_t buf[MEET_EXTRA_MAX])
{
	struct adit_wr w = adit_wr_over(buf, MEET_EXTRA_MAX);
	size_t at = tlv_begin(&w, TLV_RUN);

	adit_wr_u64(&w, d->instance);
	adit_wr_u32(&w, d->attempt);
	adit_wr_u8(&w, d->round);
	tlv_end(&w, at);
	at = tlv_begin(&w, TLV_KIND);
	adit_wr_u8(&w, (uint8_t)d->kind);
	tlv_end(&w, at);
	if (adit_addr_is_v4(&d->public)) {
		at = tlv_begin(&w, TLV_PUBLIC);
		adit_wr_bytes(&w, d->public.ip, IP_LEN);
		adit_wr_u8(&w, d->witnesses);
		tlv_end(&w, at);
	}
	if (d->ports.samples > 0)
		write_ports(&w, d);
	at = tlv_begin(&w, TLV_NATS);
	adit_wr_u8(&w, d->nats);
	tlv_end(&w, at);
	if (d->start > 0 || d->way != NAT_WAY_UNKNOWN) {
		at = tlv_begin(&w, TLV_LAST);
		adit_wr_u8(&w, d->start);
		adit_wr_u8(&w, (uint8_t)d->way);
		tlv_end(&w, at);
	}
	if (d->is_filtered) {
		at = tlv_begin(&w, TLV_FILTER);
		adit_wr_u8(&w, FILTER_BY_PORT);
		tlv_end(&w, at);
	}
	if (adit_addr_is_v4(&d->window_to))
		write_window(&w, d);
	return w.len;
}

/* |ret_ok| becomes false for what nobody can be sent to. */
static struct adit_addr read_ip(struct adit_rd *r, bool *ret_ok)
{
	struct adit_addr a = {.family = ADIT_FAMILY_V4};

	adit_rd_bytes(r, a.ip, IP_LEN);
	if (!adit_addr_is_public(&a) && !adit_addr_is_private(&a))
		*ret_ok = false;
	return a;
}

static bool read_run(struct adit_rd *r, struct reach_desc *d)
{
	d->instance = adit_rd_u64(r);
	d->attempt = adit_rd_u32(r);
	d->round = adit_rd_u8(r);
	return d->round > 0;
}

static bool read_kind(struct adit_rd *r, struct reach_desc *d)
{
	uint8_t kind = adit_rd_u8(r);

	d->kind = (enum nat_kind)kind;
	return kind <= NAT_KIND_BLOCKED;
}

static bool read_public(struct adit_rd *r, struct reach_desc *d)
{
	bool ok = true;

	d->public = read_ip(r, &ok);
	d->witnesses = adit_rd_u8(r);
	return ok;
}

static bool ports_make_sense(const struct nat_ports *p)
{
	bool is_step = p->step >= -NAT_STEP_REACH && p->step <= NAT_STEP_REACH && p->spread <= NAT_STEP_REACH &&
		       p->mean >= NAT_MEAN_UNIT && p->mean <= NAT_STEP_REACH * NAT_MEAN_UNIT;

	if (p->kind > NAT_PORT_RANDOM || p->samples == 0 || p->kept > p->samples || p->low > p->high)
		return false;
	if (p->last < p->low || p->last > p->high)
		return false;
	if (p->kind == NAT_PORT_SEQUENTIAL)
		return is_step && p->step != 0;
	return p->step == 0 && p->spread == 0 && p->mean == 0 && !p->jumps;
}

static bool read_ports(struct adit_rd *r, struct reach_desc *d)
{
	struct nat_ports *p = &d->ports;

	p->kind = (enum nat_port_kind)adit_rd_u8(r);
	p->samples = adit_rd_u8(r);
	p->kept = adit_rd_u8(r);
	p->jumps = adit_rd_u8(r) & 1;
	p->step = (int16_t)adit_rd_u16(r);
	p->spread = adit_rd_u16(r);
	p->mean = adit_rd_u16(r);
	p->foreign = adit_rd_u16(r);
	p->low = adit_rd_u16(r);
	p->high = adit_rd_u16(r);
	p->block = adit_rd_u16(r);
	p->last = adit_rd_u16(r);
	d->age = adit_rd_u16(r);
	return ports_make_sense(p);
}

static bool read_window(struct adit_rd *r, struct reach_desc *d)
{
	bool ok = true;

	d->window_to = read_ip(r, &ok);
	d->window_to.port = adit_rd_u16(r);
	d->window_low = adit_rd_u16(r);
	d->window_high = adit_rd_u16(r);
	return ok && d->window_to.port > 0 && d->window_low > 0 && d->window_low <= d->window_high;
}

static bool read_last(struct adit_rd *r, struct reach_desc *d)
{
	uint8_t way;

	d->start = adit_rd_u8(r);
	way = adit_rd_u8(r);
	d->way = (enum nat_way)way;
	return d->start <= REACH_STARTS && way <= NAT_WAY_RELAY;
}

static bool read_tlv(uint8_t type, struct adit_rd *r, struct reach_desc *d)
{
	bool ok = true;

	switch (type) {
	case TLV_RUN:
		ok = read_run(r, d);
		break;
	case TLV_KIND:
		ok = read_kind(r, d);
		break;
	case TLV_PUBLIC:
		ok = read_public(r, d);
		break;
	case TLV_PORTS:
		ok = read_ports(r, d);
		break;
	case TLV_NATS:
		d->nats = adit_rd_u8(r);
		break;
	case TLV_WINDOW:
		ok = read_window(r, d);
		break;
	case TLV_LAST:
		ok = read_last(r, d);
		break;
	case TLV_FILTER:
		d->is_filtered = adit_rd_u8(r) & FILTER_BY_PORT;
		break;
	default:
		break;
	}
	return ok && !r->bad;
}

int reach_desc_decode(const uint8_t *data, size_t len, struct reach_desc *ret_desc)
{
	struct adit_rd r = adit_rd_over(data, len);
	struct reach_desc d;
	bool seen[UINT8_MAX + 1] = {false};

	memset(&d, 0, sizeof(d));
	while (adit_rd_left(&r) > 0) {
		uint8_t type = adit_rd_u8(&r);
		size_t value_len = adit_rd_u8(&r);
		struct adit_rd value = adit_rd_over(adit_rd_take(&r, value_len), value_len);

		if (r.bad || seen[type] || !read_tlv(type, &value, &d))
			return ADIT_EPROTO;
		seen[type] = true;
	}
	*ret_desc = d;
	return 0;
}

/* ---- memory: words of KEY=VALUE with one blank between; unknown keys are skipped, none comes twice ---- */

enum key {
	KEY_NETWORK,
	KEY_KIND,
	KEY_TTL,
	KEY_PEER_NETWORK,
	KEY_PEER_KIND,
	KEY_WAY,
	KEY_START,
	KEY_AT,
	KEYS,
};

static const char *const KEY_NAME[KEYS] = {"network", "kind", "ttl", "peer-network", "peer-kind", "way", "start", "at"};

int reach_memory_format(const struct reach_memory *m, char buf[REACH_MEMORY_STRLEN])
{
	char network[ADIT_ADDR_STRLEN];
	char peer[ADIT_ADDR_STRLEN];
	int n = snprintf(buf, REACH_MEMORY_STRLEN, "%s=%s %s=%s %s=%u %s=%s %s=%s %s=%s %s=%u %s=%llu",
			 KEY_NAME[KEY_NETWORK], m->network.family ? adit_addr_format(&m->network, network) : "-",
			 KEY_NAME[KEY_KIND], nat_kind_name(m->kind), KEY_NAME[KEY_TTL], m->low_ttl,
			 KEY_NAME[KEY_PEER_NETWORK],
			 m->peer_network.family ? adit_addr_format(&m->peer_network, peer) : "-",
			 KEY_NAME[KEY_PEER_KIND], nat_kind_name(m->peer_kind), KEY_NAME[KEY_WAY], nat_way_name(m->way),
			 KEY_NAME[KEY_START], m->start, KEY_NAME[KEY_AT], (unsigned long long)(m->at / ADIT_SEC(1)));

	return n < REACH_MEMORY_STRLEN ? n : ADIT_EFULL;
}

static bool parse_network(struct adit_word w, struct adit_addr *ret)
{
	if (adit_word_is(w, "-"))
		return true;
	return adit_addr_parse(w.p, w.len, ret) == 0 && adit_addr_is_v4(ret) && ret->port == 0;
}

static bool parse_kind(struct adit_word w, enum nat_kind *ret)
{
	for (int k = NAT_KIND_UNKNOWN; k <= NAT_KIND_BLOCKED; k++) {
		if (adit_word_is(w, nat_kind_name((enum nat_kind)k))) {
			*ret = (enum nat_kind)k;
			return true;
		}
	}
	return false;
}

static bool parse_way(struct adit_word w, enum nat_way *ret)
{
	for (int k = NAT_WAY_UNKNOWN; k <= NAT_WAY_RELAY; k++) {
		if (adit_word_is(w, nat_way_name((enum nat_way)k))) {
			*ret = (enum nat_way)k;
			return true;
		}
	}
	return false;
}

static bool parse_value(enum key key, struct adit_word w, struct reach_memory *m)
{
	uint64_t n = 0;
	bool ok;

	switch (key) {
	case KEY_NETWORK:
		return parse_network(w, &m->network);
	case KEY_KIND:
		return parse_kind(w, &m->kind);
	case KEY_TTL:
		ok = adit_word_number(w, UINT8_MAX, &n);
		m->low_ttl = (uint8_t)n;
		return ok;
	case KEY_PEER_NETWORK:
		return parse_network(w, &m->peer_network);
	case KEY_PEER_KIND:
		return parse_kind(w, &m->peer_kind);
	case KEY_WAY:
		return parse_way(w, &m->way);
	case KEY_START:
		ok = adit_word_number(w, REACH_STARTS, &n);
		m->start = (uint8_t)n;
		return ok;
	case KEY_AT:
		ok = adit_word_number(w, UINT64_MAX / ADIT_SEC(1), &n);
		m->at = n * ADIT_SEC(1);
		return ok;
	case KEYS:
		break;
	}
	return true;
}

int reach_memory_parse(const char *text, struct reach_memory *ret_memory)
{
	struct reach_memory m;
	bool seen[KEYS + 1] = {false};
	struct adit_word name;
	struct adit_word value;
	int r;

	memset(&m, 0, sizeof(m));
	while ((r = adit_words_next(&text, &name, &value)) == 1) {
		enum key key = (enum key)adit_word_find(name, KEY_NAME, KEYS);

		if ((key < KEYS && seen[key]) || !parse_value(key, value, &m))
			return ADIT_EPROTO;
		seen[key] = true;
	}
	if (r < 0)
		return r;
	*ret_memory = m;
	return 0;
}
