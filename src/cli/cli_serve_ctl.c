#include "cli/cli_serve_ctl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli_mapped.h"
#include "endpoint/ep_ctl.h"
#include "endpoint/ep_share.h"
#include "io/io_clock.h"
#include "io/io_store.h"

static void status_lane(void *ctx, const char *label, struct link *link, size_t n_conns)
{
	struct cli_json *j = ctx;
	struct link_status st;

	link_status_get(link, io_clock_now(), &st);
	cli_json_object(j, NULL);
	cli_json_str(j, "label", label);
	cli_show_json(j, &st, io_clock_now());
	cli_json_uint(j, "connections", n_conns);
	cli_json_object_end(j);
}

struct lines {
	struct io_buf all;
	char text[EP_CTL_TEXT_MAX]; /* of one lane */
	bool more;
	struct cli_serve_ctl *ctl;
};

static void show_lane(void *ctx, const char *label, struct link *link, size_t n_conns)
{
	struct lines *l = ctx;
	struct link_status st;
	struct cli_show show = {.command = "serve", .name = label, .st = &st, .n_conns = n_conns};

	show.now = io_clock_now();
	show.more = l->more;
	show.named = l->ctl->named;
	show.rates = &l->ctl->rates;
	link_status_get(link, show.now, &st);
	io_buf_add(&l->all, l->text, cli_show_text(l->text, sizeof(l->text), &show));
}

static void show(struct cli_serve_ctl *s, struct ep_ctl_client *client, bool more)
{
	struct lines *l = calloc(1, sizeof(*l));

	if (!l) {
		ep_ctl_finish(client, NULL);
		return;
	}
	l->more = more;
	l->ctl = s;
	ep_serve_each(s->ep, show_lane, l);
	for (size_t f = 0; f < 2; f++)
		io_buf_add(&l->all, l->text,
			   cli_mapped_status_text(l->text, sizeof(l->text), 0,
						  ep_serve_mapped(s->ep, cli_mapped_family[f])));
	io_buf_add(&l->all, "", 1);
	ep_ctl_finish(client, l->all.bad ? NULL : strdup(l->all.data));
	io_buf_done(&l->all);
	free(l);
}

static void on_ctl(void *ctx, struct ep_ctl_client *client, const char *text, int fd)
{
	struct cli_serve_ctl *s = ctx;
	enum ep_share_form form;
	struct cli_json j;
	const char *answer;

	if (fd >= 0)
		close(fd);
	if (ep_share_form_of(text, &form) && form != EP_SHARE_JSON) {
		show(s, client, form == EP_SHARE_MORE);
		return;
	}
	cli_json_init(&j);
	cli_json_object(&j, NULL);
	cli_json_str(&j, "command", "serve");
	cli_json_int(&j, "pid", getpid());
	cli_json_array(&j, "services");
	for (size_t i = 0; i < s->n_services; i++)
		cli_json_str(&j, NULL, s->services[i].name);
	cli_json_array_end(&j);
	cli_json_array(&j, "lanes");
	ep_serve_each(s->ep, status_lane, &j);
	cli_json_array_end(&j);
	cli_mapped_status_json(&j, ep_serve_mapped(s->ep, ADIT_FAMILY_V4), ep_serve_mapped(s->ep, ADIT_FAMILY_V6));
	cli_json_object_end(&j);
	answer = cli_json_text(&j);
	ep_ctl_finish(client, answer ? strdup(answer) : NULL);
	cli_json_done(&j);
}

static void on_ctl_gone(void *ctx, struct ep_ctl_client *client)
{
	(void)ctx;
	(void)client;
}

static const struct ep_ctl_ops ctl_ops = {.message = on_ctl, .gone = on_ctl_gone};

void cli_serve_ctl_open(struct cli_serve_ctl *s, struct cli_run *run)
{
	char path[IO_SOCKET_PATH_MAX + 1];
	struct io_why why;

	if (io_state_socket(&run->state, "serve", path, &why) < 0)
		cli_warn(&run->cli->msg, why.next, "\"adit status\" will not see this: %s", why.what);
	else if (ep_ctl_new(&run->loop, path, &ctl_ops, s, &s->ctl) < 0)
		cli_warn(&run->cli->msg, NULL, "\"adit status\" will not see this: %s: %s", path, strerror(errno));
}

void cli_serve_ctl_close(struct cli_serve_ctl *s)
{
	ep_ctl_close(s->ctl);
	s->ctl = NULL;
}
