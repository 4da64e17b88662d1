#include <assert.h>

#include "base/bytes.h"
#include "strat_msg.h"
#include "strat_peer.h"

void strat_queue_push(struct strat_queue *q, uint32_t sock, const struct adit_addr *local, const struct adit_addr *to,
		      const uint8_t data[STRAT_MESSAGE_LEN])
{
	struct strat_queued *i = &q->items[(q->first + q->n) % STRAT_QUEUE_MAX];

	assert(q->n < STRAT_QUEUE_MAX);
	q->n++;
	i->sock = sock;
	i->local = *local;
	i->to = *to;
	for (unsigned b = 0; b < STRAT_MESSAGE_LEN; b++)
		i->data[b] = data[b];
}

int strat_queue_pop(struct strat_queue *q, struct adit_out *ret_out)
{
	const struct strat_queued *i = &q->items[q->first];

	if (q->n == 0)
		return 0;
	q->first = (q->first + 1) % STRAT_QUEUE_MAX;
	q->n--;
	*ret_out = (struct adit_out){
		.kind = ADIT_OUT_SEND,
		.sock = i->sock,
		.local = i->local,
		.remote = i->to,
		.data = i->data,
		.len = STRAT_MESSAGE_LEN,
	};
	return 1;
}

static const uint16_t ports[] = {STRAT_STUN_PORT, STRAT_STUN_PORT2, STRAT_BOUNCE_PORT1, STRAT_BOUNCE_PORT2};

static void server_input(void *self, adit_time now, const struct adit_dgram *d)
{
	struct strat_server *s = self;
	struct adit_addr from = adit_addr_with_port(d->local, 0);
	uint8_t buf[STRAT_MESSAGE_LEN];
	struct strat_msg m;

	(void)now;
	if (!strat_msg_decode(d->data, d->len, &m) || m.kind != STRAT_MSG_ASK)
		return;
	m.kind = STRAT_MSG_SAID;
	m.addr = d->remote;
	strat_msg_encode(&m, buf);
	strat_queue_push(&s->queue, d->sock, &from, &d->remote, buf);
}

static void server_tick(void *self, adit_time now)
{
	(void)self;
	(void)now;
}

static adit_time server_deadline(const void *self)
{
	(void)self;
	return ADIT_NEVER;
}

static int server_output(void *self, adit_time now, struct adit_out *ret_out)
{
	struct strat_server *s = self;

	(void)now;
	if (s->opened < ARRAY_LEN(ports)) {
		*ret_out = (struct adit_out){
			.kind = ADIT_OUT_OPEN,
			.sock = s->opened,
			.local = {.family = ADIT_FAMILY_V4, .port = ports[s->opened]},
		};
		s->opened++;
		return 1;
	}
	return strat_queue_pop(&s->queue, ret_out);
}

const struct adit_machine_ops strat_server_ops = {
	.input = server_input,
	.tick = server_tick,
	.deadline = server_deadline,
	.output = server_output,
};
