/*
 * What a replayed run leaves behind: its packets as text, and where the environment asks for it as files,
 *   ADIT_SIM_PCAP=run.pcapng   for tshark and Wireshark
 *   ADIT_SIM_SVG=run.svg       the drawn sequence; ADIT_SIM_FROM=2.5: from there on, in seconds
 */
#ifndef SIM_TRACE_H
#define SIM_TRACE_H

#include <stdio.h>

#include "lab/lab_draw.h"
#include "lab/lab_sim.h"
#include "lab/lab_trace.h"

struct sim_trace {
	struct lab_sim *sim;
	FILE *text; /* NULL: none */
	FILE *pcap;
	FILE *svg;
	adit_time svg_from;
	struct lab_trace trace;
	struct lab_draw draw;
};

/* Becomes the tap of |s|. |text| (may be NULL) is borrowed. False: a file cannot be written; stderr says which. */
bool sim_trace_init(struct sim_trace *t, struct lab_sim *s, FILE *text);
/* It does this by itself; for who has put a tap of his own in its place. |trace| is the struct sim_trace. */
void sim_trace_packet(void *trace, const struct lab_tap_packet *p);
/* The next lifeline from the left, and what it is called. */
void sim_trace_node(struct sim_trace *t, unsigned node, const char *name);
/* Before the simulation is freed. Accepts a zeroed one. False: what should be in the files is not. */
bool sim_trace_done(struct sim_trace *t, const char *title);

#endif
