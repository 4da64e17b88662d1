/* The thread: what the main thread says to it, its beginning and its end. */
#include "endpoint/ep_strand.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "endpoint/ep_strand_int.h"
#include "io/io_clock.h"
#include "io/io_loop.h"

/* Letters to the thread. */
enum to_strand {
	TO_DGRAM, /* struct link_strand_dgram, whose data is the letter's */
	TO_ROUTE, /* struct to_route */
	TO_SENT, /* unsigned: batches */
	TO_CONN, /* struct ep_strand_local */
	TO_DRAIN,
	TO_END, /* the last one */
};

struct to_route {
	struct link_route route;
	struct io_sock sock;
};

static void write_log(void *ctx, enum adit_log_level level, const char *line)
{
	struct ep_strand *s = ctx;

	(void)!io_mail_put(s->outbox, EP_STRAND_LOG, &level, sizeof(level), line, strlen(line) + 1, true);
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
	else if (!s->has_begun)
		s->has_begun = link_strand_accept(&s->grant, io_clock_now(), d, &s->link) == 0; /* else the next */
	ep_strand_touch(s);
}

static void on_route(struct ep_strand *s, const struct to_route *r)
{
	ep_strand_close_sock(s);
	s->sock = r->sock;
	s->grant.route = r->route;
	if (s->link)
		link_strand_route(s->link, io_clock_now(), &r->route);
	ep_strand_touch(s);
}

/* Nothing is left in the loop after it, but for what libuv has to finish. */
static void on_end(struct ep_strand *s)
{
	if (s->link) {
		if (ep_strand_is_serve(s))
			ep_served_drop(&s->served);
		ep_conn_close_all(&s->conns, FWD_STREAM_SHUTTING_DOWN);
		link_strand_close(s->link, io_clock_now(), s->end_code);
		ep_strand_flush(s);
	}
	ep_strand_lose(s);
	io_mail_close(s->inbox);
	io_timer_close(s->timer);
	ep_strand_close_sock(s);
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
	case TO_SENT:
		s->n_handed -= *(const unsigned *)head;
		ep_strand_touch(s);
		break;
	case TO_CONN:
		ep_strand_conn(s, head);
		break;
	case TO_DRAIN:
		s->draining = true;
		ep_strand_touch(s);
		break;
	case TO_END:
		on_end(s);
		uv_stop(&s->loop); /* io_loop_close() does the rest */
		break;
	}
}

void ep_strand_dgram(struct ep_strand *s, const struct link_strand_dgram *d)
{
	(void)!io_mail_put(s->inbox, TO_DGRAM, d, sizeof(*d), d->data, d->len, true);
}

void ep_strand_sent(struct ep_strand *s)
{
	s->n_sent++;
	if (!s->ended && io_mail_put(s->inbox, TO_SENT, &s->n_sent, sizeof(s->n_sent), NULL, 0, false) == 0)
		s->n_sent = 0; /* else with the next one */
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
	struct ep_strand_local letter = {.service = service, .fd = fd};

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
	s->is_left = !io_loop_close(&s->loop);
	io_mail_last(s->outbox, EP_STRAND_GONE);
}

/* What the thread has of its own: the loop and what is in it. */
static int make_loop(struct ep_strand *s)
{
	uv_prepare_init(&s->loop, &s->prepare);
	uv_idle_init(&s->loop, &s->idle);
	s->prepare.data = s;
	uv_prepare_start(&s->prepare, ep_strand_turn);
	if (io_timer_new(&s->loop, on_timer, s, &s->timer) < 0 || io_mail_new(&s->loop, on_letter, s, &s->inbox) < 0)
		return ADIT_ESYS;
	return 0;
}

/* Before there is a thread, or after it. A loop that is left (io_loop.h) stays with what it lies in. */
static void unmake(struct ep_strand *s)
{
	io_mail_close(s->outbox);
	link_strand_free(s->link);
	quic_creds_free(s->grant.cfg.creds);
	ep_packer_done(&s->packer);
	free(s->pending_data);
	adit_bytes_wipe(&s->grant, sizeof(s->grant));
	if (!s->is_left)
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
	s->refused = cfg->refused;
	s->carrier = (struct ep_carrier){.loop = &s->loop, .packer = &s->packer, .touch = ep_strand_touch, .ctx = s};
	s->served = (struct ep_served){.by = &s->carrier,
				       .services = cfg->services,
				       .n_services = cfg->n_services,
				       .failed = cfg->failed,
				       .target_failed = ep_strand_target_failed,
				       .ctx = s};
	ep_served_init(&s->served);
	adit_list_init(&s->conns);
	adit_list_init(&s->waiting);
	if (quic_creds_share(cfg->grant->cfg.creds, &s->grant.cfg.creds) < 0 ||
	    io_mail_new(cfg->main, cfg->letter, cfg->ctx, &s->outbox) < 0)
		return ADIT_ENOMEM;
	s->has_begun = !ep_strand_is_serve(s);
	return ep_strand_is_serve(s) ? 0 : link_strand_connect(&s->grant, io_clock_now(), &s->link);
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
		unmake(s);
		return ADIT_ENOMEM;
	}
	if (make_loop(s) < 0 || uv_thread_create(&s->thread, thread_main, s) < 0) {
		on_end(s);
		(void)io_loop_close(&s->loop);
		unmake(s);
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
	unmake(s);
}
