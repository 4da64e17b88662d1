#include "test.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "crypto/crypto_md5.h"
#include "udphp/udphp.h"
#include "udphp/udphp_msg.h"

#define T0       ADIT_SEC(1000)
#define WIRE_MAX 64u /* datagrams under way */
#define ONE_WAY  ADIT_MS(10)
#define STREAM   4096u

static const struct adit_addr addr_of[2] = {
	{.ip = {192, 0, 2, 1}, .port = 5555, .family = ADIT_FAMILY_V4},
	{.ip = {192, 0, 2, 2}, .port = 5555, .family = ADIT_FAMILY_V4},
};

/* Two machines and the network between them, in virtual time. */
struct end {
	struct udphp *m;
	struct adit_rng_seeded rng;
	const uint8_t *src; /* what its local program says */
	size_t src_len, src_pos, step;
	uint8_t got[STREAM]; /* what its local program has heard */
	size_t got_len;
	int code; /* of the exit; 0: none yet */
	bool hold; /* its local program does not close when all is said */
};

struct dgram {
	adit_time at;
	unsigned to;
	size_t len;
	uint8_t data[512];
};

struct pair {
	struct end end[2];
	adit_time now, end_at; /* no run lasts longer */
	struct dgram wire[WIRE_MAX];
	size_t n_wire;
	unsigned n_sent;
	/* May change the datagram; returns how many copies of it travel. */
	unsigned (*fault)(struct pair *p, unsigned from, uint8_t *data, size_t *len, adit_dur *delay);
	struct adit_rng_seeded rng;
	unsigned victim, how; /* of the test about damage */
	size_t victim_len; /* 0: there is no such message */
};

static struct udphp *new_machine(bool server, struct adit_rng_seeded *rng, uint64_t seed)
{
	struct udphp_config cfg = {
		.server = server,
		.peer = addr_of[server],
		.port = 5555,
		.rng = adit_rng_seeded_init(rng, seed),
		.md5 = crypto_md5,
	};
	struct udphp *m = udphp_new(&cfg, T0);

	assert_non_null(m);
	return m;
}

static void pair_init(struct pair *p, const uint8_t *src, size_t len, size_t step)
{
	memset(p, 0, sizeof(*p));
	p->now = T0;
	p->end_at = T0 + ADIT_SEC(600);
	for (unsigned i = 0; i < 2; i++) {
		p->end[i].m = new_machine(i == 0, &p->end[i].rng, i);
		p->end[i].src = src;
		p->end[i].src_len = len;
		p->end[i].step = step;
	}
}

static void pair_done(struct pair *p)
{
	udphp_free(p->end[0].m);
	udphp_free(p->end[1].m);
}

static void pair_send(struct pair *p, unsigned from, const struct adit_out *out)
{
	struct dgram d = {.to = !from, .len = out->len};
	adit_dur delay = ONE_WAY;
	unsigned copies = 1;

	assert_true(out->len <= sizeof(d.data));
	assert_true(adit_addr_eq(&out->remote, &addr_of[!from]));
	memcpy(d.data, out->data, out->len);
	if (p->fault)
		copies = p->fault(p, from, d.data, &d.len, &delay);
	p->n_sent++;
	for (; copies > 0; copies--) {
		assert_true(p->n_wire < WIRE_MAX);
		d.at = p->now + delay * copies;
		p->wire[p->n_wire++] = d;
	}
}

/* Everything that can happen at one end without time passing. */
static void end_settle(struct pair *p, unsigned i)
{
	struct end *e = &p->end[i];
	struct udphp_event ev;
	struct adit_out out;
	const uint8_t *data;
	size_t n;

	for (bool more = true; more;) {
		more = false;
		while (udphp_output(e->m, &out))
			if (out.kind == ADIT_OUT_SEND)
				pair_send(p, i, &out);
		n = e->src_len - e->src_pos;
		if (n > e->step)
			n = e->step; /* one portion a message, so that there are several */
		if (n && udphp_feed_room(e->m) == UDPHP_MAXBUF) {
			e->src_pos += udphp_feed(e->m, p->now, e->src + e->src_pos, n);
			more = true;
		}
		data = udphp_take(e->m, &n);
		if (n) {
			assert_true(e->got_len + n <= sizeof(e->got));
			memcpy(e->got + e->got_len, data, n);
			e->got_len += n;
			udphp_taken(e->m, p->now, n);
			more = true;
		}
		while (udphp_event(e->m, &ev))
			if (ev.kind == UDPHP_EVENT_EXIT)
				e->code = ev.code;
	}
}

