/*
 * Control sockets: a process that has a session answers others of the same user. Unix sockets of type SOCK_SEQPACKET:
 * one packet is one message, a line or several of text, at most one descriptor beside it. Who cannot be served gets
 * "error TEXT" before he is hung up on.
 *
 * The server side lives in the loop; the client side blocks, for commands that have nothing else to do.
 */
#ifndef ADIT_EP_CTL_H
#define ADIT_EP_CTL_H

#include <uv.h>

#include "base/err.h"

#define EP_CTL_TEXT_MAX    65536 /* bytes of a message with its NUL: 256 services */
#define EP_CTL_PART        16384 /* bytes of a message of a long answer: a dozen fit into a socket's usual buffer */
#define EP_CTL_CLIENTS_MAX 256

struct ep_ctl;
struct ep_ctl_client;

struct ep_ctl_ops {
	/* |fd| is -1 or the callee's. */
	void (*message)(void *ctx, struct ep_ctl_client *client, const char *text, int fd);
	void (*gone)(void *ctx, struct ep_ctl_client *client);
};

/* Listens at |path|; a file left over from a crash is replaced. ESYS with errno (EADDRINUSE: somebody answers there),
 * ENOMEM. */
ADIT_MUST_CHECK int ep_ctl_new(uv_loop_t *loop, const char *path, const struct ep_ctl_ops *ops, void *ctx,
			       struct ep_ctl **ret_ctl);
/* Closes all clients (gone is called for each) and removes the file. NULL is fine. */
void ep_ctl_close(struct ep_ctl *c);

/* A client that does not read is dropped. */
void ep_ctl_reply(struct ep_ctl_client *client, const char *text);
/*
 * A long last answer: |text|, taken over and freed, in as many messages as it takes, as fast as the client reads them;
 * then the end. Whatever the client still says is ignored. NULL: out of memory, there is no answer.
 */
void ep_ctl_finish(struct ep_ctl_client *client, char *text);
void ep_ctl_set_user(struct ep_ctl_client *client, void *user);
void *ep_ctl_user(const struct ep_ctl_client *client);

/* --- client side --- */

/* A connected descriptor, or ADIT_ENOENT: nobody is there; ADIT_ESYS with errno. */
ADIT_MUST_CHECK int ep_ctl_dial(const char *path);
/* |pass| -1 or a descriptor to hand over (it stays open here). ESYS. */
ADIT_MUST_CHECK int ep_ctl_send(int fd, const char *text, int pass);
/*
 * The next message, waiting |timeout_ms| (-1: for ever) for it. Length, or ENOENT: the server is gone, or the end after
 * ep_ctl_finish(); EAGAIN: no message in time; ESYS with errno (EINTR: a signal; EMSGSIZE: longer than any we know).
 */
ADIT_MUST_CHECK int ep_ctl_recv(int fd, char buf[EP_CTL_TEXT_MAX], int timeout_ms);

#endif
