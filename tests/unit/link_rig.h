/*
 * Two links in virtual time: a serve side with a public address and a connect side, behind a NAT where a test wants
 * one. What the links report is counted; one stream at a time carries a pattern that proves itself.
 */
#ifndef ADIT_TEST_LINK_RIG_H
#define ADIT_TEST_LINK_RIG_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/rng.h"
#include "crypto/crypto.h"
#include "lab/lab_linux.h"
#include "lab/lab_sim.h"
#include "link/link.h"

#define RIG_EVENTS_MAX 64
#define RIG_INTERNET   1 /* the first node that is made */
#define RIG_ECHO       1 /* the services that are offered */
#define RIG_TIME       2

/* Ed25519 pairs: RFC 8032 7.1, tests 1 to 3. */
static const uint8_t rig_seed[3][32] = {
	{0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60, 0xba, 0x84, 0x4a, 0xf4, 0x92, 0xec, 0x2c, 0xc4,
	 0x44, 0x49, 0xc5, 0x69, 0x7b, 0x32, 0x69, 0x19, 0x70, 0x3b, 0xac, 0x03, 0x1c, 0xae, 0x7f, 0x60},
	{0x4c, 0xcd, 0x08, 0x9b, 0x28, 0xff, 0x96, 0xda, 0x9d, 0xb6, 0xc3, 0x46, 0xec, 0x11, 0x4e, 0x0f,
	 0x5b, 0x8a, 0x31, 0x9f, 0x35, 0xab, 0xa6, 0x24, 0xda, 0x8c, 0xf6, 0xed, 0x4f, 0xb8, 0xa6, 0xfb},
	{0xc5, 0xaa, 0x8d, 0xf4, 0x3f, 0x9f, 0x83, 0x7b, 0xed, 0xb7, 0x44, 0x2f, 0x31, 0xdc, 0xb7, 0xb1,
	 0x66, 0xd3, 0x85, 0x35, 0x07, 0x6f, 0x09, 0x4b, 0x85, 0xce, 0x3a, 0x2e, 0x0b, 0x44, 0x58, 0xf7},
};
static const uint8_t rig_public[3][32] = {
	{0xd7, 0x5a, 0x98, 0x01, 0x82, 0xb1, 0x0a, 0xb7, 0xd5, 0x4b, 0xfe, 0xd3, 0xc9, 0x64, 0x07, 0x3a,
	 0x0e, 0xe1, 0x72, 0xf3, 0xda, 0xa6, 0x23, 0x25, 0xaf, 0x02, 0x1a, 0x68, 0xf7, 0x07, 0x51, 0x1a},
	{0x3d, 0x40, 0x17, 0xc3, 0xe8, 0x43, 0x89, 0x5a, 0x92, 0xb7, 0x0a, 0xa7, 0x4d, 0x1b, 0x7e, 0xbc,
	 0x9c, 0x98, 0x2c, 0xcf, 0x2e, 0xc4, 0x96, 0x8c, 0xc0, 0xcd, 0x55, 0xf1, 0x2a, 0xf4, 0x66, 0x0c},
	{0xfc, 0x51, 0xcd, 0x8e, 0x62, 0x18, 0xa1, 0xa3, 0x8d, 0xa4, 0x7e, 0xd0, 0x02, 0x30, 0xf0, 0x58,
	 0x08, 0x16, 0xed, 0x13, 0xba, 0x33, 0x03, 0xac, 0x5d, 0xeb, 0x91, 0x15, 0x48, 0x90, 0x80, 0x25},
};

struct rig;

struct side {
	struct rig *rig;
	enum punch_role role;
	struct lab_host *host;
	struct lab_iface *iface;
	struct lab_machine *machine;
	struct adit_addr addr; /* as the other side sees it */
	struct adit_addr own; /* as its host knows it */
	struct link *link;
	struct link_config cfg;
	struct adit_rng_seeded rng_state;

