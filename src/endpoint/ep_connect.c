#include "endpoint/ep_connect.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "crypto/crypto.h"
#include "crypto/crypto_meet.h"
#include "endpoint/ep_flow.h"
#include "endpoint/ep_listen.h"
#include "endpoint/ep_pack.h"
#include "endpoint/ep_strands.h"
#include "io/io_clock.h"
#include "io/io_mtu.h"

#define DRAIN_EVERY_MS 20 /* how often it is looked whether what was taken has been delivered */
#define DRAIN_MAX      ADIT_SEC(30) /* ... and for how long: TimeoutStopSec= in systemd/ is longer */
#define GOODBYE_MS     1000 /* how long the last packets may take to leave */
#define UTC_EVERY_MS   10000 /* when a clock that was set, or a sleep, is noticed; each time wakes an idle session */
#define WAITING_MAX    4096 /* accepted connections that wait for stream credit or for a session */

struct ep_door {
	struct adit_list node; /* in ep_connect.doors */
	struct ep_connect *owner;
	char name[FWD_NAME_MAX + 1];
	struct ep_listen *listen; /* or */
	struct ep_flow_door *dgrams;
};

/* An accepted connection without a stream yet. */
struct waiting {
	struct adit_list node;
	char name[FWD_NAME_MAX + 1];
	int fd;
	ep_conn_ended *ended; /* of a pipe; NULL for a door's connection */
	void *ctx;
};

struct ep_connect {
	uv_loop_t *loop;
	const struct ep_connect_ops *ops;
	void *ctx;
	struct io_net *net;
	struct io_lane *lane;
	struct ep_mapped *mapped; /* NULL: none is wanted */
	struct nat_budget budget; /* of both ways to look for the peer */
	uv_timer_t utc_timer;
	uv_timer_t goodbye_timer;
	int open_timers;
	bool up;
	bool is_secured; /* and not up: streams may be opened by the name of their service */
	bool told_paused;
	_Atomic bool told_refused; /* also by a strand */
	struct fwd_service services[FWD_SERVICES_MAX];
	size_t n_services;
	struct adit_list doors;
	struct adit_list conns; /* of struct ep_conn */
	size_t n_own; /* of |conns|, without pipes */
	struct adit_list waiting;
	size_t n_waiting;
	struct ep_flow_in *flows;
	struct ep_packer packer;
	struct ep_carrier carrier;
	struct ep_strands *strands; /* NULL: one thread is all there is to be */
	struct ep_strands_pool pool;
	adit_time drain_until;
	void (*gone)(void *ctx);
	void *gone_ctx;
};

static struct link *link_of(const struct ep_connect *c)
{
	return io_lane_link(c->lane);
}

static const struct fwd_service *service_named(const struct ep_connect *c, const char *name)
{
	for (size_t i = 0; i < c->n_services; i++)
		if (strcmp(c->services[i].name, name) == 0)
			return &c->services[i];
	return NULL;
}

const struct fwd_service *ep_connect_services(const struct ep_connect *c, size_t *ret_n)
{
	*ret_n = c->n_services;
	return c->services;
}

bool ep_connect_is_up(const struct ep_connect *c)
{
	return c->up;
}

struct link *ep_connect_link(const struct ep_connect *c)
{
	return link_of(c);
}

size_t ep_connect_conns(const struct ep_connect *c)
{
	size_t n = 0;

	adit_list_each (it, &c->conns)
		n++;
	return n + ep_strands_conns(c->strands);
}

size_t ep_connect_threads(const struct ep_connect *c)
{
	return ep_strands_threads(c->strands);
}

/* --- connections --- */

/* Of a door's connection: nobody else wants to know. */
static void conn_ended(void *ctx, enum ep_end end, uint64_t code)
{
	struct ep_connect *c = ctx;

	(void)end;
	(void)code;
	c->n_own--;
}

/* As link_stream_open(), with the code of the stream's result; ENOENT: there is no such service. */
static int open_stream(struct ep_connect *c, const char *name, struct link_stream **ret_stream)
{
	const struct fwd_service *service;

	if (!c->up)
		return c->is_secured ? link_stream_open_early(link_of(c), name, ret_stream) : ADIT_EAGAIN;
	service = service_named(c, name);
	if (!service || service->kind != FWD_KIND_STREAM)
		return ADIT_ENOENT;
	return link_stream_open(link_of(c), service->id, ret_stream);
}

