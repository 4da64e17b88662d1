#include "test.h"

#include <stdio.h>
#include <string.h>

#include "lab/lab_plan.h"

static struct lab_plan plan;
static struct lab_plan_error error;

static int parse(const char *text)
{
	return lab_plan_parse(text, strlen(text), &plan, &error);
}

static const char two[] = "# two homes\n"
			  "net internet 203.0.113.0/24\n"
			  "net a-lan 192.168.1.0/24 2001:db8:a::/64\n"
			  "\tnet b-lan 192.168.2.0/24   # trailing\r\n"
			  "host server on internet 203.0.113.66 203.0.113.67\n"
			  "host a on a-lan\n"
			  "host b on b-lan on internet\n"
			  "router ra nat home,filter=ei inside a-lan outside internet 203.0.113.10\n"
			  "router rb kernel random input=accept forward=udp/4000:b forward=tcp/80:a:8080 inside b-lan "
			  "outside internet\n"
			  "link internet delay 20ms jitter 1.5ms loss 0.5% rate 100mbit queue 64kb mtu 1400\n"
			  "link internet server delay 2s\n"
			  "run server: echo a # b\n"
			  "main a: true";

static char *text_of(const struct adit_addr *a)
{
	static char buf[ADIT_ADDR_STRLEN];

	adit_addr_format(a, buf);
	return buf;
}

static void a_topology_is_read(void **state)
{
	const struct lab_plan_node *n = plan.nodes;

	(void)state;
	assert_int_equal(parse(two), 0);
	assert_int_equal(plan.n_nets, 3);
	assert_int_equal(plan.n_nodes, 5);
	assert_string_equal(text_of(&n[1].ports[0].addrs[0]), "192.168.1.10");
	assert_string_equal(text_of(&n[1].ports[0].addrs[1]), "2001:db8:a::a");
	assert_string_equal(text_of(&n[2].ports[1].addrs[0]), "203.0.113.11");
	assert_string_equal(n[3].species, "home,filter=ei");
	assert_string_equal(text_of(&n[3].ports[0].addrs[0]), "192.168.1.1");
	assert_string_equal(text_of(&n[3].ports[1].addrs[0]), "203.0.113.10");
	assert_int_equal(n[4].masquerade, LAB_PLAN_RANDOM);
	assert_int_equal(n[4].input, LAB_PLAN_ACCEPT);
	assert_int_equal(n[4].n_forwards, 2);
	assert_true(n[4].forwards[1].tcp && n[4].forwards[1].port == 80 && n[4].forwards[1].to_port == 8080);
	assert_int_equal(plan.nets[0].wire.delay, ADIT_MS(20));
	assert_int_equal(plan.nets[0].wire.jitter, ADIT_US(1500));
	assert_int_equal(plan.nets[0].wire.rate, 100000000);
	assert_int_equal(plan.nets[0].wire.queue, 65536);
	assert_int_equal(plan.nets[0].wire.mtu, 1400);
	assert_int_equal(n[0].ports[0].wire.delay, ADIT_SEC(2));
	assert_int_equal(plan.n_runs, 2);
	assert_int_equal(plan.runs[0].len, strlen("echo a # b"));
	assert_true(plan.runs[1].is_main);
}

