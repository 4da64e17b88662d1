#include "test.h"

#include <string.h>

#include "base/bytes.h"
#include "core/trust/trust_base32.h"

/* RFC 4648 10, in our spelling. */
static const struct {
	const char *bytes;
	const char *text;
} vectors[] = {
	{"", ""},
	{"f", "my"},
	{"fo", "mzxq"},
	{"foo", "mzxw6"},
	{"foob", "mzxw6yq"},
	{"fooba", "mzxw6ytb"},
	{"foobar", "mzxw6ytboi"},
};

static void vectors_of_rfc4648_fit(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
		size_t len = strlen(vectors[i].bytes);
		char text[32];
		uint8_t back[32];

		assert_int_equal(trust_base32_encode(vectors[i].bytes, len, text), TRUST_BASE32_LEN(len));
		assert_string_equal(text, vectors[i].text);
		assert_int_equal(trust_base32_decode(text, strlen(text), back, sizeof(back)), len);
		assert_memory_equal(back, vectors[i].bytes, len);
	}
}

static void case_and_white_space_do_not_matter(void **state)
{
	static const char text[] = " MZxw\n6Y\ttb\r\v\fOI ";
	uint8_t back[6];

	(void)state;
	assert_int_equal(trust_base32_decode(text, strlen(text), back, sizeof(back)), 6);
	assert_memory_equal(back, "foobar", 6);
}

static void there_is_one_spelling_only(void **state)
{
	/* Impossible lengths; left-over bits that are set; padding; digits that are not in the alphabet. */
	static const char *const bad[] = {"m",    "mzx",  "mzxw6y", "mz", "mzxr",      "mzxw7zz",  "my======",
					  "mzx0", "1234", "8",      "9a", "mzxw-6ytb", "m\xc3\xa4"};
	uint8_t back[32];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(trust_base32_decode(bad[i], strlen(bad[i]), back, sizeof(back)), ADIT_EINVAL);
	assert_int_equal(trust_base32_decode("a\0aaaaaa", 8, back, sizeof(back)), ADIT_EINVAL);
}

/* Of two characters exactly the 256 that encode a byte are accepted. */
static void two_characters_spell_each_byte_once(void **state)
{
	bool seen[256] = {false};
	unsigned accepted = 0;

	(void)state;
	for (unsigned a = 0; a < 256; a++) {
		for (unsigned b = 0; b < 256; b++) {
			char text[2] = {(char)a, (char)b};
			uint8_t byte;

			if ((a >= 'A' && a <= 'Z') || (b >= 'A' && b <= 'Z'))
				continue;
			if (trust_base32_decode(text, 2, &byte, 1) != 1)
				continue;
			assert_false(seen[byte]);
			seen[byte] = true;
			accepted++;
		}
	}
	assert_int_equal(accepted, 256);
}

static void more_bytes_than_there_is_room_for_are_refused(void **state)
{
	uint8_t back[6] = {[5] = 0xee};

	(void)state;
	assert_int_equal(trust_base32_decode("mzxw6ytboi", 10, back, 5), ADIT_EFULL);
	assert_int_equal(back[5], 0xee);
	assert_int_equal(trust_base32_decode("", 0, NULL, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vectors_of_rfc4648_fit),
		cmocka_unit_test(case_and_white_space_do_not_matter),
		cmocka_unit_test(there_is_one_spelling_only),
		cmocka_unit_test(two_characters_spell_each_byte_once),
		cmocka_unit_test(more_bytes_than_there_is_room_for_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
