#include "lab_puppet.h"

#include <stdio.h>
#include <stdlib.h>

#include "lab/lab_draw.h"
#include "lab/lab_limits.h"
#include "lab/lab_linux.h"

static char svg[1 << 20];
static size_t svg_len;

static void put(void *ctx, const void *data, size_t len)
{
	(void)ctx;
	assert_true(svg_len + len < sizeof(svg));
	memcpy(svg + svg_len, data, len);
	svg_len += len;
	svg[svg_len] = '\0';
}

struct scene {
	struct lab_sim *sim;
	struct lab_router *router;
	struct lab_host *host[2];
	struct puppet in;
	struct puppet out;
	struct lab_draw draw;
	struct lab_net *net;
};

/* A host behind a router, one outside, and a way between that loses some packets and has hops. */
static void scene_init(struct scene *c, const struct lab_link_config *core)
{
	struct adit_addr lan = adit_addr_v4(192, 168, 1, 1, 0);
	struct adit_addr wan = adit_addr_v4(203, 0, 113, 10, 0);
	struct adit_addr a = adit_addr_v4(192, 168, 1, 2, 0);
	struct adit_addr b = adit_addr_v4(198, 51, 100, 1, 0);
	struct lab_linux_config cfg = {.wan = wan, .lan = lan, .seed = 1};
	struct lab_net *home;

	memset(c, 0, sizeof(*c));
	svg_len = 0;
	c->sim = lab_sim_new(1);
	c->net = lab_net_new(c->sim, core);
	home = lab_net_new(c->sim, NULL);
	c->router = lab_router_new(c->sim, lab_linux_new(&cfg), home, &lan, c->net, &wan, NULL);
	c->host[0] = lab_host_new(c->sim);
	c->host[1] = lab_host_new(c->sim);
	assert_non_null(lab_host_attach(c->host[0], home, &a, NULL));
	assert_non_null(lab_host_attach(c->host[1], c->net, &b, NULL));
	puppet_open(&c->in, 1, 5000);
	puppet_open(&c->out, 1, 80);
	c->out.echo = true;
	puppet_join(&c->in, c->host[0]);
	puppet_join(&c->out, c->host[1]);
	lab_sim_set_name(c->sim, lab_host_id(c->host[0]), "in <&> side");
	assert_int_equal(lab_draw_init(&c->draw, c->sim), 0);
	lab_draw_lane(&c->draw, lab_host_id(c->host[0]));
	lab_draw_lane(&c->draw, lab_router_id(c->router));
	lab_draw_lane(&c->draw, lab_host_id(c->host[1]));
	lab_sim_set_tap(c->sim, lab_draw_packet, &c->draw);
}

static void scene_finish(struct scene *c)
{
	lab_draw_finish(&c->draw, "a <title> & more", put, NULL);
	lab_draw_done(&c->draw);
	lab_sim_free(c->sim);
}

static void send(struct scene *c, uint16_t port, uint8_t ttl, adit_dur then)
{
	puppet_send(&c->in, 1, adit_addr_v4(198, 51, 100, 1, port), ttl);
	lab_sim_run(c->sim, lab_sim_now(c->sim) + then);
}

static unsigned count(const char *what)
{
	unsigned n = 0;

	for (const char *at = svg; (at = strstr(at, what)) != NULL; at += strlen(what))
		n++;
	return n;
}

struct box {
	double x1;
	double x2;
	double y1;
	double y2;
};

/* Where a text stands: widths as wide as the types of the style sheet get. */
static struct box box_of(const char *text, const char *end)
{
	double x;
	double y;
	char anchor[8];
	char class;
	double len = 0;
	double per_char;
	double size;

	assert_int_equal(
		sscanf(text, "<text x=\"%lf\" y=\"%lf\" text-anchor=\"%7[a-z]\" class=\"%c\">", &x, &y, anchor, &class),
		4);
	per_char = class == 't' ? 9.5 : class == 'n' ? 7.6 : class == 'l' || class == 'w' ? 5.72 : 5.9;
	size = class == 't' ? 17 : class == 'l' || class == 'w' ? 8 : 10;
	for (const char *at = strchr(text, '>') + 1; at < end; at++) {
		if (*at == '&')
			at = strchr(at, ';');
		len += ((unsigned char)*at & 0xc0) != 0x80; /* a character of several bytes is one */
	}
	len *= per_char;
	if (anchor[0] == 'e')
		x -= len;
	else if (anchor[0] == 'm')
		x -= len / 2;
	return (struct box){x, x + len, y - size, y};
}

static void assert_texts_stand_apart(void)
{
	static struct box boxes[4000];
	double width;
	double height;
	size_t n = 0;

	assert_int_equal(sscanf(strstr(svg, "viewBox"), "viewBox=\"0 0 %lf %lf\"", &width, &height), 2);
	for (const char *at = svg; (at = strstr(at, "<text")) != NULL; at++) {
		assert_true(n < ARRAY_LEN(boxes));
		boxes[n++] = box_of(at, strstr(at, "</text>"));
	}
	for (size_t i = 0; i < n; i++) {
		assert_true(boxes[i].x1 >= 0 && boxes[i].x2 <= width);
		assert_true(boxes[i].y1 >= 0 && boxes[i].y2 <= height);
		for (size_t k = 0; k < i; k++)
			assert_true(boxes[i].x2 <= boxes[k].x1 || boxes[k].x2 <= boxes[i].x1 ||
				    boxes[i].y2 <= boxes[k].y1 || boxes[k].y2 <= boxes[i].y1);
	}
}

