/*
 * A hash table whose nodes lie in what they index. It owns nothing, grows when it gets full, and finds the node that
 * was put in last first among equal ones.
 */
#ifndef ADIT_LAB_ZOO_HASH_H
#define ADIT_LAB_ZOO_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

struct lab_zoo_node {
	struct lab_zoo_node *next;
	struct lab_zoo_node **link; /* what points here; NULL: in no table */
	uint64_t hash;
};

struct lab_zoo_hash {
	struct lab_zoo_node **heads;
	size_t size; /* a power of two */
	size_t count;
};

/* 0 or ENOMEM. */
ADIT_MUST_CHECK int lab_zoo_hash_init(struct lab_zoo_hash *h);
void lab_zoo_hash_done(struct lab_zoo_hash *h);
void lab_zoo_hash_put(struct lab_zoo_hash *h, struct lab_zoo_node *n, uint64_t hash);
/* Harmless on a node that is in no table. */
void lab_zoo_hash_del(struct lab_zoo_hash *h, struct lab_zoo_node *n);

/* The first node that may have |hash|; go on with ->next, and compare. */
static inline struct lab_zoo_node *lab_zoo_hash_first(const struct lab_zoo_hash *h, uint64_t hash)
{
	return h->heads[hash & (h->size - 1)];
}

uint64_t lab_zoo_mix_ip(uint64_t hash, const struct adit_addr *a);
uint64_t lab_zoo_mix_addr(uint64_t hash, const struct adit_addr *a);

#endif
