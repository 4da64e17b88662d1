/*
 * A crowd of peers for a mediator, each with a key of its own: who they are, what they say, what they hear. They share
 * a few sockets and speak from many addresses of 127/8, one network (/24) each. For meet_load.c and meet_live.c.
 *
 * A million of them say 67 000 things a second, so messages come and go by the batch: the sockets are bound to no
 * address, and each message says which one it leaves from (IP_PKTINFO). What was said goes out with crowd_flush().
 */
#ifndef ADIT_BENCH_MEET_CROWD_H
#define ADIT_BENCH_MEET_CROWD_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "core/meet/meet_msg.h"
#include "core/stun/stun_attr.h"

#define CROWD_ADDRESSES_MAX 4096
#define CROWD_SOCKS         8 /* an address always uses the same one: mediators know it with that port */
#define CROWD_BATCH         64 /* messages of one system call */
#define CROWD_SIZE          1024 /* bytes of the longest message: an offer */

struct crowd_peer {
	uint8_t id[MEET_ID_LEN];
	uint8_t handle[MEET_HANDLE_LEN];
	uint8_t key[MEET_KEY_LEN]; /* public */
	uint32_t life; /* counts those who had this place before: another life, another key */
	bool has_key; /* of this life */
	bool done; /* what was asked last is answered */
};

/* Messages of one socket and direction. */
struct crowd_batch {
	struct mmsghdr msg[CROWD_BATCH];
	struct iovec iov[CROWD_BATCH];
	struct {
		_Alignas(struct cmsghdr) uint8_t buf[CMSG_SPACE(sizeof(struct in_pktinfo))];
	} control[CROWD_BATCH];
	uint8_t data[CROWD_BATCH][CROWD_SIZE];
	unsigned n;
	unsigned at; /* the next one to be heard */
};

struct crowd {
	struct crowd_peer *peers;
	unsigned n_peers;
	unsigned n_addresses;
	struct sockaddr_in to;
	int fds[CROWD_SOCKS];
	struct crowd_batch tx[CROWD_SOCKS];
	struct crowd_batch rx;
	unsigned rx_sock; /* that was heard last */
	uint8_t cookies[CROWD_ADDRESSES_MAX][STUN_COOKIE_LEN];
};

struct crowd_request {
	uint8_t data[256];
	uint16_t len;
};

double crowd_now(void); /* seconds */
_Noreturn void crowd_die(const char *what);

void crowd_open(struct crowd *c, const char *ip, const char *port);

/* The address that peer |n| has. */
static inline unsigned crowd_address(const struct crowd *c, unsigned n)
{
	return n % c->n_addresses;
}

/* A registration, signed for |cookie|; the peer has its id then. */
void crowd_sign(struct crowd *c, unsigned n, const uint8_t cookie[STUN_COOKIE_LEN], struct crowd_request *ret_request);
/* Keys of all peers' present lives, which crowd_sign() would make when it needs them; on all processors at once. */
void crowd_make_keys(struct crowd *c);
void crowd_register(struct crowd *c, unsigned n, const struct crowd_request *request);
/* To be told a cookie for an address. */
void crowd_ask_cookie(struct crowd *c, unsigned n);
void crowd_refresh(struct crowd *c, unsigned n);
/* From another address than the peer's own, with that one's cookie. */
void crowd_introduce(struct crowd *c, unsigned n);
/* Answers an offer that was passed on to |address|. */
void crowd_answer(struct crowd *c, unsigned address, const struct stun_msg *in);
void crowd_flush(struct crowd *c);
/* A message that is there, good until the next call, and to which address it came. False: there is none. */
bool crowd_receive(struct crowd *c, struct stun_msg *ret_msg, unsigned *ret_address);
/* At most so many milliseconds, until there is one. */
void crowd_wait(const struct crowd *c, int ms);
/* Cookies for all addresses. False: the mediator does not answer. */
bool crowd_get_cookies(struct crowd *c);

/* A mediator that this program started. */
struct crowd_mediator {
	char **argv;
	pid_t pid;
	int out; /* what it prints */
};

void crowd_start(struct crowd_mediator *m);
/* SIGKILL, and gone. */
void crowd_kill(struct crowd_mediator *m);
double crowd_cpu(const struct crowd_mediator *m);

/* What everyday life is to be like. */
struct crowd_plan {
	double seconds;
	double keepalive; /* seconds between two refreshes of a peer */
	double churn; /* of them that are replaced by newcomers a second; 0.01: 1 % */
	bool grow; /* nobody is there at first: they come as fast as the mediator takes them, then |seconds| begin */
	bool restart; /* the mediator is killed in the middle; the end is when all are back, at most |seconds| later */
};

/* What meet_live.c found. */
struct crowd_live {
	double seconds;
	double grown; /* seconds until all were registered for the first time */
	double mediator_cpu, own_cpu; /* seconds of CPU time */
	uint64_t refreshed, registered;
	uint64_t repeated; /* requests that had to be said again */
	uint64_t late; /* unanswered for more than 20 s */
	unsigned living; /* at the end: the mediator's last word to them is younger than a registration's life */
	double oldest; /* seconds since the oldest such word */
	double half_back, all_back; /* after the restart, seconds; < 0: not within the time */
};

void crowd_live(struct crowd *c, struct crowd_mediator *m, const struct crowd_plan *plan, struct crowd_live *ret_live);

#endif
