/*
 * adit connect: opens a peer's services here. adit pipe: stdin and stdout as one connection to a service. Both have the
 * session themselves, as here, or borrow it from a command of the same user that has it (cli_lent.h).
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "cli/cli_doors.h"
#include "cli/cli_kept.h"
#include "cli/cli_lent.h"
#include "cli/cli_mapped.h"
#include "cli/cli_meet.h"
#include "cli/cli_news.h"
#include "cli/cli_pipe.h"
#include "cli/cli_relays.h"
#include "cli/cli_show.h"
#include "cli/cli_stdio.h"
#include "cli/cli_text.h"
#include "endpoint/ep_names.h"
#include "endpoint/ep_share.h"
#include "io/io_clock.h"
#include "link/link_limits.h"

#define OWN_DOORS_MAX (FWD_SERVICES_MAX * EP_LISTEN_FDS_MAX) /* all that a peer may offer */
#define RETRY_MS      1000 /* after a handshake that failed, before the peer is looked for again */
#define STATUS_MS     1000 /* between two looks at how long the peer is looked for already */

struct connect {
	struct cli *cli;
	struct cli_run run;
	struct cli_target_peer peer;
	struct ep_connect *ep;
	struct ep_names names;
	struct cli_relays relays;
	struct cli_news news;
	struct cli_rates rates;
	struct ep_share *share;
	struct cli_doors doors;
	uv_timer_t timeout;
	uv_timer_t retry;
	uv_timer_t waiting;
	bool timers;
	bool is_pipe;
	bool opened; /* the doors are open, or the pipe has begun, and the peer has admitted us */
	bool is_piping; /* the pipe has begun, if not before */
	bool was_cut; /* the pipe, by the end of a session that has never been up */
	bool staying; /* the own pipe or doors have ended, others still borrow the session */
	struct ep_door *own[OWN_DOORS_MAX]; /* doors of this process, not of borrowers */
	size_t n_own;
	uv_signal_t hup; /* pipe: ssh sends it to its ProxyCommand at the end */
};

static struct connect *of_run(void *ctx)
{
	return ctx;
}

static void on_gone(void *ctx)
{
	struct connect *c = of_run(ctx);

	cli_run_end(&c->run, c->run.exit);
}

static void leave(struct connect *c, int exit)
{
	c->run.exit = exit;
	ep_connect_shutdown(c->ep, on_gone, c);
}

/* Other commands that use the session. Who waits for one that is not there yet looks for the peer itself instead. */
static size_t users(const struct connect *c)
{
	return c->share && ep_connect_is_up(c->ep) ? ep_share_borrowers(c->share) : 0;
}

/* The own end: the session goes on while other commands use it (see stay()). */
static void leave_to_others(struct connect *c, int exit)
{
	if (c->staying || users(c) == 0) {
		leave(c, exit);
		return;
	}
	c->staying = true;
	while (c->n_own > 0)
		ep_connect_remove_door(c->ep, c->own[--c->n_own]);
	cli_run_end(&c->run, exit);
}

static void on_stop(void *ctx)
{
	struct connect *c = of_run(ctx);
	size_t n = users(c);

	if (n > 0 && !c->staying)
		cli_info(&c->cli->msg, "%zu other command%s this session: it goes on %suntil %s", n,
			 n == 1 ? " uses" : "s use", ep_connect_threads(c->ep) > 0 ? "" : "in the background ",
			 n == 1 ? "that one ends" : "they end");
	else
		cli_info(&c->cli->msg, "ending; a second signal ends at once");
	leave_to_others(c, CLI_EXIT_OK);
}

static void on_hup(uv_signal_t *handle, int nr)
{
	(void)nr;
	leave_to_others(of_run(handle->data), CLI_EXIT_OK);
}

/* --- doors of this process, when it has the session itself --- */

static int add_own_door(void *ctx, const char *service, bool dgram, int fd)
{
	struct connect *c = of_run(ctx);
	int r;

	if (c->n_own == OWN_DOORS_MAX) {
		close(fd);
		return ADIT_EFULL;
	}
	r = ep_connect_add_door(c->ep, service, dgram, fd, &c->own[c->n_own]);
	c->n_own += r == 0;
	return r;
}

/* --- the pipe --- */

static const char *pipe_service(const struct connect *c)
{
	return c->cli->opts.connect.forwards[0].service;
}

