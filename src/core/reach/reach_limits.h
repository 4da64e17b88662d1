/* Every number of the punching engine, with its unit and source. */
#ifndef ADIT_REACH_LIMITS_H
#define ADIT_REACH_LIMITS_H

#include "base/time.h"

#define REACH_ROUNDS     3u /* of an attempt: 97.6 % of what ever succeeds does so in the first (docs/rules.md 2) */
#define REACH_SALVOS_MAX 4u /* of one plan */
/*
 * A birthday search (reach_plan.h), in its order. With homes, samples and questions it takes 256 sockets at most, ever
 * (docs/rules.md 2), and 1100 packets of who probes, unless it is one of the two in a hundred that have not met by
 * then.
 */
#define REACH_SOCKS_FIRST   128u /* are open before the first probe; 21 % have met when it has probed as many ports */
#define REACH_ALONE_TRIPS   5u /* round trips of probes alone, but no less than so many probes ... */
#define REACH_ALONE_MIN     32u /* ... and no more than there are sockets; then both, in turn */
#define REACH_SOCKS_BESIDE  112u /* open one by one beside the next probes: 60 % */
#define REACH_PROBES_FIRST  1000u /* then probes alone: 97.6 % */
#define REACH_TURNS         300u /* then each of the sockets makes room for a fresh one, and each of these ... */
#define REACH_PROBES_MAX    1290u /* ... has 1.6 %; then what is left of the minute's flows is for probes again */
#define REACH_SOCKS_SEARCH  (REACH_SOCKS_FIRST + REACH_SOCKS_BESIDE)
#define REACH_TAKES_MORE    ADIT_MS(200) /* than its shots at their pace, at most */
#define REACH_OPEN_LEAD     ADIT_MS(20) /* of the sockets before the probes, which have a way to go */
#define REACH_UNDER_WAY     12u /* packets of a side: one pace beside the other is a round trip by this ... */
#define REACH_BESIDE_PACE   ADIT_MS(12) /* ... or this, whichever is less */
#define REACH_SOCKS_MAX     (REACH_SOCKS_SEARCH + 2u) /* some are heard on, and stay */
#define REACH_UNTRUSTED_MAX 64u /* probes toward an address that one server alone has named (docs/rules.md 5) */
#define REACH_BLOCK_SOCKS   28u /* of a search within a port block of up to 1024; with all others 32 */
#define REACH_BLOCK_PROBES  160u /* 99 % */
#define REACH_BLOCK_MORE    2u /* times as many of both within a larger block: of 4096 ports 99 % */
#define REACH_BLOCK_USUAL   1024u /* ports */
#define REACH_BLOCK_SMALL   224u /* ports: at most an eighth of them is taken for sockets */

/* Salvos (reach_plan.c). "simulated": tests/sim/salvo_sim_test.c. */
#define REACH_LASTS        ADIT_MS(2000) /* after the start nothing was heard: a fresh socket (docs/rules.md 1.6) */
#define REACH_FLOWS_KEEP   64u /* new flows that a salvo leaves to the ICE checks beside it, and to others */
#define REACH_PORT_FIRST   1024u /* where nothing is known of a NAT's range (RFC 4787 4.2.1: it is this one) */
#define REACH_RANGE_MIN    8u /* samples from which on a range is known */
#define REACH_WINDOW_PORTS 64u /* of a window that are fired at: openers, their questions, foreign flows */
/*
 * Before a search: plain checks find the way by themselves where the steady side's router lets everybody in, which no
 * server with one address can tell. A round trip, and this; but never long.
 */
#define REACH_PLAIN_MORE  ADIT_MS(20)
#define REACH_PLAIN_MAX   ADIT_MS(300)
#define REACH_OPEN_PACE   ADIT_US(500) /* between openers, as far as the budget lets them */
#define REACH_SEARCH_PACE ADIT_MS(5) /* of a search over all ports: 200 a second (docs/rules.md 2) ... */
#define REACH_BLOCK_PACE  ADIT_MS(2) /* ... and of one in a block, which is over within a second */
#define REACH_FIRE_PACE   ADIT_MS(1) /* of a series of foretold ports: few foreign flows come between */
#define REACH_FIRE_AGAIN  ADIT_MS(150) /* between its passes: each packet may be lost */
#define REACH_FIRE_PASSES 4u
#define REACH_HOLD        ADIT_MS(500) /* nothing more is fired after the peer was heard: what was hit answers */
/*
 * Both foretell: whatever the two estimates are off by, up to this many flows, one pair fits: reach_plan.c has the
 * arithmetic, which needs 6 E + 1 flows of one side and 4 E + 1 of the other.
 */
