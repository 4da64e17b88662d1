/*
 * Virtual paths. The library must see addresses, and must see a migration where there is one and nowhere else; real
 * addresses of two NATed peers would show it the opposite. So every path is a number to it, written as the IPv4 address
 * 0.0.0.|number| of the client's end; the server's end is constant. Addresses never leave this room.
 *
 * The client's number changes with every quic_migrate(), also to the same path. The server's changes when datagrams
 * come with another path of its user, or with another connection id: that is how the client says that it migrated. A
 * path that was left is never shown to the library again: what still arrives there is shown as the current one
 * (reordering), or, if the current one fell silent, as a new one.
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
	adit_time heard_at; /* when something came on it */
	unsigned unacked; /* migrations since the last time nothing of ours was unacknowledged */
	bool is_server;
	bool is_armed; /* the next authentic datagram begins a new virtual path */
	bool is_shown; /* the trial, if authentic, will begin one */
	bool is_trial; /* |lib| is shown for a datagram that may still be a forgery */
	bool is_current; /* that datagram came on the current path */
	struct quic_route trial; /* where it came from */
	struct sockaddr_in local;
	struct sockaddr_in remote;
	ngtcp2_path lib; /* the current one, for the library */
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

/* Shows the current path as a new one: the library has given up on it. */
void quic_paths_renew(struct quic_paths *p);

/* The user's number of the virtual path |lib|; false where it is too long ago. */
bool quic_paths_user(const struct quic_paths *p, const ngtcp2_path *lib, uint32_t *ret_path);

#endif
