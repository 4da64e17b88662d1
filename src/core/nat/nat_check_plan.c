/* What is asked, and when. */
#include "core/nat/nat_check_int.h"

/* Another place that the server can be asked at: another address, or another port of the same. */
static bool has_other(const struct nat_server *v)
{
	return v->state == NAT_SERVER_GOOD && v->other.family != ADIT_FAMILY_NONE && !adit_addr_eq(&v->other, &v->addr);
}

static bool is_twin(const struct nat_server *v)
{
	return has_other(v) && !adit_addr_eq_ip(&v->other, &v->addr);
}

static bool is_half(const struct nat_server *v)
{
	return has_other(v) && !is_twin(v);
}

/* The twin's addresses, by the bits of CHANGE-REQUEST that lead there (RFC 5780 7.2). */
static struct adit_addr twin_addr(const struct nat_server *v, unsigned change)
{
	struct adit_addr a = change & STUN_CHANGE_IP ? v->other : v->addr;

	a.port = change & STUN_CHANGE_PORT ? v->other.port : v->addr.port;
	return a;
}

void nat_plan_start(struct nat_check *c, struct nat_scan *s, adit_time now)
{
	struct nat_view *v = nat_view_of(c, s);
	int sock;

	v->family = s->family;
	for (size_t i = 0; i < c->report.n_servers; i++)
		v->asked += c->report.server[i].addr.family == s->family;
	s->phase = v->asked > 0 ? NAT_PHASE_REACH : NAT_PHASE_DONE;
	if (s->phase == NAT_PHASE_DONE) {
		c->report.is_final = nat_check_is_done(c);
		return;
	}
	sock = nat_scan_open(s);
	for (size_t i = 0; i < c->report.n_servers; i++)
		if (c->report.server[i].addr.family == s->family)
			nat_scan_ask(s, NAT_USE_REACH, (unsigned)sock, (unsigned)i, &c->report.server[i].addr, now);
}

/* --- all that is asked at once --- */

static size_t good_servers(const struct nat_check *c, const struct nat_scan *s, uint8_t ret[NAT_SERVERS_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < c->report.n_servers; i++)
		if (c->report.server[i].addr.family == s->family && c->report.server[i].state == NAT_SERVER_GOOD)
			ret[n++] = (uint8_t)i;
	return n;
}

/* The twins; where there is none, the halves. */
static size_t twins(const struct nat_check *c, const uint8_t *good, size_t n, uint8_t ret[NAT_CHECK_TWINS])
{
	size_t k = 0;

	for (size_t i = 0; i < n && k < NAT_CHECK_TWINS; i++)
		if (is_twin(&c->report.server[good[i]]))
			ret[k++] = good[i];
	for (size_t i = 0; i < n && k < NAT_CHECK_TWINS; i++)
		if (is_half(&c->report.server[good[i]]) && (k == 0 || is_half(&c->report.server[ret[0]])))
			ret[k++] = good[i];
	return k;
}

/* Can |v| answer from, or be asked at, what these bits of CHANGE-REQUEST say? */
static bool can_change(const struct nat_server *v, unsigned change)
{
	return is_twin(v) || change == STUN_CHANGE_PORT;
}

/* RFC 5780 4.3, and do those addresses answer at all? */
static void ask_twins(struct nat_check *c, struct nat_scan *s, adit_time now, const uint8_t *twin, size_t n)
{
	static const uint8_t changes[] = {STUN_CHANGE_IP, STUN_CHANGE_IP | STUN_CHANGE_PORT, STUN_CHANGE_PORT};

	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < ARRAY_LEN(changes); k++) {
			const struct nat_server *v = &c->report.server[twin[i]];
			struct adit_addr to = twin_addr(v, changes[k]);
			struct nat_probe *p = NULL;

			if (can_change(v, changes[k]))
				p = nat_scan_ask(s, NAT_USE_TWIN, 0, twin[i], &to, now);
			if (p)
				p->change = changes[k];
		}
	}
}

/*
 * New flows in a row, for the pattern of their ports. The wide sockets first, each asking everybody, twins and halves
 * at their second places too; then sockets that ask one each.
 */
