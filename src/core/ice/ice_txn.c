/* One request's repetitions (RFC 8489 6.2.1): when the next, when it has failed, what its round trip was. */
#include "core/ice/ice_int.h"

#include <string.h>

void ice_txn_start(struct ice_agent *a, struct ice_txn *t, adit_dur rto)
{
	*t = (struct ice_txn){
		.is_out = true,
		.want_send = true,
		.role = a->role,
		.tiebreaker = a->tiebreaker,
		.rto = rto,
		.sent_at = a->now,
		.retry_at = ADIT_NEVER,
	};
	adit_rng_fill(&a->cfg.rng, t->txid, sizeof(t->txid));
}

void ice_txn_stop(struct ice_txn *t)
{
	t->want_send = false;
	t->retry_at = ADIT_NEVER;
}

int ice_txn_tick(struct ice_txn *t, adit_time now)
{
	if (now < t->retry_at)
		return 0;
	t->retry_at = ADIT_NEVER;
	if (t->sends >= ICE_RC) {
		t->is_out = false;
		return -1;
	}
	t->want_send = true;
	return 1;
}

/* RFC 8489 6.2.1: waits of 1, 2, 4 ... RTO, and the last one of Rm. */
void ice_txn_sent(struct ice_txn *t, adit_time now)
{
	adit_dur wait = t->sends + 1 >= ICE_RC ? ICE_RM * t->rto : t->rto << t->sends;

	if (t->sends == 0)
		t->sent_at = now;
	t->sends++;
	t->last_at = now;
	t->want_send = false;
	t->retry_at = adit_time_add(now, wait);
}

void ice_txn_hurry(const struct ice_agent *a, struct ice_txn *t)
{
	adit_time at = adit_time_add(t->last_at, ICE_HURRY);

	if (t->want_send || t->sends >= ICE_RC)
		return;
	at = at > a->now ? at : a->now;
	t->retry_at = adit_time_min(t->retry_at, at);
}

bool ice_txn_is_spent(const struct ice_agent *a, const struct ice_txn *t)
{
	return t->sends >= ICE_RC && adit_time_since(a->now, t->last_at) >= t->rto;
}

bool ice_txn_is(const struct ice_txn *t, const uint8_t *txid)
{
	return t->is_out && memcmp(t->txid, txid, STUN_TXID_LEN) == 0;
}

adit_dur ice_txn_rtt(const struct ice_txn *t, adit_time now)
{
	return t->sends == 1 ? adit_time_since(now, t->sent_at) : 0;
}
