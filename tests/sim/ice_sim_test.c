/*
 * Two ICE agents in virtual time: behind every kind of NAT of the zoo that ICE alone can pass, with loss, roles in
 * conflict, candidates unsaid. A failing run is printed with its seed; ADIT_SIM_SEEDS=1000 tries that many a cell.
 */
#include "../unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "lab/lab_species.h"
#include "sim_ice.h"

/* An empty text is a public host. */
#define PUBLIC  ""
#define PUBLIC6 "6"

struct cell {
	const char *nat[2];
	unsigned rtt_ms;
	unsigned loss; /* per cent, each way */
	unsigned skew_ms; /* the second starts this much later */
	enum ice_role role[2];
	bool is_silent[2];
	bool same_lan; /* both behind nat[0] */
};

struct world {
	struct lab_sim *sim;
	struct lab_net *internet;
	struct lab_host *host[2];
	struct lab_iface *iface[2];
	struct lab_host *server;
	struct sim_stun stun;
	struct sim_ice peer[2];
};

static struct adit_addr wan_of(int side)
{
	return adit_addr_v4(203, 0, 113, (uint8_t)(10 + 10 * side), 0);
}

static struct adit_addr addr6(uint8_t net, uint8_t host)
{
	uint8_t ip[16] = {0x20, 0x01, 0x0d, 0xb8, 0, net, [15] = host};

	return adit_addr_v6(ip, 0);
}

/* What a host behind |nat| has. */
static bool is_v6(const char *nat)
{
	return strcmp(nat, PUBLIC6) == 0 || strncmp(nat, "ipv6", 4) == 0 || strncmp(nat, "nat64", 5) == 0;
}

static bool is_home(const char *nat)
{
	return strcmp(nat, PUBLIC) != 0 && strcmp(nat, PUBLIC6) != 0;
}

static struct adit_addr own_of(const char *nat, int side)
{
	if (is_v6(nat))
		return is_home(nat) ? addr6((uint8_t)(0x10 + side), 2) : addr6(0x99, (uint8_t)(10 + 10 * side));
	return is_home(nat) ? adit_addr_v4(192, 168, 1, (uint8_t)(2 + side), 0) : wan_of(side);
}

static struct lab_net *home_new(struct world *w, const char *nat, int side)
{
	struct adit_addr lan = is_v6(nat) ? addr6((uint8_t)(0x10 + side), 1) : adit_addr_v4(192, 168, 1, 1, 0);
	struct adit_addr wan = strncmp(nat, "ipv6", 4) == 0 ? addr6(0x99, (uint8_t)(10 + 10 * side)) : wan_of(side);
	struct lab_router *router;
	struct lab_site site = {.lan = lan, .wan = {wan}, .wan_count = 1, .seed = lab_sim_seed(w->sim)};
	struct lab_net *home = lab_net_new(w->sim, NULL);
	struct lab_species_error err;
	struct lab_nat *n;

	if (lab_species_make(nat, &site, &n, &err) < 0) {
		fprintf(stderr, "%s: %s\n", nat, err.text);
		abort();
	}
	router = home ? lab_router_new(w->sim, n, home, &lan, w->internet, &wan, NULL) : NULL;
	if (!router || (adit_addr_is_v6(&wan) && lab_net_add_route(w->internet, &lan, 64, router) < 0))
		abort();
	return home;
}

/* RFC 6052 2.1: the well-known prefix. */
static struct adit_addr through(const struct adit_addr *v4)
{
	uint8_t ip[16] = {0, 0x64, 0xff, 0x9b};

	memcpy(ip + 12, v4->ip, 4);
	return adit_addr_v6(ip, v4->port);
}

