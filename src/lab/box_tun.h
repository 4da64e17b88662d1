/*
 * A TUN interface (Documentation/networking/tuntap.rst) as a port of the box: packets without Ethernet, which get a
 * header that means nothing in front, so that all frames look alike.
 */
#ifndef ADIT_LAB_BOX_TUN_H
#define ADIT_LAB_BOX_TUN_H

#include "lab/box_port.h"

/* "tun:NAME" */
bool box_tun_is(const char *name);

/* Makes interface |name| (with its "tun:") and brings it up. NULL, or the call that failed: errno. */
const char *box_tun_open(struct box_port *p, const char *name);

/* One packet into |frame|: virtio header, an Ethernet header, packet; |cap| bytes. Its length, 0: none there. */
size_t box_tun_read(int fd, uint8_t *frame, size_t cap);

/* 0, or -1 where the kernel does not take it. */
int box_tun_write(int fd, const uint8_t *frame, size_t len);

#endif
