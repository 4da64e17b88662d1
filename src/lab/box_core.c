#include "lab/box_core.h"

#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

int box_core_open(struct box_core *c, const struct box_middle *middle, void *ctx, struct box_side *sides,
		  unsigned n_sides, const int *signals)
{
	*c = (struct box_core){.middle = middle, .ctx = ctx, .sides = sides, .n_sides = n_sides, .signal_fd = -1};
	for (unsigned i = 0; i < n_sides; i++)
		sides[i].port.fd = -1;
	if (box_inbox_init(&c->inbox) < 0)
		return box_fail("frame buffers", NULL);
	c->signal_fd = box_signals_open(signals);
	return c->signal_fd < 0 ? box_fail("signalfd", NULL) : 0;
}

int box_core_side(struct box_core *c, unsigned i, const char *name, const struct lab_link_config *up,
		  const struct lab_link_config *down, uint64_t seed)
{
	struct box_side *s = &c->sides[i];
	const char *what = NULL;

	for (int k = 0; k < 2; k++) {
		const struct lab_link_config *cfg = k ? down : up;

		/* Untouched pages of it cost nothing. */
		s->store[k] = mmap(NULL, BOX_STORE_SIZE, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (s->store[k] == MAP_FAILED)
			return box_fail("frame store", NULL);
		box_line_init(k ? &s->down : &s->up, cfg, k ? ~seed : seed, s->store[k], BOX_STORE_SIZE);
		c->keeps_time |= cfg->delay > 0 || cfg->rate > 0 || cfg->jitter > 0;
	}
	return box_port_open(&s->port, name, &what) < 0 ? box_fail(name, what) : 0;
}

void box_core_close(struct box_core *c)
{
	for (unsigned i = 0; i < c->n_sides; i++) {
		box_port_close(&c->sides[i].port);
		for (int k = 0; k < 2; k++)
			if (c->sides[i].store[k] && c->sides[i].store[k] != MAP_FAILED)
				munmap(c->sides[i].store[k], BOX_STORE_SIZE);
	}
	box_inbox_done(&c->inbox);
	if (c->signal_fd >= 0)
		close(c->signal_fd);
}

void box_core_flush(struct box_core *c)
{
	for (unsigned i = 0; i < c->n_sides; i++)
		if (c->sides[i].port.n_out > 0)
			box_port_flush(&c->sides[i].port);
}

void box_core_send(struct box_core *c, unsigned side, const uint8_t *data, size_t len, adit_time at, adit_time now)
{
	struct box_side *s = &c->sides[side];
	struct box_pass p;

	if (box_line_is_plain(&s->down)) {
		box_line_count(&s->down, len);
		box_port_give(&s->port, data, len);
		return;
	}
	p = box_line_pass(&s->down, at, box_port_wire_len(data, len));
	for (unsigned i = 0; i < p.n; i++) {
		if (p.copy[i].due <= now && box_line_is_empty(&s->down))
			box_port_give(&s->port, data, len);
		else if (box_line_push(&s->down, &p, i, data, len) < 0)
			return; /* counted by the line */
	}
}

/* A frame off the port: onto its wire, or straight to the middle where that holds nothing. */
static void take(struct box_core *c, unsigned side, const struct box_taken *f, adit_time now)
{
	struct box_line *l = &c->sides[side].up;
	struct box_pass p;

	if (box_line_is_plain(l)) {
		box_line_count(l, f->wire_len);
		c->middle->frame(c, side, f->data, f->len, f->arrival, now);
		return;
	}
	p = box_line_pass(l, f->arrival, f->wire_len);
	for (unsigned i = 0; i < p.n; i++) {
		/* The middle may change it, so it takes the last copy only where it lies. */
		if (p.n == 1 && p.copy[i].due <= now && box_line_is_empty(l))
			c->middle->frame(c, side, f->data, f->len, p.copy[i].due, now);
		/* Its headroom goes along: the middle may need it. */
		else if (box_line_push(l, &p, i, f->data - BOX_HEADROOM, f->len + BOX_HEADROOM) < 0)
			return; /* counted by the line */
	}
}

/* One batch; returns how many there were. */
static size_t pump(struct box_core *c, unsigned side, struct box_now t)
{
	size_t n = box_port_take(&c->sides[side].port, &c->inbox);

	for (size_t i = 0; i < n; i++) {
		struct box_taken f = box_inbox_get(&c->inbox, i, t.now, t.utc_offset);

		if (f.len > 0)
			take(c, side, &f, t.now);
	}
	if (n > 0)
		box_core_flush(c); /* before the inbox is filled again */
	return n;
}

/* What is due on both wires of |side|; one batch at a time, or what has come in meanwhile waits in the socket. */
static void deliver(struct box_core *c, unsigned side, adit_time now)
{
	struct box_side *s = &c->sides[side];
	struct box_cursor at = box_line_walk(&s->up);
	struct box_frame f;
	size_t n = 0;

	for (; n < BOX_BATCH && box_line_next(&s->up, &at, now, &f); n++)
		c->middle->frame(c, side, f.data + BOX_HEADROOM, f.len - BOX_HEADROOM, f.due, now);
	if (n > 0)
		box_core_flush(c);
	box_line_pop(&s->up, n);
	at = box_line_walk(&s->down);
	for (n = 0; n < BOX_BATCH && box_line_next(&s->down, &at, now, &f); n++)
		box_port_give(&s->port, f.data, f.len);
	if (n > 0)
		box_port_flush(&s->port);
	box_line_pop(&s->down, n);
}

static adit_time deadline(const struct box_core *c)
{
	adit_time at = c->middle->deadline ? c->middle->deadline(c) : ADIT_NEVER;

	for (unsigned i = 0; i < c->n_sides; i++) {
		at = adit_time_min(at, box_line_deadline(&c->sides[i].up));
		at = adit_time_min(at, box_line_deadline(&c->sides[i].down));
	}
	return at;
}

/* Everything that can be done now. Busy: the question whether there is more answers itself. */
static void work(struct box_core *c)
{
	size_t n;

	do {
		struct box_now t = box_now();

		n = 0;
		if (c->middle->tick)
			c->middle->tick(c, t.now);
		for (unsigned i = 0; i < c->n_sides; i++) {
			n += pump(c, i, t);
			deliver(c, i, t.now);
		}
	} while (n > BOX_BATCH / 2);
}

/* Lets frames gather. */
static void rest(adit_time since)
{
	adit_time until = since + BOX_GRAIN;
	struct timespec ts = {.tv_sec = (time_t)(until / ADIT_SEC(1)), .tv_nsec = (long)(until % ADIT_SEC(1))};

	(void)clock_nanosleep(CLOCK_BOOTTIME, TIMER_ABSTIME, &ts, NULL);
}

int box_core_run(struct box_core *c, int ready_fd)
{
	struct box_port *ports[BOX_PORTS_MAX];

	for (unsigned i = 0; i < c->n_sides; i++)
		ports[i] = &c->sides[i].port;
	box_be_punctual(c->keeps_time);
	/* Whoever started us may go on now: frames pass from here. */
	if (write(ready_fd, "ready\n", 6) < 0)
		return box_fail("telling that it is ready", NULL);
	for (;;) {
		adit_time since;
		int signal;
		int err = box_wait(ports, c->n_sides, c->signal_fd, deadline(c), &signal);

		if (err || signal == SIGTERM || signal == SIGINT)
			return err;
		if (signal && c->middle->signal)
			c->middle->signal(c, signal);
		since = box_now().now;
		work(c);
		if (c->keeps_time)
			rest(since);
	}
}

struct box_core_counts box_core_count(struct box_core *c)
{
	struct box_core_counts n = {0};

	for (unsigned i = 0; i < c->n_sides; i++) {
		struct box_side *s = &c->sides[i];

		box_port_count_overflow(&s->port);
		n.lost += s->up.stats.lost + s->down.stats.lost;
		n.queue_full += s->up.stats.full + s->down.stats.full;
		n.overrun += s->up.stats.overrun + s->down.stats.overrun + s->port.stats.overflown;
		n.unfit += s->port.stats.too_long + s->port.stats.unknown;
		n.refused += s->port.stats.refused;
	}
	return n;
}
