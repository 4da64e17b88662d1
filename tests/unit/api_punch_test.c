#include "test.h"

#include <adit/punch.h>
#include <adit/ticket.h>

#include "api_rig.h"

static struct adit_punch *p[2]; /* serve, connect */
static struct adit_punch_event open_as[2];
static bool is_open[2];

static struct adit_punch *make(bool serve, const char *secret)
{
	struct adit_punch_config cfg = {
		.size = sizeof(cfg), .serve = serve, .secret = secret, .secret_len = strlen(secret)};
	struct sockaddr_storage peer = rig_loopback(0);
	struct adit_punch *made;

	assert_int_equal(adit_punch_new(&cfg, &made), 0);
	assert_int_equal(adit_punch_set_peers(made, &peer, 1), 0);
	return made;
}

static int setup(void **state)
{
	(void)state;
	is_open[0] = is_open[1] = false;
	p[0] = make(true, "sixteen bytes or more");
	p[1] = make(false, "sixteen bytes or more");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		adit_punch_free(p[i]);
		if (is_open[i])
			close(open_as[i].fd);
	}
	return 0;
}

static void turn(int side)
{
	const struct adit_punch_event *e;

	adit_punch_process(p[side]);
	while ((e = adit_punch_next_event(p[side])) != NULL) {
		assert_int_equal(e->kind, ADIT_PUNCH_OPEN);
		assert_false(is_open[side]);
		open_as[side] = *e;
		is_open[side] = true;
	}
}

static bool both_open(void)
{
	return is_open[0] && is_open[1];
}

static void meet(void)
{
	int fd[2] = {adit_punch_fd(p[0]), adit_punch_fd(p[1])};

	adit_punch_start(p[0]);
	adit_punch_start(p[1]);
	rig_run(fd, turn, both_open);
}

static int option(int fd, int level, int name)
{
	int value = -1;
	socklen_t len = sizeof(value);

	assert_int_equal(getsockopt(fd, level, name, &value, &len), 0);
	return value;
}

static void both_get_an_ordinary_connected_socket(void **state)
{
	char buf[16];

	(void)state;
	meet();
	for (int i = 0; i < 2; i++) {
		int fd = open_as[i].fd;
		struct sockaddr_storage own, peer;
		socklen_t own_len = sizeof(own), peer_len = sizeof(peer);

		assert_int_equal(getsockname(fd, (struct sockaddr *)&own, &own_len), 0);
		assert_int_equal(getpeername(fd, (struct sockaddr *)&peer, &peer_len), 0);
		assert_int_equal(rig_port(&peer), rig_port(&open_as[i].peer));
		assert_int_equal(rig_port(&own), rig_port(&open_as[!i].peer));
		assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
		assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
		assert_int_equal(option(fd, IPPROTO_IP, IP_RECVERR), 0);
		assert_int_equal(option(fd, IPPROTO_IP, IP_PKTINFO), 0);
		assert_int_equal(option(fd, SOL_SOCKET, SO_ERROR), 0);
	}
	assert_int_equal(rig_port(&open_as[1].mapped), rig_port(&open_as[0].peer));
	assert_int_equal(open_as[0].mapped.ss_family, AF_UNSPEC);
	for (int i = 0; i < 2; i++) {
		struct pollfd in = {.fd = open_as[!i].fd, .events = POLLIN};

		assert_int_equal(send(open_as[i].fd, "hi", 2, 0), 2);
		assert_int_equal(poll(&in, 1, 1000), 1);
		assert_int_equal(recv(open_as[!i].fd, buf, sizeof(buf), 0), 2);
	}
}

static void afterwards_the_object_is_at_rest(void **state)
{
	(void)state;
	meet();
	for (int i = 0; i < 2; i++) {
		struct pollfd in = {.fd = adit_punch_fd(p[i]), .events = POLLIN};
		struct sockaddr_storage peer = rig_loopback(9);

		assert_true(adit_punch_deadline(p[i]) == ADIT_NO_DEADLINE);
		assert_int_equal(poll(&in, 1, 0), 0);
		adit_punch_process(p[i]);
		adit_punch_start(p[i]);
		assert_int_equal(adit_punch_set_peers(p[i], &peer, 1), 0);
		assert_null(adit_punch_next_event(p[i]));
	}
}

