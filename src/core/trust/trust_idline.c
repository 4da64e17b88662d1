#include "core/trust/trust_idline.h"

#include <string.h>

#include "base/bytes.h"
#include "core/trust/trust_base32.h"
#include "core/trust/trust_name.h"

struct word {
	const char *p;
	size_t len;
};

static bool word_is(const struct word *w, const char *text)
{
	return w->len == strlen(text) && memcmp(w->p, text, w->len) == 0;
}

static bool is_between(char c, const char *also)
{
	return trust_base32_is_space(c) || (c != '\0' && strchr(also, c));
}

static void skip_between(struct word *line, const char *also)
{
	while (line->len > 0 && is_between(*line->p, also)) {
		line->p++;
		line->len--;
	}
}

/* Cuts the next word off the front of |line|; words stand between blanks and |also|. Empty where none is left. */
static struct word next_word(struct word *line, const char *also)
{
	struct word w;

	skip_between(line, also);
	w = (struct word){.p = line->p};
	while (line->len > 0 && !is_between(*line->p, also)) {
		line->p++;
		line->len--;
		w.len++;
	}
	return w;
}

/* Takes the brackets off; false where there is only one of them. */
static bool strip_brackets(struct word *list)
{
	bool open = list->p[0] == '[';

	while (list->len > 0 && trust_base32_is_space(list->p[list->len - 1]))
		list->len--;
	if (open != (list->p[list->len - 1] == ']') || (open && list->len < 2))
		return false;
	if (open) {
		list->p++;
		list->len -= 2;
	}
	return true;
}

/* |list| begins with something that is not a blank. */
static int parse_services(struct word list, struct trust_idline *id, const char **ret_reason)
{
	if (!strip_brackets(&list)) {
		*ret_reason = "the list of services has one bracket only";
		return ADIT_EINVAL;
	}
	for (struct word w = next_word(&list, ","); w.len > 0; w = next_word(&list, ",")) {
		if (!trust_name_is_valid(w.p, w.len)) {
			*ret_reason = "a service is a name of a-z, 0-9 and '-', at most 32 long";
			return ADIT_EINVAL;
		}
		if (id->n_services == TRUST_IDLINE_SERVICES_MAX) {
			*ret_reason = "more than 64 services in one line";
			return ADIT_EFULL;
		}
		memcpy(id->services[id->n_services], w.p, w.len);
		id->services[id->n_services++][w.len] = '\0';
	}
	/* Not "all": that is said by leaving the list out. */
	if (id->n_services == 0) {
		*ret_reason = "the list of services is empty";
		return ADIT_EINVAL;
	}
	return 0;
}

/* A word that trust_idline_parse() reads back as itself. Returns its length. */
static size_t safe_comment(const char *src, size_t len, char ret_comment[TRUST_COMMENT_MAX + 1])
{
	size_t n = trust_text_safe(src, len, ret_comment, TRUST_COMMENT_MAX + 1);

	for (size_t i = 0; i < n; i++)
		if (trust_base32_is_space(ret_comment[i]))
			ret_comment[i] = '-';
	if (n > 0 && ret_comment[0] == '[')
		ret_comment[0] = '-';
	return n;
}

static int parse_key(const struct word *type, const struct word *key, struct trust_idline *id, const char **ret_reason)
{
	*ret_reason = "the key is damaged: it must be 52 letters of a-z and 2-7";
	if (!word_is(type, "ed25519")) {
		*ret_reason = "the line does not begin with \"ed25519\"";
		return ADIT_EINVAL;
	}
	if (key->len == 0) {
		*ret_reason = "the key is missing";
		return ADIT_EINVAL;
	}
	if (key->len != TRUST_BASE32_LEN(TRUST_KEY_LEN) ||
	    trust_base32_decode(key->p, key->len, id->key, sizeof(id->key)) != TRUST_KEY_LEN)
		return ADIT_EINVAL;
	*ret_reason = NULL;
	return 0;
}

int trust_idline_parse(const char *line, size_t len, struct trust_idline *ret_id, const char **ret_reason)
{
	struct word rest = {.p = line, .len = len};
	struct word type = next_word(&rest, "");
	struct word key;
	struct word comment;
	int err;

	if (type.len == 0 || type.p[0] == '#')
		return ADIT_EIGNORED;
	*ret_id = (struct trust_idline){0};
	key = next_word(&rest, "");
	err = parse_key(&type, &key, ret_id, ret_reason);
	if (err < 0)
		return err;
	comment = next_word(&rest, "");
	if (comment.len > 0 && comment.p[0] == '[') {
		*ret_reason = "a comment (one word) must stand before the services";
		return ADIT_EINVAL;
	}
	(void)safe_comment(comment.p, comment.len, ret_id->comment);
	skip_between(&rest, "");
	return rest.len > 0 ? parse_services(rest, ret_id, ret_reason) : 0;
}

static void put(struct adit_wr *w, const char *text, size_t len)
{
	adit_wr_bytes(w, text, len);
}

size_t trust_idline_format(const struct trust_idline *id, char ret_text[TRUST_IDLINE_TEXT_MAX + 1])
{
	struct adit_wr w = adit_wr_over(ret_text, TRUST_IDLINE_TEXT_MAX);
	char key[TRUST_BASE32_LEN(TRUST_KEY_LEN) + 1];
	char comment[TRUST_COMMENT_MAX + 1];
	size_t n = safe_comment(id->comment, strnlen(id->comment, TRUST_COMMENT_MAX), comment);

	/* Services cannot follow nothing. */
	if (n == 0 && id->n_services > 0) {
		comment[0] = '-';
		n = 1;
	}
	put(&w, "ed25519 ", 8);
	put(&w, key, trust_base32_encode(id->key, sizeof(id->key), key));
	put(&w, " ", n > 0);
	put(&w, comment, n);
	for (size_t i = 0; i < id->n_services && i < TRUST_IDLINE_SERVICES_MAX; i++) {
		put(&w, i == 0 ? " [" : ",", i == 0 ? 2 : 1);
		put(&w, id->services[i], strnlen(id->services[i], TRUST_NAME_MAX));
	}
	put(&w, "]", id->n_services > 0);
	ret_text[w.len] = '\0';
	return w.len;
}

bool trust_idline_has_service(const struct trust_idline *id, const char *service)
{
	if (id->n_services == 0)
		return true;
	for (size_t i = 0; i < id->n_services; i++)
		if (strcmp(id->services[i], service) == 0)
			return true;
	return false;
}
