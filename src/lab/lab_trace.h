/*
 * A run as pcapng, for tshark and Wireshark: draft-ietf-opsawg-pcapng (version 1.0 of the format). Every packet is a
 * whole IPv4 or IPv6 packet with right lengths and checksums (LINKTYPE_RAW), one interface stands for one node, time is
 * virtual time in nanoseconds since the epoch, and what became of a packet stands in a comment where it did not just
 * arrive.
 *
 * A host's or router's interface shows what it sends (outbound) and what arrives (inbound); a packet that passes a
 * router shows there twice, as it came and as it went. A net's interface shows what was lost on its wires.
 */
#ifndef ADIT_LAB_TRACE_H
#define ADIT_LAB_TRACE_H

#include "lab/lab_sim.h"

struct lab_trace {
	const struct lab_sim *sim;
	void (*put)(void *ctx, const void *data, size_t len);
	void *ctx;
	unsigned *ifaces; /* the interface of a node, by its id, plus one; 0: none yet */
	size_t cap;
	unsigned count;
	bool no_memory; /* some packets are missing */
};

/* |put| gets the bytes of the file in order; |sim| and |ctx| are borrowed. Writes the head of the file. */
void lab_trace_init(struct lab_trace *t, const struct lab_sim *sim,
		    void (*put)(void *ctx, const void *data, size_t len), void *ctx);
/* For lab_sim_set_tap: |trace| is the struct lab_trace. */
void lab_trace_packet(void *trace, const struct lab_tap_packet *p);
void lab_trace_done(struct lab_trace *t);

/* What became of a packet, for a person; NULL: it goes on, or has arrived. */
const char *lab_trace_comment(enum lab_step step);

#endif
