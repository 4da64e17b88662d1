#include "core/nat/nat_check.h"

#include <string.h>

#include "core/nat/nat_check_int.h"

/* Sockets and transactions of both scans by one number: the family's scan above, the scan's own number below. */
#define NUMBER(scan, n)  ((uint32_t)(scan) << 16 | (uint32_t)(n))
#define SCAN_OF(number)  ((number) >> 16)
#define INNER_OF(number) ((number)&0xffff)

static unsigned scan_index(const struct nat_check *c, const struct nat_scan *s)
{
	return (unsigned)(s - c->scan);
}

int nat_scan_open(struct nat_scan *s)
{
	if (s->n_socks == NAT_CHECK_SOCKS)
		return ADIT_EFULL;
	s->sock[s->n_socks] = (struct nat_sock){.want_open = true};
	return (int)s->n_socks++;
}

void nat_scan_close(struct nat_scan *s, unsigned sock)
{
	s->sock[sock].want_open = false;
	s->sock[sock].want_close = s->sock[sock].is_open;
}

struct nat_probe *nat_scan_ask(struct nat_scan *s, enum nat_use use, unsigned sock, unsigned server,
			       const struct adit_addr *to, adit_time due_at)
{
	struct nat_probe *p = &s->probe[s->n_probes];

	if (s->n_probes == NAT_CHECK_PROBES)
		return NULL;
	*p = (struct nat_probe){.use = use,
				.state = NAT_PROBE_QUEUED,
				.server = (uint8_t)server,
				.sock = (uint8_t)sock,
				.to = *to,
				.due_at = due_at};
	if (s->sock[sock].failed) { /* it would wait for ever */
		p->state = NAT_PROBE_FAILED;
		p->end = STUN_END_TIMEOUT;
	}
	s->n_probes++;
	return p;
}

void nat_scan_cancel(struct nat_check *c, struct nat_scan *s)
{
	for (unsigned i = 0; i < s->n_socks; i++) {
		stun_client_cancel_sock(&c->client, NUMBER(scan_index(c, s), i));
		nat_scan_close(s, i);
	}
	for (size_t i = 0; i < s->n_probes; i++)
		if (s->probe[i].state < NAT_PROBE_ANSWERED)
			s->probe[i].state = NAT_PROBE_FAILED;
}

void nat_check_init(struct nat_check *c, adit_time now, const struct nat_check_config *cfg)
{
	static const uint8_t families[] = {ADIT_FAMILY_V4, ADIT_FAMILY_V6};

	memset(c, 0, sizeof(*c));
	c->cfg = *cfg;
	c->began_at = now;
	if (c->cfg.life_max == 0)
		c->cfg.life_max = NAT_LIFE_MAX;
	c->report.v6.no_route = cfg->lacks_ipv6;
	stun_client_init(&c->client, cfg->rng, c->slot, NAT_CHECK_SLOTS);
	for (size_t i = 0; i < cfg->n_servers && i < NAT_SERVERS_MAX; i++)
		c->report.server[c->report.n_servers++] = (struct nat_server){.addr = cfg->server[i]};
	for (size_t i = 0; i < ARRAY_LEN(families); i++) {
		c->scan[i].family = families[i];
		nat_ttl_init(&c->scan[i].ttl);
		nat_plan_start(c, &c->scan[i], now);
		nat_judge(c, &c->scan[i]);
	}
}

/* --- questions leave, and end --- */

/*
 * What an adit mediator does more than once a second only for who has proved his address; and what gets him the proof.
 * The rest goes without it: such a server leaves MAPPED-ADDRESS out of its answers to who shows a cookie, and that is
 * what tells whether a NAT rewrites payloads.
 */
static bool wants_cookie(const struct nat_probe *p)
{
	return p->use == NAT_USE_REACH || p->use == NAT_USE_CHANGE || p->use >= NAT_USE_LIFE_OPEN;
}

static void begin_probe(struct nat_check *c, struct nat_scan *s, adit_time now, struct nat_probe *p)
{
	struct stun_ask ask = {.sock = NUMBER(scan_index(c, s), p->sock),
			       .tag = NUMBER(scan_index(c, s), p - s->probe),
			       .to = p->to,
			       .rto = NAT_CHECK_RTO,
			       .sends = NAT_CHECK_SENDS,
			       .last_wait = NAT_CHECK_WAIT,
			       .ttl = p->ttl,
			       .any_source = p->use == NAT_USE_CHANGE || p->response_port != 0,
			       .with_cookie = wants_cookie(p)};
	const struct nat_cookie *cookie = &c->cookie[p->server];

	if (p->use == NAT_USE_TTL) {
		ask.rto = NAT_TTL_WAIT;
		ask.sends = 1;
		ask.last_wait = 1;
	} else if (p->use == NAT_USE_HAIRPIN) {
		ask.rto = NAT_HAIRPIN_RTO;
		ask.sends = NAT_HAIRPIN_SENDS;
		ask.last_wait = NAT_HAIRPIN_WAIT;
	}
	if (cookie->is_known)
		ask.cookie = cookie->bytes;
	s->pace_at = adit_time_add(now, NAT_CHECK_PACE);
	/* Full: this one again then, and nothing overtakes it. */
	if (stun_client_bind(&c->client, now, &ask, p->use == NAT_USE_CHANGE ? p->change : 0, p->response_port) < 0)
		return;
	p->state = NAT_PROBE_OUT;
	p->sent_at = now;
	if (p->use == NAT_USE_TTL)
		nat_ttl_asked(&s->ttl, now);
}

