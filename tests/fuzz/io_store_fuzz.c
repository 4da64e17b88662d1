/*
 * Any text as each of the stores, and as what an edit has to work on: the edited store says what was put into it, and
 * every line that is not the record's is still there.
 *
 * covers: src/io/io_store.c
 * covers: src/io/io_tickets.c: io_tickets_parse parse_ticket parse_key append io_tickets_find format_ticket
 * covers: src/io/io_peers.c: io_peers_parse parse_peer io_peer_add_option names_has format_peer
 * covers: src/io/io_memory.c: io_memory_find
 * planted: src/io/io_store.c: memchr(text + pos, '\n', len - pos) -> memchr(text + pos, '\n', len - pos + 8)
 */
#include "fuzz.h"

#include <string.h>

#include "io/io_memory.h"
#include "io/io_peers.h"
#include "io/io_tickets.h"

static void check_damage(const struct io_damage *d)
{
	for (size_t i = 0; i < d->n && i < IO_DAMAGE_MAX; i++)
		FUZZ_CHECK(d->lines[i].line > 1 && d->lines[i].reason[0] != '\0');
}

static void check_tickets(const char *text, size_t len)
{
	struct io_tickets t;

	if (io_tickets_parse(text, len, &t) != 0)
		return;
	check_damage(&t.damage);
	for (size_t i = 0; i < t.n; i++)
		FUZZ_CHECK(io_tickets_find(&t, t.v[i].label) == &t.v[i]);
	io_tickets_done(&t);
}

static void see_peer(void *ctx, const struct io_peer *p)
{
	size_t *n = ctx;

	FUZZ_CHECK(p->name[0] != '\0' && p->n_options <= IO_PEER_OPTIONS);
	for (size_t i = 0; i < p->n_options; i++)
		fuzz_touch(p->options[i].value, strlen(p->options[i].value));
	++*n;
}

static void check_peers(const char *text, size_t len)
{
	struct io_damage damage = {0};
	size_t n = 0;

	if (io_peers_parse(text, len, see_peer, &n, &damage) == 0)
		check_damage(&damage);
}

static void check_memory(const char *text, size_t len)
{
	struct io_damage damage = {0};
	uint64_t v = 0;

	if (io_memory_find(text, len, IO_MEMORY_PORTS, "a", &v, &damage) == 0)
		FUZZ_CHECK(v <= 65535);
	check_damage(&damage);
	(void)!io_memory_find(text, len, IO_MEMORY_HORIZONS, "a", &v, &damage);
}

/* Of a whole store: lines that are not a record called |name|. */
static size_t other_lines(const char *text, size_t len, const char *name)
{
	static struct io_record r;
	const char *reason;
	size_t count = 0;
	size_t pos = 0;

	for (bool head = true; pos < len; head = false) {
		const char *newline = memchr(text + pos, '\n', len - pos);
		size_t n = newline ? (size_t)(newline - text) - pos : len - pos;

		if (head || io_record_parse(text + pos, n, &r, &reason) != 0 || strcmp(r.fields[0].value, name) != 0)
			count++;
		pos += n + 1;
	}
	return count;
}

static void check_edit(const char *text, size_t len)
{
	struct io_buf out = {0};
	struct io_damage damage = {0};
	uint64_t v = 0;
	int err;

	io_store_edit(text, len, "ports", "a", "key=a value=7", 0, &out);
	FUZZ_CHECK(!out.bad && out.len > 0 && out.data[out.len - 1] == '\n');
	FUZZ_CHECK(other_lines(out.data, out.len, "a") == other_lines(text, len, "a") + (len == 0));
	err = io_memory_find(out.data, out.len, IO_MEMORY_PORTS, "a", &v, &damage);
	FUZZ_CHECK(err == ADIT_EINVAL || err == ADIT_EVERSION || (err == 0 && v == 7));
	io_buf_done(&out);

	io_store_edit(text, len, "ports", "a", NULL, 0, &out);
	FUZZ_CHECK(other_lines(out.data, out.len, "a") == other_lines(text, len, "a") + (len == 0));
	io_buf_done(&out);

	io_store_edit(text, len, "ports", "a", "key=a value=7", 2, &out);
	FUZZ_CHECK(!out.bad);
	io_buf_done(&out);
}

/* The bytes as values of a record: written and read again. */
static void check_record(const char *text, size_t len)
{
	static struct io_record_out w;
	static struct io_record r;
	const char *reason;
	char *value = malloc(len + 1);

	memcpy(value, text, len);
	value[len] = '\0';
	memset(&w, 0, sizeof(w));
	io_record_put(&w, "value", value);
	io_record_put_hex(&w, "hex", (const uint8_t *)text, len < 8 ? len : 8);
	io_record_put_number(&w, "n", len);
	if (!w.bad) {
		uint8_t hex[8];
		uint64_t n = 0;

		FUZZ_CHECK(io_record_parse(w.text, w.len, &r, &reason) == 0);
		FUZZ_CHECK(strcmp(io_record_get(&r, "value"), value) == 0);
		FUZZ_CHECK(io_record_hex(&r, "hex", hex, len < 8 ? len : 8) == 0 &&
			   memcmp(hex, text, len < 8 ? len : 8) == 0);
		FUZZ_CHECK(io_record_number(&r, "n", SIZE_MAX, &n) == 0 && n == len);
	}
	free(value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;

	if (size == 0)
		text = ""; /* a NULL would be no text */
	check_tickets(text, size);
	check_peers(text, size);
	check_memory(text, size);
	check_edit(text, size);
	check_record(text, size);
	return 0;
}