/* Who wants to be told of its end is a pipe, and stays here. */
static bool give_away(struct ep_connect *c, const char *name, int fd)
{
	const struct fwd_service *service = c->up && c->strands ? service_named(c, name) : NULL;

	return service && service->kind == FWD_KIND_STREAM && ep_strands_give(c->strands, service->id, fd, c->n_own);
}

/* 0: started or refused for good; EAGAIN: no credit or no session. */
static int start_conn(struct ep_connect *c, const char *name, int fd, ep_conn_ended *ended, void *ctx)
{
	struct link_stream *stream;
	int r;

	if (!ended && give_away(c, name, fd))
		return 0;
	r = open_stream(c, name, &stream);
	if (r == ADIT_EAGAIN)
		return r;
	if (r == ADIT_ENOENT) {
		ep_conn_refuse(fd);
		if (ended)
			ended(ctx, EP_END_PEER, FWD_STREAM_NO_SERVICE);
		return 0;
	}
	c->n_own += !ended;
	if (r < 0 || ep_conn_new(&c->carrier, fd, stream, &c->conns, ended ? ended : conn_ended, ended ? ctx : c) < 0) {
		if (r < 0)
			ep_conn_refuse(fd);
		c->n_own -= !ended;
		if (ended)
			ended(ctx, EP_END_SESSION, 0);
	}
	io_lane_touch(c->lane);
	return 0;
}

static void waiting_free(struct ep_connect *c, struct waiting *w)
{
	adit_list_del(&w->node);
	c->n_waiting--;
	free(w);
}

static void start_or_wait(struct ep_connect *c, const char *name, int fd, ep_conn_ended *ended, void *ctx)
{
	struct waiting *w;

	if (adit_list_is_empty(&c->waiting) && start_conn(c, name, fd, ended, ctx) == 0)
		return;
	w = c->n_waiting < WAITING_MAX ? calloc(1, sizeof(*w)) : NULL;
	if (!w) {
		ep_conn_refuse(fd);
		if (ended)
			ended(ctx, EP_END_SESSION, 0);
		return;
	}
	memcpy(w->name, name, strnlen(name, sizeof(w->name) - 1));
	w->fd = fd;
	w->ended = ended;
	w->ctx = ctx;
	c->n_waiting++;
	adit_list_push_back(&c->waiting, &w->node);
}

/* Whoever is told of an end may begin the shutdown: nothing of the list is held on to meanwhile. */
static void start_waiting(struct ep_connect *c)
{
	struct adit_list *it;

	while ((it = adit_list_first(&c->waiting)) != NULL) {
		struct waiting *w = adit_container(it, struct waiting, node);

		adit_list_del(&w->node);
		if (start_conn(c, w->name, w->fd, w->ended, w->ctx) == ADIT_EAGAIN) {
			adit_list_push_front(&c->waiting, &w->node);
			return;
		}
		waiting_free(c, w);
	}
}

static void drop_waiting(struct ep_connect *c)
{
	struct adit_list *it;

	while ((it = adit_list_first(&c->waiting)) != NULL) {
		struct waiting *w = adit_container(it, struct waiting, node);
		ep_conn_ended *ended = w->ended;
		void *ctx = w->ctx;

		ep_conn_refuse(w->fd);
		waiting_free(c, w);
		if (ended)
			ended(ctx, EP_END_SESSION, 0);
	}
}

static void door_accepted(void *ctx, int fd)
{
	struct ep_door *door = ctx;

	door->owner->told_paused = false;
	start_or_wait(door->owner, door->name, fd, NULL, NULL);
}

static void door_paused(void *ctx, int err)
{
	struct ep_door *door = ctx;

	if (!door->owner->told_paused)
		door->owner->ops->paused(door->owner->ctx, err);
	door->owner->told_paused = true;
}

static const struct ep_listen_ops door_ops = {.accepted = door_accepted, .paused = door_paused};

static bool door_service(void *ctx, uint16_t *ret_service)
{
	struct ep_door *door = ctx;
	const struct fwd_service *s = door->owner->up ? service_named(door->owner, door->name) : NULL;

	if (!s || s->kind != FWD_KIND_DGRAM)
		return false;
	*ret_service = s->id;
	return true;
}

