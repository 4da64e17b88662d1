#include "api/api_key.h"

#include <adit/ticket.h>

#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "core/trust/trust_idline.h"
#include "core/trust/trust_name.h"
#include "crypto/crypto.h"

void adit_identity_new(char ret_identity[ADIT_IDENTITY_STRLEN])
{
	struct crypto_identity id;

	_Static_assert(ADIT_IDENTITY_STRLEN >= CRYPTO_IDENTITY_TEXT_LEN, "an identity's text fits");
	crypto_identity_generate(&id);
	crypto_identity_format(&id, ret_identity);
	crypto_identity_done(&id);
}

int adit_identity_public(const char *identity, char ret_public[ADIT_PUBLIC_STRLEN])
{
	struct trust_idline line = {0};
	char text[TRUST_IDLINE_TEXT_MAX + 1];
	struct crypto_identity id;
	size_t len;
	int err = crypto_identity_parse(identity, &id);

	if (err < 0)
		return err;
	memcpy(line.key, id.public_key, sizeof(line.key));
	crypto_identity_done(&id);
	len = trust_idline_format(&line, text);
	if (len >= ADIT_PUBLIC_STRLEN)
		return ADIT_EFULL;
	memcpy(ret_public, text, len + 1);
	return 0;
}

static int ticket_write(const struct trust_ticket *t, char ret_ticket[ADIT_TICKET_STRLEN])
{
	int n;

	_Static_assert(ADIT_TICKET_STRLEN >= TRUST_TICKET_TEXT_MAX + 1, "a ticket's text fits");
	n = trust_ticket_encode(t, &crypto_gnutls, ret_ticket);
	return n < 0 ? n : 0;
}

int adit_ticket_new(const char *identity, bool by_key, char ret_ticket[ADIT_TICKET_STRLEN])
{
	struct adit_rng rng = crypto_rng();
	struct crypto_identity id;
	struct trust_ticket t;
	int err = crypto_identity_parse(identity, &id);

	if (err < 0)
		return err;
	trust_ticket_init(&t, id.public_key, &rng);
	crypto_identity_done(&id);
	if (by_key) {
		memset(t.secret, 0, sizeof(t.secret));
		memset(t.secret_id, 0, sizeof(t.secret_id));
	}
	err = ticket_write(&t, ret_ticket);
	trust_ticket_done(&t);
	return err;
}

static int ticket_read(const char *text, struct trust_ticket *ret_ticket)
{
	return trust_ticket_decode(text, strlen(text), &crypto_gnutls, ret_ticket);
}

int adit_ticket_add_mediator(char ticket[ADIT_TICKET_STRLEN], const char *host)
{
	char spelled[TRUST_HINT_MAX + 1];
	struct trust_ticket t;
	int err = ticket_read(ticket, &t);

	if (err < 0)
		return err;
	trust_name_spell_host(host, spelled);
	err = trust_ticket_add_mediator(&t, strlen(host) > TRUST_HINT_MAX ? host : spelled);
	if (err == 0)
		err = ticket_write(&t, ticket);
	trust_ticket_done(&t);
	return err;
}

int adit_ticket_mediator(const char *ticket, size_t index, char ret_host[ADIT_HOST_STRLEN])
{
	char host[TRUST_HINT_MAX + 1];
	struct trust_ticket t;
	size_t pos = 0;
	int err = ticket_read(ticket, &t);

	_Static_assert(ADIT_HOST_STRLEN >= TRUST_HINT_MAX + 1, "a host's name fits");
	if (err < 0)
		return err;
	do {
		err = trust_ticket_next_mediator(&t, &pos, host) ? 0 : ADIT_ENOENT;
	} while (err == 0 && index-- > 0);
	trust_ticket_done(&t);
	if (err == 0)
		snprintf(ret_host, ADIT_HOST_STRLEN, "%s", host);
	return err;
}

int adit_ticket_check(const char *ticket)
{
	struct trust_ticket t;
	int err = ticket_read(ticket, &t);

	if (err == 0)
		trust_ticket_done(&t);
	return err;
}

/* --- what a configuration's texts give --- */

static int read_allow(const char *text, uint8_t ret_key[TRUST_KEY_LEN])
{
	struct trust_idline line;
	const char *reason;
	int err = trust_idline_parse(text, strlen(text), &line, &reason);

	if (err < 0)
		return err == ADIT_EIGNORED ? ADIT_EINVAL : err;
	memcpy(ret_key, line.key, sizeof(line.key));
	return 0;
}

static int shared_secret(struct api_keys *keys, bool serve)
{
	const uint8_t *own = keys->id.public_key;
	uint8_t shared[CRYPTO_KEY_LEN];

	if (crypto_shared(&keys->id, keys->peer_key, shared) < 0)
		return ADIT_EINVAL;
	trust_keys_from_shared(&crypto_gnutls, shared, serve ? own : keys->peer_key, serve ? keys->peer_key : own,
			       keys->k);
	adit_bytes_wipe(shared, sizeof(shared));
	return 0;
}

static int read_identity(const struct api_key_config *cfg, struct api_keys *keys)
{
	if (cfg->identity)
		return crypto_identity_parse(cfg->identity, &keys->id);
	if (cfg->serve)
		return ADIT_EINVAL;
	crypto_identity_generate(&keys->id);
	return 0;
}

static int read_serve(const struct api_key_config *cfg, struct api_keys *keys)
{
	int err;

	if (cfg->allow) {
		err = read_allow(cfg->allow, keys->peer_key);
		keys->has_peer_key = true;
		return err < 0 ? err : shared_secret(keys, true);
	}
	err = cfg->ticket ? ticket_read(cfg->ticket, &keys->ticket) : ADIT_EINVAL;
	if (err < 0)
		return err;
	if (trust_ticket_is_by_key(&keys->ticket) ||
	    memcmp(keys->ticket.identity, keys->id.public_key, TRUST_KEY_LEN) != 0)
		return ADIT_EINVAL;
	trust_keys_from_ticket(&crypto_gnutls, &keys->ticket, keys->k);
	return 0;
}

static int read_connect(const struct api_key_config *cfg, struct api_keys *keys)
{
	int err = cfg->ticket ? ticket_read(cfg->ticket, &keys->ticket) : ADIT_EINVAL;

	if (err < 0)
		return err;
	keys->has_peer_key = true;
	memcpy(keys->peer_key, keys->ticket.identity, sizeof(keys->peer_key));
	if (!trust_ticket_is_by_key(&keys->ticket))
		trust_keys_from_ticket(&crypto_gnutls, &keys->ticket, keys->k);
	else
		err = cfg->identity ? shared_secret(keys, false) : ADIT_EINVAL;
	return err;
}

int api_keys_read(const struct api_key_config *cfg, struct api_keys *ret_keys)
{
	int err;

	memset(ret_keys, 0, sizeof(*ret_keys));
	err = read_identity(cfg, ret_keys);
	if (err == 0)
		err = cfg->serve ? read_serve(cfg, ret_keys) : read_connect(cfg, ret_keys);
	if (err < 0)
		api_keys_done(ret_keys);
	return err;
}

void api_keys_done(struct api_keys *keys)
{
	adit_bytes_wipe(keys, sizeof(*keys));
}
