/*
 * What ngtcp2 renamed between 0.12.1 and 1.x, under one name each. Only quic/ includes it, and nothing else there tests
 * a version. Names that did not change are called directly.
 */
#ifndef ADIT_QUIC_SHIM_H
#define ADIT_QUIC_SHIM_H

#include <gnutls/gnutls.h>
#include <ngtcp2/ngtcp2.h>
#include <ngtcp2/ngtcp2_crypto.h>
#include <ngtcp2/ngtcp2_crypto_gnutls.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/time.h"

/* What the library knows of the path, in our units. */
struct quic_shim_stat {
	adit_dur rtt; /* smoothed; 0: no sample yet */
	adit_dur rtt_var; /* mean deviation */
	adit_dur min_rtt; /* 0: no sample yet, or nothing is known of the pacer */
	adit_dur latest_rtt;
	uint64_t cwnd;
	uint64_t in_flight;
	uint64_t delivery_rate; /* bytes per second; 0: unknown */
	double pacing_rate; /* bytes per nanosecond; never 0 */
	/* Probe timeouts have piled up: a fresh start is worth what it does to the estimates (quic_heal.h). */
	bool is_stalled;
	bool is_probing; /* a probe timeout has passed, and what it asks for may not have been sent */
};

enum quic_shim_error_kind {
	QUIC_SHIM_ERROR_NONE,
	QUIC_SHIM_ERROR_TRANSPORT,
	QUIC_SHIM_ERROR_APP,
};

/* RFC 9002 7.7: pace a little faster than a window per round trip. */
static inline double quic_shim_plain_pace(uint64_t cwnd, adit_dur srtt)
{
	return 1.25 * (double)cwnd / (double)(srtt ? srtt : 1);
}

#if NGTCP2_VERSION_NUM >= 0x000f00 /* 0.15 */
typedef ngtcp2_ccerr quic_shim_ccerr;
#define quic_shim_ccerr_liberr(e, rv)   ngtcp2_ccerr_set_liberr((e), (rv), NULL, 0)
#define quic_shim_ccerr_alert(e, a)     ngtcp2_ccerr_set_tls_alert((e), (a), NULL, 0)
#define quic_shim_ccerr_app(e, c, t, n) ngtcp2_ccerr_set_application_error((e), (c), (t), (n))
#define QUIC_SHIM_CCERR_APP             NGTCP2_CCERR_TYPE_APPLICATION
#define QUIC_SHIM_CCERR_TRANSPORT       NGTCP2_CCERR_TYPE_TRANSPORT
static inline quic_shim_ccerr quic_shim_ccerr_get(ngtcp2_conn *conn)
{
	return *ngtcp2_conn_get_ccerr(conn);
}
#else
typedef ngtcp2_connection_close_error quic_shim_ccerr;
#define quic_shim_ccerr_liberr(e, rv)   ngtcp2_connection_close_error_set_transport_error_liberr((e), (rv), NULL, 0)
#define quic_shim_ccerr_alert(e, a)     ngtcp2_connection_close_error_set_transport_error_tls_alert((e), (a), NULL, 0)
#define quic_shim_ccerr_app(e, c, t, n) ngtcp2_connection_close_error_set_application_error((e), (c), (t), (n))
#define QUIC_SHIM_CCERR_APP             NGTCP2_CONNECTION_CLOSE_ERROR_CODE_TYPE_APPLICATION
#define QUIC_SHIM_CCERR_TRANSPORT       NGTCP2_CONNECTION_CLOSE_ERROR_CODE_TYPE_TRANSPORT
static inline quic_shim_ccerr quic_shim_ccerr_get(ngtcp2_conn *conn)
{
	quic_shim_ccerr e;

	ngtcp2_conn_get_connection_close_error(conn, &e);
	return e;
}
#endif

