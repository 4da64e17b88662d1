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
