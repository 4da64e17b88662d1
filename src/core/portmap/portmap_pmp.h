/*
 * NAT-PMP (RFC 6886) on the wire: PCP's predecessor, IPv4 only, without nonces. The address and the mapping are asked
 * for separately.
 */
#ifndef ADIT_PORTMAP_PMP_H
#define ADIT_PORTMAP_PMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/err.h"

#define PORTMAP_PMP_ADDRESS_LEN 2
#define PORTMAP_PMP_MAP_LEN     12

enum portmap_pmp_opcode {
	PORTMAP_PMP_ADDRESS = 0,
	PORTMAP_PMP_MAP_UDP = 1,
};

/* RFC 6886 3.5 */
enum portmap_pmp_result {
	PORTMAP_PMP_SUCCESS = 0,
	PORTMAP_PMP_VERSION = 1,
	PORTMAP_PMP_REFUSED = 2,
	PORTMAP_PMP_NETWORK = 3,
	PORTMAP_PMP_RESOURCES = 4,
	PORTMAP_PMP_OPCODE = 5,
};

void portmap_pmp_write_address(uint8_t out[PORTMAP_PMP_ADDRESS_LEN]);

/* |lifetime| in seconds; 0 deletes, and then |external_port| is left out (RFC 6886 3.4). */
void portmap_pmp_write_map(uint16_t internal_port, uint16_t external_port, uint32_t lifetime,
			   uint8_t out[PORTMAP_PMP_MAP_LEN]);

struct portmap_pmp_answer {
	uint8_t opcode; /* of the request */
	uint16_t result;
	uint32_t epoch;
	bool has_rest; /* what follows is there; an error may end here */
	struct adit_addr address; /* ADDRESS; port 0 */
	uint16_t internal_port; /* MAP_UDP */
	uint16_t external_port;
	uint32_t lifetime; /* seconds */
};

/* Returns 0 or EPROTO. */
ADIT_MUST_CHECK int portmap_pmp_read(const uint8_t *data, size_t len, struct portmap_pmp_answer *ret_answer);

/* RFC 6886 3.6: may |epoch| follow |before|, seen |elapsed| seconds ago, from a gateway that kept its mappings? */
bool portmap_pmp_epoch_fits(uint32_t before, uint32_t epoch, uint64_t elapsed);

/* Why a gateway refused; never NULL. */
const char *portmap_pmp_text(uint16_t result);

#endif
