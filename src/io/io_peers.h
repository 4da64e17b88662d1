/*
 * The tickets of others under names of one's own, with options for meeting them. What the options mean is the command
 * line's business: here they are pairs of words.
 */
#ifndef ADIT_IO_PEERS_H
#define ADIT_IO_PEERS_H

#include "core/trust/trust_limits.h"
#include "io/io_state.h"

struct io_peer_option {
	char name[24];
	char value[320];
};

/* Large: 35 KB. */
struct io_peer {
	char name[TRUST_NAME_MAX + 1];
	char ticket[TRUST_TICKET_TEXT_MAX + 1];
	struct io_peer_option options[IO_PEER_OPTIONS];
	size_t n_options;
};

/* Appends an option. ADIT_EFULL. */
ADIT_MUST_CHECK int io_peer_add_option(struct io_peer *p, const char *name, const char *value);

/* Called for each saved peer in the order they were added; |peer| is good during the call. */
typedef void io_peers_each_fn(void *ctx, const struct io_peer *peer);

/*
 * The store as pure text; the lines that were passed over are added to |damage|. EINVAL, EVERSION: the head (nothing
 * was called); ENOMEM.
 */
ADIT_MUST_CHECK int io_peers_parse(const char *text, size_t len, io_peers_each_fn *each, void *ctx,
				   struct io_damage *damage);

/* |damage| is set afresh, by io_peers_get() too. */
ADIT_MUST_CHECK int io_peers_each(const struct io_state *st, io_peers_each_fn *each, void *ctx,
				  struct io_damage *damage, struct io_why *why);

/* ADIT_ENOENT: no such name. */
ADIT_MUST_CHECK int io_peers_get(const struct io_state *st, const char *name, struct io_peer *ret_peer,
				 struct io_damage *damage, struct io_why *why);
/* ADIT_EIGNORED: the name is saved already; ADIT_EFULL: IO_PEERS_MAX, or too long a record. */
ADIT_MUST_CHECK int io_peers_add(struct io_state *st, const struct io_peer *peer, struct io_why *why);
/* ADIT_ENOENT: no such name. */
ADIT_MUST_CHECK int io_peers_remove(struct io_state *st, const char *name, struct io_why *why);

#endif
