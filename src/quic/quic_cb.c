/* What the library calls. Each callback notes what happened and returns; none calls back into packet reading or
 * writing. */
#include "quic/quic_aead.h"
#include "quic/quic_conn.h"
#include "quic/quic_frames.h"
#include "quic/quic_stream_priv.h"
#include "quic/quic_tls.h"

/*
 * 0.12.1 greases the fixed bit (RFC 9287) whether asked or not: its constructor draws one byte here, and with the
 * lowest bit set every packet of the connection would look like something else to whoever shares the socket.
 */
static void cb_rand(uint8_t *dest, size_t len, const ngtcp2_rand_ctx *ctx)
{
	struct quic *q = ctx->native_handle;

	adit_rng_fill(&q->rng, dest, len);
	if (q->is_making && len == 1)
		dest[0] &= (uint8_t)~1;
}

/* The decrypt callback is told neither the connection nor its own context's owner. */
static _Thread_local struct quic *reading;

int quic_cb_read(struct quic *q, const uint8_t *data, size_t len)
{
	int rv;

	reading = q;
	q->rx_is_new = false;
	q->rx_is_next = false;
	q->rx_has_data = false;
	q->rx_is_early = false;
	rv = ngtcp2_conn_read_pkt(q->conn, &q->paths.lib, NULL, data, len, q->clock);
	reading = NULL;
	return rv;
}

/* RFC 9000 17.3: |header| without header protection ends with the packet number. */
static uint64_t packet_number(const struct quic *q, const uint8_t *header, size_t len)
{
	size_t n = (size_t)(header[0] & QUIC_HEADER_PN_LEN) + 1;
	uint64_t low = 0;

	for (size_t i = len - n; i < len; i++)
		low = low << 8 | header[i];
	return quic_replay_decode(&q->replay, low, n);
}

/* An authentic packet; false: it shall count as lost. */
static bool packet_heard(struct quic *q, const uint8_t *header, size_t header_len, const uint8_t *payload, size_t len)
{
	uint64_t number;
	bool is_next;

	/* Handshake packets come once or never matter; an Initial's keys are public, so it proves nothing. */
	if (header[0] & QUIC_HEADER_LONG) {
		if ((header[0] & QUIC_HEADER_TYPE) != QUIC_HEADER_INITIAL)
			q->rx_is_new = true;
		return true;
	}
	number = packet_number(q, header, header_len);
	is_next = number == q->replay.next;
	if (!quic_replay_note(&q->replay, number))
		return true; /* the library knows that too */
	q->rx_is_new = true;
	q->rx_is_next = is_next;
	q->rx_is_early = q->paths.is_shown && quic_frames_are_probing(payload, len);
	return !q->rx_is_early && quic_order_accepts(q, is_next, payload, len);
}

static int cb_decrypt(uint8_t *dest, const ngtcp2_crypto_aead *aead, const ngtcp2_crypto_aead_ctx *ctx,
		      const uint8_t *text, size_t text_len, const uint8_t *nonce, size_t nonce_len,
		      const uint8_t *header, size_t header_len)
{
	int rv = quic_aead_open(dest, aead, ctx, text, text_len, nonce, nonce_len, header, header_len);

	if (rv != 0 || !reading)
		return rv;
	return packet_heard(reading, header, header_len, dest, text_len - aead->max_overhead) ? 0 : NGTCP2_ERR_DECRYPT;
}

/* The token is for stateless resets, which are never sent: nobody may be able to guess it. */
static int cb_new_cid(ngtcp2_conn *conn, ngtcp2_cid *cid, uint8_t *token, size_t len, void *user)
{
	struct quic *q = user;
	uint8_t id[QUIC_CID_LEN];

	(void)conn;
	if (len != QUIC_CID_LEN || q->cids.n == QUIC_CIDS_MAX)
		return NGTCP2_ERR_CALLBACK_FAILURE;
	quic_cids_make(q, id);
	adit_rng_fill(&q->rng, token, NGTCP2_STATELESS_RESET_TOKENLEN);
	ngtcp2_cid_init(cid, id, sizeof(id));
	return 0;
}

static int cb_remove_cid(ngtcp2_conn *conn, const ngtcp2_cid *cid, void *user)
{
	(void)conn;
	if (cid->datalen == QUIC_CID_LEN)
		quic_cids_remove(user, cid->data);
	return 0;
}

static int cb_handshake_completed(ngtcp2_conn *conn, void *user)
{
	struct quic *q = user;

	(void)conn;
	if (!quic_tls_is_complete(q))
		return NGTCP2_ERR_CALLBACK_FAILURE;
	q->handshaken = true;
	q->stats.cipher = quic_tls_cipher(q);
	q->events |= 1u << QUIC_EVENT_HANDSHAKE;
	if (q->server) {
		/* RFC 9001 4.1.2: for a server that is all. */
		q->confirmed = true;
		q->events |= 1u << QUIC_EVENT_CONFIRMED;
		q->cids.original_len = 0;
	}
	return 0;
}

static int cb_handshake_confirmed(ngtcp2_conn *conn, void *user)
{
	struct quic *q = user;

	(void)conn;
	if (!q->confirmed)
		q->events |= 1u << QUIC_EVENT_CONFIRMED;
	q->confirmed = true;
	return 0;
}

