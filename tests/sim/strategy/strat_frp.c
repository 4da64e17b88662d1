/*
 * frp's xtcp [V: pkg/nathole/analysis.go, classify.go, controller.go, nathole.go]. The server sorts both sides into
 * easy (all STUN answers alike) and hard, and hard ones into regular (ports within 5 of each other, one IP) and not,
 * and gives both a role: a receiver opens its NAT, with a low TTL in most rows, a sender follows, one second later and
 * some more. The rows of a mode are tried one after the other, as its score table orders them for two machines it has
 * never seen; each try has fresh sockets. A visitor whose try fails tries again at once [A].
 */
#include "base/bytes.h"
#include "strat_plans.h"

struct row {
	bool swaps; /* the receiver is the first side (the serving one where the mode does not say who) */
	uint8_t ttl; /* of the receiver; 0: full */
	uint16_t delay_ms; /* of the sender */
};

/* The first side is: 0, 3 the serving one; 1 the hard one; 2 the easy one; 4 the regular one. */
static const struct row mode0[] = {{0, 7, 0}, {1, 7, 0},    {0, 4, 0},     {1, 4, 0},    {0, 0, 0},
				   {1, 0, 0}, {0, 0, 5000}, {0, 0, 10000}, {1, 0, 5000}, {1, 0, 10000}};
static const struct row mode1[] = {{0, 7, 0}, {0, 7, 2000}, {0, 4, 0}, {0, 4, 2000}, {0, 0, 0}, {0, 0, 2000}};
static const struct row mode2[] = {{0, 7, 3000}, {0, 4, 3000}, {0, 0, 3000}};
static const struct row mode3[] = {{0, 7, 0}, {0, 4, 0}, {0, 0, 0}, {1, 7, 0}, {1, 4, 0}, {1, 0, 0}};

struct mode {
	const struct row *rows;
	unsigned n;
};

/* Mode 4 has the rows of mode 2. */
static const struct mode modes[] = {
	{mode0, ARRAY_LEN(mode0)}, {mode1, ARRAY_LEN(mode1)}, {mode2, ARRAY_LEN(mode2)},
	{mode3, ARRAY_LEN(mode3)}, {mode2, ARRAY_LEN(mode2)},
};

#define FRP_HEAD_START   ADIT_SEC(1) /* the server tells the sender so much later */
#define FRP_READ_TIMEOUT ADIT_SEC(5)
#define FRP_MORE_TIMEOUT ADIT_SEC(30) /* where many sockets listen */
#define FRP_LISTEN       256
#define FRP_RANDOM       1000
#define FRP_RANDOM_STEP  ADIT_MS(15)
#define FRP_RANGE        10
#define FRP_RANGE4       2
#define FRP_RANGE_STEP   ADIT_MS(2)
#define FRP_FIRST        1024
#define FRP_PORTS        64511

static bool is_regular(const struct strat_info *i)
{
	unsigned span = strat_span(i);

	return span >= 1 && span <= 5;
}

/* Which modes are tried for whom, in this order. */
static const uint8_t *order(const struct strat_info *a, const struct strat_info *b)
{
	static const uint8_t orders[][4] = {{0, 9}, {1, 2, 0, 9}, {2, 1, 0, 9}, {3, 4, 9}, {4, 9}, {0, 1, 3, 9}};
	unsigned hard = !strat_is_same(a) + !strat_is_same(b);
	unsigned regular = is_regular(a) + is_regular(b);

	if (hard == 0)
		return orders[0];
	if (hard == 1)
		return orders[regular ? 1 : 2];
	return orders[regular == 2 ? 3 : regular == 1 ? 4 : 5];
}

static bool pick(const uint8_t *modes_of, unsigned attempt, unsigned *ret_mode, struct row *ret_row)
{
	for (; *modes_of != 9; modes_of++) {
		if (attempt < modes[*modes_of].n) {
			*ret_mode = *modes_of;
			*ret_row = modes[*modes_of].rows[attempt];
			return true;
		}
		attempt -= modes[*modes_of].n;
	}
	return false;
}

