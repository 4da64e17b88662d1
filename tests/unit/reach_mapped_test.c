#include "test.h"

#include "core/reach/reach_int.h"
#include "reach_rig.h"

#define MAPPED_PORT 23456

/* The router of |p| forwards |outside| to |inside|, whoever sends: rig_in() asks this table, too. */
static void forward(struct rig_peer *p, uint16_t outside, uint16_t inside)
{
	p->forward_outside = outside;
	p->forward_inside = inside;
}

static struct reach_mapping mapping(const struct rig_peer *p, uint16_t outside)
{
	return (struct reach_mapping){.port = MAPPED_PORT, .external = adit_addr_with_port(p->outside, outside)};
}

static struct rig *two(enum rig_nat serve, enum rig_nat connect, struct rig_peer **ret_serve,
		       struct rig_peer **ret_connect)
{
	struct rig *r = rig_new(2);

	*ret_serve = rig_peer(r, MEET_SERVE, serve, ADIT_MS(10));
	*ret_connect = rig_peer(r, MEET_CONNECT, connect, ADIT_MS(10));
	return r;
}

static void a_mapping_that_works_is_proven_by_a_server_within_seconds(void **state)
{
	struct rig_peer *s, *c;
	struct rig *r = two(RIG_NAT_RANDOM, RIG_NAT_RANDOM, &s, &c);
	struct reach_mapping m = mapping(s, 4500);

	(void)state;
	forward(s, 4500, MAPPED_PORT);
	reach_start(s->reach, r->now);
	reach_set_mapped(s->reach, r->now, ADIT_FAMILY_V4, &m);
	assert_true(rig_until(r, s, REACH_EVENT_MAPPED, 1, ADIT_SEC(5)));
	assert_true(s->last[REACH_EVENT_MAPPED].works);
	assert_true(adit_addr_eq(&s->last[REACH_EVENT_MAPPED].mapped, &m.external));
	/* It is tried again and again, and told once. */
	rig_run(r, ADIT_SEC(1000));
	assert_int_equal(s->count[REACH_EVENT_MAPPED], 1);
	rig_free(r);
}

static void a_mapping_that_forwards_nothing_is_told_as_dead(void **state)
{
	struct rig_peer *s, *c;
	struct rig *r = two(RIG_NAT_STEADY, RIG_NAT_STEADY, &s, &c);
	struct reach_mapping m = mapping(s, 4500);

	(void)state;
	reach_start(s->reach, r->now);
	reach_set_mapped(s->reach, r->now, ADIT_FAMILY_V4, &m);
	assert_true(rig_until(r, s, REACH_EVENT_MAPPED, 1, ADIT_SEC(15)));
	assert_false(s->last[REACH_EVENT_MAPPED].works);
	/* Mended: the next try finds it. */
	forward(s, 4500, MAPPED_PORT);
	assert_true(rig_until(r, s, REACH_EVENT_MAPPED, 2, REACH_MAPPED_AGAIN + ADIT_SEC(5)));
	assert_true(s->last[REACH_EVENT_MAPPED].works);
	rig_free(r);
}

/* Home would be its own witness if it had the port, as --port without --mapped gives it. */
static void a_port_of_the_users_that_is_forwarded_is_tried_too(void **state)
{
	struct rig_peer *s, *c;
	struct rig *r = two(RIG_NAT_STEADY, RIG_NAT_STEADY, &s, &c);
	struct reach_mapping m = {.port = MAPPED_PORT, .external = adit_addr_v4(0, 0, 0, 0, 4500)};

	(void)state;
	s->reach->cfg.port = MAPPED_PORT;
	s->reach->cfg.is_forwarded = true;
	reach_start(s->reach, r->now);
	reach_set_mapped(s->reach, r->now, ADIT_FAMILY_V4, &m);
	assert_true(rig_until(r, s, REACH_EVENT_MAPPED, 1, ADIT_SEC(15)));
	assert_false(s->last[REACH_EVENT_MAPPED].works);
	forward(s, 4500, MAPPED_PORT);
	assert_true(rig_until(r, s, REACH_EVENT_MAPPED, 2, REACH_MAPPED_AGAIN + ADIT_SEC(5)));
	assert_true(s->last[REACH_EVENT_MAPPED].works);
	rig_free(r);
}

