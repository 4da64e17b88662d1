#include "quic/quic.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "quic/quic_conn.h"
#include "quic/quic_stream_priv.h"
#include "quic/quic_tls.h"

/* QUIC v1, RFC 9000 15. */
#define VERSION_1 1u

/* -- connection ids -- */

void quic_cids_make(struct quic *q, uint8_t id[QUIC_CID_LEN])
{
	assert(q->cids.n < QUIC_CIDS_MAX);
	adit_rng_fill(&q->rng, id, QUIC_CID_LEN);
	id[0] = (uint8_t)((id[0] & ~QUIC_CID_INDEX) | q->index);
	memcpy(q->cids.id[q->cids.n++], id, QUIC_CID_LEN);
}

void quic_cids_remove(struct quic *q, const uint8_t id[QUIC_CID_LEN])
{
	struct quic_cids *c = &q->cids;

	for (size_t i = 0; i < c->n; i++) {
		if (memcmp(c->id[i], id, QUIC_CID_LEN) != 0)
			continue;
		c->n--;
		memmove(c->id[i], c->id[c->n], QUIC_CID_LEN);
		return;
	}
}

/* The destination connection id of the first packet in |data|; NULL where there is none. */
static const uint8_t *packet_cid(const uint8_t *data, size_t len, size_t *ret_len)
{
	struct adit_rd r = adit_rd_over(data, len);

	if (len == 0 || !(data[0] & QUIC_HEADER_FIXED_BIT))
		return NULL;
	*ret_len = QUIC_CID_LEN;
	if (!(data[0] & QUIC_HEADER_LONG))
		return len > QUIC_CID_LEN ? data + 1 : NULL;
	adit_rd_skip(&r, 5); /* flags and version */
	*ret_len = adit_rd_u8(&r);
	return *ret_len <= QUIC_CID_MAX ? adit_rd_take(&r, *ret_len) : NULL;
}

bool quic_is_mine(const struct quic *q, const uint8_t *data, size_t len)
{
	size_t n;
	const uint8_t *id = packet_cid(data, len, &n);

	if (!id)
		return false;
	if (n == QUIC_CID_LEN)
		for (size_t i = 0; i < q->cids.n; i++)
			if (memcmp(q->cids.id[i], id, QUIC_CID_LEN) == 0)
				return true;
	return n > 0 && n == q->cids.original_len && memcmp(q->cids.original, id, n) == 0;
}

int quic_index(const uint8_t *data, size_t len)
{
	size_t n;
	const uint8_t *id = packet_cid(data, len, &n);

	return id && n == QUIC_CID_LEN ? id[0] & QUIC_CID_INDEX : -1;
}

bool quic_is_first(const uint8_t *data, size_t len, const uint8_t first[QUIC_FIRST_LEN])
{
	size_t n;
	const uint8_t *id = packet_cid(data, len, &n);

	return id && n == QUIC_FIRST_LEN && memcmp(id, first, n) == 0;
}

bool quic_is_initial(const uint8_t *data, size_t len)
{
	struct adit_rd r = adit_rd_over(data, len);
	uint8_t first = adit_rd_u8(&r);
	uint32_t version = adit_rd_u32(&r);

	return !r.bad && len >= QUIC_INITIAL_MIN && version == VERSION_1 &&
	       (first & (QUIC_HEADER_LONG | QUIC_HEADER_FIXED_BIT | QUIC_HEADER_TYPE)) ==
		       (QUIC_HEADER_LONG | QUIC_HEADER_FIXED_BIT | QUIC_HEADER_INITIAL);
}

/* -- birth and death -- */

static ngtcp2_conn *conn_of_ref(ngtcp2_crypto_conn_ref *ref)
{
	return ((struct quic *)ref->user_data)->conn;
}

static struct quic *quic_new(const struct quic_config *cfg, adit_time now, uint32_t path, bool is_server)
{
	struct quic *q = calloc(1, sizeof(*q));

