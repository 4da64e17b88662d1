#include "api/api_endpoint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/api_key.h"
#include "base/bytes.h"
#include "core/trust/trust_idline.h"
#include "core/trust/trust_name.h"
#include "crypto/crypto.h"
#include "crypto/crypto_mb.h"
#include "crypto/crypto_meet.h"
#include "io/io_clock.h"
#include "io/io_mtu.h"

#define CONFIG_MIN  offsetof(struct adit_endpoint_config, port) /* what no caller does without */
#define LINGER      ADIT_SEC(300) /* as the program, whose --linger is 5 min at both ends */
#define READS_MAX   16 /* batches of datagrams in one call, until the caller gets its turn */
#define OUTPUTS_MAX 32 /* batches sent in one call, likewise */
#define FLAGS       (ADIT_ENDPOINT_RELAY_ONLY | ADIT_ENDPOINT_DIRECT_ONLY | ADIT_ENDPOINT_PORTMAP | ADIT_ENDPOINT_BORROW)

/* --- life --- */

static int copy_services(struct adit_endpoint *ep)
{
	const struct adit_service *from = ep->cfg.services;
	size_t n = ep->cfg.n_services;

	ep->names = calloc(FWD_SERVICES_MAX, sizeof(ep->names[0]));
	ep->services = calloc(FWD_SERVICES_MAX, sizeof(ep->services[0]));
	if (!ep->names || !ep->services)
		return ADIT_ENOMEM;
	ep->cfg.services = NULL; /* the caller's: not kept */
	if (!ep->cfg.serve)
		return 0;
	if (!from || n == 0 || n > FWD_SERVICES_MAX)
		return ADIT_EINVAL;
	/* Numbers on the wire are the places in the list, from 1. */
	for (size_t i = 0; i < n; i++) {
		if (!from[i].name || !trust_name_is_valid(from[i].name, strlen(from[i].name)) ||
		    api_endpoint_service(ep, from[i].name))
			return ADIT_EINVAL;
		ep->names[i].id = (uint16_t)(i + 1);
		ep->names[i].kind = from[i].datagrams ? FWD_KIND_DGRAM : FWD_KIND_STREAM;
		ep->names[i].port = from[i].port;
		snprintf(ep->names[i].name, sizeof(ep->names[i].name), "%s", from[i].name);
		ep->n_services++;
	}
	return 0;
}

/* |memory|: NULL, or what was learnt in an earlier run. */
static int make_link(struct adit_endpoint *ep, const struct api_keys *keys, const struct reach_memory *memory)
{
	struct adit_rng rng = crypto_rng();
	struct link_config lc = {
		.role = ep->cfg.serve ? PUNCH_SERVE : PUNCH_CONNECT,
		.crypto = &crypto_gnutls,
		.log = ep->log.write ? &ep->log : NULL,
		.rng = rng,
		.creds = ep->creds,
		.has_peer_key = keys->has_peer_key,
		.single = ep->cfg.single,
		.instance = adit_rng_u64(&rng),
		.pinned_port = (uint16_t)ep->cfg.port,
		.is_forwarded = ep->cfg.mapped != 0,
		.max_payload = io_mtu_payload(),
		.meets = ep->cfg.meets,
		.meet_crypto = &crypto_meet,
		.relay_only = (ep->cfg.flags & ADIT_ENDPOINT_RELAY_ONLY) != 0,
		.direct_only = (ep->cfg.flags & ADIT_ENDPOINT_DIRECT_ONLY) != 0,
		.borrow = (ep->cfg.flags & ADIT_ENDPOINT_BORROW) != 0 && !ep->cfg.serve,
		.memory = memory,
		.linger = ep->cfg.linger ? ep->cfg.linger : LINGER,
		.services = ep->names,
		.n_services = ep->n_services,
	};
	int err;

	memcpy(lc.k, keys->k, sizeof(lc.k));
	memcpy(lc.secret_id, keys->ticket.secret_id, sizeof(lc.secret_id));
	memcpy(lc.peer_key, keys->peer_key, sizeof(lc.peer_key));
	memcpy(lc.own_key, keys->id.public_key, sizeof(lc.own_key));
	memcpy(lc.own_seed, keys->id.seed, sizeof(lc.own_seed));
	err = link_new(&lc, io_clock_now(), &ep->link);
	adit_bytes_wipe(&lc, sizeof(lc));
	return err;
}

