/*
 * Each rule of Linux' masquerade, as the kernel was seen to follow it (5.10 to 6.18). tests/net/ asks the kernel
 * itself.
 */
#include "test.h"

#include <string.h>

#include "base/bytes.h"
#include "lab/lab_linux.h"

#define SEC(n) ADIT_SEC(n)

static struct adit_addr inside(uint16_t port)
{
	return adit_addr_v4(192, 168, 1, 2, port);
}

static struct adit_addr wan(uint16_t port)
{
	return adit_addr_v4(203, 0, 113, 1, port);
}

static struct adit_addr peer(uint16_t port)
{
	return adit_addr_v4(203, 0, 113, 9, port);
}

static struct adit_addr other(uint16_t port)
{
	return adit_addr_v4(198, 51, 100, 7, port);
}

static struct lab_nat *nat_new(enum lab_input input, bool random)
{
	struct lab_linux_config cfg = {
		.wan = wan(0),
		.lan = adit_addr_v4(192, 168, 1, 1, 0),
		.input = input,
		.random = random,
		.seed = 1,
	};
	struct lab_nat *n = lab_linux_new(&cfg);

	assert_non_null(n);
	return n;
}

/* The port that a packet from inside leaves with; it must be let through. */
static uint16_t out_port(struct lab_nat *n, adit_time now, struct adit_addr src, struct adit_addr dst)
{
	struct lab_flow f = {.src = src, .dst = dst, .ttl = 64};
	struct adit_addr from = wan(0);
	struct lab_flow g;

	assert_int_equal(n->ops->out(n, now, &f, &g), LAB_FORWARD);
	assert_true(adit_addr_eq_ip(&g.src, &from));
	assert_true(adit_addr_eq(&g.dst, &dst));
	return g.src.port;
}

static enum lab_verdict out_ttl(struct lab_nat *n, adit_time now, struct adit_addr src, struct adit_addr dst,
				uint8_t ttl)
{
	struct lab_flow f = {.src = src, .dst = dst, .ttl = ttl};
	struct lab_flow g;

	return n->ops->out(n, now, &f, &g);
}

static enum lab_verdict in(struct lab_nat *n, adit_time now, struct adit_addr src, uint16_t port,
			   struct adit_addr *ret_dst)
{
	struct lab_flow f = {.src = src, .dst = wan(port), .ttl = 64};
	struct lab_flow g;
	enum lab_verdict v = n->ops->in(n, now, &f, &g);

	if (v == LAB_FORWARD) {
		assert_true(adit_addr_eq(&g.src, &src));
		*ret_dst = g.dst;
	}
	return v;
}

static enum lab_verdict in_only(struct lab_nat *n, adit_time now, struct adit_addr src, uint16_t port)
{
	struct adit_addr a;

	return in(n, now, src, port, &a);
}

static void a_flow_keeps_its_port(void **state)
{
	struct lab_nat *n = nat_new(LAB_INPUT_DROP, false);

	(void)state;
	assert_int_equal(out_port(n, 0, inside(5555), peer(7777)), 5555);
	assert_int_equal(out_port(n, 1, inside(5555), other(80)), 5555);
	assert_int_equal(out_port(n, 2, inside(53), peer(7777)), 53);
	assert_int_equal(n->stats.mappings, 3);
	assert_int_equal(n->stats.moved, 0);
	lab_nat_free(n);
}

static void only_the_one_that_was_asked_gets_in(void **state)
{
	struct lab_nat *n = nat_new(LAB_INPUT_DROP, false);
	struct adit_addr a = {0};
	struct adit_addr want = inside(5555);

	(void)state;
	(void)out_port(n, 0, want, peer(7777));
	assert_int_equal(in(n, 1, peer(7777), 5555, &a), LAB_FORWARD);
	assert_true(adit_addr_eq(&a, &want));
	assert_int_equal(in_only(n, 1, peer(7778), 5555), LAB_DROP);
	assert_int_equal(in_only(n, 1, other(7777), 5555), LAB_DROP);
	assert_int_equal(in_only(n, 1, peer(7777), 5556), LAB_DROP);
	lab_nat_free(n);
}

