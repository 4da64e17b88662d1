/*
 * Mapping, filtering, hairpin, pools and ports, each asked as its source words it. Every axis has a right model and
 * wrong ones: what is right for one is what must be caught in another.
 */
#include "lab_zoo_rig.h"

/*
 * RFC 4787 4.1 and REQ-1: endpoint-independent mapping reuses the mapping for packets from the same inside address and
 * port to any outside address and port; address-dependent to the same address; the third kind to that endpoint only.
 */
static struct rig_word ask_mapping(struct lab_nat *n)
{
	struct adit_addr a = rig_out(n, 0, rig_host(0, 5555), rig_remote(0, 80));
	struct adit_addr b = rig_out(n, 0, rig_host(0, 5555), rig_remote(0, 81));
	struct adit_addr c = rig_out(n, 0, rig_host(0, 5555), rig_remote(1, 80));

	if (adit_addr_eq(&a, &b) && adit_addr_eq(&a, &c))
		return rig_say("independent");
	if (adit_addr_eq(&a, &b))
		return rig_say("address");
	return rig_say(adit_addr_eq(&a, &c) ? "port alone" : "address and port");
}

static void mapping_depends_on_what_rfc4787_4_1_says(void **state)
{
	static const struct rig_axis axis = {
		.name = "mapping",
		.ask = ask_mapping,
		.cases = {{"mapping=ei", "independent"},
			  {"mapping=ad", "address"},
			  {"mapping=apd,ports=random", "address and port"}},
	};
	struct lab_nat *linux_nat = rig_new("linux-random", 0, 1);
	struct lab_nat *sympp = rig_new("mapping=apd,overload=remote", 0, 1);

	(void)state;
	rig_check(&axis);
	assert_string_equal(ask_mapping(linux_nat).text, "address and port");
	/* Port-preserving EDM looks like EIM until a port is taken. */
	assert_string_equal(ask_mapping(sympp).text, "independent");
	lab_nat_free(linux_nat);
	lab_nat_free(sympp);
}

/*
 * RFC 4787 5 and REQ-8: what comes in from an endpoint that was not sent to is let in always; if its address was sent
 * to; never.
 */
static struct rig_word ask_filter(struct lab_nat *n)
{
	struct adit_addr own = rig_out(n, 0, rig_host(0, 5555), rig_remote(0, 80));

	if (!rig_gets_in(n, 1, rig_remote(0, 80), own))
		return rig_say("nobody");
	if (rig_gets_in(n, 1, rig_remote(1, 80), own))
		return rig_say("independent");
	return rig_say(rig_gets_in(n, 1, rig_remote(0, 81), own) ? "address" : "address and port");
}

static void filtering_depends_on_what_rfc4787_5_says(void **state)
{
	static const struct rig_axis axis = {
		.name = "filter",
		.ask = ask_filter,
		.cases = {{"filter=ei", "independent"}, {"filter=ad", "address"}, {"filter=apd", "address and port"}},
	};
	static const struct rig_axis symmetric = {
		.name = "filter of a symmetric NAT",
		.ask = ask_filter,
		.cases = {{"mapping=apd,ports=random,filter=ei", "independent"},
			  {"mapping=apd,ports=random,filter=ad", "address"},
			  {"mapping=apd,ports=random,filter=apd", "address and port"}},
	};
	struct lab_nat *n = rig_new("linux", 0, 1);

	(void)state;
	rig_check(&axis);
	rig_check(&symmetric);
	assert_string_equal(ask_filter(n).text, "address and port");
	lab_nat_free(n);
}

/*
 * RFC 4787 6, REQ-9: two hosts behind the same NAT can speak through their outside endpoints; a) as source the
 * hairpinned packet has the outside endpoint of its sender.
 */
static struct rig_word ask_hairpin(struct lab_nat *n)
{
	struct adit_addr to = rig_out(n, 0, rig_host(0, 5555), rig_remote(0, 80));
	struct lab_flow f = {.src = rig_host(1, 6666), .dst = to, .ttl = 64};
	struct adit_addr inside = rig_host(0, 5555);
	struct adit_addr from = rig_out(n, 0, f.src, rig_remote(0, 80));
	struct lab_flow g;

