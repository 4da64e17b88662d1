/*
 * Routers beyond the plain home: routed nets, firewalls, pools, packets turned around, one NAT behind another, two
 * families, reboots. The NATs are Linux' model, and a fake that is told what to do where Linux' has no such thing.
 */
#include "lab_puppet.h"

#include <stdlib.h>

#include "base/list.h"
#include "lab/lab_limits.h"
#include "lab/lab_linux.h"
#include "lab/lab_zoo.h"

/* A NAT with fixed mappings: inside socket here, outside address there, nothing remembered. */
struct fake {
	struct lab_nat nat;
	struct {
		struct adit_addr in;
		struct adit_addr out;
	} map[4];
	size_t n;
	const struct adit_addr *prefix; /* NAT64: of what IPv4 addresses look like inside */
	unsigned flushes;
	unsigned fragments;
	bool *freed;
};

static const struct adit_addr nat64 = {.ip = {0, 0x64, 0xff, 0x9b}, .family = ADIT_FAMILY_V6};

static struct adit_addr to_v6(const struct fake *n, const struct adit_addr *a)
{
	struct adit_addr r = *n->prefix;

	memcpy(r.ip + 12, a->ip, 4);
	r.port = a->port;
	return r;
}

static struct adit_addr to_v4(const struct adit_addr *a)
{
	return adit_addr_v4(a->ip[12], a->ip[13], a->ip[14], a->ip[15], a->port);
}

static const struct adit_addr *fake_find(const struct fake *n, const struct adit_addr *a, bool by_out)
{
	for (size_t i = 0; i < n->n; i++)
		if (adit_addr_eq(by_out ? &n->map[i].out : &n->map[i].in, a))
			return by_out ? &n->map[i].in : &n->map[i].out;
	return NULL;
}

static enum lab_verdict fake_out(struct lab_nat *nat, adit_time now, const struct lab_flow *f, struct lab_flow *ret)
{
	struct fake *n = adit_container(nat, struct fake, nat);
	const struct adit_addr *src = fake_find(n, &f->src, false);
	const struct adit_addr *dst = fake_find(n, &f->dst, true);

	(void)now;
	n->fragments += f->fragment != LAB_WHOLE;
	if (!src)
		return LAB_DROP;
	if (f->ttl <= 1)
		return LAB_EXPIRED;
	*ret = (struct lab_flow){.src = *src, .dst = n->prefix ? to_v4(&f->dst) : f->dst};
	if (!dst)
		return LAB_FORWARD;
	ret->dst = *dst;
	return LAB_HAIRPIN;
}

static enum lab_verdict fake_in(struct lab_nat *nat, adit_time now, const struct lab_flow *f, struct lab_flow *ret)
{
	struct fake *n = adit_container(nat, struct fake, nat);
	const struct adit_addr *dst = fake_find(n, &f->dst, true);

	(void)now;
	n->fragments += f->fragment != LAB_WHOLE;
	if (!dst)
		return LAB_DROP;
	*ret = (struct lab_flow){.src = n->prefix ? to_v6(n, &f->src) : f->src, .dst = *dst};
	return LAB_FORWARD;
}

static bool fake_icmp(struct lab_nat *nat, adit_time now, struct lab_flow *quoted)
{
	struct fake *n = adit_container(nat, struct fake, nat);
	const struct adit_addr *src = fake_find(n, &quoted->src, true);
	const struct adit_addr *dst = fake_find(n, &quoted->dst, false);

	(void)now;
	if (!src && !dst)
		return false;
	if (src) {
		quoted->src = *src;
		if (n->prefix)
			quoted->dst = to_v6(n, &quoted->dst);
	}
	if (dst) {
		quoted->dst = *dst;
		if (n->prefix)
			quoted->src = to_v4(&quoted->src);
	}
	return true;
}

static void fake_flush(struct lab_nat *nat)
{
	adit_container(nat, struct fake, nat)->flushes++;
}

static void fake_free(struct lab_nat *nat)
{
	struct fake *n = adit_container(nat, struct fake, nat);

	if (n->freed)
		*n->freed = true;
	free(n);
}

static const struct lab_nat_ops fake_ops = {
	.out = fake_out, .in = fake_in, .icmp = fake_icmp, .flush = fake_flush, .free = fake_free};

static struct fake *fake_new(void)
{
	struct fake *n = calloc(1, sizeof(*n));

	assert_non_null(n);
	n->nat.ops = &fake_ops;
	return n;
}

static void fake_map(struct fake *n, struct adit_addr in, struct adit_addr out)
{
	n->map[n->n].in = in;
	n->map[n->n++].out = out;
}

static struct adit_addr v6(uint8_t net, uint8_t last, uint16_t port)
{
	return (struct adit_addr){
		.ip = {0x20, 1, 0xd, 0xb8, 0, 0, 0, net, [15] = last}, .port = port, .family = ADIT_FAMILY_V6};
}

