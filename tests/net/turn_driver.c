/*
 * Drives relays (io_turn.h) for tests/net/check_turn.py and bench/turn, and their peers without any.
 *
 *   turn_driver [--ca FILE] [--families N] --user U --pass P {udp|tcp|tls}:ADDR:PORT[=HOST]...
 *   turn_driver --plain ADDR:PORT
 *
 * Prints a line per event and takes a line per command from stdin:
 *   permit ADDR            send ADDR:PORT WORD
 *   move ADDR:PORT BYTES   so many bytes go to that peer, and as many come from it where it moves too; prints MOVED
 *   stats                  end (also the end of stdin)
 * What comes is printed ("GOT"), or counted where it belongs to a move: each datagram's content follows from its number
 * and is compared byte by byte, those that get lost are sent again.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "base/bytes.h"
#include "driver_input.h"
#include "io/io_clock.h"
#include "io_turn.h"
#include "io/io_udp.h"

#define SEGMENT  1200 /* bytes of a moved datagram */
#define HEADER   8
#define WINDOW   32 /* datagrams under way: what coturn's default socket buffers hold */
#define BATCH    8 /* of them in one send */
#define RESEND   ADIT_MS(20)
#define ACK_LEN  (HEADER + WINDOW / 8)
#define TYPE_DAT 0xd0
#define TYPE_ACK 0xd1

struct move {
	struct adit_addr peer;
	uint32_t out_n, out_base, out_next; /* datagrams: all, all acknowledged before, next new one */
	adit_time sent_at[WINDOW];
	bool acked[WINDOW];
	uint32_t in_base; /* all before have come */
	bool came[WINDOW];
	uint64_t in_bytes, wrong, resent;
	adit_time began_at, in_at;
	bool is_told;
};

static uv_loop_t *loop;
static struct io_turn *turn;
static struct io_udp *udp;
static struct move move;
static uv_timer_t timer;

static const char *text_of(const struct adit_addr *a)
{
	static char buf[4][ADIT_ADDR_STRLEN];
	static unsigned i;

	return a && a->family ? adit_addr_format(a, buf[i = (i + 1) % 4]) : "-";
}

static int transmit(const struct adit_addr *peer, const uint8_t *data, size_t len, size_t seg)
{
	struct adit_out o = {.kind = ADIT_OUT_SEND, .remote = *peer, .data = data, .len = len, .seg_size = seg};

	if (turn)
		return io_turn_send(turn, peer, data, len, seg);
	return io_udp_send(udp, &o) ? 0 : ADIT_EFULL;
}

/* --- moving --- */

static void content(uint32_t seq, uint8_t *buf)
{
	uint64_t x = seq * UINT64_C(0x9e3779b97f4a7c15) + 1;
	struct adit_wr w = adit_wr_over(buf, SEGMENT);

	adit_wr_u32(&w, (uint32_t)TYPE_DAT << 24);
	adit_wr_u32(&w, seq);
	while (w.len < SEGMENT) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		adit_wr_u64(&w, x);
	}
}

static bool is_due(uint32_t seq, adit_time now)
{
	if (seq >= move.out_next)
		return true;
	return !move.acked[seq % WINDOW] && now - move.sent_at[seq % WINDOW] >= RESEND;
}

static void move_send(adit_time now)
{
	static uint8_t buf[BATCH * SEGMENT];
	uint32_t end = move.out_base + WINDOW < move.out_n ? move.out_base + WINDOW : move.out_n;
	uint32_t which[BATCH];
	uint32_t seq = move.out_base;

	while (seq < end) {
		size_t n = 0;

		for (; seq < end && n < BATCH; seq++) {
			if (!is_due(seq, now))
				continue;
			content(seq, buf + n * SEGMENT);
			which[n++] = seq;
		}
		if (n == 0 || transmit(&move.peer, buf, n * SEGMENT, SEGMENT) < 0)
			return;
		for (size_t i = 0; i < n; i++) {
			if (which[i] < move.out_next)
				move.resent++;
			else
				move.acked[which[i] % WINDOW] = false;
			move.sent_at[which[i] % WINDOW] = now;
			if (which[i] >= move.out_next)
				move.out_next = which[i] + 1;
		}
	}
}

static void tell_moved(void)
{
	double s;

	if (move.is_told || move.out_base < move.out_n || move.in_base < move.out_n || move.out_n == 0)
		return;
	move.is_told = true;
	s = (double)(move.in_at - move.began_at) / 1e9;
	printf("MOVED bytes=%llu wrong=%llu resent=%llu seconds=%.3f MB/s=%.1f\n", (unsigned long long)move.in_bytes,
	       (unsigned long long)move.wrong, (unsigned long long)move.resent, s, (double)move.in_bytes / s / 1e6);
}

