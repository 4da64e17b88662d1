/*
 * adit serve: offers services and prints the ticket. Whom it admits is cli_lanes.h; here it is started, told about and
 * ended. Begin reading at cmd_serve().
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "cli/cli_kept.h"
#include "cli/cli_lanes.h"
#include "cli/cli_mapped.h"
#include "cli/cli_news.h"
#include "cli/cli_relays.h"
#include "cli/cli_run.h"
#include "cli/cli_serve_ctl.h"
#include "cli/cli_state.h"
#include "crypto/crypto.h"
#include "endpoint/ep_dial.h"
#include "endpoint/ep_names.h"
#include "endpoint/ep_serve.h"
#include "io/io_clock.h"
#include "io/io_tickets.h"

/*
 * The ticket store is looked at when something in its directory changes, and this often where the system does not tell
 * (a network's file system): a revocation takes effect within 5 s.
 */
#define WATCH_MS      4000
#define HORIZON_EVERY 15 /* looks at the stamps of the lanes, in WATCH_MS */

struct serve {
	struct cli *cli;
	struct cli_run run;
	struct ep_serve *ep;
	struct ep_names names;
	struct cli_relays relays;
	struct cli_news news;
	struct cli_serve_ctl ctl;
	struct ep_service services[CLI_SERVICES_MAX];
	struct cli_lanes lanes;
	uv_timer_t watch;
	uv_fs_event_t changes; /* in the state directory */
	unsigned ticks;
	uv_signal_t hup;
};

static struct serve *of_run(void *ctx)
{
	return ctx;
}

static void on_hup(uv_signal_t *handle, int nr)
{
	struct serve *s = of_run(handle->data);

	(void)nr;
	if (!s->lanes.allow.given)
		cli_info(&s->cli->msg, "SIGHUP: tickets are read whenever they change; options only at the start");
	else
		cli_info(&s->cli->msg, "reading %s again", s->cli->opts.serve.allow);
	(void)cli_lanes_load(&s->lanes); /* what is wrong was told about; the lanes stay as they were */
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
	char key[CLI_LANES_WAY_STRLEN];

	if (e->meet.kind == REACH_EVENT_LEARNT)
		cli_kept_way_set(&s->run, cli_lanes_way(label, key), e->meet.memory);
	else
		cli_news_say(&s->news, label, e, reach_of(s, label));
}

static void on_event(void *ctx, const char *label, const struct link_event *e)
{
	struct serve *s = of_run(ctx);

	ep_names_heard(&s->names, e);
	if (e->kind == LINK_EVENT_MEET) {
		on_meet(s, label, e);
		return;
	}
	if (e->kind == LINK_EVENT_DOWN && e->reason == LINK_REASON_CLOSED && !e->was_up)
		return; /* a lane that nobody was connected to */
	if (e->kind == LINK_EVENT_UP)
		cli_lanes_bind(&s->lanes, label, e->peer_key);
	cli_run_say(&s->run, label, e);
}

static void on_target_failed(void *ctx, const struct ep_service *service, int err)
{
	struct serve *s = of_run(ctx);

	if (err == EMFILE || err == ENFILE)
		cli_run_say_paused(&s->run, err);
	else
		cli_warn(&s->cli->msg, "start the service, or check the TARGET; other services go on",
			 "service \"%s\" did not answer: %s", service->name, strerror(err));
}

static void on_map(void *ctx, const struct ep_mapped_state *st)
{
	cli_mapped_say(&of_run(ctx)->cli->msg, st, of_run(ctx)->cli->opts.common.json);
}

static void on_threads(void *ctx, const char *label, unsigned n, const struct link_event *down)
{
	cli_run_say_threads(&of_run(ctx)->run, label, n, down);
}

static const struct ep_serve_ops ops = {
	.event = on_event, .target_failed = on_target_failed, .mapped = on_map, .threads = on_threads};

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

static void on_relays(void *ctx, const struct ep_relays *r)
{
	ep_serve_set_relays(of_run(ctx)->ep, r);
}

static void on_relay_failed(void *ctx, const char *name, const char *why)
{
	cli_run_unresolved(of_run(ctx)->cli, "--relay", name, why);
}

static void look_at_tickets(struct serve *s)
{
	if (!s->lanes.allow.given)
		(void)cli_lanes_load(&s->lanes);
}

static void on_change(uv_fs_event_t *handle, const char *name, int events, int status)
{
	(void)name;
	(void)events;
	if (status == 0)
		look_at_tickets(of_run(handle->data));
}

