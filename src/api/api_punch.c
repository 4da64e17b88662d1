#include <adit/punch.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/api_int.h"
#include "api/api_key.h"
#include "base/bytes.h"
#include "core/punch/punch.h"
#include "core/punch/punch_agree.h"
#include "crypto/crypto.h"
#include "io/io_clock.h"
#include "io/io_wait.h"

#define CONFIG_MIN offsetof(struct adit_punch_config, port) /* what no caller does without */
#define SECRET_MIN 16 /* bytes: 128 bits */
#define READS_MAX  64 /* datagrams in one call, until the caller gets its turn */

struct adit_punch {
	struct adit_punch_config cfg;
	struct adit_log log;
	struct io_wait *wait;
	struct punch_replay replay;
	struct punch punch;
	struct punch_agree agree;
	bool is_asking; /* the agreement was, when last looked at */
	bool is_done;
	bool tell_stuck;
	adit_dur rtt; /* of the last pair that was found valid */
	struct adit_punch_event event;
};

/* --- life --- */

static int read_ticket(const char *text, uint8_t ret_k[TRUST_K_LEN])
{
	struct trust_ticket t;
	int err = trust_ticket_decode(text, strlen(text), &crypto_gnutls, &t);

	if (err < 0)
		return err;
	if (trust_ticket_is_by_key(&t))
		return ADIT_EINVAL;
	trust_keys_from_ticket(&crypto_gnutls, &t, ret_k);
	trust_ticket_done(&t);
	return 0;
}

static int read_secret(const struct adit_punch_config *cfg, uint8_t ret_k[TRUST_K_LEN])
{
	static const char label[] = "adit punch secret";

	if ((cfg->ticket != NULL) == (cfg->secret != NULL))
		return ADIT_EINVAL;
	if (cfg->ticket)
		return read_ticket(cfg->ticket, ret_k);
	if (cfg->secret_len < SECRET_MIN)
		return ADIT_EINVAL;
	crypto_gnutls.hkdf_sha256(cfg->secret, cfg->secret_len, label, strlen(label), ret_k, TRUST_K_LEN);
	return 0;
}

static void init_machines(struct adit_punch *p, const uint8_t k[TRUST_K_LEN])
{
	struct adit_rng rng = crypto_rng();
	struct punch_config pc = {
		.role = p->cfg.serve ? PUNCH_SERVE : PUNCH_CONNECT,
		.crypto = &crypto_gnutls,
		.log = p->log.write ? &p->log : NULL,
		.rng = rng,
		.instance = adit_rng_u64(&rng),
		.pinned_port = p->cfg.port,
		.low_ttl = true,
		.replay = &p->replay,
	};
	struct punch_agree_config ac = {
		.role = pc.role,
		.crypto = pc.crypto,
		.log = pc.log,
		.rng = rng,
		.instance = pc.instance,
	};

	memcpy(pc.k, k, sizeof(pc.k));
	memcpy(ac.k, k, sizeof(ac.k));
	punch_replay_init(&p->replay);
	punch_init(&p->punch, &pc, io_clock_now());
	punch_agree_init(&p->agree, &ac, io_clock_now());
	adit_bytes_wipe(&pc, sizeof(pc));
	adit_bytes_wipe(&ac, sizeof(ac));
}

int adit_punch_new(const struct adit_punch_config *cfg, struct adit_punch **ret_punch)
{
	struct adit_punch *p = calloc(1, sizeof(*p));
	uint8_t k[TRUST_K_LEN];
	int err;

	if (!p)
		return ADIT_ENOMEM;
	err = api_config_copy(&p->cfg, sizeof(p->cfg), CONFIG_MIN, cfg);
	api_log_init(&p->log, &p->cfg.log);
	if (err == 0)
		err = read_secret(&p->cfg, k);
	if (err == 0)
		err = io_wait_new(false, p->log.write ? &p->log : NULL, &p->wait);
	if (err < 0) {
		free(p);
		return err;
	}
	p->cfg.ticket = NULL; /* the caller's: not kept */
	p->cfg.secret = NULL;
	init_machines(p, k);
	adit_bytes_wipe(k, sizeof(k));
	*ret_punch = p;
	return 0;
}

void adit_punch_free(struct adit_punch *p)
{
	if (!p)
		return;
	io_wait_free(p->wait);
	adit_bytes_wipe(p, sizeof(*p));
	free(p);
}

/* --- running --- */

static adit_time deadline(const struct adit_punch *p)
{
	if (p->is_done)
		return ADIT_NEVER;
	return adit_time_min(punch_deadline(&p->punch), punch_agree_deadline(&p->agree));
}

static bool next_output(struct adit_punch *p, adit_time now, struct adit_out *ret_out)
{
	return punch_agree_output(&p->agree, now, ret_out) || punch_output(&p->punch, now, ret_out);
}

static void send_outputs(struct adit_punch *p, adit_time now)
{
	struct adit_out out;

	while (!io_wait_is_blocked(p->wait) && next_output(p, now, &out))
		if (io_wait_act(p->wait, &out) == ADIT_ESYS)
			punch_sock_failed(&p->punch, now, out.sock);
}

