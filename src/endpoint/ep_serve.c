#include "endpoint/ep_serve.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "crypto/crypto.h"
#include "crypto/crypto_meet.h"
#include "endpoint/ep_flow.h"
#include "endpoint/ep_pack.h"
#include "endpoint/ep_strands.h"
#include "io/io_clock.h"
#include "io/io_mtu.h"

#define DRAIN_EVERY_MS 20 /* how often it is looked whether what was taken has been delivered */
#define DRAIN_MAX      ADIT_SEC(30) /* ... and for how long: TimeoutStopSec= in systemd/ is longer */
#define GOODBYE_MS     1000 /* how long the last packets may take to leave */
#define UTC_EVERY_MS   10000 /* when a clock that was set, or a sleep, is noticed; each time wakes an idle session */

struct serve_lane {
	struct adit_list node;
	struct ep_serve *serve;
	struct ep_lane_config cfg;
	struct io_lane *io;
	struct ep_carrier carrier;
	struct ep_served served;
	struct ep_strands *strands; /* NULL: one thread is all there is to be */
	struct ep_flow_out *flows;
	struct fwd_service *offered; /* what of the services this one may use */
	size_t n_offered;
	bool closing; /* link_close() was called: goes with its DOWN */
};

struct ep_serve {
	uv_loop_t *loop;
	struct ep_serve_config cfg;
	const struct ep_serve_ops *ops;
	void *ctx;
	struct io_net *net;
	struct nat_budget budget;
	struct ep_strands_pool pool;
	struct adit_list lanes;
	struct ep_packer packer;
	uv_timer_t utc_timer;
	uv_timer_t goodbye_timer;
	int open_timers;
	struct adit_addr peers[EP_PEERS_MAX];
	size_t n_peers;
	struct ep_meeting meeting;
	struct ep_mapped *mapped; /* NULL: none is wanted */
	struct ep_relays relays;
	struct fwd_service *offered; /* all services, as the links list them; cfg.n_services */
	_Atomic bool *failed; /* as ep_served.h has it */
	adit_time drain_until;
	void (*gone)(void *ctx); /* ep_serve_shutdown() */
	void *gone_ctx;
};

/* Service numbers on the wire are the places in the list, from 1. */
static void offer(struct ep_serve *s)
{
	for (size_t i = 0; i < s->cfg.n_services; i++) {
		const struct ep_service *from = &s->cfg.services[i];
		struct fwd_service *to = &s->offered[i];

		to->id = (uint16_t)(i + 1);
		to->kind = from->target.kind == EP_UDP ? FWD_KIND_DGRAM : FWD_KIND_STREAM;
		to->port = from->target.kind == EP_UNIX ? 0 : from->target.port;
		memcpy(to->name, from->name, sizeof(from->name));
	}
}

static bool lane_may(const struct ep_lane_config *cfg, size_t i)
{
	return !cfg->is_limited || cfg->may[i];
}

/* What is not listed is not to be had: link_session.c refuses its streams, flow_target() its flows. */
static int lane_offer(struct serve_lane *lane)
{
	const struct ep_serve *s = lane->serve;

	lane->offered = calloc(s->cfg.n_services + 1, sizeof(lane->offered[0]));
	if (!lane->offered)
		return ADIT_ENOMEM;
	for (size_t i = 0; i < s->cfg.n_services; i++)
		if (lane_may(&lane->cfg, i))
			lane->offered[lane->n_offered++] = s->offered[i];
	return 0;
}

/* --- lanes --- */

static void on_goodbye(uv_timer_t *timer)
{
	struct ep_serve *s = timer->data;

	if (!ep_mapped_is_over(s->mapped))
		uv_timer_start(timer, on_goodbye, DRAIN_EVERY_MS, 0);
	else
		s->gone(s->gone_ctx);
}

static void drop_streams(struct serve_lane *lane)
{
	ep_served_drop(&lane->served);
	ep_flow_out_clear(lane->flows);
}

