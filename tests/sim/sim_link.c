#include "../unit/test.h"

#include "sim_link.h"

#include "crypto/crypto_meet.h"
#include "lab/lab_species.h"
#include "lab/lab_zoo.h"

/* --- the gate --- */

struct sim_link_gate {
	struct lab_nat nat;
	struct lab_nat *inner;
	struct adit_addr other; /* the other side's router */
	bool open;
};

static struct sim_link_gate *gate_of(struct lab_nat *n)
{
	return adit_container(n, struct sim_link_gate, nat);
}

static enum lab_verdict gate_out(struct lab_nat *n, adit_time now, const struct lab_flow *f, struct lab_flow *ret_flow)
{
	struct sim_link_gate *g = gate_of(n);
	enum lab_verdict v = g->inner->ops->out(g->inner, now, f, ret_flow);

	return adit_addr_eq_ip(&f->dst, &g->other) && !g->open ? LAB_DROP : v;
}

static enum lab_verdict gate_in(struct lab_nat *n, adit_time now, const struct lab_flow *f, struct lab_flow *ret_flow)
{
	struct sim_link_gate *g = gate_of(n);

	if (adit_addr_eq_ip(&f->src, &g->other) && !g->open)
		return LAB_DROP;
	return g->inner->ops->in(g->inner, now, f, ret_flow);
}

static bool gate_icmp(struct lab_nat *n, adit_time now, struct lab_flow *quoted)
{
	struct sim_link_gate *g = gate_of(n);

	return g->inner->ops->icmp(g->inner, now, quoted);
}

static void gate_flush(struct lab_nat *n)
{
	struct sim_link_gate *g = gate_of(n);

	g->inner->ops->flush(g->inner);
}

static void gate_free(struct lab_nat *n)
{
	struct sim_link_gate *g = gate_of(n);

	lab_nat_free(g->inner);
	free(g);
}

static const struct lab_nat_ops gate_ops = {
	.out = gate_out, .in = gate_in, .icmp = gate_icmp, .flush = gate_flush, .free = gate_free};

/* --- the world --- */

static struct lab_link_config wire(adit_dur way, unsigned loss_ppm)
{
	return (struct lab_link_config){.delay = way, .jitter = way / 50 + ADIT_US(10), .loss_ppm = loss_ppm};
}

static void side_init(struct sim_link *w, enum punch_role role)
{
	struct side *s = sim_link_side(w, role);
	struct adit_addr lan = adit_addr_v4(192, 168, role == PUNCH_SERVE ? 11 : 77, 1, 0);
	struct lab_link_config access = wire(w->cfg.way[role], w->cfg.loss_ppm);
	struct sim_link_gate *g = calloc(1, sizeof(*g));
	struct lab_site site = {.lan = lan, .wan = {w->wan[role]}, .wan_count = 1, .seed = lab_sim_seed(w->r.sim)};
	struct lab_species_error err;

	assert_non_null(g);
	if (lab_species_make(w->cfg.nats[role], &site, &g->inner, &err) < 0)
		fail_msg("%s", err.text);
	g->nat.ops = &gate_ops;
	g->other = w->wan[!role];
	g->open = w->cfg.direct_at_first;
	w->gate[role] = g;
	w->home[role] = lab_net_new(w->r.sim, NULL);
	w->router[role] = lab_router_new(w->r.sim, &g->nat, w->home[role], &lan, w->r.internet, &w->wan[role], &access);
	assert_non_null(w->router[role]);
	rig_side_init(&w->r, s, role);
	s->addr = w->wan[role];
	s->own = lan;
	s->own.ip[3] = 2;
	s->host = lab_host_new(w->r.sim);
	s->iface = lab_host_attach(s->host, w->home[role], &s->own, NULL);
	s->cfg.meets = !w->cfg.no_mediator;
	s->cfg.meet_crypto = &crypto_meet;
	memcpy(s->cfg.own_key, rig_public[0], sizeof(s->cfg.own_key));
	memcpy(s->cfg.own_seed, rig_seed[0], sizeof(s->cfg.own_seed));
}