#define REACH_BOTH_ERROR 16u
#define REACH_BOTH_FIRST 1u /* nothing else opens a flow between the last sample and the salvo */
#define REACH_BOTH_STALE ADIT_SEC(1) /* so late an answer found nobody at first: foreign flows have gone by unseen */
#define REACH_BOTH_QUIET ADIT_MS(10) /* after a salvo's first pass: then checks may */
#define REACH_BOTH_JUMPS 128u /* flows of each side where steps are random: simulated, 60 % a round */
/*
 * Foreign flows are counted from one measurement to the next. Where that is short, two flows and 200 ms that are added
 * to what was seen tell of those that nobody saw; up to 20/s stay within what both sides allow for in any case. Others
 * could live with 35/s at most (Klinec, Matyas 2014).
 */
#define REACH_FOREIGN_MAX  50u
#define REACH_FOREIGN_SEEN 2u
#define REACH_FOREIGN_MORE ADIT_MS(200)
#define REACH_FOREIGN_TIME ADIT_SEC(10) /* older counts weigh half */
#define REACH_FOREIGN_ODD  256u /* more flows at once are a range that begins again, or other nonsense */
#define REACH_ONCE         240u /* flows of each side where two random choices must fit */

#define REACH_SERVERS_MAX 8u /* STUN servers, mediators included */
#define REACH_HOSTS_MAX   16u /* own addresses */
#define REACH_TRUSTED_MAX 8u /* addresses of the peer that the user typed; more are left out */

/*
 * Tables. When one is full: sockets are refused (nothing needs as many), openers and pairs that are told of are left
 * out, events wait for room: who does not drain them misses them.
 */
#define REACH_SOCK_SLOTS  336u /* a search's, and some tens */
#define REACH_SOCK_SPAN   65536u /* numbers sock_base .. sock_base + this - 1 are used in turn */
#define REACH_NO_SOCK     UINT16_MAX
#define REACH_OPENERS_MAX 8u /* the peer's public candidates */
#define REACH_TOLD_MAX    32u
#define REACH_EVENTS_MAX  32u
#define REACH_PAST_MAX    72u /* accounts of rounds that are over, REACH_ROUNDS of ... */
#define REACH_PAST_ROUND  24u /* ... so many; further pairs are left out, silent ones first */
#define REACH_BASES_HOST                                                                             \
	8u /* own addresses that become candidates; the rest of the agent's bases are for heard ones \
	    */

/* Home's port: below Linux' ephemeral range (32768), so nobody holds it by accident; above the services. */
#define REACH_PORT_MIN      16384u
#define REACH_PORT_COUNT    16384u
#define REACH_HOME_OLD      ADIT_SEC(10) /* the youngest death of a mapping was seen at 48 s: most of that is left */
#define REACH_REOPEN_SOON   8u /* a home that could not be opened: so many other ports at once, as others have theirs */
#define REACH_REOPEN        ADIT_SEC(1) /* then one after this, doubling ... */
#define REACH_REOPEN_DOUBLE 6u /* ... so often: the machine may have no address of that family */

/* Measuring (reach_measure.h). */
#define REACH_DESTS_MAX     16u /* servers with their other addresses */
#define REACH_ASK_RTO       ADIT_MS(250) /* to the first resend, where the round trip is not known */
#define REACH_ASK_SENDS     4u /* at 0, 0.25, 0.75, 1.75 s ... */
#define REACH_ASK_LAST      4u /* ... and given up 1 s later */
#define REACH_ASK_MAX       ADIT_SEC(3) /* nobody has answered: nobody will */
#define REACH_ASK_ONE       ADIT_MS(800) /* after the first answer, for a second opinion */
#define REACH_ASK_TWO       ADIT_MS(30) /* after two opinions, for the others */
#define REACH_FILTER_ASKS   2u /* servers that are asked to answer from elsewhere: one answer may be lost */
#define REACH_FILTER_WAIT   ADIT_MS(20) /* between two answers to questions that left at one moment */
#define REACH_SAMPLES       9u /* new flows: NAT_BLOCK_SAMPLES and one that may be lost; STUN_PER_HOST is the limit */
#define REACH_SAMPLES_AGAIN 5u /* where it is known that they are sequential: NAT_STEP_SAMPLES and one */
#define REACH_SAMPLE_PACE   ADIT_MS(3) /* between them: they arrive in order, and few foreign flows come between */
#define REACH_SAMPLE_SENDS  2u
#define REACH_SAMPLE_MAX    ADIT_MS(1200) /* after the last one */
#define REACH_ANSWER_BY     ADIT_MS(1500) /* serve: an offer is answered by then, with what is known */

