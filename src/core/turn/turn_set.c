#include "core/turn/turn_set.h"

#include <string.h>

#include "base/bytes.h"

static const char *const state_names[] = {"idle", "race", "ready", "wait", "end"};

static void set_state(struct turn_set *s, enum turn_set_state state)
{
	adit_trace(s->cfg.log, ADIT_LOG_DECIDE, "turn-set from=%s to=%s", state_names[s->state], state_names[state]);
	s->state = state;
}

static void push(struct turn_set *s, const struct turn_set_event *e)
{
	if (s->events_n == TURN_EVENTS_MAX) {
		s->events_first = (s->events_first + 1) % TURN_EVENTS_MAX;
		s->events_n--;
	}
	s->events[(s->events_first + s->events_n++) % TURN_EVENTS_MAX] = *e;
}

int turn_set_event(struct turn_set *s, struct turn_set_event *ret_event)
{
	if (s->events_n == 0)
		return 0;
	*ret_event = s->events[s->events_first];
	s->events_first = (s->events_first + 1) % TURN_EVENTS_MAX;
	s->events_n--;
	return 1;
}

static int init_member(struct turn_set *s, size_t i)
{
	struct turn_config c = {.server = s->cfg.servers[i],
				.families = s->cfg.families,
				.sock = s->cfg.sock + (uint32_t)i,
				.hold = true,
				.crypto = s->cfg.crypto,
				.rng = s->cfg.rng,
				.log = s->cfg.log,
				.out = s->cfg.out,
				.out_cap = s->cfg.out_cap};

	return turn_init(&s->members[i], &c);
}

int turn_set_init(struct turn_set *s, const struct turn_set_config *cfg)
{
	if (cfg->n == 0 || cfg->n > TURN_SERVERS_MAX)
		return ADIT_EINVAL;
	memset(s, 0, sizeof(*s));
	s->cfg = *cfg;
	s->chosen = s->data_of = cfg->n;
	s->backoff = TURN_RETRY_MIN;
	for (size_t i = 0; i < cfg->n; i++)
		if (init_member(s, i) < 0)
			return ADIT_EINVAL;
	return 0;
}

void turn_set_done(struct turn_set *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->cfg.n; i++) {
		turn_done(&s->members[i]);
		adit_bytes_wipe(s->cfg.servers[i].pass, sizeof(s->cfg.servers[i].pass));
	}
}

static void drain(struct turn_set *s);

/* --- the race --- */

static adit_dur head_start(const struct turn_server *server)
{
	return server->transport == TURN_TLS   ? 2 * TURN_STREAM_DELAY
	       : server->transport == TURN_TCP ? TURN_STREAM_DELAY
					       : 0;
}

/* Another address and other credentials come into use here. Never one that is at work. */
static void start_member(struct turn_set *s, size_t i)
{
	struct turn *t = &s->members[i];

	s->start_at[i] = ADIT_NEVER;
	s->faults[i].why = TURN_WHY_NONE;
	if (turn_state(t) == TURN_RELEASE)
		turn_stop(t); /* the server forgets what it gave by itself */
	(void)!turn_aim(t, &s->cfg.servers[i]);
	turn_start(t, s->now);
}

static void race_tick(struct turn_set *s)
{
	/* While one is being asked the others' turn does not come: they would be asked in vain. */
	for (size_t i = 0; i < s->cfg.n && s->chosen == s->cfg.n; i++)
		if (s->now >= s->start_at[i])
			start_member(s, i);
}

/* One whose allocations come and go: not before this. */
static adit_time not_before(const struct turn_set *s, size_t i)
{
	adit_dur d = TURN_RETRY_MIN;

	if (s->falls[i] < 2)
		return s->now;
	for (unsigned n = 2; n < s->falls[i] && d < TURN_RETRY_MAX; n++)
		d *= 2;
	return s->fell_at[i] + (d < TURN_RETRY_MAX ? d : TURN_RETRY_MAX);
}

