/* Every limit and default of the command line, with its unit and where it comes from. */
#ifndef ADIT_CLI_LIMITS_H
#define ADIT_CLI_LIMITS_H

#include "base/time.h"

#define CLI_HOST_MAX      253 /* characters of a host name: RFC 1035 2.3.4, without the final dot */
#define CLI_LABEL_MAX     63 /* characters between two dots of a host name: RFC 1035 2.3.4 */
#define CLI_PATH_MAX      107 /* bytes of a unix socket's path: sun_path holds 108 with the NUL on Linux */
#define CLI_SERVICES_MAX  64 /* services of one serve, and forwards of one connect */
#define CLI_PEERS_MAX     8 /* --peer on one serve: as many as one search takes (PUNCH_PEERS_MAX) */
#define CLI_MEDIATORS_MAX 4 /* --mediator: as many as a ticket names (MEET_MEDIATORS_MAX) */
#define CLI_STUNS_MAX \
	8 /* --stun; with the mediators not more than that are asked (EP_CHECK_HOSTS_MAX, REACH_SERVERS_MAX) */
#define CLI_THREADS_MAX    8 /* --threads: connections of one session (FWD_CONNECTIONS_MAX) */
#define CLI_RELAYS_MAX     4 /* --relay: as many as an endpoint has (EP_RELAYS_MAX) */
#define CLI_STUN_PORT      3478 /* RFC 8489 18.6; a mediator has the same */
#define CLI_GIVEN_MAX      32 /* --peer, --mediator, --stun, --port, --linger, --timeout on one command line */
#define CLI_WORDS_MAX      512 /* words on one command line; more is refused before anything is parsed */
#define CLI_CONFIG_MAX     65536 /* bytes of a config file */
#define CLI_CONFIG_LINE    1024 /* bytes of one of its lines */
#define CLI_TICKET_MAX     4096 /* bytes of a ticket as text, white space included */
#define CLI_VERBOSE_MAX    2 /* -vv: more changes nothing */
#define CLI_LINGER_DEFAULT ADIT_SEC(300) /* CLI.md, Waiting */
#define CLI_PIPE_TIMEOUT   ADIT_SEC(60) /* CLI.md, Waiting */
#define CLI_DURATION_MAX   ADIT_SEC(31536000) /* a year: longer ones are typing errors */
#define CLI_CLOCK_MAX      ADIT_SEC(86400) /* --clock-offset, each way; for tests only */
#define CLI_HELP_WIDTH     80 /* columns of a -h text: CLI.md, Common */
#define CLI_HELP_HEIGHT    24 /* lines of it */

#endif
