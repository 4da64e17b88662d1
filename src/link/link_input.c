/* Datagrams in: whose each is. */
#include <string.h>

#include "link/link_int.h"

/*
 * Serve: the connect side keeps a pair that the finder has seen, so it is kept here, too. (Of pairs of the finder
 * without servers it keeps none but the one in use: those ask each other by themselves.)
 */
static void follow_question(struct link *l, adit_time now, const struct adit_dgram *d)
{
	struct link_known *k = NULL;
	struct link_path *p;

	if (l->cfg.role == PUNCH_SERVE && l->session && l->session_path && d->sock >= LINK_REACH_SOCKS)
		k = link_known_find(l, now, d->sock, &d->remote);
	if (!k || k->instance != l->session_path->instance || !punch_path_is_question(l->session_path->keep, d))
		return;
	p = link_path_new(l, now, d->sock, &k->info, k->instance);
	if (p)
		link_watch_stand_by(l, now, p);
}

/* Several paths may share a socket: its own remote address first, then the one in use, which the peer may have left. */
static int paths_input(struct link *l, adit_time now, const struct adit_dgram *d)
{
	struct link_path *p = link_path_find(l, d->sock, &d->remote);
	int r = p ? punch_path_input(p->keep, now, d) : ADIT_EIGNORED;

	if (r == ADIT_EIGNORED && l->session_path && l->session_path != p && l->session_path->sock == d->sock)
		r = punch_path_input(l->session_path->keep, now, d);
	for (size_t i = 0; i < LINK_PATHS_MAX && r == ADIT_EIGNORED; i++)
		if (l->path[i].used && l->path[i].sock == d->sock)
			r = punch_path_input(l->path[i].keep, now, d);
	return r;
}

static int stun_input(struct link *l, adit_time now, const struct adit_dgram *d)
{
	int r;

	link_find_make_room(&l->find);
	if (!link_path_find(l, d->sock, &d->remote))
		follow_question(l, now, d);
	r = paths_input(l, now, d);
	if (r == ADIT_EIGNORED)
		r = link_find_input(&l->find, now, d);
	for (size_t i = 0; i < LINK_PATHS_MAX; i++)
		if (l->path[i].used)
			link_move_path_events(l, now, &l->path[i]);
	link_move_found(l, now);
	link_watch_step(l, now);
	return r;
}

/* Serve: a known address begins a handshake. */
static int begin_incoming(struct link *l, adit_time now, struct link_known *k, const struct adit_dgram *d)
{
	struct link_session **slot = l->session ? &l->incoming : &l->session;
	struct link_path **slot_path = l->session ? &l->incoming_path : &l->session_path;
	struct quic_config cfg;
	struct link_path *p;
	struct quic *q;

	if (*slot)
		return ADIT_EFULL; /* one at a time; it has LINK_ADMIT_WITHIN */
	p = link_path_new(l, now, d->sock, &k->info, k->instance);
	if (!p)
		return ADIT_EFULL;
	link_quic_config(l, p, &cfg);
	if (quic_accept(&cfg, now, p->gen, d->data, d->len, &q) < 0 || link_session_new(&l->cfg, now, q, slot) < 0) {
		link_path_drop(l, now, p);
		return ADIT_EPROTO;
	}
	*slot_path = p;
	if (slot == &l->session)
		link_set_state(l, now, LINK_SECURING);
	link_queue_path(l, LINK_EVENT_HOLE, p);
	return 0;
}

void link_heard(struct link *l, adit_time now, struct link_path *p)
{
	punch_path_heard(p->keep, now);
	if (link_path_in_use(l, p))
		punch_path_sent(p->keep, now); /* data were flowing: silence after them is worth a question */
	link_move_path_events(l, now, p);
}

static int feed(struct link_session *s, adit_time now, uint32_t gen, const struct adit_dgram *d)
{
	return quic_input(s->quic, now, gen, d->data, d->len, d->seg_size);
}

/*
 * The session's, over a path that is not in use. On the serve side QUIC knows whether the peer has moved there or the
 * packet was late; the connect side moves by itself, but takes what works when nothing else does. False: not the
 * peer's.
 */
static bool session_input(struct link *l, adit_time now, struct link_path *p, const struct adit_dgram *d)
{
	struct link_session *s = l->session;

	if (feed(s, now, p->gen, d) <= 0)
		return false;
	if (l->cfg.role == PUNCH_SERVE ? quic_path(s->quic) == p->gen : l->state == LINK_OUTAGE)
		link_move_to(l, now, p, LINK_WHY_PEER);
	link_heard(l, now, p);
	return true;
}

