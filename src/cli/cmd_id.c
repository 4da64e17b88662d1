/* `adit id`: this machine's public key, as a line for somebody's `serve --allow FILE`. */
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli_state.h"
#include "core/trust/trust_base32.h"
#include "core/trust/trust_idline.h"

/* USER@HOST: tells people apart, and may be edited. */
static void own_comment(char *comment, size_t cap)
{
	const struct passwd *pw = getpwuid(geteuid());
	char host[256] = "";

	if (gethostname(host, sizeof(host) - 1) != 0 || host[0] == '\0')
		snprintf(host, sizeof(host), "localhost");
	snprintf(comment, cap, "%.30s@%.33s", pw ? pw->pw_name : "nobody", host);
}

int cmd_id(struct cli *cli, int argc, char **argv)
{
	char line[TRUST_IDLINE_TEXT_MAX + 1];
	char key[TRUST_BASE32_LEN(TRUST_KEY_LEN) + 1];
	struct trust_idline id = {0};
	struct crypto_identity own;
	struct io_state st;
	struct io_why why;
	struct cli_json j;
	int rc;

	if (argc > 0) {
		cli_error(&cli->msg, "adit id prints the key of this machine",
			  "id takes no words, and \"%.60s\" is given", argv[0]);
		return CLI_EXIT_USAGE;
	}
	rc = cli_state_open(cli, &st);
	if (rc != CLI_GO)
		return rc;
	rc = io_state_identity(&st, &own, &why);
	io_state_close(&st);
	if (rc != 0)
		return cli_state_fault(cli, rc, &why);
	memcpy(id.key, own.public_key, sizeof(id.key));
	crypto_identity_done(&own);
	own_comment(id.comment, sizeof(id.comment));
	trust_idline_format(&id, line);
	if (!cli->opts.common.json) {
		cli_out(&cli->msg, "%s", line);
		return CLI_EXIT_OK;
	}
	trust_base32_encode(id.key, sizeof(id.key), key);
	cli_json_init(&j);
	cli_json_object(&j, NULL);
	cli_json_str(&j, "type", "ed25519");
	cli_json_str(&j, "key", key);
	cli_json_str(&j, "comment", id.comment);
	cli_json_str(&j, "line", line);
	cli_json_object_end(&j);
	cli_out_json(&cli->msg, &j);
	return CLI_EXIT_OK;
}
