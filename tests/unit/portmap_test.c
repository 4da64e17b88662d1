#include "test.h"

#include <string.h>

#include "base/bytes.h"
#include "core/portmap/portmap.h"

#define ASK  4
#define NEWS 5

/* A router that is asked by hand, in virtual time. */
struct rig {
	struct portmap p;
	struct adit_rng_seeded seed;
	adit_time now;
	struct adit_addr gateway;
	uint8_t last[64]; /* the last question */
	size_t last_len;
	unsigned pcp, address, map; /* questions so far */
	bool ask_open, news_open;
};

static struct adit_addr addr(const char *text)
{
	struct adit_addr a;

	assert_int_equal(adit_addr_parse(text, strlen(text), &a), 0);
	return a;
}

static void drain(struct rig *r)
{
	struct adit_out o;

	while (portmap_output(&r->p, r->now, &o)) {
		if (o.kind != ADIT_OUT_SEND) {
			bool *open = o.sock == ASK ? &r->ask_open : &r->news_open;

			assert_true(o.sock == ASK || o.sock == NEWS);
			assert_int_equal(o.local.port, o.sock == ASK || o.kind == ADIT_OUT_CLOSE ? o.local.port : 5350);
			*open = o.kind == ADIT_OUT_OPEN;
			continue;
		}
		assert_true(o.sock == ASK && r->ask_open && o.len <= sizeof(r->last));
		assert_true(adit_addr_eq(&o.remote, &r->gateway));
		memcpy(r->last, o.data, o.len);
		r->last_len = o.len;
		r->pcp += o.len == PORTMAP_PCP_MAP_LEN;
		r->map += o.len == PORTMAP_PMP_MAP_LEN;
		r->address += o.len == PORTMAP_PMP_ADDRESS_LEN;
	}
}

static void start(struct rig *r, const char *gateway, const char *own, uint32_t lifetime)
{
	struct portmap_config cfg = {.gateway = addr(gateway), .own = addr(own), .lifetime = lifetime, .sock = ASK};

	memset(r, 0, sizeof(*r));
	r->now = ADIT_SEC(1000);
	r->gateway = adit_addr_with_port(cfg.gateway, 5351);
	cfg.rng = adit_rng_seeded_init(&r->seed, 7);
	portmap_init(&r->p, &cfg, r->now);
	drain(r);
}

static void start_v4(struct rig *r)
{
	start(r, "192.168.1.1", "192.168.1.23:4500", 7200);
}

static void run_until(struct rig *r, adit_time until)
{
	for (unsigned n = 0; portmap_deadline(&r->p) <= until; n++) {
		assert_true(n < 10000);
		if (portmap_deadline(&r->p) > r->now)
			r->now = portmap_deadline(&r->p);
		portmap_tick(&r->p, r->now);
		drain(r);
	}
	r->now = until;
	portmap_tick(&r->p, r->now);
	drain(r);
}

static void run_for(struct rig *r, adit_dur d)
{
	run_until(r, r->now + d);
}

static int from(struct rig *r, uint32_t sock, struct adit_addr remote, const uint8_t *data, size_t len)
{
	struct adit_dgram d = {.sock = sock, .remote = remote, .data = data, .len = len};
	int code = portmap_input(&r->p, r->now, &d);

	drain(r);
	return code;
}

static int say(struct rig *r, const uint8_t *data, size_t len)
{
	return from(r, ASK, r->gateway, data, len);
}

/* The answer to our last MAP question. */
static size_t pcp_answer(const struct rig *r, uint8_t result, uint32_t lifetime, uint32_t epoch, const char *external,
			 uint8_t out[PORTMAP_PCP_MAP_LEN])
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	struct adit_wr w = adit_wr_over(out, PORTMAP_PCP_MAP_LEN);
	struct adit_addr a = addr(external);

	adit_wr_u8(&w, 2);
	adit_wr_u8(&w, 0x81);
	adit_wr_u8(&w, 0);
	adit_wr_u8(&w, result);
	adit_wr_u32(&w, lifetime);
	adit_wr_u32(&w, epoch);
	adit_wr_zero(&w, 12);
	adit_wr_bytes(&w, r->p.nonce, PORTMAP_PCP_NONCE_LEN);
	adit_wr_u8(&w, 17);
	adit_wr_zero(&w, 3);
	adit_wr_u16(&w, 4500);
	adit_wr_u16(&w, a.port);
	if (adit_addr_is_v4(&a))
		adit_wr_bytes(&w, mapped, sizeof(mapped));
	adit_wr_bytes(&w, a.ip, adit_addr_is_v4(&a) ? 4 : 16);
	assert_int_equal(w.len, PORTMAP_PCP_MAP_LEN);
	return w.len;
}

static uint32_t epoch_of(const struct rig *r)
{
	return (uint32_t)(r->now / ADIT_SEC(1)) + 5000;
}

static int grant(struct rig *r, uint32_t lifetime, uint32_t epoch, const char *external)
{
	uint8_t buf[PORTMAP_PCP_MAP_LEN];

	return say(r, buf, pcp_answer(r, 0, lifetime, epoch, external, buf));
}

