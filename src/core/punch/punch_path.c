#include "core/punch/punch_path.h"

#include <assert.h>
#include <string.h>

static const char *state_name(enum punch_path_state state)
{
	static const char *const names[] = {"alive", "suspect", "lost"};

	return names[state];
}

static void set_state(struct punch_path *p, enum punch_path_state state)
{
	if (p->state != state)
		adit_trace(p->cfg.log, ADIT_LOG_DECIDE, "punch_path sock=%u from=%s to=%s", (unsigned)p->sock,
			   state_name(p->state), state_name(state));
	p->state = state;
}

static void set_now(struct punch_path *p, adit_time now)
{
	assert(now >= p->now); /* the shell samples the clock once per wakeup */
	p->now = now;
}

static adit_utc path_utc(const struct punch_path *p, adit_time now)
{
	return p->utc + (now - p->utc_at);
}

static adit_dur every_of(const struct punch_path *p)
{
	return p->cfg.role == PUNCH_SERVE ? p->peer_every : p->every;
}

static adit_dur keepalive(const struct punch_path *p)
{
	if (p->stands_by)
		return ADIT_NEVER;
	return every_of(p) + (p->cfg.role == PUNCH_SERVE ? PUNCH_PATH_LATER : 0);
}

/* What a slow path is granted on top. */
static adit_dur grace(const struct punch_path *p)
{
	adit_dur rtt = p->rtt < PUNCH_PATH_RTT_MAX ? p->rtt : PUNCH_PATH_RTT_MAX;

	return rtt > PUNCH_PATH_RTT_FREE ? 2 * (rtt - PUNCH_PATH_RTT_FREE) : 0;
}

void punch_path_init(struct punch_path *p, const struct punch_config *cfg, adit_time now, uint32_t sock,
		     const struct adit_addr *local, const struct adit_addr *remote, uint64_t peer_instance)
{
	assert(cfg->replay); /* of the whole lane */
	memset(p, 0, sizeof(*p));
	p->cfg = *cfg;
	punch_keys_init(&p->keys, cfg->crypto, cfg->k);
	p->now = p->heard_at = p->touched_at = now;
	p->every = p->peer_every = PUNCH_PATH_KEEPALIVE;
	p->sock = sock;
	p->local = *local;
	p->remote = *remote;
	p->peer_instance = p->other_heard = p->other_answered = peer_instance;
	p->answered_at = p->answered_sent_at = p->asked_at = p->remapped_at = ADIT_NEVER;
	p->idle_sent_at = p->asked_idle_at = p->turn_at = ADIT_NEVER;
	p->waiting_since = p->check_at = p->probe_at = p->move_at = p->move_by = p->move_since = ADIT_NEVER;
	p->keepalive_at = adit_time_add(now, keepalive(p));
	punch_size_init(&p->size);
}

void punch_path_measure(struct punch_path *p, adit_time now, uint8_t *buf, size_t max)
{
	set_now(p, now);
	p->padded = buf;
	punch_size_start(&p->size, now, max, p->remote.family == ADIT_FAMILY_V6);
}

void punch_path_sent_full(struct punch_path *p, adit_time now)
{
	set_now(p, now);
	punch_size_used(&p->size, now);
}

size_t punch_path_size(const struct punch_path *p)
{
	return p->size.size;
}

static adit_dur rested(const struct punch_path *p)
{
	return adit_time_since(p->now, p->touched_at);
}

/* What is sent first after a rest: its answer tells that mappings have lived so long. */
static void note_rest(struct punch_path *p)
{
	if (rested(p) >= PUNCH_PATH_REST) {
		p->idle = rested(p);
		p->idle_sent_at = p->now;
	}
	p->touched_at = p->now;
}

static void owe(struct punch_path *p, adit_time since)
{
	if (p->waiting_since != ADIT_NEVER)
		return;
	p->waiting_since = since;
	p->waiting_sent_at = p->now;
}

/* Something should be asked: from |since| on an answer is owed. */
static void ask(struct punch_path *p, adit_time since)
{
	owe(p, since);
	p->probe_at = p->now;
}

