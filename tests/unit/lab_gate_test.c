#include "test.h"

#include "lab/lab_gate.h"
#include "lab/lab_species.h"
#include "lab_packet_rig.h"

static const uint8_t mac_host[6] = {2, 0, 0, 0, 1, 2};
static const uint8_t mac_far[6] = {2, 0, 0, 0, 2, 2};
static const uint8_t mac_gate[2][6] = {{2, 0, 0, 0, 1, 1}, {2, 0, 0, 0, 2, 1}};

/* A router of one species with a host on either side, and a frame under way. */
struct rig {
	struct lab_gate gate;
	struct lab_nat *nat;
	struct adit_addr lan;
	struct adit_addr wan;
	struct adit_addr host;
	struct adit_addr far;
	uint8_t room[LAB_GATE_HEADROOM + 4096];
	struct lab_frame f;
	adit_time now;
};

static struct rig r;

/* Both neighbours have been heard of. */
static void start(const char *species, bool v6_in, bool v6_out)
{
	static struct lab_gate_config cfg;
	struct lab_site site = {.seed = 3, .wan_count = 1};
	struct lab_species_config what;

	memset(&r, 0, sizeof(r));
	memset(&cfg, 0, sizeof(cfg));
	r.lan = v6_in ? rig_v6(1, 1, 0) : adit_addr_v4(192, 168, 1, 1, 0);
	r.host = v6_in ? rig_v6(1, 2, 4000) : adit_addr_v4(192, 168, 1, 2, 4000);
	r.wan = v6_out ? rig_v6(2, 1, 0) : adit_addr_v4(203, 0, 113, 10, 0);
	r.far = v6_out ? rig_v6(2, 2, 53) : adit_addr_v4(203, 0, 113, 66, 53);
	site.lan = r.lan;
	site.wan[0] = r.wan;
	assert_int_equal(lab_species_parse(species, &what, NULL), 0);
	assert_int_equal(lab_species_new(&what, &site, &r.nat, NULL), 0);
	cfg.nat = r.nat;
	cfg.joins_fragments = what.is_linux;
	for (int i = 0; i < 2; i++) {
		memcpy(cfg.side[i].mac, mac_gate[i], 6);
		cfg.side[i].mtu = 1500;
		cfg.side[i].addrs[0] = i ? r.wan : r.lan;
		cfg.side[i].n_addrs = 1;
	}
	lab_gate_init(&r.gate, &cfg);
	r.now = ADIT_SEC(1);
	(void)lab_neigh_learn(&r.gate.neigh, r.now, LAB_GATE_INSIDE, &r.host, mac_host, true);
	(void)lab_neigh_learn(&r.gate.neigh, r.now, LAB_GATE_OUTSIDE, &r.far, mac_far, true);
}

static void stop(void)
{
	lab_gate_done(&r.gate);
	lab_nat_free(r.nat);
}

static uint8_t *packet_room(void)
{
	r.f = (struct lab_frame){.data = r.room + LAB_GATE_HEADROOM, .headroom = LAB_GATE_HEADROOM};
	return r.f.data + LAB_ETH;
}

/* The packet in the room, |len| bytes, arrives on |side|. */
static int arrive(int side, size_t len)
{
	memcpy(r.f.data, mac_gate[side], 6);
	memcpy(r.f.data + 6, side == LAB_GATE_INSIDE ? mac_host : mac_far, 6);
	rig_put(r.f.data + 12, r.f.data[LAB_ETH] >> 4 == 6 ? LAB_ETH_IPV6 : LAB_ETH_IPV4);
	r.f.len = LAB_ETH + len;
	return lab_gate_input(&r.gate, r.now, side, &r.f);
}

static struct lab_packet look(struct lab_frame *f)
{
	struct lab_packet p;

	assert_int_equal(lab_packet_parse(&p, f->data + LAB_ETH, f->len - LAB_ETH, &f->offload, LAB_ETH), 0);
	assert_true(lab_packet_checksum_ok(&p));
	return p;
}

static bool is_from(struct lab_frame *f, const struct adit_addr *a)
{
	struct lab_packet p = look(f);

	return adit_addr_eq_ip(&p.src, a);
}

static int send_out(uint8_t protocol, uint8_t ttl, size_t n)
{
	return arrive(LAB_GATE_INSIDE, rig_packet(packet_room(), &r.host, &r.far, protocol, ttl, n));
}

