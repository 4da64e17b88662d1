#include "crypto/crypto_tls.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#include "base/addr.h"

/* Largest plaintext of a record, RFC 8446 5.1; gnutls_record_send() takes no more at once. */
#define RECORD_MAX 16384
/* What a record adds at most: header, type, tag, RFC 8446 5.2; older versions have an explicit nonce of 8 too. */
#define RECORD_OVERHEAD 64

struct crypto_tls {
	gnutls_session_t session;
	gnutls_certificate_credentials_t cred;
	char *host;
	const uint8_t *in;
	size_t in_len;
	uint8_t *out;
	size_t out_len;
	bool is_up;
	bool is_dead;
	char why[CRYPTO_TLS_WHY_MAX];
};

static ssize_t pull(gnutls_transport_ptr_t ptr, void *buf, size_t len)
{
	struct crypto_tls *t = ptr;

	if (t->in_len == 0) {
		gnutls_transport_set_errno(t->session, EAGAIN);
		return -1;
	}
	if (len > t->in_len)
		len = t->in_len;
	memcpy(buf, t->in, len);
	t->in += len;
	t->in_len -= len;
	return (ssize_t)len;
}

static ssize_t push(gnutls_transport_ptr_t ptr, const void *data, size_t len)
{
	struct crypto_tls *t = ptr;

	if (len > CRYPTO_TLS_OUT_MAX - t->out_len) {
		gnutls_transport_set_errno(t->session, EAGAIN);
		return -1;
	}
	memcpy(t->out + t->out_len, data, len);
	t->out_len += len;
	return (ssize_t)len;
}

/* Never sleeps: what there is, is there. */
static int pull_timeout(gnutls_transport_ptr_t ptr, unsigned ms)
{
	struct crypto_tls *t = ptr;

	(void)ms;
	return t->in_len > 0;
}

/* A server's name for SNI; numeric addresses are not sent (RFC 6066 3). */
static bool is_name(const char *host)
{
	struct adit_addr a;

	return adit_addr_parse(host, strlen(host), &a) < 0;
}

static int trust(struct crypto_tls *t, const char *ca_file)
{
	int n = ca_file ? gnutls_certificate_set_x509_trust_file(t->cred, ca_file, GNUTLS_X509_FMT_PEM)
			: gnutls_certificate_set_x509_system_trust(t->cred);

	return ca_file && n <= 0 ? ADIT_EINVAL : 0;
}

static int set_up(struct crypto_tls *t, const struct crypto_tls_config *cfg)
{
	gnutls_datum_t alpn = {.data = (unsigned char *)cfg->alpn, .size = cfg->alpn ? (unsigned)strlen(cfg->alpn) : 0};
	int err;

	if (gnutls_certificate_allocate_credentials(&t->cred) < 0 ||
	    gnutls_init(&t->session, GNUTLS_CLIENT | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL) < 0)
		return ADIT_ENOMEM;
	err = trust(t, cfg->ca_file);
	if (err < 0)
		return err;
	if (gnutls_set_default_priority(t->session) < 0 ||
	    gnutls_credentials_set(t->session, GNUTLS_CRD_CERTIFICATE, t->cred) < 0 ||
	    (is_name(t->host) && gnutls_server_name_set(t->session, GNUTLS_NAME_DNS, t->host, strlen(t->host)) < 0) ||
	    (cfg->alpn && gnutls_alpn_set_protocols(t->session, &alpn, 1, 0) < 0))
		return ADIT_ENOMEM;
	gnutls_session_set_verify_cert(t->session, t->host, 0);
	gnutls_transport_set_ptr(t->session, t);
	gnutls_transport_set_pull_function(t->session, pull);
	gnutls_transport_set_push_function(t->session, push);
	gnutls_transport_set_pull_timeout_function(t->session, pull_timeout);
	return 0;
}

int crypto_tls_new(const struct crypto_tls_config *cfg, struct crypto_tls **ret_tls)
{
	struct crypto_tls *t = calloc(1, sizeof(*t));
	int err = ADIT_ENOMEM;

	if (!t)
		return err;
	t->out = malloc(CRYPTO_TLS_OUT_MAX);
	t->host = strdup(cfg->host);
	if (t->out && t->host)
		err = set_up(t, cfg);
	if (err < 0) {
		crypto_tls_free(t);
		return err;
	}
	*ret_tls = t;
	return 0;
}

