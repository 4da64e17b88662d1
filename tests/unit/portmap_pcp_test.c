#include "test.h"

#include "core/portmap/portmap_limits.h"
#include "core/portmap/portmap_pcp.h"
#include "hex.h"

#define HEAD4 "0000 0000 0000 0000 0000 ffff c0a8 0117" /* 192.168.1.23 */
#define NONCE "0102 0304 0506 0708 090a 0b0c"

/* RFC 6887 11.1: MAP for UDP, port 4500, wanting port 4501 of 203.0.113.9 for two hours. */
#define REQUEST                                                 \
	"0201 0000 0000 1c20" HEAD4 NONCE "11 000000 1194 1195" \
	"0000 0000 0000 0000 0000 ffff cb00 7109"
/* RFC 6887 7.2, 11.1: granted for an hour, epoch 0x1234, port 4501 of 203.0.113.9. */
#define ANSWER                                                              \
	"0281 0000 0000 0e10 0000 1234 0000 0000 0000 0000 0000 0000" NONCE \
	"11 000000 1194 1195 0000 0000 0000 0000 0000 ffff cb00 7109"

static struct adit_addr addr(const char *text)
{
	struct adit_addr a;

	assert_int_equal(adit_addr_parse(text, strlen(text), &a), 0);
	return a;
}

static struct portmap_pcp_request request(const char *client, const char *external, uint32_t lifetime)
{
	struct portmap_pcp_request q = {.client = addr(client), .lifetime = lifetime};

	if (external)
		q.external = addr(external);
	for (size_t i = 0; i < sizeof(q.nonce); i++)
		q.nonce[i] = (uint8_t)(i + 1);
	return q;
}

static void check_written(const struct portmap_pcp_request *q, const char *hex)
{
	uint8_t want[PORTMAP_PCP_MAP_LEN];
	uint8_t out[PORTMAP_PCP_MAP_LEN];

	assert_int_equal(from_hex(hex, want, sizeof(want)), PORTMAP_PCP_MAP_LEN);
	portmap_pcp_write(q, out);
	assert_memory_equal(out, want, sizeof(want));
}

static void a_map_request_has_the_layout_of_rfc6887(void **state)
{
	struct portmap_pcp_request q = request("192.168.1.23:4500", "203.0.113.9:4501", 7200);

	(void)state;
	check_written(&q, REQUEST);
}

static void a_request_without_a_wish_has_the_zero_address_of_its_family(void **state)
{
	struct portmap_pcp_request v4 = request("192.168.1.23:4500", NULL, 7200);
	struct portmap_pcp_request v6 = request("[2001:db8::5]:4500", NULL, 7200);

	(void)state;
	v4.external.port = v6.external.port = 4501;
	check_written(&v4, "0201 0000 0000 1c20" HEAD4 NONCE "11 000000 1194 1195"
			   "0000 0000 0000 0000 0000 ffff 0000 0000");
	check_written(&v6, "0201 0000 0000 1c20 2001 0db8 0000 0000 0000 0000 0000 0005" NONCE "11 000000 1194 1195"
			   "0000 0000 0000 0000 0000 0000 0000 0000");
}

static void deleting_leaves_the_wish_out(void **state)
{
	struct portmap_pcp_request q = request("192.168.1.23:4500", "203.0.113.9:4501", 0);

	(void)state;
	check_written(&q, "0201 0000 0000 0000" HEAD4 NONCE "11 000000 1194 0000"
			  "0000 0000 0000 0000 0000 ffff 0000 0000");
}

static int read_hex(const char *hex, struct portmap_pcp_answer *ret_answer)
{
	uint8_t buf[PORTMAP_PCP_MSG_MAX + 100];
	size_t len = from_hex(hex, buf, sizeof(buf));

	return portmap_pcp_read(buf, len, ret_answer);
}

