#include "cli/cli_service.h"

#include <stdio.h>
#include <string.h>

#include "cli/cli_exit.h"
#include "cli/cli_text.h"
#include "core/trust/trust_name.h"

static int name_fault(const char *what, const char *name, size_t len, struct cli_fault *f)
{
	if (len == 0)
		cli_fault_set(f, CLI_EXIT_USAGE, "the %s is empty", what);
	else if (len > TRUST_NAME_MAX)
		cli_fault_set(f, CLI_EXIT_USAGE, "the %s \"%.40s...\" has %zu characters", what, name, len);
	else
		cli_fault_set(f, CLI_EXIT_USAGE, "\"%.*s\" is no %s", (int)len, name, what);
	return cli_fault_next(f, "a %s is 1 to %d of the characters a-z, 0-9 and -", what, TRUST_NAME_MAX);
}

int cli_name_check(const char *what, const char *name, struct cli_fault *f)
{
	size_t len = strlen(name);

	return trust_name_is_valid(name, len) ? 0 : name_fault(what, name, len, f);
}

/* RFC 1123 2.1 letters, plus the underscore that real zones use; no dash in front, which would look like an option. */
static bool is_hostname(const char *s, size_t len)
{
	size_t label = 0;

	if (len < 1 || len > CLI_HOST_MAX || s[0] == '-' || s[0] == '.')
		return false;
	for (size_t i = 0; i < len; i++) {
		char c = s[i];

		if (c == '.') {
			if (label == 0)
				return false;
			label = 0;
			continue;
		}
		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') && c != '-' &&
		    c != '_')
			return false;
		if (++label > CLI_LABEL_MAX)
			return false;
	}
	return true;
}

/* "999.1.2.3" and "10.1" are typing errors, not names: what ends in a number is an address (RFC 3696 2). */
static bool looks_numeric(const char *s, size_t len)
{
	size_t rest = len;

	while (rest > 0 && s[rest - 1] >= '0' && s[rest - 1] <= '9')
		rest--;
	return rest == 0 || (rest < len && s[rest - 1] == '.');
}

static bool parse_port(const char *s, size_t len, uint16_t *ret_port)
{
	char digits[8];
	unsigned long v;

	if (len < 1 || len > 5)
		return false;
	memcpy(digits, s, len);
	digits[len] = '\0';
	if (cli_text_number(digits, 0, 65535, &v) != 0)
		return false;
	*ret_port = (uint16_t)v;
	return true;
}

/* What stands before the port (brackets taken off) and the port's text, NULL where there is none. */
struct split {
	const char *host;
	size_t host_len;
	bool bracketed;
	const char *port;
};

/* False where brackets do not match. Bare IPv6 is a host without a port. */
static bool split_port(const char *s, struct split *ret)
{
	const char *colon = strrchr(s, ':');

	*ret = (struct split){.host = s, .host_len = strlen(s)};
	if (s[0] == '[') {
		const char *close = strchr(s, ']');

		if (!close || (close[1] != '\0' && close[1] != ':'))
			return false;
		ret->host = s + 1;
		ret->host_len = (size_t)(close - s - 1);
		ret->bracketed = true;
		ret->port = close[1] == ':' ? close + 2 : NULL;
	} else if (colon && strchr(s, ':') == colon) {
		ret->host_len = (size_t)(colon - s);
		ret->port = colon + 1;
	}
	return true;
}

/* An IPv6 address, which may carry a %zone (RFC 4007 11) that only the system can look up. */
static bool is_v6_with_zone(const char *s, size_t len)
{
	const char *zone = memchr(s, '%', len);
	struct adit_addr a;

	if (!zone || zone + 1 == s + len)
		return false;
	for (const char *c = zone + 1; c < s + len; c++)
		if (!(*c >= 'a' && *c <= 'z') && !(*c >= 'A' && *c <= 'Z') && !(*c >= '0' && *c <= '9') &&
		    !strchr("-_.", *c))
			return false;
	return adit_addr_parse(s, (size_t)(zone - s), &a) == 0 && adit_addr_is_v6(&a) && adit_addr_is_link_local(&a);
}

