#include "io/io_upnp.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <miniupnpc/miniupnpc.h>
#include <miniupnpc/upnpcommands.h>
#include <miniupnpc/upnperrors.h>

#include "base/list.h"
#include "crypto/crypto.h"
#include "io/io_clock.h"
#include "io/io_timer.h"

#define DESCRIPTION "adit"
#define NUMBER_LEN  12 /* bytes of a decimal uint32 with its NUL */
#define IP_LEN      16 /* bytes of a numeric IPv4 address with its NUL: what the library writes */
#define FIELD_LEN   80 /* bytes of what the library writes into an entry's fields */

/* UPnP IGD errors, WANIPConnection:2 2.5; those of the library are negative. */
enum {
	ERR_ARGS = 402,
	ERR_NO_ENTRY = 714,
	ERR_CONFLICT = 718,
	ERR_SAME_PORT = 724, /* external and internal port must be equal */
	ERR_ONLY_PERMANENT = 725,
	ERR_NONE_FREE = 728,
	ERR_OTHER_MECHANISM = 729,
};

enum step {
	STEP_MAP, /* find the router if need be, make or renew the mapping */
	STEP_DELETE,
	STEP_REMAP, /* both: after a failed verification */
};

/* What a step came to. */
enum result {
	RESULT_MAPPED,
	RESULT_FAILED,
	RESULT_DELETED,
};

/*
 * The worker has all of this to itself while |is_busy|; the loop's thread looks at it before and after. Freed by
 * whoever is last.
 */
struct io_upnp {
	uv_work_t work;
	uv_loop_t *loop;
	struct io_upnp_config cfg;
	io_upnp_told *told;
	void *ctx;
	struct io_timer *timer;
	bool is_busy;
	bool is_closed;
	atomic_bool is_unwanted; /* tells the worker: make no mapping any more */

	/* The worker's. */
	enum step step;
	bool has_igd;
	struct UPNPUrls urls;
	struct IGDdatas igd;
	char client[IP_LEN]; /* our address as the router will be told */
	uint16_t port; /* external, tried first */
	uint32_t lease; /* asked for: 0 where the router knows only permanent ones */
	enum result result;
	struct adit_addr external;
	char why[IO_UPNP_WHY_MAX];

	/* The loop's. */
	bool is_mapped; /* as far as it was told */
	bool has_entry; /* the router may have one */
	struct adit_addr told_external;
	uint32_t told_lease;
	bool none_told;
	bool want_end;
	bool keep;
	bool want_check;
	bool want_remap;
	bool is_over; /* WITHDRAWN or ENDED */
	bool is_ended;
	unsigned failures; /* of verification, in a row */
	adit_dur backoff;
};

/* --- on the worker: blocking --- */

static void forget_igd(struct io_upnp *u)
{
	if (u->has_igd)
		FreeUPNPUrls(&u->urls);
	u->has_igd = false;
}

static const char *error_text(int err)
{
	const char *text = strupnperror(err);

	return text ? text : "unknown error";
}

static bool say(struct io_upnp *u, const char *what, int err)
{
	snprintf(u->why, sizeof(u->why), "%s: %s (%d)", what, error_text(err), err);
	return false;
}

/* 1: connected, 2: known to be an IGD that says it is not (or, since API 18, that has a private address). */
static int valid_igd(struct io_upnp *u, struct UPNPDev *devices)
{
	char lan[IP_LEN * 4];

#if MINIUPNPC_API_VERSION >= 18
	char wan[IP_LEN * 4];

	return UPNP_GetValidIGD(devices, &u->urls, &u->igd, lan, sizeof(lan), wan, sizeof(wan));
#else
	return UPNP_GetValidIGD(devices, &u->urls, &u->igd, lan, sizeof(lan));
#endif
}

static bool discover(struct io_upnp *u)
{
	struct UPNPDev *devices;
	int err = 0;
	int kind;

	if (u->has_igd)
		return true;
	devices = upnpDiscover(IO_UPNP_DISCOVER_MS, u->client, NULL, UPNP_LOCAL_PORT_ANY, 0, IO_UPNP_TTL, &err);
	if (!devices) {
		snprintf(u->why, sizeof(u->why), "no router answers UPnP");
		return false;
	}
	kind = valid_igd(u, devices);
	freeUPNPDevlist(devices);
	u->has_igd = kind != 0;
	if (kind == 1 || kind == 2)
		return true;
	snprintf(u->why, sizeof(u->why), "there is UPnP, and no router that maps ports");
	forget_igd(u);
	return false;
}

