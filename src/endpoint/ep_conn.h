/*
 * One local connection (TCP or unix socket) and the stream that carries it.
 *
 * Bytes go both ways with back-pressure: a stream that is full stops the reading here; a local socket that is full
 * leaves the bytes in the stream, whose window then stops the far end. Ends are told apart: the local end of file
 * becomes FIN and the other way round; everything else (reset, lost session) becomes a reset, so that no reader takes a
 * broken transfer for a whole one. A unix socket has no reset: it just closes.
 */
#ifndef ADIT_EP_CONN_H
#define ADIT_EP_CONN_H

#include <stdbool.h>
#include <uv.h>

#include "base/list.h"
#include "link/link.h"

struct ep_conn;
struct ep_packer;

/* What connections belong to: the loop of a thread, and whoever runs the QUIC connection that their streams are in. */
struct ep_carrier {
	uv_loop_t *loop;
	struct ep_packer *packer; /* of the loop, for sessions that compress */
	void (*touch)(void *ctx); /* something was done to a stream: run it this turn */
	void *ctx;
};

/* How it ended. */
enum ep_end {
	EP_END_CLEAN, /* both sides ended their half */
	EP_END_LOCAL, /* the local socket was reset */
	EP_END_PEER, /* the far end reset it or was refused: |code|, enum fwd_stream_err */
	EP_END_SESSION, /* the session died under it */
};

/* The connection is gone after the call. */
typedef void ep_conn_ended(void *ctx, enum ep_end end, uint64_t code);

/*
 * Takes over |fd| (a connected non-blocking stream socket) and |stream|; it becomes the stream's user. |by| is
 * borrowed. |list|: where to keep it; the owner closes what is left there with ep_conn_close(). |ended| may be NULL.
 * ENOMEM: |fd| is closed and the stream reset.
 */
ADIT_MUST_CHECK int ep_conn_new(const struct ep_carrier *by, int fd, struct link_stream *stream, struct adit_list *list,
				ep_conn_ended *ended, void *ctx);
/* Closes an accepted connection that gets no stream: with a reset, for nothing has ended over there. */
void ep_conn_refuse(int fd);
/* News of its stream (LINK_EVENT_STREAM). */
void ep_conn_news(struct ep_conn *c, unsigned news);
/*
 * Connect: does |e|, LINK_EVENT_STREAM, tell of a refusal that |told| does not know yet? |told| is the session's, of
 * all its threads; it is forgotten when a service answers.
 */
bool ep_conn_is_refused(const struct link_event *e, _Atomic bool *told);
/* Closes with a reset, without a call of |ended|. |code| for the far end. */
void ep_conn_close(struct ep_conn *c, uint64_t code);
/*
 * Before an orderly end: takes nothing more from the local sockets. Whether everything that was taken has been
 * delivered, here and there; to be asked again until it says so.
 */
bool ep_conn_drain_all(struct adit_list *list);
/* All of a list. */
void ep_conn_close_all(struct adit_list *list, uint64_t code);
/* Their session is over: all of a list end as EP_END_SESSION, and |ended| is told. */
void ep_conn_lose_all(struct adit_list *list);

#endif
