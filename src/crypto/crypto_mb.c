/*
 * The library has a manager with a table of functions that fit the processor. Its header keeps that table's beginning
 * as it is ("new pointers at the end"): from 1.0 to 2.0 the functions used here stand at the same place with the same
 * arguments (compared release by release), so the few facts below replace the header. Another version is left alone.
 *
 * These functions do not touch the manager: it can go once they are known.
 */
#include "crypto/crypto_mb.h"

#include <dlfcn.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdlib.h>
#include <string.h>
#include <threads.h>

#include "base/bytes.h"

#define VERSION(major, minor) ((unsigned)(major) << 16 | (unsigned)(minor) << 8)
#define FEATURE_AESNI         (1ull << 1)
#define FEATURE_AESNI_EMU     (1ull << 19) /* tables instead of instructions: slow, and its timing tells secrets */

/*
 * The library's schedule is 1008 bytes up to 1.4 and 1264 from 1.5 on, with hash keys at multiples of 64; what it keeps
 * during one call is 88 bytes. The latter stay with the key, so that they are wiped with it.
 */
#define SCHEDULE_MAX 1536
#define SCRATCH_MAX  256

struct adit_aead_key {
	_Alignas(64) uint8_t schedule[SCHEDULE_MAX];
	_Alignas(64) uint8_t scratch[SCRATCH_MAX];
};

typedef void (*mb_crypt)(const void *schedule, void *scratch, uint8_t *out, const uint8_t *in, uint64_t len,
			 const uint8_t *nonce, const uint8_t *aad, uint64_t aad_len, uint8_t *tag, uint64_t tag_len);
typedef void (*mb_prepare)(const void *key, void *schedule);

/* The beginning of IMB_MGR. */
struct mb_manager {
	uint64_t flags;
	uint64_t features;
	uint64_t reserved[6];
	void (*others[24])(void);
	mb_crypt gcm128_enc;
	mb_crypt gcm192_enc, gcm256_enc;
	mb_crypt gcm128_dec;
	mb_crypt gcm192_dec, gcm256_dec;
	void (*piecewise[18])(void);
	mb_prepare gcm128_pre;
};

_Static_assert(offsetof(struct mb_manager, gcm128_enc) == 256, "the 25th pointer behind 64 bytes");
_Static_assert(offsetof(struct mb_manager, gcm128_pre) == 448, "the 49th pointer behind 64 bytes");

static struct {
	mb_crypt enc, dec;
	mb_prepare pre;
} mb;

static struct adit_aead_key *mb_key_new(const uint8_t key[ADIT_AEAD_KEY_LEN])
{
	struct adit_aead_key *k = aligned_alloc(_Alignof(struct adit_aead_key), sizeof(*k));

	if (k)
		mb.pre(key, k->schedule);
	return k;
}

static void mb_key_free(struct adit_aead_key *k)
{
	if (k)
		adit_bytes_wipe(k, sizeof(*k));
	free(k);
}

static void mb_seal(struct adit_aead_key *k, uint8_t *dest, const uint8_t *text, size_t text_len,
		    const uint8_t nonce[ADIT_AEAD_NONCE_LEN], const uint8_t *aad, size_t aad_len)
{
	mb.enc(k->schedule, k->scratch, dest, text, text_len, nonce, aad, aad_len, dest + text_len, ADIT_AEAD_TAG_LEN);
}

static bool mb_open(struct adit_aead_key *k, uint8_t *dest, const uint8_t *text, size_t text_len,
		    const uint8_t nonce[ADIT_AEAD_NONCE_LEN], const uint8_t *aad, size_t aad_len)
{
	uint8_t tag[ADIT_AEAD_TAG_LEN];
	size_t len;

	if (text_len < ADIT_AEAD_TAG_LEN)
		return false;
	len = text_len - ADIT_AEAD_TAG_LEN;
	mb.dec(k->schedule, k->scratch, dest, text, len, nonce, aad, aad_len, tag, sizeof(tag));
	if (adit_bytes_eq_ct(tag, text + len, sizeof(tag)))
		return true;
	memset(dest, 0, len);
	return false;
}

static const struct adit_aead mb_aead = {
	.name = "ipsec-mb",
	.key_new = mb_key_new,
	.key_free = mb_key_free,
	.seal = mb_seal,
	.open = mb_open,
};

/* ---- is it right? ---- */

