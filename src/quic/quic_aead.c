#include "quic/quic_aead.h"

#include <assert.h>
#include <gnutls/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "base/aead.h"
#include "base/bytes.h"
#include "quic/quic_conn.h"

#define SECRET_LEN 32 /* SHA-256, the hash of TLS_AES_128_GCM_SHA256 */
#define KEY_BUF    64 /* what the library's helpers may write */

/* What a native handle of ours points at, with the lowest bit set. */
struct own {
	const struct adit_aead *aead;
	struct adit_aead_key *key; /* NULL: for the next update, which may be hours away */
	uint8_t raw[ADIT_AEAD_KEY_LEN]; /* until then */
};

static struct own *own_of(const ngtcp2_crypto_aead_ctx *ctx)
{
	uintptr_t handle = (uintptr_t)ctx->native_handle;

	return handle & 1 ? (struct own *)(handle & ~(uintptr_t)1) : NULL;
}

static int own_new(const struct adit_aead *aead, const uint8_t key[ADIT_AEAD_KEY_LEN], ngtcp2_crypto_aead_ctx *ret_ctx)
{
	struct own *o = malloc(sizeof(*o));

	if (!o)
		return ADIT_ENOMEM;
	o->aead = aead;
	o->key = NULL;
	memcpy(o->raw, key, sizeof(o->raw));
	ret_ctx->native_handle = (void *)((uintptr_t)o | 1);
	return 0;
}

/* NULL: there is no memory for it now. */
static struct adit_aead_key *own_key(struct own *o)
{
	if (!o->key) {
		o->key = o->aead->key_new(o->raw);
		if (o->key)
			adit_bytes_wipe(o->raw, sizeof(o->raw));
	}
	return o->key;
}

static void ctx_free(ngtcp2_crypto_aead_ctx *ctx)
{
	struct own *o = own_of(ctx);

	if (o) {
		o->aead->key_free(o->key);
		adit_bytes_wipe(o, sizeof(*o));
		free(o);
	} else if (ctx->native_handle) {
		ngtcp2_crypto_aead_ctx_free(ctx);
	}
	ctx->native_handle = NULL;
}

int quic_aead_seal(uint8_t *dest, const ngtcp2_crypto_aead *aead, const ngtcp2_crypto_aead_ctx *ctx,
		   const uint8_t *text, size_t text_len, const uint8_t *nonce, size_t nonce_len, const uint8_t *aad,
		   size_t aad_len)
{
	struct own *o = own_of(ctx);
	struct adit_aead_key *key;

	if (!o)
		return ngtcp2_crypto_encrypt_cb(dest, aead, ctx, text, text_len, nonce, nonce_len, aad, aad_len);
	assert(nonce_len == ADIT_AEAD_NONCE_LEN);
	key = own_key(o);
	if (!key)
		return NGTCP2_ERR_CALLBACK_FAILURE;
	o->aead->seal(key, dest, text, text_len, nonce, aad, aad_len);
	return 0;
}

int quic_aead_open(uint8_t *dest, const ngtcp2_crypto_aead *aead, const ngtcp2_crypto_aead_ctx *ctx,
		   const uint8_t *text, size_t text_len, const uint8_t *nonce, size_t nonce_len, const uint8_t *aad,
		   size_t aad_len)
{
	struct own *o = own_of(ctx);
	struct adit_aead_key *key;

	if (!o)
		return ngtcp2_crypto_decrypt_cb(dest, aead, ctx, text, text_len, nonce, nonce_len, aad, aad_len);
	assert(nonce_len == ADIT_AEAD_NONCE_LEN);
	key = own_key(o);
	return key && o->aead->open(key, dest, text, text_len, nonce, aad, aad_len) ? 0 : NGTCP2_ERR_DECRYPT;
}

void quic_aead_delete(ngtcp2_conn *conn, ngtcp2_crypto_aead_ctx *ctx, void *user)
{
	(void)conn;
	(void)user;
	ctx_free(ctx);
}

/* ---- header protection ---- */

static gnutls_cipher_hd_t own_hp(const ngtcp2_crypto_cipher_ctx *ctx)
{
	uintptr_t handle = (uintptr_t)ctx->native_handle;

	return handle & 1 ? (gnutls_cipher_hd_t)(handle & ~(uintptr_t)1) : NULL;
}

