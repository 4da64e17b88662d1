/* What comes in: answers, roles, nomination, and what attackers send (nothing but counters moves). */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>

#include "ice_rig.h"

static struct rig x;
static struct rig y;
static uint8_t buf[ICE_MSG_MAX];

/* x knows y, and has sent its first check. */
static void begun(enum ice_role role)
{
	rig_pair(&x, role, &y, ice_role_other(role));
	rig_describe(&y, &x);
	rig_drain(&x);
	assert_int_equal(x.n, 1);
}

/* A check of y's, from |host|. */
static int check_from(uint8_t host, bool use_candidate, uint32_t priority)
{
	struct ice_msg_check c = {.local = &y.a.cred,
				  .remote = &x.a.cred,
				  .role = ice_role_other(ice_agent_role(&x.a)),
				  .priority = priority,
				  .use_candidate = use_candidate};
	struct adit_addr ax = rig_addr(1);
	struct adit_addr from = rig_addr(host);
	uint8_t txid[STUN_TXID_LEN];

	adit_rng_fill(&y.cfg.rng, txid, sizeof(txid));
	return rig_input(&x, &ax, &from, buf, ice_msg_check(&c, &crypto_gnutls, txid, buf));
}

/* y's answer to the last packet of x that went to |host|. */
static int answer_from(uint8_t host)
{
	struct adit_addr ax = rig_addr(1);
	struct adit_addr from = rig_addr(host);
	struct stun_msg m;
	size_t i = x.n;

	while (i > 0 && !(rig_is_request(&x.log[i - 1]) && adit_addr_eq(&x.log[i - 1].remote, &from)))
		i--;
	assert_true(i > 0);
	m = rig_parse(&x.log[i - 1]);
	return rig_input(&x, &ax, &from, buf, ice_msg_answer(&y.a.cred, &crypto_gnutls, ICE_SHA1, m.txid, &ax, buf));
}

static const struct rig_packet *last(void)
{
	assert_true(x.n > 0);
	return &x.log[x.n - 1];
}

/* RFC 8445 7.3.1.4: at once, before what has a higher priority. */
static void who_is_checked_checks_back(void **state)
{
	(void)state;
	begun(ICE_CONTROLLING);
	assert_int_equal(check_from(7, false, 12345), 0);
	assert_int_equal(last()->data[0], 1); /* the answer */
	rig_run(&x, ICE_TA);
	assert_true(rig_is_request(last()));
	assert_int_equal(last()->remote.ip[3], 7);
	assert_int_equal(x.a.remotes[1].cand.type, ICE_PRFLX);
	assert_int_equal(x.a.remotes[1].cand.priority, 12345);
}

static void a_check_in_progress_is_not_repeated_but_its_answer_counts(void **state)
{
	struct adit_addr ax = rig_addr(1);
	struct adit_addr ay = rig_addr(2);
	struct stun_msg first;

	(void)state;
	begun(ICE_CONTROLLED);
	assert_int_equal(check_from(2, false, 1), 0);
	rig_run(&x, ICE_TA);
	assert_int_equal(rig_requests(&x, 0, 0), 2);
	first = rig_parse(&x.log[0]);
	assert_int_equal(
		rig_input(&x, &ax, &ay, buf, ice_msg_answer(&y.a.cred, &crypto_gnutls, ICE_SHA1, first.txid, &ax, buf)),
		0);
	assert_int_equal(ice_agent_state(&x.a), ICE_CONNECTED);
	rig_run(&x, ADIT_SEC(2));
	assert_int_equal(rig_requests(&x, 0, 0), 2);
}

/* Our way opens late: the repetitions that the peer's checks hurried are used up long before. */
static void who_is_still_heard_is_checked_on_at_a_bounded_rate(void **state)
{
	adit_time since;

	(void)state;
	begun(ICE_CONTROLLED);
	for (unsigned i = 0; i < 10; i++) {
		assert_int_equal(check_from(2, false, 1), 0);
		rig_run(&x, ICE_HURRY);
	}
	assert_int_equal(rig_requests(&x, 0, 0), ICE_RC);
	since = x.now;
	for (unsigned i = 0; i < 100; i++) {
		assert_int_equal(check_from(2, false, 1), 0);
		rig_run(&x, ICE_HURRY);
	}
	/* Of 2 s each transaction takes its hurried sends, and an RTO of silence. */
	assert_in_range(rig_requests(&x, 0, since), 2 * ICE_RC, 4 * ICE_RC);
	assert_int_equal(answer_from(2), 0);
	assert_int_equal(ice_agent_state(&x.a), ICE_CONNECTED);
}

