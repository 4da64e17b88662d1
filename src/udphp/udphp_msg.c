#include "udphp/udphp_msg.h"

#include "base/bytes.h"

static int decode_ack(struct adit_rd *r, struct udphp_msg *m)
{
	m->seq = adit_rd_u16(r);
	return r->bad || adit_rd_left(r) ? ADIT_EPROTO : 0;
}

static int decode_data(struct adit_rd *r, struct udphp_msg *m)
{
	m->seq = adit_rd_u16(r);
	m->len = adit_rd_u16(r);
	m->digest = adit_rd_take(r, UDPHP_DIGEST);
	m->body_len = adit_rd_left(r);
	m->body = adit_rd_take(r, m->body_len);
	return r->bad ? ADIT_EPROTO : 0;
}

int udphp_msg_decode(const void *data, size_t len, struct udphp_msg *ret_msg)
{
	struct adit_rd r = adit_rd_over(data, len);
	struct udphp_msg m = {0};
	uint8_t type = adit_rd_u8(&r);
	int rc;

	if (r.bad)
		return ADIT_EPROTO;
	switch (type) {
	case UDPHP_ACK:
	case UDPHP_NACK:
		rc = decode_ack(&r, &m);
		break;
	case UDPHP_PLAIN:
	case UDPHP_ZIPPED:
		rc = decode_data(&r, &m);
		break;
	case UDPHP_HELO:
		m.body_len = adit_rd_left(&r);
		m.body = adit_rd_take(&r, m.body_len);
		rc = 0;
		break;
	default:
		return ADIT_EINVAL;
	}
	if (rc < 0)
		return rc;
	m.type = (enum udphp_type)type;
	*ret_msg = m;
	return 0;
}

void udphp_msg_write_ack(uint8_t buf[UDPHP_ACK_LEN], enum udphp_type type, uint16_t seq)
{
	struct adit_wr w = adit_wr_over(buf, UDPHP_ACK_LEN);

	adit_wr_u8(&w, (uint8_t)type);
	adit_wr_u16(&w, seq);
}

void udphp_msg_write_header(uint8_t buf[UDPHP_HEADER], enum udphp_type type, uint16_t seq, uint16_t len,
			    const uint8_t md5[16])
{
	struct adit_wr w = adit_wr_over(buf, UDPHP_HEADER);

	adit_wr_u8(&w, (uint8_t)type);
	adit_wr_u16(&w, seq);
	adit_wr_u16(&w, len);
	adit_wr_bytes(&w, md5, UDPHP_DIGEST);
}

int udphp_seq_behind(uint16_t seq, uint16_t expected)
{
	return (int16_t)(uint16_t)(expected - seq);
}
