#include "io/io_net.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "io/io_clock.h"
#include "io/io_heap.h"
#include "io/io_nat64.h"
#include "io/io_sock.h"
#include "io/io_timer.h"
#include "io/io_turn_tcp.h"
#include "io/io_udp.h"

#define OUTPUTS_PER_TURN 32 /* sends of one lane before the others and the reads get their turn */
#define OUTPUTS_AT_ONCE  2 /* sends before events: half of what a stream holds unsent */
#define PORT_BUCKETS     256 /* of sockets by their port: thousands of lanes have several thousand */

/* One of the system's sockets, used by one lane or more; a connection by just one. */
struct net_sock {
	struct adit_list node; /* in one of io_net.socks; a connection's in none */
	struct io_net *net;
	struct io_udp *udp; /* NULL: it is a connection ... */
	struct io_turn_tcp *tcp; /* ... to |remote| */
	struct adit_addr remote;
	enum adit_family family;
	struct adit_list users; /* of struct lane_sock, by_sock */
};

/* A lane's number for a socket. */
struct lane_sock {
	struct adit_list by_lane;
	struct adit_list by_sock;
	struct io_lane *lane;
	struct net_sock *sock;
	uint32_t nr;
};

struct io_lane {
	struct adit_list node; /* in io_net.lanes */
	struct adit_list turn; /* in io_net.touched: is to be run */
	struct io_heap_node due; /* in io_net.due, since it was run for the first time */
	struct io_net *net;
	struct link *link;
	io_lane_event *event;
	void *ctx;
	const struct io_lane_strands *strands; /* NULL: there are none */
	void *strands_ctx;
	struct adit_list socks; /* of struct lane_sock, by_lane */
	bool blocked; /* |pending| waits for its socket */
	bool removed; /* freed at the end of the turn */
	struct adit_out pending;
	uint8_t *pending_data; /* IO_SOCK_BATCH_MAX bytes, made when first needed */
};

struct io_net {
	uv_prepare_t prepare;
	uv_idle_t idle;
	int open_handles;
	const struct adit_log *log;
	const char *ca_file;
	uv_loop_t *loop;
	struct io_timer *timer;
	struct io_nat64 *nat64;
	struct adit_list lanes;
	size_t n_lanes;
	struct adit_list touched; /* of them; by their |turn| */
	struct io_heap due; /* of them, by their deadlines */
	struct adit_list socks[PORT_BUCKETS];
	bool running;
};

static void idle_tick(uv_idle_t *idle)
{
	(void)idle; /* its only work is that the loop does not sleep */
}

void io_lane_touch(struct io_lane *lane)
{
	if (!adit_list_is_linked(&lane->turn))
		adit_list_push_back(&lane->net->touched, &lane->turn);
	if (!lane->net->running)
		uv_idle_start(&lane->net->idle, idle_tick);
}

struct link *io_lane_link(const struct io_lane *lane)
{
	return lane->link;
}

static void strands_dgrams(struct io_lane *lane)
{
	struct link_strand_dgram d;

	while (link_strand_input(lane->link, &d))
		lane->strands->dgram(lane->strands_ctx, &d);
}

static void sock_dgram(void *ctx, struct adit_dgram *d)
{
	struct net_sock *s = ctx;
	adit_time now = io_clock_now();

	adit_list_each (it, &s->users) {
		struct lane_sock *ls = adit_container(it, struct lane_sock, by_sock);

		if (ls->lane->removed)
			continue;
		d->sock = ls->nr;
		if (link_input(ls->lane->link, now, d) != ADIT_EIGNORED) {
			if (ls->lane->strands)
				strands_dgrams(ls->lane);
			io_lane_touch(ls->lane);
			return;
		}
	}
}

static void sock_icmp(void *ctx, struct adit_icmp *icmp)
{
	struct net_sock *s = ctx;
	adit_time now = io_clock_now();

	adit_list_each (it, &s->users) {
		struct lane_sock *ls = adit_container(it, struct lane_sock, by_sock);

		if (ls->lane->removed)
			continue;
		icmp->sock = ls->nr;
		link_icmp(ls->lane->link, now, icmp);
		io_lane_touch(ls->lane);
	}
}

