/*
 * Port mapping: one UDP port of this host, made reachable from outside by asking the router for it.
 *
 * Start here. portmap_init() asks PCP (RFC 6887); a router that speaks NAT-PMP only (RFC 6886) is found and asked that
 * way, for IPv4. portmap_input(), _tick(), _deadline(), _output(), _event() as in base/machine.h. The mapping is
 * renewed, made again after the router has restarted, and deleted by portmap_end(). For IPv6 the same opens a pinhole
 * in the router's firewall. Words:
 *
 *   gateway     the router that is asked; nobody else's datagrams are looked at
 *   own         this host's address and the port that is mapped; requests leave from that address
 *   external    where the world reaches it
 *   epoch       the router's seconds since it has its mappings; where it does not fit the own clock they are gone
 *   nonce       who knows it may renew and delete the mapping (PCP)
 *   news        what the router tells everybody in its network, by multicast
 *
 * That a router says yes proves nothing: the caller has the mapping tried from outside and tells the result
 * (portmap_verify_passed, portmap_verify_failed).
 */
#ifndef ADIT_PORTMAP_H
#define ADIT_PORTMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/log.h"
#include "base/machine.h"
#include "base/rng.h"
#include "core/portmap/portmap_limits.h"
#include "core/portmap/portmap_pcp.h"
#include "core/portmap/portmap_pmp.h"

struct portmap_config {
	struct adit_addr gateway; /* with its scope where it is link-local; the port is not looked at */
	struct adit_addr own; /* of the same family */
	uint16_t want_port; /* external; 0: the same as inside */
	uint32_t lifetime; /* seconds to ask for; 0: PORTMAP_LIFETIME */
	/*
	 * The machine opens the sockets |sock| (questions; any port) and |sock| + 1 (news; port 5350, to be opened so
	 * that others on this host can have it too: SO_REUSEADDR). It does without the second where that fails.
	 */
	uint32_t sock;
	struct adit_rng rng;
	const struct adit_log *log; /* may be NULL; borrowed for the machine's life */
};

/*
 *   state     left when
 *   ASK       the router answers: with a mapping (HOLD), with an error (WAIT)
 *   HOLD      the router may have restarted, or the mapping ran out (ASK)
 *   WAIT      the error's time is over, or the router has restarted (ASK)
 *   DELETE    answered, or PORTMAP_DELETE_MAX is over: (ASK) after the first failed verification, else (DONE)
 *   DONE      never
 * ASK also makes a mapping anew that may be gone: it is valid (portmap_external) until that is known.
 */
enum portmap_state {
	PORTMAP_ASK,
	PORTMAP_HOLD,
	PORTMAP_WAIT,
	PORTMAP_DELETE,
	PORTMAP_DONE,
};

enum portmap_protocol {
	PORTMAP_UNKNOWN,
	PORTMAP_PCP,
	PORTMAP_PMP,
};

enum portmap_event_kind {
	PORTMAP_EVENT_MAPPED, /* |external|, |lifetime|, |is_private| */
	PORTMAP_EVENT_CHANGED, /* the same, of a mapping that has moved */
	PORTMAP_EVENT_RESTORED, /* made again where it was, after the router had restarted */
	PORTMAP_EVENT_LOST, /* |reason|; the machine tries on */
	PORTMAP_EVENT_REFUSED, /* |reason|; asked again later, told again only if the reason is another */
	PORTMAP_EVENT_NONE, /* nobody answers; asked on, ever more rarely */
	PORTMAP_EVENT_WITHDRAWN, /* the router says yes and forwards nothing, twice; the machine ends */
};

struct portmap_event {
	enum portmap_event_kind kind;
	enum portmap_protocol protocol;
	struct adit_addr external;
	uint32_t lifetime; /* seconds */
	bool is_private; /* |external| is not of the public internet: a second NAT stands outside this one */
	const char *reason; /* a static text */
};

/* What happened so far. The first three count datagrams that changed nothing. */
struct portmap_stats {
	uint32_t strangers; /* not from the gateway's port 5351 */
	uint32_t malformed;
	uint32_t unexpected; /* well-formed, but not ours: wrong nonce or port, not asked for, replayed */
	uint32_t sent;
	uint32_t renewed;
	uint32_t restarts; /* of the router, seen by its epoch */
};

struct portmap; /* below: the caller hands the storage */

/* |cfg| is copied. The families of |gateway| and |own| are the same, |own| has a port. */
void portmap_init(struct portmap *p, const struct portmap_config *cfg, adit_time now);

