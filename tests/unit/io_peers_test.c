#include "test.h"

#include <string.h>

#include "base/bytes.h"
#include "io/io_peers.h"
#include "io_tmpdir.h"

static struct io_state st;
static struct io_why why;
static struct io_damage damage;
static struct io_peer peer; /* large */
static struct io_peer other;

static int setup(void **state)
{
	memset(&damage, 0, sizeof(damage));
	if (tmp_setup(state) != 0)
		return -1;
	return io_state_open(&st, tmp_path("s"), &why);
}

static int teardown(void **state)
{
	io_state_close(&st);
	return tmp_teardown(state);
}

static void fill(const char *name)
{
	memset(&peer, 0, sizeof(peer));
	snprintf(peer.name, sizeof(peer.name), "%s", name);
	snprintf(peer.ticket, sizeof(peer.ticket), "adit1abc");
}

static void a_saved_peer_comes_back_with_all_its_options(void **state)
{
	(void)state;
	fill("home");
	assert_int_equal(io_peer_add_option(&peer, "peer", "203.0.113.10"), 0);
	assert_int_equal(io_peer_add_option(&peer, "connect", "unix:/a b/%c#d:web"), 0);
	assert_int_equal(io_peer_add_option(&peer, "connect", "7100:ssh"), 0);
	assert_int_equal(io_peers_add(&st, &peer, &why), 0);
	assert_int_equal(io_peers_get(&st, "home", &other, &damage, &why), 0);
	assert_string_equal(other.ticket, "adit1abc");
	assert_int_equal(other.n_options, 3);
	assert_string_equal(other.options[0].name, "peer");
	assert_string_equal(other.options[1].value, "unix:/a b/%c#d:web");
	assert_string_equal(other.options[2].value, "7100:ssh");
	assert_int_equal(damage.n, 0);
}

static void names_are_added_once_and_removed_once(void **state)
{
	(void)state;
	fill("home");
	assert_int_equal(io_peers_add(&st, &peer, &why), 0);
	assert_int_equal(io_peers_add(&st, &peer, &why), ADIT_EIGNORED);
	assert_non_null(strstr(why.what, "\"home\" is saved already"));
	assert_int_equal(io_peers_remove(&st, "work", &why), ADIT_ENOENT);
	assert_int_equal(io_peers_remove(&st, "home", &why), 0);
	assert_int_equal(io_peers_remove(&st, "home", &why), ADIT_ENOENT);
	assert_int_equal(io_peers_get(&st, "home", &other, &damage, &why), ADIT_ENOENT);
	assert_string_equal(tmp_read("s/peers"), "adit peers 1\n");
}

static void count(void *ctx, const struct io_peer *p)
{
	size_t *n = ctx;

	(void)p;
	++*n;
}

static void damaged_peers_are_told_and_kept(void **state)
{
	static const char text[] = "adit peers 1\n"
				   "name=home ticket=adit1abc peer=1.2.3.4\n"
				   "name=No ticket=adit1abc\n"
				   "ticket=adit1abc name=x\n"
				   "name=y\n"
				   "name=home ticket=adit1def\n"
				   "nonsense\n"
				   "name=work ticket=adit1abc\n";
	size_t n = 0;

	(void)state;
	tmp_write("s/peers", text, 0600);
	assert_int_equal(io_peers_each(&st, count, &n, &damage, &why), 0);
	assert_int_equal(n, 2);
	assert_int_equal(damage.n, 5);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(damage.lines[i].line, 3 + i);
	assert_string_equal(damage.lines[3].reason, "the name stands above already");
	assert_int_equal(io_peers_remove(&st, "work", &why), 0);
	assert_memory_equal(tmp_read("s/peers"), text, strlen(text) - strlen("name=work ticket=adit1abc\n"));
}

static void there_is_an_end_to_options_and_names(void **state)
{
	static char text[IO_PEERS_MAX * 32 + 100];
	char long_value[400];
	size_t at;

	(void)state;
	fill("home");
	memset(long_value, 'x', sizeof(long_value) - 1);
	long_value[sizeof(long_value) - 1] = '\0';
	assert_int_equal(io_peer_add_option(&peer, "connect", long_value), ADIT_EFULL);
	assert_int_equal(io_peer_add_option(&peer, long_value, "x"), ADIT_EFULL);
	long_value[300] = '\0';
	for (int i = 0; i < IO_PEER_OPTIONS; i++)
		assert_int_equal(io_peer_add_option(&peer, "connect", long_value), 0);
	assert_int_equal(io_peer_add_option(&peer, "connect", "x"), ADIT_EFULL);
	assert_int_equal(io_peers_add(&st, &peer, &why), ADIT_EFULL);
	assert_non_null(strstr(why.what, "more than 8192 bytes"));
	at = (size_t)sprintf(text, "adit peers 1\n");
	for (int i = 0; i < IO_PEERS_MAX; i++)
		at += (size_t)sprintf(text + at, "name=p%d ticket=adit1abc\n", i);
	tmp_write("s/peers", text, 0600);
	fill("more");
	assert_int_equal(io_peers_add(&st, &peer, &why), ADIT_EFULL);
	assert_non_null(strstr(why.what, "1000 names"));
}

static void a_file_that_is_no_store_is_left_alone(void **state)
{
	(void)state;
	tmp_write("s/peers", "hello\n", 0600);
	fill("home");
	assert_int_equal(io_peers_add(&st, &peer, &why), ADIT_EINVAL);
	assert_int_equal(io_peers_remove(&st, "home", &why), ADIT_EINVAL);
	assert_int_equal(io_peers_get(&st, "home", &other, &damage, &why), ADIT_EINVAL);
	assert_string_equal(tmp_read("s/peers"), "hello\n");
	tmp_write("s/peers", "adit peers 1\n", 0644);
	assert_int_equal(io_peers_get(&st, "home", &other, &damage, &why), ADIT_ESYS);
	assert_non_null(strstr(why.what, "is not private"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_saved_peer_comes_back_with_all_its_options, setup, teardown),
		cmocka_unit_test_setup_teardown(names_are_added_once_and_removed_once, setup, teardown),
		cmocka_unit_test_setup_teardown(damaged_peers_are_told_and_kept, setup, teardown),
		cmocka_unit_test_setup_teardown(there_is_an_end_to_options_and_names, setup, teardown),
		cmocka_unit_test_setup_teardown(a_file_that_is_no_store_is_left_alone, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
