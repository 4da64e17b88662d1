#include "core/stun/stun_client.h"

#include <assert.h>
#include <string.h>

#include "core/stun/stun_attr.h"

/* All that a Binding answer may have, old servers' included (RFC 8489 14, RFC 5780 7, RFC 3489 11.2). */
static const uint16_t binding_known[] = {
	STUN_ATTR_MAPPED_ADDRESS,     STUN_ATTR_SOURCE_ADDRESS, STUN_ATTR_CHANGED_ADDRESS,
	STUN_ATTR_USERNAME,           STUN_ATTR_ERROR_CODE,     STUN_ATTR_UNKNOWN_ATTRIBUTES,
	STUN_ATTR_REFLECTED_FROM,     STUN_ATTR_REALM,          STUN_ATTR_NONCE,
	STUN_ATTR_XOR_MAPPED_ADDRESS, STUN_ATTR_PADDING,        STUN_ATTR_RESPONSE_PORT,
	STUN_ATTR_PASSWORD_ALGORITHM,
};

void stun_client_init(struct stun_client *c, const struct adit_rng *rng, struct stun_tx *slots, size_t n)
{
	memset(c, 0, sizeof(*c));
	c->rng = rng;
	c->tx = slots;
	c->n_tx = n;
	stun_client_set_known(c, binding_known, ARRAY_LEN(binding_known));
	for (size_t i = 0; i < n; i++)
		slots[i].state = STUN_TX_FREE;
}

void stun_client_move(struct stun_client *c, const struct adit_rng *rng, struct stun_tx *slots)
{
	c->rng = rng;
	c->tx = slots;
}

void stun_client_set_known(struct stun_client *c, const uint16_t *types, size_t n)
{
	c->known = types;
	c->n_known = n;
}

/* --- what was learnt about the way --- */

static struct stun_rtt *rtt_find(const struct stun_client *c, const struct adit_addr *host)
{
	for (size_t i = 0; i < STUN_RTT_MAX; i++)
		if (c->rtt[i].host.family != ADIT_FAMILY_NONE && adit_addr_eq_ip(&c->rtt[i].host, host))
			return (struct stun_rtt *)&c->rtt[i];
	return NULL;
}

static struct stun_rtt *rtt_oldest(struct stun_client *c)
{
	struct stun_rtt *oldest = &c->rtt[0];

	for (size_t i = 0; i < STUN_RTT_MAX; i++) {
		if (c->rtt[i].host.family == ADIT_FAMILY_NONE)
			return &c->rtt[i];
		if (c->rtt[i].used_at < oldest->used_at)
			oldest = &c->rtt[i];
	}
	return oldest;
}

/* RFC 6298 2.2, 2.3. */
static void rtt_learn(struct stun_client *c, adit_time now, const struct adit_addr *host, adit_dur rtt)
{
	struct stun_rtt *r = rtt_find(c, host);
	adit_dur off;

	if (!r || adit_time_since(now, r->used_at) > STUN_RTO_KEPT) {
		r = r ? r : rtt_oldest(c);
		*r = (struct stun_rtt){.host = adit_addr_with_port(*host, 0), .srtt = rtt, .var = rtt / 2};
	} else {
		off = r->srtt > rtt ? r->srtt - rtt : rtt - r->srtt;
		r->var = r->var - r->var / 4 + off / 4;
		r->srtt = r->srtt - r->srtt / 8 + rtt / 8;
	}
	r->used_at = now;
}

adit_dur stun_client_rto(const struct stun_client *c, adit_time now, const struct adit_addr *host)
{
	const struct stun_rtt *r = rtt_find(c, host);
	adit_dur rto;

	if (!r || adit_time_since(now, r->used_at) > STUN_RTO_KEPT)
		return STUN_RTO;
	rto = r->srtt + 4 * r->var;
	if (rto < STUN_RTO_MIN)
		return STUN_RTO_MIN;
	return rto > STUN_RTO_MAX ? STUN_RTO_MAX : rto;
}