static struct adit_addr in4(uint8_t last, uint16_t port)
{
	return adit_addr_v4(192, 168, 1, last, port);
}

static struct adit_addr out4(uint8_t last, uint16_t port)
{
	return adit_addr_v4(203, 0, 113, last, port);
}

/* A net inside, one outside, and hosts that |open| both families' sockets 4 and 6 at port 5000. */
struct stage {
	struct lab_sim *sim;
	struct lab_net *inside;
	struct lab_net *outside;
	struct puppet a; /* inside */
	struct puppet b;
	struct puppet far; /* outside */
	struct lab_host *a_host;
};

static struct lab_host *stage_host(struct stage *w, struct puppet *p, struct lab_net *n, struct adit_addr a)
{
	struct lab_host *h = lab_host_new(w->sim);

	assert_non_null(lab_host_attach(h, n, &a, NULL));
	puppet_open(p, 4, 5000);
	puppet_do(p, (struct adit_out){
			     .kind = ADIT_OUT_OPEN, .sock = 6, .local = {.family = ADIT_FAMILY_V6, .port = 5000}});
	puppet_join(p, h);
	return h;
}

static void stage_init(struct stage *w, struct adit_addr a, struct adit_addr b, struct adit_addr far)
{
	memset(w, 0, sizeof(*w));
	w->sim = lab_sim_new(1);
	w->inside = lab_net_new(w->sim, NULL);
	w->outside = lab_net_new(w->sim, NULL);
	w->a_host = stage_host(w, &w->a, w->inside, a);
	stage_host(w, &w->b, w->inside, b);
	stage_host(w, &w->far, w->outside, far);
	w->far.echo = true;
}

static void send_ttl(struct stage *w, struct puppet *p, uint32_t sock, struct adit_addr to, uint8_t ttl)
{
	puppet_send(p, sock, to, ttl);
	lab_sim_run(w->sim, lab_sim_now(w->sim) + ADIT_SEC(2));
}

static void send(struct stage *w, struct puppet *p, uint32_t sock, struct adit_addr to)
{
	send_ttl(w, p, sock, to, 0);
}

static void a_plain_router_routes_both_families(void **state)
{
	struct adit_addr lan = in4(1, 0);
	struct adit_addr wan = out4(1, 0);
	struct adit_addr lan6 = v6(1, 1, 0);
	struct adit_addr wan6 = v6(2, 1, 0);
	struct adit_addr home = in4(0, 0);
	struct adit_addr home6 = v6(1, 0, 0);
	struct adit_addr from = in4(2, 5000);
	struct adit_addr b6 = v6(1, 2, 5000);
	struct adit_addr far6 = v6(2, 9, 0);
	struct puppet far = {.echo = true};
	struct lab_router *r;
	struct stage w;

	(void)state;
	stage_init(&w, in4(2, 0), v6(1, 2, 0), out4(9, 0));
	stage_host(&w, &far, w.outside, far6);
	r = lab_router_plain(w.sim, w.inside, &lan, w.outside, &wan, NULL);
	assert_non_null(r);
	assert_int_equal(lab_router_add_plain(r, &lan6, &wan6), 0);
	assert_int_equal(lab_net_add_route(w.outside, &home, 24, r), 0);
	assert_int_equal(lab_net_add_route(w.outside, &home6, 64, r), 0);

	send(&w, &w.a, 4, out4(9, 5000));
	assert_true(adit_addr_eq(&w.far.last.remote, &from));
	assert_int_equal(w.a.inputs, 1);
	send(&w, &w.b, 6, v6(2, 9, 5000));
	assert_true(adit_addr_eq(&far.last.remote, &b6));
	assert_int_equal(w.b.inputs, 1);
	/* From outside, unasked. */
	send(&w, &far, 6, b6);
	assert_int_equal(w.b.inputs, 2);

	/* A TTL ends here, and the router's own ports are closed, on either side and in either family. */
	send_ttl(&w, &w.a, 4, out4(9, 5000), 1);
	assert_int_equal(w.a.last_icmp.type, 11);
	assert_true(adit_addr_eq_ip(&w.a.last_icmp.offender, &lan));
	send_ttl(&w, &far, 6, b6, 1);
	assert_int_equal(far.last_icmp.type, 3);
	assert_true(adit_addr_eq_ip(&far.last_icmp.offender, &wan6));
	send(&w, &w.a, 4, out4(1, 53));
	assert_int_equal(w.a.last_icmp.type, 3);
	assert_true(adit_addr_eq_ip(&w.a.last_icmp.offender, &wan));
	send(&w, &far, 6, adit_addr_with_port(wan6, 53));
	assert_int_equal(far.last_icmp.type, 1);
	/* An error from further on passes as it is. */
	send(&w, &w.a, 4, out4(9, 81));
	assert_int_equal(w.a.last_icmp.type, 3);
	assert_true(adit_addr_eq_ip(&w.a.last_icmp.offender, &w.far.last.local));
	lab_sim_free(w.sim);
}

