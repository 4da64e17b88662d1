/* What crosses a net: MTUs and fragments, two families on one wire, addresses that move. */
#include "lab_puppet.h"

#include "lab/lab_limits.h"

static const uint8_t data[6000] = {1, 2, 3, [1200] = 9, [1472] = 7, [1999] = 42, [5999] = 5};

struct tally {
	uint64_t steps[LAB_STEPS];
	struct lab_tap_packet last_icmp;
	size_t largest; /* of what arrived in fragments */
};

static void tap(void *ctx, const struct lab_tap_packet *p)
{
	struct tally *t = ctx;

	t->steps[p->step]++;
	if (p->is_icmp)
		t->last_icmp = *p;
	if (p->step == LAB_STEP_HELD && p->len > t->largest)
		t->largest = p->len;
}

/* Two hosts on one net, with addresses of both families. */
struct pair {
	struct lab_sim *sim;
	struct lab_net *net;
	struct lab_host *host[2];
	struct lab_iface *iface[2];
	struct puppet p[2];
	struct tally tally;
};

static struct adit_addr v4(int side, uint16_t port)
{
	return adit_addr_v4(10, 0, 0, (uint8_t)(1 + side), port);
}

static struct adit_addr v6(int side, uint16_t port)
{
	return (struct adit_addr){
		.ip = {0x20, 1, 0xd, 0xb8, [15] = (uint8_t)(1 + side)}, .port = port, .family = ADIT_FAMILY_V6};
}

static void pair_init(struct pair *w, const struct lab_link_config *core, const struct lab_link_config *access)
{
	memset(w, 0, sizeof(*w));
	w->sim = lab_sim_new(1);
	w->net = lab_net_new(w->sim, core);
	lab_sim_set_tap(w->sim, tap, &w->tally);
	for (int side = 0; side < 2; side++) {
		struct adit_addr a = v4(side, 0);
		struct adit_addr b = v6(side, 0);

		w->host[side] = lab_host_new(w->sim);
		w->iface[side] = lab_host_attach(w->host[side], w->net, &a, access);
		assert_non_null(w->iface[side]);
		assert_int_equal(lab_iface_add_addr(w->iface[side], &b), 0);
		puppet_open(&w->p[side], 4, 4000);
		puppet_do(&w->p[side], (struct adit_out){.kind = ADIT_OUT_OPEN,
							 .sock = 6,
							 .local = {.family = ADIT_FAMILY_V6, .port = 6000}});
		puppet_join(&w->p[side], w->host[side]);
	}
}

static void send(struct pair *w, uint32_t sock, struct adit_addr to, size_t len)
{
	puppet_do(&w->p[0],
		  (struct adit_out){.kind = ADIT_OUT_SEND, .sock = sock, .remote = to, .data = data, .len = len});
	lab_machine_wake(w->p[0].machine);
	lab_sim_run(w->sim, lab_sim_now(w->sim) + ADIT_SEC(1));
}

static void a_datagram_larger_than_the_mtu_is_refused_with_its_size(void **state)
{
	struct lab_link_config core = {.delay = ADIT_MS(10), .hops = 3, .mtu = 1400};
	struct pair w;

	(void)state;
	pair_init(&w, &core, NULL);
	send(&w, 4, v4(1, 4000), 1400 - 28);
	assert_int_equal(w.p[1].inputs, 1);
	assert_int_equal(w.p[0].icmps, 0);
	send(&w, 4, v4(1, 4000), 1400 - 27);
	assert_int_equal(w.p[1].inputs, 1);
	assert_int_equal(w.p[0].icmps, 1);
	assert_int_equal(w.p[0].last_icmp.type, 3);
	assert_int_equal(w.p[0].last_icmp.code, 4);
	assert_int_equal(w.tally.last_icmp.icmp_mtu, 1400);
	assert_true(w.tally.last_icmp.outer_src.ip[0] == 192 && w.tally.last_icmp.outer_src.ip[3] == 1);

	send(&w, 6, v6(1, 6000), 1400 - 48);
	assert_int_equal(w.p[1].inputs, 2);
	send(&w, 6, v6(1, 6000), 1400 - 47);
	assert_int_equal(w.p[1].inputs, 2);
	assert_int_equal(w.p[0].icmps, 2);
	assert_int_equal(w.p[0].last_icmp.type, 2);
	assert_int_equal(w.p[0].last_icmp.code, 0);
	assert_int_equal(w.tally.steps[LAB_STEP_TOO_BIG], 2);
	lab_sim_free(w.sim);
}