	if (n->ops->out(n, 1, &f, &g) != LAB_HAIRPIN || !adit_addr_eq(&g.dst, &inside))
		return rig_say("none");
	if (adit_addr_eq(&g.src, &from))
		return rig_say("external");
	return rig_say(adit_addr_eq(&g.src, &f.src) ? "internal" : "strange");
}

static void hairpin_shows_the_external_source_as_req9a_wants(void **state)
{
	static const struct rig_axis axis = {
		.name = "hairpin",
		.ask = ask_hairpin,
		.cases = {{"hairpin=external,filter=ei", "external"},
			  {"hairpin=internal,filter=ei", "internal"},
			  {"hairpin=none,filter=ei", "none"}},
	};

	(void)state;
	rig_check(&axis);
}

static void a_hairpinned_packet_is_filtered_like_one_from_outside(void **state)
{
	struct lab_nat *n = rig_new("hairpin=external,filter=apd", 0, 1);
	struct adit_addr a = rig_out(n, 0, rig_host(0, 5555), rig_remote(0, 80));
	struct adit_addr b = rig_out(n, 0, rig_host(1, 6666), rig_remote(0, 80));
	struct lab_flow to_a = {.src = rig_host(1, 6666), .dst = a, .ttl = 64};
	struct lab_flow to_b = {.src = rig_host(0, 5555), .dst = b, .ttl = 64};
	struct lab_flow g;

	(void)state;
	/* Two neighbours punch, as if they were far from each other. */
	assert_int_equal(n->ops->out(n, 1, &to_a, &g), LAB_DROP);
	assert_int_equal(n->ops->out(n, 2, &to_b, &g), LAB_HAIRPIN);
	assert_int_equal(n->ops->out(n, 3, &to_a, &g), LAB_HAIRPIN);
	lab_nat_free(n);
}

/* RFC 4787 4.1, REQ-2: "paired" gives all sessions of one inside address the same outside address. */
static struct rig_word ask_pooling(struct lab_nat *n)
{
	struct adit_addr first = rig_out(n, 0, rig_host(0, 5000), rig_remote(0, 80));

	for (uint16_t i = 1; i < 40; i++) {
		struct adit_addr a = rig_out(n, 0, rig_host(0, (uint16_t)(5000 + i)), rig_remote(0, 80));

		if (!adit_addr_eq_ip(&a, &first))
			return rig_say("arbitrary");
	}
	return rig_say("paired");
}

static void pools_are_paired_as_req2_wants_or_arbitrary(void **state)
{
	static const struct rig_axis axis = {
		.name = "pooling",
		.ask = ask_pooling,
		.pool = RIG_POOL,
		.cases = {{"pooling=paired", "paired"}, {"pooling=arbitrary", "arbitrary"}},
	};
	struct lab_nat *n = rig_new("pooling=paired", RIG_POOL, 1);
	unsigned seen = 0;

	(void)state;
	rig_check(&axis);
	/* Paired is not "all on one": subscribers spread over the pool. */
	for (uint8_t i = 0; i < RIG_POOL; i++)
		seen |= 1u << rig_out(n, 0, rig_host(i, 5555), rig_remote(0, 80)).ip[3];
	assert_int_equal(seen, 0x1e);
	lab_nat_free(n);
}

/* RFC 4787 4.2.1: are ports preserved, and if not, do they follow each other? */
static struct rig_word ask_ports(struct lab_nat *n)
{
	uint16_t got[12];
	unsigned kept = 0;
	unsigned even = 0;

	for (uint16_t i = 0; i < ARRAY_LEN(got); i++) {
		uint16_t own = (uint16_t)(20001 + 77 * i);

		got[i] = rig_port(n, 0, rig_host(0, own), rig_remote(0, 80));
		kept += got[i] == own;
		even += i >= 2 && (int16_t)(got[i] - got[i - 1]) == (int16_t)(got[1] - got[0]);
	}
	if (kept == ARRAY_LEN(got))
		return rig_say("kept");
	/* One step may be spoilt where the range begins anew. */
	return even + 3 >= ARRAY_LEN(got) ? rig_say_number((int16_t)(got[1] - got[0])) : rig_say("random");
}

