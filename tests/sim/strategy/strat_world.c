#include "strat_world.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "lab/lab_species.h"

const struct strat_fixed strat_free = {.rtt_ms = -1, .hops = -1, .skew_ms = -1};

/*
 * Of the lab's species those that a strategy can tell apart; time-outs, pools and fragments do not matter to a single
 * punch. From easy to hard.
 */
const struct strat_kind strat_kinds[] = {
	{"public", "public address", "no NAT, no firewall", NULL},
	{"full-cone", "full cone", "one mapping per socket, open to all (EIM, EIF)", "full-cone"},
	{"cgn", "carrier, RFC 6888", "the same at a carrier: random ports, 50 foreign flows/s (EIM, EIF)", "cgn"},
	{"home", "home router", "keeps ports, lets answers in only (EIM in effect, APDF): Linux masquerade", "linux"},
	{"home-open", "home, WAN input open", "the same, but its WAN side accepts what comes early: the clash",
	 "linux-accept"},
	{"cgn-block", "carrier, port block", "one mapping per socket, random in a block of 1024 (EIM, APDF)",
	 "cgn-block"},
	{"keeping", "symmetric, keeps ports", "a mapping per destination, all on the same port if free (EDM, APDF)",
	 "corporate-fortinet"},
	{"step", "symmetric, steps by 1", "a mapping per destination, ports in sequence (EDM, APDF)",
	 "symmetric-sequential"},
	{"step-busy", "symmetric, steps, busy", "the same while 35 foreign flows/s take ports too", "symmetric-busy"},
	{"block", "symmetric, port block", "a mapping per destination, random in a block of 1024 (EDM, APDF)",
	 "cgn-block-symmetric"},
	{"random", "symmetric, random", "a mapping per destination, random in 1024-65535 (EDM, APDF)",
	 "symmetric-random"},
	{0},
};

const struct strat_kind *strat_kind_find(const char *name)
{
	for (const struct strat_kind *k = strat_kinds; k->name; k++)
		if (strcmp(k->name, name) == 0)
			return k;
	return NULL;
}

struct world;

struct letter {
	struct world *w;
	struct strat_info info;
	enum strat_letter_kind kind;
	enum strat_side to;
	unsigned attempt;
};

struct world {
	const struct strat_match *m;
	struct adit_rng_seeded rng_state;
	struct adit_rng rng;
	struct lab_sim *sim;
	struct lab_net *internet;
	struct lab_host *host[2];
	struct lab_router *router[2];
	struct lab_machine *machine[2];
	struct strat_peer peer[2];
	struct sim_peer real[2];
	struct sim_reach meet[2];
	struct sim_mediator mediator[SIM_REACH_MEDIATORS];
	struct strat_server server;
	struct adit_addr wan[2];
	adit_dur leg[2]; /* one way between a side and the mediator */
	adit_time later_at;
	struct letter letters[STRAT_LETTERS_MAX];
	unsigned n_letters;
	/* PAIRED, CLOCKED: what the mediator keeps until both have told. */
	struct strat_info told[2];
	int told_attempt[2];
	uint64_t packets;
	uint64_t toward;
	FILE *trace;
};

#define SERVER_NET 51 /* 198.51.100.x, RFC 5737 */

/* Two networks apart, so that they count as two witnesses. */
static struct adit_addr mediator_addr(unsigned i)
{
	return adit_addr_v4(198, SERVER_NET, (uint8_t)(101 + 50 * i), 10, 0);
}

static struct adit_addr server_addr(unsigned i)
{
	return adit_addr_v4(198, SERVER_NET, 100, (uint8_t)(10 + i), 0);
}

/* Uniform in lo to hi, or |fixed| where that is not negative. Draws in any case, so that a fixed value changes no
 * other. */
static uint64_t draw(struct world *w, uint64_t lo, uint64_t hi, long fixed)
{
	uint64_t v = lo + adit_rng_below(&w->rng, hi - lo + 1);

	return fixed >= 0 ? (uint64_t)fixed : v;
}

/* ---- the mediator ---- */

static void deliver(void *ctx)
{
	struct letter *l = ctx;
	struct world *w = l->w;

	strat_peer_told(&w->peer[l->to], lab_host_now(w->host[l->to]), l->kind, l->attempt, &l->info);
	lab_machine_wake(w->machine[l->to]);
}

