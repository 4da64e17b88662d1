#include "quic/quic_tls.h"

#include <gnutls/abstract.h>
#include <gnutls/crypto.h>
#include <stdlib.h>
#include <string.h>

#ifdef __aarch64__
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

#include "base/bytes.h"
#include "quic/quic_aead.h"
#include "quic/quic_conn.h"

struct quic_creds {
	gnutls_certificate_credentials_t cred;
	gnutls_priority_t priority;
	const struct adit_aead *aead;
	struct quic_pool pool;
	bool is_shared; /* |cred| and |priority| are another's */
};

/*
 * ECDHE-* items are needed although TLS 1.3 has no such suites: GnuTLS takes key exchange and certificate types from
 * them. Raw keys only, Ed25519 only, X25519 only.
 */
#define PRIORITY_HEAD "NONE:+VERS-TLS1.3:+SIGN-EDDSA-ED25519:+GROUP-X25519:+MAC-ALL:"
#define PRIORITY_TAIL ":+ECDHE-ECDSA:+ECDHE-RSA:+CTYPE-CLI-RAWPK:+CTYPE-SRV-RAWPK:%DISABLE_TLS13_COMPAT_MODE"

/* Without AES instructions GnuTLS's AES is slow and leaks time; with them ChaCha20 is ten times slower than AES. */
static bool cpu_has_aes(void)
{
#if defined(__x86_64__) || defined(__i386__)
	return __builtin_cpu_supports("aes");
#elif defined(__aarch64__)
	return (getauxval(AT_HWCAP) & HWCAP_AES) != 0;
#else
	return false;
#endif
}

static const char *priority_text(bool has_aes)
{
	if (has_aes)
		return PRIORITY_HEAD "+AES-128-GCM:+CHACHA20-POLY1305" PRIORITY_TAIL;
	/* The side without the instructions has its way, whichever it is. */
	return PRIORITY_HEAD "+CHACHA20-POLY1305:+AES-128-GCM" PRIORITY_TAIL ":%SERVER_PRECEDENCE";
}

/* RFC 8410 7: the PKCS#8 form of an Ed25519 seed is this and the seed. */
static const uint8_t pkcs8_head[16] = {0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06,
				       0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20};

static int creds_private_key(const uint8_t seed[QUIC_KEY_LEN], gnutls_privkey_t key)
{
	uint8_t der[sizeof(pkcs8_head) + QUIC_KEY_LEN];
	gnutls_datum_t d = {.data = der, .size = sizeof(der)};
	int rv;

	memcpy(der, pkcs8_head, sizeof(pkcs8_head));
	memcpy(der + sizeof(pkcs8_head), seed, QUIC_KEY_LEN);
	rv = gnutls_privkey_import_x509_raw(key, &d, GNUTLS_X509_FMT_DER, NULL, 0);
	adit_bytes_wipe(der, sizeof(der));
	return rv;
}

static int creds_public_key(const uint8_t public_key[QUIC_KEY_LEN], gnutls_pcert_st *pcert)
{
	uint8_t copy[QUIC_KEY_LEN];
	gnutls_datum_t x = {.data = copy, .size = sizeof(copy)};
	gnutls_pubkey_t pub;
	int rv;

	memcpy(copy, public_key, sizeof(copy));
	rv = gnutls_pubkey_init(&pub);
	if (rv < 0)
		return rv;
	rv = gnutls_pubkey_import_ecc_raw(pub, GNUTLS_ECC_CURVE_ED25519, &x, NULL);
	if (rv == 0)
		rv = gnutls_pcert_import_rawpk(pcert, pub, 0);
	if (rv < 0)
		gnutls_pubkey_deinit(pub);
	return rv;
}

