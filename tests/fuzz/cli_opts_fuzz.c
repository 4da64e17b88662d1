/*
 * Any words as a command line: the first byte picks the command, the rest are words between NULs. What is refused has a
 * reason and exit code 2, and no reason repeats a ticket, which is gone from the words.
 *
 * covers: src/cli/cli_opts.c
 * planted: src/cli/cli_opts.c: snprintf(name, sizeof(name), "%.*s" -> snprintf(name, sizeof(name) + 64, "%.*s"
 */
#include "fuzz.h"

#include <string.h>

#include "cli/cli_exit.h"
#include "cli/cli_opts.h"
#include "core/trust/trust_ticket.h"

#define WORDS 600

static void check_fault(const struct cli_fault *f)
{
	FUZZ_CHECK(f->exit == CLI_EXIT_USAGE || f->exit == CLI_EXIT_BAD);
	FUZZ_CHECK(f->what[0] != '\0' && memchr(f->what, '\0', sizeof(f->what)) &&
		   memchr(f->next, '\0', sizeof(f->next)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct cli_opts o; /* large */
	static char env[] = "adit1abc";
	char *argv[WORDS + 1];
	struct cli_fault f = {0};
	enum cli_for cmd;
	char *text;
	int argc = 0;
	int err;

	if (size < 1)
		return 0;
	cmd = (enum cli_for)(1u << (data[0] & 7));
	text = malloc(size);
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	argv[argc++] = text + size - 1; /* an empty name */
	for (char *p = text; p < text + size - 1 && argc < WORDS; p += strlen(p) + 1)
		argv[argc++] = p;
	argv[argc] = NULL;

	cli_opts_init(&o);
	err = cli_opts_argv(&o, cmd, argc, argv, &f);
	if (err == 0)
		err = cli_opts_words(&o, cmd, data[0] & 8 ? env : NULL, &f);
	if (err != 0)
		check_fault(&f);
	FUZZ_CHECK(o.n_words <= CLI_WORDS_MAX && o.n_given <= CLI_GIVEN_MAX);
	if (err == 0)
		for (int i = 1; i < argc && !memchr(data + 1, '=', size - 1); i++)
			FUZZ_CHECK(argv[i][0] == '-' || argv[i - 1][0] == '-' ||
				   !trust_ticket_is_text(argv[i], strlen(argv[i])));
	cli_opts_done(&o);
	free(text);
	return 0;
}
