/*
 * How full congestion control keeps a line, and what a byte beside it waits, in virtual time: two connections and a
 * line without a machine that is too slow for it. What bench/line measures with real ones is this, less what they lack.
 *
 *     quic_line [-r MBIT] [-t RTT_MS] [-l LOSS_PER_MILLE] [-f FLOWS] [-w WARM_S] [-s SECONDS] [-g US] [-j JITTER_US]
 * [-p]
 *
 * The queue before the line holds a round trip. The client downloads with FLOWS streams. Both ends wake up every US
 * microseconds at most (100), as a driver that finds several packets at a time does. -p: a byte goes there and back on
 * a further stream, again and again. Prints the part of the line that IP packets fill, what each stream got, and the
 * byte's round trip.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "crypto/crypto_mb.h"
#include "quic_pair.h"

#define PAYLOAD   1472 /* bytes of UDP payload: Ethernet */
#define HEADERS   28 /* IPv4 and UDP */
#define FLOWS_MAX 16
#define PINGS_MAX 100000

struct stream {
	struct quic_stream *s;
	uint64_t got;
};

static struct {
	double mbit, rtt_ms, warm, seconds, grain_us, jitter_us;
	unsigned loss, flows;
	bool pings;
} opt = {.mbit = 1000, .rtt_ms = 20, .warm = 5, .seconds = 10, .grain_us = 100, .flows = 1};

static struct pair p;
static struct stream flows[FLOWS_MAX];
static struct stream byte;
static adit_time byte_at;
static double pings[PINGS_MAX];
static size_t n_pings;

static void line_set(struct pair_link *l)
{
	l->rate = (uint64_t)(opt.mbit * 1e6 / 8 * PAYLOAD / (PAYLOAD + HEADERS));
	l->queue_max = ADIT_MS(opt.rtt_ms);
	l->delay = ADIT_US(opt.rtt_ms * 500);
	l->jitter = ADIT_US(opt.jitter_us);
	l->loss_per_mille = opt.loss;
}

/* All there is goes nowhere. Returns how much it was. */
static uint64_t swallow(struct quic_stream *s)
{
	struct quic_vec vec[16];
	uint64_t all = 0;
	size_t n, sum;

	while ((n = quic_stream_peek(s, vec, 16)) > 0) {
		sum = 0;
		for (size_t i = 0; i < n; i++)
			sum += vec[i].len;
		quic_stream_consume(s, sum);
		all += sum;
	}
	return all;
}

static void fill(struct quic_stream *s)
{
	struct quic_vec vec[20];
	size_t sum = 0;
	size_t n = quic_stream_reserve(s, vec, 20, 256 * 1024);

	for (size_t i = 0; i < n; i++) {
		memset(vec[i].base, 0, vec[i].len);
		sum += vec[i].len;
	}
	if (n > 0)
		quic_stream_commit(s, sum);
	quic_stream_want_room(s);
}

/* The first byte says what a stream is for: 1 is a download, 2 one that goes back. */
static void server_news(struct pair_side *side, struct quic_stream *s, unsigned news)
{
	uint8_t what = 0;
	struct quic_vec vec;

	(void)side;
	if (quic_stream_peek(s, &vec, 1) > 0) {
		what = vec.base[0];
		swallow(s);
	}
	if (what == 1)
		quic_stream_set_user(s, &flows);
	if (what == 2)
		(void)!quic_stream_write(s, &what, 1);
	if (quic_stream_user(s) && (what == 1 || (news & QUIC_NEWS_WRITABLE)))
		fill(s);
}

static void ping(void)
{
	static const uint8_t what = 2;

	byte_at = p.now;
	(void)!quic_stream_write(byte.s, &what, 1);
}

static void client_news(struct pair_side *side, struct quic_stream *s, unsigned news)
{
	struct stream *f = quic_stream_user(s);
	uint64_t n = swallow(s);

	(void)side;
	(void)news;
	f->got += n;
	if (f != &byte || n == 0)
		return;
	if (n_pings < PINGS_MAX)
		pings[n_pings++] = (double)(p.now - byte_at) / 1e6;
	ping();
}

