#include "core/portmap/portmap_pmp.h"

#include "base/bytes.h"

#define RESPONSE 128

void portmap_pmp_write_address(uint8_t out[PORTMAP_PMP_ADDRESS_LEN])
{
	struct adit_wr w = adit_wr_over(out, PORTMAP_PMP_ADDRESS_LEN);

	adit_wr_u8(&w, 0);
	adit_wr_u8(&w, PORTMAP_PMP_ADDRESS);
}

void portmap_pmp_write_map(uint16_t internal_port, uint16_t external_port, uint32_t lifetime,
			   uint8_t out[PORTMAP_PMP_MAP_LEN])
{
	struct adit_wr w = adit_wr_over(out, PORTMAP_PMP_MAP_LEN);

	adit_wr_u8(&w, 0);
	adit_wr_u8(&w, PORTMAP_PMP_MAP_UDP);
	adit_wr_u16(&w, 0);
	adit_wr_u16(&w, internal_port);
	adit_wr_u16(&w, lifetime > 0 ? external_port : 0);
	adit_wr_u32(&w, lifetime);
}

/* The part that depends on the opcode. */
static void read_rest(struct adit_rd *r, struct portmap_pmp_answer *a)
{
	uint8_t ip[4];

	if (a->opcode == PORTMAP_PMP_ADDRESS) {
		adit_rd_bytes(r, ip, sizeof(ip));
		a->address = adit_addr_v4(ip[0], ip[1], ip[2], ip[3], 0);
	} else {
		a->internal_port = adit_rd_u16(r);
		a->external_port = adit_rd_u16(r);
		a->lifetime = adit_rd_u32(r);
	}
	a->has_rest = true;
}

int portmap_pmp_read(const uint8_t *data, size_t len, struct portmap_pmp_answer *ret_answer)
{
	struct adit_rd r = adit_rd_over(data, len);
	struct portmap_pmp_answer a = {0};
	uint8_t version = adit_rd_u8(&r);
	uint8_t op = adit_rd_u8(&r);

	a.opcode = op & (RESPONSE - 1);
	a.result = adit_rd_u16(&r);
	a.epoch = adit_rd_u32(&r);
	if (r.bad || version != 0 || !(op & RESPONSE))
		return ADIT_EPROTO;
	/* RFC 6886 3.5: who does not know version or opcode can echo neither, whatever was asked. */
	if (a.result != PORTMAP_PMP_VERSION && a.result != PORTMAP_PMP_OPCODE) {
		if (a.opcode > PORTMAP_PMP_MAP_UDP)
			return ADIT_EPROTO;
		/* An error's rest may be left out, as nobody needs it. */
		if (a.result == PORTMAP_PMP_SUCCESS || adit_rd_left(&r) > 0)
			read_rest(&r, &a);
		if (r.bad || adit_rd_left(&r) > 0)
			return ADIT_EPROTO;
	}
	*ret_answer = a;
	return 0;
}

bool portmap_pmp_epoch_fits(uint32_t before, uint32_t epoch, uint64_t elapsed)
{
	return (uint64_t)epoch + 2 >= before + elapsed - elapsed / 8;
}

const char *portmap_pmp_text(uint16_t result)
{
	static const char *const texts[] = {
		"no error",
		"the router does not know this version of NAT-PMP",
		"port mapping is switched off in the router, or not allowed for this host",
		"the router has no address outside",
		"the router has no resources left",
		"the router does not know the request",
	};

	return result < ARRAY_LEN(texts) ? texts[result] : "the router refuses for a reason of its own";
}
