/*
 * Serverless hole punching between two machines that know a shared secret K and each other's public address.
 *
 * Start here. This machine finds paths; punch_path.h keeps one alive; punch_probe.h has the message both use (an
 * ICE check, RFC 8445, whose credentials come from K); punch_plan.h says which port pair opens when; punch_limits.h has
 * every number. Words:
 *   pair     a local port here and a port there, both derived from K, so that both sides know them
 *   steady   the one pair without time in it: a waiter keeps it open quietly (low TTL), a newcomer is loud for 2 s
 *   slot     a span of UTC; in each slot fresh pairs open, on one side in rising, on the other in falling order
 *   burst    many pairs a millisecond apart, for routers that accept on both sides with no hop between
 *   head     the first probes of a pair, with a TTL that dies between the own NAT and the peer's
 *   valid    our own fresh request over this pair was answered, authenticated: only that counts
 *   instance a random number of one run of one side: another number is a restarted peer
 *
 * The machine asks for its sockets through outputs (ADIT_OUT_OPEN). |sock| numbers are its own, never reused while open.
 */
#ifndef ADIT_PUNCH_H
#define ADIT_PUNCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/crypto.h"
#include "base/log.h"
#include "base/machine.h"
#include "base/rng.h"
#include "core/punch/punch_limits.h"
#include "core/punch/punch_probe.h"

enum punch_role {
	PUNCH_SERVE,   /* rising order; ICE controlled */
	PUNCH_CONNECT, /* falling order; ICE controlling: it nominates by sending QUIC */
};

enum punch_how {
	PUNCH_HOW_STEADY,
	PUNCH_HOW_SLOT,
	PUNCH_HOW_BURST,
	PUNCH_HOW_PINNED, /* --port */
};

struct punch_config {
	enum punch_role role;
	const struct adit_crypto *crypto; /* borrowed */
	const struct adit_log *log;	  /* borrowed; may be NULL */
	struct adit_rng rng;
	uint8_t k[32];	      /* the pair secret */
	uint64_t instance;    /* random, new with each start of the program (or of a new session attempt) */
	uint16_t pinned_port; /* --port: the one local port, and the peer's unless its address carries one; 0: derived */
	uint32_t sock_base;   /* numbers of sockets start here */
	bool low_ttl;	      /* false: the lab's switch to show what happens without */
};

struct punch; /* below: the caller hands the storage */

void punch_init(struct punch *p, const struct punch_config *cfg, adit_time now);

/*
 * The peer's public addresses (at most PUNCH_PEERS_MAX, more are ignored); again whenever a name resolves differently.
 * A port in one is the peer's pinned or forwarded port: it is probed too. None: wait for whoever has K (a public host).
 */
void punch_set_peers(struct punch *p, adit_time now, const struct adit_addr *peers, size_t n);

/* UTC as the system has it. A step moves slots, never a running timer. |offset_ns|: what is added (clock difference learnt). */
void punch_set_utc(struct punch *p, adit_time now, adit_utc utc);

/* Begins (again), as a newcomer: loud on the steady pair, all slot families, bursts allowed. */
void punch_start(struct punch *p, adit_time now);
/*
 * The session has a path: only the steady pair is kept, quietly, on the serve side (a restarted peer will knock there);
 * the connect side closes everything.
 */
void punch_rest(struct punch *p, adit_time now);
/* Closes everything. */
void punch_stop(struct punch *p, adit_time now);

/*
 * The socket of a valid pair goes over to the caller (a path owns its socket): the machine never sends on it or closes
 * it again, but still answers probes when the caller hands it datagrams of this socket. 0 or ENOENT.
 */
ADIT_MUST_CHECK int punch_take(struct punch *p, uint32_t sock);

/* 0: it was an authenticated STUN message of this pair secret, and dealt with. EIGNORED: not ours. EREPLAY, EAUTH, EPROTO: drop. */
int punch_input(struct punch *p, adit_time now, const struct adit_dgram *d);
void punch_icmp(struct punch *p, adit_time now, const struct adit_icmp *icmp);
void punch_sock_failed(struct punch *p, adit_time now, uint32_t sock);
void punch_tick(struct punch *p, adit_time now);
adit_time punch_deadline(const struct punch *p);
int punch_output(struct punch *p, adit_time now, struct adit_out *ret_out);

enum punch_event_kind {
	PUNCH_EVENT_HEARD, /* an authentic fresh request came over |sock| from |remote|: QUIC may be accepted from there */
	PUNCH_EVENT_VALID, /* our own request was answered over it too: data may flow */
	PUNCH_EVENT_STUCK, /* 30 s without an answer; comes once per start; waiting goes on */
};

struct punch_event {
	enum punch_event_kind kind;
	enum punch_how how;
	uint32_t sock;
	struct adit_addr local;
	struct adit_addr remote;
	struct adit_addr mapped; /* VALID: what the peer saw us as */
	uint64_t instance;	 /* the peer's */
	adit_dur rtt;		 /* VALID */
	int64_t clock_diff;	 /* VALID: the peer's UTC minus ours, nanoseconds, good to half the round trip */
};

/* 1: filled; 0: none. */
int punch_event(struct punch *p, struct punch_event *ret_event);

struct punch_stats {
	uint64_t probes_sent;
	uint64_t low_ttl_sent;
	uint64_t flows_opened; /* new (socket, remote) pairs: what they cost the user's router */
	uint64_t heard;	       /* authentic requests */
	uint64_t replays;
	uint64_t bad_auth;
	uint64_t other; /* not STUN, malformed */
	uint8_t ttl;	/* calibrated: own NAT hops + 1 */
	bool ttl_known;
};

#endif