/* A port that the router forwards (reach_mapped.c). */
#define REACH_MAPPED_AGAIN  ADIT_SEC(300) /* it is tried from outside this often */
#define REACH_MAPPED_RETRY  ADIT_SEC(20) /* it could not be: no server was known, or none that can */
#define REACH_MAPPED_WAIT   ADIT_MS(400) /* two round trips: an offer that says "open" saves a search */
#define REACH_MAPPED_SILENT 2u /* answers that do not arrive, of REACH_ASK_SENDS questions each: it is dead */
#define REACH_MAPPED_PREF   8u /* below home's reflexive address, which searches aim at */

/* A window (reach_window.c). */
#define REACH_WINDOW_SOCKS 6u /* one hit is enough, 10 % of the openers may be lost */
#define REACH_WINDOW_PACE  ADIT_MS(1)
#define REACH_WINDOW_SPAN  64u /* ports; more are too many for the peer to fire at */
#define REACH_WINDOW_MAX   ADIT_MS(1200) /* for the answers to its questions */
#define REACH_WINDOW_AGAIN ADIT_MS(100) /* between two checks from one of its sockets */

/* Relays (reach_relay.c). */
#define REACH_RELAY_WAIT    ADIT_MS(500) /* what is said waits for an allocation: two round trips and a slow server */
#define REACH_RELAY_MAX     ADIT_SEC(15) /* the same where nothing else may be used: TURN_STREAM_ASK_WAIT and some */
#define REACH_RELAY_SILENCE ADIT_SEC(1) /* mediators do not answer for so long ... */
#define REACH_RELAY_ALIVE   ADIT_SEC(20) /* ... and nobody has in this time (refreshes come each 15 s): through it */
#define REACH_RELAY_DIRECT  ADIT_SEC(15) /* between questions whether it works from home again */
/*
 * A relay that comes late brings a round that costs the attempt nothing. One that comes and goes gets the second of
 * them a second after the first, then twice as long each time, up to a minute, until it has been calm for two: at most
 * six in the first minute and one in each that follows.
 */
#define REACH_RELAY_AGAIN     ADIT_SEC(1)
#define REACH_RELAY_AGAIN_MAX ADIT_SEC(60)
#define REACH_RELAY_CALM      ADIT_SEC(120)

/* Rounds. */
#define REACH_OPENER_SENDS 3u /* each may be lost ... */
#define REACH_OPENER_STEP  ADIT_MS(30) /* ... and they are this far apart */
/*
 * Serve stays quiet (low TTL) this long after the start, unless it hears the peer: an answer that was lost comes again
 * after MEET_RTO, and a full packet before the peer has begun may cost it the port (docs/rules.md 1).
 */
#define REACH_QUIET        ADIT_MS(600)
#define REACH_LATER        ADIT_MS(200) /* third round: serve sends nothing before, as routers may be neighbours */
#define REACH_ROUND_MIN    ADIT_MS(900) /* of the first round with checks alone; and twice the round trips */
#define REACH_ROUND_MAX    ADIT_MS(2000) /* after the start nothing was heard: a fresh socket (docs/rules.md 1.6) */
#define REACH_ROUND_MORE   ADIT_MS(1500) /* something was: checks may be on their way */
#define REACH_TA           ADIT_MS(5) /* between checks; RFC 8445 14.2 allows it */
#define REACH_RTO          ADIT_MS(100) /* of checks: between peers that are known to like it ... */
#define REACH_RTO_SEARCH   ADIT_SEC(2) /* ... but beside a search, where plain ones are of little use ... */
#define REACH_RTO_MAX      ADIT_MS(400) /* ... until it has hit: the round trips to the mediator, or this */
#define REACH_SETTLE       ADIT_SEC(10) /* after the first valid pair: for better ones, and for somebody to take one */
#define REACH_MEETING_MAX  ADIT_SEC(16) /* for an answer: MEET_TRIES are over by then */
#define REACH_NEXT_ROUND   ADIT_SEC(12) /* serve: for the next offer of an attempt */
#define REACH_PAUSE        ADIT_SEC(30) /* between attempts, doubling ... */
#define REACH_PAUSE_MAX    ADIT_SEC(300) /* ... up to this */
#define REACH_PAUSE_SEARCH ADIT_SEC(61) /* the routers' budget is by the minute: a search takes most of it */
#define REACH_PAUSE_ABSENT ADIT_SEC(10) /* where nothing was fired */
#define REACH_READY        ADIT_SEC(3) /* a path that is in doubt is lost by then, or has answered */
#define REACH_AGAIN        ADIT_MS(500) /* without a path, and nobody answers; or three round trips to a mediator */
#define REACH_OFFERS_MIN   20u /* offers a minute that are looked at */
#define REACH_OFFERS_BURST 6u /* at once: two attempts */

#endif
