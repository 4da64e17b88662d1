#include "test.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "core/ice/ice_candidate.h"

static int parse(const char *text, struct ice_candidate *c)
{
	/* In memory of its own size, so that a step outside is seen. */
	size_t len = strlen(text);
	char *copy = malloc(len ? len : 1);
	int r;

	assert_non_null(copy);
	memcpy(copy, text, len);
	r = ice_candidate_parse(copy, len, c);
	c->ufrag = NULL;
	free(copy);
	return r;
}

static struct adit_addr addr(const char *text)
{
	struct adit_addr a;

	assert_int_equal(adit_addr_parse(text, strlen(text), &a), 0);
	return a;
}

/* RFC 8839 5.1 and the examples of its appendix. */
static void lines_of_rfc8839_are_read(void **state)
{
	struct ice_candidate c;

	(void)state;
	assert_int_equal(
		parse("a=candidate:2 1 UDP 1694498815 192.0.2.3 45664 typ srflx raddr 203.0.113.141 rport 8998\r\n",
		      &c),
		0);
	assert_string_equal(c.foundation, "2");
	assert_int_equal(c.component, 1);
	assert_int_equal(c.priority, 1694498815);
	assert_int_equal(c.type, ICE_SRFLX);
	assert_true(adit_addr_eq(&c.addr, &(struct adit_addr){.ip = {192, 0, 2, 3}, .port = 45664, .family = 4}));
	assert_true(adit_addr_eq(&c.related, &(struct adit_addr){.ip = {203, 0, 113, 141}, .port = 8998, .family = 4}));
	assert_int_equal(parse("candidate:1 1 UDP 2130706431 2001:db8::1 8998 typ host", &c), 0);
	assert_true(adit_addr_is_v6(&c.addr));
	assert_int_equal(c.related.family, ADIT_FAMILY_NONE);
	/* As browsers write it: lower case, extensions, a generation. */
	assert_int_equal(parse("candidate:842163049 1 udp 1677729535 203.0.113.7 46154 typ srflx raddr 0.0.0.0 rport 0 "
			       "generation 0 ufrag EEtu network-cost 999",
			       &c),
			 0);
	assert_int_equal(c.ufrag_len, 4);
}

static void what_is_not_ours_is_told_from_what_is_broken(void **state)
{
	static const char *const others[] = {
		"candidate:1 1 TCP 2105458943 192.0.2.1 9 typ host tcptype active",
		"candidate:1 1 UDP 2130706431 2b5ffbd0-9ae8.local 5000 typ host",
		"candidate:1 1 UDP 2130706431 host.example 5000 typ host",
		"candidate:1 1 UDP 2130706431 192.0.2.1 5000 typ future",
		"candidate:1 1 UDP 2130706431 [2001:db8::1] 5000 typ host",
	};
	static const char *const broken[] = {
		"",
		"candidate:",
		"a=a=candidate:1 1 UDP 1 192.0.2.1 5000 typ host",
		"candidate:1 1 UDP 2130706431 192.0.2.1 5000",
		"candidate:1 1 UDP 2130706431 192.0.2.1 5000 typ",
		"candidate:1 0 UDP 2130706431 192.0.2.1 5000 typ host",
		"candidate:1 257 UDP 2130706431 192.0.2.1 5000 typ host",
		"candidate:1 1 UDP 0 192.0.2.1 5000 typ host",
		"candidate:1 1 UDP 2147483648 192.0.2.1 5000 typ host",
		"candidate:1 1 UDP 99999999999 192.0.2.1 5000 typ host",
		"candidate:1 1 UDP -1 192.0.2.1 5000 typ host",
		"candidate:1 1 UDP 2130706431 192.0.2.1 65536 typ host",
		"candidate:1 1 UDP 2130706431 192.0.2.1:80 5000 typ host",
		"candidate:1 1 UDP 2130706431 192.0.2.1 5000 typ host raddr",
		"candidate:1 1 UDP 2130706431 192.0.2.1 5000 typ srflx raddr 192.0.2.2 rport x",
		"candidate:a_b 1 UDP 2130706431 192.0.2.1 5000 typ host",
		"candidate:123456789012345678901234567890123 1 UDP 2130706431 192.0.2.1 5000 typ host",
	};
	struct ice_candidate c;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		assert_int_equal(parse(others[i], &c), ADIT_EIGNORED);
	for (size_t i = 0; i < ARRAY_LEN(broken); i++)
		assert_int_equal(parse(broken[i], &c), ADIT_EPROTO);
}