	if (!q)
		return NULL;
	q->log = cfg->log;
	q->rng = cfg->rng;
	q->server = is_server;
	q->clock = now;
	q->index = cfg->index & QUIC_CID_INDEX;
	q->conn_ref = (ngtcp2_crypto_conn_ref){.get_conn = conn_of_ref, .user_data = q};
	memcpy(q->pin, cfg->pin, sizeof(q->pin));
	quic_paths_init(&q->paths, is_server, path, now);
	quic_sched_init(&q->sched);
	quic_budget_init(&q->budget);
	quic_budget_share(&q->budget, cfg->connections);
	adit_list_init(&q->streams);
	adit_list_init(&q->news);
	adit_list_init(&q->blocked);
	quic_dgrams_init(&q->tx_dgrams);
	quic_dgrams_init(&q->rx_dgrams);
	q->stats.cipher = "none";
	q->stats.aead = "gnutls";
	q->pack.max_payload = cfg->max_payload ? cfg->max_payload : QUIC_PAYLOAD_USUAL;
	assert(q->pack.max_payload >= QUIC_PAYLOAD_MIN && q->pack.max_payload <= QUIC_PAYLOAD_MAX);
	q->pack.payload = QUIC_PAYLOAD_MIN;
	q->pack.held = malloc(q->pack.max_payload);
	if (!q->pack.held || quic_tls_new(q, cfg->creds) < 0) {
		quic_free(q);
		return NULL;
	}
	return q;
}

void quic_share(struct quic *q, unsigned connections)
{
	quic_budget_share(&q->budget, connections);
}

void quic_free(struct quic *q)
{
	if (!q)
		return;
	q->state = QUIC_DEAD;
	quic_streams_free(q);
	/* The library may still look at its TLS session while it goes. */
	if (q->conn)
		ngtcp2_conn_del(q->conn);
	quic_tls_free(q);
	quic_dgrams_done(&q->tx_dgrams);
	quic_dgrams_done(&q->rx_dgrams);
	free(q->pack.held);
	adit_bytes_wipe(q, sizeof(*q));
	free(q);
}

static void settings_fill(struct quic *q, const struct quic_config *cfg, ngtcp2_settings *s)
{
	ngtcp2_settings_default(s);
	s->cc_algo = cfg->cubic ? NGTCP2_CC_ALGO_CUBIC : QUIC_SHIM_CC_BBR;
	s->initial_ts = q->clock;
	s->handshake_timeout = QUIC_HANDSHAKE_TIMEOUT;
	s->ack_thresh = 1; /* as soon as it is asked: when that is, quic_pack_heard() says */
	/* Packets are as long as the place we give it for them. Its own search knows four sizes, 1444 the largest. */
	s->no_pmtud = 1;
	s->no_tx_udp_payload_size_shaping = 1;
	s->max_tx_udp_payload_size = q->pack.max_payload;
	s->rand_ctx.native_handle = q;
	/* Windows are ours to grow: quic_window.h. */
	s->max_window = 0;
	s->max_stream_window = 0;
}

static void params_fill(struct quic *q, const struct quic_config *cfg, ngtcp2_transport_params *p)
{
	ngtcp2_transport_params_default(p);
	p->initial_max_stream_data_bidi_local = QUIC_WINDOW_MIN;
	p->initial_max_stream_data_bidi_remote = QUIC_WINDOW_MIN;
	p->initial_max_data = QUIC_CONN_WINDOWS * q->budget.max;
	p->initial_max_streams_bidi = quic_budget_credit(&q->budget);
	p->max_idle_timeout = cfg->idle_timeout;
	p->active_connection_id_limit = QUIC_ACTIVE_CIDS;
	p->max_datagram_frame_size = UINT16_MAX;
}

