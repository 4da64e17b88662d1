#include "sim_peer.h"

#include <stdlib.h>
#include <string.h>

#include "crypto/crypto.h"

/* First bytes that are not STUN's (0-3). */
#define DATA 0x40
#define ECHO 0x41

/* Nothing has happened yet. */
static void forget(struct sim_peer *p)
{
	p->started_at = p->valid_at = p->stuck_at = p->met_at = p->lost_at = p->echo_at = ADIT_NEVER;
	p->known_n = 0;
	p->has_path = p->is_lost = p->owes_echo = false;
	p->close_sock = 0;
}

int sim_peer_init_engine(struct sim_peer *p, struct lab_sim *s, struct lab_host *h, enum punch_role role,
			 const uint8_t k[32], const struct sim_engine *engine)
{
	*p = (struct sim_peer){
		.engine = engine,
		.sim = s,
		.host = h,
		.data_every = ADIT_MS(100),
	};
	forget(p);
	p->path = malloc(sizeof(*p->path));
	if (!p->path)
		return ADIT_ENOMEM;
	p->cfg = (struct punch_config){
		.role = role,
		.crypto = &crypto_gnutls,
		.rng = adit_rng_seeded_init(&p->rng_state, lab_sim_seed(s)),
		.low_ttl = true,
	};
	memcpy(p->cfg.k, k, 32);
	return 0;
}

void sim_peer_done(struct sim_peer *p)
{
	free(p->punch);
	free(p->store);
	free(p->path);
}

static bool is_path(const struct sim_peer *p, uint32_t sock, const struct adit_addr *remote)
{
	return p->has_path && p->sock == sock && adit_addr_eq(punch_path_remote(p->path), remote);
}

static const struct sim_known *find_known(const struct sim_peer *p, uint32_t sock, const struct adit_addr *remote)
{
	size_t n = p->known_n < SIM_KNOWN_MAX ? p->known_n : SIM_KNOWN_MAX;

	for (size_t i = 0; i < n; i++)
		if (p->known[i].sock == sock && adit_addr_eq(&p->known[i].remote, remote))
			return &p->known[i];
	return NULL;
}

static void add_known(struct sim_peer *p, uint32_t sock, const struct adit_addr *remote, uint64_t instance)
{
	struct sim_known *k = (struct sim_known *)find_known(p, sock, remote);

	if (!k)
		k = &p->known[p->known_n++ % SIM_KNOWN_MAX];
	*k = (struct sim_known){.sock = sock, .remote = *remote, .instance = instance};
}

#define CHALLENGE_EVERY ADIT_MS(100)

/* The path over |sock| to |remote| is the one in use from now on. */
static void use_path(struct sim_peer *p, adit_time now, uint32_t sock, const struct adit_addr *local,
		     const struct adit_addr *remote, uint64_t instance)
{
	bool same_sock = p->has_path && p->sock == sock;

	if (!same_sock && p->engine->take(p, now, sock) < 0)
		return;
	if (p->has_path && !same_sock)
		p->close_sock = p->sock + 1;
	p->has_path = true;
	p->is_lost = false;
	p->sock = sock;
	p->paths++;
	p->is_confirmed = p->cfg.role == PUNCH_SERVE;
	punch_path_init(p->path, &p->cfg, now, sock, local, remote, instance);
	punch_path_set_utc(p->path, now, p->utc + (now - p->utc_at));
	p->data_at = p->is_confirmed && p->data_every == ADIT_NEVER ? ADIT_NEVER : now;
	p->engine->rest(p, now);
}

static void data_input(struct sim_peer *p, adit_time now, const struct adit_dgram *d)
{
	const struct sim_known *k;

	if (!is_path(p, d->sock, &d->remote) && p->cfg.role == PUNCH_SERVE &&
	    (k = find_known(p, d->sock, &d->remote)) != NULL)
		use_path(p, now, d->sock, &d->local, &d->remote, k->instance);
	if (!is_path(p, d->sock, &d->remote))
		return;
	punch_path_heard(p->path, now);
	if (d->data[0] == DATA) {
		p->owes_echo = true;
		p->echo = *d;
		return;
	}
	p->echoes++;
	if (!p->is_confirmed) {
		p->is_confirmed = true;
		p->data_at = adit_time_add(now, p->data_every);
	}
	p->echo_at = lab_sim_now(p->sim);
	if (p->met_at == ADIT_NEVER)
		p->met_at = p->echo_at;
}

static void peer_input(void *self, adit_time now, const struct adit_dgram *d)
{
	struct sim_peer *p = self;
	int r = ADIT_EIGNORED;

	if (d->len > 0 && d->data[0] >= DATA) {
		data_input(p, now, d);
		return;
	}
	if (p->has_path && p->sock == d->sock)
		r = punch_path_input(p->path, now, d);
	if (r == ADIT_EIGNORED)
		(void)p->engine->input(p, now, d);
}

