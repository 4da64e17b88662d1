#include "test.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/stun/stun_timed.h"
#include "crypto/crypto.h"
#include "endpoint/ep_relay.h"
#include "io/io_clock.h"

struct rig {
	uv_loop_t loop;
	struct ep_relay *relay;
	struct ep_relays told[8];
	size_t n_told;
	size_t wanted;
};

static void on_changed(void *ctx, const struct ep_relays *r)
{
	struct rig *rig = ctx;

	assert_in_range(rig->n_told, 0, ARRAY_LEN(rig->told) - 1);
	rig->told[rig->n_told++] = *r;
	if (r->n == rig->wanted)
		uv_stop(&rig->loop);
}

static void on_failed(void *ctx, const char *host, const char *why)
{
	(void)ctx;
	fail_msg("%s: %s", host, why);
}

static struct ep_relay_config config(const char *uri, const char *user, const char *pass)
{
	struct ep_relay_config c = {0};

	assert_int_equal(turn_uri_parse(uri, &c.uri), 0);
	snprintf(c.user, sizeof(c.user), "%s", user);
	snprintf(c.pass, sizeof(c.pass), "%s", pass);
	return c;
}

static void begin(struct rig *r, const struct ep_relay_config *cfg, size_t n)
{
	*r = (struct rig){.wanted = n};
	uv_loop_init(&r->loop);
	assert_int_equal(ep_relay_new(&r->loop, cfg, n, on_changed, on_failed, r, &r->relay), 0);
	uv_run(&r->loop, UV_RUN_DEFAULT);
}

static void end(struct rig *r)
{
	ep_relay_close(r->relay);
	while (uv_run(&r->loop, UV_RUN_DEFAULT) != 0) /* it may have been told to stop */
		;
	assert_int_equal(uv_loop_close(&r->loop), 0);
}

/* The first one has to be asked for; by then the second one is in use. */
static void a_name_that_resolves_late_takes_nobodys_number(void **state)
{
	struct ep_relay_config cfg[] = {config("turn:localhost", "ann", "one"), config("turn:192.0.2.1", "bob", "two")};
	struct rig r;

	(void)state;
	begin(&r, cfg, 2);
	assert_int_equal(r.n_told, 2);
	assert_int_equal(r.told[0].n, 1);
	assert_string_equal(r.told[0].server[0].user, "bob");
	assert_int_equal(r.told[1].n, 2);
	assert_memory_equal(&r.told[1].server[0], &r.told[0].server[0], sizeof(r.told[0].server[0]));
	assert_string_equal(r.told[1].server[1].user, "ann");
	assert_string_equal(r.told[1].server[1].host, "localhost");
	assert_true(adit_addr_is_loopback(&r.told[1].server[1].addr));
	end(&r);
}

static void a_loan_renews_what_was_lent_and_has_a_number_of_its_own(void **state)
{
	struct meet_relay loan = {.n_uris = 1, .uris = {"turn:198.51.100.7"}, .user = "1790001600:a", .pass = "first"};
	struct ep_relay_config cfg = config("turn:192.0.2.1", "bob", "two");
	struct rig r;

	(void)state;
	begin(&r, &cfg, 1);
	r.wanted = 2;
	assert_int_equal(ep_relay_lend(r.relay, &loan), 1);
	uv_run(&r.loop, UV_RUN_DEFAULT);
	assert_int_equal(r.told[r.n_told - 1].n, 2);
	assert_string_equal(r.told[r.n_told - 1].server[1].pass, "first");
	snprintf(loan.pass, sizeof(loan.pass), "second");
	assert_int_equal(ep_relay_lend(r.relay, &loan), 1);
	assert_int_equal(r.told[r.n_told - 1].n, 2);
	assert_string_equal(r.told[r.n_told - 1].server[0].pass, "two");
	assert_string_equal(r.told[r.n_told - 1].server[1].pass, "second");
	end(&r);
}

static void a_secret_makes_credentials_for_a_day(void **state)
{
	struct ep_relay_config cfg = config("turn:192.0.2.1", "secret", "north");
	char user[STUN_TIMED_USER_STRLEN];
	char pass[STUN_TIMED_PASS_STRLEN];
	uint64_t until;
	uint64_t now;
	struct rig r;

	(void)state;
	cfg.is_secret = true;
	begin(&r, &cfg, 1);
	now = io_clock_utc() / ADIT_SEC(1);
	assert_int_equal(sscanf(r.told[0].server[0].user, "%" SCNu64, &until), 1);
	assert_in_range(until, now + TURN_TIMED_LIFE / ADIT_SEC(1) - 10, now + TURN_TIMED_LIFE / ADIT_SEC(1));
	stun_timed_make(&crypto_gnutls, "north", 5, ADIT_SEC(until), "adit", user, pass);
	assert_string_equal(r.told[0].server[0].user, user);
	assert_string_equal(r.told[0].server[0].pass, pass);
	end(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_that_resolves_late_takes_nobodys_number),
		cmocka_unit_test(a_loan_renews_what_was_lent_and_has_a_number_of_its_own),
		cmocka_unit_test(a_secret_makes_credentials_for_a_day),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
