#include "test.h"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "crypto/crypto_mb.h"

#define TEXT_MAX 9000
#define AAD_MAX  64

/* The library, or the test is skipped. */
static const struct adit_aead *library(void)
{
	const char *why;
	const struct adit_aead *aead = crypto_mb(&why);

	if (!aead) {
		print_message("libipsec-mb: %s\n", why);
		skip();
	}
	return aead;
}

static void the_reason_is_given_and_stays(void **state)
{
	const char *why = NULL;
	const char *again = NULL;
	const struct adit_aead *aead = crypto_mb(&why);

	(void)state;
	assert_non_null(why);
	assert_ptr_equal(crypto_mb(&again), aead);
	assert_ptr_equal(again, why);
}

struct packet {
	uint8_t key[ADIT_AEAD_KEY_LEN];
	uint8_t nonce[ADIT_AEAD_NONCE_LEN];
	uint8_t aad[AAD_MAX];
	uint8_t text[TEXT_MAX];
	uint8_t sealed[TEXT_MAX + ADIT_AEAD_TAG_LEN]; /* by GnuTLS */
	size_t aad_len;
	size_t len;
};

static void packet_make(struct packet *p, struct adit_rng *rng, size_t len)
{
	gnutls_datum_t key = {.data = p->key, .size = sizeof(p->key)};
	gnutls_aead_cipher_hd_t hd;
	size_t n = sizeof(p->sealed);

	adit_rng_fill(rng, p->key, sizeof(p->key));
	adit_rng_fill(rng, p->nonce, sizeof(p->nonce));
	adit_rng_fill(rng, p->aad, sizeof(p->aad));
	adit_rng_fill(rng, p->text, len);
	p->aad_len = 1 + adit_rng_below(rng, AAD_MAX);
	p->len = len;
	assert_int_equal(gnutls_aead_cipher_init(&hd, GNUTLS_CIPHER_AES_128_GCM, &key), 0);
	assert_int_equal(gnutls_aead_cipher_encrypt(hd, p->nonce, sizeof(p->nonce), p->aad, p->aad_len,
						    ADIT_AEAD_TAG_LEN, p->text, len, p->sealed, &n),
			 0);
	assert_int_equal(n, len + ADIT_AEAD_TAG_LEN);
	gnutls_aead_cipher_deinit(hd);
}

/* Exactly as long as they must be, so that a byte too many is seen by the sanitizer where our code writes it. */
static void packet_check(const struct adit_aead *aead, const struct packet *p)
{
	struct adit_aead_key *k = aead->key_new(p->key);
	size_t sealed_len = p->len + ADIT_AEAD_TAG_LEN;
	uint8_t *buf = malloc(sealed_len);
	uint8_t *out = malloc(p->len + 1);

	assert_non_null(k);
	assert_non_null(buf);
	assert_non_null(out);
	aead->seal(k, buf, p->text, p->len, p->nonce, p->aad, p->aad_len);
	assert_memory_equal(buf, p->sealed, sealed_len);
	memcpy(buf, p->text, p->len);
	aead->seal(k, buf, buf, p->len, p->nonce, p->aad, p->aad_len);
	assert_memory_equal(buf, p->sealed, sealed_len);
	out[p->len] = 0x5a;
	assert_true(aead->open(k, out, p->sealed, sealed_len, p->nonce, p->aad, p->aad_len));
	assert_memory_equal(out, p->text, p->len);
	assert_int_equal(out[p->len], 0x5a);
	assert_true(aead->open(k, buf, buf, sealed_len, p->nonce, p->aad, p->aad_len));
	assert_memory_equal(buf, p->text, p->len);
	aead->key_free(k);
	free(buf);
	free(out);
}

static void it_agrees_with_gnutls_at_every_length(void **state)
{
	const struct adit_aead *aead = library();
	struct adit_rng_seeded seeded;
	struct adit_rng rng = adit_rng_seeded_init(&seeded, 1);
	static struct packet p;

	(void)state;
	for (size_t len = 1; len <= 1500; len++) {
		packet_make(&p, &rng, len);
		packet_check(aead, &p);
	}
	for (size_t i = 0; i < 200; i++) {
		packet_make(&p, &rng, 1 + adit_rng_below(&rng, TEXT_MAX));
		packet_check(aead, &p);
	}
}

static void refused(const struct adit_aead *aead, struct adit_aead_key *k, const struct packet *p, size_t len)
{
	static const uint8_t zeros[TEXT_MAX];
	static uint8_t out[TEXT_MAX];

	memset(out, 0xee, sizeof(out));
	assert_false(aead->open(k, out, p->sealed, len, p->nonce, p->aad, p->aad_len));
	if (len >= ADIT_AEAD_TAG_LEN)
		assert_memory_equal(out, zeros, len - ADIT_AEAD_TAG_LEN);
	else
		assert_int_equal(out[0], 0xee);
}

