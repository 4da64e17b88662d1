/*
 * What is tried in a round, decided from both sides' descriptions alone: pure arithmetic, so that both sides come to
 * plans that fit together. The table is DESIGN 5.2; ICE checks toward all candidates run beside every plan.
 *
 *   own \ peer   OPEN, STEADY             SEQUENTIAL            BLOCK                    RANDOM
 *   STEADY       openers, then checks     fire at the window    fire into the block      fire at random ports
 *   SEQUENTIAL   open a window            step by 1 and by 2    once: window and block   nothing
 *   BLOCK        open sockets             once                  nothing                  nothing
 *   RANDOM       open sockets             nothing               nothing                  nothing
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
	REACH_TO_RANGE, /* |to|'s address, ports |low| to |high|, each once a pass, by |stride| from |low| or, negative,
			   |high| */
	REACH_TO_RANDOM, /* |to|'s address, ports |low| to |high|, none twice */
};

/*
 * Packets by a rule. TO_ONE: each of |socks| sockets sends to |to|, |passes| times, |again| apart. Others: the one
 * socket, home, sends |shots| packets to different ports. All |pace| apart. |low_passes| of them with the low TTL.
 */
struct reach_salvo_spec {
	enum reach_target target;
	enum nat_way way; /* what it is part of */
	struct adit_addr to;
	uint16_t low;
	uint16_t high;
	int stride;
	unsigned socks; /* fresh ones; 0: from the home socket */
	unsigned shots;
	unsigned passes;
	unsigned low_passes;
	adit_dur delay; /* after the start; 0: at once */
	adit_dur pace;
	adit_dur again;
};

struct reach_plan {
	enum nat_way way;
	bool again_at_once; /* connect: nothing can be hit before the peer knows our window: open it, next round now */
	bool is_last; /* no further round could do better */
	bool is_search; /* one at a time in a program, and only toward an address that is trusted */
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
	adit_dur since_measured; /* since the own ports.last was seen */
	adit_dur since_peer; /* since the peer's was, its age and the way here included */
};

void reach_plan_make(const struct reach_plan_ask *ask, struct reach_plan *ret_plan);

/* P(hit) of |shots| different ports out of |space|, of which |open| lead in (DESIGN 5.2); fixed point, 1/65536. */
uint32_t reach_plan_chance(unsigned space, unsigned open, unsigned shots);

#endif