static void peer_icmp(void *self, adit_time now, const struct adit_icmp *icmp)
{
	struct sim_peer *p = self;

	p->engine->icmp(p, now, icmp);
}

static void peer_sock_failed(void *self, adit_time now, uint32_t sock)
{
	struct sim_peer *p = self;

	p->engine->sock_failed(p, now, sock);
}

static void peer_tick(void *self, adit_time now)
{
	struct sim_peer *p = self;

	p->engine->tick(p, now);
	if (p->has_path)
		punch_path_tick(p->path, now);
}

static void peer_set_utc(void *self, adit_time now, adit_utc utc)
{
	struct sim_peer *p = self;

	p->utc = utc;
	p->utc_at = now;
	p->engine->set_utc(p, now, utc);
	if (p->has_path)
		punch_path_set_utc(p->path, now, utc);
}

static adit_time peer_deadline(const void *self)
{
	const struct sim_peer *p = self;
	adit_time at = p->engine->deadline(p);

	if (!p->has_path)
		return at;
	at = adit_time_min(at, punch_path_deadline(p->path));
	return p->is_lost ? at : adit_time_min(at, p->data_at);
}

static void fill_data(struct sim_peer *p, uint8_t kind, uint32_t sock, const struct adit_addr *remote,
		      struct adit_out *ret_out)
{
	p->out[0] = kind;
	*ret_out = (struct adit_out){
		.kind = ADIT_OUT_SEND, .sock = sock, .remote = *remote, .data = p->out, .len = sizeof(p->out)};
}

static int peer_output(void *self, adit_time now, struct adit_out *ret_out)
{
	struct sim_peer *p = self;

	if (p->close_sock) {
		*ret_out = (struct adit_out){.kind = ADIT_OUT_CLOSE, .sock = p->close_sock - 1};
		p->close_sock = 0;
		return 1;
	}
	if (p->owes_echo) {
		p->owes_echo = false;
		fill_data(p, ECHO, p->echo.sock, &p->echo.remote, ret_out);
		return 1;
	}
	if (p->has_path && !p->is_lost && now >= p->data_at) {
		p->data_at = adit_time_add(now, p->is_confirmed ? p->data_every : CHALLENGE_EVERY);
		punch_path_sent(p->path, now);
		fill_data(p, DATA, p->sock, punch_path_remote(p->path), ret_out);
		return 1;
	}
	if (p->engine->output(p, now, ret_out))
		return 1;
	return p->has_path && punch_path_output(p->path, now, ret_out);
}

static void on_found(struct sim_peer *p, adit_time now, const struct sim_found *f)
{
	if (f->kind == SIM_FOUND_NOTHING)
		return;
	add_known(p, f->sock, &f->remote, f->instance);
	if (f->kind != SIM_FOUND_VALID)
		return;
	if (p->valid_at == ADIT_NEVER)
		p->valid_at = lab_sim_now(p->sim);
	if (p->cfg.role == PUNCH_CONNECT && (!p->has_path || p->is_lost))
		use_path(p, now, f->sock, &f->local, &f->remote, f->instance);
}

static void on_path(struct sim_peer *p, adit_time now, const struct punch_path_event *ev)
{
	switch (ev->kind) {
	case PUNCH_PATH_EVENT_LOST:
		p->is_lost = true;
		p->losses++;
		p->lost_at = lab_sim_now(p->sim);
		p->valid_at = ADIT_NEVER;
		p->engine->start(p, now);
		break;
	case PUNCH_PATH_EVENT_BACK:
		p->is_lost = false;
		p->data_at = p->data_every == ADIT_NEVER ? ADIT_NEVER : now;
		p->engine->rest(p, now);
		break;
	case PUNCH_PATH_EVENT_HEARD:
	case PUNCH_PATH_EVENT_MOVED:
		add_known(p, p->sock, &ev->remote, ev->instance);
		break;
	case PUNCH_PATH_EVENT_RESTARTED:
		/* The session is gone over there: seek the new one. */
		p->has_path = false;
		p->close_sock = p->sock + 1;
		p->valid_at = p->met_at = ADIT_NEVER;
		p->engine->start(p, now);
		break;
	}
}

static bool peer_events(void *ctx, adit_time now)
{
	struct sim_peer *p = ctx;
	struct punch_path_event path_ev;
	struct sim_found found;
	bool any = false;

	for (; p->engine->event(p, now, &found); any = true)
		on_found(p, now, &found);
	for (; p->has_path && punch_path_event(p->path, &path_ev); any = true)
		on_path(p, now, &path_ev);
	return any;
}

