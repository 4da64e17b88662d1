#include "mediator/med_turn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "core/trust/trust_idline.h"
#include "crypto/crypto.h"

static int compare_keys(const void *a, const void *b)
{
	return memcmp(a, b, MEET_KEY_LEN);
}

/* The first line, without what editors put behind it. */
static int read_secret(struct med_turn *t, const char *path, struct io_why *why)
{
	struct io_text text;
	uint8_t *secret;
	size_t len;
	int err = io_file_read(path, MED_TURN_SECRET_MAX, &text, why);

	if (err != 0)
		return err;
	len = strcspn(text.data, "\r\n");
	secret = len < MED_TURN_SECRET_MIN ? NULL : malloc(len);
	if (secret)
		memcpy(secret, text.data, len);
	io_text_done(&text);
	if (len < MED_TURN_SECRET_MIN) {
		io_why_set(why, 0, "%s: a secret of %zu bytes: who borrowed once could find it by trying", path, len);
		return io_why_next(
			why, ADIT_EINVAL,
			"at least %d, the same as coturn's static-auth-secret; for example: openssl rand -hex 32",
			MED_TURN_SECRET_MIN);
	}
	if (!secret)
		return io_why_set(why, ADIT_ESYS, "%s: no memory", path);
	t->lender.secret = secret;
	t->lender.secret_len = len;
	return 0;
}

/* Each line's key; the list is sorted for meet_lender_has_host(). */
static int parse_hosts(struct med_turn *t, const char *path, const struct io_text *text, struct io_why *why)
{
	const char *end = text->data + text->len;
	unsigned nr = 0;

	for (const char *line = text->data; line < end;) {
		const char *nl = memchr(line, '\n', (size_t)(end - line));
		size_t len = nl ? (size_t)(nl - line) : (size_t)(end - line);
		struct trust_idline id;
		const char *reason;
		int r = trust_idline_parse(line, len, &id, &reason);

		nr++;
		if (r != 0 && r != ADIT_EIGNORED) {
			io_why_set(why, 0, "%s:%u: %s", path, nr, reason);
			return io_why_next(why, ADIT_EINVAL,
					   "each line is what \"adit id\" prints on a machine that serves");
		}
		if (r == 0)
			memcpy(t->hosts[t->lender.n_hosts++], id.key, MEET_KEY_LEN);
		line += len + 1;
	}
	qsort(t->hosts, t->lender.n_hosts, MEET_KEY_LEN, compare_keys);
	return 0;
}

static int read_hosts(struct med_turn *t, const char *path, struct io_why *why)
{
	struct io_text text;
	size_t lines = 1;
	int err = io_file_read(path, MED_TURN_FOR_MAX, &text, why);

	if (err != 0)
		return err;
	for (size_t i = 0; i < text.len; i++)
		lines += text.data[i] == '\n';
	t->hosts = calloc(lines, sizeof(*t->hosts));
	err = t->hosts ? parse_hosts(t, path, &text, why) : io_why_set(why, ADIT_ESYS, "%s: no memory", path);
	io_text_done(&text);
	t->lender.hosts = (const uint8_t(*)[MEET_KEY_LEN])t->hosts;
	return err;
}

int med_turn_load(struct med_turn *t, const struct med_opts *o, struct io_why *why)
{
	int err;

	*t = (struct med_turn){.lender = {.crypto = &crypto_gnutls, .n_uris = o->n_turns}};
	if (o->n_turns == 0)
		return 0;
	for (unsigned i = 0; i < o->n_turns; i++)
		snprintf(t->lender.uris[i], sizeof(t->lender.uris[i]), "%s", o->turns[i]);
	err = read_secret(t, o->turn_secret_file, why);
	if (err == 0)
		err = read_hosts(t, o->turn_for, why);
	if (err != 0)
		med_turn_done(t);
	return err;
}

void med_turn_done(struct med_turn *t)
{
	uint8_t *secret = (uint8_t *)t->lender.secret;

	if (secret)
		adit_bytes_wipe(secret, t->lender.secret_len);
	free(secret);
	free(t->hosts);
	*t = (struct med_turn){.hosts = NULL};
}
