/*
 * PCP (RFC 6887) on the wire: the requests MAP (for UDP) and ANNOUNCE, and the answers to both.
 *
 * No option is sent: with PREFER_FAILURE a taken port would be an error where any other port is as good, and
 * THIRD_PARTY maps for others. An answer that carries an option of the kind that must be understood (THIRD_PARTY,
 * FILTER) is not an answer to our request, and malformed; PREFER_FAILURE changes nothing in an answer and is passed
 * over.
 */
#ifndef ADIT_PORTMAP_PCP_H
#define ADIT_PORTMAP_PCP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/err.h"
#include "base/machine.h"

#define PORTMAP_PCP_VERSION      2
#define PORTMAP_PCP_MAP_LEN      60 /* header 24 + MAP 36: RFC 6887 7.1, 11.1 */
#define PORTMAP_PCP_ANNOUNCE_LEN 24 /* the header alone: RFC 6887 7.1, 14.1.1 */
#define PORTMAP_PCP_NONCE_LEN    12
#define PORTMAP_UDP              17 /* IANA protocol number */

enum portmap_pcp_opcode {
	PORTMAP_PCP_ANNOUNCE = 0,
	PORTMAP_PCP_MAP = 1,
};

/* RFC 6887 7.4 */
enum portmap_pcp_result {
	PORTMAP_PCP_SUCCESS = 0,
	PORTMAP_PCP_UNSUPP_VERSION = 1,
	PORTMAP_PCP_NOT_AUTHORIZED = 2,
	PORTMAP_PCP_ADDRESS_MISMATCH = 12,
};

struct portmap_pcp_request {
	struct adit_addr client; /* our own address as we see it; its port is the internal port */
	struct adit_addr external; /* wanted; address family NONE: no wish, port 0: no wish */
	uint32_t lifetime; /* seconds; 0 deletes */
	uint8_t nonce[PORTMAP_PCP_NONCE_LEN];
};

/* Writes the MAP request. Deleting: the wish is left out (RFC 6887 15.1). */
void portmap_pcp_write(const struct portmap_pcp_request *q, uint8_t out[PORTMAP_PCP_MAP_LEN]);

/* Writes the ANNOUNCE request: is PCP there? It changes nothing in the router (RFC 6887 14.1.1). */
void portmap_pcp_write_announce(const struct adit_addr *client, uint8_t out[PORTMAP_PCP_ANNOUNCE_LEN]);

struct portmap_pcp_answer {
	uint8_t version; /* 2; another one only with UNSUPP_VERSION: the best the server knows (RFC 6887 9) */
	uint8_t opcode;
	uint8_t result;
	uint32_t lifetime; /* seconds, of the mapping or of the error */
	uint32_t epoch;
	bool has_map; /* the rest is there */
	uint8_t nonce[PORTMAP_PCP_NONCE_LEN];
	uint8_t protocol;
	uint16_t internal_port;
	struct adit_addr external; /* an IPv4-mapped address as IPv4 */
};

/*
 * Reads an answer, without judging whose it is. Returns 0, EPROTO (malformed, a request, an opcode we never sent), or
 * EVERSION (another version that does not say UNSUPP_VERSION).
 */
ADIT_MUST_CHECK int portmap_pcp_read(const uint8_t *data, size_t len, struct portmap_pcp_answer *ret_answer);

/*
 * RFC 6887 8.5: may |epoch| follow |before|, seen |elapsed| seconds ago, from a server that has not lost its state?
 */
bool portmap_pcp_epoch_fits(uint32_t before, uint32_t epoch, uint64_t elapsed);

/*
 * The gateway itself (with its port) says "port unreachable": RFC 792 type 3, code 3; RFC 4443 type 1, code 4. Nobody
 * else can know that.
 */
bool portmap_icmp_is_closed(const struct adit_addr *gateway, const struct adit_icmp *icmp);

/* Why a server refused; never NULL. */
const char *portmap_pcp_text(uint8_t result);

#endif
