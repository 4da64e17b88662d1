#include "test.h"

#include <adit/ice.h>

#include "api_rig.h"

/* Two agents whose lines reach each other at once. */
static struct adit_ice *ice[2];
static bool is_ready[2];
static unsigned n_selected[2];
static unsigned n_lines[2];
static struct sockaddr_storage local[2], remote[2];
static char got[2][32];
static char last_line[2][256];
static bool has_pacing[2];
static unsigned n_log;

static struct adit_ice *make(bool controlling, unsigned pacing)
{
	struct adit_ice_config cfg = {
		.size = sizeof(cfg), .controlling = controlling, .allow_loopback = true, .pacing_ms = pacing};
	struct sockaddr_storage addr = rig_loopback(0);
	struct adit_ice *i;

	assert_int_equal(adit_ice_new(&cfg, &i), 0);
	assert_int_equal(
		adit_ice_add_address(i, (struct sockaddr *)&addr, sizeof(struct sockaddr_in), ADIT_ICE_NET_NORMAL), 0);
	return i;
}

static int setup(void **state)
{
	(void)state;
	memset(is_ready, 0, sizeof(is_ready));
	memset(n_selected, 0, sizeof(n_selected));
	memset(n_lines, 0, sizeof(n_lines));
	memset(got, 0, sizeof(got));
	memset(has_pacing, 0, sizeof(has_pacing));
	ice[0] = make(true, 5);
	ice[1] = make(false, 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	adit_ice_free(ice[0]);
	adit_ice_free(ice[1]);
	return 0;
}

static void turn(int side)
{
	const struct adit_ice_event *e;

	adit_ice_process(ice[side]);
	while ((e = adit_ice_next_event(ice[side])) != NULL) {
		switch (e->kind) {
		case ADIT_ICE_LINE:
			n_lines[side]++;
			assert_int_equal(strlen(e->line), e->line_len);
			snprintf(last_line[side], sizeof(last_line[side]), "%s", e->line);
			has_pacing[side] |= strncmp(e->line, "ice-pacing:", 11) == 0;
			assert_int_equal(adit_ice_line(ice[!side], e->line, e->line_len), 0);
			break;
		case ADIT_ICE_READY:
			is_ready[side] = true;
			break;
		case ADIT_ICE_SELECTED:
			n_selected[side]++;
			local[side] = e->local;
			remote[side] = e->remote;
			break;
		case ADIT_ICE_DATA:
			snprintf(got[side], sizeof(got[side]), "%.*s", (int)e->data_len, (const char *)e->data);
			break;
		case ADIT_ICE_FAILED:
		case ADIT_ICE_LOST:
			fail();
		}
	}
}

static bool is_selected(void)
{
	return n_selected[0] > 0 && n_selected[1] > 0;
}

static bool has_data(void)
{
	return got[0][0] && got[1][0];
}

static void meet(void)
{
	int fd[2] = {adit_ice_fd(ice[0]), adit_ice_fd(ice[1])};

	adit_ice_gather(ice[0]);
	adit_ice_gather(ice[1]);
	rig_run(fd, turn, is_selected);
}

static void talk(void)
{
	int fd[2] = {adit_ice_fd(ice[0]), adit_ice_fd(ice[1])};

	got[0][0] = got[1][0] = '\0';
	for (int i = 0; i < 2; i++)
		assert_int_equal(adit_ice_send(ice[i], i ? "from 1" : "from 0", 6), 0);
	rig_run(fd, turn, has_data);
	assert_string_equal(got[0], "from 1");
	assert_string_equal(got[1], "from 0");
}

static void two_agents_meet_over_lines_and_carry_data(void **state)
{
	const struct adit_ice_status *st;
	size_t pos = 0;

	(void)state;
	assert_int_equal(adit_ice_send(ice[0], "early", 5), ADIT_EAGAIN);
	meet();
	assert_true(is_ready[0] && is_ready[1]);
	assert_int_equal(rig_port(&local[0]), rig_port(&remote[1]));
	assert_int_equal(rig_port(&local[1]), rig_port(&remote[0]));
	assert_int_equal(n_lines[0], 6); /* ufrag, pwd, options, pacing, one candidate, end */
	assert_int_equal(n_lines[1], 5);
	assert_true(has_pacing[0] && !has_pacing[1]);
	assert_string_equal(last_line[0], "end-of-candidates");
	talk();
	st = adit_ice_status_get(ice[0]);
	assert_int_equal(st->state, ADIT_ICE_STATE_COMPLETED);
	assert_true(st->controlling);
	assert_int_equal(st->bad_auth + st->malformed + st->strange_data, 0);
	assert_memory_equal(adit_ice_explain(ice[0], &pos), "* host 127.0.0.1:", 17);
	assert_null(adit_ice_explain(ice[0], &pos));
	assert_false(adit_ice_status_get(ice[1])->controlling);
}

static void a_restart_begins_with_new_lines_while_data_goes_on(void **state)
{
	static char ufrag[256];
	int fd[2] = {adit_ice_fd(ice[0]), adit_ice_fd(ice[1])};
	unsigned before;

	(void)state;
	meet();
	before = n_lines[1];
	n_selected[0] = n_selected[1] = 0;
	/* A peer's new generation is refused until we restart, too. */
	snprintf(ufrag, sizeof(ufrag), "ice-ufrag:another1");
	assert_int_equal(adit_ice_line(ice[0], ufrag, strlen(ufrag)), ADIT_EINVAL);
	adit_ice_restart(ice[0]);
	adit_ice_restart(ice[1]);
	assert_int_equal(adit_ice_send(ice[0], "meanwhile", 9), 0);
	rig_run(fd, turn, is_selected);
	assert_int_equal(n_lines[1] - before, 5);
	assert_string_equal(got[1], "meanwhile");
	talk();
}

static void lines_are_judged_one_by_one(void **state)
{
	static const struct {
		const char *line;
		int code;
	} lines[] = {
		{"v=0", 0},
		{"a=candidate:1 1 UDP 1 192.0.2.1 9 typ host", ADIT_EINVAL}, /* no credentials yet */
		{"end-of-candidates", ADIT_EINVAL},
		{"a=ice-ufrag:x", ADIT_EPROTO},
		{"a=ice-ufrag:abcdefgh\r\n", 0},
		{"ice-pwd:short", ADIT_EPROTO},
		{"ice-pwd:abcdefghijklmnopqrstuvwx", 0},
		{"ice-lite", 0},
		{"ice-pacing:20", 0},
		{"a=candidate:1 1 UDP 1 192.0.2.1 99999 typ host", ADIT_EPROTO},
		{"a=candidate:1 1 TCP 1 192.0.2.1 9 typ host tcptype active", 0}, /* not ours: skipped */
		{"a=candidate:1 1 UDP 1 192.0.2.1 9 typ host", 0},
		{"a=candidate:1 1 UDP 1 192.0.2.1 9 typ host", ADIT_EIGNORED}, /* again */
		{"a=candidate:2 1 UDP 1 224.0.0.1 9 typ host", ADIT_EIGNORED},
		{"a=ice-ufrag:abcdefgh", 0},
		{"a=ice-ufrag:other123", ADIT_EINVAL},
		{"a=ice-pwd:zbcdefghijklmnopqrstuvwx", ADIT_EINVAL},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(lines); i++)
		if (adit_ice_line(ice[1], lines[i].line, strlen(lines[i].line)) != lines[i].code)
			fail_msg("%s", lines[i].line);
	assert_true(adit_ice_status_get(ice[1])->controlling); /* toward a lite one */
	assert_int_equal(adit_ice_status_get(ice[1])->candidates_refused, 2);
}

static void what_cannot_be_is_refused(void **state)
{
	struct sockaddr_storage any = rig_loopback(0);
	struct sockaddr_storage foreign = any;
	struct adit_ice_config cfg = {.size = sizeof(cfg), .pacing_ms = 4};
	struct adit_ice *i;
	unsigned n = 1;
	int err;

	(void)state;
	assert_int_equal(adit_ice_new(&cfg, &i), ADIT_EINVAL);
	assert_int_equal(adit_ice_new(NULL, &i), ADIT_EINVAL);
	assert_int_equal(adit_ice_add_address(ice[0], (struct sockaddr *)&any, 3, ADIT_ICE_NET_NORMAL), ADIT_EINVAL);
	assert_int_equal(adit_ice_add_address(ice[0], (struct sockaddr *)&any, sizeof(any), (enum adit_ice_net)7),
			 ADIT_EINVAL);
	((struct sockaddr_in *)&foreign)->sin_addr.s_addr = htonl(0xc0000263); /* 192.0.2.99 */
	assert_int_equal(adit_ice_add_address(ice[0], (struct sockaddr *)&foreign, sizeof(foreign), ADIT_ICE_NET_VPN),
			 ADIT_ESYS);
	assert_int_equal(errno, EADDRNOTAVAIL);
	((struct sockaddr_in *)&foreign)->sin_addr.s_addr = 0;
	assert_int_equal(adit_ice_add_address(ice[0], (struct sockaddr *)&foreign, sizeof(foreign), ADIT_ICE_NET_VPN),
			 ADIT_EINVAL);
	while ((err = adit_ice_add_address(ice[0], (struct sockaddr *)&any, sizeof(any), ADIT_ICE_NET_NORMAL)) == 0)
		n++;
	assert_int_equal(err, ADIT_EFULL);
	assert_int_equal(n, 16);
	meet();
	any = rig_loopback(9);
	for (n = 0; adit_ice_add_server(ice[0], (struct sockaddr *)&any, sizeof(any)) == 0;)
		n++;
	assert_int_equal(n, 4);
	assert_int_equal(adit_ice_send(ice[0], "", 0), ADIT_EINVAL);
	assert_int_equal(adit_ice_send(ice[0], "\0\1\0\0\x21\x12\xa4\x42............", 20), ADIT_EINVAL);
	assert_int_equal(adit_ice_send(ice[0], &cfg, 65508), ADIT_EINVAL);
}

/* Anybody may send to an open port; what comes from where no check came from is dropped. */
static void data_of_strangers_does_not_come_through(void **state)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	(void)state;
	meet();
	got[0][0] = '\0';
	assert_int_equal(sendto(fd, "evil", 4, 0, (struct sockaddr *)&local[0], sizeof(struct sockaddr_in)), 4);
	close(fd);
	while (adit_ice_status_get(ice[0])->strange_data == 0)
		turn(0);
	assert_string_equal(got[0], "");
	talk();
}

