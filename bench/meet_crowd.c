#include "meet_crowd.h"

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

#include <sodium.h>

#include "crypto/crypto_identity.h"
#include "crypto/crypto_meet.h"

#define SEALED          600 /* bytes of an offer */
#define COOKIES_AT_ONCE 64
#define PATIENCE        30 /* seconds */

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

void crowd_open(struct crowd *c, const char *ip, const char *port)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
	struct rlimit lim = {2 * CROWD_ADDRESSES_MAX, 2 * CROWD_ADDRESSES_MAX};

	setrlimit(RLIMIT_NOFILE, &lim);
	if (inet_pton(AF_INET, ip, &to.sin_addr) != 1)
		crowd_die(ip);
	for (unsigned i = 0; i < c->n_addresses; i++) {
		/* 127.1.0.1, 127.1.1.1, ...: a /24 each. */
		struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f010001u + (i << 8))};

		c->fds[i] = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		if (c->fds[i] < 0 || bind(c->fds[i], (struct sockaddr *)&from, sizeof(from)) < 0 ||
		    connect(c->fds[i], (struct sockaddr *)&to, sizeof(to)) < 0)
			crowd_die("socket");
	}
}

/* The transaction's first bytes are the peer's number. */
void crowd_begin(struct stun_build *b, uint8_t *buf, size_t cap, enum stun_class class, uint16_t method, unsigned n)
{
	uint8_t txid[STUN_TXID_LEN] = {0};

	memcpy(txid, &n, sizeof(n));
	stun_build_begin(b, buf, cap, class, method, txid);
}

static void send_built(int fd, struct stun_build *b, const uint8_t *buf)
{
	(void)!send(fd, buf, (size_t)stun_build_end(b), 0); /* lost where nobody listens: asked again */
}

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

void crowd_make_keys(struct crowd *c)
{
	for (unsigned n = 0; n < c->n_peers; n++)
		if (!c->peers[n].has_key)
			make_key(c, n);
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
	crowd_begin(&b, ret_request->data, sizeof(ret_request->data), STUN_REQUEST, MEET_REGISTER, n);
	stun_build_bytes(&b, MEET_ATTR_ID, p->id, sizeof(p->id));
	stun_build_bytes(&b, STUN_ATTR_ADIT_COOKIE, cookie, STUN_COOKIE_LEN);
	stun_build_bytes(&b, MEET_ATTR_KEY, p->key, MEET_KEY_LEN);
	stun_build_bytes(&b, MEET_ATTR_SALT, salt, sizeof(salt));
	stun_build_bytes(&b, MEET_ATTR_SIGNATURE, sig, sizeof(sig));
	ret_request->len = (uint16_t)stun_build_end(&b);
}

void crowd_ask_cookie(struct crowd *c, unsigned n)
{
	uint8_t buf[256], id[MEET_ID_LEN] = {0};
	struct stun_build b;

	crowd_begin(&b, buf, sizeof(buf), STUN_REQUEST, MEET_REGISTER, n);
	stun_build_bytes(&b, MEET_ATTR_ID, id, sizeof(id));
	stun_build_flag(&b, STUN_ATTR_ADIT_COOKIE);
	send_built(c->fds[crowd_address(c, n)], &b, buf);
}

void crowd_refresh(struct crowd *c, unsigned n)
{
	struct crowd_peer *p = &c->peers[n];
	uint8_t buf[256];
	struct stun_build b;

	crowd_begin(&b, buf, sizeof(buf), STUN_REQUEST, MEET_REFRESH, n);
	stun_build_bytes(&b, MEET_ATTR_ID, p->id, sizeof(p->id));
	stun_build_bytes(&b, MEET_ATTR_HANDLE, p->handle, sizeof(p->handle));
	send_built(c->fds[crowd_address(c, n)], &b, buf);
}

void crowd_introduce(struct crowd *c, unsigned n)
{
	static const uint8_t sealed[SEALED];
	unsigned from = (n + 1) % c->n_addresses;
	uint8_t buf[1400];
	struct stun_build b;

	crowd_begin(&b, buf, sizeof(buf), STUN_REQUEST, MEET_INTRODUCE, n);
	stun_build_bytes(&b, MEET_ATTR_ID, c->peers[n].id, MEET_ID_LEN);
	stun_build_bytes(&b, STUN_ATTR_ADIT_COOKIE, c->cookies[from], STUN_COOKIE_LEN);
	stun_build_bytes(&b, MEET_ATTR_SEALED, sealed, sizeof(sealed));
	send_built(c->fds[from], &b, buf);
}

void crowd_answer(int fd, const struct stun_msg *in)
{
	static const uint8_t sealed[SEALED];
	struct stun_attr route;
	uint8_t buf[1400];
	struct stun_build b;

	if (stun_msg_find(in, MEET_ATTR_ROUTE, &route) != 0)
		return;
	stun_build_begin(&b, buf, sizeof(buf), STUN_SUCCESS, MEET_INTRODUCE, in->txid);
	stun_build_bytes(&b, MEET_ATTR_ROUTE, route.value, route.len);
	stun_build_bytes(&b, MEET_ATTR_SEALED, sealed, sizeof(sealed));
	send_built(fd, &b, buf);
}

size_t crowd_receive(int fd, int wait, uint8_t *buf, size_t cap, struct stun_msg *ret_msg)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	ssize_t n = wait == 0 || poll(&p, 1, wait) == 1 ? recv(fd, buf, cap, MSG_DONTWAIT) : -1;

	return n > 0 && stun_msg_parse(ret_msg, buf, (size_t)n) == 0 ? (size_t)n : 0;
}

/* What has come at an address: is a cookie among it? */
static bool take_cookie(struct crowd *c, unsigned address)
{
	const uint8_t *cookie;
	uint8_t buf[256];
	struct stun_msg m;
	bool found = false;

	while (crowd_receive(c->fds[address], 0, buf, sizeof(buf), &m)) {
		cookie = meet_msg_bytes(&m, STUN_ATTR_ADIT_COOKIE, STUN_COOKIE_LEN);
		if (cookie)
			memcpy(c->cookies[address], cookie, STUN_COOKIE_LEN);
		found |= cookie != NULL;
	}
	return found;
}

/* Some at a time, so that the mediator's socket holds them; whoever has none asks again. */
static bool get_cookies(struct crowd *c, unsigned first, unsigned end)
{
	static const struct timespec pause = {.tv_nsec = 2000000};
	bool has[COOKIES_AT_ONCE] = {false};
	double began = crowd_now();
	unsigned left = end - first;

	for (unsigned turn = 0; left > 0 && crowd_now() - began < PATIENCE; turn++) {
		for (unsigned i = first; i < end; i++)
			if (!has[i - first] && turn % 64 == 0)
				crowd_ask_cookie(c, i);
		for (unsigned i = first; i < end; i++)
			if (!has[i - first] && take_cookie(c, i)) {
				has[i - first] = true;
				left--;
			}
		if (left > 0)
			nanosleep(&pause, NULL); /* or it is not up yet: refused at once */
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