static int refuse(struct rig *r, uint8_t result, uint32_t lifetime)
{
	uint8_t buf[PORTMAP_PCP_MAP_LEN];

	return say(r, buf, pcp_answer(r, result, lifetime, epoch_of(r), "0.0.0.0", buf));
}

static int announce(struct rig *r, uint32_t epoch)
{
	uint8_t buf[24] = {
		2, 0x80, [8] = (uint8_t)(epoch >> 24), (uint8_t)(epoch >> 16), (uint8_t)(epoch >> 8), (uint8_t)epoch};

	return from(r, NEWS, r->gateway, buf, sizeof(buf));
}

static size_t pmp_bytes(uint8_t op, uint16_t result, uint32_t epoch, uint8_t *out, size_t cap, struct adit_wr *ret_w)
{
	*ret_w = adit_wr_over(out, cap);
	adit_wr_u8(ret_w, 0);
	adit_wr_u8(ret_w, 128 + op);
	adit_wr_u16(ret_w, result);
	adit_wr_u32(ret_w, epoch);
	return ret_w->len;
}

static int pmp_error(struct rig *r, uint8_t op, uint16_t result)
{
	struct adit_wr w;
	uint8_t buf[8];

	return say(r, buf, pmp_bytes(op, result, epoch_of(r), buf, sizeof(buf), &w));
}

static int pmp_address(struct rig *r, uint32_t sock, uint32_t epoch, const char *external)
{
	struct adit_addr a = addr(external);
	struct adit_wr w;
	uint8_t buf[12];

	pmp_bytes(0, 0, epoch, buf, sizeof(buf), &w);
	adit_wr_bytes(&w, a.ip, 4);
	return from(r, sock, r->gateway, buf, w.len);
}

static int pmp_map(struct rig *r, uint32_t epoch, uint16_t internal, uint16_t external, uint32_t lifetime)
{
	struct adit_wr w;
	uint8_t buf[16];

	pmp_bytes(1, 0, epoch, buf, sizeof(buf), &w);
	adit_wr_u16(&w, internal);
	adit_wr_u16(&w, external);
	adit_wr_u32(&w, lifetime);
	return say(r, buf, w.len);
}

static struct portmap_event event(struct rig *r, enum portmap_event_kind kind)
{
	struct portmap_event e;

	assert_int_equal(portmap_event(&r->p, &e), 1);
	assert_int_equal(e.kind, kind);
	return e;
}

static void no_event(struct rig *r)
{
	struct portmap_event e;

	assert_int_equal(portmap_event(&r->p, &e), 0);
}

static void start_mapped(struct rig *r, uint32_t lifetime)
{
	start_v4(r);
	assert_int_equal(grant(r, lifetime, epoch_of(r), "203.0.113.9:4500"), 0);
	event(r, PORTMAP_EVENT_MAPPED);
}

static void start_pmp(struct rig *r)
{
	start_v4(r);
	assert_int_equal(pmp_error(r, 1, PORTMAP_PMP_VERSION), 0);
	assert_int_equal(pmp_address(r, ASK, epoch_of(r), "203.0.113.9"), 0);
	assert_int_equal(pmp_map(r, epoch_of(r), 4500, 4501, 3600), 0);
	assert_int_equal(event(r, PORTMAP_EVENT_MAPPED).protocol, PORTMAP_PMP);
}

static void a_granted_mapping_is_reported_with_address_port_and_lifetime(void **state)
{
	struct adit_addr want = addr("203.0.113.9:4711");
	struct portmap_event e;
	struct rig r;

	(void)state;
	start_v4(&r);
	assert_true(r.ask_open && r.news_open && r.pcp == 1);
	assert_null(portmap_external(&r.p));
	assert_int_equal(grant(&r, 3600, 77, "203.0.113.9:4711"), 0);
	e = event(&r, PORTMAP_EVENT_MAPPED);
	assert_int_equal(e.protocol, PORTMAP_PCP);
	assert_true(adit_addr_eq(&e.external, &want) && adit_addr_eq(portmap_external(&r.p), &want));
	assert_int_equal(e.lifetime, 3600);
	assert_false(e.is_private);
	no_event(&r);
}

