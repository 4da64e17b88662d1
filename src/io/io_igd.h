/*
 * A UPnP internet gateway (IGD version 1 or 2) over miniupnpc: found, and asked one thing at a time. Every call but
 * io_igd_new() and io_igd_free() blocks, for as long as the router takes: they belong on the worker pool (io_upnp.h,
 * io_portmap_look.h).
 *
 * Start here: io_igd_find(), then the others. What goes wrong is left in io_igd_why().
 */
#ifndef ADIT_IO_IGD_H
#define ADIT_IO_IGD_H

#include <stdatomic.h>

#include "base/addr.h"
#include "io/io_portmap_limits.h"

struct io_igd;

/* What a router answers to a wish; other numbers are errors of its own or of the library. */
enum io_igd_answer {
	IO_IGD_DONE,
	IO_IGD_CONFLICT, /* another host or another mechanism has that port */
	IO_IGD_SAME_PORT, /* external and internal port must be equal */
	IO_IGD_PERMANENT, /* it knows no leases */
	IO_IGD_ERROR,
};

/* |own| is our IPv4 address, as the router will be told it. NULL: no memory. */
struct io_igd *io_igd_new(const struct adit_addr *own);
/* NULL is fine. */
void io_igd_free(struct io_igd *g);

/* What it found is forgotten: the router may have another address or control URL since it was restarted. */
void io_igd_forget(struct io_igd *g);
/* Looks for a router unless one is known; gives up early once |is_unwanted|. False: there is none that maps ports. */
bool io_igd_find(struct io_igd *g, const atomic_bool *is_unwanted);
bool io_igd_is_known(const struct io_igd *g);
/* 1 or 2, of its connection service; 0: no router was found. */
unsigned io_igd_version(const struct io_igd *g);
/* Its external address, port 0. */
bool io_igd_external(struct io_igd *g, struct adit_addr *ret_external);
/* Whether it says that it is connected; false also where it does not tell. */
bool io_igd_is_connected(struct io_igd *g);
/* |lease| in seconds, 0: for ever. */
enum io_igd_answer io_igd_add(struct io_igd *g, uint16_t external, uint16_t internal, uint32_t lease);
/* The router chooses the port, like |external| where it can: version 2 only. 0: it did not. */
uint16_t io_igd_add_any(struct io_igd *g, uint16_t external, uint16_t internal, uint32_t lease);
/*
 * Whose is the mapping of |external|? Some routers say yes to a second host and leave the port to the first. True:
 * |lease|, as it was asked for, becomes what the router made of it.
 */
bool io_igd_is_ours(struct io_igd *g, uint16_t external, uint16_t internal, uint32_t *lease);
/* How long a mapping lasts that was asked for with |asked| seconds, of which the router tells |told|. */
uint32_t io_igd_lease(uint32_t asked, const char *told);
/* What cannot be deleted runs out, or its router is gone. */
void io_igd_delete(struct io_igd *g, uint16_t external);
/* A sentence about what failed last. */
const char *io_igd_why(const struct io_igd *g);

#endif
