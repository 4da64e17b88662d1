/*
 * Sessions with several threads, over the machine's own loopback: who may have how many, and how a strand sends that
 * has no socket of its own.
 */
#include "test.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "endpoint/ep_connect.h"
#include "endpoint/ep_listen.h"
#include "endpoint/ep_serve.h"
#include "io_tmpdir.h"

#define CLIENTS 2
#define THREADS 3
#define BIG     (2u << 20) /* bytes */

/* Ed25519 pairs: RFC 8032 7.1, tests 1 and 2. */
static const uint8_t seeds[2][32] = {
	{0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60, 0xba, 0x84, 0x4a, 0xf4, 0x92, 0xec, 0x2c, 0xc4,
	 0x44, 0x49, 0xc5, 0x69, 0x7b, 0x32, 0x69, 0x19, 0x70, 0x3b, 0xac, 0x03, 0x1c, 0xae, 0x7f, 0x60},
	{0x4c, 0xcd, 0x08, 0x9b, 0x28, 0xff, 0x96, 0xda, 0x9d, 0xb6, 0xc3, 0x46, 0xec, 0x11, 0x4e, 0x0f,
	 0x5b, 0x8a, 0x31, 0x9f, 0x35, 0xab, 0xa6, 0x24, 0xda, 0x8c, 0xf6, 0xed, 0x4f, 0xb8, 0xa6, 0xfb},
};
static const uint8_t keys[2][32] = {
	{0xd7, 0x5a, 0x98, 0x01, 0x82, 0xb1, 0x0a, 0xb7, 0xd5, 0x4b, 0xfe, 0xd3, 0xc9, 0x64, 0x07, 0x3a,
	 0x0e, 0xe1, 0x72, 0xf3, 0xda, 0xa6, 0x23, 0x25, 0xaf, 0x02, 0x1a, 0x68, 0xf7, 0x07, 0x51, 0x1a},
	{0x3d, 0x40, 0x17, 0xc3, 0xe8, 0x43, 0x89, 0x5a, 0x92, 0xb7, 0x0a, 0xa7, 0x4d, 0x1b, 0x7e, 0xbc,
	 0x9c, 0x98, 0x2c, 0xcf, 0x2e, 0xc4, 0x96, 0x8c, 0xc0, 0xcd, 0x55, 0xf1, 0x2a, 0xf4, 0x66, 0x0c},
};

/* A side of one lane, and what was told of it. */
struct told {
	bool is_up;
	unsigned n_down;
	unsigned threads;
	unsigned n_lost; /* strands */
};

struct client {
	struct ep_connect *connect; /* NULL: it is not there */
	struct told told;
};

struct world {
	uv_loop_t loop;
	struct quic_creds *creds[2];
	struct ep_service service;
	struct ep_serve *serve;
	struct client client[CLIENTS];
	struct told lane[CLIENTS]; /* the serve side's, of labels "0" and so on */
	uint64_t instance; /* of the program that was started last */
	bool is_gone;
};

static struct world *world;

static void on_event(struct told *t, const struct link_event *e)
{
	if (e->kind == LINK_EVENT_UP)
		*t = (struct told){.is_up = true, .threads = 1, .n_down = t->n_down, .n_lost = t->n_lost};
	if (e->kind == LINK_EVENT_DOWN) {
		t->is_up = false;
		t->n_down++;
	}
}

static void on_threads(struct told *t, unsigned n, const struct link_event *down)
{
	t->threads = n;
	t->n_lost += down != NULL;
}

static void serve_event(void *ctx, const char *label, const struct link_event *e)
{
	on_event(&((struct world *)ctx)->lane[label[0] - '0'], e);
}

static void serve_threads(void *ctx, const char *label, unsigned n, const struct link_event *down)
{
	on_threads(&((struct world *)ctx)->lane[label[0] - '0'], n, down);
}

static void connect_event(void *ctx, const struct link_event *e)
{
	on_event(&((struct client *)ctx)->told, e);
}

static void connect_threads(void *ctx, unsigned n, const struct link_event *down)
{
	on_threads(&((struct client *)ctx)->told, n, down);
}

static const struct ep_serve_ops serve_ops = {.event = serve_event, .threads = serve_threads};
static const struct ep_connect_ops connect_ops = {.event = connect_event, .threads = connect_threads};

/* Until |cond| holds; 20 s at most. */
#define AWAIT(cond)                                          \
	do {                                                 \
		bool ok_ = cond;                             \
		for (int i_ = 0; i_ < 20000 && !ok_; i_++) { \
			uv_run(&world->loop, UV_RUN_NOWAIT); \
			usleep(1000);                        \
			ok_ = cond;                          \
		}                                            \
		assert_true(ok_);                            \
	} while (0)

/* --- the main thread's socket, which may be full --- */

static bool through_main; /* all strands send through it ... */
static unsigned n_large; /* ... batches, of which three in eight find it full */
static unsigned n_waited; /* handed in and not taken */
static size_t waiting_len; /* the one that was not taken last; 0: none */
static uint8_t waiting_data[64];

