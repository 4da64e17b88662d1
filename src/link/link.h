/*
 * One peer, start to finish: find a path (link_find.h), secure it (quic), prove access, carry streams and datagrams,
 * and move the session between paths while they come and go.
 *
 * Start here; link_find.h looks for paths, link_relay.h has the TURN servers, link_move.c moves the session between
 * paths, link_session.h has what belongs to one QUIC connection, link_limits.h every number. A link is a lane: it
 * belongs to one pair secret K and has at most one session that is up (a second may be on its way in: a peer that was
 * restarted; once admitted it replaces the first). Words:
 *
 *   path     a socket and a remote address that were proven to work, with a number that grows: its generation
 *   session  one QUIC connection and the streams in it; it survives its paths
 *   outage   the session has no living path; QUIC stands still (no timer runs) until one answers
 *   service  what the serve side offers, by number; the connect side learns the list when it is admitted
 *
 * A machine (base/machine.h): after input, tick or any command drain link_output(), then link_event(), then arm
 * link_deadline().
 */
#ifndef ADIT_LINK_H
#define ADIT_LINK_H

#include "base/crypto.h"
#include "base/log.h"
#include "base/machine.h"
#include "base/rng.h"
#include "core/fwd/fwd_hello.h"
#include "core/fwd/fwd_open.h"
#include "core/punch/punch.h"
#include "core/reach/reach.h"
#include "core/turn/turn.h"
#include "link/link_memory.h"
#include "quic/quic.h"
#include "quic/quic_stream.h"

struct link;
struct link_stream;

struct link_config {
	enum punch_role role;
	const struct adit_crypto *crypto; /* borrowed */
	const struct adit_log *log; /* borrowed; may be NULL */
	struct adit_rng rng;
	struct quic_creds *creds; /* borrowed */
	uint8_t k[32]; /* the pair secret */
	uint8_t secret_id[4]; /* which ticket */
	uint8_t peer_key[QUIC_KEY_LEN]; /* connect: the ticket's; serve: the only admissible one, if |has_peer_key| */
	bool has_peer_key;
	bool single; /* serve: the first key that is admitted becomes the only one (LINK_EVENT_UP tells it) */
	uint64_t instance;
	uint16_t pinned_port;
	bool is_forwarded; /* by the router, over IPv4: as in reach_config */
	struct nat_budget *budget; /* of new flows, shared by all lanes of the program; borrowed; NULL: its own */
	uint64_t horizon; /* serve: newest probe stamp of an earlier run (punch_replay.h), 0 none */
	int64_t clock_diff; /* connect: the peer's UTC minus ours, of an earlier run, nanoseconds */
	size_t max_payload; /* bytes of UDP payload that the system's interfaces carry at most; 0: Ethernet's */
	bool meets; /* through mediators, too: link_add_mediator() may be called */
	const struct meet_crypto *meet_crypto; /* borrowed */
	uint8_t own_key[QUIC_KEY_LEN]; /* serve, |meets|: its identity ... */
	uint8_t own_seed[QUIC_KEY_LEN]; /* ... and the secret that proves it */
	const struct reach_memory *memory; /* of an earlier run; read by link_new(); NULL: none */
	const struct link_memory *lives; /* connect: LEARNT of an earlier run; read by link_new(); NULL: none */
	adit_dur linger; /* a session in outage longer than this is over */
	bool no_successors; /* for tests: paths are not replaced before their time, to show what happens then */
	bool relay_only; /* nothing is sent but through a relay, and the peer is not told of own addresses */
	bool direct_only; /* never through the peer's relay either */
	bool borrow; /* connect: a relay that a mediator lends is welcome: LINK_EVENT_MEET tells of it */
	bool compress; /* ask for it; one side is enough */
	unsigned connections; /* that a session may have, link_strand.h: FWD_CONNECTIONS_MAX at most; 0 is 1 */
	const struct fwd_service *services; /* serve: what is offered; borrowed for the link's life */
	size_t n_services;
};

/* ENOMEM or 0. */
ADIT_MUST_CHECK int link_new(const struct link_config *cfg, adit_time now, struct link **ret_link);
/* Says nothing to the peer: link_close() first where it should know. NULL is fine. */
void link_free(struct link *l);

