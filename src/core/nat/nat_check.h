/*
 * Learns what this network's NATs do, by asking STUN servers: any standard ones, and in full where one of them speaks
 * RFC 5780. A machine (base/machine.h) for both address families at once; the result is a struct nat_report.
 *
 * Start here; then nat_check.c (the verbs), nat_check_plan.c (what is asked, when), nat_check_judge.c (what follows
 * from the answers), nat_check_life.c (the time-out of mappings). Words:
 *
 *   scan      the check of one address family
 *   probe     one question: from which socket, to where, what for, and what came of it; all of them are kept, and the
 *             judgement is made over the whole list
 *   twin      a server with a second address (RFC 5780 OTHER-ADDRESS)
 *   half      a server with one address and a second port there: an adit mediator tells, others do not
 *   cookie    what proves to an adit mediator that we receive at our address (stun_server.h)
 *   wide      a socket that asks every server; narrow: one that asks just one
 *
 * A server is believed as far as others agree: who names an address that cannot be ours, or is alone with its word
 * against two others, is left out and named.
 */
#ifndef ADIT_NAT_CHECK_H
#define ADIT_NAT_CHECK_H

#include "base/log.h"
#include "base/machine.h"
#include "core/nat/nat_report.h"
#include "core/nat/nat_ttl.h"
#include "core/stun/stun_client.h"

struct nat_check_config {
	const struct adit_rng *rng; /* borrowed */
	const struct adit_log *log; /* borrowed, may be NULL */
	struct adit_addr server[NAT_SERVERS_MAX]; /* with ports, each once; no more than that are taken */
	size_t n_servers;
	bool lacks_ipv6; /* some have IPv6 addresses, to which this machine has no way: those were left out */
	bool lifetime; /* measure the time-out, too: minutes */
	adit_dur life_max; /* longest wait of it; 0: NAT_LIFE_MAX */
};

enum nat_use {
	NAT_USE_REACH, /* of socket 0: is the server there? */
	NAT_USE_TWIN, /* of socket 0: to the other addresses of twin or half; |change| says which of them */
	NAT_USE_WIDE,
	NAT_USE_NARROW,
	NAT_USE_OPEN, /* the first packet of a filter's socket */
	NAT_USE_CHANGE, /* with CHANGE-REQUEST: is the answer let in? */
	NAT_USE_CLASH, /* to where such an answer came from: has it taken the port? */
	NAT_USE_HAIR, /* the first packet of a hairpin's socket */
	NAT_USE_HAIRPIN, /* to the own public address */
	NAT_USE_TTL, /* with a low TTL */
	NAT_USE_LIFE_OPEN, /* begins a mapping whose end is looked for */
	NAT_USE_LIFE_WARM, /* once more: now it is idle */
	NAT_USE_LIFE_KNOCK, /* is it still there? */
};

/*
 *   state      left when
 *   QUEUED     its time has come and there is room (OUT)
 *   OUT        an answer that can be read came (ANSWERED), anything else (FAILED)
 */
enum nat_probe_state {
	NAT_PROBE_QUEUED,
	NAT_PROBE_OUT,
	NAT_PROBE_ANSWERED,
	NAT_PROBE_FAILED,
};

struct nat_probe {
	enum nat_use use;
	enum nat_probe_state state;
	uint8_t server; /* in the report */
	uint8_t sock; /* of the scan */
	uint8_t ttl; /* TTL */
	uint8_t change; /* bits of CHANGE-REQUEST; TWIN, WIDE: which of both differ */
	uint8_t sends;
	uint8_t life; /* LIFE_*: which point */
	bool came_back; /* HAIRPIN: it did */
	uint16_t response_port;
	uint16_t code; /* FAILED: of an error answer, else 0 */
	enum stun_end end;
	struct adit_addr to;
	adit_time due_at; /* QUEUED: not before */
	adit_time sent_at;
	adit_dur rtt;
	uint8_t heard_on; /* the socket that the answer came to */
	struct adit_addr local; /* what follows: of the answer */
	struct adit_addr from;
	struct adit_addr mapped;
	struct adit_addr plain;
	struct adit_addr offender; /* FAILED, ICMP */
};