/* --- out --- */

static bool is_open(const struct stun_tx *tx)
{
	return tx->state == STUN_TX_BUILD || tx->state == STUN_TX_WAIT;
}

int stun_client_begin(struct stun_client *c, const struct stun_ask *ask, uint16_t method, struct stun_build *ret_build,
		      struct stun_tx **ret_tx)
{
	struct stun_tx *tx = NULL;
	uint8_t txid[STUN_TXID_LEN];
	size_t same_host = 0;

	for (size_t i = 0; i < c->n_tx; i++) {
		if (is_open(&c->tx[i]))
			same_host += adit_addr_eq_ip(&c->tx[i].ask.to, &ask->to);
		else if (c->tx[i].state == STUN_TX_FREE && !tx)
			tx = &c->tx[i];
	}
	if (!tx || same_host >= STUN_PER_HOST)
		return ADIT_EFULL;
	memset(tx, 0, offsetof(struct stun_tx, msg));
	tx->state = STUN_TX_BUILD;
	tx->ask = *ask;
	tx->method = method;
	tx->again_at = ADIT_NEVER;
	if (tx->ask.sends == 0)
		tx->ask.sends = STUN_RC;
	if (tx->ask.last_wait == 0)
		tx->ask.last_wait = STUN_RM;
	adit_rng_fill(c->rng, txid, sizeof(txid));
	stun_build_begin(ret_build, tx->msg, sizeof(tx->msg), STUN_REQUEST, method, txid);
	*ret_tx = tx;
	return 0;
}

int stun_client_send(struct stun_client *c, adit_time now, struct stun_tx *tx, struct stun_build *b)
{
	int len = stun_build_end(b);

	assert(tx->state == STUN_TX_BUILD);
	if (len < 0) {
		tx->state = STUN_TX_FREE;
		return len;
	}
	tx->len = (size_t)len;
	tx->rto = tx->ask.rto ? tx->ask.rto : stun_client_rto(c, now, &tx->ask.to);
	tx->ask.rto = tx->rto;
	tx->state = STUN_TX_WAIT;
	tx->due = true;
	return 0;
}

int stun_client_bind(struct stun_client *c, adit_time now, const struct stun_ask *ask, uint32_t change,
		     uint16_t response_port)
{
	struct stun_build b;
	struct stun_tx *tx;
	int err = stun_client_begin(c, ask, STUN_BINDING, &b, &tx);

	if (err < 0)
		return err;
	if (change != 0)
		stun_build_u32(&b, STUN_ATTR_CHANGE_REQUEST, change);
	if (response_port != 0)
		stun_build_u16_pad(&b, STUN_ATTR_RESPONSE_PORT, response_port);
	if (ask->with_cookie && ask->cookie)
		stun_build_bytes(&b, STUN_ATTR_ADIT_COOKIE, ask->cookie, STUN_COOKIE_LEN);
	else if (ask->with_cookie)
		stun_build_flag(&b, STUN_ATTR_ADIT_COOKIE);
	return stun_client_send(c, now, tx, &b);
}

void stun_client_again(struct stun_client *c, adit_time now, uint32_t tag, adit_dur gap)
{
	for (size_t i = 0; i < c->n_tx; i++) {
		struct stun_tx *tx = &c->tx[i];

		if (tx->state == STUN_TX_WAIT && tx->ask.tag == tag && tx->sends > 0 &&
		    adit_time_since(now, tx->sent_at) >= gap)
			tx->extra_due = true;
	}
}

static void schedule(struct stun_tx *tx, adit_time now)
{
	tx->due = false;
	tx->sends++;
	/* RFC 8489 6.2.1: the last one is waited for Rm times the first RTO, whatever it has grown to. */
	tx->again_at = adit_time_add(now, tx->sends == tx->ask.sends ? tx->ask.rto * tx->ask.last_wait : tx->rto);
	tx->rto *= 2;
}

