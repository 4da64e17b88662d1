/*
 * The NAT with every axis: what RFC 4787, 5382, 5508, 6092 and 6146 let a NAT differ in, and what studies have found
 * beyond that, each axis one field of struct lab_zoo_config. lab_species.h has named configurations and their text
 * form; lab_linux.h is Linux itself, entry by entry.
 *
 * Words: a mapping joins an inside endpoint to an outside one; a session is a remote that a mapping talks to, kept
 * where the filter or the protocol needs it; a subscriber is an inside address; the pool is the addresses outside.
 *
 * Begin reading with lab_zoo.c (one packet, start to finish); then lab_zoo_inner.h for what is kept.
 *
 * Everything is decided at the instants of the calls, from the seed and the time: no clock, no thread. Each packet
 * costs a few hash lookups, however many mappings there are; memory is bounded by |mappings|, |sessions| and
 * LAB_ZOO_HOSTS_MAX.
 */
#ifndef ADIT_LAB_ZOO_H
#define ADIT_LAB_ZOO_H

#include "base/nat64.h"
#include "lab/lab_linux.h"
#include "lab/lab_nat.h"
#include "lab/lab_zoo_limits.h"

enum lab_zoo_kind {
	LAB_ZOO_NAT44, /* addresses of one family on both sides */
	LAB_ZOO_FIREWALL, /* nothing is translated, only filtered: RFC 6092 (IPv6), or a firewall before IPv4 hosts */
	LAB_ZOO_NAT64, /* RFC 6146: IPv6 inside, IPv4 outside */
};

/* RFC 4787 4.1 (mapping) and 5 (filtering): what of the remote matters. */
enum lab_zoo_dep {
	LAB_ZOO_EI, /* nothing: endpoint-independent */
	LAB_ZOO_AD, /* its address */
	LAB_ZOO_APD, /* its address and port */
	LAB_ZOO_UNCHANGED, /* for |load_mapping| and |taken_mapping|: as otherwise */
};

/* RFC 4787 6. */
enum lab_zoo_hairpin {
	LAB_ZOO_HAIRPIN_NONE, /* a packet from inside to the pool is lost */
	LAB_ZOO_HAIRPIN_EXTERNAL, /* turned around, its source as seen outside: REQ-9a */
	LAB_ZOO_HAIRPIN_INTERNAL, /* turned around with the inside source, and no filter asked */
};

/* RFC 4787 4.1, REQ-2. */
enum lab_zoo_pooling {
	LAB_ZOO_PAIRED, /* all mappings of a subscriber have the same outside address */
	LAB_ZOO_ARBITRARY, /* each mapping any */
};

/* RFC 4787 4.2.1; how a mapping's port is chosen. */
enum lab_zoo_ports {
	LAB_ZOO_KEEP, /* the inside port; where it is taken, |taken| says what */
	LAB_ZOO_SEQUENTIAL, /* the last one given + |step| */
	LAB_ZOO_RANDOM,
};

enum lab_zoo_taken {
	LAB_ZOO_THEN_SEQUENTIAL,
	LAB_ZOO_THEN_RANDOM,
	LAB_ZOO_THEN_REFUSE, /* strict preservation: the second who wants a port gets nothing */
};

/* RFC 4787 4.2.1, REQ-3: may two mappings have one outside port? */
enum lab_zoo_overload {
	LAB_ZOO_OVERLOAD_NEVER,
	LAB_ZOO_OVERLOAD_REMOTE, /* if their remotes differ (mapping AD or APD): Linux, large cloud gateways */
	LAB_ZOO_OVERLOAD_ALWAYS, /* yes, and what comes in goes to whoever sent last: what REQ-3 forbids */
};

/* How a subscriber's block of ports is chosen (RFC 7422 2, RFC 6888 4). */
enum lab_zoo_blocks {
	LAB_ZOO_BLOCK_RANDOM, /* any free one */
	LAB_ZOO_BLOCK_FIRST, /* the first free one */
	LAB_ZOO_BLOCK_FIXED, /* computed from the subscriber's address: deterministic NAT, never a second one */
};

