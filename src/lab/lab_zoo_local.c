/* Packets from outside that the router took for its own: the clash with who wants their tuple. See lab_zoo_inner.h. */
#include "lab/lab_zoo_inner.h"

#include <stdlib.h>

static struct lab_zoo_local *find(const struct lab_zoo *z, uint8_t proto, const struct adit_addr *own,
				  const struct adit_addr *remote)
{
	uint64_t hash = lab_zoo_mix_addr(lab_zoo_mix_addr(32u + proto, own), remote);

	for (struct lab_zoo_node *n = lab_zoo_hash_first(&z->locals, hash); n; n = n->next) {
		struct lab_zoo_local *l = adit_container(n, struct lab_zoo_local, by_key);

		if (n->hash == hash && l->proto == proto && adit_addr_eq(&l->own, own) &&
		    adit_addr_eq(&l->remote, remote))
			return l;
	}
	return NULL;
}

bool lab_zoo_local_has(const struct lab_zoo *z, uint8_t proto, const struct adit_addr *own,
		       const struct adit_addr *remote)
{
	return z->locals.count > 0 && find(z, proto, own, remote) != NULL;
}

bool lab_zoo_local_refresh(struct lab_zoo *z, adit_time now, const struct lab_flow *f)
{
	struct lab_zoo_local *l = z->locals.count > 0 ? find(z, f->proto, &f->dst, &f->src) : NULL;

	if (l)
		lab_zoo_timer_arm(z, now, &l->timer, LAB_ZOO_CLASS_LOCAL);
	return l != NULL;
}

void lab_zoo_local_add(struct lab_zoo *z, adit_time now, const struct lab_flow *f)
{
	struct lab_zoo_local *l = z->locals.count < LAB_ZOO_LOCALS_MAX ? calloc(1, sizeof(*l)) : NULL;

	if (!l) {
		z->nat.stats.full++;
		return;
	}
	l->proto = f->proto;
	l->own = f->dst;
	l->remote = f->src;
	l->timer.what = LAB_ZOO_TIMED_LOCAL;
	adit_list_init(&l->timer.in_class);
	lab_zoo_hash_put(&z->locals, &l->by_key,
			 lab_zoo_mix_addr(lab_zoo_mix_addr(32u + l->proto, &l->own), &l->remote));
	lab_zoo_timer_arm(z, now, &l->timer, LAB_ZOO_CLASS_LOCAL);
	z->nat.stats.local++;
}

void lab_zoo_local_end(struct lab_zoo *z, struct lab_zoo_local *l)
{
	lab_zoo_hash_del(&z->locals, &l->by_key);
	lab_zoo_timer_stop(&l->timer);
	free(l);
}
