/*
 * With IPv6 inside: firewalls that translate nothing (RFC 6092), and NAT64 (RFC 6146, RFC 6052).
 */
#include "lab_zoo_rig.h"

/* --- IPv6 firewall --- */

static struct adit_addr v6(uint8_t net, uint8_t host, uint16_t port)
{
	uint8_t ip[16] = {0x20, 0x01, 0x0d, 0xb8, 0, net};

	ip[15] = host;
	return adit_addr_v6(ip, port);
}

static struct lab_nat *v6_new(const char *settings)
{
	struct lab_site site = {.lan = v6(1, 1, 0), .wan = {v6(2, 1, 0)}, .wan_count = 1, .seed = 1};
	struct lab_species_error err = {.text = ""};
	struct lab_nat *n = NULL;

	if (lab_species_make(settings, &site, &n, &err) < 0)
		fail_msg("%s: %s", settings, err.text);
	return n;
}

/* RFC 6092 3.2: what has not been asked for does not come in; what may come in besides, as RFC 4787 5 has it. */
static const char *firewall_filter(struct lab_nat *n)
{
	struct adit_addr host = v6(1, 5, 5555);
	struct adit_addr own;

	assert_int_equal(rig_in(n, 0, v6(3, 1, 80), host), LAB_DROP);
	own = rig_out(n, 0, host, v6(3, 1, 80));
	assert_true(adit_addr_eq(&own, &host));
	assert_true(rig_gets_in(n, 1, v6(3, 1, 80), host));
	assert_false(rig_gets_in(n, 1, v6(3, 1, 80), v6(1, 6, 5555)));
	if (rig_gets_in(n, 1, v6(4, 1, 80), host))
		return "independent";
	return rig_gets_in(n, 1, v6(3, 1, 81), host) ? "address" : "address and port";
}

static void a_firewall_translates_nothing_and_filters_as_rfc6092_says(void **state)
{
	static const struct rig_case cases[] = {{"ipv6-firewall", "address and port"},
						{"ipv6-firewall,filter=ad", "address"},
						{"ipv6-transparent", "independent"}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct lab_nat *n = v6_new(cases[i].settings);

		assert_string_equal(firewall_filter(n), cases[i].answer);
		lab_nat_free(n);
	}
}

static void a_firewall_knows_its_own_addresses(void **state)
{
	struct lab_nat *n = v6_new("ipv6-firewall,input=accept");
	struct lab_flow f = {.src = v6(1, 5, 5555), .dst = v6(1, 1, 53), .ttl = 64};
	struct lab_flow g;

	(void)state;
	assert_int_equal(n->ops->out(n, 0, &f, &g), LAB_LOCAL);
	assert_int_equal(rig_in(n, 0, v6(3, 1, 80), v6(2, 1, 5555)), LAB_LOCAL);
	/* Accepting for itself is not accepting for others. */
	assert_int_equal(rig_in(n, 0, v6(3, 1, 80), v6(1, 5, 5555)), LAB_DROP);
	lab_nat_free(n);
}

/* RFC 6092 REC-14: UDP state lives two minutes at least, five by default. */
static void a_firewall_has_the_time_outs_of_rfc6092(void **state)
{
	struct lab_nat *n = v6_new("ipv6-firewall");

	(void)state;
	(void)rig_out(n, 0, v6(1, 5, 5555), v6(3, 1, 80));
	(void)rig_out(n, 0, v6(1, 5, 6666), v6(3, 1, 80));
	assert_true(rig_gets_in(n, ADIT_SEC(299), v6(3, 1, 80), v6(1, 5, 5555)));
	assert_false(rig_gets_in(n, ADIT_SEC(300), v6(3, 1, 80), v6(1, 5, 6666)));
	lab_nat_free(n);
}

/* RFC 4890 4.3.1: echo requests reach the hosts; the answers go out. */
static void a_firewall_lets_echo_requests_in(void **state)
{
	static const char *const settings[] = {"ipv6-firewall", "ipv6-firewall,ping=no"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
		struct lab_nat *n = v6_new(settings[i]);
		struct lab_flow f = {.src = v6(3, 1, 77), .dst = v6(1, 5, 0), .proto = LAB_PING, .ttl = 64};
		struct lab_flow g;

		assert_int_equal(n->ops->in(n, 0, &f, &g), i == 0 ? LAB_FORWARD : LAB_DROP);
		f = (struct lab_flow){.src = v6(1, 5, 0), .dst = v6(3, 1, 77), .proto = LAB_PING, .ttl = 64};
		assert_int_equal(n->ops->out(n, 1, &f, &g), i == 0 ? LAB_FORWARD : LAB_DROP);
		lab_nat_free(n);
	}
}

