/*
 * An ICE agent (RFC 8445) for one component, that any ICE agent can talk to: trickle (RFC 8838), patience (RFC 8863),
 * consent (RFC 7675), peers that nominate as RFC 5245 did, and lite ones.
 *
 * Start here. ice_candidate.h is an address with its worth and its spelling; ice_sdp.h the other lines and the
 * credentials; ice_msg.h a check as a STUN message; ice_account.h tells what became of each pair; ice_limits.h has
 * every number. In use: init, add_host for each own address, add_server, gather; take CANDIDATE and GATHERED events and
 * signal them with ice_agent_cred(); set_remote, add_remote, end_remote as the peer's description comes in; SELECTED is
 * the path. Words:
 *
 *   base      an own address that packets leave from; the sockets are the caller's, the agent only knows their numbers
 *   local     an own candidate: a base, or how somebody sees it
 *   remote    a candidate of the peer: signalled, or learnt from a check of its (peer-reflexive)
 *   pair      a base and a remote; there is one for each two that can talk
 *   valid     our own check over this pair was answered, authenticated: data may flow
 *   selected  the valid pair that the controlling side nominated
 *   early     a check that came before the peer's description
 *
 *   state       meaning                                              left by
 *   IDLE        the peer's credentials are not known                 set_remote
 *   CHECKING    no valid pair yet                                    an answer, patience
 *   CONNECTED   a valid pair, none selected                          nomination, patience
 *   COMPLETED   a selected pair                                      lost consent, restart
 *   FAILED      all checks failed; everything is ignored             restart
 *   LOST        the selected pair has no consent any more            restart
 */
#ifndef ADIT_ICE_AGENT_H
#define ADIT_ICE_AGENT_H

#include "base/crypto.h"
#include "base/log.h"
#include "base/machine.h"
#include "base/nat64.h"
#include "base/rng.h"
#include "core/ice/ice_account.h"
#include "core/ice/ice_candidate.h"
#include "core/ice/ice_limits.h"
#include "core/ice/ice_msg.h"
#include "core/ice/ice_sdp.h"

/* What an own address lies on: the later ones are tried last. */
enum ice_iface {
	ICE_IFACE_NORMAL,
	ICE_IFACE_VPN,
	ICE_IFACE_VIRTUAL, /* docker, libvirt: bridges to guests of this machine */
};

struct ice_config {
	enum ice_role role; /* RFC 8445 6.1.1: who began is controlling */
	const struct adit_crypto *crypto; /* borrowed */
	const struct adit_log *log; /* borrowed; may be NULL */
	struct adit_rng rng;
	adit_dur ta; /* between new transactions; 0: ICE_TA. The peer may ask for more. */
	adit_dur rto_min; /* 0: ICE_RTO_MIN. Less only toward peers that are known to like it. */
	adit_dur nominate_wait; /* 0: ICE_NOMINATE_WAIT */
	unsigned private_max; /* 0: ICE_PRIVATE_MAX */
	bool allow_loopback; /* for tests on one machine */
	bool no_consent; /* keepalives alone: the caller has a better sign of life */
	/*
	 * A NAT64 that we are behind: what an IPv6-only host whose sockets do not translate (base/nat64.h) needs to
	 * reach IPv4 peers.
	 */
	struct adit_nat64 nat64;
};

struct ice_agent; /* below: the caller hands the storage */

void ice_agent_init(struct ice_agent *a, const struct ice_config *cfg, adit_time now);
/* Forgets the secrets. Accepts NULL. */
void ice_agent_done(struct ice_agent *a);

/*
 * An own address, with its port, on the caller's socket |sock|; several may share one. Before gather: they are ranked
 * together, IPv6 and IPv4 in turns (RFC 8421), those of one kind in the order given. Afterwards: ranked last. 0, EFULL,
 * EINVAL (it may not be one: RFC 8445 5.1.1.1).
 */
ADIT_MUST_CHECK int ice_agent_add_host(struct ice_agent *a, adit_time now, uint32_t sock, const struct adit_addr *addr,
				       enum ice_iface iface);
