/* `adit-lab list`: the species of NATs and the keys that they are written with, for people and as JSON. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "lab/box_opts.h"
#include "lab/box_shell.h"
#include "lab/box_species.h"
#include "lab/lab_species.h"

const char box_help_list[] = "adit-lab list     the zoo: named NATs, each with where it was seen\n"
			     "\n"
			     "  NAME     only this one, with its settings\n"
			     "  --keys   what can be set: SPECIES,key=value...\n"
			     "  --json   as JSON\n"
			     "\n"
			     "A species goes wherever `nat` and `net` take one, changed or not:\n"
			     "  adit-lab nat cgn-block,filter=apd,timeout=30s ...\n";

static void json_member(const char *key, const char *value, bool first)
{
	printf("%s\"%s\":", first ? "" : ",", key);
	box_json_str(value);
}

static void print_species(const struct lab_species *s, bool json, bool all)
{
	if (json) {
		printf("{");
		json_member("name", s->name, true);
		json_member("what", s->what, false);
		json_member("settings", s->settings, false);
		json_member("source", s->source, false);
		printf("}");
		return;
	}
	printf("%-20s %s\n", s->name, s->what);
	if (all)
		printf("%-20s settings: %s\n", "", s->settings);
	printf("%-20s source: %s\n", "", s->source);
}

static int list_species(const char *only, bool json)
{
	const struct lab_species *s;

	if (only) {
		s = lab_species_find(only);
		if (!s) {
			fprintf(stderr, "adit-lab list: no species is called %s; `adit-lab list` shows them all\n",
				only);
			return BOX_EXIT_SPECIES;
		}
		print_species(s, json, true);
		if (json)
			printf("\n");
		return BOX_EXIT_OK;
	}
	if (json)
		printf("[");
	for (size_t i = 0; (s = lab_species_at(i)) != NULL; i++) {
		if (json && i > 0)
			printf(",\n ");
		print_species(s, json, false);
	}
	if (json)
		printf("]\n");
	return BOX_EXIT_OK;
}

static int list_keys(bool json)
{
	const struct lab_species_key *k;

	if (json)
		printf("[");
	for (size_t i = 0; (k = lab_species_key_at(i)) != NULL; i++) {
		if (!json) {
			printf("%-16s %-32s %s\n", k->name, k->values, k->what);
			continue;
		}
		printf("%s{", i > 0 ? ",\n " : "");
		json_member("name", k->name, true);
		json_member("values", k->values, false);
		json_member("what", k->what, false);
		printf("}");
	}
	if (json)
		printf("]\n");
	return BOX_EXIT_OK;
}

int box_cmd_list(int argc, char **argv)
{
	static const struct option options[] = {
		{"keys", no_argument, NULL, 'k'},
		{"json", no_argument, NULL, 'j'},
		{NULL, 0, NULL, 0},
	};
	bool keys = false;
	bool json = false;
	int opt;

	opterr = 0;
	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (opt == 'k')
			keys = true;
		else if (opt == 'j')
			json = true;
		else
			return box_usage("list", "unknown option", argv[optind - 1]);
	}
	if (argc - optind > 1)
		return box_usage("list", "one species at a time, not also", argv[optind + 1]);
	if (keys && optind < argc)
		return box_usage("list", "--keys takes no species", argv[optind]);
	return keys ? list_keys(json) : list_species(argv[optind], json);
}
