/* What the files that read and make packets share, and nobody else uses. */
#ifndef ADIT_LAB_PACKET_INNER_H
#define ADIT_LAB_PACKET_INNER_H

#include <stdbool.h>
#include <stdint.h>

uint16_t lab_packet_get16(const uint8_t *p);
void lab_packet_put16(uint8_t *p, uint16_t v);

/* RFC 792, RFC 4443 4: echo request or reply of |protocol|? */
bool lab_packet_is_echo(uint8_t protocol, uint8_t type, bool *ret_request);

#endif
