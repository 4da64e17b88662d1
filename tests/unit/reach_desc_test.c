#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "core/reach/reach_desc.h"
#include "hex.h"

static struct reach_desc full(void)
{
	return (struct reach_desc){
		.instance = UINT64_C(0x0102030405060708),
		.attempt = 77,
		.round = 2,
		.kind = NAT_KIND_SEQUENTIAL,
		.is_filtered = true,
		.public = adit_addr_v4(203, 0, 113, 7, 0),
		.witnesses = 2,
		.ports = {.kind = NAT_PORT_SEQUENTIAL,
			  .samples = 9,
			  .kept = 1,
			  .step = -2,
			  .spread = 6,
			  .mean = 40,
			  .jumps = true,
			  .foreign = 17,
			  .low = 40000,
			  .high = 40100,
			  .last = 40002},
		.age = 150,
		.nats = 2,
		.start = REACH_START_LATER,
		.way = NAT_WAY_BIRTHDAY,
		.window_to = adit_addr_v4(198, 51, 100, 9, 5555),
		.window_low = 40110,
		.window_high = 40130,
	};
}

static void assert_same_ports(const struct nat_ports *a, const struct nat_ports *b)
{
	assert_int_equal(a->kind, b->kind);
	assert_int_equal(a->samples, b->samples);
	assert_int_equal(a->kept, b->kept);
	assert_int_equal(a->step, b->step);
	assert_int_equal(a->spread, b->spread);
	assert_int_equal(a->mean, b->mean);
	assert_int_equal(a->jumps, b->jumps);
	assert_int_equal(a->foreign, b->foreign);
	assert_int_equal(a->low, b->low);
	assert_int_equal(a->high, b->high);
	assert_int_equal(a->block, b->block);
	assert_int_equal(a->last, b->last);
}

static void assert_same(const struct reach_desc *a, const struct reach_desc *b)
{
	assert_true(a->instance == b->instance);
	assert_int_equal(a->attempt, b->attempt);
	assert_int_equal(a->round, b->round);
	assert_int_equal(a->kind, b->kind);
	assert_int_equal(a->is_filtered, b->is_filtered);
	assert_true(adit_addr_eq(&a->public, &b->public));
	assert_int_equal(a->witnesses, b->witnesses);
	assert_same_ports(&a->ports, &b->ports);
	assert_int_equal(a->age, b->age);
	assert_int_equal(a->nats, b->nats);
	assert_int_equal(a->start, b->start);
	assert_int_equal(a->way, b->way);
	assert_true(adit_addr_eq(&a->window_to, &b->window_to));
	assert_int_equal(a->window_low, b->window_low);
	assert_int_equal(a->window_high, b->window_high);
}

static void assert_returns(const struct reach_desc *d)
{
	uint8_t buf[MEET_EXTRA_MAX];
	struct reach_desc back;
	size_t len = reach_desc_encode(d, buf);

	assert_in_range(len, 1, MEET_EXTRA_MAX);
	assert_int_equal(reach_desc_decode(buf, len, &back), 0);
	assert_same(d, &back);
}

static void what_is_told_comes_back(void **state)
{
	struct reach_desc d = full();

	(void)state;
	assert_returns(&d);
	d = (struct reach_desc){.round = 1};
	assert_returns(&d);
	d = (struct reach_desc){.round = 255, .attempt = UINT32_MAX, .instance = UINT64_MAX, .nats = 255};
	assert_returns(&d);
	for (int kind = NAT_KIND_UNKNOWN; kind <= NAT_KIND_BLOCKED; kind++) {
		d = full();
		d.kind = (enum nat_kind)kind;
		d.ports = (struct nat_ports){
			.kind = NAT_PORT_BLOCK, .samples = 42, .low = 1024, .high = 65535, .block = 2048, .last = 2000};
		assert_returns(&d);
	}
}

