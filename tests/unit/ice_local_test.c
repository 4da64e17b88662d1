/* Own candidates: their rank, gathering, foundations. */
#include "test.h"

#include <stdio.h>

#include "ice_rig.h"

static struct rig x;

static struct adit_addr addr(const char *text)
{
	struct adit_addr a;

	assert_int_equal(adit_addr_parse(text, strlen(text), &a), 0);
	return a;
}

static void add(const char *text, enum ice_iface iface)
{
	struct adit_addr a = addr(text);

	assert_int_equal(ice_agent_add_host(&x.a, x.now, (uint32_t)0, &a, iface), 0);
}

static void add_server(const char *text)
{
	struct adit_addr a = addr(text);

	assert_int_equal(ice_agent_add_server(&x.a, &a), 0);
}

static void begin(void)
{
	rig_init(&x, ICE_CONTROLLING, 1);
	rig_begin(&x);
}

/* One own address, |n| servers, and gathering has begun. */
static void gathering(const char *own, unsigned n, bool more)
{
	static const char *const servers[] = {"192.0.2.50:3478", "192.0.2.51:3478"};

	begin();
	add(own, ICE_IFACE_NORMAL);
	for (unsigned i = 0; i < n; i++)
		add_server(servers[i]);
	ice_agent_gather(&x.a, x.now, more);
	rig_drain(&x);
}

/* The server's answer to packet |i| of the log. */
static int answer(size_t i, const char *mapped_text)
{
	struct adit_addr mapped = addr(mapped_text);
	struct stun_msg m = rig_parse(&x.log[i]);
	struct stun_build b;
	uint8_t buf[128];

	stun_build_begin(&b, buf, sizeof(buf), STUN_SUCCESS, STUN_BINDING, m.txid);
	stun_build_xor_addr(&b, STUN_ATTR_XOR_MAPPED_ADDRESS, &mapped);
	return rig_input(&x, &x.log[i].local, &x.log[i].remote, buf, (size_t)stun_build_end(&b));
}

/* RFC 8421 4: IPv6 first, then in turns; VPNs and bridges to guests last. */
static void own_addresses_are_ranked(void **state)
{
	static const char *const want[] = {"[2001:db8::1]:1", "192.0.2.1:1", "192.0.2.2:1", "10.8.0.1:1",
					   "172.17.0.1:1"};

	(void)state;
	begin();
	add("172.17.0.1:1", ICE_IFACE_VIRTUAL);
	add("192.0.2.1:1", ICE_IFACE_NORMAL);
	add("10.8.0.1:1", ICE_IFACE_VPN);
	add("192.0.2.2:1", ICE_IFACE_NORMAL);
	add("[2001:db8::1]:1", ICE_IFACE_NORMAL);
	ice_agent_gather(&x.a, x.now, false);
	rig_drain(&x);
	assert_int_equal(x.n_cands, ARRAY_LEN(want));
	for (size_t i = 0; i < ARRAY_LEN(want); i++) {
		char text[ADIT_ADDR_STRLEN];

		assert_string_equal(adit_addr_format(&x.cands[i].addr, text), want[i]);
		assert_int_equal(x.cands[i].priority, 2130706431u - 256 * i);
	}
	assert_int_equal(x.events[ICE_EVENT_GATHERED], 1);
}

static void servers_tell_how_we_are_seen(void **state)
{
	(void)state;
	gathering("192.168.1.2:5000", 1, false);
	assert_int_equal(x.n, 1);
	assert_int_equal(x.events[ICE_EVENT_GATHERED], 0);
	assert_int_equal(answer(0, "203.0.113.9:6000"), 0);
	assert_int_equal(x.n_cands, 2);
	assert_int_equal(x.cands[1].type, ICE_SRFLX);
	assert_int_equal(x.cands[1].priority, 1694498815);
	assert_true(adit_addr_eq(&x.cands[1].related, &x.cands[0].addr));
	assert_string_not_equal(x.cands[0].foundation, x.cands[1].foundation);
	assert_int_equal(x.events[ICE_EVENT_GATHERED], 1);
}

/* RFC 8445 5.1.3 */
static void what_is_no_news_is_no_candidate(void **state)
{
	(void)state;
	gathering("192.0.2.1:5000", 2, false);
	rig_run(&x, ICE_TA);
	assert_int_equal(x.n, 2);
	assert_int_equal(answer(0, "192.0.2.1:5000"), 0);
	assert_int_equal(answer(1, "192.0.2.1:5000"), 0);
	assert_int_equal(x.n_cands, 1);
	assert_int_equal(x.events[ICE_EVENT_GATHERED], 1);
}

/* RFC 8445 5.1.1.3: by type, base and server. */
static void foundations_tell_servers_apart(void **state)
{
	(void)state;
	begin();
	add("192.168.1.2:5000", ICE_IFACE_NORMAL);
	add("192.168.1.2:5001", ICE_IFACE_NORMAL);
	add_server("192.0.2.50:3478");
	add_server("192.0.2.51:3478");
	ice_agent_gather(&x.a, x.now, false);
	rig_run(&x, 4 * ICE_TA);
	assert_int_equal(x.n, 4);
	for (size_t i = 0; i < 4; i++) {
		char text[32];

		snprintf(text, sizeof(text), "203.0.113.9:%u", (unsigned)(6000 + i));
		assert_int_equal(answer(i, text), 0);
	}
	assert_int_equal(x.n_cands, 6);
	assert_string_equal(x.cands[0].foundation, x.cands[1].foundation);
	assert_string_not_equal(x.cands[2].foundation, x.cands[3].foundation);
	assert_string_equal(x.cands[2].foundation, x.cands[4].foundation);
	assert_string_equal(x.cands[3].foundation, x.cands[5].foundation);
}

