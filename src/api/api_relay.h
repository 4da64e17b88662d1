/* The TURN servers of an endpoint: what the caller named, and what mediators lend. */
#ifndef ADIT_API_RELAY_H
#define ADIT_API_RELAY_H

#include <adit/endpoint.h>

#include "api/api_int.h"
#include "core/meet/meet_relay.h"
#include "core/turn/turn_uri.h"
#include "link/link.h"

struct api_relay_server {
	struct turn_uri uri;
	struct turn_server server;
	char secret[TURN_PASS_MAX + 1]; /* "": user and password are the caller's */
};

struct api_relay {
	struct api_relay_server server[TURN_SERVERS_MAX];
	size_t n; /* by URI and family */
	adit_time renew_at; /* credentials of secrets; NEVER: there are none */
	bool has_loan;
	struct meet_relay loan; /* the last one */
	unsigned n_told; /* of its URIs */
	struct adit_relay told; /* and as the caller sees it */
};

void api_relay_init(struct api_relay *r);
/* Wipes the secrets. */
void api_relay_done(struct api_relay *r);
/* |addr| NULL: the URI has it. EINVAL, EFULL, ENOMEM, or 0: |link| knows. */
ADIT_MUST_CHECK int api_relay_add(struct api_relay *r, struct link *link, const struct adit_relay *relay,
				  const struct adit_addr *addr);
/* New credentials of secrets, when it is time. */
void api_relay_tick(struct api_relay *r, struct link *link, adit_time now);

/* What LINK_EVENT_RELAY says. */
void api_relay_tell(const struct link_relay_info *info, struct adit_endpoint_event *ret_event);
/* What a mediator lends, for api_relay_event(). */
void api_relay_lend(struct api_relay *r, const struct meet_relay *loan);
/* The next server of a loan; |ret_event| borrows |r|. */
bool api_relay_event(struct api_relay *r, struct adit_endpoint_event *ret_event);

#endif