static void on_pipe_end(void *ctx, enum ep_end end, uint64_t code)
{
	struct connect *c = of_run(ctx);

	if (!c->opened && end == EP_END_SESSION)
		c->was_cut = true; /* on_down() says why */
	else if (!c->staying) /* else cut off by stay(): said and done */
		leave_to_others(c, cli_pipe_end(c->cli, pipe_service(c), end, code));
}

static void open_pipe(struct connect *c)
{
	int fd;
	int rc;

	if (c->is_piping)
		return;
	c->is_piping = true;
	rc = cli_pipe_begin(c->cli, &fd);
	if (rc != CLI_GO)
		leave(c, rc);
	else if (ep_connect_pipe(c->ep, pipe_service(c), fd, on_pipe_end, c) < 0)
		on_pipe_end(c, EP_END_PEER, FWD_STREAM_NO_SERVICE);
}

/* --- what happens --- */

/* It is the peer that was found: what comes in from here on leaves with the question for admission. */
static void open_early(struct connect *c)
{
	int rc;

	if (c->opened)
		return;
	if (c->is_pipe) {
		open_pipe(c);
		return;
	}
	rc = cli_doors_early(&c->doors, &c->run, add_own_door, c);
	if (rc != CLI_GO)
		leave(c, rc);
}

/* Those that were opened for streams, in front of what turns out to be a UDP service, or nothing. */
static void shut_unfit(struct connect *c)
{
	size_t n = 0;

	for (size_t i = 0; i < c->n_own; i++)
		if (ep_door_fits(c->ep, c->own[i]))
			c->own[n++] = c->own[i];
		else
			ep_connect_remove_door(c->ep, c->own[i]);
	c->n_own = n;
}

static void open_doors(struct connect *c)
{
	size_t n;
	const struct fwd_service *services = ep_connect_services(c->ep, &n);
	int rc;

	if (c->opened)
		return;
	c->opened = true;
	uv_timer_stop(&c->timeout);
	if (c->is_pipe) {
		open_pipe(c);
		return;
	}
	shut_unfit(c);
	rc = cli_doors_open(&c->doors, &c->run, services, n, add_own_door, c);
	if (rc != CLI_GO)
		leave(c, rc);
}

static void show_waiting(uv_timer_t *timer)
{
	struct connect *c = of_run(timer->data);
	char buf[24];

	if (ep_connect_is_up(c->ep)) {
		uv_timer_stop(timer); /* until the session has ended: on_retry() */
		return;
	}
	cli_run_dur(io_clock_now() - c->run.began_at, buf);
	if (c->news.doing[0] != '\0')
		cli_status_set(&c->cli->msg, "%s; looking for the peer since %s", c->news.doing, buf);
	else
		cli_status_set(&c->cli->msg, "looking for the peer%s%s, since %s", c->peer.name[0] ? " " : "",
			       c->peer.name, buf);
}

static void on_retry(uv_timer_t *timer)
{
	struct connect *c = of_run(timer->data);

	ep_connect_start(c->ep);
	uv_timer_start(&c->waiting, show_waiting, STATUS_MS, STATUS_MS);
}

/* Of a ticket by key: this machine's is not, or no more, in the other side's file. */
static bool is_unlisted(const struct link_event *e)
{
	return (e->reason == LINK_REASON_REFUSED && e->code == FWD_STATUS_NOT_ALLOWED) ||
	       (e->reason == LINK_REASON_PEER && e->code == FWD_CLOSE_REVOKED);
}

/* A session that ended: for good, or to be looked for again. */
static void on_down(struct connect *c, const struct link_event *e)
{
	int exit = cli_run_reason_exit(e);

	if (e->reason == LINK_REASON_CLOSED)
		return;
	if (exit != CLI_EXIT_OK) {
		const char *next =
			e->reason == LINK_REASON_PEER && e->code == FWD_CLOSE_REPLACED
				? "give each machine its own ticket: adit ticket new LABEL, on the other side"
				: NULL;

		cli_error(&c->cli->msg, next, "the session has ended: %s%s%s", cli_run_reason(e),
			  e->text[0] ? ": " : "", e->text);
		if (is_unlisted(e))
			cli_meet_hint(&c->run, &c->peer);
		leave(c, exit);
		return;
	}
	if (c->was_cut)
		leave(c, cli_pipe_end(c->cli, pipe_service(c), EP_END_SESSION, 0));
	else
		uv_timer_start(&c->retry, on_retry, RETRY_MS, 0);
}

static const struct reach *reach_of(const struct connect *c)
{
	struct link_status st;

	link_status_get(ep_connect_link(c->ep), io_clock_now(), &st);
	return st.reach;
}

