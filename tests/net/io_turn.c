#include "io_turn.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/crypto.h"
#include "io/io_clock.h"
#include "io/io_sock.h"
#include "io/io_timer.h"
#include "io/io_turn_tcp.h"
#include "io/io_udp.h"

/* Where one server is reached. */
struct way {
	struct io_turn *turn;
	uint32_t nr; /* the set's */
	struct io_udp *udp; /* one of the two, or none */
	struct io_turn_tcp *tcp;
};

struct io_turn {
	uv_loop_t *loop;
	const struct adit_log *log;
	const struct io_turn_ops *ops;
	void *ctx;
	const char *ca_file;
	struct io_timer *timer;
	struct turn_set set;
	struct way ways[TURN_SERVERS_MAX];
	struct adit_out blocked; /* data that a UDP socket had no room for; they stay in |out| */
	bool is_blocked;
	bool is_full; /* a send was refused since */
	bool is_running;
	bool is_closed;
	uint64_t dropped;
	uint8_t out[IO_SOCK_BATCH_MAX + TURN_BATCH_SEGS * TURN_OVERHEAD_MAX];
};

static void run(struct io_turn *t);
static void turn_free(struct io_turn *t);

/* --- in --- */

static void give_data(struct io_turn *t)
{
	struct adit_dgram d;

	while (!t->is_closed && turn_set_data(&t->set, &d))
		t->ops->data(t->ctx, &d);
}

static void on_dgram(void *ctx, struct adit_dgram *d)
{
	struct way *w = ctx;
	struct io_turn *t = w->turn;

	if (t->is_closed)
		return;
	d->sock = w->nr;
	turn_set_input(&t->set, io_clock_now(), d);
	/* The data are looked at before time or events do anything to the set. */
	t->is_running = true;
	give_data(t);
	t->is_running = false;
	if (t->is_closed)
		turn_free(t);
	else
		run(t);
}

static void on_icmp(void *ctx, struct adit_icmp *icmp)
{
	struct way *w = ctx;

	if (w->turn->is_closed)
		return;
	icmp->sock = w->nr;
	turn_set_icmp(&w->turn->set, io_clock_now(), icmp);
	run(w->turn);
}

static void on_writable(void *ctx)
{
	struct way *w = ctx;
	struct io_turn *t = w->turn;

	if (t->is_closed || !t->is_blocked || !w->udp || t->blocked.sock != w->nr || !io_udp_send(w->udp, &t->blocked))
		return;
	t->is_blocked = false;
	run(t);
	if (t->is_full && !t->is_blocked && !t->is_closed) {
		t->is_full = false;
		if (t->ops->writable)
			t->ops->writable(t->ctx);
	}
}

static const struct io_udp_ops udp_ops = {.dgram = on_dgram, .icmp = on_icmp, .writable = on_writable};

static void on_up(void *ctx)
{
	struct way *w = ctx;

	turn_set_stream_up(&w->turn->set, io_clock_now(), w->nr);
	run(w->turn);
}

static void on_frame(void *ctx, const uint8_t *data, size_t len)
{
	struct way *w = ctx;
	struct adit_dgram d = {.remote = turn_set_server(&w->turn->set, w->nr)->addr, .data = data, .len = len};

	on_dgram(w, &d);
}

static void on_down(void *ctx, const char *why)
{
	struct way *w = ctx;
	struct io_turn *t = w->turn;

	adit_trace(t->log, ADIT_LOG_DECIDE, "turn-stream-down why=\"%s\"", why);
	if (t->ops->stream_failed)
		t->ops->stream_failed(t->ctx, turn_set_server(&t->set, w->nr), why);
	if (t->is_closed)
		return;
	turn_set_stream_down(&t->set, io_clock_now(), w->nr);
	run(t);
}

static const struct io_turn_tcp_ops tcp_ops = {.up = on_up, .frame = on_frame, .down = on_down};

/* --- out --- */

static void way_close(struct way *w)
{
	if (w->turn->is_blocked && w->turn->blocked.sock == w->nr)
		w->turn->is_blocked = false;
	if (w->udp)
		io_udp_close(w->udp);
	io_turn_tcp_close(w->tcp);
	w->udp = NULL;
	w->tcp = NULL;
}

static void way_open(struct way *w, const struct adit_out *out)
{
	struct io_turn *t = w->turn;
	int err;

	if (out->sock_kind == ADIT_SOCK_UDP)
		err = io_udp_open(t->loop, (enum adit_family)out->local.family, 0, &udp_ops, w, &w->udp);
	else
		err = io_turn_tcp_open(t->loop, out, t->ca_file, &tcp_ops, w, &w->tcp);
	if (err < 0) {
		adit_trace(t->log, ADIT_LOG_WARN, "turn-open-failed err=%s errno=%s", adit_err_name(err),
			   strerror(errno));
		turn_set_sock_failed(&t->set, io_clock_now(), w->nr);
	}
}