static void counts_that_do_not_fit_are_told_as_the_largest(void **state)
{
	struct reach_desc d = full();
	struct reach_desc back;
	uint8_t buf[MEET_EXTRA_MAX];

	(void)state;
	d.ports = (struct nat_ports){.kind = NAT_PORT_RANDOM,
				     .samples = 1000,
				     .kept = 300,
				     .foreign = 100000,
				     .block = 70000,
				     .low = 1,
				     .high = 65535,
				     .last = 7};
	assert_int_equal(reach_desc_decode(buf, reach_desc_encode(&d, buf), &back), 0);
	assert_int_equal(back.ports.samples, 255);
	assert_int_equal(back.ports.kept, 255);
	assert_int_equal(back.ports.foreign, 65535);
	assert_int_equal(back.ports.block, 65535);
}

/* Cut off anywhere but between two values, and every value shorter than it must be. */
static void every_truncation_is_refused_or_says_less(void **state)
{
	struct reach_desc d = full();
	struct reach_desc back;
	uint8_t buf[MEET_EXTRA_MAX];
	size_t len = reach_desc_encode(&d, buf);
	size_t between = 0;

	(void)state;
	for (size_t cut = 0; cut <= len; cut++) {
		uint8_t *exact = malloc(cut + 1);
		int err;

		memcpy(exact, buf, cut);
		err = reach_desc_decode(exact, cut, &back);
		free(exact);
		if (cut == between) {
			assert_int_equal(err, 0);
			between += 2 + (cut < len ? buf[cut + 1] : 0);
		} else {
			assert_int_equal(err, ADIT_EPROTO);
		}
	}
	assert_int_equal(between, len + 2);
	for (size_t at = 0; at < len; at += 2 + (size_t)buf[at + 1]) {
		uint8_t shorter[MEET_EXTRA_MAX];

		memcpy(shorter, buf + at, 2 + (size_t)buf[at + 1]);
		shorter[1]--;
		assert_int_equal(reach_desc_decode(shorter, 2 + (size_t)shorter[1], &back), ADIT_EPROTO);
	}
}

static void later_versions_may_say_more(void **state)
{
	static const char *const more[] = {
		"02 03 03 aa bb", /* a kind, and what belongs to it */
		"f0 00", /* what is not known here */
		"02 01 03 f7 04 01020304",
	};
	struct reach_desc back;
	uint8_t buf[MEET_EXTRA_MAX];

	(void)state;
	assert_int_equal(reach_desc_decode(buf, from_hex(more[0], buf, sizeof(buf)), &back), 0);
	assert_int_equal(back.kind, NAT_KIND_SEQUENTIAL);
	assert_int_equal(reach_desc_decode(buf, from_hex(more[1], buf, sizeof(buf)), &back), 0);
	assert_int_equal(back.kind, NAT_KIND_UNKNOWN);
	assert_int_equal(reach_desc_decode(buf, from_hex(more[2], buf, sizeof(buf)), &back), 0);
	assert_int_equal(back.kind, NAT_KIND_SEQUENTIAL);
	assert_int_equal(reach_desc_decode(buf, 0, &back), 0);
}