/*
 * Returns 0, EIGNORED (a stranger, or nothing to wait for), EPROTO, EVERSION, or EREPLAY (not an answer to what is
 * asked now). Whatever it is: one datagram makes at most one question.
 */
int portmap_input(struct portmap *p, adit_time now, const struct adit_dgram *d);
/* The gateway's "port unreachable" ends the waiting of the first question. */
void portmap_icmp(struct portmap *p, adit_time now, const struct adit_icmp *icmp);
void portmap_sock_failed(struct portmap *p, adit_time now, uint32_t sock);
void portmap_tick(struct portmap *p, adit_time now);
adit_time portmap_deadline(const struct portmap *p);
int portmap_output(struct portmap *p, adit_time now, struct adit_out *ret_out);
/* 1: filled; 0: none. */
int portmap_event(struct portmap *p, struct portmap_event *ret_event);

/* Something happened (suspend, a new lease of the address): ask now whether the mapping still stands. */
void portmap_check(struct portmap *p, adit_time now);

/* It works from outside: a failure from now on counts as the first again. */
void portmap_verify_passed(struct portmap *p);
/* It does not: LOST, deleted and made anew, with another nonce. The second time in a row: deleted and WITHDRAWN. */
void portmap_verify_failed(struct portmap *p, adit_time now);

/* Deletes the mapping, within PORTMAP_DELETE_MAX; then the sockets are closed. Drive it until portmap_is_done(). */
void portmap_end(struct portmap *p, adit_time now);
bool portmap_is_done(const struct portmap *p);

/* Where the world reaches |own|; NULL: nowhere. Good until the next call. */
const struct adit_addr *portmap_external(const struct portmap *p);
const struct portmap_stats *portmap_stats(const struct portmap *p);

/* From here on: the storage. Nobody but the room looks inside. */

/* What the next outputs are. */
enum portmap_want {
	PORTMAP_WANT_OPEN = 1 << 0,
	PORTMAP_WANT_OPEN_NEWS = 1 << 1,
	PORTMAP_WANT_PCP = 1 << 2,
	PORTMAP_WANT_PMP_ADDRESS = 1 << 3,
	PORTMAP_WANT_PMP_MAP = 1 << 4,
	PORTMAP_WANT_CLOSE = 1 << 5,
	PORTMAP_WANT_CLOSE_NEWS = 1 << 6,
};

struct portmap_epoch {
	bool is_known;
	uint32_t value;
	adit_time seen_at;
};

struct portmap {
	struct portmap_config cfg;
	enum portmap_state state;
	enum portmap_protocol protocol;
	adit_time now;
	unsigned want; /* enum portmap_want */
	bool has_news_sock;
	uint8_t nonce[PORTMAP_PCP_NONCE_LEN];
	struct portmap_epoch epoch;

	/* ASK and renewals: what is out and not answered. */
	bool pcp_is_out;
	bool address_is_out;
	bool map_is_out;
	unsigned tries;
	adit_dur rto;
	adit_time send_at;
	unsigned probes; /* NAT-PMP's question beside PCP's */
	adit_time probe_at;
	adit_time last_call_at; /* NAT-PMP has answered; PCP has until then */
	adit_time silence_at; /* when to say that nobody answers */
	bool is_restart; /* the router has restarted since the mapping was made */
	bool has_sent; /* a question for a mapping: it may exist unknown to us */
	bool was_heard; /* the gateway, since it last fell silent */
	bool none_told;
	const char *refusal_told;

	/* NAT-PMP's two halves. */
	bool has_address;
	struct adit_addr address;
	bool has_map;
	uint16_t map_port;
	uint32_t map_lifetime;

	/* The mapping. */
	bool is_mapped;
	struct adit_addr external;
	uint32_t lifetime;
	adit_time granted_at;
	adit_time asked_at; /* the last question for it */
	unsigned renewals; /* since it was granted */
	adit_time renew_at;
	adit_time expire_at;
	adit_time retry_at; /* WAIT */
	adit_time no_renew_until; /* an error said so */
	adit_time hint_at; /* before it, a hint has to wait */

	unsigned verify_failures;
	bool delete_then_ask;
	adit_time delete_until;

	struct portmap_stats stats;
	struct portmap_event events[PORTMAP_EVENTS_MAX];
	size_t events_first;
	size_t events_n;
	uint8_t out[PORTMAP_PCP_MAP_LEN];
};

#endif
