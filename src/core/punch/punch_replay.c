#include "core/punch/punch_replay.h"

#include <string.h>

void punch_replay_init(struct punch_replay *r)
{
	memset(r, 0, sizeof(*r));
}

static struct punch_replay_sender *senders_of(struct punch_replay *r)
{
	return r->many ? r->many : r->few;
}

bool punch_replay_is_full(const struct punch_replay *r)
{
	return !r->many && r->n == PUNCH_INSTANCES_FEW;
}

void punch_replay_lend(struct punch_replay *r, struct punch_replay_sender *many)
{
	memcpy(many, senders_of(r), r->n * sizeof(many[0]));
	r->many = many;
}

/* Linear: at most PUNCH_INSTANCES_MAX, nearly always one or two. */
static struct punch_replay_sender *find(struct punch_replay *r, uint64_t instance)
{
	struct punch_replay_sender *senders = senders_of(r);

	for (size_t i = 0; i < r->n; i++)
		if (senders[i].instance == instance)
			return &senders[i];
	return NULL;
}

/* When full, the sender with the oldest newest stamp goes; nothing as old as that is taken from a stranger any more. */
static struct punch_replay_sender *make_room(struct punch_replay *r)
{
	struct punch_replay_sender *senders = senders_of(r);
	struct punch_replay_sender *oldest = senders;

	if (r->n < (r->many ? PUNCH_INSTANCES_MAX : PUNCH_INSTANCES_FEW))
		return &senders[r->n++];
	for (size_t i = 1; i < r->n; i++)
		if (senders[i].newest < oldest->newest)
			oldest = &senders[i];
	punch_replay_set_horizon(r, oldest->newest);
	return oldest;
}

static bool was_seen(const struct punch_replay_sender *s, adit_utc stamp)
{
	for (size_t i = 0; i < s->n_seen; i++)
		if (s->seen[i] == stamp)
			return true;
	return false;
}

/*
 * Stamps run as time does: how much later this one is here than its distance from the newest allows for. What was
 * captured on its way and never arrived is no more fresh after a while than what did arrive. Nobody's clock is exact: a
 * peer that was silent for days may have lost a thousandth of them.
 */
static bool is_late(const struct punch_replay_sender *s, adit_time now, adit_utc stamp)
{
	adit_dur passed = adit_time_since(now, s->heard_at);
	adit_dur late = PUNCH_LATE + passed / PUNCH_DRIFT;

	return stamp >= s->newest ? passed > adit_time_add(stamp - s->newest, late)
				  : adit_time_add(passed, s->newest - stamp) > late;
}

/* The smallest remembered stamp makes room and becomes the floor. */
static void remember(struct punch_replay_sender *s, adit_time now, adit_utc stamp)
{
	size_t at = 0;

	if (stamp > s->newest || s->n_seen == 0) {
		s->newest = stamp;
		s->heard_at = now;
	}
	if (s->n_seen < PUNCH_STAMPS_MAX) {
		s->seen[s->n_seen++] = stamp;
		return;
	}
	for (size_t i = 1; i < s->n_seen; i++)
		if (s->seen[i] < s->seen[at])
			at = i;
	if (stamp <= s->seen[at]) {
		s->floor = stamp;
		return;
	}
	s->floor = s->seen[at];
	s->seen[at] = stamp;
}

int punch_replay_check(struct punch_replay *r, adit_time now, uint64_t instance, adit_utc stamp)
{
	struct punch_replay_sender *s = find(r, instance);

	if (!s) {
		if (stamp <= r->horizon)
			return ADIT_EREPLAY;
		s = make_room(r);
		*s = (struct punch_replay_sender){.instance = instance, .newest = stamp, .floor = r->horizon};
		remember(s, now, stamp);
		return 0;
	}
	if (is_late(s, now, stamp))
		return ADIT_EREPLAY;
	if (stamp <= s->newest && (s->newest - stamp > PUNCH_REORDER || stamp <= s->floor || was_seen(s, stamp)))
		return ADIT_EREPLAY;
	remember(s, now, stamp);
	return 0;
}

adit_utc punch_replay_stamp(struct punch_replay *r, adit_time now, adit_utc utc)
{
	adit_utc least = r->sent == 0 ? 0 : r->sent + adit_time_since(now, r->sent_at) + 1;

	r->sent = utc > least ? utc : least;
	r->sent_at = now;
	return r->sent;
}

adit_utc punch_replay_horizon(const struct punch_replay *r, adit_utc utc)
{
	const struct punch_replay_sender *senders = r->many ? r->many : r->few;
	adit_utc newest = r->horizon;

	for (size_t i = 0; i < r->n; i++)
		if (senders[i].newest > newest)
			newest = senders[i].newest;
	return newest < utc ? newest : utc;
}

void punch_replay_set_horizon(struct punch_replay *r, adit_utc horizon)
{
	if (horizon > r->horizon)
		r->horizon = horizon;
}
