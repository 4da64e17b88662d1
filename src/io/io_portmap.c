#include "io/io_portmap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/portmap/portmap.h"
#include "crypto/crypto.h"
#include "io/io_clock.h"
#include "io/io_machine.h"
#include "io/io_route.h"
#include "io/io_timer.h"
#include "io/io_upnp.h"

/* One of the two protocols' state, as it was last told. */
struct half {
	bool is_used; /* it runs */
	bool is_mapped;
	bool has_failed; /* it has said why it cannot */
	bool is_withdrawn;
	bool is_ended;
	const char *how;
	struct adit_addr external;
	uint32_t lifetime;
	char why[IO_UPNP_WHY_MAX];
};

struct io_portmap {
	uv_loop_t *loop;
	struct io_portmap_config cfg;
	io_portmap_told *told;
	void *ctx;
	struct portmap pcp_machine;
	struct io_machine *machine;
	struct io_upnp *upnp;
	struct io_timer *timer; /* UPnP's turn */
	struct half pcp;
	struct half upnp_half;
	const struct half *active; /* whose mapping was told; NULL: none */
	struct io_portmap_event last; /* what was told of it */
	char why[2 * IO_UPNP_WHY_MAX + 32]; /* of both together */
	bool none_told;
	bool withdrawn_told;
	bool is_ending;
	bool is_ended;
	unsigned in_calls; /* how deep we are in calls to and from above: freed when none is left */
	bool is_closed;
};

static void portmap_really_free(struct io_portmap *p)
{
	io_machine_close(p->machine);
	io_upnp_free(p->upnp);
	io_timer_close(p->timer);
	free(p);
}

static void enter(struct io_portmap *p)
{
	p->in_calls++;
}

static void leave(struct io_portmap *p)
{
	if (--p->in_calls == 0 && p->is_closed)
		portmap_really_free(p);
}

/* --- what is told --- */

static void tell(struct io_portmap *p, const struct io_portmap_event *e)
{
	char text[ADIT_ADDR_STRLEN];

	if (p->is_closed)
		return;
	adit_trace(p->cfg.log, ADIT_LOG_DECIDE, "portmap event=%d how=%s external=%s lifetime=%u behind=%d why=\"%s\"",
		   (int)e->kind, e->how ? e->how : "-", adit_addr_format(&e->external, text), e->lifetime, e->is_behind,
		   e->why);
	p->told(p->ctx, e);
}

static bool is_behind(const struct io_portmap *p, const struct adit_addr *external)
{
	if (adit_addr_is_private(external) || adit_addr_is_link_local(external) || adit_addr_is_loopback(external))
		return true;
	return p->cfg.seen.family == external->family && !adit_addr_eq_ip(&p->cfg.seen, external);
}

static const char *behind_text(const struct io_portmap *p, const struct adit_addr *external)
{
	if (!is_behind(p, external))
		return "";
	return adit_addr_is_private(external)
		       ? "a second NAT stands outside the router: its address is a private one"
		       : "a second NAT stands outside the router: others see us from another address";
}

static void tell_mapped(struct io_portmap *p, const struct half *h)
{
	struct io_portmap_event e = {.kind = IO_PORTMAP_MAPPED,
				     .how = h->how,
				     .external = h->external,
				     .lifetime = h->lifetime,
				     .is_behind = is_behind(p, &h->external),
				     .why = behind_text(p, &h->external)};
	bool is_news = !p->active || p->last.how != e.how || !adit_addr_eq(&p->last.external, &e.external) ||
		       p->last.is_behind != e.is_behind;

	p->active = h;
	p->last = e;
	p->none_told = false;
	if (is_news)
		tell(p, &e);
}

static void tell_simple(struct io_portmap *p, enum io_portmap_event_kind kind, const char *why)
{
	tell(p, &(struct io_portmap_event){.kind = kind, .how = p->active ? p->active->how : NULL, .why = why});
}

static void start_upnp(struct io_portmap *p);