static void race(struct turn_set *s)
{
	adit_dur least = ADIT_NEVER; /* nobody waits where there is nobody to be waited for */

	for (size_t i = 0; i < s->cfg.n; i++)
		if (not_before(s, i) <= s->now)
			least = adit_time_min(least, head_start(&s->cfg.servers[i]));
	set_state(s, TURN_SET_RACE);
	s->chosen = s->cfg.n;
	for (size_t i = 0; i < s->cfg.n; i++) {
		adit_time at = not_before(s, i);

		s->faults[i].why = TURN_WHY_NONE;
		s->start_at[i] = at > s->now ? at : s->now + head_start(&s->cfg.servers[i]) - least;
	}
	race_tick(s);
}

static void note_fall(struct turn_set *s, size_t i, enum turn_why why)
{
	adit_dur good = why == TURN_WHY_GONE ? TURN_GOOD_LIVING : TURN_GOOD;

	if (s->moved_at > s->ready_at)
		return; /* the server had no part in it */
	s->falls[i] = adit_time_since(s->now, s->ready_at) < good ? s->falls[i] + 1 : 1;
	s->fell_at[i] = s->now;
}

/* Whose turn is over, or was not there, has one: nobody is waited for in vain. */
static void join_race(struct turn_set *s, size_t i)
{
	if (s->state == TURN_SET_WAIT)
		race(s);
	else if (s->state == TURN_SET_RACE &&
		 (turn_state(&s->members[i]) == TURN_IDLE || turn_state(&s->members[i]) == TURN_FAILED))
		s->start_at[i] = s->now + head_start(&s->cfg.servers[i]);
}

static bool is_same(const struct turn_server *a, const struct turn_server *b)
{
	return adit_addr_eq(&a->addr, &b->addr) && a->transport == b->transport && strcmp(a->host, b->host) == 0 &&
	       strcmp(a->user, b->user) == 0 && strcmp(a->pass, b->pass) == 0;
}

int turn_set_put(struct turn_set *s, adit_time now, size_t i, const struct turn_server *server)
{
	int err = i > s->cfg.n || i >= TURN_SERVERS_MAX ? ADIT_EFULL : turn_server_check(server);

	s->now = now;
	if (err < 0 || (i < s->cfg.n && is_same(&s->cfg.servers[i], server)))
		return err;
	s->cfg.servers[i] = *server;
	if (i == s->cfg.n) {
		err = init_member(s, i);
		if (err < 0)
			return err;
		s->start_at[i] = ADIT_NEVER;
		s->chosen += s->chosen == s->cfg.n; /* n is nobody */
		s->data_of += s->data_of == s->cfg.n;
		s->cfg.n++;
	}
	join_race(s, i);
	drain(s);
	return 0;
}

void turn_set_start(struct turn_set *s, adit_time now)
{
	s->now = now;
	if (s->state != TURN_SET_IDLE)
		return;
	s->told = TURN_WHY_NONE;
	s->backoff = TURN_RETRY_MIN;
	race(s);
}

static void choose(struct turn_set *s, size_t i)
{
	s->chosen = i;
	s->go_on_at = s->now + TURN_GO_WAIT;
	turn_go(&s->members[i], s->now);
}

static void choose_next(struct turn_set *s)
{
	s->chosen = s->cfg.n;
	for (size_t i = 0; i < s->cfg.n && s->chosen == s->cfg.n; i++)
		if (turn_state(&s->members[i]) == TURN_HELD)
			choose(s, i);
	race_tick(s);
}

/* Nobody waits for an answer, and nobody will start. */
static bool is_over(const struct turn_set *s)
{
	for (size_t i = 0; i < s->cfg.n; i++)
		if (s->start_at[i] != ADIT_NEVER || turn_state(&s->members[i]) != TURN_FAILED)
			return false;
	return true;
}

static void give_up(struct turn_set *s)
{
	size_t by = 0;

	for (size_t i = 1; i < s->cfg.n; i++)
		if (s->faults[i].why > s->faults[by].why)
			by = i;
	set_state(s, TURN_SET_WAIT);
	s->retry_at = s->now + s->backoff;
	s->backoff = 2 * s->backoff > TURN_RETRY_MAX ? TURN_RETRY_MAX : 2 * s->backoff;
	if (s->told == s->faults[by].why)
		return;
	s->told = s->faults[by].why;
	push(s, &(struct turn_set_event){.kind = TURN_SET_EVENT_FAILED,
					 .server = s->cfg.servers[by].addr,
					 .why = s->faults[by].why,
					 .code = s->faults[by].code});
}

