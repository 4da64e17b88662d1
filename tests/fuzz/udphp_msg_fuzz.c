/*
 * Any datagram as a message of the old script; what is read is written again. Compressed payloads go through the
 * bounded inflater, into a buffer that has exactly the room it asks for.
 *
 * covers: src/udphp/udphp_msg.c
 * covers: src/udphp/udphp_zip.c: udphp_zip_unpack udphp_zip_init udphp_zip_done
 */
#include "fuzz.h"

#include <string.h>

#include "udphp/udphp_msg.h"
#include "udphp/udphp_zip.h"

static void write_again(const struct udphp_msg *m, const uint8_t *data)
{
	uint8_t buf[UDPHP_HEADER];
	uint8_t sum[16] = {0};

	if (m->type == UDPHP_ACK || m->type == UDPHP_NACK) {
		udphp_msg_write_ack(buf, m->type, m->seq);
		FUZZ_CHECK(memcmp(buf, data, UDPHP_ACK_LEN) == 0);
	} else if (m->digest) {
		memcpy(sum, m->digest, UDPHP_DIGEST);
		udphp_msg_write_header(buf, m->type, m->seq, m->len, sum);
		FUZZ_CHECK(memcmp(buf, data, UDPHP_HEADER) == 0);
	}
	FUZZ_CHECK(udphp_seq_behind(m->seq, (uint16_t)(m->seq + 5)) == 5);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct udphp_msg m;
	struct udphp_zip zip;
	uint8_t *out;

	if (udphp_msg_decode(data, size, &m) < 0)
		return 0;
	write_again(&m, data);
	fuzz_touch(m.body, m.body_len);
	if (m.type != UDPHP_ZIPPED || udphp_zip_init(&zip) < 0)
		return 0;
	out = malloc((size_t)m.len + 1);
	if (udphp_zip_unpack(&zip, m.body, m.body_len, out, m.len) == 0)
		fuzz_touch(out, m.len);
	free(out);
	udphp_zip_done(&zip);
	return 0;
}
