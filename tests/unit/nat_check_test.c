#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nat_check_rig.h"

static void every_species_is_named_rightly(void **state)
{
	const struct lab_species *sp;
	size_t i;

	(void)state;
	for (i = 0; (sp = lab_species_at(i)); i++) {
		struct lab_species_config cfg;
		struct expected e;

		assert_int_equal(lab_species_parse(sp->name, &cfg, NULL), 0);
		e = expected_of(&cfg);
		for (uint64_t seed = 1; seed <= 3; seed++) {
			static struct world w;
			const struct nat_report *r;

			world_init(&w, seed, full, ARRAY_LEN(full));
			world_nat(&w, sp->name);
			r = world_run(&w);
			compare(sp->name, w.is_v6 ? &r->v6 : &r->v4, &e);
			assert_true(w.took < ADIT_SEC(20));
			world_done(&w);
		}
	}
	assert_true(i > 30);
}

/* --- servers --- */

static const struct nat_report *ask_servers(struct world *w, const char *species, const enum stun_lab_manner *manners,
					    size_t n)
{
	world_init(w, 11, manners, n);
	if (species)
		world_nat(w, species);
	else
		world_public(w);
	return world_run(w);
}

static void a_public_host_is_open_and_one_behind_a_firewall_is_not(void **state)
{
	static struct world w;
	const struct nat_report *r = ask_servers(&w, NULL, full, ARRAY_LEN(full));

	(void)state;
	assert_int_equal(r->v4.translated, NAT_NO);
	assert_int_equal(r->v4.filtering, NAT_DEP_NONE);
	assert_int_equal(r->v4.kind, NAT_KIND_OPEN);
	assert_int_equal(r->v4.nats, 0);
	assert_int_equal(r->v4.n_public, 1);
	assert_true(adit_addr_eq_ip(&r->v4.public[0].ip, &r->v4.local));
	assert_int_equal(r->v6.asked, 0);
	assert_int_equal(r->v6.kind, NAT_KIND_UNKNOWN);
	assert_true(w.took < ADIT_SEC(1)); /* nothing is lost, so nothing is waited for */
	world_done(&w);
}

/* Several plain servers are enough for the mapping and the ports; filtering stays unknown, and is said so. */
static void plain_servers_tell_mapping_and_ports_but_not_filtering(void **state)
{
	static const struct {
		const char *species;
		enum nat_dep mapping;
		enum nat_kind kind;
	} cases[] = {
		{"home", NAT_DEP_NONE, NAT_KIND_STEADY},
		{"full-cone", NAT_DEP_NONE, NAT_KIND_STEADY}, /* that it is open nobody could show */
		{"symmetric-random", NAT_DEP_SOME, NAT_KIND_RANDOM},
		{"symmetric-sequential", NAT_DEP_SOME, NAT_KIND_SEQUENTIAL},
		{"cgn-block-symmetric", NAT_DEP_SOME, NAT_KIND_BLOCK},
		{"linux-random", NAT_DEP_SOME, NAT_KIND_RANDOM},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		static struct world w;
		const struct nat_report *r = ask_servers(&w, cases[i].species, plain, ARRAY_LEN(plain));

		same(cases[i].species, "mapping", nat_dep_name(r->v4.mapping), nat_dep_name(cases[i].mapping));
		same(cases[i].species, "filtering", nat_dep_name(r->v4.filtering), "unknown");
		same(cases[i].species, "kind", nat_kind_name(r->v4.kind), nat_kind_name(cases[i].kind));
		world_done(&w);
	}
}

static void one_plain_server_is_not_enough_for_the_mapping(void **state)
{
	static struct world w;
	const struct nat_report *r = ask_servers(&w, "symmetric-random", plain, 1);

	(void)state;
	assert_int_equal(r->v4.mapping, NAT_DEP_UNKNOWN);
	assert_int_equal(r->v4.kind, NAT_KIND_UNKNOWN);
	assert_int_equal(r->v4.translated, NAT_YES);
	assert_int_equal(r->v4.ports.kind, NAT_PORT_RANDOM);
	assert_int_equal(r->v4.public[0].named_by, 1);
	world_done(&w);
}

