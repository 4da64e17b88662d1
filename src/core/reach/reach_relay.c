/*
 * Relays: what TURN servers relay for this side and the other one. A relayed address is a candidate like others, of the
 * lowest worth; a pair with one carries data at once, while the attempt goes on for a better one. Where mediators
 * answer over the relay alone they are asked through it.
 */
#include "core/reach/reach_int.h"

/* ---- what there is ---- */

bool reach_relay_is_sock(const struct reach *r, uint32_t sock)
{
	return r->has_relay && sock == r->relay.sock;
}

static bool has_family(const struct reach *r, unsigned family)
{
	return r->has_relay && r->relay.relayed[family].family != ADIT_FAMILY_NONE;
}

/* The agent gets it last, so that it is ranked behind all others. */
void reach_relay_add(struct reach *r)
{
	for (unsigned f = 0; f < 2; f++)
		if (has_family(r, f) && ice_agent_add_relayed(&r->agent, r->now, r->relay.sock, &r->relay.relayed[f],
							      &r->relay.server, &r->relay.mapped) < 0)
			adit_trace(r->cfg.log, ADIT_LOG_DECIDE, "reach_relay_refused family=%u", f ? 6u : 4u);
}

bool reach_relay_has(const struct reach *r, const struct ice_account *a)
{
	return reach_relay_is_sock(r, a->sock) || a->remote_type == ICE_RELAY;
}

static bool is_same(const struct reach *r, const struct reach_relay *relay)
{
	if (!relay || !r->has_relay)
		return !relay && !r->has_relay;
	return adit_addr_eq(&relay->relayed[0], &r->relay.relayed[0]) &&
	       adit_addr_eq(&relay->relayed[1], &r->relay.relayed[1]);
}

void reach_set_relay(struct reach *r, adit_time now, const struct reach_relay *relay)
{
	reach_set_now(r, now);
	if (is_same(r, relay))
		return;
	r->has_relay = relay != NULL;
	if (relay)
		r->relay = *relay;
	reach_step(r);
}
