#include "cli/cli_run.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/bytes.h"
#include "cli/cli_relays.h"
#include "core/trust/trust_base32.h"
#include "crypto/crypto.h"
#include "crypto/crypto_mb.h"
#include "io/io_clock.h"
#include "io/io_holder.h"
#include "io/io_loop.h"
#include "io/io_udp.h"

#define PAUSED_EVERY    ADIT_SEC(60) /* without trouble, before it is said again that descriptors ran out */
#define CLOCK_DIFF_TOLD ADIT_MS(500) /* a smaller difference between the clocks is nobody's concern */

unsigned cli_run_cores(void)
{
	cpu_set_t set;
	int n = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;

	return n < CLI_THREADS_MAX ? (unsigned)n : CLI_THREADS_MAX;
}

/* Every forwarded connection is a descriptor; the hard limit is what the administrator allows. */
static void raise_descriptors(struct cli *cli)
{
	struct rlimit lim;

	if (getrlimit(RLIMIT_NOFILE, &lim) < 0 || lim.rlim_cur >= lim.rlim_max)
		return;
	cli_detail(&cli->msg, "descriptors: raised from %llu to %llu", (unsigned long long)lim.rlim_cur,
		   (unsigned long long)lim.rlim_max);
	lim.rlim_cur = lim.rlim_max;
	setrlimit(RLIMIT_NOFILE, &lim);
}

static void on_signal(uv_signal_t *handle, int nr)
{
	struct cli_run *r = handle->data;

	if (r->n_signals++ == 0) {
		cli_status_clear(&r->cli->msg);
		r->stop(r->ctx);
		return;
	}
	cli_run_end(r, nr == SIGINT ? CLI_EXIT_SIGINT : CLI_EXIT_SIGTERM);
}

static void watch_signals(struct cli_run *r)
{
	static const int nrs[2] = {SIGINT, SIGTERM};

	for (int i = 0; i < 2; i++) {
		uv_signal_init(&r->loop, &r->signals[i]);
		r->signals[i].data = r;
		uv_signal_start(&r->signals[i], on_signal, nrs[i]);
		uv_unref((uv_handle_t *)&r->signals[i]);
	}
}

static int fail(struct cli_run *r, const struct io_why *why)
{
	cli_error(&r->cli->msg, why->next[0] ? why->next : NULL, "%s", why->what);
	return CLI_EXIT_LOCAL;
}

/* --port: a port that another program holds cannot be pinned. */
static int check_port(struct cli_run *r)
{
	uint16_t port = r->cli->opts.meet.port;
	char next[192] = "choose another --port; the other side has to be told";
	char holder[128];

	if (port == 0 || io_udp_is_free(port))
		return CLI_GO;
	if (io_holder_of_port(port, true, holder, sizeof(holder)))
		snprintf(next, sizeof(next), "it is held by %s; end that, or choose another --port", holder);
	cli_error(&r->cli->msg, next, "--port %u: UDP port %u is in use", port, port);
	return CLI_EXIT_LOCAL;
}

/* ADIT_AEAD=gnutls is for comparing the two. */
static void choose_aead(struct cli_run *r)
{
	const char *wish = getenv("ADIT_AEAD");
	const struct adit_aead *aead = NULL;
	const char *why = "as ADIT_AEAD says";

	if (!wish || strcmp(wish, "gnutls") != 0)
		aead = crypto_mb(&why);
	quic_creds_set_aead(r->creds, aead);
	cli_detail(&r->cli->msg, "AES-128-GCM by %s; libipsec-mb: %s", aead ? aead->name : "gnutls", why);
}

int cli_run_open(struct cli_run *r, struct cli *cli, void (*stop)(void *ctx), void *ctx)
{
	struct adit_rng rng = crypto_rng();
	const char *dir = cli->opts.common.state;
	struct io_why why;

	*r = (struct cli_run){.cli = cli, .stop = stop, .ctx = ctx, .began_at = io_clock_now()};
	io_clock_set_offset(cli->opts.common.clock_offset);
	if (io_state_open(&r->state, dir[0] ? dir : NULL, &why) < 0)
		return fail(r, &why);
	if (io_state_identity(&r->state, &r->identity, &why) < 0) {
		io_state_close(&r->state);
		return fail(r, &why);
	}
	if (check_port(r) != CLI_GO) {
		io_state_close(&r->state);
		return CLI_EXIT_LOCAL;
	}
	raise_descriptors(cli);
	r->instance = adit_rng_u64(&rng);
	if (quic_creds_new(r->identity.seed, r->identity.public_key, &r->creds) < 0 || uv_loop_init(&r->loop) < 0) {
		cli_error(&cli->msg, NULL, "no memory or descriptors to start with");
		quic_creds_free(r->creds);
		io_state_close(&r->state);
		return CLI_EXIT_LOCAL;
	}
	choose_aead(r);
	watch_signals(r);
	return CLI_GO;
}

