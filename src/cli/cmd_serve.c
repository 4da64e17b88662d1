/* adit serve: offers services and prints the ticket. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "cli/cli_allow.h"
#include "cli/cli_mapped.h"
#include "cli/cli_news.h"
#include "cli/cli_run.h"
#include "cli/cli_state.h"
#include "core/trust/trust_keys.h"
#include "crypto/crypto.h"
#include "endpoint/ep_ctl.h"
#include "endpoint/ep_dial.h"
#include "endpoint/ep_serve.h"
#include "endpoint/ep_share.h"
#include "io/io_clock.h"
#include "io/io_memory.h"
#include "io/io_tickets.h"

#define WATCH_MS      1000 /* the ticket store is looked at this often: a revocation takes effect within 5 s */
#define HORIZON_EVERY 60 /* looks at the stamps of the lanes, in WATCH_MS */

struct serve {
	struct cli *cli;
	struct cli_run run;
	struct ep_serve *ep;
	struct ep_peers *peers;
	struct ep_meet *meet; /* NULL: there is no mediator */
	struct cli_news news;
	struct ep_ctl *ctl;
	struct ep_service services[CLI_SERVICES_MAX];
	struct io_stamp stamp;
	struct cli_allow allow;
	uv_timer_t watch;
	unsigned ticks;
	uv_signal_t hup;
	bool ended;
};

static struct serve *of_run(void *ctx)
{
	return ctx;
}

/* --- lanes --- */

static uint64_t horizon_of(struct serve *s, const char *label)
{
	struct io_why why;
	uint64_t v = 0;

	if (io_memory_get(&s->run.state, IO_MEMORY_HORIZONS, label, &v, &why) < 0)
		return 0;
	return v;
}

static void keep_horizon(void *ctx, const char *label, struct link *link, size_t n_conns)
{
	struct serve *s = of_run(ctx);
	struct link_status st;
	struct io_why why;

	(void)n_conns;
	link_status_get(link, io_clock_now(), &st);
	if (st.horizon > 0 && io_memory_set(&s->run.state, IO_MEMORY_HORIZONS, label, st.horizon, &why) < 0)
		cli_detail(&s->cli->msg, "%s", why.what);
}

/* Under which a lane's way is remembered: not to be taken for a peer's of connect. */
static const char *way_key(const char *label, char buf[80])
{
	snprintf(buf, 80, "serve/%.63s", label);
	return buf;
}

static int add_lane(struct serve *s, const struct ep_lane_config *lane)
{
	struct ep_lane_config with = *lane;
	struct reach_memory memory;
	char key[80];
	int r;

	with.horizon = horizon_of(s, lane->label);
	if (s->news.mediators.n > 0 && cli_run_recall(&s->run, way_key(lane->label, key), &memory))
		with.memory = &memory;
	r = ep_serve_lane_add(s->ep, &with);
	adit_bytes_wipe(&with, sizeof(with));
	return r;
}

static void add_ticket_lane(struct serve *s, const struct io_ticket *t)
{
	struct ep_lane_config lane = {.single = t->single, .has_peer_key = t->bound};
	struct trust_ticket ticket;

	io_ticket_issue(t, s->run.identity.public_key, &ticket);
	trust_keys_from_ticket(&crypto_gnutls, &ticket, lane.k);
	trust_ticket_done(&ticket);
	snprintf(lane.label, sizeof(lane.label), "%s", t->label);
	memcpy(lane.secret_id, t->secret_id, sizeof(lane.secret_id));
	memcpy(lane.peer_key, t->key, sizeof(lane.peer_key));
	if (add_lane(s, &lane) < 0)
		cli_error(&s->cli->msg, NULL, "no memory for ticket \"%s\"", t->label);
	adit_bytes_wipe(&lane, sizeof(lane));
}

static const struct io_ticket *live_ticket(const struct io_tickets *all, const char *label)
{
	const struct io_ticket *t = io_tickets_find(all, label);

	return t && !t->revoked ? t : NULL;
}

struct sweep {
	struct serve *serve;
	const struct io_tickets *all;
};

