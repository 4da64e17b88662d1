/* What all parts of libadit share: <adit/adit.h>, and what api_int.h has for the others: configurations, addresses. */
#include "api/api_int.h"

#include <netinet/in.h>
#include <string.h>

#include "core/punch/punch_limits.h"
#include "core/stun/stun_msg.h"
#include "io/io_clock.h"
#include "io/io_sockaddr.h"

const char *adit_version(void)
{
	return ADIT_VERSION;
}

int adit_timeout_ms(uint64_t deadline)
{
	adit_time now = io_clock_now();
	adit_dur left;

	if (deadline == ADIT_NO_DEADLINE)
		return -1;
	left = adit_time_since(deadline, now);
	left = left / ADIT_MS(1) + (left % ADIT_MS(1) != 0);
	return left > INT32_MAX ? INT32_MAX : (int)left;
}

int adit_address_parse(const char *text, struct sockaddr_storage *ret_addr)
{
	struct adit_addr a;
	int err = adit_addr_parse(text, strlen(text), &a);

	return err < 0 ? err : (int)io_sockaddr_from(&a, ret_addr);
}

const char *adit_address_format(const struct sockaddr_storage *addr, char buf[ADIT_ADDRESS_STRLEN])
{
	struct adit_addr a = io_sockaddr_to((const struct sockaddr *)addr);

	_Static_assert(ADIT_ADDRESS_STRLEN >= ADIT_ADDR_STRLEN, "the public buffer is what adit_addr_format() wants");
	if (a.family == ADIT_FAMILY_NONE)
		return memcpy(buf, "-", sizeof("-"));
	return adit_addr_format(&a, buf);
}

bool adit_is_stun(const void *data, size_t len)
{
	return stun_msg_is_stun(data, len);
}

int api_config_copy(void *dst, size_t dst_size, size_t min, const void *src)
{
	size_t size;
	const uint8_t *bytes = src;

	if (!src)
		return ADIT_EINVAL;
	memcpy(&size, src, sizeof(size));
	if (size < min)
		return ADIT_EINVAL;
	for (size_t i = dst_size; i < size; i++)
		if (bytes[i] != 0)
			return ADIT_EINVAL;
	memset(dst, 0, dst_size);
	memcpy(dst, src, size < dst_size ? size : dst_size);
	return 0;
}

/* A struct adit_log_config stays where it is for the object's life: the context leads back to it. */
static void log_write(void *ctx, enum adit_log_level level, const char *line)
{
	const struct adit_log_config *to = ctx;

	to->write(to->ctx, (int)level, line);
}

void api_log_init(struct adit_log *to, struct adit_log_config *from)
{
	int level = from->level < 0 ? 0 : from->level;

	*to = (struct adit_log){.write = from->write ? log_write : NULL, .ctx = from};
	to->level = level > ADIT_LOG_PACKET ? ADIT_LOG_PACKET : (enum adit_log_level)level;
}

int api_address_from(const struct sockaddr *sa, socklen_t len, struct adit_addr *ret_addr)
{
	if (!sa || len < (socklen_t)sizeof(sa->sa_family))
		return ADIT_EINVAL;
	if (!(sa->sa_family == AF_INET && len >= (socklen_t)sizeof(struct sockaddr_in)) &&
	    !(sa->sa_family == AF_INET6 && len >= (socklen_t)sizeof(struct sockaddr_in6)))
		return ADIT_EINVAL;
	*ret_addr = io_sockaddr_to(sa);
	return 0;
}

int api_peers_from(const struct sockaddr_storage *addrs, size_t n, struct adit_addr *ret_peers)
{
	if (n > PUNCH_PEERS_MAX)
		return ADIT_EINVAL;
	for (size_t i = 0; i < n; i++)
		if (api_address_from((const struct sockaddr *)&addrs[i], sizeof(addrs[i]), &ret_peers[i]) < 0)
			return ADIT_EINVAL;
	return 0;
}

void api_address_to(const struct adit_addr *a, struct sockaddr_storage *ret_ss)
{
	memset(ret_ss, 0, sizeof(*ret_ss));
	ret_ss->ss_family = AF_UNSPEC;
	if (a->family != ADIT_FAMILY_NONE)
		io_sockaddr_from(a, ret_ss);
}
