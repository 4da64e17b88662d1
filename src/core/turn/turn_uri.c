#include "core/turn/turn_uri.h"

#include <stdio.h>
#include <string.h>

/* |*at| moves behind |word| where that stands there; schemes and parameters are of any case (RFC 3986 6.2.2.1). */
static bool take(const char **at, const char *word)
{
	size_t n = 0;

	for (; word[n]; n++) {
		char c = (*at)[n];

		if ((c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c) != word[n])
			return false;
	}
	*at += n;
	return true;
}

static bool is_name(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '.' ||
	       c == '_';
}

/* |len| characters, a host as a name: at least one letter, digit, dot, dash. */
static bool take_host(const char **at, struct turn_uri *u)
{
	const char *p = *at;
	size_t len = 0;

	if (*p == '[') {
		const char *end = strchr(p, ']');

		len = end ? (size_t)(end - p - 1) : 0;
		if (len == 0 || len > TURN_HOST_MAX)
			return false;
		memcpy(u->host, p + 1, len);
		*at = end + 1;
		return adit_addr_parse(u->host, len, &u->addr) == 0 && adit_addr_is_v6(&u->addr);
	}
	while (is_name(p[len]))
		len++;
	if (len == 0 || len > TURN_HOST_MAX)
		return false;
	memcpy(u->host, p, len);
	*at = p + len;
	if (adit_addr_parse(u->host, len, &u->addr) < 0)
		u->addr = (struct adit_addr){0};
	return true;
}

static bool take_port(const char **at, uint16_t *ret_port)
{
	const char *p = *at;
	unsigned long v = 0;

	for (; *p >= '0' && *p <= '9' && v <= UINT16_MAX; p++)
		v = 10 * v + (unsigned long)(*p - '0');
	if (p == *at || v == 0 || v > UINT16_MAX)
		return false;
	*ret_port = (uint16_t)v;
	*at = p;
	return true;
}

int turn_uri_parse(const char *text, struct turn_uri *ret_uri)
{
	struct turn_uri u = {.transport = TURN_UDP};
	bool is_tls = take(&text, "turns:");

	if (!is_tls && !take(&text, "turn:"))
		return ADIT_EPROTO;
	u.port = is_tls ? TURN_PORT_TLS : TURN_PORT;
	if (!take_host(&text, &u) || (*text == ':' && (++text, !take_port(&text, &u.port))))
		return ADIT_EPROTO;
	if (take(&text, "?transport=tcp"))
		u.transport = TURN_TCP;
	else if (take(&text, "?transport=udp") && is_tls)
		return ADIT_EPROTO;
	if (is_tls)
		u.transport = TURN_TLS;
	if (*text != '\0')
		return ADIT_EPROTO;
	if (u.addr.family != ADIT_FAMILY_NONE) {
		if (adit_addr_is_any(&u.addr) || adit_addr_is_multicast(&u.addr))
			return ADIT_EPROTO;
		u.addr.port = u.port;
	}
	*ret_uri = u;
	return 0;
}

const char *turn_uri_format(const struct turn_uri *u, char buf[TURN_URI_STRLEN])
{
	bool is_tls = u->transport == TURN_TLS;
	bool is_v6 = adit_addr_is_v6(&u->addr);
	char port[8] = "";

	if (u->port != (is_tls ? TURN_PORT_TLS : TURN_PORT))
		snprintf(port, sizeof(port), ":%u", u->port);
	snprintf(buf, TURN_URI_STRLEN, "%s:%s%s%s%s%s", is_tls ? "turns" : "turn", is_v6 ? "[" : "", u->host,
		 is_v6 ? "]" : "", port, u->transport == TURN_TCP ? "?transport=tcp" : "");
	return buf;
}
