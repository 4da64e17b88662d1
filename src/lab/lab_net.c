/* Nets and the ifaces on them: who has an address, and which way leads elsewhere. Begin with lab_inner.h. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lab/lab_inner.h"

/* A net begins with this many buckets, two to the power of it; they double when there are more ifaces. */
#define BUCKET_BITS 3u

static struct lab_iface **buckets_new(unsigned bits)
{
	return calloc((size_t)1 << bits, sizeof(void *));
}

static struct lab_iface **bucket_of(const struct lab_net *n, const struct adit_addr *a)
{
	uint64_t hi;
	uint64_t lo;

	memcpy(&hi, a->ip, 8);
	memcpy(&lo, a->ip + 8, 8);
	hi = (hi ^ lo * UINT64_C(0x9e3779b97f4a7c15)) * UINT64_C(0xff51afd7ed558ccd);
	return &n->buckets[(hi ^ hi >> 32) * UINT64_C(0x9e3779b97f4a7c15) >> (64 - n->bucket_bits)];
}

struct lab_iface *lab_net_find(const struct lab_net *n, const struct adit_addr *addr)
{
	struct lab_iface *i = *bucket_of(n, addr);

	while (i && !adit_addr_eq_ip(&i->addr, addr))
		i = i->next;
	return i;
}

static void put(struct lab_net *n, struct lab_iface *i)
{
	struct lab_iface **bucket = bucket_of(n, &i->addr);

	i->next = *bucket;
	*bucket = i;
}

/* Where there is no memory for more buckets, lookups get slower. */
static void grow(struct lab_net *n)
{
	size_t old_len = (size_t)1 << n->bucket_bits;
	struct lab_iface **old = n->buckets;
	struct lab_iface **buckets = buckets_new(n->bucket_bits + 1);

	if (!buckets)
		return;
	n->buckets = buckets;
	n->bucket_bits++;
	for (size_t b = 0; b < old_len; b++) {
		struct lab_iface *i;

		while ((i = old[b])) {
			old[b] = i->next;
			put(n, i);
		}
	}
	free(old);
}

static bool has_prefix(const struct adit_addr *a, const struct adit_addr *prefix, unsigned bits)
{
	unsigned rest = bits % 8;

	if (a->family != prefix->family || memcmp(a->ip, prefix->ip, bits / 8) != 0)
		return false;
	return rest == 0 || (a->ip[bits / 8] ^ prefix->ip[bits / 8]) >> (8 - rest) == 0;
}

struct lab_iface *lab_net_way(const struct lab_net *n, const struct adit_addr *addr)
{
	struct lab_iface *i = lab_net_find(n, addr);

	if (i)
		return i->main;
	for (const struct lab_route *r = n->routes; r; r = r->next)
		if (has_prefix(addr, &r->prefix, r->bits))
			return r->via;
	return n->gateways[adit_addr_is_v6(addr)];
}

struct lab_net *lab_net_new(struct lab_sim *s, const struct lab_link_config *core)
{
	struct lab_net *n = calloc(1, sizeof(*n));

	if (!n)
		return NULL;
	n->bucket_bits = BUCKET_BITS;
	n->buckets = buckets_new(BUCKET_BITS);
	n->id = n->buckets ? lab_node_new(s, "net") : 0;
	if (n->id == 0) {
		free(n->buckets);
		free(n);
		return NULL;
	}
	n->sim = s;
	lab_link_init(&n->core, core, lab_sim_seed(s));
	n->core.id = ++s->next_link;
	adit_list_push_back(&s->nets, &n->all);
	return n;
}

unsigned lab_net_id(const struct lab_net *n)
{
	return n->id;
}

void lab_net_set_core(struct lab_net *n, const struct lab_link_config *core)
{
	lab_link_set(&n->core, core);
}

int lab_net_add_route(struct lab_net *n, const struct adit_addr *prefix, unsigned bits, struct lab_router *via)
{
	struct lab_route **at = &n->routes;
	struct lab_route *r = calloc(1, sizeof(*r));

	if (!r)
		return ADIT_ENOMEM;
	r->prefix = *prefix;
	r->bits = bits;
	r->via = via->inside->net == n ? via->inside : via->outside;
	assert(r->via->net == n);
	while (*at && (*at)->bits >= bits)
		at = &(*at)->next;
	r->next = *at;
	*at = r;
	return 0;
}

void lab_net_free(struct lab_net *n)
{
	for (size_t b = 0; b < (size_t)1 << n->bucket_bits; b++) {
		struct lab_iface *i;

		while ((i = n->buckets[b])) {
			n->buckets[b] = i->next;
			free(i);
		}
	}
	while (n->routes) {
		struct lab_route *r = n->routes;

		n->routes = r->next;
		free(r);
	}
	adit_list_del(&n->all);
	free(n->buckets);
	free(n);
}

struct lab_iface *lab_iface_new(struct lab_net *n, const struct adit_addr *addr, struct lab_iface *main,
				const struct lab_link_config *access)
{
	struct lab_iface *i = lab_net_find(n, addr) ? NULL : calloc(1, sizeof(*i));

	if (!i)
		return NULL;
	i->net = n;
	i->addr = adit_addr_with_port(*addr, 0);
	adit_list_init(&i->of_host);
	i->main = main ? main : i;
	if (main) {
		i->host = main->host;
		i->router = main->router;
	} else {
		lab_link_init(&i->up, access, lab_sim_seed(n->sim));
		lab_link_init(&i->down, access, lab_sim_seed(n->sim));
		i->up.id = ++n->sim->next_link;
		i->down.id = ++n->sim->next_link;
	}
	if (++n->ifaces > (size_t)1 << n->bucket_bits)
		grow(n);
	put(n, i);
	return i;
}

int lab_iface_add_addr(struct lab_iface *i, const struct adit_addr *addr)
{
	struct lab_iface *more = lab_iface_new(i->net, addr, i->main, NULL);

	if (!more)
		return ADIT_ENOMEM;
	assert(i->host); /* what a router's address is for is the router's to say: lab_router_add_... */
	adit_list_push_back(&i->host->ifaces, &more->of_host);
	return 0;
}

int lab_iface_set_addr(struct lab_iface *i, const struct adit_addr *addr)
{
	struct lab_iface **at = bucket_of(i->net, &i->addr);

	if (addr->family != i->addr.family || lab_net_find(i->net, addr))
		return ADIT_EINVAL;
	while (*at != i)
		at = &(*at)->next;
	*at = i->next;
	i->addr = adit_addr_with_port(*addr, 0);
	i->main->moved_at = i->net->sim->now;
	put(i->net, i);
	return 0;
}

void lab_iface_set_access(struct lab_iface *i, const struct lab_link_config *up, const struct lab_link_config *down)
{
	lab_link_set(&i->main->up, up);
	lab_link_set(&i->main->down, down);
}

void lab_iface_set_cut(struct lab_iface *i, bool cut)
{
	i->main->cut = cut;
}
