#include "cli/cli_mapped.h"

#include <stdio.h>

#include "cli/cli_exit.h"
#include "cli/cli_show.h"

const enum adit_family cli_mapped_family[2] = {ADIT_FAMILY_V4, ADIT_FAMILY_V6};

bool cli_mapped_is_asked(const struct cli_meet *o, bool meets)
{
	return !o->no_portmap && !o->relay_only && (meets || o->port > 0);
}

uint16_t cli_mapped_port(const struct cli_meet *o)
{
	if (!o->mapped)
		return 0;
	return o->mapped_port ? o->mapped_port : o->port;
}

int cli_mapped_check(struct cli_msg *m, const struct cli_meet *o)
{
	if (!o->mapped || o->port > 0)
		return CLI_GO;
	cli_error(m,
		  "for example: --port 5555 --mapped, or --port 5555 --mapped=4500 where the router's port is another",
		  "--mapped needs --port: the UDP port of this machine that the router forwards to");
	return CLI_EXIT_USAGE;
}

/* "203.0.113.10:4500", or "port 4500" at an address that nobody has told yet. */
static const char *where(const struct ep_mapped_state *st, char *buf, size_t cap)
{
	char addr[ADIT_ADDR_STRLEN];

	if (adit_addr_is_any(&st->external))
		snprintf(buf, cap, "port %u of the public address", st->external.port);
	else
		snprintf(buf, cap, "%s", adit_addr_format(&st->external, addr));
	return buf;
}

static void say_json(struct cli_msg *m, const struct ep_mapped_state *st);

static void say_held(struct cli_msg *m, const struct ep_mapped_state *st)
{
	char at[ADIT_ADDR_STRLEN + 32];

	if (st->is_behind)
		cli_detail(m, "the router forwards %s to UDP port %u (%s), and %s: of little use",
			   where(st, at, sizeof(at)), st->port, st->how, st->why);
	else
		cli_detail(m, "the router forwards %s to UDP port %u (%s)", where(st, at, sizeof(at)), st->port,
			   st->by_user ? "--mapped" : st->how);
}

static void say_dead(struct cli_msg *m, const struct ep_mapped_state *st)
{
	cli_warn(m, "look at the router's rule: UDP, to this machine and this port; it is tried again",
		 "--mapped: nothing that is sent to port %u from outside arrives at UDP port %u", st->external.port,
		 st->port);
}

void cli_mapped_say(struct cli_msg *m, const struct ep_mapped_state *st, bool json)
{
	char at[ADIT_ADDR_STRLEN + 32];

	switch (st->kind) {
	case EP_MAPPED_HELD:
		say_held(m, st);
		break;
	case EP_MAPPED_PROVEN:
		cli_info(m, "reachable from outside: the router forwards %s (%s)", where(st, at, sizeof(at)),
			 st->by_user ? "--mapped" : st->how);
		break;
	case EP_MAPPED_DEAD:
		say_dead(m, st);
		break;
	case EP_MAPPED_LOST:
		cli_detail(m, "the router's port mapping is lost: %s", st->why);
		break;
	case EP_MAPPED_NONE:
		cli_detail(m, "no port mapping: %s", st->why);
		break;
	case EP_MAPPED_WITHDRAWN:
		cli_warn(m,
			 "another router or firewall may stand outside it; \"adit check\" tells, --no-portmap asks no "
			 "more",
			 "the port mapping is not used: %s", st->why);
		break;
	case EP_MAPPED_ASKING:
		return;
	}
	if (json)
		say_json(m, st);
}

static void put(struct cli_json *j, const struct ep_mapped_state *st)
{
	char addr[ADIT_ADDR_STRLEN];

	cli_json_str(j, "state", ep_mapped_kind_name(st->kind));
	cli_json_str(j, "how", st->by_user ? "user" : st->how);
	cli_json_uint(j, "port", st->port);
	if (st->external.family == ADIT_FAMILY_NONE) {
		cli_json_null(j, "external");
	} else {
		cli_json_str(j, "external", adit_addr_format(&st->external, addr));
		cli_json_uint(j, "lifetime_s", st->lifetime);
		cli_json_bool(j, "second_nat", st->is_behind);
	}
	cli_json_str(j, "why", st->why[0] ? st->why : NULL);
}

static void say_json(struct cli_msg *m, const struct ep_mapped_state *st)
{
	struct cli_json j;

	cli_json_init(&j);
	cli_json_object(&j, NULL);
	cli_json_str(&j, "event", "mapping");
	put(&j, st);
	cli_json_object_end(&j);
	cli_out_json(m, &j);
}

size_t cli_mapped_status_text(char *buf, size_t cap, size_t at, const struct ep_mapped_state *st)
{
	static const char *const words[] = {
		[EP_MAPPED_ASKING] = "the router is being asked",
		[EP_MAPPED_HELD] = "not tried from outside yet",
		[EP_MAPPED_PROVEN] = "works from outside",
		[EP_MAPPED_DEAD] = "nothing arrives",
		[EP_MAPPED_LOST] = "lost",
		[EP_MAPPED_NONE] = "none",
		[EP_MAPPED_WITHDRAWN] = "not used",
	};
	char where_text[ADIT_ADDR_STRLEN + 32];

	if (!st)
		return at;
	if (st->external.family == ADIT_FAMILY_NONE)
		return cli_show_row(buf, cap, at, "mapped port", "%s%s%s", words[st->kind], st->why[0] ? ": " : "",
				    st->why);
	return cli_show_row(buf, cap, at, "mapped port", "%s to UDP port %u (%s): %s%s%s",
			    where(st, where_text, sizeof(where_text)), st->port, st->by_user ? "--mapped" : st->how,
			    words[st->kind], st->is_behind ? "; " : "", st->is_behind ? st->why : "");
}

void cli_mapped_status_json(struct cli_json *j, const struct ep_mapped_state *v4, const struct ep_mapped_state *v6)
{
	const struct ep_mapped_state *const all[2] = {v4, v6};

	cli_json_array(j, "mappings");
	for (size_t i = 0; i < 2; i++) {
		if (!all[i])
			continue;
		cli_json_object(j, NULL);
		put(j, all[i]);
		cli_json_object_end(j);
	}
	cli_json_array_end(j);
}
