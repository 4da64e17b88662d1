#include "core/meet/meet_seal.h"

#include <string.h>

#include "base/bytes.h"
#include "core/meet/meet_msg.h"

#define VERSION 1

static const char offer_label[] = "adit meet offer";
static const char answer_label[] = "adit meet answer";

static void write_cand(struct adit_wr *w, const struct meet_cand *c)
{
	bool v4 = adit_addr_is_v4(&c->addr);

	if (c->addr.family == ADIT_FAMILY_NONE)
		w->bad = true;
	adit_wr_u8(w, c->type);
	adit_wr_u8(w, c->addr.family);
	adit_wr_u16(w, c->foundation);
	adit_wr_u32(w, c->priority);
	adit_wr_u16(w, c->addr.port);
	adit_wr_bytes(w, c->addr.ip, v4 ? 4 : 16);
}

int meet_offer_encode(const struct meet_offer *o, uint8_t buf[MEET_PLAIN_MAX])
{
	struct adit_wr w = adit_wr_over(buf, MEET_PLAIN_MAX);

	if (o->n_cands > MEET_CANDS_MAX || o->extra_len > MEET_EXTRA_MAX)
		return ADIT_EFULL;
	adit_wr_u8(&w, VERSION);
	adit_wr_u64(&w, o->stamp);
	adit_wr_u32(&w, o->rtt);
	meet_msg_put_text(&w, o->ufrag, MEET_UFRAG_MAX);
	meet_msg_put_text(&w, o->pwd, MEET_PWD_MAX);
	adit_wr_u8(&w, o->n_cands);
	for (size_t i = 0; i < o->n_cands; i++)
		write_cand(&w, &o->cands[i]);
	adit_wr_u8(&w, o->extra_len);
	adit_wr_bytes(&w, o->extra, o->extra_len);
	return w.bad ? ADIT_EFULL : (int)w.len;
}

static void read_cand(struct adit_rd *r, struct meet_cand *c)
{
	memset(c, 0, sizeof(*c));
	c->type = adit_rd_u8(r);
	c->addr.family = adit_rd_u8(r);
	c->foundation = adit_rd_u16(r);
	c->priority = adit_rd_u32(r);
	c->addr.port = adit_rd_u16(r);
	if (c->addr.family != ADIT_FAMILY_V4 && c->addr.family != ADIT_FAMILY_V6)
		r->bad = true;
	adit_rd_bytes(r, c->addr.ip, c->addr.family == ADIT_FAMILY_V4 ? 4 : 16);
}

int meet_offer_decode(const uint8_t *data, size_t len, struct meet_offer *ret_offer)
{
	struct adit_rd r = adit_rd_over(data, len);
	struct meet_offer o = {.n_cands = 0};

	if (adit_rd_u8(&r) != VERSION)
		return r.bad ? ADIT_EPROTO : ADIT_EVERSION;
	o.stamp = adit_rd_u64(&r);
	o.rtt = adit_rd_u32(&r);
	meet_msg_get_text(&r, o.ufrag, MEET_UFRAG_MAX);
	meet_msg_get_text(&r, o.pwd, MEET_PWD_MAX);
	o.n_cands = adit_rd_u8(&r);
	if (r.bad || o.n_cands > MEET_CANDS_MAX)
		return ADIT_EPROTO;
	for (size_t i = 0; i < o.n_cands; i++)
		read_cand(&r, &o.cands[i]);
	o.extra_len = adit_rd_u8(&r);
	if (r.bad || o.extra_len > MEET_EXTRA_MAX)
		return ADIT_EPROTO;
	adit_rd_bytes(&r, o.extra, o.extra_len);
	if (r.bad)
		return ADIT_EPROTO;
	*ret_offer = o;
	return 0;
}

void meet_sealer_init(struct meet_sealer *s, const struct meet_crypto *mc, const struct adit_crypto *crypto,
		      const uint8_t k[MEET_K_LEN])
{
	s->crypto = mc;
	crypto->hkdf_sha256(k, MEET_K_LEN, offer_label, sizeof(offer_label) - 1, s->offer_key, MEET_SEAL_KEY);
	crypto->hkdf_sha256(k, MEET_K_LEN, answer_label, sizeof(answer_label) - 1, s->answer_key, MEET_SEAL_KEY);
}

void meet_sealer_done(struct meet_sealer *s)
{
	adit_bytes_wipe(s, sizeof(*s));
}

#define AD_LEN (1 + MEET_ID_LEN + STUN_TXID_LEN)

static void make_ad(enum meet_kind kind, const uint8_t *id, const uint8_t *txid, uint8_t ad[AD_LEN])
{
	ad[0] = (uint8_t)kind;
	memcpy(ad + 1, id, MEET_ID_LEN);
	memcpy(ad + 1 + MEET_ID_LEN, txid, STUN_TXID_LEN);
}

int meet_seal(const struct meet_sealer *s, const struct adit_rng *rng, enum meet_kind kind,
	      const uint8_t id[MEET_ID_LEN], const uint8_t txid[STUN_TXID_LEN], const struct meet_offer *o,
	      uint8_t buf[MEET_SEALED_MAX])
{
	uint8_t plain[MEET_PLAIN_MAX];
	uint8_t ad[AD_LEN];
	int len = meet_offer_encode(o, plain);

	if (len < 0)
		return len;
	make_ad(kind, id, txid, ad);
	adit_rng_fill(rng, buf, MEET_SEAL_NONCE);
	s->crypto->seal(kind == MEET_OFFER ? s->offer_key : s->answer_key, buf, ad, sizeof(ad), plain, (size_t)len,
			buf + MEET_SEAL_NONCE);
	adit_bytes_wipe(plain, sizeof(plain));
	return MEET_SEAL_NONCE + len + MEET_SEAL_TAG;
}

int meet_unseal(const struct meet_sealer *s, enum meet_kind kind, const uint8_t id[MEET_ID_LEN],
		const uint8_t txid[STUN_TXID_LEN], const uint8_t *data, size_t len, struct meet_offer *ret_offer)
{
	uint8_t plain[MEET_PLAIN_MAX];
	uint8_t ad[AD_LEN];
	int err;

	if (len < MEET_SEAL_NONCE + MEET_SEAL_TAG || len > MEET_SEALED_MAX)
		return ADIT_EPROTO;
	make_ad(kind, id, txid, ad);
	if (!s->crypto->open(kind == MEET_OFFER ? s->offer_key : s->answer_key, data, ad, sizeof(ad),
			     data + MEET_SEAL_NONCE, len - MEET_SEAL_NONCE, plain))
		return ADIT_EAUTH;
	err = meet_offer_decode(plain, len - MEET_SEAL_NONCE - MEET_SEAL_TAG, ret_offer);
	adit_bytes_wipe(plain, sizeof(plain));
	return err;
}
