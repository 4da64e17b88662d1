#include "lab/lab_zoo_hash.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_SIZE 16u

int lab_zoo_hash_init(struct lab_zoo_hash *h)
{
	*h = (struct lab_zoo_hash){.size = FIRST_SIZE};
	h->heads = calloc(h->size, sizeof(struct lab_zoo_node *));
	return h->heads ? 0 : ADIT_ENOMEM;
}

void lab_zoo_hash_done(struct lab_zoo_hash *h)
{
	free(h->heads);
	h->heads = NULL;
}

static void link_at(struct lab_zoo_node **head, struct lab_zoo_node *n)
{
	n->next = *head;
	n->link = head;
	if (*head)
		(*head)->link = &n->next;
	*head = n;
}

/* Chains keep their order: of equal nodes the newest stays first. No memory only makes it slower. */
static void grow(struct lab_zoo_hash *h)
{
	size_t size = h->size * 2;
	struct lab_zoo_node **heads = calloc(size, sizeof(struct lab_zoo_node *));

	if (!heads)
		return;
	for (size_t i = 0; i < h->size; i++) {
		struct lab_zoo_node *n = h->heads[i];
		struct lab_zoo_node **tails[2] = {&heads[i], &heads[i + h->size]};

		while (n) {
			struct lab_zoo_node *next = n->next;
			struct lab_zoo_node ***tail = &tails[(n->hash & h->size) != 0];

			n->next = NULL;
			n->link = *tail;
			**tail = n;
			*tail = &n->next;
			n = next;
		}
	}
	free(h->heads);
	h->heads = heads;
	h->size = size;
}

void lab_zoo_hash_put(struct lab_zoo_hash *h, struct lab_zoo_node *n, uint64_t hash)
{
	if (h->count >= h->size)
		grow(h);
	n->hash = hash;
	link_at(&h->heads[hash & (h->size - 1)], n);
	h->count++;
}

void lab_zoo_hash_del(struct lab_zoo_hash *h, struct lab_zoo_node *n)
{
	if (!n->link)
		return;
	*n->link = n->next;
	if (n->next)
		n->next->link = n->link;
	n->link = NULL;
	h->count--;
}

static uint64_t mix(uint64_t hash, uint64_t v)
{
	hash = (hash ^ v) * UINT64_C(0x9e3779b97f4a7c15);
	return hash ^ hash >> 32;
}

uint64_t lab_zoo_mix_ip(uint64_t hash, const struct adit_addr *a)
{
	uint64_t part[2];

	memcpy(part, a->ip, sizeof(part));
	return a->family == ADIT_FAMILY_V4 ? mix(hash, part[0]) : mix(mix(hash, part[0]), part[1]);
}

uint64_t lab_zoo_mix_addr(uint64_t hash, const struct adit_addr *a)
{
	return mix(lab_zoo_mix_ip(hash, a), a->port);
}
