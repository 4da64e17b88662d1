/*
 * The serverless matrix of tests/net (check_nat.py) in virtual time: the same rows and columns, the same starts, the
 * real engine over the model of Linux' NAT, a thousand seeds a cell. The first table is what the kernel is measured
 * with; the others are what nobody has the time for in real time: wrong clocks, and an hour's wait.
 *
 *   nat_serverless [--seeds N] [--jobs N] [--table 1-4]
 *
 * All four take about half an hour on two processors, the last one (the hour's wait) nearly all of that.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bytes.h"
#include "sim_cell.h"

#define SEEDS_MAX 1000u
#define JOBS_MAX  64u
#define PAIRS_MAX 4u

/* As check_nat.py: a try that lasts longer has failed; 95 % are to meet this soon where the clocks are right. */
#define LONG ADIT_SEC(30)
#define SOON ADIT_SEC(5)

struct row {
	const char *name;
	unsigned pairs;
	enum sim_input input[PAIRS_MAX][2];
	unsigned port;
	unsigned share; /* per mille that must meet where hops lie between or no clock is needed; 0: reported only */
};

static const struct row rows[] = {
	{"drop or reject x same",
	 4,
	 {{SIM_DROP, SIM_DROP}, {SIM_DROP, SIM_REJECT}, {SIM_REJECT, SIM_DROP}, {SIM_REJECT, SIM_REJECT}},
	 0,
	 1000},
	{"accept x drop/reject, both orders",
	 4,
	 {{SIM_ACCEPT, SIM_DROP}, {SIM_DROP, SIM_ACCEPT}, {SIM_ACCEPT, SIM_REJECT}, {SIM_REJECT, SIM_ACCEPT}},
	 0,
	 1000},
	{"accept x accept", 1, {{SIM_ACCEPT, SIM_ACCEPT}}, 0, 1000},
	{"drop or reject x same, --port 5555",
	 4,
	 {{SIM_DROP, SIM_DROP}, {SIM_DROP, SIM_REJECT}, {SIM_REJECT, SIM_DROP}, {SIM_REJECT, SIM_REJECT}},
	 5555,
	 1000},
};

static const struct {
	const char *name;
	unsigned hops;
	long rtt_ms;
} columns[] = {
	{"neighbours, 0 ms", 0, 0}, {"neighbours, 4 ms", 0, 4}, {"8 hops, 20 ms", 8, 20}, {"8 hops, 80 ms", 8, 80}};

/* The two starts, ms apart; negative: the connect side first. */
static const long skews_ms[] = {0, -100, 500, -2000, 5000, 100, -500, 2000, -5000, 0};
static const long right_ms[] = {0};
static const long off_ms[] = {10, -10, 300, -300, 3000, -3000};
static const long far_ms[] = {30000, -30000};
static const long any_ms[] = {0, 10, -10, 300, -300, 3000, -3000};

static const struct block {
	const char *title;
	const long *clocks_ms;
	unsigned n_clocks;
	long wait_ms; /* instead of the skews */
	bool judged; /* as check_nat.py judges */
} blocks[] = {
	{"starts 0 to 5 s apart, right clocks (the kernel's table)", right_ms, ARRAY_LEN(right_ms), 0, true},
	{"the same, clocks 10 ms to 3 s off", off_ms, ARRAY_LEN(off_ms), 0, false},
	{"the same, clocks 30 s off", far_ms, ARRAY_LEN(far_ms), 0, false},
	{"one side has waited an hour, clocks up to 3 s off", any_ms, ARRAY_LEN(any_ms), 3600000, false},
};

#define CELLS (ARRAY_LEN(blocks) * ARRAY_LEN(rows) * ARRAY_LEN(columns))

struct shared {
	unsigned next;
	adit_dur took[CELLS][SEEDS_MAX]; /* ADIT_NEVER: not met */
};

static const struct block *block_of(size_t i)
{
	return &blocks[i / (ARRAY_LEN(rows) * ARRAY_LEN(columns))];
}

/* People who agree on an instant miss it by a little: by up to 1 ms where there is no skew, else by up to 10. */
static struct sim_cell cell_of(size_t i, uint64_t seed)
{
	const struct block *b = block_of(i);
	const struct row *r = &rows[i / ARRAY_LEN(columns) % ARRAY_LEN(rows)];
	unsigned column = i % ARRAY_LEN(columns);
	unsigned pair = (unsigned)(seed % r->pairs);
	unsigned turn = (unsigned)(seed / r->pairs); /* each pair meets each skew, and both each clock */
	long skew_ms = b->wait_ms ? (turn % 2 ? b->wait_ms : -b->wait_ms) : skews_ms[turn % ARRAY_LEN(skews_ms)];
	unsigned clock = turn / (unsigned)(b->wait_ms ? 2 : ARRAY_LEN(skews_ms)) % b->n_clocks;
	struct adit_rng_seeded g;
	struct adit_rng rng = adit_rng_seeded_init(&g, ~seed);
	long most = skew_ms ? 10000 : 1000;

	return (struct sim_cell){
		.input = {r->input[pair][0], r->input[pair][1]},
		.hops = columns[column].hops,
		.rtt_ms = columns[column].rtt_ms,
		.skew_us = skew_ms * 1000 + (long)adit_rng_below(&rng, (uint64_t)(2 * most + 1)) - most,
		.clock_ms = b->clocks_ms[clock],
		.port = r->port,
		.late_us = 100,
		.low_ttl = 1,
	};
}

