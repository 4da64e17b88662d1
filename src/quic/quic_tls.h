/* TLS 1.3 with raw public keys (RFC 7250, RFC 8446) for a connection: GnuTLS stays behind this header. */
#ifndef ADIT_QUIC_TLS_H
#define ADIT_QUIC_TLS_H

#include <gnutls/gnutls.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "quic/quic.h"

/* Makes the session of |q| (its |server|, |has_pin|, |pin| and |conn_ref| are set). ENOMEM. */
ADIT_MUST_CHECK int quic_tls_new(struct quic *q, struct quic_creds *creds);
void quic_tls_free(struct quic *q);

/* After the handshake: did both sides agree on our protocol, and did the peer show its key? */
bool quic_tls_is_complete(const struct quic *q);

/*
 * As if the processor had AES instructions or not; quic_creds_new() has asked the real one. Before the first
 * connection, and before it is shared. ENOMEM.
 */
ADIT_MUST_CHECK int quic_creds_set_aes(struct quic_creds *c, bool has_aes);

/* Static. */
const char *quic_tls_cipher(const struct quic *q);

#endif