/* Liars among honest ones: each is left out under its name, and the result is the same as without it. */
static void servers_that_lie_are_named_and_left_out(void **state)
{
	static const struct {
		enum stun_lab_manner manner;
		enum nat_server_state said;
	} liars[] = {
		{STUN_LAB_LIES_IP, NAT_SERVER_ALONE},
		{STUN_LAB_LIES_PORT, NAT_SERVER_ALONE},
		{STUN_LAB_LIES_PRIVATE, NAT_SERVER_NONSENSE},
		{STUN_LAB_LIES_ZERO, NAT_SERVER_ERROR},
	};
	static const char *const species[] = {"home", "full-cone", "cgn", "linux", "home-random"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(liars); i++) {
		for (size_t k = 0; k < ARRAY_LEN(species); k++) {
			for (unsigned place = 0; place < 3; place++) {
				enum stun_lab_manner manners[] = {STUN_LAB_TWIN, STUN_LAB_PLAIN, STUN_LAB_PLAIN,
								  STUN_LAB_PLAIN};
				struct lab_species_config cfg;
				static struct world w;
				const struct nat_report *r;
				struct expected e;

				manners[1 + place] = liars[i].manner;
				r = ask_servers(&w, species[k], manners, 4);
				assert_int_equal(lab_species_parse(species[k], &cfg, NULL), 0);
				e = expected_of(&cfg);
				compare(species[k], &r->v4, &e);
				for (unsigned n = 0; n < 4; n++)
					assert_int_equal(r->server[n].state,
							 n == 1 + place ? liars[i].said : NAT_SERVER_GOOD);
				assert_int_equal(r->v4.n_public, 1);
				assert_int_equal(r->v4.public[0].named_by, 3);
				assert_int_equal(r->v4.honest, 3);
				world_done(&w);
			}
		}
	}
}

/* Behind a symmetric NAT a wrong port cannot be told from a right one, a wrong address can. */
static void a_wrong_address_is_caught_behind_a_symmetric_nat_too(void **state)
{
	static const enum stun_lab_manner manners[] = {STUN_LAB_PLAIN, STUN_LAB_PLAIN, STUN_LAB_LIES_IP};
	static struct world w;
	const struct nat_report *r = ask_servers(&w, "symmetric-random", manners, 3);

	(void)state;
	assert_int_equal(r->server[2].state, NAT_SERVER_ALONE);
	assert_int_equal(r->v4.n_public, 1);
	assert_int_equal(r->v4.kind, NAT_KIND_RANDOM);
	world_done(&w);
}

/* One word against another: nobody is accused, and each address says how few named it. */
static void of_two_that_disagree_none_is_accused(void **state)
{
	static const enum stun_lab_manner manners[] = {STUN_LAB_PLAIN, STUN_LAB_LIES_IP};
	static struct world w;
	const struct nat_report *r = ask_servers(&w, "home", manners, 2);

	(void)state;
	assert_int_equal(r->server[0].state, NAT_SERVER_GOOD);
	assert_int_equal(r->server[1].state, NAT_SERVER_GOOD);
	assert_int_equal(r->v4.n_public, 2);
	assert_int_equal(r->v4.public[0].named_by, 1);
	assert_int_equal(r->v4.public[1].named_by, 1);
	assert_true(r->v4.several);
	world_done(&w);
}

static void a_pool_of_addresses_is_no_lie(void **state)
{
	static const enum stun_lab_manner manners[] = {STUN_LAB_TWIN, STUN_LAB_PLAIN, STUN_LAB_PLAIN, STUN_LAB_PLAIN};

	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		static struct world w;
		const struct nat_report *r;

		world_init(&w, seed, manners, 4);
		world_nat(&w, "mobile-pool");
		r = world_run(&w);
		for (size_t i = 0; i < 4; i++)
			assert_int_equal(r->server[i].state, NAT_SERVER_GOOD);
		assert_true(r->v4.several);
		assert_int_equal(r->v4.kind, NAT_KIND_RANDOM);
		world_done(&w);
	}
}

