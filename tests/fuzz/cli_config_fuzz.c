/*
 * Any text as the config file of each command. What is refused has a reason that names file and line, and exit code 3;
 * what is taken stays within its tables.
 *
 * covers: src/cli/cli_config.c
 * covers: src/cli/cli_opts.c: cli_opts_config cli_opts_set set_value set_path set_duration set_port pick add_host
 * add_service add_forward claim set_flag find_row unknown_option planted: src/cli/cli_config.c: while (len > 0 &&
 * is_blank(*line)) -> while (is_blank(*line))
 */
#include "fuzz.h"

#include <string.h>

#include "base/bytes.h"
#include "cli/cli_exit.h"
#include "cli/cli_opts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum cli_for commands[] = {CLI_FOR_SERVE, CLI_FOR_CONNECT, CLI_FOR_PIPE, CLI_FOR_PEER, CLI_FOR_ID};
	static struct cli_opts o; /* large */

	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		struct cli_fault f = {0};

		cli_opts_init(&o);
		if (cli_opts_config(&o, commands[i], "adit.conf", (const char *)data, size, &f) != 0) {
			FUZZ_CHECK(f.exit == CLI_EXIT_BAD);
			FUZZ_CHECK(strncmp(f.what, "adit.conf:", 10) == 0);
			FUZZ_CHECK(memchr(f.what, '\0', sizeof(f.what)) && memchr(f.next, '\0', sizeof(f.next)));
		}
		FUZZ_CHECK(o.meet.n_peers <= (commands[i] == CLI_FOR_SERVE ? CLI_PEERS_MAX : 1));
		FUZZ_CHECK(o.meet.n_mediators <= CLI_MEDIATORS_MAX && o.serve.n_services <= CLI_SERVICES_MAX);
		FUZZ_CHECK(o.connect.n_forwards <= CLI_SERVICES_MAX && o.n_given == 0);
		FUZZ_CHECK(cli_opts_level(&o) >= -1 && cli_opts_level(&o) <= CLI_VERBOSE_MAX);
		cli_opts_done(&o);
	}
	return 0;
}