static void a_private_address_outside_is_a_double_nat(void **state)
{
	static const struct {
		const char *external;
		bool is_private;
	} cases[] = {
		{"10.0.0.2:4500", true},     {"192.168.0.7:4500", true}, {"100.64.3.4:4500", true},
		{"100.128.0.1:4500", false}, {"172.16.0.1:1", true},     {"198.51.100.7:4500", false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct rig r;

		start_v4(&r);
		assert_int_equal(grant(&r, 3600, 77, cases[i].external), 0);
		assert_int_equal(event(&r, PORTMAP_EVENT_MAPPED).is_private, cases[i].is_private);
	}
}

/* RFC 6887 8.1.1, each wait within a tenth of 3, 6, 12 ... 1024 s of the one before. */
static void unanswered_questions_are_repeated_ever_more_rarely(void **state)
{
	adit_dur before = 0;
	struct rig r;

	(void)state;
	start_v4(&r);
	for (unsigned i = 0; i < 14; i++) {
		adit_dur base = before == 0 ? ADIT_SEC(3) : 2 * before;
		adit_time sent = r.now;
		unsigned n = r.pcp;

		base = base < ADIT_SEC(1024) ? base : ADIT_SEC(1024);
		while (r.pcp == n)
			run_until(&r, portmap_deadline(&r.p));
		before = r.now - sent;
		assert_in_range(before, base / 10 * 9, base / 10 * 11);
	}
	assert_true(r.address < 30);
}

static void silence_is_told_once_and_asking_goes_on(void **state)
{
	struct rig r;

	(void)state;
	start_v4(&r);
	run_for(&r, PORTMAP_SILENCE - 1);
	no_event(&r);
	run_for(&r, 1);
	event(&r, PORTMAP_EVENT_NONE);
	run_for(&r, ADIT_SEC(3600));
	no_event(&r);
	assert_int_equal(grant(&r, 3600, 77, "203.0.113.9:4500"), 0);
	event(&r, PORTMAP_EVENT_MAPPED);
}

static void an_unreachable_port_at_the_gateway_ends_the_wait_for_it_alone(void **state)
{
	struct adit_icmp icmp = {.sock = ASK, .type = 3, .code = 3};
	struct rig r;

	(void)state;
	start_v4(&r);
	icmp.remote = r.gateway;
	icmp.offender = addr("192.168.1.66");
	portmap_icmp(&r.p, r.now, &icmp);
	icmp.offender = addr("192.168.1.1");
	icmp.code = 1;
	portmap_icmp(&r.p, r.now, &icmp);
	no_event(&r);
	icmp.code = 3;
	portmap_icmp(&r.p, r.now, &icmp);
	event(&r, PORTMAP_EVENT_NONE);
}

/* RFC 6887 11.2.1 */
static void a_renewal_comes_after_the_half_then_three_quarters_then_seven_eighths(void **state)
{
	static const unsigned from_s[] = {3600, 5400, 6300};
	static const unsigned to_s[] = {4500, 5850, 6525};
	adit_time granted;
	struct rig r;

	(void)state;
	start_mapped(&r, 7200);
	granted = r.now;
	for (size_t i = 0; i < ARRAY_LEN(from_s); i++) {
		unsigned n = r.pcp;

		run_until(&r, portmap_deadline(&r.p));
		assert_int_equal(r.pcp, n + 1);
		assert_in_range(r.now - granted, ADIT_SEC(from_s[i]), ADIT_SEC(to_s[i]));
	}
	assert_int_equal(grant(&r, 7200, epoch_of(&r), "203.0.113.9:4500"), 0);
	no_event(&r);
	assert_int_equal(portmap_stats(&r.p)->renewed, 1);
	run_until(&r, granted + ADIT_SEC(7200) + 1);
	assert_non_null(portmap_external(&r.p));
}

static void renewals_are_never_nearer_than_four_seconds(void **state)
{
	adit_time last = 0;
	struct rig r;

	(void)state;
	start_mapped(&r, 20);
	last = r.now;
	for (unsigned n = r.pcp; portmap_external(&r.p);) {
		run_until(&r, portmap_deadline(&r.p));
		if (r.pcp == n || !portmap_external(&r.p))
			continue;
		n = r.pcp;
		assert_true(r.now - last >= ADIT_SEC(4));
		last = r.now;
	}
}

static void a_mapping_that_ran_out_is_lost_and_asked_for_as_it_was(void **state)
{
	struct rig r;
	unsigned n;

	(void)state;
	start_mapped(&r, 100);
	run_for(&r, ADIT_SEC(100) - 1);
	no_event(&r);
	n = r.pcp;
	run_for(&r, 1);
	event(&r, PORTMAP_EVENT_LOST);
	assert_null(portmap_external(&r.p));
	assert_int_equal(r.pcp, n + 1);
	assert_memory_equal(r.last + 42, "\x11\x94", 2);
	assert_memory_equal(r.last + 56, "\xcb\x00\x71\x09", 4);
}

static void a_mapping_that_moved_is_reported(void **state)
{
	struct rig r;

	(void)state;
	start_mapped(&r, 100);
	run_until(&r, portmap_deadline(&r.p));
	assert_int_equal(grant(&r, 100, epoch_of(&r), "203.0.113.10:4500"), 0);
	event(&r, PORTMAP_EVENT_CHANGED);
	no_event(&r);
}

static void errors_wait_as_long_as_the_router_says_within_limits(void **state)
{
	static const struct {
		uint32_t said;
		unsigned wait_s;
	} cases[] = {{0, 30}, {30, 30}, {300, 300}, {1800, 1800}, {UINT32_MAX, 1800}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct rig r;

		start_v4(&r);
		assert_int_equal(refuse(&r, PORTMAP_PCP_NOT_AUTHORIZED, cases[i].said), 0);
		assert_string_equal(event(&r, PORTMAP_EVENT_REFUSED).reason, portmap_pcp_text(2));
		run_for(&r, ADIT_SEC(cases[i].wait_s) - 1);
		assert_int_equal(r.pcp, 1);
		run_for(&r, 1);
		assert_int_equal(r.pcp, 2);
		assert_int_equal(refuse(&r, PORTMAP_PCP_NOT_AUTHORIZED, 30), 0);
		no_event(&r); /* the same reason again is no news */
		run_for(&r, ADIT_SEC(30));
		assert_int_equal(refuse(&r, PORTMAP_PCP_ADDRESS_MISMATCH, 30), 0);
		event(&r, PORTMAP_EVENT_REFUSED);
	}
}

static void a_refused_renewal_leaves_the_mapping_until_its_end(void **state)
{
	struct rig r;

	(void)state;
	start_mapped(&r, 100);
	run_until(&r, portmap_deadline(&r.p));
	assert_int_equal(refuse(&r, 8, 1800), 0);
	no_event(&r);
	assert_non_null(portmap_external(&r.p));
	run_for(&r, ADIT_SEC(60));
	event(&r, PORTMAP_EVENT_LOST);
}

static void lying_lifetimes_are_cut_to_a_day_or_refused(void **state)
{
	struct rig r;

	(void)state;
	start_mapped(&r, UINT32_MAX);
	assert_int_equal(r.p.lifetime, 86400);
	run_for(&r, ADIT_SEC(86400) * 5 / 8);
	assert_int_equal(r.pcp, 2);
	for (uint32_t lifetime = 0; lifetime < PORTMAP_LIFETIME_MIN; lifetime++) {
		start_v4(&r);
		assert_int_equal(grant(&r, lifetime, 77, "203.0.113.9:4500"), 0);
		event(&r, PORTMAP_EVENT_REFUSED);
		run_for(&r, ADIT_SEC(29));
		assert_int_equal(r.pcp, 1); /* no loop of ever new questions */
	}
}

static void who_is_not_the_gateways_service_is_not_heard(void **state)
{
	uint8_t buf[PORTMAP_PCP_MAP_LEN];
	struct rig r;
	size_t len;

	(void)state;
	start_v4(&r);
	len = pcp_answer(&r, 0, 3600, 77, "203.0.113.9:4500", buf);
	assert_int_equal(from(&r, ASK, addr("192.168.1.2:5351"), buf, len), ADIT_EIGNORED);
	assert_int_equal(from(&r, ASK, addr("192.168.1.1:5350"), buf, len), ADIT_EIGNORED);
	assert_int_equal(from(&r, NEWS, r.gateway, buf, len), ADIT_EREPLAY); /* an answer is no news */
	no_event(&r);
	assert_int_equal(portmap_stats(&r.p)->strangers, 2);
	assert_int_equal(say(&r, buf, len), 0);
	event(&r, PORTMAP_EVENT_MAPPED);
}

static void an_answer_with_one_wrong_byte_in_what_it_echoes_is_not_ours(void **state)
{
	uint8_t buf[PORTMAP_PCP_MAP_LEN];
	struct rig r;

	(void)state;
	start_v4(&r);
	for (size_t at = 24; at < 42; at++) {
		size_t len = pcp_answer(&r, 0, 3600, 77, "203.0.113.9:4500", buf);

		if (at >= 37 && at < 40) /* reserved: ignored on receipt */
			continue;
		buf[at] ^= 1;
		assert_int_equal(say(&r, buf, len), ADIT_EREPLAY);
		no_event(&r);
	}
	assert_int_equal(portmap_stats(&r.p)->unexpected, 15);
}

static void addresses_that_nobody_can_reach_are_no_mapping(void **state)
{
	static const char *const bad[] = {"0.0.0.0:4500", "127.0.0.1:4500", "224.0.0.1:4500", "255.255.255.255:1",
					  "203.0.113.9",  "[::]:4500",      "[::1]:4500",     "[ff02::1]:4500"};
	struct rig r;

	(void)state;
	start_v4(&r);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(grant(&r, 3600, 77, bad[i]), ADIT_EPROTO);
	no_event(&r);
	assert_int_equal(portmap_stats(&r.p)->malformed, ARRAY_LEN(bad));
}

static void a_replayed_answer_changes_nothing_and_costs_one_question_in_ten_seconds(void **state)
{
	uint8_t old[PORTMAP_PCP_MAP_LEN];
	struct adit_addr want = addr("203.0.113.9:4500");
	struct rig r;
	size_t len;

	(void)state;
	start_v4(&r);
	len = pcp_answer(&r, 0, 3600, epoch_of(&r), "198.51.100.1:1", old);
	assert_int_equal(grant(&r, 7200, epoch_of(&r), "203.0.113.9:4500"), 0);
	event(&r, PORTMAP_EVENT_MAPPED);
	for (unsigned i = 0; i < 1000; i++) {
		run_for(&r, ADIT_MS(9));
		assert_int_equal(say(&r, old, len), ADIT_EREPLAY);
		assert_true(adit_addr_eq(portmap_external(&r.p), &want));
		run_for(&r, 0);
		if (r.p.state == PORTMAP_ASK) /* the true router answers what the replay made us ask */
			assert_int_equal(grant(&r, 7200, epoch_of(&r), "203.0.113.9:4500"), 0);
	}
	assert_int_equal(r.pcp, 2);
	no_event(&r);
}

static void an_announcement_after_a_restart_makes_the_mapping_anew_within_five_seconds(void **state)
{
	struct rig r;

	(void)state;
	start_mapped(&r, 7200);
	run_for(&r, ADIT_SEC(100));
	assert_int_equal(announce(&r, 0), 0);
	run_for(&r, PORTMAP_NEWS_SPREAD);
	assert_int_equal(r.pcp, 2 + (r.p.tries > 1));
	assert_non_null(portmap_external(&r.p));
	assert_int_equal(grant(&r, 7200, 5, "203.0.113.9:4500"), 0);
	event(&r, PORTMAP_EVENT_RESTORED);
	assert_int_equal(announce(&r, 5), 0); /* it is said several times */
	run_for(&r, ADIT_SEC(30));
	assert_int_equal(portmap_stats(&r.p)->restarts, 1);
	no_event(&r);
}

static void an_announcement_with_a_true_epoch_is_nothing(void **state)
{
	struct rig r;

	(void)state;
	start_mapped(&r, 7200);
	run_for(&r, ADIT_SEC(100));
	assert_int_equal(announce(&r, epoch_of(&r)), 0);
	run_for(&r, ADIT_SEC(100));
	assert_int_equal(r.pcp, 1);
}

static void epochs_that_jump_about_cost_one_question_in_ten_seconds(void **state)
{
	unsigned asked = 0;
	struct rig r;

	(void)state;
	start_mapped(&r, 7200);
	for (unsigned i = 0; i < 3000; i++) {
		unsigned n = r.pcp;

		run_for(&r, ADIT_MS(20));
		announce(&r, i % 2 ? 0 : UINT32_MAX);
		run_for(&r, 0);
		asked += r.pcp - n;
		if (r.pcp != n)
			assert_int_equal(grant(&r, 7200, i % 2 ? 0 : UINT32_MAX, "203.0.113.9:4500"), 0);
	}
	assert_in_range(asked, 2, 7); /* in a minute */
}

static void a_restart_seen_in_a_renewals_answer_is_told(void **state)
{
	struct rig r;

	(void)state;
	start_mapped(&r, 7200);
	run_until(&r, portmap_deadline(&r.p));
	assert_int_equal(grant(&r, 7200, 12, "203.0.113.9:4500"), 0);
	event(&r, PORTMAP_EVENT_RESTORED);
}

static void a_restart_without_an_answer_is_a_loss(void **state)
{
	struct rig r;

	(void)state;
	start_mapped(&r, 7200);
	run_for(&r, ADIT_SEC(50));
	announce(&r, 0);
	run_for(&r, PORTMAP_NEWS_SPREAD + PORTMAP_SILENCE);
	event(&r, PORTMAP_EVENT_LOST);
	event(&r, PORTMAP_EVENT_NONE);
	assert_null(portmap_external(&r.p));
}

static void a_check_asks_at_once(void **state)
{
	struct rig r;

	(void)state;
	start_mapped(&r, 7200);
	portmap_check(&r.p, r.now);
	drain(&r);
	assert_int_equal(r.pcp, 2);
	assert_int_equal(grant(&r, 7200, epoch_of(&r), "203.0.113.9:4500"), 0);
	no_event(&r);
}

static void a_router_that_knows_nat_pmp_only_is_asked_that_way(void **state)
{
	struct adit_addr want = addr("203.0.113.9:4501");
	struct rig r;

	(void)state;
	start_pmp(&r);
	assert_true(adit_addr_eq(portmap_external(&r.p), &want));
	assert_int_equal(r.pcp, 1);
	assert_int_equal(r.map, 1);
	run_until(&r, portmap_deadline(&r.p));
	assert_int_equal(r.map, 2);
	assert_int_equal(r.address, 2);
	assert_int_equal(pmp_map(&r, epoch_of(&r), 4500, 4501, 3600), 0);
	assert_int_equal(pmp_address(&r, ASK, epoch_of(&r), "203.0.113.9"), 0);
	assert_int_equal(portmap_stats(&r.p)->renewed, 1);
	no_event(&r);
}

static void silence_to_pcp_and_an_answer_to_nat_pmp_decide_for_nat_pmp(void **state)
{
	struct rig r;

	(void)state;
	start_v4(&r);
	run_for(&r, PORTMAP_PMP_AFTER);
	assert_int_equal(r.address, 1);
	assert_int_equal(pmp_address(&r, ASK, 5, "203.0.113.9"), 0);
	assert_int_equal(r.pcp, 2); /* its last call */
	assert_int_equal(r.map, 0);
	run_for(&r, PORTMAP_PCP_LAST_CALL);
	assert_int_equal(r.map, 1);
	assert_int_equal(pmp_map(&r, 5, 4500, 4501, 3600), 0);
	assert_int_equal(event(&r, PORTMAP_EVENT_MAPPED).protocol, PORTMAP_PMP);
}

static void a_lost_datagram_does_not_decide_against_pcp(void **state)
{
	struct rig r;

	(void)state;
	start_v4(&r);
	run_for(&r, PORTMAP_PMP_AFTER);
	assert_int_equal(pmp_address(&r, ASK, 5, "203.0.113.9"), 0);
	assert_int_equal(grant(&r, 3600, 5, "203.0.113.9:4500"), 0);
	assert_int_equal(event(&r, PORTMAP_EVENT_MAPPED).protocol, PORTMAP_PCP);
	run_for(&r, ADIT_SEC(60));
	assert_int_equal(r.map, 0);
}

/* RFC 6886 3.1 */
static void nat_pmp_is_asked_nine_times_over_64_seconds_then_pcp_again(void **state)
{
	adit_time begin;
	struct rig r;

	(void)state;
	start_v4(&r);
	assert_int_equal(pmp_error(&r, 1, PORTMAP_PMP_VERSION), 0);
	begin = r.now;
	for (unsigned n = 1; n <= 9; n++) {
		assert_int_equal(r.map, n);
		run_until(&r, begin + ADIT_MS(250) * ((1u << n) - 1) - 1);
		assert_int_equal(r.map, n);
		run_for(&r, 1);
	}
	assert_int_equal(r.map, 9);
	event(&r, PORTMAP_EVENT_NONE);
	assert_int_equal(r.pcp, 1);
	run_for(&r, PORTMAP_PMP_PAUSE);
	assert_int_equal(r.pcp, 2);
}

static void nat_pmps_refusals_have_words_and_times(void **state)
{
	struct rig r;

	(void)state;
	start_v4(&r);
	assert_int_equal(pmp_error(&r, 1, PORTMAP_PMP_VERSION), 0);
	assert_int_equal(pmp_error(&r, 1, PORTMAP_PMP_REFUSED), 0);
	assert_string_equal(event(&r, PORTMAP_EVENT_REFUSED).reason, portmap_pmp_text(2));
	run_for(&r, ADIT_SEC(1799));
	assert_int_equal(r.map, 1);
	run_for(&r, ADIT_SEC(1));
	assert_int_equal(r.map, 2);
	assert_int_equal(pmp_address(&r, ASK, 9, "0.0.0.0"), 0);
	assert_string_equal(event(&r, PORTMAP_EVENT_REFUSED).reason, portmap_pmp_text(PORTMAP_PMP_NETWORK));
}

static void nat_pmp_answers_for_other_ports_or_unasked_are_dropped(void **state)
{
	struct rig r;

	(void)state;
	start_v4(&r);
	assert_int_equal(pmp_map(&r, 5, 4500, 4501, 3600), ADIT_EREPLAY);
	assert_int_equal(pmp_address(&r, ASK, 5, "203.0.113.9"), ADIT_EREPLAY);
	assert_int_equal(pmp_error(&r, 1, PORTMAP_PMP_VERSION), 0);
	assert_int_equal(pmp_map(&r, 5, 4499, 4501, 3600), ADIT_EREPLAY);
	assert_int_equal(pmp_map(&r, 5, 4500, 0, 0), ADIT_EREPLAY); /* of a deletion */
	assert_int_equal(pmp_map(&r, 5, 4500, 0, 3600), ADIT_EPROTO);
	no_event(&r);
}

static void nat_pmps_news_make_the_mapping_anew(void **state)
{
	struct rig r;

	(void)state;
	start_pmp(&r);
	run_for(&r, ADIT_SEC(100));
	assert_int_equal(pmp_address(&r, NEWS, 0, "203.0.113.9"), 0);
	run_for(&r, PORTMAP_NEWS_SPREAD);
	assert_true(r.map >= 2);
	assert_int_equal(pmp_map(&r, 5, 4500, 4501, 3600), 0);
	assert_int_equal(pmp_address(&r, ASK, 5, "203.0.113.9"), 0);
	event(&r, PORTMAP_EVENT_RESTORED);
	run_for(&r, ADIT_SEC(30));
	assert_int_equal(pmp_address(&r, NEWS, 35, "203.0.113.77"),
			 0); /* a new address, believed when it is asked for */
	no_event(&r);
	run_for(&r, PORTMAP_NEWS_SPREAD);
	assert_int_equal(pmp_map(&r, 40, 4500, 4501, 3600), 0);
	assert_int_equal(pmp_address(&r, ASK, 40, "203.0.113.77"), 0);
	event(&r, PORTMAP_EVENT_CHANGED);
}

static void another_version_of_pcp_is_a_refusal_and_no_reason_to_lose_a_mapping_unasked(void **state)
{
	static const uint8_t v1[24] = {1, 0x81, 0, 1};
	struct rig r;

	(void)state;
	start_v4(&r);
	assert_int_equal(say(&r, v1, sizeof(v1)), 0);
	event(&r, PORTMAP_EVENT_REFUSED);
	start_mapped(&r, 7200);
	assert_int_equal(say(&r, v1, sizeof(v1)), ADIT_EREPLAY);
	assert_int_equal(pmp_error(&r, 1, PORTMAP_PMP_VERSION), ADIT_EREPLAY);
	assert_non_null(portmap_external(&r.p));
	no_event(&r);
}

static void an_ipv6_pinhole_is_asked_by_pcp_alone(void **state)
{
	struct portmap_event e;
	struct rig r;

	(void)state;
	start(&r, "fe80::1", "[2001:db8::5]:4500", 0);
	run_for(&r, ADIT_SEC(60));
	assert_int_equal(r.address, 0);
	event(&r, PORTMAP_EVENT_NONE);
	assert_int_equal(grant(&r, 3600, 5, "[2001:db8::5]:4500"), 0);
	e = event(&r, PORTMAP_EVENT_MAPPED);
	assert_true(adit_addr_is_v6(&e.external) && !e.is_private);
}

static void the_end_deletes_and_closes(void **state)
{
	uint8_t buf[PORTMAP_PCP_MAP_LEN];
	struct rig r;

	(void)state;
	start_mapped(&r, 7200);
	portmap_end(&r.p, r.now);
	drain(&r);
	assert_int_equal(r.pcp, 2);
	assert_memory_equal(r.last + 4, "\0\0\0\0", 4); /* the lifetime */
	assert_int_equal(say(&r, buf, pcp_answer(&r, 0, 7200, 77, "203.0.113.9:4500", buf)), ADIT_EREPLAY);
	assert_false(portmap_is_done(&r.p));
	assert_int_equal(say(&r, buf, pcp_answer(&r, 0, 0, 77, "203.0.113.9:4500", buf)), 0);
	assert_true(portmap_is_done(&r.p) && !r.ask_open && !r.news_open);
	assert_true(portmap_deadline(&r.p) == ADIT_NEVER);
	assert_int_equal(say(&r, buf, sizeof(buf)), ADIT_EIGNORED);
	no_event(&r);
}

static void a_deaf_router_delays_the_end_by_two_seconds_at_most(void **state)
{
	struct rig r;

	(void)state;
	start_pmp(&r);
	portmap_end(&r.p, r.now);
	drain(&r);
	run_for(&r, PORTMAP_DELETE_MAX - 1);
	assert_false(portmap_is_done(&r.p));
	assert_int_equal(r.map, 1 + 4);
	run_for(&r, 1);
	assert_true(portmap_is_done(&r.p) && !r.ask_open && !r.news_open);
	start_v4(&r); /* and one that never spoke by nothing */
	portmap_end(&r.p, r.now);
	drain(&r);
	run_for(&r, 0);
	assert_true(portmap_is_done(&r.p));
	assert_int_equal(r.pcp, 2);
}

static void nat_pmps_deletion_is_answered(void **state)
{
	struct rig r;

	(void)state;
	start_pmp(&r);
	portmap_end(&r.p, r.now);
	drain(&r);
	assert_int_equal(pmp_map(&r, 9, 4500, 4501, 3600), ADIT_EREPLAY);
	assert_int_equal(pmp_map(&r, 9, 4500, 0, 0), 0);
	assert_true(portmap_is_done(&r.p));
}

static void a_failed_verification_deletes_and_asks_with_another_nonce(void **state)
{
	uint8_t late[PORTMAP_PCP_MAP_LEN];
	uint8_t nonce[PORTMAP_PCP_NONCE_LEN];
	struct rig r;

	(void)state;
	start_mapped(&r, 7200);
	memcpy(nonce, r.p.nonce, sizeof(nonce));
	portmap_verify_failed(&r.p, r.now);
	drain(&r);
	event(&r, PORTMAP_EVENT_LOST);
	pcp_answer(&r, 0, 0, 77, "203.0.113.9:4500", late);
	assert_int_equal(say(&r, late, sizeof(late)), 0);
	assert_int_equal(r.pcp, 3);
	assert_memory_not_equal(r.p.nonce, nonce, sizeof(nonce));
	assert_int_equal(say(&r, late, sizeof(late)), ADIT_EREPLAY); /* a copy of the deletion's answer */
	assert_int_equal(grant(&r, 7200, 77, "203.0.113.9:4500"), 0);
	event(&r, PORTMAP_EVENT_MAPPED);
}

static void the_second_failure_in_a_row_withdraws(void **state)
{
	struct rig r;

	(void)state;
	start_mapped(&r, 7200);
	for (unsigned i = 0; i < 3; i++) { /* a success between makes it the first again */
		portmap_verify_failed(&r.p, r.now);
		drain(&r);
		event(&r, PORTMAP_EVENT_LOST);
		run_for(&r, PORTMAP_DELETE_MAX);
		assert_int_equal(grant(&r, 7200, epoch_of(&r), "203.0.113.9:4500"), 0);
		event(&r, PORTMAP_EVENT_MAPPED);
		if (i < 2)
			portmap_verify_passed(&r.p);
	}
	portmap_verify_failed(&r.p, r.now);
	drain(&r);
	event(&r, PORTMAP_EVENT_WITHDRAWN);
	assert_null(portmap_external(&r.p));
	assert_memory_equal(r.last + 4, "\0\0\0\0", 4);
	run_for(&r, PORTMAP_DELETE_MAX);
	assert_true(portmap_is_done(&r.p));
	no_event(&r);
}

static void without_the_news_socket_it_works_and_without_the_other_it_ends(void **state)
{
	struct rig r;

	(void)state;
	start_v4(&r);
	portmap_sock_failed(&r.p, r.now, NEWS);
	r.news_open = false;
	assert_int_equal(grant(&r, 7200, 77, "203.0.113.9:4500"), 0);
	event(&r, PORTMAP_EVENT_MAPPED);
	portmap_end(&r.p, r.now);
	run_for(&r, PORTMAP_DELETE_MAX);
	assert_true(portmap_is_done(&r.p) && !r.ask_open);
	start_v4(&r);
	portmap_sock_failed(&r.p, r.now, ASK);
	drain(&r);
	event(&r, PORTMAP_EVENT_NONE);
	assert_true(portmap_is_done(&r.p) && !r.news_open);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_granted_mapping_is_reported_with_address_port_and_lifetime),
		cmocka_unit_test(a_private_address_outside_is_a_double_nat),
		cmocka_unit_test(unanswered_questions_are_repeated_ever_more_rarely),
		cmocka_unit_test(silence_is_told_once_and_asking_goes_on),
		cmocka_unit_test(an_unreachable_port_at_the_gateway_ends_the_wait_for_it_alone),
		cmocka_unit_test(a_renewal_comes_after_the_half_then_three_quarters_then_seven_eighths),
		cmocka_unit_test(renewals_are_never_nearer_than_four_seconds),
		cmocka_unit_test(a_mapping_that_ran_out_is_lost_and_asked_for_as_it_was),
		cmocka_unit_test(a_mapping_that_moved_is_reported),
		cmocka_unit_test(errors_wait_as_long_as_the_router_says_within_limits),
		cmocka_unit_test(a_refused_renewal_leaves_the_mapping_until_its_end),
		cmocka_unit_test(lying_lifetimes_are_cut_to_a_day_or_refused),
		cmocka_unit_test(who_is_not_the_gateways_service_is_not_heard),
		cmocka_unit_test(an_answer_with_one_wrong_byte_in_what_it_echoes_is_not_ours),
		cmocka_unit_test(addresses_that_nobody_can_reach_are_no_mapping),
		cmocka_unit_test(a_replayed_answer_changes_nothing_and_costs_one_question_in_ten_seconds),
		cmocka_unit_test(an_announcement_after_a_restart_makes_the_mapping_anew_within_five_seconds),
		cmocka_unit_test(an_announcement_with_a_true_epoch_is_nothing),
		cmocka_unit_test(epochs_that_jump_about_cost_one_question_in_ten_seconds),
		cmocka_unit_test(a_restart_seen_in_a_renewals_answer_is_told),
		cmocka_unit_test(a_restart_without_an_answer_is_a_loss),
		cmocka_unit_test(a_check_asks_at_once),
		cmocka_unit_test(a_router_that_knows_nat_pmp_only_is_asked_that_way),
		cmocka_unit_test(silence_to_pcp_and_an_answer_to_nat_pmp_decide_for_nat_pmp),
		cmocka_unit_test(a_lost_datagram_does_not_decide_against_pcp),
		cmocka_unit_test(nat_pmp_is_asked_nine_times_over_64_seconds_then_pcp_again),
		cmocka_unit_test(nat_pmps_refusals_have_words_and_times),
		cmocka_unit_test(nat_pmp_answers_for_other_ports_or_unasked_are_dropped),
		cmocka_unit_test(nat_pmps_news_make_the_mapping_anew),
		cmocka_unit_test(another_version_of_pcp_is_a_refusal_and_no_reason_to_lose_a_mapping_unasked),
		cmocka_unit_test(an_ipv6_pinhole_is_asked_by_pcp_alone),
		cmocka_unit_test(the_end_deletes_and_closes),
		cmocka_unit_test(a_deaf_router_delays_the_end_by_two_seconds_at_most),
		cmocka_unit_test(nat_pmps_deletion_is_answered),
		cmocka_unit_test(a_failed_verification_deletes_and_asks_with_another_nonce),
		cmocka_unit_test(the_second_failure_in_a_row_withdraws),
		cmocka_unit_test(without_the_news_socket_it_works_and_without_the_other_it_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
