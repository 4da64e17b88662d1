/*
 * Truth: random packet scripts, played at the same time against the model of Linux' NAT (lab/lab_linux.h) and against
 * the kernel's own, in a network namespace that is made for it. Every answer must agree, and in the end the table.
 *
 *   truth_main.c    the modes, the wrong models, what is printed
 *   truth_script.c  a script from a seed, and as text
 *   truth_play.c    many scripts side by side, on both; where they disagree
 *   truth_judge.c   one answer of the kernel against the model's
 *   truth_kernel.c  the namespace: a router between two TUN devices, its rules, its table
 *   truth_packet.c  packets as bytes
 *   truth_wrong.c   the model with one thing wrong
 *
 * A packet written to a TUN device is routed before write() returns, so what does not come out at once never will:
 * there is nothing to wait for.
 *
 * Words: a script is a list of acts; each is one packet or a pause. A slot is a set of addresses that no other script
 * uses, so that hundreds share one kernel table and never meet in it.
 */
#ifndef ADIT_TRUTH_H
#define ADIT_TRUTH_H

#include "lab/lab_linux.h"

/* ---- limits ---- */

#define TRUTH_ACTS_MIN 20u
#define TRUTH_ACTS_MAX 200u
#define TRUTH_HOSTS    3u /* on each side, a slot */
#define TRUTH_SLOTS    2048u
#define TRUTH_BATCH    1024u /* scripts side by side */

/* Time-outs as set by sysctl, in seconds. */
#define TRUTH_UNREPLIED 1u
#define TRUTH_STREAM    3u
#define TRUTH_PING      2u

/* Pauses are multiples of this: no sum of a few comes near a time-out or the two seconds after which a flow is old. */
#define TRUTH_PAUSE ADIT_MS(700)

/* Nothing is asked within this of the instant at which an entry dies or gets old: the kernel counts in ticks. */
#define TRUTH_MARGIN ADIT_MS(40)

/* A packet that took longer was interrupted on its way; the script is played again. */
#define TRUTH_STALL ADIT_MS(20)

/* ---- packets ---- */

enum truth_side {
	TRUTH_INSIDE,
	TRUTH_OUTSIDE,
};

/* What a packet is made of, or what one was seen to be. */
struct truth_packet {
	enum truth_side side; /* on which it came out */
	bool is_error; /* ICMP, about |flow| */
	struct lab_flow flow;
	uint32_t mark; /* carried as payload; of an error: by the packet it quotes */
	struct adit_addr from; /* of an error: who says so, and ... */
	struct adit_addr to; /* ... to whom */
	uint8_t type;
	uint8_t code;
};

#define TRUTH_PACKET_MAX 128u

/* Returns its length. */
size_t truth_packet_build(const struct truth_packet *p, uint8_t buf[TRUTH_PACKET_MAX]);
/* False: not a packet of ours, or one that is broken. |side| is not set. */
bool truth_packet_parse(const uint8_t *buf, size_t len, struct truth_packet *ret_p);

/* ---- scripts ---- */

enum truth_nat {
	TRUTH_MASQUERADE,
	TRUTH_RANDOM,
	TRUTH_FULLY_RANDOM,
	TRUTH_DNAT, /* masquerade, and ports forwarded inside */
};

struct truth_mode {
	enum truth_nat nat;
	enum lab_input input;
};

/* "masquerade-drop" and so on. */
const char *truth_mode_name(struct truth_mode m, char buf[32]);
/* False: there is no such. */
bool truth_mode_parse(const char *name, struct truth_mode *ret_m);

enum truth_kind {
	TRUTH_ACT_OUT, /* from a host inside to one outside */
	TRUTH_ACT_IN, /* from outside to a port of the router */
	TRUTH_ACT_ANSWER_IN, /* from outside, to where the packet of |ref| seemed to come from */
	TRUTH_ACT_ANSWER_OUT, /* from inside, likewise */
	TRUTH_ACT_LOCAL, /* from inside to the router itself */
	TRUTH_ACT_ERROR_IN, /* an ICMP error from outside, about what |ref| became */
	TRUTH_ACT_ERROR_OUT, /* from inside, likewise */
	TRUTH_ACT_PAUSE,
	TRUTH_KINDS,
};

struct truth_act {
	uint16_t id; /* its place in the script as it was made */
	uint16_t ref; /* the id of an earlier act; if that is not there, the ports below stand in for it */
	uint8_t kind;
	uint8_t proto;
	uint8_t ttl;
	uint8_t in_host;
	uint8_t out_host;
	uint8_t type; /* of an error */
	bool other; /* the error comes from a router on the way; the packet to the router goes to its address outside */
	uint8_t pauses;
	uint16_t in_port;
	uint16_t out_port;
	uint16_t wan_port;
};

