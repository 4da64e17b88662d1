#include "core/meet/meet_msg.h"

#include <string.h>

static const char label[20] = "adit meet register 1";

bool meet_msg_is_ours(const struct stun_msg *m)
{
	return m->method >= MEET_REGISTER && m->method <= MEET_LEAVE;
}

const uint8_t *meet_msg_bytes(const struct stun_msg *m, uint16_t type, size_t len)
{
	struct stun_attr a = {0};

	return stun_msg_find(m, type, &a) == 0 && a.len == len ? a.value : NULL;
}

void meet_msg_put_text(struct adit_wr *w, const char *text, size_t max)
{
	size_t len = strnlen(text, max + 1);

	if (len > max)
		w->bad = true;
	adit_wr_u8(w, (uint8_t)len);
	adit_wr_bytes(w, text, len);
}

void meet_msg_get_text(struct adit_rd *r, char *text, size_t max)
{
	uint8_t len = adit_rd_u8(r);
	const uint8_t *p = len <= max ? adit_rd_take(r, len) : NULL;

	if (!p) {
		r->bad = true;
		return;
	}
	for (size_t i = 0; i < len; i++)
		if (p[i] <= ' ' || p[i] > '~')
			r->bad = true;
	memcpy(text, p, len);
	text[len] = '\0';
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
