/*
 * The engine's cost as numbers that repeat: two connections in virtual time, the same packets in every run, and packets
 * sealed by a stand-in that costs next to nothing, because a real cipher's cost is the processor's.
 *
 *   gate bulk MB       one stream; prints "PACKETS", full ones
 *   gate sessions N    N streams, one after the other: a byte there and back, then both ends
 *   gate heap N        prints "STREAM CONNECTION": bytes of heap, of an idle stream (of N) and a connection, each on
 * one side
 *
 * The functions engine_*() are where the engine runs: callgrind counts there alone (bench/gate).
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "quic/quic.h"
#include "quic/quic_stream.h"

#define PAYLOAD  1472 /* bytes of UDP payload: Ethernet */
#define ONE_WAY  ADIT_US(500)
#define QUEUE    1024 /* batches under way */
#define NOINLINE __attribute__((noinline))
#define PIECE    8192 /* bytes written at once: a stream takes so much at its slowest */

/* RFC 8032 7.1, tests 1 and 2. */
static const uint8_t seeds[2][32] = {
	{0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60, 0xba, 0x84, 0x4a, 0xf4, 0x92, 0xec, 0x2c, 0xc4,
	 0x44, 0x49, 0xc5, 0x69, 0x7b, 0x32, 0x69, 0x19, 0x70, 0x3b, 0xac, 0x03, 0x1c, 0xae, 0x7f, 0x60},
	{0x4c, 0xcd, 0x08, 0x9b, 0x28, 0xff, 0x96, 0xda, 0x9d, 0xb6, 0xc3, 0x46, 0xec, 0x11, 0x4e, 0x0f,
	 0x5b, 0x8a, 0x31, 0x9f, 0x35, 0xab, 0xa6, 0x24, 0xda, 0x8c, 0xf6, 0xed, 0x4f, 0xb8, 0xa6, 0xfb}};
static const uint8_t keys[2][32] = {
	{0xd7, 0x5a, 0x98, 0x01, 0x82, 0xb1, 0x0a, 0xb7, 0xd5, 0x4b, 0xfe, 0xd3, 0xc9, 0x64, 0x07, 0x3a,
	 0x0e, 0xe1, 0x72, 0xf3, 0xda, 0xa6, 0x23, 0x25, 0xaf, 0x02, 0x1a, 0x68, 0xf7, 0x07, 0x51, 0x1a},
	{0x3d, 0x40, 0x17, 0xc3, 0xe8, 0x43, 0x89, 0x5a, 0x92, 0xb7, 0x0a, 0xa7, 0x4d, 0x1b, 0x7e, 0xbc,
	 0x9c, 0x98, 0x2c, 0xcf, 0x2e, 0xc4, 0x96, 0x8c, 0xc0, 0xcd, 0x55, 0xf1, 0x2a, 0xf4, 0x66, 0x0c}};

struct sent {
	size_t len;
	size_t seg_size;
	uint8_t *data;
};

struct side {
	struct quic *q;
	struct quic_config cfg;
	struct adit_rng_seeded rng;
	struct sent out[QUEUE];
	size_t n_out;
	bool is_up;
	uint64_t packets; /* full ones sent */
	uint64_t rx_bytes;
	struct quic_stream *news; /* the last stream that had any */
	unsigned what;
};

static struct side side[2]; /* 0 connects */
static adit_time now = ADIT_SEC(1000);
static uint8_t piece[PIECE];

/* -- a cipher that is none -- */

static struct adit_aead_key *plain_new(const uint8_t key[ADIT_AEAD_KEY_LEN])
{
	(void)key;
	return malloc(1);
}

static void plain_free(struct adit_aead_key *k)
{
	free(k);
}

static void plain_seal(struct adit_aead_key *k, uint8_t *dest, const uint8_t *text, size_t text_len,
		       const uint8_t nonce[ADIT_AEAD_NONCE_LEN], const uint8_t *aad, size_t aad_len)
{
	(void)k;
	(void)aad;
	(void)aad_len;
	memmove(dest, text, text_len);
	memset(dest + text_len, 0, ADIT_AEAD_TAG_LEN);
	memcpy(dest + text_len, nonce, ADIT_AEAD_NONCE_LEN);
}

