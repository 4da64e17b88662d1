/*
 * The small languages of the command line: SERVICE, TARGET, [LOCAL:]SERVICE, HOST[:PORT]. Pure: string in, struct
 * out; what is wrong goes into a struct cli_fault with exit code 2.
 */
#ifndef ADIT_CLI_SERVICE_H
#define ADIT_CLI_SERVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "cli/cli_fault.h"
#include "cli/cli_limits.h"
#include "core/trust/trust_limits.h"

enum cli_target_kind {
	CLI_TARGET_TCP,
	CLI_TARGET_UDP,
	CLI_TARGET_UNIX,
};

/* Where a service really is, seen from the serve side. */
struct cli_target {
	enum cli_target_kind kind;
	char host[CLI_HOST_MAX + 1]; /* name or numeric address without brackets; "": this machine (127.0.0.1, ::1) */
	uint16_t port;
	char path[CLI_PATH_MAX + 1]; /* UNIX only */
};

/* [SERVICE=]TARGET of `serve`. */
struct cli_service {
	char name[TRUST_NAME_MAX + 1];
	struct cli_target target;
};

enum cli_local_kind {
	CLI_LOCAL_AUTO, /* not given: the service's own port, else a free one that stays the same */
	CLI_LOCAL_ANY, /* "0": any free port on loopback */
	CLI_LOCAL_PORT, /* |port| on both loopback addresses */
	CLI_LOCAL_ADDR, /* |addr|; its port 0: any free one there */
	CLI_LOCAL_UNIX, /* |path| */
};

/* [LOCAL:]SERVICE of `connect`. */
struct cli_forward {
	char service[TRUST_NAME_MAX + 1];
	enum cli_local_kind kind;
	uint16_t port;
	struct adit_addr addr;
	char path[CLI_PATH_MAX + 1];
};

/* HOST[:PORT] of --peer and --mediator; the port is 0 where none is given. */
struct cli_host {
	char name[CLI_HOST_MAX + 1]; /* without brackets */
	uint16_t port;
	struct adit_addr addr; /* with |port|; family NONE: |name| is to be resolved */
};

/* Is |name| one, [a-z0-9-]{1,32}? |what| ("label", "service name") is for the message. */
ADIT_MUST_CHECK int cli_name_check(const char *what, const char *name, struct cli_fault *f);

ADIT_MUST_CHECK int cli_service_parse(const char *text, struct cli_service *ret_service, struct cli_fault *f);
ADIT_MUST_CHECK int cli_forward_parse(const char *text, struct cli_forward *ret_forward, struct cli_fault *f);
/* |option| ("--peer") is for the message. */
ADIT_MUST_CHECK int cli_host_parse(const char *option, const char *text, struct cli_host *ret_host,
				   struct cli_fault *f);

/* Two forwards that want the same local place, or are the same. */
bool cli_forward_clashes(const struct cli_forward *a, const struct cli_forward *b);

/* As it was or could have been typed. Return |buf|, which always holds the longest. */
#define CLI_TARGET_LEN  (CLI_HOST_MAX + 16)
#define CLI_FORWARD_LEN (CLI_PATH_MAX + TRUST_NAME_MAX + 16)
const char *cli_target_format(const struct cli_target *t, char buf[CLI_TARGET_LEN]);
const char *cli_forward_format(const struct cli_forward *fw, char buf[CLI_FORWARD_LEN]);

#endif
