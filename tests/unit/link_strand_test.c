#include "test.h"

#include "link/link_int.h"
#include "link_rig.h"
#include "quic/quic_conn.h"
#include "quic/quic_limits.h"

#define FRAME 100 /* bytes of a datagram in a made-up batch */

/* A side of the rig with one strand; both run in one thread here, with nothing but values between them. */
struct rope {
	struct side *own;
	struct link_strand *strand; /* NULL: none (any more) */
	struct side carried; /* what the strand carries, and what it reported */
	struct link_route route; /* as it was told */
	unsigned begun; /* serve: strands that wanted to begin ... */
	uint8_t initial[2048]; /* ... the first of them with this */
	size_t initial_len;
};

struct ropes {
	struct rig rig;
	struct rope serve;
	struct rope connect;
};

static void rope_begin(struct rope *p, adit_time now, const struct link_strand_dgram *d)
{
	struct link_grant grant;

	if (p->begun++ == 0) {
		assert_true(d->len <= sizeof(p->initial));
		memcpy(p->initial, d->data, d->len);
		p->initial_len = d->len;
	}
	if (link_strand_grant(p->own->link, d->number, &grant) == 0)
		assert_int_equal(link_strand_accept(&grant, now, d, &p->strand), 0);
	p->route = grant.route;
}

static void rope_input(void *self, adit_time now, const struct adit_dgram *d)
{
	struct rope *p = self;
	struct link_strand_dgram mine;

	rig_input(p->own, now, d);
	while (link_strand_input(p->own->link, &mine)) {
		if (p->strand)
			link_strand_dgram(p->strand, now, &mine);
		else if (mine.begins)
			rope_begin(p, now, &mine);
	}
}

static void rope_icmp(void *self, adit_time now, const struct adit_icmp *icmp)
{
	rig_icmp(((struct rope *)self)->own, now, icmp);
}

static void rope_sock_failed(void *self, adit_time now, uint32_t sock)
{
	rig_sock_failed(((struct rope *)self)->own, now, sock);
}

static void rope_tick(void *self, adit_time now)
{
	struct rope *p = self;

	rig_tick(p->own, now);
	if (p->strand)
		link_strand_tick(p->strand, now);
}

static void rope_set_utc(void *self, adit_time now, adit_utc utc)
{
	rig_set_utc(((struct rope *)self)->own, now, utc);
}

static adit_time rope_deadline(const void *self)
{
	const struct rope *p = self;
	adit_time t = rig_deadline(p->own);

	return p->strand ? adit_time_min(t, link_strand_deadline(p->strand)) : t;
}

static int rope_output(void *self, adit_time now, struct adit_out *ret_out)
{
	struct rope *p = self;
	struct quic_batch b;

	if (rig_output(p->own, now, ret_out))
		return 1;
	if (!p->strand || !link_strand_batch(p->strand, now, &b))
		return 0;
	link_strand_send(p->own->link, &b);
	return rig_output(p->own, now, ret_out);
}

static void rope_pass_on(struct rope *p, adit_time now)
{
	struct link_strand_signs signs;
	struct link_route r;

	link_route_get(p->own->link, &r);
	if (!link_route_eq(&r, &p->route))
		link_strand_route(p->strand, now, &r);
	p->route = r;
	if (!link_strand_has_signs(p->strand))
		return;
	link_strand_signs(p->strand, &signs);
	link_strand_heard(p->own->link, now, &signs);
}

static bool rope_events(void *ctx, adit_time now)
{
	struct rope *p = ctx;
	bool any = rig_events(p->own, now);
	struct link_event e;

	while (p->strand && link_strand_event(p->strand, now, &e)) {
		rig_on_event(&p->carried, &e);
		any = true;
	}
	if (p->strand)
		rope_pass_on(p, now);
	return any;
}

static const struct adit_machine_ops rope_ops = {
	.input = rope_input,
	.icmp = rope_icmp,
	.sock_failed = rope_sock_failed,
	.tick = rope_tick,
	.set_utc = rope_set_utc,
	.deadline = rope_deadline,
	.output = rope_output,
};

static void rope_start(struct rope *p, struct side *own)
{
	p->own = own;
	p->carried.role = own->role;
	rig_start_in(own, &rope_ops, p, rope_events);
}

