#include "test.h"

#include <adit/endpoint.h>
#include <adit/ticket.h>

#include "api_rig.h"

#define BIG (3u << 20) /* bytes: more than a stream's first window, several times */

static const struct adit_service services[] = {{.name = "echo", .port = 7}, {.name = "ping", .datagrams = true}};

static char identity[ADIT_IDENTITY_STRLEN];
static char ticket[ADIT_TICKET_STRLEN];
static struct adit_endpoint *ep[2]; /* serve, connect */
static bool is_up[2], is_down[2];
static enum adit_endpoint_reason reason[2];
static char peer[2][ADIT_PUBLIC_STRLEN];
static struct adit_service seen[4];
static size_t n_seen;
static struct adit_stream *stream[2];
static unsigned news[2]; /* of |stream|, all of them */
static enum adit_refusal refuse_with; /* 0: accepts */
static uint64_t sent, received, wrong;
static bool at_end;
static char dgram[64];
static size_t dgram_len;
static uint32_t dgram_flow;

static struct adit_endpoint *make(bool serve)
{
	struct adit_endpoint_config cfg = {.size = sizeof(cfg),
					   .serve = serve,
					   .identity = serve ? identity : NULL,
					   .ticket = ticket,
					   .services = services,
					   .n_services = 2,
					   .linger = ADIT_SEC(5)};
	struct sockaddr_storage addr = rig_loopback(0);
	struct adit_endpoint *e;

	assert_int_equal(adit_endpoint_new(&cfg, &e), 0);
	assert_int_equal(adit_endpoint_set_peers(e, &addr, 1), 0);
	return e;
}

static int setup(void **state)
{
	(void)state;
	memset(is_up, 0, sizeof(is_up));
	memset(is_down, 0, sizeof(is_down));
	memset(stream, 0, sizeof(stream));
	memset(news, 0, sizeof(news));
	sent = received = wrong = 0;
	at_end = false;
	refuse_with = (enum adit_refusal)0;
	dgram_len = 0;
	adit_identity_new(identity);
	if (adit_ticket_new(identity, false, ticket) < 0)
		return -1;
	ep[0] = make(true);
	ep[1] = make(false);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	adit_endpoint_free(ep[0]);
	adit_endpoint_free(ep[1]);
	return 0;
}

static uint8_t pattern(uint64_t i)
{
	return (uint8_t)(i * 131 + (i >> 8) * 7 + (i >> 16));
}

/* Serve: what comes is written back, piece by piece. */
static void echo(void)
{
	static uint8_t buf[4096];
	static size_t len, at;

	if (!stream[0])
		return;
	for (;;) {
		ssize_t n;

		if (at < len) {
			n = adit_stream_write(stream[0], buf + at, len - at);
			if (n <= 0)
				return;
			at += (size_t)n;
			continue;
		}
		n = adit_stream_read(stream[0], buf, sizeof(buf));
		if (n == 0)
			adit_stream_finish(stream[0]);
		if (n <= 0)
			return;
		at = 0;
		len = (size_t)n;
	}
}

static void check_echo(void)
{
	uint8_t buf[3000];
	ssize_t n;

	while (stream[1] && (n = adit_stream_read(stream[1], buf, sizeof(buf))) >= 0) {
		at_end = n == 0;
		if (at_end)
			return;
		for (ssize_t i = 0; i < n; i++)
			wrong += buf[i] != pattern(received++);
	}
}

static void pump(void)
{
	uint8_t buf[5000];

	while (stream[1] && sent < BIG) {
		size_t n = BIG - sent < sizeof(buf) ? BIG - sent : sizeof(buf);
		ssize_t put;

		for (size_t i = 0; i < n; i++)
			buf[i] = pattern(sent + i);
		put = adit_stream_write(stream[1], buf, n);
		if (put <= 0)
			return;
		sent += (uint64_t)put;
	}
	if (stream[1] && sent == BIG)
		adit_stream_finish(stream[1]);
}

