/*
 * A program of somebody else's: it has seen nothing of adit but what was installed, and its own names are the
 * library's inner ones. It uses a piece of each header and prints the version.
 */
#include <stdio.h>
#include <string.h>

#include <adit/endpoint.h>
#include <adit/ice.h>
#include <adit/punch.h>
#include <adit/ticket.h>

/* The library has these inside. */
int link_new(void);
int quic_free(void);

int link_new(void)
{
	return 1;
}

int quic_free(void)
{
	return 2;
}

static int use_ice(void)
{
	struct adit_ice_config cfg;
	struct adit_ice *ice;

	memset(&cfg, 0, sizeof(cfg));
	cfg.size = sizeof(cfg);
	if (adit_ice_new(&cfg, &ice) < 0)
		return 1;
	adit_ice_process(ice);
	while (adit_ice_next_event(ice))
		;
	adit_ice_free(ice);
	return 0;
}

static int use_punch(const char *ticket)
{
	struct adit_punch_config cfg;
	struct adit_punch *punch;

	memset(&cfg, 0, sizeof(cfg));
	cfg.size = sizeof(cfg);
	cfg.ticket = ticket;
	if (adit_punch_new(&cfg, &punch) < 0)
		return 1;
	adit_punch_free(punch);
	return 0;
}

static int use_endpoint(const char *ticket)
{
	struct adit_endpoint_config cfg;
	struct adit_endpoint *ep;

	memset(&cfg, 0, sizeof(cfg));
	cfg.size = sizeof(cfg);
	cfg.ticket = ticket;
	if (adit_endpoint_new(&cfg, &ep) < 0)
		return 1;
	adit_endpoint_free(ep);
	return 0;
}

int main(void)
{
	char identity[ADIT_IDENTITY_STRLEN];
	char ticket[ADIT_TICKET_STRLEN];

	adit_identity_new(identity);
	if (adit_ticket_new(identity, false, ticket) < 0 || link_new() != 1 || quic_free() != 2)
		return 1;
	if (use_ice() || use_punch(ticket) || use_endpoint(ticket))
		return 1;
	printf("%s %d.%d.%d\n", adit_version(), ADIT_VERSION_MAJOR, ADIT_VERSION_MINOR, ADIT_VERSION_PATCH);
	return 0;
}
