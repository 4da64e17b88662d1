#include "test.h"

#include <stdlib.h>
#include <string.h>

#include "endpoint/ep_mapped.h"
#include "io/io_clock.h"
#include "io/io_route.h"

/* In place of io_portmap.c and the routing table. */
struct io_portmap {
	struct io_portmap_config cfg;
	io_portmap_told *told;
	void *ctx;
	unsigned ended;
	unsigned checked;
	struct adit_addr seen;
};

static struct {
	struct io_portmap *portmap[2]; /* IPv4, IPv6: the one in use */
	unsigned made[2];
	struct adit_addr gateway[2]; /* family NONE: no route */
	struct adit_addr own[2];
} net;

static unsigned is_v6(enum adit_family family)
{
	return family == ADIT_FAMILY_V6;
}

int __wrap_io_route_default(enum adit_family family, struct adit_addr *ret_gateway, struct adit_addr *ret_own);
int __wrap_io_route_default(enum adit_family family, struct adit_addr *ret_gateway, struct adit_addr *ret_own)
{
	unsigned f = is_v6(family);

	if (net.gateway[f].family == ADIT_FAMILY_NONE)
		return ADIT_ENOENT;
	*ret_gateway = net.gateway[f];
	*ret_own = net.own[f];
	return 0;
}

int __wrap_io_portmap_new(uv_loop_t *loop, const struct io_portmap_config *cfg, io_portmap_told *told, void *ctx,
			  struct io_portmap **ret_portmap);
int __wrap_io_portmap_new(uv_loop_t *loop, const struct io_portmap_config *cfg, io_portmap_told *told, void *ctx,
			  struct io_portmap **ret_portmap)
{
	unsigned f = is_v6(cfg->family);
	struct io_portmap *p = calloc(1, sizeof(*p));

	(void)loop;
	assert_non_null(p);
	assert_null(net.portmap[f]);
	p->cfg = *cfg;
	p->told = told;
	p->ctx = ctx;
	net.portmap[f] = p;
	net.made[f]++;
	*ret_portmap = p;
	return 0;
}

void __wrap_io_portmap_free(struct io_portmap *p);
void __wrap_io_portmap_free(struct io_portmap *p)
{
	if (p)
		net.portmap[is_v6(p->cfg.family)] = NULL;
	free(p);
}

void __wrap_io_portmap_end(struct io_portmap *p);
void __wrap_io_portmap_end(struct io_portmap *p)
{
	p->ended++;
}

void __wrap_io_portmap_check(struct io_portmap *p);
void __wrap_io_portmap_check(struct io_portmap *p)
{
	p->checked++;
}

void __wrap_io_portmap_set_seen(struct io_portmap *p, const struct adit_addr *seen);
void __wrap_io_portmap_set_seen(struct io_portmap *p, const struct adit_addr *seen)
{
	p->seen = *seen;
}

static adit_dur asleep;

adit_time __real_io_clock_now(void);
adit_time __wrap_io_clock_now(void);
adit_time __wrap_io_clock_now(void)
{
	return __real_io_clock_now() + asleep;
}

/* --- the one that is tested --- */

struct rig {
	uv_loop_t loop;
	struct ep_mapped *mapped;
};

static void on_changed(void *ctx, enum adit_family family, const struct reach_mapping *map)
{
	(void)ctx;
	(void)family;
	(void)map;
}

static void on_told(void *ctx, const struct ep_mapped_state *st)
{
	(void)ctx;
	(void)st;
}

static const struct ep_mapped_ops ops = {.changed = on_changed, .told = on_told};

static void begin(struct rig *rig)
{
	struct ep_mapped_config c = {.asks = true, .port = 4500};

	uv_loop_init(&rig->loop);
	assert_int_equal(ep_mapped_new(&rig->loop, &c, &ops, rig, &rig->mapped), 0);
	uv_run(&rig->loop, UV_RUN_ONCE);
}

static void finish(struct rig *rig)
{
	ep_mapped_close(rig->mapped);
	uv_run(&rig->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&rig->loop), 0);
	assert_null(net.portmap[0]);
	assert_null(net.portmap[1]);
}

static int setup(void **state)
{
	(void)state;
	memset(&net, 0, sizeof(net));
	asleep = 0;
	net.gateway[0] = adit_addr_v4(192, 168, 1, 1, 0);
	net.own[0] = adit_addr_v4(192, 168, 1, 7, 0);
	return 0;
}

static void the_end_waits_for_a_router_that_is_at_it(void **state)
{
	struct rig rig;
	struct io_portmap *p;

	(void)state;
	begin(&rig);
	p = net.portmap[0];
	assert_non_null(p);
	ep_mapped_end(rig.mapped);
	assert_ptr_equal(net.portmap[0], p);
	assert_int_equal(p->ended, 1);
	assert_false(ep_mapped_is_over(rig.mapped));
	p->told(p->ctx, &(struct io_portmap_event){.kind = IO_PORTMAP_ENDED, .why = ""});
	assert_true(ep_mapped_is_over(rig.mapped));
	finish(&rig);
}

/* |v6|: NULL for none. */
static void set_hosts(struct rig *rig, const char *v6)
{
	struct reach_host h[2] = {{.addr = net.own[0], .iface = ICE_IFACE_NORMAL}, {.iface = ICE_IFACE_NORMAL}};

	if (v6)
		assert_int_equal(adit_addr_parse(v6, strlen(v6), &h[1].addr), 0);
	ep_mapped_set_hosts(rig->mapped, h, v6 ? 2 : 1);
}

