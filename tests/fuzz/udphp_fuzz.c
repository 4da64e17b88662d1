/*
 * A byte string as the life of one machine: datagrams of the peer (raw, and well-formed ones that get further),
 * strangers, bytes from TCP and to TCP, time. Whatever comes: outputs stay within their size, and TCP gets the bytes
 * of accepted messages, whole and in order, and nothing else.
 *
 * covers: src/udphp/udphp.c src/udphp/udphp_msg.c src/udphp/udphp_rx.c src/udphp/udphp_tx.c src/udphp/udphp_zip.c
 */
#include "fuzz.h"

#include <stdbool.h>
#include <string.h>
#include <zlib.h>

#include "base/bytes.h"
#include "udphp/udphp.h"
#include "udphp/udphp_msg.h"

struct world {
	struct udphp *m;
	adit_time now;
	struct adit_rd in; /* what is left of the fuzzer's string */
	uint16_t next_seq; /* of our well-formed data messages */
	uint16_t their_seq; /* of the machine's last data message */
};

static const struct adit_addr peer = {.ip = {192, 0, 2, 1}, .port = 5555, .family = ADIT_FAMILY_V4};

/* In the place of MD5, which would cost most of the time: any sum that tells messages apart does. */
static void cheap_sum(const void *data, size_t len, uint8_t ret_sum[16])
{
	const uint8_t *p = data;
	uint64_t h = UINT64_C(14695981039346656037);

	for (size_t i = 0; i < len; i++)
		h = (h ^ p[i]) * UINT64_C(1099511628211);
	memcpy(ret_sum, &h, 8);
	memcpy(ret_sum + 8, &h, 8);
}

static void drain(struct world *w)
{
	struct udphp_event ev;
	struct adit_out out;
	struct udphp_msg m;

	while (udphp_output(w->m, &out)) {
		if (out.kind != ADIT_OUT_SEND)
			continue;
		FUZZ_CHECK(out.len > 0 && out.len <= UDPHP_DGRAM_MAX);
		FUZZ_CHECK(udphp_msg_decode(out.data, out.len, &m) == 0);
		FUZZ_CHECK(adit_addr_eq_ip(&out.remote, &peer));
		if (m.type == UDPHP_PLAIN || m.type == UDPHP_ZIPPED)
			w->their_seq = m.seq;
	}
	while (udphp_event(w->m, &ev))
		if (ev.kind == UDPHP_EVENT_EXIT)
			FUZZ_CHECK(udphp_deadline(w->m) == ADIT_NEVER);
}

/* |payload|: what TCP may get of this datagram: all of it or nothing. */
static void give(struct world *w, struct adit_addr from, const uint8_t *data, size_t len, const uint8_t *payload,
		 size_t payload_len)
{
	uint8_t *exact = fuzz_exact(data, len);
	struct adit_dgram d = {.remote = from, .data = exact, .len = len};
	size_t before, after;
	const uint8_t *out;

	udphp_take(w->m, &before);
	udphp_input(w->m, w->now, &d);
	out = udphp_take(w->m, &after);
	FUZZ_CHECK(after <= 2 * UDPHP_MAXBUF);
	if (payload && after > before)
		FUZZ_CHECK(after - before == payload_len && !memcmp(out + before, payload, payload_len));
	free(exact);
	drain(w);
}

static struct adit_addr sender(struct world *w)
{
	struct adit_addr a = peer;
	uint8_t which = adit_rd_u8(&w->in);

	if (which >= 0xf0)
		a.ip[3] = which; /* a stranger */
	else if (which >= 0xe0)
		a.port = which; /* the peer from another port */
	return a;
}

static void give_raw(struct world *w)
{
	struct adit_addr from = sender(w);
	size_t len = adit_rd_u8(&w->in);
	const uint8_t *data;

	if (len > adit_rd_left(&w->in))
		len = adit_rd_left(&w->in);
	data = adit_rd_take(&w->in, len);
	if (data)
		give(w, from, data, len, NULL, 0);
}

