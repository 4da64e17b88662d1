#include "link/link_session.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "core/fwd/fwd_tlv.h"
#include "core/trust/trust_keys.h"
#include "core/trust/trust_name.h"
#include "link/link_limits.h"

#define CONNECTIONS_TLV_LEN 5 /* type, length, one byte */

static uint32_t features(const struct link_session *s)
{
	return FWD_FEATURE_CAN_UNPACK | (s->cfg->compress ? FWD_FEATURE_PACK : 0);
}

/* Serve: what the session has, out of what both can and one of them wants. */
static uint32_t agree(const struct link_session *s, uint32_t theirs)
{
	uint32_t either = features(s) | theirs;

	return theirs & FWD_FEATURE_CAN_UNPACK ? either & (FWD_FEATURE_CAN_UNPACK | FWD_FEATURE_PACK) : 0;
}

static void stream_free(struct link_stream *ls)
{
	adit_list_del(&ls->node);
	free(ls);
}

static void over(struct link_session *s, enum link_reason reason, uint64_t code)
{
	if (s->state == LINK_SESSION_OVER)
		return;
	s->state = LINK_SESSION_OVER;
	s->admit_by = ADIT_NEVER;
	s->reason = reason;
	s->code = code;
}

/* A connection that is standing still cannot put out its last packet; what it makes of it goes nowhere then. */
static void drop_outputs(struct link_session *s, adit_time now)
{
	struct quic_batch b;

	while (quic_output(s->quic, now, &b))
		;
}

void link_session_end(struct link_session *s, adit_time now, enum link_reason reason, uint64_t code, bool can_send)
{
	over(s, reason, code);
	quic_close(s->quic, now, code, "");
	if (!can_send)
		drop_outputs(s, now);
}

adit_time link_session_migrate(struct link_session *s, adit_time now, uint32_t path, bool gently)
{
	int r = gently ? quic_move(s->quic, now, path) : quic_migrate(s->quic, now, path);

	return r == ADIT_EAGAIN ? adit_time_add(now, LINK_MIGRATE_RETRY) : ADIT_NEVER;
}

int link_session_new(const struct link_config *cfg, adit_time now, struct quic *quic, struct link_session **ret_session)
{
	struct link_session *s = calloc(1, sizeof(*s));

	if (!s) {
		quic_free(quic);
		return ADIT_ENOMEM;
	}
	s->cfg = cfg;
	s->quic = quic;
	s->admit_by = adit_time_add(now, LINK_ADMIT_WITHIN);
	s->connections = 1;
	adit_list_init(&s->streams);
	*ret_session = s;
	return 0;
}

void link_session_join(struct link_session *s, uint8_t connection, const uint8_t session_id[FWD_SESSION_ID_LEN])
{
	s->connection = connection;
	memcpy(s->session_id, session_id, sizeof(s->session_id));
}

void link_session_free(struct link_session *s)
{
	if (!s)
		return;
	adit_list_each_safe (it, tmp, &s->streams)
		stream_free(adit_container(it, struct link_stream, node));
	quic_free(s->quic);
	free(s->services);
	free(s->early_names);
	free(s->slots);
	free(s);
}

static int exporter(struct link_session *s, uint8_t out[TRUST_EXPORTER_LEN])
{
	return quic_export(s->quic, TRUST_EXPORTER_LABEL, out, TRUST_EXPORTER_LEN);
}

/* The first connection says how many there may be, unless it is the only one; the length of |tlv|. */
static size_t put_connections(const struct link_session *s, unsigned n, uint8_t tlv[CONNECTIONS_TLV_LEN])
{
	struct adit_wr w = adit_wr_over(tlv, CONNECTIONS_TLV_LEN);
	uint8_t value = (uint8_t)n;

	if (s->connection > 0 || n < 2)
		return 0;
	fwd_tlv_write(&w, FWD_TLV_CONNECTIONS, &value, sizeof(value));
	return w.len;
}

