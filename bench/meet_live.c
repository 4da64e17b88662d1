/* Everyday life of a crowd: timers of a hundred thousand peers, newcomers, and a mediator that dies. */
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "meet_crowd.h"

#define TICK    0.01 /* seconds of one place of the wheel */
#define WHEEL   8192 /* places: 82 s */
#define RTO     0.5 /* meet_limits.h: MEET_RTO, MEET_TRIES, MEET_BACKOFF; this is what peers do */
#define TRIES   5
#define BACKOFF 10.0
#define LATE    20.0
#define EVENTS  256
#define NONE    UINT32_MAX

/*
 *   state      left when
 *   IDLE       the keepalive is due (REFRESH)
 *   REFRESH    answered (IDLE), not known there (REGISTER), no answer (COOKIE)
 *   COOKIE     a cookie comes (REGISTER)
 *   REGISTER   answered (IDLE), the cookie is stale (REGISTER, with the next one), no answer (COOKIE)
 */
enum life_state {
	IDLE,
	REFRESH,
	COOKIE,
	REGISTER,
};

struct life {
	uint8_t state;
	uint8_t tries;
	bool is_back; /* registered at the mediator that runs now */
	uint32_t next, prev; /* at its place of the wheel; NONE: the last, the first */
	uint32_t place;
	double asked_at; /* the first of these tries */
	uint8_t cookie[STUN_COOKIE_LEN];
	struct crowd_request *request; /* REGISTER: signed once, sent again as it is */
};

struct live {
	struct crowd *c;
	struct life *lives;
	uint32_t wheel[WHEEL];
	uint64_t tick;
	double began_at;
	double keepalive;
	int epoll;
	unsigned back;
	uint64_t random;
	struct crowd_live *r;
};

static uint64_t next_random(struct live *l)
{
	l->random ^= l->random << 13; /* xorshift64 */
	l->random ^= l->random >> 7;
	return l->random ^= l->random << 17;
}

static void wheel_add(struct live *l, unsigned n, double at)
{
	uint64_t tick = (uint64_t)((at - l->began_at) / TICK) + 1;
	struct life *f = &l->lives[n];

	if (tick <= l->tick)
		tick = l->tick + 1;
	f->place = (uint32_t)(tick % WHEEL);
	f->next = l->wheel[f->place];
	f->prev = NONE;
	if (f->next != NONE)
		l->lives[f->next].prev = n;
	l->wheel[f->place] = n;
}

static void wheel_del(struct live *l, unsigned n)
{
	struct life *f = &l->lives[n];

	if (f->next != NONE)
		l->lives[f->next].prev = f->prev;
	if (f->prev != NONE)
		l->lives[f->prev].next = f->next;
	else
		l->wheel[f->place] = f->next;
}

static void wheel_move(struct live *l, unsigned n, double at)
{
	wheel_del(l, n);
	wheel_add(l, n, at);
}

static void say(struct live *l, unsigned n)
{
	struct life *f = &l->lives[n];

	f->tries++;
	if (f->state == REFRESH) {
		crowd_refresh(l->c, n);
	} else if (f->state == COOKIE) {
		crowd_ask_cookie(l->c, n);
	} else if (f->state == REGISTER) {
		if (!f->request) {
			f->request = malloc(sizeof(*f->request));
			if (!f->request)
				crowd_die("memory");
			crowd_sign(l->c, n, f->cookie, f->request);
		}
		(void)!send(l->c->fds[crowd_address(l->c, n)], f->request->data, f->request->len, 0);
	}
}

static void enter(struct live *l, unsigned n, enum life_state state)
{
	l->lives[n].state = (uint8_t)state;
	l->lives[n].tries = 0;
	free(l->lives[n].request);
	l->lives[n].request = NULL;
}

/* A peer's time has come: the first try, the next one, or giving up for a while. When it wants to be asked again. */
static double turn(struct live *l, unsigned n, double now)
{
	struct life *f = &l->lives[n];

	if (f->state == IDLE) {
		enter(l, n, REFRESH);
		f->asked_at = now;
	}
	if (f->tries == TRIES) {
		enter(l, n, COOKIE);
		return now + BACKOFF;
	}
	say(l, n);
	return now + RTO * (1 << (f->tries - 1));
}

static void set_back(struct live *l, unsigned n, double now)
{
	if (l->lives[n].is_back)
		return;
	l->lives[n].is_back = true;
	l->back++;
	if (l->back == l->c->n_peers / 2)
		l->r->half_back = now;
	if (l->back == l->c->n_peers)
		l->r->all_back = now;
}

static void settled(struct live *l, unsigned n, double now)
{
	struct life *f = &l->lives[n];

	l->r->late += now - f->asked_at > LATE;
	enter(l, n, IDLE);
	wheel_move(l, n, now + l->keepalive);
}