static void a_packet_goes_out_translated_and_its_answer_comes_back(void **state)
{
	static const uint8_t protocols[] = {LAB_IP_UDP, LAB_IP_TCP, LAB_IP_ICMP};

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct lab_packet p;
		struct adit_addr mapped;
		struct adit_addr far;

		start("symmetric-random", false, false);
		r.far.port = i == 2 ? 0 : 53;
		assert_int_equal(send_out(protocols[i], 9, 20), LAB_GATE_OUTSIDE);
		p = look(&r.f);
		assert_memory_equal(r.f.data, mac_far, 6);
		assert_memory_equal(r.f.data + 6, mac_gate[1], 6);
		assert_int_equal(p.ttl, 8);
		assert_true(adit_addr_eq_ip(&p.src, &r.wan));
		mapped = p.flow.src;
		far = r.far;
		if (i == 2) { /* an echo reply is the request with another type */
			struct lab_packet e;

			r.f = (struct lab_frame){.data = r.f.data, .len = r.f.len, .headroom = LAB_GATE_HEADROOM};
			e = look(&r.f);
			assert_true(lab_reply_echo(&e));
			assert_int_equal(arrive(LAB_GATE_OUTSIDE, e.len), LAB_GATE_INSIDE);
		} else {
			assert_int_equal(
				arrive(LAB_GATE_OUTSIDE, rig_packet(packet_room(), &far, &mapped, protocols[i], 9, 30)),
				LAB_GATE_INSIDE);
		}
		p = look(&r.f);
		assert_true(adit_addr_eq_ip(&p.dst, &r.host));
		assert_int_equal(p.flow.dst.port, 4000);
		assert_memory_equal(r.f.data, mac_host, 6);
		stop();
	}
}

static void who_is_not_known_is_asked_for_and_the_packet_waits(void **state)
{
	struct adit_addr other = adit_addr_v4(203, 0, 113, 77, 53);
	static const uint8_t mac_other[6] = {2, 0, 0, 0, 2, 7};
	struct lab_whois w;
	struct lab_frame f;
	uint8_t buf[LAB_WHOIS_MAX];

	(void)state;
	start("rfc", false, false);
	assert_int_equal(arrive(LAB_GATE_INSIDE, rig_packet(packet_room(), &r.host, &other, LAB_IP_UDP, 9, 20)),
			 LAB_GATE_NOWHERE);
	assert_int_equal(lab_gate_output(&r.gate, &f), LAB_GATE_OUTSIDE);
	assert_int_equal(lab_whois_parse(f.data, f.len, &w), 0);
	assert_true(adit_addr_eq_ip(&w.target, &other) && adit_addr_eq_ip(&w.sender, &r.wan));
	f.len = lab_whois_tell(&w, mac_other, buf);
	packet_room();
	memcpy(r.f.data, buf, f.len);
	r.f.len = f.len;
	assert_int_equal(lab_gate_input(&r.gate, r.now, LAB_GATE_OUTSIDE, &r.f), LAB_GATE_NOWHERE);
	assert_int_equal(lab_gate_output(&r.gate, &f), LAB_GATE_OUTSIDE);
	assert_memory_equal(f.data, mac_other, 6);
	{
		struct lab_packet p = look(&f);

		assert_true(adit_addr_eq_ip(&p.dst, &other));
	}
	assert_int_equal(lab_gate_output(&r.gate, &f), LAB_GATE_NOWHERE);
	stop();
}

static void who_never_answers_costs_three_questions(void **state)
{
	struct adit_addr other = adit_addr_v4(203, 0, 113, 77, 53);
	struct lab_frame f;
	unsigned asked = 0;

	(void)state;
	start("rfc", false, false);
	(void)arrive(LAB_GATE_INSIDE, rig_packet(packet_room(), &r.host, &other, LAB_IP_UDP, 9, 20));
	for (int i = 0; i < 10; i++) {
		while (lab_gate_output(&r.gate, &f) != LAB_GATE_NOWHERE)
			asked++;
		if (lab_gate_deadline(&r.gate) == ADIT_NEVER)
			break;
		r.now = lab_gate_deadline(&r.gate);
		lab_gate_tick(&r.gate, r.now);
	}
	assert_int_equal(asked, 3);
	assert_int_equal(r.gate.stats.unresolved, 1);
	assert_int_equal(r.gate.kept, 0);
	stop();
}

