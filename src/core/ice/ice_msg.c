#include "core/ice/ice_msg.h"

#include <assert.h>
#include <string.h>

#include "core/stun/stun_attr.h"

#define NAME_MAX (2 * ICE_UFRAG_MAX + 1)

static size_t end(struct stun_build *b)
{
	int len;

	stun_build_fingerprint(b);
	len = stun_build_end(b);
	assert(len > 0); /* ICE_MSG_MAX is too small: ours */
	return (size_t)len;
}

static size_t seal(struct stun_build *b, const struct adit_crypto *crypto, enum ice_integrity kind, const char *pwd)
{
	const uint8_t *key = (const uint8_t *)pwd;

	if (kind == ICE_SHA256)
		stun_build_integrity_sha256(b, crypto, key, strlen(pwd));
	else
		stun_build_integrity_sha1(b, crypto, key, strlen(pwd));
	return end(b);
}

/* RFC 8445 7.2.2; SHA-1 alone, because agents of RFC 5245 answer 420 to the other. */
size_t ice_msg_check(const struct ice_msg_check *c, const struct adit_crypto *crypto, const uint8_t *txid, uint8_t *buf)
{
	char name[NAME_MAX];
	size_t remote_len = strlen(c->remote->ufrag);
	size_t local_len = strlen(c->local->ufrag);
	struct stun_build b;

	memcpy(name, c->remote->ufrag, remote_len);
	name[remote_len] = ':';
	memcpy(name + remote_len + 1, c->local->ufrag, local_len);
	stun_build_begin(&b, buf, ICE_MSG_MAX, STUN_REQUEST, STUN_BINDING, txid);
	stun_build_bytes(&b, STUN_ATTR_USERNAME, name, remote_len + 1 + local_len);
	stun_build_u32(&b, STUN_ATTR_PRIORITY, c->priority);
	stun_build_u64(&b, c->role == ICE_CONTROLLING ? STUN_ATTR_ICE_CONTROLLING : STUN_ATTR_ICE_CONTROLLED,
		       c->tiebreaker);
	if (c->use_candidate)
		stun_build_flag(&b, STUN_ATTR_USE_CANDIDATE);
	return seal(&b, crypto, ICE_SHA1, c->remote->pwd);
}

size_t ice_msg_answer(const struct ice_cred *local, const struct adit_crypto *crypto, enum ice_integrity kind,
		      const uint8_t *txid, const struct adit_addr *mapped, uint8_t *buf)
{
	struct stun_build b;

	stun_build_begin(&b, buf, ICE_MSG_MAX, STUN_SUCCESS, STUN_BINDING, txid);
	stun_build_xor_addr(&b, STUN_ATTR_XOR_MAPPED_ADDRESS, mapped);
	return seal(&b, crypto, kind, local->pwd);
}

size_t ice_msg_error(const struct ice_cred *local, const struct adit_crypto *crypto, enum ice_integrity kind,
		     const uint8_t *txid, unsigned code, const char *text, const uint16_t *unknown, size_t n_unknown,
		     uint8_t *buf)
{
	struct stun_build b;

	stun_build_begin(&b, buf, ICE_MSG_MAX, STUN_ERROR, STUN_BINDING, txid);
	stun_build_error(&b, code, text);
	if (n_unknown > 0)
		stun_build_unknown(&b, unknown, n_unknown);
	return seal(&b, crypto, kind, local->pwd);
}

size_t ice_msg_gather(const uint8_t *txid, uint8_t *buf)
{
	struct stun_build b;

	stun_build_begin(&b, buf, ICE_MSG_MAX, STUN_REQUEST, STUN_BINDING, txid);
	return end(&b);
}

size_t ice_msg_keepalive(const uint8_t *txid, uint8_t *buf)
{
	struct stun_build b;

	stun_build_begin(&b, buf, ICE_MSG_MAX, STUN_INDICATION, STUN_BINDING, txid);
	return end(&b);
}

bool ice_msg_is_for(const struct stun_msg *m, const struct ice_cred *local)
{
	size_t len = strlen(local->ufrag);
	struct stun_attr a;

	if (stun_msg_find(m, STUN_ATTR_USERNAME, &a) < 0 || a.len <= len)
		return false;
	return memcmp(a.value, local->ufrag, len) == 0 && a.value[len] == ':';
}