static void acknowledge(const struct adit_addr *peer)
{
	uint8_t buf[ACK_LEN] = {0};
	struct adit_wr w = adit_wr_over(buf, HEADER);

	adit_wr_u32(&w, (uint32_t)TYPE_ACK << 24);
	adit_wr_u32(&w, move.in_base);
	for (uint32_t i = 0; i < WINDOW; i++)
		if (move.came[(move.in_base + i) % WINDOW])
			buf[HEADER + i / 8] |= (uint8_t)(1 << i % 8);
	(void)!transmit(peer, buf, sizeof(buf), 0);
}

static void on_segment(uint32_t seq, const uint8_t *data)
{
	uint8_t want[SEGMENT];

	if (move.out_n == 0)
		return; /* not yet told to; it comes again */
	content(seq, want);
	move.wrong += memcmp(want, data, SEGMENT) != 0;
	if (seq < move.in_base || seq >= move.in_base + WINDOW || move.came[seq % WINDOW])
		return;
	move.came[seq % WINDOW] = true;
	move.in_bytes += SEGMENT;
	move.in_at = io_clock_now();
	while (move.came[move.in_base % WINDOW])
		move.came[move.in_base++ % WINDOW] = false;
}

static void on_ack(uint32_t base, const uint8_t *bits)
{
	if (base < move.out_base || base > move.out_next)
		return;
	move.out_base = base;
	for (uint32_t i = 0; i < WINDOW && base + i < move.out_next; i++)
		if (bits[i / 8] & 1 << i % 8)
			move.acked[(base + i) % WINDOW] = true;
}

static void on_payload(const struct adit_addr *peer, const uint8_t *data, size_t len)
{
	struct adit_rd r = adit_rd_over(data, len);
	uint32_t type = adit_rd_u32(&r) >> 24;
	uint32_t seq = adit_rd_u32(&r);
	static unsigned since_ack;

	if (len == SEGMENT && type == TYPE_DAT) {
		on_segment(seq, data);
		if (++since_ack % 4 == 0 || move.in_base >= move.out_n)
			acknowledge(peer);
	} else if (len == ACK_LEN && type == TYPE_ACK) {
		on_ack(seq, data + HEADER);
		move_send(io_clock_now());
	} else {
		printf("GOT %s %.*s\n", text_of(peer), (int)len, (const char *)data);
	}
	tell_moved();
}

/* What was lost, or an acknowledgement of it, is cured from here. */
static void on_tick(uv_timer_t *t)
{
	(void)t;
	if (move.out_n == 0)
		return;
	move_send(io_clock_now());
	if (move.in_bytes > 0)
		acknowledge(&move.peer);
}

/* --- the two kinds of way --- */

static void on_dgram(void *ctx, struct adit_dgram *d)
{
	size_t seg = d->seg_size ? d->seg_size : d->len;

	(void)ctx;
	for (size_t at = 0; at < d->len; at += seg)
		on_payload(&d->remote, d->data + at, d->len - at < seg ? d->len - at : seg);
}

static void on_icmp(void *ctx, struct adit_icmp *icmp)
{
	(void)ctx;
	(void)icmp;
}

static void on_writable(void *ctx)
{
	(void)ctx;
	move_send(io_clock_now());
}

static void on_data(void *ctx, const struct adit_dgram *d)
{
	(void)ctx;
	on_payload(&d->remote, d->data, d->len);
}

static void finish(void)
{
	io_turn_free(turn);
	if (udp)
		io_udp_close(udp);
	turn = NULL;
	udp = NULL;
	uv_close((uv_handle_t *)&timer, NULL);
	driver_input_close();
}

static void on_event(void *ctx, const struct turn_set_event *e)
{
	static const char *const kinds[] = {"READY", "LOST", "FAILED", "REFUSED", "ENDED"};
	const struct turn_set *set = io_turn_set(turn);

	(void)ctx;
	printf("%s server=%s v4=%s v6=%s mapped=%s peer=%s code=%u why=%s\n", kinds[e->kind], text_of(&e->server),
	       text_of(turn_set_relayed(set, ADIT_FAMILY_V4)), text_of(turn_set_relayed(set, ADIT_FAMILY_V6)),
	       text_of(turn_set_mapped(set)), text_of(&e->peer), e->code, turn_why_text(e->why));
	if (e->kind == TURN_SET_EVENT_ENDED)
		finish();
}

static void on_stream_failed(void *ctx, const struct turn_server *server, const char *why)
{
	(void)ctx;
	printf("STREAM %s %s\n", text_of(&server->addr), why);
}

static const struct io_udp_ops udp_ops = {.dgram = on_dgram, .icmp = on_icmp, .writable = on_writable};
static const struct io_turn_ops turn_ops = {
	.event = on_event, .data = on_data, .writable = on_writable, .stream_failed = on_stream_failed};

/* --- commands --- */