static void the_longest_prefix_counts(void **state)
{
	struct adit_addr lan = in4(1, 0);
	struct adit_addr lan_b = in4(3, 0);
	struct adit_addr wan = out4(1, 0);
	struct adit_addr wan_b = out4(3, 0);
	struct adit_addr all = adit_addr_v4(198, 51, 0, 0, 0);
	struct adit_addr some = adit_addr_v4(198, 51, 100, 128, 0);
	struct lab_router *r;
	struct lab_router *other;
	struct stage w;

	(void)state;
	stage_init(&w, in4(2, 0), in4(4, 0), out4(9, 0));
	r = lab_router_plain(w.sim, w.inside, &lan, w.outside, &wan, NULL);
	other = lab_router_plain(w.sim, w.inside, &lan_b, w.outside, &wan_b, NULL);
	assert_int_equal(lab_net_add_route(w.inside, &all, 16, r), 0);
	assert_int_equal(lab_net_add_route(w.inside, &some, 25, other), 0);
	send_ttl(&w, &w.a, 4, adit_addr_v4(198, 51, 100, 127, 1), 1);
	assert_true(adit_addr_eq_ip(&w.a.last_icmp.offender, &lan));
	send_ttl(&w, &w.a, 4, adit_addr_v4(198, 51, 100, 128, 1), 1);
	assert_true(adit_addr_eq_ip(&w.a.last_icmp.offender, &lan_b));
	lab_sim_free(w.sim);
}

static void a_packet_turned_around_comes_back_inside(void **state)
{
	struct adit_addr lan = in4(1, 0);
	struct adit_addr wan = out4(1, 0);
	struct adit_addr seen = out4(1, 40002);
	struct adit_addr target = out4(1, 40003);
	struct fake *n = fake_new();
	struct stage w;

	(void)state;
	stage_init(&w, in4(2, 0), in4(3, 0), out4(9, 0));
	fake_map(n, in4(2, 5000), seen);
	fake_map(n, in4(3, 5000), target);
	assert_non_null(lab_router_new(w.sim, &n->nat, w.inside, &lan, w.outside, &wan, NULL));
	send(&w, &w.a, 4, target);
	assert_int_equal(w.b.inputs, 1);
	assert_true(adit_addr_eq(&w.b.last.remote, &seen));
	/* Through the router: one TTL is used up. */
	send_ttl(&w, &w.a, 4, target, 1);
	assert_int_equal(w.a.last_icmp.type, 11);
	assert_int_equal(w.b.inputs, 1);
	/* An error about such a packet finds its way back, and hides who sent it. */
	puppet_do(&w.b, (struct adit_out){.kind = ADIT_OUT_CLOSE, .sock = 4});
	lab_machine_wake(w.b.machine);
	send(&w, &w.a, 4, target);
	assert_int_equal(w.a.icmps, 2);
	assert_int_equal(w.a.last_icmp.type, 3);
	assert_true(adit_addr_eq(&w.a.last_icmp.remote, &target));
	assert_true(adit_addr_eq_ip(&w.a.last_icmp.offender, &target));
	lab_sim_free(w.sim);
}

static void a_pool_has_several_addresses_outside(void **state)
{
	struct adit_addr lan = in4(1, 0);
	struct adit_addr wan = out4(1, 0);
	struct adit_addr more = out4(2, 0);
	struct adit_addr seen_a = out4(1, 1000);
	struct adit_addr seen_b = out4(2, 1000);
	struct fake *n = fake_new();
	struct lab_router *r;
	struct stage w;

	(void)state;
	stage_init(&w, in4(2, 0), in4(3, 0), out4(9, 0));
	fake_map(n, in4(2, 5000), seen_a);
	fake_map(n, in4(3, 5000), seen_b);
	r = lab_router_new(w.sim, &n->nat, w.inside, &lan, w.outside, &wan, NULL);
	assert_int_equal(lab_router_add_wan(r, &more), 0);
	assert_int_equal(lab_router_add_wan(r, &more), ADIT_ENOMEM); /* it is in use */
	send(&w, &w.a, 4, out4(9, 5000));
	assert_true(adit_addr_eq(&w.far.last.remote, &seen_a));
	assert_int_equal(w.a.inputs, 1);
	send(&w, &w.b, 4, out4(9, 5000));
	assert_true(adit_addr_eq(&w.far.last.remote, &seen_b));
	assert_int_equal(w.b.inputs, 1);
	/* The whole pool hangs on one wire. */
	lab_iface_set_cut(lab_router_wan(r), true);
	send(&w, &w.b, 4, out4(9, 5000));
	assert_int_equal(w.b.inputs, 1);
	/* And an error comes from the address that the mapping has. */
	lab_iface_set_cut(lab_router_wan(r), false);
	puppet_do(&w.b, (struct adit_out){.kind = ADIT_OUT_CLOSE, .sock = 4});
	lab_machine_wake(w.b.machine);
	send(&w, &w.far, 4, seen_b);
	assert_int_equal(w.far.last_icmp.type, 3);
	assert_true(adit_addr_eq_ip(&w.far.last_icmp.offender, &more));
	lab_sim_free(w.sim);
}

