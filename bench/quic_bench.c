/*
 * What the QUIC engine alone costs: two connections back to back in memory, one thread, no socket, the real clock.
 *
 *     quic_bench [-s streams] [-t seconds] [-d] [-c] [-m] [-n packets] [-u]
 *
 * -d sends datagrams instead of streams, -c uses CUBIC, -m uses libipsec-mb, -n hands in so many packets at a time
 * (GRO; 45 by default), -u sends them through UDP sockets, over the loopback. Prints bytes per second through one core
 * that does both sides, and nanoseconds per packet for each side.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"
#include "crypto/crypto_mb.h"
#include "io/io_sock.h"
#include "quic/quic.h"
#include "quic/quic_stream.h"

#define STREAMS_MAX 1000
#define PAYLOAD     1472 /* bytes of UDP payload: Ethernet */

/* RFC 8032 7.1, test 1. */
static const uint8_t seed[32] = {0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60, 0xba, 0x84, 0x4a,
				 0xf4, 0x92, 0xec, 0x2c, 0xc4, 0x44, 0x49, 0xc5, 0x69, 0x7b, 0x32,
				 0x69, 0x19, 0x70, 0x3b, 0xac, 0x03, 0x1c, 0xae, 0x7f, 0x60};
static const uint8_t key[32] = {0xd7, 0x5a, 0x98, 0x01, 0x82, 0xb1, 0x0a, 0xb7, 0xd5, 0x4b, 0xfe,
				0xd3, 0xc9, 0x64, 0x07, 0x3a, 0x0e, 0xe1, 0x72, 0xf3, 0xda, 0xa6,
				0x23, 0x25, 0xaf, 0x02, 0x1a, 0x68, 0xf7, 0x07, 0x51, 0x1a};

struct side {
	struct quic *q;
	bool is_up;
	uint64_t rx_bytes; /* of the user */
	uint64_t spent; /* nanoseconds in here */
	uint64_t packets;
	uint64_t batches;
	struct io_sock sock; /* with -u */
};

static struct quic_stream *streams[STREAMS_MAX];
static size_t n_streams = 1;
static size_t gro = 45;
static bool dgrams;
static bool uses_udp;
static const struct adit_aead *aead;

static adit_time clock_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ADIT_SEC(ts.tv_sec) + (adit_time)ts.tv_nsec;
}

/* Only what this thread used: the machine may be busy. */
static uint64_t cpu_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return ADIT_SEC(ts.tv_sec) + (uint64_t)ts.tv_nsec;
}

static void system_random(void *ctx, void *buf, size_t len)
{
	(void)ctx;
	if (getrandom(buf, len, 0) != (ssize_t)len)
		abort();
}

static void drain_stream(struct side *s, struct quic_stream *stream)
{
	struct quic_vec vec[16];
	size_t n, sum;

	while ((n = quic_stream_peek(stream, vec, 16)) > 0) {
		sum = 0;
		for (size_t i = 0; i < n; i++)
			sum += vec[i].len;
		quic_stream_consume(stream, sum);
		s->rx_bytes += sum;
	}
}

static void events(struct side *s)
{
	struct quic_event e;

	while (quic_event(s->q, &e)) {
		if (e.kind == QUIC_EVENT_CONFIRMED) {
			s->is_up = true;
			quic_set_payload(s->q, PAYLOAD);
		}
		if (e.kind == QUIC_EVENT_STREAM && quic_stream_news(e.stream) & QUIC_NEWS_READABLE)
			drain_stream(s, e.stream);
		if (e.kind == QUIC_EVENT_DGRAM)
			s->rx_bytes += e.len;
		if (e.kind == QUIC_EVENT_CLOSED) {
			fprintf(stderr, "closed: %d %llu %s\n", (int)e.close.kind, (unsigned long long)e.close.code,
				e.close.text);
			exit(1);
		}
	}
}

static void take(struct side *to, const uint8_t *data, size_t len, size_t seg, const struct quic_config *cfg)
{
	if (to->q)
		quic_input(to->q, clock_now(), 1, data, len, seg);
	else if (quic_accept(cfg, clock_now(), 1, data, len, &to->q) < 0)
		abort();
}

/* As GRO delivers it. */
static void receive(struct side *to, const struct quic_batch *b, const struct quic_config *cfg)
{
	size_t seg = b->seg_size ? b->seg_size : b->len;

	for (size_t at = 0; at < b->len; at += gro * seg)
		take(to, b->data + at, b->len - at < gro * seg ? b->len - at : gro * seg, seg, cfg);
}

static void udp_open(struct side *s)
{
	struct adit_addr any = adit_addr_v4(127, 0, 0, 1, 0);

	if (io_sock_open(&s->sock, &any, true) < 0)
		abort();
}

static void udp_send(struct side *from, const struct side *to, const struct quic_batch *b)
{
	struct adit_out out = {.data = b->data, .len = b->len, .seg_size = b->seg_size};

	out.remote = adit_addr_v4(127, 0, 0, 1, to->sock.port);
	if (!io_sock_send(&from->sock, &out))
		abort(); /* what is under way fits into a socket */
}

static void udp_receive(struct side *to, const struct quic_config *cfg)
{
	static uint8_t buf[IO_SOCK_BATCH_MAX];
	struct adit_dgram d;
	int rv;

	while ((rv = io_sock_read(&to->sock, buf, sizeof(buf), &d)) != 0)
		if (rv > 0)
			take(to, d.data, d.len, d.seg_size ? d.seg_size : d.len, cfg);
}