static void lane_free(struct serve_lane *lane)
{
	struct ep_serve *s = lane->serve;

	drop_streams(lane);
	ep_strands_free(lane->strands);
	ep_flow_out_free(lane->flows);
	io_lane_remove(lane->io);
	free(lane->offered); /* the link borrowed it */
	adit_list_del(&lane->node);
	adit_bytes_wipe(&lane->cfg, sizeof(lane->cfg));
	free(lane);
	if (s->gone && adit_list_is_empty(&s->lanes))
		uv_timer_start(&s->goodbye_timer, on_goodbye, 0, 0);
}

static void lane_event(void *ctx, struct io_lane *io, const struct link_event *e)
{
	struct serve_lane *lane = ctx;

	(void)io;
	switch (e->kind) {
	case LINK_EVENT_MEET:
		ep_mapped_heard(lane->serve->mapped, &e->meet);
		break;
	case LINK_EVENT_REQUEST:
		ep_served_request(&lane->served, e);
		return;
	case LINK_EVENT_STREAM:
		ep_served_stream(&lane->served, e);
		return;
	case LINK_EVENT_DGRAM:
		ep_flow_out_input(lane->flows, e->service, e->flow, e->data, e->len);
		return;
	case LINK_EVENT_DOWN:
		drop_streams(lane);
		ep_strands_end(lane->strands, FWD_CLOSE_DONE);
		break;
	default:
		break;
	}
	lane->serve->ops->event(lane->serve->ctx, lane->cfg.label, e);
	if (e->kind == LINK_EVENT_DOWN && lane->closing)
		lane_free(lane);
}

static int lane_link(const struct serve_lane *lane, const struct ep_lane_config *cfg, struct link **ret_link)
{
	struct ep_serve *s = lane->serve;
	struct link_config lc = {
		.role = PUNCH_SERVE,
		.crypto = &crypto_gnutls,
		.log = s->cfg.log,
		.rng = crypto_rng(),
		.creds = s->cfg.creds,
		.has_peer_key = cfg->has_peer_key,
		.single = cfg->single,
		.instance = s->cfg.instance,
		.pinned_port = s->cfg.port,
		.is_forwarded = s->cfg.mapped != 0,
		.budget = &s->budget,
		.horizon = cfg->horizon,
		.max_payload = io_mtu_payload(),
		.meets = s->cfg.meets,
		.meet_crypto = &crypto_meet,
		.memory = cfg->memory,
		.linger = s->cfg.linger,
		.compress = s->cfg.compress,
		.connections = s->cfg.threads,
		.relay_only = s->cfg.relay_only,
		.direct_only = s->cfg.direct_only,
		.services = lane->offered,
		.n_services = lane->n_offered,
	};
	int r;

	memcpy(lc.k, cfg->k, sizeof(lc.k));
	memcpy(lc.secret_id, cfg->secret_id, sizeof(lc.secret_id));
	memcpy(lc.peer_key, cfg->peer_key, sizeof(lc.peer_key));
	memcpy(lc.own_key, s->cfg.key, sizeof(lc.own_key));
	memcpy(lc.own_seed, s->cfg.seed, sizeof(lc.own_seed));
	r = link_new(&lc, io_clock_now(), ret_link);
	adit_bytes_wipe(&lc, sizeof(lc));
	return r;
}

static const struct ep_target *flow_target(void *ctx, uint16_t service)
{
	struct serve_lane *lane = ctx;
	const struct ep_service *s = ep_served_service(&lane->served, service);

	return s && s->target.kind == EP_UDP && lane_may(&lane->cfg, service - 1U) ? &s->target : NULL;
}

/* --- streams --- */

static void lane_touch(void *ctx)
{
	io_lane_touch(ctx);
}

static void target_failed(void *ctx, const struct ep_service *service, int err)
{
	struct ep_serve *s = ctx;

	s->ops->target_failed(s->ctx, service, err);
}

