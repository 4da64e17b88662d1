/*
 * UDP flows: who a datagram belongs to. A flow is one (address, port) that talks to one service on the connect side,
 * and one socket toward the target on the serve side. Both sides keep such a table: the connect side finds a flow by
 * the address its program sends from and chooses the id, the serve side finds it by that id.
 *
 * The caller hands the storage, whose size is the most flows there will be. A new flow in a full table takes the place
 * of the one that has been idle longest; flows end when nothing was sent either way for FWD_FLOW_IDLE.
 */
#ifndef ADIT_FWD_FLOW_H
#define ADIT_FWD_FLOW_H

#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/list.h"
#include "base/rng.h"
#include "base/time.h"
#include "core/fwd/fwd_limits.h"

struct fwd_flow {
	struct adit_list node; /* by idleness, longest first; or free */
	struct fwd_flow *next_by_id;
	struct fwd_flow *next_by_addr;
	struct fwd_flow *bucket_by_id; /* heads of the hash chains whose number is this entry's place in the storage */
	struct fwd_flow *bucket_by_addr;
	adit_time used_at;
	struct adit_addr addr; /* connect side: who sends; serve side: family NONE */
	uint32_t id;
	uint16_t service;
	uint16_t next_message; /* for fwd_split_init(); the caller counts */
	void *user; /* the caller's */
};

struct fwd_flow_table {
	struct fwd_flow *flows; /* borrowed */
	size_t cap;
	size_t len;
	struct adit_list busy; /* longest idle first */
	struct adit_list free;
	uint64_t hash_seed; /* random: a peer that chooses ids cannot make them collide */
	uint32_t next_id;
	adit_dur idle;
	uint64_t evicted;
	uint64_t expired;
};

/* |flows| need not be cleared. |cap| > 0. The table stays where it is: its lists point at it. */
void fwd_flow_table_init(struct fwd_flow_table *t, struct fwd_flow *flows, size_t cap, adit_dur idle,
			 const struct adit_rng *rng);

/* NULL: there is none. Pointers to flows are good until the flow is removed or evicted. */
struct fwd_flow *fwd_flow_by_id(const struct fwd_flow_table *t, uint16_t service, uint32_t id);
struct fwd_flow *fwd_flow_by_addr(const struct fwd_flow_table *t, uint16_t service, const struct adit_addr *addr);

/*
 * Serve side: a new flow with the id that the peer has chosen (fwd_flow_by_id() knows none), and |user| in it.
 * *|ret_evicted| is the user pointer of the flow that had to go for it, to be released; NULL where none had to.
 */
struct fwd_flow *fwd_flow_add_id(struct fwd_flow_table *t, adit_time now, uint16_t service, uint32_t id, void *user,
				 void **ret_evicted);
/* Connect side: the same for an address that fwd_flow_by_addr() does not know, with a fresh id. */
struct fwd_flow *fwd_flow_add_addr(struct fwd_flow_table *t, adit_time now, uint16_t service,
				   const struct adit_addr *addr, void *user, void **ret_evicted);

/* A payload went through, in either direction (RFC 4787 REQ-6 wants it for ours to theirs, and allows the other). */
void fwd_flow_touch(struct fwd_flow_table *t, struct fwd_flow *f, adit_time now);

void fwd_flow_remove(struct fwd_flow_table *t, struct fwd_flow *f);

/* Removes a flow whose time is over and hands out its user pointer in |ret_user|: 1; 0: no more of them. */
int fwd_flow_expire(struct fwd_flow_table *t, adit_time now, void **ret_user);
adit_time fwd_flow_deadline(const struct fwd_flow_table *t);

#endif
