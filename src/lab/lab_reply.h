/*
 * The packets that a router makes itself: ICMP errors, echo replies, TCP resets, fragments, and the ARP and
 * neighbour-discovery frames with which neighbours find each other. Pure: bytes into a buffer of the caller.
 */
#ifndef ADIT_LAB_REPLY_H
#define ADIT_LAB_REPLY_H

#include "lab/lab_packet.h"

#define LAB_MAC 6u /* bytes */
#define LAB_ETH 14u /* bytes: destination, source, type */

/* EtherTypes (IEEE 802). */
#define LAB_ETH_IPV4 0x0800u
#define LAB_ETH_ARP  0x0806u
#define LAB_ETH_IPV6 0x86ddu

/* Bytes: an ICMPv6 error may have 1280 (RFC 4443 3.1), an IPv4 one 576 (RFC 1812 4.3.2.3). */
#define LAB_REPLY_MAX 1280u

enum lab_reply_error {
	LAB_REPLY_TTL, /* time exceeded in transit */
	LAB_REPLY_PORT, /* port unreachable */
	LAB_REPLY_HOST, /* host (address) unreachable */
	LAB_REPLY_TOO_BIG, /* fragmentation needed and DF set; packet too big */
};

/*
 * An ICMP error about |about|, which must be as it arrived, from |from| to its sender. |mtu| is for TOO_BIG. Returns
 * its length; 0: RFC 1812 4.3.2.7 and RFC 4443 2.4 (e) allow none (about errors, later fragments, multicast).
 */
size_t lab_reply_error(const struct lab_packet *about, enum lab_reply_error what, unsigned mtu,
		       const struct adit_addr *from, uint8_t buf[LAB_REPLY_MAX]);

/* Turns an echo request into its reply where it lies. False: it is no whole echo request. */
bool lab_reply_echo(struct lab_packet *p);

/* The RST that a closed port sends (RFC 9293 3.10.7.1); its length, 0: none (about a RST or a fragment). */
size_t lab_reply_reset(const struct lab_packet *about, uint8_t buf[LAB_REPLY_MAX]);

/*
 * IPv4: the fragment of |p| that fits |mtu| and begins at payload byte |*at| (0 first), which is moved on. Returns its
 * length, 0: that was all. |buf| has |mtu| bytes. |p| must not be partial; what is a fragment already may be cut again.
 */
size_t lab_reply_fragment(const struct lab_packet *p, unsigned mtu, size_t *at, uint8_t *buf);

/* What ARP (RFC 826) and neighbour discovery (RFC 4861) say: who has |target|, or that |target| is at |mac|. */
struct lab_whois {
	enum {
		LAB_WHOIS_ASK,
		LAB_WHOIS_TELL,
	} kind;
	struct adit_addr target; /* ASK: who is looked for; TELL: who tells */
	struct adit_addr sender; /* ASK: who asks; NONE: nobody yet (a probe for duplicates) */
	uint8_t mac[LAB_MAC]; /* the sender's, or the target's of TELL */
};

/* Reads an ARP or neighbour-discovery frame. EIGNORED: it is another frame; EPROTO: a malformed one. */
ADIT_MUST_CHECK int lab_whois_parse(const uint8_t *frame, size_t len, struct lab_whois *ret_w);

/* The frame that asks for |target| on behalf of |own|; returns its length, at most LAB_WHOIS_MAX. */
#define LAB_WHOIS_MAX 86u
size_t lab_whois_ask(const struct adit_addr *target, const struct adit_addr *own, const uint8_t mac[LAB_MAC],
		     uint8_t buf[LAB_WHOIS_MAX]);

/* The answer to |asked|: its target is at |mac|. */
size_t lab_whois_tell(const struct lab_whois *asked, const uint8_t mac[LAB_MAC], uint8_t buf[LAB_WHOIS_MAX]);

/* The link-local address of an interface: fe80::/64 and the modified EUI-64 (RFC 4291 appendix A). */
struct adit_addr lab_link_local(const uint8_t mac[LAB_MAC]);

#endif
