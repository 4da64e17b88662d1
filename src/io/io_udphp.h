/*
 * Drives the machine of src/udphp/ with libuv: one UDP socket, one TCP connection, one timer, two signals.
 */
#ifndef ADIT_IO_UDPHP_H
#define ADIT_IO_UDPHP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/log.h"
#include "base/rng.h"

/* How a run can end besides the script's exit codes (udphp.h). */
enum io_udphp_end {
	IO_UDPHP_STOPPED = 0, /* SIGINT or SIGTERM */
	IO_UDPHP_INTERNAL = 1,
	IO_UDPHP_LOCAL = 4, /* a local port or service could not be had; it has been said which */
};

struct io_udphp_config {
	bool server; /* connect to |tcp_port|; else listen on it */
	uint16_t tcp_port; /* on 127.0.0.1 and ::1 */
	struct adit_addr peer; /* with the port to send to */
	uint16_t udp_port; /* own */
	struct adit_rng rng;
	void (*md5)(const void *data, size_t len, uint8_t ret_sum[16]);
	const struct adit_log *log; /* borrowed; sentences up to INFO, traces above */
};

/* Runs until it is over; returns the exit code of the program. */
int io_udphp_run(const struct io_udphp_config *cfg);

#endif