/* The kernel says EMSGSIZE and sends nothing: no ICMP. */
static void a_host_does_not_send_what_its_own_wire_does_not_take(void **state)
{
	struct lab_link_config access = {.mtu = 1500};
	struct pair w;

	(void)state;
	pair_init(&w, NULL, &access);
	send(&w, 4, v4(1, 4000), 1472);
	send(&w, 4, v4(1, 4000), 1473);
	assert_int_equal(w.p[1].inputs, 1);
	assert_int_equal(w.p[0].icmps, 0);
	assert_int_equal(w.tally.steps[LAB_STEP_TOO_BIG], 1);
	lab_sim_free(w.sim);
}

static void a_host_that_may_fragments_and_the_other_puts_together(void **state)
{
	struct lab_link_config access = {.mtu = 1500};
	struct pair w;

	(void)state;
	pair_init(&w, NULL, &access);
	lab_host_set_fragments(w.host[0], true);
	send(&w, 4, v4(1, 4000), 2000);
	assert_int_equal(w.p[1].inputs, 1);
	assert_int_equal(w.p[1].last.len, 2000);
	assert_memory_equal(w.p[1].last_data, data, 2000);
	assert_int_equal(w.p[1].last.remote.port, 4000);
	assert_int_equal(w.tally.steps[LAB_STEP_HELD], 2);
	assert_int_equal(w.tally.largest, 1472);

	send(&w, 6, v6(1, 6000), 2000);
	assert_int_equal(w.p[1].inputs, 2);
	assert_memory_equal(w.p[1].last_data, data, 2000);
	assert_int_equal(w.p[1].last.remote.port, 6000);
	assert_int_equal(w.tally.steps[LAB_STEP_SENT], 4);
	lab_sim_free(w.sim);
}

/* Twice: the pieces are cut again. IPv6 is never cut on the way (RFC 8200 5). */
static void routers_fragment_what_may_be(void **state)
{
	struct lab_link_config core = {.delay = ADIT_MS(10), .hops = 1, .mtu = 1000, .jitter = ADIT_MS(1)};
	struct lab_link_config up = {.mtu = 1500};
	struct lab_link_config down = {.mtu = 300, .reorder_ppm = 500000, .reorder_hold = ADIT_MS(3)};
	struct pair w;

	(void)state;
	pair_init(&w, &core, NULL);
	lab_iface_set_access(w.iface[0], &up, NULL);
	lab_iface_set_access(w.iface[1], NULL, &down);
	lab_host_set_fragments(w.host[0], true);
	for (unsigned i = 0; i < 20; i++)
		send(&w, 4, v4(1, 4000), 2000 - i);
	assert_int_equal(w.p[1].inputs, 20);
	assert_int_equal(w.p[1].last.len, 1981);
	assert_memory_equal(w.p[1].last_data, data, 1981);
	assert_true(w.tally.steps[LAB_STEP_SPLIT] >= 60);
	assert_true(w.tally.largest <= 280);

	send(&w, 6, v6(1, 6000), 1000);
	assert_int_equal(w.p[1].inputs, 20);
	assert_int_equal(w.p[0].last_icmp.type, 2);
	lab_sim_free(w.sim);
}

/* And a copy of a piece does no harm. */
static void a_datagram_with_a_piece_missing_is_forgotten(void **state)
{
	struct lab_link_config access = {.mtu = 1500};
	struct lab_link_config core = {.loss_ppm = 300000, .dup_ppm = 300000};
	struct pair w;
	uint64_t lost;

	(void)state;
	pair_init(&w, &core, &access);
	lab_host_set_fragments(w.host[0], true);
	for (unsigned i = 0; i < 2000; i++)
		send(&w, 4, v4(1, 4000), 1999);
	lost = 2000 - w.p[1].inputs;
	/* Both pieces must come: 0.7 squared. A datagram all of whose pieces come twice counts twice, 9 % of them. */
	assert_in_range(lost, 2000 - 980 * 1.15, 2000 - 980 * 0.95);
	assert_memory_equal(w.p[1].last_data, data, 1999);
	lab_sim_free(w.sim);
}