/* What the peer said about it, and both want. A peer that does not know of several says nothing. */
static unsigned read_connections(const struct link_session *s, const uint8_t *tlvs, size_t len)
{
	struct adit_rd r = adit_rd_over(tlvs, len);
	struct fwd_tlv tlv;
	unsigned n = 1;

	while (fwd_tlv_next(&r, &tlv))
		if (tlv.type == FWD_TLV_CONNECTIONS && tlv.len == 1 && tlv.value[0] > 0)
			n = tlv.value[0] < s->cfg->connections ? tlv.value[0] : s->cfg->connections;
	return n > 0 ? n : 1;
}

static bool write_hello(struct link_session *s)
{
	struct fwd_hello h = {.version_min = FWD_VERSION_MIN, .version_max = FWD_VERSION_MAX, .features = features(s)};
	uint8_t secret[TRUST_EXPORTER_LEN];
	uint8_t buf[FWD_HELLO_MAX];
	uint8_t tlv[CONNECTIONS_TLV_LEN];
	int len;

	if (exporter(s, secret) < 0 || quic_stream_open(s->quic, &s->hello) < 0)
		return false;
	if (s->connection == 0)
		adit_rng_fill(&s->cfg->rng, s->session_id, sizeof(s->session_id));
	memcpy(h.session_id, s->session_id, sizeof(h.session_id));
	h.connection = s->connection;
	h.tlvs = tlv;
	h.tlvs_len = put_connections(s, s->cfg->connections, tlv);
	memcpy(h.secret_id, s->cfg->secret_id, sizeof(h.secret_id));
	trust_keys_proof(s->cfg->crypto, s->cfg->k, TRUST_ROLE_CONNECT, secret, h.proof);
	len = fwd_hello_encode(&h, buf, sizeof(buf));
	return len > 0 && quic_stream_write(s->hello, buf, (size_t)len) == 0;
}

static bool write_welcome(struct link_session *s, const struct fwd_hello *hello, enum fwd_status status)
{
	struct fwd_welcome w = {.status = (uint8_t)status, .version = FWD_VERSION_MAX};
	uint8_t secret[TRUST_EXPORTER_LEN];
	uint8_t buf[FWD_WELCOME_MAX];
	uint8_t tlv[CONNECTIONS_TLV_LEN];
	int len;

	if (exporter(s, secret) < 0)
		return false;
	if (status == FWD_STATUS_OK) {
		s->connections = read_connections(s, hello->tlvs, hello->tlvs_len);
		w.tlvs = tlv;
		w.tlvs_len = put_connections(s, s->connections, tlv);
		memcpy(s->session_id, hello->session_id, sizeof(s->session_id));
		w.version = fwd_hello_version(hello);
		w.features = agree(s, hello->features);
		s->compresses = w.features & FWD_FEATURE_PACK;
		memcpy(w.session_id, hello->session_id, sizeof(w.session_id));
		trust_keys_proof(s->cfg->crypto, s->cfg->k, TRUST_ROLE_SERVE, secret, w.proof);
		w.services = s->cfg->services;
		w.n_services = s->cfg->n_services;
	}
	len = fwd_welcome_encode(&w, buf, sizeof(buf));
	return len > 0 && quic_stream_write(s->hello, buf, (size_t)len) == 0;
}

/* Whom the serve side lets in; |cfg->peer_key| was bound by --single or given by --allow. */
static enum fwd_status judge(struct link_session *s, const struct fwd_hello *h)
{
	uint8_t secret[TRUST_EXPORTER_LEN];

	if (fwd_hello_version(h) == 0)
		return FWD_STATUS_NO_VERSION;
	if (exporter(s, secret) < 0 || memcmp(h->secret_id, s->cfg->secret_id, sizeof(h->secret_id)) != 0 ||
	    !trust_keys_is_proof(s->cfg->crypto, s->cfg->k, TRUST_ROLE_CONNECT, secret, h->proof))
		return FWD_STATUS_BAD_PROOF;
	if (s->cfg->has_peer_key && !adit_bytes_eq_ct(quic_peer_key(s->quic), s->cfg->peer_key, QUIC_KEY_LEN))
		return s->cfg->single ? FWD_STATUS_BOUND : FWD_STATUS_NOT_ALLOWED;
	if (h->connection != s->connection ||
	    (s->connection > 0 && memcmp(h->session_id, s->session_id, sizeof(h->session_id)) != 0))
		return FWD_STATUS_REFUSED;
	return FWD_STATUS_OK;
}