static adit_time pair_next(const struct pair *p)
{
	adit_time at = adit_time_min(udphp_deadline(p->end[0].m), udphp_deadline(p->end[1].m));

	for (size_t k = 0; k < p->n_wire; k++)
		at = adit_time_min(at, p->wire[k].at);
	return at;
}

static void pair_deliver(struct pair *p)
{
	for (size_t k = 0; k < p->n_wire;) {
		struct dgram d = p->wire[k];
		struct adit_dgram in = {.remote = addr_of[!d.to], .data = d.data, .len = d.len};

		if (d.at > p->now) {
			k++;
			continue;
		}
		memmove(&p->wire[k], &p->wire[k + 1], (--p->n_wire - k) * sizeof(d));
		udphp_input(p->end[d.to].m, p->now, &in);
		end_settle(p, d.to);
	}
}

static bool pair_is_complete(const struct pair *p)
{
	return p->end[0].got_len == p->end[1].src_len && p->end[1].got_len == p->end[0].src_len;
}

/* Until both have all bytes, or one has ended, or nothing happens any more. */
static void pair_run(struct pair *p)
{
	end_settle(p, 0);
	end_settle(p, 1);
	while (!pair_is_complete(p) && !p->end[0].code && !p->end[1].code && p->now < p->end_at) {
		p->now = pair_next(p);
		if (p->now == ADIT_NEVER)
			return;
		pair_deliver(p);
		for (unsigned i = 0; i < 2; i++) {
			udphp_tick(p->end[i].m, p->now);
			end_settle(p, i);
		}
	}
}

static void assert_intact(const struct pair *p)
{
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(p->end[i].code, 0);
		assert_int_equal(p->end[i].got_len, p->end[!i].src_len);
		assert_memory_equal(p->end[i].got, p->end[!i].src, p->end[i].got_len);
	}
}

/* -- one machine alone */

static struct adit_rng_seeded lone_rng;
static struct udphp *lone;
static adit_time now;

static int lone_setup(void **state)
{
	struct adit_out out;

	(void)state;
	now = T0;
	lone = new_machine(true, &lone_rng, 1);
	assert_int_equal(udphp_output(lone, &out), 1);
	assert_int_equal(out.kind, ADIT_OUT_OPEN);
	assert_int_equal(udphp_output(lone, &out), 1);
	assert_int_equal(udphp_output(lone, &out), 0);
	return 0;
}

static int lone_teardown(void **state)
{
	(void)state;
	udphp_free(lone);
	return 0;
}

static void input_from(struct adit_addr from, const void *data, size_t len)
{
	uint8_t *exact = malloc(len ? len : 1); /* so that the sanitizer sees one byte too many */
	struct adit_dgram d = {.remote = from, .data = exact, .len = len};

	assert_non_null(exact);
	memcpy(exact, data, len);
	udphp_input(lone, now, &d);
	free(exact);
}

static void input(const void *data, size_t len)
{
	input_from(addr_of[1], data, len);
}

static size_t make_data(uint8_t *buf, uint16_t seq, const char *text)
{
	uint8_t md5[16];

	crypto_md5(text, strlen(text), md5);
	udphp_msg_write_header(buf, UDPHP_PLAIN, seq, (uint16_t)strlen(text), md5);
	memcpy(buf + UDPHP_HEADER, text, strlen(text));
	return UDPHP_HEADER + strlen(text);
}

/* The next output is |data|, sent to |to|. */
static void assert_output(struct adit_addr to, const void *data, size_t len)
{
	struct adit_out out;

	assert_int_equal(udphp_output(lone, &out), 1);
	assert_int_equal(out.kind, ADIT_OUT_SEND);
	assert_true(adit_addr_eq(&out.remote, &to));
	assert_int_equal(out.len, len);
	assert_memory_equal(out.data, data, len);
}

