/* The machine that plays a strategy: asks servers, tells and hears the mediator, fires volleys, answers. */
#ifndef STRAT_PEER_H
#define STRAT_PEER_H

#include "strat.h"

enum strat_letter_kind {
	STRAT_LETTER_CALL, /* begin the attempt: learn your addresses */
	STRAT_LETTER_INFO, /* these are mine */
	STRAT_LETTER_SYNC, /* go */
};

struct strat_queued {
	uint32_t sock;
	struct adit_addr local; /* family NONE: the system chooses */
	struct adit_addr to;
	uint8_t data[STRAT_MESSAGE_LEN];
};

struct strat_queue {
	struct strat_queued items[STRAT_QUEUE_MAX];
	unsigned first;
	unsigned n;
};

void strat_queue_push(struct strat_queue *q, uint32_t sock, const struct adit_addr *local, const struct adit_addr *to,
		      const uint8_t data[STRAT_MESSAGE_LEN]);
/* 1: |ret_out| is filled, good until the next push. */
int strat_queue_pop(struct strat_queue *q, struct adit_out *ret_out);

/* Brings a letter of this side to the mediator. */
typedef void strat_tell_fn(void *ctx, enum strat_side from, enum strat_letter_kind kind, unsigned attempt,
			   const struct strat_info *info);

struct strat_peer {
	const struct strategy *s;
	enum strat_side side;
	struct adit_addr own_ip;
	struct adit_addr other_ip; /* its public address, as a person would know it */
	struct adit_addr servers[STRAT_SERVERS];
	strat_tell_fn *tell;
	void *tell_ctx;
	adit_dur sync_delay; /* what measuring the way through the mediator would have given */
	struct adit_rng_seeded rng_state;
	struct adit_rng rng;

	adit_time now;
	unsigned attempt;
	bool is_over; /* no more attempts */
	bool is_asking;
	bool is_running; /* the plan's volleys */
	struct strat_info own;
	struct strat_info other;
	bool has_own;
	bool has_other;
	unsigned asks_left;
	adit_time gather_until;
	adit_time plan_at;
	adit_time attempt_until;

	unsigned socks_wanted;
	unsigned socks_open;
	unsigned socks_to_close; /* of the attempt before, numbers 0 upwards */
	unsigned socks_closed;
	struct strat_volley volleys[STRAT_VOLLEYS_MAX];
	unsigned n_volleys;
	struct adit_out last; /* the last shot, ... */
	unsigned copies_left; /* ... which leaves so many times more */
	uint16_t *ports; /* of STRAT_TO_SHUFFLED; the first |ports_used| are used up */
	unsigned ports_used;
	struct strat_queue queue;
	uint8_t out[STRAT_MESSAGE_LEN];

	adit_time heard_at; /* ADIT_NEVER: not yet; this host's time */
	adit_time up_at;
};

extern const struct adit_machine_ops strat_peer_ops;

/* |p| is zeroed but for what stands before |now|. */
void strat_peer_init(struct strat_peer *p, uint64_t seed);
void strat_peer_done(struct strat_peer *p);
/* The user's command. Wake the machine after this and the next one. */
void strat_peer_start(struct strat_peer *p, adit_time now);
void strat_peer_told(struct strat_peer *p, adit_time now, enum strat_letter_kind kind, unsigned attempt,
		     const struct strat_info *info);

/* Answers from where a question came; one machine has four addresses. */
struct strat_server {
	unsigned opened;
	struct strat_queue queue;
};

extern const struct adit_machine_ops strat_server_ops;

#endif