/* A label that is gone or was revoked loses its lane. */
static void sweep_lane(void *ctx, const char *label, struct link *link, size_t n_conns)
{
	struct sweep *w = ctx;

	(void)link;
	(void)n_conns;
	if (live_ticket(w->all, label))
		return;
	cli_info(&w->serve->cli->msg, "ticket \"%s\" was revoked", label);
	ep_serve_lane_remove(w->serve->ep, label, FWD_CLOSE_REVOKED);
}

/* CLI_GO or the exit code. */
static int load_tickets(struct serve *s)
{
	struct io_tickets all;
	struct io_why why;
	struct sweep w = {.serve = s, .all = &all};
	int err;

	if (!io_state_tickets_changed(&s->run.state, &s->stamp))
		return CLI_GO;
	err = io_tickets_load(&s->run.state, &all, &why);
	if (err < 0)
		return cli_state_fault(s->cli, err, &why);
	cli_state_damage(s->cli, &s->run.state, "tickets", &all.damage);
	ep_serve_each(s->ep, sweep_lane, &w);
	for (size_t i = 0; i < all.n; i++)
		if (!all.v[i].revoked && !ep_serve_has_lane(s->ep, all.v[i].label))
			add_ticket_lane(s, &all.v[i]);
	io_tickets_done(&all);
	return CLI_GO;
}

static void bind_single(struct serve *s, const char *label, const uint8_t key[CRYPTO_KEY_LEN])
{
	struct io_tickets all;
	struct io_why why;
	const struct io_ticket *t;

	if (s->allow.given || io_tickets_load(&s->run.state, &all, &why) < 0)
		return;
	t = live_ticket(&all, label);
	if (t && t->single && !t->bound && io_tickets_bind(&s->run.state, t, key, &why) < 0)
		cli_warn(&s->cli->msg, why.next, "%s", why.what);
	io_tickets_done(&all);
}

/* --- allowed keys --- */

static void add_key_lane(struct serve *s, const struct trust_idline *id)
{
	struct ep_lane_config lane = {.has_peer_key = true};
	uint8_t shared[CRYPTO_KEY_LEN];

	cli_run_key(id->key, lane.label);
	if (ep_serve_has_lane(s->ep, lane.label))
		return;
	if (crypto_shared(&s->run.identity, id->key, shared) < 0) {
		cli_warn(&s->cli->msg, NULL, "--allow: the key %s is not a usable key", lane.label);
		return;
	}
	trust_keys_from_shared(&crypto_gnutls, shared, s->run.identity.public_key, id->key, lane.k);
	memcpy(lane.peer_key, id->key, sizeof(lane.peer_key));
	if (add_lane(s, &lane) < 0)
		cli_error(&s->cli->msg, NULL, "no memory for key %s", lane.label);
	adit_bytes_wipe(&lane, sizeof(lane));
	adit_bytes_wipe(shared, sizeof(shared));
}

static void sweep_key(void *ctx, const char *label, struct link *link, size_t n_conns)
{
	struct serve *s = of_run(ctx);
	char text[9];

	(void)link;
	(void)n_conns;
	for (size_t i = 0; i < s->allow.n; i++)
		if (strcmp(cli_run_key(s->allow.keys[i].key, text), label) == 0)
			return;
	cli_info(&s->cli->msg, "key %s is not allowed any more", label);
	ep_serve_lane_remove(s->ep, label, FWD_CLOSE_REVOKED);
}

static int load_allow(struct serve *s)
{
	int rc = cli_allow_load(&s->allow, s->cli);

	if (rc != CLI_GO)
		return rc;
	ep_serve_each(s->ep, sweep_key, s);
	for (size_t i = 0; i < s->allow.n; i++)
		add_key_lane(s, &s->allow.keys[i]);
	return CLI_GO;
}

static void on_hup(uv_signal_t *handle, int nr)
{
	struct serve *s = of_run(handle->data);

	(void)nr;
	cli_info(&s->cli->msg, "reading %s again", s->cli->opts.serve.allow);
	(void)load_allow(s); /* a file that is wrong was told about; the keys stay as they were */
}

/* --- what happens --- */

static const struct reach *reach_of(const struct serve *s, const char *label)
{
	const struct link *link = ep_serve_link(s->ep, label);
	struct link_status st = {0};

	if (link)
		link_status_get(link, io_clock_now(), &st);
	return st.reach;
}

