#include "endpoint/ep_served.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "endpoint/ep_dial.h"

/* A stream whose target is being connected to. */
struct served_dial {
	struct adit_list node; /* in ep_served.dials */
	struct ep_served *owner;
	struct link_stream *stream;
	const struct ep_service *service;
	struct ep_dial *dial;
};

void ep_served_init(struct ep_served *s)
{
	adit_list_init(&s->conns);
	adit_list_init(&s->dials);
}

const struct ep_service *ep_served_service(const struct ep_served *s, uint16_t id)
{
	return id >= 1 && id <= s->n_services ? &s->services[id - 1] : NULL;
}

static enum fwd_stream_err refusal(int err)
{
	switch (err) {
	case ECONNREFUSED:
	case ENOENT:
		return FWD_STREAM_TARGET_REFUSED;
	case ETIMEDOUT:
		return FWD_STREAM_TARGET_TIMED_OUT;
	case EMFILE:
	case ENFILE:
	case ENOMEM:
		return FWD_STREAM_OVERLOAD;
	default:
		return FWD_STREAM_TARGET_UNREACHABLE;
	}
}

static void conn_ended(void *ctx, enum ep_end end, uint64_t code)
{
	struct ep_served *s = ctx;

	(void)end;
	(void)code;
	s->n_conns--;
}

static void dial_free(struct served_dial *d)
{
	adit_list_del(&d->node);
	free(d);
}

static void dial_done(void *ctx, int fd, int err)
{
	struct served_dial *d = ctx;
	struct ep_served *s = d->owner;
	struct link_stream *stream = d->stream;
	bool was_told = atomic_exchange(&s->failed[d->service - s->services], fd < 0);

	if (fd < 0 && !was_told)
		s->target_failed(s->ctx, d->service, err);
	dial_free(d);
	if (fd < 0) {
		link_stream_refuse(stream, refusal(err));
	} else {
		link_stream_accept(stream);
		s->n_conns++;
		if (ep_conn_new(s->by, fd, stream, &s->conns, conn_ended, s) < 0)
			s->n_conns--;
	}
	s->by->touch(s->by->ctx);
}

/* Out of descriptors: the stream waits, as a connection does that nobody accepts. */
static void dial_waits(void *ctx, int err)
{
	struct served_dial *d = ctx;
	struct ep_served *s = d->owner;

	if (!atomic_exchange(&s->failed[d->service - s->services], true))
		s->target_failed(s->ctx, d->service, err);
}

void ep_served_request(struct ep_served *s, const struct link_event *e)
{
	struct served_dial *d = calloc(1, sizeof(*d));

	if (!d) {
		link_stream_refuse(e->stream, FWD_STREAM_OVERLOAD);
		return;
	}
	d->owner = s;
	d->stream = e->stream;
	d->service = ep_served_service(s, e->service);
	adit_list_push_back(&s->dials, &d->node);
	if (ep_dial_new(s->by->loop, &d->service->target, dial_done, d, &d->dial) < 0) {
		link_stream_refuse(e->stream, FWD_STREAM_OVERLOAD);
		dial_free(d);
		return;
	}
	ep_dial_be_patient(d->dial, dial_waits);
}

static struct served_dial *dial_of(struct ep_served *s, const struct link_stream *stream)
{
	adit_list_each (it, &s->dials) {
		struct served_dial *d = adit_container(it, struct served_dial, node);

		if (d->stream == stream)
			return d;
	}
	return NULL;
}

/* News of a stream: its connection's, or of one that is still being dialled and then only its end matters. */
void ep_served_stream(struct ep_served *s, const struct link_event *e)
{
	struct ep_conn *conn = link_stream_user(e->stream);
	struct served_dial *d;

	if (conn) {
		ep_conn_news(conn, e->news);
		return;
	}
	if (!(e->news & (QUIC_NEWS_RESET | QUIC_NEWS_CLOSED)))
		return;
	d = dial_of(s, e->stream);
	if (!d)
		return;
	ep_dial_cancel(d->dial);
	dial_free(d);
	link_stream_refuse(e->stream, FWD_STREAM_TCP_RESET);
}

void ep_served_drop(struct ep_served *s)
{
	adit_list_each_safe (it, tmp, &s->dials) {
		struct served_dial *d = adit_container(it, struct served_dial, node);

		ep_dial_cancel(d->dial);
		link_stream_refuse(d->stream, FWD_STREAM_SHUTTING_DOWN);
		dial_free(d);
	}
	ep_conn_close_all(&s->conns, FWD_STREAM_SHUTTING_DOWN);
	s->n_conns = 0;
}
