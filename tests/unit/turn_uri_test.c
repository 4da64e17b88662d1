#include "test.h"

#include <string.h>

#include "base/bytes.h"
#include "core/turn/turn_uri.h"

static void what_people_write_is_read(void **state)
{
	static const struct {
		const char *text;
		const char *host;
		uint16_t port;
		enum turn_transport transport;
		bool is_numeric;
		const char *again; /* NULL: the same */
	} good[] = {
		{"turn:relay.example.org", "relay.example.org", 3478, TURN_UDP, false, NULL},
		{"turn:relay.example.org?transport=udp", "relay.example.org", 3478, TURN_UDP, false,
		 "turn:relay.example.org"},
		{"turn:relay.example.org:80?transport=tcp", "relay.example.org", 80, TURN_TCP, false, NULL},
		{"turns:relay.example.org", "relay.example.org", 5349, TURN_TLS, false, NULL},
		{"turns:relay.example.org:443?transport=tcp", "relay.example.org", 443, TURN_TLS, false,
		 "turns:relay.example.org:443"},
		{"TURN:192.0.2.7", "192.0.2.7", 3478, TURN_UDP, true, "turn:192.0.2.7"},
		{"turn:[2001:db8::7]:3479", "2001:db8::7", 3479, TURN_UDP, true, NULL},
		{"turns:[2001:db8::7]", "2001:db8::7", 5349, TURN_TLS, true, NULL},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		char buf[TURN_URI_STRLEN];
		struct turn_uri u;

		assert_int_equal(turn_uri_parse(good[i].text, &u), 0);
		assert_string_equal(u.host, good[i].host);
		assert_int_equal(u.port, good[i].port);
		assert_int_equal(u.transport, good[i].transport);
		assert_int_equal(u.addr.family != ADIT_FAMILY_NONE, good[i].is_numeric);
		if (good[i].is_numeric)
			assert_int_equal(u.addr.port, good[i].port);
		assert_string_equal(turn_uri_format(&u, buf), good[i].again ? good[i].again : good[i].text);
	}
}

static void anything_else_is_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"turn",
		"turn:",
		"turn::3478",
		"stun:relay.example.org",
		"turn://relay.example.org",
		"turn:user@relay.example.org",
		"turn:relay.example.org:",
		"turn:relay.example.org:0",
		"turn:relay.example.org:65536",
		"turn:relay.example.org:99999999999999999999",
		"turn:relay.example.org:3478x",
		"turn:relay.example.org?transport=sctp",
		"turn:relay.example.org?",
		"turn:relay.example.org?transport=tcp ",
		"turns:relay.example.org?transport=udp", /* DTLS */
		"turn:[2001:db8::7",
		"turn:[]",
		"turn:[192.0.2.7]",
		"turn:0.0.0.0",
		"turn:224.0.0.1",
		"turn:relay example.org",
	};
	char longest[TURN_HOST_MAX + 8] = "turn:";
	struct turn_uri u;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (turn_uri_parse(bad[i], &u) == 0)
			fail_msg("\"%s\" was taken", bad[i]);
	memset(longest + 5, 'a', TURN_HOST_MAX);
	assert_int_equal(turn_uri_parse(longest, &u), 0);
	longest[5 + TURN_HOST_MAX] = 'a';
	assert_int_equal(turn_uri_parse(longest, &u), ADIT_EPROTO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_people_write_is_read),
		cmocka_unit_test(anything_else_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