/* As punch_set_peers (a search by reach may go there, too), punch_set_utc. */
void link_set_peers(struct link *l, adit_time now, const struct adit_addr *peers, size_t n);
void link_set_utc(struct link *l, adit_time now, adit_utc utc);
/*
 * As reach_add_mediator, reach_add_server, reach_set_hosts; at any time, and without effect where the link does not
 * meet. The first mediator begins the search that link_start() wanted. EFULL, ENOMEM.
 */
ADIT_MUST_CHECK int link_add_mediator(struct link *l, adit_time now, const char *name, const struct adit_addr *addr);
ADIT_MUST_CHECK int link_add_server(struct link *l, adit_time now, const struct adit_addr *addr);
void link_set_hosts(struct link *l, adit_time now, const struct reach_host *hosts, size_t n);
/* As reach_set_mapped. */
void link_set_mapped(struct link *l, adit_time now, enum adit_family family, const struct reach_mapping *map);
/* IPv4 goes through this NAT64 from now on (the driver's sockets see to it); |n->len| 0: through none. */
void link_set_nat64(struct link *l, adit_time now, const struct adit_nat64 *n);
/*
 * TURN server |i|, 0 and the next numbers up to TURN_SERVERS_MAX - 1 in this order; again with another address or other
 * credentials, which count from the next allocation on. All are asked at once, the nearest is used. EINVAL, EFULL,
 * ENOMEM.
 */
ADIT_MUST_CHECK int link_set_relay(struct link *l, adit_time now, size_t i, const struct turn_server *server);
/* Begins to look for the peer; a link without a session goes on for ever. */
void link_start(struct link *l, adit_time now);
/* Ends the sessions with an fwd_close code; LINK_EVENT_DOWN follows. The link then only waits to be freed. */
void link_close(struct link *l, adit_time now, uint64_t code);

/* What a session that begins from now on may have, as link_config.connections. */
void link_set_connections(struct link *l, unsigned n);

/* 0: the datagram was this link's; EIGNORED: ask another one that shares the socket. */
int link_input(struct link *l, adit_time now, const struct adit_dgram *d);
void link_icmp(struct link *l, adit_time now, const struct adit_icmp *icmp);
void link_sock_failed(struct link *l, adit_time now, uint32_t sock);
/* Of streams (base/machine.h); |why| is for people. */
void link_sock_up(struct link *l, adit_time now, uint32_t sock);
void link_sock_down(struct link *l, adit_time now, uint32_t sock, const char *why);
void link_tick(struct link *l, adit_time now);
adit_time link_deadline(const struct link *l);
int link_output(struct link *l, adit_time now, struct adit_out *ret_out);

enum link_event_kind {
	LINK_EVENT_STUCK, /* 30 s without an answer; waiting goes on */
	LINK_EVENT_MEET, /* what goes on with the mediators: |meet|, and |mediator| where it is about one */
	LINK_EVENT_RELAY, /* |relay|: there is one, or no more, or none of them works */
	LINK_EVENT_HOLE, /* |path|: a way is open; securing it */
	LINK_EVENT_SECURED, /* connect: it is the peer, and asked to admit us: link_stream_open_early() */
	LINK_EVENT_UP, /* admitted: |peer_key|; connect: |services| */
	LINK_EVENT_OUTAGE, /* the path is lost; looking for another */
	LINK_EVENT_BACK, /* |path|: the session goes on over it */
	LINK_EVENT_MOVED, /* |path|: the peer's NAT changed its address or port */
	LINK_EVENT_SWITCHED, /* |path| is used instead of |was|: |why|; no stream notices */
	LINK_EVENT_REQUEST, /* serve: the peer wants |service|: link_stream_accept() or link_stream_refuse() */
	LINK_EVENT_STREAM, /* |news| of |stream|, flags of quic_stream.h; bytes are the service's alone */
	LINK_EVENT_CREDIT, /* link_stream_open() may succeed again */
	LINK_EVENT_DGRAM, /* |data| of UDP |flow| of |service|, good until the next call */
	LINK_EVENT_LEARNT, /* connect: |learnt| is worth keeping for the next run */
	/* The session is over, if it |was_up|, or what was to become one: |reason|; every stream had its CLOSED news.
	 * Serve: looking again. */
	LINK_EVENT_DOWN,
};

