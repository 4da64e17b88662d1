/*
 * Which way two links take, in the topologies of docs/topologies.md: what a network engineer would choose is what they
 * must have chosen ten seconds after the session is up. Whole links with real sessions, a mediator and a TURN server
 * with both families, NATs and firewalls of the zoo.
 *
 * ADIT_TOPOLOGY=name plays one alone and prints what both sides decide; ADIT_TOPOLOGY_TABLE=1 prints the document's
 * table; ADIT_SIM_SEEDS=100 plays each as often.
 */
#include "../unit/test.h"

#include "../unit/link_rig.h"
#include "base/nat64.h"
#include "crypto/crypto_meet.h"
#include "lab/lab_species.h"
#include "sim_mediator.h"
#include "sim_turn.h"

#define SETTLE    ADIT_SEC(10) /* after the session is up: a better way takes over meanwhile */
#define HOSTS_MAX 4

/* How one side is connected. A family that is NULL is not there. */
struct site {
	const char *v4; /* "public", or NATs of lab_species.h from inside out, joined by "/" */
	const char
		*v6; /* "public", "plain" (a router that lets everything pass), a firewall of lab_species.h, or ... */
	bool nat64; /* ... and it leads to IPv4, too */
	bool docker; /* and a bridge to guests, at the same address on both sides */
	bool vpn; /* and an address in the company's network, far away */
};

struct topology {
	const char *name;
	struct site site[2]; /* by enum punch_role */
	bool same_lan; /* the connect side lives in the serve side's home */
	const char *carrier; /* a NAT that both homes are behind; NULL: none */
	bool slow_v6; /* a tunnel: IPv6 takes 60 ms more */
	const char *engineer; /* what would be chosen, and why */
	enum link_how how;
	bool is_v6; /* the path in use, as the connect side's socket has it */
};

#define HOME     "home"
#define FIREWALL "ipv6-firewall"
#define HARD     "symmetric-random"

