/*
 * udphp.py's protocol: one TCP connection carried over UDP between two machines that know only each other's public
 * address. No encryption, no authentication. The peer may be the script itself (version 0.12).
 *
 * Start here. This machine joins a sending half (udphp_tx.h), a receiving half (udphp_rx.h), heartbeats and the rules
 * about who is listened to; udphp_msg.h has the messages, udphp_limits.h every number. The verbs are those of
 * base/machine.h; TCP is data: bytes are fed in and taken out, as many as fit.
 *
 *   WORK     both directions run
 *            left by: the end of the local connection -> ENDING; 14, 15 or 16 -> OVER
 *   ENDING   what was fed is still being delivered, what came is still being taken
 *            left by: all acknowledged and taken -> OVER with the end's code (11, 12, 13); 14, 15 or 16 -> OVER
 *   OVER     an event has told the exit code
 *
 * Who is listened to: only the peer's IP address. Its port may be another one than ours (a NAT may have changed it);
 * answers follow it there after a valid message, but only if the port used so far was never heard or has been silent
 * for UDPHP_FOLLOW_AFTER. The script would accept anybody's messages, and never follow.
 *
 * Where the script dies of a message of unknown type (16), so do we, if it came from the very address and port we send
 * to and does not look like one of the protocol's own messages with a damaged first byte.
 */
#ifndef ADIT_UDPHP_H
#define ADIT_UDPHP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/log.h"
#include "base/machine.h"
#include "base/rng.h"
#include "udphp/udphp_limits.h"

/* The script's exit codes. */
enum udphp_exit {
	UDPHP_EXIT_TCP_READ = 11, /* the local connection broke while reading */
	UDPHP_EXIT_TCP_EOF = 12, /* the local connection was closed */
	UDPHP_EXIT_TCP_WRITE = 13, /* the local connection broke while writing */
	UDPHP_EXIT_SILENT = 14, /* no heartbeat of the peer for long */
	UDPHP_EXIT_NO_ACK = 15, /* the peer did not acknowledge a message */
	UDPHP_EXIT_BAD_TYPE = 16, /* the peer sent a message of unknown type */
};

enum udphp_event_kind {
	UDPHP_EVENT_HEARD, /* the first message of the peer */
	UDPHP_EVENT_MOVED, /* the peer has another port now */
	UDPHP_EVENT_EXIT, /* it is over; nothing comes after this */
};

struct udphp_event {
	enum udphp_event_kind kind;
	struct adit_addr peer;
	enum udphp_exit code; /* of EXIT */
};

struct udphp_config {
	bool server; /* -c: the side of the service; it only chooses the words of the heartbeats */
	struct adit_addr peer; /* with the port to send to */
	uint16_t port; /* own UDP port */
	struct adit_rng rng;
	void (*md5)(const void *data, size_t len, uint8_t ret_sum[16]);
	const struct adit_log *log; /* borrowed; may be NULL */
};

/* What was dropped, for tests and curiosity. */
struct udphp_stats {
	uint64_t strangers; /* datagrams of other addresses */
	uint64_t malformed; /* of the peer */
	uint64_t late; /* acks that fit nothing in flight */
};

struct udphp;

/* NULL: out of memory. The first outputs are the socket (number 0) and a heartbeat. */
struct udphp *udphp_new(const struct udphp_config *cfg, adit_time now);
void udphp_free(struct udphp *u);

void udphp_input(struct udphp *u, adit_time now, const struct adit_dgram *dgram);
void udphp_tick(struct udphp *u, adit_time now);
adit_time udphp_deadline(const struct udphp *u);
/* 1 or 0, see base/machine.h. Packing the next message happens in the call that returns 0. */
int udphp_output(struct udphp *u, struct adit_out *ret_out);
int udphp_event(struct udphp *u, struct udphp_event *ret_event);

/* How many bytes _feed would take now. */
size_t udphp_feed_room(const struct udphp *u);
/* Bytes read from TCP. Returns how many were taken; the rest is to be offered again. */
size_t udphp_feed(struct udphp *u, adit_time now, const uint8_t *data, size_t len);
/* Nothing more will be read: |why| is UDPHP_EXIT_TCP_EOF or UDPHP_EXIT_TCP_READ. */
void udphp_feed_end(struct udphp *u, adit_time now, enum udphp_exit why);

/* Bytes for TCP, good until the next call. Tell with _taken how many it accepted. */
const uint8_t *udphp_take(const struct udphp *u, size_t *ret_len);
void udphp_taken(struct udphp *u, adit_time now, size_t n);
/* TCP accepts nothing any more. */
void udphp_take_failed(struct udphp *u, adit_time now);

const struct udphp_stats *udphp_stats(const struct udphp *u);

#endif