static void sock_writable(void *ctx)
{
	struct net_sock *s = ctx;

	adit_list_each (it, &s->users) {
		struct lane_sock *ls = adit_container(it, struct lane_sock, by_sock);

		io_lane_touch(ls->lane);
	}
}

static const struct io_udp_ops sock_ops = {
	.dgram = sock_dgram,
	.icmp = sock_icmp,
	.writable = sock_writable,
};

/* --- connections --- */

/* The only one: a connection is not shared. */
static struct lane_sock *user_of(const struct net_sock *s)
{
	return adit_container(s->users.next, struct lane_sock, by_sock);
}

static void conn_up(void *ctx)
{
	struct lane_sock *ls = user_of(ctx);

	if (ls->lane->removed)
		return;
	link_sock_up(ls->lane->link, io_clock_now(), ls->nr);
	io_lane_touch(ls->lane);
}

static void conn_frame(void *ctx, const uint8_t *data, size_t len)
{
	struct net_sock *s = ctx;
	struct adit_dgram d = {.remote = s->remote, .data = data, .len = len};

	sock_dgram(s, &d);
}

static void conn_down(void *ctx, const char *why)
{
	struct net_sock *s = ctx;
	struct lane_sock *ls = user_of(s);
	char text[ADIT_ADDR_STRLEN];

	adit_trace(s->net->log, ADIT_LOG_DECIDE, "connection-down remote=%s why=\"%s\"",
		   adit_addr_format(&s->remote, text), why);
	if (ls->lane->removed)
		return;
	link_sock_down(ls->lane->link, io_clock_now(), ls->nr, why);
	io_lane_touch(ls->lane);
}

static const struct io_turn_tcp_ops conn_ops = {.up = conn_up, .frame = conn_frame, .down = conn_down};

/* --- sockets --- */

static struct lane_sock *lane_find(struct io_lane *lane, uint32_t nr)
{
	adit_list_each (it, &lane->socks) {
		struct lane_sock *ls = adit_container(it, struct lane_sock, by_lane);

		if (ls->nr == nr)
			return ls;
	}
	return NULL;
}

static struct net_sock *net_find(struct io_net *net, enum adit_family family, uint16_t port)
{
	if (port == 0)
		return NULL;
	adit_list_each (it, &net->socks[port % PORT_BUCKETS]) {
		struct net_sock *s = adit_container(it, struct net_sock, node);

		if (s->family == family && io_udp_port(s->udp) == port)
			return s;
	}
	return NULL;
}

static int conn_open(struct net_sock *s, const struct adit_out *out)
{
	const struct adit_nat64 *n = io_nat64_get(s->net->nat64);
	struct adit_out through = *out;
	char name[ADIT_ADDR_STRLEN];
	struct adit_addr ip = adit_addr_with_port(out->remote, 0);

	s->remote = out->remote;
	if (adit_nat64_leads_to(n, &out->remote))
		through.remote = adit_nat64_synthesize(n, &out->remote);
	if (!through.host || !through.host[0])
		through.host = adit_addr_format(&ip, name); /* whose certificate it has to be */
	return io_turn_tcp_open(s->net->loop, &through, s->net->ca_file, &conn_ops, s, &s->tcp);
}

static struct net_sock *net_open(struct io_net *net, const struct adit_out *out)
{
	bool is_udp = out->sock_kind == ADIT_SOCK_UDP;
	enum adit_family family = (enum adit_family)out->local.family;
	struct net_sock *s = is_udp ? net_find(net, family, out->local.port) : NULL;
	int err;

