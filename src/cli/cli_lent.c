#include "cli/cli_lent.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/cli_pipe.h"
#include "endpoint/ep_share.h"

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

static int use(struct cli_run *r, struct cli_doors *doors, const char *pipe_service, int ctl)
{
	static struct fwd_service services[FWD_SERVICES_MAX];
	static char text[EP_CTL_TEXT_MAX];
	int rc;

	cli_info(&r->cli->msg, "using the session that another command on this machine has");
	if (ep_ctl_send(ctl, "services", -1) < 0 || ep_ctl_recv(ctl, text, -1) < 0)
		return stopped ? CLI_EXIT_OK : CLI_GO;
	if (pipe_service)
		return pipe_lent(r->cli, pipe_service, ctl);
	rc = cli_doors_open(doors, r, services, parse_services(text, services, FWD_SERVICES_MAX), add_door, &ctl);
	if (rc != CLI_GO)
		return rc;
	wait_for_owner(ctl);
	if (stopped)
		return CLI_EXIT_OK;
	cli_info(&r->cli->msg, "the command that had the session has ended");
	return CLI_GO;
}

/* The handlers are the loop's again afterwards, for it may be this process's turn. */
int cli_lent_run(struct cli_run *r, struct cli_doors *doors, const char *pipe_service, int ctl)
{
	struct sigaction act = {.sa_handler = note_signal};
	struct sigaction of_loop[2];
	int rc;

	talking_to = ctl;
	sigaction(SIGINT, &act, &of_loop[0]);
	sigaction(SIGTERM, &act, &of_loop[1]);
	rc = use(r, doors, pipe_service, ctl);
	sigaction(SIGINT, &of_loop[0], NULL);
	sigaction(SIGTERM, &of_loop[1], NULL);
	return stopped && rc == CLI_GO ? CLI_EXIT_OK : rc;
}