static void ready(struct turn_set *s, size_t i)
{
	if (s->state != TURN_SET_RACE)
		return;
	set_state(s, TURN_SET_READY);
	s->ready_at = s->now;
	s->chosen = i;
	s->told = TURN_WHY_NONE;
	s->backoff = TURN_RETRY_MIN;
	for (size_t k = 0; k < s->cfg.n; k++) {
		s->start_at[k] = ADIT_NEVER;
		/*
		 * One that wants no credentials may have made an allocation without being told to; of one that was
		 * told, and was too slow, the answer may be on its way.
		 */
		if (k != i && (turn_state(&s->members[k]) == TURN_READY || turn_state(&s->members[k]) == TURN_ALLOCATE))
			turn_end(&s->members[k], s->now);
		else if (k != i)
			turn_stop(&s->members[k]);
	}
	for (size_t k = 0; k < TURN_PERMITS_MAX; k++)
		if (s->permits[k].family != ADIT_FAMILY_NONE)
			turn_permit(&s->members[i], s->now, &s->permits[k]);
	push(s, &(struct turn_set_event){.kind = TURN_SET_EVENT_READY, .server = turn_server(&s->members[i])->addr});
}

static void failed(struct turn_set *s, size_t i, const struct turn_event *e)
{
	if (s->state == TURN_SET_READY && i == s->chosen) {
		push(s, &(struct turn_set_event){.kind = TURN_SET_EVENT_LOST,
						 .server = turn_server(&s->members[i])->addr,
						 .why = e->why,
						 .code = e->code});
		note_fall(s, i, e->why);
		race(s);
		return;
	}
	if (s->state != TURN_SET_RACE)
		return;
	s->faults[i] = (struct turn_set_fault){.why = e->why, .code = e->code, .at = s->now};
	if (i == s->chosen || s->chosen == s->cfg.n)
		choose_next(s);
	if (is_over(s))
		give_up(s);
}

static bool is_released(const struct turn_set *s)
{
	for (size_t i = 0; i < s->cfg.n; i++)
		if (turn_state(&s->members[i]) != TURN_IDLE)
			return false;
	return true;
}

static void check_end(struct turn_set *s)
{
	if (s->state != TURN_SET_END || !is_released(s))
		return;
	set_state(s, TURN_SET_IDLE);
	push(s, &(struct turn_set_event){.kind = TURN_SET_EVENT_ENDED});
}

static void on_event(struct turn_set *s, size_t i, const struct turn_event *e)
{
	switch (e->kind) {
	case TURN_EVENT_HELD:
		/* The chosen one comes here again from another server, or from another port of ours. */
		if (s->state == TURN_SET_RACE && (s->chosen == s->cfg.n || s->chosen == i))
			choose(s, i);
		break;
	case TURN_EVENT_READY:
		ready(s, i);
		break;
	case TURN_EVENT_FAILED:
		failed(s, i, e);
		break;
	case TURN_EVENT_REFUSED:
		push(s, &(struct turn_set_event){.kind = TURN_SET_EVENT_REFUSED,
						 .server = turn_server(&s->members[i])->addr,
						 .code = e->code,
						 .peer = e->peer});
		break;
	case TURN_EVENT_ENDED:
		check_end(s);
		break;
	}
}

/* What one does may make another begin, so until nothing happens any more; each step uses up an event. */
static void drain(struct turn_set *s)
{
	struct turn_event e;
	bool any;

	do {
		any = false;
		for (size_t i = 0; i < s->cfg.n; i++) {
			if (!turn_event(&s->members[i], &e))
				continue;
			any = true;
			on_event(s, i, &e);
		}
	} while (any);
}

void turn_set_end(struct turn_set *s, adit_time now)
{
	s->now = now;
	if (s->state == TURN_SET_END)
		return;
	set_state(s, TURN_SET_END);
	for (size_t i = 0; i < s->cfg.n; i++) {
		s->start_at[i] = ADIT_NEVER;
		turn_end(&s->members[i], now);
	}
	drain(s);
}

