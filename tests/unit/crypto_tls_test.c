#include "test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#include "crypto/crypto_tls.h"

#define NAME "turn.test"
#define PIPE (512 * 1024)

/* A TLS server of the library's own, and the bytes between it and the client that is tested. */
struct rig {
	gnutls_session_t server;
	gnutls_certificate_credentials_t cred;
	gnutls_x509_crt_t crt;
	gnutls_x509_privkey_t key;
	char ca_file[64];
	struct crypto_tls *client;
	uint8_t to_server[PIPE];
	size_t to_server_len;
	uint8_t to_client[PIPE];
	size_t to_client_len;
	uint8_t got[PIPE]; /* plaintext at the client */
	size_t got_len;
	bool is_server_up;
	size_t piece; /* so many bytes at a time reach the client */
};

static ssize_t server_pull(gnutls_transport_ptr_t ptr, void *buf, size_t len)
{
	struct rig *r = ptr;

	if (r->to_server_len == 0) {
		gnutls_transport_set_errno(r->server, EAGAIN);
		return -1;
	}
	if (len > r->to_server_len)
		len = r->to_server_len;
	memcpy(buf, r->to_server, len);
	r->to_server_len -= len;
	memmove(r->to_server, r->to_server + len, r->to_server_len);
	return (ssize_t)len;
}

static ssize_t server_push(gnutls_transport_ptr_t ptr, const void *data, size_t len)
{
	struct rig *r = ptr;

	assert_true(len <= PIPE - r->to_client_len);
	memcpy(r->to_client + r->to_client_len, data, len);
	r->to_client_len += len;
	return (ssize_t)len;
}

static int server_timeout(gnutls_transport_ptr_t ptr, unsigned ms)
{
	const struct rig *r = ptr;

	(void)ms;
	return r->to_server_len > 0;
}

/* A self-signed certificate for NAME, in a file that the client trusts. */
static void make_certificate(struct rig *r)
{
	gnutls_datum_t pem;
	time_t now = time(NULL);
	FILE *f;
	int fd;

	assert_int_equal(gnutls_x509_privkey_init(&r->key), 0);
	assert_int_equal(gnutls_x509_privkey_generate(r->key, GNUTLS_PK_ECDSA,
						      GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0),
			 0);
	assert_int_equal(gnutls_x509_crt_init(&r->crt), 0);
	assert_int_equal(gnutls_x509_crt_set_version(r->crt, 3), 0);
	assert_int_equal(gnutls_x509_crt_set_key(r->crt, r->key), 0);
	assert_int_equal(gnutls_x509_crt_set_serial(r->crt, "\1", 1), 0);
	assert_int_equal(gnutls_x509_crt_set_activation_time(r->crt, now - 3600), 0);
	assert_int_equal(gnutls_x509_crt_set_expiration_time(r->crt, now + 3600), 0);
	assert_int_equal(gnutls_x509_crt_set_subject_alt_name(r->crt, GNUTLS_SAN_DNSNAME, NAME, strlen(NAME), 0), 0);
	assert_int_equal(gnutls_x509_crt_set_dn_by_oid(r->crt, GNUTLS_OID_X520_COMMON_NAME, 0, NAME, strlen(NAME)), 0);
	assert_int_equal(gnutls_x509_crt_sign2(r->crt, r->crt, r->key, GNUTLS_DIG_SHA256, 0), 0);
	assert_int_equal(gnutls_x509_crt_export2(r->crt, GNUTLS_X509_FMT_PEM, &pem), 0);
	strcpy(r->ca_file, "/tmp/adit-tls-XXXXXX");
	fd = mkstemp(r->ca_file);
	assert_true(fd >= 0);
	f = fdopen(fd, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(pem.data, 1, pem.size, f), pem.size);
	fclose(f);
	gnutls_free(pem.data);
}

static struct rig *rig_new(const char *host, bool trusts)
{
	struct rig *r = calloc(1, sizeof(*r));
	struct crypto_tls_config cfg = {.host = host, .alpn = "stun.turn"};
	gnutls_datum_t alpn = {.data = (unsigned char *)"stun.turn", .size = 9};