static void stream_start(struct stream *f, uint8_t what)
{
	if (quic_stream_open(p.client.q, &f->s) < 0)
		abort();
	quic_stream_set_user(f->s, f);
	(void)!quic_stream_write(f->s, &what, 1);
}

/* As pair_run(), with ends that are not awake all the time. */
static void run(double seconds)
{
	adit_time until = p.now + ADIT_MS(seconds * 1000);
	adit_dur grain = ADIT_US(opt.grain_us);

	while (p.now < until) {
		adit_time at = pair_next(&p);

		p.now = at > p.now + grain ? at : p.now + grain;
		pair_step(&p, p.now);
	}
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a;
	double y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static void report(uint64_t packets, uint64_t bytes)
{
	uint64_t sum = 0;

	printf("%.0f Mbit/s, %.0f ms, %.1f %%: %.3f of the line", opt.mbit, opt.rtt_ms, opt.loss / 10.,
	       (double)(bytes + packets * HEADERS) * 8 / opt.seconds / opt.mbit / 1e6);
	for (unsigned i = 0; i < opt.flows; i++)
		sum += flows[i].got;
	for (unsigned i = 0; opt.flows > 1 && i < opt.flows; i++)
		printf(", %.3f", (double)flows[i].got / (double)sum);
	if (n_pings > 0) {
		qsort(pings, n_pings, sizeof(pings[0]), ascending);
		printf("; a byte: %.1f / %.1f ms", pings[n_pings / 2], pings[n_pings * 99 / 100]);
	}
	printf("\n");
}

static bool options(int argc, char **argv)
{
	int c;

	while ((c = getopt(argc, argv, "r:t:l:f:w:s:g:j:p")) != -1) {
		switch (c) {
		case 'r':
			opt.mbit = atof(optarg);
			break;
		case 't':
			opt.rtt_ms = atof(optarg);
			break;
		case 'l':
			opt.loss = (unsigned)atoi(optarg);
			break;
		case 'f':
			opt.flows = (unsigned)atoi(optarg);
			break;
		case 'w':
			opt.warm = atof(optarg);
			break;
		case 's':
			opt.seconds = atof(optarg);
			break;
		case 'g':
			opt.grain_us = atof(optarg);
			break;
		case 'j':
			opt.jitter_us = atof(optarg);
			break;
		case 'p':
			opt.pings = true;
			break;
		default:
			return false;
		}
	}
	return opt.flows >= 1 && opt.flows <= FLOWS_MAX && opt.mbit > 0 && opt.rtt_ms > 0;
}

int main(int argc, char **argv)
{
	const char *why;
	struct quic_stats before, after;

	if (!options(argc, argv)) {
		fprintf(stderr, "quic_line: see the head of bench/quic_line.c\n");
		return 2;
	}
	pair_aead = crypto_mb(&why);
	pair_init(&p, 1, 0);
	line_set(&p.client.link);
	line_set(&p.server.link);
	p.client.on_news = client_news;
	p.server.on_news = server_news;
	if (!pair_connect(&p))
		abort();
	quic_set_payload(p.client.q, PAYLOAD);
	quic_set_payload(p.server.q, PAYLOAD);
	for (unsigned i = 0; i < opt.flows; i++)
		stream_start(&flows[i], 1);
	run(opt.warm);
	for (unsigned i = 0; i < opt.flows; i++)
		flows[i].got = 0;
	if (opt.pings) {
		stream_start(&byte, 2);
		byte_at = p.now;
	}
	quic_stats_get(p.client.q, &before);
	run(opt.seconds);
	quic_stats_get(p.client.q, &after);
	report(after.rx_packets - before.rx_packets, after.rx_bytes - before.rx_bytes);
	pair_done(&p);
	return 0;
}