static void dead_servers_are_named_and_the_rest_decides(void **state)
{
	static const enum stun_lab_manner manners[] = {STUN_LAB_DEAD, STUN_LAB_TWIN, STUN_LAB_REFUSES, STUN_LAB_OLD};
	static struct world w;
	const struct nat_report *r = ask_servers(&w, "home", manners, 4);

	(void)state;
	assert_int_equal(r->server[0].state, NAT_SERVER_DEAD);
	assert_int_equal(r->server[1].state, NAT_SERVER_GOOD);
	assert_int_equal(r->server[2].state, NAT_SERVER_ERROR);
	assert_int_equal(r->server[2].code, 500);
	assert_int_equal(r->server[3].state, NAT_SERVER_GOOD); /* RFC 3489 is good enough */
	assert_int_equal(r->v4.kind, NAT_KIND_STEADY);
	assert_int_equal(r->v4.filtering, NAT_DEP_PORT);
	assert_int_equal(r->v4.answered, 3);
	assert_int_equal(r->v4.honest, 2);
	assert_true(w.took < ADIT_SEC(12));
	world_done(&w);
}

/* A second address that does not answer, or is not used, would make every NAT look strict. */
static void a_second_address_that_is_not_there_proves_nothing(void **state)
{
	static const enum stun_lab_manner manners[] = {STUN_LAB_DEAF_TWIN, STUN_LAB_STUBBORN};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(manners); i++) {
		enum stun_lab_manner both[] = {manners[i], STUN_LAB_TWIN};
		static struct world w;
		const struct nat_report *r = ask_servers(&w, "full-cone", &manners[i], 1);

		assert_int_equal(r->server[0].discovery, NAT_NO);
		assert_int_equal(r->v4.filtering, NAT_DEP_UNKNOWN);
		world_done(&w);
		r = ask_servers(&w, "full-cone", both, 2);
		assert_int_equal(r->server[1].discovery, NAT_YES);
		assert_int_equal(r->v4.filtering, NAT_DEP_NONE);
		world_done(&w);
	}
}

static void nothing_answers(void **state)
{
	static const enum stun_lab_manner dead[] = {STUN_LAB_DEAD, STUN_LAB_DEAD};
	static struct world w;
	const struct nat_report *r = ask_servers(&w, "home", dead, 2);

	(void)state;
	assert_int_equal(r->v4.answered, 0);
	assert_int_equal(r->v4.kind, NAT_KIND_BLOCKED);
	assert_int_equal(nat_view_is_blocked(&r->v4), NAT_YES);
	assert_false(r->v4.refused);
	assert_true(w.took < ADIT_SEC(6));
	world_done(&w);
	/* A single one may as well be dead. */
	r = ask_servers(&w, "home", dead, 1);
	assert_int_equal(r->v4.answered, 0);
	assert_int_equal(r->v4.silent, 1);
	assert_int_equal(r->v4.kind, NAT_KIND_UNKNOWN);
	assert_int_equal(nat_view_is_blocked(&r->v4), NAT_UNKNOWN);
	world_done(&w);
	/* The way out is refused aloud: that is said at once, and by whom. */
	r = ask_servers(&w, "corporate-web", full, ARRAY_LEN(full));
	assert_int_equal(r->v4.kind, NAT_KIND_BLOCKED);
	assert_true(r->v4.refused);
	assert_int_equal(r->v4.refused_by.ip[0], 192);
	assert_true(w.took < ADIT_SEC(1));
	world_done(&w);
}

