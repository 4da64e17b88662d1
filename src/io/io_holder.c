#include "io/io_holder.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TCP_LISTEN 10 /* the state's number in /proc/net/tcp (include/net/tcp_states.h) */

/* The inode of the socket bound to |port| in a table of /proc/net; 0: none. */
static unsigned long inode_in(const char *table, uint16_t port, bool udp)
{
	FILE *f = fopen(table, "re");
	unsigned long found = 0;
	char line[512];

	if (!f)
		return 0;
	while (!found && fgets(line, sizeof(line), f)) {
		unsigned local_port;
		unsigned state;
		unsigned long inode;

		if (sscanf(line, " %*d: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x %*s %*s %*s %*u %*u %lu", &local_port,
			   &state, &inode) == 3 &&
		    local_port == port && (udp || state == TCP_LISTEN))
			found = inode;
	}
	fclose(f);
	return found;
}

static unsigned long inode_of_port(uint16_t port, bool udp)
{
	static const char *const tables[2][2] = {{"/proc/net/tcp", "/proc/net/tcp6"},
						 {"/proc/net/udp", "/proc/net/udp6"}};
	unsigned long inode = inode_in(tables[udp][0], port, udp);

	return inode ? inode : inode_in(tables[udp][1], port, udp);
}

static bool has_socket(const char *pid, const char *link_text)
{
	char dir_name[280];
	DIR *dir;
	struct dirent *e;
	bool found = false;

	snprintf(dir_name, sizeof(dir_name), "/proc/%s/fd", pid);
	dir = opendir(dir_name);
	if (!dir)
		return false;
	while (!found && (e = readdir(dir))) {
		char text[64];
		ssize_t n = readlinkat(dirfd(dir), e->d_name, text, sizeof(text) - 1);

		if (n <= 0)
			continue;
		text[n] = '\0';
		found = strcmp(text, link_text) == 0;
	}
	closedir(dir);
	return found;
}

static void name_of(const char *pid, char *buf, size_t cap)
{
	char path[280];
	char name[64] = "?";
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%s/comm", pid);
	f = fopen(path, "re");
	if (f) {
		if (fgets(name, sizeof(name), f))
			name[strcspn(name, "\n")] = '\0';
		fclose(f);
	}
	snprintf(buf, cap, "%s (process %s)", name, pid);
}

bool io_holder_of_port(uint16_t port, bool udp, char *buf, size_t cap)
{
	unsigned long inode = inode_of_port(port, udp);
	DIR *proc = inode ? opendir("/proc") : NULL;
	char link_text[64];
	struct dirent *e;
	bool found = false;

	if (!proc)
		return false;
	snprintf(link_text, sizeof(link_text), "socket:[%lu]", inode);
	while (!found && (e = readdir(proc))) {
		if (!isdigit((unsigned char)e->d_name[0]) || !has_socket(e->d_name, link_text))
			continue;
		name_of(e->d_name, buf, cap);
		found = true;
	}
	closedir(proc);
	return found;
}