	if (s)
		return s;
	s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->net = net;
	s->family = family;
	adit_list_init(&s->node);
	adit_list_init(&s->users);
	err = is_udp ? io_udp_open(net->loop, family, out->local.port, &sock_ops, s, &s->udp) : conn_open(s, out);
	if (err < 0) {
		adit_trace(net->log, ADIT_LOG_DECIDE, "open-failed kind=%d port=%u err=%s errno=%s",
			   (int)out->sock_kind, (unsigned)out->local.port, adit_err_name(err), strerror(errno));
		free(s);
		return NULL;
	}
	if (is_udp) {
		io_udp_set_nat64(s->udp, io_nat64_get(net->nat64));
		adit_list_push_back(&net->socks[io_udp_port(s->udp) % PORT_BUCKETS], &s->node);
	}
	return s;
}

static void net_sock_free_if_unused(struct net_sock *s)
{
	if (!adit_list_is_empty(&s->users))
		return;
	adit_list_del(&s->node);
	if (s->udp)
		io_udp_close(s->udp);
	io_turn_tcp_close(s->tcp);
	free(s);
}

static void lane_sock_free(struct lane_sock *ls)
{
	struct net_sock *s = ls->sock;

	adit_list_del(&ls->by_lane);
	adit_list_del(&ls->by_sock);
	free(ls);
	net_sock_free_if_unused(s);
}

static void lane_open(struct io_lane *lane, const struct adit_out *out, adit_time now)
{
	struct net_sock *s = net_open(lane->net, out);
	struct lane_sock *ls = s ? calloc(1, sizeof(*ls)) : NULL;

	if (!ls) {
		if (s)
			net_sock_free_if_unused(s);
		link_sock_failed(lane->link, now, out->sock);
		return;
	}
	ls->lane = lane;
	ls->sock = s;
	ls->nr = out->sock;
	adit_list_push_back(&lane->socks, &ls->by_lane);
	adit_list_push_back(&s->users, &ls->by_sock);
}

/* The batch is the link's until its next call, so what the kernel has no room for is kept here. */
static void lane_keep(struct io_lane *lane, const struct adit_out *out)
{
	if (!lane->pending_data)
		lane->pending_data = malloc(IO_SOCK_BATCH_MAX);
	if (!lane->pending_data || out->len > IO_SOCK_BATCH_MAX)
		return;
	lane->pending = *out;
	memcpy(lane->pending_data, out->data, out->len);
	lane->pending.data = lane->pending_data;
	lane->blocked = true;
}

static void lane_send(struct io_lane *lane, const struct adit_out *out)
{
	struct lane_sock *ls = lane_find(lane, out->sock);

	if (ls && ls->sock->tcp)
		(void)io_turn_tcp_send(ls->sock->tcp, out->data, out->len, out->seg_size); /* the rest is lost */
	else if (ls && !io_udp_send(ls->sock->udp, out))
		lane_keep(lane, out);
}

static void lane_close_sock(struct io_lane *lane, uint32_t nr)
{
	struct lane_sock *ls = lane_find(lane, nr);

	if (ls)
		lane_sock_free(ls);
}

static void lane_unblock(struct io_lane *lane)
{
	struct lane_sock *ls = lane_find(lane, lane->pending.sock);

	if (!ls || io_udp_send(ls->sock->udp, &lane->pending))
		lane->blocked = false;
}

/* Up to |n| of them; returns how many. */
static int lane_outputs(struct io_lane *lane, int n)
{
	adit_time now = io_clock_now();
	struct adit_out out;
	int done = 0;

	for (; done < n && !lane->blocked && link_output(lane->link, now, &out); done++) {
		switch (out.kind) {
		case ADIT_OUT_OPEN:
			lane_open(lane, &out, now);
			break;
		case ADIT_OUT_SEND:
			lane_send(lane, &out);
			break;
		case ADIT_OUT_CLOSE:
			lane_close_sock(lane, out.sock);
			break;
		}
	}
	return done;
}

void io_lane_set_strands(struct io_lane *lane, const struct io_lane_strands *ops, void *ctx)
{
	lane->strands = ops;
	lane->strands_ctx = ctx;
}

