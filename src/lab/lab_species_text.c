/* A NAT as a line of text, "species,key=value,...": what the keys are and what is wrong with one. See lab_species.h. */
#include "lab/lab_species.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum form {
	FORM_NAME, /* one of those in |values|: an enum with values in this order */
	FORM_FLAG, /* one of two: a bool */
	FORM_NUMBER, /* a uint32_t */
	FORM_STEP, /* an int32_t */
	FORM_TIME,
	FORM_RATE, /* a double */
	FORM_RANGE, /* two uint16_t */
	FORM_PREFIX,
	FORM_KIND,
};

struct setting {
	struct lab_species_key key;
	enum form form;
	size_t at; /* in struct lab_zoo_config */
};

#define AT(field) offsetof(struct lab_zoo_config, field)

static const struct setting settings[] = {
	{{"kind", "nat44|firewall|nat64|linux", "what it does; linux knows input, ports=keep|random, timeout, replied"},
	 FORM_KIND,
	 0},
	{{"mapping", "ei|ad|apd", "what of the destination a mapping depends on"}, FORM_NAME, AT(mapping)},
	{{"filter", "ei|ad|apd", "what of a sender must have been sent to before"}, FORM_NAME, AT(filter)},
	{{"hairpin", "none|external|internal", "packets from inside to an outside address"}, FORM_NAME, AT(hairpin)},
	{{"pooling", "paired|arbitrary", "is a subscriber's outside address always the same"}, FORM_NAME, AT(pooling)},
	{{"ports", "keep|sequential|random", "which outside port"}, FORM_NAME, AT(ports)},
	{{"taken", "sequential|random|refuse", "which, where the kept one is taken"}, FORM_NAME, AT(taken)},
	{{"taken-mapping", "ei|ad|apd|same", "the mapping of flows whose port was taken"},
	 FORM_NAME,
	 AT(taken_mapping)},
	{{"overload", "never|remote|always", "may mappings share a port"}, FORM_NAME, AT(overload)},
	{{"step", "STEP", "from one sequential port to the next"}, FORM_STEP, AT(step)},
	{{"spread", "N", "each step is up to N longer, at random"}, FORM_NUMBER, AT(spread)},
	{{"range", "FIRST-LAST", "ports to choose from"}, FORM_RANGE, AT(first)},
	{{"parity", "no|yes", "odd ports stay odd"}, FORM_FLAG, AT(parity)},
	{{"class", "no|yes", "ports below 1024 stay below"}, FORM_FLAG, AT(port_class)},
	{{"block", "N", "ports in a subscriber's block; 0: no blocks"}, FORM_NUMBER, AT(block)},
	{{"blocks", "N", "blocks per subscriber; 0: no limit"}, FORM_NUMBER, AT(blocks)},
	{{"block-pick", "random|first|fixed", "which block"}, FORM_NAME, AT(block_pick)},
	{{"timeout", "TIME", "UDP that was not answered"}, FORM_TIME, AT(idle)},
	{{"replied", "TIME", "UDP that was; 0: as timeout"}, FORM_TIME, AT(idle_replied)},
	{{"known", "TIME", "UDP to ports below 1024; 0: as others"}, FORM_TIME, AT(idle_known)},
	{{"filter-timeout", "TIME", "who was sent to may come in; 0: as the mapping"}, FORM_TIME, AT(idle_filter)},
	{{"ping-timeout", "TIME", "ICMP echo"}, FORM_TIME, AT(idle_ping)},
	{{"tcp-timeout", "TIME", "TCP, open"}, FORM_TIME, AT(tcp_established)},
	{{"tcp-transitory", "TIME", "TCP, opening, closing, reset"}, FORM_TIME, AT(tcp_transitory)},
	{{"life", "TIME", "mappings die at this age; 0: never"}, FORM_TIME, AT(life)},
	{{"refresh", "none|out|in|both", "which packets keep a mapping"}, FORM_NAME, AT(refresh)},
	{{"per-session", "no|yes", "each remote has its own time-out"}, FORM_FLAG, AT(per_session)},
	{{"mappings", "N", "limit of all; 0: 65536"}, FORM_NUMBER, AT(mappings)},
	{{"host-mappings", "N", "limit of a subscriber; 0: none"}, FORM_NUMBER, AT(host_mappings)},
	{{"sessions", "N", "limit of remembered remotes; 0: 262144"}, FORM_NUMBER, AT(sessions)},
	{{"rate", "N", "new mappings a second; 0: no limit"}, FORM_NUMBER, AT(rate)},
	{{"host-rate", "N", "of one subscriber"}, FORM_NUMBER, AT(host_rate)},
	{{"full", "drop|reject|evict", "what happens at a limit"}, FORM_NAME, AT(full)},
	{{"load", "N", "with that many mappings, load-mapping; 0: never"}, FORM_NUMBER, AT(load)},
	{{"load-mapping", "ei|ad|apd|same", "the mapping under load"}, FORM_NAME, AT(load_mapping)},
	{{"input", "drop|reject|accept", "what nobody inside waits for"}, FORM_NAME, AT(input)},
	{{"clash", "TIME", "how long an accepted packet holds a port"}, FORM_TIME, AT(clash)},
	{{"ttl-late", "no|yes", "a packet that dies here of its TTL has made a mapping"}, FORM_FLAG, AT(ttl_late)},
	{{"ttl-silent", "no|yes", "no ICMP time exceeded"}, FORM_FLAG, AT(ttl_silent)},
	{{"icmp", "pass|drop|kill", "ICMP errors; kill: they end the mapping"}, FORM_NAME, AT(icmp)},
	{{"fragments", "any|ordered|drop", "later fragments"}, FORM_NAME, AT(fragments)},
	{{"tcp-strict", "no|yes", "only SYN opens a TCP session"}, FORM_FLAG, AT(tcp_strict)},
	{{"udp", "all|none|dns|web", "UDP ports that may be reached"}, FORM_NAME, AT(udp)},
	{{"tcp", "all|none|dns|web", "TCP ports that may be reached"}, FORM_NAME, AT(tcp)},
	{{"ping", "yes|no", "ICMP echo goes out"}, FORM_FLAG, AT(no_ping)},
	{{"out", "drop|reject", "what may not go out"}, FORM_FLAG, AT(out_reject)},
	{{"foreign", "RATE", "other subscribers' new flows a second"}, FORM_RATE, AT(foreign)},
	{{"foreign-hosts", "N", "how many they are; 0: 64"}, FORM_NUMBER, AT(foreign_hosts)},
	{{"foreign-life", "TIME", "how long each flow lasts; 0: timeout"}, FORM_TIME, AT(foreign_life)},
	{{"reboot", "TIME", "forgets everything that often; 0: never"}, FORM_TIME, AT(reboot)},
	{{"renumber", "TIME", "takes its next address that often; 0: never"}, FORM_TIME, AT(renumber)},
	{{"prefix", "ADDRESS/LENGTH", "of NAT64; 64:ff9b::/96"}, FORM_PREFIX, 0},
};

