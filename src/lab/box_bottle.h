/*
 * A bottle: processes, mounts and networks of our own, taken away by the kernel whatever happens to us. Nothing in it
 * has a name outside: network namespaces are held by descriptors of its first process, which dies with the process
 * that made the bottle (PR_SET_PDEATHSIG), and all others in it die with that one (pid_namespaces(7)).
 *
 * As root, or in an unprivileged user namespace where the system allows them.
 */
#ifndef ADIT_LAB_BOX_BOTTLE_H
#define ADIT_LAB_BOX_BOTTLE_H

#include <sys/types.h>

/*
 * Goes into a bottle and runs |inside| there as its first process, in a network of its own. Waits for it, passing
 * signals on: those that a terminal sends reach everybody anyway, others go to the first process; the second SIGTERM
 * or SIGHUP ends everything at once. Returns the exit code, or BOX_EXIT_LOCAL after having said what is not permitted.
 */
int box_bottle_run(int (*inside)(void *ctx), void *ctx);

/* Inside: a new network with its loopback up; the thread is back where it was. A descriptor, or -1: errno. */
int box_bottle_net(void);

/* Inside: the thread moves to network |fd|. -1: errno. */
int box_bottle_enter(int fd);

/* "net.ipv4.ip_forward" = |value| in the thread's network. -1: errno. */
int box_bottle_sysctl(const char *name, const char *value);

/* Inside: names of hosts, as in hosts(5), for all in the bottle. -1: errno. */
int box_bottle_hosts(const char *text);

/* The first process' number as seen from outside; 0: not known. */
pid_t box_bottle_pid(void);

#endif
