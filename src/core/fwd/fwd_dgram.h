/*
 * UDP payloads in QUIC datagrams (RFC 9221): the format of one, and cutting a payload into several. fwd_reasm.h puts
 * them together again.
 *
 *	flags    u8      0x01: a fragment; all others zero
 *	service  u16     id from the welcome
 *	flow     varint  below 2^32; chosen by the connect side, fwd_flow.h
 *	--- of a fragment:
 *	message  u16     counts the cut payloads of this flow, in one direction
 *	index    u8      0 to count - 1
 *	count    u8      at least 2
 *	---
 *	payload          to the end. All fragments but the last are equally long, the last is not longer; none is empty
 */
#ifndef ADIT_FWD_DGRAM_H
#define ADIT_FWD_DGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "core/fwd/fwd_limits.h"

struct fwd_dgram {
	uint16_t service;
	uint32_t flow;
	bool is_fragment;
	uint16_t message; /* these three of fragments only, else zero */
	uint8_t index;
	uint8_t count;
	const uint8_t *data; /* inside the buffer that was decoded */
	size_t len;
};

/* 0; EPROTO: drop it. */
ADIT_MUST_CHECK int fwd_dgram_decode(const uint8_t *data, size_t len, struct fwd_dgram *ret_dgram);

/* A payload on its way into datagrams. */
struct fwd_split {
	struct fwd_dgram next;
	const uint8_t *data; /* borrowed until the last datagram is out */
	size_t len;
	size_t pos;
	size_t chunk;
	unsigned left; /* datagrams */
};

/*
 * |payload| becomes datagrams of at most |max| bytes; |message| counts up with each payload of the flow for which this
 * returns more than 1. Returns how many there will be. EINVAL: longer than FWD_PAYLOAD_MAX, or |max| is so small that
 * FWD_FRAGMENTS_MAX are not enough.
 */
ADIT_MUST_CHECK int fwd_split_init(struct fwd_split *s, uint16_t service, uint32_t flow, uint16_t message,
				   const uint8_t *payload, size_t len, size_t max);

/* Writes the next datagram; returns its length, 0: that were all. EFULL: |cap| is less than |max| was. */
ADIT_MUST_CHECK int fwd_split_next(struct fwd_split *s, uint8_t *buf, size_t cap);

#endif
