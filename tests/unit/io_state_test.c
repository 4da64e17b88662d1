#include "test.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "io/io_state.h"
#include "io_tmpdir.h"

static struct io_state st;
static struct io_why why;

static void open_ok(const char *option)
{
	if (io_state_open(&st, option, &why) != 0)
		fail_msg("%s", why.what);
}

static mode_t mode_of(const char *path)
{
	struct stat sb;

	assert_int_equal(stat(path, &sb), 0);
	return sb.st_mode & 07777;
}

static void the_directory_is_found_in_the_promised_order(void **state)
{
	(void)state;
	open_ok(NULL);
	assert_string_equal(st.dir, tmp_path(".local/state/adit"));
	assert_int_equal(mode_of(tmp_path(".local/state/adit")), 0700);
	assert_int_equal(mode_of(tmp_path(".local")), 0700);
	io_state_close(&st);
	setenv("XDG_STATE_HOME", "relative", 1); /* invalid by its specification: as if it were not set */
	open_ok("");
	assert_string_equal(st.dir, tmp_path(".local/state/adit"));
	io_state_close(&st);
	setenv("XDG_STATE_HOME", tmp_path("xdg"), 1);
	open_ok(NULL);
	assert_string_equal(st.dir, tmp_path("xdg/adit"));
	io_state_close(&st);
	setenv("STATE_DIRECTORY", "", 1);
	open_ok(NULL);
	assert_string_equal(st.dir, tmp_path("xdg/adit"));
	io_state_close(&st);
	{
		char two[300];

		snprintf(two, sizeof(two), "%s/sysd:/nonexistent", tmp_dir);
		setenv("STATE_DIRECTORY", two, 1);
	}
	open_ok(NULL);
	assert_string_equal(st.dir, tmp_path("sysd"));
	io_state_close(&st);
	setenv("ADIT_STATE", tmp_path("env"), 1);
	open_ok(NULL);
	assert_string_equal(st.dir, tmp_path("env"));
	io_state_close(&st);
	open_ok(tmp_path("option"));
	assert_string_equal(st.dir, tmp_path("option"));
	io_state_close(&st);
	io_state_close(&st);
}

static void what_cannot_be_the_directory_is_refused_with_advice(void **state)
{
	char loop[PATH_MAX + 10];

	(void)state;
	assert_int_equal(io_state_open(&st, tmp_path("no/such/tree"), &why), ADIT_ESYS);
	assert_non_null(strstr(why.what, "cannot make the state directory"));
	assert_true(why.next[0] != '\0');
	tmp_write("file", "", 0600);
	assert_int_equal(io_state_open(&st, tmp_path("file"), &why), ADIT_ESYS);
	assert_non_null(strstr(why.what, "Not a directory"));
	memset(loop, 'x', sizeof(loop) - 1);
	loop[0] = '/';
	loop[sizeof(loop) - 1] = '\0';
	assert_int_equal(io_state_open(&st, loop, &why), ADIT_ESYS);
	assert_non_null(strstr(why.what, "too long"));
	setenv("HOME", "", 1);
	setenv("HOME", "nowhere", 1);
	assert_int_equal(io_state_open(&st, NULL, &why), ADIT_ESYS);
	assert_non_null(strstr(why.what, "no home directory"));
}

static void a_directory_open_to_others_is_refused(void **state)
{
	static const mode_t loose[] = {0701, 0710, 0704, 0755, 0770, 01777};

	(void)state;
	assert_int_equal(mkdir(tmp_path("s"), 0700), 0);
	for (size_t i = 0; i < sizeof(loose) / sizeof(loose[0]); i++) {
		assert_int_equal(chmod(tmp_path("s"), loose[i]), 0);
		assert_int_equal(io_state_open(&st, tmp_path("s"), &why), ADIT_ESYS);
		assert_non_null(strstr(why.what, "open to other users"));
		assert_non_null(strstr(why.next, "chmod 700"));
	}
	setenv("STATE_DIRECTORY", tmp_path("s"), 1);
	assert_int_equal(io_state_open(&st, NULL, &why), ADIT_ESYS);
	assert_string_equal(why.next, "in the unit: StateDirectoryMode=0700");
	assert_int_equal(chmod(tmp_path("s"), 0700), 0);
	open_ok(NULL);
	io_state_close(&st);
}

