#include "test.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "base/bytes.h"
#include "io/io_tickets.h"
#include "io_tmpdir.h"

#define NOW ADIT_SEC(1700000000)

static struct io_state st;
static struct io_why why;
static struct adit_rng_seeded seed;
static struct adit_rng rng;

static int setup(void **state)
{
	if (tmp_setup(state) != 0 || mkdir(tmp_path("s"), 0700) != 0)
		return -1;
	rng = adit_rng_seeded_init(&seed, 7);
	return io_state_open(&st, tmp_path("s"), &why);
}

static int teardown(void **state)
{
	io_state_close(&st);
	return tmp_teardown(state);
}

static void the_default_ticket_is_made_at_first_need_and_kept(void **state)
{
	struct io_ticket a;
	struct io_ticket b;

	(void)state;
	assert_int_equal(io_tickets_get(&st, "default", &rng, NOW, &a, &why), 0);
	assert_int_equal(a.created_at, NOW);
	assert_int_equal(io_tickets_get(&st, "default", &rng, NOW + ADIT_SEC(5), &b, &why), 0);
	assert_memory_equal(a.secret, b.secret, sizeof(a.secret));
	assert_memory_equal(a.secret_id, b.secret_id, sizeof(a.secret_id));
	assert_int_equal(b.created_at, NOW);
	assert_int_equal(io_tickets_get(&st, "other", &rng, NOW, &b, &why), ADIT_ENOENT);
	assert_string_equal(why.what, "there is no ticket \"other\"");
}

static void labels_have_secrets_of_their_own(void **state)
{
	struct io_tickets all;
	struct io_ticket a;
	struct io_ticket b;

	(void)state;
	assert_int_equal(io_tickets_new(&st, "a", false, &rng, NOW, &a, &why), 0);
	assert_int_equal(io_tickets_new(&st, "b", true, &rng, NOW, &b, &why), 0);
	assert_memory_not_equal(a.secret, b.secret, sizeof(a.secret));
	assert_memory_not_equal(a.secret_id, b.secret_id, sizeof(a.secret_id));
	assert_int_equal(io_tickets_new(&st, "a", false, &rng, NOW, &b, &why), ADIT_EIGNORED);
	assert_int_equal(io_tickets_load(&st, &all, &why), 0);
	assert_int_equal(all.n, 2);
	assert_false(all.v[0].single);
	assert_true(all.v[1].single);
	assert_memory_equal(io_tickets_find(&all, "a")->secret, a.secret, sizeof(a.secret));
	io_tickets_done(&all);
}

static void a_revoked_label_loses_its_secret_and_can_be_made_anew(void **state)
{
	struct io_tickets all;
	struct io_ticket a;
	struct io_ticket b;

	(void)state;
	assert_int_equal(io_tickets_new(&st, "a", false, &rng, NOW, &a, &why), 0);
	assert_int_equal(io_tickets_revoke(&st, "a", NOW + ADIT_SEC(60), &why), 0);
	assert_null(strstr(tmp_read("s/tickets"), "secret="));
	assert_int_equal(io_tickets_load(&st, &all, &why), 0);
	assert_int_equal(all.n, 1);
	assert_true(all.v[0].revoked);
	assert_int_equal(all.v[0].revoked_at, NOW + ADIT_SEC(60));
	io_tickets_done(&all);
	assert_int_equal(io_tickets_get(&st, "a", &rng, NOW, &b, &why), ADIT_ENOENT);
	assert_non_null(strstr(why.what, "was revoked"));
	assert_int_equal(io_tickets_revoke(&st, "a", NOW, &why), ADIT_EIGNORED);
	assert_int_equal(io_tickets_revoke(&st, "b", NOW, &why), ADIT_ENOENT);
	assert_int_equal(io_tickets_new(&st, "a", false, &rng, NOW, &b, &why), 0);
	assert_memory_not_equal(a.secret, b.secret, sizeof(a.secret));
}

static void a_revoked_default_does_not_come_back_by_itself(void **state)
{
	struct io_ticket t;

	(void)state;
	assert_int_equal(io_tickets_get(&st, "default", &rng, NOW, &t, &why), 0);
	assert_int_equal(io_tickets_revoke(&st, "default", NOW, &why), 0);
	assert_int_equal(io_tickets_get(&st, "default", &rng, NOW, &t, &why), ADIT_ENOENT);
	assert_non_null(strstr(why.next, "adit ticket new default"));
}