/* |dcid|: client: made up; server: the client's source id. |original|: server: what the client made up. */
static int conn_make(struct quic *q, const struct quic_config *cfg, const ngtcp2_cid *dcid, const ngtcp2_cid *original)
{
	ngtcp2_callbacks cb;
	ngtcp2_settings settings;
	ngtcp2_transport_params params;
	uint8_t id[QUIC_CID_LEN];
	ngtcp2_cid scid;
	int rv;

	quic_cids_make(q, id);
	ngtcp2_cid_init(&scid, id, sizeof(id));
	quic_paths_first_cid(&q->paths, id);
	quic_cb_fill(&cb, q->server);
	settings_fill(q, cfg, &settings);
	params_fill(q, cfg, &params);
	if (q->server) {
		assert(original); /* of the client's first Initial */
		quic_shim_original_dcid(&params, original);
		memcpy(q->cids.original, original->data, original->datalen);
		q->cids.original_len = original->datalen;
	}
	q->is_making = true;
	if (q->server)
		rv = ngtcp2_conn_server_new(&q->conn, dcid, &scid, &q->paths.lib, NGTCP2_PROTO_VER_V1, &cb, &settings,
					    &params, NULL, q);
	else
		rv = ngtcp2_conn_client_new(&q->conn, dcid, &scid, &q->paths.lib, NGTCP2_PROTO_VER_V1, &cb, &settings,
					    &params, NULL, q);
	q->is_making = false;
	if (rv != 0) {
		q->conn = NULL;
		return ADIT_ENOMEM;
	}
	ngtcp2_conn_set_tls_native_handle(q->conn, q->tls);
	return 0;
}

int quic_connect(const struct quic_config *cfg, adit_time now, uint32_t path, struct quic **ret_quic)
{
	struct quic *q = quic_new(cfg, now, path, false);
	uint8_t id[QUIC_CID_LEN];
	ngtcp2_cid dcid;

	if (!q)
		return ADIT_ENOMEM;
	adit_rng_fill(&q->rng, id, sizeof(id));
	if (cfg->has_first)
		ngtcp2_cid_init(&dcid, cfg->first, sizeof(cfg->first));
	else
		ngtcp2_cid_init(&dcid, id, sizeof(id));
	if (conn_make(q, cfg, &dcid, NULL) < 0) {
		quic_free(q);
		return ADIT_ENOMEM;
	}
	*ret_quic = q;
	return 0;
}

int quic_accept(const struct quic_config *cfg, adit_time now, uint32_t path, const uint8_t *data, size_t len,
		struct quic **ret_quic)
{
	ngtcp2_pkt_hd hd;
	struct quic *q;

	if (!quic_is_initial(data, len) || ngtcp2_accept(&hd, data, len) != 0)
		return ADIT_EPROTO;
	q = quic_new(cfg, now, path, true);
	if (!q)
		return ADIT_ENOMEM;
	if (conn_make(q, cfg, &hd.scid, &hd.dcid) < 0) {
		quic_free(q);
		return ADIT_ENOMEM;
	}
	/* Whatever is wrong with it, a stranger hears nothing. */
	if (quic_cb_read(q, data, len) != 0) {
		quic_free(q);
		return ADIT_EPROTO;
	}
	q->stats.rx_packets++;
	q->stats.rx_bytes += len;
	*ret_quic = q;
	return 0;
}

void quic_die(struct quic *q, enum quic_close_kind kind, uint64_t code)
{
	if (q->state == QUIC_DEAD)
		return;
	if (q->state == QUIC_OPEN) {
		q->close.kind = kind;
		q->close.code = code;
	}
	q->state = QUIC_DEAD;
	q->events |= 1u << QUIC_EVENT_CLOSED;
	adit_trace(q->log, ADIT_LOG_INFO, "quic.closed kind=%d code=%llu", (int)q->close.kind,
		   (unsigned long long)q->close.code);
	quic_streams_die(q);
}

/* Something is to be said before the end. |q->ccerr| is set. */
static void quic_start_closing(struct quic *q, enum quic_close_kind kind, uint64_t code)
{
	q->close.kind = kind;
	q->close.code = code;
	q->state = QUIC_CLOSING;
	quic_streams_die(q);
}

/* Printable ASCII only: it will end up on somebody's terminal. */
static void close_text(struct quic_close_info *c, const uint8_t *text, size_t len)
{
	size_t n = len < sizeof(c->text) - 1 ? len : sizeof(c->text) - 1;

	for (size_t i = 0; i < n; i++)
		c->text[i] = text[i] >= 0x20 && text[i] < 0x7f ? (char)text[i] : '?';
	c->text[n] = '\0';
}

