#include "core/portmap/portmap_look.h"

#include <assert.h>
#include <string.h>

static void set_now(struct portmap_look *l, adit_time now)
{
	assert(now >= l->now); /* the shell samples the clock once per wakeup */
	l->now = now;
}

static bool asks_pmp(const struct portmap_look *l)
{
	return adit_addr_is_v4(&l->cfg.own);
}

void portmap_look_init(struct portmap_look *l, const struct portmap_look_config *cfg, adit_time now)
{
	assert(cfg->own.family == cfg->gateway.family && cfg->own.family != ADIT_FAMILY_NONE);
	memset(l, 0, sizeof(*l));
	l->cfg = *cfg;
	l->cfg.gateway.port = PORTMAP_SERVER_PORT;
	l->cfg.own.port = 0;
	l->now = now;
	l->want_open = true;
	l->send_at = now;
}

static void end(struct portmap_look *l)
{
	if (l->is_done)
		return;
	l->is_done = true;
	l->want_pcp = l->want_pmp = false;
	l->want_close = l->is_open;
	l->send_at = ADIT_NEVER;
	adit_trace(l->cfg.log, ADIT_LOG_DECIDE, "portmap_look pcp=%d pmp=%d", l->pcp.is_there, l->pmp.is_there);
}

static void end_if_answered(struct portmap_look *l)
{
	if (l->pcp.is_there && (l->pmp.is_there || !asks_pmp(l)))
		end(l);
}

/*
 * Any answer in PCP's own version shows that it is there; one that does not know ANNOUNCE may well map (RFC 6887 7.4:
 * only what forbids everything is a refusal).
 */
static int input_pcp(struct portmap_look *l, const struct adit_dgram *d)
{
	struct portmap_pcp_answer a;
	int r = portmap_pcp_read(d->data, d->len, &a);

	if (r < 0)
		return r;
	if (a.version != PORTMAP_PCP_VERSION)
		return ADIT_EVERSION;
	l->pcp.is_there = true;
	if (a.result == PORTMAP_PCP_NOT_AUTHORIZED || a.result == PORTMAP_PCP_ADDRESS_MISMATCH)
		l->pcp.refusal = portmap_pcp_text(a.result);
	return 0;
}

/* "Unsupported version" is how a router that speaks NAT-PMP alone answers PCP's question (RFC 6886 3.5). */
static int input_pmp(struct portmap_look *l, const struct adit_dgram *d)
{
	struct portmap_pmp_answer a;
	int r = portmap_pmp_read(d->data, d->len, &a);

	if (r < 0)
		return r;
	if (a.result == PORTMAP_PMP_VERSION || a.result == PORTMAP_PMP_OPCODE)
		return 0;
	if (a.opcode != PORTMAP_PMP_ADDRESS)
		return ADIT_EPROTO;
	l->pmp.is_there = true;
	if (a.result != PORTMAP_PMP_SUCCESS)
		l->pmp.refusal = portmap_pmp_text(a.result);
	else if (adit_addr_is_any(&a.address))
		l->pmp.refusal = portmap_pmp_text(PORTMAP_PMP_NETWORK);
	else
		l->external = a.address;
	return 0;
}

int portmap_look_input(struct portmap_look *l, adit_time now, const struct adit_dgram *d)
{
	int r;

	set_now(l, now);
	if (l->is_done || d->sock != l->cfg.sock || !adit_addr_eq(&d->remote, &l->cfg.gateway))
		return ADIT_EIGNORED;
	r = d->len > 0 && d->data[0] == 0 && asks_pmp(l) ? input_pmp(l, d) : input_pcp(l, d);
	end_if_answered(l);
	return r;
}

void portmap_look_icmp(struct portmap_look *l, adit_time now, const struct adit_icmp *icmp)
{
	set_now(l, now);
	if (icmp->sock == l->cfg.sock && portmap_icmp_is_closed(&l->cfg.gateway, icmp))
		end(l);
}

void portmap_look_sock_failed(struct portmap_look *l, adit_time now, uint32_t sock)
{
	set_now(l, now);
	if (sock != l->cfg.sock)
		return;
	l->is_open = false;
	end(l);
}

void portmap_look_tick(struct portmap_look *l, adit_time now)
{
	set_now(l, now);
	if (l->is_done || now < l->send_at)
		return;
	if (l->sends == PORTMAP_LOOK_SENDS) {
		end(l);
		return;
	}
	l->want_pcp = !l->pcp.is_there;
	l->want_pmp = !l->pmp.is_there && asks_pmp(l);
	l->send_at = adit_time_add(now, PORTMAP_PMP_RTO << l->sends++);
}

adit_time portmap_look_deadline(const struct portmap_look *l)
{
	return l->send_at;
}

static int ask(struct portmap_look *l, size_t len, struct adit_out *ret_out)
{
	*ret_out = (struct adit_out){.kind = ADIT_OUT_SEND,
				     .sock = l->cfg.sock,
				     .local = l->cfg.own, /* what PCP's question says, and must come from */
				     .remote = l->cfg.gateway,
				     .data = l->out,
				     .len = len};
	return 1;
}

int portmap_look_output(struct portmap_look *l, adit_time now, struct adit_out *ret_out)
{
	set_now(l, now);
	if (l->want_open) {
		l->want_open = false;
		l->is_open = true;
		*ret_out = (struct adit_out){.kind = ADIT_OUT_OPEN, .sock = l->cfg.sock};
		ret_out->local.family = l->cfg.own.family;
		return 1;
	}
	if (l->want_pcp) {
		l->want_pcp = false;
		portmap_pcp_write_announce(&l->cfg.own, l->out);
		return ask(l, PORTMAP_PCP_ANNOUNCE_LEN, ret_out);
	}
	if (l->want_pmp) {
		l->want_pmp = false;
		portmap_pmp_write_address(l->out);
		return ask(l, PORTMAP_PMP_ADDRESS_LEN, ret_out);
	}
	if (!l->want_close)
		return 0;
	l->want_close = l->is_open = false;
	*ret_out = (struct adit_out){.kind = ADIT_OUT_CLOSE, .sock = l->cfg.sock};
	return 1;
}

bool portmap_look_is_done(const struct portmap_look *l)
{
	return l->is_done;
}

static void ops_input(void *self, adit_time now, const struct adit_dgram *d)
{
	(void)!portmap_look_input(self, now, d);
}

static void ops_icmp(void *self, adit_time now, const struct adit_icmp *icmp)
{
	portmap_look_icmp(self, now, icmp);
}

static void ops_sock_failed(void *self, adit_time now, uint32_t sock)
{
	portmap_look_sock_failed(self, now, sock);
}

static void ops_tick(void *self, adit_time now)
{
	portmap_look_tick(self, now);
}

static adit_time ops_deadline(const void *self)
{
	return portmap_look_deadline(self);
}

static int ops_output(void *self, adit_time now, struct adit_out *ret_out)
{
	return portmap_look_output(self, now, ret_out);
}

const struct adit_machine_ops portmap_look_ops = {.input = ops_input,
						  .icmp = ops_icmp,
						  .sock_failed = ops_sock_failed,
						  .tick = ops_tick,
						  .deadline = ops_deadline,
						  .output = ops_output};
