/*
 * Strands: further QUIC connections of a session that is up, for machines where one connection's thread is the limit.
 *
 * The link has the sockets, the paths and the session's first connection, number 0; a strand is a machine of its own
 * that may run on another thread and carries streams, nothing else. Three things join the two, and the driver carries
 * them: datagrams from the link to the strand whose connection id they bear (link_strand_input()), the way to the peer
 * (struct link_route), and signs of life back (link_strand_heard()). They share no memory.
 *
 *   connect   link_strands() tells how many numbers there are, link_strand_grant() prepares one, and
 *             link_strand_connect() makes it: anywhere, as the grant is a plain value
 *   serve     link_strand_input() gives a datagram of a number that nobody has yet (|begins|): link_strand_grant() and
 *             link_strand_accept()
 *
 * Who may begin one: its first connection id comes from the TLS exporter of connection 0, so it can only be from the
 * peer of this session, and it must come over one of its paths. Its hello names the session again and proves the pair
 * secret. A number is used once in a session.
 */
#ifndef ADIT_LINK_STRAND_H
#define ADIT_LINK_STRAND_H

#include "link/link.h"

#define LINK_STRAND_EXPORTER "EXPORTER-adit-strands" /* RFC 8446 7.5, an experimental label */

/* The way to the peer, as strands need to know it. */
struct link_route {
	uint32_t gen; /* 0: there is none */
	uint32_t sock; /* link_strand_send() for what is not an ordinary socket of the driver's */
	struct adit_addr local;
	struct adit_addr remote;
	size_t payload; /* bytes of UDP payload it carries */
	bool is_still; /* it is lost: nothing is sent and no timer runs until there is another */
	bool is_gentle; /* the one before still works */
};

/* What makes a strand. Secrets: to be wiped. */
struct link_grant {
	struct link_config cfg; /* the link's; who makes the strand puts its own thread's |creds| and |log| there */
	uint8_t number;
	uint8_t connections; /* that the session may have */
	uint8_t session_id[FWD_SESSION_ID_LEN];
	uint8_t first[QUIC_FIRST_LEN];
	struct link_route route;
};

/* --- the link's side --- */

/* How many connections the session has room for; 1: no strands, and always while there is no session. */
unsigned link_strands(const struct link *l);
/* Connection |number| from 1 on shall exist. EINVAL: there can be none, or it was there before. */
ADIT_MUST_CHECK int link_strand_grant(struct link *l, unsigned number, struct link_grant *ret_grant);
/* To be asked whenever the link was run, and passed on where it changed. */
void link_route_get(const struct link *l, struct link_route *ret_route);
bool link_route_eq(const struct link_route *a, const struct link_route *b);

struct link_strand_dgram {
	unsigned number;
	bool begins; /* serve: it wants to */
	uint32_t gen; /* the path it came over */
	const uint8_t *data; /* inside of what link_input() was given, and good as long */
	size_t len;
	size_t seg_size; /* 0: one datagram, as always where it |begins|; else of all but the last, which may be shorter
			  */
};

/* After link_input(), until it says 0: what of it was for strands. */
int link_strand_input(struct link *l, struct link_strand_dgram *ret_dgram);
/*
 * A strand's batch where the route's socket is not the driver's own: comes out of link_output(). |b|'s data is borrowed
 * until that says 0 or link_strand_send() is called with NULL, which takes it back.
 */
void link_strand_send(struct link *l, const struct quic_batch *b);
/* Has it not come out yet? */
bool link_strand_is_sending(const struct link *l);
/* What a strand noticed of the path |gen|. */
struct link_strand_signs {
	uint32_t gen;
	bool heard; /* something authentic came over it */
	bool sent; /* something went out that will be acknowledged ... */
	bool sent_full; /* ... as large as the route allows */
};
void link_strand_heard(struct link *l, adit_time now, const struct link_strand_signs *s);
/* For link_status_get(): whether strand |number| is admitted, and what it has carried so far. */
void link_strand_note(struct link *l, unsigned number, bool is_up, const struct quic_stats *stats);

/* --- a strand: the verbs of a machine, for one QUIC connection --- */

struct link_strand;

/* |grant| is copied. ENOMEM or 0. */
ADIT_MUST_CHECK int link_strand_connect(const struct link_grant *grant, adit_time now, struct link_strand **ret_strand);
/*
 * Out of the first of |d|'s datagrams that can begin it; those after it are taken too. EPROTO: none can, and the next
 * may be tried. ENOMEM or 0.
 */
ADIT_MUST_CHECK int link_strand_accept(const struct link_grant *grant, adit_time now, const struct link_strand_dgram *d,
				       struct link_strand **ret_strand);
/* NULL is fine. */
void link_strand_free(struct link_strand *s);
void link_strand_dgram(struct link_strand *s, adit_time now, const struct link_strand_dgram *d);
void link_strand_route(struct link_strand *s, adit_time now, const struct link_route *r);
void link_strand_tick(struct link_strand *s, adit_time now);
adit_time link_strand_deadline(const struct link_strand *s);
/* 1: |ret_batch| is to be sent over the route, whatever its |path| says. */
int link_strand_batch(struct link_strand *s, adit_time now, struct quic_batch *ret_batch);
/* REQUEST, STREAM, CREDIT, UP or DOWN as a link's; after DOWN only link_strand_free() is left. */
int link_strand_event(struct link_strand *s, adit_time now, struct link_event *ret_event);
/* As link_stream_open(). */
ADIT_MUST_CHECK int link_strand_open(struct link_strand *s, uint16_t service, struct link_stream **ret_stream);
void link_strand_close(struct link_strand *s, adit_time now, uint64_t code);
/* Is there news for link_strand_heard()? */
bool link_strand_has_signs(const struct link_strand *s);
/* All since the last call. */
void link_strand_signs(struct link_strand *s, struct link_strand_signs *ret_signs);
void link_strand_stats(const struct link_strand *s, struct quic_stats *ret_stats);

#endif
