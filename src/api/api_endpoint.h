/* The endpoint's storage, between api_endpoint.c and api_stream.c. */
#ifndef ADIT_API_ENDPOINT_H
#define ADIT_API_ENDPOINT_H

#include <adit/endpoint.h>

#include "api/api_int.h"
#include "api/api_mapped.h"
#include "api/api_meet.h"
#include "api/api_relay.h"
#include "base/list.h"
#include "core/trust/trust_limits.h"
#include "io/io_wait.h"
#include "link/link.h"

struct adit_stream {
	struct adit_list node; /* in adit_endpoint.streams */
	struct adit_endpoint *ep;
	struct link_stream *link; /* NULL: the session is over */
	void *user;
	uint64_t error; /* the peer's code; enum fwd_stream_err */
	bool is_asked; /* serve: REQUEST was told and not answered */
	bool is_finished;
	bool is_over; /* reset by either side, or the session is over */
};

struct adit_endpoint {
	struct adit_endpoint_config cfg;
	struct adit_log log;
	struct io_wait *wait;
	struct link *link;
	struct quic_creds *creds;
	struct fwd_service *offered; /* serve: cfg.n_services of them */
	struct adit_list streams;
	struct api_meet meet;
	struct api_relay relay;
	struct api_mapped mapped;
	char *relay_ca; /* NULL: whom the system trusts */
	bool is_dirty; /* a command was given: its outputs are still to be fetched */
	/* The services of the session, as they are told. */
	struct adit_service *services;
	struct fwd_service *names; /* what |services| points into; FWD_SERVICES_MAX */
	size_t n_services;
	char peer[TRUST_IDLINE_TEXT_MAX + 1];
	struct link_event in;
	struct adit_endpoint_event event;
	struct adit_endpoint_status status;
};

/* What was commanded leaves when the caller's loop comes round: the descriptor becomes readable. */
void api_endpoint_touch(struct adit_endpoint *ep);
/* NULL: there is no such service. */
const struct fwd_service *api_endpoint_service(const struct adit_endpoint *ep, const char *name);

/* NULL: no memory. */
struct adit_stream *api_stream_new(struct adit_endpoint *ep, struct link_stream *link);
/* The news for the caller. */
unsigned api_stream_news(struct adit_stream *s, unsigned news);
/* The session is over: what the caller has is a shell to be freed. */
void api_stream_lose(struct adit_stream *s);
/* Frees it, whatever the caller may still have. */
void api_stream_drop(struct adit_stream *s);

#endif
