/*
 * The answers of PCP and NAT-PMP, as bytes: whatever is taken for one keeps its promises, and what we write is never
 * taken for one.
 *
 * covers: src/core/portmap/portmap_pcp.c src/core/portmap/portmap_pmp.c
 */
#include "fuzz.h"

#include <string.h>

#include "base/bytes.h"
#include "core/portmap/portmap_limits.h"
#include "core/portmap/portmap_pcp.h"
#include "core/portmap/portmap_pmp.h"

static void read_both(const uint8_t *data, size_t size)
{
	struct portmap_pcp_answer a;
	struct portmap_pmp_answer b;

	if (portmap_pcp_read(data, size, &a) == 0) {
		FUZZ_CHECK(size >= 24 && size % 4 == 0 && size <= PORTMAP_PCP_MSG_MAX && data[1] & 0x80);
		FUZZ_CHECK(a.version == PORTMAP_PCP_VERSION || a.result == PORTMAP_PCP_UNSUPP_VERSION);
		FUZZ_CHECK(!a.has_map || (size >= PORTMAP_PCP_MAP_LEN && a.external.family != ADIT_FAMILY_NONE));
		FUZZ_CHECK(strlen(portmap_pcp_text(a.result)) > 0);
	}
	if (portmap_pmp_read(data, size, &b) == 0) {
		FUZZ_CHECK(size >= 8 && data[0] == 0 && data[1] & 0x80);
		FUZZ_CHECK(b.result != 0 || b.has_rest);
		FUZZ_CHECK(strlen(portmap_pmp_text(b.result)) > 0);
	}
}

static void write_both(struct adit_rd *r)
{
	uint8_t flags = adit_rd_u8(r);
	struct portmap_pcp_request q = {.lifetime = adit_rd_u32(r)};
	uint8_t out[PORTMAP_PCP_MAP_LEN];
	struct portmap_pcp_answer a;
	struct portmap_pmp_answer b;

	q.client.family = flags & 1 ? ADIT_FAMILY_V4 : ADIT_FAMILY_V6;
	q.external.family = flags & 2 ? ADIT_FAMILY_V4 : flags & 4 ? ADIT_FAMILY_V6 : ADIT_FAMILY_NONE;
	q.client.port = adit_rd_u16(r);
	q.external.port = adit_rd_u16(r);
	adit_rd_bytes(r, q.external.ip, q.external.family == ADIT_FAMILY_V4 ? 4 : 16);
	portmap_pcp_write(&q, out);
	FUZZ_CHECK(portmap_pcp_read(out, sizeof(out), &a) == ADIT_EPROTO);
	out[1] |= 0x80; /* as an answer it would be read as it was written */
	out[3] = 0;
	FUZZ_CHECK(portmap_pcp_read(out, sizeof(out), &a) == 0 && a.has_map && a.internal_port == q.client.port);
	portmap_pmp_write_map(q.client.port, q.external.port, q.lifetime, out);
	FUZZ_CHECK(portmap_pmp_read(out, PORTMAP_PMP_MAP_LEN, &b) == ADIT_EPROTO);
	portmap_pmp_write_address(out);
	FUZZ_CHECK(portmap_pmp_read(out, PORTMAP_PMP_ADDRESS_LEN, &b) == ADIT_EPROTO);
}

/* A server that counts evenly has lost nothing. */
static void epochs(struct adit_rd *r)
{
	uint32_t before = adit_rd_u32(r);
	uint32_t epoch = adit_rd_u32(r);
	uint64_t elapsed = adit_rd_u64(r);

	(void)portmap_pcp_epoch_fits(before, epoch, elapsed);
	(void)portmap_pmp_epoch_fits(before, epoch, elapsed);
	if (epoch >= before) {
		FUZZ_CHECK(portmap_pcp_epoch_fits(before, epoch, epoch - before));
		FUZZ_CHECK(portmap_pmp_epoch_fits(before, epoch, epoch - before));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct adit_rd r = adit_rd_over(data, size);

	read_both(data, size);
	write_both(&r);
	epochs(&r);
	return 0;
}