static void two_hosts_with_one_port_are_kept_apart(void **state)
{
	struct lab_nat *n = nat_new(LAB_INPUT_DROP, false);
	struct adit_addr second = adit_addr_v4(192, 168, 1, 3, 5555);
	struct adit_addr a = {0};
	uint16_t port;

	(void)state;
	assert_int_equal(out_port(n, 0, inside(5555), peer(7777)), 5555);
	port = out_port(n, 0, second, peer(7777));
	assert_int_not_equal(port, 5555);
	assert_true(port >= 1024);
	/* Toward somebody else the port would be free, but what the socket has is tried first. */
	assert_int_equal(out_port(n, 0, second, other(80)), port);
	assert_int_equal(in(n, 1, peer(7777), port, &a), LAB_FORWARD);
	assert_true(adit_addr_eq(&a, &second));
	lab_nat_free(n);
}

static void a_moved_port_stays_in_its_class(void **state)
{
	struct lab_nat *n = nat_new(LAB_INPUT_DROP, false);
	struct adit_addr second = adit_addr_v4(192, 168, 1, 3, 0);

	(void)state;
	for (uint16_t dst = 1; dst < 200; dst++) {
		uint16_t low;
		uint16_t mid;

		(void)out_port(n, 0, inside(53), peer(dst));
		(void)out_port(n, 0, inside(700), peer(dst));
		second.ip[3] = (uint8_t)dst;
		second.ip[2] = 2; /* another host each time, so that no earlier mapping is preferred */
		low = out_port(n, 0, adit_addr_with_port(second, 53), peer(dst));
		mid = out_port(n, 0, adit_addr_with_port(second, 700), peer(dst));
		assert_true(low >= 1 && low < 512 && low != 53);
		assert_true(mid >= 600 && mid < 1024 && mid != 700);
	}
	lab_nat_free(n);
}

static void an_early_packet_takes_the_port_where_input_is_accepted(void **state)
{
	struct lab_nat *n = nat_new(LAB_INPUT_ACCEPT, false);
	struct adit_addr a;
	uint16_t port;

	(void)state;
	assert_int_equal(in_only(n, 0, peer(5555), 5555), LAB_LOCAL);
	assert_int_equal(n->stats.local, 1);
	port = out_port(n, SEC(1), inside(5555), peer(5555));
	assert_int_not_equal(port, 5555);
	assert_int_equal(n->stats.moved, 1);
	/* The peer's packets go on to the router itself, not inside. */
	assert_int_equal(in_only(n, SEC(2), peer(5555), 5555), LAB_LOCAL);
	assert_int_equal(in(n, SEC(2), peer(5555), port, &a), LAB_FORWARD);
	/* Another peer is not concerned. */
	assert_int_equal(out_port(n, SEC(2), inside(6666), peer(6666)), 6666);
	lab_nat_free(n);
}

static void a_refused_early_packet_takes_nothing(void **state)
{
	static const enum lab_input inputs[] = {LAB_INPUT_DROP, LAB_INPUT_REJECT};
	static const enum lab_verdict verdicts[] = {LAB_DROP, LAB_REJECT};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(inputs); i++) {
		struct lab_nat *n = nat_new(inputs[i], false);

		for (int k = 0; k < 10; k++)
			assert_int_equal(in_only(n, (adit_time)k, peer(5555), 5555), verdicts[i]);
		assert_int_equal(lab_linux_count(n, 10), 0);
		assert_int_equal(n->stats.refused, 10);
		assert_int_equal(out_port(n, 10, inside(5555), peer(5555)), 5555);
		lab_nat_free(n);
	}
}

static void every_early_packet_keeps_the_clash_alive(void **state)
{
	struct lab_nat *n = nat_new(LAB_INPUT_ACCEPT, false);
	adit_time t = 0;

	(void)state;
	for (; t < SEC(200); t += SEC(29))
		assert_int_equal(in_only(n, t, peer(5555), 5555), LAB_LOCAL);
	t -= SEC(29);
	assert_int_equal(n->stats.local, 1);
	assert_int_not_equal(out_port(n, t + SEC(30) - 1, inside(5555), peer(5555)), 5555);
	lab_nat_free(n);

	/* Unless nothing came for thirty seconds. */
	n = nat_new(LAB_INPUT_ACCEPT, false);
	assert_int_equal(in_only(n, 0, peer(5555), 5555), LAB_LOCAL);
	assert_int_equal(out_port(n, SEC(30), inside(5555), peer(5555)), 5555);
	lab_nat_free(n);
}

