/*
 * What ends mappings, what keeps them, what limits them, and other subscribers' flows. Lives are measured from
 * outside: does the remote still get in after so many seconds?
 */
#include "lab_zoo_rig.h"

#define LONGEST 1000u /* seconds */

static uint16_t next_port = 2000;

/* A socket that has sent to |to|; with |answered|, it has got an answer, too. */
static struct adit_addr fresh(struct lab_nat *n, adit_time now, struct adit_addr to, bool answered)
{
	struct adit_addr own = rig_out(n, now, rig_host(0, next_port++), to);

	assert_int_not_equal(own.port, 0);
	if (answered)
		assert_true(rig_gets_in(n, now, to, own));
	return own;
}

/*
 * For how many seconds does an endpoint let its remote in? Each try takes another socket: a try may refresh. |now|
 * goes on.
 */
static long life(struct lab_nat *n, adit_time *now, struct adit_addr to, bool answered)
{
	unsigned low = 0;
	unsigned high = LONGEST;

	next_port = *now == 0 ? 2000 : next_port;
	while (high - low > 1) {
		unsigned mid = (low + high) / 2;
		struct adit_addr own = fresh(n, *now, to, answered);

		*now += ADIT_SEC(mid) - 1;
		if (rig_gets_in(n, *now, to, own))
			low = mid;
		else
			high = mid;
	}
	return low;
}

/* RFC 4787 4.3, REQ-5: at least two minutes, five by default, if nothing else is said. */
static struct rig_word ask_timeout(struct lab_nat *n)
{
	adit_time now = 0;

	return rig_say_number(life(n, &now, rig_remote(0, 5000), false));
}

/* REQ-5 again, for what was answered: a longer time-out, as most gateways have (Haetoenen et al. 2010). */
static struct rig_word ask_replied(struct lab_nat *n)
{
	adit_time now = 0;

	return rig_say_number(life(n, &now, rig_remote(0, 5000), true));
}

/* REQ-5a: destination ports of 0-1023 may have shorter timers. */
static struct rig_word ask_known(struct lab_nat *n)
{
	adit_time now = 0;
	long low = life(n, &now, rig_remote(0, 53), false);

	return rig_say_number(low * 1000 + life(n, &now, rig_remote(0, 5000), false));
}

static void udp_mappings_live_as_long_as_req5_says(void **state)
{
	static const struct rig_axis axes[] = {
		{.name = "timeout",
		 .ask = ask_timeout,
		 .cases = {{"filter=apd", "300"},
			   {"timeout=120s", "120"},
			   {"timeout=30s,refresh=both", "30"},
			   {"timeout=45s,per-session=yes", "45"}}},
		{.name = "replied",
		 .ask = ask_replied,
		 .cases = {{"refresh=both,timeout=30s,replied=180s", "180"},
			   {"refresh=both,timeout=30s", "30"},
			   {"refresh=both,timeout=30s,replied=90s,per-session=yes,filter=apd", "90"}}},
		{.name = "known",
		 .ask = ask_known,
		 .cases = {{"timeout=120s,known=20s", "20120"},
			   {"timeout=120s", "120120"},
			   {"timeout=110s,known=20s,per-session=yes", "20110"}}},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(axes); i++)
		rig_check(&axes[i]);
}

static void a_socket_that_also_talks_to_high_ports_is_not_cut_short(void **state)
{
	struct lab_nat *n = rig_new("timeout=120s,known=20s", 0, 1);
	struct adit_addr own = rig_out(n, 0, rig_host(0, 5555), rig_remote(0, 53));

	(void)state;
	(void)rig_out(n, 0, rig_host(0, 5555), rig_remote(1, 5000));
	assert_true(rig_gets_in(n, ADIT_SEC(119), rig_remote(1, 5000), own));
	lab_nat_free(n);
}

/* RFC 4787 4.3, REQ-6: packets from inside must keep a mapping, packets from outside may. */
static struct rig_word ask_refresh(struct lab_nat *n)
{
	struct adit_addr to = rig_remote(0, 5000);
	struct adit_addr a = rig_out(n, 0, rig_host(0, 5555), to);
	struct adit_addr b = rig_out(n, 0, rig_host(0, 6666), to);
	adit_time t = 0;
	bool by_in;
	bool by_out;

