/*
 * What is known about a network's NATs: a plain value, filled by nat_check.h (asking servers), printed by `adit check`,
 * and used by whoever chooses a strategy for a pair of networks. Nothing here is a NAT's label: each field is
 * what was seen, and "unknown" where nothing could be. Words (RFC 4787):
 *   mapping     what of the destination decides about the public port: nothing, its address, its address and port
 *   filtering   what of a sender must have been sent to before, so that it gets in
 *   flow        one socket toward one destination, as a NAT counts
 */
#ifndef ADIT_NAT_REPORT_H
#define ADIT_NAT_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/time.h"
#include "core/nat/nat_limits.h"

enum nat_answer {
	NAT_UNKNOWN,
	NAT_NO,
	NAT_YES,
};

/* RFC 4787 4.1 and 5. */
enum nat_dep {
	NAT_DEP_UNKNOWN,
	NAT_DEP_NONE, /* endpoint-independent */
	NAT_DEP_ADDR, /* address-dependent */
	NAT_DEP_PORT, /* address- and port-dependent */
	NAT_DEP_SOME, /* one of the last two: what would tell them apart could not be asked */
};

enum nat_port_kind {
	NAT_PORT_UNKNOWN,
	NAT_PORT_KEPT, /* the inside port */
	NAT_PORT_SEQUENTIAL, /* the one before plus |step| */
	NAT_PORT_BLOCK, /* at random within |low| to |high| */
	NAT_PORT_RANDOM,
};

/* How a new flow's public port is chosen. */
struct nat_ports {
	enum nat_port_kind kind;
	unsigned samples; /* new mappings that this was read from */
	unsigned kept; /* of them, with the inside port */
	int step; /* SEQUENTIAL: the difference that is seen most */
	unsigned spread; /* SEQUENTIAL: the largest difference between neighbours */
	unsigned mean; /* SEQUENTIAL: their mean, whatever its direction, in 1/16 port */
	bool jumps; /* SEQUENTIAL: they differ by themselves (step by 1 to 4, at random), not for others' flows */
	unsigned
		foreign; /* SEQUENTIAL: others' new flows a second, so far as they can be told from these differences */
	uint16_t low; /* the smallest and the largest port that were seen; BLOCK: in the block that most lie in */
	uint16_t high;
	unsigned block; /* BLOCK: how many ports it probably has */
	uint16_t last; /* the last one seen, of these */
};

/*
 * What a peer's strategy depends on (docs/rules.md 2). In the order of that table.
 */
enum nat_kind {
	NAT_KIND_UNKNOWN,
	NAT_KIND_OPEN, /* whoever knows the address gets in: public, mapped by hand, or a full cone */
	NAT_KIND_STEADY, /* a socket has one public port, whatever the destination: EIM, or ports are kept */
	NAT_KIND_SEQUENTIAL, /* one for each destination, and the next can be told */
	NAT_KIND_BLOCK, /* one for each destination, at random among few */
	NAT_KIND_RANDOM, /* one for each destination, at random */
	NAT_KIND_BLOCKED, /* no UDP: refused, or NAT_SILENT_MIN servers are silent */
};

/* How two networks come together. */
enum nat_way {
	NAT_WAY_UNKNOWN,
	NAT_WAY_DIRECT, /* one of them just starts */
	NAT_WAY_REVERSAL, /* the one that is not open starts */
	NAT_WAY_PUNCH, /* both start at the same time */
	NAT_WAY_PREDICT, /* the changing side's next ports are foretold */
	NAT_WAY_BLOCK, /* a birthday search within a port block: tens of sockets */
	NAT_WAY_BIRTHDAY, /* a birthday search over all ports: 256 sockets */
	NAT_WAY_SEARCH, /* once, in a predicted range or a block, and else a relay */
	NAT_WAY_RELAY, /* not directly */
};

enum nat_life {
	NAT_LIFE_NOT_ASKED,
	NAT_LIFE_UNKNOWN, /* no server could help, or the answers made no sense */
	NAT_LIFE_BETWEEN, /* |life_low| still lived, |life_high| did not any more */
	NAT_LIFE_LONGER, /* than |life_low|, the longest that was tried */
};

