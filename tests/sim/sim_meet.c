#include "sim_meet.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "core/meet/meet_msg.h"
#include "core/stun/stun_attr.h"
#include "lab/lab_linux.h"
#include "lab/lab_species.h"

#define FWD_PORT 5555

/* What a meeting may take beyond the round trips. */
#define ALLOWED ADIT_MS(200)

/* ---- the text ---- */

const char *sim_meet_format(const struct sim_meet_cell *c, char buf[SIM_MEET_STRLEN])
{
	snprintf(buf, SIM_MEET_STRLEN,
		 "serve=%s connect=%s share=%s med=%u addrs=%u stun=%u hops=%u rtt=%ld skew=%.3f late=%ld loss=%u",
		 c->nats[MEET_SERVE], c->nats[MEET_CONNECT], c->share, c->med, c->addrs, c->stun, c->hops, c->rtt_ms,
		 (double)c->skew_us / 1000, c->late_us, c->loss);
	return buf;
}

bool sim_meet_parse(const char *text, struct sim_meet_cell *ret_cell)
{
	struct sim_meet_cell c = {0};
	double skew_ms;

	if (sscanf(text,
		   "serve=%159s connect=%159s share=%159s med=%u addrs=%u stun=%u hops=%u rtt=%ld skew=%lf late=%ld "
		   "loss=%u",
		   c.nats[MEET_SERVE], c.nats[MEET_CONNECT], c.share, &c.med, &c.addrs, &c.stun, &c.hops, &c.rtt_ms,
		   &skew_ms, &c.late_us, &c.loss) != 11)
		return false;
	if (c.med > SIM_REACH_MEDIATORS || c.addrs < 1 || c.addrs > MED_LISTEN || c.stun > 1)
		return false;
	c.skew_us = (long)(skew_ms * 1000 + (skew_ms < 0 ? -0.5 : 0.5));
	*ret_cell = c;
	return true;
}

static bool is_none(const char *text)
{
	return strcmp(text, "none") == 0;
}

static bool is_forward(const char *text)
{
	return strcmp(text, "forward") == 0;
}

static bool is_mapped(const char *text)
{
	return strcmp(text, "mapped") == 0;
}

/* ---- the nets ---- */

static struct lab_nat *forwarding(struct sim_meet *w, const struct adit_addr *lan, const struct adit_addr *wan,
				  const struct adit_addr *own)
{
	struct lab_linux_config cfg = {.wan = *wan, .lan = *lan, .seed = lab_sim_seed(w->sim)};

	cfg.forwards[0] = (struct lab_forward){.port = FWD_PORT, .to = adit_addr_with_port(*own, FWD_PORT)};
	return lab_linux_new(&cfg);
}

/* A router of |side|'s (-1: of both) between |inside| and |outside|. EINVAL: |text| is no NAT. */
static int add_router(struct sim_meet *w, int side, const char *text, struct lab_net *inside,
		      const struct adit_addr *lan, const struct adit_addr *own, struct lab_net *outside,
		      const struct adit_addr *wan, const struct lab_link_config *access)
{
	struct lab_site site = {.lan = *lan, .wan = {*wan}, .wan_count = 1, .seed = lab_sim_seed(w->sim)};
	struct lab_species_error err;
	struct lab_nat *nat = NULL;
	struct lab_router *r;

	if (is_forward(text) || is_mapped(text))
		nat = forwarding(w, lan, wan, own);
	else if (lab_species_make(text, &site, &nat, &err) < 0) {
		fprintf(stderr, "%s\n", err.text);
		return ADIT_EINVAL;
	}
	r = lab_router_new(w->sim, nat, inside, lan, outside, wan, access);
	if (!r)
		return ADIT_ENOMEM;
	w->router_side[w->n_routers] = side;
	w->routers[w->n_routers++] = r;
	return 0;
}

/* A wire of this length, with a little jitter. */
static struct lab_link_config wire_of(adit_dur delay)
{
	return (struct lab_link_config){.delay = delay, .jitter = delay / 100 + ADIT_US(10)};
}

