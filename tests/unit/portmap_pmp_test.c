#include "test.h"

#include "core/portmap/portmap_pmp.h"
#include "hex.h"

static int read_hex(const char *hex, struct portmap_pmp_answer *ret_answer)
{
	uint8_t buf[64];
	size_t len = from_hex(hex, buf, sizeof(buf));

	return portmap_pmp_read(buf, len, ret_answer);
}

/* RFC 6886 3.2, 3.3. */
static void requests_have_the_layout_of_rfc6886(void **state)
{
	uint8_t want[PORTMAP_PMP_MAP_LEN];
	uint8_t out[PORTMAP_PMP_MAP_LEN];

	(void)state;
	portmap_pmp_write_address(out);
	assert_memory_equal(out, "\0\0", PORTMAP_PMP_ADDRESS_LEN);
	assert_int_equal(from_hex("0001 0000 1194 1195 0000 1c20", want, sizeof(want)), sizeof(want));
	portmap_pmp_write_map(4500, 4501, 7200, out);
	assert_memory_equal(out, want, sizeof(want));
}

static void deleting_has_neither_external_port_nor_lifetime(void **state)
{
	uint8_t want[PORTMAP_PMP_MAP_LEN];
	uint8_t out[PORTMAP_PMP_MAP_LEN];

	(void)state;
	assert_int_equal(from_hex("0001 0000 1194 0000 0000 0000", want, sizeof(want)), sizeof(want));
	portmap_pmp_write_map(4500, 4501, 0, out);
	assert_memory_equal(out, want, sizeof(want));
}

static void both_answers_are_read(void **state)
{
	struct adit_addr want = adit_addr_v4(203, 0, 113, 9, 0);
	struct portmap_pmp_answer a;

	(void)state;
	assert_int_equal(read_hex("0080 0000 0000 1234 cb00 7109", &a), 0);
	assert_int_equal(a.opcode, PORTMAP_PMP_ADDRESS);
	assert_int_equal(a.epoch, 0x1234);
	assert_true(a.has_rest && adit_addr_eq(&a.address, &want));
	assert_int_equal(read_hex("0081 0000 0000 1235 1194 1195 0000 0e10", &a), 0);
	assert_int_equal(a.opcode, PORTMAP_PMP_MAP_UDP);
	assert_int_equal(a.epoch, 0x1235);
	assert_int_equal(a.internal_port, 4500);
	assert_int_equal(a.external_port, 4501);
	assert_int_equal(a.lifetime, 3600);
}

static void an_error_may_end_after_the_epoch(void **state)
{
	struct portmap_pmp_answer a;

	(void)state;
	assert_int_equal(read_hex("0081 0002 0000 1234", &a), 0);
	assert_int_equal(a.result, PORTMAP_PMP_REFUSED);
	assert_false(a.has_rest);
	assert_int_equal(read_hex("0081 0002 0000 1234 1194 0000 0000 0000", &a), 0);
	assert_true(a.has_rest);
}

/* What a router that knows no PCP sends back is of any length and opcode (RFC 6886 3.5). */
static void unsupported_is_read_whatever_follows(void **state)
{
	struct portmap_pmp_answer a;

	(void)state;
	assert_int_equal(read_hex("0080 0001 0000 1234", &a), 0);
	assert_int_equal(read_hex("0081 0001 0000 1234 00", &a), 0);
	assert_int_equal(read_hex("00ff 0005 0000 1234 0000 0000 0000 0000", &a), 0);
	assert_int_equal(a.result, PORTMAP_PMP_OPCODE);
}

static void truncated_longer_and_foreign_ones_are_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"00",
		"0080",
		"0080 0000 0000 12",
		"0080 0001 0000 12", /* no header */
		"0080 0000 0000 1234",
		"0080 0000 0000 1234 cb0071", /* no address */
		"0080 0000 0000 1234 cb00 7109 00", /* too much */
		"0081 0000 0000 1234 1194 1195 0000 0e",
		"0081 0000 0000 1234 1194 1195 0000 0e10 00",
		"0081 0002 0000 1234 1194", /* an error with half a rest */
		"0000 0000 0000 1234 cb00 7109", /* a request */
		"0180 0000 0000 1234 cb00 7109", /* another version */
		"0082 0000 0000 1234 1194 1195 0000 0e10", /* TCP: never asked for */
	};
	struct portmap_pmp_answer a;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(read_hex(bad[i], &a), ADIT_EPROTO);
}

/* RFC 6886 3.6: 7/8 of what passed here, and two seconds. */
static void the_epoch_may_run_slower_by_an_eighth(void **state)
{
	(void)state;
	assert_true(portmap_pmp_epoch_fits(1000, 1800, 800));
	assert_true(portmap_pmp_epoch_fits(1000, 1698, 800));
	assert_false(portmap_pmp_epoch_fits(1000, 1697, 800));
	assert_true(portmap_pmp_epoch_fits(1000, 998, 0));
	assert_false(portmap_pmp_epoch_fits(1000, 997, 0));
	assert_false(portmap_pmp_epoch_fits(1000, 0, 1));
	assert_true(portmap_pmp_epoch_fits(0, UINT32_MAX, 1)); /* faster is no loss */
	assert_true(portmap_pmp_epoch_fits(UINT32_MAX, UINT32_MAX, 2));
}

static void every_result_has_words(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 70000; i++)
		assert_true(strlen(portmap_pmp_text((uint16_t)i)) > 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_have_the_layout_of_rfc6886),
		cmocka_unit_test(deleting_has_neither_external_port_nor_lifetime),
		cmocka_unit_test(both_answers_are_read),
		cmocka_unit_test(an_error_may_end_after_the_epoch),
		cmocka_unit_test(unsupported_is_read_whatever_follows),
		cmocka_unit_test(truncated_longer_and_foreign_ones_are_refused),
		cmocka_unit_test(the_epoch_may_run_slower_by_an_eighth),
		cmocka_unit_test(every_result_has_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
