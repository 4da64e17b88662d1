/*
 * Which 1-RTT packet numbers have come already. The library drops what comes twice, without telling; but a packet that
 * somebody recorded and plays back from elsewhere must not pass for a sign of life, nor move the connection there.
 */
#ifndef ADIT_QUIC_REPLAY_H
#define ADIT_QUIC_REPLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define QUIC_REPLAY_WORDS 32 /* of 64 packets: how far reordering may reach back */

struct quic_replay {
	uint64_t seen[QUIC_REPLAY_WORDS]; /* bit n % 2048 for packet n */
	uint64_t next; /* one past the highest number seen */
};

/* RFC 9000 A.3: the packet number whose lowest |len| bytes are |low|. */
uint64_t quic_replay_decode(const struct quic_replay *r, uint64_t low, size_t len);
/* Notes |number|; false where it was noted before or is too old to tell. */
bool quic_replay_note(struct quic_replay *r, uint64_t number);

#endif