/* Splits "inner/outer". Returns how many there are. */
static unsigned split(const char *text, char levels[SIM_MEET_LEVELS][SIM_MEET_SPECLEN])
{
	const char *slash = strchr(text, '/');

	if (is_none(text))
		return 0;
	snprintf(levels[0], SIM_MEET_SPECLEN, "%.*s", slash ? (int)(slash - text) : (int)strlen(text), text);
	if (!slash)
		return 1;
	snprintf(levels[1], SIM_MEET_SPECLEN, "%s", slash + 1);
	return 2;
}

/* The side's outermost address, on the Internet or on the shared net. */
static struct adit_addr uplink_of(const struct sim_meet *w, int side)
{
	uint8_t last = (uint8_t)(10 + 10 * side);

	if (!w->shared)
		return adit_addr_v4(203, 0, 113, last, 0);
	if (is_none(w->cell.nats[0]) && is_none(w->cell.nats[1]))
		return adit_addr_v4(192, 168, 1, last, 0);
	return adit_addr_v4(100, 64, 0, last, 0);
}

/* Two homes have two prefixes, so that a private address means nothing to the other. */
static int side_init(struct sim_meet *w, int side, struct adit_addr *ret_own)
{
	char levels[SIM_MEET_LEVELS][SIM_MEET_SPECLEN];
	unsigned n = split(w->cell.nats[side], levels);
	struct lab_net *outside = w->shared ? w->shared : w->internet;
	struct adit_addr up = uplink_of(w, side);
	struct lab_link_config access = wire_of(w->way[side]);
	uint8_t third = side == MEET_SERVE ? 11 : 77;
	struct adit_addr own = n > 0 ? adit_addr_v4(192, 168, third, 2, 0) : up;
	struct lab_net *nets[SIM_MEET_LEVELS + 1] = {0};

	w->host[side] = lab_host_new(w->sim);
	if (!w->host[side])
		return ADIT_ENOMEM;
	w->host_id[side] = lab_host_id(w->host[side]);
	lab_host_set_lateness(w->host[side], ADIT_US(w->cell.late_us));
	w->public_ip[side] = w->shared ? adit_addr_v4(203, 0, 113, 30, 0) : up;
	*ret_own = own;
	nets[n] = outside;
	for (unsigned i = 0; i < n; i++)
		nets[i] = lab_net_new(w->sim, NULL);
	if (!nets[0] || !lab_host_attach(w->host[side], nets[0], &own, n > 0 ? NULL : &access))
		return ADIT_ENOMEM;
	for (unsigned i = n; i-- > 0;) {
		struct adit_addr lan = i > 0 ? adit_addr_v4(10, third, 0, 1, 0) : adit_addr_v4(192, 168, third, 1, 0);
		struct adit_addr wan = i + 1 < n ? adit_addr_v4(10, third, 0, 2, 0) : up;
		int r = add_router(w, side, levels[i], nets[i], &lan, &own, nets[i + 1], &wan,
				   i + 1 < n ? NULL : &access);

		if (r < 0)
			return r;
	}
	return 0;
}

static int share_init(struct sim_meet *w, const struct lab_link_config *core)
{
	bool is_lan = is_none(w->cell.nats[0]) && is_none(w->cell.nats[1]);
	struct adit_addr lan = is_lan ? adit_addr_v4(192, 168, 1, 1, 0) : adit_addr_v4(100, 64, 0, 1, 0);
	struct adit_addr wan = adit_addr_v4(203, 0, 113, 30, 0);
	struct lab_link_config access = wire_of(w->shared_way);
	struct lab_link_config inner = {.loss_ppm = core->loss_ppm};

	w->shared = lab_net_new(w->sim, &inner);
	if (!w->shared)
		return ADIT_ENOMEM;
	return add_router(w, -1, w->cell.share, w->shared, &lan, &lan, w->internet, &wan, &access);
}

