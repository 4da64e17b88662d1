#include "test.h"

#include <string.h>

#include "base/bytes.h"
#include "base/list.h"

struct item {
	int before; /* so that the node is not at the beginning */
	struct adit_list node;
	char letter;
};

static struct item ITEMS[5];

static struct item *item_of(struct adit_list *node)
{
	return adit_container(node, struct item, node);
}

static int setup(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ITEMS); i++) {
		ITEMS[i].letter = (char)('a' + i);
		adit_list_init(&ITEMS[i].node);
	}
	return 0;
}

/* The letters in order, forwards; backwards must say the same. */
static void assert_list(const struct adit_list *head, const char *want)
{
	char got[8] = "";
	size_t n = 0;

	adit_list_each (it, head)
		got[n++] = item_of(it)->letter;
	assert_string_equal(got, want);
	for (const struct adit_list *it = head->prev; it != head; it = it->prev)
		assert_int_equal(adit_container(it, struct item, node)->letter, want[--n]);
	assert_int_equal(n, 0);
	assert_int_equal(adit_list_is_empty(head), want[0] == '\0');
	if (want[0])
		assert_int_equal(item_of(adit_list_first(head))->letter, want[0]);
	else
		assert_null(adit_list_first(head));
}

static void things_are_where_they_were_put(void **state)
{
	struct adit_list head;

	(void)state;
	adit_list_init(&head);
	assert_list(&head, "");
	adit_list_push_back(&head, &ITEMS[1].node);
	adit_list_push_back(&head, &ITEMS[3].node);
	adit_list_push_front(&head, &ITEMS[0].node);
	adit_list_add_before(&ITEMS[3].node, &ITEMS[2].node);
	adit_list_add_before(&head, &ITEMS[4].node);
	assert_list(&head, "abcde");
}

static void what_is_removed_is_unlinked_and_can_come_back(void **state)
{
	struct adit_list head;
	struct adit_list never = {0};

	(void)state;
	adit_list_init(&head);
	for (size_t i = 0; i < 3; i++)
		adit_list_push_back(&head, &ITEMS[i].node);
	assert_true(adit_list_is_linked(&ITEMS[1].node));
	adit_list_del(&ITEMS[1].node);
	assert_false(adit_list_is_linked(&ITEMS[1].node));
	assert_list(&head, "ac");
	adit_list_del(&ITEMS[1].node);
	assert_list(&head, "ac");
	adit_list_push_front(&head, &ITEMS[1].node);
	assert_list(&head, "bac");
	adit_list_del(&ITEMS[1].node);
	adit_list_del(&ITEMS[2].node);
	adit_list_del(&ITEMS[0].node);
	assert_list(&head, "");
	assert_false(adit_list_is_linked(&never));
}

static void the_safe_walk_survives_removal_of_any_subset(void **state)
{
	(void)state;
	for (unsigned subset = 0; subset < 32; subset++) {
		struct adit_list head;
		char want[8] = "";
		size_t n = 0;

		setup(NULL);
		adit_list_init(&head);
		for (size_t i = 0; i < ARRAY_LEN(ITEMS); i++)
			adit_list_push_back(&head, &ITEMS[i].node);
		adit_list_each_safe (it, tmp, &head) {
			unsigned bit = (unsigned)(item_of(it)->letter - 'a');

			if (subset >> bit & 1)
				adit_list_del(it);
			else
				want[n++] = item_of(it)->letter;
		}
		assert_list(&head, want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(things_are_where_they_were_put, setup),
		cmocka_unit_test_setup(what_is_removed_is_unlinked_and_can_come_back, setup),
		cmocka_unit_test_setup(the_safe_walk_survives_removal_of_any_subset, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