#define SETTINGS (sizeof(settings) / sizeof(settings[0]))

_Static_assert(SETTINGS <= 64, "one bit each in struct parse");
_Static_assert(sizeof(enum lab_zoo_dep) == sizeof(unsigned), "enums are written as unsigned");

/* What kind=linux has. */
static const char *const linux_keys[] = {"kind", "input", "ports", "timeout", "replied"};

struct parse {
	struct lab_species_config *cfg;
	struct lab_species_error *err;
	uint64_t given; /* which settings were, a bit each */
};

/* A piece of the text. */
struct piece {
	const char *at;
	size_t len;
};

const struct lab_species_key *lab_species_key_at(size_t i)
{
	return i < SETTINGS ? &settings[i].key : NULL;
}

ADIT_PRINTF(2, 3) static int fail(struct lab_species_error *err, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return ADIT_EINVAL;
	va_start(ap, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	return ADIT_EINVAL;
}

static bool piece_is(const struct piece *p, const char *text)
{
	return strlen(text) == p->len && memcmp(p->at, text, p->len) == 0;
}

/* For error texts: not more of a piece than a line holds. */
static int shown(const struct piece *p)
{
	return p->len < 40 ? (int)p->len : 40;
}

static bool to_number(const struct piece *p, uint64_t max, uint64_t *ret)
{
	uint64_t v = 0;

	for (size_t i = 0; i < p->len; i++) {
		unsigned digit = (unsigned)(unsigned char)p->at[i] - '0';

		if (digit > 9 || v > (max - digit) / 10)
			return false;
		v = v * 10 + digit;
	}
	*ret = v;
	return p->len > 0;
}

/* "30s", "1500ms", "2h"; a bare 0. */
static bool to_time(const struct piece *p, adit_dur *ret)
{
	static const struct {
		const char *name;
		adit_dur unit;
	} units[] = {
		{"ns", 1},           {"us", ADIT_US(1)},    {"ms", ADIT_MS(1)},     {"s", ADIT_SEC(1)},
		{"m", ADIT_SEC(60)}, {"h", ADIT_SEC(3600)}, {"d", ADIT_SEC(86400)},
	};
	struct piece digits = *p;
	struct piece unit;
	uint64_t v;

	for (digits.len = 0; digits.len < p->len && p->at[digits.len] >= '0' && p->at[digits.len] <= '9';)
		digits.len++;
	unit = (struct piece){p->at + digits.len, p->len - digits.len};
	if (!to_number(&digits, UINT64_MAX / 2, &v))
		return false;
	*ret = 0;
	if (unit.len == 0)
		return v == 0;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (!piece_is(&unit, units[i].name))
			continue;
		/* A century, so that sums of two never overflow. */
		if (v > ADIT_SEC(UINT64_C(3155760000)) / units[i].unit)
			return false;
		*ret = v * units[i].unit;
		return true;
	}
	return false;
}

