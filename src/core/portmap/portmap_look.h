/*
 * Which port mapping protocols does the router speak? Asked without leaving anything behind in it: PCP's ANNOUNCE (RFC
 * 6887 14.1.1) and NAT-PMP's question for the external address (RFC 6886 3.2). For `adit check`; who wants a mapping
 * takes portmap.h.
 *
 * Start here: a machine of its own (base/machine.h), for one family; done when both have answered, or after
 * PORTMAP_LOOK_SENDS questions.
 */
#ifndef ADIT_PORTMAP_LOOK_H
#define ADIT_PORTMAP_LOOK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/log.h"
#include "base/machine.h"
#include "core/portmap/portmap_limits.h"
#include "core/portmap/portmap_pcp.h"
#include "core/portmap/portmap_pmp.h"

struct portmap_look_config {
	struct adit_addr gateway; /* with its scope where it is link-local; the port is not looked at */
	struct adit_addr own; /* of the same family; the port is not looked at */
	uint32_t sock; /* the machine opens it */
	const struct adit_log *log; /* may be NULL; borrowed */
};

struct portmap_look_service {
	bool is_there; /* it has answered, whatever it said */
	const char *refusal; /* static text: it is there and does not do it; NULL: none was told */
};

struct portmap_look {
	struct portmap_look_config cfg;
	adit_time now;
	bool want_open;
	bool want_close;
	bool is_open;
	bool is_done;
	bool want_pcp; /* what the next outputs are */
	bool want_pmp;
	unsigned sends;
	adit_time send_at;
	struct portmap_look_service pcp;
	struct portmap_look_service pmp; /* IPv4 only */
	struct adit_addr external; /* as NAT-PMP tells; family NONE: it does not */
	uint8_t out[PORTMAP_PCP_ANNOUNCE_LEN];
};

void portmap_look_init(struct portmap_look *l, const struct portmap_look_config *cfg, adit_time now);

/* Returns 0, EIGNORED (not from the gateway, or nothing is waited for), EPROTO or EVERSION. */
int portmap_look_input(struct portmap_look *l, adit_time now, const struct adit_dgram *d);
/* The gateway's "port unreachable": nobody is there. */
void portmap_look_icmp(struct portmap_look *l, adit_time now, const struct adit_icmp *icmp);
void portmap_look_sock_failed(struct portmap_look *l, adit_time now, uint32_t sock);
void portmap_look_tick(struct portmap_look *l, adit_time now);
adit_time portmap_look_deadline(const struct portmap_look *l);
int portmap_look_output(struct portmap_look *l, adit_time now, struct adit_out *ret_out);

/* No more will come; once the outputs are drained its socket is closed. */
bool portmap_look_is_done(const struct portmap_look *l);

/* The verbs for a driver; |self| is a struct portmap_look. */
extern const struct adit_machine_ops portmap_look_ops;

#endif
