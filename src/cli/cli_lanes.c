#include "cli/cli_lanes.h"

#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "cli/cli_kept.h"
#include "cli/cli_state.h"
#include "core/trust/trust_keys.h"
#include "crypto/crypto.h"
#include "io/io_clock.h"
#include "io/io_tickets.h"

void cli_lanes_init(struct cli_lanes *l, struct cli_run *run, bool meets)
{
	*l = (struct cli_lanes){.run = run, .meets = meets, .allow.given = run->cli->opts.serve.allow[0] != '\0'};
}

void cli_lanes_done(struct cli_lanes *l)
{
	cli_allow_done(&l->allow);
}

const char *cli_lanes_way(const char *label, char buf[CLI_LANES_WAY_STRLEN])
{
	snprintf(buf, CLI_LANES_WAY_STRLEN, "serve/%.63s", label);
	return buf;
}

/* --- horizons --- */

static void keep_horizon(void *ctx, const char *label, struct link *link, size_t n_conns)
{
	struct cli_lanes *l = ctx;
	struct link_status st;

	(void)n_conns;
	link_status_get(link, io_clock_now(), &st);
	cli_kept_horizon_set(l->run, label, st.horizon);
}

void cli_lanes_keep(struct cli_lanes *l)
{
	ep_serve_each(l->ep, keep_horizon, l);
}

/* --- tickets --- */

static int add_lane(struct cli_lanes *l, const struct ep_lane_config *lane)
{
	struct ep_lane_config with = *lane;
	struct reach_memory memory;
	char key[CLI_LANES_WAY_STRLEN];
	int r;

	with.horizon = cli_kept_horizon(l->run, lane->label);
	if (l->meets && cli_kept_way(l->run, cli_lanes_way(lane->label, key), &memory))
		with.memory = &memory;
	r = ep_serve_lane_add(l->ep, &with);
	adit_bytes_wipe(&with, sizeof(with));
	return r;
}

static void add_ticket_lane(struct cli_lanes *l, const struct io_ticket *t)
{
	struct ep_lane_config lane = {.single = t->single, .has_peer_key = t->bound};
	struct trust_ticket ticket;

	io_ticket_issue(t, l->run->identity.public_key, &ticket);
	trust_keys_from_ticket(&crypto_gnutls, &ticket, lane.k);
	trust_ticket_done(&ticket);
	snprintf(lane.label, sizeof(lane.label), "%s", t->label);
	memcpy(lane.secret_id, t->secret_id, sizeof(lane.secret_id));
	memcpy(lane.peer_key, t->key, sizeof(lane.peer_key));
	if (add_lane(l, &lane) < 0)
		cli_error(&l->run->cli->msg, NULL, "no memory for ticket \"%s\"", t->label);
	adit_bytes_wipe(&lane, sizeof(lane));
}

static const struct io_ticket *live_ticket(const struct io_tickets *all, const char *label)
{
	const struct io_ticket *t = io_tickets_find(all, label);

	return t && !t->revoked ? t : NULL;
}

struct sweep {
	struct cli_lanes *lanes;
	const struct io_tickets *all;
};

/* A label that is gone, was revoked, or was made anew since we looked, loses its lane. */
static void sweep_lane(void *ctx, const char *label, struct link *link, size_t n_conns)
{
	struct sweep *w = ctx;
	const struct io_ticket *t = live_ticket(w->all, label);

	(void)link;
	(void)n_conns;
	if (t && ep_serve_has_lane(w->lanes->ep, label, t->secret_id))
		return;
	cli_info(&w->lanes->run->cli->msg, "ticket \"%s\" was revoked", label);
	ep_serve_lane_remove(w->lanes->ep, label, FWD_CLOSE_REVOKED);
}

static int load_tickets(struct cli_lanes *l)
{
	struct io_tickets all;
	struct io_why why;
	struct sweep w = {.lanes = l, .all = &all};
	int err;

	if (!io_state_tickets_changed(&l->run->state, &l->stamp))
		return CLI_GO;
	err = io_tickets_load(&l->run->state, &all, &why);
	if (err < 0)
		return cli_state_fault(l->run->cli, err, &why);
	cli_state_damage(l->run->cli, &l->run->state, "tickets", &all.damage);
	ep_serve_each(l->ep, sweep_lane, &w);
	for (size_t i = 0; i < all.n; i++)
		if (!all.v[i].revoked && !ep_serve_has_lane(l->ep, all.v[i].label, NULL))
			add_ticket_lane(l, &all.v[i]);
	io_tickets_done(&all);
	return CLI_GO;
}

