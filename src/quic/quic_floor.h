/*
 * How much an own stream may have in flight. BBRv2 of the library takes twice what the path holds, and half of that
 * lies in the queue before the narrowest line: a byte of another stream waits there for a round trip. So nothing is
 * sent while more is in flight than the path delivers in its shortest round trip, QUIC_QUEUE_MAX, and what its round
 * trips vary by themselves, on average: BBR's own probing makes them vary, too, and must not be given room for it. The
 * rate is the pacer's, which goes up and down with BBR's phases: they work as before.
 *
 * That lets BBR fill the queue when it probes for more: until it sees a quarter more in flight than the path holds it
 * goes on. Where small things of others share the connection (quic_floor_shared()) they would wait behind it, some in a
 * hundred: then the rate is that of what arrives, less is left to the queue, and a probe goes on until BBR looks for
 * the shortest round trip; it still finds more, a few per cent each round trip.
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
	double rate; /* of the library's samples, bytes per nanosecond, falling no faster than in QUIC_FLOOR_AVERAGE */
	double lately; /* arrived in the last QUIC_FLOOR_ARRIVES, bytes per nanosecond */
	double arrives; /* twice in a row, the most in the present window */
	double arrived; /* in the one before */
	uint64_t sent; /* bytes ever: to be kept by whoever sends */
	uint64_t counted; /* of them had arrived or were lost at |counted_at| */
	adit_time counted_at;
	adit_dur vary; /* the round trips' variation, averaged over QUIC_FLOOR_AVERAGE */
	adit_time since;
	adit_time noted_at;
	uint64_t in_flight; /* at the last look */
	adit_time shared_at; /* when something small went out beside what is in bulk; 0: never */
	adit_time fell_at; /* when it was last seen to have become less: something was acknowledged */
};

/* Takes in what the library knows now. */
void quic_floor_note(struct quic_floor *f, adit_time now, const struct quic_shim_stat *st);
/* Something small went out, and something in bulk waits. */
void quic_floor_shared(struct quic_floor *f, adit_time now);
/* How long to wait with what is waiting; 0: not at all. */
adit_dur quic_floor_wait(const struct quic_floor *f, adit_time now, const struct quic_shim_stat *st);

/*
 * The pacer's rate, and in |ret_slack| how much of what it did not let go in time may follow at once. BBR of 0.12.1
 * pins its window to what is under way, for a round trip from each loss, then opens it for a moment; where one packet
 * in a hundred gets lost that is always, and after any pause little is under way, so little arrives, and that is taken
 * for what the path carries. So while less is under way than arrived in a round trip not long ago, that is the rate,
 * and a part of a round trip may follow at once: in a few of those moments the path is full again.
 */
double quic_floor_pace(const struct quic_floor *f, adit_time now, const struct quic_shim_stat *st, adit_dur *ret_slack);

#endif
