/*
 * The port that the router forwards to this program, one for each family and all its lanes: the router is asked for it
 * (io_portmap.h; for IPv6 a pinhole), or the user says that it does (--mapped). What links find out about it from
 * outside (REACH_EVENT_MAPPED) comes back here.
 *
 * Start here: ep_mapped_new(); the |changed| call has what links are to be told, |told| what a person wants to know.
 */
#ifndef ADIT_EP_MAPPED_H
#define ADIT_EP_MAPPED_H

#include <uv.h>

#include "io/io_portmap.h"
#include "link/link.h"

struct ep_mapped;

enum ep_mapped_kind {
	EP_MAPPED_ASKING, /* nothing is known yet */
	EP_MAPPED_HELD, /* the router says yes, or the user: not tried from outside yet */
	EP_MAPPED_PROVEN, /* it works */
	EP_MAPPED_DEAD, /* by the user: nothing arrives */
	EP_MAPPED_LOST, /* |why|; asked on */
	EP_MAPPED_NONE, /* no router maps ports: |why|; asked on, ever more rarely */
	EP_MAPPED_WITHDRAWN, /* the router says yes and forwards nothing: |why|; not asked on */
};

/* A plain value, as it is now. */
struct ep_mapped_state {
	enum ep_mapped_kind kind;
	uint8_t family;
	bool by_user;
	const char *how; /* "PCP", "NAT-PMP", "UPnP"; NULL */
	uint16_t port; /* ours */
	struct adit_addr external; /* family NONE: there is none; 0.0.0.0: whatever public address there is */
	uint32_t lifetime; /* seconds; 0: for ever, or not known */
	bool is_behind; /* a second NAT stands outside the router */
	char why[2 * IO_UPNP_WHY_MAX + 32];
};

struct ep_mapped_config {
	const struct adit_log *log;
	bool asks; /* the router */
	uint16_t port; /* --port, or 0: one of our choice */
	uint16_t forwarded; /* the user forwards this external port to |port|; 0: no */
};

struct ep_mapped_ops {
	/* As reach_set_mapped(). */
	void (*changed)(void *ctx, enum adit_family family, const struct reach_mapping *map);
	void (*told)(void *ctx, const struct ep_mapped_state *st);
};

/* |ops| is borrowed. Calls come from the loop, never from here. ENOMEM. */
ADIT_MUST_CHECK int ep_mapped_new(uv_loop_t *loop, const struct ep_mapped_config *cfg, const struct ep_mapped_ops *ops,
				  void *ctx, struct ep_mapped **ret_mapped);
/* A new link is told what there is. NULL is fine. */
void ep_mapped_tell(const struct ep_mapped *m, struct link *link, adit_time now);
/*
 * Own addresses, whenever they or the routers change, which are looked up here; otherwise it does no harm. IPv6 begins
 * with the first lasting one. NULL is fine.
 */
void ep_mapped_set_hosts(struct ep_mapped *m, const struct reach_host *hosts, size_t n);
/* Now and then: after a sleep of the machine the router may have forgotten. NULL is fine. */
void ep_mapped_look(struct ep_mapped *m);
/* What a link reports; others than MAPPED, HELD and MEETING are passed over. NULL is fine. */
void ep_mapped_heard(struct ep_mapped *m, const struct reach_event *e);
/* NULL: that family has nothing to tell. |m| may be NULL. */
const struct ep_mapped_state *ep_mapped_state(const struct ep_mapped *m, enum adit_family family);
const char *ep_mapped_kind_name(enum ep_mapped_kind k);

/* As io_portmap_forked(). NULL is fine. */
void ep_mapped_forked(struct ep_mapped *m);
/* Deletes what was mapped; ep_mapped_is_over() when that is done, or has taken too long. NULL is fine, and over. */
void ep_mapped_end(struct ep_mapped *m);
bool ep_mapped_is_over(const struct ep_mapped *m);
/* No call comes any more. NULL is fine. */
void ep_mapped_close(struct ep_mapped *m);

#endif
