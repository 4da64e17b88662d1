/* The peer's candidates: told or learnt, and which of them are not to be checked. Storage and words: ice_agent.h. */
#include "core/ice/ice_int.h"

#include <stdio.h>
#include <string.h>

#include "base/bytes.h"

void ice_remote_clear(struct ice_agent *a)
{
	memset(a->remotes, 0, sizeof(a->remotes));
	a->n_signalled = a->n_private = 0;
	a->has_remote = a->is_remote_ended = false;
	adit_bytes_wipe(&a->desc, sizeof(a->desc));
}

static struct ice_remote *remote_find(struct ice_agent *a, const struct adit_addr *addr)
{
	for (size_t i = 0; i < ICE_REMOTES_MAX; i++)
		if (a->remotes[i].is_used && adit_addr_eq(&a->remotes[i].cand.addr, addr))
			return &a->remotes[i];
	return NULL;
}

static struct ice_remote *remote_room(struct ice_agent *a)
{
	for (size_t i = 0; i < ICE_REMOTES_MAX; i++)
		if (!a->remotes[i].is_used)
			return &a->remotes[i];
	return NULL;
}

static int refuse(struct ice_agent *a, enum ice_refusal why)
{
	a->stats.refused[why]++;
	return ADIT_EIGNORED;
}

/*
 * In the same subnet as one of ours, as far as that can be told without its mask. Not on a bridge to guests: every
 * machine with docker has the same one, and what the peer has there is not what we have there.
 */
static bool is_near(const struct ice_agent *a, const struct adit_addr *addr)
{
	size_t prefix = adit_addr_is_v4(addr) ? 3 : 8;

	for (size_t i = 0; i < ICE_BASES_MAX; i++) {
		const struct ice_base *b = &a->bases[i];

		if (b->is_used && !b->is_relayed && b->iface != ICE_IFACE_VIRTUAL && b->addr.family == addr->family &&
		    memcmp(b->addr.ip, addr->ip, prefix) == 0)
			return true;
	}
	return false;
}

static bool was_checked(const struct ice_agent *a, const struct ice_remote *r)
{
	for (size_t i = 0; i < ICE_PAIRS_MAX; i++) {
		const struct ice_pair *p = &a->pairs[i];

		if (p->is_used && &a->remotes[p->remote] == r &&
		    (p->first_at != ADIT_NEVER || p->txn.is_out || p->heard > 0))
			return true;
	}
	return false;
}

static void remote_drop(struct ice_agent *a, struct ice_remote *r)
{
	uint8_t index = (uint8_t)(r - a->remotes);

	for (size_t i = 0; i < ICE_PAIRS_MAX; i++)
		if (a->pairs[i].is_used && a->pairs[i].remote == index)
			a->pairs[i].is_used = false;
	r->is_used = false;
}

/* Of private addresses: those in our own subnets, then in the order of their owner, who has his guests' bridges last.
 */
static uint64_t private_worth(const struct ice_agent *a, const struct adit_addr *addr, uint32_t priority)
{
	return (uint64_t)is_near(a, addr) << 32 | priority;
}

/* The least worth of those that were not tried yet. */
static struct ice_remote *private_least(struct ice_agent *a, uint64_t *ret_worth)
{
	struct ice_remote *least = NULL;

	for (size_t i = 0; i < ICE_REMOTES_MAX; i++) {
		struct ice_remote *r = &a->remotes[i];
		uint64_t worth;

		if (!r->is_used || !ice_candidate_is_private(&r->cand.addr) || was_checked(a, r))
			continue;
		worth = private_worth(a, &r->cand.addr, r->cand.priority);
		if (least && worth >= *ret_worth)
			continue;
		least = r;
		*ret_worth = worth;
	}
	return least;
}

/*
 * May one more private address be checked? Three ever are, so that nobody searches the user's network through us; a
 * better one takes the place of one that was not tried yet.
 */
static bool private_admit(struct ice_agent *a, const struct adit_addr *addr, uint32_t priority)
{
	struct ice_remote *least;
	uint64_t worth = 0;

	if (a->n_private < a->cfg.private_max) {
		a->n_private++;
		return true;
	}
	least = private_least(a, &worth);
	if (!least || private_worth(a, addr, priority) <= worth)
		return false;
	remote_drop(a, least);
	a->stats.refused[ICE_REFUSED_PRIVATE]++;
	return true;
}

static int remote_check(struct ice_agent *a, const struct ice_candidate *c)
{
	enum ice_refusal why = ice_candidate_judge(&c->addr, a->cfg.allow_loopback);

	if (why != ICE_REFUSED_NOT)
		return refuse(a, why);
	if (c->component != 1)
		return refuse(a, ICE_REFUSED_COMPONENT);
	if (a->is_remote_ended)
		return refuse(a, ICE_REFUSED_LATE);
	if (c->ufrag && a->has_remote &&
	    (c->ufrag_len != strlen(a->desc.cred.ufrag) || memcmp(c->ufrag, a->desc.cred.ufrag, c->ufrag_len) != 0))
		return refuse(a, ICE_REFUSED_LATE);
	return 0;
}