static void come_up(struct link_session *s, struct link_event *ret_event)
{
	s->state = LINK_SESSION_UP;
	s->admit_by = ADIT_NEVER;
	s->ready = s->was_up = true;
	if (s->connection == 0)
		quic_share(s->quic, s->connections);
	if (s->connection > 0 || s->connections < 2)
		quic_drop_tls(s->quic); /* else strands' beginnings are exported */
	*ret_event = (struct link_event){.kind = LINK_EVENT_UP, .services = s->services, .n_services = s->n_services};
	memcpy(ret_event->peer_key, quic_peer_key(s->quic), QUIC_KEY_LEN);
}

/* The first bytes of a stream, contiguous in |buf|; returns how many. */
static size_t peek_flat(struct quic_stream *qs, uint8_t *buf, size_t cap)
{
	struct quic_vec vec[4];
	size_t n = quic_stream_peek(qs, vec, ARRAY_LEN(vec));
	size_t len = 0;

	for (size_t i = 0; i < n && len < cap; i++) {
		size_t take = vec[i].len < cap - len ? vec[i].len : cap - len;

		memcpy(buf + len, vec[i].base, take);
		len += take;
	}
	return len;
}

/* 1: |ret_event| is filled. */
static int read_hello(struct link_session *s, adit_time now, struct link_event *ret_event)
{
	uint8_t buf[FWD_HELLO_MAX];
	struct fwd_hello h;
	size_t len = peek_flat(s->hello, buf, sizeof(buf));
	int used = fwd_hello_decode(buf, len, &h);
	enum fwd_status status;

	if (used == ADIT_EAGAIN)
		return 0;
	if (used < 0) {
		link_session_end(s, now, LINK_REASON_FAILED, FWD_CLOSE_PROTOCOL, true);
		return 0;
	}
	quic_stream_consume(s->hello, (size_t)used);
	status = judge(s, &h);
	adit_trace(s->cfg->log, ADIT_LOG_DECIDE, "hello status=%d version=%u..%u", status, h.version_min,
		   h.version_max);
	if (!write_welcome(s, &h, status)) {
		link_session_end(s, now, LINK_REASON_FAILED, FWD_CLOSE_PROTOCOL, true);
		return 0;
	}
	quic_stream_finish(s->hello);
	if (status != FWD_STATUS_OK) {
		/* The welcome says why; the connect side closes. */
		s->admit_by = adit_time_add(now, LINK_ADMIT_WITHIN);
		return 0;
	}
	come_up(s, ret_event);
	return 1;
}

/* The welcome has told which numbers the names have; 0xffff: there is no such service. */
static void number_early(struct link_session *s)
{
	adit_list_each (it, &s->streams) {
		struct link_stream *ls = adit_container(it, struct link_stream, node);
		const char *name = ls->is_named ? s->early_names[ls->service] : NULL;

		if (!name)
			continue;
		ls->is_named = false;
		ls->service = UINT16_MAX;
		for (size_t i = 0; i < s->n_services; i++)
			if (strcmp(s->services[i].name, name) == 0)
				ls->service = s->services[i].id;
	}
	free(s->early_names);
	s->early_names = NULL;
}

static bool keep_services(struct link_session *s, const struct fwd_service *services, size_t n)
{
	s->services = calloc(n + 1, sizeof(services[0]));
	if (!s->services)
		return false;
	memcpy(s->services, services, n * sizeof(services[0]));
	s->n_services = n;
	return true;
}

