#include "test.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "core/fwd/fwd_open.h"

static const uint8_t TLVS[] = {0, 9, 0, 2, 'x', 'y'};

static void a_header_looks_like_this(void **state)
{
	static const uint8_t bare[] = {1, 0x12, 0x34, 0, 0};
	static const uint8_t full[] = {1, 0x12, 0x34, 0, 6, 0, 9, 0, 2, 'x', 'y'};
	struct fwd_open o = {.type = FWD_OPEN_CONNECT, .service = 0x1234};
	uint8_t buf[FWD_OPEN_MAX];

	(void)state;
	assert_int_equal(fwd_open_encode(&o, buf, sizeof(buf)), sizeof(bare));
	assert_memory_equal(buf, bare, sizeof(bare));
	o.tlvs = TLVS;
	o.tlvs_len = sizeof(TLVS);
	assert_int_equal(fwd_open_encode(&o, buf, sizeof(buf)), sizeof(full));
	assert_memory_equal(buf, full, sizeof(full));
	assert_int_equal(fwd_opened_encode(&(struct fwd_opened){0}, buf, sizeof(buf)), 3);
	assert_memory_equal(buf, ((uint8_t[3]){0}), 3);
}

static void it_survives_the_wire_with_data_behind_it(void **state)
{
	struct fwd_open o = {.type = 77, .service = 0xffff, .tlvs = TLVS, .tlvs_len = sizeof(TLVS)};
	struct fwd_opened a = {.tlvs = TLVS, .tlvs_len = sizeof(TLVS)};
	struct fwd_open back;
	struct fwd_opened answer;
	uint8_t buf[FWD_OPEN_MAX];

	(void)state;
	assert_int_equal(fwd_open_encode(&o, buf, sizeof(buf)), 11);
	assert_int_equal(fwd_open_decode(buf, sizeof(buf), &back), 11);
	assert_int_equal(back.type, 77);
	assert_int_equal(back.service, 0xffff);
	assert_int_equal(back.tlvs_len, sizeof(TLVS));
	assert_memory_equal(back.tlvs, TLVS, sizeof(TLVS));
	assert_int_equal(fwd_opened_encode(&a, buf, sizeof(buf)), 9);
	assert_int_equal(fwd_opened_decode(buf, sizeof(buf), &answer), 9);
	assert_int_equal(answer.tlvs_len, sizeof(TLVS));
	assert_memory_equal(answer.tlvs, TLVS, sizeof(TLVS));
}

static void cut_short_it_asks_for_more(void **state)
{
	struct fwd_open o = {.type = 1, .service = 2, .tlvs = TLVS, .tlvs_len = sizeof(TLVS)};
	struct fwd_opened a = {.tlvs = TLVS, .tlvs_len = sizeof(TLVS)};
	struct fwd_open back;
	struct fwd_opened answer;
	uint8_t open[FWD_OPEN_MAX];
	uint8_t opened[FWD_OPENED_MAX];

	(void)state;
	assert_int_equal(fwd_open_encode(&o, open, sizeof(open)), 11);
	assert_int_equal(fwd_opened_encode(&a, opened, sizeof(opened)), 9);
	for (size_t i = 0; i < 11; i++) {
		uint8_t *copy = malloc(i ? i : 1);

		memcpy(copy, open, i);
		assert_int_equal(fwd_open_decode(copy, i, &back), ADIT_EAGAIN);
		if (i < 9) {
			memcpy(copy, opened, i);
			assert_int_equal(fwd_opened_decode(copy, i, &answer), ADIT_EAGAIN);
		}
		free(copy);
	}
}

static void what_is_wrong_is_said_at_once(void **state)
{
	static const uint8_t no_type[] = {0};
	static const uint8_t too_long[] = {1, 0, 1, FWD_OPEN_TLVS_MAX >> 8, (FWD_OPEN_TLVS_MAX & 0xff) + 1};
	static const uint8_t broken[] = {1, 0, 1, 0, 3, 0, 1, 0};
	static const uint8_t not_ok[] = {1};
	static const uint8_t answer_too_long[] = {0, 0xff, 0xff};
	struct fwd_open o;
	struct fwd_opened a;

	(void)state;
	assert_int_equal(fwd_open_decode(no_type, sizeof(no_type), &o), ADIT_EPROTO);
	assert_int_equal(fwd_open_decode(too_long, sizeof(too_long), &o), ADIT_EPROTO);
	assert_int_equal(fwd_open_decode(broken, sizeof(broken), &o), ADIT_EPROTO);
	assert_int_equal(fwd_opened_decode(not_ok, sizeof(not_ok), &a), ADIT_EPROTO);
	assert_int_equal(fwd_opened_decode(answer_too_long, sizeof(answer_too_long), &a), ADIT_EPROTO);
	assert_int_equal(fwd_opened_decode(NULL, 0, &a), ADIT_EAGAIN);
}

