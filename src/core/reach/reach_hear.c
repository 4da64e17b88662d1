/* What comes in: told apart, handed on, and what follows from the peer's checks. */
#include "core/ice/ice_msg.h"
#include "core/reach/reach_int.h"

/* ---- a socket that only sends until it is heard on ---- */

/*
 * The agent gets it once an authentic check has come over it. The HMAC is computed only for what carries our ufrag, and
 * nobody but the peer knows that.
 */
static bool adopt(struct reach *r, uint16_t slot, const struct adit_dgram *d)
{
	struct ice_msg_request req;
	struct stun_msg m;

	if (stun_msg_parse(&m, d->data, d->len) < 0 || m.class != STUN_REQUEST || m.method != STUN_BINDING ||
	    !ice_msg_is_for(&m, ice_agent_cred(&r->agent)))
		return false;
	if (ice_msg_read_request(&m, ice_agent_cred(&r->agent), r->cfg.crypto, &req) < 0) {
		r->stats.bad_auth++;
		return false;
	}
	if (ice_agent_add_heard(&r->agent, r->now, d->sock, &d->local) < 0)
		return false;
	r->socks[slot].is_base = true;
	if (r->socks[slot].use == REACH_USE_SALVO)
		reach_fire_heard(r, slot);
	else if (r->socks[slot].use == REACH_USE_WINDOW)
		r->window.heard++;
	adit_trace(r->cfg.log, ADIT_LOG_DECIDE, "reach_adopted sock=%u use=%d", (unsigned)d->sock,
		   (int)r->socks[slot].use);
	return true;
}

static bool is_home_use(const struct reach_sock *s)
{
	return s->use == REACH_USE_HOME || s->use == REACH_USE_OLD;
}

/* |slot|: REACH_NO_SOCK is the relay. */
static int hear_peer(struct reach *r, uint16_t slot, const struct adit_dgram *d)
{
	const struct reach_sock *s = slot != REACH_NO_SOCK ? &r->socks[slot] : NULL;
	int err;

	if (!r->has_agent || !stun_msg_is_stun(d->data, d->len))
		return ADIT_EIGNORED;
	/* What a path has taken may have a mapped port: other peers knock there, too. */
	if (s && !s->is_base && (!is_home_use(s) || s->state == REACH_SOCK_TAKEN) && !adopt(r, slot, d))
		return ADIT_EIGNORED;
	err = ice_agent_input(&r->agent, r->now, d);
	r->stats.bad_auth += err == ADIT_EAUTH;
	return err;
}

static int hear_one(struct reach *r, uint16_t slot, const struct adit_dgram *d)
{
	bool is_relay = slot == REACH_NO_SOCK;
	int err;

	if (is_relay || is_home_use(&r->socks[slot])) {
		err = meet_client_input(&r->meet, r->now, &d->remote, d->data, d->len);
		if (err == 0 && !is_relay)
			reach_relay_heard(r, reach_family_index(d->remote.family));
		if (err != ADIT_EIGNORED)
			return err;
	}
	err = is_relay ? ADIT_EIGNORED : reach_measure_input(r, d);
	if (err == 0)
		reach_relay_heard(r, reach_family_index(d->remote.family));
	return err != ADIT_EIGNORED ? err : hear_peer(r, slot, d);
}

/* GRO: several of equal length in one; it was for us if one of them was. */
int reach_hear(struct reach *r, const struct adit_dgram *d)
{
	uint16_t slot = reach_sock_find(r, d->sock);
	size_t step = d->seg_size > 0 && d->seg_size < d->len ? d->seg_size : d->len;
	int result = ADIT_EIGNORED;

	r->input_sock = d->sock;
	if (!reach_sock_is_live(r, d->sock) || d->remote.port == 0 || d->len == 0)
		return ADIT_EIGNORED;
	for (size_t at = 0; at < d->len; at += step) {
		struct adit_dgram one = *d;
		int err;

		one.data = d->data + at;
		one.len = d->len - at < step ? d->len - at : step;
		one.seg_size = 0;
		err = hear_one(r, slot, &one);
		if (err == 0 || result == ADIT_EIGNORED)
			result = err;
	}
	if (result == ADIT_EIGNORED)
		r->stats.other++;
	else if (result == 0)
		r->heard_at = r->now;
	return result;
}

/* ---- what is told of it ---- */

static struct reach_told *told_of(struct reach *r, const struct ice_account *a)
{
	for (size_t i = 0; i < r->n_told; i++)
		if (r->told[i].sock == a->sock && adit_addr_eq(&r->told[i].remote, &a->remote))
			return &r->told[i];
	if (r->n_told == REACH_TOLD_MAX)
		return NULL;
	r->told[r->n_told] = (struct reach_told){.sock = a->sock, .remote = a->remote};
	return &r->told[r->n_told++];
}

static bool is_signalled(const struct reach *r, const struct adit_addr *addr)
{
	for (size_t i = 0; i < r->peer_offer.n_cands; i++)
		if (adit_addr_eq(&r->peer_offer.cands[i].addr, addr))
			return true;
	return false;
}