static void on_event(int side, const struct adit_endpoint_event *e)
{
	switch (e->kind) {
	case ADIT_ENDPOINT_UP:
		is_up[side] = true;
		snprintf(peer[side], sizeof(peer[side]), "%s", e->peer);
		n_seen = e->n_services;
		for (size_t i = 0; i < n_seen && i < ARRAY_LEN(seen); i++)
			seen[i] = e->services[i];
		break;
	case ADIT_ENDPOINT_REQUEST:
		assert_int_equal(side, 0);
		assert_string_equal(e->service, "echo");
		if (refuse_with) {
			adit_stream_refuse(e->stream, refuse_with);
			break;
		}
		stream[0] = e->stream;
		assert_null(adit_stream_user(e->stream));
		adit_stream_set_user(e->stream, &stream[0]);
		assert_int_equal(adit_stream_write(e->stream, "x", 1), ADIT_EDEAD); /* not accepted yet */
		adit_stream_accept(e->stream);
		break;
	case ADIT_ENDPOINT_STREAM:
		assert_ptr_equal(e->stream, stream[side]);
		news[side] |= e->news;
		break;
	case ADIT_ENDPOINT_DATAGRAM:
		assert_string_equal(e->service, "ping");
		if (side == 0) {
			assert_int_equal(adit_endpoint_send(ep[0], e->service, e->flow, e->data, e->data_len), 0);
			break;
		}
		dgram_len = e->data_len;
		dgram_flow = e->flow;
		memcpy(dgram, e->data, e->data_len < sizeof(dgram) ? e->data_len : sizeof(dgram));
		break;
	case ADIT_ENDPOINT_DOWN:
		is_down[side] = true;
		reason[side] = e->reason;
		assert_true(e->text[0] != '\0');
		break;
	default:
		break;
	}
}

static void turn(int side)
{
	const struct adit_endpoint_event *e;

	adit_endpoint_process(ep[side]);
	while ((e = adit_endpoint_next_event(ep[side])) != NULL)
		on_event(side, e);
	if (side == 0)
		echo();
	else
		check_echo();
}

static void turn_and_pump(int side)
{
	turn(side);
	if (side == 1)
		pump();
}

static bool both_up(void)
{
	return is_up[0] && is_up[1];
}

static bool is_all_back(void)
{
	return at_end;
}

static bool is_reset(void)
{
	return (news[1] & ADIT_STREAM_RESET) != 0;
}

static bool both_down(void)
{
	return is_down[0] && is_down[1];
}

static bool has_dgram(void)
{
	return dgram_len > 0;
}

static bool is_asked(void)
{
	return stream[0] != NULL;
}

static void run(void (*each)(int side), bool (*is_done)(void))
{
	int fd[2] = {adit_endpoint_fd(ep[0]), adit_endpoint_fd(ep[1])};

	rig_run(fd, each, is_done);
}

static void connect_both(void)
{
	adit_endpoint_start(ep[0]);
	adit_endpoint_start(ep[1]);
	run(turn, both_up);
}

static void a_session_tells_who_is_there_and_what_is_offered(void **state)
{
	const struct adit_endpoint_status *st;
	struct adit_stream *no;
	char own[ADIT_PUBLIC_STRLEN];

	(void)state;
	assert_int_equal(adit_stream_open(ep[1], "echo", &no), ADIT_ENOENT);
	connect_both();
	assert_int_equal(adit_identity_public(identity, own), 0);
	assert_string_equal(peer[1], own);
	assert_int_equal(n_seen, 2);
	assert_string_equal(seen[0].name, "echo");
	assert_int_equal(seen[0].port, 7);
	assert_false(seen[0].datagrams);
	assert_true(seen[1].datagrams);
	st = adit_endpoint_status_get(ep[1]);
	assert_int_equal(st->state, ADIT_ENDPOINT_STATE_UP);
	assert_true(st->rx_bytes > 0 && st->rx_packets > 0);
	assert_int_equal(st->paths, 1);
	assert_int_equal(adit_stream_open(ep[1], "nothing", &no), ADIT_ENOENT);
	assert_int_equal(adit_stream_open(ep[1], "ping", &no), ADIT_EINVAL);
	assert_int_equal(adit_stream_open(ep[0], "echo", &no), ADIT_EINVAL);
}

