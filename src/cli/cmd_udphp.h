/*
 * adit udphp -c|-l [-d] tcp_port udp_pub_ip [udp_port]: the old script's protocol, arguments and exit codes.
 */
#ifndef ADIT_CLI_CMD_UDPHP_H
#define ADIT_CLI_CMD_UDPHP_H

/* |argv[0]| is the command's name, the rest its arguments. Returns the exit code. */
int cmd_udphp(int argc, char **argv);

#endif