ssize_t __real_sendmsg(int fd, const struct msghdr *m, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *m, int flags);
int __real_io_lane_share(struct io_lane *lane, uint32_t sock, struct io_sock *ret_sock);
int __wrap_io_lane_share(struct io_lane *lane, uint32_t sock, struct io_sock *ret_sock);
bool __real_io_lane_send(struct io_lane *lane, const struct quic_batch *b);
bool __wrap_io_lane_send(struct io_lane *lane, const struct quic_batch *b);

ssize_t __wrap_sendmsg(int fd, const struct msghdr *m, int flags)
{
	if (through_main && m->msg_name && m->msg_iov[0].iov_len > 2000 && n_large++ % 8 < 3) {
		errno = EAGAIN;
		return -1;
	}
	return __real_sendmsg(fd, m, flags);
}

int __wrap_io_lane_share(struct io_lane *lane, uint32_t sock, struct io_sock *ret_sock)
{
	return through_main ? ADIT_ENOENT : __real_io_lane_share(lane, sock, ret_sock);
}

/* The connect side's alone: the serve side's strands send nothing but acknowledgements. */
bool __wrap_io_lane_send(struct io_lane *lane, const struct quic_batch *b)
{
	bool is_sent = __real_io_lane_send(lane, b);
	size_t n = b->len < sizeof(waiting_data) ? b->len : sizeof(waiting_data);

	if (b->len < 2000)
		return is_sent;
	if (waiting_len > 0) { /* it comes again, before all others */
		assert_int_equal(b->len, waiting_len);
		assert_memory_equal(b->data, waiting_data, n);
	}
	waiting_len = is_sent ? 0 : b->len;
	memcpy(waiting_data, b->data, n);
	n_waited += !is_sent;
	return is_sent;
}

static const struct adit_addr loopback = {.family = ADIT_FAMILY_V4, .ip = {127, 0, 0, 1}};

static void fill_secrets(int i, uint8_t k[32], uint8_t secret_id[4])
{
	memset(k, 0x50 + i, 32);
	memset(secret_id, 0x10 + i, 4);
}

static void lane_add(struct world *w, int i)
{
	struct ep_lane_config cfg = {.label = {(char)('0' + i)}};

	fill_secrets(i, cfg.k, cfg.secret_id);
	assert_int_equal(ep_serve_lane_add(w->serve, &cfg), 0);
}

static void client_start(struct world *w, int i)
{
	struct client *c = &w->client[i];
	struct ep_connect_config cfg = {
		.creds = w->creds[1], .instance = ++w->instance, .linger = ADIT_SEC(60), .threads = THREADS};

	memset(c, 0, sizeof(*c));
	fill_secrets(i, cfg.k, cfg.secret_id);
	memcpy(cfg.peer_key, keys[0], sizeof(cfg.peer_key));
	assert_int_equal(ep_connect_new(&w->loop, &cfg, &connect_ops, c, &c->connect), 0);
	ep_connect_set_peers(c->connect, &loopback, 1);
	ep_connect_start(c->connect);
}

static void on_gone(void *ctx)
{
	((struct world *)ctx)->is_gone = true;
}

/* With a goodbye. */
static void client_end(struct world *w, int i)
{
	w->is_gone = false;
	ep_connect_shutdown(w->client[i].connect, on_gone, w);
	AWAIT(w->is_gone);
	ep_connect_free(w->client[i].connect);
	w->client[i].connect = NULL;
}

static void world_init(struct world *w)
{
	struct ep_serve_config cfg = {.linger = ADIT_SEC(60), .threads = THREADS, .n_services = 1};

	memset(w, 0, sizeof(*w));
	world = w;
	assert_int_equal(uv_loop_init(&w->loop), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(quic_creds_new(seeds[i], keys[i], &w->creds[i]), 0);
	snprintf(w->service.name, sizeof(w->service.name), "nothing");
	w->service.target.kind = EP_UNIX;
	cfg.creds = w->creds[0];
	cfg.instance = ++w->instance;
	cfg.services = &w->service;
	assert_int_equal(ep_serve_new(&w->loop, &cfg, &serve_ops, w, &w->serve), 0);
	ep_serve_set_peers(w->serve, &loopback, 1);
	for (int i = 0; i < CLIENTS; i++)
		lane_add(w, i);
}

static void world_done(struct world *w)
{
	for (int i = 0; i < CLIENTS; i++)
		ep_connect_free(w->client[i].connect);
	ep_serve_free(w->serve);
	uv_run(&w->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&w->loop), 0);
	quic_creds_free(w->creds[0]);
	quic_creds_free(w->creds[1]);
}

static bool has(const struct world *w, int i, unsigned threads)
{
	return w->client[i].told.is_up && w->lane[i].is_up && w->client[i].told.threads == threads &&
	       w->lane[i].threads == threads;
}

