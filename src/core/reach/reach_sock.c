/* The engine's sockets: one table for all uses, numbers that are not used again soon, and the homes. */
#include "core/reach/reach_int.h"

uint32_t reach_sock_number(const struct reach *r, uint16_t slot)
{
	return r->cfg.sock_base + r->socks[slot].turn * REACH_SOCK_SLOTS + slot;
}

uint16_t reach_sock_open(struct reach *r, enum reach_use use, uint8_t family, uint16_t port)
{
	for (uint16_t i = 0; i < REACH_SOCK_SLOTS; i++) {
		struct reach_sock *s = &r->socks[i];

		if (s->state != REACH_SOCK_FREE)
			continue;
		*s = (struct reach_sock){.state = REACH_SOCK_WANTED,
					 .use = use,
					 .family = family,
					 .opened_at = r->now,
					 .turn = (uint8_t)((s->turn + 1u) % REACH_SOCK_TURNS),
					 .port = port};
		r->n_due++;
		r->stats.socks_open++;
		r->stats.socks_opened++;
		if (r->stats.socks_open > r->stats.socks_max)
			r->stats.socks_max = r->stats.socks_open;
		return i;
	}
	return REACH_NO_SOCK;
}

void reach_sock_close(struct reach *r, uint16_t slot)
{
	struct reach_sock *s = slot < REACH_SOCK_SLOTS ? &r->socks[slot] : NULL;

	if (!s || (s->state != REACH_SOCK_OPEN && s->state != REACH_SOCK_WANTED))
		return;
	stun_client_cancel_sock(&r->measure.client, reach_sock_number(r, slot));
	if (s->state == REACH_SOCK_OPEN)
		r->n_due++;
	else
		r->n_due--;
	s->state = s->state == REACH_SOCK_OPEN ? REACH_SOCK_CLOSING : REACH_SOCK_FREE;
	r->stats.socks_open--;
}

uint16_t reach_sock_find(const struct reach *r, uint32_t number)
{
	uint32_t n = number - r->cfg.sock_base;
	uint16_t slot = (uint16_t)(n % REACH_SOCK_SLOTS);

	if (number < r->cfg.sock_base || n >= REACH_SOCK_SPAN || reach_sock_number(r, slot) != number)
		return REACH_NO_SOCK;
	return r->socks[slot].state == REACH_SOCK_OPEN || r->socks[slot].state == REACH_SOCK_TAKEN ? slot
												   : REACH_NO_SOCK;
}

bool reach_sock_is_live(const struct reach *r, uint32_t number)
{
	return reach_relay_is_sock(r, number) || reach_sock_find(r, number) != REACH_NO_SOCK;
}

/* Closings first: their ports and entries may be wanted again. */
int reach_socks_output(struct reach *r, struct adit_out *ret_out)
{
	for (uint16_t i = 0; i < REACH_SOCK_SLOTS && r->n_due > 0; i++) {
		if (r->socks[i].state != REACH_SOCK_CLOSING)
			continue;
		r->n_due--;
		*ret_out = (struct adit_out){.kind = ADIT_OUT_CLOSE, .sock = reach_sock_number(r, i)};
		r->socks[i].state = REACH_SOCK_FREE;
		return 1;
	}
	for (uint16_t i = 0; i < REACH_SOCK_SLOTS && r->n_due > 0; i++) {
		struct reach_sock *s = &r->socks[i];

		if (s->state != REACH_SOCK_WANTED)
			continue;
		r->n_due--;
		*ret_out = (struct adit_out){.kind = ADIT_OUT_OPEN,
					     .sock = reach_sock_number(r, i),
					     .local = {.family = s->family, .port = s->port}};
		s->state = REACH_SOCK_OPEN;
		return 1;
	}
	return 0;
}

/* ---- homes ---- */

/* Is there anything of this family to talk from, and to? Where nobody has said which addresses there are: perhaps. */
static bool is_family_used(const struct reach *r, unsigned family)
{
	if (r->cfg.relay_only || (r->n_hosts > 0 && !reach_has_host(r, family)))
		return false;
	for (size_t i = 0; i < r->measure.n_dests; i++)
		if (reach_family_index(r->measure.dest[i].addr.family) == family)
			return true;
	return reach_has_host(r, family);
}

static uint16_t random_port(const struct reach *r)
{
	return (uint16_t)(REACH_PORT_MIN + adit_rng_below(&r->cfg.rng, REACH_PORT_COUNT));
}

uint16_t reach_home_pinned(const struct reach *r, unsigned family)
{
	return family == 0 && r->cfg.is_forwarded ? 0 : r->cfg.port;
}