bool punch_path_is_question(const struct punch_path *p, const struct adit_dgram *d)
{
	struct punch_probe probe;

	return punch_probe_read(&p->keys, p->cfg.role, d->data, d->len, &probe) == 0 && !probe.is_answer;
}

void punch_path_set_every(struct punch_path *p, adit_time now, adit_dur every)
{
	set_now(p, now);
	if (p->every == every)
		return;
	p->every = every;
	if (p->cfg.role == PUNCH_CONNECT && !p->stands_by)
		p->keepalive_at = adit_time_add(p->touched_at, every);
}

void punch_path_set_turn(struct punch_path *p, adit_dur after)
{
	p->turn = after;
}

void punch_path_ask(struct punch_path *p, adit_time now)
{
	set_now(p, now);
	p->keepalive_at = adit_time_add(now, keepalive(p));
	ask(p, now);
}

static struct punch_path_event *event_push(struct punch_path *p, enum punch_path_event_kind kind,
					   const struct adit_addr *remote, uint64_t instance)
{
	struct punch_path_event *e;

	if (p->events_n == PUNCH_PATH_EVENTS_MAX)
		return NULL;
	e = &p->events[(p->events_first + p->events_n++) % PUNCH_PATH_EVENTS_MAX];
	*e = (struct punch_path_event){.kind = kind, .remote = *remote, .instance = instance, .rtt = p->rtt};
	return e;
}

void punch_path_cut(struct punch_path *p, adit_time now)
{
	set_now(p, now);
	if (p->state == PUNCH_PATH_IS_LOST)
		return;
	set_state(p, PUNCH_PATH_IS_LOST);
	event_push(p, PUNCH_PATH_EVENT_LOST, &p->remote, p->peer_instance);
	ask(p, now);
}

void punch_path_stand_by(struct punch_path *p, adit_time now, bool stands_by)
{
	set_now(p, now);
	p->stands_by = stands_by;
	p->keepalive_at = adit_time_add(now, keepalive(p));
	if (!stands_by)
		return;
	punch_size_init(&p->size);
	p->check_at = ADIT_NEVER;
}

void punch_path_proven(struct punch_path *p, adit_time now, adit_dur rtt)
{
	set_now(p, now);
	p->rtt = p->smooth_rtt = rtt;
	p->answered_at = now;
	p->answered_sent_at = adit_time_since(now, rtt);
}

void punch_path_set_relayed(struct punch_path *p)
{
	p->is_relayed = true;
}

void punch_path_set_local(struct punch_path *p, const struct adit_addr *local)
{
	p->local = *local;
}

void punch_path_set_utc(struct punch_path *p, adit_time now, adit_utc utc)
{
	set_now(p, now);
	p->utc = utc;
	p->utc_at = now;
}

/* A sign of life over the path as it is: nothing is owed any more. */
static void alive(struct punch_path *p, int64_t clock_diff)
{
	struct punch_path_event *e;

	p->heard_at = p->touched_at = p->now;
	p->waiting_since = p->probe_at = ADIT_NEVER;
	if (p->state == PUNCH_PATH_IS_LOST) {
		e = event_push(p, PUNCH_PATH_EVENT_BACK, &p->remote, p->peer_instance);
		if (e)
			e->clock_diff = clock_diff;
	}
	set_state(p, PUNCH_PATH_IS_ALIVE);
}

void punch_path_heard(struct punch_path *p, adit_time now)
{
	set_now(p, now);
	alive(p, 0);
	if (p->stands_by)
		return; /* a packet that was late */
	p->keepalive_at = adit_time_add(now, keepalive(p));
	p->check_at = adit_time_add(now, PUNCH_PATH_SUSPECT + grace(p));
}

void punch_path_sent(struct punch_path *p, adit_time now)
{
	set_now(p, now);
	note_rest(p);
	owe(p, now);
}

