/*
 * What the axis tests ask a NAT with: packets from known places, seen from outside only. An axis is a question with a
 * word for an answer, asked of a struct lab_nat that it knows nothing else about; a model with one setting changed must
 * give another word.
 */
#ifndef ADIT_LAB_ZOO_RIG_H
#define ADIT_LAB_ZOO_RIG_H

#include <stdio.h>
#include <string.h>

#include "test.h"

#include "base/bytes.h"
#include "lab/lab_species.h"

#define RIG_POOL 4u

/* Room for an answer. */
struct rig_word {
	char text[48];
};

/* A question: how does |n| behave? Time begins at 0. */
typedef struct rig_word (*rig_ask)(struct lab_nat *n);

struct rig_case {
	const char *settings; /* lab_species.h */
	const char *answer;
};

struct rig_axis {
	const char *name;
	rig_ask ask;
	unsigned pool; /* addresses outside; 0: one */
	struct rig_case cases[5]; /* up to the first without settings */
};

static inline struct adit_addr rig_host(uint8_t i, uint16_t port)
{
	return adit_addr_v4(192, 168, 1, (uint8_t)(2 + i), port);
}

static inline struct adit_addr rig_remote(uint8_t i, uint16_t port)
{
	return adit_addr_v4(198, 51, 100, (uint8_t)(1 + i), port);
}

static inline struct adit_addr rig_wan(uint8_t i, uint16_t port)
{
	return adit_addr_v4(203, 0, 113, (uint8_t)(1 + i), port);
}

static inline struct lab_site rig_site(unsigned pool, uint64_t seed)
{
	struct lab_site s = {.lan = adit_addr_v4(192, 168, 1, 1, 0), .wan_count = pool ? pool : 1, .seed = seed};

	for (unsigned i = 0; i < s.wan_count; i++)
		s.wan[i] = rig_wan((uint8_t)i, 0);
	return s;
}

static inline struct lab_nat *rig_new(const char *settings, unsigned pool, uint64_t seed)
{
	struct lab_site site = rig_site(pool, seed);
	struct lab_species_error err = {.text = ""};
	struct lab_nat *n = NULL;

	if (lab_species_make(settings, &site, &n, &err) < 0)
		fail_msg("%s: %s", settings, err.text);
	return n;
}

static inline struct rig_word rig_say(const char *text)
{
	struct rig_word w;

	snprintf(w.text, sizeof(w.text), "%s", text);
	return w;
}

static inline struct rig_word rig_say_number(long v)
{
	struct rig_word w;

	snprintf(w.text, sizeof(w.text), "%ld", v);
	return w;
}

/* Where a packet from inside is seen to come from; port 0: it did not get out. */
static inline struct adit_addr rig_out(struct lab_nat *n, adit_time now, struct adit_addr src, struct adit_addr dst)
{
	struct lab_flow f = {.src = src, .dst = dst, .ttl = 64};
	struct lab_flow g;

	return n->ops->out(n, now, &f, &g) == LAB_FORWARD ? g.src : (struct adit_addr){0};
}

static inline uint16_t rig_port(struct lab_nat *n, adit_time now, struct adit_addr src, struct adit_addr dst)
{
	return rig_out(n, now, src, dst).port;
}

static inline enum lab_verdict rig_in(struct lab_nat *n, adit_time now, struct adit_addr src, struct adit_addr dst)
{
	struct lab_flow f = {.src = src, .dst = dst, .ttl = 64};
	struct lab_flow g;

	return n->ops->in(n, now, &f, &g);
}

static inline bool rig_gets_in(struct lab_nat *n, adit_time now, struct adit_addr src, struct adit_addr dst)
{
	return rig_in(n, now, src, dst) == LAB_FORWARD;
}

/* Each case gives its answer, and no other case's, whatever the seed. */
static inline void rig_check(const struct rig_axis *a)
{
	size_t count = 0;

	for (; count < ARRAY_LEN(a->cases) && a->cases[count].settings; count++) {
		for (uint64_t seed = 1; seed <= 3; seed++) {
			struct lab_nat *n = rig_new(a->cases[count].settings, a->pool, seed);
			struct rig_word w = a->ask(n);

			if (strcmp(w.text, a->cases[count].answer) != 0)
				fail_msg("%s: \"%s\" with seed %u answers %s, not %s", a->name,
					 a->cases[count].settings, (unsigned)seed, w.text, a->cases[count].answer);
			lab_nat_free(n);
		}
	}
	/* A question that always gets the same answer would catch no wrong model. */
	assert_true(count >= 2);
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(a->cases[i].answer, a->cases[k].answer);
}

#endif