static void the_router_answers_for_its_own_addresses_only(void **state)
{
	static const uint8_t last[] = {1, 3};

	(void)state;
	start("rfc", false, false);
	for (int i = 0; i < 2; i++) {
		struct adit_addr target = adit_addr_v4(192, 168, 1, last[i], 0);
		struct lab_frame f;
		struct lab_whois w;

		packet_room();
		r.f.len = lab_whois_ask(&target, &r.host, mac_host, r.f.data);
		assert_int_equal(lab_gate_input(&r.gate, r.now, LAB_GATE_INSIDE, &r.f), LAB_GATE_NOWHERE);
		if (i == 1) {
			assert_false(lab_gate_has_output(&r.gate));
			break;
		}
		assert_int_equal(lab_gate_output(&r.gate, &f), LAB_GATE_INSIDE);
		assert_int_equal(lab_whois_parse(f.data, f.len, &w), 0);
		assert_memory_equal(w.mac, mac_gate[0], 6);
	}
	stop();
}

/* The answer that came back to the inside. */
static struct lab_packet reply(void)
{
	static struct lab_frame f;

	assert_int_equal(lab_gate_output(&r.gate, &f), LAB_GATE_INSIDE);
	assert_memory_equal(f.data, mac_host, 6);
	return look(&f);
}

static void a_ttl_of_one_is_answered_with_time_exceeded(void **state)
{
	struct lab_packet p;

	(void)state;
	start("rfc", false, false);
	assert_int_equal(send_out(LAB_IP_UDP, 1, 20), LAB_GATE_NOWHERE);
	p = reply();
	assert_int_equal(p.kind, LAB_PACKET_ERROR);
	assert_int_equal(p.data[20], 11);
	assert_true(adit_addr_eq_ip(&p.src, &r.lan));
	assert_int_equal(p.flow.src.port, 4000);
	stop();
}

static void the_router_itself_is_pinged_and_refuses_the_rest(void **state)
{
	struct lab_packet p;

	(void)state;
	start("rfc", false, false);
	r.far = r.lan;
	assert_int_equal(send_out(LAB_IP_ICMP, 9, 20), LAB_GATE_NOWHERE);
	p = reply();
	assert_int_equal(p.data[20], 0);
	r.far.port = 99;
	assert_int_equal(send_out(LAB_IP_TCP, 9, 0), LAB_GATE_NOWHERE);
	p = reply();
	assert_int_equal(p.flow.tcp_flags, LAB_TCP_RST | LAB_TCP_ACK);
	assert_int_equal(send_out(LAB_IP_UDP, 9, 0), LAB_GATE_NOWHERE);
	p = reply();
	assert_int_equal(p.data[20] << 8 | p.data[21], 3 << 8 | 3);
	stop();
}

static void what_is_too_big_is_cut_or_refused(void **state)
{
	struct lab_packet p;
	struct lab_frame f;
	unsigned n = 0;
	size_t len;

	(void)state;
	start("rfc", false, false);
	r.gate.cfg.side[LAB_GATE_OUTSIDE].mtu = 700;
	assert_int_equal(send_out(LAB_IP_UDP, 9, 1200), LAB_GATE_NOWHERE);
	while (lab_gate_output(&r.gate, &f) == LAB_GATE_OUTSIDE) {
		assert_true(f.len <= LAB_ETH + 700);
		assert_true(is_from(&f, &r.wan));
		n++;
	}
	assert_int_equal(n, 2);
	len = rig_packet(packet_room(), &r.host, &r.far, LAB_IP_UDP, 9, 1200);
	r.f.data[LAB_ETH + 6] = 0x40; /* DF */
	rig_put(r.f.data + LAB_ETH + 10, 0);
	rig_put(r.f.data + LAB_ETH + 10, (uint16_t)~rig_sum(r.f.data + LAB_ETH, 20, 0));
	assert_int_equal(arrive(LAB_GATE_INSIDE, len), LAB_GATE_NOWHERE);
	p = reply();
	assert_int_equal(p.data[20] << 8 | p.data[21], 3 << 8 | 4);
	assert_int_equal(p.data[26] << 8 | p.data[27], 700);
	stop();
}

