#include "test.h"

#include <string.h>

#include "base/bytes.h"
#include "core/punch/punch_agree.h"
#include "crypto/crypto.h"

#define UTC (UINT64_C(1790000000) * ADIT_SEC(1))

/* Two ends and what flies between them; each has two sockets, 0 and 1, that lead to the other's of the same number. */
struct end {
	struct punch_agree a;
	struct adit_rng_seeded rng;
	unsigned sent;
	adit_time agreed_at;
};

struct flying {
	adit_time at;
	int to;
	uint32_t sock;
	size_t len;
	uint8_t data[PUNCH_PROBE_MAX];
};

static struct end e[2]; /* by role */
static struct flying sky[64];
static size_t n_sky;
static adit_time now;
static adit_dur delay;
static unsigned loss; /* percent */
static bool cut[2]; /* this socket's pair */
static struct adit_rng_seeded fate_state;
static struct adit_rng fate;

static struct adit_addr addr_of(int role, uint32_t sock)
{
	return adit_addr_v4(203, 0, 113, (uint8_t)(10 + role), (uint16_t)(5000 + sock));
}

static void end_init(int role, uint8_t key)
{
	struct punch_agree_config cfg = {
		.role = (enum punch_role)role,
		.crypto = &crypto_gnutls,
		.rng = adit_rng_seeded_init(&e[role].rng, (uint64_t)role + 1),
		.instance = 100 + (uint64_t)role,
	};

	memset(cfg.k, key, sizeof(cfg.k));
	punch_agree_init(&e[role].a, &cfg, now);
	punch_agree_set_utc(&e[role].a, now, UTC + now);
	e[role].agreed_at = ADIT_NEVER;
}

static int setup(void **state)
{
	(void)state;
	memset(e, 0, sizeof(e));
	n_sky = 0;
	now = ADIT_SEC(10);
	delay = ADIT_MS(20);
	loss = 0;
	cut[0] = cut[1] = false;
	fate = adit_rng_seeded_init(&fate_state, 7);
	end_init(0, 9);
	end_init(1, 9);
	return 0;
}

static void drain(int role)
{
	struct adit_out o;

	while (punch_agree_output(&e[role].a, now, &o)) {
		e[role].sent++;
		assert_true(adit_addr_eq(&o.remote, &(struct adit_addr[1]){addr_of(!role, o.sock)}[0]));
		if (cut[o.sock] || adit_rng_below(&fate, 100) < loss)
			continue;
		assert_true(n_sky < ARRAY_LEN(sky));
		sky[n_sky] = (struct flying){.at = now + delay, .to = !role, .sock = o.sock, .len = o.len};
		memcpy(sky[n_sky++].data, o.data, o.len);
	}
	if (e[role].agreed_at == ADIT_NEVER && punch_agree_state(&e[role].a) == PUNCH_AGREE_AGREED)
		e[role].agreed_at = now;
}

static int deliver(int to, const struct flying *f)
{
	struct adit_addr from = addr_of(!to, f->sock);
	struct adit_dgram d = {
		.sock = f->sock, .local = addr_of(to, f->sock), .remote = from, .data = f->data, .len = f->len};

	return punch_agree_input(&e[to].a, now, &d);
}

static void run(adit_dur dur)
{
	adit_time until = now + dur;

	for (;;) {
		adit_time next = until;

		for (int i = 0; i < 2; i++) {
			drain(i);
			next = adit_time_min(next, punch_agree_deadline(&e[i].a));
		}
		for (size_t i = 0; i < n_sky; i++)
			next = adit_time_min(next, sky[i].at);
		if (next >= until)
			break;
		now = next;
		for (size_t i = 0; i < n_sky; i++) {
			if (sky[i].at > now)
				continue;
			(void)deliver(sky[i].to, &sky[i]);
			sky[i--] = sky[--n_sky];
		}
		punch_agree_tick(&e[0].a, now);
		punch_agree_tick(&e[1].a, now);
	}
	now = until;
}

static void valid(int role, uint32_t sock)
{
	struct adit_addr local = addr_of(role, sock);
	struct adit_addr remote = addr_of(!role, sock);

	punch_agree_valid(&e[role].a, now, sock, &local, &remote);
}

static bool is_agreed(uint32_t sock)
{
	for (int i = 0; i < 2; i++)
		if (punch_agree_state(&e[i].a) != PUNCH_AGREE_AGREED || punch_agree_pair(&e[i].a)->sock != sock)
			return false;
	return true;
}

static void both_take_the_first_that_works(void **state)
{
	adit_time start = now;

	(void)state;
	valid(0, 1); /* the serve side's own view does not count */
	valid(1, 1);
	valid(1, 0);
	run(ADIT_SEC(2));
	assert_true(is_agreed(1));
	assert_int_equal(e[1].agreed_at - start, 2 * delay);
	assert_int_equal(e[0].agreed_at - start, delay + PUNCH_AGREE_CALM);
	assert_int_equal(e[1].sent, 1);
	assert_int_equal(e[0].sent, 1);
	assert_int_equal(punch_agree_pair(&e[1].a)->mapped.port, 5001);
	assert_int_equal(punch_agree_deadline(&e[0].a), ADIT_NEVER);
	assert_int_equal(punch_agree_deadline(&e[1].a), ADIT_NEVER);
}

static void a_pair_that_does_not_answer_is_given_up_on_both_sides(void **state)
{
	(void)state;
	valid(1, 0);
	valid(1, 1);
	run(delay + ADIT_MS(1)); /* the question arrives, no answer does */
	n_sky = 0;
	cut[0] = true;
	assert_int_equal(punch_agree_state(&e[0].a), PUNCH_AGREE_ASKED);
	/* Silence is what the serve side takes for agreement: it cannot know better. */
	run(ADIT_SEC(1));
	assert_int_equal(punch_agree_state(&e[0].a), PUNCH_AGREE_AGREED);
	end_init(0, 9); /* as if it had not been */
	run(PUNCH_AGREE_STEP * PUNCH_AGREE_ASKS_MAX + PUNCH_AGREE_LAST + ADIT_SEC(1));
	assert_true(is_agreed(1));
}

