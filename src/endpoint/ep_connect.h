/*
 * The connect side: one session with one peer, local listeners in front of its services, and pipes. Listening sockets
 * and pipe ends come from this process or, through ep_share.h, from others of the same user.
 */
#ifndef ADIT_EP_CONNECT_H
#define ADIT_EP_CONNECT_H

#include <uv.h>

#include "endpoint/ep_conn.h"
#include "endpoint/ep_mapped.h"
#include "endpoint/ep_meet.h"
#include "endpoint/ep_relay.h"
#include "endpoint/ep_peers.h"
#include "io/io_net.h"

struct ep_connect;
struct ep_door; /* a local listener or UDP socket in front of a service */

struct ep_connect_ops {
	/* What the link reports, for messages; streams and datagrams excepted. */
	void (*event)(void *ctx, const struct link_event *e);
	/* The first connection that a service refused, and the first after it worked again: |code| enum fwd_stream_err.
	 */
	void (*refused)(void *ctx, const struct fwd_service *service, uint64_t code);
	/* Accepting stopped for want of descriptors; once until it works again. */
	void (*paused)(void *ctx, int err);
	void (*mapped)(void *ctx, const struct ep_mapped_state *st); /* ep_mapped.h; NULL where nothing is mapped */
	/* As in ep_serve_ops. */
	void (*threads)(void *ctx, unsigned n, const struct link_event *down);
};

struct ep_connect_config {
	const struct adit_log *log;
	struct quic_creds *creds;
	uint8_t k[32];
	uint8_t secret_id[4];
	uint8_t peer_key[32];
	uint64_t instance;
	uint16_t port;
	int64_t clock_diff; /* link.h */
	bool meets; /* through mediators: ep_connect_set_meeting() may be called */
	const struct reach_memory *memory; /* of an earlier run, or NULL; read by ep_connect_new() */
	const struct link_memory *lives; /* the same */
	adit_dur linger;
	bool compress; /* link.h */
	unsigned threads; /* for the streams, the main one included; 0 is 1 */
	bool portmap; /* the router is asked to forward a port */
	uint16_t mapped; /* the user forwards this external port to |port|; 0: no */
	bool relay_only; /* link.h, likewise */
	bool direct_only;
	bool borrow;
	const char *relay_ca; /* whom TURN servers' certificates are of, io_net_trust(); borrowed for its life */
};

ADIT_MUST_CHECK int ep_connect_new(uv_loop_t *loop, const struct ep_connect_config *cfg,
				   const struct ep_connect_ops *ops, void *ctx, struct ep_connect **ret_connect);
void ep_connect_set_peers(struct ep_connect *c, const struct adit_addr *peers, size_t n);
/* In the child of a fork that goes on with it, after uv_loop_fork(). */
void ep_connect_forked(struct ep_connect *c);
/* NULL: there is nothing to tell. */
const struct ep_mapped_state *ep_connect_mapped(const struct ep_connect *c, enum adit_family family);
void ep_connect_set_meeting(struct ep_connect *c, const struct ep_meeting *m);
void ep_connect_set_relays(struct ep_connect *c, const struct ep_relays *r);
/* Looks for the peer, again after a DOWN. */
void ep_connect_start(struct ep_connect *c);
bool ep_connect_is_up(const struct ep_connect *c);
/* What the peer offers, good while up. */
const struct fwd_service *ep_connect_services(const struct ep_connect *c, size_t *ret_n);
struct link *ep_connect_link(const struct ep_connect *c);
size_t ep_connect_conns(const struct ep_connect *c);
/* Threads beside the caller's: they do not survive a fork. */
size_t ep_connect_threads(const struct ep_connect *c);

/*
 * Opens |fd| (a listening stream socket, or a bound UDP socket for a UDP service) in front of the service |name|. The
 * name is looked up anew in each session. Before the first one is up, too: what is accepted waits, or, from
 * LINK_EVENT_SECURED on, leaves with the question for admission. Takes |fd| over. ENOMEM, ESYS.
 */
ADIT_MUST_CHECK int ep_connect_add_door(struct ep_connect *c, const char *name, bool dgram, int fd,
					struct ep_door **ret_door);
/* While up: there is a service of its name, and of its kind. */
bool ep_door_fits(const struct ep_connect *c, const struct ep_door *door);
/* Mandatory, or ep_connect_free() does it; also after the shutdown has shut the door. */
void ep_connect_remove_door(struct ep_connect *c, struct ep_door *door);

/*
 * Carries the stream socket |fd|, taken over, to the service; |ended| tells how it ended. ENOENT: no such stream
 * service; between LINK_EVENT_SECURED and UP that is not known, and |ended| tells it.
 */
ADIT_MUST_CHECK int ep_connect_pipe(struct ep_connect *c, const char *name, int fd, ep_conn_ended *ended, void *ctx);

/* As ep_serve_shutdown. */
void ep_connect_shutdown(struct ep_connect *c, void (*done)(void *ctx), void *ctx);
void ep_connect_free(struct ep_connect *c);

#endif
