#include "endpoint/ep_strand.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "endpoint/ep_pack.h"
#include "io/io_clock.h"
#include "io/io_timer.h"

#define NOTE_EVERY       ADIT_MS(20) /* the main thread judges silence in steps of 50 ms (link_limits.h) */
#define DRAIN_EVERY      ADIT_MS(20) /* how often it is looked whether what was taken has been delivered */
#define BLOCKED_RETRY    ADIT_MS(1) /* a full send buffer of 208 KB has drained by a half up to 1 Gbit/s */
#define OUTPUTS_PER_TURN 32 /* sends before the local sockets and the letters get their turn */
#define OUTPUTS_AT_ONCE  2 /* sends before events: half of what a stream holds unsent (io_net.c, lane_run()) */
#define WAITING_MAX      1024 /* connections that wait for stream credit */

/* Letters to the thread. */
enum to_strand {
	TO_DGRAM, /* struct link_strand_dgram, whose data is the letter's */
	TO_ROUTE, /* struct to_route */
	TO_CONN, /* struct to_conn */
	TO_DRAIN,
	TO_END, /* the last one */
};

struct to_route {
	struct link_route route;
	struct io_sock sock;
};

struct to_conn {
	uint16_t service;
	int fd;
};

/* A connection without a stream yet. */
struct waiting {
	struct adit_list node;
	struct to_conn conn;
};

struct ep_strand {
	uv_thread_t thread;
	struct io_mail *outbox; /* the main thread's */
	struct io_mail *inbox;
	bool ended; /* the main thread has said so ... */
	uint64_t end_code; /* ... with this code, written before TO_END */

	/* From here on the thread's alone. */
	uv_loop_t loop;
	uv_prepare_t prepare;
	uv_idle_t idle;
	struct io_timer *timer;
	struct adit_log log;
	struct link_grant grant;
	struct link_strand *link; /* NULL: serve: nothing came yet; or it is over */
	struct io_sock sock;
	struct ep_packer packer;
	struct ep_carrier carrier;
	struct ep_served served; /* serve */
	struct adit_list conns; /* connect: of struct ep_conn */
	struct adit_list waiting;
	size_t n_waiting;
	size_t n_conns; /* connect: of |conns| */
	size_t n_ended;
	bool told_refused;
	bool running;
	bool dirty;
	bool blocked; /* |pending| waits for the socket */
	struct adit_out pending;
	uint8_t *pending_data; /* IO_SOCK_BATCH_MAX bytes, made when first needed */
	bool has_note; /* conns have come or gone */
	bool draining;
	bool is_drained;
	adit_time note_at; /* the next one, not before */
};

static bool is_serve(const struct ep_strand *s)
{
	return s->grant.cfg.role == PUNCH_SERVE;
}

static void tell(struct ep_strand *s, enum ep_strand_news kind, const void *head, size_t len)
{
	(void)!io_mail_put(s->outbox, kind, head, len, NULL, 0, false);
}

static void write_log(void *ctx, enum adit_log_level level, const char *line)
{
	struct ep_strand *s = ctx;

	(void)!io_mail_put(s->outbox, EP_STRAND_LOG, &level, sizeof(level), line, strlen(line) + 1, true);
}

static void idle_tick(uv_idle_t *idle)
{
	(void)idle; /* its only work is that the loop does not sleep */
}

static void touch(void *ctx)
{
	struct ep_strand *s = ctx;

	s->dirty = true;
	if (!s->running)
		uv_idle_start(&s->idle, idle_tick);
}

/* --- connections of the connect side --- */

static void conn_ended(void *ctx, enum ep_end end, uint64_t code)
{
	struct ep_strand *s = ctx;

	(void)end;
	(void)code;
	s->n_conns--;
	s->n_ended++;
	s->has_note = true;
}

static void conn_refused(struct ep_strand *s, int fd)
{
	ep_conn_refuse(fd);
	s->n_ended++;
	s->has_note = true;
}

/* EAGAIN: no credit. */
static int start_conn(struct ep_strand *s, const struct to_conn *c)
{
	struct link_stream *stream;
	int r = s->link ? link_strand_open(s->link, c->service, &stream) : ADIT_EDEAD;

	if (r == ADIT_EAGAIN)
		return r;
	if (r < 0) {
		conn_refused(s, c->fd);
		return 0;
	}
	s->n_conns++;
	if (ep_conn_new(&s->carrier, c->fd, stream, &s->conns, conn_ended, s) < 0)
		conn_ended(s, EP_END_SESSION, 0);
	touch(s);
	return 0;
}

