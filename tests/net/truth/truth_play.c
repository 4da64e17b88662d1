/*
 * Scripts side by side. Those without pauses are played one after the other; the others take turns, each when its pause
 * is over. Time is the kernel's own: the model is told the instant at which the packet was sent. Where that comes so
 * near to the end of a time-out that the kernel might see it otherwise, the packet waits, or the script starts anew.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "truth.h"

#define TRIES        6u
#define SEEN_MAX     4u
#define LOOK_EVERY   ADIT_MS(600) /* at the table, at least; expired flows that matter make us look at once */
#define EVERY        ADIT_MS(2)
#define TABLE_SECOND ADIT_MS(1100) /* the kernel tells seconds that are left, rounded down */

struct run {
	const struct truth_script *script;
	struct truth_result *result;
	struct truth_stats stats; /* of this try */
	struct truth_model model;
	unsigned slot;
	unsigned tries;
	size_t pos;
	adit_time due_at;
	adit_time clean_at; /* what has expired before this, the kernel has forgotten */
	size_t kernel_entries; /* of those in the model's table, found in the kernel's too */
	bool is_over;
	bool is_compared; /* its table, with the kernel's */
	bool is_stalled;
	bool has[TRUTH_ACTS_MAX + 1]; /* by id: a packet came out on the other side, ... */
	struct truth_packet seen[TRUTH_ACTS_MAX + 1]; /* ... this one */
};

struct play {
	struct truth_kernel *k;
	struct truth_mode mode;
	enum truth_wrong wrong;
	struct truth_stats *stats;
	struct run *runs;
	size_t count;
	unsigned next_slot;
	struct run *by_slot[TRUTH_SLOTS];
	adit_time table_at;
};

adit_time truth_now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return ADIT_SEC((uint64_t)t.tv_sec) + (uint64_t)t.tv_nsec;
}

static void sleep_until(adit_time at)
{
	struct timespec t = {.tv_sec = (time_t)(at / ADIT_SEC(1)), .tv_nsec = (long)(at % ADIT_SEC(1))};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) != 0)
		;
}

static bool is_within(adit_time t, adit_time from, adit_time to)
{
	return t + TRUTH_MARGIN >= from && t <= to + TRUTH_MARGIN;
}

/*
 * Might the kernel and the model differ about what is alive or old? Also where a flow that was moved has expired since
 * the kernel cleaned up: until then, others of its socket still prefer its port (nf_nat_core.c does not look at the
 * time). The kernel cleans up whenever it likes, within a minute; so the model does at once, and we see to it here.
 */
static bool is_near(const struct run *r, adit_time now)
{
	adit_list_each (it, &r->model.ct->entries) {
		const struct lab_ct_entry *e = adit_container(it, struct lab_ct_entry, all);
		bool is_moved =
			!r->model.is_random && e->tuple[LAB_CT_ORIGINAL].src.port != e->tuple[LAB_CT_REPLY].dst.port;

		if (is_within(e->expire_at, is_moved ? adit_time_min(r->clean_at, now) : now, now) ||
		    is_within(e->stream_at, now, now))
			return true;
	}
	return false;
}

/* ---- acts as packets ---- */

static struct lab_flow flow_of(const struct truth_act *a, struct adit_addr src, struct adit_addr dst, bool is_answer)
{
	struct lab_flow f = {.src = src, .dst = dst, .proto = a->proto, .ttl = a->ttl};

	/* An echo has one number: of who asks. */
	if (a->proto == LAB_PING && is_answer)
		f.src.port = 0;
	else if (a->proto == LAB_PING)
		f.dst.port = 0;
	return f;
}

/* What the act |a| refers to, as it came out on |side|. NULL: that is not in the script, or did not come out there. */
static const struct lab_flow *ref_of(const struct run *r, const struct truth_act *a, enum truth_side side)
{
	const struct truth_packet *p = &r->seen[a->ref];

	return r->has[a->ref] && p->side == side ? &p->flow : NULL;
}

static struct lab_flow back(const struct lab_flow *f, uint8_t ttl)
{
	return (struct lab_flow){.src = f->dst, .dst = f->src, .proto = f->proto, .ttl = ttl};
}

static struct truth_packet packet_of(const struct run *r, const struct truth_act *a)
{
	struct adit_addr in = truth_inside(r->slot, a->in_host, a->in_port);
	struct adit_addr out = truth_outside(r->slot, a->out_host, a->out_port);
	struct adit_addr wan = truth_wan(a->wan_port);
	struct truth_packet p = {.side = TRUTH_INSIDE, .mark = r->slot << 16 | a->id};
	const struct lab_flow *ref;