struct truth_script {
	uint64_t seed;
	bool pauses;
	uint16_t count;
	struct truth_act acts[TRUTH_ACTS_MAX];
};

/* One in four has pauses; all depends on |seed| alone. */
void truth_script_make(struct truth_script *s, uint64_t seed);
/* Without |n| acts from |at| on. False: nothing would be left. */
bool truth_script_cut(const struct truth_script *s, size_t at, size_t n, struct truth_script *ret_s);
void truth_act_print(const struct truth_act *a);

/* ---- the kernel ---- */

struct truth_kernel {
	int tun[2]; /* by enum truth_side */
	int netlink;
};

struct adit_addr truth_inside(unsigned slot, unsigned host, uint16_t port);
struct adit_addr truth_outside(unsigned slot, unsigned host, uint16_t port); /* host TRUTH_HOSTS: a router there */
struct adit_addr truth_wan(uint16_t port);
struct adit_addr truth_lan(uint16_t port);
/* The slot that one end of |t| is of. False: of none. */
bool truth_slot_of(const struct lab_tuple *t, unsigned *ret_slot);
/* The forwards of a slot in mode TRUTH_DNAT: for the model, and what the kernel's rules are made of. */
void truth_forwards(unsigned slot, struct lab_forward ret_forwards[LAB_FORWARDS_MAX]);

/* Moves this process into a namespace of its own. NULL, or why not. */
const char *truth_kernel_init(struct truth_kernel *k, struct truth_mode m);
void truth_kernel_done(struct truth_kernel *k);
/* Sends |p| in on |p->side|; stores at most |max| packets that came out of it and returns their number. */
size_t truth_kernel_play(struct truth_kernel *k, const struct truth_packet *p, struct truth_packet *ret_seen,
			 size_t max);

/* An entry of the kernel's table. */
struct truth_entry {
	struct lab_tuple tuple[2]; /* by enum lab_ct_dir */
	bool replied;
	unsigned left; /* seconds */
};

/*
 * Reads the table and hands each live entry to |each|, which may be NULL; the kernel takes the opportunity to remove
 * what has expired, and only then forgets it for good. False: it could not be read.
 */
bool truth_kernel_table(struct truth_kernel *k, void (*each)(void *ctx, const struct truth_entry *e), void *ctx);
bool truth_kernel_flush(struct truth_kernel *k);

/* ---- the model ---- */

struct truth_model {
	struct lab_nat *nat; /* who is asked */
	struct lab_ct *ct; /* the table behind it */
	struct adit_rng rng;
	struct adit_rng_seeded fallback_state;
	struct adit_rng fallback;
	bool is_random; /* the kernel draws every port */
	bool is_primed;
	uint64_t primed;
};

