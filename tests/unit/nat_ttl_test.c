#include "test.h"

#include <string.h>

#include "base/bytes.h"
#include "core/nat/nat_ttl.h"

static struct adit_addr addr(const char *text)
{
	struct adit_addr a;

	assert_int_equal(adit_addr_parse(text, strlen(text), &a), 0);
	return a;
}

/* Walks the questions over the hops given; one that is "" keeps silent. Returns the time it took. */
static adit_time walk(struct nat_ttl *t, const char *const *hops, size_t n)
{
	adit_time now = ADIT_SEC(1);

	nat_ttl_init(t);
	while (t->state == NAT_TTL_ASK) {
		uint8_t ttl = nat_ttl_question(t);

		if (ttl == 0) {
			now = nat_ttl_deadline(t);
			assert_true(now != ADIT_NEVER);
			nat_ttl_tick(t, now);
			continue;
		}
		nat_ttl_asked(t, now);
		assert_int_equal(nat_ttl_question(t), 0); /* one at a time */
		if (ttl <= n && hops[ttl - 1][0]) {
			struct adit_addr a = addr(hops[ttl - 1]);

			now += ADIT_MS(3);
			nat_ttl_expired(t, ttl, &a);
		}
	}
	return now - ADIT_SEC(1);
}

static void the_last_hop_inside_and_one_more(void **state)
{
	static const struct {
		const char *hops[8];
		size_t n;
		uint8_t low;
	} cases[] = {
		{{"192.168.1.1", "203.0.113.1"}, 2, 2},
		{{"192.168.1.1", "100.64.0.1", "203.0.113.1"}, 3, 3},
		{{"192.168.1.1", "10.1.1.1", "172.16.9.9", "100.127.0.1", "198.51.100.1"}, 5, 5},
		{{"198.51.100.1"}, 1, 2}, /* no NAT: a firewall router still has to see it */
		{{"fe80::1", "2001:db8::1"}, 2, 2},
		{{"fd00::1", "fd00:1::1", "2001:db8::1"}, 3, 3},
		{{"2001:db8::1"}, 1, 2},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct nat_ttl t;

		assert_true(walk(&t, cases[i].hops, cases[i].n) <= ADIT_MS(3) * cases[i].n);
		assert_int_equal(t.state, NAT_TTL_KNOWN);
		assert_int_equal(nat_ttl_low(&t), cases[i].low);
	}
}

/* The neighbour's router takes TTL 2 as its own packet and says nothing, or nothing about time. */
static void silence_behind_the_own_router_ends_the_search(void **state)
{
	static const char *const hops[] = {"192.168.1.1"};
	struct nat_ttl t;

	(void)state;
	assert_true(walk(&t, hops, 1) <= 2 * NAT_TTL_WAIT + ADIT_MS(3));
	assert_int_equal(t.state, NAT_TTL_KNOWN);
	assert_int_equal(nat_ttl_low(&t), 2);
}

static void without_any_icmp_each_failed_try_climbs_the_ladder(void **state)
{
	static const uint8_t want[] = {2, 3, 4, 5, 7, 0, 2, 3};
	struct nat_ttl t;

	(void)state;
	assert_true(walk(&t, NULL, 0) == 2 * NAT_TTL_WAIT);
	assert_int_equal(t.state, NAT_TTL_LADDER);
	for (size_t i = 0; i < ARRAY_LEN(want); i++) {
		assert_int_equal(nat_ttl_low(&t), want[i]);
		nat_ttl_failed(&t);
	}
}

static void a_lost_answer_is_asked_for_again(void **state)
{
	struct adit_addr router = addr("192.168.1.1");
	struct nat_ttl t;

	(void)state;
	nat_ttl_init(&t);
	nat_ttl_asked(&t, 0);
	nat_ttl_tick(&t, NAT_TTL_WAIT - 1);
	assert_int_equal(nat_ttl_question(&t), 0);
	nat_ttl_tick(&t, NAT_TTL_WAIT);
	assert_int_equal(nat_ttl_question(&t), 1);
	nat_ttl_asked(&t, NAT_TTL_WAIT);
	nat_ttl_expired(&t, 1, &router);
	assert_int_equal(nat_ttl_question(&t), 2);
}

static void a_known_ttl_does_not_climb(void **state)
{
	static const char *const hops[] = {"192.168.1.1", "203.0.113.1"};
	struct nat_ttl t;

	(void)state;
	walk(&t, hops, 2);
	nat_ttl_failed(&t);
	assert_int_equal(nat_ttl_low(&t), 2);
}

/* Whoever forges ICMP cannot make us send farther than a few hops. */
static void it_never_exceeds_the_maximum(void **state)
{
	struct adit_addr inside = addr("10.0.0.1");
	struct nat_ttl t;

	(void)state;
	nat_ttl_init(&t);
	for (unsigned ttl = 1; ttl < 255; ttl++)
		nat_ttl_expired(&t, (uint8_t)ttl, &inside);
	assert_int_equal(nat_ttl_low(&t), NAT_TTL_MAX);
	assert_int_equal(t.state, NAT_TTL_KNOWN);
	nat_ttl_expired(&t, 0, &inside);
	assert_int_equal(nat_ttl_low(&t), NAT_TTL_MAX);
}

static void a_late_word_from_inside_corrects_the_ladder(void **state)
{
	struct adit_addr inside = addr("100.64.0.1");
	struct nat_ttl t;

	(void)state;
	walk(&t, NULL, 0);
	nat_ttl_expired(&t, 2, &inside);
	assert_int_equal(t.state, NAT_TTL_KNOWN);
	assert_int_equal(nat_ttl_low(&t), 3);
}

static void only_time_exceeded_is_an_expiry(void **state)
{
	struct adit_icmp v4 = {.remote = adit_addr_v4(192, 0, 2, 1, 1), .type = 11};
	struct adit_icmp v6 = {.remote = {.family = ADIT_FAMILY_V6}, .type = 3};

	(void)state;
	assert_true(nat_ttl_is_expiry(&v4));
	assert_true(nat_ttl_is_expiry(&v6));
	v4.type = 3; /* unreachable there, time exceeded here */
	v6.type = 1;
	assert_false(nat_ttl_is_expiry(&v4));
	assert_false(nat_ttl_is_expiry(&v6));
	v4.type = 11;
	v4.code = 1; /* a fragment's time */
	assert_false(nat_ttl_is_expiry(&v4));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_last_hop_inside_and_one_more),
		cmocka_unit_test(silence_behind_the_own_router_ends_the_search),
		cmocka_unit_test(without_any_icmp_each_failed_try_climbs_the_ladder),
		cmocka_unit_test(a_lost_answer_is_asked_for_again),
		cmocka_unit_test(a_known_ttl_does_not_climb),
		cmocka_unit_test(it_never_exceeds_the_maximum),
		cmocka_unit_test(a_late_word_from_inside_corrects_the_ladder),
		cmocka_unit_test(only_time_exceeded_is_an_expiry),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