/* 0: |dst| holds the host, and |ret_addr| its address where it is numeric (else family NONE). */
static int take_host(const struct split *sp, char dst[CLI_HOST_MAX + 1], struct adit_addr *ret_addr)
{
	struct adit_addr a = {0};

	if (sp->host_len < 1 || sp->host_len > CLI_HOST_MAX)
		return ADIT_EINVAL;
	if (adit_addr_parse(sp->host, sp->host_len, &a) == 0) {
		if (a.port != 0 || (sp->bracketed && !adit_addr_is_v6(&a)))
			return ADIT_EINVAL;
	} else if (!is_v6_with_zone(sp->host, sp->host_len) &&
		   (sp->bracketed || !is_hostname(sp->host, sp->host_len) || looks_numeric(sp->host, sp->host_len))) {
		return ADIT_EINVAL;
	}
	memcpy(dst, sp->host, sp->host_len);
	dst[sp->host_len] = '\0';
	*ret_addr = a;
	return 0;
}

static int parse_path(const char *path, char dst[CLI_PATH_MAX + 1], struct cli_fault *f)
{
	size_t len = strlen(path);

	if (len == 0 || path[0] != '/') {
		cli_fault_set(f, CLI_EXIT_USAGE, "\"unix:%.80s\" names no socket", path);
		return cli_fault_next(f, "give the whole path: unix:/run/app.sock");
	}
	if (len > CLI_PATH_MAX) {
		cli_fault_set(f, CLI_EXIT_USAGE, "the socket path \"%.40s...\" has %zu bytes; the system takes %d",
			      path, len, CLI_PATH_MAX);
		return cli_fault_next(f, "use a shorter path, or a symbolic link to it");
	}
	memcpy(dst, path, len + 1);
	return 0;
}

static int target_fault(const char *text, const char *why, struct cli_fault *f)
{
	cli_fault_set(f, CLI_EXIT_USAGE, "\"%.80s\" is no target: %s", text, why);
	return cli_fault_next(f, "a target is 22, host:22, [2001:db8::1]:22, udp/53, udp/host:53 or unix:/path");
}

static int parse_target(const char *text, struct cli_target *t, struct cli_fault *f)
{
	const char *rest = text;
	struct adit_addr addr;
	struct split sp;

	if (strncmp(text, "unix:", 5) == 0) {
		t->kind = CLI_TARGET_UNIX;
		return parse_path(text + 5, t->path, f);
	}
	if (strncmp(text, "udp/", 4) == 0) {
		t->kind = CLI_TARGET_UDP;
		rest += 4;
	}
	if (rest[0] == '\0')
		return target_fault(text, "a port is missing", f);
	if (!split_port(rest, &sp))
		return target_fault(text, "the brackets do not match", f);
	if (!sp.port && !sp.bracketed && strspn(rest, "0123456789") == strlen(rest)) {
		sp.port = rest;
		sp.host_len = 0;
	}
	if (strstr(rest, "://"))
		return target_fault(text, "a web address; a service is offered by its host and port alone", f);
	if (!sp.port && !sp.bracketed && strchr(rest, ':'))
		return target_fault(text, "IPv6 addresses need brackets, and a port", f);
	if (!sp.port)
		return target_fault(text, "the port is missing", f);
	if (!parse_port(sp.port, strlen(sp.port), &t->port) || t->port == 0)
		return target_fault(text, "the port is not 1 to 65535", f);
	if (sp.port != rest && take_host(&sp, t->host, &addr) != 0)
		return target_fault(text, "the host is neither a name nor an address", f);
	return 0;
}

/* Length of the "NAME=" in front, without the "="; -1 where there is none. A path may hold "=" too. */
static int name_len(const char *text)
{
	size_t len = strcspn(text, "=:/[");

	return text[len] == '=' ? (int)len : -1;
}

