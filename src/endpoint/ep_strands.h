/*
 * The strands of a lane's session, each in a thread of its own (ep_strand.h), as the main thread has them: it begins
 * and ends them, hands over what is theirs, and spreads new connections over them.
 */
#ifndef ADIT_EP_STRANDS_H
#define ADIT_EP_STRANDS_H

#include "endpoint/ep_served.h"
#include "io/io_net.h"

struct ep_strands;

/* A program's threads, for the strands of all its lanes. */
struct ep_strands_pool {
	unsigned spare; /* that may still be started */
	struct adit_list all; /* of struct ep_strands: their links promise no more than there is */
};

/* |threads|: the main one included; 0 is 1. */
void ep_strands_pool_init(struct ep_strands_pool *p, unsigned threads);

struct ep_strands_ops {
	/*
	 * A strand came up or was lost: |n| connections carry the session now. Lost: |down|, a LINK_EVENT_DOWN whose
	 * |was_up| tells whether it ever carried anything.
	 */
	void (*changed)(void *ctx, unsigned n, const struct link_event *down);
	void (*refused)(void *ctx, uint16_t service, uint64_t code); /* connect: as in ep_connect_ops */
	void (*failed)(void *ctx, uint16_t service, int err); /* serve: target_failed of ep_serve_ops */
};

struct ep_strands_config {
	uv_loop_t *loop;
	struct io_lane *lane; /* outlives it */
	const struct adit_log *log; /* may be NULL */
	struct ep_strands_pool *pool; /* outlives it */
	const struct ep_service *services; /* serve */
	size_t n_services;
	_Atomic bool *failed; /* serve: as ep_served.h has it */
	_Atomic bool *refused; /* connect: ep_conn_is_refused() */
};

/* |ops| and what |cfg| points at are borrowed. */
ADIT_MUST_CHECK int ep_strands_new(const struct ep_strands_config *cfg, const struct ep_strands_ops *ops, void *ctx,
				   struct ep_strands **ret_strands);
/* Connect: the session is up: begins all it may have. On the serve side they come by themselves. */
void ep_strands_begin(struct ep_strands *s);
/* The session is over. */
void ep_strands_end(struct ep_strands *s, uint64_t code);
/*
 * Connect: a new connection for |service|. True: it was given to a strand that has fewer than |own|, the number of
 * connection 0.
 */
bool ep_strands_give(struct ep_strands *s, uint16_t service, int fd, size_t own);
/* Connections that all strands have. */
size_t ep_strands_conns(const struct ep_strands *s);
/* Threads that are there now, those that are ending included. */
size_t ep_strands_threads(const struct ep_strands *s);
/* As ep_conn_drain_all(). */
bool ep_strands_drain(struct ep_strands *s);
/* Ends and waits for all threads. NULL is fine, here and above. */
void ep_strands_free(struct ep_strands *s);

#endif
