#include "udphp/udphp.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "udphp/udphp_msg.h"
#include "udphp/udphp_rx.h"
#include "udphp/udphp_tx.h"
#include "udphp/udphp_zip.h"

enum udphp_state {
	UDPHP_WORK,
	UDPHP_ENDING,
	UDPHP_OVER,
};

/* Sent by the server side and by the client side. */
static const char helo_server[] = "HELOCLNT";
static const char helo_client[] = "HELOSRVR";

struct udphp {
	struct udphp_config cfg;
	enum udphp_state state;
	enum udphp_exit end_code;
	adit_time now;
	adit_time drain_until; /* ENDING: no longer for the local connection */

	struct adit_addr peer; /* where we send */
	bool heard; /* a valid message came from there */
	adit_time heard_at;

	adit_time helo_at;
	unsigned unanswered; /* heartbeats since the last sign of life */
	unsigned helo_count; /* since the last line about compression */

	bool want_open, want_helo;
	bool tell_heard, tell_moved, tell_exit;
	uint8_t reply[UDPHP_ACK_LEN]; /* the one last handed out */

	struct udphp_stats stats;
	struct udphp_zip zip;
	struct udphp_tx tx;
	struct udphp_rx rx;
};

static void udphp_set_state(struct udphp *u, enum udphp_state state)
{
	static const char *const name[] = {"work", "ending", "over"};

	adit_trace(u->cfg.log, ADIT_LOG_DECIDE, "udphp state=%s was=%s code=%d", name[state], name[u->state],
		   u->end_code);
	u->state = state;
}

static void over(struct udphp *u, enum udphp_exit code)
{
	if (u->state == UDPHP_OVER)
		return;
	u->end_code = code;
	u->tell_exit = true;
	udphp_set_state(u, UDPHP_OVER);
}

/* What follows from any change: the next message starts, the end comes. */
static void settle(struct udphp *u)
{
	size_t left;

	if (u->state == UDPHP_OVER)
		return;
	if (u->now >= u->drain_until) {
		u->drain_until = ADIT_NEVER;
		udphp_rx_close(&u->rx);
	}
	udphp_tx_pump(&u->tx, u->now);
	udphp_rx_take(&u->rx, &left);
	if (u->state == UDPHP_ENDING && udphp_tx_is_idle(&u->tx) && !left)
		over(u, u->end_code);
}

static void heartbeat(struct udphp *u)
{
	if (u->now < u->helo_at)
		return;
	if (u->unanswered == UDPHP_HELO_MAX) {
		over(u, UDPHP_EXIT_SILENT);
		return;
	}
	u->unanswered++;
	u->want_helo = true;
	u->helo_at = adit_time_add(u->now, UDPHP_HELO_MIN + adit_rng_below(&u->cfg.rng, UDPHP_HELO_SPREAD));
	if (++u->helo_count > UDPHP_RATIO_EVERY && u->tx.raw_total) {
		u->helo_count = 1;
		adit_trace(u->cfg.log, ADIT_LOG_DECIDE, "udphp compressed bytes=%llu to=%llu",
			   (unsigned long long)u->tx.raw_total, (unsigned long long)u->tx.wire_total);
	}
}

struct udphp *udphp_new(const struct udphp_config *cfg, adit_time now)
{
	struct udphp *u = malloc(sizeof(*u));

	if (!u)
		return NULL;
	memset(u, 0, sizeof(*u));
	if (udphp_zip_init(&u->zip) < 0) {
		free(u);
		return NULL;
	}
	u->cfg = *cfg;
	u->now = now;
	u->peer = cfg->peer;
	u->helo_at = now;
	u->drain_until = ADIT_NEVER;
	u->want_open = true;
	udphp_tx_init(&u->tx, cfg->md5, &u->zip, cfg->log);
	udphp_rx_init(&u->rx, cfg->md5, &u->zip, cfg->log);
	heartbeat(u);
	return u;
}

void udphp_free(struct udphp *u)
{
	if (!u)
		return;
	udphp_zip_done(&u->zip);
	free(u);
}