static void errors_name_the_place_and_what_was_expected(void **state)
{
	static const struct {
		const char *text;
		unsigned line;
		unsigned column;
		const char *says;
	} bad[] = {
		{"", 1, 1, "at least one host"},
		{"foo", 1, 1, "expected net, host, router, link, run or main, found \"foo\""},
		{"net", 1, 4, "expected a name"},
		{"net N 10.0.0.0/8", 1, 5, "expected a name"},
		{"net n 10.0.0.1/8", 1, 7, "expected the net's first address, 10.0.0.0/8"},
		{"net n 10.0.0.0", 1, 7, "expected a prefix"},
		{"net n 10.0.0.0/31", 1, 7, "prefix length"},
		{"net n 10.0.0.0/8\nnet n 11.0.0.0/8", 2, 5, "declared already"},
		{"net n 10.0.0.0/8\nhost a on m", 2, 11, "expected a net declared above (n), found \"m\""},
		{"net n 10.0.0.0/8\nhost a on n 11.0.0.1", 2, 13, "expected an address of net n"},
		{"net n 10.0.0.0/8\nhost a on n 10.0.0.1\nhost b on n 10.0.0.1", 3, 13, "somebody else's"},
		{"net n 10.0.0.0/8\nhost a on n x", 2, 13, "expected an address, \"on\" or the end"},
		{"net n 10.0.0.0/8\nnet m 11.0.0.0/8\nrouter r nat nosuch inside n outside m", 3, 14, "nosuch"},
		{"net n 10.0.0.0/8\nrouter r nat home inside n outside n", 2, 36, "on this net already"},
		{"net n 10.0.0.0/8\nrouter r fridge", 2, 10, "expected \"nat\" or \"kernel\""},
		{"net n 10.0.0.0/8\nrouter r kernel input=maybe", 2, 17, "expected masquerade"},
		{"net n 10.0.0.0/8\nlink n delay 20", 2, 14, "expected a time such as 20ms"},
		{"net n 10.0.0.0/8\nlink n delay 20m", 2, 14, "expected a time"},
		{"net n 10.0.0.0/8\nlink n loss 200%", 2, 13, "expected a share"},
		{"net n 10.0.0.0/8\nlink n", 2, 7, "expected delay"},
		{"net n 10.0.0.0/8\nhost a on n\nrun a true", 3, 5, "expected a host and a colon"},
		{"net n 10.0.0.0/8\nhost a on n\nrun b: true", 3, 5, "expected a host or router declared above (a)"},
		{"net n 10.0.0.0/8\nhost a on n\nrun a:  ", 3, 9, "expected a command"},
		{"net n 10.0.0.0/8\nhost a on n\nmain a: x\nmain a: y", 4, 1, "main command already"},
		{"net n 10.0.0.0/30\nhost a on n\nhost b on n\nhost c on n\nhost d on n", 5, 1, "no address left"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(parse(bad[i].text), ADIT_EINVAL);
		if (error.at.line != bad[i].line || error.at.column != bad[i].column ||
		    !strstr(error.text, bad[i].says))
			fail_msg("%s\n%u:%u: %s\nwanted %u:%u: %s", bad[i].text, error.at.line, error.at.column,
				 error.text, bad[i].line, bad[i].column, bad[i].says);
	}
}

static void a_host_goes_through_the_router_whose_inside_it_is_on(void **state)
{
	struct lab_plan_route routes[LAB_PLAN_ROUTES];

	(void)state;
	assert_int_equal(parse(two), 0);
	assert_int_equal(lab_plan_routes(&plan, 1, routes, LAB_PLAN_ROUTES), 2);
	assert_int_equal(routes[0].to.len, 0);
	assert_string_equal(text_of(&routes[0].via), "192.168.1.1");
	assert_string_equal(text_of(&routes[1].via), "2001:db8:a::1");
	/* Nobody outside knows a way to what is translated. */
	assert_int_equal(lab_plan_routes(&plan, 0, routes, LAB_PLAN_ROUTES), 0);
}

static void nets_behind_routers_that_translate_nothing_are_known_outside(void **state)
{
	struct lab_plan_route routes[LAB_PLAN_ROUTES];
	size_t n;

	(void)state;
	assert_int_equal(parse("net east 10.1.0.0/16\nnet middle 10.2.0.0/16\nnet west 10.3.0.0/16\n"
			       "host a on east\nhost b on west\n"
			       "router h1 kernel none inside east outside middle\n"
			       "router h2 kernel none inside middle outside west\n"),
			 0);
	n = lab_plan_routes(&plan, 1, routes, LAB_PLAN_ROUTES);
	assert_int_equal(n, 2);
	for (size_t i = 0; i < n; i++)
		assert_string_equal(text_of(&routes[i].via), "10.3.0.11");
	/* h1: everything by h2, which is the gateway of the middle. */
	assert_int_equal(lab_plan_routes(&plan, 2, routes, LAB_PLAN_ROUTES), 1);
	assert_string_equal(text_of(&routes[0].via), "10.2.0.1");
	/* h2 knows the way back. */
	assert_int_equal(lab_plan_routes(&plan, 3, routes, LAB_PLAN_ROUTES), 1);
	assert_string_equal(text_of(&routes[0].via), "10.2.0.10");
	assert_string_equal(text_of(&routes[0].to.addr), "10.1.0.0");
}

static void a_router_takes_another_species(void **state)
{
	(void)state;
	assert_int_equal(parse(two), 0);
	assert_int_equal(lab_plan_set_species(&plan, 4, "cgn-block", &error), 0);
	assert_int_equal(plan.nodes[4].kind, LAB_PLAN_NAT);
	assert_int_equal(lab_plan_set_species(&plan, 3, "nosuch", &error), ADIT_EINVAL);
	assert_int_equal(lab_plan_set_species(&plan, 0, "home", &error), ADIT_EINVAL);
}

static void bytes_that_are_no_text_are_refused(void **state)
{
	(void)state;
	assert_int_equal(lab_plan_parse("net\0n", 5, &plan, &error), ADIT_EINVAL);
	assert_int_equal(error.at.line, 1);
	assert_non_null(strstr(error.text, "expected text"));
}

static void every_truncation_is_read_within_its_bytes(void **state)
{
	(void)state;
	for (size_t n = 0; n < sizeof(two) - 1; n++) {
		char *exact = test_malloc(n ? n : 1); /* so that ASan sees the end */

		memcpy(exact, two, n);
		if (lab_plan_parse(exact, n, &plan, &error) < 0)
			assert_true(error.at.line > 0 && error.at.column > 0 && error.text[0]);
		test_free(exact);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_topology_is_read),
		cmocka_unit_test(errors_name_the_place_and_what_was_expected),
		cmocka_unit_test(a_host_goes_through_the_router_whose_inside_it_is_on),
		cmocka_unit_test(nets_behind_routers_that_translate_nothing_are_known_outside),
		cmocka_unit_test(a_router_takes_another_species),
		cmocka_unit_test(bytes_that_are_no_text_are_refused),
		cmocka_unit_test(every_truncation_is_read_within_its_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