static void a_server_that_lies_is_as_good_as_none(void **state)
{
	static const char *const lies[] = {"127.0.0.1:1",    "224.0.0.1:1",     "0.0.0.0:1",
					   "203.0.113.9",    "[2001:db8::9]:1", "10.0.0.1:1",
					   "192.168.1.1:53", "100.64.0.1:1",    "169.254.0.1:1"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(lies); i++) {
		gathering("192.168.1.2:5000", 1, false);
		assert_int_equal(answer(0, lies[i]), 0);
		assert_int_equal(x.n_cands, 1);
		assert_int_equal(x.events[ICE_EVENT_GATHERED], 1);
	}
}

static void an_answer_from_elsewhere_is_none(void **state)
{
	(void)state;
	gathering("192.168.1.2:5000", 1, false);
	x.log[0].remote.ip[3] = 66;
	assert_int_equal(answer(0, "203.0.113.9:6000"), ADIT_EIGNORED);
	assert_int_equal(x.n_cands, 1);
	assert_int_equal(x.events[ICE_EVENT_GATHERED], 0);
}

static void a_dead_server_is_not_waited_for_long(void **state)
{
	(void)state;
	gathering("192.168.1.2:5000", 1, false);
	rig_run(&x, ICE_GATHER_MAX - 1);
	assert_int_equal(x.events[ICE_EVENT_GATHERED], 0);
	rig_run(&x, 1);
	assert_int_equal(x.events[ICE_EVENT_GATHERED], 1);
	rig_run(&x, ADIT_SEC(100));
	assert_int_equal(x.n, 4); /* at 0, 0.5, 1.5 and 3.5 s */
}

static void nobody_listens_there_says_icmp(void **state)
{
	struct adit_icmp icmp = {.type = 3, .code = 3};

	(void)state;
	gathering("192.168.1.2:5000", 1, false);
	icmp.remote = x.log[0].remote;
	icmp.data = x.log[0].data;
	icmp.len = x.log[0].len;
	ice_agent_icmp(&x.a, x.now, &icmp);
	rig_drain(&x);
	assert_int_equal(x.events[ICE_EVENT_GATHERED], 1);
}

/* RFC 8445 5.1.1.4 */
static void what_was_gathered_is_kept_alive_until_it_is_used(void **state)
{
	(void)state;
	gathering("192.168.1.2:5000", 1, false);
	assert_int_equal(answer(0, "203.0.113.9:6000"), 0);
	for (size_t i = 1; i <= 10; i++) {
		rig_run(&x, ICE_KEEPALIVE);
		assert_int_equal(x.n, i + 1);
		assert_int_equal(answer(i, "203.0.113.9:6000"), 0);
	}
	assert_int_equal(x.n_cands, 2);
}

static void a_relayed_candidate_can_be_added_before_the_end(void **state)
{
	struct adit_addr relayed = addr("198.51.100.7:49152");
	struct adit_addr server = addr("198.51.100.7:3478");
	struct adit_addr mapped = addr("203.0.113.9:6000");

	(void)state;
	gathering("192.168.1.2:5000", 0, true);
	rig_run(&x, ADIT_SEC(10));
	assert_int_equal(x.events[ICE_EVENT_GATHERED], 0);
	assert_int_equal(ice_agent_add_relayed(&x.a, x.now, 77, &relayed, &server, &mapped), 0);
	ice_agent_gathered(&x.a, x.now);
	rig_drain(&x);
	assert_int_equal(x.events[ICE_EVENT_GATHERED], 1);
	assert_int_equal(x.cands[1].type, ICE_RELAY);
	assert_true(x.cands[1].priority < 1u << 24);
	assert_true(adit_addr_eq(&x.cands[1].related, &mapped));
}

static void what_cannot_be_a_candidate_is_refused(void **state)
{
	static const char *const bad[] = {"127.0.0.1:1", "192.0.2.1", "224.0.0.1:1", "[::ffff:192.0.2.1]:1",
					  "[fec0::1]:1"};

	(void)state;
	begin();
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct adit_addr a = addr(bad[i]);

		assert_int_equal(ice_agent_add_host(&x.a, x.now, 0, &a, ICE_IFACE_NORMAL), ADIT_EINVAL);
		assert_int_equal(ice_agent_add_server(&x.a, &a), ADIT_EINVAL);
	}
	for (uint16_t i = 0; i < ICE_BASES_MAX + 1u; i++) {
		struct adit_addr a = adit_addr_v4(192, 0, 2, 1, (uint16_t)(1000 + i));

		assert_int_equal(ice_agent_add_host(&x.a, x.now, 0, &a, ICE_IFACE_NORMAL),
				 i < ICE_BASES_MAX ? 0 : ADIT_EFULL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(own_addresses_are_ranked),
		cmocka_unit_test(servers_tell_how_we_are_seen),
		cmocka_unit_test(what_is_no_news_is_no_candidate),
		cmocka_unit_test(foundations_tell_servers_apart),
		cmocka_unit_test(a_server_that_lies_is_as_good_as_none),
		cmocka_unit_test(an_answer_from_elsewhere_is_none),
		cmocka_unit_test(a_dead_server_is_not_waited_for_long),
		cmocka_unit_test(nobody_listens_there_says_icmp),
		cmocka_unit_test(what_was_gathered_is_kept_alive_until_it_is_used),
		cmocka_unit_test(a_relayed_candidate_can_be_added_before_the_end),
		cmocka_unit_test(what_cannot_be_a_candidate_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