static void way_send(struct way *w, const struct adit_out *out)
{
	struct io_turn *t = w->turn;
	bool is_data = out->data >= t->out && out->data < t->out + sizeof(t->out);

	if (w->tcp)
		t->dropped += io_turn_tcp_send(w->tcp, out->data, out->len, out->seg_size) < out->len;
	if (!w->udp || io_udp_send(w->udp, out))
		return;
	/* Data stay where they are until the next turn_set_send(); a request is sent again by itself. */
	if (is_data) {
		t->blocked = *out;
		t->is_blocked = true;
	}
}

static void act(struct io_turn *t, const struct adit_out *out)
{
	struct way *w = &t->ways[out->sock];

	switch (out->kind) {
	case ADIT_OUT_OPEN:
		way_open(w, out);
		break;
	case ADIT_OUT_SEND:
		way_send(w, out);
		break;
	case ADIT_OUT_CLOSE:
		way_close(w);
		break;
	}
}

static void turn_free(struct io_turn *t)
{
	for (size_t i = 0; i < TURN_SERVERS_MAX; i++)
		way_close(&t->ways[i]);
	io_timer_close(t->timer);
	turn_set_done(&t->set);
	free(t);
}

static void send_outputs(struct io_turn *t)
{
	struct adit_out out;

	while (!t->is_blocked && !t->is_closed && turn_set_output(&t->set, io_clock_now(), &out))
		act(t, &out);
}

/* Drains outputs and events until there are none, and arms the timer. */
static void run(struct io_turn *t)
{
	struct turn_set_event e;
	bool any;

	if (t->is_running || t->is_closed)
		return; /* the loop further up goes on */
	t->is_running = true;
	do {
		any = false;
		send_outputs(t);
		while (!t->is_closed && turn_set_event(&t->set, &e)) {
			t->ops->event(t->ctx, &e);
			any = true;
		}
	} while (any && !t->is_closed);
	if (!t->is_closed)
		io_timer_set(t->timer, turn_set_deadline(&t->set));
	t->is_running = false;
	if (t->is_closed)
		turn_free(t);
}

static void on_timer(void *ctx)
{
	struct io_turn *t = ctx;

	turn_set_tick(&t->set, io_clock_now());
	run(t);
}

int io_turn_new(uv_loop_t *loop, const struct io_turn_config *cfg, const struct io_turn_ops *ops, void *ctx,
		struct io_turn **ret_turn)
{
	struct io_turn *t = calloc(1, sizeof(*t));
	struct turn_set_config c = {
		.n = cfg->n, .families = cfg->families, .crypto = &crypto_gnutls, .rng = crypto_rng(), .log = cfg->log};
	int err;

	if (!t)
		return ADIT_ENOMEM;
	t->loop = loop;
	t->log = cfg->log;
	t->ops = ops;
	t->ctx = ctx;
	t->ca_file = cfg->ca_file;
	for (size_t i = 0; i < TURN_SERVERS_MAX; i++)
		t->ways[i] = (struct way){.turn = t, .nr = (uint32_t)i};
	memcpy(c.servers, cfg->servers, sizeof(c.servers));
	c.out = t->out;
	c.out_cap = sizeof(t->out);
	err = turn_set_init(&t->set, &c);
	if (err == 0)
		err = io_timer_new(loop, on_timer, t, &t->timer);
	if (err < 0) {
		turn_set_done(&t->set);
		free(t);
		return err;
	}
	turn_set_start(&t->set, io_clock_now());
	io_timer_set(t->timer, io_clock_now());
	*ret_turn = t;
	return 0;
}

void io_turn_permit(struct io_turn *t, const struct adit_addr *peer)
{
	turn_set_permit(&t->set, io_clock_now(), peer);
	run(t);
}

void io_turn_forget(struct io_turn *t, const struct adit_addr *peer)
{
	turn_set_forget(&t->set, peer);
	run(t);
}

int io_turn_send(struct io_turn *t, const struct adit_addr *peer, const void *data, size_t len, size_t seg_size)
{
	int err;

	if (t->is_closed)
		return ADIT_EINVAL;
	err = t->is_blocked ? ADIT_EFULL : turn_set_send(&t->set, io_clock_now(), peer, data, len, seg_size);
	t->is_full |= err == ADIT_EFULL;
	send_outputs(t); /* also inside one of our calls: the buffer is free for the next batch */
	run(t);
	return err;
}

void io_turn_end(struct io_turn *t)
{
	turn_set_end(&t->set, io_clock_now());
	run(t);
}

void io_turn_free(struct io_turn *t)
{
	if (!t || t->is_closed)
		return;
	t->is_closed = true;
	if (!t->is_running)
		turn_free(t);
}

const struct turn_set *io_turn_set(const struct io_turn *t)
{
	return &t->set;
}

uint64_t io_turn_dropped(const struct io_turn *t)
{
	return t->dropped;
}
