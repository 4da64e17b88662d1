#include "udphp/udphp_rx.h"

#include <assert.h>
#include <string.h>

#include "base/bytes.h"

#define RX_RECEIVED_MAX 0x7fffu /* half of the circle: udphp_seq_behind() sees no further */

void udphp_rx_init(struct udphp_rx *x, void (*md5)(const void *, size_t, uint8_t[16]), struct udphp_zip *zip,
		   const struct adit_log *log)
{
	*x = (struct udphp_rx){.md5 = md5, .zip = zip, .log = log};
	x->reack_at = ADIT_NEVER;
}

static void rx_reply(struct udphp_rx *x, enum udphp_type type, uint16_t seq)
{
	/* A driver that does not drain loses the oldest; the peer asks again. */
	if (x->n_replies == UDPHP_RX_REPLIES) {
		memmove(x->reply[0], x->reply[1], sizeof(x->reply) - UDPHP_ACK_LEN);
		x->n_replies--;
	}
	udphp_msg_write_ack(x->reply[x->n_replies++], type, seq);
	adit_trace(x->log, ADIT_LOG_PACKET, "udphp answer type=%c seq=%u", type, seq);
}

static void rx_ack_last(struct udphp_rx *x, adit_time now, bool again)
{
	x->acked_at = now;
	x->acked_again = again;
	x->reack_at = x->near && !again ? adit_time_add(now, UDPHP_NUDGE) : ADIT_NEVER;
	rx_reply(x, UDPHP_ACK, (uint16_t)(x->expected - 1));
}

static bool rx_has_room(const struct udphp_rx *x)
{
	return x->end - x->pos <= UDPHP_MAXBUF;
}

/* |seq| is one of those received: the peer has missed the ack, or the network has doubled or delayed the message. */
static void rx_old(struct udphp_rx *x, adit_time now, uint16_t seq)
{
	if (udphp_seq_behind(seq, x->expected) > 1)
		rx_reply(x, UDPHP_ACK, seq);
	else if (x->withheld)
		return;
	else if (now >= adit_time_add(x->acked_at, UDPHP_REACK_GAP))
		rx_ack_last(x, now, true);
	else
		x->reack_at = adit_time_min(x->reack_at, adit_time_add(x->acked_at, UDPHP_REACK_GAP));
}

static bool rx_is_old(const struct udphp_rx *x, uint16_t seq)
{
	int behind = udphp_seq_behind(seq, x->expected);

	/*
	 * A number from before our own start must not be acknowledged: it belongs to data that an earlier run of this
	 * program should have got.
	 */
	return behind > 0 && behind <= x->received;
}

bool udphp_rx_is_recent(const struct udphp_rx *x, uint16_t seq)
{
	return seq == x->expected || (rx_is_old(x, seq) && udphp_seq_behind(seq, x->expected) <= (int)UDPHP_RECENT);
}

void udphp_rx_damaged(struct udphp_rx *x, adit_time now, uint16_t seq)
{
	if (x->closed)
		return;
	if (rx_is_old(x, seq))
		rx_old(x, now, seq);
	else if (!x->withheld) /* else 'N' would tell the peer to send what there is no room for */
		rx_reply(x, UDPHP_NACK, x->expected);
}

/* Checks the message and puts its bytes behind the others, without counting them yet. */
static bool rx_unpack(struct udphp_rx *x, const struct udphp_msg *msg)
{
	uint8_t *dst = x->out + x->end;
	uint8_t md5[16];

	if (msg->len > UDPHP_MAXBUF)
		return false;
	if (msg->type == UDPHP_ZIPPED) {
		if (udphp_zip_unpack(x->zip, msg->body, msg->body_len, dst, msg->len) < 0)
			return false;
	} else {
		if (msg->body_len != msg->len)
			return false;
		memcpy(dst, msg->body, msg->len);
	}
	x->md5(dst, msg->len, md5);
	return !memcmp(md5, msg->digest, UDPHP_DIGEST);
}

/* Moves the waiting bytes to the front, so that one message fits behind them. */
static void rx_compact(struct udphp_rx *x)
{
	if (sizeof(x->out) - x->end > UDPHP_MAXBUF)
		return;
	memmove(x->out, x->out + x->pos, x->end - x->pos);
	x->end -= x->pos;
	x->pos = 0;
}

bool udphp_rx_data(struct udphp_rx *x, adit_time now, const struct udphp_msg *msg)
{
	if (x->closed)
		return false;
	if (msg->seq != x->expected || x->withheld) {
		udphp_rx_damaged(x, now, msg->seq);
		return x->received && udphp_seq_behind(msg->seq, x->expected) == 1;
	}
	rx_compact(x);
	if (!rx_unpack(x, msg)) {
		adit_trace(x->log, ADIT_LOG_DECIDE, "udphp damaged type=%c seq=%u len=%u body=%zu", msg->type, msg->seq,
			   msg->len, msg->body_len);
		udphp_rx_damaged(x, now, msg->seq);
		return false;
	}
	if (x->received && !x->acked_again && adit_time_since(now, x->acked_at) < UDPHP_NEAR)
		x->near = true;
	x->end += msg->len;
	x->expected++;
	if (x->received < RX_RECEIVED_MAX)
		x->received++;
	x->withheld = !rx_has_room(x);
	x->reack_at = ADIT_NEVER;
	if (!x->withheld)
		rx_ack_last(x, now, false);
	return true;
}

const uint8_t *udphp_rx_take(const struct udphp_rx *x, size_t *ret_len)
{
	*ret_len = x->end - x->pos;
	return x->out + x->pos;
}

void udphp_rx_taken(struct udphp_rx *x, adit_time now, size_t n)
{
	assert(n <= x->end - x->pos);
	x->pos += n;
	if (x->pos == x->end)
		x->pos = x->end = 0;
	if (x->withheld && rx_has_room(x)) {
		x->withheld = false;
		rx_ack_last(x, now, false);
	}
}

void udphp_rx_close(struct udphp_rx *x)
{
	x->closed = true;
	x->withheld = false;
	x->reack_at = ADIT_NEVER;
	x->pos = x->end = 0;
}

void udphp_rx_tick(struct udphp_rx *x, adit_time now)
{
	if (now >= x->reack_at)
		rx_ack_last(x, now, true);
}

adit_time udphp_rx_deadline(const struct udphp_rx *x)
{
	return x->reack_at;
}

bool udphp_rx_output(struct udphp_rx *x, uint8_t ret_reply[UDPHP_ACK_LEN])
{
	if (!x->n_replies)
		return false;
	memcpy(ret_reply, x->reply[0], UDPHP_ACK_LEN);
	memmove(x->reply[0], x->reply[1], sizeof(x->reply) - UDPHP_ACK_LEN);
	x->n_replies--;
	return true;
}
