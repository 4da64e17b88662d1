#include "cli/cli_check.h"

#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "cli/cli_check_map.h"
#include "cli/cli_text.h"

static const char *dep_words(enum nat_dep d)
{
	static const char *const words[] = {
		"unknown", "a socket has one public port, whomever it sends to", "another public port for each address",
		"another public port for each address and port", "another public port for each destination"};

	return words[d];
}

static const char *filter_words(const struct nat_view *v)
{
	static const char *const words[] = {
		"unknown (no server has a second address to ask from)", "none: everybody gets in who knows the address",
		"lets in who was sent to, from any of his ports", "lets in who was sent to, from that port alone",
		"lets in only who was sent to"};

	return words[v->filtering];
}

static void ports_words(const struct nat_ports *p, char *buf, size_t cap)
{
	switch (p->kind) {
	case NAT_PORT_KEPT:
		snprintf(buf, cap, "kept: public port = own port (%u of %u)", p->kept, p->samples);
		break;
	case NAT_PORT_SEQUENTIAL:
		snprintf(buf, cap, "one after the other, in steps of %d, at most %u apart%s", p->step, p->spread,
			 p->foreign > 0 ? "; others take some in between" : "");
		break;
	case NAT_PORT_BLOCK:
		snprintf(buf, cap, "at random within a block of about %u (%u to %u seen)", p->block, p->low, p->high);
		break;
	case NAT_PORT_RANDOM:
		snprintf(buf, cap, "at random (%u to %u seen)", p->low, p->high);
		break;
	case NAT_PORT_UNKNOWN:
		snprintf(buf, cap, "unknown: too few answers");
		break;
	}
}

static const char *life_words(const struct nat_view *v, char *buf, size_t cap)
{
	char low[CLI_TEXT_SPAN_LEN];
	char high[CLI_TEXT_SPAN_LEN];

	cli_text_span(v->life_low, low);
	cli_text_span(v->life_high, high);
	if (v->life == NAT_LIFE_BETWEEN)
		snprintf(buf, cap, "an idle mapping lives between %s and %s", low, high);
	else if (v->life == NAT_LIFE_LONGER)
		snprintf(buf, cap, "an idle mapping lives longer than %s", low);
	else
		snprintf(buf, cap, "unknown: no server could be made to knock (RESPONSE-PORT of RFC 5780)");
	return buf;
}

static const char *server_words(const struct nat_server *s, char *buf, size_t cap)
{
	char addr[ADIT_ADDR_STRLEN];

	switch (s->state) {
	case NAT_SERVER_GOOD:
		snprintf(buf, cap, "good%s, %.1f ms",
			 s->discovery == NAT_YES  ? ", tells filtering too"
			 : s->discovery == NAT_NO ? ", its second address does not answer"
						  : "",
			 (double)s->rtt / (double)ADIT_MS(1));
		break;
	case NAT_SERVER_DEAD:
		snprintf(buf, cap, "does not answer");
		break;
	case NAT_SERVER_REFUSED:
		snprintf(buf, cap, "unreachable, says %s", adit_addr_format(&s->offender, addr));
		break;
	case NAT_SERVER_ERROR:
		snprintf(buf, cap, s->code ? "answers with error %u: left out" : "answers with what is not STUN",
			 s->code);
		break;
	case NAT_SERVER_NONSENSE:
		snprintf(buf, cap, "names %s, which cannot be this network: left out",
			 adit_addr_format(&s->mapped, addr));
		break;
	case NAT_SERVER_ALONE:
		snprintf(buf, cap, "names %s against all others: left out", adit_addr_format(&s->mapped, addr));
		break;
	case NAT_SERVER_WAITING:
		snprintf(buf, cap, "was not asked to the end");
		break;
	}
	return buf;
}

const char *cli_check_kind(enum nat_kind k)
{
	static const char *const words[] = {"not known: it takes answers from servers at two addresses",
					    "open: public, forwarded, or a full cone",
					    "usual: each socket has one public port",
					    "another port for each destination, one after the other",
					    "another port for each destination, within a small block",
					    "another port for each destination, at random",
					    "no UDP gets through"};

	return words[k];
}

static const char *way_words(enum nat_way w)
{
	static const char *const words[] = {"unknown",
					    "direct",
					    "direct, the side behind the NAT begins",
					    "direct, both sides punch at the same time",
					    "direct, with ports foretold",
					    "direct, after a short search",
					    "mostly direct, by a search (two mediators, or --stun)",
					    "seldom direct",
					    "by a relay only"};

	return words[w];
}

