/*
 * The simple ones: one socket, the peer's address as it is known, packets until something comes back.
 */
#include "strat_plans.h"

/*
 * udphp.py 0.12 [V: the script]. Port 5555 on both ends; a heartbeat at once and then every 20 to 30 s; data that is
 * not acknowledged again after 1 s, 30 times, then exit 15. What comes in is answered to the peer's IP and port 5555,
 * whatever port it came from. The model's service and its client both have something to say at once, as ssh's do.
 */
#define UDPHP_PORT  5555
#define UDPHP_TRIES 30

static adit_dur udphp_plan(struct strat_peer *p, unsigned attempt)
{
	struct adit_addr to = adit_addr_with_port(strat_other(p)->seen[0], UDPHP_PORT);

	if (attempt > 0)
		return 0; /* exit 15: it does not try again by itself */
	strat_fire(p, (struct strat_volley){.to = to, .shots = UDPHP_TRIES, .step = ADIT_SEC(1)});
	strat_fire(p, (struct strat_volley){.to = to, .shots = 2, .step = ADIT_SEC(25)});
	return ADIT_SEC(UDPHP_TRIES);
}

const struct strategy strat_udphp = {
	.name = "udphp",
	.title = "udphp.py 0.12",
	.note = "no third machine; port 5555 both ends, every second for 30 s [V]; started up to 5 s apart [A]",
	.start = STRAT_ALONE,
	.ports = {UDPHP_PORT},
	.fixed_reply = true,
	.plan = udphp_plan,
};

/*
 * The 2006 listing [V: the listing]. Two sockets each ask two bounce servers of one port (9856 both, 17000 both). If
 * the answers of both sockets differ by one delta the NAT steps: then the published port is the last one seen plus
 * twice the delta, as one packet goes to the private address first. One packet to the private address, one to the
 * public one, and four seconds of patience; then the peer is asked to send first (reversal), another four. Where the
 * two deltas differ the last port seen is published, and there is no second try ("hard luck").
 */
#define BOUNCE_PATIENCE ADIT_SEC(4)

static const struct strat_ask bounce_asks[] = {
	{.sock = 1, .server = 0, .port = STRAT_BOUNCE_PORT1},
	{.sock = 1, .server = 1, .port = STRAT_BOUNCE_PORT1},
	{.sock = 0, .server = 2, .port = STRAT_BOUNCE_PORT2},
	{.sock = 0, .server = 3, .port = STRAT_BOUNCE_PORT2},
};

static int delta(const struct adit_addr seen[2])
{
	return (int)seen[1].port - (int)seen[0].port;
}

static bool bounce_is_steady(const struct strat_info *i)
{
	return delta(i->seen) == delta(i->seen + 2);
}

/* Where the listing's peer publishes itself. It takes the delta's absolute value: NATs that step down defeat it. */
static struct adit_addr bounce_published(const struct strat_info *i)
{
	struct adit_addr pub = i->seen[3];
	int diff = delta(i->seen);

	if (bounce_is_steady(i))
		pub.port = strat_port(pub.port + 2L * (diff < 0 ? -diff : diff));
	return pub;
}

static adit_dur bounce_plan(struct strat_peer *p, unsigned attempt)
{
	const struct strat_info *other = strat_other(p);
	struct adit_addr private = adit_addr_with_port(other->local, STRAT_BOUNCE_PORT2);

	if (attempt > 1 || (attempt == 1 && !bounce_is_steady(strat_own(p))))
		return 0;
	/* Reversal: the called side sends first, the caller once that must have arrived. */
	if (attempt == 0 || strat_side(p) == STRAT_SERVE)
		strat_fire(p, (struct strat_volley){.to = private, .shots = 1});
	strat_fire(p, (struct strat_volley){
			      .to = bounce_published(other),
			      .shots = 1,
			      .delay = attempt > 0 && strat_side(p) == STRAT_CONNECT ? ADIT_MS(500) : 0,
		      });
	return BOUNCE_PATIENCE;
}

