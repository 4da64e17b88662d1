/*
 * Every option of every command, from wherever it comes: the command line, a --config file, a saved peer.
 *
 * The three write into the same plain structs. Each option remembers the highest rank that set it; a higher rank
 * replaces all that lower ones gave (a --peer on the command line replaces the saved ones, it does not add to them),
 * a lower one is ignored, whatever the order they are read in.
 *
 * Nothing here prints, opens a file or looks at the environment. Begin reading at cli_opts_argv().
 */
#ifndef ADIT_CLI_OPTS_H
#define ADIT_CLI_OPTS_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/time.h"
#include "cli/cli_fault.h"
#include "cli/cli_limits.h"
#include "cli/cli_service.h"
#include "core/turn/turn_uri.h"

/* Which commands know an option, as bits. */
enum cli_for {
	CLI_FOR_SERVE = 1u << 0,
	CLI_FOR_CONNECT = 1u << 1,
	CLI_FOR_PIPE = 1u << 2,
	CLI_FOR_STATUS = 1u << 3,
	CLI_FOR_TICKET = 1u << 4,
	CLI_FOR_ID = 1u << 5,
	CLI_FOR_PEER = 1u << 6,
	CLI_FOR_HELP = 1u << 7,
	CLI_FOR_CHECK = 1u << 8,
	CLI_FOR_ALL = (1u << 9) - 1,
};

enum cli_rank {
	CLI_RANK_NONE, /* nobody gave it */
	CLI_RANK_CONFIG,
	CLI_RANK_SAVED, /* by `adit peer add` */
	CLI_RANK_ARGV,
};

enum cli_opt_id {
	CLI_OPT_HELP,
	CLI_OPT_QUIET,
	CLI_OPT_VERBOSE,
	CLI_OPT_JSON,
	CLI_OPT_LOG,
	CLI_OPT_COLOR,
	CLI_OPT_STATE,
	CLI_OPT_CONFIG,
	CLI_OPT_CLOCK_OFFSET,
	CLI_OPT_PEER,
	CLI_OPT_MEDIATOR,
	CLI_OPT_PORT,
	CLI_OPT_MAPPED,
	CLI_OPT_NO_PORTMAP,
	CLI_OPT_LINGER,
	CLI_OPT_TIMEOUT,
	CLI_OPT_TICKET_FILE,
	CLI_OPT_COMPRESS,
	CLI_OPT_THREADS,
	CLI_OPT_NO_TICKET,
	CLI_OPT_ALLOW,
	CLI_OPT_SINGLE,
	CLI_OPT_QR,
	CLI_OPT_WATCH,
	CLI_OPT_STUN,
	CLI_OPT_RELAY,
	CLI_OPT_RELAY_FILE,
	CLI_OPT_RELAY_CA,
	CLI_OPT_RELAY_ONLY,
	CLI_OPT_DIRECT_ONLY,
	CLI_OPT_LIFETIME,
	CLI_OPT_SERVICES, /* "serve" in a config file, bare words after `serve` */
	CLI_OPT_FORWARDS, /* "connect" in a config file, bare words after `connect PEER` */
	CLI_OPT_COUNT,
};

enum cli_color {
	CLI_COLOR_AUTO,
	CLI_COLOR_ALWAYS,
	CLI_COLOR_NEVER,
};

struct cli_common {
	bool help;
	bool quiet;
	int verbose; /* how many -v: 0 to CLI_VERBOSE_MAX */
	bool json;
	bool log_json;
	enum cli_color color;
	char state[PATH_MAX]; /* "": not given */
	char config[PATH_MAX]; /* "": not given */
	int64_t clock_offset; /* nanoseconds added to the system's UTC; tests only */
};

/* How to meet the other side: serve, connect, pipe, peer add; the servers of check, too. */
struct cli_meet {
	struct cli_host peers[CLI_PEERS_MAX]; /* more than one only on serve */
	size_t n_peers;
	struct cli_host mediators[CLI_MEDIATORS_MAX];
	size_t n_mediators;
	struct cli_host stuns[CLI_STUNS_MAX]; /* further STUN servers, and those of check */
	size_t n_stuns;
	struct turn_uri relays[CLI_RELAYS_MAX];
	size_t n_relays;
	char relay_file[PATH_MAX]; /* "": not given */
	char relay_ca[PATH_MAX]; /* "": not given */
	bool relay_only;
	bool direct_only;
	uint16_t port; /* own UDP port; 0: not pinned */
	bool mapped; /* the user has the router forward a port to |port| ... */
	uint16_t mapped_port; /* ... this one; 0: the same */
	bool no_portmap;
	adit_dur linger;
	bool compress;
	unsigned threads; /* serve, connect; 0: not given */
	adit_dur timeout; /* ADIT_NEVER: wait for ever; of connect and pipe */
};

