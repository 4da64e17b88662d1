#include "endpoint/ep_strands.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "endpoint/ep_strand.h"
#include "io/io_clock.h"

struct strand {
	struct adit_list node; /* in ep_strands.all */
	struct ep_strands *owner;
	struct ep_strand *thread;
	unsigned number;
	bool is_up;
	bool is_ending; /* of a session that is over, or lost */
	bool is_drained;
	size_t given; /* connect */
	size_t conns; /* as its last note said, or since */
	struct quic_stats stats;
};

/* A strand's, which waits until the lane's socket has room. */
struct batch {
	struct adit_list node; /* in ep_strands.batches */
	struct strand *of;
	size_t seg_size;
	size_t len;
	uint8_t data[];
};

struct ep_strands {
	struct adit_list node; /* in ep_strands_pool.all */
	struct ep_strands_config cfg;
	const struct ep_strands_ops *ops;
	void *ctx;
	struct adit_list all;
	struct adit_list batches;
	struct link_route route; /* as all were told */
	bool draining;
};

static struct link *link_of(const struct ep_strands *s)
{
	return io_lane_link(s->cfg.lane);
}

void ep_strands_pool_init(struct ep_strands_pool *p, unsigned threads)
{
	p->spare = threads > 1 ? threads - 1 : 0;
	adit_list_init(&p->all);
}

/* A lane's next session may have what is left, and what the one that it follows gives back. */
static void pool_tell(const struct ep_strands_pool *p)
{
	adit_list_each (it, &p->all) {
		struct ep_strands *s = adit_container(it, struct ep_strands, node);

		link_set_connections(link_of(s), 1 + p->spare + (unsigned)ep_strands_threads(s));
	}
}

/* --- batches --- */

static void batch_free(struct batch *b)
{
	adit_list_del(&b->node);
	free(b);
}

/* As EP_STRAND_HANDED_MAX has it, a strand has few of them. */
static void send_or_keep(struct strand *st, const struct quic_batch *b)
{
	struct ep_strands *s = st->owner;
	struct batch *kept;

	if (!adit_list_is_empty(&s->batches) || !io_lane_send(s->cfg.lane, b)) {
		kept = malloc(sizeof(*kept) + b->len);
		if (kept) {
			*kept = (struct batch){.of = st, .seg_size = b->seg_size, .len = b->len};
			memcpy(kept->data, b->data, b->len);
			adit_list_push_back(&s->batches, &kept->node);
			return;
		}
	}
	ep_strand_sent(st->thread);
}

static void send_kept(struct ep_strands *s)
{
	adit_list_each_safe (it, tmp, &s->batches) {
		struct batch *kept = adit_container(it, struct batch, node);
		struct quic_batch b = {.data = kept->data, .len = kept->len, .seg_size = kept->seg_size};

		if (!io_lane_send(s->cfg.lane, &b))
			return;
		ep_strand_sent(kept->of->thread);
		batch_free(kept);
	}
}

static void drop_kept(struct strand *st)
{
	adit_list_each_safe (it, tmp, &st->owner->batches) {
		struct batch *kept = adit_container(it, struct batch, node);

		if (kept->of == st)
			batch_free(kept);
	}
}

static void each_over(struct strand *st)
{
	struct ep_strands_pool *pool = st->owner->cfg.pool;

	drop_kept(st);
	adit_list_del(&st->node);
	ep_strand_free(st->thread);
	free(st);
	pool->spare++;
	pool_tell(pool);
}

static unsigned count_up(const struct ep_strands *s)
{
	unsigned n = 1;

	adit_list_each (it, &s->all)
		n += adit_container(it, struct strand, node)->is_up;
	return n;
}

/* --- what they report --- */

static void on_note(struct strand *st, const struct ep_strand_note *n)
{
	struct ep_strands *s = st->owner;

	st->is_drained = n->is_drained;
	st->conns = st->given > 0 ? st->given - n->ended : n->conns;
	st->stats = n->stats;
	if (st->is_ending)
		return;
	if (n->has_signs)
		link_strand_heard(link_of(s), io_clock_now(), &n->signs);
	link_strand_note(link_of(s), st->number, st->is_up, &n->stats);
	io_lane_touch(s->cfg.lane);
}