int cli_service_parse(const char *text, struct cli_service *ret_service, struct cli_fault *f)
{
	struct cli_service s = {0};
	int len = name_len(text);

	if (len >= 0) {
		if (!trust_name_is_valid(text, (size_t)len))
			return name_fault("service name", text, (size_t)len, f);
		memcpy(s.name, text, (size_t)len);
	}
	if (parse_target(text + len + 1, &s.target, f) != 0)
		return ADIT_EINVAL;
	if (len < 0 && s.target.kind == CLI_TARGET_UNIX) {
		cli_fault_set(f, CLI_EXIT_USAGE, "\"%.80s\" has no port to be called by", text);
		return cli_fault_next(f, "name it: NAME=%.80s", text);
	}
	if (len < 0)
		snprintf(s.name, sizeof(s.name), "%s%u", s.target.kind == CLI_TARGET_UDP ? "udp-" : "", s.target.port);
	*ret_service = s;
	return 0;
}

static int forward_fault(const char *text, const char *why, struct cli_fault *f)
{
	cli_fault_set(f, CLI_EXIT_USAGE, "\"%.80s\" is no local place for a service: %s", text, why);
	return cli_fault_next(f,
			      "write 7100:web, 127.0.0.1:7100:web, [::1]:7100:web, unix:/path:web, 0:web, or just web");
}

/* LOCAL: everything before the last colon of |text|, in |local|. */
static int parse_local(const char *text, const char *local, struct cli_forward *fw, struct cli_fault *f)
{
	struct split sp;

	if (strncmp(local, "unix:", 5) == 0) {
		fw->kind = CLI_LOCAL_UNIX;
		return parse_path(local + 5, fw->path, f);
	}
	if (strspn(local, "0123456789") == strlen(local)) {
		if (!parse_port(local, strlen(local), &fw->port))
			return forward_fault(text, "the port is not 0 to 65535", f);
		fw->kind = fw->port == 0 ? CLI_LOCAL_ANY : CLI_LOCAL_PORT;
		return 0;
	}
	if (!split_port(local, &sp) || !sp.port)
		return forward_fault(text, "it is neither a port nor an address with one", f);
	if (!parse_port(sp.port, strlen(sp.port), &fw->port))
		return forward_fault(text, "the port is not 0 to 65535", f);
	if (!sp.bracketed && sp.host_len == 9 && memcmp(sp.host, "localhost", 9) == 0) {
		fw->kind = fw->port == 0 ? CLI_LOCAL_ANY : CLI_LOCAL_PORT;
		return 0;
	}
	fw->kind = CLI_LOCAL_ADDR;
	if (adit_addr_parse(sp.host, sp.host_len, &fw->addr) != 0 || fw->addr.port != 0 ||
	    sp.bracketed != adit_addr_is_v6(&fw->addr))
		return forward_fault(text, "the listening address is not numeric", f);
	if (adit_addr_is_multicast(&fw->addr))
		return forward_fault(text, "nothing can listen on a multicast address", f);
	fw->addr.port = fw->port;
	return 0;
}

int cli_forward_parse(const char *text, struct cli_forward *ret_forward, struct cli_fault *f)
{
	struct cli_forward fw = {0};
	const char *colon = strrchr(text, ':');
	const char *service = colon ? colon + 1 : text;
	char local[CLI_PATH_MAX + 64];

	if (colon && service[0] == '\0')
		return forward_fault(text, "the service is missing behind the colon", f);
	if (strncmp(text, "unix:", 5) == 0 && colon == text + 4)
		return forward_fault(text, "the service is missing: unix:/path:SERVICE", f);
	if (!trust_name_is_valid(service, strlen(service)))
		return name_fault("service name", service, strlen(service), f);
	memcpy(fw.service, service, strlen(service));
	if (colon) {
		size_t len = (size_t)(colon - text);

		if (len == 0)
			return forward_fault(text, "nothing stands before the colon", f);
		if (len >= sizeof(local))
			return forward_fault(text, "it is too long", f);
		memcpy(local, text, len);
		local[len] = '\0';
		if (parse_local(text, local, &fw, f) != 0)
			return ADIT_EINVAL;
	}
	*ret_forward = fw;
	return 0;
}

