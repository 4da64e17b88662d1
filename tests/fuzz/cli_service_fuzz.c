/*
 * Any text as a service of serve, as one of connect, and as an address. What is read is written again, and that must
 * read the same; what is refused has a reason, advice, and exit code 2.
 *
 * covers: src/cli/cli_service.c
 * planted: src/cli/cli_service.c: if (len >= sizeof(local)) -> if (len >= sizeof(local) + 64)
 */
#include "fuzz.h"

#include <string.h>

#include "cli/cli_exit.h"
#include "cli/cli_service.h"

static void check_fault(const struct cli_fault *f)
{
	FUZZ_CHECK(f->exit == CLI_EXIT_USAGE);
	FUZZ_CHECK(memchr(f->what, '\0', sizeof(f->what)) && f->what[0] != '\0');
	FUZZ_CHECK(memchr(f->next, '\0', sizeof(f->next)) && f->next[0] != '\0');
}

static void check_service(const char *text)
{
	char back[TRUST_NAME_MAX + 1 + CLI_TARGET_LEN];
	char target[CLI_TARGET_LEN];
	struct cli_service s;
	struct cli_service again;
	struct cli_fault f = {0};

	if (cli_service_parse(text, &s, &f) != 0) {
		check_fault(&f);
		return;
	}
	FUZZ_CHECK(cli_name_check("service", s.name, &f) == 0);
	strcpy(back, s.name);
	strcat(back, "=");
	strcat(back, cli_target_format(&s.target, target));
	FUZZ_CHECK(cli_service_parse(back, &again, &f) == 0);
	FUZZ_CHECK(strcmp(s.name, again.name) == 0 && s.target.kind == again.target.kind);
	FUZZ_CHECK(strcmp(s.target.host, again.target.host) == 0 && strcmp(s.target.path, again.target.path) == 0);
	FUZZ_CHECK(s.target.port == again.target.port);
}

static void check_forward(const char *text)
{
	char back[CLI_FORWARD_LEN];
	struct cli_forward fw;
	struct cli_forward again;
	struct cli_fault f = {0};

	if (cli_forward_parse(text, &fw, &f) != 0) {
		check_fault(&f);
		return;
	}
	FUZZ_CHECK(cli_forward_parse(cli_forward_format(&fw, back), &again, &f) == 0);
	FUZZ_CHECK(fw.kind == again.kind && fw.port == again.port && adit_addr_eq(&fw.addr, &again.addr));
	FUZZ_CHECK(strcmp(fw.service, again.service) == 0 && strcmp(fw.path, again.path) == 0);
	FUZZ_CHECK(cli_forward_clashes(&fw, &again) == cli_forward_clashes(&again, &fw));
}

static void check_host(const char *text)
{
	struct cli_host h;
	struct cli_fault f = {0};

	if (cli_host_parse("--peer", text, &h, &f) != 0) {
		check_fault(&f);
		return;
	}
	FUZZ_CHECK(h.name[0] != '\0' && strlen(h.name) <= CLI_HOST_MAX);
	FUZZ_CHECK(h.addr.family == ADIT_FAMILY_NONE || h.addr.port == h.port);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	check_service(text);
	check_forward(text);
	check_host(text);
	free(text);
	return 0;
}