static void any_changed_bit_is_refused_and_nothing_leaks(void **state)
{
	const struct adit_aead *aead = library();
	struct adit_rng_seeded seeded;
	struct adit_rng rng = adit_rng_seeded_init(&seeded, 2);
	static struct packet p;
	struct adit_aead_key *k;

	(void)state;
	packet_make(&p, &rng, 333);
	k = aead->key_new(p.key);
	assert_non_null(k);
	for (size_t bit = 0; bit < (p.len + ADIT_AEAD_TAG_LEN) * 8; bit++) {
		p.sealed[bit / 8] ^= (uint8_t)(1 << bit % 8);
		refused(aead, k, &p, p.len + ADIT_AEAD_TAG_LEN);
		p.sealed[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	for (size_t bit = 0; bit < p.aad_len * 8; bit++) {
		p.aad[bit / 8] ^= (uint8_t)(1 << bit % 8);
		refused(aead, k, &p, p.len + ADIT_AEAD_TAG_LEN);
		p.aad[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	for (size_t bit = 0; bit < sizeof(p.nonce) * 8; bit++) {
		p.nonce[bit / 8] ^= (uint8_t)(1 << bit % 8);
		refused(aead, k, &p, p.len + ADIT_AEAD_TAG_LEN);
		p.nonce[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	for (size_t len = 0; len < p.len + ADIT_AEAD_TAG_LEN; len++)
		refused(aead, k, &p, len);
	/* And the right one still opens. */
	packet_check(aead, &p);
	aead->key_free(k);
}

/* -- implementations that the test at the start must find out, each wrong in one way -- */

static gnutls_aead_cipher_hd_t plain; /* of the key that the test uses */
static enum { RIGHT, WRONG_TAG, WRONG_LONG, ACCEPTS_ALL, LEAKS, REFUSES_ALL, NO_MEMORY, N_FLAWS } flaw;

static struct adit_aead_key *flawed_new(const uint8_t key[ADIT_AEAD_KEY_LEN])
{
	gnutls_datum_t d = {.data = (unsigned char *)key, .size = ADIT_AEAD_KEY_LEN};

	if (flaw == NO_MEMORY || gnutls_aead_cipher_init(&plain, GNUTLS_CIPHER_AES_128_GCM, &d) < 0)
		return NULL;
	return (struct adit_aead_key *)plain;
}

static void flawed_free(struct adit_aead_key *k)
{
	if (k)
		gnutls_aead_cipher_deinit(plain);
}

static void flawed_seal(struct adit_aead_key *k, uint8_t *dest, const uint8_t *text, size_t text_len,
			const uint8_t nonce[ADIT_AEAD_NONCE_LEN], const uint8_t *aad, size_t aad_len)
{
	size_t n = text_len + ADIT_AEAD_TAG_LEN;

	(void)k;
	assert_int_equal(gnutls_aead_cipher_encrypt(plain, nonce, ADIT_AEAD_NONCE_LEN, aad, aad_len, ADIT_AEAD_TAG_LEN,
						    text, text_len, dest, &n),
			 0);
	if (flaw == WRONG_TAG)
		dest[text_len] ^= 1;
	if (flaw == WRONG_LONG && text_len > 1000)
		dest[1000] ^= 1;
}

static bool flawed_open(struct adit_aead_key *k, uint8_t *dest, const uint8_t *text, size_t text_len,
			const uint8_t nonce[ADIT_AEAD_NONCE_LEN], const uint8_t *aad, size_t aad_len)
{
	size_t n = text_len - ADIT_AEAD_TAG_LEN;
	uint8_t *copy = malloc(text_len);
	bool good;

	(void)k;
	assert_non_null(copy);
	memcpy(copy, text, text_len);
	good = gnutls_aead_cipher_decrypt(plain, nonce, ADIT_AEAD_NONCE_LEN, aad, aad_len, ADIT_AEAD_TAG_LEN, copy,
					  text_len, dest, &n) == 0;
	free(copy);
	if (!good && flaw != LEAKS)
		memset(dest, 0, text_len - ADIT_AEAD_TAG_LEN);
	if (!good && flaw == LEAKS)
		memset(dest, 'x', text_len - ADIT_AEAD_TAG_LEN);
	return flaw == ACCEPTS_ALL || (good && flaw != REFUSES_ALL);
}

static void an_implementation_with_any_flaw_fails_the_test_at_the_start(void **state)
{
	static const struct adit_aead aead = {
		.name = "flawed",
		.key_new = flawed_new,
		.key_free = flawed_free,
		.seal = flawed_seal,
		.open = flawed_open,
	};

	(void)state;
	flaw = RIGHT;
	assert_true(crypto_mb_is_right(&aead));
	for (flaw = RIGHT + 1; flaw < N_FLAWS; flaw++)
		assert_false(crypto_mb_is_right(&aead));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_reason_is_given_and_stays),
		cmocka_unit_test(it_agrees_with_gnutls_at_every_length),
		cmocka_unit_test(any_changed_bit_is_refused_and_nothing_leaks),
		cmocka_unit_test(an_implementation_with_any_flaw_fails_the_test_at_the_start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
