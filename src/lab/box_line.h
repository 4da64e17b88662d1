/*
 * One direction of a wire for real frames: the model's link (lab_link.h) decides what becomes of each, this keeps them
 * until then. No I/O: time comes in.
 *
 * A frame that arrives is first judged by box_line_pass(): lost, or to be given out at one instant or two. The caller
 * gives it out at once where that instant has come and the line is empty (no copy), else box_line_push() keeps it.
 * Frames come out in the order of their instants.
 */
#ifndef ADIT_LAB_BOX_LINE_H
#define ADIT_LAB_BOX_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/time.h"
#include "lab/lab_link.h"

struct box_line_stats {
	uint64_t frames; /* arrived */
	uint64_t bytes;
	uint64_t lost; /* at random */
	uint64_t full; /* by the queue before the rate */
	uint64_t overrun; /* did not fit in the store */
};

/* Frames in the order in which they are due. */
struct box_ring {
	uint8_t *store; /* records of {box_record, frame, padding}; borrowed */
	size_t size;
	size_t head; /* where the next record goes */
	size_t tail; /* the oldest record */
	size_t wrap; /* where the records before the store's end stop; the next one is at 0 */
	size_t count;
	adit_time last_due;
};

struct box_line {
	struct lab_link link; /* a line stays where it was initialised */
	/* Those that others overtake have a ring of their own, so that each ring is in order. */
	struct box_ring ring[2];
	struct box_line_stats stats;
};

struct box_frame {
	adit_time due;
	uint8_t *data; /* good until popped; may be changed */
	size_t len;
};

/* Walks from the frame due first on; any change of the line ends the walk. */
struct box_cursor {
	size_t at[2];
	size_t left[2];
};

/* |store| is borrowed for the line's life and 8-byte aligned; |size| bytes, a multiple of 64. |cfg|: hops and MTU are
 * not the line's business. */
void box_line_init(struct box_line *l, const struct lab_link_config *cfg, uint64_t seed, void *store, size_t size);

/* What becomes of a frame: given out |n| times, 0: it is lost. */
struct box_pass {
	unsigned n;
	struct {
		adit_time due;
		uint8_t ring;
	} copy[2];
};

/* For the frame of |wire_len| bytes that arrived at |arrival|. Counts it. */
struct box_pass box_line_pass(struct box_line *l, adit_time arrival, size_t wire_len);

/* Keeps a copy until copy |i| of |pass| is due. EFULL where the store has no room: counted, lost. */
ADIT_MUST_CHECK int box_line_push(struct box_line *l, const struct box_pass *pass, unsigned i, const void *data,
				  size_t len);

/* It never holds or loses anything: a frame goes straight on, and needs only to be counted. */
bool box_line_is_plain(const struct box_line *l);
void box_line_count(struct box_line *l, size_t wire_len);

bool box_line_is_empty(const struct box_line *l);

/* The instant of the frame due first, ADIT_NEVER where there is none. */
adit_time box_line_deadline(const struct box_line *l);

struct box_cursor box_line_walk(const struct box_line *l);

/* The next frame that is due at |now|; false: no more. */
bool box_line_next(const struct box_line *l, struct box_cursor *c, adit_time now, struct box_frame *ret_frame);

/* Forgets the |n| frames due first: those that a walk has seen. */
void box_line_pop(struct box_line *l, size_t n);

#endif