/* A carrier's NAT around two homes' (RFC 6888): both are behind the same public address. */
static void homes_meet_behind_their_carrier(void **state)
{
	struct adit_addr lan = in4(1, 0);
	struct adit_addr cgn_lan = adit_addr_v4(100, 64, 0, 1, 0);
	struct adit_addr cgn_wan = out4(1, 0);
	struct adit_addr home_b = adit_addr_v4(100, 64, 0, 12, 5000);
	struct adit_addr seen = out4(1, 5000);
	struct lab_linux_config cgn = {.wan = cgn_wan, .lan = cgn_lan, .seed = 1};
	struct lab_net *carrier;
	struct lab_router *r;
	struct puppet p[2] = {0};
	struct stage w;

	(void)state;
	stage_init(&w, in4(8, 0), in4(9, 0), out4(9, 0));
	carrier = lab_net_new(w.sim, NULL);
	r = lab_router_new(w.sim, lab_linux_new(&cgn), carrier, &cgn_lan, w.outside, &cgn_wan, NULL);
	assert_non_null(r);
	for (uint8_t side = 0; side < 2; side++) {
		struct adit_addr wan = adit_addr_v4(100, 64, 0, (uint8_t)(11 + side), 0);
		struct lab_linux_config cfg = {.wan = wan, .lan = lan, .seed = side};
		struct lab_net *home = lab_net_new(w.sim, NULL);

		assert_non_null(lab_router_new(w.sim, lab_linux_new(&cfg), home, &lan, carrier, &wan, NULL));
		stage_host(&w, &p[side], home, in4(2, 0));
	}
	send(&w, &p[0], 4, out4(9, 5000));
	assert_true(adit_addr_eq(&w.far.last.remote, &seen));
	assert_int_equal(p[0].inputs, 1);
	/* Two routers, two TTLs, each with its own address. */
	send_ttl(&w, &p[0], 4, out4(9, 5000), 2);
	assert_int_equal(p[0].last_icmp.type, 11);
	assert_true(adit_addr_eq_ip(&p[0].last_icmp.offender, &cgn_lan));
	/* The neighbour's outer router is reached without the carrier's NAT. */
	send(&w, &p[1], 4, adit_addr_v4(100, 64, 0, 11, 5000));
	send(&w, &p[0], 4, home_b);
	assert_int_equal(p[1].inputs, 1);
	/* The far end answers both. */
	send(&w, &p[1], 4, out4(9, 5000));
	assert_int_equal(p[1].inputs, 2);
	assert_true(w.far.last.remote.port != 5000);
	assert_int_equal(lab_linux_count(lab_router_nat(r), lab_sim_now(w.sim)), 2);
	lab_sim_free(w.sim);
}

static void nat64_stands_between_the_families(void **state)
{
	struct adit_addr lan = v6(1, 1, 0);
	struct adit_addr wan = out4(1, 0);
	struct adit_addr seen = out4(1, 7000);
	struct adit_addr peer = nat64;
	struct adit_addr shown;
	struct fake *n = fake_new();
	struct lab_link_config narrow = {.mtu = 1400};
	static const uint8_t data[1400];
	struct lab_router *r;
	struct stage w;

	(void)state;
	stage_init(&w, v6(1, 2, 0), v6(1, 3, 0), out4(9, 0));
	n->prefix = &nat64;
	fake_map(n, v6(1, 2, 5000), seen);
	memcpy(peer.ip + 12, (uint8_t[]){203, 0, 113, 9}, 4);
	peer.port = 5000;
	r = lab_router_new(w.sim, &n->nat, w.inside, &lan, w.outside, &wan, NULL);
	send(&w, &w.a, 6, peer);
	assert_true(adit_addr_eq(&w.far.last.remote, &seen));
	assert_int_equal(w.a.inputs, 1);
	assert_true(adit_addr_eq(&w.a.last.remote, &peer));
	/* Errors change their numbers with the family (RFC 7915 4.2); an IPv4 offender shows in the prefix. */
	send(&w, &w.a, 6, adit_addr_with_port(peer, 81));
	assert_int_equal(w.a.last_icmp.type, 1);
	assert_int_equal(w.a.last_icmp.code, 4);
	shown = adit_addr_with_port(peer, 0);
	assert_true(adit_addr_eq(&w.a.last_icmp.offender, &shown));
	/* 1400 outside are 1420 inside. */
	lab_iface_set_access(lab_router_wan(r), &narrow, NULL);
	for (size_t len = 1372; len <= 1373; len++) {
		puppet_do(&w.a, (struct adit_out){
					.kind = ADIT_OUT_SEND, .sock = 6, .remote = peer, .data = data, .len = len});
		lab_machine_wake(w.a.machine);
		lab_sim_run(w.sim, lab_sim_now(w.sim) + ADIT_SEC(1));
		assert_int_equal(w.a.last_icmp.type, len == 1372 ? 1 : 2);
	}
	assert_int_equal(w.a.inputs, 2);
	lab_sim_free(w.sim);
}

