/* Two machines in virtual time, and what a network can do to them. */
#include "test.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "udphp/udphp_msg.h"
#include "udphp_rig.h"

#define WIRE_MAX 64u /* datagrams under way */
#define ONE_WAY  ADIT_MS(10)
#define STREAM   4096u

/* Two machines and the network between them, in virtual time. */
struct end {
	struct udphp *m;
	struct adit_rng_seeded rng;
	const uint8_t *src; /* what its local program says */
	size_t src_len, src_pos, step;
	uint8_t got[STREAM]; /* what its local program has heard */
	size_t got_len;
	int code; /* of the exit; 0: none yet */
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
	for (uint64_t seed = 0; seed < 150; seed++) {
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_streams_arrive_and_both_ends_close_with_12),
		cmocka_unit_test(every_message_may_be_damaged_in_every_way),
		cmocka_unit_test(a_network_that_loses_doubles_delays_and_damages_costs_time_only),
		cmocka_unit_test(the_numbers_begin_anew_without_harm),
		cmocka_unit_test(the_same_seeds_send_the_same_datagrams),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