static bool find_external(struct io_upnp *u)
{
	char text[IP_LEN * 4] = "";
	int err = UPNP_GetExternalIPAddress(u->urls.controlURL, u->igd.first.servicetype, text);

	if (err != UPNPCOMMAND_SUCCESS)
		return say(u, "the router does not tell its external address", err);
	if (adit_addr_parse(text, strlen(text), &u->external) < 0 || !adit_addr_is_v4(&u->external) ||
	    adit_addr_is_any(&u->external)) {
		snprintf(u->why, sizeof(u->why), "the router has no external address");
		return false;
	}
	return true;
}

static int add(struct io_upnp *u, uint16_t port, uint32_t lease)
{
	char external[NUMBER_LEN];
	char internal[NUMBER_LEN];
	char seconds[NUMBER_LEN];

	snprintf(external, sizeof(external), "%u", port);
	snprintf(internal, sizeof(internal), "%u", u->cfg.own.port);
	snprintf(seconds, sizeof(seconds), "%u", lease);
	return UPNP_AddPortMapping(u->urls.controlURL, u->igd.first.servicetype, external, internal, u->client,
				   DESCRIPTION, "UDP", NULL, seconds);
}

/* The router chooses the port: version 2 only. 0: it did not. */
static uint16_t add_any(struct io_upnp *u)
{
	char external[NUMBER_LEN];
	char internal[NUMBER_LEN];
	char seconds[NUMBER_LEN];
	char got[NUMBER_LEN] = "";
	unsigned long port;

	if (!strstr(u->igd.first.servicetype, "WANIPConnection:2"))
		return 0;
	snprintf(external, sizeof(external), "%u", u->port);
	snprintf(internal, sizeof(internal), "%u", u->cfg.own.port);
	snprintf(seconds, sizeof(seconds), "%u", u->lease);
	if (UPNP_AddAnyPortMapping(u->urls.controlURL, u->igd.first.servicetype, external, internal, u->client,
				   DESCRIPTION, "UDP", NULL, seconds, got) != UPNPCOMMAND_SUCCESS)
		return 0;
	port = strtoul(got, NULL, 10);
	return port <= UINT16_MAX ? (uint16_t)port : 0;
}

/* Whose is the mapping of |port|? Some routers say yes to a second host and leave the port to the first. */
static bool is_ours(struct io_upnp *u, uint16_t port)
{
	char external[NUMBER_LEN];
	char client[FIELD_LEN] = "";
	char internal[FIELD_LEN] = "";
	char desc[FIELD_LEN] = "";
	char enabled[FIELD_LEN] = "";
	char lease[FIELD_LEN] = "";

	snprintf(external, sizeof(external), "%u", port);
	if (UPNP_GetSpecificPortMappingEntry(u->urls.controlURL, u->igd.first.servicetype, external, "UDP", NULL,
					     client, internal, desc, enabled, lease) != UPNPCOMMAND_SUCCESS)
		return true; /* not every router answers that */
	return strcmp(client, u->client) == 0 && strtoul(internal, NULL, 10) == u->cfg.own.port;
}

static uint16_t random_port(void)
{
	struct adit_rng rng = crypto_rng();

	return (uint16_t)(IO_UPNP_PORT_FROM + adit_rng_below(&rng, UINT16_MAX - IO_UPNP_PORT_FROM + 1));
}

static bool is_conflict(int err)
{
	return err == ERR_CONFLICT || err == ERR_OTHER_MECHANISM || err == ERR_NONE_FREE;
}