static int own_hp_new(const uint8_t key[ADIT_AEAD_KEY_LEN], ngtcp2_crypto_cipher_ctx *ret_ctx)
{
	gnutls_datum_t key_d = {.data = (unsigned char *)key, .size = ADIT_AEAD_KEY_LEN};
	gnutls_cipher_hd_t hd;

	if (gnutls_cipher_init(&hd, GNUTLS_CIPHER_AES_128_CBC, &key_d, NULL) < 0)
		return ADIT_ENOMEM;
	ret_ctx->native_handle = (void *)((uintptr_t)hd | 1);
	return 0;
}

/* RFC 9001 5.4.3 wants AES-ECB, which GnuTLS does not have: one block of CBC behind an IV of zeros. */
int quic_aead_hp_mask(uint8_t *dest, const ngtcp2_crypto_cipher *hp, const ngtcp2_crypto_cipher_ctx *ctx,
		      const uint8_t *sample)
{
	uint8_t iv[NGTCP2_HP_SAMPLELEN] = {0};
	uint8_t block[NGTCP2_HP_SAMPLELEN];
	gnutls_cipher_hd_t hd = own_hp(ctx);

	if (!hd)
		return ngtcp2_crypto_hp_mask_cb(dest, hp, ctx, sample);
	gnutls_cipher_set_iv(hd, iv, sizeof(iv));
	if (gnutls_cipher_encrypt2(hd, sample, sizeof(block), block, sizeof(block)) < 0)
		return NGTCP2_ERR_CALLBACK_FAILURE;
	memcpy(dest, block, NGTCP2_HP_MASKLEN);
	return 0;
}

void quic_aead_delete_hp(ngtcp2_conn *conn, ngtcp2_crypto_cipher_ctx *ctx, void *user)
{
	gnutls_cipher_hd_t hd = own_hp(ctx);

	if (hd)
		gnutls_cipher_deinit(hd);
	else
		ngtcp2_crypto_delete_crypto_cipher_ctx_cb(conn, ctx, user);
	ctx->native_handle = NULL;
}

/* ---- the first keys ---- */

/* RFC 8446 7.1 HKDF-Expand-Label with an empty context; the library's own is no longer public in 0.16. */
static int expand_label(const uint8_t *secret, const char *label, uint8_t *out, size_t len)
{
	uint8_t info[32];
	struct adit_wr w = adit_wr_over(info, sizeof(info));
	gnutls_datum_t secret_d = {.data = (unsigned char *)secret, .size = SECRET_LEN};
	gnutls_datum_t info_d = {.data = info};

	adit_wr_u16(&w, (uint16_t)len);
	adit_wr_u8(&w, (uint8_t)(sizeof("tls13 ") - 1 + strlen(label)));
	adit_wr_bytes(&w, "tls13 ", sizeof("tls13 ") - 1);
	adit_wr_bytes(&w, label, strlen(label));
	adit_wr_u8(&w, 0);
	assert(!w.bad);
	info_d.size = (unsigned)w.len;
	return gnutls_hkdf_expand(GNUTLS_MAC_SHA256, &secret_d, &info_d, out, len);
}

struct packet_key {
	ngtcp2_crypto_aead_ctx aead;
	ngtcp2_crypto_cipher_ctx hp;
	uint8_t iv[ADIT_AEAD_NONCE_LEN];
};

/* RFC 9001 5.1: a key, an IV and a key for header protection. */
static int packet_key_make(struct quic *q, const uint8_t *secret, struct packet_key *ret)
{
	uint8_t key[ADIT_AEAD_KEY_LEN];
	uint8_t hp[ADIT_AEAD_KEY_LEN];
	int rv = -1;

	*ret = (struct packet_key){0};
	if (expand_label(secret, "quic key", key, sizeof(key)) == 0 &&
	    expand_label(secret, "quic iv", ret->iv, sizeof(ret->iv)) == 0 &&
	    expand_label(secret, "quic hp", hp, sizeof(hp)) == 0 && own_new(q->aead, key, &ret->aead) == 0) {
		rv = own_key(own_of(&ret->aead)) ? own_hp_new(hp, &ret->hp) : ADIT_ENOMEM;
		if (rv != 0)
			ctx_free(&ret->aead);
	}
	adit_bytes_wipe(key, sizeof(key));
	adit_bytes_wipe(hp, sizeof(hp));
	return rv;
}

