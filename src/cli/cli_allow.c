#include "cli/cli_allow.h"

#include <stdlib.h>
#include <string.h>

#include "io/io_file.h"

#define ALLOW_FILE_MAX (1024 * 1024) /* bytes: thousands of keys */
#define ALLOW_KEYS_MAX 1024 /* each is a lane with sockets of its own */

void cli_allow_done(struct cli_allow *a)
{
	free(a->keys);
	a->keys = NULL;
	a->n = 0;
}

/* 1: |ret_key| is filled; 0: a line without a key; else the exit code. */
static int parse_line(struct cli_msg *m, const char *file, unsigned nr, const char *line, size_t len,
		      struct trust_idline *ret_key)
{
	const char *reason;
	int r = trust_idline_parse(line, len, ret_key, &reason);

	if (r == 0)
		return 1;
	if (r == ADIT_EIGNORED)
		return 0;
	cli_error(m, "each line is what \"adit id\" prints on the machine that may connect", "%s:%u: %s", file, nr,
		  reason);
	return CLI_EXIT_BAD;
}

static int parse(struct cli_allow *a, struct cli_msg *m, const char *file, const char *text, size_t len)
{
	struct trust_idline *keys = calloc(ALLOW_KEYS_MAX, sizeof(*keys));
	const char *end = text + len;
	unsigned nr = 0;
	size_t n = 0;

	if (!keys) {
		cli_error(m, NULL, "%s: no memory", file);
		return CLI_EXIT_LOCAL;
	}
	while (text < end) {
		const char *nl = memchr(text, '\n', (size_t)(end - text));
		size_t line_len = nl ? (size_t)(nl - text) : (size_t)(end - text);
		struct trust_idline key;
		int r = parse_line(m, file, ++nr, text, line_len, &key);

		if (r == 1 && n == ALLOW_KEYS_MAX) {
			cli_error(m, NULL, "%s:%u: more than %d keys", file, nr, ALLOW_KEYS_MAX);
			r = CLI_EXIT_BAD;
		} else if (r == 1) {
			keys[n++] = key;
			r = 0;
		}
		if (r != 0) {
			free(keys);
			return r;
		}
		text += line_len + 1;
	}
	cli_allow_done(a);
	a->keys = keys;
	a->n = n;
	return CLI_GO;
}

int cli_allow_load(struct cli_allow *a, struct cli *cli)
{
	const char *file = cli->opts.serve.allow;
	struct io_text text;
	struct io_why why;
	int rc;

	if (io_file_read(file, ALLOW_FILE_MAX, &text, &why) < 0) {
		cli_error(&cli->msg, why.next[0] ? why.next : NULL, "--allow: %s", why.what);
		return CLI_EXIT_LOCAL;
	}
	rc = parse(a, &cli->msg, file, text.data, text.len);
	io_text_done(&text);
	return rc;
}