/* A letter that finds no room is a match that has gone on for far too long. */
static void post(struct world *w, adit_dur after, enum strat_side to, enum strat_letter_kind kind, unsigned attempt,
		 const struct strat_info *info)
{
	struct letter *l;

	if (w->n_letters == STRAT_LETTERS_MAX)
		abort();
	l = &w->letters[w->n_letters++];
	*l = (struct letter){.w = w, .kind = kind, .to = to, .attempt = attempt};
	if (info)
		l->info = *info;
	after += adit_rng_below(&w->rng, STRAT_LEG_JITTER);
	if (lab_sim_at(w->sim, lab_sim_now(w->sim) + after, deliver, l) < 0)
		abort();
}

static void tell(void *ctx, enum strat_side from, enum strat_letter_kind kind, unsigned attempt,
		 const struct strat_info *info)
{
	struct world *w = ctx;
	adit_dur both = w->leg[0] + w->leg[1];
	bool clocked = w->m->s->start == STRAT_CLOCKED;
	bool pairs = clocked || w->m->s->start == STRAT_PAIRED;
	adit_dur longer = w->leg[0] > w->leg[1] ? w->leg[0] : w->leg[1];

	if (kind != STRAT_LETTER_INFO || !pairs) {
		post(w, both, !from, kind, attempt, info);
		return;
	}
	w->told[from] = *info;
	w->told_attempt[from] = (int)attempt;
	if (w->told_attempt[!from] != (int)attempt)
		return;
	/* The other's letter has been there for a while, this one still has to come. */
	for (int to = 0; to < 2; to++)
		post(w, w->leg[from] + (clocked ? longer : w->leg[to]), (enum strat_side)to, kind, attempt,
		     &w->told[!to]);
}

/* ---- the nets ---- */

static struct lab_nat *nat_of(struct world *w, const char *text, const struct adit_addr *lan,
			      const struct adit_addr *wan)
{
	struct lab_site site = {.lan = *lan, .wan = {*wan}, .wan_count = 1, .seed = lab_sim_seed(w->sim)};
	struct lab_nat *nat;

	return lab_species_make(text, &site, &nat, NULL) < 0 ? NULL : nat;
}

static bool home_init(struct world *w, int side, const struct strat_kind *k, struct adit_addr *ret_own)
{
	/* Two homes have two prefixes, so that a private address means nothing to the other. */
	uint8_t third = side == STRAT_SERVE ? 1 : 77;
	struct adit_addr lan = adit_addr_v4(192, 168, third, 1, 0);
	struct lab_net *home;
	struct lab_nat *nat;

	*ret_own = adit_addr_v4(192, 168, third, 2, 0);
	w->host[side] = lab_host_new(w->sim);
	if (!w->host[side])
		return false;
	lab_host_set_lateness(w->host[side], STRAT_LATENESS);
	if (!k->text) {
		*ret_own = w->wan[side];
		return lab_host_attach(w->host[side], w->internet, ret_own, NULL);
	}
	home = lab_net_new(w->sim, NULL);
	nat = nat_of(w, k->text, &lan, &w->wan[side]);
	if (!home || !nat || !lab_host_attach(w->host[side], home, ret_own, NULL))
		return false;
	w->router[side] = lab_router_new(w->sim, nat, home, &lan, w->internet, &w->wan[side], NULL);
	return w->router[side] != NULL;
}

static bool server_init(struct world *w)
{
	struct lab_host *h = lab_host_new(w->sim);

	if (!h)
		return false;
	for (unsigned i = 0; i < STRAT_SERVERS; i++) {
		struct adit_addr a = server_addr(i);

		if (!lab_host_attach(h, w->internet, &a, NULL))
			return false;
	}
	return lab_machine_new(h, &strat_server_ops, &w->server, NULL, NULL) != NULL;
}

/* ---- the sides ---- */

struct start {
	struct world *w;
	int side;
};

static void start_model(void *ctx)
{
	struct start *s = ctx;
	struct world *w = s->w;

	strat_peer_start(&w->peer[s->side], lab_host_now(w->host[s->side]));
	w->machine[s->side] = lab_machine_new(w->host[s->side], &strat_peer_ops, &w->peer[s->side], NULL, NULL);
	if (!w->machine[s->side])
		abort();
}

static bool model_init(struct world *w, int side, const struct adit_addr *own)
{
	struct strat_peer *p = &w->peer[side];

	*p = (struct strat_peer){
		.s = w->m->s,
		.side = (enum strat_side)side,
		.own_ip = *own,
		.other_ip = w->wan[!side],
		.tell = tell,
		.tell_ctx = w,
		.sync_delay = w->leg[0] + w->leg[1],
	};
	for (unsigned i = 0; i < STRAT_SERVERS; i++)
		p->servers[i] = server_addr(i);
	strat_peer_init(p, lab_sim_seed(w->sim));
	return true;
}

