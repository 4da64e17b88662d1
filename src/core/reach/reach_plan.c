#include "core/reach/reach_plan.h"

#include <string.h>

/* ---- what a side's NAT does next ---- */

/* The way from one port to the next, with its direction, in 1 / REACH_STRIDE_UNIT ports. */
static int stride_of(const struct nat_ports *p)
{
	int mean = (int)p->mean;

	if (!p->jumps)
		return p->step * (int)REACH_STRIDE_UNIT;
	return p->step < 0 ? -mean : mean;
}

/* How many flows of others are expected in |since|. Where steps are random, nobody can tell them from these. */
static unsigned foreign_in(const struct nat_ports *p, adit_dur since)
{
	uint64_t rate = p->foreign < REACH_FOREIGN_MAX ? p->foreign : REACH_FOREIGN_MAX;
	uint64_t ms = since / ADIT_MS(1);

	if (p->jumps || ms > 60000)
		return 0;
	return (unsigned)((rate * ms + 500) / 1000);
}

unsigned reach_plan_foreign(unsigned seen, adit_dur took)
{
	return (unsigned)((seen + REACH_FOREIGN_SEEN) * ADIT_SEC(1) / (took + REACH_FOREIGN_MORE));
}

/* The salvo goes over what is left within 1 to 65535 of |shots| ports from |first| on, by |stride|. */
static void set_range(struct reach_salvo_spec *s, int first, int stride, unsigned shots)
{
	int last = first + (int)(shots - 1) * stride / (int)REACH_STRIDE_UNIT;
	int low = first < last ? first : last;
	int high = first < last ? last : first;

	s->target = REACH_TO_RANGE;
	s->stride = stride;
	s->shots = shots;
	s->low = (uint16_t)(low < 1 ? 1 : low > UINT16_MAX ? UINT16_MAX : low);
	s->high = (uint16_t)(high < 1 ? 1 : high > UINT16_MAX ? UINT16_MAX : high);
}

/*
 * |shots| of the ports that a random or block NAT has shown, or of all. Where it has shown fewer than that, those on
 * both sides of them too.
 */
static void set_random(struct reach_salvo_spec *s, const struct nat_ports *p, unsigned shots)
{
	int more = p->high - p->low < (int)shots ? ((int)shots - (p->high - p->low)) / 2 : 0;
	bool is_known = p->samples >= REACH_RANGE_MIN && p->low > 0;
	int low = is_known ? p->low - more : (int)REACH_PORT_FIRST;
	int high = is_known ? p->high + more : UINT16_MAX;

	s->target = REACH_TO_RANDOM;
	s->shots = shots;
	s->low = (uint16_t)(low < 1 ? 1 : low);
	s->high = (uint16_t)(high > UINT16_MAX ? UINT16_MAX : high);
}

/* How large a search is, and when what begins; both sides come to the same. All times are from the start. */
struct size {
	unsigned socks; /* before the first probe */
	unsigned beside; /* beside probes, one by one, ... */
	unsigned alone; /* ... from this probe on */
	unsigned turns; /* fresh ones that take their places */
	unsigned shots;
	unsigned first; /* of the shots: then come the turns; 0: all */
	adit_dur pace;
	adit_dur beside_pace;
	adit_dur wait; /* then the first socket is opened */
	adit_dur probes_at;
	adit_dur beside_at;
	adit_dur turns_at;
	adit_dur takes;
	adit_dur lasts; /* with what comes of it; a block's with a last pass of all sockets */
};

/*
 * A round trip, for plain checks; both sides know the same one, but for what a packet took longer. None where they can
 * find nothing, as the steady side has measured. Where a search was needed last time it is needed now.
 */
static adit_dur wait_of(const struct reach_plan_ask *ask)
{
	adit_dur wait = ask->round_trip + REACH_PLAIN_MORE;

	if (ask->own->is_filtered || ask->peer->is_filtered || ask->last_way == NAT_WAY_BLOCK ||
	    ask->last_way == NAT_WAY_BIRTHDAY)
		return 0;
	return wait < REACH_PLAIN_MAX ? wait : REACH_PLAIN_MAX;
}