/* IPv4 behind a NAT, IPv6 as it is: a home of today. */
static void each_family_has_a_nat_of_its_own(void **state)
{
	struct adit_addr lan = in4(1, 0);
	struct adit_addr wan = out4(1, 0);
	struct adit_addr lan6 = v6(1, 1, 0);
	struct adit_addr wan6 = v6(2, 1, 0);
	struct adit_addr home6 = v6(1, 0, 0);
	struct lab_linux_config cfg = {.wan = wan, .lan = lan, .seed = 1};
	struct fake *fw = fake_new();
	struct adit_addr a6 = v6(1, 2, 5000);
	struct puppet far6 = {.echo = true};
	bool freed[2] = {false, false};
	struct fake *late;
	struct lab_router *r;
	struct stage w;

	(void)state;
	stage_init(&w, in4(2, 0), v6(1, 2, 0), out4(9, 0));
	stage_host(&w, &far6, w.outside, v6(2, 9, 0));
	r = lab_router_new(w.sim, lab_linux_new(&cfg), w.inside, &lan, w.outside, &wan, NULL);
	fake_map(fw, a6, a6); /* a firewall that lets one socket pass */
	fw->freed = &freed[0];
	assert_int_equal(lab_router_add_nat(r, &fw->nat, &lan6, &wan6), 0);
	assert_int_equal(lab_net_add_route(w.outside, &home6, 64, r), 0);
	send(&w, &w.a, 4, out4(9, 5000));
	assert_int_equal(w.a.inputs, 1);
	send(&w, &w.b, 6, v6(2, 9, 5000));
	assert_int_equal(w.b.inputs, 1);
	assert_true(adit_addr_eq(&far6.last.remote, &a6));
	send(&w, &far6, 6, v6(1, 2, 5001));
	assert_int_equal(lab_sim_stats(w.sim)->steps[LAB_STEP_REFUSED], 1);
	/* An error of a host that is not translated comes from its own address. */
	puppet_do(&w.b, (struct adit_out){.kind = ADIT_OUT_CLOSE, .sock = 6});
	lab_machine_wake(w.b.machine);
	send(&w, &far6, 6, a6);
	assert_int_equal(far6.last_icmp.code, 4);
	assert_true(adit_addr_eq_ip(&far6.last_icmp.offender, &a6));
	lab_router_reboot(r, 0);
	assert_int_equal(fw->flushes, 1);
	/* What cannot be taken over is freed. */
	late = fake_new();
	late->freed = &freed[1];
	assert_int_equal(lab_router_add_nat(r, &late->nat, &lan6, &wan6), ADIT_ENOMEM);
	assert_true(freed[1]);
	lab_sim_free(w.sim);
	assert_true(freed[0]);
}

static void a_reboot_forgets_and_takes_its_time(void **state)
{
	struct adit_addr lan = in4(1, 0);
	struct adit_addr wan = out4(1, 0);
	struct lab_linux_config cfg = {.wan = wan, .lan = lan, .seed = 1};
	struct lab_router *r;
	struct stage w;

	(void)state;
	stage_init(&w, in4(2, 0), in4(3, 0), out4(9, 0));
	r = lab_router_new(w.sim, lab_linux_new(&cfg), w.inside, &lan, w.outside, &wan, NULL);
	send(&w, &w.a, 4, out4(9, 5000));
	assert_int_equal(w.a.inputs, 1);
	lab_router_reboot(r, ADIT_SEC(3));
	assert_int_equal(lab_linux_count(lab_router_nat(r), lab_sim_now(w.sim)), 0);
	send(&w, &w.far, 4, out4(1, 5000)); /* two seconds pass here */
	send(&w, &w.a, 4, out4(9, 5000));
	assert_int_equal(lab_sim_stats(w.sim)->steps[LAB_STEP_LOST], 2);
	send(&w, &w.far, 4, out4(1, 5000));
	assert_int_equal(lab_sim_stats(w.sim)->steps[LAB_STEP_REFUSED], 1);
	send(&w, &w.a, 4, out4(9, 5000));
	assert_int_equal(w.a.inputs, 2);
	lab_sim_free(w.sim);
}

