#include "test.h"

#include <string.h>

#include "base/bytes.h"
#include "base/nat64.h"

static struct adit_addr addr(const char *text)
{
	struct adit_addr a;

	assert_int_equal(adit_addr_parse(text, strlen(text), &a), 0);
	return a;
}

static struct adit_nat64 prefix(const char *text, uint8_t len)
{
	struct adit_addr a = addr(text);
	struct adit_nat64 n = {.len = len};

	memcpy(n.prefix, a.ip, sizeof(n.prefix));
	return n;
}

/* RFC 6052 2.4, table 1 and 2: 192.0.2.33 behind a prefix of each length. */
static const struct {
	const char *prefix;
	uint8_t len;
	const char *address;
} vectors[] = {
	{"2001:db8::", 32, "2001:db8:c000:221::"},
	{"2001:db8:100::", 40, "2001:db8:1c0:2:21::"},
	{"2001:db8:122::", 48, "2001:db8:122:c000:2:2100::"},
	{"2001:db8:122:300::", 56, "2001:db8:122:3c0:0:221::"},
	{"2001:db8:122:344::", 64, "2001:db8:122:344:c0:2:2100::"},
	{"2001:db8:122:344::", 96, "2001:db8:122:344::c000:221"},
	{"64:ff9b::", 96, "64:ff9b::c000:221"},
};

static void addresses_are_synthesized_as_rfc6052_shows(void **state)
{
	struct adit_addr v4 = adit_addr_v4(192, 0, 2, 33, 4321);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
		struct adit_nat64 n = prefix(vectors[i].prefix, vectors[i].len);
		struct adit_addr want = adit_addr_with_port(addr(vectors[i].address), 4321);
		struct adit_addr got = adit_nat64_synthesize(&n, &v4);

		assert_true(adit_addr_eq(&got, &want));
		assert_true(adit_nat64_extract(&n, &got, &got));
		assert_true(adit_addr_eq(&got, &v4));
		/* Another prefix, another family, and none at all. */
		want.ip[3] ^= 1;
		assert_false(adit_nat64_extract(&n, &want, &got));
		assert_false(adit_nat64_extract(&n, &v4, &got));
		assert_false(adit_nat64_extract(&(struct adit_nat64){.len = 0}, &want, &got));
	}
}

/* RFC 7050 3, each length. */
static void the_prefix_is_read_from_the_two_known_addresses(void **state)
{
	struct adit_addr known[2] = {adit_addr_v4(192, 0, 0, 170, 0), adit_addr_v4(192, 0, 0, 171, 0)};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
		struct adit_nat64 n = prefix(vectors[i].prefix, vectors[i].len);
		struct adit_addr two[2] = {adit_nat64_synthesize(&n, &known[0]), adit_nat64_synthesize(&n, &known[1])};
		struct adit_nat64 got;

		for (size_t k = 1; k <= 2; k++) {
			assert_true(adit_nat64_discover(two, k, &got));
			assert_int_equal(got.len, n.len);
			assert_memory_equal(got.prefix, n.prefix, sizeof(n.prefix));
		}
	}
}

static void a_prefix_that_looks_like_the_address_itself_is_told_by_both(void **state)
{
	/* 192.0.0.170 stands at bit 32 by chance, and at bit 96 by the NAT64. */
	struct adit_addr two[2] = {addr("2001:db8:c000:aa::c000:aa"), addr("2001:db8:c000:aa::c000:ab")};
	struct adit_nat64 got;

	(void)state;
	assert_true(adit_nat64_discover(two, 2, &got));
	assert_int_equal(got.len, 96);
}

static void addresses_that_no_nat64_has_made_name_no_prefix(void **state)
{
	struct adit_addr others[] = {addr("2001:db8::1"), addr("64:ff9b::c000:221"), addr("192.0.0.170"), addr("::"),
				     addr("2001:db8:1:2:ffc0:0:aa00::")};
	struct adit_nat64 got;

	(void)state;
	assert_false(adit_nat64_discover(others, 0, &got));
	assert_false(adit_nat64_discover(others, ARRAY_LEN(others), &got));
}

static void what_a_socket_sends_and_hears_is_translated(void **state)
{
	struct adit_nat64 n = adit_nat64_well_known();
	struct adit_out o = {.kind = ADIT_OUT_OPEN, .local = {.family = ADIT_FAMILY_V4, .port = 7}};
	struct adit_dgram d = {.local = addr("[2001:db8::5]:7"), .remote = addr("[64:ff9b::cb00:7109]:99")};
	struct adit_addr want = addr("[64:ff9b::cb00:7109]:99");

	(void)state;
	assert_true(adit_nat64_out(&n, &o));
	assert_true(adit_addr_is_v6(&o.local) && adit_addr_is_any(&o.local));
	assert_int_equal(o.local.port, 7);
	o = (struct adit_out){
		.kind = ADIT_OUT_SEND, .local = adit_nat64_own(7), .remote = adit_addr_v4(203, 0, 113, 9, 99)};
	assert_true(adit_nat64_out(&n, &o));
	assert_true(adit_addr_eq(&o.remote, &want));
	assert_int_equal(o.local.family, ADIT_FAMILY_NONE);
	assert_true(adit_nat64_in(&n, &d));
	want = adit_addr_v4(203, 0, 113, 9, 99);
	assert_true(adit_addr_eq(&d.remote, &want));
	assert_true(adit_nat64_is_own(&d.local) && d.local.port == 7);
	d.remote = addr("[2001:db8::9]:99");
	assert_false(adit_nat64_in(&n, &d));
}

