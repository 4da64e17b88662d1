/*
 * Runs one machine (base/machine.h) over the system's UDP sockets: the plain sibling of io_net.h, for machines that are
 * no links. Sockets are the machine's own, and a datagram that the kernel has no room for is lost: who runs here sends
 * little and asks again.
 */
#ifndef ADIT_IO_MACHINE_H
#define ADIT_IO_MACHINE_H

#include <uv.h>

#include "base/log.h"
#include "base/machine.h"
#include "base/nat64.h"

struct io_machine;

/* After each run, when the outputs are drained; may give the machine commands (then wake) or close it. */
typedef void io_machine_ran(void *ctx);

/* |ops| and |self| are borrowed. It runs from the loop's next turn on. ENOMEM, ESYS or 0. */
ADIT_MUST_CHECK int io_machine_new(uv_loop_t *loop, const struct adit_log *log, const struct adit_machine_ops *ops,
				   void *self, io_machine_ran *ran, void *ctx, struct io_machine **ret_machine);
/* Its IPv4 sockets go through |n| while that is there, as io_udp_set_nat64(); before they are opened. */
void io_machine_set_nat64(struct io_machine *m, const struct adit_nat64 *n);
/* A command was given to it from elsewhere: its outputs are drained now. */
void io_machine_wake(struct io_machine *m);
/* Closes its sockets; no verb is called any more. Accepts NULL. */
void io_machine_close(struct io_machine *m);

#endif
