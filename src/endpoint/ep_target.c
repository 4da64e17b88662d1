#include "endpoint/ep_target.h"

#include <netdb.h>
#include <sys/socket.h>

#include "io/io_sockaddr.h"

int ep_target_resolve(uv_loop_t *loop, struct ep_target *t)
{
	static const struct addrinfo hints = {.ai_socktype = SOCK_DGRAM};
	uv_getaddrinfo_t req;

	if (t->host[0] == '\0') {
		t->addr = adit_addr_v4(127, 0, 0, 1, t->port);
		return 0;
	}
	if (uv_getaddrinfo(loop, &req, NULL, t->host, NULL, &hints) < 0)
		return ADIT_ENOENT;
	t->addr = adit_addr_with_port(io_sockaddr_to(req.addrinfo->ai_addr), t->port);
	uv_freeaddrinfo(req.addrinfo);
	return 0;
}
