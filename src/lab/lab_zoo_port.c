/* Which outside address and port a new mapping gets, for every way of choosing. Begin with lab_zoo_inner.h. */
#include "lab/lab_zoo_inner.h"

/* Where a port is looked for. */
struct span {
	uint32_t lo;
	uint32_t size;
	bool random;
	bool shared; /* each look costs a lookup */
};

static uint64_t *bits_of(struct lab_zoo *z, uint8_t ext, uint8_t proto)
{
	return &z->port_bits[((size_t)ext * LAB_ZOO_PROTOS + proto) * LAB_ZOO_PORT_BITS];
}

void lab_zoo_port_set(struct lab_zoo *z, uint8_t ext, uint8_t proto, uint16_t port, bool taken)
{
	uint64_t *bits = bits_of(z, ext, proto);

	if (taken)
		bits[port / 64] |= UINT64_C(1) << port % 64;
	else
		bits[port / 64] &= ~(UINT64_C(1) << port % 64);
}

void lab_zoo_port_restart(struct lab_zoo *z)
{
	uint32_t size = (uint32_t)z->cfg.last - z->cfg.first + 1;

	for (size_t i = 0; i < LAB_ZOO_POOL_MAX; i++)
		for (size_t k = 0; k < LAB_ZOO_PROTOS; k++)
			z->port_last[i][k] = (uint16_t)(z->cfg.first + adit_rng_below(&z->rng, size));
}

/* May a flow |w| not leave from |p->out|? */
static bool is_taken(struct lab_zoo *z, const struct lab_zoo_want *w, const struct lab_zoo_place *p)
{
	uint16_t port = p->out.port;
	struct lab_zoo_map *m;

	if (lab_zoo_local_has(z, w->proto, &p->out, &w->remote))
		return true;
	if (!(bits_of(z, p->ext, w->proto)[port / 64] >> port % 64 & 1))
		return false;
	switch (z->cfg.overload) {
	case LAB_ZOO_OVERLOAD_ALWAYS:
		return false;
	case LAB_ZOO_OVERLOAD_REMOTE:
		m = lab_zoo_map_at(z, w->proto, &p->out);
		return !m || m->dep == LAB_ZOO_EI || m->dep != p->dep ||
		       lab_zoo_map_pair(z, w->proto, &p->out, p->dep, &w->remote) != NULL;
	default:
		return true;
	}
}

static bool try_port(struct lab_zoo *z, const struct lab_zoo_want *w, struct lab_zoo_place *p, uint32_t port)
{
	if (z->cfg.parity && ((port ^ w->in.port) & 1))
		return false;
	p->out.port = (uint16_t)port;
	return !is_taken(z, w, p);
}

/* All of |s| from |at| on, once: the last resort. */
static bool scan(struct lab_zoo *z, const struct lab_zoo_want *w, struct lab_zoo_place *p, const struct span *s,
		 uint32_t at)
{
	uint32_t tries = s->shared && s->size > LAB_ZOO_SHARED_TRIES ? LAB_ZOO_SHARED_TRIES : s->size;

	for (uint32_t i = 0; i < tries; i++)
		if (try_port(z, w, p, s->lo + (at + i) % s->size))
			return true;
	return false;
}

static bool pick_random(struct lab_zoo *z, const struct lab_zoo_want *w, struct lab_zoo_place *p, const struct span *s)
{
	for (uint32_t i = 0; i < LAB_ZOO_RANDOM_TRIES; i++)
		if (try_port(z, w, p, s->lo + (uint32_t)adit_rng_below(&z->rng, s->size)))
			return true;
	return scan(z, w, p, s, (uint32_t)adit_rng_below(&z->rng, s->size));
}

/* |last|: the one given last, from |s->lo|; UINT32_MAX: none yet. */
static bool pick_next(struct lab_zoo *z, const struct lab_zoo_want *w, struct lab_zoo_place *p, const struct span *s,
		      uint32_t *last)
{
	int64_t step = z->cfg.step;
	uint32_t at = *last;

	if (z->cfg.spread > 0)
		step += (step > 0 ? 1 : -1) * (int64_t)adit_rng_below(&z->rng, z->cfg.spread + 1);
	step %= (int64_t)s->size;

	for (uint32_t i = 0; i < LAB_ZOO_SHARED_TRIES && i < s->size; i++) {
		if (at == UINT32_MAX)
			at = step > 0 ? 0 : s->size - 1;
		else
			at = (uint32_t)(((int64_t)at + step + s->size) % s->size);
		if (try_port(z, w, p, s->lo + at)) {
			*last = at;
			return true;
		}
	}
	if (!scan(z, w, p, s, at == UINT32_MAX ? 0 : at))
		return false;
	*last = p->out.port - s->lo;
	return true;
}

static bool pick_in(struct lab_zoo *z, const struct lab_zoo_want *w, struct lab_zoo_place *p, const struct span *s,
		    uint32_t *last)
{
	return s->random ? pick_random(z, w, p, s) : pick_next(z, w, p, s, last);
}

static bool is_random(const struct lab_zoo_config *c)
{
	return c->ports == LAB_ZOO_RANDOM || (c->ports == LAB_ZOO_KEEP && c->taken == LAB_ZOO_THEN_RANDOM);
}