int stun_client_output(struct stun_client *c, adit_time now, struct adit_out *ret_out)
{
	for (size_t i = 0; i < c->n_tx; i++) {
		struct stun_tx *tx = &c->tx[i];

		if (tx->state != STUN_TX_WAIT || (!tx->due && !tx->extra_due))
			continue;
		if (tx->due)
			schedule(tx, now);
		else
			tx->extras++;
		tx->extra_due = false;
		tx->sent_at = now;
		*ret_out = (struct adit_out){.kind = ADIT_OUT_SEND,
					     .sock = tx->ask.sock,
					     .local = tx->ask.local,
					     .remote = tx->ask.to,
					     .data = tx->msg,
					     .len = tx->len,
					     .ttl = tx->ask.ttl};
		return 1;
	}
	return 0;
}

/* --- in --- */

static struct stun_tx *find_txid(struct stun_client *c, const uint8_t *txid)
{
	for (size_t i = 0; i < c->n_tx; i++)
		if (c->tx[i].state == STUN_TX_WAIT && memcmp(c->tx[i].msg + 8, txid, STUN_TXID_LEN) == 0)
			return &c->tx[i];
	return NULL;
}

static struct stun_result result_of(const struct stun_tx *tx, enum stun_end end)
{
	return (struct stun_result){.end = end,
				    .tag = tx->ask.tag,
				    .sock = tx->ask.sock,
				    .to = tx->ask.to,
				    .sends = tx->sends + tx->extras,
				    .violated = tx->violated};
}

/* 0: there is none, or it is malformed. */
static unsigned error_code(const struct stun_msg *m)
{
	struct stun_attr a;
	const uint8_t *text;
	unsigned code;
	size_t len;

	if (m->class != STUN_ERROR || stun_msg_find(m, STUN_ATTR_ERROR_CODE, &a) < 0 ||
	    stun_attr_read_error(&a, &code, &text, &len) < 0)
		return 0;
	return code;
}

/* A server that does not know us, or not this nonce, cannot sign what it says. */
static bool is_challenge(const struct stun_cred *cred, const struct stun_msg *m)
{
	unsigned code = cred->long_term && m->sha1_at == 0 && m->sha256_at == 0 ? error_code(m) : 0;

	return code == 401 || code == 438;
}

/* Answers of this request, from where and as they may be. */
static bool is_acceptable(struct stun_tx *tx, const struct adit_dgram *d, const struct stun_msg *m)
{
	const struct stun_cred *cred = tx->ask.cred;

	if (tx->sends == 0 || m->method != tx->method)
		return false;
	if (!tx->ask.any_source && (tx->ask.sock != d->sock || !adit_addr_eq(&tx->ask.to, &d->remote)))
		return false;
	if (!cred || is_challenge(cred, m) ||
	    stun_msg_verify(m, cred->crypto, cred->type, cred->key, cred->key_len) == 0)
		return true;
	tx->violated = true;
	return false;
}

static enum stun_end end_of(const struct stun_client *c, const struct stun_msg *m, unsigned *ret_code)
{
	uint16_t type;

	if (stun_msg_unknown(m, c->known, c->n_known, &type, 1) > 0)
		return STUN_END_UNUSABLE;
	if (m->class == STUN_SUCCESS)
		return STUN_END_ANSWER;
	*ret_code = error_code(m);
	return *ret_code ? STUN_END_ERROR : STUN_END_UNUSABLE;
}

