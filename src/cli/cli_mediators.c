#include "cli/cli_mediators.h"

#include <stdio.h>
#include <string.h>

#include "core/trust/trust_name.h"
#include "io/io_memory.h"

#define KEPT_AS "serve" /* the key in the store */

/* As trust_name_spell_host(), of what was read already. */
static void spell(const struct cli_host *h, char ret_name[TRUST_HINT_MAX + 1])
{
	struct adit_addr a = adit_addr_with_port(h->addr, h->port);
	char text[TRUST_HINT_MAX + 1];
	char numeric[ADIT_ADDR_STRLEN];

	if (h->addr.family != ADIT_FAMILY_NONE)
		snprintf(text, sizeof(text), "%s", adit_addr_format(&a, numeric));
	else if (h->port != 0)
		snprintf(text, sizeof(text), "%.*s:%u", TRUST_HINT_MAX - 6, h->name, h->port);
	else
		snprintf(text, sizeof(text), "%s", h->name);
	trust_name_spell_host(text, ret_name);
}

static void add(struct cli_mediators *m, const struct cli_host *h, const char *name)
{
	if (m->n == CLI_MEDIATORS_MAX)
		return;
	for (size_t i = 0; i < m->n; i++)
		if (strcmp(m->name[i], name) == 0)
			return;
	m->host[m->n] = *h;
	snprintf(m->name[m->n], sizeof(m->name[m->n]), "%s", name);
	m->n++;
}

static void add_text(struct cli_mediators *m, const char *text)
{
	struct cli_host h;
	struct cli_fault f;

	if (cli_host_parse("mediator", text, &h, &f) == 0)
		add(m, &h, text);
}

void cli_mediators_given(const struct cli_opts *o, struct cli_mediators *ret)
{
	char name[TRUST_HINT_MAX + 1];

	*ret = (struct cli_mediators){0};
	for (size_t i = 0; i < o->meet.n_mediators; i++) {
		spell(&o->meet.mediators[i], name);
		add(ret, &o->meet.mediators[i], name);
	}
}

void cli_mediators_hinted(const struct trust_ticket *t, struct cli_mediators *ret)
{
	char name[TRUST_HINT_MAX + 1];
	size_t pos = 0;

	*ret = (struct cli_mediators){0};
	while (trust_ticket_next_mediator(t, &pos, name))
		add_text(ret, name);
}

int cli_mediators_hint(struct cli *cli, const struct cli_mediators *m, struct trust_ticket *t)
{
	for (size_t i = 0; i < m->n; i++) {
		int err = trust_ticket_add_mediator(t, m->name[i]);

		if (err == 0)
			continue;
		cli_error(&cli->msg,
			  err == ADIT_EFULL ? "give fewer of them, or shorter names"
					    : "give its name in letters, digits, dots and dashes, or its address",
			  "--mediator %s does not fit into a ticket", m->name[i]);
		return CLI_EXIT_USAGE;
	}
	return CLI_GO;
}

void cli_mediators_keep(struct cli *cli, struct io_state *st, const struct cli_mediators *m)
{
	char text[IO_MEMORY_TEXT_MAX + 1] = "";
	char old[IO_MEMORY_TEXT_MAX + 1];
	struct io_why why;
	size_t at = 0;

	for (size_t i = 0; i < m->n; i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%s", i > 0 ? " " : "", m->name[i]);
	if (m->n == 0 && io_memory_get_text(st, IO_MEMORY_MEDIATORS, KEPT_AS, old, &why) == ADIT_ENOENT)
		return; /* nothing is worth a file */
	if (io_memory_set_text(st, IO_MEMORY_MEDIATORS, KEPT_AS, text, &why) < 0)
		cli_detail(&cli->msg, "the mediators are not kept for later tickets: %s", why.what);
}

void cli_mediators_recall(const struct io_state *st, struct cli_mediators *ret)
{
	char text[IO_MEMORY_TEXT_MAX + 1];
	struct io_why why;
	char *save = NULL;

	*ret = (struct cli_mediators){0};
	if (io_memory_get_text(st, IO_MEMORY_MEDIATORS, KEPT_AS, text, &why) < 0)
		return;
	for (char *word = strtok_r(text, " ", &save); word; word = strtok_r(NULL, " ", &save))
		add_text(ret, word);
}

const char *cli_mediators_text(const struct cli_mediators *m, char buf[CLI_MEDIATORS_STRLEN])
{
	size_t at = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < m->n; i++)
		at += (size_t)snprintf(buf + at, CLI_MEDIATORS_STRLEN - at, "%s%s",
				       i == 0         ? ""
				       : i + 1 < m->n ? ", "
						      : " and ",
				       m->name[i]);
	return buf;
}
