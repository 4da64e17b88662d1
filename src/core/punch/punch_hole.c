/* What comes in: probes and their answers, and the holes they prove. Storage and words: punch.h. */
#include "core/punch/punch_int.h"

#include <string.h>

#include "base/bytes.h"

void punch_holes_clear(struct punch *p)
{
	memset(p->holes, 0, p->n_holes * sizeof(p->holes[0]));
}

/* What waits to be sent from there. */
static void answers_forget(struct punch *p, uint32_t sock)
{
	size_t n = p->answers_n;

	p->answers_n = 0;
	for (size_t i = 0; i < n; i++) {
		const struct punch_answer *a = &p->answers[(p->answers_first + i) % PUNCH_ANSWERS_MAX];

		if (a->sock != sock)
			p->answers[(p->answers_first + p->answers_n++) % PUNCH_ANSWERS_MAX] = *a;
	}
}

void punch_holes_forget(struct punch *p, uint32_t sock)
{
	answers_forget(p, sock);
	for (size_t i = 0; i < p->n_holes; i++)
		if (p->holes[i].is_used && p->holes[i].sock == sock)
			p->holes[i].is_used = false;
}

void punch_holes_taken(struct punch *p, uint32_t sock)
{
	for (size_t i = 0; i < p->n_holes; i++)
		if (p->holes[i].is_used && p->holes[i].sock == sock)
			p->holes[i].check_at = ADIT_NEVER;
}

static struct punch_hole *hole_find(struct punch *p, uint32_t sock, const struct adit_addr *remote)
{
	for (size_t i = 0; i < p->n_holes; i++) {
		struct punch_hole *h = &p->holes[i];

		if (h->is_used && h->sock == sock && adit_addr_eq(&h->remote, remote))
			return h;
	}
	return NULL;
}

/* A free one, or the one that is silent longest, valid ones last. */
static struct punch_hole *hole_room(struct punch *p)
{
	struct punch_hole *worst = &p->holes[0];

	for (size_t i = 0; i < p->n_holes; i++) {
		struct punch_hole *h = &p->holes[i];

		if (!h->is_used)
			return h;
		if (h->is_valid != worst->is_valid ? worst->is_valid : h->heard_at < worst->heard_at)
			worst = h;
	}
	return worst;
}

/* The hole of this datagram, made if it is new; another instance behind it is a new peer. */
static struct punch_hole *hole_touch(struct punch *p, const struct adit_dgram *d, uint64_t instance)
{
	struct punch_hole *h = hole_find(p, d->sock, &d->remote);

	if (!h || h->instance != instance) {
		if (!h)
			h = hole_room(p);
		*h = (struct punch_hole){
			.is_used = true,
			.how = punch_pair_how(p, punch_pair_find(p, d->sock)),
			.sock = d->sock,
			.remote = d->remote,
			.instance = instance,
			.check_at = ADIT_NEVER,
		};
	}
	h->local = d->local;
	return h;
}

/* NULL: the queue is full; the caller leaves its flag unset, so that the next datagram brings the event again. */
static struct punch_event *event_push(struct punch *p, const struct punch_hole *h, enum punch_event_kind kind)
{
	struct punch_event *e;

	if (p->events_n == p->events_max)
		return NULL;
	e = &p->events[(p->events_first + p->events_n++) % p->events_max];
	*e = (struct punch_event){
		.kind = kind,
		.how = h->how,
		.sock = h->sock,
		.local = h->local,
		.remote = h->remote,
		.instance = h->instance,
	};
	return e;
}

/* Generic cell rate: one answer each 1/rate second, a second's worth at once. */
static bool answer_is_allowed(struct punch *p)
{
	const adit_dur per = ADIT_SEC(1) / PUNCH_ANSWERS_PER_S;
	adit_time from = p->answers_paid > p->now ? p->answers_paid : p->now;

	if (from - p->now > ADIT_SEC(1) || p->answers_n == PUNCH_ANSWERS_MAX)
		return false;
	p->answers_paid = from + per;
	return true;
}

