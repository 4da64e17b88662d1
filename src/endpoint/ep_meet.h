/*
 * What meeting through mediators needs from this machine: the mediators' and further servers' addresses, names looked
 * up again every minute as those of --peer (ep_peers.h), and the own addresses. The endpoints hand it to their links.
 */
#ifndef ADIT_EP_MEET_H
#define ADIT_EP_MEET_H

#include "endpoint/ep_peers.h"
#include "io/io_hosts.h"
#include "link/link.h"

#define EP_MEDIATORS_MAX MEET_MEDIATORS_MAX
#define EP_STUNS_MAX     REACH_SERVERS_MAX

/* As it is known now; a plain value. */
struct ep_meeting {
	struct {
		char name[MEET_NAME_MAX + 1];
		struct adit_addr addr[2]; /* v4, v6; family NONE: not resolved (yet), or it has none */
	} mediator[EP_MEDIATORS_MAX]; /* in the user's order */
	size_t n_mediators;
	struct adit_addr server[2 * EP_STUNS_MAX];
	size_t n_servers;
	struct reach_host host[REACH_HOSTS_MAX];
	size_t n_hosts;
};

/* Tells |link| all of it; what it knows already does no harm. */
void ep_meeting_tell(const struct ep_meeting *m, struct link *link, adit_time now);

struct ep_meet_config {
	struct {
		char name[MEET_NAME_MAX + 1]; /* the spelling that the rendezvous id is made of */
		struct ep_host host; /* with a port */
	} mediator[EP_MEDIATORS_MAX];
	size_t n_mediators;
	struct ep_host stun[EP_STUNS_MAX]; /* with a port */
	size_t n_stuns;
};

struct ep_meet;

/* |m| is good until the next call, and the same each time. */
typedef void ep_meet_changed(void *ctx, const struct ep_meeting *m);

/* Begins in the loop's next turn: then, and whenever something is new, |changed| is called. ENOMEM. */
ADIT_MUST_CHECK int ep_meet_new(uv_loop_t *loop, const struct ep_meet_config *cfg, ep_meet_changed *changed,
				ep_peers_failed *failed, void *ctx, struct ep_meet **ret_meet);
/* The names may lead elsewhere by now. NULL is fine. */
void ep_meet_again(struct ep_meet *m);
/* NULL is fine. */
void ep_meet_close(struct ep_meet *m);

#endif
