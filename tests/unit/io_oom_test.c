#include "test.h"

#include <fcntl.h>
#include <string.h>

#include "cli/cli_msg.h"
#include "cli/cli_peer.h"
#include "crypto/crypto.h"
#include "io/io_memory.h"
#include "io/io_peers.h"
#include "io/io_tickets.h"
#include "io_tmpdir.h"
#include "oom.h"

static struct io_state st;
static struct io_why why;
static struct io_peer peer;
static struct cli cli;
static struct cli_fault f;
static unsigned runs;

static int setup(void **state)
{
	runs = 0;
	if (tmp_setup(state) != 0 || io_state_open(&st, tmp_path("s"), &why) != 0)
		return -1;
	tmp_write("s/tickets",
		  "adit tickets 1\n"
		  "label=a id=00000001 secret=00112233445566778899aabbccddeeff created=1\n"
		  "label=b id=00000002 secret=00112233445566778899aabbccddeeff created=1\n"
		  "label=c id=00000003 secret=00112233445566778899aabbccddeeff created=1\n",
		  0600);
	cli_opts_init(&cli.opts);
	cli_msg_init(&cli.msg, open("/dev/null", O_WRONLY | O_CLOEXEC), open("/dev/null", O_WRONLY | O_CLOEXEC));
	return 0;
}

static int teardown(void **state)
{
	close(cli.msg.out);
	close(cli.msg.err);
	io_state_close(&st);
	return tmp_teardown(state);
}

static bool load_tickets(void)
{
	struct io_tickets t;

	if (io_tickets_load(&st, &t, &why) != 0)
		return false;
	io_tickets_done(&t);
	return true;
}

static bool make_ticket(void)
{
	struct adit_rng rng = crypto_rng();
	struct io_ticket t;
	char label[16];

	snprintf(label, sizeof(label), "new-%u", runs++);
	return io_tickets_new(&st, label, false, &rng, 0, &t, &why) == 0;
}

static bool save_peer(void)
{
	snprintf(peer.name, sizeof(peer.name), "p-%u", runs++);
	return io_peers_add(&st, &peer, &why) == 0;
}

static bool remember(void)
{
	return io_memory_set(&st, IO_MEMORY_PORTS, "web", ++runs, &why) == 0;
}

static bool identify(void)
{
	struct crypto_identity id;

	return io_state_identity(&st, &id, &why) == 0;
}

static bool write_json(void)
{
	struct cli_json j;

	cli_json_init(&j);
	cli_json_array(&j, NULL);
	for (int i = 0; i < 500; i++)
		cli_json_int(&j, NULL, i);
	cli_json_array_end(&j);
	cli.msg.out_errno = 0;
	cli_out_json(&cli.msg, &j);
	cli_out(&cli.msg, "%s", "text");
	return cli_msg_finish(&cli.msg, 0) == 0;
}

/* Words that are tickets are copied; the word of an earlier run is a row of x by then. */
static bool read_argv(void)
{
	char ticket[] =
		"adit1aeaxu4kburtc2zfzgs252pdod3h7tajtnkmi6larokynyhmtkd3hgkajlvnpxxtgbdiosvppyoesijesz6dk6ico2cvqk";
	char name[] = "connect";
	char *argv[] = {name, ticket, NULL};
	bool ok;

	cli_opts_init(&cli.opts);
	ok = cli_opts_argv(&cli.opts, CLI_FOR_CONNECT, 2, argv, &f) == 0 &&
	     cli_opts_words(&cli.opts, CLI_FOR_CONNECT, NULL, &f) == 0;
	cli_opts_done(&cli.opts);
	return ok;
}

static bool find_peer(void)
{
	char home[] = "home";
	char name[] = "connect";
	char *argv[] = {name, home, NULL};
	struct trust_ticket t;
	bool ok;

	cli_opts_init(&cli.opts);
	cli.opts_for = CLI_FOR_CONNECT;
	ok = cli_opts_argv(&cli.opts, CLI_FOR_CONNECT, 2, argv, &f) == 0 &&
	     cli_opts_words(&cli.opts, CLI_FOR_CONNECT, NULL, &f) == 0 && cli_peer_find(&cli, &st, &t) == CLI_GO;
	cli_opts_done(&cli.opts);
	return ok;
}

/* The sanitizers see to it that nothing leaks or is used wrongly on the way. */
static void every_allocation_may_fail(void **state)
{
	static bool (*const steps[])(void) = {load_tickets, make_ticket, save_peer, remember,
					      identify,     write_json,  read_argv};
	struct io_tickets all;

	(void)state;
	snprintf(peer.ticket, sizeof(peer.ticket), "adit1abc");
	assert_true(identify()); /* making it needs no memory, reading it does */
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		if (oom_sweep(steps[i]) < 1)
			fail_msg("step %zu has no allocations, or hides that one failed", i);
	/* One ticket was made, by the run that had all it needed; the others changed nothing. */
	assert_int_equal(io_tickets_load(&st, &all, &why), 0);
	assert_int_equal(all.n, 4);
	assert_int_equal(all.damage.n, 0);
	io_tickets_done(&all);
}

static void a_peer_is_found_or_the_reason_is_told(void **state)
{
	static const uint8_t identity[TRUST_KEY_LEN] = {7};
	struct adit_rng rng = crypto_rng();
	struct trust_ticket t;

	(void)state;
	trust_ticket_init(&t, identity, &rng);
	assert_true(trust_ticket_encode(&t, &crypto_gnutls, peer.ticket) > 0);
	snprintf(peer.name, sizeof(peer.name), "home");
	assert_int_equal(io_peers_add(&st, &peer, &why), 0);
	assert_true(oom_sweep(find_peer) >= 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_allocation_may_fail, setup, teardown),
		cmocka_unit_test_setup_teardown(a_peer_is_found_or_the_reason_is_told, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
