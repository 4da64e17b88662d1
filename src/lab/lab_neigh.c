#include "lab/lab_neigh.h"

#include <string.h>

void lab_neigh_init(struct lab_neigh *n)
{
	memset(n, 0, sizeof(*n));
	n->next_at = ADIT_NEVER;
}

static bool is_it(const struct lab_neigh_entry *e, uint8_t side, const struct adit_addr *addr)
{
	return e->state != LAB_NEIGH_FREE && e->side == side && adit_addr_eq_ip(&e->addr, addr);
}

/* A linear walk: few neighbours at a time, and the one found last is nearly always the one. */
static struct lab_neigh_entry *find(struct lab_neigh *n, uint8_t side, const struct adit_addr *addr)
{
	if (is_it(&n->entries[n->last[side & 1]], side, addr))
		return &n->entries[n->last[side & 1]];
	for (size_t i = 0; i < n->count; i++)
		if (is_it(&n->entries[i], side, addr)) {
			n->last[side & 1] = i;
			return &n->entries[i];
		}
	return NULL;
}

static struct lab_neigh_entry *make_entry(struct lab_neigh *n, uint8_t side, const struct adit_addr *addr)
{
	struct lab_neigh_entry *e = &n->entries[0];

	for (size_t i = 0; i < LAB_NEIGH_MAX; i++) {
		if (i == n->count || n->entries[i].state == LAB_NEIGH_FREE) {
			e = &n->entries[i];
			n->count += i == n->count;
			break;
		}
		if (n->entries[i].used_at < e->used_at)
			e = &n->entries[i];
	}
	*e = (struct lab_neigh_entry){.addr = adit_addr_with_port(*addr, 0), .side = side, .state = LAB_NEIGH_ASKED};
	return e;
}

static void ask_at(struct lab_neigh *n, struct lab_neigh_entry *e, adit_time at)
{
	e->ask_at = at;
	n->next_at = adit_time_min(n->next_at, at);
}

const uint8_t *lab_neigh_use(struct lab_neigh *n, adit_time now, uint8_t side, const struct adit_addr *addr)
{
	struct lab_neigh_entry *e = find(n, side, addr);

	if (!e) {
		e = make_entry(n, side, addr);
		ask_at(n, e, now);
	}
	e->used_at = now;
	if (e->state != LAB_NEIGH_KNOWN)
		return NULL;
	if (now >= e->fresh_until && e->ask_at == ADIT_NEVER)
		ask_at(n, e, now);
	return e->mac;
}

bool lab_neigh_learn(struct lab_neigh *n, adit_time now, uint8_t side, const struct adit_addr *addr,
		     const uint8_t mac[6], bool make)
{
	struct lab_neigh_entry *e = find(n, side, addr);
	bool waited = e && e->state == LAB_NEIGH_ASKED;

	if (!e && !make)
		return false;
	if (!e) {
		e = make_entry(n, side, addr);
		e->used_at = now;
	}
	memcpy(e->mac, mac, sizeof(e->mac));
	e->state = LAB_NEIGH_KNOWN;
	e->tries = 0;
	e->ask_at = ADIT_NEVER;
	e->fresh_until = adit_time_add(now, LAB_NEIGH_FRESH);
	return waited;
}

adit_time lab_neigh_deadline(const struct lab_neigh *n)
{
	return n->next_at;
}

int lab_neigh_next(struct lab_neigh *n, adit_time now, uint8_t *ret_side, struct adit_addr *ret_addr)
{
	if (now < n->next_at)
		return 0;
	n->next_at = ADIT_NEVER;
	for (size_t i = 0; i < n->count; i++) {
		struct lab_neigh_entry *e = &n->entries[i];

		if (e->state == LAB_NEIGH_FREE || e->ask_at == ADIT_NEVER)
			continue;
		if (e->ask_at > now) {
			n->next_at = adit_time_min(n->next_at, e->ask_at);
			continue;
		}
		*ret_side = e->side;
		*ret_addr = e->addr;
		n->next_at = now; /* there may be more */
		if (e->tries == LAB_NEIGH_TRIES) {
			e->state = LAB_NEIGH_FREE;
			return -1;
		}
		e->tries++;
		e->ask_at = adit_time_add(now, LAB_NEIGH_RETRY);
		return 1;
	}
	return 0;
}
