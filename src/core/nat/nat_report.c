#include "core/nat/nat_report.h"

#include "base/bytes.h"

static bool is_open_filter(const struct nat_view *v)
{
	return v->filtering == NAT_DEP_NONE && (v->translated == NAT_NO || v->mapping == NAT_DEP_NONE);
}

enum nat_kind nat_view_kind(const struct nat_view *v)
{
	if (v->asked == 0)
		return NAT_KIND_UNKNOWN;
	if (v->answered == 0)
		return v->refused || v->silent >= NAT_SILENT_MIN ? NAT_KIND_BLOCKED : NAT_KIND_UNKNOWN;
	if (v->translated == NAT_UNKNOWN)
		return NAT_KIND_UNKNOWN;
	if (is_open_filter(v))
		return NAT_KIND_OPEN;
	/* A firewall without a NAT, and ports that are kept toward everybody, are a cone to the peer. */
	if (v->translated == NAT_NO || v->mapping == NAT_DEP_NONE)
		return NAT_KIND_STEADY;
	if (v->mapping == NAT_DEP_UNKNOWN)
		return v->ports.kind == NAT_PORT_KEPT ? NAT_KIND_STEADY : NAT_KIND_UNKNOWN;
	switch (v->ports.kind) {
	case NAT_PORT_KEPT:
		return NAT_KIND_STEADY;
	case NAT_PORT_SEQUENTIAL:
		return NAT_KIND_SEQUENTIAL;
	case NAT_PORT_BLOCK:
		return NAT_KIND_BLOCK;
	case NAT_PORT_UNKNOWN:
	case NAT_PORT_RANDOM:
		break;
	}
	return NAT_KIND_RANDOM;
}

enum nat_way nat_kind_way(enum nat_kind a, enum nat_kind b)
{
	/* Rows and columns OPEN, STEADY, SEQUENTIAL, BLOCK, RANDOM: the upper half, as in docs/rules.md 2. */
	static const enum nat_way table[5][5] = {
		{NAT_WAY_DIRECT, NAT_WAY_REVERSAL, NAT_WAY_REVERSAL, NAT_WAY_REVERSAL, NAT_WAY_REVERSAL},
		{0, NAT_WAY_PUNCH, NAT_WAY_PREDICT, NAT_WAY_BLOCK, NAT_WAY_BIRTHDAY},
		{0, 0, NAT_WAY_PREDICT, NAT_WAY_SEARCH, NAT_WAY_SEARCH},
		{0, 0, 0, NAT_WAY_SEARCH, NAT_WAY_RELAY},
		{0, 0, 0, 0, NAT_WAY_RELAY},
	};
	enum nat_kind low = a < b ? a : b;
	enum nat_kind high = a < b ? b : a;

	if (high == NAT_KIND_BLOCKED)
		return NAT_WAY_RELAY;
	return low == NAT_KIND_UNKNOWN ? NAT_WAY_UNKNOWN : table[low - NAT_KIND_OPEN][high - NAT_KIND_OPEN];
}

enum nat_answer nat_view_is_blocked(const struct nat_view *v)
{
	if (v->answered > 0)
		return NAT_NO;
	return v->kind == NAT_KIND_BLOCKED ? NAT_YES : NAT_UNKNOWN;
}

#define NAME_OF(names, i) ((size_t)(i) < ARRAY_LEN(names) ? (names)[i] : "")

const char *nat_answer_name(enum nat_answer a)
{
	static const char *const names[] = {"unknown", "no", "yes"};

	return NAME_OF(names, a);
}

const char *nat_dep_name(enum nat_dep d)
{
	static const char *const names[] = {"unknown", "endpoint-independent", "address-dependent",
					    "address-and-port-dependent", "dependent"};

	return NAME_OF(names, d);
}

const char *nat_port_kind_name(enum nat_port_kind k)
{
	static const char *const names[] = {"unknown", "kept", "sequential", "block", "random"};

	return NAME_OF(names, k);
}

const char *nat_kind_name(enum nat_kind k)
{
	static const char *const names[] = {"unknown", "open", "steady", "sequential", "block", "random", "blocked"};

	return NAME_OF(names, k);
}

const char *nat_way_name(enum nat_way w)
{
	static const char *const names[] = {"unknown", "direct",   "reversal", "punch", "predict",
					    "block",   "birthday", "search",   "relay"};

	return NAME_OF(names, w);
}

const char *nat_life_name(enum nat_life l)
{
	static const char *const names[] = {"not-asked", "unknown", "between", "longer"};

	return NAME_OF(names, l);
}

const char *nat_server_state_name(enum nat_server_state s)
{
	static const char *const names[] = {"waiting", "good", "dead", "refused", "error", "nonsense", "alone"};

	return NAME_OF(names, s);
}