static void ropes_up(struct ropes *r, uint64_t seed, bool with_nat, unsigned connect, unsigned serve)
{
	memset(r, 0, sizeof(*r));
	rig_init(&r->rig, seed, with_nat);
	r->rig.connect.cfg.connections = connect;
	r->rig.serve.cfg.connections = serve;
	rope_start(&r->serve, &r->rig.serve);
	rig_run(&r->rig, ADIT_MS(500));
	rope_start(&r->connect, &r->rig.connect);
	assert_true(rig_wait(&r->rig, &r->rig.connect, LINK_EVENT_UP, 1, ADIT_SEC(20)));
}

static void rope_cut_off(struct rope *p)
{
	rig_release(&p->carried);
	link_strand_free(p->strand);
	p->strand = NULL;
}

static void ropes_done(struct ropes *r)
{
	rope_cut_off(&r->serve);
	rope_cut_off(&r->connect);
	rig_done(&r->rig);
}

/* |change|, where there is one, is made to the grant before it is used. */
static void ropes_begin(struct ropes *r, void (*change)(struct link_grant *g))
{
	struct link_grant grant;

	assert_int_equal(link_strand_grant(r->rig.connect.link, 1, &grant), 0);
	if (change)
		change(&grant);
	r->connect.route = grant.route;
	assert_int_equal(link_strand_connect(&grant, lab_host_now(r->rig.connect.host), &r->connect.strand), 0);
	lab_machine_wake(r->rig.connect.machine);
}

static void ropes_two(struct ropes *r, uint64_t seed, bool with_nat)
{
	ropes_up(r, seed, with_nat, 2, 2);
	ropes_begin(r, NULL);
	rig_run(&r->rig, ADIT_SEC(1));
	assert_int_equal(r->connect.carried.n[LINK_EVENT_UP], 1);
	assert_int_equal(r->serve.carried.n[LINK_EVENT_UP], 1);
}

/* A stream in the strand and one beside it, |n| bytes each. */
static void ropes_open(struct ropes *r, uint64_t n)
{
	struct side *s = &r->connect.carried;

	s->to_send = r->rig.connect.to_send = n;
	s->finishes = r->rig.connect.finishes = true;
	assert_int_equal(link_strand_open(r->connect.strand, RIG_ECHO, &s->stream), 0);
	rig_pump(s);
	rig_open(&r->rig, RIG_ECHO);
}

static void assert_carried(const struct ropes *r, uint64_t n)
{
	assert_int_equal(r->serve.carried.received, n);
	assert_int_equal(r->serve.carried.wrong, 0);
	assert_true(r->serve.carried.at_end);
	assert_int_equal(r->rig.serve.received, n);
	assert_int_equal(r->rig.serve.wrong, 0);
	assert_true(r->rig.serve.at_end);
	assert_int_equal(r->serve.carried.n[LINK_EVENT_DOWN] + r->connect.carried.n[LINK_EVENT_DOWN], 0);
	assert_int_equal(r->rig.serve.n[LINK_EVENT_DOWN] + r->rig.connect.n[LINK_EVENT_DOWN], 0);
}

static void two_connections_of_a_session_carry_streams_over_one_socket(void **state)
{
	struct link_status st;
	struct ropes r;

	(void)state;
	ropes_two(&r, 1, true);
	ropes_open(&r, 1000000);
	rig_run(&r.rig, ADIT_SEC(20));
	assert_carried(&r, 1000000);
	assert_int_equal(r.rig.connect.n[LINK_EVENT_SWITCHED] + r.rig.connect.n[LINK_EVENT_OUTAGE], 0);
	link_strand_note(r.rig.connect.link, 1, true, &(struct quic_stats){.tx_bytes = 1000000});
	link_status_get(r.rig.connect.link, lab_host_now(r.rig.connect.host), &st);
	assert_int_equal(st.connections, 2);
	assert_true(st.quic.tx_bytes > 2000000);
	ropes_done(&r);
}

