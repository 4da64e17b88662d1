/*
 *   truth [--seed N] [--scripts N] MODE
 *   truth --wrong AXIS|all
 *   truth --list
 *
 * Exit status: 0 they agree, or the wrong model was caught; 1 otherwise; 2 usage; 77 not permitted here.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bytes.h"
#include "truth.h"

#define EXIT_SKIPPED     77
#define SHRINK_FOR       ADIT_SEC(30) /* time to spend on making a script shorter */
#define WRONG_AT_ONCE    4u /* processes */
#define WRONG_BATCHES    2u /* of TRUTH_BATCH scripts, in which a wrong model must be caught */
#define GIVEN_UP_PER_100 2u /* scripts that may be given up because the machine is busy */

static const char *const nat_names[] = {"masquerade", "random", "fully-random", "dnat"};
static const char *const input_names[] = {
	[LAB_INPUT_DROP] = "drop", [LAB_INPUT_REJECT] = "reject", [LAB_INPUT_ACCEPT] = "accept"};

const char *truth_mode_name(struct truth_mode m, char buf[32])
{
	(void)snprintf(buf, 32, "%s-%s", nat_names[m.nat], input_names[m.input]);
	return buf;
}

bool truth_mode_parse(const char *name, struct truth_mode *ret_m)
{
	char buf[32];

	for (unsigned i = 0; i < ARRAY_LEN(nat_names) * ARRAY_LEN(input_names); i++) {
		struct truth_mode m = {.nat = (enum truth_nat)(i / 3), .input = (enum lab_input)(i % 3)};

		if (strcmp(truth_mode_name(m, buf), name) == 0) {
			*ret_m = m;
			return true;
		}
	}
	return false;
}

#define WRONG_ROW(name, word, mode, text) [TRUTH_WRONG_##name] = {word, mode, text},
static const struct {
	const char *name;
	const char *mode;
	const char *text;
} wrongs[] = {[TRUTH_RIGHT] = {"", "", ""}, TRUTH_WRONG_MAP(WRONG_ROW)};

static void print_stats(const struct truth_stats *st)
{
	printf("%llu scripts, %llu packets: %llu forwarded (%llu of them moved to another port), %llu to the router, "
	       "%llu rejected, %llu dropped, %llu died, %llu errors translated; %llu entries compared; %llu played "
	       "again, %llu given up\n",
	       (unsigned long long)st->scripts, (unsigned long long)st->packets,
	       (unsigned long long)st->verdicts[LAB_FORWARD], (unsigned long long)st->moved,
	       (unsigned long long)st->verdicts[LAB_LOCAL], (unsigned long long)st->verdicts[LAB_REJECT],
	       (unsigned long long)st->verdicts[LAB_DROP], (unsigned long long)st->verdicts[LAB_EXPIRED],
	       (unsigned long long)st->errors, (unsigned long long)st->entries, (unsigned long long)st->again,
	       (unsigned long long)st->given_up);
}

/* Every kind of act, every verdict that the mode can give, and moved ports must have come up. */
static bool is_thorough(const struct truth_stats *st, struct truth_mode m)
{
	bool is_ok = st->moved > 0 && st->errors > 0 && st->entries > 0;

	for (unsigned i = 0; i < TRUTH_ACT_PAUSE; i++)
		is_ok = is_ok && st->kinds[i] > 0;
	is_ok = is_ok && st->verdicts[LAB_FORWARD] > 0 && st->verdicts[LAB_LOCAL] > 0 && st->verdicts[LAB_EXPIRED] > 0;
	is_ok = is_ok && (m.input != LAB_INPUT_DROP || st->verdicts[LAB_DROP] > 0);
	return is_ok && (m.input != LAB_INPUT_REJECT || st->verdicts[LAB_REJECT] > 0);
}

/* ---- a script that fails, made shorter ---- */

