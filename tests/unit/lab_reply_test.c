#include "test.h"

#include "lab/lab_reply.h"
#include "lab_packet_rig.h"

static uint8_t in[4096];
static uint8_t out[LAB_REPLY_MAX];
static struct adit_addr host4;
static struct adit_addr far4;

static struct lab_packet parse(uint8_t *data, size_t len)
{
	struct lab_packet p;

	assert_int_equal(lab_packet_parse(&p, data, len, NULL, 0), 0);
	return p;
}

static int setup(void **state)
{
	(void)state;
	host4 = adit_addr_v4(192, 168, 1, 2, 4000);
	far4 = adit_addr_v4(203, 0, 113, 66, 53);
	return 0;
}

static void an_error_quotes_the_packet_and_goes_to_its_sender(void **state)
{
	struct adit_addr router = adit_addr_v4(192, 168, 1, 1, 0);
	struct lab_packet p = parse(in, rig_packet(in, &host4, &far4, LAB_IP_UDP, 1, 20));
	size_t len = lab_reply_error(&p, LAB_REPLY_TTL, 0, &router, out);
	struct lab_packet e = parse(out, len);

	(void)state;
	assert_int_equal(e.kind, LAB_PACKET_ERROR);
	assert_int_equal(out[20], 11);
	assert_true(adit_addr_eq_ip(&e.dst, &host4) && adit_addr_eq_ip(&e.src, &router));
	assert_true(adit_addr_eq(&e.flow.src, &host4) && adit_addr_eq(&e.flow.dst, &far4));
	assert_true(lab_packet_checksum_ok(&e));
	len = lab_reply_error(&p, LAB_REPLY_TOO_BIG, 1400, &router, out);
	assert_int_equal(out[20] << 8 | out[21], 3 << 8 | 4);
	assert_int_equal(out[26] << 8 | out[27], 1400);
	assert_true(len > 0);
}

static void an_error_is_no_longer_than_its_rfc_allows(void **state)
{
	struct adit_addr a6 = rig_v6(1, 2, 1);
	struct adit_addr b6 = rig_v6(2, 2, 2);
	struct lab_packet p = parse(in, rig_packet(in, &host4, &far4, LAB_IP_UDP, 1, 2000));

	(void)state;
	assert_int_equal(lab_reply_error(&p, LAB_REPLY_PORT, 0, &far4, out), 576);
	p = parse(in, rig_packet(in, &a6, &b6, LAB_IP_UDP, 1, 2000));
	assert_int_equal(lab_reply_error(&p, LAB_REPLY_PORT, 0, &b6, out), 1280);
	p = parse(out, 1280);
	assert_true(lab_packet_checksum_ok(&p));
}

static void nothing_complains_about_errors_and_later_fragments(void **state)
{
	struct adit_addr group = adit_addr_v4(224, 0, 0, 1, 9);
	uint8_t quote[64];
	size_t n = rig_packet(quote, &host4, &far4, LAB_IP_UDP, 1, 8);
	struct lab_packet p = parse(in, rig_error(in, &far4, &host4, 3, 3, quote, n));

	(void)state;
	assert_int_equal(lab_reply_error(&p, LAB_REPLY_TTL, 0, &far4, out), 0);
	p = parse(in, rig_packet(in, &host4, &group, LAB_IP_UDP, 1, 8));
	assert_int_equal(lab_reply_error(&p, LAB_REPLY_TTL, 0, &far4, out), 0);
	rig_packet(in, &host4, &far4, LAB_IP_UDP, 1, 8);
	rig_put(in + 6, 5);
	rig_put(in + 10, 0);
	rig_put(in + 10, (uint16_t)~rig_sum(in, 20, 0));
	p = parse(in, 36);
	assert_int_equal(lab_reply_error(&p, LAB_REPLY_TTL, 0, &far4, out), 0);
}

static void an_echo_request_becomes_its_reply(void **state)
{
	for (int v6 = 0; v6 < 2; v6++) {
		struct adit_addr a = v6 ? rig_v6(1, 2, 77) : adit_addr_v4(192, 168, 1, 2, 77);
		struct adit_addr b = v6 ? rig_v6(1, 1, 0) : adit_addr_v4(192, 168, 1, 1, 0);
		struct lab_packet p = parse(in, rig_packet(in, &a, &b, v6 ? LAB_IP_ICMPV6 : LAB_IP_ICMP, 9, 30));

		(void)state;
		assert_true(lab_reply_echo(&p));
		p = parse(in, p.len);
		assert_true(lab_packet_checksum_ok(&p));
		assert_int_equal(in[p.own.l4], v6 ? 129 : 0);
		assert_int_equal(p.flow.dst.port, 77);
		assert_true(adit_addr_eq_ip(&p.dst, &a) && adit_addr_eq_ip(&p.src, &b));
		assert_false(lab_reply_echo(&p));
	}
}