/*
 * The same for a socket on which a check of the peer's has just come: it talks to whom it hears and to nobody else, and
 * is not signalled. 0, EFULL, EINVAL.
 */
ADIT_MUST_CHECK int ice_agent_add_heard(struct ice_agent *a, adit_time now, uint32_t sock,
					const struct adit_addr *addr);
/* A STUN server to be asked from each base. 0, EFULL, EINVAL. */
ADIT_MUST_CHECK int ice_agent_add_server(struct ice_agent *a, const struct adit_addr *addr);
/*
 * An address relayed by a TURN server, any time: what is sent from |sock|, a number of the caller's, goes through the
 * allocation; what comes out of it is input there, from the peer's address. |mapped|: as the server sees us. 0, EFULL,
 * EINVAL.
 */
ADIT_MUST_CHECK int ice_agent_add_relayed(struct ice_agent *a, adit_time now, uint32_t sock,
					  const struct adit_addr *relayed, const struct adit_addr *server,
					  const struct adit_addr *mapped);
/* Begins: CANDIDATE events come, then GATHERED. |more|: GATHERED waits for ice_agent_gathered (relayed ones may come).
 */
void ice_agent_gather(struct ice_agent *a, adit_time now, bool more);
void ice_agent_gathered(struct ice_agent *a, adit_time now);

/* To be signalled. Good until restart or done. */
const struct ice_cred *ice_agent_cred(const struct ice_agent *a);

struct ice_remote_desc {
	struct ice_cred cred;
	bool is_lite; /* ice-lite: we are controlling */
	bool has_ice2; /* ice-options ice2: it nominates once, and the last nomination counts */
	uint32_t pacing_ms; /* ice-pacing; 0: not given, which means ICE_TA (RFC 8839 5.5) */
};

/* The peer's description. 0; EINVAL: not valid, or there is another one: restart first. */
ADIT_MUST_CHECK int ice_agent_set_remote(struct ice_agent *a, adit_time now, const struct ice_remote_desc *desc);
/*
 * A candidate of the peer, before or after set_remote. 0, or EIGNORED: it is not used; ice_stats counts why.
 * |c->ufrag|, if there, must be the peer's.
 */
ADIT_MUST_CHECK int ice_agent_add_remote(struct ice_agent *a, adit_time now, const struct ice_candidate *c);
/* As |rto_min| of the configuration, for checks that begin from now on: more is known of the way now. */
void ice_agent_set_rto(struct ice_agent *a, adit_dur rto_min);
/* end-of-candidates. */
void ice_agent_end_remote(struct ice_agent *a, adit_time now);

/*
 * A check as the agent would send it, with a fresh transaction id, for packets that are sent beside the agent's own
 * (low TTL, many ports at once): the peer that gets it checks back. |is_relayed|: it will leave through a relay of
 * ours. After set_remote. Fills |buf|; the length.
 */
size_t ice_agent_check(const struct ice_agent *a, bool is_relayed, uint8_t buf[ICE_MSG_MAX]);

/*
 * New credentials (RFC 8445 9): all candidates are signalled anew, the peer's are forgotten. A selected pair stays in
 * use until another is selected.
 */
void ice_agent_restart(struct ice_agent *a, adit_time now);

/* The caller has sent data over the selected pair: no keepalive is needed for a while. */
void ice_agent_sent(struct ice_agent *a, adit_time now);

/* 0: it was for the agent. EIGNORED: not STUN, or none of ours. EAUTH, EPROTO: drop. */
int ice_agent_input(struct ice_agent *a, adit_time now, const struct adit_dgram *d);
void ice_agent_icmp(struct ice_agent *a, adit_time now, const struct adit_icmp *icmp);
void ice_agent_tick(struct ice_agent *a, adit_time now);
adit_time ice_agent_deadline(const struct ice_agent *a);
int ice_agent_output(struct ice_agent *a, adit_time now, struct adit_out *ret_out);

enum ice_state {
	ICE_IDLE,
	ICE_CHECKING,
	ICE_CONNECTED,
	ICE_COMPLETED,
	ICE_FAILED,
	ICE_LOST,
};