static int cb_crypto_data(ngtcp2_conn *conn, ngtcp2_crypto_level level, uint64_t offset, const uint8_t *data,
			  size_t len, void *user)
{
	struct quic *q = user;

	if (q->tls)
		return ngtcp2_crypto_recv_crypto_data_cb(conn, level, offset, data, len, user);
	ngtcp2_conn_set_tls_alert(conn, GNUTLS_A_UNEXPECTED_MESSAGE);
	return NGTCP2_ERR_CRYPTO;
}

static int cb_stream_open(ngtcp2_conn *conn, int64_t id, void *user)
{
	struct quic_stream *s;

	/* There is permission for them (pack_ask_ack()), but no use. */
	if (!ngtcp2_is_bidi_stream(id))
		return NGTCP2_ERR_CALLBACK_FAILURE;
	s = quic_stream_accept(user, id);
	if (!s)
		return NGTCP2_ERR_CALLBACK_FAILURE;
	return ngtcp2_conn_set_stream_user_data(conn, id, s) == 0 ? 0 : NGTCP2_ERR_CALLBACK_FAILURE;
}

static int cb_stream_data(ngtcp2_conn *conn, uint32_t flags, int64_t id, uint64_t offset, const uint8_t *data,
			  size_t len, void *user, void *stream)
{
	struct quic *q = user;

	(void)conn;
	(void)id;
	(void)offset;
	q->rx_has_data = true;
	if (quic_stream_heard(stream, data, len, (flags & NGTCP2_STREAM_DATA_FLAG_FIN) != 0) < 0)
		return NGTCP2_ERR_CALLBACK_FAILURE;
	return 0;
}

static int cb_stream_acked(ngtcp2_conn *conn, int64_t id, uint64_t offset, uint64_t len, void *user, void *stream)
{
	(void)conn;
	(void)id;
	(void)offset;
	(void)user;
	quic_stream_acked(stream, (size_t)len);
	return 0;
}

static int cb_stream_reset(ngtcp2_conn *conn, int64_t id, uint64_t size, uint64_t code, void *user, void *stream)
{
	(void)conn;
	(void)size;
	(void)user;
	/* As in cb_stream_open(), which this one has not come by. */
	if (!ngtcp2_is_bidi_stream(id))
		return NGTCP2_ERR_CALLBACK_FAILURE;
	/* NULL: reset before its first byte came, and so never opened. */
	if (stream)
		quic_stream_was_reset(stream, code);
	return 0;
}

static int cb_stream_close(ngtcp2_conn *conn, uint32_t flags, int64_t id, uint64_t code, void *user, void *stream)
{
	(void)conn;
	(void)id;
	quic_stream_forgotten(stream, (flags & NGTCP2_STREAM_CLOSE_FLAG_APP_ERROR_CODE_SET) == 0, code);
	quic_streams_credit(user);
	return 0;
}

static int cb_stream_allowed(ngtcp2_conn *conn, int64_t id, uint64_t limit, void *user, void *stream)
{
	(void)conn;
	(void)id;
	(void)user;
	quic_stream_allowed(stream, limit);
	return 0;
}

static int cb_path_validation(ngtcp2_conn *conn, uint32_t flags, const ngtcp2_path *path,
			      ngtcp2_path_validation_result result, void *user)
{
	(void)conn;
	(void)flags;
	quic_proven_judged(user, path, result == NGTCP2_PATH_VALIDATION_RESULT_SUCCESS);
	return 0;
}

static int cb_datagram(ngtcp2_conn *conn, uint32_t flags, const uint8_t *data, size_t len, void *user)
{
	struct quic *q = user;

	(void)conn;
	(void)flags;
	/* An empty one is for us: quic_heal.h. */
	if (len == 0) {
		quic_heal_asked(q);
		return 0;
	}
	q->rx_has_data = true;
	if (quic_dgrams_push(&q->rx_dgrams, data, len) < 0)
		q->stats.dgrams_dropped++;
	return 0;
}

void quic_cb_fill(ngtcp2_callbacks *cb, bool is_server)
{
	*cb = (ngtcp2_callbacks){
		.recv_crypto_data = cb_crypto_data,
		.handshake_completed = cb_handshake_completed,
		.encrypt = quic_aead_seal,
		.decrypt = cb_decrypt,
		.hp_mask = quic_aead_hp_mask,
		.recv_stream_data = cb_stream_data,
		.acked_stream_data_offset = cb_stream_acked,
		.stream_open = cb_stream_open,
		.stream_close = cb_stream_close,
		.rand = cb_rand,
		.get_new_connection_id = cb_new_cid,
		.remove_connection_id = cb_remove_cid,
		.update_key = quic_aead_update,
		.stream_reset = cb_stream_reset,
		.extend_max_stream_data = cb_stream_allowed,
		.delete_crypto_aead_ctx = quic_aead_delete,
		.delete_crypto_cipher_ctx = quic_aead_delete_hp,
		.recv_datagram = cb_datagram,
		.path_validation = cb_path_validation,
		.get_path_challenge_data = ngtcp2_crypto_get_path_challenge_data_cb,
		.version_negotiation = ngtcp2_crypto_version_negotiation_cb,
	};
	if (is_server) {
		cb->recv_client_initial = ngtcp2_crypto_recv_client_initial_cb;
	} else {
		cb->client_initial = ngtcp2_crypto_client_initial_cb;
		cb->recv_retry = ngtcp2_crypto_recv_retry_cb;
		cb->handshake_confirmed = cb_handshake_confirmed;
	}
}
