/*
 * The sending half: TCP bytes gather in |in|, become a message, and the message is repeated until it is acknowledged.
 * One message is in flight at a time ("stop and wait"); the next may already be packed while it is.
 *
 * The message before the one in flight is kept too. An 'A' has no checksum: one that was damaged on its way can
 * acknowledge what never arrived. The peer then asks for that message with 'N', and still gets it.
 */
#ifndef ADIT_UDPHP_TX_H
#define ADIT_UDPHP_TX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/log.h"
#include "base/time.h"
#include "udphp/udphp_limits.h"
#include "udphp/udphp_zip.h"

struct udphp_tx_slot {
	uint16_t seq;
	size_t len; /* of the datagram; 0: empty */
	uint8_t buf[UDPHP_DGRAM_MAX];
};

struct udphp_tx {
	void (*md5)(const void *data, size_t len, uint8_t ret_sum[16]);
	struct udphp_zip *zip; /* borrowed */
	const struct adit_log *log; /* borrowed */

	uint16_t seq; /* of the message in flight, or of the next one where none is */
	bool waiting; /* one is in flight: |cur| */
	unsigned tries; /* sendings by start and timer */
	unsigned nacks; /* sendings because of 'N' since the last of those */
	bool repeated; /* sent more than once: its ack says nothing about the round trip */
	bool want_cur; /* to be sent now */
	bool want_prev;
	bool prev_again; /* |prev| was asked for again */
	adit_time started_at;
	adit_time retry_at;
	bool near; /* an ack came within UDPHP_NEAR */

	uint64_t raw_total; /* bytes of TCP data in all messages */
	uint64_t wire_total; /* what they became */

	struct udphp_tx_slot *prev, *cur, *next; /* each one of |slot| */
	struct udphp_tx_slot slot[3];
	size_t in_len;
	uint8_t in[UDPHP_MAXBUF];
};

void udphp_tx_init(struct udphp_tx *t, void (*md5)(const void *, size_t, uint8_t[16]), struct udphp_zip *zip,
		   const struct adit_log *log);

/* Copies as much as there is room for; returns how much. */
size_t udphp_tx_feed(struct udphp_tx *t, const uint8_t *data, size_t len);

/* Starts the next message if none is in flight and there is data. */
void udphp_tx_pump(struct udphp_tx *t, adit_time now);

/* An 'A' or 'N' of the peer. True: it fitted something that we did send. */
bool udphp_tx_ack(struct udphp_tx *t, adit_time now, uint16_t seq);
bool udphp_tx_nack(struct udphp_tx *t, adit_time now, uint16_t seq);

/* Could a (damaged) answer be about |seq|: in flight, the next, or among the last UDPHP_RECENT ones? */
bool udphp_tx_is_recent(const struct udphp_tx *t, uint16_t seq);

/* False: the last try was in vain. */
bool udphp_tx_tick(struct udphp_tx *t, adit_time now);
adit_time udphp_tx_deadline(const struct udphp_tx *t);

/*
 * The datagram to send now, or NULL: then there is time to pack the next message, and that is done. Good until the
 * next call.
 */
const struct udphp_tx_slot *udphp_tx_output(struct udphp_tx *t);

/* Everything fed has been acknowledged. */
bool udphp_tx_is_idle(const struct udphp_tx *t);

#endif