static void strands_changed(void *ctx, unsigned n, const struct link_event *down)
{
	struct serve_lane *lane = ctx;

	lane->serve->ops->threads(lane->serve->ctx, lane->cfg.label, n, down);
}

static void strands_failed(void *ctx, uint16_t service, int err)
{
	struct serve_lane *lane = ctx;

	target_failed(lane->serve, ep_served_service(&lane->served, service), err);
}

static const struct ep_strands_ops strands_ops = {.changed = strands_changed, .failed = strands_failed};

/* What the lane does with its streams; needs |lane->io|. */
static int lane_streams(struct serve_lane *lane)
{
	struct ep_serve *s = lane->serve;
	struct ep_strands_config cfg = {
		.loop = s->loop,
		.lane = lane->io,
		.log = s->cfg.log,
		.pool = &s->pool,
		.services = s->cfg.services,
		.n_services = s->cfg.n_services,
		.failed = s->failed,
	};

	lane->carrier =
		(struct ep_carrier){.loop = s->loop, .packer = &s->packer, .touch = lane_touch, .ctx = lane->io};
	lane->served = (struct ep_served){
		.by = &lane->carrier,
		.services = s->cfg.services,
		.n_services = s->cfg.n_services,
		.failed = s->failed,
		.target_failed = target_failed,
		.ctx = s,
	};
	ep_served_init(&lane->served);
	if (ep_flow_out_new(s->loop, lane->io, flow_target, lane, &lane->flows) < 0)
		return ADIT_ENOMEM;
	return s->cfg.threads > 1 ? ep_strands_new(&cfg, &strands_ops, lane, &lane->strands) : 0;
}

int ep_serve_lane_add(struct ep_serve *s, const struct ep_lane_config *cfg)
{
	struct serve_lane *lane = calloc(1, sizeof(*lane));
	struct link *link;

	if (!lane)
		return ADIT_ENOMEM;
	lane->serve = s;
	lane->cfg = *cfg;
	lane->cfg.memory = NULL;
	if (lane_offer(lane) < 0 || lane_link(lane, cfg, &link) < 0) {
		free(lane->offered);
		free(lane);
		return ADIT_ENOMEM;
	}
	if (io_net_add(s->net, link, lane_event, lane, &lane->io) < 0) {
		link_free(link);
		free(lane->offered);
		free(lane);
		return ADIT_ENOMEM;
	}
	if (lane_streams(lane) < 0) {
		ep_flow_out_free(lane->flows);
		io_lane_remove(lane->io);
		free(lane->offered);
		free(lane);
		return ADIT_ENOMEM;
	}
	adit_list_push_back(&s->lanes, &lane->node);
	link_set_utc(link, io_clock_now(), io_clock_utc());
	link_set_peers(link, io_clock_now(), s->peers, s->n_peers);
	ep_meeting_tell(&s->meeting, link, io_clock_now());
	ep_mapped_tell(s->mapped, link, io_clock_now());
	ep_relays_tell(&s->relays, link, io_clock_now());
	link_start(link, io_clock_now());
	return 0;
}

static struct serve_lane *lane_find(const struct ep_serve *s, const char *label)
{
	adit_list_each (it, &s->lanes) {
		struct serve_lane *lane = adit_container(it, struct serve_lane, node);

		if (!lane->closing && strcmp(lane->cfg.label, label) == 0)
			return lane;
	}
	return NULL;
}

static void lane_close(struct serve_lane *lane, uint64_t code)
{
	lane->closing = true;
	link_close(io_lane_link(lane->io), io_clock_now(), code);
	io_lane_touch(lane->io);
}

void ep_serve_lane_remove(struct ep_serve *s, const char *label, uint64_t code)
{
	struct serve_lane *lane = lane_find(s, label);

	if (lane)
		lane_close(lane, code);
}

struct link *ep_serve_link(const struct ep_serve *s, const char *label)
{
	struct serve_lane *lane = lane_find(s, label);

	return lane ? io_lane_link(lane->io) : NULL;
}