static int read_welcome(struct link_session *s, adit_time now, struct link_event *ret_event)
{
	struct fwd_service services[FWD_SERVICES_MAX];
	uint8_t buf[FWD_WELCOME_MAX];
	struct fwd_welcome w;
	uint8_t secret[TRUST_EXPORTER_LEN];
	size_t len = peek_flat(s->hello, buf, sizeof(buf));
	int used = fwd_welcome_decode(buf, len, services, ARRAY_LEN(services), &w);

	if (used == ADIT_EAGAIN)
		return 0;
	if (used < 0 || exporter(s, secret) < 0) {
		link_session_end(s, now, LINK_REASON_FAILED, FWD_CLOSE_PROTOCOL, true);
		return 0;
	}
	quic_stream_consume(s->hello, (size_t)used);
	quic_stream_finish(s->hello);
	if (w.status != FWD_STATUS_OK) {
		trust_text_safe(w.sentence, w.sentence_len, s->text, sizeof(s->text));
		link_session_end(s, now, LINK_REASON_REFUSED, FWD_CLOSE_DONE, true);
		s->code = w.status;
		return 0;
	}
	if (!trust_keys_is_proof(s->cfg->crypto, s->cfg->k, TRUST_ROLE_SERVE, secret, w.proof) ||
	    !keep_services(s, services, w.n_services)) {
		link_session_end(s, now, LINK_REASON_FAILED, FWD_CLOSE_PROTOCOL, true);
		return 0;
	}
	s->compresses = w.features & FWD_FEATURE_PACK;
	s->connections = read_connections(s, w.tlvs, w.tlvs_len);
	number_early(s);
	come_up(s, ret_event);
	return 1;
}

static int hello_news(struct link_session *s, adit_time now, unsigned news, struct link_event *ret_event)
{
	int r = 0;

	if (news & QUIC_NEWS_CLOSED) {
		quic_stream_release(s->hello);
		s->hello = NULL;
		return 0;
	}
	if (s->state == LINK_SESSION_HELLO && (news & QUIC_NEWS_READABLE))
		r = s->cfg->role == PUNCH_SERVE ? read_hello(s, now, ret_event) : read_welcome(s, now, ret_event);
	return r;
}

static struct link_stream *stream_new(struct link_session *s, struct quic_stream *qs)
{
	struct link_stream *ls = calloc(1, sizeof(*ls));

	if (!ls)
		return NULL;
	ls->session = s;
	ls->bytes = qs;
	quic_stream_set_user(qs, ls);
	adit_list_push_back(&s->streams, &ls->node);
	return ls;
}

/* The service of streams that |open| asks for; NULL: there is none. */
static const struct fwd_service *offered(const struct link_session *s, const struct fwd_open *open)
{
	bool is_early = open->type == FWD_OPEN_EARLY;
	char name[FWD_NAME_MAX + 1] = "";

	if (is_early && !fwd_open_service(open, name))
		return NULL;
	for (size_t i = 0; i < s->cfg->n_services; i++) {
		const struct fwd_service *f = &s->cfg->services[i];

		if (f->kind == FWD_KIND_STREAM && (is_early ? strcmp(f->name, name) == 0 : f->id == open->service))
			return f;
	}
	return NULL;
}

/* Why a stream with this header is not taken; |used| as its decoder says. */
static uint64_t why_not(int used, const struct fwd_open *open)
{
	if (used < 0)
		return FWD_STREAM_PROTOCOL;
	return open->type == FWD_OPEN_CONNECT || open->type == FWD_OPEN_EARLY ? FWD_STREAM_NO_SERVICE
									      : FWD_STREAM_UNSUPPORTED;
}

/* Serve: looks whether the header is whole. 1: |ret_event| is a REQUEST. */
static int read_header(struct link_stream *ls, struct link_event *ret_event)
{
	struct link_session *s = ls->session;
	uint8_t buf[FWD_OPEN_MAX];
	const struct fwd_service *service;
	struct fwd_open open;
	int used;

	if (s->state != LINK_SESSION_UP)
		return 0;
	used = fwd_open_decode(buf, peek_flat(ls->bytes, buf, sizeof(buf)), &open);
	if (used == ADIT_EAGAIN && !quic_stream_at_end(ls->bytes))
		return 0;
	service = used < 0 || (open.type != FWD_OPEN_CONNECT && open.type != FWD_OPEN_EARLY) ? NULL : offered(s, &open);
	if (!service) {
		link_stream_refuse(ls, why_not(used, &open));
		return 0;
	}
	quic_stream_consume(ls->bytes, (size_t)used);
	ls->state = LINK_STREAM_REQUEST;
	ls->is_plain = open.type == FWD_OPEN_EARLY;
	ls->service = service->id;
	*ret_event = (struct link_event){.kind = LINK_EVENT_REQUEST, .stream = ls, .service = ls->service};
	return 1;
}