/* Digits with at most one point. */
static bool to_rate(const struct piece *p, double *ret)
{
	double v = 0;
	double scale = 0;

	for (size_t i = 0; i < p->len; i++) {
		if (p->at[i] == '.' && scale == 0) {
			scale = 1;
		} else if (p->at[i] >= '0' && p->at[i] <= '9') {
			v = v * 10 + (p->at[i] - '0');
			scale *= 10;
		} else {
			return false;
		}
	}
	*ret = scale > 1 ? v / scale : v;
	return p->len > 0 && p->len < 16 && scale != 1;
}

/* The place of |p| in "a|b|c"; negative: it is not there. */
static int name_index(const char *values, const struct piece *p)
{
	int i = 0;

	for (const char *at = values;; i++) {
		const char *end = strchr(at, '|');
		struct piece name = {at, end ? (size_t)(end - at) : strlen(at)};

		if (name.len == p->len && memcmp(name.at, p->at, p->len) == 0)
			return i;
		if (!end)
			return -1;
		at = end + 1;
	}
}

static bool to_range(const struct piece *p, uint16_t *ret_first, uint16_t *ret_last)
{
	const char *dash = memchr(p->at, '-', p->len);
	struct piece first = *p;
	struct piece last;
	uint64_t a;
	uint64_t b;

	if (!dash)
		return false;
	first.len = (size_t)(dash - p->at);
	last = (struct piece){dash + 1, p->len - first.len - 1};
	if (!to_number(&first, 65535, &a) || !to_number(&last, 65535, &b))
		return false;
	*ret_first = (uint16_t)a;
	*ret_last = (uint16_t)b;
	return true;
}

static bool to_prefix(const struct piece *p, struct lab_zoo_config *cfg)
{
	const char *slash = memchr(p->at, '/', p->len);
	struct adit_addr a;
	struct piece len;
	uint64_t n;

	if (!slash || adit_addr_parse(p->at, (size_t)(slash - p->at), &a) < 0 || !adit_addr_is_v6(&a) || a.port != 0)
		return false;
	len = (struct piece){slash + 1, p->len - (size_t)(slash - p->at) - 1};
	if (!to_number(&len, 96, &n) || n == 0)
		return false;
	memcpy(cfg->nat64.prefix, a.ip, sizeof(cfg->nat64.prefix));
	cfg->nat64.len = (uint8_t)n;
	return true;
}

static bool to_step(const struct piece *p, int32_t *ret)
{
	bool minus = p->len > 0 && p->at[0] == '-';
	struct piece digits = {p->at + minus, p->len - minus};
	uint64_t v;

	if (!to_number(&digits, 32767, &v))
		return false;
	*ret = minus ? -(int32_t)v : (int32_t)v;
	return true;
}

static bool set_name(const struct setting *s, const struct piece *value, void *field)
{
	int i = name_index(s->key.values, value);
	unsigned v = (unsigned)i;
	bool flag = i == 1;

	if (i < 0)
		return false;
	if (s->form == FORM_FLAG)
		memcpy(field, &flag, sizeof(flag));
	else
		memcpy(field, &v, sizeof(v));
	return true;
}

