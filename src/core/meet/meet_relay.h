/*
 * Credentials of the operator's TURN server, which a mediator hands to who asked a peer of the operator's list and was
 * answered: time-limited ones, as coturn's use-auth-secret and others know them. Layouts: docs/mediator.md.
 */
#ifndef ADIT_MEET_RELAY_H
#define ADIT_MEET_RELAY_H

#include <stdint.h>

#include "core/meet/meet_limits.h"

/*
 * URIs as RFC 7065 has them ("turn:relay.example.org:3478?transport=udp"), printable ASCII. A mediator is not believed
 * more than that: whoever goes there judges the address as he would a stranger's candidate.
 */
struct meet_relay {
	unsigned n_uris;
	char uris[MEET_RELAY_URIS][MEET_RELAY_URI_MAX + 1];
	char user[MEET_RELAY_USER_MAX + 1];
	char pass[MEET_RELAY_PASS_MAX + 1];
	uint32_t life; /* seconds from now; an allocation that was made within it lives on */
};

#endif