/* The shortest and the longest step of many. */
static struct rig_word ask_steps(struct lab_nat *n)
{
	uint16_t last = rig_port(n, 0, rig_host(0, 20000), rig_remote(0, 80));
	int least = 65536;
	int most = -65536;
	struct rig_word word;

	for (uint16_t i = 1; i < 200; i++) {
		uint16_t port = rig_port(n, 0, rig_host(0, (uint16_t)(20000 + i)), rig_remote(0, 80));
		int step = (int16_t)(port - last);

		least = step < least ? step : least;
		most = step > most ? step : most;
		last = port;
	}
	snprintf(word.text, sizeof(word.text), "%d to %d", least, most);
	return word;
}

static void steps_are_alike_or_spread(void **state)
{
	static const struct rig_axis axis = {
		.name = "spread",
		.ask = ask_steps,
		.cases = {{"ports=sequential,parity=no,range=1024-65535", "1 to 1"},
			  {"ports=sequential,parity=no,spread=3", "1 to 4"},
			  {"ports=sequential,parity=no,step=-2,spread=2", "-4 to -2"}},
	};

	(void)state;
	rig_check(&axis);
}

static void ports_are_kept_or_in_sequence_or_random(void **state)
{
	static const struct rig_axis axis = {
		.name = "ports",
		.ask = ask_ports,
		.cases = {{"ports=keep", "kept"},
			  {"ports=sequential,parity=no", "1"},
			  {"ports=sequential,parity=no,step=-1", "-1"},
			  {"ports=sequential,parity=no,step=5", "5"},
			  {"ports=random", "random"}},
	};

	(void)state;
	rig_check(&axis);
}

/* RFC 4787 4.2.1: "port preservation", and what is done about two hosts with the same port. */
static struct rig_word ask_taken(struct lab_nat *n)
{
	uint16_t got[8];

	assert_int_equal(rig_port(n, 0, rig_host(0, 5555), rig_remote(0, 80)), 5555);
	for (uint8_t i = 0; i < ARRAY_LEN(got); i++)
		got[i] = rig_port(n, 0, rig_host((uint8_t)(1 + i), 5555), rig_remote(0, 80));
	if (got[0] == 0)
		return rig_say("refused");
	if (got[0] == 5555)
		return rig_say("overloaded");
	return rig_say(got[2] - got[1] == got[1] - got[0] && got[3] - got[2] == got[1] - got[0] ? "sequential"
												: "random");
}

static void a_taken_port_is_replaced_refused_or_overloaded(void **state)
{
	static const struct rig_axis axis = {
		.name = "taken",
		.ask = ask_taken,
		.cases = {{"taken=sequential", "sequential"},
			  {"taken=random", "random"},
			  {"taken=refuse", "refused"},
			  {"overload=always", "overloaded"}},
	};

	(void)state;
	rig_check(&axis);
}

/* RFC 4787 8: some NATs behave otherwise for the second host that wants a port (primary and secondary behaviour). */
static struct rig_word ask_taken_mapping(struct lab_nat *n)
{
	uint16_t a;
	uint16_t b;

	(void)rig_port(n, 0, rig_host(0, 5555), rig_remote(0, 80));
	(void)rig_port(n, 0, rig_host(0, 5555), rig_remote(1, 80));
	a = rig_port(n, 0, rig_host(1, 5555), rig_remote(0, 80));
	b = rig_port(n, 0, rig_host(1, 5555), rig_remote(1, 80));
	return rig_say(a == b ? "as the first" : "symmetric");
}

static void the_second_host_of_a_port_may_be_treated_otherwise(void **state)
{
	static const struct rig_axis axis = {
		.name = "taken-mapping",
		.ask = ask_taken_mapping,
		.cases = {{"taken-mapping=same", "as the first"}, {"taken-mapping=apd", "symmetric"}},
	};

	(void)state;
	rig_check(&axis);
}

/*
 * RFC 4787 4.2.1, REQ-3: two inside endpoints must not have one outside port. Sharing it by remote is what Linux does,
 * and what no host can tell from inside; overloading proper sends answers to the wrong one.
 */
