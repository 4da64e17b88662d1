#include "core/reach/reach_salvo.h"

#include <assert.h>
#include <string.h>

#define NOT_YET UINT16_MAX
#define FAILED  (UINT16_MAX - 1)

void reach_salvo_init(struct reach_salvo *s, const struct adit_rng *rng, struct nat_budget *budget)
{
	memset(s, 0, sizeof(*s));
	s->rng = *rng;
	s->budget = budget;
}

/* ---- which port ---- */

static uint32_t gcd(uint32_t a, uint32_t b)
{
	while (b != 0) {
		uint32_t rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

static uint32_t span_of(const struct reach_salvo_spec *spec)
{
	return (uint32_t)spec->high - spec->low + 1;
}

/* The golden section, a little off it, so that no two searches ask in the same order. */
static void run_shuffle(struct reach_salvo_run *run, const struct adit_rng *rng)
{
	uint32_t span = span_of(&run->spec);

	run->first = (uint32_t)adit_rng_below(rng, span);
	run->jump = (uint32_t)((uint64_t)span * 40503 / 65536 + adit_rng_below(rng, span / 64 + 1));
	while (run->jump == 0 || gcd(run->jump, span) != 1)
		run->jump++;
}

static uint16_t port_of(const struct reach_salvo_run *run, unsigned k)
{
	const struct reach_salvo_spec *spec = &run->spec;
	unsigned stride = (unsigned)(spec->stride < 0 ? -spec->stride : spec->stride);
	uint32_t way = k * stride / REACH_STRIDE_UNIT;

	if (spec->target == REACH_TO_ONE)
		return spec->to.port;
	if (spec->target == REACH_TO_RANDOM)
		return (uint16_t)(spec->low + (run->first + (uint64_t)k * run->jump) % span_of(spec));
	return (uint16_t)(spec->stride < 0 ? spec->high - way : spec->low + way);
}

/* ---- when ---- */

static bool run_is_over(const struct reach_salvo_run *run)
{
	return run->pass >= run->spec.passes || run->shots == 0;
}

/* When the pass that is next begins, but not before |not_before|. */
static void run_schedule(const struct reach_salvo *s, struct reach_salvo_run *run, adit_time not_before)
{
	const struct reach_salvo_spec *spec = &run->spec;
	bool is_low = run->pass < spec->low_passes;
	unsigned nth = is_low ? run->pass : run->pass - spec->low_passes;

	run->next_at = ADIT_NEVER;
	if (run_is_over(run) || s->start_at == ADIT_NEVER)
		return;
	run->next_at = adit_time_add(s->start_at, (is_low ? spec->low_delay : spec->delay) + nth * spec->again);
	if (run->next_at < not_before)
		run->next_at = not_before;
}

/* ---- sockets ---- */

static void sock_close(struct reach_salvo *s, uint32_t sock)
{
	s->state[sock] = REACH_SALVO_CLOSING;
	s->n_closing++;
}

static void close_open_ones(struct reach_salvo *s)
{
	for (uint32_t i = 0; i < REACH_SOCKS_MAX; i++)
		if (s->state[i] == REACH_SALVO_OPEN)
			sock_close(s, i);
}

/* Where the socket of this shot stands. */
static uint16_t *sock_of(struct reach_salvo *s, const struct reach_salvo_run *run)
{
	unsigned nth = run->next;

	if (run->spec.is_in_turn && run->spec.socks > 0)
		nth %= run->spec.socks;
	return &s->order[run->sock_base + nth];
}

/* The next shot has a socket of its own, instead of the oldest one. */
static void turn(struct reach_salvo *s, const struct reach_salvo_run *run)
{
	uint16_t *sock;

	if (!run->spec.is_in_turn || run->has_sock)
		return;
	sock = sock_of(s, run);
	if (*sock < REACH_SOCKS_MAX && s->state[*sock] == REACH_SALVO_OPEN)
		sock_close(s, *sock);
	*sock = NOT_YET;
}

/* No salvo sends from it any more. */
static void forget(struct reach_salvo *s, uint32_t sock)
{
	for (size_t i = 0; i < REACH_SOCKS_MAX; i++)
		if (s->order[i] == sock)
			s->order[i] = FAILED;
}

static bool next_close(struct reach_salvo *s, struct reach_shot *ret_shot)
{
	while (s->n_closing > 0) {
		uint32_t i = s->close_next++ % REACH_SOCKS_MAX;

		if (s->state[i] != REACH_SALVO_CLOSING)
			continue;
		s->state[i] = REACH_SALVO_FREE;
		s->n_closing--;
		*ret_shot = (struct reach_shot){.kind = ADIT_OUT_CLOSE, .sock = i, .salvo = s->salvo_of[i]};
		return true;
	}
	return false;
}

static void run_next_shot(struct reach_salvo *s, struct reach_salvo_run *run, adit_time now)
{
	const struct reach_salvo_spec *spec = &run->spec;

	run->has_sock = false;
	if (++run->next < run->shots) {
		bool is_slow = run->next >= spec->slow_from && run->next < spec->slow_to;

		/* Late by less than a pass: the pace is made up for, within the budget's. */
		run->is_resting = run->next == spec->first && !s->no_rest;
		run->next_at = adit_time_add(run->next_at, (is_slow ? spec->slow_pace : spec->pace) +
								   (run->is_resting ? spec->rest : 0));
		return;
	}
	run->next = 0;
	run->pass++;
	run_schedule(s, run, now);
}

static bool sock_new(struct reach_salvo *s, unsigned salvo, uint16_t *ret_sock)
{
	for (unsigned i = 0; i < REACH_SOCKS_MAX; i++) {
		if (s->state[i] == REACH_SALVO_FREE) {
			s->state[i] = REACH_SALVO_OPEN;
			s->salvo_of[i] = (uint8_t)salvo;
			*ret_sock = (uint16_t)i;
			return true;
		}
	}
	return false;
}

/* ---- commands ---- */

static void run_load(struct reach_salvo *s, struct reach_salvo_run *run, const struct reach_salvo_spec *spec,
		     adit_time now, unsigned *socks)
{
	memset(run, 0, sizeof(*run));
	run->spec = *spec;
	run->shots = spec->is_in_turn ? spec->shots : spec->socks > 0 ? spec->socks : 1;
	if (spec->target != REACH_TO_ONE) {
		unsigned ports;

		assert(spec->low > 0 && spec->low <= spec->high);
		assert(spec->target == REACH_TO_RANDOM || spec->stride != 0);
		ports = reach_plan_ports(spec);
		run->shots = spec->shots < ports ? spec->shots : ports;
	}
	if (spec->is_in_turn) {
		run->spec.socks = *socks;
		run->shots = *socks > 0 ? run->shots : 0;
	} else if (spec->socks > 0) {
		unsigned room = REACH_SOCKS_MAX - *socks;

		run->shots = run->spec.socks = run->shots < room ? run->shots : room;
		run->sock_base = *socks;
		*socks += run->spec.socks;
	}
	if (spec->target == REACH_TO_RANDOM)
		run_shuffle(run, &s->rng);
	run_schedule(s, run, now);
}

int reach_salvo_start(struct reach_salvo *s, adit_time now, adit_time start_at, const struct reach_plan *plan)
{
	unsigned socks = 0;

	if (plan->is_search && !nat_budget_search(s->budget, s))
		return ADIT_EAGAIN;
	reach_salvo_stop(s);
	s->is_search = plan->is_search && nat_budget_search(s->budget, s);
	s->no_rest = false;
	s->start_at = start_at;
	s->hold_until = now;
	s->n = plan->n_salvos;
	for (size_t i = 0; i < REACH_SOCKS_MAX; i++)
		s->order[i] = NOT_YET;
	for (size_t i = 0; i < s->n; i++)
		run_load(s, &s->run[i], &plan->salvo[i], now, &socks);
	return 0;
}

void reach_salvo_begin(struct reach_salvo *s, adit_time start_at)
{
	s->start_at = start_at;
	for (size_t i = 0; i < s->n; i++)
		if (s->run[i].next_at == ADIT_NEVER)
			run_schedule(s, &s->run[i], start_at);
}

void reach_salvo_stop(struct reach_salvo *s)
{
	for (size_t i = 0; i < s->n; i++) {
		s->run[i].pass = s->run[i].spec.passes;
		s->run[i].next_at = ADIT_NEVER;
	}
	close_open_ones(s);
	if (s->is_search)
		nat_budget_search_end(s->budget, s);
	s->is_search = false;
}

void reach_salvo_hold(struct reach_salvo *s, adit_time until)
{
	s->hold_until = until;
}

void reach_salvo_go_on(struct reach_salvo *s, adit_time now)
{
	s->no_rest = true;
	for (size_t i = 0; i < s->n; i++) {
		struct reach_salvo_run *run = &s->run[i];

		if (run->next_at != ADIT_NEVER && (run->is_resting || run->spec.may_hurry))
			run->next_at = adit_time_min(run->next_at, now);
		run->is_resting = false;
		if (run->spec.may_hurry) {
			run->spec.low_passes = run->spec.passes;
			run->spec.pace = REACH_OPEN_PACE;
		}
	}
}

bool reach_salvo_keep(struct reach_salvo *s, uint32_t sock)
{
	if (sock >= REACH_SOCKS_MAX || (s->state[sock] != REACH_SALVO_OPEN && s->state[sock] != REACH_SALVO_KEPT))
		return false;
	s->state[sock] = REACH_SALVO_KEPT;
	return true;
}

void reach_salvo_give_back(struct reach_salvo *s, uint32_t sock)
{
	if (sock >= REACH_SOCKS_MAX || s->state[sock] != REACH_SALVO_KEPT)
		return;
	forget(s, sock);
	sock_close(s, sock);
}

void reach_salvo_sock_failed(struct reach_salvo *s, uint32_t sock)
{
	if (sock >= REACH_SOCKS_MAX || s->state[sock] == REACH_SALVO_FREE)
		return;
	forget(s, sock);
	s->n_closing -= s->state[sock] == REACH_SALVO_CLOSING;
	s->state[sock] = REACH_SALVO_FREE;
}

void reach_salvo_heard(struct reach_salvo *s, unsigned salvo)
{
	if (salvo < s->n)
		s->run[salvo].count.heard++;
}

/* ---- one shot ---- */

/* The budget allows no further flow: the rest of the pass is given up, and is not in later ones either. */
static void run_refuse(const struct reach_salvo *s, struct reach_salvo_run *run, adit_time now)
{
	run->count.refused += run->shots - run->next;
	run->shots = run->next;
	run->next = 0;
	run->pass++;
	run_schedule(s, run, now);
}

static bool take_flow(const struct reach_salvo *s, struct reach_salvo_run *run, adit_time now)
{
	return run->pass > 0 || nat_budget_take(s->budget, now, 1, REACH_FLOWS_KEEP);
}

/* The due run of the earliest shot, or NULL. */
static struct reach_salvo_run *due(struct reach_salvo *s, adit_time now)
{
	struct reach_salvo_run *first = NULL;

	for (size_t i = 0; i < s->n && now >= s->hold_until; i++)
		if (s->run[i].next_at <= now && (!first || s->run[i].next_at < first->next_at))
			first = &s->run[i];
	return first;
}

static void send(struct reach_salvo *s, struct reach_salvo_run *run, adit_time now, struct reach_shot *ret_shot)
{
	*ret_shot = (struct reach_shot){
		.kind = ADIT_OUT_SEND,
		.from_home = run->spec.socks == 0,
		.to = adit_addr_with_port(run->spec.to, port_of(run, run->next)),
		.is_low = run->pass < run->spec.low_passes,
		.salvo = (unsigned)(run - s->run),
	};
	if (run->spec.socks > 0)
		ret_shot->sock = *sock_of(s, run);
	run->count.sent++;
	run_next_shot(s, run, now);
}

/* Opens the socket of the next shot. 1: |ret_shot| says so; 0: this shot does not take place. */
static int open_sock(struct reach_salvo *s, struct reach_salvo_run *run, adit_time now, struct reach_shot *ret_shot)
{
	uint16_t *sock = sock_of(s, run);

	if (run->pass > 0 || *sock == FAILED || !sock_new(s, (unsigned)(run - s->run), sock)) {
		run_next_shot(s, run, now);
		return 0;
	}
	run->count.socks++;
	run->has_sock = true;
	*ret_shot = (struct reach_shot){.kind = ADIT_OUT_OPEN, .sock = *sock, .salvo = (unsigned)(run - s->run)};
	return 1;
}

int reach_salvo_next(struct reach_salvo *s, adit_time now, struct reach_shot *ret_shot)
{
	struct reach_salvo_run *run;

	if (next_close(s, ret_shot))
		return 1;
	while ((run = due(s, now))) {
		bool is_home = run->spec.socks == 0;
		uint16_t sock;

		if (nat_budget_probe_at(s->budget, now) > now)
			return 0;
		turn(s, run);
		sock = is_home ? 0 : *sock_of(s, run);
		if (sock >= FAILED) {
			if (sock == NOT_YET && !take_flow(s, run, now))
				run_refuse(s, run, now);
			else if (open_sock(s, run, now, ret_shot))
				return 1;
		} else if (is_home && !take_flow(s, run, now)) {
			run_refuse(s, run, now);
		} else if (nat_budget_probe(s->budget, now)) {
			send(s, run, now, ret_shot);
			return 1;
		}
	}
	return 0;
}

adit_time reach_salvo_deadline(const struct reach_salvo *s)
{
	adit_time at = ADIT_NEVER;

	if (s->n_closing > 0)
		return 0;
	for (size_t i = 0; i < s->n; i++)
		at = adit_time_min(at, s->run[i].next_at);
	if (at == ADIT_NEVER)
		return at;
	return nat_budget_probe_at(s->budget, at > s->hold_until ? at : s->hold_until);
}

bool reach_salvo_is_done(const struct reach_salvo *s)
{
	for (size_t i = 0; i < s->n; i++)
		if (!run_is_over(&s->run[i]))
			return false;
	return true;
}

struct reach_salvo_count reach_salvo_counts(const struct reach_salvo *s, unsigned salvo)
{
	return salvo < s->n ? s->run[salvo].count : (struct reach_salvo_count){0};
}
