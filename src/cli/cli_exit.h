/* The exit codes, as CLI.md promises them. `adit udphp` has the old script's 11-16 besides. */
#ifndef ADIT_CLI_EXIT_H
#define ADIT_CLI_EXIT_H

enum cli_exit {
	CLI_EXIT_OK = 0, /* done, also after a signal and an orderly end */
	CLI_EXIT_INTERNAL = 1, /* our bug */
	CLI_EXIT_USAGE = 2, /* what was typed makes no sense */
	CLI_EXIT_BAD = 3, /* bad ticket, key or config */
	CLI_EXIT_LOCAL = 4, /* local resource: port, file, permission, lock */
	CLI_EXIT_UNREACHED = 5, /* the peer was not reached in time */
	CLI_EXIT_REFUSED = 6, /* the peer refused */
	CLI_EXIT_LOST = 7, /* session lost for longer than --linger */
	CLI_EXIT_SERVER = 8, /* mediator or relay unreachable */
	CLI_EXIT_SIGINT = 130, /* a second SIGINT */
	CLI_EXIT_SIGTERM = 143, /* a second SIGTERM */
};

/* What a step of a command returns when the command is to go on; anything else is the exit code to return. */
#define CLI_GO (-1)

#endif
