#include "core/meet/meet_relay.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/meet/meet_msg.h"
#include "core/stun/stun_timed.h"

#define VERSION 1

static const char label[] = "adit meet loan";

bool meet_lender_has_host(const struct meet_lender *l, const uint8_t key[MEET_KEY_LEN])
{
	size_t low = 0, high = l->n_hosts;

	while (low < high) {
		size_t at = low + (high - low) / 2;
		int order = memcmp(l->hosts[at], key, MEET_KEY_LEN);

		if (order == 0)
			return true;
		if (order < 0)
			low = at + 1;
		else
			high = at;
	}
	return false;
}

void meet_lender_make(const struct meet_lender *l, adit_utc utc, uint64_t net, struct meet_relay *ret_relay)
{
	struct meet_relay r = {.n_uris = l->n_uris, .life = (uint32_t)(MEET_LEND_LIFE / ADIT_SEC(1))};
	char user[STUN_TIMED_USER_STRLEN];
	char name[17];

	memcpy(r.uris, l->uris, sizeof(r.uris));
	snprintf(name, sizeof(name), "%016" PRIx64, net);
	stun_timed_make(l->crypto, l->secret, l->secret_len, utc + MEET_LEND_LIFE, name, user, r.pass);
	snprintf(r.user, sizeof(r.user), "%.*s", MEET_RELAY_USER_MAX, user);
	*ret_relay = r;
}

int meet_relay_encode(const struct meet_relay *r, uint8_t buf[MEET_RELAY_PLAIN_MAX])
{
	struct adit_wr w = adit_wr_over(buf, MEET_RELAY_PLAIN_MAX);

	if (r->n_uris > MEET_RELAY_URIS)
		return ADIT_EFULL;
	adit_wr_u8(&w, VERSION);
	adit_wr_u32(&w, r->life);
	meet_msg_put_text(&w, r->user, MEET_RELAY_USER_MAX);
	meet_msg_put_text(&w, r->pass, MEET_RELAY_PASS_MAX);
	adit_wr_u8(&w, (uint8_t)r->n_uris);
	for (unsigned i = 0; i < r->n_uris; i++)
		meet_msg_put_text(&w, r->uris[i], MEET_RELAY_URI_MAX);
	return w.bad ? ADIT_EFULL : (int)w.len;
}

int meet_relay_decode(const uint8_t *data, size_t len, struct meet_relay *ret_relay)
{
	struct adit_rd r = adit_rd_over(data, len);
	struct meet_relay o = {.n_uris = 0};

	if (adit_rd_u8(&r) != VERSION)
		return r.bad ? ADIT_EPROTO : ADIT_EVERSION;
	o.life = adit_rd_u32(&r);
	meet_msg_get_text(&r, o.user, MEET_RELAY_USER_MAX);
	meet_msg_get_text(&r, o.pass, MEET_RELAY_PASS_MAX);
	o.n_uris = adit_rd_u8(&r);
	if (r.bad || o.n_uris == 0 || o.n_uris > MEET_RELAY_URIS)
		return ADIT_EPROTO;
	for (unsigned i = 0; i < o.n_uris; i++)
		meet_msg_get_text(&r, o.uris[i], MEET_RELAY_URI_MAX);
	if (r.bad)
		return ADIT_EPROTO;
	*ret_relay = o;
	return 0;
}

/* Both keys are of this one question, so the sealing key is, too. */
static bool make_key(const struct meet_crypto *mc, const struct adit_crypto *crypto,
		     const uint8_t secret[MEET_X25519_LEN], const uint8_t other[MEET_X25519_LEN],
		     const uint8_t asker[MEET_X25519_LEN], const uint8_t lender[MEET_X25519_LEN],
		     uint8_t ret_key[MEET_SEAL_KEY])
{
	uint8_t shared[MEET_X25519_LEN];
	uint8_t info[sizeof(label) - 1 + 2 * MEET_X25519_LEN];
	struct adit_wr w = adit_wr_over(info, sizeof(info));

	if (!mc->x25519(secret, other, shared))
		return false;
	adit_wr_bytes(&w, label, sizeof(label) - 1);
	adit_wr_bytes(&w, asker, MEET_X25519_LEN);
	adit_wr_bytes(&w, lender, MEET_X25519_LEN);
	crypto->hkdf_sha256(shared, sizeof(shared), info, w.len, ret_key, MEET_SEAL_KEY);
	adit_bytes_wipe(shared, sizeof(shared));
	return true;
}

int meet_relay_seal(const struct meet_crypto *mc, const struct adit_crypto *crypto, const struct adit_rng *rng,
		    const uint8_t asker[MEET_X25519_LEN], const uint8_t txid[STUN_TXID_LEN], const struct meet_relay *r,
		    uint8_t buf[MEET_LOAN_MAX])
{
	uint8_t *nonce = buf + MEET_X25519_LEN;
	uint8_t plain[MEET_RELAY_PLAIN_MAX];
	uint8_t secret[MEET_X25519_LEN];
	uint8_t key[MEET_SEAL_KEY];
	int len = meet_relay_encode(r, plain);

	if (len < 0)
		return len;
	adit_rng_fill(rng, secret, sizeof(secret));
	mc->x25519_public(secret, buf);
	adit_rng_fill(rng, nonce, MEET_SEAL_NONCE);
	if (make_key(mc, crypto, secret, asker, asker, buf, key)) {
		mc->seal(key, nonce, txid, STUN_TXID_LEN, plain, (size_t)len, buf + MEET_LOAN_HEAD);
		len += MEET_LOAN_HEAD + MEET_SEAL_TAG;
	} else {
		len = ADIT_EPROTO;
	}
	adit_bytes_wipe(plain, sizeof(plain));
	adit_bytes_wipe(secret, sizeof(secret));
	adit_bytes_wipe(key, sizeof(key));
	return len;
}

int meet_relay_unseal(const struct meet_crypto *mc, const struct adit_crypto *crypto,
		      const uint8_t secret[MEET_X25519_LEN], const uint8_t txid[STUN_TXID_LEN], const uint8_t *data,
		      size_t len, struct meet_relay *ret_relay)
{
	uint8_t plain[MEET_RELAY_PLAIN_MAX];
	uint8_t asker[MEET_X25519_LEN];
	uint8_t key[MEET_SEAL_KEY];
	int err = ADIT_EAUTH;

	if (len < MEET_LOAN_HEAD + MEET_SEAL_TAG || len > MEET_LOAN_MAX)
		return ADIT_EPROTO;
	mc->x25519_public(secret, asker);
	if (make_key(mc, crypto, secret, data, asker, data, key) &&
	    mc->open(key, data + MEET_X25519_LEN, txid, STUN_TXID_LEN, data + MEET_LOAN_HEAD, len - MEET_LOAN_HEAD,
		     plain))
		err = meet_relay_decode(plain, len - MEET_LOAN_HEAD - MEET_SEAL_TAG, ret_relay);
	adit_bytes_wipe(plain, sizeof(plain));
	adit_bytes_wipe(key, sizeof(key));
	return err;
}