static void assert_no_output(void)
{
	struct adit_out out;

	assert_int_equal(udphp_output(lone, &out), 0);
}

/* The exit code that is told now, or 0. Other events are passed over. */
static int exit_code(void)
{
	struct udphp_event e;
	int code = 0;

	while (udphp_event(lone, &e))
		if (e.kind == UDPHP_EVENT_EXIT)
			code = e.code;
	return code;
}

static bool has_event(enum udphp_event_kind kind)
{
	struct udphp_event e;

	return udphp_event(lone, &e) && e.kind == kind;
}

static void it_asks_for_its_port_and_says_helo_in_the_words_of_its_side(void **state)
{
	struct adit_rng_seeded rng;
	struct adit_out out;

	(void)state;
	for (unsigned client = 0; client < 2; client++) {
		struct udphp *m = new_machine(!client, &rng, 1);

		assert_int_equal(udphp_output(m, &out), 1);
		assert_int_equal(out.kind, ADIT_OUT_OPEN);
		assert_int_equal(out.local.port, 5555);
		assert_int_equal(out.local.family, ADIT_FAMILY_V4);
		assert_int_equal(udphp_output(m, &out), 1);
		assert_int_equal(out.len, 8);
		assert_memory_equal(out.data, client ? "HELOSRVR" : "HELOCLNT", 8);
		assert_true(adit_addr_eq(&out.remote, &addr_of[!client]));
		assert_int_equal(udphp_output(m, &out), 0);
		udphp_free(m);
	}
}

static void ten_unanswered_heartbeats_20_to_30_seconds_apart_end_it_with_14(void **state)
{
	(void)state;
	for (unsigned sent = 1; sent <= 10; sent++) {
		adit_time next = udphp_deadline(lone);

		assert_in_range(next - now, ADIT_SEC(20), ADIT_SEC(30) - 1);
		udphp_tick(lone, next - 1);
		assert_no_output();
		now = next;
		udphp_tick(lone, now);
		if (sent < 10)
			assert_output(addr_of[1], "HELOCLNT", 8);
	}
	assert_no_output();
	assert_int_equal(exit_code(), UDPHP_EXIT_SILENT);
	assert_int_equal(udphp_deadline(lone), ADIT_NEVER);
}

static void a_heartbeat_now_and_then_keeps_it_alive(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		now = udphp_deadline(lone);
		udphp_tick(lone, now);
		assert_output(addr_of[1], "HELOCLNT", 8);
		if (i % 9 == 8)
			input(i % 2 ? "HELOSRVR" : "H", i % 2 ? 8 : 1); /* whatever its words */
	}
	assert_int_equal(exit_code(), 0);
}

static void thirty_tries_without_an_ack_end_it_with_15(void **state)
{
	struct adit_out out;
	unsigned sent = 0;

	(void)state;
	assert_int_equal(udphp_feed(lone, now, (const uint8_t *)"x", 1), 1);
	while (!exit_code()) {
		while (udphp_output(lone, &out))
			sent += out.data[0] == 'U';
		now = udphp_deadline(lone);
		udphp_tick(lone, now);
	}
	assert_int_equal(sent, 30);
	assert_int_equal(now, T0 + ADIT_SEC(30));
	assert_no_output();
}

static void the_end_of_file_waits_for_the_ack_and_for_the_reader(void **state)
{
	uint8_t buf[64];
	size_t len;

	(void)state;
	input(buf, make_data(buf, 0, "reply"));
	assert_output(addr_of[1], "A\0\0", 3);
	assert_int_equal(udphp_feed(lone, now, (const uint8_t *)"x", 1), 1);
	udphp_feed_end(lone, now, UDPHP_EXIT_TCP_EOF);
	assert_int_equal(udphp_feed_room(lone), 0);
	assert_int_equal(udphp_feed(lone, now, (const uint8_t *)"y", 1), 0);
	assert_int_equal(exit_code(), 0);
	input("A\0\0", 3);
	assert_int_equal(exit_code(), 0);
	udphp_take(lone, &len);
	assert_int_equal(len, 5);
	udphp_taken(lone, now, 5);
	assert_int_equal(exit_code(), UDPHP_EXIT_TCP_EOF);
}

