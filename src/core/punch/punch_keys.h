/*
 * What both sides derive from the pair secret K, each with its own label: credentials of the probes, ports of the
 * pairs, and where in UTC the slots begin (so that not everybody in the world fires at the same second).
 */
#ifndef ADIT_PUNCH_KEYS_H
#define ADIT_PUNCH_KEYS_H

#include <stdint.h>

#include "base/crypto.h"
#include "base/time.h"
#include "core/punch/punch_limits.h"

enum punch_role {
	PUNCH_SERVE, /* rising order; ICE controlled */
	PUNCH_CONNECT, /* falling order; ICE controlling: it nominates by sending QUIC */
};

/* Families of slots; punch_plan.c says what each is for. */
enum punch_family {
	PUNCH_NEAR,
	PUNCH_MID,
	PUNCH_FAR,
	PUNCH_WIDE,
	PUNCH_VOLLEY,
	PUNCH_BURST,
	PUNCH_STEADY, /* no slots: the one pair without time in it */
};
#define PUNCH_FAMILIES PUNCH_STEADY

struct punch_keys {
	const struct adit_crypto *crypto; /* borrowed */
	uint8_t port_key[32];
	char ufrag[2][PUNCH_UFRAG_LEN + 1]; /* by role, ICE characters, NUL at the end */
	char pwd[2][PUNCH_PWD_LEN + 1];
	uint8_t phase[PUNCH_FAMILIES][8];
};

void punch_keys_init(struct punch_keys *k, const struct adit_crypto *crypto, const uint8_t secret[32]);
void punch_keys_wipe(struct punch_keys *k);

/* The two local ports of pair |index| in |slot|, by role. STEADY: slot and index are 0. */
void punch_keys_ports(const struct punch_keys *k, enum punch_family family, uint64_t slot, uint16_t index,
		      uint16_t ret_port[2]);

/* By how much the slots of |family|, |len| long, are shifted: 0 .. |len| - 1. */
adit_dur punch_keys_phase(const struct punch_keys *k, enum punch_family family, adit_dur len);

static inline enum punch_role punch_role_other(enum punch_role role)
{
	return role == PUNCH_SERVE ? PUNCH_CONNECT : PUNCH_SERVE;
}

#endif
