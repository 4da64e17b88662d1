#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "core/fwd/fwd_hello.h"

static struct fwd_hello sample_hello(void)
{
	static const uint8_t tlvs[] = {0, 9, 0, 3, 'x', 'y', 'z'};
	struct fwd_hello h = {
		.version_min = 1,
		.version_max = 3,
		.features = 0x01020304,
		.connection = 7,
		.tlvs = tlvs,
		.tlvs_len = sizeof(tlvs),
	};

	memset(h.session_id, 0x11, sizeof(h.session_id));
	memset(h.secret_id, 0x22, sizeof(h.secret_id));
	memset(h.proof, 0x33, sizeof(h.proof));
	return h;
}

/* The wire is the contract with other versions. */
static void a_hello_looks_like_this(void **state)
{
	static const uint8_t head[] = {0, 68, 1, 3, 1, 2, 3, 4, 0x11};
	struct fwd_hello h = sample_hello();
	uint8_t buf[FWD_HELLO_MAX];

	(void)state;
	assert_int_equal(fwd_hello_encode(&h, buf, sizeof(buf)), 68);
	assert_memory_equal(buf, head, sizeof(head));
	assert_int_equal(buf[24], 7);
	assert_int_equal(buf[25], 0x22);
	assert_int_equal(buf[29], 0x33);
	assert_int_equal(buf[60], 0x33);
	assert_memory_equal(buf + 61, h.tlvs, h.tlvs_len);
}

static void a_hello_survives_the_wire(void **state)
{
	struct fwd_hello h = sample_hello();
	struct fwd_hello back;
	uint8_t buf[FWD_HELLO_MAX];
	int n;

	(void)state;
	n = fwd_hello_encode(&h, buf, sizeof(buf));
	/* What follows is none of its business. */
	assert_int_equal(fwd_hello_decode(buf, sizeof(buf), &back), n);
	assert_int_equal(back.version_min, 1);
	assert_int_equal(back.version_max, 3);
	assert_int_equal(back.features, 0x01020304);
	assert_int_equal(back.connection, 7);
	assert_memory_equal(back.session_id, h.session_id, sizeof(h.session_id));
	assert_memory_equal(back.secret_id, h.secret_id, sizeof(h.secret_id));
	assert_memory_equal(back.proof, h.proof, sizeof(h.proof));
	assert_int_equal(back.tlvs_len, h.tlvs_len);
	assert_memory_equal(back.tlvs, h.tlvs, h.tlvs_len);
}

static void a_hello_cut_short_asks_for_more(void **state)
{
	struct fwd_hello h = sample_hello();
	struct fwd_hello back;
	uint8_t buf[FWD_HELLO_MAX];
	int n;

	(void)state;
	n = fwd_hello_encode(&h, buf, sizeof(buf));
	for (int i = 0; i < n; i++) {
		uint8_t *copy = malloc(i ? (size_t)i : 1);

		memcpy(copy, buf, (size_t)i);
		assert_int_equal(fwd_hello_decode(copy, (size_t)i, &back), ADIT_EAGAIN);
		free(copy);
	}
}

static void a_length_no_hello_has_is_refused_at_once(void **state)
{
	struct fwd_hello back;

	(void)state;
	for (unsigned len = 0; len <= 0xffff; len++) {
		uint8_t buf[2] = {(uint8_t)(len >> 8), (uint8_t)len};
		int want = len < 61 || len > FWD_HELLO_MAX ? ADIT_EPROTO : ADIT_EAGAIN;

		assert_int_equal(fwd_hello_decode(buf, sizeof(buf), &back), want);
	}
}

static void a_hello_that_makes_no_sense_is_refused(void **state)
{
	struct fwd_hello h = sample_hello();
	struct fwd_hello back;
	uint8_t buf[FWD_HELLO_MAX];

	(void)state;
	assert_true(fwd_hello_encode(&h, buf, sizeof(buf)) > 0);
	buf[2] = 4; /* 4 to 3 */
	assert_int_equal(fwd_hello_decode(buf, sizeof(buf), &back), ADIT_EPROTO);
	buf[2] = 0;
	assert_true(fwd_hello_decode(buf, sizeof(buf), &back) > 0);
	buf[3] = 0; /* 0 to 0 */
	assert_int_equal(fwd_hello_decode(buf, sizeof(buf), &back), ADIT_EPROTO);
	buf[3] = 3;
	buf[64] = 4; /* a TLV longer than the message */
	assert_int_equal(fwd_hello_decode(buf, sizeof(buf), &back), ADIT_EPROTO);
	buf[64] = 2; /* and one that leaves a byte */
	assert_int_equal(fwd_hello_decode(buf, sizeof(buf), &back), ADIT_EPROTO);
}