static bool is_first(const struct strat_peer *p, unsigned mode)
{
	switch (mode) {
	case 1:
		return !strat_is_same(strat_own(p));
	case 2:
		return strat_is_same(strat_own(p));
	case 4:
		return is_regular(strat_own(p));
	default:
		return strat_side(p) == STRAT_SERVE;
	}
}

/* Ports around the last one seen: by the spread of the answers and five more, at most |most|. */
static struct strat_volley around(const struct strat_info *other, unsigned most)
{
	struct adit_addr last = strat_last(other);
	unsigned reach = strat_span(other) + 5 < most ? strat_span(other) + 5 : most;
	unsigned lo = last.port > reach ? last.port - reach : 1;

	return (struct strat_volley){
		.to = adit_addr_with_port(last, (uint16_t)lo),
		.target = STRAT_TO_RANGE,
		.ports = 2 * reach + 1,
		.shots = 2 * reach + 1,
		.step = FRP_RANGE_STEP,
	};
}

static void receive(struct strat_peer *p, unsigned mode, const struct row *r)
{
	const struct strat_info *other = strat_other(p);
	struct strat_volley v = {.to = strat_last(other), .shots = 1};

	if (mode == 1 || mode == 3)
		v = around(other, FRP_RANGE);
	if (mode == 4)
		v = around(other, FRP_RANGE4);
	if (mode == 2 || mode == 4) {
		v.socks = FRP_LISTEN + 1;
		v.salvo = v.socks;
		v.shots *= v.socks;
		strat_want_socks(p, v.socks);
	}
	v.low = r->ttl ? v.shots : 0;
	v.ttl = r->ttl;
	strat_fire(p, v);
}

static void send(struct strat_peer *p, unsigned mode, adit_dur delay)
{
	const struct strat_info *other = strat_other(p);
	struct strat_volley v;

	/* The private addresses, then each public one that was seen, once. */
	strat_fire(p, (struct strat_volley){.to = adit_addr_with_port(other->local, other->seen[0].port),
					    .shots = 1,
					    .delay = delay});
	for (unsigned a = 0; a < 2; a++)
		if (a == 0 || !adit_addr_eq(&other->seen[a], &other->seen[0]))
			strat_fire(p, (struct strat_volley){.to = other->seen[a], .shots = 1, .delay = delay});
	if (mode == 3) {
		v = around(other, FRP_RANGE);
		v.delay = delay;
		strat_fire(p, v);
	}
	if (mode == 2 || mode == 4) {
		strat_fire(p, (struct strat_volley){
				      .to = adit_addr_with_port(other->seen[0], FRP_FIRST),
				      .target = STRAT_TO_SHUFFLED,
				      .ports = FRP_PORTS,
				      .shots = FRP_RANDOM,
				      .delay = delay,
				      .step = FRP_RANDOM_STEP,
			      });
	}
}

static adit_dur frp_plan(struct strat_peer *p, unsigned attempt)
{
	unsigned mode;
	struct row r;
	adit_dur took;

	if (!pick(order(strat_own(p), strat_other(p)), attempt, &mode, &r))
		return 0;
	took = FRP_READ_TIMEOUT + ADIT_MS(r.delay_ms) + (mode == 2 || mode == 4 ? FRP_MORE_TIMEOUT : 0);
	if (is_first(p, mode) == r.swaps)
		receive(p, mode, &r);
	else
		send(p, mode, FRP_HEAD_START + ADIT_MS(r.delay_ms));
	return took + FRP_HEAD_START;
}

static const struct strat_ask asks[] = {{.port = STRAT_STUN_PORT}, {.server = 1, .port = STRAT_STUN_PORT2}};

const struct strategy strat_frp = {
	.name = "frp",
	.title = "frp xtcp",
	.note = "modes 0-4: TTL 7, 4, none; ports +-10; 256 sockets x 1000 ports, 15 ms apart [V]; tries at once [A]",
	.start = STRAT_PAIRED,
	.asks = asks,
	.n_asks = 2,
	.plan = frp_plan,
};