/* A public address, and how many independent servers named it. */
struct nat_public {
	struct adit_addr ip; /* no port */
	unsigned named_by;
};

/* One address family's view. */
struct nat_view {
	uint8_t family;
	bool no_route; /* this machine has no way to servers of this family: they were not asked */
	unsigned asked; /* servers of this family */
	unsigned answered; /* of them; 0 with |asked| > 0: UDP is blocked, or they are all dead (|silent|) */
	unsigned honest; /* of them, those that were believed */
	bool refused; /* nobody answered, and ICMP from a router on the way said that it must not be */
	struct adit_addr refused_by;
	unsigned silent; /* nobody answered: independent servers that said nothing; 0 where a server itself refused */

	struct adit_addr local; /* our own address on the way to the servers; no port */
	struct nat_public public[NAT_PUBLICS_MAX];
	size_t n_public;
	enum nat_answer translated; /* is there a NAT? */
	bool nat64; /* an IPv6 socket is an IPv4 address to the servers: RFC 6146 */
	bool rewrites; /* it also rewrites what it takes for an address in the payload */
	enum nat_dep mapping;
	enum nat_dep filtering;
	bool several; /* flows of one host get different public addresses */
	struct nat_ports ports;
	enum nat_answer hairpin; /* does a packet to the own public address come back? */
	bool hairpin_inside; /* YES: and its source is the inside address, against REQ-9a */
	/*
	 * YES: a packet that comes from outside before anything was sent there takes the port away from the host inside
	 * (docs/rules.md 1); a router with a WAN side that accepts.
	 */
	enum nat_answer clash;

	enum nat_answer ttl_known;
	uint8_t low_ttl; /* leaves all own NATs; 0: unknown, climb the ladder of nat_ttl.h */
	struct adit_addr hop[NAT_TTL_MAX]; /* the routers inside, in order; no port */
	size_t n_hops;
	unsigned nats; /* how many NATs there are at least */
	bool carrier; /* one of them is the provider's: 100.64/10 is on the way (RFC 6598) */

	enum nat_life life;
	adit_dur life_low;
	adit_dur life_high;

	enum nat_kind kind;
};

enum nat_server_state {
	NAT_SERVER_WAITING, /* not known yet */
	NAT_SERVER_GOOD,
	NAT_SERVER_DEAD, /* no answer */
	NAT_SERVER_REFUSED, /* ICMP unreachable */
	NAT_SERVER_ERROR, /* it answers with an error, |code|, or with what STUN does not allow (0) */
	NAT_SERVER_NONSENSE, /* it named an address that cannot be ours */
	NAT_SERVER_ALONE, /* it named another address or port than all others: it was left out */
};

struct nat_server {
	struct adit_addr addr;
	enum nat_server_state state;
	struct adit_addr mapped; /* what it answered first */
	struct adit_addr other; /* its second address (RFC 5780); family NONE: it has none */
	enum nat_answer discovery; /* does that one answer too? */
	struct adit_addr offender; /* REFUSED: who said so */
	unsigned code;
	adit_dur rtt; /* 0: unknown */
};

struct nat_report {
	bool is_final;
	struct nat_view v4;
	struct nat_view v6;
	struct nat_server server[NAT_SERVERS_MAX];
	size_t n_servers;
};

/* Fills |kind| from the other fields. */
enum nat_kind nat_view_kind(const struct nat_view *v);

/* Is UDP blocked? UNKNOWN where nobody answered, and that may as well be the servers. */
enum nat_answer nat_view_is_blocked(const struct nat_view *v);

/* The table of docs/rules.md 2. Symmetric. */
enum nat_way nat_kind_way(enum nat_kind a, enum nat_kind b);

/* Short stable words, for traces and JSON; never NULL. */
const char *nat_answer_name(enum nat_answer a);
const char *nat_dep_name(enum nat_dep d);
const char *nat_port_kind_name(enum nat_port_kind k);
const char *nat_kind_name(enum nat_kind k);
const char *nat_way_name(enum nat_way w);
const char *nat_life_name(enum nat_life l);
const char *nat_server_state_name(enum nat_server_state s);

#endif