	/* One is kept from outside, one from inside; 60 s is the time-out. */
	for (; t < ADIT_SEC(300); t += ADIT_SEC(40)) {
		(void)rig_in(n, t, to, a);
		/* A new mapping would have another port: these are random. */
		if (rig_port(n, t, rig_host(0, 6666), to) != b.port)
			b.port = 0;
	}
	by_in = rig_gets_in(n, t - 1, to, a);
	by_out = b.port != 0;
	if (by_in && by_out)
		return rig_say("both");
	return rig_say(by_in ? "in" : by_out ? "out" : "none");
}

static void what_refreshes_is_what_req6_names(void **state)
{
	static const struct rig_axis axis = {
		.name = "refresh",
		.ask = ask_refresh,
		.cases = {{"ports=random,timeout=60s,refresh=out", "out"},
			  {"ports=random,timeout=60s,refresh=in", "in"},
			  {"ports=random,timeout=60s,refresh=both", "both"},
			  {"ports=random,timeout=60s,refresh=none", "none"}},
	};
	static const struct rig_axis sessions = {
		.name = "refresh of sessions",
		.ask = ask_refresh,
		.cases = {{"ports=random,timeout=60s,refresh=out,per-session=yes", "out"},
			  {"ports=random,timeout=60s,refresh=in,per-session=yes", "in"},
			  {"ports=random,timeout=60s,refresh=both,per-session=yes,filter=apd", "both"},
			  {"ports=random,timeout=60s,refresh=none,per-session=yes,filter=apd", "none"}},
	};

	(void)state;
	rig_check(&axis);
	rig_check(&sessions);
}

/* iroh issue 4424: a mapping that is used every five seconds in both directions, and dies all the same. */
static struct rig_word ask_absolute(struct lab_nat *n)
{
	struct adit_addr to = rig_remote(0, 5000);
	struct adit_addr own = rig_out(n, 0, rig_host(0, 5555), to);
	adit_time t = ADIT_SEC(5);

	for (; t < ADIT_SEC(LONGEST); t += ADIT_SEC(5)) {
		if (!rig_gets_in(n, t, to, own))
			return rig_say_number((long)(t / ADIT_SEC(1)));
		if (rig_port(n, t, rig_host(0, 5555), to) != own.port)
			return rig_say("moved");
	}
	return rig_say("never");
}

static void an_absolute_time_out_cannot_be_refreshed(void **state)
{
	static const struct rig_axis axis = {
		.name = "life",
		.ask = ask_absolute,
		.cases = {{"life=60s,refresh=both", "60"},
			  {"life=75s,refresh=both,per-session=yes", "75"},
			  {"refresh=both", "never"},
			  {"reboot=2m,refresh=both", "120"}},
	};

	(void)state;
	rig_check(&axis);
}

/*
 * RFC 4787 4.3: with several sessions on one mapping, does traffic of one keep the others ("per mapping") or itself
 * alone ("per session")?
 */
static struct rig_word ask_per_session(struct lab_nat *n)
{
	struct adit_addr own = rig_out(n, 0, rig_host(0, 5555), rig_remote(0, 5000));
	adit_time t = 0;

	(void)rig_out(n, 0, rig_host(0, 5555), rig_remote(1, 5000));
	for (; t < ADIT_SEC(200); t += ADIT_SEC(40))
		assert_int_equal(rig_port(n, t, rig_host(0, 5555), rig_remote(0, 5000)), own.port);
	assert_true(rig_gets_in(n, t, rig_remote(0, 5000), own));
	return rig_say(rig_gets_in(n, t, rig_remote(1, 5000), own) ? "mapping" : "session");
}

static void sessions_are_kept_together_or_each_by_itself(void **state)
{
	static const struct rig_axis endpoint = {
		.name = "per-session",
		.ask = ask_per_session,
		.cases = {{"timeout=60s,filter=apd", "mapping"}, {"timeout=60s,filter=apd,per-session=yes", "session"}},
	};
	static const struct rig_axis address = {
		.name = "per-session, filtered by address",
		.ask = ask_per_session,
		.cases = {{"timeout=60s,filter=ad", "mapping"}, {"timeout=60s,filter=ad,per-session=yes", "session"}},
	};
	static const struct rig_axis filter = {
		.name = "filter-timeout",
		.ask = ask_per_session,
		.cases = {{"timeout=100s,filter=apd", "mapping"},
			  {"timeout=100s,filter=apd,filter-timeout=50s", "session"}},
	};

	(void)state;
	rig_check(&endpoint);
	rig_check(&address);
	rig_check(&filter);
}

