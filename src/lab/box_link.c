#include "lab/box_link.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lab/box_port.h"
#include "lab/box_shell.h"

struct box_link {
	struct box_port port[2];
	struct box_line line[2]; /* line[i] carries what port[i] took to port[!i] */
	struct box_inbox inbox;
	void *store[2];
	int signal_fd;
};

static int box_link_open(struct box_link *k, const struct box_link_config *cfg)
{
	struct box_line_config line = cfg->line;
	const char *what = NULL;

	k->signal_fd = k->port[0].fd = k->port[1].fd = -1;
	if (box_inbox_init(&k->inbox) < 0)
		return box_fail("frame buffers", NULL);
	for (int i = 0; i < 2; i++) {
		/* Untouched pages of it cost nothing. */
		k->store[i] = mmap(NULL, BOX_STORE_SIZE, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (k->store[i] == MAP_FAILED)
			return box_fail("frame store", NULL);
		box_line_init(&k->line[i], &line, k->store[i], BOX_STORE_SIZE);
		line.seed = ~line.seed;
		if (box_port_open(&k->port[i], cfg->name[i], &what) < 0)
			return box_fail(cfg->name[i], what);
	}
	k->signal_fd = box_signals_open((const int[]){SIGTERM, SIGINT, 0});
	return k->signal_fd < 0 ? box_fail("signalfd", NULL) : 0;
}

static void box_link_close(struct box_link *k)
{
	for (int i = 0; i < 2; i++) {
		box_port_close(&k->port[i]);
		if (k->store[i] && k->store[i] != MAP_FAILED)
			munmap(k->store[i], BOX_STORE_SIZE);
	}
	box_inbox_done(&k->inbox);
	if (k->signal_fd >= 0)
		close(k->signal_fd);
}

/* One batch from port |side|: onto the line, or straight through where nothing holds it. Returns how many there were.
 */
static size_t box_link_pump(struct box_link *k, int side, adit_time now, int64_t utc_offset)
{
	struct box_line *l = &k->line[side];
	struct box_port *to = &k->port[!side];
	size_t n = box_port_take(&k->port[side], &k->inbox);

	for (size_t i = 0; i < n; i++) {
		struct box_taken f = box_inbox_get(&k->inbox, i, now, utc_offset);
		adit_time due;

		if (f.len == 0)
			continue;
		due = box_line_due(l, f.arrival, f.wire_len);
		if (due == ADIT_NEVER)
			continue;
		if (due <= now && box_line_is_empty(l))
			box_port_give(to, f.data, f.len);
		else if (box_line_push(l, due, f.data, f.len) < 0)
			continue; /* counted by the line */
	}
	box_port_flush(to); /* before the inbox is filled again */
	return n;
}

static void box_link_deliver(struct box_link *k, int side, adit_time now)
{
	struct box_line *l = &k->line[side];
	struct box_cursor c = box_line_walk(l);
	struct box_frame f;
	size_t n = 0;

	/* One batch at a time: what has come in meanwhile must not wait in the socket. */
	while (n < BOX_BATCH && box_line_next(l, &c, now, &f)) {
		box_port_give(&k->port[!side], f.data, f.len);
		n++;
	}
	box_port_flush(&k->port[!side]);
	box_line_pop(l, n);
}

static int box_link_loop(struct box_link *k)
{
	struct box_port *const ports[2] = {&k->port[0], &k->port[1]};

	for (;;) {
		adit_time until = adit_time_min(box_line_deadline(&k->line[0]), box_line_deadline(&k->line[1]));
		int signal;
		int err = box_wait(ports, 2, k->signal_fd, until, &signal);
		size_t n;

		if (err || signal)
			return err;
		do {
			struct box_now t = box_now();

			n = 0;
			for (int side = 0; side < 2; side++) {
				n += box_link_pump(k, side, t.now, t.utc_offset);
				box_link_deliver(k, side, t.now);
			}
		} while (n > BOX_BATCH / 2); /* busy: the question whether there is more answers itself */
	}
}

static void box_link_report(struct box_link *k)
{
	for (int i = 0; i < 2; i++) {
		const struct box_line_stats *s = &k->line[i].stats;

		box_port_count_overflow(&k->port[i]);
		fprintf(stderr,
			"adit-lab: from %s: frames=%" PRIu64 " bytes=%" PRIu64 " lost=%" PRIu64 " queue_full=%" PRIu64
			" overrun=%" PRIu64 " socket_overrun=%" PRIu64 " too_long=%" PRIu64 " unknown=%" PRIu64
			" refused=%" PRIu64 "\n",
			k->port[i].name, s->frames, s->bytes, s->lost, s->full, s->overrun, k->port[i].stats.overflown,
			k->port[i].stats.too_long, k->port[i].stats.unknown, k->port[!i].stats.refused);
	}
}

int box_link_run(const struct box_link_config *cfg)
{
	static struct box_link link; /* too big for a stack, and there is one */
	int err = box_link_open(&link, cfg);

	if (!err) {
		box_be_punctual(cfg->line.delay > 0 || cfg->line.rate > 0);
		/* Whoever started us may go on now: frames pass from here. */
		printf("ready\n");
		fflush(stdout);
		err = box_link_loop(&link);
		if (cfg->verbose)
			box_link_report(&link);
	}
	box_link_close(&link);
	return err;
}
