/* A machine for tests of the lab: it does what it is told, and remembers what happened to it. */
#ifndef LAB_PUPPET_H
#define LAB_PUPPET_H

#include "test.h"

#include <string.h>

#include "base/bytes.h"
#include "lab/lab_sim.h"

struct puppet {
	struct adit_out todo[64]; /* data borrowed until they are done */
	size_t todo_len;
	size_t todo_at;
	bool echo; /* sends back what it gets */
	adit_dur interval; /* 0: no timer */
	adit_time wake_at;
	adit_dur late_most;
	adit_dur late_sum;
	adit_time made_at;
	adit_time input_at; /* the last one */
	unsigned inputs;
	unsigned ticks;
	unsigned icmps;
	unsigned failed;
	struct adit_dgram last; /* without the data */
	uint8_t last_data[2000];
	struct adit_icmp last_icmp;
	uint8_t last_icmp_data[600];
	adit_utc utc;
	struct lab_machine *machine;
};

static inline void puppet_do(struct puppet *p, struct adit_out out)
{
	assert_true(p->todo_len < ARRAY_LEN(p->todo));
	p->todo[p->todo_len++] = out;
}

static inline void puppet_open(struct puppet *p, uint32_t sock, uint16_t port)
{
	puppet_do(p, (struct adit_out){
			     .kind = ADIT_OUT_OPEN, .sock = sock, .local = {.family = ADIT_FAMILY_V4, .port = port}});
}

static inline void puppet_send(struct puppet *p, uint32_t sock, struct adit_addr to, uint8_t ttl)
{
	puppet_do(p, (struct adit_out){.kind = ADIT_OUT_SEND,
				       .sock = sock,
				       .remote = to,
				       .ttl = ttl,
				       .data = (const uint8_t *)"hello",
				       .len = 5});
	if (p->machine)
		lab_machine_wake(p->machine);
}

static inline void puppet_input(void *self, adit_time now, const struct adit_dgram *d)
{
	struct puppet *p = self;

	p->inputs++;
	p->input_at = now;
	p->last = *d;
	assert_true(d->len <= sizeof(p->last_data));
	memcpy(p->last_data, d->data, d->len);
	if (p->echo)
		puppet_do(p, (struct adit_out){.kind = ADIT_OUT_SEND,
					       .sock = d->sock,
					       .remote = d->remote,
					       .data = p->last_data,
					       .len = d->len});
}

static inline void puppet_icmp(void *self, adit_time now, const struct adit_icmp *i)
{
	struct puppet *p = self;

	(void)now;
	p->icmps++;
	p->last_icmp = *i;
	assert_true(i->len <= sizeof(p->last_icmp_data));
	memcpy(p->last_icmp_data, i->data, i->len);
}

static inline void puppet_sock_failed(void *self, adit_time now, uint32_t sock)
{
	struct puppet *p = self;

	(void)now;
	(void)sock;
	p->failed++;
}

static inline void puppet_tick(void *self, adit_time now)
{
	struct puppet *p = self;

	if (p->interval == 0 || now < p->wake_at)
		return;
	p->late_most = now - p->wake_at > p->late_most ? now - p->wake_at : p->late_most;
	p->late_sum += now - p->wake_at;
	p->ticks++;
	p->wake_at += p->interval;
}

static inline void puppet_set_utc(void *self, adit_time now, adit_utc utc)
{
	struct puppet *p = self;

	p->utc = utc;
	if (p->made_at == 0) {
		p->made_at = now;
		p->wake_at = now + p->interval;
	}
}

static inline adit_time puppet_deadline(const void *self)
{
	const struct puppet *p = self;

	return p->interval ? p->wake_at : ADIT_NEVER;
}

static inline int puppet_output(void *self, adit_time now, struct adit_out *ret_out)
{
	struct puppet *p = self;

	(void)now;
	if (p->todo_at == p->todo_len) {
		p->todo_at = p->todo_len = 0;
		return 0;
	}
	*ret_out = p->todo[p->todo_at++];
	return 1;
}

static const struct adit_machine_ops puppet_ops = {
	.input = puppet_input,
	.icmp = puppet_icmp,
	.sock_failed = puppet_sock_failed,
	.tick = puppet_tick,
	.set_utc = puppet_set_utc,
	.deadline = puppet_deadline,
	.output = puppet_output,
};

static inline void puppet_join(struct puppet *p, struct lab_host *h)
{
	p->machine = lab_machine_new(h, &puppet_ops, p, NULL, NULL);
	assert_non_null(p->machine);
}

#endif