/* Two ports of one host are one server; and where a host says itself that nobody is there, UDP gets that far. */
static void silence_of_one_host_is_not_that_udp_is_blocked(void **state)
{
	static const enum stun_lab_manner dead[] = {STUN_LAB_DEAD, STUN_LAB_DEAD, STUN_LAB_DEAD};
	static struct world w;
	const struct nat_report *r;

	(void)state;
	world_init(&w, 6, dead, 2);
	world_nat(&w, "home");
	w.cfg.server[1] = adit_addr_with_port(w.cfg.server[0], STUN_LAB_PORT + 1);
	r = world_run(&w);
	assert_int_equal(r->v4.asked, 2);
	assert_int_equal(r->v4.silent, 1);
	assert_int_equal(r->v4.kind, NAT_KIND_UNKNOWN);
	world_done(&w);
	world_init(&w, 6, dead, 3);
	world_nat(&w, "home");
	w.cfg.server[2].port = STUN_LAB_PORT + 7; /* closed */
	r = world_run(&w);
	assert_int_equal(r->server[2].state, NAT_SERVER_REFUSED);
	assert_false(r->v4.refused);
	assert_int_equal(r->v4.silent, 0);
	assert_int_equal(r->v4.kind, NAT_KIND_UNKNOWN);
	world_done(&w);
	/* A router's refusal is enough. */
	r = ask_servers(&w, "corporate-web", dead, 1);
	assert_true(r->v4.refused);
	assert_int_equal(r->v4.kind, NAT_KIND_BLOCKED);
	world_done(&w);
}

static void without_servers_it_is_done_at_once(void **state)
{
	static struct world w;

	(void)state;
	world_init(&w, 1, NULL, 0);
	world_public(&w);
	assert_true(world_run(&w)->is_final);
	world_done(&w);
}

static void loss_and_late_timers_do_not_change_the_result(void **state)
{
	static const char *const species[] = {"home", "symmetric-random", "symmetric-step2", "cgn-block-symmetric",
					      "full-cone"};
	unsigned wrong = 0;
	unsigned n = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(species); i++) {
		for (uint64_t seed = 1; seed <= 20; seed++, n++) {
			struct lab_link_config lossy = way;
			struct lab_species_config cfg;
			static struct world w;
			struct expected e;

			lossy.loss_ppm = 50000; /* 10 % there and back */
			world_init(&w, seed, full, ARRAY_LEN(full));
			world_nat(&w, species[i]);
			lab_net_set_core(w.internet, &lossy);
			lab_host_set_lateness(w.host, ADIT_MS(3));
			assert_int_equal(lab_species_parse(species[i], &cfg, NULL), 0);
			e = expected_of(&cfg);
			wrong += world_run(&w)->v4.kind != e.kind;
			world_done(&w);
		}
	}
	assert_int_equal(n, 100);
	if (wrong > 2)
		fail_msg("%u of %u were named wrongly", wrong, n);
}

/* --- details of some species --- */

static void steps_and_blocks_are_measured(void **state)
{
	static const struct {
		const char *species;
		int step;
	} steps[] = {
		{"symmetric-sequential", 1}, {"symmetric-step2", 2}, {"symmetric-down", -1}, {"symmetric-busy", 1}};
	static const struct {
		const char *species;
		unsigned min;
		unsigned max;
	} blocks[] = {{"cgn-block", 512, 2048}, {"cgn-block-symmetric", 1024, 2048}, {"cloud-gcp", 64, 128}};
	static struct world w;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		const struct nat_report *r = ask_servers(&w, steps[i].species, full, ARRAY_LEN(full));

		assert_int_equal(r->v4.ports.step, steps[i].step);
		if (strcmp(steps[i].species, "symmetric-busy") == 0)
			assert_in_range(r->v4.ports.foreign, 5, 120); /* 35, in a tenth of a second */
		else
			assert_int_equal(r->v4.ports.foreign, 0);
		world_done(&w);
	}
	for (size_t i = 0; i < ARRAY_LEN(blocks); i++) {
		const struct nat_report *r = ask_servers(&w, blocks[i].species, full, ARRAY_LEN(full));

		if (r->v4.ports.block < blocks[i].min || r->v4.ports.block > blocks[i].max)
			fail_msg("%s: a block of %u", blocks[i].species, r->v4.ports.block);
		world_done(&w);
	}
}

static void the_low_ttl_leaves_the_own_router(void **state)
{
	static struct world w;
	const struct nat_report *r = ask_servers(&w, "home", full, ARRAY_LEN(full));

	(void)state;
	assert_int_equal(r->v4.ttl_known, NAT_YES);
	assert_int_equal(r->v4.low_ttl, 2);
	assert_int_equal(r->v4.n_hops, 1);
	assert_int_equal(r->v4.nats, 1);
	assert_false(r->v4.carrier);
	world_done(&w);
	r = ask_servers(&w, "home-cheap", full, ARRAY_LEN(full)); /* says nothing when a TTL ends */
	assert_int_equal(r->v4.ttl_known, NAT_NO);
	assert_int_equal(r->v4.low_ttl, 0);
	world_done(&w);
}