static void a_mapping_goes_with_its_last_session(void **state)
{
	struct lab_nat *n = rig_new("timeout=60s,filter=ei,per-session=yes", 0, 1);

	(void)state;
	(void)rig_out(n, 0, rig_host(0, 5555), rig_remote(0, 5000));
	(void)rig_out(n, ADIT_SEC(30), rig_host(0, 5555), rig_remote(1, 5000));
	assert_int_equal(lab_zoo_count(n, ADIT_SEC(90) - 1), 1);
	assert_int_equal(lab_zoo_count(n, ADIT_SEC(90)), 0);
	lab_nat_free(n);
}

/* How many sockets of one host, then of a second host, get out at once? */
static struct rig_word ask_limits(struct lab_nat *n)
{
	long count[2] = {0, 0};
	struct rig_word w;

	for (uint8_t h = 0; h < 2; h++)
		for (uint16_t i = 0; i < 150; i++)
			count[h] += rig_port(n, 0, rig_host(h, (uint16_t)(3000 + i)), rig_remote(0, 80)) != 0;
	snprintf(w.text, sizeof(w.text), "%ld %ld", count[0], count[1]);
	return w;
}

/* RFC 6888 REQ-4: a carrier limits ports and state per subscriber, so that one cannot starve the others. */
static void limits_hold_for_all_and_for_each(void **state)
{
	static const struct rig_axis axis = {
		.name = "limits",
		.ask = ask_limits,
		.cases = {{"mappings=100", "100 0"},
			  {"host-mappings=100", "100 100"},
			  {"mappings=150,host-mappings=100", "100 50"},
			  {"filter=ei", "150 150"},
			  {"sessions=120", "120 0"}},
	};
	static const struct rig_axis rate = {
		.name = "rates",
		.ask = ask_limits,
		.cases = {{"rate=50", "50 0"}, {"host-rate=50", "50 50"}, {"rate=90,host-rate=50", "50 40"}},
	};

	(void)state;
	rig_check(&axis);
	rig_check(&rate);
}

/* A rate is per second, whatever the second. */
static struct rig_word ask_rate(struct lab_nat *n)
{
	long count = 0;

	for (uint32_t i = 0; i < 20000; i++)
		count += rig_port(n, i * ADIT_MS(1), rig_host(0, (uint16_t)(3000 + i)), rig_remote(0, 80)) != 0;
	/* Twenty seconds, and what may come at once before. */
	return rig_say_number((count + 10) / 21);
}

static void rates_are_kept_over_time(void **state)
{
	static const struct rig_axis axis = {
		.name = "rate",
		.ask = ask_rate,
		.cases = {{"rate=100", "100"}, {"host-rate=37", "37"}, {"rate=500", "500"}},
	};

	(void)state;
	rig_check(&axis);
}

/* What becomes of the flow too much: lost, refused with ICMP, or somebody else's place. */
static struct rig_word ask_full(struct lab_nat *n)
{
	struct lab_flow f = {.src = rig_host(0, 7000), .dst = rig_remote(0, 80), .ttl = 64};
	struct lab_flow g;
	struct adit_addr first = rig_out(n, 0, rig_host(0, 3000), rig_remote(0, 80));

	for (uint16_t i = 1; i < 10; i++)
		(void)rig_out(n, i, rig_host(0, (uint16_t)(3000 + i)), rig_remote(0, 80));
	switch (n->ops->out(n, 20, &f, &g)) {
	case LAB_DROP:
		return rig_say("drop");
	case LAB_REJECT:
		return rig_say("reject");
	case LAB_FORWARD:
		/* The port may have another owner by now. */
		f = (struct lab_flow){.src = rig_remote(0, 80), .dst = first, .ttl = 64};
		return rig_say(n->ops->in(n, 21, &f, &g) == LAB_FORWARD && g.dst.port == 3000 ? "no limit" : "evict");
	default:
		return rig_say("strange");
	}
}