enum truth_wrong {
	TRUTH_RIGHT,
#define TRUTH_WRONG_MAP(X)                                                                                             \
	X(UNREPLIED_LONG, "unreplied-long", "masquerade-drop", "unanswered flows live twice as long")                  \
	X(UNREPLIED_SHORT, "unreplied-short", "masquerade-drop", "unanswered flows live half as long")                 \
	X(STREAM_SHORT, "stream-short", "masquerade-drop", "answered flows live no longer than others")                \
	X(STREAM_YOUNG, "stream-young", "masquerade-drop", "the long time-out holds from the first answer on")         \
	X(PING_TIMEOUT, "ping-timeout", "masquerade-drop", "echoes live as long as unanswered flows")                  \
	X(REFRESH_OUT, "refresh-out", "masquerade-drop", "packets from inside refresh nothing")                        \
	X(REFRESH_IN, "refresh-in", "masquerade-drop", "packets from outside refresh nothing")                         \
	X(REFRESH_DEAD, "refresh-dead", "masquerade-drop", "a packet that dies of its TTL refreshes nothing")          \
	X(REFRESH_ERROR, "refresh-error", "masquerade-drop", "an ICMP error refreshes the flow")                       \
	X(REFRESH_CLASH, "refresh-clash", "masquerade-accept", "further packets to the router itself refresh nothing") \
	X(TTL, "ttl", "masquerade-drop", "a TTL of 1 is forwarded")                                                    \
	X(TTL_LEAVES, "ttl-leaves", "masquerade-drop", "a packet from inside that dies of its TTL leaves an entry")    \
	X(TTL_LOCAL, "ttl-local", "masquerade-accept", "a TTL of 1 does not reach the router itself")                  \
	X(PRESERVE, "preserve", "masquerade-drop", "ports are not preserved")                                          \
	X(OVERLOAD, "overload", "masquerade-drop", "a port outside belongs to one socket inside at a time")            \
	X(PREFER, "prefer", "masquerade-drop", "a socket that was moved prefers its own port again")                   \
	X(PREFER_NONE, "prefer-none", "masquerade-drop", "each flow of a socket that was moved is moved anew")         \
	X(PREFER_NEWEST, "prefer-newest", "masquerade-drop", "only the newest flow of a socket is asked for its port") \
	X(CLASS, "class", "masquerade-drop", "a port below 1024 may be moved above it")                                \
	X(RANDOM, "random", "masquerade-drop", "ports are always random")                                              \
	X(NOT_RANDOM, "not-random", "random-drop", "ports are not random")                                             \
	X(NOT_FULLY, "not-fully-random", "fully-random-drop", "a random port is shared by the flows of a socket")      \
	X(CLASH, "clash", "masquerade-accept", "a packet to the router itself leaves no entry")                        \
	X(CLASH_DROPPED, "clash-dropped", "masquerade-drop", "a packet that was refused leaves an entry")              \
	X(INPUT_DROP, "input-drop", "masquerade-drop", "WAN input rejects instead of dropping")                        \
	X(INPUT_REJECT, "input-reject", "masquerade-reject", "WAN input drops instead of rejecting")                   \
	X(INPUT_ACCEPT, "input-accept", "masquerade-accept", "WAN input drops instead of accepting")                   \
	X(FILTER_EI, "filter-ei", "masquerade-drop", "anybody may answer to a mapping")                                \
	X(FILTER_AD, "filter-ad", "masquerade-drop", "another port of the one who was asked may answer")               \
	X(HAIRPIN, "hairpin", "masquerade-drop", "mappings are reached from inside")                                   \
	X(FORWARD, "forward", "dnat-drop", "forwarded ports are ignored")                                              \
	X(FORWARD_SOURCE, "forward-source", "dnat-drop", "who comes to a forwarded port keeps his own always")         \
	X(ICMP_PLAIN, "icmp-plain", "masquerade-drop", "ICMP errors are not translated")                               \
	X(ICMP_DROPPED, "icmp-dropped", "masquerade-drop", "ICMP errors are dropped")                                  \
	X(ICMP_ALL, "icmp-all", "masquerade-drop", "ICMP errors about nothing known pass")                             \
	X(PROTO, "proto", "masquerade-drop", "echoes are translated as if they were UDP")
#define TRUTH_WRONG_ENUM(name, word, mode, text) TRUTH_WRONG_##name,
	TRUTH_WRONG_MAP(TRUTH_WRONG_ENUM)
#undef TRUTH_WRONG_ENUM
		TRUTH_WRONGS,
};

/* The model for a slot. False: no memory. |mo| stays where it is: the model draws its ports from it. */
bool truth_model_init(struct truth_model *mo, struct truth_mode m, enum truth_wrong w, unsigned slot);
void truth_model_done(struct truth_model *mo);

/* ---- playing ---- */

#define TRUTH_VERDICTS (LAB_EXPIRED + 1)

struct truth_stats {
	uint64_t scripts;
	uint64_t packets;
	uint64_t kinds[TRUTH_KINDS];
	uint64_t verdicts[TRUTH_VERDICTS];
	uint64_t moved; /* of the forwarded ones, those with another port than they came with */
	uint64_t errors; /* ICMP errors translated */
	uint64_t entries; /* of the kernel's table, compared */
	uint64_t again; /* scripts that were played again because the machine was too slow */
	uint64_t given_up; /* and those for which that did not help */
};

/* Asks the model about |sent| and holds its answer against the kernel's, |seen|. False: |text| says where they differ.
 */
bool truth_judge(struct truth_model *mo, adit_time now, const struct truth_packet *sent,
		 const struct truth_packet *seen, size_t count, struct truth_stats *st, char *text, size_t size);
/* A packet in words. */
const char *truth_packet_text(const struct truth_packet *p, char buf[256]);

struct truth_result {
	bool disagreed;
	uint16_t at; /* the id of the act, or TRUTH_ACTS_MAX: the table in the end */
	char text[768];
};

/* Plays |n| scripts side by side, at most TRUTH_BATCH. False: the kernel cannot be asked. */
bool truth_play(struct truth_kernel *k, struct truth_mode m, enum truth_wrong w, const struct truth_script *scripts,
		size_t n, struct truth_result *ret_results, struct truth_stats *st);

adit_time truth_now(void);

#endif
