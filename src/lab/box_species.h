/* From a species' text to the NAT in a box: what `nat` and `net` share. */
#ifndef ADIT_LAB_BOX_SPECIES_H
#define ADIT_LAB_BOX_SPECIES_H

#include "lab/box_nat.h"

/* A text that is no NAT, or one that does not fit its addresses. */
#define BOX_EXIT_SPECIES 3

/*
 * Makes cfg->gate.nat of |text| for the addresses in cfg->gate.side, and sets what follows from it. The caller frees
 * the NAT. Returns 0, or an exit code after having said why.
 */
int box_species_make(struct box_nat_config *cfg, const char *text, uint64_t seed);

#endif
