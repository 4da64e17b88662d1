/*
 * The packet keys of the established connection (RFC 9001 5), handed to the faster AEAD of the credentials where there
 * is one. The handshake and other ciphers are left to the TLS library.
 *
 * The library keeps a pointer per key and shows it to the callbacks; ours are told from the TLS library's by their
 * lowest bit.
 */
#ifndef ADIT_QUIC_AEAD_H
#define ADIT_QUIC_AEAD_H

#include "quic/quic_shim.h"

/* Puts itself between the TLS session and the library; after ngtcp2_crypto_gnutls_configure_*_session(). */
void quic_aead_watch(gnutls_session_t tls);

/* Callbacks of the library. */
int quic_aead_seal(uint8_t *dest, const ngtcp2_crypto_aead *aead, const ngtcp2_crypto_aead_ctx *ctx,
		   const uint8_t *text, size_t text_len, const uint8_t *nonce, size_t nonce_len, const uint8_t *aad,
		   size_t aad_len);
int quic_aead_open(uint8_t *dest, const ngtcp2_crypto_aead *aead, const ngtcp2_crypto_aead_ctx *ctx,
		   const uint8_t *text, size_t text_len, const uint8_t *nonce, size_t nonce_len, const uint8_t *aad,
		   size_t aad_len);
int quic_aead_update(ngtcp2_conn *conn, uint8_t *rx_secret, uint8_t *tx_secret, ngtcp2_crypto_aead_ctx *rx_ctx,
		     uint8_t *rx_iv, ngtcp2_crypto_aead_ctx *tx_ctx, uint8_t *tx_iv, const uint8_t *old_rx_secret,
		     const uint8_t *old_tx_secret, size_t secret_len, void *user);
void quic_aead_delete(ngtcp2_conn *conn, ngtcp2_crypto_aead_ctx *ctx, void *user);
int quic_aead_hp_mask(uint8_t *dest, const ngtcp2_crypto_cipher *hp, const ngtcp2_crypto_cipher_ctx *ctx,
		      const uint8_t *sample);
void quic_aead_delete_hp(ngtcp2_conn *conn, ngtcp2_crypto_cipher_ctx *ctx, void *user);

#endif