static void count_line(void *ctx, int level, const char *line)
{
	assert_ptr_equal(ctx, &n_log);
	assert_in_range(level, 0, 3);
	assert_null(strchr(line, '\n'));
	n_log++;
}

static void what_happens_is_logged_where_it_is_wanted(void **state)
{
	struct adit_ice_config cfg = {.size = sizeof(cfg),
				      .controlling = true,
				      .allow_loopback = true,
				      .log = {.write = count_line, .ctx = &n_log, .level = 3}};
	struct sockaddr_storage addr = rig_loopback(0);

	(void)state;
	adit_ice_free(ice[0]);
	assert_int_equal(adit_ice_new(&cfg, &ice[0]), 0);
	assert_int_equal(adit_ice_add_address(ice[0], (struct sockaddr *)&addr, sizeof(addr), ADIT_ICE_NET_NORMAL), 0);
	meet();
	assert_true(n_log > 0);
}

/* A caller that was compiled when the structure ended behind |controlling|. */
static void a_smaller_configuration_of_an_older_caller_works(void **state)
{
	struct adit_ice_config cfg;

	(void)state;
	memset(&cfg, 0xff, sizeof(cfg)); /* what lies behind it is not the library's to read */
	memset(&cfg, 0, offsetof(struct adit_ice_config, allow_loopback));
	cfg.size = offsetof(struct adit_ice_config, allow_loopback);
	adit_ice_free(ice[0]);
	assert_int_equal(adit_ice_new(&cfg, &ice[0]), 0);
	cfg.size--;
	assert_int_equal(adit_ice_new(&cfg, &ice[0]), ADIT_EINVAL);
}

