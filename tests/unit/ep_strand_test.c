/*
 * Two strands of one session, each in its thread, and the main thread between them as their network. The session is
 * made in virtual time (link_rig.h); what the strands need of it, the grants, are values.
 */
#include "test.h"

#include <errno.h>
#include <stdatomic.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "endpoint/ep_strand.h"
#include "io_tmpdir.h"
#include "link/link_strand.h"
#include "link_rig.h"

#define BIG (1024 * 1024) /* bytes; more than sockets and windows hold at first */

/* One side, as the main thread has it. */
struct end {
	struct end *peer;
	struct ep_strand *strand;
	struct link_route route;
	bool has_begun; /* it was handed a first datagram */
	unsigned n_up, n_down, n_gone, n_refused, n_failed;
	int failed_with;
	struct ep_strand_down down;
	struct ep_strand_note note;
};

struct world {
	struct rig rig;
	uv_loop_t loop;
	struct end serve;
	struct end connect;
	struct ep_service service;
	_Atomic bool failed[1];
	_Atomic bool refused;
	bool is_cut; /* the network */
	bool is_full; /* the main thread's socket: what the connect side wants sent is kept */
	struct kept {
		uint8_t data[IO_SOCK_BATCH_MAX];
		size_t len;
		size_t seg_size;
	} kept[2 * EP_STRAND_HANDED_MAX];
	size_t n_kept;
	bool damages; /* what it delivers next, once */
	int far; /* the network's end of the connect side's own socket; -1: it has none */
	int door; /* what the service's target listens on; -1: nobody is there */
	int inside; /* the target's end of the connection */
	int outside; /* our end of what the connect side was given */
	uint64_t in; /* bytes the target got */
	uint64_t wrong;
};

/* --- the socket that may be full --- */

static atomic_int watched = -1;
static atomic_uint n_sends;
static atomic_uint n_full;

ssize_t __real_sendmsg(int fd, const struct msghdr *m, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *m, int flags);

/* The segment size of a batch (GSO); 0: it is one datagram. */
static uint16_t segment_of(const struct msghdr *m)
{
	uint16_t size = 0;

	for (struct cmsghdr *h = CMSG_FIRSTHDR(m); h; h = CMSG_NXTHDR((struct msghdr *)m, h))
		if (h->cmsg_level == IPPROTO_UDP)
			memcpy(&size, CMSG_DATA(h), sizeof(size));
	return size;
}

/* A datagram socket of another kind stands for the network; a batch goes there whole, its segment size in front. */
ssize_t __wrap_sendmsg(int fd, const struct msghdr *m, int flags)
{
	uint16_t size = segment_of(m);
	struct iovec iov[] = {{.iov_base = &size, .iov_len = sizeof(size)}, m->msg_iov[0]};
	struct msghdr to_far = {.msg_iov = iov, .msg_iovlen = ARRAY_LEN(iov)};
	ssize_t n;

	if (fd != atomic_load(&watched))
		return __real_sendmsg(fd, m, flags);
	n = __real_sendmsg(fd, &to_far, flags);
	atomic_fetch_add(&n_sends, 1);
	atomic_fetch_add(&n_full, n < 0 && errno == EAGAIN);
	return n;
}

/* What fills it says nothing. */
static void fill_socket(void)
{
	while (send(atomic_load(&watched), "", 1, MSG_DONTWAIT) == 1)
		;
}

/* --- the network --- */

static void deliver(struct world *w, struct end *to, const uint8_t *data, size_t len, size_t seg_size)
{
	struct link_strand_dgram d = {.number = 1,
				      .begins = !to->has_begun,
				      .gen = to->route.gen,
				      .data = data,
				      .len = len,
				      .seg_size = seg_size};
	uint8_t damaged[2048];

	if (!to->strand)
		return;
	if (w->damages) {
		assert_true(len <= sizeof(damaged));
		memcpy(damaged, data, len);
		damaged[len - 1] ^= 1;
		d.data = damaged;
		w->damages = false;
	}
	to->has_begun = true;
	ep_strand_dgram(to->strand, &d);
}

