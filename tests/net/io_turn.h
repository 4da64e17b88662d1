/*
 * Relays alone over the loop, for tests and benches (in the program they are a link's, link_relay.h): drives a turn_set
 * over UDP sockets and TCP or TLS connections, by the server's transport.
 *
 * Start here: io_turn_new() asks the servers at once. TURN_SET_EVENT_READY tells that there are relayed addresses
 * (turn_set_relayed(io_turn_set())); io_turn_permit() lets a peer in; io_turn_send() sends to it; the |data| call
 * brings what peers send. io_turn_end(), then io_turn_free() when TURN_SET_EVENT_ENDED has come (or without waiting for
 * it: the server then keeps the allocation for some minutes).
 */
#ifndef ADIT_IO_TURN_H
#define ADIT_IO_TURN_H

#include <uv.h>

#include "core/turn/turn_set.h"

struct io_turn;

struct io_turn_config {
	struct turn_server servers[TURN_SERVERS_MAX];
	size_t n;
	unsigned families; /* enum turn_families; 0: IPv4 */
	const char *ca_file; /* whom to trust for TLS; NULL: whom the system trusts. Borrowed */
	const struct adit_log *log; /* borrowed; may be NULL */
};

struct io_turn_ops {
	void (*event)(void *ctx, const struct turn_set_event *e);
	/* |d->remote| is the peer, |d->local| the relayed address; good during the call. */
	void (*data)(void *ctx, const struct adit_dgram *d);
	/* io_turn_send() had said EFULL; there is room again. May be NULL. */
	void (*writable)(void *ctx);
	/* Why a connection to |server| failed: words for the user. May be NULL. */
	void (*stream_failed)(void *ctx, const struct turn_server *server, const char *why);
};

/* |cfg| is copied, |ops| and |ctx| are borrowed. EINVAL (turn_set_init()), ENOMEM, ESYS or 0. */
ADIT_MUST_CHECK int io_turn_new(uv_loop_t *loop, const struct io_turn_config *cfg, const struct io_turn_ops *ops,
				void *ctx, struct io_turn **ret_turn);
void io_turn_permit(struct io_turn *t, const struct adit_addr *peer);
void io_turn_forget(struct io_turn *t, const struct adit_addr *peer);
/*
 * As turn_send(): 0, or the datagram (the batch) is lost: EAGAIN, the peer is only now let in; EFULL, the socket has no
 * room (the |writable| call follows over UDP; a slow stream just drops); EINVAL, no allocation.
 */
int io_turn_send(struct io_turn *t, const struct adit_addr *peer, const void *data, size_t len, size_t seg_size);
void io_turn_end(struct io_turn *t);
/* From anywhere, its own calls included; no call comes any more. NULL is fine. */
void io_turn_free(struct io_turn *t);
const struct turn_set *io_turn_set(const struct io_turn *t);
/* Datagrams and requests that a slow connection had no room for. */
uint64_t io_turn_dropped(const struct io_turn *t);

#endif
