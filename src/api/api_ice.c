/* <adit/ice.h>: core/ice's agent over sockets and a timer of io/io_wait.h, its words spelt as lines of RFC 8839. */
#include <adit/ice.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/api_int.h"
#include "base/bytes.h"
#include "core/ice/ice_agent.h"
#include "core/stun/stun_msg.h"
#include "crypto/crypto.h"
#include "io/io_clock.h"
#include "io/io_ifaces.h"
#include "io/io_wait.h"

#define UDP_MAX   65507 /* bytes of payload in an IPv4 datagram: 65535 - 20 - 8 */
#define READS_MAX 64 /* datagrams that were nothing for the caller, until it gets its turn */

/* What of the own description is told next. */
enum ice_tell {
	TELL_UFRAG,
	TELL_PWD,
	TELL_OPTIONS,
	TELL_PACING,
	TELL_CANDIDATES, /* the rest comes from the agent */
};

/* A way that data go. */
struct ice_way {
	bool is_used;
	uint32_t sock;
	struct adit_addr remote;
};

struct adit_ice {
	struct adit_ice_config cfg;
	struct adit_log log;
	struct ice_agent agent;
	struct io_wait *wait;
	struct adit_addr local[ICE_BASES_MAX]; /* of each socket; its number is the index */
	uint32_t n_socks;
	bool is_gathering;
	enum ice_tell tell;
	struct ice_remote_desc desc; /* of the peer, as far as it has come */
	bool is_described; /* the agent has it */
	struct ice_way way; /* where data are sent */
	struct ice_way known; /* where data came from last */
	uint64_t strange_data;
	char line[ICE_LINE_MAX];
	char account[sizeof("* ") + ICE_ACCOUNT_STRLEN];
	struct adit_ice_event event;
	struct adit_ice_status status;
};

/* --- life --- */

#define CONFIG_MIN offsetof(struct adit_ice_config, allow_loopback) /* what no caller does without */

API_NO_TAIL(struct adit_ice_config, pacing_ms);

int adit_ice_new(const struct adit_ice_config *cfg, struct adit_ice **ret_ice)
{
	struct adit_ice *i = calloc(1, sizeof(*i));
	struct ice_config ac = {.crypto = &crypto_gnutls};
	int err;

	if (!i)
		return ADIT_ENOMEM;
	err = api_config_copy(&i->cfg, sizeof(i->cfg), CONFIG_MIN, cfg);
	if (err == 0 && i->cfg.pacing_ms != 0 && ADIT_MS(i->cfg.pacing_ms) < ICE_TA_MIN)
		err = ADIT_EINVAL;
	api_log_init(&i->log, &i->cfg.log);
	if (err == 0)
		err = io_wait_new(false, i->log.write ? &i->log : NULL, &i->wait);
	if (err < 0) {
		free(i);
		return err;
	}
	ac.role = i->cfg.controlling ? ICE_CONTROLLING : ICE_CONTROLLED;
	ac.log = i->log.write ? &i->log : NULL;
	ac.rng = crypto_rng();
	ac.ta = ADIT_MS(i->cfg.pacing_ms);
	ac.allow_loopback = i->cfg.allow_loopback;
	ice_agent_init(&i->agent, &ac, io_clock_now());
	*ret_ice = i;
	return 0;
}

void adit_ice_free(struct adit_ice *i)
{
	if (!i)
		return;
	io_wait_free(i->wait);
	ice_agent_done(&i->agent);
	adit_bytes_wipe(&i->desc, sizeof(i->desc));
	free(i);
}

/* --- running --- */

static void send_outputs(struct adit_ice *i, adit_time now)
{
	struct adit_out out;

	/* The agent has no OPEN; what a full socket does not take is kept and goes first. */
	while (!io_wait_is_blocked(i->wait) && ice_agent_output(&i->agent, now, &out))
		(void)!io_wait_act(i->wait, &out);
}

static void settle(struct adit_ice *i)
{
	send_outputs(i, io_clock_now());
	io_wait_arm(i->wait, ice_agent_deadline(&i->agent));
}

int adit_ice_fd(const struct adit_ice *i)
{
	return io_wait_fd(i->wait);
}