static void pump_far(struct world *w)
{
	static uint8_t buf[IO_SOCK_BATCH_MAX];
	uint16_t size;
	ssize_t n;

	while (w->far >= 0 && !w->is_cut && (n = recv(w->far, buf, sizeof(buf), MSG_DONTWAIT)) > 0) {
		if (n <= (ssize_t)sizeof(size))
			continue;
		memcpy(&size, buf, sizeof(size));
		deliver(w, &w->serve, buf + sizeof(size), (size_t)n - sizeof(size), size);
	}
}

static void keep(struct world *w, const uint8_t *data, size_t len, size_t seg_size)
{
	struct kept *k = &w->kept[w->n_kept++];

	assert_true(w->n_kept <= ARRAY_LEN(w->kept));
	memcpy(k->data, data, len);
	k->len = len;
	k->seg_size = seg_size;
}

/* There is room again. */
static void release(struct world *w)
{
	for (size_t i = 0; i < w->n_kept; i++) {
		deliver(w, &w->serve, w->kept[i].data, w->kept[i].len, w->kept[i].seg_size);
		ep_strand_sent(w->connect.strand);
	}
	w->n_kept = 0;
}

static void on_letter(struct world *w, struct end *e, unsigned kind, const void *head, const uint8_t *data, size_t len)
{
	const struct ep_strand_refusal *refusal = head;

	switch ((enum ep_strand_news)kind) {
	case EP_STRAND_NOTE:
		e->note = *(const struct ep_strand_note *)head;
		break;
	case EP_STRAND_UP:
		e->n_up++;
		break;
	case EP_STRAND_DOWN:
		e->n_down++;
		e->down = *(const struct ep_strand_down *)head;
		break;
	case EP_STRAND_SEND:
		if (w->is_full && e == &w->connect) {
			keep(w, data, len, *(const size_t *)head);
			break;
		}
		ep_strand_sent(e->strand);
		if (!w->is_cut)
			deliver(w, e->peer, data, len, *(const size_t *)head);
		break;
	case EP_STRAND_REFUSED:
		assert_int_equal(refusal->service, RIG_ECHO);
		e->n_refused++;
		break;
	case EP_STRAND_FAILED:
		assert_int_equal(refusal->service, RIG_ECHO);
		e->failed_with = (int)refusal->code;
		e->n_failed++;
		break;
	case EP_STRAND_LOG:
		break;
	case EP_STRAND_GONE:
		e->n_gone++;
		ep_strand_free(e->strand);
		e->strand = NULL;
		break;
	}
}

static struct world *world; /* what letters find their way by */

static void letter_of(void *ctx, unsigned kind, const void *head, const uint8_t *data, size_t len)
{
	on_letter(world, ctx, kind, head, data, len);
}

/* --- the target, and who is connected to it --- */

static void open_door(struct world *w)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};

	memcpy(un.sun_path, w->service.target.path, sizeof(un.sun_path));
	w->door = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(w->door, (const struct sockaddr *)&un, sizeof(un)), 0);
	assert_int_equal(listen(w->door, 8), 0);
}

static void close_door(struct world *w)
{
	close(w->door);
	w->door = -1;
	assert_int_equal(unlink(w->service.target.path), 0);
}

static void pump_target(struct world *w)
{
	uint8_t buf[65536];
	ssize_t n;

	if (w->door >= 0 && w->inside < 0)
		w->inside = accept4(w->door, NULL, NULL, SOCK_NONBLOCK);
	while (w->inside >= 0 && (n = recv(w->inside, buf, sizeof(buf), 0)) > 0)
		for (ssize_t i = 0; i < n; i++)
			w->wrong += buf[i] != rig_pattern(w->in++);
}

/* A connection for the service. */
static void give(struct world *w)
{
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	assert_int_equal(ep_strand_give(w->connect.strand, RIG_ECHO, pair[1]), 0);
	w->outside = pair[0];
}

static void hang_up(struct world *w)
{
	if (w->outside >= 0)
		close(w->outside);
	if (w->inside >= 0)
		close(w->inside);
	w->outside = w->inside = -1;
}

/* As much of the pattern, from |*at| on, as the socket takes. */
static void push(struct world *w, uint64_t *at, uint64_t end)
{
	uint8_t buf[8192];

	while (*at < end) {
		size_t n = end - *at < sizeof(buf) ? (size_t)(end - *at) : sizeof(buf);
		ssize_t sent;

		for (size_t i = 0; i < n; i++)
			buf[i] = rig_pattern(*at + i);
		sent = send(w->outside, buf, n, MSG_NOSIGNAL);
		if (sent <= 0)
			return;
		*at += (uint64_t)sent;
	}
}

