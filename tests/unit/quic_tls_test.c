#include "test.h"

#include "quic/quic_conn.h"
#include "quic_pair.h"

/* QUIC has no use for TLS after its handshake, so a peer that says more in it is told that this was not expected. */
static void a_peer_that_goes_on_with_tls_is_sent_away(void **state)
{
	static const uint8_t key_update[5] = {24, 0, 0, 1, 0}; /* RFC 8446 4.6.3 */

	(void)state;
	for (int from_server = 0; from_server < 2; from_server++) {
		struct pair p;
		struct pair_side *from;
		uint8_t secret[8];
		uint8_t buf[1200];
		ngtcp2_ssize n;

		pair_init(&p, 21, ADIT_MS(5));
		from = from_server ? &p.server : &p.client;
		assert_true(pair_connect(&p));
		assert_int_equal(quic_export(p.client.q, "EXPORTER-adit", secret, sizeof(secret)), 0);
		quic_drop_tls(p.client.q);
		quic_drop_tls(p.server.q);
		assert_int_equal(quic_export(p.client.q, "EXPORTER-adit", secret, sizeof(secret)), ADIT_EDEAD);
		pair_run(&p, ADIT_SEC(1));
		assert_false(p.client.is_closed);
		assert_int_equal(ngtcp2_conn_submit_crypto_data(from->q->conn, NGTCP2_CRYPTO_LEVEL_APPLICATION,
								key_update, sizeof(key_update)),
				 0);
		n = ngtcp2_conn_write_pkt(from->q->conn, NULL, NULL, buf, sizeof(buf), from->q->clock);
		assert_true(n > 0);
		pair_send_one(from, buf, (size_t)n);
		pair_run(&p, ADIT_MS(100));
		assert_true(pair_other(from)->is_closed);
		assert_int_equal(pair_other(from)->close.code,
				 0x010a); /* RFC 9001 4.8, RFC 8446 6: unexpected_message */
		assert_true(from->is_closed);
		assert_int_equal(from->close.code, 0x010a);
		pair_done(&p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_peer_that_goes_on_with_tls_is_sent_away),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
