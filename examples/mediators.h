/* What both examples that meet through mediators do with the names in a ticket: libadit itself resolves none. */
#ifndef ADIT_EXAMPLE_MEDIATORS_H
#define ADIT_EXAMPLE_MEDIATORS_H

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <adit/ticket.h>

#define MEDIATOR_PORT "3478"

/*
 * "host", "host:port", "[2001:db8::1]:port"; |family|: AF_UNSPEC takes either. Blocks, as getaddrinfo(3) does: a
 * program with more to do asks elsewhere.
 */
static inline socklen_t mediator_resolve(const char *name, int family, struct sockaddr_storage *ret_addr)
{
	struct addrinfo hints = {.ai_socktype = SOCK_DGRAM, .ai_family = family}, *found, *least = NULL;
	char host[ADIT_HOST_STRLEN];
	const char *port = MEDIATOR_PORT;
	char *colon;
	socklen_t len = 0;

	snprintf(host, sizeof(host), "%s", name);
	colon = strrchr(host, ':');
	if (colon && (host[0] == '[' || strchr(host, ':') == colon)) {
		*colon = '\0';
		port = colon + 1;
	}
	if (host[0] == '[')
		memmove(host, host + 1, strcspn(host + 1, "]"));
	host[strcspn(host, "]")] = '\0';
	if (getaddrinfo(host, port, &hints, &found) != 0)
		return 0;
	/* Both sides must ask the same machine, and may see its addresses in another order. */
	for (struct addrinfo *a = found; a; a = a->ai_next)
		if (!least ||
		    (a->ai_addrlen == least->ai_addrlen && memcmp(a->ai_addr, least->ai_addr, a->ai_addrlen) < 0))
			least = a;
	if (least) {
		memcpy(ret_addr, least->ai_addr, least->ai_addrlen);
		len = least->ai_addrlen;
	}
	freeaddrinfo(found);
	return len;
}

/* Is there one in the ticket? Then the configuration's |meets| is wanted. */
static inline bool mediator_is_named(const char *ticket)
{
	char host[ADIT_HOST_STRLEN];

	return ticket && adit_ticket_mediator(ticket, 0, host) == 0;
}

/* Prints what example-x was asked for: a new identity, and a ticket of it with |n| mediators. */
static inline int mediator_print_new(char **names, int n)
{
	char identity[ADIT_IDENTITY_STRLEN], ticket[ADIT_TICKET_STRLEN];
	int err;

	adit_identity_new(identity);
	err = adit_ticket_new(identity, false, ticket);
	for (int i = 0; i < n && err == 0; i++)
		err = adit_ticket_add_mediator(ticket, names[i]);
	if (err < 0) {
		fprintf(stderr, "no ticket: %s\n", adit_strerror(err));
		return 2;
	}
	/* The two lines of an identity may stand on one. */
	for (char *p = identity; (p = strchr(p, '\n')) != NULL;)
		*p = ' ';
	printf("identity=%s\nticket=%s\n", identity, ticket);
	return 0;
}

static inline void mediator_tell(const struct adit_meeting *m)
{
	static const char *const words[] = {
		[ADIT_MEETING_HELD] = "registered",  [ADIT_MEETING_LOST] = "registration lost",
		[ADIT_MEETING_REFUSED] = "mediator", [ADIT_MEETING_FOUND] = "the peer is found",
		[ADIT_MEETING_FAILED] = "no path",   [ADIT_MEETING_LEARNT] = "learnt",
	};

	fprintf(stderr, "meeting: %s%s%s %s\n", words[m->kind], m->mediator ? " " : "", m->mediator ? m->mediator : "",
		m->text);
}

#endif
