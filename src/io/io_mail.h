/*
 * A mailbox of a loop: another thread puts letters in, the loop's own thread reads them, in order. Nothing is shared
 * but the box. Whoever closes it sees to it that nobody puts anything in any more.
 */
#ifndef ADIT_IO_MAIL_H
#define ADIT_IO_MAIL_H

#include <stdbool.h>
#include <uv.h>

#include "base/err.h"

/* Bytes of datagrams that may wait: as much as the socket's own buffer would keep (IO_SOCK_BUFFER). */
#define IO_MAIL_MAX (4 * 1024 * 1024)

struct io_mail;

/* |head| and |data| are good during the call; |head| has the alignment of any type. */
typedef void io_mail_letter(void *ctx, unsigned kind, const void *head, const uint8_t *data, size_t len);

ADIT_MUST_CHECK int io_mail_new(uv_loop_t *loop, io_mail_letter *letter, void *ctx, struct io_mail **ret_mail);
/*
 * From any thread: copies |head| and |data|. |may_drop|: EFULL where
 * IO_MAIL_MAX bytes wait already. ENOMEM.
 */
ADIT_MUST_CHECK int io_mail_put(struct io_mail *m, unsigned kind, const void *head, size_t head_len, const void *data,
				size_t len, bool may_drop);
/*
 * From any thread: the last letter, an empty one. It needs no memory, and nothing may be put in after it: the reader
 * may close the box.
 */
void io_mail_last(struct io_mail *m, unsigned kind);
/* In the loop's thread. Letters that were not read are gone. NULL is fine. */
void io_mail_close(struct io_mail *m);

#endif