uint64_t adit_ice_deadline(const struct adit_ice *i)
{
	_Static_assert(ADIT_NO_DEADLINE == ADIT_NEVER, "instants are the same inside and outside");
	return ice_agent_deadline(&i->agent);
}

void adit_ice_process(struct adit_ice *i)
{
	io_wait_poll(i->wait);
	ice_agent_tick(&i->agent, io_clock_now());
	settle(i);
}

/* --- before the start --- */

static int add_host(struct adit_ice *i, struct adit_addr *addr, enum ice_iface iface)
{
	int err;

	/* Who may be none is not even bound. */
	if (ice_candidate_judge(addr, i->cfg.allow_loopback) >= ICE_REFUSED_LOOPBACK)
		return ADIT_EINVAL;
	if (i->n_socks == ICE_BASES_MAX)
		return ADIT_EFULL;
	err = io_wait_open(i->wait, i->n_socks, addr);
	if (err < 0)
		return err;
	err = ice_agent_add_host(&i->agent, io_clock_now(), i->n_socks, addr, iface);
	if (err < 0) {
		io_wait_close(i->wait, i->n_socks);
		return err;
	}
	i->local[i->n_socks++] = *addr;
	if (i->is_gathering)
		settle(i);
	return 0;
}

int adit_ice_add_address(struct adit_ice *i, const struct sockaddr *addr, socklen_t len, enum adit_ice_net net)
{
	struct adit_addr a;

	if (api_address_from(addr, len, &a) < 0 || net < ADIT_ICE_NET_NORMAL || net > ADIT_ICE_NET_VIRTUAL)
		return ADIT_EINVAL;
	return add_host(i, &a, (enum ice_iface)net);
}

int adit_ice_add_interfaces(struct adit_ice *i)
{
	struct reach_host ifaces[ICE_BASES_MAX];
	int n = io_ifaces_get(ifaces, ICE_BASES_MAX);
	int added = 0;

	for (int k = 0; k < n; k++) {
		int err = add_host(i, &ifaces[k].addr, ifaces[k].iface);

		if (err == ADIT_ENOMEM)
			return err;
		added += err == 0; /* an address that is just going, or that may be no candidate, is left out */
	}
	return n < 0 ? n : added;
}

int adit_ice_add_server(struct adit_ice *i, const struct sockaddr *addr, socklen_t len)
{
	struct adit_addr a;

	if (api_address_from(addr, len, &a) < 0)
		return ADIT_EINVAL;
	return ice_agent_add_server(&i->agent, &a);
}

void adit_ice_gather(struct adit_ice *i)
{
	if (i->is_gathering)
		return;
	i->is_gathering = true;
	ice_agent_gather(&i->agent, io_clock_now(), false);
	settle(i);
}

/* --- the peer's lines --- */

static int read_cred(const struct adit_ice *i, const struct ice_line *l, char *to, size_t cap)
{
	if (l->len >= cap)
		return ADIT_EPROTO;
	if (i->is_described)
		return strlen(to) == l->len && memcmp(to, l->text, l->len) == 0 ? 0 : ADIT_EINVAL;
	memset(to, 0, cap);
	memcpy(to, l->text, l->len);
	return 0;
}

/* As soon as the first candidate or their end comes, what stands before them is complete. */
static int describe(struct adit_ice *i)
{
	int err;

	if (i->is_described)
		return 0;
	err = ice_agent_set_remote(&i->agent, io_clock_now(), &i->desc);
	i->is_described = err == 0;
	return err;
}

static int read_line(struct adit_ice *i, const struct ice_line *l)
{
	int err = 0;

	switch (l->kind) {
	case ICE_LINE_UFRAG:
		return read_cred(i, l, i->desc.cred.ufrag, sizeof(i->desc.cred.ufrag));
	case ICE_LINE_PWD:
		return read_cred(i, l, i->desc.cred.pwd, sizeof(i->desc.cred.pwd));
	case ICE_LINE_OPTIONS:
		i->desc.has_ice2 = l->has_ice2;
		break;
	case ICE_LINE_LITE:
		i->desc.is_lite = true;
		break;
	case ICE_LINE_PACING:
		i->desc.pacing_ms = l->pacing_ms;
		break;
	case ICE_LINE_CANDIDATE:
		err = describe(i);
		return err < 0 ? err : ice_agent_add_remote(&i->agent, io_clock_now(), &l->cand);
	case ICE_LINE_END:
		err = describe(i);
		if (err == 0)
			ice_agent_end_remote(&i->agent, io_clock_now());
		break;
	case ICE_LINE_OTHER:
		break;
	}
	return err;
}

