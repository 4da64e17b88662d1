/*
 * `adit mediator`: hands over to adit-mediator, an executable of its own, so that who needs no server has none
 * installed. It reads its own arguments.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "cli/cli.h"

/* Where this program is, without its name; "" where that cannot be found out. */
static void own_directory(char *dir, size_t cap)
{
	ssize_t n = readlink("/proc/self/exe", dir, cap - 1);
	char *slash;

	dir[n > 0 ? n : 0] = '\0';
	slash = strrchr(dir, '/');
	if (slash)
		*slash = '\0';
}

/* Beside us, as built or moved together; then where it was to be installed. Comes back only if it is in none. */
static void try_all(char **argv)
{
	static const char *const places[] = {"../mediator/adit-mediator", "adit-mediator",
					     "../libexec/adit/adit-mediator"};
	char dir[PATH_MAX];
	char path[PATH_MAX + 64];

	own_directory(dir, sizeof(dir));
	for (size_t i = 0; dir[0] && i < ARRAY_LEN(places); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, places[i]);
		execv(path, argv);
		if (errno != ENOENT && errno != ENOTDIR)
			return;
	}
	execv(ADIT_LIBEXEC "/adit-mediator", argv);
}

int cmd_mediator(int argc, char **argv)
{
	(void)argc;
	try_all(argv);
	if (errno == ENOENT || errno == ENOTDIR)
		fprintf(stderr,
			"adit mediator: adit-mediator is not installed in %s\n"
			"  it comes with adit's sources: ./dev install puts it there\n",
			ADIT_LIBEXEC);
	else
		fprintf(stderr, "adit mediator: adit-mediator cannot be started: %s\n", strerror(errno));
	return CLI_EXIT_LOCAL;
}