static void every_byte_of_a_stream_comes_back_in_order(void **state)
{
	(void)state;
	connect_both();
	assert_int_equal(adit_stream_open(ep[1], "echo", &stream[1]), 0);
	run(turn_and_pump, is_all_back);
	assert_int_equal(received, BIG);
	assert_int_equal(wrong, 0);
	assert_int_equal(adit_stream_read(stream[1], dgram, 1), 0);
	assert_int_equal(adit_stream_write(stream[1], "x", 1), ADIT_EDEAD);
	adit_stream_free(stream[1]);
	adit_stream_free(stream[0]);
}

static void a_refusal_and_a_reset_arrive_with_their_reason(void **state)
{
	(void)state;
	connect_both();
	refuse_with = ADIT_REFUSE_NOT_ALLOWED;
	assert_int_equal(adit_stream_open(ep[1], "echo", &stream[1]), 0);
	run(turn, is_reset);
	assert_string_equal(adit_stream_why(stream[1]), "this service is not allowed for this peer");
	assert_int_equal(adit_stream_read(stream[1], dgram, 1), ADIT_EDEAD);
	adit_stream_free(stream[1]);
	news[1] = 0;
	refuse_with = (enum adit_refusal)0;
	assert_int_equal(adit_stream_open(ep[1], "echo", &stream[1]), 0);
	assert_int_equal(adit_stream_write(stream[1], "bytes at once", 13), 13);
	run(turn, is_asked);
	adit_stream_free(stream[0]); /* unfinished: a reset */
	stream[0] = NULL;
	run(turn, is_reset);
	assert_string_equal(adit_stream_why(stream[1]), "the connection was reset");
	adit_stream_free(stream[1]);
	stream[1] = NULL;
}

static void datagrams_of_any_size_keep_their_flow(void **state)
{
	static uint8_t big[65507];

	(void)state;
	assert_int_equal(adit_endpoint_send(ep[1], "ping", 1, "x", 1), ADIT_ENOENT);
	connect_both();
	assert_int_equal(adit_endpoint_send(ep[1], "ping", 5, "hello", 5), 0);
	run(turn, has_dgram);
	assert_int_equal(dgram_len, 5);
	assert_int_equal(dgram_flow, 5);
	assert_memory_equal(dgram, "hello", 5);
	dgram_len = 0;
	memset(big, 7, sizeof(big));
	assert_int_equal(adit_endpoint_send(ep[1], "ping", 6, big, sizeof(big)), 0);
	run(turn, has_dgram);
	assert_int_equal(dgram_len, sizeof(big));
	assert_int_equal(adit_endpoint_send(ep[1], "ping", 6, big, sizeof(big) + 1), ADIT_EINVAL);
	assert_int_equal(adit_endpoint_send(ep[1], "ping", UINT32_C(1) << 30, big, 1), ADIT_EINVAL);
	assert_int_equal(adit_endpoint_send(ep[1], "echo", 6, big, 1), ADIT_EINVAL);
}

static void a_session_ends_in_order_and_its_streams_are_shells(void **state)
{
	(void)state;
	connect_both();
	assert_int_equal(adit_stream_open(ep[1], "echo", &stream[1]), 0);
	run(turn, is_asked);
	adit_endpoint_close(ep[1]);
	run(turn, both_down);
	assert_int_equal(reason[1], ADIT_ENDPOINT_CLOSED);
	assert_int_equal(reason[0], ADIT_ENDPOINT_BY_PEER);
	for (int i = 0; i < 2; i++) {
		assert_true(news[i] & ADIT_STREAM_CLOSED);
		assert_int_equal(adit_stream_read(stream[i], dgram, 1), ADIT_EDEAD);
		assert_int_equal(adit_stream_write(stream[i], "x", 1), ADIT_EDEAD);
		adit_stream_finish(stream[i]);
		adit_stream_reset(stream[i]);
		adit_stream_accept(stream[i]);
		adit_stream_free(stream[i]);
		stream[i] = NULL;
	}
	assert_int_equal(adit_endpoint_status_get(ep[1])->state, ADIT_ENDPOINT_STATE_OVER);
}

