#include "io/io_state.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "core/trust/trust_base32.h"

#define IDENTITY "identity"
#define HELD_BY  24 /* bytes of a lock file that are read: a process id */

static const char *env(const char *name)
{
	const char *v = getenv(name);

	return v && v[0] != '\0' ? v : NULL;
}

/* Where a directory's name came from decides what may be made, and what to advise. */
enum origin {
	FROM_OPTION, /* a person typed it: only its last part is made, a typing error is not to grow a tree */
	FROM_SYSTEMD,
	FROM_DEFAULT,
};

/* The first of a colon-separated list, as systemd gives it. */
static void first_of(const char *list, char dst[PATH_MAX])
{
	snprintf(dst, PATH_MAX, "%.*s", (int)strcspn(list, ":"), list);
}

static const char *home_dir(void)
{
	const struct passwd *pw;
	const char *home = env("HOME");

	if (home)
		return home;
	pw = getpwuid(geteuid());
	return pw ? pw->pw_dir : NULL;
}

static int too_long(const char *what, struct io_why *why)
{
	io_why_set(why, ADIT_ESYS, "the name of the %s directory is too long", what);
	return io_why_next(why, ADIT_ESYS, "give a shorter one: --state DIR");
}

static int locate(const char *option, char dir[PATH_MAX], enum origin *ret_origin, struct io_why *why)
{
	const char *xdg = env("XDG_STATE_HOME");
	const char *home;
	int n;

	*ret_origin = FROM_OPTION;
	if (!option || option[0] == '\0')
		option = env("ADIT_STATE");
	if (option)
		return snprintf(dir, PATH_MAX, "%s", option) < PATH_MAX ? 0 : too_long("state", why);
	*ret_origin = FROM_SYSTEMD;
	if (env("STATE_DIRECTORY")) {
		first_of(env("STATE_DIRECTORY"), dir);
		return 0;
	}
	*ret_origin = FROM_DEFAULT;
	/* XDG Base Directory Specification: a relative path is invalid and to be ignored. */
	if (xdg && xdg[0] == '/') {
		n = snprintf(dir, PATH_MAX, "%s/adit", xdg);
		return n < PATH_MAX ? 0 : too_long("state", why);
	}
	home = home_dir();
	if (!home || home[0] != '/') {
		io_why_set(why, ADIT_ESYS, "no state directory: this user has no home directory");
		return io_why_next(why, ADIT_ESYS, "give one: --state DIR");
	}
	n = snprintf(dir, PATH_MAX, "%s/.local/state/adit", home);
	return n < PATH_MAX ? 0 : too_long("state", why);
}

static bool make_one(const char *path)
{
	return mkdir(path, 0700) == 0 || errno == EEXIST;
}

/* mkdir -p, all of it 0700 as the XDG specification has it. */
static bool make_all(const char *dir)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s", dir);
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (!make_one(path))
			return false;
		*slash = '/';
	}
	return make_one(path);
}

/* |what| is "state" or "runtime". */
static int check_private(int fd, const char *what, const char *dir, enum origin origin, struct io_why *why)
{
	const struct passwd *pw;
	struct stat sb;

	if (fstat(fd, &sb) != 0)
		return io_why_set(why, ADIT_ESYS, "cannot look at the %s directory %s: %s", what, dir, strerror(errno));
	if (sb.st_uid != geteuid()) {
		pw = getpwuid(sb.st_uid);
		io_why_set(why, ADIT_ESYS, "the %s directory %s belongs to %s (uid %u), and adit runs as uid %u", what,
			   dir, pw ? pw->pw_name : "another user", (unsigned)sb.st_uid, (unsigned)geteuid());
		return io_why_next(why, ADIT_ESYS, "run adit as that user, or give another directory: --state DIR");
	}
	if (sb.st_mode & 077) {
		io_why_set(why, ADIT_ESYS, "the %s directory %s is open to other users (mode %04o); it holds secrets",
			   what, dir, (unsigned)sb.st_mode & 07777);
		if (origin == FROM_SYSTEMD)
			return io_why_next(why, ADIT_ESYS, "in the unit: %sDirectoryMode=0700",
					   strcmp(what, "state") == 0 ? "State" : "Runtime");
		return io_why_next(why, ADIT_ESYS, "close it: chmod 700 %s", dir);
	}
	return 0;
}