/* One that was cut short by a new measurement: its server's silence says nothing of the mapping. */
static void the_silence_of_an_earlier_try_is_not_counted(void **state)
{
	struct rig_peer *s, *c;
	struct rig *r = two(RIG_NAT_STEADY, RIG_NAT_STEADY, &s, &c);
	struct reach_mapping m = mapping(s, 4500);
	struct stun_result silence = {.end = STUN_END_TIMEOUT};
	struct reach_mapped *mapped = &s->reach->mapped[0];

	(void)state;
	reach_start(s->reach, r->now);
	reach_set_mapped(s->reach, r->now, ADIT_FAMILY_V4, &m);
	for (int i = 0; i < 5000 && mapped->phase != REACH_MAPPED_KNOCK; i++)
		rig_run(r, ADIT_MS(1));
	assert_int_equal(mapped->phase, REACH_MAPPED_KNOCK);
	reach_mapped_answered(s->reach, 0, 0, &silence, NULL);
	assert_int_equal(mapped->phase, REACH_MAPPED_KNOCK);
	assert_int_equal(mapped->silent, 0);
	reach_mapped_answered(s->reach, 0, 1, &silence, NULL);
	assert_int_equal(mapped->silent, 1);
	rig_free(r);
}

static void loss_makes_no_mapping_dead(void **state)
{
	struct rig_peer *s, *c;
	struct rig *r = two(RIG_NAT_STEADY, RIG_NAT_STEADY, &s, &c);
	struct reach_mapping m = mapping(s, 4500);

	(void)state;
	r->loss = 20;
	forward(s, 4500, MAPPED_PORT);
	reach_start(s->reach, r->now);
	reach_set_mapped(s->reach, r->now, ADIT_FAMILY_V4, &m);
	assert_true(rig_until(r, s, REACH_EVENT_MAPPED, 1, ADIT_SEC(60)));
	rig_run(r, ADIT_SEC(3000));
	assert_int_equal(s->count[REACH_EVENT_MAPPED], 1);
	assert_true(s->last[REACH_EVENT_MAPPED].works);
	rig_free(r);
}

static void two_random_NATs_meet_where_one_forwards_a_port(void **state)
{
	for (int who = 0; who < 2; who++) {
		struct rig_peer *s, *c;
		struct rig *r = two(RIG_NAT_RANDOM, RIG_NAT_RANDOM, &s, &c);
		struct rig_peer *p = who == 0 ? s : c;
		struct reach_mapping m = mapping(p, 4500);

		(void)state;
		forward(p, 4500, MAPPED_PORT);
		reach_set_mapped(p->reach, r->now, ADIT_FAMILY_V4, &m);
		reach_start(s->reach, r->now);
		rig_run(r, ADIT_SEC(3));
		reach_start(c->reach, r->now);
		assert_true(rig_until(r, c, REACH_EVENT_VALID, 1, ADIT_SEC(5)));
		/* Before a search could have found anything. */
		assert_int_equal(c->last[REACH_EVENT_VALID].round, 1);
		assert_true(c->last[REACH_EVENT_VALID].took < ADIT_MS(300));
		rig_free(r);
	}
}

static void a_proven_mapping_makes_the_network_an_open_one_for_the_peer(void **state)
{
	struct rig_peer *s, *c;
	struct rig *r = two(RIG_NAT_RANDOM, RIG_NAT_RANDOM, &s, &c);
	struct reach_mapping m = mapping(s, 4500);

	(void)state;
	forward(s, 4500, MAPPED_PORT);
	reach_set_mapped(s->reach, r->now, ADIT_FAMILY_V4, &m);
	reach_start(s->reach, r->now);
	rig_run(r, ADIT_SEC(5));
	reach_start(c->reach, r->now);
	assert_true(rig_until(r, c, REACH_EVENT_VALID, 1, ADIT_SEC(3)));
	assert_int_equal(c->last[REACH_EVENT_VALID].peer_kind, NAT_KIND_OPEN);
	assert_int_equal(c->last[REACH_EVENT_VALID].how, REACH_HOW_DIRECT);
	assert_true(adit_addr_eq(&c->last[REACH_EVENT_VALID].remote, &m.external));
	rig_free(r);
}

