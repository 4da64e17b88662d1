/* What comes in from the router: judged here, acted upon in portmap.c. */
#include <string.h>

#include "core/portmap/portmap_int.h"

static int unexpected(struct portmap *p)
{
	p->stats.unexpected++;
	return ADIT_EREPLAY;
}

static int malformed(struct portmap *p, int code)
{
	p->stats.malformed++;
	return code;
}

/* Somebody outside could send there. */
static bool is_usable(const struct adit_addr *a)
{
	return !adit_addr_is_any(a) && !adit_addr_is_multicast(a) && !adit_addr_is_loopback(a);
}

/* Takes the router's clock down; false: since the last time it has lost what it knew. */
static bool epoch_note(struct portmap *p, uint32_t epoch, bool (*fits)(uint32_t, uint32_t, uint64_t))
{
	uint64_t elapsed = adit_time_since(p->now, p->epoch.seen_at) / ADIT_SEC(1);
	bool is_fit = !p->epoch.is_known || fits(p->epoch.value, epoch, elapsed);

	p->epoch = (struct portmap_epoch){.is_known = true, .value = epoch, .seen_at = p->now};
	if (!is_fit) {
		p->stats.restarts++;
		p->is_restart = p->is_mapped;
		adit_trace(p->cfg.log, ADIT_LOG_DECIDE, "portmap restart epoch=%u", (unsigned)epoch);
	}
	return is_fit;
}

static adit_dur spread(struct portmap *p)
{
	return adit_rng_below(&p->cfg.rng, PORTMAP_NEWS_SPREAD + 1);
}

/* ---- PCP ---- */

/* RFC 6887 14.1: no nonce protects it, so it can only make us ask. */
static int announce(struct portmap *p, const struct adit_dgram *d, const struct portmap_pcp_answer *a)
{
	if (d->sock != p->cfg.sock + 1 || a->result != PORTMAP_PCP_SUCCESS)
		return unexpected(p);
	/* A router with both tells of its restart in PCP alone; NAT-PMP's answer has the epoch that counts here. */
	if (p->protocol == PORTMAP_PMP)
		portmap_hint(p, spread(p));
	else if (!epoch_note(p, a->epoch, portmap_pcp_epoch_fits) || p->state == PORTMAP_ASK)
		portmap_hint(p, spread(p));
	return 0;
}

/* RFC 6887 9. It echoes no nonce, so it counts only while something is out. */
static int other_version(struct portmap *p, const struct portmap_pcp_answer *a)
{
	if (!p->pcp_is_out || p->state == PORTMAP_DELETE)
		return unexpected(p);
	p->was_heard = true;
	portmap_refused(p, portmap_pcp_text(a->result), PORTMAP_ERROR_LONG);
	return 0;
}

/*
 * A true nonce, but nothing was asked: a copy, or the router tells of a change (RFC 6887 14.2). What it says is not
 * believed; where it is not what we know, the router is asked.
 */
static int unasked_map(struct portmap *p, const struct portmap_pcp_answer *a)
{
	if (p->state == PORTMAP_HOLD && p->protocol == PORTMAP_PCP &&
	    (a->result != PORTMAP_PCP_SUCCESS || a->lifetime == 0 || !adit_addr_eq(&a->external, &p->external)))
		portmap_hint(p, 0);
	return unexpected(p);
}

static bool is_ours(const struct portmap *p, const struct adit_dgram *d, const struct portmap_pcp_answer *a)
{
	return d->sock == p->cfg.sock && memcmp(a->nonce, p->nonce, sizeof(p->nonce)) == 0 &&
	       a->protocol == PORTMAP_UDP && a->internal_port == p->cfg.own.port;
}

