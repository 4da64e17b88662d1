/*
 * Every number of the lab, with its unit and where it comes from. "Linux" is 5.10 to 6.18 at its defaults; the files
 * named are of its source tree.
 */
#ifndef ADIT_LAB_LIMITS_H
#define ADIT_LAB_LIMITS_H

#include "base/time.h"

/* nf_conntrack_udp_timeout, nf_conntrack_udp_timeout_stream. */
#define LAB_UDP_UNREPLIED ADIT_SEC(30)
#define LAB_UDP_REPLIED   ADIT_SEC(120)

/* nf_conntrack_icmp_timeout: of an echo request and its answers. */
#define LAB_PING_TIMEOUT ADIT_SEC(30)

/*
 * nf_conntrack_tcp_timeout_syn_sent, _established, _time_wait, _close: of a flow without an answer, with one, after a
 * FIN, after a RST.
 */
#define LAB_TCP_UNREPLIED ADIT_SEC(120)
#define LAB_TCP_REPLIED   ADIT_SEC(432000)
#define LAB_TCP_FINISHED  ADIT_SEC(120)
#define LAB_TCP_RESET     ADIT_SEC(10)

/* An entry younger than this keeps the short time-out even when it was answered (nf_conntrack_proto_udp.c). */
#define LAB_UDP_STREAM_AGE ADIT_SEC(2)

/* Ports tried in a row from a random start before another start is drawn; halved each round down to the minimum
 * (nf_nat_core.c). */
#define LAB_PORT_TRIES     128u
#define LAB_PORT_TRIES_MIN 16u

/* net.ipv4.icmp_ratelimit: one error a second to one destination, six at once (XRLIM_BURST_FACTOR in route.c). */
#define LAB_ICMP_INTERVAL ADIT_SEC(1)
#define LAB_ICMP_BURST    6u

/* Payload bytes quoted in an ICMP error: 576 (RFC 1812 4.3.2.3) less two IPv4 headers, one ICMP and one UDP header. */
#define LAB_ICMP_QUOTE 520u

/* net.ipv4.ip_default_ttl, and what an IPv6 host uses. */
#define LAB_TTL 64u

/* net.ipv4.ip_local_port_range. */
#define LAB_PORT_FIRST 32768u
#define LAB_PORT_LAST  60999u

/* The largest UDP payload over IPv4: 65535 - 20 - 8. */
#define LAB_DGRAM_MAX 65507u

/* A machine may be due this often at one instant; more is a machine that never lets the time go on. */
#define LAB_SPIN_MAX 10000u

/* Rounds of "outputs, then events" after one call; more is a machine and its owner that keep each other busy for ever.
 */
#define LAB_DRAIN_MAX 100000u

/* Virtual time starts here in UTC (2026-01-01T00:00:00Z), and a host was booted at most this long before it. */
#define LAB_UTC_START UINT64_C(1767225600000000000)
#define LAB_BOOT_MAX  ADIT_SEC(30u * 86400u)

#define LAB_PPM 1000000u

/* Headers: IPv4 without options, IPv6, UDP (ICMP's is as long), the IPv6 fragment header (RFC 8200 4.5). */
#define LAB_IP4_HEADER  20u
#define LAB_IP6_HEADER  40u
#define LAB_UDP_HEADER  8u
#define LAB_FRAG_HEADER 8u

/* The smallest MTUs there are: RFC 791 (68), RFC 8200 5 (1280). */
#define LAB_MTU4_MIN 68u
#define LAB_MTU6_MIN 1280u

/* net.ipv4.ipfrag_time; and how many fragments are kept at most, far fewer than its ipfrag_high_thresh of 4 MiB. */
#define LAB_FRAG_TIME ADIT_SEC(30)
#define LAB_FRAGS_MAX 256u

/* Where a rate is set and no queue is: as much as the rate sends in this time, about what home routers have. */
#define LAB_QUEUE_TIME ADIT_MS(100)

#endif
