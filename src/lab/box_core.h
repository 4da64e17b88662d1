/*
 * What every box is: some ports, each with a wire in either direction, and something in the middle that gets the frames
 * which have come up one wire and sends them down others. Start at box_core_run().
 */
#ifndef ADIT_LAB_BOX_CORE_H
#define ADIT_LAB_BOX_CORE_H

#include "lab/box_line.h"
#include "lab/box_port.h"
#include "lab/box_shell.h"

struct box_core;

/* What is in the middle. */
struct box_middle {
	/*
	 * A frame, its virtio header first, has come up from |side|; it arrived there at |at|. BOX_HEADROOM bytes
	 * before |data| may be written. It is good until box_core_flush(), which the core calls itself.
	 */
	void (*frame)(struct box_core *c, unsigned side, uint8_t *data, size_t len, adit_time at, adit_time now);
	/* May be NULL: time has passed; when it wants to be told next. */
	void (*tick)(struct box_core *c, adit_time now);
	adit_time (*deadline)(const struct box_core *c);
	/* May be NULL: a signal other than SIGTERM and SIGINT, which end the core. */
	void (*signal)(struct box_core *c, int signal);
};

struct box_side {
	struct box_port port;
	struct box_line up; /* from the port to the middle */
	struct box_line down; /* from the middle to the port */
	void *store[2];
};

struct box_core {
	const struct box_middle *middle;
	void *ctx; /* the middle's own */
	struct box_side *sides;
	unsigned n_sides;
	struct box_inbox inbox;
	int signal_fd;
	bool keeps_time; /* a wire delays or limits */
};

/* |sides| is zeroed memory of the caller; |signals| as box_signals_open() takes them. 0 or an exit code. */
int box_core_open(struct box_core *c, const struct box_middle *middle, void *ctx, struct box_side *sides,
		  unsigned n_sides, const int *signals);
/* Opens side |i| at interface |name| (borrowed). 0 or an exit code. */
int box_core_side(struct box_core *c, unsigned i, const char *name, const struct lab_link_config *up,
		  const struct lab_link_config *down, uint64_t seed);
/* Works until SIGTERM or SIGINT, having told |ready_fd| "ready\n". 0 or an exit code. */
int box_core_run(struct box_core *c, int ready_fd);
/* Also after a failure of the others. */
void box_core_close(struct box_core *c);

/* A frame, virtio header first, goes down to |side|. It came up at |at|. |data| is borrowed until box_core_flush(). */
void box_core_send(struct box_core *c, unsigned side, const uint8_t *data, size_t len, adit_time at, adit_time now);
void box_core_flush(struct box_core *c);

/* Of all wires and sockets together. */
struct box_core_counts {
	uint64_t lost;
	uint64_t queue_full;
	uint64_t overrun; /* of the store or of a socket's buffer: the box was too slow */
	uint64_t unfit; /* too long, or a super-packet of an unknown kind */
	uint64_t refused; /* by the kernel, on the way out */
};

struct box_core_counts box_core_count(struct box_core *c);

#endif