static void heard(struct live *l, const struct stun_msg *m, int fd, double now)
{
	const uint8_t *handle = meet_msg_bytes(m, MEET_ATTR_HANDLE, MEET_HANDLE_LEN);
	const uint8_t *cookie = meet_msg_bytes(m, STUN_ATTR_ADIT_COOKIE, STUN_COOKIE_LEN);
	struct life *f;
	unsigned n;

	memcpy(&n, m->txid, sizeof(n));
	if (m->class == STUN_REQUEST)
		crowd_answer(fd, m);
	if (n >= l->c->n_peers || m->class == STUN_REQUEST)
		return;
	f = &l->lives[n];
	if (m->class == STUN_SUCCESS && handle && f->state == REGISTER) {
		memcpy(l->c->peers[n].handle, handle, MEET_HANDLE_LEN);
		l->r->registered++;
		settled(l, n, now);
		set_back(l, n, now);
	} else if (m->class == STUN_SUCCESS && m->method == MEET_REFRESH && f->state == REFRESH) {
		l->r->refreshed++;
		settled(l, n, now);
	} else if (m->class == STUN_ERROR && cookie && f->state != IDLE &&
		   !(f->state == REGISTER && memcmp(cookie, f->cookie, STUN_COOKIE_LEN) == 0)) {
		memcpy(f->cookie, cookie, STUN_COOKIE_LEN);
		enter(l, n, REGISTER);
		say(l, n);
		wheel_move(l, n, now + RTO);
	}
}

static void hear_all(struct live *l, int wait)
{
	struct epoll_event ev[EVENTS];
	int n = epoll_wait(l->epoll, ev, EVENTS, wait);
	double now = crowd_now();

	for (int i = 0; i < n; i++) {
		uint8_t buf[2048];
		struct stun_msg m;

		while (crowd_receive(ev[i].data.fd, 0, buf, sizeof(buf), &m))
			heard(l, &m, ev[i].data.fd, now);
	}
}

static void run_wheel(struct live *l, double now)
{
	while ((double)(l->tick + 1) * TICK < now - l->began_at) {
		uint32_t n;

		l->tick++;
		while ((n = l->wheel[l->tick % WHEEL]) != NONE)
			wheel_move(l, n, turn(l, n, now));
	}
}

/* Somebody goes without a word, and somebody else comes. */
static void replace_one(struct live *l, double now)
{
	unsigned n = (unsigned)(next_random(l) % l->c->n_peers);

	l->c->peers[n].life++;
	l->c->peers[n].has_key = false;
	enter(l, n, COOKIE);
	l->lives[n].asked_at = now;
	say(l, n);
	wheel_move(l, n, now + RTO);
}

/* What the dead one still had said is not the new one's word. */
static void forget_all(struct live *l)
{
	uint8_t buf[2048];
	struct stun_msg m;

	for (unsigned i = 0; i < l->c->n_addresses; i++)
		while (crowd_receive(l->c->fds[i], 0, buf, sizeof(buf), &m))
			;
	for (unsigned n = 0; n < l->c->n_peers; n++)
		l->lives[n].is_back = false;
	l->back = 0;
	l->r->half_back = l->r->all_back = -1;
}

static void init(struct live *l)
{
	double now = crowd_now();

	l->random = 88172645463325252u;
	l->began_at = now;
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	l->lives = calloc(l->c->n_peers, sizeof(*l->lives));
	if (l->epoll < 0 || !l->lives)
		crowd_die("memory");
	memset(l->wheel, 0xff, sizeof(l->wheel));
	for (unsigned i = 0; i < l->c->n_addresses; i++) {
		struct epoll_event ev = {.events = EPOLLIN, .data.fd = l->c->fds[i]};

		if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, l->c->fds[i], &ev) < 0)
			crowd_die("epoll");
	}
	for (unsigned n = 0; n < l->c->n_peers; n++)
		wheel_add(l, n, now + l->keepalive * (double)(next_random(l) % 1000) / 1000);
}

void crowd_live(struct crowd *c, struct crowd_mediator *m, double seconds, double keepalive, double churn, bool restart,
		struct crowd_live *ret_live)
{
	static struct live l;
	uint64_t gone = 0;
	double kill_at = restart ? seconds / 4 : 1e9, cpu = crowd_cpu(m), end, killed = 0;

	l = (struct live){.c = c, .keepalive = keepalive, .r = ret_live};
	*ret_live = (struct crowd_live){.half_back = -1, .all_back = -1};
	init(&l);
	for (end = l.began_at + seconds; crowd_now() < end && ret_live->all_back < 0;) {
		double now = crowd_now();

		if (now - l.began_at > kill_at) {
			crowd_kill(m);
			forget_all(&l);
			crowd_start(m);
			killed = crowd_now();
			kill_at = 1e9;
			end = killed + seconds;
			cpu = 0;
		}
		for (uint64_t due = (uint64_t)(churn * c->n_peers * (now - l.began_at)); gone < due; gone++)
			replace_one(&l, now);
		run_wheel(&l, now);
		hear_all(&l, 2);
	}
	ret_live->seconds = crowd_now() - (killed > 0 ? killed : l.began_at);
	for (unsigned n = 0; n < c->n_peers; n++) {
		ret_live->late += l.lives[n].state != IDLE && crowd_now() - l.lives[n].asked_at > LATE;
		free(l.lives[n].request);
	}
	ret_live->mediator_cpu = crowd_cpu(m) - cpu;
	if (ret_live->all_back > 0)
		ret_live->all_back -= killed;
	if (ret_live->half_back > 0)
		ret_live->half_back -= killed;
	close(l.epoll);
	free(l.lives);
}