/* What is fired may take a little longer than its pace, as the budget's second is a little longer than one. */
static struct size block_size(const struct reach_plan_ask *ask, const struct nat_ports *p)
{
	unsigned times = (unsigned)(p->high - p->low) >= REACH_BLOCK_USUAL ? REACH_BLOCK_MORE : 1;
	struct size z = {
		.socks = REACH_BLOCK_SOCKS * times,
		.shots = REACH_BLOCK_PROBES * times,
		.pace = REACH_BLOCK_PACE,
		.wait = wait_of(ask),
	};
	adit_dur pace = z.shots > NAT_PROBES_PER_S ? REACH_SEARCH_PACE : z.pace;

	if (p->block > 0 && p->block < REACH_BLOCK_SMALL)
		z.socks = p->block / 8 + 1; /* these few ports are all that the subscriber has */
	z.probes_at = z.wait;
	z.takes = z.probes_at + z.shots * pace + REACH_TAKES_MORE;
	z.lasts = z.takes + z.socks * REACH_SEARCH_PACE + REACH_LASTS;
	return z;
}

/*
 * As many as first sockets is cheapest where much is under way; where little is, sooner is quicker. What the scout has
 * found is known by then.
 */
static unsigned alone_of(adit_dur round_trip)
{
	unsigned n = (unsigned)(REACH_ALONE_TRIPS * round_trip / REACH_SEARCH_PACE);

	if (n < REACH_ALONE_MIN)
		return REACH_ALONE_MIN;
	return n < REACH_SOCKS_FIRST ? n : REACH_SOCKS_FIRST;
}

static struct size search_size(const struct reach_plan_ask *ask)
{
	adit_dur pace = ask->round_trip / REACH_UNDER_WAY;
	struct size z = {
		.socks = REACH_SOCKS_FIRST,
		.beside = REACH_SOCKS_BESIDE,
		.turns = REACH_TURNS,
		.shots = REACH_PROBES_MAX,
		.first = REACH_PROBES_FIRST,
		.pace = REACH_SEARCH_PACE,
		.wait = wait_of(ask),
	};

	pace = pace < REACH_BESIDE_PACE ? pace : REACH_BESIDE_PACE;
	z.beside_pace = pace > z.pace ? pace : z.pace;
	z.probes_at = z.wait + REACH_OPEN_LEAD;
	z.alone = alone_of(ask->round_trip);
	z.beside_at = z.probes_at + z.alone * z.pace;
	z.turns_at =
		z.beside_at + z.beside * z.beside_pace + (z.first - z.alone - z.beside) * z.pace + REACH_TAKES_MORE;
	z.takes = z.turns_at + (z.turns + z.shots - z.first) * z.pace + REACH_TAKES_MORE;
	z.lasts = z.takes + REACH_LASTS;
	return z;
}

static struct size size_of(const struct reach_plan_ask *ask, const struct reach_desc *searched)
{
	return searched->kind == NAT_KIND_RANDOM ? search_size(ask) : block_size(ask, &searched->ports);
}

unsigned reach_plan_ports(const struct reach_salvo_spec *s)
{
	unsigned span = (unsigned)s->high - s->low + 1;
	unsigned stride = (unsigned)(s->stride < 0 ? -s->stride : s->stride);

	if (s->target == REACH_TO_ONE)
		return 1;
	return s->target == REACH_TO_RANDOM ? span : (span - 1) * REACH_STRIDE_UNIT / stride + 1;
}

/* ---- the table ---- */

static struct adit_addr target_of(const struct reach_plan_ask *ask)
{
	bool is_told = ask->peer->public.family != ADIT_FAMILY_NONE;

	return adit_addr_with_port(is_told ? ask->peer->public : ask->peer_reflexive, 0);
}

static struct reach_salvo_spec *add(struct reach_plan *p, const struct reach_plan_ask *ask)
{
	struct reach_salvo_spec *s = &p->salvo[p->n_salvos++];

	*s = (struct reach_salvo_spec){
		.way = p->way,
		.to = target_of(ask),
		.pace = REACH_FIRE_PACE,
		.again = REACH_FIRE_AGAIN,
		.passes = 1,
	};
	return s;
}

