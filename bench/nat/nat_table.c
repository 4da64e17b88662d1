/*
 * Every strategy against every pair of NAT kinds in the simulator: who meets, how soon, at what price. Prints a table
 * and writes JSON for nat_plot.py. `./dev bench nat` runs it; see bench/nat/README.md for how to read it.
 *
 *   nat_table [--seeds N] [--jobs N] [--json FILE] [--strategy NAME] [--pair A,B]
 *   nat_table --strategy NAME --pair A,B --trace SEED
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"
#include "strat_world.h"

#define CELLS_MAX 2048u
#define SEEDS_MAX 10000u
#define JOBS_MAX  64u

/* A cell in which so many matches have not met is left at that: with 95 % confidence its share is below 7.5 %. */
#define HOPELESS 40u

struct cell {
	const struct strategy *s;
	const struct strat_kind *kind[2];
	/* Filled in by whichever process plays it. */
	unsigned n; /* matches played */
	unsigned met;
	double p50, p95; /* seconds, of those that met; negative: none has */
	double toward, packets, mappings; /* means over all; as in struct strat_result */
	double cost_us; /* of real time, a match */
	char bad[64];
};

struct options {
	unsigned seeds;
	unsigned jobs;
	const char *json;
	const char *strategy;
	const char *pair[2];
	long trace; /* negative: no */
};

static double real_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int by_value(const void *a, const void *b)
{
	adit_dur x = *(const adit_dur *)a;
	adit_dur y = *(const adit_dur *)b;

	return x < y ? -1 : x > y;
}

/* The value that |share| of |n| sorted ones do not exceed (nearest rank). */
static double rank(const adit_dur *took, unsigned n, double share)
{
	unsigned i = (unsigned)(share * n + 0.999999);

	return n ? (double)took[i > 0 ? i - 1 : 0] / 1e9 : -1;
}

static void play_cell(struct cell *c, unsigned seeds)
{
	adit_dur *took = malloc(seeds * sizeof(*took));
	struct strat_result r;
	double begun = real_us();

	if (!took)
		abort();
	for (unsigned i = 0; i < seeds && (i < HOPELESS || c->met > 0); i++) {
		struct strat_match m = {
			.s = c->s, .kind = {c->kind[0], c->kind[1]}, .fixed = strat_free, .seed = i + 1};

		strat_play(&m, &r);
		if (r.bad) {
			snprintf(c->bad, sizeof(c->bad), "%s", r.bad);
			break;
		}
		c->toward += (double)r.toward;
		c->packets += (double)r.packets;
		c->mappings += (double)r.mappings;
		c->n++;
		if (r.met)
			took[c->met++] = r.took;
	}
	if (c->n > 0) {
		c->toward /= c->n;
		c->packets /= c->n;
		c->mappings /= c->n;
		c->cost_us = (real_us() - begun) / c->n;
	}
	qsort(took, c->met, sizeof(*took), by_value);
	c->p50 = rank(took, c->met, 0.5);
	c->p95 = rank(took, c->met, 0.95);
	free(took);
}

static bool fits(const struct options *o, const struct cell *c)
{
	if (o->strategy && strcmp(o->strategy, c->s->name) != 0)
		return false;
	if (!o->pair[0])
		return true;
	return (strcmp(o->pair[0], c->kind[0]->name) == 0 && strcmp(o->pair[1], c->kind[1]->name) == 0) ||
	       (strcmp(o->pair[0], c->kind[1]->name) == 0 && strcmp(o->pair[1], c->kind[0]->name) == 0);
}

static unsigned make_cells(const struct options *o, struct cell *cells)
{
	unsigned n = 0;

	for (const struct strategy *const *s = strategies; *s; s++) {
		for (const struct strat_kind *a = strat_kinds; a->name; a++) {
			for (const struct strat_kind *b = a; b->name; b++) {
				struct cell c = {.s = *s, .kind = {a, b}};

				if (fits(o, &c) && n < CELLS_MAX)
					cells[n++] = c;
			}
		}
	}
	return n;
}