/* The whole range; a port below 1024 stays below, and one above stays above, if this NAT cares. */
static struct span range_span(const struct lab_zoo_config *c, uint16_t port)
{
	struct span s = {
		.lo = c->first,
		.size = (uint32_t)c->last - c->first + 1,
		.random = is_random(c),
		.shared = c->overload == LAB_ZOO_OVERLOAD_REMOTE,
	};

	if (c->port_class && port < LAB_ZOO_PORT_CLASS) {
		s.lo = 1;
		s.size = LAB_ZOO_PORT_CLASS - 1;
		s.random = true;
	} else if (c->port_class && c->first < LAB_ZOO_PORT_CLASS && c->last >= LAB_ZOO_PORT_CLASS) {
		s.lo = LAB_ZOO_PORT_CLASS;
		s.size = c->last - LAB_ZOO_PORT_CLASS + 1u;
	}
	return s;
}

static bool pick_in_range(struct lab_zoo *z, const struct lab_zoo_want *w, struct lab_zoo_place *p)
{
	struct span s = range_span(&z->cfg, w->in.port);
	uint16_t *last = &z->port_last[p->ext][w->proto];
	uint32_t at = *last >= s.lo && *last - s.lo < s.size ? *last - s.lo : UINT32_MAX;

	if (!pick_in(z, w, p, &s, &at))
		return false;
	if (!s.random)
		*last = (uint16_t)(s.lo + at);
	return true;
}

static struct span block_span(const struct lab_zoo *z, uint32_t index)
{
	return (struct span){
		.lo = z->cfg.first + index * z->cfg.block,
		.size = z->cfg.block,
		.random = is_random(&z->cfg),
		.shared = z->cfg.overload == LAB_ZOO_OVERLOAD_REMOTE,
	};
}

/* RFC 7422: the subscriber's address says which block; nothing is to be remembered. */
static uint32_t fixed_block(const struct lab_zoo *z, const struct lab_zoo_host *h)
{
	const uint8_t *low = h->addr.family == ADIT_FAMILY_V6 ? h->addr.ip + 12 : h->addr.ip;
	uint32_t n = (uint32_t)low[0] << 24 | (uint32_t)low[1] << 16 | (uint32_t)low[2] << 8 | low[3];

	return n % (z->cfg.wan_count * z->block_count);
}

static bool pick_in_blocks(struct lab_zoo *z, struct lab_zoo_host *h, const struct lab_zoo_want *w,
			   struct lab_zoo_place *p)
{
	struct lab_zoo_block *b;
	struct span s;

	if (z->cfg.block_pick == LAB_ZOO_BLOCK_FIXED) {
		s = block_span(z, fixed_block(z, h) % z->block_count);
		return pick_in(z, w, p, &s, &h->last);
	}
	adit_list_each (it, &h->blocks) {
		b = adit_container(it, struct lab_zoo_block, of_host);
		s = block_span(z, b->index % z->block_count);
		if (b->index / z->block_count == p->ext && pick_in(z, w, p, &s, &b->last)) {
			p->block = b;
			return true;
		}
	}
	b = lab_zoo_block_take(z, h, p->ext);
	if (!b)
		return false;
	s = block_span(z, b->index % z->block_count);
	if (!pick_in(z, w, p, &s, &b->last)) {
		lab_zoo_block_drop(h, b);
		return false;
	}
	p->block = b;
	return true;
}

static bool pick_on(struct lab_zoo *z, struct lab_zoo_host *h, const struct lab_zoo_want *w, struct lab_zoo_place *p)
{
	p->out = adit_addr_with_port(z->cfg.wan[p->ext], w->in.port);
	if (z->cfg.ports == LAB_ZOO_KEEP && z->cfg.block == 0) {
		if (!is_taken(z, w, p))
			return true;
		if (z->cfg.taken == LAB_ZOO_THEN_REFUSE)
			return false;
		if (z->cfg.taken_mapping != LAB_ZOO_UNCHANGED)
			p->dep = z->cfg.taken_mapping;
	}
	return z->cfg.block != 0 ? pick_in_blocks(z, h, w, p) : pick_in_range(z, w, p);
}

bool lab_zoo_port_pick(struct lab_zoo *z, struct lab_zoo_host *h, const struct lab_zoo_want *w, struct lab_zoo_place *p)
{
	unsigned count = z->cfg.wan_count;
	enum lab_zoo_dep dep = p->dep;
	unsigned start;

	if (z->cfg.block != 0 && z->cfg.block_pick == LAB_ZOO_BLOCK_FIXED) {
		p->ext = (uint8_t)(fixed_block(z, h) / z->block_count);
		return pick_on(z, h, w, p);
	}
	if (z->cfg.renumber || z->cfg.pooling == LAB_ZOO_PAIRED) {
		p->ext = z->cfg.renumber ? (uint8_t)(z->numbers % count) : h->ext;
		return pick_on(z, h, w, p);
	}
	start = (unsigned)adit_rng_below(&z->rng, count);
	for (unsigned i = 0; i < count; i++) {
		p->ext = (uint8_t)((start + i) % count);
		p->dep = dep;
		if (pick_on(z, h, w, p))
			return true;
	}
	return false;
}