/* RFC 8489 9.1.3: the stronger kind counts where both are there, or who forges the weaker one is believed. */
static int verify(const struct stun_msg *m, const char *pwd, const struct adit_crypto *crypto, enum ice_integrity *ret)
{
	enum ice_integrity kind = m->sha256_at > 0 ? ICE_SHA256 : ICE_SHA1;
	enum stun_attr_type type = kind == ICE_SHA1 ? STUN_ATTR_MESSAGE_INTEGRITY : STUN_ATTR_MESSAGE_INTEGRITY_SHA256;

	if (stun_msg_verify(m, crypto, type, (const uint8_t *)pwd, strlen(pwd)) < 0)
		return ADIT_EAUTH;
	*ret = kind;
	return 0;
}

static void read_role(const struct stun_msg *m, struct ice_msg_request *req)
{
	struct stun_attr a;

	for (int i = 0; i < 2; i++) {
		uint16_t type = i == ICE_CONTROLLING ? STUN_ATTR_ICE_CONTROLLING : STUN_ATTR_ICE_CONTROLLED;

		if (stun_msg_find(m, type, &a) == 0 && stun_attr_read_u64(&a, &req->tiebreaker) == 0) {
			req->has_role = true;
			req->role = (enum ice_role)i;
			return;
		}
	}
}

int ice_msg_read_request(const struct stun_msg *m, const struct ice_cred *local, const struct adit_crypto *crypto,
			 struct ice_msg_request *ret_req)
{
	static const uint16_t known[] = {STUN_ATTR_USERNAME, STUN_ATTR_PRIORITY, STUN_ATTR_USE_CANDIDATE};
	struct ice_msg_request req = {0};
	struct stun_attr a;
	size_t skip;

	/* RFC 8445 7.1: every check has one, so that it is told from the application's data. */
	if (m->fingerprint_at == 0)
		return ADIT_EPROTO;
	if (!ice_msg_is_for(m, local) || verify(m, local->pwd, crypto, &req.integrity) < 0)
		return ADIT_EAUTH;
	if (stun_msg_find(m, STUN_ATTR_USERNAME, &a) < 0)
		return ADIT_EAUTH;
	skip = strlen(local->ufrag) + 1;
	req.sender = (const char *)a.value + skip;
	req.sender_len = a.len - skip;
	read_role(m, &req);
	if (stun_msg_find(m, STUN_ATTR_PRIORITY, &a) == 0 && stun_attr_read_u32(&a, &req.priority) < 0)
		req.priority = 0;
	req.use_candidate = stun_msg_find(m, STUN_ATTR_USE_CANDIDATE, &a) == 0;
	req.n_unknown = stun_msg_unknown(m, known, ARRAY_LEN(known), req.unknown, ICE_UNKNOWN_MAX);
	*ret_req = req;
	return 0;
}

static void read_error(const struct stun_msg *m, struct ice_msg_response *resp)
{
	const uint8_t *text;
	struct stun_attr a;
	size_t len;

	if (stun_msg_find(m, STUN_ATTR_ERROR_CODE, &a) < 0 || stun_attr_read_error(&a, &resp->error, &text, &len) < 0)
		resp->is_bad = true;
}

void ice_msg_read_mapped(const struct stun_msg *m, struct ice_msg_response *ret_resp)
{
	static const uint16_t known[] = {STUN_ATTR_XOR_MAPPED_ADDRESS,
					 STUN_ATTR_MAPPED_ADDRESS,
					 STUN_ATTR_ERROR_CODE,
					 STUN_ATTR_UNKNOWN_ATTRIBUTES,
					 STUN_ATTR_USERNAME,
					 STUN_ATTR_REALM,
					 STUN_ATTR_NONCE};
	struct ice_msg_response resp = {0};
	struct stun_attr a;
	uint16_t unknown;

	resp.is_bad = stun_msg_unknown(m, known, ARRAY_LEN(known), &unknown, 1) > 0;
	if (m->class == STUN_ERROR)
		read_error(m, &resp);
	else if (stun_msg_find(m, STUN_ATTR_XOR_MAPPED_ADDRESS, &a) < 0 ||
		 stun_attr_read_xor_addr(&a, m->txid, &resp.mapped) < 0)
		resp.is_bad = true;
	*ret_resp = resp;
}

int ice_msg_read_response(const struct stun_msg *m, const struct ice_cred *remote, const struct adit_crypto *crypto,
			  struct ice_msg_response *ret_resp)
{
	enum ice_integrity kind;

	if (verify(m, remote->pwd, crypto, &kind) < 0)
		return ADIT_EAUTH;
	ice_msg_read_mapped(m, ret_resp);
	return 0;
}
