/* The strategies, one by one; strat_list.c puts them in order. */
#ifndef STRAT_PLANS_H
#define STRAT_PLANS_H

#include "strat.h"

extern const struct strategy strat_udphp;
extern const struct strategy strat_bounce;
extern const struct strategy strat_n2n;
extern const struct strategy strat_openp2p;
extern const struct strategy strat_ice;
extern const struct strategy strat_ice_ttl;
extern const struct strategy strat_dcutr;
extern const struct strategy strat_article;
extern const struct strategy strat_hyperdht;
extern const struct strategy strat_easytier;
extern const struct strategy strat_frp;

#endif
