#include "core/nat/nat_ports.h"

/* The way from one port to the next; a range that begins again is one outlier among many. */
static int delta(const struct nat_sample *s, size_t i)
{
	return (int)s[i + 1].outside - (int)s[i].outside;
}

static bool is_step(int d, int sign)
{
	return d * sign > 0 && d * sign <= NAT_STEP_REACH;
}

/* The difference that occurs most among those of |sign|; of several, the smallest. */
static int mode_of(const struct nat_sample *s, size_t n, int sign)
{
	unsigned most = 0;
	int mode = 0;

	for (size_t i = 0; i + 1 < n; i++) {
		int d = delta(s, i);
		unsigned count = 0;

		if (!is_step(d, sign))
			continue;
		for (size_t k = 0; k + 1 < n; k++)
			count += delta(s, k) == d;
		if (count > most || (count == most && d * sign < mode * sign)) {
			most = count;
			mode = d;
		}
	}
	return mode;
}

/*
 * Others' flows are few between two samples that follow each other closely: where more than a third of the differences
 * is not the step, the step itself is not one.
 */
static bool has_jumps(const struct nat_sample *s, size_t n, int step, unsigned steps)
{
	unsigned plain = 0;

	for (size_t i = 0; i + 1 < n; i++)
		plain += delta(s, i) == step;
	return (steps - plain) * 3 > steps;
}

/*
 * The mean step, in 1 / NAT_MEAN_UNIT ports. A length that is drawn is from 1 to some largest one, so that the largest
 * that was seen tells more than the mean of few samples does; but not where a foreign flow made it.
 */
static unsigned mean_of(unsigned sum, unsigned steps, unsigned longest, bool jumps)
{
	if (jumps && (longest - 1) * steps <= 2 * sum)
		return (1 + longest) * NAT_MEAN_UNIT / 2;
	return (sum * NAT_MEAN_UNIT + steps / 2) / steps;
}

/* Are most neighbours one or more steps apart, in one direction? */
static bool read_step(const struct nat_sample *s, size_t n, int sign, struct nat_ports *p)
{
	unsigned steps = 0;
	unsigned sum = 0;
	adit_dur took = 0;

	p->spread = 0;
	for (size_t i = 0; i + 1 < n; i++) {
		int d = delta(s, i) * sign;

		if (!is_step(d, 1))
			continue;
		steps++;
		sum += (unsigned)d;
		took += adit_time_since(s[i + 1].at, s[i].at);
		if ((unsigned)d > p->spread)
			p->spread = (unsigned)d;
	}
	if (steps < 2 || steps * 4 < (n - 1) * 3)
		return false;
	p->step = mode_of(s, n, sign);
	p->jumps = has_jumps(s, n, p->step, steps);
	p->mean = mean_of(sum, steps, p->spread, p->jumps);
	sum /= (unsigned)(p->step * sign);
	if (took > 0 && sum > steps)
		p->foreign = (unsigned)((sum - steps) * ADIT_SEC(1) / took);
	p->kind = NAT_PORT_SEQUENTIAL;
	return true;
}

/* Blocks are mostly powers of two, aligned to their size (RFC 7422 2); else what the span makes probable. */
static unsigned block_of(uint16_t low, uint16_t high, size_t n)
{
	unsigned span = (unsigned)high - low + 1;
	unsigned aligned = 16;
	unsigned probable = 16;

	while (low / aligned != high / aligned)
		aligned *= 2;
	if (aligned <= 2 * span)
		return aligned;
	/* The span of n ports at random in a block of B is B * (n - 1) / (n + 1) in the mean. */
	while (probable * (n - 1) < span * (n + 1) && probable < span * 2)
		probable *= 2;
	return probable;
}

/* The samples from |from| to |to| alone. */
static void read_range(const struct nat_sample *s, size_t n, uint16_t from, uint16_t to, struct nat_ports *p)
{
	p->low = UINT16_MAX;
	p->high = 0;
	for (size_t i = 0; i < n; i++) {
		if (s[i].outside < from || s[i].outside > to)
			continue;
		p->low = s[i].outside < p->low ? s[i].outside : p->low;
		p->high = s[i].outside > p->high ? s[i].outside : p->high;
		p->last = s[i].outside;
	}
}

static size_t count_from(const struct nat_sample *s, size_t n, uint16_t port)
{
	size_t count = 0;

	for (size_t i = 0; i < n; i++)
		count += s[i].outside >= port;
	return count;
}

/*
 * A subscriber may have two blocks (RFC 6888 4): then |p| tells of the one that more samples lie in. A search within it
 * alone is as good as one within both, as half of the sockets lie among half of the ports.
 */
static bool read_block(const struct nat_sample *s, size_t n, struct nat_ports *p)
{
	struct nat_ports first = *p;
	struct nat_ports second = *p;
	size_t in_second;

	if ((unsigned)p->high - p->low >= NAT_BLOCK_SPAN) {
		read_range(s, n, p->low, (uint16_t)(p->low + NAT_BLOCK_SPAN - 1), &first);
		read_range(s, n, (uint16_t)(p->low + NAT_BLOCK_SPAN), p->high, &second);
		if ((unsigned)second.high - second.low >= NAT_BLOCK_SPAN)
			return false;
		in_second = count_from(s, n, second.low);
		*p = in_second * 2 > n ? second : first;
		n = in_second * 2 > n ? in_second : n - in_second;
	}
	p->kind = NAT_PORT_BLOCK;
	p->block = block_of(p->low, p->high, n);
	return true;
}

void nat_ports_read(const struct nat_sample *s, size_t n, struct nat_ports *ret_ports)
{
	struct nat_ports p = {.samples = (unsigned)n};

	for (size_t i = 0; i < n; i++)
		p.kept += s[i].inside == s[i].outside;
	if (n > 0)
		read_range(s, n, 0, UINT16_MAX, &p);
	if (n >= NAT_KEPT_SAMPLES && p.kept * 5 >= n * 4)
		p.kind = NAT_PORT_KEPT;
	else if (n >= NAT_STEP_SAMPLES && (read_step(s, n, 1, &p) || read_step(s, n, -1, &p)))
		; /* said there */
	else if (n >= NAT_BLOCK_SAMPLES && !read_block(s, n, &p))
		p.kind = NAT_PORT_RANDOM;
	if (p.kind != NAT_PORT_SEQUENTIAL)
		p.spread = 0;
	*ret_ports = p;
}
