#include "lab/box_shell.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

int64_t box_clock(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

struct box_now box_now(void)
{
	int64_t utc = box_clock(CLOCK_REALTIME);
	adit_time now = (adit_time)box_clock(CLOCK_BOOTTIME);

	return (struct box_now){.now = now, .utc_offset = utc - (int64_t)now};
}

int box_fail(const char *what, const char *detail)
{
	fprintf(stderr, "adit-lab: %s%s%s: %s\n", what, detail ? " " : "", detail ? detail : "", strerror(errno));
	return BOX_EXIT_LOCAL;
}

void box_be_punctual(bool keeps_time)
{
	struct sched_param lowest = {.sched_priority = sched_get_priority_min(SCHED_FIFO)};

	(void)prctl(PR_SET_TIMERSLACK, 1UL);
	if (!keeps_time || sched_setscheduler(0, SCHED_FIFO, &lowest) < 0)
		(void)setpriority(PRIO_PROCESS, 0, -10);
}

int box_signals_open(const int *signals)
{
	sigset_t set;

	sigemptyset(&set);
	for (; *signals; signals++)
		sigaddset(&set, *signals);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -1;
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* An interface that was deleted says so for ever; so does a namespace that is going away. */
static int check_gone(const struct box_port *p)
{
	int err = 0;
	socklen_t len = sizeof(err);

	(void)getsockopt(p->fd, SOL_SOCKET, SO_ERROR, &err, &len);
	if (err != ENODEV && err != ENXIO)
		return 0;
	errno = err;
	return box_fail(p->name, "is gone");
}

static int read_signal(int fd)
{
	struct signalfd_siginfo info;

	return read(fd, &info, sizeof(info)) == (ssize_t)sizeof(info) ? (int)info.ssi_signo : 0;
}

int box_wait(struct box_port *const *ports, size_t n_ports, int signal_fd, adit_time until, int *ret_signal)
{
	struct pollfd fds[BOX_PORTS_MAX + 1] = {{.fd = signal_fd, .events = POLLIN}};
	adit_dur left = until == ADIT_NEVER ? 0 : adit_time_since(until, (adit_time)box_clock(CLOCK_BOOTTIME));
	struct timespec ts = {.tv_sec = (time_t)(left / ADIT_SEC(1)), .tv_nsec = (long)(left % ADIT_SEC(1))};
	int n;

	for (size_t i = 0; i < n_ports; i++)
		fds[i + 1] = (struct pollfd){.fd = ports[i]->fd, .events = POLLIN};
	n = ppoll(fds, n_ports + 1, until == ADIT_NEVER ? NULL : &ts, NULL);
	*ret_signal = 0;
	if (n < 0 && errno != EINTR)
		return box_fail("ppoll", NULL);
	if (n > 0 && fds[0].revents)
		*ret_signal = read_signal(signal_fd);
	for (size_t i = 0; n > 0 && i < n_ports; i++)
		if (fds[i + 1].revents & POLLERR) {
			int err = check_gone(ports[i]);

			if (err)
				return err;
		}
	return 0;
}

void box_json_str(const char *text)
{
	putchar('"');
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			printf("\\%c", *text);
		else if ((unsigned char)*text < 0x20)
			printf("\\u%04x", (unsigned)*text);
		else
			putchar(*text);
	}
	putchar('"');
}