static void a_rule_added_later_does_not_end_the_clash(void **state)
{
	struct lab_nat *n = nat_new(LAB_INPUT_ACCEPT, false);

	(void)state;
	assert_int_equal(in_only(n, 0, peer(5555), 5555), LAB_LOCAL);
	lab_linux_set_input(n, LAB_INPUT_DROP);
	for (adit_time t = SEC(20); t <= SEC(100); t += SEC(20))
		assert_int_equal(in_only(n, t, peer(5555), 5555), LAB_DROP);
	assert_int_not_equal(out_port(n, SEC(110), inside(5555), peer(5555)), 5555);
	lab_nat_free(n);
}

static void a_moved_flow_stays_moved_while_it_is_used(void **state)
{
	struct lab_nat *n = nat_new(LAB_INPUT_ACCEPT, false);
	uint16_t port;
	adit_time t;

	(void)state;
	assert_int_equal(in_only(n, 0, peer(5555), 5555), LAB_LOCAL);
	port = out_port(n, SEC(1), inside(5555), peer(5555));
	for (t = SEC(2); t < SEC(120); t += SEC(10))
		assert_int_equal(out_port(n, t, inside(5555), peer(5555)), port);
	/* Silent for long enough, it starts anew. */
	assert_int_equal(out_port(n, t + SEC(60), inside(5555), peer(5555)), 5555);
	lab_nat_free(n);
}

static void a_packet_with_ttl_1_from_inside_leaves_nothing(void **state)
{
	struct lab_nat *n = nat_new(LAB_INPUT_ACCEPT, false);

	(void)state;
	assert_int_equal(out_ttl(n, 0, inside(5555), peer(5555), 1), LAB_EXPIRED);
	assert_int_equal(lab_linux_count(n, 0), 0);
	assert_int_equal(in_only(n, 1, peer(5555), 5555), LAB_LOCAL);
	lab_nat_free(n);
}

static void a_packet_with_ttl_2_opens_the_way(void **state)
{
	struct lab_nat *n = nat_new(LAB_INPUT_ACCEPT, false);

	(void)state;
	assert_int_equal(out_ttl(n, 0, inside(5555), peer(5555), 2), LAB_FORWARD);
	assert_int_equal(lab_linux_count(n, 0), 1);
	assert_int_equal(in_only(n, 1, peer(5555), 5555), LAB_FORWARD);
	lab_nat_free(n);
}

static void a_packet_with_ttl_1_is_delivered_to_the_router_itself(void **state)
{
	struct lab_nat *n = nat_new(LAB_INPUT_ACCEPT, false);
	struct lab_flow f = {.src = peer(5555), .dst = wan(5555), .ttl = 1};
	struct lab_flow g;

	(void)state;
	assert_int_equal(n->ops->in(n, 0, &f, &g), LAB_LOCAL);
	assert_int_not_equal(out_port(n, 1, inside(5555), peer(5555)), 5555);
	lab_nat_free(n);
}

static void a_packet_with_ttl_1_dies_on_its_way_inside_but_refreshes(void **state)
{
	struct lab_nat *n = nat_new(LAB_INPUT_DROP, false);
	struct lab_flow f = {.src = peer(5555), .dst = wan(5555), .ttl = 1};
	struct lab_flow g;

	(void)state;
	(void)out_port(n, 0, inside(5555), peer(5555));
	assert_int_equal(n->ops->in(n, SEC(20), &f, &g), LAB_EXPIRED);
	assert_int_equal(in_only(n, SEC(49), peer(5555), 5555), LAB_FORWARD);
	/* The same from inside. */
	assert_int_equal(out_ttl(n, SEC(60), inside(5555), peer(5555), 1), LAB_EXPIRED);
	assert_int_equal(in_only(n, SEC(60) + SEC(119), peer(5555), 5555), LAB_FORWARD);
	lab_nat_free(n);
}

static void an_unanswered_flow_lives_30_seconds(void **state)
{
	struct lab_nat *n = nat_new(LAB_INPUT_DROP, false);

	(void)state;
	(void)out_port(n, 0, inside(5555), peer(5555));
	(void)out_port(n, SEC(10), inside(5555), peer(5555));
	assert_int_equal(lab_linux_count(n, SEC(40) - 1), 1);
	assert_int_equal(lab_linux_count(n, SEC(40)), 0);
	assert_int_equal(in_only(n, SEC(40), peer(5555), 5555), LAB_DROP);
	lab_nat_free(n);
}