static void servers_init(struct sim_link *w)
{
	struct adit_addr addrs[2] = {adit_addr_v4(192, 0, 2, 7, 0), adit_addr_v4(192, 0, 2, 8, 0)};
	struct adit_addr relay = adit_addr_v4(198, 51, 100, 5, 0);
	struct lab_link_config access = wire(w->cfg.mediator_way, 0);
	struct lab_host *h = lab_host_new(w->r.sim);

	w->mediator_iface = lab_host_attach(h, w->r.internet, &addrs[0], &access);
	assert_non_null(w->mediator_iface);
	assert_non_null(lab_host_attach(h, w->r.internet, &addrs[1], &access));
	assert_int_equal(sim_mediator_init(&w->mediator, w->r.sim, h, addrs, 2, 2), 0);
	if (!w->cfg.no_mediator)
		w->r.mediator = adit_addr_with_port(addrs[0], SIM_MEDIATOR_PORT);
	access = wire(w->cfg.relay_way, 0);
	h = lab_host_new(w->r.sim);
	w->turn_iface = lab_host_attach(h, w->r.internet, &relay, &access);
	assert_non_null(w->turn_iface);
	assert_int_equal(sim_turn_init(&w->turn, h, &relay), 0);
}

/* When there are too many pairs the last place counts them all. */
static void count(struct sim_link *w, const struct adit_addr *serve, const struct adit_addr *connect)
{
	struct sim_link_flow *f = w->flow;

	while (f < w->flow + SIM_LINK_FLOWS - 1 && f->serve.family != ADIT_FAMILY_NONE &&
	       !(adit_addr_eq(&f->serve, serve) && adit_addr_eq(&f->connect, connect)))
		f++;
	f->serve = *serve;
	f->connect = *connect;
	f->packets++;
}

static void tap(void *ctx, const struct lab_tap_packet *p)
{
	struct sim_link *w = ctx;

	if (p->step != LAB_STEP_SENT || p->node != lab_net_id(w->r.internet))
		return;
	w->to_relay += adit_addr_eq_ip(&p->dst, &w->turn.addr) && (adit_addr_eq_ip(&p->src, &w->wan[PUNCH_SERVE]) ||
								   adit_addr_eq_ip(&p->src, &w->wan[PUNCH_CONNECT]));
	if (adit_addr_eq_ip(&p->src, &w->wan[PUNCH_SERVE]) && adit_addr_eq_ip(&p->dst, &w->wan[PUNCH_CONNECT]))
		count(w, &p->src, &p->dst);
	else if (adit_addr_eq_ip(&p->dst, &w->wan[PUNCH_SERVE]) && adit_addr_eq_ip(&p->src, &w->wan[PUNCH_CONNECT]))
		count(w, &p->dst, &p->src);
}

uint64_t sim_link_packets(const struct sim_link *w)
{
	uint64_t n = 0;

	for (size_t i = 0; i < SIM_LINK_FLOWS; i++)
		n += w->flow[i].packets;
	return n;
}

uint64_t sim_link_packets_used(const struct sim_link *w)
{
	struct link_path_info serve = sim_link_status(&w->r.serve).path;
	struct link_path_info connect = sim_link_status(&w->r.connect).path;

	for (size_t i = 0; i < SIM_LINK_FLOWS; i++)
		if (adit_addr_eq(&w->flow[i].serve, &connect.remote) &&
		    adit_addr_eq(&w->flow[i].connect, &serve.remote))
			return w->flow[i].packets;
	return 0;
}

void sim_link_init(struct sim_link *w, const struct sim_link_config *cfg, uint64_t seed)
{
	memset(w, 0, sizeof(*w));
	w->cfg = *cfg;
	w->is_open = cfg->direct_at_first;
	w->r.sim = lab_sim_new(seed);
	w->r.internet = lab_net_new(w->r.sim, NULL);
	(void)crypto_rng(); /* libsodium is ready from here on */
	w->r.services[0] = (struct fwd_service){.id = RIG_ECHO, .kind = FWD_KIND_STREAM, .port = 7, .name = "echo"};
	w->r.services[1] = (struct fwd_service){.id = RIG_TIME, .kind = FWD_KIND_DGRAM, .port = 123, .name = "time"};
	for (int i = 0; i < 3; i++)
		assert_int_equal(quic_creds_new(rig_seed[i], rig_public[i], &w->r.creds[i]), 0);
	w->wan[PUNCH_SERVE] = adit_addr_v4(203, 0, 113, 10, 0);
	w->wan[PUNCH_CONNECT] = adit_addr_v4(203, 0, 113, 20, 0);
	side_init(w, PUNCH_SERVE);
	side_init(w, PUNCH_CONNECT);
	servers_init(w);
	lab_sim_set_tap(w->r.sim, tap, w);
}

static void print_line(void *ctx, enum adit_log_level level, const char *line)
{
	struct sim_link_log *l = ctx;

	(void)level;
	fprintf(l->f, "%12.6f %-7s %s\n", (double)lab_sim_now(l->sim) / 1e9, l->name, line);
}

