#include "lab/box_link.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "lab/box_port.h"

struct box_link {
	struct box_port port[2];
	struct box_line line[2]; /* line[i] carries what port[i] took to port[!i] */
	struct box_inbox inbox;
	void *store[2];
	int signal_fd;
};

static int64_t clock_ns(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static int fail(const char *what, const char *detail)
{
	fprintf(stderr, "adit-lab: %s%s%s: %s\n", what, detail ? " " : "", detail ? detail : "", strerror(errno));
	return 4;
}

/*
 * A wire is hardware and waits for no processor: no timer slack, and where allowed (root) before all other processes
 * if it keeps time. One without delay and rate only carries, as fast as it can, and must not lock others out.
 */
static void be_punctual(const struct box_line_config *line)
{
	struct sched_param lowest = {.sched_priority = sched_get_priority_min(SCHED_FIFO)};

	(void)prctl(PR_SET_TIMERSLACK, 1UL);
	if ((line->delay == 0 && line->rate == 0) || sched_setscheduler(0, SCHED_FIFO, &lowest) < 0)
		(void)setpriority(PRIO_PROCESS, 0, -10);
}

static int box_link_open(struct box_link *k, const struct box_link_config *cfg)
{
	struct box_line_config line = cfg->line;
	const char *what = NULL;
	sigset_t set;

	k->signal_fd = k->port[0].fd = k->port[1].fd = -1;
	if (box_inbox_init(&k->inbox) < 0)
		return fail("frame buffers", NULL);
	for (int i = 0; i < 2; i++) {
		/* Untouched pages of it cost nothing. */
		k->store[i] = mmap(NULL, BOX_STORE_SIZE, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (k->store[i] == MAP_FAILED)
			return fail("frame store", NULL);
		box_line_init(&k->line[i], &line, k->store[i], BOX_STORE_SIZE);
		line.seed = ~line.seed;
		if (box_port_open(&k->port[i], cfg->name[i], &what) < 0)
			return fail(cfg->name[i], what);
	}
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return fail("sigprocmask", NULL);
	k->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return k->signal_fd < 0 ? fail("signalfd", NULL) : 0;
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

static int box_link_wait(struct box_link *k, bool *ret_stop)
{
	struct pollfd fds[3] = {
		{.fd = k->port[0].fd, .events = POLLIN},
		{.fd = k->port[1].fd, .events = POLLIN},
		{.fd = k->signal_fd, .events = POLLIN},
	};
	adit_time until = adit_time_min(box_line_deadline(&k->line[0]), box_line_deadline(&k->line[1]));
	adit_dur left = until == ADIT_NEVER ? 0 : adit_time_since(until, (adit_time)clock_ns(CLOCK_BOOTTIME));
	struct timespec ts = {.tv_sec = (time_t)(left / ADIT_SEC(1)), .tv_nsec = (long)(left % ADIT_SEC(1))};
	int n = ppoll(fds, 3, until == ADIT_NEVER ? NULL : &ts, NULL);

	if (n < 0 && errno != EINTR)
		return fail("ppoll", NULL);
	*ret_stop = n > 0 && fds[2].revents;
	/* An interface that was deleted says so for ever; so does a namespace that is going away. */
	for (int i = 0; n > 0 && i < 2; i++)
		if (fds[i].revents & POLLERR) {
			int err = 0;
			socklen_t len = sizeof(err);

			(void)getsockopt(fds[i].fd, SOL_SOCKET, SO_ERROR, &err, &len);
			if (err == ENODEV || err == ENXIO) {
				errno = err;
				return fail(k->port[i].name, "is gone");
			}
		}
	return 0;
}

static int box_link_loop(struct box_link *k)
{
	bool stop = false;

	for (;;) {
		int err = box_link_wait(k, &stop);
		size_t n;

		if (err || stop)
			return err;
		do {
			/* In this order: who is interrupted between the two delivers late, never early. */
			int64_t utc = clock_ns(CLOCK_REALTIME);
			adit_time now = (adit_time)clock_ns(CLOCK_BOOTTIME);
			int64_t utc_offset = utc - (int64_t)now;

			n = 0;
			for (int side = 0; side < 2; side++) {
				n += box_link_pump(k, side, now, utc_offset);
				box_link_deliver(k, side, now);
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
		be_punctual(&cfg->line);
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
