#include "quic/quic_stream_priv.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static struct quic_stream *stream_new(struct quic *q)
{
	struct quic_stream *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->q = q;
	adit_list_init(&s->news_in);
	adit_list_init(&s->wait);
	quic_turn_init(&s->turn);
	quic_buf_init(&s->tx);
	quic_buf_init(&s->rx);
	return s;
}

/* From here on the stream is one of the connection's. */
static void stream_join(struct quic_stream *s, int64_t id)
{
	struct quic *q = s->q;

	s->id = id;
	s->tx_limit = ngtcp2_conn_get_max_stream_data_left(q->conn, id);
	quic_window_init(&s->window, &q->budget, q->clock);
	adit_list_push_back(&q->streams, &s->node);
	q->n_streams++;
}

static void stream_drop_unsent(struct quic_stream *s)
{
	s->q->unsent -= quic_buf_unread_len(&s->tx);
	quic_buf_cut(&s->tx, s->q->pool);
	quic_sched_dry(&s->turn, s->q->clock);
	adit_list_del(&s->wait);
}

static void stream_drop_unread(struct quic_stream *s)
{
	struct quic *q = s->q;
	uint64_t n = quic_buf_len(&s->rx);

	quic_buf_clear(&s->rx, q->pool);
	if (n > 0 && q->state == QUIC_OPEN)
		ngtcp2_conn_extend_max_offset(q->conn, n);
	quic_window_end(&s->window, &q->budget, s->window.taken);
}

static void stream_free(struct quic_stream *s)
{
	struct quic *q = s->q;

	stream_drop_unsent(s);
	quic_buf_clear(&s->tx, q->pool);
	quic_buf_clear(&s->rx, q->pool);
	quic_window_end(&s->window, &q->budget, s->window.taken);
	quic_order_forget(q, s);
	adit_list_del(&s->news_in);
	adit_list_del(&s->node);
	if (!s->is_closed)
		q->n_streams--;
	free(s);
}

struct quic_stream *quic_stream_accept(struct quic *q, int64_t id)
{
	struct quic_stream *s = stream_new(q);

	if (!s)
		return NULL;
	quic_budget_credit_used(&q->budget);
	stream_join(s, id);
	quic_stream_note(s, QUIC_NEWS_OPENED);
	return s;
}

int quic_stream_open(struct quic *q, struct quic_stream **ret_stream)
{
	struct quic_stream *s;
	int64_t id;
	int rv;

	if (q->state != QUIC_OPEN)
		return ADIT_EDEAD;
	if (!q->handshaken || !quic_budget_has_room(&q->budget) || ngtcp2_conn_get_streams_bidi_left(q->conn) == 0) {
		q->credit_wanted = true;
		return ADIT_EAGAIN;
	}
	s = stream_new(q);
	if (!s)
		return ADIT_ENOMEM;
	rv = ngtcp2_conn_open_bidi_stream(q->conn, &id, s);
	if (rv != 0) {
		free(s);
		return rv == NGTCP2_ERR_STREAM_ID_BLOCKED ? ADIT_EAGAIN : ADIT_ENOMEM;
	}
	stream_join(s, id);
	*ret_stream = s;
	return 0;
}

void quic_stream_note(struct quic_stream *s, unsigned news)
{
	if (s->is_released)
		return;
	s->news |= news;
	if (!adit_list_is_linked(&s->news_in))
		adit_list_push_back(&s->q->news, &s->news_in);
}

unsigned quic_stream_news(struct quic_stream *s)
{
	unsigned news = s->news;

	s->news = 0;
	adit_list_del(&s->news_in);
	return news;
}

void quic_stream_set_user(struct quic_stream *s, void *user)
{
	s->user = user;
}

void *quic_stream_user(const struct quic_stream *s)
{
	return s->user;
}

uint64_t quic_stream_id(const struct quic_stream *s)
{
	return (uint64_t)s->id;
}

