/*
 * A byte string as a NAT and as packets through it from either side, errors, reboots, time passing. Whatever comes:
 * what leaves is answered to the same host, an error about it finds back, no two live mappings share what they may not,
 * and everything stays within its limits.
 *
 * covers: src/lab/lab_zoo.c src/lab/lab_zoo_table.c src/lab/lab_zoo_port.c src/lab/lab_zoo_host.c
 * covers: src/lab/lab_zoo_session.c src/lab/lab_zoo_timer.c src/lab/lab_zoo_local.c src/lab/lab_zoo_fragment.c
 * covers: src/lab/lab_zoo_foreign.c src/lab/lab_zoo_hash.c
 */
#include "fuzz.h"

#include "base/bytes.h"
#include "lab/lab_species.h"
#include "lab/lab_zoo_inner.h"

#define RECENT 8u
#define STEPS  128u

struct run {
	struct lab_nat *n;
	struct lab_zoo *z;
	adit_time now;
	struct adit_addr recent[RECENT]; /* sources that left */
	unsigned at;
};

static const uint16_t ports[8] = {53, 700, 5555, 5556, 8080, 1, 1023, 65535};

static struct adit_addr inside(const struct run *r, uint8_t b)
{
	uint8_t ip[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = (uint8_t)(2 + (b >> 3 & 3))};

	return r->z->cfg.kind == LAB_ZOO_NAT64 ? adit_addr_v6(ip, ports[b & 7])
					       : adit_addr_v4(192, 168, 1, (uint8_t)(2 + (b >> 3 & 3)), ports[b & 7]);
}

static struct adit_addr outside(uint8_t b)
{
	return adit_addr_v4(198, 51, 100, b >> 3 & 3, ports[b & 7]);
}

static struct adit_addr to_inside(const struct run *r, struct adit_addr a)
{
	return r->z->cfg.kind == LAB_ZOO_NAT64 ? adit_nat64_synthesize(&r->z->cfg.nat64, &a) : a;
}

static uint8_t flags_of(uint8_t b)
{
	static const uint8_t flags[4] = {LAB_TCP_SYN, LAB_TCP_ACK, LAB_TCP_FIN | LAB_TCP_ACK, LAB_TCP_RST};

	return flags[b & 3];
}

/* |f| left as |g|: its answer finds back to who sent it, and so does an error about it. */
static void check_way_back(struct run *r, const struct lab_flow *f, const struct lab_flow *g)
{
	struct lab_flow answer = {
		.src = g->dst, .dst = g->src, .proto = f->proto, .ttl = 64, .tcp_flags = LAB_TCP_SYN | LAB_TCP_ACK};
	struct lab_flow quoted = {.src = g->src, .dst = g->dst, .proto = f->proto};
	struct lab_flow back;

	FUZZ_CHECK(r->n->ops->in(r->n, r->now, &answer, &back) == LAB_FORWARD);
	FUZZ_CHECK(adit_addr_eq(&back.src, &f->dst) && adit_addr_eq(&back.dst, &f->src));
	if (r->z->cfg.icmp == LAB_ZOO_ICMP_DROP) {
		FUZZ_CHECK(!r->n->ops->icmp(r->n, r->now, &quoted));
		return;
	}
	FUZZ_CHECK(r->n->ops->icmp(r->n, r->now, &quoted));
	FUZZ_CHECK(adit_addr_eq(&quoted.src, &f->src) && adit_addr_eq(&quoted.dst, &f->dst));
}

static void packet_out(struct run *r, struct adit_rd *in)
{
	uint8_t how = adit_rd_u8(in);
	struct lab_flow f = {.proto = how % 3, .ttl = how & 0x40 ? 1 : 64, .src = inside(r, adit_rd_u8(in))};
	uint8_t to = adit_rd_u8(in);
	struct lab_flow g;
	enum lab_verdict v;

	f.tcp_flags = flags_of(how >> 2);
	f.fragment = (how >> 4 & 3) % 3;
	f.fragment_id = to & 3;
	f.dst = to_inside(r, to & 0x80 ? r->recent[to % RECENT] : outside(to));
	if (f.proto == LAB_PING)
		f.dst.port = 0;
	v = r->n->ops->out(r->n, r->now, &f, &g);
	FUZZ_CHECK(f.ttl > 1 || (v != LAB_FORWARD && v != LAB_HAIRPIN));
	if (v != LAB_FORWARD || f.fragment == LAB_FRAGMENT_LATER)
		return;
	r->recent[r->at++ % RECENT] = g.src;
	check_way_back(r, &f, &g);
}