/* RFC 8445 7.3.1.5 */
static void a_nomination_before_our_own_answer_counts_when_that_comes(void **state)
{
	(void)state;
	begun(ICE_CONTROLLED);
	assert_int_equal(check_from(2, true, 1), 0);
	assert_int_equal(x.events[ICE_EVENT_SELECTED], 0);
	rig_run(&x, ICE_TA);
	assert_int_equal(answer_from(2), 0);
	assert_int_equal(x.events[ICE_EVENT_SELECTED], 1);
}

static void a_nomination_of_a_valid_pair_counts_at_once(void **state)
{
	(void)state;
	begun(ICE_CONTROLLED);
	assert_int_equal(answer_from(2), 0);
	assert_int_equal(ice_agent_state(&x.a), ICE_CONNECTED);
	assert_int_equal(check_from(2, true, 1), 0);
	assert_int_equal(ice_agent_state(&x.a), ICE_COMPLETED);
}

static void we_do_not_let_the_controlled_side_nominate(void **state)
{
	(void)state;
	begun(ICE_CONTROLLING);
	assert_int_equal(check_from(2, true, 1), 0);
	rig_run(&x, ICE_TA);
	x.a.cfg.nominate_wait = ADIT_SEC(100);
	assert_int_equal(check_from(9, false, ICE_PRIORITY_MAX), 0); /* something better, still unanswered */
	assert_int_equal(answer_from(2), 0);
	assert_int_equal(ice_agent_state(&x.a), ICE_CONNECTED);
}

/* Two pairs, both nominated, the one of |second| later; which one is in use? */
static uint8_t nominated_twice(bool has_ice2, uint8_t first, uint8_t second)
{
	struct ice_remote_desc desc;

	rig_pair(&x, ICE_CONTROLLED, &y, ICE_CONTROLLING);
	desc = (struct ice_remote_desc){.cred = *ice_agent_cred(&y.a), .has_ice2 = has_ice2};
	assert_int_equal(ice_agent_set_remote(&x.a, x.now, &desc), 0);
	for (int i = 0; i < 2; i++) {
		uint8_t host = i ? second : first;

		assert_int_equal(check_from(host, true, 1000u * host), 0);
		rig_run(&x, ICE_TA);
		assert_int_equal(answer_from(host), 0);
	}
	return x.last[ICE_EVENT_SELECTED].remote.ip[3];
}

/* RFC 5245 8.1.1.2: of several nominated pairs the best. */
static void an_old_agent_that_nominates_all_gets_the_best(void **state)
{
	(void)state;
	assert_int_equal(nominated_twice(false, 20, 30), 30);
	assert_int_equal(x.events[ICE_EVENT_SELECTED], 2);
	assert_int_equal(nominated_twice(false, 30, 20), 30);
	assert_int_equal(x.events[ICE_EVENT_SELECTED], 1);
}

static void the_last_nomination_of_a_new_agent_counts(void **state)
{
	(void)state;
	assert_int_equal(nominated_twice(true, 30, 20), 20);
}

/* RFC 8445 7.2.5.2.1 */
static void an_answer_from_another_address_fails_the_pair(void **state)
{
	struct adit_addr ax = rig_addr(1);
	struct adit_addr other = rig_addr(9);
	struct ice_account acc;
	struct stun_msg m;
	size_t pos = 0;

	(void)state;
	begun(ICE_CONTROLLING);
	m = rig_parse(&x.log[0]);
	assert_int_equal(
		rig_input(&x, &ax, &other, buf, ice_msg_answer(&y.a.cred, &crypto_gnutls, ICE_SHA1, m.txid, &ax, buf)),
		0);
	assert_true(ice_agent_account(&x.a, &pos, &acc));
	assert_int_equal(acc.state, ICE_PAIR_FAILED);
	assert_int_equal(acc.why, ICE_WHY_ASYMMETRIC);
}