static void put_publics(struct cli_msg *m, const struct nat_view *v)
{
	char addr[ADIT_ADDR_STRLEN];
	char own[ADIT_ADDR_STRLEN];

	for (size_t i = 0; i < v->n_public; i++)
		cli_out(m, "  public      %s, named by %u server%s", adit_addr_format(&v->public[i].ip, addr),
			v->public[i].named_by, v->public[i].named_by == 1 ? "" : "s");
	adit_addr_format(&v->local, own);
	if (v->translated == NAT_NO)
		cli_out(m, "  NAT         none: %s is public", own);
	else
		cli_out(m, "  NAT         %s%u%s; own address %s", v->nats > 1 ? "at least " : "", v->nats,
			v->nat64     ? ", IPv6 to IPv4"
			: v->carrier ? ", one of them the provider's"
				     : "",
			own);
	if (v->several && v->n_public > 1)
		cli_out(m, "              flows get different public addresses, or the servers disagree");
	if (v->rewrites)
		cli_out(m, "              it rewrites addresses inside of packets, too");
}

/* Nobody answered, and what that means cannot be told. */
static bool is_in_doubt(const struct nat_view *v)
{
	return v->asked > 0 && v->answered == 0 && nat_view_is_blocked(v) == NAT_UNKNOWN;
}

static const char *view_words(const struct nat_view *v)
{
	if (!is_in_doubt(v))
		return cli_check_kind(v->kind);
	return v->silent > 0 ? "not known: the server is dead or mistyped, or UDP is blocked"
			     : "not known: no STUN server answers";
}

static void put_view(struct cli_msg *m, const struct nat_view *v)
{
	static const char *const hairpin[] = {"unknown", "no: the own public address is not reached from inside",
					      "yes"};
	static const char *const clash[] = {"unknown", "no",
					    "yes: the router's WAN side accepts, and an early packet takes the port"};
	char buf[160];
	char addr[ADIT_ADDR_STRLEN];

	if (v->asked == 0 && v->no_route)
		cli_out(m, "IPv6: none here: this machine has no way to the servers' IPv6 addresses");
	if (v->asked == 0)
		return;
	cli_out(m, "%s: %s", v->family == ADIT_FAMILY_V4 ? "IPv4" : "IPv6", view_words(v));
	if (v->answered == 0) {
		if (v->refused)
			cli_out(m, "  refused     by %s on the way", adit_addr_format(&v->refused_by, addr));
		return;
	}
	if (v->honest == 0)
		return;
	put_publics(m, v);
	ports_words(&v->ports, buf, sizeof(buf));
	if (v->translated == NAT_YES) {
		cli_out(m, "  mapping     %s", dep_words(v->mapping));
		cli_out(m, "  ports       %s", buf);
	}
	cli_out(m, "  filtering   %s", filter_words(v));
	if (v->translated == NAT_YES) {
		cli_out(m, "  hairpin     %s%s", hairpin[v->hairpin],
			v->hairpin_inside ? ", but with the inside address" : "");
		cli_out(m, "  port clash  %s", clash[v->clash]);
	}
	if (v->low_ttl > 0)
		cli_out(m, "  low TTL     %u leaves the own routers", v->low_ttl);
	if (v->life != NAT_LIFE_NOT_ASKED)
		cli_out(m, "  time-out    %s", life_words(v, buf, sizeof(buf)));
}

/* The family that carries: IPv4, unless only IPv6 works. */
static const struct nat_view *main_view(const struct nat_report *r)
{
	return r->v4.honest == 0 && r->v6.honest > 0 ? &r->v6 : &r->v4;
}

/* Others' choice of ports is in the way, and nothing here can be had to map one. */
static const char *forward_advice(const struct nat_view *v, const struct io_portmap_services *services)
{
	enum cli_check_map map = cli_check_map(v, services);

	if (map == CLI_CHECK_MAP_SECOND_NAT)
		return "of two routers one after the other, set one to bridge mode, or forward a UDP port through "
		       "both: adit serve --port N --mapped";
	if (map == CLI_CHECK_MAP_REFUSED)
		return "the router can map ports and refuses: allow it there, or forward a UDP port to this machine: "
		       "adit serve --port N --mapped";
	return "switch PCP or UPnP on in the router, or forward a UDP port of it to this machine: adit serve --port N "
	       "--mapped; then everybody reaches it";
}

