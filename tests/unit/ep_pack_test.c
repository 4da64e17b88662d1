#include "test.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "endpoint/ep_pack.h"
#include "quic_pair.h"

/* Bytes that the client writes as they are, and what the server's side makes of them. */
static struct pair p;
static struct quic_stream *near_end;
static struct quic_stream *far_end;
static struct ep_packer packer;
static struct ep_pack pack;
static uint8_t got[200000];
static size_t n_got;

static void on_news(struct pair_side *side, struct quic_stream *s, unsigned news)
{
	(void)side;
	(void)news;
	far_end = s;
}

static int set_up(void **state)
{
	(void)state;
	pair_init(&p, 1, ADIT_MS(5));
	p.server.on_news = on_news;
	assert_true(pair_connect(&p));
	pair_run(&p, ADIT_SEC(1));
	assert_int_equal(quic_stream_open(p.client.q, &near_end), 0);
	far_end = NULL;
	n_got = 0;
	memset(&pack, 0, sizeof(pack));
	return ep_pack_begin(&pack, &packer);
}

static int tear_down(void **state)
{
	(void)state;
	pair_done(&p);
	ep_packer_done(&packer);
	return 0;
}

static void put_in(const void *data, size_t len)
{
	assert_int_equal(quic_stream_write(near_end, data, len), 0);
	pair_run(&p, ADIT_MS(100));
}

static void put_end(void)
{
	quic_stream_finish(near_end);
	pair_run(&p, ADIT_MS(100));
}

/* As a socket that takes |step| bytes at a time. The last answer of ep_pack_front(): 0 or EPROTO. */
static int take(size_t step)
{
	struct quic_vec vec[4];
	int n;

	while ((n = ep_pack_front(&pack, far_end, vec, ARRAY_LEN(vec))) > 0) {
		size_t len = vec[0].len < step ? vec[0].len : step;

		assert_true(n_got + len <= sizeof(got));
		memcpy(got + n_got, vec[0].base, len);
		n_got += len;
		ep_pack_took(&pack, far_end, len);
	}
	return n;
}

static void blocks_come_out_whatever_the_pieces(void **state)
{
	static uint8_t raw[20000];
	static uint8_t wire[ZIP_WIRE_MAX(sizeof(raw))];
	struct zip_out o = {0};
	size_t n;

	(void)state;
	for (size_t i = 0; i < sizeof(raw); i++)
		raw[i] = (uint8_t)(i % 100 * (i / 5000));
	n = zip_pack(packer.zip, &o, raw, sizeof(raw), wire);
	n += zip_pack(packer.zip, &o, (const uint8_t *)"small", 5, wire + n);
	for (size_t at = 0; at < n; at += 7) {
		put_in(wire + at, n - at < 7 ? n - at : 7);
		assert_int_equal(take(1 + at % 1000), 0);
	}
	assert_int_equal(n_got, sizeof(raw) + 5);
	assert_memory_equal(got, raw, sizeof(raw));
	assert_memory_equal(got + sizeof(raw), "small", 5);
	put_end();
	assert_int_equal(take(1000), 0);
	assert_true(quic_stream_at_end(far_end));
}

static void what_is_no_block_is_refused(void **state)
{
	(void)state;
	put_in("\x00\x00\x02ok\x07\x00\x01x", 9);
	assert_int_equal(take(100), ADIT_EPROTO);
	assert_int_equal(n_got, 2);
}

static void a_packed_block_that_does_not_unpack_is_refused(void **state)
{
	(void)state;
	put_in("\x01\x00\x05wrong", 8);
	assert_int_equal(take(100), ADIT_EPROTO);
	assert_int_equal(n_got, 0);
}

static void an_end_within_a_block_is_no_end(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
	} cut[] = {{"\x00", 1}, {"\x00\x00", 2}, {"\x00\x00\x05", 3}, {"\x00\x00\x05half", 7}, {"\x01\x00\x20half", 7}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cut); i++) {
		memset(&pack, 0, sizeof(pack));
		assert_int_equal(ep_pack_begin(&pack, &packer), 0);
		assert_int_equal(quic_stream_open(p.client.q, &near_end), 0);
		put_in(cut[i].bytes, cut[i].len);
		assert_int_equal(take(100), 0);
		put_end();
		assert_int_equal(take(100), ADIT_EPROTO);
	}
}

static void what_a_socket_says_goes_out_in_blocks_until_the_stream_is_full(void **state)
{
	static uint8_t noise[100000];
	int fd[2];
	bool is_full = false;
	size_t put = 0;

	(void)state;
	adit_rng_fill(&p.rng, noise, sizeof(noise));
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
	while (!is_full) {
		struct ep_pack out = pack;
		ssize_t n = write(fd[0], noise + put, sizeof(noise) - put < 5000 ? sizeof(noise) - put : 5000);

		if (n > 0)
			put += (size_t)n;
		n = ep_pack_read(&pack, near_end, fd[1], &is_full);
		assert_true(is_full ? n == 0 && memcmp(&out.out, &pack.out, sizeof(out.out)) == 0 : n > 0);
	}
	for (int i = 0; i < 40 && n_got < put; i++) {
		pair_run(&p, ADIT_MS(20));
		assert_int_equal(take(3000), 0);
		while (ep_pack_read(&pack, near_end, fd[1], &is_full) > 0)
			;
	}
	assert_int_equal(n_got, put);
	assert_memory_equal(got, noise, put);
	close(fd[0]);
	assert_int_equal(ep_pack_read(&pack, near_end, fd[1], &is_full), 0);
	assert_false(is_full); /* the end of file */
	close(fd[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(blocks_come_out_whatever_the_pieces, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_is_no_block_is_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_packed_block_that_does_not_unpack_is_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_end_within_a_block_is_no_end, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_a_socket_says_goes_out_in_blocks_until_the_stream_is_full, set_up,
						tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