/* RFC 8445 7.2.5.3.1 */
static void a_mapped_address_that_is_new_is_a_peer_reflexive_candidate(void **state)
{
	struct adit_addr ax = rig_addr(1);
	struct adit_addr ay = rig_addr(2);
	struct adit_addr seen = adit_addr_v4(203, 0, 113, 77, 4444);
	struct ice_account acc;
	struct stun_msg m;
	size_t pos = 0;

	(void)state;
	begun(ICE_CONTROLLED);
	m = rig_parse(&x.log[0]);
	assert_int_equal(
		rig_input(&x, &ax, &ay, buf, ice_msg_answer(&y.a.cred, &crypto_gnutls, ICE_SHA1, m.txid, &seen, buf)),
		0);
	assert_true(ice_agent_account(&x.a, &pos, &acc));
	assert_int_equal(acc.local_type, ICE_PRFLX);
	assert_true(adit_addr_eq(&acc.mapped, &seen));
	assert_int_equal(x.events[ICE_EVENT_CANDIDATE], 1); /* it is not signalled */
	assert_true(adit_addr_eq(&x.last[ICE_EVENT_VALID].mapped, &seen));
}

static int error_from_y(unsigned code, const struct ice_cred *cred)
{
	struct adit_addr ax = rig_addr(1);
	struct adit_addr ay = rig_addr(2);
	struct stun_msg m = rig_parse(last());

	return rig_input(&x, &ax, &ay, buf,
			 ice_msg_error(cred, &crypto_gnutls, ICE_SHA1, m.txid, code, "No", NULL, 0, buf));
}

/* RFC 8445 7.2.5.1: the other role, a new tiebreaker, the check again. */
static void a_487_switches_the_role(void **state)
{
	uint64_t before;

	(void)state;
	begun(ICE_CONTROLLING);
	before = x.a.tiebreaker;
	assert_int_equal(error_from_y(487, &y.a.cred), 0);
	assert_int_equal(ice_agent_role(&x.a), ICE_CONTROLLED);
	assert_true(x.a.tiebreaker != before);
	rig_run(&x, ICE_TA);
	assert_int_equal(rig_requests(&x, STUN_ATTR_ICE_CONTROLLED, 0), 1);
}

/* RFC 8445 7.3.1.1: the larger tiebreaker controls; equal ones are settled by who asks giving way. */
static void the_larger_tiebreaker_controls(void **state)
{
	static const struct {
		enum ice_role both;
		int theirs; /* less, equal, greater than ours */
		bool is_refused;
	} cases[] = {
		{ICE_CONTROLLING, -1, true}, {ICE_CONTROLLING, 0, true}, {ICE_CONTROLLING, 1, false},
		{ICE_CONTROLLED, -1, false}, {ICE_CONTROLLED, 0, false}, {ICE_CONTROLLED, 1, true},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct adit_addr ax = rig_addr(1);
		struct adit_addr ay = rig_addr(2);
		struct ice_msg_check c;

		begun(cases[i].both);
		c = (struct ice_msg_check){.local = &y.a.cred,
					   .remote = &x.a.cred,
					   .role = cases[i].both,
					   .tiebreaker = x.a.tiebreaker + (uint64_t)(int64_t)cases[i].theirs,
					   .priority = 1};
		assert_int_equal(rig_input(&x, &ax, &ay, buf,
					   ice_msg_check(&c, &crypto_gnutls, (const uint8_t *)"twelve bytes", buf)),
				 0);
		assert_int_equal(rig_parse(last()).class, cases[i].is_refused ? STUN_ERROR : STUN_SUCCESS);
		assert_int_equal(ice_agent_role(&x.a),
				 cases[i].is_refused ? cases[i].both : ice_role_other(cases[i].both));
		assert_int_equal(x.a.pairs[0].heard, !cases[i].is_refused);
	}
}

static void a_peer_that_always_says_487_is_left_alone_in_the_end(void **state)
{
	(void)state;
	begun(ICE_CONTROLLING);
	for (int i = 0; i < 100 && rig_is_request(last()); i++) {
		assert_true(error_from_y(487, &y.a.cred) <= 0);
		rig_run(&x, ICE_TA);
	}
	assert_true(x.n < 20);
	assert_int_equal(x.a.pairs[0].state, ICE_PAIR_FAILED);
}

static void another_error_fails_the_pair(void **state)
{
	(void)state;
	begun(ICE_CONTROLLING);
	assert_int_equal(error_from_y(500, &x.a.cred), ADIT_EAUTH);
	assert_int_equal(x.a.pairs[0].state, ICE_PAIR_IN_PROGRESS);
	assert_int_equal(error_from_y(500, &y.a.cred), 0);
	assert_int_equal(x.a.pairs[0].why, ICE_WHY_ERROR);
	assert_int_equal(x.a.pairs[0].error, 500);
}

/* ---- attacks ---- */