	adit_time asleep_until; /* the machine hears and does nothing; 0: it is awake */
	uint64_t wakes; /* how often its timer fired */
	uint64_t packets; /* that it put onto the Internet */

	unsigned n[LINK_EVENT_DOWN + 1]; /* how often each came */
	unsigned n_silent; /* SWITCHED away from a path that was silent */
	struct link_memory learnt; /* the last */
	enum link_event_kind log[RIG_EVENTS_MAX]; /* those of the session, in order */
	size_t n_log;
	struct link_event up;
	struct link_event down;
	struct fwd_service services[FWD_SERVICES_MAX]; /* of |up| */

	struct link_stream *stream;
	unsigned news; /* all of |stream| */
	uint64_t to_send;
	uint64_t sent;
	bool finishes; /* after the last byte */
	uint64_t received;
	uint64_t wrong; /* bytes that are not the pattern's */
	bool at_end;
	uint64_t error; /* of a reset */
	uint64_t refuse_with; /* 0: requests are accepted */
	const char *early; /* |stream| is opened to it as soon as it may be; NULL: by rig_open() */

	uint8_t *dgram;
	size_t dgram_len;
	uint32_t dgram_flow;
};

struct rig {
	struct lab_sim *sim;
	struct lab_net *internet;
	struct lab_router *router; /* of the connect side; NULL: none */
	struct quic_creds *creds[3];
	struct fwd_service services[2];
	struct side serve;
	struct side connect;
	struct side second; /* another machine with the same ticket; has a host where a test says so */
	struct adit_addr last_source; /* of what the serve side's socket got */
	struct adit_addr
		mediator; /* the two meet through it, instead of at their addresses; family NONE: they do not */
};

static inline uint8_t rig_pattern(uint64_t i)
{
	return (uint8_t)(i * 131 + (i >> 8) * 7 + (i >> 16));
}

/* --- streams --- */

static inline void rig_pump(struct side *s)
{
	uint8_t chunk[4096];

	while (s->stream && s->sent < s->to_send) {
		size_t n = s->to_send - s->sent < sizeof(chunk) ? (size_t)(s->to_send - s->sent) : sizeof(chunk);

		for (size_t i = 0; i < n; i++)
			chunk[i] = rig_pattern(s->sent + i);
		if (quic_stream_write(link_stream_bytes(s->stream), chunk, n) < 0)
			return;
		s->sent += n;
	}
	if (s->stream && s->finishes)
		quic_stream_finish(link_stream_bytes(s->stream));
}

static inline void rig_read(struct side *s)
{
	struct quic_stream *qs = link_stream_bytes(s->stream);
	struct quic_vec vec[4];
	size_t n;

	while ((n = quic_stream_peek(qs, vec, 4)) > 0) {
		size_t len = 0;

		for (size_t i = 0; i < n; i++) {
			for (size_t at = 0; at < vec[i].len; at++)
				s->wrong += vec[i].base[at] != rig_pattern(s->received++);
			len += vec[i].len;
		}
		quic_stream_consume(qs, len);
	}
	s->at_end = quic_stream_at_end(qs);
}

static inline void rig_release(struct side *s)
{
	if (s->stream)
		link_stream_release(s->stream);
	s->stream = NULL;
}

static inline void rig_on_stream(struct side *s, const struct link_event *e)
{
	assert_ptr_equal(e->stream, s->stream);
	s->news |= e->news;
	if (e->news & QUIC_NEWS_READABLE)
		rig_read(s);
	if (e->news & QUIC_NEWS_RESET)
		s->error = quic_stream_error(link_stream_bytes(s->stream));
	if (e->news & QUIC_NEWS_WRITABLE)
		rig_pump(s);
	if (e->news & QUIC_NEWS_CLOSED)
		rig_release(s);
}

static inline void rig_on_request(struct side *s, const struct link_event *e)
{
	if (s->refuse_with) {
		link_stream_refuse(e->stream, s->refuse_with);
		return;
	}
	rig_release(s);
	s->stream = e->stream;
	link_stream_accept(e->stream);
	rig_read(s);
	rig_pump(s);
}