static struct adit_addr server_ip(unsigned i, unsigned k)
{
	return i == 0 ? adit_addr_v4(198, 51, 100, (uint8_t)(10 + k), 0)
		      : adit_addr_v4(192, 0, 2, (uint8_t)(20 * i + k), 0);
}

static int server_init(struct sim_meet *w, unsigned i)
{
	bool is_plain = i == SIM_REACH_MEDIATORS;
	unsigned n = is_plain ? 1 : w->cell.addrs;
	struct lab_link_config access = wire_of(w->server_way[i]);
	struct adit_addr addrs[MED_LISTEN];

	w->server_host[i] = lab_host_new(w->sim);
	if (!w->server_host[i])
		return ADIT_ENOMEM;
	for (unsigned k = 0; k < n; k++) {
		addrs[k] = server_ip(i, k);
		if (!lab_host_attach(w->server_host[i], w->internet, &addrs[k], &access))
			return ADIT_ENOMEM;
	}
	return sim_mediator_init(&w->server[i], w->sim, w->server_host[i], addrs, n, is_plain ? 1 : 2);
}

static adit_dur draw(const struct adit_rng *rng, adit_dur lo, adit_dur hi)
{
	return lo + adit_rng_below(rng, hi - lo + 1);
}

/*
 * Where everybody is: a star. The sides' ways to its middle make up their round trip, split at random; the mediators
 * are 1 to 30 ms from the middle.
 */
static void draw_ways(struct sim_meet *w, const struct adit_rng *rng)
{
	adit_dur half = ADIT_US(500 * w->cell.rtt_ms);

	w->core = w->shared ? ADIT_MS(2) : half / 10;
	half -= w->shared ? 0 : w->core;
	w->way[0] = half * draw(rng, 5, 95) / 100;
	w->way[1] = half - w->way[0];
	w->shared_way = draw(rng, ADIT_MS(1), ADIT_MS(20));
	for (unsigned i = 0; i < SIM_MEET_SERVERS; i++)
		w->server_way[i] = draw(rng, ADIT_MS(1), ADIT_MS(30));
}

/* ---- what is counted ---- */

static int server_of(const struct sim_meet *w, const struct adit_addr *a)
{
	for (unsigned i = 0; i < SIM_MEET_SERVERS; i++)
		for (unsigned k = 0; w->server_host[i] && k < w->server[i].n_addrs; k++)
			if (adit_addr_eq_ip(a, &w->server[i].addrs[k]))
				return (int)i;
	return -1;
}

static void mark(uint8_t *seen, uint16_t port, unsigned *count)
{
	uint8_t bit = (uint8_t)(1u << (port & 7));

	*count += !(seen[port >> 3] & bit);
	seen[port >> 3] |= bit;
}

static void count_probe(struct sim_meet *w, int side, const struct lab_tap_packet *p)
{
	struct sim_meet_count *c = &w->count[side];

	if (!adit_addr_eq_ip(&p->dst, &w->public_ip[!side]) || w->peer[MEET_CONNECT].peer.valid_at != ADIT_NEVER)
		return;
	c->packets++;
	mark(c->from_seen, p->src.port, &c->socks);
	mark(c->to_seen, p->dst.port, &c->aimed);
}

/* 0: no error. */
static unsigned error_of(const struct stun_msg *m)
{
	struct stun_attr a;
	const uint8_t *text;
	unsigned code;
	size_t len;

	if (m->class != STUN_ERROR || stun_msg_find(m, STUN_ATTR_ERROR_CODE, &a) != 0 ||
	    stun_attr_read_error(&a, &code, &text, &len) != 0)
		return 0;
	return code;
}

static bool is_offer(const struct lab_tap_packet *p, struct stun_msg *m)
{
	return !p->is_icmp && stun_msg_parse(m, p->data, p->len) == 0 && m->method == MEET_INTRODUCE;
}

/* A cookie is fetched before there is anything to offer. */
static bool has_offer(const struct stun_msg *m)
{
	struct stun_attr a;

	return m->class == STUN_REQUEST && stun_msg_find(m, MEET_ATTR_SEALED, &a) == 0;
}

