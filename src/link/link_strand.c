/* A strand: one QUIC connection, whose paths are somebody else's. */
#include "link/link_strand.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "link/link_session.h"
#include "quic/quic_limits.h"

struct link_strand {
	struct link_config cfg;
	struct link_session *session;
	struct link_route route;
	adit_time migrate_at; /* a migration QUIC put off; NEVER: none */
	struct link_strand_signs signs;
	bool has_signs;
};

static void quic_config(const struct link_grant *g, struct quic_config *ret_cfg)
{
	*ret_cfg = (struct quic_config){
		.creds = g->cfg.creds,
		.log = g->cfg.log,
		.rng = g->cfg.rng,
		.max_payload = adit_addr_is_loopback(&g->route.remote) ? QUIC_PAYLOAD_MAX : g->cfg.max_payload,
		.connections = g->connections,
		.index = g->number,
		.has_first = true,
	};
	memcpy(ret_cfg->pin, g->cfg.peer_key, sizeof(ret_cfg->pin));
	memcpy(ret_cfg->first, g->first, sizeof(ret_cfg->first));
}

/* |quic| is taken over. */
static int strand_new(const struct link_grant *g, adit_time now, struct quic *quic, struct link_strand **ret_strand)
{
	struct link_strand *s = calloc(1, sizeof(*s));

	if (!s) {
		quic_free(quic);
		return ADIT_ENOMEM;
	}
	s->cfg = g->cfg;
	s->route = g->route;
	s->migrate_at = ADIT_NEVER;
	if (link_session_new(&s->cfg, now, quic, &s->session) < 0) {
		free(s);
		return ADIT_ENOMEM;
	}
	link_session_join(s->session, g->number, g->session_id);
	*ret_strand = s;
	return 0;
}

int link_strand_connect(const struct link_grant *g, adit_time now, struct link_strand **ret_strand)
{
	struct quic_config cfg;
	struct quic *q;

	quic_config(g, &cfg);
	return quic_connect(&cfg, now, g->route.gen, &q) < 0 ? ADIT_ENOMEM : strand_new(g, now, q, ret_strand);
}

int link_strand_accept(const struct link_grant *g, adit_time now, const struct link_strand_dgram *d,
		       struct link_strand **ret_strand)
{
	size_t step = d->seg_size ? d->seg_size : d->len;
	struct link_strand_dgram rest = *d;
	struct quic_config cfg;
	struct quic *q = NULL;
	int r = ADIT_EPROTO;

	quic_config(g, &cfg);
	while (r == ADIT_EPROTO && rest.len > 0) {
		size_t len = rest.len < step ? rest.len : step;

		if (quic_is_first(rest.data, len, g->first))
			r = quic_accept(&cfg, now, d->gen, rest.data, len, &q);
		rest.data += len;
		rest.len -= len;
	}
	if (r == 0)
		r = strand_new(g, now, q, ret_strand);
	if (r == 0 && rest.len > 0)
		link_strand_dgram(*ret_strand, now, &rest);
	return r;
}

void link_strand_free(struct link_strand *s)
{
	if (!s)
		return;
	link_session_free(s->session);
	adit_bytes_wipe(s, sizeof(*s));
	free(s);
}

/* One report may tell of one path: what is known of the newest counts. */
static struct link_strand_signs *signs_of(struct link_strand *s, uint32_t gen)
{
	if (!s->has_signs || s->signs.gen != gen)
		s->signs = (struct link_strand_signs){.gen = gen};
	s->has_signs = true;
	return &s->signs;
}

void link_strand_dgram(struct link_strand *s, adit_time now, const struct link_strand_dgram *d)
{
	if (quic_input(s->session->quic, now, d->gen, d->data, d->len, d->seg_size) > 0)
		signs_of(s, d->gen)->heard = true;
}

static void migrate(struct link_strand *s, adit_time now, bool gently)
{
	if (s->cfg.role == PUNCH_CONNECT)
		s->migrate_at = link_session_migrate(s->session, now, s->route.gen, gently);
}

void link_strand_route(struct link_strand *s, adit_time now, const struct link_route *r)
{
	bool is_other = r->gen != s->route.gen;

	s->route = *r;
	if (is_other && r->gen != 0)
		migrate(s, now, r->is_gentle);
}

static bool stands_still(const struct link_strand *s)
{
	return s->route.gen == 0 || s->route.is_still;
}

void link_strand_tick(struct link_strand *s, adit_time now)
{
	if (stands_still(s))
		return;
	if (now >= s->migrate_at)
		migrate(s, now, false);
	link_session_tick(s->session, now);
}

adit_time link_strand_deadline(const struct link_strand *s)
{
	return stands_still(s) ? ADIT_NEVER : adit_time_min(s->migrate_at, link_session_deadline(s->session));
}

int link_strand_batch(struct link_strand *s, adit_time now, struct quic_batch *ret_batch)
{
	struct link_strand_signs *signs;

	if (stands_still(s))
		return 0;
	quic_set_payload(s->session->quic, s->route.payload);
	if (!quic_output(s->session->quic, now, ret_batch))
		return 0;
	signs = signs_of(s, s->route.gen);
	signs->sent = true;
	if ((ret_batch->seg_size ? ret_batch->seg_size : ret_batch->len) > PUNCH_SIZE_BASE)
		signs->sent_full = true;
	return 1;
}

int link_strand_event(struct link_strand *s, adit_time now, struct link_event *ret_event)
{
	return link_session_event(s->session, now, ret_event);
}

int link_strand_open(struct link_strand *s, uint16_t service, struct link_stream **ret_stream)
{
	return link_session_stream_open(s->session, service, ret_stream);
}

void link_strand_close(struct link_strand *s, adit_time now, uint64_t code)
{
	link_session_end(s->session, now, LINK_REASON_CLOSED, code, !stands_still(s));
}

bool link_strand_has_signs(const struct link_strand *s)
{
	return s->has_signs;
}

void link_strand_signs(struct link_strand *s, struct link_strand_signs *ret_signs)
{
	*ret_signs = s->signs;
	s->has_signs = false;
	s->signs = (struct link_strand_signs){0};
}

void link_strand_stats(const struct link_strand *s, struct quic_stats *ret_stats)
{
	quic_stats_get(s->session->quic, ret_stats);
}