static struct rig_word ask_overload(struct lab_nat *n)
{
	uint16_t first = rig_port(n, 0, rig_host(0, 5555), rig_remote(0, 80));
	uint16_t same = rig_port(n, 0, rig_host(1, 5555), rig_remote(0, 80));
	uint16_t other = rig_port(n, 0, rig_host(2, 5555), rig_remote(1, 80));

	assert_int_equal(first, 5555);
	if (same == first)
		return rig_say("always");
	return rig_say(other == first ? "by remote" : "never");
}

static void a_port_is_never_overloaded_as_req3_wants_unless_said(void **state)
{
	static const struct rig_axis axis = {
		.name = "overload",
		.ask = ask_overload,
		.cases = {{"mapping=apd,overload=never", "never"},
			  {"mapping=apd,overload=remote", "by remote"},
			  {"mapping=apd,overload=always", "always"}},
	};

	(void)state;
	rig_check(&axis);
}

static void what_comes_to_an_overloaded_port_goes_to_whoever_sent_last(void **state)
{
	struct lab_nat *n = rig_new("overload=always", 0, 1);
	struct lab_flow f = {.src = rig_remote(0, 80), .dst = rig_wan(0, 5555), .ttl = 64};
	struct lab_flow g;

	(void)state;
	for (adit_time t = 0; t < 6; t++) {
		struct adit_addr who = rig_host((uint8_t)(t % 2), 5555);

		assert_int_equal(rig_port(n, t, who, rig_remote(0, 80)), 5555);
		assert_int_equal(n->ops->in(n, t, &f, &g), LAB_FORWARD);
		assert_true(adit_addr_eq(&g.dst, &who));
	}
	lab_nat_free(n);
}

/* How many mappings there are ports for; they must lie in 6000-6099 and differ. */
static struct rig_word ask_range(struct lab_nat *n)
{
	bool seen[65536] = {false};
	long count = 0;

	for (uint16_t i = 0; i < 500; i++) {
		uint16_t port = rig_port(n, 0, rig_host(0, (uint16_t)(20000 + i)), rig_remote(0, 80));

		if (port == 0)
			break;
		if (port < 6000 || port > 6099 || seen[port])
			return rig_say("outside, or twice");
		seen[port] = true;
		count++;
	}
	return rig_say_number(count);
}

static void every_port_of_the_range_is_used_once(void **state)
{
	static const struct rig_axis random = {
		.name = "range",
		.ask = ask_range,
		.cases = {{"ports=random,parity=no,range=6000-6099", "100"},
			  {"ports=random,parity=no,range=6000-6049", "50"},
			  {"ports=random,parity=no", "outside, or twice"}},
	};
	static const struct rig_axis steps = {
		.name = "range in steps",
		.ask = ask_range,
		/* Steps of two leave half of the ports for the end; three does not divide a hundred. */
		.cases = {{"ports=sequential,step=2,parity=no,range=6000-6099", "100"},
			  {"ports=sequential,step=-3,parity=no,range=6000-6098", "99"}},
	};

	(void)state;
	rig_check(&random);
	rig_check(&steps);
}

/* RFC 4787 4.2.2, REQ-4: an even port stays even, an odd one odd. */
static struct rig_word ask_parity(struct lab_nat *n)
{
	for (uint16_t i = 0; i < 40; i++) {
		uint16_t own = (uint16_t)(20000 + 3 * i);

		if ((rig_port(n, 0, rig_host(0, own), rig_remote(0, 80)) ^ own) & 1)
			return rig_say("changes");
	}
	return rig_say("stays");
}

static void parity_is_preserved_as_req4_wants(void **state)
{
	static const struct rig_axis random = {
		.name = "parity",
		.ask = ask_parity,
		.cases = {{"ports=random,parity=yes", "stays"}, {"ports=random,parity=no", "changes"}},
	};
	static const struct rig_axis sequential = {
		.name = "parity in sequence",
		.ask = ask_parity,
		.cases = {{"ports=sequential,parity=yes", "stays"}, {"ports=sequential,parity=no", "changes"}},
	};

	(void)state;
	rig_check(&random);
	rig_check(&sequential);
}

