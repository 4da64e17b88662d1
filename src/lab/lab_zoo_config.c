/* The zoo's NAT as it is where nothing is said, and configurations that cannot be. Begin with lab_zoo_inner.h. */
#include "lab/lab_zoo.h"

#include <stddef.h>

void lab_zoo_config_init(struct lab_zoo_config *cfg)
{
	*cfg = (struct lab_zoo_config){
		.kind = LAB_ZOO_NAT44,
		.mapping = LAB_ZOO_EI,
		.filter = LAB_ZOO_AD,
		.hairpin = LAB_ZOO_HAIRPIN_EXTERNAL,
		.pooling = LAB_ZOO_PAIRED,
		.ports = LAB_ZOO_KEEP,
		.taken = LAB_ZOO_THEN_RANDOM,
		.taken_mapping = LAB_ZOO_UNCHANGED,
		.overload = LAB_ZOO_OVERLOAD_NEVER,
		.step = 1,
		.first = LAB_ZOO_PORT_FIRST,
		.last = LAB_ZOO_PORT_LAST,
		.parity = true,
		.port_class = true,
		.idle = LAB_ZOO_UDP_IDLE,
		.idle_ping = LAB_ZOO_PING_IDLE,
		.tcp_established = LAB_ZOO_TCP_ESTABLISHED,
		.tcp_transitory = LAB_ZOO_TCP_TRANSITORY,
		.refresh = LAB_ZOO_REFRESH_OUT,
		.load_mapping = LAB_ZOO_APD,
		.input = LAB_INPUT_DROP,
		.clash = LAB_ZOO_CLASH,
		.fragments = LAB_ZOO_FRAGMENTS_ANY_ORDER,
		.nat64 = adit_nat64_well_known(),
	};
}

static const char *check_addresses(const struct lab_zoo_config *cfg)
{
	uint8_t family = cfg->wan_count > 0 ? cfg->wan[0].family : ADIT_FAMILY_NONE;

	if (cfg->wan_count > LAB_ZOO_POOL_MAX)
		return "the pool has at most 16 addresses";
	if (cfg->wan_count == 0 && cfg->kind != LAB_ZOO_FIREWALL)
		return "a NAT needs an address outside";
	for (unsigned i = 0; i < cfg->wan_count; i++) {
		if (cfg->wan[i].family != family || family == ADIT_FAMILY_NONE)
			return "the addresses outside must be of one family";
		for (unsigned k = 0; k < i; k++)
			if (adit_addr_eq_ip(&cfg->wan[i], &cfg->wan[k]))
				return "an address outside is there twice";
	}
	if (cfg->kind == LAB_ZOO_NAT64 && (family != ADIT_FAMILY_V4 || cfg->lan.family == ADIT_FAMILY_V4))
		return "NAT64 has IPv6 inside and IPv4 outside";
	if (cfg->kind != LAB_ZOO_NAT64 && cfg->lan.family && family && cfg->lan.family != family)
		return "inside and outside must be of one family";
	return NULL;
}

static const char *check_ports(const struct lab_zoo_config *cfg)
{
	uint32_t size = (uint32_t)cfg->last - cfg->first + 1;

	if (cfg->first == 0 || cfg->first > cfg->last)
		return "the port range is empty, or begins at 0";
	if (cfg->step == 0 || cfg->step > 32767 || cfg->step < -32767)
		return "the step is not in -32767..-1 or 1..32767";
	if (cfg->spread > 32767)
		return "the spread is at most 32767";
	if (cfg->block > size)
		return "a block is larger than the port range";
	if (cfg->overload == LAB_ZOO_OVERLOAD_REMOTE && cfg->mapping == LAB_ZOO_EI)
		return "ports can be shared by remote only where the mapping depends on the remote";
	return NULL;
}

static const char *check_times(const struct lab_zoo_config *cfg)
{
	if (cfg->idle == 0 || cfg->idle_ping == 0 || cfg->tcp_established == 0 || cfg->tcp_transitory == 0)
		return "a time-out is 0";
	if (cfg->input == LAB_INPUT_ACCEPT && cfg->clash == 0)
		return "the clash lasts no time";
	if (!(cfg->foreign >= 0 && cfg->foreign <= LAB_ZOO_FOREIGN_MAX))
		return "foreign flows: 0 to 100000 per second";
	return NULL;
}

const char *lab_zoo_config_check(const struct lab_zoo_config *cfg)
{
	const char *why = check_addresses(cfg);

	if (!why)
		why = check_ports(cfg);
	if (!why)
		why = check_times(cfg);
	if (!why && !adit_nat64_is_len(cfg->nat64.len))
		why = "a NAT64 prefix has 32, 40, 48, 56, 64 or 96 bits";
	return why;
}
