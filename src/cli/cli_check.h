/* What `adit check` prints: what servers saw and what the router offers, in plain words and as JSON. */
#ifndef ADIT_CLI_CHECK_H
#define ADIT_CLI_CHECK_H

#include "base/nat64.h"
#include "cli/cli_msg.h"
#include "core/nat/nat_report.h"
#include "io/io_portmap_look.h"

/* The name that server |i| of the report was given by; "": as an address. */
typedef const char *cli_check_name(void *ctx, size_t i);

/* |nat64|: the one that IPv4 was asked through; its length is 0: none. */
void cli_check_text(struct cli_msg *m, const struct nat_report *r, const struct io_portmap_services *services,
		    const struct adit_nat64 *nat64, cli_check_name *name, void *ctx);
void cli_check_json(struct cli_msg *m, const struct nat_report *r, const struct io_portmap_services *services,
		    const struct adit_nat64 *nat64, cli_check_name *name, void *ctx);

/* The one thing to change so that more works; "" where nothing needs to. */
const char *cli_check_advice(const struct nat_report *r, const struct io_portmap_services *services);

/* What a NAT does with ports, in words; static text. */
const char *cli_check_kind(enum nat_kind k);

#endif
