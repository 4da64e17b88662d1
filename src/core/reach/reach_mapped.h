/*
 * A port of this host that the router forwards: one that it was asked for (core/portmap, UPnP), or one that the user
 * set there. A part of struct reach, not for others.
 *
 * It is listened on beside home, or is home's own; its external address is a candidate. It is believed in once it has
 * been tried from outside: a server is asked from home to answer to that port (RFC 5780 7.5, RESPONSE-PORT), and the
 * answer has to arrive here, where nothing was ever sent to that server from; or a peer's first check has come to it.
 * The server answers where the question came from, with less than it got, so nobody can be hurt by it.
 */
#ifndef ADIT_REACH_MAPPED_H
#define ADIT_REACH_MAPPED_H

#include "base/addr.h"
#include "base/time.h"

struct reach_mapping {
	uint16_t port; /* ours */
	struct adit_addr external; /* 0.0.0.0 or :: with a port: at whatever public address servers see */
};

enum reach_mapped_state {
	REACH_MAPPED_UNTRIED, /* or it cannot be tried: no server can, or the answer would prove nothing */
	REACH_MAPPED_PROVEN,
	REACH_MAPPED_DEAD, /* nothing arrives */
};

/*
 *   phase    left when
 *   REST     it is time to try it (ASK)
 *   ASK      a server has answered: it is there, and has given its cookie (KNOCK)
 *   KNOCK    the answer has come, or has not (REST)
 */
enum reach_mapped_phase {
	REACH_MAPPED_REST,
	REACH_MAPPED_ASK,
	REACH_MAPPED_KNOCK,
};

struct reach_mapped {
	bool is_set;
	struct reach_mapping map;
	enum reach_mapped_state state;
	enum reach_mapped_phase phase;
	uint8_t dest; /* the server that is asked, and was last */
	uint8_t silent; /* servers in a row whose answers did not arrive */
	bool has_cookie; /* of the present one */
	adit_time try_at;
	adit_time wait_until; /* an offer waits for the result until then, where it would change what is tried */
};

#endif