static void a_directory_of_somebody_else_is_refused(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip(); /* only root can give a directory away */
	assert_int_equal(mkdir(tmp_path("s"), 0700), 0);
	assert_int_equal(chown(tmp_path("s"), 12345, 12345), 0);
	assert_int_equal(io_state_open(&st, tmp_path("s"), &why), ADIT_ESYS);
	assert_non_null(strstr(why.what, "belongs to another user (uid 12345)"));
}

static void the_identity_is_made_once_and_kept(void **state)
{
	struct crypto_identity a;
	struct crypto_identity b;

	(void)state;
	open_ok(tmp_path("s"));
	assert_int_equal(io_state_identity(&st, &a, &why), 0);
	assert_int_equal(mode_of(tmp_path("s/identity")), 0600);
	io_state_close(&st);
	open_ok(tmp_path("s"));
	assert_int_equal(io_state_identity(&st, &b, &why), 0);
	assert_memory_equal(&a, &b, sizeof(a));
	io_state_close(&st);
	open_ok(tmp_path("t"));
	assert_int_equal(io_state_identity(&st, &b, &why), 0);
	assert_memory_not_equal(a.public_key, b.public_key, sizeof(a.public_key));
	io_state_close(&st);
}

static void a_damaged_identity_is_refused_never_replaced(void **state)
{
	static const char *const bad[] = {
		"",
		"adit identity 1\n",
		"adit identity 1\ned25519 short short\n",
		"adit identity 1\nrsa aaaa aaaa\n",
		"something else entirely\n",
	};
	struct crypto_identity id;
	char text[256];
	char *public;

	(void)state;
	open_ok(tmp_path("s"));
	assert_int_equal(io_state_identity(&st, &id, &why), 0);
	snprintf(text, sizeof(text), "%.255s", tmp_read("s/identity"));
	public = strrchr(text, ' ') + 1;
	public[3] = public[3] == 'a' ? 'b' : 'a';
	tmp_write("s/identity", text, 0600);
	assert_int_equal(io_state_identity(&st, &id, &why), ADIT_EINVAL);
	assert_string_equal(tmp_read("s/identity"), text);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		tmp_write("s/identity", bad[i], 0600);
		assert_int_equal(io_state_identity(&st, &id, &why), ADIT_EINVAL);
		assert_non_null(strstr(why.what, "is damaged"));
		assert_string_equal(tmp_read("s/identity"), bad[i]);
	}
	tmp_write("s/identity", "adit identity 2\ned25519 x y\n", 0600);
	assert_int_equal(io_state_identity(&st, &id, &why), ADIT_EVERSION);
	io_state_close(&st);
}

static void an_identity_that_others_can_read_is_refused(void **state)
{
	struct crypto_identity id;

	(void)state;
	open_ok(tmp_path("s"));
	assert_int_equal(io_state_identity(&st, &id, &why), 0);
	assert_int_equal(chmod(tmp_path("s/identity"), 0640), 0);
	assert_int_equal(io_state_identity(&st, &id, &why), ADIT_ESYS);
	assert_non_null(strstr(why.what, "is not private"));
	assert_int_equal(unlink(tmp_path("s/identity")), 0);
	assert_int_equal(mkfifo(tmp_path("s/identity"), 0600), 0); /* and does not hang */
	assert_int_equal(io_state_identity(&st, &id, &why), ADIT_ESYS);
	assert_non_null(strstr(why.what, "no regular file"));
	io_state_close(&st);
}