/*
 * Root becomes the user of the directory that is open as |fd|, for good: what it writes belongs to whom the directory
 * belongs to, and nothing which that user may have put there is followed with root's rights. False: there is no need,
 * or it cannot be done.
 */
static bool become_owner(int fd)
{
	struct stat sb;

	if (geteuid() != 0 || fstat(fd, &sb) != 0 || sb.st_uid == 0)
		return false;
	return setgroups(0, NULL) == 0 && setresgid(sb.st_gid, sb.st_gid, sb.st_gid) == 0 &&
	       setresuid(sb.st_uid, sb.st_uid, sb.st_uid) == 0;
}

/*
 * Opens |dir|, made before if it was missing, and checks it. |as_owner|, not NULL: root may become its owner, and
 * whether it did is told there. The descriptor or a code.
 */
static int open_private(const char *what, const char *dir, enum origin origin, bool *as_owner, struct io_why *why)
{
	bool made = origin == FROM_DEFAULT ? make_all(dir) : make_one(dir);
	int fd;
	int err;

	if (!made) {
		io_why_set(why, ADIT_ESYS, "cannot make the %s directory %s: %s", what, dir, strerror(errno));
		return io_why_next(why, ADIT_ESYS, "make it (mode 0700), or give another: --state DIR");
	}
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		io_why_set(why, ADIT_ESYS, "cannot open the %s directory %s: %s", what, dir, strerror(errno));
		return io_why_next(why, ADIT_ESYS, "give another: --state DIR");
	}
	if (as_owner)
		*as_owner = become_owner(fd);
	err = check_private(fd, what, dir, origin, why);
	if (err == 0)
		return fd;
	close(fd);
	return err;
}

/* FNV-1a 64 over device and inode: the same directory under any of its names. */
static uint64_t tag_of(int fd)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);
	struct stat sb = {0};
	uint64_t parts[2];

	(void)fstat(fd, &sb);
	parts[0] = (uint64_t)sb.st_dev;
	parts[1] = (uint64_t)sb.st_ino;
	for (size_t i = 0; i < 16; i++)
		h = (h ^ (parts[i / 8] >> (8 * (i % 8)) & 0xff)) * UINT64_C(0x100000001b3);
	return h;
}

static int open_located(struct io_state *st, const char *option, bool may_become, struct io_why *why)
{
	enum origin origin;
	int err;

	*st = (struct io_state){.fd = -1, .lock_fd = -1, .serve_fd = -1, .lock_wait = IO_LOCK_WAIT};
	err = locate(option, st->dir, &origin, why);
	if (err != 0)
		return err;
	st->fd =
		open_private("state", st->dir, origin, may_become && origin == FROM_OPTION ? &st->as_owner : NULL, why);
	if (st->fd < 0) {
		err = st->fd;
		st->fd = -1;
		return err;
	}
	st->tag = tag_of(st->fd);
	return 0;
}

int io_state_open(struct io_state *st, const char *option, struct io_why *why)
{
	return open_located(st, option, false, why);
}

int io_state_open_as_owner(struct io_state *st, const char *option, struct io_why *why)
{
	return open_located(st, option, true, why);
}

void io_state_close(struct io_state *st)
{
	if (!st)
		return;
	io_state_unlock(st);
	if (st->serve_fd >= 0)
		close(st->serve_fd);
	if (st->fd >= 0)
		close(st->fd);
	st->serve_fd = st->fd = -1;
}