enum link_reason {
	LINK_REASON_CLOSED, /* this side closed it */
	LINK_REASON_PEER, /* the peer closed it: |code|, an fwd_close code */
	LINK_REASON_REFUSED, /* the peer did not admit us: |code|, an fwd_welcome status, |text| */
	LINK_REASON_BAD_KEY, /* whoever answered does not have the ticket's key */
	LINK_REASON_LINGER, /* the outage lasted too long */
	LINK_REASON_RESTART, /* the peer's program was started anew */
	LINK_REASON_REPLACED, /* serve: another client came with the same ticket */
	LINK_REASON_FAILED, /* handshake or protocol failed: |code| */
};

/* What opened a path: without a server (as enum punch_how), or after a meeting (as enum reach_how). */
enum link_how {
	LINK_HOW_STEADY,
	LINK_HOW_SLOT,
	LINK_HOW_BURST,
	LINK_HOW_PINNED,
	LINK_HOW_LAN,
	LINK_HOW_IPV6,
	LINK_HOW_DIRECT,
	LINK_HOW_PUNCHED,
	LINK_HOW_PREDICTED,
	LINK_HOW_BLOCK,
	LINK_HOW_BIRTHDAY,
	LINK_HOW_RELAYED, /* through a TURN server, at either end */
};

enum link_relay_state {
	LINK_RELAY_NONE, /* no server is named */
	LINK_RELAY_ASKED,
	LINK_RELAY_READY,
	LINK_RELAY_LOST, /* |why|; another one is being asked for */
	LINK_RELAY_FAILED, /* |why|: none gives an allocation; they are asked again later, for ever */
};

#define LINK_RELAY_STREAM_MAX 128

struct link_relay_info {
	enum link_relay_state state;
	adit_time since;
	struct adit_addr server; /* in use, or whose word it is */
	enum turn_transport transport; /* READY */
	struct adit_addr relayed[2]; /* v4, v6; READY */
	enum turn_why why;
	unsigned code; /* of a STUN error; 0: none */
	bool is_expired; /* |why| is CREDENTIALS: they were good for a time that is over */
	char stream[LINK_RELAY_STREAM_MAX]; /* why the last connection to a server ended; "": none has */
};

struct link_path_info {
	enum link_how how;
	struct adit_addr local;
	struct adit_addr remote;
	struct adit_addr mapped; /* what the peer sees us as; family NONE where unknown */
	adit_dur rtt;
	int64_t clock_diff; /* serverless: the peer's UTC minus ours, nanoseconds */
	adit_dur took; /* since the search began; serve, after a meeting: since the offer came */
};

/* Why a session goes over another path. */
enum link_why {
	LINK_WHY_BETTER, /* of a better class, or clearly faster */
	LINK_WHY_SILENT, /* the one before fell silent */
	LINK_WHY_AGE, /* paths end at a certain age here, and the one before was getting there */
	LINK_WHY_PEER, /* serve: the connect side has decided */
	LINK_WHY_AWAKE, /* the machine was asleep: the same path, as a new one */
};

struct link_event {
	enum link_event_kind kind;
	struct link_path_info path;
	struct link_path_info was;
	enum link_why why;
	struct link_relay_info relay;
	struct reach_event meet; /* |memory|, where there is one, is good until the next call */
	const struct link_memory *learnt; /* good until the next call */
	const char *mediator; /* its name, or NULL; good as long as the link */
	uint8_t peer_key[QUIC_KEY_LEN];
	const struct fwd_service *services; /* good as long as the session */
	size_t n_services;
	struct link_stream *stream;
	unsigned news;
	uint16_t service;
	uint32_t flow;
	const uint8_t *data;
	size_t len;
	enum link_reason reason;
	bool was_up; /* DOWN: the peer had been admitted */
	uint64_t code;
	char text[128];
};

/* 1: filled; 0: none. */
int link_event(struct link *l, adit_time now, struct link_event *ret_event);

/* Connect side: a stream to |service|. Bytes may be sent at once. EAGAIN: no credit now or no session (CREDIT follows).
 */
