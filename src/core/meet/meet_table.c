#include "core/meet/meet_table.h"

#include <assert.h>
#include <string.h>

_Static_assert(sizeof(struct meet_peer) == 40, "a million of them is 53 MB");

void meet_table_init(struct meet_table *t, struct meet_peer *slots, size_t n, const uint8_t key[ADIT_SIPHASH_KEY_LEN])
{
	assert(n > 0 && n <= UINT32_MAX);
	*t = (struct meet_table){.slots = slots, .n_slots = n};
	memcpy(t->key, key, sizeof(t->key));
}

/* Keyed: who makes up ids cannot pile them up in one place. */
static size_t home_of(const struct meet_table *t, const uint8_t *id)
{
	return (size_t)((adit_siphash(t->key, id, MEET_ID_LEN) >> 32) * t->n_slots >> 32);
}

static size_t next_of(const struct meet_table *t, size_t i)
{
	return i + 1 == t->n_slots ? 0 : i + 1;
}

/* Where |id| is, or the free slot where it would be. There always is a free one. */
static struct meet_peer *probe(const struct meet_table *t, const uint8_t *id)
{
	size_t i = home_of(t, id);

	while (t->slots[i].expire != 0 && memcmp(t->slots[i].id, id, MEET_ID_LEN) != 0)
		i = next_of(t, i);
	return &t->slots[i];
}

struct meet_peer *meet_table_find(const struct meet_table *t, const uint8_t id[MEET_ID_LEN])
{
	struct meet_peer *p = probe(t, id);

	return p->expire ? p : NULL;
}

struct meet_peer *meet_table_put(struct meet_table *t, const uint8_t id[MEET_ID_LEN], uint32_t expire)
{
	struct meet_peer *p = probe(t, id);

	assert(expire != 0);
	if (p->expire == 0) {
		/* Past this, looking for who is not there takes long. */
		if (t->used + 1 > t->n_slots - t->n_slots / 8 || t->used + 1 >= t->n_slots)
			return NULL;
		memset(p, 0, sizeof(*p));
		memcpy(p->id, id, MEET_ID_LEN);
		t->used++;
	}
	p->expire = expire;
	return p;
}

/* Is |i| cyclically within (from, to]? */
static bool is_between(size_t i, size_t from, size_t to)
{
	return from <= to ? i > from && i <= to : i > from || i <= to;
}

/* No tombstones: those behind move up until one stands where it belongs (Knuth 6.4, algorithm R). */
void meet_table_del(struct meet_table *t, struct meet_peer *p)
{
	size_t hole = (size_t)(p - t->slots);
	size_t i = hole;

	t->used--;
	for (;;) {
		t->slots[hole].expire = 0;
		do {
			i = next_of(t, i);
			if (t->slots[i].expire == 0)
				return;
		} while (is_between(home_of(t, t->slots[i].id), hole, i));
		t->slots[hole] = t->slots[i];
		hole = i;
	}
}

size_t meet_table_wants(const struct meet_table *t)
{
	return t->used > t->n_slots - t->n_slots / 4 ? t->n_slots + t->n_slots / 2 : 0;
}

struct meet_peer *meet_table_move(struct meet_table *t, struct meet_peer *slots, size_t n)
{
	struct meet_peer *old = t->slots;
	size_t n_old = t->n_slots;

	assert(n > n_old && n <= UINT32_MAX);
	t->slots = slots;
	t->n_slots = n;
	for (size_t i = 0; i < n_old; i++)
		if (old[i].expire != 0)
			*probe(t, old[i].id) = old[i];
	return old;
}

void meet_peer_set_addr(struct meet_peer *p, const struct adit_addr *a)
{
	memcpy(p->ip, a->ip, sizeof(p->ip));
	p->port = a->port;
	p->sock = (uint8_t)((p->sock & ~MEET_PEER_V6) | (adit_addr_is_v6(a) ? MEET_PEER_V6 : 0));
}

struct adit_addr meet_peer_addr(const struct meet_peer *p)
{
	struct adit_addr a = {.family = p->sock & MEET_PEER_V6 ? ADIT_FAMILY_V6 : ADIT_FAMILY_V4, .port = p->port};

	memcpy(a.ip, p->ip, sizeof(a.ip));
	return a;
}
