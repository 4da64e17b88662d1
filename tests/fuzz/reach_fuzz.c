/*
 * Two punching engines, a mediator and a STUN server, with NATs between; a byte string says what is delivered, changed,
 * lost and invented, what fails, what is commanded, and when. The cryptography is one that everybody can do, so that
 * what lies behind it is reached. Whatever comes: sockets are used only while they are open, a stranger hears nothing,
 * and no engine asks for its tick again and again at one instant.
 *
 * covers: src/core/reach/reach.c src/core/reach/reach_account.c src/core/reach/reach_fire.c src/core/reach/reach_hear.c
 * covers: src/core/reach/reach_judge.c src/core/reach/reach_measure.c src/core/reach/reach_meet.c
 * covers: src/core/reach/reach_round.c
 * covers: src/core/reach/reach_sock.c src/core/reach/reach_verdict.c src/core/reach/reach_window.c
 * planted: src/core/reach/reach_hear.c: one.len = d->len - at < step ? d->len - at : step; -> one.len = step;
 */
#include "fuzz_meet.h"

#include "base/bytes.h"
#include "core/meet/meet_server.h"
#include "core/reach/reach.h"
#include "core/stun/stun_server.h"

#define SLOTS     16
#define WIRE      1024
#define FLOWS     2048
#define BUCKETS   1024
#define SOCKS     REACH_SOCK_SPAN
#define STEPS_MAX 2500 /* turns and outputs of an input: two searches and some, in some ten milliseconds */

struct dgram {
	struct adit_addr from, to;
	size_t len;
	uint8_t data[MEET_MSG_MAX];
};

struct flow {
	uint16_t inside, outside;
	struct adit_addr remote;
	struct flow *next; /* of the same bucket */
};

struct side {
	struct reach *r;
	struct adit_addr addr; /* its NAT's, no port */
	uint8_t nat; /* 0: none, 1: one port for each socket, 2: counts, 3: a block, 4: random */
	uint16_t next;
	struct flow flows[FLOWS];
	size_t n_flows;
	struct flow *bucket[BUCKETS]; /* by inside port and remote port */
	uint16_t inside[65536]; /* by outside port: of the last flow that has it; 0: none */
	uint32_t bound[65536]; /* by own port: the socket's number and 1; 0: none */
	uint16_t port[SOCKS]; /* of open sockets, by number */
	bool taken[SOCKS];
	uint32_t sock; /* the last one that was used */
	uint32_t valid; /* the last one with a valid pair */
	uint8_t last[MEET_MSG_MAX]; /* the last datagram sent */
	size_t last_len;
	struct adit_addr last_to;
};

struct world {
	adit_time now;
	unsigned steps;
	uint64_t next;
	struct meet_server *meet;
	struct stun_server *stun;
	struct adit_addr server[2];
	struct side s[2];
	struct dgram wire[WIRE];
	size_t first, n;
};

static void put(struct world *w, const struct adit_addr *from, const struct adit_addr *to, const uint8_t *data,
		size_t len)
{
	struct dgram *d;

	FUZZ_CHECK(len <= MEET_MSG_MAX && to->family != ADIT_FAMILY_NONE);
	if (w->n == WIRE)
		return; /* lost */
	d = &w->wire[(w->first + w->n++) % WIRE];
	*d = (struct dgram){.from = *from, .to = *to, .len = len};
	memcpy(d->data, data, len);
}

static struct flow **bucket_of(struct side *s, uint16_t inside, const struct adit_addr *remote)
{
	return &s->bucket[(inside * 31u + remote->port) % BUCKETS];
}

static const struct flow *flow_of(struct side *s, uint16_t inside, const struct adit_addr *remote)
{
	for (const struct flow *f = *bucket_of(s, inside, remote); f; f = f->next)
		if (f->inside == inside && adit_addr_eq(&f->remote, remote))
			return f;
	return NULL;
}

static uint16_t nat_map(struct side *s, uint16_t inside)
{
	switch (s->nat) {
	case 0:
		return inside;
	case 1:
		return inside ^ 1;
	case 3:
		return (uint16_t)(20000 + inside * 7919u % 997);
	case 4:
		return (uint16_t)(1024 + (inside * 7919u + s->next++ * 40503u) % 60000);
	default:
		return s->next++;
	}
}

