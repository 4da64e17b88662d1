#include "test.h"

#include <string.h>

#include "base/bytes.h"
#include "udphp/udphp_msg.h"

/* struct.pack('!sHH11s5s', b'U', 258, 5, md5(b'hello').digest()[:11], b'hello'), the script's own words. */
static const uint8_t hello[] = {'U',  1,    2,    0,    5,    0x5d, 0x41, 0x40, 0x2a, 0xbc, 0x4b,
				0x2a, 0x76, 0xb9, 0x71, 0x9d, 'h',  'e',  'l',  'l',  'o'};
static const uint8_t hello_md5[16] = {0x5d, 0x41, 0x40, 0x2a, 0xbc, 0x4b, 0x2a, 0x76,
				      0xb9, 0x71, 0x9d, 0x91, 0x10, 0x17, 0xc5, 0x92};

static void a_data_message_reads_and_writes_as_the_script_packs_it(void **state)
{
	uint8_t header[UDPHP_HEADER];
	struct udphp_msg m;

	(void)state;
	assert_int_equal(udphp_msg_decode(hello, sizeof(hello), &m), 0);
	assert_int_equal(m.type, UDPHP_PLAIN);
	assert_int_equal(m.seq, 258);
	assert_int_equal(m.len, 5);
	assert_memory_equal(m.digest, hello_md5, UDPHP_DIGEST);
	assert_int_equal(m.body_len, 5);
	assert_memory_equal(m.body, "hello", 5);

	udphp_msg_write_header(header, UDPHP_PLAIN, 258, 5, hello_md5);
	assert_memory_equal(header, hello, sizeof(header));
}

static void acks_are_three_bytes_no_more_no_less(void **state)
{
	static const uint8_t longer[4] = {'A', 0xfe, 0xdc, 0};
	uint8_t buf[UDPHP_ACK_LEN];
	struct udphp_msg m;

	(void)state;
	udphp_msg_write_ack(buf, UDPHP_NACK, 0xfedc);
	assert_memory_equal(buf, "N\xfe\xdc", 3);
	assert_int_equal(udphp_msg_decode(buf, 3, &m), 0);
	assert_int_equal(m.type, UDPHP_NACK);
	assert_int_equal(m.seq, 0xfedc);
	assert_int_equal(udphp_msg_decode(longer, 4, &m), ADIT_EPROTO);
	assert_int_equal(udphp_msg_decode(longer, 2, &m), ADIT_EPROTO);
}

static void every_truncation_of_a_data_message_is_refused_until_its_header_is_whole(void **state)
{
	struct udphp_msg m;

	(void)state;
	for (size_t len = 0; len <= sizeof(hello); len++)
		assert_int_equal(udphp_msg_decode(hello, len, &m), len < UDPHP_HEADER ? ADIT_EPROTO : 0);
}

static void only_five_first_bytes_are_known(void **state)
{
	uint8_t buf[sizeof(hello)];
	struct udphp_msg m;

	(void)state;
	memcpy(buf, hello, sizeof(buf));
	for (unsigned type = 0; type < 256; type++) {
		int want = strchr("UCH", (int)type) ? 0 : strchr("AN", (int)type) ? ADIT_EPROTO : ADIT_EINVAL;

		if (type == 0)
			want = ADIT_EINVAL;
		buf[0] = (uint8_t)type;
		assert_int_equal(udphp_msg_decode(buf, sizeof(buf), &m), want);
	}
}

static void a_heartbeat_may_be_one_byte(void **state)
{
	struct udphp_msg m;

	(void)state;
	assert_int_equal(udphp_msg_decode("H", 1, &m), 0);
	assert_int_equal(m.type, UDPHP_HELO);
	assert_int_equal(m.body_len, 0);
}

static void sequence_numbers_run_on_a_circle(void **state)
{
	(void)state;
	assert_int_equal(udphp_seq_behind(4, 5), 1);
	assert_int_equal(udphp_seq_behind(5, 5), 0);
	assert_int_equal(udphp_seq_behind(6, 5), -1);
	assert_int_equal(udphp_seq_behind(65535, 0), 1);
	assert_int_equal(udphp_seq_behind(0, 65535), -1);
	assert_int_equal(udphp_seq_behind(65530, 10), 16);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_data_message_reads_and_writes_as_the_script_packs_it),
		cmocka_unit_test(acks_are_three_bytes_no_more_no_less),
		cmocka_unit_test(every_truncation_of_a_data_message_is_refused_until_its_header_is_whole),
		cmocka_unit_test(only_five_first_bytes_are_known),
		cmocka_unit_test(a_heartbeat_may_be_one_byte),
		cmocka_unit_test(sequence_numbers_run_on_a_circle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
