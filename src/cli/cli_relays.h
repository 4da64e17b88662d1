/*
 * The TURN servers of --relay and --relay-file: who they are and what they want to know of us. User and password stand
 * in the file alone, a server a line, or the secret that is shared with one's own server (coturn's static-auth-secret):
 *
 *	turn:relay.example.org USER PASSWORD
 *	turn:relay.example.org secret SECRET
 *
 * --relay names some of them; without it all are used.
 */
#ifndef ADIT_CLI_RELAYS_H
#define ADIT_CLI_RELAYS_H

#include "cli/cli.h"
#include "cli/cli_json.h"
#include "endpoint/ep_relay.h"

struct cli_relays {
	struct ep_relay_config relay[EP_RELAYS_MAX];
	size_t n;
};

/* |text| of |file|: ADIT_EINVAL, |f| says why (exit code 3). For a server that stands there twice the last one counts.
 */
ADIT_MUST_CHECK int cli_relays_parse(struct cli_relays *r, const char *file, const char *text, size_t len,
				     struct cli_fault *f);
/* Whether the options contradict each other. CLI_GO, or the exit code after saying why. */
ADIT_MUST_CHECK int cli_relays_check(struct cli *cli);
/*
 * What the options say, with the file read, and whether they fit together. |meets|: a mediator is known, without whom
 * nobody tells the other side of a relay. CLI_GO, or the exit code after saying why.
 */
ADIT_MUST_CHECK int cli_relays_take(struct cli *cli, bool meets, struct cli_relays *ret);
void cli_relays_done(struct cli_relays *r);

/* What the relays have come to, for a person. |who|: the label of the lane, or "". */
void cli_relays_say(struct cli *cli, const char *prefix, const struct link_relay_info *relay);
/* Its fields of status: as a JSON object "relay", and in words (NULL where no server is named). */
void cli_relays_status_json(struct cli_json *j, const struct link_relay_info *relay, adit_time now);
#define CLI_RELAY_STATUS_STRLEN 256
const char *cli_relays_status_text(const struct link_relay_info *relay, adit_time now,
				   char buf[CLI_RELAY_STATUS_STRLEN]);

#endif