/* One round: all scripts that lack |chunk| neighbouring acts of |s|, side by side; the first that fails becomes |s|. */
static bool shrink_round(struct truth_kernel *k, struct truth_mode m, size_t chunk, struct truth_script *s,
			 struct truth_result *result)
{
	static struct truth_script tries[TRUTH_BATCH];
	static struct truth_result results[TRUTH_BATCH];
	struct truth_stats st = {.scripts = 0};
	size_t n = 0;

	for (size_t at = 0; at < s->count; at += chunk)
		n += truth_script_cut(s, at, chunk, &tries[n]);
	if (!truth_play(k, m, TRUTH_RIGHT, tries, n, results, &st))
		return false;
	for (size_t i = 0; i < n; i++) {
		if (results[i].disagreed) {
			*s = tries[i];
			*result = results[i];
			return true;
		}
	}
	return false;
}

static void shrink(struct truth_kernel *k, struct truth_mode m, struct truth_script *s, struct truth_result *result)
{
	adit_time until = truth_now() + SHRINK_FOR;
	size_t chunk = s->count;

	/* What comes after the act that failed has no part in it. */
	for (size_t i = 0; i < s->count; i++)
		if (s->acts[i].id == result->at)
			s->count = (uint16_t)(i + 1);
	while (chunk > 0 && truth_now() < until)
		if (!shrink_round(k, m, chunk, s, result))
			chunk /= 2;
}

static void show(struct truth_kernel *k, struct truth_mode m, const struct truth_script *found,
		 const struct truth_result *result)
{
	struct truth_script s = *found;
	struct truth_result r = *result;
	char name[32];

	printf("the model and the kernel disagree:  truth --seed %llu --scripts 1 %s\n%3u %s\n",
	       (unsigned long long)s.seed, truth_mode_name(m, name), r.at, r.text);
	(void)fflush(stdout);
	shrink(k, m, &s, &r);
	printf("of its %u acts, these %u suffice:\n", found->count, s.count);
	for (size_t i = 0; i < s.count; i++)
		truth_act_print(&s.acts[i]);
	printf("%3u %s\n", r.at, r.text);
}

/* ---- modes ---- */

/* The kernel of a mode; where there is none, says why and ends the process. */
static void kernel_or_exit(struct truth_kernel *k, struct truth_mode m)
{
	const char *why = truth_kernel_init(k, m);

	if (!why)
		return;
	printf("skipped: %s\n", why);
	exit(EXIT_SKIPPED);
}

/* A batch of scripts from |seed| on. The first that fails; NULL: none. */
static const struct truth_script *play_batch(struct truth_kernel *k, struct truth_mode m, enum truth_wrong w,
					     uint64_t seed, size_t n, const struct truth_result **ret_result,
					     struct truth_stats *st)
{
	static struct truth_script scripts[TRUTH_BATCH];
	static struct truth_result results[TRUTH_BATCH];

	memset(results, 0, sizeof(results));
	for (size_t i = 0; i < n; i++)
		truth_script_make(&scripts[i], seed + i);
	if (!truth_play(k, m, w, scripts, n, results, st)) {
		printf("the kernel's table cannot be read, or there is no memory\n");
		exit(EXIT_FAILURE);
	}
	for (size_t i = 0; i < n; i++) {
		if (results[i].disagreed) {
			*ret_result = &results[i];
			return &scripts[i];
		}
	}
	return NULL;
}