enum ice_event_kind {
	ICE_EVENT_CANDIDATE, /* |cand|: to be signalled */
	ICE_EVENT_GATHERED, /* end-of-candidates is to be signalled */
	ICE_EVENT_VALID, /* the first valid pair: data may flow over it; |sock|, |local|, |remote| */
	ICE_EVENT_SELECTED, /* the same, for good; may come again where the peer nominates again */
	ICE_EVENT_FAILED, /* all pairs failed; the accounts tell why */
	ICE_EVENT_LOST, /* no consent: nothing may be sent over the selected pair any more */
};

struct ice_event {
	enum ice_event_kind kind;
	struct ice_candidate cand;
	uint32_t sock;
	struct adit_addr local; /* the base */
	struct adit_addr mapped; /* as the peer sees it */
	struct adit_addr remote;
	adit_dur rtt; /* 0: not known */
	bool is_relayed; /* the base is */
};

/* 1: filled; 0: none. */
int ice_agent_event(struct ice_agent *a, struct ice_event *ret_event);

struct ice_stats {
	uint64_t checks_sent; /* with repetitions */
	uint64_t answers_sent;
	uint64_t gathers_sent;
	uint64_t consents_sent;
	uint64_t keepalives_sent;
	uint64_t checks_heard; /* authentic */
	uint64_t answers_heard; /* authentic, to a check of ours */
	uint64_t bad_auth;
	uint64_t malformed;
	uint64_t stray; /* STUN, but nothing we asked for or have */
	uint64_t role_switches;
	uint64_t dropped_answers; /* the queue was full */
	uint64_t refused[ICE_REFUSALS]; /* the peer's candidates */
	uint64_t early_dropped;
	uint64_t pairs_dropped; /* for want of room, each time it was tried */
};

enum ice_state ice_agent_state(const struct ice_agent *a);
enum ice_role ice_agent_role(const struct ice_agent *a);
void ice_agent_stats(const struct ice_agent *a, struct ice_stats *ret_stats);
/* The account of each pair: |*pos| starts at 0. False at the end. */
bool ice_agent_account(const struct ice_agent *a, size_t *pos, struct ice_account *ret_account);

/* From here on: the storage. Nobody but the room looks inside. */

/* A request and its repetitions (RFC 8489 6.2.1). All instants are NEVER where nothing will happen. */
struct ice_txn {
	uint8_t txid[STUN_TXID_LEN];
	bool is_out; /* an answer would count */
	bool want_send;
	bool use_candidate;
	enum ice_role role; /* as sent */
	uint64_t tiebreaker;
	unsigned sends;
	adit_dur rto; /* the first */
	adit_time sent_at; /* the first time */
	adit_time last_at; /* the last time */
	adit_time retry_at;
};

struct ice_base {
	bool is_used;
	bool is_relayed;
	bool is_ranked; /* has its candidate */
	bool is_narrow; /* pairs only with whom it has heard */
	uint8_t iface;
	uint16_t pref; /* RFC 8445 5.1.2.1 */
	uint32_t sock;
	struct adit_addr addr;
	uint8_t local; /* its own candidate */
};

struct ice_local {
	bool is_told;
	uint8_t base;
	struct adit_addr server; /* where it was learnt; NONE: nowhere */
	struct ice_candidate cand;
};

/*
 *   gather     left by
 *   FREE       gather
 *   PENDING    its turn
 *   ASKED      an answer, its time is over
 *   DONE       it has its answer, and is refreshed until a pair is selected
 *   FAILED     -
 */
enum ice_gather_state {
	ICE_GATHER_FREE,
	ICE_GATHER_PENDING,
	ICE_GATHER_ASKED,
	ICE_GATHER_DONE,
	ICE_GATHER_FAILED,
};

struct ice_gather {
	enum ice_gather_state state;
	uint8_t base;
	uint8_t server;
	struct ice_txn txn;
	adit_time refresh_at;
};

struct ice_remote {
	bool is_used;
	bool is_signalled;
	struct ice_candidate cand;
};

