/* What an endpoint does with TURN servers: a file as `adit --relay-file` has it, and what mediators lend. */
#ifndef ADIT_EXAMPLE_RELAYS_H
#define ADIT_EXAMPLE_RELAYS_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <adit/endpoint.h>

#include "mediators.h"

/* A numeric host the library reads itself; names it leaves to us, and finds out which of both families leads there. */
static inline int relay_add(struct adit_endpoint *ep, const struct adit_relay *relay)
{
	const char *host = strchr(relay->uri, ':');
	static const int families[] = {AF_INET, AF_INET6};
	struct sockaddr_storage addr;
	char name[ADIT_HOST_STRLEN];
	int err = adit_endpoint_add_relay(ep, relay, NULL, 0);
	int any = ADIT_EINVAL;

	if (err != ADIT_EINVAL || !host)
		return err;
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(host + 1, ":?"), host + 1);
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
		socklen_t len = mediator_resolve(name, families[i], &addr);

		if (len == 0)
			continue;
		err = adit_endpoint_add_relay(ep, relay, (struct sockaddr *)&addr, len);
		any = any == 0 ? 0 : err;
	}
	return any;
}

/* A line is "URI USER PASSWORD" or "URI secret SECRET". How many there were; negative: an error. */
static inline int relay_read(struct adit_endpoint *ep, const char *path)
{
	FILE *f = fopen(path, "re");
	char line[1024];
	int n = 0;

	while (f && n >= 0 && fgets(line, sizeof(line), f)) {
		char *rest = NULL;
		char *uri = strtok_r(line, " \t\r\n", &rest);
		char *user = strtok_r(NULL, " \t\r\n", &rest);
		char *word = strtok_r(NULL, " \t\r\n", &rest);
		struct adit_relay relay = {.size = sizeof(relay), .uri = uri};
		int err;

		if (!uri || uri[0] == '#')
			continue;
		if (user && strcmp(user, "secret") == 0) {
			relay.secret = word;
		} else {
			relay.user = user;
			relay.password = word;
		}
		err = relay_add(ep, &relay);
		n = err < 0 ? err : n + 1;
	}
	if (f)
		fclose(f);
	return f ? n : ADIT_ESYS;
}

static inline void relay_tell(const struct adit_endpoint_event *e)
{
	static const char *const states[] = {
		[ADIT_RELAY_NONE] = "none", [ADIT_RELAY_ASKED] = "asked",   [ADIT_RELAY_READY] = "ready",
		[ADIT_RELAY_LOST] = "lost", [ADIT_RELAY_FAILED] = "failed",
	};
	char text[ADIT_ADDRESS_STRLEN];

	if (e->kind == ADIT_ENDPOINT_RELAY)
		fprintf(stderr, "relay %s %s %s\n", states[e->relay_state], adit_address_format(&e->relay, text),
			e->text);
	else if (e->kind == ADIT_ENDPOINT_LOAN)
		fprintf(stderr, "loan %s\n", e->loan->uri);
	else if (e->kind == ADIT_ENDPOINT_MAPPED)
		fprintf(stderr, "mapped %s %s%s\n", adit_address_format(&e->mapped, text), e->works ? "works" : "",
			e->text);
}

#endif