/* A provider that gives its customer another address: what was mapped is gone, new flows leave from the new one. */
static void a_new_wan_address_is_used_from_then_on(void **state)
{
	struct adit_addr lan = in4(1, 0);
	struct adit_addr wan = out4(1, 0);
	struct adit_addr new = out4(7, 0);
	struct adit_addr seen = out4(7, 5000);
	struct lab_linux_config cfg = {.wan = wan, .lan = lan, .seed = 1};
	struct lab_router *r;
	struct stage w;

	(void)state;
	stage_init(&w, in4(2, 0), in4(3, 0), out4(9, 0));
	r = lab_router_new(w.sim, lab_linux_new(&cfg), w.inside, &lan, w.outside, &wan, NULL);
	send(&w, &w.a, 4, out4(9, 5000));
	assert_int_equal(w.a.inputs, 1);
	assert_int_equal(lab_iface_set_addr(lab_router_wan(r), &new), 0);
	lab_linux_set_wan(lab_router_nat(r), &new);
	send(&w, &w.far, 4, out4(1, 5000));
	assert_int_equal(lab_sim_stats(w.sim)->steps[LAB_STEP_UNREACHABLE], 1);
	send(&w, &w.far, 4, seen);
	assert_int_equal(lab_sim_stats(w.sim)->steps[LAB_STEP_REFUSED], 1);
	send(&w, &w.a, 4, out4(9, 5000));
	assert_int_equal(w.a.inputs, 2);
	assert_true(adit_addr_eq(&w.far.last.remote, &seen));
	lab_sim_free(w.sim);
}

/* Before a mapping is spent on it (ip_forward.c looks at the MTU, the NAT comes after). */
static void what_is_too_large_for_the_other_side_leaves_no_mapping(void **state)
{
	struct adit_addr lan = in4(1, 0);
	struct adit_addr wan = out4(1, 0);
	struct lab_linux_config cfg = {.wan = wan, .lan = lan, .seed = 1};
	struct lab_link_config dsl = {.mtu = 1492};
	static const uint8_t data[1500];
	struct lab_router *r;
	struct stage w;

	(void)state;
	stage_init(&w, in4(2, 0), in4(3, 0), out4(9, 0));
	w.far.echo = false;
	r = lab_router_new(w.sim, lab_linux_new(&cfg), w.inside, &lan, w.outside, &wan, &dsl);
	for (size_t len = 1465; len >= 1464; len--) {
		puppet_do(&w.a,
			  (struct adit_out){
				  .kind = ADIT_OUT_SEND, .sock = 4, .remote = out4(9, 5000), .data = data, .len = len});
		lab_machine_wake(w.a.machine);
		lab_sim_run(w.sim, lab_sim_now(w.sim) + ADIT_SEC(1));
		assert_int_equal(w.a.icmps, 1);
		assert_int_equal(w.a.last_icmp.code, 4);
		assert_true(adit_addr_eq_ip(&w.a.last_icmp.offender, &lan));
		assert_int_equal(lab_linux_count(lab_router_nat(r), lab_sim_now(w.sim)), 1465 - len);
	}
	assert_int_equal(w.far.inputs, 1);
	/* From outside, a wire before the router: the error goes through nobody's NAT. */
	puppet_do(&w.far,
		  (struct adit_out){
			  .kind = ADIT_OUT_SEND, .sock = 4, .remote = out4(1, 5000), .data = data, .len = 1465});
	lab_machine_wake(w.far.machine);
	lab_sim_run(w.sim, lab_sim_now(w.sim) + ADIT_SEC(1));
	assert_int_equal(w.far.last_icmp.type, 3);
	assert_int_equal(w.far.last_icmp.code, 4);
	lab_sim_free(w.sim);
}

static void fragments_reach_the_nat_one_by_one_or_joined(void **state)
{
	struct adit_addr lan = in4(1, 0);
	struct adit_addr wan = out4(1, 0);
	struct lab_link_config access = {.mtu = 1000};
	static const uint8_t data[1800];
	struct adit_addr a = in4(2, 0);

	(void)state;
	for (int joined = 0; joined < 2; joined++) {
		struct fake *n = fake_new();
		struct adit_addr later = adit_addr_with_port(a, 0);
		struct lab_host *h;
		struct lab_router *r;
		struct puppet p = {0};
		struct stage w;

		stage_init(&w, in4(8, 0), in4(9, 0), out4(9, 0));
		w.far.echo = false;
		h = stage_host(&w, &p, w.inside, a);
		lab_host_set_fragments(h, true);
		fake_map(n, adit_addr_with_port(a, 5000), out4(1, 1000));
		if (!joined)
			fake_map(n, later, out4(1, 1000));
		r = lab_router_new(w.sim, &n->nat, w.inside, &lan, w.outside, &wan, &access);
		lab_router_set_defrag(r, joined);
		lab_net_set_core(w.inside, &access);
		puppet_do(&p, (struct adit_out){.kind = ADIT_OUT_SEND,
						.sock = 4,
						.remote = out4(9, 5000),
						.data = data,
						.len = sizeof(data)});
		lab_machine_wake(p.machine);
		lab_sim_run(w.sim, ADIT_SEC(1));
		assert_int_equal(n->fragments, joined ? 0 : 2);
		assert_int_equal(w.far.inputs, 1);
		assert_int_equal(w.far.last.len, sizeof(data));
		assert_int_equal(w.far.last.remote.port, 1000);
		lab_sim_free(w.sim);
	}
}

