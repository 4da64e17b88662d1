/* The connect side without a peer: what others have lent to it, and its end. */
#include "test.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "crypto/crypto.h"
#include "endpoint/ep_ctl.h"
#include "endpoint/ep_listen.h"
#include "endpoint/ep_share.h"
#include "io_tmpdir.h"

/* Ed25519: RFC 8032 7.1, test 1. */
static const uint8_t seed[32] = {0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60, 0xba, 0x84, 0x4a,
				 0xf4, 0x92, 0xec, 0x2c, 0xc4, 0x44, 0x49, 0xc5, 0x69, 0x7b, 0x32,
				 0x69, 0x19, 0x70, 0x3b, 0xac, 0x03, 0x1c, 0xae, 0x7f, 0x60};
static const uint8_t public_key[32] = {0xd7, 0x5a, 0x98, 0x01, 0x82, 0xb1, 0x0a, 0xb7, 0xd5, 0x4b, 0xfe,
				       0xd3, 0xc9, 0x64, 0x07, 0x3a, 0x0e, 0xe1, 0x72, 0xf3, 0xda, 0xa6,
				       0x23, 0x25, 0xaf, 0x02, 0x1a, 0x68, 0xf7, 0x07, 0x51, 0x1a};

struct rig {
	uv_loop_t loop;
	struct quic_creds *creds;
	struct ep_connect *connect;
	struct ep_share *share;
	char path[108];
	unsigned n_done;
};

static void on_event(void *ctx, const struct link_event *e)
{
	(void)ctx;
	(void)e;
}

static void on_refused(void *ctx, const struct fwd_service *service, uint64_t code)
{
	(void)ctx;
	(void)service;
	(void)code;
}

static void on_paused(void *ctx, int err)
{
	(void)ctx;
	(void)err;
}

static const struct ep_connect_ops ops = {.event = on_event, .refused = on_refused, .paused = on_paused};

static void on_status(void *ctx, enum ep_share_form form, char *buf, size_t cap)
{
	(void)ctx;
	snprintf(buf, cap, form != EP_SHARE_JSON ? "up\n" : "{}");
}

static void on_done(void *ctx)
{
	((struct rig *)ctx)->n_done++;
}

static void rig_init(struct rig *r)
{
	struct ep_connect_config cfg = {.instance = 1, .linger = ADIT_SEC(60)};

	memset(r, 0, sizeof(*r));
	snprintf(r->path, sizeof(r->path), "%s", tmp_path("ctl"));
	assert_int_equal(uv_loop_init(&r->loop), 0);
	assert_int_equal(quic_creds_new(seed, public_key, &r->creds), 0);
	cfg.creds = r->creds;
	assert_int_equal(ep_connect_new(&r->loop, &cfg, &ops, r, &r->connect), 0);
	assert_int_equal(ep_share_new(&r->loop, r->path, r->connect, on_status, r, &r->share), 0);
}

static void rig_done(struct rig *r)
{
	ep_share_close(r->share);
	ep_connect_free(r->connect);
	uv_run(&r->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&r->loop), 0);
	quic_creds_free(r->creds);
}

/* Until |ctl| has an answer; 5 s at most. */
static void await(struct rig *r, int ctl, const char *answer)
{
	static char text[EP_CTL_TEXT_MAX];
	int n = ADIT_EAGAIN;

	for (int i = 0; i < 5000 && n == ADIT_EAGAIN; i++) {
		uv_run(&r->loop, UV_RUN_NOWAIT);
		n = ep_ctl_recv(ctl, text, 1);
	}
	assert_true(n > 0);
	assert_string_equal(text, answer);
}

static int lend_door(struct rig *r)
{
	struct ep_local local = {.addr = adit_addr_v4(127, 0, 0, 1, 0)};
	int fds[EP_LISTEN_FDS_MAX];
	uint16_t port;
	int ctl = ep_ctl_dial(r->path);

	assert_true(ctl >= 0);
	assert_int_equal(ep_listen_open(&local, fds, &port), 1);
	assert_int_equal(ep_ctl_send(ctl, "door web stream", fds[0]), 0);
	close(fds[0]);
	await(r, ctl, "ok");
	return ctl;
}

static void shut_down(struct rig *r)
{
	ep_connect_shutdown(r->connect, on_done, r);
	for (int i = 0; i < 5000 && r->n_done == 0; i++) {
		uv_run(&r->loop, UV_RUN_NOWAIT);
		usleep(1000);
	}
	assert_int_equal(r->n_done, 1);
}

static void a_lent_door_outlives_the_shutdown_until_its_lender_goes(void **state)
{
	struct rig r;
	int ctl;

	(void)state;
	rig_init(&r);
	ctl = lend_door(&r);
	assert_int_equal(ep_share_borrowers(r.share), 1);
	shut_down(&r);
	rig_done(&r);
	close(ctl);
}

