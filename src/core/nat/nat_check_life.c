/*
 * How long an idle mapping lives. RFC 5780 4.6, with many sockets instead of one: each is left alone for an age of its
 * own, then another socket has the server knock at its public port (RESPONSE-PORT). What is searched is the largest age
 * that lives; the search is (n + 1)-ary, not binary, because time is dear and sockets are not: two rounds.
 *
 * Where no server knows RESPONSE-PORT the socket asks again itself: another public port says that the mapping had gone.
 * That says nothing where ports are kept.
 */
#include <string.h>

#include "core/nat/nat_check_int.h"

/* Around the time-outs that are in use, in seconds: 10, 30, 35, 60, 65, 90, 120, 180, 240, 300. */
static const uint16_t ages_s[] = {8,  18,  28,  33,  38,  48,  58,  63,  70,  88,
				  95, 118, 125, 150, 178, 185, 235, 245, 295, 305};

_Static_assert(ARRAY_LEN(ages_s) <= NAT_POINTS_MAX && NAT_LIFE_POINTS <= NAT_POINTS_MAX, "points of a round");
_Static_assert(NAT_CHECK_MAIN + 3 * (ARRAY_LEN(ages_s) + 1) <= NAT_CHECK_PROBES, "questions of MAIN and of the ages");
_Static_assert(2 * NAT_CHECK_WIDE + NAT_CHECK_NARROW + 2 * NAT_CHECK_TWINS + 4 < NAT_CHECK_SOCKS, "sockets of MAIN");

/* The questions of MAIN are judged and gone: but the servers' first answers and all else that is needed stays. */
static int find_sock(struct nat_scan *s)
{
	for (size_t i = 1; i < s->n_socks; i++) {
		if (s->sock[i].is_open || s->sock[i].want_open || s->sock[i].want_close)
			continue;
		s->sock[i] = (struct nat_sock){.want_open = true};
		return (int)i;
	}
	return nat_scan_open(s);
}

/* Room in the list: questions of earlier rounds are not needed any more. */
static void drop_probes(struct nat_scan *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n_probes; i++)
		if (s->probe[i].use < NAT_USE_LIFE_OPEN)
			s->probe[n++] = s->probe[i];
	s->n_probes = n;
}

static void start_round(struct nat_check *c, struct nat_scan *s, adit_time now, const adit_dur *age, size_t n)
{
	struct nat_lives *l = &s->lives;

	drop_probes(s);
	l->n = 0;
	l->round++;
	for (size_t i = 0; i < n; i++) {
		int sock = find_sock(s);
		struct nat_probe *p;

		if (sock < 0)
			return;
		p = nat_scan_ask(s, NAT_USE_LIFE_OPEN, (unsigned)sock, l->server, &c->report.server[l->server].addr,
				 now);
		if (!p)
			return;
		p->life = (uint8_t)i;
		l->point[l->n++] = (struct nat_point){.age = age[i], .sock = (uint8_t)sock};
	}
}

bool nat_life_start(struct nat_check *c, struct nat_scan *s, adit_time now)
{
	const struct nat_view *v = nat_view_of(c, s);
	adit_dur age[NAT_POINTS_MAX];
	size_t n = 0;
	size_t i = 0;
	int sock;

	while (i < c->report.n_servers &&
	       (c->report.server[i].addr.family != s->family || c->report.server[i].state != NAT_SERVER_GOOD))
		i++;
	if (i == c->report.n_servers || v->kind == NAT_KIND_OPEN)
		return false;
	for (unsigned k = 1; k < s->n_socks; k++)
		nat_scan_close(s, k);
	sock = find_sock(s);
	if (sock < 0)
		return false;
	s->lives =
		(struct nat_lives){.knocks = true, .server = (uint8_t)i, .knocker = (uint8_t)sock, .high = ADIT_NEVER};
	/* A twin knows RESPONSE-PORT more probably than others; who hands out cookies does. */
	for (; i < c->report.n_servers; i++)
		if (c->report.server[i].addr.family == s->family && c->report.server[i].state == NAT_SERVER_GOOD &&
		    (c->report.server[i].discovery == NAT_YES || c->cookie[i].is_known)) {
			s->lives.server = (uint8_t)i;
			break;
		}
	/* Age 0 tells whether the method works here at all. */
	age[n++] = 0;
	for (i = 0; i < ARRAY_LEN(ages_s) && ADIT_SEC(ages_s[i]) <= c->cfg.life_max; i++)
		age[n++] = ADIT_SEC(ages_s[i]);
	start_round(c, s, now, age, n);
	return s->lives.n > 1;
}

/* --- one age --- */

static void ask_warm(struct nat_scan *s, adit_time now, const struct nat_probe *open)
{
	struct nat_probe *p = nat_scan_ask(s, NAT_USE_LIFE_WARM, open->sock, open->server, &open->to,
					   adit_time_add(now, NAT_LIFE_WARM));

	if (p)
		p->life = open->life;
}

static void ask_knock(struct nat_scan *s, const struct nat_probe *warm)
{
	const struct nat_lives *l = &s->lives;
	const struct nat_point *pt = &l->point[warm->life];
	struct nat_probe *p = nat_scan_ask(s, NAT_USE_LIFE_KNOCK, l->knocks ? l->knocker : pt->sock, warm->server,
					   &warm->to, adit_time_add(pt->idle_at, pt->age));

	if (!p)
		return;
	p->life = warm->life;
	if (l->knocks)
		p->response_port = pt->port;
}

