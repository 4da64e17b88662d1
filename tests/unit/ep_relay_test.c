#include "test.h"

#include <inttypes.h>
#include <netdb.h>
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

/* As many families as the system's resolver knows |name| in. */
static size_t families_of(const char *name)
{
	struct addrinfo hints = {.ai_socktype = SOCK_DGRAM}, *found;
	size_t n[2] = {0};

	assert_int_equal(getaddrinfo(name, NULL, &hints, &found), 0);
	for (const struct addrinfo *a = found; a; a = a->ai_next)
		n[a->ai_family == AF_INET6] = 1;
	freeaddrinfo(found);
	return n[0] + n[1];
}

/* Until as many servers are known. */
static void begin(struct rig *r, const struct ep_relay_config *cfg, size_t n, size_t wanted)
{
	*r = (struct rig){.wanted = wanted};
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

/* The first one has to be asked for, and is a server of each family that it has; by then the second one is in use. */
static void a_name_that_resolves_late_takes_nobodys_number_and_has_one_for_each_family(void **state)
{
	struct ep_relay_config cfg[] = {config("turn:localhost", "ann", "one"), config("turn:192.0.2.1", "bob", "two")};
	size_t n = 1 + families_of("localhost");
	struct rig r;

	(void)state;
	begin(&r, cfg, 2, n);
	assert_int_equal(r.n_told, 2);
	assert_int_equal(r.told[0].n, 1);
	assert_string_equal(r.told[0].server[0].user, "bob");
	assert_int_equal(r.told[1].n, n);
	assert_string_equal(r.told[1].server[0].user, "bob");
	assert_true(adit_addr_eq(&r.told[1].server[0].addr, &r.told[0].server[0].addr));
	for (size_t i = 1; i < n; i++) {
		assert_string_equal(r.told[1].server[i].user, "ann");
		assert_string_equal(r.told[1].server[i].host, "localhost");
		assert_true(adit_addr_is_loopback(&r.told[1].server[i].addr));
	}
	if (n == 3) /* the resolver knows both */
		assert_int_not_equal(r.told[1].server[1].addr.family, r.told[1].server[2].addr.family);
	end(&r);
}

/* Four names with addresses of both families fill what a link asks, and none is left out. */
static void as_many_names_as_may_be_given_have_room_for_both_families(void **state)
{
	struct ep_relay_config cfg[EP_RELAYS_MAX];
	size_t n = EP_RELAYS_MAX * families_of("localhost");
	struct rig r;

	(void)state;
	for (size_t i = 0; i < EP_RELAYS_MAX; i++) {
		cfg[i] = config("turn:localhost", "ann", "one");
		cfg[i].uri.port = (uint16_t)(3478 + i);
	}
	begin(&r, cfg, EP_RELAYS_MAX, n);
	for (size_t i = 0; i < n; i++)
		assert_in_range(r.told[r.n_told - 1].server[i].addr.port, 3478, 3477 + EP_RELAYS_MAX);
	end(&r);
}

static void a_loan_renews_what_was_lent_and_has_a_number_of_its_own(void **state)
{
	struct meet_relay loan = {.n_uris = 1, .uris = {"turn:198.51.100.7"}, .user = "1790001600:a", .pass = "first"};
	struct ep_relay_config cfg = config("turn:192.0.2.1", "bob", "two");
	struct rig r;

	(void)state;
	begin(&r, &cfg, 1, 1);
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
	begin(&r, &cfg, 1, 1);
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
		cmocka_unit_test(a_name_that_resolves_late_takes_nobodys_number_and_has_one_for_each_family),
		cmocka_unit_test(as_many_names_as_may_be_given_have_room_for_both_families),
		cmocka_unit_test(a_loan_renews_what_was_lent_and_has_a_number_of_its_own),
		cmocka_unit_test(a_secret_makes_credentials_for_a_day),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
