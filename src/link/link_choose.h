/*
 * Which of its proven paths a session should use: the connect side's decision, and nothing else. Pure: what is known of
 * each path goes in, the number of one comes out. link_move.c keeps the paths and does what is decided here.
 *
 * Words:
 *   class    LAN before direct before relayed, whatever the round trips are: a relay costs its operator something
 *   cost     round trip, lengthened by what is lost; within one class the cheaper path is better, if clearly
 *   doubt    the path in use owes us something for longer than it ever took, so all paths are asked at one moment
 *   sure     it has answered a question that left since the doubt began (without one: any)
 *   fall     a path was left because it had fallen silent. It is come back to when it has answered for a while, which
 *            doubles with each fall: one that comes and goes is not followed every time
 *
 * The rules, in this order: away from a path that is silent, to the best that is sure; to a better class; to one that
 * was clearly cheaper several times in a row. The last two have a bound in each minute, the first one has none.
 */
#ifndef ADIT_LINK_CHOOSE_H
#define ADIT_LINK_CHOOSE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/time.h"
#include "link/link.h"

enum link_class {
	LINK_CLASS_LAN,
	LINK_CLASS_DIRECT,
	LINK_CLASS_RELAYED,
};

enum link_class link_class_of(enum link_how how);

/* One path. */
struct link_view {
	bool is_there;
	bool is_lost;
	bool shares_sock; /* with the path in use: what cuts that socket's mapping cuts this one, too */
	enum link_class class;
	adit_dur rtt; /* smoothed; 0: unknown */
	unsigned loss; /* of questions, per mille */
	unsigned better; /* measurements in a row by which it was clearly cheaper than the path in use */
	unsigned falls; /* lately */
	adit_time answered_sent_at; /* when the last question that was answered left; NEVER: none was */
	adit_time steady_since; /* nothing was owed too long since; NEVER: something is */
};

/* The path in use. */
struct link_used {
	size_t index;
	adit_time doubt_at; /* when all were asked; NEVER: it gives no reason to */
	adit_dur rtt; /* the longest that may be expected */
	unsigned moves_left; /* toward better ones, for now */
};

/* The index of the path to go to, or -1: stay. |*ret_again|: when to ask next though nothing new is known; or NEVER. */
int link_choose(const struct link_view *views, size_t n, const struct link_used *used, adit_time now,
		adit_time *ret_again);

/* How long the path in use may owe an answer, so long as another one stands by, before all are asked. */
adit_dur link_choose_patience(adit_dur rtt);

/* How long a path that fell so often must be steady. */
adit_dur link_choose_hold(unsigned falls);

/* Is |a| cheaper than |b| by so much that a move pays? Both must have been measured. */
bool link_choose_is_clearly_cheaper(const struct link_view *a, const struct link_view *b);

/*
 * Which stand-by to give up, or -1: none. Kept are the best relayed one and LINK_STANDBYS of the others; but never one
 * that is not |spare|, which the caller says.
 */
int link_choose_surplus(const struct link_view *views, const bool *spare, size_t n, size_t used);

#endif