/* The serve side goes on after a session; another client comes with the same ticket. */
static void the_next_session_comes_to_the_same_serve_side(void **state)
{
	(void)state;
	connect_both();
	adit_endpoint_close(ep[1]);
	run(turn, both_down);
	adit_endpoint_free(ep[1]);
	ep[1] = make(false);
	is_up[0] = is_up[1] = false;
	adit_endpoint_start(ep[1]);
	run(turn, both_up);
	assert_int_equal(adit_stream_open(ep[1], "echo", &stream[1]), 0);
	run(turn_and_pump, is_all_back);
	assert_int_equal(wrong, 0);
	/* The streams are still open: free takes them along. */
	stream[0] = stream[1] = NULL;
}

static void known_keys_are_admitted_without_a_secret(void **state)
{
	char client[ADIT_IDENTITY_STRLEN], public[ADIT_PUBLIC_STRLEN];
	struct adit_endpoint_config cfg = {.size = sizeof(cfg), .services = services, .n_services = 2};
	struct sockaddr_storage addr = rig_loopback(0);

	(void)state;
	teardown(NULL);
	adit_identity_new(client);
	assert_int_equal(adit_identity_public(client, public), 0);
	assert_int_equal(adit_ticket_new(identity, true, ticket), 0);
	for (int i = 0; i < 2; i++) {
		cfg.serve = i == 0;
		cfg.identity = i == 0 ? identity : client;
		cfg.allow = i == 0 ? public : NULL;
		cfg.ticket = i == 0 ? NULL : ticket;
		assert_int_equal(adit_endpoint_new(&cfg, &ep[i]), 0);
		assert_int_equal(adit_endpoint_set_peers(ep[i], &addr, 1), 0);
	}
	connect_both();
	assert_string_equal(peer[0], public);
}

static int try_services(const struct adit_service *list, size_t n)
{
	struct adit_endpoint_config cfg = {.size = sizeof(cfg),
					   .serve = true,
					   .identity = identity,
					   .ticket = ticket,
					   .services = list,
					   .n_services = n};
	struct adit_endpoint *e;
	int err = adit_endpoint_new(&cfg, &e);

	if (err == 0)
		adit_endpoint_free(e);
	return err;
}

static void what_cannot_be_is_refused(void **state)
{
	struct adit_endpoint_config cfg = {.size = sizeof(cfg)};
	struct sockaddr_storage bad = {.ss_family = AF_UNIX};
	struct adit_endpoint *e;

	(void)state;
	assert_int_equal(adit_endpoint_new(&cfg, &e), ADIT_EINVAL);
	assert_int_equal(adit_endpoint_new(NULL, &e), ADIT_EINVAL);
	assert_int_equal(try_services(services, 2), 0);
	assert_int_equal(try_services(services, 0), ADIT_EINVAL);
	assert_int_equal(try_services(services, 257), ADIT_EINVAL);
	assert_int_equal(try_services(NULL, 1), ADIT_EINVAL);
	assert_int_equal(try_services((struct adit_service[]){{.name = "Bad Name"}}, 1), ADIT_EINVAL);
	assert_int_equal(try_services((struct adit_service[]){{0}}, 1), ADIT_EINVAL);
	assert_int_equal(try_services((struct adit_service[]){{.name = "a"}, {.name = "a"}}, 2), ADIT_EINVAL);
	assert_int_equal(adit_endpoint_set_peers(ep[0], &bad, 1), ADIT_EINVAL);
}

static void a_smaller_configuration_of_an_older_caller_works(void **state)
{
	struct adit_endpoint_config cfg;
	struct adit_endpoint *e;

	(void)state;
	memset(&cfg, 0xff, sizeof(cfg));
	memset(&cfg, 0, offsetof(struct adit_endpoint_config, port));
	cfg.size = offsetof(struct adit_endpoint_config, port);
	cfg.ticket = ticket;
	assert_int_equal(adit_endpoint_new(&cfg, &e), 0);
	adit_endpoint_free(e);
	cfg.size--;
	assert_int_equal(adit_endpoint_new(&cfg, &e), ADIT_EINVAL);
}

static void free_both(void)
{
	adit_endpoint_free(ep[0]);
	adit_endpoint_free(ep[1]);
}