/* What came before the socket was connected stays in the kernel's queue, from whomever. */
static void datagrams_of_strangers_do_not_lie_in_the_socket(void **state)
{
	int fds[2] = {adit_punch_fd(p[0]), adit_punch_fd(p[1])};
	int stranger = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_storage to;
	char buf[16];

	(void)state;
	adit_punch_start(p[0]);
	adit_punch_start(p[1]);
	/* Into the connect side's future socket, while it is about to be handed over: it is read from no more. */
	while (!is_open[0]) {
		struct pollfd w[2] = {{.fd = fds[0], .events = POLLIN}, {.fd = fds[1], .events = POLLIN}};

		poll(w, 2, 100);
		adit_punch_process(p[1]);
		turn(0);
	}
	to = open_as[0].peer;
	assert_int_equal(sendto(stranger, "evil", 4, 0, (struct sockaddr *)&to, sizeof(struct sockaddr_in)), 4);
	assert_int_equal(send(open_as[0].fd, "good", 4, 0), 4);
	close(stranger);
	while (!is_open[1]) {
		const struct adit_punch_event *e = adit_punch_next_event(p[1]);

		if (e) {
			open_as[1] = *e;
			is_open[1] = true;
		}
	}
	assert_int_equal(recv(open_as[1].fd, buf, sizeof(buf), 0), 4);
	assert_memory_equal(buf, "good", 4);
	assert_int_equal(recv(open_as[1].fd, buf, sizeof(buf), 0), -1);
}

static void a_ticket_is_a_secret_too(void **state)
{
	struct adit_punch_config cfg = {.size = sizeof(cfg)};
	struct sockaddr_storage peer = rig_loopback(0);
	char identity[ADIT_IDENTITY_STRLEN];
	char ticket[ADIT_TICKET_STRLEN];

	(void)state;
	adit_identity_new(identity);
	assert_int_equal(adit_ticket_new(identity, false, ticket), 0);
	for (int i = 0; i < 2; i++) {
		adit_punch_free(p[i]);
		cfg.serve = i == 0;
		cfg.ticket = ticket;
		assert_int_equal(adit_punch_new(&cfg, &p[i]), 0);
		assert_int_equal(adit_punch_set_peers(p[i], &peer, 1), 0);
	}
	memset(ticket, 'x', sizeof(ticket)); /* it was copied */
	meet();
}

static unsigned free_port(void)
{
	struct sockaddr_storage any = rig_loopback(0);
	socklen_t len = sizeof(any);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&any, sizeof(struct sockaddr_in)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&any, &len), 0);
	close(fd);
	return rig_port(&any);
}

/* Who goes by the clock and who goes by mediators both want it. */
static void a_port_of_the_callers_is_handed_over_where_mediators_may_be_named_too(void **state)
{
	unsigned port[2] = {free_port(), free_port()};
	char identity[ADIT_IDENTITY_STRLEN];
	char ticket[ADIT_TICKET_STRLEN];

	(void)state;
	adit_identity_new(identity);
	assert_int_equal(adit_ticket_new(identity, false, ticket), 0);
	for (int i = 0; i < 2; i++) {
		struct adit_punch_config cfg = {.size = sizeof(cfg),
						.serve = i == 0,
						.ticket = ticket,
						.identity = i == 0 ? identity : NULL,
						.meets = true,
						.port = port[i]};
		struct sockaddr_storage peer = rig_loopback((uint16_t)port[!i]);

		adit_punch_free(p[i]);
		assert_int_equal(adit_punch_new(&cfg, &p[i]), 0);
		assert_int_equal(adit_punch_set_peers(p[i], &peer, 1), 0);
	}
	meet();
	for (int i = 0; i < 2; i++)
		assert_int_equal(rig_port(&open_as[i].peer), port[!i]);
}

static void what_cannot_be_is_refused(void **state)
{
	struct adit_punch_config cfg = {.size = sizeof(cfg)};
	struct sockaddr_storage peers[9] = {{0}};
	char identity[ADIT_IDENTITY_STRLEN];
	char ticket[ADIT_TICKET_STRLEN];
	struct adit_punch *no;

	(void)state;
	adit_identity_new(identity);
	assert_int_equal(adit_ticket_new(identity, true, ticket), 0);
	assert_int_equal(adit_punch_new(&cfg, &no), ADIT_EINVAL);
	cfg.secret = "fifteen bytes!!";
	cfg.secret_len = 15;
	assert_int_equal(adit_punch_new(&cfg, &no), ADIT_EINVAL);
	cfg.ticket = ticket; /* both */
	assert_int_equal(adit_punch_new(&cfg, &no), ADIT_EINVAL);
	cfg.secret = NULL; /* a ticket without a secret */
	assert_int_equal(adit_punch_new(&cfg, &no), ADIT_EINVAL);
	ticket[30] = ticket[30] == 'b' ? 'c' : 'b';
	assert_int_equal(adit_punch_new(&cfg, &no), ADIT_ECHECKSUM);
	assert_int_equal(adit_punch_set_peers(p[0], peers, 1), ADIT_EINVAL);
	assert_int_equal(adit_punch_set_peers(p[0], peers, 9), ADIT_EINVAL);
}