static void start_waiting(struct ep_strand *s)
{
	struct adit_list *it;

	while ((it = adit_list_first(&s->waiting)) != NULL) {
		struct waiting *w = adit_container(it, struct waiting, node);

		if (start_conn(s, &w->conn) == ADIT_EAGAIN)
			return;
		adit_list_del(&w->node);
		s->n_waiting--;
		free(w);
	}
}

static void on_conn(struct ep_strand *s, const struct to_conn *c)
{
	struct waiting *w;

	if (adit_list_is_empty(&s->waiting) && start_conn(s, c) == 0)
		return;
	w = s->n_waiting < WAITING_MAX ? calloc(1, sizeof(*w)) : NULL;
	if (!w) {
		conn_refused(s, c->fd);
		return;
	}
	w->conn = *c;
	s->n_waiting++;
	adit_list_push_back(&s->waiting, &w->node);
}

/* The first one that a service refuses, and the first after it worked again. */
static void note_refusal(struct ep_strand *s, const struct link_event *e)
{
	struct ep_strand_refusal refusal = {.service = e->service};

	if (!link_stream_is_answered(e->stream) && (e->news & QUIC_NEWS_RESET)) {
		refusal.code = quic_stream_error(link_stream_bytes(e->stream));
		if (!s->told_refused)
			tell(s, EP_STRAND_REFUSED, &refusal, sizeof(refusal));
		s->told_refused = true;
	} else if (e->news & QUIC_NEWS_READABLE) {
		s->told_refused = false;
	}
}

static void on_stream(struct ep_strand *s, const struct link_event *e)
{
	struct ep_conn *conn = link_stream_user(e->stream);

	if (is_serve(s)) {
		ep_served_stream(&s->served, e);
	} else if (conn) {
		note_refusal(s, e);
		ep_conn_news(conn, e->news);
	}
}

static void target_failed(void *ctx, const struct ep_service *service, int err)
{
	struct ep_strand *s = ctx;
	struct ep_strand_refusal failure = {.service = (uint16_t)(service - s->served.services + 1),
					    .code = (uint64_t)err};

	tell(s, EP_STRAND_FAILED, &failure, sizeof(failure));
}

/* The connection is over: what it carried is lost. */
static void lose(struct ep_strand *s)
{
	struct adit_list *it;

	if (is_serve(s))
		ep_served_drop(&s->served);
	ep_conn_lose_all(&s->conns);
	while ((it = adit_list_first(&s->waiting)) != NULL) {
		struct waiting *w = adit_container(it, struct waiting, node);

		adit_list_del(&w->node);
		conn_refused(s, w->conn.fd);
		free(w);
	}
	s->n_waiting = 0;
	link_strand_free(s->link);
	s->link = NULL;
}

/* --- a turn --- */

static void keep(struct ep_strand *s, const struct adit_out *out)
{
	if (!s->pending_data)
		s->pending_data = malloc(IO_SOCK_BATCH_MAX);
	if (!s->pending_data || out->len > IO_SOCK_BATCH_MAX)
		return;
	s->pending = *out;
	memcpy(s->pending_data, out->data, out->len);
	s->pending.data = s->pending_data;
	s->blocked = true;
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
		(void)!io_mail_put(s->outbox, EP_STRAND_SEND, &b->seg_size, sizeof(b->seg_size), b->data, b->len, true);
	else if (!io_sock_send(&s->sock, &out))
		keep(s, &out);
}

/* Up to |n| of them; returns how many. */
static int outputs(struct ep_strand *s, int n)
{
	adit_time now = io_clock_now();
	struct quic_batch b;
	int done = 0;

	for (; done < n && s->link && !s->blocked && link_strand_batch(s->link, now, &b); done++)
		send_batch(s, &b);
	return done;
}

