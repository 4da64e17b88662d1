#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "core/trust/trust_idline.h"

#define KEY "aebagbafaydqqcikbmga2dqpcaireeyuculbogazdinryhi6d4qa" /* 1, 2 ... 32 */

static int parse(const char *line, struct trust_idline *ret_id, const char **ret_reason)
{
	*ret_reason = NULL;
	return trust_idline_parse(line, strlen(line), ret_id, ret_reason);
}

static void a_line_has_a_key_a_comment_and_services(void **state)
{
	static const char *const lines[] = {
		"ed25519 " KEY " anna@laptop [web,ssh]",  "ed25519 " KEY " anna@laptop web,ssh",
		"ed25519 " KEY " anna@laptop web ssh\n",  " ed25519\t" KEY "  anna@laptop\t[ web, ssh ] \r\n",
		"ed25519 " KEY " anna@laptop ,web,,ssh,",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		struct trust_idline id;
		const char *reason;

		assert_int_equal(parse(lines[i], &id, &reason), 0);
		assert_null(reason);
		for (size_t b = 0; b < sizeof(id.key); b++)
			assert_int_equal(id.key[b], b + 1);
		assert_string_equal(id.comment, "anna@laptop");
		assert_int_equal(id.n_services, 2);
		assert_true(trust_idline_has_service(&id, "web"));
		assert_true(trust_idline_has_service(&id, "ssh"));
		assert_false(trust_idline_has_service(&id, "we"));
		assert_false(trust_idline_has_service(&id, "webs"));
	}
}

static void no_list_means_every_service(void **state)
{
	static const char *const lines[] = {"ed25519 " KEY " c", "ed25519 " KEY, "ed25519 " KEY " c \n"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		struct trust_idline id;
		const char *reason;

		assert_int_equal(parse(lines[i], &id, &reason), 0);
		assert_int_equal(id.n_services, 0);
		assert_true(trust_idline_has_service(&id, "anything"));
	}
}

static void blank_lines_and_remarks_are_passed_over(void **state)
{
	static const char *const lines[] = {"", "\n", "  \t\r\n", "# ed25519 " KEY " c", "  #x"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		struct trust_idline id;
		const char *reason;

		assert_int_equal(parse(lines[i], &id, &reason), ADIT_EIGNORED);
	}
}