/* RFC 4787 4.3, REQ-6: which packets keep a mapping alive. */
enum lab_zoo_refresh {
	LAB_ZOO_REFRESH_NONE, /* it lives for its time-out from the first packet on */
	LAB_ZOO_REFRESH_OUT,
	LAB_ZOO_REFRESH_IN,
	LAB_ZOO_REFRESH_BOTH,
};

/* What happens to a flow that no mapping can be made for: limits, no free port. */
enum lab_zoo_full {
	LAB_ZOO_FULL_DROP,
	LAB_ZOO_FULL_REJECT, /* with an ICMP unreachable (RFC 5508 REQ-8, RFC 6888 REQ-4) */
	LAB_ZOO_FULL_EVICT, /* the mapping that was idle for longest goes */
};

/* ICMP errors that quote a flow (RFC 4787 REQ-12, RFC 5508 REQ-3 to 5). */
enum lab_zoo_icmp {
	LAB_ZOO_ICMP_PASS,
	LAB_ZOO_ICMP_DROP,
	LAB_ZOO_ICMP_KILL, /* passed, and the mapping it is about goes: what REQ-12 forbids */
};

/* RFC 4787 11, REQ-14. */
enum lab_zoo_fragments {
	LAB_ZOO_FRAGMENTS_ANY_ORDER, /* "receive fragments out of order": an early one is held (lab_nat_holds) */
	LAB_ZOO_FRAGMENTS_IN_ORDER, /* one that comes before the first of its datagram is lost */
	LAB_ZOO_FRAGMENTS_DROP,
};

/* Which destinations the inside may reach at all. */
enum lab_zoo_allow {
	LAB_ZOO_ALLOW_ALL,
	LAB_ZOO_ALLOW_NONE,
	LAB_ZOO_ALLOW_DNS, /* port 53 */
	LAB_ZOO_ALLOW_WEB, /* ports 53, 80, 443 */
};

/* lab_zoo_config_init() fills everything but the addresses with what the RFCs ask for. */
struct lab_zoo_config {
	/*
	 * The router's own address inside, port 0 (family NONE: it has none that matters), and the pool. NAT44: of one
	 * family. NAT64: |lan| IPv6, the pool IPv4. Firewall: the pool is the router's own address outside, may be
	 * empty, and what comes in for any other address is for a host behind it.
	 */
	struct adit_addr lan;
	struct adit_addr wan[LAB_ZOO_POOL_MAX];
	unsigned wan_count;
	uint64_t seed; /* for ports, addresses, foreign traffic */

	enum lab_zoo_kind kind;
	enum lab_zoo_dep mapping; /* RFC 4787 4.1, REQ-1: EI */
	enum lab_zoo_dep filter; /* RFC 4787 5, REQ-8: EI for transparency, AD for strictness */
	enum lab_zoo_hairpin hairpin;
	enum lab_zoo_pooling pooling;

	enum lab_zoo_ports ports;
	enum lab_zoo_taken taken; /* with KEEP */
	enum lab_zoo_dep taken_mapping; /* of a flow whose port was taken: RFC 4787 8, secondary behaviour */
	enum lab_zoo_overload overload;
	int32_t step; /* of SEQUENTIAL; not 0. Takeda's draft, and what frp and EasyTier look for: +-1 to +-5 */
	uint32_t spread; /* each step is up to this much longer, at random; 0: all are |step| */
	uint16_t first; /* the range that ports are chosen from; a port that is kept may lie anywhere */
	uint16_t last;
	bool parity; /* RFC 4787 4.2.2, REQ-4: an odd port stays odd */
	bool port_class; /* RFC 4787 4.2.1, REQ-3a: below 1024 stays below */
	uint32_t block; /* ports in a subscriber's block, all chosen inside; 0: none */
	uint32_t blocks; /* a subscriber may have that many; 0: as many as there are */
	enum lab_zoo_blocks block_pick;

