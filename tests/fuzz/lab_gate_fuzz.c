/*
 * A byte string as frames from both sides to a router: any species, headers that claim checksums and super-packets.
 * Whatever comes: nothing is read or written beyond the frame and its headroom, what leaves is a packet again, and no
 * frame is kept for ever.
 *
 * covers: src/lab/lab_gate.c src/lab/lab_packet.c src/lab/lab_reply.c src/lab/lab_neigh.c src/lab/lab_xlat.c
 */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "../unit/lab_packet_rig.h"
#include "base/bytes.h"
#include "lab/lab_gate.h"
#include "lab/lab_species.h"

static const char *const species[] = {"rfc", "symmetric-random", "linux", "nat64", "ipv6-firewall", "home"};

static struct lab_nat *make(unsigned which, struct lab_gate_config *cfg)
{
	static const uint8_t mac[LAB_MAC] = {2, 0, 0, 0, 0, 1};
	static const uint8_t lan6[16] = {0x20, 1, 0x0d, 0xb8, 1, [15] = 1};
	static const uint8_t wan6[16] = {0x20, 1, 0x0d, 0xb8, 2, [15] = 1};
	struct lab_site site = {.seed = 1, .wan_count = 1};
	struct lab_nat *n;

	site.lan = which == 3 || which == 4 ? adit_addr_v6(lan6, 0) : adit_addr_v4(192, 168, 1, 1, 0);
	site.wan[0] = which == 4 ? adit_addr_v6(wan6, 0) : adit_addr_v4(203, 0, 113, 10, 0);
	FUZZ_CHECK(lab_species_make(species[which], &site, &n, NULL) == 0);
	*cfg = (struct lab_gate_config){.nat = n, .joins_fragments = which == 2};
	for (int i = 0; i < 2; i++) {
		cfg->side[i].raw = true; /* else the fuzzer has to learn our MAC first; ARP comes by itself */
		cfg->side[i].mtu = which == 3 || which == 4 ? 1280 : 200; /* RFC 8200 5; RFC 791: 68 */
		memcpy(cfg->side[i].mac, mac, sizeof(mac));
		cfg->side[i].addrs[0] = i ? site.wan[0] : site.lan;
		cfg->side[i].n_addrs = 1;
	}
	return n;
}

static void check_leaves(const struct lab_frame *f)
{
	struct lab_packet p;

	FUZZ_CHECK(f->len > LAB_ETH);
	if ((f->data[12] << 8 | f->data[13]) != LAB_ETH_ARP)
		FUZZ_CHECK(lab_packet_parse(&p, f->data + LAB_ETH, f->len - LAB_ETH, &f->offload, LAB_ETH) == 0 &&
			   (lab_packet_checksum_ok(&p) || true)); /* what came in wrong may leave wrong */
}

#define MADE 4096

/* Who talks to whom on |side|: the host inside and one outside, as that side sees them. */
static void two_of(const struct lab_gate *g, int side, uint8_t how, struct adit_addr *src, struct adit_addr *dst)
{
	static const uint8_t far6[16] = {0x20, 1, 0x0d, 0xb8, 3, [15] = 9};
	static const uint8_t pref64[16] = {0, 0x64, 0xff, 0x9b, [12] = 203, 0, 113, 66};
	const struct adit_addr *gate = &g->cfg.side[side].addrs[0];
	const struct adit_addr *lan = &g->cfg.side[0].addrs[0], *wan = &g->cfg.side[1].addrs[0];
	bool is_nat64 = adit_addr_is_v6(lan) && adit_addr_is_v4(wan);
	struct adit_addr in = *lan, far = adit_addr_v4(203, 0, 113, 66, 7);

	in.ip[adit_addr_is_v6(&in) ? 15 : 3] = 2;
	if (adit_addr_is_v6(gate))
		far = adit_addr_v6(is_nat64 && side == 0 ? pref64 : far6, 7);
	*src = side ? far : in;
	*dst = side ? adit_addr_is_v6(wan) ? in : *wan : far;
	src->port = side ? 7 : (uint16_t)(4000 + (how & 3));
	dst->port = side ? (uint16_t)(4000 + (how & 3)) : 7;
}

/* A whole packet with right checksums, or an ICMP error about one; then, of the fragments of an IPv4 packet, some. */
static size_t make_packet(const struct lab_gate *g, int side, struct adit_rd *in, uint8_t *ip)
{
	static const uint8_t protocols[] = {LAB_IP_UDP, LAB_IP_TCP, LAB_IP_ICMP, LAB_IP_UDP};
	uint8_t how = adit_rd_u8(in), kind = adit_rd_u8(in), quote[MADE];
	uint8_t protocol = protocols[kind & 3];
	size_t size = (size_t)adit_rd_u8(in) * 12, len;
	struct adit_addr src, dst;

	two_of(g, side, how, &src, &dst);
	if (adit_addr_is_v6(&src) && protocol == LAB_IP_ICMP)
		protocol = LAB_IP_ICMPV6;
	if (kind & 4) {
		len = rig_packet(quote, &dst, &src, protocol, 60, size & 255);
		if (adit_addr_is_v4(&src) && adit_rd_left(in) > 0)
			rig_put(quote + 6, adit_rd_u8(in) & 1 ? 0x4000 : 0);
		src.ip[adit_addr_is_v6(&src) ? 15 : 3] ^= kind & 8;
		len = rig_error(ip, &src, &dst, adit_rd_u8(in) & 15, kind >> 4, quote, len < 400 ? len : 400);
	} else {
		len = rig_packet(ip, &src, &dst, protocol, kind & 8 ? 1 : 64, size);
		if (kind & 16)
			rig_put(ip + (adit_addr_is_v6(&src) ? 40 : 20) + 6, adit_rd_u16(in));
	}
	if (adit_addr_is_v4(&src) && kind & 32) {
		rig_put(ip + 6, adit_rd_u16(in) & 0x7fff); /* DF, MF, offset */
		rig_put(ip + 10, 0);
		rig_put(ip + 10, (uint16_t)~rig_sum(ip, 20, 0));
	}
	return len;
}

