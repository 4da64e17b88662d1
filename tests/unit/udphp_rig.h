/* What the tests of udphp's machine share: a machine at one of two addresses, from |T0| on. */
#ifndef ADIT_TESTS_UDPHP_RIG_H
#define ADIT_TESTS_UDPHP_RIG_H

#include "crypto/crypto_md5.h"
#include "udphp/udphp.h"

#define T0 ADIT_SEC(1000)

static const struct adit_addr addr_of[2] = {
	{.ip = {192, 0, 2, 1}, .port = 5555, .family = ADIT_FAMILY_V4},
	{.ip = {192, 0, 2, 2}, .port = 5555, .family = ADIT_FAMILY_V4},
};

static inline struct udphp *new_machine(bool server, struct adit_rng_seeded *rng, uint64_t seed)
{
	struct udphp_config cfg = {
		.server = server,
		.peer = addr_of[server],
		.port = 5555,
		.rng = adit_rng_seeded_init(rng, seed),
		.md5 = crypto_md5,
	};
	struct udphp *m = udphp_new(&cfg, T0);

	assert_non_null(m);
	return m;
}

#endif