int ep_connect_add_door(struct ep_connect *c, const char *name, bool dgram, int fd, struct ep_door **ret_door)
{
	struct ep_door *door = calloc(1, sizeof(*door));
	int r;

	if (!door) {
		close(fd);
		return ADIT_ENOMEM;
	}
	door->owner = c;
	memcpy(door->name, name, strnlen(name, sizeof(door->name) - 1));
	r = dgram ? ep_flow_door_new(c->flows, fd, door_service, door, &door->dgrams)
		  : ep_listen_new(c->loop, fd, &door_ops, door, &door->listen);
	if (r < 0) {
		free(door);
		return r;
	}
	adit_list_push_back(&c->doors, &door->node);
	*ret_door = door;
	return 0;
}

static void door_shut(struct ep_door *door)
{
	if (door->listen)
		ep_listen_close(door->listen);
	if (door->dgrams)
		ep_flow_door_close(door->dgrams);
	door->listen = NULL;
	door->dgrams = NULL;
}

void ep_connect_remove_door(struct ep_connect *c, struct ep_door *door)
{
	(void)c;
	door_shut(door);
	adit_list_del(&door->node);
	free(door);
}

bool ep_door_fits(const struct ep_connect *c, const struct ep_door *door)
{
	const struct fwd_service *s = service_named(c, door->name);

	return s && (s->kind == FWD_KIND_DGRAM) == (door->dgrams != NULL);
}

int ep_connect_pipe(struct ep_connect *c, const char *name, int fd, ep_conn_ended *ended, void *ctx)
{
	const struct fwd_service *s = service_named(c, name);

	if (!c->is_secured && (!s || s->kind != FWD_KIND_STREAM)) {
		close(fd);
		return ADIT_ENOENT;
	}
	start_or_wait(c, name, fd, ended, ctx);
	return 0;
}

/* --- the link --- */

static const struct fwd_service *service_by_id(const struct ep_connect *c, uint16_t id)
{
	for (size_t i = 0; i < c->n_services; i++)
		if (c->services[i].id == id)
			return &c->services[i];
	return NULL;
}

static void on_stream(struct ep_connect *c, const struct link_event *e)
{
	struct ep_conn *conn = link_stream_user(e->stream);
	const struct fwd_service *service = service_by_id(c, e->service);

	if (!conn)
		return;
	/* Of an early one it is not known before the welcome. */
	if (service && ep_conn_is_refused(e, &c->told_refused))
		c->ops->refused(c->ctx, service, quic_stream_error(link_stream_bytes(e->stream)));
	ep_conn_news(conn, e->news);
}

static void on_up(struct ep_connect *c, const struct link_event *e)
{
	c->up = true;
	c->is_secured = false;
	c->n_services = e->n_services;
	memcpy(c->services, e->services, e->n_services * sizeof(e->services[0]));
	ep_strands_begin(c->strands);
}

/* From a timer, so that whoever is told may free all this. */
static void on_goodbye(uv_timer_t *timer)
{
	struct ep_connect *c = timer->data;

	if (!ep_mapped_is_over(c->mapped))
		uv_timer_start(timer, on_goodbye, DRAIN_EVERY_MS, 0);
	else
		c->gone(c->gone_ctx);
}

static void lane_event(void *ctx, struct io_lane *lane, const struct link_event *e)
{
	struct ep_connect *c = ctx;

	(void)lane;
	switch (e->kind) {
	case LINK_EVENT_MEET:
		ep_mapped_heard(c->mapped, &e->meet);
		break;
	case LINK_EVENT_STREAM:
		on_stream(c, e);
		return;
	case LINK_EVENT_DGRAM:
		ep_flow_in_input(c->flows, e->service, e->flow, e->data, e->len);
		return;
	case LINK_EVENT_CREDIT:
		start_waiting(c);
		return;
	case LINK_EVENT_SECURED:
		c->is_secured = true;
		break;
	case LINK_EVENT_UP:
		on_up(c, e);
		break;
	case LINK_EVENT_DOWN:
		c->up = c->is_secured = false;
		ep_conn_lose_all(&c->conns);
		ep_strands_end(c->strands, FWD_CLOSE_DONE);
		if (c->gone) {
			uv_timer_start(&c->goodbye_timer, on_goodbye, 0, 0);
			return;
		}
		break;
	default:
		break;
	}
	c->ops->event(c->ctx, e);
	if (e->kind == LINK_EVENT_UP || e->kind == LINK_EVENT_SECURED)
		start_waiting(c);
}

