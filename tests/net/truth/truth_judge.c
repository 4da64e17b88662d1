/* One answer: what the model says must come out, and what did. */
#include <stdio.h>
#include <string.h>

#include "truth.h"

/* Where the kernel may put a port that it has to change: the rule, written down a second time. */
static void range_of(const struct lab_flow *f, unsigned *ret_first, unsigned *ret_last)
{
	*ret_first = f->proto == LAB_PING || f->src.port < 512 ? 1 : f->src.port < 1024 ? 600 : 1024;
	*ret_last = f->proto == LAB_PING || f->src.port >= 1024 ? 65535 : f->src.port < 512 ? 511 : 1023;
}

/* Has the socket that sent |f| this port outside already, toward somebody else? */
static bool has_port(const struct truth_model *mo, const struct lab_flow *f, uint16_t port)
{
	adit_list_each (it, &mo->ct->entries) {
		const struct lab_ct_entry *e = adit_container(it, struct lab_ct_entry, all);
		const struct lab_tuple *orig = &e->tuple[LAB_CT_ORIGINAL];

		if (orig->proto == f->proto && adit_addr_eq(&orig->src, &f->src) &&
		    e->tuple[LAB_CT_REPLY].dst.port == port)
			return true;
	}
	return false;
}

/*
 * If the model is going to draw a port, it draws the kernel's, provided that this one is in its range. Not so where the
 * kernel seems to have had a reason: a port that is the flow's own, or that its socket has already. (Where it is told
 * to draw always, it may hit on these; so it may among few ports.)
 */
static void prime(struct truth_model *mo, const struct truth_packet *sent, const struct truth_packet *seen,
		  size_t count)
{
	unsigned first;
	unsigned last;

	mo->is_primed = false;
	if (count != 1 || seen->is_error || seen->side == sent->side)
		return;
	range_of(&sent->flow, &first, &last);
	mo->is_primed = seen->flow.src.port >= first && seen->flow.src.port <= last;
	if (!mo->is_random && (seen->flow.src.port == sent->flow.src.port ||
			       (first >= 1024 && has_port(mo, &sent->flow, seen->flow.src.port))))
		mo->is_primed = false;
	mo->primed = seen->flow.src.port - first;
}

/* What the verdict |v| on |sent| means on the wire. False: silence. */
static bool expect(enum lab_verdict v, const struct truth_packet *sent, const struct lab_flow *on,
		   struct truth_packet *ret_want)
{
	*ret_want = (struct truth_packet){.side = sent->side, .mark = sent->mark, .flow = sent->flow};
	switch (v) {
	case LAB_FORWARD:
		ret_want->side = !sent->side;
		ret_want->flow = *on;
		ret_want->flow.ttl = (uint8_t)(sent->flow.ttl - 1);
		return true;
	case LAB_HAIRPIN:
		ret_want->flow = *on;
		ret_want->flow.ttl = (uint8_t)(sent->flow.ttl - 1);
		return true;
	case LAB_LOCAL:
		/* The router answers an echo as any host does. */
		if (sent->flow.proto == LAB_PING) {
			ret_want->flow.src = sent->flow.dst;
			ret_want->flow.dst = sent->flow.src;
			ret_want->flow.ttl = 64;
			return true;
		}
		break;
	case LAB_REJECT:
		break;
	case LAB_EXPIRED:
		ret_want->is_error = true;
		ret_want->type = 11;
		ret_want->to = sent->flow.src;
		return true;
	case LAB_DROP:
		return false;
	}
	ret_want->is_error = true;
	ret_want->type = 3;
	ret_want->code = 3;
	ret_want->from = sent->flow.dst;
	ret_want->to = sent->flow.src;
	return true;
}

static bool same_flow(const struct lab_flow *a, const struct lab_flow *b)
{
	return a->proto == b->proto && adit_addr_eq(&a->src, &b->src) && adit_addr_eq(&a->dst, &b->dst);
}