static void packet_in(struct run *r, struct adit_rd *in)
{
	uint8_t how = adit_rd_u8(in);
	struct lab_flow f = {.proto = how % 3, .ttl = how & 0x40 ? 1 : 64, .src = outside(adit_rd_u8(in))};
	uint8_t to = adit_rd_u8(in);
	struct lab_flow g;
	enum lab_verdict v;

	f.tcp_flags = flags_of(how >> 2);
	f.fragment = (how >> 4 & 3) % 3;
	f.fragment_id = to & 3;
	f.dst = to & 0x80 ? r->recent[to % RECENT] : adit_addr_with_port(r->z->cfg.wan[0], ports[to & 7]);
	v = r->n->ops->in(r->n, r->now, &f, &g);
	FUZZ_CHECK(v != LAB_HAIRPIN && (f.ttl > 1 || v != LAB_FORWARD));
	if (v == LAB_DROP && f.fragment == LAB_FRAGMENT_LATER)
		FUZZ_CHECK(lab_nat_holds(r->n, r->now, false, &f) ==
			   (f.ttl > 1 && r->z->cfg.fragments == LAB_ZOO_FRAGMENTS_ANY_ORDER));
}

static void many_out(struct run *r, uint8_t b)
{
	struct lab_flow f = {.src = inside(r, b), .ttl = 64};
	struct lab_flow g;

	for (uint16_t i = 0; i < 40; i++) {
		f.src.port = (uint16_t)(1000 + i * (b & 1));
		f.dst = to_inside(r, adit_addr_v4(198, 51, 100, 200, (uint16_t)(2000 + i)));
		if (r->n->ops->out(r->n, r->now, &f, &g) == LAB_FORWARD)
			check_way_back(r, &f, &g);
	}
}

static void about_recent(struct run *r, struct adit_rd *in)
{
	struct lab_flow q = {.proto = adit_rd_u8(in) % 3, .src = r->recent[adit_rd_u8(in) % RECENT]};

	q.dst = outside(adit_rd_u8(in));
	if (r->n->ops->icmp(r->n, r->now, &q))
		fuzz_touch(&q, sizeof(q));
}

/* --- what must be true of the tables --- */

static void check_sessions(const struct lab_zoo_map *m, size_t *sessions)
{
	uint32_t flows = 0;

	adit_list_each (it, &m->sessions) {
		const struct lab_zoo_session *s = adit_container(it, struct lab_zoo_session, of_map);

		FUZZ_CHECK(s->map == m);
		flows += s->is_flow;
		++*sessions;
	}
	FUZZ_CHECK(flows == m->flows);
}

static void check_port(struct run *r, const struct lab_zoo_map *m)
{
	const struct lab_zoo_config *c = &r->z->cfg;
	const uint64_t *bits =
		&r->z->port_bits[((size_t)m->ext * LAB_ZOO_PROTOS + m->proto) * (size_t)LAB_ZOO_PORT_BITS];

	FUZZ_CHECK(lab_zoo_map_at(r->z, m->proto, &m->out) != NULL);
	if (c->kind == LAB_ZOO_FIREWALL) {
		FUZZ_CHECK(adit_addr_eq(&m->in, &m->out));
		return;
	}
	FUZZ_CHECK(adit_addr_eq_ip(&m->out, &c->wan[m->ext]));
	FUZZ_CHECK(bits[m->out.port / 64] >> m->out.port % 64 & 1);
	FUZZ_CHECK(!c->parity || !((m->in.port ^ m->out.port) & 1));
	if (c->overload == LAB_ZOO_OVERLOAD_NEVER)
		FUZZ_CHECK(!adit_list_is_linked(&m->same_port));
	if (c->overload == LAB_ZOO_OVERLOAD_REMOTE)
		FUZZ_CHECK(lab_zoo_map_pair(r->z, m->proto, &m->out, (enum lab_zoo_dep)m->dep, &m->remote) == m);
	if (m->block) {
		uint32_t first = c->first + m->block->index % r->z->block_count * c->block;

		FUZZ_CHECK(m->out.port >= first && m->out.port < first + c->block);
	}
}

static void check_host(struct run *r, const struct lab_zoo_host *h, size_t *maps, size_t *sessions)
{
	size_t count = 0;
	size_t in_blocks = 0;
	size_t blocks = 0;

	adit_list_each (it, &h->maps) {
		const struct lab_zoo_map *m = adit_container(it, struct lab_zoo_map, of_host);

		FUZZ_CHECK(m->host == h && m->die_at > r->now);
		FUZZ_CHECK(lab_zoo_map_has_flows(r->z, m) ? m->flows > 0 : m->timer.expire_at > r->now);
		check_port(r, m);
		check_sessions(m, sessions);
		in_blocks += m->block != NULL;
		count++;
	}
	adit_list_each (it, &h->blocks) {
		const struct lab_zoo_block *b = adit_container(it, struct lab_zoo_block, of_host);

		FUZZ_CHECK(b->count > 0 && b->count <= in_blocks);
		in_blocks -= b->count;
		blocks++;
	}
	FUZZ_CHECK(in_blocks == 0 && blocks == h->block_count && count == h->count);
	FUZZ_CHECK(!r->z->cfg.host_mappings || count <= r->z->cfg.host_mappings);
	FUZZ_CHECK(!r->z->cfg.blocks || blocks <= r->z->cfg.blocks);
	*maps += count;
}

