#include "api/api_relay.h"

#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "core/ice/ice_candidate.h"
#include "crypto/crypto.h"
#include "io/io_clock.h"

API_NO_TAIL(struct adit_relay, secret);

void api_relay_init(struct api_relay *r)
{
	r->renew_at = ADIT_NEVER;
}

void api_relay_done(struct api_relay *r)
{
	adit_bytes_wipe(r, sizeof(*r));
}

/* A name may have an address of either family: which is reached from here is found out by asking both. */
static bool is_same(const struct api_relay_server *a, const struct api_relay_server *b)
{
	return strcmp(a->uri.host, b->uri.host) == 0 && a->uri.port == b->uri.port &&
	       a->uri.transport == b->uri.transport && a->server.addr.family == b->server.addr.family;
}

/* False: too long, or nothing. */
static bool copy_text(char *to, size_t cap, const char *from)
{
	size_t len = from ? strlen(from) : 0;

	if (len == 0 || len >= cap)
		return false;
	memcpy(to, from, len + 1);
	return true;
}

/* A mediator's word does not make us knock at private addresses. */
static bool is_lent(const struct api_relay *r, const struct adit_relay *relay)
{
	for (unsigned i = 0; r->has_loan && relay->user && i < r->loan.n_uris; i++)
		if (strcmp(relay->uri, r->loan.uris[i]) == 0 && strcmp(relay->user, r->loan.user) == 0)
			return true;
	return false;
}

static int read_server(const struct api_relay *r, const struct adit_relay *relay, const struct adit_addr *addr,
		       struct api_relay_server *to)
{
	struct turn_server *s = &to->server;

	if (!relay->uri || turn_uri_parse(relay->uri, &to->uri) < 0)
		return ADIT_EINVAL;
	s->transport = to->uri.transport;
	s->addr = to->uri.addr;
	if (s->addr.family == ADIT_FAMILY_NONE) {
		if (!addr)
			return ADIT_EINVAL;
		/* Of a numeric host the certificate has to name the address. */
		s->addr = adit_addr_with_port(*addr, to->uri.port);
		memcpy(s->host, to->uri.host, sizeof(s->host));
	}
	if (is_lent(r, relay) && !ice_candidate_is_public(&s->addr))
		return ADIT_EINVAL;
	if (relay->secret)
		return copy_text(to->secret, sizeof(to->secret), relay->secret) ? 0 : ADIT_EINVAL;
	return copy_text(s->user, sizeof(s->user), relay->user) && copy_text(s->pass, sizeof(s->pass), relay->password)
		       ? 0
		       : ADIT_EINVAL;
}

static void sign(struct api_relay *r, struct api_relay_server *s, adit_time now)
{
	if (s->secret[0] == '\0')
		return;
	turn_server_sign(&s->server, &crypto_gnutls, s->secret, io_clock_utc());
	r->renew_at = adit_time_min(r->renew_at, adit_time_add(now, TURN_TIMED_RENEW));
}

int api_relay_add(struct api_relay *r, struct link *link, const struct adit_relay *relay, const struct adit_addr *addr)
{
	struct api_relay_server s = {.secret = ""};
	struct adit_relay in = {.size = 0};
	adit_time now = io_clock_now();
	size_t i = 0;
	int err = api_config_copy(&in, sizeof(in), sizeof(in), relay);

	if (err == 0)
		err = read_server(r, &in, addr, &s);
	while (err == 0 && i < r->n && !is_same(&s, &r->server[i]))
		i++;
	if (err == 0 && i == TURN_SERVERS_MAX)
		err = ADIT_EFULL;
	if (err == 0) {
		sign(r, &s, now);
		err = link_set_relay(link, now, i, &s.server);
	}
	if (err == 0) {
		r->server[i] = s;
		r->n += i == r->n;
	}
	adit_bytes_wipe(&s, sizeof(s));
	return err;
}

void api_relay_tick(struct api_relay *r, struct link *link, adit_time now)
{
	if (now < r->renew_at)
		return;
	r->renew_at = ADIT_NEVER;
	for (size_t i = 0; i < r->n; i++) {
		sign(r, &r->server[i], now);
		(void)!link_set_relay(link, now, i, &r->server[i].server); /* it was taken once */
	}
}

/* --- what is told --- */

void api_relay_tell(const struct link_relay_info *info, struct adit_endpoint_event *ret_event)
{
	_Static_assert((int)ADIT_RELAY_FAILED == (int)LINK_RELAY_FAILED, "states are the same inside and outside");
	ret_event->relay_state = (enum adit_relay_state)info->state;
	api_address_to(&info->server, &ret_event->relay);
	ret_event->text = info->why == TURN_WHY_NONE ? ""
			  : info->is_expired         ? "its time-limited user name and password have run out"
						     : turn_why_text(info->why);
}

void api_relay_lend(struct api_relay *r, const struct meet_relay *loan)
{
	r->loan = *loan;
	r->has_loan = true;
	r->n_told = 0;
}

bool api_relay_event(struct api_relay *r, struct adit_endpoint_event *ret_event)
{
	if (!r->has_loan || r->n_told == r->loan.n_uris)
		return false;
	r->told = (struct adit_relay){.size = sizeof(r->told),
				      .uri = r->loan.uris[r->n_told++],
				      .user = r->loan.user,
				      .password = r->loan.pass};
	*ret_event = (struct adit_endpoint_event){.kind = ADIT_ENDPOINT_LOAN, .loan = &r->told};
	return true;
}