const char *cli_check_advice(const struct nat_report *r, const struct io_portmap_services *services)
{
	const struct nat_view *v = main_view(r);
	bool v6_works = r->v6.kind == NAT_KIND_OPEN || r->v6.kind == NAT_KIND_STEADY;

	if (r->n_servers == 0)
		return ""; /* nobody was asked */
	if (r->v4.answered == 0 && r->v6.answered == 0) {
		if (r->v4.kind == NAT_KIND_BLOCKED || r->v6.kind == NAT_KIND_BLOCKED)
			return "allow outgoing UDP in the firewall, at least to port 3478; where that cannot be had, a "
			       "relay over TLS gets through: --relay-file with turns:HOST:443";
		return "look at the server's name and port, and name one at another address, too: --stun HOST; if that "
		       "one does not answer either, UDP is blocked";
	}
	if (v->honest == 0 || v->kind == NAT_KIND_OPEN)
		return "";
	if (v->kind == NAT_KIND_UNKNOWN)
		return "ask more servers: --stun once more, with a server at another address";
	if (v->clash == NAT_YES)
		return "set the router's WAN input to drop what nobody inside has asked for";
	if (v->kind == NAT_KIND_STEADY)
		return "";
	if (v->family == ADIT_FAMILY_V4 && cli_check_map(v, services) == CLI_CHECK_MAP_GOOD)
		return ""; /* adit has a port mapped by itself */
	if (v->carrier || (v->nats > 1 && cli_check_map(v, services) != CLI_CHECK_MAP_SECOND_NAT))
		return v6_works ? "use IPv6 on both sides: it works here, and the provider's NAT is not in its way"
				: "the NAT that is in the way is the provider's: ask for a public IPv4 address, or for "
				  "IPv6";
	return v->family == ADIT_FAMILY_V6 ? "" : forward_advice(v, services);
}

static void put_ways(struct cli_msg *m, const struct nat_view *v, const struct io_portmap_services *services)
{
	static const struct {
		enum nat_kind kind;
		const char *peer;
	} rows[] = {{NAT_KIND_OPEN, "public, forwarded, full cone"},
		    {NAT_KIND_STEADY, "usual home router"},
		    {NAT_KIND_SEQUENTIAL, "ports one after the other"},
		    {NAT_KIND_BLOCK, "ports in a small block"},
		    {NAT_KIND_RANDOM, "ports at random (symmetric)"}};

	cli_out(m, "This network reaches peers whose NAT is:");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		cli_out(m, "  %-29s %s", rows[i].peer, way_words(nat_kind_way(v->kind, rows[i].kind)));
	if (v->family == ADIT_FAMILY_V4 && v->kind != NAT_KIND_OPEN && cli_check_map(v, services) == CLI_CHECK_MAP_GOOD)
		cli_out(m, "  and all of them by a port that serve and connect have the router map by themselves");
}

void cli_check_text(struct cli_msg *m, const struct nat_report *r, const struct io_portmap_services *services,
		    const struct adit_nat64 *nat64, cli_check_name *name, void *ctx)
{
	const char *advice = cli_check_advice(r, services);
	char addr[ADIT_ADDR_STRLEN];
	char buf[160];

	put_view(m, &r->v4);
	if (nat64->len > 0)
		cli_out(m, "  NAT64       %s: what leads to IPv4 here", adit_nat64_format(nat64, addr));
	put_view(m, &r->v6);
	cli_check_map_text(m, &r->v4, services);
	if (r->n_servers > 0)
		cli_out(m, "Servers:");
	for (size_t i = 0; i < r->n_servers; i++)
		cli_out(m, "  %s%s%s: %s", name(ctx, i), name(ctx, i)[0] ? ", " : "",
			adit_addr_format(&r->server[i].addr, addr), server_words(&r->server[i], buf, sizeof(buf)));
	if (main_view(r)->honest > 0)
		put_ways(m, main_view(r), services);
	if (advice[0])
		cli_out(m, "What would help: %s", advice);
	else if (main_view(r)->honest > 0)
		cli_out(m, "Nothing needs to be changed.");
}

/* --- JSON --- */

static void answer_json(struct cli_json *j, const char *key, enum nat_answer a)
{
	if (a == NAT_UNKNOWN)
		cli_json_null(j, key);
	else
		cli_json_bool(j, key, a == NAT_YES);
}

static void ports_json(struct cli_json *j, const struct nat_ports *p)
{
	cli_json_object(j, "ports");
	cli_json_str(j, "kind", nat_port_kind_name(p->kind));
	cli_json_uint(j, "samples", p->samples);
	cli_json_uint(j, "kept", p->kept);
	cli_json_uint(j, "low", p->low);
	cli_json_uint(j, "high", p->high);
	if (p->kind == NAT_PORT_SEQUENTIAL) {
		cli_json_int(j, "step", p->step);
		cli_json_uint(j, "spread", p->spread);
		cli_json_uint(j, "foreign_per_s", p->foreign);
	}
	if (p->kind == NAT_PORT_BLOCK)
		cli_json_uint(j, "block", p->block);
	cli_json_object_end(j);
}

static void life_json(struct cli_json *j, const struct nat_view *v)
{
	cli_json_object(j, "lifetime");
	cli_json_str(j, "state", nat_life_name(v->life));
	if (v->life >= NAT_LIFE_BETWEEN)
		cli_json_milli(j, "more_than_s", (double)v->life_low / 1e9);
	if (v->life == NAT_LIFE_BETWEEN)
		cli_json_milli(j, "less_than_s", (double)v->life_high / 1e9);
	cli_json_object_end(j);
}

