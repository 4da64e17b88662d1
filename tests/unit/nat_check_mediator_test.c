/* `adit check` asks an adit mediator: what only the two of them have agreed on. */
#include "test.h"

#include <stdlib.h>

#include "nat_check_rig.h"

/* The first server is an adit mediator, with the limits of one. To be freed. */
static struct stun_server *world_minds(struct world *w)
{
	struct stun_server *mind = malloc(sizeof(*mind));
	struct stun_server_config cfg = {.rng = w->rng, .rate = STUN_SERVER_RATE};

	assert_non_null(mind);
	stun_server_init(mind, lab_host_now(w->server[0].host), &cfg);
	w->server[0].mind = mind;
	return mind;
}

/* Somebody of the same network has asked before, and nothing without a proof is answered from elsewhere any more. */
static void drain_changes(struct world *w, struct stun_server *mind)
{
	for (uint8_t net = 0; net < 2; net++) {
		struct adit_addr a = adit_addr_v4(203, 0, 113, 10, 1);
		static const uint8_t wan6[16] = {0x20, 0x01, 0x0d, 0xb8, 0, 0x99, [15] = 1};
		static const uint8_t lan6[16] = {0x20, 0x01, 0x0d, 0xb8, 0, 0x10, [15] = 2};

		if (w->is_v6)
			a = adit_addr_v6(net ? wan6 : lan6, 1);
		while (stun_limit_take(&mind->change_limit, lab_host_now(w->server[0].host), &a))
			;
	}
}

/* The cookie counts here: without it answers from elsewhere would be held back, and look filtered. */
static void a_mediator_tells_all_of_every_species_to_who_returns_its_cookie(void **state)
{
	const struct lab_species *sp;

	(void)state;
	for (size_t i = 0; (sp = lab_species_at(i)); i++) {
		struct lab_species_config cfg;
		const struct nat_report *r;
		struct stun_server *mind;
		static struct world w;
		struct expected e;

		assert_int_equal(lab_species_parse(sp->name, &cfg, NULL), 0);
		e = expected_of(&cfg);
		world_init(&w, 1, full, ARRAY_LEN(full));
		world_nat(&w, sp->name);
		mind = world_minds(&w);
		drain_changes(&w, mind);
		r = world_run(&w);
		compare(sp->name, w.is_v6 ? &r->v6 : &r->v4, &e);
		/* The proof is for one address: with a pool of them some questions wait for their second. */
		if (!(w.is_v6 ? r->v6 : r->v4).several && mind->stats.limited != 0)
			fail_msg("%s: %u answers were held back", sp->name, (unsigned)mind->stats.limited);
		if (e.kind != NAT_KIND_BLOCKED)
			assert_true(mind->stats.changed > 0);
		world_done(&w);
		free(mind);
	}
}

/* One address and no other server: its second port tells what depends on ports, and nothing more is claimed. */
static void a_mediator_with_one_address_tells_what_depends_on_ports(void **state)
{
	static const struct {
		const char *species;
		enum nat_dep mapping;
		enum nat_dep filtering;
		enum nat_kind kind;
	} cases[] = {
		{"home", NAT_DEP_UNKNOWN, NAT_DEP_PORT, NAT_KIND_STEADY}, /* ports are kept, so it is steady */
		{"linux", NAT_DEP_UNKNOWN, NAT_DEP_PORT, NAT_KIND_STEADY},
		{"restricted-cone", NAT_DEP_UNKNOWN, NAT_DEP_UNKNOWN, NAT_KIND_STEADY},
		{"full-cone", NAT_DEP_UNKNOWN, NAT_DEP_UNKNOWN, NAT_KIND_STEADY},
		{"symmetric-random", NAT_DEP_PORT, NAT_DEP_PORT, NAT_KIND_RANDOM},
		{"symmetric-sequential", NAT_DEP_PORT, NAT_DEP_PORT, NAT_KIND_SEQUENTIAL},
		{"linux-random", NAT_DEP_PORT, NAT_DEP_PORT, NAT_KIND_RANDOM},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct nat_report *r;
		struct stun_server *mind;
		static struct world w;

		world_init(&w, 3, plain, 1);
		world_nat(&w, cases[i].species);
		mind = world_minds(&w);
		drain_changes(&w, mind);
		r = world_run(&w);
		same(cases[i].species, "mapping", nat_dep_name(r->v4.mapping), nat_dep_name(cases[i].mapping));
		same(cases[i].species, "filtering", nat_dep_name(r->v4.filtering), nat_dep_name(cases[i].filtering));
		same(cases[i].species, "kind", nat_kind_name(r->v4.kind), nat_kind_name(cases[i].kind));
		assert_int_equal(mind->stats.limited, 0);
		world_done(&w);
		free(mind);
	}
}

/* Minutes later the first cookie is no good any more: newer ones have come meanwhile. */
static void a_mediator_with_one_address_knocks_for_the_timeout(void **state)
{
	struct stun_server *mind;
	const struct nat_report *r;
	static struct world w;

	(void)state;
	world_init(&w, 5, plain, 1);
	w.cfg.lifetime = true;
	world_nat(&w, "linux");
	mind = world_minds(&w);
	drain_changes(&w, mind);
	r = world_run(&w);
	assert_int_equal(r->v4.life, NAT_LIFE_BETWEEN);
	assert_true(r->v4.life_low <= ADIT_SEC(120) && r->v4.life_high >= ADIT_SEC(120));
	assert_int_equal(mind->stats.limited, 0);
	world_done(&w);
	free(mind);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_mediator_tells_all_of_every_species_to_who_returns_its_cookie),
		cmocka_unit_test(a_mediator_with_one_address_tells_what_depends_on_ports),
		cmocka_unit_test(a_mediator_with_one_address_knocks_for_the_timeout),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