static void both_families_share_the_wire(void **state)
{
	struct lab_link_config access = {.rate = 800000};
	struct pair w;

	(void)state;
	pair_init(&w, NULL, NULL);
	lab_iface_set_access(w.iface[0], &access, NULL);
	for (unsigned i = 0; i < 10; i++) {
		uint32_t sock = i % 2 ? 4 : 6;

		puppet_do(&w.p[0], (struct adit_out){.kind = ADIT_OUT_SEND,
						     .sock = sock,
						     .remote = i % 2 ? v4(1, 4000) : v6(1, 6000),
						     .data = data,
						     .len = i % 2 ? 972 : 952});
	}
	lab_machine_wake(w.p[0].machine);
	lab_sim_run(w.sim, ADIT_MS(100) - 1);
	assert_int_equal(w.p[1].inputs, 9);
	lab_sim_run(w.sim, ADIT_MS(100));
	assert_int_equal(w.p[1].inputs, 10);
	lab_iface_set_cut(w.iface[0], true);
	send(&w, 6, v6(1, 6000), 5);
	assert_int_equal(w.p[1].inputs, 10);
	assert_int_equal(w.tally.steps[LAB_STEP_LOST], 1);
	lab_sim_free(w.sim);
}

static void an_address_that_has_moved_is_found_no_more(void **state)
{
	struct lab_link_config core = {.delay = ADIT_MS(10)};
	struct adit_addr new = adit_addr_v4(10, 0, 0, 9, 0);
	struct adit_addr taken = v4(0, 0);
	struct adit_addr other = v6(9, 0);
	struct pair w;

	(void)state;
	pair_init(&w, &core, NULL);
	assert_int_equal(lab_iface_set_addr(w.iface[1], &taken), ADIT_EINVAL);
	assert_int_equal(lab_iface_set_addr(w.iface[1], &other), ADIT_EINVAL);
	puppet_send(&w.p[0], 4, v4(1, 4000), 0);
	lab_sim_run(w.sim, ADIT_MS(5));
	assert_int_equal(lab_iface_set_addr(w.iface[1], &new), 0);
	lab_sim_run(w.sim, ADIT_MS(50));
	assert_int_equal(w.p[1].inputs, 0);
	assert_int_equal(w.tally.steps[LAB_STEP_UNREACHABLE], 1);
	puppet_send(&w.p[0], 4, v4(1, 4000), 0);
	lab_sim_run(w.sim, ADIT_MS(100));
	assert_int_equal(w.tally.steps[LAB_STEP_UNREACHABLE], 2);
	puppet_send(&w.p[0], 4, adit_addr_with_port(new, 4000), 0);
	puppet_send(&w.p[1], 4, v4(0, 4000), 0);
	lab_sim_run(w.sim, ADIT_MS(150));
	assert_int_equal(w.p[1].inputs, 1);
	assert_true(adit_addr_eq_ip(&w.p[0].last.remote, &new));
	lab_sim_free(w.sim);
}

static void a_net_finds_each_of_very_many(void **state)
{
	struct lab_sim *s = lab_sim_new(1);
	struct lab_net *n = lab_net_new(s, NULL);
	struct puppet p = {0};
	struct puppet far = {0};
	struct lab_host *h = NULL;

	(void)state;
	for (unsigned i = 0; i < 3000; i++) {
		struct adit_addr a = adit_addr_v4(10, 0, (uint8_t)(i >> 8), (uint8_t)i, 0);

		h = lab_host_new(s);
		assert_non_null(lab_host_attach(h, n, &a, NULL));
		if (i == 1234) {
			puppet_open(&far, 1, 53);
			puppet_join(&far, h);
		}
	}
	puppet_open(&p, 1, 53);
	puppet_join(&p, h);
	puppet_send(&p, 1, adit_addr_v4(10, 0, 1234 >> 8, 1234 & 255, 53), 0);
	lab_sim_run(s, ADIT_SEC(1));
	assert_int_equal(far.inputs, 1);
	assert_string_equal(lab_sim_name(s, lab_host_id(h)), "host 3001");
	lab_sim_set_name(s, lab_host_id(h), "a name that is far too long for the room that a name has");
	assert_int_equal(strlen(lab_sim_name(s, lab_host_id(h))), LAB_NAME_MAX);
	lab_sim_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_datagram_larger_than_the_mtu_is_refused_with_its_size),
		cmocka_unit_test(a_host_does_not_send_what_its_own_wire_does_not_take),
		cmocka_unit_test(a_host_that_may_fragments_and_the_other_puts_together),
		cmocka_unit_test(routers_fragment_what_may_be),
		cmocka_unit_test(a_datagram_with_a_piece_missing_is_forgotten),
		cmocka_unit_test(both_families_share_the_wire),
		cmocka_unit_test(an_address_that_has_moved_is_found_no_more),
		cmocka_unit_test(a_net_finds_each_of_very_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
