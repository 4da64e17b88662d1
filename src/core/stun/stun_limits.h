/* Every size of the STUN room, in bytes, with its source. */
#ifndef ADIT_STUN_LIMITS_H
#define ADIT_STUN_LIMITS_H

#include "base/time.h"

#define STUN_HEADER_LEN 20 /* RFC 8489 5 */
#define STUN_TXID_LEN   12 /* 96 bits, RFC 8489 5 */
#define STUN_ALIGN      4 /* attributes are padded to this, RFC 8489 14 */

#define STUN_SHA1_LEN        20 /* RFC 8489 14.5 */
#define STUN_SHA256_LEN      32 /* RFC 8489 14.6, as sent by default */
#define STUN_SHA256_LEN_MIN  16 /* the shortest truncation a usage may allow; ours demand 32 */
#define STUN_FINGERPRINT_LEN 4 /* RFC 8489 14.7 */

#define STUN_USERNAME_MAX       508 /* RFC 8489 14.3: fewer than 509 bytes when sent */
#define STUN_USERNAME_PARSE_MAX 763 /* RFC 5389 15.3 allowed more: still read */
#define STUN_TEXT_MAX           763 /* REALM, NONCE, SOFTWARE, reason phrase: 127 characters of UTF-8, at most 6 bytes each */
#define STUN_USERHASH_LEN       32 /* RFC 8489 14.4 */

/*
 * The largest message whose integrity can be checked: the HMAC runs over a copy with another length field, kept on the
 * stack. Everything that carries integrity in STUN, ICE and TURN fits a datagram of 1500 bytes; TURN's Send and Data
 * indications, which do not, may be longer.
 */
#define STUN_INTEGRITY_MSG_MAX 2048

/* ---- the server ---- */

/*
 * What a Binding request without PADDING is answered with at most. A request has 20 bytes, so a forged one is made four
 * times as long at worst; with UDP and IPv4 counted, 108 for 48.
 */
#define STUN_SERVER_ANSWER_MAX 80
/* With PADDING (RFC 5780 7.6): never longer than the request, nor than this: an Ethernet frame and the next multiple
 * of 4. */
#define STUN_SERVER_PADDED_MAX 1504
/* Longer requests are not looked at. PADDING of 1500 bytes in a request fits. */
#define STUN_SERVER_REQUEST_MAX 2048
/* A request of RFC 3489 is copied first; its clients send 28 bytes. */
#define STUN_SERVER_CLASSIC_MAX 128
/* UNKNOWN-ATTRIBUTES lists so many at most: then the answer stays within its 80 bytes. */
#define STUN_SERVER_UNKNOWN_MAX 6

#define STUN_SERVER_RATE         10 /* answers a second for one source network, beyond the burst */
#define STUN_SERVER_BURST        200 /* a whole behaviour discovery takes about 20 */
#define STUN_SERVER_CHANGE_RATE  1 /* the same for answers from another address or to another port, without a cookie */
#define STUN_SERVER_CHANGE_BURST 12 /* two clients' discoveries, with retransmissions */

/* Buckets of the limits: 16 bytes each. A day of a busy server sees fewer networks at once. */
#define STUN_SERVER_NETS        65536
#define STUN_SERVER_CHANGE_NETS 4096

#define STUN_LIMIT_WAYS     4 /* buckets in one set: 64 bytes, a cache line */
#define STUN_LIMIT_V4_BYTES 3 /* a /24 */
#define STUN_LIMIT_V6_BYTES 7 /* a /56: what one customer gets, RFC 6177 */

#define STUN_COOKIE_LIFE ADIT_SEC(64) /* a cookie is good for this long at least, and twice as long at most */

/* ---- the client ---- */

/* The client's requests: RFC 8489 6.1, an IPv4 packet of 576 bytes where the path is not known. */
#define STUN_CLIENT_MSG_MAX 548

#define STUN_RTO ADIT_MS(500) /* first resend: RFC 8489 6.2.1 */
#define STUN_RTO_MIN \
	ADIT_MS(100) /* what was learnt may be less than STUN_RTO (6.2.1), but a busy host is late by that */
#define STUN_RTO_MAX  ADIT_SEC(3) /* of what was learnt; then doubled */
#define STUN_RC       7 /* sends: RFC 8489 6.2.1 */
#define STUN_RM       16 /* the wait behind the last one, in first RTOs: RFC 8489 6.2.1 */
#define STUN_RTO_KEPT ADIT_SEC(600) /* what was learnt is stale then: RFC 8489 6.2.1 */
#define STUN_RTT_MAX  16 /* servers whose round trip is remembered; the one not used for longest goes */
#define STUN_PER_HOST 10 /* transactions with one server at a time: RFC 8489 6.2 */

#endif