static struct reach_salvo_spec *add_sockets(const struct reach_plan_ask *ask, struct reach_plan *p, unsigned socks)
{
	struct reach_salvo_spec *s = add(p, ask);

	s->target = REACH_TO_ONE;
	s->to = ask->peer_reflexive;
	s->socks = socks;
	return s;
}

/*
 * RANDOM toward a peer that is steady, beside the first sockets. A scout finds out whether the peer's router takes for
 * itself what comes early; the port beside is not one that the search needs.
 */
static void add_others(const struct reach_plan_ask *ask, const struct size *size, struct reach_plan *p)
{
	struct reach_salvo_spec *s = add_sockets(ask, p, size->beside);
	uint16_t port = ask->peer_reflexive.port;

	s->may_hurry = true;
	s->delay = size->beside_at;
	s->pace = size->beside_pace;
	s = add_sockets(ask, p, size->socks + size->beside);
	s->is_in_turn = true;
	s->shots = size->turns;
	s->delay = size->turns_at;
	s->pace = size->pace;
	s = add_sockets(ask, p, 0);
	s->to.port = port < UINT16_MAX ? port + 1 : port - 1;
	s->delay = size->wait;
}

/*
 * BLOCK, RANDOM toward a peer that is steady: so many sockets are open for its search. With the low TTL, once: what is
 * lost before the own NAT is too little to matter, and an early packet of full TTL would take the tuple from the
 * peer's probe where its router accepts (docs/rules.md 1). When the search of a block is over, there is nothing left to
 * take: then once more at full TTL, which finds the way wherever a probe was lost, or came before its socket was open.
 */
static void plan_open_sockets(const struct reach_plan_ask *ask, struct reach_plan *p)
{
	struct size size = size_of(ask, ask->own);
	struct reach_salvo_spec *s = add_sockets(ask, p, size.socks);

	s->low_passes = 1;
	s->low_delay = size.wait;
	s->passes = size.turns == 0 ? 2 : 1;
	s->delay = size.takes;
	s->pace = REACH_OPEN_PACE;
	if (size.turns > 0 && ask->trusted)
		add_others(ask, &size, p);
	p->is_last = true;
	p->lasts = size.lasts;
}

/* STEADY toward a peer that chooses at random. */
static void plan_search(const struct reach_plan_ask *ask, struct reach_plan *p)
{
	struct reach_salvo_spec *s = add(p, ask);
	struct size size = size_of(ask, ask->peer);

	set_random(s, &ask->peer->ports, size.shots);
	s->pace = size.pace;
	s->delay = size.probes_at;
	s->slow_from = size.alone;
	s->slow_to = size.alone + size.beside;
	s->slow_pace = size.beside_pace;
	s->first = size.first;
	s->rest = size.turns * size.pace + REACH_TAKES_MORE;
	p->is_last = true;
	p->lasts = size.lasts;
}

/* STEADY toward a SEQUENTIAL peer: certain where its window is known, foretold where it comes without one. */
static void plan_fire_at_window(const struct reach_plan_ask *ask, struct reach_plan *p)
{
	const struct reach_desc *peer = ask->peer;
	const struct nat_ports *ports = &peer->ports;
	int stride = stride_of(ports);
	bool is_ours = adit_addr_is_v4(&peer->window_to) && adit_addr_eq(&peer->window_to, &ask->own_reflexive);
	struct reach_salvo_spec *s;

	if (!is_ours && ask->role == MEET_SERVE) {
		/* Its window needs to know our answer: it comes with the next offer, and leads to this home socket. */
		p->keep_home = true;
		return;
	}
	if (!is_ours && (ports->samples == 0 || stride == 0))
		return;
	s = add(p, ask);
	s->passes = REACH_FIRE_PASSES;
	if (!is_ours) {
		unsigned foreign = foreign_in(ports, ask->since_peer);
		unsigned skip = foreign > REACH_WINDOW_PORTS / 4 ? foreign - REACH_WINDOW_PORTS / 4 : 0;

		set_range(s, ports->last + (int)(skip + 1) * stride / (int)REACH_STRIDE_UNIT, stride,
			  REACH_WINDOW_PORTS);
		return;
	}
	/* All ports of a window: where steps are regular, whatever lies between belongs to nobody. */
	if (ports->jumps || stride == 0)
		stride = REACH_STRIDE_UNIT;
	set_range(s, peer->window_low, stride < 0 ? -stride : stride, 1);
	s->high = peer->window_high;
	s->shots = REACH_WINDOW_PORTS;
}

