/*
 * The finders of a link behind one set of verbs: without any server (core/punch) and, where mediators are named,
 * through them (core/reach). Both look at once, and the link takes the first path that either of them proves; it does
 * not need to know which. A taken socket is the link's, and its number says whose it was.
 */
#ifndef ADIT_LINK_FIND_H
#define ADIT_LINK_FIND_H

#include "core/punch/punch.h"
#include "core/reach/reach.h"
#include "link/link.h"

enum link_found_kind {
	LINK_FOUND_HEARD, /* an authentic check came over |sock| from |info.remote| */
	LINK_FOUND_VALID, /* our own was answered over it, too */
	LINK_FOUND_STUCK, /* 30 s without an answer (core/punch) */
	LINK_FOUND_NEWS, /* what goes on with the mediators: |news| */
};

struct link_found {
	enum link_found_kind kind;
	uint32_t sock;
	struct link_path_info info;
	uint64_t instance;
	struct reach_event news;
};

/* What is wanted of them. */
enum link_find_wish {
	LINK_FIND_NOTHING,
	LINK_FIND_PEER, /* start */
	LINK_FIND_CALM, /* wait, rest: the serve side stays where it can be asked for */
};

struct link_find {
	const struct link_config *cfg; /* the link's own */
	struct punch_config punch_cfg; /* the paths keep their holes open with the same */
	struct punch_replay replay; /* of the whole lane: the finder's and the paths' */
	struct punch_replay_sender *senders; /* lent to it once it needs them */
	struct punch punch;
	struct punch_store *store; /* lent to |punch| while it looks for the peer */
	bool punch_busy; /* it was touched and may have outputs; else it is left alone until |punch_at| */
	adit_time punch_at;
	struct reach *reach; /* NULL: no mediator is ever named; folded while nothing is under way */
	bool reach_busy;
	adit_time reach_at;
	adit_time fold_at; /* nothing was under way then, and may be again soon; NEVER: it is, or |reach| is folded */
	enum link_find_wish wish;
	struct link_mediator mediators[MEET_MEDIATORS_MAX]; /* as numbered by |reach| */
	size_t n_mediators;
	struct reach_host hosts[REACH_HOSTS_MAX]; /* as they were told */
	size_t n_hosts;
	struct adit_nat64 nat64;
	adit_dur relayed_after; /* connect: how long this attempt took to its first relayed pair; 0: there is none */
	bool has_met; /* connect: the peer answered in this attempt, so that a mediator may be told how it ended */
	struct reach_memory memory; /* what the last LEARNT points to */
};

/* |cfg| is borrowed. ENOMEM or 0. */
ADIT_MUST_CHECK int link_find_init(struct link_find *f, const struct link_config *cfg, adit_time now);
void link_find_done(struct link_find *f);

void link_find_set_peers(struct link_find *f, adit_time now, const struct adit_addr *peers, size_t n);
void link_find_set_utc(struct link_find *f, adit_time now, adit_utc utc);
/* As link_add_mediator() and its neighbours. */
ADIT_MUST_CHECK int link_find_add_mediator(struct link_find *f, adit_time now, const char *name,
					   const struct adit_addr *addr);
ADIT_MUST_CHECK int link_find_add_server(struct link_find *f, adit_time now, const struct adit_addr *addr);
void link_find_set_mapped(struct link_find *f, adit_time now, enum adit_family family, const struct reach_mapping *map);
void link_find_set_hosts(struct link_find *f, adit_time now, const struct reach_host *hosts, size_t n);
void link_find_set_nat64(struct link_find *f, adit_time now, const struct adit_nat64 *n);

/* What the relays have come to, NULL: there is none now; one is on its way. */
void link_find_set_relay(struct link_find *f, adit_time now, const struct reach_relay *relay);
void link_find_await_relay(struct link_find *f, adit_time now);

/* Looks for the peer. */
void link_find_start(struct link_find *f, adit_time now);
/* The network may be back, or another one: whoever waits for servers asks them anew, now. */
void link_find_again(struct link_find *f, adit_time now);
/* What is in use is worse than what there was: looks for the peer; a search that is under way goes on. */
void link_find_seek(struct link_find *f, adit_time now);
/* The search through mediators has found something, and nothing follows by itself. */
bool link_find_is_done(const struct link_find *f);
/* The path in use is in doubt: what a search through mediators begins with is got ready, should it come to that. */
void link_find_ready(struct link_find *f, adit_time now);
/* Through mediators, while there is a path: one more, over sockets that no NAT has seen. */
void link_find_fresh(struct link_find *f, adit_time now);
/* As punch_wait(): the peer has left in order and may come back. */
void link_find_wait(struct link_find *f, adit_time now);
/* A path is being secured. */
void link_find_hold(struct link_find *f, adit_time now);
/*
 * The session has its path, |info|, which the mediator that helped is told; no others are looked for, unless it is a
 * relayed one: then core/reach goes on.
 */
void link_find_rest(struct link_find *f, adit_time now, const struct link_path_info *info);
void link_find_stop(struct link_find *f, adit_time now);

/* As punch_take() and punch_released(). */
ADIT_MUST_CHECK int link_find_take(struct link_find *f, adit_time now, uint32_t sock);
void link_find_released(struct link_find *f, adit_time now, uint32_t sock);

/* Before STUN comes in, to a path or here: whoever sends it may be new. */
void link_find_make_room(struct link_find *f);
/* STUN alone. 0: it was for one of them; EIGNORED: it was not; others: drop. */
int link_find_input(struct link_find *f, adit_time now, const struct adit_dgram *d);
void link_find_icmp(struct link_find *f, adit_time now, const struct adit_icmp *icmp);
void link_find_sock_failed(struct link_find *f, adit_time now, uint32_t sock);
void link_find_tick(struct link_find *f, adit_time now);
/* |past|: what to return where one of them has just been touched. */
adit_time link_find_deadline(const struct link_find *f, adit_time past);
int link_find_output(struct link_find *f, adit_time now, struct adit_out *ret_out);
/* 1: filled; 0: none. */
int link_find_event(struct link_find *f, adit_time now, struct link_found *ret_found);

#endif