static void quic_die_by_peer(struct quic *q)
{
	quic_shim_ccerr e = quic_shim_ccerr_get(q->conn);

	close_text(&q->close, e.reason, e.reasonlen);
	quic_die(q, e.type == QUIC_SHIM_CCERR_APP ? QUIC_CLOSE_PEER_APP : QUIC_CLOSE_PEER, e.error_code);
}

void quic_fail(struct quic *q, int liberr)
{
	if (q->state != QUIC_OPEN)
		return;
	adit_trace(q->log, ADIT_LOG_DECIDE, "quic.fail why=%s", ngtcp2_strerror(liberr));
	switch (liberr) {
	case NGTCP2_ERR_DRAINING:
		quic_die_by_peer(q);
		return;
	case NGTCP2_ERR_IDLE_CLOSE:
	case NGTCP2_ERR_HANDSHAKE_TIMEOUT:
		quic_die(q, QUIC_CLOSE_IDLE, 0);
		return;
	case NGTCP2_ERR_CLOSING:
	case NGTCP2_ERR_DROP_CONN:
	case NGTCP2_ERR_RETRY:
		quic_die(q, QUIC_CLOSE_ERROR, 0);
		return;
	case NGTCP2_ERR_CRYPTO:
		quic_shim_ccerr_alert(&q->ccerr, ngtcp2_conn_get_tls_alert(q->conn));
		break;
	default:
		quic_shim_ccerr_liberr(&q->ccerr, liberr);
		break;
	}
	quic_start_closing(q, q->bad_key ? QUIC_CLOSE_BAD_KEY : QUIC_CLOSE_ERROR, q->ccerr.error_code);
}

void quic_close(struct quic *q, adit_time now, uint64_t code, const char *text)
{
	size_t len = text ? strlen(text) : 0;

	if (q->state != QUIC_OPEN)
		return;
	quic_clock(q, now);
	if (len >= sizeof(q->close.text))
		len = sizeof(q->close.text) - 1;
	if (len > 0)
		memcpy(q->close.text, text, len);
	quic_shim_ccerr_app(&q->ccerr, code, (const uint8_t *)q->close.text, len);
	quic_start_closing(q, QUIC_CLOSE_LOCAL, code);
}

/* The last datagram. */
static int put_out_close(struct quic *q, struct quic_batch *ret_batch)
{
	ngtcp2_path_storage ps;
	ngtcp2_ssize n;
	uint32_t path;

	ngtcp2_path_storage_zero(&ps);
	n = ngtcp2_conn_write_connection_close(q->conn, &ps.path, NULL, quic_pack_buf(), QUIC_INITIAL_MIN, &q->ccerr,
					       q->clock);
	quic_die(q, q->close.kind, q->close.code);
	if (n <= 0 || !quic_paths_user(&q->paths, &ps.path, &path))
		return 0;
	q->stats.tx_packets++;
	q->stats.tx_bytes += (uint64_t)n;
	*ret_batch = (struct quic_batch){.path = path, .data = quic_pack_buf(), .len = (size_t)n};
	return 1;
}

/* -- the verbs -- */

/*
 * A driver that comes much too late was asleep, or knew that the path was dead: for the library that time has not
 * passed. As a round trip it would make its timers minutes long.
 */
adit_time quic_clock(struct quic *q, adit_time now)
{
	adit_time due;

	/* Packets come in bunches, and each of them asks. */
	if (adit_time_since(now, q->slept) <= q->clock)
		return q->clock;
	due = quic_deadline(q);
	if (adit_time_since(now, due) > QUIC_STALL)
		q->slept += now - due;
	now = adit_time_since(now, q->slept);
	if (now > q->clock)
		q->clock = now;
	return q->clock;
}