/* Nothing comes any more, as it was reset or has ended: for a unix socket that is the same. */
static bool is_over(int fd)
{
	uint8_t byte;
	ssize_t n = recv(fd, &byte, 1, MSG_DONTWAIT);

	return n == 0 || (n < 0 && errno != EAGAIN);
}

/* --- turns --- */

static void turn(struct world *w)
{
	uv_run(&w->loop, UV_RUN_NOWAIT);
	pump_far(w);
	pump_target(w);
	usleep(200);
}

/* Until |cond| holds; 10 s at most. */
#define AWAIT(w, cond)                                       \
	do {                                                 \
		bool ok_ = cond;                             \
		for (int i_ = 0; i_ < 50000 && !ok_; i_++) { \
			turn(w);                             \
			ok_ = cond;                          \
		}                                            \
		assert_true(ok_);                            \
	} while (0)

static void start(struct world *w, struct end *e, const struct side *side, struct io_sock sock)
{
	struct link_grant grant;
	struct ep_strand_config cfg = {.grant = &grant,
				       .services = &w->service,
				       .n_services = 1,
				       .failed = w->failed,
				       .refused = &w->refused,
				       .sock = sock,
				       .letter = letter_of,
				       .main = &w->loop,
				       .ctx = e};

	assert_int_equal(link_strand_grant(side->link, 1, &grant), 0);
	grant.cfg.rng = crypto_rng(); /* the rig's is one thread's */
	e->route = grant.route;
	assert_int_equal(ep_strand_new(&cfg, &e->strand), 0);
}

/* |has_sock|: the connect side sends over a socket of its own. */
static void world_init(struct world *w, uint64_t seed, bool has_sock)
{
	struct io_sock none = {.fd = -1};
	struct io_sock own = none;
	int pair[2];

	memset(w, 0, sizeof(*w));
	world = w;
	w->far = w->door = w->inside = w->outside = -1;
	w->serve.peer = &w->connect;
	w->connect.peer = &w->serve;
	w->connect.has_begun = true;
	w->service.target.kind = EP_UNIX;
	snprintf(w->service.target.path, sizeof(w->service.target.path), "%s", tmp_path("target"));
	assert_int_equal(uv_loop_init(&w->loop), 0);
	rig_init(&w->rig, seed, false);
	w->rig.connect.cfg.connections = w->rig.serve.cfg.connections = 2;
	rig_up(&w->rig);
	if (has_sock) {
		assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, pair), 0);
		own = (struct io_sock){.fd = pair[0], .family = ADIT_FAMILY_V4, .gso = true};
		w->far = pair[1];
		atomic_store(&watched, pair[0]);
	}
	start(w, &w->serve, &w->rig.serve, none);
	start(w, &w->connect, &w->rig.connect, own);
}

static void world_up(struct world *w, uint64_t seed, bool has_sock)
{
	world_init(w, seed, has_sock);
	AWAIT(w, w->serve.n_up == 1 && w->connect.n_up == 1);
}

static void world_done(struct world *w)
{
	hang_up(w);
	ep_strand_free(w->serve.strand);
	ep_strand_free(w->connect.strand);
	atomic_store(&watched, -1);
	if (w->door >= 0)
		close_door(w);
	if (w->far >= 0)
		close(w->far);
	uv_run(&w->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&w->loop), 0);
	rig_done(&w->rig);
}

/* --- the tests --- */

static void a_connection_is_carried_from_thread_to_thread_and_counted(void **state)
{
	static const char answer[] = "the answer";
	char got[sizeof(answer)] = "";
	uint64_t at = 0;
	struct world w;

	(void)state;
	world_up(&w, 1, false);
	open_door(&w);
	give(&w);
	AWAIT(&w, (push(&w, &at, BIG), w.in == BIG));
	assert_int_equal(w.wrong, 0);
	AWAIT(&w, w.connect.note.conns == 1 && w.serve.note.conns == 1);
	assert_int_equal(send(w.inside, answer, sizeof(answer), 0), sizeof(answer));
	AWAIT(&w, recv(w.outside, got, sizeof(got), MSG_DONTWAIT) == sizeof(got));
	assert_string_equal(got, answer);
	hang_up(&w);
	AWAIT(&w, w.connect.note.ended == 1 && w.connect.note.conns == 0 && w.serve.note.conns == 0);
	assert_int_equal(w.connect.n_down + w.serve.n_down, 0);
	world_done(&w);
}

