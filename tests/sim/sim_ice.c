#include "sim_ice.h"

#include <stdlib.h>
#include <string.h>

#include "core/stun/stun_attr.h"
#include "crypto/crypto.h"

#define DATA       0x40 /* a first byte that is not STUN's (0-3) */
#define DATA_EVERY ADIT_MS(100)

int sim_ice_init(struct sim_ice *p, struct lab_sim *s, struct lab_host *h, enum ice_role role,
		 const struct adit_addr *own, const struct adit_addr *server)
{
	*p = (struct sim_ice){.sim = s, .host = h, .own = *own, .signal_delay = ADIT_MS(40), .data_at = ADIT_NEVER};
	p->valid_at = p->selected_at = p->failed_at = p->lost_at = p->data_heard_at = ADIT_NEVER;
	if (server)
		p->server = *server;
	p->cfg = (struct ice_config){
		.role = role,
		.crypto = &crypto_gnutls,
		.rng = adit_rng_seeded_init(&p->rng_state, lab_sim_seed(s)),
	};
	p->agent = malloc(sizeof(*p->agent));
	return p->agent ? 0 : ADIT_ENOMEM;
}

void sim_ice_done(struct sim_ice *p)
{
	free(p->agent);
}

/* ---- signalling ---- */

static void signal_arrives(void *ctx)
{
	struct sim_signal *sig = ctx;
	struct sim_ice *p = sig->to;
	adit_time now = lab_host_now(p->host);

	if (!p->machine) {
		sig->is_waiting = true;
		return;
	}
	switch (sig->kind) {
	case SIM_SIGNAL_DESC:
		/* Another one: the peer has restarted. */
		if (ice_agent_set_remote(p->agent, now, &sig->desc) < 0) {
			sim_ice_restart(p);
			(void)!ice_agent_set_remote(p->agent, now, &sig->desc);
		}
		break;
	case SIM_SIGNAL_CANDIDATE:
		(void)!ice_agent_add_remote(p->agent, now, &sig->cand);
		break;
	case SIM_SIGNAL_END:
		ice_agent_end_remote(p->agent, now);
		break;
	}
	lab_machine_wake(p->machine);
}

static void signal_send(struct sim_ice *p, struct sim_signal sig)
{
	sig.to = p->other;
	if (p->n_signals == SIM_SIGNALS_MAX)
		abort();
	p->signals[p->n_signals] = sig;
	if (lab_sim_at(p->sim, lab_sim_now(p->sim) + p->signal_delay, signal_arrives, &p->signals[p->n_signals++]) < 0)
		abort();
}

static void describe(struct sim_ice *p)
{
	signal_send(p, (struct sim_signal){.kind = SIM_SIGNAL_DESC,
					   .desc = {.cred = *ice_agent_cred(p->agent), .has_ice2 = true}});
}

/* ---- the machine ---- */

static void ice_input(void *self, adit_time now, const struct adit_dgram *d)
{
	struct sim_ice *p = self;

	if (ice_agent_input(p->agent, now, d) != ADIT_EIGNORED || d->len == 0 || d->data[0] != DATA)
		return;
	if (p->data_heard_at == ADIT_NEVER)
		p->data_heard_at = lab_sim_now(p->sim);
}

static void ice_icmp(void *self, adit_time now, const struct adit_icmp *icmp)
{
	struct sim_ice *p = self;

	ice_agent_icmp(p->agent, now, icmp);
}

static void ice_tick(void *self, adit_time now)
{
	struct sim_ice *p = self;

	ice_agent_tick(p->agent, now);
}

static adit_time ice_deadline(const void *self)
{
	const struct sim_ice *p = self;

	return adit_time_min(ice_agent_deadline(p->agent), p->data_at);
}

static int ice_output(void *self, adit_time now, struct adit_out *ret_out)
{
	struct sim_ice *p = self;

	if (!p->is_opened) {
		p->is_opened = true;
		*ret_out = (struct adit_out){.kind = ADIT_OUT_OPEN, .sock = 0, .local = p->own};
		return 1;
	}
	if (p->has_path && now >= p->data_at) {
		p->out[0] = DATA;
		p->data_at = adit_time_add(now, DATA_EVERY);
		*ret_out = (struct adit_out){.kind = ADIT_OUT_SEND,
					     .sock = p->path.sock,
					     .remote = p->path.remote,
					     .data = p->out,
					     .len = 4};
		return 1;
	}
	return ice_agent_output(p->agent, now, ret_out);
}

