#include "cli/cli_config.h"

#include <stdbool.h>
#include <string.h>

#include "cli/cli_exit.h"
#include "cli/cli_text.h"

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* The first character that no line may hold, or |len|. */
static size_t find_control(const char *line, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (((unsigned char)line[i] < 0x20 && !is_blank(line[i])) || line[i] == 0x7f)
			return i;
	return len;
}

static size_t without_comment(const char *line, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (line[i] == '#' && (i == 0 || is_blank(line[i - 1])))
			return i;
	return len;
}

int cli_config_parse(const char *line, size_t len, struct cli_config_line *ret_line, struct cli_fault *f)
{
	size_t name_len = 0;

	if (len >= CLI_CONFIG_LINE)
		return cli_fault_set(f, CLI_EXIT_BAD, "the line has %zu bytes; at most %d are taken", len,
				     CLI_CONFIG_LINE - 1);
	if (find_control(line, len) < len) {
		cli_fault_set(f, CLI_EXIT_BAD, "the line holds a control character (column %zu)",
			      find_control(line, len) + 1);
		return cli_fault_next(f, "a config file is plain text");
	}
	len = without_comment(line, len);
	while (len > 0 && is_blank(line[len - 1]))
		len--;
	while (len > 0 && is_blank(*line)) {
		line++;
		len--;
	}
	*ret_line = (struct cli_config_line){0};
	while (name_len < len && !is_blank(line[name_len]))
		name_len++;
	if (name_len > 0 && line[0] == '-') {
		cli_fault_set(f, CLI_EXIT_BAD, "\"%.*s\" starts with a dash", (int)(name_len < 40 ? name_len : 40),
			      line);
		return cli_fault_next(f, "write long options without dashes: peer 203.0.113.20");
	}
	memcpy(ret_line->name, line, name_len);
	while (name_len < len && is_blank(line[name_len]))
		name_len++;
	memcpy(ret_line->value, line + name_len, len - name_len);
	return 0;
}