static struct adit_addr router_v6(unsigned scope)
{
	struct adit_addr a = adit_addr_v6((const uint8_t[16]){0xfe, 0x80, [15] = 1}, 0);

	a.scope = scope;
	return a;
}

static void a_route_that_comes_after_the_address_begins_it(void **state)
{
	struct adit_addr gateway = net.gateway[0];
	struct rig rig;

	(void)state;
	net.gateway[0] = (struct adit_addr){0};
	begin(&rig);
	set_hosts(&rig, "2001:db8::7");
	assert_int_equal(net.made[0] + net.made[1], 0);
	net.gateway[0] = gateway;
	net.gateway[1] = router_v6(2);
	set_hosts(&rig, "2001:db8::7");
	assert_int_equal(net.made[0], 1);
	assert_int_equal(net.made[1], 1);
	assert_true(adit_addr_eq(&net.portmap[0]->cfg.gateway, &gateway));
	assert_true(adit_addr_eq(&net.portmap[1]->cfg.gateway, &net.gateway[1]));
	finish(&rig);
}

static void another_router_is_asked_instead_of_the_one_before(void **state)
{
	struct rig rig;

	(void)state;
	net.gateway[1] = router_v6(2);
	begin(&rig);
	set_hosts(&rig, "2001:db8::7");
	net.portmap[0]->told(net.portmap[0]->ctx, &(struct io_portmap_event){.kind = IO_PORTMAP_WITHDRAWN, .why = ""});
	net.gateway[0] = adit_addr_v4(192, 168, 1, 2, 0);
	net.gateway[1] = router_v6(3);
	set_hosts(&rig, "2001:db8::7");
	assert_int_equal(ep_mapped_state(rig.mapped, ADIT_FAMILY_V4)->kind, EP_MAPPED_ASKING);
	assert_int_equal(net.made[0], 2);
	assert_int_equal(net.made[1], 2);
	assert_true(adit_addr_eq(&net.portmap[0]->cfg.gateway, &net.gateway[0]));
	assert_true(adit_addr_eq(&net.portmap[1]->cfg.gateway, &net.gateway[1]));
	finish(&rig);
}

static void what_is_told_again_asks_nobody_and_other_addresses_beside_have_it_looked_after(void **state)
{
	struct rig rig;

	(void)state;
	begin(&rig);
	set_hosts(&rig, NULL);
	assert_int_equal(net.portmap[0]->checked, 1);
	set_hosts(&rig, NULL);
	set_hosts(&rig, NULL);
	assert_int_equal(net.portmap[0]->checked, 1);
	set_hosts(&rig, "fd00::7");
	assert_int_equal(net.portmap[0]->checked, 2);
	assert_int_equal(net.made[0], 1);
	assert_int_equal(net.made[1], 0);
	finish(&rig);
}

static void after_a_sleep_the_mapping_is_looked_after_once(void **state)
{
	struct rig rig;

	(void)state;
	begin(&rig);
	ep_mapped_look(rig.mapped);
	assert_int_equal(net.portmap[0]->checked, 0);
	asleep = ADIT_SEC(3600);
	ep_mapped_look(rig.mapped);
	ep_mapped_look(rig.mapped);
	assert_int_equal(net.portmap[0]->checked, 1);
	ep_mapped_end(rig.mapped);
	asleep *= 2;
	ep_mapped_look(rig.mapped);
	assert_int_equal(net.portmap[0]->checked, 1);
	ep_mapped_look(NULL);
	finish(&rig);
}

static void how_servers_see_us_is_handed_on_by_both_sides(void **state)
{
	struct reach_event held = {.kind = REACH_EVENT_HELD, .mapped = adit_addr_v4(203, 0, 113, 9, 5000)};
	struct reach_event met = {.kind = REACH_EVENT_MEETING, .mapped = adit_addr_v4(203, 0, 113, 8, 0)};
	struct reach_event unknown = {.kind = REACH_EVENT_MEETING};
	struct adit_addr want = adit_addr_v4(203, 0, 113, 9, 0);
	struct rig rig;

	(void)state;
	begin(&rig);
	ep_mapped_heard(rig.mapped, &held);
	assert_true(adit_addr_eq(&net.portmap[0]->seen, &want));
	ep_mapped_heard(rig.mapped, &met);
	assert_true(adit_addr_eq(&net.portmap[0]->seen, &met.mapped));
	ep_mapped_heard(rig.mapped, &unknown);
	assert_true(adit_addr_eq(&net.portmap[0]->seen, &met.mapped));
	finish(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(the_end_waits_for_a_router_that_is_at_it, setup),
		cmocka_unit_test_setup(a_route_that_comes_after_the_address_begins_it, setup),
		cmocka_unit_test_setup(another_router_is_asked_instead_of_the_one_before, setup),
		cmocka_unit_test_setup(what_is_told_again_asks_nobody_and_other_addresses_beside_have_it_looked_after,
				       setup),
		cmocka_unit_test_setup(how_servers_see_us_is_handed_on_by_both_sides, setup),
		cmocka_unit_test_setup(after_a_sleep_the_mapping_is_looked_after_once, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