static void the_first_key_binds_a_single_ticket(void **state)
{
	static const uint8_t key1[TRUST_KEY_LEN] = {1};
	static const uint8_t key2[TRUST_KEY_LEN] = {2};
	struct io_tickets all;
	struct io_ticket old;
	struct io_ticket t;

	(void)state;
	assert_int_equal(io_tickets_new(&st, "a", true, &rng, NOW, &t, &why), 0);
	assert_int_equal(io_tickets_bind(&st, &t, key1, &why), 0);
	assert_int_equal(io_tickets_bind(&st, &t, key1, &why), 0);
	assert_int_equal(io_tickets_bind(&st, &t, key2, &why), ADIT_EAUTH);
	assert_int_equal(io_tickets_load(&st, &all, &why), 0);
	assert_true(all.v[0].bound);
	assert_memory_equal(all.v[0].key, key1, sizeof(key1));
	io_tickets_done(&all);
	old = t;
	assert_int_equal(io_tickets_revoke(&st, "a", NOW, &why), 0);
	assert_int_equal(io_tickets_bind(&st, &old, key1, &why), ADIT_ENOENT);
	assert_int_equal(io_tickets_new(&st, "a", true, &rng, NOW, &t, &why), 0);
	assert_int_equal(io_tickets_bind(&st, &old, key1, &why), ADIT_ENOENT);
	assert_non_null(strstr(why.what, "made anew"));
}

static void the_issued_ticket_decodes_to_the_same_secret(void **state)
{
	static const uint8_t identity[TRUST_KEY_LEN] = {9};
	struct trust_ticket issued;
	struct io_ticket t;

	(void)state;
	assert_int_equal(io_tickets_get(&st, "default", &rng, NOW, &t, &why), 0);
	io_ticket_issue(&t, identity, &issued);
	assert_memory_equal(issued.identity, identity, sizeof(identity));
	assert_memory_equal(issued.secret, t.secret, sizeof(t.secret));
	assert_memory_equal(issued.secret_id, t.secret_id, sizeof(t.secret_id));
	assert_int_equal(issued.hints_len, 0);
}

#define GOOD "label=ok id=00000001 secret=00112233445566778899aabbccddeeff created=1"

static void damaged_lines_are_told_with_number_and_reason(void **state)
{
	static const char *const bad[][2] = {
		{"id=00000001 label=x", "does not begin with a label"},
		{"label=Bad id=00000001 created=1", "does not begin with a label"},
		{"label=x id=0000001 secret=00112233445566778899aabbccddeeff created=1", "id="},
		{"label=x secret=00112233445566778899aabbccddeeff created=1", "id="},
		{"label=x id=00000001 created=1", "secret="},
		{"label=x id=00000001 secret=0011 created=1", "secret="},
		{"label=x id=00000001 secret=00112233445566778899aabbccddeeff", "created="},
		{"label=x id=00000001 secret=00112233445566778899aabbccddeeff created=x", "created="},
		{"label=x id=00000001 secret=00112233445566778899aabbccddeeff created=18446744074", "created="},
		{"label=x id=00000001 secret=00112233445566778899aabbccddeeff created=1 bound=xyz", "bound="},
		{"label=x id=00000001 created=1 revoked=x", "revoked="},
		{"garbage", "no key=value"},
		{GOOD, "stands above already"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		char text[512];
		struct io_tickets t;

		snprintf(text, sizeof(text), "adit tickets 1\n" GOOD "\n%s\n", bad[i][0]);
		assert_int_equal(io_tickets_parse(text, strlen(text), &t), 0);
		assert_int_equal(t.n, 1);
		assert_int_equal(t.damage.n, 1);
		assert_int_equal(t.damage.lines[0].line, 3);
		if (!strstr(t.damage.lines[0].reason, bad[i][1]))
			fail_msg("\"%s\" is told as \"%s\"", bad[i][0], t.damage.lines[0].reason);
		io_tickets_done(&t);
	}
}

static void damage_keeps_the_default_from_being_made_in_its_place(void **state)
{
	struct io_ticket t;

	(void)state;
	tmp_write("s/tickets", "adit tickets 1\nlabel=default id=zz\n", 0600);
	assert_int_equal(io_tickets_get(&st, "default", &rng, NOW, &t, &why), ADIT_EINVAL);
	assert_non_null(strstr(why.what, "tickets:2:"));
	assert_non_null(strstr(why.next, "adit ticket new default"));
	assert_string_equal(tmp_read("s/tickets"), "adit tickets 1\nlabel=default id=zz\n");
}

static void changes_keep_the_lines_they_do_not_understand(void **state)
{
	struct io_ticket t;
	const char *text;

	(void)state;
	tmp_write("s/tickets", "adit tickets 1\n# mine\n" GOOD "\nbroken line\n", 0600);
	assert_int_equal(io_tickets_new(&st, "a", false, &rng, NOW, &t, &why), 0);
	assert_int_equal(io_tickets_revoke(&st, "ok", NOW, &why), 0);
	text = tmp_read("s/tickets");
	assert_memory_equal(
		text,
		"adit tickets 1\n# mine\nlabel=ok id=00000001 created=1 revoked=1700000000\nbroken line\nlabel=a ", 90);
}

static void a_later_version_is_refused_untouched(void **state)
{
	struct io_tickets all;
	struct io_ticket t;

	(void)state;
	tmp_write("s/tickets", "adit tickets 2\nwhatever\n", 0600);
	assert_int_equal(io_tickets_load(&st, &all, &why), ADIT_EVERSION);
	assert_int_equal(io_tickets_new(&st, "a", false, &rng, NOW, &t, &why), ADIT_EVERSION);
	assert_string_equal(why.next, "update adit");
	tmp_write("s/tickets", "not a store\n", 0600);
	assert_int_equal(io_tickets_revoke(&st, "a", NOW, &why), ADIT_EINVAL);
	assert_non_null(strstr(why.what, "tickets:1:"));
	assert_string_equal(tmp_read("s/tickets"), "not a store\n");
}

static int make_labels(int child)
{
	struct io_state own;

	rng = adit_rng_seeded_init(&seed, (uint64_t)child + 100);
	if (io_state_open(&own, tmp_path("s"), &why) != 0)
		return 1;
	for (int i = 0; i < 10; i++) {
		struct io_ticket t;
		char label[32];

		snprintf(label, sizeof(label), "c%d-%d", child, i);
		if (io_tickets_new(&own, label, false, &rng, NOW, &t, &why) != 0)
			return 2;
	}
	io_state_close(&own);
	return 0;
}

static void commands_at_once_lose_nothing(void **state)
{
	struct io_tickets all;
	pid_t pids[4];

	(void)state;
	for (int i = 0; i < 4; i++) {
		pids[i] = fork();
		if (pids[i] == 0)
			_exit(make_labels(i));
	}
	for (int i = 0; i < 4; i++) {
		int status;

		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, 0);
	}
	assert_int_equal(io_tickets_load(&st, &all, &why), 0);
	assert_int_equal(all.n, 40);
	assert_int_equal(all.damage.n, 0);
	io_tickets_done(&all);
}