/* RFC 4787 4.2.1, REQ-3a: a source port of 0-1023 gets one of these, one of 1024-65535 one of those. */
static struct rig_word ask_class(struct lab_nat *n)
{
	for (uint16_t i = 0; i < 400; i++) {
		uint16_t own = (uint16_t)(i < 200 ? 300 + i : 20000 + i);

		if ((rig_port(n, 0, rig_host(0, own), rig_remote(0, 80)) < 1024) != (own < 1024))
			return rig_say("changes");
	}
	return rig_say("stays");
}

static void the_port_class_is_kept_as_req3a_wants(void **state)
{
	static const struct rig_axis axis = {
		.name = "class",
		.ask = ask_class,
		.cases = {{"ports=random,class=yes,range=1-65535", "stays"},
			  {"ports=random,class=no,range=1-65535", "changes"}},
	};
	static const struct rig_axis usual = {
		.name = "class with the usual range",
		.ask = ask_class,
		.cases = {{"ports=random,class=yes", "stays"}, {"ports=random,class=no", "changes"}},
	};

	(void)state;
	rig_check(&axis);
	rig_check(&usual);
}

/* RFC 7422, RFC 6888: the size of the block that all of a subscriber's ports lie in, from begin to end of what it gets.
 */
static struct rig_word ask_block(struct lab_nat *n)
{
	uint16_t min = 65535;
	uint16_t max = 0;
	long count = 0;

	for (uint16_t i = 0; i < 2000; i++) {
		uint16_t port = rig_port(n, 0, rig_host(0, (uint16_t)(20000 + i)), rig_remote(0, 80));

		if (port == 0)
			break;
		min = port < min ? port : min;
		max = port > max ? port : max;
		count++;
	}
	return count == 2000 ? rig_say("no block") : rig_say_number(max - min + 1 == count ? count : -count);
}

static void a_subscriber_gets_ports_of_its_block_only(void **state)
{
	static const struct rig_axis axis = {
		.name = "block",
		.ask = ask_block,
		.cases = {{"ports=random,parity=no,block=512,blocks=1", "512"},
			  {"ports=sequential,parity=no,block=64,blocks=1", "64"},
			  {"ports=random,parity=no,block=64,blocks=3,block-pick=first", "192"},
			  {"ports=random,parity=no", "no block"}},
	};

	(void)state;
	rig_check(&axis);
}

static void subscribers_never_share_a_block(void **state)
{
	struct lab_nat *n = rig_new("ports=random,parity=no,block=1024,blocks=1", 0, 7);
	bool owned[64] = {false};

	(void)state;
	for (uint8_t h = 0; h < 63; h++) {
		unsigned block = (rig_port(n, 0, rig_host(h, 5555), rig_remote(0, 80)) - 1024u) / 1024;

		assert_false(owned[block]);
		owned[block] = true;
	}
	/* That was all of 1024-65535. */
	assert_int_equal(rig_port(n, 0, rig_host(63, 5555), rig_remote(0, 80)), 0);
	assert_int_equal(n->stats.full, 1);
	/* Until one subscriber has nothing left in its block. */
	assert_int_not_equal(rig_port(n, ADIT_SEC(300), rig_host(63, 5555), rig_remote(0, 80)), 0);
	lab_nat_free(n);
}

/* Which block: told from four subscribers, and from one that comes back after the NAT has forgotten all. */
static struct rig_word ask_block_pick(struct lab_nat *n)
{
	unsigned block[4];
	unsigned again;

	for (uint8_t h = 0; h < 4; h++)
		block[h] = (rig_port(n, 0, rig_host(h, 5555), rig_remote(0, 80)) - 1024u) / 256;
	n->ops->flush(n);
	again = (rig_port(n, 1, rig_host(3, 5555), rig_remote(0, 80)) - 1024u) / 256;
	if (again == block[3])
		return rig_say("fixed");
	return rig_say(block[0] == 0 && block[1] == 1 && block[3] == 3 && again == 0 ? "first" : "random");
}

static void blocks_are_picked_at_random_or_in_order_or_by_address(void **state)
{
	static const struct rig_axis axis = {
		.name = "block-pick",
		.ask = ask_block_pick,
		.cases = {{"ports=random,parity=no,block=256,block-pick=random", "random"},
			  {"ports=random,parity=no,block=256,block-pick=first", "first"},
			  {"ports=random,parity=no,block=256,block-pick=fixed", "fixed"}},
	};

	(void)state;
	rig_check(&axis);
}