static bool set_kind(const struct setting *s, const struct piece *value, struct lab_species_config *cfg)
{
	int i = name_index(s->key.values, value);

	if (i < 0)
		return false;
	cfg->is_linux = i == 3;
	cfg->zoo.kind = cfg->is_linux ? LAB_ZOO_NAT44 : (enum lab_zoo_kind)i;
	return true;
}

static bool set(struct lab_species_config *cfg, const struct setting *s, const struct piece *value)
{
	void *field = (char *)&cfg->zoo + s->at;
	uint64_t n;
	uint32_t n32;

	switch (s->form) {
	case FORM_NAME:
	case FORM_FLAG:
		return set_name(s, value, field);
	case FORM_NUMBER:
		if (!to_number(value, 1000000, &n))
			return false;
		n32 = (uint32_t)n;
		memcpy(field, &n32, sizeof(n32));
		return true;
	case FORM_STEP:
		return to_step(value, field);
	case FORM_TIME:
		return to_time(value, field);
	case FORM_RATE:
		return to_rate(value, field);
	case FORM_RANGE:
		return to_range(value, &cfg->zoo.first, &cfg->zoo.last);
	case FORM_PREFIX:
		return to_prefix(value, &cfg->zoo);
	case FORM_KIND:
		return set_kind(s, value, cfg);
	}
	return false;
}

/* Adds |name| to a list in an error text. */
static void list_name(struct lab_species_error *err, const char *name)
{
	size_t len = strlen(err->text);

	snprintf(err->text + len, sizeof(err->text) - len, " %s", name);
}

static int no_such_key(struct lab_species_error *err, const struct piece *key)
{
	(void)fail(err, "there is no setting \"%.*s\"; these are:", shown(key), key->at);
	for (size_t i = 0; err && i < SETTINGS; i++)
		list_name(err, settings[i].key.name);
	return ADIT_EINVAL;
}

static int no_such_species(struct lab_species_error *err, const struct piece *name)
{
	(void)fail(err, "there is no species \"%.*s\"; these are:", shown(name), name->at);
	for (size_t i = 0; err && lab_species_at(i); i++)
		list_name(err, lab_species_at(i)->name);
	return ADIT_EINVAL;
}

static int apply_setting(struct parse *p, const struct piece *item)
{
	const char *equals = memchr(item->at, '=', item->len);
	struct piece key = {item->at, (size_t)(equals - item->at)};
	struct piece value = {equals + 1, item->len - key.len - 1};

	for (size_t i = 0; i < SETTINGS; i++) {
		const struct setting *s = &settings[i];

		if (!piece_is(&key, s->key.name))
			continue;
		if (!set(p->cfg, s, &value))
			return fail(p->err, "%s=%.*s: it should be %s", s->key.name, shown(&value), value.at,
				    s->key.values);
		p->given |= UINT64_C(1) << i;
		return 0;
	}
	return no_such_key(p->err, &key);
}

static int apply(struct parse *p, const char *text, bool may_name);

static int apply_species(struct parse *p, const struct piece *item)
{
	for (size_t i = 0; lab_species_at(i); i++)
		if (piece_is(item, lab_species_at(i)->name))
			return apply(p, lab_species_at(i)->settings, false);
	return no_such_species(p->err, item);
}

/* |may_name|: it may begin with a species. */
static int apply(struct parse *p, const char *text, bool may_name)
{
	const char *at = text;

	while (*at) {
		struct piece item = {at, strcspn(at, ",")};
		int r;

		if (memchr(item.at, '=', item.len))
			r = apply_setting(p, &item);
		else if (may_name && at == text)
			r = apply_species(p, &item);
		else
			r = fail(p->err, "\"%.*s\": after the species come settings, as key=value", shown(&item),
				 item.at);
		if (r < 0)
			return r;
		at += item.len;
		if (*at == ',' && *++at == '\0')
			return fail(p->err, "a setting is missing after the last comma");
	}
	return 0;
}

static bool linux_has(const char *key)
{
	for (size_t i = 0; i < sizeof(linux_keys) / sizeof(linux_keys[0]); i++)
		if (strcmp(key, linux_keys[i]) == 0)
			return true;
	return false;
}

static bool was_given(const struct parse *p, const char *key)
{
	for (size_t i = 0; i < SETTINGS; i++)
		if (strcmp(settings[i].key.name, key) == 0)
			return (p->given >> i & 1) != 0;
	assert(!"a key of the table");
	return false;
}