	assert_non_null(r);
	make_certificate(r);
	assert_int_equal(gnutls_certificate_allocate_credentials(&r->cred), 0);
	assert_int_equal(gnutls_certificate_set_x509_key(r->cred, &r->crt, 1, r->key), 0);
	assert_int_equal(gnutls_init(&r->server, GNUTLS_SERVER | GNUTLS_NONBLOCK), 0);
	assert_int_equal(gnutls_set_default_priority(r->server), 0);
	assert_int_equal(gnutls_credentials_set(r->server, GNUTLS_CRD_CERTIFICATE, r->cred), 0);
	assert_int_equal(gnutls_alpn_set_protocols(r->server, &alpn, 1, GNUTLS_ALPN_MANDATORY), 0);
	gnutls_transport_set_ptr(r->server, r);
	gnutls_transport_set_pull_function(r->server, server_pull);
	gnutls_transport_set_push_function(r->server, server_push);
	gnutls_transport_set_pull_timeout_function(r->server, server_timeout);
	if (trusts)
		cfg.ca_file = r->ca_file;
	assert_int_equal(crypto_tls_new(&cfg, &r->client), 0);
	r->piece = PIPE;
	return r;
}

static void rig_free(struct rig *r)
{
	crypto_tls_free(r->client);
	gnutls_deinit(r->server);
	gnutls_certificate_free_credentials(r->cred);
	gnutls_x509_crt_deinit(r->crt);
	gnutls_x509_privkey_deinit(r->key);
	unlink(r->ca_file);
	free(r);
}

static int client_reads(struct rig *r)
{
	int n;

	while ((n = crypto_tls_read(r->client, r->got + r->got_len, PIPE - r->got_len)) > 0)
		r->got_len += (size_t)n;
	return n;
}

/* Everything that is under way arrives. 0, or the client's end. */
static int shuttle(struct rig *r)
{
	crypto_tls_feed(r->client, NULL, 0);
	for (;;) {
		size_t len;
		const uint8_t *out;
		int n = client_reads(r);

		out = crypto_tls_out(r->client, &len);
		assert_true(len <= PIPE - r->to_server_len);
		memcpy(r->to_server + r->to_server_len, out, len);
		r->to_server_len += len;
		crypto_tls_sent(r->client, len);
		if (n < 0)
			return n;
		if (!r->is_server_up)
			r->is_server_up = gnutls_handshake(r->server) == 0;
		if (r->to_client_len == 0)
			return 0;
		for (size_t at = 0; at < r->to_client_len && n == 0; at += r->piece) {
			size_t left = r->to_client_len - at;

			crypto_tls_feed(r->client, r->to_client + at, left < r->piece ? left : r->piece);
			n = client_reads(r);
		}
		r->to_client_len = 0;
		crypto_tls_feed(r->client, NULL, 0);
	}
}

static void the_name_and_the_protocol_are_agreed_and_bytes_go_both_ways(void **state)
{
	struct rig *r = rig_new(NAME, true);
	static uint8_t big[100000];
	static uint8_t back[sizeof(big)];
	size_t got = 0;
	ssize_t n;

	(void)state;
	for (size_t i = 0; i < sizeof(big); i++)
		big[i] = (uint8_t)(i * 7);
	assert_int_equal(crypto_tls_write(r->client, big, 1), ADIT_EAGAIN);
	assert_int_equal(shuttle(r), 0);
	assert_true(crypto_tls_is_up(r->client) && r->is_server_up);
	assert_int_equal(crypto_tls_write(r->client, big, sizeof(big)), 0);
	assert_int_equal(shuttle(r), 0);
	while (got < sizeof(back) && (n = gnutls_record_recv(r->server, back + got, sizeof(back) - got)) > 0)
		got += (size_t)n;
	assert_int_equal(got, sizeof(back));
	assert_memory_equal(back, big, sizeof(big));
	for (got = 0; got < sizeof(big); got += (size_t)n)
		assert_true((n = gnutls_record_send(r->server, big + got, sizeof(big) - got)) > 0);
	assert_int_equal(shuttle(r), 0);
	assert_int_equal(r->got_len, sizeof(big));
	assert_memory_equal(r->got, big, sizeof(big));
	rig_free(r);
}

