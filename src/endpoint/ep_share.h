/*
 * One session for all commands to the same peer on this machine: whoever has it serves the others through its control
 * socket. A borrower opens its own listening sockets and hands them over; they live as long as the borrower. Messages:
 *
 *	services               -> "services\nNAME stream|dgram PORT\n..." as soon as the session is up
 *	door NAME stream|dgram + listening socket  -> "ok" or "error TEXT"
 *	pipe NAME + connected socket               -> "ok" or "error TEXT", later "end clean|local|peer|session CODE"
 *	status                 -> one JSON object
 *	show                   -> the same as lines for people
 *	show more              -> with what was tried, and addresses
 *
 * What tells of the state may be long: it comes in several messages, and the owner hangs up behind it.
 */
#ifndef ADIT_EP_SHARE_H
#define ADIT_EP_SHARE_H

#include "endpoint/ep_connect.h"
#include "endpoint/ep_ctl.h"

struct ep_share;

enum ep_share_form {
	EP_SHARE_JSON,
	EP_SHARE_LINES,
	EP_SHARE_MORE, /* lines, with what was tried */
};

/* Whether |text| asks for the status, and how. */
bool ep_share_form_of(const char *text, enum ep_share_form *ret_form);

/* Writes the answer to status or show. */
typedef void ep_share_status(void *ctx, enum ep_share_form form, char *buf, size_t cap);

/* As ep_ctl_new. */
ADIT_MUST_CHECK int ep_share_new(uv_loop_t *loop, const char *path, struct ep_connect *connect, ep_share_status *status,
				 void *ctx, struct ep_share **ret_share);
/* The session came up: those who wait for the list of services get it. */
void ep_share_up(struct ep_share *s);
/* |idle|, with the context of ep_share_new(), is called when the last borrower has gone. NULL: not any more. */
void ep_share_on_idle(struct ep_share *s, void (*idle)(void *ctx));
/* How many borrowers there are. */
size_t ep_share_borrowers(const struct ep_share *s);
void ep_share_close(struct ep_share *s);

/* "clean", "local", ...; false: no such name. */
bool ep_end_parse(const char *name, enum ep_end *ret_end);

#endif