/* Above all, what is wrong must never turn into "all services". */
static void every_mistake_has_a_reason(void **state)
{
	static const struct {
		const char *line;
		const char *in_reason;
	} cases[] = {
		{"ssh-ed25519 " KEY " c", "begin"},
		{"ED25519 " KEY " c", "begin"},
		{"ed25519", "missing"},
		{"ed25519 aaaa c", "damaged"},
		{"ed25519 " KEY "a c", "damaged"},
		{"ed25519 0ebagbafaydqqcikbmga2dqpcaireeyuculbogazdinryhi6d4qa c", "damaged"},
		{"ed25519 aebagbafaydqqcikbmga2dqpcaireeyuculbogazdinryhi6d4qb c", "damaged"},
		{"ed25519 " KEY " [web]", "comment"},
		{"ed25519 " KEY " c [", "bracket"},
		{"ed25519 " KEY " c ]", "bracket"},
		{"ed25519 " KEY " c [web", "bracket"},
		{"ed25519 " KEY " c web]", "bracket"},
		{"ed25519 " KEY " c []", "empty"},
		{"ed25519 " KEY " c [ ]", "empty"},
		{"ed25519 " KEY " c ,", "empty"},
		{"ed25519 " KEY " c [web,Web]", "a-z"},
		{"ed25519 " KEY " c [[web]]", "a-z"},
		{"ed25519 " KEY " c web,\x1b[2J", "a-z"},
		{"ed25519 " KEY " c a-name-of-more-than-thirty-two-chars", "a-z"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct trust_idline id;
		const char *reason;

		assert_int_equal(parse(cases[i].line, &id, &reason), ADIT_EINVAL);
		assert_non_null(reason);
		assert_non_null(strstr(reason, cases[i].in_reason));
	}
}

static void a_nul_is_no_end_of_line(void **state)
{
	static const char line[] = "ed25519 " KEY " c\0 [web,\0]";
	struct trust_idline id;
	const char *reason = NULL;

	(void)state;
	assert_int_equal(trust_idline_parse(line, sizeof(line) - 1, &id, &reason), ADIT_EINVAL);
	assert_int_equal(trust_idline_parse(line, 8 + 52 + 3, &id, &reason), 0);
	assert_string_equal(id.comment, "c?");
}

static void comments_are_made_safe_and_cut(void **state)
{
	static const char line[] =
		"ed25519 " KEY " \x1b]0;x\x07"
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa web";
	struct trust_idline id;
	const char *reason;

	(void)state;
	assert_int_equal(parse(line, &id, &reason), 0);
	assert_int_equal(strlen(id.comment), TRUST_COMMENT_MAX);
	assert_memory_equal(id.comment, "?]0;x?aaa", 9);
	assert_int_equal(id.n_services, 1);
}

static void add_service(struct trust_idline *id, const char *name)
{
	snprintf(id->services[id->n_services++], sizeof(id->services[0]), "%s", name);
}

static void what_is_formatted_is_parsed_back(void **state)
{
	struct trust_idline id = {.comment = "anna@laptop"};
	struct trust_idline back;
	char text[TRUST_IDLINE_TEXT_MAX + 1];
	const char *reason = NULL;
	size_t n;

	(void)state;
	for (size_t i = 0; i < sizeof(id.key); i++)
		id.key[i] = (uint8_t)(i + 1);
	n = trust_idline_format(&id, text);
	assert_int_equal(n, strlen(text));
	assert_string_equal(text, "ed25519 " KEY " anna@laptop");
	add_service(&id, "web");
	add_service(&id, "ssh");
	n = trust_idline_format(&id, text);
	assert_int_equal(n, strlen(text));
	assert_string_equal(text, "ed25519 " KEY " anna@laptop [web,ssh]");
	assert_int_equal(trust_idline_parse(text, strlen(text), &back, &reason), 0);
	assert_memory_equal(&back, &id, sizeof(id));
	/* Without a comment the services still stand where they are found. */
	id.comment[0] = '\0';
	trust_idline_format(&id, text);
	assert_string_equal(text, "ed25519 " KEY " - [web,ssh]");
	id.n_services = 0;
	trust_idline_format(&id, text);
	assert_string_equal(text, "ed25519 " KEY);
	snprintf(id.comment, sizeof(id.comment), "[two words\n");
	trust_idline_format(&id, text);
	assert_string_equal(text, "ed25519 " KEY " -two-words?");
}

static void the_longest_line_fits(void **state)
{
	struct trust_idline id = {0};
	struct trust_idline back;
	char text[TRUST_IDLINE_TEXT_MAX + 1];
	char more[TRUST_IDLINE_TEXT_MAX + 8];
	const char *reason = NULL;

	(void)state;
	memset(id.comment, 'c', TRUST_COMMENT_MAX);
	id.n_services = TRUST_IDLINE_SERVICES_MAX;
	for (size_t i = 0; i < id.n_services; i++)
		memset(id.services[i], 's', TRUST_NAME_MAX);
	/* One comma fewer than services. */
	assert_int_equal(trust_idline_format(&id, text), TRUST_IDLINE_TEXT_MAX - 1);
	assert_int_equal(trust_idline_parse(text, strlen(text), &back, &reason), 0);
	assert_memory_equal(&back, &id, sizeof(id));
	snprintf(more, sizeof(more), "%.*s,x]", (int)strlen(text) - 1, text);
	assert_int_equal(trust_idline_parse(more, strlen(more), &back, &reason), ADIT_EFULL);
	assert_non_null(reason);
}

static void every_truncation_is_parsed_or_explained(void **state)
{
	static const char line[] = "ed25519 " KEY " c [web,ssh]";

	(void)state;
	for (size_t i = 0; i < sizeof(line); i++) {
		char *copy = malloc(i ? i : 1);
		struct trust_idline id;
		const char *reason = NULL;
		int err;

		memcpy(copy, line, i);
		err = trust_idline_parse(copy, i, &id, &reason);
		assert_true(err == 0 || err == ADIT_EIGNORED || reason);
		free(copy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_has_a_key_a_comment_and_services),
		cmocka_unit_test(no_list_means_every_service),
		cmocka_unit_test(blank_lines_and_remarks_are_passed_over),
		cmocka_unit_test(every_mistake_has_a_reason),
		cmocka_unit_test(a_nul_is_no_end_of_line),
		cmocka_unit_test(comments_are_made_safe_and_cut),
		cmocka_unit_test(what_is_formatted_is_parsed_back),
		cmocka_unit_test(the_longest_line_fits),
		cmocka_unit_test(every_truncation_is_parsed_or_explained),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