static void answer(struct punch *p, const struct adit_dgram *d, const struct punch_probe *probe)
{
	struct punch_answer *a;

	if (!answer_is_allowed(p))
		return;
	a = &p->answers[(p->answers_first + p->answers_n++) % PUNCH_ANSWERS_MAX];
	a->sock = d->sock;
	a->local = d->local;
	a->remote = d->remote;
	a->len = punch_probe_answer(&p->keys, p->cfg.role, probe->txid, &d->remote, punch_utc(p, p->now),
				    p->cfg.instance, a->data);
}

/* RFC 8445 7.3.1.4: who was asked asks back, at once. Only on our own sockets. */
static void trigger(struct punch *p, struct punch_hole *h)
{
	struct punch_pair *pair = punch_pair_find(p, h->sock);

	if (!pair || pair->state != PUNCH_PAIR_OPEN)
		return;
	punch_pair_heard(p, pair);
	if (h->is_valid)
		return;
	if (h->checks > 0 && adit_time_since(p->now, h->checked_at) < PUNCH_CHECK_PACE)
		return;
	h->checks = 0;
	h->check_at = p->now;
}

static int input_request(struct punch *p, const struct adit_dgram *d, const struct punch_probe *probe)
{
	struct punch_hole *h;

	if (punch_replay_check(p->cfg.replay, p->now, probe->instance, probe->stamp) < 0) {
		p->stats.replays++;
		return ADIT_EREPLAY;
	}
	p->stats.heard++;
	answer(p, d, probe);
	h = hole_touch(p, d, probe->instance);
	h->heard_at = p->now;
	if (!h->is_heard || adit_time_since(p->now, h->told_at) >= PUNCH_HEARD_AGAIN) {
		h->is_heard = event_push(p, h, PUNCH_EVENT_HEARD) != NULL;
		h->told_at = p->now;
	}
	trigger(p, h);
	return 0;
}

/* Good to half the round trip: the peer read its clock somewhere between our sending and now. */
static int64_t clock_diff(const struct punch *p, const struct punch_probe *probe, adit_dur rtt)
{
	return (int64_t)(probe->stamp - (punch_utc(p, p->now) - rtt / 2));
}

static int input_answer(struct punch *p, const struct adit_dgram *d, const struct punch_probe *probe)
{
	struct punch_sent *s = punch_sent_find(p, probe->txid);
	struct punch_pair *pair;
	struct punch_event *e;
	struct punch_hole *h;
	adit_dur rtt;

	/* RFC 8445 7.2.5.2.1: from where the request went, to where it came from. */
	if (!s || s->sock != d->sock || !adit_addr_eq(&s->remote, &d->remote))
		return ADIT_EIGNORED;
	s->is_out = false;
	rtt = adit_time_since(p->now, s->at);
	pair = punch_pair_find(p, d->sock);
	if (!pair || pair->state != PUNCH_PAIR_OPEN)
		return 0;
	h = hole_touch(p, d, probe->instance);
	h->heard_at = p->now;
	h->check_at = ADIT_NEVER;
	if (h->is_valid)
		return 0;
	e = event_push(p, h, PUNCH_EVENT_VALID);
	if (!e)
		return 0;
	h->is_valid = true;
	p->clock_diff = clock_diff(p, probe, rtt);
	e->mapped = probe->mapped;
	e->rtt = rtt;
	e->clock_diff = p->clock_diff;
	punch_pair_valid(p, pair);
	p->stuck_at = ADIT_NEVER;
	p->calm_until = adit_time_add(p->now, PUNCH_CALM);
	adit_trace(p->cfg.log, ADIT_LOG_DECIDE, "punch_valid how=%d sock=%u rtt_us=%llu clock_diff_ms=%lld",
		   (int)h->how, (unsigned)h->sock, (unsigned long long)(rtt / 1000),
		   (long long)(p->clock_diff / 1000000));
	return 0;
}

static int input_one(struct punch *p, const struct adit_dgram *d)
{
	const uint8_t *txid = punch_probe_answered(d->data, d->len);
	struct punch_probe probe;
	int r;

	if (txid && !punch_sent_find(p, txid)) {
		p->stats.other++;
		return ADIT_EIGNORED;
	}
	r = punch_probe_read(&p->keys, p->cfg.role, d->data, d->len, &probe);
	if (r == 0)
		r = probe.is_answer ? input_answer(p, d, &probe) : input_request(p, d, &probe);
	if (r == ADIT_EAUTH)
		p->stats.bad_auth++;
	else if (r == ADIT_EIGNORED || r == ADIT_EPROTO)
		p->stats.other++;
	return r;
}

