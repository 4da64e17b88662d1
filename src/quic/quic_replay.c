#include "quic/quic_replay.h"

#include <string.h>

#define WINDOW (QUIC_REPLAY_WORDS * 64u)

uint64_t quic_replay_decode(const struct quic_replay *r, uint64_t low, size_t len)
{
	uint64_t size = (uint64_t)1 << (8 * len);
	uint64_t guess = (r->next & ~(size - 1)) | low;

	if (guess + size / 2 <= r->next)
		return guess + size;
	if (guess > r->next + size / 2 && guess >= size)
		return guess - size;
	return guess;
}

/* Forgets the packets that leave the window when |number| enters it. */
static void replay_slide(struct quic_replay *r, uint64_t number)
{
	uint64_t word = r->next / 64;
	uint64_t last = number / 64;

	if (number - r->next >= WINDOW) {
		memset(r->seen, 0, sizeof(r->seen));
	} else {
		/* The word of |next| itself is begun already, unless |next| is its first bit. */
		if (r->next % 64 != 0)
			word++;
		for (; word <= last; word++)
			r->seen[word % QUIC_REPLAY_WORDS] = 0;
	}
	r->next = number + 1;
}

bool quic_replay_note(struct quic_replay *r, uint64_t number)
{
	uint64_t *word = &r->seen[number / 64 % QUIC_REPLAY_WORDS];
	uint64_t bit = (uint64_t)1 << (number % 64);

	if (number >= r->next)
		replay_slide(r, number);
	else if (number / 64 + QUIC_REPLAY_WORDS <= (r->next - 1) / 64)
		return false;
	if (*word & bit)
		return false;
	*word |= bit;
	return true;
}
