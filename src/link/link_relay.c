#include "link/link_relay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "core/stun/stun_timed.h"

/* A small datagram to a peer that the server does not let in yet. */
struct wait {
	struct adit_addr to;
	adit_time until;
	size_t len;
	uint8_t data[LINK_RELAY_WAIT_LEN];
};

struct link_relay_store {
	struct turn_set set;
	bool is_touched; /* permissions may be there now */
	bool is_ended;
	struct reach_relay reach; /* what was told last */
	struct wait waits[LINK_RELAY_WAITS];
	size_t n_waits;
	uint8_t out[LINK_RELAY_BATCH + TURN_BATCH_SEGS * TURN_OVERHEAD_MAX];
};

void link_relay_init(struct link_relay *r, const struct link_config *cfg)
{
	*r = (struct link_relay){.cfg = cfg};
}

void link_relay_done(struct link_relay *r)
{
	if (!r->store)
		return;
	turn_set_done(&r->store->set);
	adit_bytes_wipe(&r->store->set, sizeof(r->store->set));
	free(r->store);
	r->store = NULL;
}

static int store_new(struct link_relay *r, adit_time now, const struct turn_server *server)
{
	struct link_relay_store *s = calloc(1, sizeof(*s));
	struct turn_set_config cfg = {
		.servers = {*server},
		.n = 1,
		.families = TURN_V4 | TURN_V6,
		.sock = LINK_TURN_SOCKS,
		.crypto = r->cfg->crypto,
		.rng = r->cfg->rng,
		.log = r->cfg->log,
	};
	int err;

	if (!s)
		return ADIT_ENOMEM;
	cfg.out = s->out;
	cfg.out_cap = sizeof(s->out);
	err = turn_set_init(&s->set, &cfg);
	adit_bytes_wipe(&cfg.servers, sizeof(cfg.servers));
	if (err < 0) {
		free(s);
		return err;
	}
	r->store = s;
	r->info.state = LINK_RELAY_ASKED;
	r->info.since = now;
	turn_set_start(&s->set, now);
	return 0;
}

int link_relay_put(struct link_relay *r, adit_time now, size_t i, const struct turn_server *server)
{
	if (!r->store)
		return i == 0 ? store_new(r, now, server) : ADIT_EFULL;
	return turn_set_put(&r->store->set, now, i, server);
}

void link_relay_end(struct link_relay *r, adit_time now)
{
	if (!r->store || r->store->is_ended)
		return;
	r->store->is_ended = true;
	r->store->n_waits = 0;
	turn_set_end(&r->store->set, now);
}

/* --- in --- */

int link_relay_input(struct link_relay *r, adit_time now, const struct adit_dgram *d)
{
	if (!r->store)
		return ADIT_EIGNORED;
	r->store->is_touched = true;
	return turn_set_input(&r->store->set, now, d);
}

int link_relay_data(struct link_relay *r, struct adit_dgram *ret_data)
{
	if (!r->store || !turn_set_data(&r->store->set, ret_data))
		return 0;
	ret_data->sock = LINK_RELAY_SOCK;
	return 1;
}

void link_relay_icmp(struct link_relay *r, adit_time now, const struct adit_icmp *icmp)
{
	if (r->store)
		turn_set_icmp(&r->store->set, now, icmp);
}

void link_relay_sock_failed(struct link_relay *r, adit_time now, uint32_t sock)
{
	if (r->store)
		turn_set_sock_failed(&r->store->set, now, sock);
}

void link_relay_sock_up(struct link_relay *r, adit_time now, uint32_t sock)
{
	if (r->store)
		turn_set_stream_up(&r->store->set, now, sock);
}

void link_relay_sock_down(struct link_relay *r, adit_time now, uint32_t sock, const char *why)
{
	if (!r->store)
		return;
	snprintf(r->info.stream, sizeof(r->info.stream), "%s", why);
	turn_set_stream_down(&r->store->set, now, sock);
}

void link_relay_doubt(struct link_relay *r, adit_time now)
{
	if (r->store)
		turn_set_doubt(&r->store->set, now);
}

void link_relay_again(struct link_relay *r, adit_time now)
{
	if (r->store)
		turn_set_again(&r->store->set, now);
}

void link_relay_moved(struct link_relay *r, adit_time now)
{
	if (r->store)
		turn_set_moved(&r->store->set, now);
}

void link_relay_tick(struct link_relay *r, adit_time now)
{
	if (r->store)
		turn_set_tick(&r->store->set, now);
}

adit_time link_relay_deadline(const struct link_relay *r)
{
	const struct link_relay_store *s = r->store;

	return !s ? ADIT_NEVER : turn_set_deadline(&s->set);
}

/* --- out --- */

