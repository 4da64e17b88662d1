/*
 * A TURN server as people write it (RFC 7065): turn:HOST[:PORT][?transport=udp|tcp], turns:HOST[:PORT] for TLS. What is
 * more (turns over UDP is DTLS) is refused. User and password stand elsewhere.
 */
#ifndef ADIT_TURN_URI_H
#define ADIT_TURN_URI_H

#include "base/addr.h"
#include "base/err.h"
#include "core/turn/turn.h"

struct turn_uri {
	char host[TURN_HOST_MAX + 1]; /* a name, or a numeric address without brackets */
	struct adit_addr addr; /* of a numeric one, with |port|; else family NONE */
	uint16_t port; /* 3478, and 5349 for TLS, where none is given */
	enum turn_transport transport;
};

/* EPROTO: not one. */
ADIT_MUST_CHECK int turn_uri_parse(const char *text, struct turn_uri *ret_uri);

#define TURN_URI_STRLEN (TURN_HOST_MAX + 32)
/* As it would be written, without what is usual. Returns |buf|. */
const char *turn_uri_format(const struct turn_uri *u, char buf[TURN_URI_STRLEN]);

#endif
