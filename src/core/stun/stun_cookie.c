#include "core/stun/stun_cookie.h"

#include <string.h>

#include "base/bytes.h"
#include "core/stun/stun_limits.h"

static void make(const uint8_t key[ADIT_SIPHASH_KEY_LEN], uint64_t epoch, enum stun_cookie_scope scope,
		 const struct adit_addr *addr, uint8_t ret_cookie[STUN_COOKIE_LEN])
{
	uint8_t text[28];
	struct adit_wr w = adit_wr_over(text, sizeof(text));
	struct adit_wr out = adit_wr_over(ret_cookie, STUN_COOKIE_LEN);

	adit_wr_u8(&w, (uint8_t)scope);
	adit_wr_u8(&w, addr->family);
	adit_wr_u16(&w, scope == STUN_COOKIE_IP_PORT ? addr->port : 0);
	adit_wr_u64(&w, epoch);
	adit_wr_bytes(&w, addr->ip, sizeof(addr->ip));
	adit_wr_u64(&out, adit_siphash(key, text, w.len));
}

void stun_cookie_make(const uint8_t key[ADIT_SIPHASH_KEY_LEN], adit_time now, enum stun_cookie_scope scope,
		      const struct adit_addr *addr, uint8_t ret_cookie[STUN_COOKIE_LEN])
{
	make(key, now / STUN_COOKIE_LIFE, scope, addr, ret_cookie);
}

bool stun_cookie_is_good(const uint8_t key[ADIT_SIPHASH_KEY_LEN], adit_time now, enum stun_cookie_scope scope,
			 const struct adit_addr *addr, const uint8_t cookie[STUN_COOKIE_LEN])
{
	uint64_t epoch = now / STUN_COOKIE_LIFE;
	uint8_t want[STUN_COOKIE_LEN];

	make(key, epoch, scope, addr, want);
	if (adit_bytes_eq_ct(want, cookie, sizeof(want)))
		return true;
	if (epoch == 0)
		return false;
	make(key, epoch - 1, scope, addr, want);
	return adit_bytes_eq_ct(want, cookie, sizeof(want));
}
