/* The -h texts. Each begins with an example that works and fits 80 columns and 24 lines; a test holds them to it. */
#ifndef ADIT_CLI_HELP_H
#define ADIT_CLI_HELP_H

/* The text of one command, with its final newline; NULL where there is none. */
const char *cli_help_text(const char *command);

/* What stands before and behind the list of commands in `adit -h`. */
extern const char cli_help_head[];
extern const char cli_help_tail[];

#endif
