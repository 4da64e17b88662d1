/* What a running serve answers to "adit status": its services and lanes, over a control socket (endpoint/ep_ctl.h). */
#ifndef ADIT_CLI_SERVE_CTL_H
#define ADIT_CLI_SERVE_CTL_H

#include "cli/cli_run.h"
#include "cli/cli_show.h"
#include "endpoint/ep_serve.h"

/* All borrowed, but |ctl| and |rates|. */
struct cli_serve_ctl {
	struct ep_serve *ep;
	const struct ep_service *services;
	size_t n_services;
	const struct cli_mediators *named;
	struct ep_ctl *ctl;
	struct cli_rates rates;
};

/* Fill in the rest before. Where it cannot be opened, that is told, and all else goes on. */
void cli_serve_ctl_open(struct cli_serve_ctl *s, struct cli_run *run);
void cli_serve_ctl_close(struct cli_serve_ctl *s);

#endif
