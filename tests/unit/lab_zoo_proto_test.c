/*
 * What is not plain UDP through a translator: the router's own input and the clash, TTL, ICMP errors, fragments, TCP,
 * echo, and what may not go out.
 */
#include "lab_zoo_rig.h"

static enum lab_verdict send_out(struct lab_nat *n, adit_time now, const struct lab_flow *f, struct lab_flow *g)
{
	return n->ops->out(n, now, f, g);
}

/* --- the router itself --- */

/* What an early packet meets, and what that does to the host it was for (measured on Linux: anchors C.2). */
static struct rig_word ask_input(struct lab_nat *n)
{
	static const char *const words[] = {"forward", "hairpin", "accept", "reject", "drop", "expired"};
	enum lab_verdict v = rig_in(n, 0, rig_remote(0, 5555), rig_wan(0, 5555));
	uint16_t port = rig_port(n, ADIT_SEC(1), rig_host(0, 5555), rig_remote(0, 5555));
	struct rig_word w;

	snprintf(w.text, sizeof(w.text), "%s, %s", words[v], port == 5555 ? "kept" : "moved");
	return w;
}

static void an_early_packet_takes_the_port_only_where_input_is_accepted(void **state)
{
	static const struct rig_axis symmetric = {
		.name = "input",
		.ask = ask_input,
		.cases = {{"home-clash,input=drop", "drop, kept"},
			  {"home-clash,input=reject", "reject, kept"},
			  {"home-clash,input=accept", "accept, moved"}},
	};
	static const struct rig_axis cone = {
		.name = "input of a cone",
		.ask = ask_input,
		.cases = {{"input=drop", "drop, kept"},
			  {"input=reject", "reject, kept"},
			  {"input=accept", "accept, moved"}},
	};
	static const struct rig_axis linux_nat = {
		.name = "input of Linux",
		.ask = ask_input,
		.cases = {{"linux", "drop, kept"}, {"linux-reject", "reject, kept"}, {"linux-accept", "accept, moved"}},
	};

	(void)state;
	rig_check(&symmetric);
	rig_check(&cone);
	rig_check(&linux_nat);
}

/* For how long after the last early packet is the port gone? */
static struct rig_word ask_clash(struct lab_nat *n)
{
	adit_time t = 0;

	for (; t < ADIT_SEC(100); t += ADIT_SEC(4))
		assert_int_equal(rig_in(n, t, rig_remote(0, 5555), rig_wan(0, 5555)), LAB_LOCAL);
	t -= ADIT_SEC(4);
	/* Another peer is not concerned. */
	assert_int_equal(rig_port(n, t, rig_host(0, 5555), rig_remote(1, 5555)), 5555);
	for (long s = 1; s < 100; s++) {
		uint16_t port;

		/* Each try from another host: what was moved stays moved. */
		port = rig_port(n, t + ADIT_SEC(s), rig_host((uint8_t)(1 + s), 5555), rig_remote(0, 5555));
		if (port == 5555)
			return rig_say_number(s);
	}
	return rig_say("never");
}

static void every_early_packet_keeps_the_clash_alive(void **state)
{
	static const struct rig_axis axis = {
		.name = "clash",
		.ask = ask_clash,
		.cases = {{"home-clash", "30"}, {"home-clash,clash=5s", "5"}},
	};
	struct lab_nat *n = rig_new("linux-accept", 0, 1);

	(void)state;
	rig_check(&axis);
	assert_string_equal(ask_clash(n).text, "30");
	lab_nat_free(n);
}

static void a_cone_loses_its_port_toward_the_early_peer_alone(void **state)
{
	struct lab_nat *n = rig_new("filter=apd,input=accept", 0, 1);
	uint16_t moved;

	(void)state;
	assert_int_equal(rig_port(n, 0, rig_host(0, 5555), rig_remote(0, 80)), 5555);
	assert_int_equal(rig_in(n, 1, rig_remote(1, 80), rig_wan(0, 5555)), LAB_LOCAL);
	moved = rig_port(n, 2, rig_host(0, 5555), rig_remote(1, 80));
	assert_int_not_equal(moved, 5555);
	assert_int_equal(rig_port(n, 3, rig_host(0, 5555), rig_remote(1, 80)), moved);
	assert_int_equal(rig_port(n, 3, rig_host(0, 5555), rig_remote(0, 80)), 5555);
	assert_int_equal(rig_port(n, 3, rig_host(0, 5555), rig_remote(2, 80)), 5555);
	assert_true(rig_gets_in(n, 4, rig_remote(1, 80), rig_wan(0, moved)));
	assert_int_equal(rig_in(n, 4, rig_remote(1, 80), rig_wan(0, 5555)), LAB_LOCAL);
	lab_nat_free(n);
}

