/*
 * One direction of a wire: delay, random loss, an optional rate with a queue before it. No I/O: time comes in.
 *
 * A frame that arrives is first judged by box_line_due(): lost, or to be given out at an instant. The caller gives it
 * out at once where that instant has come and the line is empty (no copy), else box_line_push() keeps it. Frames
 * come out in the order in which they went in.
 */
#ifndef ADIT_LAB_BOX_LINE_H
#define ADIT_LAB_BOX_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/rng.h"
#include "base/time.h"

struct box_line_config {
	adit_dur delay;
	adit_dur jitter; /* added, uniform from 0 to this; frames keep their order */
	double loss; /* 0..1, for each frame alike; a super-packet is one frame */
	uint64_t rate; /* bits per second; 0: no limit */
	uint64_t queue; /* bytes that may wait for the rate; what does not fit is dropped (tail drop) */
	uint64_t seed;
};

struct box_line_stats {
	uint64_t frames; /* arrived */
	uint64_t bytes;
	uint64_t lost; /* by --loss */
	uint64_t full; /* by the queue of --rate */
	uint64_t overrun; /* did not fit in the store */
};

struct box_line {
	struct box_line_config cfg;
	struct adit_rng_seeded seeded;
	struct adit_rng rng; /* borrows |seeded|: a line stays where it was initialised */
	uint64_t loss_below; /* a random number below this loses the frame */
	adit_time free_at; /* when the rate limiter has sent all it was given */
	adit_time last_due;
	uint8_t *store; /* records of {box_record, frame, padding}; borrowed */
	size_t size;
	size_t head; /* where the next record goes */
	size_t tail; /* the oldest record */
	size_t wrap; /* where the records before the store's end stop; the next one is at 0 */
	size_t count;
	struct box_line_stats stats;
};

struct box_frame {
	adit_time due;
	uint8_t *data; /* good until popped; may be changed */
	size_t len;
};

/* Walks from the oldest frame on; any change of the line ends the walk. */
struct box_cursor {
	size_t at;
	size_t left;
};

/* |store| is borrowed for the line's life and 8-byte aligned; |size| bytes, a multiple of 8. */
void box_line_init(struct box_line *l, const struct box_line_config *cfg, void *store, size_t size);

/* When the frame of |wire_len| bytes that arrived at |arrival| is to be given out; ADIT_NEVER: it is lost. Counts it.
 */
adit_time box_line_due(struct box_line *l, adit_time arrival, size_t wire_len);

/* Keeps a copy until |due|, which box_line_due() has named. EFULL where the store has no room: counted, lost. */
ADIT_MUST_CHECK int box_line_push(struct box_line *l, adit_time due, const void *data, size_t len);

/* It never holds or loses anything: a frame goes straight on, and needs only to be counted. */
bool box_line_is_plain(const struct box_line *l);
void box_line_count(struct box_line *l, size_t wire_len);

bool box_line_is_empty(const struct box_line *l);

/* The instant of the oldest frame, ADIT_NEVER where there is none. */
adit_time box_line_deadline(const struct box_line *l);

struct box_cursor box_line_walk(const struct box_line *l);

/* The next frame that is due at |now|; false: no more. */
bool box_line_next(const struct box_line *l, struct box_cursor *c, adit_time now, struct box_frame *ret_frame);

/* Forgets the oldest |n| frames. */
void box_line_pop(struct box_line *l, size_t n);

#endif