#if NGTCP2_VERSION_NUM >= 0x001000 /* 0.16 */
#define quic_shim_shutdown_stream(c, id, code)      ngtcp2_conn_shutdown_stream((c), 0, (id), (code))
#define quic_shim_shutdown_stream_read(c, id, code) ngtcp2_conn_shutdown_stream_read((c), 0, (id), (code))
#else
#define quic_shim_shutdown_stream(c, id, code)      ngtcp2_conn_shutdown_stream((c), (id), (code))
#define quic_shim_shutdown_stream_read(c, id, code) ngtcp2_conn_shutdown_stream_read((c), (id), (code))
#endif

#if NGTCP2_VERSION_NUM >= 0x001300 /* 0.19 */
#define QUIC_SHIM_CC_BBR NGTCP2_CC_ALGO_BBR
#else
#define QUIC_SHIM_CC_BBR NGTCP2_CC_ALGO_BBR2 /* its NGTCP2_CC_ALGO_BBR is version 1, which floods queues */
#endif

#if NGTCP2_VERSION_NUM >= 0x000e00 /* 0.14 */
static inline void quic_shim_original_dcid(ngtcp2_transport_params *p, const ngtcp2_cid *cid)
{
	p->original_dcid = *cid;
	p->original_dcid_present = 1;
}

static inline void quic_shim_stat_get(ngtcp2_conn *conn, struct quic_shim_stat *st)
{
	ngtcp2_conn_info i;

	ngtcp2_conn_get_conn_info(conn, &i);
	*st = (struct quic_shim_stat){
		.rtt = i.min_rtt == UINT64_MAX ? 0 : i.smoothed_rtt,
		.cwnd = i.cwnd,
		.in_flight = i.bytes_in_flight,
		.is_stalled = true,
		.is_probing = true,
		.pacing_rate = quic_shim_plain_pace(i.cwnd, i.smoothed_rtt),
	};
}
#else
static inline void quic_shim_original_dcid(ngtcp2_transport_params *p, const ngtcp2_cid *cid)
{
	p->original_dcid = *cid;
}

static inline void quic_shim_stat_get(ngtcp2_conn *conn, struct quic_shim_stat *st)
{
	ngtcp2_conn_stat i;

	ngtcp2_conn_get_conn_stat(conn, &i);
	*st = (struct quic_shim_stat){
		.rtt = i.first_rtt_sample_ts == UINT64_MAX ? 0 : i.smoothed_rtt,
		.rtt_var = i.rttvar,
		.min_rtt = i.first_rtt_sample_ts == UINT64_MAX ? 0 : i.min_rtt,
		.latest_rtt = i.latest_rtt,
		.cwnd = i.cwnd,
		.in_flight = i.bytes_in_flight,
		.delivery_rate = i.delivery_rate_sec,
		/* Without a timer it never counts any: answers to questions about a path have none. */
		.is_stalled = (i.pto_count >= 2 || i.loss_detection_timer == UINT64_MAX) && i.bytes_in_flight > 0,
		.is_probing = i.pto_count > 0,
		.pacing_rate = i.pacing_rate > 0 ? i.pacing_rate : quic_shim_plain_pace(i.cwnd, i.smoothed_rtt),
	};
}
#endif

/*
 * Tells the pacer that the bytes put out since the last time began to leave at |from|, which may be a little before or
 * after |now|. 1.x takes no time but the present, so it has to be told at once, and makes up for late timers itself.
 */
#define QUIC_SHIM_PACES_LATE (NGTCP2_VERSION_NUM < 0x010000)

static inline void quic_shim_paced(ngtcp2_conn *conn, adit_time now, adit_time from)
{
	ngtcp2_conn_update_pkt_tx_time(conn, QUIC_SHIM_PACES_LATE ? from : now);
}

/*
 * Has the peer asked us to stop sending on the stream? There is no callback for it before 1.25. A vector longer than
 * any stream is refused, but only after the stream's state was looked at; nothing else happens.
 */
static inline bool quic_shim_write_is_shut(ngtcp2_conn *conn, int64_t stream_id)
{
	ngtcp2_vec endless = {.base = NULL, .len = SIZE_MAX};

	return ngtcp2_conn_writev_stream(conn, NULL, NULL, NULL, 0, NULL, 0, stream_id, &endless, 1, 0) ==
	       NGTCP2_ERR_STREAM_SHUT_WR;
}

#endif
