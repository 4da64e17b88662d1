/*
 * What the configurable NAT keeps, and what its files ask of each other.
 *
 *   lab_zoo.c           a packet's way through: out, in, hairpin, ICMP errors
 *   lab_zoo_config.c    defaults, and what cannot be
 *   lab_zoo_table.c     mappings: made, found, ended
 *   lab_zoo_port.c      which outside address and port a mapping gets
 *   lab_zoo_host.c      subscribers: pairing, blocks, limits, rates
 *   lab_zoo_session.c   remotes: who may come in, TCP's states
 *   lab_zoo_timer.c     what ends when
 *   lab_zoo_local.c     packets that found the router itself: the clash
 *   lab_zoo_fragment.c  later fragments
 *   lab_zoo_foreign.c   other subscribers' flows
 *   lab_zoo_hash.c      the hash table
 *   lab_zoo_nat64.c     RFC 6052
 *
 * Every time-out of a class has the same length, so each class is one list in the order of its ends, and nothing that
 * has ended is ever found: lab_zoo_advance() comes first.
 */
#ifndef ADIT_LAB_ZOO_INNER_H
#define ADIT_LAB_ZOO_INNER_H

#include "base/list.h"
#include "base/rng.h"
#include "lab/lab_zoo.h"
#include "lab/lab_zoo_hash.h"

#define LAB_ZOO_PROTOS    3u
#define LAB_ZOO_PORTS     65536u
#define LAB_ZOO_PORT_BITS (LAB_ZOO_PORTS / 64)

enum lab_zoo_class {
	LAB_ZOO_CLASS_UDP,
	LAB_ZOO_CLASS_REPLIED,
	LAB_ZOO_CLASS_KNOWN,
	LAB_ZOO_CLASS_PING,
	LAB_ZOO_CLASS_TRANSITORY,
	LAB_ZOO_CLASS_ESTABLISHED,
	LAB_ZOO_CLASS_FOREIGN,
	LAB_ZOO_CLASS_FILTER,
	LAB_ZOO_CLASS_LOCAL,
	LAB_ZOO_CLASSES,
};

enum lab_zoo_timed {
	LAB_ZOO_TIMED_MAP,
	LAB_ZOO_TIMED_SESSION,
	LAB_ZOO_TIMED_LOCAL,
};

struct lab_zoo_timer {
	struct adit_list in_class;
	adit_time expire_at;
	uint8_t what; /* enum lab_zoo_timed */
	uint8_t class; /* enum lab_zoo_class */
};

/* A block of ports, owned by one subscriber while it has a mapping inside. */
struct lab_zoo_block {
	struct adit_list of_host; /* unlinked: free */
	uint32_t index; /* in lab_zoo.blocks */
	uint32_t count; /* mappings inside */
	uint32_t last; /* the port that was given last, from the block's begin */
};

struct lab_zoo_host {
	struct lab_zoo_node by_addr;
	struct adit_list lru; /* oldest first */
	struct adit_list maps; /* by use, oldest first */
	struct adit_list blocks;
	struct adit_addr addr; /* port 0 */
	uint32_t count; /* mappings */
	uint32_t block_count;
	uint32_t last; /* in a fixed block: as lab_zoo_block.last */
	adit_time rate_at; /* lab_zoo_rate_allows() */
	uint8_t ext; /* paired: its place in the pool */
};

struct lab_zoo_map {
	struct lab_zoo_node by_in; /* protocol, |in|, |dep|, |remote|; foreign ones are not in it */
	struct lab_zoo_node by_pair; /* protocol, |out|, |dep|, |remote| */
	struct lab_zoo_node by_port; /* protocol, |out|: one of those that share it is in the table */
	struct adit_list same_port; /* a ring of those that share |out| */
	struct adit_list of_host;
	struct adit_list by_age;
	struct adit_list sessions;
	struct lab_zoo_timer timer; /* not running where its flows decide */
	struct lab_zoo_host *host;
	struct lab_zoo_block *block; /* NULL: none */
	struct adit_addr in;
	struct adit_addr out;
	struct adit_addr remote; /* what of it |dep| looks at, as seen outside; zeroes else */
	adit_time die_at; /* of its absolute time-out */
	uint32_t flows; /* sessions that keep it alive */
	uint8_t proto;
	uint8_t dep;
	uint8_t ext; /* place in the pool */
	bool replied;
	bool known; /* it has talked to ports below 1024 only */
	bool foreign;
};

/* What TCP has shown in a session. */
#define LAB_ZOO_TCP_OPEN_OUT 0x01u
#define LAB_ZOO_TCP_OPEN_IN  0x02u
#define LAB_ZOO_TCP_FIN_OUT  0x04u
#define LAB_ZOO_TCP_FIN_IN   0x08u
#define LAB_ZOO_TCP_RST      0x10u