uint64_t quic_stream_error(const struct quic_stream *s)
{
	return s->error;
}

/* -- sending -- */

static bool stream_may_send(const struct quic_stream *s)
{
	return s->q->state == QUIC_OPEN && !s->is_closed && !s->tx_over;
}

/* How many bytes it may hold unsent: little where the peer does not read, or where the connection holds much already.
 */
static uint64_t stream_unsent_max(const struct quic_stream *s)
{
	uint64_t window = s->tx_limit - s->tx.read;

	if (s->q->unsent >= QUIC_UNSENT_TOTAL || window == 0)
		return QUIC_STREAM_UNSENT_MIN;
	if (window < QUIC_STREAM_UNSENT_MAX - QUIC_STREAM_UNSENT_MIN)
		return window + QUIC_STREAM_UNSENT_MIN;
	return QUIC_STREAM_UNSENT_MAX;
}

static size_t stream_room(const struct quic_stream *s)
{
	uint64_t max = stream_unsent_max(s);
	uint64_t unsent = quic_buf_unread_len(&s->tx);

	return unsent < max ? (size_t)(max - unsent) : 0;
}

/* A quarter free is room; less would wake the user for crumbs. */
static void stream_offer_room(struct quic_stream *s)
{
	if (!s->wants_room || stream_room(s) < stream_unsent_max(s) / 4)
		return;
	s->wants_room = false;
	quic_stream_note(s, QUIC_NEWS_WRITABLE);
}

void quic_stream_wake(struct quic_stream *s)
{
	bool has_fin = s->tx_finish && !s->tx_fin_sent;
	uint64_t unsent = quic_buf_unread_len(&s->tx);

	if (!stream_may_send(s) || (unsent == 0 && !has_fin))
		return;
	if (unsent > 0 && s->tx_limit <= s->tx.read) {
		quic_stream_blocked(s);
		return;
	}
	adit_list_del(&s->wait);
	quic_sched_ready(&s->q->sched, &s->turn, s->q->clock);
}

size_t quic_stream_reserve(struct quic_stream *s, struct quic_vec *vec, size_t max, size_t want)
{
	size_t room = stream_may_send(s) && !s->tx_finish ? stream_room(s) : 0;
	size_t n = quic_buf_reserve(&s->tx, s->q->pool, vec, max, want < room ? want : room);

	if (n == 0)
		s->wants_room = true;
	return n;
}

void quic_stream_commit(struct quic_stream *s, size_t n)
{
	quic_buf_commit(&s->tx, s->q->pool, n);
	s->q->unsent += n;
	quic_stream_wake(s);
}

void quic_stream_want_room(struct quic_stream *s)
{
	s->wants_room = true;
}

int quic_stream_write(struct quic_stream *s, const void *data, size_t len)
{
	struct quic_vec vec[QUIC_STREAM_UNSENT_MAX / QUIC_CHUNK_SIZE + 4];
	const uint8_t *from = data;
	size_t got = 0;
	size_t n;

	if (len == 0)
		return 0;
	n = quic_stream_reserve(s, vec, sizeof(vec) / sizeof(vec[0]), len);
	for (size_t i = 0; i < n; i++)
		got += vec[i].len;
	if (got < len) {
		s->wants_room = true;
		if (n > 0)
			quic_stream_commit(s, 0);
		return ADIT_EFULL;
	}
	for (size_t i = 0; i < n; i++) {
		memcpy(vec[i].base, from, vec[i].len);
		from += vec[i].len;
	}
	quic_stream_commit(s, len);
	return 0;
}

void quic_stream_finish(struct quic_stream *s)
{
	if (s->tx_finish)
		return;
	s->tx_finish = true;
	quic_stream_wake(s);
}

