/* Flows of a carrier's other subscribers, which take ports and move counters. Begin with lab_zoo_inner.h. */
#include "lab/lab_zoo_inner.h"

#include <math.h>

/* Uniform in (0, 1]. */
static double uniform(struct lab_zoo *z)
{
	return (double)((adit_rng_u64(&z->foreign_rng) >> 11) + 1) * 0x1p-53;
}

/* The gap to the next flow of a Poisson process: exponential. */
static adit_dur gap(struct lab_zoo *z)
{
	double s = -log(uniform(z)) / z->cfg.foreign;

	return s >= 1e9 ? ADIT_SEC(1000000000) : (adit_dur)(s * 1e9);
}

/* How many come while |mean| are expected. Large numbers are as good as normal (Box, Muller). */
static uint64_t poisson(struct lab_zoo *z, double mean)
{
	double product = 1;
	uint64_t n = 0;
	double normal;

	if (mean > 64) {
		normal = sqrt(-2 * log(uniform(z))) * cos(6.283185307179586 * uniform(z));
		normal = mean + sqrt(mean) * normal + 0.5;
		return normal > 0 ? (uint64_t)normal : 0;
	}
	while ((product *= uniform(z)) > exp(-mean))
		n++;
	return n;
}

/* Subscribers' addresses are of 0/8, from which nobody sends (RFC 1122 3.2.1.3); whom they talk to is in 198.18/15. */
static void one_flow(struct lab_zoo *z, adit_time now, adit_time expire_at)
{
	uint32_t hosts = z->cfg.foreign_hosts ? z->cfg.foreign_hosts : LAB_ZOO_FOREIGN_HOSTS;
	uint64_t r = adit_rng_u64(&z->foreign_rng);
	uint32_t host = (uint32_t)((r >> 32) % hosts);
	struct lab_zoo_want w = {
		.proto = LAB_UDP,
		.in = adit_addr_v4(0, (uint8_t)(1 + (host >> 16)), (uint8_t)(host >> 8), (uint8_t)host,
				   (uint16_t)(1024 + (r & 0xffff) % 64512)),
		.remote = adit_addr_v4(198, (uint8_t)(18 + (r >> 16 & 1)), (uint8_t)(r >> 17), (uint8_t)(r >> 25), 443),
		.foreign = true,
	};
	struct lab_zoo_map *m = lab_zoo_map_make(z, now, &w);

	if (m)
		lab_zoo_timer_arm_at(z, expire_at, &m->timer, LAB_ZOO_CLASS_FOREIGN);
}

/* Those that are long over have left nothing but the next numbers of the sequences. */
static void skip(struct lab_zoo *z, adit_dur time)
{
	uint64_t n = poisson(z, z->cfg.foreign * (double)time / 1e9) / z->cfg.wan_count;
	int64_t size = (int64_t)z->cfg.last - z->cfg.first + 1;

	for (unsigned i = 0; i < z->cfg.wan_count; i++) {
		uint16_t *last = &z->port_last[i][LAB_UDP];
		int64_t by = (int64_t)(n % (uint64_t)size) * z->cfg.step % size;

		*last = (uint16_t)(z->cfg.first + (*last - z->cfg.first + by + size) % size);
	}
}

/* A carrier's NAT was not switched on for us: what began before the first packet is still there. */
static void start(struct lab_zoo *z, adit_time now)
{
	adit_dur life = z->lives[LAB_ZOO_CLASS_FOREIGN];

	z->foreign_started = true;
	for (adit_dur left = gap(z); left < life; left += gap(z))
		one_flow(z, now, adit_time_add(now, left));
	z->foreign_at = adit_time_add(now, gap(z));
}

void lab_zoo_foreign_advance(struct lab_zoo *z, adit_time now)
{
	adit_dur life = z->lives[LAB_ZOO_CLASS_FOREIGN];

	if (!(z->cfg.foreign > 0) || z->cfg.kind == LAB_ZOO_FIREWALL)
		return;
	if (!z->foreign_started) {
		start(z, now);
		return;
	}
	if (adit_time_since(now, z->foreign_at) > 2 * life) {
		lab_zoo_expire(z, now - life);
		skip(z, now - life - z->foreign_at);
		z->foreign_at = now - life + gap(z);
	}
	while (z->foreign_at <= now) {
		lab_zoo_expire(z, z->foreign_at);
		one_flow(z, z->foreign_at, adit_time_add(z->foreign_at, life));
		z->foreign_at = adit_time_add(z->foreign_at, gap(z));
	}
}
