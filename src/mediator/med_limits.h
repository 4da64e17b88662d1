/* Every limit and default of the mediator's program, with its unit. */
#ifndef ADIT_MED_LIMITS_H
#define ADIT_MED_LIMITS_H

#include "base/time.h"

#define MED_PORT     3478 /* RFC 8489 18.6 */
#define MED_LISTEN   2 /* addresses of one family: RFC 5780 knows two */
#define MED_FAMILIES 2
#define MED_SOCKS    (MED_FAMILIES * MED_LISTEN * 2) /* each address with two ports */
#define MED_RATE_MAX 1000000 /* --rate: more cannot be had from one processor */

#define MED_TURN_URIS       4 /* MEET_RELAY_URIS */
#define MED_TURN_URI_MAX    128 /* bytes, MEET_RELAY_URI_MAX */
#define MED_TURN_SECRET_MIN 16 /* bytes: each loan is a sample to try keys on */
#define MED_TURN_SECRET_MAX 4096 /* bytes of the file */
#define MED_TURN_FOR_MAX    (16 * 1024 * 1024) /* bytes of the file: more than 100 000 keys */

#define MED_GOODBYES      256 /* peers told in one go that this mediator ends */
#define MED_GOODBYES_EACH ADIT_MS(2) /* a million in 8 s, with 60 Mbit/s */
#define MED_COUNTS_MAX    48 /* numbers in a report */

#endif
