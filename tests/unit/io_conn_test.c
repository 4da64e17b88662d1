#include "test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "io/io_conn.h"
#include "io/io_conn_limits.h"

/* A server of ours on loopback, and the connection to it. */
struct rig {
	int listener;
	int peer; /* the server's end; -1: not accepted yet */
	struct adit_out open;
	struct io_conn *c;
	struct io_conn_news news; /* the last one */
};

static void begin(struct rig *r)
{
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(sin);

	r->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	r->peer = -1;
	assert_int_equal(bind(r->listener, (struct sockaddr *)&sin, sizeof(sin)), 0);
	assert_int_equal(listen(r->listener, 1), 0);
	assert_int_equal(getsockname(r->listener, (struct sockaddr *)&sin, &len), 0);
	r->open = (struct adit_out){.kind = ADIT_OUT_OPEN,
				    .sock_kind = ADIT_SOCK_TCP,
				    .remote = adit_addr_v4(127, 0, 0, 1, ntohs(sin.sin_port))};
}

static void dial(struct rig *r)
{
	assert_int_equal(io_conn_open(&r->open, NULL, &r->c), 0);
}

static void end(struct rig *r)
{
	io_conn_free(r->c);
	if (r->peer >= 0)
		close(r->peer);
	close(r->listener);
}

/* Waits as a loop does, until there is news. */
static enum io_conn_kind next(struct rig *r)
{
	for (int i = 0; i < 50; i++) {
		struct pollfd p = {.fd = io_conn_fd(r->c),
				   .events = (short)(POLLIN | (io_conn_wants_room(r->c) ? POLLOUT : 0))};

		io_conn_read(r->c, &r->news);
		if (r->news.kind != IO_CONN_NOTHING)
			return r->news.kind;
		assert_true(poll(&p, 1, 100) >= 0);
		io_conn_ready(r->c, (p.revents & ~POLLOUT) != 0, (p.revents & ~POLLIN) != 0);
	}
	return IO_CONN_NOTHING;
}

static void up(struct rig *r)
{
	begin(r);
	dial(r);
	assert_int_equal(next(r), IO_CONN_UP);
	r->peer = accept(r->listener, NULL, NULL);
	assert_true(r->peer >= 0);
}

static void say(struct rig *r, const void *data, size_t len)
{
	assert_int_equal(write(r->peer, data, len), (ssize_t)len);
}

static void frames_come_whole_however_they_were_cut(void **state)
{
	static const uint8_t wire[] = {0x40, 0x00, 0x00, 0x03, 'a', 'b', 'c', 0,
				       0x40, 0x01, 0x00, 0x04, 'd', 'e', 'f', 'g'};
	struct rig r;

	(void)state;
	up(&r);
	for (size_t i = 0; i + 1 < 8; i++) {
		say(&r, wire + i, 1);
		io_conn_ready(r.c, true, false);
		io_conn_read(r.c, &r.news);
		assert_int_equal(r.news.kind, IO_CONN_NOTHING);
	}
	say(&r, wire + 7, sizeof(wire) - 7);
	assert_int_equal(next(&r), IO_CONN_FRAME);
	assert_int_equal(r.news.len, 7);
	assert_memory_equal(r.news.data, wire, 7);
	assert_int_equal(next(&r), IO_CONN_FRAME);
	assert_int_equal(r.news.len, 8);
	assert_memory_equal(r.news.data, wire + 8, 8);
	end(&r);
}

static void what_is_no_turn_ends_it_and_so_does_the_server(void **state)
{
	struct rig r;

	(void)state;
	up(&r);
	say(&r, "SSH-2.0-server\r\n", 16);
	assert_int_equal(next(&r), IO_CONN_DOWN);
	assert_string_equal(r.news.why, "the server sends what is no TURN");
	/* Told once, and nothing goes any more. */
	io_conn_ready(r.c, true, true);
	io_conn_read(r.c, &r.news);
	assert_int_equal(r.news.kind, IO_CONN_NOTHING);
	assert_int_equal(io_conn_send(r.c, (const uint8_t *)"\x40\x00\x00\x00", 4, 0), 0);
	assert_false(io_conn_wants_room(r.c));
	end(&r);
	up(&r);
	say(&r, "\x40\x00\x00\x00", 4);
	close(r.peer);
	r.peer = -1;
	assert_int_equal(next(&r), IO_CONN_FRAME); /* what came before the end */
	assert_int_equal(next(&r), IO_CONN_DOWN);
	assert_string_equal(r.news.why, "the server has closed the connection");
	end(&r);
}

static void nobody_there_is_told(void **state)
{
	struct rig r;

	(void)state;
	begin(&r);
	close(r.listener);
	r.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	dial(&r);
	assert_int_equal(next(&r), IO_CONN_DOWN);
	assert_string_equal(r.news.why, strerror(ECONNREFUSED));
	end(&r);
}

/* A batch of ChannelData with |n| frames of |size| bytes, each with its number in it. */
static size_t batch(uint8_t *to, unsigned from, unsigned n, size_t size)
{
	for (unsigned i = 0; i < n; i++) {
		uint8_t *f = to + i * size;

		memset(f, 0, size);
		f[0] = 0x40;
		f[2] = (uint8_t)((size - 4) >> 8);
		f[3] = (uint8_t)(size - 4);
		memcpy(f + 4, &(unsigned){from + i}, sizeof(unsigned));
	}
	return n * size;
}

#define SIZE 1200u
#define PER  50u

/* The server does not read: of what is too much, whole frames are left out, and requests still find room. */
static void of_a_batch_goes_out_what_there_is_room_for_in_whole_frames(void **state)
{
	static uint8_t buf[PER * SIZE];
	static const uint8_t request[20] = {0x00, 0x01};
	unsigned sent = 0;
	size_t taken = sizeof(buf);
	struct rig r;

	(void)state;
	up(&r);
	while (taken == sizeof(buf)) {
		assert_in_range(sent, 0, 64u << 20); /* the system's own buffers have an end */
		taken = io_conn_send(r.c, buf, batch(buf, sent, PER, SIZE), SIZE);
		sent += (unsigned)(taken / SIZE);
	}
	assert_int_equal(taken % SIZE, 0);
	assert_true(io_conn_wants_room(r.c));
	assert_int_equal(io_conn_send(r.c, buf, SIZE, 0), 0);
	assert_int_equal(io_conn_send(r.c, request, sizeof(request), 0), sizeof(request));
	/* It all arrives, in order. */
	for (unsigned i = 0; i < sent; i++) {
		uint8_t frame[SIZE];

		for (size_t at = 0; at < SIZE;) {
			ssize_t n = recv(r.peer, frame + at, SIZE - at, MSG_DONTWAIT);

			if (n <= 0)
				io_conn_ready(r.c, false, true);
			else
				at += (size_t)n;
		}
		assert_memory_equal(frame + 4, &i, sizeof(i));
	}
	io_conn_ready(r.c, false, true);
	assert_false(io_conn_wants_room(r.c));
	end(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_come_whole_however_they_were_cut),
		cmocka_unit_test(what_is_no_turn_ends_it_and_so_does_the_server),
		cmocka_unit_test(nobody_there_is_told),
		cmocka_unit_test(of_a_batch_goes_out_what_there_is_room_for_in_whole_frames),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
