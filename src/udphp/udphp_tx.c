#include "udphp/udphp_tx.h"

#include <string.h>

#include "udphp/udphp_msg.h"

void udphp_tx_init(struct udphp_tx *t, void (*md5)(const void *, size_t, uint8_t[16]), struct udphp_zip *zip,
		   const struct adit_log *log)
{
	*t = (struct udphp_tx){.md5 = md5, .zip = zip, .log = log};
	t->prev = &t->slot[0];
	t->cur = &t->slot[1];
	t->next = &t->slot[2];
	t->retry_at = ADIT_NEVER;
}

size_t udphp_tx_feed(struct udphp_tx *t, const uint8_t *data, size_t len)
{
	size_t room = sizeof(t->in) - t->in_len;
	size_t n = len < room ? len : room;

	memcpy(t->in + t->in_len, data, n);
	t->in_len += n;
	return n;
}

/* Makes a message of all that has gathered. */
static void tx_build(struct udphp_tx *t, struct udphp_tx_slot *s, uint16_t seq)
{
	int level = t->near ? UDPHP_LEVEL_FAST : UDPHP_LEVEL_SLOW;
	enum udphp_type type = UDPHP_ZIPPED;
	uint8_t md5[16];
	size_t n;

	t->md5(t->in, t->in_len, md5);
	n = udphp_zip_pack(t->zip, level, t->in, t->in_len, s->buf + UDPHP_HEADER);
	if (!n) {
		type = UDPHP_PLAIN;
		n = t->in_len;
		memcpy(s->buf + UDPHP_HEADER, t->in, n);
	}
	udphp_msg_write_header(s->buf, type, seq, (uint16_t)t->in_len, md5);
	s->seq = seq;
	s->len = UDPHP_HEADER + n;
	t->raw_total += t->in_len;
	t->wire_total += n;
	t->in_len = 0;
}

void udphp_tx_pump(struct udphp_tx *t, adit_time now)
{
	struct udphp_tx_slot *free_slot = t->cur;

	if (t->waiting)
		return;
	if (!t->next->len && t->in_len)
		tx_build(t, t->next, t->seq);
	if (!t->next->len)
		return;
	t->cur = t->next;
	t->next = free_slot;
	t->next->len = 0;
	t->waiting = true;
	t->want_cur = true;
	t->repeated = false;
	t->tries = 1;
	t->nacks = 0;
	t->started_at = now;
	t->retry_at = adit_time_add(now, UDPHP_RETRY);
}

static void tx_done(struct udphp_tx *t, adit_time now)
{
	struct udphp_tx_slot *oldest = t->prev;

	if (!t->repeated && adit_time_since(now, t->started_at) < UDPHP_NEAR)
		t->near = true;
	adit_trace(t->log, ADIT_LOG_PACKET, "udphp acked seq=%u tries=%u", t->seq, t->tries);
	t->prev = t->cur;
	t->cur = oldest;
	t->waiting = false;
	t->want_cur = t->want_prev = t->prev_again = false;
	t->retry_at = ADIT_NEVER;
	t->seq++;
	udphp_tx_pump(t, now);
}

static void tx_again(struct udphp_tx *t)
{
	t->repeated = true;
	t->want_cur = true;
}

bool udphp_tx_ack(struct udphp_tx *t, adit_time now, uint16_t seq)
{
	if (t->waiting && seq == t->seq) {
		tx_done(t, now);
		return true;
	}
	if (t->prev_again && seq == t->prev->seq) {
		/* The gap is closed; what came behind it was refused meanwhile. */
		t->prev_again = false;
		if (t->waiting)
			tx_again(t);
		return true;
	}
	/*
	 * Late or doubled. Sending again now, as the script does, would double every message from here on: the peer
	 * acknowledges both copies, and the second ack is late again.
	 */
	return false;
}

bool udphp_tx_nack(struct udphp_tx *t, adit_time now, uint16_t seq)
{
	/*
	 * An 'N' names what the peer expects. One further than ours means that it has ours: the script answers so when
	 * 65535 is repeated and it expects 0.
	 */
	if (t->waiting && seq == (uint16_t)(t->seq + 1)) {
		tx_done(t, now);
		return true;
	}
	if (t->nacks == UDPHP_NACKS_MAX)
		return false;
	if (t->waiting && seq == t->seq) {
		t->nacks++;
		tx_again(t);
		return true;
	}
	if (t->prev->len && seq == t->prev->seq) {
		t->nacks++;
		t->want_prev = t->prev_again = true;
		return true;
	}
	return false;
}

bool udphp_tx_is_recent(const struct udphp_tx *t, uint16_t seq)
{
	int behind = udphp_seq_behind(seq, t->seq);

	return behind >= -1 && behind <= (int)UDPHP_RECENT;
}

bool udphp_tx_tick(struct udphp_tx *t, adit_time now)
{
	if (!t->waiting || now < t->retry_at)
		return true;
	if (t->tries == UDPHP_TRIES_MAX) {
		t->retry_at = ADIT_NEVER;
		return false;
	}
	t->tries++;
	t->nacks = 0;
	t->retry_at = adit_time_add(now, UDPHP_RETRY);
	tx_again(t);
	adit_trace(t->log, ADIT_LOG_DECIDE, "udphp retry seq=%u try=%u len=%zu", t->seq, t->tries, t->cur->len);
	return true;
}

adit_time udphp_tx_deadline(const struct udphp_tx *t)
{
	return t->waiting ? t->retry_at : ADIT_NEVER;
}

const struct udphp_tx_slot *udphp_tx_output(struct udphp_tx *t)
{
	if (t->want_prev) {
		t->want_prev = false;
		return t->prev;
	}
	if (t->want_cur) {
		t->want_cur = false;
		return t->cur;
	}
	/* A full one gains nothing by waiting; one that is not may still grow until its turn comes. */
	if (t->waiting && !t->next->len && t->in_len == sizeof(t->in))
		tx_build(t, t->next, (uint16_t)(t->seq + 1));
	return NULL;
}

bool udphp_tx_is_idle(const struct udphp_tx *t)
{
	return !t->waiting && !t->next->len && !t->in_len;
}
