#include "core/portmap/portmap_pcp.h"

#include <string.h>

#include "base/bytes.h"
#include "core/portmap/portmap_limits.h"

#define RESPONSE 0x80 /* RFC 6887 7.2: the R bit */
#define HEADER   PORTMAP_PCP_ANNOUNCE_LEN

/* RFC 6887 7.3: an option from here on may be passed over. */
#define OPTIONAL_FROM      128
#define OPT_PREFER_FAILURE 2

static const uint8_t v4_mapped[12] = {[10] = 0xff, [11] = 0xff};

/* RFC 6887 5: 128 bits for each family; the address "none" is all zeroes within its family. */
static void write_addr(struct adit_wr *w, const struct adit_addr *a, bool is_v4)
{
	if (!is_v4) {
		adit_wr_bytes(w, a->ip, 16);
		return;
	}
	adit_wr_bytes(w, v4_mapped, sizeof(v4_mapped));
	adit_wr_bytes(w, a->ip, 4);
}

static struct adit_addr read_addr(struct adit_rd *r)
{
	struct adit_addr a = {.family = ADIT_FAMILY_V6};

	adit_rd_bytes(r, a.ip, 16);
	if (memcmp(a.ip, v4_mapped, sizeof(v4_mapped)) == 0)
		return adit_addr_v4(a.ip[12], a.ip[13], a.ip[14], a.ip[15], 0);
	return a;
}

/* RFC 6887 7.1 */
static void write_header(struct adit_wr *w, enum portmap_pcp_opcode op, uint32_t lifetime,
			 const struct adit_addr *client)
{
	adit_wr_u8(w, PORTMAP_PCP_VERSION);
	adit_wr_u8(w, (uint8_t)op);
	adit_wr_u16(w, 0);
	adit_wr_u32(w, lifetime);
	write_addr(w, client, adit_addr_is_v4(client));
}

void portmap_pcp_write_announce(const struct adit_addr *client, uint8_t out[PORTMAP_PCP_ANNOUNCE_LEN])
{
	struct adit_wr w = adit_wr_over(out, PORTMAP_PCP_ANNOUNCE_LEN);

	write_header(&w, PORTMAP_PCP_ANNOUNCE, 0, client);
}

void portmap_pcp_write(const struct portmap_pcp_request *q, uint8_t out[PORTMAP_PCP_MAP_LEN])
{
	static const struct adit_addr none;
	struct adit_wr w = adit_wr_over(out, PORTMAP_PCP_MAP_LEN);
	bool is_v4 = adit_addr_is_v4(&q->client);
	bool has_wish = q->lifetime > 0 && q->external.family == q->client.family;

	write_header(&w, PORTMAP_PCP_MAP, q->lifetime, &q->client);
	adit_wr_bytes(&w, q->nonce, sizeof(q->nonce));
	adit_wr_u8(&w, PORTMAP_UDP);
	adit_wr_zero(&w, 3);
	adit_wr_u16(&w, q->client.port);
	adit_wr_u16(&w, q->lifetime > 0 ? q->external.port : 0);
	write_addr(&w, has_wish ? &q->external : &none, is_v4);
}

/* RFC 6887 7.3. Our requests have none, so that one that must be understood belongs to somebody else's. */
static int check_options(struct adit_rd *r)
{
	while (!r->bad && adit_rd_left(r) > 0) {
		uint8_t code = adit_rd_u8(r);
		uint16_t len;

		adit_rd_skip(r, 1);
		len = adit_rd_u16(r);
		adit_rd_skip(r, (len + 3u) / 4 * 4);
		if (code < OPTIONAL_FROM && code != OPT_PREFER_FAILURE)
			return ADIT_EPROTO;
	}
	return r->bad ? ADIT_EPROTO : 0;
}

static int read_map(struct adit_rd *r, struct portmap_pcp_answer *a)
{
	adit_rd_bytes(r, a->nonce, sizeof(a->nonce));
	a->protocol = adit_rd_u8(r);
	adit_rd_skip(r, 3);
	a->internal_port = adit_rd_u16(r);
	uint16_t port = adit_rd_u16(r);
	a->external = adit_addr_with_port(read_addr(r), port);
	a->has_map = true;
	return check_options(r);
}

int portmap_pcp_read(const uint8_t *data, size_t len, struct portmap_pcp_answer *ret_answer)
{
	struct adit_rd r = adit_rd_over(data, len);
	struct portmap_pcp_answer a = {0};
	uint8_t op;

	/* RFC 6887 8.3: shorter, longer and odd ones are dropped unseen. */
	if (len < HEADER || len > PORTMAP_PCP_MSG_MAX || len % 4 != 0)
		return ADIT_EPROTO;
	a.version = adit_rd_u8(&r);
	op = adit_rd_u8(&r);
	adit_rd_skip(&r, 1);
	a.result = adit_rd_u8(&r);
	a.lifetime = adit_rd_u32(&r);
	a.epoch = adit_rd_u32(&r);
	adit_rd_skip(&r, 12);
	a.opcode = op & (RESPONSE - 1);
	if (!(op & RESPONSE))
		return ADIT_EPROTO;
	if (a.version != PORTMAP_PCP_VERSION) {
		if (a.result != PORTMAP_PCP_UNSUPP_VERSION)
			return ADIT_EVERSION;
	} else if (a.opcode == PORTMAP_PCP_MAP) {
		if (read_map(&r, &a) < 0)
			return ADIT_EPROTO;
	} else if (a.opcode != PORTMAP_PCP_ANNOUNCE || check_options(&r) < 0) {
		return ADIT_EPROTO;
	}
	*ret_answer = a;
	return 0;
}

bool portmap_pcp_epoch_fits(uint32_t before, uint32_t epoch, uint64_t elapsed)
{
	uint64_t server;

	/* One second backwards is what reordering does. */
	if ((uint64_t)epoch + 1 < before)
		return false;
	server = epoch > before ? epoch - before : 0;
	return elapsed + 2 >= server - server / 16 && server + 2 >= elapsed - elapsed / 16;
}

bool portmap_icmp_is_closed(const struct adit_addr *gateway, const struct adit_icmp *icmp)
{
	bool is_v4 = adit_addr_is_v4(gateway);

	return icmp->type == (is_v4 ? 3 : 1) && icmp->code == (is_v4 ? 3 : 4) && adit_addr_eq(&icmp->remote, gateway) &&
	       adit_addr_eq_ip(&icmp->offender, gateway);
}

const char *portmap_pcp_text(uint8_t result)
{
	static const char *const texts[] = {
		"no error",
		"the router does not know this version of PCP",
		"the router does not allow port mappings for this host",
		"the router calls the request malformed",
		"the router does not know the request",
		"the router does not know an option",
		"the router calls an option malformed",
		"the router has no network to map from",
		"the router has no resources left",
		"the router does not map UDP",
		"this host has as many mappings as the router allows",
		"the router cannot give that external address and port",
		"another NAT stands between this host and the router",
		"the router limits the mapping's peers",
	};

	return result < ARRAY_LEN(texts) ? texts[result] : "the router refuses for a reason of its own";
}
