/*
 * Any text as a NAT. What is read makes a NAT that passes a packet and its answer without breaking, and reads the same
 * twice; what is refused has a sentence.
 *
 * covers: src/lab/lab_species_text.c
 * planted: src/lab/lab_species_text.c: {at, strcspn(at, ",")} -> {at, strcspn(at, ",") + 8}
 */
#include "fuzz.h"

#include <string.h>

#include "lab/lab_species.h"

static struct lab_site site_for(const struct lab_species_config *cfg)
{
	static const uint8_t lan6[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 1};
	struct lab_site site = {.wan = {adit_addr_v4(203, 0, 113, 1, 0)}, .wan_count = 1, .seed = 1};
	uint8_t in;
	uint8_t out;

	lab_species_families(cfg, &in, &out);
	site.lan = in == ADIT_FAMILY_V6 ? adit_addr_v6(lan6, 0) : adit_addr_v4(192, 168, 1, 1, 0);
	return site;
}

static void use(struct lab_nat *n, const struct lab_species_config *cfg, const struct lab_site *site)
{
	struct adit_addr remote = adit_addr_v4(198, 51, 100, 7, 3478);
	struct lab_flow f = {.src = adit_addr_with_port(site->lan, 5555), .dst = remote, .ttl = 64};
	struct lab_flow g;

	f.src.ip[f.src.family == ADIT_FAMILY_V6 ? 15 : 3] = 2;
	if (f.src.family == ADIT_FAMILY_V6)
		f.dst = adit_nat64_synthesize(&cfg->zoo.nat64, &remote);
	if (n->ops->out(n, ADIT_SEC(1), &f, &g) == LAB_FORWARD) {
		f = (struct lab_flow){.src = g.dst, .dst = g.src, .ttl = 64};
		FUZZ_CHECK(n->ops->in(n, ADIT_SEC(1), &f, &g) == LAB_FORWARD);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	struct lab_species_error err = {.text = ""};
	struct lab_species_config cfg;
	struct lab_species_config again;
	struct lab_site site;
	struct lab_nat *n;

	if (!text)
		return 0;
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	if (lab_species_parse(text, &cfg, &err) < 0) {
		FUZZ_CHECK(memchr(err.text, '\0', sizeof(err.text)) && err.text[0] != '\0');
		FUZZ_CHECK(lab_species_parse(text, &cfg, NULL) < 0);
		free(text);
		return 0;
	}
	FUZZ_CHECK(lab_species_parse(text, &again, &err) == 0);
	FUZZ_CHECK(memcmp(&cfg.zoo, &again.zoo, sizeof(cfg.zoo)) == 0);
	/* Foreign flows by the thousand cost more time than a fuzzer has. */
	if (cfg.zoo.foreign > 10)
		cfg.zoo.foreign = 10;
	cfg.zoo.foreign_life = ADIT_SEC(1);
	site = site_for(&cfg);
	if (lab_species_new(&cfg, &site, &n, &err) == 0) {
		use(n, &cfg, &site);
		lab_nat_free(n);
	}
	free(text);
	return 0;
}
