/*
 * STUN servers of all sorts as machines for the lab: good ones with a second address (RFC 5780) and plain ones, dead
 * ones, and such as lie. Written anew for tests, so that a mistake of the project's own server is not asked about by
 * itself; and that one, too (|mind|), for what the two of them have agreed on.
 */
#ifndef ADIT_STUN_LAB_H
#define ADIT_STUN_LAB_H

#include <string.h>

#include "test.h"

#include "core/stun/stun_attr.h"
#include "core/stun/stun_server.h"
#include "lab/lab_sim.h"

#define STUN_LAB_PORT   3478
#define STUN_LAB_QUEUE  256
#define STUN_LAB_ANSWER 160

enum stun_lab_manner {
	STUN_LAB_PLAIN, /* one address */
	STUN_LAB_TWIN, /* two of each family, RFC 5780 in full */
	STUN_LAB_DEAF_TWIN, /* tells of a second address, and nothing comes from there */
	STUN_LAB_STUBBORN, /* has two addresses and answers every CHANGE-REQUEST from the first */
	STUN_LAB_NO_RESPONSE_PORT, /* a twin that refuses RESPONSE-PORT with 420 */
	STUN_LAB_DEAD,
	STUN_LAB_REFUSES, /* error 500 to everybody */
	STUN_LAB_OLD, /* RFC 3489: MAPPED-ADDRESS only */
	STUN_LAB_LIES_IP, /* names another public address */
	STUN_LAB_LIES_PORT, /* and this one another port */
	STUN_LAB_LIES_PRIVATE,
	STUN_LAB_LIES_ZERO, /* port 0 */
};

struct stun_lab_out {
	struct adit_addr from; /* with the port: the socket */
	struct adit_addr to;
	size_t len;
	uint8_t data[STUN_LAB_ANSWER];
};

struct stun_lab {
	enum stun_lab_manner manner;
	struct lab_host *host; /* its own: its clock counts */
	struct adit_addr addr[2][2]; /* by family, first and second; no port */
	struct stun_lab_out queue[STUN_LAB_QUEUE];
	size_t head;
	size_t tail;
	unsigned opened; /* sockets */
	unsigned answered;
	struct stun_server *mind; /* the project's own server, borrowed; |manner| is TWIN or PLAIN then */
};

/* Sockets: 0, 1 IPv4 on the two ports; 2, 3 IPv6. */
static inline uint32_t stun_lab_sock(const struct adit_addr *a)
{
	return (adit_addr_is_v4(a) ? 0u : 2u) + (a->port != STUN_LAB_PORT);
}

static inline bool stun_lab_is_twin(const struct stun_lab *s)
{
	return s->manner == STUN_LAB_TWIN || s->manner == STUN_LAB_DEAF_TWIN || s->manner == STUN_LAB_STUBBORN ||
	       s->manner == STUN_LAB_NO_RESPONSE_PORT;
}

static inline struct adit_addr stun_lab_mapped(const struct stun_lab *s, const struct adit_addr *real)
{
	struct adit_addr a = *real;

	if (s->manner == STUN_LAB_LIES_IP)
		a.ip[3] ^= 0x40;
	else if (s->manner == STUN_LAB_LIES_PORT)
		a.port ^= 0x0101;
	else if (s->manner == STUN_LAB_LIES_PRIVATE)
		a = adit_addr_v4(10, 9, 8, 7, real->port);
	else if (s->manner == STUN_LAB_LIES_ZERO)
		a.port = 0;
	return a;
}

/* The answer to |m|, from |from|, into |o|. */
static inline void stun_lab_build(struct stun_lab *s, const struct stun_msg *m, const struct adit_dgram *d,
				  const struct adit_addr *other, struct stun_lab_out *o)
{
	struct adit_addr mapped = stun_lab_mapped(s, &d->remote);
	uint16_t unknown = STUN_ATTR_RESPONSE_PORT;
	struct stun_attr a;
	struct stun_build b;
	bool refused = s->manner == STUN_LAB_NO_RESPONSE_PORT && stun_msg_find(m, unknown, &a) == 0;
	bool error = s->manner == STUN_LAB_REFUSES || refused;
	int len;

	stun_build_begin(&b, o->data, sizeof(o->data), error ? STUN_ERROR : STUN_SUCCESS, m->method, m->txid);
	if (refused) {
		stun_build_error(&b, 420, "Unknown Attribute");
		stun_build_unknown(&b, &unknown, 1);
	} else if (error) {
		stun_build_error(&b, 500, "Server Error");
	} else if (s->manner == STUN_LAB_OLD) {
		stun_build_addr(&b, STUN_ATTR_MAPPED_ADDRESS, &mapped);
	} else {
		stun_build_xor_addr(&b, STUN_ATTR_XOR_MAPPED_ADDRESS, &mapped);
		stun_build_addr(&b, STUN_ATTR_RESPONSE_ORIGIN, &o->from);
		if (stun_lab_is_twin(s))
			stun_build_addr(&b, STUN_ATTR_OTHER_ADDRESS, other);
	}
	len = stun_build_end(&b);
	assert_true(len > 0);
	o->len = (size_t)len;
}

