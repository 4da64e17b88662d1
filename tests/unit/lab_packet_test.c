#include "test.h"

#include "base/rng.h"
#include "lab/lab_packet.h"
#include "lab_packet_rig.h"

static uint8_t buf[4096];

static const uint8_t v4_protocols[] = {LAB_IP_UDP, LAB_IP_TCP, LAB_IP_ICMP};
static const uint8_t v6_protocols[] = {LAB_IP_UDP, LAB_IP_TCP, LAB_IP_ICMPV6};

static struct lab_packet parse(size_t len)
{
	struct lab_packet p;

	assert_int_equal(lab_packet_parse(&p, buf, len, NULL, 0), 0);
	return p;
}

static bool header_ok(void)
{
	return rig_sum(buf, 20, 0) == 0xffff;
}

static void a_packet_says_its_flow(void **state)
{
	struct adit_addr a = adit_addr_v4(192, 168, 1, 2, 4000);
	struct adit_addr b = adit_addr_v4(203, 0, 113, 9, 53);
	struct lab_packet p;

	(void)state;
	p = parse(rig_packet(buf, &a, &b, LAB_IP_UDP, 7, 5));
	assert_int_equal(p.kind, LAB_PACKET_FLOW);
	assert_true(adit_addr_eq(&p.flow.src, &a) && adit_addr_eq(&p.flow.dst, &b));
	assert_int_equal(p.flow.proto, LAB_UDP);
	assert_int_equal(p.flow.ttl, 7);
	p = parse(rig_packet(buf, &a, &b, LAB_IP_TCP, 7, 5));
	assert_int_equal(p.flow.proto, LAB_TCP);
	assert_int_equal(p.flow.tcp_flags, LAB_TCP_SYN);
	p = parse(rig_packet(buf, &a, &b, LAB_IP_ICMP, 7, 5));
	assert_int_equal(p.flow.proto, LAB_PING);
	assert_int_equal(p.flow.src.port, 4000);
	assert_int_equal(p.flow.dst.port, 0);
}

/* Rewriting to random addresses and ports and back gives the same bytes, and right checksums in between. */
static void rewriting_keeps_checksums_right_and_can_be_undone(void **state)
{
	struct adit_rng_seeded seeded;
	struct adit_rng rng = adit_rng_seeded_init(&seeded, 11);
	uint8_t before[sizeof(buf)];

	(void)state;
	for (int i = 0; i < 3000; i++) {
		bool v6 = i & 1;
		uint8_t protocol = (v6 ? v6_protocols : v4_protocols)[i / 2 % 3];
		bool ping = i / 2 % 3 == 2;
		struct lab_flow to = {.proto = LAB_UDP};
		struct lab_flow back;
		struct adit_addr a = v6 ? rig_v6(1, 2, 4000) : adit_addr_v4(192, 168, 1, 2, 4000);
		struct adit_addr b = v6 ? rig_v6(2, 9, 53) : adit_addr_v4(203, 0, 113, 9, 53);
		struct lab_packet p;
		size_t len;

		adit_rng_fill(&rng, &a.ip, v6 ? 16 : 4);
		a.port = (uint16_t)adit_rng_u64(&rng);
		len = rig_packet(buf, &a, &b, protocol, 64, (size_t)adit_rng_below(&rng, 40));
		memcpy(before, buf, len);
		p = parse(len);
		assert_true(lab_packet_checksum_ok(&p));
		back = p.flow;
		to.src = to.dst = b;
		adit_rng_fill(&rng, &to.src.ip, v6 ? 16 : 4);
		to.src.port = (uint16_t)adit_rng_u64(&rng);
		to.dst.port = ping ? 0 : (uint16_t)adit_rng_u64(&rng);
		lab_packet_rewrite(&p, &to);
		p = parse(len);
		assert_true(lab_packet_checksum_ok(&p));
		assert_true(adit_addr_eq(&p.flow.src, &to.src) && adit_addr_eq(&p.flow.dst, &to.dst));
		lab_packet_rewrite(&p, &back);
		/* A checksum may come back as the other zero of one's complement: then it is right all the same. */
		if (memcmp(before, buf, len) != 0) {
			p = parse(len);
			assert_true(lab_packet_checksum_ok(&p));
		}
	}
}

