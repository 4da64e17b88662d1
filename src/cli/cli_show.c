#include "cli/cli_show.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli_check.h"
#include "cli/cli_news.h"
#include "cli/cli_relays.h"
#include "cli/cli_run.h"
#include "cli/cli_text.h"

#define RATE_YOUNG ADIT_MS(100) /* between two questions, for a rate: less is noise, */
#define RATE_OLD   ADIT_SEC(10) /* and more is not now */
#define RATE_TOLD  1000 /* bytes a second: what keeps a path alive is less */

static size_t put(char *buf, size_t cap, size_t at, const char *fmt, va_list ap)
{
	int n = vsnprintf(buf + at, cap - at, fmt, ap);

	return n < 0 || (size_t)n >= cap - at ? cap - 1 : at + (size_t)n;
}

__attribute__((format(printf, 4, 5))) static size_t add(char *buf, size_t cap, size_t at, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	at = put(buf, cap, at, fmt, ap);
	va_end(ap);
	return at;
}

size_t cli_show_row(char *buf, size_t cap, size_t at, const char *title, const char *fmt, ...)
{
	va_list ap;

	at = add(buf, cap, at, "  %-11s ", title);
	va_start(ap, fmt);
	at = put(buf, cap, at, fmt, ap);
	va_end(ap);
	return add(buf, cap, at, "\n");
}

static bool is_connected(const struct link_status *st)
{
	return st->state == LINK_UP || st->state == LINK_OUTAGE;
}

static bool is_relayed(const struct link_status *st)
{
	return st->path.how == LINK_HOW_RELAYED;
}

/* --- the first line --- */

static size_t head_text(char *buf, size_t cap, const struct cli_show *s)
{
	const struct link_status *st = s->st;
	char since[CLI_TEXT_SPAN_LEN];
	char key[9];
	size_t at = add(buf, cap, 0, "%s%s%.60s (%d): ", s->command, s->name[0] ? " " : "", s->name, (int)getpid());

	cli_text_span(adit_time_since(s->now, st->since), since);
	switch (st->state) {
	case LINK_SEEKING:
		return add(buf, cap, at, "%s for %s\n",
			   strcmp(s->command, "serve") == 0 ? "waiting for the other side" : "looking for the peer",
			   since);
	case LINK_SECURING:
		return add(buf, cap, at, "a way is open; waiting for the peer's key for %s\n", since);
	case LINK_UP:
		return add(buf, cap, at, "connected to %s for %s, %s\n", cli_run_key(st->peer_key, key), since,
			   is_relayed(st) ? "through a relay" : "direct");
	case LINK_OUTAGE:
		return add(buf, cap, at, "no answer from %s for %s; looking for a new way\n",
			   cli_run_key(st->peer_key, key), since);
	case LINK_OVER:
		break;
	}
	return add(buf, cap, at, "ended %s ago\n", since);
}

/* --- paths and traffic --- */

static size_t path_text(char *buf, size_t cap, size_t at, const struct link_status *st)
{
	char remote[ADIT_ADDR_STRLEN];
	char rtt[24];
	char count[48] = "";

	if (st->switches > 0)
		snprintf(count, sizeof(count), "; path number %u of this session", st->switches + 1);
	return cli_show_row(buf, cap, at, "path", "%s, %s, round trip %s%s", adit_addr_format(&st->path.remote, remote),
			    cli_run_how(st->path.how), cli_run_dur(st->quic.rtt, rtt), count);
}

static struct cli_rate *rate_of(struct cli_rates *r, const char *name)
{
	struct cli_rate *of;

	for (size_t i = 0; i < CLI_SHOW_RATES_MAX; i++)
		if (r->of[i].at != 0 && strcmp(r->of[i].name, name) == 0)
			return &r->of[i];
	of = &r->of[r->next++ % CLI_SHOW_RATES_MAX];
	*of = (struct cli_rate){0};
	snprintf(of->name, sizeof(of->name), "%s", name);
	return of;
}

