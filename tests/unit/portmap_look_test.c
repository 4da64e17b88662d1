#include "test.h"

#include "core/portmap/portmap_look.h"
#include "hex.h"
#include "portmap_rig.h"

#define SOCK 9

/* A look at a router that is asked by hand, in virtual time. */
struct look {
	struct portmap_look l;
	adit_time now;
	struct adit_addr gateway;
	unsigned pcp, pmp; /* questions so far */
	unsigned opened, closed;
	uint8_t last_pcp[PORTMAP_PCP_ANNOUNCE_LEN];
};

static void look_drain(struct look *k)
{
	struct adit_out o;

	while (portmap_look_output(&k->l, k->now, &o)) {
		assert_int_equal(o.sock, SOCK);
		k->opened += o.kind == ADIT_OUT_OPEN;
		k->closed += o.kind == ADIT_OUT_CLOSE;
		if (o.kind != ADIT_OUT_SEND)
			continue;
		assert_true(adit_addr_eq(&o.remote, &k->gateway) && o.local.port == 0);
		k->pmp += o.len == PORTMAP_PMP_ADDRESS_LEN;
		if (o.len != PORTMAP_PCP_ANNOUNCE_LEN)
			continue;
		k->pcp++;
		memcpy(k->last_pcp, o.data, o.len);
	}
}

static void look_start(struct look *k, const char *gateway, const char *own)
{
	struct portmap_look_config cfg = {.gateway = addr(gateway), .own = addr(own), .sock = SOCK};

	memset(k, 0, sizeof(*k));
	k->now = ADIT_SEC(50);
	k->gateway = adit_addr_with_port(cfg.gateway, PORTMAP_SERVER_PORT);
	portmap_look_init(&k->l, &cfg, k->now);
	portmap_look_tick(&k->l, k->now);
	look_drain(k);
}

static void look_v4(struct look *k)
{
	look_start(k, "192.168.1.1", "192.168.1.23");
}

static int look_say(struct look *k, const char *hex)
{
	uint8_t buf[64];
	struct adit_dgram d = {.sock = SOCK, .remote = k->gateway, .data = buf};
	int r;

	d.len = from_hex(hex, buf, sizeof(buf));
	r = portmap_look_input(&k->l, k->now, &d);
	look_drain(k);
	return r;
}

static void look_run(struct look *k, adit_dur d)
{
	adit_time end = k->now + d;

	while (portmap_look_deadline(&k->l) <= end) {
		k->now = portmap_look_deadline(&k->l) > k->now ? portmap_look_deadline(&k->l) : k->now;
		portmap_look_tick(&k->l, k->now);
		look_drain(k);
	}
	k->now = end;
}

#define ANNOUNCED "0280 0000 0000 0000 0000 1234 0000 0000 0000 0000 0000 0000"
#define ADDRESS   "0080 0000 0000 1234 cb00 7109"

/* RFC 6887 7.1, 14.1.1: version 2, opcode 0, lifetime 0, our address as an IPv4-mapped one. */
static void the_question_is_an_announce_of_rfc6887(void **state)
{
	uint8_t want[PORTMAP_PCP_ANNOUNCE_LEN];
	struct look k;

	(void)state;
	look_v4(&k);
	assert_int_equal(from_hex("0200 0000 0000 0000 0000 0000 0000 0000 0000 ffff c0a8 0117", want, sizeof(want)),
			 sizeof(want));
	assert_memory_equal(k.last_pcp, want, sizeof(want));
	assert_int_equal(k.pcp, 1);
	assert_int_equal(k.pmp, 1);
}

static void both_answer_and_it_is_over_at_once(void **state)
{
	struct adit_addr want = adit_addr_v4(203, 0, 113, 9, 0);
	struct look k;

	(void)state;
	look_v4(&k);
	assert_int_equal(look_say(&k, ANNOUNCED), 0);
	assert_false(portmap_look_is_done(&k.l));
	assert_int_equal(look_say(&k, ADDRESS), 0);
	assert_true(portmap_look_is_done(&k.l));
	assert_true(k.l.pcp.is_there && !k.l.pcp.refusal && k.l.pmp.is_there && !k.l.pmp.refusal);
	assert_true(adit_addr_eq(&k.l.external, &want));
	assert_int_equal(k.opened, 1);
	assert_int_equal(k.closed, 1);
	assert_int_equal(portmap_look_deadline(&k.l), ADIT_NEVER);
}

static void silence_is_given_up_after_three_questions(void **state)
{
	struct look k;

	(void)state;
	look_v4(&k);
	look_run(&k, ADIT_MS(1749));
	assert_int_equal(k.pcp, 3);
	assert_false(portmap_look_is_done(&k.l));
	look_run(&k, ADIT_MS(1));
	assert_true(portmap_look_is_done(&k.l));
	assert_true(!k.l.pcp.is_there && !k.l.pmp.is_there && k.closed == 1);
}

