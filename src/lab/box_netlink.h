/*
 * The few things that a topology asks of the kernel, by rtnetlink (RFC 3549): links, addresses, routes. Each call waits
 * for the kernel's answer. A socket speaks for the namespace that it was opened in.
 */
#ifndef ADIT_LAB_BOX_NETLINK_H
#define ADIT_LAB_BOX_NETLINK_H

#include <stdint.h>

#include "base/addr.h"

/* In the thread's namespace. The descriptor, or -1: errno. */
int box_nl_open(void);

/* One end of a pair of virtual interfaces: a name in the namespace |netns| (a descriptor). */
struct box_nl_end {
	int netns;
	const char *name;
	uint8_t mac[6];
};

/* All return 0, or -1 with errno. */
int box_nl_veth(int fd, const struct box_nl_end *a, const struct box_nl_end *b);
int box_nl_bridge(int fd, const char *name);
int box_nl_up(int fd, const char *name);
int box_nl_enslave(int fd, const char *name, const char *bridge);
int box_nl_mtu(int fd, const char *name, unsigned mtu);
int box_nl_addr(int fd, const char *name, const struct adit_addr *addr, uint8_t prefix_len);
/* |prefix_len| 0: everything. */
int box_nl_route(int fd, const char *name, const struct adit_addr *to, uint8_t prefix_len, const struct adit_addr *via);

#endif
