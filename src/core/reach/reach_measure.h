/*
 * What the own NATs do to the very sockets that will be punched with, asked of STUN servers: mediators, further
 * servers, and the other addresses and ports that these tell (OTHER-ADDRESS; a mediator with one address tells its
 * second port to who sends an ADIT_COOKIE). A part of struct reach, over its home sockets; not for others.
 *
 * First all are asked from home. Do they agree, the NAT is steady and all is known after one round trip, or two where
 * it takes a server's second port to tell: connect's first offer does not wait for that where the first port's answer
 * shows what most likely comes of it (is_early). Do they differ, a burst of fresh sockets shows how ports are chosen
 * (core/nat/nat_ports.h). In the background questions with TTL 1, 2, 3 ... find the low TTL (core/nat/nat_ttl.h), and a
 * fresh socket asks for answers from another port (CHANGE-REQUEST, RFC 5780 4.4): a NAT that filters by port keeps them
 * out. Words:
 *
 *   dest      an address that is asked
 *   witness   a server, with its other addresses and all others at its address; two that were given apart are one
 *             where each tells of the other
 *   view      what is known of one address family
 */
#ifndef ADIT_REACH_MEASURE_H
#define ADIT_REACH_MEASURE_H

#include "core/nat/nat_ports.h"
#include "core/nat/nat_ttl.h"
#include "core/reach/reach_limits.h"
#include "core/stun/stun_client.h"

#define REACH_ASK_SLOTS 40u /* under way: all dests, two bursts, a window's, two each for TTL and filter */

/* A flow of ours, by which others' are counted: its port, when it began, and our flows until then, it included. */
struct reach_mark {
	uint16_t port; /* 0: not known */
	uint32_t flows;
	adit_time at;
};

struct reach_dest {
	struct adit_addr addr;
	uint8_t witness; /* the dest that speaks for it */
	bool is_out;
	bool has_answered;
	bool is_dead; /* the last question was not answered */
	bool has_twin; /* it can answer from elsewhere */
	bool filter_asked; /* it was asked to */
	adit_time answered_at; /* home */
	uint32_t asked_from; /* home's number: its flow is there */
	struct reach_mark mark; /* that flow */
	struct adit_addr mapped;
	struct adit_addr other; /* that it tells of as its second one; NONE: of none */
};

/*
 *   phase     left when
 *   REST      somebody wants to know (ASK)
 *   ASK       enough dests have answered, or have had their time (BURST, KNOWN)
 *   BURST     the samples are there (KNOWN)
 *   KNOWN     the network changes (ASK), new samples are wanted (BURST)
 */
enum reach_phase {
	REACH_PHASE_REST,
	REACH_PHASE_ASK,
	REACH_PHASE_BURST,
	REACH_PHASE_KNOWN,
};

struct reach_view {
	enum reach_phase phase;
	adit_time asked_at;
	adit_time first_at; /* the first answer */
	adit_time second_at; /* that of a second witness */
	bool is_early; /* ASK: what is below is most likely all that will be known */
	adit_time burst_at; /* BURST: the next sample leaves */
	adit_time burst_until;
	struct adit_addr local; /* own address on the way to the servers, with home's port */
	struct adit_addr reflexive; /* home, as servers see it */
	struct adit_addr public; /* no port */
	unsigned witnesses;
	enum nat_kind kind;
	struct nat_ports ports;
	adit_time ports_at; /* ports.last was seen */
	struct nat_sample sample[REACH_SAMPLES];
	uint32_t sample_flows; /* ours before the first of them */
	uint32_t flows; /* that the NAT has made for what we have asked, so far */
	struct reach_mark mark; /* the last one that is known; port 0: more than questions went out since */
	unsigned foreign_seen; /* others' flows ... */
	adit_dur foreign_took; /* ... within this time */
	uint16_t sample_sock[REACH_SAMPLES];
	bool sample_again[REACH_SAMPLES]; /* its question was sent more than once: its place in the row is not sure */
	unsigned n_wanted;
	unsigned n_sent;
	unsigned n_ended;
	struct nat_ttl ttl;
	uint16_t ttl_sock;
	uint16_t filter_sock;
	unsigned filter_out; /* questions under way */
	bool is_let_in; /* an answer from elsewhere has come */
};

struct reach_measure {
	struct stun_client client;
	struct stun_tx *slot; /* REACH_ASK_SLOTS of them */
	struct reach_dest dest[REACH_DESTS_MAX];
	size_t n_dests;
	struct reach_view view[2]; /* v4, v6 */
};

#endif