static void a_child_frees_and_the_parent_goes_on(void **state)
{
	(void)state;
	connect_both();
	assert_int_equal(adit_stream_open(ep[1], "echo", &stream[1]), 0);
	run(turn, is_asked);
	rig_fork(free_both);
	run(turn_and_pump, is_all_back);
	assert_int_equal(wrong, 0);
	assert_int_equal(adit_endpoint_status_get(ep[1])->paths, 1);
}

static void every_descriptor_is_closed_by_exec_and_by_free(void **state)
{
	(void)state;
	free_both();
	rig_fds_mark();
	ep[0] = make(true);
	ep[1] = make(false);
	connect_both();
	assert_true(rig_fds() >= 6);
	free_both();
	assert_int_equal(rig_fds(), 0);
	ep[0] = ep[1] = NULL;
}

static int new_with(unsigned flags, bool meets, unsigned port, unsigned mapped)
{
	struct adit_endpoint_config cfg = {
		.size = sizeof(cfg), .ticket = ticket, .flags = flags, .meets = meets, .port = port, .mapped = mapped};
	struct adit_endpoint *e = NULL;
	int err = adit_endpoint_new(&cfg, &e);

	if (err == 0)
		adit_endpoint_free(e);
	return err;
}

static void ways_that_contradict_each_other_are_refused(void **state)
{
	(void)state;
	assert_int_equal(new_with(ADIT_ENDPOINT_RELAY_ONLY | ADIT_ENDPOINT_BORROW, true, 0, 0), 0);
	assert_int_equal(new_with(ADIT_ENDPOINT_DIRECT_ONLY | ADIT_ENDPOINT_PORTMAP, true, 0, 0), 0);
	assert_int_equal(new_with(ADIT_ENDPOINT_RELAY_ONLY | ADIT_ENDPOINT_DIRECT_ONLY, true, 0, 0), ADIT_EINVAL);
	assert_int_equal(new_with(ADIT_ENDPOINT_RELAY_ONLY, false, 0, 0), ADIT_EINVAL);
	assert_int_equal(new_with(1u << 10, true, 0, 0), ADIT_EINVAL);
	assert_int_equal(new_with(0, true, 5555, 4500), 0);
	assert_int_equal(new_with(0, true, 0, 4500), ADIT_EINVAL);
	assert_int_equal(new_with(0, true, 5555, 70000), ADIT_EINVAL);
	assert_int_equal(new_with(0, false, 5555, 4500), ADIT_EINVAL);
}

static void more_mediators_or_servers_than_there_is_room_for_are_refused(void **state)
{
	struct adit_endpoint_config cfg = {.size = sizeof(cfg), .ticket = ticket, .meets = true};
	struct sockaddr_storage addr;
	struct adit_endpoint *e;
	int err = 0;
	int n;

	(void)state;
	assert_int_equal(adit_endpoint_new(&cfg, &e), 0);
	for (n = 0; n < 5 && err == 0; n++) {
		const char name[2] = {(char)('a' + n), '\0'};

		addr = rig_loopback((uint16_t)(99 + n));
		err = adit_endpoint_add_mediator(e, name, (struct sockaddr *)&addr, sizeof(addr));
	}
	assert_int_equal(n, 5);
	assert_int_equal(err, ADIT_EFULL);
	/* They are servers, too: there is room for twelve more. */
	err = 0;
	for (n = 0; n < 13 && err == 0; n++) {
		addr = rig_loopback((uint16_t)(9 + n));
		err = adit_endpoint_add_server(e, (struct sockaddr *)&addr, sizeof(addr));
	}
	assert_int_equal(n, 13);
	assert_int_equal(err, ADIT_EFULL);
	adit_endpoint_free(e);
}

