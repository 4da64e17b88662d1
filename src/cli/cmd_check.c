/* adit check: what this network's NAT does, as STUN servers see it. Needs no state directory: it is often run first. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/cli_check.h"
#include "cli/cli_text.h"
#include "endpoint/ep_check.h"
#include "io/io_loop.h"

struct check_cmd {
	struct cli *cli;
	uv_loop_t loop;
	uv_signal_t signals[2]; /* SIGINT, SIGTERM */
	unsigned n_signals;
	struct ep_check *check;
	int exit;
	bool stopped; /* before the end */
};

static void on_signal(uv_signal_t *handle, int nr)
{
	struct check_cmd *c = handle->data;

	if (c->n_signals++ == 0) {
		c->stopped = true;
		ep_check_stop(c->check);
		return;
	}
	c->exit = nr == SIGINT ? CLI_EXIT_SIGINT : CLI_EXIT_SIGTERM;
	uv_stop(&c->loop);
}

static void on_unresolved(void *ctx, const char *name, const char *why)
{
	struct check_cmd *c = ctx;

	cli_warn(&c->cli->msg, "check the spelling and this machine's DNS", "%s: no address found (%s)", name, why);
}

static void on_progress(void *ctx, const struct nat_progress *p)
{
	struct check_cmd *c = ctx;
	char end[CLI_TEXT_SPAN_LEN];
	char now[CLI_TEXT_SPAN_LEN];

	if (p->phase == NAT_PHASE_REACH)
		cli_status_set(&c->cli->msg, "asking the servers ...");
	else if (p->phase == NAT_PHASE_MAIN)
		cli_status_set(&c->cli->msg, "asking: %u of %u answers and silences", p->done, p->asked);
	else if (p->phase == NAT_PHASE_LIFE)
		cli_status_set(&c->cli->msg, "an idle mapping: waited %s of at most %s",
			       cli_text_span(p->life_now / ADIT_SEC(1) * ADIT_SEC(1), now),
			       cli_text_span(p->life_end, end));
}

static const char *server_name(void *ctx, size_t i)
{
	struct check_cmd *c = ctx;

	return ep_check_name(c->check, i);
}

static void say_unreachable(struct check_cmd *c, const struct nat_report *r, const struct io_portmap_services *services)
{
	const struct nat_view *v = r->v4.refused ? &r->v4 : &r->v6;
	char addr[ADIT_ADDR_STRLEN];

	c->exit = CLI_EXIT_SERVER;
	if (r->n_servers == 0 && r->v6.no_route)
		cli_error(&c->cli->msg, "name a server that has an IPv4 address: --stun 203.0.113.5",
			  "no server could be asked: they have IPv6 addresses alone, and this machine has no IPv6");
	else if (r->n_servers == 0)
		cli_error(&c->cli->msg,
			  "look at this machine's network and DNS, or name a server by its address: --stun 203.0.113.5",
			  "no server could be asked: none of the names has an address");
	else if (v->refused)
		cli_error(&c->cli->msg, cli_check_advice(r, services), "UDP is blocked: %s refuses it on the way",
			  adit_addr_format(&v->refused_by, addr));
	else if (r->v4.kind != NAT_KIND_BLOCKED && r->v6.kind != NAT_KIND_BLOCKED)
		cli_error(&c->cli->msg, cli_check_advice(r, services),
			  "no server answers: dead or mistyped, or UDP is blocked here; that cannot be told yet");
	else
		cli_error(&c->cli->msg,
			  "try --stun with another server; if none answers, allow outgoing UDP to port 3478",
			  "no server answers: UDP is blocked here, or all of them are dead");
}

static void on_done(void *ctx, const struct nat_report *r, const struct io_portmap_services *services)
{
	struct check_cmd *c = ctx;

	cli_status_clear(&c->cli->msg);
	if (c->stopped)
		cli_warn(&c->cli->msg, NULL, "stopped before the end: what is unknown was not asked");
	if (c->cli->opts.common.json)
		cli_check_json(&c->cli->msg, r, services, ep_check_nat64(c->check), server_name, c);
	else
		cli_check_text(&c->cli->msg, r, services, ep_check_nat64(c->check), server_name, c);
	if (r->v4.answered + r->v6.answered == 0 && !c->stopped)
		say_unreachable(c, r, services);
	uv_stop(&c->loop);
}

static void add_hosts(struct ep_check_config *cfg, const struct cli_host *hosts, size_t n)
{
	for (size_t i = 0; i < n && cfg->n_hosts < EP_CHECK_HOSTS_MAX; i++) {
		struct ep_host *h = &cfg->host[cfg->n_hosts++];

		h->port = hosts[i].port ? hosts[i].port : CLI_STUN_PORT;
		h->addr = hosts[i].addr;
		snprintf(h->name, sizeof(h->name), "%s", hosts[i].name);
	}
}

static void watch_signals(struct check_cmd *c)
{
	static const int nrs[2] = {SIGINT, SIGTERM};

	for (int i = 0; i < 2; i++) {
		uv_signal_init(&c->loop, &c->signals[i]);
		c->signals[i].data = c;
		uv_signal_start(&c->signals[i], on_signal, nrs[i]);
	}
}

static void run(struct check_cmd *c, const struct ep_check_config *cfg)
{
	static const struct ep_check_ops ops = {.unresolved = on_unresolved, .progress = on_progress, .done = on_done};

	if (ep_check_new(&c->loop, cfg, &ops, c, &c->check) < 0) {
		cli_error(&c->cli->msg, NULL, "no memory to start with");
		c->exit = CLI_EXIT_LOCAL;
		return;
	}
	watch_signals(c);
	uv_run(&c->loop, UV_RUN_DEFAULT);
	ep_check_close(c->check);
	for (int i = 0; i < 2; i++)
		uv_close((uv_handle_t *)&c->signals[i], NULL);
}

int cmd_check(struct cli *cli, int argc, char **argv)
{
	struct check_cmd c = {.cli = cli};
	struct ep_check_config cfg = {.log = cli_msg_log(&cli->msg), .lifetime = cli->opts.lifetime};

	if (argc > 0) {
		cli_error(&cli->msg, "servers are given with --stun", "check takes no words, and \"%.60s\" is given",
			  argv[0]);
		return CLI_EXIT_USAGE;
	}
	add_hosts(&cfg, cli->opts.meet.stuns, cli->opts.meet.n_stuns);
	add_hosts(&cfg, cli->opts.meet.mediators, cli->opts.meet.n_mediators);
	if (cfg.n_hosts == 0) {
		cli_error(&cli->msg,
			  "give one or more: --stun HOST[:PORT] (any STUN server), or --mediator HOST (your own)",
			  "no server is given to ask, and none is built in");
		return CLI_EXIT_USAGE;
	}
	if (uv_loop_init(&c.loop) < 0) {
		cli_error(&cli->msg, NULL, "no memory or descriptors to start with");
		return CLI_EXIT_LOCAL;
	}
	run(&c, &cfg);
	(void)io_loop_close(&c.loop); /* main() asks for what is left */
	return c.exit;
}
