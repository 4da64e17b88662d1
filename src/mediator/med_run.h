/*
 * The mediator at work: sockets (io_batch.h) on one side, the STUN server's and the mediator's minds on the other.
 */
#ifndef ADIT_MED_RUN_H
#define ADIT_MED_RUN_H

#include "mediator/med_opts.h"

/* Until a signal ends it. The exit code: 0, or 4 where an address cannot be had. Prints. */
int med_run(const struct med_opts *o);

#endif
