#include "cli/cli_lent.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli_pipe.h"
#include "endpoint/ep_share.h"
#include "io/io_clock.h"

#define STUCK_AFTER ADIT_SEC(30) /* as link_limits.h has it for who looks himself */
#define AGAIN_MS    200 /* before an owner that said nothing is asked again: it may just be ending */

static int add_door(void *ctx, const char *service, bool dgram, int fd)
{
	int ctl = *(int *)ctx;
	char text[128];
	static char answer[EP_CTL_TEXT_MAX];
	int r;

	snprintf(text, sizeof(text), "door %s %s", service, dgram ? "dgram" : "stream");
	r = ep_ctl_send(ctl, text, fd);
	close(fd);
	if (r < 0 || ep_ctl_recv(ctl, answer, -1) < 0 || strcmp(answer, "ok") != 0)
		return ADIT_ESYS;
	return 0;
}

static size_t parse_services(char *text, struct fwd_service *services, size_t max)
{
	size_t n = 0;
	char *save = NULL;

	for (char *line = strtok_r(text, "\n", &save); line && n < max; line = strtok_r(NULL, "\n", &save)) {
		struct fwd_service *s = &services[n];
		char kind[16];
		unsigned port;

		if (sscanf(line, "%32s %15s %u", s->name, kind, &port) != 3)
			continue;
		s->kind = strcmp(kind, "dgram") == 0 ? FWD_KIND_DGRAM : FWD_KIND_STREAM;
		s->port = (uint16_t)port;
		n++;
	}
	return n;
}

static volatile sig_atomic_t stopped;
static volatile sig_atomic_t talking_to;

/* A signal that comes just before a wait must end it too: the socket says so, now and later. */
static void note_signal(int nr)
{
	int err = errno;

	(void)nr;
	stopped = 1;
	shutdown(talking_to, SHUT_RDWR);
	errno = err;
}

/* Waits until the owner ends or a signal comes. */
static void wait_for_owner(int ctl)
{
	static char text[EP_CTL_TEXT_MAX];

	while (!stopped && ep_ctl_recv(ctl, text, -1) != ADIT_ENOENT)
		;
}

/* A pipe over another process's session: waits for the message that says how it ended. */
static int pipe_lent(struct cli *cli, const char *service, int ctl)
{
	static char text[EP_CTL_TEXT_MAX];
	char request[64];
	char name[16];
	unsigned long long code = 0;
	enum ep_end end = EP_END_SESSION;
	int fd;
	int rc = cli_pipe_begin(cli, &fd);

	if (rc != CLI_GO)
		return rc;
	snprintf(request, sizeof(request), "pipe %s", service);
	rc = ep_ctl_send(ctl, request, fd);
	close(fd);
	while (rc == 0 && !stopped) {
		int n = ep_ctl_recv(ctl, text, -1);

		if (n == ADIT_ENOENT)
			break;
		if (n > 0 && sscanf(text, "end %15s %llu", name, &code) == 2 && ep_end_parse(name, &end))
			break;
		if (n > 0 && strncmp(text, "error", 5) == 0)
			break;
	}
	return stopped ? CLI_EXIT_OK : cli_pipe_end(cli, service, end, code);
}

/* --timeout and the list of reasons hold for who waits for another command's session, too. */
static int still_waiting(struct cli_lent *l, adit_dur waited)
{
	struct cli_msg *m = &l->run->cli->msg;
	adit_dur timeout = l->run->cli->opts.meet.timeout;
	char buf[24];

	if (waited >= STUCK_AFTER && !l->told_stuck) {
		const struct link_event stuck = {.kind = LINK_EVENT_STUCK};
		const struct adit_addr unknown = {0};

		l->told_stuck = true;
		cli_run_say(l->run, NULL, &stuck);
		cli_meet_stuck(l->run, l->peer, &unknown);
		cli_hint(m, "the command that looks for the peer knows more: adit status -v");
	}
	if (waited < timeout)
		return CLI_GO;
	cli_error(m, "another command on this machine looks for it and goes on: adit status -v",
		  "the peer was not reached within %s", cli_run_dur(timeout, buf));
	cli_meet_hint(l->run, l->peer);
	return CLI_EXIT_UNREACHED;
}

/* The next message. CLI_GO with |ret_n| as ep_ctl_recv() has it, or the exit code. */
static int await_services(struct cli_lent *l, int ctl, char text[EP_CTL_TEXT_MAX], int *ret_n)
{
	adit_dur timeout = l->run->cli->opts.meet.timeout;
	int rc = CLI_GO;

	*ret_n = ADIT_EAGAIN;
	while (rc == CLI_GO && !stopped && *ret_n == ADIT_EAGAIN) {
		adit_dur waited = io_clock_now() - l->run->began_at;
		adit_dur until = l->told_stuck || waited > STUCK_AFTER ? timeout : adit_time_min(timeout, STUCK_AFTER);
		adit_dur left = until > waited ? adit_time_min(until - waited, ADIT_SEC(3600)) : 0;

		*ret_n = ep_ctl_recv(ctl, text, (int)(left / ADIT_MS(1)) + 1);
		if (*ret_n == ADIT_EAGAIN)
			rc = still_waiting(l, io_clock_now() - l->run->began_at);
	}
	return rc;
}

/* An owner that is ending, or one that was killed: there is somebody else to ask soon, or nobody. */
static int gone_early(void)
{
	const struct timespec pause = {.tv_nsec = AGAIN_MS * 1000000L};

	if (!stopped)
		nanosleep(&pause, NULL);
	return CLI_GO;
}

static int use(struct cli_lent *l, int ctl)
{
	static struct fwd_service services[FWD_SERVICES_MAX];
	static char text[EP_CTL_TEXT_MAX];
	struct cli_msg *m = &l->run->cli->msg;
	int rc;
	int n;

	if (!l->told)
		cli_info(m, "using the session that another command on this machine has");
	l->told = true;
	(void)!ep_ctl_send(ctl, "services", -1); /* where it has hung up already, its last word is still to be read */
	rc = await_services(l, ctl, text, &n);
	if (rc != CLI_GO || stopped)
		return rc;
	if (n < 0)
		return gone_early();
	if (strncmp(text, "error ", 6) == 0) {
		cli_error(m, "end some of them, or give this one its own session: --state DIR",
			  "the command that has the session lends it to no more others: %s", text + 6);
		return CLI_EXIT_LOCAL;
	}
	if (l->pipe_service)
		return pipe_lent(l->run->cli, l->pipe_service, ctl);
	n = (int)parse_services(text, services, FWD_SERVICES_MAX);
	rc = cli_doors_open(l->doors, l->run, services, (size_t)n, add_door, &ctl);
	if (rc != CLI_GO)
		return rc;
	wait_for_owner(ctl);
	if (stopped)
		return CLI_EXIT_OK;
	cli_info(m, "the command that had the session has ended");
	l->told = false;
	return CLI_GO;
}

/* The handlers are the loop's again afterwards, for it may be this process's turn. */
int cli_lent_run(struct cli_lent *l, int ctl)
{
	struct sigaction act = {.sa_handler = note_signal};
	struct sigaction of_loop[2];
	int rc;

	talking_to = ctl;
	sigaction(SIGINT, &act, &of_loop[0]);
	sigaction(SIGTERM, &act, &of_loop[1]);
	rc = use(l, ctl);
	sigaction(SIGINT, &of_loop[0], NULL);
	sigaction(SIGTERM, &of_loop[1], NULL);
	return stopped && rc == CLI_GO ? CLI_EXIT_OK : rc;
}