static void world_init(struct world *w, const struct cell *c, uint64_t seed)
{
	struct lab_link_config way = {.delay = ADIT_MS(c->rtt_ms) / 2, .loss_ppm = c->loss * 10000};
	struct adit_addr server = adit_addr_v4(192, 0, 2, 50, 0);
	struct lab_net *home = NULL;

	memset(w, 0, sizeof(*w));
	w->sim = lab_sim_new(seed);
	assert_non_null(w->sim);
	w->internet = lab_net_new(w->sim, &way);
	w->server = lab_host_new(w->sim);
	assert_non_null(lab_host_attach(w->server, w->internet, &server, NULL));
	assert_non_null(sim_stun_new(&w->stun, w->server));
	server.port = SIM_ICE_STUN;
	for (int i = 0; i < 2; i++) {
		struct adit_addr own = own_of(c->nat[i], i), asked = server;

		w->host[i] = lab_host_new(w->sim);
		if (is_home(c->nat[i]) && !(home && c->same_lan))
			home = home_new(w, c->nat[i], i);
		w->iface[i] = lab_host_attach(w->host[i], is_home(c->nat[i]) ? home : w->internet, &own, NULL);
		assert_non_null(w->iface[i]);
		own.port = SIM_ICE_PORT;
		if (strncmp(c->nat[i], "nat64", 5) == 0)
			asked = through(&server);
		/* Global IPv6 addresses need nobody to name them. */
		else if (is_v6(c->nat[i]))
			asked.family = ADIT_FAMILY_NONE;
		assert_int_equal(sim_ice_init(&w->peer[i], w->sim, w->host[i], c->role[i], &own, &asked), 0);
		if (strncmp(c->nat[i], "nat64", 5) == 0)
			w->peer[i].cfg.nat64 = adit_nat64_well_known();
		w->peer[i].is_silent = c->is_silent[i];
		w->peer[i].other = &w->peer[!i];
		assert_int_equal(lab_sim_at(w->sim, i ? ADIT_MS(c->skew_ms) : 0, sim_ice_start, &w->peer[i]), 0);
	}
}

static void world_done(struct world *w)
{
	lab_sim_free(w->sim);
	sim_ice_done(&w->peer[0]);
	sim_ice_done(&w->peer[1]);
}

static bool has_met(void *ctx)
{
	const struct world *w = ctx;

	return w->peer[0].data_heard_at != ADIT_NEVER && w->peer[1].data_heard_at != ADIT_NEVER;
}

static void explain(const struct cell *c, uint64_t seed, const struct world *w)
{
	char line[ICE_ACCOUNT_STRLEN];
	struct ice_account acc;

	fprintf(stderr, "never met: '%s' x '%s' rtt %u loss %u skew %u seed %llu\n", c->nat[0], c->nat[1], c->rtt_ms,
		c->loss, c->skew_ms, (unsigned long long)seed);
	for (int i = 0; i < 2; i++) {
		size_t pos = 0;

		while (ice_agent_account(w->peer[i].agent, &pos, &acc))
			fprintf(stderr, "  %d: %s\n", i, ice_account_format(&acc, line));
	}
}

/* Do data flow both ways over what both have selected? */
static bool meets(const struct cell *c, uint64_t seed)
{
	struct world w;
	bool met;

	world_init(&w, c, seed);
	met = lab_sim_run_until(w.sim, ADIT_SEC(60), has_met, &w);
	if (!met)
		explain(c, seed, &w);
	world_done(&w);
	return met;
}

static unsigned seeds(unsigned usual)
{
	const char *text = getenv("ADIT_SIM_SEEDS");

	return text ? (unsigned)strtoul(text, NULL, 10) : usual;
}

static unsigned count(struct cell c, unsigned n)
{
	static const unsigned rtts[] = {20, 80, 200};
	static const unsigned skews[] = {0, 100, 2000, 5000};
	unsigned met = 0;

	for (uint64_t seed = 1; seed <= n; seed++) {
		c.rtt_ms = rtts[seed % ARRAY_LEN(rtts)];
		c.skew_ms = skews[seed / ARRAY_LEN(rtts) % ARRAY_LEN(skews)];
		met += meets(&c, seed);
	}
	return met;
}

/* All map endpoint-independently; they filter in every way there is. */
static const char *const eim[] = {PUBLIC,        "rfc", "full-cone", "restricted-cone", "port-restricted-cone", "home",
				  "home-random", "cgn", "mobile",    "linux",           "linux-reject"};

static void endpoint_independent_nats_always_open_whatever_they_filter(void **state)
{
	unsigned n = seeds(4);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(eim) * ARRAY_LEN(eim); i++) {
		struct cell c = {.nat = {eim[i / ARRAY_LEN(eim)], eim[i % ARRAY_LEN(eim)]},
				 .role = {ICE_CONTROLLING, ICE_CONTROLLED}};

		if (count(c, n) < n)
			fail_msg("%s x %s", c.nat[0], c.nat[1]);
	}
}

static void ipv6_hosts_meet_through_their_firewalls(void **state)
{
	static const char *const six[] = {PUBLIC6, "ipv6-firewall", "ipv6-transparent"};
	unsigned n = seeds(6);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(six) * ARRAY_LEN(six); i++) {
		struct cell c = {.nat = {six[i / ARRAY_LEN(six)], six[i % ARRAY_LEN(six)]},
				 .role = {ICE_CONTROLLING, ICE_CONTROLLED}};

		if (count(c, n) < n)
			fail_msg("%s x %s", c.nat[0], c.nat[1]);
	}
}