static int make_creds(struct adit_endpoint *ep, const struct api_keys *keys)
{
	const char *why;
	int err = quic_creds_new(keys->id.seed, keys->id.public_key, &ep->creds);

	if (err == 0)
		quic_creds_set_aead(ep->creds, crypto_mb(&why));
	return err;
}

/* Flags and the mapped port, whether they fit together; and whom to trust. */
static int take_ways(struct adit_endpoint *ep)
{
	const struct adit_endpoint_config *c = &ep->cfg;
	unsigned both = ADIT_ENDPOINT_RELAY_ONLY | ADIT_ENDPOINT_DIRECT_ONLY;

	if ((c->flags & ~(unsigned)FLAGS) || (c->flags & both) == both || c->mapped > UINT16_MAX ||
	    (c->mapped && c->port == 0) || (!c->meets && (c->flags || c->mapped)))
		return ADIT_EINVAL;
	ep->relay_ca = c->relay_ca ? strdup(c->relay_ca) : NULL;
	if (c->relay_ca && !ep->relay_ca)
		return ADIT_ENOMEM;
	ep->cfg.relay_ca = NULL; /* the caller's: not kept */
	api_relay_init(&ep->relay);
	api_mapped_init(&ep->mapped, (c->flags & ADIT_ENDPOINT_PORTMAP) != 0, (uint16_t)c->port, (uint16_t)c->mapped,
			ep->log.write ? &ep->log : NULL);
	return 0;
}

static int open_all(struct adit_endpoint *ep)
{
	struct api_key_config kc = {
		.serve = ep->cfg.serve,
		.identity = ep->cfg.identity,
		.ticket = ep->cfg.ticket,
		.allow = ep->cfg.allow,
	};
	struct reach_memory memory;
	struct api_keys keys;
	int known = api_meet_memory(ep->cfg.memory, &memory);
	int err = known == ADIT_EINVAL || ep->cfg.port > UINT16_MAX ? ADIT_EINVAL : api_keys_read(&kc, &keys);

	if (err < 0)
		return err;
	ep->cfg.identity = ep->cfg.ticket = ep->cfg.allow = ep->cfg.memory = NULL; /* the caller's: not kept */
	err = copy_services(ep);
	if (err == 0)
		err = take_ways(ep);
	if (err == 0)
		err = io_wait_new(true, ep->log.write ? &ep->log : NULL, &ep->wait);
	if (err == 0)
		io_wait_trust(ep->wait, ep->relay_ca);
	if (err == 0)
		err = make_creds(ep, &keys);
	if (err == 0)
		err = make_link(ep, &keys, known == 0 ? &memory : NULL);
	api_keys_done(&keys);
	return err;
}

API_NO_TAIL(struct adit_endpoint_config, mapped);

int adit_endpoint_new(const struct adit_endpoint_config *cfg, struct adit_endpoint **ret_endpoint)
{
	struct adit_endpoint *ep = calloc(1, sizeof(*ep));
	int err;

	if (!ep)
		return ADIT_ENOMEM;
	adit_list_init(&ep->streams);
	err = api_config_copy(&ep->cfg, sizeof(ep->cfg), CONFIG_MIN, cfg);
	api_log_init(&ep->log, &ep->cfg.log);
	if (err == 0)
		err = open_all(ep);
	if (err < 0) {
		adit_endpoint_free(ep);
		return err;
	}
	*ret_endpoint = ep;
	return 0;
}

void adit_endpoint_free(struct adit_endpoint *ep)
{
	if (!ep)
		return;
	adit_list_each_safe (it, tmp, &ep->streams)
		api_stream_drop(adit_container(it, struct adit_stream, node));
	link_free(ep->link);
	quic_creds_free(ep->creds);
	io_wait_free(ep->wait);
	api_relay_done(&ep->relay);
	free(ep->relay_ca);
	free(ep->names);
	free(ep->services);
	free(ep);
}