static bool plain_open(struct adit_aead_key *k, uint8_t *dest, const uint8_t *text, size_t text_len,
		       const uint8_t nonce[ADIT_AEAD_NONCE_LEN], const uint8_t *aad, size_t aad_len)
{
	(void)k;
	(void)aad;
	(void)aad_len;
	if (memcmp(text + text_len - ADIT_AEAD_TAG_LEN, nonce, ADIT_AEAD_NONCE_LEN) != 0)
		return false;
	memmove(dest, text, text_len - ADIT_AEAD_TAG_LEN);
	return true;
}

static const struct adit_aead plain = {
	.name = "none", .key_new = plain_new, .key_free = plain_free, .seal = plain_seal, .open = plain_open};

/* -- where the engine runs -- */

static NOINLINE int engine_output(struct quic *q, struct quic_batch *b)
{
	return quic_output(q, now, b);
}

static NOINLINE void engine_input(struct quic *q, const struct sent *s)
{
	quic_input(q, now, 1, s->data, s->len, s->seg_size);
}

static NOINLINE void engine_tick(struct quic *q)
{
	quic_tick(q, now);
}

static NOINLINE int engine_event(struct quic *q, struct quic_event *e)
{
	return quic_event(q, e);
}

static NOINLINE unsigned engine_news(struct quic_stream *s)
{
	return quic_stream_news(s);
}

static NOINLINE int engine_write(struct quic_stream *s, size_t len)
{
	return quic_stream_write(s, piece, len);
}

static NOINLINE size_t engine_read(struct quic_stream *s)
{
	struct quic_vec vec[16];
	size_t sum = 0, n;

	while ((n = quic_stream_peek(s, vec, ARRAY_LEN(vec))) > 0) {
		size_t len = 0;

		for (size_t i = 0; i < n; i++)
			len += vec[i].len;
		quic_stream_consume(s, len);
		sum += len;
	}
	return sum;
}

static NOINLINE void engine_finish(struct quic_stream *s)
{
	quic_stream_finish(s);
}

static NOINLINE void engine_release(struct quic_stream *s)
{
	quic_stream_release(s);
}

static NOINLINE int engine_open(struct quic *q, struct quic_stream **ret_stream)
{
	return quic_stream_open(q, ret_stream);
}

/* -- the wire: everything arrives ONE_WAY later, in order -- */

static void die(const char *what)
{
	fprintf(stderr, "gate: %s\n", what);
	exit(1);
}

static void on_event(struct side *s, const struct quic_event *e)
{
	if (e->kind == QUIC_EVENT_CLOSED)
		die("a connection closed");
	if (e->kind == QUIC_EVENT_CONFIRMED) {
		s->is_up = true;
		quic_set_payload(s->q, PAYLOAD);
	}
	if (e->kind != QUIC_EVENT_STREAM)
		return;
	s->what = engine_news(e->stream);
	s->news = e->stream;
	if (s->what & QUIC_NEWS_READABLE)
		s->rx_bytes += engine_read(e->stream);
	if (s->what & QUIC_NEWS_CLOSED)
		engine_release(e->stream);
}

static void emit(struct side *s)
{
	struct quic_batch b;
	struct quic_event e;

	if (!s->q)
		return;
	for (bool again = true; again;) {
		again = false;
		while (engine_output(s->q, &b)) {
			struct sent *o = &s->out[s->n_out++];

			again = true;
			if (s->n_out > QUEUE)
				die("too much under way");
			o->data = malloc(b.len);
			if (!o->data)
				die("memory");
			memcpy(o->data, b.data, b.len);
			o->len = b.len;
			o->seg_size = b.seg_size;
			if (b.seg_size == PAYLOAD || b.len == PAYLOAD)
				s->packets += b.len / PAYLOAD;
		}
		while (engine_event(s->q, &e))
			on_event(s, &e);
	}
}

static void deliver(struct side *from, struct side *to)
{
	for (size_t i = 0; i < from->n_out; i++) {
		struct sent *o = &from->out[i];

		if (to->q)
			engine_input(to->q, o);
		else if (quic_accept(&to->cfg, now, 1, o->data, o->len, &to->q) < 0)
			die("not accepted");
		free(o->data);
	}
	from->n_out = 0;
}

