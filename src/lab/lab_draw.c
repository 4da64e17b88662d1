#include "lab/lab_draw.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "lab/lab_trace.h"

/* Pixels. */
#define LEFT         192.0 /* the first lifeline; left of it words, ... */
#define TIMES        92.0 /* ... and left of here the times */
#define TOP          128.0 /* the first event */
#define ROW          21.0
#define GAP_MIN      150.0 /* between lifelines */
#define GAP_MAX      420.0
#define CHAR         5.75 /* of the labels' type */
#define TITLE_CHAR   9.6 /* and of the title's */
#define LEGEND_WIDTH 1100.0
#define RIGHT        110.0 /* for a word after the last lifeline */

/* A pause at least this long is written out. */
#define PAUSE ADIT_MS(500)

#define HALF (LAB_DRAW_MAX / 2)

/* Bytes: two IPv6 addresses with their ports, and some words. */
#define LABEL_MAX 240u

enum kind {
	ARRIVES,
	LOST,
	REFUSED,
	ENDS,
	ERROR,
	TRAVELS, /* its end is not known */
	KINDS,
};

static const struct {
	const char *colour;
	const char *dash;
	const char *legend;
} kinds[KINDS] = {
	[ARRIVES] = {"#0072B2", "none", "packet"},
	[LOST] = {"#D55E00", "7 4", "lost on its way"},
	[REFUSED] = {"#CC79A7", "none", "refused by a NAT or firewall"},
	[ENDS] = {"#E69F00", "none", "TTL used up, too big, or nobody listens"},
	[ERROR] = {"#009E73", "2 3", "ICMP error"},
	[TRAVELS] = {"#777777", "1 3", "end not shown"},
};

struct pen {
	void (*put)(void *ctx, const void *data, size_t len);
	void *ctx;
};

__attribute__((format(printf, 2, 3))) static void out(const struct pen *p, const char *format, ...)
{
	char buf[512];
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(buf, sizeof(buf), format, args);
	va_end(args);
	if (n > 0)
		p->put(p->ctx, buf, (size_t)n < sizeof(buf) ? (size_t)n : sizeof(buf) - 1);
}

static void out_escaped(const struct pen *p, const char *text)
{
	for (; *text; text++) {
		if (*text == '<')
			out(p, "&lt;");
		else if (*text == '&')
			out(p, "&amp;");
		else if ((unsigned char)*text >= 0x20)
			p->put(p->ctx, text, 1);
	}
}

/* --- keeping --- */

int lab_draw_init(struct lab_draw *d, const struct lab_sim *sim)
{
	*d = (struct lab_draw){.sim = sim};
	d->marks = calloc(LAB_DRAW_MAX, sizeof(*d->marks));
	return d->marks ? 0 : ADIT_ENOMEM;
}

void lab_draw_done(struct lab_draw *d)
{
	free(d->marks);
	d->marks = NULL;
}

/* Its place from the left; LAB_DRAW_LANES: it has none. */
static size_t lane_of(const struct lab_draw *d, unsigned node)
{
	for (size_t i = 0; i < d->lane_count; i++)
		if (d->lanes[i] == node)
			return i;
	return LAB_DRAW_LANES;
}

void lab_draw_lane(struct lab_draw *d, unsigned node)
{
	if (node > 0 && d->lane_count < LAB_DRAW_LANES && lane_of(d, node) == LAB_DRAW_LANES)
		d->lanes[d->lane_count++] = node;
}

/* Has every node that sends or is sent to a lifeline? Gives it one, as long as there are any. */
static bool has_lanes(struct lab_draw *d, const struct lab_tap_packet *p)
{
	lab_draw_lane(d, p->from);
	lab_draw_lane(d, p->to);
	return (p->from == 0 || lane_of(d, p->from) < LAB_DRAW_LANES) &&
	       (p->to == 0 || lane_of(d, p->to) < LAB_DRAW_LANES);
}

