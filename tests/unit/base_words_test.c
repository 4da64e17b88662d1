/* Lines of words KEY=VALUE. */
#include "test.h"

#include <string.h>

#include "base/bytes.h"
#include "base/words.h"

static void words_come_one_by_one(void **state)
{
	const char *text = "a=1 bc= d==x";
	struct adit_word k;
	struct adit_word v;

	(void)state;
	assert_int_equal(adit_words_next(&text, &k, &v), 1);
	assert_true(adit_word_is(k, "a") && adit_word_is(v, "1"));
	assert_int_equal(adit_words_next(&text, &k, &v), 1);
	assert_true(adit_word_is(k, "bc") && adit_word_is(v, ""));
	assert_int_equal(adit_words_next(&text, &k, &v), 1);
	assert_true(adit_word_is(k, "d") && adit_word_is(v, "=x"));
	assert_int_equal(adit_words_next(&text, &k, &v), 0);
}

static void what_is_no_word_is_refused(void **state)
{
	static const char *const bad[] = {"a", "=1", " a=1", "a=1 "};
	struct adit_word k;
	struct adit_word v;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		const char *text = bad[i];

		assert_int_equal(adit_words_next(&text, &k, &v), ADIT_EPROTO);
	}
}

static struct adit_word word(const char *text)
{
	return (struct adit_word){.p = text, .len = strlen(text)};
}

static void numbers_are_digits_up_to_a_bound(void **state)
{
	uint64_t v = 7;

	(void)state;
	assert_true(adit_word_number(word("0"), 0, &v) && v == 0);
	assert_true(adit_word_number(word("18446744073709551615"), UINT64_MAX, &v) && v == UINT64_MAX);
	assert_true(adit_word_number(word("100"), 100, &v) && v == 100);
	assert_false(adit_word_number(word("101"), 100, &v));
	assert_false(adit_word_number(word("9"), 8, &v));
	assert_false(adit_word_number(word("18446744073709551616"), UINT64_MAX, &v));
	assert_false(adit_word_number(word(""), 9, &v));
	assert_false(adit_word_number(word("-1"), 9, &v));
	assert_false(adit_word_number(word("1a"), 99, &v));
}

static void a_word_is_found_among_names(void **state)
{
	static const char *const names[] = {"ab", "a", "abc"};

	(void)state;
	assert_int_equal(adit_word_find(word("a"), names, 3), 1);
	assert_int_equal(adit_word_find(word("abc"), names, 3), 2);
	assert_int_equal(adit_word_find(word("b"), names, 3), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_come_one_by_one),
		cmocka_unit_test(what_is_no_word_is_refused),
		cmocka_unit_test(numbers_are_digits_up_to_a_bound),
		cmocka_unit_test(a_word_is_found_among_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