static uint16_t nat_out(struct side *s, uint16_t inside, const struct adit_addr *remote)
{
	struct flow **bucket = bucket_of(s, inside, remote);
	const struct flow *known = flow_of(s, inside, remote);
	struct flow *f = &s->flows[s->n_flows];

	if (known)
		return known->outside;
	if (s->n_flows == FLOWS)
		return inside;
	*f = (struct flow){.inside = inside, .outside = nat_map(s, inside), .remote = *remote, .next = *bucket};
	*bucket = f;
	s->n_flows++;
	s->inside[f->outside] = inside;
	return f->outside;
}

static uint16_t nat_in(struct side *s, const struct adit_addr *to, const struct adit_addr *from)
{
	uint16_t inside = s->inside[to->port];
	const struct flow *f = flow_of(s, inside, from);

	if (s->nat == 0)
		return to->port;
	return f && f->outside == to->port ? inside : 0;
}

static void nat_forget(struct side *s)
{
	s->n_flows = 0;
	memset(s->bucket, 0, sizeof(s->bucket));
}

/* |port| 0: it is closed. */
static void bind_sock(struct side *s, uint32_t sock, uint16_t port)
{
	if (s->port[sock] != 0 && s->bound[s->port[sock]] == sock + 1)
		s->bound[s->port[sock]] = 0;
	s->port[sock] = port;
	if (port != 0)
		s->bound[port] = sock + 1;
}

static void sent(struct world *w, struct side *s, const struct adit_out *o)
{
	struct adit_addr from;

	FUZZ_CHECK(o->sock < SOCKS && s->port[o->sock] != 0);
	FUZZ_CHECK(o->len > 0 && o->remote.port != 0 && !adit_addr_is_multicast(&o->remote));
	fuzz_touch(o->data, o->len);
	s->sock = o->sock;
	s->last_len = o->len;
	memcpy(s->last, o->data, o->len);
	s->last_to = o->remote;
	from = adit_addr_with_port(s->addr, nat_out(s, s->port[o->sock], &o->remote));
	if (o->ttl == 0)
		put(w, &from, &o->remote, o->data, o->len);
}

static void output(struct world *w, struct side *s, const struct adit_out *o)
{
	switch (o->kind) {
	case ADIT_OUT_OPEN:
		FUZZ_CHECK(o->sock < SOCKS && s->port[o->sock] == 0);
		bind_sock(s, o->sock, o->local.port ? o->local.port : (uint16_t)(33000 + o->sock % 30000));
		s->sock = o->sock;
		break;
	case ADIT_OUT_CLOSE:
		FUZZ_CHECK(o->sock < SOCKS && s->port[o->sock] != 0 && !s->taken[o->sock]);
		bind_sock(s, o->sock, 0);
		break;
	case ADIT_OUT_SEND:
		sent(w, s, o);
		break;
	}
}

static void event(struct side *s, const struct reach_event *ev)
{
	switch (ev->kind) {
	case REACH_EVENT_VALID:
	case REACH_EVENT_HEARD:
		if (ev->kind == REACH_EVENT_VALID)
			s->valid = ev->sock;
		FUZZ_CHECK(reach_has_sock(s->r, ev->sock) && ev->remote.port != 0);
		fuzz_touch(reach_how_name(ev->how), 1);
		break;
	case REACH_EVENT_FAILED:
		FUZZ_CHECK(reach_verdict_text(ev->verdict)[0] != 0 && reach_verdict_name(ev->verdict)[0] != 0);
		break;
	case REACH_EVENT_LEARNT:
		fuzz_touch(ev->memory, sizeof(*ev->memory));
		break;
	default:
		break;
	}
}

/* Nobody may notice. */
static void refold(struct side *s)
{
	size_t size = reach_folded_size(s->r);
	struct reach *folded = size > 0 ? malloc(size) : NULL;

	if (!folded)
		return;
	reach_fold(s->r, folded);
	memset(s->r, 0, sizeof(*s->r));
	reach_unfold(s->r, folded);
	reach_done(folded);
	free(folded);
}

