/* What `adit check` says of a report. */
#include "test.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli_check.h"

static struct nat_report r;
static char text[16384];

/* One server of IPv4, and what is known of it. */
static void report_init(enum nat_server_state said)
{
	r = (struct nat_report){.is_final = true, .n_servers = 1};
	r.server[0] = (struct nat_server){.addr = adit_addr_v4(203, 0, 113, 5, 3478), .state = said};
	r.v4 = (struct nat_view){.family = ADIT_FAMILY_V4, .asked = 1};
	r.v4.answered = r.v4.honest = said == NAT_SERVER_GOOD;
	r.v4.silent = said == NAT_SERVER_DEAD;
	r.v4.kind = nat_view_kind(&r.v4);
}

static const char *no_name(void *ctx, size_t i)
{
	(void)ctx;
	(void)i;
	return "";
}

static const char *said(void (*put)(struct cli_msg *m, const struct nat_report *r,
				    const struct io_portmap_services *services, const struct adit_nat64 *nat64,
				    cli_check_name *name, void *ctx))
{
	static const struct io_portmap_services services;
	static const struct adit_nat64 nat64;
	struct cli_msg m;
	ssize_t n;
	int out[2];

	assert_int_equal(pipe2(out, O_NONBLOCK), 0);
	cli_msg_init(&m, out[1], out[1]);
	put(&m, &r, &services, &nat64, no_name, NULL);
	n = read(out[0], text, sizeof(text) - 1);
	text[n > 0 ? n : 0] = '\0';
	close(out[0]);
	close(out[1]);
	return text;
}

static bool has(const char *all, const char *part)
{
	return strstr(all, part);
}

static void one_silent_server_is_no_proof_that_udp_is_blocked(void **state)
{
	(void)state;
	report_init(NAT_SERVER_DEAD);
	said(cli_check_text);
	assert_true(has(text, "IPv4: not known: the server is dead or mistyped, or UDP is blocked\n"));
	assert_true(has(text, "What would help: look at the server's name and port, and name one at another address"));
	said(cli_check_json);
	assert_true(has(text, "\"kind\":\"unknown\",\"udp_blocked\":null,\"servers_asked\":1,\"servers_answered\":0"));
	assert_true(has(text, "\"advice\":\"look at the server's"));

	report_init(NAT_SERVER_REFUSED);
	said(cli_check_text);
	assert_true(has(text, "IPv4: not known: no STUN server answers\n"));
	assert_false(has(text, "no UDP gets through"));

	r.v4.asked = r.v4.silent = 2;
	r.v4.kind = nat_view_kind(&r.v4);
	said(cli_check_text);
	assert_true(has(text, "IPv4: no UDP gets through\n"));
	assert_true(has(text, "What would help: allow outgoing UDP"));
	said(cli_check_json);
	assert_true(has(text, "\"kind\":\"blocked\",\"udp_blocked\":true,"));

	report_init(NAT_SERVER_GOOD);
	said(cli_check_json);
	assert_true(has(text, "\"kind\":\"unknown\",\"udp_blocked\":false,"));
}

static void json_has_all_that_the_screen_has(void **state)
{
	(void)state;
	report_init(NAT_SERVER_GOOD);
	r.v4.translated = NAT_YES;
	said(cli_check_json);
	assert_true(has(text, "\"several\":false,"));
	assert_true(has(text, "\"hairpin\":null,\"hairpin_inside\":null,"));
	r.v4.several = r.v4.hairpin_inside = true;
	r.v4.hairpin = NAT_YES;
	said(cli_check_json);
	assert_true(has(text, "\"several\":true,"));
	assert_true(has(text, "\"hairpin\":true,\"hairpin_inside\":true,"));
	r.v4.hairpin_inside = false;
	assert_true(has(said(cli_check_json), "\"hairpin\":true,\"hairpin_inside\":false,"));
}

static void that_there_is_no_ipv6_is_said(void **state)
{
	(void)state;
	report_init(NAT_SERVER_GOOD);
	assert_false(has(said(cli_check_text), "IPv6"));
	assert_true(has(said(cli_check_json), "\"ipv6\":null,\"ipv6_route\":null,"));
	r.v6 = (struct nat_view){.family = ADIT_FAMILY_V6, .no_route = true};
	assert_true(has(said(cli_check_text), "IPv6: none here"));
	assert_true(has(said(cli_check_json), "\"ipv6\":null,\"ipv6_route\":false,"));
	r.v6.asked = 1;
	assert_true(has(said(cli_check_json), "\"ipv6_route\":true,"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_silent_server_is_no_proof_that_udp_is_blocked),
		cmocka_unit_test(json_has_all_that_the_screen_has),
		cmocka_unit_test(that_there_is_no_ipv6_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