/* --- the machine --- */

static inline void rig_on_event(struct side *s, const struct link_event *e)
{
	s->n[e->kind]++;
	switch (e->kind) {
	case LINK_EVENT_STREAM:
		rig_on_stream(s, e);
		return;
	case LINK_EVENT_REQUEST:
		rig_on_request(s, e);
		return;
	case LINK_EVENT_DGRAM:
		free(s->dgram);
		s->dgram = malloc(e->len + 1);
		memcpy(s->dgram, e->data, e->len);
		s->dgram_len = e->len;
		s->dgram_flow = e->flow;
		return;
	case LINK_EVENT_CREDIT:
		return;
	case LINK_EVENT_SECURED:
		if (s->early)
			assert_int_equal(link_stream_open_early(s->link, s->early, &s->stream), 0);
		rig_pump(s);
		return;
	case LINK_EVENT_LEARNT:
		s->learnt = *e->learnt;
		return;
	case LINK_EVENT_SWITCHED:
		s->n_silent += e->why == LINK_WHY_SILENT;
		break;
	case LINK_EVENT_UP:
		s->up = *e;
		if (e->n_services > 0)
			memcpy(s->services, e->services, e->n_services * sizeof(e->services[0]));
		break;
	case LINK_EVENT_DOWN:
		s->down = *e;
		rig_release(s);
		break;
	default:
		break;
	}
	if (s->n_log < RIG_EVENTS_MAX)
		s->log[s->n_log++] = e->kind;
}

static inline bool rig_is_asleep(const struct side *s, adit_time now)
{
	return now < s->asleep_until;
}

static inline bool rig_events(void *ctx, adit_time now)
{
	struct side *s = ctx;
	struct link_event e;
	bool any = false;

	while (!rig_is_asleep(s, now) && link_event(s->link, now, &e)) {
		rig_on_event(s, &e);
		any = true;
	}
	return any;
}

static inline void rig_input(void *self, adit_time now, const struct adit_dgram *d)
{
	struct side *s = self;

	if (rig_is_asleep(s, now))
		return;
	if (s->role == PUNCH_SERVE)
		s->rig->last_source = d->remote;
	(void)link_input(s->link, now, d);
}

static inline void rig_icmp(void *self, adit_time now, const struct adit_icmp *icmp)
{
	link_icmp(((struct side *)self)->link, now, icmp);
}

static inline void rig_sock_failed(void *self, adit_time now, uint32_t sock)
{
	link_sock_failed(((struct side *)self)->link, now, sock);
}

static inline void rig_tick(void *self, adit_time now)
{
	struct side *s = self;

	s->wakes++;
	if (!rig_is_asleep(s, now))
		link_tick(s->link, now);
}

static inline void rig_set_utc(void *self, adit_time now, adit_utc utc)
{
	link_set_utc(((struct side *)self)->link, now, utc);
}

static inline adit_time rig_deadline(const void *self)
{
	const struct side *s = self;

	return rig_is_asleep(s, lab_host_now(s->host)) ? s->asleep_until : link_deadline(s->link);
}

static inline int rig_output(void *self, adit_time now, struct adit_out *ret_out)
{
	struct side *s = self;

	return rig_is_asleep(s, now) ? 0 : link_output(s->link, now, ret_out);
}

static const struct adit_machine_ops rig_ops = {
	.input = rig_input,
	.icmp = rig_icmp,
	.sock_failed = rig_sock_failed,
	.tick = rig_tick,
	.set_utc = rig_set_utc,
	.deadline = rig_deadline,
	.output = rig_output,
};

/* --- making and running --- */

static inline void rig_tap(void *ctx, const struct lab_tap_packet *p)
{
	struct rig *r = ctx;

	if (p->step != LAB_STEP_SENT || p->node != RIG_INTERNET || p->is_icmp)
		return;
	r->serve.packets += adit_addr_eq_ip(&p->src, &r->serve.addr);
	r->connect.packets += adit_addr_eq_ip(&p->src, &r->connect.addr);
}