int stun_client_input(struct stun_client *c, adit_time now, const struct adit_dgram *d, struct stun_result *ret_result)
{
	struct stun_tx *tx;
	struct stun_msg m;

	if (!stun_msg_is_stun(d->data, d->len) || stun_msg_parse(&m, d->data, d->len) < 0)
		return ADIT_EIGNORED;
	if (m.class != STUN_SUCCESS && m.class != STUN_ERROR)
		return ADIT_EIGNORED;
	tx = find_txid(c, m.txid);
	if (!tx) {
		c->dropped++;
		return ADIT_EIGNORED;
	}
	if (!is_acceptable(tx, d, &m)) {
		c->dropped++;
		return 0;
	}
	*ret_result = result_of(tx, STUN_END_ANSWER);
	ret_result->msg = m;
	ret_result->sock = d->sock;
	ret_result->from = d->remote;
	ret_result->local = d->local;
	ret_result->end = end_of(c, &m, &ret_result->code);
	if (ret_result->sends == 1) {
		ret_result->rtt = adit_time_since(now, tx->sent_at);
		rtt_learn(c, now, &tx->ask.to, ret_result->rtt);
	}
	tx->state = STUN_TX_FREE;
	return 1;
}

/*
 * Unreachable for good (RFC 1122 4.1.3.3 leaves the choice to us): who asks a server wants to know soon that there is
 * none. RFC 792: type 3; codes 4 (too large) and 5 (source route) say nothing about the server. RFC 4443: type 1.
 */
static bool is_unreachable(const struct adit_icmp *icmp)
{
	if (!adit_addr_is_v4(&icmp->remote))
		return icmp->type == 1;
	return icmp->type == 3 && icmp->code != 4 && icmp->code != 5;
}

int stun_client_icmp(struct stun_client *c, adit_time now, const struct adit_icmp *icmp, uint32_t *ret_tag)
{
	struct stun_tx *tx = icmp->len >= STUN_HEADER_LEN ? find_txid(c, icmp->data + 8) : NULL;

	(void)now;
	if (!tx || tx->ask.sock != icmp->sock || !adit_addr_eq(&tx->ask.to, &icmp->remote))
		return ADIT_EIGNORED;
	*ret_tag = tx->ask.tag;
	if (!is_unreachable(icmp))
		return 0;
	tx->why = result_of(tx, STUN_END_ICMP);
	tx->why.offender = icmp->offender;
	tx->state = STUN_TX_ENDED;
	return 0;
}

/* --- time --- */

void stun_client_tick(struct stun_client *c, adit_time now)
{
	for (size_t i = 0; i < c->n_tx; i++) {
		struct stun_tx *tx = &c->tx[i];

		if (tx->state != STUN_TX_WAIT || tx->due || now < tx->again_at)
			continue;
		if (tx->sends < tx->ask.sends) {
			tx->due = true;
			continue;
		}
		tx->why = result_of(tx, STUN_END_TIMEOUT);
		tx->state = STUN_TX_ENDED;
	}
}

adit_time stun_client_deadline(const struct stun_client *c)
{
	adit_time at = ADIT_NEVER;

	for (size_t i = 0; i < c->n_tx; i++)
		if (c->tx[i].state == STUN_TX_WAIT && !c->tx[i].due)
			at = adit_time_min(at, c->tx[i].again_at);
	return at;
}

int stun_client_event(struct stun_client *c, struct stun_result *ret_result)
{
	for (size_t i = 0; i < c->n_tx; i++) {
		if (c->tx[i].state != STUN_TX_ENDED)
			continue;
		*ret_result = c->tx[i].why;
		c->tx[i].state = STUN_TX_FREE;
		return 1;
	}
	return 0;
}

void stun_client_cancel(struct stun_client *c, uint32_t tag)
{
	for (size_t i = 0; i < c->n_tx; i++)
		if (c->tx[i].state != STUN_TX_FREE && c->tx[i].ask.tag == tag)
			c->tx[i].state = STUN_TX_FREE;
}

void stun_client_cancel_sock(struct stun_client *c, uint32_t sock)
{
	for (size_t i = 0; i < c->n_tx; i++)
		if (c->tx[i].state != STUN_TX_FREE && c->tx[i].ask.sock == sock)
			c->tx[i].state = STUN_TX_FREE;
}