static void a_full_table_drops_or_rejects_or_evicts_the_oldest(void **state)
{
	static const struct rig_axis axis = {
		.name = "full",
		.ask = ask_full,
		.cases = {{"mappings=10,full=drop", "drop"},
			  {"mappings=10,full=reject", "reject"},
			  {"mappings=10,full=evict", "evict"},
			  {"mappings=100,full=evict", "no limit"}},
	};
	static const struct rig_axis host = {
		.name = "full for a host",
		.ask = ask_full,
		.cases = {{"host-mappings=10,full=drop", "drop"}, {"host-mappings=10,full=evict", "evict"}},
	};
	static const struct rig_axis ports = {
		.name = "no port",
		.ask = ask_full,
		.cases = {{"ports=random,range=3000-3009,parity=no,full=drop", "drop"},
			  {"ports=random,range=3000-3009,parity=no,full=evict", "evict"}},
	};

	(void)state;
	rig_check(&axis);
	rig_check(&host);
	rig_check(&ports);
}

static void it_is_the_one_idle_for_longest_that_is_evicted(void **state)
{
	struct lab_nat *n = rig_new("mappings=3,full=evict,ports=random", 0, 1);
	uint16_t a = rig_port(n, 0, rig_host(0, 1), rig_remote(0, 80));
	uint16_t b = rig_port(n, 1, rig_host(0, 2), rig_remote(0, 80));

	(void)state;
	(void)rig_port(n, 2, rig_host(0, 3), rig_remote(0, 80));
	assert_int_equal(rig_port(n, 3, rig_host(0, 1), rig_remote(0, 80)), a);
	(void)rig_port(n, 4, rig_host(0, 4), rig_remote(0, 80));
	assert_true(rig_gets_in(n, 5, rig_remote(0, 80), rig_wan(0, a)));
	assert_false(rig_gets_in(n, 5, rig_remote(0, 80), rig_wan(0, b)));
	lab_nat_free(n);
}

/* RFC 4787 8, REQ-11: a NAT must behave alike at all times. This one does not: the mapping of a new socket. */
static struct rig_word ask_load(struct lab_nat *n)
{
	uint16_t a[2];
	uint16_t b[2];

	a[0] = rig_port(n, 0, rig_host(0, 5555), rig_remote(0, 80));
	a[1] = rig_port(n, 0, rig_host(0, 5555), rig_remote(1, 80));
	for (uint16_t i = 0; i < 100; i++)
		(void)rig_port(n, 0, rig_host(1, (uint16_t)(3000 + i)), rig_remote(0, 80));
	b[0] = rig_port(n, 0, rig_host(0, 6666), rig_remote(0, 80));
	b[1] = rig_port(n, 0, rig_host(0, 6666), rig_remote(1, 80));
	/* What a socket had before stays its own. */
	assert_int_equal(rig_port(n, 1, rig_host(0, 5555), rig_remote(0, 80)), a[0]);
	if (a[0] == a[1])
		return rig_say(b[0] == b[1] ? "cone" : "cone, then symmetric");
	return rig_say(b[0] == b[1] ? "symmetric, then cone" : "symmetric");
}

static void a_cone_may_turn_symmetric_under_load(void **state)
{
	static const struct rig_axis axis = {
		.name = "load",
		.ask = ask_load,
		.cases = {{"ports=random,load=50", "cone, then symmetric"},
			  {"ports=random,load=500", "cone"},
			  {"ports=random,mapping=apd", "symmetric"},
			  {"ports=random,mapping=apd,load=50,load-mapping=ei", "symmetric, then cone"}},
	};

	(void)state;
	rig_check(&axis);
}

static void a_loaded_nat_is_a_cone_again_when_the_load_is_gone(void **state)
{
	struct lab_nat *n = rig_new("ports=random,load=10,timeout=60s", 0, 1);
	adit_time t = ADIT_SEC(61);

	(void)state;
	for (uint16_t i = 0; i < 20; i++)
		(void)rig_port(n, 0, rig_host(1, (uint16_t)(3000 + i)), rig_remote(0, 80));
	assert_int_equal(rig_port(n, t, rig_host(0, 5555), rig_remote(0, 80)),
			 rig_port(n, t, rig_host(0, 5555), rig_remote(1, 80)));
	lab_nat_free(n);
}