static int map_answer(struct portmap *p, const struct adit_dgram *d, const struct portmap_pcp_answer *a)
{
	bool is_deletion = p->state == PORTMAP_DELETE;

	if (!is_ours(p, d, a))
		return unexpected(p);
	if (!p->pcp_is_out)
		return unasked_map(p, a);
	if (is_deletion) {
		/* With a lifetime it is the late answer to a question before. */
		if (a->result == PORTMAP_PCP_SUCCESS && a->lifetime > 0)
			return unexpected(p);
		portmap_deleted(p);
		return 0;
	}
	if (a->result == PORTMAP_PCP_SUCCESS && a->lifetime > 0 && (a->external.port == 0 || !is_usable(&a->external)))
		return malformed(p, ADIT_EPROTO);
	p->was_heard = true;
	p->pcp_is_out = false;
	p->protocol = PORTMAP_PCP;
	epoch_note(p, a->epoch, portmap_pcp_epoch_fits);
	if (a->result == PORTMAP_PCP_SUCCESS)
		portmap_granted(p, &a->external, a->lifetime);
	else
		portmap_refused(p, portmap_pcp_text(a->result), a->lifetime);
	return 0;
}

static int input_pcp(struct portmap *p, const struct adit_dgram *d)
{
	struct portmap_pcp_answer a;
	int r = portmap_pcp_read(d->data, d->len, &a);

	if (r < 0)
		return malformed(p, r);
	if (a.version != PORTMAP_PCP_VERSION)
		return other_version(p, &a);
	return a.opcode == PORTMAP_PCP_ANNOUNCE ? announce(p, d, &a) : map_answer(p, d, &a);
}

/* ---- NAT-PMP ---- */

static uint32_t error_seconds(uint16_t result)
{
	return result == PORTMAP_PMP_NETWORK || result == PORTMAP_PMP_RESOURCES ? PORTMAP_ERROR_SHORT
										: PORTMAP_ERROR_LONG;
}

/* "Unsupported": to a PCP question it means that the router speaks NAT-PMP (RFC 6886 3.5, RFC 6887 A). */
static int pmp_unsupported(struct portmap *p, const struct portmap_pmp_answer *a)
{
	if (p->state == PORTMAP_DELETE)
		return unexpected(p);
	if (p->pcp_is_out) {
		p->was_heard = true;
		p->is_restart = p->is_mapped; /* what PCP has mapped is the business of a router that is no more */
		p->epoch.is_known = false;
		portmap_choose_pmp(p);
		portmap_tick(p, p->now);
		return 0;
	}
	if (!p->address_is_out && !p->map_is_out)
		return unexpected(p);
	p->was_heard = true;
	portmap_refused(p, portmap_pmp_text(a->result), PORTMAP_ERROR_LONG);
	return 0;
}

/* RFC 6886 3.2.1: told to everybody. Like PCP's, it only makes us ask. */
static int pmp_news(struct portmap *p, const struct portmap_pmp_answer *a)
{
	if (p->protocol == PORTMAP_PCP || a->result != PORTMAP_PMP_SUCCESS)
		return unexpected(p);
	if (!epoch_note(p, a->epoch, portmap_pmp_epoch_fits) || p->state == PORTMAP_ASK ||
	    (p->is_mapped && !adit_addr_eq_ip(&a->address, &p->external)))
		portmap_hint(p, spread(p));
	return 0;
}

/* The gateway speaks NAT-PMP. PCP gets a last chance: it has nonces, and a single lost datagram should not decide. */
static void pmp_found(struct portmap *p)
{
	p->probe_at = ADIT_NEVER;
	if (p->last_call_at != ADIT_NEVER)
		return;
	p->last_call_at = adit_time_add(p->now, PORTMAP_PCP_LAST_CALL);
	p->want |= PORTMAP_WANT_PCP;
}

/* Both halves are there, or one of them tells of a restart and the other may be lost. */
static void pmp_join(struct portmap *p)
{
	struct adit_addr external = adit_addr_with_port(p->address, p->map_port);

	if (p->has_address && p->has_map)
		portmap_granted(p, &external, p->map_lifetime);
	else if (p->is_restart && p->state == PORTMAP_HOLD)
		portmap_hint(p, 0);
}