struct ice_pair {
	bool is_used;
	bool is_valid;
	bool is_nominated;
	bool is_wanted; /* controlled: the peer said USE-CANDIDATE, and our own check is not answered yet */
	enum ice_pair_state state;
	enum ice_why why;
	uint8_t base;
	uint8_t remote;
	uint8_t seen_as; /* valid: the local candidate that the peer sees; ICE_LOCALS_MAX: none we could keep */
	struct adit_addr mapped;
	uint64_t priority;
	uint64_t valid_priority;
	uint32_t queued; /* place in the triggered queue; 0: not in it */
	struct ice_txn txn;
	struct ice_txn old; /* no longer repeated, but a late answer counts (RFC 8445 7.3.1.4) */
	uint32_t sent;
	uint32_t heard;
	uint32_t answered;
	uint32_t icmp;
	unsigned conflicts; /* of role */
	unsigned error;
	adit_time first_at;
	adit_dur rtt;
};

struct ice_early {
	uint8_t base;
	bool use_candidate;
	uint32_t priority;
	struct adit_addr remote;
	uint16_t sender_len;
	char sender[ICE_UFRAG_MAX];
};

struct ice_answer {
	uint32_t sock;
	struct adit_addr local;
	struct adit_addr remote;
	size_t len;
	uint8_t data[160]; /* a 420 that names ICE_UNKNOWN_MAX types: 20 + 28 + 20 + 36 + 8, rounded up */
};

struct ice_consent {
	uint8_t txid[STUN_TXID_LEN];
	adit_time sent_at; /* NEVER: not in use */
};

/* The selected pair: a copy, so that it survives a restart. */
struct ice_path {
	bool is_used;
	bool want_consent;
	bool want_keepalive;
	uint8_t base;
	struct adit_addr remote;
	struct adit_addr mapped;
	uint64_t priority;
	adit_dur rtt;
	uint32_t prflx_priority;
	struct ice_cred local_cred;
	struct ice_cred remote_cred;
	struct ice_consent consents[ICE_CONSENTS_MAX];
	size_t consent_next;
	adit_time consent_at;
	adit_time consent_until;
	adit_time keepalive_at;
};

struct ice_agent {
	struct ice_config cfg;
	enum ice_state state;
	enum ice_role role;
	uint64_t tiebreaker;
	adit_time now;
	adit_dur ta;

	struct ice_base bases[ICE_BASES_MAX];
	struct adit_addr servers[ICE_SERVERS_MAX];
	size_t n_servers;
	struct ice_local locals[ICE_LOCALS_MAX];
	size_t n_locals;
	struct ice_gather gathers[ICE_GATHERS_MAX];
	bool is_gathering;
	bool is_more; /* the caller has not said that no more will come */
	bool is_gathered;
	bool tell_gathered;
	adit_time gather_until;

	struct ice_cred cred;
	struct ice_cred old_cred; /* before the restart; ufrag "": none */
	bool has_remote;
	struct ice_remote_desc desc;
	bool is_remote_ended;
	struct ice_remote remotes[ICE_REMOTES_MAX];
	unsigned n_signalled; /* accepted in this generation */
	unsigned n_private;
	unsigned learnt; /* ever: numbers their foundations */

	struct ice_pair pairs[ICE_PAIRS_MAX];
	uint32_t queue_next;
	adit_time ta_at; /* the next new transaction not before */
	bool gather_last; /* the last one was a gathering one: take turns */
	adit_time patience_at;
	adit_time grace_at;
	adit_time valid_at; /* the first valid pair; NEVER: none */
	size_t nominating; /* the pair; ICE_PAIRS_MAX: none */
	struct ice_path path;

	struct ice_early early[ICE_EARLY_MAX];
	size_t n_early;
	struct ice_answer answers[ICE_ANSWERS_MAX];
	size_t answers_first;
	size_t answers_n;
	bool tell_valid;
	size_t valid_pair; /* whom it is about */
	bool tell_selected;
	bool tell_failed;
	bool tell_lost;
	struct ice_stats stats;
	uint8_t out[ICE_MSG_MAX];
};

#endif
