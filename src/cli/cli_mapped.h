/* The port that the router forwards (endpoint/ep_mapped.h), for people and as JSON: --mapped, --no-portmap, status. */
#ifndef ADIT_CLI_MAPPED_H
#define ADIT_CLI_MAPPED_H

#include "cli/cli_json.h"
#include "cli/cli_msg.h"
#include "cli/cli_opts.h"
#include "endpoint/ep_mapped.h"

extern const enum adit_family cli_mapped_family[2]; /* IPv4, IPv6 */

/* Is the router to be asked? Without mediators only where the peer knows the port that it would forward. */
bool cli_mapped_is_asked(const struct cli_meet *o, bool meets);
/* The external port that the user forwards to his --port; 0: none. */
uint16_t cli_mapped_port(const struct cli_meet *o);

/* --mapped says where a port leads that --port names. CLI_GO or the exit code. */
int cli_mapped_check(struct cli_msg *m, const struct cli_meet *o);

void cli_mapped_say(struct cli_msg *m, const struct ep_mapped_state *st, bool json);
/* A line of status behind |at|; the new length. |st|: NULL where there is nothing to tell. */
size_t cli_mapped_status_text(char *buf, size_t cap, size_t at, const struct ep_mapped_state *st);
void cli_mapped_status_json(struct cli_json *j, const struct ep_mapped_state *v4, const struct ep_mapped_state *v6);

#endif