void quic_stream_packed(struct quic_stream *s, size_t n, bool fin)
{
	struct quic *q = s->q;

	quic_buf_advance(&s->tx, n);
	q->unsent -= n;
	if (fin) {
		s->tx_fin_sent = true;
		s->tx_fin_alone = n == 0;
	}
	quic_sched_sent(&q->sched, &s->turn, n);
	if (quic_buf_unread_len(&s->tx) > 0 && s->tx_limit <= s->tx.read)
		quic_stream_blocked(s);
	else if (quic_buf_unread_len(&s->tx) == 0 && (!s->tx_finish || s->tx_fin_sent))
		quic_sched_dry(&s->turn, q->clock);
	stream_offer_room(s);
}

void quic_stream_blocked(struct quic_stream *s)
{
	quic_sched_dry(&s->turn, s->q->clock);
	if (!adit_list_is_linked(&s->wait))
		adit_list_push_back(&s->q->blocked, &s->wait);
}

void quic_stream_allowed(struct quic_stream *s, uint64_t limit)
{
	s->tx_limit = limit;
	quic_stream_wake(s);
	stream_offer_room(s);
}

void quic_stream_acked(struct quic_stream *s, size_t len)
{
	bool all;

	quic_buf_drop(&s->tx, s->q->pool, len);
	all = s->tx_fin_sent && quic_buf_len(&s->tx) == 0;
	/* A report of no bytes is FIN's own; bytes that went out before FIN did say nothing about it. */
	if (len == 0)
		s->tx_fin_alone = false;
	if (!all || s->tx_fin_alone || s->tx_acked || s->tx_over)
		return;
	s->tx_acked = true;
	quic_stream_note(s, QUIC_NEWS_ACKED);
}

void quic_stream_was_stopped(struct quic_stream *s)
{
	if (s->tx_over)
		return;
	s->tx_over = true;
	stream_drop_unsent(s);
	quic_stream_note(s, QUIC_NEWS_STOPPED);
}

/* -- receiving -- */

int quic_stream_heard(struct quic_stream *s, const uint8_t *data, size_t len, bool fin)
{
	int rv = 0;

	if (s->rx_over)
		return 0;
	if (len > 0)
		rv = quic_buf_append(&s->rx, s->q->pool, data, len);
	if (rv < 0)
		return rv;
	quic_window_heard(&s->window, &s->q->budget, len);
	if (fin) {
		s->rx_fin = true;
		quic_window_end(&s->window, &s->q->budget, s->rx.end);
	}
	quic_stream_note(s, QUIC_NEWS_READABLE);
	return 0;
}

size_t quic_stream_peek(struct quic_stream *s, struct quic_vec *vec, size_t max)
{
	return quic_buf_front(&s->rx, vec, max);
}

void quic_stream_consume(struct quic_stream *s, size_t n)
{
	struct quic *q = s->q;
	uint64_t grant;

	if (n == 0)
		return;
	quic_buf_drop(&s->rx, q->pool, n);
	grant = quic_window_take(&s->window, &q->budget, n, q->clock, quic_rtt(q));
	if (q->state != QUIC_OPEN)
		return;
	ngtcp2_conn_extend_max_offset(q->conn, n);
	if (grant > 0 && !s->is_closed && ngtcp2_conn_extend_max_stream_offset(q->conn, s->id, grant) != 0)
		quic_fail(q, NGTCP2_ERR_NOMEM);
	quic_streams_credit(q);
}

size_t quic_stream_readable(const struct quic_stream *s)
{
	return (size_t)quic_buf_len(&s->rx);
}

bool quic_stream_at_end(const struct quic_stream *s)
{
	return s->rx_fin && !s->rx_over && quic_buf_len(&s->rx) == 0;
}

bool quic_stream_has_end(const struct quic_stream *s)
{
	return s->rx_fin && !s->rx_over;
}

void quic_stream_was_reset(struct quic_stream *s, uint64_t code)
{
	if (s->rx_over)
		return;
	s->rx_over = true;
	s->error = code;
	stream_drop_unread(s);
	quic_stream_note(s, QUIC_NEWS_RESET);
}

