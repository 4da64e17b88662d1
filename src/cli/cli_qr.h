/*
 * A QR code in a terminal: two modules to a character cell, one above the other, so that they come out square.
 */
#ifndef ADIT_CLI_QR_H
#define ADIT_CLI_QR_H

#include <stdbool.h>

/*
 * |text| (letters count as upper case: ISO/IEC 18004's alphanumeric mode, which takes two thirds of the room) as lines
 * of UTF-8 with the quiet zone around, for free(); NULL where it is too long or memory ran out. |color|: black on white
 * whatever the terminal's colours are; without, what is light in the code is drawn, for a dark background.
 */
char *cli_qr(const char *text, bool color);

#endif
