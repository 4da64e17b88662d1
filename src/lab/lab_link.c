#include "lab/lab_link.h"

#include "lab/lab_limits.h"

void lab_link_init(struct lab_link *l, const struct lab_link_config *cfg, uint64_t seed)
{
	*l = (struct lab_link){0};
	l->rng = adit_rng_seeded_init(&l->rng_state, seed);
	lab_link_set(l, cfg);
}

void lab_link_set(struct lab_link *l, const struct lab_link_config *cfg)
{
	const struct lab_link_config *c = &l->cfg;

	l->cfg = cfg ? *cfg : (struct lab_link_config){0};
	l->is_none = c->delay == 0 && c->jitter == 0 && c->loss_ppm == 0 && c->burst.enter_ppm == 0 &&
		     c->dup_ppm == 0 && c->reorder_ppm == 0 && c->rate == 0 && c->mtu == 0 && c->hops == 0;
	if (c->burst.enter_ppm == 0)
		l->is_bad = false;
}

static uint64_t draw(struct lab_link *l, uint64_t n)
{
	return adit_rng_below(&l->rng, n);
}

/* What is switched off draws nothing, so that switching it on changes nothing else. */
static bool happens(struct lab_link *l, uint32_t ppm)
{
	return ppm > 0 && draw(l, LAB_PPM) < ppm;
}

static adit_dur travel(struct lab_link *l)
{
	return l->cfg.delay + (l->cfg.jitter > 0 ? draw(l, l->cfg.jitter + 1) : 0);
}

static adit_time arrive(struct lab_link *l, adit_time now)
{
	adit_time at = adit_time_add(now, travel(l));

	if (happens(l, l->cfg.reorder_ppm))
		return adit_time_add(at, l->cfg.reorder_hold);
	if (at < l->last_at)
		at = l->last_at;
	l->last_at = at;
	return at;
}

/* When the last bit has left; ADIT_NEVER: the queue is full. What is being sent waits no more. */
static adit_time transmit(struct lab_link *l, adit_time now, size_t size)
{
	const struct lab_link_config *c = &l->cfg;
	double per_byte = 8e9 / (double)c->rate; /* ns */
	double room = c->queue ? (double)c->queue : (double)LAB_QUEUE_TIME / per_byte;

	if (l->free_at <= now)
		l->free_at = now;
	else if ((double)(l->free_at - now) / per_byte + (double)size > room)
		return ADIT_NEVER;
	l->free_at += (adit_dur)((double)size * per_byte);
	return l->free_at;
}

/* The state that a packet finds decides on it; then the state may turn. */
static bool is_lost(struct lab_link *l)
{
	bool lost = happens(l, l->is_bad ? l->cfg.burst.lose_ppm : l->cfg.loss_ppm);

	if (happens(l, l->is_bad ? l->cfg.burst.leave_ppm : l->cfg.burst.enter_ppm))
		l->is_bad = !l->is_bad;
	return lost;
}

struct lab_passage lab_link_pass(struct lab_link *l, adit_time now, size_t size, uint8_t ttl)
{
	struct lab_passage p = {.fate = LAB_PASSES, .at = now, .copy_at = ADIT_NEVER};

	if (l->cfg.rate > 0) {
		now = transmit(l, now, size);
		if (now == ADIT_NEVER) {
			p.fate = LAB_FULL;
			return p;
		}
	}
	/* After the queue: what is lost on the wire has taken its time on it. */
	if (is_lost(l)) {
		p.fate = LAB_LOST;
		return p;
	}
	if (ttl <= l->cfg.hops) {
		p.fate = LAB_DIES;
		p.hop = ttl > 0 ? ttl : 1;
		p.at = adit_time_add(now, travel(l) * p.hop / (l->cfg.hops + 1));
		return p;
	}
	p.at = arrive(l, now);
	if (happens(l, l->cfg.dup_ppm))
		p.copy_at = arrive(l, now);
	return p;
}

/* Such a packet turns nothing: the wire's other direction has a state of its own. */
bool lab_link_loses(struct lab_link *l)
{
	return happens(l, l->is_bad ? l->cfg.burst.lose_ppm : l->cfg.loss_ppm);
}

struct adit_addr lab_link_hop_addr(const struct lab_link *l, unsigned hop, uint8_t family)
{
	static const uint8_t doc[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 1};
	struct adit_addr a = family == ADIT_FAMILY_V4 ? adit_addr_v4(192, 0, 2, 1, 0) : adit_addr_v6(doc, 0);

	if (l->cfg.hop_addr.family == family)
		a = l->cfg.hop_addr;
	a.ip[family == ADIT_FAMILY_V4 ? 3 : 15] += (uint8_t)(hop - 1);
	return a;
}