/* ", 8.1 MB/s", or nothing. */
static void rate_text(char *buf, size_t cap, uint64_t now, uint64_t before, adit_dur took)
{
	char bytes[CLI_TEXT_BYTES_LEN];
	double rate = now < before ? 0 : (double)(now - before) * 1e9 / (double)took;

	buf[0] = '\0';
	if (rate >= RATE_TOLD)
		snprintf(buf, cap, ", %s/s", cli_text_bytes((uint64_t)rate, bytes));
}

static size_t traffic_text(char *buf, size_t cap, size_t at, const struct cli_show *s)
{
	const struct quic_stats *q = &s->st->quic;
	struct cli_rate *before = rate_of(s->rates, s->name);
	adit_dur took = adit_time_since(s->now, before->at);
	char tx[CLI_TEXT_BYTES_LEN];
	char rx[CLI_TEXT_BYTES_LEN];
	char tx_rate[CLI_TEXT_BYTES_LEN + 8] = "";
	char rx_rate[CLI_TEXT_BYTES_LEN + 8] = "";
	char threads[32] = "";

	if (before->at != 0 && took >= RATE_YOUNG && took <= RATE_OLD) {
		rate_text(tx_rate, sizeof(tx_rate), q->tx_bytes, before->tx, took);
		rate_text(rx_rate, sizeof(rx_rate), q->rx_bytes, before->rx, took);
	}
	if (before->at == 0 || took >= RATE_YOUNG) {
		before->at = s->now;
		before->tx = q->tx_bytes;
		before->rx = q->rx_bytes;
	}
	if (s->st->connections > 1)
		snprintf(threads, sizeof(threads), " on %u threads", s->st->connections);
	return cli_show_row(buf, cap, at, "traffic", "%zu connection%s%s; sent %s%s; received %s%s", s->n_conns,
			    s->n_conns == 1 ? "" : "s", threads, cli_text_bytes(q->tx_bytes, tx), tx_rate,
			    cli_text_bytes(q->rx_bytes, rx), rx_rate);
}

/* A line for each path that stands by; of a session alone. */
static size_t standbys_text(char *buf, size_t cap, size_t at, const struct link_status *st)
{
	for (size_t i = 0; i < st->n_paths; i++) {
		const struct link_path_status *p = &st->paths[i];
		char remote[ADIT_ADDR_STRLEN];
		char age[CLI_TEXT_SPAN_LEN];
		char rtt[24];

		if (p->is_used)
			continue;
		at = cli_show_row(buf, cap, at, "stands by", "%s, %s, %s%s%s, for %s",
				  adit_addr_format(&p->info.remote, remote), cli_run_how(p->info.how),
				  p->is_lost ? "lost" : "alive", p->rtt ? ", round trip " : "",
				  p->rtt ? cli_run_dur(p->rtt, rtt) : "", cli_text_span(p->age, age));
	}
	return at;
}

/* --- who introduces, and what became of it --- */

static size_t mediator_text(char *buf, size_t cap, size_t at, const struct link_mediator *m, adit_time now)
{
	static const struct {
		const char *before;
		const char *behind;
	} words[] = {
		[LINK_MEDIATOR_ASKED] = {"asked", " ago"},
		[LINK_MEDIATOR_HELD] = {"registered for", ""},
		[LINK_MEDIATOR_MET] = {"found the peer", " ago"},
		[LINK_MEDIATOR_ABSENT] = {"has not known the peer for", ""},
		[LINK_MEDIATOR_SILENT] = {"no answer for", ""},
		[LINK_MEDIATOR_REFUSED] = {"has refused for", ""},
	};
	char since[CLI_TEXT_SPAN_LEN];

	cli_text_span(adit_time_since(now, m->since), since);
	return cli_show_row(buf, cap, at, "mediator", "%s: %s %s%s", m->name, words[m->state].before, since,
			    words[m->state].behind);
}

/* Those whose names could not be resolved yet. */
static size_t unresolved_text(char *buf, size_t cap, size_t at, const struct cli_mediators *named,
			      const struct link_status *st)
{
	for (size_t i = 0; i < named->n; i++) {
		size_t k = 0;

		while (k < st->n_mediators && strcmp(st->mediators[k].name, named->name[i]) != 0)
			k++;
		if (k == st->n_mediators)
			at = cli_show_row(buf, cap, at, "mediator", "%s: no address found yet", named->name[i]);
	}
	return at;
}

