/*
 * What will happen next: a binary heap of instants. Two events of one instant come out in the order in which they were
 * put in, so a run depends on nothing but its inputs. An event is a member of what it is about and is in one queue at
 * most.
 */
#ifndef ADIT_LAB_QUEUE_H
#define ADIT_LAB_QUEUE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/time.h"

struct lab_event {
	uint8_t kind; /* for the owner of the queue */
	size_t pos; /* where it is in the heap, plus one; 0: not queued */
};

struct lab_queue_slot {
	adit_time at;
	uint64_t seq;
	struct lab_event *ev;
};

struct lab_queue {
	struct lab_queue_slot *slots;
	size_t len;
	size_t cap;
	uint64_t seq;
};

/* A zeroed struct is an empty queue. Events still in it are forgotten, not freed. */
void lab_queue_done(struct lab_queue *q);

/* Puts |ev| in for |at|, or moves it there, behind all others of that instant. 0 or ENOMEM. */
ADIT_MUST_CHECK int lab_queue_set(struct lab_queue *q, struct lab_event *ev, adit_time at);
/* Harmless where |ev| is not queued. */
void lab_queue_del(struct lab_queue *q, struct lab_event *ev);

/* When the next event is due; ADIT_NEVER: there is none. */
adit_time lab_queue_next_at(const struct lab_queue *q);
/* Takes the next event out; NULL: there is none. */
struct lab_event *lab_queue_pop(struct lab_queue *q);

#endif
