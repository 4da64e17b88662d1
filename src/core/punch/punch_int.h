/*
 * Between the files of the punching machine: punch.c (commands and time), punch_pair.c (sockets and probes),
 * punch_hole.c (what comes in), punch_store.c (its tables). Not for others.
 */
#ifndef ADIT_PUNCH_INT_H
#define ADIT_PUNCH_INT_H

#include "core/punch/punch.h"

/* punch.c */
adit_utc punch_utc(const struct punch *p, adit_time now);

/* punch_store.c */
void punch_use_few(struct punch *p);

/* punch_pair.c */
struct punch_pair *punch_pair_find(struct punch *p, uint32_t sock);
enum punch_how punch_pair_how(const struct punch *p, const struct punch_pair *pair);
/* Steady pairs that are wanted are opened, or made loud again. */
void punch_steady_start(struct punch *p, uint8_t ip_family);
bool punch_steady_is_open(struct punch *p, uint8_t ip_family);
void punch_steady_quiet(struct punch *p);
/* The steady pairs whose time to be opened has come. */
void punch_steady_tick(struct punch *p);
/* A pair of the plan, for each address family it is for. |first_at| ...: our clock. */
void punch_pair_open(struct punch *p, enum punch_family family, uint64_t slot, const struct punch_plan_pair *plan,
		     adit_utc utc);
void punch_pair_close(struct punch *p, struct punch_pair *pair);
void punch_pairs_tick(struct punch *p);
adit_time punch_pairs_deadline(const struct punch *p);
int punch_pairs_output(struct punch *p, adit_time now, struct adit_out *ret_out);
/* A pair's hole is open: it is kept until somebody takes it. */
void punch_pair_valid(struct punch *p, struct punch_pair *pair);
/* The peer asks over it: as long as it does, a valid pair stays. */
void punch_pair_heard(struct punch *p, struct punch_pair *pair);
size_t punch_targets(const struct punch *p, const struct punch_pair *pair);
/* Fills |ret_out| with a fresh request and remembers it. */
void punch_send_request(struct punch *p, adit_time now, uint32_t sock, const struct adit_addr *local,
			const struct adit_addr *remote, uint8_t ttl, struct adit_out *ret_out);
struct punch_sent *punch_sent_find(struct punch *p, const uint8_t *txid);

/* punch_hole.c */
void punch_holes_clear(struct punch *p);
void punch_holes_forget(struct punch *p, uint32_t sock);
void punch_holes_taken(struct punch *p, uint32_t sock);
adit_time punch_holes_deadline(const struct punch *p);
int punch_holes_output(struct punch *p, adit_time now, struct adit_out *ret_out);

#endif
