/*
 * A mediator, a serve side and a connect side that talk through a wire on which a byte string says what is delivered,
 * changed, repeated, lost and invented, and when. The cryptography is one that everybody can do, so that what lies
 * behind it is reached. No answer to an unproven source is longer than its question, and everything is sent to
 * somebody.
 *
 * covers: src/core/meet/meet_msg.c src/core/meet/meet_client.c src/core/meet/meet_client_out.c
 * covers: src/core/meet/meet_relay.c src/core/meet/meet_server.c src/core/meet/meet_table.c
 */
#include "fuzz_meet.h"

#include "base/bytes.h"
#include "core/meet/meet_client.h"
#include "core/meet/meet_server.h"

#define WIRE      8
#define SLOTS     16
#define SLOTS_MAX 200

/* The serve side's key, all zero, is on the list. */
static const uint8_t hosts[][MEET_KEY_LEN] = {{0}, {7}, {9}};
static const struct meet_lender lender = {.crypto = &fuzz_crypto,
					  .n_uris = 2,
					  .uris = {"turn:a", "turns:b:443"},
					  .secret = hosts[1],
					  .secret_len = MEET_KEY_LEN,
					  .hosts = hosts,
					  .n_hosts = 3};

struct dgram {
	struct adit_addr from, to;
	size_t len;
	uint8_t data[MEET_MSG_MAX];
};

struct world {
	adit_time now;
	uint64_t next;
	struct meet_server *s;
	struct meet_client c[2];
	struct adit_addr server, addr[2];
	struct dgram wire[WIRE];
	size_t n;
};

static void put(struct world *w, const struct adit_addr *from, const struct adit_addr *to, const uint8_t *data,
		size_t len)
{
	struct dgram *d = &w->wire[w->n % WIRE];

	FUZZ_CHECK(len <= MEET_MSG_MAX && to->family != ADIT_FAMILY_NONE);
	w->n++;
	*d = (struct dgram){.from = *from, .to = *to, .len = len};
	memcpy(d->data, data, len);
}

static void drain(struct world *w, unsigned i)
{
	struct meet_event ev;
	struct adit_out o;

	for (unsigned n = 0; meet_client_output(&w->c[i], w->now, &o); n++) {
		FUZZ_CHECK(n < 20);
		put(w, &w->addr[i], &o.remote, o.data, o.len);
	}
	while (meet_client_event(&w->c[i], &ev)) {
		if (ev.kind == MEET_EVENT_RELAY)
			FUZZ_CHECK(i == 1 && ev.relay->n_uris >= 1 && ev.relay->n_uris <= MEET_RELAY_URIS);
		static const struct meet_offer answer = {.ufrag = "u", .pwd = "p"};
		adit_time start_at;

		if (ev.kind == MEET_EVENT_OFFER && (w->next >> 4 & 3))
			FUZZ_CHECK(meet_client_answer(&w->c[i], w->now, ev.ask, &answer, &start_at) != ADIT_EFULL);
	}
}

static void to_server(struct world *w, const struct dgram *in, const uint8_t *data)
{
	struct adit_dgram d = {.sock = 3, .local = w->server, .remote = in->from, .data = data, .len = in->len};
	uint8_t *buf = malloc(MEET_MSG_MAX);
	struct meet_server_out out;
	uint64_t cookies = w->s->stats.cookies + w->s->stats.unknown;

	FUZZ_CHECK(buf);
	if (meet_server_input(w->s, w->now, &d, buf, &out) == 1) {
		if (w->s->stats.cookies + w->s->stats.unknown != cookies)
			FUZZ_CHECK(out.len <= in->len && adit_addr_eq(&out.remote, &in->from));
		put(w, &w->server, &out.remote, buf, out.len);
	}
	free(buf);
	FUZZ_CHECK(w->s->table.used < w->s->table.n_slots);
}

static void deliver(struct world *w, const struct dgram *d)
{
	uint8_t *copy = fuzz_exact(d->data, d->len);

	if (adit_addr_eq(&d->to, &w->server))
		to_server(w, d, copy);
	for (unsigned i = 0; i < 2; i++)
		if (adit_addr_eq(&d->to, &w->addr[i])) {
			(void)!meet_client_input(&w->c[i], w->now, &d->from, copy, d->len);
			drain(w, i);
		}
	free(copy);
}

