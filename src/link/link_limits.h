/* Every number of the room, with its reason. */
#ifndef ADIT_LINK_LIMITS_H
#define ADIT_LINK_LIMITS_H

#include "base/time.h"
#include "core/punch/punch_limits.h"

/*
 * Socket numbers begin here: of core/punch, which never makes two thousand million, of core/reach, which uses 65536 in
 * turn, and of the connections to TURN servers.
 */
#define LINK_PUNCH_SOCKS 1u
#define LINK_REACH_SOCKS 0x80000000u
#define LINK_TURN_SOCKS  0xf0000000u
/* What looks like a socket to all but link_relay.c: through the TURN server in use. No driver ever hears of it. */
#define LINK_RELAY_SOCK 0xffffffffu

#define LINK_PATHS_MAX 4 /* the one in use, the one before it until the new one is proven, and two in between */
/* Addresses that sent a valid probe. A volley and every slot's pairs may be heard within one round trip: forgetting the
 * one that the peer has chosen meanwhile costs a handshake's 10 s. The oldest is forgotten. */
#define LINK_KNOWN_MAX PUNCH_HOLES_MAX
/* Events of the link's own that wait for the driver: one input makes three at most, four mediators that fail at once
 * two each. */
#define LINK_QUEUE_MAX 16

/*
 * Datagrams that wait for the server to let their peer in, one round trip: first checks and questions to mediators,
 * small and sent again anyway; what is longer is QUIC's, which comes after them.
 */
#define LINK_RELAY_WAITS    8
#define LINK_RELAY_WAIT_LEN 1500 /* bytes */
#define LINK_RELAY_WAIT     ADIT_SEC(1)
#define LINK_RELAY_BATCH    65536 /* bytes: no driver takes more at once (io_sock.h) */

/* The code of a mediator that does not know the peer (docs/mediator.md). */
#define LINK_ABSENT 404u

/* An address that sent a valid probe may begin a QUIC handshake for this long: a slot pair lives 128 s at most. */
#define LINK_KNOWN_FOR ADIT_SEC(128)

/* From the first Initial to the answered hello. The TLS handshake has 10 s of its own (quic_limits.h). */
#define LINK_ADMIT_WITHIN ADIT_SEC(15)

/* A migration that QUIC put off for want of a connection id is tried again this often. */
#define LINK_MIGRATE_RETRY ADIT_MS(50)

/* Bytes: no QUIC datagram is longer (quic_dgram_max() tells the path's own bound). */
#define LINK_DGRAM_MAX 65536

/* Cut UDP payloads that may be under way to us at once; 64 KB each, but a page costs nothing until it is used. */
#define LINK_REASM_SLOTS 16

#endif
