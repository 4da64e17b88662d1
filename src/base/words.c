#include "base/words.h"

#include <string.h>

bool adit_word_is(struct adit_word w, const char *text)
{
	return w.len == strlen(text) && memcmp(w.p, text, w.len) == 0;
}

size_t adit_word_find(struct adit_word w, const char *const *names, size_t n)
{
	size_t i = 0;

	while (i < n && !adit_word_is(w, names[i]))
		i++;
	return i;
}

bool adit_word_number(struct adit_word w, uint64_t max, uint64_t *ret)
{
	uint64_t v = 0;

	for (size_t i = 0; i < w.len; i++) {
		unsigned digit = (unsigned)w.p[i] - '0';

		if (digit > 9 || digit > max || v > (max - digit) / 10)
			return false;
		v = v * 10 + digit;
	}
	*ret = v;
	return w.len > 0;
}

int adit_words_next(const char **text, struct adit_word *ret_key, struct adit_word *ret_value)
{
	size_t len = strcspn(*text, " ");
	const char *eq = memchr(*text, '=', len);

	if (**text == '\0')
		return 0;
	if (!eq || eq == *text)
		return ADIT_EPROTO;
	*ret_key = (struct adit_word){.p = *text, .len = (size_t)(eq - *text)};
	*ret_value = (struct adit_word){.p = eq + 1, .len = len - ret_key->len - 1};
	*text += len;
	if (**text == ' ' && *++*text == '\0')
		return ADIT_EPROTO;
	return 1;
}
