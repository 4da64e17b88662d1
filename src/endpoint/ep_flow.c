#include "endpoint/ep_flow.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/fwd/fwd_flow.h"
#include "crypto/crypto.h"
#include "io/io_clock.h"
#include "io/io_sockaddr.h"

#define READS_PER_TURN  32 /* datagrams of one socket before the others get their turn */
#define EXPIRE_EVERY_MS 5000 /* idle flows may live this much longer */

/* A table made when the first flow comes: most sessions have none. */
struct flows {
	struct fwd_flow_table table;
	struct fwd_flow *storage;
};

static int flows_need(struct flows *f)
{
	struct adit_rng rng = crypto_rng();

	if (f->storage)
		return 0;
	f->storage = calloc(EP_FLOWS_MAX, sizeof(f->storage[0]));
	if (!f->storage)
		return ADIT_ENOMEM;
	fwd_flow_table_init(&f->table, f->storage, EP_FLOWS_MAX, FWD_FLOW_IDLE, &rng);
	return 0;
}

/* From the first flow, or its door, on: who has none is not woken. */
static void flows_watch(uv_timer_t *timer, uv_timer_cb expire)
{
	if (!uv_is_active((uv_handle_t *)timer))
		uv_timer_start(timer, expire, EXPIRE_EVERY_MS, EXPIRE_EVERY_MS);
}

/* --- serve side --- */

struct ep_flow_out {
	uv_loop_t *loop;
	struct io_lane *lane;
	ep_flow_target *target;
	void *ctx;
	struct flows flows;
	uv_timer_t timer;
};

/* One flow's socket. */
struct out_sock {
	uv_poll_t poll; /* first: its close callback gets this pointer */
	struct ep_flow_out *owner;
	struct fwd_flow *flow;
	int fd;
};

static void free_handle(uv_handle_t *h)
{
	free(h);
}

static void out_sock_close(struct out_sock *s)
{
	uv_poll_stop(&s->poll);
	close(s->fd);
	uv_close((uv_handle_t *)&s->poll, free_handle);
}

static void out_readable(uv_poll_t *poll, int status, int events)
{
	struct out_sock *s = (struct out_sock *)poll;
	struct link *link = io_lane_link(s->owner->lane);
	uint8_t payload[FWD_PAYLOAD_MAX + 1];

	(void)events;
	for (int i = 0; i < READS_PER_TURN; i++) {
		ssize_t n = recv(s->fd, payload, sizeof(payload), 0);

		if (n < 0)
			break; /* also the target's ICMP refusal: the next payload asks it again */
		fwd_flow_touch(&s->owner->flows.table, s->flow, io_clock_now());
		if (link_dgram_send(link, s->flow->service, s->flow->id, payload, (size_t)n) < 0)
			break; /* dropped and counted, as UDP may be */
	}
	if (status < 0)
		uv_poll_start(&s->poll, UV_READABLE, out_readable);
	io_lane_touch(s->owner->lane);
}

