/*
 * What is better remembered but not missed for long: which free port a service got here, how far the probes of a label
 * were seen (core/punch/punch_replay.h), how wrong a peer's clock is, what worked toward it, which mediators serve
 * used. When full, the oldest entry goes. Values are numbers or, of some kinds, texts.
 */
#ifndef ADIT_IO_MEMORY_H
#define ADIT_IO_MEMORY_H

#include "io/io_state.h"

enum io_memory {
	IO_MEMORY_PORTS, /* a port number */
	IO_MEMORY_HORIZONS, /* adit_utc; it only ever rises */
	IO_MEMORY_CLOCKS, /* how many milliseconds a peer's clock is ahead of ours, plus IO_MEMORY_CLOCK_ZERO */
	IO_MEMORY_WAYS, /* text: what was learnt about the way to a peer (core/reach/reach_desc.h) */
	IO_MEMORY_LIVES, /* text: how long NATs' mappings live on the way to a peer (link/link_memory.h) */
	IO_MEMORY_MEDIATORS, /* text: names with blanks between them */
};

/* Lies between the differences that a clock can have in both directions: 3000 years. */
#define IO_MEMORY_CLOCK_ZERO UINT64_C(100000000000000)

/*
 * The value kept under |key|, up to IO_MEMORY_KEY_MAX printable characters without blanks. ADIT_ENOENT: none, or its
 * line is damaged (then |why| says where, else its |what| is empty).
 */
ADIT_MUST_CHECK int io_memory_get(const struct io_state *st, enum io_memory which, const char *key, uint64_t *ret_value,
				  struct io_why *why);

/* Keeps it; nothing is written where it is known already, or lower than a horizon. ADIT_EINVAL: such a key. */
ADIT_MUST_CHECK int io_memory_set(struct io_state *st, enum io_memory which, const char *key, uint64_t value,
				  struct io_why *why);

/*
 * Of kinds that are texts: up to IO_MEMORY_TEXT_MAX bytes and a NUL. As above; ADIT_EINVAL: too long, or no text.
 */
ADIT_MUST_CHECK int io_memory_get_text(const struct io_state *st, enum io_memory which, const char *key,
				       char ret_text[IO_MEMORY_TEXT_MAX + 1], struct io_why *why);
ADIT_MUST_CHECK int io_memory_set_text(struct io_state *st, enum io_memory which, const char *key, const char *text,
				       struct io_why *why);

/* io_memory_get() on pure text. 0, ENOENT (|damage| says which lines made no sense), EINVAL, EVERSION: the head. */
ADIT_MUST_CHECK int io_memory_find(const char *text, size_t len, enum io_memory which, const char *key,
				   uint64_t *ret_value, struct io_damage *damage);

#endif
