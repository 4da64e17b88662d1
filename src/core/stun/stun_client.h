/*
 * STUN client transactions (RFC 8489 6.2, 6.3): a request goes out, again and again by the book, until its answer comes
 * or the time is up. Many at once, over slots that the user of it provides; not a machine of its own but part of one.
 *
 * Start here: stun_client_begin() opens a transaction and a message with a fresh transaction id, the user adds
 * attributes, stun_client_send() starts it. stun_client_input() tells when an answer ends one, stun_client_event() when
 * time or ICMP did. A transaction ends exactly once. Words:
 *   Rc, Rm   how many times a request is sent at most, and how many first RTOs are waited behind the last one
 *   RTO      the time to the first resend; learnt per server address from answers to requests sent once (Karn)
 *
 * What an answer says is the usage's matter: stun_binding_read() reads a Binding's. Error answers are reported with
 * their code, a 401, 438 or 300 too: what follows from them (other credentials, another server) is the usage's matter.
 */
#ifndef ADIT_STUN_CLIENT_H
#define ADIT_STUN_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/crypto.h"
#include "base/machine.h"
#include "base/rng.h"
#include "core/stun/stun_cookie.h"
#include "core/stun/stun_limits.h"
#include "core/stun/stun_msg.h"

/* Under which the answer must be authentic (RFC 8489 9.1.4); one that is not is dropped and waiting goes on. */
struct stun_cred {
	const struct adit_crypto *crypto;
	enum stun_attr_type type; /* MESSAGE_INTEGRITY or MESSAGE_INTEGRITY_SHA256, as the request has it */
	const uint8_t *key; /* borrowed, as the struct itself, until the transaction has ended */
	size_t key_len;
	/* Long-term credentials: a 401 or 438 without integrity is an answer too (RFC 8489 9.2.4: they never have it).
	 */
	bool long_term;
};

/* A transaction as its user wants it. */
struct stun_ask {
	uint32_t sock;
	uint32_t tag; /* comes back with the result */
	struct adit_addr to;
	struct adit_addr local; /* the source address to use; family NONE: the system chooses */
	const struct stun_cred *cred; /* NULL: the answer needs no integrity */
	adit_dur rto; /* 0: as learnt, else STUN_RTO */
	uint8_t sends; /* Rc; 0: STUN_RC */
	uint8_t last_wait; /* Rm; 0: STUN_RM */
	uint8_t ttl; /* 0: the system's */
	bool any_source; /* the answer may come from elsewhere and to another socket: CHANGE-REQUEST, RESPONSE-PORT */
	/* Binding: with an ADIT_COOKIE attribute (stun_server.h), which servers of others do not look at; in it ... */
	bool with_cookie;
	const uint8_t *cookie; /* ... these STUN_COOKIE_LEN bytes (read at once), as they came back; NULL: none yet */
};

/*
 *   state    left when
 *   FREE     a transaction begins
 *   BUILD    it is sent (WAIT) or dropped (FREE)
 *   WAIT     an answer, ICMP or the time ends it: answers at once (FREE), the others when they are told (ENDED)
 *   ENDED    stun_client_event() has told it (FREE)
 */
enum stun_tx_state {
	STUN_TX_FREE,
	STUN_TX_BUILD,
	STUN_TX_WAIT,
	STUN_TX_ENDED,
};

enum stun_end {
	STUN_END_ANSWER, /* success */
	STUN_END_ERROR, /* |code| */
	STUN_END_UNUSABLE, /* an answer with attributes that must be understood, and are not (RFC 8489 6.3.3, 6.3.4) */
	STUN_END_TIMEOUT,
	STUN_END_ICMP, /* it cannot get there, somebody said: |offender| */
};

/* How a transaction ended. */
struct stun_result {
	enum stun_end end;
	uint32_t tag;
	uint32_t sock; /* where the answer arrived; else where the request had left */
	struct adit_addr to;
	struct adit_addr from; /* whose answer it is */
	struct adit_addr local; /* where it arrived: our own address, with the socket's port */
	unsigned sends; /* how often the request had been sent by then */
	adit_dur rtt; /* since it was sent; 0: that cannot be known, it was sent more than once */
	unsigned code; /* of an ERROR */
	bool violated; /* TIMEOUT: answers came, none of them authentic */
	struct adit_addr offender;
	struct stun_msg msg; /* ANSWER, ERROR, UNUSABLE: borrows the datagram */
};

struct stun_tx {
	enum stun_tx_state state;
	struct stun_ask ask;
	struct stun_result why; /* ENDED */
	uint16_t method;
	unsigned sends;
	bool due; /* to be sent */
	bool extra_due; /* likewise, beside the schedule */
	unsigned extras; /* sent so */
	bool violated;
	adit_dur rto;
	adit_time sent_at; /* last */
	adit_time again_at; /* resend or give up */
	size_t len;
	uint8_t msg[STUN_CLIENT_MSG_MAX];
};

/* What was learnt about the way to a server: RFC 6298 2. */
struct stun_rtt {
	struct adit_addr host; /* no port; family NONE: free */
	adit_dur srtt;
	adit_dur var;
	adit_time used_at;
};