static void an_answered_flow_lives_120_seconds_once_it_is_two_seconds_old(void **state)
{
	struct lab_nat *n = nat_new(LAB_INPUT_DROP, false);

	(void)state;
	(void)out_port(n, 0, inside(5555), peer(5555));
	/* Both ways, but young: still the short time-out. */
	assert_int_equal(in_only(n, SEC(1), peer(5555), 5555), LAB_FORWARD);
	(void)out_port(n, SEC(2), inside(5555), peer(5555));
	assert_int_equal(lab_linux_count(n, SEC(32) - 1), 1);
	assert_int_equal(lab_linux_count(n, SEC(32)), 0);
	/* Used later than that: the long one. */
	(void)out_port(n, SEC(3), inside(5555), peer(5555));
	assert_int_equal(lab_linux_count(n, SEC(123) - 1), 1);
	assert_int_equal(lab_linux_count(n, SEC(123)), 0);
	lab_nat_free(n);
}

static void the_first_answer_itself_still_gets_the_short_time_out(void **state)
{
	struct lab_nat *n = nat_new(LAB_INPUT_DROP, false);

	(void)state;
	(void)out_port(n, 0, inside(5555), peer(5555));
	assert_int_equal(in_only(n, SEC(10), peer(5555), 5555), LAB_FORWARD);
	assert_int_equal(lab_linux_count(n, SEC(40) - 1), 1);
	assert_int_equal(lab_linux_count(n, SEC(40)), 0);
	assert_int_equal(in_only(n, SEC(11), peer(5555), 5555), LAB_FORWARD);
	assert_int_equal(lab_linux_count(n, SEC(131) - 1), 1);
	lab_nat_free(n);
}

static void time_outs_can_be_set(void **state)
{
	struct lab_linux_config cfg = {.wan = wan(0), .unreplied = SEC(3), .replied = SEC(7)};
	struct lab_nat *n = lab_linux_new(&cfg);

	(void)state;
	(void)out_port(n, 0, inside(5555), peer(5555));
	assert_int_equal(lab_linux_count(n, SEC(3) - 1), 1);
	assert_int_equal(lab_linux_count(n, SEC(3)), 0);
	(void)out_port(n, SEC(10), inside(5555), peer(5555));
	assert_int_equal(in_only(n, SEC(11), peer(5555), 5555), LAB_FORWARD);
	assert_int_equal(in_only(n, SEC(13), peer(5555), 5555), LAB_FORWARD);
	assert_int_equal(lab_linux_count(n, SEC(20) - 1), 1);
	assert_int_equal(lab_linux_count(n, SEC(20)), 0);
	lab_nat_free(n);
}

static void a_reboot_forgets_everything(void **state)
{
	struct lab_nat *n = nat_new(LAB_INPUT_ACCEPT, false);

	(void)state;
	(void)out_port(n, 0, inside(5555), peer(5555));
	assert_int_equal(in_only(n, 1, peer(5555), 5555), LAB_FORWARD);
	n->ops->flush(n);
	assert_int_equal(lab_linux_count(n, 1), 0);
	/* A peer that goes on sending takes the port. */
	assert_int_equal(in_only(n, 2, peer(5555), 5555), LAB_LOCAL);
	assert_int_not_equal(out_port(n, 3, inside(5555), peer(5555)), 5555);
	lab_nat_free(n);
}

static void random_masquerade_gives_each_flow_another_port(void **state)
{
	struct lab_nat *n = nat_new(LAB_INPUT_DROP, true);
	uint16_t seen[20];

	(void)state;
	for (uint16_t i = 0; i < ARRAY_LEN(seen); i++) {
		seen[i] = out_port(n, 0, inside(5555), peer((uint16_t)(1000 + i)));
		assert_true(seen[i] >= 1024);
		assert_int_not_equal(seen[i], 5555);
		for (uint16_t j = 0; j < i; j++)
			assert_int_not_equal(seen[i], seen[j]);
		assert_int_equal(out_port(n, 1, inside(5555), peer((uint16_t)(1000 + i))), seen[i]);
	}
	lab_nat_free(n);
}

