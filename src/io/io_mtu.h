/* What the system's interfaces carry. */
#ifndef ADIT_IO_MTU_H
#define ADIT_IO_MTU_H

#include <stddef.h>

#define IO_MTU_LEAST 1500 /* bytes: what is reckoned with where nothing can be learnt */
#define IO_MTU_MOST                                                                                      \
	9000 /* more than jumbo frames only virtual interfaces claim, and nothing behind them carries it \
	      */

/* Bytes of UDP payload over IPv4 in the largest packet of any interface that is up; loopback does not count. */
size_t io_mtu_payload(void);

#endif
