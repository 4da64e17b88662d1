/*
 * Two connections joined by a virtual link in virtual time: delay, loss, reordering and rate, all from one seed. No
 * socket, no clock. What arrives at one side is handed to |on_news| and |on_event|, which a test sets.
 */
#ifndef ADIT_TEST_QUIC_PAIR_H
#define ADIT_TEST_QUIC_PAIR_H

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/rng.h"
#include "quic/quic.h"
#include "quic/quic_stream.h"

/* What does both sides' packets; NULL: GnuTLS. quic_pair_aead.h sets it. */
static const struct adit_aead *pair_aead;

struct pair_dgram {
	struct pair_dgram *next;
	adit_time at;
	uint64_t order;
	uint32_t path; /* the receiver's number for the path it came on */
	size_t len;
	uint8_t data[];
};

struct pair_link {
	struct pair_dgram *queue; /* sorted by time */
	struct pair_dgram *last;
	adit_dur delay;
	adit_dur jitter; /* up to so much more, so reordering */
	unsigned loss_per_mille;
	uint64_t rate; /* bytes per second; 0: infinite */
	adit_dur queue_max; /* how long the bottleneck's queue may be */
	adit_time free_at;
	size_t mtu; /* larger datagrams vanish; 0: none */
	bool is_cut;
	uint64_t sent; /* datagrams */
	uint64_t sent_bytes;
	uint64_t lost;
	uint64_t batches;
};

struct pair;

struct pair_side {
	struct pair *pair;
	struct quic *q;
	struct pair_link link; /* from here to the other side */
	uint32_t path; /* the number under which the other side's datagrams are handed in */
	bool is_server;
	bool is_handshaken;
	bool is_confirmed;
	bool is_closed;
	bool has_credit;
	struct quic_close_info close;
	unsigned n_dgrams;
	uint64_t authentic;
	void (*on_news)(struct pair_side *side, struct quic_stream *s, unsigned news);
	void (*on_dgram)(struct pair_side *side, const uint8_t *data, size_t len);
	/* Sees every datagram before it is put on the link; false: swallow it. */
	bool (*on_send)(struct pair_side *side, uint8_t *data, size_t len);
	void *user;
};

struct pair {
	adit_time now;
	struct adit_rng rng;
	struct adit_rng_seeded rng_state;
	struct quic_creds *client_creds;
	struct quic_creds *server_creds;
	uint8_t server_key[QUIC_KEY_LEN];
	uint8_t client_key[QUIC_KEY_LEN];
	struct quic_config client_cfg;
	struct quic_config server_cfg;
	struct pair_side client;
	struct pair_side server;
	uint64_t order;
	int accept_rv; /* of the last refused Initial */
};

/* Ed25519 pairs: RFC 8032 7.1, tests 1 and 2. */
static const uint8_t pair_seed_1[32] = {0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60, 0xba, 0x84, 0x4a,
					0xf4, 0x92, 0xec, 0x2c, 0xc4, 0x44, 0x49, 0xc5, 0x69, 0x7b, 0x32,
					0x69, 0x19, 0x70, 0x3b, 0xac, 0x03, 0x1c, 0xae, 0x7f, 0x60};
static const uint8_t pair_public_1[32] = {0xd7, 0x5a, 0x98, 0x01, 0x82, 0xb1, 0x0a, 0xb7, 0xd5, 0x4b, 0xfe,
					  0xd3, 0xc9, 0x64, 0x07, 0x3a, 0x0e, 0xe1, 0x72, 0xf3, 0xda, 0xa6,
					  0x23, 0x25, 0xaf, 0x02, 0x1a, 0x68, 0xf7, 0x07, 0x51, 0x1a};
static const uint8_t pair_seed_2[32] = {0x4c, 0xcd, 0x08, 0x9b, 0x28, 0xff, 0x96, 0xda, 0x9d, 0xb6, 0xc3,
					0x46, 0xec, 0x11, 0x4e, 0x0f, 0x5b, 0x8a, 0x31, 0x9f, 0x35, 0xab,
					0xa6, 0x24, 0xda, 0x8c, 0xf6, 0xed, 0x4f, 0xb8, 0xa6, 0xfb};
