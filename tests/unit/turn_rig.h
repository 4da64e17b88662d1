/*
 * A TURN server that answers at once, in virtual time, for the tests of turn. Include test.h first. It is
 * written anew from RFC 8656 and checks what it is sent: integrity, nonce, order of things.
 */
#ifndef ADIT_TURN_RIG_H
#define ADIT_TURN_RIG_H

#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "core/stun/stun_attr.h"
#include "core/turn/turn.h"
#include "core/turn/turn_frame.h"
#include "crypto/crypto.h"

#define RIG_REALM "example.org"

/* What it says to the next request of a method; 0: what is right. */
struct rig_server {
	struct adit_addr addr;
	const char *user;
	const char *pass;
	char nonce[TURN_NONCE_MAX];
	bool is_dead;
	bool is_mute; /* answers no request that is authentic */
	bool is_senile; /* takes every nonce for an old one */
	bool is_new; /* RFC 8489: nonce cookie, SHA-256, user hash */
	unsigned refuse_allocate, refuse_refresh, refuse_permit, refuse_bind;
	struct adit_addr alternate; /* with refuse_allocate 300 */
	uint32_t lifetime;
	bool has_allocation;
	bool only_v4;
	struct adit_addr relayed_v4; /* what it relays from; family NONE: 198.51.100.1:50000 */
	struct adit_addr mapped;
	unsigned asked, allocates, refreshes, releases, permits, binds, keeps; /* requests seen */
	struct adit_addr peers[TURN_CHANNELS_MAX + 1]; /* by channel */
	/* The last thing that went to a peer. */
	struct adit_addr to;
	uint8_t data[2048];
	size_t len;
	unsigned sends, channel_datas;
};

static inline struct adit_addr rig_addr(const char *text)
{
	struct adit_addr a;

	assert_int_equal(adit_addr_parse(text, strlen(text), &a), 0);
	return a;
}

static inline void rig_server_init(struct rig_server *s, const char *addr)
{
	memset(s, 0, sizeof(*s));
	s->addr = rig_addr(addr);
	s->user = "ann";
	s->pass = "secret";
	s->lifetime = 600;
	s->mapped = rig_addr("203.0.113.7:40000");
	strcpy(s->nonce, "first");
}

static inline void rig_server_be_new(struct rig_server *s)
{
	s->is_new = true;
	strcpy(s->nonce, "obMatJos2AAADnonce");
}

/* The key as RFC 8489 9.2.2 and 18.5.1 say, by hand. */
static inline size_t rig_key(const struct rig_server *s, uint8_t key[32])
{
	char text[256];
	int n = snprintf(text, sizeof(text), "%s:%s:%s", s->user, RIG_REALM, s->pass);

	if (s->is_new)
		crypto_gnutls.sha256(text, (size_t)n, key);
	else
		crypto_gnutls.md5(text, (size_t)n, key);
	return s->is_new ? 32 : 16;
}

static inline bool rig_has_text(const struct stun_msg *m, uint16_t type, const char *text)
{
	struct stun_attr a;

	return stun_msg_find(m, type, &a) == 0 && a.len == strlen(text) && memcmp(a.value, text, a.len) == 0;
}

/* 0, or the error of RFC 8489 9.2.4. */
static inline unsigned rig_check(const struct rig_server *s, const struct stun_msg *m)
{
	enum stun_attr_type type = s->is_new ? STUN_ATTR_MESSAGE_INTEGRITY_SHA256 : STUN_ATTR_MESSAGE_INTEGRITY;
	uint8_t key[32];
	size_t key_len = rig_key(s, key);
	uint8_t hash[32];
	struct stun_attr a;

	if (!m->sha1_at && !m->sha256_at)
		return 401;
	if (s->is_senile || !rig_has_text(m, STUN_ATTR_NONCE, s->nonce))
		return 438;
	if (!rig_has_text(m, STUN_ATTR_REALM, RIG_REALM))
		return 400;
	if (s->is_new) {
		crypto_gnutls.sha256("ann:" RIG_REALM, strlen("ann:" RIG_REALM), hash);
		assert_int_equal(stun_msg_find(m, STUN_ATTR_USERHASH, &a), 0);
		assert_memory_equal(a.value, hash, 32);
		assert_int_equal(stun_msg_find(m, STUN_ATTR_PASSWORD_ALGORITHMS, &a), 0);
		assert_memory_equal(a.value, "\0\2\0\0\0\1\0\0", 8);
		assert_int_equal(stun_msg_find(m, STUN_ATTR_PASSWORD_ALGORITHM, &a), 0);
		assert_memory_equal(a.value, "\0\2\0\0", 4);
	} else if (!rig_has_text(m, STUN_ATTR_USERNAME, s->user)) {
		return 401;
	}
	return stun_msg_verify(m, &crypto_gnutls, type, key, key_len) == 0 ? 0 : 401;
}

