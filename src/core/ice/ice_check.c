/* What comes in: checks and answers of the peer (RFC 8445 7.3, 7.2.5), ICMP. Storage and words: ice_agent.h. */
#include "core/ice/ice_int.h"

#include <string.h>

/* More role conflicts over one pair than two honest agents can have. */
#define CONFLICTS_MAX 8u

/* ---- answers ---- */

/* |len| bytes of a->out, to where |d| came from. */
static void answer_push(struct ice_agent *a, const struct ice_base *b, const struct adit_dgram *d, size_t len)
{
	struct ice_answer *ans;

	if (a->answers_n == ICE_ANSWERS_MAX || len > sizeof(a->answers[0].data)) {
		a->stats.dropped_answers++;
		return;
	}
	ans = &a->answers[(a->answers_first + a->answers_n++) % ICE_ANSWERS_MAX];
	*ans = (struct ice_answer){.sock = d->sock, .local = b->addr, .remote = d->remote, .len = len};
	memcpy(ans->data, a->out, len);
}

static void answer_error(struct ice_agent *a, const struct ice_base *b, const struct adit_dgram *d,
			 const struct ice_cred *cred, const struct stun_msg *m, const struct ice_msg_request *req,
			 unsigned code)
{
	const char *text = code == 487 ? "Role Conflict" : code == 420 ? "Unknown Attribute" : "Bad Request";

	answer_push(a, b, d,
		    ice_msg_error(cred, a->cfg.crypto, req->integrity, m->txid, code, text, req->unknown,
				  code == 420 ? req->n_unknown : 0, a->out));
}

/* ---- roles ---- */

static void switch_role(struct ice_agent *a)
{
	a->role = ice_role_other(a->role);
	a->stats.role_switches++;
	a->nominating = ICE_PAIRS_MAX;
	for (size_t i = 0; i < ICE_PAIRS_MAX; i++)
		a->pairs[i].is_wanted = false;
	ice_pairs_rank(a);
	adit_trace(a->cfg.log, ADIT_LOG_DECIDE, "ice_role role=%d", (int)a->role);
}

/* RFC 8445 7.3.1.1. True: the other side has to change, and is told so. */
static bool must_refuse(struct ice_agent *a, const struct ice_msg_request *req)
{
	bool is_larger = a->tiebreaker >= req->tiebreaker;

	if (!req->has_role || req->role != a->role)
		return false;
	if ((a->role == ICE_CONTROLLING) == is_larger)
		return true;
	switch_role(a);
	return false;
}

/* ---- requests ---- */

/* RFC 8445 7.3.1.3 to 7.3.1.5. */
static void heard(struct ice_agent *a, uint8_t base, const struct adit_addr *from, uint32_t priority,
		  bool use_candidate)
{
	size_t remote = ice_remote_learn(a, from, priority);
	struct ice_pair *p;

	if (remote == ICE_REMOTES_MAX)
		return;
	p = ice_pair_find(a, base, (uint8_t)remote);
	if (!p)
		p = ice_pair_make(a, base, (uint8_t)remote);
	if (!p)
		return;
	p->heard++;
	use_candidate = use_candidate && a->role == ICE_CONTROLLED;
	if (p->state == ICE_PAIR_SUCCEEDED) {
		if (use_candidate)
			ice_pair_nominate(a, p);
		return;
	}
	p->is_wanted |= use_candidate;
	if (p->txn.is_out && !ice_txn_is_spent(a, &p->txn))
		ice_txn_hurry(a, &p->txn);
	else
		ice_pair_trigger(a, p);
}

static void early_keep(struct ice_agent *a, uint8_t base, const struct adit_addr *from,
		       const struct ice_msg_request *req)
{
	struct ice_early *e = NULL;

	for (size_t i = 0; i < a->n_early; i++)
		if (a->early[i].base == base && adit_addr_eq(&a->early[i].remote, from))
			e = &a->early[i];
	if (req->sender_len > ICE_UFRAG_MAX || (!e && a->n_early == ICE_EARLY_MAX)) {
		a->stats.early_dropped++;
		return;
	}
	if (!e)
		e = &a->early[a->n_early++];
	*e = (struct ice_early){.base = base,
				.use_candidate = req->use_candidate,
				.priority = req->priority,
				.remote = *from,
				.sender_len = (uint16_t)req->sender_len};
	memcpy(e->sender, req->sender, req->sender_len);
}

static bool is_sender(const struct ice_agent *a, const char *sender, size_t len)
{
	return len == strlen(a->desc.cred.ufrag) && memcmp(sender, a->desc.cred.ufrag, len) == 0;
}

