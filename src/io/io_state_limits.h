/* Every limit of the state directory, with its unit. */
#ifndef ADIT_IO_STATE_LIMITS_H
#define ADIT_IO_STATE_LIMITS_H

#include "base/time.h"

#define IO_STORE_BYTES     (1024 * 1024) /* of one store; a thousand saved peers with all their options fit */
#define IO_LINE_MAX        8192 /* bytes of one record: a ticket and the forwards of one peer, escaped */
#define IO_FIELDS_MAX      128 /* fields of one record */
#define IO_TICKETS_MAX     1000 /* labels of one machine, revoked ones included: `new` refuses beyond */
#define IO_PEERS_MAX       1000 /* saved peers: `add` refuses beyond */
#define IO_PEER_OPTIONS    100 /* options and forwards of one saved peer */
#define IO_MEMORY_MAX      1000 /* remembered ports, horizons, ways: the oldest goes */
#define IO_MEMORY_KEY_MAX  100 /* characters of the name of one */
#define IO_MEMORY_TEXT_MAX 1100 /* bytes of its text: the names of four mediators, 255 each */
#define IO_DAMAGE_MAX      8 /* damaged lines that are told apart; more are counted */
#define IO_IDENTITY_BYTES  1024 /* of the identity file */
#define IO_LOCK_WAIT       ADIT_SEC(5) /* for another command that changes a store: it takes milliseconds */
#define IO_LOCK_STEP       ADIT_MS(10) /* between two tries */
#define IO_SOCKET_PATH_MAX 107 /* bytes: sun_path holds 108 with the NUL on Linux */

#endif
