#include "io/io_store.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

#define STORE_VERSION 1

void io_damage_add(struct io_damage *d, unsigned line, const char *fmt, ...)
{
	va_list ap;

	if (d->n < IO_DAMAGE_MAX) {
		d->lines[d->n].line = line;
		va_start(ap, fmt);
		vsnprintf(d->lines[d->n].reason, sizeof(d->lines[d->n].reason), fmt, ap);
		va_end(ap);
	}
	d->n++;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

/* Undoes %XX in place. False where an escape is cut, wrong, or of a NUL. */
static bool unescape(char *s)
{
	char *to = s;

	for (; *s; s++) {
		int hi;
		int lo;

		if (*s != '%') {
			*to++ = *s;
			continue;
		}
		hi = hex_digit(s[1]);
		lo = hi < 0 ? -1 : hex_digit(s[2]);
		if (lo < 0 || (hi == 0 && lo == 0))
			return false;
		*to++ = (char)(hi << 4 | lo);
		s += 2;
	}
	*to = '\0';
	return true;
}

static int fail(const char **ret_reason, const char *reason)
{
	*ret_reason = reason;
	return ADIT_EINVAL;
}

/* |word| is terminated: "key=value". */
static int parse_field(char *word, struct io_record *r, const char **ret_reason)
{
	char *equals = strchr(word, '=');

	if (!equals || equals == word || word + strspn(word, "abcdefghijklmnopqrstuvwxyz-") != equals)
		return fail(ret_reason, "a word is no key=value");
	if (r->n == IO_FIELDS_MAX)
		return fail(ret_reason, "too many fields");
	*equals = '\0';
	if (!unescape(equals + 1))
		return fail(ret_reason, "a value holds a broken %XX");
	r->fields[r->n].key = word;
	r->fields[r->n].value = equals + 1;
	r->n++;
	return 0;
}

int io_record_parse(const char *line, size_t len, struct io_record *ret_record, const char **ret_reason)
{
	struct io_record *r = ret_record;

	if (len > IO_LINE_MAX)
		return fail(ret_reason, "the line is too long");
	r->n = 0;
	r->line = 0;
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
			return fail(ret_reason, "the line holds a control character");
	memcpy(r->text, line, len);
	r->text[len] = '\0';
	for (char *p = r->text + strspn(r->text, " "); *p && *p != '#'; p += strspn(p, " ")) {
		size_t n = strcspn(p, " ");
		bool last = p[n] == '\0';
		int err;

		p[n] = '\0';
		err = parse_field(p, r, ret_reason);
		if (err != 0)
			return err;
		p += n + !last;
	}
	return r->n > 0 ? 0 : ADIT_EIGNORED;
}

const char *io_record_get(const struct io_record *r, const char *key)
{
	for (size_t i = 0; i < r->n; i++)
		if (strcmp(r->fields[i].key, key) == 0)
			return r->fields[i].value;
	return NULL;
}

int io_record_hex(const struct io_record *r, const char *key, uint8_t *ret_data, size_t len)
{
	const char *hex = io_record_get(r, key);

	if (!hex)
		return ADIT_ENOENT;
	if (strlen(hex) != 2 * len)
		return ADIT_EINVAL;
	for (size_t i = 0; i < len; i++) {
		int hi = hex_digit(hex[2 * i]);
		int lo = hex_digit(hex[2 * i + 1]);

		if (hi < 0 || lo < 0)
			return ADIT_EINVAL;
		ret_data[i] = (uint8_t)(hi << 4 | lo);
	}
	return 0;
}

int io_record_number(const struct io_record *r, const char *key, uint64_t max, uint64_t *ret)
{
	const char *s = io_record_get(r, key);
	uint64_t v = 0;

	if (!s)
		return ADIT_ENOENT;
	if (*s == '\0')
		return ADIT_EINVAL;
	for (; *s; s++) {
		uint64_t digit = (uint64_t)(*s - '0');

		if (*s < '0' || *s > '9' || v > (UINT64_MAX - digit) / 10)
			return ADIT_EINVAL;
		v = v * 10 + digit;
	}
	if (v > max)
		return ADIT_EINVAL;
	*ret = v;
	return 0;
}

static void put_raw(struct io_record_out *r, const char *s, size_t len)
{
	if (r->bad || len > IO_LINE_MAX - r->len) {
		r->bad = true;
		return;
	}
	memcpy(r->text + r->len, s, len);
	r->len += len;
	r->text[r->len] = '\0';
}

static void put_key(struct io_record_out *r, const char *key)
{
	if (r->len > 0)
		put_raw(r, " ", 1);
	put_raw(r, key, strlen(key));
	put_raw(r, "=", 1);
}

void io_record_put(struct io_record_out *r, const char *key, const char *value)
{
	put_key(r, key);
	for (; *value; value++) {
		unsigned char c = (unsigned char)*value;
		char esc[4];

		if (c <= 0x20 || c == 0x7f || c == '%' || c == '#') {
			snprintf(esc, sizeof(esc), "%%%02x", c);
			put_raw(r, esc, 3);
		} else {
			put_raw(r, value, 1);
		}
	}
}

void io_record_put_hex(struct io_record_out *r, const char *key, const uint8_t *data, size_t len)
{
	char hex[3];

	put_key(r, key);
	for (size_t i = 0; i < len; i++)
		put_raw(r, hex, (size_t)snprintf(hex, sizeof(hex), "%02x", data[i]));
}

void io_record_put_number(struct io_record_out *r, const char *key, uint64_t v)
{
	char num[24];
	int len = snprintf(num, sizeof(num), "%" PRIu64, v);

	put_key(r, key);
	put_raw(r, num, (size_t)len);
}

/* The line at |pos| without its newline; returns where the next one starts. */
static size_t cut_line(const char *text, size_t len, size_t pos, size_t *ret_len)
{
	const char *newline = memchr(text + pos, '\n', len - pos);

	*ret_len = newline ? (size_t)(newline - text) - pos : len - pos;
	return pos + *ret_len + (newline != NULL);
}

static int check_head(const char *text, size_t len, const char *kind)
{
	char head[32];
	char want[32];
	int n = snprintf(want, sizeof(want), "adit %s ", kind);

	snprintf(head, sizeof(head), "%.*s", (int)(len < sizeof(head) ? len : sizeof(head) - 1), text);
	if (strncmp(head, want, (size_t)n) != 0 || head[n] < '1' || head[n] > '9' ||
	    strspn(head + n, "0123456789") != strlen(head + n))
		return ADIT_EINVAL;
	return strcmp(head + n, "1") == 0 ? 0 : ADIT_EVERSION;
}

int io_store_next(const char *text, size_t len, const char *kind, size_t *pos, unsigned *line,
		  struct io_record *ret_record, struct io_damage *damage)
{
	const char *reason;
	size_t n;

	if (*pos == 0 && len > 0) {
		size_t next = cut_line(text, len, 0, &n);
		int err = check_head(text, n, kind);

		if (err != 0)
			return err;
		*pos = next;
		*line = 1;
	}
	while (*pos < len) {
		size_t next = cut_line(text, len, *pos, &n);
		int err = io_record_parse(text + *pos, n, ret_record, &reason);

		*pos = next;
		++*line;
		if (err == 0) {
			ret_record->line = *line;
			return 1;
		}
		if (err != ADIT_EIGNORED)
			io_damage_add(damage, *line, "%s", reason);
	}
	return 0;
}

void io_buf_add(struct io_buf *b, const char *data, size_t len)
{
	if (b->bad)
		return;
	if (b->cap - b->len < len) {
		size_t cap = b->cap > 0 ? b->cap : 1024;
		char *grown;

		while (cap - b->len < len)
			cap *= 2;
		grown = malloc(cap);
		if (!grown) {
			b->bad = true;
			return;
		}
		/* Not realloc: what it leaves behind may be a secret. */
		if (b->len > 0)
			memcpy(grown, b->data, b->len);
		if (b->data)
			adit_bytes_wipe(b->data, b->len);
		free(b->data);
		b->data = grown;
		b->cap = cap;
	}
	if (len > 0)
		memcpy(b->data + b->len, data, len);
	b->len += len;
}

void io_buf_done(struct io_buf *b)
{
	if (!b)
		return;
	if (b->data)
		adit_bytes_wipe(b->data, b->len);
	free(b->data);
	*b = (struct io_buf){0};
}

static void add_line(struct io_buf *out, const char *line, size_t len)
{
	io_buf_add(out, line, len);
	io_buf_add(out, "\n", 1);
}

/* How many good records there are, and whether one is called |name|. */
static size_t count_records(const char *text, size_t len, const char *name, bool *ret_has)
{
	struct io_record r;
	const char *reason;
	size_t count = 0;
	size_t n;

	*ret_has = false;
	for (size_t pos = 0; pos < len;) {
		size_t next = cut_line(text, len, pos, &n);

		if (pos > 0 && io_record_parse(text + pos, n, &r, &reason) == 0) {
			count++;
			*ret_has = *ret_has || strcmp(r.fields[0].value, name) == 0;
		}
		pos = next;
	}
	return count;
}

void io_store_edit(const char *text, size_t len, const char *kind, const char *name, const char *record, size_t max,
		   struct io_buf *out)
{
	bool done = record == NULL;
	bool has;
	size_t records = count_records(text, len, name, &has) + !has;
	size_t excess = max > 0 && record && records > max ? records - max : 0;
	struct io_record r;
	const char *reason;
	char head[32];
	size_t n;

	if (len == 0)
		add_line(out, head, (size_t)snprintf(head, sizeof(head), "adit %s %d", kind, STORE_VERSION));
	for (size_t pos = 0; pos < len;) {
		size_t next = cut_line(text, len, pos, &n);
		bool good = pos > 0 && io_record_parse(text + pos, n, &r, &reason) == 0;

		if (good && strcmp(r.fields[0].value, name) == 0) {
			if (!done)
				add_line(out, record, strlen(record));
			done = true;
		} else if (good && excess > 0) {
			excess--;
		} else {
			add_line(out, text + pos, n);
		}
		pos = next;
	}
	if (!done)
		add_line(out, record, strlen(record));
}
