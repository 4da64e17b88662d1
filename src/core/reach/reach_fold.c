/*
 * The engine at rest in little memory: thousands of lanes wait for their peers, or have their paths, and each of them
 * searches for a few seconds a day. What is kept is the beginning of struct reach, and behind it the mediators' names,
 * the sockets that are in use and the accounts of the last attempt.
 */
#include <assert.h>
#include <string.h>

#include "core/reach/reach_int.h"

#define KEPT (offsetof(struct reach, meet) + MEET_CLIENT_KEPT)

struct folded_sock {
	struct reach_sock sock;
	uint16_t slot;
};

_Static_assert(KEPT % _Alignof(struct folded_sock) == 0, "what stands behind it is aligned");
_Static_assert(sizeof(((struct reach *)0)->names[0]) % _Alignof(struct folded_sock) == 0, "likewise");
_Static_assert(sizeof(struct folded_sock) % _Alignof(struct reach_account) == 0, "likewise");

/* False: a socket whose use ends with what is under way. */
static bool is_lasting(const struct reach_sock *s)
{
	return s->state == REACH_SOCK_TAKEN ||
	       (s->state == REACH_SOCK_OPEN &&
		(s->use == REACH_USE_HOME || s->use == REACH_USE_OLD || s->use == REACH_USE_MAPPED));
}

static bool are_views_at_rest(const struct reach *r)
{
	for (unsigned f = 0; f < 2; f++)
		if (r->measure.view[f].phase == REACH_PHASE_ASK || r->measure.view[f].phase == REACH_PHASE_BURST)
			return false;
	return stun_client_count(&r->measure.client) == 0;
}

static bool is_at_rest(const struct reach *r)
{
	bool is_calm = (r->state == REACH_WAITING || r->state == REACH_DONE) && r->state_until == ADIT_NEVER;

	return is_calm && !r->has_agent && r->events_n == 0 && r->n_openers == 0 && r->n_told == 0 &&
	       !r->window.is_out && !r->window.is_open && !r->salvo.is_search && r->salvo.n_closing == 0 &&
	       are_views_at_rest(r) && meet_client_is_at_rest(&r->meet);
}

size_t reach_folded_size(const struct reach *r)
{
	size_t size = KEPT + r->n_mediators * sizeof(r->names[0]) + r->n_past * sizeof(r->past[0]);

	if (!is_at_rest(r))
		return 0;
	for (size_t i = 0; i < REACH_SOCK_SLOTS; i++) {
		if (r->socks[i].state == REACH_SOCK_FREE)
			continue;
		if (!is_lasting(&r->socks[i]))
			return 0;
		size += sizeof(struct folded_sock);
	}
	return size;
}

bool reach_is_folded(const struct reach *r)
{
	return r->folded > 0;
}

/* Nothing but mediators has anything to say to one at rest. Several in one datagram are not told apart here. */
bool reach_folded_wants(struct reach *folded, const struct adit_dgram *d)
{
	bool is_wanted = d->seg_size > 0 || meet_client_may_take(&folded->meet, &d->remote, d->data, d->len);

	folded->stats.other += !is_wanted;
	return is_wanted;
}

/* The farthest that any socket's turn has come: from there on numbers are new. */
static uint8_t turn_of(const struct reach *r)
{
	unsigned most = 0;

	for (size_t i = 0; i < REACH_SOCK_SLOTS; i++) {
		unsigned turns = (r->socks[i].turn + REACH_SOCK_TURNS - r->turn) % REACH_SOCK_TURNS;

		most = turns > most ? turns : most;
	}
	return (uint8_t)((r->turn + most) % REACH_SOCK_TURNS);
}

static void *append(uint8_t **at, const void *data, size_t len)
{
	void *to = *at;

	memcpy(to, data, len);
	*at += len;
	return to;
}

void reach_fold(const struct reach *r, struct reach *ret_folded)
{
	uint8_t *at = (uint8_t *)ret_folded;

	assert(r->folded == 0);
	append(&at, r, KEPT);
	append(&at, r->names, r->n_mediators * sizeof(r->names[0]));
	for (size_t i = 0; i < REACH_SOCK_SLOTS; i++)
		if (r->socks[i].state != REACH_SOCK_FREE)
			append(&at, &(struct folded_sock){.sock = r->socks[i], .slot = (uint16_t)i},
			       sizeof(struct folded_sock));
	ret_folded->past = append(&at, r->past, r->n_past * sizeof(r->past[0]));
	ret_folded->turn = turn_of(r);
	if (r->cfg.budget == &r->own_budget)
		ret_folded->cfg.budget = &ret_folded->own_budget;
	ret_folded->folded = (size_t)(at - (uint8_t *)ret_folded);
}

static void take(const uint8_t **at, void *to, size_t len)
{
	memcpy(to, *at, len);
	*at += len;
}

void reach_unfold(struct reach *r, const struct reach *folded)
{
	const uint8_t *at = (const uint8_t *)folded;
	const uint8_t *past = (const uint8_t *)folded->past;

	assert(folded->folded > 0);
	take(&at, r, KEPT);
	take(&at, r->names, r->n_mediators * sizeof(r->names[0]));
	for (size_t i = 0; i < REACH_SOCK_SLOTS && r->turn > 0; i++)
		r->socks[i].turn = r->turn;
	while (at < past) {
		struct folded_sock s;

		take(&at, &s, sizeof(s));
		r->socks[s.slot] = s.sock;
	}
	take(&at, r->past_room, r->n_past * sizeof(r->past_room[0]));
	r->past = r->past_room;
	r->folded = 0;
	r->has_answered = false; /* |own_offer| was not kept */
	r->is_stirred = false;
	if (folded->cfg.budget == &folded->own_budget)
		r->cfg.budget = &r->own_budget;
	r->measure.slot = r->ask_slots;
	stun_client_move(&r->measure.client, &r->cfg.rng, r->ask_slots);
	reach_salvo_init(&r->salvo, &r->cfg.rng, r->cfg.budget);
}
