/*
 * A window: a question to a server, openers to the peer from fresh sockets, and another question, a millisecond apart.
 * Whatever the step of the own NAT is, its direction, and how many others' flows come between: the openers' ports lie
 * between the two answers, and the peer can hit them all.
 */
#include "core/reach/reach_int.h"

static void sock_close(struct reach *r, uint16_t *slot)
{
	if (*slot != REACH_NO_SOCK && r->socks[*slot].use == REACH_USE_WINDOW)
		reach_sock_close(r, *slot);
	*slot = REACH_NO_SOCK;
}

void reach_window_init(struct reach *r)
{
	struct reach_window *w = &r->window;

	*w = (struct reach_window){.at = ADIT_NEVER, .until = ADIT_NEVER};
	for (size_t i = 0; i < REACH_WINDOW_SOCKS; i++)
		w->sock[i] = REACH_NO_SOCK;
	w->question[0] = w->question[1] = REACH_NO_SOCK;
}

void reach_window_close(struct reach *r)
{
	struct reach_window *w = &r->window;

	for (size_t i = 0; i < REACH_WINDOW_SOCKS; i++)
		sock_close(r, &w->sock[i]);
	for (size_t i = 0; i < 2; i++)
		sock_close(r, &w->question[i]);
	w->to = (struct adit_addr){0};
	w->is_out = w->is_open = false;
	w->at = w->until = ADIT_NEVER;
}

void reach_window_open(struct reach *r, const struct adit_addr *to)
{
	struct reach_window *w = &r->window;
	char buf[ADIT_ADDR_STRLEN];

	reach_window_close(r);
	r->measure.view[0].mark.port = 0;
	*w = (struct reach_window){
		.to = *to, .is_out = true, .at = r->now, .until = adit_time_add(r->now, REACH_WINDOW_MAX)};
	for (size_t i = 0; i < REACH_WINDOW_SOCKS; i++)
		w->sock[i] = reach_sock_open(r, REACH_USE_WINDOW, to->family, 0);
	for (size_t i = 0; i < 2; i++)
		w->question[i] = reach_sock_open(r, REACH_USE_WINDOW, to->family, 0);
	adit_trace(r->cfg.log, ADIT_LOG_DECIDE, "reach_window to=%s socks=%u", adit_addr_format(to, buf),
		   REACH_WINDOW_SOCKS);
}

static void finish(struct reach *r)
{
	struct reach_window *w = &r->window;
	int step = r->measure.view[0].ports.step;
	unsigned gap = (unsigned)(step < 0 ? -step : step);
	unsigned low = w->port[0] < w->port[1] ? w->port[0] : w->port[1];
	unsigned high = w->port[0] < w->port[1] ? w->port[1] : w->port[0];

	w->is_out = false;
	w->until = w->at = ADIT_NEVER;
	for (size_t i = 0; i < 2; i++)
		sock_close(r, &w->question[i]);
	/* The peer counts from the low end in steps of ours: it must be a port that one of the flows may have. */
	gap = gap > 0 && !r->measure.view[0].ports.jumps ? gap : 1;
	if (w->port[0] == 0 || w->port[1] == 0 || high - low < 2 * gap || high - low > gap * REACH_WINDOW_SPAN) {
		adit_trace(r->cfg.log, ADIT_LOG_DECIDE, "reach_window_lost low=%u high=%u", low, high);
		reach_window_close(r);
		return;
	}
	w->is_open = true;
	w->low = (uint16_t)(low + gap);
	w->high = (uint16_t)(high - gap);
	adit_trace(r->cfg.log, ADIT_LOG_DECIDE, "reach_window_open low=%u high=%u", low + gap, high - gap);
}

void reach_window_answered(struct reach *r, unsigned index, uint16_t port)
{
	struct reach_window *w = &r->window;

	if (!w->is_out)
		return;
	w->port[index] = port;
	if (port == 0 || (w->port[0] != 0 && w->port[1] != 0))
		finish(r);
}

/* The burst is 0: a question, 1 to REACH_WINDOW_SOCKS: openers, then the other question. */
static bool is_opener(const struct reach_window *w)
{
	return w->sent >= 1 && w->sent <= REACH_WINDOW_SOCKS;
}

static void burst_next(struct reach *r)
{
	struct reach_window *w = &r->window;

	w->sent++;
	w->at = w->sent <= REACH_WINDOW_SOCKS + 1 ? adit_time_add(r->now, REACH_WINDOW_PACE) : ADIT_NEVER;
}

void reach_window_tick(struct reach *r)
{
	struct reach_window *w = &r->window;

	if (w->is_out && r->now >= w->until) {
		finish(r);
		return;
	}
	if (!w->is_out || r->now < w->at || is_opener(w))
		return;
	if (!reach_measure_question(r, REACH_TAG_WINDOW, reach_family_index(w->to.family), w->sent > 0,
				    w->question[w->sent > 0])) {
		w->port[0] = 0;
		finish(r);
		return;
	}
	burst_next(r);
}

adit_time reach_window_deadline(const struct reach *r)
{
	return adit_time_min(r->window.at, r->window.until);
}

/* From the start on each of its sockets knocks with full TTL, in turns. */
void reach_window_fire(struct reach *r, adit_time at)
{
	if (r->window.is_open)
		r->window.at = at;
}

void reach_window_hold(struct reach *r)
{
	if (r->window.is_open)
		r->window.at = ADIT_NEVER;
}

int reach_window_output(struct reach *r, struct adit_out *ret_out)
{
	struct reach_window *w = &r->window;
	bool opens = w->is_out && is_opener(w);
	uint16_t slot;

	if (r->now < w->at || !(opens || w->is_open) || !r->has_agent)
		return 0;
	slot = opens ? w->sock[w->sent - 1] : w->sock[w->next];
	if (opens) {
		burst_next(r);
		if (!reach_flow_take(r, 1))
			return 0;
	} else {
		w->fired++;
		w->next = (w->next + 1) % REACH_WINDOW_SOCKS;
		w->at = adit_time_add(r->now, REACH_WINDOW_AGAIN / REACH_WINDOW_SOCKS);
	}
	if (slot == REACH_NO_SOCK || r->socks[slot].state != REACH_SOCK_OPEN)
		return 0;
	*ret_out = (struct adit_out){.kind = ADIT_OUT_SEND,
				     .sock = reach_sock_number(r, slot),
				     .remote = w->to,
				     .data = r->out,
				     .len = ice_agent_check(&r->agent, false, r->out),
				     .ttl = opens ? reach_low_ttl(r, w->to.family) : 0};
	r->stats.probes_sent++;
	r->stats.low_ttl_sent += ret_out->ttl != 0;
	return 1;
}
