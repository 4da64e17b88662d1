#include "quic/quic_sched.h"

#include "quic/quic_limits.h"

void quic_sched_init(struct quic_sched *s)
{
	adit_list_init(&s->interactive);
	adit_list_init(&s->bulk);
}

void quic_turn_init(struct quic_turn *t)
{
	*t = (struct quic_turn){0};
	adit_list_init(&t->node);
}

void quic_sched_ready(struct quic_sched *s, struct quic_turn *t, adit_time now)
{
	if (adit_list_is_linked(&t->node))
		return;
	/*
	 * A source that is always a little slower than we are runs dry after every packet, so a rest must last to
	 * count; otherwise every bulk stream would be interactive.
	 */
	if (t->burst >= QUIC_INTERACTIVE_MAX && adit_time_since(now, t->dry_at) >= QUIC_INTERACTIVE_REST)
		t->burst = 0;
	t->is_bulk = t->burst >= QUIC_INTERACTIVE_MAX;
	t->taken = 0;
	adit_list_push_back(t->is_bulk ? &s->bulk : &s->interactive, &t->node);
}

struct quic_turn *quic_sched_next(const struct quic_sched *s)
{
	struct adit_list *n = adit_list_first(&s->interactive);

	if (!n)
		n = adit_list_first(&s->bulk);
	return n ? adit_container(n, struct quic_turn, node) : NULL;
}

bool quic_sched_has_bulk(const struct quic_sched *s)
{
	return adit_list_first(&s->bulk) != NULL;
}

void quic_sched_sent(struct quic_sched *s, struct quic_turn *t, size_t n)
{
	t->burst += n;
	t->taken += n;
	if (!t->is_bulk && t->burst < QUIC_INTERACTIVE_MAX)
		return;
	if (t->is_bulk && t->taken < QUIC_TURN)
		return;
	t->is_bulk = true;
	t->taken = 0;
	adit_list_del(&t->node);
	adit_list_push_back(&s->bulk, &t->node);
}

void quic_sched_dry(struct quic_turn *t, adit_time now)
{
	if (adit_list_is_linked(&t->node))
		t->dry_at = now;
	adit_list_del(&t->node);
}
