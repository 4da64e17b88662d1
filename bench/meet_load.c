/*
 * Load for a mediator: many peers with keys and signatures of their own, from many addresses of 127/8.
 *
 *	meet_load [OPTION]... ADDR PORT -- MEDIATOR [ARG]...    starts the mediator itself; one line of JSON
 *
 *	--peers N        100000
 *	--addresses N    1000, each a network of its own
 *	--grow           no flood: they come as fast as the mediator takes them, and live meanwhile
 *	--quick          nothing of the flood is measured but the registrations
 *	--live S         seconds of everyday life (10; 0: none)
 *	--churn PERCENT  of the peers that are replaced in each second of it (1)
 *	--restart        then kills the mediator in the middle of that life, starts it again, and waits for all
 *
 * First a flood: registers them all (each address gets a cookie, each peer signs it), refreshes them all, introduces to
 * each of them once and lets it answer: rates by the clock and by the mediator's CPU time, and what memory it took.
 * Then everyday life: everybody refreshes each 15 s. Keys are made before anything is measured. Start reading at
 * main(); meet_crowd.h has the peers, meet_live.c their everyday life. The mediator runs with --rate 0 where it is
 * flooded, and with its limits where --quick is given; with --json it is asked how many peers it has.
 */
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crypto/crypto.h"
#include "meet_crowd.h"

#define WINDOW    256 /* requests under way: the server's socket holds more, with the system's defaults */
#define WAIT      0.2 /* seconds until a lost request goes out again; doubling */
#define PATIENCE  60 /* seconds without any answer: the mediator is gone */
#define KEEPALIVE 15.0 /* MEET_KEEPALIVE */
#define REPORT    5000 /* milliseconds that a report of the mediator's may take */

static struct crowd crowd = {.n_peers = 100000, .n_addresses = 1000};
static struct crowd_mediator mediator;
static struct crowd_request requests[2 * WINDOW]; /* signed beforehand: of this window and the next one */

void crowd_start(struct crowd_mediator *m)
{
	int out[2];

	if (pipe(out) < 0)
		crowd_die("pipe");
	m->pid = fork();
	if (m->pid < 0)
		crowd_die("fork");
	if (m->pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* nothing stays behind, however this ends */
		dup2(out[1], STDOUT_FILENO);
		execvp(m->argv[0], m->argv);
		crowd_die(m->argv[0]);
	}
	close(out[1]);
	m->out = out[0];
}

void crowd_kill(struct crowd_mediator *m)
{
	if (kill(m->pid, SIGKILL) < 0 || waitpid(m->pid, NULL, 0) != m->pid)
		crowd_die("kill");
	close(m->out);
}

/* A number of the mediator's own report; -1: it gives none (no --json). */
static double count_of(const char *report, const char *key)
{
	char quoted[64];
	const char *at;

	snprintf(quoted, sizeof(quoted), "\"%s\":", key);
	at = strstr(report, quoted);
	return at ? strtod(at + strlen(quoted), NULL) : -1;
}

/* Its counters as they are now; "" where it says nothing. */
static void read_report(const struct crowd_mediator *m, char *text, size_t cap)
{
	struct pollfd p = {.fd = m->out, .events = POLLIN};
	ssize_t n;

	text[0] = 0;
	if (kill(m->pid, SIGUSR1) < 0 || poll(&p, 1, REPORT) != 1)
		return;
	n = read(m->out, text, cap - 1); /* one write of its, less than a pipe takes at once */
	text[n > 0 ? n : 0] = 0;
}

/* Field |n| of /proc/PID/stat, proc(5); |n| from 3 on. */
static double stat_field(const struct crowd_mediator *m, int n)
{
	char path[64], text[1024];
	char *at = NULL;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)m->pid);
	f = fopen(path, "r");
	if (f && fgets(text, sizeof(text), f))
		at = strrchr(text, ')');
	for (; at && n > 2; n--)
		at = strchr(at + 1, ' ');
	if (f)
		fclose(f);
	if (!at)
		crowd_die(path);
	return at ? strtod(at, NULL) : 0;
}

double crowd_cpu(const struct crowd_mediator *m)
{
	return (stat_field(m, 14) + stat_field(m, 15)) / (double)sysconf(_SC_CLK_TCK);
}

/* Resident memory in bytes. */
static double rss(void)
{
	return stat_field(&mediator, 24) * (double)sysconf(_SC_PAGESIZE);
}

/* The most that it ever was: a table that grows is there twice for a moment. */
static double peak(void)
{
	char path[64], line[256];
	double kb = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)mediator.pid);
	f = fopen(path, "r");
	while (f && kb == 0 && fgets(line, sizeof(line), f))
		kb = strncmp(line, "VmHWM:", 6) == 0 ? strtod(line + 6, NULL) : 0;
	if (f)
		fclose(f);
	else
		crowd_die(path);
	return kb * 1024;
}