/* --- running --- */

void api_endpoint_touch(struct adit_endpoint *ep)
{
	if (ep->is_dirty)
		return;
	ep->is_dirty = true;
	io_wait_arm(ep->wait, io_clock_now());
}

/* What the machine wants, as far as the sockets and this turn's share go. */
static void send_outputs(struct adit_endpoint *ep)
{
	adit_time now = io_clock_now();
	struct adit_out out;

	for (int n = 0; n < OUTPUTS_MAX; n++) {
		if (io_wait_is_blocked(ep->wait) ||
		    (!api_mapped_output(&ep->mapped, now, &out) && !link_output(ep->link, now, &out))) {
			ep->is_dirty = false;
			return;
		}
		if (io_wait_act(ep->wait, &out) == ADIT_ESYS && !api_mapped_sock_failed(&ep->mapped, now, out.sock))
			link_sock_failed(ep->link, now, out.sock);
	}
	ep->is_dirty = true; /* more is waiting */
}

static adit_time deadline(const struct adit_endpoint *ep)
{
	if (ep->is_dirty)
		return io_clock_now();
	return adit_time_min(link_deadline(ep->link),
			     adit_time_min(ep->relay.renew_at, api_mapped_deadline(&ep->mapped)));
}

static void settle(struct adit_endpoint *ep)
{
	send_outputs(ep);
	io_wait_arm(ep->wait, deadline(ep));
}

int adit_endpoint_fd(const struct adit_endpoint *ep)
{
	return io_wait_fd(ep->wait);
}

uint64_t adit_endpoint_deadline(const struct adit_endpoint *ep)
{
	return deadline(ep);
}

/* The clock, and the own addresses, as they are now. */
static void look_around(struct adit_endpoint *ep)
{
	adit_time now = io_clock_now();

	link_set_utc(ep->link, now, io_clock_utc());
	api_relay_tick(&ep->relay, ep->link, now);
	if (!ep->cfg.meets || !api_meet_look(&ep->meet, now))
		return;
	link_set_hosts(ep->link, now, ep->meet.hosts, ep->meet.n_hosts);
	api_mapped_look(&ep->mapped, ep->wait, ep->link, now);
}

static void take_news(struct adit_endpoint *ep, struct io_wait_news *news)
{
	adit_time now = io_clock_now();
	uint32_t nr[IO_WAIT_SHARED_MAX];
	size_t n;

	if (api_mapped_input(&ep->mapped, now, news))
		return;
	switch (news->kind) {
	case IO_WAIT_NOTHING:
		break;
	case IO_WAIT_DGRAM:
		n = io_wait_numbers(ep->wait, news->dgram.sock, nr);
		for (size_t i = 0; i < n; i++) {
			news->dgram.sock = nr[i];
			if (link_input(ep->link, now, &news->dgram) != ADIT_EIGNORED)
				break;
		}
		break;
	case IO_WAIT_ICMP:
		n = io_wait_numbers(ep->wait, news->icmp.sock, nr);
		for (size_t i = 0; i < n; i++) {
			news->icmp.sock = nr[i];
			link_icmp(ep->link, now, &news->icmp);
		}
		break;
	case IO_WAIT_UP:
		link_sock_up(ep->link, now, news->sock);
		break;
	case IO_WAIT_DOWN:
		link_sock_down(ep->link, now, news->sock, news->why);
		break;
	}
}

void adit_endpoint_process(struct adit_endpoint *ep)
{
	struct io_wait_news news;

	io_wait_poll(ep->wait);
	look_around(ep);
	for (int n = 0; n < READS_MAX; n++) {
		io_wait_read(ep->wait, &news);
		if (news.kind == IO_WAIT_NOTHING)
			break;
		take_news(ep, &news);
	}
	api_mapped_tick(&ep->mapped, io_clock_now());
	link_tick(ep->link, io_clock_now());
	settle(ep);
}