/* What each of the two has to say. */
static const char *reason(struct io_portmap *p)
{
	bool has_pcp = p->pcp.is_used && p->pcp.why[0];
	bool has_upnp = p->upnp_half.is_used && p->upnp_half.why[0];

	if (has_pcp && has_upnp)
		snprintf(p->why, sizeof(p->why), "%s%s%s; UPnP: %s", p->pcp.how ? p->pcp.how : "",
			 p->pcp.how ? ": " : "", p->pcp.why, p->upnp_half.why);
	else
		snprintf(p->why, sizeof(p->why), "%s", has_upnp ? p->upnp_half.why : p->pcp.why);
	return p->why;
}

static bool cannot(const struct half *h)
{
	return !h->is_used || h->is_withdrawn || h->has_failed;
}

static void check_ended(struct io_portmap *p)
{
	if (!p->is_ending || p->is_ended || (p->pcp.is_used && !p->pcp.is_ended) ||
	    (p->upnp_half.is_used && !p->upnp_half.is_ended))
		return;
	p->is_ended = true;
	p->active = NULL;
	tell_simple(p, IO_PORTMAP_ENDED, "");
}

/* After anything that either has said. */
static void judge(struct io_portmap *p)
{
	const struct half *h = p->pcp.is_mapped ? &p->pcp : p->upnp_half.is_mapped ? &p->upnp_half : NULL;

	if (p->is_ending) {
		check_ended(p);
		return;
	}
	if (h) {
		tell_mapped(p, h);
		/* PCP came late: one mapping is enough. Where it is the same one for the router it must not be deleted.
		 */
		if (h == &p->pcp && p->upnp_half.is_used && !p->is_closed) {
			bool is_same = adit_addr_eq(&p->pcp.external, &p->upnp_half.external);

			p->upnp_half.is_used = p->upnp_half.is_mapped = false;
			io_upnp_end(p->upnp, is_same);
		}
		return;
	}
	if (p->active) {
		tell_simple(p, IO_PORTMAP_LOST, p->active->why);
		p->active = NULL;
	}
	if (cannot(&p->pcp) && !p->upnp_half.is_used)
		start_upnp(p);
	if (!cannot(&p->pcp) || !cannot(&p->upnp_half))
		return;
	h = p->upnp_half.is_withdrawn ? &p->upnp_half : p->pcp.is_withdrawn ? &p->pcp : NULL;
	if (h && !p->withdrawn_told) {
		p->withdrawn_told = true;
		tell_simple(p, IO_PORTMAP_WITHDRAWN, h->why);
	} else if (!h && !p->none_told) {
		p->none_told = true;
		tell_simple(p, IO_PORTMAP_NONE, reason(p));
	}
}

static void set_why(struct half *h, const char *why)
{
	size_t n = strlen(why);

	if (n >= sizeof(h->why))
		n = sizeof(h->why) - 1;
	memcpy(h->why, why, n);
	h->why[n] = 0;
}

/* --- UPnP --- */

static void on_upnp(void *ctx, const struct io_upnp_event *e)
{
	struct io_portmap *p = ctx;
	struct half *h = &p->upnp_half;

	enter(p);
	if (e->why[0])
		set_why(h, e->why);
	h->is_mapped = e->kind == IO_UPNP_MAPPED;
	h->has_failed = e->kind == IO_UPNP_NONE;
	h->is_withdrawn |= e->kind == IO_UPNP_WITHDRAWN;
	h->is_ended |= e->kind == IO_UPNP_ENDED;
	if (h->is_mapped) {
		h->external = e->external;
		h->lifetime = e->lease;
	}
	if (e->kind == IO_UPNP_ENDED) {
		io_upnp_free(p->upnp);
		p->upnp = NULL;
	}
	if (h->is_used || p->is_ending || e->kind == IO_UPNP_ENDED)
		judge(p);
	leave(p);
}

