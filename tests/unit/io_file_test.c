#include "test.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>

#include "io/io_file.h"
#include "io_tmpdir.h"

static struct io_why why;

static void files_are_read_whole_with_a_nul_behind(void **state)
{
	struct io_text t;

	(void)state;
	tmp_write("a", "hello\n", 0600);
	assert_int_equal(io_file_read(tmp_path("a"), 6, &t, &why), 0);
	assert_int_equal(t.len, 6);
	assert_string_equal(t.data, "hello\n");
	io_text_done(&t);
	assert_null(t.data);
	tmp_write("empty", "", 0600);
	assert_int_equal(io_file_read(tmp_path("empty"), 6, &t, &why), 0);
	assert_int_equal(t.len, 0);
	assert_string_equal(t.data, "");
	io_text_done(&t);
}

static void large_files_need_several_reads(void **state)
{
	static char text[20001];
	struct io_text t;

	(void)state;
	for (size_t i = 0; i < sizeof(text) - 1; i++)
		text[i] = (char)('a' + i % 23);
	tmp_write("big", text, 0600);
	assert_int_equal(io_file_read(tmp_path("big"), 20000, &t, &why), 0);
	assert_int_equal(t.len, 20000);
	assert_string_equal(t.data, text);
	io_text_done(&t);
	assert_int_equal(io_file_read(tmp_path("big"), 19999, &t, &why), ADIT_EFULL);
	assert_non_null(strstr(why.what, "more than 19999 bytes"));
}

static void what_cannot_be_read_is_named(void **state)
{
	struct io_text t;

	(void)state;
	assert_int_equal(io_file_read(tmp_path("none"), 10, &t, &why), ADIT_ENOENT);
	assert_non_null(strstr(why.what, "none: No such file"));
	assert_int_equal(io_file_read(tmp_dir, 10, &t, &why), ADIT_ESYS);
	assert_non_null(strstr(why.what, tmp_dir));
}

static void files_open_to_others_are_noticed(void **state)
{
	unsigned mode = 0;

	(void)state;
	tmp_write("a", "", 0600);
	assert_false(io_file_is_open(tmp_path("a"), &mode));
	tmp_write("a", "", 0640);
	assert_true(io_file_is_open(tmp_path("a"), &mode));
	assert_int_equal(mode, 0640);
	assert_false(io_file_is_open(tmp_dir, &mode));
	assert_false(io_file_is_open(tmp_path("none"), &mode));
}

static int open_dir(void)
{
	int fd = open(tmp_dir, O_RDONLY | O_DIRECTORY);

	assert_true(fd >= 0);
	return fd;
}

static void replacing_makes_a_new_private_file(void **state)
{
	int dir = open_dir();
	struct stat before;
	struct stat after;

	(void)state;
	tmp_write("a", "old", 0644);
	tmp_write(".a.new", "left by a crash", 0644);
	assert_int_equal(stat(tmp_path("a"), &before), 0);
	assert_int_equal(io_file_replace(dir, tmp_dir, "a", "new", 3, &why), 0);
	assert_string_equal(tmp_read("a"), "new");
	assert_int_equal(stat(tmp_path("a"), &after), 0);
	assert_int_equal(after.st_mode & 07777, 0600);
	assert_int_not_equal(after.st_ino, before.st_ino);
	assert_int_equal(access(tmp_path(".a.new"), F_OK), -1);
	close(dir);
}

/* A full disk, played by a limit on the size of files. */
static void a_write_that_fails_leaves_the_old_content(void **state)
{
	const struct rlimit small = {.rlim_cur = 2, .rlim_max = RLIM_INFINITY};
	struct rlimit old;
	int dir = open_dir();
	int err;

	(void)state;
	tmp_write("a", "old", 0600);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	err = io_file_replace(dir, tmp_dir, "a", "new and longer", 14, &why);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(err, ADIT_ESYS);
	assert_non_null(strstr(why.what, "/a: File too large"));
	assert_string_equal(tmp_read("a"), "old");
	assert_int_equal(access(tmp_path(".a.new"), F_OK), -1);
	close(dir);
}

static void a_directory_that_is_gone_is_an_error(void **state)
{
	int dir = open_dir();

	(void)state;
	assert_int_equal(rmdir(tmp_dir), 0);
	assert_int_equal(io_file_replace(dir, tmp_dir, "a", "x", 1, &why), ADIT_ESYS);
	assert_non_null(strstr(why.what, "cannot write in"));
	close(dir);
	assert_int_equal(mkdir(tmp_dir, 0700), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(files_are_read_whole_with_a_nul_behind, tmp_setup, tmp_teardown),
		cmocka_unit_test_setup_teardown(large_files_need_several_reads, tmp_setup, tmp_teardown),
		cmocka_unit_test_setup_teardown(what_cannot_be_read_is_named, tmp_setup, tmp_teardown),
		cmocka_unit_test_setup_teardown(files_open_to_others_are_noticed, tmp_setup, tmp_teardown),
		cmocka_unit_test_setup_teardown(replacing_makes_a_new_private_file, tmp_setup, tmp_teardown),
		cmocka_unit_test_setup_teardown(a_write_that_fails_leaves_the_old_content, tmp_setup, tmp_teardown),
		cmocka_unit_test_setup_teardown(a_directory_that_is_gone_is_an_error, tmp_setup, tmp_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