int adit_endpoint_set_peers(struct adit_endpoint *ep, const struct sockaddr_storage *addrs, size_t n)
{
	struct adit_addr peers[PUNCH_PEERS_MAX];

	if (api_peers_from(addrs, n, peers) < 0)
		return ADIT_EINVAL;
	link_set_peers(ep->link, io_clock_now(), peers, n);
	api_endpoint_touch(ep);
	return 0;
}

int adit_endpoint_add_mediator(struct adit_endpoint *ep, const char *name, const struct sockaddr *addr, socklen_t len)
{
	struct adit_addr a;
	int err;

	if (!ep->cfg.meets || api_address_from(addr, len, &a) < 0)
		return ADIT_EINVAL;
	look_around(ep);
	err = link_add_mediator(ep->link, io_clock_now(), name, &a);
	api_endpoint_touch(ep);
	return err;
}

int adit_endpoint_add_server(struct adit_endpoint *ep, const struct sockaddr *addr, socklen_t len)
{
	struct adit_addr a;
	int err;

	if (!ep->cfg.meets || api_address_from(addr, len, &a) < 0)
		return ADIT_EINVAL;
	err = link_add_server(ep->link, io_clock_now(), &a);
	api_endpoint_touch(ep);
	return err;
}

int adit_endpoint_add_relay(struct adit_endpoint *ep, const struct adit_relay *relay, const struct sockaddr *addr,
			    socklen_t len)
{
	struct adit_addr a;
	int err;

	if (!ep->cfg.meets || (ep->cfg.flags & ADIT_ENDPOINT_DIRECT_ONLY) ||
	    (addr && api_address_from(addr, len, &a) < 0))
		return ADIT_EINVAL;
	look_around(ep);
	err = api_relay_add(&ep->relay, ep->link, relay, addr ? &a : NULL);
	api_endpoint_touch(ep);
	return err;
}

void adit_endpoint_start(struct adit_endpoint *ep)
{
	look_around(ep);
	link_start(ep->link, io_clock_now());
	api_endpoint_touch(ep);
}

void adit_endpoint_close(struct adit_endpoint *ep)
{
	link_close(ep->link, io_clock_now(), FWD_CLOSE_DONE);
	api_mapped_end(&ep->mapped, io_clock_now());
	api_endpoint_touch(ep);
}

/* --- services --- */

const struct fwd_service *api_endpoint_service(const struct adit_endpoint *ep, const char *name)
{
	for (size_t i = 0; i < ep->n_services; i++)
		if (strcmp(ep->names[i].name, name) == 0)
			return &ep->names[i];
	return NULL;
}

static const char *service_name(const struct adit_endpoint *ep, uint16_t id)
{
	for (size_t i = 0; i < ep->n_services; i++)
		if (ep->names[i].id == id)
			return ep->names[i].name;
	return NULL;
}

/* Connect: what the serve side has just told. */
static void learn_services(struct adit_endpoint *ep, const struct link_event *in)
{
	ep->n_services = in->n_services < FWD_SERVICES_MAX ? in->n_services : FWD_SERVICES_MAX;
	for (size_t i = 0; i < ep->n_services; i++) {
		ep->names[i] = in->services[i];
		ep->services[i] = (struct adit_service){
			.name = ep->names[i].name,
			.datagrams = ep->names[i].kind == FWD_KIND_DGRAM,
			.port = ep->names[i].port,
		};
	}
	ep->event.services = ep->services;
	ep->event.n_services = ep->n_services;
}

/* --- events --- */

static void tell_path(const struct link_path_info *from, struct adit_path *to)
{
	*to = (struct adit_path){.rtt = from->rtt, .took = from->took};
	api_address_to(&from->local, &to->local);
	api_address_to(&from->remote, &to->remote);
	api_address_to(&from->mapped, &to->mapped);
}

static void on_up(struct adit_endpoint *ep, const struct link_event *in)
{
	struct trust_idline line = {0};

	memcpy(line.key, in->peer_key, sizeof(line.key));
	trust_idline_format(&line, ep->peer);
	ep->event.peer = ep->peer;
	if (!ep->cfg.serve)
		learn_services(ep, in);
}