int adit_ice_line(struct adit_ice *i, const char *line, size_t len)
{
	struct ice_line l;
	int err = ice_sdp_parse(line, len, &l);

	if (err < 0)
		return err;
	err = read_line(i, &l);
	settle(i);
	return err;
}

void adit_ice_restart(struct adit_ice *i)
{
	ice_agent_restart(&i->agent, io_clock_now());
	adit_bytes_wipe(&i->desc, sizeof(i->desc));
	i->is_described = false;
	i->tell = TELL_UFRAG;
	settle(i);
}

/* --- events --- */

static void say_line(struct adit_ice *i, int len)
{
	i->event.kind = ADIT_ICE_LINE;
	i->event.line = i->line;
	i->event.line_len = (size_t)len;
}

/* One line of what stands before the candidates; false: all was told. */
static bool tell_self(struct adit_ice *i)
{
	const struct ice_cred *cred = ice_agent_cred(&i->agent);

	if (!i->is_gathering)
		return false;
	switch (i->tell++) {
	case TELL_UFRAG:
		say_line(i, snprintf(i->line, sizeof(i->line), "ice-ufrag:%s", cred->ufrag));
		return true;
	case TELL_PWD:
		say_line(i, snprintf(i->line, sizeof(i->line), "ice-pwd:%s", cred->pwd));
		return true;
	case TELL_OPTIONS:
		say_line(i, snprintf(i->line, sizeof(i->line), "ice-options:ice2 trickle"));
		return true;
	case TELL_PACING:
		if (i->cfg.pacing_ms != 0) { /* RFC 8839 5.5 */
			say_line(i, snprintf(i->line, sizeof(i->line), "ice-pacing:%u", i->cfg.pacing_ms));
			return true;
		}
		i->tell = TELL_CANDIDATES;
		return false;
	case TELL_CANDIDATES:
		break;
	}
	i->tell = TELL_CANDIDATES;
	return false;
}

static void found_way(struct adit_ice *i, const struct ice_event *ev)
{
	i->way = (struct ice_way){.is_used = true, .sock = ev->sock, .remote = ev->remote};
	i->known = i->way;
	api_address_to(&ev->local, &i->event.local);
	api_address_to(&ev->mapped, &i->event.mapped);
	api_address_to(&ev->remote, &i->event.remote);
	i->event.rtt = ev->rtt;
}

/* false: it is nothing for the caller. */
static bool translate(struct adit_ice *i, const struct ice_event *ev)
{
	switch (ev->kind) {
	case ICE_EVENT_CANDIDATE:
		say_line(i, ice_candidate_format(&ev->cand, i->line, sizeof(i->line)));
		return true;
	case ICE_EVENT_GATHERED:
		say_line(i, snprintf(i->line, sizeof(i->line), "end-of-candidates"));
		return true;
	case ICE_EVENT_VALID:
		found_way(i, ev);
		i->event.kind = ADIT_ICE_READY;
		return true;
	case ICE_EVENT_SELECTED:
		found_way(i, ev);
		i->event.kind = ADIT_ICE_SELECTED;
		return true;
	case ICE_EVENT_FAILED:
		i->event.kind = ADIT_ICE_FAILED;
		return true;
	case ICE_EVENT_LOST:
		i->way.is_used = false;
		i->event.kind = ADIT_ICE_LOST;
		return true;
	}
	return false;
}

static bool is_way(const struct ice_way *w, const struct adit_dgram *d)
{
	return w->is_used && w->sock == d->sock && adit_addr_eq(&w->remote, &d->remote);
}

/*
 * RFC 8445 12.2 lets data come over any pair before one is nominated; over a pair of which nothing authentic was ever
 * heard nobody could send any.
 */