/* RFC 8838 11: what was learnt keeps its priority, as its pairs have it already. */
static void remote_confirm(struct ice_remote *r, const struct ice_candidate *c)
{
	uint32_t priority = r->cand.priority;

	r->is_signalled = true;
	r->cand = *c;
	r->cand.priority = priority;
	r->cand.ufrag = NULL;
}

/* The peer's IPv4 address as we reach it, where we have none of our own. RFC 6052 3.1: not for private ones. */
static struct adit_addr through_nat64(const struct ice_agent *a, const struct adit_addr *addr)
{
	if (a->cfg.nat64.len == 0 || !adit_addr_is_v4(addr) || ice_candidate_is_private(addr))
		return *addr;
	for (size_t i = 0; i < ICE_BASES_MAX; i++)
		if (a->bases[i].is_used && !a->bases[i].is_relayed && adit_addr_is_v4(&a->bases[i].addr))
			return *addr;
	return adit_nat64_synthesize(&a->cfg.nat64, addr);
}

int ice_agent_add_remote(struct ice_agent *a, adit_time now, const struct ice_candidate *c)
{
	struct ice_candidate via = *c;
	struct ice_remote *r;

	if (now > a->now)
		a->now = now;
	if (ice_is_over(a) || remote_check(a, c) < 0)
		return ADIT_EIGNORED;
	via.addr = through_nat64(a, &c->addr);
	r = remote_find(a, &via.addr);
	if (r && r->is_signalled)
		return refuse(a, ICE_REFUSED_AGAIN);
	if (a->n_signalled == ICE_SIGNALLED_MAX)
		return refuse(a, ICE_REFUSED_FULL);
	if (r) {
		a->n_signalled++;
		remote_confirm(r, &via);
		return 0;
	}
	if (ice_candidate_is_private(&c->addr) && !private_admit(a, &c->addr, c->priority))
		return refuse(a, ICE_REFUSED_PRIVATE);
	r = remote_room(a);
	if (!r)
		return refuse(a, ICE_REFUSED_FULL);
	a->n_signalled++;
	*r = (struct ice_remote){.is_used = true, .is_signalled = true, .cand = via};
	r->cand.ufrag = NULL;
	ice_pairs_make(a);
	return 0;
}

void ice_agent_end_remote(struct ice_agent *a, adit_time now)
{
	a->is_remote_ended = true;
	ice_agent_tick(a, now);
}

/* One that was learnt, and over which nothing came to be. */
static bool is_hopeless(const struct ice_agent *a, const struct ice_remote *r)
{
	bool any = false;

	if (r->is_signalled)
		return false;
	for (size_t i = 0; i < ICE_PAIRS_MAX; i++) {
		const struct ice_pair *p = &a->pairs[i];

		if (!p->is_used || &a->remotes[p->remote] != r)
			continue;
		if (p->state != ICE_PAIR_FAILED || p->queued > 0)
			return false;
		any = true;
	}
	return any;
}

static struct ice_remote *learnt_room(struct ice_agent *a)
{
	struct ice_remote *hopeless = NULL;
	unsigned n = 0;

	for (size_t i = 0; i < ICE_REMOTES_MAX; i++) {
		struct ice_remote *r = &a->remotes[i];

		if (!r->is_used || r->is_signalled)
			continue;
		n++;
		if (is_hopeless(a, r))
			hopeless = r;
	}
	if (n < ICE_LEARNT_MAX)
		return remote_room(a);
	if (hopeless)
		remote_drop(a, hopeless);
	return hopeless;
}

size_t ice_remote_learn(struct ice_agent *a, const struct adit_addr *addr, uint32_t priority)
{
	struct ice_remote *r = remote_find(a, addr);
	enum ice_refusal why = ice_candidate_judge(addr, a->cfg.allow_loopback);

	if (r)
		return (size_t)(r - a->remotes);
	if (why == ICE_REFUSED_NOT && ice_candidate_is_private(addr) && !private_admit(a, addr, priority))
		why = ICE_REFUSED_PRIVATE;
	if (why == ICE_REFUSED_NOT) {
		r = learnt_room(a);
		why = r ? ICE_REFUSED_NOT : ICE_REFUSED_FULL;
	}
	if (!r) {
		(void)refuse(a, why);
		return ICE_REMOTES_MAX;
	}
	*r = (struct ice_remote){.is_used = true,
				 .cand = {.type = ICE_PRFLX, .component = 1, .priority = priority, .addr = *addr}};
	/* RFC 8445 7.3.1.3: like no other's; the star is in nobody's alphabet. */
	snprintf(r->cand.foundation, sizeof(r->cand.foundation), "*%u", ++a->learnt);
	return (size_t)(r - a->remotes);
}