static void start_upnp(struct io_portmap *p)
{
	struct io_upnp_config c = {.own = adit_addr_with_port(p->cfg.own, p->cfg.port),
				   .want_port = p->cfg.want_port,
				   .lease = p->cfg.lifetime,
				   .check = p->cfg.check,
				   .log = p->cfg.log};

	/* One that was given up for PCP's sake may still be deleting. */
	if (p->is_ending || p->upnp || !(p->cfg.ways & IO_PORTMAP_UPNP) || !adit_addr_is_v4(&p->cfg.own) ||
	    p->upnp_half.is_withdrawn)
		return;
	if (io_upnp_new(p->loop, &c, on_upnp, p, &p->upnp) < 0)
		return;
	p->upnp_half = (struct half){.is_used = true, .how = "UPnP"};
}

static void on_timer(void *ctx)
{
	struct io_portmap *p = ctx;

	enter(p);
	if (!p->active && !p->is_ending)
		start_upnp(p);
	leave(p);
}

/* --- PCP and NAT-PMP --- */

static void ops_input(void *self, adit_time now, const struct adit_dgram *d)
{
	(void)!portmap_input(self, now, d);
}

static void ops_icmp(void *self, adit_time now, const struct adit_icmp *icmp)
{
	portmap_icmp(self, now, icmp);
}

static void ops_sock_failed(void *self, adit_time now, uint32_t sock)
{
	portmap_sock_failed(self, now, sock);
}

static void ops_tick(void *self, adit_time now)
{
	portmap_tick(self, now);
}

static adit_time ops_deadline(const void *self)
{
	return portmap_deadline(self);
}

/* The router is told our address (PCP): what leaves must have it. */
static int ops_output(void *self, adit_time now, struct adit_out *ret_out)
{
	struct portmap *m = self;
	int n = portmap_output(m, now, ret_out);

	if (n == 1 && ret_out->kind == ADIT_OUT_SEND)
		ret_out->local = m->cfg.own;
	return n;
}

static const struct adit_machine_ops pcp_ops = {.input = ops_input,
						.icmp = ops_icmp,
						.sock_failed = ops_sock_failed,
						.tick = ops_tick,
						.deadline = ops_deadline,
						.output = ops_output};

static void on_pcp(struct io_portmap *p, const struct portmap_event *e)
{
	static const char *const hows[] = {NULL, "PCP", "NAT-PMP"};
	struct half *h = &p->pcp;

	h->is_mapped = e->kind == PORTMAP_EVENT_MAPPED || e->kind == PORTMAP_EVENT_CHANGED ||
		       e->kind == PORTMAP_EVENT_RESTORED;
	h->has_failed = e->kind == PORTMAP_EVENT_REFUSED || e->kind == PORTMAP_EVENT_NONE;
	h->is_withdrawn |= e->kind == PORTMAP_EVENT_WITHDRAWN;
	if (e->protocol != PORTMAP_UNKNOWN)
		h->how = hows[e->protocol];
	if (h->is_mapped) {
		h->external = e->external;
		h->lifetime = e->lifetime;
	} else {
		set_why(h, e->reason ? e->reason : "");
	}
	/* The router was restarted: UPnP's mapping is gone with it, and nobody tells it. */
	if (e->kind == PORTMAP_EVENT_RESTORED && p->upnp)
		io_upnp_check(p->upnp);
	judge(p);
}

static void on_ran(void *ctx)
{
	struct io_portmap *p = ctx;
	struct portmap_event e;

	enter(p);
	while (!p->is_closed && portmap_event(&p->pcp_machine, &e))
		on_pcp(p, &e);
	if (p->is_ending && portmap_is_done(&p->pcp_machine) && !p->pcp.is_ended) {
		p->pcp.is_ended = true;
		check_ended(p);
	}
	leave(p);
}

