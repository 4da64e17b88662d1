#include "io/io_upnp.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "crypto/crypto.h"
#include "io/io_clock.h"
#include "io/io_igd.h"
#include "io/io_timer.h"

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
	atomic_bool has_asked; /* tells the loop: this step may make one */

	/* The worker's. */
	enum step step;
	struct io_igd *igd;
	uint16_t port; /* external, tried first */
	uint32_t lease; /* asked for: 0 where the router knows only permanent ones */
	uint32_t granted; /* what came of it, as far as the router tells */
	enum result result;
	struct adit_addr external;

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

static uint16_t random_port(void)
{
	struct adit_rng rng = crypto_rng();

	return (uint16_t)(IO_UPNP_PORT_FROM + adit_rng_below(&rng, UINT16_MAX - IO_UPNP_PORT_FROM + 1));
}

static bool made(struct io_upnp *u, uint16_t port)
{
	uint32_t lease = u->lease;

	if (!io_igd_is_ours(u->igd, port, u->cfg.own.port, &lease))
		return false;
	u->port = port;
	u->granted = lease;
	return true;
}

static bool make(struct io_upnp *u)
{
	uint16_t own = u->cfg.own.port;
	uint16_t port = u->port;

	u->has_asked = true; /* before the look: io_upnp_end() does both the other way round */
	if (u->is_unwanted)
		return false;
	for (unsigned i = 0; i < IO_UPNP_TRIES; i++) {
		enum io_igd_answer answer = io_igd_add(u->igd, port, own, u->lease);

		if (answer == IO_IGD_PERMANENT) {
			u->lease = 0;
			answer = io_igd_add(u->igd, port, own, 0);
		}
		if (answer == IO_IGD_DONE && made(u, port))
			return true;
		if (answer == IO_IGD_SAME_PORT && port != own) {
			port = own;
			continue;
		}
		if (answer != IO_IGD_DONE && answer != IO_IGD_CONFLICT)
			return false;
		port = io_igd_add_any(u->igd, u->port, own, u->lease);
		if (port != 0 && made(u, port))
			return true;
		port = random_port();
	}
	return false;
}

static bool map(struct io_upnp *u)
{
	bool was_known = io_igd_is_known(u->igd);

	if (!io_igd_find(u->igd, &u->is_unwanted) || u->is_unwanted)
		return false;
	if (io_igd_external(u->igd, &u->external) && make(u))
		return true;
	/* Its address or its control URL may be others since it was restarted. */
	if (!was_known)
		return false;
	io_igd_forget(u->igd);
	return io_igd_find(u->igd, &u->is_unwanted) && io_igd_external(u->igd, &u->external) && make(u);
}

static void on_work(uv_work_t *work)
{
	struct io_upnp *u = adit_container(work, struct io_upnp, work);

	if (u->step != STEP_MAP)
		io_igd_delete(u->igd, u->port);
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
	io_igd_free(u->igd);
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
	u->has_asked = false;
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

	if (u->granted != 0 && ADIT_SEC(u->granted) / 2 < again)
		again = ADIT_SEC(u->granted) / 2;
	io_timer_set(u->timer, io_clock_now() + again);
	u->is_mapped = true;
	u->none_told = false;
	u->backoff = IO_UPNP_RETRY_MIN;
	u->told_external = external;
	u->told_lease = u->granted;
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
		tell(u, IO_UPNP_LOST, io_igd_why(u->igd));
	else if (!u->none_told)
		tell(u, IO_UPNP_NONE, io_igd_why(u->igd));
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
	int err;

	if (!u)
		return ADIT_ENOMEM;
	u->igd = io_igd_new(&cfg->own);
	if (!u->igd) {
		free(u);
		return ADIT_ENOMEM;
	}
	u->loop = loop;
	u->cfg = *cfg;
	u->told = told;
	u->ctx = ctx;
	if (u->cfg.check == 0)
		u->cfg.check = IO_UPNP_CHECK;
	u->port = cfg->want_port ? cfg->want_port : cfg->own.port;
	u->lease = cfg->lease ? cfg->lease : IO_UPNP_LEASE;
	u->backoff = IO_UPNP_RETRY_MIN;
	err = io_timer_new(loop, on_timer, u, &u->timer);
	if (err < 0) {
		upnp_free(u);
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
	/* A search takes seconds, and nothing comes of it any more. */
	if (u->is_busy && !u->has_asked && !u->has_entry && !u->is_over)
		deleted(u);
	else
		go_on(u);
}

bool io_upnp_is_busy(const struct io_upnp *u)
{
	return u->is_busy;
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
