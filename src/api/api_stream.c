/* Streams of <adit/endpoint.h>: a shell around a link's stream, which is there until the caller frees it. */
#include "api/api_endpoint.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

#define VECS 8 /* pieces that one call copies to or from, at a time */

static struct quic_stream *bytes_of(const struct adit_stream *s)
{
	return link_stream_bytes(s->link);
}

struct adit_stream *api_stream_new(struct adit_endpoint *ep, struct link_stream *link)
{
	struct adit_stream *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->ep = ep;
	s->link = link;
	link_stream_set_user(link, s);
	adit_list_push_back(&ep->streams, &s->node);
	return s;
}

void api_stream_lose(struct adit_stream *s)
{
	if (!s->link)
		return;
	link_stream_set_user(s->link, NULL);
	link_stream_release(s->link);
	s->link = NULL;
	s->is_over = true;
}

void api_stream_drop(struct adit_stream *s)
{
	api_stream_lose(s);
	adit_list_del(&s->node);
	free(s);
}

int adit_stream_open(struct adit_endpoint *ep, const char *service, struct adit_stream **ret_stream)
{
	const struct fwd_service *f = api_endpoint_service(ep, service);
	struct link_stream *link;
	struct adit_stream *s;
	int err;

	if (!f)
		return ADIT_ENOENT;
	if (ep->cfg.serve || f->kind != FWD_KIND_STREAM)
		return ADIT_EINVAL;
	err = link_stream_open(ep->link, f->id, &link);
	if (err < 0)
		return err;
	api_endpoint_touch(ep);
	s = api_stream_new(ep, link);
	if (!s) {
		link_stream_refuse(link, FWD_STREAM_CANCELLED);
		return ADIT_ENOMEM;
	}
	*ret_stream = s;
	return 0;
}

void adit_stream_accept(struct adit_stream *s)
{
	if (!s->is_asked)
		return;
	s->is_asked = false;
	if (!s->is_over)
		link_stream_accept(s->link);
	api_endpoint_touch(s->ep);
}

void adit_stream_refuse(struct adit_stream *s, enum adit_refusal why)
{
	_Static_assert((int)ADIT_REFUSE_UNAVAILABLE == FWD_STREAM_TARGET_REFUSED &&
			       (int)ADIT_REFUSE_NOT_ALLOWED == FWD_STREAM_NOT_ALLOWED &&
			       (int)ADIT_REFUSE_OVERLOAD == FWD_STREAM_OVERLOAD,
		       "reasons are the same inside and outside");
	if (s->link)
		quic_stream_reset(bytes_of(s), (uint64_t)why);
	api_endpoint_touch(s->ep);
	api_stream_drop(s);
}

ssize_t adit_stream_write(struct adit_stream *s, const void *data, size_t len)
{
	const uint8_t *from = data;
	size_t done = 0;

	if (s->is_over || s->is_finished || s->is_asked)
		return ADIT_EDEAD;
	while (done < len) {
		struct quic_vec vec[VECS];
		size_t n = quic_stream_reserve(bytes_of(s), vec, VECS, len - done);
		size_t put = 0;

		for (size_t i = 0; i < n && done + put < len; i++) {
			size_t k = vec[i].len < len - done - put ? vec[i].len : len - done - put;

			memcpy(vec[i].base, from + done + put, k);
			put += k;
		}
		if (n > 0)
			quic_stream_commit(bytes_of(s), put);
		if (put == 0)
			break;
		done += put;
	}
	if (done > 0)
		api_endpoint_touch(s->ep);
	return (ssize_t)done;
}

void adit_stream_finish(struct adit_stream *s)
{
	if (s->is_over || s->is_finished || s->is_asked)
		return;
	s->is_finished = true;
	quic_stream_finish(bytes_of(s));
	api_endpoint_touch(s->ep);
}

/* Before the serve side's answer, the stream's bytes are still its header's. */
static bool is_readable(const struct adit_stream *s)
{
	return s->link && !s->is_asked && link_stream_is_answered(s->link);
}

ssize_t adit_stream_read(struct adit_stream *s, void *buf, size_t cap)
{
	uint8_t *to = buf;
	size_t done = 0;

	while (is_readable(s) && done < cap) {
		struct quic_vec vec[VECS];
		size_t n = quic_stream_peek(bytes_of(s), vec, VECS);
		size_t got = 0;

		for (size_t i = 0; i < n && done + got < cap; i++) {
			size_t k = vec[i].len < cap - done - got ? vec[i].len : cap - done - got;

			memcpy(to + done + got, vec[i].base, k);
			got += k;
		}
		if (got == 0)
			break;
		quic_stream_consume(bytes_of(s), got);
		done += got;
	}
	if (done > 0) {
		api_endpoint_touch(s->ep); /* the window has moved */
		return (ssize_t)done;
	}
	if (is_readable(s) && quic_stream_at_end(bytes_of(s)))
		return 0;
	return s->is_over ? ADIT_EDEAD : ADIT_EAGAIN;
}

void adit_stream_reset(struct adit_stream *s)
{
	if (s->is_over)
		return;
	s->is_over = true;
	quic_stream_reset(bytes_of(s), FWD_STREAM_TCP_RESET);
	api_endpoint_touch(s->ep);
}

const char *adit_stream_why(const struct adit_stream *s)
{
	return fwd_stream_text(s->error);
}

void adit_stream_free(struct adit_stream *s)
{
	if (!s)
		return;
	if (!s->is_finished || s->is_asked)
		adit_stream_reset(s);
	api_endpoint_touch(s->ep);
	api_stream_drop(s);
}

void adit_stream_set_user(struct adit_stream *s, void *user)
{
	s->user = user;
}

void *adit_stream_user(const struct adit_stream *s)
{
	return s->user;
}

unsigned api_stream_news(struct adit_stream *s, unsigned news)
{
	_Static_assert((int)ADIT_STREAM_READABLE == (int)QUIC_NEWS_READABLE &&
			       (int)ADIT_STREAM_CLOSED == (int)QUIC_NEWS_CLOSED,
		       "news are the same inside and outside");
	if (news & (QUIC_NEWS_RESET | QUIC_NEWS_STOPPED))
		s->error = quic_stream_error(bytes_of(s));
	if (news & (QUIC_NEWS_RESET | QUIC_NEWS_CLOSED))
		s->is_over = true;
	return news & ~(unsigned)QUIC_NEWS_OPENED;
}
