/* `adit udphp` alone, for the end-to-end test. */
#include "cli/cmd_udphp.h"

int main(int argc, char **argv)
{
	return cmd_udphp(argc, argv);
}
