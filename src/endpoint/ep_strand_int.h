/*
 * What the files of a strand share: ep_strand.c (the thread, and the letters of the main one), ep_strand_turn.c (what
 * is done once per turn of its loop), ep_strand_conns.c (local connections).
 */
#ifndef ADIT_EP_STRAND_INT_H
#define ADIT_EP_STRAND_INT_H

#include "endpoint/ep_pack.h"
#include "endpoint/ep_strand.h"
#include "io/io_timer.h"

/* An accepted connection, as the main thread hands it over. */
struct ep_strand_local {
	uint16_t service;
	int fd;
};

struct ep_strand {
	uv_thread_t thread;
	struct io_mail *outbox; /* the main thread's */
	struct io_mail *inbox;
	bool ended; /* the main thread has said so ... */
	unsigned n_sent; /* batches, that the thread was not told of; the main thread's */
	uint64_t end_code; /* ... with this code, written before TO_END */
	bool is_left; /* the loop, by a thread that has ended (io_loop.h) */

	/* From here on the thread's alone. */
	uv_loop_t loop;
	uv_prepare_t prepare;
	uv_idle_t idle;
	struct io_timer *timer;
	struct adit_log log;
	struct link_grant grant;
	struct link_strand *link; /* NULL: serve: nothing came yet that it could begin with; or it is over */
	bool has_begun; /* there has been a |link| */
	struct io_sock sock;
	struct ep_packer packer;
	struct ep_carrier carrier;
	struct ep_served served; /* serve */
	struct adit_list conns; /* connect: of struct ep_conn */
	struct adit_list waiting;
	size_t n_waiting;
	size_t n_conns; /* connect: of |conns| */
	size_t n_ended;
	_Atomic bool *refused; /* connect */
	bool running;
	bool dirty;
	uv_poll_t *room; /* of |sock|; NULL: it was never full */
	unsigned n_handed; /* batches that the main thread has not sent yet */
	bool blocked; /* |pending| waits for it */
	struct adit_out pending;
	uint8_t *pending_data; /* IO_SOCK_BATCH_MAX bytes, made when first needed */
	bool has_note; /* conns have come or gone */
	bool draining;
	bool is_drained;
	adit_time note_at; /* the next one, not before */
};

static inline bool ep_strand_is_serve(const struct ep_strand *s)
{
	return s->grant.cfg.role == PUNCH_SERVE;
}

/* A letter to the main thread. */
static inline void ep_strand_tell(struct ep_strand *s, enum ep_strand_news kind, const void *head, size_t len)
{
	(void)!io_mail_put(s->outbox, kind, head, len, NULL, 0, false);
}

/* --- ep_strand_turn.c --- */

/* The machine was given something to do: it is run in this turn of the loop. |ctx| is the strand. */
void ep_strand_touch(void *ctx);
/* The prepare callback: once per turn of the loop, before it sleeps. */
void ep_strand_turn(uv_prepare_t *prepare);
/* With what waits for it. */
void ep_strand_close_sock(struct ep_strand *s);
/* Before the end: sends what one turn may. */
void ep_strand_flush(struct ep_strand *s);

/* --- ep_strand_conns.c --- */

/* Gets a stream, now or when there is credit for one; or a reset. */
void ep_strand_conn(struct ep_strand *s, const struct ep_strand_local *c);
/* There is credit. */
void ep_strand_start_waiting(struct ep_strand *s);
/* LINK_EVENT_STREAM. */
void ep_strand_stream(struct ep_strand *s, const struct link_event *e);
/* As ep_served.target_failed; |ctx| is the strand. */
void ep_strand_target_failed(void *ctx, const struct ep_service *service, int err);
/* The QUIC connection is over: what it carried is lost. */
void ep_strand_lose(struct ep_strand *s);

#endif