/* One of the last datagrams: as it is, changed, cut, or from elsewhere. */
static void op_deliver(struct world *w, struct adit_rd *r)
{
	uint8_t how = adit_rd_u8(r);
	struct dgram d = w->wire[(w->n - 1 - (how & 7) % WIRE) % WIRE];

	if (d.to.family == ADIT_FAMILY_NONE)
		return;
	if (how & 8) {
		size_t at = adit_rd_u16(r) % (d.len ? d.len : 1);

		d.data[at] ^= adit_rd_u8(r);
	}
	if (how & 16)
		d.len -= d.len < 4 ? 0 : 4;
	if (how & 32)
		d.from.port ^= 1;
	if (how & 64)
		d.to = w->addr[how >> 7];
	deliver(w, &d);
}

/* Invented: header and attributes of this protocol with any content. */
static void op_invent(struct world *w, struct adit_rd *r)
{
	static const uint16_t types[] = {
		MEET_ATTR_ID,        MEET_ATTR_KEY,   MEET_ATTR_SALT,       MEET_ATTR_SIGNATURE,   MEET_ATTR_HANDLE,
		MEET_ATTR_SEALED,    MEET_ATTR_ROUTE, MEET_ATTR_OUTCOME,    STUN_ATTR_ADIT_COOKIE, MEET_ATTR_PERMIT,
		MEET_ATTR_EPHEMERAL, MEET_ATTR_LOAN,  STUN_ATTR_ERROR_CODE, STUN_ATTR_LIFETIME,    0x7777};
	uint8_t how = adit_rd_u8(r);
	uint8_t which = adit_rd_u8(r);
	struct meet_client *c = &w->c[how & 1];
	struct dgram d = {.from = how & 2 ? w->server : w->addr[how & 1], .to = how & 2 ? w->addr[how & 1] : w->server};
	struct stun_build b;
	int len;

	stun_build_begin(&b, d.data, sizeof(d.data), how >> 2 & 3, (uint16_t)(MEET_REGISTER + (how >> 4) % 8),
			 c->entries[0].txid);
	if (which & 1)
		stun_build_bytes(&b, MEET_ATTR_ID, w->c[0].entries[0].id, MEET_ID_LEN);
	if (which & 2) {
		uint8_t cookie[STUN_COOKIE_LEN];

		stun_cookie_make(w->s->key, w->now, STUN_COOKIE_IP_PORT, &d.from, cookie);
		stun_build_bytes(&b, STUN_ATTR_ADIT_COOKIE, cookie, sizeof(cookie));
	}
	for (unsigned n = which >> 4 & 3; n > 0; n--) {
		uint16_t type = types[adit_rd_u8(r) % ARRAY_LEN(types)];
		uint8_t len8 = adit_rd_u8(r);
		const uint8_t *p = adit_rd_take(r, len8);

		stun_build_bytes(&b, type, p, p ? len8 : 0);
	}
	len = stun_build_end(&b);
	if (len > 0) {
		d.len = (size_t)len;
		deliver(w, &d);
	}
}

static void op_time(struct world *w, struct adit_rd *r)
{
	uint8_t how = adit_rd_u8(r);
	adit_time at = meet_client_deadline(&w->c[how & 1]);

	w->now = (how & 2) && at != ADIT_NEVER && at > w->now ? at : w->now + (ADIT_MS(1) << (how >> 2 & 15));
	FUZZ_CHECK(meet_server_deadline(w->s) == ADIT_NEVER || w->s->table.used > 0);
	meet_server_tick(w->s, w->now);
	for (unsigned i = 0; i < 2; i++) {
		meet_client_tick(&w->c[i], w->now);
		drain(w, i);
	}
}

/* One of many others registers, each with a key and an address of its own; then the table may want to grow. */
static void op_crowd(struct world *w, struct adit_rd *r)
{
	uint8_t nr = adit_rd_u8(r);
	bool may_grow = adit_rd_u8(r) & 64;
	uint8_t key[MEET_KEY_LEN] = {nr}, salt[MEET_SALT_LEN] = {0}, sig[MEET_SIG_LEN] = {0};
	uint8_t id[MEET_ID_LEN], cookie[STUN_COOKIE_LEN];
	struct dgram d = {.from = adit_addr_v4(198, 51, nr, 1, 99), .to = w->server};
	size_t wants;
	struct stun_build b;

	meet_id_make(&fuzz_meet_crypto, key, salt, id);
	stun_cookie_make(w->s->key, w->now, STUN_COOKIE_IP_PORT, &d.from, cookie);
	stun_build_begin(&b, d.data, sizeof(d.data), STUN_REQUEST, MEET_REGISTER, key);
	stun_build_bytes(&b, MEET_ATTR_ID, id, sizeof(id));
	stun_build_bytes(&b, STUN_ATTR_ADIT_COOKIE, cookie, sizeof(cookie));
	stun_build_bytes(&b, MEET_ATTR_KEY, key, sizeof(key));
	stun_build_bytes(&b, MEET_ATTR_SALT, salt, sizeof(salt));
	stun_build_bytes(&b, MEET_ATTR_SIGNATURE, sig, sizeof(sig));
	d.len = (size_t)stun_build_end(&b);
	deliver(w, &d);
	wants = meet_server_wants(w->s);
	if (may_grow && wants > 0 && wants < SLOTS_MAX) {
		struct meet_peer *slots = calloc(wants, sizeof(*slots));

		FUZZ_CHECK(slots && wants > w->s->table.n_slots);
		free(meet_server_grow(w->s, slots, wants));
	}
}