static bool make(struct io_upnp *u)
{
	uint16_t port = u->port;
	int err = 0;

	for (unsigned i = 0; i < IO_UPNP_TRIES; i++) {
		err = add(u, port, u->lease);
		if (u->lease != 0 && (err == ERR_ONLY_PERMANENT || err == ERR_ARGS)) {
			u->lease = 0;
			err = add(u, port, 0);
		}
		if (err == UPNPCOMMAND_SUCCESS && is_ours(u, port)) {
			u->port = port;
			return true;
		}
		if (err == ERR_SAME_PORT && port != u->cfg.own.port) {
			port = u->cfg.own.port;
			continue;
		}
		if (err != UPNPCOMMAND_SUCCESS && !is_conflict(err))
			break;
		port = add_any(u);
		if (port != 0 && is_ours(u, port)) {
			u->port = port;
			return true;
		}
		port = random_port();
	}
	return say(u,
		   err == UPNPCOMMAND_SUCCESS ? "the router gives our port to another host" : "the router does not map",
		   err);
}

static void unmap(struct io_upnp *u)
{
	char external[NUMBER_LEN];

	if (!u->has_igd)
		return;
	snprintf(external, sizeof(external), "%u", u->port);
	/* What cannot be deleted runs out, or its router is gone. */
	(void)UPNP_DeletePortMapping(u->urls.controlURL, u->igd.first.servicetype, external, "UDP", NULL);
}

static bool map(struct io_upnp *u)
{
	bool was_known = u->has_igd;

	if (!discover(u) || u->is_unwanted)
		return false;
	if (find_external(u) && make(u))
		return true;
	/* Its address or its control URL may be others since it was restarted. */
	if (!was_known)
		return false;
	forget_igd(u);
	return discover(u) && find_external(u) && make(u);
}

static void on_work(uv_work_t *work)
{
	struct io_upnp *u = adit_container(work, struct io_upnp, work);

	if (u->step != STEP_MAP)
		unmap(u);
	if (u->step == STEP_DELETE) {
		u->result = RESULT_DELETED;
		return;
	}
	if (u->step == STEP_REMAP)
		u->port = random_port(); /* that one port may be what another box in the way keeps for itself */
	u->result = map(u) ? RESULT_MAPPED : RESULT_FAILED;
}

/* --- on the loop --- */

static void upnp_free(struct io_upnp *u)
{
	forget_igd(u);
	free(u);
}

/* The call may free it: |is_busy| leaves that to us. False: it is gone. */
static bool tell(struct io_upnp *u, enum io_upnp_event_kind kind, const char *why)
{
	struct io_upnp_event e = {.kind = kind, .external = u->told_external, .lease = u->told_lease, .why = why};
	bool was_busy = u->is_busy;
	char text[ADIT_ADDR_STRLEN];

	adit_trace(u->cfg.log, ADIT_LOG_DECIDE, "upnp event=%d external=%s lease=%u why=\"%s\"", (int)kind,
		   adit_addr_format(&e.external, text), e.lease, e.why);
	u->is_busy = true;
	u->told(u->ctx, &e);
	u->is_busy = was_busy;
	if (was_busy || !u->is_closed)
		return true;
	upnp_free(u);
	return false;
}

static void on_done(uv_work_t *work, int status);

static void start(struct io_upnp *u, enum step step)
{
	if (u->is_busy || u->is_closed)
		return;
	u->step = step;
	u->is_busy = true;
	io_timer_set(u->timer, ADIT_NEVER);
	if (uv_queue_work(u->loop, &u->work, on_work, on_done) < 0) {
		u->is_busy = false;
		io_timer_set(u->timer, io_clock_now() + IO_UPNP_RETRY_MIN);
	}
}

static void mapped(struct io_upnp *u)
{
	struct adit_addr external = adit_addr_with_port(u->external, u->port);
	adit_dur again = u->cfg.check;
	bool is_news = !u->is_mapped || !adit_addr_eq(&external, &u->told_external);

	if (u->lease != 0 && ADIT_SEC(u->lease) / 2 < again)
		again = ADIT_SEC(u->lease) / 2;
	io_timer_set(u->timer, io_clock_now() + again);
	u->is_mapped = true;
	u->none_told = false;
	u->backoff = IO_UPNP_RETRY_MIN;
	u->told_external = external;
	u->told_lease = u->lease;
	u->has_entry = true;
	if (is_news)
		tell(u, IO_UPNP_MAPPED, "");
}

