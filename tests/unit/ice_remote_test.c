/* What a peer may name, and how much of it is ever checked. */
#include "test.h"

#include <stdio.h>

#include "core/ice/ice_int.h"
#include "ice_rig.h"

static struct rig x;
static struct rig y;

/* x knows the credentials of y, and none of its candidates. */
static void described(void)
{
	struct ice_remote_desc desc;

	rig_pair(&x, ICE_CONTROLLING, &y, ICE_CONTROLLED);
	desc = (struct ice_remote_desc){.cred = *ice_agent_cred(&y.a)};
	assert_int_equal(ice_agent_set_remote(&x.a, x.now, &desc), 0);
}

static int add_with(const char *text, uint32_t priority)
{
	struct ice_candidate c = {.type = ICE_HOST, .component = 1, .priority = priority};
	static unsigned foundation;

	/* Alike ones would be held back until one of them is done (RFC 8445 6.1.2.6). */
	snprintf(c.foundation, sizeof(c.foundation), "%u", ++foundation);
	assert_int_equal(adit_addr_parse(text, strlen(text), &c.addr), 0);
	return ice_agent_add_remote(&x.a, x.now, &c);
}

static unsigned refused(enum ice_refusal why)
{
	return (unsigned)x.a.stats.refused[why];
}

static int add(const char *text)
{
	return add_with(text, 100);
}

/* To how many addresses has x sent? */
static unsigned targets(void)
{
	unsigned n = 0;

	for (size_t i = 0; i < x.n; i++) {
		bool again = false;

		for (size_t k = 0; k < i; k++)
			again |= adit_addr_eq(&x.log[k].remote, &x.log[i].remote);
		n += !again;
	}
	return n;
}

static void ten_thousand_candidates_are_thirty(void **state)
{
	char text[64];

	(void)state;
	described();
	for (unsigned i = 0; i < 10000; i++) {
		snprintf(text, sizeof(text), "203.0.%u.%u:5000", i / 250, i % 250 + 1);
		(void)!add(text);
	}
	assert_int_equal(x.a.n_signalled, ICE_SIGNALLED_MAX);
	assert_int_equal(refused(ICE_REFUSED_FULL), 10000 - ICE_SIGNALLED_MAX);
	rig_run(&x, ADIT_SEC(60));
	assert_int_equal(targets(), ICE_SIGNALLED_MAX);
	assert_true(x.n <= ICE_SIGNALLED_MAX * ICE_RC);
}

static void nothing_is_sent_to_loopback_multicast_any_or_port_0(void **state)
{
	static const char *const bad[] = {
		"127.0.0.1:22", "[::1]:22",    "224.0.0.251:5353",      "255.255.255.255:9",   "0.0.0.0:9",
		"203.0.113.1",  "[ff02::1]:9", "[::ffff:127.0.0.1]:22", "[::ffff:10.0.0.1]:22"};

	(void)state;
	described();
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(add(bad[i]), ADIT_EIGNORED);
	rig_run(&x, ADIT_SEC(10));
	assert_int_equal(x.n, 0);
	assert_int_equal(refused(ICE_REFUSED_LOOPBACK), 3);
	assert_int_equal(refused(ICE_REFUSED_MULTICAST), 3);
	assert_int_equal(refused(ICE_REFUSED_ANY), 1);
	assert_int_equal(refused(ICE_REFUSED_PORT), 1);
	assert_int_equal(refused(ICE_REFUSED_OBSOLETE), 1);
}

/* docs/rules.md 5 */
static void at_most_three_private_addresses_are_checked(void **state)
{
	char text[64];

	(void)state;
	described();
	for (unsigned i = 1; i < 200; i++) {
		snprintf(text, sizeof(text), i % 3 ? "10.0.0.%u:80" : i % 2 ? "169.254.0.%u:80" : "100.64.0.%u:80", i);
		(void)!add(text);
		rig_run(&x, ADIT_MS(100));
	}
	rig_run(&x, ADIT_SEC(60));
	assert_int_equal(targets(), ICE_PRIVATE_MAX);
	assert_int_equal(refused(ICE_REFUSED_PRIVATE), 199 - ICE_PRIVATE_MAX);
}

static void a_neighbour_takes_the_place_of_a_stranger_not_yet_tried(void **state)
{
	struct adit_addr lan = adit_addr_v4(192, 168, 7, 2, 5000);

	(void)state;
	described();
	assert_int_equal(ice_agent_add_host(&x.a, x.now, 1, &lan, ICE_IFACE_NORMAL), 0);
	assert_int_equal(add("172.17.0.1:5000"), 0);
	assert_int_equal(add("172.18.0.1:5000"), 0);
	assert_int_equal(add("172.19.0.1:5000"), 0);
	assert_int_equal(add("172.20.0.1:5000"), ADIT_EIGNORED);
	assert_int_equal(add("192.168.7.9:5000"), 0);
	rig_run(&x, ADIT_SEC(60));
	assert_int_equal(targets(), 3);
	/* Once they are tried it is too late. */
	assert_int_equal(add("192.168.7.10:5000"), ADIT_EIGNORED);
}

