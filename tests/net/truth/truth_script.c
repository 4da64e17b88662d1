/*
 * Scripts. Few hosts and few ports, so that flows meet, clash and are answered often. Random numbers are drawn in
 * the same order whatever the mode, so that a seed means the same script in each.
 */
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/rng.h"
#include "truth.h"

/* Of every class that a moved port stays in; 80, 7000 and 8080 are those of the forwards. */
static const uint16_t in_ports[] = {5555, 5556, 53, 500, 700, 1023, 80, 7000, 8080, 60000};
static const uint16_t out_ports[] = {5555, 5556, 53, 700};

static unsigned below(const struct adit_rng *r, unsigned n)
{
	return (unsigned)adit_rng_below(r, n);
}

static uint8_t kind_of(unsigned percent)
{
	static const struct {
		uint8_t below;
		uint8_t kind;
	} shares[] = {
		{37, TRUTH_ACT_OUT},   {58, TRUTH_ACT_IN},       {74, TRUTH_ACT_ANSWER_IN},  {82, TRUTH_ACT_ANSWER_OUT},
		{86, TRUTH_ACT_LOCAL}, {94, TRUTH_ACT_ERROR_IN}, {100, TRUTH_ACT_ERROR_OUT},
	};
	size_t i = 0;

	while (percent >= shares[i].below)
		i++;
	return shares[i].kind;
}

static void act_make(const struct adit_rng *r, struct truth_act *a, uint16_t id)
{
	unsigned ttl = below(r, 100);

	*a = (struct truth_act){.id = id, .kind = kind_of(below(r, 100))};
	/* Mostly something that happened lately. */
	a->ref = (uint16_t)(id - 1 - below(r, id < 12 || below(r, 4) == 0 ? id : 12));
	a->proto = below(r, 8) == 0 ? LAB_PING : LAB_UDP;
	a->ttl = ttl < 18 ? 1 : ttl < 28 ? 2 : 64;
	a->in_host = (uint8_t)below(r, TRUTH_HOSTS);
	a->out_host = (uint8_t)below(r, TRUTH_HOSTS);
	a->in_port = in_ports[below(r, ARRAY_LEN(in_ports))];
	a->out_port = out_ports[below(r, ARRAY_LEN(out_ports))];
	a->wan_port = below(r, 12) == 0 ? (uint16_t)(1 + below(r, 65535)) : in_ports[below(r, ARRAY_LEN(in_ports))];
	a->type = below(r, 2) == 0 ? 3 : 11;
	a->other = below(r, 3) == 0;
}

/*
 * Pauses, mostly short ones; after each, the flow of the first act goes on, one way or the other. So it lives long
 * enough to count as a stream, and then something is seen of how long that lives.
 */
static void pauses_make(const struct adit_rng *r, struct truth_script *s)
{
	unsigned every = s->count / (4 + below(r, 4));

	s->acts[0].kind = TRUTH_ACT_OUT;
	s->acts[0].proto = LAB_UDP;
	s->acts[0].ttl = 64;
	for (uint16_t i = (uint16_t)(every - 1); i + 1 < s->count; i = (uint16_t)(i + every)) {
		struct truth_act *next = &s->acts[i + 1];
		unsigned units = below(r, 3) == 0 ? 2 + below(r, 4) : 1;

		s->acts[i] = (struct truth_act){.id = i + 1, .kind = TRUTH_ACT_PAUSE, .pauses = (uint8_t)units};
		*next = s->acts[0];
		next->id = i + 2;
		next->ref = s->acts[0].id;
		next->kind = below(r, 2) == 0 ? TRUTH_ACT_OUT : TRUTH_ACT_ANSWER_IN;
	}
}

void truth_script_make(struct truth_script *s, uint64_t seed)
{
	struct adit_rng_seeded g;
	struct adit_rng r = adit_rng_seeded_init(&g, seed);

	*s = (struct truth_script){.seed = seed, .pauses = below(&r, 4) == 0};
	s->count = (uint16_t)(TRUTH_ACTS_MIN + below(&r, TRUTH_ACTS_MAX - TRUTH_ACTS_MIN + 1));
	for (uint16_t i = 0; i < s->count; i++)
		act_make(&r, &s->acts[i], i + 1);
	if (s->pauses)
		pauses_make(&r, s);
}

bool truth_script_cut(const struct truth_script *s, size_t at, size_t n, struct truth_script *ret_s)
{
	size_t end = at + n < s->count ? at + n : s->count;

	if (at >= s->count || (at == 0 && end == s->count))
		return false;
	*ret_s = *s;
	memmove(ret_s->acts + at, s->acts + end, (s->count - end) * sizeof(s->acts[0]));
	ret_s->count = (uint16_t)(s->count - (end - at));
	ret_s->pauses = false;
	for (size_t i = 0; i < ret_s->count; i++)
		ret_s->pauses |= ret_s->acts[i].kind == TRUTH_ACT_PAUSE;
	return true;
}

void truth_act_print(const struct truth_act *a)
{
	const char *proto = a->proto == LAB_PING ? "echo" : "udp";
	const char *who = a->other ? "a router on the way" : "the host itself";

	printf("  %3u  ", a->id);
	switch (a->kind) {
	case TRUTH_ACT_OUT:
		printf("out %s in%u:%u > out%u:%u ttl %u\n", proto, a->in_host, a->in_port, a->out_host, a->out_port,
		       a->ttl);
		break;
	case TRUTH_ACT_IN:
		printf("in %s out%u:%u > wan:%u ttl %u\n", proto, a->out_host, a->out_port, a->wan_port, a->ttl);
		break;
	case TRUTH_ACT_ANSWER_IN:
		printf("answer from outside to %u (else out%u:%u > wan:%u) ttl %u\n", a->ref, a->out_host, a->out_port,
		       a->wan_port, a->ttl);
		break;
	case TRUTH_ACT_ANSWER_OUT:
		printf("answer from inside to %u (else in%u:%u > out%u:%u) ttl %u\n", a->ref, a->in_host, a->in_port,
		       a->out_host, a->out_port, a->ttl);
		break;
	case TRUTH_ACT_LOCAL:
		printf("local %s in%u:%u > %s:%u ttl %u\n", proto, a->in_host, a->in_port, a->other ? "wan" : "lan",
		       a->wan_port, a->ttl);
		break;
	case TRUTH_ACT_ERROR_IN:
		printf("error %u from outside about %u (else in%u:%u > out%u:%u) by %s\n", a->type, a->ref, a->in_host,
		       a->wan_port, a->out_host, a->out_port, who);
		break;
	case TRUTH_ACT_ERROR_OUT:
		printf("error %u from inside about %u (else out%u:%u > in%u:%u) by %s\n", a->type, a->ref, a->out_host,
		       a->out_port, a->in_host, a->in_port, who);
		break;
	default:
		printf("pause %u x %u ms\n", a->pauses, (unsigned)(TRUTH_PAUSE / ADIT_MS(1)));
	}
}
