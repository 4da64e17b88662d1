/*
 * Intrusive doubly linked list. The head is a node too; an empty list points at itself.
 * The list owns nothing. A node is in one list at most; adit_list_del() leaves it unlinked.
 */
#ifndef ADIT_BASE_LIST_H
#define ADIT_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct adit_list {
	struct adit_list *prev;
	struct adit_list *next;
};

#define adit_container(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/* |it| runs over the nodes; the _safe form survives adit_list_del(it). */
#define adit_list_each(it, head) for (struct adit_list * (it) = (head)->next; (it) != (head); (it) = (it)->next)
#define adit_list_each_safe(it, tmp, head)                                                \
	for (struct adit_list * (it) = (head)->next, *(tmp) = (it)->next; (it) != (head); \
	     (it) = (tmp), (tmp) = (it)->next)

static inline void adit_list_init(struct adit_list *l)
{
	l->prev = l->next = l;
}

static inline bool adit_list_is_empty(const struct adit_list *l)
{
	return l->next == l;
}

static inline bool adit_list_is_linked(const struct adit_list *l)
{
	return l->next && l->next != l;
}

/* Puts |n| before |at|: with the head as |at|, at the end. */
static inline void adit_list_add_before(struct adit_list *at, struct adit_list *n)
{
	n->prev = at->prev;
	n->next = at;
	at->prev->next = n;
	at->prev = n;
}

static inline void adit_list_push_back(struct adit_list *head, struct adit_list *n)
{
	adit_list_add_before(head, n);
}

static inline void adit_list_push_front(struct adit_list *head, struct adit_list *n)
{
	adit_list_add_before(head->next, n);
}

/* Harmless on an unlinked node that was initialised. */
static inline void adit_list_del(struct adit_list *n)
{
	n->prev->next = n->next;
	n->next->prev = n->prev;
	adit_list_init(n);
}

static inline struct adit_list *adit_list_first(const struct adit_list *head)
{
	return head->next == head ? NULL : head->next;
}

#endif