static void on_meet(struct serve *s, const char *label, const struct link_event *e)
{
	char key[80];

	if (e->meet.kind == REACH_EVENT_LEARNT)
		cli_run_learnt(&s->run, way_key(label, key), e->meet.memory);
	else
		cli_news_say(&s->news, label, e, reach_of(s, label));
}

static void on_event(void *ctx, const char *label, const struct link_event *e)
{
	struct serve *s = of_run(ctx);

	if (e->kind == LINK_EVENT_MEET) {
		on_meet(s, label, e);
		return;
	}
	if (e->kind == LINK_EVENT_UP)
		bind_single(s, label, e->peer_key);
	cli_run_say(&s->run, label, e);
}

static void on_target_failed(void *ctx, const struct ep_service *service, int err)
{
	struct serve *s = of_run(ctx);

	cli_warn(&s->cli->msg, "start the service, or check the TARGET; other services go on",
		 "service \"%s\" did not answer: %s", service->name, strerror(err));
}

static void on_map(void *ctx, const struct ep_mapped_state *st)
{
	cli_mapped_say(&of_run(ctx)->cli->msg, st, of_run(ctx)->cli->opts.common.json);
}

static const struct ep_serve_ops ops = {.event = on_event, .target_failed = on_target_failed, .mapped = on_map};

static void on_peers(void *ctx, const struct adit_addr *addrs, size_t n)
{
	ep_serve_set_peers(of_run(ctx)->ep, addrs, n);
}

static void on_peer_failed(void *ctx, const char *name, const char *why)
{
	cli_run_unresolved(of_run(ctx)->cli, "--peer", name, why);
}

static void on_meeting(void *ctx, const struct ep_meeting *m)
{
	ep_serve_set_meeting(of_run(ctx)->ep, m);
}

static void on_mediator_failed(void *ctx, const char *name, const char *why)
{
	cli_run_unresolved(of_run(ctx)->cli, "--mediator", name, why);
}

static void on_watch(uv_timer_t *timer)
{
	struct serve *s = of_run(timer->data);

	if (!s->allow.given)
		(void)load_tickets(s);
	if (++s->ticks % HORIZON_EVERY == 0)
		ep_serve_each(s->ep, keep_horizon, s);
}

static void on_gone(void *ctx)
{
	cli_run_end(&of_run(ctx)->run, CLI_EXIT_OK);
}

static void on_stop(void *ctx)
{
	struct serve *s = of_run(ctx);

	cli_info(&s->cli->msg, "ending; a second signal ends at once");
	ep_serve_each(s->ep, keep_horizon, s);
	uv_timer_stop(&s->watch);
	ep_serve_shutdown(s->ep, on_gone, s);
}

/* --- status --- */

static void status_lane(void *ctx, const char *label, struct link *link, size_t n_conns)
{
	struct cli_json *j = ctx;
	struct link_status st;

	link_status_get(link, io_clock_now(), &st);
	cli_json_object(j, NULL);
	cli_json_str(j, "label", label);
	cli_run_status_json(j, &st, io_clock_now());
	cli_news_status_json(j, &st);
	cli_json_uint(j, "connections", n_conns);
	cli_json_object_end(j);
}

struct lines {
	char text[EP_CTL_TEXT_MAX];
	size_t len;
	bool more;
};

static void show_lane(void *ctx, const char *label, struct link *link, size_t n_conns)
{
	struct lines *l = ctx;
	struct link_status st;
	char what[96];

	link_status_get(link, io_clock_now(), &st);
	snprintf(what, sizeof(what), "serve %.60s (%d)", label, (int)getpid());
	l->len += cli_run_status_text(l->text + l->len, sizeof(l->text) - l->len, what, &st, io_clock_now(), n_conns);
	l->len += cli_news_status_text(l->text + l->len, sizeof(l->text) - l->len, &st, l->more);
}

static void show(struct serve *s, struct ep_ctl_client *client, bool more)
{
	struct lines *l = calloc(1, sizeof(*l));

	if (l) {
		l->more = more;
		ep_serve_each(s->ep, show_lane, l);
		for (size_t f = 0; f < 2; f++)
			l->len += cli_mapped_status_text(l->text + l->len, sizeof(l->text) - l->len,
							 ep_serve_mapped(s->ep, cli_mapped_family[f]));
	}
	ep_ctl_reply(client, l ? l->text : "");
	free(l);
}