static void drain(struct world *w, struct side *s)
{
	struct reach_event ev;
	struct adit_out o;

	for (unsigned n = 0; reach_output(s->r, w->now, &o); n++) {
		FUZZ_CHECK(n < 4 * REACH_SOCK_SLOTS);
		output(w, s, &o);
		w->steps++;
	}
	while (reach_event(s->r, &ev))
		event(s, &ev);
}

/* Ticks that are due, until there are none. */
static void settle(struct world *w, struct side *s)
{
	drain(w, s);
	for (unsigned n = 0; reach_deadline(s->r) <= w->now; n++) {
		FUZZ_CHECK(n < 64);
		reach_tick(s->r, w->now);
		drain(w, s);
	}
	w->steps++;
}

static int hear(struct world *w, struct side *s, uint32_t sock, const struct adit_addr *from, const uint8_t *data,
		size_t len, size_t seg_size)
{
	uint8_t *copy = fuzz_exact(data, len);
	struct adit_dgram d = {.sock = sock,
			       .local = adit_addr_with_port(s->addr, s->port[sock]),
			       .remote = *from,
			       .data = copy,
			       .len = len,
			       .seg_size = seg_size};
	int err = reach_input(s->r, w->now, &d);

	free(copy);
	settle(w, s);
	return err;
}

static void at_server(struct world *w, const struct dgram *in)
{
	struct stun_server_place place = {.local = in->to, .other = adit_addr_with_port(in->to, in->to.port ^ 1)};
	struct adit_dgram d = {.sock = 3, .local = in->to, .remote = in->from, .data = in->data, .len = in->len};
	uint8_t buf[STUN_SERVER_PADDED_MAX];
	struct stun_server_answer answer;
	struct meet_server_out out;

	if (meet_server_input(w->meet, w->now, &d, buf, &out) == 1)
		put(w, &in->to, &out.remote, buf, out.len);
	else if (stun_server_answer(w->stun, w->now, &place, &in->from, in->data, in->len, buf, &answer) == 1)
		put(w, &in->to, &answer.remote, buf, answer.len);
}

/* The oldest datagram that is under way. */
static void deliver(struct world *w)
{
	struct dgram d;

	if (w->n == 0)
		return;
	d = w->wire[w->first];
	w->first = (w->first + 1) % WIRE;
	w->n--;
	if (adit_addr_eq_ip(&d.to, &w->server[0]) || adit_addr_eq_ip(&d.to, &w->server[1])) {
		at_server(w, &d);
		return;
	}
	for (unsigned i = 0; i < 2; i++) {
		struct side *s = &w->s[i];
		uint16_t port = adit_addr_eq_ip(&d.to, &s->addr) ? nat_in(s, &d.to, &d.from) : 0;

		if (s->bound[port] != 0)
			(void)hear(w, s, s->bound[port] - 1, &d.from, d.data, d.len, 0);
	}
}

/* The next one is another when it arrives. */
static void op_change(struct world *w, struct adit_rd *r)
{
	uint8_t how = adit_rd_u8(r);
	struct dgram *d = &w->wire[w->first];

	if (w->n == 0)
		return;
	if (how & 1)
		d->data[adit_rd_u16(r) % (d->len ? d->len : 1)] ^= adit_rd_u8(r);
	if (how & 2)
		d->len -= d->len < 4 ? 0 : 4;
	if (how & 4)
		d->from.port ^= 1;
	if (how & 8) {
		w->first = (w->first + 1) % WIRE;
		w->n--;
	}
	if (how & 16 && w->n < WIRE) {
		w->wire[(w->first + w->n) % WIRE] = *d;
		w->n++;
	}
}

/* To the socket that was used last, from a stranger, the server or the peer: bytes, or the peer's own last packet. */
static void op_invent(struct world *w, struct adit_rd *r)
{
	uint8_t how = adit_rd_u8(r);
	struct side *s = &w->s[how & 1];
	const struct side *peer = &w->s[!(how & 1)];
	const struct adit_addr from[] = {adit_addr_v4(198, 51, 100, 9, 999), w->server[0], s->last_to,
					 adit_addr_with_port(peer->addr, 7777)};
	uint8_t len = adit_rd_u8(r);
	const uint8_t *data = adit_rd_take(r, len);

	if (s->port[s->sock] == 0)
		return;
	if (how & 8)
		(void)hear(w, s, s->sock, &from[how >> 1 & 3], peer->last, peer->last_len, 0);
	else if (data)
		FUZZ_CHECK(hear(w, s, s->sock, &from[0], data, len, how & 16 ? 20 : 0) != 0);
}

