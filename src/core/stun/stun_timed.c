#include "core/stun/stun_timed.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"

#define SHA1_LEN   20
#define DIGITS_MIN 9 /* of a time: any of the last fifty years; fewer are a name */
#define DIGITS_MAX 10

/* RFC 4648 4, of a SHA-1. */
static void format_base64(const uint8_t mac[SHA1_LEN], char *text)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < SHA1_LEN; i += 3) {
		bool full = i + 2 < SHA1_LEN;
		uint32_t v = (uint32_t)mac[i] << 16 | (uint32_t)mac[i + 1] << 8 | (full ? mac[i + 2] : 0);

		*text++ = digits[v >> 18 & 63];
		*text++ = digits[v >> 12 & 63];
		*text++ = digits[v >> 6 & 63];
		*text++ = full ? digits[v & 63] : '=';
	}
	*text = '\0';
}
_Static_assert(SHA1_LEN % 3 == 2, "one '=' at the end");

void stun_timed_make(const struct adit_crypto *crypto, const void *secret, size_t secret_len, adit_utc until,
		     const char *name, char ret_user[STUN_TIMED_USER_STRLEN], char ret_pass[STUN_TIMED_PASS_STRLEN])
{
	uint8_t mac[SHA1_LEN];

	snprintf(ret_user, STUN_TIMED_USER_STRLEN, "%" PRIu64 ":%.*s", until / ADIT_SEC(1), STUN_TIMED_NAME_MAX, name);
	crypto->hmac_sha1(secret, secret_len, ret_user, strlen(ret_user), mac);
	format_base64(mac, ret_pass);
	adit_bytes_wipe(mac, sizeof(mac));
}

bool stun_timed_is_over(const char *user, adit_utc utc)
{
	uint64_t until = 0;
	size_t n = 0;

	for (; user[n] >= '0' && user[n] <= '9' && n <= DIGITS_MAX; n++)
		until = 10 * until + (uint64_t)(user[n] - '0');
	return n >= DIGITS_MIN && n <= DIGITS_MAX && (user[n] == ':' || user[n] == '\0') && until < utc / ADIT_SEC(1);
}
