/*
 * Those that guess: many sockets on the side whose NAT gives each flow another port, many ports from the other side.
 */
#include "strat_plans.h"

static const struct strat_ask two_servers[] = {{.port = STRAT_STUN_PORT}, {.server = 1, .port = STRAT_STUN_PORT2}};
static const struct strat_ask four_servers[] = {
	{.port = STRAT_STUN_PORT},
	{.server = 1, .port = STRAT_STUN_PORT},
	{.server = 2, .port = STRAT_STUN_PORT},
	{.server = 3, .port = STRAT_STUN_PORT},
};

/*
 * The article's figure, 256 sockets x 1024 probes, as nobody runs it: no port twice, 100 probes/s, the sockets open
 * before the first probe arrives. A match against P = 1 - C(S-N, M) / C(S, M) is a test of the simulator.
 */
#define ARTICLE_SOCKS  256
#define ARTICLE_PROBES 1024
#define ARTICLE_STEP   ADIT_MS(10)
#define ARTICLE_PORTS  64512 /* from 1024 */

static adit_dur article_plan(struct strat_peer *p, unsigned attempt)
{
	bool own = strat_is_same(strat_own(p));
	bool other = strat_is_same(strat_other(p));
	struct strat_volley v = {.to = strat_last(strat_other(p)), .shots = 10, .step = ADIT_MS(500)};

	if (attempt > 0 || (!own && !other))
		return 0;
	if (!own) {
		strat_want_socks(p, ARTICLE_SOCKS);
		v.socks = v.salvo = v.low = ARTICLE_SOCKS;
		v.ttl = 2;
		v.shots = ARTICLE_SOCKS;
	} else if (!other) {
		v.to.port = 1024;
		v.target = STRAT_TO_SHUFFLED;
		v.ports = ARTICLE_PORTS;
		v.shots = ARTICLE_PROBES;
		v.step = ARTICLE_STEP;
		v.delay = ADIT_SEC(1);
	}
	strat_fire(p, v);
	return ADIT_SEC(15);
}

const struct strategy strat_article = {
	.name = "birthday",
	.title = "birthday 256 x 1024",
	.note = "the arithmetic of Tailscale's article, 100 probes/s; not a program: Tailscale does not ship it [V]",
	.start = STRAT_PAIRED,
	.asks = two_servers,
	.n_asks = 2,
	.plan = article_plan,
};

/*
 * hyperdht [V: lib/holepuncher.js, lib/nat.js]. Four DHT nodes say where a packet came from: three alike are
 * CONSISTENT, else RANDOM. Consistent both: one packet a second, ten times; the called side first sends one with TTL 5
 * and pauses a second. Consistent to random: 1750 random ports from 1000 on, 20 ms apart, with repetition. Random to
 * consistent: 256 sockets, one packet with TTL 5 each at once, and after 100 ms 1750 packets in turn, 20 ms apart,
 * the first turn with TTL 5. Random both: refused.
 */
#define HYPER_TTL    5
#define HYPER_SOCKS  256
#define HYPER_PROBES 1750
#define HYPER_STEP   ADIT_MS(20)
#define HYPER_FIRST  1000
#define HYPER_PORTS  64536
#define HYPER_PINGS  10

static bool hyper_is_consistent(const struct strat_info *i)
{
	for (unsigned a = 0; a < STRAT_ASKS_MAX; a++) {
		unsigned hits = 0;

		for (unsigned b = 0; b < STRAT_ASKS_MAX; b++)
			hits += adit_addr_eq(&i->seen[a], &i->seen[b]);
		if (hits >= 3 && i->seen[a].family != ADIT_FAMILY_NONE)
			return true;
	}
	return false;
}

static adit_dur hyper_consistent(struct strat_peer *p, struct adit_addr to)
{
	adit_dur delay = 0;

	if (strat_side(p) == STRAT_SERVE) {
		strat_fire(p, (struct strat_volley){.to = to, .shots = 1, .low = 1, .ttl = HYPER_TTL});
		delay = ADIT_SEC(1);
	}
	strat_fire(p, (struct strat_volley){.to = to, .shots = HYPER_PINGS, .delay = delay, .step = ADIT_SEC(1)});
	return ADIT_SEC(HYPER_PINGS + 1);
}

static adit_dur hyper_plan(struct strat_peer *p, unsigned attempt)
{
	bool own = hyper_is_consistent(strat_own(p));
	bool other = hyper_is_consistent(strat_other(p));
	struct adit_addr to = strat_last(strat_other(p));

	if (attempt > 0 || (!own && !other))
		return 0;
	if (own && other)
		return hyper_consistent(p, to);
	if (own) {
		to.port = HYPER_FIRST;
		strat_fire(p, (struct strat_volley){
				      .to = to,
				      .target = STRAT_TO_RANDOM,
				      .ports = HYPER_PORTS,
				      .shots = HYPER_PROBES,
				      .step = HYPER_STEP,
			      });
		return HYPER_PROBES * HYPER_STEP;
	}
	strat_want_socks(p, HYPER_SOCKS);
	strat_fire(p, (struct strat_volley){
			      .to = to,
			      .socks = HYPER_SOCKS,
			      .shots = HYPER_SOCKS,
			      .salvo = HYPER_SOCKS,
			      .low = HYPER_SOCKS,
			      .ttl = HYPER_TTL,
		      });
	strat_fire(p, (struct strat_volley){
			      .to = to,
			      .socks = HYPER_SOCKS,
			      .shots = HYPER_PROBES,
			      .low = HYPER_SOCKS,
			      .ttl = HYPER_TTL,
			      .delay = ADIT_MS(100),
			      .step = HYPER_STEP,
		      });
	return HYPER_PROBES * HYPER_STEP;
}

