#include "core/trust/trust_ticket.h"

#include <string.h>

#include "base/bytes.h"
#include "core/trust/trust_base32.h"
#include "core/trust/trust_name.h"

#define VERSION          1
#define KEY_TYPE_ED25519 1

static const char CHECK_LABEL[] = "adit ticket checksum";

void trust_ticket_init(struct trust_ticket *t, const uint8_t identity[TRUST_KEY_LEN], const struct adit_rng *rng)
{
	*t = (struct trust_ticket){0};
	memcpy(t->identity, identity, TRUST_KEY_LEN);
	adit_rng_fill(rng, t->secret, sizeof(t->secret));
	adit_rng_fill(rng, t->secret_id, sizeof(t->secret_id));
	/* Zeroes are taken: they say "admitted by key". */
	t->secret_id[0] |= 1;
}

void trust_ticket_done(struct trust_ticket *t)
{
	if (t)
		adit_bytes_wipe(t, sizeof(*t));
}

static void checksum(const struct adit_crypto *crypto, const uint8_t *data, size_t len,
		     uint8_t ret_sum[TRUST_CHECK_LEN])
{
	uint8_t buf[sizeof(CHECK_LABEL) - 1 + TRUST_TICKET_BYTES_MAX];
	uint8_t hash[32];
	struct adit_wr w = adit_wr_over(buf, sizeof(buf));

	adit_wr_bytes(&w, CHECK_LABEL, sizeof(CHECK_LABEL) - 1);
	adit_wr_bytes(&w, data, len);
	crypto->sha256(buf, w.len, hash);
	memcpy(ret_sum, hash, TRUST_CHECK_LEN);
	adit_bytes_wipe(buf, sizeof(buf));
}

/* The next TLV; false at the end, and with r->bad where it runs out of |r|. */
static bool next_hint(struct adit_rd *r, uint8_t *ret_type, const uint8_t **ret_value, size_t *ret_len)
{
	if (adit_rd_left(r) == 0)
		return false;
	*ret_type = adit_rd_u8(r);
	*ret_len = adit_rd_u8(r);
	*ret_value = adit_rd_take(r, *ret_len);
	return !r->bad;
}

static bool hints_are_whole(const uint8_t *hints, size_t len)
{
	struct adit_rd r = adit_rd_over(hints, len);
	const uint8_t *value;
	uint8_t type;
	size_t value_len;

	while (next_hint(&r, &type, &value, &value_len))
		;
	return !r.bad;
}

bool trust_ticket_is_by_key(const struct trust_ticket *t)
{
	static const uint8_t zero[TRUST_SECRET_ID_LEN];

	return memcmp(t->secret_id, zero, sizeof(zero)) == 0;
}

static bool is_usable(const struct trust_ticket *t)
{
	static const uint8_t zero[TRUST_SECRET_LEN];

	return hints_are_whole(t->hints, t->hints_len) &&
	       (!trust_ticket_is_by_key(t) || memcmp(t->secret, zero, sizeof(zero)) == 0);
}

int trust_ticket_encode(const struct trust_ticket *t, const struct adit_crypto *crypto,
			char ret_text[TRUST_TICKET_TEXT_MAX + 1])
{
	uint8_t buf[TRUST_TICKET_BYTES_MAX];
	uint8_t sum[TRUST_CHECK_LEN];
	struct adit_wr w = adit_wr_over(buf, sizeof(buf));
	size_t n;

	if (t->hints_len > TRUST_HINTS_MAX || !is_usable(t))
		return ADIT_EINVAL;
	adit_wr_u8(&w, VERSION);
	adit_wr_u8(&w, KEY_TYPE_ED25519);
	adit_wr_bytes(&w, t->identity, sizeof(t->identity));
	adit_wr_bytes(&w, t->secret_id, sizeof(t->secret_id));
	adit_wr_bytes(&w, t->secret, sizeof(t->secret));
	adit_wr_bytes(&w, t->hints, t->hints_len);
	checksum(crypto, buf, w.len, sum);
	adit_wr_bytes(&w, sum, sizeof(sum));
	memcpy(ret_text, TRUST_TICKET_PREFIX, TRUST_TICKET_PREFIX_LEN);
	n = trust_base32_encode(buf, w.len, ret_text + TRUST_TICKET_PREFIX_LEN);
	adit_bytes_wipe(buf, sizeof(buf));
	return (int)(TRUST_TICKET_PREFIX_LEN + n);
}

