#include "lab/box_net.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lab/box_bottle.h"
#include "lab/box_net_inner.h"
#include "lab/box_shell.h"

/* A process of the bottle. */
struct child {
	pid_t pid; /* 0: has ended */
	enum {
		CHILD_BOX,
		CHILD_RUN,
		CHILD_MAIN,
	} kind;
	const char *name; /* borrowed: the node or net it belongs to */
};

struct running {
	struct box_net net;
	struct child child[LAB_PLAN_NODES + LAB_PLAN_NETS + LAB_PLAN_RUNS + 1];
	size_t n_children;
	int signal_fd;
	int code; /* of the whole, so far */
	size_t n_commands; /* still running */
};

/* ---- processes ---- */

static void default_signals(void)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Forks a child that the terminal's signals do not reach, but for the main command. 0 in the child, -1: errno. */
static pid_t start(struct running *r, int kind, const char *name)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		if (kind != CHILD_MAIN)
			setpgid(0, 0);
		default_signals();
		return 0;
	}
	if (pid > 0)
		r->child[r->n_children++] = (struct child){.pid = pid, .kind = kind, .name = name};
	return pid;
}

/* One box; returns when its frames pass. */
static int start_box(struct running *r, const char *name, int (*run)(struct box_net *n, unsigned i, int ready_fd),
		     unsigned i)
{
	int ready[2];
	char word[8];
	ssize_t n;
	pid_t pid;

	if (pipe2(ready, O_CLOEXEC) < 0)
		return box_fail("pipe", NULL);
	pid = start(r, CHILD_BOX, name);
	if (pid == 0) {
		close(ready[0]);
		_exit(run(&r->net, i, ready[1]));
	}
	close(ready[1]);
	n = pid < 0 ? -1 : read(ready[0], word, sizeof(word));
	close(ready[0]);
	if (pid < 0)
		return box_fail("fork", NULL);
	return n > 0 ? 0 : BOX_EXIT_LOCAL; /* it has said why */
}

static int start_boxes(struct running *r)
{
	const struct lab_plan *p = r->net.cfg->plan;
	int err = 0;

	for (unsigned i = 0; !err && i < p->n_nets; i++)
		if (r->net.nets[i].is_switch)
			err = start_box(r, p->nets[i].name, box_net_run_switch, i);
	for (unsigned i = 0; !err && i < p->n_nodes; i++)
		if (p->nodes[i].kind == LAB_PLAN_NAT)
			err = start_box(r, p->nodes[i].name, box_net_run_nat, i);
	return err;
}

/* ADIT_LAB_PID_ra is where a signal to router ra goes: HUP is a reboot, USR1 prints its counters. */
static void export_names(const struct running *r, const char *host)
{
	char key[64];
	char value[32];

	setenv("ADIT_LAB_HOST", host, 1);
	for (size_t i = 0; i < r->n_children; i++) {
		if (r->child[i].kind != CHILD_BOX)
			continue;
		snprintf(key, sizeof(key), "ADIT_LAB_PID_%s", r->child[i].name);
		for (char *c = key; *c; c++)
			if (*c == '-')
				*c = '_';
		snprintf(value, sizeof(value), "%d", (int)r->child[i].pid);
		setenv(key, value, 1);
	}
}

/* The command of node |node|: |argv|, else the |len| bytes of |line|, for a shell. Never returns. */
static void run_command(const struct running *r, unsigned node, char **argv, const char *line, size_t len, bool is_main)
{
	char *shell[] = {"/bin/sh", "-c", NULL, NULL};
	const char *name = r->net.cfg->plan->nodes[node].name;

	if (!argv) {
		argv = shell;
		shell[2] = strndup(line, len);
	}
	if (box_bottle_enter(r->net.nodes[node].fd) < 0)
		_exit(box_fail(name, "setns"));
	if (!is_main) { /* nobody types for it */
		int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

		if (null >= 0)
			dup2(null, STDIN_FILENO);
	}
	export_names(r, name);
	if (argv[0] && argv[argv == shell ? 2 : 0]) {
		execvp(argv[0], argv);
		box_fail(name, argv[0]);
	}
	/* As a shell says it. */
	_exit(errno == ENOENT ? 127 : 126);
}

static int start_command(struct running *r, unsigned node, char **argv, const char *line, size_t len, bool is_main)
{
	pid_t pid = start(r, is_main ? CHILD_MAIN : CHILD_RUN, r->net.cfg->plan->nodes[node].name);

	if (pid == 0)
		run_command(r, node, argv, line, len, is_main);
	if (pid < 0)
		return box_fail("fork", NULL);
	r->n_commands++;
	return 0;
}

static int start_commands(struct running *r)
{
	const struct box_net_config *cfg = r->net.cfg;
	int err = 0;

	for (size_t i = 0; !err && i < cfg->plan->n_runs; i++) {
		const struct lab_plan_run *run = &cfg->plan->runs[i];

		/* The command line's own is the main one then. */
		err = start_command(r, run->node, NULL, run->command, run->len, run->is_main && !cfg->argv);
	}
	if (!err && cfg->argv)
		err = start_command(r, cfg->argv_node, cfg->argv, NULL, 0, true);
	return err;
}