static void zoo_config(struct lab_zoo_config *cfg, enum lab_zoo_kind kind, struct adit_addr lan, struct adit_addr wan)
{
	lab_zoo_config_init(cfg);
	cfg->kind = kind;
	cfg->lan = lan;
	cfg->wan[0] = wan;
	cfg->wan_count = 1;
	cfg->seed = 1;
}

/* The zoo's NATs where the fake stands above: what the routers do for them fits what they want. */
static void a_zoo_nat_turns_packets_around(void **state)
{
	struct adit_addr lan = in4(1, 0);
	struct adit_addr wan = out4(1, 0);
	struct lab_zoo_config cfg;
	struct adit_addr mapped;
	struct stage w;

	(void)state;
	stage_init(&w, in4(2, 0), in4(3, 0), out4(9, 0));
	zoo_config(&cfg, LAB_ZOO_NAT44, lan, wan);
	cfg.mapping = cfg.filter = LAB_ZOO_EI;
	cfg.hairpin = LAB_ZOO_HAIRPIN_EXTERNAL;
	assert_non_null(lab_router_new(w.sim, lab_zoo_new(&cfg), w.inside, &lan, w.outside, &wan, NULL));
	send(&w, &w.b, 4, out4(9, 5000));
	assert_int_equal(w.b.inputs, 1);
	mapped = w.far.last.remote;
	send(&w, &w.a, 4, mapped);
	assert_int_equal(w.b.inputs, 2);
	assert_true(adit_addr_eq_ip(&w.b.last.remote, &wan));
	/* And back. */
	send(&w, &w.b, 4, w.b.last.remote);
	assert_int_equal(w.a.inputs, 1);
	assert_true(adit_addr_eq(&w.a.last.remote, &mapped));
	lab_sim_free(w.sim);
}

static void the_zoos_nat64_works_with_every_prefix(void **state)
{
	/* RFC 6052 2.4: 192.0.2.33 behind 2001:db8:122:344::/96 and shorter ones. */
	static const struct {
		uint8_t len;
		uint8_t ip[16];
		uint8_t hop[16]; /* 198.51.100.8 behind the same prefix */
	} cases[] = {
		{32, {0x20, 1, 0xd, 0xb8, 192, 0, 2, 33}, {0x20, 1, 0xd, 0xb8, 198, 51, 100, 8}},
		{40, {0x20, 1, 0xd, 0xb8, 1, 192, 0, 2, 0, 33}, {0x20, 1, 0xd, 0xb8, 1, 198, 51, 100, 0, 8}},
		{48,
		 {0x20, 1, 0xd, 0xb8, 1, 0x22, 192, 0, 0, 2, 33},
		 {0x20, 1, 0xd, 0xb8, 1, 0x22, 198, 51, 0, 100, 8}},
		{56,
		 {0x20, 1, 0xd, 0xb8, 1, 0x22, 3, 192, 0, 0, 2, 33},
		 {0x20, 1, 0xd, 0xb8, 1, 0x22, 3, 198, 0, 51, 100, 8}},
		{64,
		 {0x20, 1, 0xd, 0xb8, 1, 0x22, 3, 0x44, 0, 192, 0, 2, 33},
		 {0x20, 1, 0xd, 0xb8, 1, 0x22, 3, 0x44, 0, 198, 51, 100, 8}},
		{96,
		 {0x20, 1, 0xd, 0xb8, 1, 0x22, 3, 0x44, 0, 0, 0, 0, 192, 0, 2, 33},
		 {0x20, 1, 0xd, 0xb8, 1, 0x22, 3, 0x44, 0, 0, 0, 0, 198, 51, 100, 8}},
	};
	struct lab_link_config far_wire = {.hops = 2, .hop_addr = adit_addr_v4(198, 51, 100, 7, 0)};
	struct adit_addr lan = v6(1, 1, 0);
	struct adit_addr wan = out4(1, 0);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct adit_addr peer = {.port = 5000, .family = ADIT_FAMILY_V6};
		struct lab_zoo_config cfg;
		struct stage w;

		memcpy(peer.ip, cases[i].ip, 16);
		stage_init(&w, v6(1, 2, 0), v6(1, 3, 0), adit_addr_v4(192, 0, 2, 33, 0));
		zoo_config(&cfg, LAB_ZOO_NAT64, lan, wan);
		memset(cfg.nat64.prefix, 0, sizeof(cfg.nat64.prefix));
		memcpy(cfg.nat64.prefix, cases[i].ip, cases[i].len / 8);
		cfg.nat64.len = cases[i].len;
		assert_non_null(lab_router_new(w.sim, lab_zoo_new(&cfg), w.inside, &lan, w.outside, &wan, NULL));
		send(&w, &w.a, 6, peer);
		assert_int_equal(w.a.inputs, 1);
		assert_true(adit_addr_eq(&w.a.last.remote, &peer));
		lab_net_set_core(w.outside, &far_wire);
		send_ttl(&w, &w.a, 6, peer, 3); /* the router, one hop, the second one */
		assert_int_equal(w.a.last_icmp.type, 3);
		assert_true(adit_addr_eq(&w.a.last_icmp.remote, &peer));
		assert_memory_equal(w.a.last_icmp.offender.ip, cases[i].hop, 16);
		lab_sim_free(w.sim);
	}
}