int cli_run_loop(struct cli_run *r)
{
	uv_run(&r->loop, UV_RUN_DEFAULT);
	return r->exit;
}

void cli_run_end(struct cli_run *r, int exit)
{
	r->exit = exit;
	uv_stop(&r->loop);
}

void cli_run_close(struct cli_run *r)
{
	sigset_t both;

	/* From here on a second signal has nothing left to end: the exit code stands. */
	sigemptyset(&both);
	sigaddset(&both, SIGINT);
	sigaddset(&both, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &both, NULL);
	for (int i = 0; i < 2; i++)
		uv_close((uv_handle_t *)&r->signals[i], NULL);
	(void)io_loop_close(&r->loop); /* main() asks for what is left */
	quic_creds_free(r->creds);
	crypto_identity_done(&r->identity);
	io_state_close(&r->state);
}

static struct ep_host host_of(const struct cli_host *h, uint16_t usual_port)
{
	struct ep_host host = {.port = h->port ? h->port : usual_port, .addr = h->addr};

	snprintf(host.name, sizeof(host.name), "%s", h->name);
	return host;
}

size_t cli_run_hosts(const struct cli *cli, struct ep_host ret_hosts[EP_PEERS_MAX])
{
	const struct cli_meet *meet = &cli->opts.meet;
	size_t n = meet->n_peers < EP_PEERS_MAX ? meet->n_peers : EP_PEERS_MAX;

	for (size_t i = 0; i < n; i++)
		ret_hosts[i] = host_of(&meet->peers[i], 0);
	return n;
}

void cli_run_meeting(const struct cli *cli, const struct cli_mediators *m, struct ep_meet_config *ret_cfg)
{
	const struct cli_meet *meet = &cli->opts.meet;

	*ret_cfg = (struct ep_meet_config){.n_mediators = m->n, .n_stuns = meet->n_stuns};
	for (size_t i = 0; i < m->n; i++) {
		ret_cfg->mediator[i].host = host_of(&m->host[i], CLI_STUN_PORT);
		snprintf(ret_cfg->mediator[i].name, sizeof(ret_cfg->mediator[i].name), "%s", m->name[i]);
	}
	for (size_t i = 0; i < meet->n_stuns; i++)
		ret_cfg->stun[i] = host_of(&meet->stuns[i], CLI_STUN_PORT);
}

void cli_run_unresolved(struct cli *cli, const char *option, const char *name, const char *why)
{
	cli_warn(&cli->msg, "check the spelling and this machine's DNS; it is tried again every minute",
		 "%s %s: no address found (%s)", option, name, why);
}

const char *cli_run_dur(adit_dur d, char buf[24])
{
	if (d < ADIT_MS(10))
		snprintf(buf, 24, "%.1f ms", (double)d / (double)ADIT_MS(1));
	else if (d < ADIT_SEC(1))
		snprintf(buf, 24, "%llu ms", (unsigned long long)(d / ADIT_MS(1)));
	else if (d < ADIT_SEC(60))
		snprintf(buf, 24, "%.1f s", (double)d / (double)ADIT_SEC(1));
	else
		snprintf(buf, 24, "%llu min %llu s", (unsigned long long)(d / ADIT_SEC(60)),
			 (unsigned long long)(d % ADIT_SEC(60) / ADIT_SEC(1)));
	return buf;
}

const char *cli_run_key(const uint8_t key[CRYPTO_KEY_LEN], char buf[9])
{
	char text[TRUST_BASE32_LEN(CRYPTO_KEY_LEN) + 1];

	trust_base32_encode(key, CRYPTO_KEY_LEN, text);
	snprintf(buf, 9, "%.8s", text);
	return buf;
}

const char *cli_run_reason(const struct link_event *e)
{
	switch (e->reason) {
	case LINK_REASON_CLOSED:
		return "ended here";
	case LINK_REASON_PEER:
		return fwd_close_text(e->code);
	case LINK_REASON_REFUSED:
		return fwd_status_text((uint8_t)e->code);
	case LINK_REASON_BAD_KEY:
		return "whoever answered does not have the ticket's key";
	case LINK_REASON_LINGER:
		return "no answer for longer than --linger";
	case LINK_REASON_RESTART:
		return "the other side's program was started anew";
	case LINK_REASON_REPLACED:
		return "another client came with the same ticket";
	case LINK_REASON_FAILED:
		return "the handshake failed";
	}
	return "";
}