/* The parts of the agent that an attacker might want to move. */
struct still {
	enum ice_state state;
	enum ice_role role;
	uint64_t tiebreaker;
	uint64_t pairs[ICE_PAIRS_MAX][4]; /* what an attacker would want to move, without the padding between it */
	uint32_t remotes[ICE_REMOTES_MAX][2];
	size_t n_locals;
	size_t n_early;
	size_t answers_n;
	size_t n;
	uint64_t checks_heard;
};

static struct still still_of(void)
{
	struct still s;

	memset(&s, 0, sizeof(s));
	s.state = x.a.state;
	s.role = x.a.role;
	s.tiebreaker = x.a.tiebreaker;
	for (size_t i = 0; i < ICE_PAIRS_MAX && x.a.pairs[i].is_used; i++) {
		const struct ice_pair *p = &x.a.pairs[i];

		s.pairs[i][0] = 1u + p->is_valid * 2u + p->is_nominated * 4u + p->is_wanted * 8u + p->base * 256u +
				p->remote * 65536u;
		s.pairs[i][1] = (uint64_t)p->state << 32 | (uint64_t)p->why;
		s.pairs[i][2] = p->priority;
		s.pairs[i][3] = (uint64_t)p->queued << 32 | (p->sent << 16 ^ p->heard << 8 ^ p->answered);
	}
	for (size_t i = 0; i < ICE_REMOTES_MAX && x.a.remotes[i].is_used; i++) {
		s.remotes[i][0] = 1u + x.a.remotes[i].is_signalled;
		s.remotes[i][1] = x.a.remotes[i].cand.addr.port;
	}
	s.n_locals = x.a.n_locals;
	s.n_early = x.a.n_early;
	s.answers_n = x.a.answers_n;
	s.n = x.n;
	s.checks_heard = x.a.stats.checks_heard;
	return s;
}

#define assert_still(s)                                             \
	do {                                                        \
		struct still now_is = still_of();                   \
		assert_memory_equal(&(s), &now_is, sizeof(now_is)); \
	} while (0)

static void a_forged_check_moves_nothing_but_counters(void **state)
{
	struct ice_cred guess;
	struct ice_msg_check c;
	struct adit_addr ax = rig_addr(1);
	struct adit_addr mallory = rig_addr(66);
	struct still s;

	(void)state;
	begun(ICE_CONTROLLED);
	s = still_of();
	guess = x.a.cred; /* its ufrag is no secret */
	for (unsigned i = 0; i < 1000; i++) {
		uint8_t txid[STUN_TXID_LEN] = {(uint8_t)i};

		guess.pwd[i % ICE_PWD_LEN] ^= 1;
		c = (struct ice_msg_check){.local = &y.a.cred,
					   .remote = &guess,
					   .role = (enum ice_role)(i & 1),
					   .tiebreaker = UINT64_MAX,
					   .priority = 1,
					   .use_candidate = true};
		if (memcmp(guess.pwd, x.a.cred.pwd, ICE_PWD_LEN) == 0)
			continue;
		assert_int_equal(rig_input(&x, &ax, &mallory, buf, ice_msg_check(&c, &crypto_gnutls, txid, buf)),
				 ADIT_EAUTH);
	}
	assert_still(s);
	assert_true(x.a.stats.bad_auth >= 900);
}

static void a_forged_answer_moves_nothing_but_counters(void **state)
{
	struct adit_addr ax = rig_addr(1);
	struct adit_addr ay = rig_addr(2);
	struct stun_msg m;
	struct still s;
	size_t len;

	(void)state;
	begun(ICE_CONTROLLED);
	s = still_of();
	m = rig_parse(&x.log[0]);
	/* With the right transaction, as somebody on the path sees it; without the password. */
	len = ice_msg_answer(&x.a.cred, &crypto_gnutls, ICE_SHA1, m.txid, &ax, buf);
	assert_int_equal(rig_input(&x, &ax, &ay, buf, len), ADIT_EAUTH);
	len = ice_msg_error(&x.a.cred, &crypto_gnutls, ICE_SHA1, m.txid, 487, "x", NULL, 0, buf);
	assert_int_equal(rig_input(&x, &ax, &ay, buf, len), ADIT_EAUTH);
	assert_still(s);
	/* An authentic one of a transaction that we never began. */
	len = ice_msg_answer(&y.a.cred, &crypto_gnutls, ICE_SHA1, (const uint8_t *)"another txid", &ax, buf);
	assert_int_equal(rig_input(&x, &ax, &ay, buf, len), ADIT_EIGNORED);
	assert_still(s);
}