void lab_draw_packet(void *draw, const struct lab_tap_packet *p)
{
	struct lab_draw *d = draw;
	size_t at = d->count < LAB_DRAW_MAX ? d->count : HALF + (d->count - HALF) % (LAB_DRAW_MAX - HALF);

	if (!has_lanes(d, p)) {
		d->without_lane++;
		return;
	}
	d->count++;
	d->marks[at] = (struct lab_draw_mark){
		.at = p->at,
		.step = p->step,
		.node = p->node,
		.from = p->from,
		.to = p->to,
		.id = p->id,
		.cause = p->cause,
		.is_icmp = p->is_icmp,
		.is_v6 = adit_addr_is_v6(&p->outer_src),
		.icmp_type = p->icmp_type,
		.icmp_code = p->icmp_code,
		.ttl = p->ttl,
		.fragment = p->fragment,
		.src = p->src,
		.dst = p->dst,
		.offender = p->outer_src,
		.len = p->len,
		.name = d->name && !p->is_icmp ? d->name(p) : NULL,
	};
}

/* --- placing --- */

struct plan {
	struct lab_draw *d;
	struct pen pen;
	size_t n; /* marks */
	size_t left_out; /* behind mark HALF - 1 */
	double gap;
	double width;
	double height;
	bool is_wide; /* every label fits between two lifelines */
	bool in_seconds;
};

/* The ring becomes a row: the oldest of the second half first. */
static bool unroll(struct lab_draw *d)
{
	size_t len = LAB_DRAW_MAX - HALF;
	struct lab_draw_mark *ring = d->marks + HALF;
	struct lab_draw_mark *copy;

	if (d->count <= LAB_DRAW_MAX)
		return true;
	copy = malloc(len * sizeof(*copy));
	if (!copy)
		return false;
	memcpy(copy, ring, len * sizeof(*copy));
	for (size_t i = 0; i < len; i++)
		ring[i] = copy[(d->count - HALF + i) % len];
	free(copy);
	return true;
}

static bool is_end(const struct lab_draw_mark *m)
{
	return m->step != LAB_STEP_SENT;
}

/* The last time before |end| that packet |id| was sent; |n|: it was not. */
static size_t find_sent(const struct plan *p, size_t end, uint64_t id)
{
	for (size_t i = end; i-- > 0;)
		if (!is_end(&p->d->marks[i]) && p->d->marks[i].id == id)
			return i;
	return p->n;
}

static double lane_x(const struct plan *p, unsigned node, double otherwise)
{
	size_t i = lane_of(p->d, node);

	return i < LAB_DRAW_LANES ? LEFT + p->gap * (double)i : otherwise;
}

/* Where the packet that an error is about has ended. */
static double cause_x(const struct plan *p, const struct lab_draw_mark *m)
{
	for (size_t i = p->n; i-- > 0;)
		if (!is_end(&p->d->marks[i]) && p->d->marks[i].id == m->cause && p->d->marks[i].end)
			return p->d->marks[p->d->marks[i].end - 1].x;
	return LEFT + p->gap / 2;
}

/* Where |m| would arrive. */
static double goal_x(const struct plan *p, const struct lab_draw_mark *m)
{
	double rightmost = LEFT + p->gap * (double)(p->d->lane_count - 1);

	if (m->to)
		return lane_x(p, m->to, m->x);
	return m->x + p->gap <= rightmost + 1 ? m->x + p->gap : m->x - p->gap;
}

static void pair_up(struct plan *p)
{
	struct lab_draw_mark *marks = p->d->marks;

	for (size_t i = 0; i < p->n; i++)
		marks[i].end = 0;
	for (size_t i = 0; i < p->n; i++) {
		size_t start = is_end(&marks[i]) ? find_sent(p, i, marks[i].id) : p->n;

		if (start < p->n && marks[start].end == 0)
			marks[start].end = i + 1;
	}
}

