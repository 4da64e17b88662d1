/* The inside of a stream, for the callbacks and the packer. */
#ifndef ADIT_QUIC_STREAM_PRIV_H
#define ADIT_QUIC_STREAM_PRIV_H

#include "quic/quic_conn.h"

struct quic_stream {
	struct quic *q;
	struct adit_list node; /* in |q->streams| */
	struct adit_list news_in; /* in |q->news| */
	struct adit_list wait; /* in |q->blocked| */
	struct quic_turn turn;
	int64_t id;
	void *user;
	uint64_t error;
	unsigned news;

	struct quic_buf tx; /* from the first unacknowledged byte on; its cursor is what was put into packets */
	uint64_t tx_limit; /* stream offset the peer allows */
	struct quic_buf rx;
	struct quic_window window;

	bool wants_room; /* the user was told that it is full */
	bool tx_finish; /* no more bytes from the user */
	bool tx_fin_sent; /* FIN was put into a packet */
	bool tx_fin_alone; /* ... after all bytes, so their acknowledgement says nothing about it */
	bool tx_over; /* reset by us, or the peer stopped reading */
	bool tx_acked; /* everything with FIN has arrived */
	bool rx_fin; /* the end is known */
	bool rx_over; /* reset by the peer, or not wanted any more */
	bool is_closed; /* the library has forgotten it */
	bool is_released; /* the user has */
};

/* The peer's stream |id| is new. NULL: out of memory. */
struct quic_stream *quic_stream_accept(struct quic *q, int64_t id);
void quic_stream_note(struct quic_stream *s, unsigned news);
/* Gives the scheduler a stream that has something to send and may. */
void quic_stream_wake(struct quic_stream *s);

/* What arrived. 0 or ENOMEM. */
ADIT_MUST_CHECK int quic_stream_heard(struct quic_stream *s, const uint8_t *data, size_t len, bool fin);
void quic_stream_acked(struct quic_stream *s, size_t len);
void quic_stream_was_reset(struct quic_stream *s, uint64_t code);
/* The library does not say with which code. */
void quic_stream_was_stopped(struct quic_stream *s);
/* The library is about to forget it; |is_clean|: neither side gave an error code; else |code| is the first one. */
void quic_stream_forgotten(struct quic_stream *s, bool is_clean, uint64_t code);
/* |n| bytes were put into a packet, with FIN after them or not. */
void quic_stream_packed(struct quic_stream *s, size_t n, bool fin);
/* The peer's window is shut. */
void quic_stream_blocked(struct quic_stream *s);
void quic_stream_allowed(struct quic_stream *s, uint64_t limit);

/* Looks after a few streams that wait for window, for a peer that stopped reading them. */
void quic_streams_check_stopped(struct quic *q);
/* The connection is over. */
void quic_streams_die(struct quic *q);
/* Frees all, released or not. */
void quic_streams_free(struct quic *q);
/* Gives the peer new stream credit, while the budget lasts, and tells the user of ours. */
void quic_streams_credit(struct quic *q);

static inline struct quic_stream *quic_stream_of(struct quic_turn *t)
{
	return adit_container(t, struct quic_stream, turn);
}

#endif
