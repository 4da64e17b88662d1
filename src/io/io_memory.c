#include "io/io_memory.h"

#include <string.h>

static const struct {
	const char *store;
	uint64_t max;
} kinds[] = {
	[IO_MEMORY_PORTS] = {"ports", 65535},
	[IO_MEMORY_HORIZONS] = {"horizons", UINT64_MAX},
	[IO_MEMORY_CLOCKS] = {"clocks", 2 * IO_MEMORY_CLOCK_ZERO},
};

/* key=KEY value=N */
int io_memory_find(const char *text, size_t len, enum io_memory which, const char *key, uint64_t *ret_value,
		   struct io_damage *damage)
{
	struct io_record r;
	unsigned line = 0;
	size_t pos = 0;
	bool found = false;
	int err;

	while ((err = io_store_next(text, len, kinds[which].store, &pos, &line, &r, damage)) == 1) {
		uint64_t value;

		if (strcmp(r.fields[0].key, "key") != 0)
			io_damage_add(damage, line, "it does not begin with a key");
		else if (io_record_number(&r, "value", kinds[which].max, &value) != 0)
			io_damage_add(damage, line, "value= is no number up to %llu",
				      (unsigned long long)kinds[which].max);
		else if (!found && strcmp(r.fields[0].value, key) == 0) {
			found = true;
			*ret_value = value;
		}
	}
	if (err < 0)
		return err;
	return found ? 0 : ADIT_ENOENT;
}

static int find_in_file(const struct io_state *st, enum io_memory which, const struct io_text *text, const char *key,
			uint64_t *ret_value, struct io_why *why)
{
	struct io_damage damage = {0};
	int err = io_memory_find(text->data ? text->data : "", text->len, which, key, ret_value, &damage);

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

int io_memory_get(const struct io_state *st, enum io_memory which, const char *key, uint64_t *ret_value,
		  struct io_why *why)
{
	struct io_text text;
	int err = io_state_read(st, kinds[which].store, &text, why);

	if (err != 0)
		return err;
	err = find_in_file(st, which, &text, key, ret_value, why);
	io_text_done(&text);
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

static int set_locked(struct io_state *st, enum io_memory which, const char *key, uint64_t value, struct io_why *why)
{
	struct io_record_out record = {0};
	struct io_text text;
	uint64_t old = 0;
	int err = io_state_read(st, kinds[which].store, &text, why);

	if (err != 0)
		return err;
	err = find_in_file(st, which, &text, key, &old, why);
	if (err == ADIT_ENOENT || (err == 0 && old != value && !(which == IO_MEMORY_HORIZONS && old > value))) {
		io_record_put(&record, "key", key);
		io_record_put_number(&record, "value", value);
		err = io_state_edit(st, kinds[which].store, &text, key, record.text, IO_MEMORY_MAX, why);
	}
	io_text_done(&text);
	return err;
}

int io_memory_set(struct io_state *st, enum io_memory which, const char *key, uint64_t value, struct io_why *why)
{
	int err;

	if (!is_key(key) || value > kinds[which].max)
		return io_why_set(why, ADIT_EINVAL, "\"%.120s\" cannot be kept as %llu", key,
				  (unsigned long long)value);
	err = io_state_lock(st, why);
	if (err != 0)
		return err;
	err = set_locked(st, which, key, value, why);
	io_state_unlock(st);
	return err;
}