static void ask_pattern(struct nat_check *c, struct nat_scan *s, adit_time now, const uint8_t *good, size_t n)
{
	for (unsigned w = 0; w < NAT_CHECK_WIDE; w++) {
		int sock = nat_scan_open(s);

		for (size_t i = 0; sock >= 0 && i < n && i < NAT_CHECK_ASKED; i++) {
			const struct nat_server *v = &c->report.server[good[i]];
			struct adit_addr to = twin_addr(v, STUN_CHANGE_IP | STUN_CHANGE_PORT);
			struct nat_probe *p;

			nat_scan_ask(s, NAT_USE_WIDE, (unsigned)sock, good[i], &v->addr, now);
			if (!has_other(v) || i >= NAT_CHECK_TWINS)
				continue;
			p = nat_scan_ask(s, NAT_USE_WIDE, (unsigned)sock, good[i], &to, now);
			if (p)
				p->change = STUN_CHANGE_PORT | (is_twin(v) ? STUN_CHANGE_IP : 0);
		}
	}
	for (unsigned w = 0; w < NAT_CHECK_NARROW; w++) {
		int sock = nat_scan_open(s);

		if (sock >= 0)
			nat_scan_ask(s, NAT_USE_NARROW, (unsigned)sock, good[w % n],
				     &c->report.server[good[w % n]].addr, now);
	}
}

/* RFC 5780 4.4: for each of the two questions a fresh socket that has never sent to the second place. */
static void ask_filter(struct nat_check *c, struct nat_scan *s, adit_time now, const uint8_t *twin, size_t n)
{
	static const uint8_t changes[] = {STUN_CHANGE_IP | STUN_CHANGE_PORT, STUN_CHANGE_PORT};

	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < ARRAY_LEN(changes); k++) {
			int sock =
				can_change(&c->report.server[twin[i]], changes[k]) ? nat_scan_open(s) : ADIT_EIGNORED;
			struct nat_probe *p;

			if (sock < 0)
				continue;
			p = nat_scan_ask(s, NAT_USE_OPEN, (unsigned)sock, twin[i], &c->report.server[twin[i]].addr,
					 now);
			if (p)
				p->change = changes[k];
		}
	}
}

/* RFC 5780 4.5, with both sides sending, so that a filter lets it in. */
static void ask_hair(struct nat_check *c, struct nat_scan *s, adit_time now, unsigned server)
{
	int a = nat_scan_open(s);
	int b = nat_scan_open(s);

	if (a < 0 || b < 0)
		return;
	nat_scan_ask(s, NAT_USE_HAIR, (unsigned)a, server, &c->report.server[server].addr, now);
	nat_scan_ask(s, NAT_USE_HAIR, (unsigned)b, server, &c->report.server[server].addr, now);
}

static void start_main(struct nat_check *c, struct nat_scan *s, adit_time now)
{
	uint8_t good[NAT_SERVERS_MAX];
	uint8_t twin[NAT_CHECK_TWINS];
	size_t n = good_servers(c, s, good);
	size_t n_twins = twins(c, good, n, twin);
	int sock;

	s->phase = NAT_PHASE_MAIN;
	ask_pattern(c, s, now, good, n);
	ask_twins(c, s, now, twin, n_twins);
	ask_filter(c, s, now, twin, n_twins);
	if (nat_view_of(c, s)->translated == NAT_YES)
		ask_hair(c, s, now, good[0]);
	sock = nat_scan_open(s);
	if (sock >= 0)
		s->ttl_sock = (uint8_t)sock;
	s->ttl_asked = sock >= 0;
}

/* --- what follows from an answer, or from none --- */

/* The second packet of a filter's socket: with CHANGE-REQUEST. */
static void ask_change(struct nat_scan *s, adit_time now, const struct nat_probe *open)
{
	struct nat_probe *p = nat_scan_ask(s, NAT_USE_CHANGE, open->sock, open->server, &open->to, now);

	if (p)
		p->change = open->change;
}

/* Where the answer would have come from: is the port still ours toward there? */
static void ask_clash(struct nat_check *c, struct nat_scan *s, adit_time now, const struct nat_probe *change)
{
	struct adit_addr to = twin_addr(&c->report.server[change->server], change->change);
	struct nat_probe *p;

	if (change->change != (STUN_CHANGE_IP | STUN_CHANGE_PORT) || change->state == NAT_PROBE_ANSWERED)
		return;
	p = nat_scan_ask(s, NAT_USE_CLASH, change->sock, change->server, &to, now);
	if (p)
		p->change = change->change;
}

