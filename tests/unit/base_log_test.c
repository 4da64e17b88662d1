#include "test.h"

#include <string.h>

#include "base/log.h"

struct seen {
	unsigned n;
	enum adit_log_level level;
	char line[2 * ADIT_LOG_LINE_MAX];
};

static void remember(void *ctx, enum adit_log_level level, const char *line)
{
	struct seen *s = ctx;

	s->n++;
	s->level = level;
	assert_true(strlen(line) < sizeof(s->line));
	memcpy(s->line, line, strlen(line) + 1);
}

static void a_line_arrives_with_its_level(void **state)
{
	struct seen s = {0};
	struct adit_log log = {.write = remember, .ctx = &s, .level = ADIT_LOG_PACKET};

	(void)state;
	adit_trace(&log, ADIT_LOG_DECIDE, "path sock=%d why=%s", 7, "lost");
	assert_int_equal(s.n, 1);
	assert_int_equal(s.level, ADIT_LOG_DECIDE);
	assert_string_equal(s.line, "path sock=7 why=lost");
}

static void lines_above_the_level_do_not_arrive(void **state)
{
	(void)state;
	for (int limit = ADIT_LOG_ERROR; limit <= ADIT_LOG_PACKET; limit++) {
		for (int level = ADIT_LOG_ERROR; level <= ADIT_LOG_PACKET; level++) {
			struct seen s = {0};
			struct adit_log log = {.write = remember, .ctx = &s, .level = (enum adit_log_level)limit};

			adit_trace(&log, (enum adit_log_level)level, "x");
			assert_int_equal(s.n, level <= limit);
			assert_int_equal(adit_log_has(&log, (enum adit_log_level)level), level <= limit);
		}
	}
}

static void nobody_listens(void **state)
{
	(void)state;
	adit_trace(NULL, ADIT_LOG_ERROR, "x");
	assert_false(adit_log_has(NULL, ADIT_LOG_ERROR));
}

static void a_long_line_is_cut(void **state)
{
	struct seen s = {0};
	struct adit_log log = {.write = remember, .ctx = &s, .level = ADIT_LOG_INFO};

	(void)state;
	adit_trace(&log, ADIT_LOG_INFO, "%0*d", ADIT_LOG_LINE_MAX - 1, 1);
	assert_int_equal(strlen(s.line), ADIT_LOG_LINE_MAX - 1);
	assert_int_equal(s.line[ADIT_LOG_LINE_MAX - 2], '1');
	adit_trace(&log, ADIT_LOG_INFO, "%0*d", ADIT_LOG_LINE_MAX, 1);
	assert_int_equal(strlen(s.line), ADIT_LOG_LINE_MAX - 1);
	assert_int_equal(s.line[ADIT_LOG_LINE_MAX - 2], '0');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_arrives_with_its_level),
		cmocka_unit_test(lines_above_the_level_do_not_arrive),
		cmocka_unit_test(nobody_listens),
		cmocka_unit_test(a_long_line_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
