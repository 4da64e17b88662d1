/* What ends when: a list for each class of time-out, in the order of their ends. Begin with lab_zoo_inner.h. */
#include "lab/lab_zoo_inner.h"

static adit_dur or_else(adit_dur d, adit_dur other)
{
	return d ? d : other;
}

void lab_zoo_timer_init(struct lab_zoo *z)
{
	const struct lab_zoo_config *c = &z->cfg;

	for (size_t i = 0; i < LAB_ZOO_CLASSES; i++)
		adit_list_init(&z->classes[i]);
	z->lives[LAB_ZOO_CLASS_UDP] = c->idle;
	z->lives[LAB_ZOO_CLASS_REPLIED] = or_else(c->idle_replied, c->idle);
	z->lives[LAB_ZOO_CLASS_KNOWN] = or_else(c->idle_known, c->idle);
	z->lives[LAB_ZOO_CLASS_PING] = c->idle_ping;
	z->lives[LAB_ZOO_CLASS_TRANSITORY] = c->tcp_transitory;
	z->lives[LAB_ZOO_CLASS_ESTABLISHED] = c->tcp_established;
	z->lives[LAB_ZOO_CLASS_FOREIGN] = or_else(c->foreign_life, c->idle);
	z->lives[LAB_ZOO_CLASS_FILTER] = c->idle_filter;
	z->lives[LAB_ZOO_CLASS_LOCAL] = c->clash;
}

void lab_zoo_timer_stop(struct lab_zoo_timer *t)
{
	if (adit_list_is_linked(&t->in_class))
		adit_list_del(&t->in_class);
}

void lab_zoo_timer_arm_at(struct lab_zoo *z, adit_time at, struct lab_zoo_timer *t, enum lab_zoo_class class)
{
	lab_zoo_timer_stop(t);
	t->expire_at = at;
	t->class = (uint8_t) class;
	adit_list_push_back(&z->classes[class], &t->in_class);
}

void lab_zoo_timer_arm(struct lab_zoo *z, adit_time now, struct lab_zoo_timer *t, enum lab_zoo_class class)
{
	lab_zoo_timer_arm_at(z, adit_time_add(now, z->lives[class]), t, class);
}

static void end(struct lab_zoo *z, struct lab_zoo_timer *t)
{
	struct lab_zoo_session *s;

	switch ((enum lab_zoo_timed)t->what) {
	case LAB_ZOO_TIMED_MAP:
		lab_zoo_map_end(z, adit_container(t, struct lab_zoo_map, timer));
		break;
	case LAB_ZOO_TIMED_SESSION:
		s = adit_container(t, struct lab_zoo_session, timer);
		if (s->is_flow && s->map->flows == 1)
			lab_zoo_map_end(z, s->map);
		else
			lab_zoo_session_end(z, s);
		break;
	case LAB_ZOO_TIMED_LOCAL:
		lab_zoo_local_end(z, adit_container(t, struct lab_zoo_local, timer));
		break;
	}
}

void lab_zoo_expire(struct lab_zoo *z, adit_time now)
{
	struct adit_list *first;

	for (size_t i = 0; i < LAB_ZOO_CLASSES; i++) {
		while ((first = adit_list_first(&z->classes[i])) != NULL) {
			struct lab_zoo_timer *t = adit_container(first, struct lab_zoo_timer, in_class);

			if (t->expire_at > now)
				break;
			end(z, t);
		}
	}
	while ((first = adit_list_first(&z->by_age)) != NULL) {
		struct lab_zoo_map *m = adit_container(first, struct lab_zoo_map, by_age);

		if (m->die_at > now)
			break;
		lab_zoo_map_end(z, m);
	}
}

bool lab_zoo_evict(struct lab_zoo *z)
{
	struct lab_zoo_timer *oldest = NULL;
	adit_time oldest_at = ADIT_NEVER;

	for (size_t i = 0; i < LAB_ZOO_CLASS_FILTER; i++) {
		struct adit_list *first = adit_list_first(&z->classes[i]);
		struct lab_zoo_timer *t;
		adit_time used_at;

		if (!first)
			continue;
		t = adit_container(first, struct lab_zoo_timer, in_class);
		used_at = adit_time_since(t->expire_at, z->lives[i]);
		if (!oldest || used_at < oldest_at) {
			oldest = t;
			oldest_at = used_at;
		}
	}
	if (!oldest)
		return false;
	lab_zoo_map_end(z, oldest->what == LAB_ZOO_TIMED_MAP
				   ? adit_container(oldest, struct lab_zoo_map, timer)
				   : adit_container(oldest, struct lab_zoo_session, timer)->map);
	return true;
}

static void end_all(struct lab_zoo *z, struct adit_list *timers)
{
	struct adit_list *first;

	while ((first = adit_list_first(timers)) != NULL)
		end(z, adit_container(first, struct lab_zoo_timer, in_class));
}

void lab_zoo_forget(struct lab_zoo *z)
{
	struct adit_list *first;

	for (size_t i = 0; i < LAB_ZOO_CLASSES; i++)
		end_all(z, &z->classes[i]);
	while ((first = adit_list_first(&z->host_lru)) != NULL)
		lab_zoo_host_end(z, adit_container(first, struct lab_zoo_host, lru));
	lab_zoo_fragment_forget(z);
	lab_zoo_port_restart(z);
	z->rate_at = 0;
}

void lab_zoo_advance(struct lab_zoo *z, adit_time now)
{
	uint64_t boots = z->cfg.reboot ? now / z->cfg.reboot : 0;
	uint64_t numbers = z->cfg.renumber ? now / z->cfg.renumber : 0;

	if (boots != z->boots || numbers != z->numbers) {
		z->boots = boots;
		z->numbers = numbers;
		lab_zoo_forget(z);
	}
	lab_zoo_foreign_advance(z, now);
	lab_zoo_expire(z, now);
}