/* By asking again: is that possible? Ports that are kept look the same afterwards. */
static void fall_back(struct nat_check *c, struct nat_scan *s)
{
	const struct nat_view *v = nat_view_of(c, s);
	struct nat_lives *l = &s->lives;

	if (!l->knocks || v->ports.kind == NAT_PORT_KEPT || v->ports.kind == NAT_PORT_UNKNOWN ||
	    v->translated != NAT_YES) {
		l->n = 0;
		return;
	}
	l->knocks = false;
	for (size_t i = 0; i < s->n_probes; i++) {
		struct nat_probe *p = &s->probe[i];

		if (p->use != NAT_USE_LIFE_KNOCK || p->state != NAT_PROBE_QUEUED)
			continue;
		p->sock = l->point[p->life].sock;
		p->response_port = 0;
		if (s->sock[p->sock].failed) { /* it would wait for ever */
			p->state = NAT_PROBE_FAILED;
			p->end = STUN_END_TIMEOUT;
		}
	}
}

static void knocked(struct nat_check *c, struct nat_scan *s, const struct nat_probe *p)
{
	struct nat_lives *l = &s->lives;
	struct nat_point *pt = &l->point[p->life];
	bool answered = p->state == NAT_PROBE_ANSWERED;

	if (l->knocks && p->response_port == 0)
		return;
	/* Nothing can be sent or heard any more: that says nothing about the mapping. */
	if (s->sock[p->sock].failed || s->sock[pt->sock].failed)
		return;
	if (l->knocks &&
	    ((answered && p->heard_on != pt->sock) || p->end == STUN_END_ERROR || (!answered && pt->age == 0))) {
		/* It does not know RESPONSE-PORT, or does not do as it says. */
		fall_back(c, s);
		if (l->n > 0)
			pt->lives = NAT_YES; /* age 0; a larger one is lost, and its neighbours tell */
		return;
	}
	if (!l->knocks && !answered)
		return;
	pt->lives = answered && (l->knocks || p->mapped.port == pt->port) ? NAT_YES : NAT_NO;
	if (pt->lives == NAT_YES && pt->age > l->low && pt->age < l->high)
		l->low = pt->age;
	if (pt->lives == NAT_NO && pt->age < l->high)
		l->high = pt->age;
}

void nat_life_ended(struct nat_check *c, struct nat_scan *s, adit_time now, struct nat_probe *p)
{
	struct nat_point *pt = &s->lives.point[p->life];

	if (s->phase != NAT_PHASE_LIFE || p->life >= s->lives.n)
		return;
	if (p->use == NAT_USE_LIFE_KNOCK) {
		knocked(c, s, p);
		return;
	}
	if (p->state != NAT_PROBE_ANSWERED)
		return; /* this age is not tried */
	if (p->use == NAT_USE_LIFE_OPEN) {
		ask_warm(s, now, p);
		return;
	}
	pt->port = p->mapped.port;
	pt->idle_at = now;
	ask_knock(s, p);
}

/* --- the search --- */

/* Is there anything to wait for? An age above one that has died is none. */
static bool is_open_question(const struct nat_scan *s)
{
	for (size_t i = 0; i < s->n_probes; i++) {
		const struct nat_probe *p = &s->probe[i];

		if (p->use >= NAT_USE_LIFE_OPEN && p->state < NAT_PROBE_ANSWERED && p->life < s->lives.n &&
		    s->lives.point[p->life].age < s->lives.high)
			return true;
	}
	return false;
}

static void close_round(struct nat_scan *s)
{
	for (size_t i = 0; i < s->lives.n; i++)
		nat_scan_close(s, s->lives.point[i].sock);
	for (size_t i = 0; i < s->n_probes; i++)
		if (s->probe[i].use >= NAT_USE_LIFE_OPEN && s->probe[i].state == NAT_PROBE_QUEUED)
			s->probe[i].state = NAT_PROBE_FAILED;
}

bool nat_life_step(struct nat_check *c, struct nat_scan *s, adit_time now)
{
	struct nat_lives *l = &s->lives;
	adit_dur age[NAT_LIFE_POINTS];
	adit_dur part;
	size_t n;

	if (l->n > 0 && is_open_question(s))
		return true;
	for (size_t i = 0; i < l->n; i++)
		stun_client_cancel_sock(&c->client, (uint32_t)(s - c->scan) << 16 | l->point[i].sock);
	stun_client_cancel_sock(&c->client, (uint32_t)(s - c->scan) << 16 | l->knocker);
	close_round(s);
	if (l->n == 0 || l->round == NAT_LIFE_ROUNDS || l->high == ADIT_NEVER || l->high - l->low <= NAT_LIFE_FINE)
		return false;
	n = (size_t)((l->high - l->low - 1) / NAT_LIFE_FINE);
	if (n > NAT_LIFE_POINTS)
		n = NAT_LIFE_POINTS;
	part = (l->high - l->low) / (n + 1);
	for (size_t i = 0; i < n; i++)
		age[i] = l->low + part * (i + 1);
	start_round(c, s, now, age, n);
	return l->n > 0;
}
