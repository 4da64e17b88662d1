/*
 * One ICE agent over poll(2), for tests against other people's: RFC 8839 lines go out on stdout and come in on stdin.
 *
 *     ice_driver [--controlled] [--stun ADDR:PORT]... [--ta MS] [--seconds N] ADDR:PORT...
 *
 * ADDR:PORT are the own addresses, a socket each. When a pair is selected it says "selected LOCAL MAPPED REMOTE", sends
 * a datagram every 100 ms and says "data TEXT" once it has got one. "restart" on stdin restarts it: the new lines
 * follow, and those of the peer are expected. At the end of stdin, or after N seconds, it tells of each pair ("pair
 * ...") and ends; the exit status is 0 if a pair was selected and data came.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"
#include "core/ice/ice_agent.h"
#include "crypto/crypto.h"

#define DATA_EVERY ADIT_MS(100)
#define DATA_MARK  "data: " /* its first byte is not STUN's (0-3) */

static struct ice_agent agent;
static int socks[ICE_BASES_MAX];
static size_t n_socks;
static struct ice_remote_desc desc;
static bool is_described;
static bool has_path;
static bool has_data;
static bool is_ended;
static struct ice_event path;
static adit_time data_at = ADIT_NEVER;
static char input[16384];
static size_t input_len;

static adit_time now_read(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return ADIT_SEC(t.tv_sec) + (adit_time)t.tv_nsec;
}

static void die(const char *what)
{
	perror(what);
	exit(2);
}

/* The length. */
static socklen_t to_sockaddr(const struct adit_addr *a, struct sockaddr_storage *ss)
{
	struct sockaddr_in *in = (struct sockaddr_in *)ss;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ss;

	memset(ss, 0, sizeof(*ss));
	if (adit_addr_is_v4(a)) {
		in->sin_family = AF_INET;
		in->sin_port = htons(a->port);
		memcpy(&in->sin_addr, a->ip, 4);
		return sizeof(*in);
	}
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(a->port);
	memcpy(&in6->sin6_addr, a->ip, 16);
	return sizeof(*in6);
}

static struct adit_addr from_sockaddr(const struct sockaddr_storage *ss)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)ss;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)ss;
	const uint8_t *ip = (const uint8_t *)&in->sin_addr;

	if (ss->ss_family == AF_INET6)
		return adit_addr_v6(in6->sin6_addr.s6_addr, ntohs(in6->sin6_port));
	return adit_addr_v4(ip[0], ip[1], ip[2], ip[3], ntohs(in->sin_port));
}

static struct adit_addr addr_of(const char *text)
{
	struct adit_addr a;

	if (adit_addr_parse(text, strlen(text), &a) < 0 || a.port == 0) {
		fprintf(stderr, "ice_driver: not an address with a port: %s\n", text);
		exit(2);
	}
	return a;
}

static void bind_to(const char *text)
{
	struct adit_addr a = addr_of(text);
	struct sockaddr_storage ss;
	socklen_t len = to_sockaddr(&a, &ss);
	int fd = socket(ss.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&ss, len) < 0)
		die(text);
	if (n_socks == ICE_BASES_MAX ||
	    ice_agent_add_host(&agent, now_read(), (uint32_t)n_socks, &a, ICE_IFACE_NORMAL) < 0) {
		fprintf(stderr, "ice_driver: %s is no host candidate\n", text);
		exit(2);
	}
	socks[n_socks++] = fd;
}

static void describe_self(void)
{
	const struct ice_cred *cred = ice_agent_cred(&agent);

	printf("a=ice-ufrag:%s\na=ice-pwd:%s\na=ice-options:ice2 trickle\n", cred->ufrag, cred->pwd);
	fflush(stdout);
}

static void send_to(uint32_t sock, const struct adit_addr *remote, const void *data, size_t len)
{
	struct sockaddr_storage ss;
	socklen_t ss_len = to_sockaddr(remote, &ss);

	/* A refusal is a lost packet. */
	if (sendto(socks[sock], data, len, 0, (struct sockaddr *)&ss, ss_len) < 0 && errno == EBADF)
		die("sendto");
}

