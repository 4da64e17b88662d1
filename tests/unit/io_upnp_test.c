#include "test.h"

#include <semaphore.h>
#include <string.h>

#include "base/bytes.h"
#include "io/io_clock.h"
#include "io/io_igd.h"
#include "io/io_timer.h"
#include "io/io_upnp.h"

/* A router in place of io_igd.c's: the worker stands still in a search or a wish until it is told to go on. */
static struct {
	sem_t begun;
	sem_t go;
	bool stops_in_find;
	bool stops_in_add;
	unsigned added;
	unsigned deleted;
	const char *lease; /* what it makes of ours */
} router;

struct rig {
	uv_loop_t loop;
	struct io_upnp *upnp;
	struct io_upnp_event last;
	unsigned told[IO_UPNP_ENDED + 1];
};

static void stop(bool stops)
{
	if (!stops)
		return;
	sem_post(&router.begun);
	sem_wait(&router.go);
}

bool __wrap_io_igd_find(struct io_igd *g, const atomic_bool *is_unwanted);
bool __wrap_io_igd_find(struct io_igd *g, const atomic_bool *is_unwanted)
{
	(void)g;
	stop(router.stops_in_find);
	return !*is_unwanted;
}

bool __wrap_io_igd_external(struct io_igd *g, struct adit_addr *ret_external);
bool __wrap_io_igd_external(struct io_igd *g, struct adit_addr *ret_external)
{
	(void)g;
	*ret_external = adit_addr_v4(203, 0, 113, 9, 0);
	return true;
}

enum io_igd_answer __wrap_io_igd_add(struct io_igd *g, uint16_t external, uint16_t internal, uint32_t lease);
enum io_igd_answer __wrap_io_igd_add(struct io_igd *g, uint16_t external, uint16_t internal, uint32_t lease)
{
	(void)g;
	(void)external;
	(void)internal;
	(void)lease;
	router.added++;
	stop(router.stops_in_add);
	return IO_IGD_DONE;
}

bool __wrap_io_igd_is_ours(struct io_igd *g, uint16_t external, uint16_t internal, uint32_t *lease);
bool __wrap_io_igd_is_ours(struct io_igd *g, uint16_t external, uint16_t internal, uint32_t *lease)
{
	(void)g;
	(void)external;
	(void)internal;
	*lease = io_igd_lease(*lease, router.lease);
	return true;
}

void __wrap_io_igd_delete(struct io_igd *g, uint16_t external);
void __wrap_io_igd_delete(struct io_igd *g, uint16_t external)
{
	(void)g;
	(void)external;
	router.deleted++;
}

static adit_time timer_at;

void __real_io_timer_set(struct io_timer *t, adit_time at);
void __wrap_io_timer_set(struct io_timer *t, adit_time at);
void __wrap_io_timer_set(struct io_timer *t, adit_time at)
{
	timer_at = at;
	__real_io_timer_set(t, at);
}

static void on_told(void *ctx, const struct io_upnp_event *e)
{
	struct rig *rig = ctx;

	rig->last = *e;
	rig->told[e->kind]++;
}

static void begin(struct rig *rig)
{
	struct io_upnp_config c = {.own = adit_addr_v4(192, 168, 1, 7, 4500)};

	memset(rig, 0, sizeof(*rig));
	uv_loop_init(&rig->loop);
	assert_int_equal(io_upnp_new(&rig->loop, &c, on_told, rig, &rig->upnp), 0);
}

static void finish(struct rig *rig)
{
	io_upnp_free(rig->upnp);
	uv_run(&rig->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&rig->loop), 0);
}

static void await(struct rig *rig, enum io_upnp_event_kind kind)
{
	while (rig->told[kind] == 0)
		uv_run(&rig->loop, UV_RUN_ONCE);
}

static int setup(void **state)
{
	(void)state;
	memset(&router, 0, sizeof(router));
	router.lease = "0";
	return sem_init(&router.begun, 0, 0) | sem_init(&router.go, 0, 0);
}

static void the_end_deletes_what_is_being_made(void **state)
{
	struct rig rig;

	(void)state;
	router.stops_in_add = true;
	begin(&rig);
	sem_wait(&router.begun);
	io_upnp_end(rig.upnp, false);
	assert_int_equal(rig.told[IO_UPNP_ENDED], 0);
	sem_post(&router.go);
	await(&rig, IO_UPNP_ENDED);
	assert_int_equal(router.deleted, 1);
	finish(&rig);
}

static void the_end_does_not_wait_for_a_search(void **state)
{
	struct rig rig;

	(void)state;
	router.stops_in_find = true;
	begin(&rig);
	sem_wait(&router.begun);
	io_upnp_end(rig.upnp, false);
	assert_int_equal(rig.told[IO_UPNP_ENDED], 1);
	sem_post(&router.go);
	finish(&rig);
	assert_int_equal(router.added, 0);
	assert_int_equal(rig.told[IO_UPNP_ENDED], 1);
}

/* The one above, where whoever is told does not free it at once. */
static void an_end_during_a_search_is_told_once(void **state)
{
	struct rig rig;

	(void)state;
	router.stops_in_find = true;
	begin(&rig);
	sem_wait(&router.begun);
	io_upnp_end(rig.upnp, false);
	sem_post(&router.go);
	while (io_upnp_is_busy(rig.upnp))
		uv_run(&rig.loop, UV_RUN_ONCE);
	assert_int_equal(rig.told[IO_UPNP_ENDED], 1);
	assert_int_equal(rig.told[IO_UPNP_NONE] + rig.told[IO_UPNP_MAPPED] + rig.told[IO_UPNP_WITHDRAWN], 0);
	finish(&rig);
}

static void a_lease_that_the_router_cuts_is_renewed_by_what_it_gave(void **state)
{
	struct rig rig;
	adit_time before = io_clock_now();

	(void)state;
	router.lease = "60";
	begin(&rig);
	await(&rig, IO_UPNP_MAPPED);
	assert_int_equal(rig.last.lease, 60);
	assert_in_range(timer_at, before + ADIT_SEC(30), io_clock_now() + ADIT_SEC(30));
	finish(&rig);
}

static void what_a_router_tells_of_a_lease_is_taken_within_limits(void **state)
{
	static const struct {
		uint32_t asked;
		const char *told;
		uint32_t want;
	} rows[] = {
		{3600, "3600", 3600},
		{3600, "60", 60},
		{3600, "86400", 3600},
		{3600, "0", 3600},
		{3600, "", 3600},
		{3600, "soon", 3600},
		{3600, "-1", 3600},
		{3600, "1", IO_UPNP_LEASE_MIN},
		{10, "10", 10},
		{0, "0", 0},
		{0, "604800", 604800}, /* IGD:2 knows no permanent ones */
		{0, "99999999999999999999", 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_int_equal(io_igd_lease(rows[i].asked, rows[i].told), rows[i].want);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(the_end_deletes_what_is_being_made, setup),
		cmocka_unit_test_setup(the_end_does_not_wait_for_a_search, setup),
		cmocka_unit_test_setup(an_end_during_a_search_is_told_once, setup),
		cmocka_unit_test_setup(a_lease_that_the_router_cuts_is_renewed_by_what_it_gave, setup),
		cmocka_unit_test_setup(what_a_router_tells_of_a_lease_is_taken_within_limits, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
