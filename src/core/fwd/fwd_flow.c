#include "core/fwd/fwd_flow.h"

#include <assert.h>
#include <string.h>

static struct fwd_flow *flow_of(struct adit_list *node)
{
	return adit_container(node, struct fwd_flow, node);
}

void fwd_flow_table_init(struct fwd_flow_table *t, struct fwd_flow *flows, size_t cap, adit_dur idle,
			 const struct adit_rng *rng)
{
	assert(cap > 0);
	*t = (struct fwd_flow_table){.flows = flows, .cap = cap, .idle = idle};
	t->hash_seed = adit_rng_u64(rng);
	adit_list_init(&t->busy);
	adit_list_init(&t->free);
	for (size_t i = 0; i < cap; i++) {
		flows[i] = (struct fwd_flow){0};
		adit_list_push_back(&t->free, &flows[i].node);
	}
}

/* The finalizer of splitmix64: each bit of |v| reaches each bit of the result. */
static uint64_t mix(uint64_t v)
{
	v = (v ^ v >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	v = (v ^ v >> 27) * UINT64_C(0x94d049bb133111eb);
	return v ^ v >> 31;
}

static struct fwd_flow **bucket_of_id(const struct fwd_flow_table *t, uint16_t service, uint32_t id)
{
	uint64_t h = mix(mix(t->hash_seed ^ id) + service);

	return &t->flows[h % t->cap].bucket_by_id;
}

static struct fwd_flow **bucket_of_addr(const struct fwd_flow_table *t, uint16_t service, const struct adit_addr *addr)
{
	uint64_t halves[2];
	uint64_t h = t->hash_seed;

	memcpy(halves, addr->ip, sizeof(halves));
	h = mix(h ^ halves[0]);
	h = mix(h ^ halves[1]);
	h = mix(h ^ ((uint64_t)addr->scope << 32 | (uint64_t)addr->port << 16 | service));
	return &t->flows[h % t->cap].bucket_by_addr;
}

struct fwd_flow *fwd_flow_by_id(const struct fwd_flow_table *t, uint16_t service, uint32_t id)
{
	struct fwd_flow *f = *bucket_of_id(t, service, id);

	while (f && (f->id != id || f->service != service))
		f = f->next_by_id;
	return f;
}

struct fwd_flow *fwd_flow_by_addr(const struct fwd_flow_table *t, uint16_t service, const struct adit_addr *addr)
{
	struct fwd_flow *f = *bucket_of_addr(t, service, addr);

	while (f && (f->service != service || !adit_addr_eq(&f->addr, addr)))
		f = f->next_by_addr;
	return f;
}

static bool has_addr(const struct fwd_flow *f)
{
	return f->addr.family != ADIT_FAMILY_NONE;
}

static void link_chains(struct fwd_flow_table *t, struct fwd_flow *f)
{
	struct fwd_flow **by_id = bucket_of_id(t, f->service, f->id);

	f->next_by_id = *by_id;
	*by_id = f;
	if (has_addr(f)) {
		struct fwd_flow **by_addr = bucket_of_addr(t, f->service, &f->addr);

		f->next_by_addr = *by_addr;
		*by_addr = f;
	}
}

static void unlink_chains(struct fwd_flow_table *t, struct fwd_flow *f)
{
	struct fwd_flow **at = bucket_of_id(t, f->service, f->id);

	while (*at != f)
		at = &(*at)->next_by_id;
	*at = f->next_by_id;
	if (!has_addr(f))
		return;
	at = bucket_of_addr(t, f->service, &f->addr);
	while (*at != f)
		at = &(*at)->next_by_addr;
	*at = f->next_by_addr;
}

void fwd_flow_remove(struct fwd_flow_table *t, struct fwd_flow *f)
{
	unlink_chains(t, f);
	adit_list_del(&f->node);
	adit_list_push_front(&t->free, &f->node);
	t->len--;
}

static struct fwd_flow *add(struct fwd_flow_table *t, adit_time now, const struct fwd_flow *flow, void **ret_evicted)
{
	struct fwd_flow *f;

	*ret_evicted = NULL;
	if (adit_list_is_empty(&t->free)) {
		f = flow_of(adit_list_first(&t->busy));
		*ret_evicted = f->user;
		t->evicted++;
		fwd_flow_remove(t, f);
	}
	f = flow_of(adit_list_first(&t->free));
	f->service = flow->service;
	f->id = flow->id;
	f->addr = flow->addr;
	f->user = flow->user;
	f->next_message = 0;
	link_chains(t, f);
	t->len++;
	fwd_flow_touch(t, f, now);
	return f;
}

struct fwd_flow *fwd_flow_add_id(struct fwd_flow_table *t, adit_time now, uint16_t service, uint32_t id, void *user,
				 void **ret_evicted)
{
	struct fwd_flow f = {.service = service, .id = id, .user = user};

	assert(!fwd_flow_by_id(t, service, id));
	return add(t, now, &f, ret_evicted);
}

struct fwd_flow *fwd_flow_add_addr(struct fwd_flow_table *t, adit_time now, uint16_t service,
				   const struct adit_addr *addr, void *user, void **ret_evicted)
{
	struct fwd_flow f = {.service = service, .addr = *addr, .user = user};

	assert(has_addr(&f) && !fwd_flow_by_addr(t, service, addr));
	/* Ends: there are far fewer flows than ids. An id is used again as late as possible, for the peer's table's
	 * sake. */
	do {
		f.id = t->next_id;
		t->next_id = (t->next_id + 1) % FWD_FLOW_ID_END;
	} while (fwd_flow_by_id(t, service, f.id));
	return add(t, now, &f, ret_evicted);
}

void fwd_flow_touch(struct fwd_flow_table *t, struct fwd_flow *f, adit_time now)
{
	f->used_at = now;
	adit_list_del(&f->node);
	adit_list_push_back(&t->busy, &f->node);
}

int fwd_flow_expire(struct fwd_flow_table *t, adit_time now, void **ret_user)
{
	struct fwd_flow *f;

	if (adit_list_is_empty(&t->busy) || now < fwd_flow_deadline(t))
		return 0;
	f = flow_of(adit_list_first(&t->busy));
	*ret_user = f->user;
	fwd_flow_remove(t, f);
	t->expired++;
	return 1;
}

adit_time fwd_flow_deadline(const struct fwd_flow_table *t)
{
	if (adit_list_is_empty(&t->busy))
		return ADIT_NEVER;
	return adit_time_add(flow_of(adit_list_first(&t->busy))->used_at, t->idle);
}
