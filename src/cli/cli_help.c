#include "cli/cli_help.h"

#include <stddef.h>
#include <string.h>

#include "base/bytes.h"

const char cli_help_head[] = "Example, here:   adit serve web=8080 --peer 203.0.113.20\n"
			     "and over there:  adit connect TICKET 7100:web --peer 203.0.113.10\n"
			     "\n"
			     "Usage: adit COMMAND [OPTION]... [WORD]...\n"
			     "A direct, encrypted way to a TCP or UDP service behind any NAT.\n"
			     "\n";

const char cli_help_tail[] = "\n"
			     "adit COMMAND -h   the options of a command\n"
			     "adit help COMMAND its manual\n"
			     "adit --version\n";

#define COMMON                                                                          \
	"  --config FILE        take options from FILE, one per line, without dashes\n" \
	"  --state DIR          keep keys and tickets in DIR\n"                         \
	"  -q, -v, -vv          errors only; decisions; every step\n"

static const char serve_text[] = "Example: adit serve web=8080 --peer 203.0.113.20\n"
				 "\n"
				 "Usage: adit serve [OPTION]... [SERVICE=]TARGET...\n"
				 "Offers services to whoever holds a ticket, and prints the ticket.\n"
				 "\n"
				 "TARGET is 22, host:22, udp/53, udp/host:53 or unix:/path. SERVICE is what the\n"
				 "other side calls it; without, it is called by its port (22, udp-53).\n"
				 "\n"
				 "  --mediator HOST      meet through this introducer; may be repeated\n"
				 "  --peer ADDR[:PORT]   the other side's public address; may be repeated\n"
				 "  --stun HOST[:PORT]   one more witness of the own public address\n"
				 "  --relay-file FILE    TURN (--relay, --relay-ca);  --relay-only, --direct-only\n"
				 "  --port N             use this UDP port;  --mapped (forwarded), --no-portmap\n"
				 "  --allow FILE         admit the keys in FILE instead of tickets\n"
				 "  --no-ticket          print none;  --compress;  --threads N\n"
				 "  --linger TIME        keep connections this long when the path is lost (5m)\n" COMMON
				 "  --json               results as JSON, one object per line\n"
				 "  --log json           messages as JSON;  --color auto|always|never\n"
				 "\n"
				 "Manual: adit help serve\n";

static const char connect_text[] =
	"Example: adit connect home 7100:web\n"
	"\n"
	"Usage: adit connect [OPTION]... PEER [[LOCAL:]SERVICE]...\n"
	"Opens services of PEER here; all of them if none is named.\n"
	"\n"
	"PEER is a ticket or a name saved by \"adit peer add\". LOCAL is a port, addr:port,\n"
	"[v6]:port, unix:/path, or 0 for any free port.\n"
	"\n"
	"  --mediator HOST      meet through this introducer, not those in the ticket\n"
	"  --peer ADDR[:PORT]   the other side's public address\n"
	"  --stun HOST[:PORT]   one more witness of the own public address\n"
	"  --relay-file FILE    TURN (--relay, --relay-ca);  --relay-only, --direct-only\n"
	"  --ticket-file FILE   read the ticket there (- is stdin); PEER is left out\n"
	"  --port N             use this UDP port;  --mapped (forwarded), --no-portmap\n"
	"  --timeout TIME       give up then (else never);  --compress;  --threads N\n"
	"  --linger TIME        keep connections this long when the path is lost (5m)\n" COMMON
	"  --json, --log json   results, messages as JSON;  --color auto|always|never\n"
	"\n"
	"Times are seconds, or 5m, 2h, 1d. ADIT_TICKET in the environment works too.\n"
	"Manual: adit help connect\n";

static const char pipe_text[] = "Example: ssh -o ProxyCommand='adit pipe home ssh' home\n"
				"\n"
				"Usage: adit pipe [OPTION]... PEER SERVICE\n"
				"Connects stdin and stdout to a service of PEER.\n"
				"\n"
				"PEER is a ticket or a name saved by \"adit peer add\".\n"
				"\n"
				"  --mediator HOST      meet through this introducer, not those in the ticket\n"
				"  --peer ADDR[:PORT]   the other side's public address\n"
				"  --stun HOST[:PORT]   one more witness of the own public address\n"
				"  --relay-file FILE    TURN (--relay, --relay-ca);  --relay-only, --direct-only\n"
				"  --ticket-file FILE   read the ticket there; PEER is left out\n"
				"  --port N             use this UDP port;  --mapped (forwarded), --no-portmap\n"
				"  --timeout TIME       give up after this long (60 s)\n"
				"  --compress           compress streams; one side is enough\n"
				"  --linger TIME        keep it this long when the path is lost (5m)\n" COMMON
				"  --log json           messages as JSON;  --color auto|always|never\n"
				"\n"
				"Times are seconds, or 5m, 2h, 1d. ADIT_TICKET in the environment works too.\n"
				"Manual: adit help pipe\n";

