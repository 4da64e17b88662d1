/*
 * Packet bytes <-> struct lab_flow: what a router between real wires needs to ask a NAT and to do what it says. Pure:
 * no socket, no heap; a packet is changed where it lies.
 *
 * Super-packets (GSO) are one packet here: only headers are looked at and changed, checksums incrementally (RFC 1624),
 * so the cost does not grow with the length. Start at lab_packet_parse().
 *
 * Words: a packet begins with its IP header; the quote is what an ICMP error carries of the packet it is about.
 */
#ifndef ADIT_LAB_PACKET_H
#define ADIT_LAB_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "lab/lab_nat.h"

/* The layout and the numbers of struct virtio_net_hdr (virtio 1.2, 5.1.6), which AF_PACKET and TUN put before a frame.
 */
struct lab_offload {
	uint8_t flags;
	uint8_t gso_type;
	uint16_t hdr_len;
	uint16_t gso_size; /* payload bytes of each segment */
	uint16_t csum_start; /* from the frame's first byte */
	uint16_t csum_offset; /* from csum_start */
};

#define LAB_OFFLOAD_NEEDS_CSUM 1u
#define LAB_GSO_NONE           0u
#define LAB_GSO_TCPV4          1u
#define LAB_GSO_TCPV6          4u
#define LAB_GSO_UDP_L4         5u
#define LAB_GSO_ECN            0x80u

/* Internet protocol numbers (IANA). */
#define LAB_IP_ICMP     1u
#define LAB_IP_TCP      6u
#define LAB_IP_UDP      17u
#define LAB_IP_FRAGMENT 44u
#define LAB_IP_ICMPV6   58u

enum lab_packet_kind {
	LAB_PACKET_FLOW, /* UDP, TCP or ICMP echo, or a fragment of one */
	LAB_PACKET_ERROR, /* an ICMP error that quotes one of these */
	LAB_PACKET_OTHER, /* well-formed, but nothing that has a flow */
};

/* Where one IP packet's headers lie, the packet's own or the quote's. */
struct lab_packet_part {
	size_t ip; /* offset of its IP header */
	size_t l4; /* of the transport header, of the fragment's payload */
	uint8_t family;
	uint8_t protocol; /* after all extension headers */
	uint8_t fragment; /* enum lab_fragment */
};

struct lab_packet {
	uint8_t *data; /* borrowed; [0] is the IP header's first byte */
	size_t len; /* by the IP header: without Ethernet padding */
	uint8_t kind; /* enum lab_packet_kind */
	bool partial; /* the transport checksum field has the pseudo-header's sum only (CHECKSUM_PARTIAL) */
	bool dont_fragment; /* IPv4 DF; always in IPv6 */
	uint8_t ttl;
	struct lab_packet_part own;
	struct lab_packet_part quote; /* ERROR only */
	struct lab_flow flow; /* FLOW: its own; ERROR: the quote's, as it stands there */
	struct adit_addr src; /* of the IP header, no port */
	struct adit_addr dst;
};

/*
 * Reads the IP packet at |data|, |len| bytes. |offload| (may be NULL: nothing is offloaded) is what came with the frame
 * that has the packet at offset |at|. EPROTO: not a packet: truncated, lengths that lie, an IPv4 header whose checksum
 * is wrong, jumbograms.
 */
ADIT_MUST_CHECK int lab_packet_parse(struct lab_packet *p, uint8_t *data, size_t len, const struct lab_offload *offload,
				     size_t at);

/* A FLOW goes on as |to|: addresses, ports or echo identifier, checksums. The families must be the packet's. */
void lab_packet_rewrite(struct lab_packet *p, const struct lab_flow *to);

/* An ERROR goes on: its quote becomes |to|, its own addresses |src| and |dst| (ports are ignored). */
void lab_packet_requote(struct lab_packet *p, const struct lab_flow *to, const struct adit_addr *src,
			const struct adit_addr *dst);

/* The TTL or hop limit one lower; it must not be 0. */
void lab_packet_age(struct lab_packet *p);

/* How long the longest IP packet is that |p| will be on a wire: a super-packet's segment, else |p| itself. */
size_t lab_packet_wire_len(const struct lab_packet *p, const struct lab_offload *offload);

/* RFC 1071, over |len| bytes: the folded sum, not complemented. |start| is a sum to go on from. */
uint16_t lab_packet_sum(const uint8_t *data, size_t len, uint16_t start);

/* The sum of the pseudo-header: of UDP and TCP (RFC 9293 3.1), and of ICMPv6 (RFC 8200 8.1). */
uint16_t lab_packet_pseudo_sum(const struct adit_addr *src, const struct adit_addr *dst, uint8_t protocol, size_t len);

/* Is the transport checksum right? Whole packets only; partial ones and UDP without one are. */
bool lab_packet_checksum_ok(const struct lab_packet *p);

/* What checksum offload would have done: the whole sum instead of a partial one. */
void lab_packet_finish_checksum(struct lab_packet *p);

#endif
