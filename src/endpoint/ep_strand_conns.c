/* A strand's local connections: those it is given, those that wait for a stream, and what became of them. */
#include "endpoint/ep_strand_int.h"

#include <stdlib.h>

#define WAITING_MAX 1024 /* connections that wait for stream credit */

/* A connection without a stream yet. */
struct waiting {
	struct adit_list node;
	struct ep_strand_local conn;
};

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
static int start_conn(struct ep_strand *s, const struct ep_strand_local *c)
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
	ep_strand_touch(s);
	return 0;
}

void ep_strand_start_waiting(struct ep_strand *s)
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

void ep_strand_conn(struct ep_strand *s, const struct ep_strand_local *c)
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

static void note_refusal(struct ep_strand *s, const struct link_event *e)
{
	struct ep_strand_refusal refusal = {.service = e->service};

	if (!ep_conn_is_refused(e, s->refused))
		return;
	refusal.code = quic_stream_error(link_stream_bytes(e->stream));
	ep_strand_tell(s, EP_STRAND_REFUSED, &refusal, sizeof(refusal));
}

void ep_strand_stream(struct ep_strand *s, const struct link_event *e)
{
	struct ep_conn *conn = link_stream_user(e->stream);

	if (ep_strand_is_serve(s)) {
		ep_served_stream(&s->served, e);
	} else if (conn) {
		note_refusal(s, e);
		ep_conn_news(conn, e->news);
	}
}

void ep_strand_target_failed(void *ctx, const struct ep_service *service, int err)
{
	struct ep_strand *s = ctx;
	struct ep_strand_refusal failure = {.service = (uint16_t)(service - s->served.services + 1),
					    .code = (uint64_t)err};

	ep_strand_tell(s, EP_STRAND_FAILED, &failure, sizeof(failure));
}

void ep_strand_lose(struct ep_strand *s)
{
	struct adit_list *it;

	if (ep_strand_is_serve(s))
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