/* -- ends -- */

void quic_stream_reset(struct quic_stream *s, uint64_t code)
{
	struct quic *q = s->q;

	s->tx_finish = true;
	if (q->state == QUIC_OPEN && !s->is_closed && quic_shim_shutdown_stream(q->conn, s->id, code) != 0) {
		quic_fail(q, NGTCP2_ERR_NOMEM);
		return;
	}
	s->tx_over = true;
	s->rx_over = true;
	stream_drop_unsent(s);
	stream_drop_unread(s);
}

void quic_stream_release(struct quic_stream *s)
{
	struct quic *q = s->q;

	assert(!s->is_released);
	quic_stream_news(s);
	s->is_released = true;
	if (s->is_closed || q->state != QUIC_OPEN) {
		stream_free(s);
		return;
	}
	if (!s->rx_over) {
		s->rx_over = true;
		stream_drop_unread(s);
		if (!s->rx_fin && quic_shim_shutdown_stream_read(q->conn, s->id, 0) != 0) {
			quic_fail(q, NGTCP2_ERR_NOMEM);
			return;
		}
	}
	if (!s->tx_over)
		quic_stream_finish(s);
}

void quic_stream_forgotten(struct quic_stream *s, bool is_clean, uint64_t code)
{
	struct quic *q = s->q;

	s->is_closed = true;
	q->n_streams--;
	q->stats.lost_packets += ngtcp2_conn_get_stream_loss_count(q->conn, s->id);
	stream_drop_unsent(s);
	quic_buf_clear(&s->tx, q->pool);
	quic_order_forget(q, s);
	quic_window_end(&s->window, &q->budget, s->rx.end);
	if (s->is_released) {
		stream_free(s);
		return;
	}
	if (!is_clean && !s->rx_over)
		s->error = code;
	if (is_clean && s->tx_fin_sent && !s->tx_over && !s->tx_acked) {
		s->tx_acked = true;
		quic_stream_note(s, QUIC_NEWS_ACKED);
	}
	quic_stream_note(s, QUIC_NEWS_CLOSED);
}

void quic_streams_check_stopped(struct quic *q)
{
	for (int i = 0; i < QUIC_STOP_CHECKS; i++) {
		struct adit_list *n = adit_list_first(&q->blocked);
		struct quic_stream *s;

		if (!n)
			return;
		s = adit_container(n, struct quic_stream, wait);
		adit_list_del(n);
		if (quic_shim_write_is_shut(q->conn, s->id))
			quic_stream_was_stopped(s);
		else
			adit_list_push_back(&q->blocked, n);
	}
}

void quic_streams_credit(struct quic *q)
{
	uint64_t n = quic_budget_credit(&q->budget);

	if (n > 0)
		ngtcp2_conn_extend_max_streams_bidi(q->conn, (size_t)n);
	if (q->credit_wanted && quic_budget_has_room(&q->budget) && ngtcp2_conn_get_streams_bidi_left(q->conn) > 0) {
		q->credit_wanted = false;
		q->events |= 1u << QUIC_EVENT_CREDIT;
	}
}

void quic_streams_die(struct quic *q)
{
	adit_list_each_safe (it, tmp, &q->streams) {
		struct quic_stream *s = adit_container(it, struct quic_stream, node);

		if (s->is_released) {
			stream_free(s);
			continue;
		}
		if (s->is_closed)
			continue;
		s->is_closed = true;
		q->n_streams--;
		stream_drop_unsent(s);
		quic_buf_clear(&s->tx, q->pool);
		quic_stream_note(s, QUIC_NEWS_CLOSED);
	}
}

void quic_streams_free(struct quic *q)
{
	adit_list_each_safe (it, tmp, &q->streams)
		stream_free(adit_container(it, struct quic_stream, node));
}

size_t quic_stream_unacked(const struct quic_stream *s)
{
	return (size_t)quic_buf_len(&s->tx);
}