static void on_ctl(void *ctx, struct ep_ctl_client *client, const char *text, int fd)
{
	struct serve *s = of_run(ctx);
	enum ep_share_form form;
	struct cli_json j;
	const char *answer;

	if (fd >= 0)
		close(fd);
	if (ep_share_form_of(text, &form) && form != EP_SHARE_JSON) {
		show(s, client, form == EP_SHARE_MORE);
		return;
	}
	cli_json_init(&j);
	cli_json_object(&j, NULL);
	cli_json_str(&j, "command", "serve");
	cli_json_int(&j, "pid", getpid());
	cli_json_array(&j, "services");
	for (size_t i = 0; i < s->cli->opts.serve.n_services; i++)
		cli_json_str(&j, NULL, s->services[i].name);
	cli_json_array_end(&j);
	cli_json_array(&j, "lanes");
	ep_serve_each(s->ep, status_lane, &j);
	cli_json_array_end(&j);
	cli_mapped_status_json(&j, ep_serve_mapped(s->ep, ADIT_FAMILY_V4), ep_serve_mapped(s->ep, ADIT_FAMILY_V6));
	cli_json_object_end(&j);
	answer = cli_json_text(&j);
	ep_ctl_reply(client, answer ? answer : "{}");
	cli_json_done(&j);
}

static void on_ctl_gone(void *ctx, struct ep_ctl_client *client)
{
	(void)ctx;
	(void)client;
}

static const struct ep_ctl_ops ctl_ops = {.message = on_ctl, .gone = on_ctl_gone};

static void open_ctl(struct serve *s)
{
	char path[IO_SOCKET_PATH_MAX + 1];
	struct io_why why;

	if (io_state_socket(&s->run.state, "serve", path, &why) < 0)
		cli_warn(&s->cli->msg, why.next, "\"adit status\" will not see this: %s", why.what);
	else if (ep_ctl_new(&s->run.loop, path, &ctl_ops, s, &s->ctl) < 0)
		cli_warn(&s->cli->msg, NULL, "\"adit status\" will not see this: %s: %s", path, strerror(errno));
}

/* --- start --- */

static void resolve_udp(struct serve *s, struct ep_service *to)
{
	if (ep_target_resolve(&s->run.loop, &to->target) < 0)
		cli_warn(&s->cli->msg, "check the name; start adit again when it is known",
			 "service \"%s\": no address found for %s", to->name, to->target.host);
}

static void take_services(struct serve *s)
{
	const struct cli_serve *o = &s->cli->opts.serve;

	for (size_t i = 0; i < o->n_services; i++) {
		static const enum ep_kind kinds[] = {
			[CLI_TARGET_TCP] = EP_TCP, [CLI_TARGET_UDP] = EP_UDP, [CLI_TARGET_UNIX] = EP_UNIX};
		const struct cli_service *from = &o->services[i];
		struct ep_service *to = &s->services[i];

		to->target.kind = kinds[from->target.kind];
		to->target.port = from->target.port;
		snprintf(to->name, sizeof(to->name), "%s", from->name);
		snprintf(to->target.host, sizeof(to->target.host), "%s", from->target.host);
		snprintf(to->target.path, sizeof(to->target.path), "%s", from->target.path);
		if (to->target.kind == EP_UDP)
			resolve_udp(s, to);
	}
}

struct probe {
	struct serve *serve;
	const struct ep_service *service;
};

static void on_probed(void *ctx, int fd, int err)
{
	struct probe *p = ctx;

	if (fd >= 0)
		close(fd);
	else
		on_target_failed(p->serve, p->service, err);
	free(p);
}

/* Warns at the start when a target does not answer, and goes on. */
static void probe_targets(struct serve *s)
{
	for (size_t i = 0; i < s->cli->opts.serve.n_services; i++) {
		struct ep_dial *dial;
		struct probe *p;

		if (s->services[i].target.kind == EP_UDP)
			continue;
		p = malloc(sizeof(*p));
		if (!p)
			return;
		*p = (struct probe){.serve = s, .service = &s->services[i]};
		if (ep_dial_new(&s->run.loop, &s->services[i].target, on_probed, p, &dial) < 0)
			free(p);
	}
}