static void a_full_socket_is_waited_for_and_not_asked_again_and_again(void **state)
{
	uint64_t at = 0;
	unsigned before;
	struct world w;

	(void)state;
	world_up(&w, 2, true);
	open_door(&w);
	give(&w);
	AWAIT(&w, w.inside >= 0);
	w.is_cut = true; /* nobody takes anything out of the socket */
	fill_socket();
	before = atomic_load(&n_full);
	AWAIT(&w, (push(&w, &at, BIG), atomic_load(&n_full) > before));
	before = atomic_load(&n_sends);
	usleep(100000);
	assert_int_equal(atomic_load(&n_sends), before);
	w.is_cut = false;
	AWAIT(&w, (push(&w, &at, BIG), w.in == BIG));
	assert_int_equal(w.wrong, 0);
	world_done(&w);
}

static void a_new_route_does_not_wait_for_the_old_ones_full_socket(void **state)
{
	struct io_sock none = {.fd = -1};
	uint64_t at = 0;
	unsigned before;
	struct world w;

	(void)state;
	world_up(&w, 3, true);
	open_door(&w);
	give(&w);
	AWAIT(&w, w.inside >= 0);
	w.is_cut = true;
	fill_socket();
	before = atomic_load(&n_full);
	AWAIT(&w, (push(&w, &at, BIG), atomic_load(&n_full) > before));
	close(w.far); /* with what was in it */
	w.far = -1;
	w.is_cut = false;
	assert_int_equal(ep_strand_route(w.connect.strand, &w.connect.route, &none), 0);
	AWAIT(&w, (push(&w, &at, BIG), w.in == BIG));
	assert_int_equal(w.wrong, 0);
	world_done(&w);
}

static void a_first_datagram_that_is_damaged_on_its_way_costs_a_repetition_and_not_the_strand(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, 9, false);
	w.damages = true; /* no letter has been read yet */
	AWAIT(&w, w.serve.n_up == 1 && w.connect.n_up == 1);
	assert_false(w.damages);
	assert_int_equal(w.serve.n_down + w.connect.n_down, 0);
	world_done(&w);
}

/* What came of a connection for a service that nobody is behind. */
static void fail_once(struct world *w)
{
	give(w);
	AWAIT(w, is_over(w->outside));
	hang_up(w);
}

static void a_service_that_fails_is_told_once_until_it_works_again(void **state)
{
	struct world w;

	(void)state;
	world_up(&w, 4, false);
	fail_once(&w);
	AWAIT(&w, w.serve.n_failed == 1 && w.connect.n_refused == 1);
	assert_int_equal(w.serve.failed_with, ENOENT);
	fail_once(&w);
	open_door(&w);
	give(&w);
	AWAIT(&w, w.inside >= 0);
	hang_up(&w);
	close_door(&w);
	assert_int_equal(w.serve.n_failed, 1);
	assert_false(w.failed[0]);
	fail_once(&w);
	AWAIT(&w, w.serve.n_failed == 2);
	w.failed[0] = false; /* another lane has reached it */
	fail_once(&w);
	AWAIT(&w, w.serve.n_failed == 3);
	world_done(&w);
}

static void a_refusal_is_told_once_until_any_of_the_sessions_connections_is_answered(void **state)
{
	uint8_t byte = 0;
	struct world w;

	(void)state;
	world_up(&w, 10, false);
	w.refused = true; /* by another one */
	fail_once(&w);
	AWAIT(&w, w.serve.n_failed == 1);
	w.refused = false; /* and answered */
	fail_once(&w);
	AWAIT(&w, w.connect.n_refused == 1);
	assert_true(w.refused);
	fail_once(&w);
	open_door(&w);
	give(&w);
	AWAIT(&w, w.inside >= 0);
	assert_int_equal(send(w.inside, &byte, 1, 0), 1);
	AWAIT(&w, recv(w.outside, &byte, 1, MSG_DONTWAIT) == 1);
	assert_false(w.refused);
	hang_up(&w);
	close_door(&w);
	fail_once(&w);
	AWAIT(&w, w.connect.n_refused == 2);
	world_done(&w);
}

