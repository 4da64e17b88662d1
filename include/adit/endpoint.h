/*
 * The whole endpoint: finds a way to the peer through both NATs, secures it (QUIC, TLS 1.3 with raw public keys), and
 * carries streams and datagrams over it. The session survives its paths: when one dies, another is sought, and streams
 * go on where they were.
 *
 * The serve side offers services by name, the connect side opens streams to them or sends datagrams; `adit serve` and
 * `adit connect` are such endpoints. One object is one peer: a serve side has one for each ticket.
 *
 *   adit_endpoint_new, adit_endpoint_set_peers, adit_endpoint_start; events: UP, then REQUEST or adit_stream_open(),
 *   STREAM, DATAGRAM; OUTAGE and BACK in between; DOWN.
 */
#ifndef ADIT_PUBLIC_ENDPOINT_H
#define ADIT_PUBLIC_ENDPOINT_H

#include <adit/adit.h>

#ifdef __cplusplus
extern "C" {
#endif

struct adit_endpoint;
struct adit_stream;

/* What a serve side offers. */
struct adit_service {
	const char *name; /* [a-z0-9-]{1,32} */
	bool datagrams; /* datagrams instead of streams */
	uint16_t port; /* where `adit connect` likes to listen for it; 0: it has no number of its own */
};

/* config.flags */
enum adit_endpoint_flags {
	/* Nothing is sent but through a relay, questions to mediators included, and the peer learns no own address. */
	ADIT_ENDPOINT_RELAY_ONLY = 1 << 0,
	/* Never through a relay, be it the peer's. Not both. */
	ADIT_ENDPOINT_DIRECT_ONLY = 1 << 1,
	/* The home router is asked to forward a UDP port (PCP, NAT-PMP; IPv4): ADIT_ENDPOINT_MAPPED tells. */
	ADIT_ENDPOINT_PORTMAP = 1 << 2,
	/* Connect: relays that mediators lend are welcome: ADIT_ENDPOINT_LOAN. */
	ADIT_ENDPOINT_BORROW = 1 << 3,
};

struct adit_endpoint_config {
	size_t size; /* sizeof(struct adit_endpoint_config) */
	struct adit_log_config log;
	const char *identity; /* <adit/ticket.h>. Connect: NULL is a new one, where the ticket has a secret */
	const char *ticket; /* connect: the serve side's; serve: one of its own identity, unless |allow| */
	const char *allow; /* serve: the public half of the one client that is admitted; then no ticket's secret */
	const char *memory; /* |meets|: the last ADIT_MEETING_LEARNT of an earlier run; NULL: none */
	const struct adit_service *services; /* serve: 1 to 256 */
	size_t n_services;
	bool serve;
	bool meets; /* through mediators, too */
	bool single; /* serve: the first client that is admitted stays the only one */
	unsigned port; /* of the own socket, when it matters to a firewall; 0: derived from the secret */
	uint64_t linger; /* how long a session waits for a new path, in nanoseconds; 0: 5 min */
	const char *relay_ca; /* PEM: who may sign a TURN server's certificate; NULL: whom the system trusts */
	unsigned flags; /* enum adit_endpoint_flags, or-ed; all want |meets| */
	unsigned mapped; /* |meets|: the external port that the user has the router forward to |port|; 0: none */
};

/*
 * What the configuration points to is copied. ADIT_EINVAL: it does not fit together; the codes of adit_ticket_check()
 * and adit_identity_public(); ADIT_ENOMEM, ADIT_ESYS.
 */
ADIT_API ADIT_MUST_CHECK int adit_endpoint_new(const struct adit_endpoint_config *cfg,
					       struct adit_endpoint **ret_endpoint);
/* Frees its streams, too, and sends nothing: adit_endpoint_close() first where the peer should know. Accepts NULL. */
ADIT_API void adit_endpoint_free(struct adit_endpoint *ep);

/*
 * The peer's public addresses, 8 at most; again whenever they change. A port is one that the peer's router forwards, or
 * the peer's |port|; without it is 0. None: who has the secret will come. ADIT_EINVAL: one is no address, or
 * there are more than 8.
 */
ADIT_API ADIT_MUST_CHECK int adit_endpoint_set_peers(struct adit_endpoint *ep, const struct sockaddr_storage *addrs,
						     size_t n);
/*
 * A mediator, 4 at most, before or after the start: |name| as adit_ticket_mediator() gives it, |addr| what it resolves
 * to; the library resolves no names. Of several addresses both sides take the lowest. Again when it resolves to
 * another. ADIT_EINVAL: no address, or not |meets|; ADIT_EFULL: they are four already, or the name is too long;
 * ADIT_ENOMEM.
 */
ADIT_API ADIT_MUST_CHECK int adit_endpoint_add_mediator(struct adit_endpoint *ep, const char *name,
							const struct sockaddr *addr, socklen_t len);
/*
 * A further STUN server: a second witness of how the own NAT maps. ADIT_EINVAL: no address, or not |meets|; ADIT_EFULL:
 * 16 addresses are asked already, those of mediators and those that servers have told of themselves among them;
 * ADIT_ENOMEM.
 */
ADIT_API ADIT_MUST_CHECK int adit_endpoint_add_server(struct adit_endpoint *ep, const struct sockaddr *addr,
						      socklen_t len);

/* A TURN server (RFC 8656). */
struct adit_relay {
	size_t size; /* sizeof(struct adit_relay) */
	const char *uri; /* "turn:HOST[:PORT][?transport=udp|tcp]", "turns:HOST[:PORT]" for TLS (RFC 7065) */
	const char *user; /* at most 128 bytes */
	const char *password; /* at most 256 bytes */
	const char
		*secret; /* instead of both: what the own server shares with its users (coturn's static-auth-secret) */
};

/*
 * A relay for where there is no direct way, and until there is one; 8 addresses at most, before or after the start: the
 * nearest is used, another when it is gone. |addr| is what the host resolves to, NULL where it is numeric; its port
 * counts for nothing. A host with addresses of both families is added with one of each, for only the asking tells which
 * leads there. Again, with the same |uri| and an address of that family, when it resolves to another or has other
 * credentials. All is copied; nothing of it is ever told to the log. ADIT_EINVAL: not |meets|, DIRECT_ONLY, no such URI
 * or credentials, no address, or one that a mediator lends and that is no public one; ADIT_EFULL: they are eight
 * already.
 */
ADIT_API ADIT_MUST_CHECK int adit_endpoint_add_relay(struct adit_endpoint *ep, const struct adit_relay *relay,
						     const struct sockaddr *addr, socklen_t len);
/* Begins; it goes on for ever. After DOWN the serve side waits for the next session by itself. */
ADIT_API void adit_endpoint_start(struct adit_endpoint *ep);
/*
 * Ends the session: DOWN follows, and what is still to be sent goes with adit_endpoint_process(). Streams are cut: who
 * wants all of them delivered waits for their ACKED first.
 */
ADIT_API void adit_endpoint_close(struct adit_endpoint *ep);

/* The three steps of <adit/adit.h>. What is written to streams leaves with the next adit_endpoint_process(). */
ADIT_API int adit_endpoint_fd(const struct adit_endpoint *ep);
ADIT_API uint64_t adit_endpoint_deadline(const struct adit_endpoint *ep);
ADIT_API void adit_endpoint_process(struct adit_endpoint *ep);

enum adit_endpoint_event_kind {
	ADIT_ENDPOINT_UP = 1, /* both sides are sure of each other: |path|, |peer|; connect: |services| */
	ADIT_ENDPOINT_STUCK, /* 30 s without a sign of the peer: comes once, waiting goes on */
	ADIT_ENDPOINT_MEETING, /* |meeting| */
	ADIT_ENDPOINT_OUTAGE, /* the path is lost, another is sought */
	ADIT_ENDPOINT_BACK, /* the session goes on over |path| */
	ADIT_ENDPOINT_MOVED, /* the peer's address changed, or another path is used: |path| */
	ADIT_ENDPOINT_REQUEST, /* serve: |stream| to |service|: adit_stream_accept() or adit_stream_refuse() */
	ADIT_ENDPOINT_STREAM, /* |news| of |stream| */
	ADIT_ENDPOINT_CREDIT, /* adit_stream_open() may succeed again */
	ADIT_ENDPOINT_DATAGRAM, /* |data| of |flow| of |service| */
	ADIT_ENDPOINT_DOWN, /* the session is over: |reason|, |text|; all its streams have had CLOSED */
	ADIT_ENDPOINT_RELAY, /* |relay_state| of |relay|; LOST, FAILED: |text| */
	ADIT_ENDPOINT_LOAN, /* connect: a mediator lends |loan|, for adit_endpoint_add_relay(); one for each server */
	ADIT_ENDPOINT_MAPPED, /* |mapped| was tried from outside: |works|; not yet, or given up: |text| */
};

enum adit_relay_state {
	ADIT_RELAY_NONE = 0, /* none was named */
	ADIT_RELAY_ASKED,
	ADIT_RELAY_READY,
	ADIT_RELAY_LOST, /* another is being asked for */
	ADIT_RELAY_FAILED, /* none works; they are asked again, for ever */
};

enum adit_stream_news {
	ADIT_STREAM_READABLE = 1 << 1, /* bytes, or the end */
	ADIT_STREAM_WRITABLE = 1 << 2, /* it was full, and is not any more */
	ADIT_STREAM_RESET = 1 << 3, /* the peer gave up sending; unread bytes are gone */
	ADIT_STREAM_STOPPED = 1 << 4, /* the peer will not read any more; unsent bytes are gone */
	ADIT_STREAM_ACKED = 1 << 5, /* all that was written, and the end, has arrived */
	ADIT_STREAM_CLOSED = 1 << 6, /* both directions are over, or the session is: adit_stream_free() */
};

enum adit_endpoint_reason {
	ADIT_ENDPOINT_CLOSED = 0, /* adit_endpoint_close() */
	ADIT_ENDPOINT_BY_PEER = 1, /* the peer closed it */
	ADIT_ENDPOINT_REFUSED = 2, /* the peer did not admit us */
	ADIT_ENDPOINT_BAD_KEY = 3, /* whoever answered does not have the ticket's key */
	ADIT_ENDPOINT_LINGER = 4, /* the outage lasted too long */
	ADIT_ENDPOINT_RESTART = 5, /* the peer's program was started anew */
	ADIT_ENDPOINT_REPLACED = 6, /* serve: another client came with the same ticket */
	ADIT_ENDPOINT_FAILED = 7, /* handshake or protocol failed */
};

struct adit_path {
	struct sockaddr_storage local;
	struct sockaddr_storage remote;
	struct sockaddr_storage mapped; /* as the peer sees this side; AF_UNSPEC: not known */
	uint64_t rtt; /* nanoseconds; 0: not known */
	uint64_t took; /* since the search began, nanoseconds */
};

struct adit_endpoint_event {
	enum adit_endpoint_event_kind kind;
	struct adit_path path;
	struct adit_meeting meeting;
	const char *peer; /* UP: its public half, "ed25519 BASE32" */
	const struct adit_service *services; /* UP, connect: what may be opened; good until DOWN */
	size_t n_services;
	struct adit_stream *stream;
	unsigned news; /* enum adit_stream_news, or-ed */
	const char *service;
	uint32_t flow;
	const void *data;
	size_t data_len;
	enum adit_endpoint_reason reason;
	const char *text; /* DOWN, RELAY, MAPPED: a sentence, safe for a terminal; never NULL there */
	bool is_relayed; /* UP, BACK, MOVED: |path| leads through a relay, this side's or the peer's */
	bool works; /* MAPPED */
	enum adit_relay_state relay_state; /* RELAY */
	struct sockaddr_storage relay; /* RELAY: the server it is about */
	const struct adit_relay *loan; /* LOAN: with user and password, good for minutes */
	struct sockaddr_storage mapped; /* MAPPED: where the world reaches this side; AF_UNSPEC: nowhere */
};

/* NULL: none. Good until the next call on |ep| or a stream of its. */
ADIT_API const struct adit_endpoint_event *adit_endpoint_next_event(struct adit_endpoint *ep);

/*
 * Streams: reliable, in order, both directions; a slow reader stops the far writer. Each that was handed out (opened,
 * or by REQUEST) is to be freed once, also after CLOSED. With DOWN, bytes that were not read by then are gone.
 */

/*
 * Connect: a stream to |service|; bytes may be written at once. ADIT_ENOENT: there is no such service; ADIT_EINVAL: it
 * is one of datagrams; ADIT_EAGAIN: no session, or no room for more streams now: CREDIT follows; ADIT_ENOMEM.
 */
ADIT_API ADIT_MUST_CHECK int adit_stream_open(struct adit_endpoint *ep, const char *service,
					      struct adit_stream **ret_stream);
/* Serve: the answers to REQUEST. */
ADIT_API void adit_stream_accept(struct adit_stream *s);
enum adit_refusal {
	ADIT_REFUSE_UNAVAILABLE = 2, /* what the service needs is not there */
	ADIT_REFUSE_NOT_ALLOWED = 6,
	ADIT_REFUSE_OVERLOAD = 7,
};
/* |s| is freed. */
ADIT_API void adit_stream_refuse(struct adit_stream *s, enum adit_refusal why);

/* How many of |len| bytes were taken: 0 when it is full (WRITABLE follows). ADIT_EDEAD: the stream is over. */
ADIT_API ADIT_MUST_CHECK ssize_t adit_stream_write(struct adit_stream *s, const void *data, size_t len);
/* No more bytes from this side. */
ADIT_API void adit_stream_finish(struct adit_stream *s);
/*
 * How many bytes |buf| got, at most |cap|; 0: the peer has finished and everything was read. ADIT_EAGAIN: nothing now
 * (READABLE follows); ADIT_EDEAD: the peer or the session has given it up.
 */
ADIT_API ADIT_MUST_CHECK ssize_t adit_stream_read(struct adit_stream *s, void *buf, size_t cap);
/* Gives up both directions: what is queued is dropped, the peer gets RESET and STOPPED. */
ADIT_API void adit_stream_reset(struct adit_stream *s);
/* A sentence why the peer reset it; static. */
ADIT_API const char *adit_stream_why(const struct adit_stream *s);
/* Lets go of it. What was written and finished still goes out; a stream that is neither finished nor over is reset. */
ADIT_API void adit_stream_free(struct adit_stream *s);
/* The caller's own pointer; NULL at first. */
ADIT_API void adit_stream_set_user(struct adit_stream *s, void *user);
ADIT_API void *adit_stream_user(const struct adit_stream *s);

/*
 * One datagram of up to 65507 bytes; those that are longer than a packet are cut and put together again. |flow| is the
 * connect side's to choose, below 2^30, one for each conversation; the serve side answers with the same. 0;
 * ADIT_ENOENT, ADIT_EINVAL: no such service of datagrams, too long; ADIT_EAGAIN: no session; ADIT_EFULL: dropped, as
 * the queue is full.
 */
ADIT_API ADIT_MUST_CHECK int adit_endpoint_send(struct adit_endpoint *ep, const char *service, uint32_t flow,
						const void *data, size_t len);

enum adit_endpoint_state {
	ADIT_ENDPOINT_STATE_SEEKING = 0, /* no session, no path */
	ADIT_ENDPOINT_STATE_SECURING, /* a path, not admitted yet */
	ADIT_ENDPOINT_STATE_UP,
	ADIT_ENDPOINT_STATE_OUTAGE,
	ADIT_ENDPOINT_STATE_OVER, /* after adit_endpoint_close() */
};

struct adit_endpoint_status {
	enum adit_endpoint_state state;
	struct adit_path path; /* the last one */
	uint64_t rtt; /* of the session, smoothed, nanoseconds; 0: not known */
	uint64_t tx_bytes; /* of this session, UDP payload */
	uint64_t rx_bytes;
	uint64_t tx_packets;
	uint64_t rx_packets;
	uint64_t lost_packets;
	uint64_t datagrams_lost;
	uint64_t probes_sent; /* of the search for paths, ever */
	uint32_t paths; /* how many this session has had */
	size_t streams; /* open now */
	const char *cipher; /* static */
	bool is_relayed; /* |path| leads through a relay, this side's or the peer's */
	enum adit_relay_state relay_state;
	struct sockaddr_storage relay; /* the server in use, or that the state is about; AF_UNSPEC: none */
	struct sockaddr_storage mapped; /* where the router forwards to this side; AF_UNSPEC: nowhere */
};

/* Good until the next call on |ep|. */
ADIT_API const struct adit_endpoint_status *adit_endpoint_status_get(struct adit_endpoint *ep);

#ifdef __cplusplus
}
#endif

#endif
