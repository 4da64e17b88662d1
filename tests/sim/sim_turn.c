#include "sim_turn.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/stun/stun_attr.h"
#include "crypto/crypto.h"

#define REALM        "lab"
#define NONCE        "once"
#define USER         "ann"
#define PASS         "secret"
#define LIFETIME     600u
#define CHANNEL_LIFE ADIT_SEC(600) /* RFC 8656 12 */
#define RELAYED      50000u

static void key_of(uint8_t key[16])
{
	static const char text[] = USER ":" REALM ":" PASS;

	crypto_gnutls.md5(text, sizeof(text) - 1, key);
}

#define SOCK_V6 (SIM_TURN_ALLOCS + 1) /* clients of IPv6 ask here; of IPv4 at 0 */

static uint32_t sock_of(const struct adit_addr *client)
{
	return adit_addr_is_v6(client) ? SOCK_V6 : 0;
}

static struct sim_turn_out *out_new(struct sim_turn *t, uint32_t sock, const struct adit_addr *remote)
{
	struct sim_turn_out *o = &t->outs[(t->out_first + t->n_outs) % SIM_TURN_OUTS];

	if (t->n_outs == SIM_TURN_OUTS)
		return NULL;
	t->n_outs++;
	o->sock = sock;
	o->remote = *remote;
	o->len = 0;
	return o;
}

static struct sim_turn_alloc *alloc_of(struct sim_turn *t, const struct adit_addr *client)
{
	for (size_t i = 0; i < SIM_TURN_ALLOCS; i++)
		if (t->allocs[i].used && adit_addr_eq(&t->allocs[i].client, client))
			return &t->allocs[i];
	return NULL;
}

static struct adit_addr relayed_of(const struct sim_turn *t, const struct sim_turn_alloc *a)
{
	return adit_addr_with_port(t->addr, (uint16_t)(RELAYED + (size_t)(a - t->allocs)));
}

static bool is_permitted(const struct sim_turn_alloc *a, const struct adit_addr *peer)
{
	for (size_t i = 0; i < a->n_permits; i++)
		if (adit_addr_eq_ip(&a->permits[i], peer))
			return true;
	return false;
}

static void permit(struct sim_turn_alloc *a, const struct adit_addr *peer)
{
	if (!is_permitted(a, peer) && a->n_permits < SIM_TURN_PERMITS)
		a->permits[a->n_permits++] = *peer;
}

/* --- to a peer, and from one --- */

static void relay(struct sim_turn *t, struct sim_turn_alloc *a, const struct adit_addr *peer, const uint8_t *data,
		  size_t len)
{
	struct sim_turn_out *o = is_permitted(a, peer) && len <= SIM_TURN_OUT_MAX
					 ? out_new(t, 1 + (uint32_t)(a - t->allocs), peer)
					 : NULL;

	if (!o) {
		t->refused++;
		return;
	}
	t->relayed++;
	o->len = len;
	memcpy(o->data, data, len);
}

static bool is_bound(const struct sim_turn *t, const struct sim_turn_channel *c)
{
	return c->number != 0 && t->now < c->expire_at;
}

static const struct sim_turn_channel *channel_to(const struct sim_turn *t, const struct sim_turn_alloc *a,
						 const struct adit_addr *peer)
{
	for (size_t i = 0; i < SIM_TURN_CHANNELS; i++)
		if (is_bound(t, &a->channels[i]) && adit_addr_eq(&a->channels[i].peer, peer))
			return &a->channels[i];
	return NULL;
}

static void from_peer(struct sim_turn *t, struct sim_turn_alloc *a, const struct adit_dgram *d)
{
	const struct sim_turn_channel *c = channel_to(t, a, &d->remote);
	struct sim_turn_out *o = a->used && is_permitted(a, &d->remote) && d->len + 40 <= SIM_TURN_OUT_MAX
					 ? out_new(t, sock_of(&a->client), &a->client)
					 : NULL;
	struct stun_build b;

	if (!o) {
		t->refused++;
		return;
	}
	t->relayed++;
	if (c) {
		struct adit_wr w = adit_wr_over(o->data, sizeof(o->data));

		adit_wr_u16(&w, c->number);
		adit_wr_u16(&w, (uint16_t)d->len);
		memcpy(o->data + 4, d->data, d->len);
		o->len = d->len + 4;
		return;
	}
	stun_build_begin(&b, o->data, sizeof(o->data), STUN_INDICATION, STUN_DATA, (const uint8_t *)"twelve bytes");
	stun_build_xor_addr(&b, STUN_ATTR_XOR_PEER_ADDRESS, &d->remote);
	stun_build_bytes(&b, STUN_ATTR_DATA, d->data, d->len);
	o->len = (size_t)stun_build_end(&b);
}

/* --- requests --- */