static void a_reader_that_never_reads_holds_up_the_end_for_five_seconds(void **state)
{
	uint8_t buf[64];

	(void)state;
	input(buf, make_data(buf, 0, "reply"));
	udphp_feed_end(lone, now, UDPHP_EXIT_TCP_EOF);
	assert_int_equal(exit_code(), 0);
	assert_int_equal(udphp_deadline(lone), T0 + UDPHP_DRAIN_MAX);
	now = udphp_deadline(lone);
	udphp_tick(lone, now);
	assert_int_equal(exit_code(), UDPHP_EXIT_TCP_EOF);
}

static void the_end_after_an_ack_still_lets_the_ack_out(void **state)
{
	uint8_t buf[64];

	(void)state;
	udphp_feed_end(lone, now, UDPHP_EXIT_TCP_READ);
	assert_int_equal(exit_code(), UDPHP_EXIT_TCP_READ);
	input(buf, make_data(buf, 0, "late"));
	assert_no_output(); /* what comes after the end is not acknowledged: it is lost, and the peer must know */
}

static void a_broken_read_ends_it_with_11_after_what_was_read(void **state)
{
	(void)state;
	assert_int_equal(udphp_feed(lone, now, (const uint8_t *)"x", 1), 1);
	udphp_feed_end(lone, now, UDPHP_EXIT_TCP_READ);
	assert_int_equal(exit_code(), 0);
	input("A\0\0", 3);
	assert_int_equal(exit_code(), UDPHP_EXIT_TCP_READ);
}

static void a_broken_write_ends_it_with_13_and_nothing_more_is_acknowledged(void **state)
{
	struct adit_out out;
	uint8_t buf[64];

	(void)state;
	assert_int_equal(udphp_feed(lone, now, (const uint8_t *)"x", 1), 1);
	assert_int_equal(udphp_output(lone, &out), 1);
	input(buf, make_data(buf, 0, "one"));
	assert_output(addr_of[1], "A\0\0", 3);
	udphp_take_failed(lone, now);
	assert_int_equal(exit_code(), 0); /* "x" is under way */
	input(buf, make_data(buf, 1, "two"));
	assert_no_output();
	input("A\0\0", 3);
	assert_int_equal(exit_code(), UDPHP_EXIT_TCP_WRITE);
}

static void a_broken_write_stays_13_where_the_peer_is_gone_too(void **state)
{
	(void)state;
	assert_int_equal(udphp_feed(lone, now, (const uint8_t *)"x", 1), 1);
	udphp_take_failed(lone, now);
	for (int code = 0; !code; code = exit_code()) {
		now = udphp_deadline(lone);
		udphp_tick(lone, now);
		if (now > T0 + ADIT_SEC(30))
			fail();
		if (now == T0 + ADIT_SEC(30)) {
			assert_int_equal(exit_code(), UDPHP_EXIT_TCP_WRITE);
			return;
		}
	}
	fail();
}

static void an_unknown_message_of_the_peer_ends_it_with_16(void **state)
{
	static const char *const alien[] = {"Z", "GET / HTTP/1.0", "\1\2\3", "XXXXXXXX"};
	void *none = NULL;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(alien); i++) {
		input(alien[i], strlen(alien[i]));
		assert_int_equal(exit_code(), UDPHP_EXIT_BAD_TYPE);
		lone_teardown(&none);
		lone_setup(&none);
	}
}

static void an_unknown_message_of_anybody_else_does_not(void **state)
{
	struct adit_addr other_ip = addr_of[1], other_port = addr_of[1], v6 = {.family = ADIT_FAMILY_V6, .port = 5555};

	(void)state;
	other_ip.ip[3] = 77;
	other_port.port = 4000;
	memcpy(v6.ip, addr_of[1].ip, 4);
	input_from(other_ip, "Z", 1);
	input_from(v6, "Z", 1);
	assert_int_equal(udphp_stats(lone)->strangers, 2);
	input_from(other_port, "Z", 1);
	assert_int_equal(udphp_stats(lone)->malformed, 1);
	input("", 0); /* the script dies of this one */
	assert_int_equal(exit_code(), 0);
}