/* RFC 6886 3.5, RFC 6887 A: what a router with NAT-PMP alone says to PCP. */
static void nat_pmp_alone_is_no_pcp(void **state)
{
	struct look k;

	(void)state;
	look_v4(&k);
	assert_int_equal(look_say(&k, "0080 0001 0000 1234"), 0);
	assert_int_equal(look_say(&k, ADDRESS), 0);
	look_run(&k, ADIT_SEC(2));
	assert_true(!k.l.pcp.is_there && k.l.pmp.is_there);
	assert_int_equal(k.pmp, 1); /* answered, and not asked again */
}

static void a_service_that_refuses_is_there_with_its_reason(void **state)
{
	struct look k;

	(void)state;
	look_v4(&k);
	assert_int_equal(look_say(&k, "0280 0002 0000 0708 0000 1234 0000 0000 0000 0000 0000 0000"), 0);
	assert_int_equal(look_say(&k, "0080 0003 0000 1234 0000 0000"), 0);
	assert_true(k.l.pcp.is_there && k.l.pcp.refusal && k.l.pmp.is_there && k.l.pmp.refusal);
	assert_int_equal(k.l.external.family, ADIT_FAMILY_NONE);
}

/* UNSUPP_OPCODE: it may well map. */
static void a_server_without_announce_is_there_all_the_same(void **state)
{
	struct look k;

	(void)state;
	look_v4(&k);
	assert_int_equal(look_say(&k, "0280 0004 0000 0708 0000 1234 0000 0000 0000 0000 0000 0000"), 0);
	assert_true(k.l.pcp.is_there && !k.l.pcp.refusal);
}

static void strangers_and_garbage_change_nothing(void **state)
{
	struct adit_addr stranger = addr("192.168.1.66:5351");
	uint8_t buf[64];
	struct adit_dgram d = {.sock = SOCK, .remote = stranger, .data = buf};
	struct look k;

	(void)state;
	look_v4(&k);
	d.len = from_hex(ANNOUNCED, buf, sizeof(buf));
	assert_int_equal(portmap_look_input(&k.l, k.now, &d), ADIT_EIGNORED);
	d.remote = adit_addr_with_port(k.gateway, 5350);
	assert_int_equal(portmap_look_input(&k.l, k.now, &d), ADIT_EIGNORED);
	assert_int_equal(look_say(&k, "0280"), ADIT_EPROTO);
	assert_int_equal(look_say(&k, ""), ADIT_EPROTO);
	assert_int_equal(look_say(&k, "0081 0000 0000 1235 1194 1195 0000 0e10"), ADIT_EPROTO);
	assert_true(!k.l.pcp.is_there && !k.l.pmp.is_there);
}

static void the_routers_own_port_unreachable_ends_it(void **state)
{
	struct look k;
	struct adit_icmp icmp = {.sock = SOCK, .type = 3, .code = 3};

	(void)state;
	look_v4(&k);
	icmp.remote = k.gateway;
	icmp.offender = addr("192.168.1.66");
	portmap_look_icmp(&k.l, k.now, &icmp);
	assert_false(portmap_look_is_done(&k.l));
	icmp.offender = adit_addr_with_port(k.gateway, 0);
	portmap_look_icmp(&k.l, k.now, &icmp);
	assert_true(portmap_look_is_done(&k.l));
}

static void ipv6_is_asked_in_pcp_alone(void **state)
{
	struct look k;

	(void)state;
	look_start(&k, "fe80::1", "2001:db8::2");
	assert_int_equal(k.pmp, 0);
	assert_int_equal(look_say(&k, ANNOUNCED), 0);
	assert_true(portmap_look_is_done(&k.l) && k.l.pcp.is_there);
}

static void a_socket_that_cannot_be_opened_ends_it(void **state)
{
	struct look k;

	(void)state;
	look_v4(&k);
	portmap_look_sock_failed(&k.l, k.now, SOCK);
	look_drain(&k);
	assert_true(portmap_look_is_done(&k.l));
	assert_int_equal(k.closed, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_question_is_an_announce_of_rfc6887),
		cmocka_unit_test(both_answer_and_it_is_over_at_once),
		cmocka_unit_test(silence_is_given_up_after_three_questions),
		cmocka_unit_test(nat_pmp_alone_is_no_pcp),
		cmocka_unit_test(a_service_that_refuses_is_there_with_its_reason),
		cmocka_unit_test(a_server_without_announce_is_there_all_the_same),
		cmocka_unit_test(strangers_and_garbage_change_nothing),
		cmocka_unit_test(the_routers_own_port_unreachable_ends_it),
		cmocka_unit_test(ipv6_is_asked_in_pcp_alone),
		cmocka_unit_test(a_socket_that_cannot_be_opened_ends_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