const struct strategy strat_hyperdht = {
	.name = "hyperdht",
	.title = "hyperdht",
	.note = "four samples; 1 packet/s with a TTL-5 head; 256 sockets x 1750 ports, 20 ms apart [V]",
	.start = STRAT_CALL,
	.asks = four_servers,
	.n_asks = 4,
	.plan = hyper_plan,
};

/*
 * EasyTier [V: src/connector/udp_hole_punch]. Cone both: the caller sends every 200 ms, the called side twice every
 * 400 ms, five times. Hard symmetric: 84 sockets all send every 200 ms; the other side sends three packets to each of
 * 600-800 shuffled ports, 1 ms apart, twice over, never the same ports in another round, and fewer from round 3 on.
 * Easy symmetric (answers within 15 ports): the 50 ports above the base, twice, before that. Easy symmetric both: 25
 * sockets send to the peer's base + 20, every 100 ms for 5 s. Everything else symmetric is refused. After its ports
 * a round waits 1 s; rounds follow after 1 s [A]. The mediated query that names the base is one of the servers'.
 */
#define EASY_SOCKS     84
#define EASY_STEP      ADIT_MS(200)
#define EASY_ROUNDS    4
#define EASY_K1        180
#define EASY_SPAN      15
#define EASY_PREDICTED 50
#define EASY_BOTH      25
#define EASY_BOTH_NEXT 20

static adit_dur easy_cones(struct strat_peer *p, struct adit_addr to, unsigned attempt)
{
	bool calls = strat_side(p) == STRAT_CONNECT;

	if (attempt == EASY_ROUNDS)
		return 0;
	strat_fire(p, (struct strat_volley){
			      .to = to,
			      .shots = calls ? 15 : 5,
			      .copies = calls ? 1 : 2,
			      .step = calls ? EASY_STEP : 2 * EASY_STEP,
		      });
	return ADIT_SEC(4);
}

/* What a round fires at random, and how long that takes: three packets a port, a port each millisecond, twice. */
static unsigned easy_ports(unsigned attempt, unsigned draw)
{
	unsigned k2 = 600 + draw % 200;

	if (attempt >= 2)
		k2 = k2 * 2 / (attempt + 1) > EASY_K1 ? k2 * 2 / (attempt + 1) : EASY_K1;
	return k2;
}

static adit_dur easy_one_sym(struct strat_peer *p, bool own_is_sym, unsigned attempt)
{
	const struct strat_info *sym = own_is_sym ? strat_own(p) : strat_other(p);
	unsigned k2 = easy_ports(attempt, sym->seen[0].port); /* both sides reckon alike */
	bool easy = strat_span(sym) <= EASY_SPAN;
	struct adit_addr to = strat_last(strat_other(p));
	adit_dur round = ADIT_MS(2 * k2 + (easy ? 2 * EASY_PREDICTED : 0)) + ADIT_SEC(2);

	if (attempt == EASY_ROUNDS)
		return 0;
	if (own_is_sym) {
		strat_want_socks(p, EASY_SOCKS);
		strat_fire(p, (struct strat_volley){
				      .to = to,
				      .socks = EASY_SOCKS,
				      .salvo = EASY_SOCKS,
				      .shots = EASY_SOCKS * (unsigned)(round / EASY_STEP),
				      .step = EASY_STEP,
			      });
		return round;
	}
	if (easy)
		strat_fire(p, (struct strat_volley){
				      .to = adit_addr_with_port(to, strat_port(to.port + 1L)),
				      .target = STRAT_TO_RANGE,
				      .ports = EASY_PREDICTED,
				      .shots = 2 * EASY_PREDICTED,
				      .copies = 3,
				      .step = ADIT_MS(1),
			      });
	to.port = 1;
	strat_fire(p, (struct strat_volley){
			      .to = to,
			      .target = STRAT_TO_SHUFFLED,
			      .ports = 65535,
			      .shots = k2,
			      .copies = 6,
			      .delay = easy ? ADIT_MS(2 * EASY_PREDICTED) : 0,
			      .step = ADIT_MS(2),
		      });
	return round;
}

static adit_dur easy_plan(struct strat_peer *p, unsigned attempt)
{
	bool own = strat_is_same(strat_own(p));
	bool other = strat_is_same(strat_other(p));
	struct adit_addr to = strat_last(strat_other(p));

	if (own && other)
		return easy_cones(p, to, attempt);
	if (own || other)
		return easy_one_sym(p, !own, attempt);
	if (attempt == EASY_ROUNDS || strat_span(strat_own(p)) > EASY_SPAN || strat_span(strat_other(p)) > EASY_SPAN)
		return 0;
	strat_want_socks(p, EASY_BOTH);
	to.port = strat_port((long)to.port + EASY_BOTH_NEXT);
	strat_fire(p, (struct strat_volley){
			      .to = to,
			      .socks = EASY_BOTH,
			      .salvo = EASY_BOTH,
			      .shots = EASY_BOTH * 50,
			      .step = ADIT_MS(100),
		      });
	return ADIT_SEC(6);
}

const struct strategy strat_easytier = {
	.name = "easytier",
	.title = "EasyTier",
	.note = "84 sockets x 600-800 ports a round; 50 predicted ports; 25 sockets where both step [V], 4 rounds [A]",
	.start = STRAT_CALL,
	.asks = four_servers,
	.n_asks = 4,
	.plan = easy_plan,
};
