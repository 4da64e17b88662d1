#include "io/io_machine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "io/io_clock.h"
#include "io/io_timer.h"
#include "io/io_udp.h"

struct machine_sock {
	struct adit_list node;
	struct io_machine *machine;
	struct io_udp *udp;
	uint32_t nr; /* the machine's */
};

struct io_machine {
	uv_loop_t *loop;
	const struct adit_log *log;
	const struct adit_machine_ops *ops;
	void *self;
	io_machine_ran *ran;
	void *ctx;
	struct io_timer *timer;
	const struct adit_nat64 *nat64; /* NULL: no matter here */
	struct adit_list socks;
	bool running;
	bool closed;
};

static struct machine_sock *find(struct io_machine *m, uint32_t nr)
{
	adit_list_each (it, &m->socks) {
		struct machine_sock *s = adit_container(it, struct machine_sock, node);

		if (s->nr == nr)
			return s;
	}
	return NULL;
}

static void sock_free(struct machine_sock *s)
{
	adit_list_del(&s->node);
	io_udp_close(s->udp);
	free(s);
}

static void on_dgram(void *ctx, struct adit_dgram *d)
{
	struct machine_sock *s = ctx;
	struct io_machine *m = s->machine;

	d->sock = s->nr;
	m->ops->input(m->self, io_clock_now(), d);
	io_machine_wake(m);
}

static void on_icmp(void *ctx, struct adit_icmp *icmp)
{
	struct machine_sock *s = ctx;
	struct io_machine *m = s->machine;

	icmp->sock = s->nr;
	if (m->ops->icmp)
		m->ops->icmp(m->self, io_clock_now(), icmp);
	io_machine_wake(m);
}

static void on_writable(void *ctx)
{
	(void)ctx; /* what was refused is lost */
}

static const struct io_udp_ops sock_ops = {.dgram = on_dgram, .icmp = on_icmp, .writable = on_writable};

static void open_sock(struct io_machine *m, const struct adit_out *out)
{
	struct machine_sock *s = calloc(1, sizeof(*s));

	if (s) {
		s->machine = m;
		s->nr = out->sock;
		if (io_udp_open(m->loop, (enum adit_family)out->local.family, out->local.port, &sock_ops, s, &s->udp) ==
		    0) {
			io_udp_set_nat64(s->udp, m->nat64);
			adit_list_push_back(&m->socks, &s->node);
			return;
		}
		adit_trace(m->log, ADIT_LOG_DECIDE, "udp-open-failed port=%u errno=%s", out->local.port,
			   strerror(errno));
		free(s);
	}
	if (m->ops->sock_failed)
		m->ops->sock_failed(m->self, io_clock_now(), out->sock);
}

static void act(struct io_machine *m, const struct adit_out *out)
{
	struct machine_sock *s;

	if (out->kind == ADIT_OUT_OPEN) {
		open_sock(m, out);
		return;
	}
	s = find(m, out->sock);
	if (s && out->kind == ADIT_OUT_CLOSE)
		sock_free(s);
	else if (s)
		io_udp_send(s->udp, out);
}

static void machine_free(struct io_machine *m)
{
	adit_list_each_safe (it, tmp, &m->socks)
		sock_free(adit_container(it, struct machine_sock, node));
	io_timer_close(m->timer);
	free(m);
}

void io_machine_wake(struct io_machine *m)
{
	struct adit_out out;

	if (m->running || m->closed)
		return; /* the loop below goes on */
	m->running = true;
	while (m->ops->output(m->self, io_clock_now(), &out))
		act(m, &out);
	io_timer_set(m->timer, m->ops->deadline(m->self));
	m->ran(m->ctx);
	m->running = false;
	if (m->closed)
		machine_free(m);
}

static void on_timer(void *ctx)
{
	struct io_machine *m = ctx;

	m->ops->tick(m->self, io_clock_now());
	io_machine_wake(m);
}

int io_machine_new(uv_loop_t *loop, const struct adit_log *log, const struct adit_machine_ops *ops, void *self,
		   io_machine_ran *ran, void *ctx, struct io_machine **ret_machine)
{
	struct io_machine *m = calloc(1, sizeof(*m));
	int err;

	if (!m)
		return ADIT_ENOMEM;
	*m = (struct io_machine){.loop = loop, .log = log, .ops = ops, .self = self, .ran = ran, .ctx = ctx};
	adit_list_init(&m->socks);
	err = io_timer_new(loop, on_timer, m, &m->timer);
	if (err < 0) {
		free(m);
		return err;
	}
	io_timer_set(m->timer, io_clock_now());
	*ret_machine = m;
	return 0;
}

void io_machine_set_nat64(struct io_machine *m, const struct adit_nat64 *n)
{
	m->nat64 = n;
}

void io_machine_close(struct io_machine *m)
{
	if (!m || m->closed)
		return;
	m->closed = true;
	if (!m->running)
		machine_free(m);
}