static int connect_to(const struct adit_addr *a)
{
	struct sockaddr_storage ss;
	socklen_t len = io_sockaddr_from(a, &ss);
	int fd = socket(ss.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd >= 0 && connect(fd, (struct sockaddr *)&ss, len) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static struct out_sock *out_sock_new(struct ep_flow_out *f, const struct ep_target *t)
{
	struct out_sock *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->owner = f;
	s->fd = connect_to(&t->addr);
	if (s->fd < 0 || uv_poll_init(f->loop, &s->poll, s->fd) < 0) {
		if (s->fd >= 0)
			close(s->fd);
		free(s);
		return NULL;
	}
	uv_poll_start(&s->poll, UV_READABLE, out_readable);
	return s;
}

static void out_expire(uv_timer_t *timer)
{
	struct ep_flow_out *f = timer->data;
	void *user;

	while (f->flows.storage && fwd_flow_expire(&f->flows.table, io_clock_now(), &user))
		out_sock_close(user);
}

static struct fwd_flow *out_flow(struct ep_flow_out *f, uint16_t service, uint32_t id)
{
	const struct ep_target *t = f->target(f->ctx, service);
	struct fwd_flow *flow;
	struct out_sock *s;
	void *evicted;

	if (!t || t->addr.family == ADIT_FAMILY_NONE || flows_need(&f->flows) < 0)
		return NULL;
	flow = fwd_flow_by_id(&f->flows.table, service, id);
	if (flow)
		return flow;
	s = out_sock_new(f, t);
	if (!s)
		return NULL;
	s->flow = fwd_flow_add_id(&f->flows.table, io_clock_now(), service, id, s, &evicted);
	if (evicted)
		out_sock_close(evicted);
	flows_watch(&f->timer, out_expire);
	return s->flow;
}

void ep_flow_out_input(struct ep_flow_out *f, uint16_t service, uint32_t id, const uint8_t *data, size_t len)
{
	struct fwd_flow *flow = out_flow(f, service, id);

	if (!flow)
		return;
	fwd_flow_touch(&f->flows.table, flow, io_clock_now());
	(void)!send(((struct out_sock *)flow->user)->fd, data, len, MSG_NOSIGNAL); /* lost, as UDP may be */
}

void ep_flow_out_clear(struct ep_flow_out *f)
{
	void *user;

	while (f->flows.storage && fwd_flow_expire(&f->flows.table, ADIT_NEVER, &user))
		out_sock_close(user);
}

int ep_flow_out_new(uv_loop_t *loop, struct io_lane *lane, ep_flow_target *target, void *ctx,
		    struct ep_flow_out **ret_flows)
{
	struct ep_flow_out *f = calloc(1, sizeof(*f));

	if (!f)
		return ADIT_ENOMEM;
	f->loop = loop;
	f->lane = lane;
	f->target = target;
	f->ctx = ctx;
	uv_timer_init(loop, &f->timer);
	f->timer.data = f;
	*ret_flows = f;
	return 0;
}

static void out_closed(uv_handle_t *h)
{
	free(h->data);
}

void ep_flow_out_free(struct ep_flow_out *f)
{
	if (!f)
		return;
	ep_flow_out_clear(f);
	free(f->flows.storage);
	uv_close((uv_handle_t *)&f->timer, out_closed);
}

/* --- connect side --- */

struct ep_flow_in {
	uv_loop_t *loop;
	struct io_lane *lane;
	struct flows flows;
	uv_timer_t timer;
};

struct ep_flow_door {
	uv_poll_t poll; /* first: its close callback gets this pointer */
	struct ep_flow_in *owner;
	int fd;
	ep_flow_service *service;
	void *ctx;
};

/* The flow of |from| through |d|. Another door's flow of the same sender and service gives way. */
static struct fwd_flow *in_flow(struct ep_flow_door *d, uint16_t service, const struct adit_addr *from)
{
	struct fwd_flow_table *t = &d->owner->flows.table;
	struct fwd_flow *flow = fwd_flow_by_addr(t, service, from);
	void *evicted;

	if (flow && flow->user == d)
		return flow;
	if (flow)
		fwd_flow_remove(t, flow);
	return fwd_flow_add_addr(t, io_clock_now(), service, from, d, &evicted);
}

static void door_readable(uv_poll_t *poll, int status, int events)
{
	struct ep_flow_door *d = (struct ep_flow_door *)poll;
	struct link *link = io_lane_link(d->owner->lane);
	uint8_t payload[FWD_PAYLOAD_MAX + 1];
	uint16_t service;

	(void)events;
	for (int i = 0; i < READS_PER_TURN; i++) {
		struct sockaddr_storage ss;
		socklen_t ss_len = sizeof(ss);
		ssize_t n = recvfrom(d->fd, payload, sizeof(payload), 0, (struct sockaddr *)&ss, &ss_len);
		struct adit_addr from;
		struct fwd_flow *flow;

		if (n < 0)
			break;
		if (!d->service(d->ctx, &service))
			continue;
		from = io_sockaddr_to((struct sockaddr *)&ss);
		flow = in_flow(d, service, &from);
		fwd_flow_touch(&d->owner->flows.table, flow, io_clock_now());
		if (link_dgram_send(link, service, flow->id, payload, (size_t)n) < 0)
			break;
	}
	if (status < 0)
		uv_poll_start(&d->poll, UV_READABLE, door_readable);
	io_lane_touch(d->owner->lane);
}

void ep_flow_in_input(struct ep_flow_in *f, uint16_t service, uint32_t id, const uint8_t *data, size_t len)
{
	struct fwd_flow *flow = f->flows.storage ? fwd_flow_by_id(&f->flows.table, service, id) : NULL;
	struct sockaddr_storage ss;
	socklen_t ss_len;

	if (!flow)
		return; /* idle for too long: whoever asked has gone */
	fwd_flow_touch(&f->flows.table, flow, io_clock_now());
	ss_len = io_sockaddr_from(&flow->addr, &ss);
	(void)!sendto(((struct ep_flow_door *)flow->user)->fd, data, len, MSG_NOSIGNAL, (struct sockaddr *)&ss, ss_len);
}

static void in_expire(uv_timer_t *timer)
{
	struct ep_flow_in *f = timer->data;
	void *user;

	while (f->flows.storage && fwd_flow_expire(&f->flows.table, io_clock_now(), &user))
		;
}

int ep_flow_in_new(uv_loop_t *loop, struct io_lane *lane, struct ep_flow_in **ret_flows)
{
	struct ep_flow_in *f = calloc(1, sizeof(*f));

	if (!f)
		return ADIT_ENOMEM;
	f->loop = loop;
	f->lane = lane;
	uv_timer_init(loop, &f->timer);
	f->timer.data = f;
	*ret_flows = f;
	return 0;
}

static void in_closed(uv_handle_t *h)
{
	free(h->data);
}

void ep_flow_in_free(struct ep_flow_in *f)
{
	if (!f)
		return;
	free(f->flows.storage);
	uv_close((uv_handle_t *)&f->timer, in_closed);
}

int ep_flow_door_new(struct ep_flow_in *f, int fd, ep_flow_service *service, void *ctx, struct ep_flow_door **ret_door)
{
	struct ep_flow_door *d = calloc(1, sizeof(*d));

	if (!d || flows_need(&f->flows) < 0 || uv_poll_init(f->loop, &d->poll, fd) < 0) {
		close(fd);
		free(d);
		return ADIT_ENOMEM;
	}
	d->owner = f;
	d->fd = fd;
	d->service = service;
	d->ctx = ctx;
	uv_poll_start(&d->poll, UV_READABLE, door_readable);
	flows_watch(&f->timer, in_expire);
	*ret_door = d;
	return 0;
}

void ep_flow_door_close(struct ep_flow_door *d)
{
	struct fwd_flow_table *t = &d->owner->flows.table;

	adit_list_each_safe (it, tmp, &t->busy) {
		struct fwd_flow *flow = adit_container(it, struct fwd_flow, node);

		if (flow->user == d)
			fwd_flow_remove(t, flow);
	}
	uv_poll_stop(&d->poll);
	close(d->fd);
	uv_close((uv_handle_t *)&d->poll, free_handle);
}
