/* Everyday life of a crowd: timers of a million peers, newcomers, and a mediator that dies. */
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "meet_crowd.h"

#define TICK     0.001 /* seconds of one place of the wheel */
#define WHEEL    32768 /* places: more than a keepalive, a backoff and the longest wait for an answer */
#define RTO      0.5 /* meet_limits.h: MEET_RTO, MEET_TRIES, MEET_BACKOFF; this is what peers do */
#define TRIES    5
#define BACKOFF  10.0
#define LIFETIME 75.0 /* MEET_LIFETIME */
#define LATE     20.0
#define BURST    256 /* said in one go: the mediator's socket holds some thousands with the system's defaults */
#define ARRIVING 96 /* newcomers at once while the crowd grows: 9 ms of signatures, which refreshes wait for */
#define HANDFUL  8 /* of them sign before they are sent: the mediator is busy meanwhile */
#define NONE     UINT32_MAX

/*
 *   state      left when
 *   ABSENT     it comes (REGISTER)
 *   IDLE       the keepalive is due (REFRESH)
 *   REFRESH    answered (IDLE), not known there (REGISTER), no answer (COOKIE)
 *   COOKIE     a cookie comes (REGISTER)
 *   REGISTER   answered (IDLE), the cookie is stale (REGISTER, with the next one), no answer (COOKIE)
 */
enum life_state {
	ABSENT,
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
	double heard_at; /* that it is registered, last; 0: never */
	uint8_t cookie[STUN_COOKIE_LEN];
	struct crowd_request *request; /* REGISTER: signed once, sent again as it is */
};

struct live {
	struct crowd *c;
	const struct crowd_plan *plan;
	struct life *lives;
	uint32_t wheel[WHEEL];
	uint64_t tick;
	double began_at;
	unsigned back; /* is_back */
	unsigned come; /* peers that are not ABSENT */
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

	l->r->repeated += f->tries++ > 0;
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
		crowd_register(l->c, n, f->request);
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
	f->heard_at = now;
	enter(l, n, IDLE);
	wheel_move(l, n, now + l->plan->keepalive);
}

/* |address|: where |m| came. */
static void heard(struct live *l, const struct stun_msg *m, unsigned address, double now)
{
	const uint8_t *handle = meet_msg_bytes(m, MEET_ATTR_HANDLE, MEET_HANDLE_LEN);
	const uint8_t *cookie = meet_msg_bytes(m, STUN_ATTR_ADIT_COOKIE, STUN_COOKIE_LEN);
	struct life *f;
	unsigned n;

	memcpy(&n, m->txid, sizeof(n));
	if (m->class == STUN_REQUEST)
		crowd_answer(l->c, address, m);
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
	} else if (m->class == STUN_ERROR && cookie && f->state > IDLE &&
		   !(f->state == REGISTER && memcmp(cookie, f->cookie, STUN_COOKIE_LEN) == 0)) {
		memcpy(f->cookie, cookie, STUN_COOKIE_LEN);
		memcpy(l->c->cookies[address], cookie, STUN_COOKIE_LEN);
		enter(l, n, REGISTER);
		say(l, n);
		wheel_move(l, n, now + RTO);
	}
}

static void hear_all(struct live *l)
{
	struct stun_msg m;
	unsigned address;

	crowd_flush(l->c);
	crowd_wait(l->c, 1);
	while (crowd_receive(l->c, &m, &address))
		heard(l, &m, address, crowd_now());
	crowd_flush(l->c);
}

/* Who is late because this program was, is not heard all at once. */
static void run_wheel(struct live *l, double now)
{
	unsigned said = 0;

	while (said < BURST && (double)(l->tick + 1) * TICK < now - l->began_at) {
		uint32_t *place = &l->wheel[(l->tick + 1) % WHEEL];

		while (*place != NONE && said++ < BURST)
			wheel_move(l, *place, turn(l, *place, now));
		l->tick += *place == NONE;
	}
}

/* Somebody goes without a word, and somebody else comes. */
static void replace_one(struct live *l, double now)
{
	unsigned n = (unsigned)(next_random(l) % l->c->n_peers);

	l->c->peers[n].life++;
	l->c->peers[n].has_key = false;
	l->lives[n].heard_at = 0;
	enter(l, n, COOKIE);
	l->lives[n].asked_at = now;
	say(l, n);
	wheel_move(l, n, now + RTO);
}