/* 192.168.1.2 -- home -- 100.64.0.0/10 -- carrier -- Internet */
static void the_carriers_nat_is_counted(void **state)
{
	static const char *const carriers[] = {"cgn", "cgn-block", "mobile-symmetric"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(carriers); i++) {
		struct lab_site home = {.lan = adit_addr_v4(192, 168, 1, 1, 0), .wan_count = 1, .seed = 3};
		struct lab_site cgn = {.lan = adit_addr_v4(100, 64, 0, 1, 0), .wan_count = 1, .seed = 4};
		struct adit_addr own = adit_addr_v4(192, 168, 1, 2, 0);
		const struct nat_report *r;
		struct lab_net *access;
		struct lab_nat *nat[2];
		static struct world w;

		world_init(&w, 5, full, ARRAY_LEN(full));
		access = lab_net_new(w.sim, NULL);
		home.wan[0] = adit_addr_v4(100, 64, 7, 7, 0);
		cgn.wan[0] = adit_addr_v4(203, 0, 113, 9, 0);
		assert_int_equal(lab_species_make("home", &home, &nat[0], NULL), 0);
		assert_int_equal(lab_species_make(carriers[i], &cgn, &nat[1], NULL), 0);
		assert_non_null(lab_host_attach(w.host, w.home, &own, NULL));
		assert_non_null(lab_router_new(w.sim, nat[0], w.home, &home.lan, access, &home.wan[0], NULL));
		assert_non_null(lab_router_new(w.sim, nat[1], access, &cgn.lan, w.internet, &cgn.wan[0], NULL));
		r = world_run(&w);
		assert_int_equal(r->v4.nats, 2);
		assert_true(r->v4.carrier);
		assert_int_equal(r->v4.low_ttl, 3);
		assert_int_equal(r->v4.n_hops, 2);
		assert_int_equal(r->v4.kind, i == 2 ? NAT_KIND_RANDOM : NAT_KIND_STEADY); /* home filters by port */
		world_done(&w);
	}
}

/* --- how long a mapping lives --- */

static void the_timeout_is_found(void **state)
{
	static const struct {
		const char *species;
		unsigned low_s; /* the found bracket lies between these */
		unsigned high_s;
	} cases[] = {
		{"home-cheap", 26, 34},       {"cgn-block", 31, 39}, {"linux", 112, 128}, {"home", 170, 190},
		{"symmetric-random", 55, 65}, {"cloud-gcp", 26, 34}, {"mobile", 53, 64},  {"bsd-pf", 55, 65},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		static struct world w;
		const struct nat_view *v;

		world_init(&w, 21 + i, full, ARRAY_LEN(full));
		world_nat(&w, cases[i].species);
		w.cfg.lifetime = true;
		v = &world_run(&w)->v4;
		if (v->life != NAT_LIFE_BETWEEN || v->life_low < ADIT_SEC(cases[i].low_s) ||
		    v->life_high > ADIT_SEC(cases[i].high_s))
			fail_msg("%s: %s, %u to %u ms", cases[i].species, nat_life_name(v->life),
				 (unsigned)(v->life_low / ADIT_MS(1)), (unsigned)(v->life_high / ADIT_MS(1)));
		assert_true(w.took < ADIT_SEC(420));
		world_done(&w);
	}
}

static void a_timeout_beyond_the_longest_wait_is_longer(void **state)
{
	static struct world w;
	const struct nat_view *v;

	(void)state;
	world_init(&w, 3, full, ARRAY_LEN(full));
	world_nat(&w, "cloud-aws");
	w.cfg.lifetime = true;
	w.cfg.life_max = ADIT_SEC(60);
	v = &world_run(&w)->v4;
	assert_int_equal(v->life, NAT_LIFE_LONGER);
	assert_true(v->life_low == ADIT_SEC(58));
	assert_true(w.took < ADIT_SEC(80));
	world_done(&w);
}