static void take_events(struct adit_punch *p, adit_time now)
{
	struct punch_event e;

	while (punch_event(&p->punch, &e)) {
		if (e.kind == PUNCH_EVENT_STUCK)
			p->tell_stuck = true;
		if (e.kind != PUNCH_EVENT_VALID)
			continue;
		p->rtt = e.rtt;
		punch_agree_valid(&p->agree, now, e.sock, &e.local, &e.remote);
	}
}

/* Closes all sockets but those that were taken. */
static void stop(struct adit_punch *p, adit_time now)
{
	punch_stop(&p->punch, now);
	send_outputs(p, now);
}

/* No pair that was valid answers any more: the search begins anew. */
static void begin_again(struct adit_punch *p, adit_time now)
{
	stop(p, now);
	punch_start(&p->punch, now);
}

/* An ordinary socket, connected to the peer, or -1. */
static int take_socket(struct adit_punch *p, const struct punch_agree_pair *pair)
{
	int fd = punch_take(&p->punch, pair->sock) < 0 ? -1 : io_wait_take(p->wait, pair->sock);

	if (fd < 0 || io_sock_hand_over(fd, &pair->remote) == 0)
		return fd;
	close(fd);
	return -1;
}

/* The socket that both sides agreed on goes to the caller. false: the way to the peer is just going away. */
static bool hand_over(struct adit_punch *p, adit_time now)
{
	const struct punch_agree_pair *pair = punch_agree_pair(&p->agree);
	int fd = take_socket(p, pair);

	if (fd < 0) {
		punch_agree_reset(&p->agree, now);
		begin_again(p, now);
		io_wait_arm(p->wait, deadline(p));
		return false;
	}
	p->event = (struct adit_punch_event){.kind = ADIT_PUNCH_OPEN, .fd = fd, .rtt = p->rtt};
	api_address_to(&pair->remote, &p->event.peer);
	api_address_to(&pair->mapped, &p->event.mapped);
	stop(p, now);
	p->is_done = true;
	io_wait_arm(p->wait, ADIT_NEVER);
	return true;
}

/* Outputs, events, and what follows from them, until nothing more does. */
static void settle(struct adit_punch *p)
{
	adit_time now = io_clock_now();
	bool is_asking;

	if (p->is_done)
		return;
	send_outputs(p, now);
	take_events(p, now);
	is_asking = punch_agree_state(&p->agree) == PUNCH_AGREE_ASKING;
	if (p->is_asking && punch_agree_state(&p->agree) == PUNCH_AGREE_OPEN)
		begin_again(p, now);
	p->is_asking = is_asking;
	send_outputs(p, now);
	io_wait_arm(p->wait, deadline(p));
}

static void take_news(struct adit_punch *p, adit_time now, const struct io_wait_news *news)
{
	if (news->kind == IO_WAIT_ICMP) {
		punch_icmp(&p->punch, now, &news->icmp);
	} else if (punch_agree_input(&p->agree, now, &news->dgram) == ADIT_EIGNORED) {
		(void)punch_input(&p->punch, now, &news->dgram);
		take_events(p, now);
	}
	send_outputs(p, now);
}

int adit_punch_fd(const struct adit_punch *p)
{
	return io_wait_fd(p->wait);
}

uint64_t adit_punch_deadline(const struct adit_punch *p)
{
	return deadline(p);
}

void adit_punch_process(struct adit_punch *p)
{
	adit_time now = io_clock_now();
	struct io_wait_news news;

	if (p->is_done)
		return;
	io_wait_poll(p->wait);
	punch_set_utc(&p->punch, now, io_clock_utc());
	punch_agree_set_utc(&p->agree, now, io_clock_utc());
	for (int n = 0; n < READS_MAX; n++) {
		io_wait_read(p->wait, &news);
		if (news.kind == IO_WAIT_NOTHING)
			break;
		take_news(p, io_clock_now(), &news);
	}
	punch_tick(&p->punch, io_clock_now());
	punch_agree_tick(&p->agree, io_clock_now());
	settle(p);
}

int adit_punch_set_peers(struct adit_punch *p, const struct sockaddr_storage *addrs, size_t n)
{
	struct adit_addr peers[PUNCH_PEERS_MAX];

	if (n > PUNCH_PEERS_MAX)
		return ADIT_EINVAL;
	for (size_t i = 0; i < n; i++)
		if (api_address_from((const struct sockaddr *)&addrs[i], sizeof(addrs[i]), &peers[i]) < 0)
			return ADIT_EINVAL;
	punch_set_peers(&p->punch, io_clock_now(), peers, n);
	settle(p);
	return 0;
}

void adit_punch_start(struct adit_punch *p)
{
	adit_time now = io_clock_now();

	if (p->is_done)
		return;
	punch_set_utc(&p->punch, now, io_clock_utc());
	punch_agree_set_utc(&p->agree, now, io_clock_utc());
	punch_start(&p->punch, now);
	settle(p);
}

const struct adit_punch_event *adit_punch_next_event(struct adit_punch *p)
{
	p->event = (struct adit_punch_event){.fd = -1};
	if (p->is_done)
		return NULL;
	if (p->tell_stuck) {
		p->tell_stuck = false;
		p->event.kind = ADIT_PUNCH_STUCK;
		return &p->event;
	}
	if (punch_agree_state(&p->agree) != PUNCH_AGREE_AGREED)
		return NULL;
	return hand_over(p, io_clock_now()) ? &p->event : NULL;
}