static void bytes_may_come_one_by_one(void **state)
{
	struct rig *r = rig_new(NAME, true);

	(void)state;
	r->piece = 1;
	assert_int_equal(shuttle(r), 0);
	assert_true(crypto_tls_is_up(r->client));
	assert_int_equal(gnutls_record_send(r->server, "hello", 5), 5);
	assert_int_equal(shuttle(r), 0);
	assert_int_equal(r->got_len, 5);
	assert_memory_equal(r->got, "hello", 5);
	rig_free(r);
}

static void a_certificate_for_another_name_is_refused_with_a_reason(void **state)
{
	struct rig *r = rig_new("other.test", true);

	(void)state;
	assert_int_equal(shuttle(r), ADIT_EDEAD);
	assert_false(crypto_tls_is_up(r->client));
	assert_non_null(strstr(crypto_tls_why(r->client), "not good for other.test"));
	assert_int_equal(crypto_tls_write(r->client, (const uint8_t *)"x", 1), ADIT_EDEAD);
	rig_free(r);
}

static void a_certificate_for_a_name_is_not_one_for_an_address(void **state)
{
	struct rig *r = rig_new("192.0.2.1", true);

	(void)state;
	assert_int_equal(shuttle(r), ADIT_EDEAD);
	rig_free(r);
}

static void a_certificate_of_nobody_known_is_refused(void **state)
{
	struct rig *r = rig_new(NAME, false);

	(void)state;
	assert_int_equal(shuttle(r), ADIT_EDEAD);
	assert_non_null(strstr(crypto_tls_why(r->client), "not good for " NAME));
	rig_free(r);
}

static void what_is_no_tls_ends_it(void **state)
{
	struct rig *r = rig_new(NAME, true);
	uint8_t buf[16];

	(void)state;
	crypto_tls_feed(r->client, (const uint8_t *)"HTTP/1.1 400 Bad Request\r\n", 26);
	assert_int_equal(crypto_tls_read(r->client, buf, sizeof(buf)), ADIT_EDEAD);
	assert_true(strlen(crypto_tls_why(r->client)) > 0);
	rig_free(r);
}

static void the_other_sides_goodbye_is_an_end(void **state)
{
	struct rig *r = rig_new(NAME, true);

	(void)state;
	assert_int_equal(shuttle(r), 0);
	assert_int_equal(gnutls_bye(r->server, GNUTLS_SHUT_WR), 0);
	assert_int_equal(shuttle(r), ADIT_EDEAD);
	assert_non_null(strstr(crypto_tls_why(r->client), "has ended"));
	rig_free(r);
}

static void what_the_wire_does_not_take_is_bounded(void **state)
{
	struct rig *r = rig_new(NAME, true);
	static uint8_t data[16384];
	size_t taken = 0;
	size_t len;
	int err;

	(void)state;
	assert_int_equal(shuttle(r), 0);
	while ((err = crypto_tls_write(r->client, data, sizeof(data))) == 0)
		taken += sizeof(data);
	assert_int_equal(err, ADIT_EAGAIN);
	crypto_tls_out(r->client, &len);
	assert_true(taken > CRYPTO_TLS_OUT_MAX / 2 && len <= CRYPTO_TLS_OUT_MAX);
	rig_free(r);
}

static void a_file_without_certificates_is_told(void **state)
{
	struct crypto_tls_config cfg = {.host = NAME, .ca_file = "/dev/null"};
	struct crypto_tls *t;

	(void)state;
	assert_int_equal(crypto_tls_new(&cfg, &t), ADIT_EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_name_and_the_protocol_are_agreed_and_bytes_go_both_ways),
		cmocka_unit_test(bytes_may_come_one_by_one),
		cmocka_unit_test(a_certificate_for_another_name_is_refused_with_a_reason),
		cmocka_unit_test(a_certificate_for_a_name_is_not_one_for_an_address),
		cmocka_unit_test(a_certificate_of_nobody_known_is_refused),
		cmocka_unit_test(what_is_no_tls_ends_it),
		cmocka_unit_test(the_other_sides_goodbye_is_an_end),
		cmocka_unit_test(what_the_wire_does_not_take_is_bounded),
		cmocka_unit_test(a_file_without_certificates_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
