#include "core/nat/nat_ttl.h"

#include "base/bytes.h"

static const uint8_t ladder[] = {2, 3, 4, 5, 7, 0};

void nat_ttl_init(struct nat_ttl *t)
{
	*t = (struct nat_ttl){.state = NAT_TTL_ASK, .asking = 1, .give_up_at = ADIT_NEVER};
}

uint8_t nat_ttl_question(const struct nat_ttl *t)
{
	return t->state == NAT_TTL_ASK && !t->is_out ? t->asking : 0;
}

void nat_ttl_asked(struct nat_ttl *t, adit_time now)
{
	t->is_out = true;
	t->tries++;
	t->give_up_at = adit_time_add(now, NAT_TTL_WAIT);
}

static void settle(struct nat_ttl *t)
{
	t->state = NAT_TTL_KNOWN;
	t->is_out = false;
	t->give_up_at = ADIT_NEVER;
}

static bool is_inside(const struct adit_addr *a)
{
	return adit_addr_is_private(a) || adit_addr_is_link_local(a);
}

void nat_ttl_expired(struct nat_ttl *t, uint8_t ttl, const struct adit_addr *offender)
{
	if (ttl == 0 || ttl >= NAT_TTL_MAX)
		return;
	if (is_inside(offender)) {
		/* Also late, or for a probe that was no question: whatever ends inside has opened nothing. */
		if (ttl > t->inside)
			t->inside = ttl;
		if (t->state == NAT_TTL_LADDER)
			settle(t);
		if (t->state != NAT_TTL_ASK || ttl < t->asking)
			return;
		t->asking = (uint8_t)(ttl + 1);
		t->tries = 0;
		t->is_out = false;
		t->give_up_at = ADIT_NEVER;
		if (t->asking == NAT_TTL_MAX)
			settle(t);
		return;
	}
	if (t->state == NAT_TTL_ASK && ttl == t->asking)
		settle(t);
}

void nat_ttl_tick(struct nat_ttl *t, adit_time now)
{
	if (t->state != NAT_TTL_ASK || !t->is_out || now < t->give_up_at)
		return;
	t->is_out = false;
	t->give_up_at = ADIT_NEVER;
	if (t->tries < NAT_TTL_TRIES)
		return;
	/* Silence behind a hop that spoke is a hop outside, or the peer's own router; silence from the first is no
	 * answer. */
	if (t->inside > 0)
		settle(t);
	else
		t->state = NAT_TTL_LADDER;
}

adit_time nat_ttl_deadline(const struct nat_ttl *t)
{
	return t->give_up_at;
}

void nat_ttl_failed(struct nat_ttl *t)
{
	if (t->state == NAT_TTL_LADDER)
		t->rung = (uint8_t)((t->rung + 1u) % ARRAY_LEN(ladder));
}

uint8_t nat_ttl_low(const struct nat_ttl *t)
{
	uint8_t ttl;

	if (t->state == NAT_TTL_LADDER)
		return ladder[t->rung];
	ttl = (uint8_t)(t->inside + 1);
	return ttl < NAT_TTL_MIN ? NAT_TTL_MIN : ttl;
}

bool nat_ttl_is_expiry(const struct adit_icmp *icmp)
{
	return icmp->type == (adit_addr_is_v4(&icmp->remote) ? 11 : 3) && icmp->code == 0;
}