static const struct topology topologies[] = {
	{"public x public", {{.v4 = "public"}, {.v4 = "public"}}, .engineer = "IPv4, directly", .how = LINK_HOW_DIRECT},
	{"public x home",
	 {{.v4 = "public"}, {.v4 = HOME}},
	 .engineer = "IPv4, directly: one side is open",
	 .how = LINK_HOW_DIRECT},
	{"home x public",
	 {{.v4 = HOME}, {.v4 = "public"}},
	 .engineer = "IPv4, directly: the side behind the NAT begins",
	 .how = LINK_HOW_DIRECT},
	{"home x home",
	 {{.v4 = HOME}, {.v4 = HOME}},
	 .engineer = "IPv4, punched: both NATs keep a socket's port",
	 .how = LINK_HOW_PUNCHED},
	{"one LAN, no hairpin",
	 {{.v4 = "port-restricted-cone,hairpin=none"}, {.v4 = HOME}},
	 .same_lan = true,
	 .engineer = "the LAN: the router would not turn packets around",
	 .how = LINK_HOW_LAN},
	{"one LAN, both families",
	 {{.v4 = HOME, .v6 = FIREWALL}, {.v4 = HOME, .v6 = FIREWALL}},
	 .same_lan = true,
	 .engineer = "the LAN, whichever family",
	 .how = LINK_HOW_LAN},
	{"two homes of one carrier",
	 {{.v4 = HOME}, {.v4 = HOME}},
	 .carrier = "cgn",
	 .engineer = "within the carrier's network, turned around by its NAT",
	 .how = LINK_HOW_PUNCHED},
	{"routers in a row",
	 {{.v4 = HOME "/cgn-block"}, {.v4 = HOME}},
	 .engineer = "IPv4, punched through both NATs",
	 .how = LINK_HOW_PUNCHED},
	{"IPv6 x IPv6, open",
	 {{.v6 = "plain"}, {.v6 = "plain"}},
	 .engineer = "IPv6, directly",
	 .how = LINK_HOW_IPV6,
	 .is_v6 = true},
	{"IPv6 x IPv6, firewalls",
	 {{.v6 = FIREWALL}, {.v6 = FIREWALL}},
	 .engineer = "IPv6: both firewalls punched as NATs are",
	 .how = LINK_HOW_IPV6,
	 .is_v6 = true},
	{"both families x both",
	 {{.v4 = HOME, .v6 = FIREWALL}, {.v4 = HOME, .v6 = FIREWALL}},
	 .engineer = "IPv6: no mapping that could expire, at the same distance",
	 .how = LINK_HOW_IPV6,
	 .is_v6 = true},
	{"both families x both, IPv6 by a far tunnel",
	 {{.v4 = HOME, .v6 = FIREWALL}, {.v4 = HOME, .v6 = FIREWALL}},
	 .slow_v6 = true,
	 .engineer = "IPv4, punched: IPv6 takes a detour of 60 ms",
	 .how = LINK_HOW_PUNCHED},
	{"both families x IPv4",
	 {{.v4 = HOME, .v6 = FIREWALL}, {.v4 = HOME}},
	 .engineer = "IPv4, punched: what both have",
	 .how = LINK_HOW_PUNCHED},
	{"both families x IPv6",
	 {{.v4 = HOME, .v6 = FIREWALL}, {.v6 = FIREWALL}},
	 .engineer = "IPv6: what both have",
	 .how = LINK_HOW_IPV6,
	 .is_v6 = true},
	{"both families x both, random NATs",
	 {{.v4 = HARD, .v6 = FIREWALL}, {.v4 = HARD, .v6 = FIREWALL}},
	 .engineer = "IPv6: the two NATs cannot be met",
	 .how = LINK_HOW_IPV6,
	 .is_v6 = true},
	{"both families x both, IPv6 dead on one side",
	 {{.v4 = HOME, .v6 = "ipv6-firewall,udp=none"}, {.v4 = HOME, .v6 = FIREWALL}},
	 .engineer = "IPv4, punched, and without waiting for IPv6",
	 .how = LINK_HOW_PUNCHED},
	{"NAT64 x public IPv4",
	 {{.v4 = "public"}, {.v6 = FIREWALL, .nat64 = true}},
	 .engineer = "through the NAT64, directly",
	 .how = LINK_HOW_DIRECT,
	 .is_v6 = true},
	{"NAT64 x home IPv4",
	 {{.v4 = HOME}, {.v6 = FIREWALL, .nat64 = true}},
	 .engineer = "through the NAT64, punched: it is a NAT like others",
	 .how = LINK_HOW_PUNCHED,
	 .is_v6 = true},
	{"NAT64 x NAT64",
	 {{.v6 = FIREWALL, .nat64 = true}, {.v6 = FIREWALL, .nat64 = true}},
	 .engineer = "IPv6, past both NAT64s",
	 .how = LINK_HOW_IPV6,
	 .is_v6 = true},
	{"IPv6 alone x IPv4 alone",
	 {{.v4 = HOME}, {.v6 = FIREWALL}},
	 .engineer = "the relay, which has both families: no other way leads from one to the other",
	 .how = LINK_HOW_RELAYED,
	 .is_v6 = true},
	{"random NAT x random NAT",
	 {{.v4 = HARD}, {.v4 = HARD}},
	 .engineer = "the relay: no search finds a port of either",
	 .how = LINK_HOW_RELAYED},
	{"docker on both",
	 {{.v4 = HOME, .docker = true}, {.v4 = HOME, .docker = true}},
	 .engineer = "IPv4, punched: each one's bridge has the same address and leads to its own guests",
	 .how = LINK_HOW_PUNCHED},
	{"a company's VPN on both",
	 {{.v4 = HOME, .vpn = true}, {.v4 = HOME, .vpn = true}},
	 .engineer = "IPv4, punched: the VPN is a detour, and a tunnel in a tunnel",
	 .how = LINK_HOW_PUNCHED},
};

/* ---- the world ---- */

struct world {
	const struct topology *t;
	struct rig r;
	struct sim_mediator mediator;
	struct sim_turn turn;
	struct adit_addr mediator_addr[2]; /* v4, v6 */
	struct lab_net *home[2];
	struct lab_net *carrier;
	struct lab_net *docker[2];
	struct lab_net *vpn;
	struct reach_host hosts[2][HOSTS_MAX];
	size_t n_hosts[2];
	struct translator {
		struct side *side;
		struct adit_nat64 nat64;
	} translator[2];
};

static struct adit_addr v6(const char *text)
{
	struct adit_addr a;