static void our_own_check_come_back_is_nobodys(void **state)
{
	struct adit_addr ax = rig_addr(1);
	struct adit_addr ay = rig_addr(2);
	struct still s;

	(void)state;
	begun(ICE_CONTROLLED);
	s = still_of();
	assert_int_equal(rig_input(&x, &ax, &ay, x.log[0].data, x.log[0].len), ADIT_EIGNORED);
	assert_still(s);
}

static void truncated_and_oversized_checks_move_nothing_but_counters(void **state)
{
	struct ice_msg_check c;
	struct adit_addr ax = rig_addr(1);
	struct adit_addr ay = rig_addr(2);
	uint8_t txid[STUN_TXID_LEN] = {9};
	struct still s;
	size_t len;
	uint8_t *big;

	(void)state;
	begun(ICE_CONTROLLED);
	s = still_of();
	c = (struct ice_msg_check){.local = &y.a.cred, .remote = &x.a.cred, .role = ICE_CONTROLLING, .priority = 1};
	len = ice_msg_check(&c, &crypto_gnutls, txid, buf);
	for (size_t i = 0; i < len; i++)
		assert_true(rig_input(&x, &ax, &ay, buf, i) < 0);
	/* Attributes inside an attribute, and one that claims more than there is. */
	big = calloc(1, 65000);
	assert_non_null(big);
	memcpy(big, buf, STUN_HEADER_LEN);
	big[2] = 0xfd;
	big[3] = 0xc8; /* 64968 bytes of attributes */
	for (size_t at = STUN_HEADER_LEN; at + 4 <= 64988; at += 4) {
		big[at + 1] = STUN_ATTR_USERNAME;
		big[at + 2] = (uint8_t)((64988 - at - 4) >> 8);
		big[at + 3] = (uint8_t)(64988 - at - 4);
	}
	assert_true(rig_input(&x, &ax, &ay, big, 64988) < 0);
	big[STUN_HEADER_LEN + 2] = 0xff;
	assert_true(rig_input(&x, &ax, &ay, big, 64988) < 0);
	free(big);
	assert_still(s);
}

/* RFC 8489 6.3.1: an authentic sender is told; a stranger is not. */
static void an_unknown_required_attribute_is_answered_with_420(void **state)
{
	struct adit_addr ax = rig_addr(1);
	struct adit_addr ay = rig_addr(2);
	uint16_t types[4];
	char name[64];
	struct stun_build b;
	struct stun_attr a;
	struct stun_msg m;

	(void)state;
	begun(ICE_CONTROLLED);
	snprintf(name, sizeof(name), "%.8s:%.8s", x.a.cred.ufrag, y.a.cred.ufrag);
	stun_build_begin(&b, buf, sizeof(buf), STUN_REQUEST, STUN_BINDING, (const uint8_t *)"abcdefghijkl");
	stun_build_bytes(&b, STUN_ATTR_USERNAME, name, strlen(name));
	stun_build_u32(&b, STUN_ATTR_PRIORITY, 1);
	stun_build_u32(&b, 0x7777, 1);
	stun_build_integrity_sha1(&b, &crypto_gnutls, (const uint8_t *)x.a.cred.pwd, ICE_PWD_LEN);
	stun_build_fingerprint(&b);
	assert_int_equal(rig_input(&x, &ax, &ay, buf, (size_t)stun_build_end(&b)), 0);
	m = rig_parse(last());
	assert_int_equal(m.class, STUN_ERROR);
	assert_int_equal(stun_msg_find(&m, STUN_ATTR_UNKNOWN_ATTRIBUTES, &a), 0);
	assert_int_equal(stun_attr_read_unknown(&a, types, 4), 1);
	assert_int_equal(types[0], 0x7777);
	assert_int_equal(x.a.pairs[0].heard, 0);
}

static void a_check_without_priority_is_answered_with_400(void **state)
{
	(void)state;
	begun(ICE_CONTROLLED);
	assert_int_equal(check_from(2, false, 0), 0);
	assert_int_equal(rig_parse(last()).class, STUN_ERROR);
	assert_int_equal(x.a.pairs[0].heard, 0);
}

static void an_answer_is_never_longer_than_its_question(void **state)
{
	size_t len;

	(void)state;
	begun(ICE_CONTROLLED);
	for (uint8_t host = 2; host < 60; host++) {
		assert_int_equal(check_from(host, host & 1, host & 3), 0);
		len = ((size_t)buf[2] << 8 | buf[3]) + STUN_HEADER_LEN;
		assert_true(last()->len <= len);
	}
}

