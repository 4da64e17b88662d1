/*
 * A crowd of peers for a mediator, each with a key of its own: who they are, what they say, what they hear. They share
 * sockets at many addresses of 127/8, one network (/24) each. For meet_load.c and meet_live.c.
 */
#ifndef ADIT_BENCH_MEET_CROWD_H
#define ADIT_BENCH_MEET_CROWD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/meet/meet_msg.h"
#include "core/stun/stun_attr.h"

#define CROWD_ADDRESSES_MAX 4096

struct crowd_peer {
	uint8_t id[MEET_ID_LEN];
	uint8_t handle[MEET_HANDLE_LEN];
	uint8_t key[MEET_KEY_LEN]; /* public */
	uint32_t life; /* counts those who had this place before: another life, another key */
	bool has_key; /* of this life */
	bool done; /* what was asked last is answered */
};

struct crowd {
	struct crowd_peer *peers;
	unsigned n_peers;
	unsigned n_addresses;
	int fds[CROWD_ADDRESSES_MAX];
	uint8_t cookies[CROWD_ADDRESSES_MAX][STUN_COOKIE_LEN];
};

struct crowd_request {
	uint8_t data[256];
	uint16_t len;
};

double crowd_now(void); /* seconds */
_Noreturn void crowd_die(const char *what);

void crowd_open(struct crowd *c, const char *ip, const char *port);

/* The address whose socket peer |n| uses. */
static inline unsigned crowd_address(const struct crowd *c, unsigned n)
{
	return n % c->n_addresses;
}

/* Begins a message of peer |n|. */
void crowd_begin(struct stun_build *b, uint8_t *buf, size_t cap, enum stun_class class, uint16_t method, unsigned n);
/* A registration, signed for |cookie|; the peer has its id then. */
void crowd_sign(struct crowd *c, unsigned n, const uint8_t cookie[STUN_COOKIE_LEN], struct crowd_request *ret_request);
/* Keys of all peers' present lives, which crowd_sign() would make when it needs them. */
void crowd_make_keys(struct crowd *c);
/* To be told a cookie for an address. */
void crowd_ask_cookie(struct crowd *c, unsigned n);
void crowd_refresh(struct crowd *c, unsigned n);
/* From another address than the peer's own, with that one's cookie. */
void crowd_introduce(struct crowd *c, unsigned n);
/* Answers an offer that was passed on. */
void crowd_answer(int fd, const struct stun_msg *in);
/* A message, or 0 bytes where there is none within |wait| milliseconds. */
size_t crowd_receive(int fd, int wait, uint8_t *buf, size_t cap, struct stun_msg *ret_msg);
/* Cookies for all addresses. False: the mediator does not answer. */
bool crowd_get_cookies(struct crowd *c);

/* What meet_live.c found. */
struct crowd_live {
	double seconds;
	double mediator_cpu; /* seconds of CPU time */
	uint64_t refreshed, registered, late; /* late: unanswered for more than 20 s */
	double half_back, all_back; /* after the restart, seconds; < 0: not within the time */
};

/* A mediator that this program started. */
struct crowd_mediator {
	char **argv;
	pid_t pid;
};

void crowd_start(struct crowd_mediator *m);
/* SIGKILL, and gone. */
void crowd_kill(struct crowd_mediator *m);
double crowd_cpu(const struct crowd_mediator *m);

/*
 * Everyday life: everybody refreshes each |keepalive| seconds, and |churn| of them a second (0.01: 1 %) are replaced by
 * newcomers. With |restart| the mediator is killed in the middle of it; the end then is when all are back, at most
 * |seconds| later.
 */
void crowd_live(struct crowd *c, struct crowd_mediator *m, double seconds, double keepalive, double churn, bool restart,
		struct crowd_live *ret_live);

#endif