/* ---- the flood ---- */

/* Whom the requests beforehand are for; signing is not the mediator's work, so it is done while that is busy. */
static void sign_ahead(unsigned first, unsigned end)
{
	for (unsigned n = first; n < end; n++)
		crowd_sign(&crowd, n, crowd.cookies[crowd_address(&crowd, n)], &requests[n % (2 * WINDOW)]);
}

static void send_for(uint16_t method, unsigned n)
{
	if (method == MEET_REGISTER)
		crowd_register(&crowd, n, &requests[n % (2 * WINDOW)]);
	else if (method == MEET_REFRESH)
		crowd_refresh(&crowd, n);
	else
		crowd_introduce(&crowd, n);
}

/* The cookie has grown old; or forgotten, on a machine too busy to remember everybody in time: registers anew. */
static void on_cookie(unsigned n, unsigned address, const uint8_t cookie[STUN_COOKIE_LEN])
{
	struct crowd_request request;

	memcpy(crowd.cookies[address], cookie, STUN_COOKIE_LEN);
	crowd_sign(&crowd, n, cookie, &request);
	crowd_register(&crowd, n, &request);
}

/* Everything that has come; how many peers are done by it. */
static unsigned take(void)
{
	unsigned done = 0, address, n;
	struct stun_msg m;

	while (crowd_receive(&crowd, &m, &address)) {
		const uint8_t *handle = meet_msg_bytes(&m, MEET_ATTR_HANDLE, MEET_HANDLE_LEN);
		const uint8_t *cookie = meet_msg_bytes(&m, STUN_ATTR_ADIT_COOKIE, STUN_COOKIE_LEN);

		memcpy(&n, m.txid, sizeof(n));
		if (m.class == STUN_REQUEST)
			crowd_answer(&crowd, address, &m);
		if (n >= crowd.n_peers || crowd.peers[n].done)
			continue;
		if (m.class == STUN_ERROR && cookie && m.method != MEET_INTRODUCE)
			on_cookie(n, address, cookie);
		if (m.class != STUN_SUCCESS)
			continue;
		if (handle)
			memcpy(crowd.peers[n].handle, handle, MEET_HANDLE_LEN);
		crowd.peers[n].done = true;
		done++;
	}
	crowd_flush(&crowd);
	return done;
}

/*
 * One window of peers; what is lost is sent again, ever more slowly, as long as anything is answered: the pace is the
 * mediator's. |ahead|: who is signed for meanwhile.
 */
static void window(const char *name, uint16_t method, unsigned first, unsigned end, unsigned ahead)
{
	double sent = 0, heard = crowd_now(), wait = WAIT;
	unsigned left = end - first;

	for (unsigned n = first; n < end; n++)
		crowd.peers[n].done = false;
	while (left > 0) {
		unsigned was = left;

		if (crowd_now() - sent > wait) {
			wait *= sent > 0 ? 2 : 1;
			for (unsigned n = first; n < end; n++)
				if (!crowd.peers[n].done)
					send_for(method, n);
			crowd_flush(&crowd);
			sent = crowd_now();
			if (ahead > end && wait <= WAIT)
				sign_ahead(end, ahead);
		}
		crowd_wait(&crowd, 1);
		left -= take();
		if (left < was)
			heard = crowd_now();
		if (crowd_now() - heard > PATIENCE)
			crowd_die(name);
	}
}

struct rate {
	double n, seconds, cpu;
};

static unsigned window_end(unsigned first)
{
	return first + WINDOW < crowd.n_peers ? first + WINDOW : crowd.n_peers;
}

/* All peers, a window of them at a time. */
static void pass(const char *name, uint16_t method, struct rate *rate)
{
	double start = crowd_now(), cpu = crowd_cpu(&mediator);

	for (unsigned first = 0; first < crowd.n_peers; first += WINDOW) {
		unsigned end = window_end(first);

		window(name, method, first, end, method == MEET_REGISTER ? window_end(end) : 0);
	}
	*rate = (struct rate){.n = crowd.n_peers, .seconds = crowd_now() - start, .cpu = crowd_cpu(&mediator) - cpu};
}

static void register_all(struct rate *rate)
{
	sign_ahead(0, window_end(0));
	pass("registrations", MEET_REGISTER, rate);
}

static void print_rate(const char *name, const struct rate *r)
{
	printf("\"%s_per_s\":%.0f,\"%s_per_cpu_s\":%.0f,", name, r->n / r->seconds, name, r->n / r->cpu);
}

static void flood(double before)
{
	struct rate registrations, refreshes, introductions;

	register_all(&registrations);
	pass("refreshes", MEET_REFRESH, &refreshes);
	printf("\"rss_bytes_per_peer\":%.1f,", (rss() - before) / crowd.n_peers);
	print_rate("registrations", &registrations);
	print_rate("refreshes", &refreshes);
	if (!crowd_get_cookies(&crowd))
		crowd_die("no cookie");
	pass("introductions", MEET_INTRODUCE, &introductions);
	print_rate("introductions", &introductions);
}

