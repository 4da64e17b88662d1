#include "core/fwd/fwd_hello.h"

#include <string.h>

#include "base/bytes.h"
#include "core/fwd/fwd_tlv.h"

#define LENGTH_LEN     2
#define HELLO_HEAD_LEN (LENGTH_LEN + 2 + 4 + FWD_SESSION_ID_LEN + 1 + FWD_SECRET_ID_LEN + FWD_PROOF_LEN)
/* A refusal without a sentence. */
#define WELCOME_MIN (LENGTH_LEN + 3)

/*
 * Puts |ret_r| over the message at the head of |data|, behind its length. Returns that length; EAGAIN, EPROTO.
 * A length that no message can have is refused before anybody waits for so many bytes.
 */
static int frame(const uint8_t *data, size_t len, size_t min, size_t max, struct adit_rd *ret_r)
{
	struct adit_rd r = adit_rd_over(data, len);
	size_t total = adit_rd_u16(&r);

	if (r.bad)
		return ADIT_EAGAIN;
	if (total < min || total > max)
		return ADIT_EPROTO;
	if (total > len)
		return ADIT_EAGAIN;
	*ret_r = adit_rd_over(data, total);
	adit_rd_skip(ret_r, LENGTH_LEN);
	return (int)total;
}

/* The rest of |r| as TLVs. */
static bool take_tlvs(struct adit_rd *r, const uint8_t **ret_tlvs, size_t *ret_len)
{
	*ret_len = adit_rd_left(r);
	*ret_tlvs = adit_rd_take(r, *ret_len);
	return !r->bad && fwd_tlv_is_list(*ret_tlvs, *ret_len);
}

int fwd_hello_encode(const struct fwd_hello *h, uint8_t *buf, size_t cap)
{
	struct adit_wr w = adit_wr_over(buf, cap);

	if (h->version_min > h->version_max || h->version_max == 0 || h->tlvs_len > FWD_HELLO_MAX - HELLO_HEAD_LEN ||
	    !fwd_tlv_is_list(h->tlvs, h->tlvs_len))
		return ADIT_EINVAL;
	adit_wr_u16(&w, (uint16_t)(HELLO_HEAD_LEN + h->tlvs_len));
	adit_wr_u8(&w, h->version_min);
	adit_wr_u8(&w, h->version_max);
	adit_wr_u32(&w, h->features);
	adit_wr_bytes(&w, h->session_id, sizeof(h->session_id));
	adit_wr_u8(&w, h->connection);
	adit_wr_bytes(&w, h->secret_id, sizeof(h->secret_id));
	adit_wr_bytes(&w, h->proof, sizeof(h->proof));
	adit_wr_bytes(&w, h->tlvs, h->tlvs_len);
	return w.bad ? ADIT_EFULL : (int)w.len;
}

int fwd_hello_decode(const uint8_t *data, size_t len, struct fwd_hello *ret_hello)
{
	struct fwd_hello h = {0};
	struct adit_rd r;
	int total = frame(data, len, HELLO_HEAD_LEN, FWD_HELLO_MAX, &r);

	if (total < 0)
		return total;
	h.version_min = adit_rd_u8(&r);
	h.version_max = adit_rd_u8(&r);
	h.features = adit_rd_u32(&r);
	adit_rd_bytes(&r, h.session_id, sizeof(h.session_id));
	h.connection = adit_rd_u8(&r);
	adit_rd_bytes(&r, h.secret_id, sizeof(h.secret_id));
	adit_rd_bytes(&r, h.proof, sizeof(h.proof));
	if (!take_tlvs(&r, &h.tlvs, &h.tlvs_len) || h.version_min > h.version_max || h.version_max == 0)
		return ADIT_EPROTO;
	*ret_hello = h;
	return total;
}

uint8_t fwd_hello_version(const struct fwd_hello *h)
{
	uint8_t newest = h->version_max < FWD_VERSION_MAX ? h->version_max : FWD_VERSION_MAX;

	return newest >= h->version_min && newest >= FWD_VERSION_MIN ? newest : 0;
}

const char *fwd_status_text(uint8_t status)
{
	switch (status) {
#define FWD_STATUS_TEXT(name, code, text) \
	case code:                        \
		return text;
		FWD_STATUS_MAP(FWD_STATUS_TEXT)
#undef FWD_STATUS_TEXT
	default:
		return "refused, for a reason this version does not know";
	}
}

/* The rule of the command line. Names end up in messages, so a peer gets no other letters through. */
static bool is_name(const char *name, size_t len)
{
	if (len < 1 || len > FWD_NAME_MAX)
		return false;
	for (size_t i = 0; i < len; i++)
		if (!((name[i] >= 'a' && name[i] <= 'z') || (name[i] >= '0' && name[i] <= '9') || name[i] == '-'))
			return false;
	return true;
}

static bool is_known_kind(uint8_t kind)
{
	return kind == FWD_KIND_STREAM || kind == FWD_KIND_DGRAM;
}

