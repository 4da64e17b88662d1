/* adit-mediator: the introduction server and STUN server, started by `adit mediator`. Start at med_run.c. */
#include <stdio.h>

#include "io/io_std.h"
#include "mediator/med_opts.h"
#include "mediator/med_run.h"
#include "mediator/med_say.h"

#define EXIT_USAGE 2 /* CLI.md, exit codes */
#define EXIT_LOCAL 4

static const char help_text[] = "Example: adit mediator\n"
				"\n"
				"Usage: adit mediator [OPTION]...\n"
				"Introduces peers to each other, and is a STUN server. Run it on any machine with\n"
				"a public address: no certificate, no database, no root. It keeps nothing on disk\n"
				"and logs nobody.\n"
				"\n"
				"  --listen ADDR[:PORT]  an address of this machine (all; port 3478); with two of\n"
				"                        them clients can find out how their NATs filter\n"
				"  --public ADDR         what the world calls that address, behind a 1:1 NAT\n"
				"  --alt-port PORT       the second port (the one after the first)\n"
				"  --turn URI            a relay of yours that is lent, with\n"
				"  --turn-secret-file F  the secret it shares with this mediator (coturn's\n"
				"                        use-auth-secret), to who is answered by one of the peers\n"
				"  --turn-for FILE       whose \"adit id\" lines are in FILE\n"
				"  --rate N              STUN answers a second for one network (10; 0: no limit)\n"
				"  --json                counters as JSON, on stdout\n"
				"  -q, -v                errors only; decisions\n"
				"\n"
				"Counters are printed at the end and on SIGUSR1. SIGTERM ends it in order.\n"
				"Manual: adit help mediator\n";

int main(int argc, char **argv)
{
	struct med_opts opts;
	struct med_fault f;

	if (!io_std_open())
		return EXIT_LOCAL;
	if (med_opts_read(&opts, argc, argv, &f) != 0) {
		med_say_error(f.next, "%s", f.what);
		return EXIT_USAGE;
	}
	if (opts.help) {
		fputs(help_text, stdout);
		return 0;
	}
	return med_run(&opts);
}