static void learnt_candidates_have_a_limit(void **state)
{
	unsigned learnt = 0;

	(void)state;
	begun(ICE_CONTROLLED);
	for (uint8_t host = 10; host < 250; host++)
		assert_int_equal(check_from(host, false, 1), 0);
	for (size_t i = 0; i < ICE_REMOTES_MAX; i++)
		learnt += x.a.remotes[i].is_used && !x.a.remotes[i].is_signalled;
	assert_int_equal(learnt, ICE_LEARNT_MAX);
	assert_int_equal(x.a.stats.refused[ICE_REFUSED_FULL], 240 - ICE_LEARNT_MAX);
	assert_int_equal(x.a.stats.answers_sent, 240);
}

/* RFC 1812, RFC 792: somebody says that nobody is there. Noted; the far NAT may open next. */
static void icmp_is_noted_and_not_final(void **state)
{
	struct adit_icmp icmp = {.type = 3, .code = 3};
	struct ice_account acc;
	size_t pos = 0;

	(void)state;
	begun(ICE_CONTROLLED);
	icmp.remote = rig_addr(2);
	icmp.data = x.log[0].data;
	icmp.len = x.log[0].len;
	ice_agent_icmp(&x.a, x.now, &icmp);
	icmp.len = 8;
	ice_agent_icmp(&x.a, x.now, &icmp);
	assert_int_equal(x.a.pairs[0].state, ICE_PAIR_IN_PROGRESS);
	rig_run(&x, ICE_PATIENCE);
	assert_true(ice_agent_account(&x.a, &pos, &acc));
	assert_int_equal(acc.why, ICE_WHY_UNREACHABLE);
	assert_int_equal(acc.icmp, 1);
}

static void datagrams_that_came_together_are_taken_apart(void **state)
{
	struct ice_msg_check c;
	struct adit_dgram d;
	uint8_t two[2 * ICE_MSG_MAX];
	size_t len;

	(void)state;
	begun(ICE_CONTROLLED);
	c = (struct ice_msg_check){.local = &y.a.cred, .remote = &x.a.cred, .role = ICE_CONTROLLING, .priority = 1};
	len = ice_msg_check(&c, &crypto_gnutls, (const uint8_t *)"first twelve", two);
	(void)ice_msg_check(&c, &crypto_gnutls, (const uint8_t *)"other twelve", two + len);
	d = (struct adit_dgram){.remote = rig_addr(2), .data = two, .len = 2 * len, .seg_size = len};
	assert_int_equal(ice_agent_input(&x.a, x.now, &d), 0);
	assert_int_equal(x.a.stats.checks_heard, 2);
	assert_int_equal(x.a.answers_n, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_is_checked_checks_back),
		cmocka_unit_test(a_check_in_progress_is_not_repeated_but_its_answer_counts),
		cmocka_unit_test(who_is_still_heard_is_checked_on_at_a_bounded_rate),
		cmocka_unit_test(a_nomination_before_our_own_answer_counts_when_that_comes),
		cmocka_unit_test(a_nomination_of_a_valid_pair_counts_at_once),
		cmocka_unit_test(we_do_not_let_the_controlled_side_nominate),
		cmocka_unit_test(an_old_agent_that_nominates_all_gets_the_best),
		cmocka_unit_test(the_last_nomination_of_a_new_agent_counts),
		cmocka_unit_test(an_answer_from_another_address_fails_the_pair),
		cmocka_unit_test(a_mapped_address_that_is_new_is_a_peer_reflexive_candidate),
		cmocka_unit_test(a_487_switches_the_role),
		cmocka_unit_test(the_larger_tiebreaker_controls),
		cmocka_unit_test(a_peer_that_always_says_487_is_left_alone_in_the_end),
		cmocka_unit_test(another_error_fails_the_pair),
		cmocka_unit_test(a_forged_check_moves_nothing_but_counters),
		cmocka_unit_test(a_forged_answer_moves_nothing_but_counters),
		cmocka_unit_test(our_own_check_come_back_is_nobodys),
		cmocka_unit_test(truncated_and_oversized_checks_move_nothing_but_counters),
		cmocka_unit_test(an_unknown_required_attribute_is_answered_with_420),
		cmocka_unit_test(a_check_without_priority_is_answered_with_400),
		cmocka_unit_test(an_answer_is_never_longer_than_its_question),
		cmocka_unit_test(learnt_candidates_have_a_limit),
		cmocka_unit_test(icmp_is_noted_and_not_final),
		cmocka_unit_test(datagrams_that_came_together_are_taken_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
