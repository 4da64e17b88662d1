/*
 * libadit as a standard ICE agent: lines of RFC 8839 go out on stdout and come in on stdin, by whatever way you carry
 * them. In a browser's terms: stdout is what goes into its remote description.
 *
 *     example-ice [--controlled] [--stun ADDR:PORT]... [--ta MS] [--seconds N] [ADDR[:PORT]...]
 *
 * ADDR are the own addresses; without one, those of all interfaces. When a pair is selected it says "selected LOCAL
 * MAPPED REMOTE", sends a datagram every 100 ms and says "data TEXT" once it has got one. "restart" on stdin restarts
 * it. At the end of stdin, or after N seconds, it tells what became of each pair; the exit status is 0 if data came.
 *
 * The event loop is poll(2): the agent's descriptor is one more in the list.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <adit/ice.h>

#define HELLO    "data: from adit" /* its first byte is not STUN's (0 to 3) */
#define EVERY_MS 100

static struct adit_ice *ice;
static bool has_path;
static bool has_data;
static bool is_over;

static void check(int err, const char *what)
{
	if (err >= 0)
		return;
	fprintf(stderr, "example-ice: %s: %s\n", what, adit_strerror(err));
	exit(2);
}

static struct sockaddr_storage address(const char *text)
{
	struct sockaddr_storage addr;

	check(adit_address_parse(text, &addr), text);
	return addr;
}

static void on_event(const struct adit_ice_event *e)
{
	char local[ADIT_ADDRESS_STRLEN], mapped[ADIT_ADDRESS_STRLEN], remote[ADIT_ADDRESS_STRLEN];

	switch (e->kind) {
	case ADIT_ICE_LINE:
		printf("a=%s\n", e->line);
		break;
	case ADIT_ICE_READY:
		printf("ready\n");
		break;
	case ADIT_ICE_SELECTED:
		has_path = true;
		printf("selected %s %s %s\n", adit_address_format(&e->local, local),
		       adit_address_format(&e->mapped, mapped), adit_address_format(&e->remote, remote));
		break;
	case ADIT_ICE_DATA:
		if (!has_data)
			printf("data %.*s\n", (int)e->data_len, (const char *)e->data);
		has_data = true;
		break;
	case ADIT_ICE_FAILED:
		printf("failed\n");
		break;
	case ADIT_ICE_LOST:
		has_path = false;
		printf("lost\n");
		break;
	}
	fflush(stdout);
}

static void on_line(const char *line, size_t len)
{
	int err;

	if (len == strlen("restart") && memcmp(line, "restart", len) == 0) {
		adit_ice_restart(ice);
		return;
	}
	err = adit_ice_line(ice, line, len);
	if (err < 0 && err != ADIT_EIGNORED)
		fprintf(stderr, "example-ice: %.*s: %s\n", (int)len, line, adit_strerror(err));
}

/* Stdin in whole lines. */
static void read_lines(void)
{
	static char buf[16384];
	static size_t n;
	ssize_t got = read(0, buf + n, sizeof(buf) - n);
	char *end;

	is_over = got <= 0;
	n += got > 0 ? (size_t)got : 0;
	while ((end = memchr(buf, '\n', n)) != NULL) {
		on_line(buf, (size_t)(end - buf));
		n -= (size_t)(end + 1 - buf);
		memmove(buf, end + 1, n);
	}
}

static long long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

static void run(long long until)
{
	struct pollfd fds[2] = {{.fd = adit_ice_fd(ice), .events = POLLIN}, {.fd = 0, .events = POLLIN}};
	long long send_at = 0;

	while (!is_over && now_ms() < until) {
		const struct adit_ice_event *e;

		adit_ice_process(ice);
		while ((e = adit_ice_next_event(ice)) != NULL)
			on_event(e);
		if (has_path && now_ms() >= send_at) {
			(void)!adit_ice_send(ice, HELLO, strlen(HELLO)); /* the next one is due soon */
			send_at = now_ms() + EVERY_MS;
		}
		/* The descriptor is readable at the agent's deadline, so this time-out is for the program's own needs.
		 */
		if (poll(fds, 2, EVERY_MS) > 0 && fds[1].revents)
			read_lines();
	}
}

static void tell(void)
{
	const struct adit_ice_status *st;
	const char *text;
	size_t pos = 0;

	while ((text = adit_ice_explain(ice, &pos)) != NULL)
		printf("pair %s\n", text);
	st = adit_ice_status_get(ice);
	printf("stats consents=%llu keepalives=%llu bad_auth=%llu malformed=%llu role_switches=%llu role=%s\n",
	       (unsigned long long)st->consents_sent, (unsigned long long)st->keepalives_sent,
	       (unsigned long long)st->bad_auth, (unsigned long long)st->malformed,
	       (unsigned long long)st->role_switches, st->controlling ? "controlling" : "controlled");
}

static int usage(void)
{
	fputs("usage: example-ice [--controlled] [--stun ADDR:PORT]... [--ta MS] [--seconds N] [ADDR]...\n"
	      "The own lines go to stdout, the peer's are read from stdin.\n",
	      stderr);
	return 2;
}

int main(int argc, char **argv)
{
	struct adit_ice_config cfg = {.size = sizeof(cfg), .controlling = true};
	struct sockaddr_storage servers[4], addr;
	int n_servers = 0, n_addrs = 0;
	long long limit = 600;

	for (int k = 1; k < argc; k++) {
		if (strcmp(argv[k], "--controlled") == 0)
			cfg.controlling = false;
		else if (strcmp(argv[k], "--stun") == 0 && k + 1 < argc && n_servers < 4)
			servers[n_servers++] = address(argv[++k]);
		else if (strcmp(argv[k], "--ta") == 0 && k + 1 < argc)
			cfg.pacing_ms = (unsigned)strtoul(argv[++k], NULL, 10);
		else if (strcmp(argv[k], "--seconds") == 0 && k + 1 < argc)
			limit = strtoll(argv[++k], NULL, 10);
		else if (argv[k][0] == '-')
			return usage();
		else
			argv[++n_addrs] = argv[k];
	}
	check(adit_ice_new(&cfg, &ice), "adit_ice_new");
	for (int k = 0; k < n_servers; k++)
		check(adit_ice_add_server(ice, (struct sockaddr *)&servers[k], sizeof(servers[k])), "--stun");
	for (int k = 1; k <= n_addrs; k++) {
		addr = address(argv[k]);
		check(adit_ice_add_address(ice, (struct sockaddr *)&addr, sizeof(addr), ADIT_ICE_NET_NORMAL), argv[k]);
	}
	if (n_addrs == 0)
		check(adit_ice_add_interfaces(ice), "interfaces");
	adit_ice_gather(ice);
	run(now_ms() + limit * 1000);
	tell();
	adit_ice_free(ice);
	return has_data ? 0 : 1;
}
