/*
 * Who is registered: a hash table without pointers, 40 bytes a slot, filled to three quarters at most. The memory is
 * the caller's; when the table wants more, he hands over a larger piece and gets the old one back.
 */
#ifndef ADIT_MEET_TABLE_H
#define ADIT_MEET_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/siphash.h"
#include "core/meet/meet_limits.h"

struct meet_peer {
	uint8_t id[MEET_ID_LEN];
	uint8_t ip[16];
	uint32_t expire; /* second; 0: the slot is free */
	uint16_t port;
	uint8_t sock; /* it came in at, and the flags below */
	uint8_t local; /* and at which address of ours */
};

struct meet_table {
	struct meet_peer *slots;
	size_t n_slots;
	size_t used;
	uint8_t key[ADIT_SIPHASH_KEY_LEN];
};

/* |slots|: |n| of them, zeroed, n < 2^32. */
void meet_table_init(struct meet_table *t, struct meet_peer *slots, size_t n, const uint8_t key[ADIT_SIPHASH_KEY_LEN]);
/* NULL: not there. Good until the next call that changes the table; so are the next one's. */
struct meet_peer *meet_table_find(const struct meet_table *t, const uint8_t id[MEET_ID_LEN]);
/* The peer's slot, made if there is none (all zero but the id and |expire|). NULL: full. */
struct meet_peer *meet_table_put(struct meet_table *t, const uint8_t id[MEET_ID_LEN], uint32_t expire);
/* Others may move into its slot. */
void meet_table_del(struct meet_table *t, struct meet_peer *p);
/* How many slots it wants to have; 0: it has enough. */
size_t meet_table_wants(const struct meet_table *t);
/* Moves into |slots|, |n| of them, zeroed, more than before. Returns the old ones. */
struct meet_peer *meet_table_move(struct meet_table *t, struct meet_peer *slots, size_t n);

void meet_peer_set_addr(struct meet_peer *p, const struct adit_addr *a);
struct adit_addr meet_peer_addr(const struct meet_peer *p);

#define MEET_PEER_V6   0x80u /* of |sock|: |ip| is IPv6 */
#define MEET_PEER_HOST 0x40u /* whom it answers may borrow a relay (meet_relay.h) */
#define MEET_PEER_SOCK 0x3fu

#endif