static const uint8_t pair_public_2[32] = {0x3d, 0x40, 0x17, 0xc3, 0xe8, 0x43, 0x89, 0x5a, 0x92, 0xb7, 0x0a,
					  0xa7, 0x4d, 0x1b, 0x7e, 0xbc, 0x9c, 0x98, 0x2c, 0xcf, 0x2e, 0xc4,
					  0x96, 0x8c, 0xc0, 0xcd, 0x55, 0xf1, 0x2a, 0xf4, 0x66, 0x0c};

static inline void pair_link_clear(struct pair_link *l)
{
	while (l->queue) {
		struct pair_dgram *d = l->queue;

		l->queue = d->next;
		free(d);
	}
	l->last = NULL;
}

static inline struct pair_side *pair_other(struct pair_side *s)
{
	return s == &s->pair->client ? &s->pair->server : &s->pair->client;
}

/* Everything that a test may change before pair_connect(). */
static inline void pair_init(struct pair *p, uint64_t seed, adit_dur delay)
{
	memset(p, 0, sizeof(*p));
	p->now = ADIT_SEC(1000);
	p->rng = adit_rng_seeded_init(&p->rng_state, seed);
	memcpy(p->client_key, pair_public_1, 32);
	memcpy(p->server_key, pair_public_2, 32);
	if (quic_creds_new(pair_seed_1, pair_public_1, &p->client_creds) < 0 ||
	    quic_creds_new(pair_seed_2, pair_public_2, &p->server_creds) < 0)
		abort();
	quic_creds_set_aead(p->client_creds, pair_aead);
	quic_creds_set_aead(p->server_creds, pair_aead);
	p->client_cfg = (struct quic_config){
		.creds = p->client_creds,
		.rng = p->rng,
		.idle_timeout = ADIT_SEC(30 * 60),
	};
	memcpy(p->client_cfg.pin, p->server_key, 32);
	p->server_cfg = p->client_cfg;
	p->server_cfg.creds = p->server_creds;
	p->client.pair = p->server.pair = p;
	p->server.is_server = true;
	p->client.link.delay = p->server.link.delay = delay;
	p->client.path = 7;
	p->server.path = 9;
}

static inline void pair_done(struct pair *p)
{
	quic_free(p->client.q);
	quic_free(p->server.q);
	pair_link_clear(&p->client.link);
	pair_link_clear(&p->server.link);
	quic_creds_free(p->client_creds);
	quic_creds_free(p->server_creds);
}

static inline void pair_link_insert(struct pair_link *l, struct pair_dgram *d)
{
	struct pair_dgram **at = &l->queue;

	if (l->last && l->last->at <= d->at) {
		l->last->next = d;
		l->last = d;
		return;
	}
	while (*at && (*at)->at <= d->at)
		at = &(*at)->next;
	d->next = *at;
	*at = d;
	if (!d->next)
		l->last = d;
}

static inline void pair_send_one(struct pair_side *from, const uint8_t *data, size_t len)
{
	struct pair *p = from->pair;
	struct pair_link *l = &from->link;
	adit_time at = p->now;
	struct pair_dgram *d = malloc(sizeof(*d) + len);

	if (!d) {
		l->lost++;
		return;
	}
	memcpy(d->data, data, len);
	d->len = len;
	d->next = NULL;
	l->sent++;
	l->sent_bytes += len;
	if (from->on_send && !from->on_send(from, d->data, len)) {
		free(d);
		return;
	}
	if (l->rate) {
		adit_dur takes = len * 1000000000ull / l->rate;

		at = l->free_at > at ? l->free_at : at;
		if (l->queue_max && at - p->now > l->queue_max) {
			l->lost++;
			free(d);
			return;
		}
		at += takes;
		l->free_at = at;
	}
	if (l->is_cut || (l->mtu && len > l->mtu) ||
	    (l->loss_per_mille && adit_rng_below(&p->rng, 1000) < l->loss_per_mille)) {
		l->lost++;
		free(d);
		return;
	}
	d->at = at + l->delay + (l->jitter ? adit_rng_below(&p->rng, l->jitter) : 0);
	d->path = pair_other(from)->path;
	pair_link_insert(l, d);
}

