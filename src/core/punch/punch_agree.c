#include "core/punch/punch_agree.h"

#include <string.h>

#include "base/bytes.h"

static void set_state(struct punch_agree *a, enum punch_agree_state state)
{
	static const char *const names[] = {"open", "asking", "asked", "agreed"};

	if (a->state == state)
		return;
	adit_trace(a->cfg.log, ADIT_LOG_DECIDE, "punch_agree from=%s to=%s", names[a->state], names[state]);
	a->state = state;
}

static void set_now(struct punch_agree *a, adit_time now)
{
	if (now > a->now)
		a->now = now;
}

static adit_utc utc_now(const struct punch_agree *a)
{
	return a->utc + adit_time_since(a->now, a->utc_at);
}

void punch_agree_init(struct punch_agree *a, const struct punch_agree_config *cfg, adit_time now)
{
	static const char label[] = "adit punch agree";
	uint8_t secret[32];

	memset(a, 0, sizeof(*a));
	a->cfg = *cfg;
	cfg->crypto->hkdf_sha256(cfg->k, sizeof(cfg->k), label, strlen(label), secret, sizeof(secret));
	punch_keys_init(&a->keys, cfg->crypto, secret);
	adit_bytes_wipe(secret, sizeof(secret));
	punch_replay_init(&a->replay);
	a->now = now;
	a->ask_at = a->calm_at = ADIT_NEVER;
}

void punch_agree_set_utc(struct punch_agree *a, adit_time now, adit_utc utc)
{
	set_now(a, now);
	a->utc = utc;
	a->utc_at = a->now;
}

void punch_agree_reset(struct punch_agree *a, adit_time now)
{
	set_now(a, now);
	a->n_pairs = 0;
	a->asks = 0;
	a->has_answer = false;
	a->ask_at = a->calm_at = ADIT_NEVER;
	set_state(a, PUNCH_AGREE_OPEN);
}

/* Forgets pair |i|; what is asked over it is no longer of interest. */
static void pair_drop(struct punch_agree *a, size_t i)
{
	a->n_pairs--;
	memmove(&a->pairs[i], &a->pairs[i + 1], (a->n_pairs - i) * sizeof(a->pairs[0]));
}

static void propose(struct punch_agree *a)
{
	a->asks = 0;
	a->ask_at = a->n_pairs > 0 ? a->now : ADIT_NEVER;
	set_state(a, a->n_pairs > 0 ? PUNCH_AGREE_ASKING : PUNCH_AGREE_OPEN);
}

static bool is_pair(const struct punch_agree_pair *p, uint32_t sock, const struct adit_addr *remote)
{
	return p->sock == sock && adit_addr_eq(&p->remote, remote);
}

void punch_agree_valid(struct punch_agree *a, adit_time now, uint32_t sock, const struct adit_addr *local,
		       const struct adit_addr *remote)
{
	set_now(a, now);
	if (a->cfg.role != PUNCH_CONNECT || a->state == PUNCH_AGREE_AGREED)
		return;
	for (size_t i = 0; i < a->n_pairs; i++)
		if (is_pair(&a->pairs[i], sock, remote))
			return;
	if (a->n_pairs == PUNCH_AGREE_PAIRS_MAX)
		pair_drop(a, 1); /* the first is being asked */
	a->pairs[a->n_pairs++] = (struct punch_agree_pair){.sock = sock, .local = *local, .remote = *remote};
	if (a->state == PUNCH_AGREE_OPEN)
		propose(a);
}

/* --- in --- */

static bool is_ours(const struct punch_agree *a, const uint8_t *txid)
{
	for (unsigned i = 0; i < a->asks; i++)
		if (memcmp(a->txids[i], txid, STUN_TXID_LEN) == 0)
			return true;
	return false;
}

static int input_answer(struct punch_agree *a, const struct adit_dgram *d, const struct punch_probe *probe)
{
	/* RFC 8445 7.2.5.2.1: from where the request went, to where it came from. */
	if (a->state != PUNCH_AGREE_ASKING || !is_pair(&a->pairs[0], d->sock, &d->remote))
		return ADIT_EIGNORED;
	a->pairs[0].mapped = probe->mapped;
	a->ask_at = ADIT_NEVER;
	set_state(a, PUNCH_AGREE_AGREED);
	return 0;
}