/* Does mark |i| show a packet as it came in, of which the next mark shows how it goes on? */
static bool goes_on(const struct plan *p, size_t i)
{
	const struct lab_draw_mark *m = &p->d->marks[i];

	return m->step == LAB_STEP_FORWARDED && i + 1 < p->n && m[1].step == LAB_STEP_SENT && m[1].id == m->id;
}

/*
 * Puts mark |i| at height |y|, and with it what follows in the same instant: how a router sends it on, and where a wire
 * that takes no time lets it arrive.
 */
static void place_line(struct plan *p, size_t i, double y)
{
	struct lab_draw_mark *marks = p->d->marks;

	for (;;) {
		struct lab_draw_mark *m = &marks[i];

		m->y = y;
		if (goes_on(p, i) && (p->is_wide || m->end == 0)) {
			i++;
		} else if (!is_end(m) && m->end && marks[m->end - 1].at == m->at && p->is_wide) {
			i = m->end - 1;
		} else {
			return;
		}
	}
}

static void place_rows(struct plan *p)
{
	struct lab_draw_mark *marks = p->d->marks;
	adit_time last = p->n > 0 ? marks[0].at : 0;
	double y = TOP;

	for (size_t i = 0; i < p->n; i++)
		marks[i].x = marks[i].y = 0;
	for (size_t i = 0; i < p->n; i++) {
		if (i == HALF && p->left_out > 0)
			y += 2 * ROW;
		else if (marks[i].at - last >= PAUSE)
			y += ROW;
		last = marks[i].at;
		if (marks[i].y > 0)
			continue;
		place_line(p, i, y);
		y += ROW;
	}
	p->height = y + 50;
}

static void place_columns(struct plan *p)
{
	struct lab_draw_mark *marks = p->d->marks;

	for (size_t i = 0; i < p->n; i++) {
		struct lab_draw_mark *m = &marks[i];
		struct lab_draw_mark *end = m->end ? &marks[m->end - 1] : NULL;

		if (is_end(m)) {
			/* One whose beginning is left out; others have got their place from it. */
			m->x = m->x > 0 ? m->x : lane_x(p, m->node, LEFT + p->gap / 2);
			continue;
		}
		m->x = m->from ? lane_x(p, m->from, LEFT) : cause_x(p, m);
		if (end)
			end->x = lane_x(p, end->node, m->x + 0.6 * (goal_x(p, m) - m->x));
	}
}

/* --- words --- */

static const char *error_name(const struct lab_draw_mark *m)
{
	switch (m->icmp_type) {
	case 11:
		return "time exceeded";
	case 3:
		if (m->is_v6)
			return "time exceeded";
		return m->icmp_code == 4 ? "fragmentation needed" : "port unreachable";
	case 2:
		return "packet too big";
	default:
		return "port unreachable";
	}
}

static void label_of(const struct lab_draw_mark *m, char *buf, size_t len)
{
	char src[ADIT_ADDR_STRLEN];
	char dst[ADIT_ADDR_STRLEN];
	int n;

	adit_addr_format(m->is_icmp ? &m->offender : &m->src, src);
	adit_addr_format(&m->dst, dst);
	if (m->is_icmp) {
		snprintf(buf, len, "%s says %s: %s", src, dst, error_name(m));
		return;
	}
	if (m->name)
		n = snprintf(buf, len, "%s: %s \xe2\x86\x92 %s", m->name, src, dst);
	else
		n = snprintf(buf, len, "%s \xe2\x86\x92 %s %zu B", src, dst, m->len);
	if (m->fragment != LAB_WHOLE && n > 0 && (size_t)n < len)
		n += snprintf(buf + n, len - (size_t)n, " fragment");
	/* A system's TTL is 64 or more at first; what a person wants to see is a small one. */
	if (m->ttl < 33 && n > 0 && (size_t)n < len)
		snprintf(buf + n, len - (size_t)n, " ttl %u", m->ttl);
}

