/*
 * A byte string as a sequence of operations: datagrams from the wire, fragments of any shape, payloads cut and
 * delivered in disorder, time passing. Nothing leaves the slots, and what was cut by us comes out as it went in.
 *
 * covers: src/core/fwd/fwd_dgram.c src/core/fwd/fwd_reasm.c
 * planted: src/core/fwd/fwd_reasm.c: : 1) <= FWD_PAYLOAD_MAX; -> : 1) <= FWD_PAYLOAD_MAX + 4096;
 */
#include "fuzz.h"

#include <string.h>

#include "base/bytes.h"
#include "core/fwd/fwd_reasm.h"

/* Flows of our own payloads; the others are below. */
#define OWN_FLOW 1000
#define STEPS    200

static uint8_t PATTERN[2 * FWD_PAYLOAD_MAX];

struct run {
	struct fwd_reasm r;
	adit_time now;
	uint16_t message;
};

static uint64_t sum_of(const uint8_t *data, size_t len)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < len; i++)
		sum += data[i];
	return sum;
}

/* Every byte of a result is looked at. */
static int deliver(struct run *run, const struct fwd_dgram *d, const uint8_t **ret_data, size_t *ret_len)
{
	int got = fwd_reasm_input(&run->r, run->now, d, ret_data, ret_len);

	FUZZ_CHECK(got == 1 || got == 0 || got == ADIT_EPROTO);
	if (got == 1)
		FUZZ_CHECK(*ret_len <= FWD_PAYLOAD_MAX && sum_of(*ret_data, *ret_len) <= 255u * FWD_PAYLOAD_MAX);
	FUZZ_CHECK(fwd_reasm_deadline(&run->r) > run->now);
	return got;
}

static void from_the_wire(struct run *run, struct adit_rd *in)
{
	size_t len = adit_rd_u8(in) % 64;
	const uint8_t *bytes = adit_rd_take(in, len);
	struct fwd_dgram d;
	const uint8_t *data;
	size_t data_len;
	uint8_t *exact;

	if (!bytes)
		return;
	exact = malloc(len + 1);
	memcpy(exact + 1, bytes, len);
	if (fwd_dgram_decode(exact + 1, len, &d) == 0)
		deliver(run, &d, &data, &data_len);
	free(exact);
}

/* A fragment of any shape that the decoder lets through. */
static void shaped(struct run *run, struct adit_rd *in)
{
	uint8_t head[] = {1, 0, 1, adit_rd_u8(in) % 4, 0, adit_rd_u8(in), adit_rd_u8(in), adit_rd_u8(in)};
	size_t len = adit_rd_u16(in);
	uint8_t *exact = malloc(sizeof(head) + len);
	struct fwd_dgram d;
	const uint8_t *data;
	size_t data_len;

	memcpy(exact, head, sizeof(head));
	memcpy(exact + sizeof(head), PATTERN, len);
	if (fwd_dgram_decode(exact, sizeof(head) + len, &d) == 0)
		deliver(run, &d, &data, &data_len);
	free(exact);
}

/* Delivered from any piece on, forwards or backwards. */
static void cut_and_join(struct run *run, struct adit_rd *in)
{
	static uint8_t wire[FWD_FRAGMENTS_MAX][2048];
	size_t wire_len[FWD_FRAGMENTS_MAX];
	size_t len = adit_rd_u16(in);
	size_t max = adit_rd_u16(in) % 2048;
	int order = adit_rd_u8(in);
	const uint8_t *payload = PATTERN + run->message % 251;
	struct fwd_split s;
	int count = fwd_split_init(&s, 1, OWN_FLOW, run->message, payload, len, max);
	const uint8_t *data = NULL;
	size_t data_len = 0;

	if (count < 1)
		return;
	for (int i = 0; i < count; i++) {
		int n = fwd_split_next(&s, wire[i], max);

		FUZZ_CHECK(n > 0 && (size_t)n <= max);
		wire_len[i] = (size_t)n;
	}
	FUZZ_CHECK(fwd_split_next(&s, NULL, 0) == 0);
	run->message++;
	for (int i = 0; i < count; i++) {
		int at = ((order % 2 ? i : count - 1 - i) + order / 2) % count;
		struct fwd_dgram d;

		FUZZ_CHECK(fwd_dgram_decode(wire[at], wire_len[at], &d) == 0);
		FUZZ_CHECK(deliver(run, &d, &data, &data_len) == (i == count - 1));
	}
	FUZZ_CHECK(data_len == len && (len == 0 || memcmp(data, payload, len) == 0));
}

static void pass_time(struct run *run, struct adit_rd *in)
{
	run->now += ADIT_MS(100) * adit_rd_u8(in);
	fwd_reasm_tick(&run->r, run->now);
	FUZZ_CHECK(fwd_reasm_deadline(&run->r) > run->now);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const ops[])(struct run *, struct adit_rd *) = {from_the_wire, shaped, cut_and_join, pass_time};
	struct adit_rd in = adit_rd_over(data, size);
	size_t n_slots = 1 + adit_rd_u8(&in) % 3;
	struct fwd_reasm_slot *slots = malloc(n_slots * sizeof(*slots));
	struct run run = {.now = 1};

	if (PATTERN[0] == 0)
		for (size_t i = 0; i < sizeof(PATTERN); i++)
			PATTERN[i] = (uint8_t)(i * i % 251 + 1);
	fwd_reasm_init(&run.r, slots, n_slots);
	for (int i = 0; i < STEPS && adit_rd_left(&in) > 0; i++)
		ops[adit_rd_u8(&in) % 4](&run, &in);
	free(slots);
	return 0;
}