static void a_relay_needs_an_address_and_credentials(void **state)
{
	static const struct adit_relay good = {
		.size = sizeof(good), .uri = "turn:192.0.2.1", .user = "ann", .password = "secret"};
	struct adit_endpoint_config cfg = {.size = sizeof(cfg), .ticket = ticket, .meets = true};
	struct sockaddr_in6 addr6 = {
		.sin6_family = AF_INET6, .sin6_port = htons(3478), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	struct sockaddr_storage addr = rig_loopback(3478);
	const struct adit_endpoint_status *st;
	struct adit_endpoint *e;
	struct adit_relay r;
	char uri[32];

	(void)state;
	assert_int_equal(adit_endpoint_new(&cfg, &e), 0);
	r = good;
	r.uri = "stun:192.0.2.1";
	assert_int_equal(adit_endpoint_add_relay(e, &r, NULL, 0), ADIT_EINVAL);
	r.uri = "turn:relay.example.org";
	assert_int_equal(adit_endpoint_add_relay(e, &r, NULL, 0), ADIT_EINVAL);
	r.uri = NULL;
	assert_int_equal(adit_endpoint_add_relay(e, &r, NULL, 0), ADIT_EINVAL);
	r = good;
	r.user = NULL;
	assert_int_equal(adit_endpoint_add_relay(e, &r, NULL, 0), ADIT_EINVAL);
	r = good;
	r.password = "";
	assert_int_equal(adit_endpoint_add_relay(e, &r, NULL, 0), ADIT_EINVAL);
	r = good;
	r.size = 8;
	assert_int_equal(adit_endpoint_add_relay(e, &r, NULL, 0), ADIT_EINVAL);
	st = adit_endpoint_status_get(e);
	assert_int_equal(st->relay_state, ADIT_RELAY_NONE);
	r = (struct adit_relay){.size = sizeof(r), .uri = "turns:relay.example.org", .secret = "north"};
	assert_int_equal(adit_endpoint_add_relay(e, &r, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(adit_endpoint_status_get(e)->relay_state, ADIT_RELAY_ASKED);
	/* The same once more is no further one. */
	assert_int_equal(adit_endpoint_add_relay(e, &r, (struct sockaddr *)&addr, sizeof(addr)), 0);
	/* An address of the other family is. */
	assert_int_equal(adit_endpoint_add_relay(e, &r, (struct sockaddr *)&addr6, sizeof(addr6)), 0);
	for (unsigned i = 0; i < 7; i++) {
		r = good;
		r.uri = uri;
		snprintf(uri, sizeof(uri), "turn:192.0.2.%u", i + 1);
		assert_int_equal(adit_endpoint_add_relay(e, &r, NULL, 0), i < 6 ? 0 : ADIT_EFULL);
	}
	adit_endpoint_free(e);
	cfg.flags = ADIT_ENDPOINT_DIRECT_ONLY;
	assert_int_equal(adit_endpoint_new(&cfg, &e), 0);
	assert_int_equal(adit_endpoint_add_relay(e, &good, NULL, 0), ADIT_EINVAL);
	adit_endpoint_free(e);
	cfg = (struct adit_endpoint_config){.size = sizeof(cfg), .ticket = ticket};
	assert_int_equal(adit_endpoint_new(&cfg, &e), 0);
	assert_int_equal(adit_endpoint_add_relay(e, &good, NULL, 0), ADIT_EINVAL);
	adit_endpoint_free(e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(ways_that_contradict_each_other_are_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(more_mediators_or_servers_than_there_is_room_for_are_refused, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_relay_needs_an_address_and_credentials, setup, teardown),
		cmocka_unit_test_setup_teardown(a_session_tells_who_is_there_and_what_is_offered, setup, teardown),
		cmocka_unit_test_setup_teardown(every_byte_of_a_stream_comes_back_in_order, setup, teardown),
		cmocka_unit_test_setup_teardown(a_refusal_and_a_reset_arrive_with_their_reason, setup, teardown),
		cmocka_unit_test_setup_teardown(datagrams_of_any_size_keep_their_flow, setup, teardown),
		cmocka_unit_test_setup_teardown(a_session_ends_in_order_and_its_streams_are_shells, setup, teardown),
		cmocka_unit_test_setup_teardown(the_next_session_comes_to_the_same_serve_side, setup, teardown),
		cmocka_unit_test_setup_teardown(known_keys_are_admitted_without_a_secret, setup, teardown),
		cmocka_unit_test_setup_teardown(what_cannot_be_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(a_smaller_configuration_of_an_older_caller_works, setup, teardown),
		cmocka_unit_test_setup_teardown(a_child_frees_and_the_parent_goes_on, setup, teardown),
		cmocka_unit_test_setup_teardown(every_descriptor_is_closed_by_exec_and_by_free, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