static void the_connections_of_a_session_divide_one_peers_budget(void **state)
{
	struct link_grant grant;
	struct ropes r;

	(void)state;
	for (unsigned n = 1; n <= 4; n += 3) {
		ropes_up(&r, 40 + n, false, n, 4);
		assert_int_equal(r.rig.serve.link->session->quic->budget.max, QUIC_WINDOW_BUDGET / n);
		assert_int_equal(r.rig.connect.link->session->quic->budget.max, QUIC_WINDOW_BUDGET / n);
		assert_int_equal(link_strand_grant(r.rig.serve.link, 1, &grant), n > 1 ? 0 : ADIT_EINVAL);
		if (n > 1)
			assert_int_equal(grant.connections, n);
		ropes_done(&r);
	}
}

static void the_smaller_number_of_connections_is_agreed_upon_and_an_older_peer_has_one(void **state)
{
	static const unsigned cases[][3] = {{8, 3, 3}, {3, 8, 3}, {0, 8, 1}, {8, 0, 1}, {1, 8, 1}, {8, 8, 8}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct link_grant grant;
		struct ropes r;

		ropes_up(&r, 2 + i, false, cases[i][0], cases[i][1]);
		assert_int_equal(link_strands(r.rig.connect.link), cases[i][2]);
		assert_int_equal(link_strands(r.rig.serve.link), cases[i][2]);
		assert_int_equal(link_strand_grant(r.rig.connect.link, 0, &grant), ADIT_EINVAL);
		assert_int_equal(link_strand_grant(r.rig.connect.link, cases[i][2], &grant), ADIT_EINVAL);
		ropes_done(&r);
	}
}

static void a_number_is_used_once_and_a_repeated_initial_begins_nothing(void **state)
{
	struct link_grant grant;
	struct link_route route;
	struct ropes r;

	(void)state;
	ropes_two(&r, 10, false);
	assert_int_equal(r.serve.begun, 1);
	assert_int_equal(link_strand_grant(r.rig.connect.link, 1, &grant), ADIT_EINVAL);
	rope_cut_off(&r.serve);
	rope_cut_off(&r.connect);
	link_route_get(r.rig.serve.link, &route);
	rope_input(&r.serve, lab_host_now(r.rig.serve.host),
		   &(struct adit_dgram){.sock = route.sock,
					.remote = route.remote,
					.data = r.serve.initial,
					.len = r.serve.initial_len});
	assert_int_equal(r.serve.begun, 1);
	assert_null(r.serve.strand);
	assert_int_equal(rig_state(&r.rig.serve), LINK_UP);
	ropes_done(&r);
}

static void guess(struct link_grant *g)
{
	g->first[0] ^= 1;
}

static void who_does_not_know_the_first_connection_cannot_begin_another(void **state)
{
	struct ropes r;

	(void)state;
	ropes_up(&r, 11, false, 2, 2);
	ropes_begin(&r, guess);
	rig_run(&r.rig, ADIT_SEC(2));
	assert_int_equal(r.serve.begun, 0);
	assert_null(r.serve.strand);
	assert_int_equal(r.connect.carried.n[LINK_EVENT_UP], 0);
	ropes_done(&r);
}

static void name_another(struct link_grant *g)
{
	g->session_id[3] ^= 1;
}

static void a_hello_that_names_another_session_is_refused(void **state)
{
	struct ropes r;

	(void)state;
	ropes_up(&r, 12, false, 2, 2);
	ropes_begin(&r, name_another);
	rig_run(&r.rig, ADIT_SEC(2));
	assert_int_equal(r.serve.carried.n[LINK_EVENT_UP], 0);
	assert_int_equal(r.connect.carried.n[LINK_EVENT_DOWN], 1);
	assert_int_equal(r.connect.carried.down.reason, LINK_REASON_REFUSED);
	assert_int_equal(r.connect.carried.down.code, FWD_STATUS_REFUSED);
	assert_int_equal(rig_state(&r.rig.connect), LINK_UP);
	ropes_done(&r);
}

