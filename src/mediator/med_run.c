#include "mediator/med_run.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "crypto/crypto.h"
#include "crypto/crypto_meet.h"
#include "io/io_batch.h"
#include "io/io_clock.h"
#include "mediator/med_mind.h"
#include "mediator/med_say.h"
#include "mediator/med_turn.h"

#define EXIT_BAD    3 /* CLI.md, exit codes */
#define EXIT_LOCAL  4
#define EXIT_SIGNAL 128 /* and the second signal's number */

struct med {
	const struct med_opts *opts;
	struct io_batch *batch;
	struct med_mind *mind;
	struct med_turn turn;
	bool draining; /* a signal came: peers are being told */
	adit_time drain_at;
	int exit_code;
};

static uint16_t second_port(const struct med_opts *o, uint16_t port)
{
	return o->alt_port ? o->alt_port : (uint16_t)(port + 1);
}

struct counts {
	struct med_count list[MED_COUNTS_MAX];
	unsigned n;
};

static void counts_add(struct counts *c, const struct med_count *list, size_t n)
{
	for (size_t i = 0; i < n && c->n < MED_COUNTS_MAX; i++)
		c->list[c->n++] = list[i];
}

static void count_stun(const struct med *m, struct counts *c)
{
	const struct stun_server_stats *s = &m->mind->stun.stats;
	const struct io_batch_stats *io = io_batch_stats(m->batch);
	const struct med_count list[] = {
		{"binding", "Binding requests answered", s->binding},
		{"classic", "of these without the magic cookie (RFC 3489)", s->classic},
		{"changed", "of these from or to elsewhere (CHANGE-REQUEST, RESPONSE-PORT)", s->changed},
		{"errors", "answered with an error", s->errors},
		{"limited", "dropped: more than one network may ask", s->limited},
		{"malformed", "dropped: no request", s->malformed},
		{"received", "datagrams received", io->received},
		{"sent", "datagrams sent", io->sent},
		{"too_long", "dropped: too long", io->too_long},
		{"unsent", "not sent: refused by the system", io->unsent},
	};

	counts_add(c, list, ARRAY_LEN(list));
}

static void count_meet(const struct med *m, struct counts *c)
{
	const struct meet_server_stats *s = &m->mind->meet.stats;
	const struct med_count list[] = {
		{"peers", "peers registered now", m->mind->meet.table.used},
		{"registered", "registrations, new or at a new address", s->registered},
		{"renewed", "registrations once more", s->renewed},
		{"refreshed", "refreshes", s->refreshed},
		{"expired", "registrations that ended by silence", s->expired},
		{"left", "registrations that were ended by their peer", s->left},
		{"introduced", "offers passed on", s->introduced},
		{"answered", "answers passed on", s->answered},
		{"lent", "credentials of the relay handed out", s->lent},
		{"absent", "asked for who is not here", s->absent},
		{"cookies", "sent away for a cookie", s->cookies},
		{"unknown", "refreshes of who is not registered", s->unknown},
		{"forged", "refused: signature, id, route or permit do not fit", s->forged},
		{"refused_full", "refused: no room, or ending", s->full},
		{"meet_limited", "dropped: more than one network may do", s->limited},
		{"meet_malformed", "refused: incomplete, or with what is not known here", s->malformed},
		{"path_none", "reported: no path was found", s->paths[MEET_PATH_NONE]},
		{"path_host", "reported: same network", s->paths[MEET_PATH_HOST]},
		{"path_ipv6", "reported: IPv6", s->paths[MEET_PATH_IPV6]},
		{"path_mapped", "reported: port mapping", s->paths[MEET_PATH_MAPPED]},
		{"path_punched", "reported: punched", s->paths[MEET_PATH_PUNCHED]},
		{"path_predicted", "reported: punched a predicted port", s->paths[MEET_PATH_PREDICTED]},
		{"path_birthday", "reported: punched one of many ports", s->paths[MEET_PATH_BIRTHDAY]},
		{"path_relay", "reported: relay", s->paths[MEET_PATH_RELAY]},
	};

	counts_add(c, list, ARRAY_LEN(list));
}

