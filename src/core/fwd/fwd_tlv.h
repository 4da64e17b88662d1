/*
 * {type u16, length u16, value}: how hello, welcome and stream headers grow. Readers pass over types they do not know;
 * what must not be ignored is a feature bit or a version instead.
 */
#ifndef ADIT_FWD_TLV_H
#define ADIT_FWD_TLV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

struct fwd_tlv {
	uint16_t type;
	const uint8_t *value; /* good as long as what |r| reads */
	size_t len;
};

/* The next one out of |r|; false at the end of |r|, and with r->bad where it breaks off. */
bool fwd_tlv_next(struct adit_rd *r, struct fwd_tlv *ret_tlv);

/* Are |len| bytes nothing but whole TLVs? */
bool fwd_tlv_is_list(const uint8_t *data, size_t len);

/* |len| < 65536. */
void fwd_tlv_write(struct adit_wr *w, uint16_t type, const void *value, size_t len);

#endif