static void a_missing_udp_checksum_stays_missing(void **state)
{
	struct adit_addr a = adit_addr_v4(192, 168, 1, 2, 4000);
	struct adit_addr b = adit_addr_v4(203, 0, 113, 9, 53);
	size_t len = rig_packet(buf, &a, &b, LAB_IP_UDP, 64, 5);
	struct lab_flow to = {.src = b, .dst = a};
	struct lab_packet p;

	(void)state;
	rig_put(buf + 26, 0);
	p = parse(len);
	lab_packet_rewrite(&p, &to);
	assert_int_equal(buf[26] << 8 | buf[27], 0);
	assert_true(header_ok());
}

/* What a card would do with a partial checksum after the rewriting is right: the field has the new pseudo-header's sum.
 */
static void a_partial_checksum_follows_the_addresses_only(void **state)
{
	struct adit_addr a = adit_addr_v4(192, 168, 1, 2, 4000);
	struct adit_addr b = adit_addr_v4(203, 0, 113, 9, 80);
	struct lab_flow to = {.src = adit_addr_v4(198, 51, 100, 77, 61000), .dst = b};
	struct lab_offload o = {.flags = LAB_OFFLOAD_NEEDS_CSUM, .csum_start = 14 + 20, .csum_offset = 16};
	size_t len = rig_packet(buf, &a, &b, LAB_IP_TCP, 64, 100);
	struct lab_packet p;

	(void)state;
	rig_put(buf + 36, lab_packet_pseudo_sum(&a, &b, LAB_IP_TCP, len - 20));
	assert_int_equal(lab_packet_parse(&p, buf, len, &o, 14), 0);
	assert_true(p.partial);
	lab_packet_rewrite(&p, &to);
	assert_int_equal(buf[36] << 8 | buf[37], lab_packet_pseudo_sum(&to.src, &to.dst, LAB_IP_TCP, len - 20));
	lab_packet_finish_checksum(&p);
	p = parse(len);
	assert_true(lab_packet_checksum_ok(&p));
}

static void a_ttl_falls_by_one_and_the_header_stays_right(void **state)
{
	struct adit_addr a = adit_addr_v4(192, 168, 1, 2, 4000);
	struct adit_addr b = adit_addr_v4(203, 0, 113, 9, 53);
	struct lab_packet p = parse(rig_packet(buf, &a, &b, LAB_IP_UDP, 255, 5));

	(void)state;
	for (int ttl = 254; ttl >= 0; ttl--) {
		lab_packet_age(&p);
		assert_int_equal(buf[8], ttl);
		assert_true(header_ok());
	}
}

static void an_error_goes_on_with_its_quote_translated(void **state)
{
	for (int v6 = 0; v6 < 2; v6++) {
		struct adit_addr wan = v6 ? rig_v6(9, 9, 40000) : adit_addr_v4(203, 0, 113, 10, 40000);
		struct adit_addr host = v6 ? rig_v6(1, 2, 4000) : adit_addr_v4(192, 168, 1, 2, 4000);
		struct adit_addr remote = v6 ? rig_v6(2, 9, 53) : adit_addr_v4(203, 0, 113, 66, 53);
		struct adit_addr hop = v6 ? rig_v6(3, 1, 0) : adit_addr_v4(198, 51, 100, 1, 0);
		uint8_t quote[128];
		size_t n = rig_packet(quote, &wan, &remote, LAB_IP_UDP, 1, 8);
		struct lab_packet p = parse(rig_error(buf, &hop, &wan, v6 ? 3 : 11, 0, quote, n));
		struct lab_flow to = {.src = host, .dst = remote};
		uint8_t wanted[128];

		(void)state;
		assert_int_equal(p.kind, LAB_PACKET_ERROR);
		assert_true(adit_addr_eq(&p.flow.src, &wan) && adit_addr_eq(&p.flow.dst, &remote));
		host.port = 0;
		lab_packet_requote(&p, &to, &hop, &host);
		host.port = 4000;
		assert_true(lab_packet_checksum_ok(&p));
		rig_packet(wanted, &host, &remote, LAB_IP_UDP, 1, 8);
		assert_memory_equal(buf + (v6 ? 48 : 28), wanted, n);
		p = parse(p.len);
		assert_int_equal(p.kind, LAB_PACKET_ERROR);
		assert_true(adit_addr_eq_ip(&p.dst, &host));
	}
}

