/*
 * The serve side of one QUIC connection: each stream that comes in asks for a service, whose target is connected to and
 * then carried (ep_conn.h). Of the main connection of each lane, and of each strand in its own thread.
 */
#ifndef ADIT_EP_SERVED_H
#define ADIT_EP_SERVED_H

#include "endpoint/ep_conn.h"
#include "endpoint/ep_target.h"

struct ep_service {
	char name[FWD_NAME_MAX + 1];
	struct ep_target target;
};

struct ep_served {
	const struct ep_carrier *by;
	const struct ep_service *services; /* by their numbers on the wire, from 1 */
	size_t n_services;
	_Atomic bool *failed; /* per service: its failure was told; of all lanes and threads */
	/*
	 * A target could not be reached; |err| is an errno value. Once per service until it works again, for anybody.
	 * EMFILE or ENFILE: its streams wait for a descriptor.
	 */
	void (*target_failed)(void *ctx, const struct ep_service *service, int err);
	void *ctx;
	struct adit_list conns; /* of struct ep_conn */
	struct adit_list dials;
	size_t n_conns;
};

/* The fields up to |ctx| are filled; they are borrowed. */
void ep_served_init(struct ep_served *s);
/* NULL: there is no such service. */
const struct ep_service *ep_served_service(const struct ep_served *s, uint16_t id);
/* LINK_EVENT_REQUEST and LINK_EVENT_STREAM. */
void ep_served_request(struct ep_served *s, const struct link_event *e);
void ep_served_stream(struct ep_served *s, const struct link_event *e);
/* All of them end with FWD_STREAM_SHUTTING_DOWN. */
void ep_served_drop(struct ep_served *s);

#endif
