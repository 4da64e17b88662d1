#include "io/io_memory.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char *store;
	uint64_t max; /* 0: texts */
} kinds[] = {
	[IO_MEMORY_PORTS] = {"ports", 65535},
	[IO_MEMORY_HORIZONS] = {"horizons", UINT64_MAX},
	[IO_MEMORY_CLOCKS] = {"clocks", 2 * IO_MEMORY_CLOCK_ZERO},
	[IO_MEMORY_WAYS] = {"ways", 0},
	[IO_MEMORY_LIVES] = {"lives", 0},
	[IO_MEMORY_MEDIATORS] = {"mediators", 0},
};

/* NULL: |r| is a good record of this kind; else why not. */
static const char *check_record(const struct io_record *r, enum io_memory which, char reason[64])
{
	const char *value = io_record_get(r, "value");
	uint64_t number;

	if (strcmp(r->fields[0].key, "key") != 0)
		return "it does not begin with a key";
	if (kinds[which].max == 0)
		return value && strlen(value) <= IO_MEMORY_TEXT_MAX ? NULL : "value= is missing or too long";
	if (io_record_number(r, "value", kinds[which].max, &number) == 0)
		return NULL;
	snprintf(reason, 64, "value= is no number up to %" PRIu64, kinds[which].max);
	return reason;
}

/* key=KEY value=V */
static int find(const char *text, size_t len, enum io_memory which, const char *key,
		char ret_value[IO_MEMORY_TEXT_MAX + 1], struct io_damage *damage)
{
	struct io_record r;
	unsigned line = 0;
	size_t pos = 0;
	bool found = false;
	int err;

	while ((err = io_store_next(text, len, kinds[which].store, &pos, &line, &r, damage)) == 1) {
		char buf[64];
		const char *reason = check_record(&r, which, buf);

		if (reason)
			io_damage_add(damage, line, "%s", reason);
		else if (!found && strcmp(r.fields[0].value, key) == 0) {
			const char *value = io_record_get(&r, "value");

			found = true;
			memcpy(ret_value, value, strlen(value) + 1);
		}
	}
	if (err < 0)
		return err;
	return found ? 0 : ADIT_ENOENT;
}

static uint64_t number_of(const char *digits)
{
	uint64_t v = 0;

	for (; *digits; digits++)
		v = v * 10 + (uint64_t)(*digits - '0');
	return v;
}

int io_memory_find(const char *text, size_t len, enum io_memory which, const char *key, uint64_t *ret_value,
		   struct io_damage *damage)
{
	char value[IO_MEMORY_TEXT_MAX + 1] = "";
	int err = find(text, len, which, key, value, damage);

	if (err == 0)
		*ret_value = number_of(value); /* its digits were checked */
	return err;
}

static int find_in_file(const struct io_state *st, enum io_memory which, const struct io_text *text, const char *key,
			char ret_value[IO_MEMORY_TEXT_MAX + 1], struct io_why *why)
{
	struct io_damage damage = {0};
	int err = find(text->data ? text->data : "", text->len, which, key, ret_value, &damage);

	if (err == ADIT_EINVAL || err == ADIT_EVERSION)
		return io_state_bad_store(st, kinds[which].store, err, why);
	io_why_set(why, err, "%s", "");
	if (err == ADIT_ENOENT && damage.n > 0) {
		io_why_set(why, err, "%s/%s:%u: %s", st->dir, kinds[which].store, damage.lines[0].line,
			   damage.lines[0].reason);
		return io_why_next(why, err, "delete the line");
	}
	return err;
}

int io_memory_get_text(const struct io_state *st, enum io_memory which, const char *key,
		       char ret_text[IO_MEMORY_TEXT_MAX + 1], struct io_why *why)
{
	struct io_text text;
	int err = io_state_read(st, kinds[which].store, &text, why);

	if (err != 0)
		return err;
	err = find_in_file(st, which, &text, key, ret_text, why);
	io_text_done(&text);
	return err;
}

int io_memory_get(const struct io_state *st, enum io_memory which, const char *key, uint64_t *ret_value,
		  struct io_why *why)
{
	char value[IO_MEMORY_TEXT_MAX + 1] = "";
	int err = io_memory_get_text(st, which, key, value, why);

	if (err == 0)
		*ret_value = number_of(value);
	return err;
}

static bool is_key(const char *key)
{
	size_t len = strlen(key);

	if (len < 1 || len > IO_MEMORY_KEY_MAX)
		return false;
	for (size_t i = 0; i < len; i++)
		if (key[i] <= 0x20 || key[i] >= 0x7f)
			return false;
	return true;
}

static bool is_text(const char *text)
{
	size_t len = strlen(text);

	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
			return false;
	return len <= IO_MEMORY_TEXT_MAX;
}

static bool is_news(enum io_memory which, const char *old, const char *value)
{
	if (which == IO_MEMORY_HORIZONS)
		return number_of(value) > number_of(old);
	return strcmp(old, value) != 0;
}

static int set_locked(struct io_state *st, enum io_memory which, const char *key, const char *value, struct io_why *why)
{
	struct io_record_out record = {0};
	struct io_text text;
	char old[IO_MEMORY_TEXT_MAX + 1] = "";
	int err = io_state_read(st, kinds[which].store, &text, why);

	if (err != 0)
		return err;
	err = find_in_file(st, which, &text, key, old, why);
	if (err == ADIT_ENOENT || (err == 0 && is_news(which, old, value))) {
		io_record_put(&record, "key", key);
		io_record_put(&record, "value", value);
		err = io_state_edit(st, kinds[which].store, &text, key, record.text, IO_MEMORY_MAX, why);
	}
	io_text_done(&text);
	return err;
}

static int set(struct io_state *st, enum io_memory which, const char *key, const char *value, struct io_why *why)
{
	int err = io_state_lock(st, why);

	if (err != 0)
		return err;
	err = set_locked(st, which, key, value, why);
	io_state_unlock(st);
	return err;
}

int io_memory_set(struct io_state *st, enum io_memory which, const char *key, uint64_t value, struct io_why *why)
{
	char digits[24];

	if (!is_key(key) || value > kinds[which].max)
		return io_why_set(why, ADIT_EINVAL, "\"%.120s\" cannot be kept as %" PRIu64, key, value);
	snprintf(digits, sizeof(digits), "%" PRIu64, value);
	return set(st, which, key, digits, why);
}

int io_memory_set_text(struct io_state *st, enum io_memory which, const char *key, const char *text, struct io_why *why)
{
	if (!is_key(key) || !is_text(text))
		return io_why_set(why, ADIT_EINVAL, "\"%.120s\" cannot be kept as \"%.120s\"", key, text);
	return set(st, which, key, text, why);
}