/* Each process takes the next cell that nobody has; false: one has failed. */
static bool play_all(const struct options *o, struct cell *cells, unsigned n, unsigned *next)
{
	pid_t pids[JOBS_MAX];
	bool ok = true;

	fflush(stdout);
	for (unsigned j = 0; j < o->jobs; j++) {
		unsigned i;

		pids[j] = fork();
		if (pids[j] != 0)
			continue;
		while ((i = __atomic_fetch_add(next, 1, __ATOMIC_RELAXED)) < n)
			play_cell(&cells[i], o->seeds);
		_exit(0);
	}
	for (unsigned j = 0; j < o->jobs; j++) {
		int status = 1;

		ok &= pids[j] > 0 && waitpid(pids[j], &status, 0) == pids[j] && status == 0;
	}
	return ok;
}

static void print_cell(const struct cell *c)
{
	printf("%-12s %-12s %-12s %6.1f", c->s->name, c->kind[0]->name, c->kind[1]->name,
	       c->n ? 100.0 * c->met / c->n : 0);
	if (c->met)
		printf(" %8.2f %8.2f", c->p50, c->p95);
	else
		printf(" %8s %8s", "-", "-");
	printf(" %8.0f %8.0f %8.1f %9.2f%s%s\n", c->toward, c->packets, c->mappings, c->cost_us / 1e3,
	       *c->bad ? "  " : "", c->bad);
}

static void write_json(FILE *f, const struct options *o, const struct cell *cells, unsigned n)
{
	fprintf(f, "{\"seeds\": %u,\n \"strategies\": [", o->seeds);
	for (unsigned i = 0; strategies[i]; i++)
		fprintf(f, "%s\n  {\"name\": \"%s\", \"title\": \"%s\", \"note\": \"%s\", \"model\": %s}", i ? "," : "",
			strategies[i]->name, strategies[i]->title, strategies[i]->note,
			strategies[i]->start == STRAT_REAL || strategies[i]->start == STRAT_MEET ? "false" : "true");
	fprintf(f, "],\n \"kinds\": [");
	for (unsigned i = 0; strat_kinds[i].name; i++)
		fprintf(f, "%s\n  {\"name\": \"%s\", \"title\": \"%s\", \"what\": \"%s\", \"species\": \"%s\"}",
			i ? "," : "", strat_kinds[i].name, strat_kinds[i].title, strat_kinds[i].what,
			strat_kinds[i].text ? strat_kinds[i].text : "");
	fprintf(f, "],\n \"cells\": [");
	for (unsigned i = 0; i < n; i++)
		fprintf(f,
			"%s\n  {\"strategy\": \"%s\", \"a\": \"%s\", \"b\": \"%s\", \"n\": %u, \"met\": %u, \"p50\": "
			"%.3f, \"p95\": %.3f, \"toward\": %.1f, \"packets\": %.1f, \"mappings\": %.1f, \"cost_us\": "
			"%.0f}",
			i ? "," : "", cells[i].s->name, cells[i].kind[0]->name, cells[i].kind[1]->name, cells[i].n,
			cells[i].met, cells[i].p50, cells[i].p95, cells[i].toward, cells[i].packets, cells[i].mappings,
			cells[i].cost_us);
	fprintf(f, "]}\n");
}

static int trace(const struct options *o)
{
	struct strat_match m = {
		.s = o->strategy ? strategy_find(o->strategy) : NULL, .fixed = strat_free, .seed = (uint64_t)o->trace};
	struct strat_result r;

	for (int i = 0; i < 2; i++)
		m.kind[i] = o->pair[i] ? strat_kind_find(o->pair[i]) : NULL;
	if (!m.s || !m.kind[0] || !m.kind[1]) {
		fprintf(stderr, "nat_table: --trace wants --strategy and --pair\n");
		return 2;
	}
	strat_play_traced(&m, &r, stdout);
	printf("%s: %s, %.3f s, %llu packets to each other, %llu in all, %llu mappings\n", m.s->title,
	       r.met ? "met" : "not met", r.met ? (double)r.took / 1e9 : 0.0, (unsigned long long)r.toward,
	       (unsigned long long)r.packets, (unsigned long long)r.mappings);
	return 0;
}

