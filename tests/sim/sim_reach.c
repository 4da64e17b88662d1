#include "sim_reach.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/crypto.h"
#include "crypto/crypto_identity.h"
#include "crypto/crypto_meet.h"

static struct sim_reach *of(struct sim_peer *p)
{
	return (struct sim_reach *)p;
}

static void must(int r)
{
	if (r < 0)
		abort();
}

static void begin(struct sim_peer *p, adit_time now)
{
	struct sim_reach *r = of(p);
	struct reach_host hosts[SIM_REACH_HOSTS];

	r->held_at = r->meeting_at = r->failed_at = ADIT_NEVER;
	r->verdict = REACH_VERDICT_NONE;
	r->round = 0;
	r->cfg.instance = p->cfg.instance;
	r->cfg.low_ttl = p->cfg.low_ttl;
	reach_init(r->reach, &r->cfg, now);
	for (unsigned i = 0; i < r->n_mediators; i++) {
		char name[ADIT_ADDR_STRLEN];

		must(reach_add_mediator(r->reach, now, adit_addr_format(&r->mediators[i], name), &r->mediators[i]));
	}
	if (r->server.family != ADIT_FAMILY_NONE)
		must(reach_add_server(r->reach, now, &r->server));
	for (unsigned i = 0; i < r->n_hosts; i++)
		hosts[i] = (struct reach_host){.addr = r->hosts[i], .iface = ICE_IFACE_NORMAL};
	reach_set_hosts(r->reach, now, hosts, r->n_hosts);
	if (r->mapping.port != 0)
		reach_set_mapped(r->reach, now, ADIT_FAMILY_V4, &r->mapping);
	if (r->has_memory)
		reach_set_memory(r->reach, &r->memory);
	if (r->trusted.family != ADIT_FAMILY_NONE)
		reach_trust(r->reach, &r->trusted, 1);
}

static void start(struct sim_peer *p, adit_time now)
{
	reach_start(of(p)->reach, now);
}

static void rest(struct sim_peer *p, adit_time now)
{
	reach_rest(of(p)->reach, now);
}

static int take(struct sim_peer *p, adit_time now, uint32_t sock)
{
	return reach_take(of(p)->reach, now, sock);
}

static int input(struct sim_peer *p, adit_time now, const struct adit_dgram *d)
{
	return reach_input(of(p)->reach, now, d);
}

static void icmp(struct sim_peer *p, adit_time now, const struct adit_icmp *what)
{
	reach_icmp(of(p)->reach, now, what);
}

static void sock_failed(struct sim_peer *p, adit_time now, uint32_t sock)
{
	reach_sock_failed(of(p)->reach, now, sock);
}

static void tick(struct sim_peer *p, adit_time now)
{
	reach_tick(of(p)->reach, now);
}

static void set_utc(struct sim_peer *p, adit_time now, adit_utc utc)
{
	reach_set_utc(of(p)->reach, now, utc);
}

static adit_time deadline(const struct sim_peer *p)
{
	return reach_deadline(((const struct sim_reach *)p)->reach);
}

static int output(struct sim_peer *p, adit_time now, struct adit_out *ret_out)
{
	return reach_output(of(p)->reach, now, ret_out);
}

static void note(struct sim_reach *r, const struct reach_event *ev)
{
	adit_time at = lab_sim_now(r->peer.sim);

	switch (ev->kind) {
	case REACH_EVENT_HELD:
		if (r->held_at == ADIT_NEVER)
			r->held_at = at;
		break;
	case REACH_EVENT_MEETING:
		r->meeting_at = at;
		r->round = ev->round;
		r->own_kind = ev->own_kind;
		r->peer_kind = ev->peer_kind;
		r->way = ev->way;
		break;
	case REACH_EVENT_VALID:
		if (r->peer.valid_at == ADIT_NEVER)
			r->how = ev->how;
		break;
	case REACH_EVENT_FAILED:
		if (r->failed_at == ADIT_NEVER) {
			r->failed_at = at;
			r->verdict = ev->verdict;
		}
		break;
	case REACH_EVENT_LEARNT:
		r->memory = *ev->memory;
		break;
	case REACH_EVENT_LOST:
	case REACH_EVENT_MEDIATOR:
	case REACH_EVENT_HEARD:
	case REACH_EVENT_MAPPED:
	case REACH_EVENT_RELAY:
		break;
	}
}

static bool event(struct sim_peer *p, adit_time now, struct sim_found *ret_found)
{
	struct sim_reach *r = of(p);
	struct reach_event ev;

	(void)now;
	if (!reach_event(r->reach, &ev))
		return false;
	note(r, &ev);
	*ret_found = (struct sim_found){.kind = ev.kind == REACH_EVENT_VALID   ? SIM_FOUND_VALID
						: ev.kind == REACH_EVENT_HEARD ? SIM_FOUND_HEARD
									       : SIM_FOUND_NOTHING,
					.sock = ev.sock,
					.local = ev.local,
					.remote = ev.remote,
					.instance = ev.instance};
	return true;
}

static const struct sim_engine reach_engine = {
	.begin = begin,
	.start = start,
	.rest = rest,
	.take = take,
	.input = input,
	.icmp = icmp,
	.sock_failed = sock_failed,
	.tick = tick,
	.set_utc = set_utc,
	.deadline = deadline,
	.output = output,
	.event = event,
};

_Static_assert(offsetof(struct sim_reach, peer) == 0, "of() turns one into the other");
_Static_assert((int)MEET_SERVE == (int)PUNCH_SERVE && (int)MEET_CONNECT == (int)PUNCH_CONNECT, "one cast is enough");

int sim_reach_init(struct sim_reach *r, struct lab_sim *s, struct lab_host *h, enum meet_role role,
		   const uint8_t k[MEET_K_LEN], const uint8_t seed[MEET_KEY_LEN])
{
	struct crypto_identity id;
	int err;

	*r = (struct sim_reach){.held_at = ADIT_NEVER, .meeting_at = ADIT_NEVER, .failed_at = ADIT_NEVER};
	err = sim_peer_init_engine(&r->peer, s, h, (enum punch_role)role, k, &reach_engine);
	r->reach = calloc(1, sizeof(*r->reach));
	if (err < 0 || !r->reach)
		return ADIT_ENOMEM;
	crypto_identity_from_seed(&id, seed);
	r->cfg = (struct reach_config){
		.role = role,
		.crypto = &crypto_gnutls,
		.meet_crypto = &crypto_meet,
		.rng = r->peer.cfg.rng,
	};
	memcpy(r->cfg.k, k, sizeof(r->cfg.k));
	memcpy(r->cfg.key, id.public_key, sizeof(r->cfg.key));
	if (role == MEET_SERVE)
		memcpy(r->cfg.seed, id.seed, sizeof(r->cfg.seed));
	crypto_identity_done(&id);
	return 0;
}

void sim_reach_done(struct sim_reach *r)
{
	if (r->reach && r->peer.started_at != ADIT_NEVER)
		reach_done(r->reach);
	free(r->reach);
	sim_peer_done(&r->peer);
}