static void a_refused_packet_leaves_nothing(void **state)
{
	struct lab_nat *n = rig_new("input=drop", 0, 1);

	(void)state;
	for (uint16_t i = 0; i < 100; i++)
		assert_int_equal(rig_in(n, 0, rig_remote(0, i), rig_wan(0, 5555)), LAB_DROP);
	assert_int_equal(n->stats.refused, 100);
	assert_int_equal(n->stats.local, 0);
	lab_nat_free(n);
}

/* --- TTL --- */

/* Does a packet that dies here make a mapping, and does its sender hear of it? Linux: no, yes (measured). */
static struct rig_word ask_ttl(struct lab_nat *n)
{
	struct lab_flow f = {.src = rig_host(0, 5555), .dst = rig_remote(0, 80), .ttl = 1};
	struct lab_flow g;
	enum lab_verdict v = send_out(n, 0, &f, &g);
	struct rig_word w;

	snprintf(w.text, sizeof(w.text), "%s, %s", v == LAB_EXPIRED ? "told" : "silent",
		 rig_gets_in(n, 1, f.dst, rig_wan(0, 5555)) ? "mapping" : "nothing");
	return w;
}

static void a_packet_may_die_of_its_ttl_before_or_after_it_is_mapped(void **state)
{
	static const struct rig_axis axis = {
		.name = "ttl",
		.ask = ask_ttl,
		.cases = {{"filter=apd", "told, nothing"},
			  {"ttl-late=yes", "told, mapping"},
			  {"ttl-silent=yes", "silent, nothing"},
			  {"ttl-silent=yes,ttl-late=yes", "silent, mapping"}},
	};
	struct lab_nat *n = rig_new("linux", 0, 1);

	(void)state;
	rig_check(&axis);
	assert_string_equal(ask_ttl(n).text, "told, nothing");
	lab_nat_free(n);
}

static void a_packet_with_ttl_2_opens_the_way_and_one_with_1_does_not_come_in(void **state)
{
	struct lab_nat *n = rig_new("filter=apd", 0, 1);
	struct lab_flow f = {.src = rig_host(0, 5555), .dst = rig_remote(0, 80), .ttl = 2};
	struct lab_flow g;

	(void)state;
	assert_int_equal(send_out(n, 0, &f, &g), LAB_FORWARD);
	f = (struct lab_flow){.src = rig_remote(0, 80), .dst = g.src, .ttl = 1};
	assert_int_equal(n->ops->in(n, 1, &f, &g), LAB_EXPIRED);
	lab_nat_free(n);
}

/* --- ICMP errors --- */

/*
 * RFC 4787 9, REQ-12: an ICMP error must not end a mapping. RFC 5508 REQ-3, REQ-4: it is passed, with the packet it
 * quotes as that looked on the other side.
 */
static struct rig_word ask_icmp(struct lab_nat *n)
{
	struct adit_addr host = rig_host(0, 5555);
	struct adit_addr to = rig_remote(0, 80);
	struct adit_addr own = rig_out(n, 0, host, to);
	struct lab_flow q = {.src = own, .dst = to};
	bool passed = n->ops->icmp(n, 1, &q);

	if (passed && !(adit_addr_eq(&q.src, &host) && adit_addr_eq(&q.dst, &to)))
		return rig_say("wrong");
	if (!passed)
		return rig_say("drop");
	return rig_say(rig_gets_in(n, 2, to, own) ? "pass" : "kill");
}

static void icmp_errors_pass_and_end_nothing_as_req12_wants(void **state)
{
	static const struct rig_axis axis = {
		.name = "icmp",
		.ask = ask_icmp,
		.cases = {{"icmp=pass", "pass"}, {"icmp=drop", "drop"}, {"icmp=kill", "kill"}},
	};
	struct lab_nat *n = rig_new("ports=random", 0, 1);
	struct adit_addr own = rig_out(n, 0, rig_host(0, 5555), rig_remote(0, 80));
	struct adit_addr to = rig_remote(0, 80);
	/* From inside: about what came in. */
	struct lab_flow q = {.src = to, .dst = rig_host(0, 5555)};
	struct lab_flow unknown = {.src = rig_wan(0, 4), .dst = to};

	(void)state;
	rig_check(&axis);
	assert_true(n->ops->icmp(n, 1, &q));
	assert_true(adit_addr_eq(&q.src, &to) && adit_addr_eq(&q.dst, &own));
	/* RFC 5508 REQ-3a: about no flow that is known. */
	assert_false(n->ops->icmp(n, 1, &unknown));
	lab_nat_free(n);
}