static void the_users_forward_is_at_the_address_that_servers_see(void **state)
{
	struct rig_peer *s, *c;
	struct rig *r = two(RIG_NAT_RANDOM, RIG_NAT_RANDOM, &s, &c);
	struct reach_mapping m = {.port = MAPPED_PORT, .external = adit_addr_v4(0, 0, 0, 0, 4500)};
	struct adit_addr want = adit_addr_with_port(s->outside, 4500);

	(void)state;
	forward(s, 4500, MAPPED_PORT);
	reach_set_mapped(s->reach, r->now, ADIT_FAMILY_V4, &m);
	reach_start(s->reach, r->now);
	assert_true(rig_until(r, s, REACH_EVENT_MAPPED, 1, ADIT_SEC(5)));
	assert_true(s->last[REACH_EVENT_MAPPED].works);
	reach_start(c->reach, r->now);
	assert_true(rig_until(r, c, REACH_EVENT_VALID, 1, ADIT_SEC(3)));
	assert_true(adit_addr_eq(&c->last[REACH_EVENT_VALID].remote, &want));
	rig_free(r);
}

static void behind_a_second_NAT_nothing_is_concluded(void **state)
{
	struct rig_peer *s, *c;
	struct rig *r = two(RIG_NAT_STEADY, RIG_NAT_STEADY, &s, &c);
	struct reach_mapping m = {.port = MAPPED_PORT, .external = adit_addr_v4(100, 64, 3, 4, 4500)};

	(void)state;
	reach_set_mapped(s->reach, r->now, ADIT_FAMILY_V4, &m);
	reach_start(s->reach, r->now);
	rig_run(r, ADIT_SEC(100));
	assert_int_equal(s->count[REACH_EVENT_MAPPED], 0);
	reach_start(c->reach, r->now);
	assert_true(rig_until(r, c, REACH_EVENT_VALID, 1, ADIT_SEC(3)));
	rig_free(r);
}

static void a_withdrawn_mapping_is_told_to_nobody_and_its_socket_is_closed(void **state)
{
	struct rig_peer *s, *c;
	struct rig *r = two(RIG_NAT_STEADY, RIG_NAT_STEADY, &s, &c);
	struct reach_mapping m = mapping(s, 4500);

	(void)state;
	forward(s, 4500, MAPPED_PORT);
	reach_set_mapped(s->reach, r->now, ADIT_FAMILY_V4, &m);
	reach_start(s->reach, r->now);
	rig_run(r, ADIT_SEC(3));
	assert_non_null(rig_sock_by(s, 0, MAPPED_PORT));
	reach_set_mapped(s->reach, r->now, ADIT_FAMILY_V4, NULL);
	rig_run(r, ADIT_SEC(1));
	assert_null(rig_sock_by(s, 0, MAPPED_PORT));
	reach_start(c->reach, r->now);
	assert_true(rig_until(r, c, REACH_EVENT_VALID, 1, ADIT_SEC(3)));
	assert_false(adit_addr_eq(&c->last[REACH_EVENT_VALID].remote, &m.external));
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_mapping_that_works_is_proven_by_a_server_within_seconds),
		cmocka_unit_test(a_mapping_that_forwards_nothing_is_told_as_dead),
		cmocka_unit_test(a_port_of_the_users_that_is_forwarded_is_tried_too),
		cmocka_unit_test(the_silence_of_an_earlier_try_is_not_counted),
		cmocka_unit_test(loss_makes_no_mapping_dead),
		cmocka_unit_test(two_random_NATs_meet_where_one_forwards_a_port),
		cmocka_unit_test(a_proven_mapping_makes_the_network_an_open_one_for_the_peer),
		cmocka_unit_test(the_users_forward_is_at_the_address_that_servers_see),
		cmocka_unit_test(behind_a_second_NAT_nothing_is_concluded),
		cmocka_unit_test(a_withdrawn_mapping_is_told_to_nobody_and_its_socket_is_closed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
