/*
 * The port that the home router forwards to an endpoint: the router is asked for it (core/portmap: PCP, NAT-PMP; UPnP
 * would have to block), or the user says that it does. What is found out from outside (REACH_EVENT_MAPPED) comes back.
 */
#ifndef ADIT_API_MAPPED_H
#define ADIT_API_MAPPED_H

#include <adit/endpoint.h>

#include "api/api_int.h"
#include "core/portmap/portmap.h"
#include "io/io_wait.h"
#include "link/link.h"

struct api_mapped {
	bool asks; /* the router */
	bool runs; /* |portmap| does */
	bool is_over; /* nothing is asked any more */
	uint16_t port; /* ours */
	uint16_t forwarded; /* by the user; 0: no */
	struct adit_addr own; /* what is mapped to */
	struct portmap portmap;
	bool is_mapped;
	struct reach_mapping map; /* as the link knows it */
	struct reach_event tried; /* from outside */
	bool has_tried;
};

/* |port|: config.port, or 0. */
void api_mapped_init(struct api_mapped *m, bool asks, uint16_t port, uint16_t forwarded, const struct adit_log *log);
/* Own addresses are others, or it begins: who leads out of this network now? */
void api_mapped_look(struct api_mapped *m, struct io_wait *w, struct link *link, adit_time now);
/* Is this socket's news for it? Then it has it. */
bool api_mapped_input(struct api_mapped *m, adit_time now, const struct io_wait_news *news);
void api_mapped_tick(struct api_mapped *m, adit_time now);
adit_time api_mapped_deadline(const struct api_mapped *m);
int api_mapped_output(struct api_mapped *m, adit_time now, struct adit_out *ret_out);
/* An OPEN has failed. False: of another's socket. */
bool api_mapped_sock_failed(struct api_mapped *m, adit_time now, uint32_t sock);
/* 1: |ret_event| tells; 0: nothing is new. */
int api_mapped_event(struct api_mapped *m, struct link *link, adit_time now, struct adit_endpoint_event *ret_event);
/* What the link found out. */
void api_mapped_heard(struct api_mapped *m, adit_time now, const struct reach_event *e);
/* Deletes what was mapped. */
void api_mapped_end(struct api_mapped *m, adit_time now);

#endif