/* RFC 5508 REQ-6: an error neither refreshes nor ends a session. */
static void icmp_errors_refresh_nothing(void **state)
{
	struct lab_nat *n = rig_new("timeout=60s,refresh=both", 0, 1);
	struct adit_addr own = rig_out(n, 0, rig_host(0, 5555), rig_remote(0, 80));
	struct lab_flow q = {.src = own, .dst = rig_remote(0, 80)};

	(void)state;
	assert_true(n->ops->icmp(n, ADIT_SEC(59), &q));
	assert_false(rig_gets_in(n, ADIT_SEC(60), rig_remote(0, 80), own));
	lab_nat_free(n);
}

/* --- fragments --- */

/*
 * RFC 4787 11, REQ-14: a NAT must receive fragments, in order and out of order. |first| and |later| are those of one
 * datagram that comes in.
 */
static struct rig_word ask_fragments(struct lab_nat *n)
{
	struct adit_addr own = rig_out(n, 0, rig_host(0, 5555), rig_remote(0, 80));
	struct lab_flow first = {
		.src = rig_remote(0, 80), .dst = own, .ttl = 64, .fragment = LAB_FRAGMENT_FIRST, .fragment_id = 7};
	struct lab_flow later = {.src = rig_remote(0, 0),
				 .dst = adit_addr_with_port(own, 0),
				 .ttl = 64,
				 .fragment = LAB_FRAGMENT_LATER,
				 .fragment_id = 7};
	struct adit_addr inside = rig_host(0, 0);
	struct lab_flow g;
	bool held;

	assert_int_equal(n->ops->in(n, 1, &later, &g), LAB_DROP);
	held = lab_nat_holds(n, 1, false, &later);
	if (n->ops->in(n, 2, &first, &g) != LAB_FORWARD)
		return rig_say("drop");
	/* In order, or offered again. */
	if (n->ops->in(n, 3, &later, &g) != LAB_FORWARD || !adit_addr_eq(&g.dst, &inside))
		return rig_say("lost");
	later.fragment_id = 8;
	if (n->ops->in(n, 4, &later, &g) != LAB_DROP)
		return rig_say("of any datagram");
	return rig_say(held ? "any" : "ordered");
}

static void fragments_pass_in_any_order_as_req14_wants(void **state)
{
	static const struct rig_axis axis = {
		.name = "fragments",
		.ask = ask_fragments,
		.cases = {{"fragments=any", "any"}, {"fragments=ordered", "ordered"}, {"fragments=drop", "drop"}},
	};

	(void)state;
	rig_check(&axis);
}

static void fragments_go_out_from_where_their_first_did(void **state)
{
	struct lab_nat *n = rig_new("ports=random,pooling=arbitrary", RIG_POOL, 1);
	struct lab_flow first = {.src = rig_host(0, 5555), .dst = rig_remote(0, 80), .ttl = 64};
	struct lab_flow later = {.src = rig_host(0, 0), .dst = rig_remote(0, 0), .ttl = 64};
	struct lab_flow a;
	struct lab_flow b;

	(void)state;
	for (uint16_t id = 0; id < 40; id++) {
		first.src.port++;
		first.fragment = LAB_FRAGMENT_FIRST;
		later.fragment = LAB_FRAGMENT_LATER;
		first.fragment_id = later.fragment_id = id;
		assert_int_equal(send_out(n, id, &first, &a), LAB_FORWARD);
		assert_int_equal(send_out(n, id, &later, &b), LAB_FORWARD);
		assert_true(adit_addr_eq_ip(&a.src, &b.src));
		assert_int_equal(b.src.port, 0);
	}
	/* Not for ever. */
	assert_int_equal(send_out(n, ADIT_SEC(31), &later, &b), LAB_DROP);
	lab_nat_free(n);
}

/* --- TCP --- */