/* A program that starts: a new link with an instance of its own. |self| runs it, with |ops| and |events|. */
static inline void rig_start_in(struct side *s, const struct adit_machine_ops *ops, void *self,
				bool (*events)(void *ctx, adit_time now))
{
	const struct side *other = s->role == PUNCH_SERVE ? &s->rig->connect : &s->rig->serve;
	adit_time now = lab_host_now(s->host);

	s->cfg.instance = lab_sim_seed(s->rig->sim);
	assert_int_equal(link_new(&s->cfg, now, &s->link), 0);
	s->machine = lab_machine_new(s->host, ops, self, events, self);
	assert_non_null(s->machine);
	if (s->rig->mediator.family != ADIT_FAMILY_NONE) {
		struct reach_host own = {.addr = s->own};

		link_set_hosts(s->link, now, &own, 1);
		assert_int_equal(link_add_mediator(s->link, now, "meet.example.org", &s->rig->mediator), 0);
	} else if (s->role == PUNCH_CONNECT)
		link_set_peers(s->link, now, &other->addr, 1);
	link_start(s->link, now);
	lab_machine_wake(s->machine);
}

static inline void rig_start(struct side *s)
{
	rig_start_in(s, &rig_ops, s, rig_events);
}

/* A program that is killed: nobody is told. */
static inline void rig_kill(struct side *s)
{
	rig_release(s);
	lab_machine_free(s->machine);
	link_free(s->link);
	s->machine = NULL;
	s->link = NULL;
}

static inline void rig_side_init(struct rig *r, struct side *s, enum punch_role role)
{
	bool serves = role == PUNCH_SERVE;

	s->rig = r;
	s->role = role;
	s->cfg = (struct link_config){
		.role = role,
		.crypto = &crypto_gnutls,
		.rng = adit_rng_seeded_init(&s->rng_state, lab_sim_seed(r->sim)),
		.creds = r->creds[serves ? 0 : 1],
		.has_peer_key = !serves,
		.linger = ADIT_SEC(600),
		.services = serves ? r->services : NULL,
		.n_services = serves ? ARRAY_LEN(r->services) : 0,
	};
	memset(s->cfg.k, 0x5a, sizeof(s->cfg.k));
	memset(s->cfg.secret_id, 0x11, sizeof(s->cfg.secret_id));
	if (!serves)
		memcpy(s->cfg.peer_key, rig_public[0], sizeof(s->cfg.peer_key));
}

/* Hosts and wires; nothing runs yet, so that a test may change |cfg|. */
static inline void rig_init(struct rig *r, uint64_t seed, bool with_nat)
{
	struct lab_link_config way = {.delay = ADIT_MS(20), .hops = 4};
	struct adit_addr wan = adit_addr_v4(203, 0, 113, 20, 0);

	memset(r, 0, sizeof(*r));
	r->sim = lab_sim_new(seed);
	r->internet = lab_net_new(r->sim, &way);
	r->services[0] = (struct fwd_service){.id = RIG_ECHO, .kind = FWD_KIND_STREAM, .port = 7, .name = "echo"};
	r->services[1] = (struct fwd_service){.id = RIG_TIME, .kind = FWD_KIND_DGRAM, .port = 123, .name = "time"};
	for (int i = 0; i < 3; i++)
		assert_int_equal(quic_creds_new(rig_seed[i], rig_public[i], &r->creds[i]), 0);
	rig_side_init(r, &r->serve, PUNCH_SERVE);
	rig_side_init(r, &r->connect, PUNCH_CONNECT);
	r->serve.addr = adit_addr_v4(198, 51, 100, 10, 0);
	r->connect.addr = wan;
	r->serve.own = r->serve.addr;
	r->connect.own = wan;
	r->serve.host = lab_host_new(r->sim);
	r->serve.iface = lab_host_attach(r->serve.host, r->internet, &r->serve.addr, NULL);
	r->connect.host = lab_host_new(r->sim);
	if (with_nat) {
		struct adit_addr lan = adit_addr_v4(192, 168, 1, 1, 0);
		struct adit_addr own = adit_addr_v4(192, 168, 1, 2, 0);
		/* Any port outside, another one after each reboot. */
		struct lab_linux_config cfg = {.wan = wan, .lan = lan, .random = true, .seed = seed};
		struct lab_net *home = lab_net_new(r->sim, NULL);

		r->connect.own = own;
		r->connect.iface = lab_host_attach(r->connect.host, home, &own, NULL);
		r->router = lab_router_new(r->sim, lab_linux_new(&cfg), home, &lan, r->internet, &wan, NULL);
		assert_non_null(r->router);
	} else {
		r->connect.iface = lab_host_attach(r->connect.host, r->internet, &wan, NULL);
	}
	assert_true(r->serve.iface && r->connect.iface);
	lab_sim_set_tap(r->sim, rig_tap, r);
}