void cli_run_say_threads(struct cli_run *r, const char *who, unsigned n, const struct link_event *down)
{
	const char *sep = who ? ": " : "";

	who = who ? who : "";
	if (!down)
		cli_detail(&r->cli->msg, "%s%s%u threads carry the session now", who, sep, n);
	else if (!down->was_up)
		cli_detail(&r->cli->msg, "%s%sone more connection did not come up (%s); %u carry the session", who, sep,
			   cli_run_reason(down), n);
	else if (down->reason == LINK_REASON_PEER || down->reason == LINK_REASON_CLOSED)
		cli_detail(&r->cli->msg, "%s%s%u thread%s left", who, sep, n, n == 1 ? "" : "s");
	else
		cli_warn(&r->cli->msg, NULL,
			 "%s%sone of the session's connections is lost (%s), with all that it carried; "
			 "%u left",
			 who, sep, cli_run_reason(down), n);
}

void cli_run_say_paused(struct cli_run *r, int err)
{
	adit_time now = io_clock_now();

	if (r->paused_at == 0 || adit_time_since(now, r->paused_at) > PAUSED_EVERY)
		cli_warn(&r->cli->msg, "raise the limit of open files (ulimit -n)", "new connections wait: %s",
			 strerror(err));
	r->paused_at = now;
}

int cli_run_reason_exit(const struct link_event *e)
{
	switch (e->reason) {
	case LINK_REASON_LINGER:
		return CLI_EXIT_LOST;
	case LINK_REASON_REFUSED:
	case LINK_REASON_BAD_KEY:
	case LINK_REASON_REPLACED:
		return CLI_EXIT_REFUSED;
	case LINK_REASON_PEER:
		return e->code == FWD_CLOSE_REVOKED || e->code == FWD_CLOSE_REPLACED || e->code == FWD_CLOSE_REFUSED
			       ? CLI_EXIT_REFUSED
			       : CLI_EXIT_OK;
	case LINK_REASON_CLOSED:
	case LINK_REASON_RESTART:
	case LINK_REASON_FAILED:
		return CLI_EXIT_OK;
	}
	return CLI_EXIT_INTERNAL;
}

static const char *event_name(enum link_event_kind kind)
{
	switch (kind) {
	case LINK_EVENT_STUCK:
		return "waiting";
	case LINK_EVENT_MEET:
		return "meeting";
	case LINK_EVENT_RELAY:
		return "relay";
	case LINK_EVENT_HOLE:
		return "hole";
	case LINK_EVENT_UP:
		return "connected";
	case LINK_EVENT_OUTAGE:
		return "outage";
	case LINK_EVENT_BACK:
		return "back";
	case LINK_EVENT_MOVED:
		return "moved";
	case LINK_EVENT_SWITCHED:
		return "switched";
	case LINK_EVENT_DOWN:
		return "disconnected";
	default:
		return "";
	}
}

void cli_run_path_json(struct cli_json *j, const struct link_path_info *p)
{
	char buf[ADIT_ADDR_STRLEN];

	if (p->remote.family == ADIT_FAMILY_NONE)
		return;
	cli_json_str(j, "how", link_how_name(p->how));
	cli_json_str(j, "local", adit_addr_format(&p->local, buf));
	cli_json_str(j, "remote", adit_addr_format(&p->remote, buf));
	if (p->mapped.family != ADIT_FAMILY_NONE)
		cli_json_str(j, "mapped", adit_addr_format(&p->mapped, buf));
	if (p->rtt > 0)
		cli_json_milli(j, "rtt_ms", (double)p->rtt / 1e6);
	if (p->rtt > 0 && link_how_is_serverless(p->how))
		cli_json_milli(j, "clock_diff_ms", (double)p->clock_diff / 1e6);
	cli_json_milli(j, "took_ms", (double)p->took / 1e6);
}

static void say_json(struct cli_run *r, const char *who, const struct link_event *e)
{
	struct cli_json j;
	char key[9];

	cli_json_init(&j);
	cli_json_object(&j, NULL);
	cli_json_str(&j, "event", event_name(e->kind));
	if (who)
		cli_json_str(&j, "label", who);
	cli_run_path_json(&j, &e->path);
	if (e->kind == LINK_EVENT_SWITCHED) {
		cli_json_str(&j, "was", link_how_name(e->was.how));
		cli_json_str(&j, "why", link_why_name(e->why));
	}
	if (e->kind == LINK_EVENT_RELAY)
		cli_relays_status_json(&j, &e->relay, io_clock_now());
	if (e->kind == LINK_EVENT_UP)
		cli_json_str(&j, "peer_key", cli_run_key(e->peer_key, key));
	if (e->kind == LINK_EVENT_DOWN)
		cli_json_str(&j, "reason", cli_run_reason(e));
	cli_json_milli(&j, "at_ms", (double)(io_clock_now() - r->began_at) / 1e6);
	cli_json_object_end(&j);
	cli_out_json(&r->cli->msg, &j);
}