#define SYN LAB_TCP_SYN
#define ACK LAB_TCP_ACK
#define FIN LAB_TCP_FIN
#define RST LAB_TCP_RST

struct tcp {
	struct lab_nat *n;
	adit_time now;
	struct adit_addr host;
	struct adit_addr own; /* as seen outside */
};

static bool tcp_out(struct tcp *t, uint8_t flags)
{
	struct lab_flow f = {.src = t->host, .dst = rig_remote(0, 80), .proto = LAB_TCP, .ttl = 64, .tcp_flags = flags};
	struct lab_flow g;

	if (t->n->ops->out(t->n, t->now, &f, &g) != LAB_FORWARD)
		return false;
	t->own = g.src;
	return true;
}

static enum lab_verdict tcp_in_from(struct tcp *t, struct adit_addr from, uint8_t flags)
{
	struct lab_flow f = {.src = from, .dst = t->own, .proto = LAB_TCP, .ttl = 64, .tcp_flags = flags};
	struct lab_flow g;

	return t->n->ops->in(t->n, t->now, &f, &g);
}

static bool tcp_in(struct tcp *t, uint8_t flags)
{
	return tcp_in_from(t, rig_remote(0, 80), flags) == LAB_FORWARD;
}

static void handshake(struct tcp *t)
{
	assert_true(tcp_out(t, SYN) && tcp_in(t, SYN | ACK) && tcp_out(t, ACK));
}

/* How many seconds of silence does a connection survive that has come as far as |script| brings it? */
static long tcp_life(struct lab_nat *n, void (*script)(struct tcp *t))
{
	struct tcp t = {.n = n};
	unsigned low = 0;
	unsigned high = 10000;
	uint16_t port = 2000;

	while (high - low > 1) {
		unsigned mid = (low + high) / 2;

		t.host = rig_host(0, port++);
		script(&t);
		t.now += ADIT_SEC(mid) - 1;
		if (tcp_in(&t, ACK))
			low = mid;
		else
			high = mid;
	}
	return low;
}

static void script_syn(struct tcp *t)
{
	assert_true(tcp_out(t, SYN));
}

static void script_simultaneous(struct tcp *t)
{
	assert_true(tcp_out(t, SYN) && tcp_in(t, SYN) && tcp_out(t, SYN | ACK) && tcp_in(t, SYN | ACK));
}

static void script_reset(struct tcp *t)
{
	handshake(t);
	assert_true(tcp_in(t, RST));
}

static void script_half_closed(struct tcp *t)
{
	handshake(t);
	assert_true(tcp_out(t, FIN | ACK) && tcp_in(t, ACK));
}

static void script_closed(struct tcp *t)
{
	script_half_closed(t);
	assert_true(tcp_in(t, FIN | ACK) && tcp_out(t, ACK));
}

static void script_again(struct tcp *t)
{
	script_closed(t);
	handshake(t);
}

static struct rig_word ask_tcp_established(struct lab_nat *n)
{
	return rig_say_number(tcp_life(n, handshake));
}

static struct rig_word ask_tcp_transitory(struct lab_nat *n)
{
	return rig_say_number(tcp_life(n, script_syn));
}

/* RFC 5382 5, REQ-5: an established connection lives 2 h 4 min of silence at least, a transitory one 4 min. */
static void tcp_lives_as_long_as_rfc5382_req5_says(void **state)
{
	static const struct rig_axis established = {
		.name = "tcp-timeout",
		.ask = ask_tcp_established,
		.cases = {{"filter=apd", "7440"}, {"filter=apd,tcp-timeout=1h", "3600"}, {"tcp-timeout=350s", "350"}},
	};
	static const struct rig_axis transitory = {
		.name = "tcp-transitory",
		.ask = ask_tcp_transitory,
		.cases = {{"filter=apd", "240"}, {"filter=apd,tcp-transitory=30s", "30"}, {"tcp-transitory=50s", "50"}},
	};

	(void)state;
	rig_check(&established);
	rig_check(&transitory);
}

