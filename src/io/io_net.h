/*
 * Runs links over the system's UDP sockets: the counterpart of lab/'s simulator for the real world.
 *
 * Each link is a lane. A lane asks for sockets by number; two lanes that pin the same port share one. Once per turn of
 * the loop every lane that heard something, was touched, or whose deadline has come is run: outputs are sent, events
 * delivered, its deadline noted anew. Lanes that rest cost nothing, however many there are.
 */
#ifndef ADIT_IO_NET_H
#define ADIT_IO_NET_H

#include <uv.h>

#include "io/io_sock.h"
#include "link/link_strand.h"

struct io_net;
struct io_lane;

/* What a lane's link reports; |e| is good during the call. The lane may be removed from inside. */
typedef void io_lane_event(void *ctx, struct io_lane *lane, const struct link_event *e);

ADIT_MUST_CHECK int io_net_new(uv_loop_t *loop, const struct adit_log *log, struct io_net **ret_net);
/* Whom to trust for TLS: a file of certificates, borrowed; NULL: whom the system trusts, as at the start. */
void io_net_trust(struct io_net *net, const char *ca_file);
/* Removes all lanes and closes everything. */
void io_net_close(struct io_net *net);

/* Takes |link| over. ENOMEM or 0. */
ADIT_MUST_CHECK int io_net_add(struct io_net *net, struct link *link, io_lane_event *event, void *ctx,
			       struct io_lane **ret_lane);
/* Frees the link at the end of this turn; no event comes any more. */
void io_lane_remove(struct io_lane *lane);
struct link *io_lane_link(const struct io_lane *lane);
/* A command was given to the link: run it this turn. */
void io_lane_touch(struct io_lane *lane);

/* Of a lane whose session may have strands (link_strand.h). */
struct io_lane_strands {
	void (*dgram)(void *ctx, const struct link_strand_dgram *d);
	/* The link was run: its route may be another. |is_anew|: what io_lane_share() says may be. */
	void (*ran)(void *ctx, bool is_anew);
};

/* |ops| and |ctx| are borrowed. NULL: no more. */
void io_lane_set_strands(struct io_lane *lane, const struct io_lane_strands *ops, void *ctx);
/* For a strand's thread to send with, as io_udp_share(). ENOENT also where |sock| is no UDP socket. */
ADIT_MUST_CHECK int io_lane_share(struct io_lane *lane, uint32_t sock, struct io_sock *ret_sock);
/*
 * Sends a strand's batch over the session's path, where io_lane_share() says ENOENT. False: the socket is full; to be
 * tried again when the lane |ran|.
 */
ADIT_MUST_CHECK bool io_lane_send(struct io_lane *lane, const struct quic_batch *b);

#endif
