/* A turn of the strand's machine: out with its packets, in with its events, a note to the main thread. */
#include "endpoint/ep_strand_int.h"

#include <stdlib.h>
#include <string.h>

#include "io/io_clock.h"

#define NOTE_EVERY       ADIT_MS(20) /* the main thread judges silence in steps of 50 ms (link_limits.h) */
#define DRAIN_EVERY      ADIT_MS(20) /* how often it is looked whether what was taken has been delivered */
#define OUTPUTS_PER_TURN 32 /* sends before the local sockets and the letters get their turn */
#define OUTPUTS_AT_ONCE  2 /* sends before events: half of what a stream holds unsent (io_net.c, lane_run()) */

static void idle_tick(uv_idle_t *idle)
{
	(void)idle; /* its only work is that the loop does not sleep */
}

void ep_strand_touch(void *ctx)
{
	struct ep_strand *s = ctx;

	s->dirty = true;
	if (!s->running)
		uv_idle_start(&s->idle, idle_tick);
}

static void on_room(uv_poll_t *poll, int status, int events);

/* Has the loop wake up when the socket takes more. False: it cannot, so what waits for that is lost. */
static bool watch_room(struct ep_strand *s)
{
	if (!s->room) {
		s->room = calloc(1, sizeof(*s->room));
		if (s->room && uv_poll_init(&s->loop, s->room, s->sock.fd) < 0) {
			free(s->room);
			s->room = NULL;
		}
		if (!s->room)
			return false;
		s->room->data = s;
	}
	return uv_poll_start(s->room, UV_WRITABLE, on_room) == 0;
}

/*
 * An ICMP message that waits to be read, which the main thread does, is reported as an error of the descriptor: then
 * the socket may have no room yet.
 */
static void on_room(uv_poll_t *poll, int status, int events)
{
	struct ep_strand *s = poll->data;

	(void)status;
	(void)events;
	uv_poll_stop(poll);
	s->blocked = !io_sock_send(&s->sock, &s->pending) && watch_room(s);
}

static void on_room_closed(uv_handle_t *h)
{
	free(h);
}

void ep_strand_close_sock(struct ep_strand *s)
{
	if (s->room)
		uv_close((uv_handle_t *)s->room, on_room_closed);
	s->room = NULL;
	s->blocked = false; /* what waited is lost */
	io_sock_close(&s->sock);
}

static void keep(struct ep_strand *s, const struct adit_out *out)
{
	if (!s->pending_data)
		s->pending_data = malloc(IO_SOCK_BATCH_MAX);
	if (!s->pending_data || out->len > IO_SOCK_BATCH_MAX)
		return;
	s->pending = *out;
	memcpy(s->pending_data, out->data, out->len);
	s->pending.data = s->pending_data;
	s->blocked = watch_room(s);
}

static void send_batch(struct ep_strand *s, const struct quic_batch *b)
{
	struct adit_out out = {.kind = ADIT_OUT_SEND,
			       .local = s->grant.route.local,
			       .remote = s->grant.route.remote,
			       .data = b->data,
			       .len = b->len,
			       .seg_size = b->seg_size};

	if (s->sock.fd < 0)
		s->n_handed += io_mail_put(s->outbox, EP_STRAND_SEND, &b->seg_size, sizeof(b->seg_size), b->data,
					   b->len, true) == 0;
	else if (!io_sock_send(&s->sock, &out))
		keep(s, &out);
}

static bool is_blocked(const struct ep_strand *s)
{
	return s->blocked || (s->sock.fd < 0 && s->n_handed >= EP_STRAND_HANDED_MAX);
}

/* Up to |n| of them; returns how many. */
static int outputs(struct ep_strand *s, int n)
{
	adit_time now = io_clock_now();
	struct quic_batch b;
	int done = 0;

	for (; done < n && s->link && !is_blocked(s) && link_strand_batch(s->link, now, &b); done++)
		send_batch(s, &b);
	return done;
}

void ep_strand_flush(struct ep_strand *s)
{
	(void)outputs(s, OUTPUTS_PER_TURN);
}

static void on_down(struct ep_strand *s, const struct link_event *e)
{
	struct ep_strand_down down = {.reason = e->reason, .code = e->code};

	ep_strand_lose(s);
	ep_strand_tell(s, EP_STRAND_DOWN, &down, sizeof(down));
}

/* Whether there was any. */
static bool events(struct ep_strand *s)
{
	struct link_event e;
	bool any = false;

	while (s->link && link_strand_event(s->link, io_clock_now(), &e)) {
		any = true;
		switch (e.kind) {
		case LINK_EVENT_UP:
			ep_strand_tell(s, EP_STRAND_UP, NULL, 0);
			break;
		case LINK_EVENT_REQUEST:
			ep_served_request(&s->served, &e);
			break;
		case LINK_EVENT_STREAM:
			ep_strand_stream(s, &e);
			break;
		case LINK_EVENT_CREDIT:
			ep_strand_start_waiting(s);
			break;
		case LINK_EVENT_DOWN:
			on_down(s, &e);
			break;
		default: /* UDP flows are connection 0's */
			break;
		}
	}
	return any;
}

static void note(struct ep_strand *s, adit_time now)
{
	struct ep_strand_note n = {.is_drained = s->is_drained,
				   .conns = s->n_conns + s->n_waiting + s->served.n_conns,
				   .ended = s->n_ended};

	if (s->link) {
		n.has_signs = link_strand_has_signs(s->link);
		link_strand_signs(s->link, &n.signs);
		link_strand_stats(s->link, &n.stats);
	}
	s->has_note = false;
	s->note_at = adit_time_add(now, NOTE_EVERY);
	ep_strand_tell(s, EP_STRAND_NOTE, &n, sizeof(n));
}

static bool owes_note(const struct ep_strand *s)
{
	return s->has_note || (s->link && link_strand_has_signs(s->link));
}

static void drain(struct ep_strand *s)
{
	bool is_done = ep_conn_drain_all(ep_strand_is_serve(s) ? &s->served.conns : &s->conns);

	s->has_note |= is_done != s->is_drained;
	s->is_drained = is_done;
}

static void run(struct ep_strand *s)
{
	size_t had = s->served.n_conns;
	adit_time now = io_clock_now();
	int left = OUTPUTS_PER_TURN;
	bool any;
	int n;

	if (s->link)
		link_strand_tick(s->link, now);
	do {
		n = outputs(s, OUTPUTS_AT_ONCE);
		left -= n;
		any = events(s);
	} while ((n == OUTPUTS_AT_ONCE || any) && left > 0);
	s->dirty = left <= 0; /* else what the events touched has been run */
	if (s->draining)
		drain(s);
	s->has_note |= had != s->served.n_conns;
	if (owes_note(s) && now >= s->note_at)
		note(s, now);
}

static adit_time deadline(const struct ep_strand *s)
{
	adit_time now = io_clock_now();
	adit_time at = s->link ? link_strand_deadline(s->link) : ADIT_NEVER;

	if (is_blocked(s) && at < now + IO_SOCK_FULL_WAIT)
		at = now + IO_SOCK_FULL_WAIT;
	if (owes_note(s))
		at = adit_time_min(at, s->note_at);
	if (s->draining)
		at = adit_time_min(at, now + DRAIN_EVERY);
	return at;
}

void ep_strand_turn(uv_prepare_t *prepare)
{
	struct ep_strand *s = prepare->data;

	uv_idle_stop(&s->idle);
	s->running = true;
	run(s);
	s->running = false;
	if (s->dirty)
		uv_idle_start(&s->idle, idle_tick);
	io_timer_set(s->timer, deadline(s));
}
