/*
 * This machine's own addresses, as candidates for a path: which there are, what they lie on, and when they or the
 * default routes change (rtnetlink; where that is not allowed they are looked at again every few seconds).
 */
#ifndef ADIT_IO_HOSTS_H
#define ADIT_IO_HOSTS_H

#include <uv.h>

#include "core/reach/reach.h"

struct io_hosts;

/* All addresses, without ports: those of ordinary interfaces first, docker's and libvirt's last. */
typedef void io_hosts_changed(void *ctx, const struct reach_host *hosts, size_t n);

/*
 * |changed| is called within, with what there is now, and from the loop whenever that is not so any more, or another
 * router leads out (io_route.h): then maybe with the same addresses. ENOMEM.
 */
ADIT_MUST_CHECK int io_hosts_new(uv_loop_t *loop, io_hosts_changed *changed, void *ctx, struct io_hosts **ret_hosts);
/* NULL is fine. */
void io_hosts_close(struct io_hosts *h);

/* May there be other addresses or default routes, after what rtnetlink tells? Of other routes there may be many. */
bool io_hosts_is_news(const void *data, size_t len);

#endif