static int install(struct quic *q, const uint8_t *secret, bool is_rx)
{
	struct packet_key k;
	int rv = packet_key_make(q, secret, &k);

	if (rv != 0)
		return rv;
	if (is_rx)
		rv = ngtcp2_conn_install_rx_key(q->conn, secret, SECRET_LEN, &k.aead, k.iv, sizeof(k.iv), &k.hp);
	else
		rv = ngtcp2_conn_install_tx_key(q->conn, secret, SECRET_LEN, &k.aead, k.iv, sizeof(k.iv), &k.hp);
	if (rv != 0) {
		ctx_free(&k.aead);
		quic_aead_delete_hp(q->conn, &k.hp, q);
	}
	adit_bytes_wipe(k.iv, sizeof(k.iv));
	return rv;
}

/* The labels above are those of version 1, the only one we offer. */
static bool is_ours(const struct quic *q, gnutls_record_encryption_level_t level, size_t secret_len)
{
	return level == GNUTLS_ENCRYPTION_LEVEL_APPLICATION && secret_len == SECRET_LEN &&
	       gnutls_cipher_get(q->tls) == GNUTLS_CIPHER_AES_128_GCM &&
	       ngtcp2_conn_get_negotiated_version(q->conn) == NGTCP2_PROTO_VER_V1;
}

/* The TLS library has new secrets; either may be NULL. Nonzero ends the handshake. */
static int cb_secret(gnutls_session_t tls, gnutls_record_encryption_level_t level, const void *rx, const void *tx,
		     size_t len)
{
	ngtcp2_crypto_conn_ref *ref = gnutls_session_get_ptr(tls);
	struct quic *q = ref->user_data;

	if (is_ours(q, level, len)) {
		if ((rx && install(q, rx, true) != 0) || (tx && install(q, tx, false) != 0))
			return -1;
		q->has_own_keys = true;
		q->stats.aead = q->aead->name;
		return 0;
	}
	if (rx && ngtcp2_crypto_derive_and_install_rx_key(
			  q->conn, NULL, NULL, NULL, ngtcp2_crypto_gnutls_from_gnutls_record_encryption_level(level),
			  rx, len) != 0)
		return -1;
	if (tx && ngtcp2_crypto_derive_and_install_tx_key(
			  q->conn, NULL, NULL, NULL, ngtcp2_crypto_gnutls_from_gnutls_record_encryption_level(level),
			  tx, len) != 0)
		return -1;
	return 0;
}

void quic_aead_watch(gnutls_session_t tls)
{
	gnutls_handshake_set_secret_function(tls, cb_secret);
}

/* ---- the next keys ---- */

/* |ctx| becomes one of ours; it is freed and NULL where there is no memory. */
static int replace(const struct adit_aead *aead, const uint8_t *key, ngtcp2_crypto_aead_ctx *ctx)
{
	ctx_free(ctx);
	return own_new(aead, key, ctx);
}

int quic_aead_update(ngtcp2_conn *conn, uint8_t *rx_secret, uint8_t *tx_secret, ngtcp2_crypto_aead_ctx *rx_ctx,
		     uint8_t *rx_iv, ngtcp2_crypto_aead_ctx *tx_ctx, uint8_t *tx_iv, const uint8_t *old_rx_secret,
		     const uint8_t *old_tx_secret, size_t secret_len, void *user)
{
	struct quic *q = user;
	uint8_t rx_key[KEY_BUF];
	uint8_t tx_key[KEY_BUF];
	int rv = ngtcp2_crypto_update_key(conn, rx_secret, tx_secret, rx_ctx, rx_key, rx_iv, tx_ctx, tx_key, tx_iv,
					  old_rx_secret, old_tx_secret, secret_len);

	if (rv == 0 && q->has_own_keys &&
	    (replace(q->aead, rx_key, rx_ctx) != 0 || replace(q->aead, tx_key, tx_ctx) != 0)) {
		ctx_free(rx_ctx);
		ctx_free(tx_ctx);
		rv = -1;
	}
	adit_bytes_wipe(rx_key, sizeof(rx_key));
	adit_bytes_wipe(tx_key, sizeof(tx_key));
	return rv == 0 ? 0 : NGTCP2_ERR_CALLBACK_FAILURE;
}
