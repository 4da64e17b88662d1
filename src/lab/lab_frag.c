/*
 * Fragments (RFC 791 3.2, RFC 8200 4.5). What is cut is the IP payload: the UDP header, which only the first fragment
 * carries, and the data; every piece but the last is a multiple of eight bytes.
 */
#include <string.h>

#include "lab/lab_inner.h"
#include "lab/lab_limits.h"
#include "lab/lab_sum.h"

/* The data of |p| from |at| on, |len| bytes of them. */
static struct lab_pkt *cut(struct lab_sim *s, const struct lab_pkt *p, size_t at, size_t len)
{
	struct lab_pkt *q = lab_pkt_new(s, len);

	if (!q)
		return NULL;
	q->from = p->from;
	q->to = p->to;
	q->wire = p->wire;
	q->sent_at = p->sent_at;
	q->cause = p->id;
	q->src = p->src;
	q->dst = p->dst;
	q->ttl = p->ttl;
	q->frag_id = p->frag_id;
	q->frag_at = p->frag_at + at;
	q->whole_len = p->whole_len;
	q->whole_sum = p->frag == LAB_WHOLE ? lab_sum(p->data, p->len) : p->whole_sum;
	q->more = p->more || at + len < p->len;
	q->frag = at == 0 && p->frag != LAB_FRAGMENT_LATER ? LAB_FRAGMENT_FIRST : LAB_FRAGMENT_LATER;
	if (q->frag == LAB_FRAGMENT_LATER)
		q->src.port = q->dst.port = 0;
	memcpy(q->data, p->data + at, len);
	return q;
}

struct lab_pkt *lab_frag_split(struct lab_sim *s, struct lab_pkt *p, size_t mtu)
{
	size_t header = adit_addr_is_v4(&p->src) ? LAB_IP4_HEADER : LAB_IP6_HEADER + LAB_FRAG_HEADER;
	/* Each piece takes some data, however small the MTU. */
	size_t room = mtu >= header + LAB_UDP_HEADER + 8 ? (mtu - header) & ~(size_t)7 : LAB_UDP_HEADER + 8;
	size_t head = p->frag == LAB_FRAGMENT_LATER ? 0 : LAB_UDP_HEADER;
	struct lab_pkt *first = NULL;
	struct lab_pkt **end = &first;
	size_t at = 0;

	while (at < p->len) {
		size_t len = room - (at == 0 ? head : 0);

		if (len > p->len - at)
			len = p->len - at;
		*end = cut(s, p, at, len);
		if (*end)
			end = &(*end)->next;
		at += len;
	}
	lab_pkt_free(s, p);
	return first;
}

static bool is_same(const struct lab_pkt *a, const struct lab_pkt *b)
{
	return a->frag_id == b->frag_id && adit_addr_eq_ip(&a->src, &b->src) && adit_addr_eq_ip(&a->dst, &b->dst);
}

static const struct lab_pkt *find(const struct lab_frags *f, const struct lab_pkt *like, size_t at)
{
	const struct lab_pkt *p = f->first;

	while (p && (!is_same(p, like) || p->frag_at > at || p->frag_at + p->len <= at))
		p = p->next;
	return p;
}

/* The datagram |like| is of, if all of it is there. */
static struct lab_pkt *assemble(struct lab_frags *f, struct lab_sim *s, const struct lab_pkt *like)
{
	const struct lab_pkt *head = find(f, like, 0);
	const struct lab_pkt *part;
	struct lab_pkt *whole;
	size_t at = 0;

	while (at < like->whole_len && (part = find(f, like, at)) != NULL)
		at = part->frag_at + part->len;
	if (at < like->whole_len || !head || head->frag != LAB_FRAGMENT_FIRST)
		return NULL;
	whole = lab_pkt_new(s, like->whole_len);
	if (!whole)
		return NULL;
	whole->src = head->src;
	whole->dst = head->dst;
	whole->ttl = head->ttl;
	whole->id = like->id; /* it goes on as the piece that was missing */
	whole->cause = like->cause;
	whole->frag_id = head->frag_id;
	for (at = 0; at < whole->len; at = part->frag_at + part->len) {
		part = find(f, like, at);
		memcpy(whole->data + part->frag_at, part->data, part->len);
	}
	return whole;
}

static struct lab_pkt *unlink_at(struct lab_frags *f, struct lab_pkt **at)
{
	struct lab_pkt *p = *at;

	*at = p->next;
	f->count--;
	return p;
}

/* All of the datagram that |like| is of, and |like| itself. */
static void drop_datagram(struct lab_frags *f, struct lab_sim *s, const struct lab_pkt *like)
{
	struct lab_pkt **at = &f->first;
	struct lab_pkt **last = NULL;

	while (*at) {
		if (*at == like)
			last = at;
		if (*at != like && is_same(*at, like))
			lab_pkt_free(s, unlink_at(f, at));
		else
			at = &(*at)->next;
	}
	if (last)
		lab_pkt_free(s, unlink_at(f, last));
}

static void drop_old(struct lab_frags *f, struct lab_sim *s)
{
	while (f->first && (f->count > LAB_FRAGS_MAX || s->now - f->first->sent_at >= LAB_FRAG_TIME))
		lab_pkt_free(s, unlink_at(f, &f->first));
}

void lab_frag_keep(struct lab_frags *f, struct lab_sim *s, struct lab_pkt *p, unsigned node)
{
	struct lab_pkt **end = &f->first;

	lab_pkt_note(s, p, LAB_STEP_HELD, node);
	p->sent_at = s->now;
	p->next = NULL;
	drop_old(f, s);
	while (*end)
		end = &(*end)->next;
	*end = p;
	f->count++;
}

struct lab_pkt *lab_frag_take(struct lab_frags *f, struct lab_sim *s, const struct lab_flow *first)
{
	drop_old(f, s);
	for (struct lab_pkt **at = &f->first; *at; at = &(*at)->next)
		if ((*at)->frag_id == first->fragment_id && adit_addr_eq_ip(&(*at)->src, &first->src) &&
		    adit_addr_eq_ip(&(*at)->dst, &first->dst))
			return unlink_at(f, at);
	return NULL;
}

struct lab_pkt *lab_frag_join(struct lab_frags *f, struct lab_sim *s, struct lab_pkt *p, unsigned node)
{
	struct lab_pkt *whole;

	lab_frag_keep(f, s, p, node);
	whole = assemble(f, s, p);
	if (whole)
		drop_datagram(f, s, p);
	return whole;
}

void lab_frags_free(struct lab_frags *f, struct lab_sim *s)
{
	struct lab_pkt *p;

	while ((p = f->first)) {
		f->first = p->next;
		lab_pkt_free(s, p);
	}
	f->count = 0;
}
