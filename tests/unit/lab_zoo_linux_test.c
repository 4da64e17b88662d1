/*
 * Two models written apart from each other: the NAT of many axes set to what Linux does, and the model of Linux itself,
 * play the same random scripts. Every verdict agrees, and a port is kept by both or by none; which port a moved flow
 * gets is each one's own matter. What the axes do not have is left out: an entry's short time-out while it is young
 * (scripts last 25 s), and the preference for a port that the socket has elsewhere (each socket has one remote).
 */
#include "lab_zoo_rig.h"

#include "base/rng.h"

#define SOCKETS 24u
#define PACKETS 200u
#define SCRIPTS 300u

struct pair {
	struct lab_nat *n[2]; /* of axes; Linux */
	struct adit_rng rng;
	adit_time now;
	uint16_t port[2][SOCKETS]; /* as seen outside; 0: none yet */
	unsigned differ; /* answers */
	unsigned moved;
};

/* Three hosts with the same eight ports; two of them talk to the same remotes. */
static struct adit_addr socket_of(unsigned i)
{
	return rig_host((uint8_t)(i / 8), (uint16_t)(5000 + i % 8));
}

static struct adit_addr remote_of(unsigned i)
{
	return rig_remote((uint8_t)(i / 8 == 2), (uint16_t)(5000 + i % 8));
}

static void packet_out(struct pair *p)
{
	unsigned i = (unsigned)adit_rng_below(&p->rng, SOCKETS);
	struct lab_flow f = {.src = socket_of(i), .dst = remote_of(i), .ttl = 64};
	struct lab_flow g[2];
	enum lab_verdict v[2];

	if (adit_rng_below(&p->rng, 8) == 0)
		f.ttl = 1;
	for (int k = 0; k < 2; k++) {
		v[k] = p->n[k]->ops->out(p->n[k], p->now, &f, &g[k]);
		if (v[k] == LAB_FORWARD)
			p->port[k][i] = g[k].src.port;
	}
	p->differ += v[0] != v[1];
	if (v[0] != LAB_FORWARD || v[1] != LAB_FORWARD)
		return;
	p->differ += (g[0].src.port == f.src.port) != (g[1].src.port == f.src.port);
	p->moved += g[0].src.port != f.src.port;
}

/* To a port that some socket has or would like to have, from a remote that some socket has. */
static void packet_in(struct pair *p)
{
	unsigned i = (unsigned)adit_rng_below(&p->rng, SOCKETS);
	bool own = adit_rng_below(&p->rng, 2) == 0;
	struct lab_flow f = {.src = remote_of((unsigned)adit_rng_below(&p->rng, SOCKETS)), .ttl = 64};
	struct lab_flow g[2];
	enum lab_verdict v[2];

	for (int k = 0; k < 2; k++) {
		f.dst = rig_wan(0, own && p->port[k][i] ? p->port[k][i] : (uint16_t)(5000 + i % 8));
		v[k] = p->n[k]->ops->in(p->n[k], p->now, &f, &g[k]);
	}
	p->differ += v[0] != v[1];
	if (v[0] == LAB_FORWARD && v[1] == LAB_FORWARD)
		p->differ += !adit_addr_eq(&g[0].dst, &g[1].dst);
}

/* How many answers differ, in all scripts up to the first with a difference. */
static unsigned play(const char *settings, const char *of_linux, unsigned *ret_moved)
{
	unsigned differ = 0;

	*ret_moved = 0;
	for (uint64_t seed = 1; seed <= SCRIPTS && differ == 0; seed++) {
		struct adit_rng_seeded state;
		struct pair p = {.n = {rig_new(settings, 0, seed), rig_new(of_linux, 0, seed + 1)},
				 .rng = adit_rng_seeded_init(&state, seed)};

		for (unsigned i = 0; i < PACKETS; i++) {
			p.now += adit_rng_below(&p.rng, ADIT_SEC(25) / PACKETS);
			if (adit_rng_below(&p.rng, 5) < 3)
				packet_out(&p);
			else
				packet_in(&p);
		}
		differ += p.differ;
		*ret_moved += p.moved;
		lab_nat_free(p.n[0]);
		lab_nat_free(p.n[1]);
	}
	return differ;
}

#define AS_LINUX                                                                                              \
	"mapping=apd,filter=apd,overload=remote,parity=no,hairpin=none,refresh=both,timeout=30s,replied=120s" \
	",input="

static void the_axes_set_to_linux_answer_as_linux(void **state)
{
	unsigned moved;

	(void)state;
	assert_int_equal(play(AS_LINUX "drop", "linux", &moved), 0);
	/* Two hosts want one port: it is not that nothing happens in these scripts. */
	assert_true(moved > 1000);
	assert_int_equal(play(AS_LINUX "reject", "linux-reject", &moved), 0);
	assert_int_equal(play(AS_LINUX "accept", "linux-accept", &moved), 0);
	assert_true(moved > 5000);
}

/* One axis wrong each. (That mappings depend on the remote shows only in lab_zoo_axis_test.c: a socket has one here.)
 */
static void any_axis_set_wrong_is_seen(void **state)
{
	static const char *const wrong[] = {
		AS_LINUX "accept",
		AS_LINUX "reject",
		AS_LINUX "drop,mapping=ei,overload=never",
		AS_LINUX "drop,filter=ad",
		AS_LINUX "drop,filter=ei",
		AS_LINUX "drop,ports=random",
		AS_LINUX "drop,ports=sequential",
		AS_LINUX "drop,taken=refuse",
		AS_LINUX "drop,overload=never",
		AS_LINUX "drop,overload=always",
		AS_LINUX "drop,timeout=2s,replied=0",
		AS_LINUX "drop,refresh=none,timeout=5s,replied=0",
		AS_LINUX "drop,life=10s",
		AS_LINUX "drop,mappings=20",
		AS_LINUX "drop,host-mappings=6",
		AS_LINUX "drop,host-rate=1",
		AS_LINUX "drop,reboot=6s",
		AS_LINUX "drop,ttl-late=yes",
		AS_LINUX "drop,ttl-silent=yes",
	};
	unsigned moved;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		if (play(wrong[i], "linux", &moved) == 0)
			fail_msg("nobody saw %s", wrong[i]);
	assert_true(play(AS_LINUX "accept,clash=1s", "linux-accept", &moved) > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_axes_set_to_linux_answer_as_linux),
		cmocka_unit_test(any_axis_set_wrong_is_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