static int host_fault(const char *option, const char *text, const char *why, struct cli_fault *f)
{
	cli_fault_set(f, CLI_EXIT_USAGE, "%s \"%.80s\": %s", option, text, why);
	return cli_fault_next(f, "write %s 203.0.113.20, %s home.example.net:5555 or %s [2001:db8::1]:5555", option,
			      option, option);
}

int cli_host_parse(const char *option, const char *text, struct cli_host *ret_host, struct cli_fault *f)
{
	struct cli_host h = {0};
	struct split sp;

	if (text[0] == '\0')
		return host_fault(option, text, "the address is empty", f);
	if (!split_port(text, &sp))
		return host_fault(option, text, "the brackets do not match", f);
	if (sp.port && (!parse_port(sp.port, strlen(sp.port), &h.port) || h.port == 0))
		return host_fault(option, text, "the port is not 1 to 65535", f);
	if (take_host(&sp, h.name, &h.addr) != 0)
		return host_fault(option, text, "neither an address nor a host name", f);
	if (h.addr.family != ADIT_FAMILY_NONE) {
		if (adit_addr_is_any(&h.addr) || adit_addr_is_multicast(&h.addr))
			return host_fault(option, text, "no single machine has this address", f);
		h.addr.port = h.port;
	}
	*ret_host = h;
	return 0;
}

bool cli_forward_clashes(const struct cli_forward *a, const struct cli_forward *b)
{
	if (a->kind != b->kind)
		return false;
	switch (a->kind) {
	case CLI_LOCAL_AUTO:
	case CLI_LOCAL_ANY:
		return strcmp(a->service, b->service) == 0;
	case CLI_LOCAL_PORT:
		return a->port == b->port;
	case CLI_LOCAL_ADDR:
		return a->port != 0 && adit_addr_eq(&a->addr, &b->addr);
	case CLI_LOCAL_UNIX:
		return strcmp(a->path, b->path) == 0;
	}
	return false;
}

const char *cli_target_format(const struct cli_target *t, char buf[CLI_TARGET_LEN])
{
	const char *udp = t->kind == CLI_TARGET_UDP ? "udp/" : "";

	if (t->kind == CLI_TARGET_UNIX)
		snprintf(buf, CLI_TARGET_LEN, "unix:%s", t->path);
	else if (t->host[0] == '\0')
		snprintf(buf, CLI_TARGET_LEN, "%s%u", udp, t->port);
	else if (strchr(t->host, ':'))
		snprintf(buf, CLI_TARGET_LEN, "%s[%s]:%u", udp, t->host, t->port);
	else
		snprintf(buf, CLI_TARGET_LEN, "%s%s:%u", udp, t->host, t->port);
	return buf;
}

const char *cli_forward_format(const struct cli_forward *fw, char buf[CLI_FORWARD_LEN])
{
	char addr[ADIT_ADDR_STRLEN];

	switch (fw->kind) {
	case CLI_LOCAL_AUTO:
		snprintf(buf, CLI_FORWARD_LEN, "%s", fw->service);
		break;
	case CLI_LOCAL_ANY:
	case CLI_LOCAL_PORT:
		snprintf(buf, CLI_FORWARD_LEN, "%u:%s", fw->port, fw->service);
		break;
	case CLI_LOCAL_ADDR:
		if (fw->port != 0)
			snprintf(buf, CLI_FORWARD_LEN, "%s:%s", adit_addr_format(&fw->addr, addr), fw->service);
		else
			snprintf(buf, CLI_FORWARD_LEN, adit_addr_is_v6(&fw->addr) ? "[%s]:0:%s" : "%s:0:%s",
				 adit_addr_format(&fw->addr, addr), fw->service);
		break;
	case CLI_LOCAL_UNIX:
		snprintf(buf, CLI_FORWARD_LEN, "unix:%s:%s", fw->path, fw->service);
		break;
	}
	return buf;
}
