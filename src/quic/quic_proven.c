#include "quic/quic_proven.h"

#include <string.h>

#include "quic/quic_conn.h"

/* RFC 9000 8.1: bytes that may be sent for one that came. */
#define PROVEN_FACTOR 3

/* Bytes of a Version Negotiation packet's header, RFC 8999 6: flags, version 0, two empty connection ids. */
#define STRAY_HEADER 7

/* The buffer of batches, which is empty between them, as what a server has no use for. */
static int show_stray(struct quic *q, const ngtcp2_path *path)
{
	uint8_t *stray = quic_pack_buf();

	memset(stray, 0, STRAY_HEADER);
	stray[0] = QUIC_HEADER_LONG | QUIC_HEADER_FIXED_BIT;
	return ngtcp2_conn_read_pkt(q->conn, path, NULL, stray, quic_pack_buf_size(), q->clock);
}

void quic_proven_fund(struct quic *q)
{
	const ngtcp2_path *path;
	struct quic_proven *v = &q->proven;
	uint32_t number;

	if (!q->server || !q->handshaken)
		return;
	path = ngtcp2_conn_get_path(q->conn);
	number = quic_paths_number(&q->paths, path);
	/* The first one is validated by the handshake. */
	if (number != v->path)
		*v = (struct quic_proven){.path = number, .is_validated = v->path == 0};
	/* A batch, and the packet that does not fit it. */
	if (v->is_validated || v->left >= quic_pack_buf_size())
		return;
	if (show_stray(q, path) == 0)
		v->left += PROVEN_FACTOR * quic_pack_buf_size();
}

void quic_proven_spent(struct quic *q, size_t n)
{
	q->proven.left -= n < q->proven.left ? n : q->proven.left;
}

void quic_proven_judged(struct quic *q, const ngtcp2_path *path, bool is_valid)
{
	struct quic_proven *v = &q->proven;

	/* Given up, the path will be a new one to the library when the peer is heard there. */
	if (!is_valid)
		v->left = 0;
	else if (quic_paths_number(&q->paths, path) == v->path)
		v->is_validated = true;
}
