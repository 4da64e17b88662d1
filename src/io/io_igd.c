#include "io/io_igd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <miniupnpc/miniupnpc.h>
#include <miniupnpc/upnpcommands.h>
#include <miniupnpc/upnperrors.h>

#define DESCRIPTION  "adit"
#define IGD2_SERVICE "WANIPConnection:2" /* what knows leases that a router chooses the port for */
#define NUMBER_LEN   12 /* bytes of a decimal uint32 with its NUL */
#define IP_LEN       16 /* bytes of a numeric IPv4 address with its NUL: what the library writes */
#define FIELD_LEN    80 /* bytes of what the library writes into an entry's fields */

/* UPnP IGD errors, WANIPConnection:2 2.5; those of the library are negative. */
enum {
	ERR_ARGS = 402,
	ERR_CONFLICT = 718,
	ERR_SAME_PORT = 724,
	ERR_ONLY_PERMANENT = 725,
	ERR_NONE_FREE = 728,
	ERR_OTHER_MECHANISM = 729,
};

struct io_igd {
	bool is_known;
	unsigned version;
	struct UPNPUrls urls;
	struct IGDdatas data;
	char client[IP_LEN];
	char why[IO_UPNP_WHY_MAX];
};

struct io_igd *io_igd_new(const struct adit_addr *own)
{
	struct io_igd *g = calloc(1, sizeof(*g));
	struct adit_addr ip = adit_addr_with_port(*own, 0);
	char text[ADIT_ADDR_STRLEN];

	if (g)
		snprintf(g->client, sizeof(g->client), "%s", adit_addr_format(&ip, text));
	return g;
}

void io_igd_forget(struct io_igd *g)
{
	if (g->is_known)
		FreeUPNPUrls(&g->urls);
	g->is_known = false;
}

void io_igd_free(struct io_igd *g)
{
	if (!g)
		return;
	io_igd_forget(g);
	free(g);
}

static bool say(struct io_igd *g, const char *what, int err)
{
	const char *text = strupnperror(err);

	snprintf(g->why, sizeof(g->why), "%s: %s (%d)", what, text ? text : "unknown error", err);
	return false;
}

/* --- finding --- */

/* 1: connected, 2: known to be an IGD that says it is not (or, since API 18, that has a private address). */
static int valid_igd(struct io_igd *g, struct UPNPDev *devices)
{
	char lan[IP_LEN * 4];

#if MINIUPNPC_API_VERSION >= 18
	char wan[IP_LEN * 4];

	return UPNP_GetValidIGD(devices, &g->urls, &g->data, lan, sizeof(lan), wan, sizeof(wan));
#else
	return UPNP_GetValidIGD(devices, &g->urls, &g->data, lan, sizeof(lan));
#endif
}

/* All of |kinds| are asked for at once: one wait instead of one for each. */
static struct UPNPDev *search(const struct io_igd *g, const char *const kinds[])
{
	int err = 0;

	return upnpDiscoverDevices(kinds, IO_UPNP_DISCOVER_MS, g->client, NULL, UPNP_LOCAL_PORT_ANY, 0, IO_UPNP_TTL,
				   &err, 1);
}

static bool choose(struct io_igd *g, struct UPNPDev *devices)
{
	int kind = valid_igd(g, devices);

	g->is_known = kind != 0;
	g->version = kind != 1 && kind != 2 ? 0 : strstr(g->data.first.servicetype, IGD2_SERVICE) ? 2 : 1;
	freeUPNPDevlist(devices);
	if (g->version > 0)
		return true;
	snprintf(g->why, sizeof(g->why), "there is UPnP, and no router that maps ports");
	io_igd_forget(g);
	return false;
}

bool io_igd_find(struct io_igd *g, const atomic_bool *is_unwanted)
{
	static const char *const routers[] = {"urn:schemas-upnp-org:device:InternetGatewayDevice:2",
					      "urn:schemas-upnp-org:device:InternetGatewayDevice:1",
					      "urn:schemas-upnp-org:service:WANIPConnection:1",
					      "urn:schemas-upnp-org:service:WANPPPConnection:1", NULL};
	/* Some routers answer nothing but this, as do televisions. */
	static const char *const all[] = {"upnp:rootdevice", NULL};
	struct UPNPDev *devices;

	if (g->is_known)
		return true;
	devices = search(g, routers);
	if (devices && choose(g, devices))
		return true;
	if (*is_unwanted)
		return false;
	if (!devices)
		snprintf(g->why, sizeof(g->why), "no router answers");
	devices = search(g, all);
	return devices && choose(g, devices);
}

bool io_igd_is_known(const struct io_igd *g)
{
	return g->is_known;
}

unsigned io_igd_version(const struct io_igd *g)
{
	return g->version;
}

/* --- asking --- */