static void strangers_change_nothing(void **state)
{
	struct adit_addr stranger = addr_of[1];
	struct adit_out out;
	uint8_t buf[64];
	size_t len;

	(void)state;
	stranger.ip[3] = 77;
	assert_int_equal(udphp_feed(lone, now, (const uint8_t *)"x", 1), 1);
	assert_int_equal(udphp_output(lone, &out), 1);
	input_from(stranger, "HELOSRVR", 8);
	input_from(stranger, "A\0\0", 3);
	input_from(stranger, "N\0\0", 3);
	input_from(stranger, buf, make_data(buf, 0, "evil"));
	assert_no_output();
	udphp_take(lone, &len);
	assert_int_equal(len, 0);
	assert_false(has_event(UDPHP_EVENT_HEARD));
	assert_int_equal(udphp_deadline(lone), T0 + ADIT_SEC(1)); /* "x" is still waiting for its ack */
	input(buf, make_data(buf, 0, "good"));
	assert_output(addr_of[1], "A\0\0", 3);
	assert_true(has_event(UDPHP_EVENT_HEARD));
}

static void another_port_of_the_peer_is_followed_when_the_first_was_never_heard(void **state)
{
	struct adit_addr moved = addr_of[1];
	uint8_t buf[64];

	(void)state;
	moved.port = 1024;
	input_from(moved, "A\0\5", 3); /* fits nothing, proves nothing */
	input_from(moved, "Hmm", 3);
	assert_false(has_event(UDPHP_EVENT_MOVED));
	input_from(moved, buf, make_data(buf, 0, "x"));
	assert_output(moved, "A\0\0", 3);
	assert_true(has_event(UDPHP_EVENT_HEARD));
	assert_true(has_event(UDPHP_EVENT_MOVED));
}

static void a_port_in_use_is_left_only_after_ten_silent_seconds(void **state)
{
	struct adit_addr moved = addr_of[1];
	uint8_t buf[64];

	(void)state;
	moved.port = 1024;
	input("HELOSRVR", 8);
	assert_true(has_event(UDPHP_EVENT_HEARD));
	now += ADIT_SEC(10) - 1;
	input_from(moved, buf, make_data(buf, 0, "x")); /* listened to, not followed */
	assert_output(addr_of[1], "A\0\0", 3);
	assert_false(has_event(UDPHP_EVENT_MOVED));
	now += 1;
	input_from(moved, buf, make_data(buf, 0, "x")); /* it repeats: the ack has not reached it */
	assert_true(has_event(UDPHP_EVENT_MOVED));
	now = udphp_deadline(lone);
	udphp_tick(lone, now);
	assert_output(moved, "A\0\0", 3);
}

static void the_peer_stays_alive_by_any_valid_message(void **state)
{
	uint8_t buf[64];

	(void)state;
	for (uint16_t i = 0; i < 40; i++) {
		now = udphp_deadline(lone);
		udphp_tick(lone, now);
		if (i % 5 == 0)
			input(buf, make_data(buf, i / 5, "x"));
	}
	assert_int_equal(exit_code(), 0);
}

static void a_reader_that_closed_does_not_turn_its_12_into_13(void **state)
{
	uint8_t buf[64];

	(void)state;
	input(buf, make_data(buf, 0, "reply"));
	udphp_feed_end(lone, now, UDPHP_EXIT_TCP_EOF);
	udphp_take_failed(lone, now);
	assert_int_equal(exit_code(), UDPHP_EXIT_TCP_EOF);
}

/* The linker sends the machine's allocations here. */
void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);

static unsigned allocations_left = UINT32_MAX;

static bool may_allocate(void)
{
	return allocations_left == UINT32_MAX || allocations_left-- > 0;
}

void *__wrap_malloc(size_t size)
{
	return may_allocate() ? __real_malloc(size) : NULL;
}

void *__wrap_calloc(size_t n, size_t size)
{
	return may_allocate() ? __real_calloc(n, size) : NULL;
}

