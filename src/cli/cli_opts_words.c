/* The words that are no options: services of serve, PEER and forwards of connect and pipe. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "cli/cli_exit.h"
#include "cli/cli_opts.h"
#include "core/trust/trust_ticket.h"

int cli_opts_add_service(struct cli_serve *s, const char *value, struct cli_fault *f)
{
	struct cli_service *service = &s->services[s->n_services];

	if (s->n_services == CLI_SERVICES_MAX)
		return cli_fault_set(f, CLI_EXIT_USAGE, "more than %d services", CLI_SERVICES_MAX);
	if (cli_service_parse(value, service, f) != 0)
		return ADIT_EINVAL;
	for (size_t i = 0; i < s->n_services; i++) {
		if (strcmp(s->services[i].name, service->name) != 0)
			continue;
		cli_fault_set(f, CLI_EXIT_USAGE, "two services are called \"%s\"", service->name);
		return cli_fault_next(f, "name one of them: other=%.80s",
				      strchr(value, '=') ? strchr(value, '=') + 1 : value);
	}
	s->n_services++;
	return 0;
}

int cli_opts_add_forward(struct cli_connect *c, const char *value, struct cli_fault *f)
{
	struct cli_forward *fw = &c->forwards[c->n_forwards];

	if (c->n_forwards == CLI_SERVICES_MAX)
		return cli_fault_set(f, CLI_EXIT_USAGE, "more than %d services", CLI_SERVICES_MAX);
	if (cli_forward_parse(value, fw, f) != 0)
		return ADIT_EINVAL;
	for (size_t i = 0; i < c->n_forwards; i++) {
		if (!cli_forward_clashes(&c->forwards[i], fw))
			continue;
		cli_fault_set(f, CLI_EXIT_USAGE, "\"%.80s\" wants the same place as what stands before it", value);
		return cli_fault_next(f, "give each service its own LOCAL: 7100:%s, 7101:%s", c->forwards[i].service,
				      fw->service);
	}
	c->n_forwards++;
	return 0;
}

static int serve_words(struct cli_opts *o, struct cli_fault *f)
{
	for (size_t i = 0; i < o->n_words; i++) {
		if (trust_ticket_is_text(o->words[i], strlen(o->words[i]))) {
			cli_fault_set(f, CLI_EXIT_USAGE, "serve takes services, and a ticket was given");
			return cli_fault_next(f, "with a ticket, it is: adit connect TICKET");
		}
		if (cli_opts_claim(o, CLI_OPT_SERVICES, CLI_RANK_ARGV) &&
		    cli_opts_add_service(&o->serve, o->words[i], f) != 0)
			return ADIT_EINVAL;
	}
	if (o->serve.n_services == 0) {
		cli_fault_set(f, CLI_EXIT_USAGE, "no service is given to offer");
		return cli_fault_next(f, "for example, what listens on port 8080 here: adit serve web=8080");
	}
	return 0;
}

/* Who gives the ticket: one of the word, the file, the environment. |ret_first| is the first word behind PEER. */
static int find_peer(struct cli_opts *o, const char *cmd, char *env_ticket, size_t *ret_first, struct cli_fault *f)
{
	bool from_file = o->connect.ticket_file[0] != '\0';
	bool is_word = o->n_words > 0 && trust_ticket_is_text(o->words[0], strlen(o->words[0]));

	*ret_first = 0;
	if (from_file && env_ticket) {
		cli_fault_set(f, CLI_EXIT_USAGE, "both --ticket-file and ADIT_TICKET give a ticket");
		return cli_fault_next(f, "leave one out; to ignore the environment: env -u ADIT_TICKET adit %s ...",
				      cmd);
	}
	if ((from_file || env_ticket) && is_word) {
		cli_fault_set(f, CLI_EXIT_USAGE, "a ticket is given twice: as a word, and by %s",
			      from_file ? "--ticket-file" : "ADIT_TICKET");
		return cli_fault_next(f, "leave one of them out");
	}
	o->connect.env_ticket = env_ticket;
	if (from_file || env_ticket)
		return 0;
	if (o->n_words == 0) {
		cli_fault_set(f, CLI_EXIT_USAGE, "whom to reach is missing: a ticket or a saved name");
		return cli_fault_next(f, "adit %s PEER%s, or --ticket-file FILE, or ADIT_TICKET in the environment",
				      cmd, strcmp(cmd, "pipe") == 0 ? " SERVICE" : "");
	}
	o->connect.peer = o->words[0];
	*ret_first = 1;
	/* A ticket without its end, which is told when it is found under no name, may be in upper case. */
	if (is_word || strncasecmp(o->connect.peer, TRUST_TICKET_PREFIX, TRUST_TICKET_PREFIX_LEN) == 0)
		return 0;
	return cli_name_check("saved name", o->connect.peer, f);
}

static int connect_words(struct cli_opts *o, enum cli_for cmd, char *env_ticket, struct cli_fault *f)
{
	bool pipe = cmd == CLI_FOR_PIPE;
	size_t first;

	if (find_peer(o, pipe ? "pipe" : "connect", env_ticket, &first, f) != 0)
		return ADIT_EINVAL;
	for (size_t i = first; i < o->n_words; i++) {
		if (trust_ticket_is_text(o->words[i], strlen(o->words[i]))) {
			cli_fault_set(f, CLI_EXIT_USAGE, "a ticket stands where a service is expected");
			return cli_fault_next(f, "the ticket comes first: adit %s TICKET SERVICE",
					      pipe ? "pipe" : "connect");
		}
		if (cli_opts_claim(o, CLI_OPT_FORWARDS, CLI_RANK_ARGV) &&
		    cli_opts_add_forward(&o->connect, o->words[i], f) != 0)
			return ADIT_EINVAL;
	}
	if (!pipe)
		return 0;
	if (o->rank[CLI_OPT_TIMEOUT] == CLI_RANK_NONE)
		o->meet.timeout = CLI_PIPE_TIMEOUT;
	if (o->connect.n_forwards != 1) {
		cli_fault_set(f, CLI_EXIT_USAGE, "pipe takes one service, and %s given",
			      o->connect.n_forwards == 0 ? "none is" : "several are");
		return cli_fault_next(f, "for example: adit pipe home ssh");
	}
	if (o->connect.forwards[0].kind != CLI_LOCAL_AUTO) {
		cli_fault_set(f, CLI_EXIT_USAGE, "pipe uses stdin and stdout, so \"%.80s\" makes no sense",
			      o->words[first]);
		return cli_fault_next(f, "adit pipe PEER %s, or with a local port: adit connect PEER %.80s",
				      o->connect.forwards[0].service, o->words[first]);
	}
	if (strcmp(o->connect.ticket_file, "-") == 0) {
		cli_fault_set(f, CLI_EXIT_USAGE, "pipe cannot read the ticket from stdin: that is the data");
		return cli_fault_next(f, "--ticket-file FILE, or ADIT_TICKET in the environment");
	}
	return 0;
}

int cli_opts_words(struct cli_opts *o, enum cli_for cmd, char *env_ticket, struct cli_fault *f)
{
	if (cmd == CLI_FOR_SERVE)
		return serve_words(o, f);
	if (cmd == CLI_FOR_CONNECT || cmd == CLI_FOR_PIPE)
		return connect_words(o, cmd, env_ticket && env_ticket[0] != '\0' ? env_ticket : NULL, f);
	return 0;
}