/* An offer begins with its first byte to any mediator, and anew after the news that the peer is not there. */
static void follow_offer(struct sim_meet *w, const struct lab_tap_packet *p)
{
	int to = server_of(w, &p->dst);
	int from = server_of(w, &p->src);
	struct stun_msg m;

	if (w->offer_at != ADIT_NEVER || (to < 0 && from < 0) || !is_offer(p, &m))
		return;
	if (p->step == LAB_STEP_SENT && p->from == w->host_id[MEET_CONNECT] && has_offer(&m)) {
		w->series_at = w->in_series ? w->series_at : p->at;
		w->in_series = true;
	}
	if (p->step == LAB_STEP_DELIVERED && p->node == w->host_id[MEET_CONNECT] && error_of(&m) == MEET_CODE_ABSENT)
		w->in_series = false;
	if (p->step == LAB_STEP_DELIVERED && p->node == w->host_id[MEET_SERVE] && m.class == STUN_REQUEST) {
		w->offer_at = w->series_at;
		w->offer_server = (unsigned)from;
	}
}

static void on_packet(void *ctx, const struct lab_tap_packet *p)
{
	struct sim_meet *w = ctx;

	if (w->trace)
		sim_trace_packet(w->trace, p);
	follow_offer(w, p);
	if (p->step != LAB_STEP_SENT || p->is_icmp)
		return;
	for (int side = 0; side < 2; side++)
		if (p->from == w->host_id[side])
			count_probe(w, side, p);
}

/* ---- a meeting ---- */

static int servers_init(struct sim_meet *w)
{
	for (unsigned i = 0; i < SIM_MEET_SERVERS; i++) {
		bool is_wanted = i < SIM_REACH_MEDIATORS ? i < w->cell.med : w->cell.stun > 0;
		int r = is_wanted ? server_init(w, i) : 0;

		if (r < 0)
			return r;
	}
	return 0;
}

static void tell(struct sim_meet *w, int side)
{
	struct sim_reach *r = &w->peer[side];

	for (unsigned i = 0; i < w->cell.med; i++)
		r->mediators[i] = adit_addr_with_port(w->server[i].addrs[0], SIM_MEDIATOR_PORT);
	r->n_mediators = w->cell.med;
	if (w->cell.stun > 0)
		r->server = adit_addr_with_port(w->server[SIM_REACH_MEDIATORS].addrs[0], SIM_MEDIATOR_PORT);
	if (is_forward(w->cell.nats[side]))
		r->cfg.port = FWD_PORT;
	if (is_mapped(w->cell.nats[side]))
		r->mapping = (struct reach_mapping){.port = FWD_PORT,
						    .external = adit_addr_with_port(uplink_of(w, side), FWD_PORT)};
	r->n_hosts = 1;
}

static int peers_init(struct sim_meet *w, const struct adit_rng *rng)
{
	adit_time start[2] = {w->cell.skew_us < 0 ? ADIT_US(-w->cell.skew_us) : 0,
			      w->cell.skew_us > 0 ? ADIT_US(w->cell.skew_us) : 0};
	uint8_t k[MEET_K_LEN];
	uint8_t seed[MEET_KEY_LEN];

	adit_rng_fill(rng, k, sizeof(k));
	adit_rng_fill(rng, seed, sizeof(seed));
	for (int side = 0; side < 2; side++) {
		struct adit_addr own;
		int r = side_init(w, side, &own);

		if (r < 0)
			return r;
		if (sim_reach_init(&w->peer[side], w->sim, w->host[side], (enum meet_role)side, k, seed) < 0)
			return ADIT_ENOMEM;
		w->peer[side].hosts[0] = own;
		tell(w, side);
		if (lab_sim_at(w->sim, start[side], sim_peer_start, &w->peer[side].peer) < 0)
			return ADIT_ENOMEM;
	}
	w->later_at = start[0] > start[1] ? start[0] : start[1];
	return 0;
}

