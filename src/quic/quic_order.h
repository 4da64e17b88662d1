/*
 * Protection from the library's giving up: 0.12.1 ends a connection when a stream's bytes arrive with 1000 holes
 * between them. That is meant against malice, but a full bottleneck that drops every second packet does it too, once
 * more than 3 MB are in flight. So we count the holes, and a packet that would add one too many is dropped, as if it
 * had been lost on the way: the sender repeats it when the first holes are filled.
 */
#ifndef ADIT_QUIC_ORDER_H
#define ADIT_QUIC_ORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct quic;
struct quic_stream;

#define QUIC_ORDER_CACHE 64

struct quic_order {
	bool is_alert; /* packets are missing, or were a moment ago: look into each */
	unsigned calm; /* packets in order since, with no holes left */
	size_t holes; /* of all streams */
	struct quic_stream *cache[QUIC_ORDER_CACHE];
};

/*
 * A packet arrived, decrypted; |is_next|: its number follows on the highest so far. False: drop it.
 */
bool quic_order_accepts(struct quic *q, bool is_next, const uint8_t *payload, size_t len);

/* The stream goes. */
void quic_order_forget(struct quic *q, struct quic_stream *s);

#endif
