#include "api/api_mapped.h"

#include "core/reach/reach_limits.h"
#include "crypto/crypto.h"
#include "io/io_route.h"

/* None of the link's: link_limits.h. portmap.h uses the next one, too. */
#define SOCK 0xfe000000u

void api_mapped_init(struct api_mapped *m, bool asks, uint16_t port, uint16_t forwarded, const struct adit_log *log)
{
	struct adit_rng rng = crypto_rng();

	m->asks = asks && forwarded == 0;
	m->forwarded = forwarded;
	m->port = port ? port : (uint16_t)(REACH_PORT_MIN + adit_rng_below(&rng, REACH_PORT_COUNT));
	m->portmap.cfg.log = log;
}

static void set_map(struct api_mapped *m, struct link *link, adit_time now, const struct adit_addr *external)
{
	m->is_mapped = external != NULL;
	m->map = (struct reach_mapping){.port = m->port};
	if (external)
		m->map.external = *external;
	link_set_mapped(link, now, ADIT_FAMILY_V4, external ? &m->map : NULL);
}

/* What was mapped led to an address that is gone; it runs out. */
static void leave(struct api_mapped *m, struct io_wait *w, struct link *link, adit_time now)
{
	if (!m->runs)
		return;
	io_wait_close(w, SOCK);
	io_wait_close(w, SOCK + 1);
	m->runs = false;
	if (m->is_mapped)
		set_map(m, link, now, NULL);
}

static void ask(struct api_mapped *m, adit_time now, const struct adit_addr *gateway, const struct adit_addr *own)
{
	struct portmap_config c = {.gateway = *gateway,
				   .own = adit_addr_with_port(*own, m->port),
				   .sock = SOCK,
				   .rng = crypto_rng(),
				   .log = m->portmap.cfg.log};

	m->own = *own;
	m->runs = true;
	portmap_init(&m->portmap, &c, now);
}

/* A machine with a public address of its own is forwarded to by nobody, and its router is the provider's. */
void api_mapped_look(struct api_mapped *m, struct io_wait *w, struct link *link, adit_time now)
{
	struct adit_addr gateway;
	struct adit_addr own;

	if (m->forwarded && !m->is_mapped) {
		own = adit_addr_v4(0, 0, 0, 0, m->forwarded); /* whatever public address there is */
		set_map(m, link, now, &own);
	}
	if (!m->asks || m->is_over)
		return;
	if (io_route_default(ADIT_FAMILY_V4, &gateway, &own) < 0 || !adit_addr_is_private(&own)) {
		leave(m, w, link, now);
	} else if (m->runs && adit_addr_eq_ip(&own, &m->own)) {
		portmap_check(&m->portmap, now);
	} else {
		leave(m, w, link, now);
		ask(m, now, &gateway, &own);
	}
}

static bool is_mine(const struct api_mapped *m, uint32_t sock)
{
	return m->runs && sock - SOCK < 2;
}

bool api_mapped_input(struct api_mapped *m, adit_time now, const struct io_wait_news *news)
{
	bool is_icmp = news->kind == IO_WAIT_ICMP;

	if ((!is_icmp && news->kind != IO_WAIT_DGRAM) || !is_mine(m, is_icmp ? news->icmp.sock : news->dgram.sock))
		return false;
	if (is_icmp)
		portmap_icmp(&m->portmap, now, &news->icmp);
	else
		(void)!portmap_input(&m->portmap, now, &news->dgram);
	return true;
}

bool api_mapped_sock_failed(struct api_mapped *m, adit_time now, uint32_t sock)
{
	if (!is_mine(m, sock))
		return false;
	portmap_sock_failed(&m->portmap, now, sock);
	return true;
}

void api_mapped_tick(struct api_mapped *m, adit_time now)
{
	if (m->runs)
		portmap_tick(&m->portmap, now);
}

adit_time api_mapped_deadline(const struct api_mapped *m)
{
	return m->runs ? portmap_deadline(&m->portmap) : ADIT_NEVER;
}

/* The router is told our address (PCP): what leaves must have it. */
int api_mapped_output(struct api_mapped *m, adit_time now, struct adit_out *ret_out)
{
	int n = m->runs ? portmap_output(&m->portmap, now, ret_out) : 0;

	if (n == 1 && ret_out->kind == ADIT_OUT_SEND)
		ret_out->local = m->portmap.cfg.own;
	return n;
}

/* --- what is told --- */

static void tell(const struct api_mapped *m, struct adit_endpoint_event *e, const char *text)
{
	*e = (struct adit_endpoint_event){.kind = ADIT_ENDPOINT_MAPPED, .text = text};
	api_address_to(&m->map.external, &e->mapped);
}

static int tell_tried(struct api_mapped *m, struct adit_endpoint_event *ret_event)
{
	m->has_tried = false;
	tell(m, ret_event, m->tried.works ? "" : "nothing that is sent to it from outside arrives");
	ret_event->works = m->tried.works;
	return 1;
}

int api_mapped_event(struct api_mapped *m, struct link *link, adit_time now, struct adit_endpoint_event *ret_event)
{
	struct portmap_event e;

	if (m->has_tried)
		return tell_tried(m, ret_event);
	if (!m->runs || !portmap_event(&m->portmap, &e))
		return 0;
	switch (e.kind) {
	case PORTMAP_EVENT_MAPPED:
	case PORTMAP_EVENT_CHANGED:
	case PORTMAP_EVENT_RESTORED:
		set_map(m, link, now, &e.external);
		tell(m, ret_event,
		     e.is_private ? "a second NAT stands outside the router" : "not tried from outside yet");
		return 1;
	case PORTMAP_EVENT_WITHDRAWN:
		m->is_over = true;
		break;
	case PORTMAP_EVENT_LOST:
	case PORTMAP_EVENT_REFUSED:
	case PORTMAP_EVENT_NONE:
		break;
	}
	if (m->is_mapped)
		set_map(m, link, now, NULL);
	tell(m, ret_event, e.reason ? e.reason : "no router maps ports");
	return 1;
}

void api_mapped_heard(struct api_mapped *m, adit_time now, const struct reach_event *e)
{
	bool is_any = m->forwarded && adit_addr_is_v4(&e->mapped);

	if (!m->is_mapped || (!is_any && !adit_addr_eq(&m->map.external, &e->mapped)))
		return;
	m->tried = *e;
	m->has_tried = true;
	if (!m->runs)
		return;
	if (e->works)
		portmap_verify_passed(&m->portmap);
	else
		portmap_verify_failed(&m->portmap, now);
}

void api_mapped_end(struct api_mapped *m, adit_time now)
{
	m->is_over = true;
	if (m->runs)
		portmap_end(&m->portmap, now);
}