	adit_dur idle; /* UDP without an answer yet: RFC 4787 4.3, REQ-5 */
	adit_dur idle_replied; /* UDP with; 0: as |idle| */
	adit_dur idle_known; /* UDP to ports below 1024: RFC 4787 REQ-5a; 0: as the others */
	adit_dur idle_filter; /* a remote is let in for that long after it was last sent to; 0: while the mapping lives
			       */
	adit_dur idle_ping; /* RFC 5508 3.2, REQ-2 */
	adit_dur tcp_established; /* RFC 5382 5, REQ-5 */
	adit_dur tcp_transitory; /* half open, half closed, reset: REQ-5, RFC 7857 2 */
	adit_dur life; /* absolute: a mapping dies at this age, used or not (iroh issue 4424); 0: none */
	enum lab_zoo_refresh refresh;
	bool per_session; /* RFC 4787 4.3, RFC 6146 3.5: each session has its own time-out; a mapping goes with its last
			   */

	uint32_t mappings; /* limit of all, foreign ones too; 0: LAB_ZOO_MAPPINGS_MAX */
	uint32_t host_mappings; /* per subscriber: RFC 6888 REQ-4; 0: none */
	uint32_t sessions; /* limit of all; 0: LAB_ZOO_SESSIONS_MAX */
	uint32_t rate; /* new mappings per second of all, and of one subscriber (RFC 6888 REQ-4); 0: no limit */
	uint32_t host_rate;
	enum lab_zoo_full full;
	uint32_t load; /* more mappings than this: |load_mapping| for new flows (RFC 4787 8, REQ-11); 0: never */
	enum lab_zoo_dep load_mapping;

	enum lab_input input; /* packets to the router itself, and such as no mapping lets in */
	adit_dur clash; /* ACCEPT: how long one of these holds the tuple that an inside flow would need (lab_linux.h) */
	bool ttl_late; /* a mapping is made also by a packet that then dies of its TTL here; Linux: no */
	bool ttl_silent; /* no ICMP time exceeded, just a loss */
	enum lab_zoo_icmp icmp;
	enum lab_zoo_fragments fragments;
	bool tcp_strict; /* only a SYN makes a TCP session; else whatever comes from inside */

	enum lab_zoo_allow udp;
	enum lab_zoo_allow tcp;
	bool no_ping; /* nor does an IPv6 firewall let it in, then (RFC 4890 4.3.1 wants it to) */
	bool out_reject; /* what may not go out is refused with ICMP, not in silence */

	double foreign; /* new flows of other subscribers per second, a Poisson process (Klinec, Matyas 2014) */
	uint32_t foreign_hosts; /* how many subscribers they are; 0: LAB_ZOO_FOREIGN_HOSTS */
	adit_dur foreign_life; /* how long each holds its mapping; 0: as long as |idle| says */
	adit_dur reboot; /* everything is forgotten at each multiple of this; 0: never */
	adit_dur renumber; /* the same, and the next address of the pool is the only one used; 0: never */

	struct adit_nat64 nat64; /* RFC 6052 2.2 */
};

void lab_zoo_config_init(struct lab_zoo_config *cfg);
/* NULL: it can be made. Else a sentence that says what cannot be. */
const char *lab_zoo_config_check(const struct lab_zoo_config *cfg);

/* NULL: no memory, or lab_zoo_config_check() has something to say. |cfg| is copied. */
struct lab_nat *lab_zoo_new(const struct lab_zoo_config *cfg);

/*
 * Another pool of addresses: everything is forgotten, as when the provider renumbers. 0, EINVAL (nothing has changed),
 * or ENOMEM: everything is forgotten, and the pool is the old one.
 */
ADIT_MUST_CHECK int lab_zoo_readdress(struct lab_nat *n, const struct adit_addr *wan, unsigned count);

/* Live mappings: of the inside, of one of its hosts (by address), of foreign traffic. */
size_t lab_zoo_count(struct lab_nat *n, adit_time now);
size_t lab_zoo_host_count(struct lab_nat *n, adit_time now, const struct adit_addr *host);
size_t lab_zoo_foreign_count(struct lab_nat *n, adit_time now);

#endif
