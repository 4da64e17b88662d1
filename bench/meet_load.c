/*
 * Load for a mediator: many peers with keys and signatures of their own, from many addresses of 127/8.
 *
 *	meet_load ADDR PORT PID [PEERS [ADDRESSES]]
 *
 * Registers them all (each address gets one cookie, each peer signs it), refreshes them all, introduces to each of them
 *once and lets it answer; prints the rates, and what memory process PID (the mediator) took for a peer. Run the
 *mediator with --rate 0.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "core/meet/meet_msg.h"
#include "core/stun/stun_attr.h"
#include "crypto/crypto.h"
#include "crypto/crypto_identity.h"
#include "crypto/crypto_meet.h"

#define ADDRESSES_MAX 4096
#define WINDOW        64 /* requests under way: the server's socket holds more */
#define STEP          5000 /* peers registered with one set of cookies */
#define WAIT_MS       200 /* until a lost request goes out again */

struct peer {
	uint8_t id[MEET_ID_LEN];
	uint8_t handle[MEET_HANDLE_LEN];
	uint8_t registration[256]; /* signed beforehand: signing is not the mediator's work */
	uint16_t registration_len;
	bool done;
};

static struct peer *peers;
static unsigned n_peers = 100000, n_addresses = 1000;
static int fds[ADDRESSES_MAX];
static uint8_t cookies[ADDRESSES_MAX][STUN_COOKIE_LEN];

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "meet_load: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* Resident memory in bytes. */
static long rss(const char *pid)
{
	char path[64];
	long pages = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%s/statm", pid);
	f = fopen(path, "r");
	if (!f || fscanf(f, "%*d %ld", &pages) != 1)
		die(path);
	fclose(f);
	return pages * sysconf(_SC_PAGESIZE);
}

static void open_all(const char *ip, const char *port)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
	struct rlimit lim = {8192, 8192};

	setrlimit(RLIMIT_NOFILE, &lim);
	if (inet_pton(AF_INET, ip, &to.sin_addr) != 1)
		die(ip);
	for (unsigned i = 0; i < n_addresses; i++) {
		/* 127.1.0.1, 127.1.1.1, ...: a /24 each. */
		struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f010001u + (i << 8))};

		fds[i] = socket(AF_INET, SOCK_DGRAM, 0);
		if (fds[i] < 0 || bind(fds[i], (struct sockaddr *)&from, sizeof(from)) < 0 ||
		    connect(fds[i], (struct sockaddr *)&to, sizeof(to)) < 0)
			die("socket");
	}
}

/* The transaction's first bytes are the peer's number. */
static void begin(struct stun_build *b, uint8_t *buf, size_t cap, enum stun_class class, uint16_t method, unsigned n)
{
	uint8_t txid[STUN_TXID_LEN] = {0};

	memcpy(txid, &n, sizeof(n));
	stun_build_begin(b, buf, cap, class, method, txid);
}

static size_t receive(int fd, int wait, uint8_t *buf, size_t cap, struct stun_msg *m)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	ssize_t n = poll(&p, 1, wait) == 1 ? recv(fd, buf, cap, 0) : -1;

	return n > 0 && stun_msg_parse(m, buf, (size_t)n) == 0 ? (size_t)n : 0;
}

static void get_cookies(void)
{
	for (unsigned i = 0; i < n_addresses; i++) {
		uint8_t buf[256], id[MEET_ID_LEN] = {0};
		struct stun_build b;
		struct stun_msg m;
		const uint8_t *cookie;

		begin(&b, buf, sizeof(buf), STUN_REQUEST, MEET_REGISTER, i);
		stun_build_bytes(&b, MEET_ATTR_ID, id, sizeof(id));
		stun_build_flag(&b, STUN_ATTR_ADIT_COOKIE);
		if (send(fds[i], buf, (size_t)stun_build_end(&b), 0) < 0 ||
		    !receive(fds[i], 2000, buf, sizeof(buf), &m) ||
		    !(cookie = meet_msg_bytes(&m, STUN_ATTR_ADIT_COOKIE, STUN_COOKIE_LEN)))
			die("no cookie");
		memcpy(cookies[i], cookie, STUN_COOKIE_LEN);
	}
}

static void sign_one(unsigned n)
{
	uint8_t seed[CRYPTO_KEY_LEN] = {1}, salt[MEET_SALT_LEN] = {2};
	uint8_t text[MEET_SIGNED_LEN], sig[MEET_SIG_LEN];
	struct crypto_identity id;
	struct peer *p = &peers[n];
	struct stun_build b;

	memcpy(seed + 8, &n, sizeof(n));
	crypto_identity_from_seed(&id, seed);
	meet_id_make(&crypto_meet, id.public_key, salt, p->id);
	meet_signed_make(p->id, salt, cookies[n % n_addresses], text);
	crypto_meet.sign(seed, text, sizeof(text), sig);
	begin(&b, p->registration, sizeof(p->registration), STUN_REQUEST, MEET_REGISTER, n);
	stun_build_bytes(&b, MEET_ATTR_ID, p->id, sizeof(p->id));
	stun_build_bytes(&b, STUN_ATTR_ADIT_COOKIE, cookies[n % n_addresses], STUN_COOKIE_LEN);
	stun_build_bytes(&b, MEET_ATTR_KEY, id.public_key, MEET_KEY_LEN);
	stun_build_bytes(&b, MEET_ATTR_SALT, salt, sizeof(salt));
	stun_build_bytes(&b, MEET_ATTR_SIGNATURE, sig, sizeof(sig));
	p->registration_len = (uint16_t)stun_build_end(&b);
}