static void a_forwarded_port_lets_everybody_in(void **state)
{
	struct lab_linux_config cfg = {
		.wan = wan(0), .input = LAB_INPUT_DROP, .forwards = {{.port = 8080, .to = inside(80)}}};
	struct lab_nat *n = lab_linux_new(&cfg);
	struct lab_flow f = {.src = peer(7), .dst = wan(8080), .ttl = 1};
	struct adit_addr want = inside(80);
	struct lab_flow g;
	struct adit_addr a;

	(void)state;
	assert_int_equal(n->ops->in(n, 0, &f, &g), LAB_EXPIRED);
	assert_int_equal(lab_linux_count(n, 0), 0);
	assert_int_equal(in(n, 0, peer(7), 8080, &a), LAB_FORWARD);
	assert_true(adit_addr_eq(&a, &want));
	assert_int_equal(in_only(n, 0, other(7), 8080), LAB_FORWARD);
	assert_int_equal(in_only(n, 0, other(7), 80), LAB_DROP);
	/* The answers go out from where they were asked. */
	assert_int_equal(out_port(n, 1, inside(80), peer(7)), 8080);
	assert_int_equal(lab_linux_count(n, 1), 2);
	/* What the host says to others does not. */
	assert_int_equal(out_port(n, 1, inside(80), peer(9)), 80);
	lab_nat_free(n);
}

static void who_comes_to_a_forwarded_port_after_he_was_called_is_shown_with_another_port(void **state)
{
	struct lab_linux_config cfg = {
		.wan = wan(0), .input = LAB_INPUT_DROP, .forwards = {{.port = 8080, .to = inside(80)}}};
	struct lab_nat *n = lab_linux_new(&cfg);
	struct lab_flow f = {.src = peer(7), .dst = wan(8080), .ttl = 64};
	struct adit_addr want = inside(80);
	struct lab_flow g;

	(void)state;
	assert_int_equal(out_port(n, 0, inside(80), peer(7)), 80);
	assert_int_equal(n->ops->in(n, 1, &f, &g), LAB_FORWARD);
	assert_true(adit_addr_eq(&g.dst, &want));
	assert_true(adit_addr_eq_ip(&g.src, &f.src));
	assert_true(g.src.port != 7 && g.src.port >= 1 && g.src.port < 512);
	/* Answers to it find back to port 7. */
	f = (struct lab_flow){.src = inside(80), .dst = g.src, .ttl = 64};
	assert_int_equal(n->ops->out(n, 2, &f, &g), LAB_FORWARD);
	assert_int_equal(g.src.port, 8080);
	assert_int_equal(g.dst.port, 7);
	assert_int_equal(in_only(n, 3, peer(7), 80), LAB_FORWARD);
	assert_int_equal(in_only(n, 3, peer(8), 8080), LAB_FORWARD);
	lab_nat_free(n);
}

static void errors_find_the_way_back_and_refresh_nothing(void **state)
{
	struct lab_nat *n = nat_new(LAB_INPUT_DROP, false);
	struct adit_addr in_a = inside(5555);
	struct adit_addr in_b = adit_addr_v4(192, 168, 1, 3, 5555);
	uint16_t port;
	struct lab_flow q;

	(void)state;
	(void)out_port(n, 0, in_a, peer(5555));
	port = out_port(n, 0, in_b, peer(5555));
	/* From outside, about what we sent. */
	q = (struct lab_flow){.src = wan(port), .dst = peer(5555)};
	assert_true(n->ops->icmp(n, SEC(29), &q));
	assert_true(adit_addr_eq(&q.src, &in_b));
	q = (struct lab_flow){.src = wan(5555), .dst = peer(5555)};
	assert_true(n->ops->icmp(n, SEC(29), &q));
	assert_true(adit_addr_eq(&q.src, &in_a));
	/* From inside, about what came to us. */
	q = (struct lab_flow){.src = peer(5555), .dst = in_b};
	assert_true(n->ops->icmp(n, SEC(29), &q));
	assert_int_equal(q.dst.port, port);
	assert_true(adit_addr_eq(&q.dst, &(struct adit_addr){.ip = {203, 0, 113, 1}, .port = port, .family = 4}));
	/* About nothing that is known. */
	q = (struct lab_flow){.src = wan(5555), .dst = peer(5556)};
	assert_false(n->ops->icmp(n, SEC(29), &q));
	assert_int_equal(lab_linux_count(n, SEC(30)), 0);
	lab_nat_free(n);
}

