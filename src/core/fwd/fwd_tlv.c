#include "core/fwd/fwd_tlv.h"

bool fwd_tlv_next(struct adit_rd *r, struct fwd_tlv *ret_tlv)
{
	struct fwd_tlv tlv;

	if (adit_rd_left(r) == 0)
		return false;
	tlv.type = adit_rd_u16(r);
	tlv.len = adit_rd_u16(r);
	tlv.value = adit_rd_take(r, tlv.len);
	if (r->bad)
		return false;
	*ret_tlv = tlv;
	return true;
}

bool fwd_tlv_is_list(const uint8_t *data, size_t len)
{
	struct adit_rd r = adit_rd_over(data, len);
	struct fwd_tlv tlv;

	while (fwd_tlv_next(&r, &tlv))
		;
	return !r.bad;
}

void fwd_tlv_write(struct adit_wr *w, uint16_t type, const void *value, size_t len)
{
	if (len > UINT16_MAX) {
		w->bad = true;
		return;
	}
	adit_wr_u16(w, type);
	adit_wr_u16(w, (uint16_t)len);
	adit_wr_bytes(w, value, len);
}