static void a_hello_nobody_would_take_is_not_written(void **state)
{
	static const uint8_t tlvs[FWD_HELLO_MAX] = {0, 1, 0, 1};
	struct fwd_hello h = sample_hello();
	uint8_t buf[FWD_HELLO_MAX];

	(void)state;
	for (size_t cap = 0; cap < 68; cap++)
		assert_int_equal(fwd_hello_encode(&h, buf, cap), ADIT_EFULL);
	h.tlvs = tlvs;
	h.tlvs_len = 4;
	assert_int_equal(fwd_hello_encode(&h, buf, sizeof(buf)), ADIT_EINVAL);
	h.tlvs_len = 5;
	assert_int_equal(fwd_hello_encode(&h, buf, sizeof(buf)), 66);
	/* 1 + 4 * 239 + 2 ... : whole, but too many. */
	h.tlvs_len = 5 + 4 * 240;
	assert_int_equal(fwd_hello_encode(&h, buf, sizeof(buf)), ADIT_EINVAL);
	h.tlvs_len = 5 + 4 * 239;
	assert_int_equal(fwd_hello_encode(&h, buf, sizeof(buf)), 61 + 5 + 4 * 239);
	h.version_min = 4;
	assert_int_equal(fwd_hello_encode(&h, buf, sizeof(buf)), ADIT_EINVAL);
	h.version_min = h.version_max = 0;
	assert_int_equal(fwd_hello_encode(&h, buf, sizeof(buf)), ADIT_EINVAL);
}

static void the_newest_common_version_is_chosen(void **state)
{
	(void)state;
	for (unsigned min = 0; min < 4; min++) {
		for (unsigned max = min; max < 4; max++) {
			struct fwd_hello h = {.version_min = (uint8_t)min, .version_max = (uint8_t)max};
			unsigned want = 0;

			for (unsigned v = FWD_VERSION_MIN; v <= FWD_VERSION_MAX; v++)
				if (v >= min && v <= max)
					want = v;
			assert_int_equal(fwd_hello_version(&h), want);
		}
	}
}

static const struct fwd_service two_services[] = {
	{.id = 1, .kind = FWD_KIND_STREAM, .port = 8080, .name = "web"},
	{.id = 0x0203, .kind = FWD_KIND_DGRAM, .port = 53, .name = "udp-53"},
};

static struct fwd_welcome sample_welcome(void)
{
	static const uint8_t tlvs[] = {0, 9, 0, 1, 'x'};
	struct fwd_welcome m = {
		.version = 1,
		.sentence = "hi",
		.sentence_len = 2,
		.features = 0x0a0b0c0d,
		.services = two_services,
		.n_services = ARRAY_LEN(two_services),
		.tlvs = tlvs,
		.tlvs_len = sizeof(tlvs),
	};

	memset(m.session_id, 0x44, sizeof(m.session_id));
	memset(m.proof, 0x55, sizeof(m.proof));
	return m;
}

static void a_welcome_looks_like_this(void **state)
{
	static const uint8_t head[] = {0, 87, 0, 1, 2, 'h', 'i', 0x0a, 0x0b, 0x0c, 0x0d, 0x44};
	static const uint8_t tail[] = {0, 2,  0, 1,   1,   0x1f, 0x90, 3,   'w', 'e', 'b', 2, 3, 2,
				       0, 53, 6, 'u', 'd', 'p',  '-',  '5', '3', 0,   9,   0, 1, 'x'};
	struct fwd_welcome m = sample_welcome();
	uint8_t buf[FWD_WELCOME_MAX];

	(void)state;
	assert_int_equal(fwd_welcome_encode(&m, buf, sizeof(buf)), 87);
	assert_memory_equal(buf, head, sizeof(head));
	assert_int_equal(buf[27], 0x55);
	assert_memory_equal(buf + 59, tail, sizeof(tail));
}