void cli_lanes_bind(struct cli_lanes *l, const char *label, const uint8_t key[CRYPTO_KEY_LEN])
{
	struct io_tickets all;
	struct io_why why;
	const struct io_ticket *t;

	if (l->allow.given || io_tickets_load(&l->run->state, &all, &why) < 0)
		return;
	t = live_ticket(&all, label);
	if (t && t->single && !t->bound && io_tickets_bind(&l->run->state, t, key, &why) < 0)
		cli_warn(&l->run->cli->msg, why.next, "%s", why.what);
	io_tickets_done(&all);
}

/* --- allowed keys --- */

/* What a line lists and nobody offers is a slip: the key would be refused for no reason that can be seen. */
static void limit(struct cli_lanes *l, const struct trust_idline *id, struct ep_lane_config *lane)
{
	const struct cli_serve *o = &l->run->cli->opts.serve;

	lane->is_limited = id->n_services > 0;
	for (size_t i = 0; i < o->n_services; i++)
		lane->may[i] = trust_idline_has_service(id, o->services[i].name);
	for (size_t i = 0; i < id->n_services; i++) {
		size_t k = 0;

		while (k < o->n_services && strcmp(o->services[k].name, id->services[i]) != 0)
			k++;
		if (k == o->n_services)
			cli_warn(&l->run->cli->msg, NULL, "--allow: key %s may use \"%s\", which is not offered here",
				 lane->label, id->services[i]);
	}
}

/* What the session has open may not be allowed any more, and its list was sent: so a new one begins. */
static void end_other(struct cli_lanes *l, const struct ep_lane_config *lane)
{
	cli_info(&l->run->cli->msg, "key %s may use other services now: its session begins anew", lane->label);
	keep_horizon(l, lane->label, ep_serve_link(l->ep, lane->label), 0);
	ep_serve_lane_remove(l->ep, lane->label, FWD_CLOSE_DONE);
}

static void add_key_lane(struct cli_lanes *l, const struct trust_idline *id)
{
	struct ep_lane_config lane = {.has_peer_key = true};
	uint8_t shared[CRYPTO_KEY_LEN];

	cli_run_key(id->key, lane.label);
	limit(l, id, &lane);
	if (ep_serve_lane_offers(l->ep, &lane))
		return;
	if (ep_serve_has_lane(l->ep, lane.label, NULL))
		end_other(l, &lane);
	if (crypto_shared(&l->run->identity, id->key, shared) < 0) {
		cli_warn(&l->run->cli->msg, NULL, "--allow: the key %s is not a usable key", lane.label);
		return;
	}
	trust_keys_from_shared(&crypto_gnutls, shared, l->run->identity.public_key, id->key, lane.k);
	memcpy(lane.peer_key, id->key, sizeof(lane.peer_key));
	if (add_lane(l, &lane) < 0)
		cli_error(&l->run->cli->msg, NULL, "no memory for key %s", lane.label);
	adit_bytes_wipe(&lane, sizeof(lane));
	adit_bytes_wipe(shared, sizeof(shared));
}

static void sweep_key(void *ctx, const char *label, struct link *link, size_t n_conns)
{
	struct cli_lanes *l = ctx;
	char text[9];

	(void)link;
	(void)n_conns;
	for (size_t i = 0; i < l->allow.n; i++)
		if (strcmp(cli_run_key(l->allow.keys[i].key, text), label) == 0)
			return;
	cli_info(&l->run->cli->msg, "key %s is not allowed any more", label);
	ep_serve_lane_remove(l->ep, label, FWD_CLOSE_REVOKED);
}

/* A key that stands there twice has what its first line says: two lists are no list. */
static bool is_repeated(const struct cli_allow *a, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (memcmp(a->keys[k].key, a->keys[i].key, sizeof(a->keys[i].key)) == 0)
			return true;
	return false;
}

static int load_allow(struct cli_lanes *l)
{
	char text[9];
	int rc = cli_allow_load(&l->allow, l->run->cli);

	if (rc != CLI_GO)
		return rc;
	ep_serve_each(l->ep, sweep_key, l);
	for (size_t i = 0; i < l->allow.n; i++) {
		if (!is_repeated(&l->allow, i))
			add_key_lane(l, &l->allow.keys[i]);
		else
			cli_warn(&l->run->cli->msg, NULL, "--allow: key %s is listed twice: its first line counts",
				 cli_run_key(l->allow.keys[i].key, text));
	}
	return CLI_GO;
}

int cli_lanes_load(struct cli_lanes *l)
{
	return l->allow.given ? load_allow(l) : load_tickets(l);
}