/*
 *   phase    left when
 *   REACH    each server has answered or has not (MAIN; DONE if none has)
 *   MAIN     all that is asked at once is known (LIFE; DONE)
 *   LIFE     the time-out is known (DONE)
 */
enum nat_phase {
	NAT_PHASE_REACH,
	NAT_PHASE_MAIN,
	NAT_PHASE_LIFE,
	NAT_PHASE_DONE,
};

/* One age of a mapping that is tried. */
struct nat_point {
	adit_dur age;
	uint8_t sock;
	uint16_t port; /* public, when it fell idle */
	adit_time idle_at; /* its last packet; 0: not yet */
	enum nat_answer lives;
};

#define NAT_POINTS_MAX 24

struct nat_lives {
	bool knocks; /* by RESPONSE-PORT; else by asking again */
	uint8_t server;
	uint8_t knocker; /* the socket that knocks for the others */
	unsigned round;
	struct nat_point point[NAT_POINTS_MAX];
	size_t n;
	adit_dur low; /* lived */
	adit_dur high; /* did not; ADIT_NEVER: no such age is known */
};

struct nat_sock {
	bool want_open;
	bool want_close;
	bool is_open;
	bool failed;
};

struct nat_scan {
	uint8_t family;
	enum nat_phase phase;
	struct nat_probe probe[NAT_CHECK_PROBES];
	size_t n_probes;
	struct nat_sock sock[NAT_CHECK_SOCKS];
	size_t n_socks;
	adit_time pace_at; /* the next question leaves not before */
	struct nat_ttl ttl;
	bool ttl_asked; /* the questions about the TTL have begun */
	uint8_t ttl_sock;
	struct nat_lives lives;
};

struct nat_cookie {
	bool is_known;
	uint8_t bytes[STUN_COOKIE_LEN];
};

struct nat_check {
	struct nat_check_config cfg;
	adit_time began_at;
	struct stun_client client;
	struct stun_tx slot[NAT_CHECK_SLOTS];
	struct nat_scan scan[2]; /* IPv4, IPv6 */
	struct nat_cookie cookie[NAT_SERVERS_MAX];
	struct nat_report report;
};

/* For a status line. */
struct nat_progress {
	enum nat_phase phase; /* of the scan that is farther behind */
	unsigned done; /* questions */
	unsigned asked;
	adit_dur life_now; /* LIFE: the idle time that has been reached, ... */
	adit_dur life_end; /* ... and the longest that is tried */
};

void nat_check_init(struct nat_check *c, adit_time now, const struct nat_check_config *cfg);

void nat_check_input(struct nat_check *c, adit_time now, const struct adit_dgram *d);
void nat_check_icmp(struct nat_check *c, adit_time now, const struct adit_icmp *icmp);
void nat_check_sock_failed(struct nat_check *c, adit_time now, uint32_t sock);
void nat_check_tick(struct nat_check *c, adit_time now);
adit_time nat_check_deadline(const struct nat_check *c);
int nat_check_output(struct nat_check *c, adit_time now, struct adit_out *ret_out);

/* The verbs for a driver; |self| is a struct nat_check. */
extern const struct adit_machine_ops nat_check_ops;

/* Nothing more will be asked: the report is final, and all sockets have been closed once the outputs are drained. */
bool nat_check_is_done(const struct nat_check *c);
/* Stops: what is known so far is the report. */
void nat_check_stop(struct nat_check *c);
/* Good as long as |c|; what is not known yet says so. */
const struct nat_report *nat_check_report(const struct nat_check *c);
struct nat_progress nat_check_progress(const struct nat_check *c, adit_time now);

#endif