static void a_line_cut_anywhere_is_refused_or_read_without_harm(void **state)
{
	static const char line[] =
		"candidate:2 1 UDP 1694498815 192.0.2.3 45664 typ srflx raddr 203.0.113.141 rport 8998";
	struct ice_candidate c;
	char cut[sizeof(line)];

	(void)state;
	for (size_t i = 0; i < sizeof(line) - 1; i++) {
		int r;

		memcpy(cut, line, i);
		cut[i] = '\0';
		r = parse(cut, &c);
		/* Up to the type's last letter nothing is a candidate; behind it, what ends between two pairs of words.
		 */
		if (i < strlen("candidate:2 1 UDP 1694498815 192.0.2.3 45664 typ srflx"))
			assert_true(r < 0);
	}
}

static void a_line_that_is_too_long_is_refused(void **state)
{
	char line[ICE_LINE_MAX + 2];
	struct ice_candidate c;

	(void)state;
	memset(line, ' ', sizeof(line));
	memcpy(line, "candidate:1 1 UDP 1 192.0.2.1 5000 typ host", 43);
	assert_int_equal(ice_candidate_parse(line, ICE_LINE_MAX, &c), 0);
	assert_int_equal(ice_candidate_parse(line, ICE_LINE_MAX + 1, &c), ADIT_EPROTO);
}

static void what_is_written_is_read_again(void **state)
{
	static const char *const lines[] = {
		"candidate:1 1 UDP 2130706431 192.0.2.1 5000 typ host",
		"candidate:1 1 UDP 2130706431 2001:db8::1 5000 typ host",
		"candidate:2 1 UDP 1694498815 192.0.2.3 45664 typ srflx raddr 203.0.113.141 rport 8998",
		"candidate:ab+/ 1 UDP 1862270975 192.0.2.3 45664 typ prflx raddr 203.0.113.141 rport 8998",
		"candidate:3 1 UDP 16777215 2001:db8::2 1 typ relay raddr 2001:db8::3 rport 2",
	};
	char buf[ICE_LINE_MAX];
	struct ice_candidate c;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		assert_int_equal(parse(lines[i], &c), 0);
		assert_int_equal(ice_candidate_format(&c, buf, sizeof(buf)), strlen(lines[i]));
		assert_string_equal(buf, lines[i]);
		assert_int_equal(ice_candidate_format(&c, buf, strlen(lines[i])), ADIT_EFULL);
	}
}

/* RFC 8839 5.1: srflx must have a related address; one that is not told is 0.0.0.0 port 9. */
static void an_unsaid_related_address_has_the_private_form(void **state)
{
	struct ice_candidate c = {.type = ICE_SRFLX, .component = 1, .priority = 5, .foundation = "7"};
	char buf[ICE_LINE_MAX];

	(void)state;
	c.addr = addr("192.0.2.1:5000");
	assert_true(ice_candidate_format(&c, buf, sizeof(buf)) > 0);
	assert_string_equal(buf, "candidate:7 1 UDP 5 192.0.2.1 5000 typ srflx raddr 0.0.0.0 rport 9");
	c.addr = addr("[2001:db8::1]:5000");
	assert_true(ice_candidate_format(&c, buf, sizeof(buf)) > 0);
	assert_string_equal(buf, "candidate:7 1 UDP 5 2001:db8::1 5000 typ srflx raddr :: rport 9");
}

/* RFC 8445 5.1.2.1 */
static void priorities_are_those_of_section_5_1_2_1(void **state)
{
	(void)state;
	assert_int_equal(ice_candidate_priority(ICE_HOST, 65535), 2130706431u);
	assert_int_equal(ice_candidate_priority(ICE_PRFLX, 65535), 1862270975u);
	assert_int_equal(ice_candidate_priority(ICE_SRFLX, 65535), 1694498815u);
	assert_int_equal(ice_candidate_priority(ICE_RELAY, 65535), 16777215u);
	assert_int_equal(ice_candidate_priority(ICE_RELAY, 0), 255u);
}