static void on_utc(uv_timer_t *timer)
{
	struct ep_connect *c = timer->data;

	link_set_utc(link_of(c), io_clock_now(), io_clock_utc());
	io_lane_touch(c->lane);
	ep_mapped_look(c->mapped);
}

static int make_link(struct ep_connect *c, const struct ep_connect_config *cfg, struct link **ret_link)
{
	struct link_config lc = {
		.role = PUNCH_CONNECT,
		.crypto = &crypto_gnutls,
		.log = cfg->log,
		.rng = crypto_rng(),
		.creds = cfg->creds,
		.has_peer_key = true,
		.instance = cfg->instance,
		.pinned_port = cfg->port,
		.is_forwarded = cfg->mapped != 0,
		.budget = &c->budget,
		.clock_diff = cfg->clock_diff,
		.max_payload = io_mtu_payload(),
		.meets = cfg->meets,
		.meet_crypto = &crypto_meet,
		.memory = cfg->memory,
		.lives = cfg->lives,
		.linger = cfg->linger,
		.relay_only = cfg->relay_only,
		.direct_only = cfg->direct_only,
		.borrow = cfg->borrow,
		.compress = cfg->compress,
		.connections = cfg->threads,
	};

	memcpy(lc.k, cfg->k, sizeof(lc.k));
	memcpy(lc.secret_id, cfg->secret_id, sizeof(lc.secret_id));
	memcpy(lc.peer_key, cfg->peer_key, sizeof(lc.peer_key));
	return link_new(&lc, io_clock_now(), ret_link);
}

/* --- the mapped port --- */

static void on_map_changed(void *ctx, enum adit_family family, const struct reach_mapping *map)
{
	struct ep_connect *c = ctx;

	link_set_mapped(link_of(c), io_clock_now(), family, map);
	io_lane_touch(c->lane);
}

static void on_map_told(void *ctx, const struct ep_mapped_state *st)
{
	struct ep_connect *c = ctx;

	c->ops->mapped(c->ctx, st);
}

static const struct ep_mapped_ops mapped_ops = {.changed = on_map_changed, .told = on_map_told};

/* --- threads --- */

static void lane_touch(void *ctx)
{
	io_lane_touch(ctx);
}

static void strands_changed(void *ctx, unsigned n, const struct link_event *down)
{
	struct ep_connect *c = ctx;

	c->ops->threads(c->ctx, n, down);
}

static void strands_refused(void *ctx, uint16_t id, uint64_t code)
{
	struct ep_connect *c = ctx;
	const struct fwd_service *service = service_by_id(c, id);

	if (service)
		c->ops->refused(c->ctx, service, code);
}

static const struct ep_strands_ops strands_ops = {.changed = strands_changed, .refused = strands_refused};

static int start_streams(struct ep_connect *c, const struct ep_connect_config *cfg)
{
	struct ep_strands_config s = {
		.loop = c->loop, .lane = c->lane, .log = cfg->log, .pool = &c->pool, .refused = &c->told_refused};

	c->carrier = (struct ep_carrier){.loop = c->loop, .packer = &c->packer, .touch = lane_touch, .ctx = c->lane};
	if (cfg->threads < 2)
		return 0;
	ep_strands_pool_init(&c->pool, cfg->threads);
	return ep_strands_new(&s, &strands_ops, c, &c->strands);
}

static int start_mapped(struct ep_connect *c, const struct ep_connect_config *cfg)
{
	struct ep_mapped_config m = {
		.log = cfg->log, .asks = cfg->portmap, .port = cfg->port, .forwarded = cfg->mapped};

	return m.asks || m.forwarded ? ep_mapped_new(c->loop, &m, &mapped_ops, c, &c->mapped) : 0;
}

void ep_connect_forked(struct ep_connect *c)
{
	ep_mapped_forked(c->mapped);
}

const struct ep_mapped_state *ep_connect_mapped(const struct ep_connect *c, enum adit_family family)
{
	return ep_mapped_state(c->mapped, family);
}

int ep_connect_new(uv_loop_t *loop, const struct ep_connect_config *cfg, const struct ep_connect_ops *ops, void *ctx,
		   struct ep_connect **ret_connect)
{
	struct ep_connect *c = calloc(1, sizeof(*c));
	struct link *link = NULL;

