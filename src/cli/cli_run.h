/*
 * What serve, connect and pipe share: the loop, the identity, signals, descriptor limits, and the sentences for what a
 * link reports.
 */
#ifndef ADIT_CLI_RUN_H
#define ADIT_CLI_RUN_H

#include <uv.h>

#include "cli/cli.h"
#include "cli/cli_mediators.h"
#include "crypto/crypto_identity.h"
#include "endpoint/ep_meet.h"
#include "endpoint/ep_peers.h"
#include "io/io_state.h"
#include "link/link.h"

struct cli_run {
	struct cli *cli;
	uv_loop_t loop;
	struct io_state state;
	struct crypto_identity identity;
	struct quic_creds *creds;
	uint64_t instance; /* of this run of the program */
	uv_signal_t signals[2]; /* SIGINT, SIGTERM */
	unsigned n_signals;
	int exit; /* the exit code when the loop has ended */
	void (*stop)(void *ctx); /* the first signal: end in order, then cli_run_end() */
	void *ctx;
	adit_time began_at;
	adit_time paused_at; /* when descriptors last ran out; 0: they did not */
};

/* Opens state, identity and loop. CLI_GO, or the exit code after saying why. */
int cli_run_open(struct cli_run *r, struct cli *cli, void (*stop)(void *ctx), void *ctx);
/* Runs until cli_run_end(); the exit code. */
int cli_run_loop(struct cli_run *r);
/* The loop ends with this turn. */
void cli_run_end(struct cli_run *r, int exit);
/* Closes what the loop still has, then everything else. After it the structure is free. */
void cli_run_close(struct cli_run *r);

/* --peer as the endpoints want it; returns how many. */
size_t cli_run_hosts(const struct cli *cli, struct ep_host ret_hosts[EP_PEERS_MAX]);
/* |m| and --stun as the endpoints want them. */
void cli_run_meeting(const struct cli *cli, const struct cli_mediators *m, struct ep_meet_config *ret_cfg);
/* A name of |option| that cannot be resolved (ep_peers_failed). */
void cli_run_unresolved(struct cli *cli, const char *option, const char *name, const char *why);

/*
 * Says what a link reports, to the person and with --json as a line of results. |who|: the label of the lane, or NULL.
 * LINK_EVENT_UP, DOWN and STUCK of the connect side are the command's own to say.
 */
void cli_run_say(struct cli_run *r, const char *who, const struct link_event *e);

/* |n| threads carry the session now; |down|: one was lost, else NULL. */
void cli_run_say_threads(struct cli_run *r, const char *who, unsigned n, const struct link_event *down);
/* Processors that this process may use, as far as --threads goes. */
unsigned cli_run_cores(void);

/* Why a session ended, as a sentence. */
const char *cli_run_reason(const struct link_event *e);
/* New connections wait, for the reason |err| (errno); said once as long as it comes again within a minute. */
void cli_run_say_paused(struct cli_run *r, int err);
/* The exit code that goes with it, for the connect side. */
int cli_run_reason_exit(const struct link_event *e);

/* "1.2 s", "340 ms": for people. Returns |buf|. */
const char *cli_run_dur(adit_dur d, char buf[24]);
/* The first 8 characters of a key: how logs name it. */
const char *cli_run_key(const uint8_t key[CRYPTO_KEY_LEN], char buf[9]);
/* What opened a way: "punched", "through a relay". */
const char *cli_run_how(enum link_how how);
/* A path, as members of the object that is being written. */
void cli_run_path_json(struct cli_json *j, const struct link_path_info *p);

#endif