int punch_input(struct punch *p, adit_time now, const struct adit_dgram *d)
{
	struct adit_dgram one = *d;
	int result = ADIT_EIGNORED;

	if (now > p->now)
		p->now = now;
	if (p->state == PUNCH_IDLE || d->remote.port == 0)
		return ADIT_EIGNORED;
	if (d->seg_size == 0 || d->seg_size >= d->len)
		return input_one(p, d);
	/* GRO: several of equal length in one; it was for us if one of them was. */
	for (size_t at = 0; at < d->len; at += d->seg_size) {
		int r;

		one.data = d->data + at;
		one.len = d->len - at < d->seg_size ? d->len - at : d->seg_size;
		r = input_one(p, &one);
		if (r == 0 || result == ADIT_EIGNORED)
			result = r;
	}
	return result;
}

/*
 * Which probe of ours the router complains about: by its transaction if enough of it came back (RFC 1812 asks for
 * that), otherwise the newest low one toward there (RFC 792 promises no more than eight bytes of UDP header).
 */
static const struct punch_sent *complained_about(struct punch *p, const struct adit_icmp *icmp)
{
	const struct punch_sent *best = NULL;

	if (icmp->len >= STUN_HEADER_LEN)
		return punch_sent_find(p, icmp->data + STUN_HEADER_LEN - STUN_TXID_LEN);
	for (size_t i = 0; i < p->n_sent; i++) {
		const struct punch_sent *s = &p->sent[i];

		if (s->is_out && s->ttl && s->sock == icmp->sock && adit_addr_eq(&s->remote, &icmp->remote) &&
		    (!best || s->at >= best->at))
			best = s;
	}
	return best;
}

/* Only time exceeded says something. Unreachable is not final: the far NAT may open next. */
void punch_icmp(struct punch *p, adit_time now, const struct adit_icmp *icmp)
{
	const struct punch_sent *s;

	if (now > p->now)
		p->now = now;
	if (!nat_ttl_is_expiry(icmp))
		return;
	s = complained_about(p, icmp);
	if (s && s->sock == icmp->sock && adit_addr_eq_ip(&s->remote, &icmp->remote))
		nat_ttl_expired(&p->ttl[adit_addr_is_v6(&icmp->remote)], s->ttl, &icmp->offender);
}

adit_time punch_holes_deadline(const struct punch *p)
{
	adit_time at = p->answers_n > 0 ? p->now : ADIT_NEVER;

	for (size_t i = 0; i < p->n_holes; i++)
		if (p->holes[i].is_used)
			at = adit_time_min(at, p->holes[i].check_at);
	return at;
}

static bool output_answer(struct punch *p, struct adit_out *ret_out)
{
	const struct punch_answer *a = &p->answers[p->answers_first];

	if (p->answers_n == 0)
		return false;
	*ret_out = (struct adit_out){
		.kind = ADIT_OUT_SEND,
		.sock = a->sock,
		.local = a->local,
		.remote = a->remote,
		.data = a->data,
		.len = a->len,
	};
	p->answers_first = (p->answers_first + 1) % PUNCH_ANSWERS_MAX;
	p->answers_n--;
	p->stats.answers_sent++;
	return true;
}

static bool output_check(struct punch *p, adit_time now, struct adit_out *ret_out)
{
	for (size_t i = 0; i < p->n_holes; i++) {
		struct punch_hole *h = &p->holes[i];

		if (!h->is_used || now < h->check_at)
			continue;
		h->checks++;
		h->checked_at = now;
		h->check_at = h->checks < PUNCH_CHECKS_MAX ? adit_time_add(now, PUNCH_CHECK_STEP << (h->checks - 1))
							   : ADIT_NEVER;
		punch_send_request(p, now, h->sock, &h->local, &h->remote, 0, ret_out);
		return true;
	}
	return false;
}

int punch_holes_output(struct punch *p, adit_time now, struct adit_out *ret_out)
{
	return output_answer(p, ret_out) || output_check(p, now, ret_out);
}
