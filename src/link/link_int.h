/* The storage of a link, its paths (link_path.c), and what its files use of each other: in this room only. */
#ifndef ADIT_LINK_INT_H
#define ADIT_LINK_INT_H

#include "core/punch/punch_path.h"
#include "link/link_age.h"
#include "link/link.h"
#include "link/link_choose.h"
#include "link/link_find.h"
#include "link/link_keep.h"
#include "link/link_limits.h"
#include "link/link_memory.h"
#include "link/link_relay.h"
#include "link/link_session.h"
#include "link/link_strand.h"

/* A proven way to the peer. It owns its socket: taken from who found it, closed or given back with the path. */
struct link_path {
	bool used;
	bool lost;
	bool is_buried; /* its death has been taken note of */
	uint32_t gen;
	uint32_t was_gen; /* serve: what QUIC knows it by until the peer's first packet over it as it is now; 0: none */
	uint32_t sock;
	struct punch_path *keep; /* made with the first path in this place, freed by link_path_reap() */
	struct link_path_info info;
	uint64_t instance; /* of the peer's program */
	adit_time since;
	adit_time used_at; /* the session came; NEVER: it never did */
	adit_time left_at; /* and went; NEVER: it never did, or is there */
	adit_time lost_at; /* NEVER: it is not */
	adit_time steady_since; /* nothing was owed too long since; NEVER: something is */
	unsigned falls; /* it was left because it was silent, lately */
	unsigned better; /* measurements in a row by which it was clearly cheaper than the one in use */
	unsigned answers; /* that were looked at */
	unsigned trials; /* left */
	adit_time ask_at; /* connect, standing by: the next question */
};

/* Watching over the paths (link_watch.c). */
struct link_watch {
	adit_time doubt_at; /* the path in use owes us something for too long: all were asked then; NEVER: no */
	adit_time doubt_ask_at;
	unsigned doubt_asks;
	adit_time cut_at; /* the path in use is gone for certain: lost then, unless a stand-by answers; NEVER: no */
	adit_dur rtt; /* the longest that an answer over the path in use should take */
	adit_time choose_at; /* a choice may come out differently then */
	unsigned moves; /* toward better paths that may follow at once */
	adit_time moves_at; /* when there was one more */
	adit_time prune_at;
	adit_time succeed_at; /* the path in use should have a successor: when to look for one (again) */
};

/* Reasons to look for another path, and for how long (link_alarm.c). */
struct link_alarm {
	adit_time at; /* the path in use gave one then; NEVER: no, or it has answered */
	uint32_t gen; /* of the path in use then */
	bool is_silence; /* that it was silent is all */
	bool has_slept; /* the machine was asleep, and the session has not gone to a path since */
	adit_time silent_from; /* what is not answered left then, ... */
	unsigned silent_asks; /* ... has been asked about so often, ... */
	adit_time asked_at; /* ... and the last time then */
	adit_time at_ease_until; /* nobody asks that early before */
	adit_time ready_until; /* nor gets the finders ready before */
	unsigned n_false; /* alarms in a row that were none */
	adit_time calm_until; /* silence alone is no reason before */
	adit_time settle_at; /* the finders may rest */
	adit_time again_at; /* in an outage or an alarm: the finders begin anew */
};

enum link_trial {
	LINK_TRIAL_NONE,
	LINK_TRIAL_OURS, /* a stand-by is left alone; then we ask: does the peer's NAT let it in? */
	LINK_TRIAL_THEIRS, /* then the peer asks: does ours? */
	LINK_TRIAL_SURE, /* nothing came; is it that path alone? the one in use is asked */
};

/* How long a mapping lives that nobody uses (link_idle.c); connect. */
struct link_idle {
	struct link_keep keep;
	struct link_memory place; /* the two networks' addresses, and what was told last of them; no family: unknown */
	enum link_trial trial;
	uint32_t sock; /* and generation, of the path that is tried */
	uint32_t gen;
	adit_dur rest; /* that it is tried with */
	adit_time at; /* this part of it began */
	adit_time search_at; /* another path may be looked for */
	adit_dur fell; /* the path in use died after this; 0: it has not, or that was taken note of */
};

/* Who may begin a QUIC handshake or go on with one from a new address. */
struct link_known {
	bool used;
	uint32_t sock;
	struct link_path_info info;
	uint64_t instance;
	adit_time at;
};

