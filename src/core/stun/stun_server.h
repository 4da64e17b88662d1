/*
 * A STUN server's mind: one request in, at most one answer out. RFC 8489 Binding, RFC 5780 behaviour discovery as far
 * as the machine has addresses for it, and requests without the magic cookie (RFC 3489). Start at stun_server_answer().
 *
 * Departures, all for one reason: nobody shall be able to make others hear more than he said himself.
 *   - Answers have at most STUN_SERVER_ANSWER_MAX bytes, so over IPv6 MAPPED-ADDRESS is left out, and of
 * RESPONSE-ORIGIN and OTHER-ADDRESS only the one is sent that tells something new. PADDING pads to the request's
 * length, not beyond.
 *   - Rates per source network (stun_limit.h). What makes the answer leave from another address or go to another port
 *     is rarer still (one a second), unless the request returns our cookie: an ADIT_COOKIE attribute, empty in a
 *     request, comes back filled with eight bytes; with them in it, the sender has proved that it receives at its
 *     address. Others' clients never send it and ignore it.
 *   - RESPONSE-ADDRESS (RFC 3489) is refused, as RFC 5389 does.
 *
 * Without a second address CHANGE-REQUEST can change the port alone, where there is a second one; OTHER-ADDRESS then is
 * told only to who sends an ADIT_COOKIE attribute, since others conclude from it that there are two addresses.
 */
#ifndef ADIT_STUN_SERVER_H
#define ADIT_STUN_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/rng.h"
#include "core/stun/stun_cookie.h"
#include "core/stun/stun_limit.h"
#include "core/stun/stun_limits.h"

/* From which of the four sockets an answer leaves, relative to where the request came in: CHANGE-REQUEST's own bits. */
#define STUN_SERVER_CHANGE_IP   0x4u
#define STUN_SERVER_CHANGE_PORT 0x2u

/* Addresses as the world sees them. */
struct stun_server_place {
	struct adit_addr local; /* where the request came in */
	/* The other address with the other port. The same IP: there is a second port only; family NONE: not even that.
	 */
	struct adit_addr other;
};

/* Everything that happened, for people: numbers only. */
struct stun_server_stats {
	uint64_t binding; /* answered with success */
	uint64_t classic; /* of these, RFC 3489 */
	uint64_t changed; /* of these, from another address or port, or to another port */
	uint64_t errors; /* answered with an error */
	uint64_t malformed; /* dropped: not a request that can be read */
	uint64_t limited; /* dropped: more than one network may ask */
};

struct stun_server {
	struct stun_limit limit;
	struct stun_limit change_limit;
	struct stun_server_stats stats;
	uint8_t cookie_key[ADIT_SIPHASH_KEY_LEN];
	struct stun_limit_slot slots[STUN_SERVER_NETS];
	struct stun_limit_slot change_slots[STUN_SERVER_CHANGE_NETS];
};

struct stun_server_config {
	struct adit_rng rng; /* used during init */
	uint32_t rate; /* answers a second and source network; 0: no limits at all */
};

/* The answer's way. */
struct stun_server_answer {
	size_t len;
	struct adit_addr remote;
	unsigned change; /* STUN_SERVER_CHANGE_* */
};

/* About a megabyte: allocate it. */
void stun_server_init(struct stun_server *s, adit_time now, const struct stun_server_config *cfg);

/*
 * One datagram |data| from |remote|. 1: |buf|, which has room for STUN_SERVER_PADDED_MAX bytes, holds the answer and
 * |ret_answer| says where it goes; 0: there is none.
 */
int stun_server_answer(struct stun_server *s, adit_time now, const struct stun_server_place *place,
		       const struct adit_addr *remote, const void *data, size_t len, uint8_t *buf,
		       struct stun_server_answer *ret_answer);

#endif
