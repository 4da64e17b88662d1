/* The Internet checksum's sum (RFC 1071), folded, not inverted. Sums of pieces of even length may be added. */
#ifndef ADIT_LAB_SUM_H
#define ADIT_LAB_SUM_H

#include <stddef.h>
#include <stdint.h>

static inline uint16_t lab_sum_fold(uint64_t sum)
{
	while (sum > 0xffff)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

static inline uint16_t lab_sum(const uint8_t *data, size_t len)
{
	uint64_t sum = 0;

	for (size_t i = 0; i + 1 < len; i += 2)
		sum += (uint64_t)data[i] << 8 | data[i + 1];
	if (len % 2 == 1)
		sum += (uint64_t)data[len - 1] << 8;
	return lab_sum_fold(sum);
}

#endif