/*
 * Both NATs count. A's flow number i leaves from A's port x0 + (i + ea) * sa, if ea is what the peer's estimate x0 is
 * off by, and B's flow j from y0 + (j + eb) * sb. A aims its flow i at y0 + (i + c) * sb, B its flow j at
 * x0 + (2 j + d) * sa. The two meet where i + c = j + eb and 2 j + d = i + ea, which is so for j = ea + eb - c - d and
 * i = ea + 2 eb - 2 c - d: one pair, whatever ea and eb are. With c = d = -E all errors from -E to E are covered by
 * i from 0 to 6 E and j from 0 to 4 E. Connect is A.
 */
static void aim_both_step(const struct reach_plan_ask *ask, struct reach_salvo_spec *s)
{
	const struct nat_ports *peer = &ask->peer->ports;
	bool is_a = ask->role == MEET_CONNECT;
	int stride = stride_of(peer);
	int next = (int)(foreign_in(peer, ask->since_peer) + REACH_BOTH_FIRST) - (int)REACH_BOTH_ERROR;

	set_range(s, peer->last + next * stride / (int)REACH_STRIDE_UNIT, is_a ? stride : 2 * stride,
		  is_a ? 6 * REACH_BOTH_ERROR + 1 : 4 * REACH_BOTH_ERROR + 1);
	s->passes = 1 + REACH_FIRE_PASSES;
	s->delay = REACH_FIRE_AGAIN;
	s->socks = s->shots;
}

/*
 * A NAT that steps at random wanders off any line within a few flows, so each side follows the other's most probable
 * ports: the chance of a pair of flows is that of two walks both being where they are expected, and the first flows
 * have most of it.
 */
static void aim_both_jump(const struct reach_plan_ask *ask, struct reach_plan *p, struct reach_salvo_spec *s)
{
	const struct nat_ports *peer = &ask->peer->ports;
	int stride = stride_of(peer);
	int next = (int)(foreign_in(peer, ask->since_peer) + REACH_BOTH_FIRST);

	set_range(s, peer->last + next * stride / (int)REACH_STRIDE_UNIT, stride, REACH_BOTH_JUMPS);
	s->passes = 3;
	s->socks = s->shots;
	s->delay = REACH_BOTH_JUMPS * REACH_SEARCH_PACE;
	p->lasts = REACH_LASTS + s->delay;
}

static void plan_both_step(const struct reach_plan_ask *ask, struct reach_plan *p)
{
	const struct nat_ports *own = &ask->own->ports;
	const struct nat_ports *peer = &ask->peer->ports;
	struct reach_salvo_spec *s;

	if (stride_of(own) == 0 || stride_of(peer) == 0)
		return;
	s = add(p, ask);
	s->low_passes = 1;
	if (own->jumps || peer->jumps)
		aim_both_jump(ask, p, s);
	else
		aim_both_step(ask, s);
	p->quiet = s->shots * s->pace + REACH_BOTH_QUIET;
}

/* Two random choices must fit, or one and a count: that is tried once, where the chance is not nil. */
static void plan_once(const struct reach_plan_ask *ask, struct reach_plan *p)
{
	const struct nat_ports *peer = &ask->peer->ports;
	struct reach_salvo_spec *s = add(p, ask);

	p->is_search = true;
	p->is_last = true;
	if (ask->peer->kind == NAT_KIND_SEQUENTIAL && stride_of(peer) != 0)
		set_range(s, peer->last + peer->step, stride_of(peer), REACH_ONCE);
	else
		set_random(s, peer, REACH_ONCE);
	s->pace = REACH_SEARCH_PACE;
	s->socks = s->shots;
	s->low_passes = 1;
	s->passes = 3;
	s->delay = REACH_ONCE * REACH_SEARCH_PACE + ADIT_MS(200);
	p->lasts = 3 * s->delay + ADIT_SEC(1);
}