	assert_int_equal(adit_addr_parse(text, strlen(text), &a), 0);
	return a;
}

/* The |host|th address of a side's own IPv6 network; 1 is its router's. */
static struct adit_addr six_of(unsigned site, uint8_t host)
{
	struct adit_addr a = v6(site == 0 ? "2001:db8:a::" : "2001:db8:b::");

	a.ip[15] = host;
	return a;
}

static struct lab_nat *nat_of(struct world *w, const char *species, const struct adit_addr *lan,
			      const struct adit_addr *wan)
{
	struct lab_site site = {.lan = *lan, .wan = {*wan}, .wan_count = 1, .seed = lab_sim_seed(w->r.sim)};
	struct lab_species_error err;
	struct lab_nat *nat = NULL;

	if (lab_species_make(species, &site, &nat, &err) < 0)
		fail_msg("%s: %s", species, err.text);
	return nat;
}

static void add_host(struct world *w, int role, struct lab_net *net, const struct adit_addr *addr, enum ice_iface kind,
		     const struct lab_link_config *access)
{
	struct side *s = role == PUNCH_SERVE ? &w->r.serve : &w->r.connect;

	assert_non_null(lab_host_attach(s->host, net, addr, access));
	assert_true(w->n_hosts[role] < HOSTS_MAX);
	w->hosts[role][w->n_hosts[role]++] = (struct reach_host){.addr = *addr, .iface = kind};
}

static const struct lab_link_config way = {.delay = ADIT_MS(10), .jitter = ADIT_US(100)};
static const struct lab_link_config tunnel = {.delay = ADIT_MS(40), .jitter = ADIT_US(100)};

/* IPv4 of a home: one NAT or two. */
static struct lab_router *home_v4(struct world *w, unsigned site, const char *nats)
{
	const char *slash = strchr(nats, '/');
	struct lab_net *outside = w->carrier ? w->carrier : w->r.internet;
	uint8_t last = (uint8_t)(10 + 10 * site);
	struct adit_addr wan = w->carrier ? adit_addr_v4(100, 64, 0, last, 0) : adit_addr_v4(203, 0, 113, last, 0);
	struct adit_addr lan = adit_addr_v4(192, 168, (uint8_t)(11 + 66 * site), 1, 0);
	struct lab_router *r;
	char inner[64];

	snprintf(inner, sizeof(inner), "%.*s", slash ? (int)(slash - nats) : (int)strlen(nats), nats);
	if (slash) {
		struct lab_net *between = lab_net_new(w->r.sim, NULL);
		struct adit_addr up = adit_addr_v4(100, 64, 7, 1, 0);

		assert_non_null(
			lab_router_new(w->r.sim, nat_of(w, slash + 1, &up, &wan), between, &up, outside, &wan, &way));
		outside = between;
		wan = adit_addr_v4(100, 64, 7, 2, 0);
	}
	r = lab_router_new(w->r.sim, nat_of(w, inner, &lan, &wan), w->home[site], &lan, outside, &wan,
			   slash ? NULL : &way);
	assert_non_null(r);
	return r;
}

/* IPv6 of a home: native, and a NAT64 beside it. It has wires of its own, as it may be a tunnel. */
static void home_v6(struct world *w, unsigned site, const struct site *s)
{
	struct adit_addr lan = six_of(site, 1);
	struct adit_addr net = six_of(site, 0);
	struct adit_addr wan = v6(site == 0 ? "2001:db8:ff::10" : "2001:db8:ff::20");
	const struct lab_link_config *access = w->t->slow_v6 ? &tunnel : &way;
	bool is_plain = strcmp(s->v6, "plain") == 0;
	struct lab_router *x = NULL;
	struct lab_router *r;

	if (s->nat64) {
		struct adit_addr own = six_of(site, 64);
		struct adit_addr four = adit_addr_v4(203, 0, 113, (uint8_t)(64 + site), 0);

		x = lab_router_new(w->r.sim, nat_of(w, "nat64", &own, &four), w->home[site], &own, w->r.internet, &four,
				   &way);
		assert_non_null(x);
	}
	/* The one that comes last is everybody's gateway. */
	r = is_plain ? lab_router_plain(w->r.sim, w->home[site], &lan, w->r.internet, &wan, access)
		     : lab_router_new(w->r.sim, nat_of(w, s->v6, &lan, &wan), w->home[site], &lan, w->r.internet, &wan,
				      access);
	assert_non_null(r);
	assert_int_equal(lab_net_add_route(w->r.internet, &net, 64, r), 0);
	if (x) {
		struct adit_nat64 n = adit_nat64_well_known();
		struct adit_addr prefix = adit_addr_v6(n.prefix, 0);

		assert_int_equal(lab_net_add_route(w->home[site], &prefix, n.len, x), 0);
	}
}