int io_lane_share(struct io_lane *lane, uint32_t sock, struct io_sock *ret_sock)
{
	const struct lane_sock *ls = lane_find(lane, sock);

	return ls && ls->sock->udp ? io_udp_share(ls->sock->udp, ret_sock) : ADIT_ENOENT;
}

bool io_lane_send(struct io_lane *lane, const struct quic_batch *b)
{
	bool is_sent;

	if (lane->removed || lane->blocked)
		return lane->removed;
	link_strand_send(lane->link, b);
	(void)lane_outputs(lane, OUTPUTS_PER_TURN);
	is_sent = !link_strand_is_sending(lane->link);
	link_strand_send(lane->link, NULL);
	io_lane_touch(lane);
	return is_sent;
}

/* Whether there was any. */
static bool lane_events(struct io_lane *lane)
{
	struct link_event e;
	bool any = false;

	while (!lane->removed && link_event(lane->link, io_clock_now(), &e)) {
		lane->event(lane->ctx, lane, &e);
		any = true;
	}
	return any;
}

/*
 * Events come between: a stream that has room again reads its socket then. Were it to run dry first, congestion control
 * would take the source to be what limits, and learn nothing about the path.
 */
static void lane_run(struct io_lane *lane)
{
	int left = OUTPUTS_PER_TURN;
	bool any;
	int n;

	if (lane->blocked)
		lane_unblock(lane);
	link_tick(lane->link, io_clock_now());
	do {
		n = lane_outputs(lane, OUTPUTS_AT_ONCE);
		left -= n;
		any = lane_events(lane);
	} while ((n == OUTPUTS_AT_ONCE || any) && left > 0);
	adit_list_del(&lane->turn); /* what the events touched has been run ... */
	if (left <= 0)
		io_lane_touch(lane); /* ... but for what others have to be let at first */
}

static void lane_free(struct io_lane *lane)
{
	adit_list_each_safe (it, tmp, &lane->socks)
		lane_sock_free(adit_container(it, struct lane_sock, by_lane));
	adit_list_del(&lane->node);
	adit_list_del(&lane->turn);
	io_heap_remove(&lane->net->due, &lane->due);
	lane->net->n_lanes--;
	link_free(lane->link);
	free(lane->pending_data);
	free(lane);
}

/* What is due cannot be done while the socket is full; it says itself when it is not. */
static adit_time lane_deadline(const struct io_lane *lane)
{
	adit_time at = link_deadline(lane->link);
	adit_time soon = io_clock_now() + IO_SOCK_FULL_WAIT;

	return lane->blocked && at < soon ? soon : at;
}

static void lane_turn(struct io_lane *lane)
{
	if (lane->removed)
		return;
	lane_run(lane);
	if (lane->strands && !lane->removed)
		lane->strands->ran(lane->strands_ctx, false);
	io_heap_set(&lane->net->due, &lane->due, lane_deadline(lane));
}

/*
 * Once per turn of the loop, before it sleeps. What one of thousands of lanes costs may not depend on the others, so
 * only those are looked at that were touched.
 */
static void on_prepare(uv_prepare_t *prepare)
{
	struct io_net *net = adit_container(prepare, struct io_net, prepare);
	const struct io_heap_node *first;
	struct adit_list now, gone;

	uv_idle_stop(&net->idle);
	net->running = true;
	/* |now| becomes the list's head; what is touched from here on has its turn next time. */
	adit_list_push_front(&net->touched, &now);
	adit_list_del(&net->touched);
	adit_list_init(&gone);
	while (!adit_list_is_empty(&now)) {
		struct io_lane *lane = adit_container(now.next, struct io_lane, turn);

		lane_turn(lane);
		if (!lane->removed)
			continue;
		adit_list_del(&lane->turn);
		adit_list_push_back(&gone, &lane->turn);
	}
	net->running = false;
	while (!adit_list_is_empty(&gone))
		lane_free(adit_container(gone.next, struct io_lane, turn));
	if (!adit_list_is_empty(&net->touched))
		uv_idle_start(&net->idle, idle_tick);
	first = io_heap_first(&net->due);
	io_timer_set(net->timer, first ? first->at : ADIT_NEVER);
}

