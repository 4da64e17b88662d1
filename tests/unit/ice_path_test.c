#include "test.h"

#include "ice_rig.h"

static struct rig x;
static struct rig y;

/* Both have selected a pair, a second ago. */
static void connected(void)
{
	rig_pair(&x, ICE_CONTROLLING, &y, ICE_CONTROLLED);
	rig_describe(&x, &y);
	rig_describe(&y, &x);
	rig_run_both(&x, &y, ADIT_SEC(1));
	assert_int_equal(ice_agent_state(&x.a), ICE_COMPLETED);
}

/* RFC 7675 5.1: every 5 s, times 0.8 to 1.2, each a transaction of its own that is not repeated. */
static void consent_is_asked_every_four_to_six_seconds(void **state)
{
	adit_time last = 0;
	unsigned n = 0;
	adit_dur min = ADIT_NEVER;
	adit_dur max = 0;

	(void)state;
	connected();
	for (int i = 0; i < 10; i++)
		rig_run_both(&x, &y, ADIT_SEC(60));
	for (size_t i = 0; i < x.n; i++) {
		adit_dur gap = x.log[i].at - last;

		if (!rig_is_request(&x.log[i]) || x.log[i].at < ADIT_SEC(3))
			continue;
		if (n++ > 0) {
			min = gap < min ? gap : min;
			max = gap > max ? gap : max;
		}
		last = x.log[i].at;
	}
	assert_in_range(n, 100, 150);
	assert_true(min >= ADIT_SEC(4) && min < ADIT_MS(4300));
	assert_true(max <= ADIT_SEC(6) && max > ADIT_MS(5700));
	assert_int_equal(x.a.stats.keepalives_sent, 0);
	assert_int_equal(ice_agent_state(&x.a), ICE_COMPLETED);
}

static void consent_ends_30_s_after_the_last_answer(void **state)
{
	adit_time last;

	(void)state;
	connected();
	rig_run_both(&x, &y, ADIT_SEC(20));
	x.is_deaf = true;
	last = x.a.path.consent_until;
	rig_run_both(&x, &y, last - x.now - 1);
	assert_int_equal(x.events[ICE_EVENT_LOST], 0);
	rig_run_both(&x, &y, 1);
	assert_int_equal(x.events[ICE_EVENT_LOST], 1);
	assert_int_equal(ice_agent_state(&x.a), ICE_LOST);
	/* Nothing more is sent, whatever comes. */
	x.is_deaf = false;
	x.seen = x.n;
	rig_run_both(&x, &y, ADIT_SEC(60));
	assert_int_equal(x.seen, x.n);
	assert_int_equal(ice_agent_state(&y.a), ICE_LOST);
}

static void some_lost_answers_do_not_matter(void **state)
{
	(void)state;
	connected();
	for (int i = 0; i < 10; i++) {
		x.is_deaf = true;
		rig_run_both(&x, &y, ADIT_SEC(20));
		x.is_deaf = false;
		rig_run_both(&x, &y, ADIT_SEC(7));
	}
	assert_int_equal(x.events[ICE_EVENT_LOST], 0);
}

/* RFC 7675 5.2 */
static void consent_is_revoked_by_an_authentic_403(void **state)
{
	struct adit_addr ax = rig_addr(1);
	struct adit_addr ay = rig_addr(2);
	uint8_t buf[ICE_MSG_MAX];
	struct stun_msg m;
	size_t len;

	(void)state;
	connected();
	y.is_deaf = true;
	rig_run_both(&x, &y, ADIT_SEC(6));
	m = rig_parse(&x.log[x.n - 1]);
	len = ice_msg_error(&x.a.cred, &crypto_gnutls, ICE_SHA1, m.txid, 403, "Forbidden", NULL, 0, buf);
	assert_int_equal(rig_input(&x, &ax, &ay, buf, len), ADIT_EAUTH);
	assert_int_equal(ice_agent_state(&x.a), ICE_COMPLETED);
	len = ice_msg_error(&y.a.cred, &crypto_gnutls, ICE_SHA1, m.txid, 403, "Forbidden", NULL, 0, buf);
	assert_int_equal(rig_input(&x, &ax, &ay, buf, len), 0);
	assert_int_equal(ice_agent_state(&x.a), ICE_LOST);
}

static void an_answer_from_elsewhere_gives_no_consent(void **state)
{
	struct adit_addr ax = rig_addr(1);
	struct adit_addr other = rig_addr(9);
	uint8_t buf[ICE_MSG_MAX];
	adit_time until;
	struct stun_msg m;
	size_t len;

	(void)state;
	connected();
	y.is_deaf = true;
	rig_run_both(&x, &y, ADIT_SEC(6));
	until = x.a.path.consent_until;
	m = rig_parse(&x.log[x.n - 1]);
	len = ice_msg_answer(&y.a.cred, &crypto_gnutls, ICE_SHA1, m.txid, &ax, buf);
	(void)!rig_input(&x, &ax, &other, buf, len);
	assert_int_equal(x.a.path.consent_until, until);
}

/* RFC 8445 11: a Binding indication after 15 s in which nothing else was sent. */
static void without_consent_an_idle_pair_has_keepalives(void **state)
{
	unsigned n = 0;

	(void)state;
	rig_pair(&x, ICE_CONTROLLING, &y, ICE_CONTROLLED);
	x.cfg.no_consent = y.cfg.no_consent = true;
	rig_begin(&x);
	rig_begin(&y);
	assert_int_equal(ice_agent_add_host(&x.a, x.now, 0,
					    &(struct adit_addr){.ip = {198, 51, 100, 1}, .port = 5000, .family = 4},
					    ICE_IFACE_NORMAL),
			 0);
	assert_int_equal(ice_agent_add_host(&y.a, y.now, 0,
					    &(struct adit_addr){.ip = {198, 51, 100, 2}, .port = 5000, .family = 4},
					    ICE_IFACE_NORMAL),
			 0);
	ice_agent_gather(&x.a, x.now, false);
	ice_agent_gather(&y.a, y.now, false);
	rig_describe(&x, &y);
	rig_describe(&y, &x);
	rig_run_both(&x, &y, ADIT_SEC(61));
	for (size_t i = 0; i < x.n; i++)
		n += x.log[i].data[1] == 0x11;
	assert_int_equal(n, 4);
	assert_int_equal(x.a.stats.keepalives_sent, 4);
	assert_int_equal(x.a.stats.consents_sent, 0);
	/* What the application sends keeps the NAT awake as well. */
	for (int i = 0; i < 6; i++) {
		rig_run_both(&x, &y, ADIT_SEC(10));
		ice_agent_sent(&x.a, x.now);
	}
	assert_int_equal(x.a.stats.keepalives_sent, 4);
	x.is_deaf = true;
	rig_run_both(&x, &y, ADIT_SEC(300));
	assert_int_equal(ice_agent_state(&x.a), ICE_COMPLETED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(consent_is_asked_every_four_to_six_seconds),
		cmocka_unit_test(consent_ends_30_s_after_the_last_answer),
		cmocka_unit_test(some_lost_answers_do_not_matter),
		cmocka_unit_test(consent_is_revoked_by_an_authentic_403),
		cmocka_unit_test(an_answer_from_elsewhere_gives_no_consent),
		cmocka_unit_test(without_consent_an_idle_pair_has_keepalives),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
