#include "test.h"

#include <string.h>

#include "base/bytes.h"
#include "base/err.h"

static const int CODES[] = {0,
#define CODE(name, code, text) ADIT_##name,
			    ADIT_ERR_MAP(CODE)
#undef CODE
};

static void each_code_has_a_name_and_a_sentence_of_its_own(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(CODES); i++) {
		assert_string_not_equal(adit_err_name(CODES[i]), adit_err_name(1));
		assert_string_not_equal(adit_strerror(CODES[i]), adit_strerror(1));
		for (size_t j = 0; j < i; j++) {
			assert_string_not_equal(adit_err_name(CODES[i]), adit_err_name(CODES[j]));
			assert_string_not_equal(adit_strerror(CODES[i]), adit_strerror(CODES[j]));
		}
	}
	assert_string_equal(adit_err_name(ADIT_EPROTO), "EPROTO");
	assert_string_equal(adit_err_name(0), "OK");
}

static void codes_are_negative_and_the_deadly_ones_last(void **state)
{
	(void)state;
	for (size_t i = 1; i < ARRAY_LEN(CODES); i++) {
		assert_true(CODES[i] < CODES[i - 1]);
		assert_int_equal(CODES[i] <= -64, CODES[i] == ADIT_ENOMEM || CODES[i] == ADIT_EDEAD);
	}
}

static void a_number_that_is_no_code_has_a_sentence_too(void **state)
{
	static const int others[] = {1, 1000, -63, -1000};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		assert_non_null(adit_strerror(others[i]));
		assert_non_null(adit_err_name(others[i]));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_code_has_a_name_and_a_sentence_of_its_own),
		cmocka_unit_test(codes_are_negative_and_the_deadly_ones_last),
		cmocka_unit_test(a_number_that_is_no_code_has_a_sentence_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
