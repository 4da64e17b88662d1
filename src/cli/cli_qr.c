/* A QR code as text. libqrencode does the coding, this draws it. */
#include "cli/cli_qr.h"

#include <qrencode.h>
#include <stdio.h>
#include <stdlib.h>

#define QUIET 4 /* modules around the symbol: ISO/IEC 18004, 5.3.8 */

#define BLACK_ON_WHITE "\033[38;5;16;48;5;231m"
#define PLAIN          "\033[0m"

static bool is_dark(const QRcode *code, int x, int y)
{
	return x >= 0 && y >= 0 && x < code->width && y < code->width && code->data[y * code->width + x] & 1;
}

static void draw(FILE *f, const QRcode *code, bool color)
{
	static const char *const cells[] = {" ", "\u2584", "\u2580",
					    "\u2588"}; /* bit 1: the upper half, bit 0: the lower */

	for (int y = -QUIET; y < code->width + QUIET; y += 2) {
		fputs(color ? BLACK_ON_WHITE : "", f);
		for (int x = -QUIET; x < code->width + QUIET; x++) {
			bool upper = is_dark(code, x, y) == color;
			bool lower = is_dark(code, x, y + 1) == color;

			fputs(cells[upper * 2 + lower], f);
		}
		fputs(color ? PLAIN "\n" : "\n", f);
	}
}

char *cli_qr(const char *text, bool color)
{
	QRcode *code = QRcode_encodeString(text, 0, QR_ECLEVEL_L, QR_MODE_8, 0);
	char *drawn = NULL;
	size_t len;
	FILE *f = code ? open_memstream(&drawn, &len) : NULL;

	if (f) {
		draw(f, code, color);
		if (fclose(f) != 0) {
			free(drawn);
			drawn = NULL;
		}
	}
	QRcode_free(code);
	return drawn;
}
