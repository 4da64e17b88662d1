/*
 * Virtual paths. The library must see addresses, and must see a migration where there is one and nowhere else; real
 * addresses of two NATed peers would show it the opposite. So every path is a number to it, written as the IPv4 address
 * 0.0.0.|number| of the client's end; the server's end is constant. Addresses never leave this room.
 *
 * The client's number changes with every quic_migrate(), also to the same path. A server goes where the client's
 * authentic datagrams come from, at once; whether a path is the peer's at all is for the user to know: only proven ones
 * may be handed in. Its number, and with it congestion control, changes only with a fresh connection id, which is how
 * the client says that it migrated: then the library takes a fresh one for its own side too. (Where it does not, 0.12.1
 * retires one twice when the next migration comes soon, and that ends the connection or the process.) On the same path
 * a fresh id matters only while our packets are unanswered: then the wait between probes must start anew. What still
 * comes from a path that was left is shown as the current one (reordering), or, if the current one fell silent, is the
 * client's return.
 */
#ifndef ADIT_QUIC_PATH_H
#define ADIT_QUIC_PATH_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/time.h"
#include "quic/quic_limits.h"
#include "quic/quic_shim.h"

struct quic_route {
	uint32_t path; /* the user's number */
	uint8_t cid[QUIC_CID_LEN];
};

struct quic_paths {
	struct quic_route routes[QUIC_PATHS_MAX]; /* virtual path n is in n % QUIC_PATHS_MAX */
	uint32_t current; /* the newest virtual path */
	bool is_server;
	ngtcp2_path lib; /* what to show the library */
	struct sockaddr_in local;
	struct sockaddr_in remote;

	/* Server. */
	struct quic_route left[QUIC_PATHS_MAX]; /* where the client was before; a ring */
	uint8_t used[QUIC_CIDS_MAX][QUIC_CID_LEN]; /* connection ids the library has seen the client use; a ring */
	unsigned n_left;
	unsigned n_used;
	adit_time heard_at; /* when something came on the current path */
	unsigned unacked; /* virtual paths begun since the last time nothing of ours was unacknowledged */
	unsigned tokens; /* virtual paths that may begin now */
	adit_time token_at; /* when the next one is due */
	bool is_armed; /* a fresh connection id shall begin a virtual path wherever it comes from */
	bool is_moved; /* the path changed and no virtual path began */
	bool is_current; /* the datagram being read came on the current path */
	bool is_trial; /* ... came from elsewhere, and may still be a forgery */
	bool is_shown; /* ... and begins a virtual path, if it is none */
	struct quic_route trial; /* where it came from */
};

void quic_paths_init(struct quic_paths *p, bool is_server, uint32_t path, adit_time now);

/* Client: the next virtual path, over |path|. */
void quic_paths_migrate(struct quic_paths *p, uint32_t path);

/* Takes back the last quic_paths_migrate() or quic_paths_renew(). */
void quic_paths_stay(struct quic_paths *p);

/* The current virtual path leads over |path| from now on, and the library does not notice. */
void quic_paths_move(struct quic_paths *p, uint32_t path);

/* Server: is |path| with |cid| the current one? */
bool quic_paths_is_current(const struct quic_paths *p, uint32_t path, const uint8_t cid[QUIC_CID_LEN]);

/*
 * Server: a datagram of an established connection came over |path| with |cid| as destination: picks the virtual path to
 * show; |lib| is it until quic_paths_judge() says whether the datagram was authentic. A forged one moves nothing.
 */
void quic_paths_heard(struct quic_paths *p, adit_time now, uint32_t path, const uint8_t cid[QUIC_CID_LEN],
		      bool is_stalled);
/* Returns whether a new virtual path has begun. */
bool quic_paths_judge(struct quic_paths *p, adit_time now, bool is_authentic);

/* The connection id that the client uses before any migration. */
void quic_paths_first_cid(struct quic_paths *p, const uint8_t cid[QUIC_CID_LEN]);

/* Everything we sent is acknowledged. */
void quic_paths_settled(struct quic_paths *p);

/* Which virtual path |lib| is; 0: none. */
uint32_t quic_paths_number(const struct quic_paths *p, const ngtcp2_path *lib);

/* Shows the current path as a new one, fresh connection id or not: the library has given up on it. */
void quic_paths_renew(struct quic_paths *p);

/* The user's number of the virtual path |lib|; false where it is too long ago. */
bool quic_paths_user(const struct quic_paths *p, const ngtcp2_path *lib, uint32_t *ret_path);

#endif