static inline void rig_challenge(const struct rig_server *s, struct stun_build *b)
{
	stun_build_bytes(b, STUN_ATTR_REALM, RIG_REALM, strlen(RIG_REALM));
	stun_build_bytes(b, STUN_ATTR_NONCE, s->nonce, strlen(s->nonce));
	if (s->is_new)
		stun_build_bytes(b, STUN_ATTR_PASSWORD_ALGORITHMS, "\0\2\0\0\0\1\0\0", 8);
}

static inline uint32_t rig_lifetime_of(const struct stun_msg *m)
{
	struct stun_attr a;
	uint32_t v = 0;

	assert_int_equal(stun_msg_find(m, STUN_ATTR_LIFETIME, &a), 0);
	assert_int_equal(stun_attr_read_u32(&a, &v), 0);
	return v;
}

/* What is wrong with a request that is authentic; 0: nothing, and it is done. */
static inline unsigned rig_do(struct rig_server *s, const struct stun_msg *m)
{
	unsigned code = 0;
	struct stun_attr a;
	uint16_t number = 0;

	switch (m->method) {
	case STUN_ALLOCATE:
		s->allocates++;
		code = s->refuse_allocate ? s->refuse_allocate : s->has_allocation ? 437 : 0;
		if (code == 440 && s->only_v4 && stun_msg_find(m, STUN_ATTR_ADDITIONAL_ADDRESS_FAMILY, &a) < 0)
			code = 0;
		s->has_allocation |= code == 0;
		break;
	case STUN_REFRESH:
		s->releases += rig_lifetime_of(m) == 0;
		s->refreshes += rig_lifetime_of(m) != 0;
		code = s->refuse_refresh ? s->refuse_refresh : s->has_allocation ? 0 : 437;
		s->has_allocation &= rig_lifetime_of(m) != 0;
		break;
	case STUN_CREATE_PERMISSION:
		s->permits++;
		code = s->refuse_permit ? s->refuse_permit : s->has_allocation ? 0 : 437;
		break;
	case STUN_CHANNEL_BIND:
		s->binds++;
		assert_int_equal(stun_msg_find(m, STUN_ATTR_CHANNEL_NUMBER, &a), 0);
		assert_int_equal(stun_attr_read_u16_pad(&a, &number), 0);
		assert_in_range(number, TURN_CHANNEL_FIRST, TURN_CHANNEL_FIRST + TURN_CHANNELS_MAX);
		assert_int_equal(stun_msg_find(m, STUN_ATTR_XOR_PEER_ADDRESS, &a), 0);
		code = s->refuse_bind ? s->refuse_bind : s->has_allocation ? 0 : 437;
		if (code == 0)
			assert_int_equal(stun_attr_read_xor_addr(&a, m->txid, &s->peers[number - TURN_CHANNEL_FIRST]),
					 0);
		break;
	default:
		fail();
	}
	return code;
}

static inline void rig_fill(const struct rig_server *s, const struct stun_msg *m, struct stun_build *b)
{
	struct adit_addr v4 = s->relayed_v4.family != ADIT_FAMILY_NONE ? s->relayed_v4 : rig_addr("198.51.100.1:50000");
	struct adit_addr v6 = rig_addr("[2001:db8::1]:50000");
	struct stun_attr a;

	if (m->method == STUN_ALLOCATE) {
		bool is_v6 = stun_msg_find(m, STUN_ATTR_REQUESTED_ADDRESS_FAMILY, &a) == 0;

		if (!is_v6)
			stun_build_xor_addr(b, STUN_ATTR_XOR_RELAYED_ADDRESS, &v4);
		if (is_v6 || (stun_msg_find(m, STUN_ATTR_ADDITIONAL_ADDRESS_FAMILY, &a) == 0 && !s->only_v4))
			stun_build_xor_addr(b, STUN_ATTR_XOR_RELAYED_ADDRESS, &v6);
		stun_build_xor_addr(b, STUN_ATTR_XOR_MAPPED_ADDRESS, &s->mapped);
	}
	if (m->method == STUN_ALLOCATE || m->method == STUN_REFRESH)
		stun_build_u32(b, STUN_ATTR_LIFETIME, s->lifetime);
}

