/*
 * Load for a mediator: many peers with keys and signatures of their own, from many addresses of 127/8.
 *
 *	meet_load [OPTION]... ADDR PORT -- MEDIATOR [ARG]...    starts the mediator itself; one line of JSON
 *
 *	--peers N        100000
 *	--addresses N    1000, each a network of its own
 *	--memory         no introductions: for who wants to know what memory many peers take
 *	--quick          nothing is measured but the restart
 *	--live S         seconds of everyday life, with 1 % churn a second (10; 0: none)
 *	--restart        then kills the mediator in the middle of that life, starts it again, and waits for all
 *
 * First a flood: registers them all (each address gets a cookie now and then, each peer signs it), refreshes them all,
 *introduces to each of them once and lets it answer: rates by the clock and by the mediator's CPU time, and what memory
 *it took. Start reading at main(); meet_crowd.h has the peers, meet_live.c their everyday life. The mediator runs with
 *--rate 0 where it is flooded, and with its limits where --quick is given.
 */
#include <errno.h>
#include <getopt.h>
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

#define WINDOW       256 /* requests under way: the server's socket holds more, with the system's defaults */
#define WAIT         0.2 /* seconds until a lost request goes out again; doubling */
#define PATIENCE     60 /* seconds without any answer: the mediator is gone */
#define REFRESH_EACH 50 /* seconds: registrations live 75 */
#define COOKIES_EACH 30 /* seconds: a cookie is good for 64 at least */
#define KEEPALIVE    15.0 /* MEET_KEEPALIVE */
#define CHURN        0.01 /* a second */

static struct crowd crowd = {.n_peers = 100000, .n_addresses = 1000};
static struct crowd_mediator mediator;
static unsigned window_len; /* WINDOW, or what the addresses allow: two of a window never share a socket */
static struct crowd_request requests[2 * WINDOW]; /* signed beforehand: of this window and the next one */

void crowd_start(struct crowd_mediator *m)
{
	m->pid = fork();
	if (m->pid < 0)
		crowd_die("fork");
	if (m->pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* nothing stays behind, however this ends */
		execvp(m->argv[0], m->argv);
		crowd_die(m->argv[0]);
	}
}

void crowd_kill(struct crowd_mediator *m)
{
	if (kill(m->pid, SIGKILL) < 0 || waitpid(m->pid, NULL, 0) != m->pid)
		crowd_die("kill");
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
		crowd_sign(&crowd, n, crowd.cookies[crowd_address(&crowd, n)], &requests[n % (2 * window_len)]);
}

static void send_for(uint16_t method, unsigned n)
{
	if (method == MEET_REGISTER)
		(void)!send(crowd.fds[crowd_address(&crowd, n)], requests[n % (2 * window_len)].data,
			    requests[n % (2 * window_len)].len, 0);
	else if (method == MEET_REFRESH)
		crowd_refresh(&crowd, n);
	else
		crowd_introduce(&crowd, n);
}

/* Forgotten, on a machine too busy to remember everybody in time: registers anew. */
static void on_forgotten(unsigned n, const uint8_t cookie[STUN_COOKIE_LEN])
{
	struct crowd_request request;

	crowd_sign(&crowd, n, cookie, &request);
	(void)!send(crowd.fds[crowd_address(&crowd, n)], request.data, request.len, 0);
}