/* As adit mediator has it: two addresses, or one with two ports. */
static inline void stun_lab_think(struct stun_lab *s, adit_time now, const struct adit_dgram *d)
{
	const struct adit_addr *own = s->addr[adit_addr_is_v4(&d->local) ? 0 : 1];
	struct stun_lab_out *o = &s->queue[s->tail % STUN_LAB_QUEUE];
	struct stun_server_place place = {.local = d->local, .other = d->local};
	uint8_t buf[STUN_SERVER_PADDED_MAX];
	struct stun_server_answer a;

	if (stun_lab_is_twin(s))
		place.other = own[adit_addr_eq_ip(&d->local, &own[0])];
	else if (!adit_addr_eq_ip(&d->local, &own[0]))
		return;
	place.other.port = d->local.port == STUN_LAB_PORT ? STUN_LAB_PORT + 1 : STUN_LAB_PORT;
	if (!stun_server_answer(s->mind, now, &place, &d->remote, d->data, d->len, buf, &a))
		return;
	assert_true(s->tail - s->head < STUN_LAB_QUEUE && a.len <= sizeof(o->data));
	o->from = a.change & STUN_SERVER_CHANGE_IP ? place.other : place.local;
	o->from.port = a.change & STUN_SERVER_CHANGE_PORT ? place.other.port : place.local.port;
	o->to = a.remote;
	o->len = a.len;
	memcpy(o->data, buf, a.len);
	s->tail++;
	s->answered++;
}

static inline void stun_lab_input(void *self, adit_time now, const struct adit_dgram *d)
{
	struct stun_lab *s = self;
	const struct adit_addr *own = s->addr[adit_addr_is_v4(&d->local) ? 0 : 1];
	bool second = adit_addr_eq_ip(&d->local, &own[1]) && stun_lab_is_twin(s);
	struct stun_lab_out *o = &s->queue[s->tail % STUN_LAB_QUEUE];
	struct adit_addr other = own[second ? 0 : 1];
	uint32_t change = 0;
	uint16_t port;
	struct stun_attr a;
	struct stun_msg m;

	if (s->mind) {
		stun_lab_think(s, now, d);
		return;
	}
	if (s->manner == STUN_LAB_DEAD || stun_msg_parse(&m, d->data, d->len) < 0 || m.class != STUN_REQUEST)
		return;
	if (s->manner == STUN_LAB_DEAF_TWIN && second)
		return;
	if (stun_msg_find(&m, STUN_ATTR_CHANGE_REQUEST, &a) == 0)
		assert_int_equal(stun_attr_read_u32(&a, &change), 0);
	if (s->manner == STUN_LAB_DEAF_TWIN && (change & 4))
		return;
	other.port = d->local.port == STUN_LAB_PORT ? STUN_LAB_PORT + 1 : STUN_LAB_PORT;
	o->from = d->local;
	if (change & 4 && s->manner != STUN_LAB_STUBBORN)
		o->from = adit_addr_with_port(other, o->from.port);
	if (change & 2 && s->manner != STUN_LAB_STUBBORN)
		o->from.port = other.port;
	o->to = d->remote;
	if (stun_msg_find(&m, STUN_ATTR_RESPONSE_PORT, &a) == 0 && s->manner != STUN_LAB_NO_RESPONSE_PORT &&
	    stun_attr_read_u16_pad(&a, &port) == 0)
		o->to.port = port;
	stun_lab_build(s, &m, d, &other, o);
	assert_true(s->tail - s->head < STUN_LAB_QUEUE);
	s->tail++;
	s->answered++;
}

static inline void stun_lab_tick(void *self, adit_time now)
{
	(void)self;
	(void)now;
}

static inline adit_time stun_lab_deadline(const void *self)
{
	(void)self;
	return ADIT_NEVER;
}

static inline int stun_lab_output(void *self, adit_time now, struct adit_out *ret_out)
{
	struct stun_lab *s = self;
	const struct stun_lab_out *o = &s->queue[s->head % STUN_LAB_QUEUE];

	(void)now;
	if (s->opened < 4) {
		*ret_out = (struct adit_out){.kind = ADIT_OUT_OPEN, .sock = s->opened};
		ret_out->local.family = s->opened < 2 ? ADIT_FAMILY_V4 : ADIT_FAMILY_V6;
		ret_out->local.port = (uint16_t)(STUN_LAB_PORT + s->opened % 2);
		s->opened++;
		return 1;
	}
	if (s->head == s->tail)
		return 0;
	*ret_out = (struct adit_out){.kind = ADIT_OUT_SEND,
				     .sock = stun_lab_sock(&o->from),
				     .local = o->from,
				     .remote = o->to,
				     .data = o->data,
				     .len = o->len};
	s->head++;
	return 1;
}

static const struct adit_machine_ops stun_lab_ops = {
	.input = stun_lab_input,
	.tick = stun_lab_tick,
	.deadline = stun_lab_deadline,
	.output = stun_lab_output,
};

/* Puts |s| onto a host of its own on |net|; its addresses are 198.51.100.nr and .nr+100, 2001:db8:51::nr and nr+100. */
static inline void stun_lab_init(struct stun_lab *s, struct lab_sim *sim, struct lab_net *net, uint8_t nr,
				 enum stun_lab_manner manner)
{
	struct lab_host *h = lab_host_new(sim);
	uint8_t ip[16] = {0x20, 0x01, 0x0d, 0xb8, 0x00, 0x51};

	memset(s, 0, sizeof(*s));
	s->manner = manner;
	assert_non_null(h);
	s->host = h;
	for (uint8_t i = 0; i < 2; i++) {
		ip[15] = (uint8_t)(nr + 100 * i);
		s->addr[0][i] = adit_addr_v4(198, 51, 100, ip[15], 0);
		s->addr[1][i] = adit_addr_v6(ip, 0);
		assert_non_null(lab_host_attach(h, net, &s->addr[0][i], NULL));
		assert_non_null(lab_host_attach(h, net, &s->addr[1][i], NULL));
	}
	assert_non_null(lab_machine_new(h, &stun_lab_ops, s, NULL, NULL));
}

#endif