static void what_makes_no_sense_is_refused(void **state)
{
	static const struct {
		const char *hex;
		const char *why;
	} bad[] = {
		{"01 0d 0000000000000001 00000001 00", "round 0"},
		{"02 01 07", "no such kind"},
		{"02 01 03 02 01 03", "twice"},
		{"03 05 00000000 02", "public 0.0.0.0"},
		{"03 05 e0000001 02", "public and multicast"},
		{"03 05 7f000001 02", "public and loopback"},
		{"03 05 a9fe0101 02", "public and link-local"},
		{"03 05 ffffffff 02", "public and broadcast"},
		/* kind samples kept jumps step spread mean foreign low high block last age */
		{"04 16 05 09 00 00 0000 0000 0000 0000 0400 0800 0000 0500 0000", "no such kind of ports"},
		{"04 16 04 00 00 00 0000 0000 0000 0000 0400 0800 0000 0500 0000", "no samples"},
		{"04 16 04 09 0a 00 0000 0000 0000 0000 0400 0800 0000 0500 0000", "more kept than samples"},
		{"04 16 04 09 00 00 0000 0000 0000 0000 0800 0400 0000 0500 0000", "low above high"},
		{"04 16 04 09 00 00 0000 0000 0000 0000 0400 0800 0000 0300 0000", "last below low"},
		{"04 16 04 09 00 00 0000 0000 0000 0000 0400 0800 0000 0900 0000", "last above high"},
		{"04 16 04 09 00 00 0001 0000 0000 0000 0400 0800 0000 0500 0000", "random, and a step"},
		{"04 16 04 09 00 00 0000 0001 0000 0000 0400 0800 0000 0500 0000", "random, and a spread"},
		{"04 16 04 09 00 00 0000 0000 0001 0000 0400 0800 0000 0500 0000", "random, and a mean"},
		{"04 16 04 09 00 01 0000 0000 0000 0000 0400 0800 0000 0500 0000", "random, and jumps"},
		{"04 16 02 09 00 00 0000 0001 0010 0000 0400 0800 0000 0500 0000", "sequential without a step"},
		{"04 16 02 09 00 00 0041 0041 0010 0000 0400 0800 0000 0500 0000", "a step of 65"},
		{"04 16 02 09 00 00 ffbf 0041 0010 0000 0400 0800 0000 0500 0000", "a step of -65"},
		{"04 16 02 09 00 00 0001 0041 0010 0000 0400 0800 0000 0500 0000", "a spread of 65"},
		{"04 16 02 09 00 00 0001 0001 000f 0000 0400 0800 0000 0500 0000", "a mean below 1"},
		{"04 16 02 09 00 00 0001 0001 0401 0000 0400 0800 0000 0500 0000", "a mean above 64"},
		{"06 0a 7f000001 1000 1001 1002", "a window to loopback"},
		{"06 0a c6336409 0000 1001 1002", "a window to port 0"},
		{"06 0a c6336409 1000 0000 1002", "a window from port 0"},
		{"06 0a c6336409 1000 1003 1002", "a window that ends before it begins"},
		{"02", "no length"},
		{"f0 02 00", "unknown, and cut off"},
	};
	struct reach_desc back = {.attempt = 4711};
	uint8_t buf[MEET_EXTRA_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		size_t len = from_hex(bad[i].hex, buf, sizeof(buf));

		if (reach_desc_decode(buf, len, &back) != ADIT_EPROTO)
			fail_msg("%s was taken", bad[i].why);
	}
	assert_int_equal(back.attempt, 4711);
}

static struct reach_memory a_memory(void)
{
	return (struct reach_memory){
		.network = adit_addr_v4(203, 0, 113, 7, 0),
		.kind = NAT_KIND_BLOCK,
		.low_ttl = 4,
		.peer_network = adit_addr_v4(198, 51, 100, 9, 0),
		.peer_kind = NAT_KIND_STEADY,
		.way = NAT_WAY_BLOCK,
		.start = REACH_START_CROSS,
		.at = ADIT_SEC(1790000000),
	};
}

static void assert_same_memory(const struct reach_memory *a, const struct reach_memory *b)
{
	assert_true(adit_addr_eq(&a->network, &b->network));
	assert_int_equal(a->kind, b->kind);
	assert_int_equal(a->low_ttl, b->low_ttl);
	assert_true(adit_addr_eq(&a->peer_network, &b->peer_network));
	assert_int_equal(a->peer_kind, b->peer_kind);
	assert_int_equal(a->way, b->way);
	assert_int_equal(a->start, b->start);
	assert_true(a->at == b->at);
}

static void a_memory_is_a_line_of_words(void **state)
{
	struct reach_memory m = a_memory();
	struct reach_memory back;
	char buf[REACH_MEMORY_STRLEN];
	int len = reach_memory_format(&m, buf);

	(void)state;
	assert_int_equal(len, strlen(buf));
	assert_string_equal(buf, "network=203.0.113.7 kind=block ttl=4 peer-network=198.51.100.9 peer-kind=steady "
				 "way=block start=2 at=1790000000");
	assert_int_equal(reach_memory_parse(buf, &back), 0);
	assert_same_memory(&m, &back);
}