static void a_moved_socket_keeps_its_port_also_after_it_talked_to_the_router(void **state)
{
	struct lab_nat *n = nat_new(LAB_INPUT_ACCEPT, false);
	struct lab_flow f = {.src = inside(5555), .dst = adit_addr_v4(192, 168, 1, 1, 53), .ttl = 64};
	struct lab_flow g;
	uint16_t port;

	(void)state;
	assert_int_equal(in_only(n, 0, peer(5555), 5555), LAB_LOCAL);
	port = out_port(n, 1, inside(5555), peer(5555));
	assert_int_not_equal(port, 5555);
	assert_int_equal(n->ops->out(n, 2, &f, &g), LAB_LOCAL);
	assert_int_equal(out_port(n, 3, inside(5555), other(5555)), port);
	lab_nat_free(n);
}

static void protocols_do_not_get_in_each_others_way(void **state)
{
	struct lab_nat *n = nat_new(LAB_INPUT_ACCEPT, false);
	struct lab_flow f = {
		.src = inside(5555), .dst = peer(5555), .proto = LAB_TCP, .ttl = 64, .tcp_flags = LAB_TCP_SYN};
	struct lab_flow g;

	(void)state;
	/* The clash of UDP is none for TCP. */
	assert_int_equal(in_only(n, 0, peer(5555), 5555), LAB_LOCAL);
	assert_int_equal(n->ops->out(n, 1, &f, &g), LAB_FORWARD);
	assert_int_equal(g.src.port, 5555);
	assert_int_equal(g.proto, LAB_TCP);
	assert_int_not_equal(out_port(n, 2, inside(5555), peer(5555)), 5555);
	lab_nat_free(n);
}

static enum lab_verdict tcp_in(struct lab_nat *n, adit_time now, uint16_t port, uint8_t flags)
{
	struct lab_flow f = {.src = peer(80), .dst = wan(port), .proto = LAB_TCP, .ttl = 64, .tcp_flags = flags};
	struct lab_flow g;

	return n->ops->in(n, now, &f, &g);
}

static void tcp_out(struct lab_nat *n, adit_time now, uint16_t port, uint8_t flags)
{
	struct lab_flow f = {.src = inside(port), .dst = peer(80), .proto = LAB_TCP, .ttl = 64, .tcp_flags = flags};
	struct lab_flow g;

	assert_int_equal(n->ops->out(n, now, &f, &g), LAB_FORWARD);
	assert_int_equal(g.src.port, port);
}

static void an_answered_tcp_flow_lives_for_days_and_a_reset_one_for_seconds(void **state)
{
	struct lab_nat *n = nat_new(LAB_INPUT_DROP, false);

	(void)state;
	tcp_out(n, 0, 1, LAB_TCP_SYN);
	assert_int_equal(lab_linux_count(n, SEC(120) - 1), 1);
	assert_int_equal(lab_linux_count(n, SEC(120)), 0);
	tcp_out(n, SEC(200), 1, LAB_TCP_SYN);
	assert_int_equal(tcp_in(n, SEC(200), 1, LAB_TCP_SYN | LAB_TCP_ACK), LAB_FORWARD);
	assert_int_equal(tcp_in(n, SEC(400000), 1, LAB_TCP_ACK), LAB_FORWARD);
	tcp_out(n, SEC(400001), 1, LAB_TCP_FIN | LAB_TCP_ACK);
	assert_int_equal(lab_linux_count(n, SEC(400121) - 1), 1);
	assert_int_equal(tcp_in(n, SEC(400002), 1, LAB_TCP_RST), LAB_FORWARD);
	assert_int_equal(lab_linux_count(n, SEC(400012)), 0);
	lab_nat_free(n);
}

static void a_tcp_flow_whose_only_answer_is_a_reset_is_gone(void **state)
{
	struct lab_nat *n = nat_new(LAB_INPUT_DROP, false);

	(void)state;
	tcp_out(n, 0, 1, LAB_TCP_SYN);
	assert_int_equal(tcp_in(n, 1, 1, LAB_TCP_RST | LAB_TCP_ACK), LAB_FORWARD);
	assert_int_equal(lab_linux_count(n, 1), 0);
	assert_int_equal(tcp_in(n, 2, 1, LAB_TCP_SYN), LAB_DROP);
	lab_nat_free(n);
}

