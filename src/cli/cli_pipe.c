#include "cli/cli_pipe.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "cli/cli_stdio.h"
#include "core/fwd/fwd_open.h"

int cli_pipe_begin(struct cli *cli, int *ret_fd)
{
	if (cli_stdio_start(ret_fd) < 0) {
		cli_error(&cli->msg, NULL, "cannot copy stdin and stdout: %s", strerror(errno));
		return CLI_EXIT_LOCAL;
	}
	fcntl(*ret_fd, F_SETFL, O_NONBLOCK);
	return CLI_GO;
}

int cli_pipe_end(struct cli *cli, const char *service, enum ep_end end, uint64_t code)
{
	switch (end) {
	case EP_END_CLEAN:
		return cli_stdio_finish() ? CLI_EXIT_OK : CLI_EXIT_LOCAL;
	case EP_END_LOCAL:
		cli_error(&cli->msg, NULL, "stdout was closed before the end");
		return CLI_EXIT_LOCAL;
	case EP_END_PEER:
		cli_error(&cli->msg, NULL, "service \"%s\": %s", service, fwd_stream_text(code));
		return CLI_EXIT_REFUSED;
	case EP_END_SESSION:
		cli_error(&cli->msg, NULL, "the session was lost before the end");
		return CLI_EXIT_LOST;
	}
	return CLI_EXIT_INTERNAL;
}
