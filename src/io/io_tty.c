#include "io/io_tty.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include "base/bytes.h"

#define KEY_INTR 0x03 /* ^C */
#define KEY_EOF  0x04 /* ^D */
#define KEY_BS   0x08
#define KEY_KILL 0x15 /* ^U */
#define KEY_DEL  0x7f

bool io_tty_is_person(void)
{
	return isatty(STDIN_FILENO);
}

static void say(int fd, const char *text)
{
	ssize_t n = write(fd, text, strlen(text));

	(void)n; /* the terminal is gone: the read will tell */
}

/* A key of the line: true when the line is complete. ^C and ^D make |ret_len| ADIT_ENOENT. */
static bool take_key(char c, char *line, size_t max, size_t *len, int *ret_err)
{
	if (c == '\n' || c == '\r')
		return true;
	if (c == KEY_INTR || (c == KEY_EOF && *len == 0)) {
		*ret_err = ADIT_ENOENT;
		return true;
	}
	if (c == KEY_BS || c == KEY_DEL)
		*len -= *len > 0;
	else if (c == KEY_KILL)
		*len = 0;
	else if (*len < max)
		line[(*len)++] = c;
	else
		*ret_err = ADIT_EFULL;
	return false;
}

/* Keys until the line is complete, or a signal waits in |signals|. */
static int read_line(int fd, int signals, char *line, size_t max, size_t *ret_len)
{
	struct pollfd pfd[2] = {{.fd = fd, .events = POLLIN}, {.fd = signals, .events = POLLIN}};
	int err = 0;
	char c;

	*ret_len = 0;
	for (;;) {
		if (poll(pfd, 2, -1) < 0 && errno != EINTR)
			return ADIT_ESYS;
		if (pfd[1].revents & POLLIN)
			return ADIT_ENOENT;
		if (!(pfd[0].revents & (POLLIN | POLLHUP | POLLERR)))
			continue;
		if (read(fd, &c, 1) != 1)
			return ADIT_ENOENT;
		if (take_key(c, line, max, ret_len, &err))
			return err;
	}
}

/*
 * Keys come one by one, unseen, and ^C as a key: nothing that a person types can end the program while the terminal is
 * blind. Signals from elsewhere wait in a descriptor for the same reason.
 */
static int ask_blind(int fd, char *line, size_t max, size_t *ret_len)
{
	struct termios old;
	struct termios blind;
	sigset_t set;
	sigset_t before;
	int signals;
	int err = ADIT_ESYS;

	if (tcgetattr(fd, &old) != 0)
		return ADIT_ESYS;
	blind = old;
	blind.c_lflag &= ~(tcflag_t)(ECHO | ICANON | ISIG | IEXTEN);
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGQUIT);
	sigprocmask(SIG_BLOCK, &set, &before);
	signals = signalfd(-1, &set, SFD_CLOEXEC);
	if (signals >= 0 && tcsetattr(fd, TCSAFLUSH, &blind) == 0) {
		err = read_line(fd, signals, line, max, ret_len);
		tcsetattr(fd, TCSAFLUSH, &old);
	}
	if (signals >= 0)
		close(signals);
	sigprocmask(SIG_SETMASK, &before, NULL); /* a signal that waits is delivered here */
	return err;
}

/* Asks on the terminal |fd|; the line is |line|, of at most |max| bytes. */
static int ask(int fd, const char *prompt, char *line, size_t max, size_t *ret_len, struct io_why *why)
{
	int err;

	say(fd, prompt);
	err = ask_blind(fd, line, max, ret_len);
	say(fd, "\n");
	if (err == ADIT_ENOENT)
		return io_why_set(why, err, "nothing was entered");
	if (err == ADIT_EFULL)
		return io_why_set(why, err, "more than %zu characters were entered", max);
	if (err != 0)
		return io_why_set(why, err, "cannot ask on the terminal: %s", strerror(errno));
	return 0;
}

int io_tty_ask(const char *prompt, size_t max, struct io_text *ret_text, struct io_why *why)
{
	int fd = open("/dev/tty", O_RDWR | O_CLOEXEC);
	char *line;
	size_t len = 0;
	int err;

	if (fd < 0)
		return io_why_set(why, ADIT_ESYS, "cannot ask on the terminal: %s", strerror(errno));
	line = malloc(max + 1);
	if (!line) {
		close(fd);
		return io_why_set(why, ADIT_ENOMEM, "cannot ask on the terminal: out of memory");
	}
	err = ask(fd, prompt, line, max, &len, why);
	close(fd);
	if (err != 0) {
		adit_bytes_wipe(line, len);
		free(line);
		return err;
	}
	line[len] = '\0';
	*ret_text = (struct io_text){line, len};
	return 0;
}
