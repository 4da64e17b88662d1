/* Who holds a port: /proc tells, as far as this user may look. */
#ifndef ADIT_IO_HOLDER_H
#define ADIT_IO_HOLDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Writes "NAME (process 123)"; false: not known. TCP listeners, or UDP sockets with |udp|. */
bool io_holder_of_port(uint16_t port, bool udp, char *buf, size_t cap);

#endif