static void no_more_is_promised_than_is_left_and_what_comes_back_is_the_next_ones(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	client_start(&w, 0);
	AWAIT(has(&w, 0, THREADS));
	client_start(&w, 1);
	AWAIT(has(&w, 1, 1));
	assert_int_equal(link_strands(ep_connect_link(w.client[1].connect)), 1);
	assert_int_equal(ep_connect_threads(w.client[1].connect), 0);
	client_end(&w, 0);
	client_end(&w, 1);
	AWAIT(!w.lane[0].is_up && !w.lane[1].is_up);
	client_start(&w, 1);
	AWAIT(has(&w, 1, THREADS));
	assert_int_equal(w.client[0].told.n_lost + w.client[1].told.n_lost, 0);
	world_done(&w);
}

static void a_restarted_client_gets_as_many_threads_as_it_had(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	client_start(&w, 0);
	AWAIT(has(&w, 0, THREADS));
	ep_connect_free(w.client[0].connect); /* killed: it says nothing */
	client_start(&w, 0);
	AWAIT(w.client[0].told.is_up && w.lane[0].n_down == 1);
	assert_int_equal(link_strands(ep_connect_link(w.client[0].connect)), THREADS);
	AWAIT(has(&w, 0, THREADS));
	assert_int_equal(w.client[0].told.n_lost, 0);
	world_done(&w);
}

/* --- a strand without a socket --- */

static int listen_at(struct world *w)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	snprintf(w->service.target.path, sizeof(w->service.target.path), "%s", tmp_path("target"));
	memcpy(un.sun_path, w->service.target.path, sizeof(un.sun_path));
	assert_int_equal(bind(fd, (const struct sockaddr *)&un, sizeof(un)), 0);
	assert_int_equal(listen(fd, 8), 0);
	return fd;
}

static void open_all(struct world *w, int out[THREADS])
{
	struct ep_local local = {.addr = loopback};
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fds[EP_LISTEN_FDS_MAX];
	struct ep_door *door;
	uint16_t port;

	assert_int_equal(ep_listen_open(&local, fds, &port), 1);
	assert_int_equal(ep_connect_add_door(w->client[0].connect, w->service.name, false, fds[0], &door), 0);
	to.sin_port = htons(port);
	for (unsigned i = 0; i < THREADS; i++) {
		out[i] = socket(AF_INET, SOCK_STREAM, 0);
		assert_int_equal(connect(out[i], (const struct sockaddr *)&to, sizeof(to)), 0);
		AWAIT(ep_connect_conns(w->client[0].connect) == i + 1); /* one for each thread */
	}
}

struct flow {
	int out, in; /* -1: not accepted yet */
	size_t sent, received;
};

static void pump(struct flow flow[THREADS], int door)
{
	static uint8_t buf[16384];

	for (int i = 0; i < THREADS; i++) {
		struct flow *f = &flow[i];
		size_t left = BIG - f->sent < sizeof(buf) ? BIG - f->sent : sizeof(buf);
		ssize_t n = left > 0 ? send(f->out, buf, left, MSG_DONTWAIT | MSG_NOSIGNAL) : 0;

		f->sent += n > 0 ? (size_t)n : 0;
		if (f->in < 0)
			f->in = accept4(door, NULL, NULL, SOCK_NONBLOCK);
		while (f->in >= 0 && (n = recv(f->in, buf, sizeof(buf), 0)) > 0)
			f->received += (size_t)n;
	}
}

static bool is_all_there(const struct flow flow[THREADS])
{
	bool is = true;

	for (int i = 0; i < THREADS; i++)
		is &= flow[i].received == BIG;
	return is;
}

static void a_full_socket_of_the_main_thread_loses_no_batch_of_a_strand(void **state)
{
	struct flow flow[THREADS];
	int out[THREADS];
	struct world w;
	int door;

	(void)state;
	world_init(&w);
	door = listen_at(&w);
	through_main = true;
	n_waited = n_large = 0;
	waiting_len = 0;
	client_start(&w, 0);
	AWAIT(has(&w, 0, THREADS));
	open_all(&w, out);
	for (int i = 0; i < THREADS; i++)
		flow[i] = (struct flow){.out = out[i], .in = -1};
	AWAIT((pump(flow, door), is_all_there(flow)));
	assert_true(n_waited > 0);
	assert_int_equal(waiting_len, 0);
	for (int i = 0; i < THREADS; i++) {
		close(flow[i].out);
		close(flow[i].in);
	}
	close(door);
	through_main = false;
	world_done(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_more_is_promised_than_is_left_and_what_comes_back_is_the_next_ones),
		cmocka_unit_test(a_full_socket_of_the_main_thread_loses_no_batch_of_a_strand),
		cmocka_unit_test(a_restarted_client_gets_as_many_threads_as_it_had),
	};

	return cmocka_run_group_tests(tests, tmp_setup, tmp_teardown);
}
