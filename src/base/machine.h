/*
 * What all machines (floors 0-2) share: datagrams in, outputs out, time as a number.
 *
 * A machine has five verbs: input(now, datagram), tick(now), deadline(), output(), event(). It calls nobody, reads
 * no clock and opens no socket; it asks for sockets through its outputs. After any input, tick or command the driver
 * drains the outputs, then the events, then re-arms at the deadline. Extra ticks do nothing. Two drivers exist: io/
 * (libuv) and lab/ (virtual time).
 */
#ifndef ADIT_BASE_MACHINE_H
#define ADIT_BASE_MACHINE_H

#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/time.h"

/* A datagram that arrived. All pointers are good during the input call only. */
struct adit_dgram {
	uint32_t sock; /* the machine's own number for the socket it asked for */
	struct adit_addr local; /* the address that was asked (IP_PKTINFO); port = the socket's */
	struct adit_addr remote; /* who sent it */
	const uint8_t *data;
	size_t len;
	size_t seg_size; /* GRO: |data| holds datagrams of this size, the last may be shorter; 0: it is just one */
};

/* An ICMP error that the socket's error queue delivered (Linux IP_RECVERR, IPV6_RECVERR). */
struct adit_icmp {
	uint32_t sock;
	struct adit_addr remote; /* where our datagram was to go */
	struct adit_addr offender; /* which host complained; port 0 */
	uint8_t type; /* as on the wire, of the family of |remote| */
	uint8_t code;
	const uint8_t *data; /* what the system kept of our datagram's payload */
	size_t len;
};

/*
 * What a socket is. A stream is a connection to |remote|: the driver tells the machine's sock_up verb when bytes can
 * flow, sock_down when they cannot any more (the machine then closes it); a SEND is bytes, written whole or not at all;
 * what comes is cut into frames first (core/turn/turn_frame.h), each an input.
 */
enum adit_sock_kind {
	ADIT_SOCK_UDP,
	ADIT_SOCK_TCP,
	ADIT_SOCK_TLS,
};

enum adit_out_kind {
	ADIT_OUT_OPEN, /* |sock|, |sock_kind|; UDP: |local.family|, |local.port| (0: any); streams: |remote|, |host| */
	ADIT_OUT_SEND, /* send |data| from |sock| to |remote| */
	ADIT_OUT_CLOSE, /* close |sock|; its number may be used again */
};

/*
 * One thing for the driver to do, in order. |data| is good until the next call of the same machine.
 * An OPEN that fails is reported back by the machine's sock_failed verb; a SEND that fails is a lost packet.
 */
struct adit_out {
	enum adit_out_kind kind;
	uint32_t sock;
	struct adit_addr local; /* SEND: the source address to use; family NONE: the system chooses */
	struct adit_addr remote;
	const uint8_t *data;
	size_t len;
	size_t seg_size; /* GSO: cut |data| into datagrams of this size; 0: it is one datagram */
	uint8_t ttl; /* IP TTL or hop limit of this datagram; 0: the system's */
	enum adit_sock_kind sock_kind; /* OPEN */
	const char *host; /* OPEN of TLS: what the certificate must name; "": the address. Good as |data| is */
};

/* The verbs as a table, for drivers that run any machine. |self| is the machine. */
struct adit_machine_ops {
	void (*input)(void *self, adit_time now, const struct adit_dgram *dgram);
	void (*icmp)(void *self, adit_time now, const struct adit_icmp *icmp); /* may be NULL */
	void (*sock_failed)(void *self, adit_time now, uint32_t sock); /* may be NULL */
	void (*tick)(void *self, adit_time now);
	void (*set_utc)(void *self, adit_time now, adit_utc utc); /* may be NULL */
	adit_time (*deadline)(const void *self);
	/* 1: |ret_out| is filled; 0: nothing to do. */
	int (*output)(void *self, adit_time now, struct adit_out *ret_out);
};

#endif
