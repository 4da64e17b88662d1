#include "endpoint/ep_relay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "core/ice/ice_candidate.h"
#include "crypto/crypto.h"
#include "io/io_clock.h"
#include "io/io_timer.h"

struct relay_name {
	struct ep_relay *owner;
	struct ep_relay_config cfg;
	struct ep_peers *peers;
	struct adit_addr addr[2]; /* v4, v6; family NONE: it has (as yet) none */
	size_t slot[2]; /* their numbers with links, for good: what is known later comes behind */
	struct turn_server signed_as; /* of a secret: user and password as they are now */
};

struct ep_relay {
	uv_loop_t *loop;
	ep_relay_changed *changed;
	ep_peers_failed *failed;
	void *ctx;
	struct io_timer *renew; /* NULL: no secret is among them */
	struct relay_name name[EP_RELAYS_MAX];
	size_t n_names;
	struct ep_relays now;
};

void ep_relays_tell(const struct ep_relays *r, struct link *link, adit_time now)
{
	/* A server that the link cannot use is no reason to do without the others. */
	for (size_t i = 0; i < r->n; i++)
		(void)!link_set_relay(link, now, i, &r->server[i]);
}

static void refresh_server(const struct relay_name *name, size_t f, struct turn_server *s)
{
	*s = (struct turn_server){.addr = name->addr[f], .transport = name->cfg.uri.transport};
	/* Of a numeric host the certificate has to name the address. */
	if (name->cfg.uri.addr.family == ADIT_FAMILY_NONE)
		memcpy(s->host, name->cfg.uri.host, sizeof(s->host));
	memcpy(s->user, name->cfg.is_secret ? name->signed_as.user : name->cfg.user, sizeof(s->user));
	memcpy(s->pass, name->cfg.is_secret ? name->signed_as.pass : name->cfg.pass, sizeof(s->pass));
}

/* Those that are resolved, each where it was. */
static void refresh(struct ep_relay *r)
{
	for (size_t i = 0; i < r->n_names; i++)
		for (size_t f = 0; f < 2; f++)
			if (r->name[i].addr[f].family != ADIT_FAMILY_NONE)
				refresh_server(&r->name[i], f, &r->now.server[r->name[i].slot[f]]);
	if (r->now.n > 0)
		r->changed(r->ctx, &r->now);
}

static void make_credentials(struct relay_name *name)
{
	if (name->cfg.is_secret)
		turn_server_sign(&name->signed_as, &crypto_gnutls, name->cfg.pass, io_clock_utc());
}

static void on_renew(void *ctx)
{
	struct ep_relay *r = ctx;

	for (size_t i = 0; i < r->n_names; i++)
		make_credentials(&r->name[i]);
	io_timer_set(r->renew, adit_time_add(io_clock_now(), TURN_TIMED_RENEW));
	refresh(r);
}

static bool is_public(const struct adit_addr *a)
{
	return ice_candidate_judge(a, false) == ICE_REFUSED_NOT && !ice_candidate_is_private(a);
}

/*
 * The lowest address of each family. Both: what this host says of its routes is no proof that one leads there, and the
 * asking is. A family that the name has no more keeps what it had.
 */
static void on_addrs(void *ctx, const struct adit_addr *addrs, size_t n)
{
	struct relay_name *name = ctx;
	const struct adit_addr *best[2] = {NULL, NULL};
	bool any = false;

	for (size_t i = 0; i < n; i++) {
		const struct adit_addr *a = &addrs[i];
		const struct adit_addr **b = &best[adit_addr_is_v6(a)];

		if (name->cfg.is_lent && !is_public(a))
			continue;
		if (!*b || memcmp(a->ip, (*b)->ip, sizeof(a->ip)) < 0)
			*b = a;
	}
	for (size_t f = 0; f < 2; f++) {
		if (!best[f])
			continue;
		if (name->addr[f].family == ADIT_FAMILY_NONE)
			name->slot[f] = name->owner->now.n++;
		name->addr[f] = *best[f];
		any = true;
	}
	if (any)
		refresh(name->owner);
}