static void each_allocation_may_fail(void **state)
{
	struct udphp_config cfg = {.peer = addr_of[1], .port = 5555, .md5 = crypto_md5};
	struct adit_rng_seeded seed;
	struct udphp *m = NULL;
	unsigned n;

	(void)state;
	cfg.rng = adit_rng_seeded_init(&seed, 1);
	for (n = 0; !m && n < 100; n++) {
		allocations_left = n;
		m = udphp_new(&cfg, T0);
		allocations_left = UINT32_MAX;
	}
	assert_non_null(m);
	assert_in_range(n, 5, 20); /* the machine, and what zlib wants for two streams */
	udphp_free(m);
	udphp_free(NULL);
}

/* -- two of them */

static const uint8_t *text_and_noise(size_t *ret_len)
{
	static uint8_t buf[900];
	struct adit_rng_seeded s;
	struct adit_rng rng = adit_rng_seeded_init(&s, 7);

	memset(buf, 'a', 300); /* one portion that shrinks, two that do not */
	adit_rng_fill(&rng, buf + 300, sizeof(buf) - 300);
	*ret_len = sizeof(buf);
	return buf;
}

static void both_streams_arrive_and_both_ends_close_with_12(void **state)
{
	struct pair p;
	size_t len;
	const uint8_t *src = text_and_noise(&len);

	(void)state;
	pair_init(&p, src, len, 300);
	pair_run(&p);
	assert_intact(&p);
	for (unsigned i = 0; i < 2; i++)
		udphp_feed_end(p.end[i].m, p.now, UDPHP_EXIT_TCP_EOF);
	p.end[0].src_len++; /* so that it is not complete: run on until the end */
	pair_run(&p);
	assert_true(p.end[0].code == UDPHP_EXIT_TCP_EOF || p.end[1].code == UDPHP_EXIT_TCP_EOF);
	pair_done(&p);
}

/* Damage number |how| of a datagram: each bit, each cut, a few bytes more, each type. False: there is no such one. */
static bool damage(uint8_t *data, size_t *len, unsigned how)
{
	size_t n = *len;

	if (how < 8 * n) {
		data[how / 8] ^= (uint8_t)(1u << how % 8);
		return true;
	}
	how -= (unsigned)(8 * n);
	if (how < n) {
		*len = how;
		return true;
	}
	how -= (unsigned)n;
	if (how < 4) {
		memset(data + n, (int)how, how + 1);
		*len = n + how + 1;
		return true;
	}
	how -= 4;
	if (how < 256) {
		data[0] = (uint8_t)how;
		return true;
	}
	return false;
}

static unsigned damage_the_victim(struct pair *p, unsigned from, uint8_t *data, size_t *len, adit_dur *delay)
{
	(void)from;
	(void)delay;
	if (p->n_sent == p->victim && damage(data, len, p->how))
		p->victim_len = *len + 1;
	return 1;
}

static void every_message_may_be_damaged_in_every_way(void **state)
{
	static uint8_t src[170];
	unsigned runs = 0;
	struct pair p;

	(void)state;
	memset(src, 'a', 140); /* one portion that shrinks; then short ones */
	memcpy(src + 140, "short and incompressible bytes", 30);
	for (unsigned victim = 0; victim < 20; victim++) {
		for (unsigned how = 0;; how++) {
			pair_init(&p, src, sizeof(src), 140);
			p.fault = damage_the_victim;
			p.victim = victim;
			p.how = how;
			pair_run(&p);
			if (p.victim_len)
				assert_intact(&p);
			pair_done(&p);
			if (!p.victim_len)
				break;
			runs++;
		}
	}
	assert_true(runs > 4000);
}

static unsigned bad_network(struct pair *p, unsigned from, uint8_t *data, size_t *len, adit_dur *delay)
{
	struct adit_rng rng = {.fill = NULL};
	struct adit_rng_seeded copy = p->rng;
	uint64_t r;

	(void)from;
	rng = adit_rng_seeded_init(&copy, p->rng.s[0]++);
	r = adit_rng_u64(&rng);
	if (r % 100 < 10)
		return 0;
	if (r / 100 % 100 < 10)
		/* Not the numbers: nothing in a message protects them. */
		damage(data, len, (unsigned)(r / 10000 % 8 + (*len > 4 ? 24 + r / 80000 % (8 * (*len - 4)) : 0)));
	if (r / 1000000 % 100 < 10)
		*delay = ADIT_MS(r / 100000000 % 1500);
	return r / 1000000000 % 100 < 10 ? 2 : 1;
}