static const char *down_text(const struct link_event *in)
{
	static const char *const texts[] = {
		[LINK_REASON_CLOSED] = "ended here",
		[LINK_REASON_BAD_KEY] = "whoever answered does not have the ticket's key",
		[LINK_REASON_LINGER] = "no path for too long",
		[LINK_REASON_RESTART] = "the other side was started anew",
		[LINK_REASON_REPLACED] = "another client came with the same ticket",
		[LINK_REASON_FAILED] = "the handshake failed",
	};

	if (in->text[0])
		return in->text;
	if (in->reason == LINK_REASON_PEER)
		return fwd_close_text(in->code);
	if (in->reason == LINK_REASON_REFUSED)
		return fwd_status_text((uint8_t)in->code);
	return texts[in->reason];
}

static void on_down(struct adit_endpoint *ep, const struct link_event *in)
{
	_Static_assert((int)ADIT_ENDPOINT_FAILED == (int)LINK_REASON_FAILED, "reasons are the same inside and outside");
	adit_list_each (it, &ep->streams)
		api_stream_lose(adit_container(it, struct adit_stream, node));
	ep->event.reason = (enum adit_endpoint_reason)in->reason;
	ep->event.text = down_text(in);
	if (!ep->cfg.serve)
		ep->n_services = 0;
}

/* false: nothing to tell; there was no memory, or no such service of streams. */
static bool on_request(struct adit_endpoint *ep, const struct link_event *in)
{
	const char *name = service_name(ep, in->service);
	struct adit_stream *s = name ? api_stream_new(ep, in->stream) : NULL;

	if (!s) {
		link_stream_refuse(in->stream, name ? FWD_STREAM_OVERLOAD : FWD_STREAM_NO_SERVICE);
		return false;
	}
	s->is_asked = true;
	ep->event.stream = s;
	ep->event.service = name;
	return true;
}

static bool on_stream(struct adit_endpoint *ep, const struct link_event *in)
{
	struct adit_stream *s = link_stream_user(in->stream);

	if (!s)
		return false;
	ep->event.stream = s;
	ep->event.news = api_stream_news(s, in->news);
	ep->event.service = service_name(ep, in->service);
	return ep->event.news != 0;
}

static bool on_dgram(struct adit_endpoint *ep, const struct link_event *in)
{
	ep->event.service = service_name(ep, in->service);
	ep->event.flow = in->flow;
	ep->event.data = in->data;
	ep->event.data_len = in->len;
	return ep->event.service != NULL;
}

static bool on_meeting(struct adit_endpoint *ep, const struct link_event *in)
{
	if (in->meet.kind == REACH_EVENT_MAPPED)
		api_mapped_heard(&ep->mapped, io_clock_now(), &in->meet);
	if (in->meet.kind != REACH_EVENT_RELAY)
		return api_meet_tell(&ep->meet, &in->meet, in->mediator, &ep->event.meeting);
	api_relay_lend(&ep->relay, in->meet.relay);
	return api_relay_event(&ep->relay, &ep->event);
}