/* Another pair than before: the peer has given up that one. */
static int input_proposal(struct punch_agree *a, const struct adit_dgram *d, const struct punch_probe *probe)
{
	if (punch_replay_check(&a->replay, a->now, probe->instance, probe->stamp) < 0)
		return ADIT_EREPLAY;
	a->asked = (struct punch_agree_pair){.sock = d->sock, .local = d->local, .remote = d->remote};
	a->answer_len = punch_probe_answer(&a->keys, a->cfg.role, probe->txid, &d->remote, utc_now(a), a->cfg.instance,
					   a->answer);
	a->has_answer = true;
	a->calm_at = adit_time_add(a->now, PUNCH_AGREE_CALM);
	set_state(a, PUNCH_AGREE_ASKED);
	return 0;
}

int punch_agree_input(struct punch_agree *a, adit_time now, const struct adit_dgram *d)
{
	const uint8_t *txid = punch_probe_answered(d->data, d->len);
	struct punch_probe probe;
	int r;

	set_now(a, now);
	if ((txid && !is_ours(a, txid)) || d->remote.port == 0)
		return ADIT_EIGNORED;
	r = punch_probe_read(&a->keys, a->cfg.role, d->data, d->len, &probe);
	if (r < 0)
		return r;
	if (probe.is_answer)
		return input_answer(a, d, &probe);
	if (a->cfg.role != PUNCH_SERVE || a->state == PUNCH_AGREE_AGREED)
		return ADIT_EIGNORED;
	return input_proposal(a, d, &probe);
}

/* --- time, out --- */

void punch_agree_tick(struct punch_agree *a, adit_time now)
{
	set_now(a, now);
	if (a->now >= a->calm_at) {
		a->calm_at = ADIT_NEVER;
		set_state(a, PUNCH_AGREE_AGREED);
	}
	if (a->now >= a->ask_at && a->asks == PUNCH_AGREE_ASKS_MAX) {
		pair_drop(a, 0);
		propose(a);
	}
}

adit_time punch_agree_deadline(const struct punch_agree *a)
{
	return a->has_answer ? a->now : adit_time_min(a->ask_at, a->calm_at);
}

static void put(struct adit_out *out, const struct punch_agree_pair *p, const uint8_t *data, size_t len)
{
	*out = (struct adit_out){
		.kind = ADIT_OUT_SEND,
		.sock = p->sock,
		.local = p->local,
		.remote = p->remote,
		.data = data,
		.len = len,
	};
}

int punch_agree_output(struct punch_agree *a, adit_time now, struct adit_out *ret_out)
{
	adit_utc stamp;
	uint8_t *txid;

	set_now(a, now);
	if (a->has_answer) {
		a->has_answer = false;
		put(ret_out, &a->asked, a->answer, a->answer_len);
		return 1;
	}
	if (a->now < a->ask_at || a->asks == PUNCH_AGREE_ASKS_MAX)
		return 0;
	txid = a->txids[a->asks++];
	adit_rng_fill(&a->cfg.rng, txid, STUN_TXID_LEN);
	a->ask_at = adit_time_add(a->now, a->asks == PUNCH_AGREE_ASKS_MAX ? PUNCH_AGREE_LAST : PUNCH_AGREE_STEP);
	stamp = punch_replay_stamp(&a->replay, a->now, utc_now(a));
	put(ret_out, &a->pairs[0], a->out,
	    punch_probe_request(&a->keys, a->cfg.role, txid, stamp, a->cfg.instance, NULL, a->out));
	return 1;
}

enum punch_agree_state punch_agree_state(const struct punch_agree *a)
{
	return a->state;
}

const struct punch_agree_pair *punch_agree_pair(const struct punch_agree *a)
{
	return a->cfg.role == PUNCH_CONNECT ? &a->pairs[0] : &a->asked;
}