/* Opens a file of the directory for reading: a regular one, ours, closed to others. ADIT_ENOENT: there is none. */
static int open_secret(const struct io_state *st, const char *name, struct io_why *why)
{
	/* Not waiting for the other end of a pipe that somebody put there. */
	int fd = openat(st->fd, name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	struct stat sb;

	if (fd < 0)
		return io_why_set(why, errno == ENOENT ? ADIT_ENOENT : ADIT_ESYS, "cannot open %s/%s: %s", st->dir,
				  name, strerror(errno));
	if (fstat(fd, &sb) != 0 || !S_ISREG(sb.st_mode)) {
		close(fd);
		return io_why_set(why, ADIT_ESYS, "%s/%s is no regular file", st->dir, name);
	}
	if (sb.st_uid != geteuid() || (sb.st_mode & 077)) {
		close(fd);
		io_why_set(why, ADIT_ESYS, "%s/%s is not private (uid %u, mode %04o)", st->dir, name,
			   (unsigned)sb.st_uid, (unsigned)sb.st_mode & 07777);
		return io_why_next(why, ADIT_ESYS, "it must be yours and mode 0600: chmod 600 %s/%s", st->dir, name);
	}
	return fd;
}

static int read_secret(const struct io_state *st, const char *name, size_t max, struct io_text *ret_text,
		       struct io_why *why)
{
	char path[PATH_MAX + 64];
	int fd = open_secret(st, name, why);
	int err;

	if (fd < 0)
		return fd;
	snprintf(path, sizeof(path), "%s/%s", st->dir, name);
	err = io_file_read_fd(fd, path, max, ret_text, why);
	close(fd);
	return err;
}

int io_state_read(const struct io_state *st, const char *name, struct io_text *ret_text, struct io_why *why)
{
	int err = read_secret(st, name, IO_STORE_BYTES, ret_text, why);

	if (err == ADIT_ENOENT) {
		*ret_text = (struct io_text){0};
		return 0;
	}
	return err;
}

int io_state_bad_store(const struct io_state *st, const char *name, int err, struct io_why *why)
{
	if (err == ADIT_EVERSION) {
		io_why_set(why, err, "%s/%s was written by a later version of adit", st->dir, name);
		return io_why_next(why, err, "update adit");
	}
	io_why_set(why, err, "%s/%s:1: this is no store of %s", st->dir, name, name);
	return io_why_next(why, err, "its first line must be \"adit %s 1\": restore the file, or move it away", name);
}

static int lock_file(const struct io_state *st, const char *name, struct io_why *why)
{
	int fd = openat(st->fd, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return io_why_set(why, ADIT_ESYS, "cannot open %s/%s: %s", st->dir, name, strerror(errno));
	return fd;
}

/* 0, ADIT_EAGAIN: another holds it, ADIT_ESYS. */
static int try_lock(const struct io_state *st, int fd, const char *name, struct io_why *why)
{
	while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		if (errno == EWOULDBLOCK)
			return ADIT_EAGAIN;
		if (errno != EINTR)
			return io_why_set(why, ADIT_ESYS, "cannot lock %s/%s: %s", st->dir, name, strerror(errno));
	}
	return 0;
}

int io_state_lock(struct io_state *st, struct io_why *why)
{
	const struct timespec step = {.tv_nsec = IO_LOCK_STEP};
	int fd = lock_file(st, "lock", why);
	int err;

	if (fd < 0)
		return fd;
	for (adit_dur waited = 0;; waited += IO_LOCK_STEP) {
		err = try_lock(st, fd, "lock", why);
		if (err != ADIT_EAGAIN || waited >= st->lock_wait)
			break;
		nanosleep(&step, NULL);
	}
	if (err == 0) {
		st->lock_fd = fd;
		return 0;
	}
	close(fd);
	if (err == ADIT_EAGAIN) {
		io_why_set(why, err, "another adit command keeps %s/lock locked", st->dir);
		io_why_next(why, err, "it may be stopped (^Z): let it go on, or end it, and try again");
	}
	return err;
}

void io_state_unlock(struct io_state *st)
{
	if (st->lock_fd >= 0)
		close(st->lock_fd);
	st->lock_fd = -1;
}

static int serve_is_held(const struct io_state *st, int fd, struct io_why *why)
{
	char pid[HELD_BY + 1] = "";

	if (pread(fd, pid, HELD_BY, 0) < 0)
		pid[0] = '\0';
	pid[strspn(pid, "0123456789")] = '\0';
	if (pid[0] == '\0') {
		io_why_set(why, ADIT_EAGAIN, "another serve uses %s, and is just starting", st->dir);
		return io_why_next(why, ADIT_EAGAIN, "give this one its own: --state DIR");
	}
	io_why_set(why, ADIT_EAGAIN, "another serve uses %s: process %s", st->dir, pid);
	return io_why_next(
		why, ADIT_EAGAIN,
		"offer all services in one serve, end that one (kill %s), or give this one its own: --state DIR", pid);
}

int io_state_lock_serve(struct io_state *st, struct io_why *why)
{
	int fd = lock_file(st, "serve.lock", why);
	char pid[HELD_BY];
	int len;
	int err;

	if (fd < 0)
		return fd;
	err = try_lock(st, fd, "serve.lock", why);
	if (err == ADIT_EAGAIN)
		err = serve_is_held(st, fd, why);
	if (err != 0) {
		close(fd);
		return err;
	}
	len = snprintf(pid, sizeof(pid), "%ld\n", (long)getpid());
	/* For a message only: a full disk does not stop the serve. Half a number would be worse than none. */
	if (ftruncate(fd, 0) != 0 || (pwrite(fd, pid, (size_t)len, 0) != len && ftruncate(fd, 0) != 0))
		errno = 0;
	st->serve_fd = fd;
	return 0;
}

static int bad_identity(const struct io_state *st, const char *what, struct io_why *why)
{
	io_why_set(why, ADIT_EINVAL, "%s/%s %s", st->dir, IDENTITY, what);
	return io_why_next(why, ADIT_EINVAL, "restore it from a backup; a new one (rm it) makes all tickets void");
}

static int parse_identity(const struct io_state *st, const struct io_text *text, struct crypto_identity *ret_id,
			  struct io_why *why)
{
	/* A NUL in the file would hide what stands behind it. */
	int err = memchr(text->data, 0, text->len) ? ADIT_EINVAL : crypto_identity_parse(text->data, ret_id);

	if (err == ADIT_EVERSION) {
		io_why_set(why, ADIT_EVERSION, "%s/%s was written by a later version of adit", st->dir, IDENTITY);
		return io_why_next(why, ADIT_EVERSION, "update adit");
	}
	return err < 0 ? bad_identity(st, "is damaged", why) : 0;
}

static int make_identity(struct io_state *st, struct crypto_identity *ret_id, struct io_why *why)
{
	char text[CRYPTO_IDENTITY_TEXT_LEN];
	struct crypto_identity id;
	size_t len;
	int err;

	crypto_identity_generate(&id);
	len = crypto_identity_format(&id, text);
	err = io_file_replace(st->fd, st->dir, IDENTITY, text, len, why);
	adit_bytes_wipe(text, sizeof(text));
	if (err == 0)
		*ret_id = id;
	crypto_identity_done(&id);
	return err;
}

/* ADIT_ENOENT: there is none yet. */
static int load_identity(const struct io_state *st, struct crypto_identity *ret_id, struct io_why *why)
{
	struct io_text text;
	int err = read_secret(st, IDENTITY, IO_IDENTITY_BYTES, &text, why);

	if (err == ADIT_EFULL)
		return bad_identity(st, "is damaged: too long", why);
	if (err != 0)
		return err;
	err = parse_identity(st, &text, ret_id, why);
	io_text_done(&text);
	return err;
}

int io_state_identity(struct io_state *st, struct crypto_identity *ret_id, struct io_why *why)
{
	int err = load_identity(st, ret_id, why);

	if (err != ADIT_ENOENT)
		return err;
	/* Two first commands at once must agree on one. */
	err = io_state_lock(st, why);
	if (err != 0)
		return err;
	err = load_identity(st, ret_id, why);
	if (err == ADIT_ENOENT)
		err = make_identity(st, ret_id, why);
	io_state_unlock(st);
	return err;
}

/* Somebody else's $XDG_RUNTIME_DIR survives `su`, and a dead one survives logging out: those are passed over. */
static bool is_own_dir(const char *path)
{
	struct stat sb;

	return path[0] == '/' && stat(path, &sb) == 0 && S_ISDIR(sb.st_mode) && sb.st_uid == geteuid();
}

static int runtime_dir(const struct io_state *st, char dir[PATH_MAX], struct io_why *why)
{
	const char *xdg = env("XDG_RUNTIME_DIR");
	char of_owner[32];
	enum origin origin = FROM_SYSTEMD;
	int fd;

	if (st->as_owner) { /* the environment is root's: pam_systemd(8) says where that user's is */
		snprintf(of_owner, sizeof(of_owner), "/run/user/%u", (unsigned)geteuid());
		xdg = of_owner;
	}
	if (env("RUNTIME_DIRECTORY")) {
		first_of(env("RUNTIME_DIRECTORY"), dir);
	} else if (xdg && is_own_dir(xdg)) {
		origin = FROM_OPTION;
		if (snprintf(dir, PATH_MAX, "%s/adit", xdg) >= PATH_MAX)
			return too_long("runtime", why);
	} else if (st->as_owner) { /* what is above it may be root's alone, as with DynamicUser= */
		snprintf(dir, PATH_MAX, "/proc/self/fd/%d", st->fd);
		return 0;
	} else {
		memcpy(dir, st->dir, PATH_MAX);
		return 0;
	}
	fd = open_private("runtime", dir, origin, NULL, why);
	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

int io_state_sockets(const struct io_state *st, char ret_dir[PATH_MAX], char ret_prefix[IO_SOCKET_PREFIX_LEN],
		     struct io_why *why)
{
	snprintf(ret_prefix, IO_SOCKET_PREFIX_LEN, "%016llx-", (unsigned long long)st->tag);
	return runtime_dir(st, ret_dir, why);
}

int io_state_socket(const struct io_state *st, const char *name, char ret_path[IO_SOCKET_PATH_MAX + 1],
		    struct io_why *why)
{
	char prefix[IO_SOCKET_PREFIX_LEN];
	char dir[PATH_MAX];
	int err = io_state_sockets(st, dir, prefix, why);

	if (err != 0)
		return err;
	if (snprintf(ret_path, IO_SOCKET_PATH_MAX + 1, "%s/%s%s", dir, prefix, name) <= IO_SOCKET_PATH_MAX)
		return 0;
	io_why_set(why, ADIT_ESYS, "the control socket would need a path above %d bytes, below %s", IO_SOCKET_PATH_MAX,
		   dir);
	return io_why_next(why, ADIT_ESYS, "set XDG_RUNTIME_DIR to a short path of yours, or give --state a short one");
}

bool io_state_tickets_changed(const struct io_state *st, struct io_stamp *stamp)
{
	struct io_stamp now = {.exists = true};
	struct stat sb;
	bool first = !stamp->exists && stamp->size == 0;
	bool same;

	if (fstatat(st->fd, "tickets", &sb, 0) == 0) {
		now.dev = (uint64_t)sb.st_dev;
		now.ino = (uint64_t)sb.st_ino;
		now.size = sb.st_size;
		now.mtime = sb.st_mtim;
		now.ctime = sb.st_ctim;
	} else {
		now = (struct io_stamp){.size = -1}; /* missing, and that is known */
	}
	same = !first && now.exists == stamp->exists && now.dev == stamp->dev && now.ino == stamp->ino &&
	       now.size == stamp->size && now.mtime.tv_sec == stamp->mtime.tv_sec &&
	       now.mtime.tv_nsec == stamp->mtime.tv_nsec && now.ctime.tv_sec == stamp->ctime.tv_sec &&
	       now.ctime.tv_nsec == stamp->ctime.tv_nsec;
	*stamp = now;
	return !same;
}

int io_state_edit(struct io_state *st, const char *name, const struct io_text *text, const char *record,
		  const char *new_record, size_t max, struct io_why *why)
{
	struct io_buf out = {0};
	int err;

	io_store_edit(text->data ? text->data : "", text->len, name, record, new_record, max, &out);
	if (out.bad)
		err = io_why_set(why, ADIT_ENOMEM, "cannot write %s/%s: out of memory", st->dir, name);
	else if (out.len > IO_STORE_BYTES)
		err = io_why_set(why, ADIT_EFULL, "%s/%s would hold more than %d bytes", st->dir, name, IO_STORE_BYTES);
	else
		err = io_file_replace(st->fd, st->dir, name, out.data, out.len, why);
	io_buf_done(&out);
	return err;
}