/* Everything |from| has to say, into |to|. */
static bool pump(struct side *from, struct side *to, const struct quic_config *cfg)
{
	struct quic_batch b;
	bool any = false;

	if (!from->q)
		return false;
	for (;;) {
		adit_time now = clock_now();
		uint64_t t0 = cpu_now();
		uint64_t t1;
		int rv;

		if (quic_deadline(from->q) <= now)
			quic_tick(from->q, now);
		rv = quic_output(from->q, now, &b);
		events(from);
		if (rv == 1 && uses_udp)
			udp_send(from, to, &b);
		t1 = cpu_now();
		from->spent += t1 - t0;
		if (rv != 1)
			return any;
		any = true;
		from->batches++;
		from->packets += b.seg_size ? (b.len + b.seg_size - 1) / b.seg_size : 1;
		if (uses_udp)
			udp_receive(to, cfg);
		else
			receive(to, &b, cfg);
		events(to);
		to->spent += cpu_now() - t1;
	}
}

static void feed_streams(struct side *s)
{
	for (size_t i = 0; i < n_streams; i++) {
		struct quic_vec vec[20];
		size_t sum = 0;
		size_t n;

		if (!streams[i] && quic_stream_open(s->q, &streams[i]) < 0)
			return;
		n = quic_stream_reserve(streams[i], vec, 20, 262144);
		for (size_t k = 0; k < n; k++)
			sum += vec[k].len;
		if (n > 0)
			quic_stream_commit(streams[i], sum);
	}
}

static void feed_dgrams(struct side *s)
{
	static uint8_t buf[1412];
	size_t len = quic_dgram_max(s->q);

	while (quic_dgram_send(s->q, buf, len) == 0)
		;
}

static void run(struct side *c, struct side *s, const struct quic_config *cfg, adit_dur dur)
{
	adit_time start = clock_now();
	uint64_t bytes = s->rx_bytes;

	c->spent = s->spent = c->packets = s->packets = c->batches = 0;
	while (clock_now() - start < dur) {
		uint64_t t0 = cpu_now();

		if (dgrams)
			feed_dgrams(c);
		else
			feed_streams(c);
		c->spent += cpu_now() - t0;
		pump(c, s, cfg);
		pump(s, c, cfg);
	}
	bytes = s->rx_bytes - bytes;
	printf("%.1f MB/s on one core for both sides\n", (double)bytes * 1e3 / (double)(c->spent + s->spent));
	printf("sender %.0f ns, receiver %.0f ns per packet; %.1f packets per batch, %.3f answers per packet\n",
	       (double)c->spent / (double)c->packets, (double)s->spent / (double)c->packets,
	       (double)c->packets / (double)c->batches, (double)s->packets / (double)c->packets);
}

static void options(int argc, char **argv, struct quic_config *cfg, adit_dur *dur)
{
	const char *why;
	int opt;

	while ((opt = getopt(argc, argv, "s:t:n:dcmu")) != -1) {
		switch (opt) {
		case 's':
			n_streams = strtoul(optarg, NULL, 10);
			break;
		case 't':
			*dur = ADIT_SEC(strtoul(optarg, NULL, 10));
			break;
		case 'n':
			gro = strtoul(optarg, NULL, 10);
			break;
		case 'd':
			dgrams = true;
			break;
		case 'u':
			uses_udp = true;
			break;
		case 'c':
			cfg->cubic = true;
			break;
		case 'm':
			aead = crypto_mb(&why);
			if (!aead) {
				fprintf(stderr, "libipsec-mb: %s\n", why);
				exit(1);
			}
			break;
		default:
			exit(2);
		}
	}
	if (n_streams > STREAMS_MAX || gro == 0)
		exit(2);
}

int main(int argc, char **argv)
{
	struct quic_config cfg = {.rng = {.fill = system_random}, .idle_timeout = ADIT_SEC(60)};
	struct side c = {0};
	struct side s = {0};
	struct quic_stats st;
	adit_dur dur = ADIT_SEC(3);

	options(argc, argv, &cfg, &dur);
	if (quic_creds_new(seed, key, &cfg.creds) < 0)
		abort();
	quic_creds_set_aead(cfg.creds, aead);
	memcpy(cfg.pin, key, sizeof(key));
	if (uses_udp) {
		udp_open(&c);
		udp_open(&s);
	}
	if (quic_connect(&cfg, clock_now(), 1, &c.q) < 0)
		abort();
	while (!c.is_up) {
		pump(&c, &s, &cfg);
		pump(&s, &c, &cfg);
	}
	run(&c, &s, &cfg, ADIT_MS(300)); /* warms up; PMTU discovery ends */
	run(&c, &s, &cfg, dur);
	quic_stats_get(c.q, &st);
	printf("payload %zu, cwnd %llu, rtt %llu us, lost %llu, %s by %s\n", st.max_payload,
	       (unsigned long long)st.cwnd, (unsigned long long)(st.rtt / 1000), (unsigned long long)st.lost_packets,
	       st.cipher, st.aead);
	quic_free(c.q);
	quic_free(s.q);
	quic_creds_free(cfg.creds);
	return 0;
}
