/*
 * Tickets: the first byte says whether the rest is text as somebody pastes it, or a body that gets the checksum that
 * fits. What is read must be written again as the one spelling it has.
 *
 * covers: src/core/trust/trust_ticket.c src/core/trust/trust_base32.c
 * planted: src/core/trust/trust_ticket.c: len - (size_t)(body - text), buf -> len - (size_t)(body - text) + 1, buf
 */
#include "fuzz.h"

#include <string.h>

#include "base/bytes.h"
#include "core/trust/trust_base32.h"
#include "core/trust/trust_name.h"
#include "core/trust/trust_ticket.h"

/* Quick, and no secret to the fuzzer. */
static void toy_hash(const void *data, size_t len, uint8_t ret_hash[32])
{
	const uint8_t *p = data;
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < len; i++)
		h = (h ^ p[i]) * UINT64_C(0x100000001b3);
	for (size_t i = 0; i < 32; i++)
		ret_hash[i] = (uint8_t)(h >> 8 * (i % 8));
}

static const struct adit_crypto CRYPTO = {.sha256 = toy_hash};

static bool is_same(const struct trust_ticket *a, const struct trust_ticket *b)
{
	return a->hints_len == b->hints_len && memcmp(a->hints, b->hints, a->hints_len) == 0 &&
	       memcmp(a->identity, b->identity, sizeof(a->identity)) == 0 &&
	       memcmp(a->secret_id, b->secret_id, sizeof(a->secret_id)) == 0 &&
	       memcmp(a->secret, b->secret, sizeof(a->secret)) == 0;
}

/* |text| without blanks and in lower case is what |t| is written as. */
static void check_spelling(const char *text, size_t len, const struct trust_ticket *t)
{
	char again[TRUST_TICKET_TEXT_MAX + 1];
	int n = trust_ticket_encode(t, &CRYPTO, again);
	size_t at = 0;

	FUZZ_CHECK(n > 0 && trust_ticket_is_text(again, (size_t)n));
	for (size_t i = 0; i < len; i++) {
		if (trust_base32_is_space(text[i]))
			continue;
		FUZZ_CHECK(at < (size_t)n);
		FUZZ_CHECK(again[at] == text[i] || (text[i] >= 'A' && text[i] <= 'Z' && again[at] == text[i] + 32));
		at++;
	}
	FUZZ_CHECK(at == (size_t)n);
}

static void use(const char *text, size_t len)
{
	struct trust_ticket t;
	struct trust_ticket back;
	char host[TRUST_HINT_MAX + 1];
	char again[TRUST_TICKET_TEXT_MAX + 1];
	size_t pos = 0;

	if (trust_ticket_decode(text, len, &CRYPTO, &t) < 0)
		return;
	check_spelling(text, len, &t);
	while (trust_ticket_next_mediator(&t, &pos, host)) {
		FUZZ_CHECK(trust_name_is_host(host, strlen(host)));
		FUZZ_CHECK(pos <= t.hints_len);
	}
	if (trust_ticket_add_mediator(&t, "h:1") == 0) {
		int n = trust_ticket_encode(&t, &CRYPTO, again);

		FUZZ_CHECK(n > 0 && trust_ticket_decode(again, (size_t)n, &CRYPTO, &back) == 0);
		FUZZ_CHECK(is_same(&t, &back));
	}
	trust_ticket_done(&t);
}

/* Whatever |body| is: its text, from a program that keeps to the checksum and to nothing else. */
static void use_body(const uint8_t *body, size_t len)
{
	static const char label[] = "adit ticket checksum";
	uint8_t bytes[2 * TRUST_TICKET_BYTES_MAX];
	char text[TRUST_TICKET_PREFIX_LEN + TRUST_BASE32_LEN(sizeof(bytes)) + 1];
	uint8_t hash[32];
	struct adit_wr w = adit_wr_over(bytes, sizeof(bytes));
	char *exact;
	size_t n;

	adit_wr_bytes(&w, label, sizeof(label) - 1);
	adit_wr_bytes(&w, body, len);
	toy_hash(bytes, w.len, hash);
	adit_wr_bytes(&w, hash, TRUST_CHECK_LEN);
	if (w.bad)
		return;
	memcpy(text, "adit1", TRUST_TICKET_PREFIX_LEN);
	n = TRUST_TICKET_PREFIX_LEN;
	n += trust_base32_encode(bytes + sizeof(label) - 1, w.len - (sizeof(label) - 1), text + n);
	exact = malloc(n);
	memcpy(exact, text, n);
	use(exact, n);
	free(exact);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	if (data[0] % 2)
		use_body(data + 1, size - 1);
	else
		use((const char *)data + 1, size - 1);
	return 0;
}