bool ep_serve_has_lane(const struct ep_serve *s, const char *label, const uint8_t *secret_id)
{
	const struct serve_lane *lane = lane_find(s, label);

	return lane && (!secret_id || memcmp(lane->cfg.secret_id, secret_id, sizeof(lane->cfg.secret_id)) == 0);
}

bool ep_serve_lane_offers(const struct ep_serve *s, const struct ep_lane_config *cfg)
{
	const struct serve_lane *lane = lane_find(s, cfg->label);

	for (size_t i = 0; lane && i < s->cfg.n_services; i++)
		if (lane_may(&lane->cfg, i) != lane_may(cfg, i))
			return false;
	return lane != NULL;
}

void ep_serve_set_peers(struct ep_serve *s, const struct adit_addr *peers, size_t n)
{
	s->n_peers = n < EP_PEERS_MAX ? n : EP_PEERS_MAX;
	memcpy(s->peers, peers, s->n_peers * sizeof(peers[0]));
	adit_list_each (it, &s->lanes) {
		struct serve_lane *lane = adit_container(it, struct serve_lane, node);

		link_set_peers(io_lane_link(lane->io), io_clock_now(), s->peers, s->n_peers);
		io_lane_touch(lane->io);
	}
}

void ep_serve_set_meeting(struct ep_serve *s, const struct ep_meeting *m)
{
	s->meeting = *m;
	ep_mapped_set_hosts(s->mapped, m->host, m->n_hosts);
	adit_list_each (it, &s->lanes) {
		struct serve_lane *lane = adit_container(it, struct serve_lane, node);

		ep_meeting_tell(m, io_lane_link(lane->io), io_clock_now());
		io_lane_touch(lane->io);
	}
}

void ep_serve_set_relays(struct ep_serve *s, const struct ep_relays *r)
{
	s->relays = *r;
	adit_list_each (it, &s->lanes) {
		struct serve_lane *lane = adit_container(it, struct serve_lane, node);

		ep_relays_tell(r, io_lane_link(lane->io), io_clock_now());
		io_lane_touch(lane->io);
	}
}

void ep_serve_each(struct ep_serve *s, void (*each)(void *ctx, const char *label, struct link *link, size_t n_conns),
		   void *ctx)
{
	adit_list_each (it, &s->lanes) {
		struct serve_lane *lane = adit_container(it, struct serve_lane, node);

		if (!lane->closing)
			each(ctx, lane->cfg.label, io_lane_link(lane->io),
			     lane->served.n_conns + ep_strands_conns(lane->strands));
	}
}

static void on_utc(uv_timer_t *timer)
{
	struct ep_serve *s = timer->data;

	ep_mapped_look(s->mapped);
	adit_list_each (it, &s->lanes) {
		struct serve_lane *lane = adit_container(it, struct serve_lane, node);

		link_set_utc(io_lane_link(lane->io), io_clock_now(), io_clock_utc());
		io_lane_touch(lane->io);
	}
}

/* --- the mapped port --- */

static void on_map_changed(void *ctx, enum adit_family family, const struct reach_mapping *map)
{
	struct ep_serve *s = ctx;

	adit_list_each (it, &s->lanes) {
		struct serve_lane *lane = adit_container(it, struct serve_lane, node);

		link_set_mapped(io_lane_link(lane->io), io_clock_now(), family, map);
		io_lane_touch(lane->io);
	}
}

static void on_map_told(void *ctx, const struct ep_mapped_state *st)
{
	struct ep_serve *s = ctx;

	s->ops->mapped(s->ctx, st);
}

static const struct ep_mapped_ops mapped_ops = {.changed = on_map_changed, .told = on_map_told};

static int start_mapped(struct ep_serve *s)
{
	struct ep_mapped_config c = {
		.log = s->cfg.log, .asks = s->cfg.portmap, .port = s->cfg.port, .forwarded = s->cfg.mapped};

	return c.asks || c.forwarded ? ep_mapped_new(s->loop, &c, &mapped_ops, s, &s->mapped) : 0;
}

