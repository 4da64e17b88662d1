/*
 * IP/ICMP translation between the families (RFC 7915), for NAT64: what of it a stateful NAT needs, on packets where
 * they lie. UDP, TCP, echo, errors about them, and fragments. Super-packets stay whole.
 */
#ifndef ADIT_LAB_XLAT_H
#define ADIT_LAB_XLAT_H

#include "lab/lab_packet.h"

struct lab_frame;

/*
 * |p|, the packet of frame |f|, goes on as |to|, which is of the other family. |f| begins elsewhere afterwards, its
 * Ethernet header still to be written; |p| is read anew. EPROTO: it cannot be translated (extension headers that the
 * other side does not have, no headroom).
 */
ADIT_MUST_CHECK int lab_xlat_flow(struct lab_frame *f, struct lab_packet *p, const struct lab_flow *to);

/* The same for an ICMP error, whose quote becomes |to| and goes to the quote's source. */
ADIT_MUST_CHECK int lab_xlat_error(struct lab_frame *f, struct lab_packet *p, const struct lab_flow *to);

#endif