static void on_failed(void *ctx, const char *host, const char *why)
{
	struct relay_name *name = ctx;

	name->owner->failed(name->owner->ctx, host, why);
}

static int add_name(struct ep_relay *r, const struct ep_relay_config *cfg)
{
	struct relay_name *name = &r->name[r->n_names];
	struct ep_host h = {.port = cfg->uri.port, .addr = cfg->uri.addr};
	int err;

	*name = (struct relay_name){.owner = r, .cfg = *cfg};
	make_credentials(name);
	memcpy(h.name, cfg->uri.host, sizeof(cfg->uri.host));
	err = ep_peers_new(r->loop, &h, 1, on_addrs, on_failed, name, &name->peers);
	r->n_names += err == 0;
	return err;
}

static int start_renewing(struct ep_relay *r)
{
	bool any = false;
	int err;

	for (size_t i = 0; i < r->n_names; i++)
		any |= r->name[i].cfg.is_secret;
	err = any ? io_timer_new(r->loop, on_renew, r, &r->renew) : 0;
	if (any && err == 0)
		io_timer_set(r->renew, adit_time_add(io_clock_now(), TURN_TIMED_RENEW));
	return err;
}

int ep_relay_new(uv_loop_t *loop, const struct ep_relay_config *cfg, size_t n, ep_relay_changed *changed,
		 ep_peers_failed *failed, void *ctx, struct ep_relay **ret_relay)
{
	struct ep_relay *r = calloc(1, sizeof(*r));
	int err = 0;

	if (!r)
		return ADIT_ENOMEM;
	r->loop = loop;
	r->changed = changed;
	r->failed = failed;
	r->ctx = ctx;
	for (size_t i = 0; i < n && i < EP_RELAYS_MAX && err == 0; i++)
		err = add_name(r, &cfg[i]);
	if (err == 0)
		err = start_renewing(r);
	if (err < 0) {
		ep_relay_close(r);
		return err;
	}
	*ret_relay = r;
	return 0;
}

static struct relay_name *find_lent(struct ep_relay *r, const struct turn_uri *uri)
{
	for (size_t i = 0; i < r->n_names; i++) {
		const struct turn_uri *have = &r->name[i].cfg.uri;

		if (r->name[i].cfg.is_lent && strcmp(have->host, uri->host) == 0 && have->port == uri->port &&
		    have->transport == uri->transport)
			return &r->name[i];
	}
	return NULL;
}

size_t ep_relay_lend(struct ep_relay *r, const struct meet_relay *loan)
{
	size_t n = 0;

	for (unsigned i = 0; i < loan->n_uris; i++) {
		struct ep_relay_config cfg = {.is_lent = true};
		struct relay_name *name;

		if (turn_uri_parse(loan->uris[i], &cfg.uri) < 0)
			continue;
		snprintf(cfg.user, sizeof(cfg.user), "%s", loan->user);
		snprintf(cfg.pass, sizeof(cfg.pass), "%s", loan->pass);
		name = find_lent(r, &cfg.uri);
		if (name)
			name->cfg = cfg;
		if (name || (r->n_names < EP_RELAYS_MAX && add_name(r, &cfg) == 0))
			n++;
		adit_bytes_wipe(&cfg, sizeof(cfg));
	}
	refresh(r);
	return n;
}

void ep_relay_again(struct ep_relay *r)
{
	for (size_t i = 0; r && i < r->n_names; i++)
		ep_peers_again(r->name[i].peers);
}

void ep_relay_close(struct ep_relay *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < r->n_names; i++)
		ep_peers_close(r->name[i].peers);
	if (r->renew)
		io_timer_close(r->renew);
	adit_bytes_wipe(r, sizeof(*r));
	free(r);
}
