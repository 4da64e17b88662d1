/*
 * Any text as a ticket. The hash is one that the fuzzer can satisfy (all zeroes), or it would never get behind the
 * checksum. What is read is written again and must read the same.
 *
 * covers: src/core/trust/trust_ticket.c
 * planted: src/core/trust/trust_base32.c: if (n == cap) -> if (n == cap + 8)
 * planted: src/core/trust/trust_ticket.c: if (t.hints_len > sizeof(t.hints)) -> if (t.hints_len > sizeof(t.hints) + 4)
 */
#include "fuzz.h"

#include <string.h>

#include "core/trust/trust_ticket.h"

static void zero_sha256(const void *data, size_t len, uint8_t ret_hash[32])
{
	(void)data;
	(void)len;
	memset(ret_hash, 0, 32);
}

static void count_up(void *ctx, void *buf, size_t len)
{
	uint8_t *next = ctx;

	for (size_t i = 0; i < len; i++)
		((uint8_t *)buf)[i] = (*next)++;
}

static void list_mediators(const struct trust_ticket *t)
{
	char host[TRUST_HINT_MAX + 1];
	size_t pos = 0;
	size_t last = 0;

	while (trust_ticket_next_mediator(t, &pos, host)) {
		FUZZ_CHECK(pos > last && pos <= t->hints_len && strlen(host) > 0);
		last = pos;
	}
}

/* As much of the input as fits becomes mediators of a new ticket. */
static void add_mediators(const uint8_t *data, size_t size, const struct adit_crypto *crypto)
{
	static const uint8_t identity[TRUST_KEY_LEN] = {1};
	uint8_t next = 0;
	struct adit_rng rng = {.fill = count_up, .ctx = &next};
	struct trust_ticket t;
	char text[TRUST_TICKET_TEXT_MAX + 1];
	char host[300];
	size_t len = size < sizeof(host) - 1 ? size : sizeof(host) - 1;

	memcpy(host, data, len);
	host[len] = '\0';
	trust_ticket_init(&t, identity, &rng);
	while (trust_ticket_add_mediator(&t, host) == 0)
		list_mediators(&t);
	FUZZ_CHECK(trust_ticket_encode(&t, crypto, text) > 0);
	trust_ticket_done(&t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct adit_crypto crypto = {.sha256 = zero_sha256};
	struct trust_ticket t;
	struct trust_ticket again;
	char text[TRUST_TICKET_TEXT_MAX + 1];
	int n;

	if (size > 0)
		add_mediators(data, size, &crypto);
	if (trust_ticket_decode((const char *)data, size, &crypto, &t) < 0)
		return 0;
	list_mediators(&t);
	n = trust_ticket_encode(&t, &crypto, text);
	FUZZ_CHECK(n > 0 && trust_ticket_decode(text, (size_t)n, &crypto, &again) == 0);
	FUZZ_CHECK(again.hints_len == t.hints_len && memcmp(again.hints, t.hints, t.hints_len) == 0);
	FUZZ_CHECK(memcmp(again.identity, t.identity, sizeof(t.identity)) == 0);
	return 0;
}
