#include "lab/lab_ct.h"

#include <stdlib.h>
#include <string.h>

#include "lab/lab_limits.h"

#define FIRST_BUCKETS 64u

struct lab_tuple lab_tuple_invert(const struct lab_tuple *t)
{
	return (struct lab_tuple){.src = t->dst, .dst = t->src, .proto = t->proto};
}

static uint64_t mix(uint64_t h, uint64_t v)
{
	h = (h ^ v) * UINT64_C(0x9e3779b97f4a7c15);
	return h ^ h >> 32;
}

static uint64_t hash_addr(uint64_t h, const struct adit_addr *a)
{
	uint64_t lo;
	uint64_t hi;

	memcpy(&lo, a->ip, 8);
	memcpy(&hi, a->ip + 8, 8);
	return mix(mix(mix(h, lo), hi), a->port);
}

static bool tuple_eq(const struct lab_tuple *a, const struct lab_tuple *b)
{
	return a->proto == b->proto && a->src.port == b->src.port && adit_addr_eq(&a->dst, &b->dst) &&
	       adit_addr_eq_ip(&a->src, &b->src);
}

static struct lab_ct_hash_node **tuple_head(const struct lab_ct *ct, const struct lab_tuple *t)
{
	return &ct->heads[hash_addr(hash_addr(t->proto, &t->src), &t->dst) & (ct->buckets - 1)];
}

static struct lab_ct_hash_node **src_head(const struct lab_ct *ct, const struct lab_tuple *t)
{
	return &ct->heads[ct->buckets + (hash_addr(t->proto, &t->src) & (ct->buckets - 1))];
}

static void node_link(struct lab_ct_hash_node **head, struct lab_ct_hash_node *n)
{
	n->next = *head;
	n->link = head;
	if (*head)
		(*head)->link = &n->next;
	*head = n;
}

static void node_unlink(struct lab_ct_hash_node *n)
{
	*n->link = n->next;
	if (n->next)
		n->next->link = n->link;
}

static void entry_link(struct lab_ct *ct, struct lab_ct_entry *e)
{
	for (int d = 0; d < 2; d++)
		node_link(tuple_head(ct, &e->tuple[d]), &e->node[d]);
	node_link(src_head(ct, &e->tuple[LAB_CT_ORIGINAL]), &e->by_src);
}

static void entry_free(struct lab_ct *ct, struct lab_ct_entry *e)
{
	node_unlink(&e->node[0]);
	node_unlink(&e->node[1]);
	node_unlink(&e->by_src);
	adit_list_del(&e->all);
	ct->count--;
	free(e);
}

int lab_ct_init(struct lab_ct *ct, adit_dur unreplied, adit_dur replied)
{
	*ct = (struct lab_ct){.buckets = FIRST_BUCKETS,
			      .sweep_at = FIRST_BUCKETS,
			      .unreplied = unreplied,
			      .replied = replied,
			      .ping = LAB_PING_TIMEOUT};
	adit_list_init(&ct->entries);
	ct->heads = calloc(2 * ct->buckets, sizeof(struct lab_ct_hash_node *));
	return ct->heads ? 0 : ADIT_ENOMEM;
}

void lab_ct_flush(struct lab_ct *ct)
{
	adit_list_each_safe (it, tmp, &ct->entries)
		entry_free(ct, adit_container(it, struct lab_ct_entry, all));
}

void lab_ct_done(struct lab_ct *ct)
{
	if (!ct || !ct->heads)
		return;
	lab_ct_flush(ct);
	free(ct->heads);
	ct->heads = NULL;
}

struct lab_ct_entry *lab_ct_find(struct lab_ct *ct, adit_time now, const struct lab_tuple *t, enum lab_ct_dir *ret_dir)
{
	struct lab_ct_hash_node *n = *tuple_head(ct, t);

	for (; n; n = n->next) {
		struct lab_ct_entry *e = adit_container(n - n->dir, struct lab_ct_entry, node);

		if (!tuple_eq(&e->tuple[n->dir], t))
			continue;
		if (e->expire_at <= now) {
			entry_free(ct, e);
			return NULL;
		}
		*ret_dir = n->dir;
		return e;
	}
	return NULL;
}

struct lab_ct_entry *lab_ct_find_src(struct lab_ct *ct, adit_time now, const struct lab_tuple *t,
				     const struct adit_addr *wan)
{
	struct lab_ct_hash_node *n = *src_head(ct, t);

	for (; n; n = n->next) {
		struct lab_ct_entry *e = adit_container(n, struct lab_ct_entry, by_src);
		const struct lab_tuple *orig = &e->tuple[LAB_CT_ORIGINAL];

		if (e->expire_at > now && orig->proto == t->proto && adit_addr_eq(&orig->src, &t->src) &&
		    adit_addr_eq_ip(&e->tuple[LAB_CT_REPLY].dst, wan))
			return e;
	}
	return NULL;
}