static bool is_from_peer(struct adit_ice *i, const struct adit_dgram *d)
{
	struct ice_account acc;
	size_t pos = 0;

	if (is_way(&i->known, d) || is_way(&i->way, d))
		return true;
	while (ice_agent_account(&i->agent, &pos, &acc)) {
		if ((acc.heard == 0 && acc.answered == 0) || !adit_addr_eq(&acc.remote, &d->remote) ||
		    !adit_addr_eq(&acc.local, &i->local[d->sock]))
			continue;
		i->known = (struct ice_way){.is_used = true, .sock = d->sock, .remote = d->remote};
		return true;
	}
	return false;
}

/* true: the caller is to have it. */
static bool take_dgram(struct adit_ice *i, const struct adit_dgram *d)
{
	if (stun_msg_is_stun(d->data, d->len)) {
		(void)ice_agent_input(&i->agent, io_clock_now(), d);
		return false;
	}
	if (d->len == 0 || !is_from_peer(i, d)) {
		i->strange_data++;
		return false;
	}
	i->event.kind = ADIT_ICE_DATA;
	i->event.data = d->data;
	i->event.data_len = d->len;
	return true;
}

const struct adit_ice_event *adit_ice_next_event(struct adit_ice *i)
{
	struct io_wait_news news;
	struct ice_event ev;

	i->event = (struct adit_ice_event){0};
	for (int n = 0; n < READS_MAX; n++) {
		send_outputs(i, io_clock_now());
		if (tell_self(i))
			return &i->event;
		while (ice_agent_event(&i->agent, &ev))
			if (translate(i, &ev))
				return &i->event;
		io_wait_read(i->wait, &news);
		if (news.kind == IO_WAIT_DGRAM && take_dgram(i, &news.dgram))
			return &i->event;
		if (news.kind == IO_WAIT_ICMP)
			ice_agent_icmp(&i->agent, io_clock_now(), &news.icmp);
		if (news.kind == IO_WAIT_NOTHING)
			break;
	}
	settle(i);
	return NULL;
}

/* --- data --- */

int adit_ice_send(struct adit_ice *i, const void *data, size_t len)
{
	struct adit_out out = {.kind = ADIT_OUT_SEND, .data = data, .len = len};
	adit_time now = io_clock_now();

	if (len == 0 || len > UDP_MAX || stun_msg_is_stun(data, len))
		return ADIT_EINVAL;
	if (!i->way.is_used || io_wait_is_blocked(i->wait))
		return ADIT_EAGAIN;
	out.sock = i->way.sock;
	out.remote = i->way.remote;
	(void)!io_wait_act(i->wait, &out); /* what the kernel has no room for is kept: it is as good as sent */
	ice_agent_sent(&i->agent, now);
	return 0;
}

/* --- what is known --- */

const struct adit_ice_status *adit_ice_status_get(struct adit_ice *i)
{
	struct ice_stats st;

	_Static_assert((int)ADIT_ICE_STATE_LOST == (int)ICE_LOST, "states are the same inside and outside");
	ice_agent_stats(&i->agent, &st);
	i->status = (struct adit_ice_status){
		.state = (enum adit_ice_state)ice_agent_state(&i->agent),
		.controlling = ice_agent_role(&i->agent) == ICE_CONTROLLING,
		.checks_sent = st.checks_sent,
		.answers_sent = st.answers_sent,
		.consents_sent = st.consents_sent,
		.keepalives_sent = st.keepalives_sent,
		.checks_heard = st.checks_heard,
		.answers_heard = st.answers_heard,
		.bad_auth = st.bad_auth,
		.malformed = st.malformed,
		.stray = st.stray,
		.strange_data = i->strange_data,
		.role_switches = st.role_switches,
	};
	for (int k = ICE_REFUSED_NOT + 1; k < ICE_REFUSALS; k++)
		i->status.candidates_refused += st.refused[k];
	return &i->status;
}

const char *adit_ice_explain(struct adit_ice *i, size_t *pos)
{
	struct ice_account acc;

	if (!ice_agent_account(&i->agent, pos, &acc))
		return NULL;
	if (acc.is_selected) {
		memcpy(i->account, "* ", 2);
		ice_account_format(&acc, i->account + 2);
	} else {
		ice_account_format(&acc, i->account);
	}
	return i->account;
}