static const struct adit_machine_ops ice_ops = {
	.input = ice_input,
	.icmp = ice_icmp,
	.tick = ice_tick,
	.deadline = ice_deadline,
	.output = ice_output,
};

static void on_event(struct sim_ice *p, adit_time now, const struct ice_event *ev)
{
	adit_time at = lab_sim_now(p->sim);

	switch (ev->kind) {
	case ICE_EVENT_CANDIDATE:
		if (!p->is_silent)
			signal_send(p, (struct sim_signal){.kind = SIM_SIGNAL_CANDIDATE, .cand = ev->cand});
		break;
	case ICE_EVENT_GATHERED:
		signal_send(p, (struct sim_signal){.kind = SIM_SIGNAL_END});
		break;
	case ICE_EVENT_VALID:
		p->valid_at = at;
		break;
	case ICE_EVENT_SELECTED:
		p->has_path = true;
		p->path = *ev;
		p->selected_at = at;
		p->data_at = now;
		break;
	case ICE_EVENT_FAILED:
		p->failed_at = at;
		break;
	case ICE_EVENT_LOST:
		p->lost_at = at;
		p->has_path = false;
		p->data_at = ADIT_NEVER;
		break;
	}
}

static bool ice_events(void *ctx, adit_time now)
{
	struct sim_ice *p = ctx;
	struct ice_event ev;
	bool any = false;

	for (; ice_agent_event(p->agent, &ev); any = true)
		on_event(p, now, &ev);
	return any;
}

void sim_ice_start(void *ctx)
{
	struct sim_ice *p = ctx;
	adit_time now = lab_host_now(p->host);

	ice_agent_init(p->agent, &p->cfg, now);
	if (ice_agent_add_host(p->agent, now, 0, &p->own, ICE_IFACE_NORMAL) < 0)
		abort();
	if (p->server.family != ADIT_FAMILY_NONE && ice_agent_add_server(p->agent, &p->server) < 0)
		abort();
	p->machine = lab_machine_new(p->host, &ice_ops, p, ice_events, p);
	if (!p->machine)
		abort();
	describe(p);
	ice_agent_gather(p->agent, now, false);
	lab_machine_wake(p->machine);
	for (size_t i = 0; i < p->other->n_signals; i++)
		if (p->other->signals[i].is_waiting)
			signal_arrives(&p->other->signals[i]);
}

void sim_ice_restart(struct sim_ice *p)
{
	ice_agent_restart(p->agent, lab_host_now(p->host));
	describe(p);
	lab_machine_wake(p->machine);
}

/* ---- the server ---- */

static void stun_input(void *self, adit_time now, const struct adit_dgram *d)
{
	struct sim_stun *s = self;
	struct stun_build b;
	struct stun_msg m;
	int len;

	(void)now;
	if (stun_msg_parse(&m, d->data, d->len) < 0 || m.class != STUN_REQUEST || m.method != STUN_BINDING)
		return;
	stun_build_begin(&b, s->out, sizeof(s->out), STUN_SUCCESS, STUN_BINDING, m.txid);
	stun_build_xor_addr(&b, STUN_ATTR_XOR_MAPPED_ADDRESS, &d->remote);
	len = stun_build_end(&b);
	if (len < 0)
		return;
	s->len = (size_t)len;
	s->to = d->remote;
}

static void stun_tick(void *self, adit_time now)
{
	(void)self;
	(void)now;
}

static adit_time stun_deadline(const void *self)
{
	(void)self;
	return ADIT_NEVER;
}

static int stun_output(void *self, adit_time now, struct adit_out *ret_out)
{
	struct sim_stun *s = self;

	(void)now;
	if (!s->is_opened) {
		s->is_opened = true;
		*ret_out = (struct adit_out){.kind = ADIT_OUT_OPEN,
					     .local = {.family = ADIT_FAMILY_V4, .port = SIM_ICE_STUN}};
		return 1;
	}
	if (s->len == 0)
		return 0;
	*ret_out = (struct adit_out){.kind = ADIT_OUT_SEND, .remote = s->to, .data = s->out, .len = s->len};
	s->len = 0;
	return 1;
}

static const struct adit_machine_ops stun_ops = {
	.input = stun_input, .tick = stun_tick, .deadline = stun_deadline, .output = stun_output};

struct lab_machine *sim_stun_new(struct sim_stun *s, struct lab_host *h)
{
	*s = (struct sim_stun){0};
	return lab_machine_new(h, &stun_ops, s, NULL, NULL);
}