/* As many questions as there are: eight servers, two of them twins, a row of routers, and every age lives. */
static void with_many_servers_and_routers_every_age_is_tried(void **state)
{
	static const enum stun_lab_manner manners[] = {STUN_LAB_TWIN,  STUN_LAB_TWIN,  STUN_LAB_PLAIN, STUN_LAB_PLAIN,
						       STUN_LAB_PLAIN, STUN_LAB_PLAIN, STUN_LAB_PLAIN, STUN_LAB_PLAIN};
	enum { ROUTERS = 6 };
	struct adit_addr own = adit_addr_v4(10, 0, 0, 2, 0);
	static struct world w;
	const struct nat_view *v;
	struct lab_net *inside;

	(void)state;
	world_init(&w, 3, manners, ARRAY_LEN(manners));
	assert_non_null(lab_host_attach(w.host, w.home, &own, NULL));
	inside = w.home;
	for (uint8_t i = 0; i < ROUTERS; i++) {
		struct lab_net *outside = i + 1 < ROUTERS ? lab_net_new(w.sim, NULL) : w.internet;
		struct lab_site site = {.lan = adit_addr_v4(10, i, 0, 1, 0), .wan_count = 1, .seed = 3};
		struct lab_nat *nat;

		site.wan[0] =
			i + 1 < ROUTERS ? adit_addr_v4(10, (uint8_t)(i + 1), 0, 2, 0) : adit_addr_v4(203, 0, 113, 9, 0);
		assert_int_equal(lab_species_make("cloud-aws", &site, &nat, NULL), 0);
		assert_non_null(lab_router_new(w.sim, nat, inside, &site.lan, outside, &site.wan[0], NULL));
		inside = outside;
	}
	w.cfg.lifetime = true;
	v = &world_run(&w)->v4;
	assert_int_equal(v->n_hops, ROUTERS);
	assert_int_equal(v->life, NAT_LIFE_LONGER);
	assert_int_equal(v->life_low / ADIT_SEC(1), 305);
	world_done(&w);
}

/* Without RESPONSE-PORT the socket asks again: that tells where ports are not kept, and nothing where they are. */
static void without_response_port_random_ports_still_tell_the_timeout(void **state)
{
	static const enum stun_lab_manner manners[] = {STUN_LAB_NO_RESPONSE_PORT, STUN_LAB_PLAIN};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		static struct world w;
		const struct nat_view *v;

		world_init(&w, 8, manners, 2);
		world_nat(&w, i == 0 ? "symmetric-random" : "home");
		w.cfg.lifetime = true;
		v = &world_run(&w)->v4;
		assert_int_equal(v->life, i == 0 ? NAT_LIFE_BETWEEN : NAT_LIFE_UNKNOWN);
		if (i == 0)
			assert_in_range(v->life_low / ADIT_SEC(1), 50, 60);
		else
			assert_true(w.took < ADIT_SEC(30));
		world_done(&w);
	}
}

/* The mapping of the second age is idle, and it is not known yet that nobody knocks. */
static bool is_waiting_idle(void *ctx)
{
	struct world *w = ctx;
	const struct nat_lives *l = &w->check.scan[0].lives;

	return l->n > 1 && l->knocks && l->point[1].idle_at > 0;
}

/* One socket of the search fails while it waits: the others find the time-out, or the end. */
static void a_socket_that_fails_while_it_is_idle_does_not_hold_up_the_check(void **state)
{
	static const enum stun_lab_manner manners[] = {STUN_LAB_NO_RESPONSE_PORT, STUN_LAB_PLAIN};

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		static struct world w;
		const struct nat_lives *l = &w.check.scan[0].lives;
		const struct nat_view *v;
		struct lab_machine *m;

		world_init(&w, 8, i & 1 ? full : manners, 2);
		world_nat(&w, "symmetric-random");
		w.cfg.lifetime = true;
		nat_check_init(&w.check, lab_host_now(w.host), &w.cfg);
		m = lab_machine_new(w.host, &nat_check_ops, &w.check, NULL, NULL);
		assert_non_null(m);
		assert_true(lab_sim_run_until(w.sim, ADIT_SEC(60), is_waiting_idle, &w));
		nat_check_sock_failed(&w.check, lab_host_now(w.host), i & 2 ? l->knocker : l->point[1].sock);
		lab_machine_wake(m);
		assert_true(lab_sim_run_until(w.sim, ADIT_SEC(1200), is_done, &w));
		v = &nat_check_report(&w.check)->v4;
		assert_int_equal(v->life, i & 2 ? NAT_LIFE_UNKNOWN : NAT_LIFE_BETWEEN);
		if (v->life == NAT_LIFE_BETWEEN)
			assert_in_range(v->life_low / ADIT_SEC(1), 50, 60);
		world_done(&w);
	}
}