static void on_event(adit_time now, const struct ice_event *ev)
{
	char line[ICE_LINE_MAX];
	char local[ADIT_ADDR_STRLEN];
	char mapped[ADIT_ADDR_STRLEN];
	char remote[ADIT_ADDR_STRLEN];

	switch (ev->kind) {
	case ICE_EVENT_CANDIDATE:
		if (ice_candidate_format(&ev->cand, line, sizeof(line)) > 0)
			printf("a=%s\n", line);
		break;
	case ICE_EVENT_GATHERED:
		printf("a=end-of-candidates\n");
		break;
	case ICE_EVENT_SELECTED:
		path = *ev;
		has_path = true;
		data_at = now;
		printf("selected %s %s %s\n", adit_addr_format(&ev->local, local),
		       adit_addr_format(&ev->mapped, mapped), adit_addr_format(&ev->remote, remote));
		break;
	case ICE_EVENT_VALID:
		printf("valid\n");
		break;
	case ICE_EVENT_FAILED:
		printf("failed\n");
		break;
	case ICE_EVENT_LOST:
		has_path = false;
		data_at = ADIT_NEVER;
		printf("lost\n");
		break;
	}
	fflush(stdout);
}

static void drain(adit_time now)
{
	struct adit_out o;
	struct ice_event ev;

	while (ice_agent_output(&agent, now, &o))
		send_to(o.sock, &o.remote, o.data, o.len);
	while (ice_agent_event(&agent, &ev))
		on_event(now, &ev);
	if (has_path && now >= data_at) {
		send_to(path.sock, &path.remote, DATA_MARK "from adit", strlen(DATA_MARK "from adit"));
		ice_agent_sent(&agent, now);
		data_at = now + DATA_EVERY;
	}
}

/* Data of the peer, which may come before the nomination does. */
static void on_data(const uint8_t *data, size_t len)
{
	if (!has_data)
		printf("data %.*s\n", (int)len, (const char *)data);
	fflush(stdout);
	has_data = true;
}

static void receive(size_t i)
{
	uint8_t buf[2048];
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	ssize_t n;

	while ((n = recvfrom(socks[i], buf, sizeof(buf), 0, (struct sockaddr *)&ss, &len)) >= 0) {
		struct adit_dgram d = {
			.sock = (uint32_t)i, .remote = from_sockaddr(&ss), .data = buf, .len = (size_t)n};

		if (n > 0 && buf[0] > 3)
			on_data(buf, (size_t)n);
		else
			(void)ice_agent_input(&agent, now_read(), &d);
		len = sizeof(ss);
	}
}

/* As soon as the first candidate or the end comes, the description is complete. */
static void described(adit_time now)
{
	if (is_described)
		return;
	is_described = true;
	if (ice_agent_set_remote(&agent, now, &desc) < 0) {
		fprintf(stderr, "ice_driver: the peer's description is not valid\n");
		exit(2);
	}
}

static void on_line(adit_time now, const char *text, size_t len)
{
	struct ice_line l;

	if (len == 7 && memcmp(text, "restart", 7) == 0) {
		ice_agent_restart(&agent, now);
		is_described = false;
		memset(&desc, 0, sizeof(desc));
		describe_self();
		return;
	}
	if (ice_sdp_parse(text, len, &l) < 0) {
		fprintf(stderr, "ice_driver: malformed: %.*s\n", (int)len, text);
		return;
	}
	switch (l.kind) {
	case ICE_LINE_UFRAG:
		memcpy(desc.cred.ufrag, l.text, l.len);
		break;
	case ICE_LINE_PWD:
		memcpy(desc.cred.pwd, l.text, l.len);
		break;
	case ICE_LINE_OPTIONS:
		desc.has_ice2 = l.has_ice2;
		break;
	case ICE_LINE_LITE:
		desc.is_lite = true;
		break;
	case ICE_LINE_PACING:
		desc.pacing_ms = l.pacing_ms;
		break;
	case ICE_LINE_CANDIDATE:
		described(now);
		(void)!ice_agent_add_remote(&agent, now, &l.cand);
		break;
	case ICE_LINE_END:
		described(now);
		ice_agent_end_remote(&agent, now);
		break;
	case ICE_LINE_OTHER:
		break;
	}
}