/* The GCM specification submitted to NIST (McGrew and Viega), appendix B, test case 4. */
static const uint8_t known_key[16] = {0xfe, 0xff, 0xe9, 0x92, 0x86, 0x65, 0x73, 0x1c,
				      0x6d, 0x6a, 0x8f, 0x94, 0x67, 0x30, 0x83, 0x08};
static const uint8_t known_nonce[12] = {0xca, 0xfe, 0xba, 0xbe, 0xfa, 0xce, 0xdb, 0xad, 0xde, 0xca, 0xf8, 0x88};
static const uint8_t known_aad[20] = {0xfe, 0xed, 0xfa, 0xce, 0xde, 0xad, 0xbe, 0xef, 0xfe, 0xed,
				      0xfa, 0xce, 0xde, 0xad, 0xbe, 0xef, 0xab, 0xad, 0xda, 0xd2};
static const uint8_t known_text[60] = {0xd9, 0x31, 0x32, 0x25, 0xf8, 0x84, 0x06, 0xe5, 0xa5, 0x59, 0x09, 0xc5,
				       0xaf, 0xf5, 0x26, 0x9a, 0x86, 0xa7, 0xa9, 0x53, 0x15, 0x34, 0xf7, 0xda,
				       0x2e, 0x4c, 0x30, 0x3d, 0x8a, 0x31, 0x8a, 0x72, 0x1c, 0x3c, 0x0c, 0x95,
				       0x95, 0x68, 0x09, 0x53, 0x2f, 0xcf, 0x0e, 0x24, 0x49, 0xa6, 0xb5, 0x25,
				       0xb1, 0x6a, 0xed, 0xf5, 0xaa, 0x0d, 0xe6, 0x57, 0xba, 0x63, 0x7b, 0x39};
static const uint8_t known_sealed[76] = {0x42, 0x83, 0x1e, 0xc2, 0x21, 0x77, 0x74, 0x24, 0x4b, 0x72, 0x21, 0xb7, 0x84,
					 0xd0, 0xd4, 0x9c, 0xe3, 0xaa, 0x21, 0x2f, 0x2c, 0x02, 0xa4, 0xe0, 0x35, 0xc1,
					 0x7e, 0x23, 0x29, 0xac, 0xa1, 0x2e, 0x21, 0xd5, 0x14, 0xb2, 0x54, 0x66, 0x93,
					 0x1c, 0x7d, 0x8f, 0x6a, 0x5a, 0xac, 0x84, 0xaa, 0x05, 0x1b, 0xa3, 0x0b, 0x39,
					 0x6a, 0x0a, 0xac, 0x97, 0x3d, 0x58, 0xe0, 0x91, 0x5b, 0xc9, 0x4f, 0xbc, 0x32,
					 0x21, 0xa5, 0xdb, 0x94, 0xfa, 0xe9, 0x5a, 0xe7, 0x12, 0x1a, 0x47};

/* Most of the library's code is for many blocks at once: packets of the sizes that matter, and odd ones. */
static const size_t sizes[] = {1, 16, 255, 1183, 1423, 8951};
#define SIZE_MAX_TESTED 8951

static bool opens(const struct adit_aead *aead, struct adit_aead_key *k, const uint8_t *sealed, size_t len,
		  const uint8_t *text)
{
	static const uint8_t zeros[SIZE_MAX_TESTED];
	uint8_t out[SIZE_MAX_TESTED + ADIT_AEAD_TAG_LEN];
	size_t n = len - ADIT_AEAD_TAG_LEN;

	if (!aead->open(k, out, sealed, len, known_nonce, known_aad, sizeof(known_aad)) || memcmp(out, text, n) != 0)
		return false;
	memcpy(out, sealed, len);
	out[len - 1] ^= 0x80;
	return !aead->open(k, out, out, len, known_nonce, known_aad, sizeof(known_aad)) && memcmp(out, zeros, n) == 0;
}

static bool knows_answer(const struct adit_aead *aead, struct adit_aead_key *k)
{
	uint8_t out[sizeof(known_sealed)];

	aead->seal(k, out, known_text, sizeof(known_text), known_nonce, known_aad, sizeof(known_aad));
	return memcmp(out, known_sealed, sizeof(out)) == 0 && opens(aead, k, out, sizeof(out), known_text);
}