/* Everything that came at |fd|; how many peers are done by it. */
static unsigned take(int fd)
{
	unsigned done = 0, n;
	struct stun_msg m;
	uint8_t buf[2048];

	while (crowd_receive(fd, 0, buf, sizeof(buf), &m)) {
		const uint8_t *handle = meet_msg_bytes(&m, MEET_ATTR_HANDLE, MEET_HANDLE_LEN);
		const uint8_t *cookie = meet_msg_bytes(&m, STUN_ATTR_ADIT_COOKIE, STUN_COOKIE_LEN);

		memcpy(&n, m.txid, sizeof(n));
		if (m.class == STUN_REQUEST)
			crowd_answer(fd, &m);
		if (n >= crowd.n_peers || crowd.peers[n].done)
			continue;
		if (m.class == STUN_ERROR && cookie && m.method != MEET_INTRODUCE)
			on_forgotten(n, cookie);
		if (m.class != STUN_SUCCESS)
			continue;
		if (handle)
			memcpy(crowd.peers[n].handle, handle, MEET_HANDLE_LEN);
		crowd.peers[n].done = true;
		done++;
	}
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
			sent = crowd_now();
			if (ahead > end && wait <= WAIT)
				sign_ahead(end, ahead);
		}
		for (unsigned n = first; n < end + 1; n++)
			left -= take(crowd.fds[crowd_address(&crowd, n)]);
		if (left < was)
			heard = crowd_now();
		if (crowd_now() - heard > PATIENCE)
			crowd_die(name);
	}
}

struct rate {
	double n, seconds, cpu;
};

static unsigned window_end(unsigned first, unsigned last)
{
	return first + window_len < last ? first + window_len : last;
}

/* Peers |first| to |last|, a window of them at a time. */
static void pass(const char *name, uint16_t method, unsigned first, unsigned last, struct rate *rate)
{
	double start = crowd_now(), cpu = crowd_cpu(&mediator);

	rate->n += last - first;
	for (; first < last; first += window_len)
		window(name, method, first, window_end(first, last), 0);
	rate->seconds += crowd_now() - start;
	rate->cpu += crowd_cpu(&mediator) - cpu;
}

/* Those of the first |last| who were heard of longest ago, while that is too long: registrations live 75 s. */
static void refresh_due(double *touched, unsigned last, unsigned *at, struct rate *refreshes)
{
	while (last > 0 && crowd_now() - touched[*at / window_len] > REFRESH_EACH) {
		touched[*at / window_len] = crowd_now();
		pass("refreshes", MEET_REFRESH, *at, window_end(*at, last), refreshes);
		*at = *at + window_len < last ? *at + window_len : 0;
	}
}

static void register_all(struct rate *rate, struct rate *refreshes)
{
	double *touched = calloc(crowd.n_peers / window_len + 1, sizeof(*touched));
	double cookies_at = crowd_now();
	unsigned refresh_at = 0, end;

	if (!touched || !crowd_get_cookies(&crowd))
		crowd_die("no cookie");
	crowd_make_keys(&crowd);
	sign_ahead(0, window_end(0, crowd.n_peers));
	for (unsigned first = 0; first < crowd.n_peers; first = end) {
		double start = crowd_now(), cpu = crowd_cpu(&mediator);

		end = window_end(first, crowd.n_peers);
		window("registrations", MEET_REGISTER, first, end, window_end(end, crowd.n_peers));
		rate->n += end - first;
		rate->seconds += crowd_now() - start;
		rate->cpu += crowd_cpu(&mediator) - cpu;
		touched[first / window_len] = crowd_now();
		refresh_due(touched, end, &refresh_at, refreshes);
		if (crowd_now() - cookies_at < COOKIES_EACH)
			continue;
		cookies_at = crowd_now();
		if (!crowd_get_cookies(&crowd))
			crowd_die("no cookie");
		sign_ahead(end, window_end(end, crowd.n_peers));
	}
	free(touched);
}

static void print_rate(const char *name, const struct rate *r)
{
	printf("\"%s_per_s\":%.0f,\"%s_per_cpu_s\":%.0f,", name, r->n / r->seconds, name, r->n / r->cpu);
}

static void flood(bool memory_only)
{
	struct rate registrations = {0}, refreshes = {0}, introductions = {0};
	double before = rss();

	register_all(&registrations, &refreshes);
	pass("refreshes", MEET_REFRESH, 0, crowd.n_peers, &refreshes);
	printf("\"rss_bytes\":%.0f,\"rss_bytes_per_peer\":%.1f,", rss(), (rss() - before) / crowd.n_peers);
	print_rate("registrations", &registrations);
	print_rate("refreshes", &refreshes);
	if (memory_only)
		return;
	if (!crowd_get_cookies(&crowd))
		crowd_die("no cookie");
	pass("introductions", MEET_INTRODUCE, 0, crowd.n_peers, &introductions);
	print_rate("introductions", &introductions);
}

