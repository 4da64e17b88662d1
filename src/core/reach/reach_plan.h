/*
 * What is tried in a round, decided from both sides' descriptions alone: pure arithmetic, so that both sides come to
 * plans that fit together. The table is docs/rules.md 2; openers and ICE checks toward all candidates run beside every
 * plan, and a SEQUENTIAL side's window is opened before, as it is a measurement.
 *
 *   own \ peer   OPEN, STEADY             SEQUENTIAL             BLOCK                   RANDOM
 *   OPEN         checks                   checks                 checks                  checks
 *   STEADY       checks                   fire at the window     fire into the block     fire at random ports
 *   SEQUENTIAL   its window's sockets     steps of 1, and of 2   fire into the block     nothing
 *   BLOCK        open sockets             fire at next ports     fire into the block     nothing
 *   RANDOM       open sockets             nothing                nothing                 nothing
 *
 * Nothing but checks goes to an address that is not public, whoever named it: a ticket lets nobody search the ports of
 * a host in the other side's network.
 *
 * Where a NAT gives each flow another port at random, only ports between the smallest and the largest that were seen
 * are fired at: each of these is as likely as any other of its range, and none of them lies outside it, whatever the
 * range is.
 *
 * A birthday search over S ports has n sockets O and m probes P; any pair of them that has one port meets, with 1 / S:
 *
 *   P after O   the probe finds the open socket
 *   O after P   its packet of full TTL gets in, as the steady side has sent there; it needs no round trip more
 *
 * So after n and m about exp(-n m / S) have not met, in whatever order they came: a probe is worth n / S, a socket
 * m / S, and the cheapest is to have as many of both all the time: 450 packets in the mean, where 256 sockets first and
 * then probes need 508. What has to be kept beside: at most 256 sockets, ever, and 1100 probes. Hence 128 sockets at
 * once; 128 probes (fewer where a round trip is short); 112 of both, in turn; probes to 1000. That costs 475 in the
 * mean, and 97.6 % have met. What then follows is for the others: a socket is worth most now, so each makes room for a
 * fresh one, and probes again.
 *
 * A router that accepts what comes early (docs/rules.md 1) spoils one of the two orders, and says "port unreachable":
 *   the steady side's  an O that comes first takes the tuple, P of that port gets another one, and so do all after it.
 *                      The first sockets have the low TTL. They learn it from a scout, a packet to the port beside:
 *                      then the others are opened at once, at a low TTL as well: 502 packets, 98 %.
 *   the random side's  a P that comes first takes the port, no later O can have it. The pairs of the other order are
 *                      left, 97 % meet within the same bounds; then sockets are of no use, and the probes do not rest.
 *
 * What is under way when the first has hit is lost: a round trip's worth of who fires, half a one's of the other. While
 * both fire, that is where most hits are, their pace depends on the round trip.
 */
#ifndef ADIT_REACH_PLAN_H
#define ADIT_REACH_PLAN_H

#include "base/rng.h"
#include "core/meet/meet_client.h"
#include "core/reach/reach_desc.h"
#include "core/reach/reach_limits.h"

/* Where a salvo's packets go. */
enum reach_target {
	REACH_TO_ONE, /* |to| */
	REACH_TO_RANGE, /* |to|'s address; ports |low| to |high| by |stride| from |low| or, negative, from |high| */
	REACH_TO_RANDOM, /* |to|'s address, ports |low| to |high|, none twice */
};

#define REACH_STRIDE_UNIT NAT_MEAN_UNIT /* parts of a port in which a stride is told */

/*
 * Packets by a rule. TO_ONE: each of |socks| sockets sends to |to|. Others: |shots| packets to different ports, from
 * home, or from |socks| sockets, one each: then a NAT that gives a socket one port for all of an address counts on,
 * too. This is a pass; there are |passes|, all alike. Within a pass packets are |pace| apart.
 *
 * In turn, each shot is from a socket of its own, for which the oldest one of the plan's is closed.
 *
 * The first |low_passes| passes have the low TTL and begin |low_delay| after the start, the others |delay| after it.
 * Passes of a kind begin |again| apart, or when the one before is over.
 */
struct reach_salvo_spec {
	enum reach_target target;
	enum nat_way way; /* what it is part of */
	struct adit_addr to;
	uint16_t low;
	uint16_t high;
	int stride; /* in 1 / REACH_STRIDE_UNIT ports */
	unsigned socks; /* fresh ones, one for each shot; 0: all from the home socket */
	bool is_in_turn;
	bool may_hurry; /* where the peer's router says "unreachable": at once, and with the low TTL */
	unsigned shots; /* TO_ONE: as many as sockets, if not in turn */
	unsigned slow_from; /* of a pass: from this shot ... */
	unsigned slow_to; /* ... to before this one the pace is ... */
	adit_dur slow_pace;
	unsigned first; /* of a pass: then a rest of |rest|, for what others do; 0: none */
	adit_dur rest;
	unsigned passes;
	unsigned low_passes;
	adit_dur low_delay;
	adit_dur delay;
	adit_dur pace;
	adit_dur again;
};

struct reach_plan {
	enum nat_way way;
	bool again_at_once; /* connect: nothing can be hit before the peer knows our window: open it, next round now */
	bool keep_home; /* the next round needs this home socket: the peer's window will lead to it */
	adit_dur quiet; /* from the start: each flow counts, and only the salvo opens any */
	bool is_last; /* no further round could do better */
	bool is_search; /* one at a time in a program, and only toward an address that is trusted */
	bool is_capped; /* it would be more than what is left of REACH_UNTRUSTED_MAX probes, were the address trusted */
	adit_dur lasts; /* from the start; then the round has failed */
	size_t n_salvos;
	struct reach_salvo_spec salvo[REACH_SALVOS_MAX];
};

struct reach_plan_ask {
	enum meet_role role;
	const struct reach_desc *own;
	const struct reach_desc *peer;
	struct adit_addr own_reflexive; /* of the home socket, IPv4; NONE: not known */
	struct adit_addr peer_reflexive; /* its best candidate that is neither private nor relayed, IPv4; NONE: none */
	bool trusted; /* the peer's public address may be searched in full */
	unsigned spent; /* not trusted: of REACH_UNTRUSTED_MAX so many are spent */
	enum nat_way last_way; /* that worked last between the two; UNKNOWN: not known */
	adit_dur round_trip; /* between the two, or more; 0: not known */
	adit_dur since_peer; /* until the start, since the peer saw its ports.last: its age, and the way here */
};

void reach_plan_make(const struct reach_plan_ask *ask, struct reach_plan *ret_plan);

/* How many different ports a salvo can aim at. */
unsigned reach_plan_ports(const struct reach_salvo_spec *s);

/* Others' flows a second, where |seen| came within |took|. */
unsigned reach_plan_foreign(unsigned seen, adit_dur took);

#endif