/* RFC 5382 REQ-5 and RFC 7857 2: what counts as established, and what as transitory. */
static void tcp_is_established_between_both_syn_and_both_fin(void **state)
{
	struct lab_nat *n = rig_new("filter=apd", 0, 1);

	(void)state;
	/* RFC 5382 REQ-2: simultaneous open. */
	assert_int_equal(tcp_life(n, script_simultaneous), 7440);
	lab_nat_free(n);
	n = rig_new("filter=apd", 0, 1);
	assert_int_equal(tcp_life(n, script_half_closed), 7440);
	lab_nat_free(n);
	n = rig_new("filter=apd", 0, 1);
	assert_int_equal(tcp_life(n, script_closed), 240);
	lab_nat_free(n);
	n = rig_new("filter=apd", 0, 1);
	assert_int_equal(tcp_life(n, script_reset), 240);
	lab_nat_free(n);
	n = rig_new("filter=apd", 0, 1);
	assert_int_equal(tcp_life(n, script_again), 7440);
	lab_nat_free(n);
}

/*
 * RFC 5382 4.3, REQ-4: an unsolicited SYN is not answered at once, so that a host inside that opens at the same time
 * succeeds: nothing of it stays.
 */
static void an_unsolicited_syn_does_not_spoil_a_simultaneous_open(void **state)
{
	struct tcp t = {.n = rig_new("filter=apd", 0, 1), .host = rig_host(0, 5555), .own = rig_wan(0, 5555)};

	(void)state;
	assert_int_equal(tcp_in_from(&t, rig_remote(0, 80), SYN), LAB_DROP);
	t.now = ADIT_SEC(2);
	script_simultaneous(&t);
	assert_int_equal(t.own.port, 5555);
	lab_nat_free(t.n);
}

/* RFC 5382 4.3, REQ-3: filtering of SYNs like that of UDP. */
static struct rig_word ask_tcp_filter(struct lab_nat *n)
{
	struct tcp t = {.n = n, .host = rig_host(0, 5555)};

	handshake(&t);
	if (tcp_in_from(&t, rig_remote(1, 80), SYN) == LAB_FORWARD)
		return rig_say("independent");
	return rig_say(tcp_in_from(&t, rig_remote(0, 81), SYN) == LAB_FORWARD ? "address" : "address and port");
}

/* Does a segment in the midst of nowhere open a connection? */
static struct rig_word ask_tcp_strict(struct lab_nat *n)
{
	struct tcp t = {.n = n, .host = rig_host(0, 5555)};

	return rig_say(tcp_out(&t, ACK) ? "joins" : "strict");
}

static void tcp_is_filtered_and_begun_as_said(void **state)
{
	static const struct rig_axis filter = {
		.name = "filter of TCP",
		.ask = ask_tcp_filter,
		.cases = {{"filter=ei", "independent"}, {"filter=ad", "address"}, {"filter=apd", "address and port"}},
	};
	static const struct rig_axis strict = {
		.name = "tcp-strict",
		.ask = ask_tcp_strict,
		.cases = {{"tcp-strict=yes", "strict"}, {"tcp-strict=no", "joins"}},
	};

	(void)state;
	rig_check(&filter);
	rig_check(&strict);
}

static void protocols_have_ports_of_their_own(void **state)
{
	struct lab_nat *n = rig_new("filter=ei", 0, 1);
	struct tcp t = {.n = n, .host = rig_host(0, 5555)};

	(void)state;
	assert_int_equal(rig_port(n, 0, rig_host(1, 5555), rig_remote(0, 80)), 5555);
	assert_true(tcp_out(&t, SYN));
	assert_int_equal(t.own.port, 5555);
	/* Nor does a UDP mapping let TCP in. */
	t.own.port = 6666;
	assert_int_equal(rig_port(n, 0, rig_host(1, 6666), rig_remote(0, 80)), 6666);
	assert_false(tcp_in(&t, SYN));
	lab_nat_free(n);
}

/* --- echo --- */

/* RFC 5508 3, REQ-1, REQ-2: queries pass, identifiers are mapped, a session lives 60 s at least. */
static struct rig_word ask_ping(struct lab_nat *n)
{
	struct lab_flow f = {.src = rig_host(0, 77), .dst = rig_remote(0, 0), .proto = LAB_PING, .ttl = 64};
	struct lab_flow g;
	struct lab_flow first;

	if (send_out(n, 0, &f, &g) != LAB_FORWARD)
		return rig_say("none");
	/* A second host with the same identifier; both get their answers. */
	first = g;
	f.src = rig_host(1, 77);
	assert_int_equal(send_out(n, 0, &f, &g), LAB_FORWARD);
	assert_int_not_equal(first.src.port, g.src.port);
	for (long s = 1;; s++) {
		struct lab_flow answer = {.src = rig_remote(0, 0), .dst = g.src, .proto = LAB_PING, .ttl = 64};
		struct lab_flow in;

		if (n->ops->in(n, ADIT_SEC(s), &answer, &in) != LAB_FORWARD)
			return rig_say_number(s);
		assert_true(adit_addr_eq(&in.dst, &f.src));
	}
}