static void the_zoos_firewall_lets_answers_in(void **state)
{
	struct adit_addr lan = v6(1, 1, 0);
	struct adit_addr wan = v6(2, 1, 0);
	struct adit_addr home = v6(1, 0, 0);
	struct lab_zoo_config cfg;
	struct lab_router *r;
	struct stage w;

	(void)state;
	stage_init(&w, v6(1, 2, 0), v6(1, 3, 0), v6(2, 9, 0));
	zoo_config(&cfg, LAB_ZOO_FIREWALL, lan, wan);
	cfg.filter = LAB_ZOO_APD;
	cfg.input = LAB_INPUT_DROP;
	r = lab_router_new(w.sim, lab_zoo_new(&cfg), w.inside, &lan, w.outside, &wan, NULL);
	assert_non_null(r);
	assert_int_equal(lab_net_add_route(w.outside, &home, 64, r), 0);
	send(&w, &w.far, 6, v6(1, 2, 5000));
	assert_int_equal(w.a.inputs, 0);
	send(&w, &w.a, 6, v6(2, 9, 5000));
	assert_int_equal(w.a.inputs, 1);
	send(&w, &w.far, 6, v6(1, 2, 5000));
	assert_int_equal(w.a.inputs, 2);
	send(&w, &w.far, 6, v6(1, 3, 5000));
	assert_int_equal(w.b.inputs, 0);
	lab_sim_free(w.sim);
}

/* RFC 4787 REQ-14: a NAT may wait for the first fragment; the router keeps the others for it. */
static void early_fragments_wait_for_the_first_one(void **state)
{
	struct adit_addr lan = in4(1, 0);
	struct adit_addr wan = out4(1, 0);
	struct lab_link_config home = {.mtu = 1000, .reorder_ppm = 500000, .reorder_hold = ADIT_MS(9)};
	static const uint8_t data[1800];
	unsigned inputs[2];

	(void)state;
	for (int holds = 0; holds < 2; holds++) {
		struct lab_zoo_config cfg;
		struct stage w;

		stage_init(&w, in4(2, 0), in4(3, 0), out4(9, 0));
		w.far.echo = false;
		zoo_config(&cfg, LAB_ZOO_NAT44, lan, wan);
		cfg.fragments = holds ? LAB_ZOO_FRAGMENTS_ANY_ORDER : LAB_ZOO_FRAGMENTS_IN_ORDER;
		assert_non_null(lab_router_new(w.sim, lab_zoo_new(&cfg), w.inside, &lan, w.outside, &wan, NULL));
		lab_net_set_core(w.inside, &home);
		lab_host_set_fragments(w.a_host, true);
		for (unsigned i = 0; i < 200; i++) {
			puppet_do(&w.a, (struct adit_out){.kind = ADIT_OUT_SEND,
							  .sock = 4,
							  .remote = out4(9, 5000),
							  .data = data,
							  .len = sizeof(data)});
			lab_machine_wake(w.a.machine);
			lab_sim_run(w.sim, lab_sim_now(w.sim) + ADIT_MS(50));
		}
		inputs[holds] = w.far.inputs;
		lab_sim_free(w.sim);
	}
	assert_int_equal(inputs[1], 200);
	/* A quarter comes the other way round. */
	assert_in_range(inputs[0], 125, 175);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_plain_router_routes_both_families),
		cmocka_unit_test(the_longest_prefix_counts),
		cmocka_unit_test(a_packet_turned_around_comes_back_inside),
		cmocka_unit_test(a_pool_has_several_addresses_outside),
		cmocka_unit_test(homes_meet_behind_their_carrier),
		cmocka_unit_test(nat64_stands_between_the_families),
		cmocka_unit_test(each_family_has_a_nat_of_its_own),
		cmocka_unit_test(a_reboot_forgets_and_takes_its_time),
		cmocka_unit_test(a_new_wan_address_is_used_from_then_on),
		cmocka_unit_test(what_is_too_large_for_the_other_side_leaves_no_mapping),
		cmocka_unit_test(a_zoo_nat_turns_packets_around),
		cmocka_unit_test(the_zoos_nat64_works_with_every_prefix),
		cmocka_unit_test(the_zoos_firewall_lets_answers_in),
		cmocka_unit_test(early_fragments_wait_for_the_first_one),
		cmocka_unit_test(fragments_reach_the_nat_one_by_one_or_joined),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
