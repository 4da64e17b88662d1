/*
 * From queued bytes to batches of packets. A batch is for one GSO send: packets of one size back to back, the last one
 * may be shorter. A packet that does not fit (bigger, or for another path) is kept and begins the next batch.
 */
#include <assert.h>
#include <string.h>

#include "quic/quic_conn.h"
#include "quic/quic_stream_priv.h"

/* Vectors handed to the library for one packet: it takes 1.4 KB, so more than three are never touched. */
#define PACK_VECS 3

/* What pack_stream() and pack_dgram() say besides a packet's length or a fatal error: build on. */
#define PACK_AGAIN NGTCP2_ERR_WRITE_MORE

/* Something small goes out. */
static void pack_note_small(struct quic *q)
{
	if (quic_sched_has_bulk(&q->sched))
		quic_floor_shared(&q->floor, q->clock);
}

/* After a stream's turn to add to the packet: |n| from the library, |taken| bytes or -1. */
static ngtcp2_ssize pack_stream_done(struct quic_stream *s, ngtcp2_ssize n, ngtcp2_ssize taken, bool fin_taken)
{
	if (taken >= 0)
		quic_stream_packed(s, (size_t)taken, fin_taken);
	/* All it had fitted into this packet. */
	if (taken > 0 && !s->turn.is_bulk && !adit_list_is_linked(&s->turn.node))
		pack_note_small(s->q);
	switch (n) {
	case NGTCP2_ERR_STREAM_DATA_BLOCKED:
		quic_stream_blocked(s);
		return PACK_AGAIN;
	case NGTCP2_ERR_STREAM_SHUT_WR:
		quic_stream_was_stopped(s);
		return PACK_AGAIN;
	case NGTCP2_ERR_STREAM_NOT_FOUND:
		quic_sched_dry(&s->turn, s->q->clock);
		return PACK_AGAIN;
	default:
		return n;
	}
}

/* |flags|: NGTCP2_WRITE_STREAM_FLAG_MORE or none. */
static ngtcp2_ssize pack_stream(struct quic *q, struct quic_stream *s, uint32_t flags, ngtcp2_path *path, uint8_t *dest,
				size_t len)
{
	struct quic_vec vec[PACK_VECS];
	ngtcp2_vec data[PACK_VECS];
	ngtcp2_ssize taken = -1;
	ngtcp2_ssize n;
	size_t n_vec = quic_buf_unread(&s->tx, vec, PACK_VECS, len);
	uint64_t offered = 0;
	bool fin;

	for (size_t i = 0; i < n_vec; i++) {
		data[i].base = vec[i].base;
		data[i].len = vec[i].len;
		offered += vec[i].len;
	}
	fin = s->tx_finish && offered == quic_buf_unread_len(&s->tx);
	if (fin)
		flags |= NGTCP2_WRITE_STREAM_FLAG_FIN;
	n = ngtcp2_conn_writev_stream(q->conn, path, NULL, dest, len, &taken, flags, s->id, data, n_vec, q->clock);
	return pack_stream_done(s, n, taken, fin && taken >= 0 && (uint64_t)taken == offered);
}

static ngtcp2_ssize pack_dgram(struct quic *q, const uint8_t *d, size_t d_len, ngtcp2_path *path, uint8_t *dest,
			       size_t len)
{
	ngtcp2_vec data = {.base = (uint8_t *)d, .len = d_len};
	int accepted = 0;
	ngtcp2_ssize n;

	n = ngtcp2_conn_writev_datagram(q->conn, path, NULL, dest, len, &accepted, NGTCP2_WRITE_DATAGRAM_FLAG_MORE, 0,
					&data, 1, q->clock);
	if (accepted) {
		quic_dgrams_pop(&q->tx_dgrams);
		pack_note_small(q);
	}
	return n;
}

/* The first queued datagram that still fits into a packet of |len| bytes; the path may have shrunk them. */
static const uint8_t *pack_next_dgram(struct quic *q, size_t len, size_t *ret_len)
{
	const uint8_t *d;

	while ((d = quic_dgrams_peek(&q->tx_dgrams, ret_len)) && *ret_len > len - QUIC_DGRAM_OVERHEAD) {
		quic_dgrams_pop(&q->tx_dgrams);
		q->stats.dgrams_dropped++;
	}
	return d;
}

/* The question to the client: quic_heal.h. */
static ngtcp2_ssize pack_question(struct quic *q, ngtcp2_path *path, uint8_t *dest, size_t len)
{
	int accepted = 0;
	ngtcp2_ssize n;

	n = ngtcp2_conn_writev_datagram(q->conn, path, NULL, dest, len, &accepted, NGTCP2_WRITE_DATAGRAM_FLAG_NONE, 0,
					NULL, 0, q->clock);
	if (accepted)
		q->heal.asks = false;
	return n;
}