/* RFC 8445 6.1.2.3 */
static void pair_priorities_are_those_of_section_6_1_2_3(void **state)
{
	(void)state;
	assert_true(ice_candidate_pair_priority(2130706431u, 1694498815u) == UINT64_C(0x64FFFFFFFDFFFFFF));
	assert_true(ice_candidate_pair_priority(1694498815u, 2130706431u) == UINT64_C(0x64FFFFFFFDFFFFFE));
	assert_true(ice_candidate_pair_priority(5, 5) == (UINT64_C(5) << 32) + 10);
}

static void addresses_nobody_may_be_sent_to_are_refused(void **state)
{
	static const struct {
		const char *text;
		enum ice_refusal why;
	} cases[] = {
		{"192.0.2.1:5000", ICE_REFUSED_NOT},
		{"10.1.2.3:5000", ICE_REFUSED_NOT}, /* counted elsewhere */
		{"[2001:db8::1]:5000", ICE_REFUSED_NOT},
		{"[fe80::1]:5000", ICE_REFUSED_NOT},
		{"192.0.2.1", ICE_REFUSED_PORT},
		{"127.0.0.1:5000", ICE_REFUSED_LOOPBACK},
		{"127.255.0.1:5000", ICE_REFUSED_LOOPBACK},
		{"[::1]:5000", ICE_REFUSED_LOOPBACK},
		{"[::ffff:127.0.0.1]:5000", ICE_REFUSED_LOOPBACK},
		{"224.0.0.1:5000", ICE_REFUSED_MULTICAST},
		{"239.255.255.250:1900", ICE_REFUSED_MULTICAST},
		{"255.255.255.255:5000", ICE_REFUSED_MULTICAST},
		{"240.0.0.1:5000", ICE_REFUSED_MULTICAST},
		{"[ff02::1]:5000", ICE_REFUSED_MULTICAST},
		{"[::ffff:224.0.0.1]:5000", ICE_REFUSED_MULTICAST},
		{"0.0.0.0:5000", ICE_REFUSED_ANY},
		{"0.1.2.3:5000", ICE_REFUSED_ANY},
		{"[::]:5000", ICE_REFUSED_ANY},
		{"[::ffff:192.0.2.1]:5000", ICE_REFUSED_OBSOLETE},
		{"[::192.0.2.1]:5000", ICE_REFUSED_OBSOLETE},
		{"[fec0::1]:5000", ICE_REFUSED_OBSOLETE},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct adit_addr a = addr(cases[i].text);

		assert_int_equal(ice_candidate_judge(&a, false), cases[i].why);
	}
	assert_int_equal(ice_candidate_judge(&(struct adit_addr){.ip = {127, 0, 0, 1}, .port = 1, .family = 4}, true),
			 ICE_REFUSED_NOT);
}

/* RFC 8445 6.1.2.2 */
static void only_what_can_talk_is_paired(void **state)
{
	struct adit_addr v4 = addr("192.0.2.1:1");
	struct adit_addr link4 = addr("169.254.1.1:1");
	struct adit_addr v6 = addr("[2001:db8::1]:1");
	struct adit_addr link6 = addr("[fe80::1]:1");
	struct adit_addr loop = addr("127.0.0.1:1");

	(void)state;
	assert_true(ice_candidate_can_pair(&v4, &v4));
	assert_true(ice_candidate_can_pair(&v6, &v6));
	assert_true(ice_candidate_can_pair(&link6, &link6));
	assert_true(ice_candidate_can_pair(&link4, &v4));
	assert_false(ice_candidate_can_pair(&v4, &v6));
	assert_false(ice_candidate_can_pair(&v6, &link6));
	assert_false(ice_candidate_can_pair(&v4, &loop));
	assert_true(ice_candidate_can_pair(&loop, &loop));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_of_rfc8839_are_read),
		cmocka_unit_test(what_is_not_ours_is_told_from_what_is_broken),
		cmocka_unit_test(a_line_cut_anywhere_is_refused_or_read_without_harm),
		cmocka_unit_test(a_line_that_is_too_long_is_refused),
		cmocka_unit_test(what_is_written_is_read_again),
		cmocka_unit_test(an_unsaid_related_address_has_the_private_form),
		cmocka_unit_test(priorities_are_those_of_section_5_1_2_1),
		cmocka_unit_test(pair_priorities_are_those_of_section_6_1_2_3),
		cmocka_unit_test(addresses_nobody_may_be_sent_to_are_refused),
		cmocka_unit_test(only_what_can_talk_is_paired),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
