/*
 * Keeping a found path: consent, outage, rebinding. The message is the punching probe (punch_probe.h).
 *
 * While data flows, authenticated data is the sign of life (punch_path_heard); an idle path is asked every 15 s. Data
 * sent that asks for an answer and nothing heard for PUNCH_PATH_SUSPECT: a probe each second; nothing after
 * PUNCH_PATH_LOST: LOST, and a probe a second goes on for as long as the path exists. The first answer: BACK.
 * A valid fresh request from another remote address on the same socket is asked back; its answer moves the path
 * (MOVED): the peer's NAT rebound it.
 */
#ifndef ADIT_PUNCH_PATH_H
#define ADIT_PUNCH_PATH_H

#include "core/punch/punch.h"

enum punch_path_state {
	PUNCH_PATH_ALIVE,
	PUNCH_PATH_SUSPECT,
	PUNCH_PATH_LOST,
};

struct punch_path; /* below: the caller hands the storage */

/* |cfg| as for punch_init (k, role, instance, crypto, rng, log). Peer instance as seen in the VALID or HEARD event. */
void punch_path_init(struct punch_path *p, const struct punch_config *cfg, adit_time now, uint32_t sock,
		     const struct adit_addr *local, const struct adit_addr *remote, uint64_t peer_instance);

/* STUN messages that came over the path's socket. Codes as punch_input. */
int punch_path_input(struct punch_path *p, adit_time now, const struct adit_dgram *d);
/* The session authenticated something that came over this path. */
void punch_path_heard(struct punch_path *p, adit_time now);
/* The session sent something over it that will be acknowledged. */
void punch_path_sent(struct punch_path *p, adit_time now);
void punch_path_set_utc(struct punch_path *p, adit_time now, adit_utc utc);
void punch_path_tick(struct punch_path *p, adit_time now);
adit_time punch_path_deadline(const struct punch_path *p);
int punch_path_output(struct punch_path *p, adit_time now, struct adit_out *ret_out);

enum punch_path_event_kind {
	PUNCH_PATH_EVENT_LOST,
	PUNCH_PATH_EVENT_BACK,
	PUNCH_PATH_EVENT_MOVED, /* remote changed */
	PUNCH_PATH_EVENT_HEARD, /* an authentic request of another instance: a restarted peer knocks at |remote| */
	PUNCH_PATH_EVENT_RESTARTED, /* our request was answered by another instance: the session over there is gone */
};

struct punch_path_event {
	enum punch_path_event_kind kind;
	struct adit_addr remote;
	uint64_t instance;
	adit_dur rtt;
	int64_t clock_diff;
};

int punch_path_event(struct punch_path *p, struct punch_path_event *ret_event);

#endif