static inline void pair_events(struct pair_side *s)
{
	struct quic_event e;

	while (s->q && quic_event(s->q, &e)) {
		switch (e.kind) {
		case QUIC_EVENT_HANDSHAKE:
			s->is_handshaken = true;
			break;
		case QUIC_EVENT_CONFIRMED:
			s->is_confirmed = true;
			break;
		case QUIC_EVENT_CREDIT:
			s->has_credit = true;
			break;
		case QUIC_EVENT_STREAM: {
			unsigned news = quic_stream_news(e.stream);

			if (s->on_news)
				s->on_news(s, e.stream, news);
			break;
		}
		case QUIC_EVENT_DGRAM:
			s->n_dgrams++;
			if (s->on_dgram)
				s->on_dgram(s, e.data, e.len);
			break;
		case QUIC_EVENT_CLOSED:
			s->is_closed = true;
			s->close = e.close;
			break;
		}
	}
}

static inline bool pair_put_out(struct pair_side *s)
{
	struct quic_batch b;
	size_t step;

	if (!s->q || !quic_output(s->q, s->pair->now, &b))
		return false;
	step = b.seg_size ? b.seg_size : b.len;
	s->link.batches++;
	for (size_t at = 0; at < b.len; at += step)
		pair_send_one(s, b.data + at, b.len - at < step ? b.len - at : step);
	return true;
}

/* As io_net.c runs a lane, until nothing happens: events come between two outputs, lest streams run dry. */
static inline void pair_drain(struct pair_side *s)
{
	bool again;

	do {
		again = pair_put_out(s);
		if (again)
			pair_put_out(s);
		pair_events(s);
	} while (again);
}

static inline void pair_drain_both(struct pair *p)
{
	pair_drain(&p->client);
	pair_drain(&p->server);
}

static inline void pair_receive(struct pair_side *to, const struct pair_dgram *d)
{
	struct pair *p = to->pair;
	int rv;

	if (to->q) {
		rv = quic_input(to->q, p->now, d->path, d->data, d->len, 0);
		assert(rv >= 0);
		to->authentic += (unsigned)rv;
		return;
	}
	if (!to->is_server)
		return;
	rv = quic_accept(&p->server_cfg, p->now, d->path, d->data, d->len, &to->q);
	if (rv < 0) {
		p->accept_rv = rv;
		to->q = NULL;
	}
}

static inline void pair_deliver(struct pair_side *from)
{
	struct pair_side *to = pair_other(from);
	struct pair_link *l = &from->link;

	while (l->queue && l->queue->at <= from->pair->now) {
		struct pair_dgram *d = l->queue;

		l->queue = d->next;
		if (!l->queue)
			l->last = NULL;
		pair_receive(to, d);
		free(d);
	}
}

static inline adit_time pair_next(const struct pair *p)
{
	adit_time at = ADIT_NEVER;

	if (p->client.link.queue)
		at = adit_time_min(at, p->client.link.queue->at);
	if (p->server.link.queue)
		at = adit_time_min(at, p->server.link.queue->at);
	if (p->client.q)
		at = adit_time_min(at, quic_deadline(p->client.q));
	if (p->server.q)
		at = adit_time_min(at, quic_deadline(p->server.q));
	return at;
}

/* One instant. False: nothing will ever happen again, or not before |until|; the clock is there then. */
static inline bool pair_step(struct pair *p, adit_time until)
{
	adit_time at;

	pair_drain_both(p);
	at = pair_next(p);
	if (at > until) {
		p->now = until;
		return false;
	}
	if (at > p->now)
		p->now = at;
	pair_deliver(&p->client);
	pair_deliver(&p->server);
	if (p->client.q && quic_deadline(p->client.q) <= p->now)
		quic_tick(p->client.q, p->now);
	if (p->server.q && quic_deadline(p->server.q) <= p->now)
		quic_tick(p->server.q, p->now);
	pair_drain_both(p);
	return true;
}