static void on_timer(void *ctx)
{
	struct io_net *net = ctx;
	adit_time now = io_clock_now();
	struct io_heap_node *first;

	while ((first = io_heap_first(&net->due)) && first->at <= now) {
		io_heap_remove(&net->due, first); /* until it was run */
		io_lane_touch(adit_container(first, struct io_lane, due));
	}
}

static void on_nat64(void *ctx, const struct adit_nat64 *n)
{
	struct io_net *net = ctx;
	char text[ADIT_NAT64_STRLEN];

	adit_trace(net->log, ADIT_LOG_INFO, "nat64 prefix=%s", n->len > 0 ? adit_nat64_format(n, text) : "none");
	adit_list_each (it, &net->lanes) {
		struct io_lane *lane = adit_container(it, struct io_lane, node);

		if (lane->removed)
			continue;
		link_set_nat64(lane->link, io_clock_now(), n);
		if (lane->strands)
			lane->strands->ran(lane->strands_ctx, true);
		io_lane_touch(lane);
	}
}

void io_net_trust(struct io_net *net, const char *ca_file)
{
	net->ca_file = ca_file;
}

int io_net_new(uv_loop_t *loop, const struct adit_log *log, struct io_net **ret_net)
{
	struct io_net *net = calloc(1, sizeof(*net));
	int r;

	if (!net)
		return ADIT_ENOMEM;
	net->loop = loop;
	net->log = log;
	adit_list_init(&net->lanes);
	adit_list_init(&net->touched);
	for (size_t i = 0; i < PORT_BUCKETS; i++)
		adit_list_init(&net->socks[i]);
	r = io_timer_new(loop, on_timer, net, &net->timer);
	if (r < 0) {
		free(net);
		return r;
	}
	r = io_nat64_new(loop, on_nat64, net, &net->nat64);
	if (r < 0) {
		io_timer_close(net->timer);
		free(net);
		return r;
	}
	uv_prepare_init(loop, &net->prepare);
	uv_prepare_start(&net->prepare, on_prepare);
	uv_idle_init(loop, &net->idle);
	net->open_handles = 2;
	*ret_net = net;
	return 0;
}

static void on_prepare_closed(uv_handle_t *h)
{
	struct io_net *net = adit_container(h, struct io_net, prepare);

	if (--net->open_handles == 0)
		free(net);
}

static void on_idle_closed(uv_handle_t *h)
{
	struct io_net *net = adit_container(h, struct io_net, idle);

	if (--net->open_handles == 0)
		free(net);
}

void io_net_close(struct io_net *net)
{
	if (!net)
		return;
	adit_list_each_safe (it, tmp, &net->lanes)
		lane_free(adit_container(it, struct io_lane, node));
	io_heap_done(&net->due);
	io_timer_close(net->timer);
	io_nat64_close(net->nat64);
	uv_close((uv_handle_t *)&net->prepare, on_prepare_closed);
	uv_close((uv_handle_t *)&net->idle, on_idle_closed);
}

int io_net_add(struct io_net *net, struct link *link, io_lane_event *event, void *ctx, struct io_lane **ret_lane)
{
	struct io_lane *lane = calloc(1, sizeof(*lane));

	if (!lane || io_heap_reserve(&net->due, net->n_lanes + 1) < 0) {
		free(lane);
		return ADIT_ENOMEM;
	}
	lane->net = net;
	lane->link = link;
	lane->event = event;
	lane->ctx = ctx;
	adit_list_init(&lane->socks);
	adit_list_init(&lane->turn);
	adit_list_push_back(&net->lanes, &lane->node);
	net->n_lanes++;
	link_set_nat64(link, io_clock_now(), io_nat64_get(net->nat64));
	io_lane_touch(lane);
	*ret_lane = lane;
	return 0;
}

void io_lane_remove(struct io_lane *lane)
{
	lane->removed = true;
	io_lane_touch(lane);
}