/*
 * 0.12.1 has no timer for packets that carry DATAGRAMs alone. Once a whole window of them is lost, nothing acknowledges
 * anything, the window stays full, and nothing is ever sent again. So each goes with a frame that has one: the peer may
 * open one more unidirectional stream, of which there are none.
 */
static void pack_ask_ack(struct quic *q, size_t len)
{
	size_t d_len;

	if (q->handshaken && pack_next_dgram(q, len, &d_len))
		ngtcp2_conn_extend_max_streams_uni(q->conn, 1);
}

/* What the path holds is under way, so it is not for want of bytes that no more is. */
static bool path_is_full(const struct quic_shim_stat *st)
{
	return (double)st->in_flight >= (double)st->delivery_rate / (double)ADIT_SEC(1) * (double)st->min_rtt;
}

/*
 * What the library itself has to say. Where it is asked without naming a stream, it takes the source to be what limits,
 * and BBR does not leave its start-up phase for that: it sends nearly three times what the path carries, loses the
 * half, and the holes shut the peer's window, for ever. So where that window is what limits, and the path is full, the
 * stream is named that waits for it; not where a reader is slow, which says nothing about the path.
 */
static ngtcp2_ssize pack_rest(struct quic *q, ngtcp2_path *path, uint8_t *dest, size_t len)
{
	struct adit_list *first = adit_list_first(&q->blocked);
	struct quic_shim_stat st;

	quic_shim_stat_get(q->conn, &st);
	if (first && !st.is_probing && path_is_full(&st)) {
		struct quic_stream *s = adit_container(first, struct quic_stream, wait);
		ngtcp2_ssize n = pack_stream(q, s, 0, path, dest, len);

		if (n != PACK_AGAIN)
			return n;
		if (adit_list_is_linked(&s->wait))
			return 0;
	}
	return ngtcp2_conn_writev_stream(q->conn, path, NULL, dest, len, NULL, NGTCP2_WRITE_STREAM_FLAG_NONE, -1, NULL,
					 0, q->clock);
}

static adit_dur hold_for(const struct quic *q, size_t len)
{
	struct quic_shim_stat st;

	if (len < QUIC_HOLD_FULL)
		return QUIC_HOLD;
	quic_shim_stat_get(q->conn, &st);
	st.rtt /= QUIC_HOLD_FULL_RTT;
	return st.rtt < QUIC_HOLD ? QUIC_HOLD : st.rtt > QUIC_HOLD_MAX ? QUIC_HOLD_MAX : st.rtt;
}

void quic_pack_heard(struct quic *q, size_t len)
{
	struct quic_pack *k = &q->pack;
	bool is_lone = k->heard == 0 && q->rx_is_next && q->rx_has_data && q->confirmed;

	k->hold_until = is_lone ? adit_time_add(q->clock, hold_for(q, len)) : q->clock;
	k->heard++;
}

bool quic_pack_holds(const struct quic *q)
{
	return q->pack.heard > 0 && q->pack.hold_until > q->clock;
}

/*
 * Writes one packet of |len| bytes at most to |dest|: datagrams first, then streams in their order, as many as fit.
 * Returns its length, 0 (nothing to send, or not now), or the library's error. Between two PACK_AGAIN nothing but
 * writev calls may reach the library.
 */
static ngtcp2_ssize pack_packet(struct quic *q, ngtcp2_path *path, uint8_t *dest, size_t len)
{
	size_t d_len;

	if (q->heal.asks)
		return pack_question(q, path, dest, len);
	if (!quic_sched_next(&q->sched) && !pack_next_dgram(q, len, &d_len) && quic_pack_holds(q))
		return 0;
	q->pack.heard = 0;
	pack_ask_ack(q, len);
	while (q->handshaken) {
		struct quic_turn *t;
		const uint8_t *d;
		ngtcp2_ssize n;

		d = pack_next_dgram(q, len, &d_len);
		if (d) {
			n = pack_dgram(q, d, d_len, path, dest, len);
		} else {
			t = quic_sched_next(&q->sched);
			if (!t)
				break;
			n = pack_stream(q, quic_stream_of(t), NGTCP2_WRITE_STREAM_FLAG_MORE, path, dest, len);
		}
		if (n != PACK_AGAIN)
			return n;
	}
	return pack_rest(q, path, dest, len);
}