static void with_none_left_it_is_open_again(void **state)
{
	(void)state;
	cut[0] = true;
	valid(1, 0);
	run(PUNCH_AGREE_STEP * (PUNCH_AGREE_ASKS_MAX - 1) + PUNCH_AGREE_LAST - ADIT_MS(1));
	assert_int_equal(punch_agree_state(&e[1].a), PUNCH_AGREE_ASKING);
	run(ADIT_MS(2));
	assert_int_equal(punch_agree_state(&e[1].a), PUNCH_AGREE_OPEN);
	assert_int_equal(e[1].sent, PUNCH_AGREE_ASKS_MAX);
	cut[0] = false;
	valid(1, 0);
	run(ADIT_SEC(1));
	assert_true(is_agreed(0));
}

/* PUNCH_AGREE_CALM's promise, at twice the loss it is made for. */
static void loss_does_not_divide_them(void **state)
{
	unsigned bad = 0;

	(void)state;
	for (int i = 0; i < 2000; i++) {
		n_sky = 0;
		end_init(0, 9);
		end_init(1, 9);
		loss = 20;
		valid(1, 0);
		run(ADIT_SEC(4));
		bad += !is_agreed(0);
	}
	assert_true(bad <= 2);
}

static void a_long_round_trip_only_costs_questions(void **state)
{
	(void)state;
	delay = ADIT_MS(450);
	valid(1, 0);
	run(ADIT_SEC(4));
	assert_true(is_agreed(0));
	assert_int_equal(e[1].sent, 9);
}

static void strangers_replays_and_reflections_move_nothing(void **state)
{
	struct flying f;
	struct flying bad;

	(void)state;
	valid(1, 0);
	drain(1);
	f = sky[0];
	for (size_t i = 0; i < f.len; i++) {
		bad = f;
		bad.data[i] ^= 0x40;
		assert_true(deliver(0, &bad) < 0);
	}
	bad = f;
	bad.len = 20;
	assert_true(deliver(0, &bad) < 0);
	assert_int_equal(deliver(1, &f), ADIT_EAUTH); /* its own question come back */
	assert_int_equal(punch_agree_state(&e[0].a), PUNCH_AGREE_OPEN);
	assert_int_equal(deliver(0, &f), 0);
	assert_int_equal(deliver(0, &f), ADIT_EREPLAY);
	end_init(0, 8); /* another secret */
	assert_int_equal(deliver(0, &f), ADIT_EIGNORED);
	assert_int_equal(punch_agree_state(&e[0].a), PUNCH_AGREE_OPEN);
}

/* Its answer counts over the pair that was asked, and no other. */
static void an_answer_from_elsewhere_is_none(void **state)
{
	struct flying f;

	(void)state;
	valid(1, 0);
	drain(1);
	assert_int_equal(deliver(0, &sky[0]), 0);
	n_sky = 0;
	drain(0);
	f = sky[0];
	f.sock = 1;
	assert_int_equal(deliver(1, &f), ADIT_EIGNORED);
	assert_int_equal(punch_agree_state(&e[1].a), PUNCH_AGREE_ASKING);
	f.sock = 0;
	assert_int_equal(deliver(1, &f), 0);
	assert_int_equal(punch_agree_state(&e[1].a), PUNCH_AGREE_AGREED);
}

static void a_full_table_forgets_the_oldest_that_waits(void **state)
{
	(void)state;
	cut[0] = true;
	for (uint16_t i = 0; i < PUNCH_AGREE_PAIRS_MAX + 3; i++) {
		struct adit_addr local = addr_of(1, 0);
		struct adit_addr remote = adit_addr_with_port(addr_of(0, 0), (uint16_t)(5000 + i));

		punch_agree_valid(&e[1].a, now, 0, &local, &remote);
		punch_agree_valid(&e[1].a, now, 0, &local, &remote); /* known already */
	}
	assert_int_equal(e[1].a.n_pairs, PUNCH_AGREE_PAIRS_MAX);
	assert_int_equal(e[1].a.pairs[0].remote.port, 5000);
	assert_int_equal(e[1].a.pairs[1].remote.port, 5004);
}

static void after_a_reset_they_can_agree_anew(void **state)
{
	(void)state;
	valid(1, 0);
	run(ADIT_SEC(1));
	assert_true(is_agreed(0));
	punch_agree_reset(&e[0].a, now);
	punch_agree_reset(&e[1].a, now);
	assert_int_equal(punch_agree_deadline(&e[1].a), ADIT_NEVER);
	valid(1, 1);
	run(ADIT_SEC(1));
	assert_true(is_agreed(1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(both_take_the_first_that_works, setup),
		cmocka_unit_test_setup(a_pair_that_does_not_answer_is_given_up_on_both_sides, setup),
		cmocka_unit_test_setup(with_none_left_it_is_open_again, setup),
		cmocka_unit_test_setup(loss_does_not_divide_them, setup),
		cmocka_unit_test_setup(a_long_round_trip_only_costs_questions, setup),
		cmocka_unit_test_setup(strangers_replays_and_reflections_move_nothing, setup),
		cmocka_unit_test_setup(an_answer_from_elsewhere_is_none, setup),
		cmocka_unit_test_setup(after_a_reset_they_can_agree_anew, setup),
		cmocka_unit_test_setup(a_full_table_forgets_the_oldest_that_waits, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