int sim_meet_init(struct sim_meet *w, const struct sim_meet_cell *c, uint64_t seed)
{
	struct adit_rng_seeded g;
	struct adit_rng rng = adit_rng_seeded_init(&g, seed ^ UINT64_C(0x9e3779b97f4a7c15));
	struct lab_link_config core;
	int r;

	memset(w, 0, sizeof(*w));
	w->cell = *c;
	w->offer_at = w->series_at = ADIT_NEVER;
	w->sim = lab_sim_new(seed);
	if (!w->sim)
		return ADIT_ENOMEM;
	lab_sim_set_tap(w->sim, on_packet, w);
	w->shared = NULL;
	draw_ways(w, &rng);
	core = wire_of(w->core);
	core.hops = c->hops;
	core.loss_ppm = c->loss * 1000;
	w->internet = lab_net_new(w->sim, &core);
	if (!w->internet)
		return ADIT_ENOMEM;
	r = is_none(c->share) ? 0 : share_init(w, &core);
	if (r == 0)
		r = servers_init(w);
	return r < 0 ? r : peers_init(w, &rng);
}

void sim_meet_done(struct sim_meet *w)
{
	char title[SIM_MEET_STRLEN];

	if (w->trace && !sim_trace_done(w->trace, sim_meet_format(&w->cell, title)))
		fprintf(stderr, "the trace is not complete\n");
	free(w->trace);
	lab_sim_free(w->sim);
	for (unsigned i = 0; i < SIM_MEET_SERVERS; i++)
		sim_mediator_done(&w->server[i]);
	for (int side = 0; side < 2; side++)
		sim_reach_done(&w->peer[side]);
}

static void print_line(void *ctx, enum adit_log_level level, const char *line)
{
	const struct sim_meet_log *l = ctx;

	(void)level;
	fprintf(l->f, "%12.6f %s: %s\n", (double)lab_sim_now(l->sim) / 1e9, l->name, line);
}

/* Words for the picture. */
static const char *name_of(const struct lab_tap_packet *p)
{
	static const char *const words[][3] = {
		[0] = {"question", NULL, "reply"},
		[1] = {"register", NULL, "registered"},
		[2] = {"refresh", NULL, "refreshed"},
		[3] = {"offer", NULL, "answer"},
	};
	bool is_direct = p->src.port > SIM_MEDIATOR_PORT + 1 && p->dst.port > SIM_MEDIATOR_PORT + 1;
	struct stun_msg m;

	if (stun_msg_parse(&m, p->data, p->len) < 0)
		return "data";
	if (m.method == STUN_BINDING && is_direct)
		return m.class == STUN_SUCCESS ? "valid" : p->ttl < SIM_MEET_LOW_TTL ? "opener" : "check";
	if (m.class == STUN_ERROR)
		return error_of(&m) == MEET_CODE_COOKIE   ? "cookie"
		       : error_of(&m) == MEET_CODE_ABSENT ? "absent"
							  : "refused";
	if (m.method == STUN_BINDING)
		return words[0][m.class];
	if (m.method == MEET_INTRODUCE && m.class == STUN_REQUEST && !has_offer(&m))
		return "cookie?";
	return m.method >= MEET_REGISTER && m.method <= MEET_INTRODUCE ? words[m.method - MEET_REGISTER + 1][m.class]
								       : NULL;
}

static void name_routers(struct sim_meet *w, int side)
{
	static const char *const names[3] = {"router of both", "serve's router", "connect's router"};

	for (unsigned i = 0; i < w->n_routers; i++)
		if (w->router_side[i] == side)
			sim_trace_node(w->trace, lab_router_id(w->routers[i]), names[side + 1]);
}