/* The user revoked "default": other labels may be in use, or nobody could ever come. */
static int without_default(struct serve *s, const struct io_why *revoked)
{
	struct io_tickets all;
	struct io_why why;
	size_t live = 0;
	int err = io_tickets_load(&s->run.state, &all, &why);

	if (err < 0)
		return cli_state_fault(s->cli, err, &why);
	for (size_t i = 0; i < all.n; i++)
		live += !all.v[i].revoked;
	io_tickets_done(&all);
	if (live > 0) {
		cli_info(&s->cli->msg, "%s; %zu other%s admitted", revoked->what, live, live == 1 ? " is" : "s are");
		return CLI_GO;
	}
	cli_error(&s->cli->msg, revoked->next, "%s, and there is no other", revoked->what);
	return CLI_EXIT_BAD;
}

/* The ticket to be shown, made if need be: before the lanes are opened, so that it has one. */
static int take_ticket(struct serve *s, char ret_text[TRUST_TICKET_TEXT_MAX + 1])
{
	struct adit_rng rng = crypto_rng();
	struct trust_ticket t = {0};
	struct io_ticket kept;
	struct io_why why;
	int err;

	ret_text[0] = '\0';
	if (s->allow.given) {
		memcpy(t.identity, s->run.identity.public_key, sizeof(t.identity));
	} else {
		err = io_tickets_get(&s->run.state, IO_TICKET_DEFAULT, &rng, io_clock_utc(), &kept, &why);
		if (err != 0)
			return err == ADIT_ENOENT ? without_default(s, &why) : cli_state_fault(s->cli, err, &why);
		io_ticket_issue(&kept, s->run.identity.public_key, &t);
		adit_bytes_wipe(&kept, sizeof(kept));
	}
	err = cli_mediators_hint(s->cli, &s->news.mediators, &t);
	if (err != CLI_GO) {
		trust_ticket_done(&t);
		return err;
	}
	err = trust_ticket_encode(&t, &crypto_gnutls, ret_text);
	trust_ticket_done(&t);
	if (err > 0)
		return CLI_GO;
	cli_error(&s->cli->msg, NULL, "the ticket cannot be written: %s", adit_strerror(err));
	return CLI_EXIT_INTERNAL;
}

static void print_ticket(struct serve *s, const char *text)
{
	struct cli_json j;

	if (s->cli->opts.serve.no_ticket || text[0] == '\0')
		return;
	if (!s->cli->opts.common.json) {
		cli_out(&s->cli->msg, "%s", text);
		return;
	}
	cli_json_init(&j);
	cli_json_object(&j, NULL);
	cli_json_str(&j, "event", "ticket");
	cli_json_str(&j, "ticket", text);
	cli_json_object_end(&j);
	cli_out_json(&s->cli->msg, &j);
}

static void say_start(struct serve *s)
{
	const struct cli_opts *o = &s->cli->opts;
	bool meets = s->news.mediators.n > 0;
	char names[CLI_MEDIATORS_STRLEN];

	if (o->meet.n_peers == 0 && !meets) {
		cli_info(&s->cli->msg,
			 "no --peer and no --mediator: waiting for whoever can reach this machine's public "
			 "address");
		cli_hint(&s->cli->msg, "where it has none: --mediator HOST meets behind any NAT, --peer ADDR needs no "
				       "third machine");
	} else {
		cli_info(&s->cli->msg, "offering %zu service%s; waiting for the other side%s%s%s%s%s%s",
			 o->serve.n_services, o->serve.n_services == 1 ? "" : "s", o->meet.n_peers > 0 ? " at " : "",
			 o->meet.n_peers > 0 ? o->meet.peers[0].name : "", o->meet.n_peers > 1 ? ", ..." : "",
			 o->meet.n_peers > 0 && meets ? " and" : "", meets ? " through " : "",
			 meets ? cli_mediators_text(&s->news.mediators, names) : "");
	}
	if (o->meet.port > 0)
		cli_detail(&s->cli->msg, "UDP port %u is pinned: a clash on the router cannot be healed", o->meet.port);
}

static int start_meeting(struct serve *s)
{
	struct ep_meet_config cfg;

	if (s->news.mediators.n == 0)
		return 0;
	cli_run_meeting(s->cli, &s->news.mediators, &cfg);
	return ep_meet_new(&s->run.loop, &cfg, on_meeting, on_mediator_failed, s, &s->meet);
}

