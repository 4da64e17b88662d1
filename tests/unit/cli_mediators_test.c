#include "test.h"

#include <fcntl.h>
#include <string.h>

#include "cli/cli_mediators.h"
#include "crypto/crypto.h"
#include "io_tmpdir.h"

static struct cli cli; /* large */
static struct io_state st;
static struct io_why why;
static struct cli_mediators m;
static int null_fd;

static int setup(void **state)
{
	if (tmp_setup(state) != 0 || io_state_open(&st, tmp_path("s"), &why) != 0)
		return -1;
	null_fd = open("/dev/null", O_WRONLY);
	cli_msg_init(&cli.msg, null_fd, null_fd);
	cli_opts_init(&cli.opts);
	return null_fd < 0;
}

static int teardown(void **state)
{
	io_state_close(&st);
	close(null_fd);
	return tmp_teardown(state);
}

static void give(const char *text)
{
	struct cli_fault f;

	if (cli_opts_set(&cli.opts, CLI_FOR_SERVE, CLI_RANK_ARGV, "mediator", text, &f) != 0)
		fail_msg("%s", f.what);
}

static void there_is_one_spelling_for_each(void **state)
{
	char text[CLI_MEDIATORS_STRLEN];

	(void)state;
	give("Meet.Example.ORG:3478");
	give("meet.example.org");
	give("[2001:DB8:0::1]:3478");
	give("192.0.2.7:3479");
	cli_mediators_given(&cli.opts, &m);
	assert_int_equal(m.n, 3);
	assert_string_equal(cli_mediators_text(&m, text), "meet.example.org, 2001:db8::1 and 192.0.2.7:3479");
	assert_int_equal(m.host[1].addr.family, ADIT_FAMILY_V6);
}

static void a_ticket_carries_them_as_they_are(void **state)
{
	static const uint8_t identity[TRUST_KEY_LEN] = {7};
	struct adit_rng rng = crypto_rng();
	char text[TRUST_TICKET_TEXT_MAX + 1];
	struct trust_ticket t;
	struct trust_ticket got;

	(void)state;
	give("meet.example.org:3480");
	give("[2001:db8::1]:9");
	cli_mediators_given(&cli.opts, &m);
	trust_ticket_init(&t, identity, &rng);
	assert_int_equal(cli_mediators_hint(&cli, &m, &t), CLI_GO);
	assert_true(trust_ticket_encode(&t, &crypto_gnutls, text) > 0);
	assert_int_equal(trust_ticket_decode(text, strlen(text), &crypto_gnutls, &got), 0);
	cli_mediators_hinted(&got, &m);
	assert_int_equal(m.n, 2);
	assert_string_equal(m.name[0], "meet.example.org:3480");
	assert_int_equal(m.host[0].port, 3480);
	assert_string_equal(m.name[1], "[2001:db8::1]:9");
	assert_int_equal(m.host[1].addr.port, 9);
}

static void a_hint_that_is_no_host_is_passed_over(void **state)
{
	struct trust_ticket t = {0};

	(void)state;
	assert_int_equal(trust_ticket_add_mediator(&t, "meet.example.org:0"), 0);
	assert_int_equal(trust_ticket_add_mediator(&t, "[::1"), 0);
	assert_int_equal(trust_ticket_add_mediator(&t, "Meet.example.org"), 0);
	cli_mediators_hinted(&t, &m);
	assert_int_equal(m.n, 1);
	assert_string_equal(m.name[0], "Meet.example.org");
}

static void later_tickets_know_what_serve_used(void **state)
{
	(void)state;
	cli_mediators_recall(&st, &m);
	assert_int_equal(m.n, 0);
	give("meet.example.org");
	give("192.0.2.7:3479");
	cli_mediators_given(&cli.opts, &m);
	cli_mediators_keep(&cli, &st, &m);
	cli_mediators_recall(&st, &m);
	assert_int_equal(m.n, 2);
	assert_string_equal(m.name[1], "192.0.2.7:3479");
	assert_int_equal(m.host[1].addr.port, 3479);
	m.n = 0;
	cli_mediators_keep(&cli, &st, &m);
	cli_mediators_recall(&st, &m);
	assert_int_equal(m.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(there_is_one_spelling_for_each, setup, teardown),
		cmocka_unit_test_setup_teardown(a_ticket_carries_them_as_they_are, setup, teardown),
		cmocka_unit_test_setup_teardown(a_hint_that_is_no_host_is_passed_over, setup, teardown),
		cmocka_unit_test_setup_teardown(later_tickets_know_what_serve_used, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
