/*
 * The network as the enemy. The first byte says which: a server's first datagram is anything; or two connections talk,
 * and the rest of the input says what happens to their datagrams: lost, cut, damaged, doubled, glued together, replayed
 * from elsewhere, noise with the right connection id between. Whatever it is, nobody dies of it, no byte of a stream is
 * wrong, and when it is over the transfer goes on.
 *
 * covers: src/quic/quic.c: packet_cid quic_is_mine quic_is_initial quic_accept quic_input input_one input_path
 * covers: src/quic/quic_path.c: quic_paths_heard quic_paths_judge quic_paths_is_current paths_has_left
 * covers: src/quic/quic_replay.c src/quic/quic_islands.c
 */
#include "fuzz.h"

#include "../unit/quic_pair.h"

static void accept_anything(const uint8_t *data, size_t size)
{
	static struct pair p;
	static bool is_made;
	struct quic *q = NULL;

	if (!is_made)
		pair_init(&p, 1, ADIT_MS(1));
	is_made = true;
	if (quic_accept(&p.server_cfg, p.now, 1, data, size, &q) == 0) {
		/* It can only be a proper Initial, keys included; then the connection can be freed. */
		FUZZ_CHECK(quic_is_initial(data, size));
		quic_free(q);
	}
}

static uint64_t next_number(struct adit_rd *r)
{
	return adit_rd_left(r) > 0 ? adit_rd_u8(r) : 0;
}

/* The next datagram under way to |to|, copied; 0: none. */
static size_t copy_next(struct pair_side *to, uint8_t *buf, size_t nth)
{
	struct pair_dgram *d = pair_other(to)->link.queue;

	while (d && d->next && nth-- > 0)
		d = d->next;
	if (!d)
		return 0;
	memcpy(buf, d->data, d->len);
	return d->len;
}

static void hand_in(struct pair_side *to, uint32_t path, const uint8_t *data, size_t len, size_t seg)
{
	uint8_t *exact = fuzz_exact(data, len);

	(void)quic_is_mine(to->q, exact, len);
	(void)quic_input(to->q, to->pair->now, path, exact, len, seg);
	free(exact);
}

static void tamper(struct pair_side *to, struct adit_rd *r)
{
	uint8_t buf[8192];
	unsigned how = (unsigned)next_number(r);
	size_t len = copy_next(to, buf, next_number(r) % 4);
	size_t at = len ? (size_t)(next_number(r) << 8 | next_number(r)) % len : 0;
	uint32_t elsewhere = to->path + (uint32_t)next_number(r) % 3;

	if (len == 0)
		return;
	switch (how % 6) {
	case 0: /* cut */
		hand_in(to, elsewhere, buf, at, 0);
		break;
	case 1: /* damaged */
		buf[at] ^= (uint8_t)(1 + next_number(r) % 255);
		hand_in(to, elsewhere, buf, len, 0);
		break;
	case 2: /* now and again later, from there */
		hand_in(to, to->path, buf, len, 0);
		hand_in(to, elsewhere, buf, len, 0);
		break;
	case 3: /* glued */
		hand_in(to, to->path, buf, len, at);
		break;
	case 4: /* noise */
		for (size_t i = 9; i < len && adit_rd_left(r) > 0; i++)
			buf[i] = (uint8_t)next_number(r);
		hand_in(to, elsewhere, buf, len, 0);
		break;
	default: /* early, from elsewhere */
		hand_in(to, elsewhere, buf, len, 0);
		break;
	}
}

/* Streams beside the one that is checked: read by nobody in particular, released when they are over. */
static void extra_news(struct pair_side *side, struct quic_stream *s, unsigned news)
{
	struct flow *main_flow = side->user;

	if (news & QUIC_NEWS_OPENED && !main_flow->s) {
		flow_news(side, s, news);
		return;
	}
	if (s == main_flow->s) {
		flow_news(side, s, news & ~(unsigned)QUIC_NEWS_OPENED);
		return;
	}
	quic_stream_consume(s, quic_stream_readable(s) / 2);
	if (news & (QUIC_NEWS_RESET | QUIC_NEWS_STOPPED | QUIC_NEWS_CLOSED))
		quic_stream_release(s);
}

static void extra_stream(struct pair_side *side, uint64_t how)
{
	static const uint8_t bytes[3000];
	struct quic_stream *s;

	if (quic_stream_open(side->q, &s) < 0)
		return;
	(void)!quic_stream_write(s, bytes, (how & 15) * 200);
	if (how & 16)
		quic_stream_finish(s);
	if (how & 32)
		quic_stream_reset(s, how);
	if (how & 64)
		quic_stream_release(s);
	if (how & 128)
		(void)!quic_dgram_send(side->q, bytes, 1 + how * 4);
}

static void act(struct pair *p, struct adit_rd *r, struct flow *f)
{
	struct pair_side *side = next_number(r) % 2 ? &p->client : &p->server;
	uint64_t op = next_number(r);

	switch (op % 10) {
	case 9:
		extra_stream(side, next_number(r));
		break;
	case 0:
		pair_run(p, ADIT_MS(next_number(r)));
		break;
	case 1:
		p->client.path += (uint32_t)next_number(r) % 2;
		p->server.path += (uint32_t)next_number(r) % 2;
		(void)quic_migrate(p->client.q, p->now, p->client.path);
		break;
	case 2:
		side->link.loss_per_mille = (unsigned)next_number(r) * 4;
		side->link.jitter = ADIT_US(next_number(r) * 100);
		break;
	case 3:
		f->tx_end += next_number(r) << 8;
		flow_go(f, 0);
		break;
	case 4:
		side->link.is_cut = next_number(r) % 2;
		break;
	default:
		tamper(side, r);
		break;
	}
}

static void live(const uint8_t *data, size_t size)
{
	struct adit_rd r = adit_rd_over(data, size);
	struct flow a = {.salt_tx = 1, .salt_rx = 2, .tx_end = 20000};
	struct flow b = {.salt_tx = 2, .salt_rx = 1, .tx_end = 20000};
	struct pair p;

	pair_init(&p, 1, ADIT_MS(5));
	FUZZ_CHECK(pair_connect(&p));
	p.client.user = &a;
	p.server.user = &b;
	p.client.on_news = p.server.on_news = extra_news;
	FUZZ_CHECK(quic_stream_open(p.client.q, &a.s) == 0);
	quic_stream_set_user(a.s, &a);
	flow_go(&a, 0);
	for (int i = 0; i < 60 && adit_rd_left(&r) > 0; i++) {
		pair_drain_both(&p);
		act(&p, &r, b.s && i % 2 ? &b : &a);
		pair_step(&p, p.now + ADIT_MS(5));
	}
	for (int i = 0; i < 2; i++) {
		struct pair_link *l = i ? &p.client.link : &p.server.link;

		l->is_cut = false;
		l->loss_per_mille = 0;
	}
	/* What a user does after an outage. */
	FUZZ_CHECK(quic_migrate(p.client.q, p.now, p.client.path) == 0);
	pair_run(&p, ADIT_SEC(20));
	FUZZ_CHECK(!p.client.is_closed && !p.server.is_closed);
	FUZZ_CHECK(!a.is_wrong && !b.is_wrong);
	FUZZ_CHECK(b.rx_at == a.tx_at && a.rx_at == b.tx_at);
	pair_done(&p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	if (data[0] % 4 == 0)
		accept_anything(data + 1, size - 1);
	else
		live(data + 1, size - 1);
	return 0;
}
