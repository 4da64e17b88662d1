/*
 * A check of a network in the lab: a host, its NAT of any species, servers of any manner (stun_lab.h); and what an
 * honest observer must say about that NAT.
 */
#ifndef ADIT_NAT_CHECK_RIG_H
#define ADIT_NAT_CHECK_RIG_H

#include <string.h>

#include "test.h"

#include "base/bytes.h"
#include "core/nat/nat_check.h"
#include "lab/lab_species.h"
#include "stun_lab.h"

#define SERVERS 8

/* A host at home, its NAT, the Internet with servers on it. Its own router is 5 ms away, the servers 20 ms more. */
struct world {
	struct lab_sim *sim;
	struct lab_net *internet;
	struct lab_net *home;
	struct lab_host *host;
	struct stun_lab server[SERVERS];
	size_t n_servers;
	struct adit_rng_seeded rng_state;
	struct adit_rng rng;
	struct nat_check check;
	struct nat_check_config cfg;
	adit_time took;
	bool is_v6; /* inside */
};

static const struct lab_link_config way = {.delay = ADIT_MS(10), .jitter = ADIT_US(100), .hops = 3};

static inline void world_init(struct world *w, uint64_t seed, const enum stun_lab_manner *manners, size_t n)
{
	memset(w, 0, sizeof(*w));
	w->sim = lab_sim_new(seed);
	w->internet = lab_net_new(w->sim, &way);
	w->home = lab_net_new(w->sim, NULL);
	w->host = lab_host_new(w->sim);
	assert_true(w->sim && w->internet && w->home && w->host);
	w->rng = adit_rng_seeded_init(&w->rng_state, seed);
	w->cfg.rng = &w->rng;
	w->n_servers = n;
	for (size_t i = 0; i < n; i++) {
		stun_lab_init(&w->server[i], w->sim, w->internet, (uint8_t)(1 + i), manners[i]);
		w->cfg.server[i] = adit_addr_with_port(w->server[i].addr[0][0], STUN_LAB_PORT);
	}
	w->cfg.n_servers = n;
}

/* Behind a NAT of this kind, of whichever families it joins. */
static inline void world_nat(struct world *w, const char *species)
{
	struct lab_species_config cfg;
	struct lab_species_error err = {.text = ""};
	struct lab_site site = {.wan_count = 4, .seed = lab_sim_seed(w->sim)};
	struct lab_nat *nat = NULL;
	uint8_t inside;
	uint8_t outside;
	uint8_t lan6[16] = {0x20, 0x01, 0x0d, 0xb8, 0, 0x10, [15] = 1};
	uint8_t wan6[16] = {0x20, 0x01, 0x0d, 0xb8, 0, 0x99, [15] = 1};
	struct lab_router *router;
	struct adit_addr own;

	if (lab_species_parse(species, &cfg, &err) < 0)
		fail_msg("%s: %s", species, err.text);
	lab_species_families(&cfg, &inside, &outside);
	w->is_v6 = inside == ADIT_FAMILY_V6 || (!cfg.is_linux && cfg.zoo.kind == LAB_ZOO_FIREWALL);
	site.lan = w->is_v6 ? adit_addr_v6(lan6, 0) : adit_addr_v4(192, 168, 1, 1, 0);
	own = site.lan;
	own.ip[w->is_v6 ? 15 : 3] = 2;
	for (uint8_t i = 0; i < 4; i++)
		site.wan[i] = adit_addr_v4(203, 0, 113, (uint8_t)(10 + i), 0);
	if (cfg.is_linux || cfg.zoo.pooling == LAB_ZOO_PAIRED)
		site.wan_count = 1;
	if (w->is_v6 && outside != ADIT_FAMILY_V4) {
		site.wan_count = 1;
		site.wan[0] = adit_addr_v6(wan6, 0);
	}
	if (lab_species_new(&cfg, &site, &nat, &err) < 0)
		fail_msg("%s: %s", species, err.text);
	assert_non_null(lab_host_attach(w->host, w->home, &own, NULL));
	router = lab_router_new(w->sim, nat, w->home, &site.lan, w->internet, &site.wan[0], NULL);
	assert_non_null(router);
	for (unsigned i = 1; i < site.wan_count; i++)
		assert_int_equal(lab_router_add_wan(router, &site.wan[i]), 0);
	if (w->is_v6)
		assert_int_equal(lab_net_add_route(w->internet, &own, 64, router), 0);
	for (size_t i = 0; i < w->n_servers && w->is_v6; i++) {
		struct adit_addr *a = &w->cfg.server[i];

		if (outside == ADIT_FAMILY_V4)
			*a = adit_nat64_synthesize(&cfg.zoo.nat64, &w->server[i].addr[0][0]);
		else
			*a = w->server[i].addr[1][0];
		a->port = STUN_LAB_PORT;
	}
}