static void input_path(struct quic *q, uint32_t path, const uint8_t cid[QUIC_CID_LEN])
{
	struct quic_shim_stat st = {0};

	/* Seldom: only where the datagram may be a migration's first. */
	if (!quic_paths_is_current(&q->paths, path, cid))
		quic_shim_stat_get(q->conn, &st);
	quic_paths_heard(&q->paths, q->clock, path, cid, st.is_stalled);
}

static void early_keep(struct quic *q, const uint8_t *data, size_t len)
{
	struct quic_early *e = &q->early;
	const struct quic_route *from = &q->paths.trial;

	if (e->route.path != from->path || memcmp(e->route.cid, from->cid, QUIC_CID_LEN) != 0)
		e->n = 0;
	if (e->n == QUIC_EARLY_MAX || len > sizeof(e->data[0]))
		return;
	e->route = *from;
	memcpy(e->data[e->n], data, len);
	e->len[e->n++] = len;
}

/* A new virtual path has begun: what came early on it can be read now. */
static void early_read(struct quic *q)
{
	struct quic_early *e = &q->early;
	size_t n = e->n;

	e->n = 0;
	if (!quic_paths_is_current(&q->paths, e->route.path, e->route.cid))
		return;
	for (size_t i = 0; i < n && q->state == QUIC_OPEN; i++) {
		int rv = quic_cb_read(q, e->data[i], e->len[i]);

		if (rv != 0)
			quic_fail(q, rv);
	}
}

/* One short-header datagram of a server: the client may have migrated with it. */
static bool input_follow(struct quic *q, uint32_t path, const uint8_t *data, size_t len)
{
	int rv;

	input_path(q, path, data + 1);
	rv = quic_cb_read(q, data, len);
	if (q->rx_is_early) {
		early_keep(q, data, len);
		quic_paths_judge(&q->paths, q->clock, false);
		return true;
	}
	if (quic_paths_judge(&q->paths, q->clock, q->rx_is_new)) {
		quic_heal_over(q);
		if (rv == 0) {
			early_read(q);
			return true;
		}
	}
	if (rv != 0)
		quic_fail(q, rv);
	return q->rx_is_new;
}

/* One datagram. Returns whether it was authentic and new. */
static bool input_one(struct quic *q, uint32_t path, const uint8_t *data, size_t len)
{
	int rv;

	if (q->server && !(data[0] & QUIC_HEADER_LONG))
		return input_follow(q, path, data, len);
	rv = quic_cb_read(q, data, len);
	if (rv != 0)
		quic_fail(q, rv);
	return q->rx_is_new;
}

/* 0; EAGAIN: no connection id to spare; EDEAD. */
static int migrate(struct quic *q, uint32_t path)
{
	int rv;

	q->migration_waits = false;
	quic_paths_migrate(&q->paths, path);
	rv = ngtcp2_conn_initiate_immediate_migration(q->conn, &q->paths.lib, q->clock);
	q->migration_owed = rv != 0;
	if (rv == 0) {
		quic_heal_over(q);
		return 0;
	}
	quic_paths_stay(&q->paths);
	if (rv != NGTCP2_ERR_NOMEM && rv != NGTCP2_ERR_CALLBACK_FAILURE)
		return ADIT_EAGAIN;
	quic_fail(q, rv);
	return ADIT_EDEAD;
}

/* When nothing will be under way in either direction, as far as can be told from here; NEVER: something is. */
static adit_time rests_at(const struct quic *q)
{
	struct quic_shim_stat st;

	quic_shim_stat_get(q->conn, &st);
	return st.in_flight > 0 ? ADIT_NEVER : adit_time_add(q->heard_at, 2 * st.rtt + QUIC_REST);
}

/* The peer is there: it may have sent the connection id that a migration lacked. */
static void input_pay_migration(struct quic *q, int authentic)
{
	if (q->migration_owed && authentic > 0 && migrate(q, quic_path(q)) == 0)
		adit_trace(q->log, ADIT_LOG_DECIDE, "quic.migrate late");
}

