/*
 * What one side tells the other about its NAT, in the |extra| field of an offer or answer (core/meet/meet_seal.h):
 * type-length-value triples, unknown ones are skipped. And what is kept of a network and a peer for the next run.
 */
#ifndef ADIT_REACH_DESC_H
#define ADIT_REACH_DESC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/err.h"
#include "base/time.h"
#include "core/meet/meet_limits.h"
#include "core/nat/nat_report.h"

/* How both begin a round: one after the other, but what worked last time comes first. */
enum reach_start {
	REACH_START_APART = 1, /* serve opens its NAT with openers, and stays quiet until it hears the peer */
	REACH_START_CROSS, /* both send full packets at one moment, which cross on their way: routers are neighbours */
	REACH_START_LATER, /* the peer goes first: serve sends nothing before REACH_LATER */
};

#define REACH_STARTS 3u

struct reach_desc {
	uint64_t instance; /* which run of the program */
	uint32_t attempt; /* the connect side's; the answer returns it */
	uint8_t round; /* from 1; the answer returns it */
	enum nat_kind kind; /* IPv4 */
	bool is_filtered; /* measured: home hears an address and port alone that it has sent to; false: not known */
	struct adit_addr public; /* IPv4, no port; NONE: not known */
	uint8_t witnesses; /* independent servers that named it (docs/rules.md 5) */
	struct nat_ports ports; /* kinds that change ports: how */
	uint16_t age; /* ms since ports.last was seen, when this was sent */
	uint8_t nats; /* NATs in a row, so far as known */
	uint8_t start; /* enum reach_start of this round; 0: goes by the round's number. The connect side's counts */
	enum nat_way way; /* that worked last between these two; UNKNOWN: not known. The connect side's counts */
	/*
	 * Ports |window_low| to |window_high| of |public| lead to sockets of ours that have already sent to |window_to|
	 * (an address of yours), so that its packets get in. Family NONE: no window.
	 */
	struct adit_addr window_to;
	uint16_t window_low;
	uint16_t window_high;
};

/* Its length, at most MEET_EXTRA_MAX. */
size_t reach_desc_encode(const struct reach_desc *d, uint8_t buf[MEET_EXTRA_MAX]);
/* 0 or EPROTO; values out of range are EPROTO. What is missing is unknown. */
ADIT_MUST_CHECK int reach_desc_decode(const uint8_t *data, size_t len, struct reach_desc *ret_desc);

/* What is kept over a restart, per peer and network. Plain value; io/io_store.c keeps it as it is told. */
struct reach_memory {
	struct adit_addr network; /* the public IPv4 address it was learnt behind: elsewhere it does not count */
	enum nat_kind kind; /* our own */
	uint8_t low_ttl; /* 0: not known */
	struct adit_addr peer_network; /* from where the peer was heard: it is trusted; NONE: it was not */
	enum nat_kind peer_kind;
	enum nat_way way; /* that worked last */
	uint8_t start; /* enum reach_start that did; 0: not known */
	adit_utc at;
};

/* |buf| gets a line of text without line end; its length or EFULL. And back: 0 or EPROTO. */
#define REACH_MEMORY_STRLEN 256
ADIT_MUST_CHECK int reach_memory_format(const struct reach_memory *m, char buf[REACH_MEMORY_STRLEN]);
ADIT_MUST_CHECK int reach_memory_parse(const char *text, struct reach_memory *ret_memory);

#endif
