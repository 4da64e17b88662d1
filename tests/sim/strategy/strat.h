/*
 * How other programs punch holes, as models: each strategy is a table of its published parameters (where it asks
 * STUN servers, who starts when, which salvos of packets it fires at which ports with which TTL) and a function that
 * turns what both sides have learnt into salvos. One machine, strat_peer, plays them all. THESE ARE MODELS, NOT THE
 * PROGRAMS: message formats, encryption, relays, port mapping (UPnP), TCP and IPv6 are left out; what is left is which
 * UDP packet leaves when, from which socket, to where. The one exception is adit, whose real punching engines run.
 *
 * Start here; strat_list.c has the strategies' names and sources, strat_world.h plays a match. Words:
 *   match    two sides behind two NATs try to meet, once
 *   side     SERVE waits for calls, CONNECT calls
 *   server   answers from where a packet came (STUN): four addresses, several ports
 *   mediator brings messages from one side to the other, ideally: nothing is lost, no NAT mapping is spent
 *   volley   a run of shots: packets to one address, a range, or random ports of the peer
 *   up       a side knows that packets pass both ways; the match is won when both sides are up
 *
 * Marks, as in every table of parameters here: [V] read in the program's source or its RFC; [R] recalled or read
 * second hand; [A] assumed by us.
 */
#ifndef STRAT_H
#define STRAT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/machine.h"
#include "base/rng.h"
#include "base/time.h"
#include "strat_limits.h"

enum strat_side {
	STRAT_SERVE,
	STRAT_CONNECT,
};

/* What brings the two sides to act at the same time. */
enum strat_start {
	STRAT_ALONE, /* nothing: two people, two addresses, up to STRAT_SKEW_MAX apart */
	STRAT_CALL, /* the caller calls; each side tells the other what it has learnt, and acts when it knows both */
	STRAT_PAIRED, /* the same, but the mediator waits for both and then tells both at once */
	STRAT_CLOCKED, /* the same, and both are told to begin at one instant of the mediator's clock */
	STRAT_SYNC, /* the same as CALL, but the caller measures the way through the mediator and waits that long */
	STRAT_REAL, /* adit's own engine: alone, too */
	STRAT_MEET, /* adit's own engine with two of its own mediators, real packets to and from them included */
};

/* One question to a server. */
struct strat_ask {
	uint8_t sock;
	uint8_t server;
	uint16_t port;
};

/* What a side tells the other. */
struct strat_info {
	struct adit_addr local; /* of the punching socket, inside */
	struct adit_addr seen[STRAT_ASKS_MAX]; /* as the servers saw it, in the order of asking; NONE: no answer */
};

enum strat_target {
	STRAT_TO_ONE,
	STRAT_TO_RANGE, /* |ports| ports upwards from to.port, one after the other, then again */
	STRAT_TO_RANDOM, /* any of |ports| ports from to.port, with repetition */
	STRAT_TO_SHUFFLED, /* the same, but none twice in a match */
};

/*
 * Shots number 0, 1, ...: socket |sock| + number % |socks|; where the target is a range, its port is number / |socks|
 * into it.
 */
struct strat_volley {
	struct adit_addr to;
	enum strat_target target;
	unsigned ports;
	unsigned sock;
	unsigned socks; /* 0: one */
	unsigned shots;
	unsigned salvo; /* shots that leave at the same instant; 0: one */
	unsigned copies; /* the same shot again at once; 0: one in all */
	unsigned low; /* the first so many shots carry |ttl| */
	uint8_t ttl;
	bool backoff; /* the step doubles each time (RFC 8489 6.2.1) */
	adit_dur delay; /* before the first */
	adit_dur step; /* between salvos */
	/* Kept by the machine. */
	unsigned fired;
	adit_time at;
};

struct strat_peer;

struct strategy {
	const char *name; /* one word, for files and options */
	const char *title; /* as a table shows it */
	const char *note; /* where its parameters come from */
	enum strat_start start;
	const struct strat_ask *asks;
	unsigned n_asks;
	unsigned socks; /* opened before anything is asked; 0: one */
	uint16_t ports[2]; /* of the first two; 0: any */
	bool fixed_reply; /* answers go to where it sends, not to where the packet came from */
	bool triggered; /* a check from a new place is followed by a check back (RFC 8445 7.3.1.4) */
	bool keeps_socks; /* a further attempt uses the same sockets; else fresh ones, and asks again */
	/* Adds the volleys of attempt |attempt| (from 0); how long it takes; 0: there is none, and all is given up. */
	adit_dur (*plan)(struct strat_peer *p, unsigned attempt);
};

/* NULL-terminated. */
extern const struct strategy *const strategies[];
/* NULL: no such name. */
const struct strategy *strategy_find(const char *name);

/* ---- for the plans ---- */

enum strat_side strat_side(const struct strat_peer *p);
const struct strat_info *strat_own(const struct strat_peer *p);
/* ALONE: seen[0] is the address the user typed, without port. */
const struct strat_info *strat_other(const struct strat_peer *p);
const struct adit_rng *strat_rng(struct strat_peer *p);
void strat_fire(struct strat_peer *p, struct strat_volley v);
/* So many sockets are wanted from now on, numbers 0 to |n| - 1. */
void strat_want_socks(struct strat_peer *p, unsigned n);

/* A port reckoned from another: what would lie outside 1 to 65535 becomes the last one there. */
uint16_t strat_port(long port);

/* Small judgements that several programs make alike. */
unsigned strat_n_seen(const struct strat_info *i);
/* All answers named one port and one address. */
bool strat_is_same(const struct strat_info *i);
/* The highest port seen less the lowest. */
unsigned strat_span(const struct strat_info *i);
/* The last answer. */
struct adit_addr strat_last(const struct strat_info *i);
/* Seen as what it is: no NAT between. */
bool strat_is_public(const struct strat_info *i);

#endif
