#include "core/fwd/fwd_open.h"

#include <string.h>

#include "base/bytes.h"
#include "core/fwd/fwd_tlv.h"

static int write_tlvs(struct adit_wr *w, const uint8_t *tlvs, size_t len)
{
	if (len > FWD_OPEN_TLVS_MAX || !fwd_tlv_is_list(tlvs, len))
		return ADIT_EINVAL;
	adit_wr_u16(w, (uint16_t)len);
	adit_wr_bytes(w, tlvs, len);
	return w->bad ? ADIT_EFULL : (int)w->len;
}

/* Returns how far |r| is now. */
static int read_tlvs(struct adit_rd *r, const uint8_t **ret_tlvs, size_t *ret_len)
{
	*ret_len = adit_rd_u16(r);
	if (*ret_len > FWD_OPEN_TLVS_MAX)
		return ADIT_EPROTO;
	*ret_tlvs = adit_rd_take(r, *ret_len);
	if (r->bad)
		return ADIT_EAGAIN;
	return fwd_tlv_is_list(*ret_tlvs, *ret_len) ? (int)r->pos : ADIT_EPROTO;
}

int fwd_open_encode(const struct fwd_open *o, uint8_t *buf, size_t cap)
{
	struct adit_wr w = adit_wr_over(buf, cap);

	if (o->type == 0)
		return ADIT_EINVAL;
	adit_wr_u8(&w, o->type);
	adit_wr_u16(&w, o->service);
	return write_tlvs(&w, o->tlvs, o->tlvs_len);
}

int fwd_open_decode(const uint8_t *data, size_t len, struct fwd_open *ret_open)
{
	struct adit_rd r = adit_rd_over(data, len);
	struct fwd_open o = {0};
	int n;

	o.type = adit_rd_u8(&r);
	/* Zero is no type, now or later: a stream of zeroes is noticed. */
	if (!r.bad && o.type == 0)
		return ADIT_EPROTO;
	o.service = adit_rd_u16(&r);
	n = read_tlvs(&r, &o.tlvs, &o.tlvs_len);
	if (n > 0)
		*ret_open = o;
	return n;
}

int fwd_open_encode_early(const char *service, uint8_t *buf, size_t cap)
{
	uint8_t tlv[4 + FWD_NAME_MAX];
	struct adit_wr w = adit_wr_over(tlv, sizeof(tlv));
	size_t len = strnlen(service, FWD_NAME_MAX + 1);

	if (len == 0 || len > FWD_NAME_MAX)
		return ADIT_EINVAL;
	fwd_tlv_write(&w, FWD_OPEN_TLV_SERVICE, service, len);
	return fwd_open_encode(&(struct fwd_open){.type = FWD_OPEN_EARLY, .tlvs = tlv, .tlvs_len = w.len}, buf, cap);
}

bool fwd_open_service(const struct fwd_open *o, char ret_name[FWD_NAME_MAX + 1])
{
	struct adit_rd r = adit_rd_over(o->tlvs, o->tlvs_len);
	struct fwd_tlv tlv;

	while (fwd_tlv_next(&r, &tlv)) {
		if (tlv.type != FWD_OPEN_TLV_SERVICE)
			continue;
		if (tlv.len == 0 || tlv.len > FWD_NAME_MAX)
			return false;
		memcpy(ret_name, tlv.value, tlv.len);
		ret_name[tlv.len] = '\0';
		return strlen(ret_name) == tlv.len;
	}
	return false;
}

int fwd_opened_encode(const struct fwd_opened *o, uint8_t *buf, size_t cap)
{
	struct adit_wr w = adit_wr_over(buf, cap);

	adit_wr_u8(&w, 0);
	return write_tlvs(&w, o->tlvs, o->tlvs_len);
}

int fwd_opened_decode(const uint8_t *data, size_t len, struct fwd_opened *ret_opened)
{
	struct adit_rd r = adit_rd_over(data, len);
	struct fwd_opened o = {0};
	int n;

	if (adit_rd_u8(&r) != 0)
		return ADIT_EPROTO;
	n = read_tlvs(&r, &o.tlvs, &o.tlvs_len);
	if (n > 0)
		*ret_opened = o;
	return n;
}

#define TEXT_OF(name, code, text) \
	case code:                \
		return text;

const char *fwd_stream_text(uint64_t code)
{
	switch (code) {
		FWD_STREAM_MAP(TEXT_OF)
	default:
		return "ended by the other side, for a reason this version does not know";
	}
}

const char *fwd_close_text(uint64_t code)
{
	switch (code) {
		FWD_CLOSE_MAP(TEXT_OF)
	default:
		return "ended by the other side, for a reason this version does not know";
	}
}