static void send_for(uint16_t method, unsigned n)
{
	static const uint8_t sealed[600];
	struct peer *p = &peers[n];
	uint8_t buf[1400];
	struct stun_build b;
	unsigned from = method == MEET_INTRODUCE ? (n + 1) % n_addresses : n % n_addresses;

	if (method == MEET_REGISTER) {
		(void)!send(fds[from], p->registration, p->registration_len, 0);
		return;
	}
	begin(&b, buf, sizeof(buf), STUN_REQUEST, method, n);
	stun_build_bytes(&b, MEET_ATTR_ID, p->id, sizeof(p->id));
	if (method == MEET_REFRESH) {
		stun_build_bytes(&b, MEET_ATTR_HANDLE, p->handle, sizeof(p->handle));
	} else {
		stun_build_bytes(&b, STUN_ATTR_ADIT_COOKIE, cookies[from], STUN_COOKIE_LEN);
		stun_build_bytes(&b, MEET_ATTR_SEALED, sealed, sizeof(sealed));
	}
	(void)!send(fds[from], buf, (size_t)stun_build_end(&b), 0);
}

/* An offer that was passed on: answered. */
static void answer(int fd, const struct stun_msg *in)
{
	static const uint8_t sealed[600];
	struct stun_attr route;
	uint8_t buf[1400];
	struct stun_build b;

	if (stun_msg_find(in, MEET_ATTR_ROUTE, &route) != 0)
		return;
	stun_build_begin(&b, buf, sizeof(buf), STUN_SUCCESS, MEET_INTRODUCE, in->txid);
	stun_build_bytes(&b, MEET_ATTR_ROUTE, route.value, route.len);
	stun_build_bytes(&b, MEET_ATTR_SEALED, sealed, sizeof(sealed));
	(void)!send(fd, buf, (size_t)stun_build_end(&b), 0);
}

/* Everything that came at |fd|; how many peers are done by it. */
static unsigned take(int fd)
{
	unsigned done = 0, n;
	struct stun_msg m;
	uint8_t buf[2048];

	while (receive(fd, 0, buf, sizeof(buf), &m)) {
		const uint8_t *handle = meet_msg_bytes(&m, MEET_ATTR_HANDLE, MEET_HANDLE_LEN);

		memcpy(&n, m.txid, sizeof(n));
		if (m.class == STUN_REQUEST)
			answer(fd, &m);
		if (m.class != STUN_SUCCESS || n >= n_peers || peers[n].done)
			continue;
		if (handle)
			memcpy(peers[n].handle, handle, MEET_HANDLE_LEN);
		peers[n].done = true;
		done++;
	}
	return done;
}

/* One window of peers; what is lost is sent again. */
static void window(const char *name, uint16_t method, unsigned first, unsigned end)
{
	double sent = 0, began = now();
	unsigned left = end - first;

	while (left > 0) {
		if (now() - sent > WAIT_MS / 1e3) {
			for (unsigned n = first; n < end; n++)
				if (!peers[n].done)
					send_for(method, n);
			sent = now();
		}
		for (unsigned n = first; n < end + 1; n++)
			left -= take(fds[n % n_addresses]);
		if (now() - began > 10)
			die(name);
	}
}

/* Peers |first| to |last|, a window of them at a time. Returns the seconds it took. */
static double pass(const char *name, uint16_t method, unsigned first, unsigned last)
{
	double start = now();

	for (unsigned n = first; n < last; n++)
		peers[n].done = false;
	for (; first < last; first += WINDOW)
		window(name, method, first, first + WINDOW < last ? first + WINDOW : last);
	return now() - start;
}

static void print_rate(const char *name, double seconds)
{
	printf("%-14s %8.0f/s\n", name, n_peers / seconds);
	fflush(stdout);
}

/* In steps, because a cookie is good for a minute, and signing takes time that is not the mediator's. */
static double register_all(void)
{
	double seconds = 0;

	for (unsigned first = 0; first < n_peers; first += STEP) {
		unsigned last = first + STEP < n_peers ? first + STEP : n_peers;

		get_cookies();
		for (unsigned n = first; n < last; n++)
			sign_one(n);
		seconds += pass("registrations", MEET_REGISTER, first, last);
	}
	return seconds;
}

int main(int argc, char **argv)
{
	long before;

	if (argc < 4) {
		fprintf(stderr, "usage: meet_load ADDR PORT PID [PEERS [ADDRESSES]]\n");
		return 2;
	}
	n_peers = argc > 4 ? (unsigned)atoi(argv[4]) : n_peers;
	n_addresses = argc > 5 ? (unsigned)atoi(argv[5]) : n_addresses;
	if (n_peers < 1 || n_addresses < WINDOW + 2 || n_addresses > ADDRESSES_MAX)
		return 2;
	(void)crypto_rng();
	peers = calloc(n_peers, sizeof(*peers));
	if (!peers)
		die("memory");
	open_all(argv[1], argv[2]);
	before = rss(argv[3]);
	print_rate("registrations", register_all());
	printf("%-14s %8.1f bytes of RSS a peer (%u peers, %u addresses)\n", "memory",
	       (double)(rss(argv[3]) - before) / n_peers, n_peers, n_addresses);
	print_rate("refreshes", pass("refreshes", MEET_REFRESH, 0, n_peers));
	get_cookies();
	print_rate("introductions", pass("introductions", MEET_INTRODUCE, 0, n_peers));
	return 0;
}