static void every_memory_comes_back(void **state)
{
	struct reach_memory m = a_memory();
	struct reach_memory back;
	char buf[REACH_MEMORY_STRLEN];

	(void)state;
	for (int kind = NAT_KIND_UNKNOWN; kind <= NAT_KIND_BLOCKED; kind++) {
		for (int way = NAT_WAY_UNKNOWN; way <= NAT_WAY_RELAY; way++) {
			m.kind = (enum nat_kind)kind;
			m.peer_kind = (enum nat_kind)(NAT_KIND_BLOCKED - kind);
			m.way = (enum nat_way)way;
			m.low_ttl = (uint8_t)(way * 31);
			m.start = (uint8_t)(way % (REACH_STARTS + 1));
			assert_true(reach_memory_format(&m, buf) > 0);
			assert_int_equal(reach_memory_parse(buf, &back), 0);
			assert_same_memory(&m, &back);
		}
	}
	m = (struct reach_memory){.at = UINT64_MAX / ADIT_SEC(1) * ADIT_SEC(1)};
	assert_true(reach_memory_format(&m, buf) > 0);
	assert_int_equal(reach_memory_parse(buf, &back), 0);
	assert_same_memory(&m, &back);
}

static void a_memory_of_a_later_version_is_read(void **state)
{
	struct reach_memory back;

	(void)state;
	assert_int_equal(reach_memory_parse("kind=steady colour=blue colour=red ttl=3", &back), 0);
	assert_int_equal(back.kind, NAT_KIND_STEADY);
	assert_int_equal(back.low_ttl, 3);
	assert_int_equal(reach_memory_parse("", &back), 0);
	assert_int_equal(back.kind, NAT_KIND_UNKNOWN);
}

static void a_damaged_memory_is_refused(void **state)
{
	static const char *const bad[] = {
		"kind",
		"=steady",
		"kind=",
		"kind=cone",
		"kind=steady ",
		" kind=steady",
		"kind=steady  ttl=3",
		"kind=steady kind=steady",
		"ttl=256",
		"ttl=-1",
		"ttl=",
		"ttl=3x",
		"way=somehow",
		"network=203.0.113.7:80",
		"network=2001:db8::1",
		"network=203.0.113",
		"network=",
		"at=18446744074",
		"at=99999999999999999999999",
		"kind=steady\n",
		"kind=steady\tttl=3",
	};
	struct reach_memory back = {.low_ttl = 77};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (reach_memory_parse(bad[i], &back) != ADIT_EPROTO)
			fail_msg("'%s' was taken", bad[i]);
	assert_int_equal(back.low_ttl, 77);
}

/* Every beginning of a line, from a buffer that ends there. */
static void a_line_that_breaks_off_hurts_nobody(void **state)
{
	struct reach_memory m = a_memory();
	struct reach_memory back;
	char buf[REACH_MEMORY_STRLEN];
	int len = reach_memory_format(&m, buf);

	(void)state;
	assert_true(len > 0);
	for (size_t cut = 0; cut <= (size_t)len; cut++) {
		char *exact = malloc(cut + 1);
		int err;

		memcpy(exact, buf, cut);
		exact[cut] = '\0';
		err = reach_memory_parse(exact, &back);
		assert_true(err == 0 || err == ADIT_EPROTO);
		free(exact);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_told_comes_back),
		cmocka_unit_test(counts_that_do_not_fit_are_told_as_the_largest),
		cmocka_unit_test(every_truncation_is_refused_or_says_less),
		cmocka_unit_test(later_versions_may_say_more),
		cmocka_unit_test(what_makes_no_sense_is_refused),
		cmocka_unit_test(a_memory_is_a_line_of_words),
		cmocka_unit_test(every_memory_comes_back),
		cmocka_unit_test(a_memory_of_a_later_version_is_read),
		cmocka_unit_test(a_damaged_memory_is_refused),
		cmocka_unit_test(a_line_that_breaks_off_hurts_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
