#include "lab/box_bottle.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lab/box_shell.h"

static pid_t outside_pid;

static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -1;
	n = write(fd, text, strlen(text));
	if (close(fd) < 0 || n != (ssize_t)strlen(text))
		return -1;
	return 0;
}

/* Root of a user namespace that knows one user: us. */
static int map_user(uid_t uid, gid_t gid)
{
	char text[64];

	if (write_file("/proc/self/setgroups", "deny") < 0 && errno != ENOENT)
		return -1;
	snprintf(text, sizeof(text), "0 %u 1", (unsigned)uid);
	if (write_file("/proc/self/uid_map", text) < 0)
		return -1;
	snprintf(text, sizeof(text), "0 %u 1", (unsigned)gid);
	return write_file("/proc/self/gid_map", text);
}

static int new_namespaces(void)
{
	int flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET;
	uid_t uid = geteuid();
	gid_t gid = getegid();

	/* A root without CAP_SYS_ADMIN, as in a container, may still do what any user may. */
	if (uid == 0 && unshare(flags) == 0)
		return 0;
	if (unshare(flags | CLONE_NEWUSER) < 0)
		return box_fail("no namespaces here:", "unshare");
	return map_user(uid, gid) < 0 ? box_fail("no namespaces here:", "user map") : 0;
}

static int loopback_up(void)
{
	struct ifreq req = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int err;

	if (fd < 0)
		return -1;
	err = ioctl(fd, SIOCSIFFLAGS, &req);
	close(fd);
	return err;
}

/* The first process of the bottle, before anything else: mounts of its own. */
static int prepare_mounts(void)
{
	char link[32];
	ssize_t n = readlink("/proc/self", link, sizeof(link) - 1);

	/* The old /proc still counts from outside. */
	if (n > 0) {
		link[n] = 0;
		outside_pid = (pid_t)strtol(link, NULL, 10);
	}
	if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return box_fail("no namespaces here:", "private mounts");
	if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
		return box_fail("no namespaces here:", "/proc");
	/* Daemons in the bottle find no /run of the machine's own services, and leave nothing there. */
	if (mount("tmpfs", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755") < 0)
		return box_fail("no namespaces here:", "/run");
	return 0;
}

pid_t box_bottle_pid(void)
{
	return outside_pid;
}

static int first_process(int parent, int (*inside)(void *ctx), void *ctx)
{
	char byte;
	int err;

	/* The parent may have died before that: then its end of the pipe is closed. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return box_fail("PR_SET_PDEATHSIG", NULL);
	if (read(parent, &byte, 1) == 0)
		return BOX_EXIT_LOCAL;
	close(parent);
	err = prepare_mounts();
	if (err)
		return err;
	return loopback_up() < 0 ? box_fail("loopback", NULL) : inside(ctx);
}

/* Waits for the first process; SI_KERNEL: a terminal's, which has reached it already. */
static int wait_for(pid_t child, int signal_fd)
{
	struct signalfd_siginfo info;
	int status;
	int ends = 0;

	for (;;) {
		if (read(signal_fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
			continue;
		if (info.ssi_signo == SIGCHLD) {
			if (waitpid(child, &status, WNOHANG) == child)
				break;
			continue;
		}
		if (info.ssi_code == SI_KERNEL)
			continue;
		ends += info.ssi_signo == SIGTERM || info.ssi_signo == SIGHUP;
		kill(child, ends > 1 ? SIGKILL : (int)info.ssi_signo);
	}
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int box_bottle_run(int (*inside)(void *ctx), void *ctx)
{
	int signal_fd;
	int alive[2];
	pid_t child;
	int err;

	signal_fd = box_signals_open((const int[]){SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGQUIT, 0});
	if (signal_fd < 0 || fcntl(signal_fd, F_SETFL, 0) < 0 || pipe2(alive, O_CLOEXEC) < 0)
		return box_fail("signalfd", NULL);
	err = new_namespaces();
	if (err)
		return err;
	fflush(NULL);
	child = fork();
	if (child < 0)
		return box_fail("fork", NULL);
	if (child == 0) {
		close(signal_fd);
		close(alive[1]);
		fcntl(alive[0], F_SETFL, O_NONBLOCK);
		err = first_process(alive[0], inside, ctx);
		fflush(NULL);
		_exit(err);
	}
	close(alive[0]);
	return wait_for(child, signal_fd);
}

int box_bottle_net(void)
{
	int old = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	int fd = -1;

	if (old < 0)
		return -1;
	if (unshare(CLONE_NEWNET) == 0) {
		if (loopback_up() == 0)
			fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
		if (setns(old, CLONE_NEWNET) < 0 && fd >= 0) {
			close(fd);
			fd = -1;
		}
	}
	close(old);
	return fd;
}

int box_bottle_enter(int fd)
{
	return setns(fd, CLONE_NEWNET);
}

int box_bottle_sysctl(const char *name, const char *value)
{
	char path[128];
	int n = snprintf(path, sizeof(path), "/proc/sys/%s", name);

	for (char *c = path + strlen("/proc/sys/"); *c; c++)
		if (*c == '.')
			*c = '/';
	if (n < 0 || (size_t)n >= sizeof(path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	return write_file(path, value);
}

int box_bottle_hosts(const char *text)
{
	static const char path[] = "/run/hosts";
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	if (fd < 0)
		return -1;
	close(fd);
	if (write_file(path, text) < 0)
		return -1;
	return mount(path, "/etc/hosts", NULL, MS_BIND, NULL);
}