/* Where the base32 begins, or NULL where |text| does not begin with the prefix. */
static const char *after_prefix(const char *text, size_t len)
{
	size_t matched = 0;

	for (size_t i = 0; i < len; i++) {
		char c = text[i];

		if (matched == TRUST_TICKET_PREFIX_LEN)
			return text + i;
		if (trust_base32_is_space(c))
			continue;
		if (c >= 'A' && c <= 'Z')
			c = (char)(c - 'A' + 'a');
		if (c != TRUST_TICKET_PREFIX[matched++])
			return NULL;
	}
	return NULL;
}

bool trust_ticket_is_text(const char *text, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len && n <= TRUST_NAME_MAX; i++)
		n += !trust_base32_is_space(text[i]);
	return n > TRUST_NAME_MAX && after_prefix(text, len);
}

/* |len| bytes whose checksum fits. */
static int decode_body(const uint8_t *data, size_t len, struct trust_ticket *ret_ticket)
{
	struct trust_ticket t = {0};
	struct adit_rd r = adit_rd_over(data, len);
	int err = 0;

	if (adit_rd_u8(&r) != VERSION || adit_rd_u8(&r) != KEY_TYPE_ED25519)
		return ADIT_EVERSION;
	adit_rd_bytes(&r, t.identity, sizeof(t.identity));
	adit_rd_bytes(&r, t.secret_id, sizeof(t.secret_id));
	adit_rd_bytes(&r, t.secret, sizeof(t.secret));
	t.hints_len = adit_rd_left(&r);
	if (t.hints_len > sizeof(t.hints))
		return ADIT_EINVAL;
	adit_rd_bytes(&r, t.hints, t.hints_len);
	if (r.bad || !is_usable(&t))
		err = ADIT_EINVAL;
	else
		*ret_ticket = t;
	trust_ticket_done(&t);
	return err;
}

int trust_ticket_decode(const char *text, size_t len, const struct adit_crypto *crypto, struct trust_ticket *ret_ticket)
{
	uint8_t buf[TRUST_TICKET_BYTES_MAX];
	uint8_t sum[TRUST_CHECK_LEN];
	const char *body = after_prefix(text, len);
	int err = ADIT_ECHECKSUM;
	int n;

	if (!trust_ticket_is_text(text, len))
		return ADIT_EINVAL;
	n = trust_base32_decode(body, len - (size_t)(body - text), buf, sizeof(buf));
	/* The version may be one whose body is shorter than ours: two bytes and a checksum are all that is sure. */
	if (n >= 2 + TRUST_CHECK_LEN) {
		size_t body_len = (size_t)n - TRUST_CHECK_LEN;

		checksum(crypto, buf, body_len, sum);
		if (memcmp(sum, buf + body_len, TRUST_CHECK_LEN) == 0)
			err = decode_body(buf, body_len, ret_ticket);
	}
	adit_bytes_wipe(buf, sizeof(buf));
	return err;
}

int trust_ticket_add_mediator(struct trust_ticket *t, const char *host)
{
	size_t len = strnlen(host, TRUST_HINT_MAX + 1);
	struct adit_wr w = adit_wr_over(t->hints, sizeof(t->hints));

	if (!trust_name_is_host(host, len))
		return ADIT_EINVAL;
	if (t->hints_len > sizeof(t->hints) || 2 + len > sizeof(t->hints) - t->hints_len)
		return ADIT_EFULL;
	w.len = t->hints_len;
	adit_wr_u8(&w, TRUST_HINT_MEDIATOR);
	adit_wr_u8(&w, (uint8_t)len);
	adit_wr_bytes(&w, host, len);
	t->hints_len = w.len;
	return 0;
}

int trust_ticket_next_mediator(const struct trust_ticket *t, size_t *pos, char ret_host[TRUST_HINT_MAX + 1])
{
	struct adit_rd r = adit_rd_over(t->hints, t->hints_len);
	const uint8_t *value;
	uint8_t type;
	size_t len;

	adit_rd_skip(&r, *pos);
	while (next_hint(&r, &type, &value, &len)) {
		*pos = r.pos;
		if (type != TRUST_HINT_MEDIATOR || !trust_name_is_host((const char *)value, len))
			continue;
		memcpy(ret_host, value, len);
		ret_host[len] = '\0';
		return 1;
	}
	return 0;
}