/* A check whose sockets |fail_from| to |fail_to| cannot be opened. */
static struct {
	struct world w;
	unsigned fail_from;
	unsigned fail_to;
} scarce;

static void scarce_input(void *self, adit_time now, const struct adit_dgram *d)
{
	(void)self;
	nat_check_input(&scarce.w.check, now, d);
}

static void scarce_icmp(void *self, adit_time now, const struct adit_icmp *icmp)
{
	(void)self;
	nat_check_icmp(&scarce.w.check, now, icmp);
}

static void scarce_tick(void *self, adit_time now)
{
	(void)self;
	nat_check_tick(&scarce.w.check, now);
}

static adit_time scarce_deadline(const void *self)
{
	(void)self;
	return nat_check_deadline(&scarce.w.check);
}

static int scarce_output(void *self, adit_time now, struct adit_out *ret_out)
{
	(void)self;
	while (nat_check_output(&scarce.w.check, now, ret_out)) {
		if (ret_out->kind != ADIT_OUT_OPEN || ret_out->sock < scarce.fail_from ||
		    ret_out->sock > scarce.fail_to)
			return 1;
		nat_check_sock_failed(&scarce.w.check, now, ret_out->sock);
	}
	return 0;
}

/* Out of descriptors: one socket, or all from there on, is not to be had. The last one is that of the TTL. */
static void sockets_that_cannot_be_opened_do_not_hold_up_the_check(void **state)
{
	static const struct adit_machine_ops ops = {.input = scarce_input,
						    .icmp = scarce_icmp,
						    .tick = scarce_tick,
						    .deadline = scarce_deadline,
						    .output = scarce_output};
	struct world *w = &scarce.w;

	(void)state;
	for (unsigned i = 0; i < 2 * NAT_CHECK_SOCKS; i++) {
		scarce.fail_from = i / 2;
		scarce.fail_to = i & 1 ? NAT_CHECK_SOCKS : i / 2;
		world_init(w, 4, full, ARRAY_LEN(full));
		world_nat(w, "home");
		nat_check_init(&w->check, lab_host_now(w->host), &w->cfg);
		assert_non_null(lab_machine_new(w->host, &ops, w, NULL, NULL));
		if (!is_done(w) && !lab_sim_run_until(w->sim, ADIT_SEC(30), is_done, w))
			fail_msg("it hangs without the sockets %u to %u", scarce.fail_from, scarce.fail_to);
		assert_true(nat_check_deadline(&w->check) == ADIT_NEVER);
		world_done(w);
	}
}

static void it_can_be_stopped_at_any_time(void **state)
{
	(void)state;
	for (unsigned ms = 0; ms < 9000; ms += 333) {
		static struct world w;
		struct lab_machine *m;

		world_init(&w, ms + 1, full, ARRAY_LEN(full));
		world_nat(&w, "home");
		nat_check_init(&w.check, lab_host_now(w.host), &w.cfg);
		m = lab_machine_new(w.host, &nat_check_ops, &w.check, NULL, NULL);
		lab_sim_run(w.sim, ADIT_MS(ms));
		nat_check_stop(&w.check);
		lab_machine_wake(m);
		assert_true(nat_check_is_done(&w.check));
		assert_true(nat_check_report(&w.check)->is_final);
		assert_int_equal(lab_machine_socks(m), 0);
		lab_sim_run(w.sim, ADIT_SEC(20));
		assert_true(nat_check_deadline(&w.check) == ADIT_NEVER);
		world_done(&w);
	}
}

