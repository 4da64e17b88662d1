/*
 * libadit: what its three parts share. Include the part you need; each includes this.
 *
 *   <adit/ice.h>       a standard ICE agent (RFC 8445): lines of RFC 8839 in and out
 *   <adit/punch.h>     punch only: two peers that share a secret get a connected UDP socket each
 *   <adit/endpoint.h>  the whole of it: an encrypted session with streams and datagrams that survives its paths
 *
 * Each object (adit_ice, adit_punch, adit_endpoint) is used in the same way and fits into any event loop. It has no
 * thread, installs no signal handler, never blocks, and every descriptor it opens is close-on-exec:
 *
 *   1. wait until adit_x_fd() is readable: poll, epoll, libuv, glib, ... The descriptor is an epoll set that belongs
 *      to the object and never changes; do not read from it. It becomes readable at adit_x_deadline() as well, so no
 *      timer is needed; who has cheaper timers may use that instead (adit_timeout_ms()).
 *   2. call adit_x_process();
 *   3. call adit_x_next_event() until it gives NULL. What an event points to is good until the next call on its object.
 *
 * Steps 2 and 3 also come once after the first commands, and may come at any time: too often does no harm.
 *
 * Threads: one object is for one thread at a time; different objects are free. After fork() a child may only call
 * _free on an object, which sends nothing and leaves the parent's alone.
 *
 * Structures: a configuration starts with its |size|, which the caller sets to sizeof, and all that is zero in it is a
 * default; so programs that were compiled with an older and smaller one go on working. What the library tells (events,
 * status) lies in the library's memory and grows at its end.
 *
 * Errors: functions that can fail return a negative enum adit_err; at ADIT_ESYS errno tells why. Nothing that comes
 * from the network ends the program. Addresses are struct sockaddr_storage, AF_INET or AF_INET6, as the system has
 * them; AF_UNSPEC means that there is none. Times are nanoseconds, instants on CLOCK_BOOTTIME.
 */
#ifndef ADIT_ADIT_H
#define ADIT_ADIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#include <adit/err.h>
#include <adit/version.h>

#ifdef __cplusplus
extern "C" {
#endif

/* "0.1.0", of the library that runs. Static. */
ADIT_API const char *adit_version(void);

/* A deadline that will not come. */
#define ADIT_NO_DEADLINE UINT64_MAX

/* |deadline| as a time-out for poll() or epoll_wait(): milliseconds from now, rounded up; -1: none. */
ADIT_API int adit_timeout_ms(uint64_t deadline);

/*
 * Reads "192.0.2.1:80", "[2001:db8::1]:80", and both without a port (then it is 0); no names. Returns the length of the
 * sockaddr in |*ret_addr|, or ADIT_EINVAL.
 */
ADIT_API ADIT_MUST_CHECK int adit_address_parse(const char *text, struct sockaddr_storage *ret_addr);

/* With the NUL: "[2001:db8::1%4294967295]:65535" fits. */
#define ADIT_ADDRESS_STRLEN 64

/* The same back, IPv6 as RFC 5952 wants it; "-" for AF_UNSPEC. Returns |buf|. */
ADIT_API const char *adit_address_format(const struct sockaddr_storage *addr, char buf[ADIT_ADDRESS_STRLEN]);

/*
 * Does a datagram look like STUN (RFC 7983 7, RFC 8489 5: first byte 0 to 3, magic cookie)? Who shares a punched socket
 * with own data tells them apart by this; data should not begin so.
 */
ADIT_API bool adit_is_stun(const void *data, size_t len);

/*
 * What happens inside, one line "event key=value ..." without line feed and without secrets; |line| is good during the
 * call. |level|: 0 errors, 1 warnings, 2 what a person follows, 3 decisions and their reasons, 4 each packet.
 * The one callback of the library: it must not call into the object that is speaking.
 */
typedef void adit_log_fn(void *ctx, int level, const char *line);

/* Part of each configuration. |write| NULL: silence. */
struct adit_log_config {
	adit_log_fn *write;
	void *ctx;
	int level; /* lines above it are not even made */
};

/*
 * Meeting through mediators (`adit mediator`), for punch and endpoint, where config.meets says so: what goes on with
 * them. Names are as in the ticket (adit_ticket_mediator()); an absent |mediator| is NULL.
 */
enum adit_meeting_kind {
	ADIT_MEETING_HELD = 1, /* serve: registered with |mediator|: who has the ticket finds this side there */
	ADIT_MEETING_LOST, /* serve: not any more; it goes on trying */
	ADIT_MEETING_REFUSED, /* |mediator| does not answer, does not want us, or does not know the peer: |text| */
	ADIT_MEETING_FOUND, /* the peer's answer has come; both begin to punch */
	ADIT_MEETING_FAILED, /* no path: |text| says why and what would help. The next attempt comes by itself. */
	ADIT_MEETING_LEARNT, /* |text|: a line worth keeping for the next run with this peer: config.memory */
};

struct adit_meeting {
	enum adit_meeting_kind kind;
	const char *mediator;
	const char *text; /* never NULL */
};

#ifdef __cplusplus
}
#endif

#endif
