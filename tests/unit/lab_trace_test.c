/* The file is read back as the format says, and each packet as a host would: lengths, checksums, fragments. */
#include "lab_puppet.h"

#include "lab/lab_limits.h"
#include "lab/lab_linux.h"
#include "lab/lab_trace.h"

static uint8_t file[1 << 20];
static size_t file_len;

static void put(void *ctx, const void *data, size_t len)
{
	(void)ctx;
	assert_true(file_len + len <= sizeof(file));
	memcpy(file + file_len, data, len);
	file_len += len;
}

/* The sum over words that a receiver makes, checksum included (RFC 1071): all ones. */
static uint32_t add(uint32_t sum, const uint8_t *data, size_t len)
{
	for (size_t i = 0; i < len; i++)
		sum += (uint32_t)data[i] << (i % 2 ? 0 : 8);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

struct read {
	unsigned interfaces;
	unsigned packets;
	unsigned inbound;
	unsigned outbound;
	unsigned comments[LAB_STEPS];
	unsigned v4;
	unsigned v6;
	unsigned udp;
	unsigned icmp;
	unsigned fragments;
	unsigned later;
	uint64_t last_at;
	char names[16][LAB_NAME_MAX + 1];
	uint32_t last_iface;
	uint32_t mtu; /* of the last "too big" */
};

static void read_transport(struct read *r, const uint8_t *ip, size_t head, unsigned proto, const uint8_t *data,
			   size_t len, bool whole)
{
	bool v4 = ip[0] >> 4 == 4;
	uint32_t pseudo = add((uint32_t)(proto + len), v4 ? ip + 12 : ip + 8, v4 ? 8 : 32);

	assert_true(len >= 8);
	assert_true(head >= 20);
	if (proto == 17) {
		r->udp++;
		if (whole)
			assert_int_equal((unsigned)data[4] << 8 | data[5], len);
		if (whole)
			assert_int_equal(add(pseudo, data, len), 0xffff);
		return;
	}
	assert_int_equal(proto, v4 ? 1 : 58);
	r->icmp++;
	assert_int_equal(add(v4 ? 0 : pseudo, data, len), 0xffff);
	if ((v4 && data[0] == 3 && data[1] == 4) || (!v4 && data[0] == 2))
		r->mtu = (uint32_t)data[4] << 24 | (uint32_t)data[5] << 16 | (uint32_t)data[6] << 8 | data[7];
	/* What it quotes is a packet again: of the same family, UDP. */
	assert_int_equal(data[8] >> 4, ip[0] >> 4);
	assert_int_equal(v4 ? data[8 + 9] : data[8 + 6], 17);
	if (v4)
		assert_int_equal(add(0, data + 8, 20), 0xffff);
}

static void read_ip(struct read *r, const uint8_t *p, size_t len)
{
	if (p[0] >> 4 == 4) {
		bool more = p[6] & 0x20;
		unsigned at = ((unsigned)p[6] & 0x1f) << 8 | p[7];

		r->v4++;
		assert_int_equal(p[0], 0x45);
		assert_int_equal((unsigned)p[2] << 8 | p[3], len);
		assert_int_equal(add(0, p, 20), 0xffff);
		r->fragments += more || at > 0;
		r->later += at > 0;
		if (at == 0)
			read_transport(r, p, 20, p[9], p + 20, len - 20, !more);
		return;
	}
	r->v6++;
	assert_int_equal(p[0] >> 4, 6);
	assert_int_equal(((unsigned)p[4] << 8 | p[5]) + 40, len);
	if (p[6] == 44) {
		r->fragments++;
		r->later += p[42] > 0 || p[43] > 1;
		assert_int_equal(p[40], 17);
	} else {
		read_transport(r, p, 40, p[6], p + 40, len - 40, true);
	}
}

static void read_options(struct read *r, struct adit_rd *b, bool is_packet)
{
	for (;;) {
		unsigned code = adit_rd_u16(b);
		unsigned len = adit_rd_u16(b);
		const uint8_t *value = adit_rd_take(b, (len + 3) & ~3u);

		assert_false(b->bad);
		if (code == 0)
			return;
		if (is_packet && code == 2) {
			r->inbound += value[3] == 1;
			r->outbound += value[3] == 2;
		}
		for (int step = 0; is_packet && code == 1 && step < LAB_STEPS; step++) {
			const char *c = lab_trace_comment((enum lab_step)step);

			if (c && strlen(c) == len && memcmp(c, value, len) == 0)
				r->comments[step]++;
		}
		if (!is_packet && code == 2)
			memcpy(r->names[r->interfaces - 1], value, len);
		if (!is_packet && code == 9)
			assert_int_equal(value[0], 9);
	}
}

static void read_block(struct read *r, uint32_t type, struct adit_rd *b)
{
	uint64_t at;
	uint32_t len;
	const uint8_t *p;

	if (type == 1) {
		assert_int_equal(adit_rd_u16(b), 101);
		adit_rd_skip(b, 6);
		assert_true(++r->interfaces <= ARRAY_LEN(r->names));
		read_options(r, b, false);
		return;
	}
	assert_int_equal(type, 6);
	r->last_iface = adit_rd_u32(b);
	assert_true(r->last_iface < r->interfaces);
	at = adit_rd_u64(b);
	assert_true(at >= r->last_at);
	r->last_at = at;
	len = adit_rd_u32(b);
	assert_int_equal(adit_rd_u32(b), len);
	p = adit_rd_take(b, (len + 3) & ~3u);
	assert_non_null(p);
	r->packets++;
	read_ip(r, p, len);
	read_options(r, b, true);
}

static void read_file(struct read *r)
{
	struct adit_rd f = adit_rd_over(file, file_len);

	memset(r, 0, sizeof(*r));
	assert_int_equal(adit_rd_u32(&f), 0x0a0d0d0a);
	assert_int_equal(adit_rd_u32(&f), 28);
	assert_int_equal(adit_rd_u32(&f), 0x1a2b3c4d);
	assert_int_equal(adit_rd_u32(&f), 0x00010000);
	assert_true(adit_rd_u64(&f) == UINT64_MAX);
	assert_int_equal(adit_rd_u32(&f), 28);
	while (adit_rd_left(&f) > 0) {
		uint32_t type = adit_rd_u32(&f);
		uint32_t len = adit_rd_u32(&f);
		struct adit_rd b;

		assert_true(len >= 12 && len % 4 == 0);
		b = adit_rd_over(adit_rd_take(&f, len - 12), len - 12);
		assert_int_equal(adit_rd_u32(&f), len);
		assert_false(f.bad);
		read_block(r, type, &b);
		assert_int_equal(adit_rd_left(&b), 0);
	}
}

struct scene {
	struct lab_sim *sim;
	struct lab_router *router;
	struct lab_host *in_host;
	struct puppet in;
	struct puppet out;
	struct lab_trace trace;
};

static struct adit_addr v6(uint8_t last, uint16_t port)
{
	return (struct adit_addr){.ip = {0x20, 1, 0xd, 0xb8, [15] = last}, .port = port, .family = ADIT_FAMILY_V6};
}

static void open_both(struct puppet *p, struct lab_host *h)
{
	puppet_open(p, 4, 5000);
	puppet_do(p, (struct adit_out){
			     .kind = ADIT_OUT_OPEN, .sock = 6, .local = {.family = ADIT_FAMILY_V6, .port = 5000}});
	puppet_join(p, h);
}

static void scene_init(struct scene *c, const struct lab_link_config *core)
{
	struct adit_addr lan = adit_addr_v4(192, 168, 1, 1, 0);
	struct adit_addr wan = adit_addr_v4(203, 0, 113, 10, 0);
	struct adit_addr a = adit_addr_v4(192, 168, 1, 2, 0);
	struct adit_addr b = adit_addr_v4(198, 51, 100, 1, 0);
	struct adit_addr a6 = v6(1, 0);
	struct adit_addr b6 = v6(2, 0);
	struct lab_linux_config cfg = {.wan = wan, .lan = lan, .seed = 1};
	struct lab_net *home;
	struct lab_net *net;
	struct lab_host *out_host;
	struct lab_iface *i;

	memset(c, 0, sizeof(*c));
	file_len = 0;
	c->sim = lab_sim_new(1);
	net = lab_net_new(c->sim, core);
	home = lab_net_new(c->sim, NULL);
	c->router = lab_router_new(c->sim, lab_linux_new(&cfg), home, &lan, net, &wan, NULL);
	c->in_host = lab_host_new(c->sim);
	out_host = lab_host_new(c->sim);
	assert_non_null(lab_host_attach(c->in_host, home, &a, NULL));
	/* IPv6 without the router: a second wire. */
	assert_non_null(lab_host_attach(c->in_host, net, &a6, NULL));
	i = lab_host_attach(out_host, net, &b, NULL);
	assert_int_equal(lab_iface_add_addr(i, &b6), 0);
	lab_trace_init(&c->trace, c->sim, put, NULL);
	lab_sim_set_tap(c->sim, lab_trace_packet, &c->trace);
	lab_sim_set_name(c->sim, lab_host_id(c->in_host), "alice");
	open_both(&c->in, c->in_host);
	open_both(&c->out, out_host);
	c->out.echo = true;
}

static void send(struct scene *c, uint32_t sock, struct adit_addr to, size_t len, uint8_t ttl)
{
	static const uint8_t data[2000] = {9, 8, 7, [999] = 77, [1998] = 3, 4};

	puppet_do(&c->in,
		  (struct adit_out){
			  .kind = ADIT_OUT_SEND, .sock = sock, .remote = to, .data = data, .len = len, .ttl = ttl});
	lab_machine_wake(c->in.machine);
	lab_sim_run(c->sim, lab_sim_now(c->sim) + ADIT_MS(100));
}

static void scene_done(struct scene *c, struct read *r)
{
	uint64_t steps = 0;

	read_file(r);
	for (int i = 0; i < LAB_STEPS; i++)
		steps += lab_sim_stats(c->sim)->steps[i];
	assert_int_equal(r->packets, steps);
	assert_int_equal(r->outbound, lab_sim_stats(c->sim)->steps[LAB_STEP_SENT]);
	assert_int_equal(r->inbound, steps - r->outbound);
	for (int i = 0; i < LAB_STEPS; i++)
		if (lab_trace_comment((enum lab_step)i))
			assert_int_equal(r->comments[i], lab_sim_stats(c->sim)->steps[i]);
	assert_false(c->trace.no_memory);
	lab_trace_done(&c->trace);
	lab_sim_free(c->sim);
}

static struct adit_addr out4(uint16_t port)
{
	return adit_addr_v4(198, 51, 100, 1, port);
}

static void packets_are_whole_and_their_checksums_right(void **state)
{
	struct lab_link_config core = {.delay = ADIT_MS(10), .hops = 3};
	struct scene c;
	struct read r;

	(void)state;
	scene_init(&c, &core);
	for (size_t len = 0; len < 40; len++) {
		send(&c, 4, out4(5000), len, 0);
		send(&c, 6, v6(2, 5000), len, 0);
	}
	assert_int_equal(c.in.inputs, 80);
	scene_done(&c, &r);
	assert_int_equal(r.udp, r.packets);
	/* Sent, forwarded, sent, delivered, there and back; without a router half of it. */
	assert_int_equal(r.v4, 40 * 8);
	assert_int_equal(r.v6, 40 * 4);
	assert_int_equal(r.interfaces, 3);
	assert_string_equal(r.names[0], "alice");
	assert_int_equal(r.last_iface, 0);
}

static void errors_quote_a_whole_header(void **state)
{
	struct lab_link_config core = {.delay = ADIT_MS(10), .hops = 3, .mtu = 1300};
	struct scene c;
	struct read r;

	(void)state;
	scene_init(&c, &core);
	for (size_t len = 0; len < 1500; len += 97) {
		send(&c, 4, out4(81), len, 0); /* closed, or too big */
		send(&c, 4, out4(81), len, 3);
		send(&c, 6, v6(2, 81), len, 0);
		send(&c, 6, v6(2, 81), len, 2);
		lab_sim_run(c.sim, lab_sim_now(c.sim) + ADIT_SEC(9));
	}
	assert_true(c.in.icmps > 50);
	scene_done(&c, &r);
	assert_true(r.icmp > 100);
	assert_int_equal(r.mtu, 1300);
}

static void fragments_look_like_fragments(void **state)
{
	struct lab_link_config core = {.delay = ADIT_MS(10)};
	struct lab_link_config access = {.mtu = 1500};
	struct scene c;
	struct read r;

	(void)state;
	scene_init(&c, &core);
	lab_host_set_fragments(c.in_host, true);
	lab_iface_set_access(lab_router_wan(c.router), &access, NULL);
	c.out.echo = false;
	send(&c, 4, out4(5000), 2000, 0);
	/* To Linux' NAT the later piece is a flow of its own, but it arrives. */
	assert_int_equal(c.out.inputs, 1);
	assert_int_equal(c.out.last.len, 2000);
	scene_done(&c, &r);
	/* Sent and held, twice. */
	assert_int_equal(r.fragments, 4);
	assert_int_equal(r.later, 2);
}

static void what_is_lost_or_refused_is_commented(void **state)
{
	struct lab_link_config core = {.delay = ADIT_MS(10), .rate = 1000000, .queue = 600};
	struct scene c;
	struct read r;

	(void)state;
	scene_init(&c, &core);
	for (unsigned i = 0; i < 5; i++)
		puppet_do(&c.in,
			  (struct adit_out){
				  .kind = ADIT_OUT_SEND, .sock = 4, .remote = out4(5000), .data = file, .len = 300});
	send(&c, 4, adit_addr_v4(8, 8, 8, 8, 1), 10, 0);
	puppet_send(&c.out, 4, adit_addr_v4(203, 0, 113, 10, 1), 0);
	lab_iface_set_cut(lab_router_wan(c.router), true);
	send(&c, 4, out4(5000), 10, 0);
	scene_done(&c, &r);
	assert_int_equal(r.comments[LAB_STEP_FULL], 4);
	assert_int_equal(r.comments[LAB_STEP_UNREACHABLE], 1);
	assert_true(r.comments[LAB_STEP_LOST] >= 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packets_are_whole_and_their_checksums_right),
		cmocka_unit_test(errors_quote_a_whole_header),
		cmocka_unit_test(fragments_look_like_fragments),
		cmocka_unit_test(what_is_lost_or_refused_is_commented),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
