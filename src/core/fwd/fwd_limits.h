/* Every number of the forwarding protocol that travels inside QUIC. Sizes are bytes unless said otherwise. */
#ifndef ADIT_FWD_LIMITS_H
#define ADIT_FWD_LIMITS_H

#include "base/time.h"

/* Versions of this protocol that we speak. */
#define FWD_VERSION_MIN 1
#define FWD_VERSION_MAX 1

#define FWD_SESSION_ID_LEN 16 /* random: two of them never meet */
#define FWD_SECRET_ID_LEN  4 /* as in a ticket */
#define FWD_PROOF_LEN      32 /* HMAC-SHA256 */

/* Room for tens of TLVs of later versions; with its QUIC frame still in the first packet after the handshake. */
#define FWD_HELLO_MAX 1024

/* The contract with users: [a-z0-9-]{1,32}. */
#define FWD_NAME_MAX 32
/* One ticket's services. The list is sent once per connection: at most seven packets. */
#define FWD_SERVICES_MAX 256
/* Why we were refused, in the peer's words: two lines of a terminal. */
#define FWD_SENTENCE_MAX 200
/* Fixed part, sentence, all services {id 2, kind 1, port 2, length 1, name 32}, and 1 KB for TLVs of later versions. */
#define FWD_WELCOME_MAX (2 + 2 + 1 + FWD_SENTENCE_MAX + 54 + FWD_SERVICES_MAX * (6 + FWD_NAME_MAX) + 1024)

/* TLVs of one stream header or its answer: paid for each connection, so they are to stay small. */
#define FWD_OPEN_TLVS_MAX 512
#define FWD_OPEN_MAX      (1 + 2 + 2 + FWD_OPEN_TLVS_MAX)
#define FWD_OPENED_MAX    (1 + 2 + FWD_OPEN_TLVS_MAX)

/* A UDP payload over IPv4: 65535 less the IP and UDP headers (RFC 768, RFC 791). */
#define FWD_PAYLOAD_MAX 65507
/* flags, service, flow (a varint of 4: ids below 2^30, or of 8), and for fragments id, index, count */
#define FWD_DGRAM_HEAD_MAX (1 + 2 + 8 + 4)
/* Fragments of one payload: their count is a byte. With 272 bytes a datagram, the largest payload still fits. */
#define FWD_FRAGMENTS_MAX 255

/*
 * A fragment never comes again, and all of one payload are sent in one go: what is missing after this time is lost.
 * Generous, because 64 KB take 10 s on a link of 50 kbit/s.
 */
#define FWD_REASM_TIMEOUT ADIT_SEC(10)
/*
 * Payload numbers of one flow that can be under way at once. Older ones are given up: their numbers (16 bits) come
 * around again, and halves of two payloads must never make one (RFC 4963 is about that in IPv4).
 */
#define FWD_REASM_WINDOW 64

/* RFC 4787 REQ-5: a UDP mapping must not expire in less than two minutes. Ours are mappings, too. */
#define FWD_FLOW_IDLE ADIT_SEC(120)
/* Flow ids stay below, so that they are varints of at most 4 bytes. */
#define FWD_FLOW_ID_END (UINT32_C(1) << 30)

/* Feature bits of hello and welcome. An unknown one is ignored. */
#define FWD_FEATURE_CAN_UNPACK UINT32_C(1) /* knows the blocks of zip/zip.h */
#define FWD_FEATURE_PACK       UINT32_C(2) /* hello: asks for them; welcome: every stream of the session has them */

/* TLV of hello and welcome, {u8}: how many connections the session may have, where that is more than one. */
#define FWD_TLV_CONNECTIONS 1
/* TLV of a stream header, {name}: the service of FWD_OPEN_EARLY. */
#define FWD_OPEN_TLV_SERVICE 1
/* Connections of one session at most: their numbers are three bits of connection ids (quic_limits.h). */
#define FWD_CONNECTIONS_MAX 8

#endif