static void say_clock(struct cli_run *r, int64_t diff)
{
	adit_dur abs = (adit_dur)(diff < 0 ? -diff : diff);
	char buf[24];

	if (abs >= CLOCK_DIFF_TOLD)
		cli_info(&r->cli->msg,
			 "your clocks differ by %s: the other side's is %s (kept in mind; NTP would cure it)",
			 cli_run_dur(abs, buf), diff > 0 ? "ahead" : "behind");
}

const char *cli_run_how(enum link_how how)
{
	static const char *const words[] = {
		[LINK_HOW_STEADY] = "punched without a server",
		[LINK_HOW_SLOT] = "punched without a server, at changing ports",
		[LINK_HOW_BURST] = "punched without a server, by a burst of ports",
		[LINK_HOW_PINNED] = "punched without a server, at a given port",
		[LINK_HOW_LAN] = "within one network",
		[LINK_HOW_IPV6] = "over IPv6",
		[LINK_HOW_DIRECT] = "direct",
		[LINK_HOW_PUNCHED] = "punched",
		[LINK_HOW_PREDICTED] = "punched at a foretold port",
		[LINK_HOW_BLOCK] = "found within a block of ports",
		[LINK_HOW_BIRTHDAY] = "found among all ports",
		[LINK_HOW_RELAYED] = "through a relay",
	};

	return words[how];
}

static void say_path(struct cli_run *r, const char *what, const char *prefix, const struct link_path_info *p)
{
	bool shows_addr = r->cli->msg.verbosity > 0;
	char remote[ADIT_ADDR_STRLEN];
	char took[24];
	char rtt[24];

	cli_info(&r->cli->msg, "%s%s after %s: %s%s%s%s%s", prefix, what, cli_run_dur(p->took, took),
		 cli_run_how(p->how), shows_addr ? ", " : "", shows_addr ? adit_addr_format(&p->remote, remote) : "",
		 p->rtt ? ", round trip " : "", p->rtt ? cli_run_dur(p->rtt, rtt) : "");
	if (p->rtt > 0 && link_how_is_serverless(p->how))
		say_clock(r, p->clock_diff);
}

/* Open connections do not notice: so what is no other kind of way is told with -v alone. */
static void say_switch(struct cli_run *r, const char *prefix, const struct link_event *e)
{
	static const char *const why[] = {
		[LINK_WHY_BETTER] = "a better way is open",        [LINK_WHY_SILENT] = "no answer on the way until now",
		[LINK_WHY_AGE] = "ways end at a certain age here", [LINK_WHY_PEER] = "the peer has changed over",
		[LINK_WHY_AWAKE] = "this machine was asleep",
	};
	char remote[ADIT_ADDR_STRLEN];

	if (e->path.how != e->was.how)
		cli_info(&r->cli->msg, "%s%s: going on %s", prefix, why[e->why], cli_run_how(e->path.how));
	else
		cli_detail(&r->cli->msg, "%s%s: going on %s, %s", prefix, why[e->why], cli_run_how(e->path.how),
			   adit_addr_format(&e->path.remote, remote));
}

void cli_run_say(struct cli_run *r, const char *who, const struct link_event *e)
{
	struct cli_msg *m = &r->cli->msg;
	char prefix[80] = "";
	char buf[24];

	if (r->cli->opts.common.json)
		say_json(r, who, e);
	if (who)
		snprintf(prefix, sizeof(prefix), "%s: ", who);
	switch (e->kind) {
	case LINK_EVENT_RELAY:
		cli_relays_say(r->cli, prefix, &e->relay);
		break;
	case LINK_EVENT_HOLE:
		say_path(r, "a way is open", prefix, &e->path);
		break;
	case LINK_EVENT_BACK:
		say_path(r, "back", prefix, &e->path);
		break;
	case LINK_EVENT_MOVED:
		cli_detail(m, "%sthe peer's address changed: its NAT gave it another port", prefix);
		break;
	case LINK_EVENT_SWITCHED:
		say_switch(r, prefix, e);
		break;
	case LINK_EVENT_OUTAGE:
		cli_warn(m, NULL, "%sno answer from the peer: looking for a new way; open connections wait for %s",
			 prefix, cli_run_dur(r->cli->opts.meet.linger, buf));
		break;
	case LINK_EVENT_UP:
		cli_info(m, "%sconnected to %s", prefix, cli_run_key(e->peer_key, buf));
		break;
	case LINK_EVENT_DOWN:
		cli_info(m, "%sdisconnected: %s", prefix, cli_run_reason(e));
		break;
	default:
		break;
	}
}