static void tell_stats(void)
{
	const struct turn *t = turn ? turn_set_active(io_turn_set(turn)) : NULL;
	const struct turn_stats *st = t ? turn_stats(t) : NULL;

	if (st)
		printf("STATS sent=%llu received=%llu dropped=%llu strange=%llu refreshes=%u stale=%u full=%llu\n",
		       (unsigned long long)st->sent, (unsigned long long)st->received, (unsigned long long)st->dropped,
		       (unsigned long long)st->strange, st->refreshes, st->stale,
		       (unsigned long long)io_turn_dropped(turn));
}

static void stop(void)
{
	if (turn)
		io_turn_end(turn);
	else if (udp)
		finish();
}

static void on_command(char *text)
{
	char *what = text;
	char *word = strsep(&what, " ");
	char *to = strsep(&what, " ");
	struct adit_addr peer = {0};

	if (to && adit_addr_parse(to, strlen(to), &peer) < 0)
		printf("BAD %s\n", to);
	if (strcmp(word, "permit") == 0)
		io_turn_permit(turn, &peer);
	else if (strcmp(word, "send") == 0 && what)
		printf("SENT %s\n", adit_err_name(transmit(&peer, (const uint8_t *)what, strlen(what), 0)));
	else if (strcmp(word, "stats") == 0)
		tell_stats();
	else if (strcmp(word, "end") == 0)
		stop();
	if (strcmp(word, "move") == 0 && what) {
		memset(&move, 0, sizeof(move));
		move.peer = peer;
		move.out_n = (uint32_t)((strtoull(what, NULL, 10) + SEGMENT - 1) / SEGMENT);
		move.began_at = io_clock_now();
		move_send(move.began_at);
	}
}

/* {udp|tcp|tls}:ADDR:PORT[=HOST] */
static bool parse_server(const char *text, struct turn_server *ret)
{
	static const char *const names[] = {"udp:", "tcp:", "tls:"};
	const char *host = strchr(text, '=');
	size_t len = host ? (size_t)(host - text) : strlen(text);

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (strncmp(text, names[i], 4) == 0) {
			ret->transport = (enum turn_transport)i;
			if (host)
				snprintf(ret->host, sizeof(ret->host), "%s", host + 1);
			return adit_addr_parse(text + 4, len - 4, &ret->addr) == 0 && ret->addr.port;
		}
	return false;
}

static void usage(void)
{
	fprintf(stderr,
		"usage: turn_driver [--ca FILE] [--families N] --user U --pass P {udp|tcp|tls}:ADDR:PORT[=HOST]...\n"
		"       turn_driver --plain ADDR:PORT\n");
	exit(2);
}

static void write_log(void *ctx, enum adit_log_level level, const char *text)
{
	(void)ctx;
	(void)level;
	fprintf(stderr, "%s\n", text);
}

int main(int argc, char **argv)
{
	static const struct adit_log log = {.write = write_log, .level = ADIT_LOG_DECIDE};
	struct io_turn_config cfg = {.log = &log};
	const char *user = "";
	const char *pass = "";
	struct adit_addr plain = {0};

	for (int i = 1; i < argc; i++) {
		const char *next = i + 1 < argc ? argv[i + 1] : "";

		if (argv[i][0] != '-') {
			if (cfg.n == TURN_SERVERS_MAX || !parse_server(argv[i], &cfg.servers[cfg.n++]))
				usage();
			continue;
		}
		i++;
		if (strcmp(argv[i - 1], "--ca") == 0)
			cfg.ca_file = next;
		else if (strcmp(argv[i - 1], "--families") == 0)
			cfg.families = (unsigned)strtoul(next, NULL, 10);
		else if (strcmp(argv[i - 1], "--user") == 0)
			user = next;
		else if (strcmp(argv[i - 1], "--pass") == 0)
			pass = next;
		else if (strcmp(argv[i - 1], "--plain") != 0 || adit_addr_parse(next, strlen(next), &plain) < 0)
			usage();
	}
	for (size_t i = 0; i < cfg.n; i++) {
		snprintf(cfg.servers[i].user, sizeof(cfg.servers[i].user), "%s", user);
		snprintf(cfg.servers[i].pass, sizeof(cfg.servers[i].pass), "%s", pass);
	}
	signal(SIGPIPE, SIG_IGN);
	setvbuf(stdout, NULL, _IOLBF, 0);
	loop = uv_default_loop();
	uv_timer_init(loop, &timer);
	uv_timer_start(&timer, on_tick, 5, 5);
	driver_input_start(loop, on_command, stop);
	if (plain.port ? io_udp_open(loop, (enum adit_family)plain.family, plain.port, &udp_ops, NULL, &udp) < 0
		       : io_turn_new(loop, &cfg, &turn_ops, NULL, &turn) < 0) {
		fprintf(stderr, "turn_driver: cannot start\n");
		return 2;
	}
	uv_run(loop, UV_RUN_DEFAULT);
	return uv_loop_close(loop) == 0 ? 0 : 3;
}
