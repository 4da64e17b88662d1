/* The link's side of its session's strands (link_strand.h): numbers, datagrams, the route. */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "link/link_int.h"

/* Strands of the session that is up now; of one before nothing may be left. */
static struct link_strands *strands_of(struct link *l)
{
	struct link_strands *s = l->strands;

	if (s || link_strands(l) < 2)
		return s;
	s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	if (quic_export(l->session->quic, LINK_STRAND_EXPORTER, s->first[0], sizeof(s->first)) < 0) {
		free(s);
		return NULL;
	}
	l->strands = s;
	return s;
}

void link_strands_done(struct link *l)
{
	if (l->strands)
		adit_bytes_wipe(l->strands, sizeof(*l->strands));
	free(l->strands);
	l->strands = NULL;
}

void link_set_connections(struct link *l, unsigned n)
{
	l->cfg.connections = n;
}

unsigned link_strands(const struct link *l)
{
	return l->session && l->session->state == LINK_SESSION_UP ? l->session->connections : 1;
}

int link_strand_grant(struct link *l, unsigned number, struct link_grant *ret_grant)
{
	struct link_strands *s = strands_of(l);

	if (!s || number == 0 || number >= link_strands(l) || (s->granted & 1u << number))
		return ADIT_EINVAL;
	s->granted |= 1u << number;
	*ret_grant =
		(struct link_grant){.cfg = l->cfg, .number = (uint8_t)number, .connections = (uint8_t)link_strands(l)};
	adit_bytes_wipe(ret_grant->cfg.own_seed, sizeof(ret_grant->cfg.own_seed));
	memcpy(ret_grant->cfg.peer_key, quic_peer_key(l->session->quic), QUIC_KEY_LEN);
	ret_grant->cfg.has_peer_key = true;
	memcpy(ret_grant->session_id, l->session->session_id, sizeof(ret_grant->session_id));
	memcpy(ret_grant->first, s->first[number], sizeof(ret_grant->first));
	link_route_get(l, &ret_grant->route);
	return 0;
}

void link_route_get(const struct link *l, struct link_route *ret_route)
{
	const struct link_path *p = l->session_path;

	*ret_route = (struct link_route){0};
	if (!l->session || !p)
		return;
	*ret_route = (struct link_route){
		.gen = p->gen,
		.sock = p->sock,
		.local = p->info.local,
		.remote = p->info.remote,
		.payload = punch_path_size(p->keep),
		.is_still = link_stands_still(p),
		.is_gentle = l->is_gentle,
	};
}

bool link_route_eq(const struct link_route *a, const struct link_route *b)
{
	return a->gen == b->gen && a->sock == b->sock && adit_addr_eq(&a->local, &b->local) &&
	       adit_addr_eq(&a->remote, &b->remote) && a->payload == b->payload && a->is_still == b->is_still &&
	       a->is_gentle == b->is_gentle;
}

/* Whose the datagram's first packet is; 0: connection 0's, or nobody's. */
static unsigned number_of(const struct link *l, const struct link_strands *s, const uint8_t *data, size_t len,
			  bool *ret_begins)
{
	unsigned n = link_strands(l);
	int index = quic_index(data, len);

	*ret_begins = false;
	if (index >= 0)
		return s->granted & 1u << index ? (unsigned)index : 0;
	for (unsigned i = 1; i < n && l->cfg.role == PUNCH_SERVE; i++) {
		if (!quic_is_first(data, len, s->first[i]))
			continue;
		*ret_begins = !(s->granted & 1u << i);
		return *ret_begins && !quic_is_initial(data, len) ? 0 : i;
	}
	return 0;
}

bool link_strands_begins(const struct link *l, const uint8_t *data, size_t len)
{
	for (unsigned i = 1; l->strands && i < FWD_CONNECTIONS_MAX; i++)
		if (quic_is_first(data, len, l->strands->first[i]))
			return true;
	return false;
}

static void queue(struct link_strands *s, const struct link_strand_dgram *d)
{
	if (s->next == s->n)
		s->next = s->n = 0;
	if (s->n < ARRAY_LEN(s->queue))
		s->queue[s->n++] = *d;
}

/* Where the datagram at |at| of a batch ends. The last one may be shorter than the others. */
static size_t end_of(const struct adit_dgram *d, size_t at)
{
	return d->seg_size > 0 && d->len - at > d->seg_size ? at + d->seg_size : d->len;
}