/* RFC 8445 7.3: what was answered before the peer's description came has its consequences now. */
void ice_check_early(struct ice_agent *a)
{
	for (size_t i = 0; i < a->n_early; i++) {
		const struct ice_early *e = &a->early[i];

		if (is_sender(a, e->sender, e->sender_len))
			heard(a, e->base, &e->remote, e->priority, e->use_candidate);
	}
	a->n_early = 0;
}

/* NULL: of neither this generation nor the one before. */
static const struct ice_cred *cred_of(const struct ice_agent *a, const struct stun_msg *m)
{
	if (ice_msg_is_for(m, &a->cred))
		return &a->cred;
	return a->old_cred.ufrag[0] && ice_msg_is_for(m, &a->old_cred) ? &a->old_cred : NULL;
}

static int input_request(struct ice_agent *a, const struct adit_dgram *d, const struct stun_msg *m)
{
	struct ice_base *b = ice_base_find(a, d->sock, &d->local, &d->remote);
	const struct ice_cred *cred = cred_of(a, m);
	struct ice_msg_request req;
	uint8_t base;
	int r;

	if (!b || !cred || ice_is_over(a)) {
		a->stats.stray++;
		return ADIT_EIGNORED;
	}
	r = ice_msg_read_request(m, cred, a->cfg.crypto, &req);
	if (r < 0) {
		*(r == ADIT_EAUTH ? &a->stats.bad_auth : &a->stats.malformed) += 1;
		return r;
	}
	a->stats.checks_heard++;
	base = (uint8_t)(b - a->bases);
	if (req.n_unknown > 0 || req.priority == 0) {
		answer_error(a, b, d, cred, m, &req, req.n_unknown > 0 ? 420 : 400);
		return 0;
	}
	if (cred == &a->cred && must_refuse(a, &req)) {
		answer_error(a, b, d, cred, m, &req, 487);
		return 0;
	}
	answer_push(a, b, d, ice_msg_answer(cred, a->cfg.crypto, req.integrity, m->txid, &d->remote, a->out));
	if (cred != &a->cred)
		return 0;
	if (!a->has_remote)
		early_keep(a, base, &d->remote, &req);
	else if (is_sender(a, req.sender, req.sender_len))
		heard(a, base, &d->remote, req.priority, req.use_candidate);
	return 0;
}

/* ---- responses ---- */

/* RFC 8445 7.2.5.1: both may have switched meanwhile; only who still has the role it sent changes it. */
static void conflicted(struct ice_agent *a, struct ice_pair *p, const struct ice_txn *t)
{
	enum ice_role sent = t->role;

	if (a->role == sent) {
		switch_role(a);
		a->tiebreaker = adit_rng_u64(&a->cfg.rng);
	}
	if (++p->conflicts > CONFLICTS_MAX) {
		ice_pair_fail(a, p, ICE_WHY_ERROR);
		return;
	}
	ice_pair_trigger(a, p);
}

static void answered(struct ice_agent *a, struct ice_pair *p, struct ice_txn *t, const struct adit_addr *mapped)
{
	bool is_nomination = t->use_candidate && a->role == ICE_CONTROLLING;
	bool is_nominating = a->nominating == (size_t)(p - a->pairs);

	t->is_out = false;
	ice_txn_stop(t);
	if (!is_nominating || is_nomination) {
		p->queued = 0;
		ice_txn_stop(&p->txn);
	}
	p->error = 0;
	ice_pair_succeed(a, p, mapped, ice_txn_rtt(t, a->now));
	if (is_nomination || (p->is_wanted && a->role == ICE_CONTROLLED))
		ice_pair_nominate(a, p);
}

/* From where the request went, to where it came from? RFC 8445 7.2.5.2.1 */
static bool is_symmetric(struct ice_agent *a, const struct ice_pair *p, const struct adit_dgram *d)
{
	return ice_base_find(a, d->sock, &d->local, &d->remote) == &a->bases[p->base] &&
	       adit_addr_eq(&a->remotes[p->remote].cand.addr, &d->remote);
}

static int input_answer(struct ice_agent *a, const struct adit_dgram *d, const struct stun_msg *m, struct ice_pair *p,
			struct ice_txn *t)
{
	struct ice_msg_response resp;

	if (ice_msg_read_response(m, &a->desc.cred, a->cfg.crypto, &resp) < 0) {
		a->stats.bad_auth++;
		return ADIT_EAUTH;
	}
	a->stats.answers_heard++;
	p->answered++;
	p->error = resp.error;
	if (!is_symmetric(a, p, d))
		ice_pair_fail(a, p, ICE_WHY_ASYMMETRIC);
	else if (resp.is_bad)
		ice_pair_fail(a, p, ICE_WHY_MALFORMED);
	else if (resp.error == 487)
		conflicted(a, p, t);
	else if (resp.error > 0)
		ice_pair_fail(a, p, ICE_WHY_ERROR);
	else
		answered(a, p, t, &resp.mapped);
	return 0;
}

