#include "io/io_portmap_look.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/list.h"
#include "io/io_clock.h"
#include "io/io_igd.h"
#include "io/io_machine.h"
#include "io/io_route.h"
#include "io/io_timer.h"

/* One family's questions. */
struct half {
	struct io_portmap_look *owner;
	struct portmap_look machine;
	struct io_machine *io; /* NULL: done, or there is no such router */
};

/* The worker has |igd| and |found| to itself while |is_busy|. Freed by whoever is last. */
struct io_portmap_look {
	uv_work_t work;
	io_portmap_look_done *done;
	void *ctx;
	struct half half[2]; /* IPv4, IPv6 */
	struct io_timer *begin;
	bool is_busy;
	bool is_closed;
	bool is_told;
	atomic_bool is_unwanted;
	struct io_igd *igd;
	struct {
		unsigned version;
		bool is_connected;
		struct adit_addr external;
		char why[IO_UPNP_WHY_MAX];
	} found;
	struct io_portmap_services services;
};

struct adit_addr io_portmap_services_external(const struct io_portmap_services *s)
{
	return s->pmp_external.family != ADIT_FAMILY_NONE ? s->pmp_external : s->upnp_external;
}

bool io_portmap_services_any(const struct io_portmap_services *s)
{
	return (s->pcp.is_there && !s->pcp.refusal) || (s->pmp.is_there && !s->pmp.refusal) ||
	       (s->upnp_version > 0 && s->upnp_external.family != ADIT_FAMILY_NONE);
}

const struct io_portmap_services *io_portmap_look_services(const struct io_portmap_look *l)
{
	return &l->services;
}

static void look_free(struct io_portmap_look *l)
{
	io_igd_free(l->igd);
	free(l);
}

static void tell_if_whole(struct io_portmap_look *l)
{
	if (l->is_told || l->is_closed || l->is_busy || l->half[0].io || l->half[1].io)
		return;
	l->is_told = true;
	l->services.is_whole = true;
	l->done(l->ctx, &l->services);
}

/* --- UPnP --- */

static void on_work(uv_work_t *work)
{
	struct io_portmap_look *l = adit_container(work, struct io_portmap_look, work);

	if (!io_igd_find(l->igd, &l->is_unwanted)) {
		snprintf(l->found.why, sizeof(l->found.why), "%s", io_igd_why(l->igd));
		return;
	}
	l->found.version = io_igd_version(l->igd);
	l->found.is_connected = io_igd_is_connected(l->igd);
	if (!io_igd_external(l->igd, &l->found.external))
		snprintf(l->found.why, sizeof(l->found.why), "%s", io_igd_why(l->igd));
}

static void on_worked(uv_work_t *work, int status)
{
	struct io_portmap_look *l = adit_container(work, struct io_portmap_look, work);

	(void)status;
	l->is_busy = false;
	if (l->is_closed) {
		look_free(l);
		return;
	}
	l->services.upnp_version = l->found.version;
	l->services.upnp_is_connected = l->found.is_connected;
	l->services.upnp_external = l->found.external;
	snprintf(l->services.upnp_why, sizeof(l->services.upnp_why), "%s", l->found.why);
	tell_if_whole(l);
}

/* --- PCP and NAT-PMP --- */

static void on_ran(void *ctx)
{
	struct half *h = ctx;
	struct io_portmap_look *l = h->owner;
	struct io_portmap_services *s = &l->services;

	if (h == &l->half[0]) {
		s->pcp = h->machine.pcp;
		s->pmp = h->machine.pmp;
		s->pmp_external = h->machine.external;
	} else {
		s->pcp6 = h->machine.pcp;
	}
	if (!portmap_look_is_done(&h->machine))
		return;
	io_machine_close(h->io);
	h->io = NULL;
	tell_if_whole(l);
}

static int half_start(struct io_portmap_look *l, uv_loop_t *loop, const struct adit_log *log, struct half *h,
		      enum adit_family family, struct adit_addr *ret_gateway)
{
	struct portmap_look_config c = {.log = log};
	int err = io_route_default(family, &c.gateway, &c.own);

	h->owner = l;
	if (err == ADIT_ENOENT || err == ADIT_ESYS)
		return 0; /* this family has no router */
	if (err < 0)
		return err;
	*ret_gateway = adit_addr_with_port(c.gateway, 0);
	if (family == ADIT_FAMILY_V4)
		l->services.own = c.own;
	portmap_look_init(&h->machine, &c, io_clock_now());
	return io_machine_new(loop, log, &portmap_look_ops, &h->machine, on_ran, h, &h->io);
}

static void on_begin(void *ctx)
{
	tell_if_whole(ctx); /* where there is nobody to ask */
}

int io_portmap_look_new(uv_loop_t *loop, const struct adit_log *log, io_portmap_look_done *done, void *ctx,
			struct io_portmap_look **ret_look)
{
	struct io_portmap_look *l = calloc(1, sizeof(*l));
	int err;

	if (!l)
		return ADIT_ENOMEM;
	l->done = done;
	l->ctx = ctx;
	err = io_timer_new(loop, on_begin, l, &l->begin);
	if (err == 0)
		err = half_start(l, loop, log, &l->half[0], ADIT_FAMILY_V4, &l->services.gateway);
	if (err == 0)
		err = half_start(l, loop, log, &l->half[1], ADIT_FAMILY_V6, &l->services.gateway6);
	if (err == 0 && l->half[0].io) {
		l->igd = io_igd_new(&l->services.own);
		l->is_busy = l->igd && uv_queue_work(loop, &l->work, on_work, on_worked) == 0;
		err = l->is_busy ? 0 : ADIT_ENOMEM;
	}
	if (err < 0) {
		io_portmap_look_close(l);
		return err;
	}
	io_timer_set(l->begin, io_clock_now());
	*ret_look = l;
	return 0;
}

void io_portmap_look_close(struct io_portmap_look *l)
{
	if (!l || l->is_closed)
		return;
	l->is_closed = true;
	l->is_unwanted = true;
	io_timer_close(l->begin);
	for (unsigned i = 0; i < 2; i++)
		io_machine_close(l->half[i].io);
	if (!l->is_busy)
		look_free(l);
}