/* Connect: takes the answer off the front. The news that remain to be told. */
static unsigned read_answer(struct link_stream *ls, unsigned news)
{
	uint8_t buf[FWD_OPENED_MAX];
	struct fwd_opened opened;
	int used = fwd_opened_decode(buf, peek_flat(ls->bytes, buf, sizeof(buf)), &opened);

	if (used == ADIT_EAGAIN && !quic_stream_at_end(ls->bytes))
		return news & ~(unsigned)QUIC_NEWS_READABLE;
	if (used < 0) {
		quic_stream_reset(ls->bytes, FWD_STREAM_PROTOCOL);
		return news | QUIC_NEWS_CLOSED;
	}
	quic_stream_consume(ls->bytes, (size_t)used);
	ls->state = LINK_STREAM_OPEN;
	return news;
}

static int stream_news(struct link_stream *ls, unsigned news, struct link_event *ret_event)
{
	bool gone = news & (QUIC_NEWS_RESET | QUIC_NEWS_CLOSED);

	if (ls->state == LINK_STREAM_HEADER) {
		if (!gone)
			return read_header(ls, ret_event);
		link_stream_refuse(ls, FWD_STREAM_TCP_RESET);
		return 0;
	}
	if (ls->state == LINK_STREAM_ANSWER && (news & QUIC_NEWS_READABLE))
		news = read_answer(ls, news);
	if (news == 0)
		return 0;
	*ret_event = (struct link_event){.kind = LINK_EVENT_STREAM,
					 .stream = ls,
					 .news = news,
					 .service = ls->is_named ? UINT16_MAX : ls->service};
	return 1;
}

/* Serve: a stream of the peer's. Before it is admitted it may have a few, of which nothing is taken yet. */
static struct link_stream *stream_came(struct link_session *s, struct quic_stream *qs)
{
	if (s->state != LINK_SESSION_UP && s->n_early++ >= LINK_EARLY_STREAMS)
		return NULL;
	return stream_new(s, qs);
}

static int on_stream(struct link_session *s, adit_time now, struct quic_stream *qs, struct link_event *ret_event)
{
	unsigned news = quic_stream_news(qs);
	struct link_stream *ls = quic_stream_user(qs);

	if (news & QUIC_NEWS_OPENED && s->cfg->role == PUNCH_SERVE && !s->hello && quic_stream_id(qs) == 0)
		s->hello = qs;
	if (qs == s->hello)
		return hello_news(s, now, news, ret_event);
	if (!ls && (news & QUIC_NEWS_OPENED) && s->cfg->role == PUNCH_SERVE)
		ls = stream_came(s, qs);
	if (!ls) {
		/* Opened by a serve side, which never does, or too many or no memory for it. */
		quic_stream_reset(qs, FWD_STREAM_OVERLOAD);
		quic_stream_release(qs);
		return 0;
	}
	return stream_news(ls, news, ret_event);
}

/* Serve: once up, streams whose header came before the hello. */
static int look_at_waiting(struct link_session *s, struct link_event *ret_event)
{
	adit_list_each_safe (it, tmp, &s->streams) {
		struct link_stream *ls = adit_container(it, struct link_stream, node);

		if (ls->state == LINK_STREAM_HEADER && read_header(ls, ret_event))
			return 1;
	}
	s->ready = false;
	return 0;
}

/* A megabyte, most of which is never touched; not for sessions whose payloads come whole. */
static bool make_slots(struct link_session *s)
{
	if (!s->slots) {
		s->slots = malloc(LINK_REASM_SLOTS * sizeof(s->slots[0]));
		if (!s->slots)
			return false;
		fwd_reasm_init(&s->reasm, s->slots, LINK_REASM_SLOTS);
	}
	return true;
}

