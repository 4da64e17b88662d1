#include "lab/lab_icmp.h"

#include "lab/lab_limits.h"

void lab_icmp_number(enum lab_icmp_what what, uint8_t family, uint8_t *ret_type, uint8_t *ret_code)
{
	static const uint8_t numbers[][2][2] = {
		[LAB_ICMP_TIME_EXCEEDED] = {{11, 0}, {3, 0}},
		[LAB_ICMP_PORT_UNREACHABLE] = {{3, 3}, {1, 4}},
		[LAB_ICMP_TOO_BIG] = {{3, 4}, {2, 0}},
	};
	const uint8_t *n = numbers[what][family == ADIT_FAMILY_V6];

	*ret_type = n[0];
	*ret_code = n[1];
}

/* The bucket of |to|; else the one that is, or has been, full first. */
static size_t slot_of(const struct lab_icmp_limit *l, unsigned key, const struct adit_addr *to)
{
	size_t best = 0;

	for (size_t i = 0; i < LAB_ICMP_SLOTS; i++) {
		if (l->slots[i].key == key && adit_addr_eq_ip(&l->slots[i].to, to))
			return i;
		if (l->slots[i].full_at < l->slots[best].full_at)
			best = i;
	}
	return best;
}

bool lab_icmp_allow(struct lab_icmp_limit *l, adit_time now, unsigned key, const struct adit_addr *to)
{
	size_t i = slot_of(l, key, to);
	adit_time full_at = l->slots[i].full_at;

	if (l->slots[i].key != key || !adit_addr_eq_ip(&l->slots[i].to, to) || full_at < now)
		full_at = now;
	full_at += LAB_ICMP_INTERVAL;
	if (full_at - now > LAB_ICMP_BURST * LAB_ICMP_INTERVAL)
		return false;
	l->slots[i].key = key;
	l->slots[i].to = *to;
	l->slots[i].full_at = full_at;
	return true;
}