/* Of a session that may have several connections (link_strands.c). */
struct link_strands {
	unsigned granted; /* 1 << number */
	uint8_t first[FWD_CONNECTIONS_MAX][QUIC_FIRST_LEN]; /* what they begin with */
	struct link_strand_dgram queue[LINK_STRAND_QUEUE];
	size_t next; /* place in |queue| */
	size_t n;
	unsigned up; /* 1 << number */
	struct quic_stats stats[FWD_CONNECTIONS_MAX]; /* as link_strand_note() told them */
	struct adit_out out; /* of link_strand_send() */
	bool has_out;
};

/* An event of the link's own that waits for the driver; a peer has room for LINK_QUEUE_MAX, so it is small. */
struct link_queued {
	enum link_event_kind kind;
	enum link_why why;
	enum link_reason reason;
	const char *mediator;
	const struct link_memory *learnt;
	union {
		struct reach_event meet; /* MEET */
		struct link_relay_info relay; /* RELAY */
		struct {
			struct link_path_info path;
			struct link_path_info was;
		}; /* others */
	};
};

struct link {
	struct link_config cfg;
	struct link_find find;
	struct link_relay relay;
	enum link_state state;
	adit_time since; /* of |state| */
	adit_time search_at; /* when the search for a path began */
	adit_time linger_at; /* OUTAGE: when the session is over */
	adit_time migrate_at; /* a migration QUIC put off */
	adit_time restart_at; /* serve: a newer program answers on its path: the session ends then; or NEVER */
	adit_time ran_at; /* when a datagram or the clock was last handed in */
	adit_time relay_asked_at; /* whether the allocation is still there, as the path over it was silent */
	uint32_t last_gen;
	struct link_path path[LINK_PATHS_MAX];
	struct link_watch watch;
	struct link_alarm alarm;
	struct link_age age;
	struct link_idle idle;
	struct link_memory memory; /* what was told last of it, or in an earlier run; no family: nothing */
	unsigned switches;
	struct link_known *known; /* |max_known| places, as many as were ever needed at once */
	size_t max_known;
	struct link_session *session; /* up, or on its way there */
	struct link_path *session_path;
	struct link_strands *strands; /* NULL: nobody has asked for one yet */
	bool is_gentle; /* the last move to another path: the one before still worked */
	struct link_session *incoming; /* serve: a restarted peer, not admitted yet */
	struct link_path *incoming_path;
	struct link_session *retired; /* over and reported; freed when the driver has left its events behind */
	struct link_event incoming_up; /* the UP that waits until the old session's DOWN was told */
	bool has_incoming_up;
	struct link_queued queue[LINK_QUEUE_MAX];
	size_t n_queue;
	uint8_t *probe; /* room for a padded probe, |probe_size| bytes */
	size_t probe_size;
	uint32_t close_sock[LINK_PATHS_MAX];
	size_t n_close;
	adit_utc utc;
	adit_time utc_at;
};

bool link_path_in_use(const struct link *l, const struct link_path *p);
/* Is there an address among them that the finders have not been told of? */
bool link_path_is_new_host(const struct link *l, const struct reach_host *hosts, size_t n);
/*
 * The machine has these addresses now, one of which |is_new|: no path leaves from another one. The first change may
 * have taken the address of the path in use, and the second one bring another.
 */
void link_path_set_hosts(struct link *l, adit_time now, const struct reach_host *hosts, size_t n, bool is_new);
/* Takes |sock| from who found it and makes a path with the next generation. NULL: no room. */
struct link_path *link_path_new(struct link *l, adit_time now, uint32_t sock, const struct link_path_info *info,
				uint64_t instance);
/*
 * Gives a path up, unless a session still uses it: its socket is closed, and who found it opens another when it wants
 * it. NULL is fine.
 */
void link_path_drop(struct link *l, adit_time now, struct link_path *p);
/* The session is over: what stood by for it. */
void link_path_drop_all(struct link *l, adit_time now);
/* Frees what paths that were dropped have left; |all|: and what there is, with the link. */
void link_path_reap(struct link *l, bool all);
/* How large a packet over the session's path may be is measured anew: over a path that is new to the session. */
void link_path_measure(struct link *l, adit_time now);
enum link_class link_path_class(const struct link_path *p);
/* The round trip of the path in use, which has shown |v|: QUIC knows better while it is busy. */
adit_dur link_path_slowest(const struct link *l, const struct punch_path_view *v);
/* NULL where there is none. */
struct link_path *link_path_find(struct link *l, uint32_t sock, const struct adit_addr *remote);
struct link_path *link_path_by_gen(struct link *l, uint32_t gen);
/* To QUIC it is another one from now on. */
void link_path_renew(struct link *l, struct link_path *p);