static void strands_stand_still_in_an_outage_and_lose_no_byte(void **state)
{
	struct ropes r;

	(void)state;
	ropes_two(&r, 13, false);
	ropes_open(&r, 3000000);
	rig_run(&r.rig, ADIT_MS(300));
	assert_true(r.serve.carried.received < 3000000);
	rig_cut(&r.rig, true);
	rig_run(&r.rig, ADIT_SEC(60));
	assert_int_equal(rig_state(&r.rig.connect), LINK_OUTAGE);
	assert_true(r.connect.route.is_still);
	assert_int_equal(link_strand_deadline(r.connect.strand), ADIT_NEVER);
	rig_cut(&r.rig, false);
	rig_run(&r.rig, ADIT_SEC(30));
	assert_carried(&r, 3000000);
	ropes_done(&r);
}

static void strands_follow_the_peers_nat_to_another_port(void **state)
{
	struct adit_addr before;
	struct ropes r;

	(void)state;
	ropes_two(&r, 14, true);
	ropes_open(&r, 3000000);
	rig_run(&r.rig, ADIT_MS(300));
	before = r.rig.last_source;
	lab_router_nat(r.rig.router)->ops->flush(lab_router_nat(r.rig.router));
	rig_run(&r.rig, ADIT_SEC(60));
	assert_false(adit_addr_eq(&r.rig.last_source, &before));
	assert_carried(&r, 3000000);
	ropes_done(&r);
}

/* The path knows of it although the first connection is idle. */
static void silence_under_a_strands_data_is_noticed_at_once(void **state)
{
	struct side *s;
	struct ropes r;

	(void)state;
	ropes_two(&r, 15, false);
	rig_run(&r.rig, ADIT_SEC(4));
	s = &r.connect.carried;
	s->to_send = 100000000;
	assert_int_equal(link_strand_open(r.connect.strand, RIG_ECHO, &s->stream), 0);
	rig_pump(s);
	lab_machine_wake(r.rig.connect.machine);
	rig_run(&r.rig, ADIT_MS(400));
	assert_true(r.serve.carried.received > 0 && r.serve.carried.received < s->to_send);
	rig_cut(&r.rig, true);
	rig_run(&r.rig, ADIT_SEC(5)); /* "found within 3 s" */
	assert_int_equal(r.rig.connect.n[LINK_EVENT_OUTAGE], 1);
	assert_int_equal(r.rig.serve.n[LINK_EVENT_OUTAGE], 1);
	ropes_done(&r);
}

/* Short headers with connection ids of these indices, one after the other. */
static size_t make_batch(uint8_t *buf, const char *indices)
{
	size_t n = strlen(indices);

	memset(buf, 0x55, n * FRAME);
	for (size_t i = 0; i < n; i++) {
		buf[i * FRAME] = 0x40;
		buf[i * FRAME + 1] = (uint8_t)(0xa8 | (indices[i] - '0'));
	}
	return n * FRAME - FRAME / 2; /* the last one is shorter */
}

static void a_batch_of_several_connections_datagrams_is_taken_apart(void **state)
{
	static const struct {
		const char *batch;
		const char *runs; /* number and length, as they come out */
	} cases[] = {
		{"1", "1:50 "},
		{"111", "1:250 "},
		{"1122", "1:200 2:150 "},
		{"1012", "1:100 1:100 2:50 "},
		{"000", ""},
		{"33", ""},
		/* nobody's yet */ {"210", "2:100 1:100 "},
		{"0001", "1:50 "},
	};
	struct link_grant grant;
	struct link_route route;
	struct ropes r;

	(void)state;
	ropes_up(&r, 16, false, 4, 4);
	assert_int_equal(link_strand_grant(r.rig.serve.link, 1, &grant), 0);
	assert_int_equal(link_strand_grant(r.rig.serve.link, 2, &grant), 0);
	link_route_get(r.rig.serve.link, &route);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		uint8_t buf[8 * FRAME];
		struct adit_dgram d = {.sock = route.sock, .remote = route.remote, .data = buf, .seg_size = FRAME};
		struct link_strand_dgram run;
		char runs[64] = "";
		size_t at = 0;

		d.len = make_batch(buf, cases[i].batch);
		(void)link_input(r.rig.serve.link, lab_host_now(r.rig.serve.host), &d);
		while (link_strand_input(r.rig.serve.link, &run)) {
			assert_int_equal(run.gen, route.gen);
			assert_int_equal(run.seg_size, run.len > FRAME ? FRAME : 0);
			at += (size_t)snprintf(runs + at, sizeof(runs) - at, "%u:%zu ", run.number, run.len);
		}
		assert_string_equal(runs, cases[i].runs);
		d.remote.port ^= 1; /* not one of the session's paths */
		(void)link_input(r.rig.serve.link, lab_host_now(r.rig.serve.host), &d);
		assert_int_equal(link_strand_input(r.rig.serve.link, &run), 0);
	}
	ropes_done(&r);
}

