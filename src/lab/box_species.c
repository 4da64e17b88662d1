#include "lab/box_species.h"
#include "lab/lab_linux.h"
int box_species_make(struct box_nat_config *cfg, uint64_t seed)
{
	struct lab_linux_config l = {
		.wan = cfg->gate.side[1].addrs[0], .lan = cfg->gate.side[0].addrs[0], .seed = seed};
	cfg->gate.nat = lab_linux_new(&l);
	cfg->count = lab_linux_count;
	return 0;
}