/* An IPv6-only host and an IPv4 peer: the NAT64 maps endpoint-independently, so the server names what the peer may use.
 */
static void behind_a_nat64_ipv4_peers_are_reached(void **state)
{
	static const char *const four[] = {PUBLIC, "full-cone", "home", "port-restricted-cone", "linux"};
	static const char *const nat64[] = {"nat64", "nat64-mobile"};
	unsigned n = seeds(6);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(nat64) * ARRAY_LEN(four); i++) {
		const char *a = nat64[i % ARRAY_LEN(nat64)], *b = four[i / ARRAY_LEN(nat64)];
		struct cell c = {.nat = {a, b}, .role = {ICE_CONTROLLING, ICE_CONTROLLED}};
		struct cell turned = {.nat = {b, a}, .role = {ICE_CONTROLLING, ICE_CONTROLLED}};

		if (count(c, n) < n || count(turned, n) < n)
			fail_msg("%s x %s", a, b);
	}
}

/* RFC 8445 7.3.1.3: the port it gets toward the peer is nobody's candidate, and is learnt from its check. */
static void a_random_port_is_learnt_where_the_other_side_lets_it_in(void **state)
{
	static const char *const open[] = {PUBLIC, "full-cone", "restricted-cone"};
	unsigned n = seeds(6);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(open); i++) {
		struct cell c = {.nat = {"symmetric-random", open[i]}, .role = {ICE_CONTROLLING, ICE_CONTROLLED}};
		struct cell turned = {.nat = {open[i], "symmetric-random"}, .role = {ICE_CONTROLLING, ICE_CONTROLLED}};

		assert_int_equal(count(c, n), n);
		assert_int_equal(count(turned, n), n);
	}
}

static void who_signals_no_candidate_is_found_by_its_checks(void **state)
{
	unsigned n = seeds(6);
	struct cell c = {
		.nat = {"home", "full-cone"}, .role = {ICE_CONTROLLING, ICE_CONTROLLED}, .is_silent = {true, false}};

	(void)state;
	assert_int_equal(count(c, n), n);
	c.nat[1] = PUBLIC;
	c.role[0] = ICE_CONTROLLED;
	c.role[1] = ICE_CONTROLLING;
	assert_int_equal(count(c, n), n);
}

static void roles_in_conflict_are_settled_behind_nats(void **state)
{
	unsigned n = seeds(12);

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct cell c = {.nat = {"home", "linux"}, .role = {(enum ice_role)i, (enum ice_role)i}};

		assert_int_equal(count(c, n), n);
	}
}

static void a_tenth_of_all_packets_lost_costs_time_only(void **state)
{
	unsigned n = seeds(30);
	struct cell c = {
		.nat = {"home", "port-restricted-cone"}, .role = {ICE_CONTROLLING, ICE_CONTROLLED}, .loss = 10};

	(void)state;
	assert_true(count(c, n) * 100 >= n * 97);
}

static void on_one_lan_the_host_candidates_meet(void **state)
{
	struct cell c = {
		.nat = {"home", "home"}, .role = {ICE_CONTROLLING, ICE_CONTROLLED}, .same_lan = true, .rtt_ms = 40};
	struct world w;

	(void)state;
	world_init(&w, &c, 1);
	assert_true(lab_sim_run_until(w.sim, ADIT_SEC(2), has_met, &w));
	assert_int_equal(w.peer[0].path.remote.ip[0], 192);
	assert_int_equal(w.peer[0].path.remote.ip[3], 3);
	world_done(&w);
}

/* That the lab can tell: what ICE cannot do it does not seem to do, and it says so in time. */
static void a_random_port_against_a_port_filter_fails_with_a_reason(void **state)
{
	struct cell c = {.nat = {"symmetric-random", "port-restricted-cone"},
			 .role = {ICE_CONTROLLING, ICE_CONTROLLED},
			 .rtt_ms = 40};
	struct ice_account acc;
	struct world w;
	size_t pos = 0;

	(void)state;
	world_init(&w, &c, 1);
	lab_sim_run(w.sim, ADIT_SEC(60));
	for (int i = 0; i < 2; i++) {
		assert_true(w.peer[i].failed_at != ADIT_NEVER);
		assert_true(w.peer[i].failed_at >= ICE_PATIENCE && w.peer[i].failed_at <= ADIT_SEC(48));
		assert_int_equal(ice_agent_state(w.peer[i].agent), ICE_FAILED);
	}
	while (ice_agent_account(w.peer[0].agent, &pos, &acc)) {
		assert_int_equal(acc.state, ICE_PAIR_FAILED);
		assert_true(acc.why == ICE_WHY_SILENT || acc.why == ICE_WHY_UNREACHABLE);
		assert_int_equal(acc.sent, ICE_RC);
	}
	world_done(&w);
}

