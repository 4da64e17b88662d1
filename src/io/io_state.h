/*
 * The state directory: what an installation keeps between runs. Start here; io_store.h has the format of the stores,
 * io_tickets.h, io_peers.h and io_memory.h what is in them.
 *
 *	identity   the key pair of this installation (0600)
 *	tickets    labels and their secrets
 *	peers      tickets of others, with how to meet
 *	ports      which free port a service got here
 *	horizons   how far the probes of a label were seen
 *	clocks     how wrong a peer's clock is
 *	ways       what was learnt about the way to a peer
 *	lives      how long NATs on the way to a peer keep an idle flow
 *	mediators  which ones serve used last, for tickets that are made meanwhile
 *	serve.lock held while a serve runs; holds its process id
 *	lock       held for the moment of changing a store
 *
 * The directory belongs to one user and is closed to all others (0700); anything looser is refused, for whoever reads a
 * secret here is this installation. Every change replaces the whole file, under the lock: any number of commands may
 * run at once, and a crash leaves the old or the new.
 *
 * Functions that fail return a code and fill |why|: ADIT_ESYS (the system), ADIT_EINVAL (content that makes no sense),
 * ADIT_EVERSION (content of a later version), ADIT_EAGAIN (somebody else holds the lock), ADIT_ENOMEM.
 */
#ifndef ADIT_IO_STATE_H
#define ADIT_IO_STATE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "base/err.h"
#include "base/time.h"
#include "crypto/crypto_identity.h"
#include "io/io_file.h"
#include "io/io_state_limits.h"
#include "io/io_store.h"

struct io_state {
	char dir[PATH_MAX];
	int fd; /* of the directory */
	int lock_fd; /* of "lock", -1 while not held */
	int serve_fd; /* of "serve.lock", -1 while not held */
	bool as_owner; /* root has become the directory's owner */
	uint64_t tag; /* names this directory among others on the machine, see io_state_socket() */
	adit_dur lock_wait; /* IO_LOCK_WAIT; tests are less patient */
};

/*
 * Opens the directory, making it if need be. |option| is --state or NULL; then ADIT_STATE, $STATE_DIRECTORY (systemd:
 * the first of several), $XDG_STATE_HOME/adit, ~/.local/state/adit decide.
 */
ADIT_MUST_CHECK int io_state_open(struct io_state *st, const char *option, struct io_why *why);
/*
 * Likewise, for commands that end soon: root that names a directory of another user, by |option| or ADIT_STATE, becomes
 * that user for the rest of the process.
 */
ADIT_MUST_CHECK int io_state_open_as_owner(struct io_state *st, const char *option, struct io_why *why);
/* Gives back whatever lock is held. NULL and a failed one are fine. */
void io_state_close(struct io_state *st);

/* This installation's key pair; made at the first call ever. */
ADIT_MUST_CHECK int io_state_identity(struct io_state *st, struct crypto_identity *ret_id, struct io_why *why);

/* Takes the lock of the one serve, until close. ADIT_EAGAIN: another process holds it, |why| says which. */
ADIT_MUST_CHECK int io_state_lock_serve(struct io_state *st, struct io_why *why);

/*
 * Where control sockets live: $RUNTIME_DIRECTORY, $XDG_RUNTIME_DIR/adit, else the state directory; made if need be, and
 * as private. Writes the path of the socket |name|, which differs between state directories.
 */
ADIT_MUST_CHECK int io_state_socket(const struct io_state *st, const char *name, char ret_path[IO_SOCKET_PATH_MAX + 1],
				    struct io_why *why);
/* The directory of all of them, and what their names start with. */
#define IO_SOCKET_PREFIX_LEN 24
ADIT_MUST_CHECK int io_state_sockets(const struct io_state *st, char ret_dir[PATH_MAX],
				     char ret_prefix[IO_SOCKET_PREFIX_LEN], struct io_why *why);

/* Which version of a store was read. All zeroes: none yet. */
struct io_stamp {
	bool exists;
	uint64_t dev;
	uint64_t ino;
	int64_t size;
	struct timespec mtime;
	struct timespec ctime;
};

/*
 * Has the store of tickets changed since |stamp|, which is brought up to date? One stat(): cheap enough for every
 * second. The first call says yes. To be asked before the store is read.
 */
bool io_state_tickets_changed(const struct io_state *st, struct io_stamp *stamp);

/* The content of a store; empty where it does not exist yet. The caller's io_text_done(). */
ADIT_MUST_CHECK int io_state_read(const struct io_state *st, const char *name, struct io_text *ret_text,
				  struct io_why *why);

/* Around every read, decide and change of a store. ADIT_EAGAIN: held by another for IO_LOCK_WAIT. */
ADIT_MUST_CHECK int io_state_lock(struct io_state *st, struct io_why *why);
void io_state_unlock(struct io_state *st);

/* io_store_edit() on the store |name|, whose content is |text|; the lock is held. */
ADIT_MUST_CHECK int io_state_edit(struct io_state *st, const char *name, const struct io_text *text, const char *record,
				  const char *new_record, size_t max, struct io_why *why);

/* Fills |why| for a store whose head is of another kind or version; returns |err|. */
int io_state_bad_store(const struct io_state *st, const char *name, int err, struct io_why *why);

#endif