static const struct adit_machine_ops peer_ops = {
	.input = peer_input,
	.icmp = peer_icmp,
	.sock_failed = peer_sock_failed,
	.tick = peer_tick,
	.set_utc = peer_set_utc,
	.deadline = peer_deadline,
	.output = peer_output,
};

void sim_peer_start(void *ctx)
{
	struct sim_peer *p = ctx;
	adit_time now = lab_host_now(p->host);

	p->cfg.instance = adit_rng_u64(&p->cfg.rng);
	forget(p);
	p->started_at = lab_sim_now(p->sim);
	punch_replay_init(&p->replay);
	p->cfg.replay = &p->replay;
	p->engine->begin(p, now);
	p->machine = lab_machine_new(p->host, &peer_ops, p, peer_events, p);
	if (!p->machine)
		abort();
	p->engine->start(p, now);
	lab_machine_wake(p->machine);
}

/* ---- core/punch ---- */

static void begin(struct sim_peer *p, adit_time now)
{
	punch_init(p->punch, &p->cfg, now);
	punch_lend(p->punch, p->store);
	punch_set_peers(p->punch, now, &p->other, 1);
}

static void start(struct sim_peer *p, adit_time now)
{
	punch_start(p->punch, now);
}

static void rest(struct sim_peer *p, adit_time now)
{
	punch_rest(p->punch, now);
}

static int take(struct sim_peer *p, adit_time now, uint32_t sock)
{
	(void)now;
	return punch_take(p->punch, sock);
}

static int input(struct sim_peer *p, adit_time now, const struct adit_dgram *d)
{
	return punch_input(p->punch, now, d);
}

static void icmp(struct sim_peer *p, adit_time now, const struct adit_icmp *what)
{
	punch_icmp(p->punch, now, what);
}

static void sock_failed(struct sim_peer *p, adit_time now, uint32_t sock)
{
	punch_sock_failed(p->punch, now, sock);
}

static void tick(struct sim_peer *p, adit_time now)
{
	punch_tick(p->punch, now);
}

static void set_utc(struct sim_peer *p, adit_time now, adit_utc utc)
{
	punch_set_utc(p->punch, now, utc);
}

static adit_time deadline(const struct sim_peer *p)
{
	return punch_deadline(p->punch);
}

static int output(struct sim_peer *p, adit_time now, struct adit_out *ret_out)
{
	return punch_output(p->punch, now, ret_out);
}

static bool event(struct sim_peer *p, adit_time now, struct sim_found *ret_found)
{
	struct punch_event ev;

	(void)now;
	if (!punch_event(p->punch, &ev))
		return false;
	*ret_found =
		(struct sim_found){.sock = ev.sock, .local = ev.local, .remote = ev.remote, .instance = ev.instance};
	switch (ev.kind) {
	case PUNCH_EVENT_HEARD:
		ret_found->kind = SIM_FOUND_HEARD;
		break;
	case PUNCH_EVENT_VALID:
		ret_found->kind = SIM_FOUND_VALID;
		if (p->valid_at == ADIT_NEVER) {
			p->how = ev.how;
			p->clock_diff = ev.clock_diff;
		}
		break;
	case PUNCH_EVENT_STUCK:
		ret_found->kind = SIM_FOUND_NOTHING;
		p->stuck_at = lab_sim_now(p->sim);
		break;
	}
	return true;
}

static const struct sim_engine punch_engine = {
	.begin = begin,
	.start = start,
	.rest = rest,
	.take = take,
	.input = input,
	.icmp = icmp,
	.sock_failed = sock_failed,
	.tick = tick,
	.set_utc = set_utc,
	.deadline = deadline,
	.output = output,
	.event = event,
};

int sim_peer_init(struct sim_peer *p, struct lab_sim *s, struct lab_host *h, enum punch_role role, const uint8_t k[32],
		  const struct adit_addr *other, uint16_t pinned_port)
{
	int r = sim_peer_init_engine(p, s, h, role, k, &punch_engine);

	p->other = *other;
	p->cfg.pinned_port = pinned_port;
	p->punch = malloc(sizeof(*p->punch));
	p->store = malloc(sizeof(*p->store));
	return p->punch && p->store ? r : ADIT_ENOMEM;
}

void sim_peer_kill(struct sim_peer *p)
{
	lab_machine_free(p->machine);
	p->machine = NULL;
}

void sim_peer_set_pace(struct sim_peer *p, adit_dur data_every)
{
	adit_time now = lab_host_now(p->host);

	p->data_every = data_every;
	p->data_at = data_every == ADIT_NEVER ? ADIT_NEVER : adit_time_add(now, data_every);
	lab_machine_wake(p->machine);
}