static void assert_same_service(const struct fwd_service *a, const struct fwd_service *b)
{
	assert_int_equal(a->id, b->id);
	assert_int_equal(a->kind, b->kind);
	assert_int_equal(a->port, b->port);
	assert_string_equal(a->name, b->name);
}

static void a_welcome_survives_the_wire(void **state)
{
	struct fwd_service services[2];
	struct fwd_welcome m = sample_welcome();
	struct fwd_welcome back;
	uint8_t buf[FWD_WELCOME_MAX];
	int n;

	(void)state;
	n = fwd_welcome_encode(&m, buf, sizeof(buf));
	assert_int_equal(fwd_welcome_decode(buf, sizeof(buf), services, 2, &back), n);
	assert_int_equal(back.status, FWD_STATUS_OK);
	assert_int_equal(back.version, 1);
	assert_int_equal(back.sentence_len, 2);
	assert_memory_equal(back.sentence, "hi", 2);
	assert_int_equal(back.features, m.features);
	assert_memory_equal(back.session_id, m.session_id, sizeof(m.session_id));
	assert_memory_equal(back.proof, m.proof, sizeof(m.proof));
	assert_int_equal(back.n_services, 2);
	assert_ptr_equal(back.services, services);
	assert_same_service(&services[0], &two_services[0]);
	assert_same_service(&services[1], &two_services[1]);
	assert_int_equal(back.tlvs_len, m.tlvs_len);
	assert_memory_equal(back.tlvs, m.tlvs, m.tlvs_len);
}

static void a_refusal_carries_a_sentence_and_no_secrets(void **state)
{
	struct fwd_welcome m = sample_welcome();
	struct fwd_welcome back;
	uint8_t buf[FWD_WELCOME_MAX];
	int n;

	(void)state;
	m.status = FWD_STATUS_REVOKED;
	n = fwd_welcome_encode(&m, buf, sizeof(buf));
	assert_int_equal(n, 5 + 2 + 5);
	assert_int_equal(fwd_welcome_decode(buf, sizeof(buf), NULL, 0, &back), n);
	assert_int_equal(back.status, FWD_STATUS_REVOKED);
	assert_int_equal(back.n_services, 0);
	assert_memory_equal(back.sentence, "hi", 2);
	assert_memory_equal(back.proof, (uint8_t[FWD_PROOF_LEN]){0}, FWD_PROOF_LEN);
	/* One from a later version is a refusal still. */
	buf[2] = 200;
	assert_int_equal(fwd_welcome_decode(buf, sizeof(buf), NULL, 0, &back), n);
	assert_int_equal(back.status, 200);
	assert_non_null(strstr(fwd_status_text(200), "refused"));
	assert_string_equal(fwd_status_text(FWD_STATUS_REVOKED), "the ticket was revoked");
}

static void a_welcome_cut_short_asks_for_more(void **state)
{
	struct fwd_service services[2];
	struct fwd_welcome m = sample_welcome();
	struct fwd_welcome back;
	uint8_t buf[FWD_WELCOME_MAX];
	int n;

	(void)state;
	n = fwd_welcome_encode(&m, buf, sizeof(buf));
	for (int i = 0; i < n; i++) {
		uint8_t *copy = malloc(i ? (size_t)i : 1);

		memcpy(copy, buf, (size_t)i);
		assert_int_equal(fwd_welcome_decode(copy, (size_t)i, services, 2, &back), ADIT_EAGAIN);
		free(copy);
	}
}

/* A message whose length was made to end at each of its bytes is whole, and wrong: nothing in it is optional. */
static void a_welcome_that_ends_too_early_is_refused(void **state)
{
	struct fwd_service services[2];
	struct fwd_welcome m = sample_welcome();
	struct fwd_welcome back;
	uint8_t buf[FWD_WELCOME_MAX];
	int n;

	(void)state;
	n = fwd_welcome_encode(&m, buf, sizeof(buf));
	for (int i = 0; i < n; i++) {
		int err;

		buf[1] = (uint8_t)i;
		err = fwd_welcome_decode(buf, (size_t)n, services, 2, &back);
		/* Only its TLVs may be left out. */
		assert_int_equal(err, i == n - 5 ? n - 5 : ADIT_EPROTO);
	}
}