static void a_syn_to_a_closed_port_is_reset(void **state)
{
	struct lab_packet p = parse(in, rig_packet(in, &host4, &far4, LAB_IP_TCP, 9, 0));
	struct lab_packet r;
	size_t len;

	(void)state;
	in[27] = 41; /* its sequence number */
	p = parse(in, p.len);
	len = lab_reply_reset(&p, out);
	r = parse(out, len);
	assert_true(lab_packet_checksum_ok(&r));
	assert_int_equal(r.flow.tcp_flags, LAB_TCP_RST | LAB_TCP_ACK);
	assert_int_equal(out[31], 42);
	assert_int_equal(lab_reply_reset(&r, out), 0);
}

static void fragments_put_together_are_the_packet(void **state)
{
	static uint8_t whole[4096];
	uint8_t piece[576];
	size_t len = rig_packet(in, &host4, &far4, LAB_IP_UDP, 9, 3000);
	struct lab_packet p = parse(in, len);
	size_t at = 0;
	size_t n;
	size_t have = 0;
	bool more = true;

	(void)state;
	while ((n = lab_reply_fragment(&p, 576, &at, piece)) > 0) {
		struct lab_packet f = parse(piece, n);
		size_t offset = (size_t)((piece[6] & 0x1f) << 8 | piece[7]) * 8;

		assert_true(more && n <= 576 && f.len == n);
		assert_int_equal(offset, have);
		memcpy(whole + offset, piece + 20, n - 20);
		have += n - 20;
		more = piece[6] & 0x20;
	}
	assert_false(more);
	assert_int_equal(have, len - 20);
	assert_memory_equal(whole, in + 20, have);
}

static void arp_and_neighbour_discovery_understand_each_other(void **state)
{
	static const uint8_t mac_a[] = {2, 0, 0, 0, 0, 1};
	static const uint8_t mac_b[] = {2, 0, 0, 0, 0, 2};
	struct adit_addr pairs[2][2] = {{adit_addr_v4(10, 0, 0, 1, 0), adit_addr_v4(10, 0, 0, 2, 0)},
					{rig_v6(1, 1, 0), rig_v6(1, 2, 0)}};

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct lab_whois w;
		size_t len = lab_whois_ask(&pairs[i][1], &pairs[i][0], mac_a, out);

		assert_int_equal(lab_whois_parse(out, len, &w), 0);
		assert_int_equal(w.kind, LAB_WHOIS_ASK);
		assert_true(adit_addr_eq(&w.target, &pairs[i][1]) && adit_addr_eq(&w.sender, &pairs[i][0]));
		assert_memory_equal(w.mac, mac_a, 6);
		len = lab_whois_tell(&w, mac_b, out);
		assert_memory_equal(out, mac_a, 6);
		assert_int_equal(lab_whois_parse(out, len, &w), 0);
		assert_int_equal(w.kind, LAB_WHOIS_TELL);
		assert_true(adit_addr_eq(&w.target, &pairs[i][1]));
		assert_memory_equal(w.mac, mac_b, 6);
		for (size_t cut = 0; cut < len; cut++)
			assert_true(lab_whois_parse(out, cut, &w) < 0);
	}
}

static void neighbour_discovery_from_beyond_a_router_is_refused(void **state)
{
	static const uint8_t mac[] = {2, 0, 0, 0, 0, 1};
	struct adit_addr a = rig_v6(1, 1, 0);
	struct adit_addr b = rig_v6(1, 2, 0);
	struct lab_whois w;
	size_t len = lab_whois_ask(&b, &a, mac, out);

	(void)state;
	out[14 + 7] = 254;
	assert_int_equal(lab_whois_parse(out, len, &w), ADIT_EPROTO);
	out[14 + 7] = 255;
	out[len - 1] ^= 1;
	assert_int_equal(lab_whois_parse(out, len, &w), ADIT_EPROTO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(an_error_quotes_the_packet_and_goes_to_its_sender, setup),
		cmocka_unit_test_setup(an_error_is_no_longer_than_its_rfc_allows, setup),
		cmocka_unit_test_setup(nothing_complains_about_errors_and_later_fragments, setup),
		cmocka_unit_test(an_echo_request_becomes_its_reply),
		cmocka_unit_test_setup(a_syn_to_a_closed_port_is_reset, setup),
		cmocka_unit_test_setup(fragments_put_together_are_the_packet, setup),
		cmocka_unit_test(arp_and_neighbour_discovery_understand_each_other),
		cmocka_unit_test(neighbour_discovery_from_beyond_a_router_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
