#include "test.h"

#include <fcntl.h>
#include <string.h>

#include "cli/cli_peer.h"
#include "crypto/crypto.h"
#include "io/io_peers.h"
#include "io_tmpdir.h"

static struct cli cli; /* large */
static struct io_state st;
static struct io_why why;
static struct io_peer peer;
static struct trust_ticket made;
static struct trust_ticket found;
static char ticket[TRUST_TICKET_TEXT_MAX + 1];
static char said[8192];
static int err_fd;

static int setup(void **state)
{
	static const uint8_t identity[TRUST_KEY_LEN] = {7};
	struct adit_rng rng = crypto_rng();

	if (tmp_setup(state) != 0 || io_state_open(&st, tmp_path("s"), &why) != 0)
		return -1;
	trust_ticket_init(&made, identity, &rng);
	if (trust_ticket_encode(&made, &crypto_gnutls, ticket) < 0)
		return -1;
	err_fd = open(tmp_path("stderr"), O_RDWR | O_CREAT | O_TRUNC, 0600);
	memset(&peer, 0, sizeof(peer));
	return err_fd < 0;
}

static int teardown(void **state)
{
	cli_opts_done(&cli.opts);
	io_state_close(&st);
	close(err_fd);
	return tmp_teardown(state);
}

/* `adit connect |word| ...` up to where the ticket is known; what was printed is in |said|. */
static int find(enum cli_for cmd, char *word, char *option, char *value)
{
	static char name[] = "adit";
	static char service[] = "ssh";
	char *argv[6] = {name, word};
	int n = 2;
	struct cli_fault f;
	ssize_t len;
	int rc;

	if (cmd == CLI_FOR_PIPE)
		argv[n++] = service;
	if (option) {
		argv[n++] = option;
		argv[n++] = value;
	}
	cli_opts_done(&cli.opts);
	cli_opts_init(&cli.opts);
	cli_msg_init(&cli.msg, err_fd, err_fd);
	cli.opts_for = cmd;
	if (cli_opts_argv(&cli.opts, cmd, n, argv, &f) != 0 ||
	    cli_opts_words(&cli.opts, cmd, getenv("ADIT_TICKET"), &f) != 0)
		fail_msg("%s", f.what);
	memset(&found, 0, sizeof(found));
	assert_int_equal(ftruncate(err_fd, 0), 0);
	assert_int_equal(lseek(err_fd, 0, SEEK_SET), 0);
	rc = cli_peer_find(&cli, &st, &found);
	len = pread(err_fd, said, sizeof(said) - 1, 0);
	said[len > 0 ? len : 0] = '\0';
	return rc;
}

static void assert_found(void)
{
	assert_memory_equal(found.secret, made.secret, sizeof(made.secret));
	assert_memory_equal(found.identity, made.identity, sizeof(made.identity));
}

static void save(const char *name)
{
	snprintf(peer.name, sizeof(peer.name), "%s", name);
	snprintf(peer.ticket, sizeof(peer.ticket), "%s", ticket);
	assert_int_equal(io_peers_add(&st, &peer, &why), 0);
}

static void a_ticket_is_taken_from_the_word(void **state)
{
	char word[TRUST_TICKET_TEXT_MAX + 1];

	(void)state;
	strcpy(word, ticket);
	assert_int_equal(find(CLI_FOR_CONNECT, word, NULL, NULL), CLI_GO);
	assert_found();
	strcpy(word, ticket);
	word[40] = word[40] == 'a' ? 'b' : 'a';
	assert_int_equal(find(CLI_FOR_CONNECT, word, NULL, NULL), CLI_EXIT_BAD);
	assert_non_null(strstr(said, "the ticket is damaged"));
	strcpy(word, ticket);
	word[50] = '\0';
	assert_int_equal(find(CLI_FOR_CONNECT, word, NULL, NULL), CLI_EXIT_BAD);
}

static void a_ticket_is_taken_from_a_file_however_it_is_wrapped(void **state)
{
	char text[2048];
	char web[] = "web";
	char option[] = "--ticket-file";
	char path[256];

	(void)state;
	snprintf(path, sizeof(path), "%s", tmp_path("t"));
	snprintf(text, sizeof(text), "  %.40s\r\n%s\n\n", ticket, ticket + 40);
	tmp_write("t", text, 0600);
	assert_int_equal(find(CLI_FOR_CONNECT, web, option, path), CLI_GO);
	assert_found();
	assert_string_equal(said, "");
	assert_int_equal(chmod(path, 0644), 0);
	assert_int_equal(find(CLI_FOR_CONNECT, web, option, path), CLI_GO);
	assert_non_null(strstr(said, "warning: other users may read the ticket"));
	tmp_write("t", "home\n", 0600);
	assert_int_equal(find(CLI_FOR_CONNECT, web, option, path), CLI_EXIT_BAD);
	assert_non_null(strstr(said, "is no ticket"));
	assert_int_equal(unlink(path), 0);
	assert_int_equal(find(CLI_FOR_CONNECT, web, option, path), CLI_EXIT_LOCAL);
	assert_non_null(strstr(said, "No such file"));
}

