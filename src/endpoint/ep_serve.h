/*
 * The serve side: one lane per ticket label or admitted key, each with its own link; streams that come in are connected
 * to the targets, UDP flows too.
 */
#ifndef ADIT_EP_SERVE_H
#define ADIT_EP_SERVE_H

#include <uv.h>

#include "endpoint/ep_mapped.h"
#include "endpoint/ep_meet.h"
#include "endpoint/ep_relay.h"
#include "endpoint/ep_peers.h"
#include "endpoint/ep_served.h"
#include "io/io_net.h"

struct ep_serve;

/* Of one lane. */
struct ep_lane_config {
	char label[64]; /* a ticket's label or an admitted key's comment: for messages */
	uint8_t k[32];
	uint8_t secret_id[4];
	bool single;
	bool has_peer_key;
	uint8_t peer_key[32];
	uint64_t horizon;
	const struct reach_memory *memory; /* of an earlier run, or NULL; read by ep_serve_lane_add() */
	bool is_limited; /* to some of the services ... */
	bool may[FWD_SERVICES_MAX]; /* ... these, by their places in ep_serve_config.services */
};

struct ep_serve_ops {
	/* What a lane's link reports, for messages; streams and datagrams excepted. */
	void (*event)(void *ctx, const char *label, const struct link_event *e);
	/* ep_served.h */
	void (*target_failed)(void *ctx, const struct ep_service *service, int err);
	void (*mapped)(void *ctx, const struct ep_mapped_state *st); /* ep_mapped.h; NULL where nothing is mapped */
	/*
	 * |n| connections carry the session now, with a thread each; one was lost: |down|, a LINK_EVENT_DOWN whose
	 * |was_up| tells whether it ever carried anything.
	 */
	void (*threads)(void *ctx, const char *label, unsigned n, const struct link_event *down);
};

struct ep_serve_config {
	const struct adit_log *log;
	struct quic_creds *creds;
	uint64_t instance;
	uint16_t port; /* --port, or 0 */
	bool meets; /* through mediators: ep_serve_set_meeting() may be called */
	uint8_t key[32]; /* |meets|: the identity ... */
	uint8_t seed[32]; /* ... and its secret */
	adit_dur linger;
	bool compress; /* link.h */
	unsigned threads; /* for the streams of all sessions together, the main one included; 0 is 1 */
	bool portmap; /* the router is asked to forward a port */
	uint16_t mapped; /* the user forwards this external port to |port|; 0: no */
	bool relay_only; /* link.h, likewise */
	bool direct_only;
	const char *relay_ca; /* whom TURN servers' certificates are of, io_net_trust(); borrowed for its life */
	const struct ep_service *services; /* borrowed for its life */
	size_t n_services;
};

ADIT_MUST_CHECK int ep_serve_new(uv_loop_t *loop, const struct ep_serve_config *cfg, const struct ep_serve_ops *ops,
				 void *ctx, struct ep_serve **ret_serve);
ADIT_MUST_CHECK int ep_serve_lane_add(struct ep_serve *s, const struct ep_lane_config *lane);
/* Ends the lane's session with |code| (fwd_close); the label may be added again at once. */
void ep_serve_lane_remove(struct ep_serve *s, const char *label, uint64_t code);
/* Whether there is such a lane; with |secret_id|, not NULL: and of this secret. */
bool ep_serve_has_lane(const struct ep_serve *s, const char *label, const uint8_t *secret_id);
/* Whether there is such a lane and it offers what |cfg| allows, no more and no less. */
bool ep_serve_lane_offers(const struct ep_serve *s, const struct ep_lane_config *cfg);
/* Its link, NULL: no such lane. */
struct link *ep_serve_link(const struct ep_serve *s, const char *label);
void ep_serve_set_peers(struct ep_serve *s, const struct adit_addr *peers, size_t n);
/* NULL: there is nothing to tell. */
const struct ep_mapped_state *ep_serve_mapped(const struct ep_serve *s, enum adit_family family);
/* For all lanes, and those to come. */
void ep_serve_set_meeting(struct ep_serve *s, const struct ep_meeting *m);
void ep_serve_set_relays(struct ep_serve *s, const struct ep_relays *r);

/* For status: calls |each| for every lane. */
void ep_serve_each(struct ep_serve *s, void (*each)(void *ctx, const char *label, struct link *link, size_t n_conns),
		   void *ctx);
/* Says goodbye on every lane; |done| is called when all of it is out, or after a second. Then only free is left. */
void ep_serve_shutdown(struct ep_serve *s, void (*done)(void *ctx), void *ctx);
void ep_serve_free(struct ep_serve *s);

#endif