static void a_length_no_welcome_has_is_refused_at_once(void **state)
{
	struct fwd_welcome back;
	uint8_t buf[2] = {0, 4};

	(void)state;
	assert_int_equal(fwd_welcome_decode(buf, 2, NULL, 0, &back), ADIT_EPROTO);
	buf[1] = 5;
	assert_int_equal(fwd_welcome_decode(buf, 2, NULL, 0, &back), ADIT_EAGAIN);
	buf[0] = (FWD_WELCOME_MAX + 1) >> 8;
	buf[1] = (FWD_WELCOME_MAX + 1) & 0xff;
	assert_int_equal(fwd_welcome_decode(buf, 2, NULL, 0, &back), ADIT_EPROTO);
}

/* Decodes the sample with |len| bytes changed at |at|. */
static int decode_changed(size_t at, const void *bytes, size_t len, size_t cap, struct fwd_welcome *ret_welcome)
{
	static struct fwd_service services[FWD_SERVICES_MAX];
	struct fwd_welcome m = sample_welcome();
	uint8_t buf[FWD_WELCOME_MAX];

	assert_true(fwd_welcome_encode(&m, buf, sizeof(buf)) > 0);
	memcpy(buf + at, bytes, len);
	return fwd_welcome_decode(buf, sizeof(buf), services, cap, ret_welcome);
}

static void services_that_make_no_sense_are_refused(void **state)
{
	struct fwd_welcome back;

	(void)state;
	assert_int_equal(decode_changed(59, "", 0, 2, &back), 87);
	assert_int_equal(decode_changed(59, "\1\1", 2, 2, &back), ADIT_EPROTO); /* 257 of them */
	assert_int_equal(decode_changed(59, "\0\3", 2, 2, &back), ADIT_EPROTO); /* one too many */
	assert_int_equal(decode_changed(67, "Web", 3, 2, &back), ADIT_EPROTO); /* letters */
	assert_int_equal(decode_changed(67, "w\0b", 3, 2, &back), ADIT_EPROTO);
	assert_int_equal(decode_changed(67, "\x1b[m", 3, 2, &back), ADIT_EPROTO);
	assert_int_equal(decode_changed(66, "\0", 1, 2, &back), ADIT_EPROTO); /* no name */
	assert_int_equal(decode_changed(66, "\x21", 1, 2, &back), ADIT_EPROTO); /* 33 letters */
	assert_int_equal(decode_changed(70, "\0\1", 2, 2, &back), ADIT_EPROTO); /* the same id twice */
	assert_int_equal(decode_changed(4, "\xff", 1, 2, &back), ADIT_EPROTO); /* a long sentence */
	assert_int_equal(decode_changed(59, "", 0, 1, &back), ADIT_EFULL);
}

static void services_of_an_unknown_kind_are_left_out(void **state)
{
	struct fwd_welcome back;

	(void)state;
	assert_int_equal(decode_changed(63, "\x09", 1, 1, &back), 87);
	assert_int_equal(back.n_services, 1);
	assert_same_service(&back.services[0], &two_services[1]);
}

static void a_welcome_nobody_would_take_is_not_written(void **state)
{
	static const uint8_t tlvs[] = {0, 1, 0, 1};
	struct fwd_service services[2];
	struct fwd_welcome m = sample_welcome();
	uint8_t buf[FWD_WELCOME_MAX];

	(void)state;
	for (size_t cap = 0; cap < 87; cap++)
		assert_int_equal(fwd_welcome_encode(&m, buf, cap), ADIT_EFULL);
	memcpy(services, two_services, sizeof(services));
	m.services = services;
	services[1].id = services[0].id;
	assert_int_equal(fwd_welcome_encode(&m, buf, sizeof(buf)), ADIT_EINVAL);
	services[1].id = 2;
	memcpy(services[1].name, services[0].name, sizeof(services[1].name));
	assert_int_equal(fwd_welcome_encode(&m, buf, sizeof(buf)), ADIT_EINVAL);
	memset(services[1].name, 'a', sizeof(services[1].name));
	assert_int_equal(fwd_welcome_encode(&m, buf, sizeof(buf)), ADIT_EINVAL);
	snprintf(services[1].name, sizeof(services[1].name), "ok");
	services[1].kind = 0;
	assert_int_equal(fwd_welcome_encode(&m, buf, sizeof(buf)), ADIT_EINVAL);
	services[1].kind = FWD_KIND_DGRAM;
	assert_true(fwd_welcome_encode(&m, buf, sizeof(buf)) > 0);
	m.sentence_len = FWD_SENTENCE_MAX + 1;
	assert_int_equal(fwd_welcome_encode(&m, buf, sizeof(buf)), ADIT_EINVAL);
	m.sentence_len = 0;
	m.tlvs = tlvs;
	m.tlvs_len = sizeof(tlvs);
	assert_int_equal(fwd_welcome_encode(&m, buf, sizeof(buf)), ADIT_EINVAL);
}