static void answer(struct punch_path *p, const struct adit_dgram *d, const struct punch_probe *probe)
{
	const adit_dur per = ADIT_SEC(1) / PUNCH_PATH_ANSWERS_PER_S;
	adit_time from = p->answers_paid > p->now ? p->answers_paid : p->now;
	struct punch_answer *a;

	if (from - p->now > ADIT_SEC(1) || p->answers_n == PUNCH_PATH_ANSWERS_MAX)
		return;
	p->answers_paid = from + per;
	a = &p->answers[(p->answers_first + p->answers_n++) % PUNCH_PATH_ANSWERS_MAX];
	a->sock = d->sock;
	a->local = d->local;
	a->remote = d->remote;
	a->len = punch_probe_answer(&p->keys, p->cfg.role, probe->txid, &d->remote, path_utc(p, p->now),
				    p->cfg.instance, a->data);
}

/* Somebody is asked already. A relay gives way to what is not one: the peer may ask from both, in turn. */
static bool has_better_move(const struct punch_path *p, bool is_relayed)
{
	adit_dur lasts = PUNCH_PATH_MOVE_TRIES * PUNCH_PATH_MOVE_STEP + 2 * p->smooth_rtt + PUNCH_PATH_MOVE_WAIT;

	return p->moved_to.family != ADIT_FAMILY_NONE && adit_time_since(p->now, p->move_since) < lasts &&
	       (is_relayed || !p->moved_is_relayed);
}

/* The peer of this session asks from elsewhere: its NAT has moved it. Its word alone moves nothing. */
static void consider_move(struct punch_path *p, const struct adit_addr *remote, bool is_relayed)
{
	if (adit_addr_eq(&p->moved_to, remote) ? p->move_at != ADIT_NEVER : has_better_move(p, is_relayed))
		return;
	p->moved_to = *remote;
	p->moved_is_relayed = is_relayed;
	p->move_at = p->move_since = p->now;
	p->move_by = ADIT_NEVER;
	p->move_tries = 0;
	if (p->state == PUNCH_PATH_IS_ALIVE)
		ask(p, p->now);
}

/* Put off: its peer asks. Not for ever: that may be a punching machine, which tries this hole for a while. */
static void keepalive_put_off(struct punch_path *p)
{
	p->keepalive_at = adit_time_add(p->now, keepalive(p));
	if (!p->stands_by)
		p->keepalive_at = adit_time_min(p->keepalive_at, adit_time_add(p->heard_at, 2 * every_of(p)));
}

/* The peer's word on when who asks next, within bounds. */
static void take_again(struct punch_path *p, const struct punch_again *again)
{
	adit_dur every = again->mine < PUNCH_PATH_EVERY_MAX ? again->mine : PUNCH_PATH_EVERY_MAX;

	p->peer_every = every > PUNCH_PATH_KEEPALIVE ? every : PUNCH_PATH_KEEPALIVE;
	p->turn_at = ADIT_NEVER;
	if (again->yours >= PUNCH_PATH_KEEPALIVE && again->yours <= PUNCH_PATH_EVERY_MAX)
		p->turn_at = adit_time_add(p->now, again->yours);
}

static int input_request(struct punch_path *p, const struct adit_dgram *d, const struct punch_probe *probe)
{
	int r = punch_replay_check(p->cfg.replay, p->now, probe->instance, probe->stamp);

	if (r < 0)
		return r;
	answer(p, d, probe);
	if (probe->instance != p->peer_instance) {
		if (probe->instance != p->other_heard &&
		    event_push(p, PUNCH_PATH_EVENT_HEARD, &d->remote, probe->instance))
			p->other_heard = probe->instance;
		return 0;
	}
	if (!adit_addr_eq(&d->remote, &p->remote)) {
		consider_move(p, &d->remote, probe->said.is_relayed);
		return 0;
	}
	p->asked_at = p->now;
	if (rested(p) >= PUNCH_PATH_REST) {
		p->asked_idle = rested(p);
		p->asked_idle_at = p->now;
	}
	p->touched_at = p->now;
	take_again(p, &probe->said.again);
	/* It shows one direction only: not a sign of life while something is owed, but when idle a reason to wait. */
	if (p->waiting_since == ADIT_NEVER)
		keepalive_put_off(p);
	else if (p->state == PUNCH_PATH_IS_LOST)
		p->probe_at = p->now;
	return 0;
}

