/* What a NAT's samples are taken for, beyond what nat_ports_test.c has. */
#include "test.h"

#include "core/reach/reach_int.h"
#include "reach_rig.h"

/* Ports that were known, then |n| samples from |port| on, |step| apart: is it what a peer takes? */
static struct nat_ports again(struct rig *r, const struct nat_ports *known, unsigned n, int port, int step)
{
	struct rig_peer *p = rig_peer(r, MEET_SERVE, RIG_NAT_SEQUENTIAL, ADIT_MS(20));
	struct reach_view *v = &p->reach->measure.view[0];
	struct reach_desc told = {.round = 1, .kind = NAT_KIND_SEQUENTIAL};
	struct reach_desc got;
	uint8_t buf[MEET_EXTRA_MAX];

	v->phase = REACH_PHASE_BURST;
	v->ports = *known;
	v->n_sent = REACH_SAMPLES_AGAIN;
	for (unsigned i = 0; i < n; i++)
		v->sample[i] = (struct nat_sample){
			.inside = 40000, .outside = (uint16_t)(port + (int)i * step), .at = r->now + ADIT_MS(i)};
	reach_judge_samples(p->reach, v);
	assert_int_equal(v->phase, REACH_PHASE_KNOWN);
	told.ports = v->ports;
	assert_int_equal(reach_desc_decode(buf, reach_desc_encode(&told, buf), &got), 0);
	assert_int_equal(got.ports.last, v->ports.last);
	return v->ports;
}

static void samples_that_are_too_few_move_a_counting_nat_on_and_its_peer_understands(void **state)
{
	struct nat_ports known = {.kind = NAT_PORT_SEQUENTIAL,
				  .samples = 9,
				  .step = 2,
				  .mean = 2 * NAT_MEAN_UNIT,
				  .low = 20000,
				  .high = 20016,
				  .last = 20016};
	struct nat_ports p = again(*state, &known, 2, 20500, 2);

	assert_int_equal(p.kind, NAT_PORT_SEQUENTIAL);
	assert_int_equal(p.step, 2);
	assert_int_equal(p.last, 20502);
	p = again(*state, &known, 1, 1024, 0); /* its range began again */
	assert_int_equal(p.last, 1024);
}

static void samples_that_are_too_few_move_no_block(void **state)
{
	struct nat_ports known = {
		.kind = NAT_PORT_BLOCK, .samples = 9, .low = 8192, .high = 9000, .block = 1024, .last = 8500};
	struct nat_ports p = again(*state, &known, 2, 20500, 300);

	assert_int_equal(p.low, 8192);
	assert_int_equal(p.high, 9000);
	assert_int_equal(p.last, 8500);
	assert_int_equal(again(*state, &known, 2, 8600, 20).last, 8620);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(one, samples_that_are_too_few_move_a_counting_nat_on_and_its_peer_understands),
		RIG_TEST(one, samples_that_are_too_few_move_no_block),
	};

	return cmocka_run_group_tests_name("reach_judge", tests, NULL, NULL);
}
