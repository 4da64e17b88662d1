/*
 * A standard ICE agent for one component: RFC 8445, trickle (RFC 8838), patience (RFC 8863), consent (RFC 7675). It
 * talks to any other: browsers, libnice, aioice, lite ones, and those that nominate as RFC 5245 did.
 *
 * It speaks lines of session descriptions (RFC 8839 5): ADIT_ICE_LINE events are for the peer, by whatever way you
 * have, and what the peer's agent says goes into adit_ice_line(). In use:
 *
 *   adit_ice_new, adit_ice_add_interfaces or _add_address, adit_ice_add_server, adit_ice_gather;
 *   LINE events out, adit_ice_line() in;
 *   READY: data may flow (adit_ice_send, DATA events); SELECTED: the path for good.
 */
#ifndef ADIT_ICE_H
#define ADIT_ICE_H

#include <adit/adit.h>

#ifdef __cplusplus
extern "C" {
#endif

struct adit_ice;

struct adit_ice_config {
	size_t size; /* sizeof(struct adit_ice_config) */
	struct adit_log_config log;
	bool controlling; /* RFC 8445 6.1.1: who began. Two that say the same settle it (7.3.1.1). */
	bool allow_loopback; /* 127/8 and ::1 as candidates: for tests on one machine */
	unsigned pacing_ms; /* Ta, RFC 8445 14.2; 0: 50. At least 5. */
};

/* ADIT_EINVAL: the configuration is not one; ADIT_ENOMEM, ADIT_ESYS. */
ADIT_API ADIT_MUST_CHECK int adit_ice_new(const struct adit_ice_config *cfg, struct adit_ice **ret_ice);
/* Sends nothing. Accepts NULL. */
ADIT_API void adit_ice_free(struct adit_ice *ice);

/* Before gathering: where to be reached. What an address lies on: later ones are tried last. */
enum adit_ice_net {
	ADIT_ICE_NET_NORMAL = 0,
	ADIT_ICE_NET_VPN = 1,
	ADIT_ICE_NET_VIRTUAL = 2, /* a bridge to guests of this machine */
};

/*
 * Binds a UDP socket to |addr| (port 0: any): a host candidate. ADIT_EINVAL: not an address that may be one (RFC 8445
 * 5.1.1.1); ADIT_ESYS: it cannot be bound; ADIT_EFULL: there are 16.
 */
ADIT_API ADIT_MUST_CHECK int adit_ice_add_address(struct adit_ice *ice, const struct sockaddr *addr, socklen_t len,
						  enum adit_ice_net net);
/*
 * The same with all addresses of the machine's interfaces that are up; VPN interfaces, docker's and libvirt's are known
 * by their names. Returns how many were added, 0 or more. ADIT_ESYS: the interfaces cannot be read; ADIT_ENOMEM.
 */
ADIT_API ADIT_MUST_CHECK int adit_ice_add_interfaces(struct adit_ice *ice);
/*
 * A STUN server (RFC 8489), asked from each address how it is seen. ADIT_EINVAL: not an address; ADIT_EFULL: there are
 * 4.
 */
ADIT_API ADIT_MUST_CHECK int adit_ice_add_server(struct adit_ice *ice, const struct sockaddr *addr, socklen_t len);
/* Begins. LINE events come: credentials, candidates, end-of-candidates. */
ADIT_API void adit_ice_gather(struct adit_ice *ice);

/*
 * One line of the peer's description, with or without "a=" and line end: ice-ufrag, ice-pwd, ice-options, ice-lite,
 * ice-pacing, then candidate and end-of-candidates. Any other line is skipped, so a whole description may be given line
 * by line. 0; ADIT_EIGNORED: not used, as every agent does with candidates that are not for it; ADIT_EPROTO: malformed;
 * ADIT_EINVAL: credentials are missing or not valid, or belong to another generation: adit_ice_restart() first (RFC
 * 8445 9).
 */
ADIT_API int adit_ice_line(struct adit_ice *ice, const char *line, size_t len);

/* New credentials (RFC 8445 9): all LINE events come anew, the peer's lines are expected anew. Data goes on flowing. */
ADIT_API void adit_ice_restart(struct adit_ice *ice);

/* The three steps of <adit/adit.h>. */
ADIT_API int adit_ice_fd(const struct adit_ice *ice);
ADIT_API uint64_t adit_ice_deadline(const struct adit_ice *ice);
ADIT_API void adit_ice_process(struct adit_ice *ice);

enum adit_ice_event_kind {
	ADIT_ICE_LINE = 1, /* |line|: for the peer */
	ADIT_ICE_READY, /* the first pair that works: data may flow */
	ADIT_ICE_SELECTED, /* the pair for good; comes again where another is nominated */
	ADIT_ICE_DATA, /* |data|: a datagram of the peer's */
	ADIT_ICE_FAILED, /* no pair works; adit_ice_explain() tells of each. A restart begins again. */
	ADIT_ICE_LOST, /* the peer's consent has expired (RFC 7675 5.1): nothing is sent until a restart */
};

struct adit_ice_event {
	enum adit_ice_event_kind kind;
	const char *line; /* "candidate:...", without "a=" and line feed */
	size_t line_len;
	const void *data;
	size_t data_len;
	struct sockaddr_storage local; /* READY, SELECTED: the own address it leaves from */
	struct sockaddr_storage mapped; /* as the peer sees it */
	struct sockaddr_storage remote;
	uint64_t rtt; /* nanoseconds; 0: not known */
};

/* NULL: none. The event and what it points to are good until the next call on |ice|. */
ADIT_API const struct adit_ice_event *adit_ice_next_event(struct adit_ice *ice);

/*
 * A datagram to the peer, never fragmented: 1200 bytes go everywhere. It must not look like STUN (adit_is_stun()). 0:
 * sent, as far as UDP can tell; ADIT_EAGAIN: no working pair, or no room (the descriptor tells); ADIT_EINVAL: it looks
 * like STUN, or is empty or longer than 65507 bytes.
 */
ADIT_API ADIT_MUST_CHECK int adit_ice_send(struct adit_ice *ice, const void *data, size_t len);

enum adit_ice_state {
	ADIT_ICE_STATE_IDLE = 0, /* the peer's credentials are not known */
	ADIT_ICE_STATE_CHECKING,
	ADIT_ICE_STATE_CONNECTED, /* a pair works, none is nominated */
	ADIT_ICE_STATE_COMPLETED,
	ADIT_ICE_STATE_FAILED,
	ADIT_ICE_STATE_LOST,
};

struct adit_ice_status {
	enum adit_ice_state state;
	bool controlling; /* now: a conflict may have changed it */
	uint64_t checks_sent; /* with repetitions */
	uint64_t answers_sent;
	uint64_t consents_sent;
	uint64_t keepalives_sent;
	uint64_t checks_heard; /* authentic */
	uint64_t answers_heard; /* authentic, to a check of ours */
	uint64_t bad_auth;
	uint64_t malformed;
	uint64_t stray; /* STUN that nobody here asked for */
	uint64_t strange_data; /* data that came from elsewhere than a pair that was heard of: dropped */
	uint64_t role_switches;
	uint64_t candidates_refused; /* the peer's */
};

/* Good until the next call on |ice|. */
ADIT_API const struct adit_ice_status *adit_ice_status_get(struct adit_ice *ice);

/*
 * What became of each pair, a line in plain words, with "* " before the selected one: |*pos| starts at 0. NULL at the
 * end; else good until the next call on |ice|.
 */
ADIT_API const char *adit_ice_explain(struct adit_ice *ice, size_t *pos);

#ifdef __cplusplus
}
#endif

#endif