/* How long those took that found a path, a class for each doubling. */
static void count_durations(const struct med *m, struct counts *c)
{
	struct med_count classes[MEET_DURATIONS] = {
		{"took_16ms", "reported: it took less than 16 ms", 0}, {"took_32ms", "reported: less than 32 ms", 0},
		{"took_64ms", "reported: less than 64 ms", 0},         {"took_128ms", "reported: less than 128 ms", 0},
		{"took_256ms", "reported: less than 256 ms", 0},       {"took_512ms", "reported: less than 512 ms", 0},
		{"took_1s", "reported: less than 1.024 s", 0},         {"took_2s", "reported: less than 2.048 s", 0},
		{"took_4s", "reported: less than 4.096 s", 0},         {"took_8s", "reported: less than 8.192 s", 0},
		{"took_16s", "reported: less than 16.384 s", 0},       {"took_longer", "reported: longer than that", 0},
	};

	for (unsigned i = 0; i < MEET_DURATIONS; i++)
		classes[i].value = m->mind->meet.stats.durations[i];
	counts_add(c, classes, MEET_DURATIONS);
}

static void report(struct med *m)
{
	struct counts c = {.n = 0};

	count_stun(m, &c);
	count_meet(m, &c);
	count_durations(m, &c);
	med_say_counts(m->opts->json, c.list, c.n);
}

/* Nothing else needs the memory that a larger table takes; where there is none, the mediator goes on as it is. */
static void grow(struct med *m)
{
	size_t wants = meet_server_wants(&m->mind->meet);
	struct meet_peer *slots = wants ? calloc(wants, sizeof(*slots)) : NULL;

	if (slots)
		free(meet_server_grow(&m->mind->meet, slots, wants));
}

static void on_dgram(void *ctx, adit_time now, const struct adit_dgram *d)
{
	struct med *m = ctx;
	struct meet_server_out out;

	if (med_mind_input(m->mind, now, d, io_batch_room(m->batch), &out) == 1)
		io_batch_send(m->batch, out.sock, &out.local, &out.remote, out.len);
}

/* The first signal: peers are told, so that they look elsewhere at once. The second one: now. */
static void end(struct med *m, adit_time now, int signo)
{
	if (m->draining) {
		m->exit_code = EXIT_SIGNAL + signo;
		io_batch_stop(m->batch);
		return;
	}
	m->draining = true;
	m->drain_at = now;
	meet_server_drain(&m->mind->meet);
	med_say(m->opts->verbose, 0, "ending: %zu peer%s told so; a second signal ends it at once",
		m->mind->meet.table.used, m->mind->meet.table.used == 1 ? " is" : "s are");
}

static void on_signal(void *ctx, adit_time now, int signo)
{
	switch (signo) {
	case SIGUSR1:
		report(ctx);
		break;
	case SIGTERM:
	case SIGINT:
		end(ctx, now, signo);
		break;
	default: /* SIGHUP: a terminal that went away is no reason to end, and there is nothing to read anew */
		break;
	}
}

/* At a pace that the line behind us can take. */
static void drain(struct med *m, adit_time now)
{
	struct meet_server_out out;

	if (now < m->drain_at)
		return;
	for (int i = 0; i < MED_GOODBYES; i++) {
		uint8_t *buf = io_batch_room(m->batch);

		if (meet_server_goodbye(&m->mind->meet, buf, &out) != 1) {
			io_batch_stop(m->batch);
			return;
		}
		io_batch_send(m->batch, out.sock, &out.local, &out.remote, out.len);
	}
	m->drain_at = now + MED_GOODBYES_EACH;
}

static void on_tick(void *ctx, adit_time now)
{
	struct med *m = ctx;

	meet_server_set_utc(&m->mind->meet, now, io_clock_utc());
	meet_server_tick(&m->mind->meet, now);
	grow(m);
	if (m->draining)
		drain(m, now);
}

static adit_time next_tick(const void *ctx)
{
	const struct med *m = ctx;
	adit_time at = meet_server_deadline(&m->mind->meet);

	return m->draining ? adit_time_min(at, m->drain_at) : at;
}

/* One address with one port. ADIT_EIGNORED: this machine does not have the family, and nobody asked for it. */
static int open_one(struct med *m, uint32_t sock, struct adit_addr addr, const struct adit_addr *public_ip)
{
	char text[ADIT_ADDR_STRLEN];
	int err = io_batch_open(m->batch, sock, &addr);

	if (err != 0) {
		if (m->opts->is_default && (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL))
			return ADIT_EIGNORED;
		med_say_error(
			errno == EADDRINUSE ? "see who holds it: ss -lunp; or give another port: --listen ADDR:PORT"
			: errno == EADDRNOTAVAIL
				? "--listen takes an address of this machine (ip address); what the world calls it, "
				  "where the provider translates it, goes behind --public"
			: errno == EACCES ? "ports below 1024 need a privilege: give a higher one"
					  : NULL,
			"cannot listen on %s: %s", adit_addr_format(&addr, text), strerror(errno));
		return err;
	}
	med_mind_opened(m->mind, sock, &addr, public_ip);
	med_say(m->opts->verbose, 0, "listening on %s", adit_addr_format(&addr, text));
	return 0;
}

