/* Subscribers: their outside address, blocks of ports, limits and rates. Begin with lab_zoo_inner.h. */
#include "lab/lab_zoo_inner.h"

#include <stdlib.h>

static uint64_t hash_of(const struct adit_addr *addr)
{
	return lab_zoo_mix_ip(3, addr);
}

struct lab_zoo_host *lab_zoo_host_find(const struct lab_zoo *z, const struct adit_addr *addr)
{
	uint64_t hash = hash_of(addr);

	for (struct lab_zoo_node *n = lab_zoo_hash_first(&z->hosts, hash); n; n = n->next) {
		struct lab_zoo_host *h = adit_container(n, struct lab_zoo_host, by_addr);

		if (n->hash == hash && adit_addr_eq_ip(&h->addr, addr))
			return h;
	}
	return NULL;
}

void lab_zoo_host_end(struct lab_zoo *z, struct lab_zoo_host *h)
{
	lab_zoo_hash_del(&z->hosts, &h->by_addr);
	adit_list_del(&h->lru);
	free(h);
}

/* Forgets the subscriber that was away for longest. False: all have mappings. */
static bool make_room(struct lab_zoo *z)
{
	adit_list_each (it, &z->host_lru) {
		struct lab_zoo_host *h = adit_container(it, struct lab_zoo_host, lru);

		if (h->count == 0) {
			lab_zoo_host_end(z, h);
			return true;
		}
	}
	return false;
}

struct lab_zoo_host *lab_zoo_host_get(struct lab_zoo *z, const struct adit_addr *addr)
{
	struct lab_zoo_host *h = lab_zoo_host_find(z, addr);

	if (h) {
		adit_list_del(&h->lru);
		adit_list_push_back(&z->host_lru, &h->lru);
		return h;
	}
	if (z->hosts.count >= LAB_ZOO_HOSTS_MAX && !make_room(z))
		return NULL;
	h = calloc(1, sizeof(*h));
	if (!h)
		return NULL;
	h->addr = adit_addr_with_port(*addr, 0);
	adit_list_init(&h->maps);
	adit_list_init(&h->blocks);
	/* One after the other, so that the pool fills evenly. */
	if (z->cfg.wan_count > 0)
		h->ext = (uint8_t)(z->next_ext++ % z->cfg.wan_count);
	lab_zoo_hash_put(&z->hosts, &h->by_addr, hash_of(addr));
	adit_list_push_back(&z->host_lru, &h->lru);
	return h;
}

bool lab_zoo_rate_allows(adit_time now, uint32_t rate, adit_time *at)
{
	adit_dur gap;

	if (rate == 0)
		return true;
	/* |at| runs ahead of the time by one gap a flow; a second's worth may come at once. */
	gap = ADIT_SEC(1) / rate;
	if (*at < now)
		*at = now;
	if (*at - now + gap > ADIT_SEC(LAB_ZOO_BURST))
		return false;
	*at += gap;
	return true;
}

static bool is_free(const struct lab_zoo_block *b)
{
	return !adit_list_is_linked(&b->of_host) && b->count == 0;
}

struct lab_zoo_block *lab_zoo_block_take(struct lab_zoo *z, struct lab_zoo_host *h, uint8_t ext)
{
	struct lab_zoo_block *all = &z->blocks[(size_t)ext * z->block_count];
	uint32_t start = 0;

	if (z->cfg.blocks != 0 && h->block_count >= z->cfg.blocks)
		return NULL;
	if (z->cfg.block_pick == LAB_ZOO_BLOCK_RANDOM)
		start = (uint32_t)adit_rng_below(&z->rng, z->block_count);
	for (uint32_t i = 0; i < z->block_count; i++) {
		struct lab_zoo_block *b = &all[(start + i) % z->block_count];

		if (!is_free(b))
			continue;
		adit_list_push_back(&h->blocks, &b->of_host);
		h->block_count++;
		b->last = UINT32_MAX; /* the next one in sequence is the first */
		return b;
	}
	return NULL;
}

void lab_zoo_block_drop(struct lab_zoo_host *h, struct lab_zoo_block *b)
{
	adit_list_del(&b->of_host);
	h->block_count--;
}
