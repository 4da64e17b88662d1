/*
 * A run as a drawn sequence (SVG) that a person can follow: hosts and routers stand side by side as lifelines, time
 * runs down, each packet is an arrow with its addresses, and where one ends otherwise than at its goal there is a mark
 * and a word. Every event has a line of its own, so time is not to scale: it is written at the left. Colours are those
 * of Okabe and Ito ("Color Universal Design", 2008), and no kind is told by its colour alone.
 *
 * Of a long run the beginning and the end are drawn, and what lies between is counted.
 */
#ifndef ADIT_LAB_DRAW_H
#define ADIT_LAB_DRAW_H

#include "lab/lab_sim.h"

/* Events drawn at most. */
#define LAB_DRAW_MAX 300u

/* Lifelines at most; packets of further nodes are not drawn. */
#define LAB_DRAW_LANES 24u

/* One event, as much of it as is drawn. Not looked into by others. */
struct lab_draw_mark {
	adit_time at;
	enum lab_step step;
	unsigned node;
	unsigned from;
	unsigned to;
	uint64_t id;
	uint64_t cause;
	bool is_icmp;
	bool is_v6;
	uint8_t icmp_type;
	uint8_t icmp_code;
	uint8_t ttl;
	uint8_t fragment;
	struct adit_addr src;
	struct adit_addr dst;
	struct adit_addr offender;
	size_t len;
	const char *name; /* NULL: its length is shown */
	/* For the drawing itself. */
	size_t end; /* SENT: the mark where it ends, plus one; 0: not drawn */
	double x;
	double y;
};

struct lab_draw {
	const struct lab_sim *sim;
	/* What a packet is called, static text; NULL, or returns NULL: nothing. May be set before the first packet. */
	const char *(*name)(const struct lab_tap_packet *p);
	unsigned lanes[LAB_DRAW_LANES]; /* nodes from left to right */
	size_t lane_count;
	struct lab_draw_mark *marks; /* the first half of LAB_DRAW_MAX, then the latest ones in a ring */
	size_t count; /* of all that came, but ... */
	size_t without_lane; /* ... those between nodes that have no lifeline */
};

/* |sim| is borrowed. 0 or ENOMEM. */
ADIT_MUST_CHECK int lab_draw_init(struct lab_draw *d, const struct lab_sim *sim);
/* The next lifeline from the left; nodes that are not named here come after, as they appear. */
void lab_draw_lane(struct lab_draw *d, unsigned node);
/* For lab_sim_set_tap: |draw| is the struct lab_draw. */
void lab_draw_packet(void *draw, const struct lab_tap_packet *p);
/* Writes the picture; |title| is one line. Nothing may come after. */
void lab_draw_finish(struct lab_draw *d, const char *title, void (*put)(void *ctx, const void *data, size_t len),
		     void *ctx);
/* Accepts one whose init failed. */
void lab_draw_done(struct lab_draw *d);

#endif