/* The connect side's strand begins: its first datagram, which the network does not see. */
static size_t take_initial(struct ropes *r, uint8_t *buf, size_t cap)
{
	struct link_grant grant;
	struct quic_batch b;

	assert_int_equal(link_strand_grant(r->rig.connect.link, 1, &grant), 0);
	r->connect.route = grant.route;
	assert_int_equal(link_strand_connect(&grant, lab_host_now(r->rig.connect.host), &r->connect.strand), 0);
	assert_int_equal(link_strand_batch(r->connect.strand, lab_host_now(r->rig.connect.host), &b), 1);
	assert_int_equal(b.seg_size, 0);
	assert_true(b.len <= cap);
	memcpy(buf, b.data, b.len);
	return b.len;
}

/* To the serve side over the session's path, out of memory that ends where it ends. */
static void serve_hears(struct ropes *r, const uint8_t *data, size_t len, size_t seg_size)
{
	struct link_route route;
	uint8_t *copy = malloc(len);

	assert_non_null(copy);
	memcpy(copy, data, len);
	link_route_get(r->rig.serve.link, &route);
	rope_input(&r->serve, lab_host_now(r->rig.serve.host),
		   &(struct adit_dgram){
			   .sock = route.sock, .remote = route.remote, .data = copy, .len = len, .seg_size = seg_size});
	free(copy);
	lab_machine_wake(r->rig.serve.machine);
}

static void a_strand_begins_with_the_shorter_last_datagram_of_a_batch(void **state)
{
	enum { FIRST = 1400 }; /* bytes of a packet of connection 0 */
	uint8_t batch[FIRST + 2048] = {0x40, 0xa8};
	struct ropes r;
	size_t len;

	(void)state;
	ropes_up(&r, 18, false, 2, 2);
	len = take_initial(&r, batch + FIRST, sizeof(batch) - FIRST);
	assert_true(len < FIRST);
	serve_hears(&r, batch, FIRST + len, FIRST);
	assert_int_equal(r.serve.begun, 1);
	assert_int_equal(r.serve.initial_len, len);
	rig_run(&r.rig, ADIT_SEC(1));
	assert_int_equal(r.serve.carried.n[LINK_EVENT_UP], 1);
	assert_int_equal(r.connect.carried.n[LINK_EVENT_UP], 1);
	ropes_done(&r);
}

static void a_strands_first_datagram_from_beside_the_paths_begins_no_session(void **state)
{
	struct link_path_info beside;
	uint8_t initial[2048];
	struct link *l;
	struct ropes r;
	adit_time now;
	size_t len;

	(void)state;
	ropes_up(&r, 30, false, 2, 2);
	len = take_initial(&r, initial, sizeof(initial));
	l = r.rig.serve.link;
	now = lab_host_now(r.rig.serve.host);
	beside = l->session_path->info;
	beside.remote.port ^= 1; /* it has answered, and is no path yet */
	link_known_add(l, now, l->session_path->sock, &beside, l->session_path->instance);
	rope_input(&r.serve, now,
		   &(struct adit_dgram){
			   .sock = l->session_path->sock, .remote = beside.remote, .data = initial, .len = len});
	assert_null(l->incoming);
	assert_int_equal(r.serve.begun, 0);
	rig_run(&r.rig, ADIT_SEC(5)); /* it is repeated, over the session's path */
	assert_int_equal(r.serve.carried.n[LINK_EVENT_UP], 1);
	assert_int_equal(r.connect.carried.n[LINK_EVENT_UP], 1);
	ropes_done(&r);
}