	switch (a->kind) {
	case TRUTH_ACT_OUT:
		p.flow = flow_of(a, in, out, false);
		break;
	case TRUTH_ACT_ANSWER_OUT:
		ref = ref_of(r, a, TRUTH_INSIDE);
		p.flow = ref ? back(ref, a->ttl) : flow_of(a, in, out, true);
		break;
	case TRUTH_ACT_LOCAL:
		p.flow = flow_of(a, in, a->other ? wan : truth_lan(a->wan_port), false);
		break;
	case TRUTH_ACT_IN:
		p.side = TRUTH_OUTSIDE;
		p.flow = flow_of(a, out, wan, false);
		break;
	case TRUTH_ACT_ANSWER_IN:
		p.side = TRUTH_OUTSIDE;
		ref = ref_of(r, a, TRUTH_OUTSIDE);
		p.flow = ref ? back(ref, a->ttl) : flow_of(a, out, wan, true);
		break;
	default:
		p.is_error = true;
		p.side = a->kind == TRUTH_ACT_ERROR_IN ? TRUTH_OUTSIDE : TRUTH_INSIDE;
		ref = ref_of(r, a, p.side);
		p.flow = ref                       ? *ref
			 : p.side == TRUTH_OUTSIDE ? flow_of(a, wan, out, false)
						   : flow_of(a, out, in, false);
		p.flow.ttl = 1;
		p.type = a->type;
		p.code = a->type == 3 ? 3 : 0;
		p.to = p.flow.src;
		p.from = p.flow.dst;
		if (a->other)
			p.from = p.side == TRUTH_OUTSIDE ? truth_outside(r->slot, TRUTH_HOSTS, 0)
							 : truth_inside(r->slot, TRUTH_HOSTS, 0);
	}
	return p;
}

/* ---- a turn ---- */

static void disagree(struct run *r, uint16_t at)
{
	r->is_over = true;
	r->result->disagreed = true;
	r->result->at = at;
}

static bool is_nameless(const struct lab_flow *f)
{
	return f->proto == LAB_PING && f->src.port == 0 && f->dst.port == 0;
}

/* False: the script cannot go on, because the two disagree or because the machine was too slow. */
static bool act(struct play *p, struct run *r, const struct truth_act *a)
{
	struct truth_packet sent = packet_of(r, a);
	struct truth_packet seen[SEEN_MAX] = {{.side = sent.side}};
	adit_time now = truth_now();
	size_t n;

	if (is_near(r, now)) {
		r->is_stalled = true;
		return false;
	}
	n = truth_kernel_play(p->k, &sent, seen, SEEN_MAX);
	/* The kernel may draw the identifier 0 for an echo, which struct lab_flow has no words for. */
	if (truth_now() - now > TRUTH_STALL || (n > 0 && is_nameless(&seen[0].flow))) {
		r->is_stalled = true;
		return false;
	}
	r->stats.packets++;
	r->stats.kinds[a->kind]++;
	if (!truth_judge(&r->model, now, &sent, seen, n, &r->stats, r->result->text, sizeof(r->result->text))) {
		disagree(r, a->id);
		return false;
	}
	r->has[a->id] = n == 1 && !seen[0].is_error && seen[0].side != sent.side;
	r->seen[a->id] = seen[0];
	return true;
}

/* Up to the next pause, or to the end. */
static void turn(struct play *p, struct run *r)
{
	for (; r->pos < r->script->count; r->pos++) {
		const struct truth_act *a = &r->script->acts[r->pos];

		if (a->kind == TRUTH_ACT_PAUSE) {
			r->due_at = truth_now() + a->pauses * TRUTH_PAUSE;
			r->pos++;
			return;
		}
		if (!act(p, r, a))
			return;
	}
	r->is_over = true;
}

/* ---- the table ---- */

static bool same_tuple(const struct lab_tuple *a, const struct lab_tuple *b)
{
	return a->proto == b->proto && adit_addr_eq(&a->src, &b->src) && adit_addr_eq(&a->dst, &b->dst);
}

