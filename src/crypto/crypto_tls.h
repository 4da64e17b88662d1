/*
 * The client's end of TLS over any byte stream, without touching it: bytes from the wire come in, bytes for it go out.
 * Certificates are checked against the system's trust store and the name of the server.
 *
 * Start here: crypto_tls_new(), then in turn crypto_tls_feed() with what has arrived, crypto_tls_read() until it says
 * 0, and crypto_tls_out() for what is to be sent. The handshake happens inside crypto_tls_read(); call it once at the
 * start.
 */
#ifndef ADIT_CRYPTO_TLS_H
#define ADIT_CRYPTO_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define CRYPTO_TLS_OUT_MAX (256 * 1024) /* bytes that wait for the wire at most: then nothing more is written */
#define CRYPTO_TLS_WHY_MAX 256 /* bytes of the reason, with its NUL */

struct crypto_tls;

struct crypto_tls_config {
	const char *host; /* a name or a numeric address: what the certificate must be for */
	const char *ca_file; /* PEM; NULL: the system's trust store */
	const char *alpn; /* one protocol; NULL: none */
};

/* The strings are copied. EINVAL: the file holds no certificate; ENOMEM. */
ADIT_MUST_CHECK int crypto_tls_new(const struct crypto_tls_config *cfg, struct crypto_tls **ret_tls);
/* NULL is fine. */
void crypto_tls_free(struct crypto_tls *t);

/* |data| is borrowed until crypto_tls_read() has said 0; what was fed before must be used up. */
void crypto_tls_feed(struct crypto_tls *t, const uint8_t *data, size_t len);
/* Bytes of the other side: how many; 0: all that was fed is used up; EDEAD: it is over, crypto_tls_why(). */
ADIT_MUST_CHECK int crypto_tls_read(struct crypto_tls *t, uint8_t *buf, size_t cap);
/* All or nothing. EAGAIN: the handshake is not done, or CRYPTO_TLS_OUT_MAX is reached; EDEAD. */
ADIT_MUST_CHECK int crypto_tls_write(struct crypto_tls *t, const uint8_t *data, size_t len);
/* What is to be sent, good until the next call of this module; crypto_tls_sent() takes the first |n| bytes away. */
const uint8_t *crypto_tls_out(struct crypto_tls *t, size_t *ret_len);
void crypto_tls_sent(struct crypto_tls *t, size_t n);
/* Says goodbye (close_notify) into the output. */
void crypto_tls_bye(struct crypto_tls *t);

/* The server has proved who it is, and data may be written. */
bool crypto_tls_is_up(const struct crypto_tls *t);
/* Why it is over: a sentence without a full stop; never NULL. */
const char *crypto_tls_why(const struct crypto_tls *t);

#endif
