/*
 * Drives src/io/io_portmap.h for tests/net/check_portmap_io.py.
 *
 *   portmap_io_driver PORT [WANTED [LIFETIME [WAYS [CHECK-SECONDS [OWN-ADDRESS]]]]]
 *
 * Prints a line per event and takes a line per command from stdin: check, proven, suspect, seen ADDR, end.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "driver_input.h"
#include "io/io_portmap.h"

static struct io_portmap *map;

static void on_told(void *ctx, const struct io_portmap_event *e)
{
	static const char *const kinds[] = {"MAPPED", "LOST", "NONE", "WITHDRAWN", "ENDED"};
	char text[ADIT_ADDR_STRLEN];

	(void)ctx;
	printf("%s how=%s external=%s lifetime=%u behind=%d why=%s\n", kinds[e->kind], e->how ? e->how : "-",
	       e->external.family ? adit_addr_format(&e->external, text) : "-", e->lifetime, e->is_behind, e->why);
	if (e->kind != IO_PORTMAP_ENDED)
		return;
	io_portmap_free(map);
	driver_input_close();
}

static void on_command(char *word)
{
	size_t len = strlen(word);
	struct adit_addr seen;

	if (strcmp(word, "check") == 0)
		io_portmap_check(map);
	else if (strcmp(word, "proven") == 0)
		io_portmap_proven(map);
	else if (strcmp(word, "suspect") == 0)
		io_portmap_suspect(map);
	else if (len > 5 && strncmp(word, "seen ", 5) == 0 && adit_addr_parse(word + 5, len - 5, &seen) == 0)
		io_portmap_set_seen(map, &seen);
	else if (strcmp(word, "end") == 0)
		io_portmap_end(map);
}

static void on_end(void)
{
	io_portmap_end(map);
}

static void write_log(void *ctx, enum adit_log_level level, const char *text)
{
	(void)ctx;
	(void)level;
	fprintf(stderr, "%s\n", text);
}

static unsigned long number(int argc, char **argv, int i)
{
	return i < argc ? strtoul(argv[i], NULL, 10) : 0;
}

int main(int argc, char **argv)
{
	static const struct adit_log log = {.write = write_log, .level = ADIT_LOG_DECIDE};
	uv_loop_t *loop = uv_default_loop();
	struct io_portmap_config cfg = {.family = ADIT_FAMILY_V4,
					.port = (uint16_t)number(argc, argv, 1),
					.want_port = (uint16_t)number(argc, argv, 2),
					.lifetime = (uint32_t)number(argc, argv, 3),
					.ways = (unsigned)number(argc, argv, 4),
					.check = ADIT_SEC(number(argc, argv, 5)),
					.log = &log};
	int err;

	if (argc > 6 && adit_addr_parse(argv[6], strlen(argv[6]), &cfg.own) < 0)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	driver_input_start(loop, on_command, on_end);
	err = io_portmap_new(loop, &cfg, on_told, NULL, &map);
	if (err < 0) {
		fprintf(stderr, "portmap_io_driver: %s\n", adit_err_name(err));
		return 2;
	}
	uv_run(loop, UV_RUN_DEFAULT);
	return uv_loop_close(loop) == 0 ? 0 : 3;
}