/* An address that has sent a valid probe over |sock|. The oldest makes room; no entry stays where it was. */
void link_known_add(struct link *l, adit_time now, uint32_t sock, const struct link_path_info *info, uint64_t instance);
/* NULL where it never did, or too long ago. */
struct link_known *link_known_find(struct link *l, adit_time now, uint32_t sock, const struct adit_addr *remote);

/* --- link.c --- */

void link_set_state(struct link *l, adit_time now, enum link_state state);
/* Before anything else is done at |now|: was the machine asleep? */
void link_wake(struct link *l, adit_time now);
struct link_queued *link_queue(struct link *l, enum link_event_kind kind);
void link_queue_path(struct link *l, enum link_event_kind kind, const struct link_path *p);
void link_quic_config(const struct link *l, const struct link_path *p, struct quic_config *ret_cfg);
/* A session without a living path: no timer of its runs. */
bool link_stands_still(const struct link_path *p);
/* Its last packet goes out only over a living path. */
void link_end(struct link *l, adit_time now, enum link_reason reason, uint64_t code);

/* What is new of the relays, to those who want to know it. */
void link_relay_changed(struct link *l, adit_time now);

/* --- link_input.c --- */

/* QUIC's datagrams, apart from strands'. Codes as link_input(). */
int link_quic_input(struct link *l, adit_time now, const struct adit_dgram *d);
/* Something authentic came over |p|. */
void link_heard(struct link *l, adit_time now, struct link_path *p);

/* --- link_strands.c --- */

/* The session is over. */
void link_strands_done(struct link *l);
/* As link_quic_input(), where the session has strands or may. */
int link_strands_input(struct link *l, adit_time now, const struct adit_dgram *d);
/* Serve: is it a strand's first packet, and so no session's? */
bool link_strands_begins(const struct link *l, const uint8_t *data, size_t len);
int link_strands_output(struct link *l, struct adit_out *ret_out);
/* Adds them to what is told of connection 0. */
void link_strands_status(const struct link *l, struct link_status *status);

/* --- link_move.c --- */

/* The session goes on over |p|. */
void link_move_to(struct link *l, adit_time now, struct link_path *p, enum link_why why);
/* Shows QUIC the session's path as a new one: congestion control and timers start anew, and data flow at once. */
void link_move_migrate(struct link *l, adit_time now);
/* What a path has to say, and what was found. */
void link_move_path_events(struct link *l, adit_time now, struct link_path *p);
void link_move_found(struct link *l, adit_time now);

/* --- link_watch.c --- */

void link_watch_init(struct link_watch *w, adit_time now);
/* A path that is new, or that the session has left: it stands by. */
void link_watch_stand_by(struct link *l, adit_time now, struct link_path *p);
/* Doubts, questions to stand-bys, the choice, and what is not needed any more. */
void link_watch_step(struct link *l, adit_time now);
adit_time link_watch_deadline(const struct link *l);
/* What |sock| leads to is gone for certain: what went over it does not have to fall silent first. */
void link_watch_cut(struct link *l, adit_time now, uint32_t sock);
/* The best that is left of what is known, now that the path in use is lost. NULL: none. */
struct link_path *link_watch_refuge(struct link *l, adit_time now);

/* --- link_alarm.c --- */

void link_alarm_init(struct link_alarm *a);
void link_alarm_step(struct link *l, adit_time now);
adit_time link_alarm_deadline(const struct link *l);
/* The session has a path (again): the finders rest after a while, if it is one to stay on. */
void link_alarm_settle(struct link *l, adit_time now);
/*
 * The network is another one, the machine was asleep, or the path in use is silent: all paths are asked, and the
 * finders begin, until it answers.
 */
void link_alarm_raise(struct link *l, adit_time now);
void link_alarm_slept(struct link *l, adit_time now);
/* It was a true one, as the session has gone to another path. */
void link_alarm_over(struct link *l);

/* --- link_idle.c --- */

void link_idle_init(struct link_idle *d);
/* Connect, while a session is up. */
void link_idle_step(struct link *l, adit_time now);
adit_time link_idle_deadline(const struct link *l);
/* Is it |p| that is tried? Then nobody else asks it in turn. */
bool link_idle_tries(const struct link *l, const struct link_path *p);
/* How often |p| is asked otherwise. */
adit_dur link_idle_every(const struct link *l, const struct link_path *p);
/* The path in use is lost, or left because it is silent. */
void link_idle_lost(struct link *l, adit_time now);
/* The network is another one. */
void link_idle_forget(struct link *l, adit_time now);

#endif