static void step(void)
{
	emit(&side[0]);
	emit(&side[1]);
	now += ONE_WAY;
	for (int i = 0; i < 2; i++)
		if (side[i].q && quic_deadline(side[i].q) <= now)
			engine_tick(side[i].q);
	deliver(&side[0], &side[1]);
	deliver(&side[1], &side[0]);
	emit(&side[0]);
	emit(&side[1]);
}

static void setup(void)
{
	for (int i = 0; i < 2; i++) {
		struct quic_creds *creds;

		if (quic_creds_new(seeds[i], keys[i], &creds) < 0)
			die("credentials");
		quic_creds_set_aead(creds, &plain);
		side[i].cfg = (struct quic_config){
			.creds = creds,
			.rng = adit_rng_seeded_init(&side[i].rng, (uint64_t)i + 1),
			.idle_timeout = ADIT_SEC(1000),
		};
		memcpy(side[i].cfg.pin, keys[!i], 32);
	}
}

static void join(void)
{
	side[0].is_up = side[1].is_up = false;
	if (quic_connect(&side[0].cfg, now, 1, &side[0].q) < 0)
		die("memory");
	for (int i = 0; i < 1000 && !(side[0].is_up && side[1].is_up); i++)
		step();
	for (int i = 0; i < 100; i++)
		step();
	if (!side[0].is_up || !side[1].is_up)
		die("no handshake");
}

static void bulk(uint64_t bytes)
{
	struct quic_stream *s;
	uint64_t left = bytes;

	join();
	if (engine_open(side[0].q, &s) < 0)
		die("no stream");
	while (side[1].rx_bytes < bytes) {
		while (left > 0) {
			size_t n = left < PIECE ? (size_t)left : PIECE;

			if (engine_write(s, n) < 0)
				break;
			left -= n;
		}
		step();
	}
	printf("%llu\n", (unsigned long long)side[0].packets);
}

static void wait_for(struct side *s, unsigned what)
{
	for (int i = 0; i < 1000 && !(s->what & what); i++)
		step();
	if (!(s->what & what))
		die("nothing happened");
}

/* There and back; |ends|: then both ends, and it is gone. */
static void session(bool ends)
{
	struct quic_stream *near, *far;

	side[0].what = side[1].what = 0;
	if (engine_open(side[0].q, &near) < 0)
		die("no stream");
	if (engine_write(near, 1) < 0)
		die("no room");
	wait_for(&side[1], QUIC_NEWS_READABLE);
	far = side[1].news;
	side[0].what = 0;
	if (engine_write(far, 1) < 0)
		die("no room");
	wait_for(&side[0], QUIC_NEWS_READABLE);
	if (!ends)
		return;
	engine_finish(near);
	engine_finish(far);
	wait_for(&side[0], QUIC_NEWS_CLOSED);
	if (!(side[1].what & QUIC_NEWS_CLOSED))
		wait_for(&side[1], QUIC_NEWS_CLOSED);
}

static size_t heap(void)
{
	struct mallinfo2 m = mallinfo2();

	return m.uordblks + m.hblkhd;
}

static void heaps(size_t n)
{
	enum { EXTRA = 20 };
	size_t before, connection;

	join(); /* what is made once is there then */
	before = heap();
	for (int i = 0; i < EXTRA; i++) {
		side[0].q = side[1].q = NULL;
		join();
	}
	connection = (heap() - before) / EXTRA / 2;
	session(false);
	before = heap();
	for (size_t i = 0; i < n; i++)
		session(false);
	printf("%zu %zu\n", (heap() - before) / n / 2, connection);
}

int main(int argc, char **argv)
{
	size_t n = argc == 3 ? (size_t)strtoul(argv[2], NULL, 10) : 0;

	if (n == 0) {
		fprintf(stderr, "gate: see the head of gate.c\n");
		return 2;
	}
	setup();
	if (strcmp(argv[1], "bulk") == 0) {
		bulk((uint64_t)n << 20);
	} else if (strcmp(argv[1], "sessions") == 0) {
		join();
		for (size_t i = 0; i < n; i++)
			session(true);
	} else if (strcmp(argv[1], "heap") == 0) {
		heaps(n);
	} else {
		return 2;
	}
	return 0;
}
