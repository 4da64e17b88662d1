/*
 * The mediator's protocol as STUN methods of our own (docs/mediator.md): names and numbers, and what both ends share.
 */
#ifndef ADIT_MEET_MSG_H
#define ADIT_MEET_MSG_H

#include "core/meet/meet_crypto.h"
#include "core/stun/stun_cookie.h"
#include "core/stun/stun_msg.h"

/* Below 0x100, so that the first byte stays 0..3 (RFC 7983). */
enum meet_method {
	MEET_REGISTER = 0x0c1, /* "I am to be found here" */
	MEET_REFRESH = 0x0c2, /* "I still am" */
	MEET_INTRODUCE = 0x0c3, /* an offer, passed on as a request; its answer comes back as the success */
	MEET_REPORT = 0x0c4, /* how a meeting went */
	MEET_GONE = 0x0c5, /* indication: the mediator ends */
	MEET_LEND = 0x0c6, /* "I was answered: lend me your relay" */
	MEET_LEAVE = 0x0c7, /* "I am not to be found here any more" */
};

/* Required attributes, from the range of RFC 8489 18.3 for expert review. The cookie is STUN_ATTR_ADIT_COOKIE. */
enum meet_attr {
	MEET_ATTR_ID = 0x5ad1,
	MEET_ATTR_KEY = 0x5ad2,
	MEET_ATTR_SALT = 0x5ad3,
	MEET_ATTR_SIGNATURE = 0x5ad4,
	MEET_ATTR_HANDLE = 0x5ad5,
	MEET_ATTR_SEALED = 0x5ad6,
	MEET_ATTR_ROUTE = 0x5ad7, /* of the mediator to itself: whom an answer is for */
	MEET_ATTR_OUTCOME = 0x5ad8,
	MEET_ATTR_EPHEMERAL = 0x5ad9, /* the asker's X25519 key, made for this question */
	MEET_ATTR_LOAN = 0x5ada, /* credentials, sealed for that key */
	MEET_ATTR_PERMIT = 0xfad1, /* who returns it may borrow; optional in STUN's sense */
};

enum meet_code {
	MEET_CODE_BAD = 400,
	MEET_CODE_FORBIDDEN = 403, /* id, key, salt and signature do not fit together */
	MEET_CODE_ABSENT = 404, /* nobody is registered under this id */
	MEET_CODE_ATTRIBUTE = 420, /* required attributes that are not known here, RFC 8489 14.8 */
	MEET_CODE_UNKNOWN = 437, /* no such registration: register anew */
	MEET_CODE_COOKIE = 438, /* once more, with the cookie that comes with this */
	MEET_CODE_QUOTA = 486, /* this network has borrowed enough, RFC 8656 19 */
	MEET_CODE_FULL = 508, /* no room, or ending */
};

/* How a meeting ended. */
enum meet_path {
	MEET_PATH_NONE, /* no path was found */
	MEET_PATH_HOST, /* same network */
	MEET_PATH_IPV6,
	MEET_PATH_MAPPED, /* port mapping */
	MEET_PATH_PUNCHED,
	MEET_PATH_PREDICTED,
	MEET_PATH_BIRTHDAY,
	MEET_PATH_RELAY,
	MEET_PATHS,
};

/* Is this a message of ours? For who tells datagrams apart. */
bool meet_msg_is_ours(const struct stun_msg *m);

/*
 * By the first two bytes alone: 0x0c0 to 0x0cf with any class, as RFC 8489 5 weaves the two. Is it worth parsing? Most
 * of what a mediator hears are Binding requests.
 */
static inline bool meet_msg_may_be_ours(const uint8_t *data, size_t len)
{
	return len >= STUN_HEADER_LEN && (data[0] & 0xfe) == 0x02 && (data[1] & 0xe0) == 0x80;
}

/* Exactly |len| bytes, or NULL. */
const uint8_t *meet_msg_bytes(const struct stun_msg *m, uint16_t type, size_t len);

/* Text with its length in one byte before it. EFULL is |w->bad|. */
void meet_msg_put_text(struct adit_wr *w, const char *text, size_t max);
/* Printable ASCII alone, as it goes into messages and comparisons; |text| has room for |max| + 1. */
void meet_msg_get_text(struct adit_rd *r, char *text, size_t max);

/* The id of who owns |key|, for those who know |salt|. */
void meet_id_make(const struct meet_crypto *mc, const uint8_t key[MEET_KEY_LEN], const uint8_t salt[MEET_SALT_LEN],
		  uint8_t ret_id[MEET_ID_LEN]);

#define MEET_SIGNED_LEN (20 + MEET_ID_LEN + MEET_SALT_LEN + STUN_COOKIE_LEN)

/* What a registration's signature covers: the cookie ties it to one mediator, one address and two minutes. */
void meet_signed_make(const uint8_t id[MEET_ID_LEN], const uint8_t salt[MEET_SALT_LEN],
		      const uint8_t cookie[STUN_COOKIE_LEN], uint8_t ret_text[MEET_SIGNED_LEN]);

#endif
