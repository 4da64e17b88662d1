/*
 * A byte string as packets, UDP and others, through Linux' NAT from either side, rules that change, reboots, time
 * passing. Whatever comes: what leaves is answered to the right place, an error about it finds back, and nobody inside
 * shares a flow.
 *
 * covers: src/lab/lab_linux.c src/lab/lab_ct.c
 */
#include "fuzz.h"

#include "base/bytes.h"
#include "lab/lab_linux.h"

struct run {
	struct lab_nat *n;
	adit_time now;
	enum lab_input input;
	uint8_t proto;
};

static const uint16_t ports[8] = {53, 700, 5555, 5556, 8080, 1, 1023, 65535};

static struct adit_addr inside(uint8_t b)
{
	return adit_addr_v4(192, 168, 1, b >> 3 & 3, ports[b & 7]);
}

static struct adit_addr outside(uint8_t b)
{
	return adit_addr_v4(198, 51, 100, b >> 3 & 3, ports[b & 7]);
}

static struct adit_addr wan(uint8_t b)
{
	return adit_addr_v4(203, 0, 113, 1, ports[b & 7]);
}

/* |f| came in on one side and went out as |g|: the answer takes the way back, and so does an error. */
static void check_way_back(struct run *r, bool is_out, const struct lab_flow *f, const struct lab_flow *g)
{
	struct lab_flow answer = {.src = g->dst, .dst = g->src, .proto = g->proto, .ttl = 64};
	struct lab_flow quoted = *g;
	struct lab_flow back;

	FUZZ_CHECK((is_out ? r->n->ops->in : r->n->ops->out)(r->n, r->now, &answer, &back) == LAB_FORWARD);
	FUZZ_CHECK(adit_addr_eq(&back.src, &f->dst) && adit_addr_eq(&back.dst, &f->src));
	FUZZ_CHECK(r->n->ops->icmp(r->n, r->now, &quoted));
	FUZZ_CHECK(adit_addr_eq(&quoted.src, &f->src) && adit_addr_eq(&quoted.dst, &f->dst));
}

/* An echo names only its asker's port. */
static void set_proto(struct run *r, struct lab_flow *f)
{
	f->proto = r->proto;
	if (r->proto == LAB_PING)
		f->dst.port = 0;
}

static void packet_out(struct run *r, struct adit_rd *in)
{
	struct lab_flow f = {.src = inside(adit_rd_u8(in)), .ttl = 64};
	uint8_t to = adit_rd_u8(in);
	struct lab_flow g;
	enum lab_verdict v;

	f.dst = to & 0x80 ? wan(to) : outside(to);
	set_proto(r, &f);
	if (to & 0x40)
		f.ttl = 1;
	v = r->n->ops->out(r->n, r->now, &f, &g);
	if (to & 0x80)
		FUZZ_CHECK(v == LAB_LOCAL || v == LAB_DROP);
	else if (f.ttl == 1)
		FUZZ_CHECK(v == LAB_EXPIRED);
	else if (v == LAB_FORWARD)
		check_way_back(r, true, &f, &g);
	else
		FUZZ_CHECK(v == LAB_DROP && r->n->stats.full > 0);
}

static void packet_in(struct run *r, struct adit_rd *in)
{
	static const enum lab_verdict refusals[] = {LAB_DROP, LAB_REJECT, LAB_LOCAL};
	struct lab_flow f = {.src = outside(adit_rd_u8(in)), .ttl = 64};
	uint8_t to = adit_rd_u8(in);
	struct lab_flow g;
	enum lab_verdict v;

	f.dst = wan(to);
	set_proto(r, &f);
	if (to & 0x40)
		f.ttl = 1;
	v = r->n->ops->in(r->n, r->now, &f, &g);
	if (v == LAB_FORWARD) {
		FUZZ_CHECK(f.ttl > 1);
		check_way_back(r, false, &f, &g);
	} else if (v == LAB_EXPIRED) {
		FUZZ_CHECK(f.ttl == 1);
	} else {
		FUZZ_CHECK(v == refusals[r->input]);
	}
}

/* Enough to fill a table, which is swept and made larger. */
static void many_out(struct run *r, uint8_t b)
{
	struct lab_flow f = {.src = inside(b), .ttl = 64};
	struct lab_flow g;

	for (uint16_t port = 1000; port < 1100; port++) {
		f.dst = adit_addr_v4(198, 51, 100, 200, port);
		if (r->n->ops->out(r->n, r->now, &f, &g) == LAB_FORWARD)
			check_way_back(r, true, &f, &g);
	}
}

static void step(struct run *r, struct adit_rd *in)
{
	uint8_t op = adit_rd_u8(in);
	size_t count;

	switch (op & 7) {
	case 0:
	case 1:
	case 2:
		packet_out(r, in);
		break;
	case 3:
	case 4:
		packet_in(r, in);
		break;
	case 5:
		r->now += ADIT_MS(100) << (op >> 3 & 15);
		r->proto = (uint8_t)(op >> 3) % 3;
		break;
	case 6:
		r->input = (enum lab_input)((op >> 3) % 3);
		lab_linux_set_input(r->n, r->input);
		break;
	default:
		if (op & 0x40)
			many_out(r, op >> 3);
		count = lab_linux_count(r->n, r->now);
		FUZZ_CHECK(count <= r->n->stats.mappings + r->n->stats.local);
		if (op == 0xff)
			r->n->ops->flush(r->n);
		FUZZ_CHECK(op != 0xff || lab_linux_count(r->n, r->now) == 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct adit_rd in = adit_rd_over(data, size);
	struct lab_linux_config cfg = {
		.wan = wan(0),
		.lan = adit_addr_v4(192, 168, 1, 254, 0),
		.random = adit_rd_u8(&in) & 1,
		.forwards = {{.port = 8080, .to = adit_addr_v4(192, 168, 1, 2, 5555)}},
		.seed = 1,
	};
	struct run r = {.n = lab_linux_new(&cfg)};

	if (!r.n)
		return 0;
	while (adit_rd_left(&in) > 0)
		step(&r, &in);
	lab_nat_free(r.n);
	return 0;
}
