/*
 * ICE and its relatives: addresses from a STUN server, both sides check what the other names.
 */
#include "strat_plans.h"

/* RFC 8445 14.2: Ta; RFC 8489 6.2.1: the retransmissions, Rc = 7, and 39.5 s in all. [V] */
#define ICE_TA       ADIT_MS(50)
#define ICE_RTO      ADIT_MS(500)
#define ICE_TRIES    7
#define ICE_PATIENCE ADIT_MS(39500)

/* The head: five checks 100 ms apart with TTL 4, as dolphin-emu PR#11382 and libjuice#259 describe the cure. [R] */
#define ICE_HEAD      5
#define ICE_HEAD_TTL  4
#define ICE_HEAD_STEP ADIT_MS(100)

static const struct strat_ask one_ask[] = {{.port = STRAT_STUN_PORT}};

static void check(struct strat_peer *p, struct adit_addr to, adit_dur delay)
{
	strat_fire(p, (struct strat_volley){
			      .to = to, .shots = ICE_TRIES, .delay = delay, .step = ICE_RTO, .backoff = true});
}

/*
 * Pairs in the order of their priority: the host candidate first, the server-reflexive one Ta later. Trickling makes
 * no difference here, as there is one server and the host candidates never reach each other.
 */
static adit_dur ice_plan(struct strat_peer *p, unsigned attempt)
{
	const struct strat_info *other = strat_other(p);
	struct adit_addr srflx = strat_last(other);

	if (attempt > 0)
		return 0;
	if (strat_is_public(other)) {
		check(p, srflx, 0);
	} else {
		check(p, adit_addr_with_port(other->local, srflx.port), 0);
		check(p, srflx, ICE_TA);
	}
	return ICE_PATIENCE;
}

static adit_dur ice_ttl_plan(struct strat_peer *p, unsigned attempt)
{
	struct adit_addr srflx = strat_last(strat_other(p));

	if (attempt > 0)
		return 0;
	strat_fire(p, (struct strat_volley){
			      .to = srflx,
			      .shots = ICE_HEAD,
			      .low = ICE_HEAD,
			      .ttl = ICE_HEAD_TTL,
			      .step = ICE_HEAD_STEP,
		      });
	check(p, srflx, ICE_HEAD * ICE_HEAD_STEP);
	return ICE_PATIENCE;
}

const struct strategy strat_ice = {
	.name = "ice",
	.title = "plain ICE",
	.note = "RFC 8445: one STUN server, Ta 50 ms, RTO 500 ms doubling, 7 tries, triggered checks [V]",
	.start = STRAT_CALL,
	.asks = one_ask,
	.n_asks = 1,
	.triggered = true,
	.plan = ice_plan,
};

const struct strategy strat_ice_ttl = {
	.name = "ice-ttl",
	.title = "ICE, low-TTL head",
	.note = "the same after five checks with TTL 4, 100 ms apart [R]",
	.start = STRAT_CALL,
	.asks = one_ask,
	.n_asks = 1,
	.triggered = true,
	.plan = ice_ttl_plan,
};

/*
 * libp2p DCUtR over QUIC [V: specs relay/DCUtR.md]: CONNECT both ways, SYNC, the caller waits half the measured round
 * trip, the other starts on receipt; three tries, each measured anew. What is fired is a QUIC dial: Initials, again
 * after the probe time-out of 1 s doubling (RFC 9002 6.2.2, no RTT sample: 333 ms x 3) until 5 s [R].
 */
#define DCUTR_TRIES    3
#define DCUTR_SHOTS    3
#define DCUTR_PTO      ADIT_SEC(1)
#define DCUTR_PATIENCE ADIT_SEC(5)

static adit_dur dcutr_plan(struct strat_peer *p, unsigned attempt)
{
	if (attempt == DCUTR_TRIES)
		return 0;
	strat_fire(p,
		   (struct strat_volley){
			   .to = strat_last(strat_other(p)), .shots = DCUTR_SHOTS, .step = DCUTR_PTO, .backoff = true});
	return DCUTR_PATIENCE;
}

const struct strategy strat_dcutr = {
	.name = "dcutr",
	.title = "libp2p DCUtR",
	.note = "start synchronised by the relay's round trip, three tries, one socket [V]",
	.start = STRAT_SYNC,
	.asks = one_ask,
	.n_asks = 1,
	.keeps_socks = true,
	.plan = dcutr_plan,
};
