/* The selected pair: consent is asked for, and lost (RFC 7675). Storage and words: ice_agent.h. */
#include "core/ice/ice_int.h"

#include <string.h>

#include "base/bytes.h"

/* RFC 7675 5.1: 5 s, times 0.8 to 1.2, so that many sessions do not fall into step. */
static adit_time next_consent(const struct ice_agent *a)
{
	if (a->cfg.no_consent)
		return ADIT_NEVER;
	return adit_time_add(a->now, ICE_CONSENT_EVERY - ICE_CONSENT_SPREAD / 2 +
					     adit_rng_below(&a->cfg.rng, ICE_CONSENT_SPREAD + 1));
}

/* The check that nominated it is the first consent (RFC 7675 5.1). */
void ice_path_use(struct ice_agent *a, const struct ice_pair *p)
{
	struct ice_path *path = &a->path;

	memset(path, 0, sizeof(*path));
	path->is_used = true;
	path->base = p->base;
	path->remote = a->remotes[p->remote].cand.addr;
	path->mapped = p->mapped;
	path->priority = p->valid_priority;
	path->rtt = p->rtt;
	path->local_cred = a->cred;
	path->remote_cred = a->desc.cred;
	for (size_t i = 0; i < ICE_CONSENTS_MAX; i++)
		path->consents[i].sent_at = ADIT_NEVER;
	path->consent_at = next_consent(a);
	path->consent_until = a->cfg.no_consent ? ADIT_NEVER : adit_time_add(a->now, ICE_CONSENT_TIMEOUT);
	path->keepalive_at = adit_time_add(a->now, ICE_KEEPALIVE);
}

static void clear(struct ice_agent *a)
{
	adit_bytes_wipe(&a->path, sizeof(a->path));
}

/* RFC 7675 5.1: nothing more is sent there; credentials of a pair that lost its consent are not used again. */
static void lose(struct ice_agent *a)
{
	clear(a);
	a->tell_lost = true;
	if (a->state == ICE_COMPLETED)
		ice_set_state(a, ICE_LOST);
}

/* Each asks once, under a transaction of its own; one that is lost is made up for by the next. */
static void ask(struct ice_agent *a)
{
	struct ice_path *path = &a->path;

	path->consent_next = (path->consent_next + 1) % ICE_CONSENTS_MAX;
	adit_rng_fill(&a->cfg.rng, path->consents[path->consent_next].txid, STUN_TXID_LEN);
	path->consents[path->consent_next].sent_at = a->now;
	path->want_consent = true;
	path->consent_at = next_consent(a);
}

void ice_path_tick(struct ice_agent *a)
{
	struct ice_path *path = &a->path;

	if (!path->is_used)
		return;
	if (a->now >= path->consent_until) {
		lose(a);
		return;
	}
	if (a->now >= path->consent_at)
		ask(a);
	if (a->now >= path->keepalive_at) {
		path->want_keepalive = true;
		path->keepalive_at = adit_time_add(a->now, ICE_KEEPALIVE);
	}
}

adit_time ice_path_deadline(const struct ice_agent *a)
{
	const struct ice_path *path = &a->path;

	if (!path->is_used)
		return ADIT_NEVER;
	if (path->want_consent || path->want_keepalive)
		return a->now;
	return adit_time_min(path->consent_until, adit_time_min(path->consent_at, path->keepalive_at));
}

static struct ice_consent *consent_find(struct ice_path *path, const uint8_t *txid)
{
	for (size_t i = 0; i < ICE_CONSENTS_MAX; i++)
		if (path->consents[i].sent_at != ADIT_NEVER && memcmp(path->consents[i].txid, txid, STUN_TXID_LEN) == 0)
			return &path->consents[i];
	return NULL;
}

int ice_path_input(struct ice_agent *a, const struct adit_dgram *d, const struct stun_msg *m)
{
	struct ice_path *path = &a->path;
	struct ice_consent *c = path->is_used ? consent_find(path, m->txid) : NULL;
	struct ice_msg_response resp;

	if (!c)
		return ADIT_EIGNORED;
	if (ice_msg_read_response(m, &path->remote_cred, a->cfg.crypto, &resp) < 0)
		return ADIT_EAUTH;
	a->stats.answers_heard++;
	if (a->bases[path->base].sock != d->sock || !adit_addr_eq(&path->remote, &d->remote))
		return 0;
	path->rtt = adit_time_since(a->now, c->sent_at);
	c->sent_at = ADIT_NEVER;
	if (resp.error == 403) /* RFC 7675 5.2: revoked */
		lose(a);
	else if (resp.error == 0 && !resp.is_bad)
		path->consent_until = adit_time_add(a->now, ICE_CONSENT_TIMEOUT);
	return 0;
}

static size_t build(struct ice_agent *a)
{
	const struct ice_path *path = &a->path;
	struct ice_msg_check c = {
		.local = &path->local_cred,
		.remote = &path->remote_cred,
		.role = a->role,
		.tiebreaker = a->tiebreaker,
		.priority = ice_base_prflx_priority(&a->bases[path->base]),
	};

	return ice_msg_check(&c, a->cfg.crypto, path->consents[path->consent_next].txid, a->out);
}

bool ice_path_output(struct ice_agent *a, struct adit_out *ret_out)
{
	struct ice_path *path = &a->path;
	const struct ice_base *b = &a->bases[path->base];
	uint8_t txid[STUN_TXID_LEN];
	size_t len;

	if (!path->is_used || (!path->want_consent && !path->want_keepalive))
		return false;
	if (path->want_consent) {
		len = build(a);
		a->stats.consents_sent++;
	} else {
		adit_rng_fill(&a->cfg.rng, txid, sizeof(txid));
		len = ice_msg_keepalive(txid, a->out);
		a->stats.keepalives_sent++;
	}
	path->want_consent = path->want_keepalive = false;
	path->keepalive_at = adit_time_add(a->now, ICE_KEEPALIVE);
	*ret_out = (struct adit_out){.kind = ADIT_OUT_SEND,
				     .sock = b->sock,
				     .local = b->addr,
				     .remote = path->remote,
				     .data = a->out,
				     .len = len};
	return true;
}