/* Ended before the next lifeline, in no time: there is no line for another word than the label. */
static bool is_short(const struct plan *p, const struct lab_draw_mark *m, const struct lab_draw_mark *end)
{
	return end && end->at == m->at && lane_of(p->d, end->node) == LAB_DRAW_LANES && lab_trace_comment(end->step);
}

static void full_label(const struct plan *p, const struct lab_draw_mark *m, char buf[LABEL_MAX])
{
	const struct lab_draw_mark *end = m->end ? &p->d->marks[m->end - 1] : NULL;

	label_of(m, buf, LABEL_MAX - 32);
	if (is_short(p, m, end))
		snprintf(buf + strlen(buf), 32, " %s", lab_trace_comment(end->step));
}

/* Lifelines, and how far apart they are: a label fits between two, unless there are very many. */
static void measure(struct plan *p, const char *title)
{
	double least = LEGEND_WIDTH > 40 + TITLE_CHAR * (double)strlen(title) ? LEGEND_WIDTH
									      : 40 + TITLE_CHAR * (double)strlen(title);
	double most = 0;
	double lanes;
	char buf[LABEL_MAX];

	for (size_t i = 0; i < p->n; i++) {
		if (is_end(&p->d->marks[i]))
			continue;
		full_label(p, &p->d->marks[i], buf);
		most = fmax(most, (double)strlen(buf) * CHAR + 24);
	}
	p->gap = fmin(fmax(most, GAP_MIN), GAP_MAX);
	p->is_wide = most <= p->gap;
	lanes = p->d->lane_count > 1 ? (double)p->d->lane_count - 1 : 1;
	p->width = fmax(LEFT + p->gap * lanes + fmax(most - p->gap, RIGHT), least);
}

static void time_text(const struct plan *p, adit_dur t, char *buf, size_t len)
{
	if (p->in_seconds)
		snprintf(buf, len, "%.6f s", (double)t / 1e9);
	else
		snprintf(buf, len, "%.3f ms", (double)t / 1e6);
}

/* --- drawing --- */

static void draw_line(const struct plan *p, enum kind k, double x1, double y1, double x2, double y2)
{
	out(&p->pen,
	    "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"%s\" stroke-width=\"1.7\" "
	    "stroke-dasharray=\"%s\"/>\n",
	    x1, y1, x2, y2, kinds[k].colour, kinds[k].dash);
}

/* At the end of a line that comes from (x1, y1). */
static void draw_mark(const struct plan *p, enum kind k, double x1, double y1, double x, double y)
{
	const char *c = kinds[k].colour;
	double len = hypot(x - x1, y - y1);
	double ux = len > 0 ? (x - x1) / len : 1;
	double uy = len > 0 ? (y - y1) / len : 0;

	switch (k) {
	case ARRIVES:
	case ERROR:
		out(&p->pen, "<path d=\"M%.1f %.1fL%.1f %.1fL%.1f %.1fz\" fill=\"%s\" stroke=\"%s\"/>\n", x, y,
		    x - 9 * ux + 4 * uy, y - 9 * uy - 4 * ux, x - 9 * ux - 4 * uy, y - 9 * uy + 4 * ux,
		    k == ARRIVES ? c : "#fff", c);
		break;
	case LOST:
		out(&p->pen,
		    "<path d=\"M%.1f %.1fl10 10m0 -10l-10 10\" fill=\"none\" stroke=\"%s\" stroke-width=\"2.6\"/>\n",
		    x - 5, y - 5, c);
		break;
	case REFUSED:
		out(&p->pen, "<path d=\"M%.1f %.1fL%.1f %.1f\" stroke=\"%s\" stroke-width=\"4.5\"/>\n",
		    x - 4 * ux + 8 * uy, y - 4 * uy - 8 * ux, x - 4 * ux - 8 * uy, y - 4 * uy + 8 * ux, c);
		break;
	case ENDS:
		out(&p->pen,
		    "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"4.5\" fill=\"#fff\" stroke=\"%s\" stroke-width=\"2.4\"/>\n", x,
		    y, c);
		break;
	case TRAVELS:
	case KINDS:
		break;
	}
}