struct lab_zoo_session {
	struct lab_zoo_node by_key; /* mapping, |remote| */
	struct adit_list of_map;
	struct lab_zoo_timer timer; /* not running: it ends with its mapping */
	struct lab_zoo_map *map;
	struct adit_addr remote; /* as seen outside; port and scope 0 in a permit of an address */
	bool is_flow; /* keeps its mapping alive, and |remote| is whole */
	bool is_address; /* a permit for all ports of an address */
	bool replied;
	uint8_t tcp;
};

/* The router's own: |in| came from |remote|, and it was let in. */
struct lab_zoo_local {
	struct lab_zoo_node by_key;
	struct lab_zoo_timer timer;
	struct adit_addr own;
	struct adit_addr remote;
	uint8_t proto;
};

struct lab_zoo_fragment {
	adit_time expire_at;
	struct lab_flow key; /* as the first fragment arrived; ports 0 */
	struct lab_flow as; /* and went on */
	enum lab_verdict verdict;
	bool out;
};

struct lab_zoo {
	struct lab_nat nat;
	struct lab_zoo_config cfg;
	struct adit_rng_seeded rng_state;
	struct adit_rng rng;

	struct lab_zoo_hash by_in;
	struct lab_zoo_hash by_pair;
	struct lab_zoo_hash by_port;
	struct lab_zoo_hash sessions;
	struct lab_zoo_hash locals;
	struct lab_zoo_hash hosts;
	struct adit_list host_lru;
	struct adit_list by_age;
	struct adit_list classes[LAB_ZOO_CLASSES];
	adit_dur lives[LAB_ZOO_CLASSES];
	uint32_t map_count;
	uint32_t foreign_count;
	uint8_t deps; /* bits of enum lab_zoo_dep that mappings may have */

	uint64_t *port_bits; /* by place in the pool, protocol, port: has a mapping */
	uint16_t port_last[LAB_ZOO_POOL_MAX][LAB_ZOO_PROTOS]; /* given last, in sequence */
	struct lab_zoo_block *blocks; /* by place in the pool, then by port; NULL: none */
	uint32_t block_count; /* of one address */
	uint8_t next_ext; /* for whom comes next, paired */
	adit_time rate_at;

	struct adit_rng_seeded foreign_state;
	struct adit_rng foreign_rng;
	adit_time foreign_at; /* when the next one comes */
	bool foreign_started;

	uint64_t boots; /* how many reboots have been */
	uint64_t numbers; /* and renumberings */
	struct lab_zoo_fragment *fragments;
};

static inline struct lab_zoo *lab_zoo_of(struct lab_nat *n)
{
	return adit_container(n, struct lab_zoo, nat);
}

/* --- lab_zoo_table.c --- */

/* A flow that looks for its mapping. */
struct lab_zoo_want {
	uint8_t proto;
	struct adit_addr in;
	struct adit_addr remote; /* whole, as seen outside */
	bool foreign;
};

/* How a mapping will be. */
struct lab_zoo_place {
	enum lab_zoo_dep dep;
	struct adit_addr out;
	uint8_t ext;
	struct lab_zoo_block *block;
};

struct lab_zoo_map *lab_zoo_map_find(struct lab_zoo *z, const struct lab_zoo_want *w);
/* NULL: a limit, no port, no memory; counted as full. */
struct lab_zoo_map *lab_zoo_map_make(struct lab_zoo *z, adit_time now, const struct lab_zoo_want *w);
/* The mapping that a packet from |remote| to |out| would belong to; says nothing of the filter. */
struct lab_zoo_map *lab_zoo_map_match(struct lab_zoo *z, uint8_t proto, const struct adit_addr *out,
				      const struct adit_addr *remote);
/* The mapping at |out| that is looked at first. NULL: that port is free. */
struct lab_zoo_map *lab_zoo_map_at(struct lab_zoo *z, uint8_t proto, const struct adit_addr *out);
struct lab_zoo_map *lab_zoo_map_pair(struct lab_zoo *z, uint8_t proto, const struct adit_addr *out,
				     enum lab_zoo_dep dep, const struct adit_addr *remote);
/* A packet in this direction has been seen: it was the last that was used, and perhaps it lives longer. */
void lab_zoo_map_use(struct lab_zoo *z, adit_time now, struct lab_zoo_map *m, bool out);
void lab_zoo_map_end(struct lab_zoo *z, struct lab_zoo_map *m);
/* Does a packet in this direction keep things alive? */
bool lab_zoo_refreshes(const struct lab_zoo *z, bool out);
/* Are its sessions what keeps it alive? */
bool lab_zoo_map_has_flows(const struct lab_zoo *z, const struct lab_zoo_map *m);

