/* Why an attempt ended without a path, and names. */
#include "base/bytes.h"
#include "core/reach/reach_int.h"

#define NAME_OF(names, i) ((size_t)(i) < ARRAY_LEN(names) ? (names)[i] : "")

/* Several servers of different places were asked, and none has answered: it is this network. */
static bool is_cut_off(const struct reach *r)
{
	unsigned places = 0;

	for (size_t i = 0; i < r->measure.n_dests; i++) {
		if (r->measure.dest[i].has_answered)
			return false;
		places += r->measure.dest[i].witness == i;
	}
	return places >= 2;
}

bool reach_has_heard(const struct reach *r, unsigned mediator)
{
	return mediator < r->n_mediators && meet_client_is_alive(&r->meet, mediator);
}

bool reach_has_heard_mediator(const struct reach *r)
{
	for (unsigned i = 0; i < r->n_mediators; i++)
		if (reach_has_heard(r, i))
			return true;
	return false;
}

/* Nobody met: whose fault was it? */
static enum reach_verdict unmet(const struct reach *r)
{
	for (unsigned i = 0; i < r->n_mediators; i++)
		if (r->refused_by[i] == MEET_CODE_ABSENT)
			return REACH_VERDICT_ABSENT;
	if (reach_has_heard_mediator(r))
		return REACH_VERDICT_UNANSWERED;
	return is_cut_off(r) ? REACH_VERDICT_BLOCKED : REACH_VERDICT_NO_MEDIATOR;
}

enum reach_verdict reach_verdict_of(const struct reach *r)
{
	if (r->state == REACH_MEETING && r->cfg.role == MEET_CONNECT)
		return unmet(r);
	if (r->heard_any)
		return REACH_VERDICT_ONE_WAY;
	if (r->own.kind == NAT_KIND_BLOCKED || r->peer.kind == NAT_KIND_BLOCKED)
		return REACH_VERDICT_BLOCKED;
	if (nat_kind_way(r->own.kind, r->peer.kind) == NAT_WAY_RELAY)
		return REACH_VERDICT_RANDOM;
	if (r->was_capped)
		return REACH_VERDICT_UNTRUSTED;
	if (r->was_refused)
		return REACH_VERDICT_BUDGET;
	return REACH_VERDICT_SILENT;
}

enum reach_verdict reach_last_verdict(const struct reach *r)
{
	return r->verdict;
}

const char *reach_how_name(enum reach_how how)
{
	static const char *const names[] = {"lan",       "ipv6",  "direct",   "punched",
					    "predicted", "block", "birthday", "relayed"};

	return NAME_OF(names, how);
}

const char *reach_verdict_name(enum reach_verdict v)
{
	static const char *const names[] = {"none",      "no-mediator", "absent", "unanswered", "blocked", "random",
					    "untrusted", "budget",      "silent", "one-way",    "no-relay"};

	return NAME_OF(names, v);
}

const char *reach_verdict_text(enum reach_verdict v)
{
	static const char *const texts[] = {
		[REACH_VERDICT_NONE] = "",
		[REACH_VERDICT_NO_MEDIATOR] =
			"No mediator answers. Either none is running at the address that the ticket names, or this "
			"network lets no UDP out to it: try from another network, or give another one with "
			"--mediator.",
		[REACH_VERDICT_ABSENT] =
			"The mediator answers, but the peer is not registered there. Start adit serve on the other "
			"side; if it is running, check that it uses the same mediator and that this ticket was not "
			"revoked.",
		[REACH_VERDICT_UNANSWERED] =
			"The peer is registered at the mediator, but it did not answer. One of the "
			"two clocks may be wrong by more than two minutes (compare \"date -u\" "
			"on both sides), or its network has just failed.",
		[REACH_VERDICT_BLOCKED] = "One of the two networks lets no UDP through. Allow outgoing UDP in its "
					  "firewall, or use a relay over TCP or TLS there (--relay-file).",
		[REACH_VERDICT_RANDOM] =
			"Neither NAT's ports can be foreseen: one chooses them at random for every "
			"destination, the other at random, too, or within a block. Forward a UDP port on "
			"one of the routers (and give it there: --port N --mapped), or use "
			"IPv6 or a relay (--relay-file, on one side).",
		[REACH_VERDICT_UNTRUSTED] = "A search over many ports would have been needed, but only one server has "
					    "named the peer's address, and it "
					    "could be somebody else's. Give a second mediator or STUN server, or the "
					    "peer's address with --peer.",
		[REACH_VERDICT_BUDGET] = "A search over many ports would have been needed, but the router has had "
					 "enough new flows for this minute. "
					 "Wait a minute; fewer connections at the same time help.",
		[REACH_VERDICT_SILENT] =
			"Both sides tried everything, and nothing of the peer's ever came. A firewall on one of the "
			"two sides drops incoming UDP: allow it there, or forward a UDP port (--port N --mapped), or "
			"use a relay (--relay-file).",
		[REACH_VERDICT_ONE_WAY] =
			"The peer's packets came, but none of ours was answered. A firewall here or there lets UDP "
			"pass in one direction only: allow answers to outgoing UDP, or forward a UDP port (--port N "
			"--mapped).",
		[REACH_VERDICT_NO_RELAY] = "Nothing but a relay may be used (--relay-only), and no TURN server gives "
					   "an address. Look at what was said about each server: its name, the user "
					   "and the password.",
	};

	return NAME_OF(texts, v);
}
