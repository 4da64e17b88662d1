#include "lab/box_species.h"

#include <stdio.h>
#include <string.h>

#include "lab/box_shell.h"
#include "lab/lab_species.h"

/* The first address of |family| on |side|; NONE as |family|: the first at all. */
static const struct adit_addr *first_addr(const struct lab_gate_side *s, uint8_t family)
{
	for (size_t i = 0; i < s->n_addrs; i++)
		if (family == ADIT_FAMILY_NONE || s->addrs[i].family == family)
			return &s->addrs[i];
	return NULL;
}

static const char *family_name(uint8_t family)
{
	return family == ADIT_FAMILY_V6 ? "an IPv6 address" : "an IPv4 address";
}

static int refuse(const char *label, const char *text, const char *why)
{
	fprintf(stderr, "adit-lab: %s%s%s: %s\n", label, strcmp(label, text) == 0 ? "" : ": ",
		strcmp(label, text) == 0 ? "" : text, why);
	return BOX_EXIT_SPECIES;
}

/* The addresses that a NAT of |cfg| wants of those that the router has. */
static int fill_site(const struct box_nat_config *box, const char *text, const struct lab_species_config *cfg,
		     struct lab_site *site)
{
	const struct lab_gate_side *lan = &box->gate.side[LAB_GATE_INSIDE];
	const struct lab_gate_side *wan = &box->gate.side[LAB_GATE_OUTSIDE];
	const struct adit_addr *a;
	char why[128];
	uint8_t in;
	uint8_t out;

	lab_species_families(cfg, &in, &out);
	a = first_addr(lan, in);
	if (!a) {
		snprintf(why, sizeof(why), "it needs %s inside", family_name(in));
		return refuse(box->label, text, why);
	}
	site->lan = *a;
	if (out == ADIT_FAMILY_NONE)
		out = a->family;
	for (size_t i = 0; i < wan->n_addrs; i++)
		if (wan->addrs[i].family == out) {
			if (cfg->is_linux && site->wan_count == 1)
				break; /* masquerading is to the first */
			if (site->wan_count == LAB_ZOO_POOL_MAX)
				return refuse(box->label, text, "its pool has too many addresses");
			site->wan[site->wan_count++] = wan->addrs[i];
		}
	if (site->wan_count == 0) {
		snprintf(why, sizeof(why), "it needs %s outside", family_name(out));
		return refuse(box->label, text, why);
	}
	return 0;
}

int box_species_make(struct box_nat_config *box, const char *text, uint64_t seed)
{
	struct lab_species_config cfg;
	struct lab_species_error why;
	struct lab_site site = {.seed = seed};
	int err;

	if (lab_species_parse(text, &cfg, &why) < 0)
		return refuse(box->label, text, why.text);
	err = fill_site(box, text, &cfg, &site);
	if (err)
		return err;
	if (lab_species_new(&cfg, &site, &box->gate.nat, &why) < 0)
		return refuse(box->label, text, why.text);
	box->gate.routed = !cfg.is_linux && cfg.zoo.kind == LAB_ZOO_FIREWALL;
	box->gate.joins_fragments = cfg.is_linux;
	box->count = cfg.is_linux ? lab_linux_count : lab_zoo_count;
	return 0;
}
