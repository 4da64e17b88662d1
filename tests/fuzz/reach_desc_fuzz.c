/*
 * What a peer tells of its NAT, and what is kept of a network: the first byte says whether the rest is bytes or a line
 * of text. What is accepted keeps its limits, comes back the same once it was written again, and makes a sound plan,
 * whoever we are.
 *
 * covers: src/core/reach/reach_desc.c
 * planted: src/core/reach/reach_desc.c: adit_rd_over(adit_rd_take(&r, value_len), value_len) ->
 * adit_rd_over(adit_rd_take(&r, value_len), value_len + 1)
 */
#include "fuzz.h"

#include <string.h>

#include "core/reach/reach_desc.h"
#include "core/reach/reach_plan.h"

static void check_plans(const struct reach_desc *d)
{
	struct reach_desc own = *d;

	for (int kind = NAT_KIND_UNKNOWN; kind <= NAT_KIND_BLOCKED; kind++) {
		struct reach_plan_ask ask = {
			.role = kind % 2 ? MEET_SERVE : MEET_CONNECT,
			.own = &own,
			.peer = d,
			.own_reflexive = d->window_to,
			.peer_reflexive = adit_addr_with_port(d->public, 5000),
			.trusted = d->witnesses > 1,
			.spent = d->age % (2 * REACH_UNTRUSTED_MAX),
			.since_peer = ADIT_MS(d->age),
		};
		struct reach_plan p;

		own.kind = (enum nat_kind)kind;
		reach_plan_make(&ask, &p);
		FUZZ_CHECK(p.n_salvos <= REACH_SALVOS_MAX);
		for (size_t i = 0; i < p.n_salvos; i++) {
			const struct reach_salvo_spec *s = &p.salvo[i];

			FUZZ_CHECK(adit_addr_is_public(&s->to));
			FUZZ_CHECK(s->passes > 0 && s->low_passes <= s->passes);
			FUZZ_CHECK(s->socks <= REACH_SOCKS_MAX);
			FUZZ_CHECK(s->shots <= (s->is_in_turn ? REACH_TURNS : REACH_PROBES_MAX));
			FUZZ_CHECK(s->target == REACH_TO_ONE || (s->low > 0 && s->low <= s->high));
			FUZZ_CHECK(reach_plan_ports(s) > 0);
		}
	}
}

static void use_bytes(const uint8_t *data, size_t size)
{
	struct reach_desc d;
	struct reach_desc again;
	uint8_t first[MEET_EXTRA_MAX];
	uint8_t second[MEET_EXTRA_MAX];
	size_t len;

	if (reach_desc_decode(data, size, &d) != 0)
		return;
	FUZZ_CHECK(d.kind <= NAT_KIND_BLOCKED && d.ports.kind <= NAT_PORT_RANDOM);
	FUZZ_CHECK(d.ports.low <= d.ports.high && d.window_low <= d.window_high);
	if (d.round == 0) /* was not said; nobody sends that */
		d.round = 1;
	len = reach_desc_encode(&d, first);
	FUZZ_CHECK(reach_desc_decode(first, len, &again) == 0);
	FUZZ_CHECK(reach_desc_encode(&again, second) == len && memcmp(first, second, len) == 0);
	check_plans(&d);
}

static void use_text(const uint8_t *data, size_t size)
{
	struct reach_memory m;
	struct reach_memory again;
	char first[REACH_MEMORY_STRLEN];
	char second[REACH_MEMORY_STRLEN];
	char *text = malloc(size + 1);

	memcpy(text, data, size);
	text[size] = '\0';
	if (reach_memory_parse(text, &m) == 0) {
		FUZZ_CHECK(m.kind <= NAT_KIND_BLOCKED && m.peer_kind <= NAT_KIND_BLOCKED && m.way <= NAT_WAY_RELAY);
		FUZZ_CHECK(reach_memory_format(&m, first) > 0 && reach_memory_parse(first, &again) == 0);
		FUZZ_CHECK(reach_memory_format(&again, second) > 0 && strcmp(first, second) == 0);
	}
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	if (data[0] % 2)
		use_text(data + 1, size - 1);
	else
		use_bytes(data + 1, size - 1);
	return 0;
}
