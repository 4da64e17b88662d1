#include <string.h>

#include "strat_plans.h"

/* src/core/punch as it is, without a mediator: no plan here. */
static const struct strategy strat_adit = {
	.name = "adit",
	.title = "adit, serverless",
	.note = "src/core/punch as it is; no third machine; started up to 5 s apart, clocks within 50 ms [A]; 30 s",
	.start = STRAT_REAL,
};

/* src/core/reach as it is, with two mediators. */
static const struct strategy strat_adit_mediator = {
	.name = "adit-mediator",
	.title = "adit, with mediators",
	.note = "src/core/reach and the mediator's own core as they are; the called side has registered before; 60 s",
	.start = STRAT_MEET,
};

const struct strategy *const strategies[] = {
	&strat_udphp, &strat_adit,     &strat_adit_mediator, &strat_bounce,  &strat_ice, &strat_ice_ttl, &strat_dcutr,
	&strat_n2n,   &strat_hyperdht, &strat_easytier,      &strat_openp2p, &strat_frp, &strat_article, NULL,
};

const struct strategy *strategy_find(const char *name)
{
	for (unsigned i = 0; strategies[i]; i++)
		if (strcmp(strategies[i]->name, name) == 0)
			return strategies[i];
	return NULL;
}
