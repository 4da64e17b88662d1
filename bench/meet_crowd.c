#include "meet_crowd.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sodium.h>

#include "crypto/crypto_identity.h"
#include "crypto/crypto_meet.h"

#define SEALED          600 /* bytes of an offer */
#define COOKIES_AT_ONCE 64
#define PATIENCE        30 /* seconds */
#define BUFFER          (4 * 1024 * 1024) /* asked for; what is lost is said again */
#define FIRST_ADDRESS   0x7f010001u /* 127.1.0.1, 127.1.1.1, ...: a /24 each */
#define THREADS_MAX     64

double crowd_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

void crowd_die(const char *what)
{
	fprintf(stderr, "meet_load: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* ---- sockets ---- */

static void batch_init(struct crowd_batch *b, struct sockaddr_in *to)
{
	for (unsigned i = 0; i < CROWD_BATCH; i++) {
		b->iov[i] = (struct iovec){.iov_base = b->data[i], .iov_len = CROWD_SIZE};
		b->msg[i].msg_hdr = (struct msghdr){.msg_name = to,
						    .msg_namelen = to ? sizeof(*to) : 0,
						    .msg_iov = &b->iov[i],
						    .msg_iovlen = 1,
						    .msg_control = &b->control[i],
						    .msg_controllen = sizeof(b->control[i])};
	}
}

void crowd_open(struct crowd *c, const char *ip, const char *port)
{
	struct sockaddr_in any = {.sin_family = AF_INET};
	int on = 1, size = BUFFER;

	c->to = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
	if (inet_pton(AF_INET, ip, &c->to.sin_addr) != 1)
		crowd_die(ip);
	for (unsigned i = 0; i < CROWD_SOCKS; i++) {
		c->fds[i] = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		if (c->fds[i] < 0 || bind(c->fds[i], (struct sockaddr *)&any, sizeof(any)) < 0 ||
		    setsockopt(c->fds[i], IPPROTO_IP, IP_PKTINFO, &on, sizeof(on)) < 0)
			crowd_die("socket");
		(void)setsockopt(c->fds[i], SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
		(void)setsockopt(c->fds[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
		batch_init(&c->tx[i], &c->to);
	}
	batch_init(&c->rx, NULL);
}

/* Lost where nobody listens or there is no room: asked again. */
static void flush(struct crowd *c, unsigned sock)
{
	struct crowd_batch *b = &c->tx[sock];
	unsigned from = 0;

	while (from < b->n) {
		int n = sendmmsg(c->fds[sock], b->msg + from, b->n - from, 0);

		from += n > 0 ? (unsigned)n : 1;
	}
	b->n = 0;
}

void crowd_flush(struct crowd *c)
{
	for (unsigned i = 0; i < CROWD_SOCKS; i++)
		flush(c, i);
}

static void say(struct crowd *c, unsigned address, const uint8_t *data, size_t len)
{
	struct in_pktinfo from = {.ipi_spec_dst.s_addr = htonl(FIRST_ADDRESS + (address << 8))};
	unsigned sock = address % CROWD_SOCKS;
	struct crowd_batch *b = &c->tx[sock];
	struct cmsghdr *h;

	if (b->n == CROWD_BATCH)
		flush(c, sock);
	h = (struct cmsghdr *)b->control[b->n].buf;
	h->cmsg_level = IPPROTO_IP;
	h->cmsg_type = IP_PKTINFO;
	h->cmsg_len = CMSG_LEN(sizeof(from));
	memcpy(CMSG_DATA(h), &from, sizeof(from));
	memcpy(b->data[b->n], data, len);
	b->iov[b->n++].iov_len = len;
}

static void say_built(struct crowd *c, unsigned address, struct stun_build *b, const uint8_t *buf)
{
	say(c, address, buf, (size_t)stun_build_end(b));
}

static bool fill(struct crowd *c)
{
	struct crowd_batch *b = &c->rx;

	for (unsigned i = 0; i < CROWD_BATCH; i++)
		b->msg[i].msg_hdr.msg_controllen = sizeof(b->control[i]);
	for (unsigned i = 0; i < CROWD_SOCKS; i++) {
		int n;

		c->rx_sock = (c->rx_sock + 1) % CROWD_SOCKS;
		n = recvmmsg(c->fds[c->rx_sock], b->msg, CROWD_BATCH, MSG_DONTWAIT, NULL);
		b->at = 0;
		b->n = n > 0 ? (unsigned)n : 0;
		if (b->n > 0)
			return true;
	}
	return false;
}

static unsigned address_of(struct msghdr *m)
{
	struct cmsghdr *h = CMSG_FIRSTHDR(m);
	struct in_pktinfo info = {0};

	if (h)
		memcpy(&info, CMSG_DATA(h), sizeof(info));
	return (ntohl(info.ipi_addr.s_addr) - FIRST_ADDRESS) >> 8;
}

bool crowd_receive(struct crowd *c, struct stun_msg *ret_msg, unsigned *ret_address)
{
	struct crowd_batch *b = &c->rx;

	while (b->at < b->n || fill(c)) {
		unsigned i = b->at++;

		*ret_address = address_of(&b->msg[i].msg_hdr);
		if (*ret_address < c->n_addresses && stun_msg_parse(ret_msg, b->data[i], b->msg[i].msg_len) == 0)
			return true;
	}
	return false;
}

void crowd_wait(const struct crowd *c, int ms)
{
	struct pollfd p[CROWD_SOCKS];

	for (unsigned i = 0; i < CROWD_SOCKS; i++)
		p[i] = (struct pollfd){.fd = c->fds[i], .events = POLLIN};
	(void)poll(p, CROWD_SOCKS, ms);
}

/* ---- who they are ---- */

static const uint8_t salt[MEET_SALT_LEN] = {2};

/* Ed25519's secret in the form that costs least to sign with: the seed and the public key. */
static void secret_of(const struct crowd *c, unsigned n, uint8_t secret[crypto_sign_SECRETKEYBYTES])
{
	memset(secret, 0, CRYPTO_KEY_LEN);
	secret[0] = 1;
	memcpy(secret + 8, &n, sizeof(n));
	memcpy(secret + 16, &c->peers[n].life, sizeof(c->peers[n].life));
	memcpy(secret + CRYPTO_KEY_LEN, c->peers[n].key, MEET_KEY_LEN);
}

static void make_key(struct crowd *c, unsigned n)
{
	uint8_t secret[crypto_sign_SECRETKEYBYTES];
	struct crowd_peer *p = &c->peers[n];
	struct crypto_identity id;

	secret_of(c, n, secret);
	crypto_identity_from_seed(&id, secret);
	memcpy(p->key, id.public_key, sizeof(p->key));
	meet_id_make(&crypto_meet, p->key, salt, p->id);
	p->has_key = true;
}

struct share {
	struct crowd *c;
	unsigned first, step;
	pthread_t thread;
};

static void *make_share(void *arg)
{
	const struct share *s = arg;

	for (unsigned n = s->first; n < s->c->n_peers; n += s->step)
		if (!s->c->peers[n].has_key)
			make_key(s->c, n);
	return NULL;
}

void crowd_make_keys(struct crowd *c)
{
	static struct share shares[THREADS_MAX];
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned step = cpus < 1 ? 1 : cpus < THREADS_MAX ? (unsigned)cpus : THREADS_MAX;

	for (unsigned i = 0; i < step; i++) {
		shares[i] = (struct share){.c = c, .first = i, .step = step};
		if (pthread_create(&shares[i].thread, NULL, make_share, &shares[i]) != 0)
			crowd_die("thread");
	}
	for (unsigned i = 0; i < step; i++)
		pthread_join(shares[i].thread, NULL);
}

/* ---- what they say ---- */

/* The transaction's first bytes are the peer's number. */
static void begin(struct stun_build *b, uint8_t *buf, size_t cap, enum stun_class class, uint16_t method, unsigned n)
{
	uint8_t txid[STUN_TXID_LEN] = {0};

	memcpy(txid, &n, sizeof(n));
	stun_build_begin(b, buf, cap, class, method, txid);
}

void crowd_sign(struct crowd *c, unsigned n, const uint8_t cookie[STUN_COOKIE_LEN], struct crowd_request *ret_request)
{
	uint8_t secret[crypto_sign_SECRETKEYBYTES], text[MEET_SIGNED_LEN], sig[MEET_SIG_LEN];
	struct crowd_peer *p = &c->peers[n];
	struct stun_build b;

	if (!p->has_key)
		make_key(c, n);
	secret_of(c, n, secret);
	meet_signed_make(p->id, salt, cookie, text);
	(void)crypto_sign_detached(sig, NULL, text, sizeof(text), secret);
	begin(&b, ret_request->data, sizeof(ret_request->data), STUN_REQUEST, MEET_REGISTER, n);
	stun_build_bytes(&b, MEET_ATTR_ID, p->id, sizeof(p->id));
	stun_build_bytes(&b, STUN_ATTR_ADIT_COOKIE, cookie, STUN_COOKIE_LEN);
	stun_build_bytes(&b, MEET_ATTR_KEY, p->key, MEET_KEY_LEN);
	stun_build_bytes(&b, MEET_ATTR_SALT, salt, sizeof(salt));
	stun_build_bytes(&b, MEET_ATTR_SIGNATURE, sig, sizeof(sig));
	ret_request->len = (uint16_t)stun_build_end(&b);
}

void crowd_register(struct crowd *c, unsigned n, const struct crowd_request *request)
{
	say(c, crowd_address(c, n), request->data, request->len);
}

void crowd_ask_cookie(struct crowd *c, unsigned n)
{
	uint8_t buf[256], id[MEET_ID_LEN] = {0};
	struct stun_build b;

	begin(&b, buf, sizeof(buf), STUN_REQUEST, MEET_REGISTER, n);
	stun_build_bytes(&b, MEET_ATTR_ID, id, sizeof(id));
	stun_build_flag(&b, STUN_ATTR_ADIT_COOKIE);
	say_built(c, crowd_address(c, n), &b, buf);
}

void crowd_refresh(struct crowd *c, unsigned n)
{
	struct crowd_peer *p = &c->peers[n];
	uint8_t buf[256];
	struct stun_build b;

	begin(&b, buf, sizeof(buf), STUN_REQUEST, MEET_REFRESH, n);
	stun_build_bytes(&b, MEET_ATTR_ID, p->id, sizeof(p->id));
	stun_build_bytes(&b, MEET_ATTR_HANDLE, p->handle, sizeof(p->handle));
	say_built(c, crowd_address(c, n), &b, buf);
}

void crowd_introduce(struct crowd *c, unsigned n)
{
	static const uint8_t sealed[SEALED];
	unsigned from = (n + 1) % c->n_addresses;
	uint8_t buf[CROWD_SIZE];
	struct stun_build b;

	begin(&b, buf, sizeof(buf), STUN_REQUEST, MEET_INTRODUCE, n);
	stun_build_bytes(&b, MEET_ATTR_ID, c->peers[n].id, MEET_ID_LEN);
	stun_build_bytes(&b, STUN_ATTR_ADIT_COOKIE, c->cookies[from], STUN_COOKIE_LEN);
	stun_build_bytes(&b, MEET_ATTR_SEALED, sealed, sizeof(sealed));
	say_built(c, from, &b, buf);
}

void crowd_answer(struct crowd *c, unsigned address, const struct stun_msg *in)
{
	static const uint8_t sealed[SEALED];
	struct stun_attr route;
	uint8_t buf[CROWD_SIZE];
	struct stun_build b;

	if (stun_msg_find(in, MEET_ATTR_ROUTE, &route) != 0)
		return;
	stun_build_begin(&b, buf, sizeof(buf), STUN_SUCCESS, MEET_INTRODUCE, in->txid);
	stun_build_bytes(&b, MEET_ATTR_ROUTE, route.value, route.len);
	stun_build_bytes(&b, MEET_ATTR_SEALED, sealed, sizeof(sealed));
	say_built(c, address, &b, buf);
}

/* ---- cookies ---- */

/* Cookies that have come, of addresses |first| to |end|; how many of them are new. */
static unsigned take_cookies(struct crowd *c, unsigned first, unsigned end, bool *has)
{
	struct stun_msg m;
	unsigned address, n = 0;

	while (crowd_receive(c, &m, &address)) {
		const uint8_t *cookie = meet_msg_bytes(&m, STUN_ATTR_ADIT_COOKIE, STUN_COOKIE_LEN);

		if (!cookie || address < first || address >= end)
			continue;
		memcpy(c->cookies[address], cookie, STUN_COOKIE_LEN);
		n += !has[address - first];
		has[address - first] = true;
	}
	return n;
}

/* Some at a time, so that the mediator's socket holds them; whoever has none asks again. */
static bool get_cookies(struct crowd *c, unsigned first, unsigned end)
{
	bool has[COOKIES_AT_ONCE] = {false};
	double began = crowd_now();
	unsigned left = end - first;

	for (unsigned turn = 0; left > 0 && crowd_now() - began < PATIENCE; turn++) {
		for (unsigned i = first; i < end; i++)
			if (!has[i - first] && turn % 64 == 0)
				crowd_ask_cookie(c, i);
		crowd_flush(c);
		crowd_wait(c, 2);
		left -= take_cookies(c, first, end, has);
	}
	return left == 0;
}

bool crowd_get_cookies(struct crowd *c)
{
	for (unsigned i = 0; i < c->n_addresses; i += COOKIES_AT_ONCE)
		if (!get_cookies(c, i, i + COOKIES_AT_ONCE < c->n_addresses ? i + COOKIES_AT_ONCE : c->n_addresses))
			return false;
	return true;
}