/* What an owner does when its socket or its address changed, and what it looks at. */
static void op_owner(struct world *w, struct adit_rd *r)
{
	uint8_t how = adit_rd_u8(r);
	struct meet_client *c = &w->c[how & 1];

	meet_client_moved(c, w->now, how & 8 ? ADIT_FAMILY_V6 : ADIT_FAMILY_V4);
	if (how & 2)
		meet_client_set_addr(c, w->now, 0, &w->server);
	if (how & 4)
		meet_client_prepare(c, w->now);
	FUZZ_CHECK(meet_client_rtt(c, 0) == 0 || meet_client_is_alive(c, 0));
	drain(w, how & 1);
}

static void op_command(struct world *w, struct adit_rd *r)
{
	static const struct meet_offer offer = {
		.ufrag = "u", .pwd = "p", .n_cands = 1, .cands = {{.addr = {.family = 4}}}};
	struct meet_server_out out;
	uint8_t buf[MEET_MSG_MAX];

	switch (adit_rd_u8(r) % 5) {
	case 0:
		FUZZ_CHECK(meet_client_offer(&w->c[1], w->now, &offer) == 0);
		break;
	case 1:
		meet_client_report(&w->c[1], w->now, MEET_PATH_PUNCHED, adit_rd_u32(r));
		break;
	case 2:
		meet_client_serve(&w->c[0], w->now);
		break;
	case 3:
		meet_client_stop(&w->c[adit_rd_u8(r) & 1]);
		break;
	default:
		meet_server_drain(w->s);
		for (int n = 0; meet_server_goodbye(w->s, buf, &out); n++) {
			FUZZ_CHECK(n < SLOTS_MAX);
			put(w, &w->server, &out.remote, buf, out.len);
		}
		w->s->draining = false;
		break;
	}
	drain(w, 0);
	drain(w, 1);
}

static void begin(struct world *w, struct meet_peer *slots)
{
	struct meet_server_config scfg = {
		.crypto = &fuzz_meet_crypto, .rng = fuzz_rng(&w->next), .lender = &lender, .no_limits = true};

	w->now = ADIT_SEC(1000);
	w->server = adit_addr_v4(203, 0, 113, 1, 3478);
	meet_server_init(w->s, w->now, &scfg, slots, SLOTS);
	meet_server_set_utc(w->s, w->now, UINT64_C(1790000000) * ADIT_SEC(1));
	for (uint8_t i = 0; i < 2; i++) {
		struct meet_client_config cfg = {.role = i ? MEET_CONNECT : MEET_SERVE,
						 .crypto = &fuzz_crypto,
						 .meet_crypto = &fuzz_meet_crypto,
						 .rng = fuzz_rng(&w->next),
						 .borrow = true};

		w->addr[i] = adit_addr_v4(192, 0, 2, i, 4000);
		meet_client_init(&w->c[i], w->now, &cfg);
		meet_client_set_utc(&w->c[i], w->now, UINT64_C(1790000000) * ADIT_SEC(1));
		FUZZ_CHECK(meet_client_add(&w->c[i], "m", &w->server) == 0);
	}
	meet_client_serve(&w->c[0], w->now);
	drain(w, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct meet_server server;
	struct adit_rd r = adit_rd_over(data, size < 2000 ? size : 2000);
	struct meet_peer *slots = calloc(SLOTS, sizeof(*slots));
	struct world *w = calloc(1, sizeof(*w));

	FUZZ_CHECK(w && slots);
	w->s = &server;
	begin(w, slots);
	while (adit_rd_left(&r) > 0) {
		uint8_t op = adit_rd_u8(&r) % 16;

		switch (op > 9 ? op - 8 : op) {
		case 0:
			op_invent(w, &r);
			break;
		case 1:
			op_time(w, &r);
			break;
		case 2:
			op_command(w, &r);
			break;
		case 8:
			op_crowd(w, &r);
			break;
		case 9:
			op_owner(w, &r);
			break;
		default:
			op_deliver(w, &r);
			break;
		}
	}
	meet_client_done(&w->c[0]);
	meet_client_done(&w->c[1]);
	free(server.table.slots);
	free(w);
	return 0;
}
