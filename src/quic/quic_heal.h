/*
 * A cure for 0.12.1's rate estimate after a migration.
 *
 * The library starts congestion control anew on a migration, its count of delivered bytes too. An acknowledgement of a
 * packet that was sent before then makes a negative difference in unsigned numbers: a rate of hundreds of GB/s, which
 * BBR believes until as many bytes have passed as had before the migration. No pacing until then, and half of what is
 * sent gets lost (measured: 5 s after 5 s, 90 min after 90 min). Newer versions do not count such packets.
 *
 * So, when the rate is absurd: send nothing but acknowledgements until nothing is in flight, and migrate again, to the
 * same path. A server cannot; it asks the client to, with an empty DATAGRAM.
 */
#ifndef ADIT_QUIC_HEAL_H
#define ADIT_QUIC_HEAL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/time.h"
#include "quic/quic_shim.h"

struct quic;

enum quic_heal_state {
	QUIC_HEAL_NONE,
	QUIC_HEAL_DRAIN, /* waiting until nothing is in flight */
	QUIC_HEAL_ARMED, /* server: waiting for the client to migrate */
};

struct quic_heal {
	enum quic_heal_state state;
	adit_time give_up_at;
	adit_time next_at; /* not again before */
	bool asks; /* server: the empty DATAGRAM is to be sent */
	adit_dur rtt; /* the last known */
	adit_time paused_until; /* the library has been told to send acknowledgements only */
};

/* Is the estimate absurd? Then the cure begins. */
void quic_heal_look(struct quic *q, const struct quic_shim_stat *st);

/* After input: goes on with the cure. */
void quic_heal_step(struct quic *q);

/* How many packets may be put out now; acknowledgements alone do not count while the library is paused. */
size_t quic_heal_allows(const struct quic *q);

/* |n| packets were put out. */
void quic_heal_sent(struct quic *q, size_t n);

/* The server asks for a migration. */
void quic_heal_asked(struct quic *q);

/* Congestion control has started anew, for whatever reason. */
void quic_heal_over(struct quic *q);

#endif
