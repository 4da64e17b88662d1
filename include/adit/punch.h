/*
 * Punch only: two peers that share a secret get a UDP socket each, connected to the other's through both NATs. What
 * they send over it is theirs: nothing is encrypted and nothing is kept alive.
 *
 * One side is "serve", the other "connect"; apart from that they are equal. Both need the pair's secret (a ticket of
 * <adit/ticket.h>, or bytes that both have) and a way to meet:
 *   - known addresses: adit_punch_set_peers(). One side may know nothing, if its own NAT lets the other in. This
 *     promises NATs that keep the port, public and port-forwarded hosts, whatever routers do with early packets.
 *   - mediators: config.meets and adit_punch_add_mediator(). This opens most other pairs of NATs, too.
 * Both may be used together. Sockets come and go while it is tried (up to 256 at a time); most pairs need two.
 */
#ifndef ADIT_PUBLIC_PUNCH_H
#define ADIT_PUBLIC_PUNCH_H

#include <adit/adit.h>

#ifdef __cplusplus
extern "C" {
#endif

struct adit_punch;

struct adit_punch_config {
	size_t size; /* sizeof(struct adit_punch_config) */
	struct adit_log_config log;
	const char *ticket; /* with a secret, the same on both sides; or */
	const void *secret; /* 16 bytes or more that nobody else has: random, not a pass phrase */
	size_t secret_len;
	const char *identity; /* serve, |meets|: the ticket's own (<adit/ticket.h>) */
	const char *memory; /* the last ADIT_MEETING_LEARNT of an earlier run; NULL: none */
	bool serve;
	bool meets; /* through mediators, too: there is a ticket then */
	unsigned port; /* of the own socket, when it matters to a firewall; 0: derived from the secret */
};

/*
 * What the configuration points to is copied. ADIT_EINVAL: not exactly one of |ticket| and |secret|, a secret below 16
 * bytes, a ticket without a secret, |meets| without a ticket or, on the serve side, without the ticket's own
 * |identity|; a |port| above 65535; a |memory| that is none. The codes of adit_ticket_check() and
 * adit_identity_public(); ADIT_ENOMEM, ADIT_ESYS.
 */
ADIT_API ADIT_MUST_CHECK int adit_punch_new(const struct adit_punch_config *cfg, struct adit_punch **ret_punch);
/* Closes every socket that was not handed over, and sends nothing. Accepts NULL. */
ADIT_API void adit_punch_free(struct adit_punch *punch);

/*
 * The peer's public addresses, 8 at most; again whenever they change. A port is one that the peer's router forwards, or
 * the peer's |port|; without it is 0. ADIT_EINVAL: one is no address, or there are more than 8.
 */
ADIT_API ADIT_MUST_CHECK int adit_punch_set_peers(struct adit_punch *punch, const struct sockaddr_storage *addrs,
						  size_t n);
/*
 * A mediator, 4 at most, before or after the start: |name| as adit_ticket_mediator() gives it, |addr| what it resolves
 * to; the library resolves no names. Of several addresses both sides take the lowest. Again when it resolves to
 * another. ADIT_EINVAL: no address, or not |meets|; ADIT_EFULL: they are four already, or the name is too long;
 * ADIT_ENOMEM.
 */
ADIT_API ADIT_MUST_CHECK int adit_punch_add_mediator(struct adit_punch *punch, const char *name,
						     const struct sockaddr *addr, socklen_t len);
/*
 * A further STUN server: a second witness of how the own NAT maps. ADIT_EINVAL: no address, or not |meets|; ADIT_EFULL:
 * 16 addresses are asked already, those of mediators and those that servers have told of themselves among them;
 * ADIT_ENOMEM.
 */
ADIT_API ADIT_MUST_CHECK int adit_punch_add_server(struct adit_punch *punch, const struct sockaddr *addr,
						   socklen_t len);
/* Begins. It goes on until both sides have a socket. */
ADIT_API void adit_punch_start(struct adit_punch *punch);

/* The three steps of <adit/adit.h>. */
ADIT_API int adit_punch_fd(const struct adit_punch *punch);
ADIT_API uint64_t adit_punch_deadline(const struct adit_punch *punch);
ADIT_API void adit_punch_process(struct adit_punch *punch);

enum adit_punch_event_kind {
	ADIT_PUNCH_OPEN = 1, /* |fd|: done; the object is of no further use */
	ADIT_PUNCH_STUCK, /* 30 s without a sign of the peer: comes once, waiting goes on */
	ADIT_PUNCH_MEETING, /* |meeting| */
};

struct adit_punch_event {
	enum adit_punch_event_kind kind;
	/*
	 * A UDP socket: connected to |peer|, non-blocking, close-on-exec, with ordinary options; the caller's to close.
	 * STUN that was still under way may come out of it for a moment: adit_is_stun() tells. The NATs forget it after
	 * as little as 30 s of silence, so something should be sent every 15 s.
	 */
	int fd;
	struct sockaddr_storage peer;
	struct sockaddr_storage mapped; /* as the peer sees this side; AF_UNSPEC: not known */
	uint64_t rtt; /* nanoseconds; 0: not known */
	struct adit_meeting meeting;
};

/* NULL: none. Good until the next call on |punch|. */
ADIT_API const struct adit_punch_event *adit_punch_next_event(struct adit_punch *punch);

#ifdef __cplusplus
}
#endif

#endif
