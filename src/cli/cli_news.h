/*
 * What goes on with the mediators, for people and as JSON: each thing is said once, when it is new, and not again with
 * every round. Addresses of the peer are shown with -v alone.
 */
#ifndef ADIT_CLI_NEWS_H
#define ADIT_CLI_NEWS_H

#include "cli/cli_mediators.h"
#include "cli/cli_run.h"

/* What was said last about a mediator. */
enum cli_news_told {
	CLI_NEWS_NOTHING,
	CLI_NEWS_HELD,
	CLI_NEWS_LOST,
	CLI_NEWS_SILENT,
	CLI_NEWS_ABSENT,
	CLI_NEWS_REFUSED,
};

struct cli_news {
	struct cli_run *run;
	bool is_serve;
	bool by_key; /* connect: the ticket has no secret, this machine's key is what is known over there */
	struct cli_mediators mediators;
	struct {
		enum cli_news_told told;
		unsigned code;
	} about[CLI_MEDIATORS_MAX];
	bool is_up; /* there is a session: the search for a better path is not worth a line */
	bool has_met; /* that the peer was found was said */
	enum nat_kind own_kind; /* of both sides, as told last */
	enum nat_kind peer_kind;
	enum reach_verdict verdict; /* that was said last */
	char doing[160]; /* for the living line: "asking meet.example.org" */
};

void cli_news_init(struct cli_news *n, struct cli_run *r, const struct cli_mediators *m, bool is_serve);
/* LINK_EVENT_MEET. |who|: the lane's label, or NULL; |reach|: the lane's, for the account that -v shows. */
void cli_news_say(struct cli_news *n, const char *who, const struct link_event *e, const struct reach *reach);
/* The session is up: what is said from here on is new again. */
void cli_news_forget(struct cli_news *n);
/* With -v: what was tried, line by line. */
void cli_news_account(struct cli_news *n, const struct reach *reach);

/* Does none of the link's mediators answer, so far as is known? */
bool cli_news_is_cut_off(const struct cli_news *n, const struct link_status *st);
/* Below an error: why the last attempt failed, and both sides' NATs. */
void cli_news_hints(struct cli_news *n, const struct link_status *st);

/* Both NATs, as members of the object that is being written. */
void cli_news_kinds_json(struct cli_json *j, enum nat_kind own, enum nat_kind peer);

#endif