/*
 * When what was put out is over. The library's own clock would start at |now| each time, and a driver's timer that is
 * late by a millisecond would lose one; so the clock runs on from where the last bytes ended, within a limit.
 */
static void pack_pace(struct quic *q, adit_time now, const struct quic_shim_stat *st)
{
	struct quic_pack *k = &q->pack;
	adit_dur slack;
	double rate = quic_floor_pace(&q->floor, now, st, &slack);
	adit_time from = adit_time_since(now, slack);

	k->untold += k->quantum;
	if (k->quantum > 0 && q->heal.state == QUIC_HEAL_NONE) {
		if (k->pace_at > from)
			from = k->pace_at;
		if (from > now + QUIC_PACING_EARLY)
			from = now + QUIC_PACING_EARLY;
		k->pace_at = from + (adit_dur)((double)k->quantum / rate);
	}
	k->quantum = 0;
}

/*
 * Shuts the library's pacer; it opens QUIC_PACING_EARLY before |until|. It adds what |untold| takes, so what it is told
 * may lie before the beginning of time: both wrap around.
 */
static void pack_shut(struct quic *q, adit_time now, adit_time until, const struct quic_shim_stat *st)
{
	quic_shim_paced(q->conn, now, until - (adit_dur)((double)q->pack.untold / st->pacing_rate));
	q->pack.untold = 0;
}

/*
 * Only where something waits: the pacer would ask for a timer, and while the source is the slower one, or the window is
 * full, that would wake us for nothing after each batch.
 */
static void pack_tell_pacer(struct quic *q, adit_time now, const struct quic_shim_stat *st)
{
	struct quic_pack *k = &q->pack;
	size_t len;
	bool waits = quic_sched_next(&q->sched) || quic_dgrams_peek(&q->tx_dgrams, &len);
	adit_dur wait = waits ? quic_floor_wait(&q->floor, now, st) : 0;

	if (wait > 0 && q->heal.state == QUIC_HEAL_NONE) {
		/* Not the driver is late: what is not sent now is not to follow all at once. */
		if (k->pace_at < now)
			k->pace_at = now;
		pack_shut(q, now, now + wait + QUIC_PACING_EARLY, st);
		return;
	}
	if (k->untold == 0 || q->heal.state != QUIC_HEAL_NONE ||
	    (QUIC_SHIM_PACES_LATE && (!waits || k->pace_at <= now + QUIC_PACING_EARLY)))
		return;
	pack_shut(q, now, k->pace_at, st);
}

void quic_pack_pause(struct quic *q, adit_time until)
{
	struct quic_shim_stat st;

	quic_shim_stat_get(q->conn, &st);
	pack_shut(q, q->clock, until + QUIC_PACING_EARLY, &st);
}

/*
 * Bytes between two looks at the pacer: a millisecond's worth, which is nothing that a driver's timer could do finer
 * anyway. The library thinks of a round trip, which is little on a short line and, on a long one, 64 KB for others to
 * wait behind; where it does not know the path yet, ten packets as large as they may ever be.
 */
static size_t pack_quantum(const struct quic *q, const struct quic_shim_stat *st, size_t payload)
{
	size_t quantum = ngtcp2_conn_get_send_quantum(q->conn);
	double tick = st->pacing_rate * (double)ADIT_MS(1);

	if (quantum <= QUIC_QUANTUM_PACKETS * q->pack.max_payload)
		quantum = QUIC_QUANTUM_PACKETS * payload;
	if (tick > (double)quantum || st->min_rtt > 0)
		quantum = tick < QUIC_BATCH_MAX ? (size_t)tick : QUIC_BATCH_MAX;
	if (quantum > QUIC_BATCH_MAX)
		quantum = QUIC_BATCH_MAX;
	return quantum > 2 * payload ? quantum : 2 * payload;
}

/* The batch so far. */
struct batch {
	uint32_t path;
	size_t len;
	size_t seg_size;
	size_t n;
};

/* Adds the packet that lies behind the batch, |n| bytes; false: it belongs to the next one. */
static bool batch_add(struct batch *b, uint32_t path, size_t n)
{
	if (b->n > 0 && (path != b->path || n > b->seg_size))
		return false;
	if (b->n == 0) {
		b->path = path;
		b->seg_size = n;
	}
	b->len += n;
	b->n++;
	return true;
}

/* Can another packet follow? Not after a shorter one. */
static bool batch_is_open(const struct batch *b, size_t payload)
{
	return b->n == 0 ||
	       (b->len == b->n * b->seg_size && b->n < QUIC_BATCH_PACKETS && b->len + payload <= QUIC_BATCH_MAX);
}