static void an_icmp_error_finds_the_host_that_it_is_about(void **state)
{
	struct adit_addr hop = adit_addr_v4(198, 51, 100, 7, 0);
	uint8_t quote[128];
	struct lab_packet p;
	size_t n;

	(void)state;
	start("symmetric-random", false, false);
	assert_int_equal(send_out(LAB_IP_UDP, 9, 20), LAB_GATE_OUTSIDE);
	p = look(&r.f);
	n = p.len;
	memcpy(quote, p.data, n);
	assert_int_equal(arrive(LAB_GATE_OUTSIDE, rig_error(packet_room(), &hop, &r.wan, 11, 0, quote, n)),
			 LAB_GATE_INSIDE);
	p = look(&r.f);
	assert_int_equal(p.kind, LAB_PACKET_ERROR);
	assert_true(adit_addr_eq_ip(&p.dst, &r.host) && adit_addr_eq_ip(&p.src, &hop));
	assert_true(adit_addr_eq(&p.flow.src, &r.host) && adit_addr_eq(&p.flow.dst, &r.far));
	stop();
}

/* Datagram in two pieces; |late_first|: the second one arrives first. Returns how many went out. */
static unsigned two_pieces(bool late_first)
{
	uint8_t whole[2048];
	uint8_t pieces[2][1024];
	size_t len[2];
	struct lab_packet p;
	struct lab_frame f;
	size_t at = 0;
	unsigned n = 0;
	size_t total = rig_packet(whole, &r.host, &r.far, LAB_IP_UDP, 9, 1200);

	assert_int_equal(lab_packet_parse(&p, whole, total, NULL, 0), 0);
	for (int i = 0; i < 2; i++)
		len[i] = lab_reply_fragment(&p, 800, &at, pieces[i]);
	for (int i = 0; i < 2; i++) {
		int which = late_first ? !i : i;

		memcpy(packet_room(), pieces[which], len[which]);
		if (arrive(LAB_GATE_INSIDE, len[which]) == LAB_GATE_OUTSIDE)
			n += is_from(&r.f, &r.wan);
		while (lab_gate_output(&r.gate, &f) == LAB_GATE_OUTSIDE)
			n += is_from(&f, &r.wan);
	}
	return n;
}

static void fragments_follow_their_first_one_in_any_order(void **state)
{
	static const char *const species[] = {"rfc", "linux"};

	(void)state;
	for (int i = 0; i < 2; i++)
		for (int late = 0; late < 2; late++) {
			start(species[i], false, false);
			assert_int_equal(two_pieces(late), 2);
			assert_int_equal(r.gate.kept, 0);
			stop();
		}
	start("home", false, false); /* takes them in order only */
	assert_int_equal(two_pieces(true), 1);
	stop();
}

static void an_ipv6_firewall_lets_answers_in_and_nothing_else(void **state)
{
	struct adit_addr stranger = rig_v6(2, 9, 53);
	struct lab_packet p;

	(void)state;
	start("ipv6-firewall", true, true);
	assert_int_equal(send_out(LAB_IP_UDP, 9, 20), LAB_GATE_OUTSIDE);
	p = look(&r.f);
	assert_true(adit_addr_eq(&p.flow.src, &r.host));
	assert_int_equal(arrive(LAB_GATE_OUTSIDE, rig_packet(packet_room(), &r.far, &r.host, LAB_IP_UDP, 9, 5)),
			 LAB_GATE_INSIDE);
	assert_int_equal(arrive(LAB_GATE_OUTSIDE, rig_packet(packet_room(), &stranger, &r.host, LAB_IP_UDP, 9, 5)),
			 LAB_GATE_NOWHERE);
	stop();
}

