#include "core/turn/turn_auth.h"

#include <string.h>

#include "core/stun/stun_attr.h"

#define ALG_MD5    1 /* RFC 8489 18.5 */
#define ALG_SHA256 2
#define MD5_LEN    16

/* RFC 8489 9.2: thirteen characters, the last four of them base64 of 24 feature bits. */
#define NONCE_COOKIE     "obMatJos2"
#define NONCE_COOKIE_LEN 9
#define FEATURES_CHARS   4

/*
 * RFC 8489 18.1 counts the bits from the most significant one, erratum 6268 from the least; both are in the field, and
 * no other bit is defined.
 */
#define FEATURE_ALGORITHMS 0x800001u
#define FEATURE_ANONYMITY  0x400002u

int turn_auth_init(struct turn_auth *a, const struct adit_crypto *crypto, const char *user, const char *pass)
{
	size_t user_len = strlen(user);
	size_t pass_len = strlen(pass);

	if (user_len == 0 || user_len > TURN_USER_MAX || pass_len > TURN_PASS_MAX)
		return ADIT_EINVAL;
	memset(a, 0, sizeof(*a));
	a->crypto = crypto;
	memcpy(a->user, user, user_len);
	memcpy(a->pass, pass, pass_len);
	return 0;
}

void turn_auth_done(struct turn_auth *a)
{
	adit_bytes_wipe(a->pass, sizeof(a->pass));
	adit_bytes_wipe(a->key, sizeof(a->key));
}

void turn_auth_forget(struct turn_auth *a)
{
	a->is_challenged = false;
}

static int base64_value(uint8_t c)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = c ? strchr(alphabet, c) : NULL;

	return at ? (int)(at - alphabet) : -1;
}

static uint32_t nonce_features(const struct stun_attr *nonce)
{
	uint32_t bits = 0;

	if (nonce->len < NONCE_COOKIE_LEN + FEATURES_CHARS || memcmp(nonce->value, NONCE_COOKIE, NONCE_COOKIE_LEN) != 0)
		return 0;
	for (size_t i = 0; i < FEATURES_CHARS; i++) {
		int v = base64_value(nonce->value[NONCE_COOKIE_LEN + i]);

		if (v < 0)
			return 0;
		bits = bits << 6 | (uint32_t)v;
	}
	return bits;
}

/* The first algorithm of the list that we know. RFC 8489 14.11: number, length of parameters, parameters, padding. */
static int choose_alg(const struct stun_attr *list, uint16_t *ret_alg)
{
	struct adit_rd r = adit_rd_over(list->value, list->len);
	uint16_t found = 0;

	while (adit_rd_left(&r) > 0) {
		uint16_t alg = adit_rd_u16(&r);
		size_t len = adit_rd_u16(&r);

		adit_rd_skip(&r, (len + STUN_ALIGN - 1) & ~(size_t)(STUN_ALIGN - 1));
		if (r.bad)
			return ADIT_EPROTO;
		if (!found && len == 0 && (alg == ALG_MD5 || alg == ALG_SHA256))
			found = alg;
	}
	if (!found)
		return ADIT_EVERSION;
	*ret_alg = found;
	return 0;
}

/* "user:realm" with ":password" or without. */
struct joined {
	uint8_t text[TURN_USER_MAX + 1 + TURN_REALM_MAX + 1 + TURN_PASS_MAX];
	size_t len;
};

static void join(const struct turn_auth *a, bool with_pass, struct joined *ret)
{
	struct adit_wr w = adit_wr_over(ret->text, sizeof(ret->text));

	adit_wr_bytes(&w, a->user, strlen(a->user));
	adit_wr_u8(&w, ':');
	adit_wr_bytes(&w, a->realm, a->realm_len);
	if (with_pass) {
		adit_wr_u8(&w, ':');
		adit_wr_bytes(&w, a->pass, strlen(a->pass));
	}
	ret->len = w.len;
}

/* RFC 8489 9.2.2, 14.4, 18.5.1. */
static void derive(struct turn_auth *a)
{
	struct joined j;

	join(a, true, &j);
	if (a->alg == ALG_MD5)
		a->crypto->md5(j.text, j.len, a->key);
	else
		a->crypto->sha256(j.text, j.len, a->key);
	a->key_len = a->alg == ALG_MD5 ? MD5_LEN : STUN_SHA256_LEN;
	adit_bytes_wipe(&j, sizeof(j));
	if (a->is_anonymous) {
		join(a, false, &j);
		a->crypto->sha256(j.text, j.len, a->userhash);
	}
	a->cred = (struct stun_cred){.crypto = a->crypto,
				     .type = a->algs_len ? STUN_ATTR_MESSAGE_INTEGRITY_SHA256
							 : STUN_ATTR_MESSAGE_INTEGRITY,
				     .key = a->key,
				     .key_len = a->key_len,
				     .long_term = true};
}

int turn_auth_challenge(struct turn_auth *a, const struct stun_msg *m)
{
	struct stun_attr realm;
	struct stun_attr nonce;
	struct stun_attr algs = {0};
	uint16_t alg = ALG_MD5;
	uint32_t features;

	if (stun_msg_find(m, STUN_ATTR_NONCE, &nonce) < 0 || stun_attr_check_text(&nonce, TURN_NONCE_MAX) < 0 ||
	    stun_msg_find(m, STUN_ATTR_REALM, &realm) < 0 || stun_attr_check_text(&realm, TURN_REALM_MAX) < 0)
		return ADIT_EPROTO;
	features = nonce_features(&nonce);
	if (features & FEATURE_ALGORITHMS) {
		int err;

		if (stun_msg_find(m, STUN_ATTR_PASSWORD_ALGORITHMS, &algs) < 0)
			return ADIT_EAUTH;
		if (algs.len == 0 || algs.len > TURN_ALGS_MAX)
			return ADIT_EPROTO;
		err = choose_alg(&algs, &alg);
		if (err < 0)
			return err;
	}
	memcpy(a->realm, realm.value, realm.len);
	memcpy(a->nonce, nonce.value, nonce.len);
	if (algs.len > 0)
		memcpy(a->algs, algs.value, algs.len);
	a->realm_len = realm.len;
	a->nonce_len = nonce.len;
	a->algs_len = algs.len;
	a->alg = alg;
	a->is_anonymous = (features & FEATURE_ANONYMITY) != 0;
	a->is_challenged = true;
	derive(a);
	return 0;
}

void turn_auth_build(const struct turn_auth *a, struct stun_build *b)
{
	if (!a->is_challenged)
		return;
	if (a->is_anonymous)
		stun_build_bytes(b, STUN_ATTR_USERHASH, a->userhash, sizeof(a->userhash));
	else
		stun_build_bytes(b, STUN_ATTR_USERNAME, a->user, strlen(a->user));
	stun_build_bytes(b, STUN_ATTR_REALM, a->realm, a->realm_len);
	stun_build_bytes(b, STUN_ATTR_NONCE, a->nonce, a->nonce_len);
	if (a->algs_len == 0) {
		stun_build_integrity_sha1(b, a->crypto, a->key, a->key_len);
		return;
	}
	stun_build_bytes(b, STUN_ATTR_PASSWORD_ALGORITHMS, a->algs, a->algs_len);
	stun_build_u32(b, STUN_ATTR_PASSWORD_ALGORITHM, (uint32_t)a->alg << 16);
	stun_build_integrity_sha256(b, a->crypto, a->key, a->key_len);
}

const struct stun_cred *turn_auth_cred(const struct turn_auth *a)
{
	return a->is_challenged ? &a->cred : NULL;
}