static void a_network_that_loses_doubles_delays_and_damages_costs_time_only(void **state)
{
	struct pair p;
	size_t len;
	const uint8_t *src = text_and_noise(&len);

	(void)state;
	for (uint64_t seed = 0; seed < 300; seed++) {
		pair_init(&p, src, len, 50);
		p.fault = bad_network;
		p.rng.s[0] = seed * 1000;
		pair_run(&p);
		if (!pair_is_complete(&p))
			print_error("seed %u\n", (unsigned)seed);
		assert_intact(&p);
		pair_done(&p);
	}
}

static unsigned lose_around_the_wrap(struct pair *p, unsigned from, uint8_t *data, size_t *len, adit_dur *delay)
{
	uint16_t seq = (uint16_t)(data[1] << 8 | data[2]);

	(void)from;
	(void)len;
	(void)delay;
	if (data[0] == 'H' || (seq > 2 && seq < 65533))
		return 1;
	return ++p->how % 2 ? 0 : 2; /* each second one is lost, the others are doubled */
}

static void the_numbers_begin_anew_without_harm(void **state)
{
	static uint8_t zero[1];
	struct pair p;

	(void)state;
	pair_init(&p, zero, 1, 1);
	p.fault = lose_around_the_wrap;
	p.end_at = T0 + ADIT_SEC(7200);
	end_settle(&p, 0);
	end_settle(&p, 1);
	for (unsigned i = 0; i < 65536 + 10; i++) {
		zero[0] = (uint8_t)(i * 7);
		pair_run(&p);
		assert_intact(&p);
		for (unsigned k = 0; k < 2; k++)
			p.end[k].src_pos = p.end[k].got_len = 0;
	}
	assert_true(p.how > 10);
	pair_done(&p);
}

static void the_same_seeds_send_the_same_datagrams(void **state)
{
	struct pair p[2];
	size_t len;
	const uint8_t *src = text_and_noise(&len);

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		pair_init(&p[i], src, len, 50);
		p[i].fault = bad_network;
		pair_run(&p[i]);
	}
	assert_int_equal(p[0].now, p[1].now);
	assert_int_equal(p[0].n_sent, p[1].n_sent);
	pair_done(&p[0]);
	pair_done(&p[1]);
}

#define LONE(f) cmocka_unit_test_setup_teardown(f, lone_setup, lone_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_asks_for_its_port_and_says_helo_in_the_words_of_its_side),
		LONE(ten_unanswered_heartbeats_20_to_30_seconds_apart_end_it_with_14),
		LONE(a_heartbeat_now_and_then_keeps_it_alive),
		LONE(thirty_tries_without_an_ack_end_it_with_15),
		LONE(the_end_of_file_waits_for_the_ack_and_for_the_reader),
		LONE(a_reader_that_never_reads_holds_up_the_end_for_five_seconds),
		LONE(the_end_after_an_ack_still_lets_the_ack_out),
		LONE(a_broken_read_ends_it_with_11_after_what_was_read),
		LONE(a_broken_write_ends_it_with_13_and_nothing_more_is_acknowledged),
		LONE(a_broken_write_stays_13_where_the_peer_is_gone_too),
		LONE(an_unknown_message_of_the_peer_ends_it_with_16),
		LONE(an_unknown_message_of_anybody_else_does_not),
		LONE(strangers_change_nothing),
		LONE(another_port_of_the_peer_is_followed_when_the_first_was_never_heard),
		LONE(a_port_in_use_is_left_only_after_ten_silent_seconds),
		LONE(the_peer_stays_alive_by_any_valid_message),
		LONE(a_reader_that_closed_does_not_turn_its_12_into_13),
		cmocka_unit_test(each_allocation_may_fail),
		cmocka_unit_test(both_streams_arrive_and_both_ends_close_with_12),
		cmocka_unit_test(every_message_may_be_damaged_in_every_way),
		cmocka_unit_test(a_network_that_loses_doubles_delays_and_damages_costs_time_only),
		cmocka_unit_test(the_numbers_begin_anew_without_harm),
		cmocka_unit_test(the_same_seeds_send_the_same_datagrams),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