static void a_nat64_changes_the_family_there_and_back(void **state)
{
	static const uint8_t protocols[] = {LAB_IP_UDP, LAB_IP_TCP, LAB_IP_ICMPV6};
	static const uint8_t back[] = {LAB_IP_UDP, LAB_IP_TCP, LAB_IP_ICMP};
	uint8_t well_known[16] = {0, 0x64, 0xff, 0x9b, [12] = 203, 0, 113, 66};

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct adit_addr far4;
		struct adit_addr mapped;
		struct lab_packet p;

		start("nat64", true, false);
		far4 = r.far;
		r.far = adit_addr_v6(well_known, i == 2 ? 0 : 53);
		far4.port = i == 2 ? 0 : 53;
		assert_int_equal(send_out(protocols[i], 9, 33), LAB_GATE_OUTSIDE);
		p = look(&r.f);
		assert_int_equal(p.own.family, ADIT_FAMILY_V4);
		assert_int_equal(p.own.protocol, back[i]);
		assert_true(adit_addr_eq_ip(&p.src, &r.wan) && adit_addr_eq_ip(&p.dst, &far4));
		assert_int_equal(p.ttl, 8);
		mapped = p.flow.src;
		if (i < 2) {
			assert_int_equal(
				arrive(LAB_GATE_OUTSIDE, rig_packet(packet_room(), &far4, &mapped, back[i], 9, 33)),
				LAB_GATE_INSIDE);
			p = look(&r.f);
			assert_true(adit_addr_eq(&p.flow.src, &r.far) && adit_addr_eq(&p.flow.dst, &r.host));
		}
		stop();
	}
}

static void a_nat64_translates_errors(void **state)
{
	uint8_t well_known[16] = {0, 0x64, 0xff, 0x9b, [12] = 203, 0, 113, 66};
	struct adit_addr hop = adit_addr_v4(198, 51, 100, 7, 0);
	uint8_t hop6[4] = {198, 51, 100, 7};
	uint8_t quote[128];
	struct lab_packet p;
	size_t n;

	(void)state;
	start("nat64", true, false);
	r.far = adit_addr_v6(well_known, 53);
	assert_int_equal(send_out(LAB_IP_UDP, 9, 10), LAB_GATE_OUTSIDE);
	p = look(&r.f);
	n = p.len;
	memcpy(quote, p.data, n);
	assert_int_equal(arrive(LAB_GATE_OUTSIDE, rig_error(packet_room(), &hop, &r.wan, 3, 3, quote, n)),
			 LAB_GATE_INSIDE);
	p = look(&r.f);
	assert_int_equal(p.kind, LAB_PACKET_ERROR);
	assert_int_equal(p.data[40] << 8 | p.data[41], 1 << 8 | 4);
	assert_memory_equal(p.src.ip + 12, hop6, 4);
	assert_true(adit_addr_eq(&p.flow.src, &r.host) && adit_addr_eq(&p.flow.dst, &r.far));
	stop();
}

static void a_super_packet_passes_whole(void **state)
{
	(void)state;
	start("rfc", false, false);
	packet_room();
	rig_packet(r.f.data + LAB_ETH, &r.host, &r.far, LAB_IP_TCP, 9, 3000);
	rig_put(r.f.data + LAB_ETH + 36, lab_packet_pseudo_sum(&r.host, &r.far, LAB_IP_TCP, 3020));
	r.f.offload = (struct lab_offload){.flags = LAB_OFFLOAD_NEEDS_CSUM,
					   .gso_type = LAB_GSO_TCPV4,
					   .gso_size = 1448,
					   .csum_start = 34,
					   .csum_offset = 16};
	assert_int_equal(arrive(LAB_GATE_INSIDE, 3040), LAB_GATE_OUTSIDE);
	assert_int_equal(r.f.len, LAB_ETH + 3040);
	assert_int_equal(r.f.offload.gso_size, 1448);
	assert_int_equal(r.f.data[LAB_ETH + 36] << 8 | r.f.data[LAB_ETH + 37],
			 lab_packet_pseudo_sum(&r.wan, &r.far, LAB_IP_TCP, 3020));
	stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_packet_goes_out_translated_and_its_answer_comes_back),
		cmocka_unit_test(who_is_not_known_is_asked_for_and_the_packet_waits),
		cmocka_unit_test(who_never_answers_costs_three_questions),
		cmocka_unit_test(the_router_answers_for_its_own_addresses_only),
		cmocka_unit_test(a_ttl_of_one_is_answered_with_time_exceeded),
		cmocka_unit_test(the_router_itself_is_pinged_and_refuses_the_rest),
		cmocka_unit_test(what_is_too_big_is_cut_or_refused),
		cmocka_unit_test(an_icmp_error_finds_the_host_that_it_is_about),
		cmocka_unit_test(fragments_follow_their_first_one_in_any_order),
		cmocka_unit_test(an_ipv6_firewall_lets_answers_in_and_nothing_else),
		cmocka_unit_test(a_nat64_changes_the_family_there_and_back),
		cmocka_unit_test(a_nat64_translates_errors),
		cmocka_unit_test(a_super_packet_passes_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