static void on_up(struct strand *st)
{
	struct ep_strands *s = st->owner;

	if (st->is_ending)
		return;
	st->is_up = true;
	link_strand_note(link_of(s), st->number, true, &st->stats);
	io_lane_touch(s->cfg.lane);
	s->ops->changed(s->ctx, count_up(s), NULL);
}

static void on_down(struct strand *st, const struct ep_strand_down *down)
{
	struct ep_strands *s = st->owner;
	struct link_event e = {
		.kind = LINK_EVENT_DOWN, .reason = down->reason, .code = down->code, .was_up = st->is_up};

	ep_strand_end(st->thread, FWD_CLOSE_DONE);
	if (st->is_ending)
		return;
	st->is_ending = true;
	st->is_up = false;
	link_strand_note(link_of(s), st->number, false, &st->stats);
	io_lane_touch(s->cfg.lane);
	s->ops->changed(s->ctx, count_up(s), &e);
}

static void on_letter(void *ctx, unsigned kind, const void *head, const uint8_t *data, size_t len)
{
	struct strand *st = ctx;
	struct ep_strands *s = st->owner;
	const struct ep_strand_refusal *refusal = head;
	struct quic_batch b = {.data = data, .len = len};

	switch ((enum ep_strand_news)kind) {
	case EP_STRAND_NOTE:
		on_note(st, head);
		break;
	case EP_STRAND_UP:
		on_up(st);
		break;
	case EP_STRAND_DOWN:
		on_down(st, head);
		break;
	case EP_STRAND_SEND:
		b.seg_size = *(const size_t *)head;
		send_or_keep(st, &b);
		break;
	case EP_STRAND_REFUSED:
		s->ops->refused(s->ctx, refusal->service, refusal->code);
		break;
	case EP_STRAND_FAILED:
		s->ops->failed(s->ctx, refusal->service, (int)refusal->code);
		break;
	case EP_STRAND_LOG:
		adit_trace(s->cfg.log, *(const enum adit_log_level *)head, "strand=%u %s", st->number,
			   (const char *)data);
		break;
	case EP_STRAND_GONE:
		each_over(st);
		break;
	}
}

/* --- beginning --- */

/* Where it sends: a descriptor of its own, or through here. */
static struct io_sock share(struct ep_strands *s, const struct link_route *r)
{
	struct io_sock sock;

	return io_lane_share(s->cfg.lane, r->sock, &sock) == 0 ? sock : (struct io_sock){.fd = -1};
}

static struct strand *begin(struct ep_strands *s, unsigned number)
{
	struct strand *st;
	struct link_grant grant;
	struct ep_strand_config cfg = {.grant = &grant,
				       .services = s->cfg.services,
				       .n_services = s->cfg.n_services,
				       .failed = s->cfg.failed,
				       .refused = s->cfg.refused,
				       .letter = on_letter,
				       .main = s->cfg.loop};

	if (s->cfg.pool->spare == 0 || s->draining)
		return NULL;
	st = calloc(1, sizeof(*st));
	if (!st || link_strand_grant(link_of(s), number, &grant) < 0) {
		free(st);
		return NULL;
	}
	st->owner = s;
	st->number = number;
	cfg.ctx = st;
	if (adit_list_is_empty(&s->all))
		s->route = grant.route; /* else the others may not have been told of it yet: on_ran() */
	cfg.sock = share(s, &grant.route);
	if (ep_strand_new(&cfg, &st->thread) < 0) {
		adit_bytes_wipe(&grant, sizeof(grant));
		free(st);
		return NULL;
	}
	adit_bytes_wipe(&grant, sizeof(grant));
	adit_list_push_back(&s->all, &st->node);
	s->cfg.pool->spare--;
	pool_tell(s->cfg.pool);
	return st;
}

void ep_strands_begin(struct ep_strands *s)
{
	unsigned n = s ? link_strands(link_of(s)) : 1;

	for (unsigned i = 1; i < n; i++)
		if (!begin(s, i))
			return;
}

/* --- what they are handed --- */

