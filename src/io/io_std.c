#include "io/io_std.h"

#include <fcntl.h>
#include <unistd.h>

bool io_std_open(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd < 0)
		return false;
	close(fd);
	return true;
}