static inline void world_public(struct world *w)
{
	struct adit_addr own = adit_addr_v4(203, 0, 113, 50, 0);

	assert_non_null(lab_host_attach(w->host, w->internet, &own, NULL));
}

static inline bool is_done(void *ctx)
{
	struct world *w = ctx;

	return nat_check_is_done(&w->check);
}

static const struct nat_report *world_run(struct world *w)
{
	struct lab_machine *m;

	nat_check_init(&w->check, lab_host_now(w->host), &w->cfg);
	m = lab_machine_new(w->host, &nat_check_ops, &w->check, NULL, NULL);
	assert_non_null(m);
	assert_true(is_done(w) || lab_sim_run_until(w->sim, ADIT_SEC(1200), is_done, w));
	w->took = lab_sim_now(w->sim);
	lab_sim_run(w->sim, w->took + ADIT_SEC(1));
	assert_int_equal(lab_machine_socks(m), 0); /* it leaves nothing open */
	assert_true(nat_check_deadline(&w->check) == ADIT_NEVER);
	assert_int_equal(lab_sim_stats(w->sim)->bad_sends, 0);
	assert_true(nat_check_report(&w->check)->is_final);
	return nat_check_report(&w->check);
}

static inline void world_done(struct world *w)
{
	lab_sim_free(w->sim);
}

static const enum stun_lab_manner full[] = {STUN_LAB_TWIN, STUN_LAB_PLAIN, STUN_LAB_PLAIN};
static const enum stun_lab_manner plain[] = {STUN_LAB_PLAIN, STUN_LAB_PLAIN, STUN_LAB_PLAIN};

/* --- the zoo --- */

struct expected {
	enum nat_answer translated;
	enum nat_dep mapping;
	enum nat_dep filtering;
	enum nat_port_kind ports;
	enum nat_answer hairpin;
	enum nat_answer clash;
	enum nat_kind kind;
};

static inline enum nat_dep dep_of(enum lab_zoo_dep d)
{
	return d == LAB_ZOO_EI ? NAT_DEP_NONE : d == LAB_ZOO_AD ? NAT_DEP_ADDR : NAT_DEP_PORT;
}

/* A NAT that changes its ways under load is under load, by the foreign traffic that it comes with. */
static inline enum lab_zoo_dep mapping_of(const struct lab_zoo_config *z)
{
	bool is_loaded = z->load > 0 && z->foreign * (double)z->idle / (double)ADIT_SEC(1) > (double)z->load;

	return is_loaded ? z->load_mapping : z->mapping;
}

static inline enum nat_port_kind ports_of(const struct lab_zoo_config *z)
{
	if (z->ports == LAB_ZOO_SEQUENTIAL)
		return NAT_PORT_SEQUENTIAL;
	if (z->ports == LAB_ZOO_KEEP)
		return NAT_PORT_KEPT;
	return z->block > 0 && z->block <= NAT_BLOCK_SPAN ? NAT_PORT_BLOCK : NAT_PORT_RANDOM;
}

