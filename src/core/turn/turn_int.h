/*
 * What the files of this room share. turn.c has the states and the socket, turn_request.c what every request has in
 * common; one file each for what they are about: turn_allocate.c, turn_refresh.c, turn_peer.c (permissions, channels),
 * turn_data.c.
 */
#ifndef ADIT_TURN_INT_H
#define ADIT_TURN_INT_H

#include "core/turn/turn.h"

/* Which request a transaction is; the index of a permission or channel stands in the low byte. */
enum turn_tag {
	TURN_TAG_ALLOCATE = 0x100,
	TURN_TAG_REFRESH = 0x200,
	TURN_TAG_RELEASE = 0x300,
	TURN_TAG_PERMIT = 0x400,
	TURN_TAG_BIND = 0x500,
	TURN_TAG_KEEP = 0x600,
	TURN_TAG_KIND = 0xff00,
};

/* --- turn.c --- */

void turn_set_state(struct turn *t, enum turn_state state);
void turn_push(struct turn *t, const struct turn_event *e);
/* Opens a socket or connection to |server|, in place of what there was, and asks there. */
void turn_reconnect(struct turn *t);
/* It is over, for |why|; |code| of a STUN error, or 0. */
void turn_fail(struct turn *t, enum turn_why why, unsigned code);
/* The server has taken the allocation back, as far as we will ever know. */
void turn_released(struct turn *t);
static inline bool turn_is_stream(const struct turn *t)
{
	return t->server.transport != TURN_UDP;
}

/* --- turn_request.c --- */

void turn_request_init(struct turn *t);
/* Opens a request under the current credentials. EFULL: no transaction is free. */
ADIT_MUST_CHECK int turn_request_begin(struct turn *t, uint32_t tag, struct stun_build *ret_build,
				       struct stun_tx **ret_tx);
/* EFULL: the credentials make it too long. */
ADIT_MUST_CHECK int turn_request_send(struct turn *t, struct stun_tx *tx, struct stun_build *b);
/* How any request has ended: to whom it belongs, or, with a new nonce, once more. */
void turn_result(struct turn *t, const struct stun_result *r);
/* The server answered, or sent something. */
void turn_heard(struct turn *t);

/* --- turn_allocate.c --- */

void turn_allocate(struct turn *t);
void turn_allocate_result(struct turn *t, const struct stun_result *r);

/* --- turn_refresh.c --- */

/* There is an allocation: |m| says for how long. */
void turn_refresh_begin(struct turn *t, const struct stun_msg *m);
/* Asks for |lifetime| seconds more; 0, with TURN_TAG_RELEASE, gives it back. */
void turn_refresh(struct turn *t, uint32_t tag, uint32_t lifetime);
void turn_refresh_result(struct turn *t, const struct stun_result *r);
/* The same of TURN_TAG_KEEP, which holds our own NAT's mapping and shows whether it is another one. */
void turn_keep_result(struct turn *t, const struct stun_result *r);
/* READY alone, both. */
void turn_refresh_tick(struct turn *t);
adit_time turn_refresh_deadline(const struct turn *t);

/* --- turn_peer.c --- */

/* A new allocation: the permissions that are wanted are asked for anew, channels when data flow again. */
void turn_peers_reset(struct turn *t);
/* Asks for what is due. */
void turn_peers_tick(struct turn *t);
adit_time turn_peers_deadline(const struct turn *t);
/*
 * May what is at |from| make us send to |to|? A redirection must not make us knock at what only we can reach, nor a
 * peer make a relay knock in its own network: a public address leads to public ones, a private one to private ones too,
 * and nothing leads to loopback, unless it is there itself, or to multicast.
 */
bool turn_may_lead(const struct adit_addr *from, const struct adit_addr *to);
/* No peer of a relay's where ours is: counted. */
bool turn_is_beyond(struct turn *t, const struct adit_addr *peer);
struct turn_permit *turn_permit_find(struct turn *t, const struct adit_addr *peer);
bool turn_permit_is_open(const struct turn *t, const struct turn_permit *p);
struct turn_channel *turn_channel_find(struct turn *t, const struct adit_addr *peer);
struct turn_channel *turn_channel_of(struct turn *t, uint16_t number);
/* A datagram goes to |peer|: counts, and binds a channel when it is time. The channel where it is bound, else NULL. */
struct turn_channel *turn_channel_use(struct turn *t, const struct adit_addr *peer);
/* How a permission's or a channel's request has ended. A new nonce (|code| 438) is not among it. */
void turn_peers_result(struct turn *t, uint32_t tag, const struct stun_result *r);
/* The nonce was renewed: ask again. */
void turn_peers_again(struct turn *t, uint32_t tag);

/* --- turn_data.c --- */

/* Malformed, from a stranger, ...: counted. Data for the user are left to turn_data(). */
void turn_data_note(struct turn *t, const struct adit_dgram *d);
/* The next part of what turn_send() has written, at most a batch of the system's. */
int turn_data_output(struct turn *t, struct adit_out *ret_out);

#endif