static void on_relays(void *ctx, const struct ep_relays *r)
{
	ep_connect_set_relays(of_run(ctx)->ep, r);
}

static void on_relay_failed(void *ctx, const char *name, const char *why)
{
	cli_run_unresolved(of_run(ctx)->cli, "--relay", name, why);
}

/* The operator's relay, for as long as there is nothing better. */
static void on_lent(struct connect *c, const struct link_event *e)
{
	struct link_status st;

	link_status_get(ep_connect_link(c->ep), io_clock_now(), &st);
	if (st.state == LINK_UP && st.path.how != LINK_HOW_RELAYED)
		return;
	if (!c->names.relay && ep_relay_new(&c->run.loop, NULL, 0, on_relays, on_relay_failed, c, &c->names.relay) < 0)
		return;
	if (ep_relay_lend(c->names.relay, e->meet.relay) > 0)
		cli_detail(&c->cli->msg, "a mediator lends a relay: %s", e->meet.relay->uris[0]);
}

static void on_meet(struct connect *c, const struct link_event *e)
{
	if (e->meet.kind == REACH_EVENT_RELAY) {
		on_lent(c, e);
		return;
	}
	if (e->meet.kind == REACH_EVENT_LEARNT)
		cli_kept_way_set(&c->run, c->doors.peer, e->meet.memory);
	else
		cli_news_say(&c->news, NULL, e, reach_of(c));
	if (e->meet.kind == REACH_EVENT_MEDIATOR && e->meet.code == LINK_ABSENT)
		cli_meet_hint(&c->run, &c->peer);
}

static void on_path(struct connect *c, const struct link_event *e)
{
	if (!link_how_is_serverless(e->path.how))
		cli_news_account(&c->news, reach_of(c));
	else if (e->path.rtt > 0)
		cli_kept_clock_set(&c->run, c->doors.peer, e->path.clock_diff);
}

/* As servers have named it, else as the router calls it, where no second NAT is outside. Family NONE: not known. */
static struct adit_addr own_address(const struct connect *c)
{
	const struct ep_mapped_state *map = ep_connect_mapped(c->ep, ADIT_FAMILY_V4);
	const struct reach *reach = reach_of(c);
	struct reach_desc own = {0};
	struct reach_desc peer;

	if (reach)
		reach_views(reach, &own, &peer);
	if (own.public.family == ADIT_FAMILY_NONE && map && !map->is_behind && !adit_addr_is_any(&map->external))
		own.public = adit_addr_with_port(map->external, 0);
	return own.public;
}

static void on_stuck(struct connect *c, const struct link_event *e)
{
	struct adit_addr own = own_address(c);

	cli_run_say(&c->run, NULL, e);
	if (c->news.mediators.n == 0 || c->cli->opts.meet.n_peers > 0) /* else what the mediators say is more */
		cli_meet_stuck(&c->run, &c->peer, &own);
}

static void on_event(void *ctx, const struct link_event *e)
{
	struct connect *c = of_run(ctx);

	ep_names_heard(&c->names, e);
	if (e->kind == LINK_EVENT_MEET) {
		on_meet(c, e);
		return;
	}
	if (e->kind == LINK_EVENT_SECURED) {
		open_early(c);
		return;
	}
	if (e->kind == LINK_EVENT_LEARNT) {
		cli_kept_lives_set(&c->run, c->doors.peer, e->learnt);
		return;
	}
	if (e->kind == LINK_EVENT_STUCK) {
		on_stuck(c, e);
		return;
	}
	if (e->kind == LINK_EVENT_UP) {
		cli_status_clear(&c->cli->msg);
		cli_news_forget(&c->news);
	}
	if (e->kind == LINK_EVENT_OUTAGE || e->kind == LINK_EVENT_DOWN)
		c->news.is_up = false;
	cli_run_say(&c->run, NULL, e);
	if (e->kind == LINK_EVENT_HOLE || e->kind == LINK_EVENT_BACK)
		on_path(c, e);
	if (e->kind == LINK_EVENT_UP) {
		open_doors(c);
		ep_share_up(c->share);
	} else if (e->kind == LINK_EVENT_DOWN) {
		on_down(c, e);
	}
}

static void on_refused(void *ctx, const struct fwd_service *service, uint64_t code)
{
	cli_warn(&of_run(ctx)->cli->msg, NULL, "service \"%s\": %s", service->name, fwd_stream_text(code));
}