static inline void rig_add_second(struct rig *r)
{
	rig_side_init(r, &r->second, PUNCH_CONNECT);
	r->second.cfg.creds = r->creds[2];
	r->second.addr = adit_addr_v4(203, 0, 113, 30, 0);
	r->second.host = lab_host_new(r->sim);
	r->second.iface = lab_host_attach(r->second.host, r->internet, &r->second.addr, NULL);
	assert_non_null(r->second.iface);
}

static inline void rig_done(struct rig *r)
{
	if (r->second.link)
		rig_kill(&r->second);
	if (r->serve.link)
		rig_kill(&r->serve);
	if (r->connect.link)
		rig_kill(&r->connect);
	assert_int_equal(lab_sim_stats(r->sim)->bad_sends, 0);
	lab_sim_free(r->sim);
	free(r->serve.dgram);
	free(r->connect.dgram);
	for (int i = 0; i < 3; i++)
		quic_creds_free(r->creds[i]);
}

static inline void rig_run(struct rig *r, adit_dur d)
{
	lab_sim_run(r->sim, lab_sim_now(r->sim) + d);
}

/* Waits until |s| has seen |n| events of |kind| in all. */
struct rig_wait {
	const struct side *side;
	enum link_event_kind kind;
	unsigned n;
};

static inline bool rig_is_there(void *ctx)
{
	const struct rig_wait *w = ctx;

	return w->side->n[w->kind] >= w->n;
}

static inline bool rig_wait(struct rig *r, const struct side *s, enum link_event_kind kind, unsigned n, adit_dur within)
{
	struct rig_wait w = {.side = s, .kind = kind, .n = n};

	return lab_sim_run_until(r->sim, lab_sim_now(r->sim) + within, rig_is_there, &w);
}

/* Both sides running and admitted. */
static inline void rig_up(struct rig *r)
{
	rig_start(&r->serve);
	rig_run(r, ADIT_MS(500));
	rig_start(&r->connect);
	assert_true(rig_wait(r, &r->connect, LINK_EVENT_UP, 1, ADIT_SEC(20)));
	rig_run(r, ADIT_SEC(1));
	assert_int_equal(r->serve.n[LINK_EVENT_UP], 1);
}

static inline void rig_open(struct rig *r, uint16_t service)
{
	struct side *s = &r->connect;

	assert_null(s->stream);
	s->news = 0;
	s->error = 0;
	assert_int_equal(link_stream_open(s->link, service, &s->stream), 0);
	rig_pump(s);
	lab_machine_wake(s->machine);
}

static inline void rig_cut(struct rig *r, bool cut)
{
	lab_iface_set_cut(r->serve.iface, cut);
}

static inline void rig_close(struct side *s, uint64_t code)
{
	link_close(s->link, lab_host_now(s->host), code);
	lab_machine_wake(s->machine);
}

static inline enum link_state rig_state(const struct side *s)
{
	struct link_status st;

	link_status_get(s->link, lab_host_now(s->host), &st);
	return st.state;
}

#endif
