#include "core/fwd/fwd_dgram.h"

#include "base/bytes.h"

#define FLAG_FRAGMENT     0x01
#define FRAGMENT_HEAD_LEN 4

/* Could this fragment be a part of any payload? All but the last are equally long. */
static bool is_possible(const struct fwd_dgram *d)
{
	if (d->count < 2 || d->index >= d->count || d->len == 0)
		return false;
	return d->index == d->count - 1 || (d->count - 1u) * d->len < FWD_PAYLOAD_MAX;
}

int fwd_dgram_decode(const uint8_t *data, size_t len, struct fwd_dgram *ret_dgram)
{
	struct adit_rd r = adit_rd_over(data, len);
	struct fwd_dgram d = {0};
	uint8_t flags = adit_rd_u8(&r);
	uint64_t flow;

	d.service = adit_rd_u16(&r);
	flow = adit_rd_varint(&r);
	if (r.bad || (flags & ~FLAG_FRAGMENT) != 0 || flow > UINT32_MAX)
		return ADIT_EPROTO;
	d.flow = (uint32_t)flow;
	d.is_fragment = (flags & FLAG_FRAGMENT) != 0;
	if (d.is_fragment) {
		d.message = adit_rd_u16(&r);
		d.index = adit_rd_u8(&r);
		d.count = adit_rd_u8(&r);
	}
	d.len = adit_rd_left(&r);
	d.data = adit_rd_take(&r, d.len);
	if (r.bad || d.len > FWD_PAYLOAD_MAX)
		return ADIT_EPROTO;
	if (d.is_fragment && !is_possible(&d))
		return ADIT_EPROTO;
	*ret_dgram = d;
	return 0;
}

static void write_head(struct adit_wr *w, const struct fwd_dgram *d)
{
	adit_wr_u8(w, d->is_fragment ? FLAG_FRAGMENT : 0);
	adit_wr_u16(w, d->service);
	adit_wr_varint(w, d->flow);
	if (d->is_fragment) {
		adit_wr_u16(w, d->message);
		adit_wr_u8(w, d->index);
		adit_wr_u8(w, d->count);
	}
}

static size_t head_len(const struct fwd_dgram *d)
{
	uint8_t buf[FWD_DGRAM_HEAD_MAX];
	struct adit_wr w = adit_wr_over(buf, sizeof(buf));

	write_head(&w, d);
	return w.len;
}

int fwd_split_init(struct fwd_split *s, uint16_t service, uint32_t flow, uint16_t message, const uint8_t *payload,
		   size_t len, size_t max)
{
	size_t head;

	*s = (struct fwd_split){.next = {.service = service, .flow = flow}, .data = payload, .len = len};
	if (len > FWD_PAYLOAD_MAX)
		return ADIT_EINVAL;
	head = head_len(&s->next);
	if (head + len <= max) {
		s->chunk = len;
		s->left = 1;
		return 1;
	}
	head += FRAGMENT_HEAD_LEN;
	if (max <= head || (len + (max - head) - 1) / (max - head) > FWD_FRAGMENTS_MAX)
		return ADIT_EINVAL;
	s->left = (unsigned)((len + (max - head) - 1) / (max - head));
	/* Even pieces: a last one of a few bytes would cost a packet just the same, and be as likely to be lost. */
	s->chunk = (len + s->left - 1) / s->left;
	/* Rounding up can make the last piece empty. */
	s->left = (unsigned)((len + s->chunk - 1) / s->chunk);
	s->next.is_fragment = true;
	s->next.message = message;
	s->next.count = (uint8_t)s->left;
	return (int)s->left;
}

int fwd_split_next(struct fwd_split *s, uint8_t *buf, size_t cap)
{
	struct adit_wr w = adit_wr_over(buf, cap);
	size_t n = s->len - s->pos < s->chunk ? s->len - s->pos : s->chunk;

	if (s->left == 0)
		return 0;
	write_head(&w, &s->next);
	adit_wr_bytes(&w, s->data + s->pos, n);
	if (w.bad)
		return ADIT_EFULL;
	s->pos += n;
	s->next.index++;
	s->left--;
	return (int)w.len;
}