static enum kind kind_of(const struct lab_draw_mark *m, const struct lab_draw_mark *end)
{
	if (!end)
		return TRAVELS;
	switch (end->step) {
	case LAB_STEP_LOST:
	case LAB_STEP_FULL:
	case LAB_STEP_UNREACHABLE:
	case LAB_STEP_NO_MEMORY:
		return LOST;
	case LAB_STEP_REFUSED:
		return REFUSED;
	case LAB_STEP_DIED:
	case LAB_STEP_CLOSED:
	case LAB_STEP_TOO_BIG:
	case LAB_STEP_SPLIT:
		return ENDS;
	case LAB_STEP_SENT:
	case LAB_STEP_DELIVERED:
	case LAB_STEP_FORWARDED:
	case LAB_STEP_HELD:
	case LAB_STEPS:
		break;
	}
	return m->is_icmp ? ERROR : ARRIVES;
}

/* A halo keeps it readable where an arrow or a lifeline passes behind it. */
static void draw_text(const struct plan *p, double x, double y, const char *anchor, const char *class, const char *text)
{
	out(&p->pen, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\" class=\"%s\">", x, y, anchor, class);
	out_escaped(&p->pen, text);
	out(&p->pen, "</text>\n");
}

static void draw_arrow(const struct plan *p, const struct lab_draw_mark *m, const struct lab_draw_mark *end)
{
	enum kind k = kind_of(m, end);
	double x2 = end ? end->x : m->x + 0.3 * (goal_x(p, m) - m->x);
	double y2 = end ? end->y : m->y + ROW / 2;

	draw_line(p, k, m->x, m->y, x2, y2);
	draw_mark(p, k, m->x, m->y, x2, y2);
}

static void draw_words(const struct plan *p, const struct lab_draw_mark *m, const struct lab_draw_mark *end)
{
	bool rightward = (end ? end->x : goal_x(p, m)) >= m->x;
	const char *anchor = rightward ? "start" : "end";
	const char *word = end ? lab_trace_comment(end->step) : NULL;
	char buf[LABEL_MAX];

	/* A copy has its packet's. */
	if (!end || m->end == (size_t)(end - p->d->marks) + 1) {
		full_label(p, m, buf);
		draw_text(p, m->x + (rightward ? 6 : -6), m->y - 4, anchor, "l", buf);
	}
	if (word && !is_short(p, m, end))
		draw_text(p, end->x + (rightward ? 10 : -10), end->y + 4, anchor, "w", word);
}

static void draw_legend(const struct plan *p)
{
	double x = 20;

	for (int k = 0; k < KINDS; k++) {
		draw_line(p, (enum kind)k, x, 52, x + 34, 52);
		draw_mark(p, (enum kind)k, x, 52, x + 34, 52);
		draw_text(p, x + 44, 56, "start", "k", kinds[k].legend);
		x += 44 + 6.1 * (double)strlen(kinds[k].legend) + 20;
	}
}

static void draw_head(const struct plan *p, const char *title)
{
	out(&p->pen,
	    "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" viewBox=\"0 0 %.0f %.0f\">\n",
	    p->width, p->height, p->width, p->height);
	out(&p->pen, "<style>text{font:12px sans-serif;fill:#222}.t{font:bold 17px sans-serif}.n{font:bold 13px "
		     "sans-serif}.l,.w{font:9.5px monospace;paint-order:stroke;stroke:#fff;stroke-width:3px;"
		     "stroke-linejoin:round}.w{font-weight:bold}.a{font:10.5px sans-serif;fill:#555}"
		     ".k{font:11px sans-serif}</style>\n");
	out(&p->pen, "<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n");
	draw_text(p, 20, 28, "start", "t", title);
	draw_legend(p);
	if (p->d->without_lane > 0)
		draw_text(p, 20, 72, "start", "a", "Packets of further hosts and routers are not drawn.");
	for (size_t i = 0; i < p->d->lane_count; i++) {
		double x = LEFT + p->gap * (double)i;
		const char *name = lab_sim_name(p->d->sim, p->d->lanes[i]);

		out(&p->pen, "<line x1=\"%.1f\" y1=\"98\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"#999\"/>\n", x, x,
		    p->height - 30);
		draw_text(p, x, 90, "middle", "n", name);
		draw_text(p, x, p->height - 14, "middle", "n", name);
	}
}