/* What an honest observer must say about this configuration, as far as one host can see it. */
static inline struct expected expected_of(const struct lab_species_config *cfg)
{
	const struct lab_zoo_config *z = &cfg->zoo;
	struct expected e = {.translated = NAT_YES, .mapping = NAT_DEP_NONE, .filtering = NAT_DEP_PORT};

	if (cfg->is_linux) {
		bool random = cfg->linux_nat.random;

		e.mapping = random ? NAT_DEP_PORT : NAT_DEP_NONE; /* seen: ports are kept */
		e.ports = random ? NAT_PORT_RANDOM : NAT_PORT_KEPT;
		e.clash = random ? NAT_UNKNOWN : cfg->linux_nat.input == LAB_INPUT_ACCEPT ? NAT_YES : NAT_NO;
		e.hairpin = random ? NAT_UNKNOWN : NAT_NO;
		e.kind = random ? NAT_KIND_RANDOM : NAT_KIND_STEADY;
		return e;
	}
	e.filtering = dep_of(z->filter);
	if (z->udp != LAB_ZOO_ALLOW_ALL)
		return (struct expected){.kind = NAT_KIND_BLOCKED};
	if (z->kind == LAB_ZOO_FIREWALL) {
		e.translated = NAT_NO;
		e.ports = NAT_PORT_KEPT;
		e.kind = z->filter == LAB_ZOO_EI ? NAT_KIND_OPEN : NAT_KIND_STEADY;
		return e;
	}
	e.ports = ports_of(z);
	e.mapping = e.ports == NAT_PORT_KEPT ? NAT_DEP_NONE : dep_of(mapping_of(z));
	e.clash = e.mapping != NAT_DEP_NONE                                  ? NAT_UNKNOWN
		  : z->input == LAB_INPUT_ACCEPT && z->mapping != LAB_ZOO_EI ? NAT_YES
									     : NAT_NO;
	e.hairpin = z->hairpin != LAB_ZOO_HAIRPIN_NONE ? NAT_YES : e.mapping == NAT_DEP_NONE ? NAT_NO : NAT_UNKNOWN;
	if (z->kind == LAB_ZOO_NAT64)
		e.hairpin = NAT_UNKNOWN;
	if (e.mapping == NAT_DEP_NONE)
		e.kind = z->filter == LAB_ZOO_EI ? NAT_KIND_OPEN : NAT_KIND_STEADY;
	else
		e.kind = e.ports == NAT_PORT_SEQUENTIAL ? NAT_KIND_SEQUENTIAL
			 : e.ports == NAT_PORT_BLOCK    ? NAT_KIND_BLOCK
							: NAT_KIND_RANDOM;
	return e;
}

static inline void same(const char *species, const char *what, const char *got, const char *want)
{
	if (strcmp(got, want) != 0)
		fail_msg("%s: %s is said to be %s, and is %s", species, what, got, want);
}

static inline void compare(const char *species, const struct nat_view *v, const struct expected *e)
{
	same(species, "kind", nat_kind_name(v->kind), nat_kind_name(e->kind));
	if (e->kind == NAT_KIND_BLOCKED)
		return;
	same(species, "translated", nat_answer_name(v->translated), nat_answer_name(e->translated));
	same(species, "mapping", nat_dep_name(v->mapping), nat_dep_name(e->mapping));
	same(species, "filtering", nat_dep_name(v->filtering), nat_dep_name(e->filtering));
	same(species, "ports", nat_port_kind_name(v->ports.kind), nat_port_kind_name(e->ports));
	same(species, "clash", nat_answer_name(v->clash), nat_answer_name(e->clash));
	/* Turned around or not is seen by chance only, where the port toward each other is a new one. */
	if (e->mapping == NAT_DEP_NONE || v->hairpin == NAT_YES)
		same(species, "hairpin", nat_answer_name(v->hairpin), nat_answer_name(e->hairpin));
}

#endif