static void side_place(struct world *w, int role)
{
	unsigned site = w->t->same_lan ? 0 : (unsigned)role;
	const struct site *s = &w->t->site[role];
	struct side *side = role == PUNCH_SERVE ? &w->r.serve : &w->r.connect;
	uint8_t host = (uint8_t)(2 + role);

	rig_side_init(&w->r, side, (enum punch_role)role);
	side->host = lab_host_new(w->r.sim);
	side->cfg.meets = true;
	side->cfg.meet_crypto = &crypto_meet;
	memcpy(side->cfg.own_key, rig_public[0], sizeof(side->cfg.own_key));
	memcpy(side->cfg.own_seed, rig_seed[0], sizeof(side->cfg.own_seed));
	if (!w->home[site]) {
		w->home[site] = lab_net_new(w->r.sim, NULL);
		if (s->v4 && strcmp(s->v4, "public") != 0)
			(void)home_v4(w, site, s->v4);
		if (s->v6)
			home_v6(w, site, s);
	}
	if (s->v6) {
		struct adit_addr a = six_of(site, host);

		add_host(w, role, w->home[site], &a, ICE_IFACE_NORMAL, NULL);
	}
	if (s->v4 && strcmp(s->v4, "public") == 0) {
		struct adit_addr a = adit_addr_v4(203, 0, 113, (uint8_t)(10 + 10 * site), 0);

		add_host(w, role, w->r.internet, &a, ICE_IFACE_NORMAL, &way);
	} else if (s->v4) {
		struct adit_addr a = adit_addr_v4(192, 168, (uint8_t)(11 + 66 * site), host, 0);

		add_host(w, role, w->home[site], &a, ICE_IFACE_NORMAL, NULL);
	}
	if (s->docker) {
		struct adit_addr a = adit_addr_v4(172, 17, 0, 1, 0);

		w->docker[role] = lab_net_new(w->r.sim, NULL);
		add_host(w, role, w->docker[role], &a, ICE_IFACE_VIRTUAL, NULL);
	}
	if (s->vpn) {
		struct adit_addr a = adit_addr_v4(10, 8, 0, host, 0);

		add_host(w, role, w->vpn, &a, ICE_IFACE_VPN, &tunnel);
	}
}

/* The middle of the Internet is no way from anything; everybody's wire to it is. */
static void servers_place(struct world *w)
{
	struct adit_addr four[2] = {adit_addr_v4(198, 51, 100, 7, 0), adit_addr_v4(198, 51, 100, 8, 0)};
	struct adit_addr relay = adit_addr_v4(192, 0, 2, 5, 0);
	struct adit_addr six = v6("2001:db8:ff::7");
	struct adit_addr relay6 = v6("2001:db8:ff::5");
	struct lab_host *h = lab_host_new(w->r.sim);

	for (int i = 0; i < 2; i++)
		assert_non_null(lab_host_attach(h, w->r.internet, &four[i], &way));
	assert_non_null(lab_host_attach(h, w->r.internet, &six, &way));
	assert_int_equal(sim_mediator_init(&w->mediator, w->r.sim, h, four, 2, 2), 0);
	sim_mediator_add_v6(&w->mediator, &six);
	w->mediator_addr[0] = adit_addr_with_port(four[0], SIM_MEDIATOR_PORT);
	w->mediator_addr[1] = adit_addr_with_port(six, SIM_MEDIATOR_PORT);
	h = lab_host_new(w->r.sim);
	assert_non_null(lab_host_attach(h, w->r.internet, &relay, &way));
	assert_non_null(lab_host_attach(h, w->r.internet, &relay6, &way));
	assert_int_equal(sim_turn_init(&w->turn, h, &relay), 0);
	sim_turn_add_v6(&w->turn, &relay6);
}

