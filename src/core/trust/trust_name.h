/*
 * Names that people type, and text that comes from peers and goes to a terminal.
 */
#ifndef ADIT_TRUST_NAME_H
#define ADIT_TRUST_NAME_H

#include <stdbool.h>
#include <stddef.h>

#include "core/trust/trust_limits.h"

/* [a-z0-9-]{1,32}: services, ticket labels, saved peers. |len| without NUL. */
bool trust_name_is_valid(const char *name, size_t len);

/* A host name or address with an optional port, as far as its characters go: [A-Za-z0-9.:_[]-]{1,255}. */
bool trust_name_is_host(const char *host, size_t len);

/*
 * The one spelling of a mediator, which both sides derive the rendezvous id from: lower case (RFC 4343), numeric
 * addresses as adit_addr_format() writes them, no port that is TRUST_MEDIATOR_PORT anyway.
 */
void trust_name_spell_host(const char *host, char ret_host[TRUST_HINT_MAX + 1]);

/*
 * Makes |len| bytes from a peer safe to print: |dst| gets valid UTF-8 and a NUL, at most |cap| bytes, cut between
 * characters. Each byte that is not part of valid UTF-8 becomes a '?', and so does each character that moves the
 * cursor, starts an escape sequence, breaks the line, or reorders or hides what stands around it. Returns the length.
 * |cap| > 0.
 */
size_t trust_text_safe(const void *src, size_t len, char *dst, size_t cap);

/*
 * The name among |names| that |name| was probably meant to be: at most a third of its letters (one at least) inserted,
 * dropped, changed or swapped with their neighbour; the nearest, the first of equals. NULL where none is near.
 */
const char *trust_name_suggest(const char *name, const char *const *names, size_t n_names);

#endif
