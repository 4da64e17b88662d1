/*
 * The relays of an endpoint: TURN servers as the user named them, resolved (names again every minute, as those of
 * --peer: ep_peers.h), with what they want to know of us. A name with addresses of both families is a server of each:
 * which of them is reached from here the links find out by asking both. The endpoints hand them to their links.
 */
#ifndef ADIT_EP_RELAY_H
#define ADIT_EP_RELAY_H

#include "core/turn/turn_uri.h"
#include "endpoint/ep_peers.h"
#include "link/link.h"

#define EP_RELAYS_MAX (TURN_SERVERS_MAX / 2) /* hosts: each may have an address of either family */

struct ep_relay_config {
	struct turn_uri uri;
	bool is_lent; /* a mediator's word: it does not make us knock at private addresses */
	/*
	 * |pass| is what the server's operator shares with it (stun_timed.h): user and password are made of it when
	 * they are needed, and good for TURN_TIMED_LIFE.
	 */
	bool is_secret;
	char user[TURN_USER_MAX + 1];
	char pass[TURN_PASS_MAX + 1];
};

/* As they are known now; a plain value, with secrets in it. */
struct ep_relays {
	struct turn_server server[TURN_SERVERS_MAX];
	size_t n;
};

/* Tells |link| all of them; what it knows already does no harm. */
void ep_relays_tell(const struct ep_relays *r, struct link *link, adit_time now);

struct ep_relay;

/* |r| is good until the next call, and the same each time. */
typedef void ep_relay_changed(void *ctx, const struct ep_relays *r);

/* |cfg| is copied; |n| may be 0. Begins in the loop's next turn: then, and whenever something is new, |changed| is
 * called. ENOMEM. */
ADIT_MUST_CHECK int ep_relay_new(uv_loop_t *loop, const struct ep_relay_config *cfg, size_t n,
				 ep_relay_changed *changed, ep_peers_failed *failed, void *ctx,
				 struct ep_relay **ret_relay);
/*
 * What a mediator lends: further servers, or other credentials for those that it has lent already. What cannot be used
 * or has no room is left out; how many are used.
 */
size_t ep_relay_lend(struct ep_relay *r, const struct meet_relay *loan);
/* The names may lead elsewhere by now. NULL is fine. */
void ep_relay_again(struct ep_relay *r);
/* Wipes the secrets. NULL is fine. */
void ep_relay_close(struct ep_relay *r);

#endif
