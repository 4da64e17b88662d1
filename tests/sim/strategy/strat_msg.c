#include "strat_msg.h"

#include <string.h>

void strat_msg_encode(const struct strat_msg *m, uint8_t buf[STRAT_MESSAGE_LEN])
{
	memset(buf, 0, STRAT_MESSAGE_LEN);
	buf[0] = m->kind;
	buf[1] = m->side;
	memcpy(buf + 4, &m->id, 4);
	memcpy(buf + 8, m->addr.ip, 4);
	memcpy(buf + 12, &m->addr.port, 2);
}

bool strat_msg_decode(const uint8_t *data, size_t len, struct strat_msg *ret_msg)
{
	if (len != STRAT_MESSAGE_LEN || data[0] < STRAT_MSG_ASK || data[0] > STRAT_MSG_CONFIRM)
		return false;
	*ret_msg = (struct strat_msg){.kind = data[0], .side = data[1]};
	memcpy(&ret_msg->id, data + 4, 4);
	ret_msg->addr = adit_addr_v4(data[8], data[9], data[10], data[11], 0);
	memcpy(&ret_msg->addr.port, data + 12, 2);
	return true;
}