static bool real_init(struct world *w, int side, const uint8_t k[32])
{
	int64_t off = (int64_t)draw(w, 0, 2 * STRAT_CLOCK_ERROR_MS, -1) - STRAT_CLOCK_ERROR_MS;

	lab_host_set_clock(w->host[side], off * 1000000);
	return sim_peer_init(&w->real[side], w->sim, w->host[side], (enum punch_role)side, k, &w->wan[!side], 0) == 0;
}

static bool mediator_init(struct world *w, unsigned i)
{
	struct lab_host *h = lab_host_new(w->sim);
	struct adit_addr a = mediator_addr(i);

	return h && lab_host_attach(h, w->internet, &a, NULL) &&
	       sim_mediator_init(&w->mediator[i], w->sim, h, &a, 1, 2) == 0;
}

static bool meet_init(struct world *w, int side, const uint8_t k[32], const struct adit_addr *own)
{
	struct sim_reach *r = &w->meet[side];
	uint8_t seed[MEET_KEY_LEN];

	memcpy(seed, k, sizeof(seed)); /* any identity will do */
	if (sim_reach_init(r, w->sim, w->host[side], (enum meet_role)side, k, seed) < 0)
		return false;
	for (unsigned i = 0; i < SIM_REACH_MEDIATORS; i++)
		r->mediators[i] = adit_addr_with_port(mediator_addr(i), SIM_MEDIATOR_PORT);
	r->n_mediators = SIM_REACH_MEDIATORS;
	r->hosts[0] = *own;
	r->n_hosts = 1;
	return true;
}

static bool mediators_init(struct world *w)
{
	for (unsigned i = 0; i < SIM_REACH_MEDIATORS; i++)
		if (!mediator_init(w, i))
			return false;
	return true;
}

/* Both sides draw in the same way, whatever is played. */
static bool side_init(struct world *w, int side, adit_time at, const uint8_t k[32], struct start *start)
{
	const struct strat_match *m = w->m;
	struct adit_addr own;

	if (!home_init(w, side, m->kind[m->seed % 2 ? !side : side], &own))
		return false;
	*start = (struct start){.w = w, .side = side};
	switch (m->s->start) {
	case STRAT_REAL:
		return real_init(w, side, k) && lab_sim_at(w->sim, at, sim_peer_start, &w->real[side]) == 0;
	case STRAT_MEET:
		return meet_init(w, side, k, &own) && lab_sim_at(w->sim, at, sim_peer_start, &w->meet[side].peer) == 0;
	default:
		return model_init(w, side, &own) && lab_sim_at(w->sim, at, start_model, start) == 0;
	}
}

static bool sides_init(struct world *w, struct start starts[2])
{
	const struct strat_match *m = w->m;
	bool alone = m->s->start == STRAT_ALONE || m->s->start == STRAT_REAL;
	adit_dur skew = ADIT_MS(draw(w, 0, STRAT_SKEW_MAX / ADIT_MS(1), m->fixed.skew_ms));
	bool serve_is_late = draw(w, 0, 1, -1);
	uint8_t k[32];

	adit_rng_fill(&w->rng, k, sizeof(k));
	for (int side = 0; side < 2; side++) {
		adit_time at = alone && (side == STRAT_SERVE) == serve_is_late ? skew : 0;

		/* Both are there before one calls. */
		if (!alone && side == STRAT_CONNECT)
			at = m->s->start == STRAT_MEET ? STRAT_REGISTERED : ADIT_MS(1);
		w->later_at = at > w->later_at ? at : w->later_at;
		if (!side_init(w, side, at, k, &starts[side]))
			return false;
	}
	return true;
}

/* A server or a mediator. */
static bool is_served(const struct adit_addr *a)
{
	return a->ip[0] == 198 && a->ip[1] == SERVER_NET;
}

