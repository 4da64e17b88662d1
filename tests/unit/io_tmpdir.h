/* A fresh directory for one test, with the environment pointed away from the user's own files. */
#ifndef ADIT_TESTS_IO_TMPDIR_H
#define ADIT_TESTS_IO_TMPDIR_H

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char tmp_dir[64];

static inline int tmp_remove_one(const char *path, const struct stat *sb, int kind, struct FTW *ftw)
{
	(void)sb;
	(void)kind;
	(void)ftw;
	return remove(path);
}

static inline int tmp_setup(void **state)
{
	static const char *const names[] = {"ADIT_STATE", "STATE_DIRECTORY", "XDG_STATE_HOME", "XDG_RUNTIME_DIR",
					    "RUNTIME_DIRECTORY"};

	(void)state;
	snprintf(tmp_dir, sizeof(tmp_dir), "/tmp/adit-test-XXXXXX");
	if (!mkdtemp(tmp_dir))
		return -1;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unsetenv(names[i]);
	setenv("HOME", tmp_dir, 1);
	return 0;
}

static inline int tmp_teardown(void **state)
{
	(void)state;
	return nftw(tmp_dir, tmp_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* "tmp_dir/name", good until the call after the next. */
static inline const char *tmp_path(const char *name)
{
	static char path[2][256];
	static int turn;

	turn = !turn;
	snprintf(path[turn], sizeof(path[turn]), "%s/%s", tmp_dir, name);
	return path[turn];
}

static inline void tmp_write(const char *name, const char *text, mode_t mode)
{
	FILE *f = fopen(tmp_path(name), "w");

	if (!f || fputs(text, f) < 0 || fclose(f) != 0 || chmod(tmp_path(name), mode) != 0)
		abort();
}

static inline const char *tmp_read(const char *name)
{
	static char text[65536];
	FILE *f = fopen(tmp_path(name), "r");
	size_t n;

	if (!f)
		return NULL;
	n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = '\0';
	fclose(f);
	return text;
}

#endif
