/*
 * A --config file: one long option per line without dashes, "#" comments. Pure: one line in, name and value out.
 */
#ifndef ADIT_CLI_CONFIG_H
#define ADIT_CLI_CONFIG_H

#include <stddef.h>

#include "cli/cli_fault.h"
#include "cli/cli_limits.h"

struct cli_config_line {
	char name[CLI_CONFIG_LINE]; /* "": an empty line or a comment */
	char value[CLI_CONFIG_LINE]; /* "": none was given */
};

/*
 * Reads the |len| bytes of one line without its newline. A comment starts at the line's first "#" that stands at the
 * beginning or behind a blank, so unix:/run/x#1 is a value. 0, or ADIT_EINVAL with |f| (exit code 3, without the
 * file's name and line: the caller knows them).
 */
ADIT_MUST_CHECK int cli_config_parse(const char *line, size_t len, struct cli_config_line *ret_line,
				     struct cli_fault *f);

#endif