int quic_input(struct quic *q, adit_time now, uint32_t path, const uint8_t *data, size_t len, size_t seg_size)
{
	size_t step = seg_size ? seg_size : len;
	int authentic = 0;

	quic_clock(q, now);
	if (q->pack.is_stuck && q->server)
		quic_paths_renew(&q->paths);
	for (size_t at = 0; at < len && q->state == QUIC_OPEN; at += step) {
		size_t n = len - at < step ? len - at : step;

		q->stats.rx_packets++;
		q->stats.rx_bytes += n;
		if (!quic_is_mine(q, data + at, n)) {
			q->stats.dropped++;
			continue;
		}
		if (!input_one(q, path, data + at, n)) {
			q->stats.dropped++;
			continue;
		}
		authentic++;
		quic_pack_heard(q, n);
	}
	if (q->state == QUIC_OPEN) {
		if (authentic > 0) {
			q->pack.is_stuck = false;
			q->heard_at = q->clock;
		}
		input_pay_migration(q, authentic);
		quic_heal_step(q);
		quic_streams_check_stopped(q);
		quic_streams_credit(q);
	}
	return authentic;
}

void quic_tick(struct quic *q, adit_time now)
{
	int rv;

	q->pack.is_yielding = false;
	q->pack.wakeup = 0;
	if (q->state != QUIC_OPEN)
		return;
	quic_clock(q, now);
	if (q->migration_waits && q->clock >= rests_at(q) && migrate(q, quic_path(q)) == 0)
		adit_trace(q->log, ADIT_LOG_DECIDE, "quic.migrate at rest");
	if (q->state != QUIC_OPEN || ngtcp2_conn_get_expiry(q->conn) > q->clock)
		return;
	/* The library asks for some of its instants but acts a nanosecond later only: virtual time would stand still.
	 */
	q->clock++;
	rv = ngtcp2_conn_handle_expiry(q->conn, q->clock);
	if (rv != 0)
		quic_fail(q, rv);
}

adit_time quic_deadline(const struct quic *q)
{
	adit_time t;

	if (q->state != QUIC_OPEN)
		return ADIT_NEVER;
	if (q->pack.is_yielding)
		return q->clock + q->slept;
	t = quic_pack_holds(q) ? q->pack.hold_until : ngtcp2_conn_get_expiry(q->conn);
	if (q->migration_waits)
		t = adit_time_min(t, rests_at(q));
	return adit_time_add(t, q->slept);
}

int quic_output(struct quic *q, adit_time now, struct quic_batch *ret_batch)
{
	quic_clock(q, now);
	if (q->state == QUIC_OPEN && quic_pack_batch(q, now, ret_batch))
		return 1;
	return q->state == QUIC_CLOSING ? put_out_close(q, ret_batch) : 0;
}

static bool event_flag(struct quic *q, enum quic_event_kind kind)
{
	bool is_set = q->events & 1u << kind;

	q->events &= ~(1u << kind);
	return is_set;
}

static struct quic_stream *event_stream(struct quic *q)
{
	struct adit_list *n = adit_list_first(&q->news);

	if (!n)
		return NULL;
	adit_list_del(n);
	return adit_container(n, struct quic_stream, news_in);
}

int quic_event(struct quic *q, struct quic_event *ret_event)
{
	static const enum quic_event_kind plain[] = {QUIC_EVENT_HANDSHAKE, QUIC_EVENT_CONFIRMED, QUIC_EVENT_CREDIT};

	*ret_event = (struct quic_event){0};
	for (size_t i = 0; i < ARRAY_LEN(plain); i++) {
		if (event_flag(q, plain[i])) {
			ret_event->kind = plain[i];
			return 1;
		}
	}
	ret_event->stream = event_stream(q);
	if (ret_event->stream) {
		ret_event->kind = QUIC_EVENT_STREAM;
		return 1;
	}
	ret_event->data = quic_dgrams_peek(&q->rx_dgrams, &ret_event->len);
	if (ret_event->data) {
		quic_dgrams_pop(&q->rx_dgrams);
		ret_event->kind = QUIC_EVENT_DGRAM;
		return 1;
	}
	if (event_flag(q, QUIC_EVENT_CLOSED)) {
		ret_event->kind = QUIC_EVENT_CLOSED;
		ret_event->close = q->close;
		return 1;
	}
	return 0;
}