static inline void pair_run(struct pair *p, adit_dur dur)
{
	adit_time until = p->now + dur;

	while (pair_step(p, until))
		;
}

/* Runs until |done| says so; false: not within |dur|. */
static inline bool pair_run_until(struct pair *p, adit_dur dur, bool (*done)(struct pair *p))
{
	adit_time until = p->now + dur;

	while (!done(p))
		if (!pair_step(p, until))
			return done(p);
	return true;
}

static inline void pair_start(struct pair *p)
{
	if (quic_connect(&p->client_cfg, p->now, p->client.path, &p->client.q) < 0)
		abort();
}

static inline bool pair_is_up(struct pair *p)
{
	return p->client.is_confirmed && p->server.is_handshaken;
}

static inline bool pair_connect(struct pair *p)
{
	pair_start(p);
	return pair_run_until(p, ADIT_SEC(20), pair_is_up);
}

/* -- streams of bytes that can be checked: byte |at| of stream |id| is a function of both -- */

static inline uint8_t pair_byte(uint64_t id, uint64_t at)
{
	uint64_t x = (at >> 3) * 0x9e3779b97f4a7c15ull ^ id * 0xbf58476d1ce4e5b9ull;

	return (uint8_t)(x >> (8 * (at & 7)));
}

/* Reads and checks all there is; returns how many bytes, or -1 at the first wrong one. */
static inline long pair_read(struct quic_stream *s, uint64_t *at, uint64_t salt)
{
	struct quic_vec vec[8];
	long total = 0;
	size_t n;

	while ((n = quic_stream_peek(s, vec, 8)) > 0) {
		size_t sum = 0;

		for (size_t i = 0; i < n; i++) {
			for (size_t k = 0; k < vec[i].len; k++)
				if (vec[i].base[k] != pair_byte(salt, *at + k))
					return -1;
			*at += vec[i].len;
			sum += vec[i].len;
		}
		quic_stream_consume(s, sum);
		total += (long)sum;
	}
	return total;
}

/* Writes on from |at| to |end| as far as the stream takes it. */
static inline void pair_write(struct quic_stream *s, uint64_t *at, uint64_t end, uint64_t salt)
{
	struct quic_vec vec[4];

	while (*at < end) {
		size_t want = end - *at < SIZE_MAX ? (size_t)(end - *at) : SIZE_MAX;
		size_t n = quic_stream_reserve(s, vec, 4, want);
		size_t sum = 0;

		if (n == 0)
			return;
		for (size_t i = 0; i < n; i++) {
			for (size_t k = 0; k < vec[i].len; k++)
				vec[i].base[k] = pair_byte(salt, *at + sum + k);
			sum += vec[i].len;
		}
		quic_stream_commit(s, sum);
		*at += sum;
	}
}

/* What one side does with one stream of a transfer. */
struct flow {
	struct quic_stream *s;
	uint64_t salt_tx, salt_rx;
	uint64_t tx_at, tx_end;
	uint64_t rx_at;
	unsigned seen; /* all news */
	bool finish;
	bool is_wrong;
	bool at_end;
};

static inline void flow_go(struct flow *f, unsigned news)
{
	f->seen |= news;
	if (pair_read(f->s, &f->rx_at, f->salt_rx) < 0)
		f->is_wrong = true;
	if (quic_stream_at_end(f->s))
		f->at_end = true;
	pair_write(f->s, &f->tx_at, f->tx_end, f->salt_tx);
	if (f->finish && f->tx_at == f->tx_end)
		quic_stream_finish(f->s);
}

static inline void flow_news(struct pair_side *side, struct quic_stream *s, unsigned news)
{
	struct flow *f = quic_stream_user(s);

	if (news & QUIC_NEWS_OPENED) {
		f = side->user;
		f->s = s;
		quic_stream_set_user(s, f);
	}
	flow_go(f, news);
}

#endif
