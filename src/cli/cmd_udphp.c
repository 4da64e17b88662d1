/* adit udphp: the old script's protocol, arguments and exit codes. */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "cli/cli.h"
#include "crypto/crypto_md5.h"
#include "io/io_udphp.h"
#include "io/io_udphp_sock.h"
#include "udphp/udphp.h"

#define EXIT_USAGE 2

static const char help_text[] = "Example: adit udphp -l 2222 203.0.113.10 (there: adit udphp -c 22 203.0.113.20)\n"
				"\n"
				"Usage: adit udphp -c|-l [-d] tcp_port udp_pub_ip [udp_port]\n"
				"\n"
				"Carries one TCP connection over UDP to a machine that runs udphp.py 0.12 or\n"
				"this command. NOT ENCRYPTED and not authenticated: between two adits use\n"
				"`adit serve` and `adit connect`.\n"
				"\n"
				"  -c, --connect  server side: connect to the service on local TCP tcp_port\n"
				"  -l, --listen   client side: listen on local TCP tcp_port (127.0.0.1 and ::1)\n"
				"  -d, --debug    say on stderr what happens to each packet\n"
				"  -h, --help     this text\n"
				"\n"
				"  udp_pub_ip     the peer's public address or name\n"
				"  udp_port       UDP port, the same here and there (default 5555)\n"
				"\n"
				"Start both sides, and connect to the client side's port, within 30 seconds.\n"
				"It ends with the connection. Exit codes: 11 local connection lost, 12 closed,\n"
				"13 lost while writing, 14 no heartbeat, 15 no acknowledgement, 16 the peer does\n"
				"not speak this protocol; 2 usage, 4 a local port or service is not to be had.\n";

static void say(const char *text)
{
	fprintf(stderr, "adit udphp: %s\n", text);
}

static int usage(const char *why, const char *what)
{
	fprintf(stderr, "adit udphp: %s%s\nusage: adit udphp -c|-l [-d] tcp_port udp_pub_ip [udp_port]; -h explains\n",
		why, what);
	return EXIT_USAGE;
}

/* |ctx| is not NULL where debugging output is on. */
static void write_log(void *ctx, enum adit_log_level level, const char *line)
{
	struct timespec ts;
	struct tm tm;

	(void)level;
	if (!ctx) {
		say(line);
		return;
	}
	clock_gettime(CLOCK_REALTIME, &ts);
	localtime_r(&ts.tv_sec, &tm);
	fprintf(stderr, "%02d:%02d:%02d.%03ld adit udphp: %s\n", tm.tm_hour, tm.tm_min, tm.tm_sec, ts.tv_nsec / 1000000,
		line);
}

static void fill_random(void *ctx, void *buf, size_t len)
{
	(void)ctx;
	/* Up to 256 bytes neither fail nor come short, once the system has booted. */
	if (getrandom(buf, len, 0) != (ssize_t)len)
		abort();
}

static bool parse_port(const char *text, uint16_t *ret_port)
{
	char *end;
	unsigned long n;

	if (text[0] < '0' || text[0] > '9')
		return false;
	errno = 0;
	n = strtoul(text, &end, 10);
	if (errno || *end || n == 0 || n > UINT16_MAX)
		return false;
	*ret_port = (uint16_t)n;
	return true;
}

static const char *exit_text(int code)
{
	switch (code) {
	case UDPHP_EXIT_TCP_READ:
		return "the local TCP connection was lost (exit 11)";
	case UDPHP_EXIT_TCP_EOF:
		return "the local TCP connection was closed (exit 12)";
	case UDPHP_EXIT_TCP_WRITE:
		return "the local TCP connection was lost while the peer's data were written to it (exit 13)";
	case UDPHP_EXIT_SILENT:
		return "ten heartbeats went unanswered (exit 14): is the peer running, with this machine's public IP?";
	case UDPHP_EXIT_NO_ACK:
		return "30 tries to deliver data went unanswered (exit 15): start both sides anew, at most 30 s apart";
	case UDPHP_EXIT_BAD_TYPE:
		return "the peer sent something that is not of udphp's protocol (exit 16): what uses that port there?";
	case IO_UDPHP_INTERNAL:
		return "out of memory or descriptors (exit 1)";
	default:
		return NULL; /* has been told, or is what the user asked for */
	}
}

static int run(struct io_udphp_config *cfg, const char *peer, uint16_t udp_port)
{
	const char *why = io_udphp_resolve(peer, udp_port, &cfg->peer);
	int code;

	if (why) {
		fprintf(stderr, "adit udphp: cannot resolve %s: %s; give the peer's public IP address\n", peer, why);
		return IO_UDPHP_LOCAL;
	}
	say("warning: this mode has no encryption and no authentication");
	code = io_udphp_run(cfg);
	why = exit_text(code);
	if (why)
		say(why);
	return code;
}

int cmd_udphp(int argc, char **argv)
{
	static const struct option options[] = {
		{"connect", no_argument, NULL, 'c'},
		{"listen", no_argument, NULL, 'l'},
		{"debug", no_argument, NULL, 'd'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	struct adit_log log = {.write = write_log, .level = ADIT_LOG_INFO};
	struct io_udphp_config cfg = {.rng = {.fill = fill_random}, .md5 = crypto_md5, .log = &log};
	uint16_t udp_port = UDPHP_PORT_DEFAULT;
	bool connect = false, listen = false;
	int c;

	optind = 0; /* begin anew: the main program has parsed its own options */
	opterr = 0;
	while ((c = getopt_long(argc, argv, "cldh", options, NULL)) != -1) {
		switch (c) {
		case 'c':
			connect = true;
			break;
		case 'l':
			listen = true;
			break;
		case 'd':
			log.level = ADIT_LOG_PACKET;
			log.ctx = &log;
			break;
		case 'h':
			fputs(help_text, stdout);
			return 0;
		default:
			return usage("unknown option: ", argv[optind - 1]);
		}
	}
	if (connect == listen)
		return usage("give one of -c (server side) and -l (client side)", "");
	if (argc - optind < 2 || argc - optind > 3)
		return usage("expected: tcp_port udp_pub_ip [udp_port]", "");
	if (!parse_port(argv[optind], &cfg.tcp_port))
		return usage("not a TCP port: ", argv[optind]);
	if (argc - optind == 3 && !parse_port(argv[optind + 2], &udp_port))
		return usage("not a UDP port: ", argv[optind + 2]);
	cfg.server = connect;
	cfg.udp_port = udp_port;
	return run(&cfg, argv[optind + 1], udp_port);
}
