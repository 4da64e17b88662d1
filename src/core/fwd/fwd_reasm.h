/*
 * Fragments back into UDP payloads. One table per session; the caller hands it a fixed number of slots, one per payload
 * in the making. When all are taken, the oldest payload is given up. Nothing is ever made of two payloads' parts:
 * see FWD_REASM_WINDOW.
 */
#ifndef ADIT_FWD_REASM_H
#define ADIT_FWD_REASM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/time.h"
#include "core/fwd/fwd_dgram.h"

struct fwd_reasm_slot {
	bool used;
	uint16_t service;
	uint16_t message;
	uint32_t flow;
	uint8_t count;
	uint8_t n_got;
	uint32_t got[(FWD_FRAGMENTS_MAX + 31) / 32]; /* a bit per index */
	size_t chunk; /* length of each but the last; 0: not known yet */
	size_t last_len; /* length of the last; 0: not here yet */
	adit_time expire_at;
	uint8_t data[FWD_PAYLOAD_MAX];
};

struct fwd_reasm_stats {
	uint64_t whole; /* payloads put together */
	uint64_t expired; /* given up: not complete in time, or overtaken by FWD_REASM_WINDOW others */
	uint64_t evicted; /* given up: a newer one needed the slot */
	uint64_t inconsistent; /* fragments that do not fit the others, dropped */
	uint64_t duplicates; /* fragments that were there already, dropped */
};

struct fwd_reasm {
	struct fwd_reasm_slot *slots; /* borrowed */
	size_t n_slots;
	size_t n_begun; /* those from here on were never used, nor written to */
	adit_time now;
	struct fwd_reasm_stats stats;
};

/*
 * |slots| need not be cleared; pages of it are touched only when needed. |n_slots| > 0. Not yet needed, as long as |r|
 * is all zero and no fragment is handed in.
 */
void fwd_reasm_init(struct fwd_reasm *r, struct fwd_reasm_slot *slots, size_t n_slots);

/*
 * A decoded datagram, fragment or not. 1: |ret_data| is a whole payload, good until the next call (of one that never
 * was cut: as long as the datagram); 0: not whole yet; EPROTO: the fragment does not fit, dropped.
 */
int fwd_reasm_input(struct fwd_reasm *r, adit_time now, const struct fwd_dgram *d, const uint8_t **ret_data,
		    size_t *ret_len);

/* Gives up what is too old. */
void fwd_reasm_tick(struct fwd_reasm *r, adit_time now);
adit_time fwd_reasm_deadline(const struct fwd_reasm *r);

#endif