static struct punch_path_sent *sent_find(struct punch_path *p, const uint8_t *txid)
{
	for (size_t i = 0; i < PUNCH_PATH_SENT_MAX; i++)
		if (p->sent[i].is_out && memcmp(p->sent[i].txid, txid, STUN_TXID_LEN) == 0)
			return &p->sent[i];
	return NULL;
}

static void move_end(struct punch_path *p)
{
	p->moved_to = (struct adit_addr){.family = ADIT_FAMILY_NONE};
	p->move_at = p->move_by = ADIT_NEVER;
}

static void move(struct punch_path *p, const struct adit_addr *remote)
{
	struct punch_path_event *e;

	p->remote = *remote;
	e = event_push(p, PUNCH_PATH_EVENT_MOVED, &p->remote, p->peer_instance);
	if (e)
		e->is_relayed = adit_addr_eq(remote, &p->moved_to) && p->moved_is_relayed;
	move_end(p);
}

static void size_passed(struct punch_path *p, size_t size)
{
	size_t before = p->size.size;

	punch_size_passed(&p->size, p->now, size);
	if (p->size.size != before)
		adit_trace(p->cfg.log, ADIT_LOG_DECIDE, "punch_path sock=%u size=%u", (unsigned)p->sock,
			   (unsigned)p->size.size);
}

static unsigned smooth(unsigned old, unsigned sample)
{
	return (old * (PUNCH_PATH_SMOOTH_LOSS - 1) + sample) / PUNCH_PATH_SMOOTH_LOSS;
}

/* Padded ones say little: they are lost for their size. */
static void answered(struct punch_path *p, const struct punch_path_sent *s, const struct adit_addr *mapped)
{
	if (p->mapped.family != ADIT_FAMILY_NONE && !adit_addr_eq(&p->mapped, mapped))
		p->remapped_at = p->now;
	p->mapped = *mapped;
	p->rtt = adit_time_since(p->now, s->at);
	p->smooth_rtt =
		p->smooth_rtt == 0 ? p->rtt : (p->smooth_rtt * (PUNCH_PATH_SMOOTH - 1) + p->rtt) / PUNCH_PATH_SMOOTH;
	p->answered_at = p->now;
	p->answered_sent_at = s->at;
	p->answered++;
	if (s->size == 0)
		p->loss = smooth(p->loss, 0);
}

static int input_answer(struct punch_path *p, const struct adit_dgram *d, const struct punch_probe *probe)
{
	struct punch_path_sent *s = sent_find(p, probe->txid);
	struct punch_path_event *e;

	if (!s || d->sock != p->sock || !adit_addr_eq(&s->remote, &d->remote))
		return ADIT_EIGNORED;
	s->is_out = false;
	if (probe->instance != p->peer_instance) {
		if (probe->instance == p->other_answered)
			return 0;
		e = event_push(p, PUNCH_PATH_EVENT_RESTARTED, &d->remote, probe->instance);
		if (e)
			p->other_answered = probe->instance;
		return 0;
	}
	if (!adit_addr_eq(&d->remote, &p->remote)) {
		if (p->state == PUNCH_PATH_IS_ALIVE) {
			if (p->move_since != ADIT_NEVER && adit_addr_eq(&d->remote, &p->moved_to))
				p->move_by = adit_time_add(p->move_since, 2 * p->smooth_rtt + PUNCH_PATH_MOVE_WAIT);
			return 0; /* the old one may answer, too */
		}
		move(p, &d->remote);
	} else if (s->at >= p->move_since) {
		move_end(p);
	}
	answered(p, s, &probe->mapped);
	if (s->size > 0)
		size_passed(p, s->size);
	p->check_at = ADIT_NEVER;
	alive(p, (int64_t)(probe->stamp - (path_utc(p, p->now) - p->rtt / 2)));
	return 0;
}

int punch_path_input(struct punch_path *p, adit_time now, const struct adit_dgram *d)
{
	const uint8_t *txid = punch_probe_answered(d->data, d->len);
	struct punch_probe probe;
	int r;

	set_now(p, now);
	if (d->remote.port == 0 || (txid && !sent_find(p, txid)))
		return ADIT_EIGNORED;
	r = punch_probe_read(&p->keys, p->cfg.role, d->data, d->len, &probe);
	if (r < 0)
		return r;
	return probe.is_answer ? input_answer(p, d, &probe) : input_request(p, d, &probe);
}

