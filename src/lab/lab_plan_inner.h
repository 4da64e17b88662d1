/* What the files of the plan share, and nobody else uses. */
#ifndef ADIT_LAB_PLAN_INNER_H
#define ADIT_LAB_PLAN_INNER_H

#include "lab/lab_plan.h"

struct lab_plan_word {
	const char *text;
	size_t len;
};

struct lab_plan_reader {
	struct lab_plan *plan;
	struct lab_plan_error *error;
	bool failed;
	unsigned line; /* from 1 */
	const char *begin; /* of the line */
	const char *at;
	const char *end; /* of the line, without its newline */
	struct lab_plan_word first; /* of the line */
	struct lab_plan_node node; /* that is being read */
};

bool lab_plan_is_taken(const struct lab_plan *p, unsigned net, const struct adit_addr *a);
bool lab_plan_refuse(struct lab_plan_reader *r, struct lab_plan_word at, const char *why);

/* Is |n|->species one? Fills in what follows from it for routes. */
bool lab_plan_check_species(struct lab_plan_reader *r, struct lab_plan_node *n, struct lab_plan_word at);

/* Gives every port the addresses that the file did not name. */
bool lab_plan_settle(struct lab_plan_reader *r);

#endif
