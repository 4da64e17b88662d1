#include "quic/quic_heal.h"

#include "quic/quic_conn.h"

/* Bytes per second that no line of today carries. What the underflow makes is spread over 0 ... 10^12. */
#define ABSURD_RATE UINT64_C(12500000000)

/* Packets at the end of a pause: probes, in case something in flight got lost. */
#define HEAL_PROBES 2

/* Probe timeouts until the cure is given up. */
#define HEAL_TIMEOUTS 8

/*
 * While draining, a little more than a round trip: what is in flight should be acknowledged then. Then the client may
 * have to drain too before it migrates; a question still in flight at that time would be the next wrong sample.
 */
static adit_dur heal_pause(const struct quic *q)
{
	if (q->heal.state == QUIC_HEAL_ARMED)
		return 4 * q->heal.rtt + ADIT_MS(10);
	return q->heal.rtt * 5 / 4 + ADIT_MS(2);
}

static void heal_start(struct quic *q)
{
	struct quic_heal *h = &q->heal;

	if (h->state != QUIC_HEAL_NONE || q->clock < h->next_at)
		return;
	h->state = QUIC_HEAL_DRAIN;
	h->give_up_at = q->clock + HEAL_TIMEOUTS * ngtcp2_conn_get_pto(q->conn);
	h->paused_until = 0;
	h->asks = false;
	adit_trace(q->log, ADIT_LOG_DECIDE, "quic.heal start");
}

void quic_heal_look(struct quic *q, const struct quic_shim_stat *st)
{
	if (st->rtt > 0)
		q->heal.rtt = st->rtt;
	if (st->delivery_rate >= ABSURD_RATE)
		heal_start(q);
}

void quic_heal_asked(struct quic *q)
{
	if (!q->server)
		heal_start(q);
}

void quic_heal_over(struct quic *q)
{
	q->heal.state = QUIC_HEAL_NONE;
	q->heal.asks = false;
	q->heal.next_at = q->clock + 2 * q->heal.rtt;
	q->paths.is_armed = false;
	q->pack.pace_at = 0;
}

static void heal_arm(struct quic *q)
{
	q->heal.state = QUIC_HEAL_ARMED;
	q->heal.asks = true;
	q->paths.is_armed = true;
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
		heal_arm(q);
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
	return q->heal.state == QUIC_HEAL_ARMED ? 1 : HEAL_PROBES;
}

void quic_heal_sent(struct quic *q, size_t n)
{
	struct quic_heal *h = &q->heal;

	if (h->state == QUIC_HEAL_NONE || n == 0 || q->clock < h->paused_until)
		return;
	if (h->state == QUIC_HEAL_ARMED && h->asks)
		return; /* what was sent had no room for the question: it comes next */
	/* Until then the pacer lets nothing but acknowledgements out. */
	h->paused_until = q->clock + heal_pause(q);
	quic_pack_pause(q, h->paused_until);
	/* The question may get lost. */
	h->asks = h->state == QUIC_HEAL_ARMED;
}
