#include "quic/quic_heal.h"

#include "quic/quic_conn.h"

/* Bytes per second that no line of today carries. What the underflow makes is spread over 0 ... 10^12. */
#define ABSURD_RATE UINT64_C(12500000000)

/* Packets at the end of a pause: probes, when something in flight got lost; or something for the client to answer. */
#define HEAL_PROBES 2

/* Probe timeouts until the cure is given up. */
#define HEAL_TIMEOUTS 8

void quic_heal_look(struct quic *q, const struct quic_shim_stat *st)
{
	struct quic_heal *h = &q->heal;

	if (st->delivery_rate < ABSURD_RATE || h->state != QUIC_HEAL_NONE || q->clock < h->next_at)
		return;
	h->state = QUIC_HEAL_DRAIN;
	h->give_up_at = q->clock + HEAL_TIMEOUTS * ngtcp2_conn_get_pto(q->conn);
	h->paused_until = 0;
	adit_trace(q->log, ADIT_LOG_DECIDE, "quic.heal start");
}

void quic_heal_over(struct quic *q)
{
	q->heal.state = QUIC_HEAL_NONE;
	q->heal.next_at = q->clock + ngtcp2_conn_get_pto(q->conn);
	q->paths.is_armed = false;
	q->pack.pace_at = 0;
}

void quic_heal_step(struct quic *q)
{
	struct quic_heal *h = &q->heal;
	struct quic_shim_stat st;

	if (h->state == QUIC_HEAL_NONE)
		return;
	if (q->clock >= h->give_up_at) {
		quic_heal_over(q);
		return;
	}
	if (h->state == QUIC_HEAL_ARMED)
		return;
	quic_shim_stat_get(q->conn, &st);
	if (st.in_flight > 0)
		return;
	if (q->server) {
		h->state = QUIC_HEAL_ARMED;
		q->paths.is_armed = true;
		return;
	}
	quic_paths_renew(&q->paths);
	if (ngtcp2_conn_initiate_immediate_migration(q->conn, &q->paths.lib, q->clock) != 0)
		quic_paths_stay(&q->paths);
	quic_heal_over(q);
}

size_t quic_heal_allows(const struct quic *q)
{
	if (q->heal.state == QUIC_HEAL_NONE || q->clock < q->heal.paused_until)
		return SIZE_MAX;
	return HEAL_PROBES;
}

void quic_heal_sent(struct quic *q, size_t n)
{
	struct quic_heal *h = &q->heal;

	if (h->state == QUIC_HEAL_NONE || n == 0 || q->clock < h->paused_until)
		return;
	/* Until then the pacer lets nothing but acknowledgements out, and keeps its expiry there. */
	h->paused_until = q->clock + ngtcp2_conn_get_pto(q->conn);
	ngtcp2_conn_update_pkt_tx_time(q->conn, h->paused_until);
}
