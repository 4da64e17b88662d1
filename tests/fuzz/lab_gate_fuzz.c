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

static void one_frame(struct lab_gate *g, adit_time now, struct adit_rd *in)
{
	uint8_t head = adit_rd_u8(in);
	size_t len = adit_rd_u8(in) * 2u + LAB_ETH;
	struct lab_frame f = {.len = len, .headroom = LAB_GATE_HEADROOM};
	uint8_t *room = malloc(LAB_GATE_HEADROOM + len);
	size_t left = adit_rd_left(in);

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