ADIT_MUST_CHECK int link_stream_open(struct link *l, uint16_t service, struct link_stream **ret_stream);
/*
 * From SECURED until UP: one to the service of this name, whose bytes leave with the question for admission. Serve
 * keeps it until it has admitted us; if it does not, none of it gets to the service. EAGAIN: when UP; the session
 * compresses, or there are LINK_EARLY_STREAMS of them.
 */
ADIT_MUST_CHECK int link_stream_open_early(struct link *l, const char *service, struct link_stream **ret_stream);
/* Serve side: answers LINK_EVENT_REQUEST. */
void link_stream_accept(struct link_stream *s);
/* |code|: enum fwd_stream_err; the stream is gone after it. */
void link_stream_refuse(struct link_stream *s, uint64_t code);
/* The bytes: quic_stream_reserve, commit, finish, peek, consume, reset. */
struct quic_stream *link_stream_bytes(const struct link_stream *s);
void link_stream_set_user(struct link_stream *s, void *user);
void *link_stream_user(const struct link_stream *s);
/* Do its bytes go in blocks (zip/zip.h)? */
bool link_stream_compresses(const struct link_stream *s);
/* Connect side: the target has taken the connection. */
bool link_stream_is_answered(const struct link_stream *s);
/* The user is done; mandatory once for each stream it was handed, unless refused. */
void link_stream_release(struct link_stream *s);

/* One UDP payload of a flow, split if needed. EAGAIN: no session; EFULL: dropped and counted; EINVAL: too long. */
ADIT_MUST_CHECK int link_dgram_send(struct link *l, uint16_t service, uint32_t flow, const uint8_t *data, size_t len);

enum link_state {
	LINK_SEEKING, /* no session, no path */
	LINK_SECURING, /* a path, not admitted yet */
	LINK_UP,
	LINK_OUTAGE,
	LINK_OVER, /* link_close() was called */
};

enum link_mediator_state {
	LINK_MEDIATOR_ASKED, /* no answer yet */
	LINK_MEDIATOR_HELD, /* serve: registered there */
	LINK_MEDIATOR_MET, /* connect: it brought the peer's answer */
	LINK_MEDIATOR_ABSENT, /* it does not know the peer */
	LINK_MEDIATOR_SILENT, /* it does not answer */
	LINK_MEDIATOR_REFUSED, /* |code| */
};

struct link_mediator {
	char name[MEET_NAME_MAX + 1];
	struct adit_addr addr;
	enum link_mediator_state state;
	adit_time since; /* of this state */
	unsigned code;
	struct adit_addr mapped; /* HELD: how it sees us */
};

/* One of the paths that are kept. */
struct link_path_status {
	struct link_path_info info;
	bool is_used;
	bool is_lost;
	adit_dur rtt; /* smoothed, of questions; 0: not measured */
	unsigned loss; /* of questions, per mille */
	adit_dur age;
	adit_dur silence; /* since the last sign of life */
	adit_dur every; /* while nothing goes over it, it is asked this often */
};

#define LINK_STATUS_PATHS 8

struct link_status {
	enum link_state state;
	adit_time since; /* of this state */
	struct link_path_info path;
	struct link_path_status paths[LINK_STATUS_PATHS]; /* the one in use first */
	size_t n_paths;
	unsigned switches; /* how often this session went over to another path */
	uint8_t peer_key[QUIC_KEY_LEN];
	struct quic_stats quic; /* bytes, packets and streams of all connections, the rest of the first */
	unsigned connections; /* of the session, that are up */
	struct punch_stats punch;
	const struct link_mediator *mediators; /* good until the next call */
	size_t n_mediators;
	struct adit_nat64 nat64; /* that IPv4 goes through; its length is 0: none */
	struct link_relay_info relay;
	const struct reach *reach; /* for its account, its views, its verdict; NULL: the link does not meet */
	uint32_t generation; /* how many paths this session has had */
	uint64_t dgrams_lost; /* incomplete or refused UDP payloads */
	uint64_t horizon; /* to be kept for the next run */
};

void link_status_get(const struct link *l, adit_time now, struct link_status *ret_status);
const char *link_state_name(enum link_state s);
const char *link_mediator_state_name(enum link_mediator_state s);
const char *link_relay_state_name(enum link_relay_state s);
const char *link_how_name(enum link_how how);
const char *link_why_name(enum link_why why);
bool link_how_is_serverless(enum link_how how);

#endif