static void who_waits_for_a_session_that_never_comes_gets_a_reset(void **state)
{
	struct ep_local local = {.addr = adit_addr_v4(127, 0, 0, 1, 0)};
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fds[EP_LISTEN_FDS_MAX];
	struct ep_door *door;
	struct rig r;
	uint16_t port;
	char byte;
	int s;

	(void)state;
	rig_init(&r);
	assert_int_equal(ep_listen_open(&local, fds, &port), 1);
	assert_int_equal(ep_connect_add_door(r.connect, "web", false, fds[0], &door), 0);
	s = socket(AF_INET, SOCK_STREAM, 0);
	to.sin_port = htons(port);
	assert_int_equal(connect(s, (const struct sockaddr *)&to, sizeof(to)), 0);
	for (int i = 0; i < 20; i++) /* accepted in the first of them */
		uv_run(&r.loop, UV_RUN_NOWAIT);
	shut_down(&r);
	assert_int_equal(recv(s, &byte, 1, 0), -1);
	assert_int_equal(errno, ECONNRESET);
	close(s);
	rig_done(&r);
}

static void a_lender_may_go_before_the_end(void **state)
{
	struct rig r;
	int ctl;

	(void)state;
	rig_init(&r);
	ctl = lend_door(&r);
	close(ctl);
	for (int i = 0; i < 5000 && ep_share_borrowers(r.share) > 0; i++) {
		uv_run(&r.loop, UV_RUN_NOWAIT);
		usleep(1000);
	}
	assert_int_equal(ep_share_borrowers(r.share), 0);
	shut_down(&r);
	rig_done(&r);
}

static void what_is_not_understood_is_told_so_and_takes_no_descriptor(void **state)
{
	struct rig r;
	int ctl;
	int next;

	(void)state;
	rig_init(&r);
	ctl = ep_ctl_dial(r.path);
	assert_int_equal(ep_ctl_send(ctl, "services", -1), 0); /* no answer yet: there is no session */
	next = dup(0);
	close(next);
	assert_int_equal(ep_ctl_send(ctl, "dance", 0), 0);
	await(&r, ctl, "error not understood");
	assert_int_equal(ep_ctl_send(ctl, "pipe web", 0), 0);
	await(&r, ctl, "ok");
	await(&r, ctl, "end peer 5");
	/* The client's connection took one number; the descriptors that were passed are closed again. */
	assert_int_equal(dup(0), next + 1);
	close(next + 1);
	close(ctl);
	rig_done(&r);
}

#define LONG_LEN 2000000 /* status of some ten thousand lanes: no socket buffer holds it */

static void on_question(void *ctx, struct ep_ctl_client *client, const char *text, int fd)
{
	char *answer = calloc(1, LONG_LEN + 1);

	(void)ctx;
	assert_int_equal(fd, -1);
	assert_string_equal(text, "status");
	for (size_t i = 0; i < LONG_LEN; i++)
		answer[i] = (char)('a' + i % 23);
	ep_ctl_finish(client, answer);
}

static void on_client_gone(void *ctx, struct ep_ctl_client *client)
{
	(void)client;
	++*(unsigned *)ctx;
}

static const struct ep_ctl_ops long_ops = {.message = on_question, .gone = on_client_gone};

static void a_long_answer_comes_whole_however_slowly_it_is_read(void **state)
{
	static char text[EP_CTL_TEXT_MAX];
	struct ep_ctl *server;
	unsigned n_gone = 0;
	uv_loop_t loop;
	size_t len = 0;
	int ctl;
	int n;

	(void)state;
	assert_int_equal(uv_loop_init(&loop), 0);
	assert_int_equal(ep_ctl_new(&loop, tmp_path("long"), &long_ops, &n_gone, &server), 0);
	ctl = ep_ctl_dial(tmp_path("long"));
	assert_true(ctl >= 0);
	assert_int_equal(ep_ctl_send(ctl, "status", -1), 0);
	do {
		for (int i = 0; i < 3; i++)
			uv_run(&loop, UV_RUN_NOWAIT);
		n = ep_ctl_recv(ctl, text, 0);
		for (int i = 0; i < n; i++)
			assert_int_equal(text[i], 'a' + (int)((len + (size_t)i) % 23));
		len += n > 0 ? (size_t)n : 0;
	} while (n > 0 || n == ADIT_EAGAIN);
	assert_int_equal(n, ADIT_ENOENT);
	assert_int_equal(len, LONG_LEN);
	close(ctl);
	while (n_gone == 0)
		uv_run(&loop, UV_RUN_ONCE);
	ep_ctl_close(server);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&loop), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_lent_door_outlives_the_shutdown_until_its_lender_goes, tmp_setup,
						tmp_teardown),
		cmocka_unit_test_setup_teardown(a_long_answer_comes_whole_however_slowly_it_is_read, tmp_setup,
						tmp_teardown),
		cmocka_unit_test_setup_teardown(a_lender_may_go_before_the_end, tmp_setup, tmp_teardown),
		cmocka_unit_test_setup_teardown(who_waits_for_a_session_that_never_comes_gets_a_reset, tmp_setup,
						tmp_teardown),
		cmocka_unit_test_setup_teardown(what_is_not_understood_is_told_so_and_takes_no_descriptor, tmp_setup,
						tmp_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
