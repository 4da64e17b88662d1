#include "cli/cli_state.h"

#include <time.h>

adit_utc cli_utc(const struct cli *cli)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return ADIT_SEC((uint64_t)ts.tv_sec) + (adit_utc)ts.tv_nsec + (adit_utc)cli->opts.common.clock_offset;
}

static int exit_code(int err)
{
	switch (err) {
	case ADIT_ENOENT:
	case ADIT_EIGNORED:
		return CLI_EXIT_USAGE;
	case ADIT_EINVAL:
	case ADIT_EVERSION:
	case ADIT_ECHECKSUM:
		return CLI_EXIT_BAD;
	case ADIT_EAUTH:
		return CLI_EXIT_REFUSED;
	case ADIT_ENOMEM:
		return CLI_EXIT_INTERNAL;
	default:
		return CLI_EXIT_LOCAL;
	}
}

int cli_state_fault(struct cli *cli, int err, const struct io_why *why)
{
	cli_error(&cli->msg, why->next, "%s", why->what);
	return exit_code(err);
}

int cli_state_open(struct cli *cli, struct io_state *ret_st)
{
	struct io_why why;
	int err = io_state_open_as_owner(ret_st, cli->opts.common.state, &why);

	if (err != 0)
		return cli_state_fault(cli, err, &why);
	cli_detail(&cli->msg, "state directory: %s", ret_st->dir);
	return CLI_GO;
}

void cli_state_damage(struct cli *cli, const struct io_state *st, const char *store, const struct io_damage *damage)
{
	size_t shown = damage->n < IO_DAMAGE_MAX ? damage->n : IO_DAMAGE_MAX;

	for (size_t i = 0; i < shown; i++)
		cli_warn(&cli->msg, "restore the line or delete it", "%s/%s:%u is damaged and ignored: %s", st->dir,
			 store, damage->lines[i].line, damage->lines[i].reason);
	if (damage->n > shown)
		cli_warn(&cli->msg, NULL, "%s/%s has %zu more damaged lines", st->dir, store, damage->n - shown);
}
