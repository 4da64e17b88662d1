#include "core/punch/punch_keys.h"

#include <string.h>

#include "base/bytes.h"

/* RFC 8839 5.4 ice-char; 64 of them, so that six bits make one without bias. */
static void to_ice_chars(const uint8_t *bytes, char *out, size_t n)
{
	static const char chars[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < n; i++)
		out[i] = chars[bytes[i] & 63];
	out[n] = '\0';
}

static void derive(const struct adit_crypto *crypto, const uint8_t secret[32], const char *label, uint8_t *out,
		   size_t len)
{
	crypto->hkdf_sha256(secret, 32, label, strlen(label), out, len);
}

static void derive_chars(const struct adit_crypto *crypto, const uint8_t secret[32], const char *label, char *out,
			 size_t n)
{
	uint8_t bytes[PUNCH_PWD_LEN];

	derive(crypto, secret, label, bytes, n);
	to_ice_chars(bytes, out, n);
	adit_bytes_wipe(bytes, sizeof(bytes));
}

void punch_keys_init(struct punch_keys *k, const struct adit_crypto *crypto, const uint8_t secret[32])
{
	k->crypto = crypto;
	derive(crypto, secret, "adit punch port", k->port_key, sizeof(k->port_key));
	derive(crypto, secret, "adit punch phase", (uint8_t *)k->phase, sizeof(k->phase));
	derive_chars(crypto, secret, "adit punch ufrag serve", k->ufrag[PUNCH_SERVE], PUNCH_UFRAG_LEN);
	derive_chars(crypto, secret, "adit punch ufrag connect", k->ufrag[PUNCH_CONNECT], PUNCH_UFRAG_LEN);
	derive_chars(crypto, secret, "adit punch pwd serve", k->pwd[PUNCH_SERVE], PUNCH_PWD_LEN);
	derive_chars(crypto, secret, "adit punch pwd connect", k->pwd[PUNCH_CONNECT], PUNCH_PWD_LEN);
}

void punch_keys_wipe(struct punch_keys *k)
{
	adit_bytes_wipe(k, sizeof(*k));
}

void punch_keys_ports(const struct punch_keys *k, enum punch_family family, uint64_t slot, uint16_t index,
		      uint16_t ret_port[2])
{
	uint8_t info[1 + 8 + 2];
	uint8_t out[4];
	struct adit_wr w = adit_wr_over(info, sizeof(info));
	struct adit_rd r = adit_rd_over(out, sizeof(out));

	adit_wr_u8(&w, (uint8_t)family);
	adit_wr_u64(&w, slot);
	adit_wr_u16(&w, index);
	k->crypto->hkdf_sha256(k->port_key, sizeof(k->port_key), info, sizeof(info), out, sizeof(out));
	for (int i = 0; i < 2; i++)
		ret_port[i] = (uint16_t)(PUNCH_PORT_MIN + adit_rd_u16(&r) % PUNCH_PORT_COUNT);
}

adit_dur punch_keys_phase(const struct punch_keys *k, enum punch_family family, adit_dur len)
{
	struct adit_rd r = adit_rd_over(k->phase[family], sizeof(k->phase[family]));

	return adit_rd_u64(&r) % len;
}
