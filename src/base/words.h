/* Lines of words KEY=VALUE with one blank between them, as they are kept in the state directory. */
#ifndef ADIT_WORDS_H
#define ADIT_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* Not terminated. */
struct adit_word {
	const char *p;
	size_t len;
};

bool adit_word_is(struct adit_word w, const char *text);
/* Its place in |names|; |n|: it is none of them. */
size_t adit_word_find(struct adit_word w, const char *const *names, size_t n);
/* Digits alone. */
bool adit_word_number(struct adit_word w, uint64_t max, uint64_t *ret);
/* Takes the first one off |*text|. 1; 0: it is empty; EPROTO: it is no KEY=VALUE, or a blank stands at the end. */
int adit_words_next(const char **text, struct adit_word *ret_key, struct adit_word *ret_value);

#endif