/* ---- everyday life ---- */

static void live(double seconds, double before)
{
	struct crowd_live l;

	crowd_live(&crowd, &mediator, seconds, KEEPALIVE, CHURN, false, &l);
	printf("\"live_refreshes_per_s\":%.0f,\"live_registrations_per_s\":%.0f,\"live_late\":%llu,\"live_cpu\":%.3f,"
	       "\"live_rss_bytes_per_peer\":%.1f,",
	       (double)l.refreshed / l.seconds, (double)l.registered / l.seconds, (unsigned long long)l.late,
	       l.mediator_cpu / l.seconds, (rss() - before) / crowd.n_peers);
}

static void restart(void)
{
	struct crowd_live l;

	crowd_live(&crowd, &mediator, 2 * KEEPALIVE, KEEPALIVE, CHURN, true, &l);
	printf(",\"restart_half_back_s\":%.2f,\"restart_all_back_s\":%.2f,\"restart_late\":%llu", l.half_back,
	       l.all_back, (unsigned long long)l.late);
}

static _Noreturn void usage(void)
{
	fprintf(stderr,
		"usage: meet_load [--peers N] [--addresses N] [--memory] [--quick] [--live S] [--restart] ADDR PORT -- "
		"MEDIATOR [ARG]...\n");
	exit(2);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {{"peers", 1, NULL, 'p'},
						{"addresses", 1, NULL, 'a'},
						{"quick", 0, NULL, 'q'},
						{"live", 1, NULL, 'l'},
						{"restart", 0, NULL, 'r'},
						{"memory", 0, NULL, 'm'},
						{0}};
	bool is_quick = false, memory_only = false, want_restart = false;
	double seconds = 10, before;
	struct rate refreshes = {0}, registrations = {0};
	int c;

	while ((c = getopt_long(argc, argv, "+", options, NULL)) != -1) {
		if (c == 'p')
			crowd.n_peers = (unsigned)atoi(optarg);
		else if (c == 'a')
			crowd.n_addresses = (unsigned)atoi(optarg);
		else if (c == 'q')
			is_quick = true;
		else if (c == 'l')
			seconds = atof(optarg);
		else if (c == 'm')
			memory_only = true;
		else if (c == 'r')
			want_restart = true;
		else
			usage();
	}
	if (argc - optind < 3 || crowd.n_peers < 1 || crowd.n_addresses < 3 || crowd.n_addresses > CROWD_ADDRESSES_MAX)
		usage();
	(void)crypto_rng();
	window_len = crowd.n_addresses < WINDOW + 2 ? crowd.n_addresses - 2 : WINDOW;
	crowd.peers = calloc(crowd.n_peers, sizeof(*crowd.peers));
	if (!crowd.peers)
		crowd_die("memory");
	mediator.argv = argv + optind + 2 + (strcmp(argv[optind + 2], "--") == 0);
	crowd_open(&crowd, argv[optind], argv[optind + 1]);
	crowd_start(&mediator);
	if (!crowd_get_cookies(&crowd))
		crowd_die("the mediator does not answer");
	before = rss();
	printf("{\"peers\":%u,\"addresses\":%u,", crowd.n_peers, crowd.n_addresses);
	if (is_quick)
		register_all(&registrations, &refreshes);
	else
		flood(memory_only);
	if (seconds > 0)
		live(seconds, before);
	printf("\"peak_rss_bytes_per_peer\":%.1f", (peak() - before) / crowd.n_peers);
	if (want_restart)
		restart();
	printf("}\n");
	crowd_kill(&mediator);
	return 0;
}