static void private_addresses_are_not_sent_to_behind_the_well_known_prefix(void **state)
{
	struct adit_nat64 own = prefix("2001:db8:64::", 96);
	struct adit_nat64 known = adit_nat64_well_known();

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct adit_out o = {.kind = ADIT_OUT_SEND, .remote = adit_addr_v4(10, 1, 2, 3, 99)};

		/* RFC 6052 3.1; an enterprise's own prefix may lead to its own network. */
		assert_int_equal(adit_nat64_out(i == 0 ? &known : &own, &o), i == 1);
	}
}

/* Else a mediator or a service on this very machine would be looked for in the operator's network. */
static void what_is_this_machines_or_this_links_is_behind_no_nat64(void **state)
{
	static const char *const near[] = {"127.0.0.1:99", "169.254.3.4:99", "224.0.0.251:99"};
	struct adit_nat64 own = prefix("2001:db8:64::", 96);
	struct adit_nat64 none = {.len = 0};
	struct adit_addr far = addr("203.0.113.9:99");

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(near); i++) {
		struct adit_out o = {.kind = ADIT_OUT_SEND, .remote = addr(near[i])};

		assert_false(adit_nat64_out(&own, &o));
	}
	assert_true(adit_nat64_leads_to(&own, &far));
	assert_false(adit_nat64_leads_to(&none, &far));
}

/* RFC 7915 5.2. */
static void errors_are_those_of_ipv4_and_routers_before_the_nat64_lie_inside(void **state)
{
	static const struct {
		uint8_t type, code, to_type, to_code;
	} rows[] = {{1, 0, 3, 1}, {1, 1, 3, 10}, {1, 4, 3, 3}, {1, 77, 3, 1},
		    {2, 0, 3, 4}, {3, 0, 11, 0}, {3, 1, 11, 1}};
	struct adit_nat64 n = adit_nat64_well_known();
	struct adit_addr hop = adit_addr_v4(198, 51, 100, 8, 0);
	struct adit_icmp icmp;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		icmp = (struct adit_icmp){.remote = addr("[64:ff9b::cb00:7109]:99"),
					  .offender = addr("64:ff9b::c633:6408"),
					  .type = rows[i].type,
					  .code = rows[i].code};
		assert_true(adit_nat64_icmp(&n, &icmp));
		assert_int_equal(icmp.type, rows[i].to_type);
		assert_int_equal(icmp.code, rows[i].to_code);
		assert_true(adit_addr_eq(&icmp.offender, &hop));
		assert_true(adit_addr_is_v4(&icmp.remote));
	}
	icmp = (struct adit_icmp){
		.remote = addr("[64:ff9b::cb00:7109]:99"), .offender = addr("2001:db8::1"), .type = 3};
	assert_true(adit_nat64_icmp(&n, &icmp));
	assert_true(adit_addr_is_private(&icmp.offender));
	icmp = (struct adit_icmp){
		.remote = addr("[64:ff9b::cb00:7109]:99"), .offender = addr("2001:db8::1"), .type = 129};
	assert_false(adit_nat64_icmp(&n, &icmp));
	icmp = (struct adit_icmp){.remote = addr("[2001:db8::9]:99"), .offender = addr("2001:db8::1"), .type = 3};
	assert_false(adit_nat64_icmp(&n, &icmp));
}

static void a_prefix_is_written_as_people_write_it(void **state)
{
	struct adit_nat64 n = adit_nat64_well_known();
	char buf[ADIT_NAT64_STRLEN];

	(void)state;
	assert_string_equal(adit_nat64_format(&n, buf), "64:ff9b::/96");
	n = prefix("2001:db8:122:344::", 64);
	assert_string_equal(adit_nat64_format(&n, buf), "2001:db8:122:344::/64");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_are_synthesized_as_rfc6052_shows),
		cmocka_unit_test(the_prefix_is_read_from_the_two_known_addresses),
		cmocka_unit_test(a_prefix_that_looks_like_the_address_itself_is_told_by_both),
		cmocka_unit_test(addresses_that_no_nat64_has_made_name_no_prefix),
		cmocka_unit_test(what_a_socket_sends_and_hears_is_translated),
		cmocka_unit_test(private_addresses_are_not_sent_to_behind_the_well_known_prefix),
		cmocka_unit_test(what_is_this_machines_or_this_links_is_behind_no_nat64),
		cmocka_unit_test(errors_are_those_of_ipv4_and_routers_before_the_nat64_lie_inside),
		cmocka_unit_test(a_prefix_is_written_as_people_write_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
