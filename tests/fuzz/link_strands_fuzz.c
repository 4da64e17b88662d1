/*
 * Batches out of the network, for the serve side of a session that may have four connections. The first two bytes say
 * how long a batch's datagrams are, the rest what they are: the first packet of a strand, whole, damaged or cut; one of
 * its later ones; anything. What comes out of it lies inside the batch, and is copied and handed on as a thread's
 * letter is: a strand begins with it or gets it.
 *
 * covers: src/link/link_strands.c: number_of queue end_of next_run link_strands_input link_strand_input
 * covers: src/link/link_strand.c: quic_config strand_new link_strand_accept link_strand_dgram
 * planted: src/link/link_strands.c: d->seg_size > 0 && d->len - at > d->seg_size -> d->seg_size > 0
 */
#include "fuzz.h"

#include "../unit/quic_pair.h"
#include "crypto/crypto.h"
#include "link/link_int.h"

#define NUMBERS   4 /* connections of the session */
#define BATCH_MAX 65507

static struct pair p;
static struct link *l;
static uint8_t initial[NUMBERS][2048];
static size_t initial_len[NUMBERS];
static struct link_strand *strand[NUMBERS];

/* Of the strand |i|, as its connect side makes it. */
static void make_initial(unsigned i)
{
	struct quic_config cfg = p.client_cfg;
	struct quic_batch b;
	struct quic *q;

	cfg.has_first = true;
	memcpy(cfg.first, l->strands->first[i], sizeof(cfg.first));
	FUZZ_CHECK(quic_connect(&cfg, p.now, 1, &q) == 0 && quic_output(q, p.now, &b));
	FUZZ_CHECK(b.seg_size == 0 && b.len <= sizeof(initial[i]));
	memcpy(initial[i], b.data, b.len);
	initial_len[i] = b.len;
	quic_free(q);
}

/* A link whose session is up, over one path. */
static void set_up(void)
{
	struct link_config cfg = {.role = PUNCH_SERVE, .crypto = &crypto_gnutls, .instance = 1, .connections = NUMBERS};
	struct link_grant none;

	pair_init(&p, 1, ADIT_MS(1));
	FUZZ_CHECK(pair_connect(&p));
	cfg.rng = p.rng;
	cfg.creds = p.server_creds;
	FUZZ_CHECK(link_new(&cfg, p.now, &l) == 0);
	FUZZ_CHECK(link_session_new(&l->cfg, p.now, p.server.q, &l->session) == 0);
	l->session->state = LINK_SESSION_UP;
	l->session->connections = NUMBERS;
	l->path[0].used = true;
	l->path[0].gen = 1;
	l->path[0].keep = calloc(1, sizeof(*l->path[0].keep));
	FUZZ_CHECK(l->path[0].keep);
	l->path[0].info.remote = adit_addr_v4(192, 0, 2, 1, 4433);
	l->session_path = &l->path[0];
	FUZZ_CHECK(link_strand_grant(l, NUMBERS, &none) == ADIT_EINVAL && l->strands);
	for (unsigned i = 1; i < NUMBERS; i++)
		make_initial(i);
}

/* What the driver makes of it. */
static void hand_on(const struct link_strand_dgram *run)
{
	struct link_strand_dgram d = *run;
	struct link_grant grant;
	uint8_t *exact = fuzz_exact(run->data, run->len);

	d.data = exact;
	if (strand[d.number])
		link_strand_dgram(strand[d.number], p.now, &d);
	if (!strand[d.number] && (!d.begins || link_strand_grant(l, d.number, &grant) == 0)) {
		grant = (struct link_grant){.cfg = l->cfg, .number = (uint8_t)d.number, .connections = NUMBERS};
		memcpy(grant.first, l->strands->first[d.number], sizeof(grant.first));
		if (link_strand_accept(&grant, p.now, &d, &strand[d.number]) < 0)
			FUZZ_CHECK(!strand[d.number]);
	}
	free(exact);
}

static void hear(const uint8_t *batch, size_t len, size_t seg_size)
{
	uint8_t *exact = fuzz_exact(batch, len);
	struct adit_dgram d = {.remote = l->path[0].info.remote, .data = exact, .len = len, .seg_size = seg_size};
	const uint8_t *at = exact;
	struct link_strand_dgram run;

	(void)link_strands_input(l, p.now, &d);
	while (link_strand_input(l, &run)) {
		FUZZ_CHECK(run.number > 0 && run.number < NUMBERS);
		FUZZ_CHECK(run.data >= at && run.len > 0); /* that it ends inside is seen as it is copied */
		FUZZ_CHECK(run.seg_size == 0 || (run.seg_size == seg_size && run.len > seg_size && !run.begins));
		at = run.data + run.len;
		hand_on(&run);
	}
	free(exact);
}

static uint8_t next(struct adit_rd *r)
{
	return adit_rd_left(r) > 0 ? adit_rd_u8(r) : 0;
}

/* One datagram; its length. */
static size_t make_dgram(struct adit_rd *r, uint8_t buf[2048])
{
	uint8_t how = next(r);
	unsigned i = how % NUMBERS;
	size_t len = i > 0 ? initial_len[i] : 40;

	memset(buf, 0x55, 2048);
	memcpy(buf, initial[i], initial_len[i]);
	switch (how / NUMBERS % 8) {
	case 0:
		break;
	case 1: /* damaged */
		buf[next(r) * 5] ^= 0xff;
		break;
	case 2: /* cut */
		len = 1 + (size_t)next(r) * 5;
		break;
	case 3: /* one of its others */
		buf[0] = 0xe0;
		break;
	case 4: /* anything */
		len = 1 + next(r) % 64;
		for (size_t k = 0; k < len; k++)
			buf[k] = next(r);
		break;
	default: /* established */
		buf[0] = 0x40;
		buf[1] = (uint8_t)(0xa8 | i);
		len = 40 + next(r) * 5;
		break;
	}
	return len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t batch[BATCH_MAX];
	struct adit_rd r = adit_rd_over(data, size);
	size_t seg_size = ((size_t)next(&r) << 8 | next(&r)) % 1500;
	size_t len = 0;

	if (!l)
		set_up();
	while (adit_rd_left(&r) > 0) {
		uint8_t buf[2048];
		size_t n = make_dgram(&r, buf);

		n = seg_size > 0 && n > seg_size ? seg_size : n;
		memcpy(batch + len, buf, n);
		/* A shorter one is the last, if it is not made longer. */
		if (seg_size > 0 && len / seg_size < 40 && next(&r) % 4 > 0) {
			memset(batch + len + n, 0, seg_size - n);
			len += seg_size;
			continue;
		}
		hear(batch, len + n, seg_size);
		len = 0;
	}
	if (len > 0)
		hear(batch, len, seg_size);
	for (unsigned i = 0; i < NUMBERS; i++) {
		link_strand_free(strand[i]);
		strand[i] = NULL;
	}
	l->strands->granted = 0;
	return 0;
}