/* The user's, while nobody else has it: a path may have taken it along. */
static uint16_t home_port(const struct reach *r, unsigned family)
{
	uint16_t pinned = reach_home_pinned(r, family);

	for (size_t i = 0; i < REACH_SOCK_SLOTS; i++) {
		const struct reach_sock *s = &r->socks[i];

		if (s->state == REACH_SOCK_TAKEN && s->port == pinned && reach_family_index(s->family) == family)
			return random_port(r);
	}
	return pinned != 0 && r->reopen[family].failed == 0 ? pinned : random_port(r);
}

static void home_open(struct reach *r, unsigned family)
{
	struct reach_reopen *again = &r->reopen[family];
	uint16_t slot;

	if (again->at == ADIT_NEVER)
		again->failed = 0; /* the one before it could be opened */
	again->at = ADIT_NEVER;
	slot = reach_sock_open(r, REACH_USE_HOME, reach_family_of(family), home_port(r, family));
	r->home[family] = slot;
	r->is_spent[family] = false;
	if (slot == REACH_NO_SOCK)
		return;
	adit_trace(r->cfg.log, ADIT_LOG_DECIDE, "reach_home family=%u sock=%u port=%u", family ? 6u : 4u,
		   (unsigned)reach_sock_number(r, slot), (unsigned)r->socks[slot].port);
	meet_client_moved(&r->meet, r->now, reach_family_of(family));
	reach_measure_start(r, family);
}

void reach_homes_open(struct reach *r)
{
	for (unsigned f = 0; f < 2; f++)
		if (r->home[f] == REACH_NO_SOCK && is_family_used(r, f))
			home_open(r, f);
	reach_mapped_open(r);
}

void reach_homes_freshen(struct reach *r)
{
	for (unsigned f = 0; f < 2; f++)
		if (r->wants_fresh && r->home[f] != REACH_NO_SOCK &&
		    adit_time_since(r->now, r->socks[r->home[f]].opened_at) > REACH_HOME_OLD)
			r->is_spent[f] = true;
}

void reach_home_close(struct reach *r, unsigned family)
{
	if (r->home[family] != REACH_NO_SOCK)
		reach_sock_close(r, r->home[family]);
	r->home[family] = REACH_NO_SOCK;
}

void reach_home_renew(struct reach *r, unsigned family)
{
	uint16_t slot = r->home[family];

	if (slot == REACH_NO_SOCK)
		return;
	if (reach_home_pinned(r, family) != 0)
		return; /* the user wants just this one */
	stun_client_cancel_sock(&r->measure.client, reach_sock_number(r, slot));
	r->socks[slot].use = REACH_USE_OLD;
	r->home[family] = REACH_NO_SOCK;
	if (is_family_used(r, family))
		home_open(r, family);
}

static void home_failed(struct reach *r, unsigned family)
{
	struct reach_reopen *again = &r->reopen[family];
	unsigned late = again->failed < REACH_REOPEN_SOON ? 0 : again->failed - REACH_REOPEN_SOON;

	r->home[family] = REACH_NO_SOCK;
	again->at = again->failed < REACH_REOPEN_SOON ? r->now : adit_time_add(r->now, REACH_REOPEN << late);
	if (late < REACH_REOPEN_DOUBLE)
		again->failed++;
}

void reach_sock_failed(struct reach *r, adit_time now, uint32_t sock)
{
	uint16_t slot = reach_sock_find(r, sock);

	if (now > r->now)
		r->now = now;
	if (slot == REACH_NO_SOCK || r->socks[slot].state != REACH_SOCK_OPEN)
		return;
	adit_trace(r->cfg.log, ADIT_LOG_DECIDE, "reach_sock_failed sock=%u use=%d port=%u", (unsigned)sock,
		   (int)r->socks[slot].use, (unsigned)r->socks[slot].port);
	stun_client_cancel_sock(&r->measure.client, sock);
	if (r->socks[slot].use == REACH_USE_SALVO)
		reach_fire_lost(r, slot);
	r->socks[slot].state = REACH_SOCK_FREE;
	r->stats.socks_open--;
	reach_measure_sock_failed(r, slot);
	for (unsigned f = 0; f < 2; f++)
		if (r->home[f] == slot)
			home_failed(r, f);
	reach_socks_tick(r);
	reach_step(r);
}

void reach_socks_tick(struct reach *r)
{
	for (unsigned f = 0; f < 2; f++) {
		if (r->now < r->reopen[f].at)
			continue;
		if (r->state != REACH_IDLE)
			reach_homes_open(r);
		r->reopen[f].at = ADIT_NEVER;
	}
}

adit_time reach_socks_deadline(const struct reach *r)
{
	return r->n_due > 0 ? r->now : adit_time_min(r->reopen[0].at, r->reopen[1].at);
}
