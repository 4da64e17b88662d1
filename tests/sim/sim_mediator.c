#include "sim_mediator.h"

#include <stdlib.h>
#include <string.h>

#include "crypto/crypto_meet.h"

_Static_assert(STUN_SERVER_PADDED_MAX >= MEET_MSG_MAX, "either mind's messages fit");

/* The lab's sockets are bound to all addresses of a host; the mind's to one each. */
static uint32_t mind_sock(const struct sim_mediator *m, uint32_t sock, const struct adit_addr *local)
{
	bool second = m->n_addrs > 1 && adit_addr_eq_ip(local, &m->addrs[1]);

	if (adit_addr_is_v6(local))
		return MED_SOCK_FAMILY | (sock - m->n_ports);
	return (second ? MED_SOCK_IP : 0) | sock;
}

/* The one that is sent from belongs to the lab: which port, of which family. */
static uint32_t lab_sock(const struct sim_mediator *m, uint32_t sock)
{
	return (sock & MED_SOCK_FAMILY ? m->n_ports : 0) + (sock & MED_SOCK_PORT);
}

static void mediator_input(void *self, adit_time now, const struct adit_dgram *d)
{
	struct sim_mediator *m = self;
	struct sim_mediator_out *o = &m->outs[(m->out_first + m->n_outs) % SIM_MEDIATOR_OUTS];
	struct adit_dgram here = *d;

	if (m->n_outs == SIM_MEDIATOR_OUTS) {
		m->lost++;
		return;
	}
	here.sock = mind_sock(m, d->sock, &d->local);
	m->n_outs += med_mind_input(m->mind, now, &here, o->data, &o->to) == 1;
}

static void mediator_tick(void *self, adit_time now)
{
	struct sim_mediator *m = self;

	meet_server_tick(&m->mind->meet, now);
}

static adit_time mediator_deadline(const void *self)
{
	const struct sim_mediator *m = self;

	return meet_server_deadline(&m->mind->meet);
}

static int mediator_output(void *self, adit_time now, struct adit_out *ret_out)
{
	struct sim_mediator *m = self;
	const struct sim_mediator_out *o = &m->outs[m->out_first];

	(void)now;
	if (m->opened < m->n_ports * (m->six.family == ADIT_FAMILY_NONE ? 1 : 2)) {
		*ret_out =
			(struct adit_out){.kind = ADIT_OUT_OPEN,
					  .sock = m->opened,
					  .local = {.family = m->opened < m->n_ports ? ADIT_FAMILY_V4 : ADIT_FAMILY_V6,
						    .port = (uint16_t)(SIM_MEDIATOR_PORT + m->opened % m->n_ports)}};
		m->opened++;
		return 1;
	}
	if (m->n_outs == 0)
		return 0;
	*ret_out = (struct adit_out){
		.kind = ADIT_OUT_SEND,
		.sock = lab_sock(m, o->to.sock),
		.local = adit_addr_with_port(o->to.sock & MED_SOCK_FAMILY ? m->six
					     : o->to.sock & MED_SOCK_IP   ? m->addrs[1]
									  : m->addrs[0],
					     0),
		.remote = o->to.remote,
		.data = o->data,
		.len = o->to.len,
	};
	m->out_first = (m->out_first + 1) % SIM_MEDIATOR_OUTS;
	m->n_outs--;
	return 1;
}

static const struct adit_machine_ops mediator_ops = {
	.input = mediator_input,
	.tick = mediator_tick,
	.deadline = mediator_deadline,
	.output = mediator_output,
};

static void open_all(struct sim_mediator *m)
{
	static const struct adit_addr same = {.family = ADIT_FAMILY_NONE};

	for (unsigned i = 0; i < m->n_addrs; i++) {
		for (unsigned k = 0; k < m->n_ports; k++) {
			struct adit_addr a = adit_addr_with_port(m->addrs[i], (uint16_t)(SIM_MEDIATOR_PORT + k));

			med_mind_opened(m->mind, i * MED_SOCK_IP + k * MED_SOCK_PORT, &a, &same);
		}
	}
	med_mind_ready(m->mind);
}

int sim_mediator_init(struct sim_mediator *m, struct lab_sim *s, struct lab_host *h, const struct adit_addr *addrs,
		      unsigned n_addrs, unsigned n_ports)
{
	struct adit_rng_seeded g;
	struct med_mind_config cfg = {
		.crypto = &crypto_meet, .rng = adit_rng_seeded_init(&g, lab_sim_seed(s)), .rate = STUN_SERVER_RATE};

	*m = (struct sim_mediator){.host = h, .n_addrs = n_addrs, .n_ports = n_ports};
	memcpy(m->addrs, addrs, n_addrs * sizeof(*addrs));
	m->mind = calloc(1, sizeof(*m->mind));
	m->slots = calloc(MEET_SLOTS_MIN, sizeof(*m->slots));
	if (!m->mind || !m->slots)
		return ADIT_ENOMEM;
	med_mind_init(m->mind, lab_host_now(h), &cfg, m->slots, MEET_SLOTS_MIN);
	open_all(m);
	m->machine = lab_machine_new(h, &mediator_ops, m, NULL, NULL);
	return m->machine ? 0 : ADIT_ENOMEM;
}

void sim_mediator_add_v6(struct sim_mediator *m, const struct adit_addr *addr)
{
	static const struct adit_addr same = {.family = ADIT_FAMILY_NONE};

	m->six = *addr;
	for (unsigned k = 0; k < m->n_ports; k++) {
		struct adit_addr a = adit_addr_with_port(*addr, (uint16_t)(SIM_MEDIATOR_PORT + k));

		med_mind_opened(m->mind, MED_SOCK_FAMILY + k * MED_SOCK_PORT, &a, &same);
	}
	med_mind_ready(m->mind);
	lab_machine_wake(m->machine);
}

void sim_mediator_done(struct sim_mediator *m)
{
	free(m->mind);
	free(m->slots);
}