static int on_dgram(struct link_session *s, adit_time now, const struct quic_event *e, struct link_event *ret_event)
{
	struct fwd_dgram d;
	const uint8_t *data;
	size_t len;

	if (s->state != LINK_SESSION_UP || fwd_dgram_decode(e->data, e->len, &d) < 0 ||
	    (d.is_fragment && !make_slots(s)) || fwd_reasm_input(&s->reasm, now, &d, &data, &len) <= 0)
		return 0;
	*ret_event = (struct link_event){
		.kind = LINK_EVENT_DGRAM, .service = d.service, .flow = d.flow, .data = data, .len = len};
	return 1;
}

static void on_closed(struct link_session *s, const struct quic_close_info *info)
{
	switch (info->kind) {
	case QUIC_CLOSE_LOCAL:
		over(s, LINK_REASON_CLOSED, info->code);
		break;
	case QUIC_CLOSE_PEER_APP:
		over(s, LINK_REASON_PEER, info->code);
		break;
	case QUIC_CLOSE_BAD_KEY:
		over(s, LINK_REASON_BAD_KEY, info->code);
		break;
	case QUIC_CLOSE_PEER:
	case QUIC_CLOSE_IDLE:
	case QUIC_CLOSE_ERROR:
		over(s, LINK_REASON_FAILED, info->code);
		break;
	}
	if (!s->text[0])
		memcpy(s->text, info->text, sizeof(s->text));
}

static int down(struct link_session *s, struct link_event *ret_event)
{
	if (s->reported)
		return 0;
	s->reported = true;
	*ret_event =
		(struct link_event){.kind = LINK_EVENT_DOWN, .reason = s->reason, .was_up = s->was_up, .code = s->code};
	memcpy(ret_event->text, s->text, sizeof(s->text));
	return 1;
}

static int on_handshake(struct link_session *s, adit_time now, struct link_event *ret_event)
{
	s->state = LINK_SESSION_HELLO;
	if (s->cfg->role != PUNCH_CONNECT)
		return 0;
	if (!write_hello(s)) {
		link_session_end(s, now, LINK_REASON_FAILED, FWD_CLOSE_PROTOCOL, true);
		return 0;
	}
	*ret_event = (struct link_event){.kind = LINK_EVENT_SECURED};
	return s->connection == 0;
}

static int translate(struct link_session *s, adit_time now, const struct quic_event *e, struct link_event *ret_event)
{
	switch (e->kind) {
	case QUIC_EVENT_HANDSHAKE:
		return on_handshake(s, now, ret_event);
	case QUIC_EVENT_CONFIRMED:
		return 0;
	case QUIC_EVENT_CREDIT:
		*ret_event = (struct link_event){.kind = LINK_EVENT_CREDIT};
		return 1;
	case QUIC_EVENT_STREAM:
		return on_stream(s, now, e->stream, ret_event);
	case QUIC_EVENT_DGRAM:
		return on_dgram(s, now, e, ret_event);
	case QUIC_EVENT_CLOSED:
		on_closed(s, &e->close);
		return down(s, ret_event);
	}
	return 0;
}

int link_session_event(struct link_session *s, adit_time now, struct link_event *ret_event)
{
	struct quic_event e;

	if (s->reported)
		return 0;
	if (s->ready && look_at_waiting(s, ret_event))
		return 1;
	while (quic_event(s->quic, &e))
		if (translate(s, now, &e, ret_event))
			return 1;
	return 0;
}

void link_session_tick(struct link_session *s, adit_time now)
{
	if (now >= s->admit_by && s->state < LINK_SESSION_UP)
		link_session_end(s, now, LINK_REASON_FAILED, FWD_CLOSE_PROTOCOL, true);
	fwd_reasm_tick(&s->reasm, now);
	quic_tick(s->quic, now);
}

adit_time link_session_deadline(const struct link_session *s)
{
	adit_time t = adit_time_min(quic_deadline(s->quic), fwd_reasm_deadline(&s->reasm));

	return s->state < LINK_SESSION_UP ? adit_time_min(t, s->admit_by) : t;
}

void link_stream_accept(struct link_stream *ls)
{
	uint8_t buf[FWD_OPENED_MAX];
	int len = fwd_opened_encode(&(struct fwd_opened){0}, buf, sizeof(buf));

	ls->state = LINK_STREAM_OPEN;
	if (len < 0 || quic_stream_write(ls->bytes, buf, (size_t)len) < 0)
		quic_stream_reset(ls->bytes, FWD_STREAM_OVERLOAD);
}

