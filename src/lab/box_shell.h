/* What every box (link, nat, switch) is a process with: clocks, signals, waiting, how it fails. */
#ifndef ADIT_LAB_BOX_SHELL_H
#define ADIT_LAB_BOX_SHELL_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "base/time.h"
#include "lab/box_port.h"

/* The program's exit codes, as adit has them. */
#define BOX_EXIT_OK    0
#define BOX_EXIT_USAGE 2
#define BOX_EXIT_LOCAL 4

int64_t box_clock(clockid_t id);

/* The instant, and what to subtract from CLOCK_REALTIME to get one, read in the order that delivers late, never early.
 */
struct box_now {
	adit_time now;
	int64_t utc_offset;
};

struct box_now box_now(void);

/* "adit-lab: WHAT DETAIL: strerror(errno)" to stderr; returns the exit code. |detail| may be NULL. */
int box_fail(const char *what, const char *detail);

/*
 * A wire is hardware and waits for no processor: no timer slack, and where allowed (root) before all other processes
 * if it keeps time. One that only carries, as fast as it can, must not lock others out.
 */
void box_be_punctual(bool keeps_time);

/* Blocks |signals| (ended by 0) and opens a descriptor that tells of them; -1: errno. */
int box_signals_open(const int *signals);

/*
 * Sleeps until a frame has come to one of |ports|, a signal has, or |until|. |ret_signal|: which, 0: none. Returns 0,
 * or an exit code after having said what is wrong: an interface is gone.
 */
int box_wait(struct box_port *const *ports, size_t n_ports, int signal_fd, adit_time until, int *ret_signal);

/* |text| as a JSON string to stdout: names of interfaces and hosts, bytes that are no ASCII as they are. */
void box_json_str(const char *text);

#endif