static void tick_idle(struct punch_path *p)
{
	if (p->now >= p->check_at) {
		p->check_at = ADIT_NEVER;
		ask(p, p->heard_at);
	}
	if (p->now >= p->turn_at) {
		p->turn_at = ADIT_NEVER;
		ask(p, p->now);
	}
	if (p->now >= p->keepalive_at) {
		p->keepalive_at = adit_time_add(p->now, keepalive(p));
		ask(p, p->now);
	}
}

static adit_time suspect_at(const struct punch_path *p)
{
	return adit_time_add(p->waiting_since, PUNCH_PATH_SUSPECT + grace(p));
}

static adit_time lost_at(const struct punch_path *p)
{
	return adit_time_add(p->waiting_since, PUNCH_PATH_LOST + grace(p));
}

void punch_path_tick(struct punch_path *p, adit_time now)
{
	set_now(p, now);
	tick_idle(p);
	if (now >= p->move_by) {
		struct adit_addr to = p->moved_to;

		move(p, &to);
		alive(p, 0);
	}
	if (p->state == PUNCH_PATH_IS_ALIVE && now >= suspect_at(p)) {
		set_state(p, PUNCH_PATH_IS_SUSPECT);
		p->probe_at = now;
	}
	if (p->state == PUNCH_PATH_IS_SUSPECT && now >= lost_at(p)) {
		set_state(p, PUNCH_PATH_IS_LOST);
		event_push(p, PUNCH_PATH_EVENT_LOST, &p->remote, p->peer_instance);
	}
}

adit_time punch_path_deadline(const struct punch_path *p)
{
	adit_time at = adit_time_min(p->check_at, adit_time_min(p->keepalive_at, p->turn_at));

	if (p->answers_n > 0)
		return p->now;
	at = adit_time_min(at, adit_time_min(p->probe_at, adit_time_min(p->move_at, p->move_by)));
	if (p->state == PUNCH_PATH_IS_ALIVE)
		at = adit_time_min(at, adit_time_min(suspect_at(p), punch_size_deadline(&p->size)));
	else if (p->state == PUNCH_PATH_IS_SUSPECT)
		at = adit_time_min(at, lost_at(p));
	return at;
}

/* The last question has had its time. */
static void note_unanswered(struct punch_path *p, adit_time now)
{
	struct punch_path_sent *last = &p->sent[(p->sent_next + PUNCH_PATH_SENT_MAX - 2) % PUNCH_PATH_SENT_MAX];

	if (!last->is_out || last->is_counted || last->size != 0 ||
	    adit_time_since(now, last->at) < 2 * p->smooth_rtt + PUNCH_PATH_LATE)
		return;
	last->is_counted = true;
	p->loss = smooth(p->loss, 1000);
}

/* |size| 0: not padded. */
static void send_request(struct punch_path *p, adit_time now, const struct adit_addr *remote, size_t size,
			 struct adit_out *ret_out)
{
	struct punch_path_sent *s = &p->sent[p->sent_next++ % PUNCH_PATH_SENT_MAX];
	adit_utc stamp = punch_replay_stamp(p->cfg.replay, now, path_utc(p, now));
	struct punch_said said = {
		.again = {.mine = p->every > PUNCH_PATH_KEEPALIVE ? p->every : 0, .yours = p->turn},
		.is_relayed = p->is_relayed,
	};

	note_unanswered(p, now);
	note_rest(p);
	*s = (struct punch_path_sent){.is_out = true, .remote = *remote, .at = now, .size = size};
	adit_rng_fill(&p->cfg.rng, s->txid, sizeof(s->txid));
	*ret_out = (struct adit_out){.kind = ADIT_OUT_SEND, .sock = p->sock, .local = p->local, .remote = *remote};
	if (size > 0) {
		ret_out->data = p->padded;
		ret_out->len = punch_probe_request_padded(&p->keys, p->cfg.role, s->txid, stamp, p->cfg.instance, &said,
							  p->padded, size);
	} else {
		ret_out->data = p->out;
		ret_out->len =
			punch_probe_request(&p->keys, p->cfg.role, s->txid, stamp, p->cfg.instance, &said, p->out);
	}
}

