#include "quic/quic_path.h"

#include <string.h>

static struct sockaddr_in virtual_addr(uint32_t number)
{
	/* The port is any but 0. */
	return (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(1), .sin_addr.s_addr = htonl(number)};
}

static struct quic_route *route_of(struct quic_paths *p, uint32_t number)
{
	return &p->routes[number % QUIC_PATHS_MAX];
}

/* Number 0 is the end that never moves. */
static void paths_show(struct quic_paths *p)
{
	struct sockaddr_in *moving = p->is_server ? &p->remote : &p->local;

	*moving = virtual_addr(p->current);
}

void quic_paths_init(struct quic_paths *p, bool is_server, uint32_t path, adit_time now)
{
	*p = (struct quic_paths){
		.current = 1, .is_server = is_server, .heard_at = now, .tokens = QUIC_PATH_TOKENS, .token_at = now};
	p->local = p->remote = virtual_addr(0);
	p->lib.local.addr = (struct sockaddr *)&p->local;
	p->lib.local.addrlen = sizeof(p->local);
	p->lib.remote.addr = (struct sockaddr *)&p->remote;
	p->lib.remote.addrlen = sizeof(p->remote);
	route_of(p, p->current)->path = path;
	paths_show(p);
}

void quic_paths_migrate(struct quic_paths *p, uint32_t path)
{
	p->current++;
	*route_of(p, p->current) = (struct quic_route){.path = path};
	paths_show(p);
}

void quic_paths_stay(struct quic_paths *p)
{
	p->current--;
	paths_show(p);
}

void quic_paths_move(struct quic_paths *p, uint32_t path)
{
	route_of(p, p->current)->path = path;
}

static void paths_use(struct quic_paths *p, const uint8_t cid[QUIC_CID_LEN])
{
	memcpy(p->used[p->n_used++ % QUIC_CIDS_MAX], cid, QUIC_CID_LEN);
}

static bool paths_has_used(const struct quic_paths *p, const uint8_t cid[QUIC_CID_LEN])
{
	for (unsigned i = 0; i < p->n_used && i < QUIC_CIDS_MAX; i++)
		if (memcmp(p->used[i], cid, QUIC_CID_LEN) == 0)
			return true;
	return false;
}

void quic_paths_first_cid(struct quic_paths *p, const uint8_t cid[QUIC_CID_LEN])
{
	memcpy(route_of(p, 1)->cid, cid, QUIC_CID_LEN);
	paths_use(p, cid);
}

void quic_paths_settled(struct quic_paths *p)
{
	p->unacked = 0;
}

void quic_paths_renew(struct quic_paths *p)
{
	struct quic_route same = *route_of(p, p->current);

	p->current++;
	*route_of(p, p->current) = same;
	paths_show(p);
}

static bool route_is(const struct quic_route *r, uint32_t path, const uint8_t cid[QUIC_CID_LEN])
{
	return r->path == path && memcmp(r->cid, cid, QUIC_CID_LEN) == 0;
}

static bool paths_has_left(const struct quic_paths *p, uint32_t path, const uint8_t cid[QUIC_CID_LEN])
{
	for (unsigned i = 0; i < p->n_left && i < QUIC_PATHS_MAX; i++)
		if (route_is(&p->left[i], path, cid))
			return true;
	return false;
}

bool quic_paths_is_current(const struct quic_paths *p, uint32_t path, const uint8_t cid[QUIC_CID_LEN])
{
	return route_is(&p->routes[p->current % QUIC_PATHS_MAX], path, cid);
}

/* One token per QUIC_PATH_TOKEN_EVERY, QUIC_PATH_TOKENS at most. */
static bool paths_may_begin(struct quic_paths *p, adit_time now)
{
	while (p->tokens < QUIC_PATH_TOKENS && adit_time_since(now, p->token_at) >= QUIC_PATH_TOKEN_EVERY) {
		p->tokens++;
		p->token_at += QUIC_PATH_TOKEN_EVERY;
	}
	if (p->tokens == QUIC_PATH_TOKENS)
		p->token_at = now;
	return p->tokens > 0 && p->unacked < QUIC_MIGRATIONS_UNACKED;
}

void quic_paths_heard(struct quic_paths *p, adit_time now, uint32_t path, const uint8_t cid[QUIC_CID_LEN],
		      bool is_stalled)
{
	const struct quic_route *current = route_of(p, p->current);

	p->is_trial = false;
	p->is_shown = false;
	p->is_current = quic_paths_is_current(p, path, cid);
	if (p->is_current)
		return;
	if (adit_time_since(now, p->heard_at) < QUIC_PATH_RETURN && paths_has_left(p, path, cid))
		return;
	p->is_trial = true;
	p->trial.path = path;
	memcpy(p->trial.cid, cid, QUIC_CID_LEN);
	/* Where it may not begin, the library keeps what it knows of the path before: only less than perfect. */
	p->is_shown = (path != current->path || is_stalled || p->is_armed || p->is_moved) && !paths_has_used(p, cid) &&
		      paths_may_begin(p, now);
	if (p->is_shown)
		p->remote = virtual_addr(p->current + 1);
}

static void paths_follow(struct quic_paths *p)
{
	struct quic_route *current = route_of(p, p->current);

	p->left[p->n_left++ % QUIC_PATHS_MAX] = *current;
	if (p->is_shown) {
		p->unacked++;
		p->tokens--;
		p->current++;
		p->is_armed = false;
		p->is_moved = false;
		current = route_of(p, p->current);
	} else if (current->path != p->trial.path) {
		p->is_moved = true;
	}
	*current = p->trial;
	if (!paths_has_used(p, p->trial.cid))
		paths_use(p, p->trial.cid);
}

bool quic_paths_judge(struct quic_paths *p, adit_time now, bool is_authentic)
{
	bool has_begun = is_authentic && p->is_trial && p->is_shown;

	if (is_authentic && (p->is_trial || p->is_current))
		p->heard_at = now;
	if (is_authentic && p->is_trial)
		paths_follow(p);
	p->is_trial = false;
	p->is_shown = false;
	paths_show(p);
	return has_begun;
}

uint32_t quic_paths_number(const struct quic_paths *p, const ngtcp2_path *lib)
{
	const ngtcp2_addr *moving = p->is_server ? &lib->remote : &lib->local;
	struct sockaddr_in in;

	if (moving->addrlen != sizeof(in))
		return 0;
	memcpy(&in, moving->addr, sizeof(in));
	return ntohl(in.sin_addr.s_addr);
}

bool quic_paths_user(const struct quic_paths *p, const ngtcp2_path *lib, uint32_t *ret_path)
{
	uint32_t n = quic_paths_number(p, lib);

	if (n == 0 || n > p->current || p->current - n >= QUIC_PATHS_MAX)
		return false;
	*ret_path = p->routes[n % QUIC_PATHS_MAX].path;
	return true;
}
