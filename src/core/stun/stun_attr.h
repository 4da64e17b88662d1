/*
 * Values of STUN attributes, read and written: the shapes that several types share.
 *
 * Readers take an attribute that stun_msg_find() gave and return 0 or EPROTO when its length or content does not fit;
 * results are written on success only. Writers add one attribute to a message that is being built.
 */
#ifndef ADIT_STUN_ATTR_H
#define ADIT_STUN_ATTR_H

#include "base/addr.h"
#include "core/stun/stun_msg.h"

/* MAPPED-ADDRESS and its like: family, port, address as they are. */
ADIT_MUST_CHECK int stun_attr_read_addr(const struct stun_attr *a, struct adit_addr *ret_addr);
/* XOR-MAPPED-ADDRESS and its like; |txid| of the message it came in. */
ADIT_MUST_CHECK int stun_attr_read_xor_addr(const struct stun_attr *a, const uint8_t *txid, struct adit_addr *ret_addr);
ADIT_MUST_CHECK int stun_attr_read_u32(const struct stun_attr *a, uint32_t *ret_v);
ADIT_MUST_CHECK int stun_attr_read_u64(const struct stun_attr *a, uint64_t *ret_v);
/* A u16 followed by two bytes that are ignored: CHANNEL-NUMBER, RESPONSE-PORT. */
ADIT_MUST_CHECK int stun_attr_read_u16_pad(const struct stun_attr *a, uint16_t *ret_v);
/* A byte followed by three that are ignored: REQUESTED-TRANSPORT, the address family attributes. */
ADIT_MUST_CHECK int stun_attr_read_u8_pad(const struct stun_attr *a, uint8_t *ret_v);
/* EVEN-PORT: is the next port to be reserved as well? */
ADIT_MUST_CHECK int stun_attr_read_even_port(const struct stun_attr *a, bool *ret_reserve);
/* ERROR-CODE: 300..699. |ret_text| borrows the message; it is UTF-8 from a stranger without a NUL. */
ADIT_MUST_CHECK int stun_attr_read_error(const struct stun_attr *a, unsigned *ret_code, const uint8_t **ret_text,
					 size_t *ret_len);
/* UNKNOWN-ATTRIBUTES: at most |max| types; returns how many there are (also beyond |max|) or EPROTO. */
ADIT_MUST_CHECK int stun_attr_read_unknown(const struct stun_attr *a, uint16_t *ret_types, size_t max);
/* USERNAME, REALM, NONCE, SOFTWARE: length within |max| and not zero. */
ADIT_MUST_CHECK int stun_attr_check_text(const struct stun_attr *a, size_t max);

/* An address without family makes the message bad. */
void stun_build_addr(struct stun_build *b, uint16_t type, const struct adit_addr *addr);
void stun_build_xor_addr(struct stun_build *b, uint16_t type, const struct adit_addr *addr);
void stun_build_u32(struct stun_build *b, uint16_t type, uint32_t v);
void stun_build_u64(struct stun_build *b, uint16_t type, uint64_t v);
void stun_build_u16_pad(struct stun_build *b, uint16_t type, uint16_t v);
void stun_build_u8_pad(struct stun_build *b, uint16_t type, uint8_t v);
void stun_build_even_port(struct stun_build *b, bool reserve);
/* USE-CANDIDATE, DONT-FRAGMENT. */
void stun_build_flag(struct stun_build *b, uint16_t type);
/* |code| 300..699; |text|: the reason phrase with its NUL. */
void stun_build_error(struct stun_build *b, unsigned code, const char *text);
void stun_build_unknown(struct stun_build *b, const uint16_t *types, size_t n);

#endif