/* From |at| on, as far as it is one connection's. */
static struct link_strand_dgram next_run(const struct link *l, const struct link_strands *s, const struct adit_dgram *d,
					 size_t at)
{
	struct link_strand_dgram run = {.data = d->data + at};
	size_t end = end_of(d, at);
	bool begins;

	run.number = number_of(l, s, run.data, end - at, &run.begins);
	run.len = end - at;
	while (end < d->len && !run.begins) {
		size_t next = end_of(d, end);

		if (number_of(l, s, d->data + end, next - end, &begins) != run.number || begins)
			break;
		end = next;
		run.len = end - at;
		run.seg_size = d->seg_size;
	}
	return run;
}

int link_strands_input(struct link *l, adit_time now, const struct adit_dgram *d)
{
	struct link_strands *s = strands_of(l);
	struct link_path *p = s ? link_path_find(l, d->sock, &d->remote) : NULL;
	struct link_strand_dgram run;
	int r = ADIT_EIGNORED;

	if (!p)
		return link_quic_input(l, now, d);
	for (size_t at = 0; at < d->len; at += run.len) {
		run = next_run(l, s, d, at);
		run.gen = p->gen;
		if (run.number > 0) {
			queue(s, &run);
			r = 0;
		} else {
			struct adit_dgram own = *d;

			own.data = run.data;
			own.len = run.len;
			own.seg_size = run.seg_size;
			if (link_quic_input(l, now, &own) != ADIT_EIGNORED)
				r = 0;
		}
	}
	return r;
}

int link_strand_input(struct link *l, struct link_strand_dgram *ret_dgram)
{
	struct link_strands *s = l->strands;

	if (!s || s->next == s->n)
		return 0;
	*ret_dgram = s->queue[s->next++];
	return 1;
}

void link_strand_send(struct link *l, const struct quic_batch *b)
{
	struct link_path *p = l->session_path;
	struct link_strands *s = l->strands;

	if (!s)
		return;
	s->has_out = b && l->session && !link_stands_still(p);
	if (s->has_out)
		s->out = (struct adit_out){.kind = ADIT_OUT_SEND,
					   .sock = p->sock,
					   .local = p->info.local,
					   .remote = p->info.remote,
					   .data = b->data,
					   .len = b->len,
					   .seg_size = b->seg_size};
}

bool link_strand_is_sending(const struct link *l)
{
	return l->strands && l->strands->has_out;
}

int link_strands_output(struct link *l, struct adit_out *ret_out)
{
	struct link_strands *s = l->strands;

	if (!s || !s->has_out)
		return 0;
	*ret_out = s->out;
	s->has_out = false;
	return 1;
}

void link_strand_heard(struct link *l, adit_time now, const struct link_strand_signs *signs)
{
	struct link_path *p = link_path_by_gen(l, signs->gen);

	if (!p)
		return;
	if (signs->sent)
		punch_path_sent(p->keep, now);
	if (signs->sent_full)
		punch_path_sent_full(p->keep, now);
	if (signs->heard)
		link_heard(l, now, p);
	link_watch_step(l, now);
}

void link_strand_note(struct link *l, unsigned number, bool is_up, const struct quic_stats *stats)
{
	struct link_strands *s = l->strands;

	if (!s || number >= FWD_CONNECTIONS_MAX)
		return;
	s->up &= ~(1u << number);
	s->up |= is_up ? 1u << number : 0;
	s->stats[number] = *stats;
}

void link_strands_status(const struct link *l, struct link_status *status)
{
	const struct link_strands *s = l->strands;

	status->connections = 1;
	for (size_t i = 1; s && i < FWD_CONNECTIONS_MAX; i++) {
		status->connections += (s->up >> i) & 1;
		status->quic.tx_bytes += s->stats[i].tx_bytes;
		status->quic.rx_bytes += s->stats[i].rx_bytes;
		status->quic.tx_packets += s->stats[i].tx_packets;
		status->quic.rx_packets += s->stats[i].rx_packets;
		status->quic.lost_packets += s->stats[i].lost_packets;
		status->quic.dropped += s->stats[i].dropped;
		status->quic.streams += s->up & 1u << i ? s->stats[i].streams : 0;
	}
}