bool stun_client_is_own(struct stun_client *c, const struct adit_dgram *d, uint32_t *ret_tag)
{
	const struct stun_tx *tx = d->len >= STUN_HEADER_LEN ? find_txid(c, d->data + 8) : NULL;

	if (!tx || d->len != tx->len || memcmp(tx->msg, d->data, d->len) != 0)
		return false;
	*ret_tag = tx->ask.tag;
	return true;
}

size_t stun_client_count(const struct stun_client *c)
{
	size_t n = 0;

	for (size_t i = 0; i < c->n_tx; i++)
		n += is_open(&c->tx[i]);
	return n;
}

/* --- Binding --- */

/* 0 also where there is none: then |ret_addr| has no family. */
static int read_plain(const struct stun_msg *m, uint16_t type, struct adit_addr *ret_addr)
{
	struct stun_attr a;

	*ret_addr = (struct adit_addr){0};
	return stun_msg_find(m, type, &a) < 0 ? 0 : stun_attr_read_addr(&a, ret_addr);
}

int stun_binding_read(const struct stun_msg *m, struct stun_binding *ret_binding)
{
	struct stun_binding b = {0};
	struct adit_addr old;
	struct stun_attr a;

	if (stun_msg_find(m, STUN_ATTR_XOR_MAPPED_ADDRESS, &a) == 0 &&
	    stun_attr_read_xor_addr(&a, m->txid, &b.mapped) < 0)
		return ADIT_EPROTO;
	if (read_plain(m, STUN_ATTR_MAPPED_ADDRESS, &b.plain) < 0 ||
	    read_plain(m, STUN_ATTR_OTHER_ADDRESS, &b.other) < 0 ||
	    read_plain(m, STUN_ATTR_CHANGED_ADDRESS, &old) < 0 ||
	    read_plain(m, STUN_ATTR_RESPONSE_ORIGIN, &b.origin) < 0)
		return ADIT_EPROTO;
	b.has_cookie = stun_msg_find(m, STUN_ATTR_ADIT_COOKIE, &a) == 0 && a.len == STUN_COOKIE_LEN;
	if (b.has_cookie)
		memcpy(b.cookie, a.value, STUN_COOKIE_LEN);
	if (b.other.family == ADIT_FAMILY_NONE)
		b.other = old;
	if (b.mapped.family == ADIT_FAMILY_NONE)
		b.mapped = b.plain;
	if (b.mapped.family == ADIT_FAMILY_NONE || b.mapped.port == 0)
		return ADIT_EPROTO; /* what we sent came from some port: such an answer is made up */
	*ret_binding = b;
	return 0;
}

/* May |server| send us there? */
static bool may_name(const struct adit_addr *server, const struct adit_addr *other)
{
	if (other->port == 0)
		return false;
	return adit_addr_is_public(other) || (adit_addr_is_private(other) && adit_addr_is_private(server)) ||
	       (adit_addr_is_loopback(other) && adit_addr_is_loopback(server));
}

struct adit_addr stun_binding_other(const struct stun_binding *b, const struct adit_addr *server)
{
	struct adit_addr other = *server;

	if (!may_name(server, &b->other))
		return (struct adit_addr){0};
	if (b->other.family == server->family)
		return b->other;
	/*
	 * Behind a NAT64 (RFC 6146) the server knows IPv4 addresses only, ours has its first one at the end of a prefix
	 * of 96 bits (RFC 6052 2.2), and the second one is found by the same.
	 */
	if (!adit_addr_is_v4(&b->other) || !adit_addr_is_v4(&b->origin) ||
	    memcmp(server->ip + 12, b->origin.ip, 4) != 0)
		return (struct adit_addr){0};
	memcpy(other.ip + 12, b->other.ip, 4);
	other.port = b->other.port;
	return other;
}