const struct strategy strat_bounce = {
	.name = "bounce2006",
	.title = "2006 listing",
	.note = "four bounce servers on two ports, delta and twice delta, private address first, reversal [V]",
	.start = STRAT_CALL,
	.asks = bounce_asks,
	.n_asks = 4,
	.socks = 2,
	.ports = {STRAT_BOUNCE_PORT2, STRAT_BOUNCE_PORT1},
	.keeps_socks = true,
	.plan = bounce_plan,
};

/*
 * n2n with -L [V: src/edge_utils.c, PR#115]: REGISTER to sixteen consecutive ports, from the one the supernode saw,
 * with the TTL the user gave (own NAT layers + 1); the same REGISTER reaches the peer through the supernode, and its
 * REGISTER_ACK is the first packet with a full TTL. Once per pending peer, until that expires after 60 s [R].
 */
#define N2N_TTL   2
#define N2N_PORTS 16

static const struct strat_ask one_ask[] = {{.port = STRAT_STUN_PORT}};

static adit_dur n2n_plan(struct strat_peer *p, unsigned attempt)
{
	struct adit_addr to = strat_last(strat_other(p));
	bool calls = strat_side(p) == STRAT_CONNECT;

	if (attempt > 0)
		return 0;
	strat_fire(p, (struct strat_volley){
			      .to = to,
			      .target = STRAT_TO_RANGE,
			      .ports = N2N_PORTS,
			      .shots = N2N_PORTS,
			      .salvo = N2N_PORTS,
			      .low = N2N_PORTS,
			      .ttl = N2N_TTL,
		      });
	/* The caller's ACK answers the REGISTER that came back through the supernode, two legs later. */
	strat_fire(p, (struct strat_volley){.to = to, .shots = 1, .delay = calls ? ADIT_MS(100) : 0});
	return ADIT_SEC(60);
}

const struct strategy strat_n2n = {
	.name = "n2n",
	.title = "n2n -L",
	.note = "REGISTER with TTL 2 to 16 consecutive ports, then one packet with full TTL [V]",
	.start = STRAT_CALL,
	.asks = one_ask,
	.n_asks = 1,
	.plan = n2n_plan,
};

/*
 * openp2p [V: core/holepunch.go, core/p2ptunnel.go]: both start at an instant of the server's time. Cone to cone: one
 * packet each, and 7 s of patience. Cone to symmetric: 800 sockets send one packet each, 800 ports at random from the
 * other side, nothing paced. Symmetric to symmetric is refused. The start is 3 s ahead [R], the clocks agree within
 * 10 ms [A], three tries [A].
 */
#define OPENP2P_SOCKS 800
#define OPENP2P_PORTS 65532 /* from 2 */
#define OPENP2P_WAIT  ADIT_SEC(7)
#define OPENP2P_AHEAD ADIT_SEC(3)
#define OPENP2P_ERROR ADIT_MS(10)
#define OPENP2P_TRIES 3

static const struct strat_ask two_ports[] = {{.port = STRAT_STUN_PORT}, {.port = STRAT_STUN_PORT2}};

static adit_dur openp2p_plan(struct strat_peer *p, unsigned attempt)
{
	bool own = strat_is_same(strat_own(p));
	bool other = strat_is_same(strat_other(p));
	adit_dur delay = OPENP2P_AHEAD + adit_rng_below(strat_rng(p), OPENP2P_ERROR);
	struct strat_volley v = {.to = strat_last(strat_other(p)), .shots = 1, .delay = delay};

	if (attempt == OPENP2P_TRIES || (!own && !other))
		return 0;
	if (!own) {
		strat_want_socks(p, OPENP2P_SOCKS);
		v.shots = v.socks = v.salvo = OPENP2P_SOCKS;
	} else if (!other) {
		v.to.port = 2;
		v.target = STRAT_TO_SHUFFLED;
		v.ports = OPENP2P_PORTS;
		v.shots = v.salvo = OPENP2P_SOCKS;
	}
	strat_fire(p, v);
	return OPENP2P_AHEAD + OPENP2P_WAIT;
}

const struct strategy strat_openp2p = {
	.name = "openp2p",
	.title = "openp2p",
	.note = "one packet each at an agreed instant; 800 sockets x 800 ports, unpaced, where one side is symmetric "
		"[V]",
	.start = STRAT_CLOCKED,
	.asks = two_ports,
	.n_asks = 2,
	.plan = openp2p_plan,
};