/* A session's packet from an address that is not a path: the peer moved there, if the address has proved itself. */
static int input_elsewhere(struct link *l, adit_time now, const struct adit_dgram *d)
{
	struct link_known *k = link_known_find(l, now, d->sock, &d->remote);
	struct link_path *p;

	if (!k)
		return ADIT_EIGNORED;
	if (!l->session || !quic_is_mine(l->session->quic, d->data, d->len)) {
		if (link_strands_begins(l, d->data, d->len))
			return 0; /* not over a path: QUIC repeats it */
		if (l->cfg.role == PUNCH_SERVE && l->state != LINK_OVER && quic_is_initial(d->data, d->len))
			return begin_incoming(l, now, k, d);
		return ADIT_EIGNORED;
	}
	if (l->cfg.role == PUNCH_CONNECT && l->state != LINK_OUTAGE) {
		(void)feed(l->session, now, l->session_path->gen, d); /* late; a path is what was proven */
		return 0;
	}
	p = link_path_new(l, now, d->sock, &k->info, k->instance);
	if (!p)
		return ADIT_EFULL;
	link_watch_stand_by(l, now, p);
	/* The first one may be a mere challenge: the peer moves there with the next ones, so the socket is kept. */
	if (!session_input(l, now, p, d))
		link_path_drop(l, now, p);
	return 0;
}

int link_quic_input(struct link *l, adit_time now, const struct adit_dgram *d)
{
	struct link_path *p = l->session_path;

	if (!p || p->sock != d->sock || !adit_addr_eq(&p->info.remote, &d->remote))
		p = link_path_find(l, d->sock, &d->remote);
	if (p && l->session && quic_is_mine(l->session->quic, d->data, d->len)) {
		if (p != l->session_path)
			(void)session_input(l, now, p, d);
		else if (feed(l->session, now, p->gen, d) > 0)
			link_heard(l, now, p);
		return 0;
	}
	/* Both may use one address pair: an Initial belongs to whom its connection id says, or is new. */
	p = l->incoming_path;
	if (!l->incoming || !p || p->sock != d->sock || !quic_is_mine(l->incoming->quic, d->data, d->len))
		return input_elsewhere(l, now, d);
	if (feed(l->incoming, now, p->gen, d) > 0)
		link_heard(l, now, p);
	return 0;
}

/* RFC 7983 and 9443: STUN starts with 0-3 and has the magic cookie, QUIC has the fixed bit. */
static bool is_stun(const uint8_t *data, size_t len)
{
	static const uint8_t cookie[4] = {0x21, 0x12, 0xa4, 0x42};

	return len >= 20 && data[0] <= 3 && memcmp(data + 4, cookie, sizeof(cookie)) == 0;
}

static int input_one(struct link *l, adit_time now, const struct adit_dgram *d)
{
	int r = ADIT_EIGNORED;

	if (is_stun(d->data, d->len))
		r = stun_input(l, now, d);
	else if (d->len > 0 && (d->data[0] & 0x40))
		r = link_strands(l) > 1 ? link_strands_input(l, now, d) : link_quic_input(l, now, d);
	return r;
}

/* A GRO batch may hold both kinds; nearly always it is QUIC alone and goes on whole. */
static bool is_all_quic(const struct adit_dgram *d)
{
	for (size_t at = 0; at < d->len; at += d->seg_size)
		if (!(d->data[at] & 0x40))
			return false;
	return true;
}

/* Out of the relay, which is a socket to all others. */
static int relay_input(struct link *l, adit_time now, const struct adit_dgram *d)
{
	int r = link_relay_input(&l->relay, now, d);
	struct adit_dgram one;

	while (r == 0 && link_relay_data(&l->relay, &one))
		(void)input_one(l, now, &one);
	link_relay_changed(l, now);
	return r;
}

int link_input(struct link *l, adit_time now, const struct adit_dgram *d)
{
	int r = ADIT_EIGNORED;

	link_wake(l, now);
	if (link_relay_is_turn(d->sock))
		return relay_input(l, now, d);
	if (d->seg_size == 0 || is_all_quic(d))
		return input_one(l, now, d);
	for (size_t at = 0; at < d->len; at += d->seg_size) {
		struct adit_dgram one = *d;

		one.data = d->data + at;
		one.len = d->len - at < d->seg_size ? d->len - at : d->seg_size;
		one.seg_size = 0;
		if (input_one(l, now, &one) != ADIT_EIGNORED)
			r = 0;
	}
	return r;
}