/* Without a server, while the other side is looked for. */
static size_t punching_text(char *buf, size_t cap, size_t at, const struct punch_stats *p)
{
	if (p->probes_sent == 0)
		return at;
	return cli_show_row(buf, cap, at, "punching", "%llu packets sent without a server, %llu of the peer's heard",
			    (unsigned long long)p->probes_sent, (unsigned long long)p->heard);
}

static size_t verdict_text(char *buf, size_t cap, size_t at, const struct link_status *st)
{
	enum reach_verdict v = st->reach ? reach_last_verdict(st->reach) : REACH_VERDICT_NONE;
	struct reach_desc own;
	struct reach_desc peer;

	if (v == REACH_VERDICT_NONE || (is_connected(st) && !is_relayed(st)))
		return at;
	at = cli_show_row(buf, cap, at, is_relayed(st) && is_connected(st) ? "not direct" : "not reached",
			  "%s It is tried again from time to time.", reach_verdict_text(v));
	if (v == REACH_VERDICT_NO_MEDIATOR || v == REACH_VERDICT_ABSENT)
		return at; /* nothing is known of the other side */
	reach_views(st->reach, &own, &peer);
	at = cli_show_row(buf, cap, at, "NAT here", "%s", cli_check_kind(own.kind));
	return cli_show_row(buf, cap, at, "NAT there", "%s", cli_check_kind(peer.kind));
}

static size_t tried_text(char *buf, size_t cap, size_t at, const struct reach *reach)
{
	struct reach_account a;
	char text[REACH_ACCOUNT_STRLEN];
	size_t pos = 0;

	while (reach_account(reach, &pos, &a))
		at = cli_show_row(buf, cap, at, "tried", "%s", reach_account_format(&a, text));
	return at;
}

size_t cli_show_text(char *buf, size_t cap, const struct cli_show *s)
{
	const struct link_status *st = s->st;
	char text[CLI_RELAY_STATUS_STRLEN];
	size_t at = head_text(buf, cap, s);

	if (is_connected(st)) {
		at = path_text(buf, cap, at, st);
		at = traffic_text(buf, cap, at, s);
	}
	at = standbys_text(buf, cap, at, st);
	if (cli_relays_status_text(&st->relay, s->now, text))
		at = cli_show_row(buf, cap, at, "relay", "%s", text);
	for (size_t i = 0; i < st->n_mediators; i++)
		at = mediator_text(buf, cap, at, &st->mediators[i], s->now);
	at = unresolved_text(buf, cap, at, s->named, st);
	if (st->state == LINK_SEEKING)
		at = punching_text(buf, cap, at, &st->punch);
	if (st->nat64.len > 0) {
		char prefix[ADIT_NAT64_STRLEN];

		at = cli_show_row(buf, cap, at, "NAT64", "%s leads to IPv4 here",
				  adit_nat64_format(&st->nat64, prefix));
	}
	at = verdict_text(buf, cap, at, st);
	if (s->more && st->reach)
		at = tried_text(buf, cap, at, st->reach);
	return at;
}

/* --- for programs --- */

static void standbys_json(struct cli_json *j, const struct link_status *st)
{
	cli_json_array(j, "stand_bys");
	for (size_t i = 0; i < st->n_paths; i++) {
		const struct link_path_status *p = &st->paths[i];
		char remote[ADIT_ADDR_STRLEN];

		if (p->is_used)
			continue;
		cli_json_object(j, NULL);
		cli_json_str(j, "how", link_how_name(p->info.how));
		cli_json_str(j, "remote", adit_addr_format(&p->info.remote, remote));
		cli_json_str(j, "state", p->is_lost ? "lost" : "alive");
		if (p->rtt > 0)
			cli_json_milli(j, "rtt_ms", (double)p->rtt / 1e6);
		cli_json_uint(j, "loss_per_mille", p->loss);
		cli_json_milli(j, "age_s", (double)p->age / 1e9);
		cli_json_object_end(j);
	}
	cli_json_array_end(j);
}