static void free_both(void)
{
	adit_ice_free(ice[0]);
	adit_ice_free(ice[1]);
}

static void a_child_frees_and_the_parent_goes_on(void **state)
{
	(void)state;
	meet();
	rig_fork(free_both);
	talk();
}

static void every_descriptor_is_closed_by_exec_and_by_free(void **state)
{
	(void)state;
	free_both();
	rig_fds_mark();
	ice[0] = make(true, 0);
	ice[1] = make(false, 0);
	assert_int_equal(rig_fds(), 6); /* epoll, timer, socket */
	meet();
	free_both();
	assert_int_equal(rig_fds(), 0);
	ice[0] = ice[1] = NULL;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(two_agents_meet_over_lines_and_carry_data, setup, teardown),
		cmocka_unit_test_setup_teardown(a_restart_begins_with_new_lines_while_data_goes_on, setup, teardown),
		cmocka_unit_test_setup_teardown(lines_are_judged_one_by_one, setup, teardown),
		cmocka_unit_test_setup_teardown(what_cannot_be_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(data_of_strangers_does_not_come_through, setup, teardown),
		cmocka_unit_test_setup_teardown(what_happens_is_logged_where_it_is_wanted, setup, teardown),
		cmocka_unit_test_setup_teardown(a_smaller_configuration_of_an_older_caller_works, setup, teardown),
		cmocka_unit_test_setup_teardown(a_child_frees_and_the_parent_goes_on, setup, teardown),
		cmocka_unit_test_setup_teardown(every_descriptor_is_closed_by_exec_and_by_free, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
