/* Packets for the tests of the box's router: built field by field, so that a codec is not tested with itself. */
#ifndef ADIT_LAB_PACKET_RIG_H
#define ADIT_LAB_PACKET_RIG_H

#include <string.h>

#include "lab/lab_packet.h"

static inline uint16_t rig_sum(const uint8_t *p, size_t len, uint32_t sum)
{
	for (size_t i = 0; i < len; i++)
		sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

static inline void rig_put(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

/* Checksum of a transport whose field at |at| is zero, over its pseudo-header (none for ICMP). */
static inline void rig_finish(uint8_t *ip, size_t header, uint8_t protocol, size_t at, size_t len)
{
	uint32_t sum = 0;

	if (protocol != LAB_IP_ICMP) {
		sum = (uint32_t)protocol + (uint32_t)len;
		sum = header == 20 ? rig_sum(ip + 12, 8, sum) : rig_sum(ip + 8, 32, sum);
	}
	rig_put(ip + header + at, (uint16_t)~rig_sum(ip + header, len, sum));
}

/* An IP header over |len| bytes of transport at |ip| + 20 or 40; returns the packet's length. */
static inline size_t rig_ip(uint8_t *ip, const struct adit_addr *src, const struct adit_addr *dst, uint8_t protocol,
			    uint8_t ttl, size_t len)
{
	if (src->family == ADIT_FAMILY_V6) {
		memset(ip, 0, 40);
		ip[0] = 0x60;
		rig_put(ip + 4, (uint16_t)len);
		ip[6] = protocol;
		ip[7] = ttl;
		memcpy(ip + 8, src->ip, 16);
		memcpy(ip + 24, dst->ip, 16);
		return 40 + len;
	}
	memset(ip, 0, 20);
	ip[0] = 0x45;
	rig_put(ip + 2, (uint16_t)(20 + len));
	ip[8] = ttl;
	ip[9] = protocol;
	memcpy(ip + 12, src->ip, 4);
	memcpy(ip + 16, dst->ip, 4);
	rig_put(ip + 10, (uint16_t)~rig_sum(ip, 20, 0));
	return 20 + len;
}

/* UDP, TCP or echo request with |n| bytes of payload, whole and right. Ports from the addresses; echo: id of |src|. */
static inline size_t rig_packet(uint8_t *ip, const struct adit_addr *src, const struct adit_addr *dst, uint8_t protocol,
				uint8_t ttl, size_t n)
{
	bool v6 = src->family == ADIT_FAMILY_V6;
	bool icmp = protocol == LAB_IP_ICMP || protocol == LAB_IP_ICMPV6;
	size_t header = v6 ? 40 : 20;
	size_t l4 = protocol == LAB_IP_TCP ? 20 : 8;
	uint8_t *t = ip + header;
	size_t len;

	memset(t, 0, l4);
	for (size_t i = 0; i < n; i++)
		t[l4 + i] = (uint8_t)(i * 7 + 1);
	if (icmp) {
		t[0] = v6 ? 128 : 8;
		rig_put(t + 4, src->port);
	} else {
		rig_put(t, src->port);
		rig_put(t + 2, dst->port);
	}
	if (protocol == LAB_IP_UDP)
		rig_put(t + 4, (uint16_t)(8 + n));
	if (protocol == LAB_IP_TCP) {
		t[12] = 5 << 4;
		t[13] = LAB_TCP_SYN;
	}
	len = rig_ip(ip, src, dst, protocol, ttl, l4 + n);
	rig_finish(ip, header, protocol, icmp ? 2 : protocol == LAB_IP_TCP ? 16 : 6, l4 + n);
	return len;
}

/* An ICMP error of |type|, |code| from |src| to |dst| that quotes |n| bytes of |quote|. */
static inline size_t rig_error(uint8_t *ip, const struct adit_addr *src, const struct adit_addr *dst, uint8_t type,
			       uint8_t code, const uint8_t *quote, size_t n)
{
	bool v6 = src->family == ADIT_FAMILY_V6;
	size_t header = v6 ? 40 : 20;
	uint8_t protocol = v6 ? LAB_IP_ICMPV6 : LAB_IP_ICMP;
	size_t len;

	memset(ip + header, 0, 8);
	ip[header] = type;
	ip[header + 1] = code;
	memcpy(ip + header + 8, quote, n);
	len = rig_ip(ip, src, dst, protocol, 60, 8 + n);
	rig_finish(ip, header, protocol, 2, 8 + n);
	return len;
}

static inline struct adit_addr rig_v6(uint8_t net, uint8_t host, uint16_t port)
{
	uint8_t ip[16] = {0x20, 0x01, 0x0d, 0xb8, net, [15] = host};

	return adit_addr_v6(ip, port);
}

#endif
