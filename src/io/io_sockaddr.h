/* Between struct adit_addr and the system's sockaddr: the only place that knows both. */
#ifndef ADIT_IO_SOCKADDR_H
#define ADIT_IO_SOCKADDR_H

#include <sys/socket.h>

#include "base/addr.h"

/* Returns the length of what was written. */
socklen_t io_sockaddr_from(const struct adit_addr *a, struct sockaddr_storage *ret_ss);
/* Family NONE where |sa| is neither IPv4 nor IPv6. An IPv4-mapped IPv6 address becomes IPv4. */
struct adit_addr io_sockaddr_to(const struct sockaddr *sa);
int io_sockaddr_family(const struct adit_addr *a);

#endif