static int usage(void)
{
	fprintf(stderr,
		"usage: nat_table [--seeds N] [--jobs N] [--json FILE] [--strategy NAME] [--pair A,B] [--trace SEED]\n"
		"strategies:");
	for (unsigned i = 0; strategies[i]; i++)
		fprintf(stderr, " %s", strategies[i]->name);
	fprintf(stderr, "\nkinds of NAT:");
	for (unsigned i = 0; strat_kinds[i].name; i++)
		fprintf(stderr, " %s", strat_kinds[i].name);
	fprintf(stderr, "\n");
	return 2;
}

static bool parse(int argc, char **argv, struct options *o)
{
	for (int i = 1; i + 1 < argc; i += 2) {
		char *v = argv[i + 1];

		if (strcmp(argv[i], "--seeds") == 0)
			o->seeds = (unsigned)strtoul(v, NULL, 10);
		else if (strcmp(argv[i], "--jobs") == 0)
			o->jobs = (unsigned)strtoul(v, NULL, 10);
		else if (strcmp(argv[i], "--json") == 0)
			o->json = v;
		else if (strcmp(argv[i], "--strategy") == 0)
			o->strategy = v;
		else if (strcmp(argv[i], "--trace") == 0)
			o->trace = strtol(v, NULL, 10);
		else if (strcmp(argv[i], "--pair") == 0 && strchr(v, ',')) {
			o->pair[0] = v;
			o->pair[1] = strchr(v, ',') + 1;
			*strchr(v, ',') = 0;
		} else
			return false;
	}
	return argc % 2 == 1 && o->seeds > 0 && o->seeds <= SEEDS_MAX && o->jobs > 0 && o->jobs <= JOBS_MAX &&
	       (!o->strategy || strategy_find(o->strategy)) && (!o->pair[0] || strat_kind_find(o->pair[0])) &&
	       (!o->pair[1] || strat_kind_find(o->pair[1]));
}

int main(int argc, char **argv)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	struct options o = {.seeds = 100, .jobs = cpus > 0 && cpus < (long)JOBS_MAX ? (unsigned)cpus : 1, .trace = -1};
	struct shared {
		unsigned next;
		struct cell cells[CELLS_MAX];
	} * sh;
	double begun = real_us();
	double worst = 0;
	unsigned n;
	int rc = 0;
	FILE *f;

	if (!parse(argc, argv, &o))
		return usage();
	if (o.trace >= 0)
		return trace(&o);
	/* cppcheck-suppress invalidFunctionArg ; an anonymous map wants -1 */
	sh = mmap(NULL, sizeof(*sh), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (sh == MAP_FAILED)
		return 1;
	n = make_cells(&o, sh->cells);
	if (!play_all(&o, sh->cells, n, &sh->next)) {
		fprintf(stderr, "nat_table: a process that played matches has failed\n");
		return 1;
	}
	printf("%-12s %-12s %-12s %6s %8s %8s %8s %8s %8s %9s\n", "strategy", "NAT", "NAT", "met %", "p50 s", "p95 s",
	       "toward", "packets", "mappings", "cost ms");
	for (unsigned i = 0; i < n; i++) {
		print_cell(&sh->cells[i]);
		worst = sh->cells[i].cost_us > worst ? sh->cells[i].cost_us : worst;
		rc |= *sh->cells[i].bad != 0;
	}
	printf("%u cells of %u matches (%u where none of these met) in %.1f s; the dearest cell costs %.1f ms a "
	       "match\n",
	       n, o.seeds, HOPELESS, (real_us() - begun) / 1e6, worst / 1e3);
	if (o.json) {
		f = fopen(o.json, "w");
		if (!f) {
			fprintf(stderr, "nat_table: %s: %s\n", o.json, strerror(errno));
			return 1;
		}
		write_json(f, &o, sh->cells, n);
		rc |= fclose(f) != 0;
	}
	munmap(sh, sizeof(*sh));
	return rc;
}
