/* <adit/punch.h>: link/link_find.h looks for paths, core/punch/punch_agree.h picks one, its socket is handed out. */
#include <adit/punch.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/api_int.h"
#include "api/api_key.h"
#include "api/api_meet.h"
#include "base/bytes.h"
#include "core/punch/punch_agree.h"
#include "crypto/crypto.h"
#include "crypto/crypto_meet.h"
#include "io/io_clock.h"
#include "io/io_wait.h"
#include "link/link_find.h"

#define CONFIG_MIN offsetof(struct adit_punch_config, port) /* what no caller does without */
#define SECRET_MIN 16 /* bytes: 128 bits */
#define READS_MAX  64 /* datagrams in one call, until the caller gets its turn */
#define PUNCH_NEWS 16 /* that wait for the caller; more at once are lost: they come again */

struct adit_punch {
	struct adit_punch_config cfg;
	struct adit_log log;
	struct io_wait *wait;
	struct link_config find_cfg;
	struct link_find find;
	struct punch_agree agree;
	struct api_meet meet;
	bool is_asking; /* the agreement was, when last looked at */
	bool is_done;
	bool tell_stuck;
	adit_dur rtt; /* of the last pair that was found valid */
	struct reach_event news[PUNCH_NEWS];
	size_t n_news;
	struct adit_punch_event event;
};

/* --- life --- */

/* The ticket is the pair's, whichever side this is; a mediator wants to know whose it is. */
static int read_ticket(const struct adit_punch_config *cfg, struct link_config *fc)
{
	struct crypto_identity id;
	struct trust_ticket t;
	int err = trust_ticket_decode(cfg->ticket, strlen(cfg->ticket), &crypto_gnutls, &t);

	if (err < 0)
		return err;
	if (trust_ticket_is_by_key(&t))
		return ADIT_EINVAL;
	trust_keys_from_ticket(&crypto_gnutls, &t, fc->k);
	memcpy(fc->peer_key, t.identity, sizeof(fc->peer_key));
	trust_ticket_done(&t);
	if (!cfg->serve || !cfg->meets)
		return 0;
	err = cfg->identity ? crypto_identity_parse(cfg->identity, &id) : ADIT_EINVAL;
	if (err < 0)
		return err;
	memcpy(fc->own_key, id.public_key, sizeof(fc->own_key));
	memcpy(fc->own_seed, id.seed, sizeof(fc->own_seed));
	crypto_identity_done(&id);
	return memcmp(fc->own_key, fc->peer_key, sizeof(fc->own_key)) == 0 ? 0 : ADIT_EINVAL;
}

static int read_secret(const struct adit_punch_config *cfg, struct link_config *fc)
{
	static const char label[] = "adit punch secret";

	if ((cfg->ticket != NULL) == (cfg->secret != NULL) || cfg->port > UINT16_MAX)
		return ADIT_EINVAL;
	if (cfg->ticket)
		return read_ticket(cfg, fc);
	if (cfg->secret_len < SECRET_MIN || cfg->meets)
		return ADIT_EINVAL;
	crypto_gnutls.hkdf_sha256(cfg->secret, cfg->secret_len, label, strlen(label), fc->k, sizeof(fc->k));
	return 0;
}

static void init_agree(struct adit_punch *p)
{
	struct punch_agree_config ac = {
		.role = p->find_cfg.role,
		.crypto = p->find_cfg.crypto,
		.log = p->find_cfg.log,
		.rng = p->find_cfg.rng,
		.instance = p->find_cfg.instance,
	};

	memcpy(ac.k, p->find_cfg.k, sizeof(ac.k));
	punch_agree_init(&p->agree, &ac, io_clock_now());
	adit_bytes_wipe(&ac, sizeof(ac));
}

static int init_machines(struct adit_punch *p)
{
	struct link_config *fc = &p->find_cfg;
	struct reach_memory memory;
	int err = api_meet_memory(p->cfg.memory, &memory);

	if (err == ADIT_EINVAL)
		return err;
	fc->role = p->cfg.serve ? PUNCH_SERVE : PUNCH_CONNECT;
	fc->crypto = &crypto_gnutls;
	fc->meet_crypto = &crypto_meet;
	fc->log = p->log.write ? &p->log : NULL;
	fc->rng = crypto_rng();
	fc->instance = adit_rng_u64(&fc->rng);
	fc->pinned_port = (uint16_t)p->cfg.port;
	fc->meets = p->cfg.meets;
	fc->memory = err == 0 ? &memory : NULL;
	err = link_find_init(&p->find, fc, io_clock_now());
	fc->memory = NULL;
	if (err == 0)
		init_agree(p);
	return err;
}