static void on_paused(void *ctx, int err)
{
	cli_run_say_paused(&of_run(ctx)->run, err);
}

static void on_map(void *ctx, const struct ep_mapped_state *st)
{
	cli_mapped_say(&of_run(ctx)->cli->msg, st, of_run(ctx)->cli->opts.common.json);
}

static void on_threads(void *ctx, unsigned n, const struct link_event *down)
{
	cli_run_say_threads(&of_run(ctx)->run, NULL, n, down);
}

static const struct ep_connect_ops ops = {
	.event = on_event, .refused = on_refused, .paused = on_paused, .mapped = on_map, .threads = on_threads};

static void on_peers(void *ctx, const struct adit_addr *addrs, size_t n)
{
	ep_connect_set_peers(of_run(ctx)->ep, addrs, n);
}

static void on_peer_failed(void *ctx, const char *name, const char *why)
{
	cli_run_unresolved(of_run(ctx)->cli, "--peer", name, why);
}

static void on_meeting(void *ctx, const struct ep_meeting *m)
{
	ep_connect_set_meeting(of_run(ctx)->ep, m);
}

static void on_mediator_failed(void *ctx, const char *name, const char *why)
{
	cli_run_unresolved(of_run(ctx)->cli, "mediator", name, why);
}

static void on_timeout(uv_timer_t *timer)
{
	struct connect *c = of_run(timer->data);
	struct cli_msg *m = &c->cli->msg;
	struct link_status st;
	char names[CLI_MEDIATORS_STRLEN];
	char buf[24];

	link_status_get(ep_connect_link(c->ep), io_clock_now(), &st);
	cli_run_dur(c->cli->opts.meet.timeout, buf);
	if (c->cli->opts.meet.relay_only && st.relay.state != LINK_RELAY_READY) {
		cli_error(m, NULL, "no relay within %s: %s", buf, turn_why_text(st.relay.why));
		leave(c, CLI_EXIT_SERVER);
		return;
	}
	if (c->cli->opts.meet.n_peers == 0 && c->news.mediators.n > 0 && st.n_mediators == 0) {
		cli_error(m, "check the spelling, this machine's network and its DNS",
			  "no mediator could be asked within %s: no address found for %s", buf,
			  cli_mediators_text(&c->news.mediators, names));
		leave(c, CLI_EXIT_SERVER);
		return;
	}
	if (c->cli->opts.meet.n_peers == 0 && cli_news_is_cut_off(&c->news, &st)) {
		cli_error(m,
			  "are they running, and does this network let UDP out? \"adit check --mediator HOST\" tells",
			  "no mediator answered within %s%s: %s", buf,
			  st.relay.state == LINK_RELAY_NONE || st.relay.state == LINK_RELAY_READY ? ""
												  : ", nor did a relay",
			  cli_mediators_text(&c->news.mediators, names));
		leave(c, CLI_EXIT_SERVER);
		return;
	}
	cli_error(m,
		  c->news.mediators.n > 0 ? NULL
					  : "is \"adit serve\" running there, and does its --peer name this network?",
		  "the peer was not reached within %s", buf);
	cli_news_hints(&c->news, &st);
	cli_meet_hint(&c->run, &c->peer);
	leave(c, CLI_EXIT_UNREACHED);
}

static void on_status(void *ctx, enum ep_share_form form, char *buf, size_t cap)
{
	struct connect *c = of_run(ctx);
	struct link_status st;
	struct cli_json j;
	const char *text;
	size_t at;

	link_status_get(ep_connect_link(c->ep), io_clock_now(), &st);
	if (form != EP_SHARE_JSON) {
		struct cli_show show = {.command = c->cli->name,
					.name = c->peer.name,
					.st = &st,
					.now = io_clock_now(),
					.n_conns = ep_connect_conns(c->ep),
					.more = form == EP_SHARE_MORE,
					.named = &c->news.mediators,
					.rates = &c->rates};

		at = cli_show_text(buf, cap, &show);
		for (size_t f = 0; f < 2; f++)
			at = cli_mapped_status_text(buf, cap, at, ep_connect_mapped(c->ep, cli_mapped_family[f]));
		return;
	}
	cli_json_init(&j);
	cli_json_object(&j, NULL);
	cli_json_str(&j, "command", c->cli->name);
	cli_json_int(&j, "pid", getpid());
	cli_json_str(&j, "peer", c->peer.name[0] ? c->peer.name : NULL);
	cli_show_json(&j, &st, io_clock_now());
	cli_mapped_status_json(&j, ep_connect_mapped(c->ep, ADIT_FAMILY_V4), ep_connect_mapped(c->ep, ADIT_FAMILY_V6));
	cli_json_uint(&j, "connections", ep_connect_conns(c->ep));
	cli_json_uint(&j, "borrowers", ep_share_borrowers(c->share));
	cli_json_object_end(&j);
	text = cli_json_text(&j);
	snprintf(buf, cap, "%s", text ? text : "{}");
	cli_json_done(&j);
}