/* So many newcomers as the mediator takes. */
static void grow(struct live *l, double now)
{
	while (l->come < l->c->n_peers && l->come - l->back < ARRIVING) {
		unsigned n = l->come++;

		enter(l, n, REGISTER);
		memcpy(l->lives[n].cookie, l->c->cookies[crowd_address(l->c, n)], STUN_COOKIE_LEN);
		l->lives[n].asked_at = now;
		say(l, n);
		wheel_add(l, n, now + RTO);
		if (l->come % HANDFUL == 0)
			crowd_flush(l->c);
	}
}

/* What the dead one still had said is not the new one's word. */
static void forget_all(struct live *l)
{
	unsigned address;
	struct stun_msg m;

	crowd_flush(l->c);
	while (crowd_receive(l->c, &m, &address))
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
	l->lives = calloc(l->c->n_peers, sizeof(*l->lives));
	if (!l->lives)
		crowd_die("memory");
	memset(l->wheel, 0xff, sizeof(l->wheel));
	if (l->plan->grow)
		return;
	for (unsigned n = 0; n < l->c->n_peers; n++) {
		l->lives[n].state = IDLE;
		l->lives[n].heard_at = now;
		wheel_add(l, n, now + l->plan->keepalive * (double)(next_random(l) % 1000) / 1000);
	}
	l->come = l->c->n_peers;
}

static double own_cpu(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static void count_living(const struct live *l, double now)
{
	for (unsigned n = 0; n < l->c->n_peers; n++) {
		const struct life *f = &l->lives[n];

		l->r->late += f->state != IDLE && now - f->asked_at > LATE;
		if (f->heard_at == 0)
			continue; /* has just come */
		l->r->living += now - f->heard_at < LIFETIME;
		if (now - f->heard_at > l->r->oldest)
			l->r->oldest = now - f->heard_at;
	}
}

/* Until all are there; everything counts from then on. */
static void run_growth(struct live *l)
{
	while (l->back < l->c->n_peers) {
		grow(l, crowd_now());
		run_wheel(l, crowd_now());
		hear_all(l);
	}
	*l->r = (struct crowd_live){.grown = crowd_now() - l->began_at, .half_back = -1, .all_back = -1};
}

/* When the mediator was killed; 0: it was not. */
static double run_life(struct live *l, struct crowd_mediator *m, double *cpu)
{
	double began = crowd_now(), end = began + l->plan->seconds, killed = 0;
	uint64_t gone = 0;

	while (crowd_now() < end && l->r->all_back < 0) {
		double now = crowd_now();

		if (l->plan->restart && killed == 0 && now - began > l->plan->seconds / 4) {
			crowd_kill(m);
			forget_all(l);
			crowd_start(m);
			killed = crowd_now();
			end = killed + l->plan->seconds;
			*cpu = 0;
		}
		for (uint64_t due = (uint64_t)(l->plan->churn * l->c->n_peers * (now - began)); gone < due; gone++)
			replace_one(l, now);
		run_wheel(l, now);
		hear_all(l);
	}
	l->r->seconds = crowd_now() - (killed > 0 ? killed : began);
	return killed;
}

void crowd_live(struct crowd *c, struct crowd_mediator *m, const struct crowd_plan *plan, struct crowd_live *ret_live)
{
	static struct live l;
	double cpu, own, killed;

	l = (struct live){.c = c, .plan = plan, .r = ret_live};
	*ret_live = (struct crowd_live){.half_back = -1, .all_back = -1};
	init(&l);
	if (plan->grow)
		run_growth(&l);
	cpu = crowd_cpu(m);
	own = own_cpu();
	killed = run_life(&l, m, &cpu);
	ret_live->own_cpu = own_cpu() - own;
	ret_live->mediator_cpu = crowd_cpu(m) - cpu;
	count_living(&l, crowd_now());
	if (ret_live->all_back > 0)
		ret_live->all_back -= killed;
	if (ret_live->half_back > 0)
		ret_live->half_back -= killed;
	for (unsigned n = 0; n < c->n_peers; n++)
		free(l.lives[n].request);
	free(l.lives);
}