void crypto_tls_free(struct crypto_tls *t)
{
	if (!t)
		return;
	if (t->session)
		gnutls_deinit(t->session);
	if (t->cred)
		gnutls_certificate_free_credentials(t->cred);
	free(t->host);
	free(t->out);
	free(t);
}

/* The library's sentences end with a space or a full stop. */
static void trim(char *text)
{
	size_t n = strlen(text);

	while (n > 0 && (text[n - 1] == ' ' || text[n - 1] == '.'))
		text[--n] = 0;
}

static int die(struct crypto_tls *t, int rc)
{
	unsigned status =
		rc == GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR ? gnutls_session_get_verify_cert_status(t->session) : 0;
	gnutls_datum_t text = {0};

	t->is_dead = true;
	t->is_up = false;
	if (status && gnutls_certificate_verification_status_print(status, GNUTLS_CRT_X509, &text, 0) == 0)
		snprintf(t->why, sizeof(t->why), "the certificate is not good for %s: %s", t->host, text.data);
	else if (rc == GNUTLS_E_FATAL_ALERT_RECEIVED)
		snprintf(t->why, sizeof(t->why), "the other side's TLS says: %s",
			 gnutls_alert_get_name(gnutls_alert_get(t->session)));
	else
		snprintf(t->why, sizeof(t->why), "TLS: %s", rc == 0 ? "the other side has ended" : gnutls_strerror(rc));
	gnutls_free(text.data);
	trim(t->why);
	return ADIT_EDEAD;
}

void crypto_tls_feed(struct crypto_tls *t, const uint8_t *data, size_t len)
{
	t->in = data;
	t->in_len = len;
}

int crypto_tls_read(struct crypto_tls *t, uint8_t *buf, size_t cap)
{
	ssize_t n;

	if (t->is_dead)
		return ADIT_EDEAD;
	while (!t->is_up) {
		int rc = gnutls_handshake(t->session);

		if (rc == GNUTLS_E_AGAIN || rc == GNUTLS_E_INTERRUPTED)
			return 0;
		if (rc < 0 && gnutls_error_is_fatal(rc)) {
			/* The other side may want to know why. */
			gnutls_alert_send_appropriate(t->session, rc);
			return die(t, rc);
		}
		t->is_up = rc == 0;
	}
	do {
		n = gnutls_record_recv(t->session, buf, cap);
		if (n == GNUTLS_E_AGAIN)
			return 0;
	} while (n < 0 && !gnutls_error_is_fatal((int)n));
	return n > 0 ? (int)n : die(t, (int)n);
}

int crypto_tls_write(struct crypto_tls *t, const uint8_t *data, size_t len)
{
	size_t records = len / RECORD_MAX + 1;

	if (t->is_dead)
		return ADIT_EDEAD;
	if (!t->is_up || len + records * RECORD_OVERHEAD > CRYPTO_TLS_OUT_MAX - t->out_len)
		return ADIT_EAGAIN;
	while (len > 0) {
		ssize_t n = gnutls_record_send(t->session, data, len < RECORD_MAX ? len : RECORD_MAX);

		if (n < 0)
			return die(t, (int)n);
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

const uint8_t *crypto_tls_out(struct crypto_tls *t, size_t *ret_len)
{
	*ret_len = t->out_len;
	return t->out;
}

void crypto_tls_sent(struct crypto_tls *t, size_t n)
{
	memmove(t->out, t->out + n, t->out_len - n);
	t->out_len -= n;
}

void crypto_tls_bye(struct crypto_tls *t)
{
	if (t->is_up)
		(void)!gnutls_bye(t->session, GNUTLS_SHUT_WR);
}

bool crypto_tls_is_up(const struct crypto_tls *t)
{
	return t->is_up;
}

const char *crypto_tls_why(const struct crypto_tls *t)
{
	return t->why;
}