void link_stream_refuse(struct link_stream *ls, uint64_t code)
{
	quic_stream_reset(ls->bytes, code);
	link_stream_release(ls);
}

struct quic_stream *link_stream_bytes(const struct link_stream *ls)
{
	return ls->bytes;
}

void link_stream_set_user(struct link_stream *ls, void *user)
{
	ls->user = user;
}

void *link_stream_user(const struct link_stream *ls)
{
	return ls->user;
}

void link_stream_release(struct link_stream *ls)
{
	quic_stream_set_user(ls->bytes, NULL);
	quic_stream_release(ls->bytes);
	stream_free(ls);
}

bool link_stream_compresses(const struct link_stream *ls)
{
	return ls->session->compresses && !ls->is_plain;
}

bool link_stream_is_answered(const struct link_stream *ls)
{
	return ls->state == LINK_STREAM_OPEN;
}

/* With this header. */
static int stream_begin(struct link_session *s, const uint8_t *head, int len, struct link_stream **ret_stream)
{
	struct quic_stream *qs;
	struct link_stream *ls;

	if (len < 0)
		return len;
	if (quic_stream_open(s->quic, &qs) < 0)
		return ADIT_EAGAIN;
	ls = stream_new(s, qs);
	if (!ls || quic_stream_write(qs, head, (size_t)len) < 0) {
		quic_stream_reset(qs, FWD_STREAM_OVERLOAD);
		if (ls)
			link_stream_release(ls);
		else
			quic_stream_release(qs);
		return ADIT_ENOMEM;
	}
	ls->state = LINK_STREAM_ANSWER;
	*ret_stream = ls;
	return 0;
}

int link_session_stream_open(struct link_session *s, uint16_t service, struct link_stream **ret_stream)
{
	uint8_t head[FWD_OPEN_MAX];
	struct fwd_open open = {.type = FWD_OPEN_CONNECT, .service = service};
	int r;

	if (s->state != LINK_SESSION_UP)
		return ADIT_EAGAIN;
	r = stream_begin(s, head, fwd_open_encode(&open, head, sizeof(head)), ret_stream);
	if (r == 0)
		(*ret_stream)->service = service;
	return r;
}

/* Who wants blocks waits until it is known whether there are. */
int link_session_stream_open_early(struct link_session *s, const char *service, struct link_stream **ret_stream)
{
	uint8_t head[FWD_OPEN_MAX];
	int r;

	if (s->state != LINK_SESSION_HELLO || s->cfg->role != PUNCH_CONNECT || s->cfg->compress ||
	    s->n_early == LINK_EARLY_STREAMS)
		return ADIT_EAGAIN;
	if (!s->early_names)
		s->early_names = calloc(LINK_EARLY_STREAMS, sizeof(s->early_names[0]));
	if (!s->early_names)
		return ADIT_ENOMEM;
	r = stream_begin(s, head, fwd_open_encode_early(service, head, sizeof(head)), ret_stream);
	if (r < 0)
		return r;
	memcpy(s->early_names[s->n_early], service, strlen(service)); /* which the encoder has found to be short */
	(*ret_stream)->is_named = (*ret_stream)->is_plain = true;
	(*ret_stream)->service = (uint16_t)s->n_early++;
	return 0;
}

int link_session_dgram_send(struct link_session *s, uint16_t service, uint32_t flow, const uint8_t *data, size_t len)
{
	struct fwd_split split;
	uint8_t buf[LINK_DGRAM_MAX];
	size_t max = quic_dgram_max(s->quic);
	int n = fwd_split_init(&split, service, flow, s->next_msg, data, len, max < sizeof(buf) ? max : sizeof(buf));

	if (n < 0)
		return n;
	if (n > 1)
		s->next_msg++;
	while ((n = fwd_split_next(&split, buf, sizeof(buf))) > 0) {
		int r = quic_dgram_send(s->quic, buf, (size_t)n);

		if (r < 0) {
			s->dgrams_lost++;
			return r;
		}
	}
	return 0;
}