static void more_mediators_or_servers_than_there_is_room_for_are_refused(void **state)
{
	struct adit_punch_config cfg = {.size = sizeof(cfg), .meets = true};
	struct sockaddr_storage addr = rig_loopback(9);
	char identity[ADIT_IDENTITY_STRLEN];
	char ticket[ADIT_TICKET_STRLEN];
	struct adit_punch *a;
	int err = 0;
	int n;

	(void)state;
	adit_identity_new(identity);
	assert_int_equal(adit_ticket_new(identity, false, ticket), 0);
	cfg.ticket = ticket;
	assert_int_equal(adit_punch_new(&cfg, &a), 0);
	for (n = 0; n < 17; n++) {
		addr = rig_loopback((uint16_t)(9 + n));
		err = adit_punch_add_server(a, (struct sockaddr *)&addr, sizeof(addr));
		if (err != 0)
			break;
	}
	assert_int_equal(n, 16);
	assert_int_equal(err, ADIT_EFULL);
	for (n = 0; n < 5; n++) {
		const char name[2] = {(char)('a' + n), '\0'};

		addr = rig_loopback((uint16_t)(99 + n));
		err = adit_punch_add_mediator(a, name, (struct sockaddr *)&addr, sizeof(addr));
		if (err != 0)
			break;
	}
	assert_int_equal(n, 4); /* that there is no room for them as servers is no matter */
	assert_int_equal(err, ADIT_EFULL);
	/* The same at another address is no further one. */
	assert_int_equal(adit_punch_add_mediator(a, "d", (struct sockaddr *)&addr, sizeof(addr)), 0);
	adit_punch_free(a);
}

static void a_smaller_configuration_of_an_older_caller_works(void **state)
{
	struct adit_punch_config cfg;
	struct adit_punch *old;

	(void)state;
	memset(&cfg, 0xff, sizeof(cfg));
	memset(&cfg, 0, offsetof(struct adit_punch_config, port));
	cfg.size = offsetof(struct adit_punch_config, port);
	cfg.secret = "sixteen bytes or more";
	cfg.secret_len = 21;
	assert_int_equal(adit_punch_new(&cfg, &old), 0);
	adit_punch_free(old);
	cfg.size--;
	assert_int_equal(adit_punch_new(&cfg, &old), ADIT_EINVAL);
}

static void free_both(void)
{
	adit_punch_free(p[0]);
	adit_punch_free(p[1]);
}

static void a_child_frees_and_the_parent_goes_on(void **state)
{
	(void)state;
	adit_punch_start(p[0]);
	adit_punch_start(p[1]);
	rig_fork(free_both);
	meet();
}

static void every_descriptor_is_closed_by_exec_and_by_free(void **state)
{
	(void)state;
	free_both();
	rig_fds_mark();
	setup(NULL);
	meet();
	assert_int_equal(rig_fds(), 6); /* epoll and timer each, and the two that were handed over */
	free_both();
	assert_int_equal(rig_fds(), 2);
	p[0] = p[1] = NULL;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(both_get_an_ordinary_connected_socket, setup, teardown),
		cmocka_unit_test_setup_teardown(afterwards_the_object_is_at_rest, setup, teardown),
		cmocka_unit_test_setup_teardown(datagrams_of_strangers_do_not_lie_in_the_socket, setup, teardown),
		cmocka_unit_test_setup_teardown(a_ticket_is_a_secret_too, setup, teardown),
		cmocka_unit_test_setup_teardown(a_port_of_the_callers_is_handed_over_where_mediators_may_be_named_too,
						setup, teardown),
		cmocka_unit_test_setup_teardown(what_cannot_be_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(more_mediators_or_servers_than_there_is_room_for_are_refused, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_smaller_configuration_of_an_older_caller_works, setup, teardown),
		cmocka_unit_test_setup_teardown(a_child_frees_and_the_parent_goes_on, setup, teardown),
		cmocka_unit_test_setup_teardown(every_descriptor_is_closed_by_exec_and_by_free, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
