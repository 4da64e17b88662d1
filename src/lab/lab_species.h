/*
 * The zoo's species: NATs by name, each with where it was seen, and a text form for any other.
 *
 *   "cgn-block"                          a species
 *   "cgn-block,filter=apd,timeout=30s"   the same with two settings changed
 *   "mapping=apd,ports=random"           changes to what the RFCs ask for
 *
 * Later settings win. lab_species_key_at() lists the keys; a wrong one is refused with a sentence that lists them too.
 */
#ifndef ADIT_LAB_SPECIES_H
#define ADIT_LAB_SPECIES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/addr.h"
#include "lab/lab_zoo.h"

struct lab_species {
	const char *name;
	const char *settings; /* in the same text form */
	const char *what; /* one line */
	const char *source; /* study, RFC, documentation; "recalled" where the text was not read */
};

/* NULL past the end. */
const struct lab_species *lab_species_at(size_t i);
/* NULL: no such species. */
const struct lab_species *lab_species_find(const char *name);

struct lab_species_key {
	const char *name;
	const char *values; /* "ei|ad|apd", "DURATION", "N", ... */
	const char *what; /* one line */
};

/* NULL past the end. */
const struct lab_species_key *lab_species_key_at(size_t i);

/* Where a NAT is put. The addresses have no port. */
struct lab_site {
	struct adit_addr lan; /* the router's address inside */
	struct adit_addr wan[LAB_ZOO_POOL_MAX]; /* and outside: the pool; the first is the main one */
	unsigned wan_count;
	uint64_t seed;
};

/* What a text means: one of the two models. */
struct lab_species_config {
	bool is_linux;
	struct lab_zoo_config zoo; /* without addresses and seed */
	struct lab_linux_config linux_nat; /* likewise */
};

/* Why a text is refused: a sentence. */
struct lab_species_error {
	char text[1024];
};

/* The families that |cfg| wants inside and outside (enum adit_family); NONE: either, the same on both sides. */
void lab_species_families(const struct lab_species_config *cfg, uint8_t *ret_inside, uint8_t *ret_outside);

/* 0, or EINVAL with |err| (may be NULL) filled in. */
ADIT_MUST_CHECK int lab_species_parse(const char *text, struct lab_species_config *ret_cfg,
				      struct lab_species_error *err);

/* 0, EINVAL or ENOMEM; these with |err| (may be NULL) filled in. */
ADIT_MUST_CHECK int lab_species_new(const struct lab_species_config *cfg, const struct lab_site *site,
				    struct lab_nat **ret_nat, struct lab_species_error *err);

/* Both at once. */
ADIT_MUST_CHECK int lab_species_make(const char *text, const struct lab_site *site, struct lab_nat **ret_nat,
				     struct lab_species_error *err);

#endif
