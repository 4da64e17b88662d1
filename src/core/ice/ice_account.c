#include "core/ice/ice_account.h"

#include <stdio.h>

static const char *const states[] = {
	[ICE_PAIR_FROZEN] = "held back", [ICE_PAIR_WAITING] = "waiting", [ICE_PAIR_IN_PROGRESS] = "trying",
	[ICE_PAIR_SUCCEEDED] = "works",  [ICE_PAIR_FAILED] = "failed",
};

static const char *const whys[] = {
	[ICE_WHY_NOT_YET] = "no answer yet",
	[ICE_WHY_ANSWERED] = "the peer answered",
	[ICE_WHY_NOMINATED] = "chosen",
	[ICE_WHY_SILENT] = "nothing came back",
	[ICE_WHY_ONE_WAY] = "the peer is heard, but our checks do not reach it",
	[ICE_WHY_UNREACHABLE] = "reported unreachable",
	[ICE_WHY_ASYMMETRIC] = "the answer came from another address",
	[ICE_WHY_ERROR] = "the peer answered with an error",
	[ICE_WHY_MALFORMED] = "the peer's answer made no sense",
	[ICE_WHY_NOT_NEEDED] = "another path was chosen first",
};

const char *ice_account_format(const struct ice_account *a, char buf[ICE_ACCOUNT_STRLEN])
{
	char local[ADIT_ADDR_STRLEN];
	char remote[ADIT_ADDR_STRLEN];
	char mapped[ADIT_ADDR_STRLEN];
	char seen[ADIT_ADDR_STRLEN + 16] = "";
	char rtt[32] = "";
	char error[24] = "";

	if (a->rtt > 0)
		snprintf(rtt, sizeof(rtt), ", %llu.%llu ms", (unsigned long long)(a->rtt / ADIT_MS(1)),
			 (unsigned long long)(a->rtt / ADIT_US(100) % 10));
	if (a->error > 0)
		snprintf(error, sizeof(error), " %u", a->error % 1000);
	if (a->mapped.family != ADIT_FAMILY_NONE)
		snprintf(seen, sizeof(seen), " (seen as %s)", adit_addr_format(&a->mapped, mapped));
	snprintf(buf, ICE_ACCOUNT_STRLEN, "%s %s%s to %s %s: %s, %s%s; sent %lu, answered %lu, heard %lu%s",
		 ice_type_name(a->local_type), adit_addr_format(&a->local, local), seen, ice_type_name(a->remote_type),
		 adit_addr_format(&a->remote, remote), a->why == ICE_WHY_NOT_NEEDED ? "left" : states[a->state],
		 whys[a->why], error, (unsigned long)a->sent, (unsigned long)a->answered, (unsigned long)a->heard, rtt);
	return buf;
}
