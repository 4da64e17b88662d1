#include "test.h"

#include <string.h>

#include "base/bytes.h"
#include "mediator/med_opts.h"

#define MAX_WORDS 8

static int read_words(struct med_opts *o, struct med_fault *f, const char *const words[MAX_WORDS])
{
	static char text[MAX_WORDS + 1][128];
	char *argv[MAX_WORDS + 2];
	int argc = 0;

	strcpy(text[0], "mediator");
	argv[argc++] = text[0];
	for (size_t i = 0; i < MAX_WORDS && words[i]; i++) {
		strcpy(text[argc], words[i]);
		argv[argc] = text[argc];
		argc++;
	}
	argv[argc] = NULL;
	memset(f, 0, sizeof(*f));
	return med_opts_read(o, argc, argv, f);
}

static void without_options_both_families_are_listened_on(void **state)
{
	static const char *const words[MAX_WORDS] = {NULL};
	struct med_opts o;
	struct med_fault f;

	(void)state;
	assert_int_equal(read_words(&o, &f, words), 0);
	assert_true(o.is_default);
	assert_int_equal(o.rate, 10);
	assert_int_equal(o.families[0].n_listen, 1);
	assert_int_equal(o.families[1].n_listen, 1);
	assert_true(adit_addr_is_any(&o.families[0].listen[0]) && adit_addr_is_any(&o.families[1].listen[0]));
	assert_int_equal(o.families[1].listen[0].port, 3478);
}

static void two_addresses_of_each_family_may_be_given(void **state)
{
	static const char *const words[MAX_WORDS] = {"--listen",    "10.0.0.1:80",         "--listen",
						     "10.0.0.2:80", "--listen=[::1]",      "--public",
						     "203.0.113.1", "--public=203.0.113.2"};
	struct adit_addr want = adit_addr_v4(10, 0, 0, 2, 80);
	struct med_opts o;
	struct med_fault f;

	(void)state;
	assert_int_equal(read_words(&o, &f, words), 0);
	assert_false(o.is_default);
	assert_int_equal(o.families[0].n_listen, 2);
	assert_true(adit_addr_eq(&o.families[0].listen[1], &want));
	want = adit_addr_v4(203, 0, 113, 2, 0);
	assert_true(adit_addr_eq(&o.families[0].public_ip[1], &want));
	assert_int_equal(o.families[1].n_listen, 1);
}

static void a_relay_is_lent_with_its_secret_and_its_list(void **state)
{
	static const char *const words[MAX_WORDS] = {"--turn", "turn:a.example", "--turn=turns:b.example:443",
						     "--turn-secret-file=s", "--turn-for=l"};
	struct med_opts o;
	struct med_fault f;

	(void)state;
	assert_int_equal(read_words(&o, &f, words), 0);
	assert_int_equal(o.n_turns, 2);
	assert_string_equal(o.turns[1], "turns:b.example:443");
	assert_string_equal(o.turn_secret_file, "s");
	assert_string_equal(o.turn_for, "l");
}

static void what_makes_no_sense_is_refused_with_a_word_on_what_to_do(void **state)
{
	static const char *const wrong[][MAX_WORDS] = {
		{"--listen", "host"},
		{"--listen", "224.0.0.1"},
		{"--listen", "10.0.0.1", "--listen", "10.0.0.1"},
		{"--listen", "10.0.0.1", "--listen", "10.0.0.2:99"},
		{"--listen", "0.0.0.0", "--listen", "10.0.0.2"},
		{"--listen", "10.0.0.1", "--listen", "10.0.0.2", "--listen", "10.0.0.3"},
		{"--public", "203.0.113.1", "--public", "203.0.113.2"},
		{"--listen", "10.0.0.1", "--public", "203.0.113.1:3478"},
		{"--listen", "10.0.0.1", "--public", "203.0.113.1", "--public", "203.0.113.2"},
		{"--listen", "10.0.0.1:65535"},
		{"--listen", "10.0.0.1:99", "--alt-port", "99"},
		{"--alt-port", "0"},
		{"--alt-port", "65536"},
		{"--rate", ""},
		{"--rate", "-1"},
		{"--rate", "1000001"},
		{"--rate"},
		{"--turn", "turn:a.example"},
		{"--turn", "http://a.example", "--turn-secret-file", "f", "--turn-for", "g"},
		{"--turn", "turn:", "--turn-secret-file", "f", "--turn-for", "g"},
		{"--turn", "turn://a.example", "--turn-secret-file", "f", "--turn-for", "g"},
		{"--turn", "turn:a b", "--turn-secret-file", "f", "--turn-for", "g"},
		{"--turn", "turn:a:abc", "--turn-secret-file", "f", "--turn-for", "g"},
		{"--turn", "turn:a:70000", "--turn-secret-file", "f", "--turn-for", "g"},
		{"--turn", "turn:a?transport=sctp", "--turn-secret-file", "f", "--turn-for", "g"},
		{"--turn", "turns:a?transport=udp", "--turn-secret-file", "f", "--turn-for", "g"},
		{"--turn-secret-file", "f"},
		{"--turn-for", "f"},
		{"--turn=turn:a", "--turn=turn:b", "--turn=turn:c", "--turn=turn:d", "--turn=turn:e",
		 "--turn-secret-file=f", "--turn-for=g"},
		{"--what"},
		{"word"},
	};
	struct med_opts o;
	struct med_fault f;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		if (read_words(&o, &f, wrong[i]) != ADIT_EINVAL)
			fail_msg("row %zu is taken", i);
		assert_true(f.what[0] != '\0');
		assert_non_null(f.next);
	}
}

static void what_is_wrong_is_named(void **state)
{
	static const struct {
		const char *words[MAX_WORDS];
		const char *what;
	} wrong[] = {
		{{"--publc", "1.2.3.4"}, "--publc: there is no such option"},
		{{"-x"}, "-x: there is no such option"},
		{{"--json", "-qxv"}, "-x: there is no such option"},
		{{"--json", "--rate"}, "--rate: its value is missing"},
		{{"word"}, "mediator takes no words, and \"word\" is given"},
	};
	struct med_opts o;
	struct med_fault f;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		assert_int_equal(read_words(&o, &f, wrong[i].words), ADIT_EINVAL);
		assert_string_equal(f.what, wrong[i].what);
		assert_non_null(f.next);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_options_both_families_are_listened_on),
		cmocka_unit_test(two_addresses_of_each_family_may_be_given),
		cmocka_unit_test(a_relay_is_lent_with_its_secret_and_its_list),
		cmocka_unit_test(what_makes_no_sense_is_refused_with_a_word_on_what_to_do),
		cmocka_unit_test(what_is_wrong_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
