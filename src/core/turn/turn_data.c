/* Datagrams to and from peers: channels, Send and Data indications (RFC 8656 11, 12). */
#include <string.h>

#include "core/stun/stun_attr.h"
#include "core/turn/turn_int.h"

/* --- from peers --- */

/* What a datagram of the server holds for us. */
struct payload {
	struct adit_addr peer;
	const uint8_t *data;
	size_t len;
};

static bool read_channel(struct turn *t, const struct adit_dgram *d, struct payload *ret)
{
	struct adit_rd r = adit_rd_over(d->data, d->len);
	struct turn_channel *c = turn_channel_of(t, adit_rd_u16(&r));

	ret->len = adit_rd_u16(&r);
	ret->data = adit_rd_take(&r, ret->len); /* what is behind it is padding */
	/* Asked for is enough: the server may have bound it, and its answer be lost or behind. */
	if (r.bad || !c || !(c->is_bound || c->is_asked))
		return false;
	ret->peer = c->peer;
	return true;
}

static bool read_indication(struct turn *t, const struct adit_dgram *d, struct payload *ret)
{
	static const uint16_t known[] = {STUN_ATTR_XOR_PEER_ADDRESS, STUN_ATTR_DATA};
	struct stun_attr a;
	struct stun_msg m;
	uint16_t type;

	if (!stun_msg_is_stun(d->data, d->len) || stun_msg_parse(&m, d->data, d->len) < 0 ||
	    m.class != STUN_INDICATION || m.method != STUN_DATA ||
	    stun_msg_unknown(&m, known, ARRAY_LEN(known), &type, 1) > 0)
		return false;
	if (stun_msg_find(&m, STUN_ATTR_XOR_PEER_ADDRESS, &a) < 0 ||
	    stun_attr_read_xor_addr(&a, m.txid, &ret->peer) < 0 || stun_msg_find(&m, STUN_ATTR_DATA, &a) < 0)
		return false;
	ret->data = a.value;
	ret->len = a.len;
	/* RFC 8656 11.4: only from those that were let in. */
	return turn_permit_find(t, &ret->peer) != NULL;
}

static bool read_payload(struct turn *t, const struct adit_dgram *d, struct payload *ret)
{
	if (t->state != TURN_READY || d->len == 0)
		return false;
	if (d->data[0] >= TURN_CHANNEL_FIRST >> 8 && d->data[0] <= TURN_CHANNEL_LAST >> 8)
		return read_channel(t, d, ret);
	return read_indication(t, d, ret);
}

void turn_data_note(struct turn *t, const struct adit_dgram *d)
{
	struct turn_channel *c;
	struct payload p;

	if (!read_payload(t, d, &p)) {
		t->stats.strange++;
		return;
	}
	turn_heard(t);
	t->stats.received++;
	c = turn_channel_find(t, &p.peer);
	if (c)
		c->used_at = t->now;
}

int turn_data(struct turn *t, struct adit_dgram *ret_data)
{
	size_t seg = t->in.seg_size ? t->in.seg_size : t->in.len;

	while (t->in_pos < t->in.len) {
		struct adit_dgram one = t->in;
		const struct adit_addr *relayed;
		struct payload p;

		one.data += t->in_pos;
		one.len = t->in.len - t->in_pos < seg ? t->in.len - t->in_pos : seg;
		t->in_pos += one.len;
		if (!read_payload(t, &one, &p))
			continue;
		relayed = turn_relayed(t, (enum adit_family)p.peer.family);
		if (!relayed)
			continue;
		*ret_data = (struct adit_dgram){
			.sock = t->cfg.sock, .local = *relayed, .remote = p.peer, .data = p.data, .len = p.len};
		return 1;
	}
	return 0;
}

/* --- to peers --- */

static size_t padding(size_t len)
{
	return (STUN_ALIGN - len % STUN_ALIGN) % STUN_ALIGN;
}