const struct ep_mapped_state *ep_serve_mapped(const struct ep_serve *s, enum adit_family family)
{
	return ep_mapped_state(s->mapped, family);
}

/* --- life --- */

int ep_serve_new(uv_loop_t *loop, const struct ep_serve_config *cfg, const struct ep_serve_ops *ops, void *ctx,
		 struct ep_serve **ret_serve)
{
	struct ep_serve *s = calloc(1, sizeof(*s));

	if (!s)
		return ADIT_ENOMEM;
	s->loop = loop;
	s->cfg = *cfg;
	s->ops = ops;
	s->ctx = ctx;
	adit_list_init(&s->lanes);
	nat_budget_init(&s->budget);
	ep_strands_pool_init(&s->pool, cfg->threads);
	s->offered = calloc(cfg->n_services, sizeof(s->offered[0]));
	s->failed = calloc(cfg->n_services, sizeof(s->failed[0]));
	if (!s->offered || !s->failed || start_mapped(s) < 0 || io_net_new(loop, cfg->log, &s->net) < 0) {
		ep_mapped_close(s->mapped);
		free(s->offered);
		free(s->failed);
		free(s);
		return ADIT_ENOMEM;
	}
	io_net_trust(s->net, cfg->relay_ca);
	offer(s);
	uv_timer_init(loop, &s->utc_timer);
	uv_timer_init(loop, &s->goodbye_timer);
	s->utc_timer.data = s->goodbye_timer.data = s;
	s->open_timers = 2;
	uv_timer_start(&s->utc_timer, on_utc, UTC_EVERY_MS, UTC_EVERY_MS);
	*ret_serve = s;
	return 0;
}

static void say_goodbye(struct ep_serve *s)
{
	ep_mapped_end(s->mapped);
	adit_list_each (it, &s->lanes) {
		struct serve_lane *lane = adit_container(it, struct serve_lane, node);

		if (!lane->closing)
			lane_close(lane, FWD_CLOSE_SHUTTING_DOWN);
	}
	uv_timer_start(&s->goodbye_timer, on_goodbye, adit_list_is_empty(&s->lanes) ? 0 : GOODBYE_MS, 0);
}

static void on_drain(uv_timer_t *timer)
{
	struct ep_serve *s = timer->data;
	bool is_done = true;

	adit_list_each (it, &s->lanes) {
		struct serve_lane *lane = adit_container(it, struct serve_lane, node);

		is_done &= ep_conn_drain_all(&lane->served.conns);
		is_done &= ep_strands_drain(lane->strands);
	}
	if (is_done || io_clock_now() >= s->drain_until)
		say_goodbye(s);
}

void ep_serve_shutdown(struct ep_serve *s, void (*done)(void *ctx), void *ctx)
{
	s->gone = done;
	s->gone_ctx = ctx;
	s->drain_until = adit_time_add(io_clock_now(), DRAIN_MAX);
	uv_timer_start(&s->goodbye_timer, on_drain, 0, DRAIN_EVERY_MS);
}

static void on_timer_closed(uv_handle_t *h)
{
	struct ep_serve *s = h->data;

	if (--s->open_timers == 0)
		free(s);
}

void ep_serve_free(struct ep_serve *s)
{
	if (!s)
		return;
	s->gone = NULL;
	adit_list_each_safe (it, tmp, &s->lanes)
		lane_free(adit_container(it, struct serve_lane, node));
	io_net_close(s->net);
	ep_mapped_close(s->mapped);
	ep_packer_done(&s->packer);
	free(s->offered);
	free(s->failed);
	adit_bytes_wipe(s->cfg.seed, sizeof(s->cfg.seed));
	adit_bytes_wipe(&s->relays, sizeof(s->relays));
	uv_close((uv_handle_t *)&s->utc_timer, on_timer_closed);
	uv_close((uv_handle_t *)&s->goodbye_timer, on_timer_closed);
}