/* --- the verbs --- */

static struct turn *member_of(struct turn_set *s, uint32_t sock)
{
	return sock - s->cfg.sock < s->cfg.n ? &s->members[sock - s->cfg.sock] : NULL;
}

int turn_set_input(struct turn_set *s, adit_time now, const struct adit_dgram *d)
{
	struct turn *t = member_of(s, d->sock);
	int err;

	s->now = now;
	s->data_of = s->cfg.n;
	if (!t)
		return ADIT_EIGNORED;
	err = turn_input(t, now, d);
	if (err == 0)
		s->data_of = (size_t)(t - s->members);
	drain(s);
	return err;
}

int turn_set_data(struct turn_set *s, struct adit_dgram *ret_data)
{
	if (s->data_of == s->cfg.n || s->state != TURN_SET_READY || s->data_of != s->chosen)
		return 0;
	return turn_data(&s->members[s->data_of], ret_data);
}

void turn_set_icmp(struct turn_set *s, adit_time now, const struct adit_icmp *icmp)
{
	struct turn *t = member_of(s, icmp->sock);

	s->now = now;
	if (t)
		turn_icmp(t, now, icmp);
	drain(s);
}

void turn_set_doubt(struct turn_set *s, adit_time now)
{
	s->now = now;
	if (s->state == TURN_SET_READY)
		turn_doubt(&s->members[s->chosen], now);
}

/* A connection costs its server more than a datagram. */
static bool is_due_again(const struct turn_set *s, size_t i)
{
	const struct turn_set_fault *f = &s->faults[i];
	adit_dur wait = s->cfg.servers[i].transport == TURN_UDP ? 0 : TURN_RETRY_MIN;

	if (f->why > TURN_WHY_SILENT)
		wait = TURN_RETRY_MAX;
	return f->why != TURN_WHY_NONE && s->start_at[i] == ADIT_NEVER && adit_time_since(s->now, f->at) >= wait;
}

static void start_again(struct turn_set *s)
{
	for (size_t i = 0; i < s->cfg.n; i++) {
		adit_time at = not_before(s, i);

		if (!is_due_again(s, i))
			continue;
		s->start_at[i] = at > s->now ? at : s->now + head_start(&s->cfg.servers[i]);
		if (s->state == TURN_SET_WAIT)
			set_state(s, TURN_SET_RACE);
	}
	race_tick(s);
}

void turn_set_again(struct turn_set *s, adit_time now)
{
	s->now = now;
	for (size_t i = 0; i < s->cfg.n; i++)
		turn_again(&s->members[i], now);
	if (s->state == TURN_SET_RACE || s->state == TURN_SET_WAIT)
		start_again(s);
	drain(s);
}

void turn_set_moved(struct turn_set *s, adit_time now)
{
	s->now = s->moved_at = now;
	for (size_t i = 0; i < s->cfg.n; i++)
		turn_moved(&s->members[i], now);
	if (s->state != TURN_SET_WAIT)
		return;
	s->backoff = TURN_RETRY_MIN;
	s->retry_at = now;
}

void turn_set_sock_failed(struct turn_set *s, adit_time now, uint32_t sock)
{
	struct turn *t = member_of(s, sock);

	s->now = now;
	if (t)
		turn_sock_failed(t, now, sock);
	drain(s);
}

void turn_set_stream_up(struct turn_set *s, adit_time now, uint32_t sock)
{
	struct turn *t = member_of(s, sock);

	s->now = now;
	if (t)
		turn_stream_up(t, now);
	drain(s);
}

void turn_set_stream_down(struct turn_set *s, adit_time now, uint32_t sock)
{
	struct turn *t = member_of(s, sock);

	s->now = now;
	if (t)
		turn_stream_down(t, now);
	drain(s);
}

void turn_set_tick(struct turn_set *s, adit_time now)
{
	s->now = now;
	for (size_t i = 0; i < s->cfg.n; i++)
		turn_tick(&s->members[i], now);
	drain(s);
	if (s->state == TURN_SET_WAIT && now >= s->retry_at)
		race(s);
	if (s->state == TURN_SET_RACE && s->chosen != s->cfg.n && now >= s->go_on_at)
		choose_next(s);
	if (s->state == TURN_SET_RACE)
		race_tick(s);
}