static void log_init(struct sim_link *w, enum punch_role role, FILE *f)
{
	struct sim_link_log *l = &w->log[role];

	*l = (struct sim_link_log){.sim = w->r.sim, .name = role == PUNCH_SERVE ? "serve" : "connect", .f = f};
	l->log = (struct adit_log){.write = print_line, .ctx = l, .level = ADIT_LOG_DECIDE};
	sim_link_side(w, role)->cfg.log = &l->log;
}

void sim_link_trace(struct sim_link *w, FILE *f)
{
	for (int i = 0; i < 2 && f; i++)
		log_init(w, (enum punch_role)i, f);
	assert_true(sim_trace_init(&w->trace, w->r.sim, f));
	w->is_tracing = true;
	sim_trace_node(&w->trace, lab_host_id(w->r.serve.host), "serve");
	sim_trace_node(&w->trace, lab_router_id(w->router[PUNCH_SERVE]), "its router");
	sim_trace_node(&w->trace, lab_host_id(w->turn.host), "relay");
	sim_trace_node(&w->trace, lab_host_id(w->mediator.host), "mediator");
	sim_trace_node(&w->trace, lab_router_id(w->router[PUNCH_CONNECT]), "router");
	sim_trace_node(&w->trace, lab_host_id(w->r.connect.host), "connect");
}

void sim_link_done(struct sim_link *w)
{
	if (w->is_tracing)
		assert_true(sim_trace_done(&w->trace, "adit: a session over its paths"));
	rig_done(&w->r);
	sim_mediator_done(&w->mediator);
	sim_turn_done(&w->turn);
}

struct side *sim_link_side(struct sim_link *w, enum punch_role role)
{
	return role == PUNCH_SERVE ? &w->r.serve : &w->r.connect;
}

/* --- what happens --- */

static void side_start(struct sim_link *w, enum punch_role role)
{
	struct side *s = sim_link_side(w, role);

	rig_start(s);
	if (w->cfg.no_mediator)
		link_set_peers(s->link, lab_host_now(s->host), &w->wan[!role], 1);
	if (w->cfg.relays[role])
		assert_int_equal(link_set_relay(s->link, lab_host_now(s->host), 0, &w->turn.server), 0);
	lab_machine_wake(s->machine);
}

static void send_piece(struct sim_link *w, adit_time now)
{
	if (w->cfg.pace == 0 || now < w->send_at)
		return;
	w->send_at = now + w->cfg.pace;
	for (int i = 0; i < 2; i++) {
		struct side *s = sim_link_side(w, (enum punch_role)i);

		if (!s->stream || rig_is_asleep(s, lab_host_now(s->host)))
			continue;
		s->to_send += w->cfg.piece;
		rig_pump(s);
		lab_machine_wake(s->machine);
	}
}

static void listen(struct sim_link *w, adit_time now)
{
	for (int i = 0; i < 2; i++) {
		struct side *s = sim_link_side(w, (enum punch_role)i);
		struct sim_link_ear *e = &w->ear[i];

		assert_int_equal(s->wrong, 0);
		if (s->received == e->seen)
			continue;
		if (now - e->at > e->longest)
			e->longest = now - e->at;
		e->felt += now - e->at > SIM_LINK_FELT;
		if (w->log[i].f && w->cfg.pace && now - e->at > 3 * w->cfg.pace)
			fprintf(w->log[i].f, "%12.6f %-7s nothing came for %llu ms\n",
				(double)lab_sim_now(w->r.sim) / 1e9, w->log[i].name,
				(unsigned long long)((now - e->at) / ADIT_MS(1)));
		e->seen = s->received;
		e->at = now;
	}
}

bool sim_link_run_until(struct sim_link *w, adit_dur d, bool (*done)(struct sim_link *w))
{
	adit_time end = lab_sim_now(w->r.sim) + d;

	while (lab_sim_now(w->r.sim) < end) {
		adit_time now = lab_sim_now(w->r.sim) + SIM_LINK_STEP;

		lab_sim_run(w->r.sim, now);
		listen(w, now);
		send_piece(w, now);
		if (done && done(w))
			return true;
	}
	return false;
}

void sim_link_run(struct sim_link *w, adit_dur d)
{
	(void)sim_link_run_until(w, d, NULL);
}

void sim_link_forget(struct sim_link *w)
{
	w->ear[0].longest = w->ear[1].longest = 0;
	w->ear[0].felt = w->ear[1].felt = 0;
	w->ear[0].at = w->ear[1].at = lab_sim_now(w->r.sim);
}

adit_dur sim_link_gap(const struct sim_link *w)
{
	adit_dur longest = 0;

	for (int i = 0; i < 2; i++) {
		adit_dur now = lab_sim_now(w->r.sim) - w->ear[i].at;

		longest = w->ear[i].longest > longest ? w->ear[i].longest : longest;
		longest = now > longest ? now : longest;
	}
	return longest;
}