/* The answer's length. */
static inline size_t rig_answer(struct rig_server *s, const struct stun_msg *m, uint8_t *buf, size_t cap)
{
	unsigned code = m->method == STUN_BINDING ? 0 : rig_check(s, m);
	bool is_known = code == 0;
	uint8_t key[32];
	struct stun_build b;
	size_t key_len = rig_key(s, key);
	int len;

	s->asked++;
	if (is_known && s->is_mute)
		return 0;
	if (s->alternate.port && code == 401)
		code = 300;
	if (is_known && m->method != STUN_BINDING)
		code = rig_do(s, m);
	stun_build_begin(&b, buf, cap, code ? STUN_ERROR : STUN_SUCCESS, m->method, m->txid);
	if (code)
		stun_build_error(&b, code, "no");
	if (code == 401 || code == 438)
		rig_challenge(s, &b);
	if (code == 300)
		stun_build_addr(&b, STUN_ATTR_ALTERNATE_SERVER, &s->alternate);
	if (code == 0 && m->method == STUN_BINDING) {
		s->keeps++;
		stun_build_xor_addr(&b, STUN_ATTR_XOR_MAPPED_ADDRESS, &s->mapped);
	} else if (code == 0) {
		rig_fill(s, m, &b);
	}
	if (is_known && m->method != STUN_BINDING && s->is_new)
		stun_build_integrity_sha256(&b, &crypto_gnutls, key, key_len);
	else if (is_known && m->method != STUN_BINDING)
		stun_build_integrity_sha1(&b, &crypto_gnutls, key, key_len);
	len = stun_build_end(&b);
	assert_true(len > 0);
	return (size_t)len;
}

static inline void rig_relay(struct rig_server *s, const struct adit_addr *to, const uint8_t *data, size_t len)
{
	assert_true(len <= sizeof(s->data));
	s->to = *to;
	s->len = len;
	memcpy(s->data, data, len);
}

/* One frame of the client's. The answer's length; 0: none. */
static inline size_t rig_take(struct rig_server *s, const uint8_t *data, size_t len, uint8_t *buf, size_t cap)
{
	struct adit_addr peer;
	struct stun_attr a;
	struct stun_msg m;

	if (s->is_dead)
		return 0;
	if (data[0] >= 0x40) {
		unsigned number = (unsigned)(data[0] << 8 | data[1]) - TURN_CHANNEL_FIRST;
		size_t n = (size_t)(data[2] << 8 | data[3]);

		assert_true(number <= TURN_CHANNELS_MAX && n + 4 <= len);
		s->channel_datas++;
		rig_relay(s, &s->peers[number], data + 4, n);
		return 0;
	}
	assert_int_equal(stun_msg_parse(&m, data, len), 0);
	if (m.class == STUN_REQUEST)
		return rig_answer(s, &m, buf, cap);
	assert_int_equal(m.method, STUN_SEND);
	s->sends++;
	assert_int_equal(stun_msg_find(&m, STUN_ATTR_XOR_PEER_ADDRESS, &a), 0);
	assert_int_equal(stun_attr_read_xor_addr(&a, m.txid, &peer), 0);
	assert_int_equal(stun_msg_find(&m, STUN_ATTR_DATA, &a), 0);
	rig_relay(s, &peer, a.value, a.len);
	return 0;
}

/* A Data indication of |peer|'s. */
static inline size_t rig_indication(uint8_t *buf, size_t cap, const struct adit_addr *peer, const char *text)
{
	struct stun_build b;

	stun_build_begin(&b, buf, cap, STUN_INDICATION, STUN_DATA, (const uint8_t *)"twelve bytes");
	stun_build_xor_addr(&b, STUN_ATTR_XOR_PEER_ADDRESS, peer);
	stun_build_bytes(&b, STUN_ATTR_DATA, text, strlen(text));
	return (size_t)stun_build_end(&b);
}

#endif