static void op_time(struct world *w, struct adit_rd *r)
{
	uint8_t how = adit_rd_u8(r);
	adit_time at = reach_deadline(w->s[how & 1].r);

	if ((how & 2) && at != ADIT_NEVER)
		w->now = at > w->now ? at : w->now;
	else
		w->now += ADIT_MS(1) << (how >> 2 & 15);
	meet_server_tick(w->meet, w->now);
	for (unsigned i = 0; i < 2; i++)
		settle(w, &w->s[i]);
}

static void op_icmp(struct world *w, struct side *s, struct adit_rd *r)
{
	uint8_t how = adit_rd_u8(r);
	uint8_t copy[MEET_MSG_MAX];
	struct adit_icmp icmp = {.sock = s->sock,
				 .remote = s->last_to,
				 .offender = how & 1 ? adit_addr_v4(10, 0, 0, 1, 0) : adit_addr_v4(198, 51, 100, 1, 0),
				 .type = how & 2 ? 11 : 3,
				 .code = how & 2 ? 0 : 1,
				 .data = copy,
				 .len = how & 4 ? s->last_len : s->last_len / 2};

	memcpy(copy, s->last, s->last_len);
	if (s->last_len > 0)
		reach_icmp(s->r, w->now, &icmp);
}

static void take(struct world *w, struct side *s)
{
	if (reach_take(s->r, w->now, s->valid) != 0)
		return;
	FUZZ_CHECK(s->port[s->valid] != 0 && !s->taken[s->valid]);
	s->taken[s->valid] = true;
}

static void release(struct world *w, struct side *s)
{
	if (!s->taken[s->valid])
		return;
	s->taken[s->valid] = false;
	bind_sock(s, s->valid, 0);
	reach_released(s->r, w->now, s->valid);
}

static void fail_sock(struct world *w, struct side *s)
{
	if (s->port[s->sock] == 0 || s->taken[s->sock])
		return;
	bind_sock(s, s->sock, 0);
	reach_sock_failed(s->r, w->now, s->sock);
}

static void look(const struct side *s)
{
	char line[REACH_ACCOUNT_STRLEN];
	struct reach_account a;
	struct reach_desc own, peer;
	struct reach_stats stats;
	size_t pos = 0;

	for (unsigned n = 0; reach_account(s->r, &pos, &a); n++) {
		FUZZ_CHECK(n < REACH_PAST_MAX + REACH_SALVOS_MAX + 1 + ICE_PAIRS_MAX);
		fuzz_touch(line, strlen(reach_account_format(&a, line)));
	}
	reach_views(s->r, &own, &peer);
	reach_stats(s->r, &stats);
	FUZZ_CHECK(stats.socks_open <= stats.socks_max && stats.socks_max <= REACH_SOCK_SLOTS);
	fuzz_touch(reach_verdict_name(reach_last_verdict(s->r)), 1);
}

static void op_command(struct world *w, struct adit_rd *r)
{
	uint8_t what = adit_rd_u8(r);
	struct side *s = &w->s[what & 1];
	struct reach_host hosts[2] = {{.addr = s->addr}, {.addr = adit_addr_v4(10, 0, 0, what, 0)}};
	struct reach_mapping map = {.port = 23456, .external = adit_addr_with_port(s->addr, 4500)};
	struct reach_memory m = {.network = s->addr, .kind = NAT_KIND_RANDOM, .low_ttl = 3, .peer_network = s->addr};

	switch (what >> 1 & 15) {
	case 0:
	case 1:
		reach_start(s->r, w->now);
		break;
	case 2:
		reach_rest(s->r, w->now);
		break;
	case 3:
		reach_stop(s->r, w->now);
		break;
	case 4:
		reach_report(s->r, w->now, MEET_PATH_PUNCHED, ADIT_MS(100));
		break;
	case 5:
		take(w, s);
		break;
	case 6:
		release(w, s);
		break;
	case 7:
		fail_sock(w, s);
		break;
	case 8:
		reach_set_hosts(s->r, w->now, hosts, 1 + (what >> 5) % 2);
		break;
	case 9:
		(void)!reach_add_server(s->r, w->now, &w->server[1]);
		break;
	case 10:
		(void)!reach_add_mediator(s->r, w->now, what & 32 ? "m" : "n", &w->server[1]);
		break;
	case 11:
		reach_trust(s->r, &w->s[!(what & 1)].addr, 1);
		break;
	case 12:
		if (what & 32)
			reach_set_mapped(s->r, w->now, ADIT_FAMILY_V4, what & 64 ? &map : NULL);
		else
			reach_set_memory(s->r, &m);
		break;
	case 13:
		op_icmp(w, s, r);
		break;
	case 14:
		look(s);
		break;
	default:
		nat_forget(s); /* the router was restarted */
		break;
	}
	settle(w, s);
}