/* ---- until the end ---- */

static bool has_main(const struct running *r)
{
	for (size_t i = 0; i < r->n_children; i++)
		if (r->child[i].kind == CHILD_MAIN)
			return true;
	return false;
}

/* Takes over what has ended. True: that was the end of all. */
static bool reap(struct running *r, bool ending)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		int code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);

		for (size_t i = 0; i < r->n_children; i++) {
			struct child *c = &r->child[i];

			if (c->pid != pid)
				continue;
			c->pid = 0;
			r->n_commands -= c->kind != CHILD_BOX;
			if (ending)
				continue;
			if (c->kind == CHILD_BOX) {
				fprintf(stderr, "adit-lab: %s has ended with %d: the network is broken\n", c->name,
					code);
				r->code = BOX_EXIT_LOCAL;
				return true;
			}
			if (c->kind == CHILD_MAIN) {
				r->code = code;
				return true;
			}
			if (r->code == 0 && !has_main(r))
				r->code = code;
			if (r->n_commands == 0)
				return true;
		}
	}
	return false;
}

static void signal_commands(const struct running *r, int signal)
{
	for (size_t i = 0; i < r->n_children; i++) {
		const struct child *c = &r->child[i];

		if (c->pid > 0 && c->kind != CHILD_BOX)
			kill(c->kind == CHILD_MAIN ? c->pid : -c->pid, signal);
	}
}

/* The next signal, 0: none until |until|. */
static int wait_signal(const struct running *r, adit_time until, int *ret_code)
{
	struct pollfd fd = {.fd = r->signal_fd, .events = POLLIN};
	struct signalfd_siginfo info;
	adit_time now = (adit_time)box_clock(CLOCK_BOOTTIME);
	int ms = until == ADIT_NEVER ? -1 : (int)(adit_time_since(until, now) / 1000000) + 1;

	if (poll(&fd, 1, ms) <= 0 || read(r->signal_fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return 0;
	*ret_code = info.ssi_code;
	return (int)info.ssi_signo;
}

static void attend(struct running *r)
{
	for (;;) {
		int code = 0;
		int signal = wait_signal(r, ADIT_NEVER, &code);

		if (signal == SIGCHLD) {
			if (reap(r, false))
				return;
		} else if (signal != 0 && has_main(r)) {
			/* It decides what to make of it; a terminal has told it already. */
			if (code != SI_KERNEL)
				signal_commands(r, signal);
		} else if (signal != 0) {
			if (r->code == 0 && r->n_commands > 0)
				r->code = 128 + signal;
			return;
		}
	}
}

static bool any_left(const struct running *r, bool boxes)
{
	for (size_t i = 0; i < r->n_children; i++)
		if (r->child[i].pid > 0 && (r->child[i].kind == CHILD_BOX) == boxes)
			return true;
	return false;
}

static void wait_gone(struct running *r, bool boxes, adit_dur patience)
{
	adit_time until = (adit_time)box_clock(CLOCK_BOOTTIME) + patience;
	int code;

	reap(r, true);
	while (any_left(r, boxes) && (adit_time)box_clock(CLOCK_BOOTTIME) < until)
		if (wait_signal(r, until, &code) == SIGCHLD)
			reap(r, true);
}

/* Commands first, then what they ran over; the kernel ends who does not listen when we are gone. */
static void wind_up(struct running *r)
{
	signal_commands(r, SIGTERM);
	wait_gone(r, false, BOX_NET_PATIENCE);
	for (size_t i = 0; i < r->n_children; i++)
		if (r->child[i].pid > 0 && r->child[i].kind == CHILD_BOX)
			kill(r->child[i].pid, SIGTERM);
	if (r->net.cfg->verbose)
		wait_gone(r, true, BOX_NET_PATIENCE);
}

/* Where somebody can go in while nothing runs. */
static void tell_ways_in(const struct running *r)
{
	const struct lab_plan *p = r->net.cfg->plan;

	for (unsigned i = 0; i < p->n_nodes; i++)
		if (p->nodes[i].kind != LAB_PLAN_NAT)
			printf("%-16s nsenter --net=/proc/%d/fd/%d\n", p->nodes[i].name, (int)box_bottle_pid(),
			       r->net.nodes[i].fd);
	printf("up\n");
	fflush(stdout);
}

static int inside(void *ctx)
{
	static struct running r;
	int err;

	r.net.cfg = ctx;
	r.signal_fd = box_signals_open((const int[]){SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGQUIT, 0});
	if (r.signal_fd < 0)
		return box_fail("signalfd", NULL);
	err = box_net_build(&r.net);
	if (!err)
		err = start_boxes(&r);
	if (!err)
		err = start_commands(&r);
	if (err)
		return err;
	if (r.n_commands == 0)
		tell_ways_in(&r);
	attend(&r);
	wind_up(&r);
	return r.code;
}

int box_net_run(const struct box_net_config *cfg)
{
	return box_bottle_run(inside, (void *)(uintptr_t)cfg);
}