/* -- paths, keys, datagrams, numbers -- */

int quic_migrate(struct quic *q, adit_time now, uint32_t path)
{
	int rv;

	if (q->state != QUIC_OPEN)
		return ADIT_EDEAD;
	if (q->server)
		return ADIT_EINVAL;
	if (!q->confirmed)
		return ADIT_EAGAIN;
	quic_clock(q, now);
	rv = migrate(q, path);
	adit_trace(q->log, ADIT_LOG_DECIDE, "quic.migrate path=%u result=%s", path, adit_err_name(rv));
	/*
	 * New connection ids come when the peer hears that we gave up the old ones; over the old path it never may. So
	 * we go there at once, and the library learns of it later.
	 */
	if (rv == ADIT_EAGAIN) {
		quic_paths_move(&q->paths, path);
		return 0;
	}
	return rv;
}

int quic_move(struct quic *q, adit_time now, uint32_t path)
{
	if (q->state != QUIC_OPEN)
		return ADIT_EDEAD;
	if (q->server)
		return ADIT_EINVAL;
	if (!q->confirmed)
		return ADIT_EAGAIN;
	quic_clock(q, now);
	if (q->clock >= rests_at(q))
		return quic_migrate(q, now, path);
	adit_trace(q->log, ADIT_LOG_DECIDE, "quic.move path=%u", path);
	quic_paths_move(&q->paths, path);
	q->migration_waits = true;
	return 0;
}

void quic_set_payload(struct quic *q, size_t bytes)
{
	q->pack.payload = bytes < QUIC_PAYLOAD_MIN      ? QUIC_PAYLOAD_MIN
			  : bytes > q->pack.max_payload ? q->pack.max_payload
							: bytes;
}

size_t quic_max_payload(const struct quic *q)
{
	return q->pack.max_payload;
}

uint32_t quic_path(const struct quic *q)
{
	uint32_t path = 0;

	quic_paths_user(&q->paths, ngtcp2_conn_get_path(q->conn), &path);
	return path;
}

const uint8_t *quic_peer_key(const struct quic *q)
{
	return q->peer_key;
}

size_t quic_dgram_max(const struct quic *q)
{
	return q->pack.payload - QUIC_DGRAM_OVERHEAD;
}

int quic_dgram_send(struct quic *q, const uint8_t *data, size_t len)
{
	int rv;

	if (q->state != QUIC_OPEN)
		return ADIT_EDEAD;
	if (len == 0 || len > quic_dgram_max(q))
		return ADIT_EINVAL;
	rv = quic_dgrams_push(&q->tx_dgrams, data, len);
	if (rv < 0)
		q->stats.dgrams_dropped++;
	return rv;
}

adit_dur quic_rtt(const struct quic *q)
{
	struct quic_shim_stat st;

	quic_shim_stat_get(q->conn, &st);
	return st.rtt;
}

static uint64_t lost_packets(const struct quic *q)
{
	uint64_t n = q->stats.lost_packets;

	adit_list_each (it, &q->streams) {
		const struct quic_stream *s = adit_container(it, struct quic_stream, node);

		if (!s->is_closed)
			n += ngtcp2_conn_get_stream_loss_count(q->conn, s->id);
	}
	return n;
}

void quic_stats_get(const struct quic *q, struct quic_stats *ret_stats)
{
	struct quic_shim_stat st;

	quic_shim_stat_get(q->conn, &st);
	*ret_stats = q->stats;
	ret_stats->rtt = st.rtt;
	ret_stats->cwnd = st.cwnd;
	ret_stats->delivery_rate = st.delivery_rate;
	ret_stats->lost_packets = lost_packets(q);
	ret_stats->max_payload = q->pack.payload;
	ret_stats->streams = q->n_streams;
	ret_stats->expects_answer = q->state == QUIC_OPEN && st.in_flight > 0;
}
