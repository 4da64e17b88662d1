/*
 * How a NAT chooses ports, read from a series of new mappings. Pure: samples in, struct nat_ports out.
 */
#ifndef ADIT_NAT_PORTS_H
#define ADIT_NAT_PORTS_H

#include "core/nat/nat_report.h"

/* One new mapping. Samples are in the order in which the NAT saw their first packets. */
struct nat_sample {
	adit_time at; /* its request left */
	uint16_t inside; /* the socket's port */
	uint16_t outside;
};

/* Two samples at least, or the kind stays unknown; NAT_BLOCK_SAMPLES, or a block is not told from chance. */
void nat_ports_read(const struct nat_sample *s, size_t n, struct nat_ports *ret_ports);

#endif
