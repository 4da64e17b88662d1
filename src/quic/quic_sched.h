/*
 * Who sends next. A stream is in one of two queues while it has something to send: the interactive one, first come
 * first served and always first; or the bulk one, which takes turns of QUIC_TURN bytes. It is interactive as long as it
 * sent less than QUIC_INTERACTIVE_MAX since it last rested.
 */
#ifndef ADIT_QUIC_SCHED_H
#define ADIT_QUIC_SCHED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "base/time.h"

struct quic_sched {
	struct adit_list interactive;
	struct adit_list bulk;
};

/* Part of each stream. */
struct quic_turn {
	struct adit_list node;
	uint64_t burst; /* bytes sent since the last rest */
	uint64_t taken; /* bytes of this turn */
	adit_time dry_at; /* since when there is nothing to send */
	bool is_bulk;
};

void quic_sched_init(struct quic_sched *s);
void quic_turn_init(struct quic_turn *t);

/* |t| has something to send; nothing happens if it is queued already. */
void quic_sched_ready(struct quic_sched *s, struct quic_turn *t, adit_time now);
/* The one whose turn it is, or NULL. It stays queued. */
struct quic_turn *quic_sched_next(const struct quic_sched *s);
/* Does somebody wait in the bulk queue? */
bool quic_sched_has_bulk(const struct quic_sched *s);
/* |t| sent |n| bytes of its turn and has more. */
void quic_sched_sent(struct quic_sched *s, struct quic_turn *t, size_t n);
/* |t| has nothing more to send, or may not. */
void quic_sched_dry(struct quic_turn *t, adit_time now);

#endif
