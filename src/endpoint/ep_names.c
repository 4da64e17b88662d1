#include "endpoint/ep_names.h"

/* A mediator that is silent is told of with every question: what counts is the moment when it falls silent. */
static bool is_loss(const struct link_event *e)
{
	switch (e->kind) {
	case LINK_EVENT_OUTAGE:
	case LINK_EVENT_DOWN:
		return true;
	case LINK_EVENT_MEET:
		return e->meet.kind == REACH_EVENT_LOST;
	case LINK_EVENT_RELAY:
		return e->relay.state == LINK_RELAY_LOST || e->relay.state == LINK_RELAY_FAILED;
	default:
		return false;
	}
}

void ep_names_heard(const struct ep_names *n, const struct link_event *e)
{
	if (!is_loss(e))
		return;
	ep_peers_again(n->peers);
	ep_meet_again(n->meet);
	ep_relay_again(n->relay);
}

void ep_names_close(struct ep_names *n)
{
	ep_peers_close(n->peers);
	ep_meet_close(n->meet);
	ep_relay_close(n->relay);
	*n = (struct ep_names){.peers = NULL};
}
