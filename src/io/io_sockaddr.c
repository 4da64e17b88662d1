#include "io/io_sockaddr.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

int io_sockaddr_family(const struct adit_addr *a)
{
	return adit_addr_is_v6(a) ? AF_INET6 : AF_INET;
}

socklen_t io_sockaddr_from(const struct adit_addr *a, struct sockaddr_storage *ret_ss)
{
	memset(ret_ss, 0, sizeof(*ret_ss));
	if (adit_addr_is_v6(a)) {
		struct sockaddr_in6 *s6 = (struct sockaddr_in6 *)ret_ss;

		s6->sin6_family = AF_INET6;
		s6->sin6_port = htons(a->port);
		s6->sin6_scope_id = a->scope;
		memcpy(&s6->sin6_addr, a->ip, 16);
		return sizeof(*s6);
	}
	struct sockaddr_in *s4 = (struct sockaddr_in *)ret_ss;

	s4->sin_family = AF_INET;
	s4->sin_port = htons(a->port);
	memcpy(&s4->sin_addr, a->ip, 4);
	return sizeof(*s4);
}

struct adit_addr io_sockaddr_to(const struct sockaddr *sa)
{
	struct adit_addr a = {0};

	if (sa->sa_family == AF_INET) {
		const struct sockaddr_in *s4 = (const struct sockaddr_in *)sa;

		a.family = ADIT_FAMILY_V4;
		a.port = ntohs(s4->sin_port);
		memcpy(a.ip, &s4->sin_addr, 4);
	} else if (sa->sa_family == AF_INET6) {
		const struct sockaddr_in6 *s6 = (const struct sockaddr_in6 *)sa;

		a.port = ntohs(s6->sin6_port);
		if (IN6_IS_ADDR_V4MAPPED(&s6->sin6_addr)) {
			a.family = ADIT_FAMILY_V4;
			memcpy(a.ip, s6->sin6_addr.s6_addr + 12, 4);
		} else {
			a.family = ADIT_FAMILY_V6;
			a.scope = s6->sin6_scope_id;
			memcpy(a.ip, &s6->sin6_addr, 16);
		}
	}
	return a;
}