static int creds_set_key(struct quic_creds *c, const uint8_t seed[QUIC_KEY_LEN], const uint8_t public_key[QUIC_KEY_LEN])
{
	gnutls_privkey_t key;
	gnutls_pcert_st pcert; /* copied by the credentials, which then own what it points at */
	int rv;

	rv = gnutls_privkey_init(&key);
	if (rv < 0)
		return rv;
	rv = creds_private_key(seed, key);
	if (rv == 0)
		rv = creds_public_key(public_key, &pcert);
	if (rv == 0) {
		rv = gnutls_certificate_set_key(c->cred, NULL, 0, &pcert, 1, key);
		if (rv < 0)
			gnutls_pcert_deinit(&pcert);
	}
	if (rv < 0)
		gnutls_privkey_deinit(key);
	return rv;
}

/* The 32 bytes of the key the peer presented and signed with; false where it is no Ed25519 raw key. */
static bool peer_key(gnutls_session_t s, uint8_t ret_key[QUIC_KEY_LEN])
{
	unsigned n = 0;
	const gnutls_datum_t *list = gnutls_certificate_get_peers(s, &n);
	gnutls_pubkey_t pub;
	gnutls_ecc_curve_t curve;
	gnutls_datum_t x = {0};
	bool good = false;

	if (gnutls_certificate_type_get2(s, GNUTLS_CTYPE_PEERS) != GNUTLS_CRT_RAWPK || !list || n != 1)
		return false;
	if (gnutls_pubkey_init(&pub) < 0)
		return false;
	if (gnutls_pubkey_import(pub, &list[0], GNUTLS_X509_FMT_DER) == 0 &&
	    gnutls_pubkey_export_ecc_raw2(pub, &curve, &x, NULL, GNUTLS_EXPORT_FLAG_NO_LZ) == 0) {
		good = curve == GNUTLS_ECC_CURVE_ED25519 && x.size == QUIC_KEY_LEN;
		if (good)
			memcpy(ret_key, x.data, QUIC_KEY_LEN);
		gnutls_free(x.data);
	}
	gnutls_pubkey_deinit(pub);
	return good;
}

/* GnuTLS calls it when the peer has sent its key and proved that it owns it. Nonzero: alert bad_certificate. */
static int verify_peer(gnutls_session_t s)
{
	ngtcp2_crypto_conn_ref *ref = gnutls_session_get_ptr(s);
	struct quic *q = ref->user_data;

	if (!peer_key(s, q->peer_key)) {
		q->bad_key = true;
		return GNUTLS_E_CERTIFICATE_ERROR;
	}
	if (!q->server && !adit_bytes_eq_ct(q->peer_key, q->pin, QUIC_KEY_LEN)) {
		q->bad_key = true;
		return GNUTLS_E_CERTIFICATE_ERROR;
	}
	q->has_peer_key = true;
	return 0;
}

int quic_creds_set_aes(struct quic_creds *c, bool has_aes)
{
	gnutls_priority_t priority;

	if (gnutls_priority_init(&priority, priority_text(has_aes), NULL) < 0)
		return ADIT_ENOMEM;
	if (c->priority)
		gnutls_priority_deinit(c->priority);
	c->priority = priority;
	return 0;
}

int quic_creds_new(const uint8_t seed[QUIC_KEY_LEN], const uint8_t public_key[QUIC_KEY_LEN],
		   struct quic_creds **ret_creds)
{
	struct quic_creds *c = calloc(1, sizeof(*c));

	if (!c)
		return ADIT_ENOMEM;
	quic_pool_init(&c->pool);
	if (gnutls_certificate_allocate_credentials(&c->cred) < 0 || quic_creds_set_aes(c, cpu_has_aes()) < 0 ||
	    creds_set_key(c, seed, public_key) < 0) {
		quic_creds_free(c);
		return ADIT_ENOMEM;
	}
	gnutls_certificate_set_verify_function(c->cred, verify_peer);
	*ret_creds = c;
	return 0;
}