/* Fires more than an address may get that one server alone has named? */
static void cap(const struct reach_plan_ask *ask, struct reach_plan *p)
{
	unsigned left = ask->spent < REACH_UNTRUSTED_MAX ? REACH_UNTRUSTED_MAX - ask->spent : 0;

	for (size_t i = 0; i < p->n_salvos && !ask->trusted; i++) {
		struct reach_salvo_spec *s = &p->salvo[i];
		unsigned *n = s->target == REACH_TO_ONE ? &s->socks : &s->shots;
		unsigned ports = reach_plan_ports(s);
		unsigned shots = s->target == REACH_TO_ONE ? (*n > 0 ? *n : 1) : (*n < ports ? *n : ports);

		p->is_capped |= shots * s->passes > left;
		if (left == 0) {
			p->n_salvos = i;
			break;
		}
		if (shots > left)
			*n = shots = left;
		while (s->passes > 1 && shots * s->passes > left)
			s->passes--;
		if (s->low_passes > s->passes)
			s->low_passes = s->passes;
		left -= shots * s->passes;
	}
	if (p->n_salvos == 0) {
		p->is_search = false;
		p->quiet = 0;
	}
}

/* A kind that is not known is dealt with as steady: ICE checks cost little, and openers too. */
static enum nat_kind kind_of(const struct reach_desc *d)
{
	return d->kind == NAT_KIND_UNKNOWN ? NAT_KIND_STEADY : d->kind;
}

static void plan_toward_steady(const struct reach_plan_ask *ask, enum nat_kind own, struct reach_plan *p)
{
	if (ask->peer_reflexive.family != ADIT_FAMILY_V4)
		return;
	switch (own) {
	case NAT_KIND_SEQUENTIAL:
		p->again_at_once =
			ask->role == MEET_CONNECT && !adit_addr_eq(&ask->own->window_to, &ask->peer_reflexive);
		break;
	case NAT_KIND_BLOCK:
	case NAT_KIND_RANDOM:
		p->is_search = own == NAT_KIND_RANDOM;
		plan_open_sockets(ask, p);
		break;
	default:
		break;
	}
}

static void plan_from_steady(const struct reach_plan_ask *ask, enum nat_kind peer, struct reach_plan *p)
{
	switch (peer) {
	case NAT_KIND_SEQUENTIAL:
		plan_fire_at_window(ask, p);
		break;
	case NAT_KIND_BLOCK:
	case NAT_KIND_RANDOM:
		p->is_search = peer == NAT_KIND_RANDOM;
		plan_search(ask, p);
		break;
	default:
		break;
	}
}

void reach_plan_make(const struct reach_plan_ask *ask, struct reach_plan *ret_plan)
{
	enum nat_kind own = kind_of(ask->own);
	enum nat_kind peer = kind_of(ask->peer);
	struct adit_addr target = target_of(ask);
	struct reach_plan p;

	memset(&p, 0, sizeof(p));
	p.way = nat_kind_way(own, peer);
	p.lasts = REACH_LASTS;
	if (own == NAT_KIND_OPEN || !adit_addr_is_public(&target))
		; /* who is open just waits, and nobody is searched at home: ICE checks go to whoever can be named */
	else if (peer == NAT_KIND_OPEN || peer == NAT_KIND_STEADY)
		plan_toward_steady(ask, own, &p);
	else if (own == NAT_KIND_STEADY)
		plan_from_steady(ask, peer, &p);
	else if (own == NAT_KIND_SEQUENTIAL && peer == NAT_KIND_SEQUENTIAL)
		plan_both_step(ask, &p);
	else if ((own == NAT_KIND_BLOCK && (peer == NAT_KIND_BLOCK || peer == NAT_KIND_SEQUENTIAL)) ||
		 (own == NAT_KIND_SEQUENTIAL && peer == NAT_KIND_BLOCK))
		plan_once(ask, &p);
	else
		p.is_last = true;
	cap(ask, &p);
	*ret_plan = p;
}
