/*
 * The receiving half: checks data messages, keeps their bytes until the local TCP connection takes them, and says what
 * is to be answered.
 *
 * There is room for two messages. One is acknowledged as soon as the room behind it would hold another; so a reader
 * that stops holds back the ack ("withheld"), and the moment it goes on the ack goes out. The first message of a peer
 * is acknowledged even before anybody has connected here.
 */
#ifndef ADIT_UDPHP_RX_H
#define ADIT_UDPHP_RX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/log.h"
#include "base/time.h"
#include "udphp/udphp_limits.h"
#include "udphp/udphp_msg.h"
#include "udphp/udphp_zip.h"

/* The driver takes answers after each input; a message causes one at most. */
#define UDPHP_RX_REPLIES 2

struct udphp_rx {
	void (*md5)(const void *data, size_t len, uint8_t ret_sum[16]);
	struct udphp_zip *zip; /* borrowed */
	const struct adit_log *log; /* borrowed */

	uint16_t expected;
	uint16_t received; /* messages so far, stays at 0x7fff: older numbers than these were never here */
	bool withheld; /* the ack of the last one waits for room */
	bool closed; /* nobody takes the bytes any more */
	bool near; /* the next message has followed an ack within UDPHP_NEAR, or our own sending half says so */
	bool acked_again; /* the last one, so no time is measured */
	adit_time acked_at; /* when the last one was acknowledged */
	adit_time reack_at; /* acknowledge it again then: it was repeated, or the peer may be asleep */

	unsigned n_replies;
	uint8_t reply[UDPHP_RX_REPLIES][UDPHP_ACK_LEN];

	size_t pos, end; /* the bytes not taken yet */
	uint8_t out[2 * UDPHP_MAXBUF + 1];
};

void udphp_rx_init(struct udphp_rx *x, void (*md5)(const void *, size_t, uint8_t[16]), struct udphp_zip *zip,
		   const struct adit_log *log);

/* A data message. True: it was the expected one, undamaged, or the one before it once more: a sign of life. */
bool udphp_rx_data(struct udphp_rx *x, adit_time now, const struct udphp_msg *msg);

/* Something damaged that seems to be the data message |seq|. */
void udphp_rx_damaged(struct udphp_rx *x, adit_time now, uint16_t seq);
/* Would that be believable: |seq| is expected, or among the last UDPHP_RECENT ones received? */
bool udphp_rx_is_recent(const struct udphp_rx *x, uint16_t seq);

/* The bytes that wait; good until the next call. _taken: |n| of them are with TCP now. */
const uint8_t *udphp_rx_take(const struct udphp_rx *x, size_t *ret_len);
void udphp_rx_taken(struct udphp_rx *x, adit_time now, size_t n);
/* Drops all bytes; nothing is accepted or answered from now on. */
void udphp_rx_close(struct udphp_rx *x);

void udphp_rx_tick(struct udphp_rx *x, adit_time now);
adit_time udphp_rx_deadline(const struct udphp_rx *x);

/* The next answer (UDPHP_ACK_LEN bytes) into |ret_reply|; false: none. */
bool udphp_rx_output(struct udphp_rx *x, uint8_t ret_reply[UDPHP_ACK_LEN]);

#endif