static void udphp_set_now(struct udphp *u, adit_time now)
{
	assert(now >= u->now); /* the driver samples the clock once per wakeup */
	u->now = now;
}

/* A valid message came from |from|, whose IP address is the peer's. */
static void alive(struct udphp *u, const struct adit_addr *from)
{
	u->unanswered = 0;
	if (!adit_addr_eq(from, &u->peer)) {
		if (u->heard && adit_time_since(u->now, u->heard_at) < UDPHP_FOLLOW_AFTER)
			return;
		u->peer = *from;
		u->tell_moved = true;
	}
	if (!u->heard)
		u->tell_heard = true;
	u->heard = true;
	u->heard_at = u->now;
}

static bool is_helo(const uint8_t *data, size_t len, size_t skip)
{
	return len == UDPHP_HELO_LEN && (!memcmp(data + skip, helo_server + skip, len - skip) ||
					 !memcmp(data + skip, helo_client + skip, len - skip));
}

/* Could this message of unknown type be one of ours whose first byte was damaged? */
static bool looks_damaged(const struct udphp *u, const uint8_t *data, size_t len, uint16_t seq)
{
	if (is_helo(data, len, 1))
		return true;
	if (len == UDPHP_ACK_LEN)
		return udphp_tx_is_recent(&u->tx, seq);
	return len > UDPHP_HEADER && len <= UDPHP_DGRAM_MAX && udphp_rx_is_recent(&u->rx, seq);
}

static void input_unknown(struct udphp *u, const struct adit_dgram *d)
{
	struct adit_rd r = adit_rd_over(d->data, d->len);
	uint16_t seq;

	u->stats.malformed++;
	adit_rd_skip(&r, 1);
	seq = adit_rd_u16(&r);
	if (looks_damaged(u, d->data, d->len, seq)) {
		if (d->len > UDPHP_HEADER)
			udphp_rx_damaged(&u->rx, u->now, seq);
	} else if (adit_addr_eq(&d->remote, &u->peer)) {
		over(u, UDPHP_EXIT_BAD_TYPE);
	}
}

static void input_message(struct udphp *u, const struct adit_dgram *d, const struct udphp_msg *m)
{
	bool valid = false;

	adit_trace(u->cfg.log, ADIT_LOG_PACKET, "udphp got type=%c seq=%u len=%u size=%zu", m->type, m->seq, m->len,
		   d->len);
	switch (m->type) {
	case UDPHP_HELO:
		u->unanswered = 0; /* whatever its words, as in the script */
		valid = is_helo(d->data, d->len, 0);
		break;
	case UDPHP_ACK:
		valid = udphp_tx_ack(&u->tx, u->now, m->seq);
		u->rx.near |= u->tx.near;
		u->stats.late += !valid;
		break;
	case UDPHP_NACK:
		valid = udphp_tx_nack(&u->tx, u->now, m->seq);
		u->stats.late += !valid;
		break;
	case UDPHP_PLAIN:
	case UDPHP_ZIPPED:
		valid = udphp_rx_data(&u->rx, u->now, m);
		break;
	}
	if (valid)
		alive(u, &d->remote);
}

void udphp_input(struct udphp *u, adit_time now, const struct adit_dgram *dgram)
{
	struct udphp_msg m;
	int rc;

	udphp_set_now(u, now);
	if (u->state == UDPHP_OVER)
		return;
	if (!adit_addr_eq_ip(&dgram->remote, &u->cfg.peer)) {
		u->stats.strangers++;
		return;
	}
	rc = udphp_msg_decode(dgram->data, dgram->len, &m);
	if (rc == 0)
		input_message(u, dgram, &m);
	else if (rc == ADIT_EINVAL)
		input_unknown(u, dgram);
	else
		u->stats.malformed++;
	settle(u);
}