static bool is_target(const char *text)
{
	struct adit_addr a;
	bool is = false;

	assert_int_equal(adit_addr_parse(text, strlen(text), &a), 0);
	for (size_t i = 0; i < x.n; i++)
		is |= adit_addr_eq(&x.log[i].remote, &a);
	return is;
}

/* Whatever order they come in: foreign agents name them as their system lists them. */
static void bridges_to_the_peers_guests_do_not_eat_the_three(void **state)
{
	static const char *const bridges[] = {"172.17.0.1:5000", "172.18.0.1:5000", "192.168.122.1:5000",
					      "10.0.3.1:5000"};

	(void)state;
	for (int first = 0; first < 2; first++) {
		described();
		if (first)
			assert_int_equal(add_with("10.1.2.3:5000", 2000), 0);
		for (size_t i = 0; i < ARRAY_LEN(bridges); i++)
			(void)!add_with(bridges[i], 1000 - (uint32_t)i);
		if (!first)
			assert_int_equal(add_with("10.1.2.3:5000", 2000), 0);
		rig_run(&x, ADIT_SEC(60));
		assert_int_equal(targets(), 3);
		assert_true(is_target("10.1.2.3:5000"));
		assert_true(is_target(bridges[0]) && is_target(bridges[1]));
	}
}

/* Both have docker: its 172.17.0.1 is theirs as well as ours, and no neighbour. */
static void our_own_bridge_makes_no_neighbour_of_the_peers(void **state)
{
	struct adit_addr bridge = adit_addr_v4(172, 17, 0, 1, 5000);

	(void)state;
	described();
	assert_int_equal(ice_agent_add_host(&x.a, x.now, 1, &bridge, ICE_IFACE_VIRTUAL), 0);
	assert_int_equal(add_with("10.1.2.3:5000", 500), 0);
	assert_int_equal(add_with("10.1.2.4:5000", 400), 0);
	assert_int_equal(add_with("10.1.2.5:5000", 300), 0);
	assert_int_equal(add_with("172.17.0.1:6000", 200), ADIT_EIGNORED);
	rig_run(&x, ADIT_SEC(60));
	assert_true(is_target("10.1.2.5:5000") && !is_target("172.17.0.1:6000"));
}

/* Nor can a peer search: once three were tried no priority opens a fourth. */
static void no_priority_opens_a_fourth_private_address(void **state)
{
	char text[64];

	(void)state;
	described();
	for (uint32_t i = 1; i < 100; i++) {
		snprintf(text, sizeof(text), "10.0.0.%u:80", i);
		(void)!add_with(text, 1000 * i);
		rig_run(&x, ADIT_MS(200));
	}
	rig_run(&x, ADIT_SEC(60));
	assert_int_equal(targets(), ICE_PRIVATE_MAX);
}

/* x, with one IPv6 address behind a NAT64, is about to hear of y's candidates. */
static void begin_behind_nat64(void)
{
	struct adit_addr six;
	struct ice_remote_desc desc;

	described(); /* for y's credentials */
	desc = (struct ice_remote_desc){.cred = *ice_agent_cred(&y.a)};
	rig_init(&x, ICE_CONTROLLING, 11);
	x.cfg.nat64 = adit_nat64_well_known();
	rig_begin(&x);
	assert_int_equal(adit_addr_parse("[2001:db8::7]:5000", 18, &six), 0);
	assert_int_equal(ice_agent_add_host(&x.a, x.now, 1, &six, ICE_IFACE_NORMAL), 0);
	ice_agent_gather(&x.a, x.now, false);
	assert_int_equal(ice_agent_set_remote(&x.a, x.now, &desc), 0);
}

/* RFC 6052 2.2, 3.1 */
static void behind_a_nat64_ipv4_addresses_are_reached_through_its_prefix(void **state)
{
	struct adit_addr four = adit_addr_v4(192, 0, 2, 7, 5000);

	(void)state;
	begin_behind_nat64();
	assert_int_equal(add("203.0.113.9:80"), 0);
	assert_int_equal(add("10.0.0.9:80"), 0); /* no NAT64 leads there */
	rig_run(&x, ADIT_SEC(1));
	assert_true(is_target("[64:ff9b::203.0.113.9]:80"));
	assert_int_equal(targets(), 1);
	/* Said again it is the same. */
	assert_int_equal(add("203.0.113.9:80"), ADIT_EIGNORED);
	/* With IPv4 of our own there is no need. */
	assert_int_equal(ice_agent_add_host(&x.a, x.now, 2, &four, ICE_IFACE_NORMAL), 0);
	assert_int_equal(add("203.0.113.10:80"), 0);
	rig_run(&x, ADIT_SEC(1));
	assert_true(is_target("203.0.113.10:80") && !is_target("[64:ff9b::203.0.113.10]:80"));
}