/* --- lab_zoo_port.c --- */

/* False: there is none. Fills in |p|, whose |dep| is what is wanted, and may change it (taken_mapping). */
bool lab_zoo_port_pick(struct lab_zoo *z, struct lab_zoo_host *h, const struct lab_zoo_want *w,
		       struct lab_zoo_place *p);
void lab_zoo_port_set(struct lab_zoo *z, uint8_t ext, uint8_t proto, uint16_t port, bool taken);
/* Sequences begin somewhere else, as after a reboot. */
void lab_zoo_port_restart(struct lab_zoo *z);

/* --- lab_zoo_host.c --- */

/* NULL: no memory, or too many. */
struct lab_zoo_host *lab_zoo_host_get(struct lab_zoo *z, const struct adit_addr *addr);
struct lab_zoo_host *lab_zoo_host_find(const struct lab_zoo *z, const struct adit_addr *addr);
void lab_zoo_host_end(struct lab_zoo *z, struct lab_zoo_host *h);
/* May a flow begin, at |rate| per second? |at| is the memory of it. Takes it from the budget. */
bool lab_zoo_rate_allows(adit_time now, uint32_t rate, adit_time *at);
/* A free block for |h|, on this address of the pool. NULL: none. */
struct lab_zoo_block *lab_zoo_block_take(struct lab_zoo *z, struct lab_zoo_host *h, uint8_t ext);
void lab_zoo_block_drop(struct lab_zoo_host *h, struct lab_zoo_block *b);

/* --- lab_zoo_session.c --- */

/* A packet of |m| from inside to |remote|: notes what the filter and the protocol need. False: no room. */
bool lab_zoo_session_out(struct lab_zoo *z, adit_time now, struct lab_zoo_map *m, const struct adit_addr *remote,
			 const struct lab_flow *f);
/* May |remote| come in? */
bool lab_zoo_session_permits(struct lab_zoo *z, const struct lab_zoo_map *m, const struct adit_addr *remote);
/* It has come in. False: no room. */
bool lab_zoo_session_in(struct lab_zoo *z, adit_time now, struct lab_zoo_map *m, const struct adit_addr *remote,
			const struct lab_flow *f);
/* Is there one for just this remote? For tcp_strict. */
bool lab_zoo_session_has(struct lab_zoo *z, const struct lab_zoo_map *m, const struct adit_addr *remote);
/* Ends it, but not its mapping. */
void lab_zoo_session_end(struct lab_zoo *z, struct lab_zoo_session *s);

/* --- lab_zoo_timer.c --- */

void lab_zoo_timer_init(struct lab_zoo *z);
void lab_zoo_timer_arm(struct lab_zoo *z, adit_time now, struct lab_zoo_timer *t, enum lab_zoo_class class);
/* Ends at |at| instead; it must be the last of its class to. */
void lab_zoo_timer_arm_at(struct lab_zoo *z, adit_time at, struct lab_zoo_timer *t, enum lab_zoo_class class);
void lab_zoo_timer_stop(struct lab_zoo_timer *t);
/* Ends what is over. */
void lab_zoo_expire(struct lab_zoo *z, adit_time now);
/* All that has happened until |now|: reboots, others' flows, time-outs. */
void lab_zoo_advance(struct lab_zoo *z, adit_time now);
/* Ends the mapping that was idle for longest. False: there is none. */
bool lab_zoo_evict(struct lab_zoo *z);
void lab_zoo_forget(struct lab_zoo *z);

/* --- lab_zoo_local.c --- */

bool lab_zoo_local_has(const struct lab_zoo *z, uint8_t proto, const struct adit_addr *own,
		       const struct adit_addr *remote);
/* It is there already: a packet keeps it. */
bool lab_zoo_local_refresh(struct lab_zoo *z, adit_time now, const struct lab_flow *f);
void lab_zoo_local_add(struct lab_zoo *z, adit_time now, const struct lab_flow *f);
void lab_zoo_local_end(struct lab_zoo *z, struct lab_zoo_local *l);

/* --- lab_zoo_fragment.c --- */

/* Remembers what became of a first fragment. */
void lab_zoo_fragment_first(struct lab_zoo *z, adit_time now, bool out, const struct lab_flow *f, enum lab_verdict v,
			    const struct lab_flow *as);
enum lab_verdict lab_zoo_fragment_later(struct lab_zoo *z, adit_time now, bool out, const struct lab_flow *f,
					struct lab_flow *ret_flow);
void lab_zoo_fragment_forget(struct lab_zoo *z);

/* --- lab_zoo_foreign.c --- */

void lab_zoo_foreign_advance(struct lab_zoo *z, adit_time now);

#endif