static int input_response(struct ice_agent *a, const struct adit_dgram *d, const struct stun_msg *m)
{
	int r = ice_gather_input(a, d, m);

	if (r == ADIT_EIGNORED)
		r = ice_path_input(a, d, m);
	if (r == ADIT_EAUTH)
		a->stats.bad_auth++;
	if (r != ADIT_EIGNORED)
		return r;
	for (size_t i = 0; i < ICE_PAIRS_MAX && !ice_is_over(a); i++) {
		struct ice_pair *p = &a->pairs[i];

		if (p->is_used && ice_txn_is(&p->txn, m->txid))
			return input_answer(a, d, m, p, &p->txn);
		if (p->is_used && ice_txn_is(&p->old, m->txid))
			return input_answer(a, d, m, p, &p->old);
	}
	a->stats.stray++;
	return ADIT_EIGNORED;
}

static int input_one(struct ice_agent *a, const struct adit_dgram *d)
{
	struct stun_msg m;

	if (!stun_msg_is_stun(d->data, d->len))
		return ADIT_EIGNORED;
	if (stun_msg_parse(&m, d->data, d->len) < 0) {
		a->stats.malformed++;
		return ADIT_EPROTO;
	}
	if (m.method != STUN_BINDING || d->remote.port == 0) {
		a->stats.stray++;
		return ADIT_EIGNORED;
	}
	if (m.class == STUN_REQUEST)
		return input_request(a, d, &m);
	/* RFC 8445 11: a keepalive has nothing to say. */
	if (m.class == STUN_INDICATION)
		return ice_base_find(a, d->sock, &d->local, &d->remote) ? 0 : ADIT_EIGNORED;
	return input_response(a, d, &m);
}

int ice_agent_input(struct ice_agent *a, adit_time now, const struct adit_dgram *d)
{
	struct adit_dgram one = *d;
	int result = ADIT_EIGNORED;

	if (now > a->now)
		a->now = now;
	if (d->seg_size == 0 || d->seg_size >= d->len) {
		result = input_one(a, d);
	} else {
		/* GRO: several of equal length in one; it was for us if one of them was. */
		for (size_t at = 0; at < d->len; at += d->seg_size) {
			int r;

			one.data = d->data + at;
			one.len = d->len - at < d->seg_size ? d->len - at : d->seg_size;
			r = input_one(a, &one);
			if (r == 0 || result == ADIT_EIGNORED)
				result = r;
		}
	}
	if (result == 0)
		ice_agent_tick(a, a->now);
	return result;
}

size_t ice_agent_check(const struct ice_agent *a, bool is_relayed, uint8_t buf[ICE_MSG_MAX])
{
	uint16_t pref = is_relayed ? 0 : ICE_LOCAL_PREF_RELAYED + 1;
	struct ice_msg_check c = {
		.local = &a->cred,
		.remote = &a->desc.cred,
		.role = a->role,
		.tiebreaker = a->tiebreaker,
		.priority = ice_candidate_priority(ICE_PRFLX, pref),
	};
	uint8_t txid[STUN_TXID_LEN];

	adit_rng_fill(&a->cfg.rng, txid, sizeof(txid));
	return ice_msg_check(&c, a->cfg.crypto, txid, buf);
}

static bool is_unreachable(const struct adit_icmp *icmp)
{
	return adit_addr_is_v4(&icmp->remote) ? icmp->type == 3 : icmp->type == 1; /* RFC 792, RFC 4443 3.1 */
}

/* Not final for a pair: the far NAT may open next. A server that is not there will not come. */
void ice_agent_icmp(struct ice_agent *a, adit_time now, const struct adit_icmp *icmp)
{
	const uint8_t *txid;

	if (now > a->now)
		a->now = now;
	if (!is_unreachable(icmp) || icmp->len < STUN_HEADER_LEN)
		return;
	txid = icmp->data + STUN_HEADER_LEN - STUN_TXID_LEN;
	if (ice_gather_icmp(a, icmp, txid))
		return;
	for (size_t i = 0; i < ICE_PAIRS_MAX; i++) {
		struct ice_pair *p = &a->pairs[i];

		if (p->is_used && (ice_txn_is(&p->txn, txid) || ice_txn_is(&p->old, txid)))
			p->icmp++;
	}
}