/* A data message with the right digest; its payload is |n| times a piece of the string. */
static void give_data(struct world *w)
{
	static uint8_t payload[UDPHP_MAXBUF], msg[UDPHP_DGRAM_MAX + 1000];
	struct adit_addr from = sender(w);
	uint8_t shape = adit_rd_u8(&w->in);
	size_t piece = adit_rd_u8(&w->in) % 64, len = 0;
	uint16_t seq = w->next_seq;
	const uint8_t *p;
	uint8_t sum[16];
	uLongf n = sizeof(msg) - UDPHP_HEADER;

	if (piece > adit_rd_left(&w->in))
		piece = adit_rd_left(&w->in);
	p = adit_rd_take(&w->in, piece);
	if (!p)
		return;
	for (unsigned k = 0; k <= shape % 16u * 40 && len + piece <= sizeof(payload); k++, len += piece)
		memcpy(payload + len, p, piece);
	if (shape & 0x40)
		seq = (uint16_t)(seq - (shape >> 4 & 3));
	else
		w->next_seq++;
	cheap_sum(payload, len, sum);
	if (shape & 0x80) {
		FUZZ_CHECK(compress(msg + UDPHP_HEADER, &n, payload, len) == Z_OK);
		udphp_msg_write_header(msg, UDPHP_ZIPPED, seq, (uint16_t)len, sum);
	} else {
		memcpy(msg + UDPHP_HEADER, payload, len);
		udphp_msg_write_header(msg, UDPHP_PLAIN, seq, (uint16_t)len, sum);
		n = len;
	}
	if (shape & 8 && n > 0)
		msg[UDPHP_HEADER + n / 2] ^= shape;
	give(w, from, msg, UDPHP_HEADER + n, payload, len);
}

static void give_ack(struct world *w)
{
	struct adit_addr from = sender(w);
	uint8_t how = adit_rd_u8(&w->in);
	uint8_t msg[UDPHP_ACK_LEN];

	udphp_msg_write_ack(msg, how & 1 ? UDPHP_NACK : UDPHP_ACK, (uint16_t)(w->their_seq + 2 - (how >> 1) % 5));
	give(w, from, msg, sizeof(msg), NULL, 0);
}

static void feed(struct world *w)
{
	static uint8_t buf[UDPHP_MAXBUF];
	size_t room = udphp_feed_room(w->m), len = adit_rd_u8(&w->in) * 200u, n;

	memset(buf, adit_rd_u8(&w->in), sizeof(buf));
	if (adit_rd_u8(&w->in) & 1)
		for (uint32_t i = 0; i < sizeof(buf); i++)
			buf[i] = (uint8_t)((i + 1) * 2654435761u >> 13);
	if (len > sizeof(buf))
		len = sizeof(buf);
	n = udphp_feed(w->m, w->now, buf, len);
	FUZZ_CHECK(n == (len < room ? len : room));
	drain(w);
}

static void take(struct world *w)
{
	uint8_t part = adit_rd_u8(&w->in);
	size_t len;

	udphp_take(w->m, &len);
	udphp_taken(w->m, w->now, part == 255 ? len : len * part / 255);
	drain(w);
}

static void pass_time(struct world *w)
{
	uint8_t how = adit_rd_u8(&w->in);
	adit_time at = udphp_deadline(w->m);

	if (how < 128 && at != ADIT_NEVER && at > w->now)
		w->now = at;
	else
		w->now += ADIT_MS(how);
	udphp_tick(w->m, w->now);
	FUZZ_CHECK(udphp_deadline(w->m) > w->now); /* a driver would spin */
	drain(w);
}

static void step(struct world *w)
{
	switch (adit_rd_u8(&w->in) % 16) {
	case 0:
	case 1:
	case 2:
		give_raw(w);
		break;
	case 3:
	case 4:
	case 5:
	case 6:
		give_data(w);
		break;
	case 7:
	case 8:
		give_ack(w);
		break;
	case 9:
	case 10:
		feed(w);
		break;
	case 11:
	case 12:
		take(w);
		break;
	case 13:
	case 14:
		pass_time(w);
		break;
	default:
		if (adit_rd_u8(&w->in) & 1)
			udphp_take_failed(w->m, w->now);
		else
			udphp_feed_end(w->m, w->now, UDPHP_EXIT_TCP_EOF);
		drain(w);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct adit_rng_seeded seed;
	struct udphp_config cfg = {
		.server = size & 1,
		.peer = peer,
		.port = 5555,
		.rng = adit_rng_seeded_init(&seed, size),
		.md5 = cheap_sum,
	};
	struct world w = {.now = ADIT_SEC(1), .in = adit_rd_over(data, size)};

	w.m = udphp_new(&cfg, w.now);
	FUZZ_CHECK(w.m);
	drain(&w);
	while (adit_rd_left(&w.in) > 0)
		step(&w);
	FUZZ_CHECK(udphp_stats(w.m)->strangers <= size);
	udphp_free(w.m);
	return 0;
}