/* false: it is nothing for the caller. */
static bool translate(struct adit_endpoint *ep, const struct link_event *in)
{
	static const enum adit_endpoint_event_kind kinds[] = {
		[LINK_EVENT_STUCK] = ADIT_ENDPOINT_STUCK,     [LINK_EVENT_MEET] = ADIT_ENDPOINT_MEETING,
		[LINK_EVENT_UP] = ADIT_ENDPOINT_UP,           [LINK_EVENT_OUTAGE] = ADIT_ENDPOINT_OUTAGE,
		[LINK_EVENT_BACK] = ADIT_ENDPOINT_BACK,       [LINK_EVENT_MOVED] = ADIT_ENDPOINT_MOVED,
		[LINK_EVENT_REQUEST] = ADIT_ENDPOINT_REQUEST, [LINK_EVENT_STREAM] = ADIT_ENDPOINT_STREAM,
		[LINK_EVENT_CREDIT] = ADIT_ENDPOINT_CREDIT,   [LINK_EVENT_DGRAM] = ADIT_ENDPOINT_DATAGRAM,
		[LINK_EVENT_DOWN] = ADIT_ENDPOINT_DOWN,       [LINK_EVENT_SWITCHED] = ADIT_ENDPOINT_MOVED,
		[LINK_EVENT_RELAY] = ADIT_ENDPOINT_RELAY,
	};

	ep->event = (struct adit_endpoint_event){.kind = kinds[in->kind]};
	tell_path(&in->path, &ep->event.path);
	ep->event.is_relayed = in->path.how == LINK_HOW_RELAYED;
	switch (in->kind) {
	case LINK_EVENT_MEET:
		return on_meeting(ep, in);
	case LINK_EVENT_RELAY:
		api_relay_tell(&in->relay, &ep->event);
		return true;
	case LINK_EVENT_UP:
		on_up(ep, in);
		return true;
	case LINK_EVENT_DOWN:
		on_down(ep, in);
		return true;
	case LINK_EVENT_REQUEST:
		return on_request(ep, in);
	case LINK_EVENT_STREAM:
		return on_stream(ep, in);
	case LINK_EVENT_DGRAM:
		return on_dgram(ep, in);
	default:
		return ep->event.kind != 0;
	}
}

const struct adit_endpoint_event *adit_endpoint_next_event(struct adit_endpoint *ep)
{
	/* What the events brought about, or the caller in between, leaves; the end of a session comes of its last
	 * packet. */
	for (int pass = 0; pass < 2; pass++) {
		if (api_relay_event(&ep->relay, &ep->event)) /* the rest of a loan, before another takes its place */
			return &ep->event;
		while (link_event(ep->link, io_clock_now(), &ep->in))
			if (translate(ep, &ep->in))
				return &ep->event;
		if (api_mapped_event(&ep->mapped, ep->link, io_clock_now(), &ep->event))
			return &ep->event;
		settle(ep);
	}
	return NULL;
}

/* --- datagrams, what is known --- */

int adit_endpoint_send(struct adit_endpoint *ep, const char *service, uint32_t flow, const void *data, size_t len)
{
	const struct fwd_service *f = api_endpoint_service(ep, service);
	int err;

	if (!f)
		return ADIT_ENOENT;
	if (f->kind != FWD_KIND_DGRAM || flow >= FWD_FLOW_ID_END || len > FWD_PAYLOAD_MAX)
		return ADIT_EINVAL;
	err = link_dgram_send(ep->link, f->id, flow, data, len);
	api_endpoint_touch(ep);
	return err;
}

const struct adit_endpoint_status *adit_endpoint_status_get(struct adit_endpoint *ep)
{
	struct link_status st;

	_Static_assert((int)ADIT_ENDPOINT_STATE_OVER == (int)LINK_OVER, "states are the same inside and outside");
	link_status_get(ep->link, io_clock_now(), &st);
	ep->status = (struct adit_endpoint_status){
		.state = (enum adit_endpoint_state)st.state,
		.rtt = st.quic.rtt,
		.tx_bytes = st.quic.tx_bytes,
		.rx_bytes = st.quic.rx_bytes,
		.tx_packets = st.quic.tx_packets,
		.rx_packets = st.quic.rx_packets,
		.lost_packets = st.quic.lost_packets,
		.datagrams_lost = st.dgrams_lost + st.quic.dgrams_dropped,
		.probes_sent = st.punch.probes_sent,
		.paths = st.generation,
		.streams = st.quic.streams,
		.cipher = st.quic.cipher,
		.is_relayed = st.path.how == LINK_HOW_RELAYED,
		.relay_state = (enum adit_relay_state)st.relay.state,
	};
	tell_path(&st.path, &ep->status.path);
	api_address_to(&st.relay.server, &ep->status.relay);
	api_address_to(&ep->mapped.map.external, &ep->status.mapped);
	return &ep->status;
}