static int start_pcp(struct io_portmap *p)
{
	struct portmap_config c = {.gateway = p->cfg.gateway,
				   .own = adit_addr_with_port(p->cfg.own, p->cfg.port),
				   .want_port = p->cfg.want_port,
				   .lifetime = p->cfg.lifetime,
				   .rng = crypto_rng(),
				   .log = p->cfg.log};

	portmap_init(&p->pcp_machine, &c, io_clock_now());
	p->pcp.is_used = true;
	return io_machine_new(p->loop, p->cfg.log, &pcp_ops, &p->pcp_machine, on_ran, p, &p->machine);
}

/* --- from above --- */

int io_portmap_new(uv_loop_t *loop, const struct io_portmap_config *cfg, io_portmap_told *told, void *ctx,
		   struct io_portmap **ret_portmap)
{
	struct io_portmap *p = calloc(1, sizeof(*p));
	struct adit_addr own;
	int err = 0;

	if (!p)
		return ADIT_ENOMEM;
	p->loop = loop;
	p->cfg = *cfg;
	p->told = told;
	p->ctx = ctx;
	if (p->cfg.ways == 0)
		p->cfg.ways = IO_PORTMAP_PCP | IO_PORTMAP_UPNP;
	if (p->cfg.gateway.family == ADIT_FAMILY_NONE) {
		err = io_route_default(cfg->family, &p->cfg.gateway, &own);
		if (err == 0 && p->cfg.own.family == ADIT_FAMILY_NONE)
			p->cfg.own = own;
	}
	if (err == 0)
		err = io_timer_new(loop, on_timer, p, &p->timer);
	if (err < 0) {
		free(p);
		return err;
	}
	if (p->cfg.ways & IO_PORTMAP_PCP)
		err = start_pcp(p);
	if (err < 0) {
		portmap_really_free(p);
		return err;
	}
	io_timer_set(p->timer, io_clock_now() + (p->pcp.is_used ? IO_PORTMAP_UPNP_AFTER : 0));
	*ret_portmap = p;
	return 0;
}

void io_portmap_check(struct io_portmap *p)
{
	enter(p);
	if (p->machine) {
		portmap_check(&p->pcp_machine, io_clock_now());
		io_machine_wake(p->machine);
	}
	if (p->upnp)
		io_upnp_check(p->upnp);
	leave(p);
}

void io_portmap_set_seen(struct io_portmap *p, const struct adit_addr *seen)
{
	enter(p);
	p->cfg.seen = *seen;
	if (p->active)
		tell_mapped(p, p->active);
	leave(p);
}

void io_portmap_proven(struct io_portmap *p)
{
	if (p->active == &p->pcp)
		portmap_verify_passed(&p->pcp_machine);
	else if (p->active && p->upnp)
		io_upnp_verify_passed(p->upnp);
}

void io_portmap_suspect(struct io_portmap *p)
{
	enter(p);
	if (p->active == &p->pcp) {
		portmap_verify_failed(&p->pcp_machine, io_clock_now());
		io_machine_wake(p->machine);
	} else if (p->active && p->upnp) {
		io_upnp_verify_failed(p->upnp);
	}
	leave(p);
}

void io_portmap_end(struct io_portmap *p)
{
	enter(p);
	p->is_ending = true;
	io_timer_set(p->timer, ADIT_NEVER);
	if (p->machine) {
		portmap_end(&p->pcp_machine, io_clock_now());
		io_machine_wake(p->machine);
	}
	p->upnp_half.is_used = p->upnp != NULL;
	if (p->upnp)
		io_upnp_end(p->upnp, false);
	check_ended(p);
	leave(p);
}

void io_portmap_forked(struct io_portmap *p)
{
	if (!p->upnp || !io_upnp_is_busy(p->upnp))
		return;
	io_upnp_free(p->upnp); /* its memory stays, as nobody tells the end of that step */
	p->upnp = NULL;
	start_upnp(p);
}

void io_portmap_free(struct io_portmap *p)
{
	if (!p)
		return;
	enter(p);
	p->is_closed = true;
	leave(p);
}