/* The next one of the list whose time has come, with the pace kept: the NAT sees them in this order. */
static void begin_next(struct nat_check *c, struct nat_scan *s, adit_time now)
{
	if (now < s->pace_at)
		return;
	for (size_t i = 0; i < s->n_probes; i++) {
		struct nat_probe *p = &s->probe[i];

		if (p->state == NAT_PROBE_QUEUED && p->due_at <= now && s->sock[p->sock].is_open) {
			begin_probe(c, s, now, p);
			return;
		}
	}
}

static void run(struct nat_check *c, struct nat_scan *s, adit_time now)
{
	nat_plan_ttl(c, s, now);
	begin_next(c, s, now);
	nat_plan_step(c, s, now);
}

static void end_probe(struct nat_check *c, adit_time now, const struct stun_result *r)
{
	struct nat_scan *s = &c->scan[SCAN_OF(r->tag)];
	struct nat_probe *p = &s->probe[INNER_OF(r->tag)];
	struct stun_binding b;

	p->end = r->end;
	p->sends = (uint8_t)r->sends;
	p->rtt = r->rtt;
	p->code = (uint16_t)r->code;
	p->offender = r->offender;
	p->state = NAT_PROBE_FAILED;
	if (r->end == STUN_END_ANSWER && stun_binding_read(&r->msg, &b) == 0) {
		p->state = NAT_PROBE_ANSWERED;
		p->local = r->local;
		p->from = r->from;
		p->heard_on = (uint8_t)INNER_OF(r->sock);
		p->mapped = b.mapped;
		p->plain = b.plain;
		if (p->use == NAT_USE_REACH)
			c->report.server[p->server].other = stun_binding_other(&b, &p->to);
		if (b.has_cookie && wants_cookie(p)) {
			c->cookie[p->server].is_known = true;
			memcpy(c->cookie[p->server].bytes, b.cookie, sizeof(b.cookie));
		}
	}
	nat_plan_ended(c, s, now, p);
	nat_judge(c, s);
}

static void drain_events(struct nat_check *c, adit_time now)
{
	struct stun_result r;

	while (stun_client_event(&c->client, &r))
		end_probe(c, now, &r);
}

/* --- verbs --- */

/* One of our own requests, sent to our own public address. */
static void came_back(struct nat_check *c, uint32_t tag, const struct adit_dgram *d)
{
	struct nat_scan *s = &c->scan[SCAN_OF(tag)];
	struct nat_probe *p = &s->probe[INNER_OF(tag)];

	if (p->use != NAT_USE_HAIRPIN)
		return;
	p->came_back = true;
	p->from = d->remote;
	nat_judge(c, s);
}

void nat_check_input(struct nat_check *c, adit_time now, const struct adit_dgram *d)
{
	size_t step = d->seg_size ? d->seg_size : d->len;
	struct stun_result r;
	uint32_t tag;

	for (size_t at = 0; at < d->len; at += step) {
		struct adit_dgram one = *d;

		one.data += at;
		one.len = d->len - at < step ? d->len - at : step;
		if (stun_client_input(&c->client, now, &one, &r) == 1)
			end_probe(c, now, &r);
		else if (stun_client_is_own(&c->client, &one, &tag))
			came_back(c, tag, &one);
	}
	for (size_t i = 0; i < ARRAY_LEN(c->scan); i++)
		run(c, &c->scan[i], now);
}

void nat_check_icmp(struct nat_check *c, adit_time now, const struct adit_icmp *icmp)
{
	uint32_t tag;

	if (stun_client_icmp(&c->client, now, icmp, &tag) < 0)
		return;
	if (nat_ttl_is_expiry(icmp)) {
		struct nat_scan *s = &c->scan[SCAN_OF(tag)];
		struct nat_probe *p = &s->probe[INNER_OF(tag)];
		struct nat_view *v = nat_view_of(c, s);

		if (p->use == NAT_USE_TTL && p->ttl > 0 && p->ttl <= NAT_TTL_MAX) {
			v->hop[p->ttl - 1] = icmp->offender;
			nat_ttl_expired(&s->ttl, p->ttl, &icmp->offender);
			stun_client_cancel(&c->client, tag);
			p->state = NAT_PROBE_FAILED;
			nat_judge(c, s);
		}
	}
	nat_check_tick(c, now);
}

