#include "test.h"

#include <string.h>

#include "io/io_memory.h"
#include "io_tmpdir.h"

static struct io_state st;
static struct io_why why;

static int setup(void **state)
{
	if (tmp_setup(state) != 0)
		return -1;
	return io_state_open(&st, tmp_path("s"), &why);
}

static int teardown(void **state)
{
	io_state_close(&st);
	return tmp_teardown(state);
}

static void a_port_is_remembered_and_may_change(void **state)
{
	uint64_t v;

	(void)state;
	assert_int_equal(io_memory_get(&st, IO_MEMORY_PORTS, "abc/web", &v, &why), ADIT_ENOENT);
	assert_string_equal(why.what, "");
	assert_int_equal(io_memory_set(&st, IO_MEMORY_PORTS, "abc/web", 40001, &why), 0);
	assert_int_equal(io_memory_set(&st, IO_MEMORY_PORTS, "abc/ssh", 40002, &why), 0);
	assert_int_equal(io_memory_get(&st, IO_MEMORY_PORTS, "abc/web", &v, &why), 0);
	assert_int_equal(v, 40001);
	assert_int_equal(io_memory_set(&st, IO_MEMORY_PORTS, "abc/web", 39999, &why), 0);
	assert_int_equal(io_memory_get(&st, IO_MEMORY_PORTS, "abc/web", &v, &why), 0);
	assert_int_equal(v, 39999);
}

static void a_horizon_only_rises(void **state)
{
	uint64_t v;

	(void)state;
	assert_int_equal(io_memory_set(&st, IO_MEMORY_HORIZONS, "default", UINT64_MAX - 1, &why), 0);
	assert_int_equal(io_memory_set(&st, IO_MEMORY_HORIZONS, "default", 5, &why), 0);
	assert_int_equal(io_memory_get(&st, IO_MEMORY_HORIZONS, "default", &v, &why), 0);
	assert_true(v == UINT64_MAX - 1);
}

static void a_clock_may_be_ahead_or_behind(void **state)
{
	uint64_t v;

	(void)state;
	assert_int_equal(io_memory_set(&st, IO_MEMORY_CLOCKS, "abcdefgh", IO_MEMORY_CLOCK_ZERO - 30000, &why), 0);
	assert_int_equal(io_memory_get(&st, IO_MEMORY_CLOCKS, "abcdefgh", &v, &why), 0);
	assert_true(v == IO_MEMORY_CLOCK_ZERO - 30000);
	assert_int_equal(io_memory_set(&st, IO_MEMORY_CLOCKS, "abcdefgh", 2 * IO_MEMORY_CLOCK_ZERO + 1, &why),
			 ADIT_EINVAL);
}

static void a_text_is_kept_as_it_is(void **state)
{
	static const char names[] = "meet.example.org [2001:db8::1]:3479";
	char text[IO_MEMORY_TEXT_MAX + 1];
	char longest[IO_MEMORY_TEXT_MAX + 2];

	(void)state;
	assert_int_equal(io_memory_get_text(&st, IO_MEMORY_MEDIATORS, "serve", text, &why), ADIT_ENOENT);
	assert_int_equal(io_memory_set_text(&st, IO_MEMORY_MEDIATORS, "serve", names, &why), 0);
	assert_int_equal(io_memory_get_text(&st, IO_MEMORY_MEDIATORS, "serve", text, &why), 0);
	assert_string_equal(text, names);
	assert_int_equal(io_memory_set_text(&st, IO_MEMORY_MEDIATORS, "serve", "", &why), 0);
	assert_int_equal(io_memory_get_text(&st, IO_MEMORY_MEDIATORS, "serve", text, &why), 0);
	assert_string_equal(text, "");
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	assert_int_equal(io_memory_set_text(&st, IO_MEMORY_WAYS, "k", longest, &why), ADIT_EINVAL);
	assert_int_equal(io_memory_set_text(&st, IO_MEMORY_WAYS, "k", longest + 1, &why), 0);
	assert_int_equal(io_memory_get_text(&st, IO_MEMORY_WAYS, "k", text, &why), 0);
	assert_string_equal(text, longest + 1);
	assert_int_equal(io_memory_set_text(&st, IO_MEMORY_WAYS, "k", "two\nlines", &why), ADIT_EINVAL);
}