static bool peer_of(const struct stun_msg *m, struct adit_addr *ret_peer)
{
	struct stun_attr a;

	return stun_msg_find(m, STUN_ATTR_XOR_PEER_ADDRESS, &a) == 0 &&
	       stun_attr_read_xor_addr(&a, m->txid, ret_peer) == 0;
}

static unsigned allocate(struct sim_turn *t, const struct adit_addr *client, const struct stun_msg *m)
{
	for (size_t i = 0; i < SIM_TURN_ALLOCS; i++) {
		struct sim_turn_alloc *a = &t->allocs[i];

		if (a->used)
			continue;
		*a = (struct sim_turn_alloc){.used = true, .opened = a->opened, .client = *client};
		memcpy(a->txid, m->txid, sizeof(a->txid));
		return 0;
	}
	return 508;
}

static unsigned refresh(struct sim_turn_alloc *a, const struct stun_msg *m)
{
	uint32_t life = LIFETIME;
	struct stun_attr attr;

	if (stun_msg_find(m, STUN_ATTR_LIFETIME, &attr) == 0)
		(void)!stun_attr_read_u32(&attr, &life);
	a->used = life != 0;
	return 0;
}

static unsigned bind_channel(const struct sim_turn *t, struct sim_turn_alloc *a, const struct stun_msg *m)
{
	struct adit_addr peer;
	struct stun_attr attr;
	uint16_t number;

	if (!peer_of(m, &peer) || stun_msg_find(m, STUN_ATTR_CHANNEL_NUMBER, &attr) < 0 ||
	    stun_attr_read_u16_pad(&attr, &number) < 0)
		return 400;
	permit(a, &peer);
	for (size_t i = 0; i < SIM_TURN_CHANNELS; i++) {
		struct sim_turn_channel *c = &a->channels[i];

		if (is_bound(t, c) && c->number != number)
			continue;
		*c = (struct sim_turn_channel){
			.number = number, .peer = peer, .expire_at = adit_time_add(t->now, CHANNEL_LIFE)};
		return 0;
	}
	return 508;
}

/* 0: done. */
static unsigned perform(struct sim_turn *t, const struct adit_addr *client, const struct stun_msg *m)
{
	struct sim_turn_alloc *a = alloc_of(t, client);
	struct adit_addr peer;

	if (m->method == STUN_ALLOCATE && a) /* the same request, sent again: RFC 8656 7.2 */
		return memcmp(a->txid, m->txid, sizeof(a->txid)) == 0 ? 0 : 437;
	if (m->method == STUN_ALLOCATE)
		return allocate(t, client, m);
	if (!a)
		return 437;
	switch (m->method) {
	case STUN_REFRESH:
		return refresh(a, m);
	case STUN_CREATE_PERMISSION:
		if (!peer_of(m, &peer))
			return 400;
		permit(a, &peer);
		return 0;
	case STUN_CHANNEL_BIND:
		return bind_channel(t, a, m);
	default:
		return 400;
	}
}

static void request(struct sim_turn *t, const struct adit_dgram *d, const struct stun_msg *m)
{
	struct sim_turn_out *o = out_new(t, sock_of(&d->remote), &d->remote);
	bool is_known = m->sha1_at != 0;
	unsigned code = 0;
	uint8_t key[16];
	struct stun_build b;

	if (!o)
		return;
	key_of(key);
	if (m->method != STUN_BINDING) {
		if (!is_known || stun_msg_verify(m, &crypto_gnutls, STUN_ATTR_MESSAGE_INTEGRITY, key, sizeof(key)) < 0)
			code = 401;
		else
			code = perform(t, &d->remote, m);
	}
	stun_build_begin(&b, o->data, sizeof(o->data), code ? STUN_ERROR : STUN_SUCCESS, m->method, m->txid);
	if (code)
		stun_build_error(&b, code, "no");
	if (code == 401) {
		stun_build_bytes(&b, STUN_ATTR_REALM, REALM, strlen(REALM));
		stun_build_bytes(&b, STUN_ATTR_NONCE, NONCE, strlen(NONCE));
	}
	if (code == 0 && m->method == STUN_ALLOCATE) {
		struct adit_addr relayed = relayed_of(t, alloc_of(t, &d->remote));

		stun_build_xor_addr(&b, STUN_ATTR_XOR_RELAYED_ADDRESS, &relayed);
	}
	if (code == 0 && (m->method == STUN_ALLOCATE || m->method == STUN_BINDING))
		stun_build_xor_addr(&b, STUN_ATTR_XOR_MAPPED_ADDRESS, &d->remote);
	if (code == 0 && (m->method == STUN_ALLOCATE || m->method == STUN_REFRESH))
		stun_build_u32(&b, STUN_ATTR_LIFETIME, LIFETIME);
	if (m->method != STUN_BINDING && code != 401)
		stun_build_integrity_sha1(&b, &crypto_gnutls, key, sizeof(key));
	o->len = (size_t)stun_build_end(&b);
}