/* Frees what has expired; if most of it is still alive, makes the table larger. Failing to do so only makes it slower.
 */
static void sweep(struct lab_ct *ct, adit_time now)
{
	adit_list_each_safe (it, tmp, &ct->entries) {
		struct lab_ct_entry *e = adit_container(it, struct lab_ct_entry, all);

		if (e->expire_at <= now)
			entry_free(ct, e);
	}
	if (ct->count > ct->buckets / 2) {
		struct lab_ct_hash_node **heads = calloc(4 * ct->buckets, sizeof(struct lab_ct_hash_node *));

		if (heads) {
			free(ct->heads);
			ct->heads = heads;
			ct->buckets *= 2;
			/* Oldest first, so that the newest is again found first. */
			adit_list_each (it, &ct->entries)
				entry_link(ct, adit_container(it, struct lab_ct_entry, all));
		}
	}
	ct->sweep_at = ct->count * 2 > FIRST_BUCKETS ? ct->count * 2 : FIRST_BUCKETS;
}

static adit_dur first_timeout(const struct lab_ct *ct, uint8_t proto)
{
	switch (proto) {
	case LAB_TCP:
		return LAB_TCP_UNREPLIED;
	case LAB_PING:
		return ct->ping;
	default:
		return ct->unreplied;
	}
}

struct lab_ct_entry *lab_ct_add(struct lab_ct *ct, adit_time now, const struct lab_tuple *original,
				const struct lab_tuple *reply)
{
	struct lab_ct_entry *e;

	if (ct->count >= ct->sweep_at)
		sweep(ct, now);
	e = calloc(1, sizeof(*e));
	if (!e)
		return NULL;
	e->tuple[LAB_CT_ORIGINAL] = *original;
	e->tuple[LAB_CT_REPLY] = *reply;
	e->node[LAB_CT_REPLY].dir = LAB_CT_REPLY;
	e->expire_at = adit_time_add(now, first_timeout(ct, original->proto));
	e->stream_at = adit_time_add(now, LAB_UDP_STREAM_AGE);
	entry_link(ct, e);
	adit_list_push_back(&ct->entries, &e->all);
	ct->count++;
	return e;
}

size_t lab_ct_count(const struct lab_ct *ct, adit_time now)
{
	size_t n = 0;

	adit_list_each (it, &ct->entries)
		n += adit_container(it, struct lab_ct_entry, all)->expire_at > now;
	return n;
}

/*
 * What decides how long a TCP flow is kept: whether it was answered, and whether it has ended. That is less than the
 * kernel's table of states, which also refuses what does not fit (nf_conntrack_proto_tcp.c).
 */
static adit_dur tcp_timeout(const struct lab_ct_entry *e)
{
	if (e->tcp_flags & LAB_TCP_RST)
		return LAB_TCP_RESET;
	if (e->tcp_flags & LAB_TCP_FIN)
		return LAB_TCP_FINISHED;
	return e->replied ? LAB_TCP_REPLIED : LAB_TCP_UNREPLIED;
}

static void tcp_refresh(adit_time now, struct lab_ct_entry *e, enum lab_ct_dir dir, uint8_t flags)
{
	/* A flow whose only answer is a RST is forgotten at once. */
	if (!e->replied && dir == LAB_CT_REPLY && flags & LAB_TCP_RST) {
		e->expire_at = now;
		return;
	}
	/* The same ports begin again. */
	if (flags & LAB_TCP_SYN && e->tcp_flags & (LAB_TCP_FIN | LAB_TCP_RST))
		e->tcp_flags = 0;
	e->tcp_flags |= flags;
	e->replied |= dir == LAB_CT_REPLY;
	e->expire_at = adit_time_add(now, tcp_timeout(e));
}

void lab_ct_refresh(struct lab_ct *ct, adit_time now, struct lab_ct_entry *e, enum lab_ct_dir dir, uint8_t tcp_flags)
{
	bool stream = e->replied && now > e->stream_at;

	if (e->tuple[dir].proto == LAB_TCP) {
		tcp_refresh(now, e, dir, tcp_flags);
		return;
	}
	if (e->tuple[dir].proto == LAB_PING)
		e->expire_at = adit_time_add(now, ct->ping);
	else
		e->expire_at = adit_time_add(now, stream ? ct->replied : ct->unreplied);
	/* The first answer itself still counts as unanswered: the mark is set after its time-out (nf_conntrack_core.c).
	 */
	if (dir == LAB_CT_REPLY)
		e->replied = true;
}