	if (!c)
		return ADIT_ENOMEM;
	c->loop = loop;
	c->ops = ops;
	c->ctx = ctx;
	adit_list_init(&c->doors);
	adit_list_init(&c->conns);
	adit_list_init(&c->waiting);
	nat_budget_init(&c->budget);
	if (make_link(c, cfg, &link) < 0 || io_net_new(loop, cfg->log, &c->net) < 0) {
		link_free(link);
		free(c);
		return ADIT_ENOMEM;
	}
	io_net_trust(c->net, cfg->relay_ca);
	if (io_net_add(c->net, link, lane_event, c, &c->lane) < 0) {
		link_free(link);
		io_net_close(c->net);
		free(c);
		return ADIT_ENOMEM;
	}
	if (ep_flow_in_new(loop, c->lane, &c->flows) < 0 || start_streams(c, cfg) < 0 || start_mapped(c, cfg) < 0) {
		ep_strands_free(c->strands);
		ep_flow_in_free(c->flows);
		io_net_close(c->net);
		free(c);
		return ADIT_ENOMEM;
	}
	uv_timer_init(loop, &c->utc_timer);
	uv_timer_init(loop, &c->goodbye_timer);
	c->utc_timer.data = c->goodbye_timer.data = c;
	c->open_timers = 2;
	uv_timer_start(&c->utc_timer, on_utc, 0, UTC_EVERY_MS);
	link_set_utc(link, io_clock_now(), io_clock_utc());
	*ret_connect = c;
	return 0;
}

void ep_connect_set_peers(struct ep_connect *c, const struct adit_addr *peers, size_t n)
{
	link_set_peers(link_of(c), io_clock_now(), peers, n);
	io_lane_touch(c->lane);
}

void ep_connect_set_meeting(struct ep_connect *c, const struct ep_meeting *m)
{
	ep_meeting_tell(m, link_of(c), io_clock_now());
	ep_mapped_set_hosts(c->mapped, m->host, m->n_hosts);
	io_lane_touch(c->lane);
}

void ep_connect_set_relays(struct ep_connect *c, const struct ep_relays *r)
{
	ep_relays_tell(r, link_of(c), io_clock_now());
	io_lane_touch(c->lane);
}

void ep_connect_start(struct ep_connect *c)
{
	link_start(link_of(c), io_clock_now());
	io_lane_touch(c->lane);
}

static void say_goodbye(struct ep_connect *c)
{
	ep_mapped_end(c->mapped);
	link_close(link_of(c), io_clock_now(), FWD_CLOSE_DONE);
	io_lane_touch(c->lane);
	uv_timer_start(&c->goodbye_timer, on_goodbye, GOODBYE_MS, 0);
}

static void on_drain(uv_timer_t *timer)
{
	struct ep_connect *c = timer->data;
	bool is_done = ep_conn_drain_all(&c->conns);

	is_done &= ep_strands_drain(c->strands);
	if (is_done || io_clock_now() >= c->drain_until)
		say_goodbye(c);
}

void ep_connect_shutdown(struct ep_connect *c, void (*done)(void *ctx), void *ctx)
{
	c->gone = done;
	c->gone_ctx = ctx;
	c->drain_until = adit_time_add(io_clock_now(), DRAIN_MAX);
	/* Whoever added them may still remove them. */
	adit_list_each (it, &c->doors)
		door_shut(adit_container(it, struct ep_door, node));
	drop_waiting(c);
	uv_timer_start(&c->goodbye_timer, on_drain, 0, DRAIN_EVERY_MS);
}

static void on_timer_closed(uv_handle_t *h)
{
	struct ep_connect *c = h->data;

	if (--c->open_timers == 0)
		free(c);
}

void ep_connect_free(struct ep_connect *c)
{
	if (!c)
		return;
	adit_list_each_safe (it, tmp, &c->doors)
		ep_connect_remove_door(c, adit_container(it, struct ep_door, node));
	drop_waiting(c);
	ep_conn_close_all(&c->conns, FWD_STREAM_SHUTTING_DOWN);
	ep_strands_free(c->strands);
	ep_packer_done(&c->packer);
	ep_flow_in_free(c->flows);
	io_net_close(c->net);
	ep_mapped_close(c->mapped);
	uv_close((uv_handle_t *)&c->utc_timer, on_timer_closed);
	uv_close((uv_handle_t *)&c->goodbye_timer, on_timer_closed);
}