static void tuple_text(const struct lab_tuple *t, char *buf, size_t size)
{
	char a[ADIT_ADDR_STRLEN];
	char b[ADIT_ADDR_STRLEN];

	(void)snprintf(buf, size, "%s %s > %s", t->proto == LAB_PING ? "echo" : "udp", adit_addr_format(&t->src, a),
		       adit_addr_format(&t->dst, b));
}

static void disagree_entry(struct run *r, const struct truth_entry *e, const struct lab_ct_entry *m, adit_time now)
{
	char t[4][160];

	tuple_text(&e->tuple[0], t[0], sizeof(t[0]));
	tuple_text(&e->tuple[1], t[1], sizeof(t[1]));
	(void)snprintf(t[2], sizeof(t[2]), "no such entry");
	t[3][0] = '\0';
	if (m) {
		tuple_text(&m->tuple[1], t[2], sizeof(t[2]));
		(void)snprintf(t[3], sizeof(t[3]), " %s, %.1f s left", m->replied ? "answered" : "unanswered",
			       ((double)m->expire_at - (double)now) / 1e9);
	}
	(void)snprintf(r->result->text, sizeof(r->result->text),
		       "entry   %s\n  model   %s%s\n  kernel  %s %s, %u s left", t[0], t[2], t[3], t[1],
		       e->replied ? "answered" : "unanswered", e->left);
	disagree(r, TRUTH_ACTS_MAX);
}

static const struct lab_ct_entry *model_entry(const struct run *r, const struct lab_tuple *orig)
{
	adit_list_each (it, &r->model.ct->entries) {
		const struct lab_ct_entry *e = adit_container(it, struct lab_ct_entry, all);

		if (same_tuple(&e->tuple[LAB_CT_ORIGINAL], orig))
			return e;
	}
	return NULL;
}

/* The kernel's entry |e| must be in the model's table, the same way round, with the same time to live. */
static void table_entry(void *ctx, const struct truth_entry *e)
{
	struct play *p = ctx;
	const struct lab_ct_entry *m;
	struct run *r;
	unsigned slot;
	adit_time now = truth_now();
	adit_dur left;

	if (!truth_slot_of(&e->tuple[0], &slot) || slot >= TRUTH_SLOTS || !(r = p->by_slot[slot]) || !r->is_over ||
	    r->is_compared || r->result->disagreed || p->wrong != TRUTH_RIGHT)
		return;
	m = model_entry(r, &e->tuple[0]);
	left = m ? adit_time_since(m->expire_at, p->table_at) : 0;
	/* The router's own answer to an echo is not the model's affair; only the kernel notes it. */
	if (!m || !same_tuple(&m->tuple[1], &e->tuple[1]) ||
	    (e->tuple[0].proto == LAB_UDP && m->replied != e->replied) ||
	    left > ADIT_SEC(e->left) + TABLE_SECOND + (now - p->table_at) ||
	    left + TRUTH_MARGIN + (now - p->table_at) < ADIT_SEC(e->left)) {
		disagree_entry(r, e, m, p->table_at);
		return;
	}
	r->stats.entries++;
	r->kernel_entries += m->expire_at > p->table_at + ADIT_SEC(1) / 4;
}

/* And nothing else may be in it: of those entries that do not end while we look, there must be as many. */
static void table_rest(struct run *r, adit_time at)
{
	size_t n = 0;

	adit_list_each (it, &r->model.ct->entries)
		n += adit_container(it, struct lab_ct_entry, all)->expire_at > at + ADIT_SEC(1) / 4;
	if (r->result->disagreed || n == r->kernel_entries)
		return;
	(void)snprintf(r->result->text, sizeof(r->result->text),
		       "entries that live: the model has %zu, of which the kernel %zu", n, r->kernel_entries);
	disagree(r, TRUTH_ACTS_MAX);
}

/*
 * Holds the kernel's table against those of the scripts that are over. Reading it, the kernel also forgets what has
 * expired, which the scripts that go on rely on.
 */
static bool look_at_table(struct play *p)
{
	bool is_slow;

	p->table_at = truth_now();
	if (!truth_kernel_table(p->k, table_entry, p))
		return false;
	/* Where it took so long that entries ended meanwhile, that one is missing proves nothing. */
	is_slow = truth_now() > p->table_at + ADIT_SEC(1) / 8;
	for (size_t i = 0; i < p->count; i++) {
		struct run *r = &p->runs[i];

		if (!r->is_over || r->is_compared)
			continue;
		if (!is_slow && p->by_slot[r->slot] == r && p->wrong == TRUTH_RIGHT)
			table_rest(r, p->table_at);
		r->is_compared = true;
	}
	return true;
}