struct cli_serve {
	struct cli_service services[CLI_SERVICES_MAX];
	size_t n_services;
	bool no_ticket;
	char allow[PATH_MAX]; /* "": not given */
};

struct cli_connect {
	const char *peer; /* the word PEER, a ticket or a saved name; NULL: the ticket comes from elsewhere */
	char ticket_file[PATH_MAX]; /* "": not given; "-": stdin */
	const char *env_ticket; /* ADIT_TICKET where it gives the ticket, borrowed; else NULL */
	struct cli_forward forwards[CLI_SERVICES_MAX]; /* none: all that the peer offers */
	size_t n_forwards;
};

struct cli_opts {
	struct cli_common common;
	struct cli_meet meet;
	struct cli_serve serve;
	struct cli_connect connect;
	bool lifetime; /* check */
	bool single; /* ticket new */
	bool qr; /* ticket show, new */
	bool watch; /* status */
	char *words[CLI_WORDS_MAX +
		    1]; /* what is no option, in order; NULL ends them; borrowed from argv, or a secret */
	size_t n_words;
	char *secrets[4]; /* copies of tickets that stood in argv, owned */
	size_t n_secrets;
	struct {
		const char *name; /* without dashes, static */
		const char *value; /* as typed, borrowed from argv */
	} given[CLI_GIVEN_MAX]; /* the options about meeting that stood on the command line: what `peer add` saves */
	size_t n_given;
	enum cli_rank rank[CLI_OPT_COUNT];
};

/* Defaults. cli_opts_done() wipes and frees the copied secrets. */
void cli_opts_init(struct cli_opts *o);
void cli_opts_done(struct cli_opts *o);

/*
 * Reads the options in argv[1..]; |cmd| is the command's bit. Words that look like tickets are copied and overwritten
 * in argv, where every user of the machine can read them. Not reentrant (getopt_long is not).
 */
ADIT_MUST_CHECK int cli_opts_argv(struct cli_opts *o, enum cli_for cmd, int argc, char **argv, struct cli_fault *f);

/*
 * One option by its long name without dashes; |value| is "" where none was given.
 * ADIT_EINVAL: refused, |f| says why (exit code 2; a file's reader makes that 3). ADIT_ENOENT: no command has such an
 * option, |f| filled too. ADIT_EIGNORED: another command's option, nothing was done.
 */
ADIT_MUST_CHECK int cli_opts_set(struct cli_opts *o, enum cli_for cmd, enum cli_rank rank, const char *name,
				 const char *value, struct cli_fault *f);

/*
 * All lines of a config file of |len| bytes at |text|; |file| is its name for the messages "FILE:3: ...", which are
 * of exit code 3.
 */
ADIT_MUST_CHECK int cli_opts_config(struct cli_opts *o, enum cli_for cmd, const char *file, const char *text,
				    size_t len, struct cli_fault *f);

/*
 * The words, after all sources but saved peers have been read: services of serve, PEER and forwards of connect and
 * pipe. |env_ticket| is the value of ADIT_TICKET or NULL, borrowed.
 */
ADIT_MUST_CHECK int cli_opts_words(struct cli_opts *o, enum cli_for cmd, char *env_ticket, struct cli_fault *f);

/* One service or forward more, as `serve` and `connect` take it; refused where it clashes with one before it. */
ADIT_MUST_CHECK int cli_opts_add_service(struct cli_serve *s, const char *value, struct cli_fault *f);
ADIT_MUST_CHECK int cli_opts_add_forward(struct cli_connect *c, const char *value, struct cli_fault *f);

/* |rank| sets |id|: what lower ranks gave is dropped. False where a higher one has spoken. */
bool cli_opts_claim(struct cli_opts *o, enum cli_opt_id id, enum cli_rank rank);

/* -1 with -q, else how many -v: 0 to CLI_VERBOSE_MAX. The command line's word beats a file's. */
int cli_opts_level(const struct cli_opts *o);

#endif
