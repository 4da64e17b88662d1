/* A QR code as text. libqrencode does the coding, this draws it. */
#include "cli/cli_qr.h"

#include <assert.h>
#include <qrencode.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

#define QUIET 4 /* modules around the symbol: ISO/IEC 18004, 5.3.8 */

#define BLACK_ON_WHITE "\033[38;5;16;48;5;231m"
#define PLAIN          "\033[0m"

static bool is_dark(const QRcode *code, int x, int y)
{
	return x >= 0 && y >= 0 && x < code->width && y < code->width && code->data[y * code->width + x] & 1;
}

/* A line's bytes, at most: three for each cell, and what stands around them. */
static size_t room_for(size_t cells)
{
	return cells * 3 + sizeof(BLACK_ON_WHITE) + sizeof(PLAIN);
}

static void put(struct adit_wr *w, const char *text)
{
	adit_wr_bytes(w, text, strlen(text));
}

static void draw(struct adit_wr *w, const QRcode *code, bool color)
{
	static const char *const cells[] = {" ", "\u2584", "\u2580",
					    "\u2588"}; /* bit 1: the upper half, bit 0: the lower */

	for (int y = -QUIET; y < code->width + QUIET; y += 2) {
		put(w, color ? BLACK_ON_WHITE : "");
		for (int x = -QUIET; x < code->width + QUIET; x++) {
			bool upper = is_dark(code, x, y) == color;
			bool lower = is_dark(code, x, y + 1) == color;

			put(w, cells[upper * 2 + lower]);
		}
		put(w, color ? PLAIN "\n" : "\n");
	}
	adit_wr_u8(w, 0);
}

/* A code is as secret as its text: it is written into one piece of memory, and none is left behind. */
char *cli_qr(const char *text, bool color)
{
	QRcode *code = QRcode_encodeString(text, 0, QR_ECLEVEL_L, QR_MODE_8, 0);
	size_t side = code ? (size_t)code->width + 2 * QUIET : 0;
	size_t cap = room_for(side) * (side + 1) / 2 + 1;
	char *drawn = code ? malloc(cap) : NULL;

	if (drawn) {
		struct adit_wr w = adit_wr_over((uint8_t *)drawn, cap);

		draw(&w, code, color);
		assert(!w.bad);
	}
	if (code)
		adit_bytes_wipe(code->data, (size_t)code->width * (size_t)code->width);
	QRcode_free(code);
	return drawn;
}