/* --- the session is ours --- */

static void start_timers(struct connect *c)
{
	adit_dur timeout = c->cli->opts.meet.timeout;

	uv_timer_init(&c->run.loop, &c->timeout);
	uv_timer_init(&c->run.loop, &c->retry);
	uv_timer_init(&c->run.loop, &c->waiting);
	c->timeout.data = c->retry.data = c->waiting.data = c;
	uv_signal_init(&c->run.loop, &c->hup);
	c->hup.data = c;
	if (c->is_pipe)
		uv_signal_start(&c->hup, on_hup, SIGHUP);
	c->timers = true;
	if (timeout != ADIT_NEVER)
		uv_timer_start(&c->timeout, on_timeout, timeout / ADIT_MS(1), 0);
	uv_timer_start(&c->waiting, show_waiting, STATUS_MS, STATUS_MS);
}

static int start_meeting(struct connect *c)
{
	struct ep_meet_config cfg;

	if (c->news.mediators.n == 0)
		return 0;
	cli_run_meeting(c->cli, &c->news.mediators, &cfg);
	return ep_meet_new(&c->run.loop, &cfg, on_meeting, on_mediator_failed, c, &c->names.meet);
}

static int start_relays(struct connect *c)
{
	if (c->relays.n == 0)
		return 0;
	return ep_relay_new(&c->run.loop, c->relays.relay, c->relays.n, on_relays, on_relay_failed, c, &c->names.relay);
}

static int start(struct connect *c)
{
	struct ep_connect_config cfg;
	struct ep_host hosts[EP_PEERS_MAX];
	struct reach_memory memory;
	struct link_memory lives;
	int rc = cli_meet_config(&c->run, &c->peer, &cfg);

	if (rc != CLI_GO)
		return rc;
	cfg.clock_diff = cli_kept_clock(&c->run, c->doors.peer);
	cfg.meets = c->news.mediators.n > 0;
	cfg.portmap = cli_mapped_is_asked(&c->cli->opts.meet, cfg.meets);
	if (cfg.meets && cli_kept_way(&c->run, c->doors.peer, &memory))
		cfg.memory = &memory;
	if (cli_kept_lives(&c->run, c->doors.peer, &lives))
		cfg.lives = &lives;
	if (ep_connect_new(&c->run.loop, &cfg, &ops, c, &c->ep) < 0 ||
	    ep_peers_new(&c->run.loop, hosts, cli_run_hosts(c->cli, hosts), on_peers, on_peer_failed, c,
			 &c->names.peers) < 0 ||
	    start_meeting(c) < 0 || start_relays(c) < 0) {
		cli_error(&c->cli->msg, NULL, "no memory to start with");
		rc = CLI_EXIT_LOCAL;
	}
	adit_bytes_wipe(&cfg, sizeof(cfg));
	return rc;
}

static void finish(struct connect *c)
{
	ep_share_close(c->share);
	ep_names_close(&c->names);
	ep_connect_free(c->ep);
	c->share = NULL;
	c->ep = NULL;
	if (!c->timers)
		return;
	uv_close((uv_handle_t *)&c->hup, NULL);
	uv_close((uv_handle_t *)&c->timeout, NULL);
	uv_close((uv_handle_t *)&c->retry, NULL);
	uv_close((uv_handle_t *)&c->waiting, NULL);
}

static void say_start(struct connect *c)
{
	const struct cli_meet *meet = &c->cli->opts.meet;
	bool meets = c->news.mediators.n > 0;
	char names[CLI_MEDIATORS_STRLEN];
	char buf[24];

	cli_info(&c->cli->msg, "looking for the peer%s%s%s%s%s; waiting %s", meet->n_peers ? " at " : "",
		 meet->n_peers ? meet->peers[0].name : "", meet->n_peers && meets ? " and" : "",
		 meets ? " through " : "", meets ? cli_mediators_text(&c->news.mediators, names) : "",
		 meet->timeout == ADIT_NEVER ? "for as long as it takes" : cli_run_dur(meet->timeout, buf));
	if (meet->n_peers == 0 && !meets)
		cli_hint(&c->cli->msg,
			 "neither --mediator HOST nor --peer ADDR is given, nor is one in the ticket: this "
			 "side can only wait to be found");
}

