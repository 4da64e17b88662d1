#include "mediator/med_mind.h"

#include <string.h>

void med_mind_init(struct med_mind *m, adit_time now, const struct med_mind_config *cfg, struct meet_peer *slots,
		   size_t n_slots)
{
	struct stun_server_config stun = {.rng = cfg->rng, .rate = cfg->rate};
	struct meet_server_config meet = {
		.crypto = cfg->crypto, .rng = cfg->rng, .lender = cfg->lender, .no_limits = cfg->rate == 0};

	stun_server_init(&m->stun, now, &stun);
	meet_server_init(&m->meet, now, &meet, slots, n_slots);
}

void med_mind_opened(struct med_mind *m, uint32_t sock, const struct adit_addr *addr, const struct adit_addr *public_ip)
{
	m->open[sock] = true;
	m->any[sock] = adit_addr_is_any(addr) && !public_ip->family;
	m->places[sock].local = public_ip->family ? adit_addr_with_port(*public_ip, addr->port) : *addr;
}

/* RFC 5780 6.1: the other address with the other port, else the other port alone. */
void med_mind_ready(struct med_mind *m)
{
	for (uint32_t sock = 0; sock < MED_SOCKS; sock++) {
		uint32_t both = sock ^ MED_SOCK_IP ^ MED_SOCK_PORT;

		if (!m->open[sock] || m->any[sock])
			continue;
		m->places[sock].other = m->places[m->open[both] ? both : sock ^ MED_SOCK_PORT].local;
	}
}

/* Where a datagram came in, as the world sees it. */
static struct stun_server_place place_of(const struct med_mind *m, uint32_t sock, const struct adit_addr *local)
{
	struct stun_server_place p = m->places[sock];

	if (!m->any[sock])
		return p;
	memcpy(p.local.ip, local->ip, sizeof(p.local.ip));
	if (m->open[sock ^ MED_SOCK_PORT]) {
		p.other = p.local;
		p.other.port = m->places[sock ^ MED_SOCK_PORT].local.port;
	}
	return p;
}

static uint32_t sock_of(uint32_t sock, unsigned change)
{
	return sock ^ (change & STUN_SERVER_CHANGE_IP ? MED_SOCK_IP : 0) ^
	       (change & STUN_SERVER_CHANGE_PORT ? MED_SOCK_PORT : 0);
}

int med_mind_input(struct med_mind *m, adit_time now, const struct adit_dgram *d, uint8_t *buf,
		   struct meet_server_out *ret_out)
{
	struct stun_server_place place;
	struct stun_server_answer a;
	int rc = meet_server_input(&m->meet, now, d, buf, ret_out);

	if (rc != ADIT_EIGNORED)
		return rc;
	place = place_of(m, d->sock, &d->local);
	if (!stun_server_answer(&m->stun, now, &place, &d->remote, d->data, d->len, buf, &a))
		return 0;
	*ret_out = (struct meet_server_out){
		.len = a.len, .sock = sock_of(d->sock, a.change), .local = d->local, .remote = a.remote};
	return 1;
}