static void failed(struct io_upnp *u)
{
	bool was_mapped = u->is_mapped;

	if (u->want_end)
		return; /* nobody waits for it any more */
	io_timer_set(u->timer, io_clock_now() + u->backoff);
	u->backoff = 2 * u->backoff > IO_UPNP_RETRY_MAX ? IO_UPNP_RETRY_MAX : 2 * u->backoff;
	u->is_mapped = false;
	if (was_mapped)
		tell(u, IO_UPNP_LOST, u->why);
	else if (!u->none_told)
		tell(u, IO_UPNP_NONE, u->why);
	u->none_told = true;
}

static void deleted(struct io_upnp *u)
{
	u->is_mapped = u->has_entry = false;
	u->is_over = true;
	u->is_ended = u->want_end;
	if (u->want_end)
		tell(u, IO_UPNP_ENDED, "");
	else
		tell(u, IO_UPNP_WITHDRAWN, "the router says yes and forwards nothing, twice");
}

static void go_on(struct io_upnp *u)
{
	if (u->is_closed || u->is_busy)
		return;
	if (u->is_over) {
		/* Withdrawn before; the end is told all the same, once. */
		if (u->want_end && !u->is_ended) {
			u->is_ended = true;
			tell(u, IO_UPNP_ENDED, "");
		}
	} else if (u->want_end) {
		if (u->has_entry && !u->keep)
			start(u, STEP_DELETE);
		else
			deleted(u);
	} else if (u->want_remap) {
		u->want_remap = false;
		start(u, u->failures > 1 ? STEP_DELETE : STEP_REMAP);
	} else if (u->want_check) {
		u->want_check = false;
		start(u, STEP_MAP);
	}
}

static void on_done(uv_work_t *work, int status)
{
	struct io_upnp *u = adit_container(work, struct io_upnp, work);

	(void)status;
	u->is_busy = false;
	if (u->is_closed) {
		upnp_free(u);
		return;
	}
	u->is_busy = true; /* whatever the calls do, it is freed below */
	if (u->result == RESULT_MAPPED)
		mapped(u);
	else if (u->result == RESULT_FAILED)
		failed(u);
	else
		deleted(u);
	u->is_busy = false;
	if (u->is_closed)
		upnp_free(u);
	else
		go_on(u);
}

static void on_timer(void *ctx)
{
	struct io_upnp *u = ctx;

	u->want_check = true;
	go_on(u);
}

int io_upnp_new(uv_loop_t *loop, const struct io_upnp_config *cfg, io_upnp_told *told, void *ctx,
		struct io_upnp **ret_upnp)
{
	struct io_upnp *u = calloc(1, sizeof(*u));
	struct adit_addr ip = adit_addr_with_port(cfg->own, 0);
	char text[ADIT_ADDR_STRLEN];
	int err;

	if (!u)
		return ADIT_ENOMEM;
	u->loop = loop;
	u->cfg = *cfg;
	u->told = told;
	u->ctx = ctx;
	if (u->cfg.check == 0)
		u->cfg.check = IO_UPNP_CHECK;
	u->port = cfg->want_port ? cfg->want_port : cfg->own.port;
	u->lease = cfg->lease ? cfg->lease : IO_UPNP_LEASE;
	u->backoff = IO_UPNP_RETRY_MIN;
	snprintf(u->client, sizeof(u->client), "%s", adit_addr_format(&ip, text));
	err = io_timer_new(loop, on_timer, u, &u->timer);
	if (err < 0) {
		free(u);
		return err;
	}
	start(u, STEP_MAP);
	*ret_upnp = u;
	return 0;
}

void io_upnp_check(struct io_upnp *u)
{
	u->want_check = true;
	go_on(u);
}

void io_upnp_verify_passed(struct io_upnp *u)
{
	u->failures = 0;
}

void io_upnp_verify_failed(struct io_upnp *u)
{
	if (!u->is_mapped || u->want_remap)
		return;
	u->failures++;
	u->want_remap = true;
	u->is_mapped = false;
	if (tell(u, IO_UPNP_LOST, "the router says yes and forwards nothing"))
		go_on(u);
}

void io_upnp_end(struct io_upnp *u, bool keep)
{
	u->want_end = true;
	u->is_unwanted = true;
	u->keep = keep;
	go_on(u);
}

void io_upnp_free(struct io_upnp *u)
{
	if (!u || u->is_closed)
		return;
	u->is_closed = true;
	u->is_unwanted = true;
	io_timer_close(u->timer);
	if (!u->is_busy)
		upnp_free(u);
}
