#include "test.h"

#include <string.h>

#include "base/bytes.h"
#include "cli/cli_exit.h"
#include "cli/cli_service.h"

static char long_path[CLI_PATH_MAX + 9]; /* "n=unix:/xxx...", its path one byte too long */
static char long_host[300];

static int setup(void **state)
{
	(void)state;
	memset(long_path, 'x', sizeof(long_path) - 1);
	memcpy(long_path, "n=unix:/", 8);
	memset(long_host, 'x', sizeof(long_host) - 1);
	for (size_t i = 60; i < sizeof(long_host); i += 60)
		long_host[i] = '.';
	memcpy(long_host + sizeof(long_host) - 4, ":22", 3);
	return 0;
}

static void services_are_understood_and_written_back(void **state)
{
	static const struct {
		const char *text;
		const char *name;
		enum cli_target_kind kind;
		const char *host;
		uint16_t port;
		const char *back;
	} good[] = {
		{"22", "22", CLI_TARGET_TCP, "", 22, "22"},
		{"web=8080", "web", CLI_TARGET_TCP, "", 8080, "8080"},
		{"udp/53", "udp-53", CLI_TARGET_UDP, "", 53, "udp/53"},
		{"host:22", "22", CLI_TARGET_TCP, "host", 22, "host:22"},
		{"a.b-c_d.example:65535", "65535", CLI_TARGET_TCP, "a.b-c_d.example", 65535, "a.b-c_d.example:65535"},
		{"192.0.2.1:80", "80", CLI_TARGET_TCP, "192.0.2.1", 80, "192.0.2.1:80"},
		{"dns=udp/host:53", "dns", CLI_TARGET_UDP, "host", 53, "udp/host:53"},
		{"udp/[2001:db8::1]:53", "udp-53", CLI_TARGET_UDP, "2001:db8::1", 53, "udp/[2001:db8::1]:53"},
		{"[::1]:22", "22", CLI_TARGET_TCP, "::1", 22, "[::1]:22"},
		{"x=[fe80::1%eth0]:22", "x", CLI_TARGET_TCP, "fe80::1%eth0", 22, "[fe80::1%eth0]:22"},
		{"00022", "22", CLI_TARGET_TCP, "", 22, "22"},
		{"a-0=1", "a-0", CLI_TARGET_TCP, "", 1, "1"},
		{"3com:22", "22", CLI_TARGET_TCP, "3com", 22, "3com:22"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		char buf[CLI_TARGET_LEN];
		struct cli_service s;
		struct cli_fault f;

		assert_int_equal(cli_service_parse(good[i].text, &s, &f), 0);
		assert_string_equal(s.name, good[i].name);
		assert_int_equal(s.target.kind, good[i].kind);
		assert_string_equal(s.target.host, good[i].host);
		assert_int_equal(s.target.port, good[i].port);
		assert_string_equal(cli_target_format(&s.target, buf), good[i].back);
	}
}

static void unix_sockets_are_paths_with_a_name(void **state)
{
	char buf[CLI_TARGET_LEN];
	struct cli_service s;
	struct cli_fault f;

	(void)state;
	assert_int_equal(cli_service_parse("db=unix:/run/a=b:c d", &s, &f), 0);
	assert_string_equal(s.name, "db");
	assert_int_equal(s.target.kind, CLI_TARGET_UNIX);
	assert_string_equal(s.target.path, "/run/a=b:c d");
	assert_string_equal(cli_target_format(&s.target, buf), "unix:/run/a=b:c d");
	long_path[7 + CLI_PATH_MAX] = '\0';
	assert_int_equal(cli_service_parse(long_path, &s, &f), 0);
	assert_int_equal(strlen(s.target.path), CLI_PATH_MAX);
	long_path[7 + CLI_PATH_MAX] = 'x';
}

/* Each with a word of the reason: a message that says something else would mislead. */
static void wrong_services_are_usage_errors_that_say_why(void **state)
{
	static const char *const bad[][2] = {
		{"", "port is missing"},
		{"web=", "port is missing"},
		{"web", "port is missing"},
		{"=22", "empty"},
		{"Web=22", "no service name"},
		{"we b=22", "no service name"},
		{"a123456789012345678901234567890123=22", "34 characters"},
		{"0", "not 1 to 65535"},
		{"65536", "not 1 to 65535"},
		{"123456", "not 1 to 65535"},
		{"host:", "not 1 to 65535"},
		{"host:http", "not 1 to 65535"},
		{"host:0", "not 1 to 65535"},
		{":22", "neither a name"},
		{"-h:22", "neither a name"},
		{".a:22", "neither a name"},
		{"a..b:22", "neither a name"},
		{"a b:22", "neither a name"},
		{"tcp/22", "port is missing"},
		{"tcp/h:22", "neither a name"},
		{"10.1:22", "neither a name"},
		{"1.2.3.256:22", "neither a name"},
		{"::1:22", "need brackets"},
		{"[::1:22", "brackets do not match"},
		{"[::1]22", "brackets do not match"},
		{"[::1]", "port is missing"},
		{"[1.2.3.4]:22", "neither a name"},
		{"[host]:22", "neither a name"},
		{"[]:22", "neither a name"},
		{"[2001:db8::1%eth0]:22", "neither a name"}, /* a zone is for link-local addresses */
		{"[fe80::1%]:22", "neither a name"},
		{"udp/", "port is missing"},
		{"udp/host", "port is missing"},
		{"unix:/run/x", "no port to be called by"},
		{"a=unix:", "names no socket"},
		{"a=unix:run/x", "names no socket"},
		{"a=b=22", "port is missing"},
		{long_path, "108 bytes"},
		{long_host, "neither a name"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct cli_service s;
		struct cli_fault f = {0};

		assert_int_equal(cli_service_parse(bad[i][0], &s, &f), ADIT_EINVAL);
		assert_int_equal(f.exit, CLI_EXIT_USAGE);
		if (!strstr(f.what, bad[i][1]))
			fail_msg("\"%s\": \"%s\" does not say \"%s\"", bad[i][0], f.what, bad[i][1]);
		assert_true(f.next[0] != '\0');
	}
}

static void forwards_are_understood_and_written_back(void **state)
{
	static const struct {
		const char *text;
		const char *service;
		enum cli_local_kind kind;
		uint16_t port;
		const char *back;
	} good[] = {
		{"web", "web", CLI_LOCAL_AUTO, 0, "web"},
		{"22", "22", CLI_LOCAL_AUTO, 0, "22"},
		{"udp-53", "udp-53", CLI_LOCAL_AUTO, 0, "udp-53"},
		{"7100:web", "web", CLI_LOCAL_PORT, 7100, "7100:web"},
		{"22:22", "22", CLI_LOCAL_PORT, 22, "22:22"},
		{"0:web", "web", CLI_LOCAL_ANY, 0, "0:web"},
		{"localhost:7100:web", "web", CLI_LOCAL_PORT, 7100, "7100:web"},
		{"localhost:0:web", "web", CLI_LOCAL_ANY, 0, "0:web"},
		{"127.0.0.1:7100:web", "web", CLI_LOCAL_ADDR, 7100, "127.0.0.1:7100:web"},
		{"0.0.0.0:7100:web", "web", CLI_LOCAL_ADDR, 7100, "0.0.0.0:7100:web"},
		{"127.0.0.1:0:web", "web", CLI_LOCAL_ADDR, 0, "127.0.0.1:0:web"},
		{"[::1]:7100:web", "web", CLI_LOCAL_ADDR, 7100, "[::1]:7100:web"},
		{"[::]:0:web", "web", CLI_LOCAL_ADDR, 0, "[::]:0:web"},
		{"unix:/run/a:b:web", "web", CLI_LOCAL_UNIX, 0, "unix:/run/a:b:web"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		char buf[CLI_FORWARD_LEN];
		struct cli_forward fw;
		struct cli_fault f;

		assert_int_equal(cli_forward_parse(good[i].text, &fw, &f), 0);
		assert_string_equal(fw.service, good[i].service);
		assert_int_equal(fw.kind, good[i].kind);
		assert_int_equal(fw.port, good[i].port);
		if (fw.kind == CLI_LOCAL_ADDR)
			assert_int_equal(fw.addr.port, good[i].port);
		assert_string_equal(cli_forward_format(&fw, buf), good[i].back);
	}
}

static void wrong_forwards_are_usage_errors_that_say_why(void **state)
{
	static const char *const bad[][2] = {
		{"", "empty"},
		{"Web", "no service name"},
		{"web/x", "no service name"},
		{"7100:", "service is missing"},
		{":web", "nothing stands before"},
		{"65536:web", "not 0 to 65535"},
		{"x:web", "neither a port"},
		{"host:7100:web", "not numeric"},
		{"1.2.3.4:web", "neither a port"},
		{"1.2.3:7100:web", "not numeric"},
		{"1.2.3.4:x:web", "not 0 to 65535"},
		{"::1:7100:web", "neither a port"},
		{"[::1]:web", "neither a port"},
		{"[::1:7100:web", "neither a port"},
		{"[1.2.3.4]:7100:web", "not numeric"},
		{"224.0.0.1:7100:web", "multicast"},
		{"unix:/run/x", "service is missing"},
		{"unix:run:web", "names no socket"},
		{long_path + 2, "no service name"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct cli_forward fw;
		struct cli_fault f = {0};

		assert_int_equal(cli_forward_parse(bad[i][0], &fw, &f), ADIT_EINVAL);
		assert_int_equal(f.exit, CLI_EXIT_USAGE);
		if (i + 1 < ARRAY_LEN(bad) && !strstr(f.what, bad[i][1]))
			fail_msg("\"%s\": \"%s\" does not say \"%s\"", bad[i][0], f.what, bad[i][1]);
		assert_true(f.next[0] != '\0');
	}
}

static void forwards_to_the_same_place_clash(void **state)
{
	static const struct {
		const char *a;
		const char *b;
		bool clash;
	} cases[] = {
		{"web", "web", true},
		{"web", "ssh", false},
		{"7100:web", "7100:ssh", true},
		{"7100:web", "7101:web", false},
		{"0:web", "0:web", true},
		{"0:web", "0:ssh", false},
		{"127.0.0.1:1:a", "127.0.0.1:1:b", true},
		{"127.0.0.1:1:a", "127.0.0.2:1:b", false},
		{"127.0.0.1:0:a", "127.0.0.1:0:b", false},
		{"unix:/a:x", "unix:/a:y", true},
		{"unix:/a:x", "unix:/b:x", false},
		{"web", "7100:web", false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct cli_forward a;
		struct cli_forward b;
		struct cli_fault f;

		assert_int_equal(cli_forward_parse(cases[i].a, &a, &f), 0);
		assert_int_equal(cli_forward_parse(cases[i].b, &b, &f), 0);
		assert_int_equal(cli_forward_clashes(&a, &b), cases[i].clash);
	}
}

static void hosts_are_names_or_addresses(void **state)
{
	static const struct {
		const char *text;
		const char *name;
		uint16_t port;
		enum adit_family family;
	} good[] = {
		{"203.0.113.20", "203.0.113.20", 0, ADIT_FAMILY_V4},
		{"203.0.113.20:5555", "203.0.113.20", 5555, ADIT_FAMILY_V4},
		{"home.example.net", "home.example.net", 0, ADIT_FAMILY_NONE},
		{"home.example.net:5555", "home.example.net", 5555, ADIT_FAMILY_NONE},
		{"example.", "example.", 0, ADIT_FAMILY_NONE},
		{"2001:db8::1", "2001:db8::1", 0, ADIT_FAMILY_V6},
		{"[2001:db8::1]", "2001:db8::1", 0, ADIT_FAMILY_V6},
		{"[2001:db8::1]:5555", "2001:db8::1", 5555, ADIT_FAMILY_V6},
		{"fe80::1%eth0", "fe80::1%eth0", 0, ADIT_FAMILY_NONE},
		{"127.0.0.1", "127.0.0.1", 0, ADIT_FAMILY_V4},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		struct cli_host h;
		struct cli_fault f;

		assert_int_equal(cli_host_parse("--peer", good[i].text, &h, &f), 0);
		assert_string_equal(h.name, good[i].name);
		assert_int_equal(h.port, good[i].port);
		assert_int_equal(h.addr.family, good[i].family);
		if (h.addr.family != ADIT_FAMILY_NONE)
			assert_int_equal(h.addr.port, good[i].port);
	}
}

static void wrong_hosts_name_their_option(void **state)
{
	static const char *const bad[][2] = {
		{"", "empty"},
		{"1.2.3.4:", "not 1 to 65535"},
		{"1.2.3.4:0", "not 1 to 65535"},
		{"1.2.3.4:x", "not 1 to 65535"},
		{"1.2.3", "neither"},
		{"1.2.3.4.5", "neither"},
		{"a b", "neither"},
		{"-x", "neither"},
		{"0.0.0.0", "no single machine"},
		{"::", "no single machine"},
		{"224.0.0.1", "no single machine"},
		{"ff02::1", "no single machine"},
		{"255.255.255.255", "no single machine"},
		{"[1.2.3.4]", "neither"},
		{"[::1", "brackets"},
		{"2001:db8::1::2", "neither"},
		{"http://x", "not 1 to 65535"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct cli_host h;
		struct cli_fault f = {0};

		assert_int_equal(cli_host_parse("--peer", bad[i][0], &h, &f), ADIT_EINVAL);
		assert_int_equal(f.exit, CLI_EXIT_USAGE);
		assert_non_null(strstr(f.what, "--peer"));
		if (!strstr(f.what, bad[i][1]))
			fail_msg("\"%s\": \"%s\" does not say \"%s\"", bad[i][0], f.what, bad[i][1]);
	}
}

static void names_are_checked_with_a_reason(void **state)
{
	struct cli_fault f;

	(void)state;
	assert_int_equal(cli_name_check("label", "my-laptop-2", &f), 0);
	assert_int_equal(cli_name_check("label", "My", &f), ADIT_EINVAL);
	assert_string_equal(f.what, "\"My\" is no label");
	assert_int_equal(cli_name_check("label", "", &f), ADIT_EINVAL);
	assert_string_equal(f.what, "the label is empty");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(services_are_understood_and_written_back),
		cmocka_unit_test(unix_sockets_are_paths_with_a_name),
		cmocka_unit_test(wrong_services_are_usage_errors_that_say_why),
		cmocka_unit_test(forwards_are_understood_and_written_back),
		cmocka_unit_test(wrong_forwards_are_usage_errors_that_say_why),
		cmocka_unit_test(forwards_to_the_same_place_clash),
		cmocka_unit_test(hosts_are_names_or_addresses),
		cmocka_unit_test(wrong_hosts_name_their_option),
		cmocka_unit_test(names_are_checked_with_a_reason),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