static void nothing_is_written_when_nothing_changes(void **state)
{
	struct stat before;
	struct stat after;

	(void)state;
	assert_int_equal(io_memory_set(&st, IO_MEMORY_PORTS, "a", 1, &why), 0);
	assert_int_equal(stat(tmp_path("s/ports"), &before), 0);
	assert_int_equal(io_memory_set(&st, IO_MEMORY_PORTS, "a", 1, &why), 0);
	assert_int_equal(stat(tmp_path("s/ports"), &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);
}

static void the_oldest_is_forgotten_first(void **state)
{
	static char text[IO_MEMORY_MAX * 24 + 100];
	size_t at = (size_t)sprintf(text, "adit ports 1\n");
	uint64_t v;

	(void)state;
	for (int i = 0; i < IO_MEMORY_MAX; i++)
		at += (size_t)sprintf(text + at, "key=k%d value=%d\n", i, i + 1);
	tmp_write("s/ports", text, 0600);
	assert_int_equal(io_memory_set(&st, IO_MEMORY_PORTS, "new", 7, &why), 0);
	assert_int_equal(io_memory_get(&st, IO_MEMORY_PORTS, "k0", &v, &why), ADIT_ENOENT);
	assert_int_equal(io_memory_get(&st, IO_MEMORY_PORTS, "k1", &v, &why), 0);
	assert_int_equal(io_memory_get(&st, IO_MEMORY_PORTS, "new", &v, &why), 0);
}

static void keys_and_values_are_checked(void **state)
{
	char key[IO_MEMORY_KEY_MAX + 2];

	(void)state;
	memset(key, 'k', sizeof(key) - 1);
	key[sizeof(key) - 1] = '\0';
	assert_int_equal(io_memory_set(&st, IO_MEMORY_PORTS, key, 1, &why), ADIT_EINVAL);
	assert_int_equal(io_memory_set(&st, IO_MEMORY_PORTS, key + 1, 1, &why), 0);
	assert_int_equal(io_memory_set(&st, IO_MEMORY_PORTS, "", 1, &why), ADIT_EINVAL);
	assert_int_equal(io_memory_set(&st, IO_MEMORY_PORTS, "a b", 1, &why), ADIT_EINVAL);
	assert_int_equal(io_memory_set(&st, IO_MEMORY_PORTS, "a", 65536, &why), ADIT_EINVAL);
}

static void damage_is_told_where_it_may_matter(void **state)
{
	uint64_t v;

	(void)state;
	tmp_write("s/ports", "adit ports 1\nkey=a value=70000\nkey=b value=2\nv=3\n", 0600);
	assert_int_equal(io_memory_get(&st, IO_MEMORY_PORTS, "b", &v, &why), 0);
	assert_int_equal(io_memory_get(&st, IO_MEMORY_PORTS, "a", &v, &why), ADIT_ENOENT);
	assert_non_null(strstr(why.what, "ports:2: value= is no number up to 65535"));
	assert_int_equal(io_memory_set(&st, IO_MEMORY_PORTS, "a", 5, &why), 0);
	assert_string_equal(tmp_read("s/ports"), "adit ports 1\nkey=a value=5\nkey=b value=2\nv=3\n");
	tmp_write("s/ports", "what\n", 0600);
	assert_int_equal(io_memory_get(&st, IO_MEMORY_PORTS, "b", &v, &why), ADIT_EINVAL);
	assert_int_equal(io_memory_set(&st, IO_MEMORY_PORTS, "b", 1, &why), ADIT_EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_port_is_remembered_and_may_change, setup, teardown),
		cmocka_unit_test_setup_teardown(a_horizon_only_rises, setup, teardown),
		cmocka_unit_test_setup_teardown(a_clock_may_be_ahead_or_behind, setup, teardown),
		cmocka_unit_test_setup_teardown(a_text_is_kept_as_it_is, setup, teardown),
		cmocka_unit_test_setup_teardown(nothing_is_written_when_nothing_changes, setup, teardown),
		cmocka_unit_test_setup_teardown(the_oldest_is_forgotten_first, setup, teardown),
		cmocka_unit_test_setup_teardown(keys_and_values_are_checked, setup, teardown),
		cmocka_unit_test_setup_teardown(damage_is_told_where_it_may_matter, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