/* Shorter than any NAT of the zoo forgets: the signalling takes two minutes, the STUN mapping is kept. */
static void a_slow_description_finds_the_mapping_still_there(void **state)
{
	struct cell c = {.nat = {"home", "linux"}, .role = {ICE_CONTROLLING, ICE_CONTROLLED}, .rtt_ms = 40};
	struct world w;

	(void)state;
	world_init(&w, &c, 1);
	w.peer[0].signal_delay = w.peer[1].signal_delay = ADIT_SEC(120);
	assert_true(lab_sim_run_until(w.sim, ADIT_SEC(130), has_met, &w));
	world_done(&w);
}

/* RFC 7675 5.1 */
static void consent_lasts_while_the_peer_is_there_and_30_s_longer(void **state)
{
	struct cell c = {.nat = {"home", "linux"}, .role = {ICE_CONTROLLING, ICE_CONTROLLED}, .rtt_ms = 40, .loss = 5};
	struct world w;

	(void)state;
	world_init(&w, &c, 1);
	lab_sim_run(w.sim, ADIT_SEC(600));
	assert_true(has_met(&w));
	assert_int_equal(w.peer[0].lost_at, ADIT_NEVER);
	assert_int_equal(w.peer[1].lost_at, ADIT_NEVER);
	lab_iface_set_cut(w.iface[1], true);
	lab_sim_run(w.sim, ADIT_SEC(640));
	for (int i = 0; i < 2; i++) {
		assert_true(w.peer[i].lost_at > ADIT_SEC(620) && w.peer[i].lost_at <= ADIT_SEC(631));
		assert_int_equal(ice_agent_state(w.peer[i].agent), ICE_LOST);
	}
	world_done(&w);
}

static void a_restart_finds_a_new_path(void **state)
{
	struct cell c = {.nat = {"home", "linux"}, .role = {ICE_CONTROLLING, ICE_CONTROLLED}, .rtt_ms = 40};
	struct world w;

	(void)state;
	world_init(&w, &c, 1);
	assert_true(lab_sim_run_until(w.sim, ADIT_SEC(5), has_met, &w));
	lab_sim_run(w.sim, ADIT_SEC(20));
	sim_ice_restart(&w.peer[1]);
	lab_sim_run(w.sim, ADIT_SEC(25));
	for (int i = 0; i < 2; i++) {
		assert_true(w.peer[i].selected_at > ADIT_SEC(20));
		assert_int_equal(w.peer[i].lost_at, ADIT_NEVER);
		assert_int_equal(ice_agent_state(w.peer[i].agent), ICE_COMPLETED);
	}
	world_done(&w);
}

static void one_seed_gives_one_run(void **state)
{
	struct cell c = {.nat = {"cgn", "home"}, .role = {ICE_CONTROLLED, ICE_CONTROLLED}, .rtt_ms = 40, .loss = 10};
	uint64_t hash[3];

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct world w;

		world_init(&w, &c, 7 + (uint64_t)(i == 2));
		lab_sim_run(w.sim, ADIT_SEC(60));
		hash[i] = lab_sim_hash(w.sim);
		world_done(&w);
	}
	assert_true(hash[0] == hash[1]);
	assert_true(hash[0] != hash[2]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(endpoint_independent_nats_always_open_whatever_they_filter),
		cmocka_unit_test(ipv6_hosts_meet_through_their_firewalls),
		cmocka_unit_test(behind_a_nat64_ipv4_peers_are_reached),
		cmocka_unit_test(a_random_port_is_learnt_where_the_other_side_lets_it_in),
		cmocka_unit_test(who_signals_no_candidate_is_found_by_its_checks),
		cmocka_unit_test(roles_in_conflict_are_settled_behind_nats),
		cmocka_unit_test(a_tenth_of_all_packets_lost_costs_time_only),
		cmocka_unit_test(on_one_lan_the_host_candidates_meet),
		cmocka_unit_test(a_random_port_against_a_port_filter_fails_with_a_reason),
		cmocka_unit_test(a_slow_description_finds_the_mapping_still_there),
		cmocka_unit_test(consent_lasts_while_the_peer_is_there_and_30_s_longer),
		cmocka_unit_test(a_restart_finds_a_new_path),
		cmocka_unit_test(one_seed_gives_one_run),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
