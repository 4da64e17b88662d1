#include "sim_peer.h"

#include <stdlib.h>
#include <string.h>

#include "crypto/crypto.h"

/* First bytes that are not STUN's (0-3). */
#define DATA 0x40
#define ECHO 0x41

int sim_peer_init(struct sim_peer *p, struct lab_sim *s, struct lab_host *h, enum punch_role role, const uint8_t k[32],
		  const struct adit_addr *other, uint16_t pinned_port)
{
	*p = (struct sim_peer){
		.sim = s,
		.host = h,
		.other = *other,
		.data_every = ADIT_MS(100),
		.started_at = ADIT_NEVER,
		.valid_at = ADIT_NEVER,
		.stuck_at = ADIT_NEVER,
		.met_at = ADIT_NEVER,
		.data_at = ADIT_NEVER,
	};
	p->punch = malloc(sizeof(*p->punch));
	if (!p->punch)
		return ADIT_ENOMEM;
	p->cfg = (struct punch_config){
		.role = role,
		.crypto = &crypto_gnutls,
		.rng = adit_rng_seeded_init(&p->rng_state, lab_sim_seed(s)),
		.pinned_port = pinned_port,
		.low_ttl = true,
	};
	p->cfg.instance = adit_rng_u64(&p->cfg.rng);
	memcpy(p->cfg.k, k, 32);
	return 0;
}

void sim_peer_done(struct sim_peer *p)
{
	free(p->punch);
}

static void use_path(struct sim_peer *p, adit_time now, uint32_t sock, const struct adit_addr *remote)
{
	if (p->has_path || punch_take(p->punch, sock) < 0)
		return;
	p->has_path = true;
	p->sock = sock;
	p->remote = *remote;
	p->data_at = now;
	punch_rest(p->punch, now);
}

static void data_input(struct sim_peer *p, adit_time now, const struct adit_dgram *d)
{
	if (d->data[0] == DATA) {
		if (p->cfg.role == PUNCH_SERVE)
			use_path(p, now, d->sock, &d->remote);
		p->owes_echo = true;
		p->echo_sock = d->sock;
		p->echo_to = d->remote;
		return;
	}
	p->echoes++;
	if (p->met_at == ADIT_NEVER)
		p->met_at = lab_sim_now(p->sim);
}

static void peer_input(void *self, adit_time now, const struct adit_dgram *d)
{
	struct sim_peer *p = self;

	if (d->len > 0 && d->data[0] >= DATA)
		data_input(p, now, d);
	else
		(void)punch_input(p->punch, now, d);
}

static void peer_icmp(void *self, adit_time now, const struct adit_icmp *icmp)
{
	struct sim_peer *p = self;

	punch_icmp(p->punch, now, icmp);
}

static void peer_sock_failed(void *self, adit_time now, uint32_t sock)
{
	struct sim_peer *p = self;

	punch_sock_failed(p->punch, now, sock);
}

static void peer_tick(void *self, adit_time now)
{
	struct sim_peer *p = self;

	punch_tick(p->punch, now);
}

static void peer_set_utc(void *self, adit_time now, adit_utc utc)
{
	struct sim_peer *p = self;

	punch_set_utc(p->punch, now, utc);
}

static adit_time peer_deadline(const void *self)
{
	const struct sim_peer *p = self;

	return adit_time_min(punch_deadline(p->punch), p->data_at);
}

static int peer_output(void *self, adit_time now, struct adit_out *ret_out)
{
	struct sim_peer *p = self;

	*ret_out = (struct adit_out){.kind = ADIT_OUT_SEND, .data = p->out, .len = sizeof(p->out)};
	if (p->owes_echo) {
		p->owes_echo = false;
		p->out[0] = ECHO;
		ret_out->sock = p->echo_sock;
		ret_out->remote = p->echo_to;
		return 1;
	}
	if (now >= p->data_at) {
		p->data_at = adit_time_add(now, p->data_every);
		p->out[0] = DATA;
		ret_out->sock = p->sock;
		ret_out->remote = p->remote;
		return 1;
	}
	return punch_output(p->punch, now, ret_out);
}

static bool peer_events(void *ctx, adit_time now)
{
	struct sim_peer *p = ctx;
	struct punch_event ev;
	bool any = false;

	while (punch_event(p->punch, &ev)) {
		any = true;
		if (ev.kind == PUNCH_EVENT_STUCK)
			p->stuck_at = lab_sim_now(p->sim);
		if (ev.kind != PUNCH_EVENT_VALID)
			continue;
		if (p->valid_at == ADIT_NEVER) {
			p->valid_at = lab_sim_now(p->sim);
			p->how = ev.how;
			p->clock_diff = ev.clock_diff;
		}
		if (p->cfg.role == PUNCH_CONNECT)
			use_path(p, now, ev.sock, &ev.remote);
	}
	return any;
}

static const struct adit_machine_ops peer_ops = {
	.input = peer_input,
	.icmp = peer_icmp,
	.sock_failed = peer_sock_failed,
	.tick = peer_tick,
	.set_utc = peer_set_utc,
	.deadline = peer_deadline,
	.output = peer_output,
};

void sim_peer_start(void *ctx)
{
	struct sim_peer *p = ctx;
	adit_time now = lab_host_now(p->host);

	p->started_at = lab_sim_now(p->sim);
	punch_init(p->punch, &p->cfg, now);
	punch_set_peers(p->punch, now, &p->other, 1);
	p->machine = lab_machine_new(p->host, &peer_ops, p, peer_events, p);
	if (!p->machine)
		abort();
	punch_start(p->punch, now);
	lab_machine_wake(p->machine);
}