bool sim_meet_trace(struct sim_meet *w, FILE *f)
{
	static const char *const server_names[SIM_MEET_SERVERS] = {"mediator", "mediator 2", "STUN server"};
	static const char *const side_names[2] = {"serve", "connect"};

	for (int side = 0; side < 2; side++) {
		w->log[side] = (struct sim_meet_log){
			.log = {.write = print_line, .ctx = &w->log[side], .level = ADIT_LOG_DECIDE},
			.sim = w->sim,
			.name = side_names[side],
			.f = f};
		w->peer[side].cfg.log = &w->log[side].log;
	}
	w->trace = malloc(sizeof(*w->trace));
	if (!w->trace || !sim_trace_init(w->trace, w->sim, f))
		return false;
	w->trace->draw.name = name_of;
	lab_sim_set_tap(w->sim, on_packet, w);
	sim_trace_node(w->trace, w->host_id[MEET_SERVE], "serve");
	name_routers(w, MEET_SERVE);
	name_routers(w, -1);
	for (unsigned i = 0; i < SIM_MEET_SERVERS; i++)
		if (w->server_host[i])
			sim_trace_node(w->trace, lab_host_id(w->server_host[i]), server_names[i]);
	name_routers(w, MEET_CONNECT);
	sim_trace_node(w->trace, w->host_id[MEET_CONNECT], "connect");
	return true;
}

static bool is_over(void *ctx)
{
	const struct sim_meet *w = ctx;
	const struct sim_reach *c = &w->peer[MEET_CONNECT];

	return c->peer.met_at != ADIT_NEVER || (c->failed_at != ADIT_NEVER && c->peer.valid_at == ADIT_NEVER);
}

/* There and back between a side and a server. */
static adit_dur round_trip(const struct sim_meet *w, int side, unsigned server)
{
	return 2 * (w->way[side] + (w->shared ? w->shared_way : 0) + w->core + w->server_way[server]);
}

static void fill(const struct sim_meet *w, struct sim_meet_result *ret)
{
	const struct sim_reach *c = &w->peer[MEET_CONNECT];
	adit_dur due = ADIT_US(1000 * w->cell.rtt_ms) + ALLOWED;

	if (ret->valid && w->offer_at != ADIT_NEVER) {
		due += round_trip(w, 0, w->offer_server) + round_trip(w, 1, w->offer_server);
		ret->offer_to_valid = c->peer.valid_at - w->offer_at;
		ret->excess = (int64_t)ret->offer_to_valid - (int64_t)due;
	}
	for (int side = 0; side < 2; side++) {
		struct reach_stats st;

		reach_stats(w->peer[side].reach, &st);
		ret->socks_max[side] = st.socks_max;
		ret->socks_opened[side] = st.socks_opened;
		ret->packets[side] = w->count[side].packets;
		ret->socks[side] = w->count[side].socks;
		ret->aimed[side] = w->count[side].aimed;
	}
	ret->bad_sends = lab_sim_stats(w->sim)->bad_sends;
	ret->kind[MEET_CONNECT] = c->own_kind;
	ret->kind[MEET_SERVE] = c->peer_kind;
	for (unsigned i = 0; i < w->n_routers; i++)
		ret->mappings += lab_router_nat(w->routers[i])->stats.mappings;
}

void sim_meet_run(struct sim_meet *w, adit_dur horizon, struct sim_meet_result *ret)
{
	const struct sim_reach *c = &w->peer[MEET_CONNECT];

	*ret = (struct sim_meet_result){
		.offer_to_valid = ADIT_NEVER, .start_to_met = ADIT_NEVER, .start_to_failed = ADIT_NEVER};
	(void)lab_sim_run_until(w->sim, w->later_at + horizon, is_over, w);
	ret->valid = c->peer.valid_at != ADIT_NEVER;
	ret->met = c->peer.met_at != ADIT_NEVER;
	if (ret->met)
		ret->start_to_met = adit_time_since(c->peer.met_at, w->later_at);
	ret->failed = c->failed_at != ADIT_NEVER;
	if (ret->failed)
		ret->start_to_failed = adit_time_since(c->failed_at, w->later_at);
	ret->verdict = c->verdict;
	ret->how = c->how;
	ret->round = c->round;
	fill(w, ret);
	ret->hash = lab_sim_hash(w->sim);
}
