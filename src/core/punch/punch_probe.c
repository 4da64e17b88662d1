#include "core/punch/punch_probe.h"

#include <assert.h>
#include <string.h>

#include "core/stun/stun_attr.h"

#define STAMP_LEN 16
#define NAME_LEN  (2 * PUNCH_UFRAG_LEN + 1)

/* RFC 8445 7.2.2: the receiver's fragment comes first. */
static void user_name(const struct punch_keys *k, enum punch_role receiver, char name[NAME_LEN])
{
	memcpy(name, k->ufrag[receiver], PUNCH_UFRAG_LEN);
	name[PUNCH_UFRAG_LEN] = ':';
	memcpy(name + PUNCH_UFRAG_LEN + 1, k->ufrag[punch_role_other(receiver)], PUNCH_UFRAG_LEN);
}

static void build_stamp(struct stun_build *b, adit_utc stamp, uint64_t instance)
{
	uint8_t value[STAMP_LEN];
	struct adit_wr w = adit_wr_over(value, sizeof(value));

	adit_wr_u64(&w, stamp);
	adit_wr_u64(&w, instance);
	stun_build_bytes(b, PUNCH_ATTR_STAMP, value, sizeof(value));
}

/* PADDING with which the message will have |size| bytes, fingerprint included. */
static void build_padding(struct stun_build *b, size_t size)
{
	static const uint8_t zero[PUNCH_PADDING_MAX];
	size_t around = b->w.len + 4 + 4 + STUN_FINGERPRINT_LEN;

	assert(size >= around && size - around <= sizeof(zero));
	stun_build_bytes(b, STUN_ATTR_PADDING, zero, size - around);
}

/*
 * |receiver|: of the request; its password protects both the request and the answer (RFC 8445 7.2.2, RFC 8489 9.1).
 * |size| 0: no padding.
 */
static size_t seal(struct stun_build *b, const struct punch_keys *k, enum punch_role receiver, size_t size)
{
	int len;

	stun_build_integrity_sha256(b, k->crypto, (const uint8_t *)k->pwd[receiver], PUNCH_PWD_LEN);
	if (size > 0)
		build_padding(b, size);
	stun_build_fingerprint(b);
	len = stun_build_end(b);
	assert(len > 0); /* PUNCH_PROBE_MAX is too small: ours */
	return (size_t)len;
}

static uint32_t seconds(adit_dur d)
{
	return d / ADIT_SEC(1) < UINT16_MAX ? (uint32_t)(d / ADIT_SEC(1)) : UINT16_MAX;
}

static size_t request(const struct punch_keys *k, enum punch_role role, const uint8_t *txid, adit_utc stamp,
		      uint64_t instance, const struct punch_said *said, uint8_t *buf, size_t cap, size_t size)
{
	static const struct punch_said nothing;
	enum punch_role receiver = punch_role_other(role);
	char name[NAME_LEN];
	struct stun_build b;

	said = said ? said : &nothing;
	user_name(k, receiver, name);
	stun_build_begin(&b, buf, cap, STUN_REQUEST, STUN_BINDING, txid);
	stun_build_bytes(&b, STUN_ATTR_USERNAME, name, sizeof(name));
	stun_build_u32(&b, STUN_ATTR_PRIORITY, said->is_relayed ? PUNCH_PRIORITY_RELAYED : PUNCH_PRIORITY);
	stun_build_u64(&b, role == PUNCH_CONNECT ? STUN_ATTR_ICE_CONTROLLING : STUN_ATTR_ICE_CONTROLLED, instance);
	build_stamp(&b, stamp, instance);
	if (said->again.mine > 0 || said->again.yours > 0)
		stun_build_u32(&b, PUNCH_ATTR_AGAIN, seconds(said->again.mine) << 16 | seconds(said->again.yours));
	return seal(&b, k, receiver, size);
}

size_t punch_probe_request(const struct punch_keys *k, enum punch_role role, const uint8_t *txid, adit_utc stamp,
			   uint64_t instance, const struct punch_said *said, uint8_t *buf)
{
	return request(k, role, txid, stamp, instance, said, buf, PUNCH_PROBE_MAX, 0);
}

size_t punch_probe_request_padded(const struct punch_keys *k, enum punch_role role, const uint8_t *txid, adit_utc stamp,
				  uint64_t instance, const struct punch_said *said, uint8_t *buf, size_t size)
{
	return request(k, role, txid, stamp, instance, said, buf, size, size);
}

size_t punch_probe_answer(const struct punch_keys *k, enum punch_role role, const uint8_t *txid,
			  const struct adit_addr *mapped, adit_utc stamp, uint64_t instance, uint8_t *buf)
{
	struct stun_build b;

	stun_build_begin(&b, buf, PUNCH_PROBE_MAX, STUN_SUCCESS, STUN_BINDING, txid);
	stun_build_xor_addr(&b, STUN_ATTR_XOR_MAPPED_ADDRESS, mapped);
	build_stamp(&b, stamp, instance);
	return seal(&b, k, role, 0);
}

