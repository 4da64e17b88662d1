#include "test.h"

#include <string.h>

#include "cli/cli_relays.h"

static struct cli_relays r;
static struct cli_fault f;

static int parse(const char *text)
{
	f = (struct cli_fault){0};
	return cli_relays_parse(&r, "relays", text, strlen(text), &f);
}

static void a_line_is_a_server_with_user_and_password(void **state)
{
	(void)state;
	assert_int_equal(parse("# ours\n"
			       "turn:one.example ann se#cret\n"
			       "\n"
			       "  turns:two.example:443\tbob   p/w+0=  # behind\n"
			       "turn:192.0.2.1?transport=tcp 1790000000:ann aGVsbG8=\r\n"),
			 0);
	assert_int_equal(r.n, 3);
	assert_string_equal(r.relay[0].uri.host, "one.example");
	assert_string_equal(r.relay[0].user, "ann");
	assert_string_equal(r.relay[0].pass, "se#cret");
	assert_int_equal(r.relay[1].uri.transport, TURN_TLS);
	assert_int_equal(r.relay[1].uri.port, 443);
	assert_string_equal(r.relay[1].pass, "p/w+0=");
	assert_string_equal(r.relay[2].user, "1790000000:ann");
	assert_string_equal(r.relay[2].pass, "aGVsbG8=");
	cli_relays_done(&r);
	assert_int_equal(r.n, 0);
	assert_int_equal(r.relay[0].pass[0], 0);
}

static void a_secret_stands_in_place_of_a_user(void **state)
{
	(void)state;
	assert_int_equal(parse("turn:one.example secret 0123456789abcdef\nturn:two.example secretary x\n"), 0);
	assert_true(r.relay[0].is_secret);
	assert_string_equal(r.relay[0].pass, "0123456789abcdef");
	assert_false(r.relay[1].is_secret);
	assert_string_equal(r.relay[1].user, "secretary");
}

static void the_last_line_of_a_server_counts(void **state)
{
	(void)state;
	assert_int_equal(parse("turn:one.example ann old\nturn:one.example:3478 ann new"), 0);
	assert_int_equal(r.n, 1);
	assert_string_equal(r.relay[0].pass, "new");
}

static void what_is_no_line_is_named_by_its_number(void **state)
{
	static const struct {
		const char *text;
		const char *where;
		const char *what;
	} bad[] = {
		{"stun:one.example ann secret", "relays:1", "no address of a TURN server"},
		{"\n\nturn:one.example", "relays:3", "user and password"},
		{"turn:one.example ann", "relays:1", "user and password"},
		{"turn:one.example ann secret more", "relays:1", "user and password"},
		{"turn:a u p\nturn:b u p\nturn:c u p\nturn:d u p\nturn:e u p", "relays:5", "more than 4"},
		{"turn:a u p\x01", "relays:1", "control character"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(parse(bad[i].text), ADIT_EINVAL);
		assert_int_equal(f.exit, CLI_EXIT_BAD);
		if (!strstr(f.what, bad[i].where) || !strstr(f.what, bad[i].what))
			fail_msg("\"%s\" is told as \"%s\"", bad[i].text, f.what);
		/* A password is no part of a message. */
		assert_null(strstr(f.what, "secret"));
	}
}

static void a_user_or_password_that_is_too_long_is_refused(void **state)
{
	char text[700];

	(void)state;
	snprintf(text, sizeof(text), "turn:a u %0*d", TURN_PASS_MAX, 0);
	assert_int_equal(parse(text), 0);
	assert_int_equal(strlen(r.relay[0].pass), TURN_PASS_MAX);
	snprintf(text, sizeof(text), "turn:a u %0*d", TURN_PASS_MAX + 1, 0);
	assert_int_equal(parse(text), ADIT_EINVAL);
	snprintf(text, sizeof(text), "turn:a %0*d p", TURN_USER_MAX + 1, 0);
	assert_int_equal(parse(text), ADIT_EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_is_a_server_with_user_and_password),
		cmocka_unit_test(a_secret_stands_in_place_of_a_user),
		cmocka_unit_test(the_last_line_of_a_server_counts),
		cmocka_unit_test(what_is_no_line_is_named_by_its_number),
		cmocka_unit_test(a_user_or_password_that_is_too_long_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
