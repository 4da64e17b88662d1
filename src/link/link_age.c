#include "link/link_age.h"

#include "link/link_limits.h"

adit_dur link_age_due(const struct link_age *a)
{
	switch (a->kind) {
	case LINK_AGE_UNKNOWN:
		return LINK_AGE_FIRST;
	case LINK_AGE_ENDS:
		return a->life / 2 < LINK_AGE_FIRST ? a->life / 2 : LINK_AGE_FIRST;
	case LINK_AGE_LASTS:
		break;
	}
	return ADIT_NEVER;
}

void link_age_died(struct link_age *a, adit_dur age)
{
	if (age < LINK_AGE_LEAST || age > LINK_AGE_MOST || a->kind == LINK_AGE_LASTS)
		return; /* of something else */
	if (a->kind == LINK_AGE_UNKNOWN || age < a->life)
		a->life = age;
	a->kind = LINK_AGE_ENDS;
}

void link_age_lives(struct link_age *a, adit_dur age)
{
	if (age > LINK_AGE_LASTS_FROM || (a->kind == LINK_AGE_ENDS && age > a->life + a->life / 2))
		a->kind = LINK_AGE_LASTS;
}

void link_age_forget(struct link_age *a)
{
	*a = (struct link_age){.kind = LINK_AGE_UNKNOWN};
}