static int read_stamp(const struct stun_msg *m, struct punch_probe *probe)
{
	struct stun_attr a;
	struct adit_rd r;

	if (stun_msg_find(m, PUNCH_ATTR_STAMP, &a) < 0 || a.len != STAMP_LEN)
		return ADIT_EPROTO;
	r = adit_rd_over(a.value, a.len);
	probe->stamp = adit_rd_u64(&r);
	probe->instance = adit_rd_u64(&r);
	return 0;
}

/* Is a request for |role| of this pair? Our own, reflected, is told apart from another pair's. */
static int check_name(const struct stun_msg *m, const struct punch_keys *k, enum punch_role role)
{
	char name[NAME_LEN];
	struct stun_attr a;

	if (stun_msg_find(m, STUN_ATTR_USERNAME, &a) < 0 || a.len != NAME_LEN)
		return ADIT_EIGNORED;
	user_name(k, role, name);
	if (memcmp(a.value, name, NAME_LEN) == 0)
		return 0;
	user_name(k, punch_role_other(role), name);
	return memcmp(a.value, name, NAME_LEN) == 0 ? ADIT_EAUTH : ADIT_EIGNORED;
}

/* A second defence against reflection: the peer's role attribute, with the instance it stamped. */
static int check_role(const struct stun_msg *m, enum punch_role role, uint64_t instance)
{
	uint16_t type = role == PUNCH_CONNECT ? STUN_ATTR_ICE_CONTROLLED : STUN_ATTR_ICE_CONTROLLING;
	struct stun_attr a;
	uint64_t tiebreaker;

	if (stun_msg_find(m, type, &a) < 0 || stun_attr_read_u64(&a, &tiebreaker) < 0)
		return ADIT_EPROTO;
	return tiebreaker == instance ? 0 : ADIT_EPROTO;
}

static int read_mapped(const struct stun_msg *m, struct adit_addr *ret_addr)
{
	struct stun_attr a;

	if (stun_msg_find(m, STUN_ATTR_XOR_MAPPED_ADDRESS, &a) < 0)
		return ADIT_EPROTO;
	return stun_attr_read_xor_addr(&a, m->txid, ret_addr);
}

/* Missing, or nothing that makes sense: nothing is said. */
static struct punch_again read_again(const struct stun_msg *m)
{
	struct stun_attr a;
	uint32_t v;

	if (stun_msg_find(m, PUNCH_ATTR_AGAIN, &a) < 0 || stun_attr_read_u32(&a, &v) < 0)
		return (struct punch_again){0};
	return (struct punch_again){.mine = ADIT_SEC(v >> 16), .yours = ADIT_SEC(v & 0xffff)};
}

static bool read_relayed(const struct stun_msg *m)
{
	struct stun_attr a;
	uint32_t v;

	return stun_msg_find(m, STUN_ATTR_PRIORITY, &a) == 0 && stun_attr_read_u32(&a, &v) == 0 &&
	       v == PUNCH_PRIORITY_RELAYED;
}

const uint8_t *punch_probe_answered(const uint8_t *data, size_t len)
{
	static const uint8_t success[2] = {0x01, 0x01}; /* a Binding success response, RFC 8489 5 */

	return stun_msg_is_stun(data, len) && memcmp(data, success, sizeof(success)) == 0 ? data + 8 : NULL;
}

int punch_probe_read(const struct punch_keys *k, enum punch_role role, const uint8_t *data, size_t len,
		     struct punch_probe *ret_probe)
{
	static const uint16_t known[] = {STUN_ATTR_USERNAME, STUN_ATTR_PRIORITY, STUN_ATTR_USE_CANDIDATE,
					 STUN_ATTR_XOR_MAPPED_ADDRESS};
	struct punch_probe probe = {0};
	struct stun_msg m;
	enum punch_role pwd;
	uint16_t unknown;
	int r;

	if (!stun_msg_is_stun(data, len))
		return ADIT_EIGNORED;
	if (stun_msg_parse(&m, data, len) < 0)
		return ADIT_EPROTO;
	/* A mediator's word may come to the same socket (--port): ours always have a fingerprint. */
	if (m.fingerprint_at == 0 || m.method != STUN_BINDING || (m.class != STUN_REQUEST && m.class != STUN_SUCCESS))
		return ADIT_EIGNORED;
	probe.is_answer = m.class == STUN_SUCCESS;
	if (!probe.is_answer) {
		r = check_name(&m, k, role);
		if (r < 0)
			return r;
	}
	pwd = probe.is_answer ? punch_role_other(role) : role;
	r = stun_msg_verify(&m, k->crypto, STUN_ATTR_MESSAGE_INTEGRITY_SHA256, (const uint8_t *)k->pwd[pwd],
			    PUNCH_PWD_LEN);
	if (r < 0)
		return ADIT_EAUTH;
	if (stun_msg_unknown(&m, known, ARRAY_LEN(known), &unknown, 1) > 0 || read_stamp(&m, &probe) < 0)
		return ADIT_EPROTO;
	r = probe.is_answer ? read_mapped(&m, &probe.mapped) : check_role(&m, role, probe.instance);
	if (r < 0)
		return r;
	if (!probe.is_answer)
		probe.said = (struct punch_said){.again = read_again(&m), .is_relayed = read_relayed(&m)};
	memcpy(probe.txid, m.txid, STUN_TXID_LEN);
	*ret_probe = probe;
	return 0;
}