/* Both sockets know their public addresses: toward each other. */
static void ask_hairpin(struct nat_scan *s, adit_time now)
{
	const struct nat_probe *half[2];
	struct adit_addr mapped[2];
	uint8_t sock[2];
	size_t n = 0;

	for (size_t i = 0; i < s->n_probes; i++)
		if (s->probe[i].use == NAT_USE_HAIR && s->probe[i].state == NAT_PROBE_ANSWERED && n < 2)
			half[n++] = &s->probe[i];
	if (n < 2 || half[0]->mapped.family != s->family || half[1]->mapped.family != s->family)
		return;
	for (size_t i = 0; i < 2; i++) {
		mapped[i] = half[i]->mapped;
		sock[i] = half[i]->sock;
	}
	nat_scan_ask(s, NAT_USE_HAIRPIN, sock[0], half[0]->server, &mapped[1], now);
	nat_scan_ask(s, NAT_USE_HAIRPIN, sock[1], half[1]->server, &mapped[0], now);
}

void nat_plan_ended(struct nat_check *c, struct nat_scan *s, adit_time now, struct nat_probe *p)
{
	bool answered = p->state == NAT_PROBE_ANSWERED;

	switch (p->use) {
	case NAT_USE_OPEN:
		if (answered)
			ask_change(s, now, p);
		break;
	case NAT_USE_CHANGE:
		ask_clash(c, s, now, p);
		break;
	case NAT_USE_HAIR:
		if (answered)
			ask_hairpin(s, now);
		break;
	case NAT_USE_LIFE_OPEN:
	case NAT_USE_LIFE_WARM:
	case NAT_USE_LIFE_KNOCK:
		nat_life_ended(c, s, now, p);
		break;
	default:
		break;
	}
}

/* The TTL is asked for when the ports' pattern is through: these packets make flows too. */
void nat_plan_ttl(struct nat_check *c, struct nat_scan *s, adit_time now)
{
	uint8_t ttl = s->phase == NAT_PHASE_MAIN && s->ttl_asked ? nat_ttl_question(&s->ttl) : 0;
	uint8_t good[NAT_SERVERS_MAX];
	struct nat_probe *p;

	if (ttl == 0)
		return;
	if (s->sock[s->ttl_sock].failed) { /* no question would leave, and no time-out come */
		s->ttl_asked = false;
		return;
	}
	for (size_t i = 0; i < s->n_probes; i++) {
		const struct nat_probe *q = &s->probe[i];

		if (q->state == NAT_PROBE_QUEUED || (q->use == NAT_USE_TTL && q->state == NAT_PROBE_OUT))
			return;
	}
	if (good_servers(c, s, good) == 0)
		return;
	p = nat_scan_ask(s, NAT_USE_TTL, s->ttl_sock, good[0], &c->report.server[good[0]].addr, now);
	if (p)
		p->ttl = ttl;
	else
		s->ttl_asked = false;
}

static bool is_busy(const struct nat_scan *s)
{
	for (size_t i = 0; i < s->n_probes; i++)
		if (s->probe[i].state == NAT_PROBE_QUEUED || s->probe[i].state == NAT_PROBE_OUT)
			return true;
	return s->phase == NAT_PHASE_MAIN && s->ttl_asked && s->ttl.state == NAT_TTL_ASK;
}

void nat_plan_finish(struct nat_check *c, struct nat_scan *s)
{
	nat_scan_cancel(c, s);
	s->phase = NAT_PHASE_DONE;
	c->report.is_final = nat_check_is_done(c);
	nat_judge(c, s);
}

void nat_plan_step(struct nat_check *c, struct nat_scan *s, adit_time now)
{
	uint8_t good[NAT_SERVERS_MAX];

	if (s->phase == NAT_PHASE_LIFE) {
		if (!nat_life_step(c, s, now))
			nat_plan_finish(c, s);
		return;
	}
	if (s->phase == NAT_PHASE_DONE || is_busy(s))
		return;
	nat_judge(c, s);
	if (s->phase == NAT_PHASE_REACH && good_servers(c, s, good) > 0) {
		start_main(c, s, now);
		return;
	}
	if (s->phase == NAT_PHASE_MAIN && c->cfg.lifetime && nat_life_start(c, s, now)) {
		s->phase = NAT_PHASE_LIFE;
		return;
	}
	nat_plan_finish(c, s);
}
