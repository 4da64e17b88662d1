/* Every size of the trust room, in bytes unless said otherwise. */
#ifndef ADIT_TRUST_LIMITS_H
#define ADIT_TRUST_LIMITS_H

#define TRUST_KEY_LEN       32 /* an Ed25519 public key, RFC 8032 5.1.5 */
#define TRUST_SECRET_ID_LEN 4 /* names a ticket at its serve side: a lookup key, not a secret */
#define TRUST_SECRET_LEN    16 /* 128 bits, random: cannot be guessed, keeps the ticket short */
#define TRUST_CHECK_LEN     4 /* a damaged ticket passes once in 2^32 */
#define TRUST_K_LEN         32 /* the pair secret K: one HMAC-SHA256 output */
#define TRUST_EXPORTER_LEN  32 /* what is taken from the TLS exporter, RFC 8446 7.5 */
#define TRUST_PROOF_LEN     32 /* HMAC-SHA256, not truncated */

/* All hints of a ticket together. Four mediators with names of usual length fit; the text is seven lines at most. */
#define TRUST_HINTS_MAX 256
/* One hint: its length is a byte on the wire. */
#define TRUST_HINT_MAX 255

/* version, key type, key, secret id, secret, hints, checksum */
#define TRUST_TICKET_HEAD_LEN  (2 + TRUST_KEY_LEN + TRUST_SECRET_ID_LEN + TRUST_SECRET_LEN)
#define TRUST_TICKET_BYTES_MIN (TRUST_TICKET_HEAD_LEN + TRUST_CHECK_LEN)
#define TRUST_TICKET_BYTES_MAX (TRUST_TICKET_BYTES_MIN + TRUST_HINTS_MAX)

/* Characters of base32 without padding for |n| bytes, RFC 4648 6. */
#define TRUST_BASE32_LEN(n) (((n)*8 + 4) / 5)

#define TRUST_MEDIATOR_PORT 3478 /* where none is named: RFC 8489 18.6, it is a STUN server, too */

#define TRUST_TICKET_PREFIX     "adit1"
#define TRUST_TICKET_PREFIX_LEN 5
/* Characters of the longest ticket, without NUL and white space. */
#define TRUST_TICKET_TEXT_MAX (TRUST_TICKET_PREFIX_LEN + TRUST_BASE32_LEN(TRUST_TICKET_BYTES_MAX))

/* SERVICE, ticket labels, peer names: CLI contract. No ticket is as short as the longest name. */
#define TRUST_NAME_MAX 32

/* Comments in identity lines: user@host, as a rule. Longer ones are cut; they are for people only. */
#define TRUST_COMMENT_MAX 64
/* Services in one identity line. The line's owner lists fewer or leaves the list out (all). */
#define TRUST_IDLINE_SERVICES_MAX 64
/* Characters of the longest line that trust_idline_format() writes, without NUL. */
#define TRUST_IDLINE_TEXT_MAX                                                                                   \
	(sizeof("ed25519 ") - 1 + TRUST_BASE32_LEN(TRUST_KEY_LEN) + 1 + TRUST_COMMENT_MAX + sizeof(" []") - 1 + \
	 TRUST_IDLINE_SERVICES_MAX * (TRUST_NAME_MAX + 1))

#endif