static void a_damaged_first_datagram_begins_nothing_and_the_next_does(void **state)
{
	struct link_strand_dgram d = {.number = 1, .begins = true};
	struct link_grant grant;
	uint8_t initial[2048];
	struct ropes r;
	adit_time now;

	(void)state;
	ropes_up(&r, 31, false, 2, 2);
	d.len = take_initial(&r, initial, sizeof(initial));
	d.data = initial;
	now = lab_host_now(r.rig.serve.host);
	assert_int_equal(link_strand_grant(r.rig.serve.link, 1, &grant), 0);
	initial[d.len - 1] ^= 1;
	assert_int_equal(link_strand_accept(&grant, now, &d, &r.serve.strand), ADIT_EPROTO);
	initial[d.len - 1] ^= 1;
	grant.first[3] ^= 1; /* whole, but not this one's */
	assert_int_equal(link_strand_accept(&grant, now, &d, &r.serve.strand), ADIT_EPROTO);
	grant.first[3] ^= 1;
	assert_int_equal(link_strand_accept(&grant, now, &d, &r.serve.strand), 0);
	ropes_done(&r);
}

/* Nothing reads past it, whatever the caller says of segments. */
static void a_strand_begins_out_of_the_first_datagram_of_a_run_that_can_begin_it(void **state)
{
	static const size_t seg_sizes[] = {0, 1, 1199, 1300, 65535};
	struct ropes r;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(seg_sizes); i++) {
		struct link_strand_dgram d = {.number = 1, .begins = true, .seg_size = seg_sizes[i]};
		struct link_grant grant;
		uint8_t initial[2048];
		uint8_t *run;
		size_t len;

		ropes_up(&r, 19 + i, false, 2, 2);
		len = take_initial(&r, initial, sizeof(initial));
		assert_int_equal(len, 1200);
		d.len = seg_sizes[i] == 1300 ? 1300 + len : len;
		run = calloc(1, d.len);
		assert_non_null(run);
		memcpy(run + d.len - len, initial, len);
		d.data = run;
		assert_int_equal(link_strand_grant(r.rig.serve.link, 1, &grant), 0);
		assert_int_equal(link_strand_accept(&grant, lab_host_now(r.rig.serve.host), &d, &r.serve.strand),
				 seg_sizes[i] == 1 || seg_sizes[i] == 1199 ? ADIT_EPROTO : 0);
		free(run);
		ropes_done(&r);
	}
}

static void closing_a_strand_says_goodbye_and_the_session_lives_on(void **state)
{
	struct ropes r;

	(void)state;
	ropes_two(&r, 17, false);
	link_strand_close(r.connect.strand, lab_host_now(r.rig.connect.host), FWD_CLOSE_DONE);
	lab_machine_wake(r.rig.connect.machine);
	rig_run(&r.rig, ADIT_SEC(1));
	assert_int_equal(r.serve.carried.down.reason, LINK_REASON_PEER);
	assert_int_equal(r.serve.carried.down.code, FWD_CLOSE_DONE);
	assert_int_equal(rig_state(&r.rig.serve), LINK_UP);
	ropes_done(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_connections_of_a_session_carry_streams_over_one_socket),
		cmocka_unit_test(the_connections_of_a_session_divide_one_peers_budget),
		cmocka_unit_test(the_smaller_number_of_connections_is_agreed_upon_and_an_older_peer_has_one),
		cmocka_unit_test(a_number_is_used_once_and_a_repeated_initial_begins_nothing),
		cmocka_unit_test(who_does_not_know_the_first_connection_cannot_begin_another),
		cmocka_unit_test(a_hello_that_names_another_session_is_refused),
		cmocka_unit_test(strands_stand_still_in_an_outage_and_lose_no_byte),
		cmocka_unit_test(strands_follow_the_peers_nat_to_another_port),
		cmocka_unit_test(silence_under_a_strands_data_is_noticed_at_once),
		cmocka_unit_test(a_batch_of_several_connections_datagrams_is_taken_apart),
		cmocka_unit_test(a_strand_begins_with_the_shorter_last_datagram_of_a_batch),
		cmocka_unit_test(a_strands_first_datagram_from_beside_the_paths_begins_no_session),
		cmocka_unit_test(a_damaged_first_datagram_begins_nothing_and_the_next_does),
		cmocka_unit_test(a_strand_begins_out_of_the_first_datagram_of_a_run_that_can_begin_it),
		cmocka_unit_test(closing_a_strand_says_goodbye_and_the_session_lives_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