static bool is_near(const struct adit_addr *a)
{
	return adit_addr_is_private(a) || adit_addr_is_link_local(a) || adit_addr_is_loopback(a);
}

/* From an address of a VPN or of a bridge to guests: private addresses there are near to nobody. */
static bool is_from_tunnel(const struct reach *r, const struct adit_addr *local)
{
	for (size_t i = 0; i < r->n_hosts; i++)
		if (adit_addr_eq_ip(&r->hosts[i].addr, local))
			return r->hosts[i].iface != ICE_IFACE_NORMAL;
	return false;
}

/* What opened it: by the address, then by the socket, then by what the round tried. */
static enum reach_how how_of(const struct reach *r, const struct ice_account *a)
{
	uint16_t slot = reach_sock_find(r, a->sock);
	bool is_searched = slot != REACH_NO_SOCK && !is_home_use(&r->socks[slot]);

	if (reach_relay_has(r, a))
		return REACH_HOW_RELAYED;
	if (is_near(&a->remote) && !is_from_tunnel(r, &a->local))
		return REACH_HOW_LAN;
	if (adit_addr_is_v6(&a->remote))
		return REACH_HOW_IPV6;
	if (is_near(&a->remote))
		return REACH_HOW_DIRECT;
	if (is_searched || !is_signalled(r, &a->remote)) {
		switch (r->plan.way) {
		case NAT_WAY_PREDICT:
		case NAT_WAY_SEARCH:
			return REACH_HOW_PREDICTED;
		case NAT_WAY_BLOCK:
			return REACH_HOW_BLOCK;
		case NAT_WAY_BIRTHDAY:
			return REACH_HOW_BIRTHDAY;
		default:
			break;
		}
	}
	return r->own.kind == NAT_KIND_OPEN || r->peer.kind == NAT_KIND_OPEN ? REACH_HOW_DIRECT : REACH_HOW_PUNCHED;
}

static void tell(struct reach *r, const struct ice_account *a, enum reach_how how, enum reach_event_kind kind)
{
	struct reach_event ev = {
		.kind = kind,
		.how = how,
		.sock = a->sock,
		.local = a->local,
		.remote = a->remote,
		.mapped = a->mapped,
		.instance = r->peer.instance,
		.rtt = a->rtt,
		.took = adit_time_since(r->now, r->began_at),
		.own_kind = r->own.kind,
		.peer_kind = r->peer.kind,
		.way = r->plan.way,
		.round = r->round,
	};
	char remote[ADIT_ADDR_STRLEN];

	reach_push(r, &ev);
	adit_trace(r->cfg.log, ADIT_LOG_DECIDE, "%s sock=%u remote=%s how=%s round=%u took_ms=%u",
		   kind == REACH_EVENT_VALID ? "reach_valid" : "reach_heard", (unsigned)a->sock,
		   adit_addr_format(&a->remote, remote), reach_how_name(ev.how), (unsigned)r->round,
		   (unsigned)(ev.took / ADIT_MS(1)));
}

static void heard(struct reach *r, const struct ice_account *a)
{
	reach_mapped_heard(r, a);
	if (reach_relay_has(r, a))
		return;
	if (!r->heard_any)
		reach_fire_has_hit(r);
	r->heard_any = true;
	reach_salvo_hold(&r->salvo, adit_time_add(r->now, REACH_HOLD));
	/* Somebody has answered what was fired from home. */
	if (r->is_loaded && r->salvo.n > 0 && r->plan.salvo[0].socks == 0 && !is_signalled(r, &a->remote))
		reach_salvo_heard(&r->salvo, 0);
}

/* A relay's word for where something came from is that of one server. */
static void heard_from(struct reach *r, const struct ice_account *a)
{
	if (!reach_relay_has(r, a) && adit_addr_is_v4(&a->remote) && adit_addr_is_public(&a->remote))
		r->heard_from = adit_addr_with_port(a->remote, 0);
}

void reach_told_scan(struct reach *r)
{
	struct ice_account a;
	size_t pos = 0;

	while (r->has_agent && ice_agent_account(&r->agent, &pos, &a)) {
		struct reach_told *t;
		enum reach_how how;

		if ((a.heard == 0 && !a.is_valid) || reach_relay_is_refused(r, &a))
			continue;
		t = told_of(r, &a);
		if (!t)
			continue;
		if (!t->heard && a.heard > 0) {
			t->heard = true;
			heard_from(r, &a);
			heard(r, &a);
			tell(r, &a, how_of(r, &a), REACH_EVENT_HEARD);
		}
		if (!t->valid && a.is_valid) {
			t->valid = true;
			heard_from(r, &a);
			how = how_of(r, &a);
			tell(r, &a, how, REACH_EVENT_VALID);
			if (reach_relay_has(r, &a))
				r->is_relay_valid = true;
			else
				reach_round_won(r, &a, how);
		}
	}
}
