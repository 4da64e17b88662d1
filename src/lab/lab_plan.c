#include "lab/lab_plan.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "lab/lab_plan_inner.h"

/* ---- words of a line ---- */

/* Fails once: the first error stays. Returns false for the caller to pass on. */
ADIT_PRINTF(3, 4) static bool fail(struct lab_plan_reader *r, struct lab_plan_word at, const char *fmt, ...)
{
	va_list ap;

	if (r->failed)
		return false;
	r->failed = true;
	r->error->at = (struct lab_plan_at){.line = r->line, .column = (unsigned)(at.text - r->begin) + 1};
	va_start(ap, fmt);
	vsnprintf(r->error->text, sizeof(r->error->text), fmt, ap);
	va_end(ap);
	return false;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* The next word of the line; of length 0 at its end, or where a comment begins. */
static struct lab_plan_word next(struct lab_plan_reader *r)
{
	struct lab_plan_word w;

	while (r->at < r->end && is_blank(*r->at))
		r->at++;
	w.text = r->at;
	if (r->at < r->end && *r->at == '#')
		r->at = r->end;
	else
		while (r->at < r->end && !is_blank(*r->at))
			r->at++;
	w.len = (size_t)(r->at - w.text);
	if (w.len > 0 && w.text[0] == '#')
		w.len = 0;
	return w;
}

static struct lab_plan_word peek(struct lab_plan_reader *r)
{
	const char *at = r->at;
	struct lab_plan_word w = next(r);

	r->at = at;
	return w;
}

static bool is(struct lab_plan_word w, const char *word)
{
	return w.len == strlen(word) && memcmp(w.text, word, w.len) == 0;
}

/* For messages: a word of the file, made safe and short. */
#define SHOWN 48
static const char *show(struct lab_plan_word w, char buf[SHOWN])
{
	size_t n = w.len < SHOWN - 5 ? w.len : SHOWN - 5;

	if (w.len == 0)
		return "the end of the line";
	buf[0] = '"';
	for (size_t i = 0; i < n; i++)
		buf[i + 1] = w.text[i] > ' ' && w.text[i] < 0x7f ? w.text[i] : '?';
	snprintf(buf + n + 1, SHOWN - n - 1, "%s\"", n < w.len ? ".." : "");
	return buf;
}

static bool expected(struct lab_plan_reader *r, struct lab_plan_word w, const char *what)
{
	char buf[SHOWN];

	return fail(r, w, "expected %s, found %s", what, show(w, buf));
}

static bool expect(struct lab_plan_reader *r, const char *word)
{
	struct lab_plan_word w = next(r);
	char what[32];

	if (is(w, word))
		return true;
	snprintf(what, sizeof(what), "\"%s\"", word);
	return expected(r, w, what);
}

static bool expect_end(struct lab_plan_reader *r, const char *else_what)
{
	struct lab_plan_word w = next(r);

	return w.len == 0 || expected(r, w, else_what);
}

/* ---- values ---- */

static bool is_name(struct lab_plan_word w)
{
	if (w.len == 0 || w.len >= LAB_PLAN_NAME)
		return false;
	for (size_t i = 0; i < w.len; i++) {
		char c = w.text[i];
		bool letter = c >= 'a' && c <= 'z';

		if (!letter && (i == 0 || !((c >= '0' && c <= '9') || c == '-' || c == '_')))
			return false;
	}
	return true;
}

static int find_net(const struct lab_plan *p, struct lab_plan_word w)
{
	for (size_t i = 0; i < p->n_nets; i++)
		if (is(w, p->nets[i].name))
			return (int)i;
	return -1;
}

/* A name that is not in use yet, for a net and a node alike: both become interfaces and names of hosts. */
static bool read_new_name(struct lab_plan_reader *r, char ret[LAB_PLAN_NAME])
{
	struct lab_plan_word w = next(r);
	char buf[SHOWN];

	if (!is_name(w))
		return expected(r, w, "a name (1 to 15 of a-z, 0-9, - and _, beginning with a letter)");
	if (lab_plan_find_node(r->plan, w.text, w.len) >= 0 || find_net(r->plan, w) >= 0)
		return fail(r, w, "%s is declared already", show(w, buf));
	memcpy(ret, w.text, w.len);
	ret[w.len] = 0;
	return true;
}

int lab_plan_find_node(const struct lab_plan *p, const char *name, size_t len)
{
	for (size_t i = 0; i < p->n_nodes; i++)
		if (is((struct lab_plan_word){name, len}, p->nodes[i].name))
			return (int)i;
	return -1;
}

const struct adit_addr *lab_plan_addr(const struct lab_plan_node *n, uint8_t family)
{
	for (size_t i = 0; i < n->n_ports; i++)
		for (size_t k = 0; k < n->ports[i].n_addrs; k++)
			if (n->ports[i].addrs[k].family == family)
				return &n->ports[i].addrs[k];
	return NULL;
}

/* The names that would have been right, as many as fit. */
static const char *names(const struct lab_plan *p, bool nets, char *buf, size_t cap)
{
	size_t n = nets ? p->n_nets : p->n_nodes;
	size_t used = 0;

	buf[0] = 0;
	for (size_t i = 0; i < n; i++) {
		int k = snprintf(buf + used, cap - used, "%s%s", i ? ", " : "",
				 nets ? p->nets[i].name : p->nodes[i].name);

		if (k < 0 || (size_t)k >= cap - used)
			break;
		used += (size_t)k;
	}
	return n ? buf : "there is none yet";
}

static bool read_net(struct lab_plan_reader *r, unsigned *ret_net)
{
	struct lab_plan_word w = next(r);
	int i = find_net(r->plan, w);
	char buf[SHOWN];
	char all[200];

	if (i < 0)
		return fail(r, w, "expected a net declared above (%s), found %s",
			    names(r->plan, true, all, sizeof(all)), show(w, buf));
	*ret_net = (unsigned)i;
	return true;
}

static bool read_node(struct lab_plan_reader *r, struct lab_plan_word w, unsigned *ret_node)
{
	int i = lab_plan_find_node(r->plan, w.text, w.len);
	char buf[SHOWN];
	char all[200];

	if (i < 0)
		return fail(r, w, "expected a host or router declared above (%s), found %s",
			    names(r->plan, false, all, sizeof(all)), show(w, buf));
	*ret_node = (unsigned)i;
	return true;
}

/* Digits, perhaps with a point, in [0, max]; the unit that follows. False: no number. */
static bool split_number(struct lab_plan_word w, double max, double *ret_value, struct lab_plan_word *ret_unit)
{
	double v = 0;
	double place = 0;
	size_t i = 0;

	for (; i < w.len; i++) {
		char c = w.text[i];

		if (c == '.' && place == 0 && i > 0) {
			place = 1;
			continue;
		}
		if (c < '0' || c > '9')
			break;
		if (place == 0) {
			v = v * 10 + (c - '0');
		} else {
			place /= 10;
			v += (c - '0') * place;
		}
		if (v > max)
			return false;
	}
	*ret_value = v;
	*ret_unit = (struct lab_plan_word){w.text + i, w.len - i};
	return i > 0 && w.text[i - 1] != '.';
}

struct unit {
	const char *name;
	double factor;
};

/* A number with one of |units|, at most |max| after the unit. */
static bool read_quantity(struct lab_plan_reader *r, const struct unit *units, size_t n, double max, const char *what,
			  double *ret)
{
	struct lab_plan_word w = next(r);
	struct lab_plan_word unit;
	double v;

	if (!split_number(w, 1e12, &v, &unit))
		return expected(r, w, what);
	for (size_t i = 0; i < n; i++)
		if (is(unit, units[i].name) && v * units[i].factor <= max) {
			*ret = v * units[i].factor;
			return true;
		}
	return expected(r, w, what);
}

static void mask(struct adit_addr *a, uint8_t len)
{
	for (size_t i = 0; i < (a->family == ADIT_FAMILY_V4 ? 4u : 16u); i++) {
		if (i * 8 >= len)
			a->ip[i] = 0;
		else if (len - i * 8 < 8)
			a->ip[i] &= (uint8_t)(0xff00 >> (len - i * 8));
	}
}

static bool read_prefix(struct lab_plan_reader *r, struct lab_plan_net *n)
{
	struct lab_plan_word w = next(r);
	const char *slash = memchr(w.text, '/', w.len);
	size_t addr_len = slash ? (size_t)(slash - w.text) : w.len;
	struct lab_plan_word rest;
	struct lab_plan_prefix p;
	struct adit_addr base;
	char shown[ADIT_ADDR_STRLEN];
	double len;

	if (!slash || adit_addr_parse(w.text, addr_len, &p.addr) < 0 || p.addr.port != 0)
		return expected(r, w, "a prefix such as 192.168.1.0/24 or 2001:db8:1::/64");
	if (!split_number((struct lab_plan_word){slash + 1, w.len - addr_len - 1},
			  p.addr.family == ADIT_FAMILY_V4 ? 30 : 126, &len, &rest) ||
	    rest.len > 0 || len < 1 || len != (double)(uint8_t)len)
		return fail(r, w, "expected a prefix length of 1 to 30 (IPv6: 126)");
	p.len = (uint8_t)len;
	base = p.addr;
	mask(&base, p.len);
	if (!adit_addr_eq(&base, &p.addr))
		return fail(r, w, "expected the net's first address, %s/%u: bits behind the prefix are set",
			    adit_addr_format(&base, shown), p.len);
	if (n->prefix[p.addr.family == ADIT_FAMILY_V6].addr.family != ADIT_FAMILY_NONE)
		return fail(r, w, "a net has one prefix of each family");
	n->prefix[p.addr.family == ADIT_FAMILY_V6] = p;
	return true;
}

static bool has_addr(const struct lab_plan_prefix *p, const struct adit_addr *a)
{
	struct adit_addr base = *a;

	if (p->addr.family != a->family)
		return false;
	mask(&base, p->len);
	return adit_addr_eq_ip(&base, &p->addr);
}

bool lab_plan_is_taken(const struct lab_plan *p, unsigned net, const struct adit_addr *a)
{
	for (size_t i = 0; i < p->n_nodes; i++)
		for (size_t k = 0; k < p->nodes[i].n_ports; k++) {
			const struct lab_plan_port *port = &p->nodes[i].ports[k];

			for (size_t j = 0; port->net == net && j < port->n_addrs; j++)
				if (adit_addr_eq_ip(&port->addrs[j], a))
					return true;
		}
	return false;
}

/* ---- statements ---- */

static bool parse_net(struct lab_plan_reader *r)
{
	struct lab_plan_net n = {0};

	if (!read_new_name(r, n.name) || !read_prefix(r, &n))
		return false;
	if (peek(r).len > 0 && !read_prefix(r, &n))
		return false;
	if (!expect_end(r, "the end of the line"))
		return false;
	if (r->plan->n_nets == LAB_PLAN_NETS)
		return fail(r, r->first, "expected at most %u nets", LAB_PLAN_NETS);
	r->plan->nets[r->plan->n_nets++] = n;
	return true;
}

/* Addresses as long as there are some; each must fit the net and be nobody else's. */
static bool read_addrs(struct lab_plan_reader *r, struct lab_plan_port *port)
{
	const struct lab_plan_net *net = &r->plan->nets[port->net];
	struct adit_addr a;
	char buf[SHOWN];

	for (struct lab_plan_word w = peek(r); w.len > 0 && adit_addr_parse(w.text, w.len, &a) == 0; w = peek(r)) {
		(void)next(r);
		if (a.port != 0)
			return expected(r, w, "an address without a port");
		if (!has_addr(&net->prefix[a.family == ADIT_FAMILY_V6], &a))
			return fail(r, w, "expected an address of net %s, found %s", net->name, show(w, buf));
		for (size_t i = 0; i < port->n_addrs; i++)
			if (adit_addr_eq(&port->addrs[i], &a))
				return fail(r, w, "%s is here twice", show(w, buf));
		if (lab_plan_is_taken(r->plan, port->net, &a))
			return fail(r, w, "%s is somebody else's already", show(w, buf));
		if (port->n_addrs == LAB_PLAN_ADDRS - 2) /* room for one of each family that is chosen */
			return fail(r, w, "expected at most %u addresses", LAB_PLAN_ADDRS - 2);
		port->addrs[port->n_addrs++] = a;
	}
	return true;
}

static bool read_port(struct lab_plan_reader *r, struct lab_plan_node *n, enum lab_plan_role role)
{
	struct lab_plan_port *port = &n->ports[n->n_ports];
	struct lab_plan_word w = peek(r);

	if (n->n_ports == LAB_PLAN_PORTS)
		return fail(r, w, "expected at most %u nets for one host", LAB_PLAN_PORTS);
	port->role = (uint8_t)role;
	if (!read_net(r, &port->net))
		return false;
	for (size_t i = 0; i < n->n_ports; i++)
		if (n->ports[i].net == port->net)
			return fail(r, w, "it is on this net already");
	if (!read_addrs(r, port))
		return false;
	n->n_ports++;
	return true;
}

static bool add_node(struct lab_plan_reader *r, const struct lab_plan_node *n)
{
	if (r->plan->n_nodes == LAB_PLAN_NODES)
		return fail(r, r->first, "expected at most %u hosts and routers", LAB_PLAN_NODES);
	r->plan->nodes[r->plan->n_nodes++] = *n;
	return true;
}

static bool parse_host(struct lab_plan_reader *r)
{
	struct lab_plan_node *n = &r->node;

	n->kind = LAB_PLAN_HOST;
	if (!read_new_name(r, n->name))
		return false;
	do {
		if (!expect(r, "on") || !read_port(r, n, LAB_PLAN_ON))
			return false;
	} while (is(peek(r), "on"));
	return expect_end(r, "an address, \"on\" or the end of the line") && add_node(r, n);
}

static bool read_sides(struct lab_plan_reader *r, struct lab_plan_node *n)
{
	return expect(r, "inside") && read_port(r, n, LAB_PLAN_INSIDE) && expect(r, "outside") &&
	       read_port(r, n, LAB_PLAN_OUTSIDE) && expect_end(r, "an address or the end of the line");
}

static bool read_species(struct lab_plan_reader *r, struct lab_plan_node *n)
{
	struct lab_plan_word w = next(r);

	if (w.len == 0 || w.len >= LAB_PLAN_SPECIES)
		return expected(r, w, "a species of NAT (adit-lab list)");
	memcpy(n->species, w.text, w.len);
	n->species_at = (struct lab_plan_at){.line = r->line, .column = (unsigned)(w.text - r->begin) + 1};
	return lab_plan_check_species(r, n, w);
}

bool lab_plan_refuse(struct lab_plan_reader *r, struct lab_plan_word at, const char *why)
{
	return fail(r, at, "%s", why);
}

/* "udp/4000:b", "tcp/80:b:8080": |w| is what follows "forward=". */
static bool read_forward(struct lab_plan_reader *r, struct lab_plan_node *n, struct lab_plan_word w)
{
	static const char what[] = "forward=udp/PORT:HOST or forward=tcp/PORT:HOST[:PORT]";
	struct lab_plan_forward f = {.tcp = w.len > 4 && memcmp(w.text, "tcp/", 4) == 0};
	struct lab_plan_word rest;
	const char *colon;
	double port;
	double to;

	if (w.len <= 4 || (!f.tcp && memcmp(w.text, "udp/", 4) != 0))
		return expected(r, w, what);
	if (!split_number((struct lab_plan_word){w.text + 4, w.len - 4}, 65535, &port, &rest) || port < 1 ||
	    port != (double)(uint16_t)port || rest.len < 2 || rest.text[0] != ':')
		return expected(r, w, what);
	rest = (struct lab_plan_word){rest.text + 1, rest.len - 1};
	colon = memchr(rest.text, ':', rest.len);
	to = port;
	if (colon) {
		struct lab_plan_word tail = {colon + 1, (size_t)(rest.text + rest.len - colon) - 1};
		struct lab_plan_word unit;

		if (!split_number(tail, 65535, &to, &unit) || unit.len > 0 || to < 1 || to != (double)(uint16_t)to)
			return expected(r, w, what);
		rest.len = (size_t)(colon - rest.text);
	}
	if (!read_node(r, rest, &f.node))
		return false;
	if (r->plan->nodes[f.node].kind != LAB_PLAN_HOST)
		return expected(r, rest, "a host");
	if (n->n_forwards == LAB_PLAN_FORWARDS)
		return fail(r, w, "expected at most %u forwards", LAB_PLAN_FORWARDS);
	f.port = (uint16_t)port;
	f.to_port = (uint16_t)to;
	n->forwards[n->n_forwards++] = f;
	return true;
}

static bool read_kernel(struct lab_plan_reader *r, struct lab_plan_node *n)
{
	static const char *const masquerade[] = {"masquerade", "random", "fully-random", "none"};
	static const char *const input[] = {"input=drop", "input=reject", "input=accept"};

	n->masquerade = LAB_PLAN_MASQUERADE;
	for (struct lab_plan_word w = peek(r); !is(w, "inside"); w = peek(r)) {
		bool known = false;

		(void)next(r);
		for (size_t i = 0; i < ARRAY_LEN(masquerade); i++)
			if (is(w, masquerade[i])) {
				n->masquerade = (uint8_t)i;
				known = true;
			}
		for (size_t i = 0; i < ARRAY_LEN(input); i++)
			if (is(w, input[i])) {
				n->input = (uint8_t)i;
				known = true;
			}
		if (w.len > 8 && memcmp(w.text, "forward=", 8) == 0) {
			if (!read_forward(r, n, (struct lab_plan_word){w.text + 8, w.len - 8}))
				return false;
			known = true;
		}
		if (!known)
			return expected(r, w,
					"masquerade, random, fully-random or none, input=accept, input=drop or "
					"input=reject, forward=..., or \"inside\"");
	}
	n->routed[0] = n->masquerade == LAB_PLAN_UNTRANSLATED;
	n->routed[1] = true;
	return true;
}

static bool parse_router(struct lab_plan_reader *r)
{
	struct lab_plan_node *n = &r->node;
	struct lab_plan_word kind;

	if (!read_new_name(r, n->name))
		return false;
	kind = next(r);
	if (is(kind, "nat")) {
		n->kind = LAB_PLAN_NAT;
		if (!read_species(r, n))
			return false;
	} else if (is(kind, "kernel")) {
		n->kind = LAB_PLAN_KERNEL;
		if (!read_kernel(r, n))
			return false;
	} else {
		return expected(r, kind, "\"nat\" or \"kernel\"");
	}
	return read_sides(r, n) && add_node(r, n);
}

static const struct unit times[] = {{"us", 1e3}, {"ms", 1e6}, {"s", 1e9}};
static const struct unit percent[] = {{"%", 0.01}};
static const struct unit rates[] = {{"kbit", 1e3}, {"mbit", 1e6}, {"gbit", 1e9}};
static const struct unit sizes[] = {{"", 1}, {"b", 1}, {"kb", 1024}, {"mb", 1048576}};

/* Ten seconds, 400 Gbit/s, 64 MB: what the box takes at most (box_limits.h). */
static bool read_wire_setting(struct lab_plan_reader *r, struct lab_plan_wire *w)
{
	struct lab_plan_word key = next(r);
	double v = 0;
	bool ok;

	if (is(key, "delay") || is(key, "jitter")) {
		ok = read_quantity(r, times, ARRAY_LEN(times), 10e9, "a time such as 20ms, at most 10s", &v);
		*(is(key, "delay") ? &w->delay : &w->jitter) = (adit_dur)v;
	} else if (is(key, "loss") || is(key, "duplicate") || is(key, "reorder")) {
		ok = read_quantity(r, percent, 1, 1, "a share such as 1.5%", &v);
		*(is(key, "loss") ? &w->loss : is(key, "reorder") ? &w->reorder : &w->dup) = v;
	} else if (is(key, "rate")) {
		ok = read_quantity(r, rates, ARRAY_LEN(rates), 400e9, "a rate such as 100mbit, at most 400gbit", &v);
		w->rate = (uint64_t)v;
	} else if (is(key, "queue")) {
		ok = read_quantity(r, sizes, ARRAY_LEN(sizes), 64 << 20, "a size such as 256kb, at most 64mb", &v);
		w->queue = (uint64_t)v;
	} else if (is(key, "mtu")) {
		ok = read_quantity(r, sizes, 1, 65535, "a number of bytes, 68 to 65535", &v);
		if (ok && v < 68)
			return fail(r, key, "expected an MTU of 68 to 65535 bytes");
		w->mtu = (unsigned)v;
	} else {
		return expected(r, key, "delay, jitter, loss, duplicate, reorder, rate, queue or mtu");
	}
	return ok;
}

static struct lab_plan_port *find_port(struct lab_plan_node *n, unsigned net)
{
	for (size_t i = 0; i < n->n_ports; i++)
		if (n->ports[i].net == net)
			return &n->ports[i];
	return NULL;
}

static bool parse_link(struct lab_plan_reader *r)
{
	struct lab_plan_wire wire = {0};
	struct lab_plan_port *port = NULL;
	struct lab_plan_word w;
	unsigned net = 0;
	int node;

	if (!read_net(r, &net))
		return false;
	w = peek(r);
	node = lab_plan_find_node(r->plan, w.text, w.len);
	if (node >= 0) {
		(void)next(r);
		port = find_port(&r->plan->nodes[node], net);
		if (!port)
			return fail(r, w, "%s is not on net %s", r->plan->nodes[node].name, r->plan->nets[net].name);
	}
	do {
		if (!read_wire_setting(r, &wire))
			return false;
	} while (peek(r).len > 0);
	if (port ? port->has_wire : r->plan->nets[net].has_wire)
		return fail(r, r->first, "this link is described already");
	if (port) {
		port->has_wire = true;
		port->wire = wire;
	} else {
		r->plan->nets[net].has_wire = true;
		r->plan->nets[net].wire = wire;
	}
	return true;
}

/* "NODE: command to the end of the line", where # is the shell's business. */
static bool parse_run(struct lab_plan_reader *r, bool is_main)
{
	struct lab_plan_run run = {.is_main = is_main};
	struct lab_plan_word w = next(r);
	const char *colon = memchr(w.text, ':', w.len);

	if (!colon)
		return expected(r, w, "a host and a colon (run a: command)");
	w.len = (size_t)(colon - w.text);
	if (!read_node(r, w, &run.node))
		return false;
	if (r->plan->nodes[run.node].kind == LAB_PLAN_NAT)
		return fail(r, w, "expected a host or a kernel router: %s runs no commands",
			    r->plan->nodes[run.node].name);
	r->at = colon + 1;
	while (r->at < r->end && is_blank(*r->at))
		r->at++;
	run.command = r->at;
	run.len = (size_t)(r->end - r->at);
	while (run.len > 0 && is_blank(run.command[run.len - 1]))
		run.len--;
	if (run.len == 0)
		return expected(r, (struct lab_plan_word){r->at, 0}, "a command");
	for (size_t i = 0; is_main && i < r->plan->n_runs; i++)
		if (r->plan->runs[i].is_main)
			return fail(r, r->first, "there is a main command already");
	if (r->plan->n_runs == LAB_PLAN_RUNS)
		return fail(r, r->first, "expected at most %u commands", LAB_PLAN_RUNS);
	r->plan->runs[r->plan->n_runs++] = run;
	return true;
}

static bool parse_line(struct lab_plan_reader *r)
{
	struct lab_plan_word w = next(r);

	r->first = w;
	memset(&r->node, 0, sizeof(r->node));
	if (w.len == 0)
		return true;
	if (is(w, "net"))
		return parse_net(r);
	if (is(w, "host"))
		return parse_host(r);
	if (is(w, "router"))
		return parse_router(r);
	if (is(w, "link"))
		return parse_link(r);
	if (is(w, "run") || is(w, "main"))
		return parse_run(r, is(w, "main"));
	return expected(r, w, "net, host, router, link, run or main");
}

int lab_plan_parse(const char *text, size_t len, struct lab_plan *ret_plan, struct lab_plan_error *ret_error)
{
	struct lab_plan_reader r = {.plan = ret_plan, .error = ret_error, .begin = text, .at = text, .end = text};
	const char *end = text + len;

	memset(ret_plan, 0, sizeof(*ret_plan));
	if (len > LAB_PLAN_TEXT_MAX || (len > 0 && memchr(text, 0, len))) {
		r.line = 1;
		fail(&r, (struct lab_plan_word){text, 0}, "expected text of at most %u KB", LAB_PLAN_TEXT_MAX >> 10);
		return ADIT_EINVAL;
	}
	for (const char *at = text; at < end;) {
		const char *eol = memchr(at, '\n', (size_t)(end - at));

		r.line++;
		r.begin = r.at = at;
		r.end = eol ? eol : end;
		if (!parse_line(&r))
			return ADIT_EINVAL;
		at = eol ? eol + 1 : end;
	}
	r.line += r.line == 0;
	if (ret_plan->n_nodes == 0) {
		fail(&r, (struct lab_plan_word){r.begin, 0}, "expected at least one host or router");
		return ADIT_EINVAL;
	}
	return lab_plan_settle(&r) ? 0 : ADIT_EINVAL;
}