/* A provider that gives another address at fixed times: all flows are lost, and the address is the pool's next. */
static void renumbering_takes_the_next_address_and_ends_all(void **state)
{
	struct lab_nat *n = rig_new("renumber=1h,timeout=2h", 3, 1);

	(void)state;
	for (unsigned hour = 0; hour < 5; hour++) {
		adit_time t = ADIT_SEC(3600 * hour);
		struct adit_addr want = rig_wan((uint8_t)(hour % 3), 0);
		struct adit_addr own = rig_out(n, t, rig_host(0, 5555), rig_remote(0, 80));

		assert_true(adit_addr_eq_ip(&own, &want));
		assert_true(rig_gets_in(n, t + ADIT_SEC(3599), rig_remote(0, 80), own));
		assert_false(rig_gets_in(n, t + ADIT_SEC(3600), rig_remote(0, 80), own));
	}
	lab_nat_free(n);
}

static void another_pool_ends_all_mappings(void **state)
{
	struct lab_nat *n = rig_new("filter=ei", 0, 1);
	struct adit_addr other = adit_addr_v4(203, 0, 113, 77, 0);
	static const uint8_t six[16] = {0x20, 0x01, 0x0d, 0xb8};
	struct adit_addr v6 = adit_addr_v6(six, 0);
	struct adit_addr own = rig_out(n, 0, rig_host(0, 5555), rig_remote(0, 80));

	(void)state;
	assert_int_equal(lab_zoo_readdress(n, &v6, 1), ADIT_EINVAL);
	assert_int_equal(lab_zoo_readdress(n, &other, 0), ADIT_EINVAL);
	assert_true(rig_gets_in(n, 1, rig_remote(0, 80), own));
	assert_int_equal(lab_zoo_readdress(n, &other, 1), 0);
	assert_false(rig_gets_in(n, 2, rig_remote(0, 80), own));
	own = rig_out(n, 3, rig_host(0, 5555), rig_remote(0, 80));
	assert_true(adit_addr_eq_ip(&own, &other));
	assert_true(rig_gets_in(n, 4, rig_remote(0, 80), own));
	lab_nat_free(n);
}

static void a_reboot_forgets_subscribers_mappings_and_blocks(void **state)
{
	struct lab_nat *n = rig_new("ports=random,parity=no,block=4096,blocks=1", 0, 1);
	struct adit_addr host = rig_host(0, 0);

	(void)state;
	for (uint8_t h = 0; h < 15; h++)
		assert_int_not_equal(rig_port(n, 0, rig_host(h, 5555), rig_remote(0, 80)), 0);
	assert_int_equal(lab_zoo_count(n, 0), 15);
	assert_int_equal(lab_zoo_host_count(n, 0, &host), 1);
	assert_int_equal(rig_port(n, 0, rig_host(15, 5555), rig_remote(0, 80)), 0);
	n->ops->flush(n);
	assert_int_equal(lab_zoo_count(n, 0), 0);
	assert_int_equal(lab_zoo_host_count(n, 0, &host), 0);
	assert_int_not_equal(rig_port(n, 0, rig_host(15, 5555), rig_remote(0, 80)), 0);
	lab_nat_free(n);
}

/* How many ports a second do others take of a sequential NAT? Rounded to tens. */
static struct rig_word ask_foreign(struct lab_nat *n)
{
	uint16_t before = rig_port(n, 0, rig_host(0, 2000), rig_remote(0, 80));
	long sum = 0;

	for (uint16_t s = 1; s <= 400; s++) {
		uint16_t port = rig_port(n, ADIT_SEC(s), rig_host(0, (uint16_t)(2000 + s)), rig_remote(0, 80));
		int32_t delta = port - before;

		sum += (delta < 0 ? delta + 64512 : delta) - 1;
		before = port;
	}
	/* 400 s of 20 a second: 8000, with a deviation of 90; taken ports are skipped besides. */
	return rig_say_number((sum / 400 + 5) / 10 * 10);
}

static void others_take_ports_at_the_rate_that_is_said(void **state)
{
	static const struct rig_axis axis = {
		.name = "foreign",
		.ask = ask_foreign,
		.cases = {{"ports=sequential,parity=no,foreign=20,foreign-life=30s", "20"},
			  {"ports=sequential,parity=no,foreign=80,foreign-life=30s", "80"},
			  {"ports=sequential,parity=no,foreign=40,foreign-life=10ms", "40"},
			  {"ports=sequential,parity=no", "0"}},
	};

	(void)state;
	rig_check(&axis);
}