/* The first net is node 1: the Internet. */
static void count_packet(void *ctx, const struct lab_tap_packet *p)
{
	static const char *const steps[LAB_STEPS] = {
		[LAB_STEP_SENT] = "sent",
		[LAB_STEP_LOST] = "lost",
		[LAB_STEP_DIED] = "died",
		[LAB_STEP_DELIVERED] = "delivered",
		[LAB_STEP_REFUSED] = "refused",
		[LAB_STEP_CLOSED] = "closed",
		[LAB_STEP_UNREACHABLE] = "unreachable",
	};
	struct world *w = ctx;
	char src[ADIT_ADDR_STRLEN];
	char dst[ADIT_ADDR_STRLEN];

	if (p->step == LAB_STEP_SENT && p->node == 1 && !p->is_icmp && !is_served(&p->src)) {
		w->packets++;
		w->toward += !is_served(&p->dst);
	}
	if (w->trace)
		fprintf(w->trace, "%12.6f %-11s at %-3u ttl %-3u %s > %s%s\n", (double)p->at / 1e9,
			steps[p->step] ? steps[p->step] : "other", p->node, p->ttl, adit_addr_format(&p->src, src),
			adit_addr_format(&p->dst, dst), p->is_icmp ? " (icmp)" : "");
}

static bool has_met(void *ctx)
{
	const struct world *w = ctx;

	if (w->m->s->start == STRAT_REAL)
		return w->real[PUNCH_CONNECT].met_at != ADIT_NEVER;
	if (w->m->s->start == STRAT_MEET)
		return w->meet[MEET_CONNECT].peer.met_at != ADIT_NEVER;
	return w->peer[0].up_at != ADIT_NEVER && w->peer[1].up_at != ADIT_NEVER;
}

static bool world_init(struct world *w, const struct strat_match *m, struct start starts[2])
{
	struct lab_link_config way = {0};

	w->m = m;
	for (int side = 0; side < 2; side++)
		w->wan[side] = adit_addr_v4(203, 0, 113, (uint8_t)(10 + 10 * side), 0);
	w->told_attempt[0] = w->told_attempt[1] = -1;
	w->rng = adit_rng_seeded_init(&w->rng_state, m->seed ^ UINT64_C(0x6a09e667f3bcc908));
	way.delay = ADIT_US(500 * draw(w, STRAT_RTT_MIN_MS, STRAT_RTT_MAX_MS, m->fixed.rtt_ms));
	way.hops = (unsigned)draw(w, STRAT_HOPS_MIN, STRAT_HOPS_MAX, m->fixed.hops);
	way.jitter = way.delay / 100 + ADIT_US(10);
	w->leg[0] = ADIT_MS(draw(w, STRAT_LEG_MIN_MS, STRAT_LEG_MAX_MS, -1));
	w->leg[1] = ADIT_MS(draw(w, STRAT_LEG_MIN_MS, STRAT_LEG_MAX_MS, -1));
	w->sim = lab_sim_new(m->seed);
	if (!w->sim)
		return false;
	lab_sim_set_tap(w->sim, count_packet, w);
	w->internet = lab_net_new(w->sim, &way);
	if (!w->internet || !(m->s->start == STRAT_MEET ? mediators_init(w) : server_init(w)))
		return false;
	return sides_init(w, starts);
}

void strat_play_traced(const struct strat_match *m, struct strat_result *ret, FILE *f)
{
	struct world *w = calloc(1, sizeof(*w));
	struct start starts[2];

	*ret = (struct strat_result){.took = ADIT_NEVER};
	if (!w) {
		ret->bad = "no memory";
		return;
	}
	w->trace = f;
	if (!world_init(w, m, starts)) {
		ret->bad = "this NAT cannot be made";
	} else {
		adit_dur horizon = m->s->start == STRAT_REAL ? STRAT_REAL_HORIZON : STRAT_HORIZON;

		ret->met = lab_sim_run_until(w->sim, w->later_at + horizon, has_met, w);
		if (ret->met)
			ret->took = adit_time_since(lab_sim_now(w->sim), w->later_at);
		ret->packets = w->packets;
		ret->toward = w->toward;
		ret->hash = lab_sim_hash(w->sim);
		for (int side = 0; side < 2; side++)
			if (w->router[side])
				ret->mappings += lab_router_nat(w->router[side])->stats.mappings;
		if (lab_sim_stats(w->sim)->bad_sends)
			ret->bad = "a model has sent over a socket that is not open";
	}
	lab_sim_free(w->sim);
	for (int side = 0; side < 2; side++) {
		strat_peer_done(&w->peer[side]);
		sim_peer_done(&w->real[side]);
		sim_reach_done(&w->meet[side]);
	}
	for (unsigned i = 0; i < SIM_REACH_MEDIATORS; i++)
		sim_mediator_done(&w->mediator[i]);
	free(w);
}

void strat_play(const struct strat_match *m, struct strat_result *ret)
{
	strat_play_traced(m, ret, NULL);
}