static void the_longest_welcome_fits(void **state)
{
	static struct fwd_service services[FWD_SERVICES_MAX + 1];
	static struct fwd_service back_services[FWD_SERVICES_MAX];
	static uint8_t tlvs[1024] = {0, 1, 3, 0xfc};
	static uint8_t buf[2 * FWD_WELCOME_MAX];
	char sentence[FWD_SENTENCE_MAX];
	struct fwd_welcome m = sample_welcome();
	struct fwd_welcome back;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(services); i++) {
		services[i] = (struct fwd_service){.id = (uint16_t)i, .kind = FWD_KIND_STREAM};
		snprintf(services[i].name, sizeof(services[i].name), "a-name-as-long-as-it-may-be-%04u", (unsigned)i);
	}
	memset(sentence, 's', sizeof(sentence));
	m.services = services;
	m.n_services = FWD_SERVICES_MAX;
	m.sentence = sentence;
	m.sentence_len = sizeof(sentence);
	m.tlvs = tlvs;
	m.tlvs_len = sizeof(tlvs);
	assert_int_equal(fwd_welcome_encode(&m, buf, sizeof(buf)), FWD_WELCOME_MAX);
	assert_int_equal(fwd_welcome_decode(buf, FWD_WELCOME_MAX, back_services, FWD_SERVICES_MAX, &back),
			 FWD_WELCOME_MAX);
	assert_int_equal(back.n_services, FWD_SERVICES_MAX);
	assert_same_service(&back_services[255], &services[255]);
	m.n_services++;
	assert_int_equal(fwd_welcome_encode(&m, buf, sizeof(buf)), ADIT_EINVAL);
	/* TLVs take what the services leave, and no more. */
	m.n_services = FWD_SERVICES_MAX;
	tlvs[2] = 0;
	tlvs[3] = 0;
	m.tlvs_len = sizeof(tlvs);
	assert_int_equal(fwd_welcome_encode(&m, buf, sizeof(buf)), FWD_WELCOME_MAX);
	m.sentence_len = 0;
	assert_int_equal(fwd_welcome_encode(&m, buf, sizeof(buf)), FWD_WELCOME_MAX - FWD_SENTENCE_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_hello_looks_like_this),
		cmocka_unit_test(a_hello_survives_the_wire),
		cmocka_unit_test(a_hello_cut_short_asks_for_more),
		cmocka_unit_test(a_length_no_hello_has_is_refused_at_once),
		cmocka_unit_test(a_hello_that_makes_no_sense_is_refused),
		cmocka_unit_test(a_hello_nobody_would_take_is_not_written),
		cmocka_unit_test(the_newest_common_version_is_chosen),
		cmocka_unit_test(a_welcome_looks_like_this),
		cmocka_unit_test(a_welcome_survives_the_wire),
		cmocka_unit_test(a_refusal_carries_a_sentence_and_no_secrets),
		cmocka_unit_test(a_welcome_cut_short_asks_for_more),
		cmocka_unit_test(a_welcome_that_ends_too_early_is_refused),
		cmocka_unit_test(a_length_no_welcome_has_is_refused_at_once),
		cmocka_unit_test(services_that_make_no_sense_are_refused),
		cmocka_unit_test(services_of_an_unknown_kind_are_left_out),
		cmocka_unit_test(a_welcome_nobody_would_take_is_not_written),
		cmocka_unit_test(the_longest_welcome_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
