#include "test.h"

#include <adit/endpoint.h>
#include <adit/ice.h>
#include <adit/punch.h>
#include <adit/ticket.h>

#include "api_rig.h"
#include "oom.h"

static const struct adit_service services[] = {{.name = "echo"}};
static char identity[ADIT_IDENTITY_STRLEN];
static char ticket[ADIT_TICKET_STRLEN];

static int setup(void **state)
{
	(void)state;
	adit_identity_new(identity);
	return adit_ticket_new(identity, false, ticket);
}

static bool make_ice(void)
{
	struct adit_ice_config cfg = {.size = sizeof(cfg), .allow_loopback = true};
	struct sockaddr_storage addr = rig_loopback(0);
	struct adit_ice *i;
	int err = adit_ice_new(&cfg, &i);

	if (err < 0)
		return false;
	for (int n = 0; n < 3 && err == 0; n++)
		err = adit_ice_add_address(i, (struct sockaddr *)&addr, sizeof(addr), ADIT_ICE_NET_NORMAL);
	adit_ice_free(i);
	return err == 0;
}

static bool make_punch(void)
{
	struct adit_punch_config cfg = {.size = sizeof(cfg), .ticket = ticket};
	struct adit_punch *p;

	if (adit_punch_new(&cfg, &p) < 0)
		return false;
	adit_punch_free(p);
	return true;
}

static struct adit_endpoint *endpoint(bool serve)
{
	struct adit_endpoint_config cfg = {.size = sizeof(cfg),
					   .serve = serve,
					   .identity = serve ? identity : NULL,
					   .ticket = ticket,
					   .services = services,
					   .n_services = 1};
	struct adit_endpoint *e;

	return adit_endpoint_new(&cfg, &e) < 0 ? NULL : e;
}

static bool make_serve(void)
{
	struct adit_endpoint *e = endpoint(true);

	adit_endpoint_free(e);
	return e != NULL;
}

static bool make_connect(void)
{
	struct adit_endpoint *e = endpoint(false);

	adit_endpoint_free(e);
	return e != NULL;
}

/* The sanitizers see to it that nothing leaks or is used wrongly on the way. */
static void every_allocation_of_a_new_object_may_fail(void **state)
{
	static bool (*const steps[])(void) = {make_ice, make_punch, make_serve, make_connect};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(steps); i++)
		if (oom_sweep(steps[i]) < 2)
			fail_msg("step %zu has no allocations, or hides that one failed", i);
}

/* One turn of an echoing serve side or of a connect side that writes. True: bytes have come back. */
static bool turn(struct adit_endpoint *e, bool serve, struct adit_stream **s)
{
	const struct adit_endpoint_event *ev;
	char buf[256];
	ssize_t n = 0;

	adit_endpoint_process(e);
	while ((ev = adit_endpoint_next_event(e)) != NULL) {
		if (ev->kind == ADIT_ENDPOINT_REQUEST && *s)
			adit_stream_refuse(ev->stream, ADIT_REFUSE_OVERLOAD);
		else if (ev->kind == ADIT_ENDPOINT_REQUEST)
			adit_stream_accept(*s = ev->stream);
		else if (ev->kind == ADIT_ENDPOINT_STREAM && (ev->news & ADIT_STREAM_CLOSED) && ev->stream == *s)
			adit_stream_free(*s), *s = NULL;
	}
	if (!*s && !serve && adit_stream_open(e, "echo", s) == 0)
		(void)!adit_stream_write(*s, "hello", 5);
	if (*s)
		n = adit_stream_read(*s, buf, sizeof(buf));
	if (n > 0 && serve)
		(void)!adit_stream_write(*s, buf, (size_t)n);
	return n > 0 && !serve;
}

/* How far a session comes whose |nth| allocation fails: no further than to a dead object, but never into a crash. */
static bool session(long nth, adit_dur patience)
{
	struct adit_endpoint *ep[2] = {endpoint(true), endpoint(false)};
	struct adit_stream *s[2] = {NULL, NULL};
	struct sockaddr_storage peer = rig_loopback(0);
	adit_time limit = io_clock_now() + patience;
	bool done = false;

	oom_failed = false;
	oom_left = nth;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(adit_endpoint_set_peers(ep[i], &peer, 1), 0);
		adit_endpoint_start(ep[i]);
	}
	while (!done && io_clock_now() < limit) {
		struct pollfd p[2] = {{.fd = adit_endpoint_fd(ep[0]), .events = POLLIN},
				      {.fd = adit_endpoint_fd(ep[1]), .events = POLLIN}};

		turn(ep[0], true, &s[0]);
		done = turn(ep[1], false, &s[1]);
		if (!done)
			poll(p, 2, 20);
	}
	oom_left = -1;
	adit_endpoint_free(ep[0]);
	adit_endpoint_free(ep[1]);
	return done;
}

static void a_session_survives_or_dies_but_never_crashes(void **state)
{
	adit_time began = io_clock_now();
	adit_dur patience;
	unsigned done = 0;
	unsigned runs = 0;

	(void)state;
	assert_true(session(-1, ADIT_SEC(20)));
	/* Twice what it takes where nothing fails: valgrind is slow. */
	patience = 2 * adit_time_since(io_clock_now(), began) + ADIT_MS(300);
	do {
		/* Each fifth: one of them is as good as its neighbour. */
		done += session((long)runs++ * 5, patience);
	} while (oom_failed && runs < 60);
	assert_true(runs > 5 && done > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_allocation_of_a_new_object_may_fail),
		cmocka_unit_test(a_session_survives_or_dies_but_never_crashes),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
