/*
 * A strand (link_strand.h) in a thread of its own: its loop, its streams and their local sockets. It sends by itself,
 * over a descriptor of the socket that the main thread has; what comes, the main thread hands over. The two threads
 * share nothing but two mailboxes (io_mail.h), and flags of what was told (|failed|, |refused|).
 *
 * ep_strands.h has all strands of a session and is what others use.
 */
#ifndef ADIT_EP_STRAND_H
#define ADIT_EP_STRAND_H

#include "endpoint/ep_served.h"
#include "io/io_mail.h"
#include "io/io_sock.h"
#include "link/link_strand.h"

#define EP_STRAND_HANDED_MAX 4 /* batches that the main thread has and has not sent; then a strand waits */

struct ep_strand;

/* Letters to the main thread, by kind, with what is in their heads. */
enum ep_strand_news {
	EP_STRAND_NOTE, /* struct ep_strand_note */
	EP_STRAND_UP,
	EP_STRAND_DOWN, /* struct ep_strand_down: it is over; ep_strand_end() is left */
	EP_STRAND_SEND, /* size_t: segment size; the data is a batch for io_lane_send(), then ep_strand_sent() */
	EP_STRAND_REFUSED, /* struct ep_strand_refusal, as ep_connect_ops.refused */
	EP_STRAND_FAILED, /* struct ep_strand_refusal, as ep_serve_ops.target_failed: |code| is an errno value */
	EP_STRAND_LOG, /* enum adit_log_level; the data is a line with its NUL */
	EP_STRAND_GONE, /* after ep_strand_end(): ep_strand_free() does not wait */
};

struct ep_strand_note {
	struct link_strand_signs signs;
	bool has_signs;
	bool is_drained;
	struct quic_stats stats;
	size_t conns; /* that it has, those that wait for a stream included */
	size_t ended; /* of those it was given, in all */
};

struct ep_strand_down {
	enum link_reason reason;
	uint64_t code;
};

struct ep_strand_refusal {
	uint16_t service; /* number on the wire */
	uint64_t code;
};

struct ep_strand_config {
	const struct link_grant *grant; /* its creds and log are the main thread's */
	const struct ep_service *services; /* serve: borrowed */
	size_t n_services;
	_Atomic bool *failed; /* serve: as ep_served.h has it; borrowed */
	_Atomic bool *refused; /* connect: ep_conn_is_refused(); borrowed */
	struct io_sock sock; /* taken over; fd -1: EP_STRAND_SEND */
	io_mail_letter *letter; /* news, in the loop |main| */
	uv_loop_t *main;
	void *ctx;
};

/* Starts the thread. On the connect side the handshake begins; on the serve side with the first datagram. */
ADIT_MUST_CHECK int ep_strand_new(const struct ep_strand_config *cfg, struct ep_strand **ret_strand);

/* From the main thread. What cannot be handed over is lost: a datagram is one that the network lost. */
void ep_strand_dgram(struct ep_strand *s, const struct link_strand_dgram *d);
/* A batch is out, or lost for good: there is room for another. */
void ep_strand_sent(struct ep_strand *s);
/* |sock| is taken over. ENOMEM: it goes on with the route it has. */
ADIT_MUST_CHECK int ep_strand_route(struct ep_strand *s, const struct link_route *r, const struct io_sock *sock);
/* Connect: an accepted connection for |service|; taken over, or ENOMEM. */
ADIT_MUST_CHECK int ep_strand_give(struct ep_strand *s, uint16_t service, int fd);
/* Takes nothing more from local sockets; a note tells when all was delivered. */
void ep_strand_drain(struct ep_strand *s);
/* Says goodbye with |code|, once; EP_STRAND_GONE follows. */
void ep_strand_end(struct ep_strand *s, uint64_t code);
/* After ep_strand_end(): waits for the thread and forgets what it still had to say. */
void ep_strand_free(struct ep_strand *s);

#endif