static int start_endpoint(struct serve *s)
{
	struct ep_serve_config cfg = {
		.log = cli_msg_log(&s->cli->msg),
		.creds = s->run.creds,
		.instance = s->run.instance,
		.port = s->cli->opts.meet.port,
		.portmap = cli_mapped_is_asked(&s->cli->opts.meet, s->news.mediators.n > 0),
		.mapped = cli_mapped_port(&s->cli->opts.meet),
		.linger = s->cli->opts.meet.linger,
		.compress = s->cli->opts.meet.compress,
		.services = s->services,
		.n_services = s->cli->opts.serve.n_services,
		.meets = s->news.mediators.n > 0,
	};
	struct ep_host hosts[EP_PEERS_MAX];
	int r;

	memcpy(cfg.key, s->run.identity.public_key, sizeof(cfg.key));
	memcpy(cfg.seed, s->run.identity.seed, sizeof(cfg.seed));
	r = ep_serve_new(&s->run.loop, &cfg, &ops, s, &s->ep);
	adit_bytes_wipe(&cfg, sizeof(cfg));
	if (r == 0)
		r = ep_peers_new(&s->run.loop, hosts, cli_run_hosts(s->cli, hosts), on_peers, on_peer_failed, s,
				 &s->peers);
	if (r == 0)
		r = start_meeting(s);
	if (r == 0)
		return CLI_GO;
	cli_error(&s->cli->msg, NULL, "no memory to start with");
	return CLI_EXIT_LOCAL;
}

static int start(struct serve *s)
{
	int rc = start_endpoint(s);

	if (rc != CLI_GO)
		return rc;
	rc = s->allow.given ? load_allow(s) : load_tickets(s);
	if (rc != CLI_GO)
		return rc;
	open_ctl(s);
	uv_timer_init(&s->run.loop, &s->watch);
	s->watch.data = s;
	uv_timer_start(&s->watch, on_watch, WATCH_MS, WATCH_MS);
	uv_signal_init(&s->run.loop, &s->hup);
	s->hup.data = s;
	if (s->allow.given)
		uv_signal_start(&s->hup, on_hup, SIGHUP);
	probe_targets(s);
	say_start(s);
	return CLI_GO;
}

static void finish(struct serve *s)
{
	ep_ctl_close(s->ctl);
	ep_peers_close(s->peers);
	ep_meet_close(s->meet);
	ep_serve_free(s->ep);
	if (s->watch.data) {
		uv_close((uv_handle_t *)&s->watch, NULL);
		uv_close((uv_handle_t *)&s->hup, NULL);
	}
	cli_allow_done(&s->allow);
}

int cmd_serve(struct cli *cli, int argc, char **argv)
{
	static struct serve s; /* large: tables of fixed size */
	struct cli_mediators mediators;
	struct io_why why;
	int rc;

	(void)argc;
	(void)argv;
	s = (struct serve){.cli = cli, .allow.given = cli->opts.serve.allow[0] != '\0'};
	cli_mediators_given(&cli->opts, &mediators);
	cli_news_init(&s.news, &s.run, &mediators, true);
	rc = cli_mapped_check(&cli->msg, &cli->opts.meet);
	if (rc == CLI_GO)
		rc = cli_run_open(&s.run, cli, on_stop, &s);
	if (rc != CLI_GO)
		return rc;
	if (io_state_lock_serve(&s.run.state, &why) < 0) {
		cli_error(&cli->msg, why.next, "%s", why.what);
		rc = CLI_EXIT_LOCAL;
	} else {
		char ticket[TRUST_TICKET_TEXT_MAX + 1];

		take_services(&s);
		rc = take_ticket(&s, ticket);
		if (rc == CLI_GO) {
			cli_mediators_keep(cli, &s.run.state, &s.news.mediators);
			rc = start(&s);
		}
		if (rc == CLI_GO)
			print_ticket(&s, ticket); /* only when it is good for something */
		adit_bytes_wipe(ticket, sizeof(ticket));
		if (rc == CLI_GO)
			rc = cli_run_loop(&s.run);
		finish(&s);
	}
	cli_run_close(&s.run);
	return rc;
}
