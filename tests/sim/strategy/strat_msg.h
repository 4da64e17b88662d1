/* The models' messages, 16 bytes each: kind, side, 2 bytes of nothing, id, an IPv4 address and a port. */
#ifndef STRAT_MSG_H
#define STRAT_MSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "strat_limits.h"

enum strat_msg_kind {
	STRAT_MSG_ASK = 0x50, /* id: which question */
	STRAT_MSG_SAID, /* the same id; addr: where it came from */
	STRAT_MSG_PROBE,
	STRAT_MSG_ANSWER, /* to a probe */
	STRAT_MSG_CONFIRM, /* to an answer */
};

struct strat_msg {
	uint8_t kind;
	uint8_t side;
	uint32_t id;
	struct adit_addr addr;
};

void strat_msg_encode(const struct strat_msg *m, uint8_t buf[STRAT_MESSAGE_LEN]);
bool strat_msg_decode(const uint8_t *data, size_t len, struct strat_msg *ret_msg);

#endif