static void echo_is_translated_as_rfc5508_wants(void **state)
{
	static const struct rig_axis axis = {
		.name = "ping",
		.ask = ask_ping,
		.cases = {{"filter=apd", "60"}, {"ping-timeout=30s", "30"}, {"ping=no", "none"}},
	};
	struct lab_nat *n = rig_new("filter=ei", 0, 1);
	struct lab_flow request = {.src = rig_remote(0, 9), .dst = rig_wan(0, 0), .proto = LAB_PING, .ttl = 64};
	struct lab_flow answer = {.src = rig_host(0, 0), .dst = rig_remote(0, 9), .proto = LAB_PING, .ttl = 64};
	struct lab_flow g;

	(void)state;
	rig_check(&axis);
	/* Who pings the router meets its policy, and nobody inside answers what was not asked. */
	assert_int_equal(n->ops->in(n, 0, &request, &g), LAB_DROP);
	assert_int_equal(send_out(n, 0, &answer, &g), LAB_DROP);
	lab_nat_free(n);
}

/* --- what may go out --- */

static struct rig_word ask_allowed(struct lab_nat *n)
{
	static const uint16_t ports[] = {53, 80, 443, 5000};
	struct rig_word w = {.text = ""};
	bool rejects = false;

	for (int proto = LAB_UDP; proto <= LAB_TCP; proto++) {
		for (size_t i = 0; i < ARRAY_LEN(ports); i++) {
			struct lab_flow f = {.src = rig_host(0, 5555),
					     .dst = rig_remote(0, ports[i]),
					     .proto = (uint8_t)proto,
					     .tcp_flags = SYN,
					     .ttl = 64};
			struct lab_flow g;
			enum lab_verdict v = send_out(n, 0, &f, &g);
			size_t len = strlen(w.text);

			if (v == LAB_FORWARD)
				snprintf(w.text + len, sizeof(w.text) - len, "%c%u ", "ut"[proto], ports[i]);
			rejects = rejects || v == LAB_REJECT;
		}
	}
	if (rejects)
		strcat(w.text, "icmp");
	return w;
}

static void only_what_is_allowed_goes_out(void **state)
{
	static const struct rig_axis axis = {
		.name = "udp, tcp, out",
		.ask = ask_allowed,
		.cases = {{"filter=ei", "u53 u80 u443 u5000 t53 t80 t443 t5000 "},
			  {"udp=none", "t53 t80 t443 t5000 "},
			  {"hotel", "u53 t53 t80 t443 t5000 "},
			  {"corporate-web", "u53 t53 t80 t443 icmp"},
			  {"udp=web,tcp=none", "u53 u80 u443 "}},
	};

	(void)state;
	rig_check(&axis);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_early_packet_takes_the_port_only_where_input_is_accepted),
		cmocka_unit_test(every_early_packet_keeps_the_clash_alive),
		cmocka_unit_test(a_cone_loses_its_port_toward_the_early_peer_alone),
		cmocka_unit_test(a_refused_packet_leaves_nothing),
		cmocka_unit_test(a_packet_may_die_of_its_ttl_before_or_after_it_is_mapped),
		cmocka_unit_test(a_packet_with_ttl_2_opens_the_way_and_one_with_1_does_not_come_in),
		cmocka_unit_test(icmp_errors_pass_and_end_nothing_as_req12_wants),
		cmocka_unit_test(icmp_errors_refresh_nothing),
		cmocka_unit_test(fragments_pass_in_any_order_as_req14_wants),
		cmocka_unit_test(fragments_go_out_from_where_their_first_did),
		cmocka_unit_test(tcp_lives_as_long_as_rfc5382_req5_says),
		cmocka_unit_test(tcp_is_established_between_both_syn_and_both_fin),
		cmocka_unit_test(an_unsolicited_syn_does_not_spoil_a_simultaneous_open),
		cmocka_unit_test(tcp_is_filtered_and_begun_as_said),
		cmocka_unit_test(protocols_have_ports_of_their_own),
		cmocka_unit_test(echo_is_translated_as_rfc5508_wants),
		cmocka_unit_test(only_what_is_allowed_goes_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