static void check_tables(struct run *r)
{
	size_t maps = 0;
	size_t sessions = 0;
	size_t hosts = 0;

	FUZZ_CHECK(lab_zoo_count(r->n, r->now) + lab_zoo_foreign_count(r->n, r->now) == r->z->map_count);
	adit_list_each (it, &r->z->host_lru) {
		check_host(r, adit_container(it, struct lab_zoo_host, lru), &maps, &sessions);
		hosts++;
	}
	FUZZ_CHECK(maps == r->z->map_count && maps == r->z->by_pair.count);
	FUZZ_CHECK(maps == r->z->by_in.count + r->z->foreign_count);
	FUZZ_CHECK(sessions == r->z->sessions.count && hosts == r->z->hosts.count);
	FUZZ_CHECK(!r->z->cfg.mappings || maps <= r->z->cfg.mappings);
	FUZZ_CHECK(!r->z->cfg.sessions || sessions <= r->z->cfg.sessions);
}

static void step(struct run *r, struct adit_rd *in)
{
	uint8_t op = adit_rd_u8(in);
	struct adit_addr other = adit_addr_v4(203, 0, 113, (uint8_t)(100 + (op >> 6)), 0);

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
		r->now += ADIT_MS(50) << (op >> 3 & 15);
		break;
	case 6:
		about_recent(r, in);
		break;
	default:
		if (op & 0x40)
			many_out(r, op >> 3);
		if (op == 0x87)
			r->n->ops->flush(r->n);
		if (op == 0x97 && lab_zoo_readdress(r->n, &other, 1) == 0)
			FUZZ_CHECK(lab_zoo_count(r->n, r->now) == 0);
		check_tables(r);
	}
}

/* A species, and a few of its fields as the bytes want them. */
static bool config_from(struct adit_rd *in, struct lab_zoo_config *ret_cfg)
{
	static const uint16_t limits[8] = {0, 0, 0, 1, 5, 20, 90, 1000};
	uint8_t b[8];
	size_t i = adit_rd_u8(in);
	struct lab_species_config cfg;
	struct lab_zoo_config *c = &cfg.zoo;

	while (!lab_species_at(i))
		i /= 2;
	if (lab_species_parse(lab_species_at(i)->name, &cfg, NULL) < 0)
		abort();
	for (size_t k = 0; k < sizeof(b); k++)
		b[k] = adit_rd_u8(in);
	c->host_mappings = limits[b[0] & 7];
	c->mappings = limits[b[0] >> 3 & 7];
	c->sessions = limits[b[1] & 7];
	c->rate = limits[b[1] >> 3 & 7];
	c->load = limits[b[2] & 7];
	c->full = (enum lab_zoo_full)(b[2] >> 3 & 3) % 3;
	c->input = (enum lab_input)((b[3] & 3) % 3);
	c->pooling = (enum lab_zoo_pooling)(b[3] >> 2 & 1);
	c->per_session = b[3] >> 3 & 1;
	c->parity = b[3] >> 4 & 1;
	c->port_class = b[3] >> 5 & 1;
	c->refresh = (enum lab_zoo_refresh)(b[3] >> 6);
	c->taken_mapping = (enum lab_zoo_dep)(b[4] & 3);
	c->load_mapping = (enum lab_zoo_dep)(b[4] >> 2 & 3);
	c->hairpin = (enum lab_zoo_hairpin)((b[4] >> 4 & 3) % 3);
	c->fragments = (enum lab_zoo_fragments)((b[4] >> 6) % 3);
	c->foreign = c->foreign > 0 ? 5 : 0;
	c->foreign_life = ADIT_SEC(2);
	c->life = ADIT_SEC(b[5] & 31);
	c->idle_filter = ADIT_SEC(b[5] >> 5);
	c->host_rate = limits[b[6] & 7];
	c->blocks = limits[b[6] >> 3 & 3];
	c->ttl_late = b[6] >> 6 & 1;
	if (b[7] & 0x80) {
		c->first = 5550;
		c->last = (uint16_t)(5551 + (b[7] & 31));
		c->block = c->block ? 1 + (b[7] >> 5 & 1) : 0;
	}
	c->wan_count = 1 + (b[7] >> 5 & 1);
	c->wan[0] = adit_addr_v4(203, 0, 113, 1, 0);
	c->wan[1] = adit_addr_v4(203, 0, 113, 2, 0);
	c->seed = b[7];
	*ret_cfg = *c;
	return !cfg.is_linux && !lab_zoo_config_check(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct adit_rd in = adit_rd_over(data, size);
	struct lab_zoo_config cfg;
	struct run r = {.now = 0};

	if (!config_from(&in, &cfg) || !(r.n = lab_zoo_new(&cfg)))
		return 0;
	r.z = lab_zoo_of(r.n);
	for (size_t i = 0; i < RECENT; i++)
		r.recent[i] = adit_addr_with_port(cfg.wan[0], (uint16_t)(5555 + i));
	/* Long scripts find nothing that short ones do not, and take long. */
	for (unsigned i = 0; i < STEPS && adit_rd_left(&in) > 0; i++)
		step(&r, &in);
	check_tables(&r);
	lab_nat_free(r.n);
	return 0;
}