/* The oldest makes room: whoever sent it sends again. */
static void wait_add(struct link_relay_store *s, adit_time now, const struct adit_out *out)
{
	struct wait *w;

	if (out->len > LINK_RELAY_WAIT_LEN || (out->seg_size > 0 && out->seg_size < out->len))
		return;
	if (s->n_waits == LINK_RELAY_WAITS)
		memmove(&s->waits[0], &s->waits[1], --s->n_waits * sizeof(s->waits[0]));
	w = &s->waits[s->n_waits++];
	w->to = out->remote;
	w->until = adit_time_add(now, LINK_RELAY_WAIT);
	w->len = out->len;
	memcpy(w->data, out->data, out->len);
}

void link_relay_send(struct link_relay *r, adit_time now, const struct adit_out *out)
{
	struct link_relay_store *s = r->store;

	if (!s || s->is_ended)
		return;
	if (turn_set_send(&s->set, now, &out->remote, out->data, out->len, out->seg_size) == ADIT_EAGAIN)
		wait_add(s, now, out);
}

/* The first that is let in meanwhile goes out; those that have waited for too long are lost. */
static void wait_send(struct link_relay_store *s, adit_time now)
{
	size_t kept = 0;
	bool is_sent = false;

	for (size_t i = 0; i < s->n_waits; i++) {
		const struct wait *w = &s->waits[i];
		int err = ADIT_EAGAIN;

		if (!is_sent && now < w->until)
			err = turn_set_send(&s->set, now, &w->to, w->data, w->len, 0);
		is_sent |= err == 0;
		if (err == ADIT_EAGAIN && now < w->until)
			s->waits[kept++] = *w;
	}
	s->n_waits = kept;
	s->is_touched = is_sent; /* there may be another one */
}

int link_relay_output(struct link_relay *r, adit_time now, struct adit_out *ret_out)
{
	struct link_relay_store *s = r->store;

	if (!s)
		return 0;
	while (!turn_set_output(&s->set, now, ret_out)) {
		if (!s->is_touched || s->n_waits == 0)
			return 0;
		wait_send(s, now);
	}
	return 1;
}

/* --- what is new --- */

bool link_relay_is_asked(const struct link_relay *r)
{
	return r->store && turn_set_is_asking(&r->store->set);
}

static void set_state(struct link_relay *r, adit_time now, enum link_relay_state state)
{
	if (r->info.state != state)
		r->info.since = now;
	r->info.state = state;
}

static void on_ready(struct link_relay *r, adit_time now, const struct turn_set_event *e)
{
	struct link_relay_store *s = r->store;
	const struct turn *t = turn_set_active(&s->set);

	s->reach = (struct reach_relay){.sock = LINK_RELAY_SOCK, .server = e->server};
	for (unsigned f = 0; f < 2; f++) {
		const struct adit_addr *a = turn_set_relayed(&s->set, f ? ADIT_FAMILY_V6 : ADIT_FAMILY_V4);

		r->info.relayed[f] = s->reach.relayed[f] = a ? *a : (struct adit_addr){0};
	}
	if (turn_set_mapped(&s->set))
		s->reach.mapped = *turn_set_mapped(&s->set);
	r->info.transport = turn_server(t)->transport;
	r->info.why = TURN_WHY_NONE;
	r->info.code = 0;
	r->info.is_expired = false;
	set_state(r, now, LINK_RELAY_READY);
}

static bool is_expired(const struct link_relay_store *s, const struct turn_set_event *e, adit_utc utc)
{
	const char *user = turn_set_user(&s->set, &e->server);

	return e->why == TURN_WHY_CREDENTIALS && user && stun_timed_is_over(user, utc);
}

bool link_relay_news(struct link_relay *r, adit_time now, adit_utc utc, const struct reach_relay **ret_relay)
{
	struct turn_set_event e;

	while (r->store && turn_set_event(&r->store->set, &e)) {
		if (e.kind == TURN_SET_EVENT_ENDED)
			continue;
		if (e.kind == TURN_SET_EVENT_REFUSED) {
			char text[ADIT_ADDR_STRLEN];

			adit_trace(r->cfg->log, ADIT_LOG_DECIDE, "relay-refused peer=%s code=%u",
				   adit_addr_format(&e.peer, text), e.code);
			continue;
		}
		r->info.server = e.server;
		if (e.kind == TURN_SET_EVENT_READY) {
			on_ready(r, now, &e);
			*ret_relay = &r->store->reach;
			return true;
		}
		memset(r->info.relayed, 0, sizeof(r->info.relayed));
		r->info.why = e.why;
		r->info.code = e.code;
		r->info.is_expired = is_expired(r->store, &e, utc);
		set_state(r, now, e.kind == TURN_SET_EVENT_LOST ? LINK_RELAY_LOST : LINK_RELAY_FAILED);
		*ret_relay = NULL;
		return true;
	}
	return false;
}