/* Killed wherever it happens to be: the store is the old one or the new one, and nothing stays locked. */
static void a_kill_in_the_middle_leaves_a_whole_store(void **state)
{
	size_t before = 0;

	(void)state;
	/* A slow machine gets longer moments, until one of them was long enough for a change. */
	for (int i = 0; i < 20 || (before == 0 && i < 400); i++) {
		const struct timespec a_moment = {.tv_nsec = 500000 + i * 370000};
		struct io_tickets all;
		pid_t pid = fork();

		if (pid == 0) {
			for (int child = 10 * i;; child++)
				if (make_labels(1000 + child) != 0)
					_exit(1);
		}
		nanosleep(&a_moment, NULL);
		assert_int_equal(kill(pid, SIGKILL), 0);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
		assert_int_equal(io_state_lock(&st, &why), 0);
		io_state_unlock(&st);
		assert_int_equal(io_tickets_load(&st, &all, &why), 0);
		assert_int_equal(all.damage.n, 0);
		assert_true(all.n >= before);
		before = all.n;
		io_tickets_done(&all);
	}
	assert_true(before > 0);
}

static void there_is_an_end_to_labels(void **state)
{
	static char text[IO_TICKETS_MAX * 90 + 100];
	struct io_ticket t;
	size_t at;

	(void)state;
	at = (size_t)sprintf(text, "adit tickets 1\n");
	for (int i = 0; i < IO_TICKETS_MAX; i++)
		at += (size_t)sprintf(
			text + at, "label=l%d id=%08x secret=00112233445566778899aabbccddeeff created=1\n", i, i + 1);
	tmp_write("s/tickets", text, 0600);
	assert_int_equal(io_tickets_new(&st, "more", false, &rng, NOW, &t, &why), ADIT_EFULL);
	assert_int_equal(io_tickets_revoke(&st, "l7", NOW, &why), 0);
	assert_int_equal(io_tickets_new(&st, "l7", false, &rng, NOW, &t, &why), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_default_ticket_is_made_at_first_need_and_kept, setup, teardown),
		cmocka_unit_test_setup_teardown(labels_have_secrets_of_their_own, setup, teardown),
		cmocka_unit_test_setup_teardown(a_revoked_label_loses_its_secret_and_can_be_made_anew, setup, teardown),
		cmocka_unit_test_setup_teardown(a_revoked_default_does_not_come_back_by_itself, setup, teardown),
		cmocka_unit_test_setup_teardown(the_first_key_binds_a_single_ticket, setup, teardown),
		cmocka_unit_test_setup_teardown(the_issued_ticket_decodes_to_the_same_secret, setup, teardown),
		cmocka_unit_test(damaged_lines_are_told_with_number_and_reason),
		cmocka_unit_test_setup_teardown(damage_keeps_the_default_from_being_made_in_its_place, setup, teardown),
		cmocka_unit_test_setup_teardown(changes_keep_the_lines_they_do_not_understand, setup, teardown),
		cmocka_unit_test_setup_teardown(a_later_version_is_refused_untouched, setup, teardown),
		cmocka_unit_test_setup_teardown(commands_at_once_lose_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(a_kill_in_the_middle_leaves_a_whole_store, setup, teardown),
		cmocka_unit_test_setup_teardown(there_is_an_end_to_labels, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
