#include "link/link_memory.h"

#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/words.h"

#define SECONDS_MAX 86400u /* of any of them */

enum key {
	KEY_NETWORK,
	KEY_PEER,
	KEY_AGE,
	KEY_LIFE,
	KEY_LIVED,
	KEY_DIED,
	KEYS,
};

static const char *const key_name[KEYS] = {"network", "peer", "age", "life", "lived", "died"};
static const char *const age_name[] = {"unknown", "ends", "lasts"};

static unsigned seconds(adit_dur d)
{
	return (unsigned)(d / ADIT_SEC(1));
}

int link_memory_format(const struct link_memory *m, char buf[LINK_MEMORY_STRLEN])
{
	char network[ADIT_ADDR_STRLEN];
	char peer[ADIT_ADDR_STRLEN];
	int n = snprintf(buf, LINK_MEMORY_STRLEN, "network=%s peer=%s age=%s life=%u lived=%u died=%u",
			 adit_addr_format(&m->network, network), adit_addr_format(&m->peer, peer),
			 age_name[m->age.kind], seconds(m->age.life), seconds(m->lived), seconds(m->died));

	return n < LINK_MEMORY_STRLEN ? n : ADIT_EFULL;
}

static bool parse_addr(struct adit_word w, struct adit_addr *ret)
{
	return adit_addr_parse(w.p, w.len, ret) == 0 && ret->port == 0;
}

static bool parse_seconds(struct adit_word w, adit_dur *ret)
{
	uint64_t v;

	if (!adit_word_number(w, SECONDS_MAX, &v))
		return false;
	*ret = ADIT_SEC(v);
	return true;
}

static bool parse_age(struct adit_word w, enum link_age_kind *ret)
{
	size_t k = adit_word_find(w, age_name, ARRAY_LEN(age_name));

	*ret = (enum link_age_kind)k;
	return k < ARRAY_LEN(age_name);
}

static bool parse_value(enum key key, struct adit_word w, struct link_memory *m)
{
	switch (key) {
	case KEY_NETWORK:
		return parse_addr(w, &m->network);
	case KEY_PEER:
		return parse_addr(w, &m->peer);
	case KEY_AGE:
		return parse_age(w, &m->age.kind);
	case KEY_LIFE:
		return parse_seconds(w, &m->age.life);
	case KEY_LIVED:
		return parse_seconds(w, &m->lived);
	case KEY_DIED:
		return parse_seconds(w, &m->died);
	case KEYS:
		break;
	}
	return true;
}

/* An end without its age would be one at once; what has died cannot have lived. */
static bool makes_sense(const struct link_memory *m)
{
	return (m->age.kind != LINK_AGE_ENDS || m->age.life > 0) && (m->died == 0 || m->died > m->lived);
}

int link_memory_parse(const char *text, struct link_memory *ret_memory)
{
	struct link_memory m;
	bool seen[KEYS + 1] = {false};
	struct adit_word name;
	struct adit_word value;
	int r;

	memset(&m, 0, sizeof(m));
	while ((r = adit_words_next(&text, &name, &value)) == 1) {
		enum key key = (enum key)adit_word_find(name, key_name, KEYS);

		if ((key < KEYS && seen[key]) || !parse_value(key, value, &m))
			return ADIT_EPROTO;
		seen[key] = true;
	}
	if (r < 0 || !seen[KEY_NETWORK] || !seen[KEY_PEER] || !makes_sense(&m))
		return ADIT_EPROTO;
	*ret_memory = m;
	return 0;
}

bool link_memory_eq(const struct link_memory *a, const struct link_memory *b)
{
	return adit_addr_eq(&a->network, &b->network) && adit_addr_eq(&a->peer, &b->peer) &&
	       a->age.kind == b->age.kind && a->age.life == b->age.life && a->lived == b->lived && a->died == b->died;
}