/* ---- from the start ---- */

static bool run_start(struct play *p, struct run *r)
{
	if (p->next_slot == TRUTH_SLOTS)
		return false;
	r->slot = p->next_slot++;
	r->pos = 0;
	r->is_over = false;
	r->is_stalled = false;
	r->is_compared = false;
	r->kernel_entries = 0;
	r->due_at = r->clean_at = truth_now();
	/* Those without pauses fill the pauses of the others. */
	if (!r->script->pauses)
		r->due_at += (adit_time)(r - p->runs) * EVERY;
	r->stats = (struct truth_stats){.scripts = 1};
	*r->result = (struct truth_result){.disagreed = false};
	memset(r->has, 0, sizeof(r->has));
	truth_model_done(&r->model);
	p->by_slot[r->slot] = r;
	return truth_model_init(&r->model, p->mode, p->wrong, r->slot);
}

/* After a stall: all again, with other addresses; a few times, then it is given up. False: no memory. */
static bool run_again(struct play *p, struct run *r)
{
	p->by_slot[r->slot] = NULL;
	p->stats->again++;
	if (++r->tries < TRIES && p->next_slot < TRUTH_SLOTS)
		return run_start(p, r);
	r->is_over = true;
	r->stats = (struct truth_stats){.given_up = 1};
	return true;
}

/* The one whose turn is next. NULL: all are over. */
static struct run *next_run(struct play *p)
{
	struct run *best = NULL;

	for (size_t i = 0; i < p->count; i++)
		if (!p->runs[i].is_over && (!best || p->runs[i].due_at < best->due_at))
			best = &p->runs[i];
	return best;
}

/*
 * Before a turn of |r|: looks at the table when that has not been done for a while, or when what has expired since is
 * in our way. |*ret_ready|: nothing is; else it waits. False: the table could not be read.
 */
static bool is_clean(struct play *p, struct run *r, bool *ret_ready)
{
	if (truth_now() > p->table_at + LOOK_EVERY && !look_at_table(p))
		return false;
	*ret_ready = true;
	r->clean_at = p->table_at;
	if (r->pos == 0 || !is_near(r, truth_now()))
		return true;
	if (!look_at_table(p))
		return false;
	r->clean_at = p->table_at;
	*ret_ready = !is_near(r, truth_now());
	return true;
}

static bool play_turns(struct play *p)
{
	struct run *r;
	bool is_ready;

	while ((r = next_run(p)) != NULL) {
		sleep_until(r->due_at);
		if (!is_clean(p, r, &is_ready))
			return false;
		if (!is_ready) {
			r->due_at = truth_now() + 3 * TRUTH_MARGIN;
			continue;
		}
		turn(p, r);
		if (r->is_stalled && !run_again(p, r))
			return false;
		/* One is enough where it is what we wait for. */
		if (p->wrong != TRUTH_RIGHT && r->result->disagreed)
			return true;
	}
	return true;
}

/* ---- all of it ---- */

static void stats_add(struct truth_stats *to, const struct truth_stats *from)
{
	uint64_t *t = (uint64_t *)(void *)to;
	const uint64_t *f = (const uint64_t *)(const void *)from;

	_Static_assert(sizeof(*to) % sizeof(*t) == 0, "only counters");
	for (size_t i = 0; i < sizeof(*to) / sizeof(*t); i++)
		t[i] += f[i];
}

bool truth_play(struct truth_kernel *k, struct truth_mode m, enum truth_wrong w, const struct truth_script *scripts,
		size_t n, struct truth_result *ret_results, struct truth_stats *st)
{
	struct play p = {.k = k, .mode = m, .wrong = w, .stats = st, .count = n};
	bool is_done = n <= TRUTH_BATCH && (p.runs = calloc(n, sizeof(*p.runs))) != NULL && truth_kernel_flush(k);

	for (size_t i = 0; is_done && i < n; i++) {
		p.runs[i].script = &scripts[i];
		p.runs[i].result = &ret_results[i];
		is_done = run_start(&p, &p.runs[i]);
	}
	is_done = is_done && play_turns(&p) && look_at_table(&p);
	for (size_t i = 0; p.runs && i < n; i++) {
		stats_add(st, &p.runs[i].stats);
		truth_model_done(&p.runs[i].model);
	}
	free(p.runs);
	return is_done;
}
