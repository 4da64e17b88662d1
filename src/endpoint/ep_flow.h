/*
 * UDP services. At the serve side each flow has a socket connected to the target; at the connect side one local socket per
 * service hands out flows by the sender's address. Flows end after fwd_limits.h's idle time.
 */
#ifndef ADIT_EP_FLOW_H
#define ADIT_EP_FLOW_H

#include <uv.h>

#include "endpoint/ep_listen.h"
#include "endpoint/ep_target.h"
#include "io/io_net.h"

struct ep_flow_out; /* serve side: to the targets */
struct ep_flow_in;  /* connect side: one local UDP port */

/* NULL: no such UDP service. Borrowed for the call. */
typedef const struct ep_target *ep_flow_target(void *ctx, uint16_t service);

ADIT_MUST_CHECK int ep_flow_out_new(uv_loop_t *loop, struct io_lane *lane, ep_flow_target *target, void *ctx,
				    struct ep_flow_out **ret_flows);
/* A payload from the peer (LINK_EVENT_DGRAM). Dropped where the target is not to be had. */
void ep_flow_out_input(struct ep_flow_out *f, uint16_t service, uint32_t flow, const uint8_t *data, size_t len);
/* Ends all flows. */
void ep_flow_out_clear(struct ep_flow_out *f);
void ep_flow_out_free(struct ep_flow_out *f);

/* ADIT_ESYS with errno, ADIT_ENOMEM, or 0. |first_flow|: numbers of the flows begin here (several processes share one lane). */
ADIT_MUST_CHECK int ep_flow_in_new(uv_loop_t *loop, struct io_lane *lane, uint16_t service, const struct ep_local *local,
				   struct ep_flow_in **ret_flows);
/* A payload from the peer for this service. */
void ep_flow_in_input(struct ep_flow_in *f, uint32_t flow, const uint8_t *data, size_t len);
uint16_t ep_flow_in_port(const struct ep_flow_in *f);
void ep_flow_in_free(struct ep_flow_in *f);

#endif
