#include "test.h"

#include <string.h>

#include "base/bytes.h"
#include "crypto/crypto_md5.h"

/* RFC 1321 A.5 */
static void the_vectors_of_rfc1321_come_out(void **state)
{
	static const struct {
		const char *text;
		uint8_t sum[16];
	} v[] = {
		{"", {0xd4, 0x1d, 0x8c, 0xd9, 0x8f, 0x00, 0xb2, 0x04, 0xe9, 0x80, 0x09, 0x98, 0xec, 0xf8, 0x42, 0x7e}},
		{"abc",
		 {0x90, 0x01, 0x50, 0x98, 0x3c, 0xd2, 0x4f, 0xb0, 0xd6, 0x96, 0x3f, 0x7d, 0x28, 0xe1, 0x7f, 0x72}},
		{"12345678901234567890123456789012345678901234567890123456789012345678901234567890",
		 {0x57, 0xed, 0xf4, 0xa2, 0x2b, 0xe3, 0xc9, 0x55, 0xac, 0x49, 0xda, 0x2e, 0x21, 0x07, 0xb6, 0x7a}},
	};
	uint8_t sum[16];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(v); i++) {
		crypto_md5(v[i].text, strlen(v[i].text), sum);
		assert_memory_equal(sum, v[i].sum, sizeof(sum));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_vectors_of_rfc1321_come_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