static void read_lines(void)
{
	ssize_t n = read(0, input + input_len, sizeof(input) - input_len);
	char *end;

	if (n <= 0) {
		is_ended = n == 0;
		return;
	}
	input_len += (size_t)n;
	while ((end = memchr(input, '\n', input_len)) != NULL) {
		size_t len = (size_t)(end - input);

		on_line(now_read(), input, len);
		input_len -= len + 1;
		memmove(input, end + 1, input_len);
	}
}

static int wait_ms(adit_time now, adit_time until)
{
	adit_time at = adit_time_min(ice_agent_deadline(&agent), adit_time_min(data_at, until));

	return at <= now ? 0 : (int)((at - now) / ADIT_MS(1)) + 1;
}

static void run(adit_time until)
{
	struct pollfd fds[ICE_BASES_MAX + 1];
	adit_time now;

	for (size_t i = 0; i < n_socks; i++)
		fds[i] = (struct pollfd){.fd = socks[i], .events = POLLIN};
	fds[n_socks] = (struct pollfd){.fd = 0, .events = POLLIN};
	while ((now = now_read()) < until && !is_ended) {
		ice_agent_tick(&agent, now);
		drain(now);
		if (poll(fds, n_socks + 1, wait_ms(now, until)) < 0 && errno != EINTR)
			die("poll");
		for (size_t i = 0; i < n_socks; i++)
			receive(i);
		if (fds[n_socks].revents)
			read_lines();
		drain(now_read());
	}
}

static void tell_pairs(void)
{
	char line[ICE_ACCOUNT_STRLEN];
	struct ice_account acc;
	struct ice_stats st;
	size_t pos = 0;

	while (ice_agent_account(&agent, &pos, &acc))
		printf("pair %s%s\n", acc.is_selected ? "* " : "", ice_account_format(&acc, line));
	ice_agent_stats(&agent, &st);
	printf("stats consents=%llu keepalives=%llu bad_auth=%llu malformed=%llu role_switches=%llu state=%s role=%s\n",
	       (unsigned long long)st.consents_sent, (unsigned long long)st.keepalives_sent,
	       (unsigned long long)st.bad_auth, (unsigned long long)st.malformed, (unsigned long long)st.role_switches,
	       ice_state_name(ice_agent_state(&agent)),
	       ice_agent_role(&agent) == ICE_CONTROLLING ? "controlling" : "controlled");
}

int main(int argc, char **argv)
{
	struct ice_config cfg = {.role = ICE_CONTROLLING, .crypto = &crypto_gnutls, .rng = crypto_rng()};
	adit_dur limit = ADIT_SEC(600);
	struct adit_addr servers[ICE_SERVERS_MAX];
	size_t n_servers = 0;
	int i;

	for (i = 1; i < argc && argv[i][0] == '-'; i++) {
		if (strcmp(argv[i], "--controlled") == 0)
			cfg.role = ICE_CONTROLLED;
		else if (strcmp(argv[i], "--stun") == 0 && i + 1 < argc && n_servers < ICE_SERVERS_MAX)
			servers[n_servers++] = addr_of(argv[++i]);
		else if (strcmp(argv[i], "--ta") == 0 && i + 1 < argc)
			cfg.ta = ADIT_MS(strtoul(argv[++i], NULL, 10));
		else if (strcmp(argv[i], "--seconds") == 0 && i + 1 < argc)
			limit = ADIT_SEC(strtoul(argv[++i], NULL, 10));
		else
			i = argc;
	}
	if (i >= argc) {
		fprintf(stderr, "usage: ice_driver [--controlled] [--stun ADDR:PORT]... [--ta MS] [--seconds N] "
				"ADDR:PORT...\n");
		return 2;
	}
	ice_agent_init(&agent, &cfg, now_read());
	for (size_t s = 0; s < n_servers; s++)
		if (ice_agent_add_server(&agent, &servers[s]) < 0)
			die("--stun");
	for (; i < argc; i++)
		bind_to(argv[i]);
	describe_self();
	ice_agent_gather(&agent, now_read(), false);
	run(now_read() + limit);
	tell_pairs();
	ice_agent_done(&agent);
	return has_path && has_data ? 0 : 1;
}