static void only_the_first_fragment_has_ports(void **state)
{
	struct adit_addr a = adit_addr_v4(192, 168, 1, 2, 4000);
	struct adit_addr b = adit_addr_v4(203, 0, 113, 9, 53);
	size_t len = rig_packet(buf, &a, &b, LAB_IP_UDP, 64, 16);
	struct lab_packet p;

	(void)state;
	rig_put(buf + 4, 777);
	rig_put(buf + 6, 0x2000);
	rig_put(buf + 10, 0);
	rig_put(buf + 10, (uint16_t)~rig_sum(buf, 20, 0));
	p = parse(len);
	assert_int_equal(p.flow.fragment, LAB_FRAGMENT_FIRST);
	assert_int_equal(p.flow.src.port, 4000);
	rig_put(buf + 6, 3);
	rig_put(buf + 10, 0);
	rig_put(buf + 10, (uint16_t)~rig_sum(buf, 20, 0));
	p = parse(len);
	assert_int_equal(p.kind, LAB_PACKET_FLOW);
	assert_int_equal(p.flow.fragment, LAB_FRAGMENT_LATER);
	assert_int_equal(p.flow.fragment_id, 777);
	assert_int_equal(p.flow.src.port, 0);
	memset(buf + 20, 0xee, len - 20);
	lab_packet_rewrite(&p, &(struct lab_flow){.src = b, .dst = a});
	for (size_t i = 20; i < len; i++)
		assert_int_equal(buf[i], 0xee);
	assert_true(header_ok());
}

static void ipv6_extension_headers_are_walked(void **state)
{
	struct adit_addr a = rig_v6(1, 2, 4000);
	struct adit_addr b = rig_v6(2, 3, 53);
	uint8_t plain[128];
	size_t n = rig_packet(plain, &a, &b, LAB_IP_UDP, 64, 4);
	struct lab_packet p;

	(void)state;
	/* Destination options (8 bytes), then a fragment header. */
	memcpy(buf, plain, 40);
	buf[6] = 60;
	rig_put(buf + 4, (uint16_t)(n - 40 + 16));
	memset(buf + 40, 0, 16);
	buf[40] = LAB_IP_FRAGMENT;
	buf[48] = LAB_IP_UDP;
	rig_put(buf + 50, 1);
	rig_put(buf + 54, 99);
	memcpy(buf + 56, plain + 40, n - 40);
	p = parse(n + 16);
	assert_int_equal(p.own.l4, 56);
	assert_int_equal(p.flow.fragment, LAB_FRAGMENT_FIRST);
	assert_int_equal(p.flow.fragment_id, 99);
	assert_int_equal(p.flow.dst.port, 53);
}

static void every_truncation_is_refused_or_read_within_its_bytes(void **state)
{
	struct adit_addr a = adit_addr_v4(192, 168, 1, 2, 4000);
	struct adit_addr b = adit_addr_v4(203, 0, 113, 9, 53);
	size_t len = rig_packet(buf, &a, &b, LAB_IP_TCP, 64, 30);

	(void)state;
	for (size_t n = 0; n < len; n++) {
		uint8_t *exact = test_malloc(n ? n : 1); /* so that ASan sees the end */
		struct lab_packet p;

		memcpy(exact, buf, n);
		assert_int_equal(lab_packet_parse(&p, exact, n, NULL, 0), ADIT_EPROTO);
		test_free(exact);
	}
}

static void padding_behind_the_packet_is_left_out(void **state)
{
	struct adit_addr a = adit_addr_v4(192, 168, 1, 2, 4000);
	struct adit_addr b = adit_addr_v4(203, 0, 113, 9, 53);
	size_t len = rig_packet(buf, &a, &b, LAB_IP_UDP, 64, 1);

	(void)state;
	assert_int_equal(parse(len + 17).len, len);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_packet_says_its_flow),
		cmocka_unit_test(rewriting_keeps_checksums_right_and_can_be_undone),
		cmocka_unit_test(a_missing_udp_checksum_stays_missing),
		cmocka_unit_test(a_partial_checksum_follows_the_addresses_only),
		cmocka_unit_test(a_ttl_falls_by_one_and_the_header_stays_right),
		cmocka_unit_test(an_error_goes_on_with_its_quote_translated),
		cmocka_unit_test(only_the_first_fragment_has_ports),
		cmocka_unit_test(ipv6_extension_headers_are_walked),
		cmocka_unit_test(every_truncation_is_refused_or_read_within_its_bytes),
		cmocka_unit_test(padding_behind_the_packet_is_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