static int pmp_address(struct portmap *p, const struct adit_dgram *d, const struct portmap_pmp_answer *a)
{
	if (d->sock == p->cfg.sock + 1)
		return pmp_news(p, a);
	if (!p->address_is_out)
		return unexpected(p);
	p->address_is_out = false;
	p->was_heard = true;
	if (p->protocol == PORTMAP_UNKNOWN) {
		p->has_address = a->result == PORTMAP_PMP_SUCCESS && is_usable(&a->address);
		p->address = a->address;
		pmp_found(p);
		return 0;
	}
	if (a->result != PORTMAP_PMP_SUCCESS || !is_usable(&a->address)) {
		uint16_t result = a->result == PORTMAP_PMP_SUCCESS ? PORTMAP_PMP_NETWORK : a->result;

		portmap_refused(p, portmap_pmp_text(result), error_seconds(result));
		return 0;
	}
	epoch_note(p, a->epoch, portmap_pmp_epoch_fits);
	p->has_address = true;
	p->address = a->address;
	pmp_join(p);
	return 0;
}

static int pmp_map(struct portmap *p, const struct adit_dgram *d, const struct portmap_pmp_answer *a)
{
	bool is_success = a->result == PORTMAP_PMP_SUCCESS;
	bool is_deletion = is_success && a->lifetime == 0 && a->external_port == 0;

	if (d->sock != p->cfg.sock || !p->map_is_out || (a->has_rest && a->internal_port != p->cfg.own.port))
		return unexpected(p);
	if (p->state == PORTMAP_DELETE) {
		if (is_success && !is_deletion)
			return unexpected(p);
		portmap_deleted(p);
		return 0;
	}
	if (is_deletion) /* late, of a mapping before */
		return unexpected(p);
	if (is_success && a->external_port == 0)
		return malformed(p, ADIT_EPROTO);
	p->map_is_out = false;
	p->was_heard = true;
	if (!is_success) {
		portmap_refused(p, portmap_pmp_text(a->result), error_seconds(a->result));
		return 0;
	}
	epoch_note(p, a->epoch, portmap_pmp_epoch_fits);
	p->has_map = true;
	p->map_port = a->external_port;
	p->map_lifetime = a->lifetime;
	pmp_join(p);
	return 0;
}

static int input_pmp(struct portmap *p, const struct adit_dgram *d)
{
	struct portmap_pmp_answer a;
	int r = portmap_pmp_read(d->data, d->len, &a);

	if (r < 0)
		return malformed(p, r);
	if (a.result == PORTMAP_PMP_VERSION || a.result == PORTMAP_PMP_OPCODE)
		return d->sock == p->cfg.sock ? pmp_unsupported(p, &a) : unexpected(p);
	return a.opcode == PORTMAP_PMP_ADDRESS ? pmp_address(p, d, &a) : pmp_map(p, d, &a);
}

int portmap_input(struct portmap *p, adit_time now, const struct adit_dgram *d)
{
	portmap_set_now(p, now);
	if (p->state == PORTMAP_DONE)
		return ADIT_EIGNORED;
	if (!adit_addr_eq(&d->remote, &p->cfg.gateway)) {
		p->stats.strangers++;
		return ADIT_EIGNORED;
	}
	if (d->len > 0 && d->data[0] == 0 && adit_addr_is_v4(&p->cfg.own))
		return input_pmp(p, d);
	return input_pcp(p, d);
}

void portmap_icmp(struct portmap *p, adit_time now, const struct adit_icmp *icmp)
{
	portmap_set_now(p, now);
	if (icmp->sock != p->cfg.sock || !portmap_icmp_is_closed(&p->cfg.gateway, icmp))
		return;
	if (p->state == PORTMAP_ASK && p->silence_at != ADIT_NEVER && p->tries > 0) {
		p->silence_at = now;
		portmap_tick(p, now);
	}
}