/* Reading credentials from several threads is allowed (GnuTLS manual, thread safety); the pool of chunks is not. */
int quic_creds_share(const struct quic_creds *c, struct quic_creds **ret_creds)
{
	struct quic_creds *mine = calloc(1, sizeof(*mine));

	if (!mine)
		return ADIT_ENOMEM;
	quic_pool_init(&mine->pool);
	mine->cred = c->cred;
	mine->priority = c->priority;
	mine->aead = c->aead;
	mine->is_shared = true;
	*ret_creds = mine;
	return 0;
}

void quic_creds_set_aead(struct quic_creds *c, const struct adit_aead *aead)
{
	c->aead = aead;
}

void quic_creds_free(struct quic_creds *c)
{
	if (!c)
		return;
	quic_pool_done(&c->pool);
	if (c->priority && !c->is_shared)
		gnutls_priority_deinit(c->priority);
	if (c->cred && !c->is_shared)
		gnutls_certificate_free_credentials(c->cred);
	free(c);
}

static int session_setup(struct quic *q, const struct quic_creds *creds)
{
	static const char name[] = QUIC_ALPN;
	gnutls_datum_t alpn = {.data = (unsigned char *)name, .size = sizeof(name) - 1};
	int rv;

	rv = gnutls_priority_set(q->tls, creds->priority);
	if (rv == 0)
		rv = gnutls_credentials_set(q->tls, GNUTLS_CRD_CERTIFICATE, creds->cred);
	if (rv == 0)
		rv = gnutls_alpn_set_protocols(q->tls, &alpn, 1, GNUTLS_ALPN_MANDATORY);
	if (rv < 0)
		return rv;
	gnutls_session_set_ptr(q->tls, &q->conn_ref);
	if (q->server)
		gnutls_certificate_server_set_request(q->tls, GNUTLS_CERT_REQUIRE);
	rv = q->server ? ngtcp2_crypto_gnutls_configure_server_session(q->tls)
		       : ngtcp2_crypto_gnutls_configure_client_session(q->tls);
	q->aead = creds->aead;
	if (rv == 0 && q->aead)
		quic_aead_watch(q->tls);
	return rv;
}

int quic_tls_new(struct quic *q, struct quic_creds *creds)
{
	unsigned flags = GNUTLS_ENABLE_RAWPK | GNUTLS_NO_TICKETS | GNUTLS_NO_END_OF_EARLY_DATA;

	q->pool = &creds->pool;
	flags |= q->server ? GNUTLS_SERVER : GNUTLS_CLIENT;
	if (gnutls_init(&q->tls, flags) < 0) {
		q->tls = NULL;
		return ADIT_ENOMEM;
	}
	return session_setup(q, creds) == 0 ? 0 : ADIT_ENOMEM;
}

void quic_tls_free(struct quic *q)
{
	if (q->tls)
		gnutls_deinit(q->tls);
	q->tls = NULL;
}

void quic_drop_tls(struct quic *q)
{
	if (q->handshaken)
		quic_tls_free(q);
}

bool quic_tls_is_complete(const struct quic *q)
{
	gnutls_datum_t alpn;

	return q->has_peer_key && gnutls_alpn_get_selected_protocol(q->tls, &alpn) == 0 &&
	       alpn.size == sizeof(QUIC_ALPN) - 1 && memcmp(alpn.data, QUIC_ALPN, alpn.size) == 0;
}

const char *quic_tls_cipher(const struct quic *q)
{
	const char *name = q->tls ? gnutls_cipher_get_name(gnutls_cipher_get(q->tls)) : NULL;

	return name ? name : "none";
}

int quic_export(struct quic *q, const char *label, uint8_t *out, size_t len)
{
	if (q->state != QUIC_OPEN || !q->handshaken || !q->tls)
		return ADIT_EDEAD;
	if (gnutls_prf_rfc5705(q->tls, strlen(label), label, 0, NULL, len, (char *)out) < 0)
		return ADIT_EDEAD;
	return 0;
}
