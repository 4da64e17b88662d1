#include "core/meet/meet_msg.h"

#include <string.h>

static const char label[20] = "adit meet register 1";

bool meet_msg_is_ours(const struct stun_msg *m)
{
	return m->method >= MEET_REGISTER && m->method <= MEET_GONE;
}

const uint8_t *meet_msg_bytes(const struct stun_msg *m, uint16_t type, size_t len)
{
	struct stun_attr a = {0};

	return stun_msg_find(m, type, &a) == 0 && a.len == len ? a.value : NULL;
}

void meet_id_make(const struct meet_crypto *mc, const uint8_t key[MEET_KEY_LEN], const uint8_t salt[MEET_SALT_LEN],
		  uint8_t ret_id[MEET_ID_LEN])
{
	uint8_t text[MEET_KEY_LEN + MEET_SALT_LEN];

	memcpy(text, key, MEET_KEY_LEN);
	memcpy(text + MEET_KEY_LEN, salt, MEET_SALT_LEN);
	mc->blake2b_128(text, sizeof(text), ret_id);
}

void meet_signed_make(const uint8_t id[MEET_ID_LEN], const uint8_t salt[MEET_SALT_LEN],
		      const uint8_t cookie[STUN_COOKIE_LEN], uint8_t ret_text[MEET_SIGNED_LEN])
{
	struct adit_wr w = adit_wr_over(ret_text, MEET_SIGNED_LEN);

	adit_wr_bytes(&w, label, sizeof(label));
	adit_wr_bytes(&w, id, MEET_ID_LEN);
	adit_wr_bytes(&w, salt, MEET_SALT_LEN);
	adit_wr_bytes(&w, cookie, STUN_COOKIE_LEN);
}