static void write_channel(struct turn *t, const struct turn_channel *c, struct adit_wr *w, const uint8_t *data,
			  size_t len)
{
	adit_wr_u16(w, c->number);
	adit_wr_u16(w, (uint16_t)len);
	adit_wr_bytes(w, data, len);
	if (turn_is_stream(t))
		adit_wr_zero(w, padding(len));
}

static void write_indication(struct turn *t, const struct adit_addr *peer, struct adit_wr *w, const uint8_t *data,
			     size_t len)
{
	uint8_t txid[STUN_TXID_LEN];
	struct stun_build b;
	int n;

	adit_rng_fill(&t->cfg.rng, txid, sizeof(txid));
	stun_build_begin(&b, w->buf + w->len, w->cap - w->len, STUN_INDICATION, STUN_SEND, txid);
	stun_build_xor_addr(&b, STUN_ATTR_XOR_PEER_ADDRESS, peer);
	stun_build_bytes(&b, STUN_ATTR_DATA, data, len);
	n = stun_build_end(&b);
	if (n < 0)
		w->bad = true;
	else
		w->len += (size_t)n;
}

/* All segments but the last have one length, with what is put around them too. A datagram may be empty. */
static int write_batch(struct turn *t, const struct adit_addr *peer, const uint8_t *data, size_t len, size_t seg)
{
	struct adit_wr w = adit_wr_over(t->cfg.out, t->cfg.out_cap);
	struct turn_channel *c = turn_channel_use(t, peer);
	size_t at = 0;

	t->out_seg = 0;
	do {
		size_t n = len - at < seg ? len - at : seg;

		if (c)
			write_channel(t, c, &w, data + at, n);
		else
			write_indication(t, peer, &w, data + at, n);
		at += n;
		t->stats.sent++;
		if (t->out_seg == 0)
			t->out_seg = w.len;
	} while (at < len && !w.bad);
	if (w.bad)
		return ADIT_EFULL;
	t->out_len = w.len;
	t->out_pos = 0;
	return 0;
}

int turn_send(struct turn *t, adit_time now, const struct adit_addr *peer, const void *data, size_t len,
	      size_t seg_size)
{
	struct turn_permit *p;
	int err;

	t->now = now;
	if (!turn_relayed(t, (enum adit_family)peer->family) || peer->port == 0 || turn_is_beyond(t, peer))
		return ADIT_EINVAL;
	p = turn_permit_find(t, peer);
	if (!p || !turn_permit_is_open(t, p)) {
		turn_permit(t, now, peer);
		t->stats.dropped++;
		return ADIT_EAGAIN;
	}
	p->used_at = now;
	err = t->out_pos < t->out_len ? ADIT_EFULL
				      : write_batch(t, peer, data, len, seg_size && seg_size < len ? seg_size : len);
	if (err < 0) {
		t->stats.dropped++;
		return err;
	}
	if (t->unheard_since == ADIT_NEVER)
		t->unheard_since = now;
	turn_peers_tick(t);
	return 0;
}

int turn_data_output(struct turn *t, struct adit_out *ret_out)
{
	size_t left = t->out_len - t->out_pos;
	size_t segs = TURN_BATCH_MAX / (t->out_seg ? t->out_seg : 1);

	if (left == 0)
		return 0;
	if (segs > TURN_BATCH_SEGS)
		segs = TURN_BATCH_SEGS;
	if (segs == 0)
		segs = 1;
	*ret_out = (struct adit_out){.kind = ADIT_OUT_SEND,
				     .sock = t->cfg.sock,
				     .remote = t->server.addr,
				     .data = t->cfg.out + t->out_pos,
				     .len = left < segs * t->out_seg ? left : segs * t->out_seg};
	if (ret_out->len > t->out_seg)
		ret_out->seg_size = t->out_seg;
	t->out_pos += ret_out->len;
	return 1;
}