static void on_idle(void *ctx)
{
	leave(of_run(ctx), CLI_EXIT_OK);
}

/*
 * The own pipe has ended, or the own doors are closed, and others still use the session: they must not notice. A child
 * goes on with it until the last one has gone, and with connections that are open; this process ends with |exit|, for
 * whoever waits for it. Between two runs of the loop, as uv_loop_fork() wants it. Where no child can be made this
 * process stays itself.
 */
static int stay(struct connect *c, int exit)
{
	/* Threads are not there in a child, and the connections that they carry would be lost. */
	pid_t child = ep_connect_threads(c->ep) > 0 ? -1 : fork();

	if (child > 0)
		_exit(cli_msg_finish(&c->cli->msg, exit));
	if (child == 0) {
		setsid();
		cli_stdio_abandon();
		if (uv_loop_fork(&c->run.loop) != 0)
			return exit;
		ep_connect_forked(c->ep);
	}
	c->run.n_signals = 0;
	ep_share_on_idle(c->share, on_idle);
	if (ep_share_borrowers(c->share) == 0)
		on_idle(c);
	(void)cli_run_loop(&c->run);
	if (child == 0) { /* without what threads of the parent would have to finish */
		ep_share_close(c->share);
		_exit(exit);
	}
	return exit;
}

/* CLI_GO: another command was quicker and has the session. */
static int run_own(struct connect *c, const char *socket_path)
{
	int rc = start(c);

	if (rc == CLI_GO && ep_share_new(&c->run.loop, socket_path, c->ep, on_status, c, &c->share) < 0) {
		if (errno == EADDRINUSE) {
			finish(c);
			return CLI_GO;
		}
		cli_error(&c->cli->msg, NULL, "cannot open the control socket %s: %s", socket_path, strerror(errno));
		rc = CLI_EXIT_LOCAL;
	}
	if (rc == CLI_GO) {
		start_timers(c);
		say_start(c);
		ep_connect_start(c->ep);
		rc = cli_run_loop(&c->run);
		if (c->staying)
			rc = stay(c, rc);
	}
	finish(c);
	return rc;
}

static int connect_run(struct connect *c)
{
	struct cli_lent lent = {.run = &c->run,
				.peer = &c->peer,
				.doors = &c->doors,
				.pipe_service = c->is_pipe ? pipe_service(c) : NULL};
	char path[IO_SOCKET_PATH_MAX + 1];
	int rc = cli_meet_socket(&c->run, &c->peer, path);

	while (rc == CLI_GO) {
		int ctl = ep_ctl_dial(path);

		if (ctl < 0) {
			rc = run_own(c, path);
			continue;
		}
		rc = cli_lent_run(&lent, ctl);
		close(ctl);
		if (rc == CLI_GO && !c->is_pipe)
			rc = cli_doors_reserve(&c->doors, &c->run);
	}
	return rc;
}

static int run_command(struct cli *cli, bool is_pipe)
{
	static struct connect c; /* large: tables of fixed size */
	struct cli_mediators mediators;
	int rc;

	c = (struct connect){.cli = cli, .is_pipe = is_pipe};
	rc = cli_run_open(&c.run, cli, on_stop, &c);
	if (rc != CLI_GO)
		return rc;
	rc = cli_meet_find(&c.run, &c.peer);
	cli_run_key(c.peer.ticket.identity, c.doors.peer);
	cli_meet_mediators(&c.run, &c.peer, &mediators);
	cli_news_init(&c.news, &c.run, &mediators, false);
	c.news.by_key = c.peer.by_key;
	if (rc == CLI_GO)
		rc = cli_relays_take(cli, mediators.n > 0, &c.relays);
	if (rc == CLI_GO && !is_pipe)
		rc = cli_doors_reserve(&c.doors, &c.run);
	if (rc == CLI_GO)
		rc = connect_run(&c);
	cli_relays_done(&c.relays);
	cli_doors_done(&c.doors);
	cli_meet_done(&c.peer);
	cli_run_close(&c.run);
	return rc;
}

int cmd_connect(struct cli *cli, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return run_command(cli, false);
}

int cmd_pipe(struct cli *cli, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return run_command(cli, true);
}
