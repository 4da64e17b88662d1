#include "endpoint/ep_share.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DOORS_MAX (2 * FWD_SERVICES_MAX) /* of one borrower: both loopbacks of all that a peer may offer */

struct borrower {
	struct ep_share *share;
	struct ep_ctl_client *client; /* NULL: gone, a pipe of it still ends */
	struct ep_door *doors[DOORS_MAX];
	size_t n_doors;
	bool wants_services;
	bool piping;
};

struct ep_share {
	struct ep_ctl *ctl;
	struct ep_connect *connect;
	ep_share_status *status;
	void (*idle)(void *ctx);
	void *ctx;
	struct borrower *borrowers[EP_CTL_CLIENTS_MAX];
	size_t n_borrowers;
};

static const char *const end_names[] = {
	[EP_END_CLEAN] = "clean",
	[EP_END_LOCAL] = "local",
	[EP_END_PEER] = "peer",
	[EP_END_SESSION] = "session",
};

bool ep_end_parse(const char *name, enum ep_end *ret_end)
{
	for (int i = 0; i < 4; i++) {
		if (strcmp(name, end_names[i]) != 0)
			continue;
		*ret_end = (enum ep_end)i;
		return true;
	}
	return false;
}

static void send_services(struct borrower *b)
{
	static char text[EP_CTL_TEXT_MAX];
	size_t n;
	const struct fwd_service *s = ep_connect_services(b->share->connect, &n);
	size_t at = (size_t)snprintf(text, sizeof(text), "services\n");

	for (size_t i = 0; i < n; i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%s %s %u\n", s[i].name,
				       s[i].kind == FWD_KIND_DGRAM ? "dgram" : "stream", s[i].port);
	b->wants_services = false;
	ep_ctl_reply(b->client, text);
}

void ep_share_up(struct ep_share *s)
{
	for (size_t i = 0; i < s->n_borrowers; i++)
		if (s->borrowers[i]->wants_services)
			send_services(s->borrowers[i]);
}

static void add_door(struct borrower *b, const char *name, bool dgram, int fd)
{
	if (fd < 0 || b->n_doors == DOORS_MAX) {
		if (fd >= 0)
			close(fd);
		ep_ctl_reply(b->client, "error no socket or too many");
		return;
	}
	if (ep_connect_add_door(b->share->connect, name, dgram, fd, &b->doors[b->n_doors]) < 0) {
		ep_ctl_reply(b->client, "error no memory");
		return;
	}
	b->n_doors++;
	ep_ctl_reply(b->client, "ok");
}

static void pipe_ended(void *ctx, enum ep_end end, uint64_t code)
{
	struct borrower *b = ctx;
	char text[64];

	b->piping = false;
	if (!b->client) {
		free(b);
		return;
	}
	snprintf(text, sizeof(text), "end %s %llu", end_names[end], (unsigned long long)code);
	ep_ctl_reply(b->client, text);
}

static void start_pipe(struct borrower *b, const char *name, int fd)
{
	if (fd < 0 || b->piping) {
		if (fd >= 0)
			close(fd);
		ep_ctl_reply(b->client, "error no socket");
		return;
	}
	b->piping = true;
	ep_ctl_reply(b->client, "ok");
	if (ep_connect_pipe(b->share->connect, name, fd, pipe_ended, b) < 0)
		pipe_ended(b, EP_END_PEER, FWD_STREAM_NO_SERVICE);
}

bool ep_share_form_of(const char *text, enum ep_share_form *ret_form)
{
	static const char *const words[] = {
		[EP_SHARE_JSON] = "status", [EP_SHARE_LINES] = "show", [EP_SHARE_MORE] = "show more"};

	for (int i = 0; i < 3; i++) {
		if (strcmp(text, words[i]) != 0)
			continue;
		*ret_form = (enum ep_share_form)i;
		return true;
	}
	return false;
}

static void send_status(struct ep_share *s, struct ep_ctl_client *client, enum ep_share_form form)
{
	char *text = calloc(1, EP_CTL_TEXT_MAX);

	if (text)
		s->status(s->ctx, form, text, EP_CTL_TEXT_MAX);
	ep_ctl_finish(client, text);
}

static struct borrower *borrower_of(struct ep_share *s, struct ep_ctl_client *client)
{
	struct borrower *b = ep_ctl_user(client);

	if (b || s->n_borrowers == EP_CTL_CLIENTS_MAX)
		return b;
	b = calloc(1, sizeof(*b));
	if (!b)
		return NULL;
	b->share = s;
	b->client = client;
	s->borrowers[s->n_borrowers++] = b;
	ep_ctl_set_user(client, b);
	return b;
}

static void on_message(void *ctx, struct ep_ctl_client *client, const char *text, int fd)
{
	struct ep_share *s = ctx;
	char verb[16] = "";
	char name[FWD_NAME_MAX + 1] = "";
	char kind[16] = "";
	enum ep_share_form form;
	struct borrower *b;

	if (ep_share_form_of(text, &form)) {
		if (fd >= 0)
			close(fd);
		send_status(s, client, form);
		return;
	}
	b = borrower_of(s, client);
	sscanf(text, "%15s %32s %15s", verb, name, kind);
	if (b && strcmp(verb, "door") == 0) {
		add_door(b, name, strcmp(kind, "dgram") == 0, fd);
		return;
	}
	if (b && strcmp(verb, "pipe") == 0) {
		start_pipe(b, name, fd);
		return;
	}
	if (fd >= 0)
		close(fd);
	if (b && strcmp(verb, "services") == 0) {
		b->wants_services = true;
		if (ep_connect_is_up(s->connect))
			send_services(b);
		return;
	}
	ep_ctl_reply(client, "error not understood");
}

static void on_gone(void *ctx, struct ep_ctl_client *client)
{
	struct ep_share *s = ctx;
	struct borrower *b = ep_ctl_user(client);

	if (!b)
		return;
	for (size_t i = 0; i < b->n_doors; i++)
		ep_connect_remove_door(s->connect, b->doors[i]);
	b->n_doors = 0;
	for (size_t i = 0; i < s->n_borrowers; i++)
		if (s->borrowers[i] == b)
			s->borrowers[i] = s->borrowers[--s->n_borrowers];
	b->client = NULL;
	if (!b->piping)
		free(b); /* else the pipe's end frees it: its socket is closed over there too */
	if (s->n_borrowers == 0 && s->idle)
		s->idle(s->ctx);
}

static const struct ep_ctl_ops ctl_ops = {.message = on_message, .gone = on_gone};

int ep_share_new(uv_loop_t *loop, const char *path, struct ep_connect *connect, ep_share_status *status, void *ctx,
		 struct ep_share **ret_share)
{
	struct ep_share *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return ADIT_ENOMEM;
	s->connect = connect;
	s->status = status;
	s->ctx = ctx;
	r = ep_ctl_new(loop, path, &ctl_ops, s, &s->ctl);
	if (r < 0) {
		free(s);
		return r;
	}
	*ret_share = s;
	return 0;
}

void ep_share_on_idle(struct ep_share *s, void (*idle)(void *ctx))
{
	s->idle = idle;
}

size_t ep_share_borrowers(const struct ep_share *s)
{
	return s->n_borrowers;
}

void ep_share_close(struct ep_share *s)
{
	if (!s)
		return;
	s->idle = NULL;
	ep_ctl_close(s->ctl);
	free(s);
}