/* Klinec and Matyas 2014: over windows of a second the flows are Poisson: variance and mean are the same. */
static void others_flows_are_a_poisson_process(void **state)
{
	struct lab_nat *n = rig_new("ports=sequential,parity=no,foreign=30,foreign-life=5s", 0, 3);
	uint16_t before = rig_port(n, 0, rig_host(0, 2000), rig_remote(0, 80));
	double sum = 0;
	double squares = 0;
	double mean;
	double variance;

	(void)state;
	for (uint16_t s = 1; s <= 1000; s++) {
		uint16_t port = rig_port(n, ADIT_SEC(s), rig_host(0, (uint16_t)(2000 + s)), rig_remote(0, 80));
		int32_t delta = port - before;
		double count = (delta < 0 ? delta + 64512 : delta) - 1;

		sum += count;
		squares += count * count;
		before = port;
	}
	mean = sum / 1000;
	variance = squares / 1000 - mean * mean;
	/* Five standard errors: of the mean sqrt(30/1000), of the dispersion sqrt(2/1000). */
	assert_true(mean > 29.1 && mean < 30.9);
	assert_true(variance / mean > 0.77 && variance / mean < 1.23);
	lab_nat_free(n);
}

static void others_were_there_before_the_first_packet(void **state)
{
	struct lab_nat *n = rig_new("ports=random,parity=no,foreign=50,timeout=60s", 0, 1);

	(void)state;
	/* 50 a second for 60 s: 3000, with a deviation of 55. */
	for (adit_time t = 0; t < ADIT_SEC(300); t += ADIT_SEC(50)) {
		size_t count = lab_zoo_foreign_count(n, t);

		assert_true(count > 2700 && count < 3300);
	}
	/* After an hour's silence, too, and at no cost to speak of. */
	assert_true(lab_zoo_foreign_count(n, ADIT_SEC(4000)) > 2700);
	assert_true(lab_zoo_foreign_count(n, ADIT_SEC(400000)) < 3300);
	assert_int_equal(lab_zoo_count(n, ADIT_SEC(400001)), 0);
	lab_nat_free(n);
}

static void nobody_gets_in_to_anothers_port(void **state)
{
	struct lab_nat *n =
		rig_new("filter=ei,ports=random,parity=no,range=10000-10099,foreign=10,foreign-life=100s", 0, 1);

	(void)state;
	(void)lab_zoo_foreign_count(n, 0);
	for (uint16_t port = 10000; port < 10100; port++)
		assert_int_not_equal(rig_in(n, ADIT_SEC(1), rig_remote(0, 80), rig_wan(0, port)), LAB_FORWARD);
	lab_nat_free(n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(udp_mappings_live_as_long_as_req5_says),
		cmocka_unit_test(a_socket_that_also_talks_to_high_ports_is_not_cut_short),
		cmocka_unit_test(what_refreshes_is_what_req6_names),
		cmocka_unit_test(an_absolute_time_out_cannot_be_refreshed),
		cmocka_unit_test(sessions_are_kept_together_or_each_by_itself),
		cmocka_unit_test(a_mapping_goes_with_its_last_session),
		cmocka_unit_test(limits_hold_for_all_and_for_each),
		cmocka_unit_test(rates_are_kept_over_time),
		cmocka_unit_test(a_full_table_drops_or_rejects_or_evicts_the_oldest),
		cmocka_unit_test(it_is_the_one_idle_for_longest_that_is_evicted),
		cmocka_unit_test(a_cone_may_turn_symmetric_under_load),
		cmocka_unit_test(a_loaded_nat_is_a_cone_again_when_the_load_is_gone),
		cmocka_unit_test(renumbering_takes_the_next_address_and_ends_all),
		cmocka_unit_test(another_pool_ends_all_mappings),
		cmocka_unit_test(a_reboot_forgets_subscribers_mappings_and_blocks),
		cmocka_unit_test(others_take_ports_at_the_rate_that_is_said),
		cmocka_unit_test(others_flows_are_a_poisson_process),
		cmocka_unit_test(others_were_there_before_the_first_packet),
		cmocka_unit_test(nobody_gets_in_to_anothers_port),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