adit_time turn_set_deadline(const struct turn_set *s)
{
	adit_time at = s->state == TURN_SET_WAIT ? s->retry_at : ADIT_NEVER;

	for (size_t i = 0; i < s->cfg.n; i++) {
		at = adit_time_min(at, turn_deadline(&s->members[i]));
		if (s->state == TURN_SET_RACE)
			at = adit_time_min(at, s->chosen == s->cfg.n ? s->start_at[i] : s->go_on_at);
	}
	return at;
}

int turn_set_output(struct turn_set *s, adit_time now, struct adit_out *ret_out)
{
	s->now = now;
	for (size_t i = 0; i < s->cfg.n; i++)
		if (turn_output(&s->members[i], now, ret_out))
			return 1;
	return 0;
}

/* --- peers --- */

void turn_set_permit(struct turn_set *s, adit_time now, const struct adit_addr *peer)
{
	struct adit_addr ip = adit_addr_with_port(*peer, 0);
	size_t to = TURN_PERMITS_MAX;

	s->now = now;
	if (ip.family == ADIT_FAMILY_NONE)
		return;
	for (size_t i = 0; i < TURN_PERMITS_MAX; i++) {
		if (adit_addr_eq_ip(&s->permits[i], &ip)) {
			to = i;
			break;
		}
		if (s->permits[i].family == ADIT_FAMILY_NONE && to == TURN_PERMITS_MAX)
			to = i;
	}
	if (to == TURN_PERMITS_MAX) {
		to = s->next_permit;
		s->next_permit = (to + 1) % TURN_PERMITS_MAX;
	}
	s->permits[to] = ip;
	if (s->state == TURN_SET_READY)
		turn_permit(&s->members[s->chosen], now, peer);
	drain(s);
}

void turn_set_forget(struct turn_set *s, const struct adit_addr *peer)
{
	for (size_t i = 0; i < TURN_PERMITS_MAX; i++)
		if (adit_addr_eq_ip(&s->permits[i], peer))
			s->permits[i] = (struct adit_addr){0};
	for (size_t i = 0; i < s->cfg.n; i++)
		turn_forget(&s->members[i], peer);
}

int turn_set_send(struct turn_set *s, adit_time now, const struct adit_addr *peer, const void *data, size_t len,
		  size_t seg_size)
{
	int err;

	s->now = now;
	if (s->state != TURN_SET_READY)
		return ADIT_EINVAL;
	err = turn_send(&s->members[s->chosen], now, peer, data, len, seg_size);
	if (err == ADIT_EAGAIN)
		turn_set_permit(s, now, peer); /* kept in mind for the next server, too */
	return err;
}

/* --- what there is --- */

const struct turn *turn_set_active(const struct turn_set *s)
{
	return s->state == TURN_SET_READY ? &s->members[s->chosen] : NULL;
}

bool turn_set_is_asking(const struct turn_set *s)
{
	for (size_t i = 0; i < s->cfg.n && s->state == TURN_SET_RACE; i++)
		if (turn_state(&s->members[i]) != TURN_IDLE && turn_state(&s->members[i]) != TURN_FAILED)
			return true;
	return false;
}

const struct adit_addr *turn_set_relayed(const struct turn_set *s, enum adit_family family)
{
	const struct turn *t = turn_set_active(s);

	return t ? turn_relayed(t, family) : NULL;
}

const struct adit_addr *turn_set_mapped(const struct turn_set *s)
{
	const struct turn *t = turn_set_active(s);

	return t ? turn_mapped(t) : NULL;
}

const char *turn_set_user(const struct turn_set *s, const struct adit_addr *server)
{
	for (size_t i = 0; i < s->cfg.n; i++)
		if (adit_addr_eq(&s->cfg.servers[i].addr, server))
			return s->cfg.servers[i].user;
	return NULL;
}

const struct turn_server *turn_set_server(const struct turn_set *s, uint32_t sock)
{
	return sock - s->cfg.sock < s->cfg.n ? turn_server(&s->members[sock - s->cfg.sock]) : NULL;
}