API_NO_TAIL(struct adit_punch_config, port);

int adit_punch_new(const struct adit_punch_config *cfg, struct adit_punch **ret_punch)
{
	struct adit_punch *p = calloc(1, sizeof(*p));
	int err;

	if (!p)
		return ADIT_ENOMEM;
	err = api_config_copy(&p->cfg, sizeof(p->cfg), CONFIG_MIN, cfg);
	api_log_init(&p->log, &p->cfg.log);
	if (err == 0)
		err = read_secret(&p->cfg, &p->find_cfg);
	if (err == 0)
		err = io_wait_new(false, p->log.write ? &p->log : NULL, &p->wait);
	if (err == 0)
		err = init_machines(p);
	if (err < 0) {
		adit_punch_free(p);
		return err;
	}
	p->cfg.ticket = p->cfg.identity = p->cfg.memory = NULL; /* the caller's: not kept */
	p->cfg.secret = NULL;
	*ret_punch = p;
	return 0;
}

void adit_punch_free(struct adit_punch *p)
{
	if (!p)
		return;
	io_wait_free(p->wait);
	link_find_done(&p->find);
	adit_bytes_wipe(p, sizeof(*p));
	free(p);
}

/* --- running --- */

static adit_time deadline(const struct adit_punch *p)
{
	if (p->is_done)
		return ADIT_NEVER;
	return adit_time_min(link_find_deadline(&p->find, 0), punch_agree_deadline(&p->agree));
}

static bool next_output(struct adit_punch *p, adit_time now, struct adit_out *ret_out)
{
	return punch_agree_output(&p->agree, now, ret_out) || link_find_output(&p->find, now, ret_out);
}

static void send_outputs(struct adit_punch *p, adit_time now)
{
	struct adit_out out;

	while (!io_wait_is_blocked(p->wait) && next_output(p, now, &out))
		if (io_wait_act(p->wait, &out) == ADIT_ESYS)
			link_find_sock_failed(&p->find, now, out.sock);
}

static void take_events(struct adit_punch *p, adit_time now)
{
	struct link_found f;

	while (link_find_event(&p->find, now, &f)) {
		switch (f.kind) {
		case LINK_FOUND_HEARD:
			break;
		case LINK_FOUND_STUCK:
			p->tell_stuck = true;
			break;
		case LINK_FOUND_VALID:
			p->rtt = f.info.rtt;
			punch_agree_valid(&p->agree, now, f.sock, &f.info.local, &f.info.remote);
			break;
		case LINK_FOUND_NEWS:
			if (p->n_news < PUNCH_NEWS)
				p->news[p->n_news++] = f.news;
			break;
		}
	}
}

/* Closes all sockets but those that were taken. */
static void stop(struct adit_punch *p, adit_time now)
{
	link_find_stop(&p->find, now);
	send_outputs(p, now);
}

/* No pair that was valid answers any more: the search begins anew. */
static void begin_again(struct adit_punch *p, adit_time now)
{
	stop(p, now);
	link_find_start(&p->find, now);
}

/* An ordinary socket, connected to the peer, or -1. */
static int take_socket(struct adit_punch *p, adit_time now, const struct punch_agree_pair *pair)
{
	int fd = link_find_take(&p->find, now, pair->sock) < 0 ? -1 : io_wait_take(p->wait, pair->sock);

	if (fd < 0 || io_sock_hand_over(fd, &pair->remote) == 0)
		return fd;
	close(fd);
	return -1;
}

