#include "io/io_nat64.h"

#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/io_hosts.h"
#include "io/io_sockaddr.h"

#define ANSWERS_MAX 16 /* addresses of the name that are looked at: two for each prefix */

struct io_nat64 {
	uv_loop_t *loop;
	uv_timer_t timer;
	uv_getaddrinfo_t req;
	struct io_hosts *hosts;
	io_nat64_changed *changed;
	void *ctx;
	struct adit_nat64 now;
	bool is_asking;
	bool has_moved; /* meanwhile: what is asked is about the network before */
	bool is_timer_open;
	bool is_closing;
};

static void free_if_unused(struct io_nat64 *x)
{
	if (!x->is_asking && !x->is_timer_open)
		free(x);
}

/* A connected UDP socket asks the routing table, and nobody else. */
static bool has_route(const struct adit_addr *to)
{
	struct sockaddr_storage ss;
	socklen_t len = io_sockaddr_from(to, &ss);
	int fd = socket(io_sockaddr_family(to), SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool ok = fd >= 0 && connect(fd, (struct sockaddr *)&ss, len) == 0;

	if (fd >= 0)
		close(fd);
	return ok;
}

/* To an address of the Internet, discard port: what it is does not matter, as nothing is sent. */
static bool has_v4(void)
{
	struct adit_addr to = adit_addr_v4(198, 41, 0, 4, 9);

	return has_route(&to);
}

static bool has_v6(void)
{
	static const uint8_t ip[16] = {0x20, 0x01, 0x05, 0x03, 0xba, 0x3e, [15] = 0x30};
	struct adit_addr to = adit_addr_v6(ip, 9);

	return has_route(&to);
}

static void set(struct io_nat64 *x, const struct adit_nat64 *n)
{
	if (x->now.len == n->len && memcmp(x->now.prefix, n->prefix, sizeof(n->prefix)) == 0)
		return;
	x->now = *n;
	x->changed(x->ctx, &x->now);
}

static void on_timer(uv_timer_t *timer);
static void look(struct io_nat64 *x);

static struct adit_nat64 read_answer(const struct addrinfo *res)
{
	struct adit_addr addr[ANSWERS_MAX];
	struct adit_nat64 found = {.len = 0};
	size_t n = 0;

	for (const struct addrinfo *ai = res; ai && n < ANSWERS_MAX; ai = ai->ai_next)
		addr[n++] = adit_addr_with_port(io_sockaddr_to(ai->ai_addr), 0);
	(void)adit_nat64_discover(addr, n, &found);
	return found;
}

static void on_answer(uv_getaddrinfo_t *req, int status, struct addrinfo *res)
{
	struct io_nat64 *x = req->data;
	struct adit_nat64 found = read_answer(res);

	uv_freeaddrinfo(res);
	x->is_asking = false;
	if (x->is_closing) {
		free_if_unused(x);
		return;
	}
	if (x->has_moved) {
		x->has_moved = false;
		look(x);
		return;
	}
	/* No answer says nothing: the prefix that there was stays good. */
	if (status == UV_EAI_AGAIN || status == UV_EAI_FAIL) {
		uv_timer_start(&x->timer, on_timer, IO_NAT64_SOON_MS, 0);
		return;
	}
	uv_timer_start(&x->timer, on_timer, found.len > 0 ? IO_NAT64_FRESH_MS : IO_NAT64_AGAIN_MS, 0);
	set(x, &found);
}

static void look(struct io_nat64 *x)
{
	static const struct addrinfo hints = {.ai_family = AF_INET6, .ai_socktype = SOCK_DGRAM};
	static const struct adit_nat64 none;

	x->has_moved = x->is_asking;
	if (x->is_asking)
		return;
	uv_timer_stop(&x->timer);
	if (has_v4()) {
		set(x, &none);
		return;
	}
	/* Addresses come before their routes. */
	if (!has_v6()) {
		uv_timer_start(&x->timer, on_timer, IO_NAT64_SOON_MS, 0);
		return;
	}
	x->req.data = x;
	x->is_asking = uv_getaddrinfo(x->loop, &x->req, on_answer, ADIT_NAT64_NAME, NULL, &hints) == 0;
	if (!x->is_asking)
		uv_timer_start(&x->timer, on_timer, IO_NAT64_SOON_MS, 0);
}

static void on_timer(uv_timer_t *timer)
{
	look(timer->data);
}

/* Another network may have another prefix, or none. */
static void on_hosts(void *ctx, const struct reach_host *hosts, size_t n)
{
	struct io_nat64 *x = ctx;

	(void)hosts;
	(void)n;
	uv_timer_start(&x->timer, on_timer, 0, 0);
}

int io_nat64_new(uv_loop_t *loop, io_nat64_changed *changed, void *ctx, struct io_nat64 **ret_nat64)
{
	struct io_nat64 *x = calloc(1, sizeof(*x));

	if (!x)
		return ADIT_ENOMEM;
	x->loop = loop;
	x->changed = changed;
	x->ctx = ctx;
	uv_timer_init(loop, &x->timer);
	x->timer.data = x;
	x->is_timer_open = true;
	if (io_hosts_new(loop, on_hosts, x, &x->hosts) < 0) {
		io_nat64_close(x);
		return ADIT_ENOMEM;
	}
	*ret_nat64 = x;
	return 0;
}

static void on_closed(uv_handle_t *h)
{
	struct io_nat64 *x = h->data;

	x->is_timer_open = false;
	free_if_unused(x);
}

void io_nat64_close(struct io_nat64 *x)
{
	if (!x)
		return;
	x->is_closing = true;
	io_hosts_close(x->hosts);
	if (x->is_asking)
		uv_cancel((uv_req_t *)&x->req);
	uv_close((uv_handle_t *)&x->timer, on_closed);
}

const struct adit_nat64 *io_nat64_get(const struct io_nat64 *x)
{
	return &x->now;
}