static const char status_text[] = "Example: adit status --watch\n"
				  "\n"
				  "Usage: adit status [OPTION]...\n"
				  "Shows the running endpoints: path, round trip, rate, how the hole was punched.\n"
				  "\n"
				  "  --watch              again every second, until interrupted\n" COMMON
				  "  --json               results as JSON\n"
				  "  --log json           messages as JSON;  --color auto|always|never\n"
				  "\n"
				  "Manual: adit help status\n";

static const char check_text[] = "Example: adit check --stun stun.example.org --stun 203.0.113.5\n"
				 "\n"
				 "Usage: adit check [OPTION]...\n"
				 "What this network's NAT does, which peers it reaches directly, and which one\n"
				 "setting would help. Any STUN servers do; one that speaks RFC 5780 tells most,\n"
				 "and three by different people show which of them lies.\n"
				 "\n"
				 "  --stun HOST[:PORT]   ask this server (3478); may be repeated\n"
				 "  --mediator HOST[:PORT]  the same: a mediator is a STUN server, too\n"
				 "  --lifetime           also how long an idle mapping lives: takes minutes\n" COMMON
				 "  --json               results as JSON\n"
				 "  --log json           messages as JSON;  --color auto|always|never\n"
				 "\n"
				 "Manual: adit help check\n";

static const char ticket_text[] =
	"Example: adit ticket new laptop\n"
	"\n"
	"Usage: adit ticket [show|new|list|revoke] [LABEL] [OPTION]...\n"
	"The tickets of this machine: whoever holds one may use what serve offers.\n"
	"\n"
	"  show [LABEL]         print it (so does \"adit ticket\" alone); \"default\" is made\n"
	"  new [LABEL]          make another one, with its own secret, and print it\n"
	"  list                 labels and their state, no secrets\n"
	"  revoke [LABEL]       end it, and its running sessions within 5 seconds\n"
	"Without LABEL the ticket \"default\" is meant.\n"
	"\n"
	"  --single             with new: only for the first key that uses it\n"
	"  --qr                 draw it as a QR code, too\n" COMMON "  --json               results as JSON\n"
	"  --log json           messages as JSON;  --color auto|always|never\n"
	"\n"
	"Manual: adit help ticket\n";

static const char id_text[] = "Example: adit id >> keys\n"
			      "\n"
			      "Usage: adit id [OPTION]...\n"
			      "Prints this machine's public key as a line for \"adit serve --allow FILE\".\n"
			      "\n" COMMON "  --json               results as JSON\n"
			      "  --log json           messages as JSON;  --color auto|always|never\n"
			      "\n"
			      "Manual: adit help id\n";

static const char peer_text[] = "Example: adit peer add home --peer 203.0.113.10 7100:web\n"
				"\n"
				"Usage: adit peer add NAME [TICKET] [OPTION]... [[LOCAL:]SERVICE]...\n"
				"       adit peer list\n"
				"       adit peer remove NAME\n"
				"Saves tickets and how to meet, for \"adit connect NAME\".\n"
				"\n"
				"Without TICKET it is asked for (not shown), or read from stdin.\n"
				"\n"
				"  --mediator HOST      meet through this introducer; may be repeated\n"
				"  --peer ADDR[:PORT]   the other side's public address\n"
				"  --stun HOST[:PORT]   one more witness of the own public address\n"
				"  --relay-file FILE    TURN (--relay, --relay-ca);  --relay-only, --direct-only\n"
				"  --port N             the own UDP port;  --mapped (forwarded), --no-portmap\n"
				"  --timeout TIME       give up after this long;  --compress;  --threads N\n"
				"  --linger TIME        keep connections this long when the path is lost\n" COMMON
				"  --json               results as JSON\n"
				"  --log json           messages as JSON;  --color auto|always|never\n"
				"\n"
				"Manual: adit help peer\n";

static const char help_text[] = "Example: adit help serve\n"
				"\n"
				"Usage: adit help [COMMAND]\n"
				"Shows the manual of a command, or the list of commands.\n";

const char *cli_help_text(const char *command)
{
	static const struct {
		const char *command;
		const char *text;
	} texts[] = {
		{"serve", serve_text},   {"connect", connect_text}, {"pipe", pipe_text},
		{"status", status_text}, {"ticket", ticket_text},   {"id", id_text},
		{"peer", peer_text},     {"help", help_text},       {"check", check_text},
	};

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		if (strcmp(texts[i].command, command) == 0)
			return texts[i].text;
	return NULL;
}
