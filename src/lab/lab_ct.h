/*
 * Connection tracking as Linux does it: an entry is two tuples, what the first packet looked like when it arrived
 * (original), and what an answer to it will look like when it arrives (reply). Every packet is looked up in both. NAT
 * is a reply tuple that is not the mirror of the original one. No two entries may hold the same tuple, in whatever
 * direction: that is what makes the clash.
 */
#ifndef ADIT_LAB_CT_H
#define ADIT_LAB_CT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/addr.h"
#include "base/list.h"
#include "base/time.h"
#include "lab/lab_nat.h"

struct lab_tuple {
	struct adit_addr src;
	struct adit_addr dst;
	uint8_t proto; /* enum lab_proto: the same addresses and ports in another protocol are another tuple */
};

enum lab_ct_dir {
	LAB_CT_ORIGINAL,
	LAB_CT_REPLY,
};

struct lab_ct_hash_node {
	struct lab_ct_hash_node *next;
	struct lab_ct_hash_node **link; /* what points here */
	uint8_t dir;
};

struct lab_ct_entry {
	struct lab_tuple tuple[2]; /* by enum lab_ct_dir */
	struct lab_ct_hash_node node[2]; /* likewise */
	struct lab_ct_hash_node by_src; /* newest first */
	struct adit_list all;
	adit_time expire_at;
	adit_time stream_at; /* answered and older than this: the long time-out */
	bool replied;
	uint8_t tcp_flags; /* of all its packets together */
};

/* Not looked into by others. */
struct lab_ct {
	struct lab_ct_hash_node **heads; /* of tuples; then as many of original sources */
	size_t buckets; /* a power of two */
	size_t count;
	size_t sweep_at; /* entries; then the expired ones are looked for */
	struct adit_list entries;
	adit_dur unreplied; /* of UDP, */
	adit_dur replied; /* likewise; */
	adit_dur ping; /* of ICMP echo, answered or not */
};

/* 0 or ENOMEM. The time-out of echoes is LAB_PING_TIMEOUT until it is set. */
ADIT_MUST_CHECK int lab_ct_init(struct lab_ct *ct, adit_dur unreplied, adit_dur replied);
void lab_ct_done(struct lab_ct *ct);
void lab_ct_flush(struct lab_ct *ct);

struct lab_tuple lab_tuple_invert(const struct lab_tuple *t);

/* Finds the live entry with this tuple; |ret_dir| says which of its two it is. NULL: none. Does not refresh it. */
struct lab_ct_entry *lab_ct_find(struct lab_ct *ct, adit_time now, const struct lab_tuple *t, enum lab_ct_dir *ret_dir);
/* The newest live entry whose first packet came from the source of |t| and whose answers go to |wan|. NULL: none. */
struct lab_ct_entry *lab_ct_find_src(struct lab_ct *ct, adit_time now, const struct lab_tuple *t,
				     const struct adit_addr *wan);
/* The caller has made sure that neither tuple is held. NULL: no memory. */
struct lab_ct_entry *lab_ct_add(struct lab_ct *ct, adit_time now, const struct lab_tuple *original,
				const struct lab_tuple *reply);
/* Live entries. Looks at each. */
size_t lab_ct_count(const struct lab_ct *ct, adit_time now);
/* A packet in direction |dir| has been seen, with these flags if it is one of TCP. */
void lab_ct_refresh(struct lab_ct *ct, adit_time now, struct lab_ct_entry *e, enum lab_ct_dir dir, uint8_t tcp_flags);

#endif
