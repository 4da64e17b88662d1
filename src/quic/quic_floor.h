/*
 * How much an own stream may have in flight. BBRv2 of the library takes twice what the path holds, and half of that
 * lies in the queue before the narrowest line: a byte of another stream waits there for a round trip. So nothing is
 * sent while more is in flight than the path delivers in its shortest round trip, QUIC_QUEUE_MAX, and what its round
 * trips vary by themselves. The rate is the pacer's, which goes up and down with BBR's phases: they work as before.
 *
 * While nothing is acknowledged nothing is held back either: what is in flight is lost then, and to learn that takes
 * the library's probes.
 *
 * The shortest round trip is that of the last window and the present one. BBR drains the queue every five seconds, so
 * each has seen it.
 */
#ifndef ADIT_QUIC_FLOOR_H
#define ADIT_QUIC_FLOOR_H

#include <stdint.h>

#include "base/time.h"
#include "quic/quic_shim.h"

struct quic_floor {
	adit_dur present; /* shortest round trip of the window that began at |since|; 0: none yet */
	adit_dur last; /* of the one before */
	adit_dur ever; /* the library's, of the path as it knows it */
	adit_time since;
	uint64_t in_flight; /* at the last look */
	adit_time fell_at; /* when it was last seen to have become less: something was acknowledged */
};

/* Takes in what the library knows now. */
void quic_floor_note(struct quic_floor *f, adit_time now, const struct quic_shim_stat *st);
/* How long to wait with what is waiting; 0: not at all. */
adit_dur quic_floor_wait(const struct quic_floor *f, adit_time now, const struct quic_shim_stat *st);

#endif