/* A quoted TTL is of no interest: who quotes may have counted down already. */
static bool same_packet(const struct truth_packet *a, const struct truth_packet *b)
{
	if (a->side != b->side || a->mark != b->mark || a->is_error != b->is_error || !same_flow(&a->flow, &b->flow))
		return false;
	if (!a->is_error)
		return a->flow.ttl == b->flow.ttl;
	return a->type == b->type && a->code == b->code && adit_addr_eq_ip(&a->from, &b->from) &&
	       adit_addr_eq_ip(&a->to, &b->to);
}

/* The model's answer to an error. False: silence. */
static bool expect_error(struct truth_model *mo, adit_time now, const struct truth_packet *sent,
			 struct truth_packet *ret_want)
{
	*ret_want = *sent;
	ret_want->side = !sent->side;
	if (!mo->nat->ops->icmp(mo->nat, now, &ret_want->flow))
		return false;
	ret_want->to = ret_want->flow.src;
	/*
	 * Where the destination of the quoted packet was translated, it is that which says so from now on, whoever it
	 * was: a router inside is not seen from outside (nf_nat_icmp_reply_translation in nf_nat_proto.c).
	 */
	if (!adit_addr_eq(&ret_want->flow.dst, &sent->flow.dst))
		ret_want->from = ret_want->flow.dst;
	return true;
}

/*
 * A packet whose destination has been translated dies after that, and the error about it is translated back: it comes
 * from where the packet was sent to, not from the router (nf_nat_icmp_reply_translation again). A source that was moved
 * on its way in is the only such destination that hosts inside ever send to.
 */
static struct adit_addr who_says_expired(struct truth_model *mo, adit_time now, const struct truth_packet *sent)
{
	struct lab_tuple t = {.src = sent->flow.src, .dst = sent->flow.dst, .proto = sent->flow.proto};
	struct adit_addr router = sent->side == TRUTH_INSIDE ? truth_lan(0) : truth_wan(0);
	enum lab_ct_dir dir;
	const struct lab_ct_entry *e = lab_ct_find(mo->ct, now, &t, &dir);

	return e && !adit_addr_eq(&e->tuple[!dir].src, &t.dst) ? t.dst : router;
}

static bool expect_flow(struct truth_model *mo, adit_time now, const struct truth_packet *sent,
			struct truth_packet *ret_want, struct truth_stats *st)
{
	const struct lab_nat_ops *ops = mo->nat->ops;
	struct lab_flow on = sent->flow;
	enum lab_verdict v = (sent->side == TRUTH_INSIDE ? ops->out : ops->in)(mo->nat, now, &sent->flow, &on);

	st->verdicts[v]++;
	st->moved += v == LAB_FORWARD && on.src.port != sent->flow.src.port && on.dst.port == sent->flow.dst.port;
	if (!expect(v, sent, &on, ret_want))
		return false;
	if (v == LAB_EXPIRED)
		ret_want->from = who_says_expired(mo, now, sent);
	return true;
}

bool truth_judge(struct truth_model *mo, adit_time now, const struct truth_packet *sent,
		 const struct truth_packet *seen, size_t count, struct truth_stats *st, char *text, size_t size)
{
	struct truth_packet want;
	char a[256];
	char b[256];
	char c[256];
	bool is_any;

	prime(mo, sent, seen, count);
	if (sent->is_error) {
		is_any = expect_error(mo, now, sent, &want);
		st->errors += is_any;
	} else {
		is_any = expect_flow(mo, now, sent, &want, st);
	}
	if (count == is_any && (!is_any || same_packet(&want, seen)))
		return true;
	(void)snprintf(text, size, "sent    %s\n  model   %s\n  kernel  %s%s", truth_packet_text(sent, a),
		       is_any ? truth_packet_text(&want, b) : "nothing", count ? truth_packet_text(seen, c) : "nothing",
		       count > 1 ? ", and more" : "");
	return false;
}