unsigned sim_link_felt(const struct sim_link *w)
{
	unsigned most = 0;

	for (int i = 0; i < 2; i++) {
		const struct sim_link_ear *e = &w->ear[i];
		unsigned n = e->felt + (lab_sim_now(w->r.sim) - e->at > SIM_LINK_FELT);

		most = n > most ? n : most;
	}
	return most;
}

bool sim_link_up(struct sim_link *w)
{
	side_start(w, PUNCH_SERVE);
	rig_run(&w->r, ADIT_SEC(1));
	side_start(w, PUNCH_CONNECT);
	if (!rig_wait(&w->r, &w->r.connect, LINK_EVENT_UP, 1, ADIT_SEC(30)))
		return false;
	rig_open(&w->r, RIG_ECHO);
	w->r.connect.to_send = 1; /* makes the stream known */
	rig_pump(&w->r.connect);
	lab_machine_wake(w->r.connect.machine);
	sim_link_run(w, ADIT_SEC(1));
	sim_link_forget(w);
	return w->r.serve.stream != NULL;
}

static bool is_all_there(struct sim_link *w)
{
	return w->r.serve.received == w->r.connect.to_send && w->r.connect.received == w->r.serve.to_send;
}

bool sim_link_drain(struct sim_link *w, adit_dur d)
{
	bool done;

	w->cfg.pace = 0;
	done = sim_link_run_until(w, d, is_all_there);
	for (int i = 0; i < 2; i++) {
		struct side *s = sim_link_side(w, (enum punch_role)i);

		if (s->wrong > 0 || (s->n[LINK_EVENT_DOWN] > 0 && s->down.was_up) || !s->stream ||
		    (s->news & QUIC_NEWS_RESET))
			return false;
	}
	return done;
}

struct link_status sim_link_status(const struct side *s)
{
	struct link_status st;

	link_status_get(s->link, lab_host_now(s->host), &st);
	return st;
}

static bool is_used(struct sim_link *w, bool relayed)
{
	struct link_status a = sim_link_status(&w->r.serve);
	struct link_status b = sim_link_status(&w->r.connect);

	return a.state == LINK_UP && b.state == LINK_UP && (a.path.how == LINK_HOW_RELAYED) == relayed &&
	       (b.path.how == LINK_HOW_RELAYED) == relayed;
}

bool sim_link_is_relayed(struct sim_link *w)
{
	return is_used(w, true);
}

bool sim_link_is_direct(struct sim_link *w)
{
	return is_used(w, false);
}

void sim_link_open(struct sim_link *w, bool open)
{
	w->is_open = open;
	w->gate[0]->open = w->gate[1]->open = open;
}

void sim_link_cut(struct sim_link *w, enum punch_role role, bool cut)
{
	lab_iface_set_cut(lab_router_wan(w->router[role]), cut);
}

void sim_link_readdress_router(struct sim_link *w, enum punch_role role)
{
	struct side *s = sim_link_side(w, role);
	struct lab_nat *nat = w->gate[role]->inner;

	w->wan[role].ip[3]++;
	nat->ops->flush(nat);
	if (strcmp(w->cfg.nats[role], "linux") == 0)
		lab_linux_set_wan(nat, &w->wan[role]);
	else
		assert_int_equal(lab_zoo_readdress(nat, &w->wan[role], 1), 0);
	assert_int_equal(lab_iface_set_addr(lab_router_wan(w->router[role]), &w->wan[role]), 0);
	w->gate[!role]->other = w->wan[role];
	s->addr = w->wan[role];
}

void sim_link_readdress_host(struct sim_link *w, enum punch_role role)
{
	struct side *s = sim_link_side(w, role);
	struct reach_host own;

	s->own.ip[3] = (uint8_t)(3 + ++w->moves);
	assert_int_equal(lab_iface_set_addr(s->iface, &s->own), 0);
	own = (struct reach_host){.addr = s->own};
	link_set_hosts(s->link, lab_host_now(s->host), &own, 1);
	lab_machine_wake(s->machine);
}

void sim_link_readdress(struct sim_link *w, enum punch_role role)
{
	sim_link_readdress_router(w, role);
	sim_link_readdress_host(w, role);
}

void sim_link_sleep(struct sim_link *w, enum punch_role role, adit_dur d)
{
	struct side *s = sim_link_side(w, role);

	s->asleep_until = lab_host_now(s->host) + d;
	lab_machine_wake(s->machine);
}
