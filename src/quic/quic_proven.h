/*
 * A server's paths are proven, and the library must not take them for forged.
 *
 * To an address that it has not validated itself the library sends three bytes for each one that came (RFC 9000 8.1).
 * Where 0.12.1 meets that limit it stops its loss timer and forgets to start it again when more has come. If the window
 * is full by then and what is in flight is lost, nothing is ever sent again: no data, no probe, not even the question
 * that would validate the path. For us the limit has no use: the user hands in datagrams of proven paths only
 * (quic_path.h), and whoever has answered under the session's keys is not the victim of a forged address.
 *
 * There is no switch for it. So the library is shown a datagram that is nobody's, which it counts and drops, before
 * the limit can be met, as long as it has not validated the path.
 */
#ifndef ADIT_QUIC_PROVEN_H
#define ADIT_QUIC_PROVEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "quic/quic_shim.h"

struct quic;

struct quic_proven {
	uint32_t path; /* the virtual path that the rest is about; 0: none yet */
	bool is_validated; /* by the library itself */
	size_t left; /* bytes that may be sent there before the next such datagram */
};

/* Before packets are written. */
void quic_proven_fund(struct quic *q);

/* |n| bytes were written. */
void quic_proven_spent(struct quic *q, size_t n);

/* The library's own validation of |path| has ended. */
void quic_proven_judged(struct quic *q, const ngtcp2_path *path, bool is_valid);

#endif