/* Linear: at most FWD_SERVICES_MAX of them, once per connection. */
static bool is_taken(const struct fwd_service *services, size_t n, const struct fwd_service *s)
{
	for (size_t i = 0; i < n; i++)
		if (services[i].id == s->id || strcmp(services[i].name, s->name) == 0)
			return true;
	return false;
}

static bool are_valid(const struct fwd_service *services, size_t n)
{
	if (n > FWD_SERVICES_MAX)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!is_name(services[i].name, strnlen(services[i].name, sizeof(services[i].name))) ||
		    !is_known_kind(services[i].kind) || is_taken(services, i, &services[i]))
			return false;
	return true;
}

static void write_accepted(struct adit_wr *w, const struct fwd_welcome *m)
{
	adit_wr_u32(w, m->features);
	adit_wr_bytes(w, m->session_id, sizeof(m->session_id));
	adit_wr_bytes(w, m->proof, sizeof(m->proof));
	adit_wr_u16(w, (uint16_t)m->n_services);
	for (size_t i = 0; i < m->n_services; i++) {
		const struct fwd_service *s = &m->services[i];
		size_t name_len = strlen(s->name);

		adit_wr_u16(w, s->id);
		adit_wr_u8(w, s->kind);
		adit_wr_u16(w, s->port);
		adit_wr_u8(w, (uint8_t)name_len);
		adit_wr_bytes(w, s->name, name_len);
	}
}

int fwd_welcome_encode(const struct fwd_welcome *m, uint8_t *buf, size_t cap)
{
	struct adit_wr w = adit_wr_over(buf, cap < FWD_WELCOME_MAX ? cap : FWD_WELCOME_MAX);

	if (m->sentence_len > FWD_SENTENCE_MAX || !fwd_tlv_is_list(m->tlvs, m->tlvs_len) ||
	    !are_valid(m->services, m->n_services))
		return ADIT_EINVAL;
	adit_wr_u16(&w, 0);
	adit_wr_u8(&w, m->status);
	adit_wr_u8(&w, m->version);
	adit_wr_u8(&w, (uint8_t)m->sentence_len);
	adit_wr_bytes(&w, m->sentence, m->sentence_len);
	if (m->status == FWD_STATUS_OK)
		write_accepted(&w, m);
	adit_wr_bytes(&w, m->tlvs, m->tlvs_len);
	adit_wr_patch_u16(&w, 0, (uint16_t)w.len);
	return w.bad ? ADIT_EFULL : (int)w.len;
}

static int read_service(struct adit_rd *r, struct fwd_service *ret_service)
{
	struct fwd_service s = {0};
	const uint8_t *name;
	size_t name_len;

	s.id = adit_rd_u16(r);
	s.kind = adit_rd_u8(r);
	s.port = adit_rd_u16(r);
	name_len = adit_rd_u8(r);
	name = adit_rd_take(r, name_len);
	if (!name || !is_name((const char *)name, name_len))
		return ADIT_EPROTO;
	memcpy(s.name, name, name_len);
	*ret_service = s;
	return 0;
}

static int read_accepted(struct adit_rd *r, struct fwd_service *services, size_t cap, struct fwd_welcome *m)
{
	size_t count;

	m->features = adit_rd_u32(r);
	adit_rd_bytes(r, m->session_id, sizeof(m->session_id));
	adit_rd_bytes(r, m->proof, sizeof(m->proof));
	count = adit_rd_u16(r);
	if (r->bad || count > FWD_SERVICES_MAX)
		return ADIT_EPROTO;
	m->services = services;
	for (size_t i = 0; i < count; i++) {
		struct fwd_service s;

		if (read_service(r, &s) < 0 || is_taken(services, m->n_services, &s))
			return ADIT_EPROTO;
		if (!is_known_kind(s.kind))
			continue;
		if (m->n_services == cap)
			return ADIT_EFULL;
		services[m->n_services++] = s;
	}
	return 0;
}

int fwd_welcome_decode(const uint8_t *data, size_t len, struct fwd_service *services, size_t cap,
		       struct fwd_welcome *ret_welcome)
{
	struct fwd_welcome m = {0};
	struct adit_rd r;
	int total = frame(data, len, WELCOME_MIN, FWD_WELCOME_MAX, &r);

	if (total < 0)
		return total;
	m.status = adit_rd_u8(&r);
	m.version = adit_rd_u8(&r);
	m.sentence_len = adit_rd_u8(&r);
	m.sentence = (const char *)adit_rd_take(&r, m.sentence_len);
	if (r.bad || m.sentence_len > FWD_SENTENCE_MAX)
		return ADIT_EPROTO;
	if (m.status == FWD_STATUS_OK) {
		int err = read_accepted(&r, services, cap, &m);

		if (err < 0)
			return err;
	}
	if (!take_tlvs(&r, &m.tlvs, &m.tlvs_len))
		return ADIT_EPROTO;
	*ret_welcome = m;
	return total;
}