static void from_client(struct sim_turn *t, const struct adit_dgram *d)
{
	struct sim_turn_alloc *a = alloc_of(t, &d->remote);
	struct adit_addr peer;
	struct stun_attr attr;
	struct stun_msg m;

	if (d->len >= 4 && d->data[0] >= 0x40 && d->data[0] < 0x50) {
		uint16_t number = (uint16_t)(d->data[0] << 8 | d->data[1]);
		size_t len = (size_t)(d->data[2] << 8 | d->data[3]);

		for (size_t i = 0; a && i < SIM_TURN_CHANNELS; i++)
			if (is_bound(t, &a->channels[i]) && a->channels[i].number == number && len + 4 <= d->len)
				relay(t, a, &a->channels[i].peer, d->data + 4, len);
		return;
	}
	if (stun_msg_parse(&m, d->data, d->len) < 0)
		return;
	if (m.class == STUN_REQUEST)
		request(t, d, &m);
	else if (a && m.method == STUN_SEND && peer_of(&m, &peer) && stun_msg_find(&m, STUN_ATTR_DATA, &attr) == 0)
		relay(t, a, &peer, attr.value, attr.len);
}

/* --- the machine --- */

static void turn_in(void *self, adit_time now, const struct adit_dgram *d)
{
	struct sim_turn *t = self;

	t->now = now;
	if (d->sock == 0 || d->sock == SOCK_V6)
		from_client(t, d);
	else
		from_peer(t, &t->allocs[d->sock - 1], d);
}

static void turn_at(void *self, adit_time now)
{
	(void)self;
	(void)now;
}

static adit_time turn_next(const void *self)
{
	(void)self;
	return ADIT_NEVER;
}

static void open_sock(uint32_t sock, uint16_t port, struct adit_out *ret_out)
{
	*ret_out =
		(struct adit_out){.kind = ADIT_OUT_OPEN,
				  .sock = sock,
				  .local = {.family = sock == SOCK_V6 ? ADIT_FAMILY_V6 : ADIT_FAMILY_V4, .port = port}};
}

static int turn_out(void *self, adit_time now, struct adit_out *ret_out)
{
	struct sim_turn *t = self;
	const struct sim_turn_out *o;

	(void)now;
	if (!t->opened) {
		t->opened = true;
		open_sock(0, SIM_TURN_PORT, ret_out);
		return 1;
	}
	if (!t->opened_v6 && t->server_v6.addr.family != ADIT_FAMILY_NONE) {
		t->opened_v6 = true;
		open_sock(SOCK_V6, SIM_TURN_PORT, ret_out);
		return 1;
	}
	for (uint32_t i = 0; i < SIM_TURN_ALLOCS; i++) {
		if (t->allocs[i].opened)
			continue;
		t->allocs[i].opened = true;
		open_sock(1 + i, (uint16_t)(RELAYED + i), ret_out);
		return 1;
	}
	if (t->n_outs == 0)
		return 0;
	o = &t->outs[t->out_first];
	t->out_first = (t->out_first + 1) % SIM_TURN_OUTS;
	t->n_outs--;
	*ret_out = (struct adit_out){
		.kind = ADIT_OUT_SEND, .sock = o->sock, .remote = o->remote, .data = o->data, .len = o->len};
	return 1;
}

static const struct adit_machine_ops turn_ops = {
	.input = turn_in, .tick = turn_at, .deadline = turn_next, .output = turn_out};

int sim_turn_init(struct sim_turn *t, struct lab_host *h, const struct adit_addr *addr)
{
	*t = (struct sim_turn){.host = h, .addr = *addr};
	t->server = (struct turn_server){.addr = adit_addr_with_port(*addr, SIM_TURN_PORT), .user = USER, .pass = PASS};
	t->outs = calloc(SIM_TURN_OUTS, sizeof(*t->outs));
	if (!t->outs)
		return ADIT_ENOMEM;
	t->machine = lab_machine_new(h, &turn_ops, t, NULL, NULL);
	return t->machine ? 0 : ADIT_ENOMEM;
}

void sim_turn_add_v6(struct sim_turn *t, const struct adit_addr *addr)
{
	t->server_v6 = t->server;
	t->server_v6.addr = adit_addr_with_port(*addr, SIM_TURN_PORT);
	lab_machine_wake(t->machine);
}

void sim_turn_forget(struct sim_turn *t)
{
	for (size_t i = 0; i < SIM_TURN_ALLOCS; i++)
		t->allocs[i].used = false;
}

void sim_turn_done(struct sim_turn *t)
{
	free(t->outs);
}