static void world_init(struct world *w, const struct topology *t, uint64_t seed)
{
	struct adit_addr up = adit_addr_v4(100, 64, 0, 1, 0);
	struct adit_addr wan = adit_addr_v4(203, 0, 113, 30, 0);

	memset(w, 0, sizeof(*w));
	w->t = t;
	w->r.sim = lab_sim_new(seed);
	w->r.internet = lab_net_new(w->r.sim, NULL);
	(void)crypto_rng(); /* libsodium is ready from here on */
	w->r.services[0] = (struct fwd_service){.id = RIG_ECHO, .kind = FWD_KIND_STREAM, .port = 7, .name = "echo"};
	w->r.services[1] = (struct fwd_service){.id = RIG_TIME, .kind = FWD_KIND_DGRAM, .port = 123, .name = "time"};
	for (int i = 0; i < 3; i++)
		assert_int_equal(quic_creds_new(rig_seed[i], rig_public[i], &w->r.creds[i]), 0);
	if (t->carrier) {
		w->carrier = lab_net_new(w->r.sim, NULL);
		assert_non_null(lab_router_new(w->r.sim, nat_of(w, t->carrier, &up, &wan), w->carrier, &up,
					       w->r.internet, &wan, &way));
	}
	w->vpn = lab_net_new(w->r.sim, NULL);
	side_place(w, PUNCH_SERVE);
	side_place(w, PUNCH_CONNECT);
	servers_place(w);
}

static void world_done(struct world *w)
{
	rig_done(&w->r);
	sim_mediator_done(&w->mediator);
	sim_turn_done(&w->turn);
}

/* ---- a host behind a NAT64: the sockets translate, as io/ does it ---- */

static void x_input(void *self, adit_time now, const struct adit_dgram *d)
{
	struct translator *x = self;
	struct adit_dgram in = *d;

	(void)adit_nat64_in(&x->nat64, &in);
	(void)link_input(x->side->link, now, &in);
}

static void x_icmp(void *self, adit_time now, const struct adit_icmp *icmp)
{
	struct translator *x = self;
	struct adit_icmp in = *icmp;
	struct adit_addr v4;

	if (!adit_nat64_extract(&x->nat64, &in.remote, &v4) || adit_nat64_icmp(&x->nat64, &in))
		link_icmp(x->side->link, now, &in);
}

static void x_sock_failed(void *self, adit_time now, uint32_t sock)
{
	link_sock_failed(((struct translator *)self)->side->link, now, sock);
}

static void x_tick(void *self, adit_time now)
{
	link_tick(((struct translator *)self)->side->link, now);
}

static void x_set_utc(void *self, adit_time now, adit_utc utc)
{
	link_set_utc(((struct translator *)self)->side->link, now, utc);
}

static adit_time x_deadline(const void *self)
{
	return link_deadline(((const struct translator *)self)->side->link);
}

static int x_output(void *self, adit_time now, struct adit_out *ret_out)
{
	struct translator *x = self;

	while (link_output(x->side->link, now, ret_out)) {
		const struct adit_addr *a = ret_out->kind == ADIT_OUT_SEND ? &ret_out->remote : &ret_out->local;

		if (x->nat64.len == 0 || !adit_addr_is_v4(a) || adit_nat64_out(&x->nat64, ret_out))
			return 1;
	}
	return 0;
}

static const struct adit_machine_ops x_ops = {
	.input = x_input,
	.icmp = x_icmp,
	.sock_failed = x_sock_failed,
	.tick = x_tick,
	.set_utc = x_set_utc,
	.deadline = x_deadline,
	.output = x_output,
};

/* ---- a run ---- */

static void say(void *ctx, enum adit_log_level level, const char *line)
{
	(void)level;
	printf("    %s %s\n", (const char *)ctx, line);
}

static struct adit_log logs[2] = {{.write = say, .ctx = (char *)"serve  ", .level = ADIT_LOG_DECIDE},
				  {.write = say, .ctx = (char *)"connect", .level = ADIT_LOG_DECIDE}};

