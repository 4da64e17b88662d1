/*
 * Identities and tickets, as text. Both are the program's own: `adit serve` and `adit connect` take and print the same.
 *
 *   identity   an Ed25519 key pair (RFC 8032): who somebody is. Secret; keep it as private as an SSH key. It is what
 *              the program keeps in its file "identity".
 *   ticket     what the connect side needs: the serve side's public key and a secret of its own, a bearer capability
 *              on one line. A ticket without a secret admits known keys only.
 *
 * Buffers have the stated size; what is written ends with a NUL. Wipe identities and tickets that you do not need.
 */
#ifndef ADIT_TICKET_H
#define ADIT_TICKET_H

#include <adit/adit.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ADIT_IDENTITY_STRLEN 160
#define ADIT_PUBLIC_STRLEN   64
#define ADIT_TICKET_STRLEN   768

/* Makes a new one: two short lines. */
ADIT_API void adit_identity_new(char ret_identity[ADIT_IDENTITY_STRLEN]);
/*
 * The public half, "ed25519 BASE32", as `adit id` prints and an --allow file has it. ADIT_EINVAL: |identity| is
 * damaged; ADIT_EVERSION: a later version wrote it.
 */
ADIT_API ADIT_MUST_CHECK int adit_identity_public(const char *identity, char ret_public[ADIT_PUBLIC_STRLEN]);

/*
 * A new ticket of |identity|. |by_key|: without a secret, for keys that the serve side admits (config.allow). Codes as
 * adit_identity_public().
 */
ADIT_API ADIT_MUST_CHECK int adit_ticket_new(const char *identity, bool by_key, char ret_ticket[ADIT_TICKET_STRLEN]);
#define ADIT_HOST_STRLEN 256

/*
 * Writes a mediator's "host" or "host:port" into it (without a port it is 3478), in the one spelling that both sides
 * use: lower case, no port that is 3478 anyway. ADIT_EFULL: no room; else as adit_ticket_check(). */
ADIT_API ADIT_MUST_CHECK int adit_ticket_add_mediator(char ticket[ADIT_TICKET_STRLEN], const char *host);
/* The |index|-th of its mediators, from 0. ADIT_ENOENT: it has no more; else as adit_ticket_check(). */
ADIT_API ADIT_MUST_CHECK int adit_ticket_mediator(const char *ticket, size_t index, char ret_host[ADIT_HOST_STRLEN]);
/*
 * Is it one? White space and upper case are fine. 0; ADIT_EINVAL: no ticket at all; ADIT_ECHECKSUM: damaged or cut on
 * its way; ADIT_EVERSION: undamaged, but newer than this library.
 */
ADIT_API ADIT_MUST_CHECK int adit_ticket_check(const char *ticket);

#ifdef __cplusplus
}
#endif

#endif
