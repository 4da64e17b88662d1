#include "io/io_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"

#define READ_STEP 4096 /* bytes of a read and of the first buffer */

int io_why_set(struct io_why *why, int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why->what, sizeof(why->what), fmt, ap);
	va_end(ap);
	why->next[0] = '\0';
	return err;
}

int io_why_next(struct io_why *why, int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why->next, sizeof(why->next), fmt, ap);
	va_end(ap);
	return err;
}

void io_text_done(struct io_text *t)
{
	if (!t || !t->data)
		return;
	adit_bytes_wipe(t->data, t->len);
	free(t->data);
	*t = (struct io_text){0};
}

/* Room for |READ_STEP| more bytes and a NUL; what the old buffer held is wiped. */
static int text_grow(struct io_text *t, size_t *cap)
{
	size_t want = *cap > 0 ? 2 * *cap : READ_STEP + 1;
	char *data;

	if (*cap - t->len > READ_STEP)
		return 0;
	data = malloc(want);
	if (!data)
		return ADIT_ENOMEM;
	if (t->len > 0)
		memcpy(data, t->data, t->len);
	if (t->data)
		adit_bytes_wipe(t->data, t->len);
	free(t->data);
	t->data = data;
	*cap = want;
	return 0;
}

int io_file_read_fd(int fd, const char *name, size_t max, struct io_text *ret_text, struct io_why *why)
{
	struct io_text t = {0};
	size_t cap = 0;
	ssize_t n;

	do {
		if (text_grow(&t, &cap) != 0) {
			io_text_done(&t);
			return io_why_set(why, ADIT_ENOMEM, "cannot read %s: out of memory", name);
		}
		n = read(fd, t.data + t.len, READ_STEP);
		if (n > 0)
			t.len += (size_t)n;
	} while ((n > 0 && t.len <= max) || (n < 0 && errno == EINTR));
	if (n < 0) {
		io_why_set(why, 0, "cannot read %s: %s", name, strerror(errno));
		io_text_done(&t);
		return ADIT_ESYS;
	}
	if (t.len > max) {
		io_text_done(&t);
		return io_why_set(why, ADIT_EFULL, "%s holds more than %zu bytes", name, max);
	}
	t.data[t.len] = '\0';
	*ret_text = t;
	return 0;
}

int io_file_read(const char *path, size_t max, struct io_text *ret_text, struct io_why *why)
{
	int fd;
	int err;

	if (strcmp(path, "-") == 0)
		return io_file_read_fd(STDIN_FILENO, "stdin", max, ret_text, why);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return io_why_set(why, errno == ENOENT ? ADIT_ENOENT : ADIT_ESYS, "cannot open %s: %s", path,
				  strerror(errno));
	err = io_file_read_fd(fd, path, max, ret_text, why);
	close(fd);
	return err;
}

bool io_file_is_open(const char *path, unsigned *ret_mode)
{
	struct stat sb;

	if (stat(path, &sb) != 0 || !S_ISREG(sb.st_mode) || !(sb.st_mode & 077))
		return false;
	*ret_mode = sb.st_mode & 07777;
	return true;
}

static int write_and_sync(int fd, const char *p, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno != EINTR)
			return -1;
		if (n > 0) {
			p += n;
			len -= (size_t)n;
		}
	}
	return fsync(fd);
}

int io_file_replace(int dir_fd, const char *dir, const char *name, const void *data, size_t len, struct io_why *why)
{
	char tmp[64];
	int fd;
	int bad;

	/* One writer at a time (the store's lock), so the name is free unless a crash left it behind. */
	snprintf(tmp, sizeof(tmp), ".%.40s.new", name);
	(void)unlinkat(dir_fd, tmp, 0);
	fd = openat(dir_fd, tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return io_why_set(why, ADIT_ESYS, "cannot write in %s: %s", dir, strerror(errno));
	bad = write_and_sync(fd, data, len);
	bad = bad ? errno : 0;
	/* Network file systems report a full disk at close only. */
	if (close(fd) != 0 && !bad)
		bad = errno;
	if (!bad && renameat(dir_fd, tmp, dir_fd, name) != 0)
		bad = errno;
	if (bad) {
		(void)unlinkat(dir_fd, tmp, 0);
		io_why_set(why, ADIT_ESYS, "cannot write %s/%s: %s", dir, name, strerror(bad));
		return bad == ENOSPC || bad == EDQUOT ? io_why_next(why, ADIT_ESYS, "make room there, and try again")
						      : ADIT_ESYS;
	}
	/* The new name is durable when the directory is; some file systems cannot sync one, and rename suffices there.
	 */
	(void)fsync(dir_fd);
	return 0;
}
