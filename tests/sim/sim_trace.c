#include "sim_trace.h"

#include <stdlib.h>

static void print_packet(FILE *f, const struct lab_tap_packet *p)
{
	char src[ADIT_ADDR_STRLEN];
	char dst[ADIT_ADDR_STRLEN];

	fprintf(f, "%12.6f %-11s at %-3u ttl %-3u %s > %s", (double)p->at / 1e9, lab_step_name(p->step), p->node,
		p->ttl, adit_addr_format(&p->src, src), adit_addr_format(&p->dst, dst));
	if (p->is_icmp)
		fprintf(f, " quoted by icmp %u\n", p->icmp_type);
	else
		fprintf(f, " %02x%02x len %zu\n", p->len > 0 ? p->data[0] : 0u, p->len > 1 ? p->data[1] : 0u, p->len);
}

void sim_trace_packet(void *trace, const struct lab_tap_packet *p)
{
	struct sim_trace *t = trace;

	if (t->text)
		print_packet(t->text, p);
	if (t->pcap)
		lab_trace_packet(&t->trace, p);
	if (t->svg && p->at >= t->svg_from)
		lab_draw_packet(&t->draw, p);
}

static void put(void *ctx, const void *data, size_t len)
{
	(void)fwrite(data, 1, len, ctx); /* ferror() is asked at the end */
}

static bool open_named(const char *variable, FILE **ret_file)
{
	const char *name = getenv(variable);

	*ret_file = NULL;
	if (!name)
		return true;
	*ret_file = fopen(name, "wb");
	if (!*ret_file)
		perror(name);
	return *ret_file != NULL;
}

bool sim_trace_init(struct sim_trace *t, struct lab_sim *s, FILE *text)
{
	const char *from = getenv("ADIT_SIM_FROM");

	*t = (struct sim_trace){.sim = s, .text = text};
	t->svg_from = from ? (adit_time)(strtod(from, NULL) * 1e9) : 0;
	if (!open_named("ADIT_SIM_PCAP", &t->pcap) || !open_named("ADIT_SIM_SVG", &t->svg))
		return false;
	if (t->pcap)
		lab_trace_init(&t->trace, s, put, t->pcap);
	if (t->svg && lab_draw_init(&t->draw, s) < 0)
		return false;
	lab_sim_set_tap(s, sim_trace_packet, t);
	return true;
}

void sim_trace_node(struct sim_trace *t, unsigned node, const char *name)
{
	lab_sim_set_name(t->sim, node, name);
	if (t->svg)
		lab_draw_lane(&t->draw, node);
}

static bool close_file(FILE *f)
{
	bool ok = !ferror(f);

	return fclose(f) == 0 && ok;
}

bool sim_trace_done(struct sim_trace *t, const char *title)
{
	bool ok = true;

	if (t->svg) {
		lab_draw_finish(&t->draw, title, put, t->svg);
		ok = close_file(t->svg);
	}
	if (t->pcap)
		ok = close_file(t->pcap) && !t->trace.no_memory && ok;
	lab_draw_done(&t->draw);
	lab_trace_done(&t->trace);
	if (t->sim)
		lab_sim_set_tap(t->sim, NULL, NULL);
	*t = (struct sim_trace){0};
	return ok;
}