/* The socket that both sides agreed on goes to the caller. false: the way to the peer is just going away. */
static bool hand_over(struct adit_punch *p, adit_time now)
{
	const struct punch_agree_pair *pair = punch_agree_pair(&p->agree);
	int fd = take_socket(p, now, pair);

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

/* 0; EIGNORED: nothing for this number of the socket. */
static int take_dgram(struct adit_punch *p, adit_time now, const struct adit_dgram *d)
{
	int err;

	if (punch_agree_input(&p->agree, now, d) == 0)
		return 0;
	/* What it could not read, a mediator's words among it, may be somebody else's. */
	err = link_find_input(&p->find, now, d);
	take_events(p, now);
	return err;
}

/* A port of the caller's is opened twice: for who goes by the clock, and for who goes by mediators. */
static void take_news(struct adit_punch *p, adit_time now, struct io_wait_news *news)
{
	bool is_icmp = news->kind == IO_WAIT_ICMP;
	uint32_t nr[IO_WAIT_SHARED_MAX];
	size_t n = io_wait_numbers(p->wait, is_icmp ? news->icmp.sock : news->dgram.sock, nr);

	for (size_t i = 0; i < n; i++) {
		news->icmp.sock = news->dgram.sock = nr[i];
		if (is_icmp)
			link_find_icmp(&p->find, now, &news->icmp);
		else if (take_dgram(p, now, &news->dgram) != ADIT_EIGNORED)
			break;
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

/* The clock, and the own addresses, as they are now. */
static void look_around(struct adit_punch *p)
{
	adit_time now = io_clock_now();

	link_find_set_utc(&p->find, now, io_clock_utc());
	punch_agree_set_utc(&p->agree, now, io_clock_utc());
	if (p->cfg.meets && api_meet_look(&p->meet, now))
		link_find_set_hosts(&p->find, now, p->meet.hosts, p->meet.n_hosts);
}

void adit_punch_process(struct adit_punch *p)
{
	struct io_wait_news news;

	if (p->is_done)
		return;
	io_wait_poll(p->wait);
	look_around(p);
	for (int n = 0; n < READS_MAX; n++) {
		io_wait_read(p->wait, &news);
		if (news.kind == IO_WAIT_NOTHING)
			break;
		take_news(p, io_clock_now(), &news);
	}
	link_find_tick(&p->find, io_clock_now());
	punch_agree_tick(&p->agree, io_clock_now());
	settle(p);
}

int adit_punch_set_peers(struct adit_punch *p, const struct sockaddr_storage *addrs, size_t n)
{
	struct adit_addr peers[PUNCH_PEERS_MAX];

	if (api_peers_from(addrs, n, peers) < 0)
		return ADIT_EINVAL;
	link_find_set_peers(&p->find, io_clock_now(), peers, n);
	settle(p);
	return 0;
}

int adit_punch_add_mediator(struct adit_punch *p, const char *name, const struct sockaddr *addr, socklen_t len)
{
	struct adit_addr a;
	int err;

	if (!p->cfg.meets || api_address_from(addr, len, &a) < 0)
		return ADIT_EINVAL;
	look_around(p);
	err = link_find_add_mediator(&p->find, io_clock_now(), name, &a);
	settle(p);
	return err;
}

int adit_punch_add_server(struct adit_punch *p, const struct sockaddr *addr, socklen_t len)
{
	struct adit_addr a;
	int err;

	if (!p->cfg.meets || api_address_from(addr, len, &a) < 0)
		return ADIT_EINVAL;
	err = link_find_add_server(&p->find, io_clock_now(), &a);
	settle(p);
	return err;
}

void adit_punch_start(struct adit_punch *p)
{
	if (p->is_done)
		return;
	look_around(p);
	link_find_start(&p->find, io_clock_now());
	settle(p);
}

static const char *mediator_name(const struct adit_punch *p, unsigned i)
{
	return i < p->find.n_mediators ? p->find.mediators[i].name : NULL;
}

/* The oldest of the meeting's news that are for the caller. */
static bool tell_news(struct adit_punch *p)
{
	while (p->n_news > 0) {
		struct reach_event e = p->news[0];
		const char *name = mediator_name(p, e.mediator);

		memmove(&p->news[0], &p->news[1], --p->n_news * sizeof(p->news[0]));
		p->event.kind = ADIT_PUNCH_MEETING;
		if (api_meet_tell(&p->meet, &e, name, &p->event.meeting))
			return true;
	}
	return false;
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
	if (tell_news(p))
		return &p->event;
	if (punch_agree_state(&p->agree) != PUNCH_AGREE_AGREED)
		return NULL;
	return hand_over(p, io_clock_now()) ? &p->event : NULL;
}