static void a_ticket_is_taken_from_the_environment(void **state)
{
	char web[] = "web";

	(void)state;
	setenv("ADIT_TICKET", ticket, 1);
	assert_int_equal(find(CLI_FOR_CONNECT, web, NULL, NULL), CLI_GO);
	assert_found();
	setenv("ADIT_TICKET", "nonsense", 1);
	assert_int_equal(find(CLI_FOR_CONNECT, web, NULL, NULL), CLI_EXIT_BAD);
	assert_non_null(strstr(said, "the ticket in ADIT_TICKET is no ticket"));
	unsetenv("ADIT_TICKET");
}

static void a_saved_name_brings_its_options(void **state)
{
	char home[] = "home";
	char option[] = "--port";
	char value[] = "9";

	(void)state;
	assert_int_equal(io_peer_add_option(&peer, "peer", "203.0.113.10"), 0);
	assert_int_equal(io_peer_add_option(&peer, "port", "5"), 0);
	assert_int_equal(io_peer_add_option(&peer, "timeout", "7"), 0);
	assert_int_equal(io_peer_add_option(&peer, "connect", "7100:web"), 0);
	save("home");
	assert_int_equal(find(CLI_FOR_CONNECT, home, option, value), CLI_GO);
	assert_found();
	assert_int_equal(cli.opts.meet.n_peers, 1);
	assert_string_equal(cli.opts.meet.peers[0].name, "203.0.113.10");
	assert_int_equal(cli.opts.meet.port, 9);
	assert_int_equal(cli.opts.meet.timeout, ADIT_SEC(7));
	assert_int_equal(cli.opts.connect.n_forwards, 1);
	assert_int_equal(find(CLI_FOR_PIPE, home, NULL, NULL), CLI_GO);
	assert_int_equal(cli.opts.connect.n_forwards, 1);
	assert_string_equal(cli.opts.connect.forwards[0].service, "ssh");
}

static void an_unknown_name_is_guessed_at(void **state)
{
	char hoem[] = "hoem";
	char other[] = "xyz";

	(void)state;
	assert_int_equal(find(CLI_FOR_CONNECT, hoem, NULL, NULL), CLI_EXIT_USAGE);
	assert_non_null(strstr(said, "adit peer add NAME"));
	save("home");
	assert_int_equal(find(CLI_FOR_CONNECT, hoem, NULL, NULL), CLI_EXIT_USAGE);
	assert_non_null(strstr(said, "did you mean home?"));
	assert_int_equal(find(CLI_FOR_CONNECT, other, NULL, NULL), CLI_EXIT_USAGE);
	assert_non_null(strstr(said, "adit peer list"));
}

static void a_saved_peer_that_makes_no_sense_is_told_where(void **state)
{
	char home[] = "home";
	char text[2048];

	(void)state;
	snprintf(text, sizeof(text), "adit peers 1\nbroken\nname=home ticket=%s hop=3\n", ticket);
	tmp_write("s/peers", text, 0600);
	assert_int_equal(find(CLI_FOR_CONNECT, home, NULL, NULL), CLI_EXIT_BAD);
	assert_non_null(strstr(said, "peers:2 is damaged and ignored"));
	assert_non_null(strstr(said, "the peer \"home\", saved in"));
	assert_non_null(strstr(said, "unknown option \"hop\""));
	snprintf(text, sizeof(text), "adit peers 1\nname=home ticket=adit1abc\n");
	tmp_write("s/peers", text, 0600);
	assert_int_equal(find(CLI_FOR_CONNECT, home, NULL, NULL), CLI_EXIT_BAD);
	assert_non_null(strstr(said, "the saved ticket of \"home\""));
}

static void a_saved_mediator_gives_way_to_the_command_line(void **state)
{
	char home[] = "home";
	char mediator[] = "--mediator";
	char host[] = "other.example.org";

	(void)state;
	assert_int_equal(io_peer_add_option(&peer, "mediator", "meet.example.org"), 0);
	assert_int_equal(io_peer_add_option(&peer, "mediator", "meet.example.net"), 0);
	save("home");
	assert_int_equal(find(CLI_FOR_CONNECT, home, NULL, NULL), CLI_GO);
	assert_int_equal(cli.opts.meet.n_mediators, 2);
	assert_string_equal(cli.opts.meet.mediators[1].name, "meet.example.net");
	assert_int_equal(find(CLI_FOR_CONNECT, home, mediator, host), CLI_GO);
	assert_int_equal(cli.opts.meet.n_mediators, 1);
	assert_string_equal(cli.opts.meet.mediators[0].name, host);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_ticket_is_taken_from_the_word, setup, teardown),
		cmocka_unit_test_setup_teardown(a_ticket_is_taken_from_a_file_however_it_is_wrapped, setup, teardown),
		cmocka_unit_test_setup_teardown(a_ticket_is_taken_from_the_environment, setup, teardown),
		cmocka_unit_test_setup_teardown(a_saved_name_brings_its_options, setup, teardown),
		cmocka_unit_test_setup_teardown(an_unknown_name_is_guessed_at, setup, teardown),
		cmocka_unit_test_setup_teardown(a_saved_peer_that_makes_no_sense_is_told_where, setup, teardown),
		cmocka_unit_test_setup_teardown(a_saved_mediator_gives_way_to_the_command_line, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