static void on_watch(uv_timer_t *timer)
{
	struct serve *s = of_run(timer->data);

	look_at_tickets(s);
	if (++s->ticks % HORIZON_EVERY == 0)
		cli_lanes_keep(&s->lanes);
}

static void on_gone(void *ctx)
{
	cli_run_end(&of_run(ctx)->run, CLI_EXIT_OK);
}

static void on_stop(void *ctx)
{
	struct serve *s = of_run(ctx);

	cli_info(&s->cli->msg, "ending; a second signal ends at once");
	cli_lanes_keep(&s->lanes);
	uv_timer_stop(&s->watch);
	uv_fs_event_stop(&s->changes);
	ep_serve_shutdown(s->ep, on_gone, s);
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
	if (s->lanes.allow.given) {
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
	return ep_meet_new(&s->run.loop, &cfg, on_meeting, on_mediator_failed, s, &s->names.meet);
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
		.threads = s->cli->opts.meet.threads ? s->cli->opts.meet.threads : cli_run_cores(),
		.relay_only = s->cli->opts.meet.relay_only,
		.direct_only = s->cli->opts.meet.direct_only,
		.relay_ca = s->cli->opts.meet.relay_ca[0] ? s->cli->opts.meet.relay_ca : NULL,
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
				 &s->names.peers);
	if (r == 0)
		r = start_meeting(s);
	if (r == 0 && s->relays.n > 0)
		r = ep_relay_new(&s->run.loop, s->relays.relay, s->relays.n, on_relays, on_relay_failed, s,
				 &s->names.relay);
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
	s->lanes.ep = s->ep;
	rc = cli_lanes_load(&s->lanes);
	if (rc != CLI_GO)
		return rc;
	s->ctl.ep = s->ep;
	s->ctl.services = s->services;
	s->ctl.named = &s->news.mediators;
	s->ctl.n_services = s->cli->opts.serve.n_services;
	cli_serve_ctl_open(&s->ctl, &s->run);
	uv_timer_init(&s->run.loop, &s->watch);
	s->watch.data = s;
	uv_timer_start(&s->watch, on_watch, WATCH_MS, WATCH_MS);
	uv_fs_event_init(&s->run.loop, &s->changes);
	s->changes.data = s;
	(void)!uv_fs_event_start(&s->changes, on_change, s->run.state.dir, 0); /* else the timer does it alone */
	uv_signal_init(&s->run.loop, &s->hup);
	s->hup.data = s;
	uv_signal_start(&s->hup, on_hup, SIGHUP);
	probe_targets(s);
	say_start(s);
	return CLI_GO;
}

static void finish(struct serve *s)
{
	cli_serve_ctl_close(&s->ctl);
	ep_names_close(&s->names);
	ep_serve_free(s->ep);
	if (s->watch.data) {
		uv_close((uv_handle_t *)&s->watch, NULL);
		uv_close((uv_handle_t *)&s->changes, NULL);
		uv_close((uv_handle_t *)&s->hup, NULL);
	}
	cli_lanes_done(&s->lanes);
}

int cmd_serve(struct cli *cli, int argc, char **argv)
{
	static struct serve s; /* large: tables of fixed size */
	struct cli_mediators mediators;
	struct io_why why;
	int rc;

	(void)argc;
	(void)argv;
	s = (struct serve){.cli = cli};
	cli_mediators_given(&cli->opts, &mediators);
	cli_news_init(&s.news, &s.run, &mediators, true);
	rc = cli_mapped_check(&cli->msg, &cli->opts.meet);
	if (rc == CLI_GO)
		rc = cli_run_open(&s.run, cli, on_stop, &s);
	if (rc != CLI_GO)
		return rc;
	cli_lanes_init(&s.lanes, &s.run, mediators.n > 0);
	if (io_state_lock_serve(&s.run.state, &why) < 0) {
		cli_error(&cli->msg, why.next, "%s", why.what);
		rc = CLI_EXIT_LOCAL;
	} else {
		char ticket[TRUST_TICKET_TEXT_MAX + 1];

		take_services(&s);
		rc = cli_relays_take(cli, mediators.n > 0, &s.relays);
		if (rc == CLI_GO)
			rc = take_ticket(&s, ticket);
		if (rc == CLI_GO) {
			cli_mediators_keep(cli, &s.run.state, &s.news.mediators);
			rc = start(&s);
		}
		if (rc == CLI_GO)
			print_ticket(&s, ticket); /* only when it is good for something */
		adit_bytes_wipe(ticket, sizeof(ticket));
		cli_relays_done(&s.relays);
		if (rc == CLI_GO)
			rc = cli_run_loop(&s.run);
		finish(&s);
	}
	cli_run_close(&s.run);
	return rc;
}
