/*
 * Every species can be made and behaves as its name says; the text form, and what it says to wrong texts.
 */
#include "lab_zoo_rig.h"

static struct lab_site site_for(const struct lab_species_config *cfg, uint64_t seed)
{
	static const uint8_t lan6[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 1};
	struct lab_site site = rig_site(1, seed);
	uint8_t inside;
	uint8_t outside;

	lab_species_families(cfg, &inside, &outside);
	if (inside == ADIT_FAMILY_V6)
		site.lan = adit_addr_v6(lan6, 0);
	return site;
}

static void every_species_has_what_a_list_shows_and_passes_what_it_may(void **state)
{
	size_t i = 0;

	(void)state;
	for (; lab_species_at(i); i++) {
		const struct lab_species *s = lab_species_at(i);
		struct lab_species_error err = {.text = ""};
		struct lab_species_config cfg;
		struct lab_flow f = {.ttl = 64, .src = rig_host(0, 5555), .dst = rig_remote(0, 53)};
		struct lab_flow g;
		struct lab_nat *n;
		struct lab_site site;

		if (lab_species_parse(s->name, &cfg, &err) < 0)
			fail_msg("%s: %s", s->name, err.text);
		assert_true(strlen(s->name) > 0 && strlen(s->name) < 24 && strlen(s->what) > 10 &&
			    strlen(s->source) > 5);
		assert_ptr_equal(lab_species_find(s->name), s);
		site = site_for(&cfg, i);
		assert_int_equal(lab_species_new(&cfg, &site, &n, &err), 0);
		if (site.lan.family == ADIT_FAMILY_V6) {
			f.src = adit_addr_with_port(site.lan, 5555);
			f.src.ip[15] = 9;
			f.dst = adit_nat64_synthesize(&cfg.zoo.nat64, &f.dst);
		}
		assert_int_equal(n->ops->out(n, ADIT_SEC(1), &f, &g), LAB_FORWARD);
		f = (struct lab_flow){.ttl = 64, .src = g.dst, .dst = g.src};
		assert_int_equal(n->ops->in(n, ADIT_SEC(1) + 1, &f, &g), LAB_FORWARD);
		lab_nat_free(n);
	}
	assert_true(i > 30);
	assert_null(lab_species_at(i));
	assert_null(lab_species_find("no such"));
}

/* "mapping filter port", as RFC 5780's two questions and a look at the port would have it. */
static struct rig_word ask_kind(struct lab_nat *n)
{
	struct adit_addr a = rig_out(n, 0, rig_host(0, 20001), rig_remote(0, 80));
	struct adit_addr b = rig_out(n, 0, rig_host(0, 20001), rig_remote(1, 80));
	struct adit_addr c = rig_out(n, 0, rig_host(0, 20001), rig_remote(2, 80));
	const char *filter = rig_gets_in(n, 0, rig_remote(5, 80), a)   ? "ei"
			     : rig_gets_in(n, 0, rig_remote(0, 81), a) ? "ad"
								       : "apd";
	struct rig_word w;

	snprintf(w.text, sizeof(w.text), "%s %s %s", adit_addr_eq(&a, &b) ? "ei" : "apd", filter,
		 a.port == 20001                                          ? "keep"
		 : b.port - a.port == c.port - b.port && b.port != a.port ? "step"
									  : "other");
	return w;
}