static void tcp_to_the_router_itself_leaves_nothing(void **state)
{
	struct lab_nat *n = nat_new(LAB_INPUT_ACCEPT, false);

	(void)state;
	assert_int_equal(tcp_in(n, 0, 1, LAB_TCP_SYN), LAB_LOCAL);
	assert_int_equal(lab_linux_count(n, 0), 0);
	tcp_out(n, 1, 1, LAB_TCP_SYN);
	lab_nat_free(n);
}

static void an_echo_finds_back_by_its_identifier(void **state)
{
	struct lab_nat *n = nat_new(LAB_INPUT_DROP, false);
	struct adit_addr in_b = adit_addr_v4(192, 168, 1, 3, 77);
	struct lab_flow f = {.src = inside(77), .dst = peer(0), .proto = LAB_PING, .ttl = 64};
	struct lab_flow g;

	(void)state;
	assert_int_equal(n->ops->out(n, 0, &f, &g), LAB_FORWARD);
	assert_int_equal(g.src.port, 77);
	f.src = in_b;
	assert_int_equal(n->ops->out(n, 0, &f, &g), LAB_FORWARD);
	assert_int_not_equal(g.src.port, 77);
	f = (struct lab_flow){.src = g.dst, .dst = g.src, .proto = LAB_PING, .ttl = 64};
	assert_int_equal(n->ops->in(n, SEC(29), &f, &g), LAB_FORWARD);
	assert_true(adit_addr_eq(&g.dst, &in_b));
	/* Answered, it lives no longer than before. */
	assert_int_equal(n->ops->in(n, SEC(59), &f, &g), LAB_DROP);
	lab_nat_free(n);
}

static void an_echo_answer_that_nobody_asked_for_goes_nowhere(void **state)
{
	struct lab_nat *n = nat_new(LAB_INPUT_ACCEPT, false);
	struct lab_flow f = {.src = peer(0), .dst = wan(77), .proto = LAB_PING, .ttl = 64};
	struct lab_flow g;

	(void)state;
	assert_int_equal(n->ops->in(n, 0, &f, &g), LAB_DROP);
	f = (struct lab_flow){.src = inside(0), .dst = peer(77), .proto = LAB_PING, .ttl = 64};
	assert_int_equal(n->ops->out(n, 0, &f, &g), LAB_DROP);
	f.ttl = 1;
	assert_int_equal(n->ops->out(n, 0, &f, &g), LAB_EXPIRED);
	assert_int_equal(lab_linux_count(n, 0), 0);
	lab_nat_free(n);
}

static void an_error_about_the_routers_own_packets_ends_there(void **state)
{
	struct lab_nat *n = nat_new(LAB_INPUT_ACCEPT, false);
	struct lab_flow q = {.src = wan(5555), .dst = peer(5555)};

	(void)state;
	assert_int_equal(in_only(n, 0, peer(5555), 5555), LAB_LOCAL);
	assert_false(n->ops->icmp(n, 1, &q));
	lab_nat_free(n);
}

static void fill_with_ones(void *ctx, void *buf, size_t len)
{
	(void)ctx;
	memset(buf, 0, len);
	memset(buf, 1, 1);
}

static void ports_can_be_drawn_by_somebody_else(void **state)
{
	struct adit_rng rng = {.fill = fill_with_ones};
	struct lab_linux_config cfg = {.wan = wan(0), .random = true, .rng = &rng};
	struct lab_nat *n = lab_linux_new(&cfg);

	(void)state;
	/* The second port of each class; where it is taken, the next. */
	assert_int_equal(out_port(n, 0, inside(5555), peer(1)), 1025);
	assert_int_equal(out_port(n, 0, inside(53), peer(1)), 2);
	assert_int_equal(out_port(n, 0, inside(54), peer(1)), 3);
	assert_int_equal(out_port(n, 0, inside(700), peer(1)), 601);
	lab_nat_free(n);
}