static void an_answer_is_read_whole(void **state)
{
	static const uint8_t nonce[PORTMAP_PCP_NONCE_LEN] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
	struct adit_addr want = addr("203.0.113.9:4501");
	struct portmap_pcp_answer a;

	(void)state;
	assert_int_equal(read_hex(ANSWER, &a), 0);
	assert_int_equal(a.version, 2);
	assert_int_equal(a.opcode, PORTMAP_PCP_MAP);
	assert_int_equal(a.result, PORTMAP_PCP_SUCCESS);
	assert_int_equal(a.lifetime, 3600);
	assert_int_equal(a.epoch, 0x1234);
	assert_true(a.has_map);
	assert_memory_equal(a.nonce, nonce, sizeof(nonce));
	assert_int_equal(a.protocol, PORTMAP_UDP);
	assert_int_equal(a.internal_port, 4500);
	assert_true(adit_addr_eq(&a.external, &want));
}

static void an_answer_with_an_ipv6_address_is_read(void **state)
{
	struct adit_addr want = addr("[2001:db8::5]:4500");
	struct portmap_pcp_answer a;

	(void)state;
	assert_int_equal(read_hex("0281 0000 0000 0e10 0000 1234 0000 0000 0000 0000 0000 0000" NONCE
				  "11 000000 1194 1194 2001 0db8 0000 0000 0000 0000 0000 0005",
				  &a),
			 0);
	assert_true(adit_addr_eq(&a.external, &want));
}

static void an_announcement_is_a_bare_header(void **state)
{
	struct portmap_pcp_answer a;

	(void)state;
	assert_int_equal(read_hex("0280 0000 0000 0000 0000 0007 0000 0000 0000 0000 0000 0000", &a), 0);
	assert_int_equal(a.opcode, PORTMAP_PCP_ANNOUNCE);
	assert_int_equal(a.epoch, 7);
	assert_false(a.has_map);
}

static void another_version_is_read_only_where_it_says_unsupported(void **state)
{
	struct portmap_pcp_answer a;

	(void)state;
	assert_int_equal(read_hex("0181 0001 0000 0708 0000 0007 0000 0000 0000 0000 0000 0000", &a), 0);
	assert_int_equal(a.version, 1);
	assert_int_equal(a.result, PORTMAP_PCP_UNSUPP_VERSION);
	assert_false(a.has_map);
	assert_int_equal(read_hex("0181 0000 0000 0708 0000 0007 0000 0000 0000 0000 0000 0000", &a), ADIT_EVERSION);
	assert_int_equal(read_hex("0381 0002 0000 0708 0000 0007 0000 0000 0000 0000 0000 0000", &a), ADIT_EVERSION);
}

static void every_truncation_of_an_answer_is_refused(void **state)
{
	uint8_t buf[PORTMAP_PCP_MAP_LEN];
	struct portmap_pcp_answer a;

	(void)state;
	assert_int_equal(from_hex(ANSWER, buf, sizeof(buf)), sizeof(buf));
	for (size_t len = 0; len < sizeof(buf); len++)
		assert_int_equal(portmap_pcp_read(buf, len, &a), ADIT_EPROTO);
}

static void requests_other_opcodes_and_odd_lengths_are_refused(void **state)
{
	uint8_t buf[PORTMAP_PCP_MSG_MAX + 4] = {0};
	struct portmap_pcp_answer a;

	(void)state;
	assert_int_equal(read_hex(REQUEST, &a), ADIT_EPROTO);
	assert_int_equal(read_hex("0282 0000 0000 0e10 0000 1234 0000 0000 0000 0000 0000 0000", &a), ADIT_EPROTO);
	assert_int_equal(read_hex(ANSWER "00", &a), ADIT_EPROTO);
	assert_int_equal(from_hex(ANSWER, buf, sizeof(buf)), PORTMAP_PCP_MAP_LEN);
	memset(buf + PORTMAP_PCP_MAP_LEN, 0x80, sizeof(buf) - PORTMAP_PCP_MAP_LEN);
	for (size_t at = PORTMAP_PCP_MAP_LEN; at < sizeof(buf); at += 4)
		memcpy(buf + at, "\x80\0\0\0", 4); /* options without data, that may be passed over */
	assert_int_equal(portmap_pcp_read(buf, PORTMAP_PCP_MSG_MAX, &a), 0);
	assert_int_equal(portmap_pcp_read(buf, PORTMAP_PCP_MSG_MAX + 4, &a), ADIT_EPROTO);
}