static void on_down(struct ep_strand *s, const struct link_event *e)
{
	struct ep_strand_down down = {.reason = e->reason, .code = e->code};

	lose(s);
	tell(s, EP_STRAND_DOWN, &down, sizeof(down));
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
			tell(s, EP_STRAND_UP, NULL, 0);
			break;
		case LINK_EVENT_REQUEST:
			ep_served_request(&s->served, &e);
			break;
		case LINK_EVENT_STREAM:
			on_stream(s, &e);
			break;
		case LINK_EVENT_CREDIT:
			start_waiting(s);
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
	tell(s, EP_STRAND_NOTE, &n, sizeof(n));
}

static bool owes_note(const struct ep_strand *s)
{
	return s->has_note || (s->link && link_strand_has_signs(s->link));
}

static void drain(struct ep_strand *s)
{
	bool is_done = ep_conn_drain_all(is_serve(s) ? &s->served.conns : &s->conns);

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

	if (s->blocked && (s->sock.fd < 0 || io_sock_send(&s->sock, &s->pending)))
		s->blocked = false;
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

	if (s->blocked && at < now + BLOCKED_RETRY)
		at = now + BLOCKED_RETRY;
	if (owes_note(s))
		at = adit_time_min(at, s->note_at);
	if (s->draining)
		at = adit_time_min(at, now + DRAIN_EVERY);
	return at;
}

/* Once per turn of the loop, before it sleeps. */
static void on_prepare(uv_prepare_t *prepare)
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

static void on_timer(void *ctx)
{
	(void)ctx; /* the turn that follows is what it is for */
}

/* --- letters --- */

static void on_dgram(struct ep_strand *s, struct link_strand_dgram *d, const uint8_t *data, size_t len)
{
	d->data = data;
	d->len = len;
	if (s->link)
		link_strand_dgram(s->link, io_clock_now(), d);
	else if (d->begins && link_strand_accept(&s->grant, io_clock_now(), d, &s->link) < 0)
		s->link = NULL;
	touch(s);
}

static void on_route(struct ep_strand *s, const struct to_route *r)
{
	io_sock_close(&s->sock);
	s->sock = r->sock;
	s->blocked = false; /* that was for the way before: lost there */
	s->grant.route = r->route;
	if (s->link)
		link_strand_route(s->link, io_clock_now(), &r->route);
	touch(s);
}

/* Nothing is left in the loop after it, but for what libuv has to finish. */
static void on_end(struct ep_strand *s)
{
	if (s->link) {
		if (is_serve(s))
			ep_served_drop(&s->served);
		ep_conn_close_all(&s->conns, FWD_STREAM_SHUTTING_DOWN);
		link_strand_close(s->link, io_clock_now(), s->end_code);
		(void)outputs(s, OUTPUTS_PER_TURN);
	}
	lose(s);
	io_mail_close(s->inbox);
	io_timer_close(s->timer);
	io_sock_close(&s->sock);
	uv_close((uv_handle_t *)&s->prepare, NULL);
	uv_close((uv_handle_t *)&s->idle, NULL);
}

static void on_letter(void *ctx, unsigned kind, const void *head, const uint8_t *data, size_t len)
{
	struct ep_strand *s = ctx;
	struct link_strand_dgram d;

	switch ((enum to_strand)kind) {
	case TO_DGRAM:
		d = *(const struct link_strand_dgram *)head;
		on_dgram(s, &d, data, len);
		break;
	case TO_ROUTE:
		on_route(s, head);
		break;
	case TO_CONN:
		on_conn(s, head);
		break;
	case TO_DRAIN:
		s->draining = true;
		touch(s);
		break;
	case TO_END:
		on_end(s);
		break;
	}
}

void ep_strand_dgram(struct ep_strand *s, const struct link_strand_dgram *d)
{
	(void)!io_mail_put(s->inbox, TO_DGRAM, d, sizeof(*d), d->data, d->len, true);
}

int ep_strand_route(struct ep_strand *s, const struct link_route *r, const struct io_sock *sock)
{
	struct to_route letter = {.route = *r, .sock = *sock};

	if (io_mail_put(s->inbox, TO_ROUTE, &letter, sizeof(letter), NULL, 0, false) == 0)
		return 0;
	io_sock_close(&letter.sock);
	return ADIT_ENOMEM;
}

int ep_strand_give(struct ep_strand *s, uint16_t service, int fd)
{
	struct to_conn letter = {.service = service, .fd = fd};

	return io_mail_put(s->inbox, TO_CONN, &letter, sizeof(letter), NULL, 0, false);
}