static void a_table_of_thousands_works_like_a_small_one(void **state)
{
	struct lab_nat *n = nat_new(LAB_INPUT_DROP, false);

	(void)state;
	for (unsigned i = 0; i < 20000; i++)
		assert_int_equal(out_port(n, i, inside(5555), peer((uint16_t)(1 + i))), 5555);
	assert_int_equal(lab_linux_count(n, 20000), 20000);
	for (unsigned i = 0; i < 20000; i++)
		assert_int_equal(in_only(n, 20000, peer((uint16_t)(1 + i)), 5555), LAB_FORWARD);
	/* All expired; the next ones find room. */
	for (unsigned i = 0; i < 20000; i++)
		(void)out_port(n, SEC(600), inside(6666), peer((uint16_t)(1 + i)));
	assert_int_equal(lab_linux_count(n, SEC(600)), 20000);
	lab_nat_free(n);
}

static void a_full_port_range_refuses(void **state)
{
	struct lab_nat *n = nat_new(LAB_INPUT_DROP, false);
	struct adit_addr h = adit_addr_v4(192, 168, 0, 0, 53);
	unsigned refused = 0;

	(void)state;
	/* 511 ports below 512, for more hosts than that. */
	for (unsigned i = 1; i <= 600; i++) {
		h.ip[2] = (uint8_t)(2 + (i >> 8));
		h.ip[3] = (uint8_t)i;
		refused += out_ttl(n, 0, h, peer(53), 64) == LAB_DROP;
	}
	assert_true(refused >= 600 - 511);
	assert_true(refused < 600 - 400);
	assert_int_equal(n->stats.full, refused);
	lab_nat_free(n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_flow_keeps_its_port),
		cmocka_unit_test(only_the_one_that_was_asked_gets_in),
		cmocka_unit_test(two_hosts_with_one_port_are_kept_apart),
		cmocka_unit_test(a_moved_port_stays_in_its_class),
		cmocka_unit_test(an_early_packet_takes_the_port_where_input_is_accepted),
		cmocka_unit_test(a_refused_early_packet_takes_nothing),
		cmocka_unit_test(every_early_packet_keeps_the_clash_alive),
		cmocka_unit_test(a_rule_added_later_does_not_end_the_clash),
		cmocka_unit_test(a_moved_flow_stays_moved_while_it_is_used),
		cmocka_unit_test(a_packet_with_ttl_1_from_inside_leaves_nothing),
		cmocka_unit_test(a_packet_with_ttl_2_opens_the_way),
		cmocka_unit_test(a_packet_with_ttl_1_is_delivered_to_the_router_itself),
		cmocka_unit_test(a_packet_with_ttl_1_dies_on_its_way_inside_but_refreshes),
		cmocka_unit_test(an_unanswered_flow_lives_30_seconds),
		cmocka_unit_test(an_answered_flow_lives_120_seconds_once_it_is_two_seconds_old),
		cmocka_unit_test(the_first_answer_itself_still_gets_the_short_time_out),
		cmocka_unit_test(time_outs_can_be_set),
		cmocka_unit_test(a_reboot_forgets_everything),
		cmocka_unit_test(random_masquerade_gives_each_flow_another_port),
		cmocka_unit_test(a_forwarded_port_lets_everybody_in),
		cmocka_unit_test(who_comes_to_a_forwarded_port_after_he_was_called_is_shown_with_another_port),
		cmocka_unit_test(errors_find_the_way_back_and_refresh_nothing),
		cmocka_unit_test(a_moved_socket_keeps_its_port_also_after_it_talked_to_the_router),
		cmocka_unit_test(protocols_do_not_get_in_each_others_way),
		cmocka_unit_test(an_answered_tcp_flow_lives_for_days_and_a_reset_one_for_seconds),
		cmocka_unit_test(a_tcp_flow_whose_only_answer_is_a_reset_is_gone),
		cmocka_unit_test(tcp_to_the_router_itself_leaves_nothing),
		cmocka_unit_test(an_echo_finds_back_by_its_identifier),
		cmocka_unit_test(an_echo_answer_that_nobody_asked_for_goes_nowhere),
		cmocka_unit_test(an_error_about_the_routers_own_packets_ends_there),
		cmocka_unit_test(ports_can_be_drawn_by_somebody_else),
		cmocka_unit_test(a_table_of_thousands_works_like_a_small_one),
		cmocka_unit_test(a_full_port_range_refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