void udphp_tick(struct udphp *u, adit_time now)
{
	udphp_set_now(u, now);
	if (u->state == UDPHP_OVER)
		return;
	heartbeat(u);
	udphp_rx_tick(&u->rx, now);
	/* Where TCP refused our bytes there is nobody left to be told about the peer: the first cause counts. */
	if (!udphp_tx_tick(&u->tx, now))
		over(u, u->state == UDPHP_ENDING && u->end_code == UDPHP_EXIT_TCP_WRITE ? UDPHP_EXIT_TCP_WRITE
											: UDPHP_EXIT_NO_ACK);
	settle(u);
}

adit_time udphp_deadline(const struct udphp *u)
{
	adit_time at;

	if (u->state == UDPHP_OVER)
		return ADIT_NEVER;
	at = adit_time_min(u->helo_at, udphp_rx_deadline(&u->rx));
	at = adit_time_min(at, udphp_tx_deadline(&u->tx));
	return adit_time_min(at, u->drain_until);
}

int udphp_output(struct udphp *u, struct adit_out *ret_out)
{
	struct adit_out out = {.kind = ADIT_OUT_SEND, .remote = u->peer};
	const struct udphp_tx_slot *slot;

	if (u->want_open) {
		u->want_open = false;
		out.kind = ADIT_OUT_OPEN;
		out.remote = (struct adit_addr){0};
		out.local.family = u->peer.family;
		out.local.port = u->cfg.port;
	} else if (udphp_rx_output(&u->rx, u->reply)) {
		out.data = u->reply;
		out.len = UDPHP_ACK_LEN;
	} else if (u->state == UDPHP_OVER) {
		return 0;
	} else if (u->want_helo) {
		u->want_helo = false;
		out.data = (const uint8_t *)(u->cfg.server ? helo_server : helo_client);
		out.len = UDPHP_HELO_LEN;
	} else {
		slot = udphp_tx_output(&u->tx);
		if (!slot)
			return 0;
		out.data = slot->buf;
		out.len = slot->len;
	}
	*ret_out = out;
	return 1;
}

int udphp_event(struct udphp *u, struct udphp_event *ret_event)
{
	struct udphp_event e = {.peer = u->peer, .code = u->end_code};

	if (u->tell_heard) {
		u->tell_heard = false;
		e.kind = UDPHP_EVENT_HEARD;
	} else if (u->tell_moved) {
		u->tell_moved = false;
		e.kind = UDPHP_EVENT_MOVED;
	} else if (u->tell_exit) {
		u->tell_exit = false;
		e.kind = UDPHP_EVENT_EXIT;
	} else {
		return 0;
	}
	*ret_event = e;
	return 1;
}

size_t udphp_feed_room(const struct udphp *u)
{
	return u->state == UDPHP_WORK ? sizeof(u->tx.in) - u->tx.in_len : 0;
}

size_t udphp_feed(struct udphp *u, adit_time now, const uint8_t *data, size_t len)
{
	size_t n;

	udphp_set_now(u, now);
	if (u->state != UDPHP_WORK)
		return 0;
	n = udphp_tx_feed(&u->tx, data, len);
	settle(u);
	return n;
}

static void ending(struct udphp *u, enum udphp_exit why)
{
	if (u->state != UDPHP_WORK)
		return; /* the first cause counts */
	u->end_code = why;
	u->drain_until = adit_time_add(u->now, UDPHP_DRAIN_MAX);
	udphp_set_state(u, UDPHP_ENDING);
}

void udphp_feed_end(struct udphp *u, adit_time now, enum udphp_exit why)
{
	udphp_set_now(u, now);
	ending(u, why);
	settle(u);
}

const uint8_t *udphp_take(const struct udphp *u, size_t *ret_len)
{
	return udphp_rx_take(&u->rx, ret_len);
}

void udphp_taken(struct udphp *u, adit_time now, size_t n)
{
	udphp_set_now(u, now);
	udphp_rx_taken(&u->rx, now, n);
	settle(u);
}

void udphp_take_failed(struct udphp *u, adit_time now)
{
	udphp_set_now(u, now);
	udphp_rx_close(&u->rx);
	ending(u, UDPHP_EXIT_TCP_WRITE);
	settle(u);
}

const struct udphp_stats *udphp_stats(const struct udphp *u)
{
	return &u->stats;
}
