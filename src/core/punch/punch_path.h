/*
 * Keeping a found path: consent, outage, rebinding. The message is the punching probe (punch_probe.h).
 *
 * While data flows, authenticated data is the sign of life (punch_path_heard). A path is asked with a probe
 *   - that is idle, every 15 s or as often as punch_path_set_every() says (the connect side asks and says when it will
 *     ask again; serve sees itself asked and waits, up to twice as long: three packets, four at most);
 *   - that carried data and fell silent for PUNCH_PATH_SUSPECT, once: a receiver must notice an outage as fast as a
 *     sender, or nobody is there to punch with;
 *   - over which something was sent that asks for an answer, when nothing came for PUNCH_PATH_SUSPECT: then every
 *     PUNCH_PATH_STEP.
 * Nothing for PUNCH_PATH_LOST: LOST, and a probe every PUNCH_PATH_RETRY goes on while the path exists. The first
 * answer: BACK. A valid fresh request from another remote address on the same socket is asked back, and the old one
 * with it: where that one answers it is another path of the same socket; where not, the peer's NAT has moved this one
 * (MOVED).
 */
#ifndef ADIT_PUNCH_PATH_H
#define ADIT_PUNCH_PATH_H

#include "core/punch/punch.h"
#include "core/punch/punch_size.h"

/*
 *   state     left when
 *   ALIVE     something was asked and not answered for PUNCH_PATH_SUSPECT (SUSPECT)
 *   SUSPECT   something authentic comes (ALIVE), or nothing until PUNCH_PATH_LOST (LOST)
 *   LOST      something authentic comes (ALIVE)
 */
enum punch_path_state {
	PUNCH_PATH_IS_ALIVE,
	PUNCH_PATH_IS_SUSPECT,
	PUNCH_PATH_IS_LOST,
};

struct punch_path; /* below: the caller hands the storage */

/* |cfg| as for punch_init (k, role, instance, crypto, rng, log), with |replay|. Peer instance as seen in the VALID or
 * HEARD event. */
void punch_path_init(struct punch_path *p, const struct punch_config *cfg, adit_time now, uint32_t sock,
		     const struct adit_addr *local, const struct adit_addr *remote, uint64_t peer_instance);

/* STUN messages that came over the path's socket. Codes as punch_input. */
int punch_path_input(struct punch_path *p, adit_time now, const struct adit_dgram *d);
/* Is it an authentic question of this pair secret's, whatever path it came over? It is not looked at further. */
bool punch_path_is_question(const struct punch_path *p, const struct adit_dgram *d);
/* The session authenticated something that came over this path. */
void punch_path_heard(struct punch_path *p, adit_time now);
/* The session sent something over it that will be acknowledged. */
void punch_path_sent(struct punch_path *p, adit_time now);
/*
 * Measures anew how large a datagram the path carries: up to |max| bytes, for which |buf| has room; it is borrowed from
 * now on. Until then, and without, PUNCH_SIZE_BASE.
 */
void punch_path_measure(struct punch_path *p, adit_time now, uint8_t *buf, size_t max);
/* The session sent packets as large as punch_path_size() allows: to be asked about now and then. */
void punch_path_sent_full(struct punch_path *p, adit_time now);
/* Bytes of UDP payload. */
size_t punch_path_size(const struct punch_path *p);
/*
 * An idle path is asked this often, instead of PUNCH_PATH_KEEPALIVE, and its questions say so. What the caller has to
 * know is how long the NATs on the way keep an idle mapping. Without effect on the serve side, which goes by the peer's
 * word.
 */
void punch_path_set_every(struct punch_path *p, adit_time now, adit_dur every);
/* Our questions have the peer ask |after| each of them, unless another one comes before; 0: they do not. */
void punch_path_set_turn(struct punch_path *p, adit_dur after);
/* Asks now; the next keepalive is a whole one later. */
void punch_path_ask(struct punch_path *p, adit_time now);
/* What carries it is gone for certain: it is lost now, and nobody waits for its silence. It may come back. */
void punch_path_cut(struct punch_path *p, adit_time now);
/*
 * Stands by: nothing of the session's goes over it, its size is not measured, and it asks nothing by itself: whoever
 * keeps it calls punch_path_ask(). It answers, and a question of its own that is not answered makes it suspect and
 * lost.
 */
void punch_path_stand_by(struct punch_path *p, adit_time now, bool stands_by);
/* What the finder has measured: its own question took |rtt| and was answered just now. */
void punch_path_proven(struct punch_path *p, adit_time now, adit_dur rtt);
/* It leaves through a relay of ours, and its questions say so. */
void punch_path_set_relayed(struct punch_path *p);
/* The address it leaves from; family NONE: as the system chooses. */
void punch_path_set_local(struct punch_path *p, const struct adit_addr *local);
void punch_path_set_utc(struct punch_path *p, adit_time now, adit_utc utc);
void punch_path_tick(struct punch_path *p, adit_time now);
adit_time punch_path_deadline(const struct punch_path *p);
int punch_path_output(struct punch_path *p, adit_time now, struct adit_out *ret_out);