void nat_check_sock_failed(struct nat_check *c, adit_time now, uint32_t sock)
{
	struct nat_scan *s = &c->scan[SCAN_OF(sock)];

	s->sock[INNER_OF(sock)] = (struct nat_sock){.failed = true};
	stun_client_cancel_sock(&c->client, sock);
	for (size_t i = 0; i < s->n_probes; i++) {
		struct nat_probe *p = &s->probe[i];

		if (p->sock != INNER_OF(sock) || (p->state != NAT_PROBE_QUEUED && p->state != NAT_PROBE_OUT))
			continue;
		p->state = NAT_PROBE_FAILED;
		p->end = STUN_END_TIMEOUT;
		nat_plan_ended(c, s, now, p);
	}
	nat_judge(c, s);
	run(c, s, now);
}

void nat_check_tick(struct nat_check *c, adit_time now)
{
	stun_client_tick(&c->client, now);
	drain_events(c, now);
	for (size_t i = 0; i < ARRAY_LEN(c->scan); i++) {
		nat_ttl_tick(&c->scan[i].ttl, now);
		run(c, &c->scan[i], now);
	}
}

static adit_time scan_deadline(const struct nat_scan *s)
{
	adit_time at = s->phase == NAT_PHASE_MAIN ? nat_ttl_deadline(&s->ttl) : ADIT_NEVER;

	for (size_t i = 0; i < s->n_probes; i++) {
		const struct nat_probe *p = &s->probe[i];
		adit_time due = p->due_at > s->pace_at ? p->due_at : s->pace_at;

		if (p->state == NAT_PROBE_QUEUED && s->sock[p->sock].is_open)
			at = adit_time_min(at, due);
	}
	return at;
}

adit_time nat_check_deadline(const struct nat_check *c)
{
	adit_time at = stun_client_deadline(&c->client);

	for (size_t i = 0; i < ARRAY_LEN(c->scan); i++)
		at = adit_time_min(at, scan_deadline(&c->scan[i]));
	return at;
}

/* Sockets first: what is sent needs them. */
static int output_sock(struct nat_check *c, struct nat_scan *s, struct adit_out *ret_out)
{
	for (size_t i = 0; i < s->n_socks; i++) {
		struct nat_sock *k = &s->sock[i];

		if (!k->want_open && !k->want_close)
			continue;
		*ret_out = (struct adit_out){.kind = k->want_open ? ADIT_OUT_OPEN : ADIT_OUT_CLOSE,
					     .sock = NUMBER(scan_index(c, s), i),
					     .local = {.family = s->family}};
		k->is_open = k->want_open;
		k->want_open = k->want_close = false;
		return 1;
	}
	return 0;
}

int nat_check_output(struct nat_check *c, adit_time now, struct adit_out *ret_out)
{
	for (size_t i = 0; i < ARRAY_LEN(c->scan); i++) {
		if (output_sock(c, &c->scan[i], ret_out))
			return 1;
		begin_next(c, &c->scan[i], now);
	}
	return stun_client_output(&c->client, now, ret_out);
}

bool nat_check_is_done(const struct nat_check *c)
{
	return c->scan[0].phase == NAT_PHASE_DONE && c->scan[1].phase == NAT_PHASE_DONE;
}

void nat_check_stop(struct nat_check *c)
{
	for (size_t i = 0; i < ARRAY_LEN(c->scan); i++)
		nat_plan_finish(c, &c->scan[i]);
}

const struct nat_report *nat_check_report(const struct nat_check *c)
{
	return &c->report;
}

struct nat_progress nat_check_progress(const struct nat_check *c, adit_time now)
{
	struct nat_progress r = {.phase = NAT_PHASE_DONE};

	for (size_t i = 0; i < ARRAY_LEN(c->scan); i++) {
		const struct nat_scan *s = &c->scan[i];

		if (s->phase < r.phase)
			r.phase = s->phase;
		r.asked += (unsigned)s->n_probes;
		for (size_t k = 0; k < s->n_probes; k++)
			r.done += s->probe[k].state >= NAT_PROBE_ANSWERED;
		for (size_t k = 0; s->phase == NAT_PHASE_LIFE && k < s->lives.n; k++) {
			const struct nat_point *pt = &s->lives.point[k];

			if (pt->idle_at && adit_time_since(now, pt->idle_at) > r.life_now)
				r.life_now = adit_time_since(now, pt->idle_at);
			if (pt->age > r.life_end)
				r.life_end = pt->age;
		}
	}
	return r;
}

static void op_input(void *self, adit_time now, const struct adit_dgram *d)
{
	nat_check_input(self, now, d);
}

static void op_icmp(void *self, adit_time now, const struct adit_icmp *icmp)
{
	nat_check_icmp(self, now, icmp);
}

static void op_sock_failed(void *self, adit_time now, uint32_t sock)
{
	nat_check_sock_failed(self, now, sock);
}

static void op_tick(void *self, adit_time now)
{
	nat_check_tick(self, now);
}

static adit_time op_deadline(const void *self)
{
	return nat_check_deadline(self);
}

static int op_output(void *self, adit_time now, struct adit_out *ret_out)
{
	return nat_check_output(self, now, ret_out);
}

const struct adit_machine_ops nat_check_ops = {
	.input = op_input,
	.icmp = op_icmp,
	.sock_failed = op_sock_failed,
	.tick = op_tick,
	.deadline = op_deadline,
	.output = op_output,
};