/* The main thread's socket is full: nothing is thrown away, and no more comes than it can keep. */
static void what_the_main_thread_cannot_send_is_waited_for(void **state)
{
	uint64_t at = 0;
	struct world w;

	(void)state;
	world_up(&w, 11, false);
	open_door(&w);
	give(&w);
	AWAIT(&w, w.inside >= 0);
	w.is_full = true;
	AWAIT(&w, (push(&w, &at, BIG), w.n_kept == EP_STRAND_HANDED_MAX));
	for (int i = 0; i < 100; i++)
		turn(&w);
	assert_int_equal(w.n_kept, EP_STRAND_HANDED_MAX);
	w.is_full = false;
	release(&w);
	AWAIT(&w, (push(&w, &at, BIG), w.in == BIG));
	assert_int_equal(w.wrong, 0);
	world_done(&w);
}

static void what_a_lost_strand_carried_is_lost_and_the_main_thread_is_told(void **state)
{
	struct world w;
	int first;

	(void)state;
	world_up(&w, 5, false);
	open_door(&w);
	give(&w);
	AWAIT(&w, w.inside >= 0 && w.connect.note.conns == 1);
	first = w.outside;
	ep_strand_end(w.serve.strand, FWD_CLOSE_SHUTTING_DOWN);
	AWAIT(&w, w.serve.n_gone == 1 && w.connect.n_down == 1);
	assert_null(w.serve.strand);
	assert_int_equal(w.connect.down.reason, LINK_REASON_PEER);
	assert_int_equal(w.connect.down.code, FWD_CLOSE_SHUTTING_DOWN);
	AWAIT(&w, is_over(first) && is_over(w.inside));
	give(&w); /* before the main thread knew */
	AWAIT(&w, is_over(w.outside));
	AWAIT(&w, w.connect.note.ended == 2 && w.connect.note.conns == 0);
	close(first);
	world_done(&w);
}

static void a_drained_strand_says_so_when_all_has_been_delivered(void **state)
{
	uint64_t at = 0;
	struct world w;

	(void)state;
	world_up(&w, 6, false);
	open_door(&w);
	give(&w);
	AWAIT(&w, w.inside >= 0);
	w.is_cut = true;
	push(&w, &at, 1000);
	for (int i = 0; i < 100; i++)
		turn(&w);
	ep_strand_drain(w.connect.strand);
	for (int i = 0; i < 250; i++)
		turn(&w);
	assert_false(w.connect.note.is_drained);
	w.is_cut = false;
	AWAIT(&w, w.in == 1000 && w.connect.note.is_drained);
	world_done(&w);
}

static void a_strand_may_be_freed_before_it_has_begun_and_with_all_of_it_under_way(void **state)
{
	uint64_t at = 0;
	struct world w;

	(void)state;
	world_init(&w, 7, false);
	world_done(&w);

	world_up(&w, 8, true);
	open_door(&w);
	give(&w);
	AWAIT(&w, w.inside >= 0);
	push(&w, &at, BIG);
	world_done(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_connection_is_carried_from_thread_to_thread_and_counted),
		cmocka_unit_test(a_full_socket_is_waited_for_and_not_asked_again_and_again),
		cmocka_unit_test(a_new_route_does_not_wait_for_the_old_ones_full_socket),
		cmocka_unit_test(a_first_datagram_that_is_damaged_on_its_way_costs_a_repetition_and_not_the_strand),
		cmocka_unit_test(a_service_that_fails_is_told_once_until_it_works_again),
		cmocka_unit_test(a_refusal_is_told_once_until_any_of_the_sessions_connections_is_answered),
		cmocka_unit_test(what_the_main_thread_cannot_send_is_waited_for),
		cmocka_unit_test(what_a_lost_strand_carried_is_lost_and_the_main_thread_is_told),
		cmocka_unit_test(a_drained_strand_says_so_when_all_has_been_delivered),
		cmocka_unit_test(a_strand_may_be_freed_before_it_has_begun_and_with_all_of_it_under_way),
	};

	return cmocka_run_group_tests(tests, tmp_setup, tmp_teardown);
}
