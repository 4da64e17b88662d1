/* Every size of the STUN room, in bytes, with its source. */
#ifndef ADIT_STUN_LIMITS_H
#define ADIT_STUN_LIMITS_H

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

#endif
