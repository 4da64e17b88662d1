/* For the programs that are run twice: with ADIT_TEST_AEAD=ipsec-mb that library does the packets of both sides. */
#ifndef ADIT_TEST_QUIC_PAIR_AEAD_H
#define ADIT_TEST_QUIC_PAIR_AEAD_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/crypto_mb.h"
#include "quic_pair.h"

#define PAIR_SKIPPED 77 /* what the test runner takes for "skipped" */

/* False: it was asked for, and cannot be had; the reason is printed. */
static inline bool pair_choose_aead(void)
{
	const char *wish = getenv("ADIT_TEST_AEAD");
	const char *why = NULL;

	if (!wish || strcmp(wish, "ipsec-mb") != 0)
		return true;
	pair_aead = crypto_mb(&why);
	if (!pair_aead)
		printf("libipsec-mb: %s\n", why);
	return pair_aead != NULL;
}

#endif