static void reaches_json(struct cli_json *j, const struct nat_view *v)
{
	cli_json_object(j, "reaches");
	for (int k = NAT_KIND_OPEN; k <= NAT_KIND_RANDOM; k++)
		cli_json_str(j, nat_kind_name((enum nat_kind)k), nat_way_name(nat_kind_way(v->kind, (enum nat_kind)k)));
	cli_json_object_end(j);
}

static void view_json(struct cli_json *j, const char *key, const struct nat_view *v)
{
	if (v->asked == 0) {
		cli_json_null(j, key);
		return;
	}
	cli_json_object(j, key);
	cli_json_str(j, "kind", nat_kind_name(v->kind));
	answer_json(j, "udp_blocked", nat_view_is_blocked(v));
	cli_json_uint(j, "servers_asked", v->asked);
	cli_json_uint(j, "servers_answered", v->answered);
	cli_json_uint(j, "servers_believed", v->honest);
	cli_check_addr_json(j, "refused_by", &v->refused_by);
	cli_check_addr_json(j, "local", &v->local);
	cli_json_array(j, "public");
	for (size_t i = 0; i < v->n_public; i++) {
		cli_json_object(j, NULL);
		cli_check_addr_json(j, "address", &v->public[i].ip);
		cli_json_uint(j, "named_by", v->public[i].named_by);
		cli_json_object_end(j);
	}
	cli_json_array_end(j);
	cli_json_bool(j, "several", v->several);
	answer_json(j, "translated", v->translated);
	cli_json_bool(j, "nat64", v->nat64);
	cli_json_bool(j, "rewrites_payload", v->rewrites);
	cli_json_str(j, "mapping", nat_dep_name(v->mapping));
	cli_json_str(j, "filtering", nat_dep_name(v->filtering));
	ports_json(j, &v->ports);
	answer_json(j, "hairpin", v->hairpin);
	if (v->hairpin == NAT_YES)
		cli_json_bool(j, "hairpin_inside", v->hairpin_inside);
	else
		cli_json_null(j, "hairpin_inside");
	answer_json(j, "clash", v->clash);
	cli_json_uint(j, "nats_at_least", v->nats);
	cli_json_bool(j, "carrier_nat", v->carrier);
	if (v->low_ttl > 0)
		cli_json_uint(j, "low_ttl", v->low_ttl);
	else
		cli_json_null(j, "low_ttl");
	life_json(j, v);
	reaches_json(j, v);
	cli_json_object_end(j);
}

void cli_check_json(struct cli_msg *m, const struct nat_report *r, const struct io_portmap_services *services,
		    const struct adit_nat64 *nat64, cli_check_name *name, void *ctx)
{
	const char *advice = cli_check_advice(r, services);
	char prefix[ADIT_NAT64_STRLEN];
	struct cli_json j;

	cli_json_init(&j);
	cli_json_object(&j, NULL);
	view_json(&j, "ipv4", &r->v4);
	view_json(&j, "ipv6", &r->v6);
	answer_json(&j, "ipv6_route", r->v6.asked > 0 ? NAT_YES : r->v6.no_route ? NAT_NO : NAT_UNKNOWN);
	if (nat64->len > 0)
		cli_json_str(&j, "nat64", adit_nat64_format(nat64, prefix));
	else
		cli_json_null(&j, "nat64");
	cli_json_array(&j, "servers");
	for (size_t i = 0; i < r->n_servers; i++) {
		const struct nat_server *s = &r->server[i];

		cli_json_object(&j, NULL);
		cli_json_str(&j, "name", name(ctx, i)[0] ? name(ctx, i) : NULL);
		cli_check_addr_json(&j, "address", &s->addr);
		cli_json_str(&j, "state", nat_server_state_name(s->state));
		cli_check_addr_json(&j, "mapped", &s->mapped);
		cli_check_addr_json(&j, "other", &s->other);
		answer_json(&j, "discovery", s->discovery);
		cli_check_addr_json(&j, "offender", &s->offender);
		if (s->code > 0)
			cli_json_uint(&j, "code", s->code);
		else
			cli_json_null(&j, "code");
		if (s->rtt > 0)
			cli_json_milli(&j, "rtt_ms", (double)s->rtt / 1e6);
		else
			cli_json_null(&j, "rtt_ms");
		cli_json_object_end(&j);
	}
	cli_json_array_end(&j);
	cli_check_map_json(&j, &r->v4, services);
	cli_json_str(&j, "advice", advice[0] ? advice : NULL);
	cli_json_object_end(&j);
	cli_out_json(m, &j);
}
