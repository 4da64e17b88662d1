/* A simulation whose every allocation fails once: it says so or loses a packet, and frees what it has. */
#include "lab_puppet.h"

#include "lab/lab_draw.h"
#include "lab/lab_linux.h"
#include "lab/lab_trace.h"
#include "oom.h"

struct both {
	struct lab_trace trace;
	struct lab_draw draw;
};

static size_t written;

static void put(void *ctx, const void *data, size_t len)
{
	(void)ctx;
	(void)data;
	written += len;
}

static void tap(void *ctx, const struct lab_tap_packet *p)
{
	struct both *b = ctx;

	lab_trace_packet(&b->trace, p);
	lab_draw_packet(&b->draw, p);
}

static struct adit_addr v6(uint8_t net, uint8_t last)
{
	return (struct adit_addr){.ip = {0x20, 1, 0xd, 0xb8, 0, 0, 0, net, [15] = last}, .family = ADIT_FAMILY_V6};
}

/* A dual-stack home with a pool outside, and hosts enough for a net to grow. */
static bool build(struct lab_sim *s, struct puppet *in, struct puppet *out)
{
	struct lab_link_config access = {.mtu = 1000};
	struct adit_addr lan = adit_addr_v4(192, 168, 1, 1, 0);
	struct adit_addr own = adit_addr_v4(192, 168, 1, 2, 0);
	struct adit_addr wan = adit_addr_v4(203, 0, 113, 1, 0);
	struct adit_addr more = adit_addr_v4(203, 0, 113, 2, 0);
	struct adit_addr lan6 = v6(1, 1);
	struct adit_addr own6 = v6(1, 2);
	struct adit_addr wan6 = v6(2, 1);
	struct adit_addr prefix = v6(1, 0);
	struct lab_linux_config cfg = {.wan = wan, .lan = lan, .seed = 1};
	struct lab_net *net = lab_net_new(s, NULL);
	struct lab_net *home = lab_net_new(s, NULL);
	struct lab_router *r = NULL;
	struct lab_host *h = lab_host_new(s);
	struct lab_iface *i;

	if (!net || !home || !h)
		return false;
	r = lab_router_new(s, lab_linux_new(&cfg), home, &lan, net, &wan, &access);
	i = lab_host_attach(h, home, &own, NULL);
	if (!r || !i || lab_router_add_wan(r, &more) < 0 || lab_router_add_plain(r, &lan6, &wan6) < 0 ||
	    lab_net_add_route(net, &prefix, 64, r) < 0 || lab_iface_add_addr(i, &own6) < 0)
		return false;
	lab_host_set_fragments(h, true);
	in->machine = lab_machine_new(h, &puppet_ops, in, NULL, NULL);
	for (uint8_t n = 0; n < 12; n++) {
		struct adit_addr a = adit_addr_v4(198, 51, 100, n, 0);

		h = lab_host_new(s);
		if (!h || !lab_host_attach(h, net, &a, NULL))
			return false;
	}
	out->machine = lab_machine_new(h, &puppet_ops, out, NULL, NULL);
	return in->machine && out->machine;
}

static void run(struct lab_sim *s, struct both *b)
{
	static const uint8_t data[1500];
	struct puppet in = {0};
	struct puppet out = {.echo = true};

	puppet_open(&in, 1, 5000);
	puppet_open(&out, 1, 5000);
	lab_trace_init(&b->trace, s, put, NULL);
	if (lab_draw_init(&b->draw, s) == 0 && build(s, &in, &out)) {
		lab_sim_set_tap(s, tap, b);
		/* More than are drawn, so that the drawing is shortened. */
		for (unsigned i = 0; i < 40; i++) {
			puppet_do(&in, (struct adit_out){.kind = ADIT_OUT_SEND,
							 .sock = 1,
							 .remote = adit_addr_v4(198, 51, 100, 11, 5000),
							 .data = data,
							 .len = i % 2 ? 1500 : 5});
			lab_machine_wake(in.machine);
			lab_sim_run(s, lab_sim_now(s) + ADIT_MS(1));
		}
		lab_draw_finish(&b->draw, "oom", put, NULL);
	}
	lab_draw_done(&b->draw);
	lab_trace_done(&b->trace);
}

static void a_simulation_survives_each_allocation_that_fails(void **state)
{
	int n = 0;

	(void)state;
	for (bool failed = true; failed; n++) {
		struct both b;
		struct lab_sim *s;

		oom_failed = false;
		oom_left = n;
		s = lab_sim_new(1);
		if (s)
			run(s, &b);
		oom_left = -1;
		failed = oom_failed;
		if (!failed) {
			assert_int_equal(lab_sim_stats(s)->steps[LAB_STEP_NO_MEMORY], 0);
			assert_int_equal(lab_sim_stats(s)->steps[LAB_STEP_DELIVERED], 80);
		}
		lab_sim_free(s);
	}
	assert_true(n > 60);
	assert_true(written > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_simulation_survives_each_allocation_that_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