/* ---- everyday life ---- */

static void live(const struct crowd_plan *plan, double before)
{
	char report[4096];
	struct crowd_live l;

	crowd_live(&crowd, &mediator, plan, &l);
	read_report(&mediator, report, sizeof(report));
	if (plan->grow)
		printf("\"grown_s\":%.1f,", l.grown);
	printf("\"live_s\":%.1f,\"live_refreshes_per_s\":%.0f,\"live_registrations_per_s\":%.0f,\"live_repeated\":%llu,"
	       "\"live_late\":%llu,\"living\":%u,\"oldest_word_s\":%.1f,\"live_cpu\":%.3f,\"live_load_cpu\":%.3f,"
	       "\"live_rss_bytes\":%.0f,\"live_rss_bytes_per_peer\":%.1f,\"counted\":%.0f,\"expired\":%.0f,",
	       l.seconds, (double)l.refreshed / l.seconds, (double)l.registered / l.seconds,
	       (unsigned long long)l.repeated, (unsigned long long)l.late, l.living, l.oldest,
	       l.mediator_cpu / l.seconds, l.own_cpu / l.seconds, rss(), (rss() - before) / crowd.n_peers,
	       count_of(report, "peers"), count_of(report, "expired"));
}

static void restart(double churn)
{
	struct crowd_plan plan = {.seconds = 2 * KEEPALIVE, .keepalive = KEEPALIVE, .churn = churn, .restart = true};
	struct crowd_live l;

	crowd_live(&crowd, &mediator, &plan, &l);
	printf(",\"restart_half_back_s\":%.2f,\"restart_all_back_s\":%.2f,\"restart_late\":%llu", l.half_back,
	       l.all_back, (unsigned long long)l.late);
}

static _Noreturn void usage(void)
{
	fprintf(stderr, "usage: meet_load [--peers N] [--addresses N] [--grow | --quick] [--live S] [--churn "
			"PERCENT] [--restart] ADDR PORT -- MEDIATOR [ARG]...\n");
	exit(2);
}

struct words {
	struct crowd_plan plan;
	bool is_quick, want_restart;
};

static void read_words(struct words *w, int argc, char **argv)
{
	static const struct option options[] = {{"peers", 1, NULL, 'p'},   {"addresses", 1, NULL, 'a'},
						{"grow", 0, NULL, 'g'},    {"quick", 0, NULL, 'q'},
						{"live", 1, NULL, 'l'},    {"churn", 1, NULL, 'c'},
						{"restart", 0, NULL, 'r'}, {0}};
	int c;

	*w = (struct words){.plan = {.seconds = 10, .keepalive = KEEPALIVE, .churn = 0.01}};
	while ((c = getopt_long(argc, argv, "+", options, NULL)) != -1) {
		if (c == 'p')
			crowd.n_peers = (unsigned)atoi(optarg);
		else if (c == 'a')
			crowd.n_addresses = (unsigned)atoi(optarg);
		else if (c == 'g')
			w->plan.grow = true;
		else if (c == 'q')
			w->is_quick = true;
		else if (c == 'l')
			w->plan.seconds = atof(optarg);
		else if (c == 'c')
			w->plan.churn = atof(optarg) / 100;
		else if (c == 'r')
			w->want_restart = true;
		else
			usage();
	}
	if (argc - optind < 3 || crowd.n_peers < 1 || crowd.n_addresses < 2 || crowd.n_addresses > CROWD_ADDRESSES_MAX)
		usage();
}

int main(int argc, char **argv)
{
	struct rate registrations;
	struct words w;
	double before;

	read_words(&w, argc, argv);
	(void)crypto_rng();
	crowd.peers = calloc(crowd.n_peers, sizeof(*crowd.peers));
	if (!crowd.peers)
		crowd_die("memory");
	mediator.argv = argv + optind + 2 + (strcmp(argv[optind + 2], "--") == 0);
	crowd_open(&crowd, argv[optind], argv[optind + 1]);
	crowd_make_keys(&crowd);
	crowd_start(&mediator);
	if (!crowd_get_cookies(&crowd))
		crowd_die("the mediator does not answer");
	before = rss();
	printf("{\"peers\":%u,\"addresses\":%u,", crowd.n_peers, crowd.n_addresses);
	if (w.is_quick)
		register_all(&registrations);
	else if (!w.plan.grow)
		flood(before);
	if (w.plan.seconds > 0)
		live(&w.plan, before);
	printf("\"peak_rss_bytes_per_peer\":%.1f", (peak() - before) / crowd.n_peers);
	if (w.want_restart)
		restart(w.plan.churn);
	printf("}\n");
	crowd_kill(&mediator);
	return 0;
}
