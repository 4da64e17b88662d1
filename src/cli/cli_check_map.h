/* The part of `adit check` about the router's port mapping services, in words and as JSON. */
#ifndef ADIT_CLI_CHECK_MAP_H
#define ADIT_CLI_CHECK_MAP_H

#include "cli/cli_json.h"
#include "cli/cli_msg.h"
#include "core/nat/nat_report.h"
#include "io/io_portmap_look.h"

/* What a mapping by the router would be worth. */
enum cli_check_map {
	CLI_CHECK_MAP_UNKNOWN, /* there is no router, or it was not asked to the end */
	CLI_CHECK_MAP_NONE, /* no service answers */
	CLI_CHECK_MAP_REFUSED, /* one is there, and maps nothing */
	CLI_CHECK_MAP_GOOD, /* the router's external address is how others see us, as far as is known */
	CLI_CHECK_MAP_SECOND_NAT, /* it is another one */
};

/* |v| is the IPv4 view. */
enum cli_check_map cli_check_map(const struct nat_view *v, const struct io_portmap_services *s);
void cli_check_map_text(struct cli_msg *m, const struct nat_view *v, const struct io_portmap_services *s);
void cli_check_map_json(struct cli_json *j, const struct nat_view *v, const struct io_portmap_services *s);

/* An address, or null where there is none. */
void cli_check_addr_json(struct cli_json *j, const char *key, const struct adit_addr *a);

#endif
