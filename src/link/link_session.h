/*
 * One QUIC connection of a link: hello and welcome, the streams with their headers, UDP payloads in datagrams. It knows
 * nothing of paths: link.c feeds it and says when it stands still.
 */
#ifndef ADIT_LINK_SESSION_H
#define ADIT_LINK_SESSION_H

#include "base/list.h"
#include "core/fwd/fwd_reasm.h"
#include "link/link.h"
#include "link/link_limits.h"

enum link_session_state {
	LINK_SESSION_TLS, /* handshake runs */
	LINK_SESSION_HELLO, /* keys proven; waiting for hello (serve) or welcome (connect) */
	LINK_SESSION_UP,
	LINK_SESSION_OVER, /* |reason| and what goes with it is set */
};

struct link_session;

/* What the driver sees as a stream. */
struct link_stream {
	struct adit_list node; /* in link_session.streams */
	struct link_session *session;
	struct quic_stream *bytes;
	enum {
		LINK_STREAM_HEADER, /* serve: the header has not come whole yet */
		LINK_STREAM_REQUEST, /* serve: the driver has not answered yet */
		LINK_STREAM_ANSWER, /* connect: the answer has not come yet */
		LINK_STREAM_OPEN,
	} state;
	bool is_plain; /* opened before it was known what the session agrees on */
	bool is_named; /* connect: the welcome is to tell |service|; meanwhile it is a number of |early_names| */
	uint16_t service;
	void *user;
};

struct link_session {
	const struct link_config *cfg; /* the link's own */
	struct quic *quic;
	enum link_session_state state;
	adit_time admit_by; /* ADIT_NEVER once up */
	struct quic_stream *hello;
	struct adit_list streams;
	bool ready; /* serve: streams that came before the hello wait to be looked at */
	unsigned n_early; /* streams that were opened before UP */
	char (*early_names)[FWD_NAME_MAX + 1]; /* connect, until UP: LINK_EARLY_STREAMS; NULL: none was opened */
	bool was_up;
	bool compresses; /* agreed upon */
	uint8_t connection; /* its number within the session of this id */
	uint8_t session_id[FWD_SESSION_ID_LEN];
	unsigned connections; /* that the session may have, from UP on */
	bool reported; /* DOWN was handed out */
	struct fwd_service *services; /* connect, from UP on: as the welcome listed them */
	size_t n_services;
	struct fwd_reasm reasm;
	struct fwd_reasm_slot *slots; /* LINK_REASM_SLOTS; NULL: no payload came in pieces yet */
	uint16_t next_msg;
	uint64_t dgrams_lost;
	enum link_reason reason;
	uint64_t code;
	char text[128];
};

/* |quic| is taken over. ENOMEM (then |quic| is freed). */
ADIT_MUST_CHECK int link_session_new(const struct link_config *cfg, adit_time now, struct quic *quic,
				     struct link_session **ret_session);
/* It is a further connection of the session |session_id|, number |connection| from 1; before anything else is done. */
void link_session_join(struct link_session *s, uint8_t connection, const uint8_t session_id[FWD_SESSION_ID_LEN]);
/* Every stream must have been released. NULL is fine. */
void link_session_free(struct link_session *s);

/* 1: |ret_event| (REQUEST, STREAM, CREDIT, DGRAM, SECURED, UP, DOWN) is filled; 0: none. */
int link_session_event(struct link_session *s, adit_time now, struct link_event *ret_event);
void link_session_tick(struct link_session *s, adit_time now);
adit_time link_session_deadline(const struct link_session *s);

/*
 * Connect: goes to |path|; |gently|: the one before still works. When to do so again, as QUIC has put it off; NEVER: it
 * has not.
 */
adit_time link_session_migrate(struct link_session *s, adit_time now, uint32_t path, bool gently);

/*
 * Ends it for |reason|; tells the peer |code| (fwd_close) if |can_send|. The streams get their CLOSED news, then DOWN
 * comes.
 */
void link_session_end(struct link_session *s, adit_time now, enum link_reason reason, uint64_t code, bool can_send);

/* As link_stream_open(), link_stream_open_early() and link_dgram_send(). */
ADIT_MUST_CHECK int link_session_stream_open(struct link_session *s, uint16_t service, struct link_stream **ret_stream);
ADIT_MUST_CHECK int link_session_stream_open_early(struct link_session *s, const char *service,
						   struct link_stream **ret_stream);
ADIT_MUST_CHECK int link_session_dgram_send(struct link_session *s, uint16_t service, uint32_t flow,
					    const uint8_t *data, size_t len);

#endif