static void play(struct shared *sh, size_t i, unsigned seeds)
{
	for (uint64_t seed = 1; seed <= seeds; seed++) {
		struct sim_cell c = cell_of(i, seed);
		struct sim_result res = {.took = ADIT_NEVER};
		struct sim_world w;

		if (sim_world_init(&w, &c, seed) == 0)
			sim_world_meet(&w, LONG, &res);
		sim_world_done(&w);
		sh->took[i][seed - 1] = res.took;
	}
}

/* Each process takes the next cell that nobody has, the dearest first. */
static bool play_all(struct shared *sh, size_t first, size_t n, unsigned seeds, unsigned jobs)
{
	pid_t pids[JOBS_MAX];
	bool ok = true;

	fflush(stdout);
	for (unsigned j = 0; j < jobs; j++) {
		unsigned i;

		pids[j] = fork();
		if (pids[j] != 0)
			continue;
		while ((i = __atomic_fetch_add(&sh->next, 1, __ATOMIC_RELAXED)) < n)
			play(sh, first + n - 1 - i, seeds);
		_exit(0);
	}
	for (unsigned j = 0; j < jobs; j++) {
		int status = 1;

		ok &= pids[j] > 0 && waitpid(pids[j], &status, 0) == pids[j] && status == 0;
	}
	return ok;
}

static int by_value(const void *a, const void *b)
{
	adit_dur x = *(const adit_dur *)a;
	adit_dur y = *(const adit_dur *)b;

	return x < y ? -1 : x > y;
}

/* The value that |per_mille| of all tries did not exceed; those that failed count as infinite. */
static adit_dur rank(const adit_dur *took, unsigned n, unsigned per_mille)
{
	return took[(n * per_mille + 999) / 1000 - 1];
}

/* False: a promise is broken. Neighbours at no distance are a race: not judged where both accept. */
static bool print_cell(struct shared *sh, size_t i, unsigned seeds)
{
	const struct row *r = &rows[i / ARRAY_LEN(columns) % ARRAY_LEN(rows)];
	unsigned column = i % ARRAY_LEN(columns);
	bool open = r->input[0][0] == SIM_ACCEPT && r->input[0][1] == SIM_ACCEPT;
	unsigned share = open && column == 1 ? 950 : r->share;
	adit_dur *took = sh->took[i];
	unsigned met = 0;
	adit_dur p95;

	qsort(took, seeds, sizeof(*took), by_value);
	while (met < seeds && took[met] != ADIT_NEVER)
		met++;
	p95 = rank(took, seeds, 950);
	printf("  %4u/%u", met, seeds);
	if (met > 0) {
		unsigned middle = (met - 1) / 2;

		printf(" %5.2f", (double)took[middle] / 1e9);
	} else {
		printf("     -");
	}
	if (p95 != ADIT_NEVER)
		printf(" %5.2f", (double)p95 / 1e9);
	else
		printf(" never");
	if (!block_of(i)->judged || (open && column == 0))
		return true;
	return met * 1000 >= share * seeds && p95 <= SOON;
}

static bool print_tables(struct shared *sh, size_t first, size_t n, unsigned seeds)
{
	bool kept = true;

	for (size_t i = first; i < first + n; i++) {
		size_t row = i / ARRAY_LEN(columns) % ARRAY_LEN(rows);

		if (i % (ARRAY_LEN(rows) * ARRAY_LEN(columns)) == 0) {
			printf("\n%s\n%-36s", block_of(i)->title, "  WAN input; met/tries, median, p95 in s");
			for (size_t k = 0; k < ARRAY_LEN(columns); k++)
				printf("%24s", columns[k].name);
			printf("\n");
		}
		if (i % ARRAY_LEN(columns) == 0)
			printf("  %-36s", rows[row].name);
		kept &= print_cell(sh, i, seeds);
		if (i % ARRAY_LEN(columns) == ARRAY_LEN(columns) - 1)
			printf("\n");
	}
	return kept;
}

int main(int argc, char **argv)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned jobs = cpus > 0 && cpus < (long)JOBS_MAX ? (unsigned)cpus : 1;
	unsigned seeds = SEEDS_MAX;
	unsigned table = 0;
	size_t first = 0;
	size_t n = CELLS;
	struct shared *sh;
	bool ok = argc % 2 == 1;

	for (int i = 1; i + 1 < argc; i += 2) {
		if (strcmp(argv[i], "--seeds") == 0)
			seeds = (unsigned)strtoul(argv[i + 1], NULL, 10);
		else if (strcmp(argv[i], "--jobs") == 0)
			jobs = (unsigned)strtoul(argv[i + 1], NULL, 10);
		else if (strcmp(argv[i], "--table") == 0)
			table = (unsigned)strtoul(argv[i + 1], NULL, 10);
		else
			ok = false;
	}
	if (table > 0) {
		n = CELLS / ARRAY_LEN(blocks);
		first = (table - 1) * n;
	}
	if (!ok || table > ARRAY_LEN(blocks) || seeds == 0 || seeds > SEEDS_MAX || jobs == 0 || jobs > JOBS_MAX) {
		fprintf(stderr, "usage: nat_serverless [--seeds 1-%u] [--jobs 1-%u] [--table 1-%u]\n", SEEDS_MAX,
			JOBS_MAX, (unsigned)ARRAY_LEN(blocks));
		return 2;
	}
	/* cppcheck-suppress invalidFunctionArg ; an anonymous map wants -1 */
	sh = mmap(NULL, sizeof(*sh), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (sh == MAP_FAILED)
		return 1;
	ok = play_all(sh, first, n, seeds, jobs);
	if (!ok)
		fprintf(stderr, "nat_serverless: a process that played has failed\n");
	else if (!print_tables(sh, first, n, seeds)) {
		ok = false;
		printf("\na promise of the first table is broken\n");
	}
	munmap(sh, sizeof(*sh));
	return ok ? 0 : 1;
}