/* One more packet than a batch, for the one that does not fit it. */
static _Thread_local uint8_t pack_buf[QUIC_BATCH_MAX + QUIC_PAYLOAD_MAX];

uint8_t *quic_pack_buf(void)
{
	return pack_buf;
}

size_t quic_pack_buf_size(void)
{
	return sizeof(pack_buf);
}

static void batch_take_held(struct quic_pack *k, struct batch *b)
{
	if (k->held_len == 0)
		return;
	memcpy(pack_buf, k->held, k->held_len);
	batch_add(b, k->held_path, k->held_len);
	k->held_len = 0;
}

static void batch_hold(struct quic_pack *k, const struct batch *b, uint32_t path, size_t n)
{
	memcpy(k->held, pack_buf + b->len, n);
	k->held_len = n;
	k->held_path = path;
}

static bool pack_may_go_on(struct quic *q, adit_time now)
{
	struct quic_pack *k = &q->pack;

	if (k->wakeup_at != now) {
		k->wakeup_at = now;
		k->wakeup = 0;
		k->is_yielding = false;
	}
	return !k->is_yielding && !k->is_stuck;
}

/* There is nothing to send. If nothing is in flight either, everything we ever sent is acknowledged. */
static void pack_settle(struct quic *q)
{
	struct quic_shim_stat st;

	if (q->paths.unacked == 0)
		return;
	quic_shim_stat_get(q->conn, &st);
	if (st.in_flight == 0)
		quic_paths_settled(&q->paths);
}

/*
 * Fills the buffer behind a held packet with packets of |payload| bytes at most. Returns false when nothing more is to
 * be sent now.
 */
static bool pack_fill(struct quic *q, struct batch *b, size_t quantum, size_t payload)
{
	struct quic_pack *k = &q->pack;
	size_t left = quic_heal_allows(q);

	for (; left > 0 && batch_is_open(b, payload) && k->quantum + b->len + payload <= quantum; left--) {
		ngtcp2_path_storage ps;
		uint32_t path;
		ngtcp2_ssize n;

		ngtcp2_path_storage_zero(&ps);
		n = pack_packet(q, &ps.path, pack_buf + b->len, payload);
		if (n == NGTCP2_ERR_NO_VIABLE_PATH) {
			/* A lost path is not our death: wait for the peer, and meet it as on a new path. */
			k->is_stuck = true;
			return false;
		}
		if (n < 0) {
			quic_fail(q, (int)n);
			return false;
		}
		if (n == 0) {
			pack_settle(q);
			return false;
		}
		q->stats.tx_packets++;
		if (!quic_paths_user(&q->paths, &ps.path, &path)) {
			k->untold += (size_t)n;
			continue;
		}
		if (!batch_add(b, path, (size_t)n)) {
			batch_hold(k, b, path, (size_t)n);
			return true;
		}
	}
	return true;
}

int quic_pack_batch(struct quic *q, adit_time now, struct quic_batch *ret_batch)
{
	struct quic_pack *k = &q->pack;
	struct batch b = {0};
	struct quic_shim_stat st;
	size_t quantum;
	size_t payload;
	size_t n_held;
	bool has_more;

	quic_proven_fund(q);
	batch_take_held(k, &b);
	if (pack_may_go_on(q, now)) {
		quic_shim_stat_get(q->conn, &st);
		quic_heal_look(q, &st);
		/* The path may have shrunk: what is sent as a last resort must get through. */
		payload = st.is_stalled ? QUIC_PAYLOAD_MIN : k->payload;
		q->floor.sent = q->stats.tx_bytes;
		quic_floor_note(&q->floor, q->clock, &st);
		pack_tell_pacer(q, q->clock, &st);
		quantum = pack_quantum(q, &st, payload);
		n_held = b.n;
		has_more = pack_fill(q, &b, quantum, payload);
		quic_heal_sent(q, b.n - n_held);
		k->quantum += b.len;
		if (!has_more || k->quantum + payload > quantum) {
			pack_pace(q, q->clock, &st);
			if (!QUIC_SHIM_PACES_LATE)
				pack_tell_pacer(q, q->clock, &st);
		}
	}
	if (b.n == 0)
		return 0;
	k->wakeup += b.len;
	k->is_yielding = k->wakeup >= QUIC_WAKEUP_MAX;
	q->stats.tx_bytes += b.len;
	quic_proven_spent(q, b.len);
	*ret_batch = (struct quic_batch){
		.path = b.path,
		.data = pack_buf,
		.len = b.len,
		.seg_size = b.n > 1 ? b.seg_size : 0,
	};
	return 1;
}