static void made_frame(struct lab_gate *g, adit_time now, struct adit_rd *in, uint8_t head)
{
	static uint8_t room[LAB_GATE_HEADROOM + LAB_ETH + MADE];
	int side = head & 1;
	struct lab_frame f = {.data = room + LAB_GATE_HEADROOM, .headroom = LAB_GATE_HEADROOM};

	memset(room, 0, sizeof(room));
	memcpy(f.data, g->cfg.side[side].mac, LAB_MAC);
	f.data[LAB_MAC] = 2;
	f.len = LAB_ETH + make_packet(g, side, in, f.data + LAB_ETH);
	rig_put(f.data + 2 * LAB_MAC, f.data[LAB_ETH] >> 4 == 4 ? 0x0800 : 0x86dd);
	if (head & 2) {
		size_t ip = f.data[LAB_ETH] >> 4 == 4 ? 20 : 40;
		bool is_tcp = f.data[LAB_ETH + (ip == 20 ? 9 : 6)] == LAB_IP_TCP;

		f.offload = (struct lab_offload){.flags = LAB_OFFLOAD_NEEDS_CSUM,
						 .csum_start = (uint16_t)(LAB_ETH + ip),
						 .csum_offset = is_tcp ? 16 : 6};
		if (head & 4) {
			f.offload.gso_type = !is_tcp ? LAB_GSO_UDP_L4 : ip == 20 ? LAB_GSO_TCPV4 : LAB_GSO_TCPV6;
			f.offload.gso_size = (uint16_t)(100 + head);
		}
	}
	g->cfg.side[0].raw = g->cfg.side[1].raw = !(head & 64);
	if (lab_gate_input(g, now, side, &f) != LAB_GATE_NOWHERE)
		check_leaves(&f);
	while (lab_gate_output(g, &f) != LAB_GATE_NOWHERE)
		check_leaves(&f);
}

static void one_frame(struct lab_gate *g, adit_time now, struct adit_rd *in)
{
	uint8_t head = adit_rd_u8(in);
	size_t len, left;
	struct lab_frame f;
	uint8_t *room;

	if (head & 128) {
		made_frame(g, now, in, head);
		return;
	}
	len = adit_rd_u8(in) * 2u + LAB_ETH;
	f = (struct lab_frame){.len = len, .headroom = LAB_GATE_HEADROOM};
	room = malloc(LAB_GATE_HEADROOM + len);
	left = adit_rd_left(in);
	if (!room)
		return;
	memset(room, 0, LAB_GATE_HEADROOM + len);
	f.data = room + LAB_GATE_HEADROOM;
	adit_rd_bytes(in, f.data, left < len ? left : len);
	if (head & 2) {
		f.offload.flags = LAB_OFFLOAD_NEEDS_CSUM;
		f.offload.csum_start = head & 4 ? 34 : 54;
		f.offload.csum_offset = head & 8 ? 16 : 6;
		f.offload.gso_type = head & 16 ? LAB_GSO_TCPV4 : LAB_GSO_NONE;
		f.offload.gso_size = (uint16_t)(head << 3);
	}
	/* An IPv4 header checksum that is right lets the rest be reached. */
	if (head & 32 && f.len >= LAB_ETH + 20 && f.data[LAB_ETH] == 0x45) {
		uint16_t sum;

		f.data[LAB_ETH + 10] = f.data[LAB_ETH + 11] = 0;
		sum = (uint16_t)~lab_packet_sum(f.data + LAB_ETH, 20, 0);
		f.data[LAB_ETH + 10] = (uint8_t)(sum >> 8);
		f.data[LAB_ETH + 11] = (uint8_t)sum;
	}
	g->cfg.side[head & 1].raw = !(head & 64);
	if (lab_gate_input(g, now, head & 1, &f) != LAB_GATE_NOWHERE)
		check_leaves(&f);
	while (lab_gate_output(g, &f) != LAB_GATE_NOWHERE)
		check_leaves(&f);
	free(room);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct lab_gate gate;
	struct lab_gate_config cfg;
	struct adit_rd in = adit_rd_over(data, size);
	struct lab_nat *n = make(adit_rd_u8(&in) % ARRAY_LEN(species), &cfg);
	adit_time now = ADIT_SEC(1);

	lab_gate_init(&gate, &cfg);
	while (adit_rd_left(&in) > 2) {
		one_frame(&gate, now, &in);
		now += ADIT_MS(100);
		lab_gate_tick(&gate, now);
		FUZZ_CHECK(lab_gate_deadline(&gate) > now);
	}
	FUZZ_CHECK(gate.kept <= LAB_GATE_KEPT_MAX);
	lab_gate_done(&gate);
	lab_nat_free(n);
	return 0;
}
