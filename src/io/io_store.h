/*
 * The text of the small stores in the state directory. Pure: text in, text or structs out; io_state.h has the files.
 *
 *	adit tickets 1
 *	# a comment
 *	label=default id=1a2b3c4d secret=...
 *
 * The first line names the kind of store and its version. Then one record per line: fields "key=value" with blanks
 * between them; the first field is the record's name, unique in the store. Bytes that would break a line are written
 * as %XX. A changed record is rewritten in place; every other line, understood or not, is kept as it stands.
 */
#ifndef ADIT_IO_STORE_H
#define ADIT_IO_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/time.h"
#include "io/io_state_limits.h"

/* A record taken apart. Keys and values point into |text|. */
struct io_record {
	struct {
		const char *key;
		const char *value;
	} fields[IO_FIELDS_MAX];
	size_t n;
	unsigned line; /* its number in the file, from 1 */
	char text[IO_LINE_MAX + 1];
};

/* Lines that make no sense, for the person who has to mend them. */
struct io_damage {
	size_t n; /* how many there are; the first IO_DAMAGE_MAX are described */
	struct {
		unsigned line;
		char reason[96];
	} lines[IO_DAMAGE_MAX];
};

ADIT_PRINTF(3, 4) void io_damage_add(struct io_damage *d, unsigned line, const char *fmt, ...);

/* One line without its newline. 0; EIGNORED: blank or a comment; EINVAL with |ret_reason| (static). */
ADIT_MUST_CHECK int io_record_parse(const char *line, size_t len, struct io_record *ret_record,
				    const char **ret_reason);

/* The value of the first field |key|, NULL where there is none. */
const char *io_record_get(const struct io_record *r, const char *key);

/* The field as raw bytes in hexadecimal, exactly |len|. EINVAL, or ENOENT: no such field. */
ADIT_MUST_CHECK int io_record_hex(const struct io_record *r, const char *key, uint8_t *ret_data, size_t len);
/* As a decimal number up to |max|. EINVAL, ENOENT. */
ADIT_MUST_CHECK int io_record_number(const struct io_record *r, const char *key, uint64_t max, uint64_t *ret);

/* A record being written. */
struct io_record_out {
	char text[IO_LINE_MAX + 1]; /* always terminated */
	size_t len;
	bool bad; /* it became too long */
};

void io_record_put(struct io_record_out *r, const char *key, const char *value);
void io_record_put_hex(struct io_record_out *r, const char *key, const uint8_t *data, size_t len);
void io_record_put_number(struct io_record_out *r, const char *key, uint64_t v);

/*
 * Walks over the records of a store. |*pos| starts at 0. 1: |ret_record| is the next good one; 0: the end. Damaged
 * lines are added to |damage|. Before the first record the head is checked: EVERSION: newer than this program; EINVAL:
 * not a store of |kind|.
 */
ADIT_MUST_CHECK int io_store_next(const char *text, size_t len, const char *kind, size_t *pos, unsigned *line,
				  struct io_record *ret_record, struct io_damage *damage);

/* Text that grows. */
struct io_buf {
	char *data;
	size_t len;
	size_t cap;
	bool bad; /* out of memory */
};

void io_buf_add(struct io_buf *b, const char *data, size_t len);
/* Wipes and frees. */
void io_buf_done(struct io_buf *b);

/*
 * The store |text| with the record called |name| replaced by |record| (NULL: left out), or |record| added at the end
 * where there is none. |text| may be empty: then a head is written. Where it would hold more than |max| records (0: no
 * limit) the first ones are left out. The result is in |out|; its |bad| is the caller's to check.
 */
void io_store_edit(const char *text, size_t len, const char *kind, const char *name, const char *record, size_t max,
		   struct io_buf *out);

#endif