static void side_start(struct world *w, int role, bool is_loud)
{
	struct side *s = role == PUNCH_SERVE ? &w->r.serve : &w->r.connect;
	const struct site *site = &w->t->site[role];
	adit_time now = lab_host_now(s->host);
	struct translator *x = &w->translator[role];

	s->cfg.instance = lab_sim_seed(w->r.sim);
	s->cfg.log = is_loud ? &logs[role] : NULL;
	assert_int_equal(link_new(&s->cfg, now, &s->link), 0);
	x->side = s;
	x->nat64 = site->nat64 ? adit_nat64_well_known() : (struct adit_nat64){.len = 0};
	s->machine = lab_machine_new(s->host, &x_ops, x, rig_events, s);
	assert_non_null(s->machine);
	link_set_nat64(s->link, now, &x->nat64);
	link_set_hosts(s->link, now, w->hosts[role], w->n_hosts[role]);
	/* The connect side has the relay: one is enough. */
	if (role == PUNCH_CONNECT)
		assert_int_equal(link_set_relay(s->link, now, 0, site->v4 ? &w->turn.server : &w->turn.server_v6), 0);
	for (int f = 0; f < 2; f++)
		assert_int_equal(link_add_mediator(s->link, now, "meet.example.org", &w->mediator_addr[f]), 0);
	link_start(s->link, now);
	lab_machine_wake(s->machine);
}

struct outcome {
	bool is_up;
	enum link_how how;
	bool is_v6;
	adit_dur rtt;
	adit_dur took; /* from the connect side's start to the session */
};

static struct outcome play(const struct topology *t, uint64_t seed, bool is_loud)
{
	static struct world w;
	struct outcome o = {.is_up = false};
	struct link_status st;
	adit_time began;

	world_init(&w, t, seed);
	side_start(&w, PUNCH_SERVE, is_loud);
	rig_run(&w.r, ADIT_SEC(2));
	began = lab_sim_now(w.r.sim);
	side_start(&w, PUNCH_CONNECT, is_loud);
	o.is_up = rig_wait(&w.r, &w.r.connect, LINK_EVENT_UP, 1, ADIT_SEC(40));
	o.took = lab_sim_now(w.r.sim) - began;
	if (o.is_up) {
		rig_run(&w.r, SETTLE);
		link_status_get(w.r.connect.link, lab_host_now(w.r.connect.host), &st);
		o.how = st.path.how;
		o.rtt = st.path.rtt;
		/* As the system's socket has it: IPv4 over a NAT64 leaves as IPv6. */
		o.is_v6 = adit_addr_is_v6(&st.path.remote) || adit_nat64_is_own(&st.path.local) ||
			  (st.path.how == LINK_HOW_RELAYED && !t->site[PUNCH_CONNECT].v4);
		assert_int_equal(w.r.connect.n[LINK_EVENT_DOWN], 0);
	}
	world_done(&w);
	return o;
}

static bool is_wanted(const struct topology *t, const struct outcome *o)
{
	return o->is_up && o->how == t->how && (o->is_v6 == t->is_v6 || t->how == LINK_HOW_LAN);
}

static void put_row(const struct topology *t, const struct outcome *o)
{
	printf("| %s | %s | %s, %s | %.1f ms | %.0f ms |\n", t->name, t->engineer,
	       o->is_up ? link_how_name(o->how) : "nothing", o->is_v6 ? "IPv6" : "IPv4", (double)o->rtt / 1e6,
	       (double)o->took / 1e6);
}

static void the_chosen_path_is_the_one_an_engineer_would_choose(void **state)
{
	const char *only = getenv("ADIT_TOPOLOGY");
	const char *seeds = getenv("ADIT_SIM_SEEDS");
	unsigned long n = seeds ? strtoul(seeds, NULL, 10) : 1;
	unsigned wrong = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(topologies); i++) {
		const struct topology *t = &topologies[i];

		for (unsigned long k = 0; k < n && (!only || strcmp(only, t->name) == 0); k++) {
			struct outcome o = play(t, 1000 + i + 100 * k, only != NULL);

			if (k == 0 && getenv("ADIT_TOPOLOGY_TABLE"))
				put_row(t, &o);
			if (is_wanted(t, &o))
				continue;
			fprintf(stderr, "%s, seed %lu: %s; got %s over %s\n", t->name, k, t->engineer,
				o.is_up ? link_how_name(o.how) : "nothing", o.is_v6 ? "IPv6" : "IPv4");
			wrong++;
		}
	}
	assert_int_equal(wrong, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_chosen_path_is_the_one_an_engineer_would_choose),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
