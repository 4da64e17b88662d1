#include "endpoint/ep_pack.h"

#include <assert.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/bytes.h"

#define READ_VECS 20 /* chunks filled by one call: READ_WANT, whatever the first ones' size */
#define READ_WANT \
	(256 * 1024) /* bytes at most per call: a few calls per QUIC batch cycle, small enough to take turns */

void ep_packer_done(struct ep_packer *p)
{
	zip_free(p->zip);
	p->zip = NULL;
}

int ep_pack_begin(struct ep_pack *p, struct ep_packer *packer)
{
	int r = packer->zip ? 0 : zip_new(&packer->zip);

	if (r == 0)
		p->packer = packer;
	return r;
}

/* -- local socket to stream -- */

static size_t room_of(const struct quic_vec *vec, size_t n)
{
	size_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += vec[i].len;
	return sum;
}

static void scatter(const struct quic_vec *vec, const uint8_t *from, size_t len)
{
	for (; len > 0; vec++) {
		size_t n = vec->len < len ? vec->len : len;

		memcpy(vec->base, from, n);
		from += n;
		len -= n;
	}
}

static ssize_t read_packed(struct ep_pack *p, struct quic_stream *s, int fd, bool *ret_full)
{
	struct ep_packer *k = p->packer;
	struct quic_vec vec[READ_VECS];
	size_t want = zip_want(&p->out);
	size_t n = quic_stream_reserve(s, vec, READ_VECS, ZIP_WIRE_MAX(want));
	size_t room = room_of(vec, n);
	size_t around = ZIP_WIRE_MAX(room) - room;
	ssize_t got;

	*ret_full = room <= around;
	if (*ret_full) {
		if (n > 0)
			quic_stream_commit(s, 0);
		quic_stream_want_room(s);
		return 0;
	}
	got = read(fd, k->raw, room - around < want ? room - around : want);
	if (got > 0) {
		size_t len = zip_pack(k->zip, &p->out, k->raw, (size_t)got, k->wire);

		assert(len <= room);
		scatter(vec, k->wire, len);
		quic_stream_commit(s, len);
	} else {
		quic_stream_commit(s, 0);
	}
	return got;
}

ssize_t ep_pack_read(struct ep_pack *p, struct quic_stream *s, int fd, bool *ret_full)
{
	struct quic_vec vec[READ_VECS];
	size_t n;
	ssize_t got;

	if (p->packer)
		return read_packed(p, s, fd, ret_full);
	n = quic_stream_reserve(s, vec, READ_VECS, READ_WANT);
	*ret_full = n == 0;
	if (n == 0)
		return 0;
	/* struct quic_vec has the shape of struct iovec. */
	got = readv(fd, (const struct iovec *)vec, (int)n);
	quic_stream_commit(s, got > 0 ? (size_t)got : 0);
	*ret_full = got > 0 && (size_t)got == room_of(vec, n);
	if (*ret_full)
		quic_stream_want_room(s);
	return got;
}

/* -- stream to local socket -- */

/* The first |len| bytes of the stream; false: they are not there yet. */
static bool front_flat(struct quic_stream *s, uint8_t *buf, size_t len)
{
	struct quic_vec vec[4];
	size_t n;
	size_t have = 0;

	if (quic_stream_readable(s) < len)
		return false;
	n = quic_stream_peek(s, vec, ARRAY_LEN(vec));
	for (size_t i = 0; i < n && have < len; i++) {
		size_t take = vec[i].len < len - have ? vec[i].len : len - have;

		memcpy(buf + have, vec[i].base, take);
		have += take;
	}
	return have == len;
}

/* 1: a block is at the front; 0: not yet; EPROTO. */
static int next_block(struct ep_pack *p, struct quic_stream *s)
{
	uint8_t bytes[ZIP_HEAD_LEN];
	struct zip_head head;

	if (p->stored > 0 || p->packed > 0)
		return 1;
	if (!front_flat(s, bytes, sizeof(bytes)))
		return 0;
	if (zip_head_read(bytes, &head) < 0)
		return ADIT_EPROTO;
	quic_stream_consume(s, sizeof(bytes));
	if (head.is_packed)
		p->packed = head.len;
	else
		p->stored = head.len;
	return 1;
}

static int front_stored(const struct ep_pack *p, struct quic_stream *s, struct quic_vec *vec, size_t max)
{
	size_t n = quic_stream_peek(s, vec, max);
	size_t left = p->stored;

	for (size_t i = 0; i < n; i++) {
		if (vec[i].len >= left) {
			vec[i].len = left;
			return (int)(i + 1);
		}
		left -= vec[i].len;
	}
	return (int)n;
}

static int front_packed(struct ep_pack *p, struct quic_stream *s, struct quic_vec *vec)
{
	struct ep_packer *k = p->packer;
	int n;

	if (!front_flat(s, k->wire, p->packed))
		return 0;
	n = zip_unpack(k->zip, k->wire, p->packed, k->raw);
	if (n < 0)
		return n;
	p->holds = (size_t)n;
	vec[0] = (struct quic_vec){.base = k->raw + p->done, .len = p->holds - p->done};
	return 1;
}

static int front_blocks(struct ep_pack *p, struct quic_stream *s, struct quic_vec *vec, size_t max)
{
	int n = next_block(p, s);

	if (n == 1)
		n = p->packed > 0 ? front_packed(p, s, vec) : front_stored(p, s, vec, max);
	if (n == 0 && quic_stream_has_end(s) && (quic_stream_readable(s) > 0 || p->stored > 0 || p->packed > 0))
		return ADIT_EPROTO;
	return n;
}

int ep_pack_front(struct ep_pack *p, struct quic_stream *s, struct quic_vec *vec, size_t max)
{
	return p->packer ? front_blocks(p, s, vec, max) : (int)quic_stream_peek(s, vec, max);
}

void ep_pack_took(struct ep_pack *p, struct quic_stream *s, size_t n)
{
	if (p->packed == 0) {
		quic_stream_consume(s, n);
		p->stored -= p->packer ? n : 0;
		return;
	}
	p->done += n;
	if (p->done < p->holds)
		return;
	quic_stream_consume(s, p->packed);
	p->packed = p->done = 0;
}