static void the_table_of_pairs_is_the_designs(void **state)
{
	(void)state;
	assert_int_equal(nat_kind_way(NAT_KIND_OPEN, NAT_KIND_OPEN), NAT_WAY_DIRECT);
	assert_int_equal(nat_kind_way(NAT_KIND_RANDOM, NAT_KIND_OPEN), NAT_WAY_REVERSAL);
	assert_int_equal(nat_kind_way(NAT_KIND_STEADY, NAT_KIND_STEADY), NAT_WAY_PUNCH);
	assert_int_equal(nat_kind_way(NAT_KIND_STEADY, NAT_KIND_SEQUENTIAL), NAT_WAY_PREDICT);
	assert_int_equal(nat_kind_way(NAT_KIND_BLOCK, NAT_KIND_STEADY), NAT_WAY_BLOCK);
	assert_int_equal(nat_kind_way(NAT_KIND_STEADY, NAT_KIND_RANDOM), NAT_WAY_BIRTHDAY);
	assert_int_equal(nat_kind_way(NAT_KIND_RANDOM, NAT_KIND_SEQUENTIAL), NAT_WAY_SEARCH);
	assert_int_equal(nat_kind_way(NAT_KIND_RANDOM, NAT_KIND_RANDOM), NAT_WAY_RELAY);
	assert_int_equal(nat_kind_way(NAT_KIND_OPEN, NAT_KIND_BLOCKED), NAT_WAY_RELAY);
	assert_int_equal(nat_kind_way(NAT_KIND_OPEN, NAT_KIND_UNKNOWN), NAT_WAY_UNKNOWN);
	for (int a = NAT_KIND_UNKNOWN; a <= NAT_KIND_BLOCKED; a++)
		for (int b = NAT_KIND_UNKNOWN; b <= NAT_KIND_BLOCKED; b++)
			assert_int_equal(nat_kind_way((enum nat_kind)a, (enum nat_kind)b),
					 nat_kind_way((enum nat_kind)b, (enum nat_kind)a));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_public_host_is_open_and_one_behind_a_firewall_is_not),
		cmocka_unit_test(plain_servers_tell_mapping_and_ports_but_not_filtering),
		cmocka_unit_test(one_plain_server_is_not_enough_for_the_mapping),
		cmocka_unit_test(servers_that_lie_are_named_and_left_out),
		cmocka_unit_test(a_wrong_address_is_caught_behind_a_symmetric_nat_too),
		cmocka_unit_test(of_two_that_disagree_none_is_accused),
		cmocka_unit_test(a_pool_of_addresses_is_no_lie),
		cmocka_unit_test(dead_servers_are_named_and_the_rest_decides),
		cmocka_unit_test(a_second_address_that_is_not_there_proves_nothing),
		cmocka_unit_test(nothing_answers),
		cmocka_unit_test(silence_of_one_host_is_not_that_udp_is_blocked),
		cmocka_unit_test(without_servers_it_is_done_at_once),
		cmocka_unit_test(loss_and_late_timers_do_not_change_the_result),
		cmocka_unit_test(steps_and_blocks_are_measured),
		cmocka_unit_test(the_low_ttl_leaves_the_own_router),
		cmocka_unit_test(the_carriers_nat_is_counted),
		cmocka_unit_test(the_timeout_is_found),
		cmocka_unit_test(a_timeout_beyond_the_longest_wait_is_longer),
		cmocka_unit_test(with_many_servers_and_routers_every_age_is_tried),
		cmocka_unit_test(without_response_port_random_ports_still_tell_the_timeout),
		cmocka_unit_test(a_socket_that_fails_while_it_is_idle_does_not_hold_up_the_check),
		cmocka_unit_test(sockets_that_cannot_be_opened_do_not_hold_up_the_check),
		cmocka_unit_test(it_can_be_stopped_at_any_time),
		cmocka_unit_test(the_table_of_pairs_is_the_designs),
		cmocka_unit_test(every_species_is_named_rightly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
