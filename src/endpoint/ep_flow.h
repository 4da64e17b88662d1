/*
 * UDP services. At the serve side each flow has a socket connected to the target; at the connect side a local socket in
 * front of a service tells flows apart by who sends. Flows end after FWD_FLOW_IDLE.
 */
#ifndef ADIT_EP_FLOW_H
#define ADIT_EP_FLOW_H

#include <stdbool.h>
#include <uv.h>

#include "endpoint/ep_target.h"
#include "io/io_net.h"

#define EP_FLOWS_MAX 1024 /* of one lane or one connect side; each costs a descriptor at the serve side */

/* --- serve side --- */

struct ep_flow_out;

/* The target of a UDP service, good as long as the flows; NULL: there is no such service. */
typedef const struct ep_target *ep_flow_target(void *ctx, uint16_t service);

ADIT_MUST_CHECK int ep_flow_out_new(uv_loop_t *loop, struct io_lane *lane, ep_flow_target *target, void *ctx,
				    struct ep_flow_out **ret_flows);
/* A payload from the peer (LINK_EVENT_DGRAM). Dropped where the target is not to be had. */
void ep_flow_out_input(struct ep_flow_out *f, uint16_t service, uint32_t id, const uint8_t *data, size_t len);
/* Ends all flows. */
void ep_flow_out_clear(struct ep_flow_out *f);
void ep_flow_out_free(struct ep_flow_out *f);

/* --- connect side --- */

struct ep_flow_in; /* all flows of one connect side */
struct ep_flow_door; /* one local UDP socket */

/* The number of the service in front of which the door is; false: it is not to be had now. */
typedef bool ep_flow_service(void *ctx, uint16_t *ret_service);

ADIT_MUST_CHECK int ep_flow_in_new(uv_loop_t *loop, struct io_lane *lane, struct ep_flow_in **ret_flows);
/* Every door must have been closed. */
void ep_flow_in_free(struct ep_flow_in *f);
/* A payload from the peer. */
void ep_flow_in_input(struct ep_flow_in *f, uint16_t service, uint32_t id, const uint8_t *data, size_t len);
/* Takes over |fd|, a bound UDP socket. ESYS, ENOMEM. */
ADIT_MUST_CHECK int ep_flow_door_new(struct ep_flow_in *f, int fd, ep_flow_service *service, void *ctx,
				     struct ep_flow_door **ret_door);
void ep_flow_door_close(struct ep_flow_door *d);

#endif