enum punch_path_event_kind {
	PUNCH_PATH_EVENT_LOST,
	PUNCH_PATH_EVENT_BACK,
	PUNCH_PATH_EVENT_MOVED, /* remote changed */
	PUNCH_PATH_EVENT_HEARD, /* an authentic request of another instance: a restarted peer knocks at |remote| */
	PUNCH_PATH_EVENT_RESTARTED, /* our request was answered by another instance: the session over there is gone */
};

struct punch_path_event {
	enum punch_path_event_kind kind;
	struct adit_addr remote;
	bool is_relayed; /* MOVED: to a relay of the peer's, it says */
	uint64_t instance;
	adit_dur rtt;
	int64_t clock_diff;
};

/* 1: filled; 0: none. */
int punch_path_event(struct punch_path *p, struct punch_path_event *ret_event);

/* Where it leads now, and what is known about it. */
enum punch_path_state punch_path_state(const struct punch_path *p);
const struct adit_addr *punch_path_remote(const struct punch_path *p);
/* The last measured round trip; 0: none yet. */
adit_dur punch_path_rtt(const struct punch_path *p);

/* What it has shown of itself, to choose by. All instants are NEVER before the first. */
struct punch_path_view {
	enum punch_path_state state;
	adit_dur rtt; /* smoothed; 0: none yet */
	unsigned loss; /* of questions, per mille, smoothed */
	unsigned answers; /* to our questions, ever */
	adit_time answered_at; /* the last of them ... */
	adit_time answered_sent_at; /* ... and when its question left */
	adit_time remapped_at; /* when the peer saw us with another address: our NAT has made a new mapping */
	adit_time asked_at; /* by the peer, the last time */
	adit_time heard_at; /* the last sign of life of any kind */
	adit_time owed_since; /* something is owed to us; NEVER: nothing */
	adit_time owed_sent_at; /* what it is owed for left then; later than the above where mere silence was asked
				   about */
	adit_time touched_at; /* the last packet, either way */
	adit_dur idle; /* for so long nothing had gone either way when the last question left that followed a rest */
	adit_time idle_sent_at; /* and that question; NEVER: there was none */
	adit_dur asked_idle; /* the same before a question of the peer's came in ... */
	adit_time asked_idle_at; /* ... and when it did */
	struct adit_addr mapped; /* what the peer saw us as, in its last answer; family NONE: it has not said */
	adit_dur peer_every; /* the peer asks this often, it says */
};
void punch_path_view(const struct punch_path *p, struct punch_path_view *ret_view);

/* From here on: the storage. Nobody but the room looks inside. */

struct punch_path_sent {
	uint8_t txid[STUN_TXID_LEN];
	bool is_out;
	bool is_counted; /* among the lost */
	struct adit_addr remote;
	adit_time at;
	size_t size; /* of the whole datagram; 0: not padded */
};

struct punch_path {
	struct punch_config cfg;
	struct punch_keys keys;
	enum punch_path_state state;
	adit_time now;
	adit_time utc_at; /* |utc| was the time then */
	adit_utc utc;
	uint32_t sock;
	bool is_relayed;
	struct adit_addr local;
	struct adit_addr remote;
	uint64_t peer_instance;
	uint64_t other_heard; /* the instance that HEARD told of */
	uint64_t other_answered; /* RESTARTED */
	adit_dur rtt;
	adit_dur smooth_rtt;
	unsigned loss; /* per mille */
	unsigned answered;
	adit_time answered_at;
	adit_time answered_sent_at;
	struct adit_addr mapped; /* what the peer saw us as, in its last answer */
	adit_time remapped_at;
	adit_time asked_at;
	bool stands_by;
	adit_dur every; /* PUNCH_PATH_KEEPALIVE, or what punch_path_set_every() has said */
	adit_dur peer_every;
	adit_dur turn; /* what punch_path_set_turn() has said */
	adit_time turn_at; /* the peer wants a question of ours then; NEVER: it does not */
	adit_time touched_at;
	adit_dur idle;
	adit_time idle_sent_at;
	adit_dur asked_idle;
	adit_time asked_idle_at;
	adit_time heard_at; /* the last answer or session data */
	adit_time waiting_since; /* something is owed to us; NEVER: nothing */
	adit_time waiting_sent_at; /* what has to be answered left then */
	adit_time check_at; /* ask, as data stopped coming */
	adit_time keepalive_at;
	adit_time probe_at; /* the next probe of a suspect or lost path */
	struct adit_addr moved_to; /* a candidate; no family: none */
	bool moved_is_relayed;
	adit_time move_since; /* when it was first heard of */
	adit_time move_by; /* it has answered: it is the new remote then, if the old one has not; NEVER: it has not */
	adit_time move_at;
	unsigned move_tries;
	struct punch_path_sent sent[PUNCH_PATH_SENT_MAX];
	size_t sent_next;
	struct punch_answer answers[PUNCH_PATH_ANSWERS_MAX];
	size_t answers_first;
	size_t answers_n;
	adit_time answers_paid;
	struct punch_path_event events[PUNCH_PATH_EVENTS_MAX];
	size_t events_first;
	size_t events_n;
	uint8_t out[PUNCH_PROBE_MAX];
	struct punch_size size;
	uint8_t *padded; /* borrowed: the place of padded probes */
};

#endif