struct stun_client {
	const struct adit_rng *rng;
	struct stun_tx *tx;
	size_t n_tx;
	const uint16_t *known; /* required attributes that answers may have; borrowed */
	size_t n_known;
	struct stun_rtt rtt[STUN_RTT_MAX];
	uint64_t dropped; /* answers that fit no transaction, came from elsewhere or were not authentic */
};

/* |rng| and |slots| are borrowed. The attributes known are those of Binding answers. */
void stun_client_init(struct stun_client *c, const struct adit_rng *rng, struct stun_tx *slots, size_t n);
/* What is borrowed lies elsewhere from now on. Nothing is under way; |slots|: as many as before, zeroed. */
void stun_client_move(struct stun_client *c, const struct adit_rng *rng, struct stun_tx *slots);
/* Another list of required attributes that may be in answers: a usage with a method of its own. Borrowed. */
void stun_client_set_known(struct stun_client *c, const uint16_t *types, size_t n);

/*
 * Opens a transaction: |ret_build| is begun with the method and a fresh id, and takes attributes until
 * stun_client_send(). EFULL: no slot is free, or STUN_PER_HOST transactions are under way with that address.
 */
ADIT_MUST_CHECK int stun_client_begin(struct stun_client *c, const struct stun_ask *ask, uint16_t method,
				      struct stun_build *ret_build, struct stun_tx **ret_tx);
/* EFULL: the message has become too long; the transaction is dropped. */
ADIT_MUST_CHECK int stun_client_send(struct stun_client *c, adit_time now, struct stun_tx *tx, struct stun_build *b);
/* Both: a Binding request. |change| 0 or the bits of CHANGE-REQUEST; |response_port| 0 or that of RFC 5780 7.5. */
ADIT_MUST_CHECK int stun_client_bind(struct stun_client *c, adit_time now, const struct stun_ask *ask, uint32_t change,
				     uint16_t response_port);
#define STUN_CHANGE_IP   0x4u /* RFC 5780 7.2 */
#define STUN_CHANGE_PORT 0x2u

/*
 * 1: |ret_result| is how a transaction has ended (it borrows the datagram); 0: it was for this client, and nothing
 * follows from it; EIGNORED: not an answer to anything here.
 */
ADIT_MUST_CHECK int stun_client_input(struct stun_client *c, adit_time now, const struct adit_dgram *d,
				      struct stun_result *ret_result);
/*
 * An ICMP error about a request that is under way: it quotes the transaction id, which no stranger knows. Port, host
 * and net unreachable and administrative prohibition end it. EIGNORED: none of ours; |*ret_tag| is written also where
 * the error ends nothing (time exceeded).
 */
int stun_client_icmp(struct stun_client *c, adit_time now, const struct adit_icmp *icmp, uint32_t *ret_tag);
void stun_client_tick(struct stun_client *c, adit_time now);
adit_time stun_client_deadline(const struct stun_client *c);
/* 1: |ret_out| is a datagram to send; its data are good until the next call. */
int stun_client_output(struct stun_client *c, adit_time now, struct adit_out *ret_out);
/* 1: another transaction has ended without an answer. */
int stun_client_event(struct stun_client *c, struct stun_result *ret_result);

/*
 * The network may be back only now: what waits under |tag| is sent once more beside its schedule, unless that was done
 * less than |gap| ago. When it is given up stays as it was.
 */
void stun_client_again(struct stun_client *c, adit_time now, uint32_t tag, adit_dur gap);
/* Ends without a result those with |tag|; all of one socket. */
void stun_client_cancel(struct stun_client *c, uint32_t tag);
void stun_client_cancel_sock(struct stun_client *c, uint32_t sock);
/* Is this a request of ours that came back to us? Then |ret_tag| is its tag. */
bool stun_client_is_own(struct stun_client *c, const struct adit_dgram *d, uint32_t *ret_tag);
/* How many are under way. */
size_t stun_client_count(const struct stun_client *c);
/* The RTO that a request to |host| would start with. */
adit_dur stun_client_rto(const struct stun_client *c, adit_time now, const struct adit_addr *host);

/* What a Binding answer says. Addresses that are not there have family NONE. */
struct stun_binding {
	struct adit_addr mapped; /* XOR-MAPPED-ADDRESS; else what old servers have instead, MAPPED-ADDRESS */
	struct adit_addr plain; /* MAPPED-ADDRESS beside it: differs where a NAT rewrites payloads (RFC 8489 14.2) */
	struct adit_addr other; /* OTHER-ADDRESS, or RFC 3489's CHANGED-ADDRESS: the server has a second address */
	struct adit_addr origin; /* RESPONSE-ORIGIN */
	bool has_cookie;
	uint8_t cookie[STUN_COOKIE_LEN]; /* ADIT_COOKIE: to be returned */
};

/* EPROTO: there is no mapped address, its port is 0, or one of them is malformed. */
ADIT_MUST_CHECK int stun_binding_read(const struct stun_msg *m, struct stun_binding *ret_binding);
/*
 * |server|'s second address as we reach it, of the same family; NONE: there is none that may be asked. A server's word
 * sends nobody to a multicast or loopback address, nor into private ranges that it is not in itself.
 */
struct adit_addr stun_binding_other(const struct stun_binding *b, const struct adit_addr *server);

#endif
