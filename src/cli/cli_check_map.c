#include "cli/cli_check_map.h"

#include <stdio.h>

static bool is_public(const struct nat_view *v, const struct adit_addr *external)
{
	for (size_t i = 0; i < v->n_public; i++)
		if (adit_addr_eq_ip(&v->public[i].ip, external))
			return true;
	return false;
}

/* Does a NAT stand outside the router? Its own word, and what servers saw. */
static enum nat_answer second_nat(const struct nat_view *v, const struct io_portmap_services *s)
{
	struct adit_addr external = io_portmap_services_external(s);

	if (external.family == ADIT_FAMILY_NONE)
		return NAT_UNKNOWN;
	if (v->n_public > 0)
		return is_public(v, &external) ? NAT_NO : NAT_YES;
	return adit_addr_is_private(&external) || adit_addr_is_link_local(&external) ? NAT_YES : NAT_UNKNOWN;
}

enum cli_check_map cli_check_map(const struct nat_view *v, const struct io_portmap_services *s)
{
	if (s->gateway.family == ADIT_FAMILY_NONE)
		return CLI_CHECK_MAP_UNKNOWN;
	/* Some daemons refuse just because their own address is a private one: that is what is to be said. */
	if (second_nat(v, s) == NAT_YES)
		return CLI_CHECK_MAP_SECOND_NAT;
	if (io_portmap_services_any(s))
		return CLI_CHECK_MAP_GOOD;
	if (!s->is_whole)
		return CLI_CHECK_MAP_UNKNOWN;
	return s->pcp.is_there || s->pmp.is_there || s->upnp_version > 0 ? CLI_CHECK_MAP_REFUSED : CLI_CHECK_MAP_NONE;
}

/* --- words --- */

static void put_service(struct cli_msg *m, const char *name, const struct portmap_look_service *s, bool is_whole)
{
	if (s->is_there)
		cli_out(m, "  %-11s yes%s%s", name, s->refusal ? ", but " : "", s->refusal ? s->refusal : "");
	else
		cli_out(m, "  %-11s %s", name, is_whole ? "no" : "unknown");
}

static void put_upnp(struct cli_msg *m, const struct io_portmap_services *s)
{
	if (s->upnp_version > 0)
		cli_out(m, "  UPnP        yes, IGD version %u%s%s%s", s->upnp_version,
			s->upnp_is_connected ? "" : ", and says that it is not connected", s->upnp_why[0] ? ": " : "",
			s->upnp_why);
	else
		cli_out(m, "  UPnP        %s%s", s->is_whole ? "no: " : "unknown", s->is_whole ? s->upnp_why : "");
}

static void put_external(struct cli_msg *m, const struct nat_view *v, const struct io_portmap_services *s)
{
	static const char *const words[] = {"", ": as servers see it",
					    ": not what servers see: a second NAT stands outside the router"};
	struct adit_addr external = io_portmap_services_external(s);
	char addr[ADIT_ADDR_STRLEN];

	if (external.family != ADIT_FAMILY_NONE)
		cli_out(m, "  external    %s%s", adit_addr_format(&external, addr), words[second_nat(v, s)]);
}

void cli_check_map_text(struct cli_msg *m, const struct nat_view *v, const struct io_portmap_services *s)
{
	char addr[ADIT_ADDR_STRLEN];

	if (s->gateway.family != ADIT_FAMILY_NONE) {
		cli_out(m, "Port mapping by the router %s:", adit_addr_format(&s->gateway, addr));
		put_service(m, "PCP", &s->pcp, s->is_whole);
		put_service(m, "NAT-PMP", &s->pmp, s->is_whole);
		put_upnp(m, s);
		put_external(m, v, s);
	}
	if (s->gateway6.family != ADIT_FAMILY_NONE && s->pcp6.is_there) {
		cli_out(m, "Pinholes by the IPv6 router %s:", adit_addr_format(&s->gateway6, addr));
		put_service(m, "PCP", &s->pcp6, s->is_whole);
	}
}

/* --- JSON --- */

static const char *service_word(const struct portmap_look_service *s, bool is_whole)
{
	if (s->is_there)
		return s->refusal ? "refused" : "yes";
	return is_whole ? "no" : "unknown";
}

void cli_check_addr_json(struct cli_json *j, const char *key, const struct adit_addr *a)
{
	char buf[ADIT_ADDR_STRLEN];

	cli_json_str(j, key, a->family == ADIT_FAMILY_NONE ? NULL : adit_addr_format(a, buf));
}

static void upnp_json(struct cli_json *j, const struct io_portmap_services *s)
{
	bool maps = s->upnp_version > 0 && s->upnp_external.family != ADIT_FAMILY_NONE;

	cli_json_str(j, "upnp", maps ? "yes" : s->upnp_version > 0 ? "refused" : s->is_whole ? "no" : "unknown");
	if (s->upnp_version > 0) {
		cli_json_uint(j, "upnp_igd", s->upnp_version);
		cli_json_bool(j, "upnp_connected", s->upnp_is_connected);
	} else {
		cli_json_null(j, "upnp_igd");
		cli_json_null(j, "upnp_connected");
	}
}

void cli_check_map_json(struct cli_json *j, const struct nat_view *v, const struct io_portmap_services *s)
{
	struct adit_addr external = io_portmap_services_external(s);
	enum nat_answer second = second_nat(v, s);
	bool has_router = s->gateway.family != ADIT_FAMILY_NONE;

	cli_json_object(j, "port_mapping");
	cli_check_addr_json(j, "router", &s->gateway);
	cli_json_str(j, "pcp", service_word(&s->pcp, has_router && s->is_whole));
	cli_json_str(j, "nat_pmp", service_word(&s->pmp, has_router && s->is_whole));
	upnp_json(j, s);
	cli_check_addr_json(j, "external", &external);
	if (second == NAT_UNKNOWN)
		cli_json_null(j, "second_nat");
	else
		cli_json_bool(j, "second_nat", second == NAT_YES);
	cli_check_addr_json(j, "router_ipv6", &s->gateway6);
	cli_json_str(j, "pcp_ipv6", service_word(&s->pcp6, s->gateway6.family != ADIT_FAMILY_NONE && s->is_whole));
	cli_json_object_end(j);
}