void ep_strand_drain(struct ep_strand *s)
{
	(void)!io_mail_put(s->inbox, TO_DRAIN, NULL, 0, NULL, 0, false);
}

void ep_strand_end(struct ep_strand *s, uint64_t code)
{
	if (s->ended)
		return;
	s->ended = true;
	s->end_code = code;
	io_mail_last(s->inbox, TO_END);
}

/* --- life --- */

static void thread_main(void *arg)
{
	struct ep_strand *s = arg;
	char name[16];

	snprintf(name, sizeof(name), "adit-%u", s->grant.number + 1u);
	pthread_setname_np(pthread_self(), name);
	uv_run(&s->loop, UV_RUN_DEFAULT);
	io_mail_last(s->outbox, EP_STRAND_GONE);
}

/* What the thread has of its own: the loop and what is in it. */
static int make_loop(struct ep_strand *s)
{
	uv_prepare_init(&s->loop, &s->prepare);
	uv_idle_init(&s->loop, &s->idle);
	s->prepare.data = s;
	uv_prepare_start(&s->prepare, on_prepare);
	if (io_timer_new(&s->loop, on_timer, s, &s->timer) < 0 || io_mail_new(&s->loop, on_letter, s, &s->inbox) < 0)
		return ADIT_ESYS;
	return 0;
}

/* Before there is a thread, or after it. */
static void unmake(struct ep_strand *s, bool has_loop)
{
	if (has_loop)
		(void)uv_loop_close(&s->loop);
	io_mail_close(s->outbox);
	link_strand_free(s->link);
	quic_creds_free(s->grant.cfg.creds);
	ep_packer_done(&s->packer);
	free(s->served.failed);
	free(s->pending_data);
	adit_bytes_wipe(s, sizeof(*s));
	free(s);
}

static int fill(struct ep_strand *s, const struct ep_strand_config *cfg)
{
	s->grant = *cfg->grant;
	s->grant.cfg.creds = NULL;
	s->sock = cfg->sock;
	s->log = (struct adit_log){.write = write_log, .ctx = s};
	if (s->grant.cfg.log)
		s->log.level = s->grant.cfg.log->level;
	s->grant.cfg.log = &s->log;
	s->carrier = (struct ep_carrier){.loop = &s->loop, .packer = &s->packer, .touch = touch, .ctx = s};
	s->served = (struct ep_served){.by = &s->carrier,
				       .services = cfg->services,
				       .n_services = cfg->n_services,
				       .target_failed = target_failed,
				       .ctx = s};
	ep_served_init(&s->served);
	adit_list_init(&s->conns);
	adit_list_init(&s->waiting);
	s->served.failed = calloc(cfg->n_services + 1, sizeof(s->served.failed[0]));
	if (!s->served.failed || quic_creds_share(cfg->grant->cfg.creds, &s->grant.cfg.creds) < 0 ||
	    io_mail_new(cfg->main, cfg->letter, cfg->ctx, &s->outbox) < 0)
		return ADIT_ENOMEM;
	return is_serve(s) ? 0 : link_strand_connect(&s->grant, io_clock_now(), &s->link);
}

int ep_strand_new(const struct ep_strand_config *cfg, struct ep_strand **ret_strand)
{
	struct ep_strand *s = calloc(1, sizeof(*s));
	struct io_sock sock = cfg->sock;

	if (!s) {
		io_sock_close(&sock);
		return ADIT_ENOMEM;
	}
	if (fill(s, cfg) < 0 || uv_loop_init(&s->loop) < 0) {
		io_sock_close(&sock);
		unmake(s, false);
		return ADIT_ENOMEM;
	}
	if (make_loop(s) < 0 || uv_thread_create(&s->thread, thread_main, s) < 0) {
		on_end(s);
		uv_run(&s->loop, UV_RUN_DEFAULT);
		unmake(s, true);
		return ADIT_ENOMEM;
	}
	*ret_strand = s;
	return 0;
}

void ep_strand_free(struct ep_strand *s)
{
	if (!s)
		return;
	ep_strand_end(s, FWD_CLOSE_DONE);
	uv_thread_join(&s->thread);
	unmake(s, true);
}