static void session_json(struct cli_json *j, const struct link_status *st, adit_time now)
{
	char key[9];

	cli_json_str(j, "state", link_state_name(st->state));
	cli_json_milli(j, "since_s", (double)adit_time_since(now, st->since) / 1e9);
	cli_run_path_json(j, &st->path);
	if (st->state == LINK_UP || st->state == LINK_OUTAGE) {
		cli_json_str(j, "peer_key", cli_run_key(st->peer_key, key));
		cli_json_milli(j, "quic_rtt_ms", (double)st->quic.rtt / 1e6);
		cli_json_uint(j, "tx_bytes", st->quic.tx_bytes);
		cli_json_uint(j, "rx_bytes", st->quic.rx_bytes);
		cli_json_uint(j, "lost_packets", st->quic.lost_packets);
		cli_json_uint(j, "packet_size", st->quic.max_payload);
		cli_json_str(j, "cipher", st->quic.cipher);
		cli_json_str(j, "aead", st->quic.aead);
		cli_json_uint(j, "streams", st->quic.streams);
		cli_json_uint(j, "threads", st->connections);
		cli_json_uint(j, "datagrams_lost", st->dgrams_lost + st->quic.dgrams_dropped);
	}
	cli_json_uint(j, "paths", st->generation);
	cli_json_uint(j, "switches", st->switches);
	standbys_json(j, st);
	cli_json_uint(j, "probes_sent", st->punch.probes_sent);
	cli_json_uint(j, "flows_opened", st->punch.flows_opened);
	cli_json_uint(j, "probes_heard", st->punch.heard);
	cli_json_uint(j, "replays", st->punch.replays);
	if (st->punch.ttl_known)
		cli_json_uint(j, "low_ttl", st->punch.ttl);
}

static void meeting_json(struct cli_json *j, const struct link_status *st, adit_time now)
{
	struct reach_desc own;
	struct reach_desc peer;
	struct reach_account a;
	struct reach_stats rs;
	enum reach_verdict verdict;
	char text[REACH_ACCOUNT_STRLEN];
	size_t pos = 0;

	cli_json_array(j, "mediators");
	for (size_t i = 0; i < st->n_mediators; i++) {
		const struct link_mediator *m = &st->mediators[i];

		cli_json_object(j, NULL);
		cli_json_str(j, "name", m->name);
		cli_json_str(j, "addr", adit_addr_format(&m->addr, text));
		cli_json_str(j, "state", link_mediator_state_name(m->state));
		if (m->code)
			cli_json_uint(j, "code", m->code);
		if (m->mapped.family != ADIT_FAMILY_NONE)
			cli_json_str(j, "mapped", adit_addr_format(&m->mapped, text));
		cli_json_milli(j, "since_s", (double)adit_time_since(now, m->since) / 1e9);
		cli_json_object_end(j);
	}
	cli_json_array_end(j);
	cli_relays_status_json(j, &st->relay, now);
	if (st->nat64.len > 0)
		cli_json_str(j, "nat64", adit_nat64_format(&st->nat64, text));
	if (!st->reach)
		return;
	reach_views(st->reach, &own, &peer);
	cli_news_kinds_json(j, own.kind, peer.kind);
	verdict = reach_last_verdict(st->reach);
	cli_json_str(j, "verdict", verdict == REACH_VERDICT_NONE ? NULL : reach_verdict_name(verdict));
	reach_stats(st->reach, &rs);
	cli_json_uint(j, "attempts", rs.attempts);
	cli_json_uint(j, "rounds", rs.rounds);
	cli_json_uint(j, "relay_refused", rs.relay_refused);
	cli_json_array(j, "tried");
	while (reach_account(st->reach, &pos, &a))
		cli_json_str(j, NULL, reach_account_format(&a, text));
	cli_json_array_end(j);
}

void cli_show_json(struct cli_json *j, const struct link_status *st, adit_time now)
{
	session_json(j, st, now);
	meeting_json(j, st, now);
}