static int open_family(struct med *m, unsigned family)
{
	const struct med_family *fam = &m->opts->families[family];

	for (unsigned i = 0; i < fam->n_listen; i++) {
		uint32_t sock = family * MED_SOCK_FAMILY + i * MED_SOCK_IP;
		uint16_t port = fam->listen[i].port;
		int err = open_one(m, sock, fam->listen[i], &fam->public_ip[i]);

		if (err == 0)
			err = open_one(m, sock + MED_SOCK_PORT,
				       adit_addr_with_port(fam->listen[i], second_port(m->opts, port)),
				       &fam->public_ip[i]);
		if (err != 0)
			return err == ADIT_EIGNORED ? 0 : err;
	}
	return 0;
}

static int open_all(struct med *m)
{
	for (unsigned family = 0; family < MED_FAMILIES; family++)
		if (open_family(m, family) != 0)
			return EXIT_LOCAL;
	med_mind_ready(m->mind);
	if (m->opts->families[0].n_listen < MED_LISTEN && m->opts->families[1].n_listen < MED_LISTEN)
		med_say(m->opts->verbose, 1,
			"with a second --listen address clients can find out how their NATs filter (RFC 5780)");
	return 0;
}

static int run_open(struct med *m)
{
	int rc = open_all(m);

	if (rc != 0)
		return rc;
	if (m->opts->rate == 0)
		med_say(m->opts->verbose, 0, "warning: --rate 0: strangers can make this machine send without limit");
	med_say(m->opts->verbose, 0,
		"ready: let UDP in at these ports, and name this machine with --mediator to adit serve");
	if (io_batch_run(m->batch) != 0) {
		med_say_error(NULL, "waiting for packets failed: %s", strerror(errno));
		return EXIT_LOCAL;
	}
	report(m);
	return m->exit_code;
}

/* False: no memory. */
static bool begin(struct med *m)
{
	struct med_mind_config cfg = {.crypto = &crypto_meet,
				      .rng = crypto_rng(),
				      .rate = m->opts->rate,
				      .lender = m->turn.lender.n_uris ? &m->turn.lender : NULL};
	struct meet_peer *slots = calloc(MEET_SLOTS_MIN, sizeof(*slots));

	m->mind = calloc(1, sizeof(*m->mind));
	if (!slots || !m->mind) {
		free(slots);
		return false;
	}
	med_mind_init(m->mind, io_clock_now(), &cfg, slots, MEET_SLOTS_MIN);
	meet_server_set_utc(&m->mind->meet, io_clock_now(), io_clock_utc());
	return true;
}

/* 0, or the exit code. */
static int load_turn(struct med *m)
{
	const char *path = m->opts->turn_secret_file;
	struct io_why why;
	unsigned mode;
	int err = med_turn_load(&m->turn, m->opts, &why);

	if (err != 0) {
		med_say_error(why.next[0] ? why.next : NULL, "%s", why.what);
		return err == ADIT_EINVAL ? EXIT_BAD : EXIT_LOCAL;
	}
	if (path && io_file_is_open(path, &mode))
		med_say(m->opts->verbose, 0, "warning: other users may read %s (mode %04o)", path, mode);
	if (path && m->turn.lender.n_hosts == 0)
		med_say(m->opts->verbose, 0,
			"warning: %s names nobody, so nothing is lent: put the \"adit id\" line of each machine that "
			"serves there",
			m->opts->turn_for);
	else if (path)
		med_say(m->opts->verbose, 0, "lending %s to who is answered by one of %zu hosts", m->opts->turns[0],
			m->turn.lender.n_hosts);
	return 0;
}

int med_run(const struct med_opts *o)
{
	static const struct io_batch_ops ops = {
		.dgram = on_dgram, .signal = on_signal, .tick = on_tick, .deadline = next_tick};
	struct med m = {.opts = o};
	int rc = load_turn(&m);

	if (rc != 0)
		return rc;
	rc = EXIT_LOCAL;
	if (!begin(&m) || io_batch_new(&ops, &m, &m.batch) != 0)
		med_say_error(NULL, "cannot begin: %s", strerror(errno));
	else
		rc = run_open(&m);
	io_batch_free(m.batch);
	if (m.mind)
		free(m.mind->meet.table.slots);
	free(m.mind);
	med_turn_done(&m.turn);
	return rc;
}