/* Each element is closed, and nothing that needs escaping stands bare. */
static void assert_well_formed(void)
{
	int depth = 0;

	assert_int_equal(strncmp(svg, "<svg xmlns=", 11), 0);
	for (const char *at = svg; *at; at++) {
		const char *end;

		if (*at == '&')
			assert_true(strncmp(at, "&lt;", 4) == 0 || strncmp(at, "&amp;", 5) == 0);
		if (*at != '<')
			continue;
		end = strchr(at, '>');
		assert_non_null(end);
		depth += at[1] == '/' ? -1 : end[-1] == '/' ? 0 : 1;
		at = end;
	}
	assert_int_equal(depth, 0);
	assert_string_equal(svg + svg_len - 7, "</svg>\n");
}

static void a_sequence_shows_what_became_of_each_packet(void **state)
{
	struct lab_link_config core = {.delay = ADIT_MS(10), .hops = 3};
	struct scene c;

	(void)state;
	scene_init(&c, &core);
	send(&c, 80, 0, ADIT_MS(50)); /* there and back */
	send(&c, 80, 1, ADIT_MS(50)); /* dies at the router */
	send(&c, 80, 3, ADIT_MS(50)); /* dies on the way */
	send(&c, 81, 0, ADIT_SEC(2)); /* closed */
	puppet_send(&c.out, 1, adit_addr_v4(203, 0, 113, 10, 1), 0); /* refused */
	lab_sim_run(c.sim, lab_sim_now(c.sim) + ADIT_MS(50));
	lab_iface_set_cut(lab_router_wan(c.router), true);
	send(&c, 80, 0, ADIT_MS(50)); /* lost */
	scene_finish(&c);
	assert_well_formed();
	assert_texts_stand_apart();
	assert_int_equal(count(">TTL used up<"), 2);
	assert_int_equal(count(">nobody listens<"), 1);
	assert_int_equal(count(">refused<"), 1);
	assert_int_equal(count(" lost<"), 1);
	assert_int_equal(count("time exceeded"), 3); /* the one from the way passes the router */
	assert_int_equal(count("port unreachable"), 2);
	assert_int_equal(count("1.980 s later"), 1);
	assert_int_equal(count("in &lt;&amp;> side"), 2);
	assert_int_equal(count("a &lt;title> &amp; more"), 1);
	assert_int_equal(count("192.168.1.2:5000 \xe2\x86\x92 198.51.100.1:80 5 B<"), 2);
	assert_int_equal(count("203.0.113.10:5000 \xe2\x86\x92 198.51.100.1:80 5 B ttl 2<"), 1);
}

static void a_long_run_is_shortened_with_a_note(void **state)
{
	struct lab_link_config core = {.delay = ADIT_MS(10), .loss_ppm = 200000, .dup_ppm = 100000};
	struct scene c;
	size_t total;

	(void)state;
	scene_init(&c, &core);
	for (unsigned i = 0; i < 400; i++)
		send(&c, 80, 0, ADIT_MS(3));
	lab_sim_run(c.sim, ADIT_SEC(9));
	total = c.draw.count;
	assert_true(total > 2000);
	scene_finish(&c);
	assert_well_formed();
	assert_texts_stand_apart();
	assert_int_equal(count("events in "), 1);
	/* The end is there, in order. */
	assert_int_equal(count(">0.000 ms<"), 1);
	assert_int_equal(count(">1197.000 ms<"), 1);
	assert_true(strstr(svg, ">1190.000 ms<") < strstr(svg, ">1197.000 ms<"));
	assert_null(strstr(svg, ">600.000 ms<"));
}

static void of_very_many_nodes_the_first_ones_are_drawn(void **state)
{
	struct scene c;
	struct puppet more[40] = {0};

	(void)state;
	scene_init(&c, NULL);
	for (unsigned i = 0; i < ARRAY_LEN(more); i++) {
		struct adit_addr a = adit_addr_v4(198, 51, 100, (uint8_t)(100 + i), 0);
		struct lab_host *h = lab_host_new(c.sim);

		assert_non_null(lab_host_attach(h, c.net, &a, NULL));
		puppet_open(&more[i], 1, 80);
		puppet_join(&more[i], h);
		puppet_send(&more[i], 1, adit_addr_v4(198, 51, 100, 1, 80), 0);
	}
	lab_sim_run(c.sim, ADIT_MS(1));
	assert_true(c.out.inputs == 40);
	scene_finish(&c);
	assert_well_formed();
	assert_texts_stand_apart();
	assert_int_equal(count("are not drawn"), 1);
	assert_int_equal(count("class=\"n\""), 2 * LAB_DRAW_LANES);
}

/* Each half of the ring at its edges. */
static void any_length_can_be_drawn(void **state)
{
	struct lab_link_config core = {.delay = ADIT_MS(1), .loss_ppm = 100000};

	(void)state;
	for (unsigned n = 0; n < 120; n += 1 + n / 40) {
		struct scene c;

		scene_init(&c, &core);
		for (unsigned i = 0; i < n; i++)
			send(&c, 80, 0, ADIT_US(700));
		scene_finish(&c);
		assert_well_formed();
		assert_texts_stand_apart();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sequence_shows_what_became_of_each_packet),
		cmocka_unit_test(a_long_run_is_shortened_with_a_note),
		cmocka_unit_test(of_very_many_nodes_the_first_ones_are_drawn),
		cmocka_unit_test(any_length_can_be_drawn),
	};
	const char *file = getenv("ADIT_DRAW_SVG");
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	FILE *f = file ? fopen(file, "wb") : NULL;

	/* To look at: the last picture. */
	if (f) {
		fwrite(svg, 1, svg_len, f);
		fclose(f);
	}
	return failed;
}