bool io_igd_external(struct io_igd *g, struct adit_addr *ret_external)
{
	char text[IP_LEN * 4] = "";
	int err = UPNP_GetExternalIPAddress(g->urls.controlURL, g->data.first.servicetype, text);
	struct adit_addr a;

	if (err != UPNPCOMMAND_SUCCESS)
		return say(g, "the router does not tell its external address", err);
	if (adit_addr_parse(text, strlen(text), &a) < 0 || !adit_addr_is_v4(&a) || adit_addr_is_any(&a)) {
		snprintf(g->why, sizeof(g->why), "the router has no external address");
		return false;
	}
	*ret_external = adit_addr_with_port(a, 0);
	return true;
}

bool io_igd_is_connected(struct io_igd *g)
{
	return UPNPIGD_IsConnected(&g->urls, &g->data) == 1;
}

static enum io_igd_answer answer_of(struct io_igd *g, int err, uint32_t lease)
{
	switch (err) {
	case UPNPCOMMAND_SUCCESS:
		return IO_IGD_DONE;
	case ERR_CONFLICT:
	case ERR_OTHER_MECHANISM:
	case ERR_NONE_FREE:
		say(g, "the router does not map", err);
		return IO_IGD_CONFLICT;
	case ERR_SAME_PORT:
		return IO_IGD_SAME_PORT;
	case ERR_ARGS:
	case ERR_ONLY_PERMANENT:
		say(g, "the router does not map", err);
		return lease != 0 ? IO_IGD_PERMANENT : IO_IGD_ERROR;
	default:
		say(g, "the router does not map", err);
		return IO_IGD_ERROR;
	}
}

enum io_igd_answer io_igd_add(struct io_igd *g, uint16_t external, uint16_t internal, uint32_t lease)
{
	char outside[NUMBER_LEN];
	char inside[NUMBER_LEN];
	char seconds[NUMBER_LEN];
	int err;

	snprintf(outside, sizeof(outside), "%u", external);
	snprintf(inside, sizeof(inside), "%u", internal);
	snprintf(seconds, sizeof(seconds), "%u", lease);
	err = UPNP_AddPortMapping(g->urls.controlURL, g->data.first.servicetype, outside, inside, g->client,
				  DESCRIPTION, "UDP", NULL, seconds);
	return answer_of(g, err, lease);
}

uint16_t io_igd_add_any(struct io_igd *g, uint16_t external, uint16_t internal, uint32_t lease)
{
	char outside[NUMBER_LEN];
	char inside[NUMBER_LEN];
	char seconds[NUMBER_LEN];
	char got[NUMBER_LEN] = "";
	unsigned long port;

	if (g->version < 2)
		return 0;
	snprintf(outside, sizeof(outside), "%u", external);
	snprintf(inside, sizeof(inside), "%u", internal);
	snprintf(seconds, sizeof(seconds), "%u", lease);
	if (UPNP_AddAnyPortMapping(g->urls.controlURL, g->data.first.servicetype, outside, inside, g->client,
				   DESCRIPTION, "UDP", NULL, seconds, got) != UPNPCOMMAND_SUCCESS)
		return 0;
	port = strtoul(got, NULL, 10);
	return port <= UINT16_MAX ? (uint16_t)port : 0;
}

/* Zero is "for ever", and what routers say that do not know. */
uint32_t io_igd_lease(uint32_t asked, const char *told)
{
	unsigned long seconds = strtoul(told, NULL, 10);

	if (seconds == 0 || (asked != 0 && seconds > asked))
		return asked;
	if (seconds < IO_UPNP_LEASE_MIN)
		return asked != 0 && asked < IO_UPNP_LEASE_MIN ? asked : IO_UPNP_LEASE_MIN;
	return seconds < UINT32_MAX ? (uint32_t)seconds : 0;
}

bool io_igd_is_ours(struct io_igd *g, uint16_t external, uint16_t internal, uint32_t *lease)
{
	char outside[NUMBER_LEN];
	char client[FIELD_LEN] = "";
	char inside[FIELD_LEN] = "";
	char desc[FIELD_LEN] = "";
	char enabled[FIELD_LEN] = "";
	char told[FIELD_LEN] = "";

	snprintf(outside, sizeof(outside), "%u", external);
	if (UPNP_GetSpecificPortMappingEntry(g->urls.controlURL, g->data.first.servicetype, outside, "UDP", NULL,
					     client, inside, desc, enabled, told) != UPNPCOMMAND_SUCCESS)
		return true; /* not every router answers that */
	if (strcmp(client, g->client) == 0 && strtoul(inside, NULL, 10) == internal) {
		*lease = io_igd_lease(*lease, told);
		return true;
	}
	snprintf(g->why, sizeof(g->why), "the router gives our port to another host");
	return false;
}

void io_igd_delete(struct io_igd *g, uint16_t external)
{
	char outside[NUMBER_LEN];

	if (!g->is_known)
		return;
	snprintf(outside, sizeof(outside), "%u", external);
	(void)UPNP_DeletePortMapping(g->urls.controlURL, g->data.first.servicetype, outside, "UDP", NULL);
}

const char *io_igd_why(const struct io_igd *g)
{
	return g->why;
}