static int run_mode(struct truth_mode m, uint64_t seed, size_t count)
{
	struct truth_stats st = {.scripts = 0};
	const struct truth_script *bad;
	const struct truth_result *result;
	struct truth_kernel k;
	size_t n;

	kernel_or_exit(&k, m);
	for (size_t i = 0; i < count; i += n) {
		n = count - i < TRUTH_BATCH ? count - i : TRUTH_BATCH;
		bad = play_batch(&k, m, TRUTH_RIGHT, seed + i, n, &result, &st);
		if (bad) {
			show(&k, m, bad, result);
			truth_kernel_done(&k);
			return EXIT_FAILURE;
		}
	}
	truth_kernel_done(&k);
	print_stats(&st);
	if (st.given_up * 100 > count * GIVEN_UP_PER_100) {
		printf("%llu scripts were given up: this machine is too busy\n", (unsigned long long)st.given_up);
		return EXIT_FAILURE;
	}
	if (count >= TRUTH_BATCH && !is_thorough(&st, m)) {
		printf("the scripts do not reach everything\n");
		return EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}

/* ---- wrong models ---- */

static int run_wrong(enum truth_wrong w)
{
	struct truth_stats st = {.scripts = 0};
	const struct truth_script *bad = NULL;
	const struct truth_result *result;
	struct truth_kernel k;
	struct truth_mode m;

	if (!truth_mode_parse(wrongs[w].mode, &m))
		return EXIT_FAILURE;
	kernel_or_exit(&k, m);
	for (unsigned i = 0; i < WRONG_BATCHES && !bad; i++)
		bad = play_batch(&k, m, w, 1 + i * TRUTH_BATCH, TRUTH_BATCH, &result, &st);
	truth_kernel_done(&k);
	printf("%-16s %-20s %s (%s; %llu packets)\n", wrongs[w].name, wrongs[w].mode, bad ? "caught" : "NOT CAUGHT",
	       wrongs[w].text, (unsigned long long)st.packets);
	return bad ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* One process each, because each has a namespace of its own. */
static int run_all_wrong(void)
{
	unsigned running = 0;
	int worst = EXIT_SUCCESS;
	int status;

	for (unsigned w = TRUTH_RIGHT + 1; w < TRUTH_WRONGS || running > 0; w++) {
		if (running == WRONG_AT_ONCE || w >= TRUTH_WRONGS) {
			(void)wait(&status);
			running--;
			status = WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE;
			worst = worst == EXIT_FAILURE ? worst : status == EXIT_SUCCESS ? worst : status;
		}
		if (w >= TRUTH_WRONGS)
			continue;
		(void)fflush(stdout);
		if (fork() == 0)
			exit(run_wrong((enum truth_wrong)w));
		running++;
	}
	return worst;
}

static int wrong_by_name(const char *name)
{
	if (strcmp(name, "all") == 0)
		return run_all_wrong();
	for (unsigned w = TRUTH_RIGHT + 1; w < TRUTH_WRONGS; w++)
		if (strcmp(name, wrongs[w].name) == 0)
			return run_wrong((enum truth_wrong)w);
	(void)fprintf(stderr, "truth: no such wrong model: %s; --list shows them\n", name);
	return 2;
}

static int list(void)
{
	char name[32];

	for (unsigned i = 0; i < ARRAY_LEN(nat_names) * ARRAY_LEN(input_names); i++)
		printf("mode  %s\n",
		       truth_mode_name((struct truth_mode){(enum truth_nat)(i / 3), (enum lab_input)(i % 3)}, name));
	for (unsigned w = TRUTH_RIGHT + 1; w < TRUTH_WRONGS; w++)
		printf("wrong %-16s %s\n", wrongs[w].name, wrongs[w].text);
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {{"seed", required_argument, NULL, 's'},
						{"scripts", required_argument, NULL, 'n'},
						{"wrong", required_argument, NULL, 'w'},
						{"list", no_argument, NULL, 'l'},
						{NULL, 0, NULL, 0}};
	uint64_t seed = 1;
	size_t count = TRUTH_BATCH;
	struct truth_mode m;
	int opt;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (opt == 's')
			seed = strtoull(optarg, NULL, 10);
		else if (opt == 'n')
			count = (size_t)strtoull(optarg, NULL, 10);
		else if (opt == 'w')
			return wrong_by_name(optarg);
		else if (opt == 'l')
			return list();
		else
			return 2;
	}
	if (optind + 1 == argc && truth_mode_parse(argv[optind], &m))
		return run_mode(m, seed, count);
	(void)fprintf(stderr, "usage: truth [--seed N] [--scripts N] MODE | --wrong AXIS|all | --list\n");
	return 2;
}
