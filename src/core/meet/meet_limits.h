/* Every size, time and limit of the meeting room. Sizes in bytes. */
#ifndef ADIT_MEET_LIMITS_H
#define ADIT_MEET_LIMITS_H

#include "base/time.h"

#define MEET_ID_LEN     16 /* BLAKE2b-128(identity key || salt): nobody finds a second key for it */
#define MEET_KEY_LEN    32 /* Ed25519, RFC 8032 5.1.5 */
#define MEET_SALT_LEN   16
#define MEET_SIG_LEN    64 /* RFC 8032 5.1.6 */
#define MEET_HANDLE_LEN 8 /* proves a registration: guessed once in 2^64 */
#define MEET_K_LEN      32 /* the pair secret, trust_keys.h */
#define MEET_SEAL_KEY   32 /* XChaCha20-Poly1305 */
#define MEET_SEAL_NONCE 24 /* random: the key is used by two machines that do not count together */
#define MEET_SEAL_TAG   16
#define MEET_X25519_LEN 32 /* RFC 7748 5 */

/*
 * A sealed offer with nonce and tag. With header, id and route the message has 1200 bytes then, and with those of UDP
 * and IPv6 it fits the 1280 that every path carries.
 */
#define MEET_SEALED_MAX 1120
#define MEET_PLAIN_MAX  (MEET_SEALED_MAX - MEET_SEAL_NONCE - MEET_SEAL_TAG)
#define MEET_CANDS_MAX  30 /* candidates of one offer */
#define MEET_UFRAG_MAX  32 /* ours have 8; RFC 8839 5.4 allows 256 */
#define MEET_PWD_MAX    64
#define MEET_EXTRA_MAX  128 /* what the two sides say about their NATs; opaque here */
#define MEET_MSG_MAX    1400 /* the longest message of this protocol */

/* Credentials of a relay. */
#define MEET_PERMIT_LEN     12
#define MEET_RELAY_URIS     4
#define MEET_RELAY_URI_MAX  128 /* bytes */
#define MEET_RELAY_USER_MAX 48 /* "2147483647:" and 16 digits in hexadecimal */
#define MEET_RELAY_PASS_MAX 48 /* a SHA-1 in base64 has 28 */
#define MEET_RELAY_PLAIN_MAX \
	(1 + 4 + 1 + MEET_RELAY_USER_MAX + 1 + MEET_RELAY_PASS_MAX + 1 + MEET_RELAY_URIS * (1 + MEET_RELAY_URI_MAX))
#define MEET_LOAN_HEAD (MEET_X25519_LEN + MEET_SEAL_NONCE)
#define MEET_LOAN_MAX  (MEET_LOAN_HEAD + MEET_RELAY_PLAIN_MAX + MEET_SEAL_TAG)

/* ---- the mediator ---- */
#define MEET_LIFETIME       ADIT_SEC(75) /* of a registration that is not refreshed: five keepalives */
#define MEET_REGISTER_RATE  20 /* a second and network: each costs a signature, 100 us; and as many cookies */
#define MEET_REGISTER_BURST 400
#define MEET_OFFER_RATE     10 /* a second and network */
#define MEET_OFFER_BURST    100
#define MEET_UNKNOWN_MAX    6 /* attributes that an error lists */
#define MEET_LEND_LIFE      ADIT_SEC(600) /* of credentials: long enough to make an allocation with */
#define MEET_LEND_EACH      ADIT_SEC(5) /* and network */
#define MEET_LEND_BURST     30
#define MEET_VERIFIED                                                                                  \
	16384 /* signatures remembered as good, 8 bytes each: what is sent again costs no second check \
	       */
#define MEET_NETS       16384 /* buckets of each of these limits, stun_limit.h */
#define MEET_LOCALS_MAX 64 /* addresses of the mediator's own that peers are registered at; more: refused */
#define MEET_SLOTS_MIN  1024 /* of the table of peers, to begin with */
#define MEET_SWEEP      256 /* slots looked at in one tick */
#define MEET_SWEEP_EACH ADIT_MS(10)
#define MEET_DURATIONS  12 /* classes of how long meeting took: below 2^n * 16 ms */

/* ---- a peer ---- */
#define MEET_MEDIATORS_MAX 4 /* of one ticket */
#define MEET_KEEPALIVE     ADIT_SEC(15) /* docs/rules.md 3; NATs keep a mapping 30 s at least */
#define MEET_RTO           ADIT_MS(500) /* RFC 8489 6.2.1 */
#define MEET_TRIES         5 /* sends at 0, 0.5, 1.5, 3.5, 7.5 s, then given up at 15.5 s */
#define MEET_LAST_WAIT     ADIT_SEC(8) /* for the answer to the last of them */
#define MEET_AGAIN         ADIT_MS(400) /* between two sends where somebody waits (meet_client_again()) */
#define MEET_BACKOFF       ADIT_SEC(10) /* until a mediator that refused is asked anew, doubling ... */
#define MEET_BACKOFF_MAX   ADIT_SEC(120) /* ... up to this; one that is silent, once each keepalive */
#define MEET_FAILOVER      ADIT_MS(1500) /* without an answer the next mediator is asked too */
#define MEET_ABSENT_AGAIN  ADIT_SEC(5) /* a peer that is not there is asked for again */
#define MEET_COOKIE_LATE   ADIT_MS(20) /* after the answer to what left beside its question: then it was lost */
#define MEET_STAMP_WINDOW  ADIT_SEC(120) /* how far an offer's clock may differ from ours */
#define MEET_SEEN          64 /* offers remembered in that window; more are refused: one each 4 s is plenty */
#define MEET_COOKIE_FRESH  ADIT_SEC(60) /* good at the mediator for 64 s at least (STUN_COOKIE_LIFE) */
#define MEET_COOKIES_MAX   3 /* taken from a mediator in a row */
#define MEET_NAME_MAX      255 /* of a mediator, as the ticket has it */

#endif
