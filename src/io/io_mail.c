#include "io/io_mail.h"

#include <stdalign.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

struct letter {
	struct letter *next;
	unsigned kind;
	size_t head_len; /* rounded up, so that what follows may be anything */
	size_t len;
	alignas(max_align_t) uint8_t text[];
};

struct io_mail {
	uv_async_t async; /* first: its close callback gets this pointer */
	uv_mutex_t lock; /* of what follows, up to the blank line */
	struct letter *first;
	struct letter **last;
	size_t waiting; /* bytes that may be dropped */
	bool has_last;
	unsigned last_kind;

	io_mail_letter *letter;
	void *ctx;
	bool closed; /* from inside of |letter| */
};

/* |*ret_last|: the last letter follows them. */
static struct letter *take_all(struct io_mail *m, bool *ret_last)
{
	struct letter *first;

	uv_mutex_lock(&m->lock);
	first = m->first;
	*ret_last = m->has_last;
	m->has_last = false;
	m->first = NULL;
	m->last = &m->first;
	m->waiting = 0;
	uv_mutex_unlock(&m->lock);
	return first;
}

static void on_async(uv_async_t *async)
{
	struct io_mail *m = (struct io_mail *)async;
	struct letter *next;
	bool has_last;

	for (struct letter *l = take_all(m, &has_last); l; l = next) {
		next = l->next;
		if (!m->closed)
			m->letter(m->ctx, l->kind, l->text, l->text + l->head_len, l->len);
		free(l);
	}
	if (has_last && !m->closed)
		m->letter(m->ctx, m->last_kind, NULL, NULL, 0);
}

int io_mail_new(uv_loop_t *loop, io_mail_letter *letter, void *ctx, struct io_mail **ret_mail)
{
	struct io_mail *m = calloc(1, sizeof(*m));

	if (!m)
		return ADIT_ENOMEM;
	if (uv_mutex_init(&m->lock) < 0) {
		free(m);
		return ADIT_ENOMEM;
	}
	if (uv_async_init(loop, &m->async, on_async) < 0) {
		uv_mutex_destroy(&m->lock);
		free(m);
		return ADIT_ESYS;
	}
	m->last = &m->first;
	m->letter = letter;
	m->ctx = ctx;
	*ret_mail = m;
	return 0;
}

static struct letter *write_letter(unsigned kind, const void *head, size_t head_len, const void *data, size_t len)
{
	size_t room = (head_len + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
	struct letter *l = malloc(sizeof(*l) + room + len);

	if (!l)
		return NULL;
	l->next = NULL;
	l->kind = kind;
	l->head_len = room;
	l->len = len;
	if (head_len > 0)
		memcpy(l->text, head, head_len);
	if (len > 0)
		memcpy(l->text + room, data, len);
	return l;
}

int io_mail_put(struct io_mail *m, unsigned kind, const void *head, size_t head_len, const void *data, size_t len,
		bool may_drop)
{
	struct letter *l = write_letter(kind, head, head_len, data, len);
	bool is_full;
	bool is_first;

	if (!l)
		return ADIT_ENOMEM;
	uv_mutex_lock(&m->lock);
	is_full = may_drop && m->waiting + len > IO_MAIL_MAX;
	is_first = !m->first;
	if (!is_full) {
		*m->last = l;
		m->last = &l->next;
		m->waiting += may_drop ? len : 0;
	}
	uv_mutex_unlock(&m->lock);
	if (is_full) {
		free(l);
		return ADIT_EFULL;
	}
	if (is_first)
		uv_async_send(&m->async);
	return 0;
}

void io_mail_last(struct io_mail *m, unsigned kind)
{
	uv_mutex_lock(&m->lock);
	m->has_last = true;
	m->last_kind = kind;
	/* Inside the lock: the reader may close the box as soon as it can have the letter. */
	uv_async_send(&m->async);
	uv_mutex_unlock(&m->lock);
}

static void on_closed(uv_handle_t *h)
{
	struct io_mail *m = (struct io_mail *)h;

	uv_mutex_destroy(&m->lock);
	free(m);
}

void io_mail_close(struct io_mail *m)
{
	struct letter *next;
	bool has_last;

	if (!m)
		return;
	m->closed = true;
	for (struct letter *l = take_all(m, &has_last); l; l = next) {
		next = l->next;
		free(l);
	}
	uv_close((uv_handle_t *)&m->async, on_closed);
}