/* --- NAT64 --- */

static struct lab_nat *nat64_new(const char *settings)
{
	struct lab_site site = {.lan = v6(1, 1, 0), .wan = {rig_wan(0, 0)}, .wan_count = 1, .seed = 1};
	struct lab_species_error err = {.text = ""};
	struct lab_nat *n = NULL;

	if (lab_species_make(settings, &site, &n, &err) < 0)
		fail_msg("%s: %s", settings, err.text);
	return n;
}

static struct adit_addr behind(const char *prefix, uint8_t len, struct adit_addr v4)
{
	struct adit_nat64 n = {.len = len};
	struct adit_addr p;

	assert_int_equal(adit_addr_parse(prefix, strlen(prefix), &p), 0);
	memcpy(n.prefix, p.ip, sizeof(n.prefix));
	return adit_nat64_synthesize(&n, &v4);
}

/* RFC 6146 3.5: an IPv6 endpoint has one IPv4 endpoint, and sees IPv4 remotes behind the prefix. */
static void nat64_translates_both_ways(void **state)
{
	static const struct {
		const char *settings;
		const char *prefix;
		uint8_t len;
	} rows[] = {{"nat64", "64:ff9b::", 96}, {"nat64,prefix=2001:db8:122:300::/56", "2001:db8:122:300::", 56}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct lab_nat *n = nat64_new(rows[i].settings);
		struct adit_addr host = v6(1, 5, 5555);
		struct adit_addr to = behind(rows[i].prefix, rows[i].len, rig_remote(0, 80));
		struct adit_addr remote = rig_remote(0, 80);
		struct lab_flow f = {.src = host, .dst = to, .ttl = 64};
		struct lab_flow g;
		struct lab_flow q;

		assert_int_equal(n->ops->out(n, 0, &f, &g), LAB_FORWARD);
		assert_true(adit_addr_eq(&g.dst, &remote) && adit_addr_is_v4(&g.src));
		q = g;
		f = (struct lab_flow){.src = remote, .dst = g.src, .ttl = 64};
		assert_int_equal(n->ops->in(n, 1, &f, &g), LAB_FORWARD);
		assert_true(adit_addr_eq(&g.src, &to) && adit_addr_eq(&g.dst, &host));
		/* An error from outside quotes the IPv4 packet, and is about the IPv6 one. */
		assert_true(n->ops->icmp(n, 2, &q));
		assert_true(adit_addr_eq(&q.src, &host) && adit_addr_eq(&q.dst, &to));
		lab_nat_free(n);
	}
}

static void nat64_forwards_nothing_but_its_prefix(void **state)
{
	struct lab_nat *n = nat64_new("nat64");
	struct lab_flow f = {.src = v6(1, 5, 5555), .dst = v6(3, 1, 80), .ttl = 64};
	struct lab_flow g;

	(void)state;
	assert_int_equal(n->ops->out(n, 0, &f, &g), LAB_DROP);
	assert_int_equal(lab_zoo_count(n, 0), 0);
	lab_nat_free(n);
}

/* RFC 6146 3.8: hairpinning; the source that is shown is behind the prefix, too. */
static void nat64_turns_packets_around(void **state)
{
	struct lab_nat *n = nat64_new("nat64,filter=ei");
	struct adit_addr server = behind("64:ff9b::", 96, rig_remote(0, 80));
	struct adit_addr a = rig_out(n, 0, v6(1, 5, 5555), server);
	struct adit_addr b = rig_out(n, 0, v6(1, 6, 6666), server);
	struct adit_addr seen = behind("64:ff9b::", 96, b);
	struct adit_addr host = v6(1, 5, 5555);
	struct lab_flow f = {.src = v6(1, 6, 6666), .dst = behind("64:ff9b::", 96, a), .ttl = 64};
	struct lab_flow g;

	(void)state;
	assert_int_equal(n->ops->out(n, 1, &f, &g), LAB_HAIRPIN);
	assert_true(adit_addr_eq(&g.src, &seen) && adit_addr_eq(&g.dst, &host));
	lab_nat_free(n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_firewall_translates_nothing_and_filters_as_rfc6092_says),
		cmocka_unit_test(a_firewall_knows_its_own_addresses),
		cmocka_unit_test(a_firewall_has_the_time_outs_of_rfc6092),
		cmocka_unit_test(a_firewall_lets_echo_requests_in),
		cmocka_unit_test(nat64_translates_both_ways),
		cmocka_unit_test(nat64_forwards_nothing_but_its_prefix),
		cmocka_unit_test(nat64_turns_packets_around),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
