/* Every number of the punching engine, with its unit and source. */
#ifndef ADIT_REACH_LIMITS_H
#define ADIT_REACH_LIMITS_H

#include "base/time.h"

#define REACH_ROUNDS        3u /* of an attempt: 97.6 % of what ever succeeds does so in the first (DESIGN 5.2) */
#define REACH_SALVOS_MAX    4u /* of one plan */
#define REACH_SOCKS_MAX     256u /* of one birthday search; with 1024 probes 98 % (DESIGN 5.2) */
#define REACH_PROBES_MAX    1024u /* of one birthday search */
#define REACH_UNTRUSTED_MAX 64u /* probes toward an address that one server alone has named (DESIGN 3) */
#define REACH_BLOCK_SOCKS   32u /* of a search within a port block */
#define REACH_BLOCK_PROBES  160u
#define REACH_SERVERS_MAX   8u /* STUN servers, mediators included */
#define REACH_HOSTS_MAX     16u /* own addresses */

#endif