static void begin(struct world *w, struct meet_peer *slots, uint8_t how)
{
	struct meet_server_config mcfg = {.crypto = &fuzz_meet_crypto, .rng = fuzz_rng(&w->next), .no_limits = true};
	struct stun_server_config scfg = {.rng = fuzz_rng(&w->next)};

	w->now = ADIT_SEC(1000);
	w->server[0] = adit_addr_v4(203, 0, 113, 2, 3478);
	w->server[1] = adit_addr_v4(203, 0, 113, 4, 3478);
	meet_server_init(w->meet, w->now, &mcfg, slots, SLOTS);
	stun_server_init(w->stun, w->now, &scfg);
	for (uint8_t i = 0; i < 2; i++) {
		struct side *s = &w->s[i];
		struct reach_config cfg = {.role = i ? MEET_CONNECT : MEET_SERVE,
					   .crypto = &fuzz_crypto,
					   .meet_crypto = &fuzz_meet_crypto,
					   .rng = fuzz_rng(&w->next),
					   .instance = 1u + i,
					   .port = how & 128 ? 5000 : 0,
					   .low_ttl = true};
		struct reach_host host;

		s->addr = adit_addr_v4(192, 0, 2, (uint8_t)(1 + i), 0);
		s->next = 30000;
		s->nat = (uint8_t)((i ? how / 5 : how) % 5);
		host = (struct reach_host){.addr = s->addr};
		reach_init(s->r, &cfg, w->now);
		reach_set_utc(s->r, w->now, UINT64_C(1790000000) * ADIT_SEC(1));
		FUZZ_CHECK(reach_add_mediator(s->r, w->now, "m", &w->server[0]) == 0);
		FUZZ_CHECK(reach_add_server(s->r, w->now, &w->server[1]) == 0);
		reach_set_hosts(s->r, w->now, &host, 1);
		reach_start(s->r, w->now);
		settle(w, s);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct meet_server meet;
	static struct stun_server stun;
	struct adit_rd r = adit_rd_over(data, size < 3000 ? size : 3000);
	struct meet_peer *slots = calloc(SLOTS, sizeof(*slots));
	struct world *w = calloc(1, sizeof(*w));

	FUZZ_CHECK(w && slots);
	w->meet = &meet;
	w->stun = &stun;
	for (unsigned i = 0; i < 2; i++) {
		w->s[i].r = calloc(1, sizeof(*w->s[i].r));
		FUZZ_CHECK(w->s[i].r);
	}
	begin(w, slots, adit_rd_u8(&r));
	while (adit_rd_left(&r) > 0 && w->steps < STEPS_MAX) {
		uint8_t op = adit_rd_u8(&r);

		switch (op % 8) {
		case 0:
			op_invent(w, &r);
			break;
		case 1:
		case 2:
			op_time(w, &r);
			break;
		case 3:
			op_command(w, &r);
			break;
		case 4:
			op_change(w, &r);
			break;
		default: /* a while in which all goes well */
			for (unsigned n = 0; n < 1u + (op >> 3); n++)
				deliver(w);
			break;
		}
		refold(&w->s[op >> 7]);
	}
	for (unsigned i = 0; i < 2; i++) {
		look(&w->s[i]);
		reach_done(w->s[i].r);
		free(w->s[i].r);
	}
	free(w);
	free(slots);
	return 0;
}