static void a_species_is_what_its_name_says(void **state)
{
	static const struct rig_case rows[] = {
		{"rfc", "ei ad keep"},
		{"full-cone", "ei ei keep"},
		{"restricted-cone", "ei ad keep"},
		{"port-restricted-cone", "ei apd keep"},
		{"symmetric-sequential", "apd apd step"},
		{"symmetric-step2", "apd apd step"},
		{"symmetric-down", "apd apd step"},
		{"symmetric-random", "apd apd other"},
		{"home", "ei apd keep"},
		{"home-random", "ei apd other"},
		{"cgn", "ei ei other"},
		{"cgn-block", "ei apd other"},
		{"cgn-block-symmetric", "apd apd other"},
		{"mobile-symmetric", "apd apd other"},
		{"cloud-aws", "apd apd other"},
		{"corporate", "apd apd other"},
		{"linux", "ei apd keep"},
		{"linux-random", "apd apd other"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct lab_nat *n = rig_new(rows[i].settings, 0, 3);

		assert_string_equal(ask_kind(n).text, rows[i].answer);
		lab_nat_free(n);
	}
}

static void settings_come_after_the_species_and_the_last_one_wins(void **state)
{
	struct lab_species_config cfg;

	(void)state;
	assert_int_equal(lab_species_parse("cgn-block,filter=ei,timeout=1500ms,filter=ad,range=2000-2999,step=-3,"
					   "foreign=2.5,parity=yes,ping=no,out=reject,block=10",
					   &cfg, NULL),
			 0);
	assert_false(cfg.is_linux);
	assert_int_equal(cfg.zoo.filter, LAB_ZOO_AD);
	assert_int_equal(cfg.zoo.idle, ADIT_MS(1500));
	assert_int_equal(cfg.zoo.first, 2000);
	assert_int_equal(cfg.zoo.last, 2999);
	assert_int_equal(cfg.zoo.step, -3);
	assert_int_equal(cfg.zoo.block, 10);
	assert_true(cfg.zoo.foreign > 2.4999 && cfg.zoo.foreign < 2.5001);
	assert_true(cfg.zoo.parity && cfg.zoo.no_ping && cfg.zoo.out_reject);
	assert_int_equal(cfg.zoo.ports, LAB_ZOO_RANDOM);
	/* Without a species: what the RFCs ask for. */
	assert_int_equal(lab_species_parse("", &cfg, NULL), 0);
	assert_int_equal(cfg.zoo.mapping, LAB_ZOO_EI);
	assert_int_equal(cfg.zoo.idle, ADIT_SEC(300));
	assert_int_equal(lab_species_parse("kind=nat64,prefix=2001:db8:122:344::/64", &cfg, NULL), 0);
	assert_int_equal(cfg.zoo.nat64.len, 64);
	assert_int_equal(cfg.zoo.nat64.prefix[6], 0x03);
}

static void linux_has_settings_of_its_own(void **state)
{
	struct lab_species_config cfg;
	struct lab_species_error err;

	(void)state;
	assert_int_equal(lab_species_parse("linux-random,input=accept,replied=7s", &cfg, NULL), 0);
	assert_true(cfg.is_linux && cfg.linux_nat.random);
	assert_int_equal(cfg.linux_nat.input, LAB_INPUT_ACCEPT);
	assert_int_equal(cfg.linux_nat.replied, ADIT_SEC(7));
	assert_int_equal(cfg.linux_nat.unreplied, 0);
	assert_int_equal(lab_species_parse("linux,filter=ei", &cfg, &err), ADIT_EINVAL);
	assert_non_null(strstr(err.text, "filter"));
	assert_int_equal(lab_species_parse("linux,ports=sequential", &cfg, &err), ADIT_EINVAL);
	/* It has one address. */
	assert_int_equal(lab_species_parse("linux", &cfg, NULL), 0);
	{
		struct lab_site two = rig_site(2, 1);
		struct lab_nat *n;

		assert_int_equal(lab_species_new(&cfg, &two, &n, &err), ADIT_EINVAL);
	}
}

static void a_wrong_text_is_told_what_would_be_right(void **state)
{
	static const struct {
		const char *text;
		const char *says[3];
	} rows[] = {
		{"hme", {"hme", "home", "cgn-block"}},
		{"home,foo=1", {"foo", "filter", "prefix"}},
		{"home,filter=maybe", {"filter=maybe", "ei|ad|apd", ""}},
		{"home,full-cone", {"full-cone", "key=value", ""}},
		{"filter=ei,home", {"home", "key=value", ""}},
		{"home,", {"comma", "", ""}},
		{"home,timeout=5x", {"TIME", "", ""}},
		{"home,timeout=5", {"TIME", "", ""}},
		{"home,timeout=99999999999h", {"TIME", "", ""}},
		{"home,timeout=0", {"time-out", "", ""}},
		{"home,step=0", {"step", "", ""}},
		{"home,step=99999", {"STEP", "", ""}},
		{"home,range=5-3", {"range", "", ""}},
		{"home,range=0-70000", {"FIRST-LAST", "", ""}},
		{"home,range=7", {"FIRST-LAST", "", ""}},
		{"home,block=70000", {"block", "", ""}},
		{"home,block=-1", {"N", "", ""}},
		{"home,foreign=1e9", {"RATE", "", ""}},
		{"home,foreign=.", {"RATE", "", ""}},
		{"home,foreign=9999999", {"foreign", "", ""}},
		{"home,parity=maybe", {"no|yes", "", ""}},
		{"home,overload=remote", {"mapping", "", ""}},
		{"nat64,prefix=64:ff9b::/95", {"32, 40, 48", "", ""}},
		{"nat64,prefix=192.0.2.1/96", {"ADDRESS/LENGTH", "", ""}},
		{"nat64,prefix=64:ff9b::", {"ADDRESS/LENGTH", "", ""}},
		{"home,kind=proxy", {"nat44|firewall|nat64|linux", "", ""}},
		{"home,=", {"there is no setting", "", ""}},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct lab_species_error err = {.text = ""};
		struct lab_species_config cfg;

		if (lab_species_parse(rows[i].text, &cfg, &err) != ADIT_EINVAL)
			fail_msg("%s is taken", rows[i].text);
		for (size_t k = 0; k < 3; k++)
			if (!strstr(err.text, rows[i].says[k]))
				fail_msg("%s: \"%s\" lacks %s", rows[i].text, err.text, rows[i].says[k]);
		assert_int_equal(lab_species_parse(rows[i].text, &cfg, NULL), ADIT_EINVAL);
	}
}

static void the_lists_in_error_texts_are_whole(void **state)
{
	struct lab_species_error err;
	struct lab_species_config cfg;
	size_t i;

	(void)state;
	assert_int_equal(lab_species_parse("nobody-has-called-a-species-like-this-one-yet", &cfg, &err), ADIT_EINVAL);
	for (i = 0; lab_species_at(i); i++)
		assert_non_null(strstr(err.text, lab_species_at(i)->name));
	assert_int_equal(lab_species_parse("nobody-has-called-a-setting-like-this-one-yet=1", &cfg, &err), ADIT_EINVAL);
	for (i = 0; lab_species_key_at(i); i++) {
		const struct lab_species_key *k = lab_species_key_at(i);

		assert_non_null(strstr(err.text, k->name));
		assert_true(strlen(k->values) > 0 && strlen(k->what) > 5);
	}
	assert_true(i > 40);
}

static void addresses_that_do_not_fit_are_refused(void **state)
{
	static const uint8_t six[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 1};
	struct lab_species_error err;
	struct lab_site site = rig_site(1, 1);
	struct lab_nat *n = NULL;

	(void)state;
	assert_int_equal(lab_species_make("nat64", &site, &n, &err), ADIT_EINVAL);
	assert_non_null(strstr(err.text, "NAT64"));
	site.wan_count = 0;
	assert_int_equal(lab_species_make("home", &site, &n, &err), ADIT_EINVAL);
	site.wan_count = 99;
	assert_int_equal(lab_species_make("home", &site, &n, &err), ADIT_EINVAL);
	site = rig_site(2, 1);
	site.wan[1] = site.wan[0];
	assert_int_equal(lab_species_make("home", &site, &n, &err), ADIT_EINVAL);
	site.wan[1] = adit_addr_v6(six, 0);
	assert_int_equal(lab_species_make("home", &site, &n, &err), ADIT_EINVAL);
	site = rig_site(1, 1);
	site.lan = adit_addr_v6(six, 0);
	assert_int_equal(lab_species_make("home", &site, &n, &err), ADIT_EINVAL);
	assert_null(n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_species_has_what_a_list_shows_and_passes_what_it_may),
		cmocka_unit_test(a_species_is_what_its_name_says),
		cmocka_unit_test(settings_come_after_the_species_and_the_last_one_wins),
		cmocka_unit_test(linux_has_settings_of_its_own),
		cmocka_unit_test(a_wrong_text_is_told_what_would_be_right),
		cmocka_unit_test(the_lists_in_error_texts_are_whole),
		cmocka_unit_test(addresses_that_do_not_fit_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