/* Its check came first, through the NAT64: what is then said of it in IPv4 leads nowhere from here. */
static void behind_a_nat64_what_was_learnt_stays_where_it_was_heard(void **state)
{
	struct ice_candidate c = {.type = ICE_SRFLX, .component = 1, .priority = 42, .foundation = "9"};
	struct adit_addr via;

	(void)state;
	begin_behind_nat64();
	assert_int_equal(adit_addr_parse("[64:ff9b::203.0.113.9]:80", 25, &via), 0);
	assert_true(ice_remote_learn(&x.a, &via, 1862270975) < ICE_REMOTES_MAX);
	c.addr = adit_addr_v4(203, 0, 113, 9, 80);
	assert_int_equal(ice_agent_add_remote(&x.a, x.now, &c), 0);
	assert_int_equal(x.a.remotes[0].cand.type, ICE_SRFLX);
	assert_true(adit_addr_eq(&x.a.remotes[0].cand.addr, &via));
	assert_int_equal(ice_agent_add_remote(&x.a, x.now, &c), ADIT_EIGNORED); /* again */
	assert_int_equal(refused(ICE_REFUSED_AGAIN), 1);
}

static void a_candidate_of_another_generation_or_component_is_not_used(void **state)
{
	struct ice_candidate c = {.type = ICE_HOST, .component = 1, .priority = 1, .foundation = "1"};

	(void)state;
	described();
	c.addr = rig_addr(2);
	c.ufrag = "else";
	c.ufrag_len = 4;
	assert_int_equal(ice_agent_add_remote(&x.a, x.now, &c), ADIT_EIGNORED);
	c.ufrag = y.a.cred.ufrag;
	c.ufrag_len = ICE_UFRAG_LEN;
	c.component = 2;
	assert_int_equal(ice_agent_add_remote(&x.a, x.now, &c), ADIT_EIGNORED);
	c.component = 1;
	assert_int_equal(ice_agent_add_remote(&x.a, x.now, &c), 0);
	assert_int_equal(ice_agent_add_remote(&x.a, x.now, &c), ADIT_EIGNORED);
	assert_int_equal(refused(ICE_REFUSED_AGAIN), 1);
	ice_agent_end_remote(&x.a, x.now);
	assert_int_equal(add("203.0.113.5:5000"), ADIT_EIGNORED); /* RFC 8838 13 */
	assert_int_equal(refused(ICE_REFUSED_LATE), 2);
}

/* RFC 8838 11 */
static void a_signalled_candidate_that_was_learnt_keeps_its_priority(void **state)
{
	struct ice_candidate c = {.type = ICE_SRFLX, .component = 1, .priority = 42, .foundation = "9"};
	struct adit_addr ax = rig_addr(1);
	struct ice_msg_check check;
	uint8_t buf[ICE_MSG_MAX];

	(void)state;
	described();
	c.addr = rig_addr(7);
	check = (struct ice_msg_check){
		.local = &y.a.cred, .remote = &x.a.cred, .role = ICE_CONTROLLED, .priority = 1862270975};
	assert_int_equal(rig_input(&x, &ax, &c.addr, buf,
				   ice_msg_check(&check, &crypto_gnutls, (const uint8_t *)"twelve bytes", buf)),
			 0);
	assert_int_equal(x.a.remotes[0].cand.type, ICE_PRFLX);
	assert_int_equal(ice_agent_add_remote(&x.a, x.now, &c), 0);
	assert_int_equal(x.a.remotes[0].cand.type, ICE_SRFLX);
	assert_int_equal(x.a.remotes[0].cand.priority, 1862270975);
	assert_false(x.a.remotes[1].is_used);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ten_thousand_candidates_are_thirty),
		cmocka_unit_test(nothing_is_sent_to_loopback_multicast_any_or_port_0),
		cmocka_unit_test(at_most_three_private_addresses_are_checked),
		cmocka_unit_test(a_neighbour_takes_the_place_of_a_stranger_not_yet_tried),
		cmocka_unit_test(bridges_to_the_peers_guests_do_not_eat_the_three),
		cmocka_unit_test(our_own_bridge_makes_no_neighbour_of_the_peers),
		cmocka_unit_test(no_priority_opens_a_fourth_private_address),
		cmocka_unit_test(behind_a_nat64_ipv4_addresses_are_reached_through_its_prefix),
		cmocka_unit_test(behind_a_nat64_what_was_learnt_stays_where_it_was_heard),
		cmocka_unit_test(a_candidate_of_another_generation_or_component_is_not_used),
		cmocka_unit_test(a_signalled_candidate_that_was_learnt_keeps_its_priority),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
