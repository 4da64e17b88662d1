/*
 * Both of the mediator's minds behind one address list, without sockets: which of them a datagram is for, and which of
 * the sockets its answer leaves from. med_run.c gives it the system's sockets, the tests a virtual network.
 *
 * A socket's number holds what CHANGE-REQUEST turns around: family * 4 + second address * 2 + second port. So the
 * socket that an answer leaves from is found by flipping bits.
 */
#ifndef ADIT_MEDIATOR_MIND_H
#define ADIT_MEDIATOR_MIND_H

#include "core/meet/meet_server.h"
#include "core/stun/stun_server.h"
#include "mediator/med_limits.h"

#define MED_SOCK_PORT   1u
#define MED_SOCK_IP     2u
#define MED_SOCK_FAMILY 4u

struct med_mind {
	struct stun_server stun;
	struct meet_server meet;
	struct stun_server_place places[MED_SOCKS]; /* of sockets bound to one address */
	bool open[MED_SOCKS];
	bool any[MED_SOCKS]; /* bound to all, with nothing said of it: the place is worked out for each datagram */
};

struct med_mind_config {
	const struct meet_crypto *crypto;
	struct adit_rng rng;
	const struct meet_lender *lender; /* borrowed; NULL: no relay is lent */
	uint32_t rate; /* answers a second and network; 0: no limits at all */
};

/* About a megabyte: allocate it, zeroed. |slots|: |n_slots| of them, zeroed, borrowed until med_mind_grow(). */
void med_mind_init(struct med_mind *m, adit_time now, const struct med_mind_config *cfg, struct meet_peer *slots,
		   size_t n_slots);

/* Socket |sock| is open at |addr|, which the world calls |public_ip| (family NONE: the same). */
void med_mind_opened(struct med_mind *m, uint32_t sock, const struct adit_addr *addr,
		     const struct adit_addr *public_ip);
/* All are open: each learns of the others. */
void med_mind_ready(struct med_mind *m);

/* One datagram. 1: |buf| (MEET_MSG_MAX and STUN_SERVER_PADDED_MAX bytes) and |ret_out| hold something to send. */
int med_mind_input(struct med_mind *m, adit_time now, const struct adit_dgram *d, uint8_t *buf,
		   struct meet_server_out *ret_out);

#endif