/* Runs |fn| in a child; its exit code. */
static int in_child(int (*fn)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(fn());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int second_serve(void)
{
	struct io_state other;
	char pid[32];
	int err;

	if (io_state_open(&other, tmp_path("s"), &why) != 0)
		return 10;
	err = io_state_lock_serve(&other, &why);
	if (err == 0)
		return 0;
	snprintf(pid, sizeof(pid), "process %ld", (long)getppid());
	return err == ADIT_EAGAIN && strstr(why.what, pid) && strstr(why.next, "--state DIR") ? 1 : 2;
}

static void one_serve_per_directory(void **state)
{
	(void)state;
	open_ok(tmp_path("s"));
	assert_int_equal(io_state_lock_serve(&st, &why), 0);
	assert_int_equal(in_child(second_serve), 1);
	io_state_close(&st);
	assert_int_equal(in_child(second_serve), 0);
}

static int identity_of_child(void)
{
	struct crypto_identity id;
	struct io_state own;

	if (io_state_open(&own, tmp_path("s"), &why) != 0 || io_state_identity(&own, &id, &why) != 0)
		return 255;
	return id.public_key[0] % 251;
}

static void two_first_commands_agree_on_one_identity(void **state)
{
	struct crypto_identity id;
	pid_t pids[8];

	(void)state;
	for (int i = 0; i < 8; i++) {
		pids[i] = fork();
		if (pids[i] == 0)
			_exit(identity_of_child());
	}
	open_ok(tmp_path("s"));
	assert_int_equal(io_state_identity(&st, &id, &why), 0);
	for (int i = 0; i < 8; i++) {
		int status;

		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(WEXITSTATUS(status), id.public_key[0] % 251);
	}
	io_state_close(&st);
}

static void a_lock_that_is_kept_is_an_error_after_a_while(void **state)
{
	struct io_state other;

	(void)state;
	open_ok(tmp_path("s"));
	assert_int_equal(io_state_open(&other, tmp_path("s"), &why), 0);
	assert_int_equal(io_state_lock(&st, &why), 0);
	other.lock_wait = ADIT_MS(30);
	assert_int_equal(io_state_lock(&other, &why), ADIT_EAGAIN);
	assert_non_null(strstr(why.what, "locked"));
	io_state_unlock(&st);
	assert_int_equal(io_state_lock(&other, &why), 0);
	io_state_close(&other);
	io_state_close(&st);
}

static void control_sockets_live_in_the_runtime_directory(void **state)
{
	char path[IO_SOCKET_PATH_MAX + 1];
	char other[IO_SOCKET_PATH_MAX + 1];
	char want[PATH_MAX];
	struct io_state st2;

	(void)state;
	open_ok(tmp_path("s"));
	snprintf(want, sizeof(want), "%s/s/%016llx-serve", tmp_dir, (unsigned long long)st.tag);
	assert_int_equal(io_state_socket(&st, "serve", path, &why), 0);
	assert_string_equal(path, want);
	assert_int_equal(mkdir(tmp_path("run"), 0700), 0);
	setenv("XDG_RUNTIME_DIR", tmp_path("run"), 1);
	assert_int_equal(io_state_socket(&st, "serve", path, &why), 0);
	snprintf(want, sizeof(want), "%s/run/adit/%016llx-serve", tmp_dir, (unsigned long long)st.tag);
	assert_string_equal(path, want);
	assert_int_equal(mode_of(tmp_path("run/adit")), 0700);
	/* Two state directories share a runtime directory, not a socket. */
	assert_int_equal(io_state_open(&st2, tmp_path("s2"), &why), 0);
	assert_int_equal(io_state_socket(&st2, "serve", other, &why), 0);
	assert_string_not_equal(path, other);
	io_state_close(&st2);
	/* One directory by two names is one. */
	assert_int_equal(symlink(tmp_path("s"), tmp_path("link")), 0);
	assert_int_equal(io_state_open(&st2, tmp_path("link"), &why), 0);
	assert_int_equal(io_state_socket(&st2, "serve", other, &why), 0);
	assert_string_equal(path, other);
	io_state_close(&st2);
	assert_int_equal(chmod(tmp_path("run/adit"), 0755), 0);
	assert_int_equal(io_state_socket(&st, "serve", path, &why), ADIT_ESYS);
	assert_non_null(strstr(why.what, "the runtime directory"));
	setenv("RUNTIME_DIRECTORY", tmp_path("run/adit"), 1);
	assert_int_equal(io_state_socket(&st, "serve", path, &why), ADIT_ESYS);
	assert_string_equal(why.next, "in the unit: RuntimeDirectoryMode=0700");
	io_state_close(&st);
}

static void unusable_runtime_directories_are_passed_over(void **state)
{
	char path[IO_SOCKET_PATH_MAX + 1];
	char deep[150];

	(void)state;
	open_ok(tmp_path("s"));
	setenv("XDG_RUNTIME_DIR", tmp_path("gone"), 1);
	assert_int_equal(io_state_socket(&st, "x", path, &why), 0);
	assert_memory_equal(path, st.dir, strlen(st.dir));
	if (geteuid() == 0) {
		assert_int_equal(mkdir(tmp_path("theirs"), 0700), 0);
		assert_int_equal(chown(tmp_path("theirs"), 12345, 12345), 0);
		setenv("XDG_RUNTIME_DIR", tmp_path("theirs"), 1); /* as after `su` */
		assert_int_equal(io_state_socket(&st, "x", path, &why), 0);
		assert_memory_equal(path, st.dir, strlen(st.dir));
	}
	io_state_close(&st);
	unsetenv("XDG_RUNTIME_DIR");
	memset(deep, 'd', sizeof(deep) - 1);
	deep[sizeof(deep) - 1] = '\0';
	open_ok(tmp_path(deep));
	assert_int_equal(io_state_socket(&st, "x", path, &why), ADIT_ESYS);
	assert_non_null(strstr(why.what, "above 107 bytes"));
	io_state_close(&st);
}

static void changes_of_the_tickets_are_noticed(void **state)
{
	struct io_stamp stamp = {0};

	(void)state;
	open_ok(tmp_path("s"));
	assert_true(io_state_tickets_changed(&st, &stamp));
	assert_false(io_state_tickets_changed(&st, &stamp));
	tmp_write("s/tickets", "adit tickets 1\n", 0600);
	assert_true(io_state_tickets_changed(&st, &stamp));
	assert_false(io_state_tickets_changed(&st, &stamp));
	/* Replaced by one of the same size within the same tick of the clock: another inode. */
	assert_int_equal(io_file_replace(st.fd, st.dir, "tickets", "adit tickets 1\n", 15, &why), 0);
	assert_true(io_state_tickets_changed(&st, &stamp));
	assert_false(io_state_tickets_changed(&st, &stamp));
	assert_int_equal(unlink(tmp_path("s/tickets")), 0);
	assert_true(io_state_tickets_changed(&st, &stamp));
	assert_false(io_state_tickets_changed(&st, &stamp));
	io_state_close(&st);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_directory_is_found_in_the_promised_order, tmp_setup, tmp_teardown),
		cmocka_unit_test_setup_teardown(what_cannot_be_the_directory_is_refused_with_advice, tmp_setup,
						tmp_teardown),
		cmocka_unit_test_setup_teardown(a_directory_open_to_others_is_refused, tmp_setup, tmp_teardown),
		cmocka_unit_test_setup_teardown(a_directory_of_somebody_else_is_refused, tmp_setup, tmp_teardown),
		cmocka_unit_test_setup_teardown(the_identity_is_made_once_and_kept, tmp_setup, tmp_teardown),
		cmocka_unit_test_setup_teardown(a_damaged_identity_is_refused_never_replaced, tmp_setup, tmp_teardown),
		cmocka_unit_test_setup_teardown(an_identity_that_others_can_read_is_refused, tmp_setup, tmp_teardown),
		cmocka_unit_test_setup_teardown(one_serve_per_directory, tmp_setup, tmp_teardown),
		cmocka_unit_test_setup_teardown(two_first_commands_agree_on_one_identity, tmp_setup, tmp_teardown),
		cmocka_unit_test_setup_teardown(a_lock_that_is_kept_is_an_error_after_a_while, tmp_setup, tmp_teardown),
		cmocka_unit_test_setup_teardown(control_sockets_live_in_the_runtime_directory, tmp_setup, tmp_teardown),
		cmocka_unit_test_setup_teardown(unusable_runtime_directories_are_passed_over, tmp_setup, tmp_teardown),
		cmocka_unit_test_setup_teardown(changes_of_the_tickets_are_noticed, tmp_setup, tmp_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