static int finish_linux(struct parse *p)
{
	const struct lab_zoo_config *z = &p->cfg->zoo;

	for (size_t i = 0; i < SETTINGS; i++)
		if ((p->given >> i & 1) && !linux_has(settings[i].key.name))
			return fail(p->err, "%s: kind=linux has only input, ports, timeout and replied",
				    settings[i].key.name);
	if (z->ports == LAB_ZOO_SEQUENTIAL)
		return fail(p->err, "ports: kind=linux has keep and random");
	p->cfg->linux_nat = (struct lab_linux_config){
		.input = z->input,
		.random = z->ports == LAB_ZOO_RANDOM,
		.unreplied = was_given(p, "timeout") ? z->idle : 0,
		.replied = was_given(p, "replied") ? z->idle_replied : 0,
	};
	return 0;
}

/* Are there addresses with which it could be made? */
static const char *check_zoo(const struct lab_zoo_config *zoo)
{
	struct lab_zoo_config probe = *zoo;

	probe.wan[0] = adit_addr_v4(192, 0, 2, 1, 0);
	probe.wan_count = 1;
	return lab_zoo_config_check(&probe);
}

int lab_species_parse(const char *text, struct lab_species_config *ret_cfg, struct lab_species_error *err)
{
	struct lab_species_config cfg = {0};
	struct parse p = {.cfg = &cfg, .err = err};
	const char *why;
	int r;

	lab_zoo_config_init(&cfg.zoo);
	r = apply(&p, text, true);
	if (r == 0 && cfg.is_linux)
		r = finish_linux(&p);
	if (r < 0)
		return r;
	why = cfg.is_linux ? NULL : check_zoo(&cfg.zoo);
	if (why) {
		(void)fail(err, "%s", why);
		return ADIT_EINVAL;
	}
	*ret_cfg = cfg;
	return 0;
}

void lab_species_families(const struct lab_species_config *cfg, uint8_t *ret_inside, uint8_t *ret_outside)
{
	*ret_inside = ADIT_FAMILY_NONE;
	*ret_outside = ADIT_FAMILY_NONE;
	if (cfg->is_linux) {
		*ret_inside = ADIT_FAMILY_V4;
		*ret_outside = ADIT_FAMILY_V4;
	} else if (cfg->zoo.kind == LAB_ZOO_NAT64) {
		*ret_inside = ADIT_FAMILY_V6;
		*ret_outside = ADIT_FAMILY_V4;
	}
}

static int new_linux(const struct lab_species_config *cfg, const struct lab_site *site, struct lab_nat **ret_nat,
		     struct lab_species_error *err)
{
	struct lab_linux_config c = cfg->linux_nat;

	if (site->wan_count != 1)
		return fail(err, "kind=linux has one address outside");
	c.lan = site->lan;
	c.wan = site->wan[0];
	c.seed = site->seed;
	*ret_nat = lab_linux_new(&c);
	return *ret_nat ? 0 : ADIT_ENOMEM;
}

static int new_zoo(const struct lab_species_config *cfg, const struct lab_site *site, struct lab_nat **ret_nat,
		   struct lab_species_error *err)
{
	struct lab_zoo_config c = cfg->zoo;
	const char *why;

	c.lan = site->lan;
	memcpy(c.wan, site->wan, sizeof(c.wan));
	c.wan_count = site->wan_count;
	c.seed = site->seed;
	why = lab_zoo_config_check(&c);
	if (why)
		return fail(err, "%s", why);
	*ret_nat = lab_zoo_new(&c);
	return *ret_nat ? 0 : ADIT_ENOMEM;
}

int lab_species_new(const struct lab_species_config *cfg, const struct lab_site *site, struct lab_nat **ret_nat,
		    struct lab_species_error *err)
{
	struct lab_nat *n = NULL;
	int r = cfg->is_linux ? new_linux(cfg, site, &n, err) : new_zoo(cfg, site, &n, err);

	if (r == ADIT_ENOMEM)
		(void)fail(err, "%s", adit_strerror(r));
	if (n)
		*ret_nat = n;
	return r;
}

int lab_species_make(const char *text, const struct lab_site *site, struct lab_nat **ret_nat,
		     struct lab_species_error *err)
{
	struct lab_species_config cfg;
	int r = lab_species_parse(text, &cfg, err);

	return r < 0 ? r : lab_species_new(&cfg, site, ret_nat, err);
}
