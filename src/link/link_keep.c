#include "link/link_keep.h"

#include "link/link_limits.h"

adit_dur link_keep_every(const struct link_keep *k)
{
	adit_dur d = k->lived / 5 * 4;

	if (d > LINK_KEEP_MAX)
		return LINK_KEEP_MAX;
	return d > PUNCH_PATH_KEEPALIVE ? d / ADIT_SEC(1) * ADIT_SEC(1) : PUNCH_PATH_KEEPALIVE;
}

static adit_dur floor_of(const struct link_keep *k)
{
	return k->lived > PUNCH_PATH_KEEPALIVE ? k->lived : PUNCH_PATH_KEEPALIVE;
}

bool link_keep_is_curious(const struct link_keep *k, adit_time now)
{
	adit_dur low = floor_of(k);

	if (now < k->again_at || low >= LINK_KEEP_ENOUGH)
		return false;
	return k->died == 0 || k->died > low + low / LINK_KEEP_NARROW;
}

adit_dur link_keep_trial(const struct link_keep *k, adit_time now)
{
	adit_dur low = floor_of(k);
	adit_dur next = k->died > 0 ? low + (k->died - low) / 2 : 2 * low;

	if (!link_keep_is_curious(k, now))
		return k->lived;
	return next < LINK_KEEP_ENOUGH ? next / ADIT_SEC(1) * ADIT_SEC(1) : LINK_KEEP_ENOUGH;
}

void link_keep_lived(struct link_keep *k, adit_dur rest)
{
	if (rest > k->lived)
		k->lived = rest;
	if (k->died > 0 && k->died <= k->lived)
		k->died = 0; /* that was of something else */
}

void link_keep_died(struct link_keep *k, adit_dur rest)
{
	if (rest <= k->lived)
		*k = (struct link_keep){.falls = k->falls, .again_at = k->again_at};
	if (k->died == 0 || rest < k->died)
		k->died = rest;
}

void link_keep_fell(struct link_keep *k, adit_time now)
{
	adit_dur wait = LINK_KEEP_AGAIN << (k->falls < LINK_KEEP_FALLS ? k->falls : LINK_KEEP_FALLS);

	*k = (struct link_keep){.falls = k->falls + 1, .again_at = adit_time_add(now, wait)};
}
