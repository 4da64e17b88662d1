#include "test.h"

#include "base/siphash.h"

/* The authors' reference vectors: key 00..0f, input 00, 00 01, ... of the given length. */
static void values_are_those_of_the_reference(void **state)
{
	static const struct {
		size_t len;
		uint64_t want;
	} vectors[] = {
		{0, UINT64_C(0x726fdb47dd0e0e31)},  {1, UINT64_C(0x74f839c593dc67fd)},
		{7, UINT64_C(0xab0200f58b01d137)},  {8, UINT64_C(0x93f5f5799a932462)},
		{15, UINT64_C(0xa129ca6149be45e5)},
	};
	uint8_t key[ADIT_SIPHASH_KEY_LEN];
	uint8_t data[16];

	(void)state;
	for (uint8_t i = 0; i < 16; i++)
		key[i] = data[i] = i;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++)
		assert_true(adit_siphash(key, data, vectors[i].len) == vectors[i].want);
}

static void another_key_gives_another_value(void **state)
{
	uint8_t one[ADIT_SIPHASH_KEY_LEN] = {1};
	uint8_t two[ADIT_SIPHASH_KEY_LEN] = {2};

	(void)state;
	assert_true(adit_siphash(one, "x", 1) != adit_siphash(two, "x", 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_are_those_of_the_reference),
		cmocka_unit_test(another_key_gives_another_value),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