/* Random or sequential inside a block. */
static struct rig_word ask_inside_block(struct lab_nat *n)
{
	uint16_t a = rig_port(n, 0, rig_host(0, 5001), rig_remote(0, 80));
	uint16_t b = rig_port(n, 0, rig_host(0, 5002), rig_remote(0, 80));
	uint16_t c = rig_port(n, 0, rig_host(0, 5003), rig_remote(0, 80));
	uint16_t d = rig_port(n, 0, rig_host(0, 5004), rig_remote(0, 80));

	assert_int_equal((a - 1024) / 2048, (d - 1024) / 2048);
	return rig_say(b - a == 1 && c - b == 1 && d - c == 1 ? "sequential" : "random");
}

static void ports_inside_a_block_are_sequential_or_random(void **state)
{
	static const struct rig_axis axis = {
		.name = "inside a block",
		.ask = ask_inside_block,
		.cases = {{"ports=sequential,parity=no,block=2048", "sequential"},
			  {"ports=random,parity=no,block=2048", "random"}},
	};
	static const struct rig_axis fixed = {
		.name = "inside a fixed block",
		.ask = ask_inside_block,
		.cases = {{"ports=sequential,parity=no,block=2048,block-pick=fixed", "sequential"},
			  {"ports=random,parity=no,block=2048,block-pick=fixed", "random"}},
	};

	(void)state;
	rig_check(&axis);
	rig_check(&fixed);
}

static void one_seed_gives_one_run_and_another_seed_another(void **state)
{
	struct lab_nat *a = rig_new("cgn-block-symmetric", 0, 42);
	struct lab_nat *b = rig_new("cgn-block-symmetric", 0, 42);
	struct lab_nat *c = rig_new("cgn-block-symmetric", 0, 43);
	unsigned differ = 0;

	(void)state;
	for (uint16_t i = 0; i < 50; i++) {
		adit_time t = ADIT_SEC(i);
		uint16_t port = rig_port(a, t, rig_host(0, 5555), rig_remote(0, (uint16_t)(80 + i)));

		assert_int_equal(rig_port(b, t, rig_host(0, 5555), rig_remote(0, (uint16_t)(80 + i))), port);
		differ += rig_port(c, t, rig_host(0, 5555), rig_remote(0, (uint16_t)(80 + i))) != port;
	}
	assert_true(differ > 40);
	lab_nat_free(a);
	lab_nat_free(b);
	lab_nat_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mapping_depends_on_what_rfc4787_4_1_says),
		cmocka_unit_test(filtering_depends_on_what_rfc4787_5_says),
		cmocka_unit_test(hairpin_shows_the_external_source_as_req9a_wants),
		cmocka_unit_test(a_hairpinned_packet_is_filtered_like_one_from_outside),
		cmocka_unit_test(pools_are_paired_as_req2_wants_or_arbitrary),
		cmocka_unit_test(ports_are_kept_or_in_sequence_or_random),
		cmocka_unit_test(steps_are_alike_or_spread),
		cmocka_unit_test(a_taken_port_is_replaced_refused_or_overloaded),
		cmocka_unit_test(the_second_host_of_a_port_may_be_treated_otherwise),
		cmocka_unit_test(a_port_is_never_overloaded_as_req3_wants_unless_said),
		cmocka_unit_test(what_comes_to_an_overloaded_port_goes_to_whoever_sent_last),
		cmocka_unit_test(every_port_of_the_range_is_used_once),
		cmocka_unit_test(parity_is_preserved_as_req4_wants),
		cmocka_unit_test(the_port_class_is_kept_as_req3a_wants),
		cmocka_unit_test(a_subscriber_gets_ports_of_its_block_only),
		cmocka_unit_test(subscribers_never_share_a_block),
		cmocka_unit_test(blocks_are_picked_at_random_or_in_order_or_by_address),
		cmocka_unit_test(ports_inside_a_block_are_sequential_or_random),
		cmocka_unit_test(one_seed_gives_one_run_and_another_seed_another),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