static bool agrees(const struct adit_aead *aead, struct adit_aead_key *k, gnutls_aead_cipher_hd_t other, size_t len)
{
	uint8_t text[SIZE_MAX_TESTED];
	uint8_t mine[SIZE_MAX_TESTED + ADIT_AEAD_TAG_LEN];
	uint8_t theirs[SIZE_MAX_TESTED + ADIT_AEAD_TAG_LEN];
	size_t theirs_len = sizeof(theirs);

	for (size_t i = 0; i < len; i++)
		text[i] = (uint8_t)(i * 7 + len);
	if (gnutls_aead_cipher_encrypt(other, known_nonce, sizeof(known_nonce), known_aad, sizeof(known_aad),
				       ADIT_AEAD_TAG_LEN, text, len, theirs, &theirs_len) < 0)
		return false;
	aead->seal(k, mine, text, len, known_nonce, known_aad, sizeof(known_aad));
	return theirs_len == len + ADIT_AEAD_TAG_LEN && memcmp(mine, theirs, theirs_len) == 0 &&
	       opens(aead, k, mine, theirs_len, text);
}

bool crypto_mb_is_right(const struct adit_aead *aead)
{
	gnutls_datum_t key = {.data = (unsigned char *)known_key, .size = sizeof(known_key)};
	gnutls_aead_cipher_hd_t other;
	struct adit_aead_key *k;
	bool right;

	if (gnutls_aead_cipher_init(&other, GNUTLS_CIPHER_AES_128_GCM, &key) < 0)
		return false;
	k = aead->key_new(known_key);
	right = k && knows_answer(aead, k);
	for (size_t i = 0; right && i < sizeof(sizes) / sizeof(sizes[0]); i++)
		right = agrees(aead, k, other, sizes[i]);
	aead->key_free(k);
	gnutls_aead_cipher_deinit(other);
	return right;
}

/* ---- finding it ---- */

/* A function's address out of dlsym(): ISO C has no cast for it, POSIX wants this to work. */
static bool find(void *lib, const char *name, void *ret_function)
{
	void *p = dlsym(lib, name);

	memcpy(ret_function, &p, sizeof(p));
	return p != NULL;
}

/* Takes the functions for this processor from the library. Returns what is wrong with it, or NULL. */
static const char *take_functions(void *lib)
{
	unsigned (*version)(void);
	struct mb_manager *(*manager_new)(uint64_t flags);
	void (*manager_init)(struct mb_manager * m, int *ret_arch);
	void (*manager_free)(struct mb_manager * m);
	struct mb_manager *m;
	bool has_aes;
	int arch;

	if (!find(lib, "imb_get_version", &version) || !find(lib, "alloc_mb_mgr", &manager_new) ||
	    !find(lib, "init_mb_mgr_auto", &manager_init) || !find(lib, "free_mb_mgr", &manager_free))
		return "lacks a function";
	if (version() < VERSION(1, 0) || version() >= VERSION(2, 1))
		return "unknown version";
	m = manager_new(0);
	if (!m)
		return "out of memory";
	manager_init(m, &arch);
	has_aes = (m->features & (FEATURE_AESNI | FEATURE_AESNI_EMU)) == FEATURE_AESNI;
	mb.enc = m->gcm128_enc;
	mb.dec = m->gcm128_dec;
	mb.pre = m->gcm128_pre;
	manager_free(m);
	if (!has_aes)
		return "no AES instructions";
	return mb.enc && mb.dec && mb.pre ? NULL : "lacks AES-GCM";
}

static once_flag once = ONCE_FLAG_INIT;
static const struct adit_aead *found;
static const char *why;

static void look(void)
{
	void *lib = dlopen("libIPSec_MB.so.2", RTLD_NOW | RTLD_LOCAL);

	if (!lib)
		lib = dlopen("libIPSec_MB.so.1", RTLD_NOW | RTLD_LOCAL);
	why = lib ? take_functions(lib) : "not installed";
	if (!why && !crypto_mb_is_right(&mb_aead))
		why = "failed its test";
	if (!why) {
		const char *(*version)(void);

		why = find(lib, "imb_get_version_str", &version) ? version() : "found";
		found = &mb_aead; /* and |lib| stays for good */
	} else if (lib) {
		dlclose(lib);
	}
}

const struct adit_aead *crypto_mb(const char **ret_why)
{
	call_once(&once, look);
	*ret_why = why;
	return found;
}