static void what_would_not_be_read_is_not_written(void **state)
{
	static const uint8_t many[FWD_OPEN_TLVS_MAX + 4];
	struct fwd_open o = {.type = 1, .tlvs = many, .tlvs_len = sizeof(many)};
	uint8_t buf[FWD_OPEN_MAX + 4];

	(void)state;
	assert_int_equal(fwd_open_encode(&o, buf, sizeof(buf)), ADIT_EINVAL);
	o.tlvs_len = FWD_OPEN_TLVS_MAX;
	assert_int_equal(fwd_open_encode(&o, buf, sizeof(buf)), FWD_OPEN_MAX);
	assert_int_equal(fwd_open_encode(&o, buf, FWD_OPEN_MAX - 1), ADIT_EFULL);
	o.tlvs_len = 3;
	assert_int_equal(fwd_open_encode(&o, buf, sizeof(buf)), ADIT_EINVAL);
	o.tlvs_len = 0;
	o.type = 0;
	assert_int_equal(fwd_open_encode(&o, buf, sizeof(buf)), ADIT_EINVAL);
	assert_int_equal(fwd_opened_encode(&(struct fwd_opened){.tlvs = many, .tlvs_len = 1}, buf, sizeof(buf)),
			 ADIT_EINVAL);
}

static void an_early_one_names_its_service(void **state)
{
	static const uint8_t wire[] = {2, 0, 0, 0, 8, 0, 1, 0, 4, 'e', 'c', 'h', 'o'};
	static const char name[] = "abcdefghijklmnopqrstuvwxyz012345";
	uint8_t buf[FWD_OPEN_MAX];
	char back[FWD_NAME_MAX + 1];
	struct fwd_open o;

	(void)state;
	assert_int_equal(fwd_open_encode_early("echo", buf, sizeof(buf)), sizeof(wire));
	assert_memory_equal(buf, wire, sizeof(wire));
	assert_int_equal(fwd_open_decode(buf, sizeof(wire), &o), sizeof(wire));
	assert_int_equal(o.type, FWD_OPEN_EARLY);
	assert_true(fwd_open_service(&o, back));
	assert_string_equal(back, "echo");
	assert_int_equal(sizeof(name) - 1, FWD_NAME_MAX);
	assert_int_equal(fwd_open_encode_early(name, buf, sizeof(buf)), 9 + FWD_NAME_MAX);
	assert_int_equal(fwd_open_decode(buf, sizeof(buf), &o), 9 + FWD_NAME_MAX);
	assert_true(fwd_open_service(&o, back));
	assert_string_equal(back, name);
	assert_int_equal(fwd_open_encode_early("", buf, sizeof(buf)), ADIT_EINVAL);
	assert_int_equal(fwd_open_encode_early("abcdefghijklmnopqrstuvwxyz0123456", buf, sizeof(buf)), ADIT_EINVAL);
}

static void a_name_that_is_none_is_not_read(void **state)
{
	static const uint8_t other[] = {0, 9, 0, 2, 'x', 'y', 0, 1, 0, 2, 'o', 'k'};
	static const uint8_t empty[] = {0, 1, 0, 0};
	static const uint8_t cut[] = {0, 1, 0, 3, 'a', 0, 'b'};
	uint8_t too_long[4 + FWD_NAME_MAX + 1] = {0, 1, 0, FWD_NAME_MAX + 1};
	char back[FWD_NAME_MAX + 1];

	(void)state;
	assert_true(fwd_open_service(&(struct fwd_open){.tlvs = other, .tlvs_len = sizeof(other)}, back));
	assert_string_equal(back, "ok");
	assert_false(fwd_open_service(&(struct fwd_open){.tlvs = other, .tlvs_len = 6}, back));
	assert_false(fwd_open_service(&(struct fwd_open){.tlvs = empty, .tlvs_len = sizeof(empty)}, back));
	assert_false(fwd_open_service(&(struct fwd_open){.tlvs = cut, .tlvs_len = sizeof(cut)}, back));
	memset(too_long + 4, 'a', FWD_NAME_MAX + 1);
	assert_false(fwd_open_service(&(struct fwd_open){.tlvs = too_long, .tlvs_len = sizeof(too_long)}, back));
}

/* A reader sees the sentence, so no two codes may look alike, and a code of a later version needs one too. */
static void each_code_has_its_own_sentence(void **state)
{
	(void)state;
	for (uint64_t a = 0; a <= FWD_STREAM_UNSUPPORTED; a++)
		for (uint64_t b = 0; b < a; b++)
			assert_string_not_equal(fwd_stream_text(a), fwd_stream_text(b));
	for (uint64_t a = 0; a <= FWD_CLOSE_BAD_PROOF; a++)
		for (uint64_t b = 0; b < a; b++)
			assert_string_not_equal(fwd_close_text(a), fwd_close_text(b));
	assert_non_null(strstr(fwd_stream_text(FWD_STREAM_UNSUPPORTED + 1), "does not know"));
	assert_non_null(strstr(fwd_stream_text((UINT64_C(1) << 62) - 1), "does not know"));
	assert_non_null(strstr(fwd_close_text(FWD_CLOSE_BAD_PROOF + 1), "does not know"));
	/* The numbers are on the wire. */
	assert_int_equal(FWD_STREAM_TCP_RESET, 1);
	assert_int_equal(FWD_STREAM_NO_SERVICE, 5);
	assert_int_equal(FWD_CLOSE_DONE, 0);
	assert_int_equal(FWD_CLOSE_REPLACED, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_header_looks_like_this),
		cmocka_unit_test(it_survives_the_wire_with_data_behind_it),
		cmocka_unit_test(cut_short_it_asks_for_more),
		cmocka_unit_test(what_is_wrong_is_said_at_once),
		cmocka_unit_test(an_early_one_names_its_service),
		cmocka_unit_test(a_name_that_is_none_is_not_read),
		cmocka_unit_test(what_would_not_be_read_is_not_written),
		cmocka_unit_test(each_code_has_its_own_sentence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