/* A padded probe, if one is due. */
static bool output_size(struct punch_path *p, adit_time now, struct adit_out *ret_out)
{
	size_t before = p->size.size;
	size_t size = p->state == PUNCH_PATH_IS_ALIVE ? punch_size_next(&p->size, now, p->rtt) : 0;

	if (p->size.size < before)
		adit_trace(p->cfg.log, ADIT_LOG_DECIDE, "punch_path sock=%u shrunk from=%u", (unsigned)p->sock,
			   (unsigned)before);
	if (size == 0)
		return false;
	send_request(p, now, &p->remote, size, ret_out);
	return true;
}

static void output_answer(struct punch_path *p, struct adit_out *ret_out)
{
	const struct punch_answer *a = &p->answers[p->answers_first];

	*ret_out = (struct adit_out){
		.kind = ADIT_OUT_SEND,
		.sock = a->sock,
		.local = a->local,
		.remote = a->remote,
		.data = a->data,
		.len = a->len,
	};
	p->answers_first = (p->answers_first + 1) % PUNCH_PATH_ANSWERS_MAX;
	p->answers_n--;
}

/* After a probe of an idle path nothing follows unless it becomes suspect. */
static adit_time next_probe(const struct punch_path *p, adit_time now)
{
	switch (p->state) {
	case PUNCH_PATH_IS_SUSPECT:
		return adit_time_add(now, PUNCH_PATH_STEP);
	case PUNCH_PATH_IS_LOST:
		return adit_time_add(now, adit_time_since(now, p->waiting_since) < PUNCH_PATH_RETRY_OFTEN
						  ? PUNCH_PATH_RETRY
						  : PUNCH_PATH_RETRY_LONG);
	default:
		return ADIT_NEVER;
	}
}

int punch_path_output(struct punch_path *p, adit_time now, struct adit_out *ret_out)
{
	set_now(p, now);
	if (p->answers_n > 0) {
		output_answer(p, ret_out);
		return 1;
	}
	if (now >= p->probe_at) {
		p->probe_at = next_probe(p, now);
		send_request(p, now, &p->remote, 0, ret_out);
		return 1;
	}
	if (now >= p->move_at) {
		p->move_tries++;
		p->move_at =
			p->move_tries < PUNCH_PATH_MOVE_TRIES ? adit_time_add(now, PUNCH_PATH_MOVE_STEP) : ADIT_NEVER;
		send_request(p, now, &p->moved_to, 0, ret_out);
		return 1;
	}
	return output_size(p, now, ret_out);
}

int punch_path_event(struct punch_path *p, struct punch_path_event *ret_event)
{
	if (p->events_n == 0)
		return 0;
	*ret_event = p->events[p->events_first];
	p->events_first = (p->events_first + 1) % PUNCH_PATH_EVENTS_MAX;
	p->events_n--;
	return 1;
}

enum punch_path_state punch_path_state(const struct punch_path *p)
{
	return p->state;
}

const struct adit_addr *punch_path_remote(const struct punch_path *p)
{
	return &p->remote;
}

adit_dur punch_path_rtt(const struct punch_path *p)
{
	return p->rtt;
}

void punch_path_view(const struct punch_path *p, struct punch_path_view *ret_view)
{
	*ret_view = (struct punch_path_view){
		.state = p->state,
		.rtt = p->smooth_rtt,
		.loss = p->loss,
		.answers = p->answered,
		.answered_at = p->answered_at,
		.answered_sent_at = p->answered_sent_at,
		.remapped_at = p->remapped_at,
		.asked_at = p->asked_at,
		.heard_at = p->heard_at,
		.owed_since = p->waiting_since,
		.owed_sent_at = p->waiting_since == ADIT_NEVER ? ADIT_NEVER : p->waiting_sent_at,
		.touched_at = p->touched_at,
		.idle = p->idle,
		.idle_sent_at = p->idle_sent_at,
		.asked_idle = p->asked_idle,
		.asked_idle_at = p->asked_idle_at,
		.mapped = p->mapped,
		.peer_every = p->peer_every,
	};
}