/* The left column, what is left out, and pauses. */
static void draw_times(const struct plan *p)
{
	const struct lab_draw_mark *marks = p->d->marks;
	adit_time last = ADIT_NEVER;
	char now[40];
	char buf[120];

	for (size_t i = 0; i < p->n; i++) {
		const struct lab_draw_mark *m = &marks[i];

		if (i == HALF && p->left_out > 0) {
			snprintf(buf, sizeof(buf), "... %zu events in %.3f s are left out here ...", p->left_out,
				 (double)(m->at - last) / 1e9);
			draw_text(p, LEFT + 10, m->y - 1.4 * ROW, "start", "t", buf);
		} else if (last != ADIT_NEVER && m->at - last >= PAUSE) {
			snprintf(buf, sizeof(buf), "%.3f s later", (double)(m->at - last) / 1e9);
			draw_text(p, LEFT + 10, m->y - ROW, "start", "a", buf);
		}
		if (m->at != last) {
			time_text(p, m->at, now, sizeof(now));
			draw_text(p, TIMES, m->y + 4, "end", "a", now);
			out(&p->pen,
			    "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"#ddd\" "
			    "stroke-dasharray=\"1 3\"/>\n",
			    TIMES + 6, m->y, m->x, m->y);
		}
		last = m->at;
	}
}

/* A packet's copy has no beginning of its own: it begins with the packet. */
static const struct lab_draw_mark *start_of_copy(const struct plan *p, size_t i)
{
	const struct lab_draw_mark *m = &p->d->marks[i];
	size_t at;

	if (!is_end(m) || m->is_icmp || find_sent(p, i, m->id) < p->n || m->cause == 0)
		return NULL;
	at = find_sent(p, i, m->cause);
	return at < p->n ? &p->d->marks[at] : NULL;
}

static void draw_all(const struct plan *p,
		     void (*draw)(const struct plan *p, const struct lab_draw_mark *m, const struct lab_draw_mark *end))
{
	const struct lab_draw_mark *marks = p->d->marks;

	for (size_t i = 0; i < p->n; i++) {
		const struct lab_draw_mark *copied = start_of_copy(p, i);

		if (copied && lane_of(p->d, marks[i].node) < LAB_DRAW_LANES)
			draw(p, copied, &marks[i]);
		if (!is_end(&marks[i]))
			draw(p, &marks[i], marks[i].end ? &marks[marks[i].end - 1] : NULL);
	}
}

void lab_draw_finish(struct lab_draw *d, const char *title, void (*put)(void *ctx, const void *data, size_t len),
		     void *ctx)
{
	struct plan p = {.d = d, .pen = {.put = put, .ctx = ctx}};

	p.n = d->count < LAB_DRAW_MAX ? d->count : LAB_DRAW_MAX;
	p.left_out = d->count - p.n;
	if (!unroll(d)) {
		p.n = HALF;
		p.left_out = 0;
	}
	p.in_seconds = p.n > 0 && d->marks[p.n - 1].at >= ADIT_SEC(100);
	pair_up(&p);
	measure(&p, title);
	place_rows(&p);
	place_columns(&p);
	draw_head(&p, title);
	draw_times(&p);
	draw_all(&p, draw_arrow);
	draw_all(&p, draw_words);
	out(&p.pen, "</svg>\n");
}