static struct strand *find(const struct ep_strands *s, unsigned number)
{
	adit_list_each (it, &s->all) {
		struct strand *st = adit_container(it, struct strand, node);

		if (!st->is_ending && st->number == number)
			return st;
	}
	return NULL;
}

static void on_dgram(void *ctx, const struct link_strand_dgram *d)
{
	struct ep_strands *s = ctx;
	struct strand *st = find(s, d->number);

	if (!st && d->begins)
		st = begin(s, d->number);
	if (st)
		ep_strand_dgram(st->thread, d);
}

static void on_ran(void *ctx, bool is_anew)
{
	struct ep_strands *s = ctx;
	struct link_route r;
	bool is_told = true;

	if (adit_list_is_empty(&s->all))
		return;
	send_kept(s);
	link_route_get(link_of(s), &r);
	if (!is_anew && link_route_eq(&r, &s->route))
		return;
	adit_list_each (it, &s->all) {
		struct strand *st = adit_container(it, struct strand, node);
		struct io_sock sock;

		if (st->is_ending)
			continue;
		sock = share(s, &r);
		is_told &= ep_strand_route(st->thread, &r, &sock) == 0;
	}
	if (is_told)
		s->route = r; /* else once more at the next turn */
}

bool ep_strands_give(struct ep_strands *s, uint16_t service, int fd, size_t own)
{
	struct strand *least = NULL;

	if (!s || s->draining)
		return false;
	adit_list_each (it, &s->all) {
		struct strand *st = adit_container(it, struct strand, node);

		if (st->is_up && st->conns < (least ? least->conns : own))
			least = st;
	}
	if (!least || ep_strand_give(least->thread, service, fd) < 0)
		return false;
	least->given++;
	least->conns++;
	return true;
}

size_t ep_strands_conns(const struct ep_strands *s)
{
	size_t n = 0;

	if (!s)
		return 0;
	adit_list_each (it, &s->all)
		n += adit_container(it, struct strand, node)->conns;
	return n;
}

size_t ep_strands_threads(const struct ep_strands *s)
{
	size_t n = 0;

	if (!s)
		return 0;
	adit_list_each (it, &s->all)
		n++;
	return n;
}

bool ep_strands_drain(struct ep_strands *s)
{
	bool is_done = true;

	if (!s)
		return true;
	adit_list_each (it, &s->all) {
		struct strand *st = adit_container(it, struct strand, node);

		if (st->is_ending)
			continue; /* its last letter is written */
		if (!s->draining)
			ep_strand_drain(st->thread);
		is_done &= st->is_drained;
	}
	s->draining = true;
	return is_done;
}

/* --- life --- */

void ep_strands_end(struct ep_strands *s, uint64_t code)
{
	if (!s)
		return;
	adit_list_each (it, &s->all) {
		struct strand *st = adit_container(it, struct strand, node);

		st->is_ending = true;
		st->is_up = false;
		ep_strand_end(st->thread, code);
	}
}

static const struct io_lane_strands lane_ops = {.dgram = on_dgram, .ran = on_ran};

int ep_strands_new(const struct ep_strands_config *cfg, const struct ep_strands_ops *ops, void *ctx,
		   struct ep_strands **ret_strands)
{
	struct ep_strands *s = calloc(1, sizeof(*s));

	if (!s)
		return ADIT_ENOMEM;
	s->cfg = *cfg;
	s->ops = ops;
	s->ctx = ctx;
	adit_list_init(&s->all);
	adit_list_init(&s->batches);
	adit_list_push_back(&cfg->pool->all, &s->node);
	pool_tell(cfg->pool);
	io_lane_set_strands(cfg->lane, &lane_ops, s);
	*ret_strands = s;
	return 0;
}

void ep_strands_free(struct ep_strands *s)
{
	if (!s)
		return;
	ep_strands_end(s, FWD_CLOSE_SHUTTING_DOWN);
	adit_list_each_safe (it, tmp, &s->all)
		each_over(adit_container(it, struct strand, node));
	io_lane_set_strands(s->cfg.lane, NULL, NULL);
	adit_list_del(&s->node);
	free(s);
}