static void options_that_may_be_passed_over_are(void **state)
{
	struct portmap_pcp_answer a;

	(void)state;
	assert_int_equal(read_hex(ANSWER "80000003 61626300", &a), 0); /* DESCRIPTION, padded */
	assert_int_equal(read_hex(ANSWER "02000000", &a), 0); /* PREFER_FAILURE */
}

static void an_answer_for_a_third_party_or_with_a_filter_is_refused(void **state)
{
	struct portmap_pcp_answer a;

	(void)state;
	assert_int_equal(read_hex(ANSWER "01000010 00000000 00000000 0000ffff c0a80142", &a), ADIT_EPROTO);
	assert_int_equal(read_hex(ANSWER "03000014 00800000 00000000 00000000 0000ffff 01020304", &a), ADIT_EPROTO);
	assert_int_equal(read_hex(ANSWER "7f000000", &a), ADIT_EPROTO);
}

static void an_option_longer_than_the_message_is_refused(void **state)
{
	struct portmap_pcp_answer a;

	(void)state;
	assert_int_equal(read_hex(ANSWER "80000004", &a), ADIT_EPROTO);
	assert_int_equal(read_hex(ANSWER "8000ffff 00000000", &a), ADIT_EPROTO);
	assert_int_equal(read_hex(ANSWER "8000fffd 00000000", &a), ADIT_EPROTO);
}

/* RFC 6887 8.5, with its own fractions. */
static void the_epoch_may_lag_by_a_sixteenth_and_two_seconds(void **state)
{
	static const struct {
		uint32_t before;
		uint32_t epoch;
		uint64_t elapsed;
		bool fits;
	} cases[] = {
		{1000, 1100, 100, true},
		{1000, 1000, 0, true},
		{1000, 999, 0, true},
		{1000, 998, 0, false},
		{1000, 0, 5, false},
		{0, 0, 2, true},
		{0, 0, 3, false},
		{1000, 1092, 100, true},
		{1000, 1091, 100, false},
		{1000, 1108, 100, true},
		{1000, 1109, 100, false},
		{0, UINT32_MAX, 1, false},
		{UINT32_MAX, 0, 1, false},
		{UINT32_MAX, UINT32_MAX, 1, true},
		{0, UINT32_MAX, UINT32_MAX, true},
		{5, 5, UINT64_MAX / 2, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(portmap_pcp_epoch_fits(cases[i].before, cases[i].epoch, cases[i].elapsed),
				 cases[i].fits);
}

static void every_result_has_words(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 256; i++)
		assert_true(strlen(portmap_pcp_text((uint8_t)i)) > 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_map_request_has_the_layout_of_rfc6887),
		cmocka_unit_test(a_request_without_a_wish_has_the_zero_address_of_its_family),
		cmocka_unit_test(deleting_leaves_the_wish_out),
		cmocka_unit_test(an_answer_is_read_whole),
		cmocka_unit_test(an_answer_with_an_ipv6_address_is_read),
		cmocka_unit_test(an_announcement_is_a_bare_header),
		cmocka_unit_test(another_version_is_read_only_where_it_says_unsupported),
		cmocka_unit_test(every_truncation_of_an_answer_is_refused),
		cmocka_unit_test(requests_other_opcodes_and_odd_lengths_are_refused),
		cmocka_unit_test(options_that_may_be_passed_over_are),
		cmocka_unit_test(an_answer_for_a_third_party_or_with_a_filter_is_refused),
		cmocka_unit_test(an_option_longer_than_the_message_is_refused),
		cmocka_unit_test(the_epoch_may_lag_by_a_sixteenth_and_two_seconds),
		cmocka_unit_test(every_result_has_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
